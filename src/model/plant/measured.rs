//! Attributes that come from numbers that events tell: of an item, and where the plant says so of what it was made of.
use crate::model::{MountPointId, TagName, Ucum, Verb};

/// How numbers come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeasuredRule {
    /// It adds up: a dose.
    Sum,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
}

/// Where the numbers of an attribute come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The measurement of this name, at whatever station.
    Measurement(TagName),
    /// The further word of this name, at whatever station.
    Context(TagName),
    /// How much a feeder of this name has given, as its counters say, at whatever station: in pieces or in a unit.
    Count(MountPointId, Option<Ucum>),
}

/// An attribute whose values were measured, told or counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// What they come to.
    pub rule: MeasuredRule,
    /// What they are.
    pub source: Source,
    /// Whether what is told of that which an item was made of counts for the item.
    pub ancestors: bool,
}

impl Source {
    /// The measurement, if it is one.
    pub(super) fn measurement(&self) -> Option<&TagName> {
        match self {
            Self::Measurement(name) => Some(name),
            Self::Context(_) | Self::Count(..) => None,
        }
    }

    /// The further word, if it is one.
    pub(super) fn context(&self) -> Option<&TagName> {
        match self {
            Self::Context(name) => Some(name),
            Self::Measurement(_) | Self::Count(..) => None,
        }
    }

    /// The feeder, if it is one.
    pub(super) fn count(&self) -> Option<&MountPointId> {
        match self {
            Self::Count(point, _) => Some(point),
            Self::Measurement(_) | Self::Context(_) => None,
        }
    }
}

impl Verb {
    /// Whether something is done to an item by it that a further word beside it may say a number of. What is packed or
    /// unpacked is spoken of with its container, and what is shipped or in a feeder with much else.
    pub fn tells_words(self) -> bool {
        match self {
            Self::Arrive
            | Self::Complete
            | Self::Produce
            | Self::Consume
            | Self::Install
            | Self::Remove
            | Self::Split
            | Self::Merge
            | Self::Move
            | Self::Receive
            | Self::Inspect
            | Self::Scrap
            | Self::Rework
            | Self::Open
            | Self::Close
            | Self::Dry => true,
            Self::Pack
            | Self::Unpack
            | Self::Mount
            | Self::Unmount
            | Self::Ship
            | Self::Hold
            | Self::Release
            | Self::Clean
            | Self::Identify
            | Self::Note
            | Self::Correct => false,
        }
    }
}

impl MeasuredRule {
    /// The word in plant files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
        }
    }

    /// Whether a value, finite, can be counted: what adds up is never taken away again.
    pub fn counts(self, value: f64) -> bool {
        match self {
            Self::Sum => value >= 0.0,
            Self::Minimum | Self::Maximum => true,
        }
    }

    /// Whether the one value says more than the other of what all come to.
    pub fn is_more(self, one: f64, other: f64) -> bool {
        match self {
            Self::Sum | Self::Maximum => one > other,
            Self::Minimum => one < other,
        }
    }

    /// What finite values come to, whatever their order; a sum is finite too. Of none a sum is 0, and the others are nothing.
    pub fn of(self, mut values: Vec<f64>) -> Option<f64> {
        values.sort_by(f64::total_cmp);
        match self {
            Self::Sum => Some(values.iter().fold(0.0, |all, one| all + one).min(f64::MAX)),
            Self::Minimum => values.first().copied(),
            Self::Maximum => values.last().copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_values_come_to_does_not_depend_on_their_order() {
        let (one, two) = (vec![0.1, 0.2, 1e16, 0.3, 2.0], vec![2.0, 1e16, 0.3, 0.2, 0.1]);
        for rule in [MeasuredRule::Sum, MeasuredRule::Minimum, MeasuredRule::Maximum] {
            assert_eq!(rule.of(one.clone()), rule.of(two.clone()), "{rule:?}");
        }
        assert_eq!(MeasuredRule::Sum.of(vec![1.5, 2.0]), Some(3.5));
        assert_eq!(MeasuredRule::Minimum.of(vec![2.0, 1.5, 3.0]), Some(1.5));
        assert_eq!(MeasuredRule::Maximum.of(vec![2.0, 3.0, 1.5]), Some(3.0));
        assert_eq!(MeasuredRule::Sum.of(Vec::new()), Some(0.0));
        assert_eq!(MeasuredRule::Minimum.of(Vec::new()), None);
        assert_eq!(MeasuredRule::Sum.of(vec![f64::MAX, f64::MAX]), Some(f64::MAX));
    }
}
