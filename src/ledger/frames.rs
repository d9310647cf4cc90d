//! The frames of one segment file, read through a small buffer.
use super::disk::DiskFile;
use super::format::{self, Piece, PieceFault};
use crate::model::wire::{self, BODY_LEN_MAX, FrameFault, HEAD_LEN};
use std::io;

/// What is read at once: some hundred records.
const CHUNK_LEN: usize = 256 << 10;

/// A file, and where in it the next frame begins.
pub(super) struct Frames {
    pub(super) file: Box<dyn DiskFile>,
    pub(super) offset: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl Frames {
    /// Begins at `offset`, where a frame begins.
    pub(super) fn new(file: Box<dyn DiskFile>, offset: u64) -> Self {
        Self { file, offset, buffer: Vec::new(), used: 0 }
    }

    /// The next frame, as far as it is below byte `limit`; `None` there. After a fault it stands
    /// before what is faulty.
    pub(super) fn next(&mut self, limit: u64) -> io::Result<Result<Option<Piece<'_>>, PieceFault>> {
        self.buffer(limit)?;
        let Self { offset, buffer, used, .. } = self;
        let buffered = buffer.get(*used..).unwrap_or_default();
        Ok(format::take_piece(buffered).map(|taken| {
            let (piece, rest) = taken?;
            let len = buffered.len() - rest.len();
            *used += len;
            *offset += len as u64;
            Some(piece)
        }))
    }

    fn buffered(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    /// Makes sure that the next frame is in the buffer.
    fn buffer(&mut self, limit: u64) -> io::Result<()> {
        let short = |frames: &Self| wire::take_frame(frames.buffered()) == Err(FrameFault::Short);
        if self.buffered().is_empty() || short(self) {
            self.read(CHUNK_LEN, limit)?;
        }
        if short(self) {
            let len = self.buffered().first_chunk::<4>().map_or(0, |len| u32::from_le_bytes(*len));
            self.read(HEAD_LEN + (len as usize).min(BODY_LEN_MAX), limit)?;
        }
        Ok(())
    }

    fn read(&mut self, len: usize, limit: u64) -> io::Result<()> {
        let len = usize::try_from(limit.saturating_sub(self.offset)).unwrap_or(len).min(len);
        self.buffer.resize(len, 0);
        self.used = 0;
        let mut filled = 0;
        while let Some(room) = self.buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.file.read_at(room, self.offset + filled as u64)? {
                0 => break,
                n => filled += n,
            }
        }
        self.buffer.truncate(filled);
        Ok(())
    }
}
