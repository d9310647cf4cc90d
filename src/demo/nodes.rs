//! The address space of a simulated OPC UA PLC: a flat list of words under one folder.
//!
//! A batch of reads sees one moment, as a PLC's scan cycle would give it; a write is seen by the
//! next read and wakes the PLC's program. Only the words that are the host's can be written, and
//! only with their own type.
use crate::model::plant::NodeAddress;
use ::opcua::server::SubscriptionCache;
use ::opcua::server::address_space::{
    AddressSpace, NodeType, VariableBuilder, add_namespaces, validate_node_write, write_node_value,
};
use ::opcua::server::diagnostics::NamespaceMetadata;
use ::opcua::server::node_manager::memory::{InMemoryNodeManager, InMemoryNodeManagerImpl};
use ::opcua::server::node_manager::{RequestContext, ServerContext, WriteNode};
use ::opcua::sync::RwLock;
use ::opcua::types::{
    AttributeId, DataEncoding, DataValue, DateTime, Identifier, NodeId, NumericRange, ObjectId,
    QualifiedName, StatusCode, TimestampsToReturn, Variant,
};
use async_trait::async_trait;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;

/// One word of a PLC.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// What the PLC's program calls it, `Press.Admit.Serial`.
    pub(super) name: Cow<'static, str>,
    /// Where its node is found; `None`: by its name, in the PLC's own namespace.
    pub(super) address: Option<NodeAddress>,
    /// Its value at power-up, and thereby its type.
    pub(super) initial: Variant,
    /// Whether the host writes it; the PLC then never does.
    pub(super) host: bool,
}

/// A word that the PLC writes.
pub(super) fn plc(name: &'static str, initial: impl Into<Variant>) -> Word {
    Word { name: name.into(), address: None, initial: initial.into(), host: false }
}

/// A word that the host writes.
pub(super) fn host(name: &'static str, initial: impl Into<Variant>) -> Word {
    Word { name: name.into(), address: None, initial: initial.into(), host: true }
}

/// The words of one PLC as nodes.
pub(super) type WordManager = InMemoryNodeManager<Words>;

/// What a [`WordManager`] does with writes.
pub(super) struct Words {
    namespaces: Vec<NamespaceMetadata>,
    ids: Arc<BTreeMap<String, NodeId>>,
    written: Arc<watch::Sender<u64>>,
}

impl Words {
    /// Makes a folder `top` with `words` in it, identifiers as they stand. A word whose address is
    /// none is left out: a host finds no such node, as with a PLC that has none.
    pub(super) fn build(
        context: &ServerContext,
        space: &mut AddressSpace,
        uri: &str,
        top: &str,
        words: &[Word],
        written: Arc<watch::Sender<u64>>,
    ) -> Self {
        let namespaces = namespaces(context, space, uri, words);
        let index_of = |uri: &str| {
            namespaces.iter().find(|n| n.namespace_uri == uri).map_or(0, |n| n.namespace_index)
        };
        let index = index_of(uri);
        let folder = NodeId::new(index, top);
        let named = |name| QualifiedName::new(index, name);
        space.add_folder(&folder, named(top), top, &ObjectId::ObjectsFolder.into());
        let moment = DateTime::null();
        let mut ids = BTreeMap::new();
        for word in words {
            let id = match &word.address {
                None => Some(NodeId::new(index, word.name.to_string())),
                Some(at) => at
                    .identifier
                    .parse::<Identifier>()
                    .ok()
                    .map(|identifier| NodeId { namespace: index_of(&at.namespace), identifier }),
            };
            let Some(id) = id else { continue };
            let leaf = word.name.split_once('.').map_or(word.name.as_ref(), |(_, leaf)| leaf);
            let mut variable = VariableBuilder::new(&id, named(leaf), leaf)
                .data_type(data_type(&word.initial))
                .value_rank(if matches!(word.initial, Variant::Array(_)) { 1 } else { -1 })
                .value(word.initial.clone())
                .organized_by(folder.clone());
            if word.host {
                variable = variable.writable();
            }
            variable.insert(space);
            // What a word holds since power-up was measured at no moment that anyone knows.
            if let Some(NodeType::Variable(v)) = space.find_mut(&id) {
                v.set_data_value(DataValue::new_at(word.initial.clone(), moment));
            }
            ids.insert(word.name.to_string(), id);
        }
        Self { namespaces, ids: Arc::new(ids), written }
    }

