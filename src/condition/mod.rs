//! Samples become verdicts: limits, charts, baselines, onset; and what is said becomes alarms. Pure.
//!
//! A user promises one thing, the mean time between false alarms; limits follow from it. It judges
//! machines, not units: what a result or a permit is belongs to `capture`. It does not decide what is
//! production, and it never learns a new level by itself.
mod ahead;
mod alarm;
mod baseline;
mod capability;
mod chart;
mod chi_square;
mod contexts;
mod cusum;
mod cusum_length;
mod detector;
mod drift;
mod ewma;
mod flat;
mod group;
mod group_baseline;
mod groups;
mod limit;
mod load;
mod master;
mod memo;
mod mewma;
mod mewma_length;
mod missing;
mod onset;
mod pace;
mod quadrature;
mod quiet;
mod residual;
mod run_length;
mod runs;
mod runs_length;
mod settling;
mod shape;
mod sight;
mod signal;
#[cfg(test)]
mod tests;
mod together;
mod trend;
mod tune;
mod usage;
mod variance;

pub use alarm::{Activation, Alarm, AlarmKey, AlarmSaid, AlarmState, Alarms, Raised, Shelf};
pub use capability::{Capability, Index};
pub use chart::{Chart, Finding, Observation};
pub use load::{AlarmCount, AlarmLoad, Load, StaleAlarm};
pub use master::Masters;
pub use quiet::Spoken;
pub use sight::{Change, Found, Sight};
pub use tune::{Ahead, Learned, Row, Seen, Suspects, TrialAlarm, Tuned, Tuning, rule_sets};
pub use usage::{Usages, Used};

use crate::model::plant::{
    DeviceIndex, Monitor, Plant, SignalRules, Station, StationIndex, TagIndex, Watched,
};
use crate::model::{
    At, HandshakeId, ItemKey, Link, Making, Measurement, MonitorId, Monotonic, Sample, StationId,
    TagName, Ucum, Utc, VerdictEvent,
};
use flat::Passed;
use quiet::Quiet;
use signal::{Signal, Told};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use together::TagsTogether;

/// All charts of a plant.
///
/// State is bounded by the plant: a chart remembers at most 1024 values, or 10 000 while it learns, and a monitor has so
/// many charts at most as it keeps baselines.
#[derive(Debug, Clone)]
pub struct Conditions {
    watches: Vec<Watch>,
    /// All of them by station and monitor.
    by_name: Vec<usize>,
    /// The watches of each tag, by its index.
    by_tag: Vec<Vec<usize>>,
    /// The watches of tags of each station that have baselines, by its index.
    by_making: Vec<Vec<usize>>,
    /// The watches of measurements of each station, by its index.
    by_station: Vec<Vec<usize>>,
    /// The watches of each station that go by its work, by its index.
    by_work: Vec<Vec<usize>>,
    /// When which watch is to be looked at: no rule of it is due before.
    due: BTreeSet<(Monotonic, usize)>,
    /// What each station does, by its index.
    works: Vec<Work>,
}

/// What is known of what a station does; all is production until something else is told.
#[derive(Debug, Clone)]
struct Work {
    making: Making,
    produces: bool,
    /// It tells of its work.
    is_told: bool,
    /// When it last did.
    last: Option<Monotonic>,
}

impl Work {
    fn of(station: &Station) -> Self {
        let is_told = station.tells_of_work();
        Self { making: Making::default(), produces: true, is_told, last: None }
    }

    /// Whether it produces, where a pause that is longer than `idle` ends that.
    fn produces(&self, now: Monotonic, idle: Option<Duration>) -> bool {
        let idle = idle.filter(|_| self.is_told);
        let works = |idle| self.last.is_some_and(|last| now <= last.plus(idle));
        self.produces && idle.is_none_or(works)
    }
}

/// One monitor with its chart.
#[derive(Debug, Clone)]
struct Watch {
    station: StationId,
    at: StationIndex,
    monitor: MonitorId,
    unit: Option<Ucum>,
    device: Option<DeviceIndex>,
    of: Of,
    chart: Chart,
    signal: Signal,
    /// Its place among those that are due.
    queued: Option<Monotonic>,
    /// Why it said nothing, as was told last.
    quiet: Option<Quiet>,
}

#[derive(Debug, Clone)]
enum Of {
    Tag {
        tag: TagIndex,
        bit: Option<u8>,
    },
    Measurement {
        handshake: HandshakeId,
        name: TagName,
    },
    /// How tags go together.
    Tags(TagsTogether),
    /// How measurements do.
    Measurements {
        handshake: HandshakeId,
        names: Vec<TagName>,
    },
}

