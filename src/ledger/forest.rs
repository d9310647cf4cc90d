//! The hashes that proofs are made of, from segment files.
//!
//! Of each sealed segment only its [`Run`] is needed unless a proof is about records in it. It is kept in a
//! file beside the segment, so that a proof out of ten million records reads the segments of its own
//! records and some kilobytes. Such a file is derived: it is made when it is missing, it is used only if it
//! leads from the root before the segment to the root after it, and it can be deleted.
use super::cursor::Reader;
use super::error::{Doing, LedgerError};
use super::format::{NOT_DENSE, Piece};
use super::frames::Frames;
use super::path::Subtrees;
use super::run::Run;
use super::segment::{self, Head};
use super::tree::{Tree, leaf};
use crate::model::wire::{self, HEAD_LEN};
use crate::model::{Digest, Position};
use minicbor::{Decode, Encode};
use std::ops::Range;
use std::path::Path;

/// What the file of a run begins with.
const MAGIC: [u8; 8] = *b"PDGR-RUN";
/// Its format.
const VERSION: u32 = 1;
/// Magic, version and feature bits.
const PREAMBLE_LEN: usize = 16;
/// Longest such file: a range of `u64` is covered by 126 nodes, rounded up.
const FILE_LEN_MAX: usize = 8192;

/// The hashes over the first records of a ledger.
pub(super) struct Forest {
    parts: Vec<Part>,
    tree: Tree,
}

/// What is known of one segment.
struct Part {
    run: Run,
    /// Its leaves, and subtrees where leaves were dropped, left to right, where a proof is about some of them.
    inside: Vec<(Range<u64>, Digest)>,
}

/// What the file of a run says.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Kept {
    #[n(0)]
    first: Position,
    #[n(1)]
    count: u64,
    #[n(2)]
    nodes: Vec<Digest>,
}

/// A hash that is not at hand: an error of ours, or another size was asked for than was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the leaves {} to {} are not at hand", .0.start, .0.end)]
pub(super) struct NotAtHand(pub(super) Range<u64>);

impl Forest {
    /// Over the first `size` records, with all that a proof about the records at `leaves` (counted
    /// from 0, ascending) needs. `None` if there are not so many records.
    pub(super) fn open(
        reader: &Reader,
        size: u64,
        leaves: &[u64],
    ) -> Result<Option<Self>, LedgerError> {
        let firsts = segment::list(&*reader.disk, &reader.dir)?;
        let mut forest = Self { parts: Vec::new(), tree: Tree::default() };
        for (index, first) in firsts.iter().enumerate() {
            let begin = first.0.saturating_sub(1);
            if begin >= size {
                break;
            }
            let head = head(reader, *first)?;
            if head.tree != forest.tree {
                let why = "its header does not follow the segment before";
                return Err(segment::damage(*first, *first, None, why).into());
            }
            let next = firsts.get(index + 1).copied().filter(|next| next.0 - 1 <= size);
            let end = next.map_or(size, |next| next.0 - 1);
            let wanted = leaves.iter().any(|leaf| (begin..end).contains(leaf));
            let part = match next {
                Some(next) if !wanted => sealed(reader, *first, next, &head)?,
                Some(_) | None => read(reader, *first, &head, end)?,
            };
            if !forest.tree.extend(&part.run) {
                return Err(segment::damage(*first, *first, None, NOT_DENSE).into());
            }
            forest.parts.push(part);
        }
        Ok((forest.tree.size() == size).then_some(forest))
    }

    /// The root over all of it.
    pub(super) fn root(&self) -> Digest {
        self.tree.root()
    }
}

impl Reader {
    /// The root of the tree over the first `size` records; `None` if there are not so many. What is before
    /// the segment of the last of them is taken from its header.
    pub fn root_at(&self, size: u64) -> Result<Option<Digest>, LedgerError> {
        let firsts = segment::list(&*self.disk, &self.dir)?;
        let Some(first) = firsts.into_iter().rfind(|first| first.0 <= size.max(1)) else {
            return Ok(None);
        };
        let mut head = head(self, first)?;
        let Part { run, .. } = read(self, first, &head, size)?;
        let whole = head.tree.extend(&run) && head.tree.size() == size;
        Ok(whole.then(|| head.tree.root()))
    }
}

impl Subtrees for Forest {
    type Fault = NotAtHand;

    fn subtree(&mut self, leaves: Range<u64>) -> Result<Digest, NotAtHand> {
        let mut run = Run::new(leaves.start);
        let inside = |piece: &Range<u64>| leaves.start <= piece.start && piece.end <= leaves.end;
        for part in &self.parts {
            let of = part.run.range();
            let mut put = |piece: Range<u64>, root| {
                let piece = Run::from_nodes(piece, vec![root]);
                piece.is_some_and(|piece| run.extend(&piece))
            };
            if of.start <= leaves.start && leaves.end <= of.end && !part.inside.is_empty() {
                let begin = part.inside.partition_point(|(piece, _)| piece.start < leaves.start);
                let pieces = part.inside.get(begin..).unwrap_or_default();
                let mut pieces = pieces.iter().take_while(|(piece, _)| inside(piece));
                if !pieces.all(|(piece, root)| put(piece.clone(), *root)) {
                    return Err(NotAtHand(leaves));
                }
                break;
            }
            let mut pieces = part.run.subtrees().filter(|(piece, _)| inside(piece));
            if !pieces.all(|(piece, root)| put(piece, root)) {
                return Err(NotAtHand(leaves));
            }
        }
        match run.nodes() {
            [root] if run.range() == leaves => Ok(*root),
            _ => Err(NotAtHand(leaves)),
        }
    }
}

