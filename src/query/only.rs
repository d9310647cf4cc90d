//! What a recall asks of the work at a station: `tool=T7`, `torque>8.2`.
use super::attribute::{AttributeKind, Told, ToldValue};
use crate::model::Text;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Between two of them, where several are one text.
const AND: &str = " and ";
/// What says that a name is that of a word of the plant file, whatever it is called.
const WORD: &str = "word:";

/// One thing that has to be true of the work on an item.
#[derive(Debug, Clone, PartialEq)]
pub enum Only {
    /// Something told is this text.
    Is {
        /// Of which kind.
        kind: AttributeKind,
        /// Its name, for a word that the plant file has kept.
        name: Option<Text>,
        /// What it is.
        value: Text,
    },
    /// Something measured lies on this side of a number.
    Measured {
        /// What.
        name: Text,
        /// How it stands to the number.
        side: Side,
        /// The number, finite.
        value: f64,
    },
}

/// How a measured number stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
}

/// The longer signs first: each begins with another.
const SIDES: [(&str, Side); 4] =
    [("<=", Side::AtMost), (">=", Side::AtLeast), ("<", Side::Below), (">", Side::Above)];

/// Names that are no words of a plant file.
const KINDS: [(&str, AttributeKind); 5] = [
    ("operator", AttributeKind::Operator),
    ("operation", AttributeKind::Operation),
    ("tool", AttributeKind::Tool),
    ("nest", AttributeKind::Nest),
    ("carrier", AttributeKind::Carrier),
];

/// Why a text asks nothing of the work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` {why}; wanted `tool=T7` (or `operator`, `operation`, `nest`, `carrier`, or a word of the plant file) or a measured value such as `torque>8.2` (`<`, `<=`, `>=`)"
)]
pub struct OnlyError {
    text: String,
    why: &'static str,
}

/// What an event tells of what is asked for.
pub(super) enum Verdict {
    /// It is so.
    Met,
    /// It is something else.
    Other(String),
}

impl Only {
    /// Several, with ` and ` between them; none if there is nothing but blanks.
    ///
    /// # Errors
    /// The first that is none.
    pub fn all(text: &str) -> Result<Vec<Self>, OnlyError> {
        let parts = text.split(AND).map(str::trim);
        if text.trim().is_empty() { Ok(Vec::new()) } else { parts.map(str::parse).collect() }
    }

    /// Several as one text that [`Self::all`] reads.
    pub fn joined(all: &[String]) -> Option<String> {
        (!all.is_empty()).then(|| all.join(AND))
    }

    /// What one thing that was told says of it; `None` if that is about something else.
    pub(super) fn judge(&self, told: &Told) -> Option<Verdict> {
        let named = |name: &Option<Text>| told.name.as_deref() == name.as_ref().map(Text::as_str);
        match (self, &told.value) {
            (Self::Is { kind, name, value }, ToldValue::Text(is))
                if *kind == told.kind && named(name) =>
            {
                let is_it = is == value.as_str();
                Some(if is_it { Verdict::Met } else { Verdict::Other(self.with(is)) })
            }
            (Self::Measured { name, side, value }, ToldValue::Number(is))
                if told.kind == AttributeKind::Measurement
                    && told.name.as_deref() == Some(name.as_str()) =>
            {
                let is_it = side.holds(is.total_cmp(value));
                Some(if is_it { Verdict::Met } else { Verdict::Other(format!("{name}={is}")) })
            }
            (
                Self::Is { .. } | Self::Measured { .. },
                ToldValue::Text(_) | ToldValue::Number(_),
            ) => None,
        }
    }

    /// The same with another value.
    fn with(&self, value: &str) -> String {
        match self {
            Self::Is { kind, name, .. } => {
                let known = KINDS.iter().find(|(_, of)| of == kind).map(|(text, _)| *text);
                let name = name.as_ref().map_or_else(String::new, |name| format!("{WORD}{name}"));
                format!("{}{name}={value}", known.unwrap_or_default())
            }
            Self::Measured { name, side, .. } => {
                let sign = SIDES.iter().find(|(_, of)| of == side).map_or("", |(text, _)| *text);
                format!("{name}{sign}{value}")
            }
        }
    }
}

impl Side {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Below => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::AtLeast => order.is_ge(),
            Self::Above => order.is_gt(),
        }
    }
}

impl FromStr for Only {
    type Err = OnlyError;

    fn from_str(text: &str) -> Result<Self, OnlyError> {
        let refused = |why| OnlyError { text: text.to_owned(), why };
        let parse = |part: &str, why| Text::parse(part.trim()).map_err(|_| refused(why));
        let at = text.find(['=', '<', '>']).ok_or_else(|| refused("compares nothing"))?;
        let (name, rest) = text.split_at(at);
        let side = SIDES.iter().find_map(|(sign, side)| Some((rest.strip_prefix(sign)?, *side)));
        if let Some((number, side)) = side {
            let value = number.trim().parse().ok().filter(|value: &f64| value.is_finite());
            let value = value.ok_or_else(|| refused("has no number behind the sign"))?;
            return Ok(Self::Measured { name: parse(name, "measures nothing")?, side, value });
        }
        let value = parse(rest.trim_start_matches('='), "has no value")?;
        let name = parse(name, "has no name")?;
        let known = KINDS.iter().find(|(text, _)| *text == name.as_str());
        if let Some((_, kind)) = known {
            return Ok(Self::Is { kind: *kind, name: None, value });
        }
        let word = name.as_str().strip_prefix(WORD).unwrap_or(name.as_str());
        let name = Some(parse(word, "has no name")?);
        Ok(Self::Is { kind: AttributeKind::Word, name, value })
    }
}

impl fmt::Display for Only {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = match self {
            Self::Is { value, .. } => value.to_string(),
            Self::Measured { value, .. } => value.to_string(),
        };
        f.write_str(&self.with(&value))
    }
}

impl serde::Serialize for Only {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Only {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Eq for Only {}

impl PartialOrd for Only {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Only {
    fn cmp(&self, other: &Self) -> Ordering {
        self.to_string().cmp(&other.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_asked_is_read_as_it_is_written(
            name in "[a-z][a-z ]{0,8}[a-z]", value in "[A-Z0-9]{1,9}", number in -1e9..1e9_f64,
            side in prop::sample::select(SIDES.map(|(_, side)| side).to_vec()),
            kind in prop::sample::select(KINDS.to_vec()),
        ) {
            let text = |text: &str| Text::parse(text).unwrap();
            let all = [
                Only::Is { kind: kind.1, name: None, value: text(&value) },
                Only::Is { kind: AttributeKind::Word, name: Some(text(&name)), value: text(&value) },
                Only::Measured { name: text(&name), side, value: number },
            ];
            let told: Vec<String> = all.iter().map(ToString::to_string).collect();
            prop_assume!(!name.contains(AND));
            prop_assert_eq!(Only::all(&Only::joined(&told).unwrap()).unwrap(), all);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[a-z=<>. 0-9]{0,12}") {
            let _ = Only::all(&text);
        }
    }

    #[test]
    fn what_asks_nothing_is_refused_with_what_was_wanted() {
        for (text, why) in [
            ("tool", "compares nothing"),
            ("torque>high", "no number"),
            ("torque>NaN", "no number"),
            ("=T7", "no name"),
            ("tool=", "no value"),
        ] {
            let refused = text.parse::<Only>().unwrap_err().to_string();
            assert!(refused.contains(why) && refused.contains("torque>8.2"), "{refused}");
        }
        assert_eq!(Only::all(" ").unwrap(), []);
    }
}
