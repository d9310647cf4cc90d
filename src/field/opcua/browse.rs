//! What variables a server has: `pedigree browse`.
use super::fault::Fault;
use super::services::{namespaces_of, node_of, read_raw};
use super::value::{Shift, value_of};
use super::visit::{Target, visit};
use crate::model::plant::NodeAddress;
use crate::model::{Quality, Utc, Value};
use ::opcua::client::Session;
use ::opcua::types::{
    AttributeId, BrowseDescription, BrowseDirection, BrowseResult, BrowseResultMaskFlags,
    DataValue, NodeClass, NodeClassMask, NodeId, ObjectId, ReadValueId, ReferenceDescription,
    ReferenceTypeId, StatusCode, Variant, VariantScalarTypeId,
};
use std::collections::BTreeSet;
use std::path::Path;

/// More variables are not listed at once; look deeper from a node instead.
const FOUND_MAX: usize = 10_000;
/// Nodes in one Browse.
const BROWSE_CHUNK: usize = 20;
/// Variables in one Read of three attributes each.
const READ_CHUNK: usize = 60;
/// `CurrentWrite` in an access level (Part 3 §8.57).
const CURRENT_WRITE: u8 = 0x02;

/// Variables of a server.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// `NamespaceArray`.
    pub namespaces: Vec<String>,
    /// Parents before children.
    pub variables: Vec<Variable>,
    /// Whether everything down to the depth asked for is listed.
    pub complete: bool,
}

/// One variable.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Browse names from the start on.
    pub path: Vec<String>,
    /// How a plant file names it.
    pub address: NodeAddress,
    /// `UInt32`, `Double[]`, or the node id of a type of the server's own.
    pub data_type: String,
    /// What it holds.
    pub value: Value,
    /// How far that may be trusted.
    pub quality: Quality,
    /// Whether we may write it.
    pub writable: bool,
}

/// Lists variables below `start` (the Objects folder without the Server object if `None`), at most
/// `depth` steps down.
pub async fn browse(
    target: &Target,
    start: Option<&NodeAddress>,
    depth: usize,
    pki: &Path,
    now: Utc,
) -> Result<Listing, Fault> {
    let opened = target.open(pki, now).await?;
    let start = start.cloned();
    visit(opened, |session| async move {
        let namespaces = namespaces_of(&session).await?;
        let root = match &start {
            None => ObjectId::ObjectsFolder.into(),
            Some(address) => node_of(address, &namespaces).ok_or_else(|| Fault::Namespaces {
                wanted: vec![address.namespace.clone()],
                found: namespaces.clone(),
            })?,
        };
        let (found, complete) = walk(&session, root, depth).await?;
        let variables = describe(&session, &namespaces, found).await?;
        Ok(Listing { namespaces, variables, complete })
    })
    .await
}

struct Found {
    path: Vec<String>,
    node: NodeId,
}

async fn walk(session: &Session, root: NodeId, depth: usize) -> Result<(Vec<Found>, bool), Fault> {
    let mut seen: BTreeSet<String> = [NodeId::from(ObjectId::Server).to_string()].into();
    let mut found = Vec::new();
    let mut level = vec![Found { path: Vec::new(), node: root }];
    for _ in 0..depth {
        let mut next = Vec::new();
        for chunk in level.chunks(BROWSE_CHUNK) {
            let nodes: Vec<_> = chunk.iter().map(|f| f.node.clone()).collect();
            for (parent, children) in chunk.iter().zip(children(session, &nodes).await?) {
                for child in children {
                    let node = child.node_id.node_id;
                    if child.node_id.server_index != 0 || !seen.insert(node.to_string()) {
                        continue;
                    }
                    let mut path = parent.path.clone();
                    path.push(child.browse_name.name.to_string());
                    if child.node_class == NodeClass::Variable {
                        if found.len() == FOUND_MAX {
                            return Ok((found, false));
                        }
                        found.push(Found { path: path.clone(), node: node.clone() });
                    }
                    next.push(Found { path, node });
                }
            }
        }
        level = next;
    }
    Ok((found, true))
}

