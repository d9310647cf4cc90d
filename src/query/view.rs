//! What memory says as of a record.
use super::doubt::Doubts;
use super::life::{Kind, Moment, StationNumber};
use super::memory::Memory;
use crate::genealogy::{Direction, Links, NodeId, Void};
use crate::model::{Interval, Position, Text, Utc};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Deref;

/// Memory as of a record: what was recorded later, and what was taken back by then, does not count.
pub(super) struct View<'m> {
    memory: &'m Memory,
    /// As of which record.
    pub(super) position: Position,
    /// Doubts as they stood.
    pub(super) doubts: Cow<'m, Doubts>,
    void: Void,
}

impl Deref for View<'_> {
    type Target = Memory;

    fn deref(&self) -> &Memory {
        self.memory
    }
}

impl Memory {
    /// All that is known.
    pub(super) fn now(&self) -> View<'_> {
        self.view(self.position)
    }

    /// What was known as of a record; all that is known as of one that is not there yet. It costs a look
    /// at every gap and every correction, unless it is the last record.
    pub(super) fn view(&self, as_of: Position) -> View<'_> {
        let position = as_of.min(self.position);
        let void = self.graph.corrections().as_of(position);
        let doubts = if position == self.position {
            Cow::Borrowed(&self.doubts)
        } else {
            Cow::Owned(self.doubts.then(&void))
        };
        View { memory: self, position, doubts, void }
    }
}

impl View<'_> {
    /// The records that do not count.
    pub(super) fn void(&self) -> &Void {
        &self.void
    }

    /// Whether later records are known.
    pub(super) fn is_past(&self) -> bool {
        self.position < self.memory.position
    }

    /// Whether any record up to this one speaks of a node.
    pub(super) fn speaks_of(&self, node: NodeId) -> bool {
        !self.is_past()
            || self.retained.of(node).is_some()
            || self.life(node).moments().any(|moment| moment.position <= self.position)
            || [Direction::Forward, Direction::Backward].into_iter().any(|way| {
                let mut linked = false;
                self.graph.each(node, way, |link| linked |= link.added <= self.position);
                linked
            })
    }

    /// When an item was first and last spoken of.
    pub(super) fn seen(&self, node: NodeId) -> Option<(Utc, Utc)> {
        let seen = self.life(node).seen?;
        let moments = self.life(node).moments().filter(|m| m.position <= self.position);
        let times: Vec<Utc> = moments.map(|moment| moment.time).collect();
        match (times.iter().min(), times.iter().max()) {
            (Some(first), Some(last)) if self.is_past() => Some((*first, *last)),
            (None, _) | (_, None) | (Some(_), Some(_)) => Some(seen),
        }
    }

    /// Until when an item may be used, as last told.
    pub(super) fn best_before(&self, node: NodeId) -> Option<Utc> {
        let void = self.void();
        let mut told = self.expiries.get(&node)?.iter().rev();
        told.find(|((_, position), _)| !void.contains(position)).map(|(_, until)| *until)
    }

    /// The product last told of an item.
    pub(super) fn product(&self, node: NodeId) -> Option<Text> {
        let void = self.void();
        let mut moments = self.life(node).standing(void).rev();
        let moment = moments.find_map(|moment| Some((moment.key(), moment.product?)));
        let moment = moment.and_then(|(key, n)| Some((key, self.products.get(n as usize)?)));
        moment.max(self.told_material(node)).map(|(_, product)| product.clone())
    }

    /// Tells of an item whether it ever was where anything was not observed, whenever that was.
    pub(super) fn in_doubt(&self) -> impl Fn(NodeId) -> bool {
        let stations = self.places.names().iter().map(|station| self.doubts.are_at(station));
        let stations: Vec<bool> = stations.collect();
        let any = stations.contains(&true);
        let doubted = move |StationNumber(at)| stations.get(at as usize) == Some(&true);
        move |node| any && self.life(node).moments().any(|m| m.station.is_some_and(&doubted))
    }

    /// Every stay of an item, by the time of the event that tells of it.
    pub(super) fn presences(&self, node: NodeId) -> Vec<Presence> {
        let void = self.void();
        let life = self.life(node);
        let covered: BTreeMap<Position, (Utc, Utc)> =
            life.standing(void).filter_map(|m| Some((m.arrived?, (m.from, m.to)))).collect();
        let mut found = Vec::new();
        let mut rest = life.standing(void);
        while let Some(moment) = rest.next() {
            let Some(station) = moment.station.filter(|_| moment.is_presence()) else { continue };
            let (interval, stayed) = match covered.get(&moment.position) {
                Some((from, to)) => (Interval { from: *from, to: Some(*to) }, true),
                None if moment.kind == Kind::Arrive => {
                    let own = rest.clone().find(|later| leaves(station, later)).map(|m| m.time);
                    let next = self.places.get(station).next_arrival(moment.key(), void);
                    let to = [own, next].into_iter().flatten().min();
                    (Interval { from: moment.time, to }, true)
                }
                None => (Interval { from: moment.from, to: Some(moment.to) }, moment.stayed),
            };
            found.push(Presence { position: moment.position, station, interval, stayed });
        }
        found
    }
}

/// An item's stay at a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Presence {
    pub(super) position: Position,
    pub(super) station: StationNumber,
    pub(super) interval: Interval,
    /// Whether it is more than the instant of an event.
    pub(super) stayed: bool,
}

/// Whether a later moment of an item shows that it is no longer where it arrived.
fn leaves(station: StationNumber, later: &Moment) -> bool {
    let here = later.station == Some(station);
    match later.kind {
        Kind::Arrive => true,
        Kind::Complete | Kind::Scrap | Kind::Leave => later.station.is_some(),
        Kind::Enter | Kind::Ship | Kind::Receive | Kind::Rework | Kind::Present => {
            later.station.is_some() && !here
        }
        Kind::Mention => false,
    }
}
