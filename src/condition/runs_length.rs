//! How long tests of runs go without an alarm, and which widening gives a promised run length.
//!
//! Champ & Woodall, Technometrics 29 (1987): what of the values before still matters is the state of a
//! Markov chain. The states are found by walking it, 307 for the four tests of Western Electric; in
//! control a state and its mirror image are one.
use super::memo::Memo;
use super::quadrature::{below, solve, where_it_falls};
use super::runs::{EDGES, History, Test, tests};
use crate::model::Side;
use crate::model::plant::RunSet;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The share of the promised interval at which the promise is held.
const HORIZON: f64 = 0.2;
/// Distance of the tabulated widenings, in standard deviations.
const STEP: f64 = 0.125;
/// Up to 3: an average run of 5·10⁸ values.
const COUNT: usize = 25;
/// No set is wider.
const WIDENING_MAX: f64 = 40.0;
/// For how run lengths change with the spread.
const SPREAD: f64 = 0.05;

/// Run lengths in control at widenings 0, `STEP`, 2·`STEP` …
struct Table {
    ln_run_length: [f64; COUNT],
    /// What its logarithm gains if all edges lie farther out by a share, per share.
    by_spread: [f64; COUNT],
}

static SHEWHART: LazyLock<Table> = LazyLock::new(|| Table::new(RunSet::Shewhart));
static WESTERN_ELECTRIC: LazyLock<Table> = LazyLock::new(|| Table::new(RunSet::WesternElectric));
static NELSON: LazyLock<Table> = LazyLock::new(|| Table::new(RunSet::Nelson));

impl Table {
    fn of(set: RunSet) -> &'static Self {
        match set {
            RunSet::Shewhart => &SHEWHART,
            RunSet::WesternElectric => &WESTERN_ELECTRIC,
            RunSet::Nelson => &NELSON,
        }
    }

    fn new(set: RunSet) -> Self {
        let chain = Chain::new(tests(set), true);
        let mut widening = -STEP;
        let both: [(f64, f64); COUNT] = std::array::from_fn(|_| {
            widening += STEP;
            let ln = |spread: f64| chain.run_length(widening, spread, 0.0).ln();
            let [narrow, plain, wide] = [1.0 - SPREAD, 1.0, 1.0 + SPREAD].map(ln);
            (plain, (wide - narrow) / (2.0 * SPREAD))
        });
        Self { ln_run_length: both.map(|(ln, _)| ln), by_spread: both.map(|(_, by)| by) }
    }

    /// Logarithm of the run length, and what it gains by the spread; below 0 by the first slope, and
    /// beyond the table by that of the outermost edge alone.
    #[expect(clippy::indexing_slicing, reason = "the first of two points is at most COUNT - 2")]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a small index that is not negative"
    )]
    fn at(&self, widening: f64) -> (f64, f64) {
        let last = (COUNT - 1) as f64 * STEP;
        if widening >= last {
            let edge = |widening: f64| 3.0 + widening;
            let (from, to) = (edge(last), edge(widening));
            let ln =
                self.ln_run_length[COUNT - 1] + 0.5 * (to * to - from * from) + (to / from).ln();
            return (ln, to * to);
        }
        let first = ((widening.max(0.0) / STEP) as usize).min(COUNT - 2);
        let t = widening / STEP - first as f64;
        let between = |of: &[f64; COUNT], t: f64| of[first] + t * (of[first + 1] - of[first]);
        let by_spread = between(&self.by_spread, t.max(0.0));
        (between(&self.ln_run_length, t), by_spread)
    }
}

/// The widening, in standard deviations, with which a set of tests keeps the promise of one false alarm in
/// `run_length` values, for a chart whose baseline was learned from `n` values. Never below 0: what is
/// promised more often than the set of the book alarms, alarms as seldom as that.
///
/// What was learned is uncertain, by relative variances of 1/n for the centre, 1/2n for the spread and half as much again
/// for the autocorrelation, of which runs feel less than sums; the promise is held to as that of the EWMA chart, by a fifth of the promised interval.
pub(super) fn widening_for(set: RunSet, run_length: f64, n: u32) -> f64 {
    static KNOWN: Memo<(RunSet, u64, u32)> = Memo::new();
    let horizon = HORIZON * run_length.max(1.0);
    let wanted = -(-HORIZON).exp_m1();
    KNOWN.of((set, run_length.to_bits(), n), || {
        where_it_falls(wanted, WIDENING_MAX, |widening| alarmed(set, widening, n, horizon))
    })
}

