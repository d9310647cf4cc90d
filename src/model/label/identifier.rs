//! Application identifiers of GS1 and the values that they may have (GS1 General Specifications, 3.2; the
//! same as data: the GS1 Barcode Syntax Dictionary).
use super::gs1::Gs1Fault;
use std::fmt;

/// An application identifier: two to four digits that say what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ai {
    /// Its number; none is a number of two lengths.
    pub(super) number: u16,
    digits: u8,
}

impl fmt::Display for Ai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$}", self.number, width = usize::from(self.digits))
    }
}

/// What a value may be.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// Numbers, first and last.
    ai: (u16, u16),
    /// Characters, least and most.
    len: (u8, u8),
    /// So many of them, at the begin, are digits.
    digits: u8,
    kind: Kind,
}

/// What is asked of a value beyond its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    /// The last of so many digits is a check digit over those before.
    Checked(u8),
    /// It begins with a date, YYMMDD.
    Date,
}
use Kind::{Any, Checked, Date};

const fn row(first: u16, last: u16, len: (u8, u8), digits: u8, kind: Kind) -> Row {
    Row { ai: (first, last), len, digits, kind }
}

/// A text of up to so many characters.
const fn text(first: u16, last: u16, most: u8) -> Row {
    row(first, last, (1, most), 0, Any)
}

/// A number of up to so many digits.
const fn number(first: u16, last: u16, most: u8) -> Row {
    row(first, last, (1, most), most, Any)
}

/// A number of so many digits.
const fn digits(first: u16, last: u16, len: u8) -> Row {
    row(first, last, (len, len), len, Any)
}

/// A number of so many digits, the last of which checks it.
const fn key(first: u16, last: u16, len: u8) -> Row {
    row(first, last, (len, len), len, Checked(len))
}

const fn date(first: u16, last: u16, len: (u8, u8)) -> Row {
    row(first, last, len, len.1, Date)
}

