//! Every question that the north may ask, once. Each answer says the ledger position it was computed
//! at and whether it is complete. Nothing here writes, numbers or decides.
mod answer;

pub use crate::genealogy::Direction;
pub use answer::{
    Answer, Completeness, ConditionView, EventView, GapView, Incomplete, ItemState, ItemView,
    LinkView, MeasurementView, Recall, RecallGroup, Resolved, StationView, StepView, Trace,
    TraceLink, TraceNode,
};

use crate::model::{ItemClass, ItemKey, Position, StationId};

/// How it is opened.
pub struct Options {
    /// Where the index is.
    pub dir: std::path::PathBuf,
    /// Of which ledger.
    pub origin: crate::model::Origin,
    /// The clock.
    pub now: crate::telemetry::Now,
    /// What is counted.
    pub metrics: std::sync::Arc<crate::telemetry::Metrics>,
}

/// Why it cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("never")]
pub struct QueryError;

/// The read side. Cheap to clone; every method is safe to call from any thread.
#[derive(Debug, Clone)]
pub struct Query {}

impl Query {
    /// Opens.
    pub fn open(_: Options) -> Result<Self, QueryError> {
        todo!()
    }

    /// Applies.
    pub fn apply(&self, _: &[(Position, crate::model::Record)]) {
        todo!()
    }

    /// Durable.
    pub fn set_durable(&self, _: Position) {
        todo!()
    }

    /// Up to which record questions are answered.
    pub fn position(&self) -> Position {
        todo!()
    }

    /// Changes whenever [`Self::position`] does.
    pub fn watch(&self) -> tokio::sync::watch::Receiver<Position> {
        todo!()
    }

    /// Finds what a person typed: the text form of an item, or a code in any class and scope.
    pub fn resolve(&self, text: &str) -> Resolved {
        let _ = text;
        todo!()
    }

    /// One item with its as-built record and its direct links both ways; `None` if not recorded.
    pub fn item(&self, key: &ItemKey) -> Option<Answer<ItemView>> {
        let _ = key;
        todo!()
    }

    /// Everything that an item was made of, or went into, to any or the given depth.
    pub fn trace(
        &self,
        key: &ItemKey,
        direction: Direction,
        depth_max: Option<u32>,
    ) -> Option<Answer<Trace>> {
        let _ = (key, direction, depth_max);
        todo!()
    }

    /// Everything that a lot went into: units, containers, shipments, and what cannot be told.
    pub fn recall(&self, lot: &ItemKey) -> Option<Answer<Recall>> {
        let _ = lot;
        todo!()
    }

    /// Whether the item is recorded at all.
    pub fn knows(&self, key: &ItemKey) -> bool {
        let _ = key;
        todo!()
    }

    /// The stations with their live state, in the order of the plant.
    pub fn stations(&self) -> Vec<StationView> {
        todo!()
    }

    /// One station.
    pub fn station(&self, id: &StationId) -> Option<StationView> {
        let _ = id;
        todo!()
    }

    /// The items of a class that were last written about, newest first, at most `count_max`.
    pub fn recent(&self, class: ItemClass, count_max: usize) -> Vec<ItemKey> {
        let _ = (class, count_max);
        todo!()
    }

    /// The records after `after`, oldest first, at most `count_max`, as the north sees them.
    pub fn events(&self, after: Position, count_max: usize) -> Vec<EventView> {
        let _ = (after, count_max);
        todo!()
    }

    /// The monitors with their verdicts.
    pub fn conditions(&self) -> Vec<ConditionView> {
        todo!()
    }

    /// The last gaps, newest first, at most `count_max`.
    pub fn gaps(&self, count_max: usize) -> Vec<GapView> {
        let _ = count_max;
        todo!()
    }
}
