//! Connections won and lost: gaps, epochs, and what stops counting.
use super::uses::Use;
use super::{At, Blind, Capture};
use crate::model::plant::{DeviceIndex, Pattern, Plant, StationIndex, TagIndex};
use crate::model::{
    Body, Boot, Epoch, EpochBegun, EpochCause, Gap, GapCause, GapSource, Interval, Link, Sample,
    Session, StationId, Step, TagName, Utc,
};

impl Capture {
    /// Opens the gap of every device that was spoken to before: since the last record it was not
    /// observed. `cause` says why nobody looked.
    pub fn open_gaps(&mut self, step: &mut Step, cause: GapCause) {
        let Some(plant) = self.plant().cloned() else { return };
        let Some(since) = self.memory.last_at else { return };
        for (index, device) in plant.devices() {
            let known = self.memory.devices.get(&device.id);
            if known.is_none_or(|d| d.boot.is_none()) {
                continue;
            }
            let (open, since) = (known.and_then(|d| d.gap.clone()), self.settled(index, since));
            match open {
                // What had come before it was lost may not have been looked at yet.
                Some(gap) if since < gap.interval.from => {
                    let interval = Interval { from: since, to: Some(gap.interval.from) };
                    self.record(step, Body::Gap(Gap { interval, cause, ..gap }));
                }
                Some(_) => {}
                None => self.open_gap(step, index, since, cause),
            }
        }
    }

    pub(super) fn open_gap(
        &mut self,
        step: &mut Step,
        device: DeviceIndex,
        since: Utc,
        cause: GapCause,
    ) {
        let plant = &self.live().plant;
        let id = plant.device(device).id.clone();
        if self.memory.devices.get(&id).is_some_and(|d| d.gap.is_some()) {
            return;
        }
        let gap = Gap {
            source: GapSource::Device(id),
            interval: Interval { from: since.min(step.at.wall), to: None },
            cause,
            count: None,
            stations: stations_of(plant, device),
            first: None,
        };
        self.record(step, Body::Gap(gap));
    }

    pub(super) fn on_link(&mut self, step: &mut Step, device: DeviceIndex, link: &Link) {
        if self.live.is_none() {
            return;
        }
        match link {
            Link::Down { since, cause, lost } => {
                let observed = self.set_session(device, None).is_some();
                // By the field's own clock: this step may come after the device was found again.
                let told = step.at.monotonic;
                let loss = since.map(|from| Blind { until: lost.unwrap_or(from), told, from });
                note(&mut self.live_mut().down, device, loss);
                let told = self.results_since(device);
                let since = &since.map(|since| told.map_or(since, |told| told.min(since)));
                self.forget(step, device);
                let id = &self.live().device(device).id;
                let known = self.memory.devices.get(id).is_some_and(|d| d.boot.is_some());
                // A device that was never seen has nothing to miss; one that was has, from the last
                // moment that it was looked at.
                if observed || known {
                    self.open_gap(step, device, since.unwrap_or(step.at.wall), *cause);
                }
            }
            Link::Live { boot, session, widths } => {
                self.forget(step, device);
                self.learn_widths(device, widths.as_deref().unwrap_or_default());
                self.set_session(device, Some(*session));
                self.close_gap(step, device);
                self.compare_boot(step, device, boot);
                self.begin_results(step, device);
            }
        }
    }

    fn learn_widths(&mut self, device: DeviceIndex, told: &[(TagName, u8)]) {
        let live = self.live_mut();
        for counter in live.plant.counters(device) {
            let name = &live.plant.tag(counter).name;
            let width = told.iter().find(|(of, _)| of == name).map(|(_, bits)| *bits);
            match width {
                Some(bits) => live.widths.insert(counter, bits),
                None => live.widths.remove(&counter),
            };
        }
    }

    pub(super) fn close_gap(&mut self, step: &mut Step, device: DeviceIndex) {
        let id = &self.live().device(device).id;
        let Some(mut gap) = self.memory.devices.get(id).and_then(|d| d.gap.clone()) else { return };
        gap.interval.to = Some(step.at.wall);
        let (interval, cause) = (gap.interval, gap.cause);
        self.record(step, Body::Gap(gap));
        self.blind_handshakes(step, device, None, interval, cause);
        self.note_outage(step, device, interval);
    }

