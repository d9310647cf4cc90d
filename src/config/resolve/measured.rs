//! Attributes that come from numbers that events tell, and what a product may come to.
use super::handshake::VERBS;
use super::{Read, Resolver, Table};
use crate::config::raw::{self, InheritWord};
use crate::config::similar;
use crate::config::spot::Spot;
use crate::model::plant::{Bound, Measured, MeasuredRule, Source, Told};
use crate::model::{MountPointId, TagName, Text, Ucum};
use std::collections::BTreeSet;

impl InheritWord {
    /// Whether only what events tell comes together in this way.
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

/// What a feeder counts in that has no `eu`.
const PIECES: &str = "pieces";

/// By which key an attribute names its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Teller {
    Measurement,
    Context,
    Count,
}

impl Teller {
    fn key(self) -> &'static str {
        match self {
            Self::Measurement => "measurement",
            Self::Context => "context",
            Self::Count => "count",
        }
    }

    /// All names that the files have, each with its unit where one is written.
    fn known<'r>(self, files: &'r [Read]) -> Vec<(&'r str, Option<&'r str>)> {
        let stations = files.iter().flat_map(|read| &read.raw).flat_map(|raw| raw.station.iter());
        let stations: Vec<_> = stations.map(|(_, station)| station).collect();
        let handshakes = stations.iter().flat_map(|station| station.handshake.iter());
        let handshakes = handshakes.map(|(_, handshake)| handshake);
        match self {
            Self::Measurement => {
                let values = handshakes.flat_map(|handshake| handshake.values.iter());
                let unit = |(name, value): (&'r Spot<String>, &'r raw::Measured)| {
                    (name.as_str(), value.eu.as_ref().map(|eu| eu.as_str()))
                };
                values.map(unit).collect()
            }
            Self::Context => {
                let working = handshakes.filter(|handshake| {
                    let event = handshake.event.as_ref().map(|event| event.as_str());
                    // One without is told of.
                    event.is_none_or(|event| {
                        let verb = VERBS.iter().find(|verb| verb.as_str() == event);
                        verb.is_none_or(|verb| verb.tells_words())
                    })
                });
                let words = working.flat_map(|handshake| handshake.context.iter());
                words.map(|(name, _)| (name.as_str(), None)).collect()
            }
            Self::Count => {
                let mounts = stations.iter().flat_map(|station| station.mount.iter());
                let counted = mounts.filter_map(|(name, mount)| Some((name, mount.used.as_ref()?)));
                let unit = |(name, used): (&'r Spot<String>, &'r Spot<raw::Used>)| {
                    // Pieces are a unit too.
                    (name.as_str(), Some(used.eu.as_ref().map_or(PIECES, |eu| eu.as_str())))
                };
                counted.map(unit).collect()
            }
        }
    }

    /// Nobody tells it: what is wrong, what stands there, and what others there are.
    fn untold(self, name: &str) -> (String, &'static str, &'static str) {
        match self {
            Self::Measurement => (
                format!("no handshake measures `{name}`"),
                "under `values` of no handshake",
                "measurements",
            ),
            Self::Context => (
                format!("no handshake keeps `{name}` with what is done to an item"),
                "under `context` of no handshake that does something to an item: `pack`, `identify` and `note` do not",
                "further words",
            ),
            Self::Count => (
                format!("no feeder `{name}` counts what is used of it"),
                "no `mount` of this name has `used`",
                "feeders with counters",
            ),
        }
    }
}

impl raw::Attribute {
    /// What it names of that which events tell: one, if it is right.
    pub(super) fn sources(&self) -> Vec<(Teller, &Spot<String>)> {
        let Self { rule: _, measurement, context, count, ancestors: _ } = self;
        let all = [
            (Teller::Measurement, measurement),
            (Teller::Context, context),
            (Teller::Count, count),
        ];
        all.into_iter().filter_map(|(from, told)| Some((from, told.as_ref()?))).collect()
    }
}

