//! How far what an event says may be relied on.
use minicbor::{Decode, Encode};

/// How an event came to be known (IPC-1782), from the best to the weakest.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Encode, Decode, serde::Serialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// Read from the machine by a handshake.
    #[n(0)]
    #[default]
    Automatic,
    /// Concluded, for example from the order of work.
    #[n(1)]
    Inferred,
    /// Entered by a person.
    #[n(2)]
    Manual,
    /// Known only afterwards.
    #[n(3)]
    Late,
    /// The machine was being taught: what it did was led by hand, and its limits may not have held.
    #[n(5)]
    #[serde(rename = "teach-in")]
    TeachIn,
    /// A person overruled a permit, or the machine ran in bypass.
    #[n(4)]
    Bypassed,
}

impl Evidence {
    /// The word for it in every document of ours.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Inferred => "inferred",
            Self::Manual => "manual",
            Self::Late => "late",
            Self::TeachIn => "teach-in",
            Self::Bypassed => "bypassed",
        }
    }
}
