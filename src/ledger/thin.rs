//! Retention: a sealed segment is replaced by one of the same name in which some steps are only hashes.
//!
//! First the file that will take its place is written beside it and synced ([`Ledger::thin`]); then the caller
//! appends the tombstone that names it; then it gets its name ([`Ledger::settle`]). A file that no tombstone names is
//! removed at the next open, one that a tombstone names gets its name then. So whenever the power fails there is
//! the old segment, or the new one with its tombstone.
use super::cursor::Reader;
use super::disk::Disk;
use super::error::{Damage, Doing, LedgerError};
use super::format::{NOT_DENSE, Piece, Step, put_dropped, thinned};
use super::handle::Ledger;
use super::run::Run;
use super::segment::{self, Walk};
use super::stones::{self, stones};
use super::tree::leaf;
use super::verify::verify_segment;
use crate::model::{Body, Digest, ItemKey, Position, Text, Tombstone, Utc};
use std::collections::BTreeSet;
use std::path::Path;

/// A thinned segment that waits for its tombstone, and what that has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The first record of the segment.
    pub first: Position,
    /// The last record of the segment.
    pub last: Position,
    /// Records of it whose bodies are gone then, with those that were gone before.
    pub dropped: u64,
    /// SHA-256 of the file that waits.
    pub thinned: Digest,
    /// Bytes of the segment as it is.
    pub bytes: u64,
    /// Bytes of the file that waits.
    pub bytes_thinned: u64,
}

impl Prepared {
    /// The tombstone to append: what goes now tells of a time, and of items that are still named elsewhere.
    pub fn tombstone(
        &self,
        (rule, who): (Text, Text),
        times: Option<(Utc, Utc)>,
        items: Vec<ItemKey>,
    ) -> Tombstone {
        let Self { first, last, dropped, thinned, .. } = *self;
        let (earliest, latest) = times.unzip();
        Tombstone { first, last, dropped, earliest, latest, thinned, rule, who, items }
    }
}

impl Ledger {
    /// Writes what a sealed segment, which begins at `first`, is without the bodies of these steps, each named by its
    /// first record; what is gone already may be named again. `None` if nothing more goes.
    ///
    /// `marks` are the sizes of checkpoints: the tree of so many records can still be computed afterwards.
    pub fn thin(
        &self,
        first: Position,
        steps: &BTreeSet<Position>,
        marks: &BTreeSet<u64>,
    ) -> Result<Option<Prepared>, LedgerError> {
        let reader = self.reader();
        thin_on(&*reader.disk, &reader.dir, first, steps, marks)
    }

    /// Puts a thinned segment in the place of the segment, if the durable record at `stone` is the tombstone that names it.
    /// Says whether it did. Done again it does nothing.
    pub fn settle(&self, stone: Position) -> Result<bool, LedgerError> {
        settle_on(&self.reader(), stone)
    }
}

pub(super) fn settle_on(reader: &Reader, stone: Position) -> Result<bool, LedgerError> {
    let Some(entry) = reader.get(stone)? else { return Ok(false) };
    let Body::Tombstone(stone) = entry.record.body else { return Ok(false) };
    let there = reader.disk.list(&reader.dir).doing("listed", &reader.dir)?;
    if !there.contains(&segment::thin_name(stone.first)) {
        return Ok(false);
    }
    let names = |name: &Digest| *name == stone.thinned;
    settle_one(&*reader.disk, &reader.dir, stone.first, names).map(|freed| freed.is_some())
}

pub(super) fn thin_on(
    disk: &dyn Disk,
    dir: &Path,
    first: Position,
    steps: &BTreeSet<Position>,
    marks: &BTreeSet<u64>,
) -> Result<Option<Prepared>, LedgerError> {
    let firsts = segment::list(disk, dir)?;
    let mut pairs = firsts.iter().zip(firsts.iter().skip(1));
    let later = pairs.find(|(at, _)| **at == first).map(|(_, later)| *later);
    let later = later.ok_or_else(|| LedgerError::NotSealed(segment::path(dir, first)))?;
    let path = segment::path(dir, first);
    let file = disk.open_read(&path).doing("opened", &path)?;
    let bytes = file.read_to_end(0).doing("read", &path)?;
    let len = segment::head(&bytes, dir, first)?.len;
    // Of a segment that is damaged nothing is dropped: it is to be restored, not to be sealed over.
    if let Some(fault) = verify_segment(&bytes, dir, first, later).into_iter().next() {
        return Err(fault.into());
    }
    let mut thinner = Thinner::new(&bytes, len, first, marks);
    thinner.pass(steps)?;
    if thinner.newly == 0 {
        return Ok(None);
    }
    let Thinner { out, dropped, .. } = thinner;
    if let Some(fault) = verify_segment(&out, dir, first, later).into_iter().next() {
        return Err(fault.into());
    }
    let thin = segment::thin_path(dir, first);
    let file = disk.create(&thin).doing("created", &thin)?;
    file.write_all_at(&out, 0).doing("written", &thin)?;
    file.sync().doing("synced", &thin)?;
    disk.sync_dir(dir).doing("synced", dir)?;
    Ok(Some(Prepared {
        first,
        last: Position(later.0.saturating_sub(1)),
        dropped,
        thinned: stones::name(&out),
        bytes: bytes.len() as u64,
        bytes_thinned: out.len() as u64,
    }))
}

