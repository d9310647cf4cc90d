//! Links: what they mean, how sure they are, and from when to when they stand in the record.
use crate::model::{ItemKey, MountKey, Position};

/// A node of the graph: an item, or one lot in one feeder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A unit, lot or container.
    Item(ItemKey),
    /// A lot from the moment it was mounted.
    Mount(MountKey),
}

/// What a link means, read from the part to the whole (ISA-95 `AssembledFromLot`, reversed).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// A lot went into an item.
    ConsumedInto,
    /// A unit was built into another.
    InstalledIn,
    /// A unit was once built into another and was taken out.
    FormerlyInstalledIn,
    /// An item was put into a container.
    PackedIn,
    /// An item was once in a container.
    FormerlyPackedIn,
    /// An item became several; read from the one to each of the several.
    SplitInto,
    /// Several items became one.
    MergedInto,
    /// A lot was in a feeder; from the lot to its mount.
    MountedAs,
    /// An item was made with what a feeder held; from the mount to the item.
    FedInto,
    /// A unit that was known by its passage only, and the one that it turned out to be; both ways.
    IdentifiedAs,
}

/// How sure a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// It is so.
    Certain,
    /// One of several is so.
    OneOf,
    /// A share of a blend.
    Proportional,
}

/// Which way to follow links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To what the item was made of.
    Backward,
    /// To what it went into.
    Forward,
}

/// A node by its dense number, in the order in which nodes came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl NodeId {
    /// As an index into a list of all nodes.
    pub fn get(self) -> usize {
        self.0 as usize
    }
}

/// A link as seen from one of its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The record that made it.
    pub source: Position,
    /// The node at the other end.
    pub node: NodeId,
    /// The record from which on it stands so: `source`, or one that reinstated or ended it.
    pub added: Position,
    /// The record from which on it stands so no longer; [`Link::NEVER`] if it still does.
    pub removed: Position,
    /// What it means.
    pub kind: LinkKind,
    /// How sure it is.
    pub certainty: Certainty,
}

impl Link {
    /// No record took it back.
    pub const NEVER: Position = Position(u64::MAX);

    /// Whether it stands so as of a record.
    pub fn stands(&self, as_of: Position) -> bool {
        self.added <= as_of && (self.removed == Self::NEVER || as_of < self.removed)
    }
}

/// All links of a graph by their ends. How they are kept is the implementor's business.
pub trait Links {
    /// Shows every link at `node` in the given direction, those that stand no longer included.
    fn each(&self, node: NodeId, direction: Direction, see: impl FnMut(&Link));
}
