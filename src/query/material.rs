//! What is told of lots and parts beside their lives: of which material they are, since when they are
//! open, how often they were used, and how much of them went where.
use super::memory::Memory;
use super::view::View;
use crate::genealogy::{Certainty, Direction, Link, LinkKind, Links, NodeId};
use crate::model::{
    Amount, Exposure, ItemClass, ItemKey, MountUse, Part, Position, Scope, Storage, Text,
    TraceEvent, Untold, Utc, What,
};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// When something was, and the record that says so.
type Key = (Utc, Position);

/// What records say of materials.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(array)]
pub(super) struct Materials {
    /// Of what was named beside the main item: its material.
    #[n(0)]
    told: BTreeMap<NodeId, BTreeMap<Key, Text>>,
    /// When lots came into being or into the house.
    #[n(1)]
    made: BTreeMap<NodeId, BTreeSet<Key>>,
    /// When lots were mounted, used or opened.
    #[n(2)]
    opened: BTreeMap<NodeId, BTreeSet<Key>>,
    /// By the record of a mount: how many items were made with it.
    #[n(3)]
    uses: BTreeMap<Position, u64>,
    /// Corrected records, with the mounts that they counted for.
    #[n(4)]
    corrected: BTreeMap<Position, Vec<Position>>,
    /// By record: how much of a lot was used.
    #[n(5)]
    amounts: BTreeMap<Position, Amount>,
    /// By the record of an item that was made with a mount, and by the mount: what the counters of the feeder
    /// say, by the record that says so.
    #[n(6)]
    counted: BTreeMap<(Position, Position), BTreeMap<Position, Counted>>,
    /// When lots were put away dry, or were dried.
    #[n(7)]
    #[cbor(default, skip_if = "BTreeMap::is_empty")]
    stored: BTreeMap<NodeId, BTreeMap<Key, Storage>>,
}

/// What the counters of a feeder say of one lot in an item.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Counted {
    #[n(0)]
    pub(super) amount: Option<Amount>,
    #[n(1)]
    pub(super) untold: Option<Untold>,
}

impl Materials {
    /// The items that something is said of.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        let Self { told, made, opened, stored, .. } = self;
        let all = told.keys().chain(made.keys()).chain(opened.keys());
        all.chain(stored.keys()).copied()
    }
}

impl Memory {
    /// Takes what an event tells of materials.
    pub(super) fn tell_material(&mut self, position: Position, event: &TraceEvent) {
        let key = (event.time.at, position);
        if let Some(material) = &event.material {
            for item in event.of_material() {
                let node = self.graph.intern_item(item);
                self.materials.told.entry(node).or_default().insert(key, material.clone());
            }
        }
        self.tell_counted(position, position, mounts(&event.what));
        for of in &event.narrowed {
            self.tell_counted(of.record, position, &of.mounts);
        }
        for mount in counted(&event.what) {
            let uses = self.materials.uses.entry(mount).or_default();
            *uses = uses.saturating_add(1);
        }
        let made = if let What::Produce { item, .. } | What::Receive { item, .. } = &event.what {
            Some(item)
        } else {
            None
        };
        let opened = if let What::Mount { lot, .. } | What::Open { item: lot } = &event.what {
            Some(lot)
        } else if let What::Consume { consumed, .. } = &event.what
            && !event.is_only_asked()
        {
            let amount = consumed.amount.clone();
            self.materials.amounts.extend(amount.map(|amount| (position, amount)));
            Some(&consumed.lot)
        } else {
            None
        };
        let is_lot = |item: &&ItemKey| item.class == ItemClass::Lot;
        if let Some(lot) = made.filter(is_lot) {
            let node = self.graph.intern_item(lot);
            self.materials.made.entry(node).or_default().insert(key);
        }
        if let Some(lot) = opened.filter(is_lot) {
            let node = self.graph.intern_item(lot);
            self.materials.opened.entry(node).or_default().insert(key);
        }
        let stored = if let What::Close { item } = &event.what {
            Some((item, Storage::Closed))
        } else if let What::Dry { item } = &event.what {
            Some((item, Storage::Dried))
        } else {
            None
        };
        if let Some((lot, storage)) = stored.filter(|(lot, _)| is_lot(lot)) {
            let node = self.graph.intern_item(lot);
            self.materials.stored.entry(node).or_default().insert(key, storage);
        }
    }

