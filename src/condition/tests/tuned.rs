//! What rules would have said of values that were, and what it would have cost.
use super::{BOTH, CUSUM, Noise, Process, conditions, watched};
use crate::condition::detector::Detectors;
use crate::condition::residual::{Residual, Residuals};
use crate::condition::{Ahead, Change, Row, Sight, Tuned, Tuning, rule_sets, sight};
use crate::model::plant::{Drift, DriftRules, Limits, Monitor, Plant, StationIndex};
use crate::model::{
    Baseline, Code, Digest, Epoch, HandshakeId, HandshakeKey, HandshakeMark, HandshakeNumber,
    ItemKey, Making, Measurement, Permit, Purpose, Quality, Result, Rule, Side, StationId, TagName,
    TraceEvent, Utc, Value, What,
};

const SECOND: i64 = 1_000_000_000;
/// One false alarm in so many values.
const RUN: u64 = 100_000;
const LEARN: u32 = 200;

fn at(seconds: i64) -> Utc {
    Utc(seconds * SECOND)
}

fn serial(n: i64) -> ItemKey {
    ItemKey::unit(Code::parse(&format!("SN-{n}")).unwrap())
}

/// A torque with an upper limit far off.
fn torque() -> Monitor {
    let limits = Limits { high: Some(20.0), ..Limits::default() };
    Monitor { limits: Some(limits), ..watched(RUN, LEARN, DriftRules::DEFAULT) }
}

/// The monitor at a press, under these rules.
fn tuning(rules: &[DriftRules], rearms: bool) -> Tuning {
    let monitor = torque();
    let base = monitor.drift.unwrap();
    let drifts: Vec<Drift> = rules.iter().map(|rules| Drift { rules: *rules, ..base }).collect();
    let plant: Plant = conditions::plant();
    Tuning::new(&plant, StationIndex(0), &monitor, &drifts, (rearms, true))
}

/// A part each second, and what was measured of it.
fn part(tuning: &mut Tuning, n: i64, x: f64, result: Result) {
    let station = StationId::parse("OP10").unwrap();
    let handshake = HandshakeId::parse("result").unwrap();
    let measurements = vec![Measurement {
        name: TagName::parse("torque").unwrap(),
        value: Value::Real(x),
        quality: Quality::GOOD,
        unit: None,
        low: None,
        high: None,
    }];
    let what = What::Inspect { item: serial(n), result: Some(result), measurements };
    let mut event = TraceEvent::bare(what, at(n), Some(station.clone()));
    let number = HandshakeNumber(u64::try_from(n).unwrap());
    let key = HandshakeKey { station, handshake: handshake.clone(), epoch: Epoch(1), number };
    event.handshake = Some(HandshakeMark {
        key,
        digest: Digest([0; 32]),
        permit: Permit::Ok,
        reason: None,
        grounds: None,
        result: None,
        partial: None,
        recipe: None,
    });
    let (item, told) = (serial(n), event.clone());
    tuning.on_event(&event, |conditions, out| {
        let What::Inspect { measurements, .. } = &told.what else { unreachable!() };
        let of = (StationIndex(0), &handshake);
        conditions.on_measurements(of, at(n), (&item, &Making::default()), measurements, out);
    });
}

/// So many parts from this one on, around a level.
fn parts(tuning: &mut Tuning, noise: &mut Noise, of: std::ops::Range<i64>, level: f64) {
    of.for_each(|n| part(tuning, n, level + noise.normal(), Result::Pass));
}

fn rows(tuned: &Tuned) -> Vec<(&[Rule], &Row)> {
    tuned.rows.iter().map(|row| (&row.rules[..], row)).collect()
}

