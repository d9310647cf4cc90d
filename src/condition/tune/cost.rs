//! What an alarm costs and what it was good for: what becomes suspect, and how long before worse it came.
use super::{Ahead, Counts, Learned, Part, Row, Suspects, TrialAlarm, Try, Tuned, Tuning};
use crate::condition::baseline::LEARN_MIN;
use crate::condition::sight;
use crate::model::plant::Drift;
use crate::model::{ItemKey, Onset, Utc};
use std::collections::BTreeSet;
use std::time::Duration;

/// A week, in seconds.
const WEEK: f64 = 7.0 * 86_400.0;
/// Of less nobody can say what a week brings.
const DAY: Duration = Duration::from_hours(24);

impl Tuning {
    /// What came of all that was told. `in_force` is what the plant has.
    pub fn tuned(mut self, in_force: Option<&Drift>) -> Tuned {
        self.parts.sort_by_key(|part| part.time);
        self.crossed.sort();
        let tries = std::mem::take(&mut self.tries);
        let every_seconds = tries.first().map(|one| one.drift.every.as_secs_f64());
        let rows = tries.into_iter().map(|one| self.row(one, in_force)).collect();
        let Counts { values, no_values, restarts, first, last } = self.counts;
        Tuned {
            station: self.plant.station(self.station).id.clone(),
            monitor: self.monitor.id.clone(),
            unit: self.monitor.unit.clone(),
            every_seconds,
            first,
            last,
            values,
            no_values,
            restarts,
            rows,
            seen: self.seen,
        }
    }

    fn row(&self, one: Try, in_force: Option<&Drift>) -> Row {
        let Try { drift, conditions, mut learned, mut alarms, judged, .. } = one;
        let judged = judged.saturating_add(conditions.judged());
        for of in &mut learned {
            of.sees = sight::of(&drift, &of.baseline);
        }
        let mut suspects = BTreeSet::new();
        for alarm in &mut alarms {
            suspects.extend(self.suspects(alarm, &learned));
            self.weigh(alarm);
        }
        let interval_seconds = drift.false_alarm_interval.as_secs_f64();
        let lasted = self.counts.last.zip(self.counts.first).map(|(last, first)| last.since(first));
        let weeks = lasted.filter(|lasted| *lasted >= DAY).map(|l| l.as_secs_f64() / WEEK);
        Row {
            rules: drift.rules.iter().collect(),
            interval_seconds,
            catch: drift.catch,
            learn: drift.learn,
            in_force: in_force == Some(&drift),
            not_learned: learned.is_empty().then(|| self.not_learned(&drift)),
            learned,
            judged,
            promised: count(judged) * drift.every.as_secs_f64() / interval_seconds,
            alarms_per_week: weeks.map(|weeks| count(alarms.len() as u64) / weeks),
            alarms,
            suspects: suspects.len() as u64,
        }
    }

    /// Says of an alarm what was made since it may have begun, as a suspect window does; what that is.
    fn suspects<'p>(
        &'p self,
        alarm: &mut TrialAlarm,
        learned: &[Learned],
    ) -> BTreeSet<&'p ItemKey> {
        let well = learned.iter().find(|of| of.baseline.version == alarm.baseline);
        let begin =
            |onset: Onset| onset.earliest.or(well.map(|of| of.since)).unwrap_or(onset.estimate);
        let from = alarm.onset.map_or(alarm.time, begin);
        let is_in =
            |part: &&Part| part.time >= from && alarm.until.is_none_or(|until| part.time <= until);
        let parts: Vec<&Part> = self.parts.iter().filter(is_in).collect();
        let items = |parts: &[&'p Part]| -> BTreeSet<&'p ItemKey> {
            parts.iter().map(|part| &part.item).collect()
        };
        let by_then = parts.partition_point(|part| part.time <= alarm.time);
        let suspects = items(&parts);
        alarm.suspects = Suspects {
            from,
            count: suspects.len() as u64,
            by_then: items(parts.get(..by_then).unwrap_or_default()).len() as u64,
            first: parts.first().map(|part| part.item.clone()),
            last: parts.last().map(|part| part.item.clone()),
        };
        suspects
    }

    /// Says of an alarm how long before worse it came, or after.
    fn weigh(&self, alarm: &mut TrialAlarm) {
        let (time, from) = (alarm.time, alarm.suspects.from);
        let seconds = |later: Utc, earlier: Utc| later.since(earlier).as_secs_f64();
        let follows =
            |at: &Utc| *at > time && alarm.until.is_none_or(|until| self.rearms || *at <= until);
        let crossed = self.crossed.iter().copied().find(follows);
        let failed = self.parts.iter().filter(|part| part.failed).map(|part| part.time);
        let failed = failed.into_iter().find(follows);
        let first = [(true, crossed), (false, failed)].into_iter();
        let first = first.filter_map(|(of_limit, at)| Some((at?, of_limit)));
        let first = first.min_by_key(|(at, of_limit)| (*at, !of_limit));
        alarm.ahead = first.map(|(at, of_limit)| Ahead { of_limit, seconds: seconds(at, time) });
        let mut before = self.crossed.iter().filter(|at| **at >= from && **at <= time);
        alarm.late_seconds = before.next().map(|at| seconds(time, *at));
    }

    fn not_learned(&self, drift: &Drift) -> String {
        let Counts { values, restarts, .. } = self.counts;
        let learn = drift.learn.max(LEARN_MIN);
        if values < u64::from(learn) {
            return format!("{values} good values are too few: a baseline is learned from {learn}");
        }
        let lost = if restarts > 0 {
            format!(", nor across a restart, of which there were {restarts}")
        } else {
            String::new()
        };
        format!(
            "none of {values} values made a baseline of {learn}: a trend, a constant or a random walk is never learned, nor what is no production{lost}"
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn count(n: u64) -> f64 {
    n as f64
}
