//! Who signs checkpoints, and proves what is under them.
//!
//! A checkpoint counts once it is in the file: only then it is served and proven against. Where the
//! ledger contradicts an earlier checkpoint nothing is signed any more, since two checkpoints that exclude
//! each other would make both worthless; capture goes on. Nor is anything signed as long as the earlier
//! ones cannot be read.
use super::person::secret;
use super::{Common, DaemonError};
use crate::config::daemon::Ledger as Keeping;
use crate::http::{self, CheckpointView, NotaryFault};
use crate::ledger::{
    Checkpoint, DurableTree, LedgerError, PublicKey, Reader, Signed, SigningKey, append, recent,
};
use crate::model::{Origin, Position};
use crate::telemetry::{Metrics, Now};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::time::{MissedTickBehavior, interval};

/// The file with the secret key, in the data directory.
const SECRET: &str = "checkpoint.key";
/// The file with the public key.
pub const PUBLIC: &str = "checkpoint.pub";

/// Signs, keeps and proves.
pub(super) struct Notary {
    key: SigningKey,
    public: PublicKey,
    origin: Origin,
    path: PathBuf,
    tree: DurableTree,
    reader: Reader,
    now: Now,
    metrics: Arc<Metrics>,
    /// Held while one is signed and kept, which may take as long as the disk does.
    signing: Mutex<Compared>,
    last: Mutex<Option<Signed>>,
}

/// Whether the ledger was held against what was signed before.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Compared {
    /// Not yet: they could not be read, or there are none, or are none yet where they should be.
    Not,
    /// It says the same.
    Agrees,
    /// Nothing is signed any more, and why.
    Contradicts(String),
}

impl Notary {
    /// Reads the keys, or makes them; looks at what was signed last and whether the ledger still says so.
    pub(super) fn open(
        (now, metrics): (Now, Arc<Metrics>),
        dir: &Path,
        keeping: &Keeping,
        origin: Origin,
        (tree, reader): (DurableTree, Reader),
    ) -> Result<Self, DaemonError> {
        let path = dir.join(SECRET);
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| DaemonError::Io { path, source }
        };
        let key = SigningKey::new(secret(&path).map_err(io(&path))?);
        let public = key.public();
        let named = public.named(&origin);
        let path = dir.join(PUBLIC);
        if std::fs::read_to_string(&path).ok().as_deref() != Some(&format!("{named}\n")) {
            std::fs::write(&path, format!("{named}\n")).map_err(io(&path))?;
        }
        tracing::info!(key = named, "checkpoints are signed; keep this public key elsewhere");
        let notary = Self {
            key,
            public,
            origin,
            path: keeping.checkpoints.clone(),
            tree,
            reader,
            now,
            metrics,
            signing: Mutex::new(Compared::Not),
            last: Mutex::new(None),
        };
        match notary.compare(&mut notary.signing.lock()) {
            Ok(()) => {}
            Err(CompareError::Ledger(why)) => return Err(why.into()),
            Err(CompareError::Unread(why)) => {
                tracing::warn!(path = %notary.path.display(), %why, "the checkpoints cannot be read; none is signed until they can");
            }
        }
        Ok(notary)
    }

    /// Holds the ledger against what was signed last, unless that was done. A mount that comes later has
    /// another last one than was seen.
    fn compare(&self, compared: &mut Compared) -> Result<(), CompareError> {
        if matches!(compared, Compared::Contradicts(_)) {
            return Ok(());
        }
        let last = recent(&self.path, &self.public, 1)?.pop();
        let note = |signed: &Option<Signed>| signed.as_ref().map(|signed| signed.note().to_owned());
        if *compared == Compared::Agrees && note(&last) == note(&self.last()) {
            return Ok(());
        }
        let Some(last) = last else {
            if std::fs::metadata(&self.path).is_ok_and(|file| file.len() > 0) {
                tracing::warn!(path = %self.path.display(), "none of the checkpoints is one by this key; `pedigree verify` says why");
            }
            return Ok(());
        };
        *compared = match contradicts(&self.reader, last.checkpoint())? {
            None => Compared::Agrees,
            Some(why) => {
                self.metrics.ledger_contradiction.with_label_values::<&str>(&[]).set(1);
                tracing::error!("{why}; no checkpoint is signed until this is cleared up");
                Compared::Contradicts(why)
            }
        };
        self.show(last.checkpoint().size);
        *self.last.lock() = Some(last);
        Ok(())
    }

    fn show(&self, size: u64) {
        let gauge = self.metrics.checkpoint_position.with_label_values::<&str>(&[]);
        gauge.set(i64::try_from(size).unwrap_or(i64::MAX));
    }

    fn last(&self) -> Option<Signed> {
        self.last.lock().clone()
    }

    /// Signs and keeps a checkpoint, if anything was appended since the last one.
    pub(super) fn sign(&self) -> Result<(), NotaryFault> {
        let mut compared = self.signing.lock();
        self.compare(&mut compared).map_err(|why| {
            self.metrics.checkpoint_failures.with_label_values::<&str>(&[]).inc();
            match why {
                CompareError::Unread(why) => {
                    NotaryFault::Unkept(format!("{} cannot be read: {why}", self.path.display()))
                }
                CompareError::Ledger(why) => NotaryFault::Unproven(why.to_string()),
            }
        })?;
        if let Compared::Contradicts(why) = &*compared {
            return Err(NotaryFault::Contradiction(why.clone()));
        }
        let tree = self.tree.now();
        let signed_before = self.last().map_or(0, |last| last.checkpoint().size);
        if tree.size() <= signed_before {
            return Ok(());
        }
        let (size, root, time) = (tree.size(), tree.root(), (self.now)().wall);
        let checkpoint = Checkpoint { origin: self.origin.clone(), size, root, time };
        let signed = Signed::new(checkpoint, &self.key);
        append(&self.path, &signed).map_err(|why| {
            // What stands there when it works again may be others.
            *compared = Compared::Not;
            self.metrics.checkpoint_failures.with_label_values::<&str>(&[]).inc();
            NotaryFault::Unkept(format!("{} cannot be written: {why}", self.path.display()))
        })?;
        *compared = Compared::Agrees;
        tracing::info!(size, %root, "checkpoint");
        self.show(size);
        *self.last.lock() = Some(signed);
        Ok(())
    }

    /// The same, and the log hears if it was not possible.
    fn sign_or_warn(&self) {
        match self.sign() {
            Ok(()) | Err(NotaryFault::Contradiction(_)) => {}
            Err(why) => tracing::warn!("no checkpoint: {why}"),
        }
    }
}

