//! One exchange with a PLC, in the fixed order: detect → snapshot → validate → check → record →
//! (durable) → reply → ack last → release. What is written is written after the record is durable;
//! `daemon` sees to that.
mod edge;
mod late;
mod overrule;
mod permit;
mod read;
mod release;
mod reply;
mod request;
mod result;
mod ring;
mod taken;
mod unfired;
mod validate;

pub(super) use permit::touch;

use super::compose::Draft;
use super::permit::Said;
use super::snapshot::{Snapshot, pick};
use super::{At, Capture};
use crate::model::plant::{Carried, CodeFrom, First, Handshake, Pattern, Word};
use crate::model::{
    Digest, Epoch, EpochCause, GapCause, HandshakeKey, HandshakeNumber, Interval, ItemKey,
    Monotonic, Permit, Position, Quality, ReadToken, Sample, Step, Text, Utc, Value, Write,
};
use edge::Pulse;
use release::is_over;
use request::{Request, request};
use result::Collect;
use ring::{Slot, Turn};
use std::time::Duration;
use taken::Standing;

/// Pause before a read or write that failed is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// Why a wake is wanted before the snapshot is read.
const SETTLE: &str = "handshake settle";
/// So often a recipe is offered to a word that refuses it: a PLC may take nothing for a moment.
const OFFERS: u8 = 3;
/// By how much the clock of a server may differ from ours for its times to count.
const GOOD_CLOCK: Duration = Duration::from_secs(1);

/// Where one exchange stands since the last start.
#[derive(Debug, Clone, Default)]
pub(in crate::capture) struct Exchange {
    trigger: Option<Value>,
    ack: Option<Value>,
    stage: Stage,
    /// Since when the trigger is as it is, as far as we were told.
    stands: Option<Monotonic>,
    /// When the request that is being dealt with was seen.
    requested: Option<Monotonic>,
    /// When the trigger was last told to be another than it was, by our wall clock.
    turned: Option<Utc>,
    /// From when on the request may have been made, by the same clock, if that is known.
    asked: Option<Utc>,
    /// The trigger was told or read not to ask any more for the request that is being dealt with.
    over: bool,
    /// The words of the request whose answer was given out to be written.
    answered: Option<Digest>,
    /// The words of the request whose answer with a recipe the device refused, and how often; from the second time on
    /// the recipe was offered alone, so that it was no other word.
    refused: Option<(Digest, u8)>,
    /// The recipe is being written alone.
    offering: bool,
    /// The words of the request whose recipe was written alone: whatever is refused of its answer is another word.
    holds: Option<Digest>,
    /// The trigger moved while its snapshot was read, or went on from a request that nothing on record tells of.
    moved: bool,
    /// A change was told since the read that is under way was asked for.
    told: bool,
    /// The trigger was told to be another since then.
    overtaken: bool,
    /// The request that stands in the trigger.
    standing: Standing,
    /// When the server looked at the trigger as it was read last.
    read_at: Option<Utc>,
    /// What was told since may be older than that, or newer.
    doubt: bool,
    /// The PLC was told that its request is seen, and its snapshot comes next.
    busy: bool,
    /// For how long the trigger had stood when it was told.
    age: Duration,
    /// Another number than that of first contact was seen.
    passed: bool,
    /// Until when the PLC may keep its request after the answer.
    release: Option<Monotonic>,
    /// A pulse that is still to be read, and the one that is being read.
    pulse: Option<Pulse>,
    reads: Option<Pulse>,
    /// When the last pulse that was read was told.
    pulse_before: Option<Utc>,
    /// How far a ring is read.
    turn: Turn,
    /// How far results are collected.
    collect: Collect,
    /// What was asked when the words were first seen is dealt with.
    sure: bool,
    /// All that was asked before what is dealt with is an event or a gap. It is not as long as the PLC was
    /// seen to give something up, or may have unseen, and no number came after it.
    counted: bool,
    /// For how long nobody had looked when the words were first seen, if that was long.
    outage: Option<Interval>,
    /// The same, if the request that is being dealt with may be from then.
    late: Option<Interval>,
}

