//! Writing the tape: nothing here ever stops or slows down the engine for longer than a write to
//! the page cache.
use super::codec;
use super::format::{self, Body, Header, Stop};
use super::frames::Frames;
use crate::model::wire::{self, BODY_LEN_MAX};
use crate::model::{At, Input, Monotonic, Origin};
use crate::telemetry::Now;
use parking_lot::Mutex;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Length in bytes after which a new file is begun.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Nanoseconds after which a new file is begun: by the clock on the wall, every full hour.
const HOUR: i64 = 3_600_000_000_000;
/// Bytes that wait in memory before they go to the page cache by themselves.
const BUFFER_BYTES_MAX: usize = 1 << 20;
/// How often the tape is synced, and how long a failed disk is left alone.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Where the tape of a data directory is.
pub(super) fn folder(dir: &Path) -> PathBuf {
    dir.join("tape")
}

/// Writes the tape. Its failures are never the engine's: they are told by [`Self::last_error`] and
/// counted by [`Self::lost`], and stand in the tape as a gap.
pub struct TapeWriter {
    dir: PathBuf,
    origin: Origin,
    now: Now,
    file: Option<Current>,
    buffer: Vec<u8>,
    /// Numbers of the first and the last entry in the buffer.
    buffered: Option<(u64, u64)>,
    next: u64,
    /// The hour of the last entry.
    hour: Option<i64>,
    /// The next entry begins a new file.
    turn: bool,
    /// The first number of the file that is written to, for the sealer.
    writing: Arc<AtomicU64>,
    lost: u64,
    error: Option<String>,
    /// Not tried again before this.
    retry_at: Monotonic,
    syncer: Arc<Syncer>,
    thread: Option<JoinHandle<()>>,
}

struct Current {
    file: Arc<File>,
    len: u64,
    last: u64,
}

/// What the thread that syncs sees.
#[derive(Default)]
struct Syncer {
    /// What was written to since the last sync: one file, two where a new one was begun.
    dirty: Mutex<Vec<Arc<File>>>,
    error: Mutex<Option<io::Error>>,
    stop: AtomicBool,
}

impl TapeWriter {
    /// Opens the tape in the data directory `dir`. A new file is begun by the first entry.
    pub fn open(dir: &Path, origin: Origin, now: Now) -> Self {
        let dir = folder(dir);
        let (next, mut error) = match next_number(&dir) {
            Ok(next) => (next, None),
            Err(why) => (1, Some(format!("{}: {why}", dir.display()))),
        };
        let syncer = Arc::new(Syncer::default());
        let thread = {
            let syncer = syncer.clone();
            std::thread::Builder::new().name("tape".to_owned()).spawn(move || syncer.run())
        };
        let thread = thread
            .map_err(|why| error = Some(format!("the thread that syncs it was not started: {why}")))
            .ok();
        Self {
            dir,
            origin,
            now,
            file: None,
            buffer: Vec::new(),
            buffered: None,
            next,
            hour: None,
            turn: false,
            writing: Arc::default(),
            lost: 0,
            error,
            retry_at: Monotonic::default(),
            syncer,
            thread,
        }
    }

    /// The number after the last one on the tape: where the engine's numbers go on.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// Tells which file is written to, by its first number; 0 before there is one.
    pub fn writing(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.writing)
    }

    /// Takes one step. Numbers go up by one.
    pub fn append(&mut self, number: u64, at: At, input: &Input) {
        let body = codec::encode(number, at, input);
        if body.len() > BODY_LEN_MAX {
            self.lost += 1;
            self.error = Some(format!("step {number} of {} bytes is too long", body.len()));
            return;
        }
        let hour = Some(at.wall.0.div_euclid(HOUR));
        if self.hour.is_some() && self.hour != hour {
            self.flush();
            self.turn = true;
        }
        self.hour = hour;
        wire::put_frame(&body, &mut self.buffer);
        let first = self.buffered.map_or(number, |(first, _)| first);
        self.buffered = Some((first, number));
        self.next = number.saturating_add(1);
        if self.buffer.len() >= BUFFER_BYTES_MAX {
            self.flush();
        }
    }

    /// Puts what was taken into the page cache, where the end of the process does not touch it. To
    /// be called before the frame of the same step goes to the ledger.
    pub fn flush(&mut self) {
        let Some((first, last)) = self.buffered.take() else {
            return;
        };
        let synced = self.syncer.error.lock().take().map_or(Ok(()), Err);
        if let Err(why) = synced.and_then(|()| self.write(first, last)) {
            self.fail(first, last, &why);
        }
        self.buffer.clear();
    }

    /// The last thing that went wrong; `None` while the tape is written.
    pub fn last_error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Steps that are not on the tape.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn write(&mut self, first: u64, last: u64) -> io::Result<()> {
        let full = self.file.as_ref().is_some_and(|current| current.len >= FILE_BYTES_MAX);
        if std::mem::take(&mut self.turn) || full {
            self.end()?;
        }
        let now = (self.now)().monotonic;
        if self.file.is_none() && now < self.retry_at {
            return Err(io::Error::other(self.error.clone().unwrap_or_default()));
        }
        let current = match self.file.as_mut() {
            Some(current) => current,
            None => self.file.insert(begin(&self.dir, &self.origin, &self.writing, first)?),
        };
        current.file.as_ref().write_all(&self.buffer)?;
        current.len += self.buffer.len() as u64;
        current.last = last;
        self.syncer.touch(&current.file);
        self.error = None;
        Ok(())
    }

    /// What was to be written is lost; another file is begun when the disk was left alone a while.
    fn fail(&mut self, first: u64, last: u64, why: &io::Error) {
        self.lost += last - first + 1;
        let now = (self.now)().monotonic;
        if now >= self.retry_at {
            self.retry_at = now.plus(SYNC_EVERY);
            tracing::error!(lost = self.lost, "the tape cannot be written: {why}");
        }
        self.error = Some(why.to_string());
        self.file = None;
    }

    /// Ends the current file: nothing is missing from it.
    fn end(&mut self) -> io::Result<()> {
        let Some(current) = self.file.take() else {
            return Ok(());
        };
        let mut end = Vec::new();
        format::put_end(current.last, &mut end);
        current.file.as_ref().write_all(&end)?;
        self.syncer.touch(&current.file);
        Ok(())
    }
}

