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
/// Printable ASCII without blanks, brackets paired, at most 32 bytes. Kept as read; conversion is
/// only between commensurable units and is somebody else's work.
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

#[cfg(test)]
mod tests {
    use super::*;

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
