//! Results of machines (OPC 40001-101): the objects that tell of them by events, and the methods that
//! name them, give them and take their acknowledgement.
use super::connect::REQUEST;
use super::events::{Field, Made};
use super::fault::Fault;
use super::locate::node_at;
use super::place::{Part, browse_path, part};
use super::services::{Peer, read_fault};
use super::types::{Types, methods};
use super::value::{Kind, Shift, sample, value_of, variant_of};
use crate::model::plant::{DeviceIndex, Plant, Results, TagIndex, TagSource};
use crate::model::{Hex, Quality, ReadFault, ReadFrom, Sample, Text, Utc, Value};
use ::opcua::client::Session;
use ::opcua::types::{
    Argument, Array, BrowsePath, ContentFilter, DataValue, ExtensionObject, NodeId, QualifiedName,
    ReadValueId, ReferenceTypeId, RelativePath, RelativePathElement, StatusCode, Variant,
    VariantScalarTypeId,
};
use std::time::Duration;
use tokio::time::timeout;

/// Where OPC 40001-101 has its names.
pub(super) const RESULT_NAMESPACE: &str = "http://opcfoundation.org/UA/Machinery/Result/";
/// So long a machine may take to give a result.
const PATIENCE: Duration = REQUEST;

/// A method and the names of what it wants.
#[derive(Debug, Clone)]
struct Method {
    id: NodeId,
    arguments: Vec<(String, Option<Kind>)>,
}

/// An object that tells of results.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The field with the name of a result.
    name: TagIndex,
    object: NodeId,
    made: Made,
    /// The words of a result, its name first.
    fields: Vec<Field>,
    recover: Option<Method>,
    fetch: Option<Method>,
    acknowledge: Option<Method>,
}

/// The objects of a device that tell of results.
pub(super) type Sources = Vec<Source>;

/// The source whose results have their names in this tag.
pub(super) fn source(sources: &[Source], name: TagIndex) -> Option<&Source> {
    sources.iter().find(|source| source.name == name)
}

/// Finds the objects and their methods anew, and learns how results are made.
pub(super) async fn find(
    peer: &Peer,
    device: DeviceIndex,
    namespaces: &[String],
) -> Result<Sources, Fault> {
    let wanted = wanted(&peer.plant, device);
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    Types::learn_all(peer).await?;
    let mut sources = Vec::new();
    for Wanted { name, fields, results } in wanted {
        let object = node_at(peer, &results.notifier, namespaces).await?;
        let object = object.ok_or_else(|| missing(&results.notifier.identifier))?;
        let (made, fields) = if let Some(name) = &results.event_type {
            Made::of_type(&peer.session, name, fields).await?
        } else {
            let whole = fields.into_iter().map(|(tag, parts)| (tag, 0, parts));
            (Made::of_results(namespaces, &object), whole.collect())
        };
        sources.push(Source {
            name,
            fields,
            recover: find_method(peer, &object, results.recover.as_deref()).await?,
            fetch: find_method(peer, &object, results.fetch.as_deref()).await?,
            acknowledge: find_method(peer, &object, results.acknowledge.as_deref()).await?,
            made,
            object,
        });
    }
    Ok(sources)
}

/// An object that tells of results: the name of a result, its fields, where it is told.
struct Wanted {
    name: TagIndex,
    fields: Vec<(TagIndex, Vec<Part>)>,
    results: Results,
}

fn wanted(plant: &Plant, device: DeviceIndex) -> Vec<Wanted> {
    let names = plant.result_names(device).into_iter();
    names
        .filter_map(|name| {
            let results = plant.collecting(name).find_map(|h| h.results.clone())?;
            let field = |tag: TagIndex| match &plant.tag(tag).source {
                TagSource::Field(path) => Some((tag, browse_path(&format!("s={path}"))?)),
                TagSource::Node(_) | TagSource::Register(_) => None,
            };
            let fields = plant.result_fields(name).into_iter().filter_map(field).collect();
            Some(Wanted { name, fields, results })
        })
        .collect()
}

fn missing(name: &str) -> Fault {
    let why = format!("the server has no `{}`", name.trim_start_matches("s="));
    Fault::Service { what: "looking for results", why }
}

