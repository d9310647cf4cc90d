//! What a node is, holds and refers to, asked of the source at the moment a client asks.
//!
//! A reader lives for one request and remembers the item that it answered last, so that reading ten
//! variables of a unit asks once.
use super::place::{Folder, Method, Object, Place, Side};
use super::table::{self, Kind, LedgerView};
use super::types::{self, Type};
use super::{methods, source::Source};
use crate::model::{ItemClass, ItemKey, MonitorId, Position, StationId};
use crate::query::{Answer, ConditionView, ItemView, LinkView, MeasurementView, StepView};
use ::opcua::server::node_manager::NodeMetadata;
use ::opcua::types::{
    DataValue, DateTime, LocalizedText, NodeClass, NodeId, ObjectId, ObjectTypeId, QualifiedName,
    ReferenceTypeId, StatusCode, VariableTypeId, Variant,
};
use std::cell::RefCell;
use std::sync::Arc;

/// The most that a folder shows of units, lots or containers; the newest. Any other is reached by
/// its name, its `NodeId` or `Resolve`.
const RECENT_MAX: usize = 100;

/// A reference of a node.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    pub(super) kind: NodeId,
    pub(super) forward: bool,
    pub(super) to: Target,
}

/// Where a reference leads.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// To one of our nodes.
    Place(Place),
    /// To a type of the nodeset.
    Type(Type),
    /// To a node of the base namespace: its id, name and class.
    Base(NodeId, &'static str, NodeClass),
}

/// Answers one request.
pub(super) struct Reader<'a, S> {
    source: &'a S,
    /// Our namespace.
    pub(super) namespace: u16,
    now: DateTime,
    last: RefCell<Option<(ItemKey, Item)>>,
}

/// An item as it was answered; none if nothing recorded has its key.
type Item = Option<Arc<Answer<ItemView>>>;

impl<'a, S: Source> Reader<'a, S> {
    /// A reader for one request that came at `now`.
    pub(super) fn new(source: &'a S, namespace: u16, now: DateTime) -> Self {
        Self { source, namespace, now, last: RefCell::new(None) }
    }

    /// The node of this id; `None` if it is none of ours or nothing recorded has it.
    pub(super) fn find(&self, id: &NodeId) -> Option<Place> {
        let ::opcua::types::Identifier::String(text) = &id.identifier else { return None };
        let place = (id.namespace == self.namespace).then(|| Place::parse(text.as_ref()))??;
        self.exists(&place).then_some(place)
    }

    fn exists(&self, place: &Place) -> bool {
        match place {
            Place::Method(_) | Place::Arguments(..) => true,
            Place::Measurement(key, at, name) => self
                .step(key, *at, |s| s.measurements.iter().any(|m| m.name == *name))
                .unwrap_or(false),
            Place::Object(object) | Place::Variable(object, _) => match object {
                Object::Traceability | Object::Folder(_) | Object::Ledger => true,
                Object::Station(id) => self.source.station(id).is_some(),
                Object::Monitor(id, monitor) => self.condition(id, monitor).is_some(),
                Object::Item(key) | Object::Steps(key) => self.source.knows(key),
                Object::Step(key, at) | Object::Measurements(key, at) => {
                    self.step(key, *at, |_| ()).is_some()
                }
            },
        }
    }

    fn item(&self, key: &ItemKey) -> Item {
        if let Some((last, answer)) = &*self.last.borrow()
            && last == key
        {
            return answer.clone();
        }
        let answer = self.source.item(key).map(Arc::new);
        self.last.replace(Some((key.clone(), answer.clone())));
        answer
    }

    fn step<T>(&self, key: &ItemKey, at: Position, of: impl Fn(&StepView) -> T) -> Option<T> {
        self.item(key)?.body.steps.iter().find(|s| s.position == at).map(of)
    }

    fn condition(&self, id: &StationId, monitor: &MonitorId) -> Option<ConditionView> {
        self.source.conditions().into_iter().find(|c| c.station == *id && c.monitor == *monitor)
    }

    /// The id of a node.
    pub(super) fn id(&self, place: &Place) -> NodeId {
        NodeId::new(self.namespace, place.to_string())
    }

