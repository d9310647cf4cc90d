//! What the engine asks about the past: all of one request at once, as of one record.
use super::Query;
use super::hold::{Behind, Held};
use super::life::Kind;
use super::memory::Memory;
use super::view::View;
use crate::genealogy::{Direction, Link, LinkKind, Links, NodeId};
use crate::model::{
    Facts, HeldBy, ItemClass, ItemKey, Moment, Past, Position, Question, Record, StationId, Visit,
    Within,
};
use std::collections::{BTreeMap, BTreeSet};

/// Wholes that are named: two differ from any one that is asked about.
const WHOLES_MAX: usize = 2;

/// Items behind those that are asked for that are named.
const BEHIND_MAX: usize = 1_000;

/// Holds that are named: one is enough to refuse.
const HOLDS_MAX: usize = 2;

impl Query {
    /// Answers a question of the engine's from the records up to [`Query::position`]. What it costs
    /// depends on the lives of the items, not on how much else was recorded.
    pub fn facts(&self, question: &Question) -> Facts {
        self.inner.memory.read().now().facts(question)
    }
}

/// The same from a few records at hand, without an index and without corrections.
#[derive(Debug, Default)]
pub struct Histories(Memory);

impl Histories {
    /// Takes the next record.
    pub fn apply(&mut self, record: &Record) {
        self.0.apply(record, None);
    }

    /// Answers as [`Query::facts`] does.
    pub fn facts(&self, question: &Question) -> Facts {
        self.0.now().facts(question)
    }
}

