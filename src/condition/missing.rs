//! Missing data: no good value for too long although the device is observed.
//!
//! Devices tell a value when it changes: one that was good and of which nothing is told is good still. So it is
//! missing from the first value on that is not good, or from when the device is observed if none comes at all.
use super::chart::Finding;
use super::signal::Told;
use crate::model::{At, Monotonic, Onset, Quality, Rule, Ucum, Utc, Verdict};
use std::time::Duration;

/// The state of one rule.
#[derive(Debug, Clone)]
pub(super) struct MissingRule {
    allowed: Duration,
    has_judged: bool,
    /// Since when there is no good value, as was warned of and not ended yet.
    warned: Option<Utc>,
    observed: bool,
    /// The last good value, by its source's clock.
    good: Option<Utc>,
    lack: Option<Lack>,
}

/// Time without a good value, in which the device is observed.
#[derive(Debug, Clone)]
struct Lack {
    since: Utc,
    due: Monotonic,
    last: Option<Quality>,
}

impl MissingRule {
    pub(super) fn new(allowed: Duration) -> Self {
        let (has_judged, observed) = (false, false);
        Self { allowed, has_judged, warned: None, observed, good: None, lack: None }
    }

    /// What the record says of it: since when there is no good value, if that was warned of.
    pub(super) fn restore(&mut self, warned: Option<Utc>) {
        self.has_judged = true;
        self.warned = warned;
    }

    /// Whether it was warned of and has not ended.
    pub(super) fn warns(&self) -> bool {
        self.warned.is_some()
    }

    /// The device is observed from now on: it tells all values anew.
    pub(super) fn live(&mut self, at: At) {
        self.observed = true;
        self.lack = Some(self.lack(at, at.wall, None));
    }

    /// The device is not observed any more: that is a gap, and told as such.
    pub(super) fn down(&mut self) {
        self.observed = false;
        self.lack = None;
    }

    /// Values were lost, one of which may have been good: the time begins anew.
    pub(super) fn lost(&mut self, at: At) {
        let last = self.lack.take().map(|lack| lack.last);
        self.lack = last.map(|last| self.lack(at, at.wall, last));
    }

    /// Takes what the tag said.
    pub(super) fn told(&mut self, told: &Told) -> Option<Finding> {
        if told.value.is_none() {
            if self.observed {
                let fresh = self.lack(told.at, told.at.wall, None);
                self.lack.get_or_insert(fresh).last = Some(told.quality);
            }
            return None;
        }
        self.lack = None;
        self.good = Some(told.time);
        let warned = self.warned.take();
        if std::mem::replace(&mut self.has_judged, true) && warned.is_none() {
            return None;
        }
        Some(Finding {
            statistic: warned.map(|since| told.at.wall.since(since).as_secs_f64()),
            limit: warned.map(|_| self.allowed.as_secs_f64()),
            unit: warned.and_then(|_| Ucum::parse("s").ok()),
            ..Finding::new(Rule::Missing, Verdict::InControl)
        })
    }

    /// When it is due.
    pub(super) fn due(&self) -> Option<Monotonic> {
        self.lack.as_ref().filter(|_| self.warned.is_none()).map(|lack| lack.due)
    }

    /// Warns if it is due.
    pub(super) fn on_time(&mut self, at: At) -> Option<Finding> {
        self.due().filter(|due| *due <= at.monotonic)?;
        let lack = self.lack.as_ref()?;
        self.has_judged = true;
        self.warned = Some(lack.since);
        // A source's clock may go before ours.
        let good = self.good.map(|good| good.min(lack.since));
        Some(Finding {
            statistic: Some(at.wall.since(lack.since).as_secs_f64()),
            limit: Some(self.allowed.as_secs_f64()),
            unit: Ucum::parse("s").ok(),
            onset: Some(Onset { estimate: lack.since, earliest: good, latest: lack.since }),
            quality: lack.last,
            ..Finding::new(Rule::Missing, Verdict::Warning)
        })
    }

