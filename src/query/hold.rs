//! Who must not move on, and because of whom: a hold follows material forward, into whatever it went.
use super::Drafted;
use super::answer::{HoldView, StandingHold};
use super::body::Bodies;
use super::reason::Reasons;
use super::view::View;
use crate::genealogy::{
    Direction, Former, Link, LinkKind, Links as _, Node, NodeId, Visited, Walk,
};
use crate::model::{ItemClass, ItemKey, Missing, Position, Scope, Text, What};
use std::collections::{BTreeMap, BTreeSet};

/// A hold that stands: of which item, why, and the record that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) node: NodeId,
    pub(super) since: Position,
    pub(super) reason: Text,
}

/// Whose holds would keep an item.
pub(super) struct Behind {
    /// Under which names the item itself goes.
    pub(super) names: Vec<NodeId>,
    /// These, what it was made of and contains, and the containers that it is in.
    pub(super) nodes: BTreeSet<NodeId>,
    /// Why these are not all.
    pub(super) unseen: Option<Missing>,
}

/// What memory knows of a hold that stands.
pub(super) struct StandingDraft {
    told: HoldDraft,
    downstream: usize,
    spared: Vec<ItemKey>,
}

/// What memory knows of a hold.
pub(super) struct HoldDraft {
    item: ItemKey,
    since: Position,
    reason: Text,
}

impl View<'_> {
    /// By which hold of its own an item must not move on. Holds count in the order in which they were recorded.
    pub(super) fn own_hold(&self, node: NodeId) -> Option<Held> {
        let told = self.holds.get(&node)?;
        let mut last = told.iter().rev().filter(|(position, _)| !self.void().contains(position));
        let (since, reason) = last.next()?;
        let reason = reason.clone()?;
        // Whoever releases a unit releases the passages that turned out to be it.
        let is_passage = self.key(node).is_some_and(|key| key.scope == Scope::Provisional);
        let names = if is_passage { self.names_of(node) } else { vec![node] };
        let is_ended = |name: &NodeId| {
            let told = self.holds.get(name).into_iter().flatten();
            let mut later = told.filter(|(by, reason)| *by > since && reason.is_none());
            later.any(|(by, _)| !self.void().contains(by))
        };
        let over = names.iter().any(is_ended);
        (!over).then_some(Held { node, since: *since, reason })
    }

    /// All holds that stand, by whose they are.
    pub(super) fn standing_holds(&self) -> BTreeMap<NodeId, Held> {
        let all = self.holds.keys().filter_map(|held| self.own_hold(*held));
        all.map(|held| (held.node, held)).collect()
    }

    /// The holds by which an item must not move on: its own, those of what it was made of and contains, and those of the
    /// containers that it is in. Its own come first, then by record.
    pub(super) fn held_by(&self, behind: &Behind, standing: &BTreeMap<NodeId, Held>) -> Vec<Held> {
        let names = &behind.names;
        let concerned = behind.nodes.iter().filter_map(|node| standing.get(node));
        let mut found: Vec<Held> = concerned
            .filter(|held| names.contains(&held.node) || self.reaches(held, names))
            .cloned()
            .collect();
        found.sort_by_key(|held| (!names.contains(&held.node), held.since));
        found
    }

    /// Whose holds would keep an item.
    pub(super) fn behind(&self, node: NodeId, standing: &BTreeMap<NodeId, Held>) -> Behind {
        let names = self.names_of(node);
        let (mut nodes, loose) = self.made_of(&names, |_| None);
        // A lot is in much: whether any of that is a container is looked for only if one is on hold.
        if standing.keys().any(|node| self.class(*node) == Some(ItemClass::Container)) {
            nodes.extend(self.hosts(&names, |_| None));
        }
        Behind { names, nodes, unseen: self.unseen(&loose) }
    }

    /// Whether a hold reaches an item on a way on which nothing was let go of it. What came to an item after it was let go
    /// brings the hold again.
    fn reaches(&self, held: &Held, names: &[NodeId]) -> bool {
        let any = self.spared.values().flat_map(BTreeMap::values).any(|of| *of == held.node);
        let own = names.iter().filter_map(|name| self.let_go(*name, held)).max();
        let let_go = |node: NodeId| {
            if names.contains(&node) { own } else { self.let_go(node, held) }
        };
        !any || self.made_of(names, let_go).0.contains(&held.node)
            || self.hosts(names, let_go).contains(&held.node)
    }

    /// By which record an item was let go although another is on hold, after that was.
    fn let_go(&self, node: NodeId, held: &Held) -> Option<Position> {
        let told = self.spared.get(&node).into_iter().flatten().rev();
        let mut later = told.filter(|(by, of)| **by > held.since && **of == held.node);
        later.find(|(by, _)| !self.void().contains(by)).map(|(by, _)| *by)
    }

    /// Why not all is known of what items are made of and contain: a feeder whose lot nobody knows.
    pub(super) fn unseen<'n>(
        &self,
        loose: impl IntoIterator<Item = &'n NodeId>,
    ) -> Option<Missing> {
        let mounts = loose.into_iter().filter_map(|mount| match self.graph.name(*mount) {
            Node::Mount(mount) => Some(mount.clone()),
            Node::Item(_) => None,
        });
        mounts.min().map(Missing::Mount)
    }

    /// What some items are made of and contain, themselves among them, of those that were let go only what came later; and
    /// the mounts on the way of which no lot is known.
    fn made_of(
        &self,
        begins: &[NodeId],
        let_go: impl Fn(NodeId) -> Option<Position>,
    ) -> (BTreeSet<NodeId>, BTreeSet<NodeId>) {
        let walk = walk(self.position, Direction::Backward);
        let mut open = begins.to_vec();
        let (mut reached, mut loose) = (BTreeSet::new(), BTreeSet::new());
        while let Some(node) = open.pop() {
            if reached.insert(node) {
                let by = let_go(node);
                loose.extend(walk.hops(&self.graph, node, |hop| {
                    if by.is_none_or(|by| hop.source > by) {
                        open.push(hop.part);
                    }
                }));
            }
        }
        (reached, loose)
    }

    /// The containers that some items are in, and those that these are in; of those that were let go only later ones.
    fn hosts(
        &self,
        names: &[NodeId],
        let_go: impl Fn(NodeId) -> Option<Position>,
    ) -> BTreeSet<NodeId> {
        let mut open = names.to_vec();
        let mut found = BTreeSet::new();
        let is_host = |link: &Link| link.kind == LinkKind::PackedIn && link.stands(self.position);
        while let Some(node) = open.pop() {
            let by = let_go(node);
            self.graph.each(node, Direction::Forward, |link| {
                let later = by.is_none_or(|by| link.source > by);
                if later && is_host(link) && found.insert(link.node) {
                    open.push(link.node);
                }
            });
        }
        found
    }

    /// A hold as far as memory knows it.
    pub(super) fn hold_draft(&self, held: &Held) -> Option<HoldDraft> {
        let Held { node, since, reason } = held;
        Some(HoldDraft { item: self.key(*node)?.clone(), since: *since, reason: reason.clone() })
    }
}

