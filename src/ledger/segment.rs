//! Segment files: their names, their headers, and the walk through their frames.
use super::disk::{Disk, DiskFile};
use super::error::{Damage, Doing, LedgerError};
use super::format::{self, Header, HeaderFault, Piece, PieceFault, SEAL_LEN_MAX, Seal};
use super::tree::Tree;
use crate::model::Position;
use crate::model::wire::HEAD_LEN;
use std::path::{Path, PathBuf};

const SUFFIX: &str = ".seg";
/// The suffix of a segment that is being made; of no meaning until it is renamed.
pub(super) const UNBORN: &str = ".new";
/// The suffix of what is kept of a sealed segment beside it; derived.
const RUN: &str = ".run";
/// The suffix of a thinned segment that waits for its tombstone.
const THIN: &str = ".thin";
/// Longest header: a preamble, a site name and 64 peaks, rounded up.
const HEADER_LEN_MAX: usize = 4096;

/// The file name of the segment that begins at `first`.
pub(super) fn name(first: Position) -> String {
    format!("{:020}{SUFFIX}", first.0)
}

/// The segments in `dir`, oldest first, by the position that each begins at.
pub(super) fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<Position>, LedgerError> {
    let names = disk.list(dir).doing("listed", dir)?;
    let mut firsts: Vec<Position> = names
        .iter()
        .filter_map(|n| n.strip_suffix(SUFFIX)?.parse().ok().map(Position))
        .filter(|first| names.contains(&name(*first)))
        .collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// What a segment's header says, the tree before it, and where its frames begin.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) header: Header,
    pub(super) tree: Tree,
    pub(super) len: usize,
    /// Whether some of its steps are only hashes.
    pub(super) is_thinned: bool,
}

/// Reads the header at the begin of `bytes`, which belong to the segment of `first` in `dir`.
pub(super) fn head(bytes: &[u8], dir: &Path, first: Position) -> Result<Head, LedgerError> {
    let path = || dir.join(name(first));
    let damaged = |why: &str| damage(first, first, None, why);
    match format::take_header(bytes) {
        Ok((header, tree, len)) if header.first == first => {
            Ok(Head { header, tree, len, is_thinned: format::is_thinned(bytes) })
        }
        Ok(_) => Err(damaged("its header is of another segment").into()),
        Err(HeaderFault::Damaged) => Err(damaged("its header is damaged").into()),
        Err(HeaderFault::Foreign) => Err(LedgerError::Foreign(path())),
        Err(HeaderFault::Newer { version, features }) => {
            Err(LedgerError::Newer { path: path(), version, features })
        }
    }
}

/// A damaged range in the segment that begins at `first`.
pub(super) fn damage(first: Position, from: Position, to: Option<Position>, why: &str) -> Damage {
    Damage { segment: name(first), from, to, why: why.to_owned() }
}

/// Reads only the header of a segment.
pub(super) fn read_head(
    file: &dyn DiskFile,
    dir: &Path,
    first: Position,
) -> Result<Head, LedgerError> {
    let mut bytes = vec![0; HEADER_LEN_MAX];
    let mut filled = 0;
    while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read_at(room, filled as u64).doing("read", &dir.join(name(first)))? {
            0 => break,
            n => filled += n,
        }
    }
    bytes.truncate(filled);
    head(&bytes, dir, first)
}

/// The seal at the end of a segment, if it has one.
pub(super) fn read_seal(file: &dyn DiskFile, path: &Path) -> Result<Option<Seal>, LedgerError> {
    let len = file.len().doing("read", path)?;
    let tail = file.read_to_end(len.saturating_sub(SEAL_LEN_MAX as u64)).doing("read", path)?;
    Ok((0..tail.len()).find_map(|at| match format::take_piece(tail.get(at..)?) {
        Ok(Some((Piece::Seal(seal), []))) => Some(seal),
        Ok(_) | Err(_) => None,
    }))
}

/// The path of a segment.
pub(super) fn path(dir: &Path, first: Position) -> PathBuf {
    dir.join(name(first))
}

