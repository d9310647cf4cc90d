//! What the words of a controller mean: stations with handshakes, phases and mounts.
use super::{Check, DeviceIndex, Monitor, NodeAddress, ReasonCodes, TagIndex, ToolLife};
use crate::model::label::CodeForm;
use crate::model::{
    Code, HandshakeId, ItemClass, LineId, MonitorId, MountPointId, PartBy, Permit, PhaseId,
    Purpose, Result, Rule, Schedule, ScopeName, StationId, TagName, Ucum, Value, Verb,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// A place that does one operation on material.
#[derive(Debug, Clone, PartialEq)]
pub struct Station {
    /// Its name.
    pub id: StationId,
    /// The controller that serves it; `None` for a station without a PLC.
    pub device: Option<DeviceIndex>,
    /// Its line.
    pub line: Option<LineId>,
    /// What must be done before (route).
    pub after: Vec<StationId>,
    /// What the work is for.
    pub purpose: PurposeSpec,
    /// Bits that weaken what is recorded while they are set, with what they make of it.
    pub evidence: Vec<(Word, crate::model::Evidence)>,
    /// Whether it works through an order list.
    pub orders: bool,
    /// Whether what was left of a lot goes on into the next one, until the station is cleaned.
    pub carry_over: bool,
    /// Exchanges with the PLC.
    pub handshakes: Vec<Handshake>,
    /// Intervals of machine state.
    pub phases: Vec<Phase>,
    /// Feeders, hoppers, slots.
    pub mounts: Vec<MountPoint>,
    /// Watched tags and measurements.
    pub monitors: Vec<Monitor>,
    /// Pieces with a known outcome that are shown to it.
    pub masters: Vec<Master>,
    /// What is to be maintained after so much use.
    pub schedules: Vec<Schedule>,
}

impl Station {
    /// Whether units or lots can be completed at it.
    pub fn completes(&self) -> bool {
        let is_counted = |item: &CodeSpec| item.class != ItemClass::Container;
        let asked = self.handshakes.iter().any(|handshake| {
            matches!(handshake.event, Verb::Complete | Verb::Produce) && is_counted(&handshake.item)
        });
        let ended = |phase: &Phase| {
            let works = !matches!(phase.event, Some(Verb::Clean | Verb::Inspect));
            works && phase.item.as_ref().is_some_and(is_counted)
        };
        asked || self.phases.iter().any(ended)
    }

    /// Whether it is seen from what it records when it works.
    pub fn tells_of_work(&self) -> bool {
        self.verbs().any(Verb::is_work)
    }

    /// The record that stands for a part that was made at it; `None` if none does.
    pub fn part_by(&self) -> Option<PartBy> {
        PartBy::of(self.verbs())
    }

    /// What it tells of items.
    fn verbs(&self) -> impl Iterator<Item = Verb> + Clone {
        // A phase with an item completes it unless it says otherwise; without one it is only noted.
        let of_items = self.phases.iter().filter(|phase| phase.item.is_some());
        let ended = of_items.map(|phase| phase.event.unwrap_or(Verb::Complete));
        self.handshakes.iter().map(|handshake| handshake.event).chain(ended)
    }

    /// Whether something of it may warn by a rule. By the others it says that it has drifted.
    pub fn warns_by(&self, id: &MonitorId, rule: Rule) -> bool {
        let mut schedules = self.schedules.iter().filter(|_| rule == Rule::Usage);
        schedules.any(|schedule| schedule.id == *id)
            || self.monitors.iter().any(|monitor| monitor.id == *id && monitor.warns_by(rule))
    }
}

/// A piece with a known outcome that is shown to a station now and then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Master {
    /// Its name, which no monitor of the station has.
    pub id: MonitorId,
    /// The code of the unit that it is.
    pub code: Code,
    /// What the station must say of it.
    pub expect: Result,
    /// How often it must be shown.
    pub every: Duration,
}

/// A tag, or one bit of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    /// The tag.
    pub tag: TagIndex,
    /// One bit of it; `None` takes it whole.
    pub bit: Option<u8>,
}

/// What the work at a station is for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PurposeSpec {
    /// The word that says so, with what its values mean; else production.
    pub from: Option<(Word, BTreeMap<i64, Purpose>)>,
    /// Serials that begin with this are masters.
    pub masters: Option<String>,
}

