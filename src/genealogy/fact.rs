//! What an event says about links, before anything that other events say is held against it.
use super::link::{Certainty, LinkKind, Node, NodeId};
use crate::model::{ItemKey, Member, MountKey, MountUse, Position, TraceEvent, Utc, What};
use minicbor::{Decode, Encode};

/// One event's word that a part is in a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Fact {
    /// The record that says so.
    #[n(0)]
    pub source: Position,
    /// The part.
    #[n(1)]
    pub part: NodeId,
    /// The whole.
    #[n(2)]
    pub whole: NodeId,
    /// When it was, by the event.
    #[n(3)]
    pub time: Utc,
    /// What the link means.
    #[n(4)]
    pub kind: LinkKind,
    /// How sure it is.
    #[n(5)]
    pub certainty: Certainty,
}

impl Fact {
    /// In whose order facts are kept; each once.
    pub(super) fn key(&self) -> (Position, NodeId, NodeId) {
        (self.source, self.part, self.whole)
    }
}

/// Part, whole, what the link means, how sure it is.
pub type Claim = (Node, Node, LinkKind, Certainty);

/// The links that an event makes. What a PLC asked for and was refused joined nothing.
pub fn links_of(position: Position, event: &TraceEvent) -> Vec<Claim> {
    // A panel consists of its boards, whatever was answered when it was to be cut.
    let done = !event.is_only_asked() || matches!(event.what, What::Split { .. });
    let made = if done { made(position, event) } else { Vec::new() };
    let mut links: Vec<Claim> = made.into_iter().chain(named(event)).collect();
    // What was put in again on purpose is surely in it.
    let left: Vec<Claim> =
        left(event).filter(|(part, ..)| links.iter().all(|(p, ..)| p != part)).collect();
    links.extend(left);
    links
}

/// What was left in the station of the lots before: a share of each that nobody knows.
fn left(event: &TraceEvent) -> impl Iterator<Item = Claim> {
    let whole = event.what.items().first().map(|item| Node::Item((*item).clone()));
    let links = event.carried_over.iter().zip(std::iter::repeat(whole));
    links.filter_map(|(over, whole)| {
        let part = Node::Item(over.lot.clone());
        Some((part, whole?, LinkKind::ConsumedInto, Certainty::Proportional))
    })
}

fn made(position: Position, event: &TraceEvent) -> Vec<Claim> {
    let item = |key: &ItemKey| Node::Item(key.clone());
    let sure =
        |part: &ItemKey, whole: &ItemKey, kind| (item(part), item(whole), kind, Certainty::Certain);
    match &event.what {
        What::Complete { item: whole, mounts, .. }
        | What::Produce { item: whole, mounts, .. }
        | What::Scrap { item: whole, mounts, .. } => mounts
            .iter()
            .map(|used| {
                let mount = Node::Mount(used.mount.clone());
                (mount, item(whole), LinkKind::FedInto, certainty(used, mounts))
            })
            .collect(),
        // One thing under two names: whoever asks of the one is told of the other.
        What::Identify { item, real: Some(real), .. } => {
            vec![sure(item, real, LinkKind::IdentifiedAs), sure(real, item, LinkKind::IdentifiedAs)]
        }
        What::Consume { consumed, into, .. } => {
            vec![sure(&consumed.lot, into, LinkKind::ConsumedInto)]
        }
        What::Install { child, parent, .. } => vec![sure(child, parent, LinkKind::InstalledIn)],
        What::Pack { items, container } => {
            items.iter().map(|i| sure(i, container, LinkKind::PackedIn)).collect()
        }
        What::Split { from, into } => {
            into.iter().map(|i| sure(from, i, LinkKind::SplitInto)).collect()
        }
        What::Merge { from, into } => {
            from.iter().map(|c| sure(&c.lot, into, LinkKind::MergedInto)).collect()
        }
        What::Mount { point, lot } => event
            .station
            .iter()
            .map(|station| {
                // What is known better by now is still the mount that it first was.
                let first = event.adopted.as_ref().and_then(|adopted| adopted.first);
                let opened = first.unwrap_or(position);
                let mount = MountKey { station: station.clone(), point: point.clone(), opened };
                (item(lot), Node::Mount(mount), LinkKind::MountedAs, Certainty::Certain)
            })
            .collect(),
        What::Arrive { .. }
        | What::Remove { .. }
        | What::Unpack { .. }
        | What::Unmount { .. }
        | What::Move { .. }
        | What::Receive { .. }
        | What::Ship { .. }
        | What::Inspect { .. }
        | What::Hold { .. }
        | What::Release { .. }
        | What::Rework { .. }
        | What::Clean { .. }
        | What::Identify { real: None, .. }
        | What::Note { .. }
        | What::Open { .. }
        | What::Close { .. }
        | What::Dry { .. }
        | What::Correct { .. } => Vec::new(),
    }
}

