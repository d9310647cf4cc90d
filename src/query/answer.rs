//! The shapes of answers. They are what `http` sends as JSON and what `address_space` shows.
use super::level::Level;
use super::only::Only;
use crate::condition::AlarmState;
use crate::genealogy::{Balance, Certainty, Direction, LinkKind};
use crate::model::{
    Amount, Baseline, Contributor, Evidence, Gap, Interval, ItemKey, MonitorId, Onset, Overruled,
    Permit, PersonToken, PhaseSummary, Position, Purpose, Result, Rule, Side, StationId, TagName,
    Text, Ucum, Untold, Utc, Value, Verdict,
};
use minicbor::{Decode, Encode};

/// An answer with the position it was computed at and whether it is complete.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Answer<T> {
    /// Computed from the records up to this one.
    pub position: Position,
    /// Whether anything that it touches was not observed.
    pub completeness: Completeness,
    /// The answer itself.
    pub body: T,
}

/// Whether anything that an answer touches was not observed.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Completeness {
    /// Nothing that the answer depends on is known to be missing.
    Complete,
    /// Something is.
    Incomplete(Vec<Incomplete>),
}

impl Completeness {
    /// Whether nothing is known to be missing.
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Complete)
    }

    /// Adds what was found later; a lag stays the last.
    pub(super) fn and(&mut self, more: impl IntoIterator<Item = Incomplete>) {
        let before = std::mem::replace(self, Self::Complete);
        let mut all = if let Self::Incomplete(all) = before { all } else { Vec::new() };
        let lag = all.pop_if(|last| matches!(last, Incomplete::Lag { .. }));
        all.extend(more.into_iter().chain(lag));
        if !all.is_empty() {
            *self = Self::Incomplete(all);
        }
    }
}

/// Why an answer is not complete.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Incomplete {
    /// A gap overlaps an item's stay at a station that it serves.
    Gap {
        /// The item.
        item: ItemKey,
        /// Where it was.
        station: StationId,
        /// The record of the gap.
        position: Position,
        /// The gap.
        gap: Gap,
    },
    /// A gap overlaps the time that was asked about.
    Unobserved {
        /// Where.
        station: StationId,
        /// The record of the gap.
        position: Position,
        /// The gap.
        gap: Gap,
    },
    /// Something about the item was set aside.
    Quarantine {
        /// Where.
        station: StationId,
        /// The record.
        position: Position,
    },
    /// A link is one of several.
    OneOf {
        /// The item.
        item: ItemKey,
    },
    /// What is asked for was not told of an item's work at a station.
    NotTold {
        /// The item.
        item: ItemKey,
        /// Where it was.
        station: StationId,
        /// What was not told, as it was asked for.
        what: Only,
    },
    /// Items are said to be part of each other, which cannot be: one of the records is wrong.
    Ring {
        /// The items.
        items: Vec<ItemKey>,
        /// The records that say so; a correction takes one back.
        records: Vec<Position>,
    },
    /// Retention dropped records: those of an item that is still named, or of the time that was asked about.
    Retention {
        /// The item; `None` if it is a matter of the time, and of nobody that is named any more.
        item: Option<ItemKey>,
        /// The record that says what was dropped, by which rule, and who let it go.
        tombstone: Position,
    },
    /// So much of a lot is missing, or more was found or used than came: more than its material may.
    Unaccounted {
        /// The lot.
        item: ItemKey,
        /// How much is missing; less than nothing if there is too much.
        amount: Amount,
    },
    /// The index has not caught up with the ledger.
    Lag {
        /// The last durable record.
        durable: Position,
    },
}

/// Where an item stands.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemState {
    /// At a station.
    InWork(StationId),
    /// Between stations, or finished.
    Idle,
    /// In a container.
    Packed(ItemKey),
    /// Left the site.
    Shipped,
    /// Waste.
    Scrapped,
}

/// What came of a lot, where it went, and what is missing.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct LotBalance {
    /// Which.
    pub item: ItemKey,
    /// The figures.
    #[serde(flatten)]
    pub balance: Balance,
    /// Which share of what came may be unaccounted for, if the plant files say it of its material.
    pub tolerance: Option<f64>,
}

