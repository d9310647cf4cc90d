//! Words exchanged with a PLC: keys, epochs, permits, and what is set aside instead of guessed.
use super::{DeviceId, HandshakeId, Quality, StationId, TagName, Text, Utc, Value};
use minicbor::{Decode, Encode};
use std::fmt;

/// The PLC's own count of its requests.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize,
)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct HandshakeNumber(#[n(0)] pub u64);

/// Between two cold starts of a PLC, or two falls of its counter: numbers are compared only within
/// one epoch. Counted from 0 per handshake.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Encode,
    Decode,
    serde::Serialize,
)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct Epoch(#[n(0)] pub u32);

/// What makes two requests the same request. A number alone is never identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct HandshakeKey {
    /// Where.
    #[n(0)]
    pub station: StationId,
    /// Which exchange.
    #[n(1)]
    pub handshake: HandshakeId,
    /// In which epoch.
    #[n(2)]
    pub epoch: Epoch,
    /// Under which number.
    #[n(3)]
    pub number: HandshakeNumber,
}

/// SHA-256 over the canonical form of a snapshot's values and qualities, without times and without
/// the ack word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Digest(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub [u8; 32],
);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// The answer to a PLC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Permit {
    /// Go on.
    #[n(0)]
    Ok,
    /// Not to be worked on here.
    #[n(1)]
    Nok,
    /// To be reworked.
    #[n(2)]
    Rework,
    /// Nothing can be said: too late, a conflict, a snapshot that cannot be trusted.
    #[n(3)]
    Unknown,
}

/// What a record says of the handshake that it came by; all that is needed to answer again.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct HandshakeMark {
    /// Whose request it was.
    #[n(0)]
    pub key: HandshakeKey,
    /// Of the snapshot that it was read from.
    #[n(1)]
    pub digest: Digest,
    /// What the PLC was, or is to be, answered.
    #[n(2)]
    pub permit: Permit,
    /// Why, if not ok; one word.
    #[n(3)]
    pub reason: Option<Text>,
    /// What stood against it; records of the first version have none.
    #[n(4)]
    pub grounds: Option<Grounds>,
    /// The machine's own name of the result that it came by, or the digest of one without a name; `None`
    /// for every other kind of handshake.
    #[n(5)]
    pub result: Option<Text>,
    /// A word of the snapshot had no value: the same request may be read with another digest. `None` if
    /// all had one.
    #[n(6)]
    pub partial: Option<bool>,
    /// The recipe that the PLC was, or is to be, answered; `None` where it asks for none, or was not let go
    /// on.
    #[n(7)]
    pub recipe: Option<Value>,
}

/// What stood against a request, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Grounds {
    /// The number of the reason, as the PLC is told.
    #[n(0)]
    pub code: i64,
    /// One sentence with the item, the station, and what stood in the record.
    #[n(1)]
    pub text: Text,
    /// Whether a rule refused it and the PLC was told so: what it asked for is taken as not done. What
    /// was answered too late is not among it, since the machine may not have waited.
    #[n(2)]
    pub stopped: bool,
    /// Who let it run all the same.
    #[n(3)]
    pub overruled: Option<Overruled>,
}

/// A person let run what was refused.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Overruled {
    /// Who.
    #[n(0)]
    pub by: super::PersonToken,
    /// Why.
    #[n(1)]
    pub reason: Text,
}

/// What tells one run of a device's program from another.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Default)]
#[cbor(map)]
pub struct Boot {
    /// Value of the declared `restart` word.
    #[n(0)]
    pub restart: Option<Value>,
    /// The OPC UA server's `StartTime`.
    #[n(1)]
    pub start_time: Option<Utc>,
}

/// Why an epoch began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum EpochCause {
    /// First contact with the device.
    #[n(0)]
    FirstContact,
    /// The `restart` word changed.
    #[n(1)]
    RestartWord,
    /// The server's start time changed.
    #[n(2)]
    ServerStart,
    /// The counter fell.
    #[n(3)]
    CounterFell,
}

/// New epochs of a device's handshakes.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct EpochBegun {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// What tells this run of its program from others.
    #[n(1)]
    pub boot: Boot,
    /// Why.
    #[n(2)]
    pub cause: EpochCause,
    /// The handshakes concerned, with the epoch that began and the number that counts as done in it,
    /// if any.
    #[n(3)]
    pub handshakes: Vec<(StationId, HandshakeId, Epoch, Option<HandshakeNumber>)>,
}

/// A word of a snapshot as it was read.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct RawWord {
    /// Its tag.
    #[n(0)]
    pub tag: TagName,
    /// What was read.
    #[n(1)]
    pub value: Value,
    /// How far it may be trusted.
    #[n(2)]
    pub quality: Quality,
    /// The source's time.
    #[n(3)]
    pub source: Option<Utc>,
}

/// Why a request gave no trace event.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuarantineCause {
    /// The same number came with a different snapshot.
    #[n(0)]
    Conflict,
    /// A word without which the item cannot be known is bad, missing or of the wrong type.
    #[n(1)]
    Word(#[n(0)] TagName),
    /// The code in a word is refused.
    #[n(2)]
    Code(#[n(0)] TagName),
    /// No item is present at the station and the handshake names none.
    #[n(3)]
    NoCurrent,
    /// No open row of the order list fits.
    #[n(4)]
    NoOrder,
    /// The confirming count jumped or fell.
    #[n(5)]
    Count,
    /// A part of the phase was not observed.
    #[n(6)]
    Gap,
    /// The item was not the same at both ends of the phase.
    #[n(7)]
    ItemChanged,
    /// More lots went through the feeders than are remembered: which of them were used is not known.
    #[n(8)]
    Mounts,
    /// The unit does not wait for a code, since it has one or nothing is known of its passage; or no
    /// code was read.
    #[n(9)]
    Identified,
    /// Its result is older than those whose names are remembered: it may be recorded already.
    #[n(10)]
    Forgotten,
    /// A code in this word is that of another member too, or of the item itself: nothing is a part of itself.
    #[n(11)]
    Twice(#[n(0)] TagName),
    /// What was read in this word is not of the form that its plant file says, and why: no part of it is taken
    /// for a code.
    #[n(12)]
    Label(#[n(0)] TagName, #[n(1)] Text),
}

/// Set aside with its raw values: nobody guesses.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Quarantine {
    /// Where.
    #[n(0)]
    pub station: StationId,
    /// The handshake's mark, if it came by one.
    #[n(1)]
    pub handshake: Option<HandshakeMark>,
    /// Why.
    #[n(2)]
    pub cause: QuarantineCause,
    /// When it happened.
    #[n(3)]
    pub time: super::EventTime,
    /// Everything that was read.
    #[n(4)]
    pub raw: Vec<RawWord>,
    /// What a phase was, if it came by one.
    #[n(5)]
    pub phase: Option<super::PhaseSummary>,
    /// It was made from the tape afterwards; `None` for what was set aside when it happened.
    #[n(6)]
    pub adopted: Option<super::Adopted>,
}