const ROWS: &[Row] = &[
    key(0, 0, 18),
    key(1, 3, 14),
    text(10, 10, 20),
    date(11, 13, (6, 6)),
    date(15, 17, (6, 6)),
    digits(20, 20, 2),
    text(21, 22, 20),
    number(30, 30, 8),
    number(37, 37, 8),
    text(90, 90, 30),
    text(91, 99, 90),
    text(235, 235, 28),
    text(240, 241, 30),
    number(242, 242, 6),
    text(243, 243, 20),
    text(250, 251, 30),
    row(253, 253, (13, 30), 13, Checked(13)),
    text(254, 254, 20),
    row(255, 255, (13, 25), 25, Checked(13)),
    text(400, 401, 30),
    key(402, 402, 17),
    text(403, 403, 30),
    key(410, 417, 13),
    text(420, 420, 20),
    row(421, 421, (4, 12), 3, Any),
    digits(422, 422, 3),
    row(423, 423, (3, 15), 15, Any),
    digits(424, 424, 3),
    row(425, 425, (3, 15), 15, Any),
    digits(426, 426, 3),
    text(427, 427, 3),
    text(710, 717, 20),
    digits(3100, 3699, 6),
    number(3900, 3909, 15),
    row(3910, 3919, (4, 18), 18, Any),
    number(3920, 3929, 15),
    row(3930, 3939, (4, 18), 18, Any),
    digits(3940, 3943, 4),
    digits(3950, 3955, 6),
    text(4300, 4301, 35),
    text(4302, 4306, 70),
    row(4307, 4307, (2, 2), 0, Any),
    text(4308, 4308, 30),
    digits(4309, 4309, 20),
    text(4310, 4311, 35),
    text(4312, 4316, 70),
    row(4317, 4317, (2, 2), 0, Any),
    text(4318, 4318, 20),
    text(4319, 4319, 30),
    text(4320, 4320, 35),
    digits(4321, 4323, 1),
    date(4324, 4325, (10, 10)),
    date(4326, 4326, (6, 6)),
    row(4330, 4333, (6, 7), 6, Any),
    digits(7001, 7001, 13),
    text(7002, 7002, 30),
    date(7003, 7003, (10, 10)),
    number(7004, 7004, 4),
    text(7005, 7005, 12),
    date(7006, 7006, (6, 6)),
    date(7007, 7007, (6, 12)),
    text(7008, 7008, 3),
    text(7009, 7009, 10),
    text(7010, 7010, 2),
    date(7011, 7011, (6, 10)),
    text(7020, 7022, 20),
    text(7023, 7023, 30),
    row(7030, 7039, (4, 30), 3, Any),
    row(7040, 7040, (4, 4), 1, Any),
    text(7041, 7041, 4),
    row(7230, 7239, (3, 30), 0, Any),
    text(7240, 7240, 20),
    digits(7241, 7241, 2),
    text(7242, 7242, 25),
    digits(7250, 7250, 8),
    digits(7251, 7251, 12),
    digits(7252, 7252, 1),
    text(7253, 7254, 40),
    text(7255, 7255, 10),
    text(7256, 7256, 90),
    text(7257, 7257, 70),
    row(7258, 7258, (3, 3), 0, Any),
    text(7259, 7259, 40),
    digits(8001, 8001, 14),
    text(8002, 8002, 20),
    row(8003, 8003, (14, 30), 14, Checked(14)),
    text(8004, 8004, 30),
    digits(8005, 8005, 6),
    row(8006, 8006, (18, 18), 18, Checked(14)),
    text(8007, 8007, 34),
    date(8008, 8008, (8, 12)),
    text(8009, 8009, 50),
    text(8010, 8010, 30),
    number(8011, 8011, 12),
    text(8012, 8012, 20),
    text(8013, 8014, 25),
    key(8017, 8018, 18),
    number(8019, 8019, 10),
    text(8020, 8020, 25),
    row(8026, 8026, (18, 18), 18, Checked(14)),
    text(8030, 8030, 90),
    digits(8040, 8041, 15),
    digits(8042, 8042, 32),
    row(8043, 8043, (18, 20), 20, Any),
    text(8110, 8110, 70),
    digits(8111, 8111, 4),
    text(8112, 8112, 70),
    text(8200, 8200, 70),
];

/// One that is not in the table, but whose end is known.
const UNKNOWN: Row = row(0, 0, (1, 90), 0, Any);

impl Ai {
    /// The identifier at the begin of a text, and what follows. How many digits it has is in its first two
    /// (7.8); of a pair that GS1 has not given out that is not known, and so neither is where its value begins.
    pub(super) fn split(text: &str) -> Result<(Self, &str), Gs1Fault> {
        let none = || {
            let digits: String = text.chars().take_while(char::is_ascii_digit).take(4).collect();
            if digits.is_empty() { Gs1Fault::NoDigits } else { Gs1Fault::NoIdentifier(digits) }
        };
        let number = |len: usize| -> Option<u16> {
            let digits = text.get(..len)?;
            let all = digits.bytes().all(|b| b.is_ascii_digit());
            all.then(|| digits.parse().ok()).flatten()
        };
        let digits: u8 = match number(2).ok_or_else(none)? {
            0..=3 | 10..=13 | 15..=17 | 20..=22 | 30 | 37 | 90..=99 => 2,
            23..=25 | 40..=42 | 71 => 3,
            31..=36 | 39 | 43 | 70 | 72 | 80..=82 => 4,
            _ => return Err(none()),
        };
        let number = number(digits.into()).ok_or_else(none)?;
        Ok((Self { number, digits }, text.get(digits.into()..).unwrap_or_default()))
    }

