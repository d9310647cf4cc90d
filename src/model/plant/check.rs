//! The rules that a permit follows, and the numbers of the reasons that a PLC is told.
use std::collections::BTreeMap;

/// A rule that a permit follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The item is in the record, and not only by having been refused.
    Known,
    /// Neither the items of the request nor the lots in the station's feeders are on hold.
    NotHeld,
    /// Every station that comes before has completed it; the last visit counts.
    Route,
    /// It was not completed here before; `rework` while it is to be worked on again.
    NotDoneHere,
    /// The child is in the record.
    ChildKnown,
    /// The child is in no other item.
    ChildNotUsed,
    /// The child is not on hold.
    ChildNotHeld,
    /// The lot is in the record.
    LotKnown,
    /// Every feeder of the station has a lot, and none of them is on hold.
    MountsVerified,
    /// The lots that are used, the one named and those in the feeders, are not past their date.
    LotNotExpired,
}

impl Check {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Known,
        Self::NotHeld,
        Self::Route,
        Self::NotDoneHere,
        Self::ChildKnown,
        Self::ChildNotUsed,
        Self::ChildNotHeld,
        Self::LotKnown,
        Self::MountsVerified,
        Self::LotNotExpired,
    ];

    /// The word in plant files and reasons.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::NotHeld => "not-held",
            Self::Route => "route",
            Self::NotDoneHere => "not-done-here",
            Self::ChildKnown => "child-known",
            Self::ChildNotUsed => "child-not-used",
            Self::ChildNotHeld => "child-not-held",
            Self::LotKnown => "lot-known",
            Self::MountsVerified => "mounts-verified",
            Self::LotNotExpired => "lot-not-expired",
        }
    }

    /// Whether it needs more of the past than the engine holds in memory.
    pub fn asks(self) -> bool {
        match self {
            Self::Known
            | Self::Route
            | Self::NotDoneHere
            | Self::ChildKnown
            | Self::ChildNotUsed
            | Self::LotKnown
            | Self::LotNotExpired => true,
            Self::NotHeld | Self::ChildNotHeld | Self::MountsVerified => false,
        }
    }
}

/// Why a PLC is not answered `ok`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A rule was not met, or what it asks for cannot be known.
    Check(Check),
    /// Until when a lot may be used was never told.
    ExpiryUnknown,
    /// The deadline passed first.
    Late,
    /// The item cannot be known from what was read.
    Quarantined,
    /// The same number came with another snapshot.
    Conflict,
}

impl Reason {
    /// All of them, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        let checks = Check::ALL.into_iter().map(Self::Check);
        checks.chain([Self::ExpiryUnknown, Self::Late, Self::Quarantined, Self::Conflict])
    }

    /// The word in records and plant files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Check(check) => check.as_str(),
            Self::ExpiryUnknown => "expiry-unknown",
            Self::Late => "late",
            Self::Quarantined => "quarantined",
            Self::Conflict => "conflict",
        }
    }

    /// The reason of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::all().find(|reason| reason.as_str() == word)
    }

    /// What a PLC is told as `$reason` unless its plant file says otherwise; the same in every plant
    /// and for good. 0 says that there is none.
    pub fn code(self) -> i64 {
        match self {
            Self::Check(Check::Known) => 1,
            Self::Check(Check::NotHeld) => 2,
            Self::Check(Check::Route) => 3,
            Self::Check(Check::NotDoneHere) => 4,
            Self::Check(Check::ChildKnown) => 5,
            Self::Check(Check::ChildNotUsed) => 6,
            Self::Check(Check::ChildNotHeld) => 7,
            Self::Check(Check::LotKnown) => 8,
            Self::Check(Check::MountsVerified) => 9,
            Self::Check(Check::LotNotExpired) => 11,
            Self::ExpiryUnknown => 12,
            Self::Late => 90,
            Self::Quarantined => 91,
            Self::Conflict => 92,
        }
    }
}

/// The numbers that a plant file gives to reasons; the others keep their own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReasonCodes(pub BTreeMap<Reason, i64>);

impl ReasonCodes {
    /// What a PLC is told as `$reason`.
    pub fn code(&self, reason: Reason) -> i64 {
        self.0.get(&reason).copied().unwrap_or(reason.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_a_word_and_a_number_of_its_own() {
        let words: BTreeSet<&str> = Reason::all().map(Reason::as_str).collect();
        let codes: BTreeSet<i64> = Reason::all().map(Reason::code).collect();
        assert_eq!((words.len(), codes.len()), (Reason::all().count(), Reason::all().count()));
        assert!(!codes.contains(&0) && codes.iter().all(|code| (1..=99).contains(code)));
        assert!(Reason::all().all(|reason| Reason::parse(reason.as_str()) == Some(reason)));
    }
}
