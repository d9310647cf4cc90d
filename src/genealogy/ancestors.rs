//! What an item was made of, at any depth, and by which way each of it came.
use super::link::{Certainty, Direction, LinkKind, Links, NodeId};
use super::walk::{Former, Hop, Walk};
use crate::model::Position;
use std::collections::{BTreeMap, BTreeSet};

/// An item that another was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ancestor {
    /// Which.
    pub node: NodeId,
    /// Whether there is a way without a link that is one of several, or a share of a blend.
    pub sure: bool,
    /// How many hops away, on the way that is told: 0 for the begin and its other names.
    pub depth: u32,
    /// The hop from it on the way that is told, and the place of what that leads to; `None` at the begin.
    pub by: Option<(Hop, usize)>,
}

/// What an item was made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ancestors {
    /// The begin, then each once: those that are surely in it first, of these the nearest. Nothing about it depends on
    /// the order in which events came.
    pub all: Vec<Ancestor>,
    /// Mounts on the way that no lot is known of: a correction took it back.
    pub loose: Vec<NodeId>,
    /// Whether there are more than were wanted.
    pub cut: bool,
}

impl Ancestors {
    /// Looks for everything that `begin` was made of as of a record, and for `max` of it at most. What was taken out
    /// again is in it no more. `name` says what goes before what, of two that are as near. Ends on cycles too.
    pub fn of<'n, N: Ord + 'n>(
        links: &impl Links,
        begin: NodeId,
        as_of: Position,
        max: usize,
        name: impl Fn(NodeId) -> &'n N,
    ) -> Self {
        let walk = walk(as_of);
        let mut found = Self::default();
        let mut places = BTreeMap::from([(begin, 0)]);
        found.all.push(Ancestor { node: begin, sure: true, depth: 0, by: None });
        let mut open: BTreeSet<Open<&N>> = BTreeSet::new();
        let mut hops: Vec<(Hop, usize)> = Vec::new();
        let mut next = 0;
        while let Some(Ancestor { node, sure, depth, .. }) = found.all.get(next).copied() {
            let loose = walk.hops(links, node, |hop| {
                if places.contains_key(&hop.part) {
                    return;
                }
                // Another name of the same is no hop away.
                let same = hop.kind == LinkKind::IdentifiedAs;
                open.insert(Open {
                    unsure: !sure || hop.certainty != Certainty::Certain,
                    depth: depth.saturating_add(u32::from(!same)),
                    source: hop.source,
                    names: (name(hop.part), name(hop.whole), hop.mount.map(&name)),
                    kind: hop.kind,
                    hop: hops.len(),
                });
                hops.push((hop, next));
            });
            found.loose.extend(loose);
            next += 1;
            while let Some(nearest) = open.pop_first() {
                let Some((hop, at)) = hops.get(nearest.hop).copied() else { continue };
                if places.contains_key(&hop.part) {
                    continue;
                }
                if found.all.len() > max {
                    found.cut = true;
                    return found;
                }
                places.insert(hop.part, found.all.len());
                let Open { unsure, depth, .. } = nearest;
                found.all.push(Ancestor {
                    node: hop.part,
                    sure: !unsure,
                    depth,
                    by: Some((hop, at)),
                });
                break;
            }
        }
        found
    }

    /// The hops from one of them to the begin, by the way that is told.
    pub fn way(&self, of: usize) -> impl Iterator<Item = Hop> {
        let step = |at: &usize| self.all.get(*at).and_then(|ancestor| ancestor.by);
        let first = step(&of);
        std::iter::successors(first, move |(_, at)| step(at)).map(|(hop, _)| hop)
    }

    /// Every hop into one of them or into the begin, also those that no way was told by.
    pub fn hops(&self, links: &impl Links, as_of: Position, mut found: impl FnMut(Hop)) {
        for Ancestor { node, .. } in &self.all {
            walk(as_of).hops(links, *node, &mut found);
        }
    }
}

fn walk(as_of: Position) -> Walk {
    Walk { direction: Direction::Backward, as_of, depth_max: None, former: Former::Leave }
}

/// A hop that may be the next, in the order in which they are taken.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Open<N> {
    unsure: bool,
    depth: u32,
    source: Position,
    names: (N, N, Option<N>),
    kind: LinkKind,
    hop: usize,
}
