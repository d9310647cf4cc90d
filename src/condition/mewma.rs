//! The charts of a group: Hotelling's T² of the last vector, and the multivariate moving average beside it (Lowry, Woodall, Champ &
//! Rigdon, Technometrics 34, 1992). A tag may stay within its own bounds while it goes no more with the others.
use super::chi_square::above;
use super::mewma_length::{Chart, Learned, limit_for};
use super::quadrature::where_it_falls;
use super::run_length::LAMBDA;

/// By how much longer each of the two runs, so that together they keep the promise: nearly as many times as there are charts,
/// since they seldom alarm falsely on the same values. By simulation (`tests/groups.rs`).
const SHARED: f64 = 1.9;
/// A vector counts in the moving average for at most what one in so many in control is beyond: one spike is no drift there.
const CLIPPED: f64 = 16_000.0;

/// Both charts, of vectors whose members are independent and of variance 1.
#[derive(Debug, Clone)]
pub(super) struct Charts {
    last: Vec<f64>,
    mean: Vec<f64>,
    /// Of squared distances.
    limits: [f64; 2],
    clip: f64,
}

impl Charts {
    /// Begun at their centre: one false alarm of both in `run_length` vectors.
    pub(super) fn new(run_length: f64, learned: Learned) -> Self {
        let limit = |chart| limit_for(chart, SHARED * run_length, learned);
        let members = vec![0.0; learned.p as usize];
        Self {
            last: members.clone(),
            mean: members,
            limits: [limit(Chart::TSquared), limit(Chart::Mewma)],
            clip: where_it_falls(1.0 / CLIPPED, 1e3, |square| above(learned.p, square)).sqrt(),
        }
    }

    /// With these limits, and no vector clipped.
    #[cfg(test)]
    pub(super) fn with_limits(members: usize, limits: [f64; 2]) -> Self {
        let members = vec![0.0; members];
        Self { last: members.clone(), mean: members, limits, clip: f64::INFINITY }
    }

    /// Takes a vector.
    pub(super) fn step(&mut self, white: Vec<f64>) {
        let length = square(&white).sqrt();
        let times = if length > self.clip { self.clip / length } else { 1.0 };
        for (mean, y) in self.mean.iter_mut().zip(&white) {
            *mean += LAMBDA * (times * y - *mean);
        }
        self.last = white;
    }

    /// The vector that a chart judges by, in its standard deviations, with its squared length and the limit of that.
    pub(super) fn judged(&self, chart: Chart) -> (Vec<f64>, f64, f64) {
        let [of_last, of_mean] = self.limits;
        let narrow = ((2.0 - LAMBDA) / LAMBDA).sqrt();
        let (vector, limit): (Vec<f64>, f64) = match chart {
            Chart::TSquared => (self.last.clone(), of_last),
            Chart::Mewma => (self.mean.iter().map(|y| narrow * y).collect(), of_mean),
        };
        let far = square(&vector);
        (vector, far, limit)
    }
}

/// The squared length of a vector.
pub(super) fn square(vector: &[f64]) -> f64 {
    vector.iter().map(|y| y * y).sum()
}
