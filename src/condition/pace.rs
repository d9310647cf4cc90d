//! One value per period of a tag that changes when it likes: the promised interval between false
//! alarms is one of time, and a chart that is fed ten times as often breaks it ten times as often.
use crate::model::Utc;
use std::time::Duration;

/// A grid of periods; the first value in each is taken.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    every: i64,
    /// Where the next period begins.
    due: Option<i64>,
}

impl Pace {
    pub(super) fn new(every: Duration) -> Self {
        // A quarter of the largest number, so that sums of a few periods cannot overflow.
        Self {
            every: i64::try_from(every.as_nanos()).unwrap_or(i64::MAX).min(i64::MAX / 4),
            due: None,
        }
    }

    /// Whether a value of this time is the first of its period.
    ///
    /// A value may be early by a quarter of a period and still counts for the next, so that a device
    /// with the same period and some jitter is taken whole. After a pause, and when the source's clock
    /// leaps back, the grid begins anew.
    pub(super) fn is_due(&mut self, time: Utc) -> bool {
        let ahead = self.due.map(|due| due.saturating_sub(time.0));
        match (self.due, ahead) {
            (Some(_), Some(ahead)) if ahead > self.every / 4 && ahead <= 2 * self.every => false,
            (Some(due), Some(ahead)) if ahead > -self.every && ahead <= self.every / 4 => {
                self.due = Some(due.saturating_add(self.every));
                true
            }
            _ => {
                self.due = Some(time.0.saturating_add(self.every));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(every: u64, times: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let mut pace = Pace::new(Duration::from_nanos(every));
        times.into_iter().filter(|t| pace.is_due(Utc(*t))).collect()
    }

    #[test]
    fn of_many_values_in_a_period_one_is_taken() {
        assert_eq!(taken(100, (0..1000).step_by(10)).len(), 11);
    }

    #[test]
    fn a_source_with_the_same_period_and_jitter_is_taken_whole() {
        let jitter = [0, 20, -20, 15, 0, -10];
        let times: Vec<i64> =
            (0..600).zip(jitter.into_iter().cycle()).map(|(i, j)| i * 100 + j).collect();
        assert_eq!(taken(100, times.clone()), times);
    }

    #[test]
    fn a_pause_or_a_leap_of_the_clock_begins_a_new_grid() {
        assert_eq!(taken(100, [0, 5_050, 5_100, 5_150]), [0, 5_050, 5_150]);
        assert_eq!(taken(100, [100_000, 40, 80, 140]), [100_000, 40, 140]);
    }
}
