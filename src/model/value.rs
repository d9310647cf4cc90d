//! The value of a tag as it was read, bit for bit.
use minicbor::{Decode, Encode};
use std::fmt;

/// A value of a tag: what OPC UA calls a Variant and Modbus a decoded group of registers.
///
/// `NaN` and infinities are kept bit-exact; whoever computes with a value asks [`Value::number`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, serde::Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Nothing: a Variant without a value.
    #[n(0)]
    Empty,
    /// Boolean, coil or bit.
    #[n(1)]
    Bool(#[n(0)] bool),
    /// Signed integers up to 64 bits.
    #[n(2)]
    Int(#[n(0)] i64),
    /// Unsigned integers up to 64 bits.
    #[n(3)]
    UInt(#[n(0)] u64),
    /// Float or Double; a Float is widened without change of value.
    #[n(4)]
    Real(#[n(0)] f64),
    /// String, with the padding of fixed-length strings taken off.
    #[n(5)]
    Text(#[n(0)] String),
    /// `ByteString`.
    #[n(6)]
    Bytes(
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        #[serde(serialize_with = "hex")]
        Vec<u8>,
    ),
    /// `DateTime`, nanoseconds since the Unix epoch, UTC.
    #[n(7)]
    Time(#[n(0)] i64),
    /// Array.
    #[n(8)]
    List(#[n(0)] Vec<Value>),
}

/// JSON has no bytes: two digits for each.
fn hex<S: serde::Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(&Hex(bytes))
}

/// Bytes, two digits for each.
#[derive(Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl Value {
    /// A text value.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// As a finite number, if it is one. Booleans count as 0 and 1.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Bool(b) => Some(f64::from(u8::from(*b))),
            #[expect(clippy::cast_precision_loss, reason = "a measurement; 53 bits suffice")]
            Self::Int(i) => Some(*i as f64),
            #[expect(clippy::cast_precision_loss, reason = "a measurement; 53 bits suffice")]
            Self::UInt(u) => Some(*u as f64),
            Self::Real(r) => r.is_finite().then_some(*r),
            Self::Empty | Self::Text(_) | Self::Bytes(_) | Self::Time(_) | Self::List(_) => None,
        }
    }

    /// As an unsigned count, if it is a whole number that fits.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::UInt(u) => Some(*u),
            Self::Int(i) => u64::try_from(*i).ok(),
            Self::Bool(_)
            | Self::Empty
            | Self::Real(_)
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::Time(_)
            | Self::List(_) => None,
        }
    }

    /// As a code of a result or permit table.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::UInt(u) => i64::try_from(*u).ok(),
            Self::Int(i) => Some(*i),
            Self::Bool(b) => Some(i64::from(*b)),
            Self::Empty
            | Self::Real(_)
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::Time(_)
            | Self::List(_) => None,
        }
    }

    /// The same value as text: what a code or label word holds, numbers in their shortest form.
    pub fn as_text(&self) -> Option<String> {
        match self {
            Self::Text(t) => Some(t.clone()),
            Self::Int(_) | Self::UInt(_) | Self::Real(_) | Self::Bool(_) => Some(self.to_string()),
            Self::Empty | Self::Bytes(_) | Self::Time(_) | Self::List(_) => None,
        }
    }

    /// Bit `bit` of a whole number, or the boolean itself for bit 0.
    pub fn bit(&self, bit: u8) -> Option<bool> {
        match self {
            Self::Bool(b) => (bit == 0).then_some(*b),
            Self::UInt(u) => Some(u.checked_shr(bit.into()).unwrap_or(0) & 1 == 1),
            Self::Int(i) => Some(i.checked_shr(bit.into()).unwrap_or(0) & 1 == 1),
            Self::Empty
            | Self::Real(_)
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::Time(_)
            | Self::List(_) => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("(no value)"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(i) => write!(f, "{i}"),
            Self::UInt(u) => write!(f, "{u}"),
            Self::Real(r) => write!(f, "{r}"),
            Self::Text(t) => f.write_str(t),
            Self::Bytes(b) => write!(f, "{} bytes", b.len()),
            Self::Time(t) => write!(f, "{}", super::Utc(*t)),
            Self::List(l) => {
                f.write_str("[")?;
                for (i, v) in l.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{v}")?;
                }
                f.write_str("]")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_can_be_said_in_json() {
        let all = [
            (Value::Empty, "null"),
            (Value::Bool(true), "true"),
            (Value::Real(f64::NAN), "null"),
            (Value::Bytes(vec![0, 0xAB]), r#""00ab""#),
            (Value::List(vec![Value::Int(-1), Value::text("a")]), r#"[-1,"a"]"#),
        ];
        for (value, json) in all {
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
        }
    }
}
