//! What can be told of an event, in the words of plant files: the keys of a table in `expect`.
use crate::model::{
    Amount, Body, CarriedOver, Context, Evidence, Gap, GapCause, GapSource, HandshakeMark,
    HandshakeNumber, ItemClass, ItemKey, Measurement, Member, MountPointId, MountUse, Permit,
    Purpose, Quarantine, QuarantineCause, Record, Result as Outcome, TraceEvent, Untold, Value,
    Verb, What,
};
use serde::Serialize;
use std::fmt::Display;

/// The key that makes a table an event.
pub const EVENT: &str = "event";
/// Before the name of a measurement.
pub const VALUES: &str = "values.";
/// Before the name of a further word.
const CONTEXT: &str = "context.";

/// Keys of an event, and what each tells.
pub const FIELDS: [(&str, &str); 30] = [
    (EVENT, "a verb, `quarantine` or `gap`"),
    ("station", "where"),
    ("handshake", "by which exchange"),
    ("phase", "by which phase"),
    ("serial", "the unit: its code, or the whole item as in `u/site/SN-1`"),
    ("lot", "the lot that is produced, consumed, mounted or unmounted"),
    ("child", "what is installed, removed or packed"),
    (
        "members",
        "what it consists of, in the order of their places, `-` for an empty one: `A, -, C`",
    ),
    ("into", "the item that a lot or child goes into"),
    (
        "lots",
        "the lots in the feeders that it was made with; `A or B`, or `A?, B`, where that is not known",
    ),
    (
        "used",
        "how much of each of them, where a counter says so: `12 of A, 3 of B`; of an `unmount` how much was taken from its lot",
    ),
    ("untold", "of an `unmount`: why the counter does not say how much was used"),
    (
        "carry_over",
        "the lots that were in the station before and were not cleaned away, the last at the end; `?` where a clean may have been missed; `none` without one",
    ),
    ("mount", "the feeder"),
    ("product", "the product or material"),
    ("material", "of the lot or part that goes into something"),
    ("operation", "the operation, recipe or program"),
    ("position", "the place in the parent, the hopper, or the position at the station"),
    ("carrier", "the carrier that the unit is on"),
    ("quantity", "how much"),
    ("result", "the outcome"),
    ("permit", "what the PLC was answered"),
    ("reason", "why, if not ok"),
    ("recipe", "the recipe that the PLC was answered"),
    ("evidence", "how it came to be known"),
    ("purpose", "what the work was for"),
    ("cause", "of a `quarantine` or `gap`"),
    ("text", "of a `note`, or why a `quarantine` did not take what was read as a label"),
    ("word", "the word that a `quarantine` is about"),
    ("number", "of a `gap`: the first of the missing numbers"),
];

/// One thing that is told of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The key.
    pub key: String,
    /// What is told.
    pub value: Value,
    /// The same in full: the item of a code.
    pub full: Option<String>,
}

/// Whether a key of an event can be told at all.
pub fn is_field(key: &str) -> bool {
    FIELDS.iter().any(|(field, _)| *field == key)
        || [VALUES, CONTEXT]
            .iter()
            .any(|of| key.strip_prefix(of).is_some_and(|name| !name.is_empty()))
}

/// The words that a key may say; empty if it is free.
pub fn choices(key: &str) -> Vec<String> {
    match key {
        EVENT => {
            let verbs = VERBS.iter().map(|verb| verb.as_str().to_owned());
            verbs.chain(["quarantine".to_owned(), "gap".to_owned()]).collect()
        }
        "permit" => words(&[Permit::Ok, Permit::Nok, Permit::Rework, Permit::Unknown]),
        "result" => words(&[Outcome::Pass, Outcome::Fail, Outcome::Rework, Outcome::Scrap]),
        "evidence" => words(&[
            Evidence::Automatic,
            Evidence::Inferred,
            Evidence::Manual,
            Evidence::Late,
            Evidence::TeachIn,
            Evidence::Bypassed,
        ]),
        "purpose" => words(&[Purpose::Production, Purpose::Master, Purpose::Setup, Purpose::Trial]),
        "cause" => {
            let gaps = [
                GapCause::Disconnected,
                GapCause::NumbersSkipped,
                GapCause::TriggerMoved,
                GapCause::BadQuality,
                GapCause::Unreleased,
                GapCause::Overrun,
                GapCause::NotGiven,
            ];
            QUARANTINES.iter().map(|cause| (*cause).to_owned()).chain(words(&gaps)).collect()
        }
        _ => Vec::new(),
    }
}