/// The links to the members that an event names beside what happened. They are so whatever the PLC was
/// answered: a panel that is refused consists of its boards all the same.
fn named(event: &TraceEvent) -> Vec<Claim> {
    let items = event.what.items();
    let Some(whole) = items.first() else { return Vec::new() };
    // What is packed, split or merged is linked by that.
    let beside = event.members.iter().filter(|member| !items.contains(&&member.item));
    let item = |key: &ItemKey| Node::Item(key.clone());
    let link = |member: &Member| {
        (item(whole), item(&member.item), LinkKind::SplitInto, Certainty::Certain)
    };
    beside.map(link).collect()
}

/// The links that an event ends: part, whole, and what the link meant.
pub(super) fn ended(event: &TraceEvent) -> Vec<(&ItemKey, &ItemKey, LinkKind)> {
    match &event.what {
        What::Remove { child, parent, .. } => vec![(child, parent, LinkKind::InstalledIn)],
        What::Unpack { items, container } => {
            items.iter().map(|item| (item, container, LinkKind::PackedIn)).collect()
        }
        What::Arrive { .. }
        | What::Complete { .. }
        | What::Produce { .. }
        | What::Consume { .. }
        | What::Install { .. }
        | What::Pack { .. }
        | What::Split { .. }
        | What::Merge { .. }
        | What::Mount { .. }
        | What::Unmount { .. }
        | What::Move { .. }
        | What::Receive { .. }
        | What::Ship { .. }
        | What::Inspect { .. }
        | What::Hold { .. }
        | What::Release { .. }
        | What::Scrap { .. }
        | What::Rework { .. }
        | What::Clean { .. }
        | What::Identify { .. }
        | What::Note { .. }
        | What::Open { .. }
        | What::Close { .. }
        | What::Dry { .. }
        | What::Correct { .. } => Vec::new(),
    }
}

/// What a link is called once it has ended.
pub(super) fn former(kind: LinkKind) -> LinkKind {
    match kind {
        LinkKind::InstalledIn => LinkKind::FormerlyInstalledIn,
        LinkKind::PackedIn => LinkKind::FormerlyPackedIn,
        LinkKind::ConsumedInto
        | LinkKind::FormerlyInstalledIn
        | LinkKind::FormerlyPackedIn
        | LinkKind::SplitInto
        | LinkKind::MergedInto
        | LinkKind::MountedAs
        | LinkKind::FedInto
        | LinkKind::IdentifiedAs => kind,
    }
}

/// An item made while a feeder changed from one lot to another names both mounts of the feeder: it
/// has one of the two. Two reels of the same lot leave no doubt, nor does one that is known by its counter
/// to have been used.
pub(super) fn certainty(used: &MountUse, all: &[MountUse]) -> Certainty {
    let same_feeder = |other: &&MountUse| {
        other.mount.station == used.mount.station && other.mount.point == used.mount.point
    };
    if used.counted || all.iter().filter(same_feeder).all(|other| other.lot == used.lot) {
        Certainty::Certain
    } else {
        Certainty::OneOf
    }
}
