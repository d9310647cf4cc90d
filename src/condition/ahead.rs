//! What a trend leads to: a limit that will be reached, and a change that is too fast.
use super::chart::Finding;
use super::trend::{Line, Trend};
use crate::model::plant::{Limits, RateLimit};
use crate::model::{Reach, Rule, Side, Utc, Verdict};
use std::time::Duration;

/// A trend is none below so many standard errors: chance makes one that is greater once in some thousand times as long as
/// the trend looks back (by simulation, at a lag-1 autocorrelation of 0, 0.5 and 0.9).
const SURE: f64 = 5.0;
/// One that was told stays one above so many; by so many a change must be beyond what it may be, which is no chance where
/// what it may be is far from none.
const STILL_SURE: f64 = 3.0;
/// Eight of ten times it comes between the bounds.
const BOUND: f64 = 1.2816;
/// What was told ends when the limit is farther than this times the time that it is told within, and a rate when it is
/// below this part of what it may be.
const FARTHER: f64 = 1.25;
const SLOWER: f64 = 0.9;

/// Tells of a trend: that a limit will be reached soon, or that the value changes too fast.
#[derive(Debug, Clone)]
pub(super) struct TrendRule {
    of: Of,
    trend: Trend,
    warned: Option<Side>,
    /// What was told is over.
    lost: bool,
    /// It was said that there is no trend any more: what the next one says is told, whatever that is.
    owed: bool,
}

#[derive(Debug, Clone, Copy)]
enum Of {
    Forecast(Limits),
    Rate(RateLimit),
}

impl TrendRule {
    /// Those that limits have.
    pub(super) fn all(limits: Limits) -> Box<[Self]> {
        let new = |of, over| {
            let (trend, warned) = (Trend::new(over), None);
            Self { of, trend, warned, lost: false, owed: false }
        };
        let forecast = limits.forecast.map(|within| new(Of::Forecast(limits), within));
        let rate = limits.rate.map(|limit| new(Of::Rate(limit), limit.over));
        forecast.into_iter().chain(rate).collect()
    }

    pub(super) fn rule(&self) -> Rule {
        match self.of {
            Of::Forecast(_) => Rule::Forecast,
            Of::Rate(_) => Rule::Rate,
        }
    }

    /// What the record says of it: that it warns, or that what it said is lost.
    pub(super) fn restore(&mut self, warned: Option<Side>, lost: bool) {
        (self.warned, self.owed) = (warned, lost);
    }

    /// What comes does not follow on what was: what was told of that is over with the next value.
    pub(super) fn forget(&mut self) {
        self.trend.forget();
        self.lost = true;
    }

    /// Takes a finite value; says so if it warns from now on, or does not any more.
    pub(super) fn step(&mut self, time: Utc, x: f64) -> Option<Finding> {
        self.trend.step(time, x);
        if std::mem::take(&mut self.lost) && self.warned.take().is_some() {
            self.owed = true;
            return Some(Finding::new(self.rule(), Verdict::NoData));
        }
        let line = self.trend.line()?;
        let warning = match self.of {
            Of::Forecast(limits) => self.comes_near(limits, time, &line),
            Of::Rate(limit) => self.is_fast(limit.most, &line),
        };
        let side = warning.as_ref().and_then(|warning| warning.side);
        let owed = std::mem::take(&mut self.owed);
        if side == self.warned && !owed {
            return None;
        }
        self.warned = side;
        Some(warning.unwrap_or_else(|| self.well(time, &line)))
    }

    /// All is well: where the value is, and when it reaches a limit by its trend, if it has one.
    fn well(&self, now: Utc, line: &Line) -> Finding {
        let found = Finding::new(self.rule(), Verdict::InControl);
        let Of::Forecast(limits) = self.of else { return found };
        let goes = line.slope.abs() > STILL_SURE * line.slope_error;
        let limit = if line.slope > 0.0 { limits.high } else { limits.low };
        let limit = limit.filter(|_| goes);
        let reaches = limit.map(|limit| reach(now, seconds_to(limit, line)));
        Finding { statistic: Some(line.level), limit, reaches, ..found }
    }

