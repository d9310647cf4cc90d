//! The layout of keys. One tree; a prefix byte, then big-endian fields, so that byte order is the
//! order of positions.
//!
//! | key | value |
//! |---|---|
//! | `e` first position of a block, part | some of the block's canonical bodies, each after its length (u32 LE), by zstd |
//! | `p` item, first position of a shelf | positions of the item's own events in the shelf, as sorted u16 LE from its begin |
//! | `d` text of an item | its number |
//! | `i` number | the item's text |
//! | `c` code, 0, 0, item | – |
//! | `c` code, 0, 1, kind, 0, event time, position | the item that has the alias |
//! | `m` name | schema version, origin, applied position |
use crate::model::{Code, Position, Text, Utc};

/// The form of all this; another number begins anew.
pub(super) const SCHEMA: u64 = 2;
pub(super) const META_SCHEMA: &[u8] = b"mschema";
pub(super) const META_ORIGIN: &[u8] = b"morigin";
pub(super) const META_APPLIED: &[u8] = b"mapplied";
pub(super) const NUMBERS: &[u8] = b"i";
pub(super) const POSTINGS: &[u8] = b"p";

/// Positions whose bodies are packed together.
pub(super) const BLOCK: u64 = 128;
/// Positions that are written together, with one posting for each item; offsets must fit u16.
pub(super) const SHELF: u64 = 1024;
const _: () = assert!(SHELF <= 1 << 16 && SHELF.is_multiple_of(BLOCK));

/// The number that the string dictionary gave to an item.
pub(super) type ItemNumber = u64;

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

pub(super) fn postings(item: ItemNumber, shelf: u64) -> Vec<u8> {
    [POSTINGS, &item.to_be_bytes(), &shelf.to_be_bytes()].concat()
}

/// The item in a key of [`NUMBERS`] or [`POSTINGS`].
pub(super) fn number_in(key: &[u8]) -> Option<ItemNumber> {
    key.get(1..)?.first_chunk::<8>().map(|number| u64::from_be_bytes(*number))
}

/// The shelf of a posting key.
pub(super) fn shelf_of(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|shelf| u64::from_be_bytes(*shelf))
}

pub(super) fn text(item: &str) -> Vec<u8> {
    [b"d", item.as_bytes()].concat()
}

pub(super) fn number(item: ItemNumber) -> Vec<u8> {
    [NUMBERS, &item.to_be_bytes()].concat()
}

/// What every key of a code begins with. A code has no control character, so 0 ends it.
pub(super) fn code(code: &Code) -> Vec<u8> {
    [b"c", code.as_str().as_bytes(), &[0]].concat()
}

pub(super) fn own_code(of: &Code, item: ItemNumber) -> Vec<u8> {
    [code(of).as_slice(), &[0], &item.to_be_bytes()].concat()
}

pub(super) fn alias(of: &Code, kind: &Text, time: Utc, position: Position) -> Vec<u8> {
    // The sign bit is turned over, so that times before 1970 sort first.
    let time = time.0.cast_unsigned() ^ (1 << 63);
    let kind = kind.as_str().as_bytes();
    let (time, position) = (time.to_be_bytes(), position.0.to_be_bytes());
    [code(of).as_slice(), &[1], kind, &[0], &time, &position].concat()
}

/// What stands in the rest of a code key, after [`code`].
pub(super) enum CodeKey {
    /// The item's own code.
    Own(ItemNumber),
    /// An alias: kind, event time, record.
    Alias(Text, Utc, Position),
}

/// Reads the rest of a code key.
pub(super) fn read_code(rest: &[u8]) -> Option<CodeKey> {
    match rest.split_first()? {
        (0, number) => Some(CodeKey::Own(u64::from_be_bytes(number.try_into().ok()?))),
        (1, rest) => {
            let (rest, position) = rest.split_last_chunk::<8>()?;
            let (rest, time) = rest.split_last_chunk::<8>()?;
            let (0, kind) = rest.split_last()? else { return None };
            let kind = Text::parse(std::str::from_utf8(kind).ok()?).ok()?;
            let time = Utc((u64::from_be_bytes(*time) ^ (1 << 63)).cast_signed());
            Some(CodeKey::Alias(kind, time, Position(u64::from_be_bytes(*position))))
        }
        _ => None,
    }
}
