//! A bit that rises for a moment: what is read while it stands is an event, what fell before is a gap.
use super::Stage;
use super::request::on;
use crate::capture::number::{Distance, after, distance, number};
use crate::capture::snapshot::{Snapshot, Trigger, own_words};
use crate::capture::uses::Use;
use crate::capture::{At, Capture};
use crate::model::plant::{DeviceIndex, Pattern, TagIndex, TagSource, Word};
use crate::model::{
    Epoch, EpochCause, GapCause, HandshakeNumber, Interval, Sample, Step, Utc, Value,
};
use std::time::Duration;

/// A pulse that was told and is not read yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pulse {
    /// It was seen to rise; else it stood when we came.
    rose: bool,
    /// When, by the clock of the PLC.
    source: Option<Utc>,
    /// From when on it may have risen, by ours.
    from: Utc,
    /// The same of the first before it that nobody read.
    lost: Option<Utc>,
    /// Nobody told it: the number says whether there was one.
    looked: bool,
}

impl Pulse {
    /// Whether one before it was told that nobody read.
    pub(super) fn is_behind_another(self) -> bool {
        self.lost.is_some()
    }
}

/// From when on a pulse may have risen that was told so: it may have been so long under way. Whatever its
/// clock shows, by the same clock it tells how long it had stood when it was looked at; else it may have
/// risen since the last that is dealt with. Words without times are asked for, and are as old as the answer.
fn rose_from(sample: &Sample, under_way: Duration, settled: Option<Utc>) -> Utc {
    let told = sample.receive;
    let Some(source) = sample.source else { return told };
    let stood = |server: Utc| told.minus(under_way).minus(server.since(source));
    sample.server.map(stood).max(settled).unwrap_or(told).min(told)
}

impl Capture {
    /// The bit was told: whether there is something to be read.
    pub(super) fn see_pulse(&mut self, at: At, sample: &Sample, before: Option<&Value>) {
        let counted = self.live().handshake(at).number.is_some();
        let (settled, under_way) = (self.missed_since(at), self.under_way(at));
        let exchange = self.exchange(at);
        let stands = exchange.trigger.as_ref().is_some_and(on);
        let rose = stands && before.is_some_and(|before| !on(before));
        // At first a count is read even if the bit rests: it tells what was missed.
        let first = before.is_none() && (stands || counted);
        if rose || first {
            let told = exchange.pulse.filter(|before| !before.looked);
            let lost = told.map(|before| before.lost.unwrap_or(before.from));
            let from = rose_from(sample, under_way, settled);
            exchange.pulse = Some(Pulse { rose, source: sample.source, from, lost, looked: false });
        }
    }

    /// The words around a pulse were read.
    pub(super) fn on_pulse(&mut self, step: &mut Step, at: At, snapshot: Snapshot) {
        let live = self.live();
        let handshake = live.handshake(at);
        let number = handshake.number.map(|counter| {
            let value = snapshot.good(Word { tag: counter.tag, bit: None });
            (value.and_then(|v| number(&v, live.bits(counter))), live.bits(counter))
        });
        let (first, last) = snapshot.ends(handshake.trigger);
        let stands = [&first, &last].into_iter().all(|end| end.as_ref().is_some_and(on));
        let trigger = snapshot.trigger(handshake.trigger);
        match (number, trigger) {
            (Some((None, _)), _) => self.retry(step, at, "the number of the pulse cannot be used"),
            (Some(_), Trigger::Moved) => self.read(step, at, None),
            (Some(_), Trigger::Still(trigger)) if stands => {
                self.validate(step, at, snapshot, &trigger);
            }
            (Some((Some(number), bits)), _) => self.count_pulses(step, at, number, bits, last),
            (None, Trigger::Still(trigger)) if stands => {
                self.uncounted_pulse(step, at, snapshot, &trigger);
            }
            (None, _) => {
                let receive = snapshot.get(self.live().handshake(at).trigger.tag);
                let receive = receive.map_or(step.at.wall, |trigger| trigger.receive);
                let from = self.exchange(at).reads.map_or(receive, |p| p.lost.unwrap_or(p.from));
                self.missed_pulse(step, at, from);
                self.pulse_is_over(step, at, last);
            }
        }
    }

    /// The bit rests: whatever was counted up to now and is not recorded, is missing.
    fn count_pulses(
        &mut self,
        step: &mut Step,
        at: At,
        number: HandshakeNumber,
        bits: u8,
        trigger: Option<Value>,
    ) {
        let memory = self.handshake_memory(at);
        match memory.last().map(|last| (last, distance(last.0, number.0, bits))) {
            Some((_, Distance::Same)) => {}
            Some((last, Distance::Forward { skipped })) => {
                let first = Some(after(last, 1, bits));
                self.skipped(step, at, first, Some(skipped.saturating_add(1)));
            }
            Some((_, Distance::Fell)) => {
                self.skipped(step, at, None, None);
                let next = Epoch(memory.epoch.0.saturating_add(1));
                self.begin_epoch(step, at, EpochCause::CounterFell, next, Some(number));
            }
            None => {
                if memory.epoch > Epoch(0) {
                    // Whether the PLC goes on counting where it was is not known.
                    self.skipped(step, at, None, None);
                }
                let first = EpochCause::FirstContact;
                self.begin_epoch(step, at, first, memory.epoch, Some(number));
            }
        }
        self.pulse_is_over(step, at, trigger);
    }

