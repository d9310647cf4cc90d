//! Playing the tape back, with what is missing from it.
use super::codec::{self, Fault, PlantFault};
use super::format::{self, Body, Stop};
use super::frames::Frames;
use crate::model::plant::{Plant, PlantFile};
use crate::model::{At, Input, Origin};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the tape cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum TapeError<E> {
    /// The operating system says no.
    #[error("{} could not be read: {source}", path.display())]
    Io {
        /// What was read.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Not a tape.
    #[error("{} is not a tape: it does not begin as one", .0.display())]
    Foreign(PathBuf),
    /// Written by a later version.
    #[error("{} has {}; run the version that wrote it, or a newer one", path.display(), format::newer(*version, *features))]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format version.
        version: u32,
        /// Its feature bits.
        features: u32,
    },
    /// The plant of an entry could not be had; the next call goes on behind it.
    #[error("entry {number}: {fault}")]
    Plant {
        /// Which entry.
        number: u64,
        /// When it was stepped.
        at: At,
        /// Why.
        fault: PlantFault<E>,
    },
}

/// One step.
#[derive(Debug, Clone)]
pub struct TapeEntry {
    /// The number that it was stepped under.
    pub number: u64,
    /// When it was stepped.
    pub at: At,
    /// What was stepped.
    pub input: Input,
}

/// Why something is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TapeGapCause {
    /// The file ends without its end mark: the daemon was killed, or is running.
    #[error("the file ends without its end mark")]
    Open,
    /// The file ends within an entry.
    #[error("the last {0} bytes are no entry")]
    Torn(u64),
    /// Numbers are missing.
    #[error("numbers are missing")]
    Numbers,
    /// An entry says something that this version has no word for.
    #[error("an entry cannot be read: {0}")]
    Unreadable(String),
}

/// Steps that are, or may be, missing: an event between them cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: after step {} until {}: {cause}", name(*after), name(*before))]
pub struct TapeGap {
    /// The file, or the one that begins after the gap.
    pub file: String,
    /// The last step before it; `None` if it is at the begin.
    pub after: Option<u64>,
    /// The first step after it; `None` if it is at the end or not known.
    pub before: Option<u64>,
    /// Why.
    pub cause: TapeGapCause,
}

fn name(number: Option<u64>) -> String {
    number.map_or_else(|| "(none)".to_owned(), |n| n.to_string())
}

/// What comes off the tape.
#[derive(Debug, Clone)]
pub enum TapeItem {
    /// A step.
    Entry(TapeEntry),
    /// Nothing is known here.
    Gap(TapeGap),
}

/// Plays the tape of a directory from its begin.
pub struct TapeReader {
    dir: PathBuf,
    firsts: std::vec::IntoIter<u64>,
    file: Option<Playing>,
    last: Option<u64>,
    /// An entry that waits behind the gap before it.
    waiting: Option<Vec<u8>>,
    frame: Vec<u8>,
}

struct Playing {
    path: PathBuf,
    frames: Frames,
    origin: Origin,
    ended: bool,
}

