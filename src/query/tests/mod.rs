//! The read side against a model that looks through all records for every question, and its index
//! under damage.
#![expect(
    clippy::wildcard_enum_match_arm,
    clippy::needless_for_each,
    clippy::manual_is_multiple_of,
    reason = "the model says what it looks for and nothing else"
)]
mod alarms;
mod answers;
mod balance;
mod cases;
mod conditions;
mod drills;
mod evidence;
mod floor;
mod follow;
mod image;
mod level;
mod line;
mod maintenance;
mod measured;
mod members;
mod model;
mod past;
mod random;
mod resolve;
mod retention;
mod scenarios;
mod sheets;
mod suspects;
mod why;
mod yields;

use super::*;
use crate::model::{At, Body, Code, Origin, Record, SiteId, TraceEvent, Utc};
use crate::telemetry::Metrics;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub(super) fn options(dir: &Path) -> QueryOptions {
    QueryOptions {
        dir: dir.to_owned(),
        origin: Origin { site: SiteId::parse("plant").unwrap(), incarnation: 1 },
        durable: Position(1 << 40),
        ledger: None,
        cache_bytes: crate::store::CACHE_BYTES,
        now: Arc::new(At::default),
        metrics: Arc::new(Metrics::new()),
    }
}

/// A query that has taken the records, with the directory that it lives in.
pub(super) fn query(records: &[Record]) -> (Query, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let query = Query::new(options(dir.path()));
    feed(&query, records);
    (query, dir)
}

/// What the daemon does: brings what is wanted until all is there.
pub(super) fn feed(query: &Query, records: &[Record]) {
    let last = records.last().map_or(Position(0), |record| record.position);
    while *query.wanted().borrow() < last {
        let from = usize::try_from(query.wanted().borrow().0).unwrap();
        let batch: Vec<_> =
            records[from..].iter().take(50).map(|r| (r.position, r.clone())).collect();
        query.index(&batch).unwrap();
        query.apply(&batch).unwrap();
    }
    query.set_durable(last);
}

/// Records with positions from 1 on.
pub(super) fn numbered(bodies: Vec<Body>) -> Vec<Record> {
    let numbered = (1..).map(Position).zip(bodies);
    numbered
        .map(|(position, body)| Record { position, at: At::default(), body, plant: None })
        .collect()
}

pub(super) fn traced(events: Vec<TraceEvent>) -> Vec<Record> {
    numbered(events.into_iter().map(Body::Trace).collect())
}
