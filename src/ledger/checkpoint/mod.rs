//! Checkpoints: how many records there were, and under which root, signed.
//!
//! A checkpoint is a C2SP `tlog-checkpoint` in a C2SP `signed-note` with an Ed25519 signature, so that
//! programs of others can check it; its time is in an extension line. What is in this room knows no
//! clock and no file.
mod file;
mod key;
#[cfg(test)]
mod tests;

pub use file::{Checkpoints, Unread, append, read, recent};
pub use key::{PublicKey, SigningKey};

use crate::model::{Digest, Origin, SiteId, Utc};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use key::{Signature, SignatureFault};

/// What an origin line begins with.
const NAME: &str = "pedigree/";
/// Lines of the text that is signed.
const LINES: usize = 4;
/// What the line with the time begins with.
const TIME: &str = "time ";
/// What is said of a text that has lines which nobody here knows.
const MORE: &str =
    "it has four lines, this one has more; if a newer pedigree wrote it, use that one";
/// What is said of a text that begins in another way.
const OTHER: &str = "its first line is the origin `pedigree/SITE/INCARNATION`, this one's is something else; \
                     if a newer pedigree wrote it, use that one";
/// What a signature line begins with.
const DASH: &str = "\u{2014} ";

/// The state of a ledger at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose ledger.
    pub origin: Origin,
    /// Its records; the last of them has this position.
    pub size: u64,
    /// The Merkle tree hash over them.
    pub root: Digest,
    /// When it was signed, to the millisecond.
    pub time: Utc,
}

/// A checkpoint whose signature is good, and the text that carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    checkpoint: Checkpoint,
    note: String,
}

/// Why a text is not a checkpoint of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointFault {
    /// It is not laid out as one.
    #[error("it is no checkpoint: {0}")]
    Shape(&'static str),
    /// Its writer ended in the middle of it, or is still writing.
    #[error("it is cut off")]
    Torn,
    /// Nobody signed it whom we were told to trust.
    #[error("it has no signature by the key {0}")]
    Unsigned(String),
    /// It, or its signature, was changed.
    #[error("its signature is not one of this text by the key {0}")]
    Forged(String),
}

impl Checkpoint {
    /// The text that is signed.
    fn text(&self) -> String {
        let Self { origin, size, root, time } = self;
        let (name, root) = (name(origin), BASE64.encode(root.0));
        format!("{name}\n{size}\n{root}\n{TIME}{time}\n")
    }

    fn parse(text: &str) -> Result<Self, CheckpointFault> {
        let shape = |what| move || CheckpointFault::Shape(what);
        let lines: Vec<&str> = text.lines().collect();
        let [name, size, root, time] = lines.as_slice() else {
            let more =
                lines.len() > LINES && lines.first().is_some_and(|name| origin(name).is_some());
            return Err(CheckpointFault::Shape(if more { MORE } else { "it has four lines" }));
        };
        let origin = origin(name).ok_or_else(shape(OTHER))?;
        let root = BASE64.decode(root).ok().and_then(|root| root.try_into().ok());
        let root = Digest(root.ok_or_else(shape("its third line is the root, 32 bytes"))?);
        let time = time.strip_prefix(TIME).and_then(|time| time.parse().ok());
        let time = time.ok_or_else(shape("its fourth line is the time"))?;
        let size =
            size.parse().map_err(|_| CheckpointFault::Shape("its second line is the size"))?;
        let checkpoint = Self { origin, size, root, time };
        // One text for one checkpoint: no zeros in front, no other form of the time.
        let canonical = checkpoint.text() == text;
        canonical.then_some(checkpoint).ok_or_else(shape("it is written in another way"))
    }
}

impl Signed {
    /// Signs a checkpoint; its time is kept to the millisecond.
    pub fn new(checkpoint: Checkpoint, key: &SigningKey) -> Self {
        let time = Utc(checkpoint.time.0 - checkpoint.time.0.rem_euclid(1_000_000));
        let checkpoint = Checkpoint { time, ..checkpoint };
        let (name, text) = (name(&checkpoint.origin), checkpoint.text());
        let signature = key.sign(&name, &text);
        let note = format!("{text}\n{DASH}{name} {signature}\n");
        Self { checkpoint, note }
    }

    /// Reads a checkpoint and checks its signature. Signatures by others are passed over.
    pub fn open(note: &str, key: &PublicKey) -> Result<Self, CheckpointFault> {
        let shape = |what| move || CheckpointFault::Shape(what);
        let parts = note.rsplit_once("\n\n").filter(|(_, behind)| behind.ends_with('\n'));
        let (text, signatures) = parts.ok_or(CheckpointFault::Torn)?;
        let text = format!("{text}\n");
        let checkpoint = Checkpoint::parse(&text)?;
        let name = name(&checkpoint.origin);
        let mut trusted = false;
        for line in signatures.lines() {
            let line = line.strip_prefix(DASH);
            let line = line.ok_or_else(shape("a signature begins with a dash"))?;
            let (who, signature) = line.split_once(' ').ok_or(CheckpointFault::Torn)?;
            if who != name {
                continue;
            }
            if signature.len() < key::SIGNATURE_LEN {
                return Err(CheckpointFault::Torn);
            }
            let signature = BASE64.decode(signature).ok();
            let signature = signature.ok_or_else(shape("a signature is in base64"))?;
            match key.check(&name, &text, &Signature(&signature)) {
                Ok(()) => trusted = true,
                Err(SignatureFault::Another) => {}
                Err(SignatureFault::Wrong) => {
                    return Err(CheckpointFault::Forged(key.named(&checkpoint.origin)));
                }
            }
        }
        let unsigned = || CheckpointFault::Unsigned(key.named(&checkpoint.origin));
        if !trusted {
            return Err(unsigned());
        }
        Ok(Self { checkpoint, note: note.to_owned() })
    }

    /// What it says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The text with its signatures, as it is kept and handed out.
    pub fn note(&self) -> &str {
        &self.note
    }
}

/// The name of a ledger in its checkpoints: `pedigree/plant-1/0`.
fn name(origin: &Origin) -> String {
    // A note's key name has no plus; a site's name has no per cent sign.
    let site = origin.site.as_str().replace('+', "%2B");
    format!("{NAME}{site}/{}", origin.incarnation)
}

fn origin(name: &str) -> Option<Origin> {
    let (site, incarnation) = name.strip_prefix(NAME)?.rsplit_once('/')?;
    let site = SiteId::parse(&site.replace("%2B", "+")).ok()?;
    Some(Origin { site, incarnation: incarnation.parse().ok()? })
}
