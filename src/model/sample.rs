//! One value of one tag at one time.
use super::plant::TagIndex;
use super::{Quality, Utc, Value};
use minicbor::{Decode, Encode};

/// A tag's value with its quality and times (OPC UA `DataValue`).
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Sample {
    /// Which tag of the plant.
    #[n(0)]
    pub tag: TagIndex,
    /// What was read.
    #[n(1)]
    pub value: Value,
    /// How far it may be trusted.
    #[n(2)]
    pub quality: Quality,
    /// The device's own time of the value, if it gives one.
    #[n(3)]
    pub source: Option<Utc>,
    /// The server's time, if it gives one.
    #[n(4)]
    pub server: Option<Utc>,
    /// When it reached us.
    #[n(5)]
    pub receive: Utc,
}

impl Sample {
    /// The source's time, else our receive time.
    pub fn time(&self) -> Utc {
        self.source.unwrap_or(self.receive)
    }

    /// The value if its quality is good.
    pub fn good(&self) -> Option<&Value> {
        self.quality.is_good().then_some(&self.value)
    }
}
