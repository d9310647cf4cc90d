//! How much stations were used since something of them was maintained. From records alone: whoever folds them has the same.
use crate::model::{
    Body, MaintenanceEvent, MonitorId, Position, Purpose, Record, Rule, Schedule, StationId,
    TraceEvent, Ucum, Usage, Utc, Verdict, VerdictEvent,
};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// What the plant in force has maintained after so much use, and how much that was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Usages(#[n(0)] BTreeMap<StationId, BTreeMap<MonitorId, Used>>);

/// How much a station was used since something of it was maintained.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Used {
    /// After how much that is to be done.
    #[n(0)]
    pub every: Usage,
    /// How much it was: parts, or nanoseconds.
    #[n(1)]
    pub used: u64,
    /// Since when it is counted.
    #[n(2)]
    pub since: Utc,
    /// The record from which on: of the maintenance that was done last, else of the plant that first asked for it.
    #[n(3)]
    pub from: Position,
    /// When the station was last seen to work.
    #[n(4)]
    last: Option<Utc>,
}

impl Usages {
    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is counted.
    pub fn iter(&self) -> impl Iterator<Item = (&StationId, &MonitorId, &Used)> {
        let all = self.0.iter();
        all.flat_map(|(station, of)| of.iter().map(move |(id, used)| (station, id, used)))
    }

    /// The stations that were used otherwise in `other`.
    pub fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a StationId> {
        let all = self.0.keys().chain(other.0.keys());
        all.filter(|station| self.0.get(*station) != other.0.get(*station))
    }

    /// Folds a record in.
    pub fn apply(&mut self, record: &Record) {
        match &record.body {
            Body::Plant(plant) => self.put_in_force(record, &plant.schedules),
            Body::Trace(event) => self.worked(record.at.wall, event),
            Body::Maintenance(event) => self.maintained(record, event),
            Body::Quarantine(_)
            | Body::Gap(_)
            | Body::Epoch(_)
            | Body::Verdict(_)
            | Body::Orders(_)
            | Body::Audit(_)
            | Body::Tombstone(_)
            | Body::Case(_)
            | Body::Alarm(_)
            | Body::Dropped => {}
        }
    }

    /// What stays goes on, by whatever it is due after from now on; what is gone is forgotten.
    fn put_in_force(&mut self, record: &Record, schedules: &[(StationId, Schedule)]) {
        let mut before = std::mem::take(&mut self.0);
        for (station, Schedule { id, every }) in schedules {
            let known = before.get_mut(station).and_then(|of| of.remove(id));
            let known = known.filter(|known| known.every.unit() == every.unit());
            let used = match known {
                Some(known) => Used { every: *every, ..known },
                None => Used::new(*every, record),
            };
            self.0.entry(station.clone()).or_default().insert(id.clone(), used);
        }
    }

    /// Only production is use, and only when it happens.
    fn worked(&mut self, at: Utc, event: &TraceEvent) {
        let verb = event.what.verb();
        let is_use = verb.is_work() && event.purpose == Purpose::Production;
        if !is_use || event.adopted.is_some() || event.is_only_asked() {
            return;
        }
        let station = event.station.as_ref().and_then(|station| self.0.get_mut(station));
        for used in station.into_iter().flat_map(BTreeMap::values_mut) {
            let more = match used.every {
                Usage::Parts { by, .. } => u64::from(by.is(verb)),
                Usage::Hours { idle_ns, .. } => {
                    let last = used.last.replace(at).unwrap_or(at);
                    let passed = u64::try_from(at.0.saturating_sub(last.0)).unwrap_or_default();
                    if passed <= idle_ns { passed } else { 0 }
                }
            };
            used.used = used.used.saturating_add(more);
        }
    }

    fn maintained(&mut self, record: &Record, event: &MaintenanceEvent) {
        let here = self.0.get_mut(&event.station).into_iter().flatten();
        for (_, used) in here.filter(|(id, _)| event.ends(&event.station, id)) {
            *used = Used::new(used.every, record);
        }
    }

