//! Identity: what makes two codes the same thing.
use super::name::{check, text_type};
use super::{MountPointId, NameError, Position, StationId};
use minicbor::{Decode, Encode};
use std::fmt;
use std::str::FromStr;

fn not_in_a_code(c: char) -> bool {
    c.is_control()
}

text_type! {
    /// The code of an item as it was read: a serial, a lot number, an SSCC.
    ///
    /// Text, never a number: leading zeros are part of it. Unique only together with its [`Scope`].
    /// 1 to 128 bytes without control characters.
    Code, "code", 128, not_in_a_code
}
text_type! {
    /// The name of a product, material or supplier within which codes are unique, or a GTIN.
    ScopeName, "scope name", 128, not_in_a_code
}

/// Why a text is not a [`Code`].
pub type CodeError = NameError;

/// The kind of thing that is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum ItemClass {
    /// One piece with a serial (EPCIS instance-level epc).
    #[n(0)]
    Unit,
    /// An amount of material (ISA-95 `MaterialLot`, EPCIS class-level epc).
    #[n(1)]
    Lot,
    /// Something that holds others: SSCC, tray, pallet.
    #[n(2)]
    Container,
}

impl ItemClass {
    /// The letter under which the class stands in an item's text form.
    pub fn letter(self) -> char {
        match self {
            Self::Unit => 'u',
            Self::Lot => 'l',
            Self::Container => 'c',
        }
    }
}

/// Where a code is unique.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Scope {
    /// In the whole site.
    #[n(0)]
    Site,
    /// Worldwide by GS1, within the GTIN if there is one (an SSCC has none).
    #[n(1)]
    Gs1(#[n(0)] Option<ScopeName>),
    /// Among the items of one product.
    #[n(2)]
    Product(#[n(0)] ScopeName),
    /// Among the lots of one material.
    #[n(3)]
    Material(#[n(0)] ScopeName),
    /// Among the lots of one supplier: two suppliers' lot `0001` are two lots.
    #[n(4)]
    Supplier(#[n(0)] ScopeName),
    /// Given by us to a passage whose code could not be read: station, handshake, epoch, number.
    #[n(5)]
    Provisional,
}

/// What an item is known by: class, scope and code. Product and material are attributes, never key.
///
/// Its text form `u/site/SN-1`, `l/supplier/ACME/0001`, `c/gs1/00340…` is the one used in URLs,
/// OPC UA `NodeId`s and on the command line; `/`, `%`, `#`, `?` and blanks inside a part are
/// percent-encoded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(map)]
pub struct ItemKey {
    /// Unit, lot or container.
    #[n(0)]
    pub class: ItemClass,
    /// Where the code is unique.
    #[n(1)]
    pub scope: Scope,
    /// The code as read.
    #[n(2)]
    pub code: Code,
}

/// One lot in one feeder, from one moment on; a node of the genealogy of its own, so that a wrong
/// mount is corrected at one place. Known by the ledger position of its `mount` event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(map)]
pub struct MountKey {
    /// The station.
    #[n(0)]
    pub station: StationId,
    /// Its feeder, hopper or slot.
    #[n(1)]
    pub point: MountPointId,
    /// The position of the `mount` event.
    #[n(2)]
    pub opened: Position,
}

/// Why a text is not an [`ItemKey`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ItemKeyError {
    /// Not of the form class/scope/code.
    #[error(
        "`{0}` is not an item: wanted class/scope/code such as `u/site/SN-1` or `l/supplier/ACME/0001`"
    )]
    Form(String),
    /// One of the parts is refused.
    #[error("`{text}` is not an item: {why}")]
    Part {
        /// What stood there.
        text: String,
        /// Why a part of it is refused.
        why: NameError,
    },
}

impl ItemKey {
    /// A unit whose serial is unique in the site.
    pub fn unit(code: Code) -> Self {
        Self { class: ItemClass::Unit, scope: Scope::Site, code }
    }