impl View<'_> {
    fn facts(&self, question: &Question) -> Facts {
        let Question { token, items, stations, ancestry, measured, as_of: _ } = question;
        // The first item is the main one of the request.
        let parts = |rank: usize, item: &ItemKey| {
            let node = self.graph.item(item).filter(|_| rank == 0);
            node.map(|node| self.parts(&self.names_of(node), items)).unwrap_or_default()
        };
        let above = items.first().map(|main| self.above(main)).unwrap_or_default();
        // An item is not part of itself: that it asks for it is told by the request.
        let has_main = |rank: usize, item: &ItemKey| {
            let node = self.graph.item(item).filter(|_| rank > 0)?;
            above.get(&node).copied()
        };
        let standing = self.standing_holds();
        let behind = self.behind_each(items, &standing, *ancestry);
        let past = items.iter().zip(&behind).enumerate().map(|(rank, (item, behind))| {
            let (parts, has_main) = (parts(rank, item), has_main(rank, item));
            let ancestry = ancestry.then(|| self.ancestry(item));
            let past = self.past(item, stations);
            let Some(behind) = behind.as_ref().filter(|_| !standing.is_empty()) else {
                return Past { parts, has_main, ancestry, ..past };
            };
            let (held, unseen) = (self.kept_by(behind, &standing), behind.unseen.clone());
            Past { parts, has_main, held, ancestry, unseen, ..past }
        });
        let known = |item: &ItemKey| {
            (item.clone(), self.graph.item(item).is_some_and(|node| self.is_known(node)))
        };
        Facts {
            token: *token,
            known: items.iter().map(known).collect(),
            position: self.position,
            past: past.collect(),
            behind: self.named(behind.iter().flatten()),
            measured: self.totals(items, measured),
        }
    }

    /// Whose holds would keep each item; nothing as long as neither that nor what it was made of is asked for.
    fn behind_each(
        &self,
        items: &[ItemKey],
        standing: &BTreeMap<NodeId, Held>,
        ancestry: bool,
    ) -> Vec<Option<Behind>> {
        let asked = ancestry || !standing.is_empty();
        let each = items.iter().map(|item| {
            let node = self.graph.item(item).filter(|_| asked)?;
            Some(self.behind(node, standing))
        });
        each.collect()
    }

    /// Who all of these are, if that can be told.
    fn named<'b>(&self, behind: impl Iterator<Item = &'b Behind>) -> Option<Vec<ItemKey>> {
        let all: BTreeSet<NodeId> = behind.flat_map(|behind| &behind.nodes).copied().collect();
        let named = all.iter().filter_map(|node| self.key(*node).cloned());
        (all.len() <= BEHIND_MAX).then(|| named.collect())
    }

    /// Whether an item is in the record. To have been refused, or spoken of by a person, is not to
    /// have been here; to have been used is.
    fn is_known(&self, node: NodeId) -> bool {
        let permitted = |record: Position| !self.not_permitted.contains(&record);
        let mut moments = self.life(node).standing(self.void());
        moments.any(|moment| moment.kind != Kind::Mention && permitted(moment.position))
            || self.graph.is_linked(node, self.position, permitted)
    }

    fn past(&self, item: &ItemKey, stations: &[StationId]) -> Past {
        let Some(node) = self.graph.item(item) else { return Past::none(item) };
        let nodes = self.names_of(node);
        let last = |at| {
            let visits = nodes.iter().filter_map(|node| self.last_visit(*node, at));
            visits.reduce(|a, b| {
                let times = a.times.zip(b.times).map(|(a, b)| a.saturating_add(b));
                Visit { times, ..if b.at > a.at { b } else { a } }
            })
        };
        Past {
            item: item.clone(),
            visits: stations.iter().filter_map(last).collect(),
            rework: nodes.iter().filter_map(|node| self.last_rework(*node)).max(),
            within: nodes.iter().flat_map(|node| self.within(*node)).collect(),
            best_before: nodes.iter().filter_map(|node| self.best_before(*node)).min(),
            product: nodes.iter().find_map(|node| self.material(*node)),
            made: nodes.iter().filter_map(|node| self.made(*node)).min(),
            opened: nodes.iter().filter_map(|node| self.opened(*node)).min(),
            uses: Some(nodes.iter().map(|node| self.uses(*node)).sum()),
            parts: Vec::new(),
            has_main: None,
            held: Vec::new(),
            ancestry: None,
            unseen: None,
            exposure: self.exposure(&nodes, None),
        }
    }

    /// Whose holds keep an item, its own left out.
    fn kept_by(&self, behind: &Behind, standing: &BTreeMap<NodeId, Held>) -> Vec<HeldBy> {
        let held = self.held_by(behind, standing).into_iter();
        let others = held.filter(|held| !behind.names.contains(&held.node));
        let told = others.filter_map(|held| {
            Some(HeldBy { item: self.key(held.node)?.clone(), reason: held.reason })
        });
        told.take(HOLDS_MAX).collect()
    }

    /// An item under each of its names: the passages that turned out to be it are its own. Read from what it was made of,
    /// since a lot went into much.
    pub(super) fn names_of(&self, node: NodeId) -> Vec<NodeId> {
        self.names_among(node, self.graph.links(node, Direction::Backward))
    }

    /// The same among these of its links.
    pub(super) fn names_among(
        &self,
        node: NodeId,
        links: impl Iterator<Item = Link>,
    ) -> Vec<NodeId> {
        let mut names = vec![node];
        for link in links {
            let same = link.kind == LinkKind::IdentifiedAs && link.stands(self.position);
            if same && !names.contains(&link.node) {
                names.push(link.node);
            }
        }
        if let Some(others) = names.get_mut(1..) {
            others.sort_by_key(|node| self.graph.name(*node));
        }
        names
    }

    /// The visit that counts: the last complete one that was work.
    fn last_visit(&self, node: NodeId, station: &StationId) -> Option<Visit> {
        let number = self.places.find(station)?;
        let done = |m: &super::life::Moment| {
            m.kind == Kind::Complete && m.station == Some(number) && m.production
        };
        let mut visits = self.life(node).standing(self.void()).filter(done);
        let times = u32::try_from(visits.clone().count()).unwrap_or(u32::MAX);
        let last = visits.next_back()?;
        let at = Moment { time: last.time, position: last.position };
        Some(Visit { station: station.clone(), result: last.result, at, times: Some(times) })
    }

    fn last_rework(&self, node: NodeId) -> Option<Moment> {
        let mut moments = self.life(node).standing(self.void()).rev();
        let last = moments.find(|moment| moment.kind == Kind::Rework)?;
        Some(Moment { time: last.time, position: last.position })
    }

    /// Everything that a unit or container is part of, at any depth, with the record of the first link on the way. A lot
    /// is in much: what it is in is not looked for.
    fn above(&self, item: &ItemKey) -> BTreeMap<NodeId, Position> {
        let mut found = BTreeMap::new();
        let node = self.graph.item(item).filter(|_| item.class != ItemClass::Lot);
        let mut open: Vec<(NodeId, Option<Position>)> =
            node.map(|node| (node, None)).into_iter().collect();
        let mut seen = BTreeSet::new();
        while let Some((node, by)) = open.pop() {
            if !seen.insert(node) {
                continue;
            }
            self.graph.each(node, Direction::Forward, |link| {
                let same = link.kind == LinkKind::IdentifiedAs;
                if link.stands(self.position) && (same || is_part(link.kind)) {
                    let by = by.or((!same).then_some(link.source));
                    by.map(|by| found.entry(link.node).or_insert(by));
                    open.push((link.node, by));
                }
            });
        }
        found
    }

    /// What an item is part of, the last first.
    fn within(&self, node: NodeId) -> Vec<Within> {
        let mut links: Vec<Link> = Vec::new();
        self.graph.each(node, Direction::Forward, |link| {
            if link.stands(self.position) && is_part(link.kind) {
                links.push(*link);
            }
        });
        links.sort_by_key(|link| std::cmp::Reverse(link.source));
        let mut wholes: Vec<Within> = Vec::new();
        for link in links {
            let Some(whole) = self.key(link.node) else { continue };
            if wholes.len() < WHOLES_MAX && wholes.iter().all(|other| other.whole != *whole) {
                wholes.push(Within { whole: whole.clone(), position: link.source });
            }
        }
        wholes
    }
}

/// Whether the part of such a link cannot be part of anything else meanwhile.
fn is_part(kind: LinkKind) -> bool {
    match kind {
        LinkKind::ConsumedInto
        | LinkKind::InstalledIn
        | LinkKind::PackedIn
        | LinkKind::SplitInto
        | LinkKind::MergedInto => true,
        LinkKind::FormerlyInstalledIn
        | LinkKind::FormerlyPackedIn
        | LinkKind::MountedAs
        | LinkKind::FedInto
        | LinkKind::IdentifiedAs => false,
    }
}
