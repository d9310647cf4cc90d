//! Absolute limits with deadband and delays (a level alarm): the value itself, no statistics.
//!
//! A value must have been on the other side for its delay before that is told: by the times of the values, and of what stands
//! until it changes by our clock as well. What comes in between begins the delay anew.
use crate::model::plant::Limits;
use crate::model::{At, Monotonic, Side, Utc};
use std::time::Duration;

/// The state of a pair of absolute limits.
#[derive(Debug, Clone)]
pub(super) struct LimitRule {
    limits: Limits,
    has_judged: bool,
    beyond: Option<Side>,
    pending: Option<Box<Pending>>,
}

/// What changed at a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Crossing {
    /// Beyond which limit the value is from now on, if any.
    pub(super) beyond: Option<Side>,
    /// The limit crossed, in the monitor's unit; of the first value inside, none was.
    pub(super) limit: Option<f64>,
    /// The value.
    pub(super) x: f64,
    /// Since when, of what waited for its delay.
    pub(super) since: Option<Utc>,
}

/// What is told when its delay is over.
#[derive(Debug, Clone)]
struct Pending {
    crossing: Crossing,
    /// When the last value was.
    last: Utc,
    /// How long it is so by the times of the values: a clock that goes back adds nothing.
    passed: Duration,
    /// When it is over by our clock, if the value stands.
    due: Option<Monotonic>,
}

