//! What the condition rules last said.
use super::alarm::AlarmLog;
use super::answer::ConditionView;
use super::maintenance::{Asks, Works};
use crate::model::{
    Baseline, MaintenanceEvent, MonitorId, Position, Record, Rule, StationId, Text, Utc, Verdict,
    VerdictEvent,
};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

mod history;

pub(super) use history::{History, Learned};

/// What one rule last said.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
struct Spoken {
    #[n(0)]
    event: VerdictEvent,
    #[n(1)]
    position: Position,
    #[n(2)]
    since: Utc,
}

/// A monitor, and what is made by whose baseline its rules judge; its other rules are where nothing is known of that.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub(super) struct Key {
    #[n(0)]
    pub(super) station: StationId,
    #[n(1)]
    pub(super) monitor: MonitorId,
    #[n(2)]
    pub(super) product: Option<Text>,
    #[n(3)]
    pub(super) recipe: Option<Text>,
}

impl Key {
    pub(super) fn of(event: &VerdictEvent) -> Self {
        let (product, recipe) = (event.product.clone(), event.recipe.clone());
        Self { product, recipe, ..Self::unknown(&event.station, &event.monitor) }
    }

    fn is_unknown(&self) -> bool {
        self.product.is_none() && self.recipe.is_none()
    }

    /// The first of a monitor.
    pub(super) fn unknown(station: &StationId, monitor: &MonitorId) -> Self {
        let (station, monitor) = (station.clone(), monitor.clone());
        Self { station, monitor, product: None, recipe: None }
    }
}

/// What the rules of one monitor say by one baseline.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(array)]
struct Monitor {
    #[n(0)]
    by_rule: BTreeMap<Rule, Spoken>,
    #[n(1)]
    baseline: Option<Baseline>,
}

/// All monitors.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(array)]
pub(super) struct Monitors {
    #[n(0)]
    known: BTreeMap<Key, Monitor>,
    /// In the order of the plant last put in force.
    #[n(1)]
    plant: Vec<(StationId, MonitorId)>,
    #[n(2)]
    #[cbor(default, skip_if = "Works::is_empty")]
    works: Works,
    /// All that monitors said.
    #[n(3)]
    histories: BTreeMap<(StationId, MonitorId), History>,
    #[n(4)]
    #[cbor(default, skip_if = "Asks::is_empty")]
    asks: Asks,
}

impl Monitors {
    pub(super) fn put_in_force(&mut self, at: Utc, monitors: &[(StationId, MonitorId)]) {
        self.plant = monitors.to_vec();
        // What stood against a monitor that is gone ended with it: it comes back as a new one.
        let against = |said: &Monitor| {
            let stands =
                |s: &Spoken| s.event.verdict == Verdict::Drift || s.event.rule == Rule::Master;
            said.by_rule.values().any(stands)
        };
        let is_gone =
            |key: &&Key| !monitors.iter().any(|(s, m)| (s, m) == (&key.station, &key.monitor));
        let known = self.known.iter().filter(|(key, said)| is_gone(key) && against(said));
        let gone: BTreeSet<(StationId, MonitorId)> =
            known.map(|(key, _)| (key.station.clone(), key.monitor.clone())).collect();
        self.known
            .retain(|key, _| !gone.iter().any(|(s, m)| (s, m) == (&key.station, &key.monitor)));
        for (key, history) in self.histories.iter_mut().filter(|(key, _)| gone.contains(*key)) {
            self.known.entry(Key::unknown(&key.0, &key.1)).or_default();
            history.end(at);
        }
        for (station, monitor) in monitors {
            self.known.entry(Key::unknown(station, monitor)).or_default();
            self.histories.entry((station.clone(), monitor.clone())).or_default();
        }
    }

    pub(super) fn spoke(&mut self, position: Position, event: &VerdictEvent) {
        self.works.spoke(position, event);
        self.asks.spoke(position, event);
        let of = (event.station.clone(), event.monitor.clone());
        self.histories.entry(of).or_default().spoke(position, event);
        let key = Key::of(event);
        if event.is_forgotten() {
            self.known.remove(&key);
            return;
        }
        let monitor = self.known.entry(key).or_default();
        // What was over when it became known says nothing of now.
        if event.over.is_some() {
            return;
        }
        if event.baseline.is_some() && event.rule.is_of_baseline() {
            monitor.baseline.clone_from(&event.baseline);
        }
        let same = monitor.by_rule.get(&event.rule).filter(|s| s.event.verdict == event.verdict);
        let since = same.map_or(event.time, |spoken| spoken.since);
        let spoken = Spoken { event: event.clone(), position, since };
        monitor.by_rule.insert(event.rule, spoken);
    }

    /// Maintenance: if it is done, what its monitors have learned, and what they say by it, is over.
    pub(super) fn maintained(&mut self, position: Position, event: &MaintenanceEvent) {
        let mut before = BTreeMap::new();
        let ended = self.known.iter_mut().filter(|(key, _)| event.ends(&key.station, &key.monitor));
        // A master learns nothing.
        let ended = ended.filter(|(_, said)| !said.by_rule.contains_key(&Rule::Master));
        for (key, said) in ended {
            before.extend(said.baseline.take().map(|baseline| (key.clone(), baseline)));
            said.by_rule.retain(|_, spoken| !spoken.event.ends_with_maintenance());
        }
        self.known.retain(|key, said| key.is_unknown() || !said.by_rule.is_empty());
        let ended = self.histories.iter_mut().filter(|((at, id), _)| event.ends(at, id));
        ended.for_each(|(_, history)| history.end(event.time));
        let used = self.asks.maintained(position, event);
        self.works.take(position, event, (before, used));
    }

