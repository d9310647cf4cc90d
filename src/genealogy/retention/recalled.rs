//! What is recalled or on hold: nothing of it goes, nor of what it came into.
use super::Tally;
use crate::genealogy::Node;
use crate::model::{ItemKey, StationId};
use std::collections::BTreeSet;

/// Of what nothing goes before somebody says that it may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recalled {
    /// Items: with all that they went into and were in, and with what was in them.
    pub items: BTreeSet<ItemKey>,
    /// Stations: whatever was told of there, and all that it came into. Until when something was at a station is known
    /// only by what came next, and in a gap by nothing: no time is asked for.
    pub stations: BTreeSet<StationId>,
}

impl Tally {
    /// The numbers of all that is meant.
    pub(super) fn recalled(&self, recalled: &Recalled) -> BTreeSet<usize> {
        let number = |item: &ItemKey| self.things.get_index_of(&Node::Item(item.clone()));
        let mut open: Vec<usize> = recalled.items.iter().filter_map(number).collect();
        let begins: BTreeSet<usize> = open.iter().copied().collect();
        let within = self.things.values().enumerate();
        let within = within.filter(|(_, thing)| !thing.was_in.is_disjoint(&begins));
        open.extend(within.map(|(number, _)| number));
        let steps = recalled.stations.iter().filter_map(|station| self.at.get(station)).flatten();
        open.extend(steps.filter_map(|first| self.steps.get(first)).flat_map(|step| &step.items));
        let mut all = BTreeSet::new();
        while let Some(number) = open.pop() {
            if let (true, Some((_, thing))) = (all.insert(number), self.things.get_index(number)) {
                open.extend(thing.went_into.iter().chain(&thing.was_in));
            }
        }
        all
    }
}
