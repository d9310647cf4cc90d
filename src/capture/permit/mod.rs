//! The rules that a permit follows, each from a request and the facts alone. Pure functions: what is
//! asked, when, and what becomes of the answer is the business of `handshake`.
mod bill;
mod change;
mod child;
mod inherit;
mod lot;
mod measured;
mod past;
mod recipe;
mod route;
mod said;
mod setup;

pub(super) use said::Said;

use super::compose::Draft;
use super::memory::StationMemory;
use crate::model::plant::{Check, Plant, Product, Reason, Station};
use crate::model::{
    Facts, HeldBy, ItemKey, MountPointId, Past, Permit, Purpose, Scope, Text, Utc, Value, Verb,
};
use std::collections::BTreeMap;

/// Everything that the rules may look at.
pub(super) struct Case<'a> {
    pub(super) plant: &'a Plant,
    pub(super) station: &'a Station,
    /// What is to happen.
    pub(super) verb: Verb,
    pub(super) draft: &'a Draft,
    pub(super) said: &'a Said,
    /// What records say of the station.
    pub(super) memory: &'a StationMemory,
    pub(super) purpose: Purpose,
    /// What must not move on, now.
    pub(super) holds: &'a BTreeMap<ItemKey, Text>,
    /// What is in the station's feeders.
    pub(super) mounts: BTreeMap<MountPointId, ItemKey>,
    /// Whether the snapshot shows what is in the feeders.
    pub(super) mounts_seen: bool,
    pub(super) facts: Option<&'a Facts>,
    /// By our clock: the PLC's may stand in another year.
    pub(super) now: Utc,
}

/// A product with the name that it goes by.
pub(super) struct Named<'a> {
    name: Text,
    product: &'a Product,
}

/// What one rule says of a request, with a sentence unless it is content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    Passed,
    /// It may be worked on here again.
    Rework(String),
    Refused(String),
    /// Refused for a reason other than the rule's own.
    RefusedFor(Reason, String),
    /// What the rule asks for cannot be known.
    Unknown(String),
}

impl Finding {
    /// Of several: what refuses goes before what is not known, and that before what is content.
    fn worst(all: impl IntoIterator<Item = Self>) -> Self {
        let mut doubtful = None;
        for finding in all {
            match finding {
                Self::Refused(_) | Self::RefusedFor(..) => return finding,
                Self::Unknown(_) => doubtful = doubtful.or(Some(finding)),
                Self::Passed | Self::Rework(_) => {}
            }
        }
        doubtful.unwrap_or(Self::Passed)
    }
}

/// What all rules together say; the reason is that of the rule which decided.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judgement {
    pub(super) permit: Permit,
    pub(super) grounds: Option<(Reason, String)>,
    /// Whether a person may let it run all the same. What is not known is nobody's to allow, and who was
    /// told of another refusal has not seen a hold.
    pub(super) overrulable: bool,
    /// It was not judged in time.
    pub(super) late: bool,
    /// The recipe that is answered with a yes, where one is asked for.
    pub(super) recipe: Option<Value>,
}

/// Judges a request by a list of rules.
///
/// A refusal goes before everything else, since no fact that is missing could lift it; what is not
/// known goes before a yes. Of several refusals the first in the list is told.
pub(super) fn judge(checks: &[Check], case: &Case<'_>, on_late: Permit) -> Judgement {
    let mut refused = Vec::new();
    let mut unknown = None;
    let mut rework = None;
    for check in checks {
        let grounds = |text| Some((Reason::Check(*check), text));
        match case.find(*check) {
            Finding::Passed => {}
            Finding::Refused(text) => refused.push((*check, Reason::Check(*check), text)),
            Finding::RefusedFor(reason, text) => refused.push((*check, reason, text)),
            Finding::Unknown(text) => unknown = unknown.or_else(|| grounds(text)),
            Finding::Rework(text) => rework = rework.or_else(|| grounds(text)),
        }
    }
    let is_hold = |check: Check| matches!(check, Check::NotHeld | Check::ChildNotHeld);
    let unseen_hold = refused.iter().skip(1).any(|(check, ..)| is_hold(*check));
    let overrulable = !refused.is_empty() && unknown.is_none() && !unseen_hold;
    let first = refused.into_iter().next().map(|(_, reason, text)| (reason, text));
    let (permit, grounds) = match (first, unknown, rework) {
        (grounds @ Some(_), ..) => (Permit::Nok, grounds),
        (None, grounds @ Some(_), _) => (on_late, grounds),
        (None, None, grounds @ Some(_)) => (Permit::Rework, grounds),
        (None, None, None) => (Permit::Ok, None),
    };
    Judgement { permit, grounds, overrulable, late: false, recipe: None }
}

