//! Following the ledger: the store first, then memory, then the position that everybody watches.
//!
//! Each keeps its own position, and takes each record once. In step they are while nothing is wrong; but neither waits
//! for the other: memory goes on while the index is opened, is behind or is made anew.
use super::Query;
use super::memory::Memory;
use crate::genealogy::Visited;
use crate::ledger::{LedgerError, Reader};
use crate::model::plant::Plant;
use crate::model::{Body, Digest, Origin, Position, Record, What};
use crate::store::{Opened, RebuildCause, Rebuilt, Store, StoreError, StoreOptions};
use crate::telemetry::{Metrics, Now};
use parking_lot::{Condvar, Mutex, RwLock};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Records taken under one lock: readers wait no longer than for these.
const CHUNK: usize = 256;
/// Whoever asks waits no longer for the records that were durable when it asked.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Plants whose hashes are held.
const PLANTS_MAX: usize = 64;

/// What the read side is opened with.
#[derive(Clone)]
pub struct QueryOptions {
    /// A directory of its own for the index; it may be deleted while no daemon runs.
    pub dir: PathBuf,
    /// The ledger that is followed.
    pub origin: Origin,
    /// The ledger's last durable record.
    pub durable: Position,
    /// Where a record is looked up that a correction names; without, in the index.
    pub ledger: Option<Reader>,
    /// Page cache of the index in bytes; [`crate::store::CACHE_BYTES`] unless said otherwise.
    pub cache_bytes: u64,
    /// The time.
    pub now: Now,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// Why records could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The index cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What a correction names cannot be read.
    #[error("the record that a correction names cannot be read: {0}")]
    Ledger(#[from] LedgerError),
    /// A record is missing before one that was brought.
    #[error("record {found} was brought after {position}; wanted the record after it")]
    Hole {
        /// The last that is known.
        position: Position,
        /// What came.
        found: Position,
    },
}

/// What was known before, as an image says it.
#[derive(Debug)]
pub struct Remembered(Memory);

impl Remembered {
    /// Reads what [`Query::image`] gave.
    ///
    /// # Errors
    /// If it is no image of this form, or names what is not in it.
    pub fn read(image: &[u8]) -> Result<Self, minicbor::decode::Error> {
        Memory::from_image(image).map(Self)
    }

