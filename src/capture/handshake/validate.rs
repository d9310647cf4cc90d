//! Is the request pending, is it new, and whose number does it bear?
use super::request::{Request, request};
use super::{Found, Stage};
use crate::capture::memory::HandshakeMemory;
use crate::capture::number::{Distance, distance, number};
use crate::capture::snapshot::{Snapshot, own_words};
use crate::capture::{At, Capture};
use crate::model::plant::{CodeFrom, CodeSpec, Word};
use crate::model::{
    Body, Epoch, EpochBegun, EpochCause, EventTime, GapCause, HandshakeKey, HandshakeMark,
    HandshakeNumber, Interval, Permit, Position, Quarantine, QuarantineCause, Sample, Step, Text,
};

impl Capture {
    /// Is it pending, and is it new?
    pub(super) fn validate(
        &mut self,
        step: &mut Step,
        at: At,
        snapshot: Snapshot,
        trigger: &Sample,
    ) {
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
                .and_then(|v| number(&v, live.bits(counter))),
            None => Some(self.next_number(at)),
        };
        let now = step.at.monotonic;
        let exchange = self.exchange(at);
        if exchange.trigger != value {
            // Another request than the one that was seen: its time begins now.
            exchange.requested = Some(now);
        }
        exchange.trigger = value;
        exchange.ack = ack;
        if asked != Request::Pending {
            exchange.stage = Stage::Idle;
            return self.consider(step, at);
        }
        let Some(number) = number else {
            return self.retry(step, at, "the number of the request cannot be used");
        };
        let key = self.key(at, number);
        self.compare(step, at, Found { snapshot, trigger: trigger.clone(), key, digest });
    }

    /// Without a number of the PLC's, requests are counted by us.
    fn next_number(&self, at: At) -> HandshakeNumber {
        let committed = self.handshake_memory(at).committed;
        HandshakeNumber(committed.map_or(1, |c| c.number.0.saturating_add(1)))
    }

    pub(super) fn handshake_memory(&self, at: At) -> HandshakeMemory {
        let live = self.live();
        let station = self.memory.station(&live.station(at.station).id);
        let handshake = &live.handshake(at).id;
        station.and_then(|s| s.handshakes.get(handshake)).cloned().unwrap_or_default()
    }

    fn compare(&mut self, step: &mut Step, at: At, mut found: Found) {
        let number = found.key.number;
        let memory = self.handshake_memory(at);
        let live = self.live();
        let bits = live.handshake(at).number.map_or(64, |counter| live.bits(counter));
        let mut skipped = 0;
        let is_word = |spec: &CodeSpec| matches!(spec.from, CodeFrom::Word(_));
        let handshake = self.live().handshake(at);
        let named = is_word(&handshake.item) || handshake.other.as_ref().is_some_and(is_word);
        match &memory.committed {
            // A retained counter survives a cold start: the same number with the same words is the
            // same request, whatever the epoch; words that name no item prove nothing over epochs.
            Some(c)
                if c.number == number
                    && c.digest == found.digest
                    && (named || c.epoch == memory.epoch) =>
            {
                return self.answer(step, at, c.position, &found, c.permit, c.reason.as_ref());
            }
            Some(c) if c.epoch == memory.epoch => match distance(c.number.0, number.0, bits) {
                Distance::Same => return self.conflict(step, at, &found),
                Distance::Forward { skipped: n } => skipped = n,
                Distance::Fell => {
                    let next = Epoch(memory.epoch.0.saturating_add(1));
                    self.begin_epoch(step, at, EpochCause::CounterFell, next, None);
                    found.key.epoch = next;
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
            let interval = Interval { from, to: Some(step.at.wall) };
            self.handshake_gap(step, at, interval, cause, Some(skipped));
        }
        self.exchange(at).moved = false;
        self.check(step, at, found);
    }

    pub(super) fn begin_epoch(
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
    fn conflict(&mut self, step: &mut Step, at: At, found: &Found) {
        let reason = Text::parse("conflict").expect("a good text");
        let memory = self.handshake_memory(at);
        let known = memory.conflict.filter(|(of, _)| *of == found.digest);
        let position = match known {
            Some((_, position)) => position,
            None => self.quarantine(step, at, found, &reason, QuarantineCause::Conflict),
        };
        self.answer(step, at, position, found, Permit::Unknown, Some(&reason));
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

    /// What cannot be told apart is kept with its raw values, and answered `unknown`.
    pub(super) fn quarantine(
        &mut self,
        step: &mut Step,
        at: At,
        found: &Found,
        reason: &Text,
        cause: QuarantineCause,
    ) -> Position {
        let live = self.live();
        let mark = HandshakeMark {
            key: found.key.clone(),
            digest: found.digest,
            permit: Permit::Unknown,
            reason: Some(reason.clone()),
            grounds: None,
        };
        let quarantine = Quarantine {
            station: live.station(at.station).id.clone(),
            handshake: Some(mark),
            cause,
            time: EventTime { at: found.trigger.time(), uncertainty_ns: 0 },
            raw: self.raw(at, &found.snapshot),
            phase: None,
            adopted: None,
        };
        self.record(step, Body::Quarantine(quarantine))
    }
}
