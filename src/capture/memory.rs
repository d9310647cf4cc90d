//! The durable half: what records alone make of the stations. Bounded by the plant, not by its
//! history.
use super::carrier::Carriers;
use super::feeders::Feeders;
use super::places::{Places, Present};
use super::unread::Unread;
use crate::model::{
    Body, Boot, DeviceId, Digest, Epoch, EpochBegun, Gap, GapCause, GapSource, HandshakeId,
    HandshakeMark, HandshakeNumber, ItemClass, ItemKey, MountKey, OrderRow, Permit, Position,
    Quarantine, QuarantineCause, Record, StationId, Text, TraceEvent, Utc, What,
};
use std::collections::BTreeMap;

/// Items that a station remembers to have refused: as many as can stand before it.
const REFUSED_MAX: usize = 32;

/// What records say of the plant up to a position.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    /// By station.
    pub stations: BTreeMap<StationId, StationMemory>,
    /// By device.
    pub devices: BTreeMap<DeviceId, DeviceMemory>,
    /// What must not move on, and why.
    pub holds: BTreeMap<ItemKey, Text>,
    /// What is on each carrier.
    pub carriers: Carriers,
    /// The units that wait for their code.
    pub unread: Unread,
    /// The plant last put in force.
    pub plant: Option<Digest>,
    /// When the last record was stepped: what is known to have been observed.
    pub last_at: Option<Utc>,
}

/// What records say of a device.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeviceMemory {
    /// The run of its program that we last spoke to; `None` before first contact.
    pub boot: Option<Boot>,
    /// A gap that has not closed.
    pub gap: Option<Gap>,
}

/// What records say of a station.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StationMemory {
    /// By handshake.
    pub handshakes: BTreeMap<HandshakeId, HandshakeMemory>,
    /// Who is where at it.
    pub places: Places,
    /// What was presented here last and refused, the oldest first; at most 32.
    pub refused: Vec<ItemKey>,
    /// When the item before left, by our wall clock.
    pub last_left: Option<Utc>,
    /// What is and was in its feeders.
    pub feeders: Feeders,
    /// Open rows of the order list with their numbers.
    pub orders: Vec<(u64, OrderRow)>,
    /// The number of the next row.
    pub next_row: u64,
}

/// What records say of a handshake.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HandshakeMemory {
    /// The epoch in force.
    pub epoch: Epoch,
    /// What was last dealt with, in this epoch or the one before.
    pub committed: Option<Committed>,
    /// A number that counts as dealt with since first contact.
    pub baseline: Option<HandshakeNumber>,
    /// The snapshot of the last conflict and its record, so that it is recorded once.
    pub conflict: Option<(Digest, Position)>,
    /// A gap that has not closed: its trigger is not to be read.
    pub gap: Option<Gap>,
}

/// A request that was dealt with.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its number.
    pub number: HandshakeNumber,
    /// Of its snapshot.
    pub digest: Digest,
    /// What it was answered.
    pub permit: Permit,
    /// Why, if not ok.
    pub reason: Option<Text>,
    /// Its record.
    pub position: Position,
    /// When it was stepped.
    pub at: Utc,
}

impl Memory {
    /// What is known of a station.
    pub fn station(&self, id: &StationId) -> Option<&StationMemory> {
        self.stations.get(id)
    }

    /// Folds a record in.
    pub(super) fn apply(&mut self, record: &Record) {
        self.last_at = self.last_at.max(Some(record.at.wall));
        match &record.body {
            Body::Trace(event) => self.apply_trace(record, event),
            Body::Quarantine(quarantine) => self.apply_quarantine(record, quarantine),
            Body::Gap(gap) => self.apply_gap(gap),
            Body::Epoch(epoch) => self.apply_epoch(epoch),
            Body::Plant(plant) => self.plant = Some(plant.hash),
            Body::Orders(rows) => {
                for row in rows {
                    let station = self.stations.entry(row.station.clone()).or_default();
                    station.orders.push((station.next_row, row.clone()));
                    station.next_row = station.next_row.saturating_add(1);
                }
            }
            Body::Verdict(_) | Body::Audit(_) => {}
        }
    }

