//! Registers to values and back. Pure; bits travel as words of 0 and 1.
use crate::model::Value;
use crate::model::plant::{Register, RegisterType, StringOrder, WordOrder};

/// Why registers are not a value, or a value cannot be put into registers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecFault {
    /// Too few or too many registers.
    #[error("{found} registers stand where {wanted} are wanted")]
    Length {
        /// Registers that the type takes.
        wanted: usize,
        /// Registers given.
        found: usize,
    },
    /// A digit above 9 in a binary-coded decimal.
    #[error("0x{0:08X} is no binary-coded decimal: every digit must be from 0 to 9")]
    Digit(u32),
    /// A string that is not UTF-8, or goes on after its padding.
    #[error("a string holds bytes that are no text: {0:02X?}")]
    Text(Vec<u8>),
    /// No day of any calendar, or none that we can count.
    #[error("{0:04X?} is no time")]
    Time(Vec<u16>),
    /// A value of another kind than the register holds.
    #[error("`{value}` cannot be written as {kind:?}")]
    Kind {
        /// What was to be written.
        value: String,
        /// As what.
        kind: RegisterType,
    },
    /// A value that the register is too small for.
    #[error("`{value}` does not fit into {kind:?}")]
    Range {
        /// What was to be written.
        value: String,
        /// Into what.
        kind: RegisterType,
    },
}

/// What the registers of a point say.
pub fn decode(register: &Register, words: &[u16]) -> Result<Value, CodecFault> {
    let wanted = usize::from(register.span());
    let length = || CodecFault::Length { wanted, found: words.len() };
    if words.len() != wanted {
        return Err(length());
    }
    let first = words.first().copied().ok_or_else(length)?;
    let two = || bytes::<4>(register.order, words).ok_or_else(length);
    let four = || bytes::<8>(register.order, words).ok_or_else(length);
    let scale = register.scale;
    Ok(match register.kind {
        RegisterType::Bool => Value::Bool(first != 0),
        RegisterType::Bits => Value::UInt(first.into()),
        RegisterType::U16 => unsigned(first.into(), scale),
        RegisterType::I16 => signed(first.cast_signed().into(), scale),
        RegisterType::U32 => unsigned(u32::from_be_bytes(two()?).into(), scale),
        RegisterType::I32 => signed(i32::from_be_bytes(two()?).into(), scale),
        RegisterType::U64 => unsigned(u64::from_be_bytes(four()?), scale),
        RegisterType::I64 => signed(i64::from_be_bytes(four()?), scale),
        RegisterType::F32 => Value::Real(scaled(f32::from_be_bytes(two()?).into(), scale)),
        RegisterType::F64 => Value::Real(scaled(f64::from_be_bytes(four()?), scale)),
        RegisterType::Bcd16 => unsigned(from_bcd(first.into())?, scale),
        RegisterType::Bcd32 => unsigned(from_bcd(u32::from_be_bytes(two()?))?, scale),
        RegisterType::Text(chars) => Value::Text(text(register.strings, words, chars)?),
        RegisterType::S7Text(chars) => Value::Text(s7_text(register.strings, words, chars)?),
        RegisterType::Epoch => time(u32::from_be_bytes(two()?).into(), 1_000_000_000, words)?,
        RegisterType::EpochMs => time(u64::from_be_bytes(four()?), 1_000_000, words)?,
        RegisterType::Dtl => {
            Value::Time(dtl(register, words).ok_or_else(|| CodecFault::Time(words.to_vec()))?)
        }
    })
}

