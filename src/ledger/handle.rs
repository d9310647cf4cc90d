//! The handle that the daemon holds, and the thread behind it.
use super::cursor::{Reader, Tail};
use super::disk::{Disk, Lock};
use super::error::{AppendError, Doing, LedgerError};
use super::format;
use super::recover::{Recovered, recover};
use super::thread::Task;
use super::tree::Tree;
use crate::model::wire::{self, BODY_LEN_MAX};
use crate::model::{Frame, Origin, Position};
use crate::telemetry::{Metrics, Now};
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

/// Default length at which a segment is sealed: small enough to copy and verify at once, large
/// enough that a year of a line is some hundred files.
pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// Held by whoever writes, in the data directory.
pub(super) const LOCK: &str = "lock";
/// Frames that may wait for the disk.
const QUEUE_LEN_MAX: usize = 4096;
/// Bytes that may wait for the disk.
const QUEUE_BYTES_MAX: usize = 64 << 20;

const _: () = assert!(BODY_LEN_MAX <= QUEUE_BYTES_MAX, "the longest frame has to fit the queue");

/// How a ledger is opened.
#[derive(Clone)]
pub struct Options {
    /// The data directory; segments are in `ledger/` in it.
    pub dir: PathBuf,
    /// Whose ledger it is. The site must be that of an existing ledger; a greater incarnation than
    /// that of an existing ledger is put in force by a new segment.
    pub origin: Origin,
    /// Length in bytes at which a segment is sealed; [`SEGMENT_BYTES_MAX`] unless said.
    pub segment_bytes_max: u64,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The clock; only the duration of a sync is taken from it.
    pub now: Now,
}

/// Counted up by every cut: frames that were stepped under one never follow frames of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Generation(pub u64);

impl std::fmt::Display for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "generation {}", self.0)
    }
}

/// Whether the ledger takes records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It does.
    Running,
    /// It cannot write; it tries again by itself and goes on under the next generation.
    Failing {
        /// What the last attempt said.
        error: String,
        /// Attempts so far, from 1.
        attempt: u32,
    },
}

/// The one number that everybody waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durable {
    /// This record and all before it are on stable storage. Never falls.
    pub position: Position,
    /// Under which frames are taken. When it changes, whatever was stepped beyond `position` is
    /// void: fold the state again and go on from here.
    pub generation: Generation,
    /// Whether the ledger takes records.
    pub state: State,
    /// Where each earlier generation ended.
    pub(super) ends: Arc<[Position]>,
}

impl Durable {
    /// A ledger that runs and was never cut.
    pub fn at(position: Position) -> Self {
        let generation = Generation::default();
        Self { position, generation, state: State::Running, ends: Arc::new([]) }
    }

    /// What became of the record that was appended at `position` under `generation`: `Some(true)` if
    /// it is durable, `Some(false)` if it is void, `None` while it can become either.
    ///
    /// The position alone does not tell: after a cut it goes on to grow over other records.
    pub fn holds(&self, generation: Generation, position: Position) -> Option<bool> {
        let ended = usize::try_from(generation.0).ok().and_then(|g| self.ends.get(g));
        match ended {
            Some(end) => Some(position <= *end),
            None => (position <= self.position).then_some(true),
        }
    }
}

/// An open ledger and how it was found.
pub struct Opened {
    /// The ledger.
    pub ledger: Ledger,
    /// The last record.
    pub recovered: Position,
    /// Bytes of a torn tail that were cut off; none of them was ever acknowledged.
    pub cut_bytes: u64,
    /// The origin in force.
    pub origin: Origin,
}

/// The ledger. Dropping it writes what waits and ends the thread.
pub struct Ledger {
    queue: Option<mpsc::Sender<Queued>>,
    room: Arc<Semaphore>,
    shared: Arc<Shared>,
    durable: watch::Receiver<Durable>,
    reader: Reader,
    thread: Option<JoinHandle<()>>,
    _lock: Lock,
}

/// What the handle and the thread both see.
pub(super) struct Shared {
    pub(super) intake: Mutex<Intake>,
    pub(super) tail: Arc<Mutex<Tail>>,
    pub(super) tree: DurableTree,
    pub(super) bytes: AtomicU64,
}

/// The Merkle tree over all durable records; it stands still once the ledger is closed. Clones are
/// the same.
#[derive(Clone, Default)]
pub struct DurableTree(Arc<Mutex<Tree>>);

impl DurableTree {
    /// As it is at this moment.
    pub fn now(&self) -> Tree {
        self.0.lock().clone()
    }

    pub(super) fn set(&self, tree: &Tree) {
        self.0.lock().clone_from(tree);
    }
}

/// What the next frame has to be.
pub(super) struct Intake {
    pub(super) generation: Generation,
    pub(super) next: Position,
}

