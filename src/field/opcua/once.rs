//! Every word of a device read once: `pedigree check --live`.
use super::browse::is_writable;
use super::fault::Fault;
use super::services::{Peer, resolve};
use super::visit::{Target, visit};
use crate::model::Sample;
use crate::model::plant::{DeviceIndex, Plant, TagIndex};
use crate::telemetry::Now;
use ::opcua::types::{AttributeId, ReadValueId};
use std::path::Path;
use std::sync::Arc;

/// Nodes in one Read of access levels.
const CHUNK: usize = 200;

/// What a word of the plant file is on the server.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// Which.
    pub tag: TagIndex,
    /// What it holds; a node that is not there has its quality.
    pub sample: Sample,
    /// For words that we are to write: whether the server lets us.
    pub writable: Option<bool>,
}

/// Connects as the daemon would, reads every word of the device once, and asks of those that are to
/// be written whether they may be. Writes nothing.
///
/// # Panics
/// If the device does not speak OPC UA: an error of ours.
pub async fn read_once(
    plant: &Arc<Plant>,
    device: DeviceIndex,
    pki: &Path,
    now: &Now,
) -> Result<Vec<Word>, Fault> {
    let target = Target::device(plant, device).expect("the caller asks for OPC UA devices only");
    let opened = target.open(pki, now().wall).await?;
    let (plant, now) = (Arc::clone(plant), Arc::clone(now));
    visit(opened, |session| async move {
        let peer = Peer { session, plant, now };
        let namespaces = peer.namespaces().await?;
        let words: Vec<_> = peer
            .plant
            .tags_of(device)
            .map(|(tag, _)| (tag, resolve(&peer.plant, tag, &namespaces)))
            .collect();
        let read = peer.read_many(&words).await.map_err(Fault::service("reading the words"))?;
        let mut all: Vec<_> = read
            .into_iter()
            .map(|sample| Word { tag: sample.tag, sample, writable: None })
            .collect();
        let mut asked: Vec<_> = all
            .iter_mut()
            .zip(words)
            .filter(|(word, _)| peer.plant.tag(word.tag).writable)
            .filter_map(|(word, (_, node))| Some((word, node?)))
            .collect();
        for chunk in asked.chunks_mut(CHUNK) {
            let ids = chunk.iter().map(|(_, node)| ReadValueId {
                attribute_id: AttributeId::UserAccessLevel as u32,
                ..ReadValueId::from(node.clone())
            });
            let levels = peer.read_raw(ids.collect()).await;
            let levels = levels.map_err(Fault::service("reading access levels"))?;
            for ((word, _), level) in chunk.iter_mut().zip(levels) {
                word.writable = Some(is_writable(&level));
            }
        }
        Ok(all)
    })
    .await
}
