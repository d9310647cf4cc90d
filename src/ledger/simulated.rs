//! A disk that does by seed what real ones do by bad luck: writes that were not synced are lost,
//! torn and reordered by a power cut, a failed sync drops pages that the cache goes on showing, and
//! a later sync says Ok all the same.
use super::disk::{Disk, DiskFile, Lock};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How often what fails.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) write: f64,
    pub(crate) sync: f64,
    pub(crate) names: f64,
    /// Nothing can be written.
    pub(crate) full: bool,
}

/// A handle; clones are the same disk.
#[derive(Clone)]
pub(crate) struct SimulatedDisk(Arc<Mutex<World>>);

struct World {
    rng: StdRng,
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// Changes of names that are not synced, in order.
    journal: Vec<(PathBuf, Option<usize>)>,
    faults: Faults,
    /// Operations until the power fails.
    power: Option<u32>,
    /// A byte of a file that cannot be read any more.
    lost: Option<(usize, u64)>,
}

#[derive(Default)]
struct Inode {
    cache: Vec<u8>,
    durable: Vec<u8>,
    dirty: Vec<Dirty>,
}

enum Dirty {
    Write(usize, Vec<u8>),
    Length(usize),
}

fn put(bytes: &mut Vec<u8>, offset: usize, new: &[u8]) {
    bytes.resize(bytes.len().max(offset + new.len()), 0);
    bytes[offset..offset + new.len()].copy_from_slice(new);
}

fn error(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}

impl Inode {
    /// Brings each piece of what is dirty to the disk, or not. A failed sync drops data only:
    /// `journal` says that lengths, which are metadata, get there.
    fn settle(&mut self, journal: bool, mut keeps: impl FnMut() -> bool) {
        for dirty in self.dirty.drain(..) {
            match dirty {
                Dirty::Write(offset, bytes) => {
                    for (i, sector) in bytes.chunks(64).enumerate() {
                        if keeps() {
                            put(&mut self.durable, offset + i * 64, sector);
                        }
                    }
                }
                Dirty::Length(len) if journal || keeps() => self.durable.resize(len, 0),
                Dirty::Length(_) => {}
            }
        }
    }
}

impl World {
    /// Counts one operation: `Err` if it fails, by power or by chance.
    fn operation(&mut self, chance: f64) -> io::Result<()> {
        match self.power.as_mut() {
            Some(0) => return Err(error("no power")),
            Some(left) => *left -= 1,
            None => {}
        }
        if self.rng.random_bool(chance) { Err(error("simulated fault")) } else { Ok(()) }
    }

    fn rename(&mut self, path: PathBuf, inode: Option<usize>) {
        match inode {
            Some(inode) => self.names.insert(path.clone(), inode),
            None => self.names.remove(&path),
        };
        self.journal.push((path, inode));
    }

    fn sync_names(&mut self, count: usize) {
        for (path, inode) in self.journal.drain(..count) {
            match inode {
                Some(inode) => self.durable_names.insert(path, inode),
                None => self.durable_names.remove(&path),
            };
        }
    }
}

impl SimulatedDisk {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World {
            rng: StdRng::seed_from_u64(seed),
            inodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            journal: Vec::new(),
            faults: Faults::default(),
            power: None,
            lost: None,
        })))
    }

    pub(crate) fn set(&self, faults: Faults) {
        self.0.lock().faults = faults;
    }

    /// The power fails after so many operations.
    pub(crate) fn cut_power_after(&self, operations: u32) {
        self.0.lock().power = Some(operations);
    }

    /// From now on this byte of a file cannot be read, as on a disk with a bad sector.
    pub(crate) fn lose(&self, path: &Path, byte: u64) {
        let mut world = self.0.lock();
        world.lost = world.names.get(path).map(|inode| (*inode, byte));
    }

    pub(crate) fn has_power(&self) -> bool {
        self.0.lock().power != Some(0)
    }

    /// The process ends and begins again: the cache stays.
    pub(crate) fn kill(&self) {
        let mut world = self.0.lock();
        (world.power, world.faults) = (None, Faults::default());
    }

    /// The machine ends and begins again: the cache is gone.
    pub(crate) fn power_cut(&self) {
        self.kill();
        let mut world = self.0.lock();
        let World { rng, inodes, journal, .. } = &mut *world;
        let share = rng.random_range(0.0..=1.0);
        for inode in inodes {
            inode.settle(false, || rng.random_bool(share));
            inode.cache.clone_from(&inode.durable);
        }
        let kept = rng.random_range(0..=journal.len());
        journal.truncate(kept);
        world.sync_names(kept);
        world.names = world.durable_names.clone();
    }

    fn file(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.0.lock();
        world.operation(0.0)?;
        let inode = world.names.get(path).copied().ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), inode }))
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    inode: usize,
}

