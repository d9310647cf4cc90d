//! The services that a device task uses: resolving, reading, writing.
use super::connect::REQUEST;
use super::fault::Fault;
use super::limits::Limits;
use super::place::{Place, part};
use super::publish::Publisher;
use super::results::Sources;
use super::subscribe::{Told, unpack};
use super::value::{Kind, Shift, missing, sample, variant_of};
use crate::model::plant::{DeviceIndex, NodeAddress, Plant, TagIndex};
use crate::model::{Quality, ReadFault, Sample, Utc, Value, Write};
use crate::telemetry::Now;
use ::opcua::client::services::Republish;
use ::opcua::client::{Session, UARequest};
use ::opcua::sync::RwLock;
use ::opcua::types::{
    AttributeId, DataValue, Error, Identifier, NodeId, NumericRange, ReadValueId, StatusCode,
    TimestampsToReturn, VariableId, Variant, WriteValue,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The library has a deadline of its own; this one holds also while it renews the channel.
const PATIENCE: Duration = REQUEST.saturating_add(Duration::from_millis(500));

/// Where the words of a device are.
pub(super) type Nodes = BTreeMap<TagIndex, Place>;

/// Words with where they are; `None`: nowhere on this server.
pub(super) type Words = Vec<(TagIndex, Option<Place>)>;

/// Where the words are, as of the last look; a look comes with every connect and with what was refused.
#[derive(Clone, Default)]
pub(super) struct Places {
    nodes: Arc<RwLock<Arc<Nodes>>>,
    sources: Arc<RwLock<Arc<Sources>>>,
}

impl Places {
    pub(super) fn now(&self) -> Arc<Nodes> {
        Arc::clone(&self.nodes.read())
    }

    pub(super) fn put(&self, nodes: Nodes) {
        *self.nodes.write() = Arc::new(nodes);
    }

    /// The objects that tell of results.
    pub(super) fn sources(&self) -> Arc<Sources> {
        Arc::clone(&self.sources.read())
    }

    pub(super) fn put_sources(&self, sources: Sources) {
        *self.sources.write() = Arc::new(sources);
    }

    pub(super) fn words(&self, tags: impl IntoIterator<Item = TagIndex>) -> Words {
        let nodes = self.now();
        tags.into_iter().map(|tag| (tag, nodes.get(&tag).cloned())).collect()
    }
}

/// What every request needs.
#[derive(Clone)]
pub(super) struct Peer {
    pub(super) session: Arc<Session>,
    pub(super) plant: Arc<Plant>,
    pub(super) now: Now,
    pub(super) places: Places,
    pub(super) publisher: Publisher,
    pub(super) limits: Arc<Limits>,
}

impl Peer {
    pub(super) fn new(session: Arc<Session>, plant: Arc<Plant>, now: Now) -> Self {
        Self::limited(session, plant, now, Arc::default())
    }

    /// The same, with what is known of the server's limits.
    pub(super) fn limited(
        session: Arc<Session>,
        plant: Arc<Plant>,
        now: Now,
        limits: Arc<Limits>,
    ) -> Self {
        Self {
            session,
            plant,
            now,
            places: Places::default(),
            publisher: Publisher::default(),
            limits,
        }
    }

    fn wall(&self) -> Utc {
        (self.now)().wall
    }

    /// `NamespaceArray` by index.
    pub(super) async fn namespaces(&self) -> Result<Vec<String>, Fault> {
        namespaces_of(&self.session).await
    }

    /// `Server.ServerStatus.StartTime`, if the server tells it.
    pub(super) async fn start_time(&self) -> Result<Option<Utc>, Fault> {
        let node = NodeId::from(VariableId::Server_ServerStatus_StartTime);
        let read = self.read_raw(vec![node.into()]).await;
        let data = read.map_err(Fault::service("reading StartTime"))?;
        Ok(data.into_iter().next().and_then(|d| match d.value {
            Some(Variant::DateTime(time)) => Shift::of(&self.session).utc(&time),
            _ => None,
        }))
    }

    pub(super) async fn read_raw(&self, ids: Vec<ReadValueId>) -> Result<Vec<DataValue>, Error> {
        read_raw(&self.session, ids).await
    }

    /// Words in the order given, all in one request; those without a node come back as unknown. Words
    /// that are parts of one value come from one and the same.
    pub(super) async fn read(
        &self,
        words: &[(TagIndex, Option<Place>)],
    ) -> Result<Vec<Sample>, Error> {
        let (ids, answers) = asked(words);
        let data = if ids.is_empty() { Vec::new() } else { self.read_raw(ids).await? };
        let (receive, shift) = (self.wall(), Shift::of(&self.session));
        let samples = words.iter().zip(answers).map(|((tag, place), answer)| {
            match (place, answer.and_then(|at| data.get(at))) {
                (Some(place), Some(data)) => {
                    let word = (*tag, self.plant.tag(*tag));
                    sample(word, &place.parts, data.clone(), shift, receive)
                }
                _ => missing(*tag, Quality::BAD_UNKNOWN, receive),
            }
        });
        Ok(samples.collect())
    }

    /// Any number of words, in as many requests as it takes.
    pub(super) async fn read_many(
        &self,
        words: &[(TagIndex, Option<Place>)],
    ) -> Result<Vec<Sample>, Error> {
        let (mut rest, mut size) = (words, self.limits.read.now());
        let mut samples = Vec::with_capacity(words.len());
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            match self.read(chunk).await {
                Err(error) if is_too_many(&error) && chunk.len() > 1 => {
                    size = self.limits.read.halved(&error, chunk.len());
                }
                read => {
                    samples.extend(read?);
                    rest = after;
                }
            }
        }
        Ok(samples)
    }

    /// Any number of attributes, in as many requests as it takes.
    pub(super) async fn read_all(&self, ids: Vec<ReadValueId>) -> Result<Vec<DataValue>, Error> {
        let (mut rest, mut size) = (ids.as_slice(), self.limits.read.now());
        let mut all = Vec::with_capacity(ids.len());
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            match self.read_raw(chunk.to_vec()).await {
                Err(error) if is_too_many(&error) && chunk.len() > 1 => {
                    size = self.limits.read.halved(&error, chunk.len());
                }
                read => {
                    all.extend(read?);
                    rest = after;
                }
            }
        }
        Ok(all)
    }

    /// Messages of a subscription once more, all of them, in one order of source times.
    pub(super) async fn republish(
        &self,
        device: DeviceIndex,
        subscription: u32,
        numbers: &[u32],
    ) -> Result<Told, Error> {
        let mut all = Told::default();
        for number in numbers {
            let request = Republish::new(subscription, *number, &self.session);
            let answer = timeout(PATIENCE, request.send(self.session.channel()))
                .await
                .map_err(|_| Error::new(StatusCode::BadTimeout, "no answer in time"))??;
            self.publisher.received(subscription, *number);
            let message = answer.notification_message;
            let shift = Shift::of(&self.session);
            let told = unpack((&self.plant, device), &self.places, message, shift, self.wall());
            all.samples.extend(told.samples);
            all.events.extend(told.events);
        }
        all.samples.sort_by_key(Sample::time);
        Ok(all)
    }

    /// Value and `DataType` of nodes tell how they are to be written.
    pub(super) async fn kinds(
        &self,
        words: &[(TagIndex, Place)],
    ) -> Result<BTreeMap<TagIndex, Kind>, Error> {
        let ids = words.iter().flat_map(|(_, place)| {
            [AttributeId::Value, AttributeId::DataType]
                .map(|attribute| ReadValueId::new(place.node.clone(), attribute))
        });
        let data = self.read_all(ids.collect()).await?;
        let mut kinds = BTreeMap::new();
        for ((tag, place), pair) in words.iter().zip(data.chunks_exact(2)) {
            let [value, data_type] = pair else { continue };
            let by_value = value.value.as_ref().and_then(|v| part(v, &place.parts));
            let by_type = match &data_type.value {
                Some(Variant::NodeId(id)) if !place.is_part() => Kind::of_data_type(id),
                _ => None,
            };
            if let Some(kind) = by_value.and_then(Kind::of).or(by_type) {
                kinds.insert(*tag, kind);
            }
        }
        Ok(kinds)
    }

    /// Writes words in one request. Timestamps are left to the server: many refuse ours.
    pub(super) async fn write(&self, words: Vec<(NodeId, Variant)>) -> Result<(), WriteFault> {
        let values: Vec<_> = words
            .into_iter()
            .map(|(node_id, value)| WriteValue {
                node_id,
                attribute_id: AttributeId::Value as u32,
                index_range: NumericRange::None,
                value: DataValue::value_only(value),
            })
            .collect();
        let statuses = timeout(PATIENCE, self.session.write(&values))
            .await
            .map_err(|_| Error::new(StatusCode::BadTimeout, "no answer in time"))
            .and_then(|answer| answer)?;
        if statuses.len() != values.len() {
            return Err(WriteFault::Count { got: statuses.len(), wanted: values.len() });
        }
        match values.iter().zip(statuses).find(|(_, status)| !status.is_good()) {
            Some((value, status)) => {
                Err(WriteFault::Refused { node: value.node_id.to_string(), status })
            }
            None => Ok(()),
        }
    }
}