/// The registers that say a value: the inverse of [`decode`].
pub fn encode(register: &Register, value: &Value) -> Result<Vec<u16>, CodecFault> {
    let kind = register.kind;
    let range = || CodecFault::Range { value: value.to_string(), kind };
    let whole = || whole(register, value);
    macro_rules! fit {
        ($int:ty) => {
            words(register.order, &<$int>::try_from(whole()?).map_err(|_| range())?.to_be_bytes())
        };
    }
    Ok(match kind {
        RegisterType::Bool => vec![u16::from(switch(value).ok_or_else(|| unfit(register, value))?)],
        RegisterType::Bits | RegisterType::U16 => {
            vec![u16::try_from(whole()?).map_err(|_| range())?]
        }
        RegisterType::I16 => {
            vec![i16::try_from(whole()?).map_err(|_| range())?.cast_unsigned()]
        }
        RegisterType::U32 => fit!(u32),
        RegisterType::I32 => fit!(i32),
        RegisterType::U64 => fit!(u64),
        RegisterType::I64 => fit!(i64),
        RegisterType::F32 => {
            #[expect(clippy::cast_possible_truncation, reason = "what does not fit is infinite")]
            let single = real(register, value)? as f32;
            if single.is_infinite() {
                return Err(range());
            }
            words(register.order, &single.to_be_bytes())
        }
        RegisterType::F64 => words(register.order, &real(register, value)?.to_be_bytes()),
        RegisterType::Bcd16 => {
            let digits = to_bcd(whole()?, 4).ok_or_else(range)?;
            vec![u16::try_from(digits).map_err(|_| range())?]
        }
        RegisterType::Bcd32 => {
            words(register.order, &to_bcd(whole()?, 8).ok_or_else(range)?.to_be_bytes())
        }
        RegisterType::Text(chars) => {
            let text = value.as_text().ok_or_else(|| unfit(register, value))?;
            if text.len() > usize::from(chars) {
                return Err(range());
            }
            from_text(register.strings, text.as_bytes().to_vec(), chars)
        }
        RegisterType::S7Text(chars) => {
            let text = value.as_text().ok_or_else(|| unfit(register, value))?;
            let (most, len) = (u8::try_from(chars), u8::try_from(text.len()));
            let (Ok(most), Ok(len)) = (most, len) else { return Err(range()) };
            if len > most {
                return Err(range());
            }
            from_text(register.strings, [&[most, len], text.as_bytes()].concat(), chars + 2)
        }
        RegisterType::Epoch => {
            let seconds = instant(register, value)?.div_euclid(1_000_000_000);
            words(register.order, &u32::try_from(seconds).map_err(|_| range())?.to_be_bytes())
        }
        RegisterType::EpochMs => {
            let ms = instant(register, value)?.div_euclid(1_000_000);
            words(register.order, &u64::try_from(ms).map_err(|_| range())?.to_be_bytes())
        }
        RegisterType::Dtl => from_dtl(register, instant(register, value)?).ok_or_else(range)?,
    })
}

fn unfit(register: &Register, value: &Value) -> CodecFault {
    CodecFault::Kind { value: value.to_string(), kind: register.kind }
}

/// The big-endian bytes of words in `order`.
fn bytes<const N: usize>(order: WordOrder, words: &[u16]) -> Option<[u8; N]> {
    ordered(order, words.iter().map(|word| word.to_be_bytes()).collect())
        .as_flattened()
        .try_into()
        .ok()
}

/// The words in `order` of big-endian bytes.
fn words(order: WordOrder, bytes: &[u8]) -> Vec<u16> {
    let (pairs, _) = bytes.as_chunks::<2>();
    ordered(order, pairs.to_vec()).into_iter().map(u16::from_be_bytes).collect()
}

/// Each order undoes itself.
fn ordered(order: WordOrder, mut words: Vec<[u8; 2]>) -> Vec<[u8; 2]> {
    if matches!(order, WordOrder::Cdab | WordOrder::Dcba) {
        words.reverse();
    }
    if matches!(order, WordOrder::Badc | WordOrder::Dcba) {
        for word in &mut words {
            word.reverse();
        }
    }
    words
}

fn unsigned(raw: u64, scale: f64) -> Value {
    match factor(scale) {
        None => Value::UInt(raw),
        #[expect(clippy::cast_precision_loss, reason = "a measurement; 53 bits suffice")]
        Some(_) => Value::Real(scaled(raw as f64, scale)),
    }
}

fn signed(raw: i64, scale: f64) -> Value {
    match factor(scale) {
        None => Value::Int(raw),
        #[expect(clippy::cast_precision_loss, reason = "a measurement; 53 bits suffice")]
        Some(_) => Value::Real(scaled(raw as f64, scale)),
    }
}