#[derive(Debug, Clone, Default)]
enum Stage {
    /// Nothing is asked.
    #[default]
    Idle,
    /// Waiting before the snapshot is read, or read again.
    Waiting(Monotonic, &'static str),
    /// A snapshot is being read; the first of two, if a stable one is wanted.
    Reading { token: ReadToken, first: Option<Snapshot> },
    /// A question about the past is being answered.
    Asking { token: ReadToken, asked: Box<Asked>, until: Monotonic },
    /// The answer is being written; over this trigger, if that is the same word.
    Replying { token: ReadToken, trigger: Option<Value> },
    /// The numbers in all slots of a ring are being read.
    Scanning { token: ReadToken },
    /// Slots of a ring are being read.
    Slots { token: ReadToken, slots: Vec<Slot> },
    /// The machine names the results that it still has.
    Listing { token: ReadToken },
    /// It gives the result of this name.
    Fetching { token: ReadToken, name: Text },
}

/// A request whose checks wait for facts.
#[derive(Debug, Clone)]
struct Asked {
    found: Found,
    draft: Draft,
    said: Said,
    /// The lots in the feeders, where a rule asks for their past.
    lots: Vec<ItemKey>,
    /// Whether the snapshot shows what is in the station's feeders.
    mounts_seen: bool,
    /// The last record about one of the items since the question was put.
    touched: Option<Position>,
    /// Whether a rule asks what things were made of.
    looks_back: bool,
    /// If so: the items that anything came to since then, by record.
    came: Vec<(Position, ItemKey)>,
}

/// What a PLC is answered.
#[derive(Debug, Clone, Copy)]
struct Answer<'a> {
    permit: Permit,
    /// Why, if not ok; one word.
    reason: Option<&'a Text>,
    recipe: Option<&'a Value>,
}

impl<'a> Answer<'a> {
    /// Nothing can be said.
    fn unknown(reason: Option<&'a Text>) -> Self {
        Self { permit: Permit::Unknown, reason, recipe: None }
    }
}

/// A request that is pending and new: its snapshot, and what it is known by.
#[derive(Debug, Clone)]
struct Found {
    snapshot: Snapshot,
    trigger: Sample,
    key: HandshakeKey,
    digest: Digest,
    /// The machine's name of it, if it is a result.
    result: Option<Text>,
}

impl Found {
    /// What stands in the words of the request as long as it is this one.
    fn witnesses(&self, handshake: &Handshake) -> Vec<Write> {
        let number = handshake.number.map(|counter| Word { tag: counter.tag, bit: None });
        // Without a number the codes have to tell one request from the next.
        let specs = std::iter::once(&handshake.item).chain(&handshake.other);
        let specs = specs.chain(&handshake.members);
        let codes = specs.filter_map(|spec| match spec.from {
            CodeFrom::Word(word) if number.is_none() => Some(word),
            CodeFrom::Word(_)
            | CodeFrom::Current
            | CodeFrom::Carried
            | CodeFrom::Passage
            | CodeFrom::Order => None,
        });
        let words = std::iter::once(handshake.trigger).chain(number).chain(codes);
        let word = |w: Word| Some(Write { tag: w.tag, bit: w.bit, value: self.snapshot.good(w)? });
        words.filter_map(word).collect()
    }
}

impl Exchange {
    pub(in crate::capture) fn wake(&self) -> Option<(Monotonic, &'static str)> {
        let release = self.release.map(|until| (until, "handshake release"));
        let idle = matches!(self.stage, Stage::Idle);
        let collect = idle.then(|| self.collect.wake()).flatten();
        self.stage.wake().into_iter().chain(release).chain(collect).min()
    }

