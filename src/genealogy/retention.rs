//! Which steps may go: those of items that nobody has to be able to trace any more.
//!
//! [`Tally::see`] takes each step once, in the order of the ledger; [`Tally::judge`] says which items go, and with them
//! which steps. Nothing here knows what a station still works with: whoever asks names the items in use, and the
//! records that a running state rests on.
mod keep;

pub use keep::Keep;

use super::{LinkKind, Node, links_of};
use crate::model::{
    Body, HandshakeId, ItemKey, MountPointId, MountUse, Position, Record, StationId, Text,
    TraceEvent, Utc, What,
};
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};

/// Why an item stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stays {
    /// It is kept for good, or its time is not over.
    Kept,
    /// It is in use: on hold, in a feeder, on a carrier, in work.
    InUse,
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
        for (place, &item) in items.iter().enumerate() {
            let Some((_, thing)) = self.things.get_index_mut(item) else { continue };
            thing.last = thing.last.max(time);
            let name = if place == 0 { &event.product } else { &event.material };
            thing.names.extend(name.clone());
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
        entry.or_insert_with(|| Thing {
            names: BTreeSet::new(),
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

    /// Says what goes at `now`. `in_use` are items that a station still works with, `rest` records that its
    /// state rests on: both stay.
    pub fn judge(
        &self,
        keep: &Keep,
        now: Utc,
        in_use: &BTreeSet<ItemKey>,
        rest: &BTreeSet<Position>,
    ) -> Judged<'_> {
        let why = self.stay(keep, now, in_use);
        let goes = |items: &[usize]| items.iter().all(|item| why.get(*item) == Some(&None));
        let may = self.steps.iter().filter(|(_, step)| !step.stays && goes(&step.items));
        let mut drops: BTreeSet<Position> = may.map(|(first, _)| *first).collect();
        let in_doubt = self.in_doubt();
        let next = self.came_next(&drops, &in_doubt);
        for kept in self.last.values().chain(rest).chain(&next) {
            drops.remove(&self.step_of(*kept));
        }
        self.keep_together(&mut drops);
        let kept = self.steps.iter().filter(|(first, _)| !drops.contains(first));
        let border = kept.flat_map(|(_, step)| step.items.iter().copied()).collect();
        let (until, ended) = (self.until(&drops, &in_doubt), self.ended(&drops, &in_doubt));
        Judged { tally: self, why, drops, border, until, ended }
    }

    /// What stays keeps what it is told with: the other of a pair, and the mount of a feeder that it names.
    fn keep_together(&self, drops: &mut BTreeSet<Position>) {
        loop {
            let before = drops.len();
            for pair in &self.pairs {
                let [one, other] = [pair.0, pair.1].map(|position| self.step_of(position));
                if !(drops.contains(&one) && drops.contains(&other)) {
                    drops.remove(&one);
                    drops.remove(&other);
                }
            }
            for (first, step) in &self.steps {
                if drops.contains(first) {
                    continue;
                }
                for mount in &step.mounts {
                    drops.remove(&self.step_of(*mount));
                }
            }
            if drops.len() == before {
                return;
            }
        }
    }

    /// The step that a record is of.
    fn step_of(&self, position: Position) -> Position {
        self.steps.range(..=position).next_back().map_or(position, |(first, _)| *first)
    }

    /// Until when what came by a step that goes was there at most: nobody knows better than by what came next.
    fn until(
        &self,
        drops: &BTreeSet<Position>,
        in_doubt: &BTreeSet<Position>,
    ) -> BTreeMap<Position, Utc> {
        let mut until: BTreeMap<Position, Utc> = BTreeMap::new();
        for came in self.came.values() {
            let mut next = Utc(i64::MAX);
            for (time, position) in came.iter().rev() {
                let step = self.step_of(*position);
                if drops.contains(&step) {
                    let known = until.entry(step).or_insert(next);
                    *known = next.max(*known);
                }
                if !in_doubt.contains(position) {
                    next = *time;
                }
            }
        }
        until
    }

    /// The items, but for those of steps that go before it or with it, of which only a step that goes told until when they
    /// were there.
    fn ended(
        &self,
        drops: &BTreeSet<Position>,
        in_doubt: &BTreeSet<Position>,
    ) -> BTreeMap<Position, BTreeSet<(Position, usize)>> {
        let mut ended: BTreeMap<Position, BTreeSet<(Position, usize)>> = BTreeMap::new();
        for came in self.came.values() {
            let mut here: BTreeSet<(Position, usize)> = BTreeSet::new();
            for (_, position) in came {
                let step = self.step_of(*position);
                let left = |from: &Position| *from > step || !drops.contains(from);
                if drops.contains(&step) && here.iter().any(|(from, _)| left(from)) {
                    let left = here.iter().copied().filter(|(from, _)| left(from));
                    ended.entry(step).or_default().extend(left);
                }
                if !in_doubt.contains(position) {
                    here.clear();
                }
                let items = self.steps.get(&step).into_iter().flat_map(|step| &step.items);
                here.extend(items.map(|item| (step, *item)));
            }
        }
        ended
    }

    /// What came and may not have, or went again at once.
    fn in_doubt(&self) -> BTreeSet<Position> {
        let taken_back = self.pairs.iter().map(|(_, of)| *of);
        taken_back.chain(self.refused.iter().copied()).collect()
    }

    /// What came after something that stays, as far as the first that nothing takes back.
    fn came_next(
        &self,
        drops: &BTreeSet<Position>,
        in_doubt: &BTreeSet<Position>,
    ) -> BTreeSet<Position> {
        let mut next = BTreeSet::new();
        for came in self.came.values() {
            let mut wanted = false;
            for (_, position) in came {
                if wanted {
                    next.insert(*position);
                }
                wanted &= in_doubt.contains(position);
                wanted |= !drops.contains(&self.step_of(*position));
            }
        }
        next
    }

    /// Why each stays; `None` for what goes. What stays keeps all that it was made of, and the containers that it was in.
    fn stay(&self, keep: &Keep, now: Utc, in_use: &BTreeSet<ItemKey>) -> Vec<Option<Stays>> {
        let mut why: Vec<Option<Stays>> = vec![None; self.things.len()];
        let mut linked: Vec<Vec<usize>> = vec![Vec::new(); self.things.len()];
        let mut open = Vec::new();
        for (number, (node, thing)) in self.things.iter().enumerate() {
            for whole in &thing.went_into {
                if let Some(parts) = linked.get_mut(*whole) {
                    parts.push(number);
                }
            }
            if let Some(containers) = linked.get_mut(number) {
                containers.extend(&thing.was_in);
            }
            let Node::Item(key) = node else { continue };
            let stays = if in_use.contains(key) {
                Stays::InUse
            } else if keep.ends(key.class, thing).is_none_or(|end| now < end) {
                Stays::Kept
            } else {
                continue;
            };
            if let Some(why) = why.get_mut(number) {
                *why = Some(stays);
            }
            open.push(number);
        }
        while let Some(stays) = open.pop() {
            for &other in linked.get(stays).into_iter().flatten() {
                if let Some(why @ None) = why.get_mut(other) {
                    *why = Some(Stays::Linked);
                    open.push(other);
                }
            }
        }
        why
    }
}

/// What may go.
#[derive(Debug, Clone)]
pub struct Judged<'t> {
    tally: &'t Tally,
    why: Vec<Option<Stays>>,
    drops: BTreeSet<Position>,
    /// What a step that stays names.
    border: BTreeSet<usize>,
    until: BTreeMap<Position, Utc>,
    /// By a step that goes: items whose stay it ended, each with the step that told of its begin.
    ended: BTreeMap<Position, BTreeSet<(Position, usize)>>,
}

