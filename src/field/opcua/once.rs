//! Every word of a device read once: `pedigree check --live`.
use super::browse::is_writable;
use super::fault::Fault;
use super::items::monitor;
use super::locate::locate;
use super::pin::moved;
use super::place::Place;
use super::services::Peer;
use super::subscribe::{Lane, Maker, layout};
use super::visit::{Target, visit};
use crate::model::Sample;
use crate::model::plant::{DeviceIndex, Layout, Plant, TagIndex};
use crate::telemetry::Now;
use ::opcua::types::{AttributeId, ReadValueId};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What a word of the plant file is on the server.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// Which.
    pub tag: TagIndex,
    /// What it holds; a node that is not there has its quality.
    pub sample: Sample,
    /// For words that we are to write: whether the server lets us.
    pub writable: Option<bool>,
    /// How it lies, and how it was pinned, if those differ.
    pub moved: Option<(Layout, Layout)>,
    /// For watched words with a `change`: whether the server sees to it; else we do.
    pub filtered: Option<bool>,
}

/// A device that was read once.
#[derive(Debug, Clone, PartialEq)]
pub struct Once {
    /// Its words.
    pub words: Vec<Word>,
    /// How long one request took from us to its answer.
    pub round_trip: Duration,
}

/// Connects as the daemon would, reads every word of the device once, and asks of those that are to
/// be written whether they may be, of those with a `change` whether the server sees to it. Writes nothing.
///
/// # Panics
/// If the device does not speak OPC UA: an error of ours.
pub async fn read_once(
    plant: &Arc<Plant>,
    device: DeviceIndex,
    pki: &Path,
    now: &Now,
) -> Result<Once, Fault> {
    let target = Target::device(plant, device).expect("the caller asks for OPC UA devices only");
    let opened = target.open(pki, now().wall).await?;
    let (plant, now) = (Arc::clone(plant), Arc::clone(now));
    visit(opened, |session| async move {
        let peer = Peer::new(session, plant, Arc::clone(&now));
        let asked = now().monotonic;
        let namespaces = peer.namespaces().await?;
        let took = now().monotonic.0.saturating_sub(asked.0);
        let found = locate(&peer, device, &namespaces).await?;
        let mut moved = moved(&peer, device, &found, &namespaces).await?;
        peer.places.put(found.nodes);
        let nodes = peer.plant.tags_of(device).filter(|(_, tag)| tag.is_word());
        let words = peer.places.words(nodes.map(|(tag, _)| tag));
        let read = peer.read_many(&words).await.map_err(Fault::service("reading the words"))?;
        let mut all: Vec<_> = read
            .into_iter()
            .map(|sample| {
                let moved = moved.remove(&peer.plant.tag(sample.tag).name);
                Word { tag: sample.tag, sample, writable: None, moved, filtered: None }
            })
            .collect();
        let mut asked: Vec<_> = all
            .iter_mut()
            .zip(words)
            .filter(|(word, _)| peer.plant.tag(word.tag).writable)
            .filter_map(|(word, (_, place))| Some((word, place?)))
            .collect();
        let ids = asked
            .iter()
            .map(|(_, place)| ReadValueId::new(place.node.clone(), AttributeId::UserAccessLevel));
        let levels = peer.read_all(ids.collect()).await;
        let levels = levels.map_err(Fault::service("reading access levels"))?;
        for ((word, place), level) in asked.iter_mut().zip(levels) {
            word.writable = Some(is_writable(&level) && !place.is_part());
        }
        let filtered = filtered(&peer, device).await?;
        for word in &mut all {
            word.filtered = filtered.get(&word.tag).copied();
        }
        Ok(Once { words: all, round_trip: Duration::from_nanos(took) })
    })
    .await
}

/// Of which words with a `change` the server tells only what has moved so far; asked for in a subscription
/// that ends with the connection.
async fn filtered(peer: &Peer, device: DeviceIndex) -> Result<BTreeMap<TagIndex, bool>, Fault> {
    let layout = layout(&peer.plant, device);
    let nodes = peer.places.now();
    let mut items = layout.items;
    items.retain(|item| peer.plant.tag(item.tag).change.is_some() && nodes.contains_key(&item.tag));
    if items.is_empty() {
        return Ok(BTreeMap::new());
    }
    let tags: Vec<_> = items.iter().map(|item| item.tag).collect();
    let (maker, _notices) = Maker::new(device, Lane::Slow, layout.slow);
    let subscription = maker.subscribe(peer).await;
    let subscription = subscription.map_err(Fault::service("making a subscription"))?;
    monitor(peer, subscription.id, items)
        .await
        .map_err(Fault::service("making monitored items"))?;
    let is_part = |tag| nodes.get(&tag).is_some_and(Place::is_part);
    let ours = |tag| is_part(tag) || peer.limits.is_unfiltered(tag);
    Ok(tags.into_iter().map(|tag| (tag, !ours(tag))).collect())
}
