//! One round: the best cause of what is bad among the units that are left.
use super::counts::{Table, count};
use super::labels::Labels;
use super::layout::{Layout, Scored};
use super::pairs::{self, Pair};
use super::{Cases, Cause, Factor, Settings};

/// Of the error that is allowed so much is for single factors; the rest is for pairs.
const SINGLE: f64 = 0.8;
/// Factors that share so much of their units cannot be told apart.
const TWIN: f64 = 0.9;
/// Other factors that are told of, at most.
const RIVALS: usize = 5;

/// The units that are left, laid out, and how well each factor explains the bad ones.
pub(super) struct Round<'r> {
    cases: &'r Cases,
    factors: &'r [Factor],
    settings: &'r Settings,
    table: &'r Table,
    active: &'r [bool],
    layout: Layout,
    /// Units, and bad ones.
    all: (u32, u32),
    /// The factors that explain anything, the best first.
    ranked: Vec<(usize, Scored)>,
}

impl<'r> Round<'r> {
    pub(super) fn new(
        cases: &'r Cases,
        factors: &'r [Factor],
        settings: &'r Settings,
        table: &'r Table,
        active: &'r [bool],
    ) -> Self {
        let layout = Layout::new(factors, settings.bins, active);
        let left = (0_u32..).zip(&cases.bad).zip(active).filter(|(_, active)| **active);
        let (mut bins, mut all) = (layout.none(), (0, 0));
        for ((unit, bad), _) in left {
            all.0 += 1;
            if *bad {
                all.1 += 1;
                layout.count(unit, &mut bins);
            }
        }
        let scored =
            (0..factors.len()).map(|factor| (factor, layout.score(factor, &bins, all, table)));
        let mut ranked: Vec<_> = scored.filter(|(_, scored)| scored.score > 0.0).collect();
        ranked.sort_by(|a, b| b.1.score.total_cmp(&a.1.score));
        Self { cases, factors, settings, table, active, layout, all, ranked }
    }

    /// The best cause, unless chance is one.
    pub(super) fn best(&self) -> Option<Cause> {
        let (factor, scored) = *self.ranked.first()?;
        let chance = self.chance();
        let p = of_chance(&chance, scored.score);
        let error = self.settings.error;
        let (all, cases) = (self.all, self.cases);
        let is_bad = |unit: u32| cases.bad.get(unit as usize).copied().unwrap_or(false);
        let rooms = (self.factors, &self.layout, self.table);
        let pair = pairs::best(rooms, &self.ranked, is_bad, all, error * (1.0 - SINGLE));
        match pair {
            Some(pair) if p > error * SINGLE || pair.scored.score > scored.score => {
                Some(self.together(pair, &chance))
            }
            _ if p > error * SINGLE => None,
            _ => {
                let exposed = self.layout.units(factor, scored.part);
                let window = scored.part.and_then(|part| self.layout.window(factor, part));
                Some(self.cause(&[factor], window, exposed, scored, (p, &chance)))
            }
        }
    }

    fn together(&self, pair: Pair, chance: &[f64]) -> Cause {
        let Pair { factors, units, scored, p } = pair;
        self.cause(&factors, None, units, scored, (p, chance))
    }

    fn cause(
        &self,
        factors: &[usize],
        window: Option<(i64, i64)>,
        exposed: Vec<u32>,
        scored: Scored,
        (p, chance): (f64, &[f64]),
    ) -> Cause {
        let (mut twins, mut rivals) = (Vec::new(), Vec::new());
        for (other, theirs) in self.ranked.iter().filter(|(other, _)| !factors.contains(other)) {
            if of_chance(chance, theirs.score) > self.settings.error * SINGLE {
                break;
            }
            let share = jaccard(&exposed, &self.layout.units(*other, theirs.part));
            if share >= TWIN {
                twins.push((*other, share));
            } else if rivals.len() < RIVALS {
                rivals.push((*other, theirs.score));
            }
        }
        Cause {
            factors: factors.to_vec(),
            twins,
            rivals,
            window,
            exposed,
            bad: scored.counts.bad,
            of: self.all,
            odds: scored.counts.odds(),
            score: scored.score,
            p,
        }
    }

    /// The best score of each permutation, ascending.
    fn chance(&self) -> Vec<f64> {
        let mut labels = Labels::new(self.cases, self.active, self.settings.seed);
        let mut best = Vec::new();
        for _ in 0..self.settings.permutations {
            let mut bins = self.layout.none();
            labels.draw(|unit| self.layout.count(unit, &mut bins));
            let scores = (0..self.factors.len())
                .map(|factor| self.layout.score(factor, &bins, self.all, self.table).score);
            best.push(scores.fold(0.0, f64::max));
        }
        best.sort_by(f64::total_cmp);
        best
    }
}

/// How often chance gives a score or a better one; never nought (Phipson and Smyth, *Statistical Applications in
/// Genetics and Molecular Biology* 9(1), 2010).
fn of_chance(chance: &[f64], score: f64) -> f64 {
    let as_good = chance.len() - chance.partition_point(|by_chance| *by_chance < score);
    let real = |n: usize| f64::from(count(n));
    (real(as_good) + 1.0) / (real(chance.len()) + 1.0)
}

/// The share of the units of both that are of both; both ascend.
fn jaccard(one: &[u32], other: &[u32]) -> f64 {
    let both = pairs::intersection(one, other).len();
    let real = |n: usize| f64::from(count(n));
    let any = one.len() + other.len() - both;
    if any == 0 { 0.0 } else { real(both) / real(any) }
}
