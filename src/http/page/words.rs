//! What the pages say: the words of the house as sentences for people.
use crate::genealogy::{Certainty, LinkKind};
use crate::model::{
    Amount, Contributor, Evidence, Gap, GapCause, GapSource, Interval, ItemClass, ItemKey,
    MonitorId, Position, Purpose, Result, Rule, Scope, StationId, Ucum, Utc, Value, Verdict,
};
use crate::query::{Incomplete, SuspectCause};
use std::fmt::Write;

/// An instant for people and, as `datetime`, for machines.
pub(super) struct When {
    pub(super) text: String,
    pub(super) iso: String,
}

/// To the second, UTC.
pub(super) fn when(at: Utc) -> When {
    let iso = at.to_string();
    let text = iso.split('.').next().unwrap_or(&iso).replace('T', " ");
    When { text, iso }
}

/// `2026-11-22 08:41:10 to 08:41:52`: the day is not said twice.
pub(super) fn interval(interval: Interval) -> String {
    let from = when(interval.from).text;
    let Some(to) = interval.to else { return format!("since {from}") };
    let to = when(to).text;
    match (from.split_once(' '), to.split_once(' ')) {
        (Some((day, _)), Some((same, time))) if day == same => format!("{from} to {time}"),
        _ => format!("{from} to {to}"),
    }
}

/// A measured figure to seven significant digits: more are of the wire's float, not of the machine.
pub(super) fn figure(x: f64) -> String {
    let magnitude = x.abs();
    if x == 0.0 || !x.is_finite() || !(1e-4..1e15).contains(&magnitude) {
        return x.to_string();
    }
    let rounded = format!("{x:.6e}").parse::<f64>().unwrap_or(x);
    rounded.to_string()
}

/// A value as read.
pub(super) fn value(value: &Value) -> String {
    if let Value::Real(x) = value { figure(*x) } else { value.to_string() }
}

/// A unit of measure as it is written on paper.
pub(super) fn unit(unit: &Ucum) -> String {
    match unit.as_str() {
        "1" => String::new(),
        "Cel" => "°C".to_owned(),
        "/min" => "1/min".to_owned(),
        code => code.replace('.', "·"),
    }
}

pub(super) fn amount(amount: &Amount) -> String {
    let unit = amount.unit.as_ref().map_or_else(|| "pieces".to_owned(), unit);
    format!("{} {unit}", figure(amount.value))
}

pub(super) fn class(class: ItemClass) -> &'static str {
    match class {
        ItemClass::Unit => "Unit",
        ItemClass::Lot => "Lot",
        ItemClass::Container => "Container",
    }
}

/// Where the code is unique.
pub(super) fn scope(scope: &Scope) -> String {
    match scope {
        Scope::Site => "of this site".to_owned(),
        Scope::Gs1(None) => "by GS1".to_owned(),
        Scope::Gs1(Some(gtin)) => format!("by GS1 of GTIN {gtin}"),
        Scope::Product(product) => format!("of product {product}"),
        Scope::Material(material) => format!("of material {material}"),
        Scope::Supplier(supplier) => format!("of supplier {supplier}"),
        Scope::Provisional => "whose code could not be read".to_owned(),
    }
}

/// `Lot 0001 of supplier ACME`
pub(super) fn item(key: &ItemKey) -> String {
    format!("{} {} {}", class(key.class), key.code, scope(&key.scope))
}

/// Where the page of an item is.
pub(super) fn address(key: &ItemKey) -> String {
    format!("/item?id={}", in_query(&key.to_string()))
}

/// Where an item's answer as JSON is.
pub(super) fn address_json(key: &ItemKey) -> String {
    format!("/api/v1/item?id={}", in_query(&key.to_string()))
}

/// Where the page of a condition is, and where its answer as JSON.
pub(super) fn address_condition(station: &StationId, monitor: &MonitorId) -> (String, String) {
    let [station, monitor] = [station.as_str(), monitor.as_str()].map(in_query);
    let json = format!("/api/v1/conditions/{station}/{monitor}");
    (format!("/condition?station={station}&monitor={monitor}"), json)
}

/// What a rule is called.
pub(super) fn rule(rule: Rule) -> &'static str {
    match rule {
        Rule::Limit => "limit",
        Rule::Ewma => "moving average",
        Rule::Master => "master",
        Rule::Cusum => "cumulative sums",
        Rule::Shewhart => "single value",
        Rule::WesternElectric => "Western Electric tests",
        Rule::Nelson => "Nelson tests",
        Rule::Missing => "no good value",
        Rule::Flat => "standstill",
        Rule::Variance => "spread",
        Rule::Forecast => "limit ahead",
        Rule::Rate => "rate of change",
        Rule::Usage => "use",
        Rule::Mewma => "moving average of a group",
        Rule::TSquared => "values of a group",
    }
}

