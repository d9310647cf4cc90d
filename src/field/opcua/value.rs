//! Variants and what the model calls values, in both directions. Pure.
use super::place::{Part, part};
use crate::model::plant::{Tag, TagIndex};
use crate::model::{Quality, Sample, Utc, Value};
use ::opcua::client::Session;
use ::opcua::types::{
    Array, DataValue, DateTime, Guid, LocalizedText, NodeId, Variant, VariantScalarTypeId,
};

/// 1601-01-01, where OPC UA counts from, to 1970-01-01 in ticks of 100 ns.
const EPOCH_TICKS: i64 = 116_444_736_000_000_000;

/// By how much the library has shifted the times of a connection. It takes the difference of the two
/// clocks off every time it decodes, so that a PLC with a wrong clock keeps its channel; we want the
/// time as the device gave it and put the difference on again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Shift(i64);

impl Shift {
    /// Of a session, at this moment: renewing the channel changes it.
    pub(super) fn of(session: &Session) -> Self {
        let context = session.encoding_context().read();
        Self(context.options().client_offset.num_nanoseconds().unwrap_or(0))
    }

    /// A `DateTime` as we keep it; `None` for the null one, which says that there is no time.
    pub(super) fn utc(self, time: &DateTime) -> Option<Utc> {
        // The library has cut the shifted time to 100 ns downwards; the original is the next such step.
        let shifted = i128::from(time.ticks()) * 100 + i128::from(self.0);
        let ticks = i64::try_from((shifted + 99).div_euclid(100)).ok()?;
        (ticks > 0).then(|| (ticks - EPOCH_TICKS).checked_mul(100)).flatten().map(Utc)
    }
}

/// A `DateTime` of ours; OPC UA keeps steps of 100 ns.
pub(super) fn date_time(ns: i64) -> DateTime {
    DateTime::from((ns / 100).saturating_add(EPOCH_TICKS).max(0))
}

/// What a server delivered for a tag, which may be a part of the value; judged by the tag's own rules.
pub(super) fn sample(
    (index, tag): (TagIndex, &Tag),
    parts: &[Part],
    data: DataValue,
    shift: Shift,
    receive: Utc,
) -> Sample {
    let DataValue { value, status, source_timestamp, server_timestamp, .. } = data;
    let status = Quality(status.map_or(0, |code| code.bits()));
    let (value, decoded) = match value {
        None => (Value::Empty, true),
        Some(variant) => match value_at(variant, parts, shift) {
            Some(value) => (value, true),
            None => (Value::Empty, false),
        },
    };
    let quality = if !status.is_good() {
        status
    } else if !decoded {
        Quality::BAD_DECODING
    } else {
        tag.judge(&value).unwrap_or(status)
    };
    Sample {
        tag: index,
        value,
        quality,
        // The one time that the library leaves alone.
        source: source_timestamp.as_ref().and_then(|t| Shift::default().utc(t)),
        server: server_timestamp.as_ref().and_then(|t| shift.utc(t)),
        receive,
    }
}

/// A word that was not delivered, with the reason as its quality.
pub(super) fn missing(tag: TagIndex, quality: Quality, receive: Utc) -> Sample {
    Sample { tag, value: Value::Empty, quality, source: None, server: None, receive }
}

fn value_at(variant: Variant, parts: &[Part], shift: Shift) -> Option<Value> {
    match parts {
        [] => value_of(variant, shift),
        _ => value_of(part(&variant, parts)?.clone(), shift),
    }
}

/// A Variant as a value; `None` for what the model has no value for (structures).
pub(super) fn value_of(variant: Variant, shift: Shift) -> Option<Value> {
    Some(match variant {
        Variant::Empty => Value::Empty,
        Variant::Boolean(b) => Value::Bool(b),
        Variant::SByte(i) => Value::Int(i.into()),
        Variant::Int16(i) => Value::Int(i.into()),
        Variant::Int32(i) => Value::Int(i.into()),
        Variant::Int64(i) => Value::Int(i),
        Variant::Byte(u) => Value::UInt(u.into()),
        Variant::UInt16(u) => Value::UInt(u.into()),
        Variant::UInt32(u) => Value::UInt(u.into()),
        Variant::UInt64(u) => Value::UInt(u),
        Variant::StatusCode(code) => Value::UInt(code.bits().into()),
        Variant::Float(f) => Value::Real(f.into()),
        Variant::Double(f) => Value::Real(f),
        Variant::String(text) => text.value().as_deref().map_or(Value::Empty, text_of),
        Variant::LocalizedText(text) => text.text.value().as_deref().map_or(Value::Empty, text_of),
        Variant::QualifiedName(name) => name.name.value().as_deref().map_or(Value::Empty, text_of),
        Variant::Guid(guid) => Value::Text(guid.to_string()),
        Variant::NodeId(id) => Value::Text(id.to_string()),
        Variant::ExpandedNodeId(id) => Value::Text(id.to_string()),
        Variant::DateTime(time) => shift.utc(&time).map_or(Value::Empty, |t| Value::Time(t.0)),
        Variant::ByteString(bytes) => bytes.value.map_or(Value::Empty, Value::Bytes),
        Variant::Array(array) => {
            let elements = array.values.into_iter().map(|v| value_of(v, shift));
            Value::List(elements.collect::<Option<_>>()?)
        }
        Variant::XmlElement(_)
        | Variant::ExtensionObject(_)
        | Variant::Variant(_)
        | Variant::DataValue(_)
        | Variant::DiagnosticInfo(_) => return None,
    })
}

