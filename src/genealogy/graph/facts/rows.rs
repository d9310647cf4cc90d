//! By node and way the places of its facts: compressed rows that are added to where they lie. A page has the rows of
//! some nodes one after the other, so that whatever is added moves a page at most; a row that grows long has chunks
//! of its own.
use crate::genealogy::link::{Direction, NodeId};
use std::ops::Range;

/// Nodes of a page.
const PAGE: usize = 32;
/// The length of a row that has chunks of its own; their number stands in its place.
const LONG: u8 = u8::MAX;
/// Bytes of that number.
const NUMBER: u16 = 4;

/// All rows.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pages: Vec<Page>,
    long: Vec<Vec<Chunk>>,
    /// Bytes of a row that has no chunks, and places of a chunk.
    row_max: u8,
    chunk_max: usize,
}

/// The rows of some nodes, two of each.
#[derive(Debug, Clone)]
struct Page {
    /// What the first place of each row is told from.
    base: u32,
    /// Bytes of each row.
    lens: [u8; 2 * PAGE],
    bytes: Vec<u8>,
}

/// Some places of a long row.
#[derive(Debug, Clone)]
struct Chunk {
    first: u32,
    last: u32,
    len: usize,
    /// From `first`.
    bytes: Vec<u8>,
}

impl Rows {
    /// None yet. A row of more than `row_max` bytes, at most 250, has chunks of at most `chunk_max` places.
    pub(super) fn new(row_max: u8, chunk_max: usize) -> Self {
        Self { pages: Vec::new(), long: Vec::new(), row_max, chunk_max }
    }

    /// Adds a place to a row, which is kept in the order that `is_before` gives.
    ///
    /// # Panics
    /// With 2³² long rows.
    pub(super) fn insert(
        &mut self,
        (node, direction, place): (NodeId, Direction, u32),
        is_before: impl Fn(u32, u32) -> bool,
    ) {
        let (at, row) = index(node, direction);
        if self.pages.len() <= at {
            self.pages.resize_with(at + 1, Page::default);
        }
        let Some(page) = self.pages.get_mut(at) else { return };
        if let Some(number) = page.long(row) {
            if let Some(chunks) = self.long.get_mut(number) {
                insert(chunks, place, self.chunk_max, is_before);
            }
            return;
        }
        page.insert(row, place, is_before);
        if page.lens.get(row).is_some_and(|len| *len > self.row_max) {
            let places: Vec<u32> = page.row(row).collect();
            let number = u32::try_from(self.long.len()).expect("fewer than 2^32 long rows");
            self.long.push(places.chunks(self.chunk_max).map(Chunk::of).collect());
            page.replace(page.range(row), &number.to_le_bytes());
            page.set_len(row, LONG);
        }
    }

    /// The places of a row in their order.
    pub(super) fn get(&self, node: NodeId, direction: Direction) -> Places<'_> {
        let (at, row) = index(node, direction);
        let Some(page) = self.pages.get(at) else { return Places::default() };
        match page.long(row) {
            Some(number) => {
                let chunks = self.long.get(number).map_or(&[][..], Vec::as_slice);
                Places { chunks, ..Places::default() }
            }
            None => page.row(row),
        }
    }

    /// The memory that they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let pages: usize = self.pages.iter().map(|page| page.bytes.capacity()).sum();
        let chunks = self.long.iter().flatten().map(|chunk| chunk.bytes.capacity());
        let long: usize = self.long.iter().map(|row| size_of_val(row) + size_of_val(&**row)).sum();
        size_of_val(&*self.pages) + pages + long + chunks.sum::<usize>()
    }
}

fn index(node: NodeId, direction: Direction) -> (usize, usize) {
    (node.get() / PAGE, node.get() % PAGE * 2 + direction as usize)
}

/// Adds a place to a long row.
fn insert(
    chunks: &mut Vec<Chunk>,
    place: u32,
    len_max: usize,
    is_before: impl Fn(u32, u32) -> bool,
) {
    let Some(last) = chunks.last_mut() else { return };
    if is_before(last.last, place) {
        if last.len < len_max {
            return last.push(place);
        }
        last.bytes.shrink_to_fit();
        return chunks.push(Chunk::of(&[place]));
    }
    let after = chunks.partition_point(|chunk| is_before(chunk.first, place));
    let at = after.saturating_sub(1);
    let Some(chunk) = chunks.get(at) else { return };
    let mut places: Vec<u32> = chunk.places().collect();
    places.insert(places.partition_point(|before| is_before(*before, place)), place);
    let half = if places.len() > 2 * len_max { len_max } else { places.len() };
    chunks.splice(at..=at, places.chunks(half.max(1)).map(Chunk::of));
}