impl Judged<'_> {
    /// Every item, its class apart from it, and why it stays; `None` if it goes.
    pub fn items(&self) -> impl Iterator<Item = (&ItemKey, Option<Stays>)> {
        let things = self.tally.things.keys().zip(&self.why);
        things.filter_map(|(node, why)| match node {
            Node::Item(key) => Some((key, *why)),
            Node::Mount(_) => None,
        })
    }

    /// Products and materials that an item was called by.
    pub fn names(&self, item: &ItemKey) -> impl Iterator<Item = &Text> {
        let thing = self.tally.things.get(&Node::Item(item.clone()));
        thing.into_iter().flat_map(|thing| &thing.names)
    }

    /// Whether a step goes, by its first record.
    pub fn drops(&self, first: Position) -> bool {
        self.drops.contains(&first)
    }

    /// Whether anything goes.
    pub fn is_empty(&self) -> bool {
        self.drops.is_empty()
    }

    /// When what a step that goes tells of was, by its first record; `None` if it tells of no time.
    pub fn times(&self, first: Position) -> Option<(Utc, Utc)> {
        let (from, to) = self.tally.steps.get(&first)?.times?;
        Some((from, self.until.get(&first).map_or(to, |until| to.max(*until))))
    }

    /// The items of which less is told once a step goes with all that go up to `last`: those that steps name which stay, and
    /// those behind `last`, which may never come to go.
    pub fn told_less(&self, first: Position, last: Position) -> impl Iterator<Item = &ItemKey> {
        let step = self.tally.steps.get(&first);
        let things = &self.tally.things;
        let told = move |item: &usize| {
            self.border.contains(item)
                || things.get_index(*item).is_some_and(|(_, thing)| thing.told > last)
        };
        let named = step.into_iter().flat_map(|step| &step.items).copied().filter(told);
        let stays = move |from: Position| from > last || !self.drops.contains(&from);
        let ended = self.ended.get(&first).into_iter().flatten();
        let ended = ended.filter(move |(from, _)| stays(*from)).map(|(_, item)| *item);
        named.chain(ended).filter_map(|item| match things.get_index(item)?.0 {
            Node::Item(key) => Some(key),
            Node::Mount(_) => None,
        })
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
    let of = match &event.what {
        What::Complete { mounts, .. }
        | What::Produce { mounts, .. }
        | What::Scrap { mounts, .. } => mounts.as_slice(),
        What::Arrive { .. }
        | What::Consume { .. }
        | What::Install { .. }
        | What::Remove { .. }
        | What::Pack { .. }
        | What::Unpack { .. }
        | What::Split { .. }
        | What::Merge { .. }
        | What::Mount { .. }
        | What::Unmount { .. }
        | What::Move { .. }
        | What::Receive { .. }
        | What::Ship { .. }
        | What::Inspect { .. }
        | What::Hold { .. }
        | What::Release { .. }
        | What::Rework { .. }
        | What::Clean { .. }
        | What::Identify { .. }
        | What::Note { .. }
        | What::Correct { .. } => &[],
    };
    of.iter().chain(event.narrowed.iter().flat_map(|of| &of.mounts))
}
