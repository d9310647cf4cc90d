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
    /// The part or lot is on the bill of the product, at this place, and not more of it than it says.
    Bom,
    /// Every feeder has the material that the product's setup says.
    SetupPlan,
    /// No lot is out of dry storage for longer than its material allows.
    FloorLife,
    /// Nothing that is used, or was made here since the last clean, has what the product may not contain.
    AllergenPlan,
    /// Nothing but this product was made here since the last clean.
    Cleaned,
    /// No tool of the station is at the end of its life.
    ToolLife,
    /// No monitor of the station says that it has drifted.
    NoOpenDrift,
    /// Nothing goes into a product that brings what the product may not be made of.
    AttributePlan,
}

impl Check {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 18] = [
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
        Self::Bom,
        Self::SetupPlan,
        Self::FloorLife,
        Self::AllergenPlan,
        Self::Cleaned,
        Self::ToolLife,
        Self::NoOpenDrift,
        Self::AttributePlan,
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
            Self::Bom => "bom",
            Self::SetupPlan => "setup-plan",
            Self::FloorLife => "floor-life",
            Self::AllergenPlan => "allergen-plan",
            Self::Cleaned => "cleaned",
            Self::ToolLife => "tool-life",
            Self::NoOpenDrift => "no-open-drift",
            Self::AttributePlan => "attribute-plan",
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
            | Self::LotNotExpired
            | Self::Bom
            | Self::SetupPlan
            | Self::FloorLife
            | Self::AllergenPlan
            | Self::ToolLife
            | Self::AttributePlan => true,
            Self::NotHeld
            | Self::ChildNotHeld
            | Self::MountsVerified
            | Self::Cleaned
            | Self::NoOpenDrift => false,
        }
    }

    /// Whether it is about holds: as long as anything is on hold it needs to know what everything was made of.
    pub fn is_of_holds(self) -> bool {
        matches!(self, Self::NotHeld | Self::ChildNotHeld | Self::MountsVerified)
    }

    /// Whether it looks at the lots in the feeders, beyond whether they are on hold.
    pub fn asks_of_feeders(self) -> bool {
        match self {
            Self::LotNotExpired
            | Self::SetupPlan
            | Self::FloorLife
            | Self::AllergenPlan
            | Self::ToolLife
            | Self::AttributePlan => true,
            Self::Known
            | Self::NotHeld
            | Self::Route
            | Self::NotDoneHere
            | Self::ChildKnown
            | Self::ChildNotUsed
            | Self::ChildNotHeld
            | Self::LotKnown
            | Self::MountsVerified
            | Self::Bom
            | Self::Cleaned
            | Self::NoOpenDrift => false,
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
    /// Which product it is was never told, or the plant files do not have it.
    ProductUnknown,
    /// Which material it is was never told, or the plant files do not have it.
    MaterialUnknown,
    /// It was worked on here as often as it may be.
    VisitsMax,
    /// With which recipe it is to be worked on here is not known, or the word cannot hold it.
    Recipe,
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
        checks.chain([
            Self::ExpiryUnknown,
            Self::ProductUnknown,
            Self::MaterialUnknown,
            Self::VisitsMax,
            Self::Recipe,
            Self::Late,
            Self::Quarantined,
            Self::Conflict,
        ])
    }

    /// The word in records and plant files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Check(check) => check.as_str(),
            Self::ExpiryUnknown => "expiry-unknown",
            Self::ProductUnknown => "product-unknown",
            Self::MaterialUnknown => "material-unknown",
            Self::VisitsMax => "visits-max",
            Self::Recipe => "recipe",
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
            Self::Check(Check::Bom) => 13,
            Self::Check(Check::SetupPlan) => 14,
            Self::Check(Check::FloorLife) => 15,
            Self::Check(Check::AllergenPlan) => 16,
            Self::Check(Check::Cleaned) => 17,
            Self::Check(Check::ToolLife) => 18,
            Self::Check(Check::NoOpenDrift) => 19,
            Self::Check(Check::AttributePlan) => 20,
            Self::ProductUnknown => 30,
            Self::MaterialUnknown => 31,
            Self::VisitsMax => 32,
            Self::Recipe => 33,
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