impl Default for Page {
    fn default() -> Self {
        Self { base: 0, lens: [0; 2 * PAGE], bytes: Vec::new() }
    }
}

impl Page {
    fn range(&self, row: usize) -> Range<usize> {
        let size = |len: &u8| if *len == LONG { NUMBER } else { u16::from(*len) };
        // No sum wraps; without a check of each they are added side by side.
        let begin = self.lens.iter().take(row).map(size).fold(0, u16::wrapping_add).into();
        begin..begin + self.lens.get(row).map_or(0, |len| size(len).into())
    }

    /// The number of a long row.
    fn long(&self, row: usize) -> Option<usize> {
        self.lens.get(row).filter(|len| **len == LONG)?;
        let number = self.bytes.get(self.range(row))?.try_into().ok()?;
        Some(u32::from_le_bytes(number) as usize)
    }

    fn row(&self, row: usize) -> Places<'_> {
        let bytes = self.bytes.get(self.range(row)).unwrap_or_default();
        Places { at: self.base, bytes, chunks: &[] }
    }

    fn insert(&mut self, row: usize, place: u32, is_before: impl Fn(u32, u32) -> bool) {
        if self.bytes.is_empty() {
            self.base = place;
        }
        let range = self.range(row);
        let last = self.row(row).last();
        if last.is_none_or(|last| is_before(last, place)) {
            let (more, len) = told(last.unwrap_or(self.base), place);
            let more = more.get(..len).unwrap_or_default();
            self.set_len(row, u8::try_from(range.len() + len).unwrap_or(LONG - 1));
            return self.replace(range.end..range.end, more);
        }
        let mut places: Vec<u32> = self.row(row).collect();
        places.insert(places.partition_point(|before| is_before(*before, place)), place);
        let bytes = written(self.base, &places);
        self.set_len(row, u8::try_from(bytes.len()).unwrap_or(LONG - 1));
        self.replace(range, &bytes);
    }

    fn set_len(&mut self, row: usize, len: u8) {
        if let Some(there) = self.lens.get_mut(row) {
            *there = len;
        }
    }

    /// Puts bytes in the place of others, with little room to spare.
    fn replace(&mut self, range: Range<usize>, bytes: &[u8]) {
        let len = self.bytes.len() + bytes.len();
        if self.bytes.capacity() < len {
            self.bytes.reserve_exact(bytes.len() + len / 8);
        }
        self.bytes.splice(range, bytes.iter().copied());
    }
}

impl Chunk {
    fn of(places: &[u32]) -> Self {
        let first = places.first().copied().unwrap_or_default();
        let last = places.last().copied().unwrap_or_default();
        Self { first, last, len: places.len(), bytes: written(first, places) }
    }

    fn push(&mut self, place: u32) {
        let (more, len) = told(self.last, place);
        self.bytes.extend(more.get(..len).unwrap_or_default());
        (self.last, self.len) = (place, self.len + 1);
    }

    fn places(&self) -> Places<'_> {
        Places { at: self.first, bytes: &self.bytes, chunks: &[] }
    }
}

/// Places of one row, read as they are asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Places<'r> {
    at: u32,
    bytes: &'r [u8],
    chunks: &'r [Chunk],
}

impl Iterator for Places<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        while self.bytes.is_empty() {
            let (chunk, rest) = self.chunks.split_first()?;
            (self.at, self.bytes, self.chunks) = (chunk.first, &chunk.bytes, rest);
        }
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        let (mut value, mut shift) = (u64::from(first & 0x7f), 7);
        let mut more = first & 0x80 != 0;
        while more {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            more = byte & 0x80 != 0;
        }
        // Zigzag: the lowest bit says which way. Places wrap, as they did when they were written.
        let by = u32::try_from(value >> 1 & u64::from(u32::MAX)).unwrap_or_default();
        self.at = if value & 1 == 0 { self.at.wrapping_add(by) } else { self.at.wrapping_sub(by) };
        Some(self.at)
    }
}

/// One place told from another: seven bits a byte, the lowest first.
fn told(from: u32, to: u32) -> ([u8; 5], usize) {
    let back = to < from;
    let mut value = u64::from(from.abs_diff(to)) << 1 | u64::from(back);
    let (mut bytes, mut len) = ([0; 5], 0);
    for byte in &mut bytes {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        len += 1;
        *byte = if value == 0 { low } else { low | 0x80 };
        if value == 0 {
            break;
        }
    }
    (bytes, len)
}

fn written(base: u32, places: &[u32]) -> Vec<u8> {
    let mut from = base;
    let mut bytes = Vec::with_capacity(places.len() + 8);
    for place in places {
        let (more, len) = told(from, *place);
        bytes.extend(more.get(..len).unwrap_or_default());
        from = *place;
    }
    bytes
}
