//! From a snapshot to a trace event. Whatever the item cannot be known from is quarantined.
use super::feeders::During;
use super::mount::Counted;
use super::snapshot::Snapshot;
use super::{At, Capture};
use crate::model::label::LabelFault;
use crate::model::plant::{CodeFrom, CodeSpec, Handshake, MeasurementSpec, Pattern};
use crate::model::{
    Alias, Amount, Code, Consumption, Context, Count, Digest, EventTime, Evidence, Fill,
    HandshakeKey, HandshakeMark, Interval, ItemClass, ItemKey, Measurement, Member, Monotonic,
    MountUse, NameError, Purpose, Quality, QuarantineCause, Remark, Result as Outcome, Sample,
    Scope, ScopeName, Stay, Step, TagName, Text, TraceEvent, Untold, Utc, Value, Verb, What,
};

use sha2::{Digest as _, Sha256};

/// Why a code word gives no item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum CodeFault {
    /// The code or the name of its scope is refused.
    #[error(transparent)]
    Refused(#[from] NameError),
    /// The word with the scope could not be read.
    #[error("the word that says where the code is unique cannot be used")]
    NoScope,
    /// The text is not of its form.
    #[error(transparent)]
    Label(#[from] LabelFault),
}

impl CodeFault {
    /// The same in a record, of the word that was read.
    pub(super) fn cause(&self, word: TagName) -> QuarantineCause {
        match self {
            Self::Refused(_) | Self::NoScope => QuarantineCause::Code(word),
            Self::Label(why) => QuarantineCause::Label(word, sentence(why.to_string())),
        }
    }
}

/// The item that a code names, `None` if the text is no code.
pub(super) fn code(
    spec: &CodeSpec,
    text: &str,
    scope: Option<&str>,
) -> Result<Option<ItemKey>, CodeFault> {
    if spec.is_none(text) {
        return Ok(None);
    }
    let label = spec.form.read(text, spec.class)?;
    let name = match (spec.scope.word(), scope) {
        (Some(_), None) => return Err(CodeFault::NoScope),
        (Some(_), Some(name)) => Some(ScopeName::parse(name)?),
        (None, _) => spec.named_on(&label)?,
    };
    let scope = match (name, &spec.scope) {
        (Some(name), from) => from.named(name),
        (None, crate::model::plant::ScopeFrom::Gs1) => Scope::Gs1(None),
        (None, crate::model::plant::ScopeFrom::Fixed(scope)) => scope.clone(),
        (None, _) => Scope::Site,
    };
    Ok(Some(ItemKey { class: spec.class, scope, code: Code::parse(&label.code)? }))
}

/// What a request without a code of its own is known by.
#[derive(Debug, Clone, Copy)]
struct Here<'a> {
    nest: Option<&'a Text>,
    carried: Option<&'a ItemKey>,
    key: &'a HandshakeKey,
}

/// What a request is about, before it is permitted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    /// The main item.
    pub(super) item: ItemKey,
    /// The other one, if the verb has one.
    pub(super) other: Option<ItemKey>,
    /// What the main item consists of, as far as it is named.
    pub(super) members: Vec<Member>,
    /// At which position of the station.
    pub(super) nest: Option<Text>,
    /// The load of the carrier that the main item is on.
    pub(super) fill: Option<Fill>,
    /// When it happened.
    pub(super) time: EventTime,
    /// What it was made with, for an event that ends the work on it.
    pub(super) mounts: Vec<MountUse>,
    /// What the counters of the feeders stood at.
    pub(super) counts: Vec<Count>,
}