    /// The limit that the value goes to, if it will be there soon.
    fn comes_near(&self, limits: Limits, now: Utc, line: &Line) -> Option<Finding> {
        let (side, limit) =
            if line.slope > 0.0 { (Side::High, limits.high?) } else { (Side::Low, limits.low?) };
        let stands = self.warned == Some(side);
        let sure = if stands { STILL_SURE } else { SURE };
        let within = self.trend.fade() * if stands { FARTHER } else { 1.0 };
        let seconds = seconds_to(limit, line);
        let is_near = line.slope.abs() > sure * line.slope_error && seconds[0] <= within;
        is_near.then(|| Finding {
            side: Some(side),
            statistic: Some(line.level),
            limit: Some(limit),
            reaches: Some(reach(now, seconds)),
            ..Finding::new(Rule::Forecast, Verdict::Warning)
        })
    }

    /// How much it changes, if that is more than it may.
    fn is_fast(&self, most: f64, line: &Line) -> Option<Finding> {
        let (side, limit) = if line.slope > 0.0 { (Side::High, most) } else { (Side::Low, -most) };
        let [change, error] = [line.slope, line.slope_error].map(|x| x * self.trend.fade());
        let is_fast = if self.warned == Some(side) {
            change.abs() > SLOWER * most
        } else {
            change.abs() - STILL_SURE * error > most
        };
        is_fast.then(|| Finding {
            side: Some(side),
            statistic: Some(change),
            limit: Some(limit),
            ..Finding::new(Rule::Rate, Verdict::Warning)
        })
    }
}

/// In how many seconds a limit is reached by a line that goes towards it: at the earliest, likely, at the latest.
fn seconds_to(limit: f64, line: &Line) -> [f64; 3] {
    let Line { level, level_error, slope, slope_error } = *line;
    let way = if slope > 0.0 { limit - level } else { level - limit };
    let in_time =
        |way: f64, slope: f64| if slope > 0.0 { (way / slope).max(0.0) } else { f64::INFINITY };
    [
        in_time(way - BOUND * level_error, slope.abs() + BOUND * slope_error),
        in_time(way, slope.abs()),
        in_time(way + BOUND * level_error, slope.abs() - BOUND * slope_error),
    ]
}

fn reach(now: Utc, [earliest, estimate, latest]: [f64; 3]) -> Reach {
    let at = |seconds| Some(now.plus(Duration::try_from_secs_f64(seconds).ok()?));
    Reach { earliest: at(earliest).unwrap_or(now), estimate: at(estimate), latest: at(latest) }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "seconds of simulations are few")]
mod tests {
    use super::*;
    use crate::condition::tests::Process;

    const SECOND: i64 = 1_000_000_000;

    fn limits() -> Limits {
        Limits { high: Some(40.0), forecast: Some(Duration::from_mins(10)), ..Limits::default() }
    }

    fn rule_of(limits: Limits) -> TrendRule {
        TrendRule::all(limits).into_iter().next().unwrap()
    }

    /// What is said of values that rise by so much a second, with the second.
    fn told(slope: f64, seconds: i64, seed: u64) -> Vec<(i64, Finding)> {
        let (mut rule, mut process) = (rule_of(limits()), Process::new(seed, 0.5));
        let told = |second: i64| {
            let x = slope * second as f64 + process.next();
            rule.step(Utc(second * SECOND), x).map(|found| (second, found))
        };
        (0..seconds).filter_map(told).collect()
    }

    #[test]
    fn a_limit_that_comes_near_is_told_once_and_in_time_with_when() {
        let mut held = 0;
        for seed in 1..=60 {
            let told = told(0.01, 4_000, seed);
            let [(second, found)] = told.as_slice() else { panic!("{told:?}") };
            assert_eq!((found.verdict, found.side), (Verdict::Warning, Some(Side::High)));
            // The limit is reached at 4,000; ten minutes before that is told, and not much earlier.
            assert!((3_100..3_500).contains(second), "{second}");
            let Reach { earliest, estimate, latest } = found.reaches.unwrap();
            let truth = Utc(4_000 * SECOND);
            held += u32::from(earliest <= truth && latest.is_none_or(|latest| truth <= latest));
            assert!(earliest <= estimate.unwrap(), "{found:?}");
        }
        // Told as early as it may be, the earliest is a little too early more often than not.
        assert!(held >= 40, "{held} of 60");
    }

