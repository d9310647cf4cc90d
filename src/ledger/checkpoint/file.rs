//! The file that checkpoints are appended to. It may lie on another machine, and be cut off in the
//! middle of one; whatever is whole in it counts.
use super::key::SIGNATURE_LEN;
use super::{CheckpointFault, DASH, LINES, NAME, PublicKey, Signed};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes of a checkpoint, at most: ours are some 250.
const NOTE_LEN_MAX: u64 = 1 << 10;
/// What a dash looks like of which a byte is missing.
const CUT: &str = "\u{fffd}";
/// What a file is not that a mail program, an editor or a copy as text went over.
const MANGLED: &str = "it has an empty line before its signatures, its lines end without a carriage \
                       return, and it was changed on its way; take the file anew, byte by byte";

/// What stands in a file of checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkpoints {
    /// Those whose signature is good, in their order.
    pub signed: Vec<Signed>,
    /// What is none.
    pub unread: Vec<Unread>,
    /// Whether one is cut off: its writer ended in the middle of it, or is still writing.
    pub is_torn: bool,
}

/// A text that is not a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("checkpoint at line {line}: {why}")]
pub struct Unread {
    /// Where it begins, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: CheckpointFault,
}

/// Reads checkpoints that follow one another, each with an empty line behind it. One that is cut off is of
/// no meaning if it is the last; anywhere else the file is not as it was written.
pub fn read(bytes: &[u8], key: &PublicKey) -> Checkpoints {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Checkpoints::default();
    let all = notes(&text);
    for (index, (line, note)) in all.iter().enumerate() {
        let is_last = index + 1 == all.len();
        let why = match Signed::open(note, key) {
            Ok(signed) => {
                found.signed.push(signed);
                continue;
            }
            Err(CheckpointFault::Torn) if !is_begun(note) => CheckpointFault::Shape(MANGLED),
            // A writer that ended is not worth an alarm.
            Err(CheckpointFault::Torn) if is_last => {
                found.is_torn = true;
                continue;
            }
            Err(why) => why,
        };
        found.unread.push(Unread { line: *line, why });
    }
    found
}

/// Whether this may be the begin of a checkpoint: what a writer leaves that ended in the middle of it.
fn is_begun(note: &str) -> bool {
    let (text, signatures) = note.split_once("\n\n").unwrap_or((note, ""));
    let named = NAME.starts_with(text) || text.starts_with(NAME);
    named
        && text.lines().count() <= LINES
        && !text.contains(DASH)
        && !(text.contains('\r') || signatures.contains('\r'))
}

/// Whether a signature stands behind it that may be whole.
fn is_signed(note: &str) -> bool {
    let lines = note.split_once("\n\n").map_or("", |(_, signatures)| signatures).lines();
    let mut signatures = lines.filter_map(|line| line.split(' ').nth(2));
    signatures.any(|signature| signature.len() >= SIGNATURE_LEN)
}

/// The texts of a file, each with its first line: a body, an empty line, lines with signatures.
fn notes(text: &str) -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let empty = line == "\n";
        match all.last_mut().filter(|_| open) {
            Some((_, note)) if !note.contains("\n\n") || is_signature(line) => {
                note.push_str(line);
            }
            _ if empty => open = false,
            _ => {
                all.push((index + 1, line.to_owned()));
                open = true;
            }
        }
    }
    all
}

/// Whether a line is a signature, or as much of one as was written of it.
fn is_signature(line: &str) -> bool {
    line.starts_with(DASH) || (!line.is_empty() && DASH.starts_with(line)) || line == CUT
}

/// The last checkpoints of a file, at most `count_max`, oldest first; none if there is no file. Whatever
/// stands behind them, they are looked for up to the begin of the file.
pub fn recent(path: &Path, key: &PublicKey, count_max: usize) -> io::Result<Vec<Signed>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(why),
    };
    let len = file.metadata()?.len();
    let mut wanted = NOTE_LEN_MAX.saturating_mul(count_max as u64);
    loop {
        file.seek(SeekFrom::Start(len.saturating_sub(wanted)))?;
        let mut bytes = Vec::new();
        (&file).take(wanted).read_to_end(&mut bytes)?;
        // The first may be cut off by where we began.
        let signed = read(&bytes, key).signed;
        if signed.len() >= count_max || wanted >= len {
            let from = signed.len().saturating_sub(count_max);
            return Ok(signed.into_iter().skip(from).collect());
        }
        wanted = wanted.saturating_mul(4);
    }
}

/// Appends a checkpoint and brings it to stable storage.
pub fn append(path: &Path, signed: &Signed) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let len = file.metadata()?.len();
    let begin = len.saturating_sub(NOTE_LEN_MAX);
    file.seek(SeekFrom::Start(begin))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    // What a crash cut off must not become part of this one, nor stand before it.
    let cut = cut_off(&tail);
    // A file that can only be appended to keeps it.
    if cut > 0 && file.set_len(len.saturating_sub(cut as u64)).is_ok() {
        tail.truncate(tail.len().saturating_sub(cut));
    }
    let apart = if tail.is_empty() || tail.ends_with(b"\n\n") { "" } else { "\n\n" };
    file.write_all(format!("{apart}{}\n", signed.note()).as_bytes())?;
    file.sync_all()
}

/// Bytes at the end that are the begin of a checkpoint which nobody signed.
fn cut_off(tail: &[u8]) -> usize {
    let text = String::from_utf8_lossy(tail);
    let all = notes(&text);
    let Some((line, note)) = all.last() else { return 0 };
    if is_signed(note) || !is_begun(note) {
        return 0;
    }
    let lines = tail.split_inclusive(|byte| *byte == b'\n').skip(line.saturating_sub(1));
    lines.map(<[u8]>::len).sum()
}
