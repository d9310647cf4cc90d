//! Statistics of one tag over an interval, in one pass and constant memory.
use crate::model::{Statistics, TagName, Utc};

/// What has been tallied since a begin.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tally {
    begin: Utc,
    n: u64,
    min: f64,
    max: f64,
    sum: f64,
    left_out: u64,
    /// Integral of the value over nanoseconds, and over how many.
    area: f64,
    weight: f64,
    in_force: Option<f64>,
    since: Utc,
}

impl Tally {
    /// Begins with the value in force, if one is known.
    pub(super) fn new(begin: Utc, in_force: Option<f64>) -> Self {
        Self {
            begin,
            n: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            sum: 0.0,
            left_out: 0,
            area: 0.0,
            weight: 0.0,
            in_force,
            since: begin,
        }
    }

    /// Takes a sample at `time`; `None` is one that is bad or no finite number.
    pub(super) fn take(&mut self, time: Utc, value: Option<f64>) {
        self.advance(time);
        self.in_force = value;
        match value {
            Some(x) => {
                self.n = self.n.saturating_add(1);
                self.min = self.min.min(x);
                self.max = self.max.max(x);
                self.sum += x;
            }
            None => self.left_out = self.left_out.saturating_add(1),
        }
    }

    fn advance(&mut self, time: Utc) {
        let time = time.max(self.since);
        if let Some(x) = self.in_force {
            #[expect(clippy::cast_precision_loss, reason = "a duration; 53 bits are 104 days")]
            let span = time.since(self.since).as_nanos() as f64;
            self.area += x * span;
            self.weight += span;
        }
        self.since = time;
    }

    /// The figures up to `end`.
    pub(super) fn close(&self, tag: TagName, end: Utc) -> Statistics {
        let mut whole = self.clone();
        whole.advance(end);
        let some = whole.n > 0;
        #[expect(clippy::cast_precision_loss, reason = "a count of samples")]
        let mean = whole.sum / whole.n as f64;
        Statistics {
            tag,
            n: whole.n,
            min: some.then_some(whole.min),
            max: some.then_some(whole.max),
            mean: some.then_some(mean),
            time_mean: (whole.weight > 0.0).then(|| whole.area / whole.weight),
            left_out: whole.left_out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_in_force_at_the_begin_weighs_only_in_the_time_mean() {
        let mut tally = Tally::new(Utc(0), Some(10.0));
        tally.take(Utc(4), Some(20.0));
        tally.take(Utc(6), None);
        tally.take(Utc(8), Some(30.0));
        let s = tally.close(TagName::parse("feed").unwrap(), Utc(10));
        assert_eq!((s.n, s.left_out, s.min, s.max), (2, 1, Some(20.0), Some(30.0)));
        assert_eq!(s.mean, Some(25.0));
        // 10 for 4 ns, 20 for 2, unknown for 2, 30 for 2.
        assert_eq!(s.time_mean, Some((40.0 + 40.0 + 60.0) / 8.0));
    }
}
