//! Reading: bodies, an item's own events, codes.
use super::key::{self, BLOCK, CodeKey, ItemNumber};
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
        (after.0.saturating_add(1)..=last.0)
            .take(count_max)
            .map(|at| {
                let missing = || StoreError::Damaged(format!("record #{at} is missing"));
                self.record(Position(at))?.ok_or_else(missing)
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
        let Some(number) = self.number_of(&item.to_string())? else { return Ok(Vec::new()) };
        let key_of = |position: &Position| key::postings(number, position.0 / BLOCK);
        let keys = key_of(range.start())..=key_of(range.end());
        let blocks = self.ask(|db| db.range(keys).collect::<sled::Result<Vec<_>>>())?;
        let mut found = Vec::new();
        for (key, packed) in blocks {
            let (offsets, rest) = packed.as_chunks::<2>();
            let Some(block) = key::block_of(&key).filter(|_| rest.is_empty()) else {
                return Err(StoreError::Damaged(format!("the postings of {item} cannot be read")));
            };
            let at = |two: &[u8; 2]| Position(block * BLOCK + u64::from(u16::from_le_bytes(*two)));
            found.extend(offsets.iter().map(at).filter(|position| range.contains(position)));
        }
        Ok(found)
    }

    /// Every item that has the code as its own or was ever given it as an alias.
    ///
    /// # Errors
    /// If the index is damaged or cannot be read.
    pub fn codes(&self, code: &Code) -> Result<Vec<CodeHit>, StoreError> {
        let prefix = key::code(code);
        let found = self.ask(|db| db.scan_prefix(&prefix).collect::<sled::Result<Vec<_>>>())?;
        found
            .iter()
            .map(|(key, value)| {
                let damaged = || StoreError::Damaged(format!("the code `{code}` cannot be read"));
                let rest = key.get(prefix.len()..).and_then(key::read_code).ok_or_else(damaged)?;
                let (number, alias) = match rest {
                    CodeKey::Own(number) => (number, None),
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
                if recorded { Ok(CodeHit { item, alias }) } else { Err(damaged()) }
            })
            .collect()
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
        let damaged = || StoreError::Damaged(format!("record {position} cannot be read"));
        let Some(first) = self.ask(|db| db.get(key::body(position, 0)))? else { return Ok(None) };
        let (count, bytes) = first.split_first_chunk::<2>().ok_or_else(damaged)?;
        let mut body = bytes.to_vec();
        for part in 1..u16::from_le_bytes(*count) {
            let next = self.ask(|db| db.get(key::body(position, part)))?.ok_or_else(damaged)?;
            body.extend_from_slice(&next);
        }
        Ok(Some(body))
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
