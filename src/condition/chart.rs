//! One monitor's state: its limits, its learning or its chart, and what it last said.
use super::baseline::Learning;
use super::detector::{self, Detector};
use super::limit::LimitRule;
use super::onset::Memory;
use super::pace::Pace;
use super::quiet::Quiet;
use super::residual::Residuals;
use crate::model::plant::{Drift, Monitor, Watched};
use crate::model::{
    Baseline, ItemKey, Onset, Quality, Rule, Side, Ucum, Utc, Verdict, VerdictEvent,
};

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
    /// The rule that spoke first of the same drift.
    pub joins: Option<Rule>,
    /// The number of the test that decided, of a set of them.
    pub test: Option<u8>,
    /// The unit of the statistic and the limit where it is not the monitor's.
    pub unit: Option<Ucum>,
    /// The status of the last value, of a rule that waits for a good one.
    pub quality: Option<Quality>,
}

impl Finding {
    /// A rule says this, and nothing more.
    pub(super) fn new(rule: Rule, verdict: Verdict) -> Self {
        Self {
            rule,
            verdict,
            side: None,
            statistic: None,
            limit: None,
            onset: None,
            baseline: None,
            joins: None,
            test: None,
            unit: None,
            quality: None,
        }
    }
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

/// Watches for a lasting change of level. One alarm per change: it stays until it is learned anew.
#[derive(Debug, Clone)]
struct DriftRule {
    spec: Drift,
    /// A tag changes when it likes; a value per item comes once.
    pace: Option<Pace>,
    baseline: Option<Baseline>,
    alarm: Option<Alarm>,
    stage: Stage,
}

/// A drift that stands.
#[derive(Debug, Clone)]
struct Alarm {
    /// The rule that spoke first.
    opened: Rule,
    side: Side,
    /// All that have spoken of it.
    said: Vec<Rule>,
}

#[derive(Debug, Clone)]
enum Stage {
    Learning(Learning),
    Judging(Box<Judging>),
    /// What has alarmed waits until it is learned anew; the rules that have not spoken yet may join, but after a restart.
    Latched(Option<Box<Judging>>),
}

#[derive(Debug, Clone)]
struct Judging {
    residuals: Residuals,
    detectors: Vec<Detector>,
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
                alarm: None,
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
            let verdict = outside.unwrap_or_else(|| self.verdict_inside());
            out(Finding {
                side: crossing.beyond,
                statistic: Some(x),
                limit: crossing.limit,
                ..Finding::new(Rule::Limit, verdict)
            });
        }
        let beyond = self.beyond();
        if let Some(drift) = &mut self.drift {
            drift.step(observation.time, x, beyond.is_some(), out);
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
            Rule::Ewma | Rule::Cusum | Rule::Shewhart | Rule::WesternElectric | Rule::Nelson => {
                if let Some(drift) = &mut self.drift {
                    drift.restore(event);
                }
            }
            // No monitor is a master; the others go by the clock.
            Rule::Master | Rule::Missing | Rule::Flat => {}
        }
    }

    /// Ends an alarm, and the baseline with it: the version after the `ended` one is learned from the values to come.
    pub fn learn_anew(&mut self, ended: u32) {
        if let Some(drift) = &mut self.drift {
            (drift.baseline, drift.alarm) = (None, None);
            let learning = Learning::new(drift.spec.learn, ended.saturating_add(1));
            drift.stage = Stage::Learning(learning);
        }
    }

    /// The next value does not follow on the last one. The moving average stays: a pause neither
    /// proves nor disproves a change.
    pub fn interrupt(&mut self) {
        match self.drift.as_mut().map(|drift| &mut drift.stage) {
            Some(Stage::Judging(judging) | Stage::Latched(Some(judging))) => {
                judging.residuals.interrupt();
            }
            Some(Stage::Learning(_) | Stage::Latched(None)) | None => {}
        }
    }

    /// What is normal, if it is known.
    pub(super) fn baseline(&self) -> Option<&Baseline> {
        self.drift.as_ref()?.baseline.as_ref()
    }

    fn beyond(&self) -> Option<Side> {
        self.limits.as_ref().and_then(LimitRule::beyond)
    }

    /// Why the last value changed nothing.
    pub(super) fn quiet(&self) -> Quiet {
        match (self.beyond(), self.drift.as_ref().map(|drift| &drift.stage)) {
            (Some(side), _) => Quiet::Beyond(side),
            (None, Some(Stage::Learning(_))) => Quiet::Learning,
            (None, Some(Stage::Latched(_))) => Quiet::Latched,
            (None, Some(Stage::Judging(_)) | None) => Quiet::Inside,
        }
    }

    /// What the monitor says of a value inside the absolute limits.
    fn verdict_inside(&self) -> Verdict {
        match self.drift.as_ref().map(|drift| &drift.stage) {
            Some(Stage::Latched(_)) => Verdict::Drift,
            Some(Stage::Judging(_) | Stage::Learning(_)) | None => Verdict::InControl,
        }
    }
}