impl Of {
    /// Whether it goes by what this handshake measures.
    fn is_measured_by(&self, by: &HandshakeId) -> bool {
        match self {
            Self::Measurement { handshake, .. } | Self::Measurements { handshake, .. } => {
                handshake == by
            }
            Self::Tag { .. } | Self::Tags(_) => false,
        }
    }
}

impl Conditions {
    /// Charts that have seen nothing; [`Self::restore`] gives them what the record knows.
    pub fn new(plant: &Plant) -> Self {
        let mut new = Self {
            watches: Vec::new(),
            by_name: Vec::new(),
            by_tag: vec![Vec::new(); plant.tags.len()],
            by_making: vec![Vec::new(); plant.stations.len()],
            by_station: vec![Vec::new(); plant.stations.len()],
            by_work: vec![Vec::new(); plant.stations.len()],
            due: BTreeSet::new(),
            works: plant.stations.iter().map(Work::of).collect(),
        };
        for (index, station) in plant.stations() {
            // One without a rule is recorded by the tape and judged by nobody.
            let judged = station.monitors.iter();
            let ruled = |m: &&Monitor| {
                m.limits.is_some() || m.drift.is_some() || m.signal != SignalRules::default()
            };
            for monitor in judged.filter(ruled) {
                let (of, device) = watched(plant, station, monitor);
                let add = |list: &mut Vec<usize>| list.push(new.watches.len());
                match &of {
                    Of::Tag { tag, .. } => new.by_tag.get_mut(tag.get()).into_iter().for_each(add),
                    Of::Tags(together) => {
                        let tags: BTreeSet<TagIndex> = together.tags().collect();
                        tags.iter()
                            .filter_map(|tag| new.by_tag.get_mut(tag.get()).map(add))
                            .count();
                    }
                    Of::Measurement { .. } | Of::Measurements { .. } => {
                        new.by_station.get_mut(index.get()).into_iter().for_each(add);
                    }
                }
                let of_tags = matches!(of, Of::Tag { .. } | Of::Tags(_));
                if of_tags && monitor.drift.is_some() {
                    new.by_making.get_mut(index.get()).into_iter().for_each(add);
                }
                let by_work = station.tells_of_work();
                if by_work && monitor.signal.flat.is_some() {
                    new.by_work.get_mut(index.get()).into_iter().for_each(add);
                }
                new.watches.push(Watch {
                    station: station.id.clone(),
                    at: index,
                    monitor: monitor.id.clone(),
                    unit: monitor.unit.clone(),
                    device,
                    of,
                    chart: Chart::new(monitor),
                    signal: Signal::new(&monitor.signal, by_work),
                    queued: None,
                    quiet: None,
                });
            }
        }
        new.by_name = (0..new.watches.len()).collect();
        new.by_name.sort_by_key(|index| new.watches.get(*index).map(Watch::name));
        new
    }

    /// A station makes this from now on, for production or not. Its tags are held against the baselines of
    /// that; of measurements the item says which.
    pub fn makes(&mut self, station: StationIndex, making: &Making, produces: bool) {
        let Some(work) = self.works.get_mut(station.get()) else { return };
        work.produces = produces;
        if work.making == *making {
            return;
        }
        work.making.clone_from(making);
        for index in self.by_making.get(station.get()).into_iter().flatten() {
            let Some(watch) = self.watches.get_mut(*index) else { continue };
            watch.chart.turn(making);
            if let Of::Tags(together) = &mut watch.of {
                together.begin_anew();
            }
        }
    }

    /// Takes a sample of a tag; adds verdicts that changed to `out`. By absolute limits a machine is judged whatever it is
    /// used for; by a baseline only while its station produces.
    pub fn on_sample(&mut self, plant: &Plant, at: At, sample: &Sample, out: &mut Spoken) {
        debug_assert_eq!(
            plant.tags.len(),
            self.by_tag.len(),
            "the plant these charts were made for"
        );
        for index in self.by_tag.get(sample.tag.get()).into_iter().flatten() {
            let Some(watch) = self.watches.get_mut(*index) else { continue };
            let work = self.works.get(watch.at.get());
            let produces = work.map(|work| work.produces(at.monotonic, watch.chart.idle()));
            let begins = produces.is_some_and(|produces| watch.chart.produce(produces));
            if let (Of::Tags(together), true) = (&mut watch.of, begins) {
                // What they said before was no production.
                together.begin_anew();
            }
            match &watch.of {
                Of::Tag { bit, .. } => {
                    let (time, quality) = (sample.time(), sample.quality);
                    let value = of_sample(sample, *bit);
                    watch.told(&Told { at, time, value, quality }, out);
                    watch.queue(*index, &mut self.due);
                }
                Of::Tags(_) => watch.told_of_member(at, sample, out),
                Of::Measurement { .. } | Of::Measurements { .. } => {}
            }
        }
    }

