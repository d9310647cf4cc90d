//! What questions need at once and for all items: the graph, states, stays, doubts, stations.
use super::alarm::AlarmLog;
use super::case::Cases;
use super::doubt::Doubts;
use super::life::{Kind, Life, Moment, moments_of, stay};
use super::material::Materials;
use super::measured::Measurements;
use super::monitor::Monitors;
use super::place::{Counted, Mounts, Places};
use super::retention::Retained;
use super::step::outcome;
use super::suspect::Windows;
use crate::genealogy::{Direction, Graph, Links as _, Node, NodeId, Void};
use crate::model::{
    Body, Gap, Interval, ItemClass, ItemKey, Position, Purpose, Quarantine, Record, StationId,
    Text, TraceEvent, Utc, What,
};
use crate::store::subjects;
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

mod image;

pub use image::READ_SCHEMA;

/// Items of one class that [`super::Query::recent`] can name.
pub(super) const RECENT_MAX: usize = 1000;
/// The clock of a PLC may go so far before ours; what is later still is a fault of it.
const AHEAD_MAX: Duration = Duration::from_hours(1);

/// Everything in memory. A function of the records up to `position`.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    pub(super) position: Position,
    pub(super) graph: Graph,
    pub(super) lives: Vec<Life>,
    pub(super) places: Places,
    pub(super) mounts: Mounts,
    pub(super) doubts: Doubts,
    pub(super) monitors: Monitors,
    pub(super) suspects: Windows,
    pub(super) alarms: AlarmLog,
    /// By record: the reason of a hold, `None` for its release.
    pub(super) holds: BTreeMap<NodeId, BTreeMap<Position, Option<Text>>>,
    /// By record: the item that is on hold, of those that were let go all the same.
    pub(super) spared: BTreeMap<NodeId, BTreeMap<Position, NodeId>>,
    /// Records of what was asked for and not answered with a yes.
    pub(super) not_permitted: BTreeSet<Position>,
    /// By event time and record: until when an item may be used.
    pub(super) expiries: BTreeMap<NodeId, BTreeMap<(Utc, Position), Utc>>,
    pub(super) materials: Materials,
    pub(super) measured: Measurements,
    /// By its record.
    shipments: BTreeMap<Position, Shipment>,
    pub(super) products: Vec<Text>,
    product_numbers: BTreeMap<Text, u32>,
    recent: [Recent; 3],
    pub(super) retained: Retained,
    pub(super) cases: Cases,
}

/// To whom something was shipped.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub(super) struct Shipment {
    #[n(0)]
    pub(super) customer: Option<Text>,
    /// The delivery note.
    #[n(1)]
    pub(super) document: Option<Text>,
}

impl Memory {
    /// Takes the next record; for a correction, with the record that it names.
    pub(super) fn apply(&mut self, record: &Record, loser: Option<&Record>) {
        let position = record.position;
        self.alarms.take(record);
        match &record.body {
            Body::Trace(event) => {
                self.graph.apply(position, event);
                self.trace(position, event);
                if let What::Correct { position: named, .. } = &event.what {
                    self.correct(*named, loser);
                }
            }
            Body::Quarantine(quarantine) => self.quarantine(position, quarantine),
            Body::Gap(gap) => {
                self.gap(position, gap);
                gap.stations.iter().for_each(|station| self.measured.lose_sight(station));
            }
            Body::Verdict(event) => {
                let well = self.monitors.well_since(event);
                self.monitors.spoke(position, event);
                self.suspects.spoke(position, event, well);
            }
            Body::Epoch(epoch) => {
                for (station, ..) in &epoch.handshakes {
                    self.places.at(station).current = None;
                    self.measured.lose_sight(station);
                }
            }
            Body::Plant(plant) => {
                self.places.put_in_force(&plant.stations);
                self.measured.put_in_force(position, plant);
                self.monitors.put_in_force(record.at.wall, &plant.monitors);
                self.suspects.put_in_force((position, record.at.wall), &plant.monitors);
            }
            Body::Tombstone(stone) => {
                let items: Vec<NodeId> =
                    stone.items.iter().map(|item| self.graph.intern_item(item)).collect();
                self.retained.take(position, stone, items);
            }
            Body::Case(event) => self.cases.take((position, record.at.wall), event),
            Body::Maintenance(event) => {
                self.monitors.maintained(position, event);
                let until = self.told_until(&event.station, event.time);
                self.suspects.maintained((position, until), event);
            }
            Body::Alarm(_) | Body::Orders(_) | Body::Audit(_) | Body::Dropped => {}
        }
        self.monitors.count_use(record);
        self.position = position;
    }

    /// The records that do not count any more.
    fn void(&self) -> Void {
        self.graph.corrections().as_of(Position(u64::MAX))
    }

    /// The item that a node is; `None` for a mount.
    pub(super) fn key(&self, node: NodeId) -> Option<&ItemKey> {
        match self.graph.name(node) {
            Node::Item(key) => Some(key),
            Node::Mount(_) => None,
        }
    }

    pub(super) fn class(&self, node: NodeId) -> Option<ItemClass> {
        self.key(node).map(|key| key.class)
    }

