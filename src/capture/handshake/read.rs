//! The snapshot: asked for, read, and thrown away if it cannot be trusted.
use super::Stage;
use crate::capture::snapshot::{Snapshot, Trigger, wanted};
use crate::capture::{At, Capture};
use crate::model::plant::{Pattern, Word};
use crate::model::{
    Body, Effect, Gap, GapCause, GapSource, HandshakeNumber, Interval, ReadDone, ReadFrom,
    ReadRequest, ReadToken, Sample, Step,
};

impl Stage {
    /// Whether it waits for this read.
    fn reads(&self, read: ReadToken) -> bool {
        match self {
            Self::Reading { token, .. } | Self::Scanning { token } | Self::Slots { token, .. } => {
                *token == read
            }
            Self::Idle
            | Self::Waiting(..)
            | Self::Asking { .. }
            | Self::Replying { .. }
            | Self::Listing { .. }
            | Self::Fetching { .. } => false,
        }
    }
}

impl Capture {
    pub(super) fn read(&mut self, step: &mut Step, at: At, first: Option<Snapshot>) {
        if self.live().handshake(at).ring.is_some() {
            return self.scan(step, at);
        }
        let token = self.token();
        let live = self.live_mut();
        let handshake = live.handshake(at);
        let device = live.plant.tag(handshake.trigger.tag).device;
        let (tags, session) = (wanted(handshake), live.session(device));
        live.tokens.insert(token, at);
        let exchange = self.exchange(at);
        (exchange.told, exchange.overtaken) = (false, false);
        exchange.stage = Stage::Reading { token, first };
        let from = ReadFrom::Words;
        step.effect(Effect::Read(ReadRequest { token, device, session, tags, from }));
    }

    /// A read came back. One that nobody waits for any more is ignored.
    pub(in crate::capture) fn on_read(&mut self, step: &mut Step, done: &ReadDone) {
        let counting = self.live.as_mut().and_then(|l| l.counting.remove(&done.token));
        if let Some((station, mount)) = counting {
            return self.on_counters(step, station, mount, done);
        }
        let Some(at) = self.live.as_mut().and_then(|l| l.tokens.remove(&done.token)) else {
            return;
        };
        if self.live().handshake(at).pattern == Pattern::Results {
            return self.on_given(step, at, done);
        }
        let words = match &done.outcome {
            Ok(words) => words.clone(),
            Err(why) if self.exchange(at).stage.reads(done.token) => {
                return self.retry(step, at, &format!("the snapshot was not read: {why}"));
            }
            Err(_) => return,
        };
        match &self.exchange(at).stage {
            Stage::Reading { token, first } if *token == done.token => {
                let first = first.clone();
                self.on_snapshot(step, at, words, first);
            }
            Stage::Scanning { token } if *token == done.token => self.on_scan(step, at, &words),
            Stage::Slots { token, slots } if *token == done.token => {
                let slots = slots.clone();
                self.on_slots(step, at, words, &slots);
            }
            Stage::Reading { .. }
            | Stage::Idle
            | Stage::Waiting(..)
            | Stage::Asking { .. }
            | Stage::Replying { .. }
            | Stage::Scanning { .. }
            | Stage::Slots { .. }
            | Stage::Listing { .. }
            | Stage::Fetching { .. } => {}
        }
    }

    fn on_snapshot(
        &mut self,
        step: &mut Step,
        at: At,
        words: Vec<Sample>,
        first: Option<Snapshot>,
    ) {
        let handshake = self.live().handshake(at);
        let stable = handshake.stable;
        let Some(snapshot) = Snapshot::new(words, &wanted(handshake)) else {
            return self.retry(step, at, "the answer does not have the words that were asked for");
        };
        self.see_read(step, at, &snapshot);
        // An answer may be slower than the subscription.
        if self.is_overtaken(at, &snapshot) {
            self.say(
                step,
                at,
                "held because its words moved while they were read: they are read again",
            );
            return self.read(step, at, None);
        }
        match first {
            None if stable => return self.read(step, at, Some(snapshot)),
            Some(first) if !first.same(&self.live().plant, &snapshot) => {
                return self.retry(step, at, "two reads of the snapshot are not the same");
            }
            Some(_) | None => {}
        }
        if self.is_being_written(at, &snapshot) {
            return self.retry(step, at, "the PLC is writing the data: its guard words differ");
        }
        match snapshot.trigger(self.live().handshake(at).trigger) {
            Trigger::Bad(quality) => {
                self.retry(step, at, &format!("the trigger is {quality}; nothing fires"));
            }
            _ if self.live().handshake(at).pattern == Pattern::Edge => {
                self.on_pulse(step, at, snapshot);
            }
            Trigger::Still(trigger) => self.validate(step, at, snapshot, &trigger),
            // Nothing of it is used.
            Trigger::Moved => {
                self.say(
                    step,
                    at,
                    "held because the trigger moved in the read: its words are read again",
                );
                self.read(step, at, None);
            }
        }
    }

    /// Whether the PLC has begun to write the data and has not ended.
    pub(super) fn is_being_written(&self, at: At, snapshot: &Snapshot) -> bool {
        let good = |tag| snapshot.good(Word { tag, bit: None });
        let guard = self.live().handshake(at).guard;
        guard.is_some_and(|(first, last)| good(first).is_none() || good(first) != good(last))
    }

    /// Requests may have been missed, or so many were.
    pub(in crate::capture) fn handshake_gap(
        &mut self,
        step: &mut Step,
        at: At,
        interval: Interval,
        cause: GapCause,
        count: Option<u64>,
    ) {
        self.numbers_gap(step, at, interval, cause, None, count);
    }

    /// So many numbers are missing, from `first` on.
    pub(super) fn numbers_gap(
        &mut self,
        step: &mut Step,
        at: At,
        interval: Interval,
        cause: GapCause,
        first: Option<HandshakeNumber>,
        count: Option<u64>,
    ) {
        let live = self.live();
        let station = live.station(at.station).id.clone();
        let gap = Gap {
            source: GapSource::Handshake(station.clone(), live.handshake(at).id.clone()),
            interval,
            cause,
            count,
            stations: vec![station],
            first,
        };
        self.record(step, Body::Gap(gap));
    }
}
