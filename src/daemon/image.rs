//! The engine's state between its lives: at a start the newest image that is good and the records after it, and
//! while the daemon runs another image every so often. What images have in common that are of something else is
//! here too.
//!
//! Whoever keeps images of the state folds the ledger once more, beside the engine: so nothing is asked of the engine, and
//! what is kept is of records that are on stable storage. An image that is not good costs time at a start, and
//! nothing else.
use super::Common;
use crate::engine::{Engine, IMAGE_SCHEMA};
use crate::ledger::{Cursor, Durable, DurableTree, Files, Ledger, LedgerError, Reader};
use crate::model::{Digest, Origin, PersonKey, Position, Text};
use crate::query::READ_SCHEMA;
use crate::store::{ImageOf, Images, Newest};
use crate::telemetry::Metrics;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// Records after which another image is kept: some tenths of a second of a start.
pub(super) const EVERY: u64 = 100_000;

/// What there are images of.
#[derive(Clone, Copy)]
pub(super) struct Family {
    /// Where they are, in the data directory.
    folder: &'static str,
    schema: u32,
    /// In words.
    what: &'static str,
}

/// The durable half of the engine.
pub(super) const STATE: Family =
    Family { folder: "state", schema: IMAGE_SCHEMA, what: "the state" };
/// The memory that questions are answered from.
pub(super) const READ_SIDE: Family =
    Family { folder: "read", schema: READ_SCHEMA, what: "the read side" };

impl Family {
    /// Those of this ledger, by this program.
    pub(super) fn images(self, data_dir: &Path, origin: Origin) -> Images {
        let program = Text::parse(env!("CARGO_PKG_VERSION")).expect("a version is a text");
        let of = ImageOf { origin, program, schema: self.schema };
        Images::new(Arc::new(Files), &data_dir.join(self.folder), of)
    }

    /// What the newest good one says; says of it, and of those that are not used.
    pub(super) fn newest<T>(
        self,
        images: &mut Images,
        (reader, durable): (&Reader, Position),
        read: impl Fn(&[u8]) -> Result<T, minicbor::decode::Error>,
    ) -> Option<T> {
        let what = self.what;
        let Newest { found, refused } = images.newest(reader, durable, read);
        for (path, why) in &refused {
            tracing::warn!(path = %path.display(), %why, "an image of {what} is not used");
        }
        let image = images.last().filter(|_| found.is_some()).unwrap_or_default();
        let folded = durable.0.saturating_sub(image.0);
        if found.is_some() {
            tracing::info!(
                image = image.0,
                folded,
                "{what} is that of an image and what came after"
            );
        } else if !refused.is_empty() {
            tracing::warn!(folded, "{what} is folded from the first record on");
        } else if folded > 0 {
            tracing::info!(
                folded,
                "there is no image of {what}; it is folded from the first record on"
            );
        }
        found
    }

    /// Keeps one, and says so.
    pub(super) fn keep(
        self,
        (images, metrics): (&mut Images, &Metrics),
        position: Position,
        (root, body): (Digest, &[u8]),
    ) {
        let what = self.what;
        match images.keep(position, root, body) {
            Ok(()) => {
                let bytes = body.len();
                tracing::debug!(position = position.0, bytes, "an image of {what} is kept");
            }
            Err(why) => tracing::warn!(%why, "no image of {what} can be kept"),
        }
        self.show(images, metrics);
    }

    pub(super) fn show(self, images: &Images, metrics: &Metrics) {
        let gauge = metrics.image_position.with_label_values(&[self.folder]);
        let last = images.last().unwrap_or_default();
        gauge.set(i64::try_from(last.0).unwrap_or(i64::MAX));
    }
}

/// The state after all that is durable.
pub(super) fn fold(
    images: &mut Images,
    ledger: &Ledger,
    persons: &PersonKey,
) -> Result<Engine, LedgerError> {
    let (reader, durable) = (ledger.reader(), ledger.durable().borrow().position);
    let read = |body: &[u8]| Engine::from_image(persons.clone(), body);
    let found = STATE.newest(images, (&reader, durable), read);
    let mut engine = found.unwrap_or_else(|| Engine::new(persons.clone()));
    for entry in reader.cursor(engine.position()) {
        engine.apply(&entry?.record);
        if engine.position() == durable {
            break;
        }
    }
    Ok(engine)
}

/// Keeps images.
pub(super) struct Keeper {
    images: Images,
    /// Folded as far as the last image, or the start.
    engine: Engine,
    tree: DurableTree,
    cursor: Cursor,
    metrics: Arc<Metrics>,
}

impl Keeper {
    /// Goes on from this state, which is that of the ledger or an earlier one of it.
    pub(super) fn new(
        images: Images,
        engine: Engine,
        ledger: &Ledger,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (tree, cursor) = (ledger.tree(), ledger.reader().cursor(engine.position()));
        let keeper = Self { images, engine, tree, cursor, metrics };
        STATE.show(&keeper.images, &keeper.metrics);
        keeper
    }

    /// Keeps an image of all that is durable, unless there is one.
    fn keep(&mut self) {
        let tree = self.tree.now();
        while self.engine.position().0 < tree.size() {
            match self.cursor.next() {
                Some(Ok(entry)) => self.engine.apply(&entry.record),
                Some(Err(why)) => {
                    return tracing::warn!(%why, "no image of the state is kept");
                }
                None => return,
            }
        }
        let position = self.engine.position();
        if position == self.images.last().unwrap_or_default() {
            return;
        }
        let to = (&mut self.images, &*self.metrics);
        STATE.keep(to, position, (tree.root(), &self.engine.image()));
    }
}

/// Keeps an image every so often until the daemon stops.
pub(super) fn start(
    common: &Common,
    keeper: Arc<Mutex<Keeper>>,
    mut durable: watch::Receiver<Durable>,
) {
    let stop = common.tasks.stop();
    common.tasks.spawn("images", async move {
        let mut from = keeper.lock().images.last().unwrap_or_default();
        loop {
            let next = from.0.saturating_add(EVERY);
            let due = durable.wait_for(move |durable| durable.position.0 >= next);
            // Cancel-safe: both only wait. One that could not be kept is not tried again before the next.
            tokio::select! {
                () = stop.cancelled() => return,
                due = due => match due {
                    Ok(durable) => from = durable.position,
                    Err(_) => return,
                },
            }
            if !finish(&keeper).await {
                return;
            }
        }
    });
}

/// Keeps an image of what there is, at the end once the ledger is closed; `false` if that panicked.
pub(super) async fn finish(keeper: &Arc<Mutex<Keeper>>) -> bool {
    let keeper = Arc::clone(keeper);
    tokio::task::spawn_blocking(move || keeper.lock().keep()).await.is_ok()
}

#[cfg(test)]
mod tests;
