//! Carriers that come back: what was on them, from which loading to which unloading.
use super::{Code, Position};
use minicbor::{Decode, Encode};

/// What an event did to the load of a carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum FillStep {
    /// The unit of the event was put on it: whatever was on it before is not any more.
    #[n(0)]
    Opened,
    /// The unit of the event is the one that was on it.
    #[n(1)]
    Read,
    /// The unit of the event left it, or it was seen to be empty.
    #[n(2)]
    Closed,
}

/// One load of a carrier, as an event saw it. A load is known by the record that opened it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Fill {
    /// Which carrier; `None` if its code could not be read.
    #[n(0)]
    pub carrier: Option<Code>,
    /// What happened to its load.
    #[n(1)]
    pub step: FillStep,
    /// The record that opened the load; `None` for that record itself, and where nothing was on it.
    #[n(2)]
    pub opened: Option<Position>,
}
