//! An event field by field, as people read it: what two of them differ in.
use crate::model::{
    Amount, CarriedOver, Context, Count, EventTime, Fill, HandshakeMark, ItemKey, Measurement,
    Member, MountUse, Narrowed, PhaseSummary, Quarantine, Result as Outcome, Text, Told,
    TraceEvent, Untold, What,
};
use std::collections::BTreeMap;
use std::fmt::Display;

/// One field that differs; `None` where one of the two does not have it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// As it is recorded.
    pub recorded: Option<String>,
    /// As the replay gives it.
    pub played: Option<String>,
}

/// What two events say differently. What the PLC was answered is not among it: that was so, whatever a
/// replay finds.
pub(super) fn between(recorded: &Told, played: &Told) -> Vec<Field> {
    let (recorded, mut played) = (Fields::of(recorded).0, Fields::of(played).0);
    let mut found = Vec::new();
    for (name, value) in recorded {
        let other = played.remove(&name);
        if other.as_ref() != Some(&value) {
            found.push(Field { name, recorded: Some(value), played: other });
        }
    }
    let more =
        played.into_iter().map(|(name, value)| Field { name, recorded: None, played: Some(value) });
    found.extend(more);
    found
}

/// What the PLC would be answered otherwise; `None` if the same, or if nobody can say: how late a judgement
/// comes is not on the tape.
pub(super) fn answer(recorded: &Told, played: &Told) -> Option<Field> {
    let mark = |told: &Told| match told {
        Told::Trace(event) => event.handshake.clone(),
        Told::Quarantine(set_aside) => set_aside.handshake.clone(),
    };
    let (old, new) = (mark(recorded)?, mark(played)?);
    let late = |reason: Option<&Text>| reason.is_some_and(|reason| reason.as_str() == "late");
    let same = (old.permit, &old.reason, &old.recipe) == (new.permit, &new.reason, &new.recipe);
    if same || late(old.reason.as_ref()) || late(new.reason.as_ref()) {
        return None;
    }
    let say = |HandshakeMark { permit, reason, recipe, .. }: HandshakeMark| {
        let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        let recipe = recipe.map(|recipe| format!(", recipe {recipe}")).unwrap_or_default();
        format!("{}{reason}{recipe}", format!("{permit:?}").to_lowercase())
    };
    Some(Field { name: "answer".to_owned(), recorded: Some(say(old)), played: Some(say(new)) })
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Fields {
    fn of(told: &Told) -> Self {
        let mut fields = Self::default();
        match told {
            Told::Trace(event) => fields.trace(event),
            Told::Quarantine(set_aside) => fields.quarantine(set_aside),
        }
        fields
    }

    fn put(&mut self, name: impl Into<String>, value: impl Display) {
        self.0.insert(name.into(), value.to_string());
    }

    fn maybe(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    fn trace(&mut self, event: &TraceEvent) {
        let TraceEvent {
            what,
            time,
            station,
            evidence,
            purpose,
            handshake: _,
            stay,
            operator,
            product,
            operation,
            remarks,
            adopted: _,
            material,
            nest,
            fill,
            context,
            counts,
            narrowed,
            went_past,
            members,
            carried_over,
        } = event;
        self.put("event", what.verb().as_str());
        self.what(what);
        self.time(*time);
        self.maybe("station", station.as_ref());
        self.put("evidence", evidence.as_str());
        self.put("purpose", format!("{purpose:?}").to_lowercase());
        if let Some(stay) = stay {
            self.put("there since", stay.interval.from);
            self.maybe("there until", stay.interval.to);
        }
        self.maybe("operator", *operator);
        self.maybe("product", product.as_ref());
        self.maybe("material", material.as_ref());
        self.maybe("operation", operation.as_ref());
        self.maybe("position", nest.as_ref());
        if let Some(Fill { carrier, step, opened: _ }) = fill {
            self.maybe("carrier", carrier.as_ref());
            self.put("its load is", format!("{step:?}").to_lowercase());
        }
        for Context { name, value } in context {
            self.put(format!("context {name}"), value);
        }
        for CarriedOver { lot, observed } in carried_over {
            let sure = if *observed { "yes" } else { "unless a clean was missed" };
            self.put(format!("carried over {lot}"), sure);
        }
        for Member { item, place } in members {
            self.put(format!("member {place}"), item);
        }
        self.maybe("refused before", went_past.map(|_| "and completed all the same"));
        for Count { point, mount: _, taken, wasted, per_lot: _ } in counts {
            self.put(format!("counter of feeder {point}"), taken.value);
            self.maybe(&format!("waste of feeder {point}"), wasted.map(|wasted| wasted.value));
        }
        for Narrowed { record: _, point: _, mounts } in narrowed {
            self.feeders(mounts);
        }
        for remark in remarks {
            self.put(format!("unusable word {}", remark.tag), remark.quality);
        }
    }

    fn time(&mut self, time: EventTime) {
        let text = serde_json::to_value(time.at).unwrap_or_default();
        self.put("time", text.as_str().unwrap_or_default());
        if time.uncertainty_ns > 0 {
            self.put("time known to", format!("{} ns", time.uncertainty_ns));
        }
    }

    fn quarantine(&mut self, set_aside: &Quarantine) {
        let Quarantine { station, handshake: _, cause, time, raw, phase, adopted: _ } = set_aside;
        let cause = serde_json::to_value(cause).unwrap_or_default();
        self.put("event", "set aside");
        self.put("cause", cause.as_str().map_or_else(|| cause.to_string(), str::to_owned));
        self.put("station", station);
        self.time(*time);
        for word in raw {
            self.put(format!("word {}", word.tag), format!("{} {}", word.value, word.quality));
        }
        self.phase(phase.as_ref());
    }

    fn items(&mut self, name: &str, items: &[ItemKey]) {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        self.put(name, items.join(", "));
    }

    fn what(&mut self, what: &What) {
        match what {
            What::Complete { item, result, measurements, mounts, phase, order_row } => {
                self.made(item, *result, measurements, mounts);
                self.phase(phase.as_ref());
                self.maybe("order row", *order_row);
            }
            What::Produce { item, amount, result, measurements, mounts, best_before } => {
                self.made(item, *result, measurements, mounts);
                self.amount(amount.as_ref());
                self.maybe("best before", *best_before);
            }
            What::Inspect { item, result, measurements } => {
                self.made(item, *result, measurements, &[]);
            }
            What::Consume { consumed, into, place } => {
                self.put("part", &consumed.lot);
                self.amount(consumed.amount.as_ref());
                self.put("item", into);
                self.maybe("place", place.as_ref());
            }
            What::Install { child, parent, place } | What::Remove { child, parent, place } => {
                self.put("part", child);
                self.put("item", parent);
                self.maybe("place", place.as_ref());
            }
            What::Pack { items, container } | What::Unpack { items, container } => {
                self.items("part", items);
                self.put("item", container);
            }
            What::Split { from, into } => {
                self.put("item", from);
                self.items("into", into);
            }
            What::Merge { from, into } => {
                let lots: Vec<ItemKey> = from.iter().map(|c| c.lot.clone()).collect();
                self.items("part", &lots);
                self.put("item", into);
            }
            What::Mount { point, lot } => {
                self.put("feeder", point);
                self.put("item", lot);
            }
            What::Unmount { mount, lot, used, untold } => {
                self.put("feeder", format!("{} since {}", mount.point, mount.opened));
                self.put("item", lot);
                self.amount(used.as_ref());
                self.maybe("amount not known", untold.map(Untold::why));
            }
            What::Receive { .. }
            | What::Ship { .. }
            | What::Scrap { .. }
            | What::Clean { .. }
            | What::Arrive { .. }
            | What::Move { .. }
            | What::Hold { .. }
            | What::Release { .. }
            | What::Rework { .. }
            | What::Identify { .. }
            | What::Note { .. }
            | What::Open { .. }
            | What::Close { .. }
            | What::Dry { .. }
            | What::Correct { .. } => self.little(what),
        }
    }

    /// Verbs of one item, or of none.
    fn little(&mut self, what: &What) {
        if let [item, ..] = what.items().as_slice() {
            self.put("item", item);
        }
        match what {
            What::Receive { item: _, supplier, amount, best_before } => {
                self.maybe("supplier", supplier.as_ref());
                self.amount(amount.as_ref());
                self.maybe("best before", *best_before);
            }
            What::Ship { items, customer, document } => {
                self.items("item", items);
                self.maybe("customer", customer.as_ref());
                self.maybe("document", document.as_ref());
            }
            What::Scrap { item: _, amount, reason, mounts } => {
                self.amount(amount.as_ref());
                self.maybe("reason", reason.as_ref());
                self.feeders(mounts);
            }
            What::Clean { confirmed, phase } => {
                self.put("confirmed", confirmed);
                self.phase(phase.as_ref());
            }
            What::Move { to: text, .. }
            | What::Hold { reason: text, .. }
            | What::Release { reason: text, .. }
            | What::Rework { reason: Some(text), .. }
            | What::Note { text, .. }
            | What::Correct { reason: text, .. } => self.put("text", text),
            What::Identify { item: _, alias, real } => {
                self.put("text", format!("{} {}", alias.kind, alias.code));
                self.maybe("is", real.as_ref());
            }
            What::Arrive { .. }
            | What::Open { .. }
            | What::Close { .. }
            | What::Dry { .. }
            | What::Rework { reason: None, .. }
            | What::Complete { .. }
            | What::Produce { .. }
            | What::Consume { .. }
            | What::Install { .. }
            | What::Remove { .. }
            | What::Pack { .. }
            | What::Unpack { .. }
            | What::Split { .. }
            | What::Merge { .. }
            | What::Mount { .. }
            | What::Unmount { .. }
            | What::Inspect { .. } => {}
        }
    }

    fn made(
        &mut self,
        item: &ItemKey,
        result: Option<Outcome>,
        measurements: &[Measurement],
        mounts: &[MountUse],
    ) {
        self.put("item", item);
        self.maybe("result", result.map(|result| format!("{result:?}").to_lowercase()));
        for taken in measurements {
            let Measurement { name, value, quality, unit, low, high } = taken;
            let unit = unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
            let quality = if quality.is_good() { String::new() } else { format!(" ({quality})") };
            self.put(format!("value {name}"), format!("{value}{unit}{quality}"));
            self.maybe(&format!("low limit of {name}"), *low);
            self.maybe(&format!("high limit of {name}"), *high);
        }
        self.feeders(mounts);
    }

    fn feeders(&mut self, mounts: &[MountUse]) {
        for used in mounts {
            let MountUse { mount, lot, one_of, amount, wasted, counted: _, untold: _ } = used;
            let name = format!("feeder {} since {}", mount.point, mount.opened);
            let doubt = if *one_of { " (one of several)" } else { "" };
            self.maybe(&format!("used of {name}"), amount.as_ref().map(|amount| amount.value));
            self.maybe(&format!("wasted of {name}"), wasted.as_ref().map(|wasted| wasted.value));
            self.put(name, format!("{lot}{doubt}"));
        }
    }

    fn amount(&mut self, amount: Option<&Amount>) {
        if let Some(Amount { value, unit }) = amount {
            let unit = unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
            self.put("amount", format!("{value}{unit}"));
        }
    }

    fn phase(&mut self, phase: Option<&PhaseSummary>) {
        let Some(PhaseSummary { phase, interval, statistics, tools, count }) = phase else {
            return;
        };
        self.put("phase", phase);
        self.put("phase begin", interval.from);
        self.maybe("phase end", interval.to);
        self.maybe("count", *count);
        for of in statistics {
            let text = serde_json::to_value(of).unwrap_or_default();
            self.put(format!("statistics of {}", of.tag), text);
        }
        for (n, tool) in (1..).zip(tools) {
            let text = serde_json::to_value(tool).unwrap_or_default();
            self.put(format!("tool {n}"), text);
        }
    }
}
