//! What the answers should be, by looking through all records for every question.
use crate::genealogy::{Certainty, LinkKind};
use crate::model::{
    Body, Gap, Interval, ItemClass, ItemKey, MountKey, Position, Record, StationId, Text,
    TraceEvent, Utc, What,
};
use crate::query::{Incomplete, ItemState};
use std::collections::{BTreeMap, BTreeSet};

/// A direct link between two items: part, whole, kind, certainty, record, feeder.
pub(super) type Link = (ItemKey, ItemKey, LinkKind, Certainty, Position, Option<Text>);
/// Record, station, interval, whether it is more than an instant.
pub(super) type Stay = (Position, StationId, Interval, bool);

pub(super) struct Model<'a>(pub(super) &'a [Record]);

impl<'a> Model<'a> {
    pub(super) fn counts(&self, record: Position) -> bool {
        !self.0.iter().any(|r| match &r.body {
            Body::Trace(TraceEvent { what: What::Correct { position, .. }, .. }) => {
                *position == record && r.position > record && self.counts(r.position)
            }
            _ => false,
        })
    }

    fn standing(&self) -> impl Iterator<Item = &'a Record> {
        self.0.iter().filter(|r| self.counts(r.position))
    }

    pub(super) fn events(&self) -> Vec<(Position, &'a TraceEvent)> {
        let event = |r: &'a Record| match &r.body {
            Body::Trace(event) => Some((r.position, event)),
            _ => None,
        };
        let mut events: Vec<_> = self.standing().filter_map(event).collect();
        events.sort_by_key(|(position, event)| (event.time.at, *position));
        events
    }

    pub(super) fn items(&self) -> BTreeSet<ItemKey> {
        let event = |r: &Record| match &r.body {
            Body::Trace(event) => event.what.items().into_iter().cloned().collect(),
            _ => Vec::new(),
        };
        self.0.iter().flat_map(event).collect()
    }

    pub(super) fn lot_of(&self, mount: &MountKey) -> Option<ItemKey> {
        self.events().into_iter().find_map(|(position, event)| match &event.what {
            What::Mount { point, lot }
                if position == mount.opened
                    && *point == mount.point
                    && event.station.as_ref() == Some(&mount.station) =>
            {
                Some(lot.clone())
            }
            _ => None,
        })
    }

    /// All links, and the mounts without a lot by the item that was fed from them.
    pub(super) fn links(&self) -> (BTreeSet<Link>, BTreeSet<(ItemKey, MountKey)>) {
        let (mut links, mut loose) = (BTreeSet::new(), BTreeSet::new());
        for (at, event) in self.events() {
            let mut link = |part: &ItemKey, whole: &ItemKey, kind| {
                let sure = Certainty::Certain;
                links.insert((part.clone(), whole.clone(), kind, sure, at, None));
            };
            let ended = |part: &ItemKey, whole: &ItemKey, pack: bool| {
                self.events().into_iter().any(|(end, later)| {
                    (later.time.at, end) > (event.time.at, at)
                        && match &later.what {
                            What::Remove { child, parent, .. } => {
                                !pack && child == part && parent == whole
                            }
                            What::Unpack { items, container } => {
                                pack && items.contains(part) && container == whole
                            }
                            _ => false,
                        }
                })
            };
            match &event.what {
                What::Consume { consumed, into, .. } => {
                    link(&consumed.lot, into, LinkKind::ConsumedInto);
                }
                What::Install { child, parent, .. } if ended(child, parent, false) => {
                    link(child, parent, LinkKind::FormerlyInstalledIn);
                }
                What::Install { child, parent, .. } => link(child, parent, LinkKind::InstalledIn),
                What::Pack { items, container } => {
                    for item in items {
                        let kind = if ended(item, container, true) {
                            LinkKind::FormerlyPackedIn
                        } else {
                            LinkKind::PackedIn
                        };
                        link(item, container, kind);
                    }
                }
                What::Split { from, into } => {
                    into.iter().for_each(|i| link(from, i, LinkKind::SplitInto));
                }
                What::Merge { from, into } => {
                    from.iter().for_each(|c| link(&c.lot, into, LinkKind::MergedInto));
                }
                What::Complete { item, mounts, .. } => {
                    for used in mounts {
                        let same = |o: &&crate::model::MountUse| {
                            (&o.mount.station, &o.mount.point)
                                == (&used.mount.station, &used.mount.point)
                        };
                        let lots: BTreeSet<_> =
                            mounts.iter().filter(same).map(|o| &o.lot).collect();
                        let sure =
                            if lots.len() > 1 { Certainty::OneOf } else { Certainty::Certain };
                        let place = Text::parse(used.mount.point.as_str()).ok();
                        if let Some(lot) = self.lot_of(&used.mount) {
                            let kind = LinkKind::FedInto;
                            links.insert((lot, item.clone(), kind, sure, at, place));
                        } else {
                            loose.insert((item.clone(), used.mount.clone()));
                        }
                    }
                }
                _ => {}
            }
        }
        (links, loose)
    }

    /// The items whose own event it is.
    pub(super) fn steps(&self, item: &ItemKey) -> BTreeSet<Position> {
        let own = |what: &What| match what {
            What::Complete { item: main, .. } | What::Consume { into: main, .. } => main == item,
            other => other.items().contains(&item),
        };
        let named = |position: Position| {
            self.0.iter().any(|record| match &record.body {
                Body::Trace(event) => record.position == position && own(&event.what),
                _ => false,
            })
        };
        let step = |(position, event): &(Position, &TraceEvent)| match &event.what {
            What::Correct { position: loser, .. } => loser < position && named(*loser),
            what => own(what),
        };
        self.events().iter().filter(|e| step(e)).map(|(position, _)| *position).collect()
    }

    /// The events at which an item was bodily present, or spoken of.
    pub(super) fn life(&self, item: &ItemKey) -> Vec<(Position, &'a TraceEvent, bool)> {
        let present = |what: &What| match what {
            What::Complete { item: main, .. } | What::Consume { into: main, .. } => {
                (main == item).then_some(true)
            }
            What::Merge { into, .. } if into == item => Some(true),
            What::Inspect { measurements, .. }
                if measurements.iter().any(|found| found.name.as_str() == crate::model::STOCK) =>
            {
                what.items().contains(&item).then_some(false)
            }
            What::Merge { .. }
            | What::Mount { .. }
            | What::Unmount { .. }
            | What::Hold { .. }
            | What::Release { .. }
            | What::Identify { .. }
            | What::Note { .. } => what.items().contains(&item).then_some(false),
            other => other.items().contains(&item).then_some(true),
        };
        let event = |(p, e): (Position, &'a TraceEvent)| Some((p, e, present(&e.what)?));
        self.events().into_iter().filter_map(event).collect()
    }

    pub(super) fn stays(&self, item: &ItemKey) -> Vec<Stay> {
        let life = self.life(item);
        let mut stays = Vec::new();
        let told = |event: &TraceEvent| {
            let main = event.what.items().first() == Some(&item);
            let stay = event.stay.filter(|_| main && !is_arrival(event));
            stay.filter(|stay| stay.interval.to.is_some())
        };
        for (position, event, present) in &life {
            let Some(station) = event.station.clone().filter(|_| *present) else { continue };
            let covering = life.iter().rev().find_map(|(_, other, _)| {
                told(other).filter(|stay| stay.arrived == Some(*position))
            });
            let instant = Interval { from: event.time.at, to: Some(event.time.at) };
            let (interval, stayed) = if let Some(stay) = covering {
                (stay.interval, true)
            } else if is_arrival(event) {
                (Interval { from: event.time.at, to: self.departure(item, *position, event) }, true)
            } else {
                told(event).map_or((instant, false), |stay| (stay.interval, true))
            };
            stays.push((*position, station, interval, stayed));
        }
        stays
    }

    /// When an item that arrived was seen elsewhere, was dealt with here, or another one came.
    fn departure(&self, item: &ItemKey, arrived: Position, arrival: &TraceEvent) -> Option<Utc> {
        let key = (arrival.time.at, arrived);
        let later = |position: Position, event: &TraceEvent| (event.time.at, position) > key;
        let gone =
            self.life(item).into_iter().filter(|(p, e, _)| later(*p, e)).find(|(_, e, at)| {
                let same = e.station == arrival.station;
                match &e.what {
                    What::Arrive { .. } => true,
                    What::Complete { .. } | What::Scrap { amount: None, .. } => e.station.is_some(),
                    What::Remove { child, .. } if child == item => e.station.is_some(),
                    What::Unpack { items, .. } if items.contains(item) => e.station.is_some(),
                    _ => *at && e.station.is_some() && !same,
                }
            });
        let next = self.events().into_iter().find(|(position, event)| {
            later(*position, event) && is_arrival(event) && event.station == arrival.station
        });
        let gone = gone.map(|(_, event, _)| event.time.at);
        gone.into_iter().chain(next.map(|(_, event)| event.time.at)).min()
    }

    /// The gaps that count, opening and closing records put together.
    pub(super) fn gaps(&self) -> BTreeMap<Position, Gap> {
        let mut gaps: BTreeMap<_, (Position, Gap)> = BTreeMap::new();
        for record in self.standing() {
            let Body::Gap(gap) = &record.body else { continue };
            let key = (gap.source.clone(), gap.interval.from);
            let entry = gaps.entry(key).or_insert_with(|| (record.position, gap.clone()));
            entry.1.interval.to = entry.1.interval.to.max(gap.interval.to);
            entry.1.count = entry.1.count.max(gap.count);
            entry.1.stations.extend(gap.stations.iter().cloned());
            entry.1.stations.sort();
            entry.1.stations.dedup();
        }
        gaps.into_values().collect()
    }

    fn quarantines(&self) -> Vec<(Position, StationId, Interval)> {
        let set_aside = |r: &Record| match &r.body {
            Body::Quarantine(q) => {
                let instant = Interval { from: q.time.at, to: Some(q.time.at) };
                Some((r.position, q.station.clone(), instant))
            }
            _ => None,
        };
        self.standing().filter_map(set_aside).collect()
    }

    pub(super) fn doubts(
        &self,
        item: &ItemKey,
        station: &StationId,
        interval: Interval,
    ) -> Vec<Incomplete> {
        let mut found = Vec::new();
        for (position, gap) in self.gaps() {
            if gap.stations.contains(station) && gap.interval.overlaps(interval) {
                let (item, station) = (item.clone(), station.clone());
                found.push(Incomplete::Gap { item, station, position, gap });
            }
        }
        for (position, at, during) in self.quarantines() {
            if at == *station && during.overlaps(interval) {
                found.push(Incomplete::Quarantine { station: at, position });
            }
        }
        found
    }

    /// From when to when a lot may have been in a feeder.
    pub(super) fn windows(&self, lot: &ItemKey) -> Vec<(StationId, Interval)> {
        let events = self.events();
        let mut windows = Vec::new();
        for (position, event) in &events {
            let (What::Mount { point, lot: of }, Some(station)) = (&event.what, &event.station)
            else {
                continue;
            };
            if of != lot {
                continue;
            }
            let key = (event.time.at, *position);
            let next = events.iter().find(|(p, e)| {
                let same = matches!(&e.what, What::Mount { point: other, .. } if other == point);
                same && (e.time.at, *p) > key && e.station.as_ref() == Some(station)
            });
            let end = events.iter().find(|(_, e)| {
                matches!(&e.what, What::Unmount { mount, .. } if mount.opened == *position)
            });
            let to = next.iter().chain(end.iter()).map(|(_, e)| e.time.at).min();
            let mut window =
                Interval { from: event.time.at, to: to.map(|to| to.max(event.time.at)) };
            loop {
                let before = window;
                for gap in self.gaps().into_values().filter(|g| g.stations.contains(station)) {
                    let touches = |at: Utc| {
                        gap.interval.from <= at && gap.interval.to.is_none_or(|to| to >= at)
                    };
                    if touches(window.from) {
                        window.from = window.from.min(gap.interval.from);
                    }
                    if window.to.is_some_and(touches) {
                        window.to = window.to.zip(gap.interval.to).map(|(a, b)| a.max(b));
                    }
                }
                if window == before {
                    break;
                }
            }
            windows.push((station.clone(), window));
        }
        windows
    }

    pub(super) fn state(&self, item: &ItemKey) -> ItemState {
        self.whereabouts(item, 0).0
    }

    /// Where an item stands, and by which record it left if it has.
    pub(super) fn whereabouts(&self, item: &ItemKey, depth: u32) -> (ItemState, Option<Position>) {
        let mut state = ItemState::Idle;
        let (mut host, mut by) = (None, None);
        for (position, event, present) in self.life(item) {
            let entered = match &event.what {
                What::Install { child, parent, .. } if child == item && parent != item => {
                    Some(parent)
                }
                What::Pack { items, container } if items.contains(item) && container != item => {
                    Some(container)
                }
                _ => None,
            };
            if entered.is_some() {
                (state, host) = (ItemState::Idle, entered);
                continue;
            }
            let left = match &event.what {
                What::Remove { child, .. } => child == item,
                What::Unpack { items, .. } => items.contains(item),
                What::Complete { .. } | What::Receive { .. } | What::Rework { .. } => true,
                _ => false,
            };
            match (&event.what, &event.station) {
                (What::Arrive { .. }, at) => {
                    host = None;
                    state = ItemState::Idle;
                    if let Some(at) = at
                        && !self.events().iter().any(|(p, e)| {
                            is_arrival(e)
                                && e.station == event.station
                                && (e.time.at, *p) > (event.time.at, position)
                        })
                    {
                        state = ItemState::InWork(at.clone());
                    }
                }
                (What::Ship { .. }, _) => {
                    (state, host, by) = (ItemState::Shipped, None, Some(position));
                }
                (What::Scrap { amount: None, .. }, _) => {
                    (state, host) = (ItemState::Scrapped, None);
                }
                _ if left => (state, host) = (ItemState::Idle, None),
                (_, at) if present => match &state {
                    ItemState::Shipped => state = ItemState::Idle,
                    ItemState::InWork(here) if at.as_ref().is_some_and(|at| at != here) => {
                        state = ItemState::Idle;
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        let Some(host) = host.filter(|_| depth < 100) else {
            return (state.clone(), by.filter(|_| state == ItemState::Shipped));
        };
        match self.whereabouts(host, depth + 1) {
            gone @ (ItemState::Shipped | ItemState::Scrapped, _) => gone,
            _ if host.class == ItemClass::Container => (ItemState::Packed(host.clone()), None),
            packed @ (ItemState::Packed(_), _) => packed,
            _ => (ItemState::Idle, None),
        }
    }

    /// Which items keep one from moving on, with the record since which each does.
    pub(super) fn holds(&self, item: &ItemKey) -> BTreeSet<(ItemKey, Position)> {
        let former = [LinkKind::FormerlyInstalledIn, LinkKind::FormerlyPackedIn];
        let standing: Vec<Link> =
            self.links().0.into_iter().filter(|link| !former.contains(&link.2)).collect();
        let keeps = self.items().into_iter().filter_map(|held| {
            let since = self.held_since(&held)?;
            // Of what was let go only what came later counts.
            let counts = |of: &ItemKey, link: &Link| {
                self.let_go(of, &held, since).is_none_or(|by| link.4 > by)
            };
            let parts = |of: &ItemKey| -> Vec<ItemKey> {
                let links = standing.iter().filter(|l| l.1 == *of && counts(of, l));
                links.map(|l| l.0.clone()).collect()
            };
            let hosts = |of: &ItemKey| -> Vec<ItemKey> {
                let packed = |l: &&Link| l.0 == *of && l.2 == LinkKind::PackedIn && counts(of, l);
                standing.iter().filter(packed).map(|l| l.1.clone()).collect()
            };
            let reached = held == *item || leads(item, &held, &parts) || leads(item, &held, &hosts);
            reached.then_some((held, since))
        });
        keeps.collect()
    }

    /// Whether an item is away, or any part of a lot that was not received again.
    pub(super) fn has_left(&self, item: &ItemKey) -> bool {
        let part = self.events().into_iter().fold(false, |left, (_, event)| match &event.what {
            What::Ship { items, .. } if items.contains(item) => true,
            What::Receive { item: of, .. } if of == item => false,
            _ => left,
        });
        self.state(item) == ItemState::Shipped || (part && item.class == ItemClass::Lot)
    }

    /// The first feeder whose lot nobody knows, of what an item was made of or contains; nobody looks unless something is
    /// on hold.
    pub(super) fn unseen(&self, item: &ItemKey) -> Option<MountKey> {
        self.items().iter().find_map(|any| self.held_since(any))?;
        let (links, loose) = self.links();
        let former = [LinkKind::FormerlyInstalledIn, LinkKind::FormerlyPackedIn];
        let parts = |of: &ItemKey| -> Vec<ItemKey> {
            let stays = links.iter().filter(|link| link.1 == *of && !former.contains(&link.2));
            stays.map(|link| link.0.clone()).collect()
        };
        let behind = |of: &ItemKey| of == item || leads(item, of, &parts);
        loose.into_iter().filter(|(of, _)| behind(of)).map(|(_, mount)| mount).min()
    }

    fn held_since(&self, item: &ItemKey) -> Option<Position> {
        let mut by_position = self.events();
        by_position.sort_by_key(|(position, _)| *position);
        by_position.into_iter().fold(None, |held, (position, event)| match &event.what {
            What::Hold { item: of, .. } if of == item => Some(position),
            What::Release { item: of, of: None, .. } if of == item => None,
            _ => held,
        })
    }

    fn let_go(&self, item: &ItemKey, held: &ItemKey, since: Position) -> Option<Position> {
        let by = self.events().into_iter().filter_map(|(at, event)| match &event.what {
            What::Release { item: one, of: Some(of), .. } => {
                (at > since && one == item && of == held).then_some(at)
            }
            _ => None,
        });
        by.max()
    }
}

/// Whether steps lead from one item to another.
fn leads(from: &ItemKey, to: &ItemKey, step: &dyn Fn(&ItemKey) -> Vec<ItemKey>) -> bool {
    let mut seen = BTreeSet::from([from.clone()]);
    loop {
        let next: BTreeSet<ItemKey> =
            seen.iter().flat_map(step).filter(|at| !seen.contains(at)).collect();
        if next.is_empty() {
            return seen.contains(to) && from != to;
        }
        seen.extend(next);
    }
}

fn is_arrival(event: &TraceEvent) -> bool {
    matches!(event.what, What::Arrive { .. })
}
