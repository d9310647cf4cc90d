//! From names to places, anew at every connect: each word has a node of its name, or is a child by
//! browse name, or a part of what a node holds.
use super::fault::Fault;
use super::place::{Part, Place, browse_path, cuts, shown};
use super::services::{Nodes, Peer, is_too_many, node_of};
use super::types::{Leaf, Types};
use crate::model::plant::{DeviceIndex, NodeAddress, TagIndex, TagSource};
use ::opcua::types::{
    AttributeId, BrowsePath, DataValue, Error, Identifier, NodeId, ObjectId, QualifiedName,
    ReadValueId, ReferenceTypeId, RelativePath, RelativePathElement, StatusCode, Variant,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Words without a node that are searched for at once; where there are more, the program is not there.
const SEARCHED_MAX: usize = 2_000;

/// Words and where they are.
#[derive(Default)]
pub(super) struct Found {
    pub(super) nodes: Nodes,
    /// What the words hold, where the server tells.
    pub(super) types: BTreeMap<TagIndex, Leaf>,
}

/// A word that has no node of its name.
struct Lost<'a> {
    tag: TagIndex,
    address: &'a NodeAddress,
    namespace: u16,
}

/// What a read of the data type says of a node.
enum Seen {
    /// A Variable of this type.
    Variable(NodeId),
    /// It is there, and is no Variable or does not let us look.
    Other,
    Absent,
}

/// Where the words of a device are. A namespace that is missing costs its tags; if all are, the server
/// is not the one that the plant file means, or has not loaded its program yet.
pub(super) async fn locate(
    peer: &Peer,
    device: DeviceIndex,
    namespaces: &[String],
) -> Result<Found, Fault> {
    let addresses: Vec<_> = peer
        .plant
        .tags_of(device)
        .filter_map(|(tag, t)| match &t.source {
            TagSource::Node(address) => Some((tag, address)),
            TagSource::Register(_) | TagSource::Field(_) => None,
        })
        .collect();
    let (known, missing): (Vec<_>, Vec<_>) =
        addresses.iter().partition(|(_, address)| namespaces.contains(&address.namespace));
    let missing: BTreeSet<_> = missing.into_iter().map(|(_, a)| a.namespace.clone()).collect();
    if known.is_empty() && !missing.is_empty() {
        let (wanted, found) = (missing.into_iter().collect(), namespaces.to_vec());
        return Err(Fault::Namespaces { wanted, found });
    }
    for uri in missing {
        tracing::warn!(uri, "the server lacks a namespace; its tags are bad until it comes");
    }
    let mut found = Found::default();
    let lost = by_name(peer, &known, namespaces, &mut found).await?;
    if !lost.is_empty() {
        search(peer, &lost, &mut found).await?;
    }
    Ok(found)
}

/// Takes the words that have a node of their name; gives the others.
async fn by_name<'a>(
    peer: &Peer,
    words: &[(TagIndex, &'a NodeAddress)],
    namespaces: &[String],
    found: &mut Found,
) -> Result<Vec<Lost<'a>>, Fault> {
    let named: Vec<_> = words
        .iter()
        .filter_map(|(tag, address)| Some((*tag, node_of(address, namespaces)?)))
        .collect();
    let seen = look(peer, named.iter().map(|(_, node)| node.clone()).collect()).await?;
    for ((tag, node), seen) in named.into_iter().zip(seen) {
        match seen {
            Seen::Variable(data_type) => {
                found.types.insert(tag, Leaf { data_type, bounds: None });
                found.nodes.insert(tag, Place::whole(node));
            }
            Seen::Other => {
                found.nodes.insert(tag, Place::whole(node));
            }
            Seen::Absent => {}
        }
    }
    let lost = words.iter().filter(|(tag, _)| !found.nodes.contains_key(tag));
    let lost = lost.filter_map(|(tag, address)| {
        let index = namespaces.iter().position(|uri| *uri == address.namespace)?;
        Some(Lost { tag: *tag, address, namespace: u16::try_from(index).ok()? })
    });
    Ok(lost.take(SEARCHED_MAX).collect())
}

