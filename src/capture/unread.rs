//! Units whose code could not be read and that wait for it.
use crate::model::{ItemKey, Position, Record, Scope, TraceEvent, What};
use std::collections::BTreeMap;

/// Units that wait at once; beyond, the one that waits longest is given up.
const WAITING_MAX: usize = 4096;

/// The units that wait for their code, with the first record of each; from records alone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unread(BTreeMap<ItemKey, Position>);

impl Unread {
    /// Whether an item waits for its code.
    pub fn waits(&self, item: &ItemKey) -> bool {
        self.0.contains_key(item)
    }

    pub(super) fn apply(&mut self, record: &Record, event: &TraceEvent) {
        if let What::Identify { item, real: Some(_), .. } = &event.what {
            self.0.remove(item);
            return;
        }
        let main = event.what.items().first().copied();
        if let Some(item) = main.filter(|item| is_passage(item) && !self.waits(item)) {
            self.0.insert(item.clone(), record.position);
            if self.0.len() > WAITING_MAX
                && let Some((longest, _)) = self.0.iter().min_by_key(|(_, position)| **position)
            {
                let longest = longest.clone();
                self.0.remove(&longest);
            }
        }
    }
}

/// A unit that is known by its passage only; not an amount that was counted without a code.
fn is_passage(item: &ItemKey) -> bool {
    item.scope == Scope::Provisional && item.class == crate::model::ItemClass::Unit
}
