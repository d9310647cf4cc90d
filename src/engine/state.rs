//! The state and its two ways to change.
use crate::capture::{Capture, Made, Memory};
use crate::condition::{Alarms, Conditions, Masters, Spoken, Usages};
use crate::model::plant::{Carried, Plant, Station, StationIndex};
use crate::model::{
    At, Body, Command, Effect, GapCause, Input, MaintenanceEvent, MonitorId, Monotonic, Notice,
    PersonKey, PlantLoaded, Position, Purpose, Record, Rule, StartCause, StationId, Step, Text,
    TraceEvent, Utc, Verdict, VerdictEvent, What,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Everything that is decided, in one place.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(super) capture: Capture,
    pub(super) conditions: Option<Conditions>,
    pub(super) masters: Option<Masters>,
    /// The last word of every rule of every monitor, of whatever is made, and the last ones of every master, each with when it was
    /// said by our clock: what charts and masters are restored from.
    pub(super) verdicts: BTreeMap<(StationId, MonitorId), Said>,
    /// The version of the baseline that maintenance ended, of every monitor that learned none since.
    pub(super) ended: BTreeMap<(StationId, MonitorId), u32>,
    pub(super) alarms: Alarms,
    /// When the next alarm is taken off the shelf.
    pub(super) lapse: Option<Monotonic>,
    /// How much the stations were used since something of them was maintained.
    pub(super) usages: Usages,
    pub(super) last: Position,
    /// The record of the plant in force.
    pub(super) plant: Option<Position>,
    pub(super) started: Option<StartCause>,
}

/// Words of a monitor, or of a master, each with when it was said by our clock.
pub(super) type Said = Vec<(Utc, VerdictEvent)>;

impl Engine {
    /// Before the first record; badges become tokens under this key.
    pub fn new(persons: PersonKey) -> Self {
        Self {
            capture: Capture::new(persons),
            conditions: None,
            masters: None,
            verdicts: BTreeMap::new(),
            ended: BTreeMap::new(),
            alarms: Alarms::default(),
            lapse: None,
            usages: Usages::default(),
            last: Position(0),
            plant: None,
            started: None,
        }
    }

    /// The last record that is folded in.
    pub fn position(&self) -> Position {
        self.last
    }

    /// The durable half of capture.
    pub fn memory(&self) -> &Memory {
        self.capture.memory()
    }

    /// Folds a durable record in: recovery.
    ///
    /// # Panics
    /// If the record is not the next one: the ledger is dense, so this is an error of ours.
    pub fn apply(&mut self, record: &Record) {
        assert_eq!(record.position, self.last.next(), "records are folded in without a hole");
        self.capture.apply(record);
        self.note(record);
    }

    /// What the engine itself keeps of a record that capture has folded in.
    pub(super) fn note(&mut self, record: &Record) {
        self.last = record.position;
        self.alarms.take(record);
        self.usages.apply(record);
        if let Body::Plant(plant) = &record.body {
            self.plant = Some(record.position);
            // What stood against a monitor that is gone ended with it: it comes back as a new one.
            self.verdicts.retain(|key, said| {
                let of_master = said.iter().any(|(_, event)| event.rule == Rule::Master);
                let against = said.iter().any(|(_, event)| event.verdict == Verdict::Drift);
                plant.monitors.contains(key) || !(of_master || against)
            });
        }
        if let Body::Maintenance(event) = &record.body {
            self.end_baselines(event);
        }
        if let Body::Verdict(event) = &record.body
            && event.over.is_none()
        {
            let key = (event.station.clone(), event.monitor.clone());
            if event.rule.is_of_baseline() && event.baseline.is_some() {
                self.ended.remove(&key);
            }
            let kept = self.verdicts.entry(key).or_default();
            if event.rule == Rule::Master {
                // The first says since when it is expected.
                if kept.len() >= Masters::REMEMBERED {
                    kept.remove(1);
                }
            } else {
                let of = |old: &VerdictEvent| old.rule == event.rule || event.is_forgotten();
                let making = event.making();
                kept.retain(|(_, old)| old.making() != making || !of(old));
            }
            if !event.is_forgotten() {
                kept.push((record.at.wall, event.clone()));
            }
        }
    }