/// Which members of a group have most to do with what it says.
pub(super) fn contributors(of: &[Contributor]) -> String {
    let one = |of: &Contributor| {
        let (alone, given) = (figure(of.z), figure(of.given));
        format!("{} by {alone} σ, {given} σ given the others", of.monitor)
    };
    of.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Percent-encoded for the query of a URL (RFC 3986 §3.4), `/` left as it is; without one also for a part of its path.
pub fn in_query(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut url, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(url, "%{byte:02X}");
        }
        url
    })
}

/// What a link says of the part.
pub(super) fn made_of(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::ConsumedInto => "consumed",
        LinkKind::InstalledIn => "built in",
        LinkKind::FormerlyInstalledIn => "once built in, taken out",
        LinkKind::PackedIn => "packed in it",
        LinkKind::FormerlyPackedIn => "once packed in it",
        LinkKind::SplitInto => "split from",
        LinkKind::MergedInto => "merged from",
        LinkKind::MountedAs => "mounted",
        LinkKind::FedInto => "from a feeder",
        LinkKind::IdentifiedAs => "the same unit",
    }
}

/// What a link says of the whole.
pub(super) fn went_into(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::ConsumedInto => "consumed by",
        LinkKind::InstalledIn => "built into",
        LinkKind::FormerlyInstalledIn => "once built into, taken out",
        LinkKind::PackedIn => "packed in",
        LinkKind::FormerlyPackedIn => "once packed in",
        LinkKind::SplitInto => "split into",
        LinkKind::MergedInto => "merged into",
        LinkKind::MountedAs => "mounted as",
        LinkKind::FedInto => "fed into",
        LinkKind::IdentifiedAs => "the same unit",
    }
}

/// What weakens a link, if anything does.
pub(super) fn certainty(certainty: Certainty) -> Option<&'static str> {
    match certainty {
        Certainty::Certain => None,
        Certainty::OneOf => Some("one of several"),
        Certainty::Proportional => Some("share of a blend"),
    }
}

/// An outcome with the class that colours it.
pub(super) fn result(result: Result) -> (&'static str, &'static str) {
    match result {
        Result::Pass => ("good", "✓ pass"),
        Result::Fail => ("bad", "✗ fail"),
        Result::Rework => ("warn", "↻ rework"),
        Result::Scrap => ("bad", "✗ scrap"),
    }
}

/// A verdict with the class that colours it.
pub(super) fn verdict(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::InControl => ("good", "✓ in control"),
        Verdict::Warning => ("warn", "⚠ warning"),
        Verdict::Drift => ("bad", "⚠ drift"),
        Verdict::NoData => ("quiet", "○ learning"),
    }
}

/// Why a station may have been wrong.
pub(super) fn suspected(cause: SuspectCause) -> &'static str {
    match cause {
        SuspectCause::Drift => "it has drifted",
        SuspectCause::MasterWrong => "its master was judged wrongly",
        SuspectCause::MasterOverdue => "its master was not shown in time",
    }
}

/// How an event is known, where not read from the machine.
pub(super) fn evidence(evidence: Evidence) -> Option<&'static str> {
    match evidence {
        Evidence::Automatic => None,
        Evidence::Inferred => Some("concluded, not read"),
        Evidence::Manual => Some("entered by a person"),
        Evidence::Late => Some("known only afterwards"),
        Evidence::TeachIn => Some("machine being taught"),
        Evidence::Bypassed => Some("machine in bypass"),
    }
}

/// What work was for, where not goods.
pub(super) fn purpose(purpose: Purpose) -> Option<&'static str> {
    match purpose {
        Purpose::Production => None,
        Purpose::Master => Some("master"),
        Purpose::Setup => Some("setup"),
        Purpose::Trial => Some("trial"),
        Purpose::Simulated => Some("simulated"),
    }
}