    fn name(&self, text: impl Into<String>) -> QualifiedName {
        QualifiedName::new(self.namespace, text.into())
    }

    /// What a browse says of a node.
    pub(super) fn metadata(&self, place: &Place) -> NodeMetadata {
        let ours = |of: Type| NodeId::new(self.namespace, of.0);
        let folder = || NodeId::from(ObjectTypeId::FolderType);
        let variable = || NodeId::from(VariableTypeId::BaseDataVariableType);
        let (name, display, type_definition) = match place {
            Place::Object(object) => match object {
                Object::Traceability => {
                    (self.name("Traceability"), String::new(), ours(types::TRACEABILITY))
                }
                Object::Folder(f) => (self.name(f.name()), String::new(), folder()),
                Object::Ledger => (self.name("Ledger"), String::new(), ours(types::LEDGER)),
                Object::Station(id) => {
                    (self.name(id.as_str()), String::new(), ours(types::STATION))
                }
                Object::Monitor(id, monitor) => {
                    (self.name(monitor.as_str()), format!("{id} {monitor}"), ours(types::CONDITION))
                }
                Object::Item(key) => {
                    (self.name(key.to_string()), key.code.to_string(), ours(item_type(key.class)))
                }
                Object::Steps(_) => (self.name("Steps"), String::new(), folder()),
                Object::Step(key, at) => {
                    (self.name(at.0.to_string()), self.step_title(key, *at), ours(types::STEP))
                }
                Object::Measurements(..) => (self.name("Measurements"), String::new(), folder()),
            },
            Place::Variable(_, name) => (self.name(*name), String::new(), variable()),
            Place::Measurement(_, _, name) => (self.name(name.as_str()), String::new(), variable()),
            Place::Method(method) => (self.name(method.name()), String::new(), NodeId::null()),
            Place::Arguments(_, side) => (
                QualifiedName::new(0, side.name()),
                String::new(),
                VariableTypeId::PropertyType.into(),
            ),
        };
        let display = if display.is_empty() { name.name.to_string() } else { display };
        NodeMetadata {
            node_id: self.id(place).into(),
            type_definition: type_definition.into(),
            browse_name: name,
            display_name: LocalizedText::from(display.as_str()),
            node_class: class(place),
        }
    }

    fn step_title(&self, key: &ItemKey, at: Position) -> String {
        self.step(key, at, |s| match &s.station {
            Some(station) => format!("{} {} {station}", at.0, s.verb),
            None => format!("{} {}", at.0, s.verb),
        })
        .unwrap_or_default()
    }

    /// A sentence about a node, for the attribute `Description`.
    pub(super) fn description(&self, place: &Place) -> LocalizedText {
        let text = match place {
            Place::Object(Object::Traceability) => "The genealogy of this site.".to_owned(),
            Place::Object(Object::Folder(Folder::Units | Folder::Lots | Folder::Containers)) => {
                format!("The last {RECENT_MAX} written about; ask Resolve for any other.")
            }
            Place::Measurement(key, at, name) => self
                .step(key, *at, |s| s.measurements.iter().find(|m| m.name == *name).map(limits))
                .flatten()
                .unwrap_or_default(),
            Place::Method(method) => methods::description(*method).to_owned(),
            Place::Object(_) | Place::Variable(..) | Place::Arguments(..) => String::new(),
        };
        if text.is_empty() { LocalizedText::null() } else { LocalizedText::from(text.as_str()) }
    }

    /// The value of a variable; `None` for what has none.
    pub(super) fn value(&self, place: &Place) -> Option<DataValue> {
        let (value, status, source) = match place {
            Place::Variable(object, name) => {
                let (value, source) = self.variable(object, name)?;
                (value, StatusCode::Good, source)
            }
            Place::Measurement(key, at, name) => self.step(key, *at, |s| {
                let m = s.measurements.iter().find(|m| m.name == *name)?;
                Some((table::measured(&m.value), quality(&m.quality), Some(table::time(s.time))))
            })??,
            Place::Arguments(method, side) => {
                (methods::arguments(*method, *side), StatusCode::Good, None)
            }
            Place::Object(_) | Place::Method(_) => return None,
        };
        Some(DataValue {
            value: Some(value),
            status: Some(status),
            source_timestamp: Some(source.unwrap_or(self.now)),
            server_timestamp: Some(self.now),
            ..DataValue::default()
        })
    }

