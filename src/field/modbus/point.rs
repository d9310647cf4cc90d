//! The grammar of points: where a word is (`hr:100`, `"40101"`) and how it is read (`u32`,
//! `string[12]`). Pure; what the text means to a device is somebody else's work.
use crate::model::plant::{Area, RegisterType};

/// Longest `string[N]`: what one read request can carry, two characters in a register.
pub const TEXT_LEN_MAX: u16 = 250;
/// Longest `s7string[N]`: two lengths stand before it.
const S7_LEN_MAX: u16 = TEXT_LEN_MAX - 2;

/// The type names that [`parse_type`] knows, for hints; `string[N]` stands for its whole family.
pub const TYPE_NAMES: [&str; 17] = [
    "bool",
    "bits",
    "u16",
    "i16",
    "u32",
    "i32",
    "u64",
    "i64",
    "f32",
    "f64",
    "bcd16",
    "bcd32",
    "string[N]",
    "s7string[N]",
    "epoch",
    "epoch_ms",
    "dtl",
];

/// Why a text is not a Modbus point or type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointError {
    /// Neither of the two forms.
    #[error(
        "`{0}` is not a Modbus address: wanted `hr:100`, `ir:100`, `co:100` or `di:100` counted \
         from 0, or a five- or six-digit number such as `40101`"
    )]
    Form(String),
    /// A prefix that is none of the four tables.
    #[error(
        "`{0}` is no table of the Modbus data model: wanted `hr` (holding register), `ir` (input \
         register), `co` (coil) or `di` (discrete input)"
    )]
    Area(String),
    /// An address that does not fit the wire.
    #[error("`{0}` lies outside the Modbus address range: wire addresses run from 0 to 65535")]
    Range(String),
    /// A data-model number of 0: they count from 1.
    #[error("`{0}` has the number 0: numbers of this form count from 1, `40001` is `hr:0`")]
    Zero(String),
    /// A type that we do not read.
    #[error("`{0}` is not a register type: wanted one of {list}", list = TYPE_NAMES.join(", "))]
    Type(String),
    /// A string without a length, or with one that does not fit.
    #[error(
        "`{0}` has no usable length: wanted `string[N]` with N from 1 to {TEXT_LEN_MAX}, or `s7string[N]` from 1 to {S7_LEN_MAX}"
    )]
    Length(String),
}

/// Reads an address: the table and the address on the wire, from 0.
///
/// `hr:100` is the wire address as it stands. `40101` and `400101` are data-model numbers, whose
/// first digit names the table (0 coil, 1 discrete input, 3 input register, 4 holding register)
/// and whose rest counts from 1: both are `hr:100`.
pub fn parse(at: &str) -> Result<(Area, u16), PointError> {
    match at.split_once(':') {
        Some((area, address)) => {
            let area = area_of(area)?;
            if !is_digits(address) {
                return Err(PointError::Form(at.to_owned()));
            }
            let address = address.parse().map_err(|_| PointError::Range(at.to_owned()))?;
            Ok((area, address))
        }
        None => data_model_number(at),
    }
}

/// Reads a type name.
pub fn parse_type(text: &str) -> Result<RegisterType, PointError> {
    Ok(match text {
        "bool" => RegisterType::Bool,
        "bits" => RegisterType::Bits,
        "u16" => RegisterType::U16,
        "i16" => RegisterType::I16,
        "u32" => RegisterType::U32,
        "i32" => RegisterType::I32,
        "u64" => RegisterType::U64,
        "i64" => RegisterType::I64,
        "f32" => RegisterType::F32,
        "f64" => RegisterType::F64,
        "bcd16" => RegisterType::Bcd16,
        "bcd32" => RegisterType::Bcd32,
        "epoch" => RegisterType::Epoch,
        "epoch_ms" => RegisterType::EpochMs,
        "dtl" => RegisterType::Dtl,
        _ => return parse_text_type(text),
    })
}

fn area_of(prefix: &str) -> Result<Area, PointError> {
    match prefix {
        "hr" => Ok(Area::Holding),
        "ir" => Ok(Area::Input),
        "co" => Ok(Area::Coil),
        "di" => Ok(Area::Discrete),
        _ => Err(PointError::Area(prefix.to_owned())),
    }
}

