//! What is found when a device is observed again and may have happened while it was not.
use super::GOOD_CLOCK;
use crate::capture::number::{Distance, distance};
use crate::capture::{At, Capture};
use crate::model::plant::{DeviceIndex, Pattern};
use crate::model::{HandshakeNumber, Interval, Step, Utc};
use std::time::Duration;

impl Capture {
    /// A device is observed again. What is found in its words now and was not observed for longer than a
    /// PLC may be silent, is known only afterwards.
    pub(in crate::capture) fn note_outage(
        &mut self,
        step: &Step,
        device: DeviceIndex,
        outage: Interval,
    ) {
        let live = self.live_mut();
        if step.at.wall.since(outage.from) <= live.plant.device(device).heartbeat.stale_after {
            return;
        }
        for (at, exchange) in &mut live.exchanges {
            if live.plant.station(at.station).device == Some(device) {
                exchange.outage = Some(outage);
            }
        }
    }

    /// The time not observed through which the request that is being dealt with may have waited.
    pub(in crate::capture) fn waited(&self, at: At) -> Option<Interval> {
        self.live().exchanges.get(&at)?.late
    }

    /// The time not observed in which what is known by this number may have happened.
    pub(in crate::capture) fn late(&self, at: At, number: HandshakeNumber) -> Option<Interval> {
        if self.live().handshake(at).pattern != Pattern::Ring {
            return self.waited(at);
        }
        let exchange = self.live().exchanges.get(&at)?;
        let first = exchange.turn.first()?;
        let was_there = distance(number.0, first.0, self.ring_bits(at)) != Distance::Fell;
        exchange.outage.filter(|_| was_there)
    }

    /// A ring whose entries are recorded as far as it had come when it was first seen holds nothing of the
    /// outage any more: its count may go round.
    pub(in crate::capture) fn end_outage(&mut self, at: At) {
        let (bits, last) = (self.ring_bits(at), self.handshake_memory(at).last());
        let exchange = self.exchange(at);
        let is_past = last
            .zip(exchange.turn.first())
            .is_some_and(|(last, first)| distance(first.0, last.0, bits) != Distance::Fell);
        exchange.outage = exchange.outage.filter(|_| !is_past);
    }

    /// How long a word may be under way until it is told: for longer, its device is not observed.
    pub(super) fn under_way(&self, at: At) -> Duration {
        let live = self.live();
        let device = live.plant.tag(live.handshake(at).trigger.tag).device;
        live.device(device).heartbeat.stale_after.saturating_mul(2)
    }

    /// From when on something may have been missed that the numbers do not tell of. Another pulse may have
    /// risen before the last one was read, and the time of that one is of a clock that may be ahead of ours.
    pub(in crate::capture) fn missed_since(&self, at: At) -> Option<Utc> {
        let memory = self.handshake_memory(at);
        let late = match self.live().handshake(at).pattern {
            Pattern::Edge if memory.committed.is_some() => self.under_way(at).max(GOOD_CLOCK),
            Pattern::Edge
            | Pattern::Counter
            | Pattern::ReqAck
            | Pattern::Toggle
            | Pattern::State(_)
            | Pattern::Ring
            | Pattern::Results => Duration::ZERO,
        };
        memory.since().map(|since| since.minus(late))
    }

    /// From when on the entry behind the last one that was recorded may have been put into a ring: not
    /// before that one, nor before the head was told to stand at it.
    pub(in crate::capture) fn put_since(&self, at: At) -> Option<Utc> {
        let last = self.handshake_memory(at).committed?;
        let live = self.live();
        let turn = live.exchanges.get(&at)?.turn;
        let device = live.plant.tag(live.handshake(at).trigger.tag).device;
        let told = turn.stood_at(last.number);
        // What is told is as old as that.
        let told = told.map(|told| told.minus(live.device(device).publish_fast));
        Some(told.map_or(last.since, |told| told.max(last.since)))
    }
}