pub(super) async fn children(
    session: &Session,
    nodes: &[NodeId],
) -> Result<Vec<Vec<ReferenceDescription>>, Fault> {
    let wanted: Vec<_> = nodes
        .iter()
        .map(|node| BrowseDescription {
            node_id: node.clone(),
            browse_direction: BrowseDirection::Forward,
            reference_type_id: ReferenceTypeId::HierarchicalReferences.into(),
            include_subtypes: true,
            node_class_mask: (NodeClassMask::OBJECT | NodeClassMask::VARIABLE).bits(),
            result_mask: (BrowseResultMaskFlags::BrowseName | BrowseResultMaskFlags::NodeClass)
                .bits(),
        })
        .collect();
    browse_all(session, &wanted).await
}

/// What nodes refer to, however few references a server names at once. Where it keeps its place for too
/// few nodes at a time, the others are asked for alone.
pub(super) async fn browse_all(
    session: &Session,
    wanted: &[BrowseDescription],
) -> Result<Vec<Vec<ReferenceDescription>>, Fault> {
    let results = session.browse(wanted, 0, None).await.map_err(Fault::service("browsing"))?;
    let mut all = Vec::with_capacity(wanted.len());
    for result in results {
        let no_place = result.status_code == StatusCode::BadNoContinuationPoints;
        all.push((!no_place).then_some(to_the_end(session, result).await?));
    }
    let mut whole = Vec::with_capacity(all.len());
    for (wanted, found) in wanted.iter().zip(all) {
        let found = if let Some(found) = found {
            found
        } else {
            let alone = session.browse(std::slice::from_ref(wanted), 0, None).await;
            match alone.map_err(Fault::service("browsing"))?.pop() {
                Some(result) => to_the_end(session, result).await?,
                None => Vec::new(),
            }
        };
        whole.push(found);
    }
    Ok(whole)
}

async fn to_the_end(
    session: &Session,
    result: BrowseResult,
) -> Result<Vec<ReferenceDescription>, Fault> {
    let mut references = result.references.unwrap_or_default();
    let mut point = result.continuation_point;
    while !point.is_null_or_empty() && references.len() <= FOUND_MAX {
        let more = session.browse_next(false, &[point]).await;
        let Some(page) = more.map_err(Fault::service("browsing on"))?.pop() else { break };
        references.extend(page.references.unwrap_or_default());
        point = page.continuation_point;
    }
    Ok(references)
}

async fn describe(
    session: &Session,
    namespaces: &[String],
    found: Vec<Found>,
) -> Result<Vec<Variable>, Fault> {
    let mut variables = Vec::with_capacity(found.len());
    for chunk in found.chunks(READ_CHUNK) {
        let ids = chunk.iter().flat_map(|f| {
            [AttributeId::DataType, AttributeId::UserAccessLevel, AttributeId::Value].map(|a| {
                ReadValueId { attribute_id: a as u32, ..ReadValueId::from(f.node.clone()) }
            })
        });
        let data =
            read_raw(session, ids.collect()).await.map_err(Fault::service("reading variables"))?;
        for (f, triple) in chunk.iter().zip(data.chunks_exact(3)) {
            let [data_type, level, value] = triple else { continue };
            let uri = namespaces.get(usize::from(f.node.namespace)).cloned().unwrap_or_default();
            variables.push(variable(f, uri, data_type, level, value, Shift::of(session)));
        }
    }
    Ok(variables)
}

fn variable(
    found: &Found,
    namespace: String,
    data_type: &DataValue,
    level: &DataValue,
    value: &DataValue,
    shift: Shift,
) -> Variable {
    let array = matches!(value.value, Some(Variant::Array(_)));
    let name = match &data_type.value {
        Some(Variant::NodeId(id)) => VariantScalarTypeId::try_from(&**id)
            .map_or_else(|_| id.to_string(), |scalar| scalar.to_string()),
        _ => "unknown".to_owned(),
    };
    let status = Quality(value.status.map_or(0, |s| s.bits()));
    let read = value.value.clone().map(|v| value_of(v, shift));
    let quality =
        if matches!(read, Some(None)) && status.is_good() { Quality::BAD_DECODING } else { status };
    Variable {
        path: found.path.clone(),
        address: NodeAddress { namespace, identifier: found.node.identifier.to_string() },
        data_type: format!("{name}{}", if array { "[]" } else { "" }),
        value: read.flatten().unwrap_or(Value::Empty),
        quality,
        writable: is_writable(level),
    }
}

/// Whether a `UserAccessLevel` lets us write.
pub(super) fn is_writable(level: &DataValue) -> bool {
    matches!(level.value, Some(Variant::Byte(bits)) if bits & CURRENT_WRITE != 0)
}
