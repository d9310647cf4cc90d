//! A simulated line with a planted cause of bad parts: the records that a capture of it would have made, and what is
//! true of it, whether recorded or not.
//!
//! Subassemblies are made of component lots that were made of raw lots; devices pass two rows of parallel machines, one
//! with tools that wear, are filled from a tank that is never quite empty, get their subassembly and are tested; what
//! passes is packed and shipped. It is computed, without a clock or a socket: the same for the same plan.
mod book;
mod line;
mod stores;

use crate::model::{Gap, Interval, ItemKey, Position, Record, StationId};
use std::collections::{BTreeMap, BTreeSet};

/// What makes devices bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Chance alone.
    Nothing,
    /// A machine for a while.
    Machine,
    /// A worn tool.
    Tool,
    /// A raw lot two levels down.
    RawLot,
    /// A person, in one shift.
    OperatorInShift,
    /// A changed recipe.
    Recipe,
    /// A fill of the blend tank, and less and less what was filled after it.
    Tank,
    /// A machine and a person, only together.
    Interaction,
}

impl Scenario {
    /// Those with a cause.
    pub const CAUSES: [Self; 7] = [
        Self::Machine,
        Self::Tool,
        Self::RawLot,
        Self::OperatorInShift,
        Self::Recipe,
        Self::Tank,
        Self::Interaction,
    ];
}

/// What is to be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The cause.
    pub scenario: Scenario,
    /// Devices; 200 or more, so that every lot has some.
    pub units: u32,
    /// Of 1,000 devices so many are bad by chance, 0 to 1,000.
    pub base: u32,
    /// Of 1,000 that were exposed to the cause so many are bad, 0 to 1,000.
    pub caused: u32,
    /// Whether records are missing and lots change while work goes on.
    pub disturbed: bool,
    /// What is drawn by chance is drawn from it.
    pub seed: u64,
}

/// What was played.
#[derive(Debug, Clone)]
pub struct Run {
    /// What a capture recorded, with positions from 1 on.
    pub records: Vec<Record>,
    /// What is true.
    pub truth: Truth,
}

/// One thing that is, or is part of, the cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    /// The name of its kind: `Station`, `Lot`, `Operator`, `Word`, `Operation` or `Measurement`.
    pub kind: &'static str,
    /// Where, if that tells it from others.
    pub station: Option<StationId>,
    /// Which one; `None` for what is measured.
    pub value: Option<String>,
}

/// What is true of the plant, whether it was recorded or not.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// What the cause is: nothing, one thing, or two together.
    pub cause: Vec<Planted>,
    /// From when to when it was, if only for a while.
    pub window: Option<Interval>,
    /// Devices that were exposed to it.
    pub exposed: BTreeSet<ItemKey>,
    /// Devices that failed their test.
    pub bad: BTreeSet<ItemKey>,
    /// What contains each lot or unit at the end: all that it went into, boxes too.
    pub contains: BTreeMap<ItemKey, BTreeSet<ItemKey>>,
    /// Who was where, from when to when.
    pub stays: Vec<(StationId, ItemKey, Interval)>,
    /// Items that no record says were at a station, and the station.
    pub silent: BTreeSet<(StationId, ItemKey)>,
    /// Time not observed, with the record that says so first.
    pub gaps: Vec<(Position, Gap)>,
}

impl Truth {
    /// All that was at a station within a time, and all that contains it.
    pub fn there(&self, station: &StationId, interval: Interval) -> BTreeSet<ItemKey> {
        let here =
            self.stays.iter().filter(|(at, _, stay)| at == station && stay.overlaps(interval));
        let here: Vec<&ItemKey> = here.map(|(_, item, _)| item).collect();
        let inside = here.iter().filter_map(|item| self.contains.get(*item)).flatten().cloned();
        here.iter().map(|item| (*item).clone()).chain(inside).collect()
    }

    /// Whether nothing was recorded of an item at a station, or of a part of it.
    pub fn is_silent(&self, item: &ItemKey) -> bool {
        let holds = |part: &ItemKey| self.contains.get(part).is_some_and(|all| all.contains(item));
        self.silent.iter().any(|(_, part)| part == item || holds(part))
    }

    /// The station where it was put together that a whole has a part.
    fn contain(&mut self, part: &ItemKey, whole: &ItemKey) {
        self.contains.entry(part.clone()).or_default().insert(whole.clone());
    }
}

/// Plays a plan.
pub fn play(plan: Plan) -> Run {
    line::Line::new(plan).play()
}

#[cfg(test)]
mod tests;
