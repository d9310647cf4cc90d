//! The promise to the user, by simulation with fixed seeds: false alarms as seldom as promised, changes
//! found as soon as the tables say, and the begin of a change within the bounds given.
use super::*;
use crate::model::Verdict;

/// Steps a chart until it has learned; returns the time of the value that completed it.
fn learned(chart: &mut Chart, process: &mut Process) -> i64 {
    (0..20_000).find(|time| !step(chart, *time, process.next()).is_empty()).unwrap()
}

/// Share of charts that alarm falsely within a quarter of the promised interval, over the share that
/// charts with a known centre and spread would.
fn false_alarms(rules: DriftRules, phi: f64, learn: u32, run_length: u64) -> f64 {
    let charts = 800;
    let alarms = (1..=charts).filter(|seed| {
        let mut process = Process::new(*seed, phi);
        let mut chart = Chart::new(&watched(run_length, learn, rules));
        learned(&mut chart, &mut process);
        (0..run_length / 4).any(|_| !step(&mut chart, 0, process.next()).is_empty())
    });
    alarms.count() as f64 / charts as f64 / -(-0.25_f64).exp_m1()
}

#[test]
fn false_alarms_of_independent_values_are_as_seldom_as_promised() {
    for (learn, run_length) in [(50, 500), (50, 2_000), (300, 1_000)] {
        let found = false_alarms(DriftRules::DEFAULT, 0.0, learn, run_length);
        assert!((0.7..1.5).contains(&found), "{found} after {learn} values, {run_length}");
    }
}

#[test]
fn false_alarms_of_autocorrelated_values_are_as_seldom_as_promised() {
    for (phi, learn, run_length) in [(0.5, 100, 500), (0.5, 300, 1_000), (0.9, 300, 500)] {
        let found = false_alarms(DriftRules::DEFAULT, phi, learn, run_length);
        assert!((0.7..1.5).contains(&found), "{found} at {phi} after {learn} values, {run_length}");
    }
}

#[test]
fn other_rules_and_several_together_alarm_falsely_as_seldom_as_promised() {
    let mut wrong = Vec::new();
    for rules in [CUSUM, BOTH, ZONES, TWO, ALL, SPREAD, SPREAD_TOO, EVERY] {
        for (phi, learn, run_length) in
            [(0.0, 50, 500), (0.0, 300, 1_000), (0.5, 300, 1_000), (0.9, 300, 500)]
        {
            let found = false_alarms(rules, phi, learn, run_length);
            let told = format!("{found:.2} by {rules:?} at {phi} after {learn}, {run_length}");
            println!("{told}");
            // A spread is judged a little too cautiously: what errs in the correlation does not touch it.
            let least = if rules.variance { 0.7 } else { 0.8 };
            if !(least..1.2).contains(&found) {
                wrong.push(told);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What a change of the given shape, begun 300 values after learning, was found to be.
struct Found {
    /// Values from the begin to the alarm, mean.
    delay: f64,
    /// Share of changes of which the true begin is within the bounds.
    covered: f64,
    /// Share of changes whose begin has an earliest bound.
    bounded: f64,
    /// Share of the affected values from the earliest begin on, mean.
    recall: f64,
}

fn change(rules: DriftRules, learn: u32, run_length: u64, shape: fn(f64) -> f64) -> Found {
    let (mut found, mut delay, mut covered, mut recall) = (0.0, 0.0, 0.0, 0.0);
    let mut bounded = 0.0;
    for seed in 1..=400 {
        let mut process = Process::new(seed, 0.0);
        let mut chart = Chart::new(&watched(run_length, learn, rules));
        let learned = learned(&mut chart, &mut process);
        let begin = learned + 300;
        let (time, finding) = (learned + 1..)
            .find_map(|time| {
                let affected = if time < begin { 0.0 } else { shape((time - begin) as f64) };
                step(&mut chart, time, process.next() + affected).pop().map(|found| (time, found))
            })
            .unwrap();
        if time < begin {
            continue;
        }
        assert_eq!(finding.verdict, Verdict::Drift);
        let onset = finding.onset.unwrap();
        let earliest = onset.earliest.map_or(learned, |earliest| earliest.0);
        let values = (time - begin + 1) as f64;
        found += 1.0;
        delay += values;
        bounded += f64::from(u8::from(onset.earliest.is_some()));
        covered += f64::from(u8::from((earliest..=onset.latest.0).contains(&begin)));
        recall += (time - begin.max(earliest) + 1) as f64 / values;
    }
    Found {
        delay: delay / found,
        covered: covered / found,
        bounded: bounded / found,
        recall: recall / found,
    }
}

#[test]
fn a_step_of_one_sigma_is_found_as_soon_as_the_table_says_and_its_begin_is_within_the_bounds() {
    // Table: 10.33 at a run length of 500 with a known centre and spread.
    let step = change(DriftRules::DEFAULT, 1_000, 500, |_| 1.0);
    assert!((9.3..11.4).contains(&step.delay), "found after {}", step.delay);
    assert!(step.covered > 0.85, "covered {}", step.covered);
    assert!(step.recall > 0.98, "recall {}", step.recall);
}

#[test]
fn a_slow_ramp_is_found_and_its_earliest_begin_takes_in_most_of_what_it_affected() {
    // Table: 53.3 at a run length of 500 with a known centre and spread.
    let ramp = change(DriftRules::DEFAULT, 300, 500, |since| 0.01 * since);
    assert!((45.0..65.0).contains(&ramp.delay), "found after {}", ramp.delay);
    assert!(ramp.recall > 0.85, "recall {}", ramp.recall);
}

#[test]
fn the_begin_of_a_step_or_a_ramp_is_within_its_bounds_in_nine_of_ten_cases() {
    type Shape = fn(f64) -> f64;
    let steps: &[Shape] = &[|_| 0.75, |_| 1.0, |_| 1.5, |_| 2.0];
    let ramps: &[Shape] = &[|since| 0.01 * since, |since| 0.05 * since, |since| 0.1 * since];
    let mut wrong = Vec::new();
    for learn in [50, 300] {
        for (name, shapes) in [("steps", steps), ("ramps", ramps)] {
            let of = |shape: &Shape| change(DriftRules::DEFAULT, learn, 500, *shape);
            let found: Vec<Found> = shapes.iter().map(of).collect();
            let each: Vec<f64> = found.iter().map(|found| found.covered).collect();
            let bounded = found.iter().map(|found| found.bounded).fold(1.0, f64::min);
            let mean = each.iter().sum::<f64>() / each.len() as f64;
            let told =
                format!("{name} after {learn}: {mean:.3} of {each:.3?}, bounded {bounded:.3}");
            println!("{told}");
            // Of one shape there are so few runs that it may be off by two of a hundred more.
            let is_near = |covered: &f64| (0.85..=0.95).contains(covered);
            if !(0.87..=0.93).contains(&mean) || !each.iter().all(is_near) || bounded < 0.98 {
                wrong.push(told);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