/// The path of the hashes that are kept of a sealed segment.
pub(super) fn run_path(dir: &Path, first: Position) -> PathBuf {
    dir.join(format!("{:020}{RUN}", first.0))
}

/// The file name of a thinned segment that waits for its tombstone.
pub(super) fn thin_name(first: Position) -> String {
    format!("{:020}{THIN}", first.0)
}

/// Its path.
pub(super) fn thin_path(dir: &Path, first: Position) -> PathBuf {
    dir.join(thin_name(first))
}

/// The segment whose place a file of this name waits for.
pub(super) fn thin_first(name: &str) -> Option<Position> {
    let first = Position(name.strip_suffix(THIN)?.parse().ok()?);
    (thin_name(first) == name).then_some(first)
}

/// The path of a segment that is being made.
pub(super) fn unborn(dir: &Path, first: Position) -> PathBuf {
    dir.join(format!("{:020}{UNBORN}", first.0))
}

/// A walk through the frames of one segment in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk<'b> {
    bytes: &'b [u8],
    /// Where the next frame begins.
    pub(super) offset: usize,
}

impl<'b> Walk<'b> {
    /// Begins at `offset`, where a frame begins.
    pub(super) fn new(bytes: &'b [u8], offset: usize) -> Self {
        Self { bytes, offset }
    }

    fn rest(&self, offset: usize) -> &'b [u8] {
        self.bytes.get(offset..).unwrap_or_default()
    }

    /// The next frame; `None` at the end. After a fault the walk stands before it.
    pub(super) fn next(&mut self) -> Result<Option<Piece<'b>>, PieceFault> {
        let Some((piece, rest)) = format::take_piece(self.rest(self.offset))? else {
            return Ok(None);
        };
        self.offset = self.bytes.len() - rest.len();
        Ok(Some(piece))
    }

    /// Goes past a fault to the next frame that is whole; `false` if there is none.
    ///
    /// The fault's own length is tried first, since what is inside a frame may look like one.
    pub(super) fn skip_fault(&mut self) -> bool {
        let own =
            self.rest(self.offset).first_chunk::<4>().map_or(0, |len| u32::from_le_bytes(*len));
        let by_length = self.offset + HEAD_LEN + own as usize;
        let found = std::iter::once(by_length)
            .chain(self.offset + 1..self.bytes.len())
            .find(|at| *at > self.offset && is_piece(self.rest(*at)));
        if let Some(at) = found {
            self.offset = at;
        }
        found.is_some()
    }

    /// Bytes that are not walked through.
    pub(super) fn left(&self) -> u64 {
        self.rest(self.offset).len() as u64
    }

    /// The last record that the fault before which the walk stands takes with it, if what follows
    /// tells.
    pub(super) fn damaged_until(mut self) -> Option<Position> {
        while self.skip_fault() {
            match self.next() {
                Ok(Some(Piece::Step(step))) => {
                    return Some(Position(step.first()?.0.saturating_sub(1)));
                }
                Ok(Some(Piece::Dropped(run))) => return Some(Position(run.range().start)),
                Ok(Some(Piece::Seal(seal))) => return Some(seal.last),
                Ok(None) | Err(_) => {}
            }
        }
        None
    }

    /// Whether the walk stands before a tail that was never synced, the next record being
    /// `expected`. It does unless a frame behind it was written when that record was on stable
    /// storage already: then it stands before damage.
    pub(super) fn is_torn(mut self, expected: Position) -> bool {
        while self.skip_fault() {
            while let Ok(Some(piece)) = self.next() {
                match piece {
                    Piece::Step(step) if step.synced < expected => {}
                    Piece::Step(_) | Piece::Dropped(_) | Piece::Seal(_) => return false,
                }
            }
        }
        true
    }
}

/// Whether a whole frame begins here; its shape is looked at first, since it costs less than its
/// checksum.
fn is_piece(bytes: &[u8]) -> bool {
    let shape = || {
        let (len, rest) = bytes.split_first_chunk::<4>()?;
        let body = rest.get(4..)?.get(..u32::from_le_bytes(*len) as usize)?;
        format::piece(body).ok()
    };
    shape().is_some() && matches!(format::take_piece(bytes), Ok(Some(_)))
}