impl Case<'_> {
    fn find(&self, check: Check) -> Finding {
        match check {
            Check::Known => self.known(&self.draft.item),
            Check::NotHeld => self.not_held(),
            Check::Route => self.route(),
            Check::NotDoneHere => self.not_done_here(),
            Check::ChildKnown | Check::LotKnown => self.beside(Self::known),
            Check::ChildNotUsed => self.beside(Self::not_used),
            Check::ChildNotHeld => self.beside(Self::item_not_held),
            Check::MountsVerified => self.mounts_verified(),
            Check::LotNotExpired => self.lots_not_expired(),
            Check::Bom => self.beside(Self::bill),
            Check::SetupPlan => self.setup_plan(),
            Check::FloorLife => self.floor_life(),
            Check::AllergenPlan => self.allergen_plan(),
            Check::Cleaned => self.cleaned(),
            Check::ToolLife => self.tool_life(),
            Check::NoOpenDrift => self.no_open_drift(),
            Check::AttributePlan => self.attribute_plan(),
        }
    }

    /// The material in a feeder as its word says; what stood there with another lot says nothing.
    fn fed(&self, point: &MountPointId) -> Option<&Text> {
        let (lot, material) = self.said.fed.get(point)?;
        (self.mounts.get(point) == Some(lot)).then_some(material)
    }

    /// When it is: the PLC's clock may stand in another year.
    fn when(&self) -> Utc {
        self.draft.time.at.max(self.now)
    }

    /// The product of the main item: as the request says, else as it was last told.
    fn product(&self) -> Result<Named<'_>, Finding> {
        let item = &self.draft.item;
        let name = match &self.said.product {
            Some(name) => name,
            None => match &self.past(item)?.product {
                Some(name) => name,
                None => return Err(self.product_unknown(None)),
            },
        };
        match self.plant.catalog.products.get(name) {
            Some(product) => Ok(Named { name: name.clone(), product }),
            None => Err(self.product_unknown(Some(name))),
        }
    }

    /// The material of a lot or part: as the words beside it say, as its scope does, or as it was last
    /// told.
    fn material_of(&self, item: &ItemKey, told: Option<&Text>) -> Result<Text, Finding> {
        let scope = match &item.scope {
            Scope::Material(name) => Text::parse(name.as_str()).ok(),
            Scope::Site
            | Scope::Product(_)
            | Scope::Supplier(_)
            | Scope::Gs1(_)
            | Scope::Provisional => None,
        };
        if let Some(material) = told.cloned().or(scope) {
            return Ok(material);
        }
        let unknown = || {
            let text = format!("of which material {item} is was never told");
            Finding::RefusedFor(Reason::MaterialUnknown, text)
        };
        self.past(item)?.product.clone().ok_or_else(unknown)
    }

    /// A rule about the items that the request names beside the main one; `config` sees to it that
    /// there is one.
    fn beside(&self, rule: impl Fn(&Self, &ItemKey) -> Finding) -> Finding {
        Finding::worst(self.others().map(|other| rule(self, other)))
    }

    fn others(&self) -> impl Iterator<Item = &ItemKey> {
        self.draft.other.iter().chain(self.draft.members.iter().map(|member| &member.item))
    }

    fn known(&self, item: &ItemKey) -> Finding {
        match self.facts.and_then(|facts| facts.is_known(item)) {
            Some(true) => Finding::Passed,
            Some(false) => Finding::Refused(format!("{item} is not in the record")),
            None => self.not_told(item),
        }
    }

    fn past(&self, item: &ItemKey) -> Result<&Past, Finding> {
        self.facts.and_then(|facts| facts.past(item)).ok_or_else(|| self.not_told(item))
    }

    fn not_told(&self, item: &ItemKey) -> Finding {
        Finding::Unknown(format!("what is recorded of {item} was not told at {}", self.station.id))
    }

    fn item_not_held(&self, item: &ItemKey) -> Finding {
        self.held(item, item)
    }

    /// Neither the item nor what it was made of is on hold; it goes by this name.
    fn held(&self, item: &ItemKey, name: impl std::fmt::Display) -> Finding {
        if let Some(reason) = self.holds.get(item) {
            return Finding::Refused(format!("{name} is on hold: {reason}"));
        }
        if self.holds.is_empty() {
            return Finding::Passed;
        }
        let past = match self.past(item) {
            Ok(past) => past,
            Err(unknown) => return unknown,
        };
        match (past.held.first(), &past.unseen) {
            (Some(HeldBy { item: of, reason }), _) => {
                Finding::Refused(format!("{name} is on hold with {of}: {reason}"))
            }
            (None, Some(why)) => Finding::Unknown(format!(
                "whether {name} is on hold with anything is not known: {why}"
            )),
            (None, None) => Finding::Passed,
        }
    }

    fn not_held(&self) -> Finding {
        let items = std::iter::once(&self.draft.item).chain(self.others());
        let found = items.map(|item| self.item_not_held(item));
        Finding::worst(found.chain(std::iter::once_with(|| self.mounts_not_held())))
    }

    fn mounts_not_held(&self) -> Finding {
        let at = &self.station.id;
        let mounted = self.station.mounts.iter().map(|point| &point.id);
        let mounted = mounted.filter_map(|point| Some((point, self.mounts.get(point)?)));
        let found =
            mounted.map(|(point, lot)| self.held(lot, format_args!("{lot} in {point} of {at}")));
        Finding::worst(found.chain((!self.mounts_seen).then(|| self.mounts_not_seen())))
    }

    fn mounts_verified(&self) -> Finding {
        let mut points = self.station.mounts.iter();
        match points.find(|point| !self.mounts.contains_key(&point.id)) {
            Some(_) if !self.mounts_seen => self.mounts_not_seen(),
            Some(point) => {
                Finding::Refused(format!("no lot is in {} of {}", point.id, self.station.id))
            }
            None => self.mounts_not_held(),
        }
    }

    /// The last lot that was read is not what is in the feeder.
    fn mounts_not_seen(&self) -> Finding {
        Finding::Unknown(format!("what is in the feeders of {} cannot be read", self.station.id))
    }
}

#[cfg(test)]
mod tests;
