//! Which steps may go: those of items that nobody has to be able to trace any more.
//!
//! [`Tally::see`] takes each step once, in the order of the ledger; [`Tally::judge`] says which items go, and with them
//! which steps. Nothing here knows what a station still works with, nor what is on hold: whoever asks names both, and the records
//! that a running state rests on.
mod held;
mod judged;
mod keep;

pub use judged::Judged;
pub use keep::Keep;

use super::{LinkKind, Node, links_of};
use crate::model::{
    Body, HandshakeId, ItemKey, MountPointId, MountUse, Position, Record, Scope, StationId, Text,
    TraceEvent, Utc, What,
};
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};

/// Why an item stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stays {
    /// It is kept for good, or its time is not over.
    Kept,
    /// It is in use: in a feeder, on a carrier, in work.
    InUse,
    /// It is on hold, or something that is came into it.
    OnHold,
    /// What it went into stays, or what was in it.
    Linked,
}

/// A station, or one of its feeders.
type Slot = (StationId, Option<MountPointId>);

/// What is known of an item, or of a mount.
#[derive(Debug, Clone)]
pub(super) struct Thing {
    /// Products and materials that it was called by.
    names: BTreeSet<Text>,
    last: Utc,
    /// What cannot be told of without it.
    went_into: BTreeSet<usize>,
    /// Containers that it was ever in.
    was_in: BTreeSet<usize>,
    /// Whether anything was ever in it.
    contained: bool,
    /// The last step that names it.
    told: Position,
}

/// A step: what its records name, and whether one of them is of a kind that never goes.
#[derive(Debug, Clone, Default)]
struct Step {
    items: Vec<usize>,
    stays: bool,
    /// The records by which lots came into the feeders that it names.
    mounts: Vec<Position>,
    /// When what it tells of was.
    times: Option<(Utc, Utc)>,
}

/// What the steps say of items, as far as it decides how long they are kept.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    things: IndexMap<Node, Thing>,
    /// By their first record.
    steps: BTreeMap<Position, Step>,
    /// Records that go together: a correction with what it takes back, what is known better with what it is of.
    pairs: Vec<(Position, Position)>,
    /// The last record of each handshake: by it a request that comes again is known.
    last: BTreeMap<(StationId, HandshakeId), Position>,
    /// The steps of each station, in the order of the ledger.
    at: BTreeMap<StationId, Vec<Position>>,
    /// What came to a station, or into one of its feeders, in the order of event time: the next one tells until
    /// when the one before it was there.
    came: BTreeMap<Slot, BTreeSet<(Utc, Position)>>,
    /// What came and was refused: the one before it may still have been there.
    refused: BTreeSet<Position>,
}

impl Tally {
    /// Takes the records of a step in. Whatever is no trace event never goes, nor what is in one step with it, nor a step
    /// that `stays` for another reason.
    pub fn see(&mut self, records: &[Record], stays: bool) {
        let Some(first) = records.first().map(|record| record.position) else { return };
        let mut step = Step { stays, ..Step::default() };
        for record in records {
            match &record.body {
                Body::Trace(event) => {
                    let items = self.event(record, event);
                    for item in &items {
                        if let Some((_, thing)) = self.things.get_index_mut(*item) {
                            thing.told = first;
                        }
                    }
                    step.stays |= items.is_empty() && !matches!(event.what, What::Correct { .. });
                    step.items.extend(items);
                    step.mounts.extend(uses(event).map(|used| used.mount.opened));
                    step.times = Some(hull(step.times, times(event)));
                    if let Some(station) = &event.station {
                        let steps = self.at.entry(station.clone()).or_default();
                        if steps.last() != Some(&first) {
                            steps.push(first);
                        }
                    }
                }
                Body::Quarantine(_)
                | Body::Gap(_)
                | Body::Verdict(_)
                | Body::Epoch(_)
                | Body::Plant(_)
                | Body::Orders(_)
                | Body::Audit(_)
                | Body::Tombstone(_)
                | Body::Case(_)
                | Body::Maintenance(_)
                | Body::Alarm(_)
                | Body::Dropped => step.stays = true,
            }
        }
        self.steps.insert(first, step);
    }