impl TapeReader {
    /// Opens the tape in the data directory `dir`; one that is not there is empty.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let dir = super::writer::folder(dir);
        let firsts = format::list(&dir)?.into_iter();
        Ok(Self { dir, firsts, file: None, last: None, waiting: None, frame: Vec::new() })
    }

    /// Whose inputs these are, once something was read.
    pub fn origin(&self) -> Option<&Origin> {
        self.file.as_ref().map(|file| &file.origin)
    }

    /// The next step or gap; `None` at the end. `load` makes a plant of its files.
    pub fn next_item<E>(
        &mut self,
        load: impl FnOnce(&[PlantFile]) -> Result<Arc<Plant>, E>,
    ) -> Result<Option<TapeItem>, TapeError<E>> {
        if let Some(body) = self.waiting.take() {
            return self.entry(&body, load).map(Some);
        }
        loop {
            let Some(playing) = self.file.as_mut() else {
                let Some(first) = self.firsts.next() else {
                    return Ok(None);
                };
                if let Some(gap) = self.turn(first)? {
                    return Ok(Some(TapeItem::Gap(gap)));
                }
                continue;
            };
            let mut frame = std::mem::take(&mut self.frame);
            let taken = playing.frames.take(&mut frame);
            let found = match taken {
                Ok(Some(body)) => Ok(format::body(body).map(|kind| (kind, body))),
                Ok(None) => Err((!playing.ended).then_some(TapeGapCause::Open)),
                Err(Stop::Torn(bytes)) => Err(Some(TapeGapCause::Torn(bytes))),
                Err(stop) => return Err(playing.error(stop)),
            };
            let item = match found {
                Ok(Some((Body::Entry(number), body))) => {
                    let expected = self.last.map(|last| last + 1);
                    if expected.is_some_and(|expected| expected != number) {
                        self.waiting = Some(body.to_vec());
                        Some(self.gap(Some(number), TapeGapCause::Numbers))
                    } else {
                        let item = self.entry(body, load);
                        self.frame = frame;
                        return item.map(Some);
                    }
                }
                Ok(Some((Body::End(last), _))) => {
                    playing.ended = self.last == Some(last);
                    None
                }
                Ok(None) => {
                    let why = "it is neither an entry nor an end".to_owned();
                    Some(self.gap(None, TapeGapCause::Unreadable(why)))
                }
                Err(cause) => {
                    let before = self.firsts.as_slice().first().copied();
                    let gap = cause.map(|cause| self.gap(before, cause));
                    self.file = None;
                    gap
                }
            };
            self.frame = frame;
            if let Some(gap) = item {
                return Ok(Some(TapeItem::Gap(gap)));
            }
        }
    }

    /// Opens the file that begins at `first`; what is torn before its first entry is a gap.
    fn turn<E>(&mut self, first: u64) -> Result<Option<TapeGap>, TapeError<E>> {
        let path = Frames::path(&self.dir, first);
        match Frames::open(&path) {
            Ok((header, frames)) => {
                let origin = header.origin;
                self.file = Some(Playing { path, frames, origin, ended: false });
                Ok(None)
            }
            Err(Stop::Torn(bytes)) => {
                let file = file_name(&path);
                let before = self.firsts.as_slice().first().copied();
                let cause = TapeGapCause::Torn(bytes);
                Ok(Some(TapeGap { file, after: self.last, before, cause }))
            }
            Err(stop) => Err(stop.at(&path)),
        }
    }

    fn gap(&self, before: Option<u64>, cause: TapeGapCause) -> TapeGap {
        let file = self.file.as_ref().map(|playing| file_name(&playing.path)).unwrap_or_default();
        TapeGap { file, after: self.last, before, cause }
    }

    fn entry<E>(
        &mut self,
        body: &[u8],
        load: impl FnOnce(&[PlantFile]) -> Result<Arc<Plant>, E>,
    ) -> Result<TapeItem, TapeError<E>> {
        let after = self.last;
        if let Some(Body::Entry(number)) = format::body(body) {
            self.last = Some(number);
        }
        match codec::decode(body, load) {
            Ok((number, at, input)) => Ok(TapeItem::Entry(TapeEntry { number, at, input })),
            Err(Fault::Plant(number, at, fault)) => Err(TapeError::Plant { number, at, fault }),
            Err(Fault::Body(why)) => {
                let before = self.last.map(|last| last + 1);
                let cause = TapeGapCause::Unreadable(why.to_string());
                Ok(TapeItem::Gap(TapeGap { after, ..self.gap(before, cause) }))
            }
        }
    }
}

impl Playing {
    fn error<E>(&self, stop: Stop) -> TapeError<E> {
        stop.at(&self.path)
    }
}

impl Stop {
    fn at<E>(self, path: &Path) -> TapeError<E> {
        let path = path.to_owned();
        match self {
            Self::Io(source) => TapeError::Io { path, source },
            Self::Foreign | Self::Torn(_) => TapeError::Foreign(path),
            Self::Newer { version, features } => TapeError::Newer { path, version, features },
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
