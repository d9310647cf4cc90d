//! What rules would have said of values that were: charts of one monitor, each with other rules, beside each other, and
//! what each would have cost. It judges by the very charts that judge live, and it reads nothing: it is told.
use super::sight::Sight;
use super::{Conditions, Spoken, of_measurement, of_sample};
use crate::model::plant::{
    Drift, DriftRules, Monitor, Plant, RunSet, SignalRules, StationIndex, Watched,
};
use crate::model::{
    At, Baseline, ItemKey, MonitorId, Onset, Purpose, Result, Rule, Sample, Side, StationId, Text,
    TraceEvent, Ucum, Utc, Verdict, VerdictEvent, What,
};

mod cost;

/// Every rule that a monitor could have, each alone.
pub fn rule_sets(of: &Watched) -> Vec<DriftRules> {
    let none = DriftRules { ewma: false, cusum: false, runs: None, variance: false };
    let mut sets = vec![DriftRules { ewma: true, ..none }, DriftRules { cusum: true, ..none }];
    if matches!(of, Watched::Measurement(..)) {
        let runs = [RunSet::Shewhart, RunSet::WesternElectric, RunSet::Nelson];
        sets.extend(runs.map(|set| DriftRules { runs: Some(set), ..none }));
    }
    sets.push(DriftRules { variance: true, ..none });
    sets
}

/// Charts of a monitor under several rules, and what they said so far.
#[derive(Debug)]
pub struct Tuning {
    plant: Plant,
    station: StationIndex,
    monitor: Monitor,
    tries: Vec<Try>,
    /// After an alarm it is learned anew.
    rearms: bool,
    seen: Vec<Seen>,
    keeps: bool,
    counts: Counts,
    /// When a value crossed an absolute limit.
    crossed: Vec<Utc>,
    parts: Vec<Part>,
}

/// One value of the monitor.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Seen {
    /// When it was so.
    pub time: Utc,
    /// What; `None` is bad quality or no number.
    pub value: Option<f64>,
}

#[derive(Debug, Default)]
struct Counts {
    values: u64,
    no_values: u64,
    restarts: u64,
    first: Option<Utc>,
    last: Option<Utc>,
}

/// The station worked on something.
#[derive(Debug)]
struct Part {
    time: Utc,
    item: ItemKey,
    /// It came out as it should not.
    failed: bool,
}

/// One set of rules.
#[derive(Debug)]
struct Try {
    drift: Drift,
    conditions: Conditions,
    /// The last word of each rule, of whatever is made: what a restart goes on from.
    said: Vec<VerdictEvent>,
    /// The last version of a baseline.
    version: u32,
    /// Values that were judged before the last restart.
    judged: u64,
    learned: Vec<Learned>,
    alarms: Vec<TrialAlarm>,
}

/// A baseline that was learned.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Learned {
    /// Of this product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<Text>,
    /// By this recipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Text>,
    /// When.
    pub since: Utc,
    /// What.
    #[serde(flatten)]
    pub baseline: Baseline,
    /// What the rules can see by it.
    pub sees: Vec<Sight>,
}

/// A drift that would have been told.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TrialAlarm {
    /// When.
    pub time: Utc,
    /// By the rule that spoke first.
    pub rule: Rule,
    /// Those that said so later.
    pub joined: Vec<Rule>,
    /// To which side.
    pub side: Option<Side>,
    /// What decided, in the monitor's unit.
    pub statistic: Option<f64>,
    /// What it was held against, likewise.
    pub limit: Option<f64>,
    /// When the change began.
    pub onset: Option<Onset>,
    /// Of this product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<Text>,
    /// By this recipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Text>,
    /// By this baseline.
    pub baseline: u32,
    /// When maintenance was done, or it was learned anew; `None`: it stands.
    pub until: Option<Utc>,
    /// What would have become suspect.
    pub suspects: Suspects,
    /// How long before what.
    pub ahead: Option<Ahead>,
    /// So many seconds before it a value had crossed an absolute limit already, since the change began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_seconds: Option<f64>,
}

/// What was made from when the change may have begun until it was over.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Suspects {
    /// From when on.
    pub from: Utc,
    /// Items in all.
    pub count: u64,
    /// Of these, those that were made by the time of the alarm.
    pub by_then: u64,
    /// The first.
    pub first: Option<ItemKey>,
    /// The last.
    pub last: Option<ItemKey>,
}

/// What came after an alarm first.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Ahead {
    /// A value beyond an absolute limit; else a part that failed.
    pub of_limit: bool,
    /// So much later.
    pub seconds: f64,
}