    /// Handshakes that cannot tell what came while nobody looked, at all or at this word: what they missed
    /// is a gap of theirs.
    fn blind_handshakes(
        &mut self,
        step: &mut Step,
        device: DeviceIndex,
        tag: Option<TagIndex>,
        interval: Interval,
        cause: GapCause,
    ) {
        let exchanges: Vec<At> = self.live().exchanges.keys().copied().collect();
        for at in exchanges {
            let live = self.live();
            let handshake = live.handshake(at);
            let blind = match handshake.pattern {
                Pattern::Toggle | Pattern::Edge => handshake.number.is_none(),
                // Before the first entry is recorded nothing tells one ring from another.
                Pattern::Ring => self.handshake_memory(at).committed.is_none(),
                Pattern::Results => {
                    handshake.results.as_ref().is_none_or(|results| results.recover.is_none())
                }
                Pattern::Counter | Pattern::ReqAck | Pattern::State(_) => false,
            };
            let trigger = handshake.trigger.tag;
            let meant = tag.is_none_or(|tag| tag == trigger);
            if blind && meant && live.plant.tag(trigger).device == device {
                // What came before may have been told and not read yet.
                let since = self.missed_since(at);
                let from = since.map_or(interval.from, |since| since.min(interval.from));
                let interval = Interval { from, ..interval };
                self.handshake_gap(step, at, interval, cause, None);
            }
        }
    }

    /// A new epoch for every handshake of a device whose program began anew.
    fn compare_boot(&mut self, step: &mut Step, device: DeviceIndex, boot: &Boot) {
        let plant = self.live().plant.clone();
        let id = plant.device(device).id.clone();
        let known = self.memory.devices.get(&id).and_then(|d| d.boot.clone());
        let cause = match &known {
            None => EpochCause::FirstContact,
            Some(old) if old.restart != boot.restart => EpochCause::RestartWord,
            Some(old) if old.start_time != boot.start_time => EpochCause::ServerStart,
            Some(_) => return,
        };
        let mut handshakes = Vec::new();
        for station in plant.stations.iter().filter(|s| s.device == Some(device)) {
            let memory = self.memory.station(&station.id);
            for handshake in &station.handshakes {
                let epoch = memory
                    .and_then(|s| s.handshakes.get(&handshake.id))
                    .map_or(Epoch(0), |h| Epoch(h.epoch.0.saturating_add(1)));
                handshakes.push((station.id.clone(), handshake.id.clone(), epoch, None));
            }
        }
        let begun = EpochBegun { device: id, boot: boot.clone(), cause, handshakes };
        self.record(step, Body::Epoch(begun));
    }

    pub(super) fn on_lost(
        &mut self,
        step: &mut Step,
        device: DeviceIndex,
        tag: Option<TagIndex>,
        cause: GapCause,
        interval: Interval,
    ) {
        let Some(plant) = self.plant() else { return };
        let id = plant.device(device).id.clone();
        let source = match tag {
            Some(tag) => GapSource::Tag(id, plant.tag(tag).name.clone()),
            None => GapSource::Device(id),
        };
        let gap = Gap {
            source,
            interval,
            cause,
            count: None,
            stations: stations_of(plant, device),
            first: None,
        };
        let asks_only = |tag| {
            let uses = self.live().uses.of_tag(tag);
            uses.iter().all(|used| matches!(used, Use::Handshake(_)))
        };
        if !tag.is_some_and(asks_only) {
            self.break_phases(step, device, tag);
            let until = interval.to.unwrap_or(step.at.wall);
            let loss = Blind { until, told: step.at.monotonic, from: interval.from };
            note(&mut self.live_mut().lost, device, Some(loss));
        }
        self.record(step, Body::Gap(gap));
        self.blind_handshakes(step, device, tag, interval, cause);
        if tag.is_none() {
            self.results_lost(step, device);
        }
    }