/// One Read request, past every cache (`MaxAge` 0), both timestamps; a value for every node.
pub(super) async fn read_raw(
    session: &Session,
    ids: Vec<ReadValueId>,
) -> Result<Vec<DataValue>, Error> {
    let wanted = ids.len();
    let read = session.read(&ids, TimestampsToReturn::Both, 0.0);
    let data = timeout(PATIENCE, read)
        .await
        .map_err(|_| Error::new(StatusCode::BadTimeout, "no answer in time"))??;
    if data.len() == wanted {
        Ok(data)
    } else {
        let why = format!("{} values for {wanted} nodes", data.len());
        Err(Error::new(StatusCode::BadUnexpectedError, why))
    }
}

/// What to ask for in one request, and which answer is whose. A value that holds several of the words is
/// read once, so that nothing can change between them; but the last word, which shows that nothing has
/// changed, is read anew unless that value is all that is read.
fn asked(words: &[(TagIndex, Option<Place>)]) -> (Vec<ReadValueId>, Vec<Option<usize>>) {
    let mut nodes: Vec<&NodeId> = Vec::new();
    let mut answers = Vec::with_capacity(words.len());
    for (at, (_, place)) in words.iter().enumerate() {
        let Some(place) = place else {
            answers.push(None);
            continue;
        };
        let known = nodes.iter().position(|node| **node == place.node);
        let shared = known.filter(|_| place.is_part());
        let anew = at + 1 == words.len() && nodes.len() > 1;
        answers.push(Some(shared.filter(|_| !anew).unwrap_or(nodes.len())));
        if shared.is_none() || anew {
            nodes.push(&place.node);
        }
    }
    (nodes.into_iter().map(|node| ReadValueId::from(node.clone())).collect(), answers)
}