/// How a request is made and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// The PLC counts up a word; we echo the number.
    Counter,
    /// The PLC sets a bit; we set another; it falls; ours falls.
    ReqAck,
    /// The PLC turns a bit over; we make ours equal to it.
    Toggle,
    /// The PLC sets a word to *request*; we set ours, or the same one, to *done* or *error*; it goes
    /// back to idle; ours does.
    State(States),
    /// A bit rises for a moment; nobody waits for us.
    Edge,
    /// The PLC puts each entry into the next slot of a ring and counts; the last number that we have
    /// recorded is written back.
    Ring,
    /// The machine tells of its results by events and gives them by methods (OPC 40001-101).
    Results,
}

impl Pattern {
    /// Whether the PLC waits until it is answered: what it asks for stands until then.
    pub fn waits(self) -> bool {
        match self {
            Self::Counter | Self::ReqAck | Self::Toggle | Self::State(_) => true,
            Self::Edge | Self::Ring | Self::Results => false,
        }
    }
}

/// Values of a state word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct States {
    /// Nothing is asked.
    pub idle: i64,
    /// The PLC asks.
    pub request: i64,
    /// We have seen it; `None`: it is not told.
    pub busy: Option<i64>,
    /// It was dealt with.
    pub done: i64,
    /// It was not permitted, or could not be dealt with.
    pub error: i64,
}

/// The slots of a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// The words of each slot: first the number of the entry in it, then its data in the order of
    /// [`Handshake::snapshot`], whose words are those of the first slot.
    pub slots: Vec<Vec<TagIndex>>,
    /// So many slots are read at once.
    pub batch: usize,
}

impl Ring {
    /// The word with the number of the entry in the first slot.
    pub fn seq(&self) -> Option<TagIndex> {
        self.slots.first()?.first().copied()
    }
}

/// Where the results of a machine come from: an object that tells of them by events, and its methods by
/// their browse names.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// The object.
    pub notifier: NodeAddress,
    /// The browse name of the type of its events, where the words are fields of its own; `None`: those of a result
    /// as OPC 40001-101 has it.
    pub event_type: Option<String>,
    /// Names the results that the machine still has.
    pub recover: Option<String>,
    /// Gives one result by its name.
    pub fetch: Option<String>,
    /// Tells the machine which results are recorded.
    pub acknowledge: Option<String>,
    /// Which of its results are meant, by a field that is the same for all handshakes of the object; `None`: those
    /// that none of the others means.
    pub only: Option<Condition>,
}

impl Results {
    /// So many names are asked for at once.
    pub const LISTED_MAX: usize = 4_096;
}

/// What to do with a number found at first contact with a PLC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// It was dealt with before we came.
    Baseline,
    /// It is a request.
    Process,
}

