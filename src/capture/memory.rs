//! The durable half: what records alone make of the stations. Bounded by the plant, not by its
//! history.
use super::batch::Batch;
use super::carrier::Carriers;
use super::collected::{Collected, Noted};
use super::draw::Draws;
use super::feeders::Feeders;
use super::made::{self, Made};
use super::places::{Places, Present};
use super::ran::Ran;
use super::tally::Tallies;
use super::unread::Unread;
use crate::model::{
    Adopted, Body, Boot, CaseEvent, CaseId, CaseStep, DeviceId, Digest, Epoch, EpochBegun,
    EventTime, Gap, GapSource, HandshakeId, HandshakeMark, HandshakeNumber, ItemClass, ItemKey,
    MaintenanceEvent, Making, MonitorId, MountKey, OrderRow, Permit, Position, Quarantine,
    QuarantineCause, Record, Rule, StationId, Text, TraceEvent, Untold, Utc, Value, Verdict,
    VerdictEvent, What,
};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// Items that a station remembers to have refused: as many as can stand before it.
const REFUSED_MAX: usize = 32;

/// What records say of the plant up to a position.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Memory {
    /// By station.
    #[n(0)]
    pub stations: BTreeMap<StationId, StationMemory>,
    /// By device.
    #[n(1)]
    pub devices: BTreeMap<DeviceId, DeviceMemory>,
    /// What must not move on, and why.
    #[n(2)]
    pub holds: BTreeMap<ItemKey, Text>,
    /// What is on each carrier.
    #[n(3)]
    pub carriers: Carriers,
    /// The units that wait for their code.
    #[n(4)]
    pub unread: Unread,
    /// The plant last put in force.
    #[n(5)]
    pub plant: Option<Digest>,
    /// When the last record was stepped: what is known to have been observed.
    #[n(6)]
    pub last_at: Option<Utc>,
    /// The cases of recall that are open, each with its last record.
    #[n(8)]
    #[cbor(default, skip_if = "BTreeMap::is_empty")]
    pub cases: BTreeMap<CaseId, Position>,
}

/// What records say of a device.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct DeviceMemory {
    /// The run of its program that we last spoke to; `None` before first contact.
    #[n(0)]
    pub boot: Option<Boot>,
    /// A gap that has not closed.
    #[n(1)]
    pub gap: Option<Gap>,
}

/// What records say of a station.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct StationMemory {
    /// By handshake.
    #[n(0)]
    pub handshakes: BTreeMap<HandshakeId, HandshakeMemory>,
    /// The results that were recorded, by handshake.
    #[n(1)]
    pub collected: BTreeMap<HandshakeId, Collected>,
    /// Who is where at it.
    #[n(2)]
    pub places: Places,
    /// What was presented here last and refused, with the record of that, the oldest first; at most 32.
    #[n(3)]
    pub refused: Vec<(ItemKey, Position)>,
    /// When the item before left, by our wall clock.
    #[n(4)]
    pub last_left: Option<Utc>,
    /// What is and was in its feeders.
    #[n(5)]
    pub feeders: Feeders,
    /// What their counters said since the item in work was begun.
    #[n(6)]
    pub tallies: Tallies,
    /// How much was taken from what is in them.
    #[n(7)]
    pub draws: Draws,
    /// Open rows of the order list with their numbers.
    #[n(8)]
    pub orders: Vec<(u64, OrderRow)>,
    /// The number of the next row.
    #[n(9)]
    pub next_row: u64,
    /// What was made since it was last cleaned.
    #[n(10)]
    pub ran: Ran,
    /// The lot in it.
    #[n(11)]
    pub batch: Batch,
    /// The monitors whose rules say that they have drifted, and the record that said so.
    #[n(12)]
    pub drifts: BTreeMap<Drifting, Position>,
    /// What it makes.
    #[n(13)]
    pub made: Option<Made>,
    /// The rules that ask for maintenance by a warning, and the record that said so.
    #[n(14)]
    #[cbor(default, skip_if = "BTreeMap::is_empty")]
    pub asks: BTreeMap<Drifting, Position>,
}

/// A rule of a monitor, by the baseline of what is made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct Drifting {
    /// The monitor.
    #[n(0)]
    pub monitor: MonitorId,
    /// Its rule.
    #[n(1)]
    pub rule: Rule,
    /// The product.
    #[n(2)]
    pub product: Option<Text>,
    /// The recipe.
    #[n(3)]
    pub recipe: Option<Text>,
}