/// Fixed-length strings of a PLC come with their padding.
fn text_of(text: &str) -> Value {
    Value::Text(text.trim_end_matches(['\0', ' ']).to_owned())
}

/// The type of a node, as far as it can be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kind {
    /// The built-in type.
    pub(super) scalar: VariantScalarTypeId,
    /// Whether it is an array.
    pub(super) array: bool,
}

impl Kind {
    /// From a value that was read.
    pub(super) fn of(variant: &Variant) -> Option<Self> {
        if let Variant::Array(array) = variant {
            return Some(Self { scalar: array.value_type, array: true });
        }
        variant.scalar_type_id().map(|scalar| Self { scalar, array: false })
    }

    /// The width of a whole number, in bits.
    pub(super) fn bits(self) -> Option<u8> {
        use VariantScalarTypeId as T;
        let widths = [
            (8, [T::SByte, T::Byte]),
            (16, [T::Int16, T::UInt16]),
            (32, [T::Int32, T::UInt32]),
            (64, [T::Int64, T::UInt64]),
        ];
        let width = widths.iter().find(|(_, kinds)| !self.array && kinds.contains(&self.scalar));
        width.map(|(bits, _)| *bits)
    }

    /// From the `DataType` attribute of a scalar node; built-in types and the abstract types and
    /// enumerations that have one representation.
    pub(super) fn of_data_type(id: &NodeId) -> Option<Self> {
        let scalar = VariantScalarTypeId::try_from(id).ok()?;
        Some(Self { scalar, array: false })
    }
}

/// Why a value cannot be written to a node.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{value} cannot be written to a node of type {kind}")]
pub(super) struct Unfit {
    value: String,
    kind: String,
}

/// The value as the node's type; never cut, rounded or wrapped.
pub(super) fn variant_of(value: &Value, kind: Kind) -> Result<Variant, Unfit> {
    let variant = match (value, kind.array) {
        (Value::List(elements), true) => {
            let elements: Option<Vec<_>> =
                elements.iter().map(|e| scalar(e, kind.scalar)).collect();
            elements.and_then(|e| Array::new(kind.scalar, e).ok()).map(Variant::from)
        }
        (Value::List(_), false) | (_, true) => None,
        (single, false) => scalar(single, kind.scalar),
    };
    variant.ok_or_else(|| Unfit {
        value: value.to_string(),
        kind: format!("{}{}", kind.scalar, if kind.array { "[]" } else { "" }),
    })
}

fn scalar(value: &Value, kind: VariantScalarTypeId) -> Option<Variant> {
    use VariantScalarTypeId as T;
    Some(match kind {
        T::Boolean => Variant::Boolean(match whole(value)? {
            0 => false,
            1 => true,
            _ => return None,
        }),
        T::SByte => Variant::SByte(whole(value)?.try_into().ok()?),
        T::Byte => Variant::Byte(whole(value)?.try_into().ok()?),
        T::Int16 => Variant::Int16(whole(value)?.try_into().ok()?),
        T::UInt16 => Variant::UInt16(whole(value)?.try_into().ok()?),
        T::Int32 => Variant::Int32(whole(value)?.try_into().ok()?),
        T::UInt32 => Variant::UInt32(whole(value)?.try_into().ok()?),
        T::Int64 => Variant::Int64(whole(value)?.try_into().ok()?),
        T::UInt64 => Variant::UInt64(whole(value)?.try_into().ok()?),
        #[expect(clippy::cast_possible_truncation, reason = "the node holds no more digits")]
        T::Float => Variant::Float(value.number()? as f32),
        T::Double => Variant::Double(value.number()?),
        T::String => Variant::String(value.as_text()?.into()),
        T::LocalizedText => {
            Variant::LocalizedText(Box::new(LocalizedText::new("", &value.as_text()?)))
        }
        T::DateTime => {
            let Value::Time(ns) = value else { return None };
            Variant::DateTime(Box::new(date_time(*ns)))
        }
        T::ByteString => {
            let Value::Bytes(bytes) = value else { return None };
            Variant::ByteString(bytes.clone().into())
        }
        T::Guid => Variant::Guid(Box::new(value.as_text()?.parse::<Guid>().ok()?)),
        T::XmlElement
        | T::NodeId
        | T::ExpandedNodeId
        | T::StatusCode
        | T::QualifiedName
        | T::ExtensionObject
        | T::DataValue
        | T::Variant
        | T::DiagnosticInfo => return None,
    })
}