    /// Whatever a record tells of use is counted.
    pub(super) fn count_use(&mut self, record: &Record) {
        self.asks.count_use(record);
    }

    /// All that warnings asked for, and how much was used.
    pub(super) fn asks(&self) -> &Asks {
        &self.asks
    }

    /// The monitors, and masters, of the plant last put in force, in its order.
    pub(super) fn in_plant(&self) -> &[(StationId, MonitorId)] {
        &self.plant
    }

    /// All that was said of maintenance.
    pub(super) fn works(&self) -> &Works {
        &self.works
    }

    /// Since when a rule has said that all is well, if that is what it said last; of one that a plant file added and that has
    /// not spoken yet: since when another has by the same baseline.
    pub(super) fn well_since(&self, of: &VerdictEvent) -> Option<Utc> {
        let monitor = self.known.get(&Key::of(of))?;
        let spoken = |spoken: &&Spoken| {
            let same = of.baseline.is_some() && spoken.event.baseline == of.baseline;
            spoken.event.rule == of.rule || same
        };
        let well = monitor.by_rule.values().filter(spoken);
        let well = well.filter(|spoken| spoken.event.verdict == Verdict::InControl);
        well.map(|spoken| spoken.since).min()
    }

    /// What the rules of a monitor say, by each of its baselines.
    fn of<'a>(
        &'a self,
        station: &'a StationId,
        monitor: &'a MonitorId,
    ) -> impl Iterator<Item = (&'a Key, &'a Monitor)> {
        let all = self.known.range(Key::unknown(station, monitor)..);
        all.take_while(|(key, _)| (&key.station, &key.monitor) == (station, monitor))
    }

    /// What a monitor said, from its first record on; `None` if none speaks of it.
    pub(super) fn history(&self, station: &StationId, monitor: &MonitorId) -> Option<&History> {
        self.histories.get(&(station.clone(), monitor.clone()))
    }

    /// What a monitor says now; `None` if no record speaks of it.
    pub(super) fn find(
        &self,
        station: &StationId,
        monitor: &MonitorId,
        alarms: &AlarmLog,
    ) -> Option<ConditionView> {
        self.of(station, monitor).next()?;
        Some(self.view(station, monitor, alarms))
    }

    /// The gravest of what the rules of a monitor say, whatever is made.
    pub(super) fn verdict(&self, station: &StationId, monitor: &MonitorId) -> Verdict {
        let said = gravest(self.of(station, monitor).flat_map(|(_, said)| said.by_rule.values()));
        said.map_or(Verdict::NoData, |spoken| spoken.event.verdict)
    }

    /// The monitors of the plant in its order, then those that only older records speak of.
    pub(super) fn views(&self, alarms: &AlarmLog) -> Vec<ConditionView> {
        let mut gone: Vec<_> =
            self.known.keys().map(|key| (key.station.clone(), key.monitor.clone())).collect();
        gone.dedup();
        gone.retain(|key| !self.plant.contains(key));
        self.plant
            .iter()
            .chain(&gone)
            .map(|(station, monitor)| self.view(station, monitor, alarms))
            .collect()
    }

    fn view(&self, station: &StationId, monitor: &MonitorId, alarms: &AlarmLog) -> ConditionView {
        let all = || self.of(station, monitor).flat_map(|(_, said)| said.by_rule.values());
        let gravest = gravest(all());
        let mut agreed: Vec<&Spoken> =
            all().filter(|s| gravest.is_some_and(|gravest| s.agrees(gravest))).collect();
        agreed.sort_by_key(|spoken| spoken.position);
        let event = gravest.map(|spoken| &spoken.event);
        let of_it = event.and_then(|event| self.known.get(&Key::of(event))?.baseline.clone());
        let learned = self.of(station, monitor).filter_map(|(_, said)| said.baseline.clone());
        ConditionView {
            station: station.clone(),
            monitor: monitor.clone(),
            rule: event.map(|e| e.rule),
            rules: agreed.iter().map(|spoken| spoken.event.rule).collect(),
            verdict: event.map_or(Verdict::NoData, |e| e.verdict),
            side: event.and_then(|e| e.side),
            statistic: event.and_then(|e| e.statistic),
            limit: event.and_then(|e| e.limit),
            since: gravest.map(|spoken| spoken.since),
            onset: event.and_then(|e| e.onset),
            baseline: of_it.or_else(|| learned.max_by_key(|baseline| baseline.version)),
            unit: event.and_then(|e| e.unit.clone()),
            position: gravest.map(|spoken| spoken.position),
            product: event.and_then(|e| e.product.clone()),
            recipe: event.and_then(|e| e.recipe.clone()),
            alarm: alarms.state(station, monitor),
            contributors: event.map(|e| e.contributors.clone()).unwrap_or_default(),
        }
    }
}

impl Spoken {
    /// Whether it says the same as the gravest, of the same that is made, or of the monitor whatever is made.
    fn agrees(&self, gravest: &Self) -> bool {
        let Self { event, .. } = self;
        let same = event.making() == gravest.event.making() || event.making().is_unknown();
        event.verdict == gravest.event.verdict && same
    }
}

/// The gravest of what rules say; of equals the one said last, but for what only joins another.
fn gravest<'a>(said: impl Iterator<Item = &'a Spoken>) -> Option<&'a Spoken> {
    said.max_by_key(|s| (gravity(s.event.verdict), s.event.joins.is_none(), s.position))
}

fn gravity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::NoData => 0,
        Verdict::InControl => 1,
        Verdict::Warning => 2,
        Verdict::Drift => 3,
    }
}
