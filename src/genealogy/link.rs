//! Links: what they mean and how sure they are.
use crate::model::{ItemKey, MountKey};

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