    fn apply_mark(&mut self, record: &Record, mark: &HandshakeMark, conflict: bool) {
        let station = self.stations.entry(mark.key.station.clone()).or_default();
        let handshake = station.handshakes.entry(mark.key.handshake.clone()).or_default();
        if conflict {
            handshake.conflict = Some((mark.digest, record.position));
            return;
        }
        handshake.conflict = None;
        handshake.committed = Some(Committed {
            epoch: mark.key.epoch,
            number: mark.key.number,
            digest: mark.digest,
            permit: mark.permit,
            reason: mark.reason.clone(),
            position: record.position,
            at: record.at.wall,
        });
    }

    fn apply_quarantine(&mut self, record: &Record, quarantine: &Quarantine) {
        if let Some(mark) = &quarantine.handshake {
            // It may have been an arrival, or a loading: who is at the station now, or on what, is not
            // known. A code that fits no passage moved nobody.
            if quarantine.cause != QuarantineCause::Identified {
                self.stations.entry(quarantine.station.clone()).or_default().places.forget();
                self.carriers.lost(&quarantine.station);
            }
            self.apply_mark(record, mark, quarantine.cause == QuarantineCause::Conflict);
        }
    }

    fn apply_gap(&mut self, gap: &Gap) {
        if !matches!(gap.source, GapSource::Tag(..)) {
            for station in &gap.stations {
                self.stations.entry(station.clone()).or_default().places.forget_current();
            }
        }
        // Requests that went by: one of them may have been a loading.
        let went_by = matches!(gap.cause, GapCause::NumbersSkipped | GapCause::TriggerMoved);
        if let (GapSource::Handshake(station, _), true) = (&gap.source, went_by) {
            self.carriers.lost(station);
        }
        let known = match &gap.source {
            GapSource::Device(device) => &mut self.devices.entry(device.clone()).or_default().gap,
            GapSource::Handshake(station, handshake) => {
                let station = self.stations.entry(station.clone()).or_default();
                &mut station.handshakes.entry(handshake.clone()).or_default().gap
            }
            GapSource::Tag(..) => return,
        };
        let closes = known.as_ref().is_some_and(|open| open.interval.from == gap.interval.from);
        match gap.interval.to {
            None => *known = Some(gap.clone()),
            Some(_) if closes => *known = None,
            Some(_) => {}
        }
    }

    fn apply_epoch(&mut self, begun: &EpochBegun) {
        self.devices.entry(begun.device.clone()).or_default().boot = Some(begun.boot.clone());
        for (station, handshake, epoch, baseline) in &begun.handshakes {
            let station = self.stations.entry(station.clone()).or_default();
            station.places.forget_current();
            let handshake = station.handshakes.entry(handshake.clone()).or_default();
            handshake.epoch = *epoch;
            handshake.baseline = *baseline;
            handshake.conflict = None;
        }
    }

    fn apply_trace(&mut self, record: &Record, event: &TraceEvent) {
        if let Some(mark) = &event.handshake {
            self.apply_mark(record, mark, false);
        }
        if let What::Hold { item, reason } = &event.what {
            self.holds.insert(item.clone(), reason.clone());
        }
        if let What::Release { item, .. } = &event.what {
            self.holds.remove(item);
        }
        self.carriers.apply(record, event);
        self.unread.apply(record, event);
        if let What::Identify { item, real: Some(real), .. } = &event.what {
            self.identify(item, real);
        }
        if let Some(station) = &event.station {
            self.stations.entry(station.clone()).or_default().apply(station, record, event);
        }
    }

