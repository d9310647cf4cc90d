//! A copy that can be verified alone, taken while the ledger is written to; and the way back.
//!
//! A copy is a prefix of the ledger: of the segment that is written to only what is known to be on stable
//! storage is taken. Sealed segments never change, so a copy that is there already is not made again.
use super::checkpoint::Checkpoint;
use super::disk::{Disk, DiskFile, Files};
use super::error::{Doing, LedgerError};
use super::format::{self, Piece};
use super::handle::{LOCK, folder};
use super::recover::{Recovered, recover};
use super::run::Run;
use super::segment::{self, Walk};
use super::stones::{self, stones};
use super::tree::leaf;
use super::verify::{Report, Scope, verify_on, verify_segment};
use crate::model::{Origin, Position};
use std::path::Path;
use std::sync::Arc;

/// A segment on its way has this suffix.
const PART: &str = "part";
/// How far an incarnation rises at most: a million to one that two from one copy differ, and room for
/// thousands of restores one after the other.
const RISE_MAX: u32 = 1 << 20;
/// The ledger of a restore that has not come to its end.
const UNBORN: &str = "restoring";

/// What a backup came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Segments that were copied; the others were there already.
    pub copied: u64,
    /// Segments of the copy that gave way to the thinned one: retention is meant to get rid of what it drops.
    pub replaced: u64,
    /// What the whole copy holds, verified from its first byte to its last.
    pub report: Report,
}

/// What a restore came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What was found and taken.
    pub report: Report,
    /// Whose ledger it is from now on.
    pub origin: Origin,
}

/// Copies the ledger of a data directory, whose daemon may run, to another folder, and verifies the copy.
///
/// What is signed is on stable storage: the copy goes as far as the last of these `checkpoints`, and is
/// verified against all of them. What was written after it is taken as far as the ledger itself tells.
/// A copy that is there already is only ever gone on with: one that is of another ledger, or knows other
/// records, is left as it is.
pub fn backup(dir: &Path, to: &Path, checkpoints: Vec<Checkpoint>) -> Result<Backup, LedgerError> {
    // Over its own files a ledger would lose what is appended meanwhile.
    let real = |path: &Path| path.canonicalize().ok();
    if to.join(LOCK).exists() || real(to).is_some_and(|to| Some(to) == real(dir)) {
        let why = "it is a data directory".to_owned();
        return Err(LedgerError::OtherCopy { dir: to.to_owned(), why });
    }
    let scope = Scope { checkpoints, ..Scope::default() };
    backup_on(&Files, &folder(dir), &folder(to), &scope)
}

pub(super) fn backup_on(
    disk: &dyn Disk,
    dir: &Path,
    to: &Path,
    scope: &Scope,
) -> Result<Backup, LedgerError> {
    disk.create_dir(to).doing("created", to)?;
    let firsts = segment::list(disk, dir)?;
    is_known(disk, dir, &firsts)?;
    let there = segment::list(disk, to)?;
    is_known(disk, to, &there)?;
    if let Some(first) = there.iter().find(|first| !firsts.contains(first)) {
        let why = format!("its segment {} is not in this ledger", segment::name(*first));
        return Err(LedgerError::OtherCopy { dir: to.to_owned(), why });
    }
    let sure = scope.checkpoints.iter().map(|checkpoint| checkpoint.size).max();
    // A segment is thinned only once its tombstone is on stable storage.
    let stones = thinned(disk, dir, &firsts)?;
    let sure = sure.max(stones.iter().map(|(stone, _)| stone.0).max());
    let sure = Position(sure.unwrap_or(0));
    let (mut copied, mut thinner) = (0, Vec::new());
    for (index, first) in firsts.iter().enumerate() {
        let last = index + 1 == firsts.len();
        if !last && is_otherwise_thinned(disk, dir, to, *first)? {
            thinner.push((*first, firsts.get(index + 1).copied().unwrap_or_default()));
        } else if last || !is_copied(disk, dir, to, *first)? {
            copied += u64::from(copy(disk, dir, to, *first, last.then_some(sure))?);
        }
    }
    // After all others, so that the copy has their tombstones.
    let mut replaced = 0;
    for (first, later) in thinner {
        replaced += u64::from(replace(disk, dir, to, (first, later), &stones)?);
    }
    let report = verify_on(disk, to, scope)?;
    Ok(Backup { copied, replaced, report })
}

