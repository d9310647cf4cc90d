//! One exchange with a PLC, in the fixed order: detect → snapshot → validate → check → record →
//! (durable) → reply → ack last → release. What is written is written after the record is durable;
//! `daemon` sees to that.
use super::compose::Draft;
use super::number::{Distance, distance};
use super::snapshot::{Snapshot, Trigger, own_words, pick, wanted};
use super::{At, Capture};
use crate::model::plant::{Check, CodeFrom, CodeSpec, First, Pattern, ReplyValue, Word};
use crate::model::{
    Body, Digest, Effect, Epoch, EpochBegun, EpochCause, Facts, Gap, GapCause, GapSource,
    HandshakeKey, HandshakeMark, HandshakeNumber, Interval, Monotonic, Permit, Position,
    Quarantine, QuarantineCause, Question, ReadDone, ReadRequest, ReadToken, Sample, Step, Text,
    Value, Verb, Write, WriteDone, WriteRequest,
};
use std::time::Duration;

/// Pause before a read or write that failed is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// Where one exchange stands since the last start.
#[derive(Debug, Clone, Default)]
pub(super) struct Exchange {
    trigger: Option<Value>,
    ack: Option<Value>,
    stage: Stage,
    /// When the request that is being dealt with was seen.
    requested: Option<Monotonic>,
    /// The trigger moved while its snapshot was read.
    moved: bool,
    /// A change was told since the read that is under way was asked for.
    told: bool,
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
    /// The answer is being written.
    Replying { token: ReadToken },
}

/// A request whose checks wait for facts.
#[derive(Debug, Clone)]
struct Asked {
    snapshot: Snapshot,
    draft: Draft,
    key: HandshakeKey,
    digest: Digest,
}

impl Exchange {
    pub(super) fn wake(&self) -> Option<(Monotonic, &'static str)> {
        match &self.stage {
            Stage::Waiting(until, why) => Some((*until, why)),
            Stage::Asking { until, .. } => Some((*until, "handshake deadline")),
            Stage::Idle | Stage::Reading { .. } | Stage::Replying { .. } => None,
        }
    }

    /// The connection was lost: nothing that was seen or begun still counts.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// What a trigger and an ack word say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    Pending,
    /// The PLC took its request back after our ack; ours must fall too.
    Release,
    None,
}

fn request(pattern: Pattern, trigger: Option<&Value>, ack: Option<&Value>) -> Request {
    let Some(trigger) = trigger else { return Request::None };
    match pattern {
        Pattern::Counter => match (trigger.count(), ack.and_then(Value::count)) {
            (Some(number), Some(echo)) if number == echo => Request::None,
            (Some(_), _) => Request::Pending,
            (None, _) => Request::None,
        },
        Pattern::ReqAck => {
            let on = |v: &Value| v.integer().is_some_and(|i| i != 0);
            match (on(trigger), ack.is_some_and(on)) {
                (true, false) => Request::Pending,
                (false, true) => Request::Release,
                (true, true) | (false, false) => Request::None,
            }
        }
    }
}

impl Capture {
    /// The trigger or the ack of a handshake changed, or was read afresh.
    pub(super) fn on_handshake_word(&mut self, step: &mut Step, at: At, sample: &Sample) {
        let handshake = self.live().handshake(at);
        let (trigger, ack) = (handshake.trigger, handshake.ack);
        // Good → Bad → Good is no new request: a bad word leaves what was known.
        let Some(value) = sample.good().cloned() else {
            let about = self.live().about(at);
            step.notice(about, format!("a handshake word is {}; nothing fires", sample.quality));
            return;
        };
        let exchange = self.exchange(at);
        if sample.tag == trigger.tag {
            exchange.trigger = pick(&value, trigger);
            self.take_baseline(step, at);
        }
        let exchange = self.exchange(at);
        if let Some(ack) = ack.filter(|ack| ack.tag == sample.tag) {
            exchange.ack = pick(&value, ack);
        }
        exchange.told = true;
        self.consider(step, at);
    }

