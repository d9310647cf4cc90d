//! Applying records: to memory one by one, to sled a shelf at a time.
use super::block::Packer;
use super::key::{self, SHELF};
use super::tail::{Put, Tail};
use super::{Store, StoreError, subjects};
use crate::model::{Body, ItemKey, Position, Record, TraceEvent, What};
use std::borrow::Cow;
use std::sync::atomic::Ordering;

/// Keys in one batch: sled's memory grows with the square of more.
const BATCH_KEYS_MAX: usize = 256;
/// A batch that holds more bytes is written.
const BATCH_BYTES: usize = 1 << 20;
/// Records between two syncs: what is brought again after a crash.
const SYNC_EVERY: u64 = 8 * SHELF;

/// What only the writer knows.
#[derive(Debug)]
pub(super) struct Writer {
    packer: Packer,
    pub(super) synced: Position,
}

impl Writer {
    pub(super) fn new(synced: Position) -> Self {
        Self { packer: Packer::default(), synced }
    }
}

impl Store {
    /// Takes records in the order of their positions. Those that are here already are passed over;
    /// after a crash the same records are taken again and give the same keys and values.
    ///
    /// # Errors
    /// If a record is missing before one of them, or if the index is damaged or cannot be written.
    pub fn apply(&self, records: &[(Position, Record)]) -> Result<(), StoreError> {
        let mut writer = self.writer.lock();
        // A shelf that could not be written before is written first.
        self.file_full(&mut writer)?;
        let known = records.partition_point(|(position, _)| *position <= self.applied());
        for (position, record) in records.get(known..).unwrap_or_default() {
            if *position != self.applied().next() {
                return Err(StoreError::Hole { applied: self.applied(), found: *position });
            }
            let concerned = self.concerned(record)?;
            let concerned: Vec<&ItemKey> =
                concerned.iter().flat_map(|event| subjects(event)).collect();
            self.tail.write().push(record, &concerned);
            self.applied.store(position.0, Ordering::Release);
            self.file_full(&mut writer)?;
        }
        Ok(())
    }

    /// The event whose items' own history a record belongs to: for a correction, that of the record that it
    /// names.
    fn concerned<'a>(&self, record: &'a Record) -> Result<Option<Cow<'a, TraceEvent>>, StoreError> {
        let Body::Trace(event) = &record.body else { return Ok(None) };
        let What::Correct { position: loser, .. } = event.what else {
            return Ok(Some(Cow::Borrowed(event)));
        };
        if loser >= record.position {
            return Ok(None);
        }
        Ok(match self.record(loser)?.map(|record| record.body) {
            Some(Body::Trace(event)) => Some(Cow::Owned(event)),
            _ => None,
        })
    }

    /// Writes the shelf if it is full. Readers have it from memory until it is in sled.
    fn file_full(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let tail = self.tail.read();
        if !tail.is_full() {
            return Ok(());
        }
        let (puts, last) = (puts(writer, &tail)?, tail.last());
        drop(tail);
        self.write(puts, last)?;
        *self.tail.write() = Tail::after(last);
        if last.0.saturating_sub(writer.synced.0) >= SYNC_EVERY {
            self.sync_locked(writer)?;
        }
        Ok(())
    }

    /// Writes in small batches, how far they go in the last of them.
    fn write(&self, puts: Vec<Put>, filed: Position) -> Result<(), StoreError> {
        let (mut batch, mut keys, mut bytes) = (sled::Batch::default(), 0, 0);
        for (key, value) in puts {
            if keys + 1 >= BATCH_KEYS_MAX || bytes >= BATCH_BYTES {
                self.ask(|db| db.apply_batch(std::mem::take(&mut batch)))?;
                (keys, bytes) = (0, 0);
            }
            keys += 1;
            bytes += key.len() + value.len();
            batch.insert(key, value);
        }
        batch.insert(key::META_APPLIED, &filed.0.to_be_bytes());
        self.ask(|db| db.apply_batch(batch))
    }
}

/// All that a shelf comes to, in the order of the keys.
fn puts(writer: &mut Writer, tail: &Tail) -> Result<Vec<Put>, StoreError> {
    let mut puts = tail.within(..);
    for (first, plain) in tail.blocks() {
        puts.extend(writer.packer.pack(first, plain)?);
    }
    Ok(puts)
}