fn data_model_number(at: &str) -> Result<(Area, u16), PointError> {
    let form = || PointError::Form(at.to_owned());
    if !is_digits(at) || !matches!(at.len(), 5 | 6) {
        return Err(form());
    }
    let (table, number) = at.split_at_checked(1).ok_or_else(form)?;
    let area = match table {
        "0" => Area::Coil,
        "1" => Area::Discrete,
        "3" => Area::Input,
        "4" => Area::Holding,
        _ => return Err(form()),
    };
    let number: u32 = number.parse().map_err(|_| form())?;
    let from_zero = number.checked_sub(1).ok_or_else(|| PointError::Zero(at.to_owned()))?;
    let address = u16::try_from(from_zero).map_err(|_| PointError::Range(at.to_owned()))?;
    Ok((area, address))
}

fn parse_text_type(text: &str) -> Result<RegisterType, PointError> {
    type Of = fn(u16) -> RegisterType;
    let (rest, most, of): (_, _, Of) = if let Some(rest) = text.strip_prefix("string") {
        (rest, TEXT_LEN_MAX, RegisterType::Text)
    } else if let Some(rest) = text.strip_prefix("s7string") {
        (rest, S7_LEN_MAX, RegisterType::S7Text)
    } else {
        return Err(PointError::Type(text.to_owned()));
    };
    rest.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .filter(|len| is_digits(len))
        .and_then(|len| len.parse().ok())
        .filter(|len| (1..=most).contains(len))
        .map(of)
        .ok_or_else(|| PointError::Length(text.to_owned()))
}

/// `parse` of integers takes a sign; an address has none.
fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_prefixed_address_is_the_address_on_the_wire() {
        assert_eq!(parse("hr:100"), Ok((Area::Holding, 100)));
        assert_eq!(parse("ir:0"), Ok((Area::Input, 0)));
        assert_eq!(parse("co:16"), Ok((Area::Coil, 16)));
        assert_eq!(parse("di:65535"), Ok((Area::Discrete, 65535)));
    }

    #[test]
    fn a_data_model_number_counts_from_one_and_names_its_table() {
        assert_eq!(parse("40101"), Ok((Area::Holding, 100)));
        assert_eq!(parse("400101"), Ok((Area::Holding, 100)));
        assert_eq!(parse("465536"), Ok((Area::Holding, 65535)));
        assert_eq!(parse("30001"), Ok((Area::Input, 0)));
        assert_eq!(parse("00017"), Ok((Area::Coil, 16)));
        assert_eq!(parse("000017"), Ok((Area::Coil, 16)));
        assert_eq!(parse("10001"), Ok((Area::Discrete, 0)));
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        for text in ["", "100", "hr:", "hr:-1", "hr:+1", "hr:1.5", "20001", "4010", "4000001"] {
            assert_eq!(parse(text), Err(PointError::Form(text.to_owned())), "{text}");
        }
        assert_eq!(parse("hx:1"), Err(PointError::Area("hx".to_owned())));
        assert_eq!(parse("HR:1"), Err(PointError::Area("HR".to_owned())));
        assert_eq!(parse("hr:65536"), Err(PointError::Range("hr:65536".to_owned())));
        assert_eq!(parse("465537"), Err(PointError::Range("465537".to_owned())));
        assert_eq!(parse("40000"), Err(PointError::Zero("40000".to_owned())));
    }

    #[test]
    fn each_type_name_is_a_type() {
        for name in TYPE_NAMES.iter().filter(|name| !name.ends_with("[N]")) {
            assert!(parse_type(name).is_ok(), "{name}");
        }
        assert_eq!(parse_type("string[12]"), Ok(RegisterType::Text(12)));
        assert_eq!(parse_type("string[250]"), Ok(RegisterType::Text(TEXT_LEN_MAX)));
        assert_eq!(parse_type("s7string[248]"), Ok(RegisterType::S7Text(248)));
    }

    #[test]
    fn what_is_no_type_is_refused_with_its_reason() {
        for text in ["", "U16", "int", "u8", "bcd"] {
            assert_eq!(parse_type(text), Err(PointError::Type(text.to_owned())), "{text}");
        }
        for text in [
            "string",
            "string[]",
            "string[0]",
            "string[251]",
            "string[+5]",
            "string[5",
            "s7string[249]",
        ] {
            assert_eq!(parse_type(text), Err(PointError::Length(text.to_owned())), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_wire_address_reads_back(address: u16) {
            prop_assert_eq!(parse(&format!("hr:{address}")), Ok((Area::Holding, address)));
            let number = format!("4{:05}", u32::from(address) + 1);
            prop_assert_eq!(parse(&number), Ok((Area::Holding, address)));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            let _ = parse(&text);
            let _ = parse_type(&text);
        }
    }
}
