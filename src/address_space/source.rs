//! What this room asks. `Query` answers it; tests answer it with fixed facts.
use crate::model::{ItemClass, ItemKey, Position, StationId};
use crate::query::{
    Answer, ConditionView, Direction, EventView, ItemView, Query, Recall, Resolution, StationView,
    Trace,
};
use tokio::sync::watch;

/// The questions of the republished space: a part of those that [`Query`] answers, word for word.
#[expect(missing_docs, reason = "each is the method of `Query` of the same name")]
pub trait Source: Send + Sync + 'static {
    fn position(&self) -> Position;
    fn watch(&self) -> watch::Receiver<Position>;
    fn indexing(&self) -> Option<Position>;
    fn resolve(&self, text: &str, wanted: Option<ItemClass>) -> Resolution;
    fn knows(&self, key: &ItemKey) -> bool;
    fn item(&self, key: &ItemKey) -> Option<Answer<ItemView>>;
    fn trace(&self, key: &ItemKey, way: Direction, depth_max: Option<u32>)
    -> Option<Answer<Trace>>;
    fn recall(&self, lot: &ItemKey) -> Option<Answer<Recall>>;
    fn stations(&self) -> Vec<StationView>;
    fn station(&self, id: &StationId) -> Option<StationView>;
    fn conditions(&self) -> Vec<ConditionView>;
    fn recent(&self, class: ItemClass, count_max: usize) -> Vec<ItemKey>;
    fn events(&self, after: Position, count_max: usize) -> Vec<EventView>;
}

impl Source for Query {
    fn position(&self) -> Position {
        Query::position(self)
    }

    fn watch(&self) -> watch::Receiver<Position> {
        Query::watch(self)
    }

    fn indexing(&self) -> Option<Position> {
        Query::indexing(self)
    }

    fn resolve(&self, text: &str, wanted: Option<ItemClass>) -> Resolution {
        Query::resolve(self, text, wanted)
    }

    fn knows(&self, key: &ItemKey) -> bool {
        Query::knows(self, key)
    }

    fn item(&self, key: &ItemKey) -> Option<Answer<ItemView>> {
        Query::item(self, key)
    }

    fn trace(
        &self,
        key: &ItemKey,
        way: Direction,
        depth_max: Option<u32>,
    ) -> Option<Answer<Trace>> {
        Query::trace(self, key, way, depth_max)
    }

    fn recall(&self, lot: &ItemKey) -> Option<Answer<Recall>> {
        Query::recall(self, lot)
    }

    fn stations(&self) -> Vec<StationView> {
        Query::stations(self)
    }

    fn station(&self, id: &StationId) -> Option<StationView> {
        Query::station(self, id)
    }

    fn conditions(&self) -> Vec<ConditionView> {
        Query::conditions(self)
    }

    fn recent(&self, class: ItemClass, count_max: usize) -> Vec<ItemKey> {
        Query::recent(self, class, count_max)
    }

    fn events(&self, after: Position, count_max: usize) -> Vec<EventView> {
        Query::events(self, after, count_max)
    }
}