/// How a scale is applied: 0.1 is no binary fraction, and 3 × 0.1 is not 0.3, but 3 ÷ 10 is.
enum Factor {
    Times(f64),
    Over(f64),
}

/// `None` for 1.
#[expect(clippy::float_cmp, reason = "1 as written, and a reciprocal that is exact")]
fn factor(scale: f64) -> Option<Factor> {
    let over = scale.recip().round();
    if scale == 1.0 {
        None
    } else if over.is_finite() && over.recip() == scale {
        Some(Factor::Over(over))
    } else {
        Some(Factor::Times(scale))
    }
}

fn scaled(raw: f64, scale: f64) -> f64 {
    match factor(scale) {
        None => raw,
        Some(Factor::Times(by)) => raw * by,
        Some(Factor::Over(by)) => raw / by,
    }
}

/// The raw number of a value that a float register holds.
fn real(register: &Register, value: &Value) -> Result<f64, CodecFault> {
    let number = value.number().ok_or_else(|| unfit(register, value))?;
    Ok(match factor(register.scale) {
        None => number,
        Some(Factor::Times(by)) => number / by,
        Some(Factor::Over(by)) => number * by,
    })
}

/// The raw number of a value that an integer register holds; scaled ones are rounded.
fn whole(register: &Register, value: &Value) -> Result<i128, CodecFault> {
    let exact = match value {
        Value::Int(i) => Some(i128::from(*i)),
        Value::UInt(u) => Some(i128::from(*u)),
        Value::Bool(b) => Some(i128::from(*b)),
        Value::Empty
        | Value::Real(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::Time(_)
        | Value::List(_) => None,
    };
    let scale = factor(register.scale);
    if let (Some(exact), None) = (exact, &scale) {
        return Ok(exact);
    }
    let raw = real(register, value)?;
    if scale.is_none() && raw.fract() != 0.0 {
        return Err(unfit(register, value));
    }
    #[expect(clippy::cast_possible_truncation, reason = "rounded, and beyond i128 it saturates")]
    Ok(raw.round() as i128)
}

fn switch(value: &Value) -> Option<bool> {
    match value.integer() {
        Some(0) => Some(false),
        Some(1) => Some(true),
        Some(_) | None => None,
    }
}

fn from_bcd(raw: u32) -> Result<u64, CodecFault> {
    (0..8).rev().map(|place| (raw >> (4 * place)) & 0xF).try_fold(0_u64, |sum, digit| {
        if digit > 9 { Err(CodecFault::Digit(raw)) } else { Ok(sum * 10 + u64::from(digit)) }
    })
}

fn to_bcd(number: i128, digits: u32) -> Option<u32> {
    let number = u32::try_from(number).ok().filter(|n| *n < 10_u32.pow(digits))?;
    Some((0..digits).map(|place| (number / 10_u32.pow(place) % 10) << (4 * place)).sum())
}

fn characters(order: StringOrder, words: &[u16]) -> Vec<u8> {
    let pairs = words.iter().map(|word| word.to_be_bytes());
    match order {
        StringOrder::HighLow => pairs.flatten().collect(),
        StringOrder::LowHigh => pairs.flat_map(|[high, low]| [low, high]).collect(),
        StringOrder::High => pairs.map(|[high, _]| high).collect(),
        StringOrder::Low => pairs.map(|[_, low]| low).collect(),
    }
}

/// A text says itself how long it is: what stands behind that is what was there before.
fn s7_text(order: StringOrder, words: &[u16], chars: u16) -> Result<String, CodecFault> {
    let bytes = characters(order, words);
    let text = match bytes.as_slice() {
        [most, len, text @ ..] if len <= most && u16::from(*len) <= chars => {
            text.get(..usize::from(*len))
        }
        _ => None,
    };
    let text = text.filter(|text| !text.contains(&0)).map(<[u8]>::to_vec);
    text.and_then(|text| String::from_utf8(text).ok()).ok_or(CodecFault::Text(bytes))
}

/// So many units of so many nanoseconds since 1970.
fn time(count: u64, unit: i64, words: &[u16]) -> Result<Value, CodecFault> {
    let nanos = i64::try_from(count).ok().and_then(|count| count.checked_mul(unit));
    nanos.map(Value::Time).ok_or_else(|| CodecFault::Time(words.to_vec()))
}

/// Nanoseconds since 1970.
fn dtl(register: &Register, words: &[u16]) -> Option<i64> {
    let words = words.iter().map(|word| word.to_be_bytes()).collect();
    let [y1, y2, month, day, _, hour, minute, second, n1, n2, n3, n4] =
        ordered(in_place(register.order), words).as_flattened().try_into().ok()?;
    let small = |number: u8| i8::try_from(number).ok();
    let year = i16::try_from(u16::from_be_bytes([y1, y2])).ok()?;
    let nanos = i32::try_from(u32::from_be_bytes([n1, n2, n3, n4])).ok()?;
    let date = jiff::civil::Date::new(year, small(month)?, small(day)?).ok()?;
    let time = jiff::civil::Time::new(small(hour)?, small(minute)?, small(second)?, nanos).ok()?;
    let zoned = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    i64::try_from(zoned.timestamp().as_nanosecond()).ok()
}

/// A structure of several numbers is never turned round as a whole.
fn in_place(order: WordOrder) -> WordOrder {
    match order {
        WordOrder::Abcd | WordOrder::Cdab => WordOrder::Abcd,
        WordOrder::Badc | WordOrder::Dcba => WordOrder::Badc,
    }
}

fn from_dtl(register: &Register, nanos: i64) -> Option<Vec<u16>> {
    let timestamp = jiff::Timestamp::from_nanosecond(nanos.into()).ok()?;
    let at = timestamp.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    let small = |number: i8| u8::try_from(number).ok();
    let [y1, y2] = at.year().to_be_bytes();
    let weekday = small(at.weekday().to_sunday_one_offset())?;
    let [month, day] = [small(at.month())?, small(at.day())?];
    let [hour, minute, second] = [small(at.hour())?, small(at.minute())?, small(at.second())?];
    let [n1, n2, n3, n4] = at.subsec_nanosecond().to_be_bytes();
    let bytes = [y1, y2, month, day, weekday, hour, minute, second, n1, n2, n3, n4];
    Some(words(in_place(register.order), &bytes))
}

/// A time, also as a text of RFC 3339.
fn instant(register: &Register, value: &Value) -> Result<i64, CodecFault> {
    let parsed = match value {
        Value::Time(nanos) => Some(*nanos),
        Value::Text(text) => text
            .parse::<jiff::Timestamp>()
            .ok()
            .and_then(|timestamp| i64::try_from(timestamp.as_nanosecond()).ok()),
        Value::Empty
        | Value::Bool(_)
        | Value::Int(_)
        | Value::UInt(_)
        | Value::Real(_)
        | Value::Bytes(_)
        | Value::List(_) => None,
    };
    parsed.ok_or_else(|| unfit(register, value))
}

fn text(order: StringOrder, words: &[u16], chars: u16) -> Result<String, CodecFault> {
    let mut bytes = characters(order, words);
    bytes.truncate(chars.into());
    let len = bytes.iter().rposition(|b| !matches!(b, 0 | b' ')).map_or(0, |last| last + 1);
    bytes.truncate(len);
    if bytes.contains(&0) {
        return Err(CodecFault::Text(bytes));
    }
    String::from_utf8(bytes).map_err(|fault| CodecFault::Text(fault.into_bytes()))
}

fn from_text(order: StringOrder, mut bytes: Vec<u8>, chars: u16) -> Vec<u16> {
    bytes.resize(usize::from(chars).next_multiple_of(2), 0);
    match order {
        StringOrder::HighLow => words(WordOrder::Abcd, &bytes),
        StringOrder::LowHigh => words(WordOrder::Badc, &bytes),
        StringOrder::High => {
            bytes.iter().take(chars.into()).map(|b| u16::from_be_bytes([*b, 0])).collect()
        }
        StringOrder::Low => bytes.iter().take(chars.into()).map(|b| u16::from(*b)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plant::Area;
    use proptest::prelude::*;

    const ORDERS: [WordOrder; 4] =
        [WordOrder::Abcd, WordOrder::Cdab, WordOrder::Badc, WordOrder::Dcba];
    const STRINGS: [StringOrder; 4] =
        [StringOrder::HighLow, StringOrder::LowHigh, StringOrder::High, StringOrder::Low];

    fn register(kind: RegisterType, order: WordOrder, scale: f64) -> Register {
        let (area, strings) = (Area::Holding, StringOrder::HighLow);
        Register { area, address: 0, kind, order, strings, scale }
    }

    fn string(strings: StringOrder, chars: u16) -> Register {
        let kind = RegisterType::Text(chars);
        Register { strings, ..register(kind, WordOrder::Abcd, 1.0) }
    }

    #[test]
    fn the_four_orders_of_a_32_bit_value() {
        let words = [[0x0A0B, 0x0C0D], [0x0C0D, 0x0A0B], [0x0B0A, 0x0D0C], [0x0D0C, 0x0B0A]];
        for (order, words) in ORDERS.into_iter().zip(words) {
            let point = register(RegisterType::U32, order, 1.0);
            assert_eq!(decode(&point, &words), Ok(Value::UInt(0x0A0B_0C0D)), "{order:?}");
        }
        let point = register(RegisterType::U64, WordOrder::Cdab, 1.0);
        assert_eq!(decode(&point, &[4, 3, 2, 1]), Ok(Value::UInt(0x0001_0002_0003_0004)));
    }

    #[test]
    fn numbers_of_each_type() {
        let read = |kind, scale, words: &[u16]| {
            decode(&register(kind, WordOrder::Abcd, scale), words).unwrap()
        };
        assert_eq!(read(RegisterType::I16, 1.0, &[0xFFFE]), Value::Int(-2));
        assert_eq!(read(RegisterType::I16, 0.1, &[3]), Value::Real(0.3));
        assert_eq!(read(RegisterType::I16, 0.1, &[0xFFF9]), Value::Real(-0.7));
        assert_eq!(read(RegisterType::U16, 2.5, &[3]), Value::Real(7.5));
        assert_eq!(read(RegisterType::I32, 1.0, &[0xFFFF, 0xFFFF]), Value::Int(-1));
        assert_eq!(read(RegisterType::F32, 1.0, &[0x4290, 0]), Value::Real(72.0));
        assert_eq!(read(RegisterType::F64, 1.0, &[0x4052, 0, 0, 0]), Value::Real(72.0));
        assert_eq!(read(RegisterType::Bits, 1.0, &[0x8001]), Value::UInt(0x8001));
        assert_eq!(read(RegisterType::Bool, 1.0, &[1]), Value::Bool(true));
        assert_eq!(read(RegisterType::Bcd16, 1.0, &[0x1234]), Value::UInt(1234));
        assert_eq!(read(RegisterType::Bcd32, 1.0, &[0x1234, 0x5678]), Value::UInt(12_345_678));
    }

    #[test]
    fn a_digit_above_nine_is_no_number() {
        let point = register(RegisterType::Bcd16, WordOrder::Abcd, 1.0);
        assert_eq!(decode(&point, &[0x12A4]), Err(CodecFault::Digit(0x12A4)));
    }

    #[test]
    fn padding_ends_a_string_and_nothing_else_does() {
        let read = |order, chars, words: &[u16]| decode(&string(order, chars), words);
        let lot = Ok(Value::text("LOT"));
        assert_eq!(read(StringOrder::HighLow, 4, &[0x4C4F, 0x5400]), lot);
        assert_eq!(read(StringOrder::HighLow, 6, &[0x4C4F, 0x5420, 0x2000]), lot);
        assert_eq!(read(StringOrder::HighLow, 3, &[0x4C4F, 0x5458]), lot);
        assert_eq!(read(StringOrder::LowHigh, 4, &[0x4F4C, 0x0054]), lot);
        assert_eq!(read(StringOrder::High, 3, &[0x4C00, 0x4F00, 0x5400]), lot);
        assert_eq!(read(StringOrder::Low, 3, &[0x4C, 0x4F, 0x54]), lot);
        assert_eq!(read(StringOrder::HighLow, 4, &[0, 0]), Ok(Value::text("")));
        assert_eq!(read(StringOrder::HighLow, 4, &[0x2030, 0x3000]), Ok(Value::text(" 00")));
        assert!(matches!(
            read(StringOrder::HighLow, 4, &[0x4C00, 0x5400]),
            Err(CodecFault::Text(_))
        ));
        assert!(matches!(read(StringOrder::HighLow, 2, &[0xFCFC]), Err(CodecFault::Text(_))));
    }

    #[test]
    fn a_short_answer_is_no_value() {
        let point = register(RegisterType::U32, WordOrder::Abcd, 1.0);
        assert_eq!(decode(&point, &[1]), Err(CodecFault::Length { wanted: 2, found: 1 }));
    }

    #[test]
    fn what_does_not_fit_is_not_written() {
        let write = |kind, value: Value| encode(&register(kind, WordOrder::Abcd, 1.0), &value);
        let range = |r| matches!(r, Err(CodecFault::Range { .. }));
        let kind = |r| matches!(r, Err(CodecFault::Kind { .. }));
        assert!(range(write(RegisterType::U16, Value::Int(-1))));
        assert!(range(write(RegisterType::U16, Value::UInt(65_536))));
        assert!(range(write(RegisterType::I16, Value::Int(32_768))));
        assert!(range(write(RegisterType::F32, Value::Real(1e300))));
        assert!(range(write(RegisterType::Bcd16, Value::UInt(10_000))));
        assert!(range(write(RegisterType::Text(2), Value::text("LOT"))));
        assert!(kind(write(RegisterType::U16, Value::Real(1.5))));
        assert!(kind(write(RegisterType::U16, Value::text("1"))));
        assert!(kind(write(RegisterType::Bool, Value::UInt(2))));
        assert!(kind(write(RegisterType::F32, Value::Real(f64::NAN))));
    }

    #[test]
    fn a_siemens_string_ends_where_its_length_says() {
        let register =
            Register { kind: RegisterType::S7Text(6), ..string(StringOrder::HighLow, 0) };
        let read = |words: &[u16]| decode(&register, words);
        assert_eq!(read(&[0x0603, 0x4C4F, 0x5458, 0x5858]), Ok(Value::text("LOT")));
        assert_eq!(read(&[0x0600, 0x4C4F, 0x5458, 0x5858]), Ok(Value::text("")));
        // A longer one of which the beginning is read, as long as nothing is cut off.
        assert_eq!(read(&[0xFE06, 0x4C4F, 0x5431, 0x3233]), Ok(Value::text("LOT123")));
        for wrong in [[0xFE07, 0x4C4F, 0x5431, 0x3233], [0x0203, 0x4C4F, 0x5431, 0x3233]] {
            assert!(matches!(read(&wrong), Err(CodecFault::Text(_))), "{wrong:04X?}");
        }
        let low = Register { strings: StringOrder::Low, ..register.clone() };
        assert_eq!(decode(&low, &[6, 2, 0x4C, 0x4F, 0, 0, 0, 0]), Ok(Value::text("LO")));
        assert_eq!(encode(&low, &Value::text("LO")), Ok(vec![6, 2, 0x4C, 0x4F, 0, 0, 0, 0]));
        assert!(matches!(encode(&low, &Value::text("TOO LONG")), Err(CodecFault::Range { .. })));
    }

    #[test]
    fn a_time_is_a_time_and_nothing_else_is() {
        let at = 1_700_000_000_123_456_789;
        let dtl = register(RegisterType::Dtl, WordOrder::Abcd, 1.0);
        // 14 November 2023, a Tuesday, 22:13:20.
        let words = [2023, 0x0B0E, 0x0316, 0x0D14, 0x075B, 0xCD15];
        assert_eq!(decode(&dtl, &words), Ok(Value::Time(at)));
        assert_eq!(encode(&dtl, &Value::Time(at)), Ok(words.to_vec()));
        let text = Value::text("2023-11-14T22:13:20.123456789Z");
        assert_eq!(encode(&dtl, &text), Ok(words.to_vec()));
        let epoch = register(RegisterType::Epoch, WordOrder::Cdab, 1.0);
        assert_eq!(decode(&epoch, &[0xF100, 0x6553]), Ok(Value::Time(1_700_000_000_000_000_000)));
        for wrong in [[0; 6], [2023, 0x0D01, 0, 0, 0, 0], [2023, 0x021D, 0, 0, 0, 0]] {
            assert!(matches!(decode(&dtl, &wrong), Err(CodecFault::Time(_))), "{wrong:04X?}");
        }
        assert!(matches!(encode(&epoch, &Value::Time(-1)), Err(CodecFault::Range { .. })));
        assert!(matches!(encode(&epoch, &Value::Int(1)), Err(CodecFault::Kind { .. })));
    }

    /// Where each byte of a value stands, said by the letters of the order alone.
    fn reference(order: WordOrder, bytes: &[u8]) -> Vec<u16> {
        let len = bytes.len();
        let place = |at: usize| match order {
            WordOrder::Abcd => at,
            WordOrder::Badc => at ^ 1,
            WordOrder::Cdab => len - 2 - (at & !1) + (at & 1),
            WordOrder::Dcba => len - 1 - at,
        };
        let byte = |at: usize| u16::from(bytes[place(at)]);
        (0..len).step_by(2).map(|at| (byte(at) << 8) | byte(at + 1)).collect()
    }

    /// Year, month, day of a day since 1970, counted year by year and month by month.
    fn calendar(mut day: u64) -> (u16, u8, u8) {
        let leap = |year: u16| {
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
        };
        let mut year = 1970;
        while day >= 365 + u64::from(leap(year)) {
            day -= 365 + u64::from(leap(year));
            year += 1;
        }
        let february = 28 + u64::from(leap(year));
        let mut month = 1;
        for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
            if day < days {
                break;
            }
            day -= days;
            month += 1;
        }
        (year, month, u8::try_from(day + 1).unwrap())
    }

    fn any_order() -> impl Strategy<Value = WordOrder> {
        prop::sample::select(ORDERS.to_vec())
    }

    proptest! {
        #[test]
        fn each_byte_stands_where_the_order_says(order in any_order(), raw: u64) {
            use RegisterType::{F32, F64, I32, I64, U32, U64};
            let low = u32::try_from(raw & 0xFFFF_FFFF).unwrap();
            let read = |kind, bytes: &[u8]| decode(&register(kind, order, 1.0), &reference(order, bytes));
            let (four, eight) = (low.to_be_bytes(), raw.to_be_bytes());
            prop_assert_eq!(read(U32, &four), Ok(Value::UInt(low.into())));
            prop_assert_eq!(read(I32, &four), Ok(Value::Int(low.cast_signed().into())));
            prop_assert_eq!(read(U64, &eight), Ok(Value::UInt(raw)));
            prop_assert_eq!(read(I64, &eight), Ok(Value::Int(raw.cast_signed())));
            let real = |value: Result<Value, CodecFault>| match value {
                Ok(Value::Real(real)) => real.to_bits(),
                other => panic!("{other:?}"),
            };
            let single = f32::from_bits(low);
            prop_assume!(!single.is_nan());
            prop_assert_eq!(real(read(F32, &four)), f64::from(single).to_bits());
            prop_assert_eq!(real(read(F64, &eight)), raw);
        }

        #[test]
        fn a_dtl_is_what_the_calendar_says(order in any_order(), seconds in 0..9_000_000_000_u64, nanos in 0..1_000_000_000_u32) {
            let (day, second) = (seconds / 86_400, seconds % 86_400);
            let (year, month, date) = calendar(day);
            let small = |number: u64| u8::try_from(number).unwrap();
            let weekday = small((day + 4) % 7 + 1);
            let clock = [small(second / 3600), small(second / 60 % 60), small(second % 60)];
            let bytes = [
                &year.to_be_bytes()[..], &[month, date, weekday], &clock, &nanos.to_be_bytes(),
            ].concat();
            let swapped = matches!(order, WordOrder::Badc | WordOrder::Dcba);
            let words = reference(if swapped { WordOrder::Badc } else { WordOrder::Abcd }, &bytes);
            let value = Value::Time(i64::try_from(seconds * 1_000_000_000).unwrap() + i64::from(nanos));
            let dtl = register(RegisterType::Dtl, order, 1.0);
            prop_assert_eq!(decode(&dtl, &words), Ok(value.clone()));
            prop_assert_eq!(encode(&dtl, &value), Ok(words));
            let ms = Value::Time(i64::try_from(seconds).unwrap() * 1_000_000_000 + i64::from(nanos / 1_000_000) * 1_000_000);
            let register = register(RegisterType::EpochMs, order, 1.0);
            let count = seconds * 1000 + u64::from(nanos / 1_000_000);
            prop_assert_eq!(decode(&register, &reference(order, &count.to_be_bytes())), Ok(ms.clone()));
            prop_assert_eq!(encode(&register, &ms), Ok(reference(order, &count.to_be_bytes())));
        }

        #[test]
        fn integers_come_back(order in any_order(), raw: u64, wide: bool) {
            use RegisterType::{Bits, I16, I32, I64, U16, U32, U64};
            let bits = |n: u32| raw & (u64::MAX >> (64 - n));
            for (kind, n) in [(U16, 16), (Bits, 16), (U32, 32), (U64, 64)] {
                let point = register(kind, order, 1.0);
                let value = Value::UInt(bits(n));
                prop_assert_eq!(decode(&point, &encode(&point, &value).unwrap()), Ok(value));
            }
            for (kind, n) in [(I16, 16), (I32, 32), (I64, 64)] {
                let point = register(kind, order, 1.0);
                let value = Value::Int((raw << (64 - n)).cast_signed() >> (64 - n));
                prop_assert_eq!(decode(&point, &encode(&point, &value).unwrap()), Ok(value));
            }
            let (kind, end) = if wide { (RegisterType::Bcd32, 100_000_000) } else { (RegisterType::Bcd16, 10_000) };
            let (point, value) = (register(kind, order, 1.0), Value::UInt(raw % end));
            prop_assert_eq!(decode(&point, &encode(&point, &value).unwrap()), Ok(value));
        }

        #[test]
        fn floats_come_back(order in any_order(), single in any::<f32>(), double in any::<f64>()) {
            prop_assume!(single.is_finite() && double.is_finite());
            for (kind, real) in [(RegisterType::F32, f64::from(single)), (RegisterType::F64, double)] {
                let (point, value) = (register(kind, order, 1.0), Value::Real(real));
                prop_assert_eq!(decode(&point, &encode(&point, &value).unwrap()), Ok(value));
            }
        }

        #[test]
        fn scaled_registers_come_back(
            order in any_order(), words: [u16; 2], scale in prop::sample::select(vec![0.1, 0.001, 0.25, 2.5, 10.0, -0.1]),
        ) {
            for kind in [RegisterType::U32, RegisterType::I32] {
                let point = register(kind, order, scale);
                let value = decode(&point, &words).unwrap();
                prop_assert_eq!(encode(&point, &value), Ok(words.to_vec()));
            }
            let point = register(RegisterType::I16, order, scale);
            let value = decode(&point, &words[..1]).unwrap();
            prop_assert_eq!(encode(&point, &value), Ok(words[..1].to_vec()));
        }

        #[test]
        fn strings_come_back(text in "[ -~äß]{0,11}[!-~]", more in 0..5_u16) {
            for order in STRINGS {
                let point = string(order, u16::try_from(text.len()).unwrap() + more);
                let words = encode(&point, &Value::text(&text)).unwrap();
                prop_assert_eq!(words.len(), usize::from(point.span()));
                prop_assert_eq!(decode(&point, &words), Ok(Value::text(&text)));
            }
        }

        #[test]
        fn any_registers_are_a_value_or_a_fault(order in any_order(), words: Vec<u16>, chars in 1..20_u16) {
            use RegisterType::{Bcd16, Bcd32, Bits, Bool, Dtl, Epoch, EpochMs, F32, F64, I16, I32, I64, U16, U32, U64};
            for kind in [Bool, Bits, U16, I16, U32, I32, U64, I64, F32, F64, Bcd16, Bcd32, Epoch, EpochMs, Dtl] {
                drop(decode(&register(kind, order, 0.5), &words));
            }
            for order in STRINGS {
                drop(decode(&string(order, chars), &words));
                let register = Register { kind: RegisterType::S7Text(chars), ..string(order, 0) };
                drop(decode(&register, &words));
            }
        }
    }
}
