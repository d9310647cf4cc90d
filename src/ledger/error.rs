//! What can go wrong, in words that say what to do next.
use super::handle::Generation;
use super::signed::Contradiction;
use crate::model::Position;
use std::io;
use std::path::{Path, PathBuf};

/// A part of the ledger that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{segment}: positions {from} to {} are damaged: {why}", to.map_or("the end".to_owned(), |p| p.to_string()))]
pub struct Damage {
    /// The segment's file name.
    pub segment: String,
    /// The first record that cannot be trusted.
    pub from: Position,
    /// The last one, if what follows tells.
    pub to: Option<Position>,
    /// What was found.
    pub why: String,
}

/// Why the ledger cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The operating system says no.
    #[error("{} could not be {doing}: {source}", path.display())]
    Io {
        /// Past participle: `read`, `synced`.
        doing: &'static str,
        /// What was acted on.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Somebody else has it.
    #[error("{} is in use by another pedigree; stop that one, or give this one another data directory", .0.display())]
    Locked(PathBuf),
    /// Not a segment at all.
    #[error("{} is not a ledger segment: it does not begin with its magic bytes", .0.display())]
    Foreign(PathBuf),
    /// Written by a later version.
    #[error("{} has ledger format {version} with features {features:#x}, this pedigree reads format {} with features up to {:#x}; run the version that wrote it, or a newer one", path.display(), super::format::VERSION, super::format::THINNED)]
    Newer {
        /// The segment.
        path: PathBuf,
        /// Its format version.
        version: u32,
        /// Its feature bits.
        features: u32,
    },
    /// Another site's ledger.
    #[error("the ledger in {} belongs to site `{found}`, the configuration says `{wanted}`; correct `site`, or give this site another data directory", dir.display())]
    Site {
        /// Where.
        dir: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// A copy of something else.
    #[error("{} holds a copy of another ledger, or of one that was longer: {why}; back up to a folder of its own", dir.display())]
    OtherCopy {
        /// Where.
        dir: PathBuf,
        /// What shows it.
        why: String,
    },
    /// Nothing to take.
    #[error("there is no ledger in {}; name the folder that `backup` wrote to", .0.display())]
    Empty(PathBuf),
    /// Somebody's data are there.
    #[error("there is a ledger in {} already; move it away first, nothing was changed", .0.display())]
    Occupied(PathBuf),
    /// Something that was durable is not what was written.
    #[error("{0}; restore this segment from a backup, nothing was changed")]
    Damaged(#[from] Damage),
    /// A copy is not what was signed.
    #[error("{0}; this copy is not what was signed: take another one, nothing was changed")]
    Contradicted(#[from] Contradiction),
    /// A record says something that this version has no word for.
    #[error(
        "the record at {position} cannot be read: {why}; run the version that wrote it, or a newer one"
    )]
    Unreadable {
        /// Which.
        position: Position,
        /// What the decoder says.
        why: String,
    },
    /// Nothing but the hash of a record is there.
    #[error("{}", dropped(*from, *to))]
    Dropped {
        /// The first of them.
        from: Position,
        /// The last of them.
        to: Position,
    },
    /// Only a sealed segment can be thinned.
    #[error("{} is not a sealed segment: only one that is followed by another can be thinned", .0.display())]
    NotSealed(PathBuf),
    /// A segment has no such step.
    #[error(
        "no step of {segment} begins with the record {position}; take the steps from what the ledger says of the segment"
    )]
    NoStep {
        /// The segment's file name.
        segment: String,
        /// What was named.
        position: Position,
    },
    /// The thread that writes could not be started.
    #[error("the ledger's thread could not be started: {0}")]
    Thread(io::Error),
}

fn dropped(from: Position, to: Position) -> String {
    let which = if from == to {
        format!("the record at {from} was")
    } else {
        format!("the records {from} to {to} were")
    };
    format!(
        "{which} dropped by retention and only the hashes are kept; a tombstone in the ledger says by which rule, a copy from before may have more"
    )
}

/// Puts the path and the deed beside an error of the operating system.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, LedgerError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, LedgerError> {
        self.map_err(|source| LedgerError::Io { doing, path: path.to_owned(), source })
    }
}

/// Why a frame was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// It was stepped before a failed sync: its state is void, fold again from the durable position.
    #[error("the frame is of {found}, the ledger was cut and is at {current}")]
    Stale {
        /// The frame's.
        found: Generation,
        /// The ledger's.
        current: Generation,
    },
    /// Its records do not follow the last one: an error of ours.
    #[error("the record at {found} does not follow the one before {wanted}")]
    NotDense {
        /// The position it has.
        found: Position,
        /// The position it has to have.
        wanted: Position,
    },
    /// Longer than a reader would accept.
    #[error("a frame of {len} bytes is longer than {max}; ask for less in one command")]
    TooLong {
        /// Bytes of its body.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The thread that writes has ended.
    #[error("the ledger is closed")]
    Closed,
}