    fn variable(&self, object: &Object, name: &str) -> Option<(Variant, Option<DateTime>)> {
        match object {
            Object::Item(key) => {
                let item = self.item(key)?;
                let seen = table::time(item.body.last_seen);
                Some((table::value(table::ITEM, name, &item)?, Some(seen)))
            }
            Object::Step(key, at) => self.step(key, *at, |s| {
                Some((table::value(table::STEP, name, s)?, Some(table::time(s.time))))
            })?,
            Object::Station(id) => {
                let station = self.source.station(id)?;
                Some((table::value(table::STATION, name, &station)?, None))
            }
            Object::Monitor(id, monitor) => {
                let condition = self.condition(id, monitor)?;
                Some((table::value(table::CONDITION, name, &condition)?, None))
            }
            Object::Ledger => {
                let stations = self.source.stations().into_iter();
                let ledger = LedgerView {
                    position: self.source.position(),
                    open_gaps: stations.filter(|s| s.gap_open).map(|s| s.id).collect(),
                };
                Some((table::value(table::LEDGER, name, &ledger)?, None))
            }
            Object::Traceability
            | Object::Folder(_)
            | Object::Steps(_)
            | Object::Measurements(..) => None,
        }
    }

    /// Everything that a node refers to, all of it, so that a client that pages sees one state.
    pub(super) fn edges(&self, place: &Place) -> Vec<Edge> {
        let mut edges = Edges(Vec::new());
        match place {
            Place::Object(object) => self.edges_of(object, &mut edges),
            Place::Variable(object, _) => {
                edges.is_a(VariableTypeId::BaseDataVariableType, "BaseDataVariableType");
                edges.of(ReferenceTypeId::HasComponent, object.clone());
            }
            Place::Measurement(key, at, _) => {
                edges.is_a(VariableTypeId::BaseDataVariableType, "BaseDataVariableType");
                edges.of(ReferenceTypeId::HasComponent, Object::Measurements(key.clone(), *at));
            }
            Place::Method(method) => {
                edges.of(ReferenceTypeId::HasComponent, Object::Traceability);
                for side in Side::ALL {
                    edges.to(ReferenceTypeId::HasProperty, Place::Arguments(*method, side));
                }
            }
            Place::Arguments(method, _) => {
                edges.is_a(VariableTypeId::PropertyType, "PropertyType");
                edges.add(
                    ReferenceTypeId::HasProperty.into(),
                    false,
                    Target::Place(Place::Method(*method)),
                );
            }
        }
        edges.0
    }