/// An exchange of words that yields one trace event.
#[derive(Debug, Clone, PartialEq)]
pub struct Handshake {
    /// Its name.
    pub id: HandshakeId,
    /// How a request is made and answered.
    pub pattern: Pattern,
    /// What happened when a request comes.
    pub event: Verb,
    /// The request word; the name of the result for [`Pattern::Results`].
    pub trigger: Word,
    /// The PLC's own count: the trigger itself for [`Pattern::Counter`] and [`Pattern::Ring`].
    pub number: Option<Counter>,
    /// The echo word, written last; the tail of a ring; the names of results where they are acknowledged.
    pub ack: Option<Word>,
    /// The slots of [`Pattern::Ring`].
    pub ring: Option<Ring>,
    /// Where [`Pattern::Results`] come from.
    pub results: Option<Results>,
    /// Two words that the PLC sets to the same number, one before it writes the data and one after.
    pub guard: Option<(TagIndex, TagIndex)>,
    /// Everything that the event uses, without trigger and ack; what the engine reads is trigger,
    /// these, ack, trigger.
    pub snapshot: Vec<TagIndex>,
    /// Time to answer, from the request.
    pub deadline: Duration,
    /// Wait before reading.
    pub settle: Duration,
    /// Read twice until equal.
    pub stable: bool,
    /// The trigger must fall so soon after the ack.
    pub release: Duration,
    /// At first contact.
    pub first: First,
    /// The item.
    pub item: CodeSpec,
    /// The lot or child that the event names beside the item.
    pub other: Option<CodeSpec>,
    /// The words with the codes of the item's members in the order of their places; one that holds an array
    /// has several.
    pub members: Vec<CodeSpec>,
    /// Where in the parent, or from which hopper.
    pub position: Option<Word>,
    /// At which position of the station, where it has several: the unit last presented there is the
    /// current one.
    pub nest: Option<Word>,
    /// The carrier that the unit is on.
    pub carrier: Option<Carrier>,
    /// Further words that are kept, by their names.
    pub context: Vec<(TagName, Word)>,
    /// How much.
    pub quantity: Option<Quantity>,
    /// When it happened, by a word; else the trigger's source time.
    pub time: Option<Word>,
    /// How long after it was produced the item may be used.
    pub best_before: Option<Duration>,
    /// Product or material of the main item.
    pub product: Option<Word>,
    /// Material of the lot or part beside it.
    pub material: Option<Word>,
    /// Operation, recipe or program.
    pub operation: Option<Word>,
    /// Who did it.
    pub badge: Option<Word>,
    /// With what outcome.
    pub result: Option<ResultSpec>,
    /// What was measured.
    pub measurements: Vec<MeasurementSpec>,
    /// Rules that the permit follows.
    pub checks: Vec<Check>,
    /// Words to answer with, written before the ack.
    pub replies: Vec<Reply>,
    /// Codes of the permit.
    pub permit: PermitCodes,
    /// Numbers of the reasons.
    pub reasons: ReasonCodes,
    /// The words by which a person overrules a refusal.
    pub overrule: Option<Overrule>,
    /// Permit past the deadline, never `Ok`.
    pub on_late: Permit,
}

impl Handshake {
    /// Whether PLC and host take turns in one word.
    pub fn is_one_word(&self) -> bool {
        matches!(self.pattern, Pattern::State(_)) && self.ack == Some(self.trigger)
    }

    /// Whether a bit of it rises for a moment, and nobody can tell afterwards how often it did.
    pub fn is_bare_pulse(&self) -> bool {
        self.pattern == Pattern::Edge && self.number.is_none()
    }

    /// Whether its item was made with what is in the station's feeders: work that ended, or an amount of
    /// waste that was only counted.
    pub fn takes_mounts(&self) -> bool {
        let counted = self.event == Verb::Scrap && self.item.from == CodeFrom::Passage;
        counted || matches!(self.event, Verb::Complete | Verb::Produce)
    }

    /// The word that holds the codes of all members.
    pub fn array(&self) -> Option<Word> {
        match self.members.as_slice() {
            [CodeSpec { from: CodeFrom::Word(word), .. }] => Some(*word),
            _ => None,
        }
    }

    /// The words that are answered with the recipe.
    pub fn recipe_words(&self) -> impl Iterator<Item = Word> {
        let recipes = self.replies.iter().filter(|reply| reply.value == ReplyValue::Recipe);
        recipes.map(|reply| reply.word)
    }

    /// Whether the PLC learns from the answer that it must not go on.
    pub fn tells(&self) -> bool {
        let told = |reply: &Reply| matches!(reply.value, ReplyValue::Permit | ReplyValue::Reason);
        matches!(self.pattern, Pattern::State(_)) || self.replies.iter().any(told)
    }
}

/// The carrier of a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carrier {
    /// The word with its code.
    pub word: Word,
    /// What the event does to its load.
    pub rule: FillRule,
    /// Codes that are none.
    pub no_read: Vec<String>,
}

/// What a handshake does to the load of a carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FillRule {
    /// The unit is put on it.
    Open,
    /// It says which unit is there.
    Read,
    /// It says which unit is there, and that unit leaves it.
    Close,
    /// Nothing is on it.
    None,
}

/// The words by which a person lets run what was refused; both must say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overrule {
    /// Who.
    pub badge: Word,
    /// Why.
    pub reason: Word,
}

/// A count of the PLC's and the range that it wraps in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// The word.
    pub tag: TagIndex,
    /// Bits of it: 16 or 32 for registers; OPC UA types tell at run time and are taken as 32.
    pub bits: u8,
}

