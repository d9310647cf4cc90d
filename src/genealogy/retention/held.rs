//! What a hold leads to: of that nothing goes.
use super::Tally;
use crate::genealogy::Node;
use crate::model::ItemKey;
use std::collections::{BTreeMap, BTreeSet};

impl Tally {
    /// The numbers of what is on hold, of what was in it at any depth, and of all that any of these came into or was in.
    pub(super) fn behind_holds(&self, on_hold: &BTreeSet<ItemKey>) -> BTreeSet<usize> {
        let mut contents: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (number, thing) in self.things.values().enumerate() {
            for container in &thing.was_in {
                contents.entry(*container).or_default().push(number);
            }
        }
        let number = |item: &ItemKey| self.things.get_index_of(&Node::Item(item.clone()));
        let inside = |number| contents.get(&number).into_iter().flatten().copied().collect();
        let held = reached(on_hold.iter().filter_map(number), inside);
        reached(held, |number| {
            let thing = self.things.get_index(number).map(|(_, thing)| thing);
            thing.into_iter().flat_map(|t| t.went_into.iter().chain(&t.was_in)).copied().collect()
        })
    }
}

/// All that is reached from some, these included.
fn reached(
    from: impl IntoIterator<Item = usize>,
    next: impl Fn(usize) -> Vec<usize>,
) -> BTreeSet<usize> {
    let mut open: Vec<usize> = from.into_iter().collect();
    let mut all = BTreeSet::new();
    while let Some(number) = open.pop() {
        if all.insert(number) {
            open.extend(next(number));
        }
    }
    all
}