/// What a newer version wrote is left to it, before anything is done with it; damage is for `verify` to tell.
fn is_known(disk: &dyn Disk, dir: &Path, firsts: &[Position]) -> Result<(), LedgerError> {
    for first in firsts {
        let path = segment::path(dir, *first);
        let file = disk.open_read(&path).doing("opened", &path)?;
        if let Err(newer @ LedgerError::Newer { .. }) = segment::read_head(&*file, dir, *first) {
            return Err(newer);
        }
    }
    Ok(())
}

/// The thinned segments that a tombstone names as they are: where it stands, and the segment's first record.
fn thinned(
    disk: &dyn Disk,
    dir: &Path,
    firsts: &[Position],
) -> Result<Vec<(Position, Position)>, LedgerError> {
    let mut names = Vec::new();
    for first in firsts {
        let path = segment::path(dir, *first);
        let file = disk.open_read(&path).doing("opened", &path)?;
        if segment::read_head(&*file, dir, *first).is_ok_and(|head| head.is_thinned) {
            names.push((*first, stones::name(&file.read_to_end(0).doing("read", &path)?)));
        }
    }
    let Some((first, _)) = names.first() else { return Ok(Vec::new()) };
    let mut stones = stones(disk, dir, *first)?;
    stones.retain(|(_, stone)| names.contains(&(stone.first, stone.thinned)));
    Ok(stones.into_iter().map(|(position, stone)| (position, stone.first)).collect())
}

/// Whether a sealed segment is there already with the same seal, and one of the two has bodies that the other has not.
fn is_otherwise_thinned(
    disk: &dyn Disk,
    dir: &Path,
    to: &Path,
    first: Position,
) -> Result<bool, LedgerError> {
    let (from, path) = (segment::path(dir, first), segment::path(to, first));
    let Ok(there) = disk.open_read(&path) else { return Ok(false) };
    let here = disk.open_read(&from).doing("opened", &from)?;
    let is_thinned = |file: &dyn DiskFile, dir| {
        segment::read_head(file, dir, first).is_ok_and(|head| head.is_thinned)
    };
    if !is_thinned(&*here, dir) && !is_thinned(&*there, to) {
        return Ok(false);
    }
    let seal = segment::read_seal(&*there, &path)?;
    let bytes = |file: &dyn DiskFile, path| file.read_to_end(0).doing("read", path);
    let (bytes, bytes_there) = (bytes(&*here, &from)?, bytes(&*there, &path)?);
    let same = match seal {
        Some(seal) => Some(seal) == segment::read_seal(&*here, &from)?,
        None => begins_as(&bytes, &bytes_there),
    };
    Ok(same && bytes != bytes_there)
}

/// Puts the thinned segment in the place of the fuller one, if it leads to the same root and a tombstone names it.
fn replace(
    disk: &dyn Disk,
    dir: &Path,
    to: &Path,
    (first, later): (Position, Position),
    stones: &[(Position, Position)],
) -> Result<bool, LedgerError> {
    let read = |dir| {
        let path = segment::path(dir, first);
        disk.open_read(&path).and_then(|file| file.read_to_end(0)).doing("read", &path)
    };
    let (here, there) = (read(dir)?, read(to)?);
    let is_named = stones.iter().any(|(_, named)| *named == first);
    // A copy that is the thinner one stays: what was dropped does not come back.
    if !is_named || dropped(&here) <= dropped(&there) {
        return Ok(false);
    }
    if let Some(fault) = verify_segment(&here, dir, first, later).into_iter().next() {
        return Err(fault.into());
    }
    put(disk, to, first, &here)?;
    Ok(true)
}

