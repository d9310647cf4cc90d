//! A look at what an item was made of, which ends: whoever asks holds up what is recorded meanwhile.
use super::facts;
use super::origin::{Origin, OriginDraft};
use crate::genealogy::{Direction, Link, LinkKind, Links, Node, NodeId};
use crate::model::plant::Plant;
use crate::model::{Scope, StationId};
use crate::query::life::Kind;
use crate::query::view::View;
use std::cell::Cell;
use std::collections::BTreeSet;

/// Links that are looked at for the level of one item, near by and once more as far back as they go.
const LINKS_MAX: usize = 20_000;
/// Of one item, the links among which its other names are looked for: what was made of more is no passage.
const NAMES_AMONG_MAX: usize = 1_000;

/// What was looked at so far.
pub(super) struct Look<'a> {
    memory: &'a View<'a>,
    tools: BTreeSet<(&'a StationId, &'a str)>,
    left: Cell<usize>,
    is_over: Cell<bool>,
    is_name_missed: Cell<bool>,
}

impl<'a> Look<'a> {
    pub(super) fn of(memory: &'a View<'a>, plant: Option<&'a Plant>) -> Self {
        Self {
            memory,
            tools: facts::tools(plant),
            left: Cell::new(LINKS_MAX),
            is_over: Cell::new(false),
            is_name_missed: Cell::new(false),
        }
    }

    /// Whether there were more links than are looked at.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// Whether any item may have another name that was not looked for.
    pub(super) fn is_name_missed(&self) -> bool {
        self.is_name_missed.get()
    }

    /// Whether a node is the mount of a tool.
    pub(super) fn is_tool(&self, node: NodeId) -> bool {
        match self.memory.graph.name(node) {
            Node::Mount(mount) => self.tools.contains(&(&mount.station, mount.point.as_str())),
            Node::Item(_) => false,
        }
    }

    /// Where an item came from, under whichever of its names that was told.
    pub(super) fn origin(&self, node: NodeId) -> OriginDraft {
        let names = self.names_of(node);
        let mut keys = names.iter().filter_map(|name| self.memory.key(*name));
        if keys.any(|key| matches!(key.scope, Scope::Supplier(_))) {
            return OriginDraft::Known(Origin::Supplier);
        }
        let last = |kind: Kind| {
            let of = |name: &NodeId| {
                let mut life = self.memory.life(*name).standing(self.memory.void()).rev();
                life.find(|moment| moment.kind == kind).map(|moment| moment.position)
            };
            names.iter().find_map(of)
        };
        if let Some(record) = last(Kind::Receive) {
            return OriginDraft::Received(record);
        }
        let is_made =
            last(Kind::Complete).is_some() || names.iter().any(|name| self.is_made_as(*name));
        OriginDraft::Known(if is_made { Origin::Made } else { Origin::Unknown })
    }

    /// Whether any material is on record that an item was made of, under whichever of its names.
    pub(super) fn is_made_of_any(&self, node: NodeId) -> bool {
        self.is_made_as(node) || self.names_of(node).iter().any(|name| self.is_made_as(*name))
    }

    fn is_made_as(&self, name: NodeId) -> bool {
        self.links(name, Direction::Backward).any(|link| {
            link.kind != LinkKind::IdentifiedAs
                && link.stands(self.memory.position)
                && !self.is_tool(link.node)
        })
    }

    fn names_of(&self, node: NodeId) -> Vec<NodeId> {
        let mut links = self.links(node, Direction::Backward);
        let names = self.memory.names_among(node, links.by_ref().take(NAMES_AMONG_MAX));
        if links.next().is_some() {
            self.is_name_missed.set(true);
        }
        names
    }

    fn links(&self, node: NodeId, direction: Direction) -> impl Iterator<Item = Link> {
        let links = self.memory.graph.links(node, direction);
        links.map_while(|link| self.takes_one().then_some(link))
    }

    fn takes_one(&self) -> bool {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => self.is_over.set(true),
        }
        !self.is_over.get()
    }
}

impl Links for Look<'_> {
    fn each(&self, node: NodeId, direction: Direction, mut see: impl FnMut(&Link)) {
        self.links(node, direction).for_each(|link| see(&link));
    }
}

/// The same without tools, which are no material.
pub(super) struct Material<'a>(pub(super) &'a Look<'a>);

impl Links for Material<'_> {
    fn each(&self, node: NodeId, direction: Direction, mut see: impl FnMut(&Link)) {
        let links = self.0.links(node, direction);
        links.filter(|link| !self.0.is_tool(link.node)).for_each(|link| see(&link));
    }
}
