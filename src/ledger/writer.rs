//! The writing end: one group, one write, one sync; and the cut after a failure.
use super::cursor::Tail;
use super::disk::{Disk, DiskFile};
use super::error::{Doing, LedgerError};
use super::format::{self, Seal};
use super::segment;
use super::tree::{Tree, leaf};
use crate::model::{Origin, Position};
use std::path::PathBuf;
use std::sync::Arc;

/// The segment that is written to.
pub(super) struct Active {
    pub(super) file: Box<dyn DiskFile>,
    pub(super) first: Position,
    /// Bytes of it that are on stable storage; whatever is behind them is void.
    pub(super) len: u64,
    /// Its seal is on stable storage: it never changes again.
    pub(super) sealed: bool,
}

/// What writes. After an error of any of its functions only [`Writer::roll`] may be called,
/// until it succeeds.
pub(super) struct Writer {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    pub(super) origin: Origin,
    pub(super) active: Option<Active>,
    /// Over every durable record.
    pub(super) tree: Tree,
    /// The tree and the length once what is written is synced.
    pub(super) written: Option<(Tree, u64)>,
    /// Bytes in the segments before the active one.
    pub(super) bytes_before: u64,
    pub(super) buffer: Vec<u8>,
}

impl Writer {
    /// The last durable record.
    pub(super) fn position(&self) -> Position {
        Position(self.tree.size())
    }

    /// Where the durable part ends, for readers.
    pub(super) fn tail(&self) -> Tail {
        let (segment, len) = self.active.as_ref().map_or((Position(0), 0), |a| (a.first, a.len));
        Tail { position: self.position(), segment, len }
    }

    /// Durable bytes of the active segment.
    pub(super) fn segment_len(&self) -> u64 {
        self.active.as_ref().map_or(0, |a| a.len)
    }

    /// Bytes in all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes_before + self.segment_len()
    }

    /// Writes frames, each the canonical bytes of its records, at the end.
    pub(super) fn write(&mut self, frames: &[&[Vec<u8>]]) -> Result<(), LedgerError> {
        let active = self.active.as_ref().expect("the writer begins with a segment");
        let synced = Position(self.tree.size());
        let mut tree = self.tree.clone();
        self.written = None;
        self.buffer.clear();
        for records in frames {
            format::put_step(synced, records, &mut self.buffer);
            records.iter().for_each(|record| tree.push(leaf(record)));
        }
        let path = segment::path(&self.dir, active.first);
        active.file.write_all_at(&self.buffer, active.len).doing("written", &path)?;
        self.written = Some((tree, active.len + self.buffer.len() as u64));
        Ok(())
    }

    /// Makes what was written durable, if this returns Ok.
    pub(super) fn sync(&mut self) -> Result<(), LedgerError> {
        let active = self.active.as_mut().expect("the writer begins with a segment");
        active.file.sync().doing("synced", &segment::path(&self.dir, active.first))?;
        if let Some((tree, len)) = self.written.take() {
            (self.tree, active.len) = (tree, len);
        }
        Ok(())
    }

    /// Ends the active segment at its last durable byte and begins the next one. After an error it
    /// may be called again: what is done stays done.
    pub(super) fn roll(&mut self) -> Result<(), LedgerError> {
        let last = self.position();
        self.written = None;
        // One without a record is replaced by the next, which has its name.
        if let Some(active) = self.active.as_mut().filter(|a| !a.sealed && a.first <= last) {
            let path = segment::path(&self.dir, active.first);
            let count = last.0 - active.first.0 + 1;
            self.buffer.clear();
            let seal = Seal { last, count, root: self.tree.root() };
            format::put_seal(&seal, &mut self.buffer);
            active.file.truncate(active.len).doing("cut", &path)?;
            active.file.write_all_at(&self.buffer, active.len).doing("sealed", &path)?;
            active.file.sync().doing("synced", &path)?;
            active.len += self.buffer.len() as u64;
            active.sealed = true;
        }
        self.begin()
    }

    /// Makes the segment after the last durable record. It has its name only when it is whole, so
    /// that a segment never has half a header.
    fn begin(&mut self) -> Result<(), LedgerError> {
        let first = self.position().next();
        let header = format::header(&self.origin, &self.tree);
        let path = segment::path(&self.dir, first);
        let unborn = segment::unborn(&self.dir, first);
        let file = self.disk.create(&unborn).doing("created", &unborn)?;
        file.write_all_at(&header, 0).doing("written", &unborn)?;
        file.sync().doing("synced", &unborn)?;
        self.disk.rename(&unborn, &path).doing("renamed", &unborn)?;
        self.disk.sync_dir(&self.dir).doing("synced", &self.dir)?;
        let before = self.active.take().filter(|a| a.first < first).map_or(0, |a| a.len);
        self.bytes_before += before;
        self.active = Some(Active { file, first, len: header.len() as u64, sealed: false });
        Ok(())
    }
}