/// Whether what a copy has of a segment that was written to is how the segment began, as far as it can be told from
/// what retention left of it.
fn begins_as(here: &[u8], there: &[u8]) -> bool {
    let (Ok(ours), Ok(theirs)) = (format::take_header(here), format::take_header(there)) else {
        return false;
    };
    let (mut walk, mut leaves) = (Walk::new(there, theirs.2), Vec::new());
    while let Ok(Some(Piece::Step(step))) = walk.next() {
        leaves.extend(step.records.into_iter().map(leaf));
    }
    let (mut walk, mut left) = (Walk::new(here, ours.2), leaves.as_slice());
    let mut next = ours.0.size;
    let mut same = ours.0 == theirs.0;
    while let (false, true, Ok(Some(piece))) = (left.is_empty(), same, walk.next()) {
        let (run, len) = match piece {
            Piece::Step(step) => {
                let mut run = Run::new(next);
                for record in &step.records {
                    run.push(leaf(record));
                }
                (run, step.records.len())
            }
            Piece::Dropped(run) => {
                let len = run.range().end.saturating_sub(run.range().start);
                (run, usize::try_from(len).unwrap_or(usize::MAX))
            }
            Piece::Seal(_) => return false,
        };
        let (covered, rest) = left.split_at(len.min(left.len()));
        let mut found = Run::new(next);
        for leaf in covered {
            found.push(*leaf);
        }
        // Hashes over more than the copy has say nothing of it.
        same = covered.len() < len || found == run;
        (left, next) = (rest, run.range().end);
    }
    same
}

/// How many records of a segment are only hashes.
fn dropped(bytes: &[u8]) -> u64 {
    let Ok((_, _, len)) = format::take_header(bytes) else { return 0 };
    let (mut walk, mut count) = (Walk::new(bytes, len), 0);
    while let Ok(Some(piece)) = walk.next() {
        if let Piece::Dropped(run) = piece {
            count += run.range().end - run.range().start;
        }
    }
    count
}

/// Whether a sealed segment is there already, with the same seal.
fn is_copied(disk: &dyn Disk, dir: &Path, to: &Path, first: Position) -> Result<bool, LedgerError> {
    let (from, to) = (segment::path(dir, first), segment::path(to, first));
    let Ok(there) = disk.open_read(&to) else { return Ok(false) };
    let here = disk.open_read(&from).doing("opened", &from)?;
    let (len, wanted) = (there.len().doing("read", &to)?, here.len().doing("read", &from)?);
    let (seal, sealed) = (segment::read_seal(&*there, &to)?, segment::read_seal(&*here, &from)?);
    Ok(len == wanted && seal.is_some() && seal == sealed)
}

/// Copies one segment, unless all of it is there; of the one that is written to what is durable, at least
/// up to `sure`. What is there is only made longer.
fn copy(
    disk: &dyn Disk,
    dir: &Path,
    to: &Path,
    first: Position,
    sure: Option<Position>,
) -> Result<bool, LedgerError> {
    let path = segment::path(dir, first);
    let file = disk.open_read(&path).doing("opened", &path)?;
    let mut bytes = file.read_to_end(0).doing("read", &path)?;
    let len = match sure {
        Some(sure) => durable(&bytes, segment::head(&bytes, dir, first)?.len, sure),
        None => bytes.len(),
    };
    let path = segment::path(to, first);
    if let Ok(there) = disk.open_read(&path) {
        let there = there.read_to_end(0).doing("read", &path)?;
        // What is in a copy was durable: a ledger that has not all of it is another one.
        if !bytes.starts_with(&there) {
            let why = format!("its segment {} has other records", segment::name(first));
            return Err(LedgerError::OtherCopy { dir: to.to_owned(), why });
        }
        if there.len() >= len {
            return Ok(false);
        }
    }
    bytes.truncate(len);
    put(disk, to, first, &bytes)?;
    Ok(true)
}