impl Capture {
    /// Who and when: all that the checks need.
    pub(super) fn draft(
        &self,
        at: At,
        snapshot: &Snapshot,
        trigger: &Sample,
        key: &HandshakeKey,
        now: Monotonic,
    ) -> Result<Draft, QuarantineCause> {
        let handshake = self.live().handshake(at);
        let nest = self.nest(at, snapshot)?;
        let (fill, carried) = self.fill(at, snapshot, now)?;
        let here = Here { nest: nest.as_ref(), carried: carried.as_ref(), key };
        let item = self.item(at, &handshake.item, snapshot, here)?;
        let other = match &handshake.other {
            Some(spec) => Some(self.item(at, spec, snapshot, here)?),
            None => None,
        };
        if other.as_ref() == Some(&item) {
            return Err(QuarantineCause::Twice(self.word_of_other(at)));
        }
        let members = self.members(at, snapshot, key, &item)?;
        let unread = other.as_ref().is_some_and(|real| real.scope == Scope::Provisional);
        if handshake.event == Verb::Identify && (unread || !self.memory.unread.waits(&item)) {
            return Err(QuarantineCause::Identified);
        }
        // Beside others that are in work, its own begin says from when on the feeders count.
        let memory = self.memory.station(&self.live().station(at.station).id);
        let from = nest.as_ref().and_then(|_| Some(memory?.places.present(&item)?.began));
        let time = self.event_time(at, snapshot, trigger);
        // A result has nothing of the station: the feeders were told by themselves.
        let told = handshake.pattern == Pattern::Results;
        let to = if told { time.at } else { trigger.time() };
        let during = During { from, to, read: !told };
        let counts = if told { Vec::new() } else { self.counts(at.station, snapshot) };
        let counted = match (handshake.event, &nest) {
            // Something that was only counted ends no item.
            (Verb::Scrap, _) => Counted::Not,
            _ if told => Counted::InVain(Untold::Unread),
            (_, Some(_)) => Counted::InVain(Untold::Shared),
            (_, None) => Counted::As(&counts),
        };
        let mounts = if handshake.takes_mounts() {
            if told && memory.is_some_and(|memory| !memory.feeders.remembers(to)) {
                return Err(QuarantineCause::Mounts);
            }
            self.mounts_used(at.station, during, counted)?
        } else {
            Vec::new()
        };
        Ok(Draft { item, other, members, nest, fill, time, mounts, counts })
    }

    /// The word with the code of the other item; where that comes from elsewhere, of the item.
    fn word_of_other(&self, at: At) -> TagName {
        let handshake = self.live().handshake(at);
        let specs = handshake.other.iter().chain([&handshake.item]);
        let word = specs.filter_map(|spec| match spec.from {
            CodeFrom::Word(word) => Some(word.tag),
            CodeFrom::Current | CodeFrom::Carried | CodeFrom::Passage | CodeFrom::Order => None,
        });
        let tag = word.chain([handshake.trigger.tag]).next().expect("the trigger is always there");
        self.live().plant.tag(tag).name.clone()
    }

    /// The position of the station that a request speaks of.
    fn nest(&self, at: At, snapshot: &Snapshot) -> Result<Option<Text>, QuarantineCause> {
        let plant = &self.live().plant;
        let Some(word) = self.live().handshake(at).nest else { return Ok(None) };
        let refused = || QuarantineCause::Code(plant.tag(word.tag).name.clone());
        let text = snapshot.text(plant, word)?;
        Text::parse(&text).map(Some).map_err(|_| refused())
    }

    fn item(
        &self,
        at: At,
        spec: &CodeSpec,
        snapshot: &Snapshot,
        here: Here<'_>,
    ) -> Result<ItemKey, QuarantineCause> {
        let plant = &self.live().plant;
        let word = match spec.from {
            CodeFrom::Word(word) => word,
            CodeFrom::Current | CodeFrom::Order => {
                let memory = self.memory.station(&self.live().station(at.station).id);
                let current = memory.and_then(|s| s.places.current(here.nest).cloned());
                return current.ok_or(QuarantineCause::NoCurrent);
            }
            CodeFrom::Carried => {
                return Ok(here
                    .carried
                    .cloned()
                    .unwrap_or_else(|| provisional(spec, here.key, None)));
            }
            CodeFrom::Passage => return Ok(provisional(spec, here.key, None)),
        };
        let name = || plant.tag(word.tag).name.clone();
        let text = snapshot.text(plant, word)?;
        let scope = spec.scope.word().and_then(|w| snapshot.good(w)?.as_text());
        match code(spec, &text, scope.as_deref()) {
            Ok(Some(item)) => Ok(item),
            Ok(None) if spec.class == ItemClass::Unit => Ok(provisional(spec, here.key, None)),
            Ok(None) => Err(QuarantineCause::Code(name())),
            Err(fault) => Err(fault.cause(name())),
        }
    }

    pub(super) fn event_time(&self, at: At, snapshot: &Snapshot, trigger: &Sample) -> EventTime {
        let handshake = self.live().handshake(at);
        if let Some(Value::Time(t)) = handshake.time.and_then(|w| snapshot.good(w)) {
            return EventTime { at: Utc(t), uncertainty_ns: 0 };
        }
        if let Some(source) = trigger.source {
            return EventTime { at: source, uncertainty_ns: 0 };
        }
        let since = match (&handshake.ring, self.waited(at)) {
            (Some(_), _) => self.put_since(at),
            (None, Some(_)) => Some(self.asked_since(at)).filter(|since| *since > Utc(i64::MIN)),
            (None, None) => None,
        };
        let device = self.live().plant.tag(handshake.trigger.tag).device;
        let period = self.live().device(device).publish_fast;
        let uncertain = since.map_or(period, |since| trigger.receive.since(since).max(period));
        let uncertainty_ns = u64::try_from(uncertain.as_nanos()).unwrap_or(u64::MAX);
        EventTime { at: trigger.receive, uncertainty_ns }
    }

