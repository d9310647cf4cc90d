//! Applying records: bodies, the dictionary, postings, codes.
use super::key::{self, BLOCK, ItemNumber};
use super::{Store, StoreError, subjects};
use crate::model::{Body, Code, ItemKey, Position, Record, TraceEvent, What, wire};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

/// Keys in one batch: sled's memory grows with the square of more.
const BATCH_KEYS_MAX: usize = 256;
/// A batch that holds more bytes is written.
const BATCH_BYTES: usize = 1 << 20;
/// Bytes of a body in one value: above 128 KiB sled makes a file of its own.
pub(super) const PART_BYTES: usize = 90_000;
/// Records whose postings are merged before they are written.
const CHUNK: usize = 128;
/// Records between two syncs: what is brought again after a crash.
const SYNC_EVERY: u64 = 8192;
// The longest body fits one batch with the applied position.
const _: () = assert!(wire::BODY_LEN_MAX / PART_BYTES + 2 <= BATCH_KEYS_MAX);

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
type Group = Vec<(Vec<u8>, Vec<u8>)>;

impl Store {
    /// Takes records in the order of their positions. Those that are here already are passed over;
    /// after a crash the same records are taken again and give the same keys and values.
    ///
    /// # Errors
    /// If a record is missing before one of them, or if the index is damaged or cannot be written.
    pub fn apply(&self, records: &[(Position, Record)]) -> Result<(), StoreError> {
        let mut writer = self.writer.lock();
        let known = records.partition_point(|(position, _)| *position <= self.applied());
        for chunk in records.get(known..).unwrap_or_default().chunks(CHUNK) {
            let mut wanted = self.applied();
            for (position, _) in chunk {
                wanted = wanted.next();
                if *position != wanted {
                    return Err(StoreError::Hole { applied: self.applied(), found: *position });
                }
            }
            self.apply_chunk(&mut writer, chunk, wanted)?;
            if wanted.0.saturating_sub(writer.synced.0) >= SYNC_EVERY {
                self.sync_locked(&mut writer)?;
            }
        }
        Ok(())
    }

    fn apply_chunk(
        &self,
        writer: &mut Writer,
        chunk: &[(Position, Record)],
        applied: Position,
    ) -> Result<(), StoreError> {
        let mut drafts = Drafts::default();
        for (position, record) in chunk {
            drafts.groups.push(body_group(*position, &wire::encode(record)));
            let Body::Trace(event) = &record.body else { continue };
            for item in event.items() {
                self.number(writer, &mut drafts, item)?;
            }
            for item in &self.concerned(chunk, *position, event)? {
                let number = self.number(writer, &mut drafts, item)?;
                let (block, offset) = (position.0 / BLOCK, position.0 % BLOCK);
                let offset = u16::try_from(offset).expect("a block is below 2^16 positions");
                drafts.postings.entry((number, block)).or_default().insert(offset);
            }
            if let What::Identify { item, alias, real: _ } = &event.what {
                let number = self.number(writer, &mut drafts, item)?;
                let key = key::alias(&alias.code, &alias.kind, event.time.at, *position);
                drafts.groups.push(vec![(key, number.to_be_bytes().to_vec())]);
            }
        }
        self.write(drafts, applied)?;
        self.applied.store(applied.0, Ordering::Release);
        Ok(())
    }

    /// The items whose own history a record belongs to. A correction belongs to that of the items of
    /// the record that it names; `near` are records that may not be here yet.
    fn concerned(
        &self,
        near: &[(Position, Record)],
        position: Position,
        event: &TraceEvent,
    ) -> Result<Vec<ItemKey>, StoreError> {
        let What::Correct { position: loser, .. } = event.what else {
            return Ok(subjects(event).into_iter().cloned().collect());
        };
        if loser >= position {
            return Ok(Vec::new());
        }
        let here = near.iter().find(|(position, _)| *position == loser).map(|(_, r)| r.clone());
        let record = match here {
            Some(record) => Some(record),
            None => self.record(loser)?,
        };
        Ok(match record.map(|record| record.body) {
            Some(Body::Trace(event)) => subjects(&event).into_iter().cloned().collect(),
            _ => Vec::new(),
        })
    }

    /// The number of an item, given out now if it has none.
    fn number(
        &self,
        writer: &mut Writer,
        drafts: &mut Drafts,
        item: &ItemKey,
    ) -> Result<ItemNumber, StoreError> {
        let text = item.to_string();
        if let Some(number) = drafts.numbers.get(&text) {
            return Ok(*number);
        }
        let known = self.number_of(&text)?;
        let number = known.unwrap_or(writer.next_number);
        if known.is_none() {
            writer.next_number = number.saturating_add(1);
            drafts.fresh.insert(number, dictionary_group(number, &text, &item.code));
        }
        drafts.numbers.insert(text, number);
        Ok(number)
    }

    fn write(&self, drafts: Drafts, applied: Position) -> Result<(), StoreError> {
        let Drafts { mut groups, mut fresh, postings, .. } = drafts;
        for ((number, block), offsets) in postings {
            let put = self.posting(number, block, offsets)?;
            // A number and its first use stand or fall together.
            match fresh.get_mut(&number) {
                Some(group) => group.push(put),
                None => groups.push(vec![put]),
            }
        }
        groups.extend(fresh.into_values());
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
        batch.insert(key::META_APPLIED, &applied.0.to_be_bytes());
        self.ask(|db| db.apply_batch(batch))
    }

    fn posting(
        &self,
        number: ItemNumber,
        block: u64,
        mut offsets: BTreeSet<u16>,
    ) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
        let key = key::postings(number, block);
        if let Some(there) = self.ask(|db| db.get(&key))? {
            offsets.extend(there.as_chunks::<2>().0.iter().map(|two| u16::from_le_bytes(*two)));
        }
        let value = offsets.into_iter().flat_map(u16::to_le_bytes).collect();
        Ok((key, value))
    }
}

/// What a chunk of records comes to.
#[derive(Default)]
struct Drafts {
    groups: Vec<Group>,
    fresh: BTreeMap<ItemNumber, Group>,
    numbers: BTreeMap<String, ItemNumber>,
    postings: BTreeMap<(ItemNumber, u64), BTreeSet<u16>>,
}

fn dictionary_group(number: ItemNumber, text: &str, code: &Code) -> Group {
    vec![
        (key::text(text), number.to_be_bytes().to_vec()),
        (key::number(number), text.as_bytes().to_vec()),
        (key::own_code(code, number), Vec::new()),
    ]
}

fn body_group(position: Position, bytes: &[u8]) -> Group {
    let count = bytes.chunks(PART_BYTES).len();
    let parts = (0..).zip(bytes.chunks(PART_BYTES));
    parts
        .map(|(part, bytes)| {
            let mut value = Vec::with_capacity(bytes.len() + 2);
            if part == 0 {
                let count = u16::try_from(count).expect("BODY_LEN_MAX is below 2^16 parts");
                value.extend_from_slice(&count.to_le_bytes());
            }
            value.extend_from_slice(bytes);
            (key::body(position, part), value)
        })
        .collect()
}
