//! The server's own types: structures are decoded as it defines them (`DataTypeDefinition`, 1.04).
use super::browse::browse_all;
use super::fault::Fault;
use super::pin::of_rank;
use super::place::Part;
use super::services::Peer;
use ::opcua::client::Session;
use ::opcua::types::custom::{DataTypeTree, DynamicTypeLoader, EncodingIds, ParentIds, TypeInfo};
use ::opcua::types::{
    AttributeId, BrowseDescription, BrowseDirection, BrowseResultMaskFlags, DataTypeDefinition,
    DataTypeId, EnumDefinition, NodeClassMask, NodeId, QualifiedName, ReadValueId,
    ReferenceDescription, ReferenceTypeId, StructureDefinition, StructureType,
    TypeLoaderCollection, Variant,
};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A program that needs more types for the words of one device is not one of a PLC.
const TYPES_MAX: usize = 1_000;
/// Nodes in one Browse.
pub(super) const BROWSE_CHUNK: usize = 20;

/// Structures by their data type.
#[derive(Default)]
pub(super) struct Types(HashMap<NodeId, StructureDefinition>);

/// What a word holds.
pub(super) struct Leaf {
    pub(super) data_type: NodeId,
    /// Lengths of its array; `None`: its node tells.
    pub(super) bounds: Option<Vec<u32>>,
}

/// What is known of the types so far.
struct Learned {
    structures: HashMap<NodeId, StructureDefinition>,
    supertypes: Supertypes,
    parents: ParentIds,
}

/// The type above each type, without a ring.
#[derive(Default)]
struct Supertypes(HashMap<NodeId, NodeId>);

impl Supertypes {
    /// Notes that `parent` stands above `id`; false, and nothing is noted, where `id` stands above `parent`.
    fn add(&mut self, id: &NodeId, parent: &NodeId) -> bool {
        let mut above = std::iter::successors(Some(parent), |at| self.0.get(*at));
        let ring = above.any(|at| at == id);
        if !ring {
            self.0.insert(id.clone(), parent.clone());
        }
        !ring
    }
}

impl Types {
    /// Asks for these types and all that they are made of, and teaches the session to decode them.
    pub(super) async fn learn(peer: &Peer, wanted: HashSet<NodeId>) -> Result<Self, Fault> {
        let mut learned = Learned {
            structures: HashMap::new(),
            supertypes: Supertypes::default(),
            parents: ParentIds::new(),
        };
        let mut seen = HashSet::new();
        let mut next: Vec<NodeId> = wanted.into_iter().collect();
        while !next.is_empty() {
            next.retain(|id| {
                learned.parents.get_builtin_type(id).is_none() && seen.insert(id.clone())
            });
            if seen.len() > TYPES_MAX {
                let why = format!("there are more than {TYPES_MAX}");
                return Err(Fault::Service { what: "reading types", why });
            }
            next = learned.round(peer, next).await?;
        }
        let Learned { structures, supertypes: _, parents } = learned;
        let encodings = encodings(&peer.session, &structures).await?;
        let mut tree = DataTypeTree::new(parents);
        for (id, definition) in &structures {
            let Some(encoding) = encodings.get(id) else { continue };
            let ids = EncodingIds {
                binary_id: encoding.clone(),
                json_id: encoding.clone(),
                xml_id: encoding.clone(),
            };
            let definition = DataTypeDefinition::Structure(definition.clone());
            let name = id.to_string();
            let parents = tree.parent_ids();
            match TypeInfo::from_type_definition(definition, name, Some(ids), false, id, parents) {
                Ok(info) => tree.add_type(id.clone(), info),
                Err(why) => tracing::warn!(%id, why, "a structure of the server is not understood"),
            }
        }
        teach(&peer.session, tree);
        Ok(Self(structures))
    }

    /// All structures that are not of OPC UA itself: whoever tells of results may make them of any.
    pub(super) async fn learn_all(peer: &Peer) -> Result<Self, Fault> {
        let forward = (ReferenceTypeId::HasSubtype, BrowseDirection::Forward);
        let (mut next, mut all) = (vec![NodeId::from(DataTypeId::Structure)], HashSet::new());
        while !next.is_empty() {
            let mut found = Vec::new();
            for chunk in next.chunks(BROWSE_CHUNK) {
                found.extend(
                    related(&peer.session, chunk, forward, NodeClassMask::DATA_TYPE).await?,
                );
            }
            next = found.into_iter().flatten().map(|node| node.id).collect();
            next.retain(|id| id.namespace != 0 && all.insert(id.clone()));
            if all.len() > TYPES_MAX {
                let why = format!("there are more than {TYPES_MAX}");
                return Err(Fault::Service { what: "reading types", why });
            }
        }
        Self::learn(peer, all).await
    }

    /// Whether a value of this type has such a part, and of what type that is.
    pub(super) fn lead(&self, data_type: &NodeId, parts: &[Part]) -> Result<Leaf, String> {
        let (mut at, mut bounds) = (data_type.clone(), Vec::new());
        for part in parts {
            let Part::Field(name) = part else {
                bounds.clear();
                continue;
            };
            let structure = self.0.get(&at).ok_or_else(|| format!("{at} has no fields"))?;
            if structure.structure_type != StructureType::Structure
                && structure.structure_type != StructureType::StructureWithOptionalFields
            {
                return Err(format!(
                    "{at} is a union; whichever field it has, it may have another"
                ));
            }
            let fields = structure.fields.as_deref().unwrap_or_default();
            let found = fields.iter().find(|field| field.name.as_ref() == name.as_str());
            let field = found.ok_or_else(|| {
                let names: Vec<_> = fields.iter().map(|field| field.name.as_ref()).collect();
                format!("there is no field `{name}`, only {}", names.join(", "))
            })?;
            at = field.data_type.clone();
            bounds = of_rank(field.value_rank, field.array_dimensions.clone().unwrap_or_default());
        }
        Ok(Leaf { data_type: at, bounds: Some(bounds) })
    }
}

