//! Recall: what contains a lot, or was at a station, where it is, and of what it cannot be told.
use super::Drafted;
use super::answer::{Incomplete, Recall, RecallCleared, RecallGroup, RecallOf};
use super::balance::{self, BalanceDraft};
use super::body::Bodies;
use super::item::met;
use super::life::StationNumber;
use super::reason::Reasons;
use super::view::View;
use crate::genealogy::{Direction, Former, NodeId, Reached, Visited, Walk, Walked};
use crate::model::plant::Catalog;
use crate::model::{Interval, ItemClass, ItemKey, Position, StationId, Text, Utc};
use std::collections::BTreeMap;

mod work;

use work::Worked;
pub(super) use work::{Work, judge, worked};

/// Why it cannot be told of an item: where, by which record, and in words.
#[derive(Clone)]
struct Why {
    station: StationId,
    position: Position,
    reason: Incomplete,
}

/// Lots whose balance comes with a recall, the nearest first.
const BALANCES_MAX: usize = 100;

/// What memory knows of a recall.
pub(super) struct RecallDraft {
    recall: Recall,
    balances: Vec<BalanceDraft>,
}

/// What is suspect in itself.
struct Begins {
    nodes: Vec<NodeId>,
    /// Where it was and within which time, if that is what is recalled.
    stay: Option<(StationId, Interval)>,
}

impl Begins {
    /// `None` if no record speaks of it.
    fn of(memory: &View<'_>, of: &RecallOf, work: &Work) -> Option<Self> {
        match of {
            RecallOf::Lot(lot) => {
                let node = memory.graph.item(lot).filter(|node| memory.speaks_of(*node))?;
                Some(Self { nodes: vec![node], stay: None })
            }
            RecallOf::Station { id, interval, .. } => {
                let mut nodes = there(memory, memory.places.find(id)?, *interval);
                nodes.retain(|node| work.get(node).is_none_or(|work| *work == Worked::So));
                Some(Self { nodes, stay: Some((id.clone(), *interval)) })
            }
            RecallOf::Window(opened) => {
                let window = memory.window(*opened)?;
                let nodes = memory.worked_in(&window);
                Some(Self { nodes, stay: Some((window.station, window.interval)) })
            }
        }
    }
}

/// What a recall came to.
struct Reach {
    walked: Walked,
    /// The class of each that it reached; `None` of what is no item.
    classes: Vec<Option<ItemClass>>,
    /// All nodes that it reached, in the order of their numbers.
    nodes: Vec<NodeId>,
    /// Those of them that were in feeders.
    mounted: Vec<NodeId>,
}

impl Reach {
    fn of(memory: &View<'_>, walked: Walked) -> Self {
        let mut nodes: Vec<NodeId> = walked.reached.iter().map(|reached| reached.node).collect();
        let classes = nodes.iter().map(|node| memory.class(*node)).collect();
        nodes.sort_unstable();
        let mounted = nodes.iter().copied().filter(|node| memory.mounts.has(*node));
        Self { mounted: mounted.collect(), nodes, classes, walked }
    }

    fn has(&self, node: NodeId) -> bool {
        self.nodes.binary_search(&node).is_ok()
    }

    /// Why it may not be all.
    fn reasons(&self, memory: &View<'_>, stay: Option<&(StationId, Interval)>) -> Reasons {
        let mut reasons = Reasons::default();
        if let Some((station, interval)) = stay {
            reasons.station(memory, station, *interval);
        }
        let was_in_doubt = memory.in_doubt();
        for node in &self.nodes {
            reasons.retained(memory, *node);
            if was_in_doubt(*node) {
                reasons.stays(memory, *node, &memory.presences(*node));
            }
        }
        for lot in &self.mounted {
            reasons.windows(memory, *lot);
        }
        for hop in &self.walked.hops {
            reasons.hop(memory, hop);
        }
        reasons.rings(memory, &self.walked);
        reasons
    }

