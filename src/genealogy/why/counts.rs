//! What counts of exposed and bad units come to.
#![expect(
    clippy::indexing_slicing,
    reason = "a table is as long as there are units, and no count is above that"
)]

/// Tables over all counts that can occur.
#[derive(Debug)]
pub(super) struct Table {
    /// n · ln n.
    n_ln_n: Vec<f64>,
    /// ln n!
    ln_factorial: Vec<f64>,
}

/// So many, as counts are kept: there are fewer than 2³² units, and pairs of factors are told of up to there.
pub(super) fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Units and bad units, of those exposed and of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) bad: u32,
    pub(super) exposed: u32,
    pub(super) all_bad: u32,
    pub(super) all: u32,
}

/// Odds of being bad, exposed against not, with half a unit added to each cell (Haldane, 1956), and the interval that
/// holds them 95 times in 100 (Woolf, 1955).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Odds {
    /// The ratio.
    pub ratio: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

impl Table {
    pub(super) fn new(units: u32) -> Self {
        let ln = |n: u32| f64::from(n).ln();
        let n_ln_n = (0..=units).map(|n| if n == 0 { 0.0 } else { f64::from(n) * ln(n) }).collect();
        let mut sum = 0.0;
        let ln_factorial = (0..=units).map(|n| {
            sum += if n == 0 { 0.0 } else { ln(n) };
            sum
        });
        Self { ln_factorial: ln_factorial.collect(), n_ln_n }
    }

    /// Logarithm of the likelihood ratio of two rates against one; 0 if the exposed are not worse than all.
    pub(super) fn ratio(&self, of: Counts) -> f64 {
        let Counts { bad: k, exposed: n, all_bad, all } = of;
        if u64::from(k) * u64::from(all) <= u64::from(all_bad) * u64::from(n) {
            return 0.0;
        }
        let f = |n: u32| self.n_ln_n[n as usize];
        let (bad_out, out) = (all_bad - k, all - n);
        f(k) + f(n - k) - f(n) + f(bad_out) + f(out - bad_out)
            - f(out)
            - f(all_bad)
            - f(all - all_bad)
            + f(all)
    }

    /// Logarithm of the probability of so many bad ones or more among the exposed by chance (Fisher's exact test,
    /// one-sided).
    pub(super) fn ln_tail(&self, of: Counts) -> f64 {
        let bad = of.bad..=of.exposed.min(of.all_bad);
        let terms: Vec<f64> = bad.filter_map(|bad| self.ln_exactly(Counts { bad, ..of })).collect();
        let most = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        most + terms.iter().map(|term| (term - most).exp()).sum::<f64>().ln()
    }

    /// Logarithm of the probability of exactly so many, at most as many as are exposed and as are bad; `None` if more good ones
    /// were exposed than there are.
    pub(super) fn ln_exactly(&self, of: Counts) -> Option<f64> {
        let Counts { bad, exposed, all_bad, all } = of;
        let choose = |n: u32, k: u32| {
            let ln = |n: u32| self.ln_factorial[n as usize];
            ln(n) - ln(k) - ln(n - k)
        };
        let good = exposed - bad;
        (good <= all - all_bad)
            .then(|| choose(all_bad, bad) + choose(all - all_bad, good) - choose(all, exposed))
    }
}

impl Counts {
    pub(super) fn odds(self) -> Odds {
        let cell = |n: u32| f64::from(n) + 0.5;
        let (a, b) = (cell(self.bad), cell(self.exposed - self.bad));
        let (bad_out, out) = (self.all_bad - self.bad, self.all - self.exposed);
        let (c, d) = (cell(bad_out), cell(out - bad_out));
        let ln = (a * d / (b * c)).ln();
        let error = 1.959_964 * (1.0 / a + 1.0 / b + 1.0 / c + 1.0 / d).sqrt();
        Odds { ratio: ln.exp(), low: (ln - error).exp(), high: (ln + error).exp() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R 4.2: `fisher.test(matrix(c(8,2,1,5),2), alternative="greater")` gives 0.02447552 (Agresti's table).
    #[test]
    fn the_tail_is_that_of_fishers_exact_test() {
        let of = Counts { bad: 8, exposed: 9, all_bad: 10, all: 16 };
        let tail = Table::new(16).ln_tail(of).exp();
        assert!((tail - 0.024_475_52).abs() < 1e-7, "{tail}");
        let certain = Counts { bad: 0, exposed: 9, all_bad: 10, all: 16 };
        assert!(Table::new(16).ln_tail(certain).abs() < 1e-12);
    }

    /// ln((3/4)³(1/4) · (1/8)(7/8)⁷ / ((4/12)⁴(8/12)⁸)), by hand.
    #[test]
    fn the_ratio_is_that_of_the_likelihoods() {
        let of = Counts { bad: 3, exposed: 4, all_bad: 4, all: 12 };
        let by_hand = 3.0 * 0.75_f64.ln() + 0.25_f64.ln() + 0.125_f64.ln() + 7.0 * 0.875_f64.ln()
            - 4.0 * (1.0_f64 / 3.0).ln()
            - 8.0 * (2.0_f64 / 3.0).ln();
        assert!((Table::new(12).ratio(of) - by_hand).abs() < 1e-12);
        let better = Counts { bad: 1, exposed: 4, all_bad: 4, all: 12 };
        assert!(Table::new(12).ratio(better).abs() < 1e-12);
    }

    #[test]
    fn odds_lie_within_their_bounds() {
        let Odds { ratio, low, high } = Counts { bad: 8, exposed: 9, all_bad: 10, all: 16 }.odds();
        assert!(low < ratio && ratio < high && low > 1.0, "{low} {ratio} {high}");
    }
}
