//! The file that checkpoints are appended to. It may lie on another machine, and be cut off in the
//! middle of one; whatever is whole in it counts.
use super::{CheckpointFault, DASH, PublicKey, Signed};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes of a checkpoint, at most: ours are some 250.
const NOTE_LEN_MAX: u64 = 1 << 10;

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

/// Reads checkpoints that follow one another, each with an empty line behind it.
pub fn read(bytes: &[u8], key: &PublicKey) -> Checkpoints {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Checkpoints::default();
    for (line, note) in notes(&text) {
        match Signed::open(&note, key) {
            Ok(signed) => found.signed.push(signed),
            // A writer that ended is not worth an alarm.
            Err(CheckpointFault::Torn) => found.is_torn = true,
            Err(why) => found.unread.push(Unread { line, why }),
        }
    }
    found
}

/// The texts of a file, each with its first line: a body, an empty line, lines with signatures.
fn notes(text: &str) -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let empty = line == "\n";
        match all.last_mut().filter(|_| open) {
            Some((_, note)) if !note.contains("\n\n") || line.starts_with(DASH) => {
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

/// The last checkpoints of a file, at most `count_max`, oldest first; none if there is no file.
pub fn recent(path: &Path, key: &PublicKey, count_max: usize) -> io::Result<Vec<Signed>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(why),
    };
    let wanted = NOTE_LEN_MAX.saturating_mul(count_max as u64);
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(wanted)))?;
    let mut bytes = Vec::new();
    file.take(wanted).read_to_end(&mut bytes)?;
    // The first may be cut off by where we began.
    let signed = read(&bytes, key).signed;
    let from = signed.len().saturating_sub(count_max);
    Ok(signed.into_iter().skip(from).collect())
}

/// Appends a checkpoint and brings it to stable storage.
pub fn append(path: &Path, signed: &Signed) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let len = file.metadata()?.len();
    let mut end = [0; 2];
    let begin = len.saturating_sub(end.len() as u64);
    file.seek(SeekFrom::Start(begin))?;
    let tail = file.read(&mut end)?;
    // What a crash cut off must not become part of this one.
    let clean = len == 0 || end.get(..tail) == Some(b"\n\n");
    let apart = if clean { "" } else { "\n\n" };
    file.write_all(format!("{apart}{}\n", signed.note()).as_bytes())?;
    file.sync_all()
}
