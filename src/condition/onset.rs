//! When did it begin? A memory of the last values, and the likelihood of every possible begin.
use crate::model::{Onset, Side, Utc};
use std::collections::VecDeque;

/// Values remembered: what began earlier is said to have no known begin.
pub(super) const MEMORY: usize = 1024;

/// A begin is possible from where a step is at most this less likely than the best, by logarithms, …
const DROP_STEP: f64 = 1.5;
/// … or a ramp at most this: its first values are those of no change, and its begin needs more room.
const DROP_RAMP: f64 = 3.75;
/// Until where either is at most this less likely.
///
/// By simulation (`tests/promise.rs`) the bounds together hold the true begin of a step of 0.75 to 2 σ and of a
/// ramp of 0.01 to 0.1 σ a value in 90 ± 3 %. What they miss is to be later than `latest`, which costs nobody
/// anything, rather than earlier than `earliest`: that happens with one step in 70 and one slow ramp in 11.
const DROP_LATEST: f64 = 1.1;

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

    /// When a change to `side`, seen at the newest value, began: by the likelihood of a step and of a ramp
    /// from each remembered value to the newest. The level before it is what `n` learned values and those
    /// remembered before the begin say: if the learned level alone counted, its error would look like a
    /// change that began long ago.
    pub(super) fn onset(&self, side: Side, n: u32) -> Option<Onset> {
        let profile = self.profile(side, f64::from(n));
        let best =
            profile.iter().copied().reduce(|a, b| if b.better() > a.better() { b } else { a })?;
        let possible = |begin: &&Begin| {
            begin.step >= best.better() - DROP_STEP || begin.ramp >= best.better() - DROP_RAMP
        };
        let likely = |begin: &&Begin| begin.better() >= best.better() - DROP_LATEST;
        // A source's clock may have leapt: bounds are of time, not of order.
        let earliest = profile.iter().filter(possible).map(|begin| begin.time).min()?;
        let latest = profile.iter().filter(likely).map(|begin| begin.time).max()?;
        let remembered = profile.last().is_some_and(|oldest| !possible(&oldest));
        Some(Onset { estimate: best.time, earliest: remembered.then_some(earliest), latest })
    }

    /// Every possible begin, the newest first.
    fn profile(&self, side: Side, n: f64) -> Vec<Begin> {
        let sign = match side {
            Side::High => 1.0,
            Side::Low => -1.0,
        };
        let total: f64 = self.values.iter().map(|(_, z)| sign * z).sum();
        // `before` counts what was learned as well; `ramp_sum` is the sum of z weighted 1, 2, 3 … from the begin on.
        let mut before = n + count(self.values.len());
        let (mut m, mut sum, mut ramp_sum) = (0.0, 0.0, 0.0);
        let no_change = total * total / (2.0 * before);
        let begin = |&(time, z): &(Utc, f64)| {
            m += 1.0;
            before -= 1.0;
            sum += sign * z;
            ramp_sum += sum;
            let level = (total - sum) / before;
            let unchanged = (total - sum) * level / 2.0;
            let gain = |fit: f64, squares: f64| {
                if fit > 0.0 { fit * fit / (2.0 * squares) } else { f64::NEG_INFINITY }
            };
            // What the values from the begin on gain by a level that goes on, and by a ramp above it.
            let goes_on = level * sum - m * level * level / 2.0;
            let slope = ramp_sum - level * m * (m + 1.0) / 2.0;
            let ramp = goes_on + gain(slope, m * (m + 1.0) * (2.0 * m + 1.0) / 6.0);
            let step = goes_on + gain(sum - m * level, m);
            let over = |likelihood: f64| f64::max(unchanged + likelihood - no_change, 0.0);
            Begin { time, step: over(step), ramp: over(ramp) }
        };
        self.values.iter().rev().map(begin).collect()
    }
}

/// A possible begin, and by how much likelier than no change a step and a ramp from there are: logarithms.
#[derive(Debug, Clone, Copy)]
struct Begin {
    time: Utc,
    step: f64,
    ramp: f64,
}

impl Begin {
    fn better(self) -> f64 {
        f64::max(self.step, self.ramp)
    }
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
