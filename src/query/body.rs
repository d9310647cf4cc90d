//! Record bodies for an answer, read from the store after the lock on memory is given back.
use crate::genealogy::Void;
use crate::model::{Body, ItemKey, Position, Record, TraceEvent, VerdictEvent, What};
use crate::store::{Store, StoreError, subjects};

/// Reads bodies as of one position, and remembers whether anything was missing.
pub(super) struct Bodies<'a> {
    /// Not yet open: nothing is known.
    store: Option<&'a Store>,
    position: Position,
    void: Void,
    lags: bool,
    damage: Option<StoreError>,
}

impl<'a> Bodies<'a> {
    pub(super) fn new(store: Option<&'a Store>, position: Position, void: Void) -> Self {
        let lags = store.is_none_or(|store| store.applied() < position);
        Self { store, position, void, lags, damage: None }
    }

    /// The records of an item's own events, corrected ones left out. Memory counted `wanted` of
    /// them, corrected ones included: if the store knows fewer, it has lost some.
    pub(super) fn steps(&mut self, item: &ItemKey, wanted: usize) -> Vec<Record> {
        let up_to = self.position;
        let found = self.ask(|store| store.positions(item, Position(1)..=up_to));
        let Some(found) = found else { return Vec::new() };
        if found.len() < wanted {
            self.missing(format!("{item} has {} of {wanted} events", found.len()));
        }
        let void = self.void.clone();
        let standing = found.into_iter().filter(|position| !void.contains(position));
        let records: Vec<Record> = standing.filter_map(|position| self.record(position)).collect();
        // An index that mixes up two items is damaged: nothing of another item is ever shown.
        records.into_iter().filter(|record| self.is_step(item, record)).collect()
    }

    /// A record of an item's own that does not count any more; `None` if it is not its own.
    pub(super) fn taken_back(&mut self, item: &ItemKey, position: Position) -> Option<Record> {
        let record = self.record(position)?;
        let Body::Trace(event) = &record.body else { return None };
        let own = subjects(event).contains(&item);
        own.then_some(record)
    }

    /// Whether a record belongs to the history of an item.
    fn is_step(&mut self, item: &ItemKey, record: &Record) -> bool {
        let Body::Trace(event) = &record.body else { return self.mixed(item, record) };
        let loser = if let What::Correct { position, .. } = event.what {
            self.event(position)
        } else {
            None
        };
        subjects(loser.as_ref().unwrap_or(event)).contains(&item) || self.mixed(item, record)
    }

    fn mixed(&mut self, item: &ItemKey, record: &Record) -> bool {
        self.missing(format!("record {} is not about {item}", record.position));
        false
    }

    /// The event of a record.
    pub(super) fn event(&mut self, position: Position) -> Option<TraceEvent> {
        let Body::Trace(event) = self.record(position)?.body else { return None };
        Some(event)
    }

    /// What a rule said with a record.
    pub(super) fn verdict(&mut self, position: Position) -> Option<VerdictEvent> {
        let Body::Verdict(event) = self.record(position)?.body else { return None };
        Some(event)
    }

    /// The records after one position up to another, corrected ones left out.
    pub(super) fn between(&mut self, after: Position, last: Position) -> Vec<Record> {
        let last = last.min(self.position);
        let found = self.ask(|store| store.records(after, last, usize::MAX)).unwrap_or_default();
        found.into_iter().filter(|record| !self.void.contains(&record.position)).collect()
    }

    /// Whether the answer lacks something that the ledger has.
    pub(super) fn lags(&self) -> bool {
        self.lags
    }

    /// What was wrong with the store, if anything.
    pub(super) fn damage(self) -> Option<StoreError> {
        self.damage
    }

    /// A record, whatever it says.
    pub(super) fn record(&mut self, position: Position) -> Option<Record> {
        let found = self.ask(|store| store.record(position))?;
        if found.is_none() {
            self.missing(format!("record {position} is missing"));
        }
        found
    }

    fn missing(&mut self, what: String) {
        // A store that is being filled lacks records and is none the worse for it.
        if self.store.is_some_and(|store| store.applied() >= self.position) {
            self.damage.get_or_insert(StoreError::Damaged(what));
        }
        self.lags = true;
    }

    fn ask<T>(&mut self, ask: impl FnOnce(&Store) -> Result<T, StoreError>) -> Option<T> {
        match self.store.map(ask) {
            Some(Ok(found)) => return Some(found),
            Some(Err(why)) => drop(self.damage.get_or_insert(why)),
            None => {}
        }
        self.lags = true;
        None
    }
}
