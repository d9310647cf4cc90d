//! The ledger of Pedigree: one frame a commit.
use super::{Engine, Group};
use crate::site;
use pedigree::ledger::Ledger;
use pedigree::model::Record;
use pedigree::telemetry::Metrics;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Runtime;

pub struct Ledger64 {
    runtime: Runtime,
    ledger: Ledger,
}

impl Ledger64 {
    pub fn new(dir: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let ledger = site::ledger(dir, &Arc::new(Metrics::new())).ledger;
        Self { runtime, ledger }
    }
}

impl Engine for Ledger64 {
    fn commit(&mut self, _group: &Group, records: Vec<Record>) {
        self.runtime.block_on(site::commit(&self.ledger, records));
    }
}