    /// A lot in the given scope.
    pub fn lot(scope: Scope, code: Code) -> Self {
        Self { class: ItemClass::Lot, scope, code }
    }
}

fn escape(part: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for c in part.chars() {
        if "/%#?".contains(c) || c.is_whitespace() {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                write!(f, "%{byte:02X}")?;
            }
        } else {
            fmt::Write::write_char(f, c)?;
        }
    }
    Ok(())
}

/// A part of a path without its percent-encoding; `None` if that is wrong, or what it stands for is no text.
pub(super) fn unescape(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(b) = rest.next() {
        if b == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            bytes.push(b);
        }
    }
    String::from_utf8(bytes).ok()
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.class.letter())?;
        let within = |f: &mut fmt::Formatter<'_>, kind: &str, name: &ScopeName| {
            write!(f, "{kind}/")?;
            escape(name.as_str(), f)?;
            f.write_str("/")
        };
        match &self.scope {
            Scope::Site => f.write_str("site/")?,
            Scope::Gs1(None) => f.write_str("gs1/")?,
            Scope::Gs1(Some(gtin)) => within(f, "gs1", gtin)?,
            Scope::Product(name) => within(f, "product", name)?,
            Scope::Material(name) => within(f, "material", name)?,
            Scope::Supplier(name) => within(f, "supplier", name)?,
            Scope::Provisional => f.write_str("provisional/")?,
        }
        escape(self.code.as_str(), f)
    }
}

impl FromStr for ItemKey {
    type Err = ItemKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || ItemKeyError::Form(text.to_owned());
        let parts: Vec<String> =
            text.split('/').map(unescape).collect::<Option<_>>().ok_or_else(form)?;
        let name = |s: &str| {
            ScopeName::parse(s).map_err(|why| ItemKeyError::Part { text: text.to_owned(), why })
        };
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (class, scope, code) = match parts.as_slice() {
            [class, "site", code] => (*class, Scope::Site, *code),
            [class, "provisional", code] => (*class, Scope::Provisional, *code),
            [class, "gs1", code] => (*class, Scope::Gs1(None), *code),
            [class, "gs1", gtin, code] => (*class, Scope::Gs1(Some(name(gtin)?)), *code),
            [class, "product", within, code] => (*class, Scope::Product(name(within)?), *code),
            [class, "material", within, code] => (*class, Scope::Material(name(within)?), *code),
            [class, "supplier", within, code] => (*class, Scope::Supplier(name(within)?), *code),
            _ => return Err(form()),
        };
        let class = match class {
            "u" => ItemClass::Unit,
            "l" => ItemClass::Lot,
            "c" => ItemClass::Container,
            _ => return Err(form()),
        };
        check("code", code, Code::LEN_MAX, not_in_a_code)
            .and_then(|()| Code::parse(code))
            .map(|code| Self { class, scope, code })
            .map_err(|why| ItemKeyError::Part { text: text.to_owned(), why })
    }
}

impl serde::Serialize for ItemKey {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for ItemKey {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::specimens::any_item;
    use proptest::prelude::*;

    proptest! {
        /// Part of the promise that a `NodeId` or URL kept by a client stays valid for ever.
        #[test]
        fn the_text_form_of_an_item_reads_back_as_the_same_item(key in any_item()) {
            prop_assert_eq!(key.to_string().parse::<ItemKey>().unwrap(), key);
        }
    }

    #[test]
    fn a_code_with_url_separators_stays_one_path_segment() {
        let key = ItemKey::unit(Code::parse("a#b?c/d").unwrap());
        assert_eq!(key.to_string(), "u/site/a%23b%3Fc%2Fd");
    }

    #[test]
    fn leading_zeros_make_a_different_item() {
        let a: ItemKey = "u/site/007".parse().unwrap();
        let b: ItemKey = "u/site/7".parse().unwrap();
        assert_ne!(a, b);
    }
}