/// The records of one step on their way to the thread.
pub(super) struct Queued {
    pub(super) generation: Generation,
    /// The canonical bytes of each.
    pub(super) records: Vec<Vec<u8>>,
    /// Bytes of the frame, at most.
    pub(super) len: usize,
    _room: OwnedSemaphorePermit,
}

impl Ledger {
    /// Opens the ledger of a data directory, or begins it.
    ///
    /// A torn tail is cut off and the rest synced before anything counts as durable. Damage of what
    /// was durable is an error that names the positions; nothing is changed then.
    pub fn open(options: Options, disk: impl Disk + 'static) -> Result<Opened, LedgerError> {
        let Options { dir, origin, segment_bytes_max, metrics, now } = options;
        let disk: Arc<dyn Disk> = Arc::new(disk);
        let inner = folder(&dir);
        disk.create_dir(&inner).doing("created", &inner)?;
        let lock = dir.join(LOCK);
        let Some(lock) = disk.lock(&lock).doing("locked", &lock)? else {
            return Err(LedgerError::Locked(dir));
        };
        disk.sync_dir(&dir).doing("synced", &dir)?;
        let Recovered { writer, cut_bytes } = recover(disk.clone(), &inner, &origin)?;
        let recovered = writer.position();
        let origin = writer.origin.clone();
        let generation = Generation::default();
        let (publish, durable) = watch::channel(Durable::at(recovered));
        let (queue, waiting) = mpsc::channel(QUEUE_LEN_MAX);
        let tail = Arc::new(Mutex::new(writer.tail()));
        let reader = Reader::following(disk, inner, tail.clone());
        let intake = Mutex::new(Intake { generation, next: recovered.next() });
        let (tree, bytes) = (DurableTree::default(), AtomicU64::new(0));
        let shared = Arc::new(Shared { intake, tail, tree, bytes });
        let task = Task {
            writer,
            segment_bytes_max,
            waiting,
            shared: shared.clone(),
            publish,
            metrics,
            now,
        };
        task.tell();
        let builder = std::thread::Builder::new().name("ledger".to_owned());
        let thread = Some(builder.spawn(move || task.run()).map_err(LedgerError::Thread)?);
        let room = Arc::new(Semaphore::new(QUEUE_BYTES_MAX));
        let ledger =
            Self { queue: Some(queue), room, shared, durable, reader, thread, _lock: lock };
        Ok(Opened { ledger, recovered, cut_bytes, origin })
    }

    /// Hands over the records of one step; waits for room. They are durable when [`Self::durable`]
    /// says so, and never if its generation changes before that.
    ///
    /// May be dropped while it waits: the frame is not taken then.
    pub async fn append(&self, generation: Generation, frame: Frame) -> Result<(), AppendError> {
        let (Some(first), Some(last)) = (frame.first(), frame.last()) else {
            return Ok(());
        };
        let (first, last) = (first.position, last.position);
        let mut pairs = frame.iter().zip(frame.iter().skip(1));
        if let Some((a, b)) = pairs.find(|(a, b)| a.position.next() != b.position) {
            return Err(AppendError::NotDense { found: b.position, wanted: a.position.next() });
        }
        let records: Vec<Vec<u8>> = frame.iter().map(wire::encode).collect();
        let len = format::step_len_max(&records);
        let permits = u32::try_from(len).ok().filter(|_| len <= BODY_LEN_MAX);
        let permits = permits.ok_or(AppendError::TooLong { len, max: BODY_LEN_MAX })?;
        let room = self.room.clone().acquire_many_owned(permits).await;
        let room = room.map_err(|_| AppendError::Closed)?;
        let queue = self.queue.as_ref().ok_or(AppendError::Closed)?;
        let slot = queue.reserve().await.map_err(|_| AppendError::Closed)?;
        let mut intake = self.shared.intake.lock();
        if generation != intake.generation {
            return Err(AppendError::Stale { found: generation, current: intake.generation });
        }
        if first != intake.next {
            return Err(AppendError::NotDense { found: first, wanted: intake.next });
        }
        intake.next = last.next();
        slot.send(Queued { generation, records, len, _room: room });
        Ok(())
    }

    /// What is durable, now and whenever it changes.
    pub fn durable(&self) -> watch::Receiver<Durable> {
        self.durable.clone()
    }

    /// Reads durable records.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// The Merkle tree over what is durable.
    pub fn tree(&self) -> DurableTree {
        self.shared.tree.clone()
    }

    /// Bytes in all segments.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the ledger's thread panicked");
            }
        }
    }
}

/// Where the segments of a data directory are.
pub(super) fn folder(dir: &Path) -> PathBuf {
    dir.join("ledger")
}