/// The method of an object, by its browse name in whatever namespace.
async fn find_method(
    peer: &Peer,
    object: &NodeId,
    name: Option<&str>,
) -> Result<Option<Method>, Fault> {
    let Some(name) = name else { return Ok(None) };
    let found = methods(&peer.session, object).await?;
    let found = found.into_iter().find(|(_, browse_name)| *browse_name == name);
    let (id, _) = found.ok_or_else(|| missing(name))?;
    let arguments = arguments(peer, &id).await?;
    if let Some((unknown, _)) = arguments.iter().find(|(name, _)| Asked::of(name).is_none()) {
        let why = format!("the method `{name}` wants `{unknown}`, which is not in OPC 40001-101");
        return Err(Fault::Service { what: "looking for results", why });
    }
    Ok(Some(Method { id, arguments }))
}

async fn arguments(peer: &Peer, method: &NodeId) -> Result<Vec<(String, Option<Kind>)>, Fault> {
    let element = RelativePathElement {
        reference_type_id: ReferenceTypeId::HasProperty.into(),
        is_inverse: false,
        include_subtypes: true,
        target_name: QualifiedName::new(0, "InputArguments"),
    };
    let relative_path = RelativePath { elements: Some(vec![element]) };
    let path = BrowsePath { starting_node: method.clone(), relative_path };
    let found = peer.session.translate_browse_paths_to_node_ids(&[path]).await;
    let found = found.map_err(Fault::service("looking for arguments"))?;
    let target = found.into_iter().flat_map(|result| result.targets.into_iter().flatten()).next();
    let Some(target) = target else { return Ok(Vec::new()) };
    let read = peer.read_raw(vec![ReadValueId::from(target.target_id.node_id)]).await;
    let read = read.map_err(Fault::service("reading arguments"))?;
    let Some(Variant::Array(array)) = read.into_iter().next().and_then(|data| data.value) else {
        return Ok(Vec::new());
    };
    let argument = |value: Variant| {
        let Variant::ExtensionObject(object) = value else { return None };
        object.into_inner_as::<Argument>()
    };
    let all = array.values.into_iter().filter_map(argument);
    Ok(all.map(|a| (a.name.to_string(), Kind::of_data_type(&a.data_type))).collect())
}

/// What a method of OPC 40001-101 wants.
enum Asked {
    Name,
    Names,
    Filter,
    Order,
    Most,
    First,
    Patience,
}

impl Asked {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "ResultId" => Self::Name,
            "ResultIds" | "ResultIdList" => Self::Names,
            "Filter" => Self::Filter,
            "OrderedBy" => Self::Order,
            "MaxResults" => Self::Most,
            "Start" => Self::First,
            "Timeout" => Self::Patience,
            _ => return None,
        })
    }
}

impl Method {
    /// What it is called with, for results of these names.
    fn inputs(&self, names: &[Text]) -> Vec<Variant> {
        let list = || {
            let names = names.iter().map(|name| Variant::from(name.as_str())).collect::<Vec<_>>();
            array(VariantScalarTypeId::String, names)
        };
        let number = |number: usize, kind: Option<Kind>, or: VariantScalarTypeId| {
            let kind = kind.unwrap_or(Kind { scalar: or, array: false });
            let value = Value::UInt(u64::try_from(number).unwrap_or(u64::MAX));
            variant_of(&value, kind).unwrap_or_default()
        };
        let patience = usize::try_from(PATIENCE.as_millis()).unwrap_or(usize::MAX);
        let input = |(name, kind): &(String, Option<Kind>)| match Asked::of(name) {
            Some(Asked::Name) => Variant::from(names.first().map_or("", Text::as_str)),
            Some(Asked::Names) => list(),
            Some(Asked::Filter) => {
                let all = ContentFilter { elements: None };
                Variant::from(ExtensionObject::from_message(all))
            }
            Some(Asked::Order) => array(VariantScalarTypeId::ExtensionObject, Vec::new()),
            Some(Asked::Most) => number(Results::LISTED_MAX, *kind, VariantScalarTypeId::UInt32),
            Some(Asked::First) => number(0, *kind, VariantScalarTypeId::UInt32),
            Some(Asked::Patience) => number(patience, *kind, VariantScalarTypeId::Int32),
            None => Variant::Empty,
        };
        self.arguments.iter().map(input).collect()
    }