    /// Names units, then lots, each with where it stands, and containers.
    fn name(&self, memory: &View<'_>, stay: Option<&(StationId, Interval)>, recall: &mut Recall) {
        // What is asked for is no answer to itself.
        let first = usize::from(stay.is_none());
        let mut lots = Vec::new();
        for (reached, class) in self.walked.reached.iter().zip(&self.classes).skip(first) {
            match class {
                Some(ItemClass::Unit) => suspect(memory, (&self.walked, reached), stay, recall),
                Some(ItemClass::Lot) => lots.push(reached),
                Some(ItemClass::Container) => {
                    recall.containers.extend(memory.key(reached.node).cloned());
                }
                None => {}
            }
        }
        for lot in lots {
            suspect(memory, (&self.walked, lot), stay, recall);
        }
    }

    /// What is known of the use of the lots, as far as it comes with a recall.
    fn balances(&self, memory: &View<'_>, walk: Walk, recall: &mut Recall) -> Vec<BalanceDraft> {
        let lots = walk.each(&self.walked).zip(&self.classes);
        let mut lots = lots.filter(|(_, class)| **class == Some(ItemClass::Lot));
        let drafts = lots
            .by_ref()
            .take(BALANCES_MAX)
            .filter_map(|((lot, hops), _)| balance::draft_by(memory, lot.node, hops));
        let drafts = drafts.collect();
        recall.balances_left_out = lots.count();
        drafts
    }
}

/// The items that were at a station within a time.
fn there(memory: &View<'_>, station: StationNumber, interval: Interval) -> Vec<NodeId> {
    let around = memory.places.get(station).around(interval, memory.void()).into_iter();
    around.filter(|node| first_there(memory, *node, station, interval).is_some()).collect()
}

/// When an item came to a station that it was at within a time, whatever was done with it there.
fn first_there(
    memory: &View<'_>,
    node: NodeId,
    station: StationNumber,
    interval: Interval,
) -> Option<Utc> {
    let stays = memory.presences(node).into_iter();
    let here = stays.filter(|stay| stay.station == station && stay.interval.overlaps(interval));
    here.map(|stay| stay.interval.from).min()
}

/// What contains a lot contains it now: a part that was taken out again is followed no further.
pub(super) fn draft(
    memory: &View<'_>,
    visited: &mut Visited,
    of: &RecallOf,
    work: &Work,
) -> Option<Drafted<RecallDraft>> {
    let begins = Begins::of(memory, of, work)?;
    let walk = Walk {
        direction: Direction::Forward,
        as_of: memory.position,
        depth_max: None,
        former: Former::Leave,
    };
    let reach = Reach::of(memory, walk.run(&memory.graph, &begins.nodes, visited));
    let stay = begins.stay.as_ref();
    let mut reasons = reach.reasons(memory, stay);
    let unknown = unknown(memory, visited, walk, (&reach, stay, work));
    for why in unknown.values() {
        if let Incomplete::NotTold { item, station, what } = &why.reason {
            reasons.not_told(item, station, what);
        }
    }
    let mut body = Recall {
        of: of.clone(),
        suspect: Vec::new(),
        containers: Vec::new(),
        shipped: Vec::new(),
        cleared: cleared(memory, work, |node| reach.has(*node) || unknown.contains_key(node)),
        unknown: by_item(memory, unknown),
        balances: Vec::new(),
        balances_left_out: 0,
    };
    reach.name(memory, stay, &mut body);
    // What is asked for is no answer to itself, and yet may have left as it is.
    if let RecallOf::Lot(lot) = of {
        let left = begins.nodes.iter().flat_map(|node| memory.state_and_left(*node).1);
        body.shipped.extend(left.map(|(record, _)| shipped(memory, lot, record)));
    }
    let balances = reach.balances(memory, walk, &mut body);
    Some(Drafted::new(memory, reasons, RecallDraft { recall: body, balances }))
}

/// A recall with the balances of its lots, as the records of these say them.
pub(super) fn finish(
    draft: RecallDraft,
    catalog: Option<&Catalog>,
    bodies: &mut Bodies<'_>,
) -> Recall {
    let RecallDraft { mut recall, balances } = draft;
    let balances = balances.into_iter();
    recall.balances =
        balances.filter_map(|draft| balance::finish(draft, catalog, bodies)).collect();
    recall
}

