//! Records of the ledger as events. One type for all, its fields by name.
use super::place::{Object, Place};
use super::{normalise, table, types};
use crate::query::EventView;
use ::opcua::nodes::Event;
use ::opcua::types::event_field::EventField;
use ::opcua::types::{
    AttributeId, ByteString, DateTime, LocalizedText, NodeId, NumericRange, QualifiedName, Variant,
};

/// A record as a `GenealogyEventType`.
pub(super) struct Genealogy {
    namespace: u16,
    event_type: NodeId,
    time: DateTime,
    receive_time: DateTime,
    view: EventView,
}

impl Genealogy {
    /// The event of a record that is durable; `now` is when it is sent.
    pub(super) fn new(namespace: u16, view: EventView, now: DateTime) -> Self {
        Self {
            namespace,
            event_type: NodeId::new(namespace, types::EVENT.0),
            time: table::time(view.time),
            receive_time: now,
            view,
        }
    }

    /// The node that it is about: its station, else the entry.
    fn source_node(&self) -> NodeId {
        let object = self.view.station.clone().map_or(Object::Traceability, Object::Station);
        NodeId::new(self.namespace, Place::Object(object).to_string())
    }

    /// Fields of `BaseEventType`.
    fn base(&self, name: &str) -> Variant {
        match name {
            // The position, so that the same record has the same id after a restart.
            "EventId" => ByteString::from(self.view.position.0.to_be_bytes().to_vec()).into(),
            "EventType" => self.event_type.clone().into(),
            "SourceNode" => self.source_node().into(),
            "SourceName" => match &self.view.station {
                Some(station) => station.as_str().into(),
                None => "Traceability".into(),
            },
            "Time" => self.time.into(),
            "ReceiveTime" => self.receive_time.into(),
            "Message" => LocalizedText::from(self.view.text.as_str()).into(),
            "Severity" if self.view.went_past.is_some() => ALARM.into(),
            "Severity" => severity(self.view.kind).into(),
            _ => Variant::Empty,
        }
    }

    /// Fields of `GenealogyEventType`.
    fn own(&self, name: &str) -> Variant {
        match name {
            "Position" => self.view.position.0.into(),
            "Verb" => self.view.kind.into(),
            "Items" => self.view.items.iter().map(ToString::to_string).collect::<Vec<_>>().into(),
            "Station" => table::text(self.view.station.as_ref()),
            "Result" => table::optional(self.view.result.map(table::result)),
            "Text" => self.view.text.as_str().into(),
            _ => Variant::Empty,
        }
    }
}

/// What was done against a refusal weighs as much as what is lost.
const ALARM: u16 = 700;

/// 1 to 1000 (Part 5 §6.4.2): what is lost or set aside above what a machine's condition says, and
/// both above everyday events.
fn severity(kind: &str) -> u16 {
    match kind {
        "gap" | "quarantine" => ALARM,
        "verdict" | "hold" => 500,
        "scrap" | "rework" | "correct" => 300,
        _ => 100,
    }
}

impl EventField for Genealogy {
    fn get_value(
        &self,
        attribute: AttributeId,
        range: &NumericRange,
        path: &[QualifiedName],
    ) -> Variant {
        let (path, as_key) = normalise::without_key(path);
        let [name] = path else { return Variant::Empty };
        if attribute != AttributeId::Value {
            return Variant::Empty;
        }
        let value = match name.namespace_index {
            0 => self.base(name.name.as_ref()),
            own if own == self.namespace => self.own(name.name.as_ref()),
            _ => Variant::Empty,
        };
        let value = value.range_of_owned(range).unwrap_or(Variant::Empty);
        if as_key { normalise::key(value) } else { value }
    }
}

impl Event for Genealogy {
    fn get_field(
        &self,
        _: &NodeId,
        attribute: AttributeId,
        range: &NumericRange,
        path: &[QualifiedName],
    ) -> Variant {
        self.get_value(attribute, range, path)
    }

    fn time(&self) -> &DateTime {
        &self.time
    }

    fn event_type_id(&self) -> &NodeId {
        &self.event_type
    }
}