impl Drop for TapeWriter {
    fn drop(&mut self) {
        self.flush();
        if let Err(why) = self.end() {
            tracing::error!("the tape could not be ended: {why}");
        }
        self.syncer.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the thread that syncs the tape panicked");
            }
        }
    }
}

impl Syncer {
    fn touch(&self, file: &Arc<File>) {
        let mut dirty = self.dirty.lock();
        if !dirty.iter().any(|known| Arc::ptr_eq(known, file)) {
            dirty.push(file.clone());
        }
    }

    fn run(&self) {
        let mut stopped = false;
        while !stopped {
            std::thread::park_timeout(SYNC_EVERY);
            stopped = self.stop.load(Ordering::Acquire);
            let dirty = std::mem::take(&mut *self.dirty.lock());
            for file in dirty {
                if let Err(why) = file.sync_data() {
                    *self.error.lock() = Some(why);
                }
            }
        }
    }
}

/// Begins a file; its name is on stable storage with the first sync.
fn begin(dir: &Path, origin: &Origin, writing: &AtomicU64, first: u64) -> io::Result<Current> {
    std::fs::create_dir_all(dir)?;
    // Before it is there: nobody else may take it for one that is full.
    writing.store(first, Ordering::Release);
    if format::sealed(dir, first).exists() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a sealed file has its name"));
    }
    let path = format::path(dir, first);
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    let header = format::header(&Header { origin: origin.clone(), first, features: 0 });
    let begun = (&file).write_all(&header).and_then(|()| File::open(dir)?.sync_all());
    if let Err(why) = begun {
        // A full disk has room for names: there would be one more of them every second.
        drop(std::fs::remove_file(&path));
        return Err(why);
    }
    Ok(Current { file: Arc::new(file), len: header.len() as u64, last: first })
}

/// The number after the last entry of the last file that has one.
fn next_number(dir: &Path) -> io::Result<u64> {
    if let Some(first) = format::list(dir)?.pop() {
        let mut last = first.checked_sub(1);
        let path = Frames::path(dir, first);
        let mut frames = match Frames::open(&path) {
            Ok((_, frames)) => frames,
            Err(Stop::Io(why)) => return Err(why),
            Err(Stop::Newer { version, features }) => {
                let has = format::newer(version, features);
                tracing::warn!(path = %path.display(), "it has {has}; it stays as it is, and the tape goes on in a file of its own");
                // Nobody here can tell its numbers: each of its entries takes a byte at the least.
                return Ok(first.saturating_add(std::fs::metadata(&path)?.len().max(1)));
            }
            // Whatever it is, it keeps its name.
            Err(Stop::Foreign | Stop::Torn(_)) => return Ok(first.saturating_add(1)),
        };
        let mut frame = Vec::new();
        while let Ok(Some(body)) = frames.take(&mut frame) {
            if let Some(Body::Entry(number)) = format::body(body) {
                last = last.max(Some(number));
            }
        }
        // Its name is taken, also where it has no entry.
        return Ok(last.map_or(0, |last| last.saturating_add(1)).max(first.saturating_add(1)));
    }
    Ok(1)
}

#[cfg(test)]
impl TapeWriter {
    /// From now on the file refuses to be written to, as one does whose disk is gone.
    pub(super) fn break_file(&mut self) {
        let current = self.file.as_mut().unwrap();
        let path = format::path(&self.dir, 5);
        current.file = Arc::new(File::open(path).unwrap());
    }
}