/// `NamespaceArray` by index.
pub(super) async fn namespaces_of(session: &Session) -> Result<Vec<String>, Fault> {
    let node = NodeId::from(VariableId::Server_NamespaceArray);
    let read = read_raw(session, vec![node.into()]).await;
    let data = read.map_err(Fault::service("reading NamespaceArray"))?;
    let variant = data.into_iter().next().and_then(|d| d.value).unwrap_or_default();
    match super::value::value_of(variant, Shift::of(session)) {
        Some(Value::List(uris)) => {
            Ok(uris.into_iter().map(|uri| uri.as_text().unwrap_or_default()).collect())
        }
        _ => Err(Fault::Service {
            what: "reading NamespaceArray",
            why: "the server gave no list".to_owned(),
        }),
    }
}

/// Why a write was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteFault {
    #[error("`{0}` is not named as ack, reply or host heartbeat; it is never written")]
    NotDeclared(String),
    #[error("`{0}` has no node on this server")]
    NoNode(String),
    #[error("`{0}` is a part of a value; only whole nodes are written")]
    Part(String),
    #[error("single bits are not written over OPC UA, `{0}` has bit {1}")]
    Bit(String, u8),
    #[error("the type of `{0}` is not known")]
    NoKind(String),
    #[error("`{tag}`: {why}")]
    Unfit { tag: String, why: super::value::Unfit },
    #[error("the server refused to write `{node}`: {status}")]
    Refused { node: String, status: StatusCode },
    #[error("the server answered {got} of {wanted} writes")]
    Count { got: usize, wanted: usize },
    #[error(transparent)]
    Service(#[from] Error),
}