    /// The whole event.
    pub(super) fn compose(
        &self,
        step: &Step,
        at: At,
        snapshot: &Snapshot,
        draft: &Draft,
        mark: HandshakeMark,
    ) -> TraceEvent {
        let live = self.live();
        let handshake = live.handshake(at);
        let mut remarks = Vec::new();
        let what = self.what(at, snapshot, draft, &mut remarks);
        let labels = self.attributes(at, snapshot);
        let outage = self.late(at, mark.key.number);
        let evidence = outage.map_or(Evidence::Automatic, |_| Evidence::Late);
        let text = |word: Option<crate::model::plant::Word>| {
            word.and_then(|w| snapshot.good(w)?.as_text()).and_then(|t| Text::parse(&t).ok())
        };
        TraceEvent {
            what,
            time: draft.time,
            station: Some(live.station(at.station).id.clone()),
            evidence: self.evidence(at, snapshot).max(evidence),
            purpose: self.purpose(at, snapshot, &draft.item),
            handshake: Some(mark),
            stay: Some(self.stay(step, at, &draft.item, handshake.event, outage)),
            operator: text(handshake.badge)
                .filter(|badge| !badge.as_str().trim().is_empty())
                .map(|badge| self.persons.token(badge.as_str())),
            product: text(handshake.product).or(labels.product),
            operation: text(handshake.operation),
            nest: draft.nest.clone(),
            fill: draft.fill.clone(),
            context: self.context(at, snapshot, draft.time.at, &mut remarks),
            counts: draft.counts.clone(),
            narrowed: Vec::new(),
            went_past: None,
            members: draft.members.clone(),
            carried_over: Vec::new(),
            remarks,
            adopted: None,
            material: text(handshake.material).or(labels.material),
        }
    }

    /// The row of the order list that this work is done by.
    fn row_of(&self, at: At, item: &ItemKey) -> Option<u64> {
        let station = self.memory.station(&self.live().station(at.station).id)?;
        let row = station.orders.iter().find(|(_, row)| row.item == *item);
        row.map(|(number, _)| *number)
    }

    fn what(&self, at: At, snapshot: &Snapshot, draft: &Draft, remarks: &mut Vec<Remark>) -> What {
        let handshake = self.live().handshake(at);
        let item = draft.item.clone();
        let other = || draft.other.clone().unwrap_or_else(|| draft.item.clone());
        let place = handshake
            .position
            .and_then(|w| snapshot.good(w)?.as_text())
            .and_then(|t| Text::parse(&t).ok());
        let result = self.result(handshake, snapshot, remarks);
        let measurements = self.measurements(handshake, snapshot, remarks);
        let amount = self.amount(handshake, snapshot, remarks);
        let mounts = draft.mounts.clone();
        let named = || draft.members.iter().map(|member| member.item.clone());
        match handshake.event {
            Verb::Arrive => What::Arrive { item },
            Verb::Complete => {
                let order_row = self.row_of(at, &item);
                What::Complete { item, result, measurements, mounts, phase: None, order_row }
            }
            Verb::Produce => {
                let best_before = handshake.best_before.map(|span| draft.time.at.plus(span));
                What::Produce { item, amount, result, measurements, mounts, best_before }
            }
            Verb::Consume => {
                What::Consume { consumed: Consumption { lot: other(), amount }, into: item, place }
            }
            Verb::Install => What::Install { child: other(), parent: item, place },
            Verb::Remove => What::Remove { child: other(), parent: item, place },
            Verb::Pack if !draft.members.is_empty() => {
                What::Pack { items: named().collect(), container: item }
            }
            Verb::Pack => What::Pack { items: vec![other()], container: item },
            Verb::Split => What::Split { from: item, into: named().collect() },
            Verb::Merge => {
                let part = |lot| Consumption { lot, amount: None };
                What::Merge { from: named().map(part).collect(), into: item }
            }
            Verb::Unpack => What::Unpack { items: vec![other()], container: item },
            Verb::Inspect => What::Inspect { item, result, measurements },
            Verb::Scrap => What::Scrap { item, amount, reason: None, mounts },
            Verb::Identify => identify(item, other()),
            Verb::Note => empty(draft),
            Verb::Rework => What::Rework { item, reason: None },
            Verb::Open => What::Open { item },
            Verb::Close => What::Close { item },
            Verb::Dry => What::Dry { item },
            Verb::Receive => What::Receive { item, supplier: None, amount, best_before: None },
            // `config` admits no other verb in a handshake; the item is not lost should it ever.
            verb @ (Verb::Mount
            | Verb::Unmount
            | Verb::Move
            | Verb::Ship
            | Verb::Hold
            | Verb::Release
            | Verb::Clean
            | Verb::Correct) => {
                let text = format!("the PLC reported `{}`", verb.as_str());
                let text = Text::parse(&text).expect("a verb is a good text");
                What::Note { item: Some(item), text }
            }
        }
    }

