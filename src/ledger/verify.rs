//! The ledger against itself and against what was signed: checksums, dense positions, seals, the Merkle
//! tree from the first record to the last, and its root at every checkpoint.
use super::checkpoint::Checkpoint;
use super::disk::{Disk, Files};
use super::error::{Damage, Doing, LedgerError};
use super::format::{NOT_DENSE, Piece, Seal, Step};
use super::handle::folder;
use super::recover::follows;
use super::run::Run;
use super::segment::{self, Walk, damage};
use super::signed::{Contradiction, SignedRoots};
use super::stones;
use super::tree::{Tree, leaf};
use crate::model::{Digest, Position, Tombstone};
use std::ops::RangeInclusive;
use std::path::Path;

/// What is to be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The segments with a record of this range. The tree before the first of them is taken from its
    /// header, and counts once a checkpoint behind it agrees.
    pub records: RangeInclusive<Position>,
    /// What was signed.
    pub checkpoints: Vec<Checkpoint>,
}

impl Default for Scope {
    /// All of the ledger, without checkpoints.
    fn default() -> Self {
        Self { records: Position(1)..=Position(u64::MAX), checkpoints: Vec::new() }
    }
}

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Segments looked at.
    pub segments: u64,
    /// Records whose bytes are those that were written.
    pub records: u64,
    /// Records that retention dropped, of which the hashes lead to the root.
    pub dropped: u64,
    /// The record before the first that was looked at.
    pub begin: Position,
    /// The last record.
    pub last: Position,
    /// The last record that was looked at and is under a checkpoint whose root is that of the ledger: so is
    /// every one before it. The others have nothing but checksums, which whoever can write them can make.
    pub signed: Option<Position>,
    /// The Merkle root over all records; `None` if there are faults.
    pub root: Option<Digest>,
    /// Bytes of a torn tail, which the next start cuts off; none of them was acknowledged. With a
    /// running daemon, what it is writing.
    pub torn_bytes: u64,
    /// What is not as it was written, in order of position.
    pub faults: Vec<Damage>,
    /// Checkpoints whose root is that of the ledger.
    pub agreed: u64,
    /// Where the ledger is not the one that was signed.
    pub contradiction: Option<Contradiction>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty() && self.contradiction.is_none()
    }
}

/// Verifies the ledger of a data directory. Changes nothing.
pub fn verify(dir: &Path, scope: &Scope) -> Result<Report, LedgerError> {
    verify_on(&Files, &folder(dir), scope)
}

pub(super) fn verify_on(disk: &dyn Disk, dir: &Path, scope: &Scope) -> Result<Report, LedgerError> {
    let all = segment::list(disk, dir)?;
    let firsts = within(&all, &scope.records);
    // Of the whole ledger nothing is missing in front either.
    let is_begin = *scope.records.start() <= Position(1);
    let begin = firsts.first().filter(|_| !is_begin).copied().map_or(Position(0), before);
    let mut check = Check::new(begin, &scope.checkpoints);
    let mut segments = 0;
    for (index, first) in all.iter().enumerate().filter(|(_, first)| firsts.contains(first)) {
        segments += 1;
        let path = segment::path(dir, *first);
        let file = disk.open_read(&path).doing("opened", &path)?;
        let bytes = file.read_to_end(0).doing("read", &path)?;
        check.segment(&bytes, dir, *first, all.get(index + 1).copied());
    }
    check.stones(disk, dir)?;
    let Check { last, root, records, dropped, torn_bytes, faults, signed, .. } = check;
    let is_end = all.last() == firsts.last();
    let root = root.filter(|_| faults.is_empty());
    let (agreed, good, contradiction) = signed.finish(is_end.then_some(last));
    let signed = Some(good).filter(|good| *good > begin);
    Ok(Report {
        segments,
        records,
        dropped,
        begin,
        last,
        signed,
        root,
        torn_bytes,
        faults,
        agreed,
        contradiction,
    })
}

/// The segments that have a record of the range; the last one stands for all that are not there yet.
fn within<'f>(firsts: &'f [Position], records: &RangeInclusive<Position>) -> &'f [Position] {
    let end = firsts.partition_point(|first| first <= records.end());
    let begin = firsts.partition_point(|first| first <= records.start()).saturating_sub(1);
    firsts.get(begin..end).unwrap_or_default()
}

/// Verifies one segment, which is not the last. Gives what is wrong with it.
pub(super) fn verify_segment(
    bytes: &[u8],
    dir: &Path,
    first: Position,
    later: Position,
) -> Vec<Damage> {
    let mut check = Check::new(before(first), &[]);
    check.segment(bytes, dir, first, Some(later));
    check.faults
}

struct Check {
    /// The last record of the segments so far, by what they say.
    last: Position,
    /// The root after it, unless it is lost.
    root: Option<Digest>,
    records: u64,
    dropped: u64,
    /// The thinned segments, by their first record and by what a tombstone has to name them.
    thinned: Vec<(Position, Digest)>,
    torn_bytes: u64,
    faults: Vec<Damage>,
    signed: SignedRoots,
}

/// One segment while it is walked through.
struct Segment<'b> {
    walk: Walk<'b>,
    first: Position,
    /// Where the next segment begins, if there is one.
    later: Option<Position>,
    is_thinned: bool,
    /// The tree so far; lost after a fault.
    tree: Option<Tree>,
    next: Position,
}