    fn edges_of(&self, object: &Object, edges: &mut Edges) {
        match object {
            Object::Traceability => {
                edges.is(types::TRACEABILITY);
                edges.add(ReferenceTypeId::Organizes.into(), false, objects_folder());
                for folder in Folder::ALL {
                    edges.to(ReferenceTypeId::Organizes, Place::Object(Object::Folder(folder)));
                }
                edges.to(ReferenceTypeId::HasComponent, Place::Object(Object::Ledger));
                for method in Method::ALL {
                    edges.to(ReferenceTypeId::HasComponent, Place::Method(method));
                }
                let event = Target::Type(types::EVENT);
                edges.add(ReferenceTypeId::GeneratesEvent.into(), true, event);
            }
            Object::Folder(folder) => {
                edges.is_folder();
                edges.of(ReferenceTypeId::Organizes, Object::Traceability);
                for object in self.content(*folder) {
                    edges.to(ReferenceTypeId::Organizes, Place::Object(object));
                }
            }
            Object::Ledger => {
                edges.is(types::LEDGER);
                edges.of(ReferenceTypeId::HasComponent, Object::Traceability);
            }
            Object::Station(id) => {
                edges.is(types::STATION);
                edges.of(ReferenceTypeId::Organizes, Object::Folder(Folder::Stations));
                for c in self.source.conditions().into_iter().filter(|c| c.station == *id) {
                    let monitor = Object::Monitor(c.station, c.monitor);
                    edges.to(ReferenceTypeId::HasComponent, Place::Object(monitor));
                }
            }
            Object::Monitor(id, _) => {
                edges.is(types::CONDITION);
                edges.of(ReferenceTypeId::HasComponent, Object::Station(id.clone()));
                edges.of(ReferenceTypeId::Organizes, Object::Folder(Folder::Conditions));
            }
            Object::Item(key) => self.edges_of_item(key, edges),
            Object::Steps(key) => {
                edges.is_folder();
                edges.of(ReferenceTypeId::HasComponent, Object::Item(key.clone()));
                let item = self.item(key);
                for step in item.iter().flat_map(|i| &i.body.steps) {
                    let step = Object::Step(key.clone(), step.position);
                    edges.to(ReferenceTypeId::HasComponent, Place::Object(step));
                }
            }
            Object::Step(key, at) => self.edges_of_step(key, *at, edges),
            Object::Measurements(key, at) => self.edges_of_measurements(key, *at, edges),
        }
        for (name, _) in table::variables(object) {
            edges.to(ReferenceTypeId::HasComponent, Place::Variable(object.clone(), name));
        }
    }

    fn edges_of_step(&self, key: &ItemKey, at: Position, edges: &mut Edges) {
        edges.is(types::STEP);
        edges.of(ReferenceTypeId::HasComponent, Object::Steps(key.clone()));
        if let Some(station) = self.step(key, at, |s| s.station.clone()).flatten() {
            let station = Target::Place(Place::Object(Object::Station(station)));
            edges.add(NodeId::new(self.namespace, types::PROCESSED_AT), true, station);
        }
        let measurements = Object::Measurements(key.clone(), at);
        edges.to(ReferenceTypeId::HasComponent, Place::Object(measurements));
    }

    fn edges_of_measurements(&self, key: &ItemKey, at: Position, edges: &mut Edges) {
        edges.is_folder();
        edges.of(ReferenceTypeId::HasComponent, Object::Step(key.clone(), at));
        let names = self
            .step(key, at, |s| s.measurements.iter().map(|m| m.name.clone()).collect::<Vec<_>>());
        for name in names.into_iter().flatten() {
            let place = Place::Measurement(key.clone(), at, name);
            edges.to(ReferenceTypeId::HasComponent, place);
        }
    }

    fn edges_of_item(&self, key: &ItemKey, edges: &mut Edges) {
        edges.is(item_type(key.class));
        let steps = Object::Steps(key.clone());
        edges.to(ReferenceTypeId::HasComponent, Place::Object(steps));
        let Some(item) = self.item(key) else { return };
        let mut links = |links: &[LinkView], forward: bool| {
            for link in links {
                let kind = types::reference(link.kind, link.certainty);
                let other = Target::Place(Place::Object(Object::Item(link.item.clone())));
                edges.add(NodeId::new(self.namespace, kind), forward, other);
            }
        };
        links(&item.body.made_of, true);
        links(&item.body.went_into, false);
    }

    fn content(&self, folder: Folder) -> Vec<Object> {
        let recent =
            |class| self.source.recent(class, RECENT_MAX).into_iter().map(Object::Item).collect();
        match folder {
            Folder::Stations => {
                self.source.stations().into_iter().map(|s| Object::Station(s.id)).collect()
            }
            Folder::Units => recent(ItemClass::Unit),
            Folder::Lots => recent(ItemClass::Lot),
            Folder::Containers => recent(ItemClass::Container),
            Folder::Conditions => {
                let conditions = self.source.conditions().into_iter();
                conditions.map(|c| Object::Monitor(c.station, c.monitor)).collect()
            }
        }
    }