    /// Another request is dealt with: its time begins when its trigger was set.
    fn take_request(&mut self, at: crate::model::At) {
        // It may have waited for the one before it to be answered.
        let now = seen(at.monotonic, self.age);
        self.requested = Some(self.stands.unwrap_or(now));
        self.asked = match (self.sure, self.age) {
            // What was asked before it is dealt with.
            (true, _) => self.turned,
            (false, Duration::ZERO) => None,
            (false, age) => Some(at.wall.minus(age)),
        };
        // Only the first may have been there before.
        self.late = self.outage.take().filter(|_| !self.sure);
        (self.over, self.answered) = (false, None);
    }

    /// Whether the PLC may have gone on from a request that is not on record.
    fn gave_up(&self, pattern: Pattern) -> bool {
        let deals = !matches!(self.stage, Stage::Idle);
        let pulses = [self.pulse, self.reads.filter(|_| deals)];
        match pattern {
            // It waits for nobody; its count is read at first contact.
            Pattern::Edge => pulses.into_iter().flatten().any(Pulse::is_behind_another),
            Pattern::Counter
            | Pattern::ReqAck
            | Pattern::Toggle
            | Pattern::State(_)
            | Pattern::Ring
            | Pattern::Results => !self.counted,
        }
    }

    /// Whether both sides' words are known.
    fn is_told(&self, handshake: &Handshake) -> bool {
        self.trigger.is_some() && (handshake.ack.is_none() || self.ack.is_some())
    }

    /// What its words say together.
    fn asks(&self, handshake: &Handshake) -> Request {
        request(handshake, self.trigger.as_ref(), self.ack.as_ref())
    }

    /// The connection was lost: nothing that was seen or begun still counts.
    pub(in crate::capture) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Goes on under the indexes of the next plant: nothing of this handshake has changed.
    pub(in crate::capture) fn carry(&mut self, carried: &Carried) {
        let Self {
            trigger: _,
            ack: _,
            stage,
            stands: _,
            requested: _,
            turned: _,
            asked: _,
            over: _,
            answered: _,
            refused: _,
            offering: _,
            holds: _,
            moved: _,
            told: _,
            overtaken: _,
            standing: _,
            read_at: _,
            doubt: _,
            busy: _,
            age: _,
            passed: _,
            release: _,
            pulse: _,
            reads: _,
            pulse_before: _,
            turn: _,
            collect,
            sure: _,
            counted: _,
            outage: _,
            late: _,
        } = self;
        collect.carry(carried);
        match stage {
            Stage::Reading { token: _, first } => {
                if let Some(snapshot) = first {
                    snapshot.carry(carried);
                }
            }
            Stage::Asking { token: _, asked, until: _ } => {
                let Asked { found, draft, said: _, lots: _, mounts_seen: _, touched: _, .. } =
                    &mut **asked;
                let Found { snapshot, trigger, key: _, digest: _, result: _ } = found;
                let Draft {
                    item: _,
                    other: _,
                    members: _,
                    nest: _,
                    fill: _,
                    time: _,
                    mounts: _,
                    counts: _,
                } = draft;
                snapshot.carry(carried);
                carried.samples(std::slice::from_mut(trigger));
            }
            Stage::Idle
            | Stage::Waiting(..)
            | Stage::Replying { token: _, trigger: _ }
            | Stage::Scanning { token: _ }
            | Stage::Slots { token: _, slots: _ }
            | Stage::Listing { token: _ }
            | Stage::Fetching { token: _, name: _ } => {}
        }
    }
}

impl Stage {
    fn wake(&self) -> Option<(Monotonic, &'static str)> {
        match self {
            Self::Waiting(until, why) => Some((*until, why)),
            Self::Asking { until, .. } => Some((*until, "handshake deadline")),
            Self::Idle
            | Self::Reading { .. }
            | Self::Replying { .. }
            | Self::Scanning { .. }
            | Self::Slots { .. }
            | Self::Listing { .. }
            | Self::Fetching { .. } => None,
        }
    }
}

