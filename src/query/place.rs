//! Stations: who was there when, and what stands there now.
use super::life::{Kind, Moment, StationNumber};
use crate::genealogy::{NodeId, Void};
use crate::model::{Interval, MountPointId, Position, StationId, Utc};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

mod image;

/// Who was at one station when, and its live state.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// Event time, record, item of everything that happened to an item here.
    visits: BTreeSet<Visit>,
    arrivals: BTreeSet<(Utc, Position)>,
    /// No stay began longer before its event than this, or ended longer after it.
    before_ns: i64,
    after_ns: i64,
    /// The unit last presented and not yet gone, with the record that presented it.
    pub(super) current: Option<(NodeId, Position)>,
    pub(super) last_event: Option<Utc>,
    completed: u64,
    quarantined: u64,
    /// Counted records that were corrected.
    corrected: BTreeMap<Position, Counted>,
}

/// Event time, record, item.
type Visit = (Utc, Position, NodeId);

/// What a record was counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(super) enum Counted {
    /// A completed item.
    #[n(0)]
    Completed,
    /// Something set aside.
    #[n(1)]
    Quarantined,
}

impl Place {
    pub(super) fn visit(&mut self, node: NodeId, moment: &Moment) {
        self.visits.insert((moment.time, moment.position, node));
        self.see(moment);
    }

    /// What of a moment is kept for the whole place.
    fn see(&mut self, moment: &Moment) {
        if moment.kind == Kind::Arrive {
            self.arrivals.insert(moment.key());
        } else {
            let Moment { time, from, to, .. } = moment;
            self.before_ns = self.before_ns.max(time.0.saturating_sub(from.0));
            self.after_ns = self.after_ns.max(to.0.saturating_sub(time.0));
        }
    }

    /// The first and the last time that something happened to an item here.
    pub(super) fn span(&self) -> Option<(Utc, Utc)> {
        Some((self.visits.first()?.0, self.visits.last()?.0))
    }

    /// When the next item arrived after the one that arrived by `key`.
    pub(super) fn next_arrival(&self, key: (Utc, Position), void: &Void) -> Option<Utc> {
        use std::ops::Bound::{Excluded, Unbounded};
        let mut later = self.arrivals.range((Excluded(key), Unbounded));
        later.find(|(_, position)| !void.contains(position)).map(|(time, _)| *time)
    }

    /// Every item whose stay here may overlap the interval.
    pub(super) fn around(&self, interval: Interval, void: &Void) -> BTreeSet<NodeId> {
        let (from, to) = (interval.from, interval.to.unwrap_or(Utc(i64::MAX)));
        let begin = Utc(from.0.saturating_sub(self.after_ns));
        let end = Utc(to.0.saturating_add(self.before_ns));
        let key = |time| (time, Position(0), NodeId(0));
        let visits = self.visits.range(key(begin)..).take_while(|(time, ..)| *time <= end);
        let mut found: BTreeSet<NodeId> = visits.map(|(.., node)| *node).collect();
        // Of those that arrived before, the last may still be here.
        let mut before = self.arrivals.range(..(from, Position(0))).rev();
        if let Some(last) = before.find(|(_, position)| !void.contains(position)) {
            let here = self.visits.range((last.0, last.1, NodeId(0))..);
            let same = here.take_while(|(time, position, _)| (*time, *position) == *last);
            found.extend(same.map(|(.., node)| *node));
        }
        found
    }

    /// What happened here from a time on and before a record, the last first.
    pub(super) fn within(
        &self,
        from: Utc,
        before: (Utc, Position),
    ) -> impl Iterator<Item = (Utc, Position, NodeId)> {
        let key = |(time, position)| (time, position, NodeId(0));
        let from = (from, Position(0));
        self.visits.range(key(from)..key(before.max(from))).rev().copied()
    }

    /// What happened here, the last first.
    pub(super) fn newest(&self) -> impl Iterator<Item = (Position, NodeId)> {
        self.visits.iter().rev().map(|(_, position, node)| (*position, *node))
    }

    pub(super) fn count(&mut self, what: Counted) {
        match what {
            Counted::Completed => self.completed += 1,
            Counted::Quarantined => self.quarantined += 1,
        }
    }

    /// A counted record was named by a correction.
    pub(super) fn correct(&mut self, position: Position, what: Counted) {
        self.corrected.insert(position, what);
    }

    pub(super) fn counted(&self, what: Counted, void: &Void) -> u64 {
        let all = match what {
            Counted::Completed => self.completed,
            Counted::Quarantined => self.quarantined,
        };
        let gone = self.corrected.iter().filter(|(p, w)| **w == what && void.contains(p));
        all.saturating_sub(gone.count() as u64)
    }
}

/// All stations that records speak of.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    numbers: BTreeMap<StationId, StationNumber>,
    names: Vec<StationId>,
    here: Vec<Place>,
    /// In the order of the plant last put in force.
    plant: Vec<StationId>,
}

impl Places {
    pub(super) fn put_in_force(&mut self, stations: &[StationId]) {
        self.plant = stations.to_vec();
        for station in stations {
            self.number(station);
        }
    }

    /// The stations of the plant in its order, then those that only older records speak of.
    pub(super) fn in_order(&self) -> Vec<StationId> {
        let gone = self.numbers.keys().filter(|id| !self.plant.contains(id));
        self.plant.iter().chain(gone).cloned().collect()
    }

