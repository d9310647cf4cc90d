//! Why parts went bad: what the bad ones have in common and the others have not.
//!
//! Each attribute value that units were exposed to (a machine, a tool, a lot, a recipe, an operator) is a
//! [`Factor`]: which units, and when. It is scored by the likelihood ratio of the Bernoulli scan statistic
//! (Kulldorff, *Communications in Statistics – Theory and Methods* 26(6), 1997, §3), as a whole and over windows of
//! its own order. Whether the best score means anything is judged against the best scores of labels that were
//! permuted within strata (Westfall and Young, *Resampling-Based Multiple Testing*, 1993, §2.5: the maximum
//! statistic holds the family-wise error). What the best cause explains is taken out, and what is left is asked again.
//!
//! Pure, and the same for the same seed. Names are the caller's; here a factor is its number.
mod bits;
mod counts;
mod labels;
mod layout;
mod pairs;
mod round;
mod strata;

pub use counts::Odds;
use counts::{Table, count};
use round::Round;

/// The units in question, each by its number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cases {
    /// Which are bad.
    pub bad: Vec<bool>,
    /// What each is compared within (product and shift, say): labels are permuted only among units of one stratum.
    /// As long as `bad`.
    pub strata: Vec<u32>,
}

/// One value of an attribute, and the units that were exposed to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Factor {
    /// Values of one attribute exclude each other, so that two of them are no interaction.
    pub attribute: u32,
    /// Where each unit stands in the factor's own order (nanoseconds of event time, uses of a tool), and its number.
    /// Ascending, each unit once.
    pub exposed: Vec<(i64, u32)>,
}

/// How to look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Windows of a factor begin and end at so many quantiles of its own order, 1 to 64.
    pub bins: u32,
    /// How often labels are permuted, from 99 on for the error below to be told.
    pub permutations: u32,
    /// What the permutations are drawn from.
    pub seed: u64,
    /// How often, at most, a cause is named where there is none.
    pub error: f64,
    /// Causes that are named at most.
    pub causes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { bins: 24, permutations: 199, seed: 1, error: 0.05, causes_max: 5 }
    }
}

/// Fewer bad units than this show nothing.
pub const BAD_MIN: u32 = 3;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ranking {
    /// The causes, the one that explains most first. Each is of the units that those before it do not explain.
    pub causes: Vec<Cause>,
    /// Units that were compared, and the bad ones of them.
    pub units: u32,
    /// The bad ones.
    pub bad: u32,
    /// Bad units that no cause explains.
    pub unexplained: u32,
}

/// One cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// The factor; two if only both together are it.
    pub factors: Vec<usize>,
    /// Factors whose units are nearly the same, each with the share of the units of both that are of both (Jaccard):
    /// by these units alone they cannot be told from the cause.
    pub twins: Vec<(usize, f64)>,
    /// What else would be named if this one were not there, the best first: a factor, or two that are it only together,
    /// each with its score.
    pub rivals: Vec<(Vec<usize>, f64)>,
    /// The first and the last place in the factor's order, if only a part of it is the cause.
    pub window: Option<(i64, i64)>,
    /// Its units, ascending.
    pub exposed: Vec<u32>,
    /// The bad ones of them.
    pub bad: u32,
    /// All units that were looked at for it, and the bad ones of these.
    pub of: (u32, u32),
    /// Odds of being bad, exposed against not.
    pub odds: Odds,
    /// How much more likely the labels are with it than without: logarithm of the ratio, less what windows cost.
    pub score: f64,
    /// How often a score like this, or a better one of any factor, comes by chance.
    pub p: f64,
}

impl Cause {
    /// The share of the bad units that it explains, 0 to 1.
    pub fn coverage(&self) -> f64 {
        share(self.bad, self.of.1)
    }

    /// The share of its units that are bad, 0 to 1.
    pub fn purity(&self) -> f64 {
        share(self.bad, count(self.exposed.len()))
    }
}

fn share(part: u32, of: u32) -> f64 {
    if of == 0 { 0.0 } else { f64::from(part) / f64::from(of) }
}

/// Ranks factors by how well they explain which units are bad. Units that `cases` does not have are passed over.
///
/// # Panics
/// With 2³² units or more.
pub fn rank(cases: &Cases, factors: &[Factor], settings: &Settings) -> Ranking {
    let units = u32::try_from(cases.bad.len()).expect("fewer than 2^32 units");
    let table = Table::new(units);
    let mut active = vec![true; cases.bad.len()];
    let mut found = Vec::new();
    let bad_of = |active: &[bool]| {
        count(cases.bad.iter().zip(active).filter(|(bad, active)| **bad && **active).count())
    };
    let bad = bad_of(&active);
    while found.len() < settings.causes_max && bad_of(&active) >= BAD_MIN {
        let round = Round::new(cases, factors, settings, &table, &active);
        let Some(cause) = round.best() else { break };
        for unit in &cause.exposed {
            if let Some(active) = active.get_mut(*unit as usize) {
                *active = false;
            }
        }
        found.push(cause);
    }
    Ranking { causes: found, units, bad, unexplained: bad_of(&active) }
}

#[cfg(test)]
mod tests;
