//! Reading: bodies, an item's own events, codes.
use super::block::Unpack;
use super::key::{self, BLOCK, CodeKey, SHELF};
use super::tail::Tail;
use super::{Store, StoreError};
use crate::model::{Body, Code, ItemKey, Position, Record, Text, Utc, What, wire};
use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::str::from_utf8;

/// An item that a code leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CodeHit {
    /// If the code is an alias: its kind, from when on, and the record that says so.
    pub alias: Option<(Text, Utc, Position)>,
    /// Which.
    pub item: ItemKey,
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
        let around =
            |position: &Position| key::in_shelf(key::item(item), key::first_of(SHELF, *position));
        let keys = around(range.start())..=around(range.end());
        let (filed, late) = self.late(|tail| tail.within(keys.clone()));
        let shelves = self.ask(|db| db.range(keys).collect::<sled::Result<Vec<_>>>())?;
        let damaged = || StoreError::Damaged(format!("the events of {item} cannot be read"));
        let mut found = Vec::new();
        for (key, packed) in &shelves {
            let steps = steps(key, packed).ok_or_else(damaged)?;
            // What stands there of a shelf that is in memory is of a former life.
            found.extend(steps.filter(|position| *position <= filed));
        }
        for (key, packed) in &late {
            found.extend(steps(key, packed).ok_or_else(damaged)?);
        }
        found.retain(|position| range.contains(position));
        Ok(found)
    }

    /// Every item that has the code as its own or was ever given it as an alias: own codes first, by item, then
    /// aliases by kind, time and record.
    ///
    /// # Errors
    /// If the index is damaged or cannot be read.
    pub fn codes(&self, code: &Code) -> Result<Vec<CodeHit>, StoreError> {
        let Range { start: mut from, end } = key::under(code);
        let (filed, late) = self.late(|tail| tail.within(from.clone()..end.clone()));
        let damaged = || StoreError::Damaged(format!("the code `{code}` cannot be read"));
        let mut hits = BTreeSet::new();
        for (key, value) in late {
            hits.insert(hit(code, &key, &value).ok_or_else(damaged)?.0);
        }
        while let Some((key, value)) =
            self.ask(|db| db.range(from..end.clone()).next().transpose())?
        {
            let (hit, whole_at) = hit(code, &key, &value).ok_or_else(damaged)?;
            from = match &hit.alias {
                // The shelves of an item that is used for years are many.
                None => key::in_shelf(key::item(&hit.item), u64::MAX),
                Some(_) => key.to_vec(),
            };
            from.push(0);
            if whole_at > filed {
                continue;
            }
            // What is shown is held against what was recorded: an index that mixes up two items
            // is damaged, not wrong.
            let recorded = match &hit.alias {
                None => true,
                Some((_, _, position)) => self.gives_alias(*position, &hit.item, code)?,
            };
            hits.insert(if recorded { hit } else { return Err(damaged()) });
        }
        Ok(hits.into_iter().collect())
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

/// What happened to an item in one shelf, by its key and value.
fn steps(key: &[u8], packed: &[u8]) -> Option<impl Iterator<Item = Position>> {
    let (offsets, rest) = packed.as_chunks::<2>();
    let shelf = key::shelf_of(key).filter(|_| rest.is_empty())?;
    Some(
        offsets
            .iter()
            .map(move |two| Position(shelf.saturating_add(u16::from_le_bytes(*two).into()))),
    )
}

/// What one key of a code leads to, and the record with which it is all there.
fn hit(code: &Code, key: &[u8], value: &[u8]) -> Option<(CodeHit, Position)> {
    let key = key::read_code(code, key)?;
    let whole_at = key.whole_at();
    let hit = match key {
        CodeKey::Own(item, _) => CodeHit { item, alias: None },
        CodeKey::Alias(kind, time, position) => {
            let item = from_utf8(value).ok()?.parse().ok()?;
            CodeHit { item, alias: Some((kind, time, position)) }
        }
    };
    Some((hit, whole_at))
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
