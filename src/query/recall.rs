//! Recall: what contains a lot, or was at a station, where it is, and of what it cannot be told.
use super::Drafted;
use super::answer::{Incomplete, ItemState, Recall, RecallGroup, RecallOf};
use super::item::met;
use super::reason::Reasons;
use super::view::View;
use crate::genealogy::{Direction, Former, NodeId, Visited, Walk, Walked};
use crate::model::{Gap, Interval, ItemClass, ItemKey, Position, StationId, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// Why it cannot be told of an item whether it contains the lot: where and when it, or what it
/// contains, was not observed.
#[derive(Clone)]
struct Why {
    station: StationId,
    position: Position,
    seen: NodeId,
    gap: Gap,
}

/// What is suspect in itself.
struct Begins {
    nodes: Vec<NodeId>,
    /// Where it was and within which time, if that is what is recalled.
    stay: Option<(StationId, Interval)>,
}

impl Begins {
    /// `None` if no record speaks of it.
    fn of(memory: &View<'_>, of: &RecallOf) -> Option<Self> {
        match of {
            RecallOf::Lot(lot) => {
                let node = memory.graph.item(lot).filter(|node| memory.speaks_of(*node))?;
                Some(Self { nodes: vec![node], stay: None })
            }
            RecallOf::Station { id, interval } => {
                let around = memory.places.get(memory.places.find(id)?);
                let around = around.around(*interval, memory.void()).into_iter();
                let was_there = |node: &NodeId| first_there(memory, *node, id, *interval).is_some();
                let nodes = around.filter(was_there).collect();
                Some(Self { nodes, stay: Some((id.clone(), *interval)) })
            }
        }
    }
}

/// When an item came to a station that it was at within a time, whatever was done with it there.
fn first_there(
    memory: &View<'_>,
    node: NodeId,
    station: &StationId,
    interval: Interval,
) -> Option<Utc> {
    let station = memory.places.find(station)?;
    let stays = memory.presences(node).into_iter();
    let here = stays.filter(|stay| stay.station == station && stay.interval.overlaps(interval));
    here.map(|stay| stay.interval.from).min()
}

/// What contains a lot contains it now: a part that was taken out again is followed no further.
pub(super) fn draft(
    memory: &View<'_>,
    visited: &mut Visited,
    of: &RecallOf,
) -> Option<Drafted<Recall>> {
    let begins = Begins::of(memory, of)?;
    let walk = Walk {
        direction: Direction::Forward,
        as_of: memory.position,
        depth_max: None,
        former: Former::Leave,
    };
    let walked = walk.run(&memory.graph, &begins.nodes, visited);
    let mut reasons = Reasons::default();
    if let Some((station, interval)) = &begins.stay {
        reasons.station(memory, station, *interval);
    }
    for reached in &walked.reached {
        reasons.stays(memory, reached.node, &memory.presences(reached.node));
        reasons.windows(memory, reached.node);
    }
    for hop in &walked.hops {
        reasons.hop(memory, hop);
    }
    reasons.rings(memory, &walked);
    let linked: BTreeSet<NodeId> = walked.reached.iter().map(|r| r.node).collect();
    let mut body = Recall {
        of: of.clone(),
        suspect: Vec::new(),
        containers: Vec::new(),
        shipped: Vec::new(),
        unknown: unknown(memory, visited, walk, (&linked, begins.stay.as_ref())),
    };
    // What is asked for is no answer to itself.
    let first = usize::from(begins.stay.is_none());
    for (rank, class) in [(0, ItemClass::Unit), (1, ItemClass::Lot), (2, ItemClass::Container)] {
        for index in first..walked.reached.len() {
            if memory.class_at(&walked, index) != Some(class) {
                continue;
            }
            if rank < 2 {
                suspect(memory, (&walked, index), begins.stay.as_ref(), &mut body);
            } else {
                let reached = walked.reached.get(index);
                body.containers.extend(reached.and_then(|r| memory.key(r.node)).cloned());
            }
        }
    }
    Some(Drafted::new(memory, reasons, body))
}

/// Adds one item that is suspect.
fn suspect(
    memory: &View<'_>,
    (walked, index): (&Walked, usize),
    stay: Option<&(StationId, Interval)>,
    recall: &mut Recall,
) {
    let Some(reached) = walked.reached.get(index) else { return };
    let hop = reached.by.and_then(|by| walked.hops.get(by));
    let (part, met) = match (hop, stay) {
        (Some(hop), _) => (hop.part, met(memory, hop)),
        (None, Some((station, interval))) => {
            let time = first_there(memory, reached.node, station, *interval);
            (reached.node, (time.unwrap_or(interval.from), Some(station.clone())))
        }
        (None, None) => return,
    };
    let (Some(item), Some(via)) = (memory.key(reached.node), memory.key(part)) else { return };
    let (state, document) = memory.state(reached.node);
    if state == ItemState::Shipped {
        recall.shipped.push((item.clone(), document));
    }
    let (time, station) = met;
    let (item, via) = (item.clone(), via.clone());
    recall.suspect.push(RecallGroup { item, state, via, station, time });
}

/// Items that were at a station while one of the lots may have been in a feeder there, or that may have been at
/// the one that is asked for, and while the station was not observed, and everything that contains one of them.
fn unknown(
    memory: &View<'_>,
    visited: &mut Visited,
    walk: Walk,
    (linked, stay): (&BTreeSet<NodeId>, Option<&(StationId, Interval)>),
) -> Vec<(ItemKey, Incomplete)> {
    let mut why: BTreeMap<NodeId, Why> = BTreeMap::new();
    let stay = stay.map(|(station, window)| (station, *window));
    let mounts = linked.iter().map(|lot| memory.mounts.windows(*lot, memory.void()));
    for (station, window) in stay.into_iter().chain(mounts.flatten()) {
        let window = memory.widened(station, window);
        for (node, reason) in unobserved(memory, station, window) {
            if !linked.contains(&node) && memory.class(node) != Some(ItemClass::Container) {
                let known = why.entry(node).or_insert_with(|| reason.clone());
                if (&reason.station, reason.position) < (&known.station, known.position) {
                    *known = reason;
                }
            }
        }
    }
    let begins: Vec<NodeId> = why.keys().copied().collect();
    let walked = walk.run(&memory.graph, &begins, visited);
    for reached in &walked.reached {
        let from = reached.by.and_then(|by| walked.hops.get(by)).map(|hop| hop.part);
        if let Some(reason) = from.and_then(|from| why.get(&from)).cloned() {
            why.entry(reached.node).or_insert(reason);
        }
    }
    let mut all: Vec<(ItemKey, Incomplete)> = why
        .into_iter()
        .filter(|(node, _)| !linked.contains(node))
        .filter_map(|(node, Why { station, position, seen, gap })| {
            let item = memory.key(seen)?.clone();
            Some((memory.key(node)?.clone(), Incomplete::Gap { item, station, position, gap }))
        })
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// The items whose stay at a station overlaps both the window and a gap that touches the window.
fn unobserved(memory: &View<'_>, station: &StationId, window: Interval) -> Vec<(NodeId, Why)> {
    let Some(number) = memory.places.find(station) else { return Vec::new() };
    let mut found = Vec::new();
    if memory.doubts.at(station, window).all(|doubt| doubt.gap.is_none()) {
        return found;
    }
    for node in memory.places.get(number).around(window, memory.void()) {
        for presence in memory.presences(node) {
            if presence.station != number || !presence.interval.overlaps(window) {
                continue;
            }
            for doubt in memory.doubts.at(station, presence.interval) {
                if let Some(gap) = &doubt.gap {
                    let touches = doubt.interval.overlaps(window);
                    let (station, gap) = (station.clone(), gap.clone());
                    let why = Why { station, position: doubt.position, seen: node, gap };
                    found.extend(touches.then_some((node, why)));
                }
            }
        }
    }
    found
}

impl View<'_> {
    fn class_at(&self, walked: &Walked, index: usize) -> Option<ItemClass> {
        walked.reached.get(index).and_then(|reached| self.class(reached.node))
    }
}
