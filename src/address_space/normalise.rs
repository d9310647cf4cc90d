//! What clients ask of events, put into the form that the library answers rightly.
//!
//! The library leaves out a select clause that it does not know, which moves all fields after it;
//! and it compares only numbers. So every clause is made one that it takes (a field that an event
//! does not have is null), and where a clause compares with a text, an id or a time, both sides are
//! made numbers. An `Argument` whose rank is out of any reason is refused before it takes memory.
use ::opcua::types::argument::Argument;
use ::opcua::types::{
    AttributeId, BinaryDecodable, ContentFilterElement, Context, DynEncodable, EncodingResult,
    Error, EventFilter, ExtensionObject, FilterOperator, LiteralOperand, LocalizedText, NodeId,
    ObjectId, ObjectTypeId, QualifiedName, SimpleAttributeOperand, TypeLoader, TypeLoaderPriority,
    UAString, Variant,
};
use std::io::Read;

/// Marks a path whose field is wanted as a number. No client can send it: the index stands for no
/// namespace.
const KEY: (u16, &str) = (u16::MAX, "key");
/// Ranks that Part 3 §5.6.2 allows, and as many dimensions as anybody has.
const RANKS: std::ops::RangeInclusive<i32> = -3..=16;

/// Stands before the library's own loader.
pub(super) struct Normalise;

impl TypeLoader for Normalise {
    fn load_from_xml(
        &self,
        _: &NodeId,
        _: &mut ::opcua::types::xml::XmlStreamReader<&mut dyn Read>,
        _: &Context<'_>,
        _: &str,
    ) -> Option<EncodingResult<Box<dyn DynEncodable>>> {
        None
    }

    fn load_from_binary(
        &self,
        id: &NodeId,
        stream: &mut dyn Read,
        ctx: &Context<'_>,
        _: Option<usize>,
    ) -> Option<EncodingResult<Box<dyn DynEncodable>>> {
        if *id == ObjectId::EventFilter_Encoding_DefaultBinary {
            return Some(EventFilter::decode(stream, ctx).map(|filter| {
                let filter: Box<dyn DynEncodable> = Box::new(normal(filter));
                filter
            }));
        }
        if *id == ObjectId::Argument_Encoding_DefaultBinary {
            return Some(argument(stream, ctx).map(|argument| {
                let argument: Box<dyn DynEncodable> = Box::new(argument);
                argument
            }));
        }
        None
    }

    fn priority(&self) -> TypeLoaderPriority {
        TypeLoaderPriority::Core
    }
}

/// Decodes an `Argument` (Part 3 §8.6), which the library fills up to its rank.
fn argument(stream: &mut dyn Read, ctx: &Context<'_>) -> EncodingResult<Argument> {
    let name: UAString = BinaryDecodable::decode(stream, ctx)?;
    let data_type: NodeId = BinaryDecodable::decode(stream, ctx)?;
    let value_rank: i32 = BinaryDecodable::decode(stream, ctx)?;
    if !RANKS.contains(&value_rank) {
        return Err(Error::decoding(format!("an argument has the rank {value_rank}")));
    }
    let array_dimensions: Option<Vec<u32>> = BinaryDecodable::decode(stream, ctx)?;
    let description: LocalizedText = BinaryDecodable::decode(stream, ctx)?;
    Ok(Argument { name, data_type, value_rank, array_dimensions, description })
}

fn normal(mut filter: EventFilter) -> EventFilter {
    for clause in filter.select_clauses.iter_mut().flatten() {
        accept(clause);
    }
    for element in filter.where_clause.elements.iter_mut().flatten() {
        compare(element);
    }
    filter
}

/// Makes a clause one that the library takes whatever it names: with `BaseEventType` it does not
/// look the path up (Part 4 §7.7.4.5), and our events do not look at the type.
fn accept(clause: &mut SimpleAttributeOperand) {
    clause.type_definition_id = ObjectTypeId::BaseEventType.into();
    let path = clause.browse_path.get_or_insert_default();
    let known = [AttributeId::Value, AttributeId::NodeId].map(|a| a as u32);
    if !known.contains(&clause.attribute_id) {
        clause.attribute_id = AttributeId::Value as u32;
        path.push(QualifiedName::null());
    }
}

/// Makes an element compare numbers where it compares what the library cannot.
fn compare(element: &mut ContentFilterElement) {
    let operator = element.filter_operator;
    let Some(operands) = &mut element.filter_operands else { return };
    let keyed = operands.iter().any(|operand| {
        operand.inner_as::<LiteralOperand>().is_some_and(|l| needs_key(operator, &l.value))
    });
    for operand in operands {
        if let Some(clause) = operand.inner_as::<SimpleAttributeOperand>() {
            let mut clause = clause.clone();
            accept(&mut clause);
            if keyed {
                clause.browse_path.get_or_insert_default().push(QualifiedName::new(KEY.0, KEY.1));
            }
            *operand = ExtensionObject::from_message(clause);
        } else if keyed && let Some(literal) = operand.inner_as::<LiteralOperand>() {
            let value = key(literal.value.clone());
            *operand = ExtensionObject::from_message(LiteralOperand { value });
        }
    }
}

/// Whether the library cannot compare this. Keys have no order but that of time, so texts are made
/// keys only where equality is asked.
fn needs_key(operator: FilterOperator, literal: &Variant) -> bool {
    match operator {
        FilterOperator::Equals | FilterOperator::InList => matches!(
            literal,
            Variant::String(_)
                | Variant::LocalizedText(_)
                | Variant::NodeId(_)
                | Variant::ExpandedNodeId(_)
                | Variant::Guid(_)
                | Variant::ByteString(_)
                | Variant::StatusCode(_)
                | Variant::DateTime(_)
        ),
        FilterOperator::GreaterThan
        | FilterOperator::LessThan
        | FilterOperator::GreaterThanOrEqual
        | FilterOperator::LessThanOrEqual
        | FilterOperator::Between => matches!(literal, Variant::DateTime(_)),
        FilterOperator::IsNull
        | FilterOperator::Like
        | FilterOperator::Not
        | FilterOperator::And
        | FilterOperator::Or
        | FilterOperator::Cast
        | FilterOperator::InView
        | FilterOperator::OfType
        | FilterOperator::RelatedTo
        | FilterOperator::BitwiseAnd
        | FilterOperator::BitwiseOr => false,
    }
}

/// A path without the mark, and whether it had it.
pub(super) fn without_key(path: &[QualifiedName]) -> (&[QualifiedName], bool) {
    match path.split_last() {
        Some((last, rest)) if last.namespace_index == KEY.0 && last.name.as_ref() == KEY.1 => {
            (rest, true)
        }
        _ => (path, false),
    }
}

/// A number that is equal where the values are equal; for times also ordered as they are.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library compares all others itself")]
pub(super) fn key(value: Variant) -> Variant {
    match value {
        Variant::String(text) => hash(text.as_ref()).into(),
        Variant::LocalizedText(text) => hash(text.text.as_ref()).into(),
        Variant::NodeId(id) => hash(&id.to_string()).into(),
        Variant::ExpandedNodeId(id) => hash(&id.node_id.to_string()).into(),
        Variant::Guid(guid) => hash(&guid.to_string()).into(),
        Variant::ByteString(bytes) => hash(&bytes.as_base64()).into(),
        Variant::StatusCode(status) => u64::from(status.bits()).into(),
        Variant::DateTime(time) => time.ticks().into(),
        other => other,
    }
}

/// FNV-1a, 64 bits: the same on every machine, and a false hit in a filter harms nobody.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