impl LotBalance {
    /// Why an answer that comes to the lot is not complete: more of it is missing than may be.
    pub(super) fn open(&self) -> Option<Incomplete> {
        let Self { item, balance, tolerance } = self;
        let missing = balance.unaccounted?;
        let may = tolerance.as_ref()? * balance.came();
        (missing.abs() > may).then(|| Incomplete::Unaccounted {
            item: item.clone(),
            amount: Amount { value: missing, unit: balance.unit.clone() },
        })
    }
}

/// Why an item must not move on.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct HoldView {
    /// What was put on hold: the item itself, something that it was made of or contains, or a container that it is in.
    pub item: ItemKey,
    /// Why.
    pub reason: Text,
    /// What the signature stands for, if told.
    pub meaning: Option<Text>,
    /// Who says so.
    pub who: Option<PersonToken>,
    /// When.
    pub time: Option<Utc>,
    /// The record.
    pub position: Position,
}

impl HoldView {
    /// The reason as it is told of an item that must not move on.
    pub fn told_of(&self, item: &ItemKey) -> String {
        if self.item == *item {
            return self.reason.to_string();
        }
        format!("with {}: {}", self.item, self.reason)
    }
}

/// A hold that stands.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct StandingHold {
    /// Which.
    #[serde(flatten)]
    pub hold: HoldView,
    /// How many other items it went into, at any depth.
    pub downstream: usize,
    /// Items that were let go all the same.
    pub spared: Vec<ItemKey>,
}

/// One item.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ItemView {
    /// Which.
    pub key: ItemKey,
    /// Product or material, if told.
    pub product: Option<Text>,
    /// Where it stands.
    pub state: ItemState,
    /// Why it must not move on, its own holds first; without any it may.
    pub holds: Vec<HoldView>,
    /// Time of its first event.
    pub first_seen: Utc,
    /// Time of its last event.
    pub last_seen: Utc,
    /// When it was worked on at a station that may have been wrong then, the last first.
    pub suspect: Vec<SuspectWindow>,
    /// What it went through, in order of event time.
    pub steps: Vec<StepView>,
    /// What counted among its steps until a correction took it back.
    pub superseded: Vec<SupersededView>,
    /// What it was made of, one hop; lots are shown for their mounts.
    pub made_of: Vec<LinkView>,
    /// What it went into, one hop.
    pub went_into: Vec<LinkView>,
    /// Of a lot: what came of it, where it went, and what is missing; `None` if no amount was ever told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<LotBalance>,
    /// What it inherits from what it was made of, at any depth, by the attributes of the plant in force.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inherited: Vec<InheritedView>,
    /// How far all this goes, by the plant in force, and why no further; a container has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
}

/// An attribute of an item, with what it was made of counted in.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct InheritedView {
    /// Which.
    pub attribute: Text,
    /// How it comes together.
    pub rule: &'static str,
    /// Of one that was measured: what all values come to; nothing if there are none of a minimum or maximum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
    /// Of one that was measured: how many values there are; the 64 that say most are among `values`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<usize>,
    /// What it comes to: each word, or the mark, or the least, or each value that was measured; nothing if nothing brings it.
    pub values: Vec<InheritedValue>,
    /// Why there may be more of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// A value of an attribute, and where it is from.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct InheritedValue {
    /// What.
    pub value: Is,
    /// The record that it was measured with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Position>,
    /// The item that has it of its own; of several the nearest that is surely in it.
    pub item: ItemKey,
    /// Whether that is in it for sure; else a link of every way is one of several, or a share of a blend.
    pub sure: bool,
    /// The links from there to the item that was asked about; none if it is that item.
    pub way: Vec<InheritedWay>,
    /// Links of the way that are not shown.
    pub more: usize,
}

/// A link of a way.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct InheritedWay {
    /// What it went into.
    pub into: ItemKey,
    /// How.
    pub kind: LinkKind,
    /// How sure that is.
    pub certainty: Certainty,
    /// The record that says so.
    pub position: Position,
}

