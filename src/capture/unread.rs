//! Units whose code could not be read and that wait for it.
use crate::model::{ItemKey, Position, Record, Scope, TraceEvent, What};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// Units that wait at once; beyond, the one that waits longest is given up.
const WAITING_MAX: usize = 4096;
/// Passages that are remembered to have a code: more than requests can be under way at once.
const NAMED_MAX: usize = 256;

/// The units that wait for their code, with the first record of each; from records alone.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Unread {
    #[n(0)]
    waiting: BTreeMap<ItemKey, Position>,
    /// Those that got theirs last, with the record: what was asked of one before and is recorded after
    /// is of a unit that has a code.
    #[n(1)]
    named: BTreeMap<ItemKey, Position>,
}

impl Unread {
    /// Whether an item waits for its code.
    pub fn waits(&self, item: &ItemKey) -> bool {
        self.waiting.contains_key(item)
    }

    /// Those that wait, and those that got their code last.
    pub(super) fn items(&self) -> impl Iterator<Item = &ItemKey> {
        self.waiting.keys().chain(self.named.keys())
    }

    pub(super) fn apply(&mut self, record: &Record, event: &TraceEvent) {
        if let What::Identify { item, real: Some(_), .. } = &event.what {
            self.waiting.remove(item);
            self.named.insert(item.clone(), record.position);
            forget_oldest(&mut self.named, NAMED_MAX);
            return;
        }
        let main = event.what.items().first().copied();
        for item in main.into_iter().chain(event.members.iter().map(|member| &member.item)) {
            if is_passage(item) && !self.waits(item) && !self.named.contains_key(item) {
                self.waiting.insert(item.clone(), record.position);
                forget_oldest(&mut self.waiting, WAITING_MAX);
            }
        }
    }
}

fn forget_oldest(items: &mut BTreeMap<ItemKey, Position>, max: usize) {
    if items.len() > max
        && let Some((oldest, _)) = items.iter().min_by_key(|(_, position)| **position)
    {
        let oldest = oldest.clone();
        items.remove(&oldest);
    }
}

/// A unit that is known by its passage only; not an amount that was counted without a code.
fn is_passage(item: &ItemKey) -> bool {
    item.scope == Scope::Provisional && item.class == crate::model::ItemClass::Unit
}
