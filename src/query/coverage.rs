//! Coverage: of how many finished items every step that the plant demands is on record without a gap.
use super::life::{Kind, Moment, StationNumber};
use super::reason::Reasons;
use super::view::View;
use crate::genealogy::{Demand, NodeId, Way};
use crate::model::{Interval, ItemClass, ItemKey, Result, StationId, Utc};
use std::collections::BTreeSet;
use std::time::Duration;

/// Items that are named of those that are not covered.
const NAMED_MAX: usize = 20;
/// Finished items of so long a time are looked at under one lock: 15 minutes, in nanoseconds.
const SLICE: i64 = 900_000_000_000;

/// How much of what was finished in a time has all its steps on record.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Coverage {
    /// Finished in which time, by event time.
    pub interval: Interval,
    /// Units and lots that were completed at the end of their way, as production, and not as bad.
    pub finished: u64,
    /// Of these, those of which every step that the plant demands is on record, and nothing is missing of their stays
    /// there.
    pub covered: u64,
    /// Of these, those of which a demanded step is not on record, or records were dropped.
    pub lacking: u64,
    /// Of these, those whose demanded steps are all on record, and that were at one of them while it was not observed, or
    /// something was set aside there.
    pub doubtful: u64,
    /// `covered` of `finished`; nothing if nothing was finished.
    pub share: Option<f64>,
    /// The first that are not covered.
    pub uncovered: Vec<Uncovered>,
}

/// A finished item of which a step is not on record, or not wholly.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Uncovered {
    /// Which.
    pub item: ItemKey,
    /// Where.
    pub station: StationId,
    /// `missing`: no completion is on record there; `doubt`: a part of its stay was not observed, or something was set
    /// aside; `dropped`: records of it were.
    pub why: Lack,
}

/// What is not on record of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lack {
    /// It.
    Missing,
    /// A part of it.
    Doubt,
    /// Retention dropped records of the item.
    Dropped,
}

impl Coverage {
    /// It is that of the last seven days, if not told.
    pub const SPAN: Duration = Duration::from_hours(7 * 24);

    pub(super) fn none(interval: Interval) -> Self {
        let (finished, covered, lacking, doubtful) = (0, 0, 0, 0);
        let uncovered = Vec::new();
        Self { interval, finished, covered, lacking, doubtful, share: None, uncovered }
    }

    fn take(&mut self, item: &ItemKey, lack: Option<(&StationId, Lack)>) {
        self.finished += 1;
        match lack {
            None => self.covered += 1,
            Some((_, Lack::Missing | Lack::Dropped)) => self.lacking += 1,
            Some((_, Lack::Doubt)) => self.doubtful += 1,
        }
        if let Some((station, why)) = lack.filter(|_| self.uncovered.len() < NAMED_MAX) {
            self.uncovered.push(Uncovered { item: item.clone(), station: station.clone(), why });
        }
    }

    pub(super) fn done(mut self) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
        let share = |of: u64| of as f64 / self.finished as f64;
        self.share = (self.finished > 0).then(|| share(self.covered));
        self
    }
}

/// The times in which an interval is looked at one by one, no wider than what was done at the ends of all ways.
pub(super) fn slices(memory: &View<'_>, demand: &Demand<'_>, interval: Interval) -> Vec<Interval> {
    let ends = demand.ends().into_iter().filter_map(|end| memory.places.find(end));
    let spans: Vec<_> = ends.filter_map(|end| memory.places.get(end).span()).collect();
    let first = spans.iter().map(|(first, _)| *first).min();
    let last = spans.iter().map(|(_, last)| *last).max();
    let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
    let end = interval.to.unwrap_or(Utc(i64::MAX)).min(Utc(last.0.saturating_add(1)));
    let mut from = interval.from.max(first);
    let mut found = Vec::new();
    while from < end {
        let to = Utc(from.0.saturating_add(SLICE)).min(end);
        found.push(Interval { from, to: Some(to) });
        from = to;
    }
    found
}

/// What was not observed at the ends of all ways: what was finished meanwhile is not known.
pub(super) fn unobserved(
    memory: &View<'_>,
    demand: &Demand<'_>,
    interval: Interval,
    reasons: &mut Reasons,
) {
    for end in demand.ends() {
        reasons.station(memory, end, interval);
    }
}

/// Takes what was finished within a slice.
pub(super) fn take(memory: &View<'_>, demand: &Demand<'_>, slice: Interval, into: &mut Coverage) {
    let ends = demand.ends().into_iter().filter_map(|end| memory.places.find(end));
    let around = ends.flat_map(|end| memory.places.get(end).around(slice, memory.void()));
    for node in around.collect::<BTreeSet<NodeId>>() {
        let Some(item) = memory.key(node).filter(|key| key.class != ItemClass::Container) else {
            continue;
        };
        if let Some((time, way)) = memory.finished(node, demand)
            && slice.from <= time
            && slice.to.is_none_or(|to| time < to)
        {
            into.take(item, memory.lack(node, way));
        }
    }
}

impl View<'_> {
    /// When an item was finished, if it was, and on which way: where its last completion at each end of a way that it may
    /// have gone was as production, and did not end badly. One that is not completed at all ends of a way is still under
    /// way, unless it went on. Of several that way counts whose end was last.
    pub(super) fn finished<'d, 'p>(
        &self,
        node: NodeId,
        demand: &'d Demand<'p>,
    ) -> Option<(Utc, &'d Way<'p>)> {
        let ways = demand.ways(self.product(node).as_ref()).iter();
        let ended = ways.filter_map(|way| {
            let ends = way.ends.iter().filter_map(|end| self.places.find(end));
            let done: Vec<Moment> = ends.filter_map(|end| self.completed_at(node, end)).collect();
            let last = done.iter().max_by_key(|moment| moment.key())?;
            let ended_well = |moment: &Moment| moment.result.is_none_or(|is| is == Result::Pass);
            let is_through = || done.len() == way.ends.len() || self.went_on(node, last);
            (done.iter().all(ended_well) && is_through()).then_some((last.time, way))
        });
        ended.max_by_key(|(time, _)| *time)
    }

    /// The last completion of an item at a station as production.
    fn completed_at(&self, node: NodeId, station: StationNumber) -> Option<Moment> {
        let mut all = self.life(node).standing(self.void()).rev();
        all.find(|moment| {
            moment.kind == Kind::Complete && moment.production && moment.station == Some(station)
        })
    }

    /// Whether an item was built into another, packed or shipped after a moment.
    fn went_on(&self, node: NodeId, since: &Moment) -> bool {
        let newest = self.life(node).standing(self.void()).rev();
        let mut later = newest.take_while(|moment| moment.key() > since.key());
        later.any(|moment| matches!(moment.kind, Kind::Enter | Kind::Ship))
    }

    /// What is not on record of a way that an item went, the first step of which it is so.
    fn lack<'p>(&self, node: NodeId, way: &Way<'p>) -> Option<(&'p StationId, Lack)> {
        if self.retained.of(node).is_some() {
            return way.stations.last().map(|end| (*end, Lack::Dropped));
        }
        let missing = way.completing.iter().find(|station| {
            let number = self.places.find(station);
            number.is_none_or(|number| self.completed_at(node, number).is_none())
        });
        if let Some(station) = missing {
            return Some((station, Lack::Missing));
        }
        let presences = self.presences(node);
        let doubted = way.stations.iter().find(|station| {
            let mut here =
                presences.iter().filter(|stay| self.places.name(stay.station) == **station);
            here.any(|stay| self.doubts.at(station, stay.interval).next().is_some())
        });
        doubted.map(|station| (*station, Lack::Doubt))
    }
}
