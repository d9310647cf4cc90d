//! Several rules of one monitor: one alarm per drift, which the others join.
use super::charts::recorded;
use super::*;
use crate::model::{Rule, Side, Verdict};

/// A chart with both rules that has learned around 0 ± 1, and what it said of it.
fn learned() -> (Chart, Noise, Vec<Finding>) {
    let mut chart = Chart::new(&watched(1_000, 300, BOTH));
    let mut noise = Noise(7);
    let said = (0..300).flat_map(|t| step(&mut chart, t, noise.normal())).collect();
    (chart, noise, said)
}

/// What is said of this level, by 500 values.
fn at_level(chart: &mut Chart, noise: &mut Noise, level: f64) -> Vec<Finding> {
    (300..800).flat_map(|t| step(chart, t, level + noise.normal())).collect()
}

#[test]
fn each_rule_says_that_it_is_in_control_by_the_same_baseline() {
    let (_, _, said) = learned();
    let rules: Vec<_> = said.iter().map(|found| (found.rule, found.verdict)).collect();
    assert_eq!(rules, [(Rule::Ewma, Verdict::InControl), (Rule::Cusum, Verdict::InControl)]);
    assert!(said[0].baseline.is_some());
    assert_eq!(said[0].baseline, said[1].baseline);
}

#[test]
fn of_one_drift_the_rule_that_sees_it_first_alarms_and_the_other_joins_it_once() {
    for level in [-1.0, 1.0, 3.0] {
        let (mut chart, mut noise, _) = learned();
        let said = at_level(&mut chart, &mut noise, level);
        let [first, second] = &said[..] else { panic!("{said:?}") };
        assert_eq!((first.verdict, second.verdict), (Verdict::Drift, Verdict::Drift));
        assert_eq!((first.joins, second.joins), (None, Some(first.rule)));
        assert_ne!(first.rule, second.rule);
        assert_eq!(first.side, second.side);
        assert!(first.onset.is_some() && second.onset.is_some());
    }
}

#[test]
fn a_change_to_the_other_side_joins_no_drift() {
    let (mut chart, mut noise, _) = learned();
    let rose = (300..).find_map(|t| step(&mut chart, t, 3.0 + noise.normal()).pop()).unwrap();
    assert_eq!(rose.side, Some(Side::High));
    let said = at_level(&mut chart, &mut noise, -3.0);
    assert!(said.iter().all(|found| found.side == Some(Side::High)), "{said:?}");
}

#[test]
fn a_restart_neither_raises_nor_forgets_the_drift_that_two_rules_tell_of() {
    let (mut chart, mut noise, mut record) = learned();
    record.extend(at_level(&mut chart, &mut noise, 1.0));
    for known in 2..=record.len() {
        let mut again = Chart::new(&watched(1_000, 300, BOTH));
        record[..known].iter().for_each(|found| again.restore(&recorded(found)));
        let said = at_level(&mut again, &mut noise.clone(), 1.0);
        assert_eq!(said.is_empty(), known > 2, "{said:?}");
    }
}

#[test]
fn a_rule_that_a_plant_file_adds_is_armed_by_the_baseline_that_another_learned() {
    let mut chart = Chart::new(&watched(1_000, 300, DriftRules::DEFAULT));
    let mut noise = Noise(7);
    let said: Vec<Finding> = (0..300).flat_map(|t| step(&mut chart, t, noise.normal())).collect();
    let mut again = Chart::new(&watched(1_000, 300, CUSUM));
    again.restore(&recorded(&said[0]));
    let drift = at_level(&mut again, &mut noise, 1.0).remove(0);
    assert_eq!((drift.rule, &drift.baseline), (Rule::Cusum, &said[0].baseline));
}

#[test]
fn a_sum_tells_levels_in_the_monitors_unit() {
    for side in [Side::High, Side::Low] {
        let sign = if side == Side::High { 1.0 } else { -1.0 };
        let mut chart = Chart::new(&watched(10_000, 300, CUSUM));
        let mut noise = Noise(11);
        (0..300).for_each(|t| drop(step(&mut chart, t, 50.0 + 2.0 * noise.normal())));
        let level = 50.0 + 2.0 * sign;
        let mut later = (300..).flat_map(|t| step(&mut chart, t, level + 2.0 * noise.normal()));
        let drift = later.next().unwrap();
        assert_eq!(drift.side, Some(side));
        let (statistic, limit) = (drift.statistic.unwrap(), drift.limit.unwrap());
        assert!((statistic - level).abs() < 2.5, "{drift:?}");
        assert!((statistic - limit) * sign > 0.0 && (limit - 50.0) * sign > 0.0, "{drift:?}");
    }
}

#[test]
fn a_change_that_is_there_from_the_begin_is_found_sooner_by_a_head_start() {
    let delay = |fast: bool| -> f64 {
        let delays = (1..=200).map(|seed| {
            let mut chart = Chart::new(&watched(1_000, 1_000, CUSUM));
            let mut noise = Noise(seed);
            let said: Vec<Finding> =
                (0..1_000).flat_map(|t| step(&mut chart, t, noise.normal())).collect();
            if !fast {
                chart = Chart::new(&watched(1_000, 1_000, CUSUM));
                chart.restore(&recorded(&said[0]));
            }
            let found =
                (0..100_000).find(|t| !step(&mut chart, *t, 1.0 + noise.normal()).is_empty());
            found.unwrap() as f64
        });
        delays.sum::<f64>() / 200.0
    };
    let (fast, slow) = (delay(true), delay(false));
    assert!(fast < 0.75 * slow, "{fast} against {slow}");
}