/// What an attribute is.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Is {
    /// A word of a union.
    Word(Text),
    /// A mark.
    Mark(bool),
    /// The least number.
    Number(f64),
    /// The earliest time.
    Until(Utc),
}

/// One event in the life of an item.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct StepView {
    /// Its record.
    pub position: Position,
    /// The verb.
    pub verb: &'static str,
    /// The handshake, phase or mount of the plant file by which it came to be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Text>,
    /// Where.
    pub station: Option<StationId>,
    /// When it happened.
    pub time: Utc,
    /// From when to when the item was there, if known.
    pub stay: Option<Interval>,
    /// Operation, recipe or program.
    pub operation: Option<Text>,
    /// Outcome.
    pub result: Option<Result>,
    /// Who.
    pub operator: Option<PersonToken>,
    /// How we know.
    pub evidence: Evidence,
    /// What for.
    pub purpose: Purpose,
    /// What was measured.
    pub measurements: Vec<MeasurementView>,
    /// What the phase was.
    pub phase: Option<PhaseSummary>,
    /// Whether a gap overlaps the stay.
    pub complete: bool,
    /// For verbs with another item, that one.
    pub other: Option<ItemKey>,
    /// What the PLC was answered.
    pub permit: Option<PermitView>,
    /// The record of the refusal that was not heeded: an alarm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub went_past: Option<Position>,
}

/// A step that counted until a correction took it back.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SupersededView {
    /// The step as it was.
    pub step: StepView,
    /// The record that took it back.
    pub by: Position,
    /// Who had it taken back.
    pub who: Option<PersonToken>,
    /// Why.
    pub reason: Option<Text>,
}

/// What a PLC was answered, and why.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct PermitView {
    /// The answer.
    pub permit: Permit,
    /// Why, if not ok, or what was overruled: one word.
    pub reason: Option<Text>,
    /// The number of the reason, as the PLC is told.
    pub code: Option<i64>,
    /// The reason as a sentence.
    pub text: Option<Text>,
    /// Who let it run all the same, and why.
    pub overruled: Option<Overruled>,
    /// The recipe that it was told, where it asked for one.
    pub recipe: Option<Value>,
}

/// A measured value.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct MeasurementView {
    /// Its name.
    pub name: TagName,
    /// As read.
    pub value: Value,
    /// Its quality.
    pub quality: String,
    /// Its unit.
    pub unit: Option<Ucum>,
    /// Limits.
    pub low: Option<f64>,
    /// Limits.
    pub high: Option<f64>,
    /// Whether it lies within them.
    pub in_limits: Option<bool>,
}

/// A link to another item.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct LinkView {
    /// What it means, read from the part to the whole.
    pub kind: LinkKind,
    /// The other item.
    pub item: ItemKey,
    /// How sure it is.
    pub certainty: Certainty,
    /// The record that made it.
    pub position: Position,
    /// When.
    pub time: Utc,
    /// How much, if told.
    pub amount: Option<Amount>,
    /// Why the counters of the feeder do not say how much, where it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untold: Option<Untold>,
    /// Where: the feeder, or the place in the parent.
    pub place: Option<Text>,
    /// The station, if known.
    pub station: Option<StationId>,
}

/// Everything reached from an item.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Trace {
    /// Where it began.
    pub root: ItemKey,
    /// Which way.
    pub direction: Direction,
    /// Every item reached, the root first, nearest first.
    pub nodes: Vec<TraceNode>,
    /// Every link walked.
    pub links: Vec<TraceLink>,
    /// Whether the given depth stopped the walk.
    pub cut_at_depth: bool,
}

/// One item of a trace.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TraceNode {
    /// Which.
    pub item: ItemKey,
    /// Product or material, if told.
    pub product: Option<Text>,
    /// Links from the root.
    pub depth: u32,
    /// What it went through.
    pub steps: Vec<StepView>,
}

