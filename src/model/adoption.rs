//! What a replay of the tape found, recorded in place of what stands. Both stay.
use super::{Position, Quarantine, TraceEvent, Utc};
use minicbor::{Decode, Encode};

/// What a record says that was made from the tape afterwards. It tells of then: nothing that is known of
/// a station at this moment changes by it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Adopted {
    /// The first record that told of the same; `None` if none did. A mount is still named by it.
    #[n(0)]
    pub first: Option<Position>,
    /// When the input was stepped that it was made from, by our wall clock.
    #[n(1)]
    pub stepped: Utc,
}

/// What is recorded of something that was played again; it bears its [`Adopted`].
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Told {
    /// It happened.
    #[n(0)]
    Trace(#[n(0)] Box<TraceEvent>),
    /// It is set aside.
    #[n(1)]
    Quarantine(#[n(0)] Box<Quarantine>),
}

/// One difference that is to be recorded.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Adoption {
    /// The record that counts until now and is taken back; `None` if there is none.
    #[n(0)]
    pub instead: Option<Position>,
    /// What counts from now on; `None` if nothing.
    #[n(1)]
    pub told: Option<Told>,
}