    /// Takes the measurements of an item, made at `time` by a handshake of a station, with what the item is; adds
    /// verdicts that changed to `out`. The caller leaves out what is not production.
    pub fn on_measurements(
        &mut self,
        (station, handshake): (StationIndex, &HandshakeId),
        time: Utc,
        (item, making): (&ItemKey, &Making),
        measurements: &[Measurement],
        out: &mut Spoken,
    ) {
        for index in self.by_station.get(station.get()).into_iter().flatten() {
            let Some(watch) = self.watches.get_mut(*index) else { continue };
            if !watch.of.is_measured_by(handshake) {
                continue;
            }
            watch.chart.turn(making);
            watch.chart.produce(true);
            match &watch.of {
                Of::Measurement { name, .. } => {
                    let Some(found) = measurements.iter().find(|m| m.name == *name) else {
                        watch.tell(Quiet::NoValue, out);
                        continue;
                    };
                    let value = of_measurement(found);
                    watch.step(&Observation { time, value, item: Some(item) }, out);
                }
                Of::Measurements { names, .. } => {
                    let all = groups::measured(names, measurements);
                    watch.step_group(time, all, Some(item), out);
                }
                Of::Tag { .. } | Of::Tags(_) => {}
            }
        }
    }

    /// A handshake of a station told of something that is not production: nothing is judged by it.
    pub fn leave_out(&mut self, station: StationIndex, handshake: &HandshakeId, out: &mut Spoken) {
        for index in self.by_station.get(station.get()).into_iter().flatten() {
            let Some(watch) = self.watches.get_mut(*index) else { continue };
            if watch.of.is_measured_by(handshake) {
                watch.chart.produce(false);
                watch.tell(Quiet::NoProduction, out);
            }
        }
    }

    /// Takes back what the record says of a monitor: events in the order of the record, all of them or
    /// the last of each rule. What is so already stays untouched; monitors that are no more are passed
    /// over.
    pub fn restore(&mut self, plant: &Plant, event: &VerdictEvent) {
        debug_assert_eq!(
            plant.tags.len(),
            self.by_tag.len(),
            "the plant these charts were made for"
        );
        let name = (&event.station, &event.monitor);
        let of = |index: &usize| self.watches.get(*index).map(Watch::name).cmp(&Some(name));
        let index = self.by_name.binary_search_by(of).ok().and_then(|at| self.by_name.get(at));
        let Some(index) = index.copied() else { return };
        if let Some(watch) = self.watches.get_mut(index) {
            watch.chart.restore(event);
            watch.signal.restore(event);
            watch.queue(index, &mut self.due);
        }
    }

    /// Ends what monitors have learned, and what they say by it, of those of which `ended` tells the version of the last
    /// baseline, 0 if there was none: the next one has the version after it.
    pub fn learn_anew(&mut self, mut ended: impl FnMut((StationId, MonitorId)) -> Option<u32>) {
        for watch in &mut self.watches {
            if let Some(version) = ended((watch.station.clone(), watch.monitor.clone())) {
                watch.chart.learn_anew(version);
            }
        }
    }

    /// Goes on with the charts of `before` at the stations that nothing was changed about.
    pub fn adopt(&mut self, before: Self, untouched: impl Fn(&StationId) -> bool) {
        let Self { watches, works, .. } = before;
        let mut charts: BTreeMap<_, _> = watches
            .into_iter()
            .filter(|watch| untouched(&watch.station))
            .map(|watch| {
                let Watch { station, monitor, chart, signal, at, of, .. } = watch;
                ((station, monitor), (chart, signal, at, of))
            })
            .collect();
        for watch in &mut self.watches {
            if let Some(of) = charts.remove(&(watch.station.clone(), watch.monitor.clone())) {
                let (before, watched);
                (watch.chart, watch.signal, before, watched) = of;
                if let (Of::Tags(now), Of::Tags(before)) = (&mut watch.of, watched) {
                    now.adopt(before);
                }
                let work = self.works.get_mut(watch.at.get()).zip(works.get(before.get()));
                if let Some((work, before)) = work {
                    work.clone_from(before);
                }
            }
        }
        for (index, watch) in self.watches.iter_mut().enumerate() {
            watch.queue(index, &mut self.due);
        }
    }

