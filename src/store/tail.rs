//! The records of the shelf that is not full yet: they are asked here, until they stand in sled.
use super::CodeHit;
use super::key::SHELF;
use crate::model::{Body, Code, ItemKey, Position, Record, What, wire};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// What was applied after the last shelf in sled.
#[derive(Debug)]
pub(super) struct Tail {
    /// The last record in sled; all before it are there too.
    pub(super) filed: Position,
    bodies: Vec<Vec<u8>>,
    /// The positions of each item's own events, in order.
    pub(super) steps: BTreeMap<ItemKey, Vec<Position>>,
    /// By own code: the items that were named, in the order of their first naming.
    pub(super) named: BTreeMap<Code, Vec<ItemKey>>,
    /// By alias: what has it from then on, in the order of the records.
    pub(super) aliases: BTreeMap<Code, Vec<CodeHit>>,
    seen: BTreeSet<ItemKey>,
}

impl Tail {
    /// Empty, after the last record in sled.
    pub(super) fn after(filed: Position) -> Self {
        Self {
            filed,
            bodies: Vec::new(),
            steps: BTreeMap::new(),
            named: BTreeMap::new(),
            aliases: BTreeMap::new(),
            seen: BTreeSet::new(),
        }
    }

    /// The last record that is known, here or in sled.
    pub(super) fn last(&self) -> Position {
        Position(self.filed.0 + self.bodies.len() as u64)
    }

    /// Whether the shelf can be written.
    pub(super) fn is_full(&self) -> bool {
        (self.last().0 + 1).is_multiple_of(SHELF) && !self.bodies.is_empty()
    }

    /// Takes the record after the last; `concerned` are the items whose own it is.
    pub(super) fn push(&mut self, record: &Record, concerned: Vec<ItemKey>) {
        let position = self.last().next();
        self.bodies.push(wire::encode(record));
        if let Body::Trace(event) = &record.body {
            event.items().into_iter().for_each(|item| self.name(item));
            if let What::Identify { item, alias, real: _ } = &event.what {
                let alias_of = (alias.kind.clone(), event.time.at, position);
                let hit = CodeHit { item: item.clone(), alias: Some(alias_of) };
                self.aliases.entry(alias.code.clone()).or_default().push(hit);
            }
        }
        for item in concerned {
            self.name(&item);
            let steps = self.steps.entry(item).or_default();
            // An event may name an item twice.
            if steps.last() != Some(&position) {
                steps.push(position);
            }
        }
    }

    fn name(&mut self, item: &ItemKey) {
        if self.seen.insert(item.clone()) {
            self.named.entry(item.code.clone()).or_default().push(item.clone());
        }
    }

    /// The body of a record that is here.
    pub(super) fn body(&self, position: Position) -> Option<&[u8]> {
        let index = position.0.checked_sub(self.filed.0)?.checked_sub(1)?;
        self.bodies.get(usize::try_from(index).ok()?).map(Vec::as_slice)
    }

    /// The records that are here.
    pub(super) fn bodies(&self) -> impl Iterator<Item = (Position, &[u8])> {
        let positions = (self.filed.0 + 1..).map(Position);
        positions.zip(self.bodies.iter().map(Vec::as_slice))
    }

    /// The positions of an item's own events that are here, within a range.
    pub(super) fn positions(
        &self,
        item: &ItemKey,
        range: &RangeInclusive<Position>,
    ) -> Vec<Position> {
        let all = self.steps.get(item).into_iter().flatten().copied();
        all.filter(|position| range.contains(position)).collect()
    }

    /// What a code leads to by the records that are here: first by own codes, then by aliases.
    pub(super) fn codes(&self, code: &Code) -> Vec<CodeHit> {
        let own = self.named.get(code).into_iter().flatten();
        let own = own.map(|item| CodeHit { item: item.clone(), alias: None });
        own.chain(self.aliases.get(code).into_iter().flatten().cloned()).collect()
    }
}