    #[test]
    fn what_does_not_go_anywhere_and_what_goes_away_from_the_limit_is_not_told() {
        for seed in 1..=20 {
            assert_eq!(told(0.0, 20_000, seed), []);
            assert_eq!(told(-0.05, 20_000, seed), []);
        }
    }

    #[test]
    fn a_forecast_ends_when_the_value_turns_and_a_restart_does_not_tell_it_again() {
        let (mut rule, mut process) = (rule_of(limits()), Process::new(3, 0.0));
        let mut value =
            |second: i64| process.next() + if second < 3_700 { 0.01 * second as f64 } else { 30.0 };
        let told: Vec<_> = (0..9_000)
            .filter_map(|second| rule.step(Utc(second * SECOND), value(second)))
            .collect();
        let verdicts: Vec<_> = told.iter().map(|found| found.verdict).collect();
        assert_eq!(verdicts, [Verdict::Warning, Verdict::InControl]);
        let mut again = rule_of(limits());
        again.restore(Some(Side::High), false);
        let near = (3_000..4_000)
            .filter_map(|second| again.step(Utc(second * SECOND), 0.01 * second as f64));
        assert_eq!(near.collect::<Vec<_>>(), []);
    }

    #[test]
    fn what_was_told_of_another_product_or_before_maintenance_is_over_with_the_next_value() {
        let mut rule = rule_of(limits());
        let rises = |second: i64| (Utc(second * SECOND), 0.01 * second as f64);
        let mut step = |second| {
            let (time, x) = rises(second);
            rule.step(time, x).map(|found| found.verdict)
        };
        assert_eq!((0..3_500).filter_map(&mut step).collect::<Vec<_>>(), [Verdict::Warning]);
        rule.forget();
        let (time, x) = rises(3_500);
        let over = rule.step(time, x).map(|found| found.verdict);
        assert_eq!(over, Some(Verdict::NoData));
        rule.forget();
        assert_eq!(rule.step(Utc(3_501 * SECOND), 0.0), None, "it is said once");
        // The next trend is told, once, with where the value is.
        let mut process = Process::new(7, 0.0);
        let told =
            (3_502..6_000).filter_map(|second| rule.step(Utc(second * SECOND), process.next()));
        let told: Vec<_> = told.collect();
        let [well] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((well.verdict, well.reaches), (Verdict::InControl, None), "it goes nowhere");
        assert!(well.statistic.unwrap().abs() < 1.0, "{well:?}");
    }

    #[test]
    fn what_changes_too_fast_is_told_as_long_as_it_does() {
        let rate = RateLimit { most: 5.0, over: Duration::from_mins(1) };
        let limits = Limits { rate: Some(rate), ..Limits::default() };
        let (mut rule, mut process) = (rule_of(limits), Process::new(5, 0.5));
        // Level, then 12 a minute down for ten minutes, then level.
        let falls = |second: i64| -0.2 * (second.clamp(1_000, 1_600) - 1_000) as f64;
        let told = (0..4_000).filter_map(|second| {
            let found = rule.step(Utc(second * SECOND), falls(second) + process.next())?;
            Some((second, found))
        });
        let told: Vec<_> = told.collect();
        let [(begin, fast), (end, slow)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(
            (fast.verdict, fast.side, fast.limit),
            (Verdict::Warning, Some(Side::Low), Some(-5.0))
        );
        assert!((1_000..1_200).contains(begin) && (1_600..1_800).contains(end), "{begin} {end}");
        assert_eq!(slow.verdict, Verdict::InControl);
        assert_eq!(told.len(), 2);
    }
}