impl Resolver<'_> {
    /// Reads an attribute that comes from numbers of events into the catalog.
    pub(super) fn measured_attribute(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        raw: &raw::Attribute,
        files: &[Read],
    ) {
        let raw::Attribute { rule, ancestors, .. } = raw;
        if Told::parse(name).is_some() {
            let message = format!("`{}` is told already, and not by events", **name);
            self.error(t, name.span(), message)
                .label("said a second way")
                .help("give the attribute another name");
            return;
        }
        let word = rule.as_ref().and_then(|rule| rule.measured());
        if let (Some(rule), None) = (rule, word) {
            self.error(t, rule.span(), "what events tell is a number")
                .label("wanted `sum`, `minimum` or `maximum`");
        }
        let sources = raw.sources();
        if sources.is_empty() {
            let at = rule.as_ref().map_or_else(|| name.span(), Spot::span);
            self.error(t, at, format!("`{}` has no `measurement`, `context` or `count`", **name))
                .label("of what?")
                .help(
                    "write `measurement = \"…\"` with a name under `values` of a handshake, `context = \"…\"` with one \
                     under its `context`, or `count = \"…\"` with a feeder that has `used`",
                );
        }
        for (from, told) in sources.iter().skip(1) {
            let message = format!("`{}` comes from `{}` as well", **name, from.key());
            self.error(t, told.span(), message)
                .label("a second source")
                .help("keep one of them, or make two attributes");
        }
        let told: Vec<_> =
            sources.iter().map(|(from, told)| self.source(t, *from, told, files)).collect();
        // One that is wrong was told of; whoever names it is right.
        let told = told.into_iter().next().flatten();
        let told = told.or_else(|| TagName::parse(name).ok().map(Source::Measurement));
        let ancestors = ancestors.as_ref().is_some_and(|ancestors| **ancestors);
        let rule = word.unwrap_or(MeasuredRule::Sum);
        if let Some((name, source)) = self.once(t, "attribute", name).zip(told) {
            self.catalog.measured.insert(name, Measured { rule, source, ancestors });
        }
    }

    /// What some handshake or feeder tells under a name.
    fn source(
        &mut self,
        t: &Table<'_>,
        from: Teller,
        told: &Spot<String>,
        files: &[Read],
    ) -> Option<Source> {
        let known = from.known(files);
        // A file that cannot be read may have it.
        let unread = files.iter().any(|read| read.raw.is_none());
        if !unread && known.iter().all(|(name, _)| *name != told.as_str()) {
            let (message, label, others) = from.untold(told);
            let names: BTreeSet<&str> = known.iter().map(|(name, _)| *name).collect();
            let hint = similar::hint(told, others, names);
            self.error(t, told.span(), message).label(label).help(hint);
            return None;
        }
        let same = known.iter().filter(|(name, _)| *name == told.as_str());
        let units: BTreeSet<&str> = same.filter_map(|(_, unit)| *unit).collect();
        if units.len() > 1 {
            let said =
                |unit: &&str| if *unit == PIECES { PIECES.to_owned() } else { format!("`{unit}`") };
            let units: Vec<String> = units.iter().map(said).collect();
            let (how, what) = match from {
                Teller::Measurement | Teller::Context => ("measured", "measurements"),
                Teller::Count => ("counted", "feeders"),
            };
            let said = format!("`{}` is {how} in {}", **told, units.join(" and "));
            self.error(t, told.span(), said)
                .label("of different units nothing comes together")
                .help(format!("give {what} of different units different names"));
            return None;
        }
        if from == Teller::Count && !self.all_count(t, told, files) {
            return None;
        }
        match from {
            Teller::Measurement => self.name(t, told, TagName::parse).map(Source::Measurement),
            Teller::Context => self.name(t, told, TagName::parse).map(Source::Context),
            Teller::Count => {
                // One that is no unit is told of where it stands.
                let unit = units.into_iter().find(|unit| *unit != PIECES);
                let unit = unit.and_then(|unit| Ucum::parse(unit).ok());
                self.name(t, told, MountPointId::parse).map(|point| Source::Count(point, unit))
            }
        }
    }

    /// Whether all feeders of a name have counters: what one without gives would be missed by nobody.
    fn all_count(&mut self, t: &Table<'_>, told: &Spot<String>, files: &[Read]) -> bool {
        let stations = files.iter().flat_map(|read| &read.raw).flat_map(|raw| raw.station.iter());
        let without = stations.filter(|(_, station)| {
            let mut named = station.mount.iter().filter(|(name, _)| name.as_str() == told.as_str());
            named.any(|(_, mount)| mount.used.is_none())
        });
        let without: Vec<String> =
            without.map(|(station, _)| format!("`{}`", station.as_str())).collect();
        if without.is_empty() {
            return true;
        }
        let message = format!("`{}` has no `used` at {}", **told, without.join(" and "));
        self.error(t, told.span(), message)
            .label("what it gives there is not counted")
            .help("give it `used`, or another name");
        false
    }

    /// The rule of an attribute that comes from numbers of events.
    pub(super) fn measured_rule(&self, name: &Spot<String>) -> Option<MeasuredRule> {
        let mut known = self.catalog.measured.iter();
        known.find(|(known, _)| known.as_str() == name.as_str()).map(|(_, of)| of.rule)
    }

    /// What such an attribute of a product may come to.
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
