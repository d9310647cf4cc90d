//! GS1 element strings: identifiers, each with its value (GS1 General Specifications, 7.8).
use super::identifier::Ai;
use super::{Part, code_part, link};
use crate::model::ItemClass;

/// The separator as scanners send it, also for the FNC1 that begins a symbol.
pub(super) const GS: char = '\u{1d}';
/// What scanners send before the data of GS1-128, `DataBar`, Data Matrix, QR Code and `DotCode`.
const SYMBOLS: [&str; 5] = ["]C1", "]e0", "]d2", "]Q3", "]J1"];

/// Why a text is no GS1 element string or Digital Link. Its words are recorded with what is set aside, expected by tests of
/// plant files and compared by a replay: they stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Gs1Fault {
    /// It holds nothing.
    #[error("there is no GS1 data in it")]
    Empty,
    /// The scanner says that the symbol is not one of GS1.
    #[error("the symbol is not one of GS1 (its scanner sends another identifier of symbologies)")]
    Symbol,
    /// There is no number where an identifier must be.
    #[error("where a GS1 application identifier must stand there is none")]
    NoDigits,
    /// What stands where an identifier must be is none, or one that GS1 has not given out.
    #[error(
        "`{0}` is not a GS1 application identifier: where its value begins and ends is not known"
    )]
    NoIdentifier(String),
    /// A value is too short or too long.
    #[error("({ai}) has {len} characters; it takes {least} to {most} (is a separator missing?)")]
    Length {
        /// The identifier.
        ai: String,
        /// Characters found.
        len: usize,
        /// Least.
        least: usize,
        /// Most.
        most: usize,
    },
    /// A character that the value cannot have.
    #[error("({0}) has a character that it cannot have")]
    Character(String),
    /// The check digit is another.
    #[error("({ai}) has a wrong check digit")]
    CheckDigit {
        /// The identifier.
        ai: String,
        /// What stands there.
        found: char,
        /// What would have to stand there.
        wanted: char,
    },
    /// No such day.
    #[error("({0}) is no date")]
    Date(String),
    /// The same identifier with two values.
    #[error("({0}) stands twice, with two values")]
    Twice(String),
    /// Two identifiers that exclude one another.
    #[error("(01) and (02) exclude one another")]
    Pair,
    /// A link without a GS1 key.
    #[error("the link has no GS1 key")]
    NoKey,
    /// A key with what does not belong to it.
    #[error("({0}) does not belong to the key of the link")]
    Qualifier(String),
    /// `%` without two digits, or bytes that are no text.
    #[error("the link is not encoded right")]
    Encoding,
}

impl Gs1Fault {
    /// What more there is to say to a person who typed the text.
    pub fn hint(&self) -> Option<String> {
        let Self::CheckDigit { found, wanted, .. } = self else { return None };
        Some(format!(
            "`{found}` stands where `{wanted}` has to follow from the digits before it; one of all these was misread or mistyped"
        ))
    }
}

/// An identifier with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) ai: Ai,
    pub(super) value: String,
}

/// What a text says, each identifier once.
pub(super) fn elements(text: &str) -> Result<Vec<Element>, Gs1Fault> {
    checked(unchecked(text)?)
}

/// What a text says, whether or not the identifiers may have those values.
pub(super) fn unchecked(text: &str) -> Result<Vec<Element>, Gs1Fault> {
    match link::after_scheme(text) {
        Some(rest) => link::elements(rest),
        None => element_string(text),
    }
}

/// The elements, each identifier once, if all of them may stand together and have these values.
pub(super) fn checked(read: Vec<Element>) -> Result<Vec<Element>, Gs1Fault> {
    let mut found: Vec<Element> = Vec::new();
    for element in read {
        element.ai.check(&element.value)?;
        match found.iter().find(|other| other.ai == element.ai) {
            Some(other) if other.value != element.value => {
                return Err(Gs1Fault::Twice(element.ai.to_string()));
            }
            Some(_) => {}
            None => found.push(element),
        }
    }
    let has = |number: u16| found.iter().any(|element| element.ai.number == number);
    if has(1) && has(2) {
        return Err(Gs1Fault::Pair);
    }
    Ok(found)
}

