//! What retention has to choose from: sealed segments, and the steps in them.
use super::cursor::Reader;
use super::error::{Doing, LedgerError};
use super::format::Piece;
use super::frames::Frames;
use super::segment;
use crate::model::Position;

/// A segment that never changes but by retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Its first record.
    pub first: Position,
    /// Its last record.
    pub last: Position,
    /// Bytes of its file.
    pub bytes: u64,
    /// Whether bodies were dropped of it already.
    pub is_thinned: bool,
}

/// One step, or what was dropped between two that stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its first record.
    pub first: Position,
    /// Its records.
    pub count: u64,
    /// Bytes of its frame.
    pub bytes: u64,
    /// Whether the bodies are gone.
    pub is_dropped: bool,
}

impl Reader {
    /// The sealed segments, oldest first. The one that is written to is none of them.
    pub fn sealed(&self) -> Result<Vec<Sealed>, LedgerError> {
        let firsts = segment::list(&*self.disk, &self.dir)?;
        let pairs = firsts.iter().zip(firsts.iter().skip(1));
        pairs
            .map(|(first, later)| {
                let path = segment::path(&self.dir, *first);
                let file = self.disk.open_read(&path).doing("opened", &path)?;
                let is_thinned = segment::read_head(&*file, &self.dir, *first)?.is_thinned;
                let bytes = file.len().doing("read", &path)?;
                let last = Position(later.0.saturating_sub(1));
                Ok(Sealed { first: *first, last, bytes, is_thinned })
            })
            .collect()
    }

    /// The steps of the sealed segment that begins at `first`, in order.
    pub fn spans(&self, first: Position) -> Result<Vec<Span>, LedgerError> {
        let path = segment::path(&self.dir, first);
        let file = self.disk.open_read(&path).doing("opened", &path)?;
        let len = file.len().doing("read", &path)?;
        let head = segment::read_head(&*file, &self.dir, first)?;
        let mut frames = Frames::new(file, head.len as u64);
        let (mut spans, mut next): (Vec<Span>, _) = (Vec::new(), first);
        loop {
            let begin = frames.offset;
            let (count, is_dropped) = match frames.next(len).doing("read", &path)? {
                Ok(Some(Piece::Step(step))) => (step.records.len() as u64, false),
                Ok(Some(Piece::Dropped(run))) => (run.range().end - run.range().start, true),
                Ok(Some(Piece::Seal(_)) | None) => return Ok(spans),
                Err(why) => return Err(segment::damage(first, next, None, &why.to_string()).into()),
            };
            let bytes = frames.offset - begin;
            spans.push(Span { first: next, count, bytes, is_dropped });
            next = Position(next.0.saturating_add(count));
        }
    }
}
