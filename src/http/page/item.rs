//! The page of one item: what it is, what it was made of, what it went through, what it went into.
use super::words::{self, When};
use crate::genealogy::Balance;
use crate::model::plant::MeasuredRule;
use crate::model::{Amount, ItemKey, PhaseSummary, Value};
use crate::query::{
    Answer, Completeness, InheritedValue, InheritedView, Is, ItemState, ItemView, LinkView,
    LotBalance, MeasurementView, PermitView, StepView, SupersededView,
};
use askama::Template;

/// Rows of one list; what is more is counted, and found in the JSON.
const ROWS_MAX: usize = 200;

/// The page.
#[derive(Template)]
#[template(path = "item.html")]
pub(super) struct ItemPage {
    typed: String,
    name: String,
    code: String,
    class: &'static str,
    scope: String,
    key: String,
    json: String,
    product: Option<String>,
    state: State,
    holds: Rows<String>,
    balance: Vec<(&'static str, String)>,
    first_seen: When,
    last_seen: When,
    position: String,
    complete: bool,
    reasons: Rows<String>,
    steps: Rows<Step>,
    superseded: Rows<(Step, String)>,
    made_of: Rows<Link>,
    went_into: Rows<Link>,
    inherited: Vec<Inherits>,
    /// The level, and what is wanting for a higher one.
    level: Option<(String, Vec<String>)>,
}

/// The first rows of a list and how many more there are.
struct Rows<T> {
    shown: Vec<T>,
    more: usize,
}

struct State {
    words: String,
    link: Option<Named>,
}

/// An item by its code, with its page.
struct Named {
    code: String,
    name: String,
    address: String,
}

struct Link {
    kind: &'static str,
    item: Named,
    notes: Vec<String>,
    time: When,
    position: String,
}

/// An attribute that comes from what it was made of.
struct Inherits {
    attribute: String,
    rule: &'static str,
    /// What adds up, and of how many values.
    total: Option<(String, String)>,
    values: Rows<Inherited>,
    missing: Option<String>,
}

struct Inherited {
    value: String,
    of: Named,
    way: String,
}

struct Step {
    verb: &'static str,
    station: Option<String>,
    time: When,
    stay: Option<String>,
    result: Option<(&'static str, &'static str)>,
    notes: Vec<String>,
    complete: bool,
    other: Option<Named>,
    measurements: Vec<Measured>,
    phase: Option<Phase>,
    position: String,
}

struct Measured {
    name: String,
    value: String,
    unit: String,
    low: String,
    high: String,
    judged: (&'static str, &'static str),
    quality: Option<String>,
}

struct Phase {
    name: String,
    interval: String,
    rows: Vec<(String, String, [String; 3])>,
}

impl ItemPage {
    pub(super) fn new(answer: Answer<ItemView>) -> Self {
        let Answer { position, completeness, body } = answer;
        let reasons = match &completeness {
            Completeness::Complete => Vec::new(),
            Completeness::Incomplete(why) => why.iter().map(words::incomplete).collect(),
        };
        let product = body.product.map(|product| product.to_string());
        Self {
            typed: body.key.to_string(),
            name: words::item(&body.key),
            code: body.key.code.to_string(),
            class: words::class(body.key.class),
            scope: words::scope(&body.key.scope),
            key: body.key.to_string(),
            json: words::address_json(&body.key),
            product,
            state: state(&body.state),
            holds: rows(body.holds, |hold| hold.told_of(&body.key)),
            balance: body.balance.as_ref().map(balance).unwrap_or_default(),
            first_seen: words::when(body.first_seen),
            last_seen: words::when(body.last_seen),
            position: position.to_string(),
            complete: completeness.is_complete(),
            reasons: rows(reasons, |reason| reason),
            steps: rows(body.steps, step),
            superseded: rows(body.superseded, superseded),
            made_of: rows(body.made_of, |link| Link::new(words::made_of(link.kind), link)),
            went_into: rows(body.went_into, |link| Link::new(words::went_into(link.kind), link)),
            inherited: body.inherited.into_iter().map(inherits).collect(),
            level: body.level.map(|level| (level.to_string(), level.wanting())),
        }
    }
}

/// The figures of a balance that are known.
fn balance(of: &LotBalance) -> Vec<(&'static str, String)> {
    let Balance { received, returned, consumed, scrapped, shipped, .. } = &of.balance;
    let (in_stock, unaccounted) = (of.balance.in_stock, of.balance.unaccounted);
    let told = |value: &f64| (*value != 0.0).then_some(*value);
    let figures = [
        ("received", Some(*received)),
        ("returned", told(returned)),
        ("consumed", told(consumed)),
        ("scrapped", told(scrapped)),
        ("shipped", told(shipped)),
        ("in stock", in_stock),
        ("unaccounted", unaccounted),
    ];
    let amount = |value| words::amount(&Amount { value, unit: of.balance.unit.clone() });
    let known = figures.into_iter().filter_map(|(name, value)| Some((name, amount(value?))));
    let untold = of.balance.untold;
    known.chain((untold > 0).then(|| ("without an amount", format!("{untold} times")))).collect()
}

fn rows<T, R>(all: Vec<T>, row: impl FnMut(T) -> R) -> Rows<R> {
    let more = all.len().saturating_sub(ROWS_MAX);
    Rows { shown: all.into_iter().take(ROWS_MAX).map(row).collect(), more }
}

fn inherits(view: InheritedView) -> Inherits {
    let InheritedView { attribute, rule, total, parts, values, missing } = view;
    let of = parts
        .map(|parts| if parts == 1 { "1 value".to_owned() } else { format!("{parts} values") });
    let least = if missing.is_some() { "at least " } else { "" };
    let sum = total.filter(|_| rule == MeasuredRule::Sum.as_str());
    let sum = sum.map(|sum| format!("{least}{}", words::figure(sum)));
    Inherits {
        attribute: attribute.to_string(),
        rule,
        total: sum.zip(of),
        values: rows(values, inherited),
        missing,
    }
}

fn inherited(from: InheritedValue) -> Inherited {
    let InheritedValue { value, record, item, sure, way, more } = from;
    let value = match value {
        Is::Word(word) => word.to_string(),
        Is::Mark(_) => "yes".to_owned(),
        Is::Number(number) => words::figure(number),
        Is::Until(until) => words::when(until).text,
    };
    let mut steps: Vec<String> = way
        .iter()
        .map(|link| format!("{} {} ({})", words::went_into(link.kind), link.into, link.position))
        .collect();
    if more > 0 {
        steps.push(format!("and {more} more"));
    }
    if !sure {
        steps.push("not certain: one of several, or a share of a blend".to_owned());
    }
    let way = if steps.is_empty() { "of its own".to_owned() } else { steps.join(" · ") };
    let told = record.map(|record| format!("told with record {record} · "));
    let way = told.unwrap_or_default() + &way;
    Inherited { value, of: named(&item), way }
}

fn named(key: &ItemKey) -> Named {
    Named { code: key.code.to_string(), name: words::item(key), address: words::address(key) }
}

fn state(state: &ItemState) -> State {
    let plain = |words: String| State { words, link: None };
    match state {
        ItemState::InWork(station) => plain(format!("in work at {station}")),
        ItemState::Idle => plain("between stations or finished".to_owned()),
        ItemState::Packed(container) => {
            State { words: "packed in".to_owned(), link: Some(named(container)) }
        }
        ItemState::Shipped => plain("left the site".to_owned()),
        ItemState::Scrapped => plain("scrapped".to_owned()),
    }
}

impl Link {
    fn new(kind: &'static str, link: LinkView) -> Self {
        let LinkView { kind: _, item, certainty, position, time, amount, untold, place, station } =
            link;
        let notes = [
            Some(format!("{} {}", words::class(item.class), words::scope(&item.scope))),
            words::certainty(certainty).map(str::to_owned),
            amount.as_ref().map(words::amount),
            untold.map(|untold| format!("amount not known: {}", untold.why())),
            station.map(|station| format!("at {station}")),
            place.map(|place| place.to_string()),
        ];
        Self {
            kind,
            item: named(&item),
            notes: notes.into_iter().flatten().collect(),
            time: words::when(time),
            position: position.to_string(),
        }
    }
}

/// A step that counts no more, and why.
fn superseded(gone: SupersededView) -> (Step, String) {
    let SupersededView { step: old, by, who, reason } = gone;
    let who = who.map(|who| format!(" of {who}")).unwrap_or_default();
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    (step(old), format!("superseded by record {by}{who}{reason}"))
}

fn recipe(recipe: &Value) -> String {
    format!("told recipe {recipe}")
}

fn step(step: StepView) -> Step {
    let notes = [
        step.operation.map(|operation| operation.to_string()),
        step.operator.map(|operator| format!("by {operator}")),
        words::evidence(step.evidence).map(str::to_owned),
        step.went_past.map(|refusal| format!("refused by record {refusal}, and done all the same")),
        words::purpose(step.purpose).map(str::to_owned),
        step.permit.as_ref().and_then(|permit| permit.recipe.as_ref()).map(recipe),
        step.permit.as_ref().and_then(PermitView::sentence),
    ];
    Step {
        verb: step.verb,
        station: step.station.map(|station| station.to_string()),
        time: words::when(step.time),
        stay: step.stay.map(words::interval),
        result: step.result.map(words::result),
        notes: notes.into_iter().flatten().collect(),
        complete: step.complete,
        other: step.other.as_ref().map(named),
        measurements: step.measurements.iter().map(measured).collect(),
        phase: step.phase.as_ref().map(phase),
        position: step.position.to_string(),
    }
}

fn measured(measurement: &MeasurementView) -> Measured {
    let limit = |limit: Option<f64>| limit.map_or_else(String::new, words::figure);
    Measured {
        name: measurement.name.to_string(),
        value: words::value(&measurement.value),
        unit: measurement.unit.as_ref().map_or_else(String::new, words::unit),
        low: limit(measurement.low),
        high: limit(measurement.high),
        judged: match measurement.in_limits {
            Some(true) => ("good", "✓ within"),
            Some(false) => ("bad", "✗ outside"),
            None => ("quiet", "not judged"),
        },
        quality: Some(measurement.quality.clone()).filter(|quality| quality != "Good"),
    }
}

fn phase(phase: &PhaseSummary) -> Phase {
    let figure = |x: Option<f64>| x.map_or_else(|| "–".to_owned(), words::figure);
    let whole = phase.statistics.iter().map(|row| (row.tag.to_string(), row));
    let tools = phase.tools.iter().flat_map(|tool| {
        tool.statistics.iter().map(move |row| (format!("{} with {}", row.tag, tool.value), row))
    });
    Phase {
        name: phase.phase.to_string(),
        interval: words::interval(phase.interval),
        rows: whole
            .chain(tools)
            .map(|(tag, row)| {
                (tag, row.n.to_string(), [figure(row.min), figure(row.mean), figure(row.max)])
            })
            .collect(),
    }
}
