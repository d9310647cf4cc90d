//! How long an EWMA chart runs before it alarms, and which limit gives a promised run length.
//!
//! The run length obeys a Fredholm equation of the second kind (Crowder, Technometrics 29, 1987),
//! solved here at Gauss–Legendre nodes: for a smooth kernel that reaches with 60 nodes what a Markov
//! chain (Brook & Evans 1972) needs several hundred states for.
use super::memo::Memo;
use super::quadrature::{interpolated, legendre, solve, where_it_falls};
use std::f64::consts::PI;
use std::sync::LazyLock;

/// The chart's weight of the newest value. 0.1 finds shifts of half to one sigma; smaller is slower on
/// larger ones.
pub(super) const LAMBDA: f64 = 0.1;

/// Distance of the tabulated limits, in standard deviations of the statistic.
const STEP: f64 = 0.25;
/// Up to 6 standard deviations: an average run of 2·10⁸, where doubles still carry the equation.
const COUNT: usize = 25;
/// No limit is wider: with this even the shortest baseline keeps the longest promise.
const LIMIT_MAX: f64 = 40.0;
/// The share of the promised interval at which the promise is held.
const HORIZON: f64 = 0.2;
/// Nodes per standard deviation of the kernel; quadrature error is below 1e-12.
const NODES_PER_SIGMA: f64 = 2.2;

/// Logarithm of the in-control run length at limits 0, `STEP`, 2·`STEP` …
static LN_RUN_LENGTH: LazyLock<[f64; COUNT]> = LazyLock::new(|| {
    let mut limit = -STEP;
    std::array::from_fn(|_| {
        limit += STEP;
        average_run_length(LAMBDA, limit, 0.0).ln()
    })
});

/// The standard deviation of the statistic, in those of the single values.
pub(super) fn statistic_sigma() -> f64 {
    (LAMBDA / (2.0 - LAMBDA)).sqrt()
}

/// The limit, in standard deviations of the statistic, that keeps the promise of one false alarm in
/// `run_length` values for a chart whose baseline was learned from `n` values.
///
/// A learned centre and spread are themselves uncertain: the limit of known parameters, used after
/// 50 learned values, alarms several times too often. Seen from the truth the limit of a learned
/// baseline lies at a random place: centre error 1/n, spread error 1/2n, error of the autocorrelation
/// (1−λ)²/n, all relative variances of single values. A chart alarms once and then waits, so the
/// promise is held to where it is felt: by a fifth of the promised interval as many charts have
/// alarmed falsely as would with known parameters.
pub(super) fn limit_for(run_length: f64, n: u32) -> f64 {
    static KNOWN: Memo<(u64, u32)> = Memo::new();
    let horizon = HORIZON * run_length.max(1.0);
    KNOWN.of((run_length.to_bits(), n), || {
        where_it_falls(alarmed_by_rate(HORIZON), LIMIT_MAX, |limit| alarmed(limit, n, horizon))
    })
}

/// Share of charts that have alarmed falsely after `horizon` values, over baselines of `n` values.
fn alarmed(limit: f64, n: u32, horizon: f64) -> f64 {
    /// Odd, so that the middle counts; ±7 standard deviations hold all that matters.
    const POINTS: u32 = 57;
    let from_centre = (2.0 - LAMBDA) / LAMBDA;
    let from_spread = limit * limit * (0.5 + (1.0 - LAMBDA) * (1.0 - LAMBDA));
    let sigma = ((from_centre + from_spread) / f64::from(n)).sqrt();
    let (mut sum, mut weights) = (0.0, 0.0);
    for i in 0..POINTS {
        let u = (f64::from(i) / f64::from(POINTS - 1) - 0.5) * 14.0;
        let weight = (-0.5 * u * u).exp();
        weights += weight;
        let rate = (-ln_run_length(limit + u * sigma)).exp();
        sum += weight * alarmed_by_rate(rate * horizon);
    }
    sum / weights
}

/// Share of charts that have alarmed when so many alarms were to be expected (a run length is all but
/// geometric).
fn alarmed_by_rate(expected: f64) -> f64 {
    -(-expected).exp_m1()
}

/// Logarithm of the in-control run length with known parameters, by cubic interpolation.
#[expect(clippy::cast_precision_loss, reason = "a small number")]
pub(super) fn ln_run_length(limit: f64) -> f64 {
    let table = &*LN_RUN_LENGTH;
    let last = (COUNT - 1) as f64 * STEP;
    if limit <= 0.0 {
        return 0.0;
    }
    if limit >= last {
        // The tail of the normal distribution, exp(-L²/2)/L.
        return table[COUNT - 1] + 0.5 * (limit * limit - last * last) - (last / limit).ln();
    }
    interpolated(table, limit / STEP)
}

/// Average number of values until an EWMA chart with fixed limits `±limit·√(λ/(2−λ))` alarms, begun at
/// its centre, on independent normal values shifted by `shift` standard deviations.
#[expect(clippy::indexing_slicing, reason = "all indexes are below the number of nodes")]
pub(super) fn average_run_length(lambda: f64, limit: f64, shift: f64) -> f64 {
    let half = limit * (lambda / (2.0 - lambda)).sqrt();
    if half <= 0.0 {
        return 1.0;
    }
    let nodes = legendre(count_of_nodes(2.0 * half / lambda));
    let kernel = |from: f64, (y, weight): (f64, f64)| {
        let x = (half * y - (1.0 - lambda) * from) / lambda - shift;
        half * weight / lambda * (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
    };
    let m = nodes.len();
    let mut matrix: Vec<Vec<f64>> = nodes
        .iter()
        .map(|(from, _)| nodes.iter().map(|to| -kernel(half * from, *to)).collect())
        .collect();
    for (i, row) in matrix.iter_mut().enumerate() {
        row[i] += 1.0;
    }
    let runs = solve(matrix, vec![1.0; m]);
    1.0 + nodes.iter().zip(&runs).map(|(to, run)| kernel(0.0, *to) * run).sum::<f64>()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "widths are at most a few hundred"
)]
pub(super) fn count_of_nodes(width_in_sigma: f64) -> u32 {
    ((width_in_sigma * NODES_PER_SIGMA).ceil() as u32).clamp(16, 400)
}
