//! Every input as it was stepped, with its number and its two times: what a replay plays.
//!
//! A plain append file, in the page cache before the frame of the same step goes to the ledger
//! ([`TapeWriter::flush`]), on stable storage within a second. It is never in the way of an
//! acknowledgement: a disk that fails makes a gap in the tape, never one in the plant. It does not
//! number inputs, and it knows nothing of what they mean.
//!
//! `docs/tape-format.md` describes the bytes.
mod codec;
mod format;
mod frames;
mod reader;
mod seal;
mod sealed;
mod writer;

#[cfg(test)]
mod tests;

pub use codec::PlantFault;
pub use reader::{TapeEntry, TapeError, TapeGap, TapeGapCause, TapeItem, TapeReader};
pub use seal::{SealError, Sealer};
pub use writer::TapeWriter;
