//! Labels at random: as many bad units in each stratum as there are, and any of its units.
use super::Cases;
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

    /// Draws the bad units anew. What was drawn before does not matter: any order of the units is as good a begin
    /// as another (Fisher and Yates, as in Knuth, *The Art of Computer Programming* 2, §3.4.2, algorithm P).
    pub(super) fn draw(&mut self, mut see: impl FnMut(u32)) {
        for (units, bad) in &mut self.strata {
            for at in 0..*bad {
                let left = (units.len() - at) as u64;
                let other = at + usize::try_from(below(&mut self.state, left)).unwrap_or(0);
                units.swap(at, other);
                units.get(at).copied().into_iter().for_each(&mut see);
            }
        }
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
    use super::*;
    use proptest::prelude::*;

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
                let mut drawn = vec![false; units.len()];
                let mut twice = false;
                labels.draw(|unit| twice |= std::mem::replace(&mut drawn[unit as usize], true));
                prop_assert!(!twice && (0..units.len()).all(|n| !drawn[n] || units[n].2));
                prop_assert_eq!(count(&mut |n| drawn[n]), wanted);
            }
        }
    }
}