    /// A device is observed, or not any more: then what its tags say next does not follow on what they said
    /// last. Moving averages and memories stay, since a pause neither proves nor disproves a change.
    pub fn on_link(&mut self, at: At, device: DeviceIndex, link: &Link) {
        if matches!(link, Link::Down { .. }) {
            self.forget_members(|_, of| of == device, true);
        }
        let of = |(_, watch): &(usize, &mut Watch)| watch.device == Some(device);
        for (index, watch) in self.watches.iter_mut().enumerate().filter(of) {
            match link {
                Link::Live { .. } => {
                    watch.signal.live(at);
                    watch.queue(index, &mut self.due);
                }
                Link::Down { .. } => {
                    watch.chart.interrupt();
                    watch.signal.down();
                }
            }
        }
    }

    /// Nobody knows what came since: no value follows on the one before it.
    fn interrupt(&mut self) {
        self.watches.iter_mut().for_each(|watch| watch.chart.interrupt());
    }

    /// Values of a device, or of one tag of it, were lost on the way to us.
    pub fn on_lost(&mut self, at: At, device: DeviceIndex, lost: Option<TagIndex>) {
        self.forget_members(|tag, of| lost.map_or(of == device, |lost| lost == tag), false);
        for watch in self.watches.iter_mut().filter(|watch| watch.device == Some(device)) {
            let Of::Tag { tag, .. } = watch.of else { continue };
            if lost.is_none_or(|lost| lost == tag) {
                // What is due is put off by that, and its place before stays.
                watch.signal.lost(at);
                watch.chart.lost(at);
            }
        }
    }

    /// A station has worked on something; the caller leaves out what is not production.
    pub fn on_work(&mut self, at: At, station: StationIndex, out: &mut Spoken) {
        if let Some(work) = self.works.get_mut(station.get()) {
            work.last = Some(at.monotonic);
        }
        for index in self.by_work.get(station.get()).into_iter().flatten() {
            let Some(watch) = self.watches.get_mut(*index) else { continue };
            if let Some(passed) = watch.signal.worked(at, watch.chart.baseline()) {
                watch.passed(at, passed, out);
            }
        }
    }

    /// Adds what the rules say that are due by now, in the order of the plant. Looks at no others.
    pub fn on_time(&mut self, at: At, out: &mut Spoken) {
        for index in self.due_by(at.monotonic) {
            let Some(watch) = self.watches.get_mut(index) else { continue };
            watch.queued = None;
            if watch.due().is_some_and(|due| due <= at.monotonic) {
                watch.on_time(at, out);
            }
            watch.queue(index, &mut self.due);
        }
    }

    /// Takes the watches that are to be looked at by now.
    fn due_by(&mut self, now: Monotonic) -> BTreeSet<usize> {
        let mut due = BTreeSet::new();
        while let Some(first) = self.due.first().filter(|(due, _)| *due <= now).copied() {
            self.due.remove(&first);
            due.insert(first.1);
        }
        due
    }

    /// Values that were held against a baseline, of all monitors.
    fn judged(&self) -> u64 {
        self.watches.iter().map(|watch| watch.chart.judged()).sum()
    }

    /// When a rule may be due next.
    pub fn next_wake(&self) -> Option<(Monotonic, &'static str)> {
        self.due.first().map(|(due, _)| (*due, "condition"))
    }
}

/// What a tag says, or one bit of it: a finite number of good quality.
fn of_sample(sample: &Sample, bit: Option<u8>) -> Option<f64> {
    let value = sample.good()?;
    let number = match bit {
        Some(bit) => value.bit(bit).map(|set| f64::from(u8::from(set))),
        None => value.number(),
    };
    number.filter(|x| x.is_finite())
}

/// What was measured: a number of good quality.
fn of_measurement(measurement: &Measurement) -> Option<f64> {
    measurement.quality.is_good().then(|| measurement.value.number()).flatten()
}

