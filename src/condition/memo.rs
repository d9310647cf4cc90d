//! Limits that were worked out before: most monitors of a plant make the same promise after as many values, and a limit takes
//! a millisecond.
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// So many are kept, then they are worked out anew: a plant has few promises, the values that tell the end of learning
/// apart are few as well.
const LIMITS_KEPT_MAX: usize = 4096;

/// What a function gave for what it was asked. It must say the same whenever it is asked the same.
pub(super) struct Memo<K>(Mutex<BTreeMap<K, f64>>);

impl<K: Copy + Ord> Memo<K> {
    /// Knows nothing.
    pub(super) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// What `find` says of `key`, or said before.
    pub(super) fn of(&self, key: K, find: impl FnOnce() -> f64) -> f64 {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(limit) = known().get(&key) {
            return *limit;
        }
        let limit = find();
        let mut known = known();
        if known.len() >= LIMITS_KEPT_MAX {
            known.clear();
        }
        known.insert(key, limit);
        limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn what_was_asked_before_is_not_worked_out_again_and_the_memory_has_an_end() {
        let (memo, asked) = (Memo::new(), Cell::new(0));
        let is_right = |key: u32| {
            let limit = memo.of(key, || {
                asked.set(asked.get() + 1);
                f64::from(key)
            });
            limit.to_bits() == f64::from(key).to_bits()
        };
        assert!([7, 7, 8].into_iter().all(is_right));
        assert_eq!(asked.get(), 2);
        assert!((0..=5000).all(is_right) && (0..=5000).all(is_right));
        assert!(memo.0.lock().unwrap().len() <= LIMITS_KEPT_MAX);
    }
}