    /// Its last record.
    pub fn position(&self) -> Position {
        self.0.position
    }
}

/// What all clones share.
pub(super) struct Inner {
    pub(super) memory: RwLock<Memory>,
    shelf: RwLock<Shelf>,
    options: StoreOptions,
    ledger: Option<Reader>,
    pub(super) position: watch::Sender<Position>,
    wanted: watch::Sender<Position>,
    pub(super) durable: AtomicU64,
    visited: Mutex<Vec<Visited>>,
    pub(super) now: Now,
    pub(super) metrics: Arc<Metrics>,
    /// One follower at a time, of each.
    following: Mutex<()>,
    indexing: Mutex<()>,
    /// One at a time opens the store, or takes it off the shelf and puts it back.
    shelving: Mutex<()>,
    /// What is told is looked up and told in one go, whoever tells it.
    pub(super) telling: Mutex<()>,
    /// Those who wait for records.
    waiting: (Mutex<()>, Condvar),
    /// The plant by whose rules attributes are inherited.
    pub(super) plant: RwLock<Option<Arc<Plant>>>,
    /// The hashes of the last plants by their records.
    plants: Mutex<BTreeMap<Position, Digest>>,
}

/// The store in use, as soon as it is open, and how many there were before it.
struct Shelf {
    store: Option<Store>,
    generation: u64,
    /// Whether its last record is known to be the ledger's.
    checked: bool,
}

impl Shelf {
    /// The records after this one are to be brought to it next: its last one too, as long as it is not checked.
    fn wanted(&self) -> Position {
        let applied = self.store.as_ref().map_or(Position(0), Store::applied);
        Position(applied.0.saturating_sub(u64::from(!self.checked)))
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("position", &*self.position.borrow()).finish_non_exhaustive()
    }
}

impl Query {
    /// Knows nothing: records are brought to memory from the first one on, unless [`Self::remember`] gives it what was
    /// known before; whoever brings them to the index waits until that is open, so that nobody else has to.
    pub fn new(options: QueryOptions) -> Self {
        let QueryOptions { dir, origin, durable, ledger, cache_bytes, now, metrics } = options;
        let options = StoreOptions { dir, origin, durable, cache_bytes };
        let inner = Inner {
            memory: RwLock::default(),
            shelf: RwLock::new(Shelf { store: None, generation: 0, checked: false }),
            options,
            ledger,
            position: watch::Sender::new(Position(0)),
            wanted: watch::Sender::new(Position(0)),
            durable: AtomicU64::new(durable.0),
            visited: Mutex::default(),
            now,
            metrics,
            following: Mutex::default(),
            indexing: Mutex::default(),
            shelving: Mutex::default(),
            telling: Mutex::default(),
            waiting: <(Mutex<()>, Condvar)>::default(),
            plant: RwLock::default(),
            plants: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// From now on items are shown by the rules of this plant.
    pub fn put_in_force(&self, plant: Arc<Plant>) {
        *self.inner.plant.write() = Some(plant);
    }

    /// What memory and index both have: the records after it are to be brought to one of them or both. It starts at 0,
    /// and falls back to 0 when the index had to be begun anew; records that either has already cost it next to
    /// nothing.
    pub fn wanted(&self) -> watch::Receiver<Position> {
        self.inner.wanted.subscribe()
    }

    /// The last record that there was at the start, as long as memory has not all up to it.
    pub fn filling(&self) -> Option<Position> {
        let there = self.inner.options.durable;
        (self.position() < there).then_some(there)
    }

    /// The last record that there is to be found, as long as not all up to it can be found by what they say, at a start or
    /// while the index is made anew: what is not found yet may be in one of them.
    pub fn indexing(&self) -> Option<Position> {
        let found = *self.inner.wanted.borrow();
        let there = self.inner.options.durable.max(self.position());
        (found < there).then_some(there)
    }

    /// Whether the index is open and of this ledger, however much of it it has.
    pub fn has_index(&self) -> bool {
        self.inner.shelf.read().checked
    }

    /// Takes records in the order of their positions, what is known already is passed over: into the index, if it
    /// is open and has what was before them, and then into memory, whatever became of the index.
    ///
    /// # Errors
    /// If a record is missing before one of them that memory wants; if the index cannot be written, which memory has
    /// not waited for. A damaged one is begun anew, logged and counted.
    pub fn apply(&self, records: &[(Position, Record)]) -> Result<(), QueryError> {
        let _one = self.inner.following.lock();
        let mut indexed = Ok(());
        for chunk in records.chunks(CHUNK) {
            if indexed.is_ok() && self.inner.shelf.read().checked {
                indexed = self.inner.to_store(chunk);
            }
            self.inner.to_memory(chunk)?;
        }
        Ok(indexed?)
    }

    /// Takes records into the index alone, which is opened if it is not. Those that it has are passed over.
    ///
    /// # Errors
    /// If it cannot be opened or written, and then it is opened again for the next time; a damaged one is begun anew,
    /// logged and counted.
    pub fn index(&self, records: &[(Position, Record)]) -> Result<(), QueryError> {
        let _one = self.inner.indexing.lock();
        self.inner.open()?;
        self.inner.check_last(records)?;
        // Nothing is added to what is not known to be of this ledger, if it could not be begun anew either.
        if !self.inner.shelf.read().checked {
            return Ok(());
        }
        for chunk in records.chunks(CHUNK) {
            let generation = self.inner.shelf.read().generation;
            if let Err(why) = self.inner.to_store(chunk) {
                self.inner.open_again(generation);
                return Err(why.into());
            }
        }
        Ok(())
    }

    /// What memory has, as bytes, and up to which record. It is asked for meanwhile, and takes no records.
    pub fn image(&self) -> (Position, Vec<u8>) {
        let memory = self.inner.memory.read();
        (memory.position, memory.image())
    }

    /// Begins with what was known before, unless memory has records of its own.
    pub fn remember(&self, before: Remembered) {
        let _one = self.inner.following.lock();
        let mut memory = self.inner.memory.write();
        if memory.position == Position(0) {
            *memory = before.0;
        }
        drop(memory);
        self.inner.publish();
    }

    /// Says how far the ledger is durable, so that answers can say whether they lag behind it.
    pub fn set_durable(&self, durable: Position) {
        self.inner.durable.store(durable.0, Ordering::Release);
    }

    /// Brings the index onto stable storage; without, a crash costs reading some records again.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.inner.shelf.read().store.as_ref().map_or(Ok(()), Store::sync)
    }
}

impl Inner {
    /// Opens the index, unless it is. That takes the longer the more is in it: nobody who asks waits meanwhile.
    fn open(&self) -> Result<(), StoreError> {
        if self.shelf.read().store.is_some() {
            return Ok(());
        }
        let _one = self.shelving.lock();
        // It may only have been out.
        if self.shelf.read().store.is_some() {
            return Ok(());
        }
        let durable = Position(self.durable.load(Ordering::Acquire));
        let options = StoreOptions { durable, ..self.options.clone() };
        let Opened { store, rebuilt, .. } = Store::open(&options)?;
        let mut held = self.shelf.write();
        (held.checked, held.store) = (store.applied() == Position(0), Some(store));
        drop(held);
        self.publish();
        if let Some(rebuilt) = rebuilt {
            self.announce(&rebuilt);
        }
        Ok(())
    }