#[test]
fn a_step_after_learning_is_found_with_the_lead_that_the_values_show() {
    let mut tuning = tuning(&[DriftRules::DEFAULT, CUSUM, BOTH], false);
    let mut noise = Noise(11);
    parts(&mut tuning, &mut noise, 0..600, 10.0);
    parts(&mut tuning, &mut noise, 600..700, 11.0);
    part(&mut tuning, 700, 11.0, Result::Fail);
    part(&mut tuning, 720, 25.0, Result::Pass);
    // What is no production is no suspect, and its failing is as it should be.
    let measurements = Vec::new();
    let master = What::Inspect { item: serial(9_999), result: Some(Result::Fail), measurements };
    let shown = TraceEvent::bare(master, at(690), StationId::parse("OP10").ok());
    let shown = TraceEvent { purpose: Purpose::Master, ..shown };
    tuning.on_event(&shown, |_, _| ());
    let tuned = tuning.tuned(torque().drift.as_ref());
    assert_eq!((tuned.values, tuned.first, tuned.last), (702, Some(at(0)), Some(at(720))));
    assert_eq!((tuned.seen.len(), tuned.restarts), (702, 0));
    for (rules, row) in rows(&tuned) {
        let [alarm] = &row.alarms[..] else { panic!("{rules:?}: {:?}", row.alarms) };
        assert!(alarm.time > at(600) && alarm.time < at(680), "{rules:?}: {}", alarm.time);
        assert_eq!((alarm.side, alarm.until, alarm.late_seconds), (Some(Side::High), None, None));
        // A part failed before a value crossed the limit.
        let seconds = at(700).since(alarm.time).as_secs_f64();
        assert_eq!(alarm.ahead, Some(Ahead { of_limit: false, seconds }));
        // What was made from when it may have begun on: all of it, since it stands.
        let first = alarm.suspects.from.0 / SECOND;
        let alarmed = alarm.time.0 / SECOND;
        assert!((500..=610).contains(&first), "{rules:?}: {first}");
        assert_eq!(alarm.suspects.count, u64::try_from(700 - first + 2).unwrap());
        assert_eq!(alarm.suspects.by_then, u64::try_from(alarmed - first + 1).unwrap());
        assert_eq!(alarm.suspects.first, Some(serial(first)));
        assert_eq!(alarm.suspects.last, Some(serial(720)));
        assert_eq!(row.suspects, alarm.suspects.count);
        let judged = u64::try_from(alarmed).unwrap() + 1 - u64::from(LEARN);
        assert_eq!((row.judged, row.alarms_per_week), (judged, None));
        assert!((row.promised - judged as f64 / RUN as f64).abs() < 1e-12);
    }
    let [ewma, cusum, both] = [0, 1, 2].map(|n| &tuned.rows[n]);
    assert!(ewma.in_force && !cusum.in_force && !both.in_force);
    assert_eq!(ewma.learned[0].baseline, cusum.learned[0].baseline);
    assert_eq!(both.alarms[0].joined.len(), 1, "the other rule saw it, too: {:?}", both.alarms);
    assert!(both.learned[0].sees[0].limit > ewma.learned[0].sees[0].limit, "two share a promise");
}

#[test]
fn without_a_change_nothing_is_said_and_nothing_is_suspect() {
    let sets = rule_sets(&torque().of);
    assert_eq!(sets.len(), 6);
    let mut tuning = tuning(&sets, false);
    parts(&mut tuning, &mut Noise(12), 0..900, 10.0);
    let tuned = tuning.tuned(None);
    for (rules, row) in rows(&tuned) {
        assert_eq!((row.alarms.len(), row.suspects), (0, 0), "{rules:?}");
        assert_eq!((row.learned.len(), row.judged), (1, 900 - u64::from(LEARN)), "{rules:?}");
        assert!(!row.in_force && row.not_learned.is_none());
    }
}

#[test]
fn a_value_that_crossed_a_limit_before_says_that_the_alarm_came_late() {
    let mut tuning = tuning(&[DriftRules::DEFAULT], false);
    let mut noise = Noise(11);
    parts(&mut tuning, &mut noise, 0..600, 10.0);
    parts(&mut tuning, &mut noise, 600..603, 10.8);
    part(&mut tuning, 603, 25.0, Result::Pass);
    parts(&mut tuning, &mut noise, 604..700, 11.0);
    let tuned = tuning.tuned(None);
    let alarm = &tuned.rows[0].alarms[0];
    assert_eq!(alarm.late_seconds, Some(alarm.time.since(at(603)).as_secs_f64()), "{alarm:?}");
    assert_eq!(alarm.ahead, None);
}

#[test]
fn an_alarm_stands_until_maintenance_or_is_learned_anew_at_once() {
    let play = |rearms: bool, maintained: Option<i64>| {
        let mut tuning = tuning(&[CUSUM], rearms);
        let mut noise = Noise(11);
        parts(&mut tuning, &mut noise, 0..600, 10.0);
        parts(&mut tuning, &mut noise, 600..1_000, 12.0);
        if let Some(time) = maintained {
            tuning.maintained(at(time));
        }
        parts(&mut tuning, &mut noise, 1_000..1_500, 12.0);
        parts(&mut tuning, &mut noise, 1_500..1_600, 14.0);
        tuning.tuned(None)
    };
    let stands = play(false, None);
    assert_eq!((stands.rows[0].alarms.len(), stands.rows[0].learned.len()), (1, 1));
    let ended = play(false, Some(999));
    let [first, second] = &ended.rows[0].alarms[..] else { panic!("{:?}", ended.rows[0].alarms) };
    assert_eq!((first.until, second.until), (Some(at(999)), None));
    assert_eq!((first.baseline, second.baseline), (1, 2));
    assert_eq!(first.suspects.last, Some(serial(999)), "what was made later is of another time");
    let anew = play(true, None);
    let [first, second] = &anew.rows[0].alarms[..] else { panic!("{:?}", anew.rows[0].alarms) };
    assert_eq!(first.until, Some(first.time));
    assert_eq!(first.suspects.count, first.suspects.by_then);
    assert!(first.time < at(620) && second.time > at(1_500), "{first:?} {second:?}");
}