/// What a monitor watches, and on which device.
fn watched(plant: &Plant, station: &Station, monitor: &Monitor) -> (Of, Option<DeviceIndex>) {
    match &monitor.of {
        Watched::Tag(word) => {
            (Of::Tag { tag: word.tag, bit: word.bit }, Some(plant.tag(word.tag).device))
        }
        Watched::Measurement(handshake, name) => {
            let (handshake, name) = (handshake.clone(), name.clone());
            (Of::Measurement { handshake, name }, station.device)
        }
        // Each of several tags has a device of its own.
        Watched::Tags(of) => {
            let every = monitor.drift.map(|drift| drift.every).unwrap_or_default();
            let tags = of.iter().map(|(_, word)| (*word, plant.tag(word.tag).device)).collect();
            (Of::Tags(TagsTogether::new(tags, every)), None)
        }
        Watched::Measurements(handshake, names) => {
            let (handshake, names) = (handshake.clone(), names.clone());
            (Of::Measurements { handshake, names }, station.device)
        }
    }
}

impl Watch {
    fn name(&self) -> (&StationId, &MonitorId) {
        (&self.station, &self.monitor)
    }

    /// When its next rule is due.
    fn due(&self) -> Option<Monotonic> {
        self.signal.due().into_iter().chain(self.chart.due()).min()
    }

    /// Has it looked at when its next rule is due. A place before that stays: values put that off all the time, and
    /// to be looked at once too early costs less than to move for each of them.
    fn queue(&mut self, index: usize, due: &mut BTreeSet<(Monotonic, usize)>) {
        let Some(next) = self.due() else { return };
        if self.queued.is_some_and(|queued| queued <= next) {
            return;
        }
        if let Some(queued) = self.queued.replace(next) {
            due.remove(&(queued, index));
        }
        due.insert((next, index));
    }

    /// A tag said something.
    fn told(&mut self, told: &Told, out: &mut Spoken) {
        let said = out.verdicts.len();
        for found in self.signal.told(told, self.chart.baseline()) {
            out.verdicts.push(self.event(found, told.at.wall, None));
        }
        let quiet =
            self.judge(&Observation { time: told.time, value: told.value, item: None }, out);
        self.chart.stands(told.at);
        let quiet = self.signal.quiet(told).unwrap_or(quiet);
        self.conclude(said, quiet, out);
    }

    fn step(&mut self, observation: &Observation<'_>, out: &mut Spoken) {
        let said = out.verdicts.len();
        let quiet = self.judge(observation, out);
        self.conclude(said, quiet, out);
    }

    fn on_time(&mut self, at: At, out: &mut Spoken) {
        if let Some(crossed) = self.chart.on_time(at) {
            self.passed(at, Ok(crossed), out);
        }
        for passed in self.signal.on_time(at, self.chart.baseline()) {
            self.passed(at, passed, out);
        }
    }

    /// Tells what comes of time that has passed.
    fn passed(&mut self, at: At, passed: Passed, out: &mut Spoken) {
        match passed {
            Ok(finding) => {
                out.verdicts.push(self.event(finding, at.wall, None));
                self.quiet = None;
            }
            Err(quiet) => self.tell(quiet, out),
        }
    }

    /// Says why nothing was said, if it was not.
    fn conclude(&mut self, said: usize, quiet: Quiet, out: &mut Spoken) {
        if out.verdicts.len() > said {
            self.quiet = None;
        } else {
            self.tell(quiet, out);
        }
    }

    /// Tells why nothing is said, unless that was told last.
    fn tell(&mut self, quiet: Quiet, out: &mut Spoken) {
        if self.quiet.replace(quiet) != Some(quiet) {
            out.notices.push(quiet::notice(&self.station, &self.monitor, quiet));
        }
    }

    fn judge(&mut self, observation: &Observation<'_>, out: &mut Spoken) -> Quiet {
        let mut findings = Vec::new();
        self.chart.step(observation, &mut |finding| findings.push(finding));
        let event = |found| self.event(found, observation.time, observation.item);
        out.verdicts.extend(findings.into_iter().map(event));
        match observation.value.filter(|x| x.is_finite()) {
            Some(_) => self.chart.quiet(),
            None => Quiet::NoValue,
        }
    }

    fn event(&self, finding: Finding, time: Utc, item: Option<&ItemKey>) -> VerdictEvent {
        VerdictEvent {
            station: self.station.clone(),
            monitor: self.monitor.clone(),
            rule: finding.rule,
            verdict: finding.verdict,
            side: finding.side,
            statistic: finding.statistic,
            limit: finding.limit,
            time,
            onset: finding.onset,
            baseline: finding.baseline,
            item: item.cloned(),
            unit: finding.unit.or_else(|| self.unit.clone()),
            over: None,
            joins: finding.joins,
            test: finding.test,
            quality: finding.quality,
            reaches: finding.reaches,
            contributors: finding.contributors,
            product: finding.making.product,
            recipe: finding.making.recipe,
        }
    }
}
