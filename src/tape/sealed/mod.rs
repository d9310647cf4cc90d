//! A tape file as Parquet: what analysts open, and still the tape, frame for frame.
//!
//! One row for each sample and one for each other input, in the order of the numbers. The first row
//! of an input holds the body of its frame as it stood on the tape; all other columns are read out of
//! it for people. So nothing that a later version learns to say is lost by sealing, and the sealed
//! file plays exactly as the one that it was made of.
//!
//! `docs/tape-format.md` describes the columns.
mod read;
mod row;
mod write;

pub(super) use read::SealedFrames;
pub(super) use write::{InForce, Load, seal};

use parquet::errors::ParquetError;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::TypePtr;
use std::io;
use std::sync::Arc;

/// In the order of [`row::Rows`].
const SCHEMA: &str = "message tape {
    required int64 number (integer(64, true));
    required int64 at (timestamp(nanos, true));
    required binary kind (string);
    optional binary device (string);
    optional binary tag (string);
    optional double value;
    optional binary text (string);
    optional binary quality (string);
    optional int64 source (timestamp(nanos, true));
    optional int64 receive (timestamp(nanos, true));
    optional binary entry;
}";
/// Column of the frames' bodies.
const ENTRY: usize = 10;
/// The version of the tape's format that the frames have.
const FORMAT: &str = "pedigree.format";
/// Of the file's own header, in hexadecimal.
const HEADER: &str = "pedigree.header";
/// Number of the entry whose plant is in force at the end of the file.
const PLANT: &str = "pedigree.plant";

fn schema() -> TypePtr {
    Arc::new(parse_message_type(SCHEMA).expect("a schema of our own"))
}

fn io_error(why: ParquetError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