    /// At the very first contact, a counter that counts as dealt with is only remembered.
    fn take_baseline(&mut self, step: &mut Step, at: At) {
        let handshake = self.live().handshake(at);
        if handshake.pattern != Pattern::Counter || handshake.first != First::Baseline {
            return;
        }
        let memory = self.handshake_memory(at);
        let number = self.exchange(at).trigger.as_ref().and_then(Value::count);
        // Once: after a restart a number that stands there is a request.
        let first = memory.epoch == Epoch(0) && memory.committed.is_none();
        if let (true, None, Some(number)) = (first, memory.baseline, number) {
            let number = Some(HandshakeNumber(number));
            self.begin_epoch(step, at, EpochCause::FirstContact, memory.epoch, number);
        }
    }

    /// Begins whatever the words ask for, if nothing is under way.
    fn consider(&mut self, step: &mut Step, at: At) {
        let handshake = self.live().handshake(at);
        let (pattern, settle) = (handshake.pattern, handshake.settle);
        let exchange = self.exchange(at);
        if !matches!(exchange.stage, Stage::Idle) {
            return;
        }
        match request(pattern, exchange.trigger.as_ref(), exchange.ack.as_ref()) {
            Request::None => {}
            Request::Release => self.release(step, at),
            Request::Pending => {
                exchange.requested = Some(step.at.monotonic);
                if settle.is_zero() {
                    self.read(step, at, None);
                } else {
                    let until = step.at.monotonic.plus(settle);
                    self.exchange(at).stage = Stage::Waiting(until, "handshake settle");
                }
            }
        }
    }

    pub(super) fn on_exchange_wake(&mut self, step: &mut Step, at: At) {
        match std::mem::take(&mut self.exchange(at).stage) {
            Stage::Waiting(..) => self.read(step, at, None),
            // The facts did not come in time: `on_late` decides.
            Stage::Asking { token, asked, .. } => {
                self.live_mut().tokens.remove(&token);
                let Asked { snapshot, draft, key, digest } = *asked;
                self.decide(step, at, &snapshot, &draft, key, digest, None);
            }
            stage @ (Stage::Idle | Stage::Reading { .. } | Stage::Replying { .. }) => {
                self.exchange(at).stage = stage;
            }
        }
    }

    fn retry(&mut self, step: &mut Step, at: At, why: &str) {
        let about = self.live().about(at);
        step.notice(about, why.to_owned());
        let until = step.at.monotonic.plus(RETRY);
        self.exchange(at).stage = Stage::Waiting(until, "handshake retry");
    }

    fn read(&mut self, step: &mut Step, at: At, first: Option<Snapshot>) {
        let token = self.token();
        let live = self.live_mut();
        let handshake = live.handshake(at);
        let device = live.plant.tag(handshake.trigger.tag).device;
        let (tags, session) = (wanted(handshake), live.session(device));
        live.tokens.insert(token, at);
        let exchange = self.exchange(at);
        exchange.told = false;
        exchange.stage = Stage::Reading { token, first };
        step.effect(Effect::Read(ReadRequest { token, device, session, tags }));
    }

