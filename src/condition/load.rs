//! How many alarms an operator is told of (ISA-18.2, EEMUA 191): rates, floods, what chatters and what stands for too long. A fold
//! of activations, bounded.
use super::alarm::{Activation, AlarmKey, Alarms, Raised};
use crate::model::{MonitorId, Position, StationId, Utc};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Activations that are remembered, of the last day.
const ACTIVATIONS_MAX: usize = 10_000;
const DAY: Duration = Duration::from_hours(24);
const HOUR: Duration = Duration::from_hours(1);
const TEN_MINUTES: Duration = Duration::from_mins(10);
const MINUTE: Duration = Duration::from_mins(1);
/// More in ten minutes are a flood.
const FLOOD: usize = 10;
/// Fewer in ten minutes end one.
const EBB: usize = 5;
/// So many of one alarm within a minute: it chatters.
const CHATTER: usize = 3;
/// What is active for longer is stale.
const STALE: Duration = DAY;
/// Those that came most often.
const MOST: usize = 10;

/// What is remembered of them.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Load {
    #[n(0)]
    told: VecDeque<Told>,
    /// Since when there is a flood, as of the last activation.
    #[n(1)]
    flood: Option<Utc>,
    /// Activations that were forgotten since too many came.
    #[n(2)]
    forgotten: Option<Utc>,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
struct Told {
    /// By our clock; never before the one before it.
    #[n(0)]
    at: Utc,
    #[n(1)]
    position: Position,
    #[n(2)]
    key: AlarmKey,
}

/// How often an alarm came.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AlarmCount {
    /// Where.
    pub station: StationId,
    /// Of what.
    pub monitor: MonitorId,
    /// How often.
    pub count: usize,
}

/// What stands for too long.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct StaleAlarm {
    /// Where.
    pub station: StationId,
    /// Of what.
    pub monitor: MonitorId,
    /// Since when it is active, and by what it became so.
    pub since: Raised,
}

/// The load at a time.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AlarmLoad {
    /// When.
    pub at: Utc,
    /// Activations in the ten minutes before that.
    pub ten_minutes: usize,
    /// In the hour.
    pub hour: usize,
    /// In the day.
    pub day: usize,
    /// More came in the day than are remembered: these are the last ones.
    pub at_least: bool,
    /// Since when there is a flood: from more than 10 in ten minutes on until there are fewer than 5.
    pub flood: Option<Utc>,
    /// Those that came three times within a minute at some time in the last hour, with how often in that hour.
    pub chattering: Vec<AlarmCount>,
    /// Those that are told and active for more than a day.
    pub stale: Vec<StaleAlarm>,
    /// Those that came most often in the day, at most ten.
    pub most: Vec<AlarmCount>,
    /// The part of them in all of the day, 0 to 1; `None` if none came.
    pub most_share: Option<f64>,
    /// Active alarms that are told.
    pub active: usize,
    /// Those that nobody has seen, active or not.
    pub unacknowledged: usize,
    /// Those on the shelf.
    pub shelved: usize,
}

impl Load {
    /// An alarm is told.
    pub fn take(&mut self, activation: &Activation) {
        let last = self.told.back().map_or(Utc(i64::MIN), |told| told.at);
        let at = activation.raised.recorded.max(last);
        let before = self.within(at, TEN_MINUTES).count();
        if before < EBB {
            self.flood = None;
        }
        if self.told.len() == ACTIVATIONS_MAX {
            self.forgotten = self.told.pop_front().map(|told| told.at);
        }
        let (position, key) = (activation.raised.position, activation.key.clone());
        self.told.push_back(Told { at, position, key });
        while self.told.front().is_some_and(|told| at.since(told.at) > DAY) {
            self.told.pop_front();
        }
        if before + 1 > FLOOD {
            self.flood.get_or_insert(at);
        }
    }

    /// Whether a record told of an alarm.
    pub fn has(&self, position: Position) -> bool {
        self.told.binary_search_by_key(&position, |told| told.position).is_ok()
    }

    /// The last ones, the last first.
    fn within(&self, now: Utc, len: Duration) -> impl Iterator<Item = &Told> {
        self.told.iter().rev().take_while(move |told| now.since(told.at) < len)
    }

    /// The load at a time, with how the alarms stand.
    pub fn at(&self, now: Utc, alarms: &Alarms) -> AlarmLoad {
        let ten_minutes = self.within(now, TEN_MINUTES).count();
        let day = self.within(now, DAY).count();
        let most = counted(self.within(now, DAY).map(|told| &told.key), MOST);
        let of_most: usize = most.iter().map(|of| of.count).sum();
        let known = || alarms.iter().map(|(key, _)| key);
        AlarmLoad {
            at: now,
            ten_minutes,
            hour: self.within(now, HOUR).count(),
            day,
            at_least: self.forgotten.is_some_and(|at| now.since(at) < DAY),
            flood: self.flood.filter(|_| ten_minutes >= EBB),
            chattering: self.chattering(now),
            stale: stale(now, alarms),
            #[expect(clippy::cast_precision_loss, reason = "they are few")]
            most_share: (day > 0).then(|| of_most as f64 / day as f64),
            most,
            active: known().filter(|key| alarms.is_told(key)).count(),
            unacknowledged: alarms.iter().filter(|(_, alarm)| !alarm.is_acknowledged()).count(),
            shelved: known().filter(|key| alarms.shelf(key).is_some()).count(),
        }
    }

