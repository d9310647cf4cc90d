//! The rules that watch the residuals of one monitor, and what each has of the promise.
use super::cusum::Cusum;
use super::cusum_length::Reference;
use super::ewma::Ewma;
use super::onset::Memory;
use super::residual::{Residual, Residuals};
use super::runs::Runs;
use super::runs_length::widening_for;
use super::variance::Variance;
use crate::model::plant::{Drift, DriftRules};
use crate::model::{Baseline, Onset, Rule, Side};

/// A rule that watches residuals.
pub(super) trait Detector {
    /// Which it is.
    fn rule(&self) -> Rule;

    /// To which side it says that the process has moved.
    fn beyond(&self) -> Option<Side>;

    /// The number of the test that it says so by, if it has several.
    fn test(&self) -> Option<u8> {
        None
    }

    /// What decided, and what it was held against, in the monitor's unit: lasting levels, the last value, or
    /// standard deviations.
    fn against(&self, side: Side, residuals: &Residuals) -> (f64, f64);

    /// Its limit, in the standard deviations in which the books have it: of the moving average; of a residual, for a
    /// sum and for the outermost edge of a set of tests; of the size of a residual.
    fn limit(&self) -> f64;

    /// Values on average until it says so, when residuals are shifted by so many of their standard deviations; of a rule
    /// of the spread, when they spread so many times as far.
    fn values_until(&self, size: f64) -> f64;

    /// When what it says began; `n` values taught what is normal.
    fn onset(&self, memory: &Memory, side: Side, n: u32) -> Option<Onset> {
        memory.onset(side, n)
    }
}

/// The rules of a monitor, in one piece: a value comes from anywhere in a plant, and what it needs is in no cache.
#[derive(Debug, Clone)]
pub(super) struct Detectors {
    ewma: Option<Ewma>,
    cusum: Option<Cusum>,
    runs: Option<Runs>,
    variance: Option<Box<Variance>>,
}

impl Detectors {
    /// With limits that keep the promise together. `learned`: the baseline was learned just now, so
    /// that a rule may begin with a head start; after a restart it may not, since every restart would be a
    /// chance of a false alarm more.
    pub(super) fn new(
        spec: &Drift,
        baseline: &Baseline,
        residuals: &Residuals,
        learned: bool,
    ) -> Self {
        let values = spec.false_alarm_interval.as_secs_f64() / spec.every.as_secs_f64();
        let (rules, n) = (spec.rules, baseline.n);
        let run_length = values * shared(rules);
        // Unless said, one standard deviation of values: of independent ones it is one of the residuals.
        let shift = residuals.shift(spec.catch.unwrap_or(baseline.sigma));
        let cusum = || Cusum::new(Reference::for_shift(shift, n), run_length, n, learned);
        let variance = || Box::new(Variance::new(baseline, run_length, learned));
        Self {
            ewma: rules.ewma.then(|| Ewma::new(run_length, n)),
            cusum: rules.cusum.then(cusum),
            runs: rules.runs.map(|set| Runs::new(set, widening_for(set, run_length, n))),
            variance: rules.variance.then(variance),
        }
    }

    /// Each takes a residual.
    pub(super) fn step(&mut self, residual: Residual) {
        let Self { ewma, cusum, runs, variance } = self;
        if let Some(ewma) = ewma {
            ewma.step(residual.clipped());
        }
        if let Some(cusum) = cusum {
            cusum.step(residual.clipped());
        }
        if let Some(runs) = runs {
            runs.step(residual);
        }
        if let Some(variance) = variance {
            variance.step(residual);
        }
    }

    /// In the order in which they speak.
    pub(super) fn iter(&self) -> impl Iterator<Item = &dyn Detector> {
        let Self { ewma, cusum, runs, variance } = self;
        let ewma = ewma.iter().map(|ewma| ewma as &dyn Detector);
        let cusum = cusum.iter().map(|cusum| cusum as &dyn Detector);
        let runs = runs.iter().map(|runs| runs as &dyn Detector);
        let variance = variance.iter().map(|variance| &**variance as &dyn Detector);
        ewma.chain(cusum).chain(runs).chain(variance)
    }
}

/// By how much longer each of several rules runs, so that together they keep the promise: less than as many
/// times as there are rules, since they alarm falsely on the same values. By simulation (`tests/promise.rs`).
fn shared(rules: DriftRules) -> f64 {
    let of_level = match (rules.ewma && rules.cusum, rules.runs) {
        (true, Some(_)) => 2.75,
        (true, None) => 1.75,
        (false, Some(_)) if rules.ewma || rules.cusum => 1.95,
        (false, Some(_)) => 1.0,
        (false, None) => f64::from(u8::from(rules.ewma || rules.cusum)),
    };
    // What a level says, a spread says hardly ever.
    of_level + f64::from(u8::from(rules.variance))
}

impl Detector for Ewma {
    fn rule(&self) -> Rule {
        Rule::Ewma
    }

    fn beyond(&self) -> Option<Side> {
        self.beyond()
    }

    fn against(&self, side: Side, residuals: &Residuals) -> (f64, f64) {
        levels(self.against(side), residuals)
    }

    fn limit(&self) -> f64 {
        self.limit()
    }

    fn values_until(&self, size: f64) -> f64 {
        self.values_until(size)
    }
}

impl Detector for Cusum {
    fn rule(&self) -> Rule {
        Rule::Cusum
    }

    fn beyond(&self) -> Option<Side> {
        self.beyond()
    }

    fn against(&self, side: Side, residuals: &Residuals) -> (f64, f64) {
        levels(self.against(side), residuals)
    }

    fn limit(&self) -> f64 {
        self.limit()
    }

    fn values_until(&self, size: f64) -> f64 {
        self.values_until(size)
    }
}

impl Detector for Runs {
    fn rule(&self) -> Rule {
        self.set().rule()
    }

    fn beyond(&self) -> Option<Side> {
        self.beyond()
    }

    fn test(&self) -> Option<u8> {
        self.test()
    }

    fn against(&self, _side: Side, residuals: &Residuals) -> (f64, f64) {
        self.against(residuals.distance(1.0))
    }

    fn limit(&self) -> f64 {
        self.outermost()
    }

    fn values_until(&self, size: f64) -> f64 {
        self.values_until(size)
    }
}

impl Detector for Variance {
    fn rule(&self) -> Rule {
        Rule::Variance
    }

    fn beyond(&self) -> Option<Side> {
        self.beyond()
    }

    fn against(&self, side: Side, residuals: &Residuals) -> (f64, f64) {
        let (times, limit) = self.against(side);
        (residuals.spread(times), residuals.spread(limit))
    }

    fn onset(&self, memory: &Memory, side: Side, n: u32) -> Option<Onset> {
        memory.scored(|z| self.score(z)).onset(side, n)
    }

    fn limit(&self) -> f64 {
        self.limit()
    }

    fn values_until(&self, size: f64) -> f64 {
        self.values_until(size)
    }
}

fn levels((statistic, limit): (f64, f64), residuals: &Residuals) -> (f64, f64) {
    (residuals.level(statistic), residuals.level(limit))
}