    /// Asks the store, if it is open. Damage that the asker met is answered by beginning the index anew.
    pub(super) fn with_store<T>(
        &self,
        ask: impl FnOnce(Option<&Store>) -> (T, Option<StoreError>),
    ) -> T {
        let held = self.shelf.read();
        let generation = held.generation;
        let (answer, met) = ask(held.store.as_ref());
        drop(held);
        match met {
            Some(StoreError::Damaged(why)) => {
                self.begin_anew(generation, RebuildCause::Damaged(why));
            }
            Some(why) => tracing::warn!(%why, "the index could not be asked"),
            None => {}
        }
        answer
    }

    /// Until memory has a record, or for as long as anybody should wait.
    pub(super) fn wait_for(&self, wanted: Position) {
        let (lock, told) = &self.waiting;
        let mut held = lock.lock();
        let lacks = |(): &mut ()| *self.position.borrow() < wanted;
        // Whoever was not waited for in time is told of by the answer.
        let _ = told.wait_while_for(&mut held, lacks, WAIT_MAX);
    }

    /// The hash in the record of a plant, whether or not the index is open.
    pub(super) fn plant_hash(&self, at: Position) -> Option<Digest> {
        if let Some(hash) = self.plants.lock().get(&at) {
            return Some(*hash);
        }
        let record = self.earlier(at).unwrap_or_else(|why| {
            tracing::warn!(%why, record = %at, "the record of a plant cannot be read");
            None
        });
        self.keep_plant(&record?)
    }

    /// Holds the hash of a plant that comes into force.
    fn keep_plant(&self, record: &Record) -> Option<Digest> {
        let Body::Plant(plant) = &record.body else { return None };
        let mut plants = self.plants.lock();
        plants.insert(record.position, plant.hash);
        if plants.len() > PLANTS_MAX {
            plants.pop_first();
        }
        Some(plant.hash)
    }