impl Check {
    /// After the record at `begin`: what is before is not looked at.
    fn new(begin: Position, checkpoints: &[Checkpoint]) -> Self {
        Self {
            last: begin,
            root: (begin == Position(0)).then(|| Tree::default().root()),
            records: 0,
            dropped: 0,
            thinned: Vec::new(),
            torn_bytes: 0,
            faults: Vec::new(),
            signed: SignedRoots::new(checkpoints, begin.0),
        }
    }

    fn segment(&mut self, bytes: &[u8], dir: &Path, first: Position, later: Option<Position>) {
        let head = match segment::head(bytes, dir, first) {
            Ok(head) => head,
            Err(why) => {
                let why = if let LedgerError::Damaged(damage) = why {
                    damage.why
                } else {
                    why.to_string()
                };
                let to = later.map(before);
                self.faults.push(damage(first, first, to, &why));
                (self.last, self.root) = (to.unwrap_or(first), None);
                return;
            }
        };
        if let Err(fault) = follows(self.last, self.root, first, head.header.root) {
            self.faults.push(fault);
        }
        self.signed.compare(&head.tree);
        if head.is_thinned {
            self.thinned.push((first, stones::name(bytes)));
        }
        let is_thinned = head.is_thinned;
        let walk = Walk::new(bytes, head.len);
        let mut segment =
            Segment { walk, first, later, is_thinned, tree: Some(head.tree), next: first };
        let seal = self.walk(&mut segment);
        if later.is_some() && seal.is_none() {
            self.faults.push(damage(first, segment.next, later.map(before), "it has no seal"));
        }
        self.last = before(segment.next);
        self.root = seal.map(|seal| seal.root).or(segment.tree.map(|tree| tree.root()));
    }

    fn walk(&mut self, at: &mut Segment<'_>) -> Option<Seal> {
        loop {
            match at.walk.next() {
                Ok(None) => return None,
                Ok(Some(Piece::Step(step))) => self.step(at, &step),
                Ok(Some(Piece::Dropped(run))) => self.dropped(at, &run),
                Ok(Some(Piece::Seal(seal))) => {
                    self.seal(at, &seal);
                    return Some(seal);
                }
                Err(_) if at.later.is_none() && at.walk.is_torn(at.next) => {
                    self.torn_bytes += at.walk.left();
                    return None;
                }
                Err(why) => {
                    let to = at.walk.damaged_until();
                    self.faults.push(damage(at.first, at.next, to, &why.to_string()));
                    at.tree = None;
                    at.next = to.map_or(at.next, Position::next);
                    if !at.walk.skip_fault() {
                        return None;
                    }
                }
            }
        }
    }

    fn step(&mut self, at: &mut Segment<'_>, step: &Step<'_>) {
        if step.is_dense_from(at.next) {
            self.records += step.records.len() as u64;
            if let Some(tree) = at.tree.as_mut() {
                for record in &step.records {
                    tree.push(leaf(record));
                    self.signed.compare(tree);
                }
            }
        } else {
            self.faults.push(damage(at.first, at.next, None, NOT_DENSE));
            at.tree = None;
        }
        at.next = Position(at.next.0 + step.records.len() as u64);
    }

    fn dropped(&mut self, at: &mut Segment<'_>, run: &Run) {
        let range = run.range();
        if !at.is_thinned || range.start != before(at.next).0 {
            let why = if at.is_thinned { NOT_DENSE } else { "only a thinned segment has hashes" };
            self.faults.push(damage(at.first, at.next, Some(Position(range.end)), why));
            at.tree = None;
        } else if at.tree.as_mut().is_some_and(|tree| tree.extend(run)) {
            self.dropped += range.end - range.start;
        }
        if let Some(tree) = at.tree.as_ref() {
            self.signed.compare(tree);
        }
        at.next = Position(range.end).next();
    }

    /// Whoever can write to the disk could thin a segment, or put hashes in the place of what they lead to: a
    /// tombstone has to name it as it is.
    fn stones(&mut self, disk: &dyn Disk, dir: &Path) -> Result<(), LedgerError> {
        let Some((first, _)) = self.thinned.first() else { return Ok(()) };
        let stones = stones::stones(disk, dir, *first)?;
        for (first, name) in &self.thinned {
            let names = |stone: &Tombstone| stone.first == *first && stone.thinned == *name;
            if !stones.iter().any(|(_, stone)| names(stone)) {
                let why = "it was thinned, and no tombstone names it as it is";
                self.faults.push(damage(*first, *first, None, why));
            }
        }
        Ok(())
    }

    fn seal(&mut self, at: &mut Segment<'_>, seal: &Seal) {
        let count = seal.last.0.saturating_sub(at.first.0) + 1;
        let same = at.tree.as_ref().is_none_or(|tree| tree.root() == seal.root);
        if !same || seal.count != count || seal.last.next() != at.next {
            let why = "its records are not those of its seal";
            self.faults.push(damage(at.first, at.first, Some(seal.last), why));
        }
        let left = at.walk.left();
        if left > 0 && at.later.is_some() {
            self.faults.push(damage(at.first, at.next, None, "something follows its seal"));
        } else {
            self.torn_bytes += left;
        }
    }
}

fn before(position: Position) -> Position {
    Position(position.0.saturating_sub(1))
}
