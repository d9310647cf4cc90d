//! Opening, with all that sled 0.34.7 needs around it.
//!
//! A torn `snap.*.generating` sorts last among the snapshots and makes sled refuse to open
//! (spacejam/sled#1527), so does a truncated snapshot; without any snapshot it scans its log and
//! finds everything. What still does not open is moved aside and begun anew.
use super::key;
use super::tail::Tail;
use super::write::Writer;
use super::{RebuildCause, Store, StoreError, guarded};
use crate::model::{Origin, Position, wire};
use parking_lot::{Mutex, RwLock};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Page cache of sled, in bytes, unless said otherwise. Resident memory runs above it.
pub const CACHE_BYTES: u64 = 128 << 20;

/// How often the lock is tried before another daemon is believed to run: two seconds in all.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// What a disk has to take before the store is opened again: a segment of sled, and a snapshot.
const ROOM_BYTES: usize = 1 << 20;

/// Where the store is and what it belongs to.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// A directory of its own.
    pub dir: PathBuf,
    /// The ledger that it follows.
    pub origin: Origin,
    /// The ledger's last durable record.
    pub durable: Position,
    /// Page cache in bytes; 128 to 256 MB is sensible.
    pub cache_bytes: u64,
}

/// A store that is open.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// The records after this one are to be brought: it ends a shelf.
    pub applied: Position,
    /// Why it was begun anew, if it was.
    pub rebuilt: Option<Rebuilt>,
}

/// A store that was begun anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// Why.
    pub cause: RebuildCause,
    /// Where the old one lies until the next rebuild.
    pub aside: PathBuf,
}

impl Store {
    /// Opens the store, or begins it anew if it is damaged, of another form or of another ledger.
    ///
    /// # Errors
    /// Only if the file system says no; damage is none.
    pub fn open(options: &StoreOptions) -> Result<Opened, StoreError> {
        make_dir(&options.dir)?;
        match Self::reopen(options) {
            Ok(Ok(opened)) => Ok(opened),
            Ok(Err(cause)) => Self::anew(options, cause),
            Err(StoreError::Damaged(why)) => Self::anew(options, RebuildCause::Damaged(why)),
            Err(world) => Err(world),
        }
    }

    /// Opens what is there, or says why it cannot be used.
    fn reopen(options: &StoreOptions) -> Result<Result<Opened, RebuildCause>, StoreError> {
        let db = open_sled(options)?;
        match examine(&db, options) {
            Ok(Ok(applied)) => Self::opened(db, options, applied, None).map(Ok),
            Ok(Err(cause)) => {
                close(db);
                Ok(Err(cause))
            }
            Err(why) => {
                close(db);
                Err(why)
            }
        }
    }

    /// Gives this store up, before another is begun in its place with [`Self::anew`].
    pub fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    /// Opens it again after the disk refused it something: sled takes nothing after that, whatever room there
    /// is. As long as the disk refuses the store stays as it is, to be read.
    ///
    /// # Errors
    /// If the file system still says no.
    pub fn again(&mut self, options: &StoreOptions) -> Result<Option<Rebuilt>, StoreError> {
        let room = options.dir.join("room");
        let taken =
            fs::write(&room, vec![0; ROOM_BYTES]).and_then(|()| File::open(&room)?.sync_all());
        absent_is_fine(fs::remove_file(&room)).map_err(at("remove", &room))?;
        taken.map_err(at("write", &room))?;
        self.retire();
        if let Some(db) = self.db.take() {
            close(db);
        }
        let Opened { store, rebuilt, .. } = Self::open(options)?;
        *self = store;
        Ok(rebuilt)
    }

    /// Moves what is there aside and begins anew.
    ///
    /// # Errors
    /// If the file system says no.
    pub fn anew(options: &StoreOptions, cause: RebuildCause) -> Result<Opened, StoreError> {
        make_dir(&options.dir)?;
        let (from, aside) = (sled_dir(&options.dir), options.dir.join("aside"));
        absent_is_fine(fs::remove_dir_all(&aside)).map_err(at("remove", &aside))?;
        let mark = mark_path(&options.dir);
        absent_is_fine(fs::remove_file(&mark)).map_err(at("remove", &mark))?;
        absent_is_fine(fs::rename(&from, &aside)).map_err(at("move aside", &from))?;
        let db = open_sled(options)?;
        let applied = examine(&db, options)?.map_err(|why| StoreError::Damaged(why.to_string()))?;
        Self::opened(db, options, applied, Some(Rebuilt { cause, aside }))
    }

    fn opened(
        db: sled::Db,
        options: &StoreOptions,
        applied: Position,
        rebuilt: Option<Rebuilt>,
    ) -> Result<Opened, StoreError> {
        let path = sled_dir(&options.dir).join("db");
        let file = File::open(&path).map_err(at("open", &path))?;
        let store = Self {
            db: Some(db),
            file,
            dir: options.dir.clone(),
            applied: AtomicU64::new(applied.0),
            tail: RwLock::new(Tail::after(applied)),
            retired: AtomicBool::new(false),
            writer: Mutex::new(Writer::new(applied)),
        };
        Ok(Opened { store, applied, rebuilt })
    }

    /// Brings every shelf that is full onto stable storage; the records after it are brought again
    /// at the next start.
    ///
    /// # Errors
    /// If it cannot be written; nothing is lost, the ledger has it.
    pub fn sync(&self) -> Result<(), StoreError> {
        let mut writer = self.writer.lock();
        self.sync_locked(&mut writer)
    }