#[test]
fn a_restart_keeps_baselines_and_alarms_and_loses_what_was_being_learned() {
    let mut cut = tuning(&[CUSUM], false);
    let mut noise = Noise(11);
    for begin in [0, 150, 300] {
        parts(&mut cut, &mut noise, begin..begin + 150, 10.0);
        cut.restart();
    }
    let tuned = cut.tuned(None);
    let why = tuned.rows[0].not_learned.as_deref().unwrap();
    assert!(why.contains("none of 450 values") && why.contains('3'), "{why}");

    let mut tuning = tuning(&[CUSUM], false);
    let mut noise = Noise(11);
    parts(&mut tuning, &mut noise, 0..400, 10.0);
    tuning.restart();
    parts(&mut tuning, &mut noise, 400..500, 12.0);
    tuning.restart();
    parts(&mut tuning, &mut noise, 500..900, 12.0);
    let tuned = tuning.tuned(None);
    let row = &tuned.rows[0];
    assert_eq!((row.learned.len(), row.alarms.len(), tuned.restarts), (1, 1, 2));
    let judged = (row.alarms[0].time.0 / SECOND) + 1 - i64::from(LEARN);
    // The first value after a restart follows on none, and is held against the baseline all the same.
    assert_eq!(row.judged, u64::try_from(judged).unwrap());
}

#[test]
fn too_few_values_and_values_that_only_wander_are_told_as_such() {
    let mut few = tuning(&[CUSUM], false);
    parts(&mut few, &mut Noise(11), 0..60, 10.0);
    let few = few.tuned(None);
    let why = few.rows[0].not_learned.as_deref().unwrap();
    assert_eq!(why, "60 good values are too few: a baseline is learned from 200");
    let mut slope = tuning(&[CUSUM], false);
    (0..900).for_each(|n| part(&mut slope, n, 0.01 * n as f64, Result::Pass));
    let slope = slope.tuned(None);
    assert_eq!((slope.rows[0].judged, slope.rows[0].promised), (0, 0.0));
    assert!(slope.rows[0].not_learned.as_deref().unwrap().contains("a trend"));
}

/// What a rule is said to find, held against charts that look for it.
#[test]
fn a_change_is_found_in_as_many_values_as_is_said() {
    const RUNS: u64 = 400;
    let baseline = Baseline {
        centre_line: 10.0,
        sigma: 2.0,
        phi: 0.4,
        n: 10_000,
        version: 1,
        spread: None,
        group: None,
    };
    let residuals = Residuals::new(&baseline);
    for rules in rule_sets(&torque().of) {
        let spec = Drift { rules, catch: Some(2.0), ..watched(2_000, 50, rules).drift.unwrap() };
        let [Sight { rule, limit, finds }] = &sight::of(&spec, &baseline)[..] else { panic!() };
        assert!(*limit > 2.0 && *limit < 20.0, "{rule:?}: {limit}");
        for found in finds.iter().filter(|found| found.values.is_some_and(|n| n < 100.0)) {
            let mut total = 0_u64;
            for seed in 0..RUNS {
                let mut process = Process::new(seed, 0.0);
                // In a chart that has run for long nothing of a head start is left.
                let mut chart = Detectors::new(&spec, &baseline, &residuals, true);
                let step = |chart: &mut Detectors, z: f64| {
                    chart.step(Residual { z, value: 0.0, expected: 0.0 });
                };
                for _ in 0..60 {
                    step(&mut chart, process.next());
                }
                let change = |z: f64| match found.change {
                    Change::Level { change, .. } => z + residuals.shift(change),
                    Change::Spread { spread } => z * spread,
                };
                total += 1;
                step(&mut chart, change(process.next()));
                while chart.iter().all(|detector| detector.beyond().is_none()) {
                    total += 1;
                    step(&mut chart, change(process.next()));
                }
            }
            let (mean, told) = (total as f64 / RUNS as f64, found.values.unwrap());
            println!("{rule:?} {:?}: {mean:.1} values, told {told:.1}", found.change);
            let sooner = if *rule == Rule::Variance { 0.6 } else { 0.85 };
            assert!(mean < 1.15 * told && mean > sooner * told, "{rule:?} {found:?}: {mean}");
        }
    }
}
