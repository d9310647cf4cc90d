//! What may go, and of what less is told then.
use super::{Keep, Stays, Tally};
use crate::genealogy::Node;
use crate::model::{ItemKey, Position, Text, Utc};
use std::collections::{BTreeMap, BTreeSet};

impl Tally {
    /// Says what goes at `now`. `in_use` are items that a station still works with, `on_hold` those that must not go on,
    /// `rest` records that a running state rests on: all of them stay, and what a hold leads to.
    pub fn judge(
        &self,
        keep: &Keep,
        now: Utc,
        (in_use, on_hold): (&BTreeSet<ItemKey>, &BTreeSet<ItemKey>),
        rest: &BTreeSet<Position>,
    ) -> Judged<'_> {
        let why = self.stay(keep, now, in_use, &self.behind_holds(on_hold));
        let goes = |items: &[usize]| items.iter().all(|item| why.get(*item) == Some(&None));
        let may = self.steps.iter().filter(|(_, step)| !step.stays && goes(&step.items));
        let mut drops: BTreeSet<Position> = may.map(|(first, _)| *first).collect();
        let in_doubt = self.in_doubt();
        let next = self.came_next(&drops, &in_doubt);
        for kept in self.last.values().chain(rest).chain(&next) {
            drops.remove(&self.step_of(*kept));
        }
        self.keep_together(&mut drops);
        let kept = self.steps.iter().filter(|(first, _)| !drops.contains(first));
        let border = kept.flat_map(|(_, step)| step.items.iter().copied()).collect();
        let (until, ended) = (self.until(&drops, &in_doubt), self.ended(&drops, &in_doubt));
        Judged { tally: self, why, drops, border, until, ended }
    }

    /// What stays keeps what it is told with: the other of a pair, and the mount of a feeder that it names.
    fn keep_together(&self, drops: &mut BTreeSet<Position>) {
        let mut with: BTreeMap<Position, Vec<Position>> = BTreeMap::new();
        for pair in &self.pairs {
            let [one, other] = [pair.0, pair.1].map(|position| self.step_of(position));
            with.entry(one).or_default().push(other);
            with.entry(other).or_default().push(one);
        }
        for (first, step) in self.steps.iter().filter(|(_, step)| !step.mounts.is_empty()) {
            let mounts = step.mounts.iter().map(|mount| self.step_of(*mount));
            with.entry(*first).or_default().extend(mounts);
        }
        let mut open: Vec<Position> =
            with.keys().copied().filter(|step| !drops.contains(step)).collect();
        while let Some(step) = open.pop() {
            let kept = with.get(&step).into_iter().flatten().copied();
            open.extend(kept.filter(|other| drops.remove(other)));
        }
    }

    /// The step that a record is of.
    fn step_of(&self, position: Position) -> Position {
        self.steps.range(..=position).next_back().map_or(position, |(first, _)| *first)
    }

    /// Until when what came by a step that goes was there at most: nobody knows better than by what came next.
    fn until(
        &self,
        drops: &BTreeSet<Position>,
        in_doubt: &BTreeSet<Position>,
    ) -> BTreeMap<Position, Utc> {
        let mut until: BTreeMap<Position, Utc> = BTreeMap::new();
        for came in self.came.values() {
            let mut next = Utc(i64::MAX);
            for (time, position) in came.iter().rev() {
                let step = self.step_of(*position);
                if drops.contains(&step) {
                    let known = until.entry(step).or_insert(next);
                    *known = next.max(*known);
                }
                if !in_doubt.contains(position) {
                    next = *time;
                }
            }
        }
        until
    }

    /// The items, but for those of steps that go before it or with it, of which only a step that goes told until when they
    /// were there.
    fn ended(
        &self,
        drops: &BTreeSet<Position>,
        in_doubt: &BTreeSet<Position>,
    ) -> BTreeMap<Position, BTreeSet<(Position, usize)>> {
        let mut ended: BTreeMap<Position, BTreeSet<(Position, usize)>> = BTreeMap::new();
        for came in self.came.values() {
            let mut here: BTreeSet<(Position, usize)> = BTreeSet::new();
            for (_, position) in came {
                let step = self.step_of(*position);
                let left = |from: &Position| *from > step || !drops.contains(from);
                if drops.contains(&step) && here.iter().any(|(from, _)| left(from)) {
                    let left = here.iter().copied().filter(|(from, _)| left(from));
                    ended.entry(step).or_default().extend(left);
                }
                if !in_doubt.contains(position) {
                    here.clear();
                }
                let items = self.steps.get(&step).into_iter().flat_map(|step| &step.items);
                here.extend(items.map(|item| (step, *item)));
            }
        }
        ended
    }

    /// What came and may not have, or went again at once.
    fn in_doubt(&self) -> BTreeSet<Position> {
        let taken_back = self.pairs.iter().map(|(_, of)| *of);
        taken_back.chain(self.refused.iter().copied()).collect()
    }

    /// What came after something that stays, as far as the first that nothing takes back.
    fn came_next(
        &self,
        drops: &BTreeSet<Position>,
        in_doubt: &BTreeSet<Position>,
    ) -> BTreeSet<Position> {
        let mut next = BTreeSet::new();
        for came in self.came.values() {
            let mut wanted = false;
            for (_, position) in came {
                if wanted {
                    next.insert(*position);
                }
                wanted &= in_doubt.contains(position);
                wanted |= !drops.contains(&self.step_of(*position));
            }
        }
        next
    }

    /// Why each stays; `None` for what goes. What stays keeps all that it was made of, and the containers that it was in.
    fn stay(
        &self,
        keep: &Keep,
        now: Utc,
        in_use: &BTreeSet<ItemKey>,
        behind_holds: &BTreeSet<usize>,
    ) -> Vec<Option<Stays>> {
        let mut why: Vec<Option<Stays>> = vec![None; self.things.len()];
        let mut linked: Vec<Vec<usize>> = vec![Vec::new(); self.things.len()];
        let mut open = Vec::new();
        for (number, (node, thing)) in self.things.iter().enumerate() {
            for whole in &thing.went_into {
                if let Some(parts) = linked.get_mut(*whole) {
                    parts.push(number);
                }
            }
            if let Some(containers) = linked.get_mut(number) {
                containers.extend(&thing.was_in);
            }
            let Node::Item(key) = node else { continue };
            let stays = if behind_holds.contains(&number) {
                Stays::OnHold
            } else if in_use.contains(key) {
                Stays::InUse
            } else if keep.ends(key.class, thing).is_none_or(|end| now < end) {
                Stays::Kept
            } else {
                continue;
            };
            if let Some(why) = why.get_mut(number) {
                *why = Some(stays);
            }
            open.push(number);
        }
        while let Some(stays) = open.pop() {
            for &other in linked.get(stays).into_iter().flatten() {
                if let Some(why @ None) = why.get_mut(other) {
                    *why = Some(Stays::Linked);
                    open.push(other);
                }
            }
        }
        why
    }
}

