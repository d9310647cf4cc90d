//! Who is at a station: at each of its positions one unit at most.
use crate::model::{ItemKey, Making, Position, Text, Utc};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// Positions remembered at a station: more than a table has nests.
const POSITIONS_MAX: usize = 256;

/// An item at a station.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Present {
    /// Which.
    #[n(0)]
    pub item: ItemKey,
    /// Since when, by our wall clock.
    #[n(1)]
    pub since: Utc,
    /// Since when, by the source's clock.
    #[n(2)]
    pub began: Utc,
    /// The record that said so first.
    #[n(3)]
    pub position: Position,
    /// Which product it is, and by which recipe it is worked on, as far as that was said since.
    #[n(4)]
    #[cbor(default, skip_if = "Making::is_unknown")]
    pub making: Making,
}

/// What is known of one position.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
struct Place {
    /// The unit last presented.
    #[n(0)]
    current: Option<ItemKey>,
    /// The item that is worked on.
    #[n(1)]
    present: Option<Present>,
    /// The last record about it.
    #[n(2)]
    told: Position,
}

/// The positions of a station; one without a name where it has only one.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(transparent)]
pub struct Places(#[n(0)] BTreeMap<Option<Text>, Place>);

impl Places {
    /// The unit last presented at a position, whatever it was answered.
    pub fn current(&self, nest: Option<&Text>) -> Option<&ItemKey> {
        self.0.get(&nest.cloned())?.current.as_ref()
    }

    /// How long an item has been here, if it is.
    pub fn present(&self, item: &ItemKey) -> Option<&Present> {
        self.0.values().filter_map(|place| place.present.as_ref()).find(|p| p.item == *item)
    }

    /// Every item at it, or last presented.
    pub(super) fn items(&self) -> impl Iterator<Item = &ItemKey> {
        self.0.values().flat_map(|place| {
            place.current.iter().chain(place.present.as_ref().map(|present| &present.item))
        })
    }

    /// Whether nobody is at the position that an event about an item speaks of.
    pub(super) fn is_free(&self, nest: Option<&Text>, item: &ItemKey) -> bool {
        self.0.get(&self.of(nest, item)).is_none_or(|place| place.present.is_none())
    }

    /// The source's time since which somebody has been here without a break.
    pub(super) fn oldest(&self) -> Option<Utc> {
        self.0.values().filter_map(|place| Some(place.present.as_ref()?.began)).min()
    }

    /// A unit is presented.
    pub(super) fn arrive(&mut self, nest: Option<&Text>, present: Present) {
        let (item, position) = (present.item.clone(), present.position);
        // It may have been moved from one position to another.
        let there = self.of(None, &item).filter(|there| Some(there) != nest);
        let moved = there.and_then(|there| self.0.remove(&Some(there))?.present);
        let moved = moved.map(|moved| Present { making: present.making.clone(), ..moved });
        let place = self.at(nest.cloned(), position);
        place.enter(moved.unwrap_or(present));
        place.current = Some(item);
    }

    /// An item is worked on.
    pub(super) fn enter(&mut self, nest: Option<&Text>, present: Present) {
        let key = self.of(nest, &present.item);
        self.at(key, present.position).enter(present);
    }

    /// Whoever was where an item leaves is not there any more: true unless that was another.
    pub(super) fn leave(&mut self, nest: Option<&Text>, item: &ItemKey) -> bool {
        let left = self.0.remove(&self.of(nest, item)).and_then(|place| place.present);
        // Where it was last seen it is not either.
        if self.present(item).is_some() {
            self.0.remove(&self.of(None, item));
        }
        left.is_none_or(|present| present.item == *item)
    }

    /// A unit is not the current one any more, wherever it was.
    pub(super) fn take_away(&mut self, item: &ItemKey) {
        for place in self.0.values_mut().filter(|place| place.current.as_ref() == Some(item)) {
            place.current = None;
        }
    }

    /// Somebody may have been presented unseen.
    pub(super) fn forget_current(&mut self) {
        self.0.values_mut().for_each(|place| place.current = None);
    }

    /// Who is here is not known.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// An item has its real code from now on.
    pub(super) fn rename(&mut self, from: &ItemKey, to: &ItemKey) {
        for place in self.0.values_mut() {
            let present = place.present.as_mut().map(|present| &mut present.item);
            place.current.iter_mut().chain(present).filter(|item| *item == from).for_each(|item| {
                item.clone_from(to);
            });
        }
    }

    /// The position that an event speaks of: the one that it names, else where the item is.
    fn of(&self, nest: Option<&Text>, item: &ItemKey) -> Option<Text> {
        let is_there = |place: &Place| place.present.as_ref().is_some_and(|p| p.item == *item);
        let there =
            || self.0.iter().find(|(_, place)| is_there(place)).and_then(|(n, _)| n.clone());
        nest.cloned().or_else(there)
    }

    fn at(&mut self, nest: Option<Text>, told: Position) -> &mut Place {
        if self.0.len() >= POSITIONS_MAX && !self.0.contains_key(&nest) {
            let oldest = self.0.iter().min_by_key(|(_, place)| place.told).map(|(n, _)| n.clone());
            oldest.and_then(|oldest| self.0.remove(&oldest));
        }
        let place = self.0.entry(nest).or_default();
        place.told = told;
        place
    }
}

impl Place {
    /// The same once more changes nothing of when it came.
    fn enter(&mut self, present: Present) {
        match &mut self.present {
            Some(here) if here.item == present.item => here.making = present.making,
            here => *here = Some(present),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Code;

    fn unit(code: &str) -> ItemKey {
        ItemKey::unit(Code::parse(code).unwrap())
    }

    fn present(code: &str, at: u32) -> Present {
        let (began, position) = (Utc(at.into()), Position(at.into()));
        Present { item: unit(code), since: began, began, position, making: Making::default() }
    }

    #[test]
    fn each_position_has_its_own_unit() {
        let nest = |n: &str| Text::parse(n).unwrap();
        let mut places = Places::default();
        places.arrive(Some(&nest("1")), present("A", 1));
        places.arrive(Some(&nest("2")), present("B", 2));
        assert_eq!(places.current(Some(&nest("1"))), Some(&unit("A")));
        assert_eq!(places.current(None), None);
        assert_eq!(places.oldest(), Some(Utc(1)));
        // Told without its position, it leaves from where it is.
        assert!(places.leave(None, &unit("A")));
        assert_eq!(places.current(Some(&nest("1"))), None);
        assert_eq!(places.current(Some(&nest("2"))), Some(&unit("B")));
        // Another that leaves from there is not who was there, and who was there is gone all the same.
        assert!(!places.leave(Some(&nest("2")), &unit("C")));
        assert_eq!(places.current(Some(&nest("2"))), None);
    }

    #[test]
    fn positions_that_nobody_has_do_not_add_up() {
        let mut places = Places::default();
        for at in 0..2000 {
            let nest = Text::parse(&format!("N{at}")).unwrap();
            places.arrive(Some(&nest), present(&format!("U{at}"), at));
        }
        assert_eq!(places.0.len(), POSITIONS_MAX);
        assert!(places.present(&unit("U1999")).is_some() && places.present(&unit("U0")).is_none());
    }
}