/// One link of a trace, from the part to the whole.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TraceLink {
    /// The part.
    pub part: ItemKey,
    /// The whole.
    pub whole: ItemKey,
    /// What it means.
    pub kind: LinkKind,
    /// How sure it is.
    pub certainty: Certainty,
    /// The record that made it.
    pub position: Position,
    /// How much, if told.
    pub amount: Option<Amount>,
    /// Why the counters of the feeder do not say how much, where it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untold: Option<Untold>,
    /// The feeder or place.
    pub place: Option<Text>,
}

/// What is recalled. As JSON it is the question of a case, and asked again as it stands there.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecallOf {
    /// Whatever contains this lot, or any other item.
    Lot(ItemKey),
    /// Whatever was at a station within a time, and whatever contains that.
    Station {
        /// Where.
        id: StationId,
        /// When.
        interval: Interval,
        /// Of that only what this is true of, all of it.
        #[serde(rename = "where", default, skip_serializing_if = "Vec::is_empty")]
        only: Vec<Only>,
    },
    /// Whatever was worked on while a station may have been wrong, and whatever contains that: the record that opened
    /// that time.
    Window(Position),
}

/// Everything that a lot went into, or that was at a station, and everything that contains that.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Recall {
    /// Of what: `lot`, `station` or `window`.
    #[serde(flatten)]
    pub of: RecallOf,
    /// Everything that was there, and that contains it: units first, then lots.
    pub suspect: Vec<RecallGroup>,
    /// Containers that hold any of them.
    pub containers: Vec<ItemKey>,
    /// Suspects that left the site, with the delivery note. A lot of which parts left one after the other is there for each
    /// note.
    pub shipped: Vec<(ItemKey, Option<Text>)>,
    /// Items of which it cannot be told, and why.
    pub unknown: Vec<(ItemKey, Incomplete)>,
    /// Items that were there and of which something else was told than what is asked for.
    pub cleared: Vec<RecallCleared>,
    /// What came of each lot that is recalled or suspect, where it went, and what is missing; lots of which no amount was
    /// ever told have none.
    pub balances: Vec<LotBalance>,
    /// Lots whose balance is not here, since there are too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub balances_left_out: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// An item that was there, and is not what is asked for.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RecallCleared {
    /// Which.
    pub item: ItemKey,
    /// What was told of it instead.
    pub told: Vec<Text>,
}

/// One item of a recall.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RecallGroup {
    /// Which.
    pub item: ItemKey,
    /// Where it stands.
    pub state: ItemState,
    /// Through which item it contains the lot; the lot itself if directly. What was at the station itself: that item.
    pub via: ItemKey,
    /// Where they met, or where it was.
    pub station: Option<StationId>,
    /// When they met; when it came there.
    pub time: Utc,
}

/// Why a station may have been wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, Encode, Decode)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum SuspectCause {
    /// It judged a master otherwise than it must.
    #[n(0)]
    MasterWrong,
    /// A master was not shown in time.
    #[n(1)]
    MasterOverdue,
    /// It has drifted.
    #[n(2)]
    Drift,
}

/// What ended a time in which a station may have been wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuspectEnd {
    /// The rule says that all is well again.
    Well,
    /// Maintenance was done, and what is normal is learned anew: whether all is well is not known.
    Maintenance,
    /// The plant has no such monitor any more.
    Plant,
}

/// A time in which a station may have been wrong.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SuspectWindow {
    /// Where.
    pub station: StationId,
    /// The monitor or master that says so.
    pub monitor: MonitorId,
    /// Why.
    pub cause: SuspectCause,
    /// From the last time that it was known to be right, as far as that is known, to when it was again.
    pub interval: Interval,
    /// Whether the change is known not to have begun earlier; else the interval begins when the rule began to say that all
    /// is well, if it had.
    pub bounded: bool,
    /// The record that opened it.
    pub opened: Position,
    /// The record that ended it.
    pub closed: Option<Position>,
    /// What ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<SuspectEnd>,
    /// It was right before and after: nothing in it is suspect any more.
    pub cleared: bool,
    /// The product by whose baseline it drifted, where it was held against that of one. It is the machine that has, so
    /// that whatever was made in that time is suspect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<Text>,
    /// The recipe, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Text>,
    /// When a drift most likely began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likely: Option<Utc>,
}