/// What may go.
#[derive(Debug, Clone)]
pub struct Judged<'t> {
    tally: &'t Tally,
    why: Vec<Option<Stays>>,
    drops: BTreeSet<Position>,
    /// What a step that stays names.
    border: BTreeSet<usize>,
    until: BTreeMap<Position, Utc>,
    /// By a step that goes: items whose stay it ended, each with the step that told of its begin.
    ended: BTreeMap<Position, BTreeSet<(Position, usize)>>,
}

impl Judged<'_> {
    /// Every item, and why it stays; `None` if it goes.
    pub fn items(&self) -> impl Iterator<Item = (&ItemKey, Option<Stays>)> {
        let things = self.tally.things.keys().zip(&self.why);
        things.filter_map(|(node, why)| match node {
            Node::Item(key) => Some((key, *why)),
            Node::Mount(_) => None,
        })
    }

    /// Products and materials that an item was called by.
    pub fn names(&self, item: &ItemKey) -> impl Iterator<Item = &Text> {
        let thing = self.tally.things.get(&Node::Item(item.clone()));
        thing.into_iter().flat_map(|thing| &thing.names)
    }

    /// Whether a step goes, by its first record.
    pub fn drops(&self, first: Position) -> bool {
        self.drops.contains(&first)
    }

    /// Whether anything goes.
    pub fn is_empty(&self) -> bool {
        self.drops.is_empty()
    }

    /// When what a step that goes tells of was, by its first record; `None` if it tells of no time.
    pub fn times(&self, first: Position) -> Option<(Utc, Utc)> {
        let (from, to) = self.tally.steps.get(&first)?.times?;
        Some((from, self.until.get(&first).map_or(to, |until| to.max(*until))))
    }

    /// The items of which less is told once a step goes with all that go up to `last`: those that steps name which stay, and
    /// those behind `last`, which may never come to go.
    pub fn told_less(&self, first: Position, last: Position) -> impl Iterator<Item = &ItemKey> {
        let step = self.tally.steps.get(&first);
        let things = &self.tally.things;
        let told = move |item: &usize| {
            self.border.contains(item)
                || things.get_index(*item).is_some_and(|(_, thing)| thing.told > last)
        };
        let named = step.into_iter().flat_map(|step| &step.items).copied().filter(told);
        let stays = move |from: Position| from > last || !self.drops.contains(&from);
        let ended = self.ended.get(&first).into_iter().flatten();
        let ended = ended.filter(move |(from, _)| stays(*from)).map(|(_, item)| *item);
        named.chain(ended).filter_map(|item| match things.get_index(item)?.0 {
            Node::Item(key) => Some(key),
            Node::Mount(_) => None,
        })
    }
}