    fn tell_counted(&mut self, record: Position, by: Position, mounts: &[MountUse]) {
        let counts = |used: &&MountUse| used.amount.is_some() || used.untold.is_some();
        for used in mounts.iter().filter(counts) {
            let said = Counted { amount: used.amount.clone(), untold: used.untold };
            let of = self.materials.counted.entry((record, used.mount.opened)).or_default();
            of.insert(by, said);
        }
    }

    /// A record was named by a correction.
    pub(super) fn correct_uses(&mut self, named: Position, event: &TraceEvent) {
        self.materials.corrected.insert(named, counted(&event.what));
    }
}

impl View<'_> {
    /// The material last told of an item that was named beside another, and when.
    pub(super) fn told_material(&self, node: NodeId) -> Option<(Key, &Text)> {
        let mut told = self.materials.told.get(&node)?.iter().rev();
        told.find(|((_, at), _)| !self.void().contains(at)).map(|(key, material)| (*key, material))
    }

    /// The product or material of an item: as told, else as its scope says.
    pub(super) fn material(&self, node: NodeId) -> Option<Text> {
        let scoped = || match &self.key(node)?.scope {
            Scope::Material(name) => Text::parse(name.as_str()).ok(),
            Scope::Site
            | Scope::Product(_)
            | Scope::Supplier(_)
            | Scope::Gs1(_)
            | Scope::Provisional => None,
        };
        self.product(node).or_else(scoped)
    }

    /// What the counters of a feeder say of the lot of a mount in an item, by the item's record.
    pub(super) fn counted(&self, record: Position, mount: Position) -> Option<&Counted> {
        let mut told = self.materials.counted.get(&(record, mount))?.range(..=self.position).rev();
        told.find(|(by, _)| !self.void().contains(by)).map(|(_, said)| said)
    }

    /// How much of a lot a record says that went into an item.
    pub(super) fn consumed(&self, record: Position) -> Option<&Amount> {
        self.materials.amounts.get(&record)
    }

    /// When a lot last came into being or into the house.
    pub(super) fn made(&self, node: NodeId) -> Option<Utc> {
        let mut made = self.materials.made.get(&node)?.iter().rev();
        made.find(|(_, at)| !self.void().contains(at)).map(|(time, _)| *time)
    }

    /// When a lot was first mounted or used since it was made.
    pub(super) fn opened(&self, node: NodeId) -> Option<Utc> {
        let since = self.made(node).unwrap_or(Utc(i64::MIN));
        let opened = self.materials.opened.get(&node)?;
        let mut opened = opened.range((since, Position(0))..);
        opened.find(|(_, at)| !self.void().contains(at)).map(|(time, _)| *time)
    }

    /// Whether a lot was ever put away or dried under one of these names.
    pub(super) fn is_stored(&self, names: &[NodeId]) -> bool {
        names.iter().any(|node| self.materials.stored.contains_key(node))
    }

    /// How long a lot, under each of these names, was out of dry storage since it was made; `None` if nobody ever put it
    /// away or dried it. `left`: of what went into something else then, and is out since.
    pub(super) fn exposure(&self, names: &[NodeId], left: Option<Utc>) -> Option<Exposure> {
        let stands = |(_, record): &Key| !self.void().contains(record);
        let made = |node| (self.made(node).unwrap_or(Utc(i64::MIN)), Position(0));
        let mut all: Vec<(Utc, Storage)> = Vec::new();
        for node in names {
            let Some(stored) = self.materials.stored.get(node) else { continue };
            let stored = stored.range(made(*node)..).filter(|(key, _)| stands(key));
            let told = stored.map(|((at, _), storage)| (*at, *storage));
            all.extend(told.take_while(|(at, _)| left.is_none_or(|left| *at < left)));
        }
        if all.is_empty() {
            return None;
        }
        // That it is opened while it is out says nothing: the first time behind each of these is all of it.
        let turns = std::iter::once(Utc(i64::MIN)).chain(all.iter().map(|(at, _)| *at));
        for turn in turns.collect::<Vec<Utc>>() {
            for node in names {
                let Some(opened) = self.materials.opened.get(node) else { continue };
                let mut next = opened.range((turn, Position(0)).max(made(*node))..);
                let next = next.find(|key| stands(key)).map(|(at, _)| *at);
                let next = next.filter(|at| left.is_none_or(|left| *at < left));
                all.extend(next.map(|at| (at, Storage::Opened)));
            }
        }
        all.extend(left.map(|left| (left, Storage::Opened)));
        all.sort_unstable();
        Some(Exposure::of(all))
    }

    /// How many items were made with a lot since it was made.
    pub(super) fn uses(&self, node: NodeId) -> u64 {
        let since = self.made(node).unwrap_or(Utc(i64::MIN));
        let mounts: BTreeSet<Position> = self.mounts.since(node, since, self.void()).collect();
        let all = mounts.iter().filter_map(|mount| self.materials.uses.get(mount)).sum::<u64>();
        let void = self.materials.corrected.iter().filter(|(at, _)| self.void().contains(at));
        let void = void.flat_map(|(_, counted)| counted).filter(|at| mounts.contains(at));
        all.saturating_sub(void.count() as u64)
    }

    /// What was built or used into an item under each of its names, by material and unit; without the units that a request is
    /// about: one that comes again changes nothing.
    pub(super) fn parts(&self, nodes: &[NodeId], without: &[ItemKey]) -> Vec<Part> {
        let mut links: Vec<Link> = Vec::new();
        for node in nodes {
            self.graph.each(*node, Direction::Backward, |link| {
                let built = matches!(link.kind, LinkKind::InstalledIn | LinkKind::ConsumedInto)
                    // What was left of the lot before is nothing that anybody put in.
                    && link.certainty != Certainty::Proportional;
                if built && link.stands(self.position) {
                    links.push(*link);
                }
            });
        }
        links.sort_by_key(|link| (link.source, link.node));
        let mut parts: Vec<Part> = Vec::new();
        let mut units: BTreeSet<NodeId> = BTreeSet::new();
        for link in links {
            let Some(key) = self.key(link.node) else { continue };
            let unit = key.class == ItemClass::Unit;
            // A unit is one piece, however often it was told.
            let asked = unit && (without.contains(key) || !units.insert(link.node));
            let Some(material) = self.material(link.node).filter(|_| !asked) else { continue };
            let amount = self.consumed(link.source);
            let unit = amount.and_then(|amount| amount.unit.clone());
            let at = parts.iter().position(|part| part.material == material && part.unit == unit);
            let new = || Part { material, unit, count: 0, amount: 0.0, untold: 0 };
            let part = match at.and_then(|at| parts.get_mut(at)) {
                Some(part) => part,
                None => parts.push_mut(new()),
            };
            part.count = part.count.saturating_add(1);
            match amount {
                Some(amount) => part.amount += amount.value,
                None => part.untold = part.untold.saturating_add(1),
            }
        }
        parts.sort_by(|a, b| (&a.material, &a.unit).cmp(&(&b.material, &b.unit)));
        parts
    }
}

/// The mounts that an item counts for: one of each lot, the last. A tool that was taken out and put back
/// while the item was in work has made one item.
fn counted(what: &What) -> Vec<Position> {
    let mut last: BTreeMap<&ItemKey, Position> = BTreeMap::new();
    for used in mounts(what) {
        let opened = last.entry(&used.lot).or_default();
        *opened = (*opened).max(used.mount.opened);
    }
    last.into_values().collect()
}

fn mounts(what: &What) -> &[MountUse] {
    if let What::Complete { mounts, .. } | What::Produce { mounts, .. } = what {
        mounts
    } else {
        &[]
    }
}
