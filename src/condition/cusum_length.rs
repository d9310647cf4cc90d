//! How long a CUSUM chart runs before it alarms, and which limit gives a promised run length.
//!
//! The run length from a sum obeys a Fredholm equation with an atom at 0, where sums wait (Page 1954; the
//! Markov chain of Brook & Evans 1972 in the limit of many states), solved at Gauss–Legendre nodes.
use super::memo::Memo;
use super::quadrature::{below, density, interpolated, legendre, solve, where_it_falls};
use std::sync::OnceLock;

/// The share of the promised interval at which the promise is held.
const HORIZON: f64 = 0.2;
/// Limits of a table; the last gives an average run of some 10⁷.
const COUNT: usize = 25;
/// `2·k·h` at the last limit of a table.
const REACH: f64 = 17.0;
/// No limit is wider.
const LIMIT_MAX: f64 = 1e4;
const NODES_PER_SIGMA: f64 = 2.2;
/// What Siegmund (1985) adds to a limit, since a sum overshoots it.
const OVERSHOOT: f64 = 1.166;

/// The reference value, half the change worth catching: in twentieths of a standard deviation, so that
/// a table of limits is made once for many charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reference(u8);

impl Reference {
    const MIN: u8 = 2;
    const MAX: u8 = 30;

    /// The nearest to half of this shift of the residuals; never below 0.1 nor above 1.5: a smaller change
    /// is found by no chart in good time, a greater one by this one as well. Nor below two and a half
    /// standard errors of a centre that `n` values taught: what is less cannot be told from that error.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to small numbers that are not negative"
    )]
    pub(super) fn for_shift(shift: f64, n: u32) -> Self {
        let least = 2.5 / f64::from(n).sqrt();
        let twentieths = (20.0 * f64::max(0.5 * shift.abs(), least)).round();
        Self(twentieths.clamp(f64::from(Self::MIN), f64::from(Self::MAX)) as u8)
    }

    /// In standard deviations.
    pub(super) fn get(self) -> f64 {
        f64::from(self.0) / 20.0
    }
}

/// One-sided run lengths in control at limits 0, `step`, 2·`step` …
struct Table {
    step: f64,
    /// Logarithms, begun at 0.
    from_zero: [f64; COUNT],
    /// Share of charts begun half-way to the limit that the begin alone makes alarm.
    early: [f64; COUNT],
}

static TABLES: [OnceLock<Table>; Reference::MAX as usize + 1] =
    [const { OnceLock::new() }; Reference::MAX as usize + 1];

impl Table {
    #[expect(clippy::indexing_slicing, reason = "a reference is at most its greatest")]
    fn of(reference: Reference) -> &'static Self {
        TABLES[usize::from(reference.0)].get_or_init(|| Self::new(reference.get()))
    }

    fn new(reference: f64) -> Self {
        let step =
            REACH / (2.0 * reference) / f64::from(u8::try_from(COUNT).unwrap_or(u8::MAX) - 1);
        let mut limit = -step;
        let both: [(f64, f64); COUNT] = std::array::from_fn(|_| {
            limit += step;
            let side = one_sided(reference, limit, 0.0);
            (side.from_zero.ln(), f64::max(0.0, 1.0 - side.from_half / side.from_zero))
        });
        Self { step, from_zero: both.map(|(ln, _)| ln), early: both.map(|(_, early)| early) }
    }

    /// By cubic interpolation; beyond the table the logarithm grows by `2k` with the limit, and what begins
    /// half-way is early as seldom as the last.
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    fn at(&self, limit: f64) -> (f64, f64) {
        let x = limit.max(0.0) / self.step;
        if x >= (COUNT - 1) as f64 {
            let slope = REACH / ((COUNT - 1) as f64);
            let beyond = (x - (COUNT - 1) as f64) * slope;
            return (self.from_zero[COUNT - 1] + beyond, self.early[COUNT - 1]);
        }
        (interpolated(&self.from_zero, x), interpolated(&self.early, x))
    }
}

/// Values until one sum alarms, on average.
struct OneSided {
    from_zero: f64,
    /// Begun half-way to the limit.
    from_half: f64,
}

/// Run lengths of the sum `max(0, sum + z − reference)` until it exceeds `limit`, `z` being normal around `shift`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 400 nodes")]
fn one_sided(reference: f64, limit: f64, shift: f64) -> OneSided {
    let count = ((limit * NODES_PER_SIGMA).ceil() as u32 + 10).clamp(16, 400);
    let half = 0.5 * limit.max(0.0);
    let nodes: Vec<(f64, f64)> =
        legendre(count).into_iter().map(|(y, weight)| (half * (y + 1.0), half * weight)).collect();
    let to_zero = |from: f64| below(reference - shift - from);
    let to = |from: f64, (y, weight): (f64, f64)| weight * density(y - from + reference - shift);
    // The first unknown is the run length from 0.
    let froms = || std::iter::once(0.0).chain(nodes.iter().map(|(y, _)| *y));
    let matrix: Vec<Vec<f64>> = froms()
        .enumerate()
        .map(|(i, from)| {
            let row =
                std::iter::once(to_zero(from)).chain(nodes.iter().map(|node| to(from, *node)));
            row.enumerate().map(|(j, share)| f64::from(u8::from(i == j)) - share).collect()
        })
        .collect();
    let runs = solve(matrix, vec![1.0; nodes.len() + 1]);
    let from_zero = runs.first().copied().unwrap_or(1.0);
    let run_from = |from: f64| {
        let sums = nodes.iter().zip(runs.iter().skip(1)).map(|(node, run)| to(from, *node) * run);
        1.0 + to_zero(from) * from_zero + sums.sum::<f64>()
    };
    OneSided { from_zero, from_half: run_from(half) }
}