impl WriteFault {
    pub(super) fn read_fault(&self) -> ReadFault {
        match self {
            Self::Service(error) => read_fault(error),
            Self::NotDeclared(_)
            | Self::NoNode(_)
            | Self::Part(_)
            | Self::Bit(..)
            | Self::NoKind(_)
            | Self::Unfit { .. }
            | Self::Refused { .. }
            | Self::Count { .. } => ReadFault::Refused,
        }
    }
}

/// Whether a server refused a request only for its size.
pub(super) fn is_too_many(error: &Error) -> bool {
    matches!(
        error.status(),
        StatusCode::BadTooManyOperations
            | StatusCode::BadRequestTooLarge
            | StatusCode::BadResponseTooLarge
            | StatusCode::BadEncodingLimitsExceeded
    )
}

/// What the engine is told of a service that failed.
pub(super) fn read_fault(error: &Error) -> ReadFault {
    match error.status() {
        StatusCode::BadTimeout | StatusCode::BadRequestTimeout => ReadFault::Timeout,
        StatusCode::BadNotConnected
        | StatusCode::BadConnectionClosed
        | StatusCode::BadCommunicationError
        | StatusCode::BadSecureChannelClosed
        | StatusCode::BadSecureChannelIdInvalid
        | StatusCode::BadSessionClosed
        | StatusCode::BadSessionIdInvalid
        | StatusCode::BadServerHalted
        | StatusCode::BadShutdown => ReadFault::Disconnected,
        _ => ReadFault::Refused,
    }
}

/// A word with its node and the variant to be written; refuses what is not declared writable.
pub(super) fn prepare(
    plant: &Plant,
    nodes: &Nodes,
    kinds: &BTreeMap<TagIndex, Kind>,
    write: &Write,
) -> Result<(NodeId, Variant), WriteFault> {
    let tag = plant.tag(write.tag);
    let name = || tag.name.to_string();
    if !tag.writable {
        return Err(WriteFault::NotDeclared(name()));
    }
    if let Some(bit) = write.bit {
        return Err(WriteFault::Bit(name(), bit));
    }
    let place = nodes.get(&write.tag).ok_or_else(|| WriteFault::NoNode(name()))?;
    if place.is_part() {
        return Err(WriteFault::Part(name()));
    }
    let kind = kinds.get(&write.tag).ok_or_else(|| WriteFault::NoKind(name()))?;
    let variant =
        variant_of(&write.value, *kind).map_err(|why| WriteFault::Unfit { tag: name(), why })?;
    Ok((place.node.clone(), variant))
}

