//! The frames of a tape file, whether it is sealed or not.
use super::format::{self, Header, Stop};
use super::sealed::SealedFrames;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// The frames of one file, one after another.
pub(super) enum Frames {
    Open(BufReader<File>),
    Sealed(Box<SealedFrames>),
}

impl Frames {
    /// Where the file that begins at `first` is; the sealed one, if there are both.
    pub(super) fn path(dir: &Path, first: u64) -> PathBuf {
        let sealed = format::sealed(dir, first);
        if sealed.exists() { sealed } else { format::path(dir, first) }
    }

    pub(super) fn open(path: &Path) -> Result<(Header, Self), Stop> {
        if format::is_sealed(path) {
            let (header, frames) = SealedFrames::open(path)?;
            return Ok((header, Self::Sealed(Box::new(frames))));
        }
        let mut file = BufReader::new(File::open(path).map_err(Stop::Io)?);
        Ok((format::take_header(&mut file)?, Self::Open(file)))
    }

    /// Reads one frame into `frame` and gives its body; `None` at the end.
    pub(super) fn take<'f>(&mut self, frame: &'f mut Vec<u8>) -> Result<Option<&'f [u8]>, Stop> {
        match self {
            Self::Open(file) => format::take(file, frame),
            Self::Sealed(sealed) => sealed.take(frame),
        }
    }
}
