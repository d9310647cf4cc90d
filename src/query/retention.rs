//! What tombstones say is told no more.
use crate::genealogy::NodeId;
use crate::model::{Interval, Position, Tombstone, Utc};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// Where answers have less to say than they had.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(map)]
pub(super) struct Retained {
    /// Items that are still named, and the last tombstone of theirs.
    #[n(0)]
    items: BTreeMap<NodeId, Position>,
    /// By the tombstone: from when to when was what it drops.
    #[n(1)]
    times: BTreeMap<Position, (Utc, Utc)>,
    /// By the first record of a segment: how many of it are told no more.
    #[n(2)]
    dropped: BTreeMap<Position, u64>,
    /// By the first record of a segment: its last one, and the last tombstone of it.
    #[n(3)]
    segments: BTreeMap<Position, (Position, Position)>,
}

impl Retained {
    /// Takes a tombstone in; `items` are those that it names.
    pub(super) fn take(
        &mut self,
        position: Position,
        stone: &Tombstone,
        items: impl IntoIterator<Item = NodeId>,
    ) {
        self.items.extend(items.into_iter().map(|node| (node, position)));
        if let (Some(earliest), Some(latest)) = (stone.earliest, stone.latest) {
            self.times.insert(position, (earliest, latest));
        }
        // A segment that is thinned again has a tombstone that counts all of it.
        self.dropped.insert(stone.first, stone.dropped);
        self.segments.insert(stone.first, (stone.last, position));
    }

    /// The tombstone of the segment that a record is in, whether it is told of or not.
    pub(super) fn over(&self, record: Position) -> Option<Position> {
        let (_, (last, stone)) = self.segments.range(..=record).next_back()?;
        (record <= *last).then_some(*stone)
    }

    /// The tombstone since which less is told of an item.
    pub(super) fn of(&self, node: NodeId) -> Option<Position> {
        self.items.get(&node).copied()
    }

    /// The tombstones of what was within a time.
    pub(super) fn within(&self, interval: Interval) -> impl Iterator<Item = Position> {
        // What was at the very end of the one and the begin of the other was in both.
        let meets = move |(from, to): (Utc, Utc)| {
            interval.from <= to && interval.to.is_none_or(|end| from <= end)
        };
        self.times.iter().filter(move |(_, times)| meets(**times)).map(|(stone, _)| *stone)
    }

    /// Whether anything was dropped after a record.
    pub(super) fn dropped_since(&self, record: Position) -> bool {
        let stones = self.items.values().chain(self.times.keys());
        stones.copied().any(|stone| stone > record)
    }

    /// Records that are told no more.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.values().sum()
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.items.keys().copied()
    }
}
