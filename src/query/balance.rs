//! The mass balance of lots: what memory knows of their use, and what their own records say.
use super::answer::LotBalance;
use super::body::Bodies;
use super::item::when;
use super::view::View;
use crate::genealogy::{
    Balance, Certainty, Direction, Former, Hop, LinkKind, Moved, Movement, Node, NodeId, Walk,
};
use crate::model::plant::{Catalog, Material};
use crate::model::{
    Amount, Body, Consumption, ItemClass, ItemKey, Measurement, MountKey, Position, STOCK, Text,
    TraceEvent, Utc, What,
};
use std::collections::BTreeMap;

mod boxed;

/// What memory knows of the use of a lot.
pub(super) struct BalanceDraft {
    item: ItemKey,
    material: Option<Text>,
    wanted: usize,
    used: Vec<Moved>,
    /// What left the site inside containers.
    boxed: Vec<Moved>,
    /// By the record of a mount: its uses of which no amount is known.
    blind: BTreeMap<Position, Vec<(Utc, Position)>>,
    /// By the record of a mount: what the counters of the feeder say that went into items.
    fed: BTreeMap<Position, Vec<Amount>>,
}

/// `None` of what is no lot.
pub(super) fn draft(memory: &View<'_>, node: NodeId) -> Option<BalanceDraft> {
    let (direction, as_of) = (Direction::Forward, memory.position);
    let walk = Walk { direction, as_of, depth_max: None, former: Former::Leave };
    let mut hops = Vec::new();
    walk.hops(&memory.graph, node, |hop| hops.push(hop));
    draft_by(memory, node, &hops)
}

/// The same by the hops from the lot to what it is in.
pub(super) fn draft_by(memory: &View<'_>, node: NodeId, hops: &[Hop]) -> Option<BalanceDraft> {
    let item = memory.key(node).filter(|key| key.class == ItemClass::Lot)?.clone();
    let mut draft = BalanceDraft {
        item,
        material: memory.material(node),
        wanted: if memory.is_past() { 0 } else { memory.life(node).steps },
        used: Vec::new(),
        boxed: Vec::new(),
        blind: BTreeMap::new(),
        fed: BTreeMap::new(),
    };
    for hop in hops {
        draft.uses(memory, hop);
    }
    draft.boxed = boxed::left(memory, node, hops);
    Some(draft)
}

impl BalanceDraft {
    fn uses(&mut self, memory: &View<'_>, hop: &Hop) {
        let time = when(memory, hop);
        let (position, what) = (hop.source, Movement::Consumed);
        match (hop.kind, hop.certainty) {
            // What was left in a station of the lot before was counted when it went in.
            (LinkKind::ConsumedInto, Certainty::Proportional) => {}
            (LinkKind::ConsumedInto, _) => {
                let amount = memory.consumed(position).cloned();
                self.used.push(Moved { time, position, what, amount });
            }
            (LinkKind::FedInto, _) => {
                let opened = hop.mount.map(|mount| memory.graph.name(mount));
                let Some(Node::Mount(MountKey { opened, .. })) = opened else { return };
                let counted = memory.counted(position, *opened);
                let Some(amount) = counted.and_then(|counted| counted.amount.clone()) else {
                    return self.blind.entry(*opened).or_default().push((time, position));
                };
                self.fed.entry(*opened).or_default().push(amount.clone());
                self.used.push(Moved { time, position, what, amount: Some(amount) });
            }
            // Its own records tell of these, and a container uses up nothing.
            _ => {}
        }
    }

