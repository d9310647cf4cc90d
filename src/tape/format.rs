//! The bytes of a tape file around its entries.
use crate::model::Origin;
use crate::model::wire::{self, BODY_LEN_MAX, HEAD_LEN};
use minicbor::data::Type;
use minicbor::{Decode, Decoder, Encode};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What a tape file begins with.
const MAGIC: [u8; 8] = *b"PDGR-TAP";
/// The format that is written, and the newest that is read.
pub(super) const VERSION: u32 = 1;
const SUFFIX: &str = ".tape";
/// Of a sealed file.
const SEALED: &str = ".parquet";

/// What a tape file says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Header {
    /// Of the ledger beside it.
    #[n(0)]
    pub(super) origin: Origin,
    /// The number of its first entry.
    #[n(1)]
    pub(super) first: u64,
    /// What somebody has to know who reads it; none so far, and then nothing stands there.
    #[n(2)]
    #[cbor(default, skip_if = "is_none")]
    pub(super) features: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that the macro asks for")]
fn is_none(features: &u32) -> bool {
    *features == 0
}

impl Header {
    /// Refuses what is not read by this version.
    pub(super) fn known(self, version: u32) -> Result<Self, Stop> {
        match self.features {
            0 => Ok(self),
            features => Err(Stop::Newer { version, features }),
        }
    }
}

/// Where the file that begins at `first` is.
pub(super) fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}{SUFFIX}"))
}

/// Where it is once it is sealed.
pub(super) fn sealed(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}{SEALED}"))
}

/// Whether a file is a sealed one, by its name.
pub(super) fn is_sealed(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.ends_with(SEALED))
}

/// The first numbers of the files in `dir`, sealed or not, in order; none if there is no such
/// directory.
pub(super) fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let entries = match std::fs::read_dir(dir) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut firsts = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let name = name.to_str().unwrap_or_default();
        let first = name.strip_suffix(SUFFIX).or_else(|| name.strip_suffix(SEALED));
        firsts.extend(first.and_then(|first| first.parse::<u64>().ok()));
    }
    firsts.sort_unstable();
    firsts.dedup();
    Ok(firsts)
}

/// The bytes that a file begins with.
pub(super) fn header(header: &Header) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    wire::put_frame(&wire::encode(header), &mut bytes);
    bytes
}

/// Appends the frame that ends a file which nothing is missing from.
pub(super) fn put_end(last: u64, out: &mut Vec<u8>) {
    wire::put_frame(&wire::encode(&last), out);
}

/// What a frame's body is.
pub(super) enum Body {
    /// An entry of this number.
    Entry(u64),
    /// The end of the file, after the entry of this number.
    End(u64),
}

/// Looks at a body without reading it.
pub(super) fn body(bytes: &[u8]) -> Option<Body> {
    let mut d = Decoder::new(bytes);
    if d.datatype().ok()? == Type::Map {
        d.map().ok()?;
        (d.u8().ok()? == 0).then_some(())?;
        return Some(Body::Entry(d.u64().ok()?));
    }
    Some(Body::End(d.u64().ok()?))
}

/// Why a file gives no next frame.
#[derive(Debug)]
pub(super) enum Stop {
    Io(io::Error),
    /// It does not begin as a tape does.
    Foreign,
    /// Written by a later version.
    Newer {
        version: u32,
        features: u32,
    },
    /// The rest of the file is not a frame; so many bytes.
    Torn(u64),
}

/// What a file has that this version does not read.
pub(super) fn newer(version: u32, features: u32) -> String {
    format!(
        "tape format {version} with features {features:#x}, this pedigree reads format {VERSION} without features"
    )
}

/// Reads the header.
pub(super) fn take_header(file: &mut impl Read) -> Result<Header, Stop> {
    let mut preamble = [0; 12];
    let got = fill(file, &mut preamble).map_err(Stop::Io)?;
    let [m0, m1, m2, m3, m4, m5, m6, m7, version @ ..] = preamble;
    // A name can be on stable storage, at a loss of power, before what it is of.
    let begun = preamble.iter().take(got.min(MAGIC.len())).eq(MAGIC.iter().take(got));
    if got < preamble.len() && begun {
        return Err(Stop::Torn(got as u64));
    }
    if got < preamble.len() || [m0, m1, m2, m3, m4, m5, m6, m7] != MAGIC {
        return Err(Stop::Foreign);
    }
    let version = u32::from_le_bytes(version);
    if version != VERSION {
        return Err(Stop::Newer { version, features: 0 });
    }
    let mut frame = Vec::new();
    match take(file, &mut frame)? {
        Some(body) => wire::decode::<Header>(body).map_err(|_| Stop::Foreign)?.known(version),
        None => Err(Stop::Torn(0)),
    }
}

/// Reads one frame into `frame` and gives its body; `None` at the end.
pub(super) fn take<'b>(
    file: &mut impl Read,
    frame: &'b mut Vec<u8>,
) -> Result<Option<&'b [u8]>, Stop> {
    frame.resize(HEAD_LEN, 0);
    let mut got = fill(file, frame).map_err(Stop::Io)?;
    if got == 0 {
        return Ok(None);
    }
    if got == HEAD_LEN {
        let len = frame.first_chunk::<4>().map_or(0, |len| u32::from_le_bytes(*len)) as usize;
        frame.resize(HEAD_LEN + len.min(BODY_LEN_MAX), 0);
        let rest = frame.get_mut(HEAD_LEN..).unwrap_or_default();
        got += fill(file, rest).map_err(Stop::Io)?;
    }
    frame.truncate(got);
    if let Ok(Some((body, _))) = wire::take_frame(frame) {
        return Ok(Some(body));
    }
    let rest = io::copy(file, &mut io::sink()).map_err(Stop::Io)?;
    Err(Stop::Torn(got as u64 + rest))
}

/// Fills as much of `buffer` as there is.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    Ok(filled)
}