    /// A value that was received before its device was lost, and overtaken by the loss. It cannot be used
    /// any more: what may have come before it is over. So its word was not observed since it came; where
    /// phases are told from it, that is a gap.
    pub(super) fn on_overtaken(&mut self, step: &mut Step, sample: &Sample) {
        let live = self.live_mut();
        let (plant, tag) = (live.plant.clone(), live.plant.tag(sample.tag));
        let is_of_phase = |used: &Use| matches!(used, Use::Phase(..));
        let Some(Some(loss)) = live.down.get_mut(tag.device.get()) else { return };
        if !live.uses.of_tag(sample.tag).iter().any(is_of_phase) {
            return;
        }
        let from = super::happened(sample.time(), sample.receive);
        if from >= loss.from {
            return;
        }
        let to = std::mem::replace(&mut loss.from, from);
        let gap = Gap {
            source: GapSource::Tag(plant.device(tag.device).id.clone(), tag.name.clone()),
            interval: Interval { from, to: Some(to) },
            cause: GapCause::Overload,
            count: None,
            stations: stations_of(&plant, tag.device),
            first: None,
        };
        self.record(step, Body::Gap(gap));
    }

    /// When everything that a device told is sure to be on record, if it is not observed any more from
    /// `until` on: an operation without a handshake is known only some time after its end.
    pub(super) fn settled(&self, device: DeviceIndex, until: Utc) -> Utc {
        let plant = &self.live().plant;
        let phases = plant.stations.iter().filter(|s| s.device == Some(device));
        let waits = phases.flat_map(|s| &s.phases).map(|phase| {
            let tag = plant.tag(phase.while_.word.tag);
            phase.settle + tag.publish.unwrap_or(plant.device(device).publish)
        });
        // It may be told so late, and then be waited for so long.
        let stale = plant.device(device).heartbeat.stale_after.saturating_mul(2);
        let stations = plant.stations.iter().filter(|s| s.device == Some(device));
        let told = stations.flat_map(|s| &s.handshakes);
        let told = told.filter(|h| h.pattern == Pattern::Results).map(|h| h.settle + h.deadline);
        waits.chain(told).max().map_or(until, |wait| until.minus(wait + stale))
    }

    /// What was told of its feeders is recorded before nothing of it counts any more.
    fn take_told_of(&mut self, step: &mut Step, device: DeviceIndex) {
        let stations = self.live().plant.stations();
        let fed = stations.filter(|(_, station)| station.device == Some(device));
        let fed: Vec<StationIndex> = fed.map(|(station, _)| station).collect();
        for station in fed {
            self.take_all_told(step, station);
        }
    }

    /// Nothing that was seen of a device or begun with it still counts.
    pub(super) fn forget(&mut self, step: &mut Step, device: DeviceIndex) {
        self.take_told_of(step, device);
        self.end_unseen(step, device);
        self.break_phases(step, device, None);
        let live = self.live_mut();
        for (at, exchange) in &mut live.exchanges {
            if live.plant.station(at.station).device == Some(device) {
                exchange.forget();
            }
        }
        let plant = &live.plant;
        live.counting.retain(|_, (station, _)| plant.station(*station).device != Some(device));
        for ((station, _), watch) in &mut live.watches {
            if live.plant.station(*station).device == Some(device) {
                *watch = super::mount::Watch::default();
            }
        }
        for ((station, _), follow) in &mut live.follows {
            if live.plant.station(*station).device == Some(device) {
                *follow = super::phase::Follow::default();
            }
        }
    }

    pub(super) fn set_session(
        &mut self,
        device: DeviceIndex,
        now: Option<Session>,
    ) -> Option<Session> {
        let session = self.live_mut().sessions.get_mut(device.get())?;
        std::mem::replace(session, now)
    }
}

fn note(losses: &mut [Option<Blind>], device: DeviceIndex, loss: Option<Blind>) {
    if let Some(last) = losses.get_mut(device.get()) {
        *last = loss;
    }
}

fn stations_of(plant: &Plant, device: DeviceIndex) -> Vec<StationId> {
    plant.stations.iter().filter(|s| s.device == Some(device)).map(|s| s.id.clone()).collect()
}
