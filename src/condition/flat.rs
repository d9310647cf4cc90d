//! A flat line: a value that stands still although it normally varies, as of a sensor that is stuck.
//!
//! Devices tell a value when it changes, so that one that stands still is not told of: time has to say so. Where the
//! station tells of its work, only time in which it works counts: from one part to the next, unless nothing was
//! worked on in between for as long as standing still takes.
use super::chart::Finding;
use super::quiet::Quiet;
use super::signal::Told;
use crate::model::plant::Flat;
use crate::model::{At, Baseline, Monotonic, Onset, Rule, Utc, Verdict};

/// The state of one rule.
#[derive(Debug, Clone)]
pub(super) struct FlatRule {
    spec: Flat,
    /// The station tells of its work.
    by_work: bool,
    has_judged: bool,
    warned: bool,
    stands: Option<Stand>,
    /// Since when it is seen to stand still: there is a good value, and nothing was lost.
    from: Option<Monotonic>,
    /// What it was before the next value is not known.
    unseen: bool,
    work: Option<Work>,
}

/// Where it stands, and since when.
#[derive(Debug, Clone, Copy)]
struct Stand {
    value: f64,
    since: Utc,
    /// It was seen to move there; else it was seen there first, and may have stood longer.
    moved: bool,
}

/// Work without a pause while it stands still.
#[derive(Debug, Clone, Copy)]
struct Work {
    first: Monotonic,
    last: Monotonic,
}

/// What comes of time that has passed: a warning, or why there is none.
pub(super) type Passed = Result<Finding, Quiet>;

impl FlatRule {
    pub(super) fn new(spec: Flat, by_work: bool) -> Self {
        let (has_judged, warned, unseen) = (false, false, true);
        Self { spec, by_work, has_judged, warned, stands: None, from: None, unseen, work: None }
    }

    /// What the record says of it.
    pub(super) fn restore(&mut self, warned: bool) {
        (self.has_judged, self.warned) = (true, warned);
    }

    /// Whether it was warned of and has not ended.
    pub(super) fn warns(&self) -> bool {
        self.warned
    }

    /// Nobody knows what it is from now on.
    pub(super) fn down(&mut self) {
        (self.from, self.work, self.unseen) = (None, None, true);
    }

    /// Values were lost, by which it may have moved.
    pub(super) fn lost(&mut self, at: At) {
        self.begin_anew(at);
        self.unseen = true;
        if let Some(stands) = &mut self.stands {
            (stands.since, stands.moved) = (at.wall, false);
        }
    }

    /// Its time begins anew, if it has begun.
    fn begin_anew(&mut self, at: At) {
        (self.from, self.work) = (self.from.map(|_| at.monotonic), None);
    }

    /// Takes what the tag said; `normal` is what is known of how it varies.
    pub(super) fn told(&mut self, told: &Told, normal: Option<&Baseline>) -> Option<Finding> {
        let Some(value) = told.value else {
            self.down();
            return None;
        };
        let unseen = std::mem::take(&mut self.unseen);
        let stands = Stand { value, since: told.at.wall, moved: !unseen };
        let before = self.stands.unwrap_or(stands);
        let moves = (value - before.value).abs() > self.spec.within;
        if moves || unseen {
            let value = if moves { value } else { before.value };
            self.stands = Some(Stand { value, ..stands });
            (self.from, self.work) = (Some(told.at.monotonic), None);
        }
        if !moves {
            return None;
        }
        let ends = std::mem::take(&mut self.warned);
        let begins = !self.has_judged && self.varies(normal).is_ok();
        if !ends && !begins {
            return None;
        }
        self.has_judged = true;
        Some(Finding {
            statistic: Some(value),
            limit: Some(self.spec.within),
            ..Finding::new(Rule::Flat, Verdict::InControl)
        })
    }

