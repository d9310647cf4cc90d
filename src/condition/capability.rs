//! Capability: how well what a station measures fits between its specification limits (ISO 22514-2).
//!
//! Of values in the order of time. The indices of capability (Cp, Cpk) take the spread from one value to the next, which a
//! slow change of the level does not widen; those of performance (Pp, Ppk) the spread of all. All of them suppose values that
//! are normally distributed and do not depend on each other.

/// Fewer values say little: the lower bound of an index of 1.33 lies at 1.1 (ISO 22514-2 wants more still).
const ENOUGH: usize = 50;
/// Mean distance of two values of a normal distribution, in standard deviations: 2/√π (ISO 7870-2, `d2` of 2).
const D2: f64 = std::f64::consts::FRAC_2_SQRT_PI;
/// 95 % of a standard normal distribution lie below.
const Z95: f64 = 1.644_853_626_951_472_6;

/// An index, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Index {
    /// The estimate.
    pub value: Option<f64>,
    /// The true one is above this with a confidence of 95 %.
    pub lower: Option<f64>,
    /// Why there is no value, or no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
}

/// What values come to between limits.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Capability {
    /// Good values.
    pub n: usize,
    /// Values of bad quality, and what is no finite number: they are in none of the figures.
    pub left_out: usize,
    /// Mean of the values.
    pub mean: Option<f64>,
    /// Standard deviation from one value to the next, by the mean moving range.
    pub sigma_within: Option<f64>,
    /// Standard deviation of all values.
    pub sigma_total: Option<f64>,
    /// Width of the limits over that of the process, short term.
    pub cp: Index,
    /// Distance to the nearer limit over half the width of the process, short term.
    pub cpk: Index,
    /// Width of the limits over that of the process, over all the time.
    pub pp: Index,
    /// Distance to the nearer limit over half the width of the process, over all the time.
    pub ppk: Index,
    /// Why the figures say less than they seem to.
    pub warnings: Vec<String>,
}

/// A standard deviation, and of how many degrees of freedom it has the uncertainty.
#[derive(Debug, Clone, Copy)]
struct Spread {
    sigma: f64,
    freedom: f64,
}

impl Capability {
    /// Of values in the order of time, `None` where one was no good, and specification limits.
    pub fn of(
        values: impl IntoIterator<Item = Option<f64>>,
        low: Option<f64>,
        high: Option<f64>,
    ) -> Self {
        let mut left_out = 0;
        let mut good = Vec::new();
        for value in values {
            match value.filter(|x| x.is_finite()) {
                Some(x) => good.push(x),
                None => left_out += 1,
            }
        }
        let (mean, total) = total(&good);
        let within = within(&good);
        let limits = (low, high);
        let few = (good.len() < ENOUGH)
            .then(|| format!("{} values are few: {ENOUGH} are wanted at least", good.len()));
        Self {
            n: good.len(),
            left_out,
            mean: mean.filter(|mean| mean.is_finite()),
            sigma_within: within.map(|spread| spread.sigma),
            sigma_total: total.map(|spread| spread.sigma),
            cp: width(limits, within),
            cpk: nearer(limits, mean.zip(within), good.len()),
            pp: width(limits, total),
            ppk: nearer(limits, mean.zip(total), good.len()),
            warnings: few.into_iter().collect(),
        }
    }
}

impl Index {
    const fn none(why: &'static str) -> Self {
        Self { value: None, lower: None, why: Some(why) }
    }

    fn new(value: f64, lower: f64) -> Self {
        if !value.is_finite() {
            return Self::none(TOO_LARGE);
        }
        Self { value: Some(value), lower: Some(lower).filter(|x| x.is_finite()), why: None }
    }
}

const NO_LIMIT: &str = "there is no specification limit";
const ONE_LIMIT: &str = "there is only one specification limit";
const TOO_FEW: &str = "there are fewer than two values";
const NO_SPREAD: &str = "the values do not vary";
const TOO_LARGE: &str = "the figures are too large to be computed with";