/// What records say of a handshake.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct HandshakeMemory {
    /// The epoch in force.
    #[n(0)]
    pub epoch: Epoch,
    /// What was last dealt with, in this epoch or the one before.
    #[n(1)]
    pub committed: Option<Committed>,
    /// A number that counts as dealt with since first contact.
    #[n(2)]
    pub baseline: Option<HandshakeNumber>,
    /// The snapshot of the last conflict and its record, so that it is recorded once.
    #[n(3)]
    pub conflict: Option<(Digest, Position)>,
    /// A gap that has not closed: its trigger is not to be read.
    #[n(4)]
    pub gap: Option<Gap>,
    /// The last number that a gap counts as missing, since anything was dealt with.
    #[n(5)]
    pub counted: Option<HandshakeNumber>,
    /// When its first epoch began.
    #[n(6)]
    pub begun: Option<Utc>,
}

impl HandshakeMemory {
    /// The last number of this epoch that nothing more is to come of.
    pub fn last(&self) -> Option<HandshakeNumber> {
        let committed = self.committed.as_ref().filter(|c| c.epoch == self.epoch);
        self.counted.or(committed.map(|c| c.number)).or(self.baseline)
    }

    /// From when on something may have been missed, if the numbers do not tell.
    pub fn since(&self) -> Option<Utc> {
        // What came next may have come before this one was read: not before this one may have.
        self.committed.as_ref().map(|c| c.at.min(c.time).min(c.since)).or(self.begun)
    }
}

/// A request that was dealt with.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Committed {
    /// Its epoch.
    #[n(0)]
    pub epoch: Epoch,
    /// Its number.
    #[n(1)]
    pub number: HandshakeNumber,
    /// Of its snapshot.
    #[n(2)]
    pub digest: Digest,
    /// A word of its snapshot had no value.
    #[n(3)]
    pub partial: bool,
    /// The plant that said which words were in it.
    #[n(4)]
    pub plant: Option<Digest>,
    /// What it was answered.
    #[n(5)]
    pub permit: Permit,
    /// Why, if not ok.
    #[n(6)]
    pub reason: Option<Text>,
    /// The recipe that it was answered.
    #[n(7)]
    pub recipe: Option<Value>,
    /// Its record.
    #[n(8)]
    pub position: Position,
    /// When it was stepped.
    #[n(9)]
    pub at: Utc,
    /// When it happened.
    #[n(10)]
    pub time: Utc,
    /// From when on it may have happened, by our wall clock.
    #[n(11)]
    pub since: Utc,
}

impl Memory {
    /// What is known of a station.
    pub fn station(&self, id: &StationId) -> Option<&StationMemory> {
        self.stations.get(id)
    }

    /// Folds a record in.
    pub(super) fn apply(&mut self, record: &Record) {
        // What was dropped was stepped at a time that nobody knows any more, and a tombstone while nothing was observed.
        if !matches!(record.body, Body::Dropped | Body::Tombstone(_)) {
            self.last_at = self.last_at.max(Some(record.at.wall));
        }
        match &record.body {
            Body::Trace(event) if let Some(adopted) = &event.adopted => {
                self.apply_adopted(record, event, adopted);
            }
            Body::Trace(event) => self.apply_trace(record, event),
            Body::Quarantine(quarantine) if quarantine.adopted.is_none() => {
                self.apply_quarantine(record, quarantine);
            }
            Body::Gap(gap) => self.apply_gap(gap),
            Body::Epoch(epoch) => self.apply_epoch(record.at.wall, epoch),
            Body::Plant(plant) => {
                self.plant = Some(plant.hash);
                // Who says nothing any more says nothing of drift either.
                for (id, station) in &mut self.stations {
                    let of =
                        |of: &MonitorId| plant.monitors.iter().any(|(s, m)| (s, m) == (id, of));
                    station.drifts.retain(|drifting, _| of(&drifting.monitor));
                    station.asks.retain(|asking, _| of(&asking.monitor));
                }
            }
            Body::Orders(rows) => {
                for row in rows {
                    let station = self.stations.entry(row.station.clone()).or_default();
                    station.orders.push((station.next_row, row.clone()));
                    station.next_row = station.next_row.saturating_add(1);
                }
            }
            Body::Verdict(spoken) if spoken.over.is_none() => {
                self.apply_verdict(record.position, spoken);
            }
            Body::Case(event) => self.apply_case(record.position, event),
            Body::Maintenance(event) => self.apply_maintenance(event),
            // What was set aside long ago says nothing of now either.
            Body::Quarantine(_)
            | Body::Verdict(_)
            | Body::Alarm(_)
            | Body::Audit(_)
            | Body::Tombstone(_)
            | Body::Dropped => {}
        }
    }

