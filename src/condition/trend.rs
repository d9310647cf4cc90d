//! Which way a value goes: a straight line through the recent past, by least squares with weights that fade (Brown, Smoothing,
//! Forecasting and Prediction, 1963).
//!
//! The error of the line allows for values that depend on the one before: by the lag-1 correlation of what the line did not
//! expect, as of an autoregression of first order. State is of a fixed size; a value costs a few multiplications.
use crate::model::Utc;
use std::time::Duration;

/// Fewer values than this, by weight, make no line.
const VALUES_MIN: f64 = 10.0;
/// What wanders so much is no line.
const PHI_MAX: f64 = 0.99;

/// The recent past of a value.
#[derive(Debug, Clone)]
pub(super) struct Trend {
    /// In seconds: what is so old weighs a third of what is new.
    fade: f64,
    /// When the first and the newest value were.
    times: Option<(Utc, Utc)>,
    /// What values are counted from, so that sums of large values that hardly differ keep their digits.
    origin: f64,
    sums: Sums,
    /// Of the squares of the weights.
    squares: Sums,
    /// How far the newest value was from what the line let expect, and how that and its product with the one before
    /// were lately.
    surprise: f64,
    power: f64,
    lag: f64,
}

/// Sums over values: of the weights, of ages and values and their products. Ages are negative seconds.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    one: f64,
    x: f64,
    xx: f64,
    y: f64,
    xy: f64,
    yy: f64,
}

/// A line as of the newest value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    /// Where it is now, in the monitor's unit.
    pub(super) level: f64,
    /// The standard error of that.
    pub(super) level_error: f64,
    /// How it goes, in the monitor's unit a second.
    pub(super) slope: f64,
    /// The standard error of that.
    pub(super) slope_error: f64,
}

impl Sums {
    /// All become older by so many seconds and weigh less.
    fn age(&mut self, seconds: f64, keep: f64) {
        let Self { one, x, xx, y, xy, yy } = *self;
        *self = Self {
            one: keep * one,
            x: keep * (x - seconds * one),
            xx: keep * (xx - 2.0 * seconds * x + seconds * seconds * one),
            y: keep * y,
            xy: keep * (xy - seconds * y),
            yy: keep * yy,
        };
    }

    fn add(&mut self, y: f64) {
        self.one += 1.0;
        self.y += y;
        self.yy += y * y;
    }
}

impl Trend {
    /// Has seen nothing. `fade`: over how long a time it looks back.
    pub(super) fn new(fade: Duration) -> Self {
        Self {
            fade: fade.as_secs_f64().max(1e-9),
            times: None,
            origin: 0.0,
            sums: Sums::default(),
            squares: Sums::default(),
            surprise: 0.0,
            power: 0.0,
            lag: 0.0,
        }
    }

    /// Takes a finite value. One whose time does not go on is taken as of the same time as the newest.
    pub(super) fn step(&mut self, time: Utc, value: f64) {
        let Some((first, newest)) = self.times else {
            self.times = Some((time, time));
            self.origin = value;
            self.sums.add(0.0);
            self.squares.add(0.0);
            return;
        };
        let seconds = seconds_between(newest, time);
        self.times = Some((first, newest.max(time)));
        let keep = (-seconds / self.fade).exp();
        let y = value - self.origin;
        self.sums.age(seconds, keep);
        self.squares.age(seconds, keep * keep);
        // Of what was before, aged: where the line leads to now.
        if let Some((expected, _)) = self.fit() {
            let surprise = y - expected;
            self.lag = keep * self.lag + surprise * self.surprise;
            self.power = keep * self.power + surprise * surprise;
            self.surprise = surprise;
        }
        self.sums.add(y);
        self.squares.add(y);
    }

    /// What follows does not follow on what was.
    pub(super) fn forget(&mut self) {
        *self = Self { fade: self.fade, ..Self::new(Duration::ZERO) };
    }

    /// Over how many seconds it looks back.
    pub(super) fn fade(&self) -> f64 {
        self.fade
    }

