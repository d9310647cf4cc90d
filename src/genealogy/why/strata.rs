//! Whether units are bad more often than others of their own stratum: what tells strata apart is no cause within one.
use super::Cases;
use std::collections::BTreeMap;

/// Of each stratum, the units that are looked at and the bad ones of them.
pub(super) struct Strata<'s> {
    cases: &'s Cases,
    counts: BTreeMap<u32, [f64; 2]>,
}

impl<'s> Strata<'s> {
    /// Of the units that are active.
    pub(super) fn new(cases: &'s Cases, active: &[bool]) -> Self {
        let mut counts: BTreeMap<u32, [f64; 2]> = BTreeMap::new();
        let left = cases.strata.iter().zip(&cases.bad).zip(active);
        for ((stratum, bad), _) in left.filter(|(_, active)| **active) {
            let [units, all_bad] = counts.entry(*stratum).or_default();
            *units += 1.0;
            *all_bad += f64::from(*bad);
        }
        Self { cases, counts }
    }

    /// How often, at most, as many of these units are bad if in each stratum all are alike: the bound of Chernoff with the
    /// mean over all strata, which draws without replacement keep too. 0 where there is one stratum alone, of which the
    /// exact tail is known.
    pub(super) fn chance(&self, units: &[u32]) -> f64 {
        if self.counts.len() < 2 {
            return 0.0;
        }
        let (mut bad, mut mean) = (0.0, 0.0);
        for unit in units {
            let at = *unit as usize;
            let stratum = self.cases.strata.get(at);
            let Some([all, all_bad]) = stratum.and_then(|of| self.counts.get(of)) else { continue };
            mean += all_bad / all;
            bad += f64::from(self.cases.bad.get(at).copied().unwrap_or(false));
        }
        if bad <= mean { 1.0 } else { (bad - mean - bad * (bad / mean).ln()).exp() }
    }
}