    /// What is adopted was long ago and says nothing of now, but which lot it is that stands in a feeder,
    /// which unit a passage was, and that a row of an order list is done.
    fn apply_adopted(&mut self, record: &Record, event: &TraceEvent, adopted: &Adopted) {
        if let What::Identify { item, real: Some(real), .. } = &event.what {
            self.unread.apply(record, event);
            return self.identify(item, real);
        }
        let station = event.station.as_ref().and_then(|id| self.stations.get_mut(id));
        let Some(station) = station else { return };
        if let What::Mount { point, lot } = &event.what {
            station.feeders.rename(point, adopted.first, lot);
        }
        if let What::Complete { order_row: Some(row), .. } = &event.what {
            station.orders.retain(|(n, _)| n != row);
        }
    }

    fn apply_case(&mut self, position: Position, event: &CaseEvent) {
        let case = event.case(position);
        match &event.step {
            CaseStep::Opened { .. } | CaseStep::Revised { .. } => {
                self.cases.insert(case, position);
            }
            CaseStep::Closed { .. } => {
                self.cases.remove(&case);
            }
        }
    }

    fn apply_mark(
        &mut self,
        record: &Record,
        mark: &HandshakeMark,
        time: EventTime,
        conflict: bool,
    ) {
        let station = self.stations.entry(mark.key.station.clone()).or_default();
        if let Some(name) = &mark.result {
            let noted = Noted {
                epoch: mark.key.epoch,
                digest: mark.digest,
                plant: self.plant,
                position: record.position,
                time,
            };
            let of = mark.key.handshake.clone();
            station.collected.entry(of).or_default().note(name.clone(), noted);
        }
        let handshake = station.handshakes.entry(mark.key.handshake.clone()).or_default();
        if conflict {
            handshake.conflict = Some((mark.digest, record.position));
            return;
        }
        (handshake.conflict, handshake.counted) = (None, None);
        handshake.committed = Some(Committed {
            epoch: mark.key.epoch,
            number: mark.key.number,
            digest: mark.digest,
            partial: mark.partial == Some(true),
            plant: self.plant,
            permit: mark.permit,
            reason: mark.reason.clone(),
            recipe: mark.recipe.clone(),
            position: record.position,
            at: record.at.wall,
            time: time.at,
            since: time.earliest().min(record.at.wall),
        });
    }

    /// Whether the event of a request is what was recorded last of its handshake.
    fn is_on_record(&self, mark: &HandshakeMark) -> bool {
        let station = self.stations.get(&mark.key.station);
        let last = station.and_then(|s| s.handshakes.get(&mark.key.handshake)?.committed.as_ref());
        last.is_some_and(|last| {
            (last.epoch, last.number, last.digest) == (mark.key.epoch, mark.key.number, mark.digest)
                && last.recipe.is_some()
        })
    }

    fn apply_quarantine(&mut self, record: &Record, quarantine: &Quarantine) {
        if let Some(mark) = quarantine.handshake.as_ref().filter(|mark| self.is_on_record(mark)) {
            // What happened is known: only its answer is another.
            return self.apply_mark(record, mark, quarantine.time, false);
        }
        self.stations.entry(quarantine.station.clone()).or_default().batch.blind(None);
        if let Some(mark) = &quarantine.handshake {
            // It may have been an arrival, or a loading: who is at the station now, or on what, is not
            // known. A code that fits no passage moved nobody.
            if quarantine.cause != QuarantineCause::Identified {
                let station = self.stations.entry(quarantine.station.clone()).or_default();
                station.places.forget();
                station.tallies.blur(Untold::Gap);
                station.draws.blur(Untold::Gap);
                self.carriers.lost(&quarantine.station);
            }
            let conflict = quarantine.cause == QuarantineCause::Conflict;
            self.apply_mark(record, mark, quarantine.time, conflict);
        }
    }