/// For how long a value had stood when it reached us. Only a server whose clock goes with ours can
/// say so; else it is as new as it was when it came.
fn age(sample: &Sample) -> Duration {
    match sample.source.zip(sample.server) {
        Some((source, server)) if source <= server && goes_with_ours(sample) => {
            sample.receive.since(source)
        }
        Some(_) | None => Duration::ZERO,
    }
}

/// Whether the clock of the server that told it shows what ours does.
fn goes_with_ours(sample: &Sample) -> bool {
    sample.server.is_some_and(|server| {
        server <= sample.receive.plus(GOOD_CLOCK) && sample.receive <= server.plus(GOOD_CLOCK)
    })
}

/// When a value that had stood for so long was set, by our clock.
fn seen(now: Monotonic, age: Duration) -> Monotonic {
    Monotonic(now.0.saturating_sub(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)))
}

/// How far a word of a handshake may be trusted: a trigger that is no whole number, as a changed PLC
/// program may leave it, tells of no request.
fn judged(trigger: Word, sample: &Sample) -> Quality {
    let no_number = |value| pick(value, trigger).is_none_or(|value| value.integer().is_none());
    if sample.tag == trigger.tag && sample.good().is_some_and(no_number) {
        Quality::BAD_TYPE
    } else {
        sample.quality
    }
}

impl Capture {
    /// The trigger or the ack of a handshake changed, or was read afresh.
    pub(in crate::capture) fn on_handshake_word(
        &mut self,
        step: &mut Step,
        at: At,
        sample: &Sample,
    ) {
        let handshake = self.live().handshake(at);
        let (trigger, ack) = (handshake.trigger, handshake.ack);
        // Good → Bad → Good is no new request: a bad word leaves what was known.
        let quality = judged(trigger, sample);
        let Some(value) = sample.good().filter(|_| quality.is_good()).cloned() else {
            let word = if sample.tag == trigger.tag { "trigger" } else { "ack" };
            self.say(step, at, format!("did not fire because the {word} is {quality}"));
            if sample.tag == trigger.tag && self.handshake_memory(at).gap.is_none() {
                let from = sample.receive.min(step.at.wall);
                let interval = Interval { from, to: None };
                self.handshake_gap(step, at, interval, GapCause::BadQuality, None);
            }
            return;
        };
        if self.is_told_late(at, sample) {
            return self.see_told_late(step, at, sample);
        }
        let mut moved = None;
        if sample.tag == trigger.tag {
            self.end_gap(step, at, pick(&value, trigger).as_ref());
            moved = Some(self.see_trigger(step, at, sample, pick(&value, trigger)));
            self.take_baseline(step, at);
        }
        let exchange = self.exchange(at);
        let before = exchange.busy_with();
        if let Some(ack) = ack.filter(|ack| ack.tag == sample.tag) {
            exchange.ack = pick(&value, ack);
        }
        exchange.told = true;
        self.see_told(step, at, sample);
        self.consider(step, at);
        if let Some(moved) = moved {
            self.say_unfired(step, at, (moved, before));
        }
    }

    /// At the very first contact, a counter that counts as dealt with is only remembered.
    fn take_baseline(&mut self, step: &mut Step, at: At) {
        let handshake = self.live().handshake(at);
        let counts = matches!(handshake.pattern, Pattern::Counter | Pattern::Ring);
        if !counts || handshake.first != First::Baseline {
            return;
        }
        let memory = self.handshake_memory(at);
        let number = self.exchange(at).trigger.as_ref().and_then(Value::count);
        // Once: after a restart a number that stands there is a request.
        let first = memory.epoch == Epoch(0) && memory.committed.is_none();
        if let (true, None, Some(number)) = (first, memory.baseline, number) {
            let text =
                format!("did not fire because {number} stood there at first contact: another asks");
            self.say(step, at, text);
            let number = Some(HandshakeNumber(number));
            self.begin_epoch(step, at, EpochCause::FirstContact, memory.epoch, number);
        }
    }