/// What came of one set of rules.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Row {
    /// The rules.
    pub rules: Vec<Rule>,
    /// How seldom a false alarm may come, in seconds.
    pub interval_seconds: f64,
    /// The change worth catching, in the monitor's unit.
    pub catch: Option<f64>,
    /// Values from which a baseline is learned.
    pub learn: u32,
    /// The plant has it so.
    pub in_force: bool,
    /// What was learned, in the order of time.
    pub learned: Vec<Learned>,
    /// Why nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_learned: Option<String>,
    /// Values that were held against a baseline while no drift stood.
    pub judged: u64,
    /// False alarms that are promised in so many values.
    pub promised: f64,
    /// What would have been told.
    pub alarms: Vec<TrialAlarm>,
    /// In a week; `None` of less than a day.
    pub alarms_per_week: Option<f64>,
    /// Items that would have become suspect, each once.
    pub suspects: u64,
}

/// What came of all.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Tuned {
    /// Where.
    pub station: StationId,
    /// Of what.
    pub monitor: MonitorId,
    /// Its unit.
    pub unit: Option<Ucum>,
    /// Mean time between two values, in seconds.
    pub every_seconds: Option<f64>,
    /// The time of the first value.
    pub first: Option<Utc>,
    /// And of the last.
    pub last: Option<Utc>,
    /// Good values.
    pub values: u64,
    /// Those of bad quality, and what is no number.
    pub no_values: u64,
    /// Times that the daemon started anew: averages begin anew, and what was being learned is lost.
    pub restarts: u64,
    /// A line for each set of rules.
    pub rows: Vec<Row>,
    /// Every value, if that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<Seen>,
}

impl Tuning {
    /// Charts that have seen nothing, one for each of `drifts`. `rearms`: what has alarmed is learned anew at once,
    /// else it stands until maintenance is done. `keeps` every value.
    pub fn new(
        plant: &Plant,
        station: StationIndex,
        monitor: &Monitor,
        drifts: &[Drift],
        (rearms, keeps): (bool, bool),
    ) -> Self {
        let mut new = Self {
            plant: plant.clone(),
            station,
            monitor: monitor.clone(),
            tries: Vec::new(),
            rearms,
            seen: Vec::new(),
            keeps,
            counts: Counts::default(),
            crossed: Vec::new(),
            parts: Vec::new(),
        };
        new.plant.stations.iter_mut().for_each(|station| station.monitors.clear());
        for drift in drifts {
            let conditions = new.fresh(drift);
            let (said, learned, alarms) = (Vec::new(), Vec::new(), Vec::new());
            let (drift, version, judged) = (*drift, 0, 0);
            new.tries.push(Try { drift, conditions, said, version, judged, learned, alarms });
        }
        new
    }

    /// A chart of the monitor alone that has seen nothing.
    fn fresh(&mut self, drift: &Drift) -> Conditions {
        let limits = self.monitor.limits.map(|mut limits| {
            (limits.forecast, limits.rate) = (None, None);
            limits
        });
        let (drift, signal) = (Some(*drift), SignalRules::default());
        let monitor = Monitor { limits, drift, signal, ..self.monitor.clone() };
        if let Some(station) = self.plant.stations.get_mut(self.station.get()) {
            station.monitors = vec![monitor];
        }
        Conditions::new(&self.plant)
    }

    /// Tells all charts the same.
    pub fn hear(&mut self, tell: impl Fn(&Plant, &mut Conditions, &mut Spoken)) {
        for (index, one) in self.tries.iter_mut().enumerate() {
            let mut spoken = Spoken::default();
            tell(&self.plant, &mut one.conditions, &mut spoken);
            let mut alarmed = None;
            for event in spoken.verdicts {
                if index == 0 && event.rule == Rule::Limit && event.verdict == Verdict::Warning {
                    self.crossed.push(event.time);
                }
                if one.note(&event) {
                    alarmed = Some(event.time);
                }
            }
            if let Some(time) = alarmed.filter(|_| self.rearms) {
                one.learn_anew(time);
            }
        }
    }

    /// Takes a sample of any tag.
    pub fn on_sample(&mut self, at: At, sample: &Sample) {
        let Watched::Tag(word) = &self.monitor.of else { return };
        if word.tag == sample.tag {
            self.count(Seen { time: sample.time(), value: of_sample(sample, word.bit) });
            self.hear(|plant, conditions, out| conditions.on_sample(plant, at, sample, out));
        }
    }

    /// Takes an event of the station that `judge` is to tell of, as it is told live.
    pub fn on_event(&mut self, event: &TraceEvent, judge: impl Fn(&mut Conditions, &mut Spoken)) {
        let time = event.time.at;
        let counts = event.purpose == Purpose::Production && !event.is_only_asked();
        if let (
            What::Arrive { item }
            | What::Complete { item, .. }
            | What::Produce { item, .. }
            | What::Inspect { item, .. },
            true,
        ) = (&event.what, counts)
        {
            self.parts.push(Part { time, item: item.clone(), failed: has_failed(&event.what) });
        }
        if let Some(seen) = measured(&self.monitor.of, event) {
            self.count(seen);
        }
        self.hear(|_, conditions, out| judge(conditions, out));
    }

