//! Labels at random: as many bad units in each stratum as there are, and any of its units.
use super::Cases;
use super::bits::{bits, set};
use std::collections::BTreeMap;

/// The units of each stratum, and how many of them are bad.
#[derive(Debug, Clone)]
pub(super) struct Labels {
    strata: Vec<(Vec<u32>, usize)>,
    state: u64,
}

impl Labels {
    /// Of the units that are looked at.
    pub(super) fn new(cases: &Cases, active: &[bool], seed: u64) -> Self {
        let mut strata: BTreeMap<u32, (Vec<u32>, usize)> = BTreeMap::new();
        for (((unit, bad), active), stratum) in (0..).zip(&cases.bad).zip(active).zip(&cases.strata)
        {
            if *active {
                let (units, count) = strata.entry(*stratum).or_default();
                units.push(unit);
                *count += usize::from(*bad);
            }
        }
        // Where none is bad there is nothing to draw.
        let strata = strata.into_values().filter(|(_, bad)| *bad > 0).collect();
        Self { strata, state: seed }
    }

    /// The bad units drawn anew, as bits by their numbers below `end`: of a stratum each set of so many is as likely
    /// (algorithm F2 of Bentley and Floyd, *Communications of the ACM* 30(9), 1987).
    pub(super) fn draw(&mut self, end: usize) -> Vec<u64> {
        let mut drawn = bits([], end);
        for (units, bad) in &self.strata {
            for (last, at_last) in (0..).zip(units).skip(units.len() - bad) {
                let any = usize::try_from(below(&mut self.state, last + 1)).unwrap_or(0);
                if !units.get(any).is_some_and(|unit| set(&mut drawn, *unit)) {
                    set(&mut drawn, *at_last);
                }
            }
        }
        drawn
    }
}

/// A number below `end` (Lemire, *ACM Transactions on Modeling and Computer Simulation* 29(1), 2019; what its bias is
/// for fewer than 2³² units is not seen in 2³² draws).
fn below(state: &mut u64, end: u64) -> u64 {
    let wide = u128::from(next(state)) * u128::from(end);
    u64::try_from(wide >> 64).unwrap_or(0)
}

/// `SplitMix64` (Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::super::bits::ones;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Two of five, ten sets in all: χ² of nine degrees of freedom is above 27.9 once in 1,000 seeds.
    #[test]
    fn each_set_of_so_many_is_drawn_as_often() {
        let cases = Cases { bad: vec![true, false, false, true, false], strata: vec![0; 5] };
        let mut labels = Labels::new(&cases, &[true; 5], 1);
        let mut seen: BTreeMap<Vec<u64>, f64> = BTreeMap::new();
        (0..10_000).for_each(|_| *seen.entry(labels.draw(5)).or_default() += 1.0);
        let off = seen.values().map(|times| (times - 1_000.0).powi(2) / 1_000.0).sum::<f64>();
        assert!(seen.len() == 10 && off < 27.9, "{seen:?}");
    }

    /// The first numbers of the reference implementation with the seed 1234567.
    #[test]
    fn numbers_are_those_of_the_reference_implementation() {
        let mut state = 1_234_567;
        let drawn: Vec<u64> = (0..3).map(|_| next(&mut state)).collect();
        let reference =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(drawn, reference);
    }

    proptest! {
        #[test]
        fn each_stratum_keeps_its_number_of_bad_units(
            units in proptest::collection::vec((any::<bool>(), 0..3u32, any::<bool>()), 0..60), seed: u64,
        ) {
            let cases = Cases {
                bad: units.iter().map(|(bad, ..)| *bad).collect(),
                strata: units.iter().map(|(_, stratum, _)| *stratum).collect(),
            };
            let active: Vec<bool> = units.iter().map(|(.., active)| *active).collect();
            let mut labels = Labels::new(&cases, &active, seed);
            let count = |of: &mut dyn FnMut(usize) -> bool| {
                let mut counts = [0; 3];
                (0..units.len()).filter(|n| of(*n)).for_each(|n| counts[units[n].1 as usize] += 1);
                counts
            };
            let wanted = count(&mut |n| units[n].0 && units[n].2);
            for _ in 0..3 {
                let drawn = labels.draw(units.len());
                let drawn: BTreeSet<usize> = ones(&drawn).map(|unit| unit as usize).collect();
                prop_assert!(drawn.iter().all(|n| units[*n].2));
                prop_assert_eq!(count(&mut |n| drawn.contains(&n)), wanted);
            }
        }
    }
}
