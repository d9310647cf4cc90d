//! What watches for a lasting change of level, by one baseline.
use super::baseline::Learning;
use super::chart::Finding;
use super::detector::Detectors;
use super::onset::Memory;
use super::quiet::Quiet;
use super::residual::Residuals;
use crate::model::plant::Drift;
use crate::model::{Baseline, Rule, Side, Utc, Verdict, VerdictEvent};

/// Watches for a lasting change of level. One alarm per change: it stays until it is learned anew.
#[derive(Debug, Clone)]
pub(super) struct DriftRule {
    baseline: Option<Box<Baseline>>,
    alarm: Option<Box<Alarm>>,
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

impl Alarm {
    fn new(opened: Rule, side: Side) -> Self {
        Self { opened, side, said: Vec::new() }
    }
}

#[derive(Debug, Clone)]
enum Stage {
    Learning(Learning),
    Judging(Judging),
    /// What has alarmed waits until it is learned anew; the rules that have not spoken yet may join, but after a restart.
    Latched(Option<Judging>),
}

#[derive(Debug, Clone)]
struct Judging {
    residuals: Residuals,
    detectors: Detectors,
    memory: Memory,
}

impl DriftRule {
    /// It has seen nothing: it learns first.
    pub(super) fn new(spec: &Drift) -> Self {
        Self { baseline: None, alarm: None, stage: Stage::Learning(Learning::new(spec.learn)) }
    }

    /// Nothing is lost with it.
    pub(super) fn is_blank(&self) -> bool {
        matches!(&self.stage, Stage::Learning(learning) if learning.is_blank())
            && self.baseline.is_none()
    }

    pub(super) fn baseline(&self) -> Option<&Baseline> {
        self.baseline.as_deref()
    }

    /// A drift stands.
    pub(super) fn is_latched(&self) -> bool {
        matches!(self.stage, Stage::Latched(_))
    }

    pub(super) fn quiet(&self) -> Quiet {
        match self.stage {
            Stage::Learning(_) => Quiet::Learning,
            Stage::Latched(_) => Quiet::Latched,
            Stage::Judging(_) => Quiet::Inside,
        }
    }

    pub(super) fn interrupt(&mut self) {
        match &mut self.stage {
            Stage::Judging(judging) | Stage::Latched(Some(judging)) => {
                judging.residuals.interrupt();
            }
            Stage::Learning(_) | Stage::Latched(None) => {}
        }
    }

    /// What it learns is this version of the monitor's baseline. `warned`: a value beyond an absolute limit is judged,
    /// never learned from.
    pub(super) fn step(
        &mut self,
        (spec, version): (&Drift, u32),
        (time, x): (Utc, f64),
        warned: bool,
        out: &mut impl FnMut(Finding),
    ) {
        match &mut self.stage {
            Stage::Latched(None) => {}
            Stage::Learning(_) if warned => {}
            Stage::Learning(learning) => {
                if let Some(baseline) = learning.step(x, version) {
                    self.arm(spec, &baseline, true);
                    let said = |rule| finding(rule, Verdict::InControl, baseline.clone());
                    spec.rules.iter().map(said).for_each(out);
                }
            }
            Stage::Judging(judging) | Stage::Latched(Some(judging)) => {
                let Some(residual) = judging.residuals.step(x) else { return };
                judging.memory.push(time, residual.clipped());
                judging.detectors.step(residual);
                self.speak(out);
            }
        }
    }

    /// Tells of the rules that have something new to say: the first of them alarms, the others join it.
    fn speak(&mut self, out: &mut impl FnMut(Finding)) {
        let (Stage::Judging(judging) | Stage::Latched(Some(judging))) = &self.stage else { return };
        let Some(baseline) = &self.baseline else { return };
        for detector in judging.detectors.iter() {
            let Some(side) = detector.beyond() else { continue };
            let rule = detector.rule();
            let joins = self.alarm.as_ref().map(|alarm| alarm.opened);
            let alarm = self.alarm.get_or_insert_with(|| Box::new(Alarm::new(rule, side)));
            // A level that moved looks like more spread, and more spread like a level that moves.
            let of_spread = rule == Rule::Variance || alarm.opened == Rule::Variance;
            if (alarm.side != side && !of_spread) || alarm.said.contains(&rule) {
                continue;
            }
            alarm.said.push(rule);
            let (statistic, limit) = detector.against(side, &judging.residuals);
            out(Finding {
                side: Some(side),
                statistic: Some(statistic),
                limit: Some(limit),
                onset: detector.onset(&judging.memory, side, baseline.n),
                joins,
                test: detector.test(),
                ..finding(rule, Verdict::Drift, Baseline::clone(baseline))
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
    fn arm(&mut self, spec: &Drift, baseline: &Baseline, learned: bool) {
        let residuals = Residuals::new(baseline);
        let detectors = Detectors::new(spec, baseline, &residuals, learned);
        self.baseline = Some(Box::new(baseline.clone()));
        self.alarm = None;
        self.stage = Stage::Judging(Judging { residuals, detectors, memory: Memory::default() });
    }

    /// Whatever rule learned it, a baseline is the monitor's; whichever spoke of it, a drift stands.
    pub(super) fn restore(&mut self, spec: &Drift, event: &VerdictEvent) {
        let known = self.baseline() == event.baseline.as_ref();
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
            self.arm(spec, baseline, false);
        }
        if let Some(side) = side {
            let opened = event.joins.unwrap_or(event.rule);
            self.alarm =
                Some(Box::new(Alarm { said: vec![event.rule], ..Alarm::new(opened, side) }));
            self.stage = Stage::Latched(None);
        }
    }
}

fn finding(rule: Rule, verdict: Verdict, baseline: Baseline) -> Finding {
    Finding { baseline: Some(baseline), ..Finding::new(rule, verdict) }
}
