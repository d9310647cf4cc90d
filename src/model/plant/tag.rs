//! A configured point of a device.
use super::DeviceIndex;
use crate::model::{Quality, TagName, Ucum, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// A configured point of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct Tag {
    /// Its name: the key in `tags`, or what the plant file wrote for the node.
    pub name: TagName,
    /// Whose.
    pub device: DeviceIndex,
    /// Where it is found.
    pub source: TagSource,
    /// Whether it is a handshake word and goes by the fast subscription or poll.
    pub fast: bool,
    /// Whether it is watched at all; words that only snapshots read are not.
    pub watched: bool,
    /// Whether a change between two looks must not be missed (phases, mounts): the queue is long.
    pub every_change: bool,
    /// How often it is looked at, if not as its device says.
    pub publish: Option<Duration>,
    /// Whether it was named as `ack`, `reply` or host heartbeat; nothing else is ever written.
    pub writable: bool,
    /// Unit of measure.
    pub unit: Option<Ucum>,
    /// Values outside are bad.
    pub range: Option<(f64, f64)>,
    /// How far its value must move until it is told again; `None`: every change is. Never of a word whose
    /// every change counts.
    pub change: Option<f64>,
    /// Numbers that mean "no value" (`NaN` always does).
    pub bad: Vec<f64>,
    /// Names of its values.
    pub names: BTreeMap<i64, String>,
}

impl Tag {
    /// Whether it can be read by itself.
    pub fn is_word(&self) -> bool {
        match self.source {
            TagSource::Node(_) | TagSource::Register(_) => true,
            TagSource::Field(_) => false,
        }
    }

    /// What is wrong with a value that the device called good: not a finite number, a code for "no
    /// value", or outside the plausible range. `None` leaves the quality as it is. The value itself
    /// is kept as it was read.
    pub fn judge(&self, value: &Value) -> Option<Quality> {
        match value {
            Value::Real(r) if !r.is_finite() => return Some(Quality::BAD_RANGE),
            Value::List(elements) => return elements.iter().find_map(|e| self.judge(e)),
            Value::Empty
            | Value::Bool(_)
            | Value::Int(_)
            | Value::UInt(_)
            | Value::Real(_)
            | Value::Text(_)
            | Value::Bytes(_)
            | Value::Time(_) => {}
        }
        let number = value.number()?;
        #[expect(clippy::float_cmp, reason = "a code for \"no value\" is that number exactly")]
        #[expect(clippy::cast_possible_truncation, reason = "9999.9 as a 32-bit float holds it")]
        let is = |bad: f64| bad == number || f64::from(bad as f32) == number;
        let no_value = self.bad.iter().any(|bad| is(*bad));
        let outside = self.range.is_some_and(|(low, high)| number < low || number > high);
        (no_value || outside).then_some(Quality::BAD_RANGE)
    }
}

/// Where a tag is found.
#[derive(Debug, Clone, PartialEq)]
pub enum TagSource {
    /// A Variable of an OPC UA server.
    Node(NodeAddress),
    /// Registers or bits of a Modbus device.
    Register(Register),
    /// A field of the results that an OPC UA server tells of: `ResultMetaData.PartId`. It comes with a
    /// result and is no word that could be read by itself.
    Field(String),
}

/// A node by namespace URI, never by index: indexes move when a server restarts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeAddress {
    /// Namespace URI, resolved anew at every connect.
    pub namespace: String,
    /// Identifier with its type: `s=Press.Count`, `i=1001`, `g=…`, `b=…`.
    pub identifier: String,
}

/// A point of the Modbus data model.
#[derive(Debug, Clone, PartialEq)]
pub struct Register {
    /// Which of the four tables.
    pub area: Area,
    /// Address on the wire, from 0.
    pub address: u16,
    /// How its words are to be read.
    pub kind: RegisterType,
    /// Order of the words of 32- and 64-bit values.
    pub order: WordOrder,
    /// Order of the characters in a register.
    pub strings: StringOrder,
    /// Raw value × this = value; 1 leaves integers integers.
    pub scale: f64,
}

impl Register {
    /// How many registers, or bits, the point takes: a string with one character in a register
    /// takes one for each.
    pub fn span(&self) -> u16 {
        match (self.kind, self.strings) {
            (RegisterType::Text(chars), StringOrder::High | StringOrder::Low) => chars,
            (RegisterType::S7Text(chars), StringOrder::High | StringOrder::Low) => chars + 2,
            (kind, _) => kind.len(),
        }
    }
}

/// The four tables of the Modbus data model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// `hr`: read and write, function codes 3, 6, 16.
    Holding,
    /// `ir`: read only, function code 4.
    Input,
    /// `co`: read and write, function codes 1, 5, 15.
    Coil,
    /// `di`: read only, function code 2.
    Discrete,
}

impl Area {
    /// As plant files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Holding => "hr",
            Self::Input => "ir",
            Self::Coil => "co",
            Self::Discrete => "di",
        }
    }
}