    /// What it gives back; a number that is not zero behind them is its word for no.
    async fn call(
        &self,
        session: &Session,
        object: &NodeId,
        names: &[Text],
    ) -> Result<Vec<Variant>, ReadFault> {
        let request = (object.clone(), self.id.clone(), Some(self.inputs(names)));
        let wait = PATIENCE.saturating_add(Duration::from_secs(1));
        let answer = timeout(wait, session.call_one(request)).await;
        let answer = answer.map_err(|_| ReadFault::Timeout)?.map_err(|why| read_fault(&why))?;
        let outputs = answer.output_arguments.unwrap_or_default();
        let said_no = matches!(outputs.last(), Some(Variant::Int32(error)) if *error != 0);
        match answer.status_code {
            StatusCode::BadTimeout => Err(ReadFault::Timeout),
            status if status.is_bad() || said_no => Err(ReadFault::Refused),
            _ => Ok(outputs),
        }
    }
}

fn array(kind: VariantScalarTypeId, values: Vec<Variant>) -> Variant {
    Array::new(kind, values).map_or(Variant::Empty, Variant::from)
}

impl Source {
    /// Reads what a machine has, or one of its results.
    pub(super) async fn read(
        &self,
        peer: &Peer,
        from: &ReadFrom,
    ) -> Result<Vec<Sample>, ReadFault> {
        match from {
            ReadFrom::Words => Err(ReadFault::Refused),
            ReadFrom::Results => self.names(peer).await,
            ReadFrom::Result(name) => {
                let method = self.fetch.as_ref().ok_or(ReadFault::Refused)?;
                let outputs =
                    method.call(&peer.session, &self.object, std::slice::from_ref(name)).await?;
                let is_result = |v: &Variant| matches!(v, Variant::ExtensionObject(_));
                let result = outputs.into_iter().find(is_result).ok_or(ReadFault::Refused)?;
                let receive = (peer.now)().wall;
                let told = (Shift::of(&peer.session), receive);
                Ok(self.words(&peer.plant, &[result], None, told))
            }
        }
    }

    async fn names(&self, peer: &Peer) -> Result<Vec<Sample>, ReadFault> {
        let method = self.recover.as_ref().ok_or(ReadFault::Refused)?;
        let outputs = method.call(&peer.session, &self.object, &[]).await?;
        let is_list = |v: &Variant| matches!(v, Variant::Array(a) if a.value_type == VariantScalarTypeId::String);
        let list = outputs.into_iter().find(is_list).ok_or(ReadFault::Refused)?;
        let value = value_of(list, Shift::of(&peer.session)).ok_or(ReadFault::Refused)?;
        let receive = (peer.now)().wall;
        let quality = Quality::GOOD;
        Ok(vec![Sample { tag: self.name, value, quality, source: None, server: None, receive }])
    }

    /// Tells the machine which results are recorded.
    pub(super) async fn acknowledge(&self, peer: &Peer, names: &Value) -> Result<(), ReadFault> {
        let method = self.acknowledge.as_ref().ok_or(ReadFault::Refused)?;
        let Value::List(names) = names else { return Err(ReadFault::Refused) };
        let names = names.iter().filter_map(|name| Text::parse(&name.as_text()?).ok());
        let names: Vec<Text> = names.collect();
        method.call(&peer.session, &self.object, &names).await.map(|_| ())
    }

    /// The object that tells.
    pub(super) fn object(&self) -> &NodeId {
        &self.object
    }

    /// What its events are made of.
    pub(super) fn made(&self) -> &Made {
        &self.made
    }

    /// The words of a result, or of an event with these fields; what it does not have is there with its quality.
    pub(super) fn words(
        &self,
        plant: &Plant,
        told: &[Variant],
        time: Option<Utc>,
        (shift, receive): (Shift, Utc),
    ) -> Vec<Sample> {
        let word = |(tag, index, parts): &Field| {
            let whole = told.get(*index).filter(|whole| **whole != Variant::Empty);
            let value =
                whole.and_then(|whole| part(whole, parts)).map(|value| plain(value).clone());
            let status = if value.is_some() { StatusCode::Good } else { StatusCode::BadNotFound };
            let data = DataValue { value, status: Some(status), ..DataValue::default() };
            let read = sample((*tag, plant.tag(*tag)), &[], data, shift, receive);
            let value = if *tag == self.name { as_name(read.value) } else { read.value };
            Sample { source: time, value, ..read }
        };
        self.fields.iter().map(word).collect()
    }
}

/// The id of an event is bytes (OPC 10000-5 §6.4.2); names are text.
fn as_name(value: Value) -> Value {
    let Value::Bytes(bytes) = &value else { return value };
    Value::Text(Hex(bytes).to_string())
}

/// What an element of any type holds, without the frame around it.
fn plain(value: &Variant) -> &Variant {
    if let Variant::Variant(inner) = value { plain(inner) } else { value }
}