/// A time in which a station may have been wrong, with what was made there.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SuspectView {
    /// When and why.
    pub window: SuspectWindow,
    /// Production that was worked on there in that time.
    pub items: Vec<ItemKey>,
    /// Those of them that were worked on since the drift most likely began; the others are suspect, since it may have begun
    /// before them.
    pub confirmed: Vec<ItemKey>,
    /// So many more are not named.
    pub left_out: usize,
}

/// A station with its live state.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct StationView {
    /// Which.
    pub id: StationId,
    /// The unit last presented and not yet gone.
    pub current: Option<ItemKey>,
    /// The unit last completed.
    pub last: Option<ItemKey>,
    /// Completed since the ledger began.
    pub completed: u64,
    /// What is in its feeders.
    pub mounts: Vec<(Text, ItemKey)>,
    /// Time of its last event.
    pub last_event: Option<Utc>,
    /// Whether a gap is open.
    pub gap_open: bool,
    /// Set aside since the ledger began.
    pub quarantined: u64,
}

/// A monitor with its verdict.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ConditionView {
    /// Where.
    pub station: StationId,
    /// Of what.
    pub monitor: MonitorId,
    /// Which rule spoke last; of a drift, which spoke of it first.
    pub rule: Option<Rule>,
    /// All rules that say so, in the order in which they did.
    pub rules: Vec<Rule>,
    /// What it says.
    pub verdict: Verdict,
    /// To which side.
    pub side: Option<Side>,
    /// The statistic that decided.
    pub statistic: Option<f64>,
    /// The limit.
    pub limit: Option<f64>,
    /// Since when it says so.
    pub since: Option<Utc>,
    /// When the change began.
    pub onset: Option<Onset>,
    /// What is normal.
    pub baseline: Option<Baseline>,
    /// Unit.
    pub unit: Option<Ucum>,
    /// The record that said so.
    pub position: Option<Position>,
    /// The product by whose baseline it says so, where it judges by that of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<Text>,
    /// The recipe, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Text>,
    /// How its alarm stands.
    pub alarm: AlarmState,
    /// Of a group that has drifted: the members that have most to do with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contributors: Vec<Contributor>,
}

/// A gap.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct GapView {
    /// The record that opened it.
    pub position: Position,
    /// What was not observed.
    pub gap: Gap,
}

/// A record as the north sees it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct EventView {
    /// Its record.
    pub position: Position,
    /// The verb, or `quarantine`, `gap`, `verdict`, `epoch`, `plant`, `orders`, `audit`.
    pub kind: &'static str,
    /// When it happened.
    pub time: Utc,
    /// Where.
    pub station: Option<StationId>,
    /// The handshake, phase, mount, monitor or master of the plant file by which it came to be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Text>,
    /// The number of the request, if it came by a handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// The items concerned, the main one first.
    pub items: Vec<ItemKey>,
    /// One sentence.
    pub text: String,
    /// Outcome.
    pub result: Option<Result>,
    /// What the PLC was answered, if it asked.
    pub permit: Option<PermitView>,
    /// The record of the refusal that was not heeded: an alarm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub went_past: Option<Position>,
    /// The hash of the plant that was in force, in hexadecimal.
    pub plant: Option<String>,
}

/// What stations completed in a time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Yield {
    /// In which time; by event time, without an end: up to now.
    pub interval: Interval,
    /// By station in the order of the plant, then by product.
    pub rows: Vec<YieldRow>,
}

/// What one station completed of one product.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct YieldRow {
    /// Where.
    pub station: StationId,
    /// Of which product, if told.
    pub product: Option<Text>,
    /// Different items.
    pub items: u64,
    /// Completions: an item that came again has several.
    pub visits: u64,
    /// Items that passed at their very first completion here.
    pub first_pass: u64,
    /// Items that passed at their last completion.
    pub passed: u64,
    /// Items that did not.
    pub failed: u64,
    /// Items whose last completion told no outcome.
    pub untold: u64,
}