    fn chattering(&self, now: Utc) -> Vec<AlarmCount> {
        let mut times: BTreeMap<&AlarmKey, Vec<Utc>> = BTreeMap::new();
        for told in self.within(now, HOUR) {
            times.entry(&told.key).or_default().push(told.at);
        }
        // The last is the first of a run.
        let short = |run: &[Utc]| match (run.first(), run.last()) {
            (Some(last), Some(first)) => last.since(*first) < MINUTE,
            (None, _) | (_, None) => false,
        };
        let chatters = |times: &[Utc]| times.windows(CHATTER).any(short);
        let loud: BTreeSet<&AlarmKey> =
            times.iter().filter(|(_, times)| chatters(times)).map(|(key, _)| *key).collect();
        let of_loud = self.within(now, HOUR).map(|told| &told.key).filter(|key| loud.contains(key));
        counted(of_loud, usize::MAX)
    }
}

/// How often each is among them, the most frequent first.
fn counted<'k>(keys: impl Iterator<Item = &'k AlarmKey>, most: usize) -> Vec<AlarmCount> {
    let mut counts: BTreeMap<&AlarmKey, usize> = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let count = |((station, monitor), count): (&AlarmKey, usize)| {
        let (station, monitor) = (station.clone(), monitor.clone());
        AlarmCount { station, monitor, count }
    };
    counts.into_iter().take(most).map(count).collect()
}

fn stale(now: Utc, alarms: &Alarms) -> Vec<StaleAlarm> {
    let told = alarms.iter().filter(|(key, _)| alarms.is_told(key));
    let stale = told.filter_map(|((station, monitor), alarm)| {
        let since = alarm.began.clone().filter(|began| now.since(began.recorded) > STALE)?;
        Some(StaleAlarm { station: station.clone(), monitor: monitor.clone(), since })
    });
    stale.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Rule;

    const SECOND: i64 = 1_000_000_000;

    fn at(seconds: i64) -> Utc {
        Utc(seconds * SECOND)
    }

    /// Activations at these seconds, of the monitors of these names.
    fn load(told: impl IntoIterator<Item = (i64, &'static str)>) -> Load {
        let mut load = Load::default();
        for (position, (second, name)) in (1..).zip(told) {
            let (position, time) = (Position(position), at(second));
            let key = (StationId::parse("OP10").unwrap(), MonitorId::parse(name).unwrap());
            let raised = Raised { position, time, recorded: time, rule: Rule::Limit };
            load.take(&Activation { key, raised });
        }
        load
    }

    fn seen(load: &Load, second: i64) -> AlarmLoad {
        load.at(at(second), &Alarms::default())
    }

    #[test]
    fn a_flood_is_more_than_ten_in_ten_minutes_and_ends_below_five() {
        let ten = load((0..10).map(|n| (n, "a")));
        assert_eq!(seen(&ten, 10).flood, None);
        let eleven = load((0..11).map(|n| (n, "a")));
        assert_eq!(seen(&eleven, 10).flood, Some(at(10)));
        // Those of 6 to 10 are five still, of 7 to 10 four.
        assert_eq!(seen(&eleven, 605).flood, Some(at(10)));
        assert_eq!((seen(&eleven, 606).flood, seen(&eleven, 606).ten_minutes), (None, 4));
        // What ended does not go on with the next one.
        let later = load((0..11).map(|n| (n, "a")).chain([(700, "a")]));
        assert_eq!(seen(&later, 700).flood, None);
        let goes_on = load((0..11).map(|n| (n, "a")).chain((0..5).map(|n| (600 + n, "a"))));
        assert_eq!(seen(&goes_on, 604).flood, Some(at(10)), "it never was below five");
    }

    #[test]
    fn what_comes_three_times_within_a_minute_chatters_for_an_hour() {
        let told = [(0, "a"), (30, "b"), (59, "a"), (60, "a"), (100, "b"), (110, "a"), (111, "b")];
        let load = load(told);
        let names = |second| {
            let load = seen(&load, second);
            load.chattering.iter().map(|of| (of.monitor.to_string(), of.count)).collect::<Vec<_>>()
        };
        assert_eq!(names(112), [("a".to_owned(), 4)]);
        assert_eq!(names(3_658), [("a".to_owned(), 3)], "59, 60 and 110 are within a minute");
        assert_eq!(names(3_659), []);
    }

    #[test]
    fn those_that_come_most_often_are_named_with_their_part_of_all() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        let load = load(names.iter().map(|name| (5, *name)).chain([(6, "l"), (7, "l")]));
        let seen = seen(&load, 10);
        assert_eq!((seen.most.len(), seen.most[0].count, seen.day), (10, 3, 14));
        assert_eq!(seen.most_share, Some(12.0 / 14.0));
        assert_eq!(super::tests::seen(&Load::default(), 10).most_share, None);
    }

    #[test]
    fn it_is_bounded_says_when_it_forgot_and_a_clock_that_goes_back_makes_nothing_young() {
        let many = i64::try_from(ACTIVATIONS_MAX).unwrap() + 5;
        let load = load((0..many).map(|n| (n, "a")).chain([(1, "b")]));
        let now = seen(&load, many);
        assert_eq!(
            (load.told.len(), now.day, now.at_least),
            (ACTIVATIONS_MAX, ACTIVATIONS_MAX, true)
        );
        assert!(load.has(Position(load.told.back().unwrap().position.0)) && !load.has(Position(1)));
        assert_eq!(seen(&load, many + 90_000).day, 0);
        assert!(!seen(&load, many + 90_000).at_least);
    }
}