/// What handshakes, phases and mounts can give.
const VERBS: [Verb; 22] = [
    Verb::Arrive,
    Verb::Complete,
    Verb::Produce,
    Verb::Consume,
    Verb::Install,
    Verb::Remove,
    Verb::Pack,
    Verb::Unpack,
    Verb::Split,
    Verb::Merge,
    Verb::Receive,
    Verb::Inspect,
    Verb::Scrap,
    Verb::Rework,
    Verb::Mount,
    Verb::Unmount,
    Verb::Clean,
    Verb::Note,
    Verb::Identify,
    Verb::Open,
    Verb::Close,
    Verb::Dry,
];

const QUARANTINES: [&str; 11] = [
    "conflict",
    "word",
    "code",
    "twice",
    "label",
    "no-current",
    "no-order",
    "count",
    "gap",
    "item-changed",
    "identified",
];

fn words<T: Serialize>(of: &[T]) -> Vec<String> {
    of.iter().map(word).collect()
}

/// The word that stands for a value in every document of ours.
fn word<T: Serialize>(of: &T) -> String {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(word)) => word,
        // A variant with something in it is an object with one key.
        Ok(serde_json::Value::Object(map)) => map.keys().next().cloned().unwrap_or_default(),
        Ok(_) | Err(_) => String::new(),
    }
}

/// What is told of a record; `None` for one that no test is asked about: what was done by hand, and
/// what the daemon records of itself.
pub(super) fn told(record: &Record) -> Option<Vec<Told>> {
    let mut tells = Tells(Vec::new());
    match &record.body {
        Body::Trace(event) => tells.trace(event)?,
        Body::Quarantine(quarantine) => tells.quarantine(quarantine),
        Body::Gap(gap) => tells.gap(gap)?,
        Body::Verdict(_)
        | Body::Epoch(_)
        | Body::Plant(_)
        | Body::Orders(_)
        | Body::Audit(_)
        | Body::Tombstone(_)
        | Body::Case(_)
        | Body::Maintenance(_)
        | Body::Alarm(_)
        | Body::Dropped => {
            return None;
        }
    }
    Some(tells.0)
}

struct Tells(Vec<Told>);

impl Tells {
    fn text(&mut self, key: &str, text: impl Display) {
        let value = Value::Text(format!("{text}"));
        self.0.push(Told { key: key.to_owned(), value, full: None });
    }

