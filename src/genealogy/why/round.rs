//! One round: the best cause of what is bad among the units that are left.
use super::counts::{Table, count};
use super::labels::Labels;
use super::layout::{Layout, Scored};
use super::pairs::{self, Pair, Pairs};
use super::strata::Strata;
use super::{Cases, Cause, Factor, Settings};

/// Of the error that is allowed so much is for single factors; the rest is for pairs.
const SINGLE: f64 = 0.8;
/// Factors that share so much of their units cannot be told apart.
const TWIN: f64 = 0.9;
/// Other factors that are told of, at most.
const RIVALS: usize = 5;
/// Pairs that are looked for: what cannot be told from the first of them is one of them too.
const PAIRS: usize = 24;

/// What is to be told of a cause.
struct Found<'f> {
    factors: &'f [usize],
    window: Option<(i64, i64)>,
    units: Vec<u32>,
    scored: Scored,
    p: f64,
}

/// The units that are left, laid out, and how well each factor explains the bad ones.
pub(super) struct Round<'r> {
    cases: &'r Cases,
    factors: &'r [Factor],
    settings: &'r Settings,
    table: &'r Table,
    active: &'r [bool],
    layout: Layout<'r>,
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
        let is_named = p <= self.error_of_one();
        let pairs = self.pairs();
        // If chance does not give the one either, the likelier of both is the cause.
        let pair = pairs.first().filter(|pair| !is_named || pair.scored.score > scored.score);
        let found = match pair {
            Some(Pair { factors, units, scored, p }) => {
                Found { factors, window: None, units: units.clone(), scored: *scored, p: *p }
            }
            None if is_named => {
                let units = self.layout.units(factor, scored.part);
                let window = scored.part.and_then(|part| self.layout.window(factor, part));
                Found { factors: &[factor], window, units, scored, p }
            }
            None => return None,
        };
        Some(self.cause(found, &chance, &pairs))
    }

    fn error_of_one(&self) -> f64 {
        self.settings.error * SINGLE
    }

    /// Two factors together that are no chance, the best first. That a pair is more than either of its factors is a
    /// question of which cause, and not of whether there is one: it has an error of its own.
    fn pairs(&self) -> Vec<Pair> {
        let error = self.settings.error;
        let bad = (0..).zip(&self.cases.bad).zip(self.active);
        let bad = bad.filter(|((_, bad), active)| **bad && **active);
        let bad: Vec<u32> = bad.map(|((unit, _), _)| unit).collect();
        let rooms = (self.factors, &self.layout, self.table);
        let pairs = Pairs::new(rooms, (&bad, self.cases.bad.len()), self.all);
        let strata = Strata::new(self.cases, self.active, self.table);
        let times = f64::from(count(self.factors.len() * self.factors.len().saturating_sub(1) / 2));
        let mut pairs = pairs.best(error, PAIRS);
        for pair in &mut pairs {
            pair.p = pair.p.max((strata.chance(&pair.units) * times).min(1.0));
        }
        pairs.retain(|pair| pair.p <= error - self.error_of_one());
        pairs
    }

    fn cause(&self, found: Found<'_>, chance: &[f64], pairs: &[Pair]) -> Cause {
        let Found { factors, window, units: exposed, scored, p } = found;
        let ones = self.ranked.iter();
        let ones = ones.take_while(|(_, of)| of_chance(chance, of.score) <= self.error_of_one());
        let ones = ones.map(|(one, of)| (vec![*one], self.layout.units(*one, of.part), of.score));
        let twos = pairs.iter();
        let twos = twos.map(|p| (p.factors.to_vec(), p.units.clone(), p.scored.score));
        let (mut twins, mut rivals) = (Vec::<(usize, f64)>::new(), Vec::new());
        for (others, units, score) in ones.chain(twos) {
            let share = jaccard(&exposed, &units);
            if share < TWIN {
                let is_other = others.iter().any(|other| !factors.contains(other));
                rivals.extend(is_other.then_some((others, score)));
                continue;
            }
            for other in others {
                if !factors.contains(&other) && twins.iter().all(|(twin, _)| *twin != other) {
                    twins.push((other, share));
                }
            }
        }
        rivals.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        rivals.truncate(RIVALS);
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
        let mut left = self.settings.permutations as usize;
        let mut best = Vec::new();
        while left > 0 {
            let some = self.layout.at_once().min(left);
            let drawn: Vec<Vec<u64>> = (0..some).map(|_| labels.draw(self.active.len())).collect();
            let scores = self.layout.count_all(&drawn).into_iter().map(|bins| self.best_of(&bins));
            best.extend(scores);
            left -= some;
        }
        best.sort_by(f64::total_cmp);
        best
    }

    /// The best score of any factor, 0 at least.
    fn best_of(&self, bins: &[u32]) -> f64 {
        let score = |factor| self.layout.score(factor, bins, self.all, self.table).score;
        (0..self.factors.len()).map(score).fold(0.0, f64::max)
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
