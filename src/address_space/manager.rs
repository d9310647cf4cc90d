//! The node manager: one for types and items alike. Numbers are nodes of the nodeset, held in memory
//! by the library; texts are virtual and answered by the reader.
use super::place::{Method, Object, Place};
use super::reader::{Edge, Reader, Target};
use super::source::Source;
use super::table;
use super::watched::Watched;
use super::{attributes, methods, types};
use crate::telemetry::Now;
use ::opcua::nodes::{DefaultTypeTree, TypeTree};
use ::opcua::server::CreateMonitoredItem;
use ::opcua::server::diagnostics::NamespaceMetadata;
use ::opcua::server::node_manager::{
    AddReferenceResult, BrowseNode, BrowsePathItem, DynNodeManager, ExternalReferenceRequest,
    MethodCall, NodeManager, NodeMetadata, ReadNode, RequestContext, ServerContext,
};
use ::opcua::types::{
    AttributeId, ExpandedNodeId, Identifier, LocalizedText, NodeClass, NodeId, ObjectId,
    QualifiedName, ReferenceTypeId, StatusCode, TimestampsToReturn,
};
use std::sync::Arc;

/// Answers the services of OPC UA about our namespace.
pub(super) struct Manager<S> {
    source: Arc<S>,
    namespace: u16,
    types: Arc<DynNodeManager>,
    watched: Arc<Watched>,
    now: Now,
}

/// What is left of a node's references after a page.
struct Rest(std::vec::IntoIter<Edge>);

impl<S: Source> Manager<S> {
    pub(super) fn new(
        source: Arc<S>,
        namespace: u16,
        types: Arc<DynNodeManager>,
        watched: Arc<Watched>,
        now: Now,
    ) -> Self {
        Self { source, namespace, types, watched, now }
    }

    fn reader(&self) -> Reader<'_, S> {
        Reader::new(&self.source, self.namespace, table::time((self.now)().wall))
    }

    /// Whether the id is one of the virtual nodes.
    fn is_virtual(&self, id: &NodeId) -> bool {
        id.namespace == self.namespace && matches!(id.identifier, Identifier::String(_))
    }

    /// Whether the nodeset may say something about the id: its own nodes, and nodes of the base
    /// namespace that its types are subtypes of.
    fn is_typed(&self, id: &NodeId) -> bool {
        !self.is_virtual(id) && (id.namespace == self.namespace || id.namespace == 0)
    }

    /// The references of a node that are not yet sent; `None` if they are not ours to send.
    fn rest(&self, node: &mut BrowseNode) -> Option<Rest> {
        if node.continuation_point::<Rest>().is_some() {
            node.set_status(StatusCode::Good);
            return node.take_continuation_point::<Rest>().map(|rest| *rest);
        }
        if self.is_virtual(node.node_id()) {
            let reader = self.reader();
            let Some(place) = reader.find(node.node_id()) else {
                node.set_status(StatusCode::BadNodeIdUnknown);
                return None;
            };
            node.set_status(StatusCode::Good);
            return Some(Rest(reader.edges(&place).into_iter()));
        }
        (*node.node_id() == ObjectId::ObjectsFolder).then(|| {
            let to = Target::Place(Place::Object(Object::Traceability));
            let entry = Edge { kind: ReferenceTypeId::Organizes.into(), forward: true, to };
            Rest(vec![entry].into_iter())
        })
    }

    /// Adds references until the page is full.
    fn fill(&self, node: &mut BrowseNode, mut rest: Rest, types: &DefaultTypeTree) {
        let reader = self.reader();
        while node.remaining() > 0 {
            let Some(edge) = rest.0.next() else { return };
            let way = if edge.forward { node.allows_forward() } else { node.allows_inverse() };
            if !way || !node.allows_reference_type(&edge.kind, types) {
                continue;
            }
            let reference = self.metadata(&reader, edge.to).into_ref_desc(edge.forward, edge.kind);
            match node.add(types, reference) {
                AddReferenceResult::Added
                | AddReferenceResult::Rejected
                | AddReferenceResult::Full(_) => {}
            }
        }
        if rest.0.len() > 0 {
            node.set_next_continuation_point(Box::new(rest));
        }
    }

    fn metadata(&self, reader: &Reader<'_, S>, to: Target) -> NodeMetadata {
        let (node_id, name, node_class) = match to {
            Target::Place(place) => return reader.metadata(&place),
            Target::Type(of) => {
                let name = QualifiedName::new(self.namespace, of.1);
                (NodeId::new(self.namespace, of.0), name, NodeClass::ObjectType)
            }
            Target::Base(id, name, class) => (id, QualifiedName::new(0, name), class),
        };
        NodeMetadata {
            node_id: node_id.into(),
            type_definition: ExpandedNodeId::null(),
            display_name: LocalizedText::from(name.name.as_ref()),
            browse_name: name,
            node_class,
        }
    }

    fn create_one(&self, reader: &Reader<'_, S>, item: &mut CreateMonitoredItem) {
        let wanted = item.item_to_monitor();
        let Some(place) = reader.find(&wanted.node_id) else {
            item.set_status(StatusCode::BadNodeIdUnknown);
            return;
        };
        if wanted.attribute_id == AttributeId::EventNotifier {
            let notifies = place == Place::Object(Object::Traceability);
            item.set_status(if notifies {
                StatusCode::Good
            } else {
                StatusCode::BadAttributeIdInvalid
            });
            return;
        }
        let (attribute, range) = (wanted.attribute_id, wanted.index_range.clone());
        match attributes::read(reader, &place, attribute, &range, TimestampsToReturn::Both) {
            Ok(value) => {
                if attribute == AttributeId::Value && !self.watched.add(place) {
                    item.set_status(StatusCode::BadTooManyMonitoredItems);
                    return;
                }
                item.set_initial_value(value);
                item.set_status(StatusCode::Good);
            }
            Err(status) => item.set_status(status),
        }
    }

    /// The method that is called, if it is called on the entry.
    fn method(&self, call: &MethodCall) -> Result<Method, StatusCode> {
        let reader = self.reader();
        if *call.object_id() != reader.id(&Place::Object(Object::Traceability)) {
            return Err(StatusCode::BadNodeIdUnknown);
        }
        let id = call.method_id();
        Method::ALL
            .into_iter()
            .find(|method| {
                *id == reader.id(&Place::Method(*method))
                    || *id == NodeId::new(self.namespace, types::method(*method))
            })
            .ok_or(StatusCode::BadMethodInvalid)
    }
}