    /// The station has worked on something.
    pub(super) fn worked(&mut self, at: At, normal: Option<&Baseline>) -> Option<Passed> {
        if !self.by_work || self.warned || self.from.is_none() {
            return None;
        }
        let now = at.monotonic;
        let on = self.work.filter(|work| now <= work.last.plus(self.spec.lasting));
        let work = Work { first: on.map_or(now, |work| work.first), last: now };
        self.work = Some(work);
        (now >= work.first.plus(self.spec.lasting)).then(|| self.passed(at, normal))
    }

    /// When it is due, where nothing but time tells.
    pub(super) fn due(&self) -> Option<Monotonic> {
        let from = self.from.filter(|_| !self.by_work && !self.warned)?;
        Some(from.plus(self.spec.lasting))
    }

    /// Warns if it is due.
    pub(super) fn on_time(&mut self, at: At, normal: Option<&Baseline>) -> Option<Passed> {
        self.due().filter(|due| *due <= at.monotonic)?;
        Some(self.passed(at, normal))
    }

    fn passed(&mut self, at: At, normal: Option<&Baseline>) -> Passed {
        let baseline = self.varies(normal).inspect_err(|_| self.begin_anew(at))?;
        let Stand { value, since, moved } = self.stands.ok_or(Quiet::NoValue)?;
        (self.has_judged, self.warned) = (true, true);
        Ok(Finding {
            statistic: Some(value),
            limit: Some(self.spec.within),
            onset: Some(Onset { estimate: since, earliest: moved.then_some(since), latest: since }),
            baseline: Some(baseline.clone()),
            ..Finding::new(Rule::Flat, Verdict::Warning)
        })
    }

