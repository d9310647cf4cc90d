//! Links: what they mean, how sure they are, and from when to when they stand in the record.
use crate::model::{ItemKey, MountKey, Position};
use minicbor::{Decode, Encode};

/// A node of the graph: an item, or one lot in one feeder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Node {
    /// A unit, lot or container.
    #[n(0)]
    Item(#[n(0)] ItemKey),
    /// A lot from the moment it was mounted.
    #[n(1)]
    Mount(#[n(0)] MountKey),
}

/// What a link means, read from the part to the whole (ISA-95 `AssembledFromLot`, reversed).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// A lot went into an item.
    #[n(0)]
    ConsumedInto,
    /// A unit was built into another.
    #[n(1)]
    InstalledIn,
    /// A unit was once built into another and was taken out.
    #[n(2)]
    FormerlyInstalledIn,
    /// An item was put into a container.
    #[n(3)]
    PackedIn,
    /// An item was once in a container.
    #[n(4)]
    FormerlyPackedIn,
    /// An item became several; read from the one to each of the several.
    #[n(5)]
    SplitInto,
    /// Several items became one.
    #[n(6)]
    MergedInto,
    /// A lot was in a feeder; from the lot to its mount.
    #[n(7)]
    MountedAs,
    /// An item was made with what a feeder held; from the mount to the item.
    #[n(8)]
    FedInto,
    /// A unit that was known by its passage only, and the one that it turned out to be; both ways.
    #[n(9)]
    IdentifiedAs,
}

/// How sure a link is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// It is so.
    #[n(0)]
    Certain,
    /// One of several is so.
    #[n(1)]
    OneOf,
    /// A share of a blend.
    #[n(2)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct NodeId(#[n(0)] pub u32);

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