    /// Without a count, the words tell one pulse from the next.
    fn uncounted_pulse(&mut self, step: &mut Step, at: At, snapshot: Snapshot, trigger: &Sample) {
        let live = self.live();
        let digest = snapshot.digest(&live.plant, &own_words(live.handshake(at)));
        let memory = self.handshake_memory(at);
        let same = memory.committed.is_some_and(|c| c.digest == digest);
        let exchange = self.exchange(at);
        let Some(pulse) = exchange.reads else { return };
        let before = exchange.pulse_before.replace(pulse.from).unwrap_or(pulse.from);
        // That it is another one than was told is seen from its time; where there is none, only by the
        // next one, whose words are recorded already.
        let (missed, from) = match pulse.source.zip(trigger.source) {
            Some((told, read)) => (told != read, pulse.from),
            None => (same && pulse.rose, before),
        };
        if missed || pulse.lost.is_some() {
            self.missed_pulse(step, at, pulse.lost.unwrap_or(from).min(from));
        }
        if same {
            let last = snapshot.good(self.live().handshake(at).trigger);
            return self.pulse_is_over(step, at, last);
        }
        self.exchange(at).reads = None;
        self.validate(step, at, snapshot, trigger);
    }

    /// Whether nothing but a pulse is lost where a word was not observed for a while without a fault. Modbus tells so of
    /// late looks alone, and only pulses pass between two looks: whatever else the word is for is seen with the next.
    /// A server of OPC UA tells so of what it did not send: there the word must be for pulses alone.
    pub(in crate::capture) fn only_pulses_pass(&self, tag: TagIndex) -> bool {
        let Some(live) = &self.live else { return false };
        let uses = live.uses.of_tag(tag);
        let bare = |used: &Use| match used {
            Use::Handshake(at) => {
                let handshake = live.handshake(*at);
                handshake.trigger.tag == tag && handshake.is_bare_pulse()
            }
            Use::Mount(..) | Use::Phase(..) => false,
        };
        let looked_at = matches!(live.plant.tag(tag).source, TagSource::Register(_));
        looked_at || !uses.is_empty() && uses.iter().all(bare)
    }

    /// Two looks lay so far apart that a pulse may have passed between them. As long as that goes on it is one
    /// gap; and it is one of the requests alone, since everything else was looked at. Where the PLC counts, the number
    /// says whether one passed.
    pub(in crate::capture) fn on_unseen(
        &mut self,
        step: &mut Step,
        tag: TagIndex,
        interval: Interval,
        open: bool,
    ) {
        let exchanges = self.live().exchanges.keys().copied();
        let pulses = exchanges.filter(|at| {
            let handshake = self.live().handshake(*at);
            handshake.trigger.tag == tag && handshake.pattern == Pattern::Edge
        });
        for at in pulses.collect::<Vec<_>>() {
            if !self.live().handshake(at).is_bare_pulse() {
                self.look_at_number(step, at, interval.from);
                continue;
            }
            let memory = self.handshake_memory(at);
            // What came before may have been told and not read yet.
            let from = memory.since().map_or(interval.from, |since| since.min(interval.from));
            let known = memory.gap.filter(|gap| gap.cause == GapCause::Silent);
            let interval = match (known, open) {
                (Some(_), true) => continue,
                (Some(known), false) => Interval { from: known.interval.from, ..interval },
                (None, true) => Interval { from, to: None },
                (None, false) => Interval { from, ..interval },
            };
            self.handshake_gap(step, at, interval, GapCause::Silent, None);
        }
    }

    /// One may have passed since then: the number is read, unless it is going to be anyway.
    fn look_at_number(&mut self, step: &mut Step, at: At, from: Utc) {
        let exchange = self.exchange(at);
        if exchange.trigger.is_none() || exchange.pulse.is_some() {
            return;
        }
        exchange.pulse = Some(Pulse { rose: false, source: None, from, lost: None, looked: true });
        self.consider(step, at);
    }

    /// Nobody looks any more: what follows is the device's gap.
    pub(in crate::capture) fn end_unseen(&mut self, step: &mut Step, device: DeviceIndex) {
        let exchanges = self.live().exchanges.keys().copied();
        let of_device = exchanges
            .filter(|at| self.live().station(at.station).device == Some(device))
            .filter(|at| self.live().handshake(*at).is_bare_pulse());
        for at in of_device.collect::<Vec<_>>() {
            let known = self.handshake_memory(at).gap;
            let Some(known) = known.filter(|gap| gap.cause == GapCause::Silent) else { continue };
            let interval = Interval { to: Some(step.at.wall), ..known.interval };
            self.handshake_gap(step, at, interval, GapCause::Silent, None);
        }
    }

    fn missed_pulse(&mut self, step: &mut Step, at: At, from: Utc) {
        let interval = Interval { from: from.min(step.at.wall), to: Some(step.at.wall) };
        self.handshake_gap(step, at, interval, GapCause::TriggerMoved, None);
    }

    fn pulse_is_over(&mut self, step: &mut Step, at: At, trigger: Option<Value>) {
        let exchange = self.exchange(at);
        (exchange.trigger, exchange.reads, exchange.stage) = (trigger, None, Stage::Idle);
        self.consider(step, at);
    }
}
