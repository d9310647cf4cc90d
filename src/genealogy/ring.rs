//! Rings: items that are said to be part of each other, which cannot be. What was recorded stays, and is walked as it
//! is; whoever asks is told.
use super::link::{LinkKind, NodeId};
use super::walk::{Hop, Walked};
use crate::model::Position;
use std::collections::{BTreeMap, BTreeSet};

/// Items each of which is part of every other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ring {
    /// The items.
    pub nodes: BTreeSet<NodeId>,
    /// The records that say so: one of them at least is wrong.
    pub sources: BTreeSet<Position>,
}

type Lists = BTreeMap<NodeId, Vec<NodeId>>;

impl Walked {
    /// The rings that the walk went through, of any length. What was once part of another is none, nor are two names
    /// of one thing. It costs nothing where no hop led back.
    pub fn rings(&self) -> Vec<Ring> {
        if !self.turns_back {
            return Vec::new();
        }
        let (mut wholes, mut parts) = (Lists::new(), Lists::new());
        for hop in self.hops.iter().filter(|hop| joins(hop)) {
            wholes.entry(hop.part).or_default().push(hop.whole);
            parts.entry(hop.whole).or_default().push(hop.part);
        }
        let group = groups(&wholes, &parts);
        let mut rings: BTreeMap<usize, Ring> = BTreeMap::new();
        for hop in self.hops.iter().filter(|h| joins(h) && h.kind != LinkKind::IdentifiedAs) {
            let (part, whole) = (group.get(&hop.part), group.get(&hop.whole));
            if let Some(group) = part.filter(|_| part == whole) {
                rings.entry(*group).or_default().sources.insert(hop.source);
            }
        }
        for (node, group) in group {
            if let Some(ring) = rings.get_mut(&group) {
                ring.nodes.insert(node);
            }
        }
        rings.into_values().collect()
    }
}

/// Whether one end is part of the other still, or is it under another name.
fn joins(hop: &Hop) -> bool {
    !matches!(hop.kind, LinkKind::FormerlyInstalledIn | LinkKind::FormerlyPackedIn)
}

/// Each node with the number of its group: all in one lead to each other (Kosaraju and Sharir, 1981).
fn groups(wholes: &Lists, parts: &Lists) -> BTreeMap<NodeId, usize> {
    let mut group = BTreeMap::new();
    for (number, root) in finished(wholes).into_iter().rev().enumerate() {
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            if group.contains_key(&node) {
                continue;
            }
            group.insert(node, number);
            open.extend(parts.get(&node).into_iter().flatten());
        }
    }
    group
}

/// The nodes in the order in which a search into the depth is done with them.
fn finished(wholes: &Lists) -> Vec<NodeId> {
    let (mut seen, mut done) = (BTreeSet::new(), Vec::new());
    for root in wholes.keys() {
        let mut path = if seen.insert(*root) { vec![(*root, 0)] } else { Vec::new() };
        while let Some((node, next)) = path.last_mut() {
            let Some(to) = wholes.get(node).and_then(|list| list.get(*next)) else {
                done.push(*node);
                path.pop();
                continue;
            };
            *next += 1;
            if seen.insert(*to) {
                path.push((*to, 0));
            }
        }
    }
    done
}