/// Average number of values until the sum of one side alarms, begun at 0, on independent normal values shifted by
/// `shift` standard deviations to that side: what is shifted so far never makes the other sum alarm first.
pub(super) fn values_until(reference: f64, limit: f64, shift: f64) -> f64 {
    one_sided(reference, limit, shift).from_zero
}

/// Average number of values until a two-sided chart alarms, on independent normal values shifted by `shift`
/// standard deviations. `fast`: both sums begin half-way to the limit (Lucas & Crosier, Technometrics 24, 1982).
#[cfg(test)]
pub(super) fn average_run_length(reference: f64, limit: f64, shift: f64, fast: bool) -> f64 {
    let (high, low) = (one_sided(reference, limit, shift), one_sided(reference, limit, -shift));
    let (from_high, from_low) =
        if fast { (high.from_half, low.from_half) } else { (high.from_zero, low.from_zero) };
    (from_high * low.from_zero + high.from_zero * from_low - high.from_zero * low.from_zero)
        / (high.from_zero + low.from_zero)
}

/// The limit, in standard deviations, that keeps the promise of one false alarm in `run_length` values
/// for a chart whose baseline was learned from `n` values.
///
/// What was learned is itself uncertain: relative variances of single values are 1/n for the centre, 1/2n
/// for the spread and, of a sum, 1/n more for the autocorrelation. The promise is held to as that of
/// the EWMA chart: by a fifth of the promised interval as many charts have alarmed falsely as would
/// with known parameters; those that a head start makes alarm are counted.
pub(super) fn limit_for(reference: Reference, run_length: f64, n: u32, fast: bool) -> f64 {
    static KNOWN: Memo<(Reference, u64, u32, bool)> = Memo::new();
    let horizon = HORIZON * run_length.max(1.0);
    let wanted = -(-HORIZON).exp_m1();
    KNOWN.of((reference, run_length.to_bits(), n, fast), || {
        where_it_falls(wanted, LIMIT_MAX, |limit| alarmed(reference, limit, n, horizon, fast))
    })
}

/// Share of charts that have alarmed falsely after `horizon` values, over baselines of `n` values.
fn alarmed(reference: Reference, limit: f64, n: u32, horizon: f64, fast: bool) -> f64 {
    /// Half a standard deviation apart, up to five.
    const POINTS: i32 = 10;
    let k = reference.get();
    let (ln_run, early) = Table::of(reference).at(limit);
    let early = if fast { 1.0 - (1.0 - early).powi(2) } else { 0.0 };
    let known = ln_run - siegmund(k, limit);
    let (of_centre, of_spread) = ((1.0 / f64::from(n)).sqrt(), (1.5 / f64::from(n)).sqrt());
    let (mut sum, mut weights) = (0.0, 0.0);
    // Errors of the centre to both sides come to the same.
    for (i, times) in (0..=POINTS).map(|i| (i, if i == 0 { 1.0 } else { 2.0 })) {
        for j in -POINTS..=POINTS {
            let (u, v) = (0.5 * f64::from(i), 0.5 * f64::from(j));
            let weight = times * (-0.5 * (u * u + v * v)).exp();
            let (centre, scale) = (u * of_centre, (1.0 + v * of_spread).max(0.05));
            let side = |centre: f64| (-known - siegmund(k * scale + centre, limit * scale)).exp();
            let rate = (side(centre) + side(-centre)).min(1.0);
            weights += weight;
            sum += weight * (1.0 - (1.0 - early) * (-rate * horizon).exp());
        }
    }
    sum / weights
}

/// Logarithm of Siegmund's approximation of the one-sided run length; the sum may as well grow by itself.
fn siegmund(reference: f64, limit: f64) -> f64 {
    let b = limit + OVERSHOOT;
    let x = 2.0 * reference * b;
    // (e^x − x − 1)/(2k²) = b²·2(e^x − x − 1)/x²
    let shape = if x.abs() < 1e-3 {
        x / 3.0
    } else if x > 500.0 {
        x + (2.0 / (x * x)).ln()
    } else {
        (2.0 * (x.exp_m1() - x) / (x * x)).ln()
    };
    2.0 * b.ln() + shape
}