    /// A read came back. One that nobody waits for any more is ignored.
    pub(super) fn on_read(&mut self, step: &mut Step, done: &ReadDone) {
        let Some(at) = self.live.as_mut().and_then(|l| l.tokens.remove(&done.token)) else {
            return;
        };
        let first = match &self.exchange(at).stage {
            Stage::Reading { token, first } if *token == done.token => first.clone(),
            Stage::Reading { .. }
            | Stage::Idle
            | Stage::Waiting(..)
            | Stage::Asking { .. }
            | Stage::Replying { .. } => return,
        };
        let words = match &done.outcome {
            Ok(words) => words.clone(),
            Err(why) => return self.retry(step, at, &format!("the snapshot was not read: {why}")),
        };
        let handshake = self.live().handshake(at);
        let (stable, trigger, ack) = (handshake.stable, handshake.trigger, handshake.ack);
        let Some(snapshot) = Snapshot::new(words, &wanted(handshake)) else {
            return self.retry(step, at, "the answer does not have the words that were asked for");
        };
        let exchange = self.exchange(at);
        let read = (snapshot.good(trigger), ack.and_then(|w| snapshot.good(w)));
        if exchange.told && read != (exchange.trigger.clone(), exchange.ack.clone()) {
            // An answer may be slower than the subscription: this one may be older than what was told,
            // and a change is told once.
            return self.read(step, at, None);
        }
        match first {
            None if stable => return self.read(step, at, Some(snapshot)),
            Some(first) if !first.same(&self.live().plant, &snapshot) => {
                return self.retry(step, at, "two reads of the snapshot are not the same");
            }
            Some(_) | None => {}
        }
        match snapshot.trigger(self.live().handshake(at).trigger) {
            Trigger::Still(trigger) => self.validate(step, at, snapshot, &trigger),
            Trigger::Moved => self.trigger_moved(step, at, &snapshot),
            Trigger::Bad(quality) => {
                self.retry(step, at, &format!("the trigger is {quality}; nothing fires"));
            }
        }
    }

    /// Nothing of a snapshot whose trigger moved is used. A counter tells by its next number what was
    /// skipped; a bit that fell has taken its request with it.
    fn trigger_moved(&mut self, step: &mut Step, at: At, snapshot: &Snapshot) {
        let handshake = self.live().handshake(at);
        if handshake.pattern == Pattern::Counter {
            self.exchange(at).moved = true;
            return self.read(step, at, None);
        }
        let (first, last) = snapshot.ends(handshake.trigger);
        if first == Some(Value::Bool(true)) {
            let from = snapshot.get(handshake.trigger.tag).map_or(step.at.wall, |s| s.receive);
            self.handshake_gap(step, at, from, GapCause::TriggerMoved, 1);
        }
        let exchange = self.exchange(at);
        exchange.trigger = last;
        exchange.stage = Stage::Idle;
        self.consider(step, at);
    }

    fn handshake_gap(
        &mut self,
        step: &mut Step,
        at: At,
        from: crate::model::Utc,
        cause: GapCause,
        count: u64,
    ) {
        let live = self.live();
        let station = live.station(at.station).id.clone();
        let gap = Gap {
            source: GapSource::Handshake(station.clone(), live.handshake(at).id.clone()),
            interval: Interval { from, to: Some(step.at.wall) },
            cause,
            count: Some(count),
            stations: vec![station],
        };
        self.record(step, Body::Gap(gap));
    }

    /// Is it pending, and is it new?
    fn validate(&mut self, step: &mut Step, at: At, snapshot: Snapshot, trigger: &Sample) {
        let live = self.live();
        let handshake = live.handshake(at);
        let value = snapshot.good(handshake.trigger);
        let ack = handshake.ack.and_then(|w| snapshot.good(w));
        if handshake.ack.is_some() && ack.is_none() {
            return self.retry(step, at, "the ack word is bad: what was answered cannot be told");
        }
        let asked = request(handshake.pattern, value.as_ref(), ack.as_ref());
        let digest = snapshot.digest(&live.plant, &own_words(handshake));
        let number = match handshake.number {
            Some(counter) => snapshot
                .good(Word { tag: counter.tag, bit: None })
                .and_then(|v| v.count())
                .map(HandshakeNumber),
            None => Some(self.next_number(at)),
        };
        let exchange = self.exchange(at);
        exchange.trigger = value;
        exchange.ack = ack;
        if asked != Request::Pending {
            exchange.stage = Stage::Idle;
            return self.consider(step, at);
        }
        let Some(number) = number else {
            return self.retry(step, at, "the number of the request cannot be used");
        };
        self.compare(step, at, snapshot, trigger, number, digest);
    }

    /// Without a number of the PLC's, requests are counted by us.
    fn next_number(&self, at: At) -> HandshakeNumber {
        let committed = self.handshake_memory(at).committed;
        HandshakeNumber(committed.map_or(1, |c| c.number.0.saturating_add(1)))
    }

