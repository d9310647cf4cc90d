//! Time that was not observed. There are no silent holes.
use super::{DeviceId, HandshakeId, HandshakeNumber, Interval, StationId, TagName};
use minicbor::{Decode, Encode};

/// What was not observed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapSource {
    /// Everything of a device.
    #[n(0)]
    Device(#[n(0)] DeviceId),
    /// One tag of a device.
    #[n(1)]
    Tag(#[n(0)] DeviceId, #[n(1)] TagName),
    /// Requests of one handshake.
    #[n(2)]
    Handshake(#[n(0)] StationId, #[n(1)] HandshakeId),
}

/// Why it was not observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum GapCause {
    /// The daemon was not running.
    #[n(0)]
    Stopped,
    /// The connection was lost or could not be made.
    #[n(1)]
    Disconnected,
    /// Connected, yet the heartbeat or the data stood still.
    #[n(2)]
    Silent,
    /// The server dropped values of a full queue.
    #[n(3)]
    Overflow,
    /// Notifications are missing from the subscription's sequence.
    #[n(4)]
    Sequence,
    /// The PLC's own numbers skip some.
    #[n(5)]
    NumbersSkipped,
    /// The trigger moved on before its snapshot was read, or while it was.
    #[n(6)]
    TriggerMoved,
    /// The ledger could not be synced; what was stepped since the last sync is void.
    #[n(7)]
    Unsynced,
    /// Our own input queue was full.
    #[n(8)]
    Overload,
    /// The interface of the PLC program is not the declared one.
    #[n(9)]
    Interface,
    /// The device answered, and the quality of the word was bad.
    #[n(10)]
    BadQuality,
    /// Its definition in the plant files changed while the daemon ran; it was begun anew.
    #[n(11)]
    Redefined,
    /// It was taken out of the plant files; nobody looks at it.
    #[n(12)]
    Removed,
    /// The PLC did not take its request back after the answer: another would not have been seen.
    #[n(13)]
    Unreleased,
    /// The slots of a ring were written over before they were read.
    #[n(14)]
    Overrun,
    /// The machine named results and did not give them.
    #[n(15)]
    NotGiven,
}

/// Time not observed.
///
/// It is recorded when it opens (`interval.to` is `None`), and again with the same source and
/// `interval.from` when it closes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Gap {
    /// What was not observed.
    #[n(0)]
    pub source: GapSource,
    /// From the last that is known to have been observed to the first after.
    #[n(1)]
    pub interval: Interval,
    /// Why.
    #[n(2)]
    pub cause: GapCause,
    /// How many requests are missing, where the PLC's numbers tell.
    #[n(3)]
    pub count: Option<u64>,
    /// The stations that this source serves: an item's stay at one of them in this time is not
    /// completely known.
    #[n(4)]
    pub stations: Vec<StationId>,
    /// The first of the missing numbers, where `count` goes on from it; records of the first version
    /// have none.
    #[n(5)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<HandshakeNumber>,
}