    /// The line, if there is one: after as long as it looks back, and some values.
    pub(super) fn line(&self) -> Option<Line> {
        let (first, newest) = self.times?;
        let Sums { one, x, xx, y, xy, yy } = self.sums;
        let effective = one * one / self.squares.one;
        if seconds_between(first, newest) < self.fade || effective < VALUES_MIN {
            return None;
        }
        let (level, slope) = self.fit()?;
        let rest = (yy - level * y - slope * xy).max(0.0) / one;
        let variance = rest * effective / (effective - 2.0);
        let phi = if self.power > 0.0 { (self.lag / self.power).clamp(0.0, PHI_MAX) } else { 0.0 };
        let inflation = (1.0 + phi) / (1.0 - phi);
        let spread = xx - x * x / one;
        let centre = x / one;
        let Sums { one: w, x: wx, xx: wxx, .. } = self.squares;
        // Around the weighted mean age: of the slope, and of the level at age 0.
        let about = wxx - 2.0 * centre * wx + centre * centre * w;
        let across = wx - centre * w;
        let slope_variance = about / (spread * spread);
        let level_variance = w / (one * one) + centre * centre * slope_variance
            - 2.0 * centre * across / (one * spread);
        let error = |variance_of: f64| (variance * inflation * variance_of.max(0.0)).sqrt();
        let line = Line {
            level: self.origin + level,
            level_error: error(level_variance),
            slope,
            slope_error: error(slope_variance),
        };
        let Line { level, level_error, slope, slope_error } = line;
        [level, level_error, slope, slope_error].into_iter().all(f64::is_finite).then_some(line)
    }

    /// Level now and slope, from the origin.
    fn fit(&self) -> Option<(f64, f64)> {
        let Sums { one, x, xx, y, xy, .. } = self.sums;
        let spread = xx - x * x / one;
        if one <= 0.0 || spread <= 0.0 {
            return None;
        }
        let slope = (xy - x * y / one) / spread;
        Some((y / one - slope * x / one, slope))
    }
}

fn seconds_between(from: Utc, to: Utc) -> f64 {
    Duration::from_nanos(u64::try_from(to.0.saturating_sub(from.0)).unwrap_or_default())
        .as_secs_f64()
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "seconds of simulations are few")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000_000;

    fn close(a: f64, b: f64, scale: f64) -> bool {
        (a - b).abs() <= 1e-6 * (1.0 + scale)
    }

    /// The same line over all values at once.
    fn by_the_book(fade: f64, values: &[(i64, f64)]) -> (f64, f64) {
        let newest = values.iter().map(|(at, _)| *at).max().unwrap();
        let age = |at: i64| (newest - at) as f64 / 1e9;
        let all: Vec<_> =
            values.iter().map(|(at, y)| ((-age(*at) / fade).exp(), -age(*at), *y)).collect();
        let sum =
            |of: &dyn Fn(f64, f64) -> f64| all.iter().map(|(w, x, y)| w * of(*x, *y)).sum::<f64>();
        let (one, x, y) = (sum(&|_, _| 1.0), sum(&|x, _| x), sum(&|_, y| y));
        let slope = (sum(&|x, y| x * y) - x * y / one) / (sum(&|x, _| x * x) - x * x / one);
        (y / one - slope * x / one, slope)
    }

    proptest! {
        #[test]
        fn a_line_is_that_of_all_values_by_their_weights(
            gaps in proptest::collection::vec((1..30_i64, -100.0..100.0_f64), 40..120),
            fade in 20..90_u64,
            origin in -1e6..1e6_f64,
        ) {
            let mut trend = Trend::new(Duration::from_secs(fade));
            let (mut now, mut values) = (0, Vec::new());
            for (gap, y) in gaps {
                now += gap * SECOND;
                values.push((now, y));
                trend.step(Utc(now), origin + y);
            }
            let (level, slope) = by_the_book(fade as f64, &values);
            let Some(line) = trend.line() else {
                // Too long pauses leave too few values.
                return Ok(());
            };
            prop_assert!(close(line.level - origin, level, 100.0), "{:?} {}", line, level);
            prop_assert!(close(line.slope, slope, 100.0), "{:?} {}", line, slope);
        }

        #[test]
        fn whatever_comes_makes_no_line_that_is_no_number(
            all in proptest::collection::vec((-40..400_i64, prop::sample::select(vec![0.0, 1.0, -1e300, 1e300, f64::MIN_POSITIVE])), 0..200),
        ) {
            let mut trend = Trend::new(Duration::from_secs(10));
            let mut now = 0_i64;
            for (gap, y) in all {
                now = now.saturating_add(gap * SECOND);
                trend.step(Utc(now), y);
                let errors = trend.line().map(|line| line.slope_error.min(line.level_error));
                prop_assert!(errors.is_none_or(|error| error >= 0.0), "{:?}", trend.line());
            }
        }
    }

    #[test]
    fn before_it_has_looked_as_far_back_as_it_does_there_is_no_line() {
        let mut trend = Trend::new(Duration::from_mins(1));
        let lines = (0..100).filter_map(|second| {
            trend.step(Utc(second * SECOND), second as f64);
            trend.line().map(|_| second)
        });
        assert_eq!(lines.min(), Some(60));
        trend.forget();
        trend.step(Utc(101 * SECOND), 5.0);
        assert_eq!(trend.line(), None);
    }
}
