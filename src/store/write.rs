//! Applying records: to memory one by one, to sled a shelf at a time.
use super::block::{self, Put};
use super::key::{self, BLOCK, ItemNumber, SHELF};
use super::tail::Tail;
use super::{Store, StoreError, subjects};
use crate::model::{Body, Code, ItemKey, Position, Record, TraceEvent, What};
use std::collections::BTreeMap;
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
    next_number: ItemNumber,
    pub(super) synced: Position,
}

impl Writer {
    pub(super) fn new(next_number: ItemNumber, synced: Position) -> Self {
        Self { next_number, synced }
    }
}

/// Keys that must not be torn apart.
type Group = Vec<Put>;

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
            self.tail.write().push(record, concerned);
            self.applied.store(position.0, Ordering::Release);
            self.file_full(&mut writer)?;
        }
        Ok(())
    }

    /// The items whose own history a record belongs to. A correction belongs to that of the items of
    /// the record that it names.
    fn concerned(&self, record: &Record) -> Result<Vec<ItemKey>, StoreError> {
        let Body::Trace(event) = &record.body else { return Ok(Vec::new()) };
        let own = |event: &TraceEvent| subjects(event).into_iter().cloned().collect();
        let What::Correct { position: loser, .. } = event.what else { return Ok(own(event)) };
        if loser >= record.position {
            return Ok(Vec::new());
        }
        Ok(match self.record(loser)?.map(|record| record.body) {
            Some(Body::Trace(event)) => own(&event),
            _ => Vec::new(),
        })
    }

    /// Writes the shelf if it is full. Readers have it from memory until it is in sled.
    fn file_full(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let tail = self.tail.read();
        if !tail.is_full() {
            return Ok(());
        }
        let (groups, last) = (self.groups(writer, &tail)?, tail.last());
        drop(tail);
        self.write(groups, last)?;
        *self.tail.write() = Tail::after(last);
        if last.0.saturating_sub(writer.synced.0) >= SYNC_EVERY {
            self.sync_locked(writer)?;
        }
        Ok(())
    }

    /// All that a shelf comes to.
    fn groups(&self, writer: &mut Writer, tail: &Tail) -> Result<Vec<Group>, StoreError> {
        let mut groups = Vec::new();
        let bodies: Vec<_> = tail.bodies().collect();
        for block in bodies.chunk_by(|a, b| a.0.0 / BLOCK == b.0.0 / BLOCK) {
            let first = block.first().map_or(0, |(position, _)| key::first_of(BLOCK, *position));
            let parts = block::pack(first, block.iter().map(|(_, body)| *body))?;
            groups.extend(parts.into_iter().map(|part| vec![part]));
        }
        let mut numbers = BTreeMap::new();
        for item in tail.named.values().flatten() {
            let (number, mut group) = self.number(writer, item)?;
            numbers.insert(item, number);
            if let Some(steps) = tail.steps.get(item) {
                group.push(posting(number, steps));
            }
            groups.push(group);
        }
        for (code, hits) in &tail.aliases {
            for hit in hits {
                let (Some((kind, time, position)), Some(number)) =
                    (&hit.alias, numbers.get(&hit.item))
                else {
                    continue;
                };
                let key = key::alias(code, kind, *time, *position);
                groups.push(vec![(key, number.to_be_bytes().to_vec())]);
            }
        }
        Ok(groups)
    }

    /// The number of an item, and what is to be written if it is given out now: a number and its
    /// first use stand or fall together.
    fn number(
        &self,
        writer: &mut Writer,
        item: &ItemKey,
    ) -> Result<(ItemNumber, Group), StoreError> {
        let text = item.to_string();
        if let Some(number) = self.number_of(&text)? {
            return Ok((number, Group::new()));
        }
        let number = writer.next_number;
        writer.next_number = number.saturating_add(1);
        Ok((number, dictionary_group(number, &text, &item.code)))
    }

    /// Writes groups in small batches, how far they go in the last of them.
    fn write(&self, groups: Vec<Group>, filed: Position) -> Result<(), StoreError> {
        let (mut batch, mut keys, mut bytes) = (sled::Batch::default(), 0, 0);
        for group in groups {
            if keys + group.len() >= BATCH_KEYS_MAX || bytes >= BATCH_BYTES {
                self.ask(|db| db.apply_batch(std::mem::take(&mut batch)))?;
                (keys, bytes) = (0, 0);
            }
            for (key, value) in group {
                keys += 1;
                bytes += key.len() + value.len();
                batch.insert(key, value);
            }
        }
        batch.insert(key::META_APPLIED, &filed.0.to_be_bytes());
        self.ask(|db| db.apply_batch(batch))
    }
}

fn dictionary_group(number: ItemNumber, text: &str, code: &Code) -> Group {
    vec![
        (key::text(text), number.to_be_bytes().to_vec()),
        (key::number(number), text.as_bytes().to_vec()),
        (key::own_code(code, number), Vec::new()),
    ]
}

/// The steps of an item in one shelf.
fn posting(number: ItemNumber, steps: &[Position]) -> Put {
    let shelf = steps.first().map_or(0, |first| key::first_of(SHELF, *first));
    let offset =
        |at: &Position| u16::try_from(at.0 - shelf).expect("a shelf is below 2^16 positions");
    (key::postings(number, shelf), steps.iter().flat_map(|at| offset(at).to_le_bytes()).collect())
}