    /// What maintenance ends: all that is said by what was learned. The number of the baseline stays, for the next one.
    fn end_baselines(&mut self, event: &MaintenanceEvent) {
        let ends = |(station, monitor): &(StationId, MonitorId)| event.ends(station, monitor);
        for (key, said) in self.verdicts.iter_mut().filter(|(key, _)| ends(key)) {
            let baselines = said.iter().filter_map(|(_, event)| event.baseline.as_ref());
            if let Some(version) = baselines.map(|baseline| baseline.version).max() {
                let ended = self.ended.entry(key.clone()).or_default();
                *ended = version.max(*ended);
            }
            said.retain_mut(|(_, event)| {
                if event.rule.is_of_trend() {
                    break_off(event);
                }
                event.rule.is_of_trend() || !event.ends_with_maintenance()
            });
        }
        self.verdicts.retain(|_, said| !said.is_empty());
    }

    /// The next time at which [`Input::Wake`] is wanted, and what for.
    pub fn next_wake(&self) -> Option<(Monotonic, &'static str)> {
        let masters = self.masters.as_ref().and_then(Masters::next_wake);
        let conditions = self.conditions.as_ref().and_then(Conditions::next_wake);
        let lapse = self.lapse.map(|due| (due, "shelf"));
        self.capture.next_wake().into_iter().chain(masters).chain(conditions).chain(lapse).min()
    }

    /// Makes an input one that may be kept, without any badge in it; a step decides the same from it.
    pub fn veil(&self, input: &mut Input) {
        self.capture.veil(input);
    }

    /// The same of an input that was kept already, under a plant that knew of fewer badges.
    pub fn veil_kept(&self, input: &mut Input) {
        self.capture.veil_kept(input);
    }

    /// Takes one input at `at`; what is to be done is put into `out`, the frame first. Same state and
    /// input give the same effects, byte for byte.
    pub fn step(&mut self, at: At, input: &Input, out: &mut Vec<Effect>) {
        let mut step = Step::new(at, self.last, self.plant);
        match input {
            Input::Start { cause, .. } => self.started = Some(*cause),
            Input::Plant(plant) => self.load(&mut step, plant),
            Input::Samples(samples) => {
                self.capture.on_input(&mut step, input);
                let mut spoken = Spoken::default();
                if let (Some(conditions), Some(plant)) =
                    (&mut self.conditions, self.capture.plant())
                {
                    for sample in samples {
                        conditions.on_sample(plant, step.at, sample, &mut spoken);
                    }
                }
                record_spoken(&mut self.capture, &mut step, spoken);
            }
            Input::Link { device, link } => {
                self.capture.on_input(&mut step, input);
                if let Some(conditions) = &mut self.conditions {
                    conditions.on_link(step.at, *device, link);
                }
            }
            Input::Lost { device, tag, .. } => {
                self.capture.on_input(&mut step, input);
                if let Some(conditions) = &mut self.conditions {
                    conditions.on_lost(step.at, *device, *tag);
                }
            }
            Input::Command { id, command: Command::Alarm(asked) } => {
                self.on_alarm(&mut step, *id, asked);
            }
            Input::Read(_)
            | Input::Written(_)
            | Input::Facts(_)
            | Input::Command { .. }
            | Input::Wake => self.capture.on_input(&mut step, input),
        }
        self.judge(&mut step);
        self.end_shelves(&mut step);
        step.frame().iter().for_each(|record| self.note(record));
        self.count_use(&mut step);
        self.learn_anew(&step);
        let in_time = |until: Utc| step.at.monotonic.plus(until.since(step.at.wall));
        self.lapse = self.alarms.next_lapse().map(in_time);
        step.finish(out);
    }

    /// What is maintained is learned anew.
    fn learn_anew(&mut self, step: &Step) {
        for record in step.frame() {
            if let (Body::Maintenance(event), Some(charts)) = (&record.body, &mut self.conditions) {
                let ends = |key: &(StationId, MonitorId)| event.ends(&key.0, &key.1);
                charts.learn_anew(|key| {
                    ends(&key).then(|| self.ended.get(&key).copied().unwrap_or_default())
                });
            }
        }
    }

