//! The cumulative sum chart of a scale (Hawkins, Journal of Quality Technology 13, 1981): does a value vary more, or less, than
//! it normally does?
//!
//! The square root of how far a value lies from what was expected is nearly normal where values are, and light-tailed
//! whatever they are. It is held against its own mean and spread, learned from the same values as the level: so the run lengths
//! of sums of normal values hold, and coarse or skewed values are not taken for a change.
use super::cusum::Cusum;
use super::cusum_length::Reference;
use super::residual::{CLIP, Residual};
use crate::model::{Baseline, Side, Spread};

/// What is worth catching: half as much spread again.
pub(super) const CATCH: f64 = 1.5;
/// Roots that hardly differ, as those of values that alternate, are no measure for a spread.
const ROOT_MIN: f64 = 0.1;

/// The root of a residual's size, in that of standard deviations.
pub(super) fn root(z: f64) -> f64 {
    z.abs().min(CLIP).sqrt()
}

/// A chart of the spread of residuals.
#[derive(Debug, Clone)]
pub(super) struct Variance {
    normal: Spread,
    sums: Cusum,
}

impl Variance {
    /// One false alarm in `run_length` values; `fast`: begun half-way to the limit.
    pub(super) fn new(baseline: &Baseline, run_length: f64, fast: bool) -> Self {
        let Spread { mean, sigma } = baseline.spread.unwrap_or(Spread::NORMAL);
        let normal = Spread { mean: mean.max(ROOT_MIN), sigma: sigma.max(ROOT_MIN) };
        let shift = normal.mean * (CATCH.sqrt() - 1.0) / normal.sigma;
        let reference = Reference::for_shift(shift, baseline.n);
        Self { normal, sums: Cusum::new(reference, run_length, baseline.n, fast) }
    }

    /// How unusual the size of a residual is: of independent normal values nearly standard normal.
    pub(super) fn score(&self, z: f64) -> f64 {
        (root(z) - self.normal.mean) / self.normal.sigma
    }

    /// Takes a residual.
    pub(super) fn step(&mut self, residual: Residual) {
        self.sums.step(self.score(residual.z));
    }

    /// Whether it varies more (high) or less (low).
    pub(super) fn beyond(&self) -> Option<Side> {
        self.sums.beyond()
    }

    pub(super) fn limit(&self) -> f64 {
        self.sums.limit()
    }

    /// Values on average until it says so, when residuals spread so many times as far. Their roots then spread farther, too,
    /// which is left out: it is found sooner rather than later.
    pub(super) fn values_until(&self, times: f64) -> f64 {
        let shift = self.normal.mean * (times.sqrt() - 1.0) / self.normal.sigma;
        self.sums.values_until(shift)
    }

    /// How many times the normal spread it has, and what it was held against.
    pub(super) fn against(&self, side: Side) -> (f64, f64) {
        let (score, limit) = self.sums.against(side);
        let times = |score: f64| {
            let root = self.normal.mean + score * self.normal.sigma;
            (root.max(0.0) / self.normal.mean).powi(2)
        };
        (times(score), times(limit))
    }
}