/// How registers are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegisterType {
    /// A coil or discrete input.
    Bool,
    /// A register of single bits.
    Bits,
    /// One register, unsigned.
    U16,
    /// One register, signed.
    I16,
    /// Two registers, unsigned.
    U32,
    /// Two registers, signed.
    I32,
    /// Four registers, unsigned.
    U64,
    /// Four registers, signed.
    I64,
    /// Two registers, IEEE 754.
    F32,
    /// Four registers, IEEE 754.
    F64,
    /// One register of four binary-coded decimals.
    Bcd16,
    /// Two registers of eight binary-coded decimals.
    Bcd32,
    /// So many characters, two in a register, padded with NUL or blanks.
    Text(u16),
    /// A `STRING` of Siemens: its longest and present length, then so many characters.
    S7Text(u16),
    /// Two registers, seconds since 1970, UTC.
    Epoch,
    /// Four registers, milliseconds since 1970, UTC.
    EpochMs,
    /// Six registers, a `DTL` of Siemens: year, month, day, weekday, hour, minute, second,
    /// nanoseconds, taken for UTC.
    Dtl,
}

impl RegisterType {
    /// How many registers, or bits for `Bool`.
    pub fn len(self) -> u16 {
        match self {
            Self::Bool | Self::Bits | Self::U16 | Self::I16 | Self::Bcd16 => 1,
            Self::U32 | Self::I32 | Self::F32 | Self::Bcd32 | Self::Epoch => 2,
            Self::U64 | Self::I64 | Self::F64 | Self::EpochMs => 4,
            Self::Dtl => 6,
            Self::Text(chars) => chars.div_ceil(2),
            Self::S7Text(chars) => (chars + 2).div_ceil(2),
        }
    }

    /// Whether it is a text.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text(_) | Self::S7Text(_))
    }

    /// The whole numbers that it holds, as far as ours go; `None` if it is no whole number.
    pub fn whole(self) -> Option<(i64, i64)> {
        match self {
            Self::Bool => Some((0, 1)),
            Self::Bits | Self::U16 => Some((0, u16::MAX.into())),
            Self::I16 => Some((i16::MIN.into(), i16::MAX.into())),
            Self::U32 => Some((0, u32::MAX.into())),
            Self::I32 => Some((i32::MIN.into(), i32::MAX.into())),
            Self::U64 => Some((0, i64::MAX)),
            Self::I64 => Some((i64::MIN, i64::MAX)),
            Self::Bcd16 => Some((0, 9_999)),
            Self::Bcd32 => Some((0, 99_999_999)),
            Self::F32
            | Self::F64
            | Self::Text(_)
            | Self::S7Text(_)
            | Self::Epoch
            | Self::EpochMs
            | Self::Dtl => None,
        }
    }

    /// Whether it is a time.
    pub fn is_time(self) -> bool {
        matches!(self, Self::Epoch | Self::EpochMs | Self::Dtl)
    }

    /// Never: every type takes at least one register.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// Order of bytes in values of more than one register: A is the most significant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WordOrder {
    /// Big-endian throughout, the Modbus custom.
    #[default]
    Abcd,
    /// Low word first.
    Cdab,
    /// Bytes of each word swapped.
    Badc,
    /// Little-endian throughout.
    Dcba,
}

/// Which characters of a string a register holds, and in what order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StringOrder {
    /// Two; the high byte is the first.
    #[default]
    HighLow,
    /// Two; the low byte is the first.
    LowHigh,
    /// One, in the high byte.
    High,
    /// One, in the low byte.
    Low,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(range: Option<(f64, f64)>, bad: &[f64]) -> Tag {
        Tag {
            name: TagName::parse("t").unwrap(),
            device: DeviceIndex(0),
            source: TagSource::Node(NodeAddress {
                namespace: "urn:x".to_owned(),
                identifier: "s=t".to_owned(),
            }),
            fast: false,
            watched: true,
            every_change: false,
            publish: None,
            writable: false,
            unit: None,
            range,
            change: None,
            bad: bad.to_vec(),
            names: BTreeMap::new(),
        }
    }

    #[test]
    fn what_is_no_number_no_value_or_implausible_is_bad() {
        let checked = tag(Some((0.0, 100.0)), &[99.0]);
        for bad in [
            Value::Real(f64::NAN),
            Value::Real(f64::INFINITY),
            Value::Int(-1),
            Value::UInt(101),
            Value::Real(100.5),
            Value::UInt(99),
            Value::List(vec![Value::UInt(1), Value::UInt(101)]),
        ] {
            assert_eq!(checked.judge(&bad), Some(Quality::BAD_RANGE), "{bad}");
        }
        for fine in [Value::Int(0), Value::Real(100.0), Value::text("101"), Value::Empty] {
            assert_eq!(checked.judge(&fine), None, "{fine}");
        }
        let open = tag(None, &[]);
        assert_eq!(open.judge(&Value::Real(-1e300)), None);
        assert_eq!(open.judge(&Value::Real(f64::NAN)), Some(Quality::BAD_RANGE));
    }

    #[test]
    fn a_code_for_no_value_is_met_by_the_float_that_is_nearest_to_it() {
        let scale = tag(None, &[9999.9]);
        assert_eq!(scale.judge(&Value::Real(f64::from(9999.9_f32))), Some(Quality::BAD_RANGE));
        assert_eq!(scale.judge(&Value::Real(9999.9)), Some(Quality::BAD_RANGE));
        assert_eq!(scale.judge(&Value::Real(9999.0)), None);
    }
}
