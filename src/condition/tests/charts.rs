//! One chart: what it learns, that it speaks once, and what comes back after a restart.
use super::*;
use crate::model::{Rule, Side, StationId, Verdict, VerdictEvent};

pub(super) fn recorded(finding: &Finding) -> VerdictEvent {
    VerdictEvent {
        station: StationId::parse("OP10").unwrap(),
        monitor: MonitorId::parse("torque").unwrap(),
        rule: finding.rule,
        verdict: finding.verdict,
        side: finding.side,
        statistic: finding.statistic,
        limit: finding.limit,
        time: Utc(0),
        onset: finding.onset,
        baseline: finding.baseline.clone(),
        item: None,
        unit: None,
        over: None,
        joins: finding.joins,
        test: finding.test,
        quality: finding.quality,
        reaches: finding.reaches,
        contributors: finding.contributors.clone(),
        product: finding.making.product.clone(),
        recipe: finding.making.recipe.clone(),
    }
}

/// A chart that has learned around 10 ± 2, and what it said of it.
fn learned() -> (Chart, Noise, Finding) {
    let mut chart = Chart::new(&monitor(10_000, 100));
    let mut noise = Noise(7);
    let said = (0..100).flat_map(|t| step(&mut chart, t, 10.0 + 2.0 * noise.normal())).collect();
    let [baseline]: [Finding; 1] = Vec::try_into(said).unwrap();
    (chart, noise, baseline)
}

#[test]
fn a_baseline_is_told_once_with_what_was_learned() {
    let (_, _, finding) = learned();
    assert_eq!((finding.rule, finding.verdict), (Rule::Ewma, Verdict::InControl));
    let baseline = finding.baseline.unwrap();
    assert!((baseline.centre_line - 10.0).abs() < 0.6, "{baseline:?}");
    assert!((baseline.sigma - 2.0).abs() < 0.5, "{baseline:?}");
    assert!(baseline.phi.abs() < 0.3, "{baseline:?}");
    assert_eq!((baseline.n, baseline.version), (100, 1));
}

#[test]
fn a_change_alarms_once_in_the_monitors_unit_and_stays_until_rearmed() {
    let (mut chart, mut noise, first) = learned();
    let mut said: Vec<Finding> =
        (0..1_000).flat_map(|t| step(&mut chart, t, 4.0 + 2.0 * noise.normal())).collect();
    let drift = said.remove(0);
    assert_eq!((drift.verdict, drift.side), (Verdict::Drift, Some(Side::Low)));
    assert_eq!(drift.baseline, first.baseline);
    let (statistic, limit) = (drift.statistic.unwrap(), drift.limit.unwrap());
    assert!(4.0 < statistic && statistic < limit && limit < 10.0, "{statistic} {limit}");
    assert_eq!(said, []);

    chart.learn_anew(1);
    let said: Vec<Finding> =
        (0..1_000).flat_map(|t| step(&mut chart, t, 4.0 + 2.0 * noise.normal())).collect();
    let baseline = said[0].baseline.as_ref().unwrap();
    assert_eq!((said.len(), baseline.version), (1, 2));
    assert!((baseline.centre_line - 4.0).abs() < 0.6, "{baseline:?}");
}

#[test]
fn one_spike_is_no_drift() {
    let (mut chart, mut noise, _) = learned();
    for t in 0..20 {
        assert_eq!(step(&mut chart, t, 10.0 + 2.0 * noise.normal()), []);
    }
    assert_eq!(step(&mut chart, 20, 1e9), []);
    for t in 21..60 {
        assert_eq!(step(&mut chart, t, 10.0 + 2.0 * noise.normal()), []);
    }
}

#[test]
fn bad_values_neither_enter_nor_reset_a_chart() {
    let (mut chart, mut noise, _) = learned();
    let mut without = chart.clone();
    let silence = |chart: &mut Chart, value: Option<f64>| {
        let seen = Observation { time: Utc(0), value, item: None };
        chart.step(&seen, &mut |finding| panic!("{finding:?}"));
    };
    for t in 0..1_000 {
        for bad in [None, Some(f64::NAN), Some(f64::INFINITY)] {
            silence(&mut chart, bad);
        }
        let x = 12.0 + 2.0 * noise.normal();
        let said = step(&mut chart, t, x);
        assert_eq!(said, step(&mut without, t, x));
        if !said.is_empty() {
            return;
        }
    }
    panic!("the shift was never found");
}

