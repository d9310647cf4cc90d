//! What a signal may not do, whatever comes: never a false warning, never one twice, never a wake that is over.
use super::charts::recorded;
use super::conditions::{plant, sample};
use super::watched;
use crate::condition::{Conditions, Finding, Spoken};
use crate::model::plant::{DeviceIndex, DriftRules, Flat, Plant, SignalRules, TagIndex};
use crate::model::{
    At, Baseline, Boot, GapCause, Link, Monotonic, Quality, Rule, Sample, Session, Utc, Value,
    Verdict, VerdictEvent,
};
use proptest::prelude::*;
use std::time::Duration;

const TEMP: u32 = 1;
const ALLOWED: u64 = 180;

/// The press of the other tests; its temperature may be missing for three minutes.
fn guarded() -> Plant {
    let mut plant = plant();
    let temp = &mut plant.stations[0].monitors[0];
    temp.limits = None;
    temp.signal = SignalRules { missing: Some(Duration::from_secs(ALLOWED)), flat: None };
    plant
}

/// The same; it may stand still for three minutes, and normally it does not.
fn lively() -> Bench {
    let mut plant = guarded();
    let temp = &mut plant.stations[0].monitors[0];
    temp.drift = watched(1_000_000, 50, DriftRules::DEFAULT).drift;
    let flat = Flat { lasting: Duration::from_secs(ALLOWED), within: 0.0 };
    temp.signal = SignalRules { missing: None, flat: Some(flat) };
    let mut bench = Bench::new(plant);
    let baseline = Baseline { centre_line: 0.0, sigma: 1.0, phi: 0.0, n: 50, version: 1 };
    let mut learned = recorded(&Finding::new(Rule::Ewma, Verdict::InControl));
    learned.baseline = Some(baseline);
    learned.monitor = bench.plant.stations[0].monitors[0].id.clone();
    bench.conditions.restore(&bench.plant, &learned);
    bench.link(true);
    bench
}

#[derive(Debug, Clone)]
enum Happens {
    /// The tag says something, by a source's clock that may be anything.
    Told(Value, Quality, i64),
    Live,
    Down,
    Lost(bool),
    /// So many seconds pass, with every wake that is asked for.
    Passes(u64),
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_map(Value::Real),
        (-2_i64..3).prop_map(Value::Int),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Real(f64::NAN)),
        Just(Value::Real(f64::INFINITY)),
        Just(Value::text("hot")),
        Just(Value::Empty),
    ]
}

fn quality() -> impl Strategy<Value = Quality> {
    prop_oneof![
        3 => Just(Quality::GOOD),
        1 => Just(Quality::BAD_RANGE),
        1 => Just(Quality(0x4000_0000)),
    ]
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (value(), quality(), any::<i64>()).prop_map(|(v, q, t)| Happens::Told(v, q, t)),
        2 => Just(Happens::Live),
        1 => Just(Happens::Down),
        1 => any::<bool>().prop_map(Happens::Lost),
        4 => (0_u64..400).prop_map(Happens::Passes),
    ]
}

fn is_good(sample: &Sample) -> bool {
    sample.good().and_then(Value::number).is_some_and(f64::is_finite)
}

/// The conditions, and what time it is.
struct Bench {
    plant: Plant,
    conditions: Conditions,
    seconds: u64,
    said: Vec<VerdictEvent>,
}

impl Bench {
    fn new(plant: Plant) -> Self {
        Self { conditions: Conditions::new(&plant), plant, seconds: 0, said: Vec::new() }
    }

    fn at(&self) -> At {
        let ns = self.seconds * 1_000_000_000;
        At { monotonic: Monotonic(ns), wall: Utc(i64::try_from(ns).unwrap()) }
    }

    fn link(&mut self, live: bool) {
        let link = if live {
            let boot = Boot { restart: None, start_time: None };
            Link::Live { boot, session: Session(1), widths: None }
        } else {
            Link::Down { since: None, cause: GapCause::Disconnected, lost: None }
        };
        self.conditions.on_link(self.at(), DeviceIndex(0), &link);
    }

    fn told(&mut self, sample: &Sample) {
        let mut out = Spoken::default();
        self.conditions.on_sample(&self.plant, self.at(), sample, &mut out);
        self.said.extend(out.verdicts);
    }

    /// As long as anything is due by then, the engine is woken.
    fn pass(&mut self, seconds: u64) {
        let end = self.seconds + seconds;
        while let Some((due, _)) = self.conditions.next_wake() {
            let due = due.0.div_ceil(1_000_000_000);
            if due > end {
                break;
            }
            self.seconds = self.seconds.max(due);
            let mut out = Spoken::default();
            self.conditions.on_time(self.at(), &mut out);
            self.said.extend(out.verdicts);
            let next = self.conditions.next_wake();
            assert!(next.is_none_or(|(next, _)| next > self.at().monotonic), "it is due for good");
        }
        self.seconds = end;
    }

