//! Reading: bodies, an item's own events, codes.
use super::block::Unpack;
use super::key::{self, BLOCK, CodeKey, ItemNumber, SHELF};
use super::tail::Tail;
use super::{Store, StoreError};
use crate::model::{Body, Code, ItemKey, Position, Record, Text, Utc, What, wire};
use std::ops::RangeInclusive;

/// An item that a code leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeHit {
    /// Which.
    pub item: ItemKey,
    /// If the code is an alias: its kind, from when on, and the record that says so.
    pub alias: Option<(Text, Utc, Position)>,
}

impl Store {
    /// One record; `None` if it is not here.
    ///
    /// # Errors
    /// If the index is damaged or cannot be read.
    pub fn record(&self, position: Position) -> Result<Option<Record>, StoreError> {
        self.body(position)?.map(|bytes| decode(position, &bytes)).transpose()
    }

    /// The records after `after` up to `last`, oldest first, at most `count_max`.
    ///
    /// # Errors
    /// If the index is damaged, a record is missing, or it cannot be read.
    pub fn records(
        &self,
        after: Position,
        last: Position,
        count_max: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let last = last.min(self.applied());
        let mut reading: Option<(u64, Unpack<'_>)> = None;
        (after.0.saturating_add(1)..=last.0)
            .take(count_max)
            .map(|at| {
                let position = Position(at);
                if let Some(body) = self.tail.read().body(position) {
                    return decode(position, body);
                }
                let mut unpack = match reading.take() {
                    Some((next, unpack)) if next == at && !at.is_multiple_of(BLOCK) => unpack,
                    _ => self.unpack_to(position)?,
                };
                let body = unpack.next()?;
                reading = Some((at.saturating_add(1), unpack));
                decode(position, &body)
            })
            .collect()
    }

    /// Whether the record is here byte for byte.
    ///
    /// # Errors
    /// If the index is damaged or cannot be read.
    pub fn holds(&self, record: &Record) -> Result<bool, StoreError> {
        Ok(self.body(record.position)?.is_some_and(|body| body == wire::encode(record)))
    }

    /// The positions of an item's own events (see [`super::subjects`]) and of the corrections of
    /// them, in order, within the range.
    ///
    /// # Errors
    /// If the index is damaged or cannot be read.
    pub fn positions(
        &self,
        item: &ItemKey,
        range: RangeInclusive<Position>,
    ) -> Result<Vec<Position>, StoreError> {
        let (last, late) = self.late(|tail| tail.positions(item, &range));
        let Some(number) = self.number_of(&item.to_string())? else { return Ok(late) };
        let key_of = |position: &Position| key::postings(number, key::first_of(SHELF, *position));
        let keys = key_of(range.start())..=key_of(range.end());
        let shelves = self.ask(|db| db.range(keys).collect::<sled::Result<Vec<_>>>())?;
        let mut found = Vec::new();
        for (key, packed) in shelves {
            let (offsets, rest) = packed.as_chunks::<2>();
            let Some(first) = key::shelf_of(&key).filter(|_| rest.is_empty()) else {
                return Err(StoreError::Damaged(format!("the postings of {item} cannot be read")));
            };
            let at = |two: &[u8; 2]| Position(first + u64::from(u16::from_le_bytes(*two)));
            let here = |position: &Position| *position <= last && range.contains(position);
            found.extend(offsets.iter().map(at).filter(here));
        }
        found.extend(late);
        Ok(found)
    }

    /// Every item that has the code as its own or was ever given it as an alias.
    ///
    /// # Errors
    /// If the index is damaged or cannot be read.
    pub fn codes(&self, code: &Code) -> Result<Vec<CodeHit>, StoreError> {
        let (last, late) = self.late(|tail| tail.codes(code));
        let prefix = key::code(code);
        let found = self.ask(|db| db.scan_prefix(&prefix).collect::<sled::Result<Vec<_>>>())?;
        let mut hits = Vec::new();
        for (key, value) in found {
            let damaged = || StoreError::Damaged(format!("the code `{code}` cannot be read"));
            let rest = key.get(prefix.len()..).and_then(key::read_code).ok_or_else(damaged)?;
            let (number, alias) = match rest {
                CodeKey::Own(number) => (number, None),
                CodeKey::Alias(_, _, position) if position > last => continue,
                CodeKey::Alias(kind, time, position) => {
                    let number = value.as_ref().try_into().map_err(|_| damaged())?;
                    (u64::from_be_bytes(number), Some((kind, time, position)))
                }
            };
            let item = self.item(number)?;
            // What is shown is held against what was recorded: an index that mixes up two items
            // is damaged, not wrong.
            let recorded = match &alias {
                None => item.code == *code,
                Some((_, _, position)) => self.gives_alias(*position, &item, code)?,
            };
            hits.push(if recorded { CodeHit { item, alias } } else { return Err(damaged()) });
        }
        for hit in late {
            if !hits.contains(&hit) {
                hits.push(hit);
            }
        }
        // Own codes first, as they were given; then aliases by kind and time.
        hits.sort_by(|a, b| a.alias.cmp(&b.alias));
        Ok(hits)
    }

    /// Whether a record gives an item an alias.
    fn gives_alias(
        &self,
        position: Position,
        item: &ItemKey,
        code: &Code,
    ) -> Result<bool, StoreError> {
        let Some(Record { body: Body::Trace(event), .. }) = self.record(position)? else {
            return Ok(false);
        };
        let What::Identify { item: named, alias, real: _ } = event.what else { return Ok(false) };
        Ok(named == *item && alias.code == *code)
    }

    pub(super) fn number_of(&self, text: &str) -> Result<Option<ItemNumber>, StoreError> {
        let value = self.ask(|db| db.get(key::text(text)))?;
        let number = |value: sled::IVec| {
            let damaged = |_| StoreError::Damaged(format!("the number of {text} cannot be read"));
            value.as_ref().try_into().map(u64::from_be_bytes).map_err(damaged)
        };
        value.map(number).transpose()
    }

    fn item(&self, number: ItemNumber) -> Result<ItemKey, StoreError> {
        let text = self.ask(|db| db.get(key::number(number)))?;
        let text = text.as_deref().and_then(|text| std::str::from_utf8(text).ok());
        text.and_then(|text| text.parse().ok())
            .ok_or_else(|| StoreError::Damaged(format!("item number {number} has no name")))
    }

    fn body(&self, position: Position) -> Result<Option<Vec<u8>>, StoreError> {
        if position == Position(0) || position > self.applied() {
            return Ok(None);
        }
        let (_, late) = self.late(|tail| tail.body(position).map(<[u8]>::to_vec));
        match late {
            Some(body) => Ok(Some(body)),
            None => self.unpack_to(position)?.next().map(Some),
        }
    }

    /// What is not in sled yet says, and up to where all is in sled. To be asked before sled is: what
    /// is filed meanwhile is in both, and never in none.
    fn late<T>(&self, ask: impl FnOnce(&Tail) -> T) -> (Position, T) {
        let tail = self.tail.read();
        (tail.filed, ask(&tail))
    }

    /// The block of a record, read up to it.
    fn unpack_to(&self, position: Position) -> Result<Unpack<'_>, StoreError> {
        let mut unpack = Unpack::new(self, key::first_of(BLOCK, position));
        // There is no record 0.
        for _ in key::first_of(BLOCK, position).max(1)..position.0 {
            unpack.next()?;
        }
        Ok(unpack)
    }
}

fn decode(position: Position, bytes: &[u8]) -> Result<Record, StoreError> {
    match wire::decode::<Record>(bytes) {
        Ok(record) if record.position == position => Ok(record),
        Ok(record) => {
            Err(StoreError::Damaged(format!("{} stands where {position} should", record.position)))
        }
        Err(why) => Err(StoreError::Damaged(format!("record {position} cannot be read: {why}"))),
    }
}