/// Why the ledger was not held against what was signed before.
#[derive(Debug, thiserror::Error)]
enum CompareError {
    #[error(transparent)]
    Unread(#[from] io::Error),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What a ledger has to say against a checkpoint of it.
fn contradicts(reader: &Reader, last: &Checkpoint) -> Result<Option<String>, LedgerError> {
    let Checkpoint { size, root, time, .. } = last;
    Ok(match reader.root_at(*size)? {
        Some(found) if found == *root => None,
        Some(_) => Some(format!(
            "the ledger has other records among its first {size} than the checkpoint of {time} was signed over"
        )),
        None => Some(format!(
            "the ledger was cut back: it has fewer records than the {size} that the checkpoint of {time} was signed over"
        )),
    })
}

impl http::Notary for Notary {
    fn key(&self) -> String {
        self.public.named(&self.origin)
    }

    fn latest(&self) -> Option<String> {
        self.last().map(|last| last.note().to_owned())
    }

    fn recent(&self, count_max: usize) -> Result<Vec<CheckpointView>, NotaryFault> {
        let found = recent(&self.path, &self.public, count_max);
        let found = found.map_err(|why| {
            NotaryFault::Unkept(format!("{} cannot be read: {why}", self.path.display()))
        })?;
        let view = |signed: &Signed| {
            let Checkpoint { origin, size, root, time } = signed.checkpoint().clone();
            let (root, note) = (root.to_string(), signed.note().to_owned());
            CheckpointView { origin, size, root, time, note }
        };
        Ok(found.iter().map(view).collect())
    }

    fn prove(
        &self,
        about: &str,
        positions: &BTreeSet<Position>,
        earlier: Option<&str>,
    ) -> Result<Vec<u8>, NotaryFault> {
        let earlier = earlier.map(|note| Signed::open(note, &self.public)).transpose();
        let earlier = earlier.map_err(|why| NotaryFault::Earlier(why.to_string()))?;
        let covered = |last: &Signed| {
            positions.last().is_none_or(|wanted| wanted.0 <= last.checkpoint().size)
        };
        let mut last = self.last();
        if !last.as_ref().is_some_and(covered) {
            self.sign()?;
            last = self.last();
        }
        let last = last.ok_or(NotaryFault::Empty)?;
        let proof = self.reader.prove(about, positions, &last, earlier.as_ref());
        proof.map(|proof| proof.to_bytes()).map_err(|why| NotaryFault::Unproven(why.to_string()))
    }
}

/// Signs every so often until the daemon stops.
pub(super) fn start(common: &Common, notary: Arc<Notary>, keeping: &Keeping) {
    let (stop, every) = (common.tasks.stop(), keeping.checkpoint_every);
    common.tasks.spawn("notary", async move {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            if !finish(&notary).await {
                return;
            }
        }
    });
}

/// Signs what there is, at the end once the ledger is closed; `false` if that panicked.
pub(super) async fn finish(notary: &Arc<Notary>) -> bool {
    let notary = Arc::clone(notary);
    tokio::task::spawn_blocking(move || notary.sign_or_warn()).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::specimen::{self, origin};
    use crate::ledger::{Files, Generation, Ledger, read_checkpoints};
    use crate::model::{At, Audit, Body, Digest, Record, Text};

    /// A ledger of three records.
    async fn ledger(dir: &Path) -> Ledger {
        let ledger = specimen::ledger(dir, Files);
        let record = |n| {
            let audit = Audit { who: Text::parse("a").unwrap(), what: Text::parse("b").unwrap() };
            let (position, at) = (Position(n), At::default());
            Record { position, at, body: Body::Audit(audit), plant: None }
        };
        ledger.append(Generation(0), (1..=3).map(record).collect()).await.unwrap();
        ledger.durable().wait_for(|durable| durable.position == Position(3)).await.unwrap();
        ledger
    }

    fn notary(dir: &Path, ledger: &Ledger, metrics: &Arc<Metrics>) -> Notary {
        let keeping = Keeping::beside(dir);
        let common = (super::super::clock(), Arc::clone(metrics));
        Notary::open(common, dir, &keeping, origin(), (ledger.tree(), ledger.reader())).unwrap()
    }

    /// A file with a checkpoint by this notary, over these records or others.
    fn keep(notary: &Notary, path: &Path, root: Option<Digest>) {
        let tree = notary.tree.now();
        let (root, time) = (root.unwrap_or(tree.root()), crate::model::Utc(0));
        let checkpoint = Checkpoint { origin: origin(), size: 2, root, time };
        append(path, &Signed::new(checkpoint, &notary.key)).unwrap();
    }

    #[tokio::test]
    async fn what_was_signed_is_compared_as_soon_as_it_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = ledger(dir.path()).await;
        let metrics = Arc::new(Metrics::new());
        let path = dir.path().join("checkpoints");
        // A mount that does not answer yet, one that is not there yet, and one that went away.
        for begin in ["unreadable", "absent", "gone", "signed meanwhile"] {
            if begin == "unreadable" {
                std::fs::create_dir(&path).unwrap();
            }
            let notary = notary(dir.path(), &ledger, &metrics);
            if begin == "gone" {
                std::fs::create_dir(&path).unwrap();
            }
            if begin == "signed meanwhile" {
                assert_eq!(notary.sign(), Ok(()), "into the empty mount point");
                std::fs::remove_file(&path).unwrap();
            } else if begin != "absent" {
                let told = notary.sign();
                assert!(matches!(told, Err(NotaryFault::Unkept(_))), "{begin}: {told:?}");
                std::fs::remove_dir(&path).unwrap();
            }
            keep(&notary, &path, Some(Digest([9; 32])));
            let before = std::fs::read(&path).unwrap();
            let told = notary.sign();
            assert!(matches!(told, Err(NotaryFault::Contradiction(_))), "{begin}: {told:?}");
            assert_eq!(std::fs::read(&path).unwrap(), before, "{begin}: nothing was signed");
            let gauge = metrics.ledger_contradiction.with_label_values::<&str>(&[]);
            assert_eq!(gauge.get(), 1, "{begin}");
            gauge.set(0);
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[tokio::test]
    async fn what_agrees_is_gone_on_with() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = ledger(dir.path()).await;
        let path = dir.path().join("checkpoints");
        std::fs::create_dir(&path).unwrap();
        let notary = notary(dir.path(), &ledger, &Arc::new(Metrics::new()));
        assert!(notary.sign().is_err());
        std::fs::remove_dir(&path).unwrap();
        keep(&notary, &path, notary.reader.root_at(2).unwrap());
        assert_eq!(notary.sign(), Ok(()));
        let read = read_checkpoints(&std::fs::read(&path).unwrap(), &notary.public);
        let sizes: Vec<u64> = read.signed.iter().map(|signed| signed.checkpoint().size).collect();
        assert_eq!(sizes, [2, 3]);
    }
}
