//! Why an answer is not complete, each reason once, in an order that depends on nothing else.
use super::answer::{Completeness, Incomplete};
use super::only::Only;
use super::view::{Presence, View};
use crate::genealogy::{Certainty, Hop, Node, NodeId, Walked};
use crate::model::{Gap, Interval, ItemKey, Position, StationId};
use std::collections::{BTreeMap, BTreeSet};

/// The reasons found so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Reasons {
    gaps: BTreeMap<(ItemKey, StationId, Position), Gap>,
    unobserved: BTreeMap<(StationId, Position), Gap>,
    quarantines: BTreeSet<(StationId, Position)>,
    one_of: BTreeSet<ItemKey>,
    not_told: BTreeSet<(ItemKey, StationId, Only)>,
    rings: BTreeMap<Vec<ItemKey>, BTreeSet<Position>>,
    retained: BTreeSet<(Option<ItemKey>, Position)>,
    durable: Option<Position>,
}

impl Reasons {
    /// The index does not have all records up to this one.
    pub(super) fn lag(&mut self, durable: Position) {
        self.durable = Some(durable);
    }

    /// Everything that was not observed while an item was at a station.
    pub(super) fn stay(
        &mut self,
        memory: &View<'_>,
        node: NodeId,
        station: &StationId,
        interval: Interval,
    ) {
        let Some(item) = memory.key(node) else { return };
        for doubt in memory.doubts.at(station, interval) {
            match &doubt.gap {
                Some(gap) => {
                    let key = (item.clone(), station.clone(), doubt.position);
                    self.gaps.insert(key, gap.clone());
                }
                None => {
                    self.quarantines.insert((station.clone(), doubt.position));
                }
            }
        }
    }

    /// Everything that was not observed at a station, whoever was there.
    pub(super) fn station(&mut self, memory: &View<'_>, station: &StationId, interval: Interval) {
        self.retained_in(memory, memory.widened(station, interval));
        for doubt in memory.doubts.at(station, interval) {
            let key = (station.clone(), doubt.position);
            match &doubt.gap {
                Some(gap) => drop(self.unobserved.insert(key, gap.clone())),
                None => drop(self.quarantines.insert(key)),
            }
        }
    }

    /// Everything that was not observed while an item was anywhere.
    pub(super) fn stays(&mut self, memory: &View<'_>, node: NodeId, presences: &[Presence]) {
        for presence in presences {
            let station = memory.places.name(presence.station);
            self.stay(memory, node, station, presence.interval);
        }
    }

    /// Everything that was not observed while a lot was in a feeder: what was made with it then may
    /// be unknown.
    pub(super) fn windows(&mut self, memory: &View<'_>, lot: NodeId) {
        for (station, window) in memory.mounts.windows(lot, memory.void()) {
            let window = memory.widened(station, window);
            self.stay(memory, lot, station, window);
            // Who was there then may have had it in it.
            if memory.doubts.at(station, window).any(|doubt| doubt.gap.is_some()) {
                self.retained_in(memory, window);
            }
        }
    }

    /// A link that is one of several.
    pub(super) fn hop(&mut self, memory: &View<'_>, hop: &Hop) {
        if hop.certainty == Certainty::OneOf
            && let Some(item) = memory.key(hop.whole)
        {
            self.one_of.insert(item.clone());
        }
    }

    /// What is asked for was not told of an item.
    pub(super) fn not_told(&mut self, item: &ItemKey, station: &StationId, what: &Only) {
        self.not_told.insert((item.clone(), station.clone(), what.clone()));
    }

    /// Less is told of an item than was.
    pub(super) fn retained(&mut self, memory: &View<'_>, node: NodeId) {
        if let (Some(stone), Some(item)) = (memory.retained.of(node), memory.key(node)) {
            self.retained.insert((Some(item.clone()), stone));
        }
    }

    /// Less is told of a time than was.
    fn retained_in(&mut self, memory: &View<'_>, interval: Interval) {
        self.retained.extend(memory.retained.within(interval).map(|stone| (None, stone)));
    }

    /// Items that a walk found to be part of each other.
    pub(super) fn rings(&mut self, memory: &View<'_>, walked: &Walked) {
        for ring in walked.rings() {
            let items = ring.nodes.iter().filter_map(|node| memory.key(*node).cloned());
            let items: BTreeSet<ItemKey> = items.collect();
            self.rings.entry(items.into_iter().collect()).or_default().extend(ring.sources);
        }
    }

    /// Mounts whose lot was taken back by a correction, or that retention dropped: what was in the feeder is not known.
    pub(super) fn loose(&mut self, memory: &View<'_>, mounts: &[NodeId]) {
        for mount in mounts {
            let Node::Mount(mount) = memory.graph.name(*mount) else { continue };
            let by = memory.graph.corrections().taken_back_by(mount.opened, memory.position);
            match memory.retained.over(mount.opened).filter(|_| by.is_none()) {
                Some(stone) => drop(self.retained.insert((None, stone))),
                None => drop(self.quarantines.insert((mount.station.clone(), mount.opened))),
            }
        }
    }

    /// Gaps and quarantines, then links, then what was not told, then what contradicts itself, then what retention dropped, then the
    /// lag.
    pub(super) fn completeness(self) -> Completeness {
        let gaps = self.gaps.into_iter().map(|((item, station, position), gap)| Incomplete::Gap {
            item,
            station,
            position,
            gap,
        });
        let unobserved = self.unobserved.into_iter();
        let unobserved = unobserved.map(|((station, position), gap)| Incomplete::Unobserved {
            station,
            position,
            gap,
        });
        let quarantines = self
            .quarantines
            .into_iter()
            .map(|(station, position)| Incomplete::Quarantine { station, position });
        let one_of = self.one_of.into_iter().map(|item| Incomplete::OneOf { item });
        let not_told = self.not_told.into_iter();
        let not_told =
            not_told.map(|(item, station, what)| Incomplete::NotTold { item, station, what });
        let rings = self.rings.into_iter().map(|(items, records)| {
            let records = records.into_iter().collect();
            Incomplete::Ring { items, records }
        });
        let retained = self.retained.into_iter();
        let retained = retained.map(|(item, tombstone)| Incomplete::Retention { item, tombstone });
        let lag = self.durable.into_iter().map(|durable| Incomplete::Lag { durable });
        let all: Vec<_> = gaps
            .chain(unobserved)
            .chain(quarantines)
            .chain(one_of)
            .chain(not_told)
            .chain(rings)
            .chain(retained)
            .chain(lag)
            .collect();
        if all.is_empty() { Completeness::Complete } else { Completeness::Incomplete(all) }
    }
}

impl View<'_> {
    /// A mount's time in a feeder with the gaps at its ends: a lot that was found mounted when the
    /// station was seen again may have been there since it was last seen.
    pub(super) fn widened(&self, station: &StationId, mut window: Interval) -> Interval {
        loop {
            let before = window;
            let gaps_at = |instant| {
                let instant = Interval { from: instant, to: Some(instant) };
                self.doubts.at(station, instant).filter(|doubt| doubt.gap.is_some())
            };
            for doubt in gaps_at(window.from) {
                window.from = window.from.min(doubt.interval.from);
            }
            if let Some(to) = window.to {
                for doubt in gaps_at(to) {
                    window.to = window.to.zip(doubt.interval.to).map(|(a, b)| a.max(b));
                }
            }
            if window == before {
                return window;
            }
        }
    }
}
