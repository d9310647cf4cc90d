//! Reading: whoever follows the ledger reads it from its own position, never past what is durable.
use super::disk::{Disk, Files};
use super::error::{Damage, Doing, LedgerError};
use super::format::{NOT_DENSE, Piece, PieceFault};
use super::frames::Frames;
use super::handle::folder;
use super::segment::{self, Walk};
use crate::model::{Body, Position, Record, wire};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One record as it stands in the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its position.
    pub position: Position,
    /// Its canonical bytes: what the Merkle leaf is over, unless the record was dropped.
    pub bytes: Vec<u8>,
    /// What they say.
    pub record: Record,
}

/// Where the durable part ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    pub(super) position: Position,
    /// The first position of the active segment.
    pub(super) segment: Position,
    /// Durable bytes of it.
    pub(super) len: u64,
}

/// Reads the ledger. Cheap to clone; any number may read at once.
#[derive(Clone)]
pub struct Reader {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    tail: Option<Arc<Mutex<Tail>>>,
}

impl Reader {
    /// Reads the ledger of a data directory whose daemon is stopped, up to its last whole frame: what was
    /// never synced behind it is no damage. Takes no lock and changes nothing.
    pub fn open(dir: &Path) -> Self {
        Self::stopped(Arc::new(Files), folder(dir))
    }

    pub(super) fn stopped(disk: Arc<dyn Disk>, dir: PathBuf) -> Self {
        Self { disk, dir, tail: None }
    }

    pub(super) fn following(disk: Arc<dyn Disk>, dir: PathBuf, tail: Arc<Mutex<Tail>>) -> Self {
        Self { disk, dir, tail: Some(tail) }
    }

    /// The records after `after`, oldest first.
    pub fn cursor(&self, after: Position) -> Cursor {
        Cursor { reader: self.clone(), next: after.next(), place: None, ready: VecDeque::new() }
    }

    /// The records after `after`, oldest first, at most `count_max`.
    pub fn read(&self, after: Position, count_max: usize) -> Result<Vec<Entry>, LedgerError> {
        self.cursor(after).take(count_max).collect()
    }

    /// One record; `None` if it is not durable. That it was dropped is an error that says so.
    pub fn get(&self, position: Position) -> Result<Option<Entry>, LedgerError> {
        let found = self.cursor(Position(position.0.saturating_sub(1))).next().transpose()?;
        if found.as_ref().is_some_and(|entry| matches!(entry.record.body, Body::Dropped)) {
            return Err(LedgerError::Dropped { from: position, to: position });
        }
        Ok(found)
    }
}

/// Dropped records that are made at once.
const DROPPED_AT_ONCE: u64 = 64;

/// A walk along the records; one that retention dropped is [`Body::Dropped`], at no time. When it gives `None` it is at the durable end; asked again later it
/// goes on with what has become durable meanwhile. After an error it gives the same error again.
pub struct Cursor {
    reader: Reader,
    next: Position,
    place: Option<Place>,
    ready: VecDeque<Entry>,
}

/// Where in which segment the next record is.
struct Place {
    first: Position,
    frames: Frames,
    /// The record that the next frame begins with, or the next of those dropped.
    expected: Position,
    /// The last record of the dropped ones that the walk is in; below `expected` if it is in none.
    dropped_to: Position,
}

impl Place {
    /// Whether the walk is among dropped records; takes some of them, from `next` on.
    fn take_dropped(&mut self, next: Position, ready: &mut VecDeque<Entry>) -> bool {
        let is_among = self.expected <= self.dropped_to;
        self.expected = self.expected.max(next.min(self.dropped_to.next()));
        let end = self.dropped_to.next().min(Position(self.expected.0 + DROPPED_AT_ONCE));
        if is_among {
            ready.extend((self.expected.0..end.0).map(|at| dropped(Position(at))));
            self.expected = end;
        }
        is_among
    }
}

impl Iterator for Cursor {
    type Item = Result<Entry, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(why) => {
                    self.place = None;
                    return Some(Err(why));
                }
            }
        }
        let entry = self.ready.pop_front()?;
        self.next = entry.position.next();
        Some(Ok(entry))
    }
}

impl Cursor {
    /// The last record that was given, or where it began.
    pub fn position(&self) -> Position {
        Position(self.next.0.saturating_sub(1))
    }