    fn maybe(&mut self, key: &str, text: Option<impl Display>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    fn value(&mut self, key: &str, value: Value) {
        self.0.push(Told { key: key.to_owned(), value, full: None });
    }

    fn item(&mut self, key: &str, item: &ItemKey) {
        let value = Value::Text(item.code.to_string());
        self.0.push(Told { key: key.to_owned(), value, full: Some(item.to_string()) });
    }

    /// The main item, under the key of its class.
    fn main(&mut self, item: &ItemKey) {
        let key = match item.class {
            ItemClass::Unit => "serial",
            ItemClass::Lot => "lot",
            ItemClass::Container => "into",
        };
        self.item(key, item);
    }

    fn mark(&mut self, mark: &HandshakeMark) {
        self.text("permit", word(&mark.permit));
        self.maybe("reason", mark.reason.as_ref());
        if let Some(recipe) = &mark.recipe {
            self.value("recipe", recipe.clone());
        }
        self.text("handshake", &mark.key.handshake);
    }

    fn trace(&mut self, event: &TraceEvent) -> Option<()> {
        let TraceEvent { what, station, evidence, purpose, handshake, product, .. } = event;
        let TraceEvent { operation, material, .. } = event;
        self.text(EVENT, what.verb().as_str());
        self.what(what);
        self.members(&event.members);
        self.carried_over(event);
        self.text("station", station.as_ref()?);
        if let Some(mark) = handshake {
            self.mark(mark);
        }
        self.maybe("position", event.nest.as_ref());
        self.maybe("carrier", event.fill.as_ref().and_then(|fill| fill.carrier.as_ref()));
        for Context { name, value } in &event.context {
            self.value(&format!("{CONTEXT}{name}"), value.clone());
        }
        self.maybe("product", product.as_ref());
        self.maybe("material", material.as_ref());
        self.maybe("operation", operation.as_ref());
        self.text("evidence", word(evidence));
        self.text("purpose", word(purpose));
        Some(())
    }

    /// The lots before; that there was none is told too, of what is done to a lot.
    fn carried_over(&mut self, event: &TraceEvent) {
        let done = matches!(event.what.verb(), Verb::Consume | Verb::Complete | Verb::Produce);
        let of_lot = event.what.items().first().is_some_and(|item| item.class == ItemClass::Lot);
        let doubt = |over: &CarriedOver| if over.observed { "" } else { "?" };
        let lots =
            event.carried_over.iter().map(|over| format!("{}{}", over.lot.code, doubt(over)));
        let lots: Vec<_> = lots.collect();
        if !lots.is_empty() {
            self.text("carry_over", lots.join(", "));
        } else if done && of_lot {
            self.text("carry_over", "none");
        }
    }

    fn members(&mut self, members: &[Member]) {
        let mut told: Vec<&str> = Vec::new();
        for Member { item, place } in members {
            let before = usize::try_from(*place).unwrap_or(usize::MAX).saturating_sub(1);
            told.resize(before.max(told.len()), "-");
            told.push(item.code.as_str());
        }
        if !told.is_empty() {
            self.text("members", told.join(", "));
        }
    }

    fn what(&mut self, what: &What) {
        match what {
            What::Complete { item, result, measurements, mounts, phase, .. } => {
                self.main(item);
                self.maybe("phase", phase.as_ref().map(|phase| &phase.phase));
                self.outcome(result.as_ref(), measurements);
                self.lots(mounts);
            }
            What::Produce { item, result, measurements, mounts, .. } => {
                self.main(item);
                self.outcome(result.as_ref(), measurements);
                self.lots(mounts);
            }
            What::Inspect { item, result, measurements } => {
                self.main(item);
                self.outcome(result.as_ref(), measurements);
            }
            What::Consume { consumed, into, place } => {
                self.item("lot", &consumed.lot);
                self.item("into", into);
                self.maybe("position", place.as_ref());
            }
            What::Install { child, parent, place } | What::Remove { child, parent, place } => {
                self.item("child", child);
                self.item("into", parent);
                self.item("serial", parent);
                self.maybe("position", place.as_ref());
            }
            What::Pack { items, container } | What::Unpack { items, container } => {
                for item in items {
                    self.item("child", item);
                }
                self.item("into", container);
            }
            What::Mount { point, lot } => {
                self.text("mount", point);
                self.item("lot", lot);
            }
            What::Unmount { mount, lot, used, untold } => {
                self.drawn(&mount.point, used.as_ref(), untold.as_ref());
                self.item("lot", lot);
            }
            What::Clean { confirmed, phase } => {
                self.maybe("phase", phase.as_ref().map(|phase| &phase.phase));
                self.text("result", if *confirmed { "pass" } else { "fail" });
            }
            What::Note { text, .. } => {
                what.items().into_iter().for_each(|item| self.main(item));
                self.text("text", text);
            }
            What::Identify { .. } => what.items().into_iter().for_each(|i| self.main(i)),
            What::Open { item } | What::Close { item } | What::Dry { item } => self.main(item),
            What::Scrap { item, mounts, .. } => {
                self.main(item);
                self.lots(mounts);
            }
            What::Arrive { .. }
            | What::Split { .. }
            | What::Merge { .. }
            | What::Move { .. }
            | What::Receive { .. }
            | What::Ship { .. }
            | What::Hold { .. }
            | What::Release { .. }
            | What::Rework { .. }
            | What::Correct { .. } => what.items().first().into_iter().for_each(|i| self.main(i)),
        }
        self.amount(what);
    }

    /// How much was taken from what was in a feeder.
    fn drawn(&mut self, point: &MountPointId, used: Option<&Amount>, untold: Option<&Untold>) {
        self.text("mount", point);
        if let Some(used) = used {
            self.value("used", Value::Real(used.value));
        }
        self.maybe("untold", untold.map(word));
    }

    fn amount(&mut self, what: &What) {
        let amount = match what {
            What::Produce { amount, .. }
            | What::Receive { amount, .. }
            | What::Scrap { amount, .. } => amount.as_ref(),
            What::Consume { consumed, .. } => consumed.amount.as_ref(),
            What::Arrive { .. }
            | What::Complete { .. }
            | What::Install { .. }
            | What::Remove { .. }
            | What::Pack { .. }
            | What::Unpack { .. }
            | What::Split { .. }
            | What::Merge { .. }
            | What::Mount { .. }
            | What::Unmount { .. }
            | What::Move { .. }
            | What::Ship { .. }
            | What::Inspect { .. }
            | What::Hold { .. }
            | What::Release { .. }
            | What::Rework { .. }
            | What::Clean { .. }
            | What::Identify { .. }
            | What::Note { .. }
            | What::Open { .. }
            | What::Close { .. }
            | What::Dry { .. }
            | What::Correct { .. } => None,
        };
        if let Some(amount) = amount {
            self.value("quantity", Value::Real(amount.value));
        }
    }

    /// A measurement that may not be used says its quality.
    fn outcome(&mut self, result: Option<&Outcome>, measurements: &[Measurement]) {
        self.maybe("result", result.map(word));
        for Measurement { name, value, quality, .. } in measurements {
            let value =
                if quality.is_good() { value.clone() } else { Value::Text(quality.to_string()) };
            self.value(&format!("{VALUES}{name}"), value);
        }
    }

    /// `A or B` of one feeder, `A, C` of two; `A?` beside one that is known to have been used.
    fn lots(&mut self, mounts: &[MountUse]) {
        let mut told = String::new();
        let mut last = None;
        for used in mounts {
            if let Some(point) = last.replace(&used.mount.point) {
                told.push_str(if used.one_of && *point == used.mount.point {
                    " or "
                } else {
                    ", "
                });
            }
            told.push_str(used.lot.code.as_str());
            let beside = |other: &MountUse| other.counted && other.mount.point == used.mount.point;
            told.push_str(if used.one_of && mounts.iter().any(beside) { "?" } else { "" });
        }
        if !mounts.is_empty() {
            self.text("lots", told);
        }
        let counted = mounts.iter().filter_map(|used| Some((used.amount.as_ref()?, &used.lot)));
        let counted: Vec<String> =
            counted.map(|(amount, lot)| format!("{} of {}", amount.value, lot.code)).collect();
        if !counted.is_empty() {
            self.text("used", counted.join(", "));
        }
    }

    fn quarantine(&mut self, quarantine: &Quarantine) {
        let Quarantine { station, handshake, cause, .. } = quarantine;
        self.text(EVENT, "quarantine");
        self.text("cause", word(cause));
        if let QuarantineCause::Word(tag)
        | QuarantineCause::Code(tag)
        | QuarantineCause::Twice(tag)
        | QuarantineCause::Label(tag, _) = cause
        {
            self.text("word", tag);
        }
        if let QuarantineCause::Label(_, why) = cause {
            self.text("text", why);
        }
        self.text("station", station);
        if let Some(mark) = handshake {
            self.mark(mark);
        }
    }

    /// A gap is told when it opens.
    fn gap(&mut self, gap: &Gap) -> Option<()> {
        let Gap { source, interval, cause, count, stations: _, first } = gap;
        let handshake = match source {
            GapSource::Handshake(station, handshake) => Some((station, handshake)),
            GapSource::Device(_) | GapSource::Tag(..) => None,
        };
        // Requests that were missed are counted, and known only afterwards.
        let missed = matches!(cause, GapCause::NumbersSkipped | GapCause::TriggerMoved);
        if interval.to.is_some() && count.is_none() && !missed {
            return None;
        }
        self.text(EVENT, "gap");
        self.text("cause", word(cause));
        if let Some((station, handshake)) = handshake {
            self.text("station", station);
            self.text("handshake", handshake);
        }
        if let Some(count) = count {
            self.value("quantity", Value::UInt(*count));
        }
        if let Some(HandshakeNumber(first)) = first {
            self.value("number", Value::UInt(*first));
        }
        Some(())
    }
}