/// Reads one attribute of a virtual node.
fn read_one<S: Source>(reader: &Reader<'_, S>, node: &mut ReadNode, back: TimestampsToReturn) {
    let Some(place) = reader.find(&node.node().node_id) else {
        node.set_error(StatusCode::BadNodeIdUnknown);
        return;
    };
    let wanted = node.node();
    match attributes::read(reader, &place, wanted.attribute_id, &wanted.index_range, back) {
        Ok(value) => node.set_result(value),
        Err(status) => node.set_error(status),
    }
}

/// Follows a path of names from the `Objects` folder or one of our nodes, name by name.
fn translate_one<S: Source>(
    reader: &Reader<'_, S>,
    item: &mut BrowsePathItem<'_>,
    types: &dyn TypeTree,
) {
    let (mut at, skip) = if *item.node_id() == ObjectId::ObjectsFolder {
        let Some(first) = item.path().first() else { return };
        let entry = Place::Object(Object::Traceability);
        let kind = ReferenceTypeId::Organizes.into();
        if !leads(first, &kind, types) || first.target_name != reader.metadata(&entry).browse_name {
            return;
        }
        item.add_element(reader.id(&entry), 1, None);
        (entry, 1)
    } else {
        let Some(start) = reader.find(item.node_id()) else {
            item.set_status(StatusCode::BadNodeIdUnknown);
            return;
        };
        (start, 0)
    };
    for (depth, element) in item.path().iter().enumerate().skip(skip) {
        let Some((kind, child)) = reader.child(&at, &element.target_name) else { return };
        if !leads(element, &kind, types) {
            return;
        }
        item.add_element(reader.id(&child), depth + 1, None);
        at = child;
    }
}

/// Whether a path element follows a forward reference of this kind.
fn leads(
    element: &::opcua::types::RelativePathElement,
    kind: &NodeId,
    types: &dyn TypeTree,
) -> bool {
    let wanted = &element.reference_type_id;
    !element.is_inverse
        && (wanted.is_null()
            || wanted == kind
            || (element.include_subtypes && types.is_subtype_of(kind, wanted)))
}