    fn apply_verdict(&mut self, position: Position, spoken: &VerdictEvent) {
        let station = self.stations.entry(spoken.station.clone()).or_default();
        let drifting = Drifting {
            monitor: spoken.monitor.clone(),
            rule: spoken.rule,
            product: spoken.product.clone(),
            recipe: spoken.recipe.clone(),
        };
        if spoken.asks_for_maintenance() {
            station.asks.entry(drifting.clone()).or_insert(position);
        } else {
            station.asks.remove(&drifting);
        }
        match spoken.verdict {
            Verdict::Drift => {
                station.drifts.entry(drifting).or_insert(position);
            }
            Verdict::InControl | Verdict::Warning => {
                station.drifts.remove(&drifting);
            }
            Verdict::NoData if !spoken.is_forgotten() => {
                station.drifts.remove(&drifting);
            }
            Verdict::NoData => station.drifts.retain(|said, _| {
                let Drifting { monitor, rule, product, recipe } = said;
                !rule.is_of_baseline()
                    || (monitor, product, recipe)
                        != (&drifting.monitor, &drifting.product, &drifting.recipe)
            }),
        }
    }

    /// Whoever learns anew says nothing of drift.
    fn apply_maintenance(&mut self, event: &MaintenanceEvent) {
        if let Some(station) = self.stations.get_mut(&event.station) {
            station.drifts.retain(|of, _| {
                of.rule == Rule::Master || !event.ends(&event.station, &of.monitor)
            });
            station.asks.retain(|of, _| !event.ends(&event.station, &of.monitor));
        }
    }