    fn count(&mut self, seen: Seen) {
        let counts = &mut self.counts;
        let of = if seen.value.is_some() { &mut counts.values } else { &mut counts.no_values };
        *of = of.saturating_add(1);
        counts.first = Some(counts.first.map_or(seen.time, |first| first.min(seen.time)));
        counts.last = counts.last.max(Some(seen.time));
        if self.keeps {
            self.seen.push(seen);
        }
    }

    /// Something may be missing here: the next value does not follow on the last one.
    pub fn interrupt(&mut self) {
        self.hear(|_, conditions, _| conditions.interrupt());
    }

    /// The daemon started: of what was learned it knows what is on record.
    pub fn restart(&mut self) {
        let has_seen = self.counts.first.is_some();
        self.counts.restarts = self.counts.restarts.saturating_add(u64::from(has_seen));
        for mut one in std::mem::take(&mut self.tries) {
            one.judged = one.judged.saturating_add(one.conditions.judged());
            one.conditions = self.fresh(&one.drift);
            one.said.iter().for_each(|event| one.conditions.restore(&self.plant, event));
            if !one.said.iter().any(|event| event.baseline.is_some()) {
                one.conditions.learn_anew(|_| Some(one.version));
            }
            self.tries.push(one);
        }
    }

    /// Maintenance was done: what is normal is learned anew.
    pub fn maintained(&mut self, time: Utc) {
        self.tries.iter_mut().for_each(|one| one.learn_anew(time));
    }
}

/// What an event of production says of a monitor's measurement, which may be nothing good; `None` if it is not about that.
fn measured(of: &Watched, event: &TraceEvent) -> Option<Seen> {
    let Watched::Measurement(handshake, name) = of else { return None };
    let (What::Complete { measurements, .. }
    | What::Produce { measurements, .. }
    | What::Inspect { measurements, .. }) = &event.what
    else {
        return None;
    };
    let told = event.handshake.as_ref().is_some_and(|mark| mark.key.handshake == *handshake);
    let value = || {
        let found = measurements.iter().find(|measurement| measurement.name == *name);
        Seen { time: event.time.at, value: found.and_then(of_measurement) }
    };
    (told && event.purpose == Purpose::Production).then(value)
}

/// Whether work ended otherwise than it should.
fn has_failed(what: &What) -> bool {
    let (What::Complete { result, .. }
    | What::Produce { result, .. }
    | What::Inspect { result, .. }) = what
    else {
        return false;
    };
    result.is_some_and(|result| result != Result::Pass)
}

impl Try {
    /// Keeps what a rule says; says whether it is an alarm.
    fn note(&mut self, event: &VerdictEvent) -> bool {
        let is_same = |old: &VerdictEvent| {
            old.making() == event.making() && (old.rule == event.rule || event.is_forgotten())
        };
        self.said.retain(|old| !is_same(old));
        if !event.is_forgotten() {
            self.said.push(event.clone());
        }
        let Some(baseline) = event.baseline.as_ref().filter(|_| event.rule.is_of_baseline()) else {
            return false;
        };
        if event.verdict == Verdict::InControl && baseline.version > self.version {
            self.version = baseline.version;
            self.learned.push(Learned {
                product: event.product.clone(),
                recipe: event.recipe.clone(),
                since: event.time,
                baseline: baseline.clone(),
                sees: Vec::new(),
            });
        }
        if event.verdict != Verdict::Drift {
            return false;
        }
        if let Some(first) = event.joins {
            let same = |alarm: &&mut TrialAlarm| {
                alarm.rule == first
                    && alarm.until.is_none()
                    && (&alarm.product, &alarm.recipe) == (&event.product, &event.recipe)
            };
            if let Some(alarm) = self.alarms.iter_mut().rev().find(same) {
                alarm.joined.push(event.rule);
            }
            return false;
        }
        self.alarms.push(TrialAlarm {
            time: event.time,
            rule: event.rule,
            joined: Vec::new(),
            side: event.side,
            statistic: event.statistic,
            limit: event.limit,
            onset: event.onset,
            product: event.product.clone(),
            recipe: event.recipe.clone(),
            baseline: baseline.version,
            until: None,
            suspects: Suspects::default(),
            ahead: None,
            late_seconds: None,
        });
        true
    }

    fn learn_anew(&mut self, time: Utc) {
        let version = self.version;
        self.conditions.learn_anew(|_| Some(version));
        self.said.retain(|event| !event.ends_with_maintenance());
        let standing = self.alarms.iter_mut().filter(|alarm| alarm.until.is_none());
        standing.for_each(|alarm| alarm.until = Some(time.max(alarm.time)));
    }
}