/// A whole number in any of the forms that one comes in; a text only if it is nothing but digits.
fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Bool(b) => Some(i128::from(*b)),
        Value::Int(i) => Some(i128::from(*i)),
        Value::UInt(u) => Some(i128::from(*u)),
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 53 bits")]
        Value::Real(r) if r.fract() == 0.0 && r.abs() <= 9_007_199_254_740_992.0 => {
            Some(*r as i128)
        }
        Value::Text(text) => text.parse().ok(),
        Value::Empty | Value::Real(_) | Value::Bytes(_) | Value::Time(_) | Value::List(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::opcua::types::{ExtensionObject, StatusCode, UAString};
    use proptest::prelude::*;

    fn kind(scalar: VariantScalarTypeId) -> Kind {
        Kind { scalar, array: false }
    }

    #[test]
    fn a_counter_is_as_wide_as_its_type() {
        let bits = |variant| Kind::of(&variant).unwrap().bits();
        assert_eq!(bits(Variant::UInt16(7)), Some(16));
        assert_eq!(bits(Variant::Int32(7)), Some(32));
        assert_eq!(bits(Variant::Float(7.0)), None);
        assert_eq!(bits(Variant::from(vec![7u16])), None);
    }

    const NONE: Shift = Shift(0);

    #[test]
    fn times_keep_their_hundred_nanoseconds() {
        let ns = 1_700_000_000_123_456_700;
        assert_eq!(NONE.utc(&date_time(ns)), Some(Utc(ns)));
        assert_eq!(NONE.utc(&DateTime::null()), None);
        assert_eq!(NONE.utc(&DateTime::from(EPOCH_TICKS)), Some(Utc(0)));
    }

    proptest! {
        #[test]
        fn the_difference_of_the_clocks_is_put_on_again(
            ns in 0..4_000_000_000_000_000_000i64, offset in -10_000_000_000_000i64..10_000_000_000_000,
        ) {
            let ns = ns - ns % 100;
            let now = date_time(0).as_chrono();
            let later = now + std::time::Duration::from_nanos(offset.unsigned_abs());
            let difference = if offset < 0 { now - later } else { later - now };
            prop_assert_eq!(Shift(offset).utc(&(date_time(ns) - difference)), Some(Utc(ns)));
        }
    }

    #[test]
    fn a_structure_is_no_value_but_a_null_string_is_empty() {
        assert_eq!(value_of(Variant::ExtensionObject(ExtensionObject::null()), NONE), None);
        assert_eq!(value_of(Variant::String(UAString::null()), NONE), Some(Value::Empty));
        assert_eq!(value_of(Variant::String("AB \0\0".into()), NONE), Some(Value::text("AB")));
        let code = Variant::StatusCode(StatusCode::BadTimeout);
        assert_eq!(value_of(code, NONE), Some(Value::UInt(0x800A_0000)));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_never_cut() {
        use VariantScalarTypeId as T;
        assert_eq!(variant_of(&Value::Int(2), kind(T::UInt16)), Ok(Variant::UInt16(2)));
        assert_eq!(variant_of(&Value::UInt(2), kind(T::Int16)), Ok(Variant::Int16(2)));
        assert_eq!(variant_of(&Value::Int(1), kind(T::Boolean)), Ok(Variant::Boolean(true)));
        assert_eq!(variant_of(&Value::UInt(7), kind(T::String)), Ok(Variant::String("7".into())));
        for (value, scalar) in [
            (Value::Int(-1), T::UInt16),
            (Value::UInt(65_536), T::UInt16),
            (Value::Int(2), T::Boolean),
            (Value::Real(1.5), T::Int32),
            (Value::Real(f64::NAN), T::Int32),
            (Value::text("held"), T::Int16),
            (Value::Empty, T::Double),
            (Value::List(vec![Value::Int(1)]), T::Int16),
            (Value::Int(1), T::ExtensionObject),
        ] {
            assert!(variant_of(&value, kind(scalar)).is_err(), "{value} as {scalar}");
        }
    }

    proptest! {
        #[test]
        fn a_written_number_reads_back(number in any::<i64>(), pick in 0..8usize) {
            use VariantScalarTypeId as T;
            let scalars =
                [T::SByte, T::Byte, T::Int16, T::UInt16, T::Int32, T::UInt32, T::Int64, T::UInt64];
            if let Ok(variant) = variant_of(&Value::Int(number), kind(scalars[pick])) {
                prop_assert_eq!(value_of(variant, NONE).unwrap().integer(), Some(number));
            }
        }
    }
}
