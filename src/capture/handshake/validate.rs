//! Is the request pending, is it new, and whose number does it bear?
use super::release::is_over;
use super::request::{Request, on, request};
use super::{Answer, Found, Stage, age, seen};
use crate::capture::memory::{Committed, HandshakeMemory};
use crate::capture::number::{Distance, after, distance, number};
use crate::capture::snapshot::{Snapshot, own_words};
use crate::capture::{At, Capture};
use crate::model::plant::{CodeFrom, CodeSpec, Pattern, Word};
use crate::model::{
    Body, Epoch, EpochBegun, EpochCause, EventTime, GapCause, Grounds, HandshakeKey, HandshakeMark,
    HandshakeNumber, Interval, Permit, Position, Quarantine, QuarantineCause, Sample, Step, Text,
    Value,
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
        let asked = request(handshake, value.as_ref(), ack.as_ref());
        let digest = snapshot.digest(&live.plant, &own_words(handshake));
        let number = match handshake.number {
            Some(counter) => snapshot
                .good(Word { tag: counter.tag, bit: None })
                .and_then(|v| number(&v, live.bits(counter))),
            None => Some(self.next_number(at, value.as_ref())),
        };
        let now = step.at.monotonic;
        let over = is_over(handshake, value.as_ref()).unwrap_or(true);
        let exchange = self.seen(at, value.as_ref());
        // Without a word of the subscription this is another request than the one that was seen, or answered
        // in vain.
        let moved = exchange.trigger != value;
        let another = !exchange.over && exchange.answered.is_some_and(|of| of != digest);
        if moved || another {
            exchange.age = age(trigger);
            exchange.stands = Some(seen(now, exchange.age));
            exchange.over |= over || another;
        }
        if another {
            exchange.standing.is_another();
        }
        exchange.trigger = value;
        exchange.ack = ack;
        let again = !exchange.over && exchange.answered == Some(digest);
        if asked != Request::Pending {
            if !exchange.sure {
                // It was answered before we came.
                exchange.standing.is_done();
            }
            exchange.stage = Stage::Idle;
            self.say_read_unfired(step, at);
            return self.consider(step, at);
        }
        if exchange.over {
            // What was told since the read was asked for may be newer than what was read.
            let still = exchange.told;
            exchange.take_request(step.at);
            exchange.over = still;
        }
        let Some(number) = number else {
            return self.retry(step, at, "the number of the request cannot be used");
        };
        self.exchange(at).standing.is_done();
        // Its answer could not be written.
        let last =
            self.handshake_memory(at).committed.filter(|_| again && self.is_told_by_words(at));
        let number = last.as_ref().map_or(number, |last| last.number);
        let key = self.key(at, number);
        let trigger = trigger.clone();
        self.compare(step, at, Found { snapshot, trigger, key, digest, result: None });
    }

    /// Whether nothing but its words tells one request from the next while its trigger is not seen to fall.
    fn is_told_by_words(&self, at: At) -> bool {
        let handshake = self.live().handshake(at);
        let bit = matches!(handshake.pattern, Pattern::ReqAck | Pattern::State(_));
        bit && handshake.number.is_none()
    }

    /// Whether a request that stands was answered already, as far as its trigger was seen.
    pub(super) fn is_answered(&self, at: At) -> bool {
        let exchange = self.live().exchanges.get(&at);
        let answered = exchange.is_some_and(|e| e.answered.is_some() && !e.over);
        answered && self.is_told_by_words(at)
    }

    /// Without a number of the PLC's, requests are counted by us. A bit that is turned over has odd ones
    /// when it is set: what stands as it stood at the last record is not another request.
    fn next_number(&self, at: At, trigger: Option<&Value>) -> HandshakeNumber {
        let last = self.handshake_memory(at).committed.map_or(0, |c| c.number.0);
        let toggle = self.live().handshake(at).pattern == Pattern::Toggle;
        let set = u64::from(trigger.is_some_and(on));
        let next =
            if toggle && last > 0 && last % 2 == set { last } else { last.saturating_add(1) };
        // The first of all may be one that clears the bit.
        let first = toggle && next % 2 != set;
        HandshakeNumber(next.saturating_add(u64::from(first)))
    }

    pub(in crate::capture) fn handshake_memory(&self, at: At) -> HandshakeMemory {
        let live = self.live();
        let station = self.memory.station(&live.station(at.station).id);
        let handshake = &live.handshake(at).id;
        station.and_then(|s| s.handshakes.get(handshake)).cloned().unwrap_or_default()
    }

    fn compare(&mut self, step: &mut Step, at: At, mut found: Found) {
        let number = found.key.number;
        let memory = self.handshake_memory(at);
        let live = self.live();
        let handshake = live.handshake(at);
        let bits = handshake.number.map_or(64, |counter| live.bits(counter));
        let is_word = |spec: &CodeSpec| matches!(spec.from, CodeFrom::Word(_));
        let others = handshake.other.iter().chain(&handshake.members);
        let named = is_word(&handshake.item) || others.into_iter().any(is_word);
        // A retained counter survives a cold start: the same number with the same words is the same
        // request, whatever the epoch; words that name no item prove nothing over epochs.
        if let Some(c) = &memory.committed
            && c.number == number
            && c.digest == found.digest
            && (named || c.epoch == memory.epoch)
        {
            self.say_again(step, at, number.0, c.position);
            let (permit, reason, recipe) = (c.permit, c.reason.as_ref(), c.recipe.as_ref());
            let answer = Answer { permit, reason, recipe };
            return self.answer(step, at, c.position, &found, answer);
        }
        let anew = memory.epoch > Epoch(0) && !handshake.pattern.waits();
        if memory.last().is_none() && (anew || self.exchange(at).moved) {
            // How far the PLC had come before it began anew is not known, or how often it gave up since.
            self.skipped(step, at, None, None);
        }
        if let Some(last) = memory.last() {
            match distance(last.0, number.0, bits) {
                Distance::Same if !self.is_another(step, at, &mut found, &memory) => return,
                Distance::Same | Distance::Forward { skipped: 0 } => {}
                Distance::Forward { skipped } => {
                    let first = Some(after(last, 1, bits));
                    self.skipped(step, at, first, Some(skipped));
                }
                Distance::Fell => {
                    let next = Epoch(memory.epoch.0.saturating_add(1));
                    // How far it had come before it fell is not known.
                    self.skipped(step, at, None, None);
                    self.begin_epoch(step, at, EpochCause::CounterFell, next, None);
                    found.key.epoch = next;
                }
            }
        }
        self.exchange(at).moved = false;
        self.check(step, at, found);
    }

    /// Numbers that were not seen, from what was last dealt with up to now.
    pub(super) fn skipped(
        &mut self,
        step: &mut Step,
        at: At,
        first: Option<HandshakeNumber>,
        count: Option<u64>,
    ) {
        let from = self.missed_since(at).unwrap_or(step.at.wall);
        let moved = self.exchange(at).moved;
        let cause = if moved { GapCause::TriggerMoved } else { GapCause::NumbersSkipped };
        let interval = Interval { from: from.min(step.at.wall), to: Some(step.at.wall) };
        self.numbers_gap(step, at, interval, cause, first, count);
    }

    /// Whether a request under the last number that was dealt with is another one all the same. If it is
    /// not, it is answered here.
    fn is_another(
        &mut self,
        step: &mut Step,
        at: At,
        found: &mut Found,
        memory: &HandshakeMemory,
    ) -> bool {
        let handshake = self.live().handshake(at);
        let (pattern, counted) = (handshake.pattern, handshake.number.is_some());
        let this = |c: &Committed| c.epoch == memory.epoch && c.number == found.key.number;
        if memory.committed.as_ref().is_some_and(this) {
            match pattern {
                // It was turned over and back, at least once, without being seen.
                Pattern::Toggle if !counted => {
                    found.key.number = after(found.key.number, 2, 64);
                    self.skipped(step, at, None, None);
                    return true;
                }
                // The pulse of what is recorded still stands.
                Pattern::Edge => {
                    if let Some(committed) = &memory.committed {
                        let (number, record) = (committed.number.0, committed.position);
                        let text =
                            format!("did not fire because {number} is on record as {record}");
                        self.say(step, at, text);
                    }
                    self.exchange(at).stage = Stage::Idle;
                    self.consider(step, at);
                }
                Pattern::Counter
                | Pattern::ReqAck
                | Pattern::Toggle
                | Pattern::State(_)
                | Pattern::Ring
                | Pattern::Results => self.conflict(step, at, found),
            }
            return false;
        }
        if memory.counted.is_some() {
            // It was taken for lost, and is asked for once more.
            return true;
        }
        if std::mem::take(&mut self.exchange(at).passed) {
            // The counter went around since first contact; nobody knows how often.
            self.skipped(step, at, None, None);
            return true;
        }
        // It was dealt with before we came, by whomever: the PLC waits for us no longer.
        let text =
            format!("did not fire because {} was there at first contact", found.key.number.0);
        self.say(step, at, text);
        let position = Position(step.next_position().0.saturating_sub(1));
        self.answer(step, at, position, found, Answer::unknown(None));
        false
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
            Some((_, position)) => {
                let number = found.key.number.0;
                let text =
                    format!("request {number} with other words: answered again as {position}");
                self.say(step, at, text);
                position
            }
            None => self.quarantine(step, at, found, &reason, QuarantineCause::Conflict),
        };
        self.answer(step, at, position, found, Answer::unknown(Some(&reason)));
    }

    pub(super) fn key(&self, at: At, number: HandshakeNumber) -> HandshakeKey {
        let live = self.live();
        HandshakeKey {
            station: live.station(at.station).id.clone(),
            handshake: live.handshake(at).id.clone(),
            epoch: self.handshake_memory(at).epoch,
            number,
        }
    }

    /// What the record of a request says of it, so that it can be answered again.
    pub(super) fn mark(
        &self,
        at: At,
        found: &Found,
        permit: Permit,
        reason: Option<Text>,
        grounds: Option<Grounds>,
    ) -> HandshakeMark {
        let lacks = found.snapshot.lacks(&own_words(self.live().handshake(at)));
        HandshakeMark {
            key: found.key.clone(),
            digest: found.digest,
            permit,
            reason,
            grounds,
            result: found.result.clone(),
            partial: lacks.then_some(true),
            recipe: None,
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
        let mark = self.mark(at, found, Permit::Unknown, Some(reason.clone()), None);
        let time = match found.result {
            // It may be told long after it was.
            Some(_) => self.event_time(at, &found.snapshot, &found.trigger),
            None => EventTime { at: found.trigger.time(), uncertainty_ns: 0 },
        };
        let quarantine = Quarantine {
            station: live.station(at.station).id.clone(),
            handshake: Some(mark),
            cause,
            time,
            raw: self.raw(at, &found.snapshot),
            phase: None,
            adopted: None,
        };
        self.record(step, Body::Quarantine(quarantine))
    }
}