    pub(super) fn sync_locked(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let filed = self.tail.read().filed;
        self.ask(|db| db.flush())?;
        let db = sled_dir(&self.dir).join("db");
        self.file.sync_data().map_err(at("sync", &db))?;
        let path = mark_path(&self.dir);
        write_mark(&self.dir, filed).map_err(at("write", &path))?;
        writer.synced = filed;
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // What is not synced is brought again from the ledger; the mark of a retired store is another's.
        if !self.retired.load(Ordering::Acquire) {
            let _ = self.sync();
        }
    }
}

/// sled writes when it is closed, and may panic on damage.
fn close(db: sled::Db) {
    let _ = guarded(move || {
        drop(db);
        Ok(())
    });
}

fn open_sled(options: &StoreOptions) -> Result<sled::Db, StoreError> {
    let path = sled_dir(&options.dir);
    let config =
        sled::Config::new().path(&path).cache_capacity(options.cache_bytes).flush_every_ms(None);
    remove_snapshots(&path, |name| name.ends_with(".generating")).map_err(at("clean", &path))?;
    match unlocked(&config) {
        Err(StoreError::Damaged(_)) => {
            // A scan of a damaged log may find old pages beside new ones: everything is brought
            // again, so that what is missing comes back. What is mixed up is seen when it is read.
            let mark = mark_path(&options.dir);
            absent_is_fine(fs::remove_file(&mark)).map_err(at("remove", &mark))?;
            remove_snapshots(&path, |_| true).map_err(at("clean", &path))?;
            unlocked(&config)
        }
        outcome => outcome,
    }
}

/// Opens once nobody holds the lock: sled's threads let go of it only some time after a close, and
/// nothing tells when.
fn unlocked(config: &sled::Config) -> Result<sled::Db, StoreError> {
    for _ in 1..LOCK_TRIES {
        match guarded(|| config.open()) {
            Err(StoreError::Io(why)) if why.to_string().contains("could not acquire lock") => {
                std::thread::sleep(LOCK_PAUSE);
            }
            outcome => return outcome,
        }
    }
    guarded(|| config.open())
}

/// Where a store stands, or why it cannot be used.
fn examine(
    db: &sled::Db,
    options: &StoreOptions,
) -> Result<Result<Position, RebuildCause>, StoreError> {
    let meta = |name: &'static [u8]| guarded(|| db.get(name));
    let number = |name| {
        meta(name).map(|v| v.and_then(|v| v.as_ref().try_into().ok().map(u64::from_be_bytes)))
    };
    let mark = read_mark(&options.dir);
    let lost = |applied| {
        RebuildCause::Damaged(format!("it was synced up to {mark} and has records up to {applied}"))
    };
    let Some(schema) = number(key::META_SCHEMA)? else {
        if guarded(|| db.first())?.is_some() {
            return Ok(Err(RebuildCause::Damaged("it does not say of what form it is".to_owned())));
        }
        // Of a log without a good segment sled makes an empty store, without a word.
        if mark > Position(0) {
            return Ok(Err(lost(Position(0))));
        }
        let mut batch = sled::Batch::default();
        batch.insert(key::META_SCHEMA, &key::SCHEMA.to_be_bytes());
        batch.insert(key::META_ORIGIN, wire::encode(&options.origin));
        batch.insert(key::META_APPLIED, &0u64.to_be_bytes());
        guarded(|| db.apply_batch(batch))?;
        return Ok(Ok(Position(0)));
    };
    if schema != key::SCHEMA {
        return Ok(Err(RebuildCause::Schema { found: schema, wanted: key::SCHEMA }));
    }
    let origin = meta(key::META_ORIGIN)?.and_then(|v| wire::decode::<Origin>(&v).ok());
    let (Some(origin), Some(applied)) = (origin, number(key::META_APPLIED)?) else {
        return Ok(Err(RebuildCause::Damaged("it does not say how far it is".to_owned())));
    };
    if origin != options.origin {
        return Ok(Err(RebuildCause::Origin { found: origin }));
    }
    let applied = Position(applied);
    if applied > options.durable {
        return Ok(Err(RebuildCause::Ahead { applied, durable: options.durable }));
    }
    if applied < mark {
        return Ok(Err(lost(applied)));
    }
    // After a loss of power sled may say more than is there: the mark was written after a sync.
    Ok(Ok(key::last_filed(mark)))
}

fn sled_dir(dir: &Path) -> PathBuf {
    dir.join("sled")
}

fn mark_path(dir: &Path) -> PathBuf {
    dir.join("applied")
}

/// The last record that is known to be on stable storage; 0 if nothing says so.
fn read_mark(dir: &Path) -> Position {
    let text = fs::read_to_string(mark_path(dir)).unwrap_or_default();
    Position(text.trim().parse().unwrap_or(0))
}

fn write_mark(dir: &Path, applied: Position) -> io::Result<()> {
    let fresh = dir.join("applied.new");
    fs::write(&fresh, format!("{}\n", applied.0))?;
    File::open(&fresh)?.sync_all()?;
    fs::rename(&fresh, mark_path(dir))?;
    File::open(dir)?.sync_all()
}

fn remove_snapshots(path: &Path, which: impl Fn(&str) -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && which(&name) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn make_dir(dir: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(dir).map_err(at("make", dir))
}

fn absent_is_fine(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |why| StoreError::File { doing, path, why }
}