    fn event(&mut self, record: &Record, event: &TraceEvent) -> Vec<usize> {
        let position = record.position;
        if let Some(mark) = &event.handshake {
            self.last.insert((mark.key.station.clone(), mark.key.handshake.clone()), position);
        }
        self.came(position, event);
        let time = event.time.at.max(record.at.wall);
        let items: Vec<usize> = named(event).map(|key| self.item(key)).collect();
        for item in &items {
            if let Some((_, thing)) = self.things.get_index_mut(*item) {
                thing.last = thing.last.max(time);
            }
        }
        let product = event.product.as_ref().map(|product| (items.first().copied(), product));
        let beside: Vec<usize> = event.of_material().map(|key| self.item(key)).collect();
        let materials =
            beside.into_iter().filter_map(|item| Some((Some(item), event.material.as_ref()?)));
        for (item, name) in product.into_iter().chain(materials) {
            if let Some((_, thing)) = item.and_then(|item| self.things.get_index_mut(item)) {
                thing.names.insert(name.clone());
            }
        }
        for (part, whole, kind, _) in links_of(position, event) {
            self.link(part, whole, kind);
        }
        for used in uses(event) {
            let (lot, mount) = (Node::Item(used.lot.clone()), Node::Mount(used.mount.clone()));
            self.link(lot, mount, LinkKind::MountedAs);
        }
        let mut with: Vec<Position> = event.narrowed.iter().map(|of| of.record).collect();
        with.extend(event.adopted.as_ref().and_then(|adopted| adopted.first));
        if let What::Correct { position, .. } = &event.what {
            with.push(*position);
        }
        self.pairs.extend(with.into_iter().map(|other| (position, other)));
        items
    }

    fn came(&mut self, position: Position, event: &TraceEvent) {
        let Some(station) = event.station.clone() else { return };
        let slot = if let What::Mount { point, .. } = &event.what {
            Some(point.clone())
        } else if let What::Arrive { .. } = &event.what {
            None
        } else {
            return;
        };
        self.came.entry((station, slot)).or_default().insert((event.time.at, position));
        if event.is_only_asked() || event.is_not_permitted() {
            self.refused.insert(position);
        }
    }

    fn link(&mut self, part: Node, whole: Node, kind: LinkKind) {
        let (part, whole) = (self.number(part), self.number(whole));
        let packed = kind == LinkKind::PackedIn;
        if let Some((_, thing)) = self.things.get_index_mut(part) {
            let to = if packed { &mut thing.was_in } else { &mut thing.went_into };
            to.insert(whole);
        }
        if let Some((_, thing)) = self.things.get_index_mut(whole) {
            thing.contained |= packed;
        }
    }

    fn item(&mut self, key: &ItemKey) -> usize {
        self.number(Node::Item(key.clone()))
    }

    fn number(&mut self, node: Node) -> usize {
        let entry = self.things.entry(node);
        let number = entry.index();
        let names = scoped(entry.key()).into_iter().collect();
        entry.or_insert_with(|| Thing {
            names,
            last: Utc(i64::MIN),
            went_into: BTreeSet::new(),
            was_in: BTreeSet::new(),
            contained: false,
            told: Position(0),
        });
        number
    }

    /// The stations that events name.
    pub fn stations(&self) -> impl Iterator<Item = &StationId> {
        self.at.keys()
    }

    /// The last steps of a station, at most so many.
    pub fn last_at(&self, station: &StationId, count: usize) -> impl Iterator<Item = Position> {
        self.at.get(station).into_iter().flatten().rev().take(count).copied()
    }
}

/// The product or material within which a code is unique.
fn scoped(node: &Node) -> Option<Text> {
    let Node::Item(key) = node else { return None };
    match &key.scope {
        Scope::Product(name) | Scope::Material(name) => Text::parse(name.as_str()).ok(),
        Scope::Site | Scope::Gs1(_) | Scope::Supplier(_) | Scope::Provisional => None,
    }
}

/// When what an event tells of may have been.
fn times(event: &TraceEvent) -> (Utc, Utc) {
    let by = i64::try_from(event.time.uncertainty_ns).unwrap_or(i64::MAX);
    let at = event.time.at;
    let known = (Utc(at.0.saturating_sub(by)), Utc(at.0.saturating_add(by)));
    let Some(stay) = event.stay.map(|stay| stay.interval) else { return known };
    hull(Some(known), (stay.from, stay.to.unwrap_or(stay.from)))
}

