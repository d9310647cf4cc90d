//! What is derived and can be deleted: the embedded event store that questions read, and the images of what
//! others folded.
//!
//! It follows the ledger and is never evidence: a body stands here to be asked, in the ledger to be
//! trusted. It holds bodies by position, the positions of each item's own events, and the codes that
//! people type. Records come to stand in sled a shelf at a time, packed, so that ten years of them
//! are few keys; those of the shelf that is not full yet are kept in memory. Whatever is wrong with it is answered by beginning anew; nothing waits for it, and it
//! asks nobody for records: they are brought.
mod block;
mod error;
mod image;
mod key;
mod open;
mod read;
mod subject;
mod tail;
mod write;

pub use error::{RebuildCause, StoreError};
pub use image::{ImageFault, ImageOf, Images, Newest};
pub use open::{CACHE_BYTES, Opened, Rebuilt, StoreOptions};
pub use read::CodeHit;
pub use subject::subjects;

use crate::model::Position;
use parking_lot::{Mutex, RwLock};
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The event store of one ledger.
#[derive(Debug)]
pub struct Store {
    /// Only while it is opened again there is none.
    db: Option<sled::Db>,
    /// sled's flush leaves the disk's own cache alone: this descriptor is for `fdatasync`.
    file: File,
    dir: PathBuf,
    applied: AtomicU64,
    tail: RwLock<tail::Tail>,
    retired: AtomicBool,
    writer: Mutex<write::Writer>,
}

impl Store {
    /// The last record that questions can find here; all before it are here too.
    pub fn applied(&self) -> Position {
        Position(self.applied.load(Ordering::Acquire))
    }

    /// Runs one access. sled panics on some damage; that is told like any other.
    fn ask<T>(&self, access: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, StoreError> {
        guarded(|| access(self.db.as_ref().ok_or_else(closed)?))
    }
}

fn closed() -> sled::Error {
    sled::Error::Io(io::Error::other("it could not be opened again"))
}

fn guarded<T>(access: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(access)) {
        Ok(outcome) => outcome.map_err(StoreError::from_sled),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(StoreError::Damaged(said.unwrap_or("sled panicked").to_owned()))
        }
    }
}

#[cfg(test)]
mod tests;
