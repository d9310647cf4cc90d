//! Two factors that are a cause only together.
//!
//! All pairs of factors of different attributes are looked at, those with the most bad units first: nothing better can
//! be said of a pair than that all of its units are bad, and as soon as even that is not enough the rest is left. A pair
//! is one only if among the units of each of the two the other makes a difference, held against all that could be the
//! other (Bonferroni). So a factor that is a cause by itself is not told together with whatever happens to go with it.
use super::bits::{bits, common, has, ones};
use super::counts::{Counts, Table, count};
use super::layout::{Layout, Scored};
use super::{BAD_MIN, Factor};

/// Pairs are looked for among so many factors that most bad units were exposed to: all there are, but for plants in
/// which nearly every unit has a value of its own.
const AMONG: usize = 2_000;

/// Two factors, what can be said of the units of both, and how often the like comes by chance.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair {
    pub(super) factors: [usize; 2],
    pub(super) units: Vec<u32>,
    pub(super) scored: Scored,
    pub(super) p: f64,
}

/// All factors that can be one of two.
pub(super) struct Pairs<'p> {
    table: &'p Table,
    /// Those with the most bad units first.
    sets: Vec<Set>,
    /// Units, and bad ones.
    all: (u32, u32),
    /// How many factors there are.
    factors: u32,
}

/// A factor's units as bits.
struct Set {
    factor: usize,
    attribute: u32,
    /// By their numbers.
    units: Vec<u64>,
    /// By the places of the bad ones among all that are bad.
    bad: Vec<u64>,
    /// How many are bad, and how many there are.
    counts: [u32; 2],
}

impl<'p> Pairs<'p> {
    /// Of the bad units of `all`, ascending; numbers are below `end`.
    pub(super) fn new(
        (factors, layout, table): (&[Factor], &Layout<'_>, &'p Table),
        (bad, end): (&[u32], usize),
        all: (u32, u32),
    ) -> Self {
        let bad_ones = bits(bad.iter().copied(), end);
        let set = |(factor, of): (usize, &Factor)| {
            let exposed = layout.all(factor);
            let counts =
                [exposed.clone().filter(|unit| has(&bad_ones, *unit)).count(), exposed.len()];
            let counts = counts.map(count);
            (counts[0] >= BAD_MIN).then(|| {
                let units = bits(exposed, end);
                let theirs = (0..).zip(bad).filter(|(_, unit)| has(&units, **unit));
                let theirs = bits(theirs.map(|(place, _)| place), bad.len());
                Set { factor, attribute: of.attribute, units, bad: theirs, counts }
            })
        };
        let mut sets: Vec<Set> = factors.iter().enumerate().filter_map(set).collect();
        sets.sort_by_key(|set| std::cmp::Reverse(set.counts[0]));
        sets.truncate(AMONG);
        Self { table, sets, all, factors: count(factors.len()).max(2) }
    }

    /// The best ones, the best first, of those of which either factor makes a difference among the units of the other.
    pub(super) fn best(&self, error: f64, at_most: usize) -> Vec<Pair> {
        let (all, all_bad) = self.all;
        let mut best: Vec<(f64, [&Set; 2], Counts)> = Vec::new();
        for (bad, [one, other]) in self.together() {
            let worst = best.get(at_most - 1).map_or(0.0, |(score, ..)| *score);
            let score = |exposed| {
                let counts = Counts { bad, exposed, all_bad, all };
                (self.table.ratio(counts) - self.cost(), counts)
            };
            if score(bad).0 <= worst {
                break;
            }
            let (score, counts) = score(common(&one.units, &other.units));
            if score > worst && self.is_more(counts, [one, other]) <= error {
                let at = best.partition_point(|(better, ..)| *better >= score);
                best.insert(at, (score, [one, other], counts));
                best.truncate(at_most);
            }
        }
        best.into_iter().map(|(score, sets, counts)| self.pair(score, sets, counts)).collect()
    }

    /// Two factors of different attributes with the bad units that were exposed to both, the most first.
    fn together(&self) -> Vec<(u32, [&Set; 2])> {
        let mut found = Vec::new();
        for (at, one) in self.sets.iter().enumerate() {
            for other in self.sets.iter().skip(at + 1) {
                if one.attribute != other.attribute {
                    let bad = common(&one.bad, &other.bad);
                    found.extend((bad >= BAD_MIN).then_some((bad, [one, other])));
                }
            }
        }
        found.sort_by_key(|(bad, _)| std::cmp::Reverse(*bad));
        found
    }

    /// What a second factor costs: a pair is the best of so many times more than a factor is (the prior of the extended
    /// BIC of Chen and Chen, *Biometrika* 95(3), 2008, with γ = 1).
    fn cost(&self) -> f64 {
        (f64::from(self.factors - 1) / 2.0).max(1.0).ln()
    }

    /// How often, at most, something that does not matter looks like either of the two within the other.
    fn is_more(&self, counts: Counts, [one, other]: [&Set; 2]) -> f64 {
        let within = |set: &Set| {
            let [all_bad, all] = set.counts;
            self.table.ln_tail(Counts { all_bad, all, ..counts })
        };
        within(one).max(within(other)).exp() * f64::from(self.factors)
    }

    fn pair(&self, score: f64, [one, other]: [&Set; 2], counts: Counts) -> Pair {
        let mut factors = [one.factor, other.factor];
        factors.sort_unstable();
        let pairs = f64::from(self.factors) * f64::from(self.factors - 1) / 2.0;
        let both: Vec<u64> =
            one.units.iter().zip(&other.units).map(|(one, other)| one & other).collect();
        Pair {
            factors,
            units: ones(&both).collect(),
            scored: Scored { score, counts, part: None },
            p: (self.table.ln_tail(counts).exp() * pairs).min(1.0),
        }
    }
}

/// What is in both; both ascend.
pub(super) fn intersection(one: &[u32], other: &[u32]) -> Vec<u32> {
    let mut rest = other.iter().peekable();
    let is_in = |unit: &u32| {
        while rest.next_if(|next| *next < unit).is_some() {}
        rest.peek() == Some(&unit)
    };
    one.iter().copied().filter(is_in).collect()
}