    fn result(
        &self,
        handshake: &Handshake,
        snapshot: &Snapshot,
        remarks: &mut Vec<Remark>,
    ) -> Option<Outcome> {
        let spec = handshake.result.as_ref()?;
        let value = snapshot.good(spec.word).and_then(|v| v.integer());
        let result = value.and_then(|v| spec.codes.get(&v)).copied();
        if result.is_none() {
            let (tag, quality) = snapshot.quality(&self.live().plant, spec.word);
            let quality = if quality.is_good() { Quality::BAD_RANGE } else { quality };
            remarks.push(Remark { tag, quality });
        }
        result
    }

    fn measurements(
        &self,
        handshake: &Handshake,
        snapshot: &Snapshot,
        remarks: &mut Vec<Remark>,
    ) -> Vec<Measurement> {
        let plant = &self.live().plant;
        let measure = |spec: &MeasurementSpec| {
            let (tag, quality) = snapshot.quality(plant, spec.word);
            let value = snapshot.get(spec.word.tag).map_or(Value::Empty, |w| w.value.clone());
            let quality =
                if quality.is_good() && !fits(spec, &value) { Quality::BAD_TYPE } else { quality };
            if !quality.is_good() {
                remarks.push(Remark { tag, quality });
            }
            Measurement {
                name: spec.name.clone(),
                value,
                quality,
                unit: spec.unit.clone(),
                low: spec.low,
                high: spec.high,
            }
        };
        handshake.measurements.iter().map(measure).collect()
    }

    /// Words that are only kept, and what else stands on the labels; one that cannot be used is remarked.
    fn context(
        &self,
        at: At,
        snapshot: &Snapshot,
        when: Utc,
        remarks: &mut Vec<Remark>,
    ) -> Vec<Context> {
        let mut kept = Vec::new();
        for (name, word) in &self.live().handshake(at).context {
            if let Some(value) = snapshot.good(*word) {
                kept.push(Context { name: name.clone(), value });
            } else {
                let (tag, quality) = snapshot.quality(&self.live().plant, *word);
                remarks.push(Remark { tag, quality });
            }
        }
        self.keep_parts(at, snapshot, when, &mut kept);
        kept
    }

    pub(super) fn amount(
        &self,
        handshake: &Handshake,
        snapshot: &Snapshot,
        remarks: &mut Vec<Remark>,
    ) -> Option<Amount> {
        let quantity = handshake.quantity.as_ref()?;
        if let Some(value) = snapshot.good(quantity.word).and_then(|v| v.number()) {
            Some(Amount { value, unit: quantity.unit.clone() })
        } else {
            let (tag, quality) = snapshot.quality(&self.live().plant, quantity.word);
            let quality = if quality.is_good() { Quality::BAD_TYPE } else { quality };
            remarks.push(Remark { tag, quality });
            None
        }
    }

    pub(super) fn evidence(&self, at: At, snapshot: &Snapshot) -> Evidence {
        let station = self.live().station(at.station);
        let set = station
            .evidence
            .iter()
            .filter(|(word, _)| snapshot.good(*word) == Some(Value::Bool(true)));
        set.map(|(_, evidence)| *evidence).max().unwrap_or_default()
    }

    pub(super) fn purpose(&self, at: At, snapshot: &Snapshot, item: &ItemKey) -> Purpose {
        let spec = &self.live().station(at.station).purpose;
        let master = |prefix: &String| item.code.as_str().starts_with(prefix.as_str());
        let station = self.live().station(at.station);
        let declared =
            item.class == ItemClass::Unit && station.masters.iter().any(|m| m.code == item.code);
        if spec.masters.as_ref().is_some_and(master) || declared {
            return Purpose::Master;
        }
        let told = spec
            .from
            .as_ref()
            .and_then(|(word, codes)| codes.get(&snapshot.good(*word)?.integer()?).copied());
        told.unwrap_or_default()
    }

