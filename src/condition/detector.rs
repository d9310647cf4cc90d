//! The rules that watch the residuals of one monitor, and what each has of the promise.
use super::cusum::Cusum;
use super::cusum_length::Reference;
use super::ewma::Ewma;
use super::onset::Memory;
use super::residual::{Residual, Residuals};
use super::runs::Runs;
use super::runs_length::widening_for;
use super::variance::Variance;
use crate::model::plant::{Drift, DriftRules, RunSet};
use crate::model::{Baseline, Onset, Rule, Side};

/// One rule's state.
#[derive(Debug, Clone)]
pub(super) enum Detector {
    Ewma(Ewma),
    Cusum(Cusum),
    Runs(Runs),
    Variance(Variance),
}

/// The rules of a monitor, with limits that keep its promise together. `learned`: the baseline was learned just now, so
/// that a rule may begin with a head start; after a restart it may not, since every restart would be a
/// chance of a false alarm more.
pub(super) fn all(
    spec: &Drift,
    baseline: &Baseline,
    residuals: &Residuals,
    learned: bool,
) -> Vec<Detector> {
    let values = spec.false_alarm_interval.as_secs_f64() / spec.every.as_secs_f64();
    let run_length = values * shared(spec.rules);
    // Unless said, one standard deviation of values: of independent ones it is one of the residuals.
    let shift = residuals.shift(spec.catch.unwrap_or(baseline.sigma));
    let runs =
        |set| Some(Detector::Runs(Runs::new(set, widening_for(set, run_length, baseline.n))));
    let detector = |rule| match rule {
        Rule::Ewma => Some(Detector::Ewma(Ewma::new(run_length, baseline.n))),
        Rule::Cusum => {
            let reference = Reference::for_shift(shift, baseline.n);
            Some(Detector::Cusum(Cusum::new(reference, run_length, baseline.n, learned)))
        }
        Rule::Shewhart => runs(RunSet::Shewhart),
        Rule::WesternElectric => runs(RunSet::WesternElectric),
        Rule::Nelson => runs(RunSet::Nelson),
        Rule::Variance => Some(Detector::Variance(Variance::new(baseline, run_length, learned))),
        Rule::Limit
        | Rule::Master
        | Rule::Missing
        | Rule::Flat
        | Rule::Forecast
        | Rule::Rate
        | Rule::Mewma
        | Rule::TSquared => None,
    };
    spec.rules.iter().filter_map(detector).collect()
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

impl Detector {
    pub(super) fn rule(&self) -> Rule {
        match self {
            Self::Ewma(_) => Rule::Ewma,
            Self::Cusum(_) => Rule::Cusum,
            Self::Runs(runs) => runs.set().rule(),
            Self::Variance(_) => Rule::Variance,
        }
    }

    /// Takes a residual.
    pub(super) fn step(&mut self, residual: Residual) {
        match self {
            Self::Ewma(ewma) => ewma.step(residual.clipped()),
            Self::Cusum(cusum) => cusum.step(residual.clipped()),
            Self::Runs(runs) => runs.step(residual),
            Self::Variance(variance) => variance.step(residual),
        }
    }

    /// To which side it says that the process has moved.
    pub(super) fn beyond(&self) -> Option<Side> {
        match self {
            Self::Ewma(ewma) => ewma.beyond(),
            Self::Cusum(cusum) => cusum.beyond(),
            Self::Runs(runs) => runs.beyond(),
            Self::Variance(variance) => variance.beyond(),
        }
    }

    /// The number of the test that it says so by, if it has several.
    pub(super) fn test(&self) -> Option<u8> {
        match self {
            Self::Ewma(_) | Self::Cusum(_) | Self::Variance(_) => None,
            Self::Runs(runs) => runs.test(),
        }
    }

    /// What decided, and what it was held against, in the monitor's unit: lasting levels, the last value, or
    /// standard deviations.
    pub(super) fn against(&self, side: Side, residuals: &Residuals) -> (f64, f64) {
        let (statistic, limit) = match self {
            Self::Ewma(ewma) => ewma.against(side),
            Self::Cusum(cusum) => cusum.against(side),
            Self::Runs(runs) => return runs.against(residuals.distance(1.0)),
            Self::Variance(variance) => {
                let (times, limit) = variance.against(side);
                return (residuals.spread(times), residuals.spread(limit));
            }
        };
        (residuals.level(statistic), residuals.level(limit))
    }

    /// When what it says began; `n` values taught what is normal.
    pub(super) fn onset(&self, memory: &Memory, side: Side, n: u32) -> Option<Onset> {
        match self {
            Self::Ewma(_) | Self::Cusum(_) | Self::Runs(_) => memory.onset(side, n),
            Self::Variance(variance) => memory.scored(|z| variance.score(z)).onset(side, n),
        }
    }
}
