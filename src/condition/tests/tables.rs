//! Published and independently computed run lengths (`tests/data/condition/README.md`).
use crate::condition::cusum_length::{self, Reference};
use crate::condition::run_length::{LAMBDA, average_run_length, limit_for, ln_run_length};
use crate::condition::runs::{self, Test};
use crate::condition::runs_length::{Chain, widening_for};
use crate::model::plant::RunSet;

use std::collections::BTreeMap;

const RUN_LENGTHS: &str = include_str!("../../../tests/data/condition/ewma_arl.csv");
const LIMITS: &str = include_str!("../../../tests/data/condition/ewma_crit.csv");
const RUNS: &str = include_str!("../../../tests/data/condition/shewhart_runs_arl.csv");
const RUN_SETS: &str = include_str!("../../../tests/data/condition/mc_runs_rules_arl.csv");
const SUMS: &str = include_str!("../../../tests/data/condition/cusum_arl.csv");
const SUM_LIMITS: &str = include_str!("../../../tests/data/condition/cusum_crit.csv");

fn rows(csv: &str) -> impl Iterator<Item = Vec<f64>> {
    csv.lines().skip(1).map(|row| row.split(',').map(|cell| cell.parse().unwrap()).collect())
}

fn assert_close(found: f64, wanted: f64, tolerance: f64, of: &[f64]) {
    assert!((found / wanted - 1.0).abs() <= tolerance, "{found}, not {wanted}, at {of:?}");
}

#[test]
fn run_lengths_with_and_without_a_shift_are_those_of_the_tables() {
    let mut count = 0;
    for row in rows(RUN_LENGTHS) {
        let [lambda, limit, shift, wanted, ..] = row[..] else { panic!("{row:?}") };
        assert_close(average_run_length(lambda, limit, shift), wanted, 0.01, &row);
        count += 1;
    }
    assert!(count > 50, "{count} rows");
}

#[test]
fn the_limit_for_a_run_length_is_that_of_the_tables() {
    let mut count = 0;
    for row in rows(LIMITS) {
        let [lambda, run_length, limit] = row[..] else { panic!("{row:?}") };
        assert_close(average_run_length(lambda, limit, 0.0), run_length, 0.01, &row);
        if lambda.to_bits() == LAMBDA.to_bits() {
            assert_close(ln_run_length(limit).exp(), run_length, 0.01, &row);
            assert_close(limit_for(run_length, u32::MAX), limit, 0.001, &row);
            count += 1;
        }
    }
    assert_eq!(count, 9);
}

/// Roberts' chart with the constants of Lucas & Saccucci, Technometrics 32 (1990), table 3.
#[test]
fn run_lengths_are_those_of_lucas_and_saccucci() {
    assert_close(average_run_length(0.5, 3.071, 0.0), 500.0, 0.01, &[]);
    assert_close(average_run_length(0.5, 3.071, 1.0), 17.5, 0.01, &[]);
    assert_close(average_run_length(0.03, 2.437, 0.5), 29.3, 0.01, &[]);
}

#[test]
fn fewer_learned_values_and_longer_promises_widen_the_limit() {
    let wide = [30, 50, 100, 300, 3_000].map(|n| limit_for(10_000.0, n));
    assert!(wide.is_sorted_by(|a, b| a > b), "{wide:?}");
    let long = [1e2, 1e3, 1e6, 1e9, 1e12, f64::INFINITY].map(|run| limit_for(run, 50));
    assert!(long.is_sorted_by(|a, b| a < b), "{long:?}");
}

#[test]
fn run_lengths_of_sums_with_and_without_a_head_start_are_those_of_the_tables() {
    let mut count = 0;
    for row in rows(SUMS) {
        let [k, h, shift, _, wanted, wanted_fast] = row[..] else { panic!("{row:?}") };
        assert_close(cusum_length::average_run_length(k, h, shift, false), wanted, 0.01, &row);
        assert_close(cusum_length::average_run_length(k, h, shift, true), wanted_fast, 0.01, &row);
        count += 1;
    }
    assert_eq!(count, 120);
}

/// Technometrics 24 (1982), table 1.
#[test]
fn run_lengths_of_sums_are_those_of_lucas_and_crosier() {
    for (shift, fast, wanted) in
        [(0.0, false, 168.0), (1.0, false, 8.38), (0.0, true, 149.0), (1.0, true, 5.29)]
    {
        let found = cusum_length::average_run_length(0.5, 4.0, shift, fast);
        assert_close(found, wanted, 0.005, &[shift]);
    }
}