    /// What is due by use after the records of a step, and what is not any more, joins them.
    fn count_use(&mut self, step: &mut Step) {
        let noted = step.frame().len();
        let said = |station: &StationId, id: &MonitorId| {
            let said = self.verdicts.get(&(station.clone(), id.clone()))?.iter();
            said.rev().find(|(_, event)| event.rule == Rule::Usage).map(|(_, event)| event.verdict)
        };
        let spoken = self.usages.spoken(step.frame(), step.at.wall, said);
        record_verdicts(&mut self.capture, step, spoken);
        step.frame().iter().skip(noted).for_each(|record| self.note(record));
    }

    fn load(&mut self, step: &mut Step, plant: &Arc<Plant>) {
        let known = self.capture.memory().plant;
        let before = self.capture.plant().cloned();
        let carried = before.as_deref().map(|old| Carried::between(old, plant)).unwrap_or_default();
        self.capture.load(step, plant, &carried);
        let mut conditions = Conditions::new(plant);
        for (_, event) in self.verdicts.values().flatten() {
            conditions.restore(plant, event);
        }
        conditions.learn_anew(|key| self.ended.get(&key).copied());
        if let (Some(old), Some(charts)) = (before, self.conditions.take()) {
            let untouched: BTreeSet<&StationId> = old
                .stations()
                .filter(|(index, _)| carried.station(*index).is_some())
                .map(|(_, station)| &station.id)
                .collect();
            conditions.adopt(charts, |station| untouched.contains(station));
        }
        for (index, station) in plant.stations() {
            let known = self.capture.memory().station(&station.id);
            makes(&mut conditions, index, known.and_then(|known| known.made.as_ref()));
        }
        self.conditions = Some(conditions);
        let mut masters = Masters::new(plant);
        self.verdicts.values().flatten().for_each(|(said, event)| masters.restore(*said, event));
        match self.started.take() {
            Some(StartCause::Daemon) => self.capture.open_gaps(step, GapCause::Stopped),
            Some(StartCause::Refold) => self.capture.open_gaps(step, GapCause::Unsynced),
            None => {}
        }
        if known != Some(plant.hash) {
            let monitors =
                plant.stations.iter().flat_map(|s| names(s).map(|id| (s.id.clone(), id.clone())));
            self.capture.record(
                step,
                Body::Plant(PlantLoaded {
                    hash: plant.hash,
                    files: plant.files.iter().map(|f| f.name.clone()).collect::<Vec<Text>>(),
                    stations: plant.stations.iter().map(|s| s.id.clone()).collect(),
                    monitors: monitors.collect(),
                    measured: plant.catalog.measurements(),
                    context: plant.context_kept(),
                    counted: plant.feeders_counted(),
                    latched: plant.latched(),
                    schedules: plant.schedules(),
                }),
            );
        }
        let mut verdicts = self.unwatched(plant, step.at.wall);
        masters.begin(step.at, &mut verdicts);
        self.masters = Some(masters);
        record_verdicts(&mut self.capture, step, verdicts);
    }

    /// What warned by a rule that the plant does without: it is over, and nobody else would say so.
    fn unwatched(&self, plant: &Plant, time: Utc) -> Vec<VerdictEvent> {
        let said = self.verdicts.values().flatten().map(|(_, event)| event);
        let warns = said.filter(|event| event.verdict == Verdict::Warning);
        let is_over = |event: &&VerdictEvent| {
            let mut stations = plant.stations.iter().filter(|s| s.id == event.station);
            !stations.any(|station| station.warns_by(&event.monitor, event.rule))
        };
        let over = warns.filter(is_over).cloned().map(|mut event| {
            break_off(&mut event);
            VerdictEvent { time, ..event }
        });
        over.collect()
    }

    /// The measurements of this step's events, judged; verdicts join the same frame.
    pub(super) fn judge(&mut self, step: &mut Step) {
        let made = self.capture.take_made();
        let (Some(conditions), Some(plant)) = (&mut self.conditions, self.capture.plant()) else {
            return;
        };
        let mut spoken = Spoken::default();
        for record in step.frame() {
            let made = made.get(&record.position);
            if let Body::Trace(event) = &record.body {
                let found = plant.stations().find(|(_, s)| Some(&s.id) == event.station.as_ref());
                if let Some((index, _)) = found.filter(|_| event.adopted.is_none()) {
                    judge(conditions, index, (step.at, event, made), &mut spoken);
                }
                if let Some(masters) = &mut self.masters {
                    judge_master(masters, step.at, event, &mut spoken);
                }
            }
        }
        if let Some(masters) = &mut self.masters {
            masters.on_time(step.at, &mut spoken.verdicts);
        }
        conditions.on_time(step.at, &mut spoken);
        record_spoken(&mut self.capture, step, spoken);
    }
}