fn usable(spread: Option<Spread>) -> Result<Spread, Index> {
    match spread {
        None => Err(Index::none(TOO_FEW)),
        Some(Spread { sigma, .. }) if !sigma.is_finite() => Err(Index::none(TOO_LARGE)),
        Some(Spread { sigma, .. }) if sigma <= 0.0 => Err(Index::none(NO_SPREAD)),
        Some(spread) => Ok(spread),
    }
}

/// Cp and Pp.
fn width((low, high): (Option<f64>, Option<f64>), spread: Option<Spread>) -> Index {
    let (low, high) = match (low, high) {
        (Some(low), Some(high)) => (low, high),
        (Some(_), None) | (None, Some(_)) => return Index::none(ONE_LIMIT),
        (None, None) => return Index::none(NO_LIMIT),
    };
    match usable(spread) {
        Err(none) => none,
        Ok(Spread { sigma, freedom }) => {
            let value = (high - low) / (6.0 * sigma);
            Index::new(value, value * (chi_squared(-Z95, freedom) / freedom).sqrt())
        }
    }
}

/// Cpk and Ppk.
fn nearer((low, high): (Option<f64>, Option<f64>), of: Option<(f64, Spread)>, n: usize) -> Index {
    let (mean, spread) = of.unzip();
    if low.is_none() && high.is_none() {
        return Index::none(NO_LIMIT);
    }
    match usable(spread) {
        Err(none) => none,
        Ok(Spread { sigma, freedom }) => {
            let mean = mean.unwrap_or(f64::NAN);
            let below = low.map_or(f64::INFINITY, |low| mean - low);
            let above = high.map_or(f64::INFINITY, |high| high - mean);
            let value = below.min(above) / (3.0 * sigma);
            Index::new(value, bissell((value, Z95), count(n), freedom))
        }
    }
}

/// Lower confidence bound of Cpk, by the normal approximation of Bissell, How reliable is your capability index?, Applied
/// Statistics 39 (1990). The degrees of freedom are those of the standard deviation.
fn bissell((cpk, z): (f64, f64), n: f64, freedom: f64) -> f64 {
    cpk - z * (1.0 / (9.0 * n) + cpk * cpk / (2.0 * freedom)).sqrt()
}

/// The quantile of chi-square at that of the standard normal distribution, by the cube of Wilson and Hilferty (1931). Within
/// 1 % from 7 degrees of freedom on; with fewer it is too low, and a bound by it is on the safe side.
fn chi_squared(z: f64, freedom: f64) -> f64 {
    let part = 2.0 / (9.0 * freedom);
    freedom * (1.0 - part + z * part.sqrt()).max(0.0).powi(3)
}

/// Mean and standard deviation of all.
fn total(values: &[f64]) -> (Option<f64>, Option<Spread>) {
    let n = count(values.len());
    let Some(first) = values.first() else { return (None, None) };
    // From the first on: what all have in common costs no digits.
    let mean = first + values.iter().map(|x| x - first).sum::<f64>() / n;
    if values.len() < 2 {
        return (Some(mean), None);
    }
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    let sigma = if alike(values) { 0.0 } else { (squares / (n - 1.0)).sqrt() };
    (Some(mean), Some(Spread { sigma, freedom: n - 1.0 }))
}

/// Standard deviation by the mean moving range of two.
fn within(values: &[f64]) -> Option<Spread> {
    let steps = values.iter().zip(values.iter().skip(1)).map(|(a, b)| (b - a).abs());
    let n = count(values.len());
    if values.len() < 2 {
        return None;
    }
    let sigma = steps.sum::<f64>() / (n - 1.0) / D2;
    // Its variance in σ², since neighbouring ranges share a value (Cryer & Ryan 1990); one of ν degrees of freedom has 1/(2ν).
    let variance = (0.826_446 * n - 1.082_096) / (n - 1.0).powi(2);
    Some(Spread { sigma, freedom: 0.5 / variance })
}

fn alike(values: &[f64]) -> bool {
    values.iter().zip(values.iter().skip(1)).all(|(a, b)| a.total_cmp(b).is_eq())
}

