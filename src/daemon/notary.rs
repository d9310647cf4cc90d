//! Who signs checkpoints, and proves what is under them.
//!
//! A checkpoint counts once it is in the file: only then it is served and proven against. Where the
//! ledger contradicts an earlier checkpoint nothing is signed any more, since two checkpoints that exclude
//! each other would make both worthless; capture goes on.
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
    signing: Mutex<()>,
    last: Mutex<Option<Signed>>,
    /// Why nothing is signed any more.
    contradiction: Option<String>,
}

impl Notary {
    /// Reads the keys, or makes them; looks at what was signed last and whether the ledger still says so.
    pub(super) fn open(
        common: &Common,
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
        let path = keeping.checkpoints.clone();
        let last = match recent(&path, &public, 1) {
            Ok(signed) => signed.into_iter().next(),
            Err(why) => {
                tracing::warn!(path = %path.display(), %why, "the checkpoints cannot be read");
                None
            }
        };
        if let Some(last) = &last {
            let size = i64::try_from(last.checkpoint().size).unwrap_or(i64::MAX);
            common.metrics.checkpoint_position.with_label_values::<&str>(&[]).set(size);
        }
        let contradiction = last.as_ref().map(|last| contradicts(&reader, last.checkpoint()));
        let contradiction = contradiction.transpose()?.flatten();
        let metrics = Arc::clone(&common.metrics);
        if let Some(why) = &contradiction {
            metrics.ledger_contradiction.with_label_values::<&str>(&[]).set(1);
            tracing::error!("{why}; no checkpoint is signed until this is cleared up");
        }
        let (now, signing, last) = (Arc::clone(&common.now), Mutex::new(()), Mutex::new(last));
        Ok(Self {
            key,
            public,
            origin,
            path,
            tree,
            reader,
            now,
            metrics,
            signing,
            last,
            contradiction,
        })
    }

    fn last(&self) -> Option<Signed> {
        self.last.lock().clone()
    }

    /// Signs and keeps a checkpoint, if anything was appended since the last one.
    pub(super) fn sign(&self) -> Result<(), NotaryFault> {
        if let Some(why) = &self.contradiction {
            return Err(NotaryFault::Contradiction(why.clone()));
        }
        let _one_at_a_time = self.signing.lock();
        let tree = self.tree.now();
        let signed_before = self.last().map_or(0, |last| last.checkpoint().size);
        if tree.size() <= signed_before {
            return Ok(());
        }
        let (size, root, time) = (tree.size(), tree.root(), (self.now)().wall);
        let checkpoint = Checkpoint { origin: self.origin.clone(), size, root, time };
        let signed = Signed::new(checkpoint, &self.key);
        append(&self.path, &signed).map_err(|why| {
            self.metrics.checkpoint_failures.with_label_values::<&str>(&[]).inc();
            NotaryFault::Unkept(format!("{} cannot be written: {why}", self.path.display()))
        })?;
        tracing::info!(size, %root, "checkpoint");
        let gauge = self.metrics.checkpoint_position.with_label_values::<&str>(&[]);
        gauge.set(i64::try_from(size).unwrap_or(i64::MAX));
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
