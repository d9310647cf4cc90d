//! Rules of a permit: which there are, where each makes sense, how its reason is numbered, and who may
//! overrule it.
use super::station::Around;
use super::word::Use;
use super::{Resolver, Table};
use crate::config::raw;
use crate::config::similar;
use crate::config::spot::Spot;
use crate::model::plant::{Check, Handshake, Overrule, Reason, ReasonCodes};
use crate::model::{ItemClass, Verb};
use std::collections::BTreeMap;

/// Rules of the language that are not checked.
const LATER: [&str; 3] = ["no fill", "not-bypassed", "master-due"];

impl Resolver<'_> {
    /// The rules that a handshake names.
    pub(super) fn checks(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Vec<Check> {
        let mut checks = Vec::new();
        for name in raw.check.iter().flatten() {
            let Some(check) = self.check(t, name) else { continue };
            if checks.contains(&check) {
                self.error(t, name.span(), format!("`{}` is checked twice", **name))
                    .label("second time");
            } else {
                checks.push(check);
            }
        }
        checks
    }

    fn check(&mut self, t: &Table<'_>, raw: &Spot<String>) -> Option<Check> {
        let found = Check::ALL.into_iter().find(|check| check.as_str() == raw.as_str());
        if found.is_some() {
            return found;
        }
        let ours = Check::ALL.map(Check::as_str);
        if LATER.contains(&raw.as_str()) {
            self.error(t, raw.span(), format!("`{}` is not checked by this version", **raw))
                .label("not checked yet")
                .help(format!("it checks: {}", ours.join(", ")));
            return None;
        }
        let hint = similar::hint(raw, "checks", ours);
        self.error(t, raw.span(), format!("there is no check `{}`", **raw))
            .label("not a check")
            .help(hint);
        None
    }

    /// Refuses rules that have nothing to look at: one that is always content is worse than none.
    pub(super) fn check_rules(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Handshake,
        handshake: &Handshake,
        around: &Around,
    ) {
        for name in raw.check.iter().flatten() {
            let found = Check::ALL.into_iter().find(|check| check.as_str() == name.as_str());
            let idle = found.and_then(|check| self.idle(check, handshake, around));
            let Some((lacks, help)) = idle else { continue };
            self.error(t, name.span(), format!("`{}` has nothing to check: {lacks}", **name))
                .label("would pass everything")
                .help(help);
        }
    }

    /// Numbers of reasons.
    pub(super) fn reason_codes(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> ReasonCodes {
        let mut codes: BTreeMap<Reason, i64> = BTreeMap::new();
        for (name, code) in raw.reasons.iter() {
            let Some(reason) = Reason::parse(name) else {
                let hint = similar::hint(name, "reasons", Reason::all().map(Reason::as_str));
                self.error(t, name.span(), format!("there is no reason `{}`", **name))
                    .label("not a reason")
                    .help(hint);
                continue;
            };
            if **code == 0 {
                self.error(t, code.span(), format!("`{}` cannot be 0", **name))
                    .label("0 says that there is no reason");
            }
            codes.insert(reason, **code);
        }
        let codes = ReasonCodes(codes);
        let mut told: Vec<Reason> = Vec::new();
        for (name, code) in raw.reasons.iter() {
            let Some(reason) = Reason::parse(name) else { continue };
            // Of two that are both named, the second is told.
            let known = |other: &Reason| told.contains(other) || !codes.0.contains_key(other);
            let mut others = Reason::all().filter(|other| *other != reason && known(other));
            if let Some(other) = others.find(|other| codes.code(*other) == **code) {
                let message = format!("{} is `{}` as well", **code, other.as_str());
                self.error(t, code.span(), message)
                    .label("the PLC could not tell them apart")
                    .help("what is not named here keeps its own number: see *Permits* in docs/config.md");
            }
            told.push(reason);
        }
        codes
    }

    /// The words by which a person overrules a refusal.
    pub(super) fn overrule(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Option<Overrule> {
        let words = raw.overrule.as_ref()?;
        if raw.check.iter().flatten().next().is_none() {
            self.error(t, words.span(), "`override` has nothing to overrule")
                .label("no `check` here");
        }
        let raw::Override { badge, reason } = &**words;
        let badge = self.maybe_word(t, badge.as_ref(), Use::Badge);
        let reason = self.maybe_word(t, reason.as_ref(), Use::Snapshot);
        Some(Overrule { badge: badge?, reason: reason? })
    }

    /// Why a rule would pass everything, and what can be done.
    fn idle(
        &self,
        check: Check,
        handshake: &Handshake,
        around: &Around,
    ) -> Option<(&'static str, &'static str)> {
        let child = matches!(handshake.event, Verb::Install | Verb::Remove | Verb::Pack);
        let child = child || !handshake.members.is_empty();
        let lot = handshake.other.as_ref().is_some_and(|other| other.class == ItemClass::Lot);
        let no_lot = !lot && around.mounts.is_empty();
        match check {
            Check::Route if !around.routed => Some((
                "no station comes before",
                "write `after = [\"…\"]` at the station, or a `route` of a product",
            )),
            Check::ChildKnown | Check::ChildNotUsed | Check::ChildNotHeld if !child => Some((
                "this event has no child",
                "it is for `install`, `remove`, `pack` and for `members`",
            )),
            Check::LotKnown if !lot => {
                Some(("this event uses no lot", "it is for `consume`; feeders: `mounts-verified`"))
            }
            Check::LotNotExpired | Check::FloorLife if no_lot => Some((
                "this event uses no lot, and the station has no feeders",
                "it is for `consume` and for stations with a `mount` table",
            )),
            Check::MountsVerified if around.mounts.is_empty() => {
                Some(("the station has no feeders", "write a `mount` table at the station"))
            }
            Check::Bom
            | Check::SetupPlan
            | Check::FloorLife
            | Check::AllergenPlan
            | Check::Cleaned
            | Check::ToolLife
            | Check::NoOpenDrift
            | Check::AttributePlan => self.idle_of_catalog(check, handshake, around),
            Check::Known
            | Check::NotHeld
            | Check::Route
            | Check::NotDoneHere
            | Check::ChildKnown
            | Check::ChildNotUsed
            | Check::ChildNotHeld
            | Check::LotKnown
            | Check::MountsVerified
            | Check::LotNotExpired => None,
        }
    }

    /// The same for rules that look at what products, materials and the station itself say.
    fn idle_of_catalog(
        &self,
        check: Check,
        handshake: &Handshake,
        around: &Around,
    ) -> Option<(&'static str, &'static str)> {
        let (products, materials) = (&self.catalog.products, &self.catalog.materials);
        let planned = products.values().flat_map(|product| product.setup.keys());
        let planned = planned.into_iter().any(|station| station.as_str() == around.id);
        let allergens = products.values().any(|product| !product.allergens.is_empty())
            || materials.values().any(|material| !material.allergens.is_empty());
        let told = handshake.product.is_some();
        match check {
            Check::Bom if !matches!(handshake.event, Verb::Install | Verb::Consume) => {
                Some(("nothing goes into anything here", "it is for `install` and `consume`"))
            }
            Check::Bom if products.values().all(|product| product.bill.is_none()) => {
                Some(("no product has a bill", "write `bom` at a `product`"))
            }
            Check::SetupPlan if !planned => Some((
                "no product says what this station's feeders need",
                "write `setup` at a `product`, with this station",
            )),
            Check::FloorLife if materials.values().all(|m| m.floor_life.is_none()) => {
                Some(("no material has a floor life", "write `floor_life` at a `material`"))
            }
            Check::AllergenPlan if !allergens => {
                Some(("nothing has allergens", "write `allergens` at products and materials"))
            }
            Check::AllergenPlan | Check::Cleaned if !told => Some((
                "what is made is not told with the request",
                "write `product = …` with the word that says it",
            )),
            Check::Cleaned if !around.cleaned => Some((
                "the station never tells that it was cleaned",
                "write a `phase` with `event = \"clean\"` at the station",
            )),
            Check::ToolLife if around.mounts.iter().all(|mount| mount.tool.is_none()) => {
                Some(("the station has no tools", "write `tool` at one of its `mount` tables"))
            }
            Check::AttributePlan if products.values().all(|product| product.bounds.is_empty()) => {
                Some((
                    "no product says what it may be made of",
                    "write `allowed`, `forbidden` or `at_least` at a `product`",
                ))
            }
            Check::NoOpenDrift if !around.drifts => Some((
                "nothing here may be called drift",
                "write `drift` at a monitor or a measurement of the station, or a `master`",
            )),
            Check::Known
            | Check::NotHeld
            | Check::Route
            | Check::NotDoneHere
            | Check::ChildKnown
            | Check::ChildNotUsed
            | Check::ChildNotHeld
            | Check::LotKnown
            | Check::MountsVerified
            | Check::LotNotExpired
            | Check::Bom
            | Check::SetupPlan
            | Check::FloorLife
            | Check::AllergenPlan
            | Check::Cleaned
            | Check::ToolLife
            | Check::NoOpenDrift
            | Check::AttributePlan => None,
        }
    }
}