    /// The nodes by the names of their words.
    pub(super) fn ids(&self) -> Arc<BTreeMap<String, NodeId>> {
        Arc::clone(&self.ids)
    }

    fn write_one(
        space: &mut AddressSpace,
        context: &RequestContext,
        write: &WriteNode,
    ) -> StatusCode {
        let id = write.value().node_id.clone();
        let Some(node) = space.find_mut(&id) else { return StatusCode::BadNodeIdUnknown };
        if let Err(refused) =
            validate_node_write(node, context, write.value(), &*context.type_tree.read())
        {
            return refused;
        }
        let NodeType::Variable(variable) = &*node else { return StatusCode::BadNotWritable };
        // The library lets a scalar of any type pass; a PLC does not.
        let new = write.value().value.value.as_ref().map(data_type);
        if new != Some(variable.data_type()) {
            return StatusCode::BadTypeMismatch;
        }
        match write_node_value(node, write.value()) {
            Ok(()) => StatusCode::Good,
            Err(refused) => refused,
        }
    }
}

#[async_trait]
impl InMemoryNodeManagerImpl for Words {
    async fn init(&self, _: &mut AddressSpace, _: ServerContext) {}

    fn name(&self) -> &str {
        self.namespaces.first().map_or("", |own| &own.namespace_uri)
    }

    fn namespaces(&self) -> Vec<NamespaceMetadata> {
        self.namespaces.clone()
    }

    async fn write(
        &self,
        context: &RequestContext,
        space: &RwLock<AddressSpace>,
        writes: &mut [&mut WriteNode],
    ) -> Result<(), StatusCode> {
        let mut space = space.write();
        for write in writes {
            let status = Self::write_one(&mut space, context, write);
            write.set_status(status);
            if status.is_good() {
                notify(&space, &context.subscriptions, &write.value().node_id);
            }
        }
        self.written.send_modify(|count| *count += 1);
        Ok(())
    }
}

/// The PLC's own namespace first, then those that its words name beside it.
fn namespaces(
    context: &ServerContext,
    space: &mut AddressSpace,
    own: &str,
    words: &[Word],
) -> Vec<NamespaceMetadata> {
    let named = words.iter().filter_map(|word| Some(word.address.as_ref()?.namespace.as_str()));
    let others: BTreeSet<&str> = named.filter(|uri| *uri != own).collect();
    let uris: Vec<&str> = std::iter::once(own).chain(others).collect();
    let indexes = add_namespaces(context, space, &uris);
    let metadata = uris.iter().zip(indexes).map(|(uri, namespace_index)| NamespaceMetadata {
        namespace_uri: (*uri).to_owned(),
        namespace_index,
        ..NamespaceMetadata::default()
    });
    metadata.collect()
}

fn notify(space: &AddressSpace, subscriptions: &SubscriptionCache, id: &NodeId) {
    let value = space.find(id).and_then(|node| {
        node.as_node().get_attribute(
            TimestampsToReturn::Both,
            AttributeId::Value,
            &NumericRange::None,
            &DataEncoding::Binary,
        )
    });
    if let Some(value) = value {
        subscriptions.notify_data_change(std::iter::once((value, id, AttributeId::Value)));
    }
}

/// The type of a value, a node of namespace 0.
fn data_type(value: &Variant) -> NodeId {
    // An array without elements has none for the library. Built-in types are known by their own numbers.
    if let Variant::Array(of) = value {
        return NodeId::new(0, of.value_type as u32);
    }
    value.data_type().map(|id| id.node_id).unwrap_or_default()
}
