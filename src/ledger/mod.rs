//! The truth: append-only segments of synced frames under one Merkle tree.
//!
//! One thread writes: it takes whatever waits, appends it, syncs once and publishes the durable
//! position; there is no commit timer. Whoever has to know waits for that position and reads the
//! records from its own ([`Cursor`]); there is no other broadcast. A sync that fails is never
//! luck: the ledger is cut at the last position whose sync returned Ok and goes on in a new
//! segment under a new [`Generation`].
//!
//! It does not number records (the engine does; here density is checked), does not understand
//! them beyond their position, keeps no index and edits nothing. `docs/ledger-format.md` is
//! complete enough to write a verifier from.
mod backup;
mod checkpoint;
mod cursor;
mod disk;
mod error;
mod forest;
mod format;
mod frames;
mod handle;
mod path;
mod proof;
mod recover;
mod run;
mod scrub;
mod segment;
mod signed;
mod spans;
mod stones;
mod thin;
mod thread;
mod tree;
mod verify;
mod writer;

#[cfg(test)]
pub(crate) mod simulated;
#[cfg(test)]
mod tests;

pub use backup::{Backup, Restored, backup, restore};
pub use checkpoint::{
    Checkpoint, CheckpointFault, Checkpoints, PublicKey, Signed, SigningKey, Unread, append,
    read as read_checkpoints, recent,
};
pub use cursor::{Cursor, Entry, Reader};
pub use disk::{Disk, DiskFile, Files, Lock};
pub use error::{AppendError, Damage, LedgerError};
pub use handle::{
    Durable, DurableTree, Generation, Ledger, Opened, Options, SEGMENT_BYTES_MAX, State,
};
pub use path::{Subtrees, consistency, inclusion, is_consistent, root_of};
pub use proof::{Proof, ProofFault, ProveError, Proven};
pub use run::Run;
pub use scrub::{Scrub, Scrubbed};
pub use signed::Contradiction;
pub use spans::{Sealed, Span};
pub use thin::Prepared;
pub use tree::{Tree, leaf};
pub use verify::{Report, Scope, verify};