    fn apply_gap(&mut self, gap: &Gap) {
        // What is told after an outage may have been in it.
        let outage = matches!(gap.source, GapSource::Device(_));
        let until = gap.interval.to.filter(|_| outage);
        for station in &gap.stations {
            self.stations.entry(station.clone()).or_default().batch.blind(until);
        }
        if !matches!(gap.source, GapSource::Tag(..)) {
            for station in &gap.stations {
                let station = self.stations.entry(station.clone()).or_default();
                station.places.forget_current();
                station.tallies.blur(Untold::Gap);
                station.draws.blur(Untold::Gap);
            }
        }
        // What went by may have been a loading.
        if let GapSource::Handshake(station, _) = &gap.source {
            self.carriers.lost(station);
        }
        let known = match &gap.source {
            GapSource::Device(device) => &mut self.devices.entry(device.clone()).or_default().gap,
            GapSource::Handshake(station, handshake) => {
                let station = self.stations.entry(station.clone()).or_default();
                let handshake = station.handshakes.entry(handshake.clone()).or_default();
                if let (Some(HandshakeNumber(first)), Some(count)) = (gap.first, gap.count) {
                    let last = first.wrapping_add(count).wrapping_sub(1);
                    handshake.counted = Some(HandshakeNumber(last));
                }
                &mut handshake.gap
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

    fn apply_epoch(&mut self, at: Utc, begun: &EpochBegun) {
        self.devices.entry(begun.device.clone()).or_default().boot = Some(begun.boot.clone());
        for (station, handshake, epoch, baseline) in &begun.handshakes {
            self.carriers.lost(station);
            let station = self.stations.entry(station.clone()).or_default();
            station.places.forget_current();
            station.tallies.blur(Untold::Reset);
            station.draws.blur(Untold::Reset);
            let handshake = station.handshakes.entry(handshake.clone()).or_default();
            handshake.begun.get_or_insert(at);
            handshake.epoch = *epoch;
            handshake.baseline = *baseline;
            (handshake.conflict, handshake.counted) = (None, None);
        }
    }

    fn apply_trace(&mut self, record: &Record, event: &TraceEvent) {
        if let Some(mark) = &event.handshake {
            self.apply_mark(record, mark, event.time, false);
        }
        if let What::Hold { item, reason, .. } = &event.what {
            self.holds.insert(item.clone(), reason.clone());
        }
        if let What::Release { item, of: None, .. } = &event.what {
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
            let known = station.refused.iter_mut().filter(|(item, _)| item == passage);
            known.for_each(|(item, _)| item.clone_from(real));
        }
        // What held the one holds the other.
        if let (Some(reason), false) = (self.holds.get(passage), self.holds.contains_key(real)) {
            self.holds.insert(real.clone(), reason.clone());
        }
    }
}

impl StationMemory {
    /// The record since which a monitor says that it has drifted.
    pub fn drifted(&self, monitor: &MonitorId) -> Option<Position> {
        let mut rules = self.drifts.iter();
        rules.find(|(drifting, _)| drifting.monitor == *monitor).map(|(_, since)| *since)
    }

    fn apply(&mut self, id: &StationId, record: &Record, event: &TraceEvent) {
        self.ran.apply(record, event);
        self.batch.apply(event);
        self.tallies.take(record, event);
        self.draws.apply(record.position, event);
        let making = made::of_item(self, event);
        if let Some(made) = Made::after(self.made.as_ref(), event, &making) {
            self.made = Some(made);
        }
        match &event.what {
            What::Arrive { item } => {
                // The same once more, or one that is sent away, begins no work: what was taken out since
                // the work began may be in the item that is here.
                if self.places.is_free(event.nest.as_ref(), item) && !event.is_only_asked() {
                    self.turn(event);
                }
                self.refuse(item, event.is_only_asked().then_some(record.position));
                self.places.arrive(event.nest.as_ref(), present((item, making), record, event));
            }
            What::Remove { parent: item, child, .. } => {
                self.enter((item, making), record, event);
                if !event.is_only_asked() {
                    self.places.take_away(child);
                }
            }
            What::Consume { into: item, .. }
            | What::Merge { into: item, .. }
            | What::Install { parent: item, .. }
            | What::Inspect { item, .. } => self.enter((item, making), record, event),
            What::Complete { item, order_row, .. } => {
                self.refuse(item, None);
                if let Some(row) = order_row.as_ref().filter(|_| !event.is_only_asked()) {
                    self.orders.retain(|(n, _)| n != row);
                }
                self.leave(item, record, event);
            }
            // An amount that was only counted is nobody who was here.
            What::Scrap { item, .. } if item.class != ItemClass::Unit => {}
            What::Produce { item, .. } | What::Scrap { item, .. } | What::Rework { item, .. } => {
                self.leave(item, record, event);
            }
            // What was split is not there any more.
            What::Split { from, .. } if !event.is_only_asked() => self.leave(from, record, event),
            What::Mount { point, lot } => {
                let (station, point) = (id.clone(), point.clone());
                let key = MountKey { station, point, opened: record.position };
                self.feeders.mount(key, lot.clone(), event.time.at);
            }
            What::Unmount { mount, .. } => self.feeders.unmount(&mount.point, event.time.at),
            What::Pack { .. }
            | What::Unpack { .. }
            | What::Split { .. }
            | What::Move { .. }
            | What::Receive { .. }
            | What::Ship { .. }
            | What::Hold { .. }
            | What::Release { .. }
            | What::Clean { .. }
            | What::Identify { .. }
            | What::Note { .. }
            | What::Open { .. }
            | What::Close { .. }
            | What::Dry { .. }
            | What::Correct { .. } => {}
        }
    }

    fn enter(&mut self, item: (&ItemKey, Making), record: &Record, event: &TraceEvent) {
        self.places.enter(event.nest.as_ref(), present(item, record, event));
    }

    /// What was taken out of the feeders by then is no lot of the next item, nor of one that is here.
    fn turn(&mut self, event: &TraceEvent) {
        let at = event.time.at;
        self.feeders.turn(self.places.oldest().map_or(at, |began| began.min(at)));
        self.tallies.turn(event);
    }

    fn refuse(&mut self, item: &ItemKey, refused: Option<Position>) {
        self.refused.retain(|(other, _)| other != item);
        if let Some(record) = refused {
            let many = (self.refused.len() + 1).saturating_sub(REFUSED_MAX);
            self.refused.drain(..many);
            self.refused.push((item.clone(), record));
        }
    }

    fn leave(&mut self, item: &ItemKey, record: &Record, event: &TraceEvent) {
        // Another that leaves says nothing of when the work on the one that is here began.
        if self.places.leave(event.nest.as_ref(), item) {
            self.turn(event);
        } else {
            self.tallies.blur(Untold::Shared);
        }
        self.last_left = Some(record.at.wall);
    }
}

/// An item as an event finds it at the station.
fn present((item, making): (&ItemKey, Making), record: &Record, event: &TraceEvent) -> Present {
    let since = event.stay.map_or(record.at.wall, |stay| stay.interval.from);
    let (item, position) = (item.clone(), record.position);
    Present { item, since, began: event.time.at, position, making }
}
