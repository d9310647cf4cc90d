//! The services that a device task uses: resolving, reading, writing.
use super::connect::REQUEST;
use super::fault::Fault;
use super::subscribe::unpack;
use super::value::{Kind, Shift, missing, sample, variant_of};
use crate::model::plant::{DeviceIndex, NodeAddress, Plant, TagIndex, TagSource};
use crate::model::{Quality, ReadFault, Sample, Utc, Value, Write};
use crate::telemetry::Now;
use ::opcua::client::Session;
use ::opcua::types::{
    AttributeId, DataValue, Error, Identifier, NodeId, NumericRange, ReadValueId, StatusCode,
    TimestampsToReturn, VariableId, Variant, WriteValue,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Words in one Read where nothing asks for one request: small PLCs allow no more.
pub(super) const READ_CHUNK: usize = 200;
/// The library has a deadline of its own; this one holds also while it renews the channel.
const PATIENCE: Duration = REQUEST.saturating_add(Duration::from_millis(500));

/// The nodes of a device's tags, as of the last look at `NamespaceArray`.
pub(super) type Nodes = BTreeMap<TagIndex, NodeId>;

/// What every request needs.
#[derive(Clone)]
pub(super) struct Peer {
    pub(super) session: Arc<Session>,
    pub(super) plant: Arc<Plant>,
    pub(super) now: Now,
}

impl Peer {
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

    /// Words in the order given, all in one request; those without a node come back as unknown.
    pub(super) async fn read(
        &self,
        words: &[(TagIndex, Option<NodeId>)],
    ) -> Result<Vec<Sample>, Error> {
        let ids: Vec<_> =
            words.iter().filter_map(|(_, node)| node.clone().map(ReadValueId::from)).collect();
        let data = if ids.is_empty() { Vec::new() } else { self.read_raw(ids).await? };
        let (receive, shift) = (self.wall(), Shift::of(&self.session));
        let mut data = data.into_iter();
        Ok(words
            .iter()
            .map(|(tag, node)| match node.as_ref().and_then(|_| data.next()) {
                Some(data) => sample(*tag, self.plant.tag(*tag), data, shift, receive),
                None => missing(*tag, Quality::BAD_UNKNOWN, receive),
            })
            .collect())
    }

    /// Any number of words, in as many requests as it takes.
    pub(super) async fn read_many(
        &self,
        words: &[(TagIndex, Option<NodeId>)],
    ) -> Result<Vec<Sample>, Error> {
        let (mut rest, mut size) = (words, READ_CHUNK);
        let mut samples = Vec::with_capacity(words.len());
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            match self.read(chunk).await {
                Err(error) if is_too_many(&error) && chunk.len() > 1 => size = chunk.len() / 2,
                read => {
                    samples.extend(read?);
                    rest = after;
                }
            }
        }
        Ok(samples)
    }

    /// Messages of a subscription once more, all of them, in one order of source times.
    pub(super) async fn republish(
        &self,
        device: DeviceIndex,
        subscription: u32,
        numbers: &[u32],
    ) -> Result<Vec<Sample>, Error> {
        let mut samples = Vec::new();
        for number in numbers {
            let message = timeout(PATIENCE, self.session.republish(subscription, *number))
                .await
                .map_err(|_| Error::new(StatusCode::BadTimeout, "no answer in time"))??;
            let shift = Shift::of(&self.session);
            samples.extend(unpack(&self.plant, device, message, shift, self.wall()).samples);
        }
        samples.sort_by_key(Sample::time);
        Ok(samples)
    }

    /// Value and `DataType` of nodes tell how they are to be written.
    pub(super) async fn kinds(
        &self,
        words: &[(TagIndex, NodeId)],
    ) -> Result<BTreeMap<TagIndex, Kind>, Error> {
        let (mut rest, mut size) = (words, READ_CHUNK / 2);
        let mut kinds = BTreeMap::new();
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            let ids = chunk.iter().flat_map(|(_, node)| {
                let value = ReadValueId::from(node.clone());
                let data_type =
                    ReadValueId { attribute_id: AttributeId::DataType as u32, ..value.clone() };
                [value, data_type]
            });
            let data = match self.read_raw(ids.collect()).await {
                Err(error) if is_too_many(&error) && chunk.len() > 1 => {
                    size = chunk.len() / 2;
                    continue;
                }
                data => data?,
            };
            rest = after;
            for ((tag, _), pair) in chunk.iter().zip(data.chunks_exact(2)) {
                let [value, data_type] = pair else { continue };
                let by_value = value.value.as_ref().and_then(Kind::of);
                let by_type = match &data_type.value {
                    Some(Variant::NodeId(id)) => Kind::of_data_type(id),
                    _ => None,
                };
                if let Some(kind) = by_value.or(by_type) {
                    kinds.insert(*tag, kind);
                }
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
            | Self::Bit(..)
            | Self::NoKind(_)
            | Self::Unfit { .. }
            | Self::Refused { .. }
            | Self::Count { .. } => ReadFault::Refused,
        }
    }
}

/// Whether a server refused a request only for its size. What servers state as their limits is not
/// to be trusted, so it is tried.
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
    let node = nodes.get(&write.tag).ok_or_else(|| WriteFault::NoNode(name()))?;
    let kind = kinds.get(&write.tag).ok_or_else(|| WriteFault::NoKind(name()))?;
    let variant =
        variant_of(&write.value, *kind).map_err(|why| WriteFault::Unfit { tag: name(), why })?;
    Ok((node.clone(), variant))
}

/// The node of a tag by the URIs of a server; `None` if the namespace is not there or the
/// identifier cannot be read.
pub(super) fn resolve(plant: &Plant, tag: TagIndex, namespaces: &[String]) -> Option<NodeId> {
    match &plant.tag(tag).source {
        TagSource::Node(address) => node_of(address, namespaces),
        TagSource::Register(_) => None,
    }
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
    use crate::field::opcua::tests::plc::{ACK, COUNT, NAMESPACE, plant};
    use crate::model::plant::{Security, Trust};
    use ::opcua::types::VariantScalarTypeId;

    #[test]
    fn only_a_declared_word_with_a_node_and_a_type_is_written() {
        let plant = plant(1, Security::None, Trust::Pki);
        let kind = Kind { scalar: VariantScalarTypeId::UInt16, array: false };
        let nodes: Nodes =
            [ACK, COUNT].map(|tag| (tag, NodeId::new(2, plant.tag(tag).name.as_str()))).into();
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
    }

    #[test]
    fn a_node_is_found_by_the_uri_wherever_its_namespace_stands() {
        let plant = plant(1, Security::None, Trust::Pki);
        let server = |uris: &[&str]| uris.iter().map(|u| (*u).to_owned()).collect::<Vec<_>>();
        let at = |uris: &[&str]| resolve(&plant, COUNT, &server(uris));
        assert_eq!(at(&["a", NAMESPACE]), Some(NodeId::new(1, "Count")));
        assert_eq!(at(&["a", "b", NAMESPACE]), Some(NodeId::new(2, "Count")));
        assert_eq!(at(&["a", "b"]), None, "never another namespace's node");
    }
}