    /// Runs a walk with a set of visited nodes that is kept for the next one.
    pub(super) fn with_visited<T>(&self, walk: impl FnOnce(&Memory, &mut Visited) -> T) -> T {
        let mut visited = self.visited.lock().pop().unwrap_or_default();
        let found = walk(&self.memory.read(), &mut visited);
        self.visited.lock().push(visited);
        found
    }

    /// At a start, the last record of the index must be the ledger's.
    fn check_last(&self, records: &[(Position, Record)]) -> Result<(), StoreError> {
        let held = self.shelf.read();
        let (Some(store), generation) = (&held.store, held.generation) else { return Ok(()) };
        if held.checked {
            return Ok(());
        }
        let last = store.applied();
        let here = records.partition_point(|(position, _)| *position < last);
        let Some((_, record)) = records.get(here).filter(|(position, _)| *position == last) else {
            return Ok(());
        };
        let same = store.holds(record);
        drop(held);
        match same {
            Ok(true) => {
                self.shelf.write().checked = true;
                self.publish();
            }
            Ok(false) => self.begin_anew(generation, RebuildCause::Diverged(last)),
            Err(StoreError::Damaged(why)) => {
                self.begin_anew(generation, RebuildCause::Damaged(why));
            }
            // Nothing is added to what is not known to be of this ledger.
            Err(why @ (StoreError::Io(_) | StoreError::File { .. } | StoreError::Hole { .. })) => {
                return Err(why);
            }
        }
        Ok(())
    }

    fn to_store(&self, records: &[(Position, Record)]) -> Result<(), StoreError> {
        let held = self.shelf.read();
        let generation = held.generation;
        let outcome = held.store.as_ref().map_or(Ok(()), |store| store.apply(records));
        drop(held);
        match outcome {
            // A hole: it was begun anew meanwhile, and the reader will begin at the first again.
            Ok(()) | Err(StoreError::Hole { .. }) => {}
            Err(StoreError::Damaged(why)) => {
                self.begin_anew(generation, RebuildCause::Damaged(why));
            }
            Err(why @ (StoreError::Io(_) | StoreError::File { .. })) => return Err(why),
        }
        self.publish();
        Ok(())
    }

    fn to_memory(&self, records: &[(Position, Record)]) -> Result<(), QueryError> {
        let position = self.memory.read().position;
        let known = records.partition_point(|(at, _)| *at <= position);
        let fresh = records.get(known..).unwrap_or_default();
        let losers = fresh.iter().map(|(_, record)| self.loser(record, fresh));
        let losers = losers.collect::<Result<Vec<Option<Record>>, LedgerError>>()?;
        let mut memory = self.memory.write();
        for ((at, record), loser) in fresh.iter().zip(&losers) {
            if *at != memory.position.next() {
                return Err(QueryError::Hole { position: memory.position, found: *at });
            }
            memory.apply(record, loser.as_ref());
            self.keep_plant(record);
        }
        drop(memory);
        self.publish();
        Ok(())
    }

    /// The record that a correction names.
    fn loser(
        &self,
        record: &Record,
        near: &[(Position, Record)],
    ) -> Result<Option<Record>, LedgerError> {
        let Body::Trace(event) = &record.body else { return Ok(None) };
        let What::Correct { position: loser, .. } = event.what else { return Ok(None) };
        if loser >= record.position {
            return Ok(None);
        }
        let here = near.binary_search_by_key(&loser, |(position, _)| *position).ok();
        if let Some((_, record)) = here.and_then(|at| near.get(at)) {
            return Ok(Some(record.clone()));
        }
        self.earlier(loser)
    }