    /// What is to be said of the stations that records were about, where it is another than what was `said` last: what is due
    /// by now, and what is not.
    pub fn spoken(
        &self,
        records: &[Record],
        time: Utc,
        said: impl Fn(&StationId, &MonitorId) -> Option<Verdict>,
    ) -> Vec<VerdictEvent> {
        let mut about: BTreeSet<&StationId> = BTreeSet::new();
        for record in records.iter().filter(|_| !self.is_empty()) {
            match &record.body {
                Body::Plant(_) => about.extend(self.0.keys()),
                Body::Trace(event) => about.extend(&event.station),
                Body::Maintenance(event) => {
                    about.insert(&event.station);
                }
                Body::Quarantine(_)
                | Body::Gap(_)
                | Body::Epoch(_)
                | Body::Verdict(_)
                | Body::Orders(_)
                | Body::Audit(_)
                | Body::Tombstone(_)
                | Body::Case(_)
                | Body::Alarm(_)
                | Body::Dropped => {}
            }
        }
        let known = about.into_iter().filter_map(|station| self.0.get_key_value(station));
        let all =
            known.flat_map(|(station, of)| of.iter().map(move |(id, used)| (station, id, used)));
        let changed = all.filter(|(station, id, used)| said(station, id) != Some(used.verdict()));
        changed.map(|(station, id, used)| used.event(station, id, time)).collect()
    }
}

impl Used {
    fn new(every: Usage, record: &Record) -> Self {
        Self { every, used: 0, since: record.at.wall, from: record.position, last: None }
    }

    /// Whether it is to be maintained.
    pub fn is_due(&self) -> bool {
        self.used >= self.every.every()
    }

    fn verdict(&self) -> Verdict {
        if self.is_due() { Verdict::Warning } else { Verdict::InControl }
    }

