//! The state that a replay begins with, and begins with again at every start on the tape.
use crate::engine::Engine;
use crate::ledger::{LedgerError, Reader};
use crate::model::{PersonKey, Position, Record, Utc};
use crate::query::Histories;

/// The engine, and what it may ask about.
pub(super) struct Fold<'p> {
    reader: Reader,
    persons: &'p PersonKey,
    /// The last record of the ledger that is folded in.
    base: Position,
    pub(super) engine: Engine,
    pub(super) histories: Histories,
}

impl<'p> Fold<'p> {
    /// As of a record of the ledger.
    pub(super) fn new(
        reader: Reader,
        persons: &'p PersonKey,
        base: Position,
    ) -> Result<Self, LedgerError> {
        let engine = Engine::new(persons.clone());
        let mut fold = Self { reader, persons, base, engine, histories: Histories::default() };
        fold.refold(&[])?;
        Ok(fold)
    }

    /// The same with records that were made since.
    pub(super) fn refold(&mut self, made: &[Record]) -> Result<(), LedgerError> {
        self.engine = Engine::new(self.persons.clone());
        self.histories = Histories::default();
        let before = usize::try_from(self.base.0).unwrap_or(usize::MAX);
        for entry in self.reader.cursor(Position(0)).take(before) {
            self.apply(&entry?.record);
        }
        for record in made {
            self.apply(record);
        }
        Ok(())
    }

    /// Folds a record in.
    pub(super) fn apply(&mut self, record: &Record) {
        self.engine.apply(record);
        self.histories.apply(record);
    }

    /// What the ledger has up to a record that was stepped after `since`.
    pub(super) fn recorded(&self, since: Utc, up_to: Position) -> Result<Vec<Record>, LedgerError> {
        let mut recorded = Vec::new();
        for entry in self.reader.cursor(self.base) {
            let record = entry?.record;
            if record.position > up_to {
                break;
            }
            if record.position > self.base && record.at.wall > since {
                recorded.push(record);
            }
        }
        Ok(recorded)
    }

    /// When a record of the ledger was stepped.
    pub(super) fn stepped(&self, record: Position) -> Result<Option<Utc>, LedgerError> {
        Ok(self.reader.get(record)?.map(|entry| entry.record.at.wall))
    }
}
