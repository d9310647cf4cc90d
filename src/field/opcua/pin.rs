//! How the words of a device lie on its server: node, type, bounds. `pedigree pin` keeps it; at every
//! connect it is compared.
use super::browse::children;
use super::fault::Fault;
use super::locate::{Found, locate, node_at};
use super::place::shown;
use super::services::Peer;
use super::visit::{Target, visit};
use crate::model::plant::{DeviceIndex, Layout, NodeAddress, Plant, Protocol};
use crate::model::{TagName, Value};
use crate::telemetry::Now;
use ::opcua::types::{AttributeId, NodeId, ReadValueId, Variant, VariantScalarTypeId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// What a person pins.
#[derive(Debug, Clone, PartialEq)]
pub struct Pinned {
    /// The version of the PLC interface, as the plant file declares and the PLC has it.
    pub interface: Option<Value>,
    /// The words that are there.
    pub words: BTreeMap<TagName, Layout>,
    /// The words that are not.
    pub missing: Vec<TagName>,
}

/// Connects as the daemon would and looks how the words lie; what was pinned before is not asked.
///
/// # Panics
/// If the device does not speak OPC UA: an error of ours.
pub async fn look(
    plant: &Arc<Plant>,
    device: DeviceIndex,
    pki: &Path,
    now: &Now,
) -> Result<Pinned, Fault> {
    let target = Target::device(plant, device).expect("the caller asks for OPC UA devices only");
    let opened = target.open(pki, now().wall).await?;
    let (plant, now) = (Arc::clone(plant), Arc::clone(now));
    visit(opened, |session| async move {
        let peer = Peer::new(session, plant, now);
        let namespaces = peer.namespaces().await?;
        let found = locate(&peer, device, &namespaces).await?;
        let words = layouts(&peer, &found, &namespaces).await?;
        peer.places.put(found.nodes);
        super::line::check_interface(&peer, device).await?;
        let nodes = peer.plant.tags_of(device).filter(|(_, tag)| tag.is_word());
        let missing = nodes.map(|(_, tag)| tag.name.clone());
        let missing = missing.filter(|name| !words.contains_key(name)).collect();
        let interface = &peer.plant.device(device).interface;
        let interface = interface.as_ref().map(|interface| interface.equals.clone());
        Ok(Pinned { interface, words, missing })
    })
    .await
}

/// The names of what stands below nodes, sorted; `None` for a node that is not there.
///
/// # Panics
/// If the device does not speak OPC UA: an error of ours.
pub async fn names_below(
    plant: &Arc<Plant>,
    device: DeviceIndex,
    parents: Vec<NodeAddress>,
    pki: &Path,
    now: &Now,
) -> Result<Vec<Option<Vec<String>>>, Fault> {
    let target = Target::device(plant, device).expect("the caller asks for OPC UA devices only");
    let opened = target.open(pki, now().wall).await?;
    let (plant, now) = (Arc::clone(plant), Arc::clone(now));
    visit(opened, |session| async move {
        let peer = Peer::new(session, plant, now);
        let namespaces = peer.namespaces().await?;
        let mut all = Vec::with_capacity(parents.len());
        for parent in parents {
            let Some(node) = node_at(&peer, &parent, &namespaces).await? else {
                all.push(None);
                continue;
            };
            let found = children(&peer.session, &[node]).await?.into_iter().flatten();
            let names: BTreeSet<_> =
                found.map(|child| child.browse_name.name.to_string()).collect();
            all.push(Some(names.into_iter().collect()));
        }
        Ok(all)
    })
    .await
}

/// Compares with what is pinned; words that are not there are another matter.
pub(super) async fn compare(
    peer: &Peer,
    device: DeviceIndex,
    found: &Found,
    namespaces: &[String],
) -> Result<(), Fault> {
    let mut moved = moved(peer, device, found, namespaces).await?.into_iter();
    let Some((word, (layout, pinned))) = moved.next() else { return Ok(()) };
    Err(Fault::Layout {
        device: peer.plant.device(device).id.to_string(),
        word: word.to_string(),
        found: layout.to_string(),
        pinned: pinned.to_string(),
        more: moved.count(),
    })
}

/// The words that lie otherwise than pinned: how they lie, and how they lay.
pub(super) async fn moved(
    peer: &Peer,
    device: DeviceIndex,
    found: &Found,
    namespaces: &[String],
) -> Result<BTreeMap<TagName, (Layout, Layout)>, Fault> {
    let Protocol::OpcUa(link) = &peer.plant.device(device).protocol else {
        return Ok(BTreeMap::new());
    };
    if link.pins.is_empty() {
        return Ok(BTreeMap::new());
    }
    let layouts = layouts(peer, found, namespaces).await?;
    let pinned = |(name, layout)| {
        let pinned = link.pins.get(&name).filter(|pinned| **pinned != layout)?.clone();
        Some((name, (layout, pinned)))
    };
    Ok(layouts.into_iter().filter_map(pinned).collect())
}

async fn layouts(
    peer: &Peer,
    found: &Found,
    namespaces: &[String],
) -> Result<BTreeMap<TagName, Layout>, Fault> {
    let words: Vec<_> = found
        .nodes
        .iter()
        .filter_map(|(tag, place)| Some((*tag, place, found.types.get(tag)?)))
        .collect();
    let ids = words.iter().flat_map(|(_, place, _)| {
        [AttributeId::ValueRank, AttributeId::ArrayDimensions]
            .map(|attribute| ReadValueId::new(place.node.clone(), attribute))
    });
    let read = peer.read_all(ids.collect()).await;
    let read = read.map_err(Fault::service("reading the bounds of words"))?;
    let mut layouts = BTreeMap::new();
    for ((tag, place, leaf), pair) in words.into_iter().zip(read.chunks_exact(2)) {
        let [rank, dimensions] = pair else { continue };
        let own = || bounds(rank.value.as_ref(), dimensions.value.as_ref());
        let layout = Layout {
            node: full(&place.node, namespaces),
            part: shown(&place.parts),
            data_type: type_name(&leaf.data_type, namespaces),
            bounds: leaf.bounds.clone().unwrap_or_else(own),
        };
        layouts.insert(peer.plant.tag(tag).name.clone(), layout);
    }
    Ok(layouts)
}

/// The lengths of a node's array; none if it holds a single value, or anything.
fn bounds(rank: Option<&Variant>, dimensions: Option<&Variant>) -> Vec<u32> {
    let Some(Variant::Int32(rank)) = rank else { return Vec::new() };
    let known: Vec<u32> = match dimensions {
        Some(Variant::Array(array)) => {
            let length = |v: &Variant| if let Variant::UInt32(n) = v { Some(*n) } else { None };
            array.values.iter().filter_map(length).collect()
        }
        _ => Vec::new(),
    };
    of_rank(*rank, known)
}

/// Dimensions that are told apart.
const RANK_MAX: usize = 16;

/// Bounds as many as the rank says; 0 where the server does not tell.
pub(super) fn of_rank(rank: i32, known: Vec<u32>) -> Vec<u32> {
    // The rank is the server's word for it, and no word of ours has more dimensions.
    let wanted = usize::try_from(rank).unwrap_or(0).min(RANK_MAX);
    if known.len() == wanted { known } else { vec![0; wanted] }
}

/// A node with its namespace's URI: the index moves.
fn full(node: &NodeId, namespaces: &[String]) -> String {
    match (node.namespace, namespaces.get(usize::from(node.namespace))) {
        (0, _) | (_, None) => node.identifier.to_string(),
        (_, Some(uri)) => format!("nsu={uri};{}", node.identifier),
    }
}

fn type_name(id: &NodeId, namespaces: &[String]) -> String {
    VariantScalarTypeId::try_from(id)
        .map_or_else(|_| full(id, namespaces), |scalar| scalar.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_as_many_as_the_rank_says() {
        assert_eq!(bounds(Some(&Variant::Int32(-1)), None), Vec::<u32>::new());
        assert_eq!(bounds(Some(&Variant::Int32(1)), None), [0]);
        let known = Variant::from(vec![10u32]);
        assert_eq!(bounds(Some(&Variant::Int32(1)), Some(&known)), [10]);
        assert_eq!(bounds(Some(&Variant::Int32(2)), Some(&known)), [0, 0]);
        assert_eq!(bounds(Some(&Variant::Int32(-2)), Some(&known)), Vec::<u32>::new());
        assert_eq!(bounds(Some(&Variant::Int32(i32::MAX)), None).len(), RANK_MAX);
    }

    #[test]
    fn names_do_not_depend_on_where_a_namespace_stands() {
        let uris: Vec<_> =
            ["http://opcfoundation.org/UA/", "urn:a", "urn:plc"].map(str::to_owned).into();
        assert_eq!(full(&NodeId::new(2, "Res"), &uris), "nsu=urn:plc;s=Res");
        assert_eq!(type_name(&NodeId::new(0, 7u32), &uris), "UInt32");
        assert_eq!(type_name(&NodeId::new(0, 294u32), &uris), "i=294");
        assert_eq!(type_name(&NodeId::new(1, 3002u32), &uris), "nsu=urn:a;i=3002");
    }
}
