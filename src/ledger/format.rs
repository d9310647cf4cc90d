//! The bytes of a segment: preamble, header frame, frames of records, seal. Described in
//! `docs/ledger-format.md`; what is written here stays readable for good.
use super::run::Run;
use super::tree::Tree;
use crate::model::wire::{self, BODY_LEN_MAX, FrameFault};
use crate::model::{Digest, Origin, Position};
use minicbor::data::Type;
use minicbor::{Decode, Decoder, Encode, Encoder};

/// What a segment begins with.
pub(super) const MAGIC: [u8; 8] = *b"PDGR-LED";
/// The format that is written, and the newest that is read.
pub(super) const VERSION: u32 = 1;
/// The feature bit of a segment of which some steps are only hashes.
pub(super) const THINNED: u32 = 1;
/// Where the lowest byte of the feature bits stands.
const FEATURES_AT: usize = 12;
/// The kind of a record that is a tombstone.
pub(super) const TOMBSTONE: u8 = 8;
/// What is said of records that are not numbered without a hole.
pub(super) const NOT_DENSE: &str = "a record has the position of another";
/// Magic, version and feature bits.
pub(super) const PREAMBLE_LEN: usize = 16;
/// Array head, `synced` and one byte-string head at their longest.
const OVERHEAD: usize = 9 + 9;
/// Longest head of one record.
const RECORD_HEAD: usize = 5;
/// A seal is shorter than this.
pub(super) const SEAL_LEN_MAX: usize = 96;

/// What a segment says of itself, written before anything else.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Header {
    /// Whose ledger it is.
    #[n(0)]
    pub(super) origin: Origin,
    /// The position of the first record in it.
    #[n(1)]
    pub(super) first: Position,
    /// Leaves of the tree before that record.
    #[n(2)]
    pub(super) size: u64,
    /// Root of the tree before that record.
    #[n(3)]
    pub(super) root: Digest,
    /// Peaks of the tree before that record, largest first.
    #[n(4)]
    pub(super) peaks: Vec<Digest>,
}

/// The last frame of a segment that is complete.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Seal {
    /// The position of the last record.
    #[n(0)]
    pub(super) last: Position,
    /// Records in this segment.
    #[n(1)]
    pub(super) count: u64,
    /// Root of the tree after the last record.
    #[n(2)]
    pub(super) root: Digest,
}

/// Steps of a thinned segment whose records are only hashes. No key is one of a seal's.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Dropped {
    /// The first record.
    #[n(3)]
    first: Position,
    /// How many.
    #[n(4)]
    count: u64,
    /// The roots of the fewest perfect subtrees, aligned to their size, that cover them, left to right.
    #[n(5)]
    nodes: Vec<Digest>,
}

/// One frame of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'b> {
    /// The records of one step.
    Step(Step<'b>),
    /// What retention left of steps.
    Dropped(Run),
    /// The end of the segment.
    Seal(Seal),
}

/// The records of one step.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step<'b> {
    /// Every record up to this one was on stable storage when the frame was written.
    pub(super) synced: Position,
    /// The canonical bytes of each record.
    pub(super) records: Vec<&'b [u8]>,
}

impl Step<'_> {
    /// The position of its first record.
    pub(super) fn first(&self) -> Option<Position> {
        position(self.records.first()?)
    }

    /// Whether its records are numbered without a hole from `next` on.
    pub(super) fn is_dense_from(&self, next: Position) -> bool {
        (next.0..).zip(&self.records).all(|(n, record)| position(record) == Some(Position(n)))
    }
}

/// Why there is no frame where one should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PieceFault {
    /// Length or checksum.
    #[error(transparent)]
    Frame(#[from] FrameFault),
    /// The checksum holds, yet it is neither a step nor a seal.
    #[error("a frame is neither a step nor a seal, nor what retention leaves of steps")]
    Shape,
}

/// Why a segment's header cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeaderFault {
    Foreign,
    Newer { version: u32, features: u32 },
    Damaged,
}

