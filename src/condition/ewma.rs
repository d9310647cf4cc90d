//! The exponentially weighted moving average chart (Roberts 1959, ISO 7870-6), with fixed limits.
use super::run_length::{LAMBDA, limit_for, statistic_sigma};
use crate::model::{Baseline, Side};

/// A single value counts for at most so many standard deviations, so that one spike is no drift: two
/// more like it are. In control one value in 16 000 is touched.
pub(super) const CLIP: f64 = 4.0;

/// A chart of the residuals of a first-order autoregression.
///
/// What a plain chart takes for independent values it alarms on eight times too often at a lag-1
/// autocorrelation of 0.5. The residuals `x − φ·previous` are independent, so that the run lengths of
/// the books hold for them. Against block means: no value waits for its block to fill, and no
/// correlation is left between blocks. A step of one sigma shows as `√((1−φ)/(1+φ))`.
#[derive(Debug, Clone)]
pub(super) struct Ewma {
    centre: f64,
    phi: f64,
    /// Of the residuals.
    sigma: f64,
    /// In `sigma`.
    limit: f64,
    /// In `sigma`.
    statistic: f64,
    previous: Option<f64>,
}

impl Ewma {
    /// Begun at its centre.
    pub(super) fn new(baseline: &Baseline, run_length: f64) -> Self {
        Self {
            centre: baseline.centre_line,
            phi: baseline.phi,
            sigma: baseline.sigma * (1.0 - baseline.phi * baseline.phi).sqrt(),
            limit: limit_for(run_length, baseline.n) * statistic_sigma(),
            statistic: 0.0,
            previous: None,
        }
    }

    /// The next value follows on none.
    pub(super) fn interrupt(&mut self) {
        self.previous = None;
    }

    /// Takes a value; returns its residual in standard deviations, unless it follows on none.
    pub(super) fn step(&mut self, x: f64) -> Option<f64> {
        let deviation = x - self.centre;
        let previous = self.previous.replace(deviation)?;
        let z = ((deviation - self.phi * previous) / self.sigma).clamp(-CLIP, CLIP);
        self.statistic += LAMBDA * (z - self.statistic);
        Some(z)
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

    /// The level that the statistic stands for, in the monitor's unit.
    pub(super) fn level(&self) -> f64 {
        self.in_unit(self.statistic)
    }

    /// The level at the limit of a side, in the monitor's unit.
    pub(super) fn limit(&self, side: Side) -> f64 {
        self.in_unit(match side {
            Side::High => self.limit,
            Side::Low => -self.limit,
        })
    }

    /// A lasting shift of the values by 1 shifts the residuals by `1 − φ`.
    fn in_unit(&self, statistic: f64) -> f64 {
        self.centre + statistic * self.sigma / (1.0 - self.phi)
    }
}
