//! What was measured, and how much of something there is.
use super::{Interval, Quality, TagName, Text, Ucum, Value};
use minicbor::{Decode, Encode};

/// The name of the measurement that says how much of a lot was found, in an inspection of it.
pub const STOCK: &str = "stock";

/// One measured value of an item.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Measurement {
    /// Its name in the plant file.
    #[n(0)]
    pub name: TagName,
    /// As read, bit-exact, also where it is no number.
    #[n(1)]
    pub value: Value,
    /// How far it may be trusted.
    #[n(2)]
    pub quality: Quality,
    /// Unit of measure; `None` where the plant file gives none.
    #[n(3)]
    pub unit: Option<Ucum>,
    /// Lower specification limit, in `unit`, inclusive.
    #[n(4)]
    pub low: Option<f64>,
    /// Upper specification limit, in `unit`, inclusive.
    #[n(5)]
    pub high: Option<f64>,
}

impl Measurement {
    /// Whether a trusted, finite value lies within its limits; `None` if there is none to judge.
    pub fn in_limits(&self) -> Option<bool> {
        let x = self.quality.is_good().then(|| self.value.number())??;
        Some(self.low.is_none_or(|low| x >= low) && self.high.is_none_or(|high| x <= high))
    }
}

/// An amount with its unit, as read: 12.5 `kg`. Units of pieces have no unit code.
#[derive(Debug, Clone, PartialEq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(map)]
pub struct Amount {
    /// How much.
    #[n(0)]
    pub value: f64,
    /// Of what unit; `None` counts pieces.
    #[n(1)]
    pub unit: Option<Ucum>,
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.unit {
            Some(unit) => write!(f, "{} {unit}", self.value),
            None => write!(f, "{}", self.value),
        }
    }
}

/// Statistics of one tag over an interval.
///
/// `n`, `min`, `max` and `mean` are over the samples whose time lies in the interval, ends included;
/// `time_mean` weighs each value by how long it was in force, the one in force at the begin included.
#[derive(Debug, Clone, PartialEq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Statistics {
    /// The tag.
    #[n(0)]
    pub tag: TagName,
    /// Samples with a good, finite value.
    #[n(1)]
    pub n: u64,
    /// Least of them; `None` if `n` is 0.
    #[n(2)]
    pub min: Option<f64>,
    /// Greatest of them; `None` if `n` is 0.
    #[n(3)]
    pub max: Option<f64>,
    /// Their arithmetic mean; `None` if `n` is 0.
    #[n(4)]
    pub mean: Option<f64>,
    /// Time-weighted mean; `None` if no value was in force for any time.
    #[n(5)]
    pub time_mean: Option<f64>,
    /// Samples that were bad or no finite number, and are in none of the figures.
    #[n(6)]
    pub left_out: u64,
}

/// One value of the `by` word of a phase while it was in force: a tool in the spindle.
#[derive(Debug, Clone, PartialEq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct ToolUse {
    /// The word's value.
    #[n(0)]
    pub value: Text,
    /// From when to when.
    #[n(1)]
    pub interval: Interval,
    /// Of the recorded tags in this time.
    #[n(2)]
    pub statistics: Vec<Statistics>,
}

/// What a phase was: its interval and the statistics of its tags.
#[derive(Debug, Clone, PartialEq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct PhaseSummary {
    /// The phase's name in the plant file.
    #[n(0)]
    pub phase: super::PhaseId,
    /// From when to when, in the source's time.
    #[n(1)]
    pub interval: Interval,
    /// Of each recorded tag over the whole phase.
    #[n(2)]
    pub statistics: Vec<Statistics>,
    /// In order of use.
    #[n(3)]
    pub tools: Vec<ToolUse>,
    /// The value of the confirming word after the end, where it is a count.
    #[n(4)]
    pub count: Option<u64>,
}