    /// When all that is known of a station until now was over: the clock of its PLC may go before ours.
    fn told_until(&self, station: &StationId, now: Utc) -> Utc {
        let here = self.places.find(station).map(|number| self.places.get(number));
        let ahead = (now.plus(AHEAD_MAX), Position(u64::MAX));
        let last = here.and_then(|place| place.within(now, ahead).next());
        last.map_or(now, |(time, ..)| Utc(time.0.saturating_add(1)))
    }

    /// The life of an item; an empty one for a node that no event was about.
    pub(super) fn life(&self, node: NodeId) -> &Life {
        const NONE: &Life = &Life::none();
        self.lives.get(node.get()).unwrap_or(NONE)
    }

    /// Whether a record that is there names an item: a tombstone may name one that none names any more.
    pub(super) fn names(&self, node: NodeId) -> bool {
        self.retained.of(node).is_none()
            || self.life(node).seen.is_some()
            || [Direction::Forward, Direction::Backward].into_iter().any(|way| {
                let mut linked = false;
                self.graph.each(node, way, |_| linked = true);
                linked
            })
    }

    /// To whom a shipment went; nothing is told where its record told nothing.
    pub(super) fn shipment(&self, record: Position) -> Shipment {
        self.shipments.get(&record).cloned().unwrap_or_default()
    }

    /// The items of a class last written about, newest first.
    pub(super) fn recent(&self, class: ItemClass) -> impl Iterator<Item = &ItemKey> {
        let nodes = self.recent.get(class as usize).into_iter().flat_map(|r| r.order.iter().rev());
        nodes.filter_map(|(.., node)| self.key(*node))
    }

    fn life_mut(&mut self, node: NodeId) -> &mut Life {
        if self.lives.len() <= node.get() {
            self.lives.resize_with(node.get() + 1, Life::default);
        }
        self.lives.get_mut(node.get()).expect("it was made just now")
    }

    fn trace(&mut self, position: Position, event: &TraceEvent) {
        let time = event.time.at;
        let named: Vec<(NodeId, ItemClass)> =
            event.items().iter().map(|k| (self.graph.intern_item(k), k.class)).collect();
        for (rank, (node, class)) in (0..).zip(named) {
            self.life_mut(node).see(time);
            if let Some(recent) = self.recent.get_mut(class as usize) {
                recent.touch(node, position, rank);
            }
        }
        self.count_step(&subjects(event));
        let station = event.station.as_ref().map(|station| {
            let place = self.places.at(station);
            place.last_event = place.last_event.max(Some(time));
            self.places.number(station)
        });
        let result = outcome(&event.what).0;
        for (rank, (item, kind, host)) in moments_of(event).into_iter().enumerate() {
            let node = self.graph.intern_item(item);
            let host = host.map(|host| self.graph.intern_item(host));
            // Nothing is inside itself, whatever a record says.
            let kind = if host == Some(node) { Kind::Present } else { kind };
            let product = event.product.as_ref().filter(|_| rank == 0);
            let product = product.map(|product| self.product_number(product));
            let (from, to, stayed, arrived) = stay(event, rank == 0);
            let moment = Moment {
                time,
                position,
                from,
                to,
                arrived,
                station,
                host,
                product,
                kind,
                stayed,
                result,
                production: event.purpose == Purpose::Production,
            };
            self.life_mut(node).insert(moment);
            if let Some(station) = event.station.as_ref().filter(|_| moment.is_presence()) {
                self.places.at(station).visit(node, &moment);
            }
        }
        if event.is_not_permitted() {
            self.not_permitted.insert(position);
        }
        self.tell(position, event);
        self.tell_material(position, event);
        self.tell_measured(position, event);
    }

    /// What an event does beyond the lives of its items: to its station, to feeders, to holds.
    fn tell(&mut self, position: Position, event: &TraceEvent) {
        let station = event.station.as_ref();
        if let What::Produce { item, best_before: Some(until), .. }
        | What::Receive { item, best_before: Some(until), .. } = &event.what
        {
            let node = self.graph.intern_item(item);
            self.expiries.entry(node).or_default().insert((event.time.at, position), *until);
        }
        match &event.what {
            What::Arrive { item } => {
                let node = self.graph.intern_item(item);
                // What is adopted was long ago: it says nothing of who is there now.
                if let Some(station) = station.filter(|_| event.adopted.is_none()) {
                    self.places.at(station).current = Some((node, position));
                }
            }
            What::Complete { item, .. } | What::Produce { item, .. } => {
                self.gone(event, item);
                if let Some(station) = station {
                    let place = self.places.at(station);
                    place.count(Counted::Completed);
                }
            }
            What::Scrap { item, .. } if item.class != ItemClass::Unit => {}
            What::Scrap { item, .. } => self.gone(event, item),
            What::Split { from, .. } if !event.is_only_asked() => self.gone(event, from),
            What::Remove { child, .. } if !event.is_only_asked() => self.gone(event, child),
            What::Mount { point, lot } => {
                let lot = self.graph.intern_item(lot);
                if let Some(station) = station {
                    let opened = event.adopted.as_ref().and_then(|adopted| adopted.first);
                    let opened = opened.unwrap_or(position);
                    self.mounts.mount((event.time.at, position), (station, point), (opened, lot));
                }
            }
            What::Unmount { mount, .. } => {
                self.mounts.unmount(mount.opened, event.time.at, position);
            }
            What::Hold { item, reason, .. } => self.hold_told(position, item, Some(reason.clone())),
            What::Release { item, of: Some(of), .. } => {
                let (node, of) = (self.graph.intern_item(item), self.graph.intern_item(of));
                self.spared.entry(node).or_default().insert(position, of);
            }
            What::Release { item, of: None, .. } => self.hold_told(position, item, None),
            What::Ship { customer, document, .. } => {
                let (customer, document) = (customer.clone(), document.clone());
                self.shipments.insert(position, Shipment { customer, document });
            }
            What::Remove { .. }
            | What::Consume { .. }
            | What::Install { .. }
            | What::Pack { .. }
            | What::Unpack { .. }
            | What::Split { .. }
            | What::Merge { .. }
            | What::Move { .. }
            | What::Receive { .. }
            | What::Inspect { .. }
            | What::Rework { .. }
            | What::Clean { .. }
            | What::Identify { .. }
            | What::Note { .. }
            | What::Open { .. }
            | What::Close { .. }
            | What::Dry { .. }
            | What::Correct { .. } => {}
        }
    }