#[async_trait::async_trait]
impl<S: Source> NodeManager for Manager<S> {
    fn owns_node(&self, id: &NodeId) -> bool {
        id.namespace == self.namespace
    }

    fn name(&self) -> &'static str {
        "pedigree"
    }

    fn namespaces_for_user(&self, context: &RequestContext) -> Vec<NamespaceMetadata> {
        self.types.namespaces_for_user(context)
    }

    async fn init(&self, type_tree: &mut DefaultTypeTree, context: ServerContext) {
        self.types.init(type_tree, context).await;
    }

    async fn resolve_external_references(
        &self,
        context: &RequestContext,
        items: &mut [&mut ExternalReferenceRequest],
    ) {
        let reader = self.reader();
        for item in items.iter_mut().filter(|i| self.is_virtual(i.node_id())) {
            if let Some(place) = reader.find(item.node_id()) {
                item.set(reader.metadata(&place));
            }
        }
        drop(reader);
        self.types.resolve_external_references(context, items).await;
    }

    async fn read(
        &self,
        context: &RequestContext,
        max_age: f64,
        back: TimestampsToReturn,
        nodes: &mut [&mut ReadNode],
    ) -> Result<(), StatusCode> {
        let mut typed = Vec::new();
        {
            let reader = self.reader();
            for node in nodes {
                if self.is_virtual(&node.node().node_id) {
                    read_one(&reader, node, back);
                } else {
                    typed.push(&mut **node);
                }
            }
        }
        self.types.read(context, max_age, back, &mut typed).await
    }

    async fn browse(
        &self,
        context: &RequestContext,
        nodes: &mut [BrowseNode],
    ) -> Result<(), StatusCode> {
        for node in nodes {
            // A page that we began is ours to end: the library's own browse would drop what is left.
            let begun = node.continuation_point::<Rest>().is_some();
            if !begun && self.is_typed(node.node_id()) {
                self.types.browse(context, std::slice::from_mut(node)).await?;
            }
            if let Some(rest) = self.rest(node) {
                self.fill(node, rest, &context.type_tree().read());
            }
        }
        Ok(())
    }

    async fn translate_browse_paths_to_node_ids(
        &self,
        context: &RequestContext,
        nodes: &mut [&mut BrowsePathItem],
    ) -> Result<(), StatusCode> {
        let mut typed = Vec::new();
        {
            let reader = self.reader();
            let tree = context.type_tree().read();
            for item in nodes {
                let ours = self.is_virtual(item.node_id());
                if ours || *item.node_id() == ObjectId::ObjectsFolder {
                    translate_one(&reader, item, &*tree);
                }
                if !ours && self.is_typed(item.node_id()) {
                    typed.push(&mut **item);
                }
            }
        }
        self.types.translate_browse_paths_to_node_ids(context, &mut typed).await
    }

    async fn create_monitored_items(
        &self,
        context: &RequestContext,
        items: &mut [&mut CreateMonitoredItem],
    ) -> Result<(), StatusCode> {
        let mut typed = Vec::new();
        {
            let reader = self.reader();
            for item in items {
                if self.is_virtual(&item.item_to_monitor().node_id) {
                    self.create_one(&reader, item);
                } else {
                    typed.push(&mut **item);
                }
            }
        }
        self.types.create_monitored_items(context, &mut typed).await
    }

    async fn call(
        &self,
        _: &RequestContext,
        calls: &mut [&mut MethodCall],
    ) -> Result<(), StatusCode> {
        for call in calls {
            let method = match self.method(call) {
                Ok(method) => method,
                Err(status) => {
                    call.set_status(status);
                    continue;
                }
            };
            // A recall can take long: it must not hold up the connection's other requests.
            let (source, namespace) = (Arc::clone(&self.source), self.namespace);
            let arguments = call.arguments().to_vec();
            let answer = tokio::task::spawn_blocking(move || {
                methods::call(&*source, namespace, method, &arguments)
            });
            match answer.await.unwrap_or(Err(StatusCode::BadInternalError)) {
                Ok(outputs) => {
                    call.set_outputs(outputs);
                    call.set_status(StatusCode::Good);
                }
                Err(status) => call.set_status(status),
            }
        }
        Ok(())
    }
}
