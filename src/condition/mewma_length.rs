//! How long charts of a group run before they alarm, and which limits give a promised run length.
//!
//! In control the statistic of a MEWMA chart is as far from 0 whatever the direction, so that its run length obeys an equation
//! of one dimension (Rigdon, Journal of Statistical Computation and Simulation 52, 1995), solved here over that distance
//! at Gauss–Legendre nodes. That of T² is geometric.
use super::chi_square::{above, length_density};
use super::memo::Memo;
use super::quadrature::{interpolated, legendre, solve, where_it_falls};
use super::run_length::{LAMBDA, count_of_nodes};
use std::sync::OnceLock;

/// Members of a group, at most.
const MEMBERS_MAX: u32 = 8;

/// The share of the promised interval at which the promise is held.
const HORIZON: f64 = 0.2;
/// Distance of the tabulated limits: of their roots, which are distances in standard deviations.
const STEP: f64 = 0.25;
/// Up to 7.
const COUNT: usize = 29;
/// No limit is wider, as a root.
const ROOT_MAX: f64 = 60.0;
/// How much of the error of a learned spread is one baseline's in all directions.
const OF_BASELINE: f64 = 0.2;
/// By what share fewer vectors than were learned from a moving average has of them, for the error of one autocorrelation that
/// all members have, …
const LOST_TO_ONE: f64 = 0.2;
/// … and for those of one each.
const LOST_TO_OWN: f64 = 1.0;

/// Which chart of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Chart {
    /// The last vector alone.
    TSquared,
    /// The moving average.
    Mewma,
}

/// Logarithms of run lengths in control at limits whose roots are 0, `STEP`, 2·`STEP` …
static LN_RUN_LENGTHS: [OnceLock<[f64; COUNT]>; MEMBERS_MAX as usize + 1] =
    [const { OnceLock::new() }; MEMBERS_MAX as usize + 1];

/// What a baseline of a group was learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Learned {
    /// Members.
    pub(super) p: u32,
    /// Vectors.
    pub(super) n: u32,
    /// Each member has an autocorrelation of its own, rather than all of them one.
    pub(super) own: bool,
}

/// The limit, a squared distance, that keeps the promise of one false alarm in `run_length` vectors.
///
/// What was learned is uncertain in every direction. To a vector that looks like Hotelling's T² in place of chi-square: the
/// spread that it is held against varies by twice the inverse of the degrees of freedom, partly from one baseline to
/// another, partly from one direction to another within one. The centre adds `1/n`, and for a moving average, which is as much
/// narrower, that many times more; it feels the errors of the autocorrelations as well. How much of each is by simulation.
/// The promise is held to as that of the other charts: by a fifth of the promised interval as many have alarmed falsely as would
/// with known parameters.
pub(super) fn limit_for(chart: Chart, run_length: f64, learned: Learned) -> f64 {
    static KNOWN: Memo<(Chart, u64, Learned)> = Memo::new();
    let horizon = HORIZON * run_length.max(1.0);
    let wanted = -(-HORIZON).exp_m1();
    let root = KNOWN.of((chart, run_length.to_bits(), learned), || {
        where_it_falls(wanted, ROOT_MAX, |root| alarmed(chart, root, learned, horizon))
    });
    root * root
}

