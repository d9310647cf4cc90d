//! What the condition rules last said.
use super::answer::ConditionView;
use crate::model::{Baseline, MonitorId, Position, Rule, StationId, Utc, Verdict, VerdictEvent};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

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

/// What the rules of one monitor say.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(array)]
struct Monitor {
    #[n(0)]
    by_rule: BTreeMap<Rule, Spoken>,
    #[n(1)]
    baseline: Option<Baseline>,
    /// All that they said.
    #[n(2)]
    history: History,
}

/// All monitors.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(array)]
pub(super) struct Monitors {
    #[n(0)]
    known: BTreeMap<(StationId, MonitorId), Monitor>,
    /// In the order of the plant last put in force.
    #[n(1)]
    plant: Vec<(StationId, MonitorId)>,
}

impl Monitors {
    pub(super) fn put_in_force(&mut self, monitors: &[(StationId, MonitorId)]) {
        self.plant = monitors.to_vec();
        for key in monitors {
            self.known.entry(key.clone()).or_default();
        }
    }

    pub(super) fn spoke(&mut self, position: Position, event: &VerdictEvent) {
        let key = (event.station.clone(), event.monitor.clone());
        let monitor = self.known.entry(key).or_default();
        monitor.history.spoke(position, event);
        // What was over when it became known says nothing of now.
        if event.over.is_some() {
            return;
        }
        if event.baseline.is_some() {
            monitor.baseline.clone_from(&event.baseline);
        }
        let same = monitor.by_rule.get(&event.rule).filter(|s| s.event.verdict == event.verdict);
        let since = same.map_or(event.time, |spoken| spoken.since);
        let spoken = Spoken { event: event.clone(), position, since };
        monitor.by_rule.insert(event.rule, spoken);
    }

    /// Since when a rule has said that all is well, if that is what it said last; of one that a plant file added and that has
    /// not spoken yet: since when another has by the same baseline.
    pub(super) fn well_since(&self, of: &VerdictEvent) -> Option<Utc> {
        let monitor = self.known.get(&(of.station.clone(), of.monitor.clone()))?;
        let spoken = |spoken: &&Spoken| {
            let same = of.baseline.is_some() && spoken.event.baseline == of.baseline;
            spoken.event.rule == of.rule || same
        };
        let well = monitor.by_rule.values().filter(spoken);
        let well = well.filter(|spoken| spoken.event.verdict == Verdict::InControl);
        well.map(|spoken| spoken.since).min()
    }

    /// What a monitor said, from its first record on; `None` if none speaks of it.
    pub(super) fn history(&self, station: &StationId, monitor: &MonitorId) -> Option<&History> {
        Some(&self.known.get(&(station.clone(), monitor.clone()))?.history)
    }

    /// What a monitor says now; `None` if no record speaks of it.
    pub(super) fn find(&self, station: &StationId, monitor: &MonitorId) -> Option<ConditionView> {
        let ((station, monitor), said) =
            self.known.get_key_value(&(station.clone(), monitor.clone()))?;
        Some(view(station, monitor, said))
    }

    /// The gravest of what the rules of a monitor say.
    pub(super) fn verdict(&self, station: &StationId, monitor: &MonitorId) -> Verdict {
        let said = self.known.get(&(station.clone(), monitor.clone()));
        let said = said.and_then(gravest);
        said.map_or(Verdict::NoData, |spoken| spoken.event.verdict)
    }

    /// The monitors of the plant in its order, then those that only older records speak of.
    pub(super) fn views(&self) -> Vec<ConditionView> {
        let gone = self.known.iter().filter(|(key, _)| !self.plant.contains(key));
        let plant = self.plant.iter().filter_map(|key| self.known.get_key_value(key));
        plant.chain(gone).map(|((station, monitor), m)| view(station, monitor, m)).collect()
    }
}

/// The gravest of what its rules say; of equals the one said last, but for what only joins another.
fn gravest(said: &Monitor) -> Option<&Spoken> {
    let weight = |s: &&Spoken| (gravity(s.event.verdict), s.event.joins.is_none(), s.position);
    said.by_rule.values().max_by_key(weight)
}

fn view(station: &StationId, monitor: &MonitorId, said: &Monitor) -> ConditionView {
    let gravest = gravest(said);
    let mut agreed: Vec<&Spoken> = said
        .by_rule
        .values()
        .filter(|s| gravest.is_some_and(|gravest| gravest.event.verdict == s.event.verdict))
        .collect();
    agreed.sort_by_key(|spoken| spoken.position);
    let event = gravest.map(|spoken| &spoken.event);
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
        baseline: said.baseline.clone(),
        unit: event.and_then(|e| e.unit.clone()),
        position: gravest.map(|spoken| spoken.position),
    }
}

fn gravity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::InControl | Verdict::NoData => 0,
        Verdict::Warning => 1,
        Verdict::Drift => 2,
    }
}
