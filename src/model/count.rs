//! Counters of use: what a feeder has given since its PLC counts, and what that tells of an item.
use super::{MountPointId, MountUse, Position};
use minicbor::{Decode, Encode};

/// What a counter stood at, with its width in bits: it wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Reading {
    /// What it stood at.
    #[n(0)]
    pub value: u64,
    /// How wide it is, in bits (1–64).
    #[n(1)]
    pub bits: u8,
}

/// The counters of a feeder, read together with the code of the lot in it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Count {
    /// Which feeder.
    #[n(0)]
    pub point: MountPointId,
    /// The record of the mount that was in it; `None`: it was empty.
    #[n(1)]
    pub mount: Option<Position>,
    /// What was taken from it.
    #[n(2)]
    pub taken: Reading,
    /// What of that was thrown away, if that is counted.
    #[n(3)]
    pub wasted: Option<Reading>,
    /// Both begin at 0 with every lot.
    #[n(4)]
    pub per_lot: bool,
}

/// Why the counters of a feeder do not say how much an item has of a lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum Untold {
    /// They were not read before, or could not be read.
    #[n(0)]
    Unread,
    /// A part of the time was not observed, or a request in it was set aside.
    #[n(1)]
    Gap,
    /// They began anew meanwhile, or contradict each other.
    #[n(2)]
    Reset,
    /// The lot was changed meanwhile, and what they stood at then is not known.
    #[n(3)]
    Changed,
    /// Several units were in work at once.
    #[n(4)]
    Shared,
}

impl Untold {
    /// Why, for people.
    pub fn why(self) -> &'static str {
        match self {
            Self::Unread => "the counter was not read at both ends",
            Self::Gap => "not all of it was observed",
            Self::Reset => "the counter began anew",
            Self::Changed => "the lot was changed meanwhile",
            Self::Shared => "several units were in work",
        }
    }
}

/// What is known better by now of an earlier record: the lots of one feeder that its item has, or may have,
/// in it. The record stays; these count instead of those that it names.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Narrowed {
    /// Of which record.
    #[n(0)]
    pub record: Position,
    /// Of which feeder of its station.
    #[n(1)]
    pub point: MountPointId,
    /// The lots that are left.
    #[n(2)]
    pub mounts: Vec<MountUse>,
}
