//! Files that are full, sealed one after another while the tape is written.
use super::format::{self, Stop};
use super::sealed::{self, InForce, Load, SealedFrames};
use super::{codec, writer};
use crate::model::plant::{Plant, PlantFile};
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a file is called while it is written.
const PART: &str = "part";

/// Seals what is full: every file but the last and the one that is being written to.
///
/// A sealed file takes the place of its original only when it was read back and holds the same frames,
/// and both it and its name are on stable storage; a crash in between leaves the original, or both. A file
/// with bytes that are no frame stays as it is: somebody may still find something behind them.
pub struct Sealer {
    dir: PathBuf,
    plant: InForce,
    load: Load,
    halt: Box<dyn Fn() -> bool + Send>,
    writing: Arc<AtomicU64>,
    /// The file after the last one that was looked at.
    next: u64,
}

/// Why a file could not be sealed; it stays as it is.
#[derive(Debug, thiserror::Error)]
#[error("{} stays as it is: {why}", path.display())]
pub struct SealError {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub why: io::Error,
}

impl Sealer {
    /// Of the tape in the data directory `dir`, whose writer says what it is `writing` to. `load` makes a
    /// plant of its files, `halt` says whether to give up what is under way.
    pub fn new(
        dir: &Path,
        writing: Arc<AtomicU64>,
        load: impl FnMut(&[PlantFile]) -> Option<Arc<Plant>> + Send + 'static,
        halt: impl Fn() -> bool + Send + 'static,
    ) -> Self {
        let (load, halt) = (Box::new(load), Box::new(halt));
        Self { dir: writer::folder(dir), plant: None, load, halt, writing, next: 0 }
    }

    /// Seals the oldest file that is full; `None` if there is none, or it was interrupted.
    ///
    /// # Errors
    /// If the file, or the one beside it, cannot be read or written; the next call goes on behind it.
    pub fn seal_next(&mut self) -> Result<Option<PathBuf>, SealError> {
        let here = |path: &Path| {
            let path = path.to_owned();
            move |why| SealError { path, why }
        };
        let firsts = format::list(&self.dir).map_err(here(&self.dir))?;
        let full = firsts.split_last().map_or(&[][..], |(_, full)| full);
        let writing = self.writing.load(Ordering::Acquire);
        for first in full.iter().copied() {
            if first < self.next || first == writing {
                continue;
            }
            if (self.halt)() {
                return Ok(None);
            }
            self.next = first.saturating_add(1);
            let (open, done) = (format::path(&self.dir, first), format::sealed(&self.dir, first));
            if done.exists() {
                self.remember(&done).map_err(here(&done))?;
                // A crash came between the last two steps of its sealing.
                remove(&open).map_err(here(&open))?;
                continue;
            }
            let sealed = self.seal(&open, &done);
            if sealed.is_err() {
                // What plant was in force at its end is not known, and half a file is nobody's.
                self.plant = None;
                remove(&done.with_extension(PART)).map_err(here(&open))?;
            }
            match sealed {
                Err(why) if why.kind() == io::ErrorKind::Interrupted => return Ok(None),
                sealed => return sealed.map(|()| Some(done)).map_err(here(&open)),
            }
        }
        Ok(None)
    }

    fn seal(&mut self, open: &Path, done: &Path) -> io::Result<()> {
        let part = done.with_extension(PART);
        let mut from = BufReader::new(File::open(open)?);
        let header = format::take_header(&mut from).map_err(as_io)?;
        let into =
            File::options().read(true).write(true).create(true).truncate(true).open(&part)?;
        let (load, halt) = (&mut self.load, &*self.halt);
        let plant = sealed::seal(&header, &mut from, into, self.plant.take(), load, halt);
        self.plant = plant.map_err(as_io)?;
        compare(open, &part)?;
        std::fs::rename(&part, done)?;
        File::open(&self.dir)?.sync_all()?;
        remove(open)
    }

    /// Takes over the plant that was in force at the end of a sealed file.
    fn remember(&mut self, done: &Path) -> io::Result<()> {
        let (_, sealed) = SealedFrames::open(done).map_err(as_io)?;
        let Some(number) = sealed.plant() else { return Ok(()) };
        if self.plant.as_ref().is_some_and(|(known, _)| *known == number) {
            return Ok(());
        }
        let files = format::list(&self.dir)?;
        let Some(first) = files.into_iter().rfind(|first| *first <= number) else { return Ok(()) };
        let (_, mut frames) =
            SealedFrames::open(&format::sealed(&self.dir, first)).map_err(as_io)?;
        let mut frame = Vec::new();
        while let Some(body) = frames.take(&mut frame).map_err(as_io)? {
            let look = codec::look(body);
            if let Some((at, files)) = look.as_ref().and_then(codec::Look::plant)
                && at == number
            {
                self.plant = (self.load)(files).map(|plant| (number, plant));
            }
        }
        Ok(())
    }
}

/// Whether both hold the same frames, and end alike.
fn compare(open: &Path, part: &Path) -> io::Result<()> {
    let mut from = BufReader::new(File::open(open)?);
    let was = format::take_header(&mut from).map_err(as_io)?;
    let (is, mut sealed) = SealedFrames::open(part).map_err(as_io)?;
    let differs = || io::Error::new(io::ErrorKind::InvalidData, "read back it is something else");
    if was != is {
        return Err(differs());
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    loop {
        match (format::take(&mut from, &mut left), sealed.take(&mut right)) {
            (Ok(Some(was)), Ok(Some(is))) if was == is => {}
            (Ok(None), Ok(None)) => return Ok(()),
            (Err(stop), _) | (_, Err(stop)) => return Err(as_io(stop)),
            (Ok(_), Ok(_)) => return Err(differs()),
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn as_io(stop: Stop) -> io::Error {
    match stop {
        Stop::Io(why) => why,
        Stop::Foreign => io::Error::new(io::ErrorKind::InvalidData, "it does not begin as a tape"),
        Stop::Newer { version, features } => {
            let has = format::newer(version, features);
            let said = format!("it has {has}; the version that wrote it seals it, or a newer one");
            io::Error::new(io::ErrorKind::InvalidData, said)
        }
        Stop::Torn(bytes) => {
            io::Error::new(io::ErrorKind::InvalidData, format!("{bytes} bytes are no frame"))
        }
    }
}