    fn handshake_memory(&self, at: At) -> super::memory::HandshakeMemory {
        let live = self.live();
        let station = self.memory.station(&live.station(at.station).id);
        let handshake = &live.handshake(at).id;
        station.and_then(|s| s.handshakes.get(handshake)).cloned().unwrap_or_default()
    }

    fn compare(
        &mut self,
        step: &mut Step,
        at: At,
        snapshot: Snapshot,
        trigger: &Sample,
        number: HandshakeNumber,
        digest: Digest,
    ) {
        let memory = self.handshake_memory(at);
        let bits = self.live().handshake(at).number.map_or(64, |n| n.bits);
        let mut skipped = 0;
        let is_word = |spec: &CodeSpec| matches!(spec.from, CodeFrom::Word(_));
        let handshake = self.live().handshake(at);
        let named = is_word(&handshake.item) || handshake.other.as_ref().is_some_and(is_word);
        match &memory.committed {
            // A retained counter survives a cold start: the same number with the same words is the
            // same request, whatever the epoch; words that name no item prove nothing over epochs.
            Some(c)
                if c.number == number
                    && c.digest == digest
                    && (named || c.epoch == memory.epoch) =>
            {
                return self.answer(step, at, c.position, number, c.permit, c.reason.as_ref());
            }
            Some(c) if c.epoch == memory.epoch => match distance(c.number.0, number.0, bits) {
                Distance::Same => {
                    return self.conflict(step, at, &snapshot, trigger, number, digest);
                }
                Distance::Forward { skipped: n } => skipped = n,
                Distance::Fell => {
                    let next = Epoch(memory.epoch.0.saturating_add(1));
                    self.begin_epoch(step, at, EpochCause::CounterFell, next, None);
                }
            },
            None if memory.baseline == Some(number) => {
                self.exchange(at).stage = Stage::Idle;
                return;
            }
            Some(_) | None => {}
        }
        if skipped > 0 {
            let from = memory.committed.map_or(step.at.wall, |c| c.at);
            let moved = self.exchange(at).moved;
            let cause = if moved { GapCause::TriggerMoved } else { GapCause::NumbersSkipped };
            self.handshake_gap(step, at, from, cause, skipped);
        }
        self.exchange(at).moved = false;
        let key = self.key(at, number);
        self.check(step, at, snapshot, trigger, key, digest);
    }

    fn begin_epoch(
        &mut self,
        step: &mut Step,
        at: At,
        cause: EpochCause,
        epoch: Epoch,
        baseline: Option<HandshakeNumber>,
    ) {
        let live = self.live();
        let device = live.device(live.plant.tag(live.handshake(at).trigger.tag).device).id.clone();
        let station = live.station(at.station).id.clone();
        let handshake = live.handshake(at).id.clone();
        let known = self.memory.devices.get(&device);
        let boot = known.and_then(|d| d.boot.clone()).unwrap_or_default();
        let handshakes = vec![(station, handshake, epoch, baseline)];
        self.record(step, Body::Epoch(EpochBegun { device, boot, cause, handshakes }));
    }

    /// The same number with other words: recorded once, answered `unknown`, never re-acknowledged as
    /// if it were the request that was dealt with.
    fn conflict(
        &mut self,
        step: &mut Step,
        at: At,
        snapshot: &Snapshot,
        trigger: &Sample,
        number: HandshakeNumber,
        digest: Digest,
    ) {
        let reason = Text::parse("conflict").expect("a good text");
        let memory = self.handshake_memory(at);
        let known = memory.conflict.filter(|(of, _)| *of == digest);
        let position = if let Some((_, position)) = known {
            position
        } else {
            let mark = HandshakeMark {
                key: self.key(at, number),
                digest,
                permit: Permit::Unknown,
                reason: Some(reason.clone()),
            };
            self.quarantine(step, at, snapshot, trigger, mark, QuarantineCause::Conflict)
        };
        self.answer(step, at, position, number, Permit::Unknown, Some(&reason));
    }