/// The bytes that a segment begins with.
pub(super) fn header(origin: &Origin, tree: &Tree) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&0_u32.to_le_bytes());
    let header = Header {
        origin: origin.clone(),
        first: Position(tree.size()).next(),
        size: tree.size(),
        root: tree.root(),
        peaks: tree.peaks().to_vec(),
    };
    wire::put_frame(&wire::encode(&header), &mut bytes);
    bytes
}

/// Reads the header of a segment: what it says, the tree before its first record, and its length.
pub(super) fn take_header(bytes: &[u8]) -> Result<(Header, Tree, usize), HeaderFault> {
    let (preamble, rest) = bytes.split_first_chunk::<PREAMBLE_LEN>().ok_or(HeaderFault::Damaged)?;
    let [m0, m1, m2, m3, m4, m5, m6, m7, v0, v1, v2, v3, f0, f1, f2, f3] = *preamble;
    if [m0, m1, m2, m3, m4, m5, m6, m7] != MAGIC {
        return Err(HeaderFault::Foreign);
    }
    let version = u32::from_le_bytes([v0, v1, v2, v3]);
    let features = u32::from_le_bytes([f0, f1, f2, f3]);
    if version != VERSION || features & !THINNED != 0 {
        return Err(HeaderFault::Newer { version, features });
    }
    let Ok(Some((body, after))) = wire::take_frame(rest) else {
        return Err(HeaderFault::Damaged);
    };
    let header: Header = wire::decode(body).map_err(|_| HeaderFault::Damaged)?;
    let tree = Tree::from_peaks(header.size, header.peaks.clone()).ok_or(HeaderFault::Damaged)?;
    if tree.root() != header.root || header.first != Position(header.size).next() {
        return Err(HeaderFault::Damaged);
    }
    Ok((header, tree, bytes.len() - after.len()))
}

/// The header of a segment, as that of a thinned one.
pub(super) fn thinned(header: &[u8]) -> Vec<u8> {
    let mut bytes = header.to_vec();
    if let Some(features) = bytes.get_mut(FEATURES_AT..FEATURES_AT + 4) {
        features.copy_from_slice(&THINNED.to_le_bytes());
    }
    bytes
}

/// Whether a header, which is good, is that of a thinned segment.
pub(super) fn is_thinned(header: &[u8]) -> bool {
    header.get(FEATURES_AT) == Some(&1)
}

/// Bytes of the body around records of these lengths, at most.
pub(super) fn step_len_max(records: &[Vec<u8>]) -> usize {
    records
        .iter()
        .map(|r| r.len().saturating_add(RECORD_HEAD))
        .fold(OVERHEAD, usize::saturating_add)
}

/// Appends the frame of one step.
pub(super) fn put_step(synced: Position, records: &[Vec<u8>], out: &mut Vec<u8>) {
    debug_assert!(step_len_max(records) <= BODY_LEN_MAX);
    let mut body = Encoder::new(Vec::with_capacity(step_len_max(records)));
    let written = body
        .array(records.len() as u64 + 1)
        .and_then(|e| e.u64(synced.0))
        .and_then(|e| records.iter().try_fold(e, |e, record| e.bytes(record)));
    written.expect("encoding into memory does not fail");
    wire::put_frame(body.writer(), out);
}

/// Appends the frame that ends a segment.
pub(super) fn put_seal(seal: &Seal, out: &mut Vec<u8>) {
    wire::put_frame(&wire::encode(seal), out);
}

/// Appends the frame of what is dropped; nothing if nothing is.
pub(super) fn put_dropped(run: &Run, out: &mut Vec<u8>) {
    let range = run.range();
    if range.is_empty() {
        return;
    }
    let first = Position(range.start).next();
    let dropped = Dropped { first, count: range.end - range.start, nodes: run.nodes().to_vec() };
    wire::put_frame(&wire::encode(&dropped), out);
}