    pub(super) fn number(&mut self, station: &StationId) -> StationNumber {
        if let Some(number) = self.numbers.get(station) {
            return *number;
        }
        let number = StationNumber(u32::try_from(self.names.len()).expect("far fewer stations"));
        self.names.push(station.clone());
        self.here.push(Place::default());
        self.numbers.insert(station.clone(), number);
        number
    }

    /// All of them, by number.
    pub(super) fn names(&self) -> &[StationId] {
        &self.names
    }

    pub(super) fn find(&self, station: &StationId) -> Option<StationNumber> {
        self.numbers.get(station).copied()
    }

    #[expect(clippy::indexing_slicing, reason = "numbers are given out with the names")]
    pub(super) fn name(&self, number: StationNumber) -> &StationId {
        &self.names[number.0 as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "numbers are given out with the places")]
    pub(super) fn get(&self, number: StationNumber) -> &Place {
        &self.here[number.0 as usize]
    }

    pub(super) fn at(&mut self, station: &StationId) -> &mut Place {
        let number = self.number(station);
        self.here.get_mut(number.0 as usize).expect("numbers are given out with the places")
    }
}

/// One lot in one feeder.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct Mount {
    /// The record that it is named by: its own, or the first that told of it.
    #[n(0)]
    opened: Position,
    #[n(1)]
    station: StationId,
    #[n(2)]
    point: MountPointId,
    #[n(3)]
    time: Utc,
    #[n(4)]
    lot: NodeId,
}

/// From when to when lots were in feeders.
#[derive(Debug, Clone, Default)]
pub(super) struct Mounts {
    by_record: BTreeMap<Position, Mount>,
    of_lot: BTreeMap<NodeId, BTreeSet<Position>>,
    slots: BTreeMap<(StationId, MountPointId), BTreeSet<(Utc, Position)>>,
    /// By the record that the mount is named by: when it ended, and the record that says so.
    ends: BTreeMap<Position, BTreeSet<(Utc, Position)>>,
}

impl Mounts {
    pub(super) fn mount(
        &mut self,
        (time, position): (Utc, Position),
        (station, point): (&StationId, &MountPointId),
        (opened, lot): (Position, NodeId),
    ) {
        let slot = (station.clone(), point.clone());
        self.slots.entry(slot).or_default().insert((time, position));
        self.of_lot.entry(lot).or_default().insert(position);
        let (station, point) = (station.clone(), point.clone());
        self.by_record.insert(position, Mount { opened, station, point, time, lot });
    }

    pub(super) fn unmount(&mut self, opened: Position, time: Utc, position: Position) {
        self.ends.entry(opened).or_default().insert((time, position));
    }

    /// Whether any record tells of an item in a feeder, whether it counts or not.
    pub(super) fn has(&self, lot: NodeId) -> bool {
        self.of_lot.contains_key(&lot)
    }

    /// Where and from when to when a lot was in feeders: until it was taken out, or the next lot
    /// was put into the same feeder.
    pub(super) fn windows<'a>(
        &'a self,
        lot: NodeId,
        void: &'a Void,
    ) -> impl Iterator<Item = (&'a StationId, Interval)> {
        let opened = self.of_lot.get(&lot).into_iter().flatten();
        opened.filter(|position| !void.contains(position)).filter_map(|position| {
            let mount = self.by_record.get(position)?;
            Some((&mount.station, self.window(*position, mount, void)))
        })
    }

    /// What is in the feeders of a station.
    pub(super) fn in_place<'a>(
        &'a self,
        station: &'a StationId,
        void: &'a Void,
    ) -> impl Iterator<Item = (&'a MountPointId, NodeId)> {
        let slots = self.slots.iter().filter(move |((at, _), _)| at == station);
        slots.filter_map(|(_, mounts)| {
            let last = mounts.iter().rev().find(|(_, position)| !void.contains(position))?;
            let mount = self.by_record.get(&last.1)?;
            let open = self.window(last.1, mount, void).to.is_none();
            open.then_some((&mount.point, mount.lot))
        })
    }

    /// The mounts of a lot that were opened since a time, by the records that they are named by.
    pub(super) fn since<'a>(
        &'a self,
        lot: NodeId,
        since: Utc,
        void: &'a Void,
    ) -> impl Iterator<Item = Position> + 'a {
        let opened = self.of_lot.get(&lot).into_iter().flatten().copied();
        opened.filter_map(move |position| {
            let mount = self.by_record.get(&position)?;
            (!void.contains(&position) && mount.time >= since).then_some(mount.opened)
        })
    }

    fn window(&self, opened: Position, mount: &Mount, void: &Void) -> Interval {
        use std::ops::Bound::{Excluded, Unbounded};
        let key = (mount.time, opened);
        let slot = self.slots.get(&(mount.station.clone(), mount.point.clone()));
        let stands = |(_, position): &&(Utc, Position)| !void.contains(position);
        let mut next = slot.into_iter().flat_map(|s| s.range((Excluded(key), Unbounded)));
        let next = next.find(stands).map(|(time, _)| *time);
        let mut ends = self.ends.get(&mount.opened).into_iter().flatten();
        let end = ends.find(stands).map(|(time, _)| *time);
        let to = [next, end].into_iter().flatten().min();
        Interval { from: mount.time, to: to.map(|to| to.max(mount.time)) }
    }
}