/// Share of charts that have alarmed falsely after `horizon` values, over baselines of `n` values.
fn alarmed(set: RunSet, widening: f64, n: u32, horizon: f64) -> f64 {
    /// Half a standard deviation apart, up to five.
    const POINTS: i32 = 10;
    let table = Table::of(set);
    let (of_centre, of_spread) = ((1.0 / f64::from(n)).sqrt(), (1.0 / f64::from(n)).sqrt());
    let by_spread = table.at(widening).1;
    let (mut sum, mut weights) = (0.0, 0.0);
    // Errors of the centre to both sides come to the same.
    for (i, times) in (0..=POINTS).map(|i| (i, if i == 0 { 1.0 } else { 2.0 })) {
        let centre = 0.5 * f64::from(i) * of_centre;
        let [towards, away] = [widening - centre, widening + centre].map(|at| table.at(at).0);
        for j in -POINTS..=POINTS {
            let (u, v) = (0.5 * f64::from(i), 0.5 * f64::from(j));
            let weight = times * (-0.5 * (u * u + v * v)).exp();
            let gained = by_spread * v * of_spread;
            let rate = 0.5 * ((-towards - gained).exp() + (-away - gained).exp());
            weights += weight;
            sum += weight * -(-rate.min(1.0) * horizon).exp_m1();
        }
    }
    sum / weights
}

/// The states of a set of tests, and where each value leads.
pub(super) struct Chain {
    /// For each state, the next by side and count of edges; `None` is an alarm.
    next: Vec<Vec<Option<usize>>>,
}

/// All values: a side, and beyond how many edges.
fn values() -> impl Iterator<Item = (Side, u8)> {
    [Side::High, Side::Low].into_iter().flat_map(|side| (0..=4).map(move |edges| (side, edges)))
}

impl Chain {
    /// `mirrored`: a state and its mirror image are one, which is so in control.
    pub(super) fn new(tests: &[Test], mirrored: bool) -> Self {
        let same = |state: History| if mirrored { state.min(state.mirrored()) } else { state };
        let mut states = vec![History::default()];
        let mut known = BTreeMap::from([(History::default(), 0)]);
        let mut next = Vec::new();
        while let Some(state) = states.get(next.len()).copied() {
            let follow = |(side, edges)| {
                let mut after = state;
                if after.step(tests, side, edges).is_some() {
                    return None;
                }
                let after = same(after);
                Some(*known.entry(after).or_insert_with(|| {
                    states.push(after);
                    states.len() - 1
                }))
            };
            next.push(values().map(follow).collect());
        }
        Self { next }
    }

    #[cfg(test)]
    pub(super) fn states(&self) -> usize {
        self.next.len()
    }

    /// Average number of values until a chart alarms that has seen nothing, on independent normal values
    /// shifted by `shift` standard deviations, with all edges `spread` times as far out.
    #[expect(clippy::indexing_slicing, reason = "all indexes are those of states")]
    pub(super) fn run_length(&self, widening: f64, spread: f64, shift: f64) -> f64 {
        let shares: Vec<f64> = values()
            .map(|(side, edges)| {
                let sign = if side == Side::High { 1.0 } else { -1.0 };
                // The share farther out than an edge on this side; the centre belongs half to each.
                let out = |edge: u8| below(sign * shift - spread * (f64::from(edge) + widening));
                let from = match edges {
                    0 if side == Side::High => below(-shift + spread * widening) - below(-shift),
                    0 => below(-shift) - below(-shift - spread * widening),
                    _ => 0.0,
                };
                let inner = edges.checked_sub(1).map_or(from, out);
                inner - EDGES.get(usize::from(edges)).filter(|_| edges > 0).map_or(0.0, |e| out(*e))
            })
            .collect();
        let rows = self.next.iter().enumerate().map(|(i, next)| {
            let mut row = vec![0.0; self.next.len()];
            row[i] += 1.0;
            for (next, share) in next.iter().zip(&shares) {
                if let Some(next) = next {
                    row[*next] -= share;
                }
            }
            row
        });
        let runs = solve(rows.collect(), vec![1.0; self.next.len()]);
        runs.first().copied().unwrap_or(1.0)
    }
}