    fn lack(&self, at: At, since: Utc, last: Option<Quality>) -> Lack {
        Lack { since, due: at.monotonic.plus(self.allowed), last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: Duration = Duration::from_mins(3);

    fn at(seconds: u64) -> At {
        let ns = seconds * 1_000_000_000;
        At { monotonic: Monotonic(ns), wall: Utc(i64::try_from(ns).unwrap()) }
    }

    fn rule() -> MissingRule {
        let mut rule = MissingRule::new(ALLOWED);
        rule.live(at(0));
        assert_eq!(good(&mut rule, 1).unwrap().verdict, Verdict::InControl);
        rule
    }

    fn told(rule: &mut MissingRule, seconds: u64, value: Option<f64>) -> Option<Finding> {
        let quality = if value.is_some() { Quality::GOOD } else { Quality::BAD_RANGE };
        rule.told(&Told { at: at(seconds), time: at(seconds).wall, value, quality })
    }

    fn good(rule: &mut MissingRule, seconds: u64) -> Option<Finding> {
        told(rule, seconds, Some(1.0))
    }

    #[test]
    fn no_good_value_for_too_long_is_one_warning_with_the_last_good_one_and_ends_with_the_next() {
        let mut rule = rule();
        assert_eq!((good(&mut rule, 100), rule.due()), (None, None));
        for seconds in [110, 120, 200] {
            assert_eq!(told(&mut rule, seconds, None), None);
        }
        assert_eq!((rule.on_time(at(289)), rule.due()), (None, Some(at(290).monotonic)));
        let said = rule.on_time(at(290)).unwrap();
        assert_eq!((said.verdict, said.quality), (Verdict::Warning, Some(Quality::BAD_RANGE)));
        assert_eq!((said.statistic, said.limit), (Some(180.0), Some(180.0)));
        let onset = said.onset.unwrap();
        assert_eq!((onset.earliest, onset.estimate), (Some(at(100).wall), at(110).wall));
        // Once.
        assert_eq!((told(&mut rule, 300, None), rule.due()), (None, None));
        assert_eq!(rule.on_time(at(900)), None);
        let ended = good(&mut rule, 710).unwrap();
        assert_eq!((ended.verdict, ended.statistic), (Verdict::InControl, Some(600.0)));
        assert_eq!((good(&mut rule, 720), rule.due()), (None, None));
    }

    #[test]
    fn a_value_that_was_good_and_does_not_change_is_good_still() {
        let mut rule = rule();
        assert_eq!((rule.due(), rule.on_time(at(100_000))), (None, None));
    }

    #[test]
    fn an_outage_is_no_missing_value_and_after_it_the_time_begins_anew() {
        let mut rule = rule();
        told(&mut rule, 10, None);
        rule.down();
        // What was on its way when the device was lost.
        told(&mut rule, 11, None);
        assert_eq!((rule.due(), rule.on_time(at(1_000))), (None, None));
        rule.live(at(1_000));
        assert_eq!(rule.due(), Some(at(1_180).monotonic));
        let said = rule.on_time(at(1_180)).unwrap();
        assert_eq!((said.quality, said.onset.unwrap().estimate), (None, at(1_000).wall));
        // Another outage neither ends it nor says it again.
        rule.down();
        rule.live(at(2_000));
        assert_eq!((told(&mut rule, 2_001, None), rule.due()), (None, None));
        assert!(good(&mut rule, 2_002).is_some());
    }

    #[test]
    fn what_was_lost_may_have_been_good_so_that_the_time_begins_anew() {
        let mut rule = rule();
        rule.lost(at(5));
        assert_eq!(rule.due(), None, "it was good");
        told(&mut rule, 10, None);
        rule.lost(at(20));
        assert_eq!(rule.due(), Some(at(200).monotonic));
        told(&mut rule, 30, None);
        let said = rule.on_time(at(200)).unwrap();
        assert_eq!((said.onset.unwrap().estimate, said.statistic), (at(20).wall, Some(180.0)));
        // What was warned of stands.
        rule.lost(at(300));
        assert_eq!((rule.due(), good(&mut rule, 400).unwrap().statistic), (None, Some(380.0)));
    }

    #[test]
    fn what_the_record_says_is_not_said_again_and_still_ends() {
        let mut rule = MissingRule::new(ALLOWED);
        rule.restore(Some(at(5).wall));
        rule.live(at(10));
        told(&mut rule, 11, None);
        assert_eq!(rule.due(), None);
        assert_eq!(good(&mut rule, 65).unwrap().statistic, Some(60.0));
        let mut rule = MissingRule::new(ALLOWED);
        rule.restore(None);
        assert_eq!(good(&mut rule, 65), None);
    }
}