/// Looks for words as children by browse name, then as parts of values.
async fn search(peer: &Peer, lost: &[Lost<'_>], found: &mut Found) -> Result<(), Fault> {
    let holders = holders(peer, lost).await?;
    let children = children(peer, lost, &holders).await?;
    let children: Vec<_> =
        lost.iter().zip(children).filter_map(|(w, c)| Some((w.tag, c?))).collect();
    let seen = look(peer, children.iter().map(|(_, node)| node.clone()).collect()).await?;
    for ((tag, node), seen) in children.into_iter().zip(seen) {
        if let Seen::Variable(data_type) = seen {
            found.types.insert(tag, Leaf { data_type, bounds: None });
        }
        found.nodes.insert(tag, Place::whole(node));
    }
    let mut parts = Vec::new();
    for (word, holder) in lost.iter().zip(holders) {
        if let Some(Holder { place, data_type: Some(data_type) }) = holder
            && !found.nodes.contains_key(&word.tag)
        {
            parts.push((word.tag, place, data_type));
        }
    }
    if parts.is_empty() {
        return Ok(());
    }
    let fields = |place: &Place| place.parts.iter().any(|part| matches!(part, Part::Field(_)));
    let wanted = parts.iter().filter(|(_, place, _)| fields(place)).map(|(.., t)| t.clone());
    let types = Types::learn(peer, wanted.collect()).await?;
    for (tag, place, data_type) in parts {
        match types.lead(&data_type, &place.parts) {
            Ok(leaf) => {
                found.types.insert(tag, leaf);
                found.nodes.insert(tag, place);
            }
            Err(why) => {
                let (tag, part) = (&peer.plant.tag(tag).name, shown(&place.parts));
                tracing::warn!(%tag, node = %place.node, part, why, "a word is not there");
            }
        }
    }
    Ok(())
}

/// The longest beginning of a word's name that is a node.
struct Holder {
    place: Place,
    /// If it is a Variable.
    data_type: Option<NodeId>,
}

async fn holders(peer: &Peer, lost: &[Lost<'_>]) -> Result<Vec<Option<Holder>>, Fault> {
    let mut asked: Vec<NodeId> = Vec::new();
    let mut known: HashSet<NodeId> = HashSet::new();
    let cut = |word: &Lost<'_>| -> Vec<Place> {
        let cuts = cuts(&word.address.identifier).into_iter();
        cuts.filter_map(|(node, parts)| {
            let identifier: Identifier = node.parse().ok()?;
            Some(Place { node: NodeId::new(word.namespace, identifier), parts })
        })
        .collect()
    };
    let candidates: Vec<Vec<Place>> = lost.iter().map(cut).collect();
    for place in candidates.iter().flatten() {
        if known.insert(place.node.clone()) {
            asked.push(place.node.clone());
        }
    }
    let seen: HashMap<NodeId, Seen> =
        asked.iter().cloned().zip(look(peer, asked.clone()).await?).collect();
    let holder = |places: Vec<Place>| {
        places.into_iter().find_map(|place| match seen.get(&place.node)? {
            Seen::Variable(of) => Some(Holder { place, data_type: Some(of.clone()) }),
            Seen::Other => Some(Holder { place, data_type: None }),
            Seen::Absent => None,
        })
    };
    Ok(candidates.into_iter().map(holder).collect())
}

/// Children by browse name, from the holder of each word and from the Objects folder.
async fn children(
    peer: &Peer,
    lost: &[Lost<'_>],
    holders: &[Option<Holder>],
) -> Result<Vec<Option<NodeId>>, Fault> {
    let mut paths = Vec::new();
    for (at, (word, holder)) in lost.iter().zip(holders).enumerate() {
        let from_holder = holder.iter().map(|h| (h.place.node.clone(), h.place.parts.clone()));
        let root = browse_path(&word.address.identifier).into_iter();
        let from_root = root.map(|parts| (NodeId::from(ObjectId::ObjectsFolder), parts));
        for (start, parts) in from_holder.chain(from_root) {
            paths.extend(path(start, &parts, word.namespace).map(|path| (at, path)));
        }
    }
    let mut children = vec![None; lost.len()];
    let (mut rest, mut size) = (paths.as_slice(), peer.limits.paths.now());
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(size.min(rest.len()));
        let wanted: Vec<_> = chunk.iter().map(|(_, path)| path.clone()).collect();
        let results = match peer.session.translate_browse_paths_to_node_ids(&wanted).await {
            Err(error) if is_too_many(&error) && chunk.len() > 1 => {
                size = peer.limits.paths.halved(&error, chunk.len());
                continue;
            }
            // Small servers have no such service; then there is no such child.
            Err(error) if is_unsupported(&error) => return Ok(children),
            results => results.map_err(Fault::service("looking for browse names"))?,
        };
        rest = after;
        for ((at, _), result) in chunk.iter().zip(results) {
            let targets = result.targets.into_iter().flatten();
            let mut whole = targets.filter(|t| t.remaining_path_index == u32::MAX);
            if let (Some(child), Some(target)) = (children.get_mut(*at), whole.next())
                && result.status_code.is_good()
            {
                child.get_or_insert(target.target_id.node_id);
            }
        }
    }
    Ok(children)
}

/// A path of browse names; `None` if a step is an element of an array.
fn path(start: NodeId, parts: &[Part], namespace: u16) -> Option<BrowsePath> {
    let elements: Option<Vec<_>> = parts
        .iter()
        .map(|part| match part {
            Part::Field(name) => Some(RelativePathElement {
                reference_type_id: ReferenceTypeId::HierarchicalReferences.into(),
                is_inverse: false,
                include_subtypes: true,
                target_name: QualifiedName::new(namespace, name.as_str()),
            }),
            Part::Element(_) => None,
        })
        .collect();
    let relative_path = RelativePath { elements: Some(elements?) };
    Some(BrowsePath { starting_node: start, relative_path })
}

fn is_unsupported(error: &Error) -> bool {
    matches!(error.status(), StatusCode::BadServiceUnsupported | StatusCode::BadNotImplemented)
}

/// The node that an address or its browse path means.
pub(super) async fn node_at(
    peer: &Peer,
    address: &NodeAddress,
    namespaces: &[String],
) -> Result<Option<NodeId>, Fault> {
    let index = namespaces.iter().position(|uri| *uri == address.namespace);
    let Some(namespace) = index.and_then(|index| u16::try_from(index).ok()) else {
        return Ok(None);
    };
    if let Some(node) = node_of(address, namespaces)
        && let [Seen::Variable(_) | Seen::Other] = look(peer, vec![node.clone()]).await?.as_slice()
    {
        return Ok(Some(node));
    }
    let lost = [Lost { tag: TagIndex(0), address, namespace }];
    let holders = holders(peer, &lost).await?;
    Ok(children(peer, &lost, &holders).await?.pop().flatten())
}

async fn look(peer: &Peer, nodes: Vec<NodeId>) -> Result<Vec<Seen>, Fault> {
    let ids = nodes.into_iter().map(|node| ReadValueId::new(node, AttributeId::DataType));
    let read = peer.read_all(ids.collect()).await;
    let seen = |data: DataValue| match (data.status.unwrap_or(StatusCode::Good), data.value) {
        (_, Some(Variant::NodeId(id))) => Seen::Variable(*id),
        (StatusCode::BadNodeIdUnknown | StatusCode::BadNodeIdInvalid, _) => Seen::Absent,
        _ => Seen::Other,
    };
    let read = read.map_err(Fault::service("looking for the words"))?;
    Ok(read.into_iter().map(seen).collect())
}
