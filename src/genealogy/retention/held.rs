//! What a hold leads to: of that nothing goes.
use super::Tally;
use crate::genealogy::Node;
use crate::model::ItemKey;
use std::collections::BTreeSet;

impl Tally {
    /// The numbers of what is on hold, of what was in it, and of all that any of these came into or was in.
    pub(super) fn behind_holds(&self, on_hold: &BTreeSet<ItemKey>) -> BTreeSet<usize> {
        let number = |item: &ItemKey| self.things.get_index_of(&Node::Item(item.clone()));
        let mut open: Vec<usize> = on_hold.iter().filter_map(number).collect();
        let begins: BTreeSet<usize> = open.iter().copied().collect();
        let within = self.things.values().enumerate();
        let within = within.filter(|(_, thing)| !thing.was_in.is_disjoint(&begins));
        open.extend(within.map(|(number, _)| number));
        let mut all = BTreeSet::new();
        while let Some(number) = open.pop() {
            if let (true, Some((_, thing))) = (all.insert(number), self.things.get_index(number)) {
                open.extend(thing.went_into.iter().chain(&thing.was_in));
            }
        }
        all
    }
}
