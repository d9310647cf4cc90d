//! Tombstones in the ledger: the only thing that lets a segment be there without some of its bodies.
use super::disk::Disk;
use super::error::{Doing, LedgerError};
use super::format::{self, Piece};
use super::frames::Frames;
use super::segment;
use crate::model::{Body, Digest, Position, Record, Tombstone, wire};
use sha2::{Digest as _, Sha256};
use std::path::Path;

/// What a tombstone calls a thinned segment by: SHA-256 of all bytes of its file.
pub(super) fn name(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

/// The tombstone that a record is.
pub(super) fn stone(record: &[u8]) -> Option<Tombstone> {
    // Nearly all records are something else, and need not be read for that.
    if format::kind(record) != Some(format::TOMBSTONE) {
        return None;
    }
    let Body::Tombstone(stone) = wire::decode::<Record>(record).ok()?.body else { return None };
    Some(stone)
}

/// The tombstones in the segments from the one at `from` on, with their positions. What cannot be read is passed
/// over: it names nothing.
pub(super) fn stones(
    disk: &dyn Disk,
    dir: &Path,
    from: Position,
) -> Result<Vec<(Position, Tombstone)>, LedgerError> {
    let mut found = Vec::new();
    for first in segment::list(disk, dir)?.into_iter().filter(|first| *first >= from) {
        let path = segment::path(dir, first);
        let file = disk.open_read(&path).doing("opened", &path)?;
        let len = file.len().doing("read", &path)?;
        let Ok(head) = segment::read_head(&*file, dir, first) else { continue };
        let mut frames = Frames::new(file, head.len as u64);
        while let Ok(Some(piece)) = frames.next(len).doing("read", &path)? {
            let Piece::Step(step) = piece else { continue };
            let stones = step
                .records
                .iter()
                .filter_map(|record| Some((format::position(record)?, stone(record)?)));
            found.extend(stones);
        }
    }
    Ok(found)
}
