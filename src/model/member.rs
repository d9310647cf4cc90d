//! Items beside the main one that an event names: what it consists of, and what was left over in it.
use super::{ItemKey, TraceEvent};
use minicbor::{Decode, Encode};

/// One of the items that an item consists of.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Member {
    /// Which.
    #[n(0)]
    pub item: ItemKey,
    /// Its place, counted from 1 in the order in which the machine names them; a place may be empty.
    #[n(1)]
    pub place: u32,
}

/// What was left in a station of a lot before, and went on into the next: how much nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct CarriedOver {
    /// That lot.
    #[n(0)]
    pub lot: ItemKey,
    /// Whether all was observed since it was last told of; else a clean may have been missed.
    #[n(1)]
    pub observed: bool,
}

impl TraceEvent {
    /// Every item that the event is about, the main one first: those of [`super::What::items`], then the
    /// members that it names beside them.
    pub fn items(&self) -> Vec<&ItemKey> {
        let mut items = self.what.items();
        for Member { item, place: _ } in &self.members {
            if !items.contains(&item) {
                items.push(item);
            }
        }
        items
    }
}