    /// What an event of the lot itself says of its amount.
    fn own(&self, event: &TraceEvent, was_shipped: bool) -> Option<(Movement, Option<Amount>)> {
        let of = |parts: &[Consumption]| {
            parts.iter().find(|part| part.lot == self.item).map(|part| part.amount.clone())
        };
        if event.is_only_asked() {
            return None;
        }
        Some(match &event.what {
            What::Receive { amount, .. } if was_shipped => (Movement::Returned, amount.clone()),
            What::Receive { amount, .. } | What::Produce { amount, .. } => {
                (Movement::Received, amount.clone())
            }
            What::Merge { into, from } if *into == self.item => {
                (Movement::Received, sum(from.iter().map(|part| part.amount.as_ref())))
            }
            What::Merge { from, .. } => (Movement::Consumed, of(from)?),
            What::Split { from, .. } if *from == self.item => (Movement::Consumed, None),
            What::Split { .. } => (Movement::Received, None),
            What::Scrap { amount, .. } => (Movement::Scrapped, amount.clone()),
            What::Ship { .. } => (Movement::Shipped, None),
            What::Unmount { mount, used, .. } => {
                match self.fed.get(&mount.opened) {
                    Some(fed) => {
                        (Movement::Scrapped, less(used.as_ref()?, &sum(fed.iter().map(Some))?))
                    }
                    // The one figure there is.
                    None => (Movement::Consumed, Some(used.clone()?)),
                }
            }
            What::Inspect { measurements, .. } => (Movement::Counted, Some(stock(measurements)?)),
            What::Arrive { .. }
            | What::Complete { .. }
            | What::Consume { .. }
            | What::Install { .. }
            | What::Remove { .. }
            | What::Pack { .. }
            | What::Unpack { .. }
            | What::Mount { .. }
            | What::Move { .. }
            | What::Hold { .. }
            | What::Release { .. }
            | What::Rework { .. }
            | What::Clean { .. }
            | What::Identify { .. }
            | What::Note { .. }
            | What::Open { .. }
            | What::Close { .. }
            | What::Dry { .. }
            | What::Correct { .. } => return None,
        })
    }
}

/// The sum of amounts of one unit; `None` if one is not told or of another.
fn sum<'a>(amounts: impl Iterator<Item = Option<&'a Amount>>) -> Option<Amount> {
    let mut all: Option<Amount> = None;
    for amount in amounts {
        let amount = amount?;
        match &mut all {
            None => all = Some(amount.clone()),
            Some(sum) if sum.unit == amount.unit => sum.value += amount.value,
            Some(_) => return None,
        }
    }
    all
}

/// What is more of one amount than of another of its unit.
fn less(more: &Amount, than: &Amount) -> Option<Amount> {
    let value = more.value - than.value;
    (more.unit == than.unit).then(|| Amount { value, unit: more.unit.clone() })
}

/// How much of it was found.
fn stock(measurements: &[Measurement]) -> Option<Amount> {
    let found = measurements.iter().find(|found| found.name.as_str() == STOCK)?;
    let value = found.value.number().filter(|_| found.quality.is_good())?;
    Some(Amount { value, unit: found.unit.clone() })
}

/// The balance, by what the plant in force says of the material; `None` if no amount was ever told.
pub(super) fn finish(
    draft: BalanceDraft,
    catalog: Option<&Catalog>,
    bodies: &mut Bodies<'_>,
) -> Option<LotBalance> {
    let events = bodies.steps(&draft.item, draft.wanted).into_iter().filter_map(|record| {
        let Body::Trace(event) = record.body else { return None };
        Some((event.time.at, record.position, event))
    });
    let mut events: Vec<(Utc, Position, TraceEvent)> = events.collect();
    events.sort_by_key(|(time, position, _)| (*time, *position));
    let mut draft = draft;
    let mut was_shipped = false;
    let mut moved = Vec::new();
    for (time, position, event) in events {
        // The counter of the feeder tells of all uses at once.
        if let What::Unmount { mount, used: Some(_), .. } = &event.what
            && !draft.fed.contains_key(&mount.opened)
        {
            draft.blind.remove(&mount.opened);
        }
        let boxed = draft.boxed.iter().any(|left| (left.time, left.position) < (time, position));
        if let Some((what, amount)) = draft.own(&event, was_shipped || boxed) {
            was_shipped |= what == Movement::Shipped;
            moved.push(Moved { time, position, what, amount });
        }
    }
    let BalanceDraft { item, material, used, boxed, blind, .. } = draft;
    moved.extend(used.into_iter().chain(boxed));
    // A lot may have very many uses: they are gathered if there is anything to hold against them.
    if moved.iter().all(|moved| moved.amount.is_none()) {
        return None;
    }
    let blind = blind.into_values().flatten();
    let what = Movement::Consumed;
    moved.extend(blind.map(|(time, position)| Moved { time, position, what, amount: None }));
    let material = material.and_then(|name| catalog?.materials.get(&name));
    let piece = material.and_then(|material| material.piece.as_ref());
    let balance = Balance::of(moved, piece)?;
    let tolerance = material.and_then(|Material { tolerance, .. }| *tolerance);
    Some(LotBalance { item, balance, tolerance })
}