/// The time from the earlier begin to the later end.
fn hull(one: Option<(Utc, Utc)>, other: (Utc, Utc)) -> (Utc, Utc) {
    one.map_or(other, |one| (one.0.min(other.0), one.1.max(other.1)))
}

/// Every item that a record names in any way: what goes with it is no more known of them.
fn named(event: &TraceEvent) -> impl Iterator<Item = &ItemKey> {
    let narrowed = event.narrowed.iter().flat_map(|of| &of.mounts).map(|used| &used.lot);
    event.items().into_iter().chain(event.carried_over.iter().map(|over| &over.lot)).chain(narrowed)
}

/// The lots in feeders that an event names with their mounts.
fn uses(event: &TraceEvent) -> impl Iterator<Item = &MountUse> {
    let of = if let What::Complete { mounts, .. }
    | What::Produce { mounts, .. }
    | What::Scrap { mounts, .. } = &event.what
    {
        mounts.as_slice()
    } else {
        &[]
    };
    of.iter().chain(event.narrowed.iter().flat_map(|of| &of.mounts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genealogy::builders::{complete, consume, container, event, lot, pack, text, unit};
    use crate::model::At;

    /// Each of them a record, and a step, of its own.
    fn told(events: impl IntoIterator<Item = TraceEvent>) -> Tally {
        let mut tally = Tally::default();
        for (position, event) in (1..).map(Position).zip(events) {
            let record =
                Record { position, at: At::default(), body: Body::Trace(event), plant: None };
            tally.see(&[record], false);
        }
        tally
    }

    fn names(tally: &Tally, item: &ItemKey) -> Vec<String> {
        let none = (&BTreeSet::new(), &BTreeSet::new());
        let judged = tally.judge(&Keep::default(), Utc(0), none, &BTreeSet::new());
        judged.names(item).map(ToString::to_string).collect()
    }

    #[test]
    fn an_item_goes_by_the_names_that_it_has_and_by_none_of_another() {
        let scoped: ItemKey = "l/material/GREASE/0001".parse().unwrap();
        let used = event(1, Some("OP10"), consume(&scoped, &unit("U1")));
        let used = TraceEvent { product: Some(text("A")), material: Some(text("OIL")), ..used };
        let made = event(2, Some("OP10"), complete(&unit("U2"), Vec::new()));
        let made = TraceEvent { material: Some(text("OIL")), ..made };
        let tally = told([used, made]);
        assert_eq!(names(&tally, &scoped), ["GREASE", "OIL"]);
        assert_eq!(names(&tally, &unit("U1")), ["A"]);
        assert!(names(&tally, &unit("U2")).is_empty() && names(&tally, &lot("L")).is_empty());
    }

    /// A pallet of boxes: what is in one of them is on hold with it, and what another box holds is not.
    #[test]
    fn what_was_in_something_on_hold_at_any_depth_stays_with_it() {
        let packed = [
            pack(&[&unit("U1")], &container("BOX-1")),
            pack(&[&container("BOX-1")], &container("PALLET")),
            consume(&lot("L1"), &unit("U1")),
            pack(&[&unit("U2")], &container("BOX-2")),
        ];
        let tally = told(packed.map(|what| event(1, Some("PACK"), what)));
        let keep = Keep { otherwise: Some(1), ..Keep::default() };
        let staying = |on_hold: &ItemKey| -> BTreeSet<ItemKey> {
            let held = (&BTreeSet::new(), &[on_hold.clone()].into());
            let judged = tally.judge(&keep, Utc(1_000), held, &BTreeSet::new());
            let stays = judged.items().filter(|(_, why)| why.is_some());
            stays.map(|(item, _)| item.clone()).collect()
        };
        let pallet = [container("PALLET"), container("BOX-1"), unit("U1"), lot("L1")].into();
        assert_eq!(staying(&container("PALLET")), pallet);
        assert_eq!(staying(&unit("U2")), [container("BOX-2"), unit("U2")].into());
    }
}
