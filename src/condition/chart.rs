//! One monitor's state: its limits, its learning or its chart, and what it last said.
use super::baseline::Learning;
use super::ewma::Ewma;
use super::limit::LimitRule;
use super::onset::Memory;
use super::pace::Pace;
use super::quiet::Quiet;
use crate::model::plant::{Drift, Monitor, Watched};
use crate::model::{Baseline, ItemKey, Onset, Rule, Side, Utc, Verdict, VerdictEvent};

/// One value of a monitor.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// When it was so.
    pub time: Utc,
    /// What; `None` is bad quality or no finite number: it neither enters a chart nor resets it.
    pub value: Option<f64>,
    /// Whose measurement it is.
    pub item: Option<&'a ItemKey>,
}

/// What changed at a monitor: a [`VerdictEvent`] that does not know its station.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Which rule spoke.
    pub rule: Rule,
    /// What the monitor says from now on.
    pub verdict: Verdict,
    /// To which side.
    pub side: Option<Side>,
    /// The statistic that decided.
    pub statistic: Option<f64>,
    /// What it was held against.
    pub limit: Option<f64>,
    /// When the change began.
    pub onset: Option<Onset>,
    /// The baseline that it was judged by, or that was learned.
    pub baseline: Option<Baseline>,
}

/// One monitor's state.
///
/// Its durable part, the baseline and what each rule last said, comes back by [`Chart::restore`]; its
/// volatile part, the moving average and the memory of the last values, begins anew.
#[derive(Debug, Clone)]
pub struct Chart {
    limits: Option<LimitRule>,
    drift: Option<DriftRule>,
}

/// Watches for a lasting change of level. One alarm per change: it stays until the chart is re-armed.
#[derive(Debug, Clone)]
struct DriftRule {
    spec: Drift,
    /// A tag changes when it likes; a value per item comes once.
    pace: Option<Pace>,
    baseline: Option<Baseline>,
    latched: Option<Side>,
    stage: Stage,
}

#[derive(Debug, Clone)]
enum Stage {
    Learning(Learning),
    Judging(Box<Judging>),
    /// Nothing to do until the chart is re-armed.
    Latched,
}

#[derive(Debug, Clone)]
struct Judging {
    ewma: Ewma,
    memory: Memory,
}

impl Chart {
    /// A chart that has seen nothing: it learns first.
    pub fn new(monitor: &Monitor) -> Self {
        let pace = |drift: &Drift| match &monitor.of {
            Watched::Tag(_) => Some(Pace::new(drift.every)),
            Watched::Measurement(..) => None,
        };
        Self {
            limits: monitor.limits.map(LimitRule::new),
            drift: monitor.drift.map(|spec| DriftRule {
                spec,
                pace: pace(&spec),
                baseline: None,
                latched: None,
                stage: Stage::Learning(Learning::new(spec.learn, 1)),
            }),
        }
    }

    /// Takes one value in the order of time; tells `out` what changed. O(1) but for the values that
    /// complete a baseline or raise an alarm.
    pub fn step(&mut self, observation: &Observation<'_>, out: &mut impl FnMut(Finding)) {
        let Some(x) = observation.value.filter(|x| x.is_finite()) else { return };
        if let Some(crossing) = self.limits.as_mut().and_then(|limits| limits.step(x)) {
            let outside = crossing.beyond.map(|_| Verdict::Warning);
            out(Finding {
                rule: Rule::Limit,
                verdict: outside.unwrap_or_else(|| self.verdict_inside()),
                side: crossing.beyond,
                statistic: Some(x),
                limit: crossing.limit,
                onset: None,
                baseline: None,
            });
        }
        let beyond = self.beyond();
        if let Some(drift) = &mut self.drift {
            drift.step(observation.time, x, beyond.is_some()).into_iter().for_each(out);
        }
    }

