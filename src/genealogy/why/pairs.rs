//! Two factors that are a cause only together.
use super::Factor;
use super::counts::{self, Counts, Table};
use super::layout::{Layout, Scored};

/// Pairs are looked for among so many factors that explain most alone.
const AMONG: usize = 30;

/// Two factors, what can be said of the units of both, and how often the like comes by chance.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair {
    pub(super) factors: [usize; 2],
    pub(super) units: Vec<u32>,
    pub(super) scored: Scored,
    pub(super) p: f64,
}

/// The best pair, if there is one that is no chance: among the units of each of the two the other makes a
/// difference. Held against all pairs that there are (Bonferroni), however few were looked at.
pub(super) fn best(
    (factors, layout, table): (&[Factor], &Layout, &Table),
    singles: &[(usize, Scored)],
    is_bad: impl Fn(u32) -> bool,
    (all, all_bad): (u32, u32),
    error: f64,
) -> Option<Pair> {
    let attribute = |factor: usize| factors.get(factor).map(|factor| factor.attribute);
    let among: Vec<(usize, Vec<u32>)> = singles
        .iter()
        .take(AMONG)
        .map(|(factor, _)| (*factor, layout.units(*factor, None)))
        .collect();
    let pairs = (factors.len() * factors.len().saturating_sub(1) / 2).max(1);
    let pairs = f64::from(counts::count(pairs));
    let count = |units: &[u32]| {
        let bad = units.iter().filter(|unit| is_bad(**unit)).count();
        [bad, units.len()].map(counts::count)
    };
    let cost = f64::from(all.max(1)).ln() / 2.0 + pairs.ln();
    let mut best: Option<Pair> = None;
    for (at, (one, of_one)) in among.iter().enumerate() {
        for (other, of_other) in among.iter().skip(at + 1) {
            if attribute(*one) == attribute(*other) {
                continue;
            }
            let both = intersection(of_one, of_other);
            let [bad, exposed] = count(&both);
            let within =
                |[all_bad, all]: [u32; 2]| table.ln_tail(Counts { bad, exposed, all_bad, all });
            let counts = Counts { bad, exposed, all_bad, all };
            let score = table.ratio(counts) - cost;
            if score <= best.as_ref().map_or(0.0, |best| best.scored.score) {
                continue;
            }
            let p = within(count(of_one)).max(within(count(of_other))).exp() * pairs;
            if p <= error {
                let scored = Scored { score, counts, part: None };
                best = Some(Pair { factors: [*one, *other], units: both, scored, p });
            }
        }
    }
    best
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