/// Why an answer is not complete, as a sentence.
pub(super) fn incomplete(why: &Incomplete) -> String {
    match why {
        Incomplete::Gap { item: key, station, position, gap } => format!(
            "While {} was at {station}, {} ({}, record {position}).",
            item(key),
            unobserved(gap),
            interval(gap.interval),
        ),
        Incomplete::Unobserved { station, position, gap } => format!(
            "At {station}, {} ({}, record {position}).",
            unobserved(gap),
            interval(gap.interval),
        ),
        Incomplete::Quarantine { station, position } => format!(
            "At {station} a request was set aside with its raw values, since it could not be told what it belongs to (record {position})."
        ),
        Incomplete::OneOf { item: key } => format!(
            "A link of {} is one of several possible ones: a lot was changed while the work was going on.",
            item(key)
        ),
        Incomplete::NotTold { item: key, station, what } => format!(
            "Of the work on {} at {station} nothing is on record that says whether `{what}`.",
            item(key)
        ),
        Incomplete::Ring { items, records } => format!(
            "{} are said to be part of each other, which cannot be: one of the records {} is wrong, and a correction takes it back.",
            items.iter().map(item).collect::<Vec<_>>().join(", "),
            listed(records),
        ),
        Incomplete::Retention { item: Some(key), tombstone } => format!(
            "Of {} less is told than was: retention dropped some of it (record {tombstone}).",
            item(key)
        ),
        Incomplete::Retention { item: None, tombstone } => format!(
            "Of this time less is told than was: retention dropped some of it (record {tombstone})."
        ),
        Incomplete::Unaccounted { item: key, amount: missing } => {
            format!("{} of {} cannot be accounted for.", amount(missing), item(key))
        }
        Incomplete::Lag { durable } => format!(
            "This answer does not yet count the newest records; the last one is {durable}. Ask again in a moment."
        ),
    }
}

fn listed(records: &[Position]) -> String {
    records.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What was not observed, and why.
pub(super) fn unobserved(gap: &Gap) -> String {
    let source = match &gap.source {
        GapSource::Device(device) => format!("device {device} was not observed"),
        GapSource::Tag(device, tag) => format!("{tag} of device {device} was not observed"),
        GapSource::Handshake(station, handshake) => {
            format!("requests of {station}.{handshake} are missing")
        }
    };
    format!("{source}: {}", cause(gap.cause))
}

fn cause(cause: GapCause) -> &'static str {
    match cause {
        GapCause::Stopped => "Pedigree was not running",
        GapCause::Disconnected => "the connection was lost",
        GapCause::Silent => "the connection stood, yet nothing moved",
        GapCause::Overflow => "the server dropped values",
        GapCause::Sequence => "notifications were lost on the way",
        GapCause::NumbersSkipped => "the PLC's numbers skip some",
        GapCause::TriggerMoved => "the PLC went on before it was read",
        GapCause::Unsynced => "the disk did not keep the record",
        GapCause::Overload => "more came than could be taken",
        GapCause::Interface => "the PLC program is not the declared one",
        GapCause::BadQuality => "the PLC said that the word is bad",
        GapCause::Redefined => "its plant file changed, and it was begun anew",
        GapCause::Removed => "it was taken out of the plant files",
        GapCause::Unreleased => "the PLC did not take its request back",
        GapCause::Overrun => "the PLC wrote over what was not read yet",
        GapCause::NotGiven => "the machine named results and did not give them",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_of_the_machine_and_not_of_the_wire() {
        for (x, text) in [
            (f64::from(12.1_f32), "12.1"),
            (-0.000_123_456_789, "-0.0001234568"),
            (120_000.0, "120000"),
            (0.0, "0"),
            (1e-9, "0.000000001"),
        ] {
            assert_eq!(figure(x), text);
        }
    }

    #[test]
    fn weak_evidence_is_said_and_strong_is_not() {
        assert_eq!(evidence(Evidence::Automatic), None);
        assert_eq!(evidence(Evidence::TeachIn), Some("machine being taught"));
        assert_eq!(evidence(Evidence::Bypassed), Some("machine in bypass"));
    }

    #[test]
    fn the_address_of_an_item_is_one_query_parameter() {
        let key: ItemKey = "l/supplier/A&B=1#2%2F/0+\"1".parse().unwrap();
        assert_eq!(address(&key), "/item?id=l/supplier/A%26B%3D1%25232%252F/0%2B%221");
    }

    #[test]
    fn an_interval_within_a_day_says_the_day_once() {
        let from = Utc(1_485_957_575_171_875_000);
        let to = Utc(from.0 + 42_000_000_000);
        let text = interval(Interval { from, to: Some(to) });
        assert_eq!(text, "2017-02-01 13:59:35 to 14:00:17");
        assert_eq!(interval(Interval { from, to: None }), "since 2017-02-01 13:59:35");
    }
}