/// A segment on its way to be thinned.
struct Thinner<'b> {
    bytes: &'b [u8],
    walk: Walk<'b>,
    first: Position,
    marks: &'b BTreeSet<u64>,
    out: Vec<u8>,
    /// What was dropped since the last frame that stays; its end is where the walk is.
    gone: Run,
    dropped: u64,
    /// Of those, what was not dropped before.
    newly: u64,
}

impl<'b> Thinner<'b> {
    fn new(bytes: &'b [u8], len: usize, first: Position, marks: &'b BTreeSet<u64>) -> Self {
        let out = thinned(bytes.get(..len).unwrap_or_default());
        let gone = Run::new(first.0.saturating_sub(1));
        let walk = Walk::new(bytes, len);
        Self { bytes, walk, first, marks, out, gone, dropped: 0, newly: 0 }
    }

    fn pass(&mut self, steps: &BTreeSet<Position>) -> Result<(), LedgerError> {
        let mut left = steps.clone();
        loop {
            let (at, next) = (self.walk.offset, Position(self.gone.range().end).next());
            let piece = self.walk.next().map_err(|why| self.damage(next, &why.to_string()))?;
            match piece {
                Some(Piece::Step(step)) if left.remove(&next) => self.drop(&step),
                Some(Piece::Step(step)) => {
                    self.keep(at);
                    self.gone = Run::new(self.gone.range().end + step.records.len() as u64);
                }
                Some(Piece::Dropped(run)) => {
                    let range = run.range();
                    left.retain(|step| !range.contains(&step.0.saturating_sub(1)));
                    self.dropped += range.end - range.start;
                    if !self.gone.extend(&run) {
                        return Err(self.damage(next, NOT_DENSE).into());
                    }
                }
                Some(Piece::Seal(_)) => {
                    self.keep(at);
                    break;
                }
                None => return Err(self.damage(next, "it has no seal").into()),
            }
            if self.marks.contains(&self.gone.range().end) {
                self.flush();
            }
        }
        match left.first() {
            Some(step) => {
                let segment = segment::name(self.first);
                Err(LedgerError::NoStep { segment, position: *step })
            }
            None => Ok(()),
        }
    }

    fn damage(&self, from: Position, why: &str) -> Damage {
        segment::damage(self.first, from, None, why)
    }

    /// Keeps the frame that begins at a byte and ends where the walk is.
    fn keep(&mut self, at: usize) {
        self.flush();
        self.out.extend_from_slice(self.bytes.get(at..self.walk.offset).unwrap_or_default());
    }

    fn drop(&mut self, step: &Step<'_>) {
        for record in &step.records {
            self.gone.push(leaf(record));
        }
        let count = step.records.len() as u64;
        (self.dropped, self.newly) = (self.dropped + count, self.newly + count);
    }

    /// Writes what was dropped up to here as one frame.
    fn flush(&mut self) {
        put_dropped(&self.gone, &mut self.out);
        self.gone = Run::new(self.gone.range().end);
    }
}

/// At every open: what a tombstone names gets its name, everything else that was prepared is removed. Gives the
/// bytes that became free. What is in the ledger has to be durable.
pub(super) fn settle_all(disk: &dyn Disk, dir: &Path) -> Result<u64, LedgerError> {
    let names = disk.list(dir).doing("listed", dir)?;
    let waiting: Vec<Position> =
        names.iter().filter_map(|name| segment::thin_first(name)).collect();
    let Some(earliest) = waiting.iter().min().copied() else { return Ok(0) };
    let stones = stones(disk, dir, earliest)?;
    let mut freed = 0;
    for first in waiting {
        let names = |name: &Digest| {
            stones.iter().any(|(_, stone)| stone.first == first && stone.thinned == *name)
        };
        freed += settle_one(disk, dir, first, names)?.unwrap_or(0);
    }
    Ok(freed)
}

/// Renames or removes one file that waits. Gives the bytes that became free if it was renamed.
fn settle_one(
    disk: &dyn Disk,
    dir: &Path,
    first: Position,
    is_named: impl Fn(&Digest) -> bool,
) -> Result<Option<u64>, LedgerError> {
    let (thin, path) = (segment::thin_path(dir, first), segment::path(dir, first));
    let bytes = disk.open_read(&thin).and_then(|file| file.read_to_end(0)).doing("read", &thin)?;
    let is_sealed = segment::list(disk, dir)?.iter().rev().skip(1).any(|at| *at == first);
    if !is_sealed || !is_named(&stones::name(&bytes)) {
        disk.remove(&thin).doing("removed", &thin)?;
        return Ok(None);
    }
    let before = disk.open_read(&path).and_then(|file| file.len()).doing("read", &path)?;
    disk.rename(&thin, &path).doing("renamed", &thin)?;
    disk.sync_dir(dir).doing("synced", dir)?;
    Ok(Some(before.saturating_sub(bytes.len() as u64)))
}
