//! What is left of a value when the one before it is known.
use crate::model::Baseline;

/// A single value counts in a sum for at most so many standard deviations, so that one spike is no drift:
/// two more like it are. In control one value in 16 000 is touched.
pub(super) const CLIP: f64 = 4.0;
/// Farther from the centre is not told apart, so that no difference of two values overflows.
const FAR: f64 = 1e300;

/// The residuals of a first-order autoregression.
///
/// What a plain chart takes for independent values it alarms on eight times too often at a lag-1
/// autocorrelation of 0.5. The residuals `x − φ·previous` are independent, so that the run lengths of
/// the books hold for them. Against block means: no value waits for its block to fill, and no
/// correlation is left between blocks. A step of one sigma shows as `√((1−φ)/(1+φ))`.
#[derive(Debug, Clone)]
pub(super) struct Residuals {
    centre: f64,
    phi: f64,
    /// Of the residuals.
    sigma: f64,
    previous: Option<f64>,
}

/// A value against what was to be expected of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Residual {
    /// In standard deviations of the residuals; may be infinite, never NaN.
    pub(super) z: f64,
    /// The value itself, in the monitor's unit.
    pub(super) value: f64,
    /// What was expected, in the monitor's unit.
    pub(super) expected: f64,
}

impl Residual {
    /// In standard deviations, at most [`CLIP`].
    pub(super) fn clipped(self) -> f64 {
        self.z.clamp(-CLIP, CLIP)
    }
}

impl Residuals {
    pub(super) fn new(baseline: &Baseline) -> Self {
        Self {
            centre: baseline.centre_line,
            phi: baseline.phi,
            sigma: baseline.sigma * (1.0 - baseline.phi * baseline.phi).sqrt(),
            previous: None,
        }
    }

    /// The next value follows on none.
    pub(super) fn interrupt(&mut self) {
        self.previous = None;
    }

    /// Takes a finite value; returns its residual, unless it follows on none.
    pub(super) fn step(&mut self, x: f64) -> Option<Residual> {
        let deviation = (x - self.centre).clamp(-FAR, FAR);
        let carried = self.phi * self.previous.replace(deviation)?;
        Some(Residual {
            z: (deviation - carried) / self.sigma,
            value: x,
            expected: self.centre + carried,
        })
    }

    /// A distance of `z` standard deviations of single residuals, in the monitor's unit.
    pub(super) fn distance(&self, z: f64) -> f64 {
        z * self.sigma
    }

    /// The standard deviation of single values that is so many times the normal one.
    pub(super) fn spread(&self, times: f64) -> f64 {
        times * self.sigma / (1.0 - self.phi * self.phi).sqrt()
    }

    /// The lasting level that residuals of mean `z` stand for, in the monitor's unit: a lasting shift of
    /// the values by 1 shifts the residuals by `1 − φ`.
    pub(super) fn level(&self, z: f64) -> f64 {
        self.centre + z * self.sigma / (1.0 - self.phi)
    }

    /// The shift of the residuals, in their standard deviations, that a lasting change of the values by
    /// so much of the monitor's unit makes.
    pub(super) fn shift(&self, change: f64) -> f64 {
        change * (1.0 - self.phi) / self.sigma
    }
}