fn element_string(text: &str) -> Result<Vec<Element>, Gs1Fault> {
    let mut rest = data(text)?;
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let (ai, after) = Ai::split(rest)?;
        let until = after.find(GS).unwrap_or(after.len());
        // What has a predefined length ends there, and a separator is tolerated.
        let end = ai.predefined().map_or(until, |len| len.min(until));
        let (value, after) =
            after.split_at_checked(end).ok_or_else(|| Gs1Fault::Character(ai.to_string()))?;
        elements.push(Element { ai, value: value.to_owned() });
        rest = after.strip_prefix(GS).unwrap_or(after);
    }
    Ok(elements)
}

/// An element string without what stands before it: what the scanner sends of the symbol, and the first FNC1.
pub(super) fn data(text: &str) -> Result<&str, Gs1Fault> {
    let data = match SYMBOLS.iter().find_map(|symbol| text.strip_prefix(symbol)) {
        Some(data) => data,
        None if text.starts_with(']') => return Err(Gs1Fault::Symbol),
        None => text,
    };
    let data = data.strip_prefix(GS).unwrap_or(data);
    if data.is_empty() { Err(Gs1Fault::Empty) } else { Ok(data) }
}

impl Element {
    /// What it is called, and what it says, on the label of an item of this class.
    pub(super) fn part(self, class: ItemClass) -> (String, Part) {
        let Self { ai, value } = self;
        let name = match ai.number {
            0 if class == ItemClass::Container => code_part(class),
            0 => "sscc",
            1 => super::GTIN,
            // Of a lot that is packed the number is that of what is in the package.
            2 if class == ItemClass::Lot => super::GTIN,
            2 => "content",
            10 => "lot",
            11 => "produced",
            13 => "packed",
            15 => "best_before",
            16 => "sell_by",
            17 => "expiry",
            20 => "variant",
            21 => "serial",
            30 => "count",
            37 => "contained",
            240 => "additional_id",
            241 => "customer_part",
            400 => "order",
            3100..=3105 => "net_weight",
            _ => "",
        };
        let name = if name.is_empty() { format!("gs1.{ai}") } else { name.to_owned() };
        let part = match ai.number {
            30 | 37 => value.parse().ok().map(Part::Count),
            number @ 3100..=3105 => value
                .parse()
                .ok()
                .map(|of| Part::Decimal(of, u8::try_from(number % 10).unwrap_or_default())),
            _ if ai.is_date() => day(&value).map(|(y, m, d)| Part::Date(y, m, d)),
            _ => None,
        };
        (name, part.unwrap_or(Part::Text(value)))
    }
}

/// The day that a text begins with, YYMMDD; 0 is the last one of the month (3.4).
pub(super) fn day(text: &str) -> Option<(u8, u8, u8)> {
    let two = |at: usize| text.get(at..at + 2)?.parse::<u8>().ok();
    let (y, m, d) = (two(0)?, two(2)?, two(4)?);
    // A leap day is one in either century.
    date(y, m, d, 2000).map(|_| (y, m, d))
}

/// The date of a year in its century: the year is from 49 before to 50 after that of the event (7.12).
pub(super) fn date(y: u8, m: u8, d: u8, now: i16) -> Option<jiff::civil::Date> {
    let (century, ahead) = (now - now.rem_euclid(100), i16::from(y) - now.rem_euclid(100));
    let century = match ahead {
        51.. => century - 100,
        ..=-50 => century + 100,
        _ => century,
    };
    let month = i8::try_from(m).ok()?;
    let first = jiff::civil::Date::new(century + i16::from(y), month, 1).ok()?;
    match d {
        0 => Some(first.last_of_month()),
        d => jiff::civil::Date::new(first.year(), month, i8::try_from(d).ok()?).ok(),
    }
}
