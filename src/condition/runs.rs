//! Single values against zones (Shewhart 1931), and runs of them in one (Western Electric 1956, Nelson 1984), for what is
//! measured once per unit.
//!
//! The sets of the books promise nothing that a user could choose: all four tests of Western Electric
//! together alarm falsely once in 92 values, and eight values on one side come once in 255 whatever the
//! width of a zone. So all edges, the centre line too, move outwards by one distance, the *widening*, until
//! the set keeps the promise; without it the set is that of the book.
use super::residual::Residual;
use super::runs_length::Chain;
use crate::model::Side;
use crate::model::plant::RunSet;

/// So many of the last values are beyond an edge, on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Test {
    /// Its number in the book.
    pub(super) number: u8,
    need: u8,
    of: u8,
    /// In standard deviations, before the widening.
    edge: u8,
}

const fn test(number: u8, need: u8, of: u8, edge: u8) -> Test {
    Test { number, need, of, edge }
}

const SHEWHART: &[Test] = &[test(1, 1, 1, 3)];
const WESTERN_ELECTRIC: &[Test] =
    &[test(1, 1, 1, 3), test(2, 2, 3, 2), test(3, 4, 5, 1), test(4, 8, 8, 0)];
/// Those that speak of a level. Six in a row that rise, 14 that alternate, 15 within and eight without one
/// standard deviation do not, and no widening makes them keep a promise.
const NELSON: &[Test] = &[test(1, 1, 1, 3), test(2, 9, 9, 0), test(5, 2, 3, 2), test(6, 4, 5, 1)];

/// The most tests that a set has.
const TESTS: usize = 4;
/// Edges, from the centre line outwards.
pub(super) const EDGES: [u8; 4] = [0, 1, 2, 3];

pub(super) fn tests(set: RunSet) -> &'static [Test] {
    match set {
        RunSet::Shewhart => SHEWHART,
        RunSet::WesternElectric => WESTERN_ELECTRIC,
        RunSet::Nelson => NELSON,
    }
}

/// What of the values before still matters: for each test and side, which of them were beyond its edge, the newest in
/// the lowest bit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct History {
    high: [u8; TESTS],
    low: [u8; TESTS],
}

impl History {
    /// Takes a value that is beyond so many edges on a side; returns the first test that it completes.
    pub(super) fn step(&mut self, tests: &[Test], side: Side, edges: u8) -> Option<Test> {
        let (towards, away) = match side {
            Side::High => (&mut self.high, &mut self.low),
            Side::Low => (&mut self.low, &mut self.high),
        };
        let mut completed = None;
        for ((test, seen), other) in tests.iter().zip(towards).zip(away) {
            let is_beyond = edges > test.edge;
            let seen_now = (u16::from(*seen) << 1) | u16::from(is_beyond);
            if is_beyond && seen_now.count_ones() >= u32::from(test.need) {
                completed = completed.or(Some(*test));
            }
            *seen = test.what_matters(seen_now);
            *other = test.what_matters(u16::from(*other) << 1);
        }
        completed
    }

    /// The same with both sides exchanged.
    pub(super) fn mirrored(self) -> Self {
        Self { high: self.low, low: self.high }
    }
}

impl Test {
    /// Leaves out values that no future can make part of a completed test.
    fn what_matters(self, seen: u16) -> u8 {
        let (mut kept, mut count) = (0_u8, 0);
        for age in 1..self.of {
            let bit = 1_u16 << (age - 1);
            if seen & bit != 0 {
                count += 1;
                if count + self.of - age >= self.need {
                    kept |= u8::try_from(bit).unwrap_or(0);
                }
            }
        }
        kept
    }
}

/// A chart of residuals.
#[derive(Debug, Clone)]
pub(super) struct Runs {
    set: RunSet,
    /// In standard deviations of the residuals.
    widening: f64,
    history: History,
    completed: Option<(Side, Test)>,
    last: Residual,
}

impl Runs {
    /// A chart that has seen nothing.
    pub(super) fn new(set: RunSet, widening: f64) -> Self {
        let last = Residual { z: 0.0, value: 0.0, expected: 0.0 };
        Self { set, widening, history: History::default(), completed: None, last }
    }

    pub(super) fn set(&self) -> RunSet {
        self.set
    }

    /// Takes a residual.
    pub(super) fn step(&mut self, residual: Residual) {
        let side = if residual.z > 0.0 { Side::High } else { Side::Low };
        let is_beyond = |edge: &u8| residual.z.abs() > f64::from(*edge) + self.widening;
        let edges = EDGES.into_iter().fold(0, |edges, edge| edges + u8::from(is_beyond(&edge)));
        let test = self.history.step(tests(self.set), side, edges);
        self.completed = test.map(|test| (side, test));
        self.last = residual;
    }

    /// On which side the last value completed a test.
    pub(super) fn beyond(&self) -> Option<Side> {
        self.completed.map(|(side, _)| side)
    }

    /// The number of the test that the last value completed.
    pub(super) fn test(&self) -> Option<u8> {
        self.completed.map(|(_, test)| test.number)
    }

    /// The edge beyond which one value is enough, in standard deviations of residuals.
    pub(super) fn outermost(&self) -> f64 {
        EDGES.last().map_or(0.0, |edge| f64::from(*edge)) + self.widening
    }

    /// Values on average until a test is completed, when residuals are shifted by so much.
    pub(super) fn values_until(&self, shift: f64) -> f64 {
        Chain::new(tests(self.set), false).run_length(self.widening, 1.0, shift)
    }

    /// The last value and the edge that it completed a test beyond, in the monitor's unit; `sigma` is that of the
    /// residuals.
    pub(super) fn against(&self, sigma: f64) -> (f64, f64) {
        let edge = self.completed.map_or(0.0, |(side, test)| {
            let distance = f64::from(test.edge) + self.widening;
            match side {
                Side::High => distance,
                Side::Low => -distance,
            }
        });
        (self.last.value, self.last.expected + edge * sigma)
    }
}

#[cfg(test)]
mod unit {
    use super::*;
    use proptest::prelude::*;

    /// The tests as the books say them, over all values.
    fn by_the_book(set: RunSet, values: &[f64]) -> Option<(Side, u8)> {
        let last = *values.last()?;
        let side = if last > 0.0 { Side::High } else { Side::Low };
        let sign = if last > 0.0 { 1.0 } else { -1.0 };
        let completed = tests(set).iter().find(|test| {
            let beyond = |z: &&f64| sign * **z > f64::from(test.edge);
            let window = values.iter().rev().take(usize::from(test.of));
            beyond(&&last) && window.filter(beyond).count() >= usize::from(test.need)
        })?;
        Some((side, completed.number))
    }

    fn any_set() -> impl Strategy<Value = RunSet> {
        prop_oneof![Just(RunSet::Shewhart), Just(RunSet::WesternElectric), Just(RunSet::Nelson)]
    }

    proptest! {
        #[test]
        fn a_chart_says_at_every_value_what_the_book_says_of_all_values(
            set in any_set(),
            zones in proptest::collection::vec(-4_i8..4, 1..60),
        ) {
            let values: Vec<f64> = zones.iter().map(|zone| f64::from(*zone) + 0.5).collect();
            let mut chart = Runs::new(set, 0.0);
            for (i, z) in values.iter().enumerate() {
                chart.step(Residual { z: *z, value: *z, expected: 0.0 });
                prop_assert_eq!(chart.completed.map(|(side, test)| (side, test.number)), by_the_book(set, &values[..=i]));
            }
        }
    }
}
