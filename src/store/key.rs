//! The layout of keys. One tree; a prefix byte, then big-endian fields, so that byte order is the
//! order of positions.
//!
//! | key | value |
//! |---|---|
//! | `e` first position of a block, part | some of the block's canonical bodies, each after its length (u32 LE), by zstd |
//! | `c` code, 0, 0, class and scope of an item with that code, 0, first position of a shelf | positions of the item's own events in the shelf, as sorted u16 LE from its begin; none if it is only named there |
//! | `c` code, 0, 1, kind, 0, event time, position | the text of the item that has the alias |
//! | `m` name | schema version, origin, applied position |
//!
//! An item stands under its code once for each shelf that names it: that its code is known and what happened
//! to it is one key, which is written without reading another.
use crate::model::{Code, ItemClass, ItemKey, Position, Scope, ScopeName, Text, Utc};
use std::ops::Range;
use std::str::from_utf8;

/// The form of all this; another number begins anew.
pub(super) const SCHEMA: u64 = 3;
pub(super) const META_SCHEMA: &[u8] = b"mschema";
pub(super) const META_ORIGIN: &[u8] = b"morigin";
pub(super) const META_APPLIED: &[u8] = b"mapplied";

/// Positions whose bodies are packed together.
pub(super) const BLOCK: u64 = 128;
/// Positions that are written together, with one key for each item; offsets must fit u16.
pub(super) const SHELF: u64 = 1024;
const _: () = assert!(SHELF <= 1 << 16 && SHELF.is_multiple_of(BLOCK));

/// The first position of the block (or shelf) of `size` positions that a position lies in.
pub(super) fn first_of(size: u64, position: Position) -> u64 {
    position.0 / size * size
}

/// The last record that ends a shelf, up to a position; 0 is before the first.
pub(super) fn last_filed(position: Position) -> Position {
    Position((position.0.saturating_add(1) / SHELF * SHELF).saturating_sub(1))
}

pub(super) fn bodies(block: u64, part: u16) -> Vec<u8> {
    [b"e".as_slice(), &block.to_be_bytes(), &part.to_be_bytes()].concat()
}

/// What every key of a code begins with. A code has no control character, so 0 ends it.
fn code(code: &Code) -> Vec<u8> {
    [b"c", code.as_str().as_bytes(), &[0]].concat()
}

/// The keys of a code.
pub(super) fn under(of: &Code) -> Range<Vec<u8>> {
    let begin = code(of);
    let end = [begin.as_slice(), &[u8::MAX]].concat();
    begin..end
}

/// What every key of an item begins with; the first position of a shelf follows. Names have no control
/// character either.
pub(super) fn item(item: &ItemKey) -> Vec<u8> {
    let ItemKey { class, scope, code } = item;
    let (kind, within) = match scope {
        Scope::Site => (b's', None),
        Scope::Gs1(None) => (b'g', None),
        Scope::Gs1(Some(gtin)) => (b'G', Some(gtin)),
        Scope::Product(name) => (b'p', Some(name)),
        Scope::Material(name) => (b'm', Some(name)),
        Scope::Supplier(name) => (b'f', Some(name)),
        Scope::Provisional => (b'n', None),
    };
    let (code, within) = (code.as_str().as_bytes(), within.map_or("", ScopeName::as_str));
    let mut key = Vec::with_capacity(code.len() + within.len() + 14);
    key.push(b'c');
    key.extend_from_slice(code);
    key.extend_from_slice(&[0, 0]);
    key.extend_from_slice(class.letter().encode_utf8(&mut [0; 4]).as_bytes());
    key.push(kind);
    key.extend_from_slice(within.as_bytes());
    key.push(0);
    key
}

/// The key of what happened to an item in one shelf, after [`item`].
pub(super) fn in_shelf(mut item: Vec<u8>, shelf: u64) -> Vec<u8> {
    item.extend_from_slice(&shelf.to_be_bytes());
    item
}

/// The first position of the shelf in a key of [`in_shelf`].
pub(super) fn shelf_of(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|shelf| u64::from_be_bytes(*shelf))
}

pub(super) fn alias(of: &Code, kind: &Text, time: Utc, position: Position) -> Vec<u8> {
    // The sign bit is turned over, so that times before 1970 sort first.
    let time = time.0.cast_unsigned() ^ (1 << 63);
    let kind = kind.as_str().as_bytes();
    let (time, position) = (time.to_be_bytes(), position.0.to_be_bytes());
    [code(of).as_slice(), &[1], kind, &[0], &time, &position].concat()
}