    /// All of a text is one identifier.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::split(text).ok().filter(|(_, rest)| rest.is_empty()).map(|(ai, _)| ai)
    }

    /// How long its value is where no separator has to follow (7.8, element strings with predefined length).
    pub(super) fn predefined(self) -> Option<usize> {
        let first = if self.digits > 2 {
            self.number / 10_u16.pow(u32::from(self.digits) - 2)
        } else {
            self.number
        };
        match first {
            0 => Some(18),
            1..=3 => Some(14),
            11..=19 | 31..=36 => Some(6),
            20 => Some(2),
            41 => Some(13),
            _ => None,
        }
    }

    /// Whether it is in the table of those that GS1 has given out.
    pub(super) fn is_known(self) -> bool {
        ROWS.iter().any(|row| (row.ai.0..=row.ai.1).contains(&self.number))
    }

    /// The lengths that its value may have, in characters.
    pub(super) fn lengths(self) -> std::ops::RangeInclusive<usize> {
        let (least, most) = self.row().len;
        least.into()..=most.into()
    }

    /// Whether a value begins with a date alone.
    pub(super) fn is_date(self) -> bool {
        let row = self.row();
        row.kind == Date && row.len == (6, 6)
    }

    fn row(self) -> Row {
        let named = |row: &&Row| (row.ai.0..=row.ai.1).contains(&self.number);
        ROWS.iter().find(named).copied().unwrap_or(UNKNOWN)
    }

    /// Whether a value is one that it may have.
    pub(super) fn check(self, value: &str) -> Result<(), Gs1Fault> {
        let Row { len, digits, kind, .. } = self.row();
        let (least, most) = (usize::from(len.0), usize::from(len.1));
        if !(least..=most).contains(&value.len()) {
            return Err(Gs1Fault::Length { ai: self.to_string(), len: value.len(), least, most });
        }
        let of_set = |(at, b): (usize, u8)| b.is_ascii_digit() || (at >= digits.into() && is_82(b));
        if !value.bytes().enumerate().all(of_set) {
            return Err(Gs1Fault::Character(self.to_string()));
        }
        match kind {
            Checked(count) if !value.get(..count.into()).is_some_and(is_checked) => {
                let key = value.get(..count.into()).unwrap_or(value);
                let (before, found) = key.split_at(key.len().saturating_sub(1));
                Err(Gs1Fault::CheckDigit {
                    ai: self.to_string(),
                    found: found.chars().next().unwrap_or_default(),
                    wanted: check_digit(before),
                })
            }
            Date if super::gs1::day(value).is_none() => Err(Gs1Fault::Date(self.to_string())),
            Any | Checked(_) | Date => Ok(()),
        }
    }
}

/// The characters that an element string may have (7.11, set 82). `#` and the rest of the sets 39 and 64 are
/// those of identifiers that have them.
fn is_82(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!\"%&'()*+,-./:;<=>?_#".contains(&b)
}

/// The last digit makes the sum of all, weighted 1 and 3 from the end, a multiple of ten (7.9).
fn is_checked(digits: &str) -> bool {
    let weighted = digits.bytes().rev().zip([1_u32, 3].into_iter().cycle());
    weighted.map(|(digit, weight)| u32::from(digit.wrapping_sub(b'0')) * weight).sum::<u32>() % 10
        == 0
}

/// The digit that makes the digits before it a number that is checked.
pub(super) fn check_digit(digits: &str) -> char {
    let checks = |last: &char| is_checked(&format!("{digits}{last}"));
    ('0'..='9').find(checks).unwrap_or_default()
}

/// Identifiers of the table with the lengths of their values, their leading digits, and how many the check
/// digit ends; `0` is none, and dates are marked.
#[cfg(test)]
pub(super) fn table() -> impl Iterator<Item = (String, (u8, u8), u8, u8, bool)> {
    ROWS.iter().flat_map(|row| {
        let checked = if let Checked(count) = row.kind { count } else { 0 };
        (row.ai.0..=row.ai.1).filter_map(move |number| {
            let written = [2_u8, 3, 4].map(|digits| Ai { number, digits }.to_string());
            let ai =
                written.iter().find(|ai| Ai::parse(ai).is_some_and(|of| of.number == number))?;
            Some((ai.clone(), row.len, row.digits, checked, row.kind == Date))
        })
    })
}