/// Share of charts that have alarmed falsely after `horizon` vectors, over baselines that were learned so.
fn alarmed(chart: Chart, root: f64, Learned { p, n, own }: Learned, horizon: f64) -> f64 {
    /// Half a standard deviation apart, up to five.
    const POINTS: i32 = 10;
    let (n, members) = (f64::from(n), f64::from(p));
    let (centre, vectors, of_baseline) = match chart {
        Chart::TSquared => (1.0 / n, n, OF_BASELINE),
        Chart::Mewma => {
            let lost = if own { LOST_TO_OWN } else { LOST_TO_ONE };
            ((2.0 - LAMBDA) / LAMBDA / n, n / (1.0 + lost), 1.0)
        }
    };
    let freedom = f64::max(vectors - members, 2.0);
    let scale = freedom / f64::max(vectors - 1.0, freedom) / (1.0 + centre);
    let of_centre = 2.0 / members * (centre / (1.0 + centre)).powi(2);
    let between = (of_baseline * 2.0 / freedom + of_centre).sqrt();
    let within = ((1.0 - of_baseline) * 2.0 / freedom).sqrt();
    // Log-normal around 1.
    let times = |sigma: f64, u: f64| (sigma * u - 0.5 * sigma * sigma).exp();
    let points =
        || (-POINTS..=POINTS).map(|i| 0.5 * f64::from(i)).map(|u| (u, (-0.5 * u * u).exp()));
    let all: f64 = points().map(|(_, weight)| weight).sum();
    let share = |u: f64| {
        let of_baseline = scale * times(between, u);
        let at = |v: f64| rate(chart, p, root * (of_baseline * times(within, v)).sqrt());
        let rate = points().map(|(v, weight)| weight * at(v)).sum::<f64>() / all;
        -(-rate.min(1.0) * horizon).exp_m1()
    };
    points().map(|(u, weight)| weight * share(u)).sum::<f64>() / all
}

/// False alarms for a vector, of known parameters.
fn rate(chart: Chart, p: u32, root: f64) -> f64 {
    match chart {
        Chart::TSquared => above(p, root * root),
        Chart::Mewma => (-ln_run_length(p, root)).exp(),
    }
}

/// Logarithm of the run length in control of a MEWMA chart with known parameters.
#[expect(clippy::cast_precision_loss, reason = "a small number")]
#[expect(clippy::indexing_slicing, reason = "there is a table for each number of members")]
pub(super) fn ln_run_length(p: u32, root: f64) -> f64 {
    let table = LN_RUN_LENGTHS[p.min(MEMBERS_MAX) as usize].get_or_init(|| {
        let mut root = -STEP;
        std::array::from_fn(|_| {
            root += STEP;
            average_run_length(p, root * root).ln()
        })
    });
    let last = (COUNT - 1) as f64 * STEP;
    if root <= 0.0 {
        return 0.0;
    }
    if root >= last {
        // The tail of chi-square, exp(−h/2)·h^(p/2−1).
        let dims = f64::from(p);
        return table[COUNT - 1] + 0.5 * (root * root - last * last)
            - (dims - 2.0) * (root / last).ln();
    }
    interpolated(table, root / STEP)
}

/// Average number of vectors of `p` independent values until a MEWMA chart alarms that begins at its centre, with this limit of its
/// squared distance in its own standard deviations.
pub(super) fn average_run_length(p: u32, limit: f64) -> f64 {
    let far = (limit.max(0.0) * LAMBDA / (2.0 - LAMBDA)).sqrt();
    if far <= 0.0 {
        return 1.0;
    }
    let half = 0.5 * far;
    let nodes: Vec<(f64, f64)> = legendre(count_of_nodes(far / LAMBDA))
        .into_iter()
        .map(|(y, weight)| (half * (y + 1.0), half * weight))
        .collect();
    let kernel = |from: f64, (to, weight): (f64, f64)| {
        weight / LAMBDA * length_density(p, (1.0 - LAMBDA) * from / LAMBDA, to / LAMBDA)
    };
    let row = |(i, (from, _)): (usize, &(f64, f64))| {
        let shares = nodes.iter().map(|to| kernel(*from, *to)).enumerate();
        shares.map(|(j, share)| f64::from(u8::from(i == j)) - share).collect()
    };
    let matrix: Vec<Vec<f64>> = nodes.iter().enumerate().map(row).collect();
    let runs = solve(matrix, vec![1.0; nodes.len()]);
    1.0 + nodes.iter().zip(&runs).map(|(to, run)| kernel(0.0, *to) * run).sum::<f64>()
}