    /// The child of this name, looked up without listing the others; also one that a bounded folder
    /// does not show. The reference must be looked at by the caller.
    pub(super) fn child(&self, place: &Place, name: &QualifiedName) -> Option<(NodeId, Place)> {
        let text = name.name.as_ref();
        let class = match place {
            Place::Object(Object::Folder(Folder::Units)) => ItemClass::Unit,
            Place::Object(Object::Folder(Folder::Lots)) => ItemClass::Lot,
            Place::Object(Object::Folder(Folder::Containers)) => ItemClass::Container,
            Place::Object(_)
            | Place::Variable(..)
            | Place::Measurement(..)
            | Place::Method(_)
            | Place::Arguments(..) => {
                return self.edges(place).into_iter().find_map(|edge| match edge.to {
                    Target::Place(to)
                        if edge.forward && self.metadata(&to).browse_name == *name =>
                    {
                        Some((edge.kind, to))
                    }
                    Target::Place(_) | Target::Type(_) | Target::Base(..) => None,
                });
            }
        };
        let key: ItemKey = text.parse().ok()?;
        let known = name.namespace_index == self.namespace
            && key.class == class
            && key.to_string() == text
            && self.source.knows(&key);
        known.then(|| (ReferenceTypeId::Organizes.into(), Place::Object(Object::Item(key))))
    }
}

/// A node's references while they are collected.
struct Edges(Vec<Edge>);

impl Edges {
    fn add(&mut self, kind: NodeId, forward: bool, to: Target) {
        self.0.push(Edge { kind, forward, to });
    }

    fn to(&mut self, kind: ReferenceTypeId, place: Place) {
        self.add(kind.into(), true, Target::Place(place));
    }

    fn of(&mut self, kind: ReferenceTypeId, parent: Object) {
        self.add(kind.into(), false, Target::Place(Place::Object(parent)));
    }

    fn is(&mut self, of: Type) {
        self.add(ReferenceTypeId::HasTypeDefinition.into(), true, Target::Type(of));
    }

    fn is_folder(&mut self) {
        let to = Target::Base(ObjectTypeId::FolderType.into(), "FolderType", NodeClass::ObjectType);
        self.add(ReferenceTypeId::HasTypeDefinition.into(), true, to);
    }

    fn is_a(&mut self, of: VariableTypeId, name: &'static str) {
        let to = Target::Base(of.into(), name, NodeClass::VariableType);
        self.add(ReferenceTypeId::HasTypeDefinition.into(), true, to);
    }
}

/// Where everything hangs.
fn objects_folder() -> Target {
    Target::Base(ObjectId::ObjectsFolder.into(), "Objects", NodeClass::Object)
}

/// The `NodeClass` attribute.
pub(super) fn class(place: &Place) -> NodeClass {
    match place {
        Place::Object(_) => NodeClass::Object,
        Place::Method(_) => NodeClass::Method,
        Place::Variable(..) | Place::Measurement(..) | Place::Arguments(..) => NodeClass::Variable,
    }
}

/// What a variable's value is of; `None` for what has no value.
pub(super) fn kind(place: &Place) -> Option<Kind> {
    match place {
        Place::Variable(object, name) => {
            table::variables(object).find(|(n, _)| n == name).map(|(_, kind)| kind)
        }
        Place::Measurement(..) => Some(Kind::Any),
        Place::Arguments(..) => Some(Kind::Arguments),
        Place::Object(_) | Place::Method(_) => None,
    }
}

fn item_type(class: ItemClass) -> Type {
    match class {
        ItemClass::Unit => types::UNIT,
        ItemClass::Lot => types::LOT,
        ItemClass::Container => types::CONTAINER,
    }
}

/// Unit and limits of a measured value as a sentence.
fn limits(m: &MeasurementView) -> String {
    let mut parts = Vec::new();
    parts.extend(m.unit.as_ref().map(|u| format!("in {u}")));
    parts.extend(m.low.map(|low| format!("at least {low}")));
    parts.extend(m.high.map(|high| format!("at most {high}")));
    parts.join(", ")
}

/// The quality of a measured value; its text begins with the class (see `Quality`).
fn quality(text: &str) -> StatusCode {
    if text.starts_with("Good") {
        StatusCode::Good
    } else if text.starts_with("Uncertain") {
        StatusCode::Uncertain
    } else {
        StatusCode::Bad
    }
}