    /// A record that was brought before.
    fn earlier(&self, at: Position) -> Result<Option<Record>, LedgerError> {
        // It is one read of the index and a walk through a segment of the ledger. The index may not have it yet, and one
        // that is not checked may be of another history.
        let checked = self.shelf.read().checked;
        let found = self.with_store(|store| {
            let store = store.filter(|store| checked && store.applied() >= at);
            match store.map(|store| store.record(at)).transpose() {
                Ok(found) => (found.flatten(), None),
                Err(why) => (None, Some(why)),
            }
        });
        match (found, &self.ledger) {
            (None, Some(ledger)) => match ledger.get(at) {
                // Retention dropped it, and its correction with it, but for a moment in which it may have ended.
                Err(LedgerError::Dropped { .. }) => Ok(None),
                found => Ok(found?.map(|entry| entry.record)),
            },
            (found, _) => Ok(found),
        }
    }

    /// Tells everybody how far store and memory are.
    fn publish(&self) {
        let _one = self.telling.lock();
        let memory = self.memory.read().position;
        let held = self.shelf.read();
        let store = held.store.as_ref().map_or(Position(0), Store::applied);
        let wanted = held.wanted();
        drop(held);
        let changed = |to: Position| move |at: &mut Position| std::mem::replace(at, to) != to;
        self.wanted.send_if_modified(changed(memory.min(wanted)));
        if self.position.send_if_modified(changed(memory)) {
            // Nobody is between looking at the position and waiting.
            drop(self.waiting.0.lock());
            self.waiting.1.notify_all();
        }
        let gauge = self.metrics.store_position.with_label_values(&[] as &[&str]);
        gauge.set(i64::try_from(memory.min(store).0).unwrap_or(i64::MAX));
    }

    /// Opens the index again that the disk refused something: by itself it takes nothing any more.
    pub(super) fn open_again(&self, generation: u64) {
        self.take_out(generation, |store, options| {
            store
                .again(options)
                .inspect_err(|why| tracing::warn!(%why, "the index cannot be opened again yet"))
        });
    }

    /// Begins the index anew, unless somebody else has done it meanwhile.
    pub(super) fn begin_anew(&self, generation: u64, cause: RebuildCause) {
        self.take_out(generation, |store, options| {
            store.retire();
            let fresh = Store::anew(options, cause).inspect_err(
                |why| tracing::error!(%why, "the index is damaged and cannot be begun anew"),
            )?;
            let old = std::mem::replace(store, fresh.store);
            // sled may panic on damage when it is closed.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(old)));
            Ok(fresh.rebuilt)
        });
    }

    /// Takes the store of this generation off the shelf, works on it and puts back what came of it, unless somebody
    /// else has done so meanwhile. It takes a while, in which nobody has the store, and nobody who asks waits for it.
    fn take_out(
        &self,
        generation: u64,
        work: impl FnOnce(&mut Store, &StoreOptions) -> Result<Option<Rebuilt>, StoreError>,
    ) {
        // Whoever comes while it is out has nothing to wait for.
        if self.shelf.read().generation != generation {
            return;
        }
        let _one = self.shelving.lock();
        let mut held = self.shelf.write();
        if held.generation != generation {
            return;
        }
        let Some(mut store) = held.store.take() else { return };
        let checked = std::mem::take(&mut held.checked);
        held.generation += 1;
        drop(held);
        self.publish();
        let durable = Position(self.durable.load(Ordering::Acquire));
        let done = work(&mut store, &StoreOptions { durable, ..self.options.clone() });
        let mut held = self.shelf.write();
        let empty = store.applied() == Position(0);
        (held.store, held.checked) = (Some(store), checked || empty);
        held.generation += 1;
        drop(held);
        if let Ok(rebuilt) = done {
            if let Some(rebuilt) = rebuilt {
                self.announce(&rebuilt);
            } else {
                tracing::warn!("the index is opened again");
            }
        }
        self.publish();
    }

    fn announce(&self, rebuilt: &Rebuilt) {
        let Rebuilt { cause, aside } = rebuilt;
        tracing::error!(%cause, aside = %aside.display(), "the index is rebuilt from the ledger");
        self.metrics.store_rebuilds.with_label_values(&[] as &[&str]).inc();
    }
}
