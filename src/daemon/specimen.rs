//! A ledger for the tests of this room.
use crate::ledger::{Disk, Generation, Ledger, Options, SEGMENT_BYTES_MAX};
use crate::model::{Origin, Record, SiteId};
use crate::telemetry::Metrics;
use std::path::Path;
use std::sync::Arc;

pub(super) fn origin() -> Origin {
    Origin { site: SiteId::parse("plant-1").unwrap(), incarnation: 0 }
}

/// The ledger of a data directory, opened or begun.
pub(super) fn ledger(dir: &Path, disk: impl Disk + 'static) -> Ledger {
    let options = Options {
        dir: dir.to_owned(),
        origin: origin(),
        segment_bytes_max: SEGMENT_BYTES_MAX,
        metrics: Arc::new(Metrics::new()),
        now: super::clock(),
    };
    Ledger::open(options, disk).unwrap().ledger
}

/// Appends; whether it became durable.
pub(super) async fn append(ledger: &Ledger, records: Vec<Record>) -> bool {
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return true };
    let (first, last) = (first.position, last.position);
    let mut durable = ledger.durable();
    durable.wait_for(|durable| durable.position.next() >= first).await.unwrap();
    let generation: Generation = durable.borrow().generation;
    if ledger.append(generation, records).await.is_err() {
        return false;
    }
    let told = durable.wait_for(|durable| durable.holds(generation, last).is_some()).await;
    told.unwrap().holds(generation, last).unwrap()
}