fn walk(as_of: Position, direction: Direction) -> Walk {
    Walk { direction, as_of, depth_max: None, former: Former::Leave }
}

/// All holds that stand, the first recorded first.
pub(super) fn draft(memory: &View<'_>, visited: &mut Visited) -> Drafted<Vec<StandingDraft>> {
    let mut reasons = Reasons::default();
    let mut held: Vec<Held> = memory.standing_holds().into_values().collect();
    held.sort_by_key(|held| held.since);
    let mut drafts = Vec::with_capacity(held.len());
    for held in &held {
        let walk = walk(memory.position, Direction::Forward);
        let walked = walk.run(&memory.graph, &memory.names_of(held.node), visited);
        walked.hops.iter().for_each(|hop| reasons.hop(memory, hop));
        reasons.retained(memory, held.node);
        let spared = memory.spared.keys().filter(|node| memory.let_go(**node, held).is_some());
        let spared = spared.filter_map(|node| memory.key(*node).cloned()).collect();
        let downstream = walked.reached.iter().filter(|reached| reached.depth > 0).count();
        let told = memory.hold_draft(held);
        drafts.extend(told.map(|told| StandingDraft { told, downstream, spared }));
    }
    Drafted::new(memory, reasons, drafts)
}

pub(super) fn finish(drafts: Vec<StandingDraft>, bodies: &mut Bodies<'_>) -> Vec<StandingHold> {
    let standing = drafts.into_iter().map(|StandingDraft { told, downstream, spared }| {
        StandingHold { hold: view(told, bodies), downstream, spared }
    });
    standing.collect()
}

/// A hold with what its record says of whoever placed it.
pub(super) fn view(draft: HoldDraft, bodies: &mut Bodies<'_>) -> HoldView {
    let HoldDraft { item, since: position, reason } = draft;
    let event = bodies.event(position);
    let meaning = event.as_ref().and_then(|event| {
        let What::Hold { meaning, .. } = &event.what else { return None };
        meaning.clone()
    });
    let (time, who) = event.map_or((None, None), |e| (Some(e.time.at), e.operator));
    HoldView { item, reason, meaning, who, time, position }
}