    fn key(&self, at: At, number: HandshakeNumber) -> HandshakeKey {
        let live = self.live();
        HandshakeKey {
            station: live.station(at.station).id.clone(),
            handshake: live.handshake(at).id.clone(),
            epoch: self.handshake_memory(at).epoch,
            number,
        }
    }

    fn quarantine(
        &mut self,
        step: &mut Step,
        at: At,
        snapshot: &Snapshot,
        trigger: &Sample,
        mark: HandshakeMark,
        cause: QuarantineCause,
    ) -> Position {
        let live = self.live();
        let quarantine = Quarantine {
            station: live.station(at.station).id.clone(),
            handshake: Some(mark),
            cause,
            time: crate::model::EventTime { at: trigger.time(), uncertainty_ns: 0 },
            raw: snapshot.raw(&live.plant),
            phase: None,
        };
        self.record(step, Body::Quarantine(quarantine))
    }

    /// Resolves the items and looks at the rules; asks for what is not held in memory.
    fn check(
        &mut self,
        step: &mut Step,
        at: At,
        snapshot: Snapshot,
        trigger: &Sample,
        key: HandshakeKey,
        digest: Digest,
    ) {
        let mounts = self.see_mounts(step, at.station, &snapshot, trigger);
        let made = matches!(self.live().handshake(at).event, Verb::Complete | Verb::Produce);
        let number = key.number;
        let draft = self.draft(at, &snapshot, trigger, &key);
        // What an item was made with is part of what is said of it.
        let draft = match draft.and_then(|d| if made { mounts.map(|()| d) } else { Ok(d) }) {
            Ok(draft) => draft,
            Err(cause) => {
                let reason = Text::parse("quarantined").expect("a good text");
                let permit = Permit::Unknown;
                let mark = HandshakeMark { key, digest, permit, reason: Some(reason.clone()) };
                let position = self.quarantine(step, at, &snapshot, trigger, mark, cause);
                return self.answer(step, at, position, number, permit, Some(&reason));
            }
        };
        if self.live().handshake(at).checks.contains(&Check::Known) {
            let token = self.token();
            let known = vec![draft.item.clone()];
            // Up to the record before this step: what the step itself records is no past.
            let as_of = Position(step.next_position().0.saturating_sub(1));
            self.live_mut().tokens.insert(token, at);
            let asked = Box::new(Asked { snapshot, draft, key, digest });
            let deadline = self.live().handshake(at).deadline;
            let until = self.exchange(at).requested.unwrap_or(step.at.monotonic).plus(deadline);
            self.exchange(at).stage = Stage::Asking { token, asked, until };
            step.effect(Effect::Ask(Question { token, known, as_of }));
            return;
        }
        self.decide(step, at, &snapshot, &draft, key, digest, None);
    }