#[test]
fn a_restart_brings_back_the_baseline_and_neither_raises_nor_forgets_an_alarm() {
    let (mut chart, mut noise, baseline) = learned();
    let mut again = Chart::new(&monitor(10_000, 100));
    again.restore(&recorded(&baseline));
    let said = |chart: &mut Chart, noise: &mut Noise| {
        (0..100).flat_map(|t| step(chart, t, 16.0 + 2.0 * noise.normal())).collect::<Vec<_>>()
    };
    let drift = said(&mut chart, &mut noise);
    assert_eq!(drift.len(), 1);
    let drift_again = said(&mut again, &mut noise);
    assert_eq!(drift_again.len(), 1);
    assert_eq!(drift_again[0].baseline, baseline.baseline);

    let mut third = Chart::new(&monitor(10_000, 100));
    third.restore(&recorded(&baseline));
    third.restore(&recorded(&drift[0]));
    assert_eq!(said(&mut third, &mut noise), []);
}

#[test]
fn taking_back_what_is_so_already_changes_nothing() {
    let (mut chart, mut noise, baseline) = learned();
    let mut untouched = chart.clone();
    for t in 0..1_000 {
        chart.restore(&recorded(&baseline));
        let x = 12.0 + 2.0 * noise.normal();
        let said = step(&mut chart, t, x);
        assert_eq!(said, step(&mut untouched, t, x));
        if let Some(drift) = said.first() {
            chart.restore(&recorded(drift));
            return;
        }
    }
    panic!("the shift was never found");
}

#[test]
fn an_interrupted_chart_does_not_take_the_next_value_as_following_on_the_last() {
    let (mut chart, _, _) = learned();
    for t in 0..1_000 {
        chart.interrupt();
        assert_eq!(step(&mut chart, t, 16.0), []);
    }
}

#[test]
fn a_trend_a_constant_and_a_random_walk_are_never_learned() {
    let mut noise = Noise(3);
    let mut walk = 0.0;
    let shapes: [&mut dyn FnMut(i64) -> f64; 3] =
        [&mut |t| 0.05 * t as f64 + Noise(t.unsigned_abs()).normal(), &mut |_| 21.5, &mut |_| {
            walk += noise.normal();
            walk
        }];
    for shape in shapes {
        let mut chart = Chart::new(&monitor(10_000, 100));
        for t in 0..5_000 {
            assert_eq!(step(&mut chart, t, shape(t)), []);
        }
    }
}

#[test]
fn a_level_that_changes_while_it_is_learned_is_learned_as_it_is_after_the_change() {
    let mut noise = Noise(5);
    let mut chart = Chart::new(&monitor(10_000, 100));
    let level = |t| if t < 50 { 0.0 } else { 2.5 };
    let said: Vec<Finding> =
        (0..300).flat_map(|t| step(&mut chart, t, level(t) + noise.normal())).collect();
    let [Finding { baseline: Some(baseline), .. }] = &said[..] else { panic!("{said:?}") };
    assert!((baseline.centre_line - 2.5).abs() < 0.4, "{baseline:?}");
}

#[test]
fn outliers_and_coarse_values_do_not_spoil_a_baseline() {
    let mut noise = Noise(11);
    let mut spoilt = |t: i64| if t % 20 == 7 { 1e6 } else { noise.normal() };
    let mut chart = Chart::new(&monitor(10_000, 100));
    let said: Vec<Finding> = (0..100).flat_map(|t| step(&mut chart, t, spoilt(t))).collect();
    let baseline = said[0].baseline.as_ref().unwrap();
    assert_eq!(baseline.n, 95);
    assert!((0.75..1.25).contains(&baseline.sigma), "{baseline:?}");

    let mut noise = Noise(11);
    let mut chart = Chart::new(&monitor(10_000, 100));
    let coarse = |x: f64| f64::from(u8::from(x > 1.2));
    let said: Vec<Finding> =
        (0..100).flat_map(|t| step(&mut chart, t, coarse(noise.normal()))).collect();
    let baseline = said[0].baseline.as_ref().unwrap();
    assert!(baseline.sigma >= 1.0 / 12f64.sqrt(), "{baseline:?}");
}