#[expect(clippy::cast_precision_loss, reason = "far fewer values than an f64 can count")]
fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[f64], low: Option<f64>, high: Option<f64>) -> Capability {
        Capability::of(values.iter().copied().map(Some), low, high)
    }

    fn near(found: Option<f64>, wanted: f64, within: f64) {
        let found = found.unwrap();
        assert!((found - wanted).abs() <= within, "{found}, wanted {wanted}");
    }

    /// NIST/SEMATECH e-Handbook 6.3.2.2: the mean is 50.81 and the mean moving range 1.8778, so that the limits of the chart
    /// lie at 55.8041 and 45.8159, three standard deviations by 1.128.
    #[test]
    fn the_flow_rates_of_the_nist_handbook_have_its_mean_and_its_moving_range() {
        let flow = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1];
        let found = of(&flow, None, None);
        near(found.mean, 50.81, 1e-9);
        near(found.sigma_within.map(|sigma| 50.81 + 3.0 * sigma), 55.8041, 0.002);
        near(found.sigma_within.map(|sigma| 50.81 - 3.0 * sigma), 45.8159, 0.002);
    }

    /// NIST/SEMATECH e-Handbook 6.1.6: limits 8 and 20, mean 16, standard deviation 2 give Cp 1.0 and Cpk 0.6667.
    #[test]
    fn the_example_of_the_nist_handbook_comes_out() {
        // Two values of each side at ±2·√(3/4): the standard deviation by n - 1 is 2.
        let by = 2.0 * 0.75_f64.sqrt();
        let found = of(&[16.0 - by, 16.0 + by, 16.0 - by, 16.0 + by], Some(8.0), Some(20.0));
        near(found.sigma_total, 2.0, 1e-12);
        near(found.pp.value, 1.0, 1e-12);
        near(found.ppk.value, 2.0 / 3.0, 1e-12);
        assert!(found.warnings[0].starts_with("4 values are few"), "{:?}", found.warnings);
    }

    /// Montgomery, Introduction to Statistical Quality Control, 8.3: of 20 values with Cp 2.29 the two-sided interval begins
    /// at 1.57, and of 20 with Cpk 1.33 at 0.88.
    #[test]
    fn the_bounds_of_the_textbook_come_out() {
        const Z975: f64 = 1.959_963_984_540_054;
        near(Some(bissell((1.33, Z975), 20.0, 19.0)), 0.88, 0.005);
        near(Some(2.29 * (chi_squared(-Z975, 19.0) / 19.0).sqrt()), 1.57, 0.005);
    }

    /// Of any table of the distribution.
    #[test]
    fn the_quantiles_of_chi_square_are_those_of_the_tables_and_never_too_high() {
        for (freedom, wanted, within) in
            [(1.0, 0.003_93, 1.0), (7.0, 2.167, 0.01), (10.0, 3.940, 0.004), (30.0, 18.493, 0.001)]
        {
            let found = chi_squared(-Z95, freedom);
            assert!(found <= wanted * 1.0001, "{freedom}: {found}");
            assert!(found >= wanted * (1.0 - within), "{freedom}: {found}");
        }
    }

    #[test]
    fn where_nothing_can_be_computed_it_says_why() {
        let whys = |found: Capability| [found.cp.why, found.cpk.why, found.pp.why, found.ppk.why];
        let (low, high) = (Some(0.0), Some(9.0));
        assert_eq!(whys(of(&[1.0], low, high)), [Some(TOO_FEW); 4]);
        assert_eq!(whys(of(&[0.1; 60], low, high)), [Some(NO_SPREAD); 4]);
        assert_eq!(whys(of(&[1.0, 2.0], None, None)), [Some(NO_LIMIT); 4]);
        let one = of(&[1.0, 2.0], low, None);
        assert_eq!(whys(one), [Some(ONE_LIMIT), None, Some(ONE_LIMIT), None]);
        assert_eq!(whys(of(&[-1e308, 1e308, -1e308], low, high)), [Some(TOO_LARGE); 4]);
        assert_eq!(of(&[], low, high).mean, None);
    }

    #[test]
    fn a_slow_change_of_the_level_is_in_the_performance_and_not_in_the_capability() {
        let ramp: Vec<f64> = (0..200).map(|i| f64::from(i) / 10.0 + f64::from(i % 2)).collect();
        let found = of(&ramp, Some(-40.0), Some(60.0));
        let (cp, pp) = (found.cp.value.unwrap(), found.pp.value.unwrap());
        assert!(cp > 5.0 * pp, "{cp} {pp}");
    }

    /// As the books write it, with sums over all pairs.
    fn naively(values: &[f64], low: f64, high: f64) -> [f64; 4] {
        let n = count(values.len());
        let mean = values.iter().sum::<f64>() / n;
        let total =
            (values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0)).sqrt();
        let mut ranges = 0.0;
        for pair in values.windows(2) {
            ranges += f64::max(pair[0], pair[1]) - f64::min(pair[0], pair[1]);
        }
        let within = ranges / (n - 1.0) / (2.0 / std::f64::consts::PI.sqrt());
        let index = |sigma: f64| {
            let (below, above) = ((mean - low) / (3.0 * sigma), (high - mean) / (3.0 * sigma));
            [(high - low) / (6.0 * sigma), f64::min(below, above)]
        };
        let ([cp, cpk], [pp, ppk]) = (index(within), index(total));
        [cp, cpk, pp, ppk]
    }

    fn figures(found: &Capability) -> Vec<f64> {
        let all = [found.cp, found.cpk, found.pp, found.ppk];
        all.iter().flat_map(|index| [index.value.unwrap(), index.lower.unwrap()]).collect()
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-7 * (1.0 + a.abs().max(b.abs()))
    }

    proptest! {
        #[test]
        fn indices_are_those_of_the_naive_sums_and_bounds_lie_below(
            values in prop::collection::vec(-10.0..10.0_f64, 3..80),
            (low, high) in (-30.0..0.0_f64, 0.1..30.0_f64),
        ) {
            let found = of(&values, Some(low), Some(high));
            let figures = figures(&found);
            for (pair, wanted) in figures.chunks(2).zip(naively(&values, low, high)) {
                prop_assert!(close(pair[0], wanted), "{} {wanted}", pair[0]);
                prop_assert!(pair[1] < pair[0]);
            }
            prop_assert!(figures[2] <= figures[0] + 1e-9 && figures[6] <= figures[4] + 1e-9);
        }

        #[test]
        fn another_unit_and_another_zero_give_the_same_indices(
            values in prop::collection::vec(-10.0..10.0_f64, 3..60),
            (by, shift) in (0.01..100.0_f64, -1e4..1e4_f64),
        ) {
            let at = |x: f64| x * by + shift;
            let there: Vec<f64> = values.iter().copied().map(at).collect();
            let here = figures(&of(&values, Some(-12.0), Some(11.0)));
            let there = figures(&of(&there, Some(at(-12.0)), Some(at(11.0))));
            for (a, b) in here.into_iter().zip(there) {
                prop_assert!((a - b).abs() <= 1e-5 * (1.0 + a.abs()), "{a} {b}");
            }
        }

        #[test]
        fn what_is_no_good_value_is_counted_and_changes_nothing_else(
            values in prop::collection::vec((-10.0..10.0_f64, 0..4_u8), 3..60),
        ) {
            let bad = [None, Some(f64::NAN), Some(f64::INFINITY)];
            let mixed = values.iter().flat_map(|(x, kind)| {
                let spoilt = bad.get(usize::from(*kind)).copied();
                std::iter::once(Some(*x)).chain(spoilt)
            });
            let mixed = Capability::of(mixed, Some(-12.0), Some(11.0));
            let clean: Vec<f64> = values.iter().map(|(x, _)| *x).collect();
            let clean = of(&clean, Some(-12.0), Some(11.0));
            let left_out = values.iter().filter(|(_, kind)| *kind < 3).count();
            prop_assert_eq!(mixed, Capability { left_out, ..clean });
        }
    }
}
