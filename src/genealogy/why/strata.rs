//! Whether units are bad more often than others of their own stratum: what tells strata apart is no cause within one.
use super::Cases;
use super::counts::{Counts, Table, count};
use std::collections::BTreeMap;

/// With more bad ones than this among some units a bound on the probability is near enough.
const EXACT_MAX: usize = 4_000;
/// What is less likely is not added up. Of 10,000 strata and 100,000 factors that is some 1e-14 of the 2e-12 that decide.
const NEGLIGIBLE: f64 = 1e-18;

/// Of each stratum, the units that are looked at and the bad ones of them.
pub(super) struct Strata<'s> {
    cases: &'s Cases,
    table: &'s Table,
    /// The number of each unit's stratum in `all`.
    of: Vec<u32>,
    all: Vec<Counts>,
}

impl<'s> Strata<'s> {
    /// Of the units that are active.
    pub(super) fn new(cases: &'s Cases, active: &[bool], table: &'s Table) -> Self {
        let mut numbers: BTreeMap<u32, u32> = BTreeMap::new();
        let mut all: Vec<Counts> = Vec::new();
        let mut of = Vec::with_capacity(cases.strata.len());
        for ((stratum, bad), active) in cases.strata.iter().zip(&cases.bad).zip(active) {
            let number = *numbers.entry(*stratum).or_insert_with(|| {
                all.push(Counts { bad: 0, exposed: 0, all_bad: 0, all: 0 });
                count(all.len() - 1)
            });
            of.push(number);
            if let Some(of) = all.get_mut(number as usize) {
                of.all += u32::from(*active);
                of.all_bad += u32::from(*active && *bad);
            }
        }
        Self { cases, table, of, all }
    }

    /// How often as many of these units, or more, are bad if in each stratum all are alike.
    pub(super) fn chance(&self, units: &[u32]) -> f64 {
        let mut strata = self.all.clone();
        for unit in units {
            let at = *unit as usize;
            let Some(stratum) = self.of.get(at) else { continue };
            let Some(of) = strata.get_mut(*stratum as usize) else { continue };
            of.exposed += 1;
            of.bad += u32::from(self.cases.bad.get(at).copied().unwrap_or(false));
        }
        strata.retain(|of| of.exposed > 0);
        let bad: usize = strata.iter().map(|of| of.bad as usize).sum();
        if bad > EXACT_MAX { bound(&strata) } else { self.exactly(&strata, bad) }
    }

    /// The tail of a sum of independent draws without replacement.
    fn exactly(&self, strata: &[Counts], bad: usize) -> f64 {
        // Of each number below `bad` how likely it is in the strata so far, and of all from there on together.
        let mut chances = vec![1.0];
        for of in strata {
            let mut next = vec![0.0; (chances.len() + of.exposed as usize).min(bad + 1)];
            for more in 0..=of.exposed.min(of.all_bad) {
                let exactly = self.table.ln_exactly(Counts { bad: more, ..*of });
                let exactly = exactly.map(f64::exp).filter(|exactly| *exactly > NEGLIGIBLE);
                let Some(exactly) = exactly else { continue };
                let before = chances.iter().enumerate().filter(|(_, chance)| **chance > NEGLIGIBLE);
                for (before, chance) in before {
                    if let Some(sum) = next.get_mut((before + more as usize).min(bad)) {
                        *sum += chance * exactly;
                    }
                }
            }
            chances = next;
        }
        chances.get(bad).copied().unwrap_or(1.0).min(1.0)
    }
}

/// The bound of Chernoff by the mean over all strata, which draws without replacement keep too.
fn bound(strata: &[Counts]) -> f64 {
    let mean = |of: &Counts| f64::from(of.exposed) * f64::from(of.all_bad) / f64::from(of.all);
    let mean: f64 = strata.iter().map(mean).sum();
    let bad: f64 = strata.iter().map(|of| f64::from(of.bad)).sum();
    if bad <= mean { 1.0 } else { (bad - mean - bad * (bad / mean).ln()).exp() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(strata: &[u32], bad: &[u32]) -> Cases {
        let is_bad = |unit: usize| bad.iter().any(|bad| *bad as usize == unit);
        Cases { strata: strata.to_vec(), bad: (0..strata.len()).map(is_bad).collect() }
    }

    #[test]
    fn of_one_stratum_it_is_the_tail_of_fishers_exact_test() {
        let (table, bad) = (Table::new(16), [0, 1, 2, 3, 4, 5, 6, 7, 14, 15]);
        let cases = cases(&[0; 16], &bad);
        let strata = Strata::new(&cases, &[true; 16], &table);
        let units: Vec<u32> = (0..9).collect();
        let tail = table.ln_tail(Counts { bad: 8, exposed: 9, all_bad: 10, all: 16 }).exp();
        assert!((strata.chance(&units) - tail).abs() < 1e-12);
    }

    /// Two of four are drawn of each of two strata, with one bad one in the one and two in the other: by counting,
    /// (3/6 · 1/6) of all three, and (3/6 · 4/6 + 3/6 · 1/6) of exactly two.
    #[test]
    fn of_two_strata_it_is_what_counting_gives() {
        let cases = cases(&[0, 0, 0, 0, 1, 1, 1, 1], &[0, 4, 5]);
        let table = Table::new(8);
        let strata = Strata::new(&cases, &[true; 8], &table);
        let close = |units: &[u32], wanted: f64| {
            let found = strata.chance(units);
            assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
        };
        close(&[0, 1, 4, 5], 1.0 / 12.0);
        close(&[0, 1, 4, 6], 1.0 / 12.0 + 4.0 / 12.0 + 1.0 / 12.0);
        close(&[1, 2, 6, 7], 1.0);
    }

    #[test]
    fn the_bound_is_no_less_than_what_it_bounds() {
        let strata: Vec<u32> = (0..200).map(|unit| unit % 2).collect();
        let cases = cases(&strata, &(0..40).collect::<Vec<_>>());
        let table = Table::new(200);
        let of = Strata::new(&cases, &[true; 200], &table);
        let units: Vec<u32> = (20..60).collect();
        let counts = Counts { bad: 10, exposed: 20, all_bad: 20, all: 100 };
        let bound = bound(&[counts, counts]);
        assert!(bound >= of.chance(&units) && bound < 1e-2);
    }
}