#[test]
fn both_rules_of_a_monitor_say_what_holds_from_now_on() {
    let mut watched = monitor(10_000, 100);
    watched.limits = Some(Limits { high: Some(30.0), deadband: 1.0, ..Limits::default() });
    let mut chart = Chart::new(&watched);
    let mut noise = Noise(7);
    let mut said = Vec::new();
    for t in 0..300 {
        let level = if t < 150 { 10.0 } else { 20.0 };
        let spike = t == 50 || t == 250;
        let x = if spike { 31.0 } else { level + 2.0 * noise.normal() };
        said.extend(step(&mut chart, t, x).into_iter().map(|found| (found.rule, found.verdict)));
    }
    let wanted = [
        (Rule::Limit, Verdict::InControl),
        (Rule::Limit, Verdict::Warning),
        (Rule::Limit, Verdict::InControl),
        (Rule::Ewma, Verdict::InControl),
        (Rule::Ewma, Verdict::Drift),
        (Rule::Limit, Verdict::Warning),
        (Rule::Limit, Verdict::Drift),
    ];
    assert_eq!(said, wanted);
}

/// Only values that vary more or less are told, with a standard deviation and since when; the other rules may join.
#[test]
fn a_spread_that_changes_is_told_as_one_and_since_when() {
    for (times, side) in [(2.0, Side::High), (0.4, Side::Low)] {
        let mut process = Process::new(7, 0.5);
        let mut chart = Chart::new(&watched(100_000, 300, SPREAD));
        let learned =
            (0..20_000).find(|time| !step(&mut chart, *time, process.next()).is_empty()).unwrap();
        let quiet =
            (learned + 1..learned + 300).flat_map(|time| step(&mut chart, time, process.next()));
        assert_eq!(quiet.count(), 0);
        let begin = learned + 300;
        let values = begin..begin + 200;
        let found = values.flat_map(|time| step(&mut chart, time, times * process.next()));
        let found: Vec<Finding> = found.collect();
        let [found] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (found.rule, found.verdict, found.side),
            (Rule::Variance, Verdict::Drift, Some(side))
        );
        let (statistic, limit) = (found.statistic.unwrap(), found.limit.unwrap());
        assert!((statistic / times - 1.0).abs() < 0.3, "{statistic} of {times}");
        assert_eq!(statistic > limit, side == Side::High, "{statistic} {limit}");
        let onset = found.onset.unwrap();
        assert!((begin - 40..begin + 40).contains(&onset.estimate.0), "{onset:?} {begin}");
        assert!(onset.earliest.is_some_and(|earliest| earliest.0 <= begin + 10), "{onset:?}");
    }
}

/// What is coarse, lopsided or has no tails has a spread of its own; it is learned, not taken for one of normal values.
#[test]
fn values_that_are_not_normal_are_no_change_of_spread() {
    let shapes: [fn(f64) -> f64; 3] = [|z| (0.4 * z).exp(), |z| (0.8 * z).round(), f64::tanh];
    for (at, shape) in shapes.into_iter().enumerate() {
        let alarms = (1..=100).filter(|seed| {
            let mut process = Process::new(*seed, 0.0);
            let mut chart = Chart::new(&watched(10_000, 300, SPREAD));
            let mut value = || shape(process.next());
            (0..20_000).any(|time| !step(&mut chart, time, value()).is_empty());
            (0..1_000).any(|time| !step(&mut chart, time, value()).is_empty())
        });
        let alarms = alarms.count();
        // A tenth of the interval: one chart in ten.
        assert!(alarms <= 25, "{alarms} of 100 with shape {at}");
    }
}
