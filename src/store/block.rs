//! Bodies packed together: a block of them is some values, each below what sled keeps in its pages.
use super::key::{self, BLOCK};
use super::tail::Put;
use super::{Store, StoreError};
use std::fmt;
use zstd::bulk::Compressor;

/// Bytes before packing that go into one value: above 128 KiB sled makes a file of its own.
pub(super) const PART_BYTES: usize = 90_000;
/// Levels above cost more time than the disk space is worth.
const LEVEL: i32 = 3;

/// Packs blocks. What it needs to do so is big, and kept.
#[derive(Default)]
pub(super) struct Packer(Option<Compressor<'static>>);

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}

impl Packer {
    /// The keys and values of one block; its bodies come in the order of their positions, each after its length.
    pub(super) fn pack(&mut self, block: u64, plain: &[u8]) -> Result<Vec<Put>, StoreError> {
        let packer = match &mut self.0 {
            Some(packer) => packer,
            none => none.insert(Compressor::new(LEVEL).map_err(StoreError::Io)?),
        };
        let parts = (0..).zip(plain.chunks(PART_BYTES));
        parts
            .map(|(part, plain)| {
                let bytes = packer.compress(plain).map_err(StoreError::Io)?;
                Ok((key::bodies(block, part), bytes))
            })
            .collect()
    }
}

/// Reads bodies of one block one after the other, and of its parts only what they need.
pub(super) struct Unpack<'a> {
    store: &'a Store,
    block: u64,
    plain: Vec<u8>,
    parts: u16,
    at: usize,
}

impl<'a> Unpack<'a> {
    /// Of the block that begins with a position.
    pub(super) fn new(store: &'a Store, block: u64) -> Self {
        Self { store, block, plain: Vec::new(), parts: 0, at: 0 }
    }

    /// The next body.
    pub(super) fn next(&mut self) -> Result<Vec<u8>, StoreError> {
        let len = self.take(size_of::<u32>())?;
        let len = len.first_chunk().map_or(0, |len| u32::from_le_bytes(*len));
        self.take(usize::try_from(len).expect("at least 32 bits"))
    }

    fn take(&mut self, len: usize) -> Result<Vec<u8>, StoreError> {
        let damaged = |why: &str| {
            let last = self.block + BLOCK - 1;
            StoreError::Damaged(format!(
                "the records from {} to {last} cannot be read: {why}",
                self.block
            ))
        };
        while self.plain.len() - self.at < len {
            let key = key::bodies(self.block, self.parts);
            let packed =
                self.store.ask(|db| db.get(&key))?.ok_or_else(|| damaged("a part is missing"))?;
            let bytes = zstd::bulk::decompress(packed.as_ref(), PART_BYTES)
                .map_err(|why| damaged(&why.to_string()))?;
            self.plain.extend_from_slice(&bytes);
            self.parts += 1;
        }
        let from = self.at;
        self.at += len;
        Ok(self.plain.get(from..self.at).unwrap_or_default().to_vec())
    }
}