impl Disk for SimulatedDisk {
    fn lock(&self, _: &Path) -> io::Result<Option<Lock>> {
        Ok(Some(Box::new(())))
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut world = self.0.lock();
        world.operation(0.0)?;
        let inside = world.names.keys().filter_map(|path| path.strip_prefix(dir).ok());
        Ok(inside.map(|name| name.to_string_lossy().into_owned()).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.0.lock();
        let chance = if world.faults.full { 1.0 } else { world.faults.names };
        world.operation(chance)?;
        let inode = world.inodes.len();
        world.inodes.push(Inode::default());
        world.rename(path.to_owned(), Some(inode));
        Ok(Box::new(SimulatedFile { disk: self.clone(), inode }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.file(path)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.0.lock();
        let chance = world.faults.names;
        world.operation(chance)?;
        let inode = world.names.get(from).copied().ok_or(io::ErrorKind::NotFound)?;
        // One entry of the journal each, yet a rename is atomic: the new name first.
        world.rename(to.to_owned(), Some(inode));
        world.rename(from.to_owned(), None);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut world = self.0.lock();
        world.operation(0.0)?;
        world.rename(path.to_owned(), None);
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        let mut world = self.0.lock();
        let chance = world.faults.names;
        let done = world.operation(chance);
        let all = world.journal.len();
        let count = if done.is_ok() { all } else { world.rng.random_range(0..=all) };
        world.sync_names(count);
        done
    }
}

impl DiskFile for SimulatedFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.0.lock().inodes[self.inode].cache.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut world = self.disk.0.lock();
        world.operation(0.0)?;
        let end = offset + buffer.len() as u64;
        if world.lost.is_some_and(|(of, at)| of == self.inode && (offset..end).contains(&at)) {
            return Err(io::Error::from_raw_os_error(5));
        }
        let cache = &world.inodes[self.inode].cache;
        let from = cache.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let n = from.len().min(buffer.len());
        buffer[..n].copy_from_slice(&from[..n]);
        Ok(n)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut world = self.disk.0.lock();
        let chance = if world.faults.full { 1.0 } else { world.faults.write };
        let done = world.operation(chance);
        let len = if done.is_ok() { bytes.len() } else { world.rng.random_range(0..=bytes.len()) };
        let (bytes, offset) = (bytes[..len].to_vec(), usize::try_from(offset).unwrap());
        let inode = &mut world.inodes[self.inode];
        put(&mut inode.cache, offset, &bytes);
        inode.dirty.push(Dirty::Write(offset, bytes));
        done
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut world = self.disk.0.lock();
        let chance = world.faults.names;
        world.operation(chance)?;
        let len = usize::try_from(len).unwrap();
        let inode = &mut world.inodes[self.inode];
        if inode.cache.len() != len {
            inode.cache.resize(len, 0);
            inode.dirty.push(Dirty::Length(len));
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.disk.0.lock();
        let chance = world.faults.sync;
        let done = world.operation(chance);
        let World { rng, inodes, .. } = &mut *world;
        let share = [0.0, 0.5, 1.0][rng.random_range(0..3)];
        inodes[self.inode].settle(true, || done.is_ok() || rng.random_bool(share));
        done
    }
}
