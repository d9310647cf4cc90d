//! A ledger for the tests of this room.
use crate::ledger::{Disk, Generation, Ledger, Options, SEGMENT_BYTES_MAX};
use crate::model::{Origin, Record, SiteId};
use crate::telemetry::Metrics;
use std::fs;
use std::path::Path;
use std::sync::Arc;

pub(super) fn origin() -> Origin {
    Origin { site: SiteId::parse("plant-1").unwrap(), incarnation: 0 }
}

/// Holds what is written today against what was written when its form was made. `MAKE_FIXTURES=1` makes a fixture that
/// is not there, and changes none.
pub(super) fn is_as_it_was(today: &[u8], then: &Path) {
    if std::env::var_os("MAKE_FIXTURES").is_some() && !then.exists() {
        fs::create_dir_all(then.parent().unwrap()).unwrap();
        fs::write(then, today).unwrap();
    }
    let then = fs::read(then).unwrap();
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().count();
    assert!(
        then == today,
        "what is folded has changed ({} lines, {} today)",
        lines(&then),
        lines(today)
    );
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