/// Adds one item that is suspect.
fn suspect(
    memory: &View<'_>,
    (walked, reached): (&Walked, &Reached),
    stay: Option<&(StationId, Interval)>,
    recall: &mut Recall,
) {
    let hop = reached.by.and_then(|by| walked.hops.get(by));
    let (part, met) = match (hop, stay) {
        (Some(hop), _) => (hop.part, met(memory, hop)),
        (None, Some((station, interval))) => {
            let number = memory.places.find(station);
            let time = number.and_then(|at| first_there(memory, reached.node, at, *interval));
            (reached.node, (time.unwrap_or(interval.from), Some(station.clone())))
        }
        (None, None) => return,
    };
    let (Some(item), Some(via)) = (memory.key(reached.node), memory.key(part)) else { return };
    let (state, left) = memory.state_and_left(reached.node);
    recall.shipped.extend(left.into_iter().map(|(record, _)| shipped(memory, item, record)));
    let (time, station) = met;
    let (item, via) = (item.clone(), via.clone());
    recall.suspect.push(RecallGroup { item, state, via, station, time });
}

/// An item that left, with the delivery note.
fn shipped(memory: &View<'_>, item: &ItemKey, record: Position) -> (ItemKey, Option<Text>) {
    (item.clone(), memory.shipment(record).document)
}

/// Those of whom something else is told than what is asked for.
fn cleared(
    memory: &View<'_>,
    work: &Work,
    is_named: impl Fn(&NodeId) -> bool,
) -> Vec<RecallCleared> {
    let others = work.iter().filter(|(node, _)| !is_named(node));
    let mut cleared: Vec<RecallCleared> = others
        .filter_map(|(node, work)| {
            let Worked::Otherwise(told) = work else { return None };
            Some(RecallCleared { item: memory.key(*node)?.clone(), told: told.clone() })
        })
        .collect();
    cleared.sort_by(|a, b| a.item.cmp(&b.item));
    cleared
}

/// Items that were at a station while one of the lots may have been in a feeder there, or that may have been at
/// the one that is asked for, and while the station was not observed, or of whose work there what is asked for was not
/// told, and everything that contains one of them.
fn unknown(
    memory: &View<'_>,
    visited: &mut Visited,
    walk: Walk,
    (reach, stay, work): (&Reach, Option<&(StationId, Interval)>, &Work),
) -> BTreeMap<NodeId, Why> {
    let mut why: BTreeMap<NodeId, Why> = BTreeMap::new();
    let window = stay.map(|(station, window)| (station, *window));
    let mounts = reach.mounted.iter().map(|lot| memory.mounts.windows(*lot, memory.void()));
    for (station, window) in window.into_iter().chain(mounts.flatten()) {
        let window = memory.widened(station, window);
        for (node, reason) in unobserved(memory, station, window) {
            if !reach.has(node) && memory.class(node) != Some(ItemClass::Container) {
                let known = why.entry(node).or_insert_with(|| reason.clone());
                if (&reason.station, reason.position) < (&known.station, known.position) {
                    *known = reason;
                }
            }
        }
    }
    if let Some((station, _)) = stay {
        for (node, work) in work {
            if let (Worked::NotTold(what), Some(item)) = (work, memory.key(*node))
                && !reach.has(*node)
            {
                let (item, station) = (item.clone(), station.clone());
                let told = station.clone();
                let reason = Incomplete::NotTold { item, station, what: what.clone() };
                let not_told = Why { station: told, position: memory.position, reason };
                why.entry(*node).or_insert(not_told);
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
    why.retain(|node, _| !reach.has(*node));
    why
}

fn by_item(memory: &View<'_>, why: BTreeMap<NodeId, Why>) -> Vec<(ItemKey, Incomplete)> {
    let named = |(node, why): (NodeId, Why)| Some((memory.key(node)?.clone(), why.reason));
    let mut all: Vec<(ItemKey, Incomplete)> = why.into_iter().filter_map(named).collect();
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
                    let Some(item) = memory.key(node).cloned().filter(|_| touches) else {
                        continue;
                    };
                    let (at, position) = (station.clone(), doubt.position);
                    let (station, gap) = (station.clone(), gap.clone());
                    let reason = Incomplete::Gap { item, station, position, gap };
                    found.push((node, Why { station: at, position, reason }));
                }
            }
        }
    }
    found
}