    /// It normally varies by more than what is standing still.
    fn varies<'a>(&self, normal: Option<&'a Baseline>) -> Result<&'a Baseline, Quiet> {
        let baseline = normal.ok_or(Quiet::Learning)?;
        if baseline.sigma > self.spec.within { Ok(baseline) } else { Err(Quiet::Steady) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Quality;
    use std::time::Duration;

    fn at(seconds: u64) -> At {
        let ns = seconds * 1_000_000_000;
        At { monotonic: Monotonic(ns), wall: Utc(i64::try_from(ns).unwrap()) }
    }

    fn normal() -> Baseline {
        Baseline {
            centre_line: 21.0,
            sigma: 0.5,
            phi: 0.0,
            n: 50,
            version: 1,
            spread: None,
            group: None,
        }
    }

    /// Ten minutes, within 0.1.
    fn rule(by_work: bool) -> FlatRule {
        FlatRule::new(Flat { lasting: Duration::from_mins(10), within: 0.1 }, by_work)
    }

    fn told(rule: &mut FlatRule, seconds: u64, value: Option<f64>) -> Option<Finding> {
        let told = Told { at: at(seconds), time: Utc(0), value, quality: Quality::GOOD };
        rule.told(&told, Some(&normal()))
    }

    #[test]
    fn what_stands_still_is_one_warning_and_ends_when_it_moves() {
        let mut rule = rule(false);
        assert_eq!(told(&mut rule, 0, Some(21.0)), None);
        assert_eq!(told(&mut rule, 5, Some(21.3)).unwrap().verdict, Verdict::InControl);
        assert_eq!(told(&mut rule, 6, Some(22.0)), None);
        // Nearer than the width, whether it is told or not.
        for seconds in [10, 300, 605] {
            assert_eq!(told(&mut rule, seconds, Some(21.95)), None);
        }
        assert_eq!(
            (rule.on_time(at(605), Some(&normal())), rule.due()),
            (None, Some(at(606).monotonic))
        );
        let said = rule.on_time(at(606), Some(&normal())).unwrap().unwrap();
        assert_eq!((said.verdict, said.statistic), (Verdict::Warning, Some(22.0)));
        assert_eq!(said.onset.unwrap().estimate, at(6).wall);
        assert_eq!((rule.due(), told(&mut rule, 700, Some(21.95))), (None, None));
        assert_eq!(told(&mut rule, 800, Some(21.8)).unwrap().verdict, Verdict::InControl);
        assert_eq!(rule.due(), Some(at(1_400).monotonic));
    }

    #[test]
    fn without_a_baseline_and_of_what_normally_stands_still_nothing_is_said() {
        let mut rule = rule(false);
        told(&mut rule, 0, Some(21.0));
        assert_eq!(rule.on_time(at(600), None), Some(Err(Quiet::Learning)));
        assert_eq!(rule.due(), Some(at(1_200).monotonic));
        let steady = Baseline { sigma: 0.1, ..normal() };
        assert_eq!(rule.on_time(at(1_200), Some(&steady)), Some(Err(Quiet::Steady)));
    }

    #[test]
    fn where_a_station_tells_of_its_work_only_work_counts_and_a_pause_does_not() {
        let mut rule = rule(true);
        let worked = |rule: &mut FlatRule, seconds| rule.worked(at(seconds), Some(&normal()));
        told(&mut rule, 0, Some(21.0));
        assert_eq!((rule.due(), rule.on_time(at(100_000), Some(&normal()))), (None, None));
        for seconds in [60, 300, 600] {
            assert_eq!(worked(&mut rule, seconds), None);
        }
        // A night.
        for seconds in [30_000, 30_300, 30_599] {
            assert_eq!(worked(&mut rule, seconds), None);
        }
        assert_eq!(worked(&mut rule, 30_600).unwrap().unwrap().verdict, Verdict::Warning);
        assert_eq!(worked(&mut rule, 40_000), None);
    }

    #[test]
    fn what_is_bad_was_lost_or_not_observed_is_not_known_to_stand_still() {
        let mut rule = rule(false);
        told(&mut rule, 0, Some(21.0));
        told(&mut rule, 100, None);
        assert_eq!(rule.due(), None);
        told(&mut rule, 200, Some(21.0));
        assert_eq!(rule.due(), Some(at(800).monotonic));
        rule.lost(at(300));
        assert_eq!(rule.due(), Some(at(900).monotonic));
        rule.down();
        rule.lost(at(400));
        assert_eq!(rule.due(), None);
    }

    #[test]
    fn since_when_it_stands_is_known_only_as_far_as_it_was_seen() {
        let onset = |unseen: fn(&mut FlatRule), again: Option<f64>| {
            let mut rule = rule(false);
            told(&mut rule, 0, Some(21.0));
            told(&mut rule, 10, Some(22.0));
            unseen(&mut rule);
            if again.is_some() {
                told(&mut rule, 500, again);
            }
            rule.on_time(at(2_000), Some(&normal())).unwrap().unwrap().onset.unwrap()
        };
        let exactly =
            |s| Onset { estimate: at(s).wall, earliest: Some(at(s).wall), latest: at(s).wall };
        let at_least = |s| Onset { earliest: None, ..exactly(s) };
        assert_eq!(onset(|_| (), None), exactly(10));
        assert_eq!(onset(|_| (), Some(23.0)), exactly(500));
        for again in [22.0, 23.0] {
            assert_eq!(onset(FlatRule::down, Some(again)), at_least(500));
            assert_eq!(onset(|rule| rule.lost(at(300)), Some(again)), at_least(500));
        }
        assert_eq!(onset(|rule| rule.lost(at(300)), None), at_least(300));
    }

    #[test]
    fn what_the_record_says_is_not_said_again_and_ends_with_the_first_move() {
        let mut rule = rule(false);
        rule.restore(true);
        assert_eq!((told(&mut rule, 0, Some(21.0)), rule.due()), (None, None));
        assert_eq!(told(&mut rule, 9, Some(22.0)).unwrap().verdict, Verdict::InControl);
        assert_eq!(told(&mut rule, 10, Some(23.0)), None);
    }
}
