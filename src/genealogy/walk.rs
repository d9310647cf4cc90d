//! Walks: everything reached from some nodes, one way.
use super::link::{Certainty, Direction, Link, LinkKind, Links, NodeId};
use crate::model::Position;

/// How to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk {
    /// Which way.
    pub direction: Direction,
    /// With the links that stand as of this record.
    pub as_of: Position,
    /// At most this many hops from the begin; `None`: to the end.
    pub depth_max: Option<u32>,
    /// What to do at a part that was taken out again.
    pub former: Former,
}

/// What to do at a link that has ended: a part that was taken out, an item that was unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Former {
    /// Go on: the history of an item.
    Follow,
    /// Leave it: what an item contains.
    Leave,
}

/// From an item to the next. A mount between a lot and what was made from it is passed through: it
/// is no stop of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    /// The part.
    pub part: NodeId,
    /// The whole.
    pub whole: NodeId,
    /// The mount between them, for [`LinkKind::FedInto`].
    pub mount: Option<NodeId>,
    /// What it means; never [`LinkKind::MountedAs`].
    pub kind: LinkKind,
    /// How sure it is.
    pub certainty: Certainty,
    /// The record that made it.
    pub source: Position,
}

/// A node that a walk came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Which.
    pub node: NodeId,
    /// Hops from the nearest begin.
    pub depth: u32,
    /// The hop by which it was first reached, as an index into [`Walked::hops`]; `None` at a begin.
    pub by: Option<usize>,
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Walked {
    /// Every node reached, the begins first, nearest first, each once.
    pub reached: Vec<Reached>,
    /// Every hop seen from a node that was walked on from.
    pub hops: Vec<Hop>,
    /// Mounts passed through that no lot is known of: a correction took it back.
    pub loose: Vec<NodeId>,
    /// Whether `depth_max` kept the walk from a node.
    pub cut_at_depth: bool,
    /// Whether a hop led no further from the begins: without one there is no ring.
    pub turns_back: bool,
}

/// Which nodes a walk has seen, and how far from its begins: four bytes a node, seldom cleared between walks.
#[derive(Debug, Clone, Default)]
pub struct Visited {
    stamps: Vec<Stamp>,
    epoch: u16,
}

/// Of which walk, and at which depth; what lies deeper than can be told is at the deepest.
#[derive(Debug, Clone, Copy, Default)]
struct Stamp {
    epoch: u16,
    depth: u16,
}

impl Visited {
    fn begin(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.stamps.clear();
            self.epoch = 1;
        }
    }

    fn has(&self, node: NodeId) -> bool {
        self.stamps.get(node.get()).is_some_and(|stamp| stamp.epoch == self.epoch)
    }

    /// Sees a node; the depth at which it was seen before, if it was.
    fn insert(&mut self, node: NodeId, depth: u32) -> Option<u16> {
        if self.stamps.len() <= node.get() {
            self.stamps.resize(node.get() + 1, Stamp::default());
        }
        let stamp = self.stamps.get_mut(node.get()).expect("there is room for it");
        if stamp.epoch == self.epoch {
            return Some(stamp.depth);
        }
        *stamp = Stamp { epoch: self.epoch, depth: told(depth) };
        None
    }
}

/// A depth as a stamp tells it.
fn told(depth: u32) -> u16 {
    u16::try_from(depth).unwrap_or(u16::MAX)
}

impl Walk {
    /// Walks from `begins` until nothing new is reached. Ends on cycles too.
    pub fn run(&self, links: &impl Links, begins: &[NodeId], visited: &mut Visited) -> Walked {
        visited.begin();
        let mut walked = Walked::default();
        for node in begins {
            if visited.insert(*node, 0).is_none() {
                walked.reached.push(Reached { node: *node, depth: 0, by: None });
            }
        }
        let mut next = 0;
        while let Some(&Reached { node, depth, .. }) = walked.reached.get(next) {
            next += 1;
            if self.depth_max.is_some_and(|max| depth >= max) {
                self.hops(links, node, |hop| {
                    walked.cut_at_depth |= !visited.has(self.beyond(&hop));
                });
                continue;
            }
            let first = walked.hops.len();
            let Walked { hops, loose, .. } = &mut walked;
            loose.extend(self.hops(links, node, |hop| hops.push(hop)));
            for (index, hop) in walked.hops.iter().enumerate().skip(first) {
                let node = self.beyond(hop);
                match visited.insert(node, depth + 1) {
                    None => {
                        walked.reached.push(Reached { node, depth: depth + 1, by: Some(index) });
                    }
                    Some(before) => walked.turns_back |= before <= told(depth),
                }
            }
        }
        walked
    }

    /// Shows the hops from one node, and returns the mounts passed through that lead nowhere back.
    pub fn hops(&self, links: &impl Links, node: NodeId, mut see: impl FnMut(Hop)) -> Vec<NodeId> {
        let mut loose = Vec::new();
        links.each(node, self.direction, |link| {
            if !self.passes(link) {
                return;
            }
            match (link.kind, self.direction) {
                (LinkKind::FedInto, Direction::Backward) => {
                    let mut found = false;
                    self.through(links, link.node, LinkKind::MountedAs, |lot| {
                        found = true;
                        see(self.hop(node, lot.node, Some(link.node), link));
                    });
                    if !found {
                        loose.push(link.node);
                    }
                }
                (LinkKind::MountedAs, Direction::Forward) => {
                    self.through(links, link.node, LinkKind::FedInto, |fed| {
                        see(self.hop(node, fed.node, Some(link.node), fed));
                    });
                }
                _ => see(self.hop(node, link.node, None, link)),
            }
        });
        loose
    }

    /// Everything that such a walk reached, each with the hops seen from it.
    pub fn each(self, walked: &Walked) -> impl Iterator<Item = (&Reached, &[Hop])> {
        let from = move |hop: &Hop| match self.direction {
            Direction::Backward => hop.whole,
            Direction::Forward => hop.part,
        };
        let mut hops = walked.hops.chunk_by(move |a, b| from(a) == from(b)).peekable();
        walked.reached.iter().map(move |reached| {
            let own = hops.next_if(|hops| hops.first().is_some_and(|h| from(h) == reached.node));
            (reached, own.unwrap_or_default())
        })
    }

    /// The node that a hop leads to.
    pub fn beyond(&self, hop: &Hop) -> NodeId {
        match self.direction {
            Direction::Backward => hop.part,
            Direction::Forward => hop.whole,
        }
    }

    fn through(
        &self,
        links: &impl Links,
        mount: NodeId,
        kind: LinkKind,
        mut see: impl FnMut(&Link),
    ) {
        links.each(mount, self.direction, |link| {
            if link.kind == kind && self.passes(link) {
                see(link);
            }
        });
    }

    fn passes(&self, link: &Link) -> bool {
        let former =
            matches!(link.kind, LinkKind::FormerlyInstalledIn | LinkKind::FormerlyPackedIn);
        link.stands(self.as_of) && (!former || self.former == Former::Follow)
    }

    fn hop(&self, from: NodeId, to: NodeId, mount: Option<NodeId>, link: &Link) -> Hop {
        let (part, whole) = match self.direction {
            Direction::Backward => (to, from),
            Direction::Forward => (from, to),
        };
        let Link { kind, certainty, source, .. } = *link;
        Hop { part, whole, mount, kind, certainty, source }
    }
}
