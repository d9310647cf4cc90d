//! The snapshot: asked for, read, and thrown away if it cannot be trusted.
use super::Stage;
use crate::capture::snapshot::{Snapshot, Trigger, wanted};
use crate::capture::{At, Capture};
use crate::model::plant::Pattern;
use crate::model::{
    Body, Effect, Gap, GapCause, GapSource, Interval, ReadDone, ReadRequest, Step, Value,
};

impl Capture {
    pub(super) fn read(&mut self, step: &mut Step, at: At, first: Option<Snapshot>) {
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
    pub(in crate::capture) fn on_read(&mut self, step: &mut Step, done: &ReadDone) {
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
    /// skipped; a bit that fell has found its request with it.
    fn trigger_moved(&mut self, step: &mut Step, at: At, snapshot: &Snapshot) {
        let handshake = self.live().handshake(at);
        if handshake.pattern == Pattern::Counter {
            self.exchange(at).moved = true;
            return self.read(step, at, None);
        }
        let (first, last) = snapshot.ends(handshake.trigger);
        if first == Some(Value::Bool(true)) {
            let from = snapshot.get(handshake.trigger.tag).map_or(step.at.wall, |s| s.receive);
            let interval = Interval { from, to: Some(step.at.wall) };
            self.handshake_gap(step, at, interval, GapCause::TriggerMoved, Some(1));
        }
        let exchange = self.exchange(at);
        exchange.trigger = last;
        exchange.stage = Stage::Idle;
        self.consider(step, at);
    }

    /// Requests may have been missed, or so many were.
    pub(super) fn handshake_gap(
        &mut self,
        step: &mut Step,
        at: At,
        interval: Interval,
        cause: GapCause,
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
        };
        self.record(step, Body::Gap(gap));
    }
}
