//! Attributes that come from what is measured, and what a product may come to.
use super::{Read, Resolver, Table};
use crate::config::raw::{self, InheritWord};
use crate::config::similar;
use crate::config::spot::Spot;
use crate::model::plant::{Bound, Measured, MeasuredRule, Told};
use crate::model::{TagName, Text};
use std::collections::BTreeSet;

impl InheritWord {
    /// Whether only what is measured comes together in this way.
    pub(super) fn is_measured_only(self) -> bool {
        self.measured().is_some() && self != Self::Minimum
    }

    fn measured(self) -> Option<MeasuredRule> {
        match self {
            Self::Sum => Some(MeasuredRule::Sum),
            Self::Minimum => Some(MeasuredRule::Minimum),
            Self::Maximum => Some(MeasuredRule::Maximum),
            Self::Union | Self::Any => None,
        }
    }
}

impl Resolver<'_> {
    /// Reads an attribute that comes from a measurement into the catalog.
    pub(super) fn measured_attribute(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        raw: &raw::Attribute,
        files: &[Read],
    ) {
        let raw::Attribute { rule, measurement, ancestors } = raw;
        if Told::parse(name).is_some() {
            let message = format!("`{}` is told already, and not measured", **name);
            self.error(t, name.span(), message)
                .label("said a second way")
                .help("give the attribute another name");
            return;
        }
        let word = rule.as_ref().and_then(|rule| rule.measured());
        if let (Some(rule), None) = (rule, word) {
            self.error(t, rule.span(), "what is measured is a number")
                .label("wanted `sum`, `minimum` or `maximum`");
        }
        let told = if let Some(told) = measurement {
            self.measurement(t, told, files)
        } else {
            let at = rule.as_ref().map_or_else(|| name.span(), Spot::span);
            self.error(t, at, format!("`{}` has no `measurement`", **name))
                .label("of what?")
                .help("write `measurement = \"…\"` with a name under `values` of a handshake");
            None
        };
        // One that is wrong was told of; whoever names it is right.
        let told = told.or_else(|| TagName::parse(name).ok());
        let ancestors = ancestors.as_ref().is_some_and(|ancestors| **ancestors);
        let rule = word.unwrap_or(MeasuredRule::Sum);
        if let Some((name, measurement)) = self.once(t, "attribute", name).zip(told) {
            self.catalog.measured.insert(name, Measured { rule, measurement, ancestors });
        }
    }

    /// The name of a measurement that some handshake takes.
    fn measurement(
        &mut self,
        t: &Table<'_>,
        told: &Spot<String>,
        files: &[Read],
    ) -> Option<TagName> {
        let stations = files.iter().flat_map(|read| &read.raw).flat_map(|raw| raw.station.iter());
        let handshakes = stations.flat_map(|(_, station)| station.handshake.iter());
        let values = handshakes.flat_map(|(_, handshake)| handshake.values.iter());
        let values: Vec<_> = values.collect();
        let known: BTreeSet<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
        // A file that cannot be read may have it.
        let unread = files.iter().any(|read| read.raw.is_none());
        if !unread && !known.contains(told.as_str()) {
            let hint = similar::hint(told, "measurements", known);
            self.error(t, told.span(), format!("no handshake measures `{}`", **told))
                .label("under `values` of no handshake")
                .help(hint);
            return None;
        }
        let same = values.iter().filter(|(name, _)| name.as_str() == told.as_str());
        let units = same.filter_map(|(_, value)| value.eu.as_ref());
        let units: BTreeSet<&str> = units.map(|unit| unit.as_str()).collect();
        if units.len() > 1 {
            let units: Vec<String> = units.iter().map(|unit| format!("`{unit}`")).collect();
            let said = format!("`{}` is measured in {}", **told, units.join(" and "));
            self.error(t, told.span(), said)
                .label("of different units nothing comes together")
                .help("give the measurements of different units different names");
            return None;
        }
        self.name(t, told, TagName::parse)
    }

    /// The rule of an attribute that is measured.
    pub(super) fn measured_rule(&self, name: &Spot<String>) -> Option<MeasuredRule> {
        let mut known = self.catalog.measured.iter();
        known.find(|(known, _)| known.as_str() == name.as_str()).map(|(_, of)| of.rule)
    }

    /// What a measured attribute of a product may come to.
    pub(super) fn measured_bound(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        number: &Spot<f64>,
        key: &str,
    ) -> Option<(Text, Bound)> {
        let rule = self.measured_rule(name)?;
        let (wanted, bound) = match rule {
            MeasuredRule::Sum | MeasuredRule::Maximum => ("at_most", Bound::AtMost as fn(f64) -> _),
            MeasuredRule::Minimum => ("at_least", Bound::AtLeast as fn(f64) -> _),
        };
        if key != wanted {
            let message =
                format!("`{key}` does not bound `{}`, which is a {}", **name, rule.as_str());
            self.error(t, name.span(), message).label(format!("wanted `{wanted}`"));
            return None;
        }
        let number = self.finite(t, Some(number))?;
        Some((self.name(t, name, Text::parse)?, bound(number)))
    }
}
