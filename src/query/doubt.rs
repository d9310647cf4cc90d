//! What was not observed, by station: gaps and quarantines on the time line.
use crate::genealogy::Void;
use crate::model::{Gap, GapSource, Interval, Position, StationId, Utc};
use std::collections::BTreeMap;

/// One reason for doubt at a station.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Doubt {
    /// In which time.
    pub(super) interval: Interval,
    /// The record that said so first.
    pub(super) position: Position,
    /// The gap; `None`: something was quarantined.
    pub(super) gap: Option<Gap>,
    /// The latest end up to this one on the line; `Utc(i64::MAX)` if one is open.
    reach: Utc,
}

impl Doubt {
    fn new(interval: Interval, position: Position, gap: Option<Gap>) -> Self {
        Self { interval, position, gap, reach: end(interval) }
    }
}

/// The doubts of one station, by their begin.
#[derive(Debug, Clone, Default)]
pub(super) struct Timeline(Vec<Doubt>);

impl Timeline {
    fn insert(&mut self, interval: Interval, position: Position, gap: Option<Gap>) {
        let key = (interval.from, position);
        let at = self.0.partition_point(|d| (d.interval.from, d.position) < key);
        self.0.insert(at, Doubt::new(interval, position, gap));
        self.reach_from(at);
    }

    /// Brings what was put in anyhow into its order.
    fn order(&mut self) {
        self.0.sort_unstable_by_key(|d| (d.interval.from, d.position));
        self.reach_from(0);
    }

    fn remove(&mut self, from: Utc, position: Position) {
        let key = (from, position);
        let at = self.0.partition_point(|d| (d.interval.from, d.position) < key);
        if self.0.get(at).is_some_and(|d| (d.interval.from, d.position) == key) {
            self.0.remove(at);
            self.reach_from(at);
        }
    }

    fn reach_from(&mut self, at: usize) {
        let mut reach = at.checked_sub(1).and_then(|i| self.0.get(i)).map(|d| d.reach);
        for doubt in self.0.iter_mut().skip(at) {
            doubt.reach = end(doubt.interval).max(reach.unwrap_or(Utc(i64::MIN)));
            reach = Some(doubt.reach);
        }
    }

    /// The doubts that an interval overlaps, latest begin first.
    pub(super) fn overlapping(&self, interval: Interval) -> impl Iterator<Item = &Doubt> {
        let last = end(interval);
        let begun = self.0.partition_point(|d| d.interval.from <= last);
        self.0
            .iter()
            .take(begun)
            .rev()
            .take_while(move |d| d.reach >= interval.from)
            .filter(move |d| d.interval.overlaps(interval))
    }

    fn is_open(&self) -> bool {
        self.0.last().is_some_and(|d| d.reach == Utc(i64::MAX))
    }
}

/// How many are missing by all that is told of gaps with one begin. Each that is told with its end is a loss
/// of its own, unless it is told twice; one without an end is told again with it.
fn count(told: &[&Gap]) -> Option<u64> {
    let mut closed: Vec<&Gap> = Vec::new();
    for gap in told.iter().filter(|gap| gap.interval.to.is_some()) {
        if !closed.contains(gap) {
            closed.push(gap);
        }
    }
    let counted = closed.iter().filter_map(|gap| gap.count);
    let sum = counted.reduce(u64::saturating_add);
    sum.max(told.iter().filter_map(|gap| gap.count).max())
}

/// What is told of one gap comes to: the record that opened it, and the gap.
fn stands(told: &BTreeMap<Position, Gap>, void: &Void) -> Option<(Position, Gap)> {
    let mut standing = told.iter().filter(|(position, _)| !void.contains(position));
    let (opened, first) = standing.next()?;
    let mut gap = first.clone();
    let all: Vec<&Gap> = std::iter::once(first).chain(standing.map(|(_, gap)| gap)).collect();
    for more in &all {
        gap.interval.to = gap.interval.to.max(more.interval.to);
        gap.stations.extend(more.stations.iter().cloned());
    }
    gap.count = count(&all);
    gap.stations.sort();
    gap.stations.dedup();
    Some((*opened, gap))
}

fn end(interval: Interval) -> Utc {
    interval.to.unwrap_or(Utc(i64::MAX))
}

/// What makes two records speak of the same gap.
type GapKey = (GapSource, Utc);

/// What was set aside, by its record: where, and when that was.
type Quarantines = BTreeMap<Position, (StationId, Interval)>;

/// All that is told of gaps.
type Gaps = BTreeMap<GapKey, BTreeMap<Position, Gap>>;

/// All doubts.
#[derive(Debug, Clone, Default)]
pub(super) struct Doubts {
    stations: BTreeMap<StationId, Timeline>,
    told: Gaps,
    key_of: BTreeMap<Position, GapKey>,
    /// The gaps as they stand, by the record that opened them.
    gaps: BTreeMap<Position, Gap>,
    quarantines: Quarantines,
}

impl Doubts {
    /// What records said: the rest follows from it.
    pub(super) fn told(&self) -> (&Gaps, &Quarantines) {
        (&self.told, &self.quarantines)
    }

    /// What follows from what records said, when `void` is all that does not count.
    pub(super) fn of((told, quarantines): (Gaps, Quarantines), void: &Void) -> Self {
        let keys =
            told.iter().flat_map(|(key, told)| told.keys().map(move |at| (*at, key.clone())));
        let key_of = keys.collect();
        let gaps: BTreeMap<_, _> = told.values().filter_map(|told| stands(told, void)).collect();
        let mut stations: BTreeMap<StationId, Timeline> = BTreeMap::new();
        for (position, gap) in &gaps {
            for station in &gap.stations {
                let line = stations.entry(station.clone()).or_default();
                line.0.push(Doubt::new(gap.interval, *position, Some(gap.clone())));
            }
        }
        let counts = quarantines.iter().filter(|(position, _)| !void.contains(position));
        for (position, (station, during)) in counts {
            let line = stations.entry(station.clone()).or_default();
            line.0.push(Doubt::new(*during, *position, None));
        }
        stations.values_mut().for_each(Timeline::order);
        Self { stations, told, key_of, gaps, quarantines }
    }

