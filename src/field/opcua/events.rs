//! Events of objects: what is asked of each, and what it says of a result or of a part.
//!
//! An event of OPC 40001-101 holds the result as one structure; one of a machine's own type has fields of its own
//! (OPC 10000-4 §7.22.3, an event filter selects them by the type that has them and their browse name).
use super::fault::Fault;
use super::place::Part;
use super::results::{RESULT_NAMESPACE, Source};
use super::services::Peer;
use super::types::{BROWSE_CHUNK, Node, related};
use super::value::Shift;
use crate::field::weighed::Weight;
use crate::model::plant::{Plant, TagIndex};
use crate::model::{Sample, Utc};
use ::opcua::client::services::CreateMonitoredItems;
use ::opcua::client::{Session, UARequest};
use ::opcua::types::{
    AttributeId, BrowseDirection, ContentFilter, EventFieldList, EventFilter, ExtensionObject,
    MonitoredItemCreateRequest, MonitoringMode, MonitoringParameters, NodeClassMask, NodeId,
    ObjectTypeId, QualifiedName, ReadValueId, ReferenceTypeId, SimpleAttributeOperand,
    TimestampsToReturn, Variant,
};
use std::collections::HashSet;

/// `ResultReadyEventType` in the namespace of OPC 40001-101.
const RESULT_READY: u32 = 1_002;
/// The field of such an event that holds the result.
const RESULT: &str = "Result";
/// Handles of event items; those of words are smaller.
const EVENTS: u32 = 1 << 31;
/// Events that wait at the server until the next publish.
const QUEUE: u32 = 1_000;
/// Types of events that are looked through; where there are more, they have no end.
const TYPES_MAX: usize = 10_000;

/// What the events of an object are made of.
#[derive(Debug, Clone)]
pub(super) struct Made {
    /// What is asked of each, by the type that has it.
    asked: Vec<(NodeId, QualifiedName)>,
    /// The types that are meant; `None`: whichever have what is asked.
    types: Option<HashSet<NodeId>>,
}

/// A word of an event: which of the fields that are asked for it is in, and where in that.
pub(super) type Field = (TagIndex, usize, Vec<Part>);

/// What an event says.
#[derive(Debug)]
pub(super) enum Event {
    /// Of a result: its name, then its other words.
    Result(Vec<Sample>),
    /// The server dropped events.
    Overflow,
}

impl Weight for Event {
    fn weight(&self) -> usize {
        match self {
            Self::Result(words) => words.weight(),
            Self::Overflow => size_of::<Self>(),
        }
    }
}

impl Made {
    /// Events with a result, as OPC 40001-101 has them; those of any type that has one where the server does not
    /// know that standard.
    pub(super) fn of_results(namespaces: &[String], object: &NodeId) -> Self {
        let index = namespaces.iter().position(|uri| uri == RESULT_NAMESPACE);
        let (of_type, namespace) = match index.and_then(|index| u16::try_from(index).ok()) {
            Some(index) => (NodeId::new(index, RESULT_READY), index),
            None => (ObjectTypeId::BaseEventType.into(), object.namespace),
        };
        Self { asked: vec![(of_type, QualifiedName::new(namespace, RESULT))], types: None }
    }

    /// Events of the type of this browse name and its subtypes, with what is asked of each word.
    pub(super) async fn of_type(
        session: &Session,
        name: &str,
        words: Vec<(TagIndex, Vec<Part>)>,
    ) -> Result<(Self, Vec<Field>), Fault> {
        let found = Found::type_of(session, name).await?;
        let mut has = Vec::new();
        for id in &found.above {
            has.extend(fields(session, id).await?.into_iter().map(|field| (id.clone(), field)));
        }
        let (mut asked, mut all): (Vec<(NodeId, QualifiedName)>, Vec<Field>) = Default::default();
        for (tag, parts) in words {
            let Some((Part::Field(first), rest)) = parts.split_first() else { continue };
            let field = has.iter().find(|(_, field)| field.name.as_ref() == first.as_str());
            let field = field.ok_or_else(|| {
                let why = format!("events of the type `{name}` have no field `{first}`");
                Fault::Service { what: "looking for events", why }
            })?;
            let index = asked.iter().position(|known| known == field).unwrap_or_else(|| {
                asked.push(field.clone());
                asked.len().saturating_sub(1)
            });
            all.push((tag, index, rest.to_vec()));
        }
        Ok((Self { asked, types: Some(found.types) }, all))
    }

    fn filter(&self) -> EventFilter {
        let select = |(of_type, field): (NodeId, QualifiedName)| SimpleAttributeOperand {
            type_definition_id: of_type,
            browse_path: Some(vec![field]),
            attribute_id: AttributeId::Value as u32,
            ..Default::default()
        };
        let base = ["EventType", "Time"]
            .map(|name| (NodeId::from(ObjectTypeId::BaseEventType), QualifiedName::new(0, name)));
        let all = base.into_iter().chain(self.asked.iter().cloned()).map(select);
        EventFilter {
            select_clauses: Some(all.collect()),
            where_clause: ContentFilter { elements: None },
        }
    }
}

/// A type of events.
struct Found {
    /// It, and all that it is a kind of.
    above: Vec<NodeId>,
    /// It, and all kinds of it.
    types: HashSet<NodeId>,
}

