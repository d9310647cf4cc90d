//! When did it begin? A memory of the last values, and how likely each of them is to be the begin.
use crate::model::{Onset, Side, Utc};
use std::collections::VecDeque;

/// Values remembered: what began earlier is said to have no known begin.
pub(super) const MEMORY: usize = 1024;

/// Changes that may have begun: steps, in standard deviations, …
const STEPS: [f64; 8] = [0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0];
/// … and ramps, in standard deviations a value. Each of them is as likely as the others.
const RAMPS: [f64; 8] = [0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4];
/// By this chance it began before `earliest`, …
const BEFORE: f64 = 0.08;
/// … and by this after `latest`.
///
/// By simulation (`tests/promise.rs`) the bounds together hold the true begin of a step of 0.75 to 2 σ and of a
/// ramp of 0.01 to 0.1 σ a value in 90 ± 3 % (`docs/performance.md` has more). Of steps nearly all that is missed begins
/// after `latest`, which costs nobody anything; of ramps one in eight begins before `earliest`, by values that were hardly
/// touched.
const AFTER: f64 = 0.075;

/// The last values of a chart, in standard deviations.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    values: VecDeque<(Utc, f64)>,
}

impl Memory {
    /// Remembers a value, forgetting the oldest if it must.
    pub(super) fn push(&mut self, time: Utc, z: f64) {
        if self.values.len() == MEMORY {
            self.values.pop_front();
        }
        self.values.push_back((time, z));
    }

    /// The same values, each by what it scores.
    pub(super) fn scored(&self, score: impl Fn(f64) -> f64) -> Self {
        Self { values: self.values.iter().map(|(time, z)| (*time, score(*z))).collect() }
    }

    /// When a change to `side`, seen at the newest value, began, by how likely each remembered value is to be the first that
    /// was touched, if before all of them were as likely as the others. The level before it is what `n` learned values and
    /// those remembered say: if the learned level alone counted, its error would look like a change that began long ago.
    pub(super) fn onset(&self, side: Side, n: u32) -> Option<Onset> {
        let begins = self.begins(side, f64::from(n));
        let best = begins
            .iter()
            .copied()
            .reduce(|a, b| if b.likelihood > a.likelihood { b } else { a })?;
        let weight = |begin: &Begin| (begin.likelihood - best.likelihood).exp();
        let all: f64 = begins.iter().map(weight).sum();
        // A source's clock may have leapt: bounds are of time, not of order.
        let (mut earliest, mut latest) = (best.time, best.time);
        // The chance that it began at a value or after it.
        let mut since = 0.0;
        for (at, begin) in begins.iter().enumerate() {
            since += weight(begin) / all;
            if since >= AFTER {
                latest = latest.max(begin.time);
                earliest = earliest.min(begin.time);
            }
            if since >= 1.0 - BEFORE {
                let is_oldest = at + 1 == begins.len();
                return Some(Onset {
                    estimate: best.time,
                    earliest: (!is_oldest).then_some(earliest),
                    latest,
                });
            }
        }
        Some(Onset { estimate: best.time, earliest: None, latest })
    }

    /// Every possible begin, the newest first.
    fn begins(&self, side: Side, n: f64) -> Vec<Begin> {
        let sign = match side {
            Side::High => 1.0,
            Side::Low => -1.0,
        };
        let all = n + count(self.values.len());
        let level = self.values.iter().map(|(_, z)| sign * z).sum::<f64>() / all;
        // `ramp_sum` is the sum of z weighted 1, 2, 3 … from the begin on.
        let (mut m, mut sum, mut ramp_sum) = (0.0, 0.0, 0.0);
        let begin = |&(time, z): &(Utc, f64)| {
            m += 1.0;
            sum += sign * z;
            ramp_sum += sum;
            let step = |size| gain(size, (sum, m, m), (level, all));
            let (weights, squares) = (m * (m + 1.0) / 2.0, m * (m + 1.0) * (2.0 * m + 1.0) / 6.0);
            let ramp = |slope| gain(slope, (ramp_sum, weights, squares), (level, all));
            let changes = STEPS.into_iter().map(step).chain(RAMPS.into_iter().map(ramp));
            Begin { time, likelihood: sum_of_exponentials(changes) }
        };
        self.values.iter().rev().map(begin).collect()
    }
}

/// By how much likelier than no change a change of this size is, by logarithms: `fit` is the sum of the values by the
/// weights of its shape, of which the sums of `weights` and `squares` are; `level` is the mean of `all` values, which the
/// change takes its part of.
fn gain(size: f64, (fit, weights, squares): (f64, f64, f64), (level, all): (f64, f64)) -> f64 {
    size * (fit - weights * level) - size * size * (squares - weights * weights / all) / 2.0
}

/// The logarithm of it, whatever their sizes.
fn sum_of_exponentials(logarithms: impl Iterator<Item = f64> + Clone) -> f64 {
    let greatest = logarithms.clone().fold(f64::NEG_INFINITY, f64::max);
    greatest + logarithms.map(|each| (each - greatest).exp()).sum::<f64>().ln()
}

/// A possible begin, and how likely changes from there are: a logarithm.
#[derive(Debug, Clone, Copy)]
struct Begin {
    time: Utc,
    likelihood: f64,
}

#[expect(clippy::cast_precision_loss, reason = "at most MEMORY values")]
fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(values: impl IntoIterator<Item = f64>) -> Memory {
        let mut memory = Memory::default();
        for (i, z) in (0..).zip(values) {
            memory.push(Utc(i), z);
        }
        memory
    }

    #[test]
    fn a_clear_step_begins_where_it_begins() {
        let quiet = (0..200).map(|i| if i % 2 == 0 { 0.5 } else { -0.5 });
        let onset = memory(quiet.chain([-3.0; 6])).onset(Side::Low, 300).unwrap();
        assert_eq!(onset.estimate, Utc(200));
        assert!(onset.earliest.unwrap() <= Utc(200));
        assert!(onset.earliest.unwrap() > Utc(190));
        assert!(onset.latest >= Utc(200));
    }

    #[test]
    fn a_change_older_than_the_memory_has_no_earliest_begin() {
        let onset = memory(vec![1.0; 3 * MEMORY]).onset(Side::High, 300).unwrap();
        assert_eq!(onset.earliest, None);
        assert_eq!(onset.estimate, Utc(2 * i64::try_from(MEMORY).unwrap()));
    }

    #[test]
    fn a_learned_level_that_was_a_little_off_is_no_change_of_long_ago() {
        // One and a half standard errors of what 50 values teach, all the time.
        let off = (0..800).map(|i| 0.2 + if i % 2 == 0 { 1.0 } else { -1.0 });
        let memory = memory(off.chain([2.0; 6]));
        let onset = memory.onset(Side::High, 50).unwrap();
        assert!(onset.earliest.unwrap() > Utc(750), "{onset:?}");
    }

    #[test]
    fn bounds_are_of_time_where_a_clock_leapt_back() {
        let mut memory = Memory::default();
        for (time, z) in [(100, 0.1), (101, -0.2), (102, 0.1), (50, 3.0), (51, 3.0), (52, 3.0)] {
            memory.push(Utc(time), z);
        }
        let Onset { estimate, earliest, latest } = memory.onset(Side::High, 50).unwrap();
        assert!(earliest.is_none_or(|earliest| earliest <= estimate) && estimate <= latest);
    }

    #[test]
    fn an_empty_memory_knows_no_begin() {
        assert_eq!(memory([]).onset(Side::High, 300), None);
    }
}