    /// Whoever is presented at a station is not any more when it is that unit that leaves; where a station
    /// has no positions, whoever leaves was there.
    fn gone(&mut self, event: &TraceEvent, item: &ItemKey) {
        let node = self.graph.intern_item(item);
        // What is adopted was long ago: it says nothing of who is there now.
        let Some(station) = event.station.as_ref().filter(|_| event.adopted.is_none()) else {
            return;
        };
        let place = self.places.at(station);
        if event.nest.is_none() || place.current.is_some_and(|(current, _)| current == node) {
            place.current = None;
        }
    }

    fn hold_told(&mut self, position: Position, item: &ItemKey, reason: Option<Text>) {
        let node = self.graph.intern_item(item);
        self.holds.entry(node).or_default().insert(position, reason);
    }

    fn quarantine(&mut self, position: Position, quarantine: &Quarantine) {
        let Utc(at) = quarantine.time.at;
        let by = i64::try_from(quarantine.time.uncertainty_ns).unwrap_or(i64::MAX);
        let instant =
            Interval { from: Utc(at.saturating_sub(by)), to: Some(Utc(at.saturating_add(by))) };
        let during = quarantine.phase.as_ref().map_or(instant, |phase| phase.interval);
        self.doubts.quarantine(position, &quarantine.station, during);
        let place = self.places.at(&quarantine.station);
        place.last_event = place.last_event.max(Some(quarantine.time.at));
        place.count(Counted::Quarantined);
    }

    fn gap(&mut self, position: Position, gap: &Gap) {
        let void = self.void();
        let new = self.doubts.gap(position, gap, &void);
        for station in gap.stations.iter().filter(|_| new) {
            self.places.at(station).current = None;
        }
    }

    fn correct(&mut self, named: Position, loser: Option<&Record>) {
        let void = self.void();
        for touched in self.graph.corrections().reach(named) {
            self.doubts.revise(touched, &void);
        }
        match loser.map(|loser| &loser.body) {
            Some(Body::Trace(event)) => {
                self.count_step(&subjects(event));
                self.correct_uses(named, event);
                if let (What::Complete { .. } | What::Produce { .. }, Some(station)) =
                    (&event.what, &event.station)
                {
                    self.places.at(station).correct(named, Counted::Completed);
                }
            }
            Some(Body::Quarantine(quarantine)) => {
                self.places.at(&quarantine.station).correct(named, Counted::Quarantined);
            }
            _ => {}
        }
    }

    fn count_step(&mut self, items: &[&ItemKey]) {
        let nodes: BTreeSet<NodeId> = items.iter().map(|k| self.graph.intern_item(k)).collect();
        for node in nodes {
            self.life_mut(node).steps += 1;
        }
    }

    fn product_number(&mut self, product: &Text) -> u32 {
        if let Some(number) = self.product_numbers.get(product) {
            return *number;
        }
        let number = u32::try_from(self.products.len()).expect("far fewer products");
        self.products.push(product.clone());
        self.product_numbers.insert(product.clone(), number);
        number
    }
}

/// The items of a class in the order in which they were last written about.
#[derive(Debug, Clone, Default)]
struct Recent {
    /// Record, rank within it from the last, item.
    order: BTreeSet<(Position, u32, NodeId)>,
    of: BTreeMap<NodeId, (Position, u32)>,
}

impl Recent {
    fn touch(&mut self, node: NodeId, position: Position, rank: u32) {
        let key = (position, u32::MAX - rank);
        if let Some(old) = self.of.insert(node, key) {
            self.order.remove(&(old.0, old.1, node));
        }
        self.order.insert((key.0, key.1, node));
        if self.order.len() > RECENT_MAX
            && let Some((.., oldest)) = self.order.pop_first()
        {
            self.of.remove(&oldest);
        }
    }
}