#[test]
fn the_limit_of_a_sum_for_a_run_length_is_that_of_the_tables() {
    let mut count = 0;
    for row in rows(SUM_LIMITS) {
        let [k, run_length, limit] = row[..] else { panic!("{row:?}") };
        assert_close(
            cusum_length::average_run_length(k, limit, 0.0, false),
            run_length,
            0.01,
            &row,
        );
        let reference = Reference::for_shift(2.0 * k, u32::MAX);
        assert_close(reference.get(), k, 1e-9, &row);
        let found = cusum_length::limit_for(reference, run_length, u32::MAX, false);
        assert_close(found, limit, 0.003, &row);
        count += 1;
    }
    assert_eq!(count, 28);
}

#[test]
fn fewer_learned_values_longer_promises_and_a_head_start_widen_the_limit_of_a_sum() {
    for shift in [0.0, 0.2, 1.0, 2.0, 3.0, 1e9] {
        // One reference for all of them, that of the fewest values.
        let reference = Reference::for_shift(shift, 30);
        let limit = |run, n, fast| cusum_length::limit_for(reference, run, n, fast);
        let wide = [30, 50, 100, 300, 3_000].map(|n| limit(10_000.0, n, false));
        assert!(wide.is_sorted_by(|a, b| a > b), "{wide:?} at {shift}");
        let long = [1e2, 1e3, 1e6, 1e9, 1e12].map(|run| limit(run, 50, false));
        assert!(long.is_sorted_by(|a, b| a < b), "{long:?} at {shift}");
        assert!(limit(10_000.0, 50, true) > limit(10_000.0, 50, false), "at {shift}");
    }
}

/// The tests of a set with these numbers.
fn numbered(set: RunSet, numbers: &[u8]) -> Chain {
    let of = runs::tests(set).iter().filter(|test| numbers.contains(&test.number));
    Chain::new(&of.copied().collect::<Vec<Test>>(), false)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "12, 13 or 14")]
#[test]
fn run_lengths_of_runs_are_those_of_champ_and_woodall() {
    let mut chains = BTreeMap::new();
    let unquoted = RUNS.replace('"', "");
    let mut count = 0;
    for row in rows(&unquoted) {
        let [name, shift, wanted, ..] = row[..] else { panic!("{row:?}") };
        let numbers: Vec<u8> = if name > 1.0 { vec![1, (name - 10.0) as u8] } else { vec![1] };
        let chain = chains
            .entry(numbers.clone())
            .or_insert_with(|| numbered(RunSet::WesternElectric, &numbers));
        assert_close(chain.run_length(0.0, 1.0, shift), wanted, 0.01, &row);
        count += 1;
    }
    assert_eq!(count, 64);
    // Technometrics 29 (1987), table 1.
    for (numbers, shift, wanted) in [
        (&[1, 2][..], 0.0, 225.44),
        (&[1, 3], 0.0, 166.05),
        (&[1, 4], 0.0, 152.73),
        (&[1, 2], 1.0, 20.01),
        (&[1, 3], 1.0, 12.66),
        (&[1, 4], 1.0, 14.58),
    ] {
        let found = numbered(RunSet::WesternElectric, numbers).run_length(0.0, 1.0, shift);
        assert_close(found, wanted, 0.001, &[shift]);
    }
}

#[test]
fn run_lengths_of_whole_sets_are_those_of_simulation_within_three_standard_errors() {
    let sets = [
        ("WE all four (8 side)", Chain::new(runs::tests(RunSet::WesternElectric), false)),
        ("Nelson1+2+5+6", Chain::new(runs::tests(RunSet::Nelson), false)),
    ];
    let mut count = 0;
    for line in RUN_SETS.lines().skip(1) {
        let [name, numbers @ ..] = &line.split(',').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let Some((_, chain)) = sets.iter().find(|(set, _)| set == name) else { continue };
        let numbers: Vec<f64> = numbers.iter().map(|cell| cell.parse().unwrap()).collect();
        let [shift, wanted, error] = numbers[..] else { panic!("{line}") };
        // The table has two places behind the point.
        let found = chain.run_length(0.0, 1.0, shift);
        assert!((found - wanted).abs() <= 3.0 * error + 0.005, "{found}, not {wanted}, at {line}");
        count += 1;
    }
    assert_eq!(count, 8);
}

#[test]
fn a_chain_with_mirror_images_as_one_runs_as_long_and_a_widened_set_as_long_as_promised() {
    for (set, states) in
        [(RunSet::Shewhart, 1), (RunSet::WesternElectric, 307), (RunSet::Nelson, 351)]
    {
        let whole = Chain::new(runs::tests(set), false);
        assert_eq!(whole.states(), states);
        let folded = Chain::new(runs::tests(set), true);
        for run_length in [500.0, 5_000.0, 1e6] {
            let widening = widening_for(set, run_length, u32::MAX);
            assert_close(folded.run_length(widening, 1.0, 0.0), run_length, 0.01, &[run_length]);
            assert_close(whole.run_length(widening, 1.0, 0.0), run_length, 0.01, &[run_length]);
        }
    }
    assert!(widening_for(RunSet::WesternElectric, 50.0, u32::MAX) < 1e-9, "never below the book");
}
