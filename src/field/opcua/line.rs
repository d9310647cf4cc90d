//! What is made anew at every connect: names, types, subscriptions.
use super::events;
use super::fault::Fault;
use super::locate::locate;
use super::pin::compare;
use super::place::Place;
use super::results;
use super::services::{Nodes, Peer};
use super::subscribe::{Item, Lane, Maker, Notice, Stream, Subscription, layout};
use super::value::Kind;
use crate::field::weighed::Receiver;
use crate::model::plant::{DeviceIndex, Plant, TagIndex};
use crate::model::{Quality, TagName, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A connection with its subscriptions, not yet proven.
pub(super) struct Line {
    /// Types of the words that are written or count requests.
    pub(super) kinds: BTreeMap<TagIndex, Kind>,
    pub(super) fast: Option<Stream>,
    pub(super) slow: Option<Stream>,
    /// Tags whose first value is waited for.
    pub(super) items: BTreeSet<TagIndex>,
    /// What the server does not monitor, with its reason.
    pub(super) refused: Vec<(Item, Quality)>,
    /// The slower publishing interval.
    pub(super) publish: Duration,
}

impl Line {
    /// All subscriptions, those of handshake words first.
    pub(super) fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.fast.iter().chain(&self.slow)
    }

    /// How wide the counters of requests are.
    pub(super) fn widths(&self, plant: &Plant, device: DeviceIndex) -> Vec<(TagName, u8)> {
        let counters = plant.counters(device).into_iter();
        let width = |tag| Some((plant.tag(tag).name.clone(), self.kinds.get(&tag)?.bits()?));
        counters.filter_map(width).collect()
    }
}

/// The words whose type must be known: those that are written, and those that count requests.
fn typed(plant: &Plant, device: DeviceIndex, nodes: &Nodes) -> Vec<(TagIndex, Place)> {
    let counters = plant.counters(device);
    plant
        .tags_of(device)
        .filter(|(index, tag)| tag.writable || counters.contains(index))
        .filter_map(|(index, _)| Some((index, nodes.get(&index)?.clone())))
        .collect()
}

/// Resolves names, checks the interface and subscribes.
pub(super) async fn establish(peer: &Peer, device: DeviceIndex) -> Result<Line, Fault> {
    let plant = &peer.plant;
    find(peer, device).await?;
    check_interface(peer, device).await?;
    let typed = typed(plant, device, &peer.places.now());
    let kinds = peer.kinds(&typed).await.map_err(Fault::service("reading types"))?;

    let layout = layout(plant, device);
    let (fast_items, slow_items): (Vec<_>, Vec<_>) =
        layout.items.into_iter().partition(|item| item.lane == Lane::Fast);
    let mut refused = Vec::new();
    // One subscription at least: its keep-alives are a sign of life.
    let told = !peer.places.sources().is_empty();
    let fast = if slow_items.is_empty() || !fast_items.is_empty() || told {
        let maker = Maker::new(device, Lane::Fast, layout.fast);
        Some(start(peer, maker, fast_items.clone(), &mut refused).await?)
    } else {
        None
    };
    let slow = if slow_items.is_empty() {
        None
    } else {
        let maker = Maker::new(device, Lane::Slow, layout.slow);
        Some(start(peer, maker, slow_items.clone(), &mut refused).await?)
    };
    let mut items: BTreeSet<_> =
        fast_items.iter().chain(&slow_items).map(|item| item.tag).collect();
    for (item, _) in &refused {
        items.remove(&item.tag);
    }
    let publish = layout.slow.max(layout.fast);
    Ok(Line { kinds, fast, slow, items, refused, publish })
}

async fn start(
    peer: &Peer,
    (maker, notices): (Maker, Receiver<Notice>),
    items: Vec<Item>,
    refused: &mut Vec<(Item, Quality)>,
) -> Result<Stream, Fault> {
    let mut made = Vec::new();
    if maker.lane == Lane::Fast {
        let first = maker.subscribe(peer).await;
        let mut first = first.map_err(Fault::service("making a subscription"))?;
        // Before the words: those can go elsewhere if there is no room.
        first.items = events::monitor(peer, first.id).await?;
        made.push(first);
    }
    let bad = maker.fill(peer, &mut made, items).await;
    refused.extend(bad.map_err(Fault::service("making monitored items"))?);
    Ok(Stream { maker, notices, made })
}

/// Looks anew where the words are.
async fn find(peer: &Peer, device: DeviceIndex) -> Result<(), Fault> {
    let namespaces = peer.namespaces().await?;
    let found = locate(peer, device, &namespaces).await?;
    compare(peer, device, &found, &namespaces).await?;
    peer.places.put(found.nodes);
    peer.places.put_sources(results::find(peer, device, &namespaces).await?);
    Ok(())
}

pub(super) async fn check_interface(peer: &Peer, device: DeviceIndex) -> Result<(), Fault> {
    let Some(interface) = &peer.plant.device(device).interface else { return Ok(()) };
    let word = peer.places.words([interface.tag]);
    let read = peer.read(&word).await.map_err(Fault::service("reading the interface word"))?;
    let found = read.first().and_then(|sample| sample.good()).cloned().unwrap_or(Value::Empty);
    interface_fault(peer, device, &found).map_or(Ok(()), Err)
}

/// A fault if the interface word holds anything but what the plant file is written for.
pub(super) fn interface_fault(peer: &Peer, device: DeviceIndex, found: &Value) -> Option<Fault> {
    let interface = peer.plant.device(device).interface.as_ref()?;
    (!same(found, &interface.equals)).then(|| Fault::Interface {
        word: interface.name.to_string(),
        found: found.to_string(),
        wanted: interface.equals.to_string(),
    })
}

/// Equal as a plant file means it: its `3` is the PLC's `UInt16` 3.
fn same(found: &Value, wanted: &Value) -> bool {
    found == wanted
        || found.integer().is_some_and(|i| wanted.integer() == Some(i))
        || found.number().is_some_and(|n| wanted.number() == Some(n))
}

/// Tries again what the server refused: names, items, types.
pub(super) async fn retry(
    peer: Peer,
    device: DeviceIndex,
    streams: Vec<(Maker, Vec<Subscription>)>,
    items: Vec<Item>,
) -> Result<Option<Retried>, Fault> {
    match find(&peer, device).await {
        // Words that have come lie otherwise than pinned: nothing of this program is to be trusted.
        Err(fault @ Fault::Layout { .. }) => return Err(fault),
        Err(_) => return Ok(None),
        Ok(()) => {}
    }
    Ok(again(&peer, device, streams, items).await)
}

async fn again(
    peer: &Peer,
    device: DeviceIndex,
    streams: Vec<(Maker, Vec<Subscription>)>,
    items: Vec<Item>,
) -> Option<Retried> {
    let (mut refused, mut all) = (Vec::new(), Vec::new());
    for (maker, mut made) in streams {
        let mine = items.iter().filter(|item| item.lane == maker.lane).cloned().collect();
        refused.extend(maker.fill(peer, &mut made, mine).await.ok()?);
        all.push((maker.lane, made));
    }
    let kinds = peer.kinds(&typed(&peer.plant, device, &peer.places.now())).await.ok()?;
    Some(Retried { kinds, refused, made: all })
}

/// What came of another try.
pub(super) struct Retried {
    pub(super) kinds: BTreeMap<TagIndex, Kind>,
    pub(super) refused: Vec<(Item, Quality)>,
    /// The subscriptions of each lane, with those that were made for them.
    pub(super) made: Vec<(Lane, Vec<Subscription>)>,
}
