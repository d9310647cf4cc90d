//! What a monitor said since it was first spoken of: which records, and which baselines were learned.
use crate::model::{Baseline, Position, Text, Utc, VerdictEvent};
use minicbor::{Decode, Encode};

/// Records of one monitor that are known; of more the oldest are forgotten, and counted.
const VERDICTS_MAX: usize = 10_000;
/// Baselines of one monitor that are known; of more the oldest are forgotten.
const BASELINES_MAX: usize = 1_000;

/// What one monitor said.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(array)]
pub(in crate::query) struct History {
    /// When, and by which record, in the order of the record.
    #[n(0)]
    verdicts: Vec<(Utc, Position)>,
    #[n(1)]
    forgotten: u64,
    /// In the order in which they were learned.
    #[n(2)]
    baselines: Vec<Learned>,
}

/// A baseline, and since when something was judged by it.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub(in crate::query) struct Learned {
    #[n(0)]
    pub(in crate::query) since: Utc,
    /// The record that told of it first.
    #[n(1)]
    pub(in crate::query) position: Position,
    #[n(2)]
    pub(in crate::query) baseline: Baseline,
    /// Of which product, where that is of one.
    #[n(3)]
    pub(in crate::query) product: Option<Text>,
    /// Of which recipe, likewise.
    #[n(4)]
    pub(in crate::query) recipe: Option<Text>,
    /// When it was learned anew, forgotten or ended by maintenance.
    #[n(5)]
    pub(in crate::query) until: Option<Utc>,
}

impl History {
    pub(super) fn spoke(&mut self, position: Position, event: &VerdictEvent) {
        if self.verdicts.len() == VERDICTS_MAX {
            self.verdicts.remove(0);
            self.forgotten += 1;
        }
        self.verdicts.push((event.time, position));
        if event.is_forgotten() {
            self.end_of(event);
        }
        let Some(baseline) = &event.baseline else { return };
        if self.baselines.iter().rev().any(|learned| learned.baseline == *baseline) {
            return;
        }
        if self.baselines.len() == BASELINES_MAX {
            self.baselines.remove(0);
        }
        self.end_of(event);
        let (product, recipe) = (event.product.clone(), event.recipe.clone());
        let (since, baseline, until) = (event.time, baseline.clone(), None);
        self.baselines.push(Learned { since, position, baseline, product, recipe, until });
    }

    /// All that was learned is over.
    pub(super) fn end(&mut self, at: Utc) {
        for learned in self.baselines.iter_mut().filter(|learned| learned.until.is_none()) {
            learned.until = Some(at);
        }
    }

    /// What was learned of the same that is made is over.
    fn end_of(&mut self, event: &VerdictEvent) {
        let of = (&event.product, &event.recipe);
        let same = |learned: &&mut Learned| (&learned.product, &learned.recipe) == of;
        let open = self.baselines.iter_mut().filter(same).filter(|l| l.until.is_none());
        open.for_each(|learned| learned.until = Some(event.time));
    }

    /// Its records, the last first, with when it was seen what they say.
    pub(in crate::query) fn newest(&self) -> impl Iterator<Item = (Utc, Position)> {
        self.verdicts.iter().rev().copied()
    }

    /// Records that are not known any more: all of them are older than those that are.
    pub(in crate::query) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(in crate::query) fn baselines(&self) -> &[Learned] {
        &self.baselines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Body, specimens};

    #[test]
    fn what_is_too_much_is_forgotten_from_its_begin_and_a_baseline_is_known_once() {
        let verdict = specimens::records().into_iter().find_map(|record| {
            let Body::Verdict(event) = record.body else { return None };
            event.baseline.is_some().then_some(event)
        });
        let mut event = verdict.unwrap();
        let mut history = History::default();
        for n in 1..=VERDICTS_MAX as u64 + 2 {
            event.time = Utc(i64::try_from(n).unwrap());
            if let Some(baseline) = &mut event.baseline {
                baseline.version = if n < 5 { 1 } else { 2 };
            }
            history.spoke(Position(n), &event);
        }
        assert_eq!((history.newest().count(), history.forgotten()), (VERDICTS_MAX, 2));
        assert_eq!(history.newest().last(), Some((Utc(3), Position(3))));
        let since: Vec<_> = history.baselines().iter().map(|learned| learned.position.0).collect();
        assert_eq!(since, [1, 5]);
        let until =
            |history: &History| history.baselines().iter().map(|l| l.until).collect::<Vec<_>>();
        assert_eq!(until(&history), [Some(Utc(5)), None], "one holds until the next");
        history.end(Utc(20_000));
        assert_eq!(until(&history), [Some(Utc(5)), Some(Utc(20_000))]);
        let baseline = event.baseline.as_mut().unwrap();
        (baseline.version, event.product) = (3, Some(Text::parse("A").unwrap()));
        history.spoke(Position(30_000), &event);
        event.baseline.as_mut().unwrap().version = 4;
        event.product = Some(Text::parse("B").unwrap());
        history.spoke(Position(30_001), &event);
        assert_eq!(until(&history)[2..], [None, None], "that of another product stays");
    }
}
