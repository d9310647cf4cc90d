//! Where an item, and what it was made of, came from: what the levels must know beyond its direct links.
use crate::genealogy::{Ancestors, Certainty, Direction, Former, LinkKind, Links, NodeId, Walk};
use crate::model::{ItemClass, ItemKey, Position, Scope, What};
use crate::query::answer::LinkView;
use crate::query::body::Bodies;
use crate::query::item::{self, LinkDraft};
use crate::query::life::Kind;
use crate::query::view::View;
use std::collections::{BTreeMap, BTreeSet};

/// Items behind one that are looked at: whether all of it came from outside.
const BEHIND_MAX: usize = 256;

/// Where an item came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::query) enum Origin {
    /// Nothing says it.
    Unknown,
    /// It came from outside, and nobody told from whom.
    Outside,
    /// It was made here.
    Made,
    /// It came from a supplier that is known.
    Supplier,
}

/// Where an item, and what it was made of, came from.
#[derive(Debug, Clone, Default)]
pub(in crate::query) struct Came {
    /// Of the item itself, and of each that it was directly made of.
    pub(super) origins: BTreeMap<ItemKey, Origin>,
    /// What that was made of which it was cut from, or which it is under another name.
    pub(super) beyond: Vec<LinkView>,
    /// What it goes back to of which it is not told from whom it came.
    pub(super) open: BTreeSet<ItemKey>,
    /// Mounts that it goes back to and of which the lot is not known.
    pub(super) loose: usize,
    /// Whether it goes back to more than is looked at.
    pub(super) is_cut: bool,
}

/// What memory knows of it.
#[derive(Default)]
pub(in crate::query) struct CameDraft {
    origins: BTreeMap<ItemKey, OriginDraft>,
    beyond: Vec<LinkDraft>,
    ends: BTreeMap<ItemKey, OriginDraft>,
    loose: usize,
    is_cut: bool,
}

#[derive(Clone, Copy)]
enum OriginDraft {
    Known(Origin),
    /// Its record says from whom.
    Received(Position),
}

impl CameDraft {
    pub(in crate::query) fn of(memory: &View<'_>, node: NodeId) -> Self {
        let walk = Walk {
            direction: Direction::Backward,
            as_of: memory.position,
            depth_max: None,
            former: Former::Leave,
        };
        let mut draft = Self::default();
        let mut nodes = vec![node];
        let mut is_one_of = false;
        let mut next = 0;
        while let Some(at) = nodes.get(next).copied() {
            next += 1;
            draft.origin(memory, at);
            walk.hops(&memory.graph, at, |hop| {
                is_one_of |= hop.certainty == Certainty::OneOf;
                draft.origin(memory, hop.part);
                let is_same = matches!(hop.kind, LinkKind::SplitInto | LinkKind::IdentifiedAs);
                if is_same && nodes.len() < BEHIND_MAX && !nodes.contains(&hop.part) {
                    nodes.push(hop.part);
                }
                // Those of the item itself are in its view.
                draft
                    .beyond
                    .extend((at != node).then(|| item::link(memory, &walk, &hop)).flatten());
            });
        }
        let unknown = |of: &OriginDraft| matches!(of, OriginDraft::Known(Origin::Unknown));
        // What is wanting nearer by is said first.
        if !is_one_of && !draft.origins.values().any(unknown) {
            draft.ends_of(memory, node);
        }
        draft
    }

    fn origin(&mut self, memory: &View<'_>, node: NodeId) {
        if let Some(key) = memory.key(node)
            && !self.origins.contains_key(key)
        {
            self.origins.insert(key.clone(), memory.origin(node));
        }
    }

    /// What the item goes back to and was itself made of nothing here.
    fn ends_of(&mut self, memory: &View<'_>, node: NodeId) {
        let name = |node| memory.graph.name(node);
        let behind = Ancestors::of(&memory.graph, node, memory.position, BEHIND_MAX, name);
        (self.loose, self.is_cut) = (behind.loose.len(), behind.cut);
        for ancestor in &behind.all {
            let key = memory.key(ancestor.node);
            let key = key.filter(|key| key.class != ItemClass::Container);
            if let Some(key) = key.filter(|_| !memory.is_made_of_any(ancestor.node)) {
                self.ends.insert(key.clone(), memory.origin(ancestor.node));
            }
        }
    }

    pub(in crate::query) fn finish(self, bodies: &mut Bodies<'_>) -> Came {
        let Self { origins, beyond, ends, loose, is_cut } = self;
        let mut told = |of| match of {
            OriginDraft::Known(origin) => origin,
            OriginDraft::Received(record) => {
                let received = bodies.event(record).map(|event| event.what);
                let known = matches!(received, Some(What::Receive { supplier: Some(_), .. }));
                if known { Origin::Supplier } else { Origin::Outside }
            }
        };
        let origins = origins.into_iter().map(|(item, of)| (item, told(of))).collect();
        let open = ends.into_iter().filter(|(_, of)| told(*of) != Origin::Supplier);
        let open = open.map(|(item, _)| item).collect();
        let beyond = beyond.into_iter().map(|link| item::link_view(link, bodies)).collect();
        Came { origins, beyond, open, loose, is_cut }
    }
}

impl View<'_> {
    /// Where an item came from, under whichever of its names that was told.
    fn origin(&self, node: NodeId) -> OriginDraft {
        let names = self.names_of(node);
        let mut keys = names.iter().filter_map(|name| self.key(*name));
        if keys.any(|key| matches!(key.scope, Scope::Supplier(_))) {
            return OriginDraft::Known(Origin::Supplier);
        }
        let last = |kind: Kind| {
            let of = |name: &NodeId| {
                let mut life = self.life(*name).standing(self.void()).rev();
                life.find(|moment| moment.kind == kind).map(|moment| moment.position)
            };
            names.iter().find_map(of)
        };
        if let Some(record) = last(Kind::Receive) {
            return OriginDraft::Received(record);
        }
        let is_made =
            last(Kind::Complete).is_some() || names.iter().any(|name| self.is_made_of_any(*name));
        OriginDraft::Known(if is_made { Origin::Made } else { Origin::Unknown })
    }

    /// Whether anything is on record that an item was made of, another name of it aside.
    fn is_made_of_any(&self, node: NodeId) -> bool {
        let mut any = false;
        self.graph.each(node, Direction::Backward, |link| {
            any |= link.kind != LinkKind::IdentifiedAs && link.stands(self.position);
        });
        any
    }
}
