//! A machine settles after a changeover and a start of production: values of that time are neither learned from nor
//! judged by a baseline.
use crate::model::Utc;
use crate::model::plant::Settle;

/// Waits for the end of it.
#[derive(Debug, Clone)]
pub(super) struct Settling {
    spec: Settle,
    /// The time of the first value; by its source's clock, as that of those after it.
    first: Option<Utc>,
    seen: u32,
}

impl Settling {
    pub(super) fn new(spec: Settle) -> Self {
        Self { spec, first: None, seen: 0 }
    }

    /// Whether a value of this time is the first after it. When the clock leaps back, time begins anew.
    pub(super) fn ends(&mut self, time: Utc) -> bool {
        self.seen = self.seen.saturating_add(1);
        let first = self.first.map_or(time, |first| first.min(time));
        self.first = Some(first);
        match self.spec {
            Settle::Values(values) => self.seen > values,
            Settle::For(lasting) => time.since(first) >= lasting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ends(spec: Settle, seconds: &[i64]) -> Vec<bool> {
        let mut settling = Settling::new(spec);
        seconds.iter().map(|at| settling.ends(Utc(at * 1_000_000_000))).collect()
    }

    #[test]
    fn it_lasts_for_so_many_values_or_for_so_long_since_the_first() {
        assert_eq!(ends(Settle::Values(2), &[0, 900, 901]), [false, false, true]);
        assert_eq!(ends(Settle::Values(0), &[0]), [true]);
        let minute = Settle::For(Duration::from_mins(1));
        assert_eq!(ends(minute, &[500, 501, 559, 560]), [false, false, false, true]);
        assert_eq!(ends(minute, &[500, 40, 99, 100]), [false, false, false, true]);
    }
}
