//! The memory of the read side between its lives: at a start the newest image that is good, and while the daemon
//! runs another one every so often.
//!
//! Memory is too large to be there twice, so it is written down between two records: whoever brings them waits until
//! it is in bytes, and not for the disk. That takes the longer the more there is, so the more there is the seldomer
//! it is done.
use super::follow::next;
use super::image::{EVERY, READ_SIDE};
use crate::ledger::Reader;
use crate::model::Position;
use crate::query::{Query, QueryError, Remembered};
use crate::store::Images;
use crate::telemetry::Metrics;
use parking_lot::Mutex;
use std::sync::Arc;

/// An image is kept after so many records that it is a share of all of them: a start folds no more.
const SHARE: u64 = 8;

/// Those who read images of the memory, and keep them.
pub(super) struct Memories {
    pub(super) images: Images,
    pub(super) query: Query,
    pub(super) reader: Reader,
    pub(super) metrics: Arc<Metrics>,
}

impl Memories {
    /// Gives memory what the newest good image says; up to which record.
    pub(super) fn recall(&mut self, durable: Position) -> Position {
        let of = (&self.reader, durable);
        let found = READ_SIDE.newest(&mut self.images, of, Remembered::read);
        READ_SIDE.show(&self.images, &self.metrics);
        let position = found.as_ref().map_or(Position(0), Remembered::position);
        if let Some(before) = found {
            self.query.remember(before);
        }
        position
    }

    /// Keeps an image, unless there is one of these records or later ones.
    pub(super) fn keep(&mut self, (position, body): (Position, &[u8])) {
        if position <= self.images.last().unwrap_or_default() {
            return;
        }
        match self.reader.root_at(position.0) {
            Ok(Some(root)) => {
                let to = (&mut self.images, &*self.metrics);
                READ_SIDE.keep(to, position, (root, body));
            }
            Ok(None) => tracing::warn!(
                position = position.0,
                "no image of the read side is kept: the ledger has not all of its records"
            ),
            Err(why) => tracing::warn!(%why, "no image of the read side is kept"),
        }
    }
}

/// At which record an image is due after one.
pub(super) fn due(last: Position) -> Position {
    Position(last.0.saturating_add(EVERY.max(last.0 / SHARE)))
}

/// Keeps an image of what memory has at the end, with what was recorded last; `false` if that panicked.
pub(super) async fn finish(memories: &Arc<Mutex<Memories>>) -> bool {
    let memories = Arc::clone(memories);
    let keep = move || {
        let mut memories = memories.lock();
        let rest = next(&mut memories.reader.cursor(memories.query.position()));
        let taken = rest.map_err(QueryError::from).and_then(|rest| memories.query.apply(&rest));
        if let Err(why) = taken {
            tracing::warn!(%why, "the last records are not in the image of the read side");
        }
        let (position, body) = memories.query.image();
        memories.keep((position, &body));
    };
    tokio::task::spawn_blocking(keep).await.is_ok()
}

#[cfg(test)]
mod tests;
