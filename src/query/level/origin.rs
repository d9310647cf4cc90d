//! Where an item, and what it was made of, came from: what the levels must know beyond its direct links.
use super::look::{Look, Material};
use crate::genealogy::{Ancestors, Direction, Former, LinkKind, NodeId, Walk};
use crate::model::plant::Plant;
use crate::model::{ItemClass, ItemKey, Position, What};
use crate::query::answer::LinkView;
use crate::query::body::Bodies;
use crate::query::item::{self, LinkDraft};
use crate::query::view::View;
use std::collections::{BTreeMap, BTreeSet};

/// Items behind one that are looked at: its names and what it was cut from, and whether all of it came from outside.
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
    /// Of the item itself, and of each that it was directly made of, without tools.
    pub(super) origins: BTreeMap<ItemKey, Origin>,
    /// What that was made of which it was cut from, or which it is under another name.
    pub(super) beyond: Vec<LinkView>,
    /// What it goes back to of which it is not told from whom it came.
    pub(super) open: BTreeSet<ItemKey>,
    /// Mounts that it goes back to and of which the lot is not known.
    pub(super) loose: usize,
    /// Whether it goes back to more than is looked at.
    pub(super) is_cut: bool,
    /// Whether it has more names, or was cut from more, or was directly made of more than is looked at.
    pub(super) is_cut_near: bool,
}

/// What memory knows of it.
#[derive(Default)]
pub(in crate::query) struct CameDraft {
    origins: BTreeMap<ItemKey, OriginDraft>,
    beyond: Vec<LinkDraft>,
    ends: BTreeMap<ItemKey, OriginDraft>,
    loose: usize,
    is_cut: bool,
    is_cut_near: bool,
}

#[derive(Clone, Copy)]
pub(super) enum OriginDraft {
    Known(Origin),
    /// Its record says from whom.
    Received(Position),
}

impl CameDraft {
    pub(in crate::query) fn of(memory: &View<'_>, node: NodeId, plant: Option<&Plant>) -> Self {
        let mut draft = Self::default();
        draft.near(memory, node, &Look::of(memory, plant));
        draft.ends_of(memory, node, &Look::of(memory, plant));
        draft
    }

    /// What the item was directly made of, under each of its names, and what that was made of which it was cut from.
    fn near(&mut self, memory: &View<'_>, node: NodeId, look: &Look<'_>) {
        let walk = Walk {
            direction: Direction::Backward,
            as_of: memory.position,
            depth_max: None,
            former: Former::Leave,
        };
        let mut nodes = vec![node];
        let mut next = 0;
        while let Some(at) = nodes.get(next).copied() {
            next += 1;
            self.origin(memory, at, look);
            walk.hops(look, at, |hop| {
                if hop.mount.is_none_or(|mount| !look.is_tool(mount)) {
                    self.origin(memory, hop.part, look);
                }
                let is_same = matches!(hop.kind, LinkKind::SplitInto | LinkKind::IdentifiedAs);
                if is_same && !nodes.contains(&hop.part) {
                    if nodes.len() < BEHIND_MAX {
                        nodes.push(hop.part);
                    } else {
                        self.is_cut_near = true;
                    }
                }
                // Those of the item itself are in its view.
                self.beyond.extend((at != node).then(|| item::link(memory, &walk, &hop)).flatten());
            });
        }
        self.is_cut_near |= look.is_over();
        self.is_cut |= look.is_name_missed();
    }

    fn origin(&mut self, memory: &View<'_>, node: NodeId, look: &Look<'_>) {
        if let Some(key) = memory.key(node)
            && !self.origins.contains_key(key)
        {
            self.origins.insert(key.clone(), look.origin(node));
        }
    }

    /// What the item goes back to and was itself made of nothing here.
    fn ends_of(&mut self, memory: &View<'_>, node: NodeId, look: &Look<'_>) {
        let name = |node| memory.graph.name(node);
        let behind = Ancestors::of(&Material(look), node, memory.position, BEHIND_MAX, name);
        self.loose = behind.loose.len();
        for ancestor in &behind.all {
            let key = memory.key(ancestor.node);
            let key = key.filter(|key| key.class != ItemClass::Container);
            if let Some(key) = key.filter(|_| !look.is_made_of_any(ancestor.node)) {
                let origin = look.origin(ancestor.node);
                // Nothing is said of what was not looked at to its end.
                if !look.is_over() {
                    self.ends.insert(key.clone(), origin);
                }
            }
        }
        self.is_cut |= behind.cut || look.is_over() || look.is_name_missed();
    }

    pub(in crate::query) fn finish(self, bodies: &mut Bodies<'_>) -> Came {
        let Self { origins, beyond, ends, loose, is_cut, is_cut_near } = self;
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
        Came { origins, beyond, open, loose, is_cut, is_cut_near }
    }
}