/// The node that an address means on a server with these namespaces.
pub(super) fn node_of(address: &NodeAddress, namespaces: &[String]) -> Option<NodeId> {
    let index = namespaces.iter().position(|uri| *uri == address.namespace)?;
    let identifier: Identifier = address.identifier.parse().ok()?;
    Some(NodeId::new(u16::try_from(index).ok()?, identifier))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::opcua::place::Part;
    use crate::field::opcua::tests::plc::{ACK, COUNT, NAMESPACE, plant};
    use crate::model::plant::{Security, Trust};
    use ::opcua::types::VariantScalarTypeId;

    #[test]
    fn only_a_declared_word_with_a_node_and_a_type_is_written() {
        let plant = plant(1, Security::None, Trust::Pki);
        let kind = Kind { scalar: VariantScalarTypeId::UInt16, array: false };
        let place = |tag| Place::whole(NodeId::new(2, plant.tag(tag).name.as_str()));
        let nodes: Nodes = [ACK, COUNT].map(|tag| (tag, place(tag))).into();
        let kinds: BTreeMap<_, _> = [(ACK, kind), (COUNT, kind)].into();
        let word = |tag, bit| Write { tag, bit, value: Value::UInt(8) };
        let try_to = |nodes: &Nodes, kinds: &BTreeMap<_, _>, write: &Write| {
            prepare(&plant, nodes, kinds, write)
        };
        let ready = try_to(&nodes, &kinds, &word(ACK, None)).unwrap();
        assert_eq!(ready, (NodeId::new(2, "Ack"), Variant::UInt16(8)));
        let undeclared = try_to(&nodes, &kinds, &word(COUNT, None));
        assert!(matches!(undeclared, Err(WriteFault::NotDeclared(_))), "{undeclared:?}");
        let bit = try_to(&nodes, &kinds, &word(ACK, Some(0)));
        assert!(matches!(bit, Err(WriteFault::Bit(_, 0))), "{bit:?}");
        let no_node = try_to(&Nodes::new(), &kinds, &word(ACK, None));
        assert!(matches!(no_node, Err(WriteFault::NoNode(_))), "{no_node:?}");
        let no_kind = try_to(&nodes, &BTreeMap::new(), &word(ACK, None));
        assert!(matches!(no_kind, Err(WriteFault::NoKind(_))), "{no_kind:?}");
        let mut inside = nodes.clone();
        inside.get_mut(&ACK).unwrap().parts.push(Part::Element(0));
        let part = try_to(&inside, &kinds, &word(ACK, None));
        assert!(matches!(part, Err(WriteFault::Part(_))), "{part:?}");
    }

    #[test]
    fn a_value_that_holds_several_words_is_read_once_and_the_last_word_anew() {
        let place = |node: &str, part| {
            let parts = Option::into_iter(part).map(Part::Element).collect();
            Some(Place { node: NodeId::new(2, node), parts })
        };
        let words = |places: &[Option<Place>]| -> Vec<_> {
            places.iter().map(|place| (COUNT, place.clone())).collect()
        };
        let read = |places: &[Option<Place>]| {
            let (ids, answers) = asked(&words(places));
            (ids.len(), answers)
        };
        let (a0, a1, b) = (place("A", Some(0)), place("A", Some(1)), place("B", None));
        let inside = [a0.clone(), a1.clone(), a0.clone()];
        assert_eq!(read(&inside), (1, vec![Some(0); 3]), "one value, nothing can have moved");
        let mixed = [a0.clone(), a1, b.clone(), None, a0];
        assert_eq!(read(&mixed), (3, vec![Some(0), Some(0), Some(1), None, Some(2)]));
        assert_eq!(read(&[b.clone(), b]), (2, vec![Some(0), Some(1)]), "a node of its own");
    }

    #[test]
    fn a_node_is_found_by_the_uri_wherever_its_namespace_stands() {
        let server = |uris: &[&str]| uris.iter().map(|u| (*u).to_owned()).collect::<Vec<_>>();
        let (namespace, identifier) = (NAMESPACE.to_owned(), "s=Count".to_owned());
        let address = NodeAddress { namespace, identifier };
        let at = |uris: &[&str]| node_of(&address, &server(uris));
        assert_eq!(at(&["a", NAMESPACE]), Some(NodeId::new(1, "Count")));
        assert_eq!(at(&["a", "b", NAMESPACE]), Some(NodeId::new(2, "Count")));
        assert_eq!(at(&["a", "b"]), None, "never another namespace's node");
    }
}