    /// A unit that was known by its passage is known by its code, wherever it is.
    fn identify(&mut self, passage: &ItemKey, real: &ItemKey) {
        self.carriers.rename(passage, real);
        for station in self.stations.values_mut() {
            station.places.rename(passage, real);
            station.refused.iter_mut().filter(|item| *item == passage).for_each(|item| {
                item.clone_from(real);
            });
        }
        // What held the one holds the other.
        if let (Some(reason), false) = (self.holds.get(passage), self.holds.contains_key(real)) {
            self.holds.insert(real.clone(), reason.clone());
        }
    }
}

impl StationMemory {
    fn apply(&mut self, id: &StationId, record: &Record, event: &TraceEvent) {
        match &event.what {
            What::Arrive { item } => {
                // The same once more, or one that is sent away, begins no work: what was taken out since
                // the work began may be in the item that is here.
                if self.places.is_free(event.nest.as_ref(), item) && !event.is_only_asked() {
                    self.turn(event.time.at);
                }
                self.refuse(item, event.is_only_asked());
                self.places.arrive(event.nest.as_ref(), present(item, record, event));
            }
            What::Remove { parent: item, child, .. } => {
                self.enter(item, record, event);
                if !event.is_only_asked() {
                    self.places.take_away(child);
                }
            }
            What::Consume { into: item, .. }
            | What::Install { parent: item, .. }
            | What::Inspect { item, .. } => self.enter(item, record, event),
            What::Complete { item, order_row, .. } => {
                self.refuse(item, false);
                if let Some(row) = order_row {
                    self.orders.retain(|(n, _)| n != row);
                }
                self.leave(item, record, event);
            }
            // An amount that was only counted is nobody who was here.
            What::Scrap { item, .. } if item.class != ItemClass::Unit => {}
            What::Produce { item, .. } | What::Scrap { item, .. } | What::Rework { item, .. } => {
                self.leave(item, record, event);
            }
            What::Mount { point, lot } => {
                let (station, point) = (id.clone(), point.clone());
                let key = MountKey { station, point, opened: record.position };
                self.feeders.mount(key, lot.clone(), event.time.at);
            }
            What::Unmount { mount, .. } => self.feeders.unmount(&mount.point, event.time.at),
            What::Pack { .. }
            | What::Unpack { .. }
            | What::Split { .. }
            | What::Merge { .. }
            | What::Move { .. }
            | What::Receive { .. }
            | What::Ship { .. }
            | What::Hold { .. }
            | What::Release { .. }
            | What::Clean { .. }
            | What::Identify { .. }
            | What::Note { .. }
            | What::Correct { .. } => {}
        }
    }

    fn enter(&mut self, item: &ItemKey, record: &Record, event: &TraceEvent) {
        self.places.enter(event.nest.as_ref(), present(item, record, event));
    }

    /// What was taken out of the feeders by then is no lot of the next item, nor of one that is here.
    fn turn(&mut self, at: Utc) {
        self.feeders.turn(self.places.oldest().map_or(at, |began| began.min(at)));
    }

    fn refuse(&mut self, item: &ItemKey, refused: bool) {
        self.refused.retain(|other| other != item);
        if refused {
            let many = (self.refused.len() + 1).saturating_sub(REFUSED_MAX);
            self.refused.drain(..many);
            self.refused.push(item.clone());
        }
    }

    fn leave(&mut self, item: &ItemKey, record: &Record, event: &TraceEvent) {
        // Another that leaves says nothing of when the work on the one that is here began.
        if self.places.leave(event.nest.as_ref(), item) {
            self.turn(event.time.at);
        }
        self.last_left = Some(record.at.wall);
    }
}

/// An item as an event finds it at the station.
fn present(item: &ItemKey, record: &Record, event: &TraceEvent) -> Present {
    let since = event.stay.map_or(record.at.wall, |stay| stay.interval.from);
    Present { item: item.clone(), since, began: event.time.at, position: record.position }
}