impl DriftRule {
    /// `warned`: a value beyond an absolute limit is judged, never learned from.
    fn step(&mut self, time: Utc, x: f64, warned: bool, out: &mut impl FnMut(Finding)) {
        if self.pace.as_mut().is_some_and(|pace| !pace.is_due(time)) {
            return;
        }
        match &mut self.stage {
            Stage::Latched(None) => {}
            Stage::Learning(_) if warned => {}
            Stage::Learning(learning) => {
                if let Some(baseline) = learning.step(x) {
                    self.arm(&baseline, true);
                    let said = |rule| finding(rule, Verdict::InControl, baseline.clone());
                    self.spec.rules.iter().map(said).for_each(out);
                }
            }
            Stage::Judging(judging) | Stage::Latched(Some(judging)) => {
                let Some(residual) = judging.residuals.step(x) else { return };
                judging.memory.push(time, residual.clipped());
                judging.detectors.iter_mut().for_each(|detector| detector.step(residual));
                self.speak(out);
            }
        }
    }

    /// Tells of the rules that have something new to say: the first of them alarms, the others join it.
    fn speak(&mut self, out: &mut impl FnMut(Finding)) {
        let (Stage::Judging(judging) | Stage::Latched(Some(judging))) = &self.stage else { return };
        let Some(baseline) = &self.baseline else { return };
        for detector in &judging.detectors {
            let Some(side) = detector.beyond() else { continue };
            let rule = detector.rule();
            let joins = self.alarm.as_ref().map(|alarm| alarm.opened);
            let alarm =
                self.alarm.get_or_insert_with(|| Alarm { opened: rule, side, said: Vec::new() });
            if alarm.side != side || alarm.said.contains(&rule) {
                continue;
            }
            alarm.said.push(rule);
            let (statistic, limit) = detector.against(side, &judging.residuals);
            out(Finding {
                side: Some(side),
                statistic: Some(statistic),
                limit: Some(limit),
                onset: judging.memory.onset(side, baseline.n),
                joins,
                test: detector.test(),
                ..finding(rule, Verdict::Drift, baseline.clone())
            });
        }
        if let Some(alarm) = &self.alarm {
            let heard = judging.detectors.iter().all(|d| alarm.said.contains(&d.rule()));
            let latched = Stage::Latched(None);
            match std::mem::replace(&mut self.stage, latched) {
                Stage::Judging(judging) | Stage::Latched(Some(judging)) if !heard => {
                    self.stage = Stage::Latched(Some(judging));
                }
                Stage::Judging(_) | Stage::Latched(_) | Stage::Learning(_) => {}
            }
        }
    }

    /// `learned`: just now; else the baseline comes back from the record.
    fn arm(&mut self, baseline: &Baseline, learned: bool) {
        let residuals = Residuals::new(baseline);
        let detectors = detector::all(&self.spec, baseline, &residuals, learned);
        self.baseline = Some(baseline.clone());
        self.alarm = None;
        self.stage =
            Stage::Judging(Box::new(Judging { residuals, detectors, memory: Memory::default() }));
    }

    /// Whatever rule learned it, a baseline is the monitor's; whichever spoke of it, a drift stands.
    fn restore(&mut self, event: &VerdictEvent) {
        let known = self.baseline.as_ref() == event.baseline.as_ref();
        let said = self.alarm.as_ref().is_some_and(|alarm| alarm.said.contains(&event.rule));
        let side = event.side.filter(|_| event.verdict == Verdict::Drift);
        if known && said == side.is_some() {
            return;
        }
        if let (true, Some(alarm), Some(_)) = (known, &mut self.alarm, side) {
            alarm.said.push(event.rule);
            return;
        }
        if let Some(baseline) = &event.baseline {
            self.arm(baseline, false);
        }
        if let Some(side) = side {
            let opened = event.joins.unwrap_or(event.rule);
            self.alarm = Some(Alarm { opened, side, said: vec![event.rule] });
            self.stage = Stage::Latched(None);
        }
    }
}

fn finding(rule: Rule, verdict: Verdict, baseline: Baseline) -> Finding {
    Finding { baseline: Some(baseline), ..Finding::new(rule, verdict) }
}