    /// The exchange whose trigger is seen as this: it moved if what it asked before was given up.
    fn seen(&mut self, at: At, value: Option<&Value>) -> &mut Exchange {
        let given_up = self.is_given_up(at, value);
        let exchange = self.exchange(at);
        exchange.moved |= given_up;
        exchange
    }

    /// Whether a counter that was seen to ask goes on to this, and no number that is on record will tell that something is
    /// missing before it.
    fn is_given_up(&self, at: At, now: Option<&Value>) -> bool {
        let handshake = self.live().handshake(at);
        let asked = self.live().exchanges.get(&at).is_some_and(|exchange| {
            exchange.asks(handshake) == Request::Pending
                && exchange.trigger.as_ref() != now
                && exchange.answered.is_none()
        });
        asked && handshake.pattern == Pattern::Counter && self.handshake_memory(at).last().is_none()
    }

    /// What a new value of the trigger says beside what it asks for; whether it is another.
    fn see_trigger(
        &mut self,
        step: &mut Step,
        at: At,
        sample: &Sample,
        value: Option<Value>,
    ) -> bool {
        let pattern = self.live().handshake(at).pattern;
        let baseline = self.handshake_memory(at).baseline.map(|number| number.0);
        let over = is_over(self.live().handshake(at), value.as_ref());
        let handshake = self.live().handshake(at);
        let asked = self.live().exchanges.get(&at).map(|exchange| exchange.asks(handshake));
        let exchange = self.seen(at, value.as_ref());
        let before = std::mem::replace(&mut exchange.trigger, value);
        let over = over.unwrap_or(before != exchange.trigger);
        let answered = !exchange.over && exchange.answered.is_some();
        if over && asked == Some(Request::Pending) && !answered {
            exchange.counted = false;
        }
        exchange.over |= over;
        exchange.age = age(sample);
        if before != exchange.trigger {
            exchange.stands = Some(seen(step.at.monotonic, exchange.age));
        }
        let moved = before != exchange.trigger;
        if before.is_some() && moved {
            exchange.turned = Some(step.at.wall);
            exchange.overtaken = true;
        }
        let number = exchange.trigger.as_ref().and_then(Value::count);
        exchange.passed = exchange.passed || (baseline.is_some() && number != baseline);
        match pattern {
            Pattern::Edge => self.see_pulse(at, sample, before.as_ref()),
            Pattern::Ring => self.see_head(step, at, sample),
            Pattern::Counter
            | Pattern::ReqAck
            | Pattern::Toggle
            | Pattern::State(_)
            | Pattern::Results => {}
        }
        moved
    }

    /// Begins whatever the words ask for, if nothing is under way.
    pub(super) fn consider(&mut self, step: &mut Step, at: At) {
        let handshake = self.live().handshake(at);
        let exchange = self.live().exchanges.get(&at);
        let Some(exchange) = exchange.filter(|e| matches!(e.stage, Stage::Idle)) else { return };
        let asked = exchange.asks(handshake);
        let known = exchange.is_told(handshake);
        let first = asked != Request::Pending && known && exchange.pulse.is_none();
        let pattern = self.live().handshake(at).pattern;
        let exchange = self.exchange(at);
        if first && !exchange.sure {
            // Elsewhere the number is read only with a request.
            exchange.counted |= pattern == Pattern::Counter;
            exchange.sure = true;
        }
        exchange.busy = exchange.busy && asked == Request::Pending;
        if std::mem::take(&mut exchange.doubt) {
            return self.read(step, at, None);
        }
        match pattern {
            Pattern::Ring => return self.consider_ring(step, at),
            Pattern::Results => return self.collect(step, at),
            Pattern::Edge if exchange.pulse.is_some() => {
                exchange.reads = exchange.pulse.take();
                return self.begin(step, at);
            }
            Pattern::Edge => return,
            Pattern::Counter | Pattern::ReqAck | Pattern::Toggle | Pattern::State(_) => {}
        }
        self.watch_release(step, at, asked);
        match asked {
            Request::None | Request::Held => {}
            Request::Release => self.release(step, at),
            // What is told of our word may be from before the answer was written.
            Request::Pending if self.is_answered(at) => self.read(step, at, None),
            Request::Pending => self.begin(step, at),
        }
    }

