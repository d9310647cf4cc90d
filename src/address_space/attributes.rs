//! The attributes of a virtual node (Part 3 §5).
use super::place::{Object, Place};
use super::reader::{Reader, class, kind};
use super::source::Source;
use ::opcua::types::{
    AttributeId, DataValue, NodeClass, NumericRange, StatusCode, TimestampsToReturn, Variant,
};

/// `AccessLevel`: readable and nothing else.
const CURRENT_READ: u8 = 1;
/// `EventNotifier`: events can be subscribed to.
const SUBSCRIBE_TO_EVENTS: u8 = 1;

/// Reads one attribute; an attribute that the node's class does not have is
/// `BadAttributeIdInvalid`.
pub(super) fn read<S: Source>(
    reader: &Reader<'_, S>,
    place: &Place,
    attribute: AttributeId,
    range: &NumericRange,
    back: TimestampsToReturn,
) -> Result<DataValue, StatusCode> {
    let mut value = if attribute == AttributeId::Value {
        reader.value(place).ok_or(StatusCode::BadAttributeIdInvalid)?
    } else {
        constant(reader, place, attribute)?.into()
    };
    if let Some(whole) = value.value.take() {
        value.value = Some(whole.range_of_owned(range)?);
    }
    if matches!(back, TimestampsToReturn::Server | TimestampsToReturn::Neither) {
        value.source_timestamp = None;
    }
    if matches!(back, TimestampsToReturn::Source | TimestampsToReturn::Neither) {
        value.server_timestamp = None;
    }
    Ok(value)
}

/// An attribute that identity alone decides.
#[expect(clippy::wildcard_enum_match_arm, reason = "no node of ours has any other attribute")]
fn constant<S: Source>(
    reader: &Reader<'_, S>,
    place: &Place,
    attribute: AttributeId,
) -> Result<Variant, StatusCode> {
    let node_class = class(place);
    let of = |wanted: NodeClass| {
        (node_class == wanted).then_some(()).ok_or(StatusCode::BadAttributeIdInvalid)
    };
    let kind = || kind(place).ok_or(StatusCode::BadAttributeIdInvalid);
    Ok(match attribute {
        AttributeId::NodeId => reader.id(place).into(),
        AttributeId::NodeClass => (node_class as i32).into(),
        AttributeId::BrowseName => reader.metadata(place).browse_name.into(),
        AttributeId::DisplayName => reader.metadata(place).display_name.into(),
        AttributeId::Description => reader.description(place).into(),
        AttributeId::WriteMask | AttributeId::UserWriteMask => 0u32.into(),
        AttributeId::EventNotifier => {
            of(NodeClass::Object)?;
            let notifies = *place == Place::Object(Object::Traceability);
            (if notifies { SUBSCRIBE_TO_EVENTS } else { 0 }).into()
        }
        AttributeId::DataType => kind()?.data_type(reader.namespace).into(),
        AttributeId::ValueRank => kind()?.rank().into(),
        AttributeId::ArrayDimensions if kind()?.rank() == 1 => vec![0u32].into(),
        AttributeId::AccessLevel | AttributeId::UserAccessLevel => {
            of(NodeClass::Variable)?;
            CURRENT_READ.into()
        }
        AttributeId::Historizing => {
            of(NodeClass::Variable)?;
            false.into()
        }
        AttributeId::Executable | AttributeId::UserExecutable => {
            of(NodeClass::Method)?;
            true.into()
        }
        _ => return Err(StatusCode::BadAttributeIdInvalid),
    })
}
