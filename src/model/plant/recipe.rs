//! What a word holds of a recipe: a number where it is one, else a text.
use super::{Layout, Plant, Protocol, RegisterType, TagSource, Word};
use crate::model::Value;
use std::fmt;

/// What can be written to a word as a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Whole numbers from the first to the last; a text of nothing but digits is one.
    Numbers(i64, i64),
    /// Texts of at most so many bytes; a number is one.
    Texts(usize),
    /// Whatever it is: what the server's type is, shows when it is written.
    Anything,
    /// None at all: one bit, a time, a number with a fraction.
    Nothing,
}

impl Holds {
    /// What a word holds, by where it is found and how it lay when a person looked.
    pub fn of(source: &TagSource, pin: Option<&Layout>, bit: Option<u8>) -> Self {
        match source {
            _ if bit.is_some() => Self::Nothing,
            TagSource::Register(register) => match (register.kind.whole(), register.kind) {
                (Some((low, high)), _) => Self::Numbers(low, high),
                (None, RegisterType::Text(chars) | RegisterType::S7Text(chars)) => {
                    Self::Texts(chars.into())
                }
                (None, _) => Self::Nothing,
            },
            TagSource::Node(_) => pin.map_or(Self::Anything, Self::pinned),
            TagSource::Field(_) => Self::Nothing,
        }
    }

    fn pinned(layout: &Layout) -> Self {
        if !layout.bounds.is_empty() {
            return Self::Nothing;
        }
        match layout.data_type.as_str() {
            "SByte" => Self::Numbers(i8::MIN.into(), i8::MAX.into()),
            "Byte" => Self::Numbers(0, u8::MAX.into()),
            "Int16" => Self::Numbers(i16::MIN.into(), i16::MAX.into()),
            "UInt16" => Self::Numbers(0, u16::MAX.into()),
            "Int32" => Self::Numbers(i32::MIN.into(), i32::MAX.into()),
            "UInt32" => Self::Numbers(0, u32::MAX.into()),
            "Int64" => Self::Numbers(i64::MIN, i64::MAX),
            "UInt64" => Self::Numbers(0, i64::MAX),
            "String" => Self::Texts(usize::MAX),
            "Boolean" | "Float" | "Double" | "DateTime" | "ByteString" => Self::Nothing,
            _ => Self::Anything,
        }
    }

    /// The recipe as the word holds it; `None` if it cannot.
    pub fn hold(self, recipe: &Value) -> Option<Value> {
        match self {
            Self::Numbers(low, high) => {
                let number = match recipe {
                    Value::Text(text) => text.parse().ok(),
                    Value::Int(_) | Value::UInt(_) => recipe.integer(),
                    Value::Empty
                    | Value::Bool(_)
                    | Value::Real(_)
                    | Value::Bytes(_)
                    | Value::Time(_)
                    | Value::List(_) => None,
                };
                number.filter(|number| (low..=high).contains(number)).map(Value::Int)
            }
            Self::Texts(most) => {
                recipe.as_text().filter(|text| text.len() <= most).map(Value::Text)
            }
            Self::Anything => Some(recipe.clone()),
            Self::Nothing => None,
        }
    }
}

impl fmt::Display for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbers(low, high) => write!(f, "it holds {low} to {high}"),
            Self::Texts(most) => write!(f, "it holds {most} characters"),
            Self::Anything => f.write_str("it holds what its server lets it"),
            Self::Nothing => f.write_str("it is neither a text nor a whole number"),
        }
    }
}

impl Plant {
    /// What a word holds of a recipe.
    pub fn holds(&self, word: Word) -> Holds {
        let tag = self.tag(word.tag);
        let pin = match &self.device(tag.device).protocol {
            Protocol::OpcUa(link) => link.pins.get(&tag.name),
            Protocol::Modbus(_) => None,
        };
        Holds::of(&tag.source, pin, word.bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(data_type: &str, bounds: &[u32]) -> Layout {
        let (node, part) = (String::new(), String::new());
        Layout { node, part, data_type: data_type.to_owned(), bounds: bounds.to_vec() }
    }

    #[test]
    fn a_word_holds_a_recipe_as_it_is_or_not_at_all() {
        let (seven, name) = (Value::Int(7), Value::text("P7"));
        let byte = Holds::pinned(&layout("Byte", &[]));
        assert_eq!(byte.hold(&seven), Some(Value::Int(7)));
        assert_eq!(byte.hold(&Value::text("7")), Some(Value::Int(7)));
        for other in [name.clone(), Value::Int(256), Value::Int(-1), Value::Real(7.0)] {
            assert_eq!(byte.hold(&other), None, "{other}");
        }
        let text = Holds::Texts(2);
        assert_eq!(text.hold(&seven), Some(Value::text("7")));
        assert_eq!(text.hold(&name), Some(name.clone()));
        assert_eq!(text.hold(&Value::text("P17")), None);
        // Only its server knows what it is.
        assert_eq!(Holds::pinned(&layout("i=3002", &[])).hold(&name), Some(name.clone()));
        assert_eq!(Holds::pinned(&layout("Byte", &[2])).hold(&seven), None);
        assert_eq!(Holds::pinned(&layout("Double", &[])).hold(&seven), None);
    }
}