impl LimitRule {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, has_judged: false, beyond: None, pending: None }
    }

    /// Beyond which limit the value last was, as was told.
    pub(super) fn beyond(&self) -> Option<Side> {
        self.beyond
    }

    /// Whether the value is beyond a limit, told or not.
    pub(super) fn is_beyond(&self) -> bool {
        let pending = self.pending.as_ref().and_then(|pending| pending.crossing.beyond);
        self.beyond.or(pending).is_some()
    }

    /// Whether a delay runs.
    pub(super) fn waits(&self) -> bool {
        self.pending.is_some()
    }

    /// What it said is over: the next value is judged as the first. What is beyond waits on.
    pub(super) fn begin_anew(&mut self) {
        (self.has_judged, self.beyond) = (false, None);
        self.pending.take_if(|pending| pending.crossing.beyond.is_none());
    }

    /// What the record says of it.
    pub(super) fn restore(&mut self, beyond: Option<Side>) {
        self.has_judged = true;
        self.beyond = beyond;
    }

    /// What comes next does not follow on what was.
    pub(super) fn interrupt(&mut self) {
        self.pending = None;
    }

    /// Values were lost, which may have been on the other side: the delay begins anew.
    pub(super) fn lost(&mut self, at: At) {
        let delay = self.delay();
        if let Some(pending) = &mut self.pending {
            pending.passed = Duration::ZERO;
            pending.due = pending.due.map(|_| at.monotonic.plus(delay));
        }
    }

    /// The last value came now, and stands until another comes.
    pub(super) fn stands(&mut self, at: At) {
        let delay = self.delay();
        if let Some(pending) = &mut self.pending {
            pending.due.get_or_insert(at.monotonic.plus(delay));
        }
    }

    /// When the delay is over by our clock.
    pub(super) fn due(&self) -> Option<Monotonic> {
        self.pending.as_ref()?.due
    }

    /// Says what waited, if its delay is over by our clock.
    pub(super) fn on_time(&mut self, at: At) -> Option<Crossing> {
        self.due().filter(|due| *due <= at.monotonic)?;
        self.tell()
    }

    /// Takes one value; says so if it changes sides, and has for long enough.
    pub(super) fn step(&mut self, time: Utc, x: f64) -> Option<Crossing> {
        let (beyond, limit) = self.side(x);
        if self.has_judged && self.beyond == beyond {
            self.pending = None;
            return None;
        }
        let crossing = Crossing { beyond, limit, x, since: None };
        let goes_on = |pending: &&mut Box<Pending>| pending.crossing.beyond == beyond;
        if let Some(pending) = self.pending.as_mut().filter(goes_on) {
            pending.passed += time.since(pending.last);
            (pending.last, pending.crossing.x) = (time, x);
        } else {
            let passed = Duration::ZERO;
            let crossing = Crossing { since: Some(time), ..crossing };
            self.pending = Some(Box::new(Pending { crossing, last: time, passed, due: None }));
        }
        let delay = self.delay();
        if delay.is_zero() {
            self.tell();
            return Some(crossing);
        }
        self.pending.as_ref().filter(|pending| pending.passed >= delay)?;
        self.tell()
    }

    fn tell(&mut self) -> Option<Crossing> {
        let crossing = self.pending.take()?.crossing;
        self.restore(crossing.beyond);
        Some(crossing)
    }

    /// Of what waits; that all is well from the first value on needs none.
    fn delay(&self) -> Duration {
        match self.pending.as_ref().map(|pending| pending.crossing.beyond) {
            Some(Some(_)) => self.limits.on_delay,
            Some(None) if self.has_judged => self.limits.off_delay,
            Some(None) | None => Duration::ZERO,
        }
    }

    /// Beyond which limit a value is, and which limit that says.
    fn side(&self, x: f64) -> (Option<Side>, Option<f64>) {
        let Limits { low, high, deadband, .. } = self.limits;
        let was = self.beyond;
        // Inside is farther inside by the deadband for a side that is being left.
        let beyond = |limit: Option<f64>, side: Side, excess: fn(f64, f64) -> f64| {
            let margin = if was == Some(side) { -deadband } else { 0.0 };
            limit.filter(|limit| excess(x, *limit) > margin)
        };
        if let Some(limit) = beyond(high, Side::High, |x, limit| x - limit) {
            (Some(Side::High), Some(limit))
        } else if let Some(limit) = beyond(low, Side::Low, |x, limit| limit - x) {
            (Some(Side::Low), Some(limit))
        } else {
            let left = match was {
                Some(Side::High) => high,
                Some(Side::Low) => low,
                None => None,
            };
            (None, left)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    fn limits() -> Limits {
        Limits { low: Some(10.0), high: Some(20.0), deadband: 1.0, ..Limits::default() }
    }

    fn delayed(on: u64, off: u64) -> LimitRule {
        let [on_delay, off_delay] = [on, off].map(Duration::from_secs);
        LimitRule::new(Limits { on_delay, off_delay, ..limits() })
    }

    fn at(seconds: u64) -> At {
        let ns = seconds * SECOND;
        At { monotonic: Monotonic(ns), wall: Utc(i64::try_from(ns).unwrap()) }
    }

    fn word(crossing: Option<Crossing>) -> &'static str {
        match crossing.map(|crossing| crossing.beyond) {
            None => "",
            Some(None) => "in",
            Some(Some(Side::High)) => "high",
            Some(Some(Side::Low)) => "low",
        }
    }

    /// What changed at each value: `in`, `high`, `low`, or nothing.
    fn sides(values: &[f64]) -> Vec<&'static str> {
        let mut rule = LimitRule::new(limits());
        values.iter().map(|x| word(rule.step(Utc(0), *x))).collect()
    }

    /// The same of a rule with delays, each with the second that it was.
    fn told(rule: &mut LimitRule, values: &[(u64, f64)]) -> Vec<&'static str> {
        values.iter().map(|(second, x)| word(rule.step(at(*second).wall, *x))).collect()
    }

    #[test]
    fn a_limit_itself_is_still_inside() {
        assert_eq!(sides(&[20.0, 10.0]), ["in", ""]);
    }

    #[test]
    fn a_value_is_back_only_past_the_deadband() {
        assert_eq!(sides(&[15.0, 20.1, 19.5, 20.2, 19.0]), ["in", "high", "", "", "in"]);
        assert_eq!(sides(&[9.9, 10.9, 11.0]), ["low", "", "in"]);
    }

    #[test]
    fn a_value_that_leaps_across_changes_sides_at_once() {
        assert_eq!(sides(&[25.0, 5.0]), ["high", "low"]);
    }

    #[test]
    fn a_value_warns_when_it_was_beyond_for_so_long_and_ends_when_it_was_inside_for_so_long() {
        let mut rule = delayed(10, 60);
        let values = [(0, 15.0), (1, 25.0), (10, 25.0), (11, 26.0), (20, 15.0), (79, 15.0)];
        assert_eq!(told(&mut rule, &values), ["in", "", "", "high", "", ""]);
        // Back beyond for a moment: it must be inside for all of the time again.
        assert_eq!(told(&mut rule, &[(80, 25.0), (81, 15.0), (140, 15.0)]), ["", "", ""]);
        let ended = rule.step(at(141).wall, 14.0).unwrap();
        assert_eq!((ended.beyond, ended.since, ended.x), (None, Some(at(81).wall), 14.0));
    }

    #[test]
    fn a_value_that_comes_back_before_it_is_over_was_never_beyond() {
        let mut rule = delayed(10, 0);
        let values = [(0, 15.0), (1, 25.0), (9, 19.5), (10, 25.0), (19, 25.0), (20, 25.0)];
        assert_eq!(told(&mut rule, &values), ["in", "", "", "", "", "high"]);
        // From one side to the other the delay is that of the other.
        assert_eq!(told(&mut rule, &[(21, 5.0), (30, 5.0), (31, 5.0)]), ["", "", "low"]);
    }

    #[test]
    fn the_first_word_is_that_all_is_well_or_a_warning_after_its_delay() {
        assert_eq!(told(&mut delayed(10, 60), &[(0, 25.0), (5, 15.0)]), ["", "in"]);
        assert_eq!(told(&mut delayed(10, 60), &[(0, 25.0), (10, 25.0)]), ["", "high"]);
    }

    #[test]
    fn what_does_not_change_warns_by_our_clock() {
        let mut rule = delayed(10, 60);
        rule.step(at(100).wall, 25.0);
        rule.stands(at(3));
        assert_eq!((rule.due(), rule.on_time(at(12))), (Some(at(13).monotonic), None));
        assert!(rule.is_beyond() && rule.beyond().is_none(), "nothing is learned from it");
        let said = rule.on_time(at(13)).unwrap();
        assert_eq!((said.beyond, said.since), (Some(Side::High), Some(at(100).wall)));
        assert_eq!((rule.due(), rule.on_time(at(99))), (None, None));
    }

    #[test]
    fn what_waits_beyond_a_limit_is_told_although_what_was_said_is_over_by_maintenance() {
        let mut rule = delayed(10, 60);
        rule.step(at(0).wall, 25.0);
        rule.stands(at(0));
        rule.begin_anew();
        assert_eq!(word(rule.on_time(at(10))), "high");
    }

    #[test]
    fn what_is_lost_or_not_observed_begins_the_delay_anew() {
        let mut rule = delayed(10, 60);
        rule.step(at(0).wall, 25.0);
        rule.stands(at(0));
        rule.lost(at(8));
        assert_eq!(rule.due(), Some(at(18).monotonic));
        assert_eq!(word(rule.step(at(9).wall, 25.0)), "");
        rule.interrupt();
        assert_eq!((rule.due(), rule.is_beyond()), (None, false));
    }

    proptest! {
        /// By whatever clock the values come: a warning comes after values beyond alone, whose steps forward add up to the
        /// delay, and not before.
        #[test]
        fn a_delay_is_what_the_values_say_and_a_clock_that_goes_back_shortens_none(
            steps in proptest::collection::vec((-20_i64..20, any::<bool>()), 1..60),
        ) {
            let mut rule = delayed(30, 45);
            rule.step(Utc(0), 15.0);
            let (mut time, mut passed, mut was, mut side) = (0_i64, 0_i64, false, false);
            for (by, beyond) in steps {
                time += by;
                let second = i64::try_from(SECOND).unwrap();
                let said = rule.step(Utc(time * second), if beyond { 25.0 } else { 15.0 });
                passed = if beyond == was { passed + by.max(0) } else { 0 };
                was = beyond;
                let over = passed >= if beyond { 30 } else { 45 };
                prop_assert_eq!(said.is_some(), beyond != side && over);
                side = if over { beyond } else { side };
            }
        }
    }
}
