//! Values and the variants of a stand-in's nodes, in both directions. A node keeps its type.
use crate::model::Value;
use ::opcua::types::{DateTime, Variant, VariantScalarTypeId};

/// Between 1601, where OPC UA counts from (Part 6 §5.2.2.5), and 1970; in ticks of 100 ns.
const TICKS_TO_1970: i64 = 116_444_736_000_000_000;

/// A moment as OPC UA has it.
pub(super) fn moment(ns: i64) -> Variant {
    Variant::from(DateTime::from((ns / 100).saturating_add(TICKS_TO_1970)))
}

/// An array of texts.
pub(super) fn texts_of(texts: &[String]) -> Variant {
    Variant::from(texts.to_vec())
}

/// The value as the type that the node holds; `None` if it does not fit.
#[expect(clippy::wildcard_enum_match_arm, reason = "a stand-in makes nodes of no other type")]
pub(super) fn variant(held: &Variant, value: &Value) -> Option<Variant> {
    Some(match held {
        Variant::Boolean(_) => match value.integer()? {
            0 => Variant::Boolean(false),
            1 => Variant::Boolean(true),
            _ => return None,
        },
        Variant::Int32(_) => Variant::Int32(value.integer()?.try_into().ok()?),
        Variant::UInt32(_) => Variant::UInt32(u32::try_from(value.integer()?).ok()?),
        Variant::Double(_) => Variant::Double(value.number()?),
        Variant::String(_) => Variant::from(value.as_text()?),
        Variant::DateTime(_) => match value {
            Value::Time(ns) => moment(*ns),
            Value::Empty
            | Value::Bool(_)
            | Value::Int(_)
            | Value::UInt(_)
            | Value::Real(_)
            | Value::Text(_)
            | Value::Bytes(_)
            | Value::List(_) => return None,
        },
        Variant::Array(of) if of.value_type == VariantScalarTypeId::String => match value {
            Value::List(texts) => {
                let texts: Option<Vec<String>> = texts.iter().map(Value::as_text).collect();
                texts_of(&texts?)
            }
            Value::Empty
            | Value::Bool(_)
            | Value::Int(_)
            | Value::UInt(_)
            | Value::Real(_)
            | Value::Text(_)
            | Value::Bytes(_)
            | Value::Time(_) => return None,
        },
        _ => return None,
    })
}

/// What a node holds.
#[expect(clippy::wildcard_enum_match_arm, reason = "a stand-in makes nodes of no other type")]
pub(super) fn value(held: &Variant) -> Value {
    match held {
        Variant::Boolean(on) => Value::Bool(*on),
        Variant::Int32(number) => Value::Int((*number).into()),
        Variant::UInt32(number) => Value::UInt((*number).into()),
        Variant::Double(number) => Value::Real(*number),
        Variant::String(text) => Value::Text(text.to_string()),
        Variant::DateTime(at) => {
            Value::Time(at.ticks().saturating_sub(TICKS_TO_1970).saturating_mul(100))
        }
        Variant::Array(of) => Value::List(of.values.iter().map(value).collect()),
        _ => Value::Empty,
    }
}

/// The type of a node, for people.
#[expect(clippy::wildcard_enum_match_arm, reason = "a stand-in makes nodes of no other type")]
pub(super) fn kind(held: &Variant) -> &'static str {
    match held {
        Variant::Boolean(_) => "a Boolean",
        Variant::Int32(_) => "an Int32",
        Variant::UInt32(_) => "a UInt32",
        Variant::Double(_) => "a Double",
        Variant::String(_) => "a String",
        Variant::DateTime(_) => "a DateTime",
        Variant::Array(_) => "an array of String",
        _ => "no node",
    }
}

/// The word with one bit set or cleared.
pub(super) fn with_bit(value: &Value, bit: u8, on: &Value) -> Value {
    let mask = 1_u64.checked_shl(bit.into()).unwrap_or(0);
    let word = value.count().unwrap_or(0);
    Value::UInt(if on.integer() == Some(0) { word & !mask } else { word | mask })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_keeps_its_type_and_gives_back_what_it_was_given() {
        let held = [
            (Variant::Boolean(false), Value::Bool(true)),
            (Variant::Int32(0), Value::Int(-3)),
            (Variant::UInt32(0), Value::UInt(4_294_967_295)),
            (Variant::Double(0.0), Value::Real(12.1)),
            (Variant::from(""), Value::text("SN-1")),
            (moment(0), Value::Time(1_767_592_800_000_000_000)),
            (texts_of(&[]), Value::List(vec![Value::text("B1"), Value::text("")])),
        ];
        for (held, given) in held {
            let put = variant(&held, &given).unwrap();
            assert_eq!(kind(&put), kind(&held));
            assert_eq!(value(&put), given);
        }
        assert_eq!(variant(&Variant::UInt32(0), &Value::Int(-1)), None);
        assert_eq!(variant(&Variant::Boolean(false), &Value::UInt(2)), None);
        assert_eq!(variant(&Variant::Double(0.0), &Value::text("12")), None);
    }

    #[test]
    fn one_bit_leaves_the_others() {
        assert_eq!(with_bit(&Value::UInt(0b101), 1, &Value::Bool(true)), Value::UInt(0b111));
        assert_eq!(with_bit(&Value::UInt(0b101), 0, &Value::Bool(false)), Value::UInt(0b100));
    }
}
