//! Names that the plant files give: devices, stations, handshakes and the like.

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was there.
    #[error("a {what} is empty")]
    Empty {
        /// The kind of name.
        what: &'static str,
    },
    /// Longer than the limit.
    #[error("a {what} of {len} bytes is longer than {max}")]
    TooLong {
        /// The kind of name.
        what: &'static str,
        /// Bytes found.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// A character that a name cannot have.
    #[error("a {what} has the character {character:?} at byte {at}")]
    Character {
        /// The kind of name.
        what: &'static str,
        /// Byte offset.
        at: usize,
        /// What stood there.
        character: char,
    },
}

/// Checks length and characters: the one rule behind every text type of the model.
pub(super) fn check(
    what: &'static str,
    text: &str,
    max: usize,
    refused: fn(char) -> bool,
) -> std::result::Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty { what });
    }
    if text.len() > max {
        return Err(NameError::TooLong { what, len: text.len(), max });
    }
    match text.char_indices().find(|(_, c)| refused(*c)) {
        Some((at, character)) => Err(NameError::Character { what, at, character }),
        None => Ok(()),
    }
}

/// A text newtype that exists only if its text was accepted: `parse`, `as_str`, `Display`, CBOR as
/// a text string, JSON as a string.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $refused:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Longest text in bytes.
            pub const LEN_MAX: usize = $max;

            /// Accepts a text or says why not.
            pub fn parse(text: &str) -> std::result::Result<Self, $crate::model::NameError> {
                $crate::model::name::check($what, text, Self::LEN_MAX, $refused)?;
                Ok(Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::model::NameError;

            fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> std::result::Result<(), minicbor::encode::Error<W::Error>> {
                e.str(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                d: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> std::result::Result<Self, minicbor::decode::Error> {
                Self::parse(d.str()?).map_err(minicbor::decode::Error::custom)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(
                d: D,
            ) -> std::result::Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(super) use text_type;

/// A name stands in a URL, a `NodeId`, a metric label and a log line: no blanks, no separators.
fn not_in_a_name(c: char) -> bool {
    c.is_control() || c.is_whitespace() || "/\\\"'?#%".contains(c)
}

text_type! {
    /// The site whose serials are unique (ISA-95 Site).
    SiteId, "site name", 64, not_in_a_name
}
text_type! {
    /// A line of stations (ISA-95 Production Line or Process Cell).
    LineId, "line name", 64, not_in_a_name
}
text_type! {
    /// A controller that we talk to.
    DeviceId, "device name", 64, not_in_a_name
}
text_type! {
    /// A place that does one operation on material (ISA-95 Work Unit, EPCIS readPoint).
    StationId, "station name", 64, not_in_a_name
}
text_type! {
    /// An exchange of words with a PLC at one station.
    HandshakeId, "handshake name", 64, not_in_a_name
}
text_type! {
    /// An interval of machine state at one station (ISA-88 phase).
    PhaseId, "phase name", 64, not_in_a_name
}
text_type! {
    /// A feeder, hopper or slot of a station.
    MountPointId, "mount name", 64, not_in_a_name
}
text_type! {
    /// A watched tag or measurement of one station.
    MonitorId, "monitor name", 64, not_in_a_name
}
text_type! {
    /// A configured point of a device, as the plant file or the server names it.
    TagName, "tag name", 256, char::is_control
}
text_type! {
    /// A short text that a PLC or a person gave: product, operation, recipe, reason, label.
    Text, "text", 256, char::is_control
}