    fn event(&self, station: &StationId, id: &MonitorId, time: Utc) -> VerdictEvent {
        let Self { every, used, .. } = self;
        VerdictEvent {
            station: station.clone(),
            monitor: id.clone(),
            rule: Rule::Usage,
            verdict: self.verdict(),
            side: None,
            statistic: Some(every.shown(*used)),
            limit: Some(every.shown(every.every())),
            time,
            onset: None,
            baseline: None,
            item: None,
            unit: Ucum::parse(every.unit()).ok(),
            over: None,
            joins: None,
            test: None,
            quality: None,
            product: None,
            recipe: None,
            reaches: None,
            contributors: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        At, Digest, MaintenanceStep, Monotonic, PartBy, PersonKey, PlantLoaded, Text, What,
        specimens,
    };

    const MINUTE: i64 = 60_000_000_000;
    const HOUR: Usage = Usage::Hours { every_ns: 3_600_000_000_000, idle_ns: 600_000_000_000 };

    fn station() -> StationId {
        StationId::parse("OP10").unwrap()
    }

    fn belt() -> MonitorId {
        MonitorId::parse("belt").unwrap()
    }

    /// A record of this minute.
    fn record(minute: i64, body: Body) -> Record {
        let at = At { monotonic: Monotonic(0), wall: Utc(minute * MINUTE) };
        Record { position: Position(minute.unsigned_abs() + 1), at, body, plant: None }
    }

    fn plant(every: &[Usage]) -> Body {
        let schedule = |every: &Usage| (station(), Schedule { id: belt(), every: *every });
        Body::Plant(PlantLoaded {
            hash: Digest([0; 32]),
            files: Vec::new(),
            stations: vec![station()],
            monitors: Vec::new(),
            measured: Vec::new(),
            context: Vec::new(),
            counted: Vec::new(),
            latched: Vec::new(),
            schedules: every.iter().map(schedule).collect(),
        })
    }

    fn trace(what: What, change: impl FnOnce(&mut TraceEvent)) -> Body {
        let mut event = TraceEvent::bare(what, Utc(0), Some(station()));
        change(&mut event);
        Body::Trace(event)
    }

    fn arrives() -> What {
        What::Arrive { item: specimens::unit("SN-1") }
    }

    fn made() -> What {
        let (mounts, measurements, phase, order_row) = (Vec::new(), Vec::new(), None, None);
        let (item, result) = (specimens::unit("SN-1"), None);
        What::Complete { item, result, measurements, mounts, phase, order_row }
    }

    fn used(records: &[Record]) -> u64 {
        let mut usages = Usages::default();
        for record in records {
            usages.apply(record);
        }
        let [(_, _, used)] = usages.iter().collect::<Vec<_>>()[..] else { panic!("there is one") };
        used.used
    }

    #[test]
    fn a_part_is_what_is_told_last_of_it_and_only_production_counts() {
        let parts = |by| plant(&[Usage::Parts { every: 9, by }]);
        let all = |by| {
            let bodies = [
                parts(by),
                trace(arrives(), |_| {}),
                trace(made(), |_| {}),
                trace(made(), |event| event.purpose = Purpose::Setup),
                trace(made(), |event| event.purpose = Purpose::Master),
                trace(made(), |event| event.station = StationId::parse("OP20").ok()),
                trace(arrives(), |_| {}),
                trace(arrives(), |_| {}),
            ];
            used(&(0..).zip(bodies).map(|(at, body)| record(at, body)).collect::<Vec<_>>())
        };
        assert_eq!([PartBy::Made, PartBy::Admitted, PartBy::Inspected].map(all), [1, 3, 0]);
    }

    #[test]
    fn hours_are_without_long_pauses_and_a_clock_that_goes_back_takes_none_away() {
        let at = |minutes: &[i64]| {
            let begin = record(0, plant(&[HOUR]));
            let work = minutes.iter().map(|minute| record(*minute, trace(arrives(), |_| {})));
            let all: Vec<Record> = std::iter::once(begin).chain(work).collect();
            i64::try_from(used(&all)).unwrap() / MINUTE
        };
        assert_eq!(at(&[1]), 0, "one record says nothing of how long");
        assert_eq!(at(&[1, 5, 15]), 14);
        assert_eq!(at(&[1, 5, 16, 20]), 8, "eleven minutes are a pause");
        assert_eq!(at(&[100, 105, 50, 55]), 10);
    }

    #[test]
    fn what_is_done_or_counted_in_another_unit_begins_anew() {
        let work = |minute| record(minute, trace(made(), |_| {}));
        let done = |monitors| {
            Body::Maintenance(MaintenanceEvent {
                station: station(),
                monitors,
                step: MaintenanceStep::Done,
                who: PersonKey::new([7; 32]).token("4711"),
                text: Text::parse("belt changed").unwrap(),
                item: None,
                time: Utc(0),
            })
        };
        let hours = |bodies: Vec<Body>| {
            let mut all = vec![record(0, plant(&[HOUR])), work(1), work(4)];
            all.extend(bodies.into_iter().map(|body| record(5, body)));
            all.extend([work(6), work(8)]);
            used(&all) / MINUTE.unsigned_abs()
        };
        assert_eq!(hours(Vec::new()), 7);
        let other = Usage::Hours { every_ns: 1, idle_ns: 600_000_000_000 };
        assert_eq!(hours(vec![plant(&[other])]), 7, "it goes on");
        assert_eq!(hours(vec![done(vec![belt()])]), 2);
        assert_eq!(hours(vec![done(Vec::new())]), 2);
        assert_eq!(hours(vec![done(vec![MonitorId::parse("oil").unwrap()])]), 7);
        assert_eq!(hours(vec![plant(&[]), plant(&[HOUR])]), 2);
        let parts = Usage::Parts { every: 9, by: PartBy::Made };
        assert_eq!(hours(vec![plant(&[parts]), plant(&[HOUR])]), 2);
    }
}
