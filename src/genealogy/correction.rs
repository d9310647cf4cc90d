//! Corrections: which records still count, as of which record.
use crate::model::Position;
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which records do not count as of a record: those after it, and those that were taken back by then.
#[derive(Debug, Clone)]
pub struct Void {
    as_of: Position,
    named: Arc<BTreeSet<Position>>,
}

impl Void {
    /// Whether a record does not count.
    pub fn contains(&self, position: &Position) -> bool {
        *position > self.as_of || self.named.contains(position)
    }
}

/// Which records are void: those named by a `correct` that is not void itself.
///
/// A correction names an earlier record; one that names itself or a later one says nothing.
#[derive(Debug, Clone, Default)]
pub struct Corrections {
    by_loser: BTreeMap<Position, BTreeSet<Position>>,
    loser_of: BTreeMap<Position, Position>,
    void: Arc<BTreeSet<Position>>,
}

impl Corrections {
    /// Takes the correction at `correction`, and names every record whose standing it may change.
    pub fn insert(&mut self, correction: Position, loser: Position) -> Vec<Position> {
        if loser >= correction {
            return Vec::new();
        }
        self.by_loser.entry(loser).or_default().insert(correction);
        self.loser_of.insert(correction, loser);
        let touched = self.reach(loser);
        for record in &touched {
            if self.stands(*record, Position(u64::MAX)) {
                Arc::make_mut(&mut self.void).remove(record);
            } else {
                Arc::make_mut(&mut self.void).insert(*record);
            }
        }
        touched
    }

    /// The records whose standing hangs on that of `record`: itself, what it corrects if it is a
    /// correction, and so on.
    pub fn reach(&self, record: Position) -> Vec<Position> {
        let mut reached = vec![record];
        let mut at = record;
        while let Some(loser) = self.loser_of.get(&at) {
            reached.push(*loser);
            at = *loser;
        }
        reached
    }

    /// Whether a record counts as of a record: it is there, and no correction that counts names it.
    pub fn stands(&self, record: Position, as_of: Position) -> bool {
        if record > as_of {
            return false;
        }
        // A correction is later than its loser: the latest are judged first.
        let mut standing = BTreeSet::new();
        for at in self.turns(record).into_iter().rev().filter(|at| *at <= as_of) {
            if !self.is_named_by(at, &standing) {
                standing.insert(at);
            }
        }
        !self.is_named_by(record, &standing)
    }

    /// Whether a correction names a record, be it void or not.
    pub fn is_named(&self, record: Position) -> bool {
        self.by_loser.contains_key(&record)
    }

    /// The records at which the standing of a record may change: its corrections, theirs, and so on.
    pub fn turns(&self, record: Position) -> BTreeSet<Position> {
        let mut found = BTreeSet::new();
        let mut open = vec![record];
        while let Some(at) = open.pop() {
            for correction in self.by_loser.get(&at).into_iter().flatten() {
                if found.insert(*correction) {
                    open.push(*correction);
                }
            }
        }
        found
    }

    /// The records that do not count as of a record. It costs nothing for the last one; for an
    /// earlier one, a look at every correction.
    pub fn as_of(&self, as_of: Position) -> Void {
        if self.loser_of.last_key_value().is_none_or(|(last, _)| *last <= as_of) {
            return Void { as_of, named: Arc::clone(&self.void) };
        }
        let named = self.by_loser.keys().filter(|loser| !self.stands(**loser, as_of));
        Void { as_of, named: Arc::new(named.copied().collect()) }
    }

    /// The first correction that takes a record back as of a record.
    pub fn taken_back_by(&self, record: Position, as_of: Position) -> Option<Position> {
        let by = self.by_loser.get(&record)?;
        by.iter().copied().find(|correction| self.stands(*correction, as_of))
    }

    fn is_named_by(&self, record: Position, standing: &BTreeSet<Position>) -> bool {
        self.by_loser.get(&record).is_some_and(|by| !by.is_disjoint(standing))
    }
}

/// Each correction with what it names: the rest follows.
impl<C> Encode<C> for Corrections {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        self.loser_of.encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Corrections {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let told: BTreeMap<Position, Position> = Decode::decode(d, ctx)?;
        let mut corrections = Self::default();
        for (correction, loser) in told {
            if corrections.insert(correction, loser).is_empty() {
                let why = "a correction names itself or a later record";
                return Err(decode::Error::message(why));
            }
        }
        Ok(corrections)
    }
}
