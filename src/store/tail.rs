//! The records of the shelf that is not full yet: they are asked here, until they stand in sled. What is kept
//! is what will be written, so that both are read alike.
use super::key::{self, BLOCK, SHELF};
use crate::model::{Body, ItemKey, Position, Record, What, wire};
use std::collections::BTreeMap;
use std::ops::RangeBounds;

/// A key and its value.
pub(super) type Put = (Vec<u8>, Vec<u8>);

/// Bytes before a body: its length.
const LEN: usize = size_of::<u32>();

/// What was applied after the last shelf in sled.
#[derive(Debug)]
pub(super) struct Tail {
    /// The last record in sled; all before it are there too.
    pub(super) filed: Position,
    /// The bodies, each after its length.
    plain: Vec<u8>,
    /// Where in them each record begins.
    begins: Vec<usize>,
    /// What will stand in sled beside the bodies.
    pub(super) keys: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Tail {
    /// Empty, after the last record in sled.
    pub(super) fn after(filed: Position) -> Self {
        Self { filed, plain: Vec::new(), begins: Vec::new(), keys: BTreeMap::new() }
    }

    /// The last record that is known, here or in sled.
    pub(super) fn last(&self) -> Position {
        Position(self.filed.0 + self.begins.len() as u64)
    }

    /// Whether the shelf can be written.
    pub(super) fn is_full(&self) -> bool {
        (self.last().0 + 1).is_multiple_of(SHELF) && !self.begins.is_empty()
    }

    /// Takes the record after the last; `concerned` are the items whose own it is.
    pub(super) fn push(&mut self, record: &Record, concerned: &[&ItemKey]) {
        let position = self.last().next();
        self.put(record);
        let first = key::first_of(SHELF, position);
        if let Body::Trace(event) = &record.body {
            for item in event.items() {
                self.keys.entry(key::in_shelf(key::item(item), first)).or_default();
            }
            if let What::Identify { item, alias, real: _ } = &event.what {
                let key = key::alias(&alias.code, &alias.kind, event.time.at, position);
                self.keys.insert(key, item.to_string().into_bytes());
            }
        }
        let offset = u16::try_from(position.0 - first).expect("a shelf is below 2^16 positions");
        let offset = offset.to_le_bytes();
        for item in concerned {
            let steps = self.keys.entry(key::in_shelf(key::item(item), first)).or_default();
            // An event may name an item twice.
            if !steps.ends_with(&offset) {
                steps.extend_from_slice(&offset);
            }
        }
    }

    fn put(&mut self, record: &Record) {
        let begin = self.plain.len();
        self.begins.push(begin);
        self.plain.extend_from_slice(&[0; LEN]);
        wire::encode_into(record, &mut self.plain);
        let len = self.plain.len() - begin - LEN;
        let len = u32::try_from(len).expect("a body is below BODY_LEN_MAX").to_le_bytes();
        if let Some(place) = self.plain.get_mut(begin..begin + LEN) {
            place.copy_from_slice(&len);
        }
    }

    /// The bytes of the record at an index, its length before it.
    fn begin(&self, index: usize) -> usize {
        self.begins.get(index).copied().unwrap_or(self.plain.len())
    }

    /// The body of a record that is here.
    pub(super) fn body(&self, position: Position) -> Option<&[u8]> {
        let index = position.0.checked_sub(self.filed.0)?.checked_sub(1)?;
        let index = usize::try_from(index).ok().filter(|index| *index < self.begins.len())?;
        self.plain.get(self.begin(index) + LEN..self.begin(index + 1))
    }

    /// The blocks that are here: first position, and the bodies, each after its length.
    pub(super) fn blocks(&self) -> Vec<(u64, &[u8])> {
        let positions: Vec<u64> = (self.filed.0 + 1..=self.last().0).collect();
        let mut index = 0;
        let block = |positions: &[u64]| {
            let first = positions.first().map_or(0, |at| key::first_of(BLOCK, Position(*at)));
            let begin = index;
            index += positions.len();
            (first, self.plain.get(self.begin(begin)..self.begin(index)).unwrap_or_default())
        };
        positions.chunk_by(|a, b| a / BLOCK == b / BLOCK).map(block).collect()
    }

    /// What is here of some keys.
    pub(super) fn within(&self, keys: impl RangeBounds<Vec<u8>>) -> Vec<Put> {
        let here = self.keys.range(keys);
        here.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}