/// Where a code comes from, and what it is a code of.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeSpec {
    /// Unit, lot or container.
    pub class: crate::model::ItemClass,
    /// Where the code comes from.
    pub from: CodeFrom,
    /// Where it is unique.
    pub scope: ScopeFrom,
    /// Codes that are none; told before the text is taken apart.
    pub no_read: Vec<String>,
    /// How its text is read.
    pub form: CodeForm,
}

/// Where a code comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeFrom {
    /// A word.
    Word(Word),
    /// The unit last presented at the station, or at the position that the handshake names.
    Current,
    /// The unit on the handshake's carrier.
    Carried,
    /// The request itself: an amount that was counted and has no code.
    Passage,
    /// The next open row of the station's order list.
    Order,
}

/// Where a code is unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeFrom {
    /// In the site.
    Site,
    /// Worldwide.
    Gs1,
    /// Among the items of the product in this word.
    Product(Word),
    /// Among the lots of the material in this word.
    Material(Word),
    /// Among the lots of the supplier in this word.
    Supplier(Word),
    /// Among the lots of a supplier or material that the plant file names.
    Fixed(crate::model::Scope),
    /// Among the items of what is named on the same label.
    Label(LabelScope),
}

/// What a code can be unique within, by the name of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelScope {
    /// The items of a product.
    Product,
    /// The lots of a material.
    Material,
    /// The lots of a supplier.
    Supplier,
}

impl ScopeFrom {
    /// The word that the snapshot needs for it.
    pub fn word(&self) -> Option<Word> {
        match self {
            Self::Product(w) | Self::Material(w) | Self::Supplier(w) => Some(*w),
            Self::Site | Self::Gs1 | Self::Fixed(_) | Self::Label(_) => None,
        }
    }

    /// The scope around a name read from [`Self::word`], or from the label of the code.
    pub fn named(&self, name: ScopeName) -> crate::model::Scope {
        use crate::model::Scope;
        match self {
            Self::Product(_) | Self::Label(LabelScope::Product) => Scope::Product(name),
            Self::Material(_) | Self::Label(LabelScope::Material) => Scope::Material(name),
            Self::Supplier(_) | Self::Label(LabelScope::Supplier) => Scope::Supplier(name),
            Self::Gs1 => Scope::Gs1(Some(name)),
            Self::Fixed(scope) => scope.clone(),
            Self::Site => Scope::Site,
        }
    }
}

/// An amount and its unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// The word.
    pub word: Word,
    /// Its unit.
    pub unit: Option<Ucum>,
}

/// A word whose values are outcomes.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultSpec {
    /// The word.
    pub word: Word,
    /// What its values mean; others are remarked and give no outcome.
    pub codes: BTreeMap<i64, Result>,
}

/// A measurement taken with a handshake.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasurementSpec {
    /// Its name.
    pub name: TagName,
    /// The word.
    pub word: Word,
    /// Its unit.
    pub unit: Option<Ucum>,
    /// Specification limits, inclusive.
    pub low: Option<f64>,
    /// Specification limits, inclusive.
    pub high: Option<f64>,
}

/// A word to answer with.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The word.
    pub word: Word,
    /// What to write.
    pub value: ReplyValue,
}

/// What a reply word is to hold.
#[derive(Debug, Clone, PartialEq)]
pub enum ReplyValue {
    /// The code of the permit.
    Permit,
    /// The number of the reason; 0 is none.
    Reason,
    /// The recipe that the item is to be worked on with; nothing is written where it is not let go on.
    Recipe,
    /// Always this.
    Fixed(Value),
}

/// Codes of the permit; missing ones are those of `nok`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PermitCodes {
    /// Go on.
    pub ok: i64,
    /// Not to be worked on here.
    pub nok: i64,
    /// To be reworked.
    pub rework: i64,
    /// Nothing can be said.
    pub unknown: i64,
}

impl PermitCodes {
    /// The code of a permit.
    pub fn code(self, permit: Permit) -> i64 {
        match permit {
            Permit::Ok => self.ok,
            Permit::Nok => self.nok,
            Permit::Rework => self.rework,
            Permit::Unknown => self.unknown,
        }
    }
}

/// A comparison of one word.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The word.
    pub word: Word,
    /// What is asked of it.
    pub test: Test,
}