    /// The doubts as they stood when `void` was all that did not count.
    pub(super) fn then(&self, void: &Void) -> Self {
        Self::of((self.told.clone(), self.quarantines.clone()), void)
    }

    /// Takes the word of a gap that opens, closes, or both; tells whether it is a new one.
    pub(super) fn gap(&mut self, position: Position, gap: &Gap, void: &Void) -> bool {
        let key = (gap.source.clone(), gap.interval.from);
        let new = !self.told.contains_key(&key);
        self.told.entry(key.clone()).or_default().insert(position, gap.clone());
        self.key_of.insert(position, key.clone());
        self.settle(&key, void);
        new
    }

    /// Takes the word of something set aside.
    pub(super) fn quarantine(&mut self, position: Position, station: &StationId, during: Interval) {
        self.quarantines.insert(position, (station.clone(), during));
        self.stations.entry(station.clone()).or_default().insert(during, position, None);
    }

    /// Looks again at a record that a correction may have taken back or reinstated.
    pub(super) fn revise(&mut self, position: Position, void: &Void) {
        if let Some(key) = self.key_of.get(&position).cloned() {
            self.settle(&key, void);
        }
        if let Some((station, during)) = self.quarantines.get(&position).cloned() {
            let line = self.stations.entry(station).or_default();
            line.remove(during.from, position);
            if !void.contains(&position) {
                line.insert(during, position, None);
            }
        }
    }

    /// The doubts of a station that an interval overlaps, latest begin first.
    pub(super) fn at(
        &self,
        station: &StationId,
        interval: Interval,
    ) -> impl Iterator<Item = &Doubt> {
        self.stations.get(station).into_iter().flat_map(move |line| line.overlapping(interval))
    }

    /// Whether there is any doubt at a station, at whatever time.
    pub(super) fn are_at(&self, station: &StationId) -> bool {
        self.stations.get(station).is_some_and(|line| !line.0.is_empty())
    }

    /// Whether a gap of the station is still open.
    pub(super) fn is_open(&self, station: &StationId) -> bool {
        self.stations.get(station).is_some_and(Timeline::is_open)
    }

    /// The gaps, the last opened first.
    pub(super) fn newest(&self) -> impl Iterator<Item = (Position, &Gap)> {
        self.gaps.iter().rev().map(|(position, gap)| (*position, gap))
    }

    fn settle(&mut self, key: &GapKey, void: &Void) {
        let Some(told) = self.told.get(key) else { return };
        for position in told.keys() {
            let Some(old) = self.gaps.remove(position) else { continue };
            for station in &old.stations {
                if let Some(line) = self.stations.get_mut(station) {
                    line.remove(key.1, *position);
                }
            }
        }
        let Some((opened, gap)) = stands(told, void) else { return };
        for station in &gap.stations {
            let line = self.stations.entry(station.clone()).or_default();
            line.insert(gap.interval, opened, Some(gap.clone()));
        }
        self.gaps.insert(opened, gap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genealogy::Corrections;
    use crate::model::{DeviceId, GapCause, HandshakeId};

    fn gap(to: Option<i64>, count: Option<u64>) -> Gap {
        let station = StationId::parse("OP10").unwrap();
        let handshake = HandshakeId::parse("press").unwrap();
        Gap {
            source: GapSource::Handshake(station.clone(), handshake),
            interval: Interval { from: Utc(10), to: to.map(Utc) },
            cause: GapCause::TriggerMoved,
            count,
            stations: vec![station],
            first: None,
        }
    }

    fn told(gaps: &[Gap]) -> Vec<(Option<Utc>, Option<u64>)> {
        let mut doubts = Doubts::default();
        let void = Corrections::default().as_of(Position(u64::MAX));
        for (gap, position) in gaps.iter().zip(1..) {
            doubts.gap(Position(position), gap, &void);
        }
        doubts.newest().map(|(_, gap)| (gap.interval.to, gap.count)).collect()
    }

    /// Nothing was recorded between two losses: both begin where the last record was.
    #[test]
    fn what_is_lost_twice_since_the_same_time_is_counted_twice() {
        let twice = [gap(Some(20), Some(1)), gap(Some(30), Some(2))];
        assert_eq!(told(&twice), [(Some(Utc(30)), Some(3))]);
        let unknown = [gap(Some(20), None), gap(Some(30), Some(2))];
        assert_eq!(told(&unknown), [(Some(Utc(30)), Some(2))]);
    }

    #[test]
    fn what_is_told_twice_of_one_loss_is_counted_once() {
        let closed = gap(Some(20), Some(2));
        assert_eq!(told(&[closed.clone(), closed.clone()]), [(Some(Utc(20)), Some(2))]);
        assert_eq!(told(&[gap(None, Some(2)), closed.clone()]), [(Some(Utc(20)), Some(2))]);
        assert_eq!(told(&[gap(None, None), closed]), [(Some(Utc(20)), Some(2))]);
        let device = GapSource::Device(DeviceId::parse("plc").unwrap());
        let outage = Gap { source: device, ..gap(None, None) };
        assert_eq!(told(&[outage]), [(None, None)]);
    }
}
