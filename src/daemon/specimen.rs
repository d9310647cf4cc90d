//! A ledger for the tests of this room.
use crate::ledger::{Disk, Ledger, Options, SEGMENT_BYTES_MAX};
use crate::model::{Origin, SiteId};
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