impl Found {
    /// Looks through all types of events for the one of this name.
    async fn type_of(session: &Session, name: &str) -> Result<Self, Fault> {
        let fault = |why: String| Fault::Service { what: "looking for events", why };
        let base = Node {
            id: ObjectTypeId::BaseEventType.into(),
            name: QualifiedName::new(0, "BaseEventType"),
        };
        // Each with the one that it is a kind of, which stands before it.
        let mut all: Vec<(Node, usize)> = vec![(base, 0)];
        let mut seen: HashSet<NodeId> = all.iter().map(|(node, _)| node.id.clone()).collect();
        let mut done = 0;
        while let Some(asked) = all.get(done..).filter(|rest| !rest.is_empty()) {
            let asked: Vec<NodeId> =
                asked.iter().take(BROWSE_CHUNK).map(|(node, _)| node.id.clone()).collect();
            let forward = (ReferenceTypeId::HasSubtype, BrowseDirection::Forward);
            let below = related(session, &asked, forward, NodeClassMask::OBJECT_TYPE).await?;
            for (below, parent) in below.into_iter().zip(done..) {
                let new = below.into_iter().filter(|node| seen.insert(node.id.clone()));
                all.extend(new.map(|node| (node, parent)));
            }
            if all.len() > TYPES_MAX {
                return Err(fault(format!("the server has more than {TYPES_MAX} types of events")));
            }
            done = done.saturating_add(asked.len());
        }
        let named = |(_, (node, _)): &(usize, &(Node, usize))| node.name.name.as_ref() == name;
        let named: Vec<usize> = all.iter().enumerate().filter(named).map(|(at, _)| at).collect();
        let at = match named.as_slice() {
            [at] => *at,
            [] => return Err(fault(format!("the server has no type of events `{name}`"))),
            [..] => {
                return Err(fault(format!("the server has several types of events `{name}`")));
            }
        };
        let parent = |at: usize| all.get(at).map(|(_, parent)| *parent).filter(|_| at > 0);
        let line = |at: usize| std::iter::successors(Some(at), |at| parent(*at));
        let ids = |at: usize| all.get(at).map(|(node, _)| node.id.clone());
        let below = (0..all.len()).filter(|kind| line(*kind).any(|above| above == at));
        Ok(Self {
            above: line(at).filter_map(ids).collect(),
            types: below.filter_map(ids).collect(),
        })
    }
}

/// The fields that a type of events has of its own.
async fn fields(session: &Session, of_type: &NodeId) -> Result<Vec<QualifiedName>, Fault> {
    let mut all = Vec::new();
    for reference in [ReferenceTypeId::HasProperty, ReferenceTypeId::HasComponent] {
        let (of_type, forward) = (std::slice::from_ref(of_type), BrowseDirection::Forward);
        let found = related(session, of_type, (reference, forward), NodeClassMask::VARIABLE);
        all.extend(found.await?.into_iter().flatten().map(|node| node.name));
    }
    Ok(all)
}

/// Has the events told by a subscription; says for how many objects.
pub(super) async fn monitor(peer: &Peer, subscription: u32) -> Result<usize, Fault> {
    let sources = peer.places.sources();
    for (source, handle) in sources.iter().zip(EVENTS..) {
        let request = MonitoredItemCreateRequest {
            item_to_monitor: ReadValueId::new(source.object().clone(), AttributeId::EventNotifier),
            monitoring_mode: MonitoringMode::Reporting,
            requested_parameters: MonitoringParameters {
                client_handle: handle,
                sampling_interval: 0.0,
                queue_size: QUEUE,
                discard_oldest: true,
                filter: ExtensionObject::from_message(source.made().filter()),
            },
        };
        let create = CreateMonitoredItems::new(subscription, &peer.session)
            .timestamps_to_return(TimestampsToReturn::Both)
            .items_to_create(vec![request]);
        let made = create.send(peer.session.channel()).await;
        let made = made.map_err(Fault::service("asking for events"))?;
        let status = made.results.first().map(|made| made.result.status_code);
        if status.is_none_or(|status| status.is_bad()) {
            let why = format!("the server tells of no events: {}", status.unwrap_or_default());
            return Err(Fault::Service { what: "asking for events", why });
        }
    }
    Ok(sources.len())
}

/// Takes an event apart; `None` for one that is not meant.
pub(super) fn event(
    sources: &[Source],
    plant: &Plant,
    told: EventFieldList,
    shift: Shift,
    receive: Utc,
) -> Option<Event> {
    let index = usize::try_from(told.client_handle.checked_sub(EVENTS)?).ok()?;
    let source = sources.get(index)?;
    let mut fields = told.event_fields.unwrap_or_default().into_iter();
    let (Variant::NodeId(kind), time) = (fields.next()?, fields.next()?) else { return None };
    if *kind == ObjectTypeId::EventQueueOverflowEventType {
        return Some(Event::Overflow);
    }
    let values: Vec<Variant> = fields.collect();
    let meant = match &source.made().types {
        Some(types) => types.contains(&kind),
        None => values.iter().any(|value| *value != Variant::Empty),
    };
    if !meant {
        return None;
    }
    let time = if let Variant::DateTime(time) = time { shift.utc(&time) } else { None };
    Some(Event::Result(source.words(plant, &values, time, (shift, receive))))
}
