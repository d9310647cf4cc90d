//! What can go wrong with the index: damage, which is answered by a rebuild, or the world.
use crate::model::{Origin, Position};
use std::io;
use std::path::PathBuf;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What is on disk cannot be read; to be rebuilt from the ledger.
    #[error("the index is damaged: {0}; it has to be rebuilt from the ledger")]
    Damaged(String),
    /// The file system said no.
    #[error("the index cannot {doing} {path}: {why}; is the disk full, or another daemon running?")]
    File {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        #[source]
        why: io::Error,
    },
    /// The file system said no to sled.
    #[error(
        "the index cannot be read or written: {0}; is the disk full, or another daemon running?"
    )]
    Io(#[source] io::Error),
    /// Records were not brought in order.
    #[error("the index is at {applied} and was brought {found}; wanted the record after it")]
    Hole {
        /// Where it is.
        applied: Position,
        /// What came.
        found: Position,
    },
}

impl StoreError {
    pub(super) fn from_sled(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(why) if !is_damage(why.kind()) => Self::Io(why),
            sled::Error::Io(_)
            | sled::Error::Corruption { .. }
            | sled::Error::CollectionNotFound(_)
            | sled::Error::Unsupported(_)
            | sled::Error::ReportableBug(_) => Self::Damaged(error.to_string()),
        }
    }
}

/// A file that ends too soon or does not parse is no fault of the file system.
fn is_damage(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData)
}

/// Why an index was begun anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RebuildCause {
    /// It could not be read.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It was written in another form.
    #[error("it is of form {found}, wanted {wanted}")]
    Schema {
        /// What stood there.
        found: u64,
        /// What this binary writes.
        wanted: u64,
    },
    /// It is of another ledger.
    #[error("it is of the ledger {} incarnation {}", .found.site, .found.incarnation)]
    Origin {
        /// Whose it is.
        found: Origin,
    },
    /// It knows records that the ledger does not have.
    #[error("it knows records up to {applied}, the ledger has them up to {durable}")]
    Ahead {
        /// The last that it knows.
        applied: Position,
        /// The last of the ledger.
        durable: Position,
    },
    /// It knows another record than the ledger at one position.
    #[error("its record {0} is not the ledger's")]
    Diverged(Position),
}