    /// Whether nothing can have happened here that is not recorded and still long ago: the words are
    /// observed, what was found when they were first seen is dealt with, and no request was given up, or
    /// waits for so long that the PLC may have gone on.
    pub(in crate::capture) fn is_settled(&self, at: At, now: Monotonic) -> bool {
        let handshake = self.live().handshake(at);
        let Some(exchange) = self.live().exchanges.get(&at) else { return false };
        let waits = match handshake.pattern {
            Pattern::Results => return self.all_collected(at),
            Pattern::Edge => exchange.pulse.is_some() || !matches!(exchange.stage, Stage::Idle),
            Pattern::Counter
            | Pattern::ReqAck
            | Pattern::Toggle
            | Pattern::State(_)
            | Pattern::Ring => exchange.asks(handshake) == Request::Pending,
        };
        let until = exchange.requested.map(|seen| seen.plus(handshake.deadline));
        let overdue = waits && until.is_some_and(|until| until <= now);
        exchange.sure
            && exchange.is_told(handshake)
            && !overdue
            && !exchange.gave_up(handshake.pattern)
    }

    /// From when on the request that is being dealt with may have been made.
    pub(in crate::capture) fn asked_since(&self, at: At) -> Utc {
        let asked = self.live().exchanges.get(&at).and_then(|exchange| exchange.asked);
        asked.or(self.handshake_memory(at).since()).unwrap_or(Utc(i64::MIN))
    }

    /// Begins a request: it is told that it was seen, left to settle, or read at once.
    fn begin(&mut self, step: &mut Step, at: At) {
        let exchange = self.exchange(at);
        if std::mem::take(&mut exchange.busy) {
            // It was told that it is seen: its time began then, and its word may be ours since.
            return self.settle(step, at);
        }
        exchange.take_request(step.at);
        if self.say_busy(step, at) {
            self.exchange(at).busy = true;
            return;
        }
        self.settle(step, at);
    }

    /// Leaves the PLC the time that it needs to fill the data, then reads it.
    fn settle(&mut self, step: &mut Step, at: At) {
        let settle = self.live().handshake(at).settle;
        if settle.is_zero() {
            self.read(step, at, None);
        } else {
            let until = step.at.monotonic.plus(settle);
            self.exchange(at).stage = Stage::Waiting(until, SETTLE);
        }
    }

    pub(in crate::capture) fn on_exchange_wake(&mut self, step: &mut Step, at: At) {
        let now = step.at.monotonic;
        let due = |until: Monotonic| until <= now;
        if self.live().handshake(at).pattern == Pattern::Results {
            return self.on_collect_wake(step, at);
        }
        if self.exchange(at).release.is_some_and(due) {
            self.not_released(step, at);
        }
        if !self.exchange(at).stage.wake().is_some_and(|(until, _)| due(until)) {
            return;
        }
        match std::mem::take(&mut self.exchange(at).stage) {
            Stage::Waiting(..) => self.read(step, at, None),
            // The facts did not come in time: `on_late` decides.
            Stage::Asking { token, asked, .. } => {
                self.live_mut().tokens.remove(&token);
                self.decide(step, at, &asked, None);
            }
            stage @ (Stage::Idle
            | Stage::Reading { .. }
            | Stage::Replying { .. }
            | Stage::Scanning { .. }
            | Stage::Slots { .. }
            | Stage::Listing { .. }
            | Stage::Fetching { .. }) => self.exchange(at).stage = stage,
        }
    }

    pub(super) fn retry(&mut self, step: &mut Step, at: At, why: &str) {
        self.say(step, at, why);
        let until = step.at.monotonic.plus(RETRY);
        self.exchange(at).stage = Stage::Waiting(until, "handshake retry");
    }
}