impl Learned {
    /// Takes one generation of types; gives those that they are made of.
    async fn round(&mut self, peer: &Peer, types: Vec<NodeId>) -> Result<Vec<NodeId>, Fault> {
        let ids =
            types.iter().map(|id| ReadValueId::new(id.clone(), AttributeId::DataTypeDefinition));
        let read = peer.read_all(ids.collect()).await;
        let read = read.map_err(Fault::service("reading type definitions"))?;
        let (mut next, mut plain) = (Vec::new(), Vec::new());
        for (id, data) in types.into_iter().zip(read) {
            let Some(Variant::ExtensionObject(object)) = data.value else {
                plain.push(id);
                continue;
            };
            if object.inner_is::<EnumDefinition>() {
                self.parents.add_type(id, DataTypeId::Enumeration.into());
            } else if let Some(definition) = object.into_inner_as::<StructureDefinition>() {
                let fields = definition.fields.iter().flatten();
                next.extend(fields.map(|field| field.data_type.clone()));
                self.parents.add_type(id.clone(), DataTypeId::Structure.into());
                self.structures.insert(id, *definition);
            }
        }
        for chunk in plain.chunks(BROWSE_CHUNK) {
            let inverse = (ReferenceTypeId::HasSubtype, BrowseDirection::Inverse);
            let found = related(&peer.session, chunk, inverse, NodeClassMask::DATA_TYPE).await?;
            for (id, parents) in chunk.iter().zip(found) {
                let Some(Node { id: parent, .. }) = parents.into_iter().next() else { continue };
                // The library asks from parent to parent without looking where it has been.
                if !self.supertypes.add(id, &parent) {
                    tracing::warn!(%id, %parent, "a type of the server stands above itself");
                    continue;
                }
                self.parents.add_type(id.clone(), parent.clone());
                next.push(parent);
            }
        }
        Ok(next)
    }
}

/// Makes these the types that the session knows, in the place of those that were learned before: every
/// retry learns them anew.
fn teach(session: &Session, tree: DataTypeTree) {
    let mut loaders = TypeLoaderCollection::new();
    loaders.add(Arc::new(DynamicTypeLoader::new(Arc::new(tree))));
    *session.encoding_context().write().loaders_mut() = loaders;
}

/// The ids under which structures come over the wire.
async fn encodings(
    session: &Session,
    structures: &HashMap<NodeId, StructureDefinition>,
) -> Result<HashMap<NodeId, NodeId>, Fault> {
    let (mut known, mut unsaid) = (HashMap::new(), Vec::new());
    for (id, definition) in structures {
        if definition.default_encoding_id.is_null() {
            unsaid.push(id.clone());
        } else {
            known.insert(id.clone(), definition.default_encoding_id.clone());
        }
    }
    for chunk in unsaid.chunks(BROWSE_CHUNK) {
        let forward = (ReferenceTypeId::HasEncoding, BrowseDirection::Forward);
        let found = related(session, chunk, forward, NodeClassMask::OBJECT).await?;
        for (id, encodings) in chunk.iter().zip(found) {
            let binary =
                encodings.into_iter().find(|node| node.name.name.as_ref() == "Default Binary");
            known.extend(binary.map(|encoding| (id.clone(), encoding.id)));
        }
    }
    Ok(known)
}

/// The methods of an object, with their browse names.
pub(super) async fn methods(
    session: &Session,
    object: &NodeId,
) -> Result<Vec<(NodeId, String)>, Fault> {
    let forward = (ReferenceTypeId::HasComponent, BrowseDirection::Forward);
    let object = std::slice::from_ref(object);
    let found = related(session, object, forward, NodeClassMask::METHOD).await?;
    let named = |node: Node| (node.id, node.name.name.to_string());
    Ok(found.into_iter().flatten().map(named).collect())
}

/// A node and its browse name.
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) name: QualifiedName,
}

/// What nodes refer to in one way.
pub(super) async fn related(
    session: &Session,
    nodes: &[NodeId],
    (reference, direction): (ReferenceTypeId, BrowseDirection),
    class: NodeClassMask,
) -> Result<Vec<Vec<Node>>, Fault> {
    let wanted: Vec<_> = nodes
        .iter()
        .map(|node| BrowseDescription {
            node_id: node.clone(),
            browse_direction: direction,
            reference_type_id: reference.into(),
            include_subtypes: false,
            node_class_mask: class.bits(),
            result_mask: BrowseResultMaskFlags::BrowseName.bits(),
        })
        .collect();
    let named = |r: ReferenceDescription| Node { id: r.node_id.node_id, name: r.browse_name };
    let found = browse_all(session, &wanted).await?.into_iter();
    Ok(found.map(|references| references.into_iter().map(named).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_never_stands_above_itself() {
        let id = |n: u32| NodeId::new(2, n);
        let mut supertypes = Supertypes::default();
        assert!(!supertypes.add(&id(1), &id(1)));
        assert!(supertypes.add(&id(1), &id(2)));
        assert!(supertypes.add(&id(2), &id(3)));
        assert!(!supertypes.add(&id(3), &id(1)), "3 is above 2, and 2 above 1");
        assert!(supertypes.add(&id(3), &id(4)));
    }
}
