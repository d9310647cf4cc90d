//! Units of measure.
use super::NameError;
use super::name::check;

/// Why a text is not a [`Ucum`] code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UcumError {
    /// Empty, too long, or with characters that no UCUM code has.
    #[error(transparent)]
    Text(#[from] NameError),
    /// A bracket without its other half.
    #[error("the unit `{0}` has a bracket without its other half")]
    Bracket(String),
}

/// A unit of measure as a case-sensitive UCUM code: `N.m`, `Cel`, `/min`, `kg`, `1`.
///
/// Printable ASCII without blanks, brackets paired, at most 32 bytes. Kept as read; [`Self::factor`] says what converts it to
/// another unit of mass, volume, length or time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ucum(Box<str>);

impl Ucum {
    /// Longest code in bytes.
    pub const LEN_MAX: usize = 32;

    /// Accepts a code or says why not.
    pub fn parse(text: &str) -> Result<Self, UcumError> {
        check("unit of measure", text, Self::LEN_MAX, |c| !c.is_ascii_graphic())?;
        let mut open = Vec::new();
        for c in text.chars() {
            let closes = match c {
                '(' | '[' | '{' => {
                    open.push(c);
                    continue;
                }
                ')' => '(',
                ']' => '[',
                '}' => '{',
                _ => continue,
            };
            if open.pop() != Some(closes) {
                return Err(UcumError::Bracket(text.to_owned()));
            }
        }
        if open.is_empty() {
            Ok(Self(text.into()))
        } else {
            Err(UcumError::Bracket(text.to_owned()))
        }
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What an amount in this unit is multiplied with for one in another: metric units of mass, volume, length and time with
    /// their prefixes, and whatever is the same code. `None` where they are not of one kind, or that is not known here.
    pub fn factor(&self, to: &Self) -> Option<f64> {
        if self == to {
            return Some(1.0);
        }
        let ((kind, from), (other, to)) = (metric(&self.0)?, metric(&to.0)?);
        (kind == other).then_some(from / to)
    }
}

/// Prefixes and what they stand for.
const PREFIXES: [(&str, f64); 8] = [
    ("", 1.0),
    ("k", 1e3),
    ("h", 1e2),
    ("d", 1e-1),
    ("c", 1e-2),
    ("m", 1e-3),
    ("u", 1e-6),
    ("n", 1e-9),
];

/// Units that take prefixes, and how much of the first of their kind they are.
const ATOMS: [(&str, char, f64); 5] =
    [("g", 'g', 1.0), ("L", 'L', 1.0), ("l", 'L', 1.0), ("m", 'm', 1.0), ("s", 's', 1.0)];

/// Units that take none here.
const WHOLE: [(&str, char, f64); 4] =
    [("t", 'g', 1e6), ("min", 's', 60.0), ("h", 's', 3_600.0), ("d", 's', 86_400.0)];

/// The kind of a unit, and how much of the base of that kind it is.
fn metric(code: &str) -> Option<(char, f64)> {
    if let Some((_, kind, factor)) = WHOLE.iter().find(|(whole, ..)| *whole == code) {
        return Some((*kind, *factor));
    }
    let mut found = ATOMS.iter().filter_map(|(atom, kind, factor)| {
        let prefix = code.strip_suffix(atom)?;
        let (_, by) = PREFIXES.iter().find(|(known, _)| *known == prefix)?;
        Some((*kind, factor * by))
    });
    found.next()
}

impl std::fmt::Display for Ucum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<C> minicbor::Encode<C> for Ucum {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Ucum {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::parse(d.str()?).map_err(minicbor::decode::Error::custom)
    }
}

impl serde::Serialize for Ucum {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Ucum {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_units_of_one_kind_are_converted_and_no_others() {
        let unit = |text| Ucum::parse(text).unwrap();
        for (from, to, wanted) in [
            ("kg", "g", 1e3),
            ("mg", "kg", 1e-6),
            ("t", "kg", 1e3),
            ("mL", "l", 1e-3),
            ("cL", "mL", 10.0),
            ("mm", "m", 1e-3),
            ("h", "min", 60.0),
            ("ms", "s", 1e-3),
            ("{part}", "{part}", 1.0),
        ] {
            let found = unit(from).factor(&unit(to)).unwrap();
            assert!((found / wanted - 1.0).abs() < 1e-12, "{from} to {to}: {found}");
            let back = unit(to).factor(&unit(from)).unwrap();
            assert!((found * back - 1.0).abs() < 1e-12, "{from} and {to}");
        }
        // Neither the minute in metres nor the pharmacist's dram.
        for (from, to) in [("kg", "L"), ("min", "m"), ("[dr_av]", "g"), ("N.m", "m"), ("%", "1")] {
            assert_eq!(unit(from).factor(&unit(to)), None, "{from} to {to}");
        }
    }

    #[test]
    fn units_with_unpaired_brackets_or_blanks_are_refused() {
        for good in ["N.m", "Cel", "/min", "mm[Hg]", "10*6/ml", "%", "1", "{part}"] {
            assert!(Ucum::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "N m", "mm[Hg", "a)b(", "°C"] {
            assert!(Ucum::parse(bad).is_err(), "{bad}");
        }
    }
}
