//! Which virtual variables somebody may be subscribed to.
//!
//! The library tells when an item is created, not reliably when it is gone, so a variable that
//! nobody has listened to for a while is forgotten.
use super::place::Place;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// The most variables that are watched at once; the bound of what one round of publishing costs.
const WATCHED_MAX: usize = 100_000;
/// Rounds without a listener after which a variable is forgotten. More than one, since an item is
/// created here before the library knows it.
const ROUNDS_MAX: u8 = 100;

/// The watched variables, each with the number of rounds that nobody listened.
#[derive(Debug, Default)]
pub(super) struct Watched(Mutex<BTreeMap<Place, u8>>);

impl Watched {
    /// Begins to watch; false if there are too many.
    #[must_use = "what is not watched must not be promised"]
    pub(super) fn add(&self, place: Place) -> bool {
        let mut all = self.0.lock();
        let fits = all.len() < WATCHED_MAX || all.contains_key(&place);
        if fits {
            all.insert(place, 0);
        }
        fits
    }

    /// Those watched at present.
    pub(super) fn all(&self) -> Vec<Place> {
        self.0.lock().keys().cloned().collect()
    }

    /// Takes note whether somebody listened to a variable.
    pub(super) fn seen(&self, place: &Place, listened: bool) {
        let mut all = self.0.lock();
        let Some(rounds) = all.get_mut(place) else { return };
        *rounds = if listened { 0 } else { *rounds + 1 };
        if *rounds >= ROUNDS_MAX {
            all.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address_space::place::Object;

    #[test]
    fn a_variable_without_listener_is_forgotten_after_a_while_and_not_at_once() {
        let watched = Watched::default();
        let place = Place::Variable(Object::Ledger, "Position");
        assert!(watched.add(place.clone()));
        watched.seen(&place, false);
        assert_eq!(watched.all(), vec![place.clone()]);
        for _ in 0..ROUNDS_MAX {
            watched.seen(&place, false);
        }
        assert!(watched.all().is_empty());
    }
}