    pub(super) fn on_facts(&mut self, step: &mut Step, facts: &Facts) {
        let Some(at) = self.live.as_mut().and_then(|l| l.tokens.remove(&facts.token)) else {
            return;
        };
        let stage = std::mem::take(&mut self.exchange(at).stage);
        match stage {
            Stage::Asking { token, asked, .. } if token == facts.token => {
                let Asked { snapshot, draft, key, digest } = *asked;
                self.decide(step, at, &snapshot, &draft, key, digest, Some(facts));
            }
            other @ (Stage::Idle
            | Stage::Waiting(..)
            | Stage::Reading { .. }
            | Stage::Asking { .. }
            | Stage::Replying { .. }) => self.exchange(at).stage = other,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what a decision rests on, each once")]
    fn decide(
        &mut self,
        step: &mut Step,
        at: At,
        snapshot: &Snapshot,
        draft: &Draft,
        key: HandshakeKey,
        digest: Digest,
        facts: Option<&Facts>,
    ) {
        let (permit, reason) = self.permit(step, at, draft, facts);
        let number = key.number;
        let mark = HandshakeMark { key, digest, permit, reason: reason.clone() };
        let event = self.compose(step, at, snapshot, draft, mark);
        let position = self.record(step, Body::Trace(event));
        self.answer(step, at, position, number, permit, reason.as_ref());
    }

    fn permit(
        &mut self,
        step: &Step,
        at: At,
        draft: &Draft,
        facts: Option<&Facts>,
    ) -> (Permit, Option<Text>) {
        let requested = self.exchange(at).requested;
        let handshake = self.live().handshake(at);
        let reason = |word: &str| Some(Text::parse(word).expect("a good text"));
        let answers = handshake.replies.iter().any(|r| r.value == ReplyValue::Permit);
        let late = requested.is_some_and(|t| step.at.monotonic > t.plus(handshake.deadline));
        let unknown = facts.is_none() && handshake.checks.contains(&Check::Known);
        if unknown || (answers && late) {
            return (handshake.on_late, reason("late"));
        }
        for check in &handshake.checks {
            let passed = match check {
                Check::Known => facts.is_some_and(|f| f.known.iter().all(|(_, known)| *known)),
                Check::NotHeld => std::iter::once(&draft.item)
                    .chain(&draft.other)
                    .all(|item| !self.memory.holds.contains_key(item)),
            };
            if !passed {
                return (Permit::Nok, reason(check.as_str()));
            }
        }
        (Permit::Ok, None)
    }

    /// Has the answer written: the replies, then the ack, once `position` is durable.
    fn answer(
        &mut self,
        step: &mut Step,
        at: At,
        position: Position,
        number: HandshakeNumber,
        permit: Permit,
        reason: Option<&Text>,
    ) {
        let live = self.live();
        let handshake = live.handshake(at);
        let place = |text: &Text| {
            let n = handshake.checks.iter().position(|c| c.as_str() == text.as_str());
            n.map_or(99, |n| i64::try_from(n).map_or(99, |n| n.saturating_add(1)))
        };
        let replies = handshake.replies.iter().map(|reply| Write {
            tag: reply.word.tag,
            bit: reply.word.bit,
            value: match &reply.value {
                ReplyValue::Permit => Value::Int(handshake.permit.code(permit)),
                ReplyValue::Reason => Value::Int(reason.map_or(0, place)),
                ReplyValue::Fixed(value) => value.clone(),
            },
        });
        let replies: Vec<Write> = replies.collect();
        let echo = match handshake.pattern {
            Pattern::Counter => Value::UInt(number.0),
            Pattern::ReqAck => Value::Bool(true),
        };
        self.write(step, at, position, replies, echo);
    }

    fn release(&mut self, step: &mut Step, at: At) {
        let position = self.handshake_memory(at).committed.map_or(Position(0), |c| c.position);
        self.write(step, at, position, Vec::new(), Value::Bool(false));
    }

    fn write(
        &mut self,
        step: &mut Step,
        at: At,
        after: Position,
        replies: Vec<Write>,
        echo: Value,
    ) {
        let token = self.token();
        let live = self.live_mut();
        let handshake = live.handshake(at);
        let device = live.plant.tag(handshake.trigger.tag).device;
        let ack = handshake.ack.map(|w| Write { tag: w.tag, bit: w.bit, value: echo.clone() });
        let session = live.session(device);
        live.tokens.insert(token, at);
        let exchange = self.exchange(at);
        exchange.ack = Some(echo);
        exchange.stage = Stage::Replying { token };
        step.effect(Effect::Write(WriteRequest { token, device, session, after, replies, ack }));
    }

    pub(super) fn on_written(&mut self, step: &mut Step, done: &WriteDone) {
        let Some(at) = self.live.as_mut().and_then(|l| l.tokens.remove(&done.token)) else {
            return;
        };
        let exchange = self.exchange(at);
        match exchange.stage {
            Stage::Replying { token } if token == done.token => {}
            Stage::Replying { .. }
            | Stage::Idle
            | Stage::Waiting(..)
            | Stage::Reading { .. }
            | Stage::Asking { .. } => return,
        }
        exchange.stage = Stage::Idle;
        if let Err(why) = &done.outcome {
            exchange.ack = None;
            return self.retry(step, at, &format!("the answer was not written: {why}"));
        }
        self.consider(step, at);
    }
}
