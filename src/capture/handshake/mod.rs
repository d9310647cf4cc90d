//! One exchange with a PLC, in the fixed order: detect → snapshot → validate → check → record →
//! (durable) → reply → ack last → release. What is written is written after the record is durable;
//! `daemon` sees to that.
mod overrule;
mod permit;
mod read;
mod reply;
mod request;
mod validate;

pub(super) use permit::touch;

use super::compose::Draft;
use super::snapshot::{Snapshot, pick};
use super::{At, Capture};
use crate::model::plant::{Carried, First, Handshake, Pattern, Word};
use crate::model::{
    Digest, Epoch, EpochCause, Gap, GapCause, HandshakeKey, HandshakeNumber, Interval, ItemKey,
    Monotonic, Position, Quality, ReadToken, Sample, Step, Value, Write,
};
use request::{Request, request};
use std::time::Duration;

/// Pause before a read or write that failed is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// Where one exchange stands since the last start.
#[derive(Debug, Clone, Default)]
pub(in crate::capture) struct Exchange {
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
    found: Found,
    draft: Draft,
    /// The lots in the feeders, where a rule asks for their past.
    lots: Vec<ItemKey>,
    /// Whether the snapshot shows what is in the station's feeders.
    mounts_seen: bool,
    /// The last record about one of the items since the question was put.
    touched: Option<Position>,
}

/// A request that is pending and new: its snapshot, and what it is known by.
#[derive(Debug, Clone)]
struct Found {
    snapshot: Snapshot,
    trigger: Sample,
    key: HandshakeKey,
    digest: Digest,
}

impl Found {
    /// What stands in the words of the request as long as it is this one.
    fn witnesses(&self, handshake: &Handshake) -> Vec<Write> {
        let number = handshake.number.map(|counter| Word { tag: counter.tag, bit: None });
        let words = std::iter::once(handshake.trigger).chain(number);
        let word = |w: Word| Some(Write { tag: w.tag, bit: w.bit, value: self.snapshot.good(w)? });
        words.filter_map(word).collect()
    }
}

impl Exchange {
    pub(in crate::capture) fn wake(&self) -> Option<(Monotonic, &'static str)> {
        match &self.stage {
            Stage::Waiting(until, why) => Some((*until, why)),
            Stage::Asking { until, .. } => Some((*until, "handshake deadline")),
            Stage::Idle | Stage::Reading { .. } | Stage::Replying { .. } => None,
        }
    }

    /// The connection was lost: nothing that was seen or begun still counts.
    pub(in crate::capture) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Goes on under the indexes of the next plant: nothing of this handshake has changed.
    pub(in crate::capture) fn carry(&mut self, carried: &Carried) {
        let Self { trigger: _, ack: _, stage, requested: _, moved: _, told: _ } = self;
        match stage {
            Stage::Reading { token: _, first } => {
                if let Some(snapshot) = first {
                    snapshot.carry(carried);
                }
            }
            Stage::Asking { token: _, asked, until: _ } => {
                let Asked { found, draft, lots: _, mounts_seen: _, touched: _ } = &mut **asked;
                let Found { snapshot, trigger, key: _, digest: _ } = found;
                let Draft { item: _, other: _, nest: _, fill: _, time: _, mounts: _ } = draft;
                snapshot.carry(carried);
                carried.samples(std::slice::from_mut(trigger));
            }
            Stage::Idle | Stage::Waiting(..) | Stage::Replying { token: _ } => {}
        }
    }
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
            let about = self.live().about(at);
            step.notice(about, format!("a handshake word is {quality}; nothing fires"));
            if sample.tag == trigger.tag && self.handshake_memory(at).gap.is_none() {
                let from = sample.receive.min(step.at.wall);
                let interval = Interval { from, to: None };
                self.handshake_gap(step, at, interval, GapCause::BadQuality, None);
            }
            return;
        };
        if sample.tag == trigger.tag
            && let Some(Gap { interval, cause, .. }) = self.handshake_memory(at).gap
        {
            let interval = Interval { to: Some(step.at.wall), ..interval };
            self.handshake_gap(step, at, interval, cause, None);
        }
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
    pub(super) fn consider(&mut self, step: &mut Step, at: At) {
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

    pub(in crate::capture) fn on_exchange_wake(&mut self, step: &mut Step, at: At) {
        match std::mem::take(&mut self.exchange(at).stage) {
            Stage::Waiting(..) => self.read(step, at, None),
            // The facts did not come in time: `on_late` decides.
            Stage::Asking { token, asked, .. } => {
                self.live_mut().tokens.remove(&token);
                self.decide(step, at, &asked, None);
            }
            stage @ (Stage::Idle | Stage::Reading { .. } | Stage::Replying { .. }) => {
                self.exchange(at).stage = stage;
            }
        }
    }

    pub(super) fn retry(&mut self, step: &mut Step, at: At, why: &str) {
        let about = self.live().about(at);
        step.notice(about, why.to_owned());
        let until = step.at.monotonic.plus(RETRY);
        self.exchange(at).stage = Stage::Waiting(until, "handshake retry");
    }
}
