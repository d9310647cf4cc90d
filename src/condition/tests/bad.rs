//! What is no value, or no order of values: nothing is said because of it, and nothing panics.
use super::*;
use crate::model::Verdict;
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Seen {
    /// A normal value, so many nanoseconds after the one before, or before it.
    Good(i64),
    /// No good number.
    Bad,
    NaN,
    Infinite(bool),
    /// Finite, and as far away as can be.
    Huge(bool),
    /// The device was not observed.
    Pause,
}

fn seen() -> impl Strategy<Value = Seen> {
    prop_oneof![
        12 => prop_oneof![Just(1), Just(0), Just(-1), -1_000_000_000_000..1_000_000_000_000_i64]
            .prop_map(Seen::Good),
        1 => Just(Seen::Bad),
        1 => Just(Seen::NaN),
        1 => any::<bool>().prop_map(Seen::Infinite),
        1 => Just(Seen::Pause),
    ]
}

fn take(chart: &mut Chart, time: i64, value: Option<f64>) -> Vec<Finding> {
    let mut out = Vec::new();
    chart.step(&Observation { time: Utc(time), value, item: None }, &mut |found| out.push(found));
    out
}

/// What all this says, stepped on normal values around 0; the times of the values may be anything.
fn said_of(chart: &mut Chart, noise: &mut Noise, all: &[Seen]) -> Vec<Finding> {
    let mut time = 0_i64;
    let mut said = Vec::new();
    for one in all {
        let value = match *one {
            Seen::Good(later) => {
                time = time.saturating_add(later);
                Some(noise.normal())
            }
            Seen::Bad => None,
            Seen::NaN => Some(f64::NAN),
            Seen::Infinite(high) => Some(if high { f64::INFINITY } else { f64::NEG_INFINITY }),
            Seen::Huge(high) => Some(if high { f64::MAX } else { f64::MIN }),
            Seen::Pause => {
                chart.interrupt();
                continue;
            }
        };
        said.extend(take(chart, time, value));
    }
    said
}

fn every_rule() -> impl Strategy<Value = DriftRules> {
    prop_oneof![Just(DriftRules::DEFAULT), Just(CUSUM), Just(ZONES), Just(ALL)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn times_without_order_change_nothing_but_when_a_change_began(
        rules in every_rule(),
        seed in any::<u64>(),
        all in proptest::collection::vec(seen(), 0..600),
    ) {
        let in_order: Vec<Seen> = all.iter().map(|one| {
            if matches!(one, Seen::Good(_)) { Seen::Good(1) } else { *one }
        }).collect();
        // Of so short a promise many a chart alarms.
        let of = |all: &[Seen]| {
            let said = said_of(&mut Chart::new(&watched(100, 30, rules)), &mut Noise(seed), all);
            said.into_iter().map(|found| Finding { onset: None, ..found }).collect::<Vec<_>>()
        };
        prop_assert_eq!(of(&all), of(&in_order));
    }

    #[test]
    fn bad_values_are_as_if_they_had_never_come(
        rules in every_rule(),
        seed in any::<u64>(),
        all in proptest::collection::vec(seen(), 0..400),
    ) {
        let kept = |one: &Seen| matches!(one, Seen::Good(_) | Seen::Pause);
        let good: Vec<Seen> = all.iter().copied().filter(kept).collect();
        let of = |all: &[Seen]| {
            said_of(&mut Chart::new(&watched(20, 30, rules)), &mut Noise(seed), all)
        };
        prop_assert_eq!(of(&all), of(&good));
    }

    #[test]
    fn finite_values_of_any_size_panic_nowhere_and_make_no_number_that_is_none(
        rules in every_rule(),
        seed in any::<u64>(),
        all in proptest::collection::vec(
            prop_oneof![4 => seen(), 1 => any::<bool>().prop_map(Seen::Huge)], 0..400),
    ) {
        let mut chart = Chart::new(&watched(1_000, 30, rules));
        for found in said_of(&mut chart, &mut Noise(seed), &all) {
            let baseline = found.baseline.unwrap();
            let numbers = [baseline.centre_line, baseline.sigma, baseline.phi];
            let all = numbers.into_iter().chain(found.statistic).chain(found.limit);
            prop_assert!(all.into_iter().all(f64::is_finite));
        }
    }
}

/// Of the same values many a chart alarms that promises less, so that it is seen that they could.
#[test]
fn pauses_bad_values_and_times_without_order_are_no_reason_to_alarm() {
    let all = [Seen::Good(1), Seen::Bad, Seen::Good(-1_000), Seen::Pause, Seen::Good(0), Seen::NaN];
    let all: Vec<Seen> = all.iter().cycle().take(12_000).copied().collect();
    for rules in [DriftRules::DEFAULT, CUSUM, ZONES, ALL] {
        let alarms = |run_length: u64| {
            let said =
                said_of(&mut Chart::new(&watched(run_length, 300, rules)), &mut Noise(7), &all);
            assert!(!said.is_empty(), "it has learned: {rules:?}");
            said.iter().filter(|found| found.verdict != Verdict::InControl).count()
        };
        assert_eq!(alarms(1_000_000_000), 0, "{rules:?}");
        assert!(alarms(100) > 0, "{rules:?}");
    }
}

#[test]
fn a_constant_and_three_values_are_no_baseline() {
    for rules in [DriftRules::DEFAULT, CUSUM, ZONES, ALL] {
        let mut chart = Chart::new(&watched(1_000, 3, rules));
        for t in 0..3 {
            assert_eq!(step(&mut chart, t, Noise(u64::try_from(t).unwrap()).normal()), []);
        }
        let mut chart = Chart::new(&watched(1_000, 30, rules));
        for t in 0..1_000 {
            assert_eq!(step(&mut chart, t, f64::MAX), []);
        }
    }
}

#[test]
fn a_learned_signal_that_freezes_at_its_centre_has_not_drifted() {
    for rules in [DriftRules::DEFAULT, CUSUM, ZONES, ALL] {
        let mut chart = Chart::new(&watched(1_000, 300, rules));
        let mut noise = Noise(3);
        let said: Vec<Finding> =
            (0..300).flat_map(|t| step(&mut chart, t, noise.normal())).collect();
        let centre = said[0].baseline.as_ref().unwrap().centre_line;
        for t in 300..10_000 {
            assert_eq!(step(&mut chart, t, centre), []);
        }
    }
}