/// What stands under a code.
#[derive(Debug)]
pub(super) enum CodeKey {
    /// It is an item's own; in the shelf with this first position something names that.
    Own(ItemKey, u64),
    /// An alias: kind, event time, record.
    Alias(Text, Utc, Position),
}

impl CodeKey {
    /// The record with which it is all there.
    pub(super) fn whole_at(&self) -> Position {
        match self {
            Self::Own(_, first) => Position(first.saturating_add(SHELF - 1)),
            Self::Alias(.., position) => *position,
        }
    }
}

/// Reads a key of a code.
pub(super) fn read_code(of: &Code, key: &[u8]) -> Option<CodeKey> {
    let rest = key.strip_prefix(b"c")?.strip_prefix(of.as_str().as_bytes())?;
    let (rest, position) = rest.strip_prefix(&[0])?.split_last_chunk::<8>()?;
    let position = u64::from_be_bytes(*position);
    match rest.split_first()? {
        (0, rest) => {
            let (0, rest) = rest.split_last()? else { return None };
            Some(CodeKey::Own(read_item(of, rest)?, position))
        }
        (1, rest) => {
            let (rest, time) = rest.split_last_chunk::<8>()?;
            let (0, kind) = rest.split_last()? else { return None };
            let kind = Text::parse(from_utf8(kind).ok()?).ok()?;
            let time = Utc((u64::from_be_bytes(*time) ^ (1 << 63)).cast_signed());
            Some(CodeKey::Alias(kind, time, Position(position)))
        }
        _ => None,
    }
}

fn read_item(code: &Code, class_and_scope: &[u8]) -> Option<ItemKey> {
    let ([class, kind], within) = class_and_scope.split_first_chunk::<2>()?;
    let classes = [ItemClass::Unit, ItemClass::Lot, ItemClass::Container];
    let class = classes.into_iter().find(|one| one.letter() == char::from(*class))?;
    let within = from_utf8(within).ok()?;
    let name = || ScopeName::parse(within).ok();
    let scope = match (kind, within.is_empty()) {
        (b's', true) => Scope::Site,
        (b'g', true) => Scope::Gs1(None),
        (b'G', false) => Scope::Gs1(Some(name()?)),
        (b'p', false) => Scope::Product(name()?),
        (b'm', false) => Scope::Material(name()?),
        (b'f', false) => Scope::Supplier(name()?),
        (b'n', true) => Scope::Provisional,
        _ => return None,
    };
    Some(ItemKey { class, scope, code: code.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::specimens::any_item;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_item_in_a_shelf_reads_back_under_its_code_and_no_other(
            one in any_item(), other in any_item(), shelf in any::<u64>(),
        ) {
            let key = in_shelf(item(&one), shelf);
            let read = read_code(&one.code, &key);
            let same = matches!(&read, Some(CodeKey::Own(item, of)) if *item == one && *of == shelf);
            prop_assert!(same, "{read:?}");
            prop_assert_eq!(shelf_of(&key), Some(shelf));
            prop_assert_eq!(under(&other.code).contains(&key), one.code == other.code);
            prop_assert_eq!(key.starts_with(&item(&other)), one == other);
        }

        #[test]
        fn an_alias_reads_back(code in "[^\\p{C}]{1,9}", kind in "[^\\p{C}]{1,9}", time: i64, at: u64) {
            let (code, kind) = (Code::parse(&code).unwrap(), Text::parse(&kind).unwrap());
            let key = alias(&code, &kind, Utc(time), Position(at));
            let read = read_code(&code, &key);
            let Some(CodeKey::Alias(read, of, position)) = read else { panic!("{read:?}") };
            prop_assert_eq!((read, of, position), (kind, Utc(time), Position(at)));
        }

        #[test]
        fn no_bytes_are_taken_for_a_key_that_would_be_written_otherwise(
            rest in proptest::collection::vec(prop_oneof![Just(0), Just(b'u'), Just(b's'), any::<u8>()], 0..40),
        ) {
            let of = Code::parse("7").unwrap();
            let key = [b"c7\0".as_slice(), &rest].concat();
            match read_code(&of, &key) {
                Some(CodeKey::Own(one, shelf)) => prop_assert_eq!(in_shelf(item(&one), shelf), key),
                Some(CodeKey::Alias(kind, time, at)) => prop_assert_eq!(alias(&of, &kind, time, at), key),
                None => {}
            }
        }
    }
}
