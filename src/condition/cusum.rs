//! The two-sided tabular cumulative sum chart (Page 1954, ISO 7870-4), with a fast initial response (Lucas & Crosier 1982).
use super::cusum_length::{Reference, limit_for, values_until};
use crate::model::Side;

/// A head start is this much of the limit.
const HEAD: f64 = 0.5;

/// A chart of residuals. In their standard deviations, all of it.
#[derive(Debug, Clone)]
pub(super) struct Cusum {
    reference: f64,
    limit: f64,
    high: Sum,
    low: Sum,
}

/// What exceeded the reference to one side since it last did not.
#[derive(Debug, Clone, Copy)]
struct Sum {
    total: f64,
    values: u32,
    /// Half of the limit of it is a head start.
    has_head: bool,
}

impl Sum {
    fn step(&mut self, excess: f64) {
        self.total += excess;
        self.values = self.values.saturating_add(1);
        if self.total <= 0.0 {
            *self = Self { total: 0.0, values: 0, has_head: false };
        }
    }
}

impl Cusum {
    /// One false alarm in `run_length` values, judged by what `n` values taught. `fast`: begun half-way to
    /// the limit, so that a change that is there from the begin is found in half the time.
    pub(super) fn new(reference: Reference, run_length: f64, n: u32, fast: bool) -> Self {
        let limit = limit_for(reference, run_length, n, fast);
        let total = if fast { HEAD * limit } else { 0.0 };
        let begin = Sum { total, values: 0, has_head: fast };
        Self { reference: reference.get(), limit, high: begin, low: begin }
    }

    /// Takes a residual.
    pub(super) fn step(&mut self, z: f64) {
        self.high.step(z - self.reference);
        self.low.step(-z - self.reference);
    }

    /// Beyond which limit a sum is.
    pub(super) fn beyond(&self) -> Option<Side> {
        if self.high.total > self.limit {
            Some(Side::High)
        } else if self.low.total > self.limit {
            Some(Side::Low)
        } else {
            None
        }
    }

    pub(super) fn limit(&self) -> f64 {
        self.limit
    }

    /// Values on average until a sum is beyond, begun at 0, when residuals are shifted by so much to its side.
    pub(super) fn values_until(&self, shift: f64) -> f64 {
        values_until(self.reference, self.limit, shift)
    }

    /// The mean of the residuals since the sum of a side left 0 or began, and what mean would have brought it to
    /// the limit.
    pub(super) fn against(&self, side: Side) -> (f64, f64) {
        let (of, sign) = match side {
            Side::High => (self.high, 1.0),
            Side::Low => (self.low, -1.0),
        };
        let head = if of.has_head { HEAD * self.limit } else { 0.0 };
        let mean = |sum: f64| sign * (self.reference + (sum - head) / f64::from(of.values.max(1)));
        (mean(of.total), mean(self.limit))
    }
}
