//! Where an item stands: what the moments of its life come to.
use super::answer::ItemState;
use super::life::Kind;
use super::view::View;
use crate::genealogy::NodeId;
use crate::model::{ItemClass, Position, Utc};

/// Items within items are followed this far; deeper ones can only be a circle.
const HOSTS_MAX: usize = 64;

/// What the last moments of an item come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Idle,
    /// Since the moment of its arrival.
    InWork(Utc, Position),
    Within(NodeId),
    Shipped(Position),
    Scrapped,
}

impl View<'_> {
    /// Where an item stands, and if it left the site the record of that and what left. What is inside
    /// another item goes where that goes.
    pub(super) fn state(&self, node: NodeId) -> (ItemState, Option<(Position, NodeId)>) {
        let mut innermost = None;
        let mut at = node;
        for _ in 0..HOSTS_MAX {
            match self.standing(at) {
                Standing::Shipped(by) => return (ItemState::Shipped, Some((by, at))),
                Standing::Scrapped => return (ItemState::Scrapped, None),
                Standing::InWork(time, position) if at == node => {
                    return (self.in_work(at, time, position), None);
                }
                Standing::Within(host) => {
                    if innermost.is_none() && self.class(host) == Some(ItemClass::Container) {
                        innermost = self.key(host).cloned();
                    }
                    at = host;
                }
                Standing::Idle | Standing::InWork(..) => break,
            }
        }
        (innermost.map_or(ItemState::Idle, ItemState::Packed), None)
    }

    /// Where an item stands, and each time that it left the site, with what left: of a lot every part of it that was
    /// shipped since it last came, wherever the rest is; of anything else where it is now.
    pub(super) fn state_and_left(&self, node: NodeId) -> (ItemState, Vec<(Position, NodeId)>) {
        let (state, now) = self.state(node);
        let mut left = Vec::new();
        let is_lot = self.class(node) == Some(ItemClass::Lot);
        for moment in self.life(node).standing(self.void()).filter(|_| is_lot) {
            if moment.kind == Kind::Receive {
                left.clear();
            } else if moment.kind == Kind::Ship {
                left.push((moment.position, node));
            }
        }
        let now = now.filter(|now| !left.contains(now));
        left.extend(now);
        (state, left)
    }

    /// At the station of its last arrival, unless something shows that it has gone.
    fn in_work(&self, node: NodeId, time: Utc, position: Position) -> ItemState {
        let arrival = self.life(node).at(position);
        let Some(station) = arrival.and_then(|moment| moment.station) else {
            return ItemState::Idle;
        };
        match self.places.get(station).next_arrival((time, position), self.void()) {
            None => ItemState::InWork(self.places.name(station).clone()),
            Some(_) => ItemState::Idle,
        }
    }

    fn standing(&self, node: NodeId) -> Standing {
        let mut now = Standing::Idle;
        let mut station = None;
        for moment in self.life(node).standing(self.void()) {
            now = match moment.kind {
                Kind::Arrive => {
                    station = moment.station;
                    Standing::InWork(moment.time, moment.position)
                }
                Kind::Complete | Kind::Leave | Kind::Receive | Kind::Rework => Standing::Idle,
                Kind::Enter => moment.host.map_or(Standing::Idle, Standing::Within),
                Kind::Ship => Standing::Shipped(moment.position),
                Kind::Scrap => Standing::Scrapped,
                Kind::Present => match now {
                    Standing::Shipped(_) => Standing::Idle,
                    Standing::InWork(..) if moment.station.is_some_and(|s| Some(s) != station) => {
                        Standing::Idle
                    }
                    Standing::Idle
                    | Standing::InWork(..)
                    | Standing::Within(_)
                    | Standing::Scrapped => now,
                },
                Kind::Mention => now,
            };
        }
        now
    }
}