/// Tells charts of what a station recorded at a time, with what it made by then.
pub fn judge(
    conditions: &mut Conditions,
    station: StationIndex,
    (at, event, made): (At, &TraceEvent, Option<&Made>),
    out: &mut Spoken,
) {
    makes(conditions, station, made);
    judge_event(conditions, (station, made), event, out);
    judge_work(conditions, station, at, event, out);
}

/// A warning is over, and there is nothing to judge by; what says anything else stays.
fn break_off(event: &mut VerdictEvent) {
    if event.verdict == Verdict::Warning {
        event.verdict = Verdict::NoData;
        (event.side, event.statistic, event.limit, event.onset) = (None, None, None, None);
        (event.baseline, event.item, event.quality, event.reaches) = (None, None, None, None);
    }
}

/// What a station makes, as far as that was told.
pub fn makes(conditions: &mut Conditions, station: StationIndex, made: Option<&Made>) {
    if let Some(made) = made {
        conditions.makes(station, &made.now, made.purpose == Purpose::Production);
    }
}

/// Only production enters the charts, and only when it happens.
fn judge_event(
    conditions: &mut Conditions,
    (station, made): (StationIndex, Option<&Made>),
    event: &TraceEvent,
    out: &mut Spoken,
) {
    let (What::Complete { item, measurements, .. }
    | What::Produce { item, measurements, .. }
    | What::Inspect { item, measurements, .. }) = &event.what
    else {
        return;
    };
    let Some(mark) = &event.handshake else { return };
    let of = (station, &mark.key.handshake);
    if event.purpose != Purpose::Production {
        return conditions.leave_out(of.0, of.1, out);
    }
    let made = made.filter(|made| made.item == *item);
    let making = made.map(|made| made.of_item.clone()).unwrap_or_default();
    conditions.on_measurements(of, event.time.at, (item, &making), measurements, out);
}

/// A station works, as [`Station::tells_of_work`] expects it to say.
fn judge_work(
    conditions: &mut Conditions,
    station: StationIndex,
    at: At,
    event: &TraceEvent,
    out: &mut Spoken,
) {
    if event.what.verb().is_work() && event.purpose == Purpose::Production {
        conditions.on_work(at, station, out);
    }
}

/// What a station says of an item, which may be a master.
fn judge_master(masters: &mut Masters, at: At, event: &TraceEvent, out: &mut Spoken) {
    let (What::Complete { item, result: Some(result), .. }
    | What::Produce { item, result: Some(result), .. }
    | What::Inspect { item, result: Some(result), .. }) = &event.what
    else {
        return;
    };
    let station = event.station.as_ref().filter(|_| event.adopted.is_none());
    if let Some(station) = station {
        let said = out.verdicts.len();
        masters.on_result(at, station, item, (event.time.at, *result), &mut out.verdicts);
        if out.verdicts.len() == said {
            let late = |master| Notice {
                about: format!("{station}.{master}"),
                text: format!("did not fire because {item} is told later than what was said of it"),
            };
            out.notices.extend(masters.shown(station, item).map(late));
        }
    }
}

/// Everything at a station that verdicts are about.
pub(super) fn names(station: &Station) -> impl Iterator<Item = &MonitorId> {
    let monitors = station.monitors.iter().map(|monitor| &monitor.id);
    let masters = station.masters.iter().map(|master| &master.id);
    monitors.chain(masters).chain(station.schedules.iter().map(|schedule| &schedule.id))
}

fn record_spoken(capture: &mut Capture, step: &mut Step, spoken: Spoken) {
    record_verdicts(capture, step, spoken.verdicts);
    spoken.notices.into_iter().for_each(|notice| step.effect(Effect::Notice(notice)));
}

fn record_verdicts(capture: &mut Capture, step: &mut Step, verdicts: Vec<VerdictEvent>) {
    for verdict in verdicts {
        capture.record(step, Body::Verdict(verdict));
    }
}