/// What kind of record these bytes are; nothing but that is read.
pub(super) fn kind(record: &[u8]) -> Option<u8> {
    let mut d = Decoder::new(record);
    for _ in 0..d.map().ok()?? {
        if d.u64().ok()? == 2 {
            d.array().ok()?;
            return d.u8().ok();
        }
        d.skip().ok()?;
    }
    None
}

/// The position that a record says it has.
pub(super) fn position(record: &[u8]) -> Option<Position> {
    let mut d = Decoder::new(record);
    d.map().ok()?;
    (d.u8().ok()? == 0).then_some(Position(d.u64().ok()?))
}

/// Takes the first frame off `bytes`; `None` at the end.
pub(super) fn take_piece(bytes: &[u8]) -> Result<Option<(Piece<'_>, &[u8])>, PieceFault> {
    match wire::take_frame(bytes)? {
        Some((body, rest)) => Ok(Some((piece(body)?, rest))),
        None => Ok(None),
    }
}

/// Reads the body of a frame.
pub(super) fn piece(body: &[u8]) -> Result<Piece<'_>, PieceFault> {
    let mut d = Decoder::new(body);
    let read = match d.datatype() {
        Ok(Type::Array) => step(&mut d).map(Piece::Step),
        Ok(Type::Map) => match d.probe().decode::<Dropped>() {
            Ok(_) => d.decode().ok().and_then(run).map(Piece::Dropped),
            Err(_) => d.decode::<Seal>().ok().map(Piece::Seal),
        },
        Ok(_) | Err(_) => None,
    };
    read.filter(|_| d.position() == body.len()).ok_or(PieceFault::Shape)
}

fn run(dropped: Dropped) -> Option<Run> {
    let Dropped { first, count, nodes } = dropped;
    let start = first.0.checked_sub(1).filter(|_| count > 0)?;
    Run::from_nodes(start..start.checked_add(count)?, nodes)
}

fn step<'b>(d: &mut Decoder<'b>) -> Option<Step<'b>> {
    let count = d.array().ok()??.checked_sub(1)?;
    let synced = Position(d.u64().ok()?);
    let records: Vec<&[u8]> = (0..count).map(|_| d.bytes().ok()).collect::<Option<_>>()?;
    (!records.is_empty()).then_some(Step { synced, records })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SiteId;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_step_reads_back_as_written(
            synced: u64, records in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..9),
        ) {
            let mut bytes = Vec::new();
            put_step(Position(synced), &records, &mut bytes);
            prop_assert!(bytes.len() - wire::HEAD_LEN <= step_len_max(&records));
            let (piece, rest) = take_piece(&bytes).unwrap().unwrap();
            let records = records.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(piece, Piece::Step(Step { synced: Position(synced), records }));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn any_body_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = piece(&body);
        }
    }

    #[test]
    fn a_seal_is_never_longer_than_its_limit() {
        let seal = Seal { last: Position(u64::MAX), count: u64::MAX, root: Digest([255; 32]) };
        let mut bytes = Vec::new();
        put_seal(&seal, &mut bytes);
        assert!(bytes.len() < SEAL_LEN_MAX, "{}", bytes.len());
        assert_eq!(take_piece(&bytes).unwrap().unwrap().0, Piece::Seal(seal));
    }

    #[test]
    fn a_header_of_a_newer_format_is_told_from_a_damaged_one() {
        let origin = Origin { site: SiteId::parse("plant-1").unwrap(), incarnation: 1 };
        let mut bytes = header(&origin, &Tree::default());
        let (read, tree, len) = take_header(&bytes).unwrap();
        assert_eq!((read.origin, tree, len), (origin, Tree::default(), bytes.len()));
        bytes[8] = 2;
        assert_eq!(take_header(&bytes), Err(HeaderFault::Newer { version: 2, features: 0 }));
        bytes[8] = 1;
        bytes[20] ^= 1;
        assert_eq!(take_header(&bytes), Err(HeaderFault::Damaged));
        bytes[0] = b'X';
        assert_eq!(take_header(&bytes), Err(HeaderFault::Foreign));
    }
}