    /// Looks at one more frame; `false` at the durable end.
    fn fill(&mut self) -> Result<bool, LedgerError> {
        let tail = self.reader.tail.as_ref().map(|tail| *tail.lock());
        if tail.is_some_and(|tail| tail.position < self.next) {
            return Ok(false);
        }
        // The segment found has a durable record: it is never replaced, and never cut before that.
        if self.place.is_none() {
            self.place = self.locate()?;
        }
        let dir = &self.reader.dir;
        let Some(place) = self.place.as_mut() else {
            return Ok(false);
        };
        if place.take_dropped(self.next, &mut self.ready) {
            return Ok(true);
        }
        let path = segment::path(dir, place.first);
        let active = tail.filter(|tail| tail.segment == place.first);
        let limit = active.map_or_else(|| place.frames.file.len(), |tail| Ok(tail.len));
        match place.frames.next(limit.doing("read", &path)?).doing("read", &path)? {
            Ok(Some(Piece::Step(step))) => {
                for bytes in step.records {
                    if place.expected >= self.next {
                        self.ready.push_back(entry(place.first, place.expected, bytes)?);
                    }
                    place.expected = place.expected.next();
                }
                Ok(true)
            }
            Ok(Some(Piece::Dropped(run))) if run.range().start == place.expected.0 - 1 => {
                place.dropped_to = Position(run.range().end);
                Ok(true)
            }
            Ok(Some(Piece::Dropped(run))) => {
                let to = Some(Position(run.range().end));
                Err(segment::damage(place.first, place.expected, to, NOT_DENSE).into())
            }
            Ok(Some(Piece::Seal(_)) | None) => self.turn(None),
            Err(why) => self.turn(Some(&why)),
        }
    }

    /// At the end of a segment, or at a fault in it: on to the next segment, or to wait, or to name
    /// what is missing.
    fn turn(&mut self, fault: Option<&PieceFault>) -> Result<bool, LedgerError> {
        let Some(place) = self.place.as_ref() else {
            return Ok(false);
        };
        let firsts = segment::list(&*self.reader.disk, &self.reader.dir)?;
        let later = firsts.into_iter().find(|first| *first > place.first);
        if fault.is_none() && later == Some(place.expected) {
            self.place = None;
            return Ok(true);
        }
        let is_last = later.is_none() && self.reader.tail.is_none();
        if is_last && fault.is_none() {
            return Ok(false);
        }
        let path = segment::path(&self.reader.dir, place.first);
        let rest = place.frames.file.read_to_end(place.frames.offset).doing("read", &path)?;
        if is_last && matches!(Walk::new(&rest, 0).next(), Ok(Some(_))) {
            // A daemon that runs was writing it.
            self.place = None;
            return Ok(true);
        }
        if is_last && Walk::new(&rest, 0).is_torn(place.expected) {
            return Ok(false);
        }
        let until = later.map(|first| Position(first.0.saturating_sub(1)));
        let why = fault.map_or("they are missing".to_owned(), ToString::to_string);
        let to = Walk::new(&rest, 0).damaged_until().or(until);
        Err(Damage { segment: segment::name(place.first), from: place.expected, to, why }.into())
    }

    /// Opens the segment that the next record is in.
    fn locate(&self) -> Result<Option<Place>, LedgerError> {
        let Reader { disk, dir, .. } = &self.reader;
        let firsts = segment::list(&**disk, dir)?;
        let Some(first) = firsts.into_iter().rfind(|first| *first <= self.next) else {
            return Ok(None);
        };
        let path = segment::path(dir, first);
        let file = disk.open_read(&path).doing("opened", &path)?;
        let head = segment::read_head(&*file, dir, first)?;
        let frames = Frames::new(file, head.len as u64);
        Ok(Some(Place { first, frames, expected: first, dropped_to: Position(0) }))
    }
}

fn dropped(position: Position) -> Entry {
    let record = Record::dropped(position);
    Entry { position, bytes: wire::encode(&record), record }
}

fn entry(segment: Position, position: Position, bytes: &[u8]) -> Result<Entry, LedgerError> {
    let record: Record = wire::decode(bytes)
        .map_err(|why| LedgerError::Unreadable { position, why: why.to_string() })?;
    if record.position != position {
        return Err(segment::damage(segment, position, Some(position), NOT_DENSE).into());
    }
    Ok(Entry { position, bytes: bytes.to_vec(), record })
}
