//! The exponentially weighted moving average chart (Roberts 1959, ISO 7870-6), with fixed limits.
use super::run_length::{LAMBDA, average_run_length, limit_for, statistic_sigma};
use crate::model::Side;

/// A chart of residuals. In their standard deviations, all of it.
#[derive(Debug, Clone)]
pub(super) struct Ewma {
    limit: f64,
    statistic: f64,
}

impl Ewma {
    /// Begun at its centre: one false alarm in `run_length` values, judged by what `n` values taught.
    pub(super) fn new(run_length: f64, n: u32) -> Self {
        Self { limit: limit_for(run_length, n) * statistic_sigma(), statistic: 0.0 }
    }

    /// Takes a residual.
    pub(super) fn step(&mut self, z: f64) {
        self.statistic += LAMBDA * (z - self.statistic);
    }

    /// Beyond which limit the statistic is.
    pub(super) fn beyond(&self) -> Option<Side> {
        if self.statistic > self.limit {
            Some(Side::High)
        } else if self.statistic < -self.limit {
            Some(Side::Low)
        } else {
            None
        }
    }

    /// In standard deviations of the statistic.
    pub(super) fn limit(&self) -> f64 {
        self.limit / statistic_sigma()
    }

    /// Values on average until it is beyond, begun at its centre, when residuals are shifted by so much.
    pub(super) fn values_until(&self, shift: f64) -> f64 {
        average_run_length(LAMBDA, self.limit(), shift)
    }

    /// The mean of the last residuals, and what it is held against on a side.
    pub(super) fn against(&self, side: Side) -> (f64, f64) {
        match side {
            Side::High => (self.statistic, self.limit),
            Side::Low => (self.statistic, -self.limit),
        }
    }
}