    /// Takes back what the record says: a baseline that was learned, what a rule said. Of several
    /// events the last of each rule decides; an event that says what is so already changes nothing.
    pub fn restore(&mut self, event: &VerdictEvent) {
        match event.rule {
            Rule::Limit => {
                let beyond = event.side.filter(|_| event.verdict == Verdict::Warning);
                if let Some(limits) = &mut self.limits {
                    limits.restore(beyond);
                }
            }
            Rule::Ewma => {
                let latched = event.side.filter(|_| event.verdict == Verdict::Drift);
                if let Some(drift) = &mut self.drift {
                    drift.restore(event.baseline.as_ref(), latched);
                }
            }
            // No monitor is a master.
            Rule::Master => {}
        }
    }

    /// Ends an alarm, and the baseline with it: the next version is learned from the values to come.
    pub fn rearm(&mut self) {
        if let Some(drift) = &mut self.drift {
            let version = drift.baseline.as_ref().map_or(1, |b| b.version.saturating_add(1));
            drift.latched = None;
            drift.stage = Stage::Learning(Learning::new(drift.spec.learn, version));
        }
    }

    /// The next value does not follow on the last one. The moving average stays: a pause neither
    /// proves nor disproves a change.
    pub fn interrupt(&mut self) {
        if let Some(drift) = &mut self.drift
            && let Stage::Judging(judging) = &mut drift.stage
        {
            judging.ewma.interrupt();
        }
    }

    fn beyond(&self) -> Option<Side> {
        self.limits.as_ref().and_then(LimitRule::beyond)
    }

    /// Why the last value changed nothing.
    pub(super) fn quiet(&self) -> Quiet {
        match (self.beyond(), self.drift.as_ref().map(|drift| &drift.stage)) {
            (Some(side), _) => Quiet::Beyond(side),
            (None, Some(Stage::Learning(_))) => Quiet::Learning,
            (None, Some(Stage::Latched)) => Quiet::Latched,
            (None, Some(Stage::Judging(_)) | None) => Quiet::Inside,
        }
    }

    /// What the monitor says of a value inside the absolute limits.
    fn verdict_inside(&self) -> Verdict {
        match self.drift.as_ref().map(|drift| &drift.stage) {
            Some(Stage::Latched) => Verdict::Drift,
            Some(Stage::Judging(_) | Stage::Learning(_)) | None => Verdict::InControl,
        }
    }
}

impl DriftRule {
    /// `warned`: a value beyond an absolute limit is judged, never learned from.
    fn step(&mut self, time: Utc, x: f64, warned: bool) -> Option<Finding> {
        if self.pace.as_mut().is_some_and(|pace| !pace.is_due(time)) {
            return None;
        }
        match &mut self.stage {
            Stage::Latched => None,
            Stage::Learning(_) if warned => None,
            Stage::Learning(learning) => {
                let baseline = learning.step(x)?;
                self.arm(&baseline);
                Some(finding(Verdict::InControl, baseline))
            }
            Stage::Judging(judging) => {
                let Judging { ewma, memory } = &mut **judging;
                memory.push(time, ewma.step(x)?);
                let side = ewma.beyond()?;
                let finding = Finding {
                    side: Some(side),
                    statistic: Some(ewma.level()),
                    limit: Some(ewma.limit(side)),
                    onset: memory.onset(side),
                    ..finding(Verdict::Drift, self.baseline.clone()?)
                };
                self.latched = Some(side);
                self.stage = Stage::Latched;
                Some(finding)
            }
        }
    }

    fn arm(&mut self, baseline: &Baseline) {
        let values = self.spec.false_alarm_interval.as_secs_f64() / self.spec.every.as_secs_f64();
        let ewma = Ewma::new(baseline, values);
        self.baseline = Some(baseline.clone());
        self.latched = None;
        self.stage = Stage::Judging(Box::new(Judging { ewma, memory: Memory::default() }));
    }

    fn restore(&mut self, baseline: Option<&Baseline>, latched: Option<Side>) {
        if self.baseline.as_ref() == baseline && self.latched == latched {
            return;
        }
        if let Some(baseline) = baseline {
            self.arm(baseline);
        }
        if latched.is_some() {
            self.latched = latched;
            self.stage = Stage::Latched;
        }
    }
}

fn finding(verdict: Verdict, baseline: Baseline) -> Finding {
    Finding {
        rule: Rule::Ewma,
        verdict,
        side: None,
        statistic: None,
        limit: None,
        onset: None,
        baseline: Some(baseline),
    }
}
