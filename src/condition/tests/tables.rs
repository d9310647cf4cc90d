//! Published and independently computed run lengths (`tests/data/condition/README.md`).
use crate::condition::run_length::{LAMBDA, average_run_length, limit_for, ln_run_length};

const RUN_LENGTHS: &str = include_str!("../../../tests/data/condition/ewma_arl.csv");
const LIMITS: &str = include_str!("../../../tests/data/condition/ewma_crit.csv");

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