fn head(reader: &Reader, first: Position) -> Result<Head, LedgerError> {
    let path = segment::path(&reader.dir, first);
    let file = reader.disk.open_read(&path).doing("opened", &path)?;
    segment::read_head(&*file, &reader.dir, first)
}

/// A segment that is followed by the one at `next`: its run as it was kept, or as its records say.
fn sealed(
    reader: &Reader,
    first: Position,
    next: Position,
    before: &Head,
) -> Result<Part, LedgerError> {
    let after = head(reader, next)?;
    let leads = |run: &Run| {
        let mut tree = before.tree.clone();
        tree.extend(run) && tree == after.tree
    };
    if let Some(run) = kept(reader, first).filter(leads) {
        return Ok(Part { run, inside: Vec::new() });
    }
    let Part { run, .. } = read(reader, first, before, next.0.saturating_sub(1))?;
    if !leads(&run) {
        let to = Some(Position(next.0.saturating_sub(1)));
        let why = "its records are not those of the segment after it";
        return Err(segment::damage(first, first, to, why).into());
    }
    keep(reader, first, &run);
    Ok(Part { run, inside: Vec::new() })
}

/// Reads the records of a segment up to the leaf `end`.
fn read(reader: &Reader, first: Position, head: &Head, end: u64) -> Result<Part, LedgerError> {
    let path = segment::path(&reader.dir, first);
    let file = reader.disk.open_read(&path).doing("opened", &path)?;
    let mut frames = Frames::new(file, head.len as u64);
    let mut part = Part { run: Run::new(first.0.saturating_sub(1)), inside: Vec::new() };
    let limit = frames.file.len().doing("read", &path)?;
    while part.run.range().end < end {
        let next = Position(part.run.range().end).next();
        let damaged = |why: &str| segment::damage(first, next, None, why);
        match frames.next(limit).doing("read", &path)? {
            Ok(Some(Piece::Step(step))) if step.is_dense_from(next) => {
                let room = usize::try_from(end - part.run.range().end).unwrap_or(usize::MAX);
                for record in step.records.into_iter().take(room) {
                    let leaf = leaf(record);
                    part.run.push(leaf);
                    part.inside.push((part.run.range().end - 1..part.run.range().end, leaf));
                }
            }
            Ok(Some(Piece::Dropped(run))) if run.range().end > end => {
                let (from, to) = (Position(run.range().start).next(), Position(run.range().end));
                return Err(LedgerError::Dropped { from, to });
            }
            Ok(Some(Piece::Dropped(run))) if part.run.extend(&run) => {
                part.inside.extend(run.subtrees());
            }
            Ok(Some(Piece::Step(_) | Piece::Dropped(_))) => return Err(damaged(NOT_DENSE).into()),
            Ok(Some(Piece::Seal(_)) | None) => break,
            Err(why) => return Err(damaged(&why.to_string()).into()),
        }
    }
    Ok(part)
}

/// The run of a segment as its file has it.
fn kept(reader: &Reader, first: Position) -> Option<Run> {
    let path = segment::run_path(&reader.dir, first);
    let file = reader.disk.open_read(&path).ok()?;
    let len = usize::try_from(file.len().ok()?).ok().filter(|len| *len <= FILE_LEN_MAX)?;
    let bytes = file.read_to_end(0).ok().filter(|bytes| bytes.len() == len)?;
    let (preamble, frame) = bytes.split_at_checked(PREAMBLE_LEN)?;
    let (body, []) =
        (preamble == self::preamble()).then(|| wire::take_frame(frame).ok()).flatten()??
    else {
        return None;
    };
    let Kept { first: begin, count, nodes } = wire::decode(body).ok()?;
    let start = begin.0.checked_sub(1).filter(|_| begin == first)?;
    Run::from_nodes(start..start.checked_add(count)?, nodes)
}

fn preamble() -> Vec<u8> {
    [MAGIC.as_slice(), &VERSION.to_le_bytes(), &0_u32.to_le_bytes()].concat()
}

/// Keeps the run of a segment, unless it is. Where that is not possible the next proof takes longer.
pub(super) fn keep(reader: &Reader, first: Position, run: &Run) {
    if kept(reader, first).as_ref() == Some(run) {
        return;
    }
    let range = run.range();
    let kept = Kept { first, count: range.end - range.start, nodes: run.nodes().to_vec() };
    let mut bytes = preamble();
    bytes.reserve(HEAD_LEN);
    wire::put_frame(&wire::encode(&kept), &mut bytes);
    let path = segment::run_path(&reader.dir, first);
    let write = |path: &Path| reader.disk.create(path)?.write_all_at(&bytes, 0);
    if let Err(why) = write(&path) {
        tracing::debug!(path = %path.display(), %why, "the hashes of a segment are not kept");
    }
}
