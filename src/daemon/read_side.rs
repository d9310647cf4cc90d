//! The read side of a ledger: what questions are answered from, its images, and those who bring records to it.
use super::image::READ_SIDE;
use super::remember::Memories;
use super::{follow, index};
use crate::http::{Readiness, TapEvent};
use crate::ledger::{Ledger, Reader};
use crate::model::{Origin, Position};
use crate::query::{Query, QueryOptions};
use crate::store::CACHE_BYTES;
use crate::telemetry::{Metrics, Now};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

/// What is asked, and what is kept of it.
#[derive(Clone)]
pub(super) struct ReadSide {
    pub(super) query: Query,
    pub(super) memories: Arc<Mutex<Memories>>,
    /// The ledger's last record at the start.
    recovered: Position,
    metrics: Arc<Metrics>,
}

impl ReadSide {
    /// That of a data directory. Nothing is read yet.
    pub(super) fn new(
        dir: &Path,
        reader: Reader,
        (origin, recovered): (Origin, Position),
        (now, metrics): (Now, Arc<Metrics>),
    ) -> Self {
        let query = Query::new(QueryOptions {
            dir: dir.join("store"),
            origin: origin.clone(),
            durable: recovered,
            ledger: Some(reader.clone()),
            cache_bytes: CACHE_BYTES,
            now,
            metrics: Arc::clone(&metrics),
        });
        let memories = Memories {
            images: READ_SIDE.images(dir, origin),
            query: query.clone(),
            reader,
            metrics: Arc::clone(&metrics),
        };
        Self { query, memories: Arc::new(Mutex::new(memories)), recovered, metrics }
    }

    /// Those who bring it what is durable, and what becomes durable, until `stop`.
    pub(super) fn followers(
        &self,
        ledger: &Ledger,
        tap: broadcast::Sender<TapEvent>,
        readiness: watch::Sender<Readiness>,
        stop: CancellationToken,
    ) -> (follow::Follower, index::Indexer) {
        let follower = follow::Follower {
            query: self.query.clone(),
            reader: ledger.reader(),
            cursor: None,
            durable: ledger.durable(),
            tap,
            readiness,
            metrics: Arc::clone(&self.metrics),
            told: self.recovered,
            memories: Arc::clone(&self.memories),
            next_image: Position(0),
            stop: stop.clone(),
        };
        let (query, reader) = (self.query.clone(), ledger.reader());
        (follower, index::Indexer { query, reader, cursor: None, stop })
    }
}

/// The read side of a ledger as the daemon has it, and what brings it records until `stop`; without the daemon's
/// faces, for whoever has only a ledger and questions.
pub fn read_side(
    dir: &Path,
    ledger: &Ledger,
    of: (Origin, Position),
    (now, metrics): (Now, Arc<Metrics>),
    stop: CancellationToken,
) -> (Query, impl Future<Output = ()> + Send + use<>) {
    let read_side = ReadSide::new(dir, ledger.reader(), of, (now, metrics));
    let (tap, _) = broadcast::channel(1);
    let readiness = watch::Sender::new(Readiness::starting());
    let (follower, indexer) = read_side.followers(ledger, tap, readiness, stop);
    let both = async move {
        tokio::join!(follower.run(), indexer.run());
    };
    (read_side.query, both)
}
