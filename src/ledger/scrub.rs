//! The scrub: sealed segments are read again and again, for as long as the daemon runs, so that damage is
//! known before somebody needs what is damaged. How fast is for the caller to say, who calls step by step.
use super::cursor::Reader;
use super::error::{Damage, Doing, LedgerError};
use super::forest;
use super::format::{Piece, Seal};
use super::frames::Frames;
use super::recover::follows;
use super::run::Run;
use super::segment::{self, Head};
use super::tree::leaf;
use super::verify::verify_segment;
use crate::model::Position;
use std::io;

/// Bytes that are read in one step, about.
const STEP_LEN: u64 = 256 << 10;

/// What one step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scrubbed {
    /// So many bytes are as they were written, as far as it can be told yet.
    Read(u64),
    /// A segment is as it was written.
    Sound(Position),
    /// It is not.
    Damaged(Position, Vec<Damage>),
    /// All that is sealed was looked at; the next step begins anew.
    Pass,
}

/// Where a scrub stands.
pub struct Scrub {
    reader: Reader,
    next: Position,
    under_way: Option<Segment>,
}

/// A sealed segment while it is read.
struct Segment {
    first: Position,
    /// Where the one after it begins.
    later: Position,
    head: Head,
    frames: Frames,
    len: u64,
    run: Run,
    seal: Option<Seal>,
}

impl Scrub {
    /// Begins with the first segment.
    pub fn new(reader: Reader) -> Self {
        Self { reader, next: Position(0), under_way: None }
    }

    /// Reads a little more. What cannot be read is damage like what was changed. An error is of what could not
    /// even be looked for; the segment is passed over until the next pass.
    pub fn step(&mut self) -> Result<Scrubbed, LedgerError> {
        let mut segment = match self.under_way.take() {
            Some(segment) => segment,
            None => match self.begin()? {
                Begun::Segment(segment) => *segment,
                Begun::Told(told) => return Ok(told),
            },
        };
        let before = segment.frames.offset;
        while segment.frames.offset - before < STEP_LEN {
            match segment.take() {
                Ok(Taken::Step) => {}
                Ok(Taken::Fault) => return self.damaged(segment.first, segment.later),
                Err(why) => {
                    let from = Position(segment.run.range().end).next();
                    return Ok(unread(segment.first, from, segment.later, &why));
                }
                Ok(Taken::End) => return self.finish(&segment),
            }
        }
        let read = segment.frames.offset - before;
        self.under_way = Some(segment);
        Ok(Scrubbed::Read(read))
    }

    fn begin(&mut self) -> Result<Begun, LedgerError> {
        let Reader { disk, dir, .. } = &self.reader;
        let firsts = segment::list(&**disk, dir)?;
        let mut pairs = firsts.iter().zip(firsts.iter().skip(1));
        let Some((first, later)) = pairs.find(|(first, _)| **first >= self.next) else {
            self.next = Position(0);
            return Ok(Begun::Told(Scrubbed::Pass));
        };
        let (first, later) = (*first, *later);
        self.next = later;
        let path = segment::path(dir, first);
        let file = disk.open_read(&path).doing("opened", &path)?;
        let head = file.len().doing("read", &path);
        let head = head.and_then(|len| Ok((len, segment::read_head(&*file, dir, first)?)));
        // Whatever stands there instead of a header: this segment had one when it was sealed.
        let Ok((len, head)) = head else {
            return self.damaged(first, later).map(Begun::Told);
        };
        let frames = Frames::new(file, head.len as u64);
        let run = Run::new(first.0.saturating_sub(1));
        let segment = Segment { first, later, head, frames, len, run, seal: None };
        Ok(Begun::Segment(Box::new(segment)))
    }

    /// All frames were read: the seal, the root, and the header of the next segment.
    fn finish(&mut self, segment: &Segment) -> Result<Scrubbed, LedgerError> {
        let Segment { first, later, head, run, seal, .. } = segment;
        let mut tree = head.tree.clone();
        let whole = seal.as_ref().is_some_and(|seal| {
            tree.extend(run)
                && tree.root() == seal.root
                && seal.last.0 == tree.size()
                && seal.count == seal.last.next().0 - first.0
        });
        if !whole {
            return self.damaged(*first, *later);
        }
        let Reader { disk, dir, .. } = &self.reader;
        let path = segment::path(dir, *later);
        let file = disk.open_read(&path).doing("opened", &path)?;
        let follow = segment::read_head(&*file, dir, *later).and_then(|next| {
            let (last, root) = (Position(tree.size()), Some(tree.root()));
            Ok(follows(last, root, *later, next.header.root)?)
        });
        match follow {
            Ok(()) => {
                forest::keep(&self.reader, *first, run);
                Ok(Scrubbed::Sound(*first))
            }
            Err(LedgerError::Damaged(damage)) => Ok(Scrubbed::Damaged(*later, vec![damage])),
            Err(why) => {
                let fault = segment::damage(*later, *later, None, &why.to_string());
                Ok(Scrubbed::Damaged(*later, vec![fault]))
            }
        }
    }

    /// Reads a segment once more, all at once, to say exactly what is wrong with it.
    fn damaged(&self, first: Position, later: Position) -> Result<Scrubbed, LedgerError> {
        let Reader { disk, dir, .. } = &self.reader;
        let path = segment::path(dir, first);
        let file = disk.open_read(&path).doing("opened", &path)?;
        let bytes = match file.read_to_end(0) {
            Ok(bytes) => bytes,
            Err(why) => return Ok(unread(first, first, later, &why)),
        };
        let mut faults = verify_segment(&bytes, dir, first, later);
        if faults.is_empty() {
            let to = Some(Position(later.0.saturating_sub(1)));
            let why = "it was read twice, and only once as it was written; is the disk failing?";
            faults.push(segment::damage(first, first, to, why));
        }
        Ok(Scrubbed::Damaged(first, faults))
    }
}

/// The disk has the rest of a segment no more, and says so.
fn unread(first: Position, from: Position, later: Position, why: &io::Error) -> Scrubbed {
    let to = Some(Position(later.0.saturating_sub(1)));
    let why = format!("the disk does not give them: {why}");
    Scrubbed::Damaged(first, vec![segment::damage(first, from, to, &why)])
}

enum Begun {
    Segment(Box<Segment>),
    Told(Scrubbed),
}

enum Taken {
    Step,
    Fault,
    End,
}

impl Segment {
    /// Takes one frame.
    fn take(&mut self) -> io::Result<Taken> {
        let next = Position(self.run.range().end).next();
        Ok(match self.frames.next(self.len)? {
            Ok(Some(Piece::Step(step))) if self.seal.is_none() && step.is_dense_from(next) => {
                step.records.iter().for_each(|record| self.run.push(leaf(record)));
                Taken::Step
            }
            Ok(Some(Piece::Dropped(run)))
                if self.seal.is_none() && self.head.is_thinned && self.run.extend(&run) =>
            {
                Taken::Step
            }
            Ok(Some(Piece::Seal(seal))) if self.seal.is_none() => {
                self.seal = Some(seal);
                Taken::Step
            }
            Ok(None) => Taken::End,
            Ok(Some(Piece::Step(_) | Piece::Dropped(_) | Piece::Seal(_))) | Err(_) => Taken::Fault,
        })
    }
}