/// Gives a segment its name in a copy once all of it is on stable storage.
fn put(disk: &dyn Disk, to: &Path, first: Position, bytes: &[u8]) -> Result<(), LedgerError> {
    let path = segment::path(to, first);
    let part = path.with_extension(PART);
    let file = disk.create(&part).doing("created", &part)?;
    file.write_all_at(bytes, 0).doing("written", &part)?;
    file.sync().doing("synced", &part)?;
    disk.rename(&part, &path).doing("renamed", &part)?;
    disk.sync_dir(to).doing("synced", to)
}

/// Where the last frame ends that is certainly on stable storage: each frame says what was when it was
/// written, so the last group of them is left out unless something else tells. A seal comes after all.
fn durable(bytes: &[u8], begin: usize, sure: Position) -> usize {
    let mut walk = Walk::new(bytes, begin);
    let (mut ends, mut sure) = (vec![(begin, Position(0))], sure);
    while let Ok(Some(piece)) = walk.next() {
        match piece {
            Piece::Step(step) => {
                sure = sure.max(step.synced);
                let first = step.first().map_or(0, |first| first.0);
                let last = first.saturating_add(step.records.len() as u64).saturating_sub(1);
                ends.push((walk.offset, Position(last)));
            }
            // It was sealed before it was thinned.
            Piece::Dropped(run) => {
                let last = Position(run.range().end);
                sure = sure.max(last);
                ends.push((walk.offset, last));
            }
            Piece::Seal(_) => return walk.offset,
        }
    }
    ends.iter().rfind(|(_, last)| *last <= sure).map_or(begin, |(end, _)| *end)
}

/// Puts a copy into a data directory that has no ledger, and begins a new incarnation of its origin, so
/// that what the ledger held beyond the copy and what comes now never bear the same name. Nor do two
/// ledgers that began from one copy: how far the incarnation rises is by a `random` number.
///
/// A copy that does not verify, or contradicts its `checkpoints`, is not taken, and half a restore is no ledger: it gets its name at the end.
/// What stands beside the ledger is brought by `along`, once it is certain that the ledger is taken.
pub fn restore(
    from: &Path,
    dir: &Path,
    checkpoints: Vec<Checkpoint>,
    random: u32,
    along: impl FnOnce() -> std::io::Result<()>,
) -> Result<Restored, LedgerError> {
    let (disk, from) = (Arc::new(Files), folder(from));
    let firsts = segment::list(&*disk, &from)?;
    is_known(&*disk, &from, &firsts)?;
    let report = verify_on(&*disk, &from, &Scope { checkpoints, ..Scope::default() })?;
    if let Some(damage) = report.faults.first() {
        return Err(damage.clone().into());
    }
    if let Some(contradiction) = &report.contradiction {
        return Err(contradiction.clone().into());
    }
    let Some(last) = firsts.last() else { return Err(LedgerError::Empty(from)) };
    disk.create_dir(dir).doing("created", dir)?;
    let lock = dir.join(LOCK);
    let Some(_lock) = disk.lock(&lock).doing("locked", &lock)? else {
        return Err(LedgerError::Locked(dir.to_owned()));
    };
    let (inner, unborn) = (folder(dir), dir.join(UNBORN));
    if inner.is_dir() && !segment::list(&*disk, &inner)?.is_empty() {
        return Err(LedgerError::Occupied(dir.to_owned()));
    }
    let path = segment::path(&from, *last);
    let file = disk.open_read(&path).doing("opened", &path)?;
    let found = segment::read_head(&*file, &from, *last)?.header.origin;
    let rise = 1 + random % RISE_MAX;
    let origin = Origin { incarnation: found.incarnation.saturating_add(rise), ..found };
    if unborn.is_dir() {
        std::fs::remove_dir_all(&unborn).doing("removed", &unborn)?;
    }
    disk.create_dir(&unborn).doing("created", &unborn)?;
    for first in &firsts {
        copy(&*disk, &from, &unborn, *first, None)?;
    }
    let Recovered { writer, .. } = recover(disk.clone(), &unborn, &origin)?;
    along().doing("filled", dir)?;
    disk.rename(&unborn, &inner).doing("renamed", &unborn)?;
    disk.sync_dir(dir).doing("synced", dir)?;
    Ok(Restored { report, origin: writer.origin })
}
