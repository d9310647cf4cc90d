//! What a rule can see: its limit, and how many values it takes to find a change of a size.
use super::detector::{Detector, Detectors};
use super::residual::Residuals;
use super::variance;
use crate::model::plant::Drift;
use crate::model::{Baseline, Rule};

/// Lasting changes of the level that are told of, in standard deviations of values.
const SIGMAS: [f64; 3] = [0.5, 1.0, 2.0];

/// One rule, with the limit that keeps the promise.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Sight {
    /// Which.
    pub rule: Rule,
    /// In the standard deviations in which the books have it: of the moving average, of what a sum adds up, of a single
    /// value for the outermost edge of a set of tests.
    pub limit: f64,
    /// How soon it finds what.
    pub finds: Vec<Found>,
}

/// How soon a change is found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Found {
    /// Which.
    #[serde(flatten)]
    pub change: Change,
    /// So many values after it began, on average; `None`: no sooner than a false alarm may come.
    pub values: Option<f64>,
}

/// A change that stays.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Change {
    /// Of the level.
    Level {
        /// In the monitor's unit.
        change: f64,
        /// In normal standard deviations of values.
        sigmas: f64,
    },
    /// Of the spread.
    Spread {
        /// So many times as far as normal.
        spread: f64,
    },
}

/// What the rules of a monitor can see by a baseline that was learned.
pub(super) fn of(spec: &Drift, baseline: &Baseline) -> Vec<Sight> {
    let residuals = Residuals::new(baseline);
    let most = spec.false_alarm_interval.as_secs_f64() / spec.every.as_secs_f64();
    let sight = |detector: &dyn Detector| {
        let found = |change| {
            let size = match change {
                Change::Level { change, .. } => residuals.shift(change),
                Change::Spread { spread } => spread,
            };
            let values = detector.values_until(size);
            // Where it takes so long the equations have no digits left either.
            Found { change, values: Some(values).filter(|n| (1.0..most).contains(n)) }
        };
        Sight {
            rule: detector.rule(),
            limit: detector.limit(),
            finds: changes(spec, baseline, detector.rule()).into_iter().map(found).collect(),
        }
    };
    Detectors::new(spec, baseline, &residuals, true).iter().map(sight).collect()
}

/// The changes that are told of.
fn changes(spec: &Drift, baseline: &Baseline, rule: Rule) -> Vec<Change> {
    if rule == Rule::Variance {
        return vec![Change::Spread { spread: variance::CATCH }];
    }
    let sigma = baseline.sigma;
    let level = |change: f64| Change::Level { change, sigmas: change / sigma };
    let told = SIGMAS.iter().map(|sigmas| level(sigmas * sigma));
    told.chain(spec.catch.map(level)).collect()
}