impl Condition {
    /// Whether a value of its word is among those that it names.
    pub fn holds(&self, value: &Value) -> bool {
        let value = match self.word.bit {
            None => Some(value.clone()),
            Some(bit) => value.bit(bit).map(Value::Bool),
        };
        let Some(value) = value else { return false };
        let same = |wanted: &Value| match (wanted.integer(), value.integer()) {
            (Some(a), Some(b)) => a == b,
            (Some(_) | None, _) => *wanted == value,
        };
        match &self.test {
            Test::In(values) => values.iter().any(same),
            Test::Rises | Test::Changes => false,
        }
    }

    /// Whether a value of their word is named by both.
    pub fn meets(&self, other: &Self) -> bool {
        let whole = Self { word: Word { bit: None, ..self.word }, test: self.test.clone() };
        match &other.test {
            Test::In(values) => values.iter().any(|value| whole.holds(value)),
            Test::Rises | Test::Changes => false,
        }
    }
}

/// What a condition asks of its word.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// One of these; names of values are resolved, numbers compare as numbers.
    In(Vec<Value>),
    /// Its number grows.
    Rises,
    /// Its value becomes another.
    Changes,
}

/// An interval of machine state.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// Its name.
    pub id: PhaseId,
    /// While this holds.
    pub while_: Condition,
    /// Words whose change ends it and begins another.
    pub split: Vec<TagIndex>,
    /// Shorter ones are only noted.
    pub ignore: Duration,
    /// How long after its begin `split` words, and after its end `confirm`, may still come.
    pub settle: Duration,
    /// What must come true at its end; else it gives no event.
    pub confirm: Option<Condition>,
    /// What happened when it ended; `None` only keeps its statistics.
    pub event: Option<Verb>,
    /// The item; `None` for phases of the station itself.
    pub item: Option<CodeSpec>,
    /// Operation, recipe or program.
    pub operation: Option<Word>,
    /// Tags with statistics.
    pub record: Vec<TagIndex>,
    /// Statistics per value of this word.
    pub by: Option<TagIndex>,
}

impl Phase {
    /// Every word of it.
    pub fn words(&self) -> impl Iterator<Item = TagIndex> {
        let item = self.item.iter().flat_map(|spec| match spec.from {
            CodeFrom::Word(word) => [Some(word), spec.scope.word()],
            CodeFrom::Current | CodeFrom::Carried | CodeFrom::Passage | CodeFrom::Order => {
                [None, None]
            }
        });
        std::iter::once(self.while_.word.tag)
            .chain(self.split.iter().copied())
            .chain(self.record.iter().copied())
            .chain(self.by)
            .chain(self.operation.map(|word| word.tag))
            .chain(item.flatten().map(|word| word.tag))
            .chain(self.confirm.iter().map(|confirm| confirm.word.tag))
    }
}

/// Whether a lot that changes without an empty moment leaves doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Splice {
    /// The unit in work has one of the two.
    OneOf,
    /// Only between units.
    Clean,
}

/// A feeder, hopper or slot: a lot is mounted from the moment its code appears until it goes.
#[derive(Debug, Clone, PartialEq)]
pub struct MountPoint {
    /// Its name.
    pub id: MountPointId,
    /// The lot.
    pub lot: CodeSpec,
    /// Its material, an attribute.
    pub material: Option<Word>,
    /// What a change without an empty moment means.
    pub splice: Splice,
    /// What is mounted is a tool, with this life.
    pub tool: Option<ToolLife>,
    /// What counts how much of it is used.
    pub used: Option<Used>,
}

impl MountPoint {
    /// The words that are read with every request at the station, beside those of the lot.
    pub fn counters(&self) -> impl Iterator<Item = Counter> {
        self.used.iter().flat_map(|used| std::iter::once(used.counter).chain(used.waste))
    }
}

/// Counters of use of a feeder.
#[derive(Debug, Clone, PartialEq)]
pub struct Used {
    /// Counts everything that is taken from the lot.
    pub counter: Counter,
    /// Counts what of that is thrown away.
    pub waste: Option<Counter>,
    /// Both begin at 0 with every lot; else they count on.
    pub per_lot: bool,
    /// What one count is.
    pub unit: Option<Ucum>,
}
