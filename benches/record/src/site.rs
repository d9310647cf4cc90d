//! What all parts of the benchmark open in the same way.
use pedigree::daemon::{self, clock};
use pedigree::ledger::{Files, Ledger, Opened, Options, SEGMENT_BYTES_MAX};
use pedigree::model::{Origin, Position, Record, SiteId};
use pedigree::query::Query;
use pedigree::telemetry::Metrics;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Whose records they are.
pub fn id() -> SiteId {
    SiteId::parse("bench").expect("a name")
}

/// The ledger of a data directory, as the daemon opens it.
pub fn ledger(dir: &Path, metrics: &Arc<Metrics>) -> Opened {
    let options = Options {
        dir: dir.to_owned(),
        origin: Origin { site: id(), incarnation: 0 },
        segment_bytes_max: SEGMENT_BYTES_MAX,
        metrics: Arc::clone(metrics),
        now: clock(),
    };
    Ledger::open(options, Files).expect("a ledger")
}

/// The read side of a data directory as the daemon has it, and what brings it the ledger's records until `stop`.
pub fn read_side(
    dir: &Path,
    ledger: &Ledger,
    recovered: Position,
    metrics: &Arc<Metrics>,
    stop: CancellationToken,
) -> (Query, impl Future<Output = ()> + Send + use<>) {
    let of = (Origin { site: id(), incarnation: 0 }, recovered);
    daemon::read_side(dir, ledger, of, (clock(), Arc::clone(metrics)), stop)
}

/// Appends records as one frame, and waits until they are durable.
pub async fn commit(ledger: &Ledger, records: Vec<Record>) {
    let mut durable = ledger.durable();
    let generation = durable.borrow().generation;
    let last = records.last().map_or(Position(0), |record| record.position);
    ledger.append(generation, records).await.expect("the ledger takes records");
    durable.wait_for(|durable| durable.position >= last).await.expect("the ledger lives");
}