    /// From its arrival; without one, from when the item before it left: that one may have been read out of a
    /// ring only now, and have left in the same outage.
    fn stay(
        &self,
        step: &Step,
        at: At,
        item: &ItemKey,
        verb: Verb,
        outage: Option<Interval>,
    ) -> Stay {
        let memory = self.memory.station(&self.live().station(at.station).id);
        let present = memory.and_then(|s| s.places.present(item));
        let ends = matches!(
            verb,
            Verb::Complete | Verb::Produce | Verb::Scrap | Verb::Rework | Verb::Split
        );
        let since = match (present, verb) {
            (Some(present), _) => present.since,
            (None, Verb::Arrive) => step.at.wall,
            (None, _) => {
                let left = memory.and_then(|s| s.last_left).unwrap_or(step.at.wall);
                outage.map_or(left, |outage| outage.from.min(left))
            }
        };
        Stay {
            interval: Interval { from: since, to: ends.then_some(step.at.wall) },
            arrived: present.map(|p| p.position),
        }
    }
}

/// Whether a value is of the type that its plant file says: what has limits or a unit is a number, and
/// a PLC program that was changed may say it as a text.
fn fits(spec: &MeasurementSpec, value: &Value) -> bool {
    let number = spec.low.is_some() || spec.high.is_some() || spec.unit.is_some();
    match value {
        Value::Text(_) | Value::Bytes(_) | Value::Time(_) | Value::List(_) => !number,
        Value::Empty | Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Real(_) => true,
    }
}

/// A passage has its real code.
pub(super) fn identify(item: ItemKey, real: ItemKey) -> What {
    let kind = Text::parse("serial").expect("a good text");
    let alias = Alias { kind, code: real.code.clone() };
    What::Identify { item, alias, real: Some(real) }
}

/// A carrier came with nothing on it, whatever was thought to be there.
fn empty(draft: &Draft) -> What {
    let fill = draft.fill.as_ref();
    let carrier = fill.and_then(|fill| fill.carrier.as_ref());
    let text = match carrier {
        Some(carrier) => format!("carrier {carrier} came empty"),
        None => "a carrier came empty".to_owned(),
    };
    let was_there = fill.is_some_and(|fill| fill.opened.is_some());
    let text = Text::parse(&text).expect("a code is a good text");
    What::Note { item: was_there.then(|| draft.item.clone()), text }
}

/// What has no code that could be read: known by the passage itself, and of several by its place.
pub(super) fn provisional(spec: &CodeSpec, key: &HandshakeKey, place: Option<u32>) -> ItemKey {
    let mut code = format!("{}.{}.{}.{}", key.station, key.handshake, key.epoch.0, key.number.0);
    code.extend(place.map(|place| format!(".{place}")));
    let code = Code::parse(&code).unwrap_or_else(|_| {
        let digest = Digest(Sha256::digest(&code).into()).to_string();
        Code::parse(&digest).expect("64 hexadecimal digits are a good code")
    });
    ItemKey { class: spec.class, scope: Scope::Provisional, code }
}

/// A sentence as a text of the record: long names are cut rather than lost.
pub(super) fn sentence(text: String) -> Text {
    const MORE: &str = "…";
    let cut = |text: &str| {
        let end = text.floor_char_boundary(Text::LEN_MAX - MORE.len());
        format!("{}{MORE}", text.get(..end).unwrap_or_default())
    };
    let text = if text.len() > Text::LEN_MAX { cut(&text) } else { text };
    Text::parse(&text).expect("names and codes have no control characters")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plant::{TagIndex, Word};

    #[test]
    fn what_has_limits_or_a_unit_is_a_number() {
        let word = Word { tag: TagIndex(0), bit: None };
        let name = crate::model::TagName::parse("force").unwrap();
        let free = MeasurementSpec { name, word, unit: None, low: None, high: None };
        let limited = MeasurementSpec { low: Some(40.0), ..free.clone() };
        for value in [Value::text("50"), Value::List(vec![Value::Real(50.0)])] {
            assert!(fits(&free, &value) && !fits(&limited, &value), "{value}");
        }
        for value in [Value::Real(50.0), Value::Int(-50), Value::Bool(true), Value::Empty] {
            assert!(fits(&free, &value) && fits(&limited, &value), "{value}");
        }
    }
}
