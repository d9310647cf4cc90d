//! Opening: the chain of segments is looked at, the last one is walked through, a torn tail is cut
//! off and what is left is synced before it counts as durable.
use super::disk::Disk;
use super::error::{Damage, Doing, LedgerError};
use super::format::{NOT_DENSE, Piece, Seal};
use super::segment::{self, Walk};
use super::thin;
use super::tree::{Tree, leaf};
use super::writer::{Active, Writer};
use crate::model::{Digest, Origin, Position};
use std::path::Path;
use std::sync::Arc;

/// A ledger that is ready to be written to.
pub(super) struct Recovered {
    pub(super) writer: Writer,
    /// Bytes that were cut off.
    pub(super) cut_bytes: u64,
}

/// Opens or begins the ledger in `dir`; nobody else has it.
pub(super) fn recover(
    disk: Arc<dyn Disk>,
    dir: &Path,
    wanted: &Origin,
) -> Result<Recovered, LedgerError> {
    clear_unborn(&*disk, dir)?;
    let firsts = segment::list(&*disk, dir)?;
    let Some((last, sealed)) = firsts.split_last() else {
        return begin(disk, dir, wanted);
    };
    let (before, bytes_before) = check_chain(&*disk, dir, sealed)?;
    let path = segment::path(dir, *last);
    let file = disk.open(&path).doing("opened", &path)?;
    let bytes = file.read_to_end(0).doing("read", &path)?;
    let head = segment::head(&bytes, dir, *last)?;
    follows(before.last, Some(before.root), *last, head.header.root)?;
    let found = head.header.origin;
    if found.site != wanted.site {
        let dir = dir.to_owned();
        let (found, wanted) = (found.site.to_string(), wanted.site.to_string());
        return Err(LedgerError::Site { dir, found, wanted });
    }
    let end = walk(&bytes, head.len, *last, head.tree)?;
    let len = end.len as u64;
    file.truncate(len).doing("cut", &path)?;
    // If the sync of the last group failed before the process ended, the cache may show what the
    // disk does not have, and a sync alone would say Ok: written again, it is synced for certain.
    let group = bytes.get(end.group..end.len).unwrap_or_default();
    file.write_all_at(group, end.group as u64).doing("written", &path)?;
    file.sync().doing("synced", &path)?;
    disk.sync_dir(dir).doing("synced", dir)?;
    let again = found.incarnation < wanted.incarnation;
    let active = Active { file, first: *last, len, sealed: end.sealed };
    let mut writer = Writer {
        disk,
        dir: dir.to_owned(),
        origin: if again { wanted.clone() } else { found },
        active: Some(active),
        tree: end.tree,
        written: None,
        bytes_before,
        buffer: Vec::new(),
    };
    if end.sealed || again {
        writer.roll()?;
    }
    // All that is there is durable now, tombstones too.
    let freed = thin::settle_all(&*writer.disk, dir)?;
    writer.bytes_before = writer.bytes_before.saturating_sub(freed);
    Ok(Recovered { writer, cut_bytes: bytes.len() as u64 - len })
}

/// A crash while a segment was made leaves a file without its name.
fn clear_unborn(disk: &dyn Disk, dir: &Path) -> Result<(), LedgerError> {
    for name in disk.list(dir).doing("listed", dir)? {
        if name.ends_with(segment::UNBORN) {
            let path = dir.join(name);
            disk.remove(&path).doing("removed", &path)?;
        }
    }
    Ok(())
}

fn begin(disk: Arc<dyn Disk>, dir: &Path, origin: &Origin) -> Result<Recovered, LedgerError> {
    let mut writer = Writer {
        disk,
        dir: dir.to_owned(),
        origin: origin.clone(),
        active: None,
        tree: Tree::default(),
        written: None,
        bytes_before: 0,
        buffer: Vec::new(),
    };
    writer.roll()?;
    Ok(Recovered { writer, cut_bytes: 0 })
}

/// Every segment but the last is sealed, and each begins where the one before ends. Gives the seal
/// of the last of them and the bytes in all. Their records are not looked at here: that is for
/// `verify` and for whoever reads them.
fn check_chain(
    disk: &dyn Disk,
    dir: &Path,
    firsts: &[Position],
) -> Result<(Seal, u64), LedgerError> {
    let nothing = Seal { last: Position(0), count: 0, root: Tree::default().root() };
    firsts.iter().try_fold((nothing, 0), |(before, bytes), first| {
        let path = segment::path(dir, *first);
        let file = disk.open_read(&path).doing("opened", &path)?;
        let head = segment::read_head(&*file, dir, *first)?;
        follows(before.last, Some(before.root), *first, head.header.root)?;
        let unsealed = || segment::damage(*first, *first, None, "it has no seal");
        let seal = segment::read_seal(&*file, &path)?.ok_or_else(unsealed)?;
        Ok((seal, bytes + file.len().doing("read", &path)?))
    })
}

/// Whether the segment at `first` with the root `at_start` follows the record at `last` with the
/// root after it, if that is known.
pub(super) fn follows(
    last: Position,
    root: Option<Digest>,
    first: Position,
    at_start: Digest,
) -> Result<(), Damage> {
    if last.next() < first {
        let to = Position(first.0.saturating_sub(1));
        return Err(segment::damage(first, last.next(), Some(to), "they are missing"));
    }
    if last.next() > first || root.is_some_and(|root| root != at_start) {
        let why = "its header does not follow the segment before";
        return Err(segment::damage(first, first, None, why));
    }
    Ok(())
}

/// Where the durable part of the last segment ends.
struct End {
    len: usize,
    /// Where the last group begins: what is before it was synced when it was written.
    group: usize,
    tree: Tree,
    sealed: bool,
}

fn walk(bytes: &[u8], begin: usize, first: Position, mut tree: Tree) -> Result<End, LedgerError> {
    let mut walk = Walk::new(bytes, begin);
    let (mut group, mut synced) = (begin, None);
    let fault = loop {
        let at = walk.offset;
        let next = Position(tree.size()).next();
        match walk.next() {
            Ok(Some(Piece::Step(step))) if step.is_dense_from(next) => {
                if synced.replace(step.synced) != Some(step.synced) {
                    group = at;
                }
                step.records.iter().for_each(|record| tree.push(leaf(record)));
            }
            Ok(Some(Piece::Dropped(run))) if tree.extend(&run) => {}
            Ok(Some(Piece::Step(_) | Piece::Dropped(_))) => break Some(NOT_DENSE.to_owned()),
            // What follows a seal is of a cut that was not finished.
            Ok(Some(Piece::Seal(seal))) if seal.root == tree.root() => {
                return Ok(End { len: walk.offset, group: at, tree, sealed: true });
            }
            Ok(Some(Piece::Seal(_))) => break Some("its seal is of other records".to_owned()),
            Ok(None) => break None,
            Err(_) if walk.is_torn(next) => break None,
            Err(why) => break Some(why.to_string()),
        }
    };
    match fault {
        None => Ok(End { len: walk.offset, group, tree, sealed: false }),
        Some(why) => {
            let from = Position(tree.size()).next();
            Err(segment::damage(first, from, None, &why).into())
        }
    }
}