    fn happens(&mut self, one: &Happens) {
        match one {
            Happens::Told(value, quality, time) => {
                let sample =
                    Sample { source: Some(Utc(*time)), ..sample(TEMP, value.clone(), *quality) };
                self.told(&sample);
            }
            Happens::Live => self.link(true),
            Happens::Down => self.link(false),
            Happens::Lost(all) => {
                let at = self.at();
                self.conditions.on_lost(at, DeviceIndex(0), (!all).then_some(TagIndex(TEMP)));
            }
            Happens::Passes(seconds) => self.pass(*seconds),
        }
    }
}

/// Beside a hundred thousand charts.
#[test]
fn the_state_of_these_rules_is_small() {
    let size = size_of::<crate::condition::signal::Signal>();
    assert!(size <= 192, "{size} bytes");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_value_is_missing_only_where_none_was_good_in_all_the_time_that_its_device_was_observed(
        all in proptest::collection::vec(happens(), 0..60),
    ) {
        let mut bench = Bench::new(guarded());
        let (mut observed, mut since) = (false, 0);
        let mut warned = false;
        for one in &all {
            let before = (bench.said.len(), bench.seconds);
            bench.happens(one);
            for event in &bench.said[before.0..] {
                prop_assert_eq!(event.rule, Rule::Missing);
                if event.verdict == Verdict::Warning {
                    prop_assert!(!warned && observed, "{:?}", event);
                    prop_assert!(bench.seconds >= since + ALLOWED, "{:?}", event);
                }
                warned = event.verdict == Verdict::Warning;
            }
            match one {
                Happens::Live => (observed, since) = (true, before.1),
                Happens::Down => observed = false,
                Happens::Told(value, quality, _) => {
                    let good = is_good(&sample(TEMP, value.clone(), *quality));
                    if good {
                        prop_assert!(!warned, "the good value ends it");
                        since = before.1;
                    }
                }
                Happens::Lost(_) => since = before.1,
                Happens::Passes(_) => {}
            }
        }
    }

    /// The record says all that is needed to neither raise nor forget a warning.
    #[test]
    fn after_a_restart_at_any_moment_nothing_is_said_twice_and_what_stands_ends(
        all in proptest::collection::vec(happens(), 0..40),
    ) {
        let mut bench = Bench::new(guarded());
        for one in &all {
            bench.happens(one);
        }
        let warned = bench.said.last().is_some_and(|event| event.verdict == Verdict::Warning);
        let mut again = Bench::new(guarded());
        bench.said.iter().for_each(|event| again.conditions.restore(&again.plant, event));
        again.seconds = bench.seconds;
        again.link(true);
        again.told(&sample(TEMP, Value::Real(1.0), Quality::BAD_RANGE));
        again.pass(ALLOWED);
        prop_assert_eq!(again.said.len(), usize::from(!warned));
        again.told(&sample(TEMP, Value::Real(1.0), Quality::GOOD));
        let last = again.said.last().map(|event| event.verdict);
        prop_assert_eq!(last, Some(Verdict::InControl));
    }

    #[test]
    fn a_value_is_flat_only_where_it_was_good_and_the_same_in_all_the_time(
        all in proptest::collection::vec(happens(), 0..60),
    ) {
        let mut bench = lively();
        let (mut last, mut since, mut warned, mut observed) = (None, 0, false, true);
        for one in &all {
            let before = (bench.said.len(), bench.seconds);
            bench.happens(one);
            for event in bench.said[before.0..].iter().filter(|event| event.rule == Rule::Flat) {
                if event.verdict == Verdict::Warning {
                    prop_assert!(!warned && last == event.statistic.map(|x| (x + 0.0).to_bits()), "{:?}", event);
                    prop_assert!(bench.seconds >= since + ALLOWED, "{:?}", event);
                }
                warned = event.verdict == Verdict::Warning;
            }
            observed = !matches!(one, Happens::Down) && (observed || matches!(one, Happens::Live));
            let now = match one {
                Happens::Told(..) if !observed => None,
                Happens::Told(value, quality, _) => {
                    let sample = sample(TEMP, value.clone(), *quality);
                    let number = sample.good().and_then(Value::number);
                    // Zero and its negative are one value.
                    number.filter(|x| x.is_finite()).map(|x| (x + 0.0).to_bits())
                }
                Happens::Down => None,
                Happens::Live | Happens::Passes(_) => last,
                Happens::Lost(_) => {
                    since = before.1;
                    last
                }
            };
            if now != last {
                (last, since) = (now, before.1);
            }
        }
    }
}
