//! What a signal may not do, whatever comes: never a false warning, never one twice, never a wake that is over.
use super::charts::recorded;
use super::conditions::{plant, sample};
use super::watched;
use crate::condition::{Conditions, Finding, Spoken};
use crate::model::label::CodeForm;
use crate::model::plant::{
    CodeFrom, CodeSpec, Condition, DeviceIndex, DriftRules, Flat, Limits, Phase, Plant, ScopeFrom,
    SignalRules, StationIndex, TagIndex, Test, Word,
};
use crate::model::{
    At, Baseline, Boot, GapCause, ItemClass, Link, Monotonic, Onset, PhaseId, Quality, Rule,
    Sample, Session, Utc, Value, Verb, Verdict, VerdictEvent,
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
fn lively(phases: Vec<Phase>) -> Bench {
    let mut plant = guarded();
    plant.stations[0].phases = phases;
    let temp = &mut plant.stations[0].monitors[0];
    temp.drift = watched(1_000_000, 50, DriftRules::DEFAULT).drift;
    let flat = Flat { lasting: Duration::from_secs(ALLOWED), within: 0.0 };
    temp.signal = SignalRules { missing: None, flat: Some(flat) };
    let mut bench = Bench::new(plant);
    let baseline = Baseline {
        centre_line: 0.0,
        sigma: 1.0,
        phi: 0.0,
        n: 50,
        version: 1,
        spread: None,
        group: None,
    };
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

fn wall(seconds: u64) -> Utc {
    Utc(i64::try_from(seconds * 1_000_000_000).unwrap())
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
        At { monotonic: Monotonic(self.seconds * 1_000_000_000), wall: wall(self.seconds) }
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

#[test]
fn these_rules_speak_by_our_clock_whatever_the_source_says() {
    for rule in [Rule::Missing, Rule::Flat] {
        let mut bench = if rule == Rule::Flat { lively(Vec::new()) } else { Bench::new(guarded()) };
        bench.seconds = 7_200;
        bench.link(true);
        let told = |bench: &mut Bench, value, quality| {
            let source = Some(wall(bench.seconds - 3_600));
            bench.told(&Sample { source, ..sample(TEMP, Value::Real(value), quality) });
            bench.pass(ALLOWED);
        };
        let stands = if rule == Rule::Flat { Quality::GOOD } else { Quality::BAD_RANGE };
        told(&mut bench, 1.0, Quality::GOOD);
        told(&mut bench, 1.0, stands);
        told(&mut bench, 2.0, Quality::GOOD);
        let said = bench.said.iter().filter(|event| event.rule == rule);
        let said: Vec<_> = said.map(|event| (event.verdict, event.time)).collect();
        let (began, ended) = if rule == Rule::Flat { (180, 360) } else { (360, 360) };
        let wanted = [(Verdict::Warning, began), (Verdict::InControl, ended)];
        let wanted = wanted.map(|(verdict, seconds)| (verdict, wall(7_200 + seconds)));
        assert!(said.windows(2).any(|said| said == wanted), "{rule:?}: {said:?}");
    }
}

/// Devices tell a value when it changes: one that was told once and stands is beyond for as long as nothing else is told.
#[test]
fn a_value_that_was_told_once_and_stands_beyond_warns_when_its_delay_is_over() {
    let mut plant = guarded();
    let [on_delay, off_delay] = [60, 30].map(Duration::from_secs);
    let limits = Limits { high: Some(80.0), on_delay, off_delay, ..Limits::default() };
    let temp = &mut plant.stations[0].monitors[0];
    (temp.limits, temp.signal) = (Some(limits), SignalRules::default());
    let said = |bench: &Bench| {
        let said = bench.said.iter().map(|event| (event.verdict, event.time));
        said.collect::<Vec<_>>()
    };
    let told = |bench: &mut Bench, value| {
        let source = Some(bench.at().wall);
        bench.told(&Sample { source, ..sample(TEMP, Value::Real(value), Quality::GOOD) });
    };
    let mut bench = Bench::new(plant);
    bench.link(true);
    told(&mut bench, 90.0);
    bench.pass(59);
    assert_eq!(said(&bench), []);
    bench.pass(1);
    let warned = (Verdict::Warning, wall(60));
    assert_eq!(said(&bench), [warned], "by the wake, without another value");
    assert_eq!(bench.said[0].onset.unwrap().estimate, wall(0));
    told(&mut bench, 70.0);
    bench.pass(20);
    // What is not observed is not inside.
    bench.link(false);
    bench.pass(100);
    bench.link(true);
    told(&mut bench, 70.0);
    bench.pass(29);
    assert_eq!(said(&bench), [warned]);
    bench.pass(1);
    assert_eq!(said(&bench)[1..], [(Verdict::InControl, wall(210))]);
    // A restart neither says it again nor forgets it, and begins the delay anew.
    told(&mut bench, 90.0);
    bench.pass(40);
    let mut again = Bench::new(bench.plant.clone());
    again.conditions.restore(&again.plant, &bench.said[1]);
    again.link(true);
    told(&mut again, 90.0);
    again.pass(59);
    assert_eq!(again.said, []);
    again.pass(1);
    assert_eq!(said(&again), [warned]);
}

/// A phase of the station; `item`: of a lot.
pub(super) fn phase(event: Option<Verb>, item: bool) -> Phase {
    let word = Word { tag: TagIndex(0), bit: None };
    let item = item.then_some(CodeSpec {
        class: ItemClass::Lot,
        from: CodeFrom::Word(word),
        scope: ScopeFrom::Site,
        no_read: Vec::new(),
        form: CodeForm::default(),
    });
    Phase {
        id: PhaseId::parse("cook").unwrap(),
        while_: Condition { word, test: Test::Changes },
        split: Vec::new(),
        ignore: Duration::ZERO,
        settle: Duration::ZERO,
        confirm: None,
        event,
        item,
        operation: None,
        record: Vec::new(),
        by: None,
    }
}

#[test]
fn only_where_a_station_is_seen_to_work_does_flat_wait_for_work() {
    let cases = [
        (Some(Verb::Complete), true, true),
        (Some(Verb::Inspect), true, true),
        (None, true, true),
        (Some(Verb::Complete), false, false),
        (Some(Verb::Clean), true, false),
        (None, false, false),
    ];
    for (event, item, tells) in cases {
        let mut bench = lively(vec![phase(event, item)]);
        bench.told(&sample(TEMP, Value::Real(1.0), Quality::GOOD));
        bench.pass(ALLOWED);
        let warned = |bench: &Bench| bench.said.iter().any(|e| e.verdict == Verdict::Warning);
        assert_eq!(warned(&bench), !tells, "{event:?} {item}");
        for _ in 0..2 {
            let (at, mut out) = (bench.at(), Spoken::default());
            bench.conditions.on_work(at, StationIndex(0), &mut out);
            bench.said.extend(out.verdicts);
            bench.pass(ALLOWED);
        }
        assert!(warned(&bench), "{event:?} {item}");
    }
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

    #[test]
    fn a_sensor_that_stays_bad_is_warned_of_whatever_was_lost_before(
        all in proptest::collection::vec(happens(), 0..20),
        losses in proptest::collection::vec(0_u64..ALLOWED, 0..5),
    ) {
        let mut bench = Bench::new(guarded());
        for one in &all {
            bench.happens(one);
        }
        bench.link(true);
        bench.told(&sample(TEMP, Value::Real(1.0), Quality::BAD_RANGE));
        for seconds in losses {
            bench.pass(seconds);
            bench.happens(&Happens::Lost(true));
        }
        bench.pass(2 * ALLOWED);
        prop_assert_eq!(bench.said.last().map(|event| event.verdict), Some(Verdict::Warning));
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
        let mut bench = lively(Vec::new());
        let (mut last, mut since, mut warned, mut observed) = (None, 0, false, true);
        // Since when it is seen to stand there, and whether it was seen to move there.
        let (mut begin, mut moved, mut unseen) = (0, false, true);
        for one in &all {
            let before = (bench.said.len(), bench.seconds);
            bench.happens(one);
            for event in bench.said[before.0..].iter().filter(|event| event.rule == Rule::Flat) {
                if event.verdict == Verdict::Warning {
                    prop_assert!(!warned && last == event.statistic.map(|x| (x + 0.0).to_bits()), "{:?}", event);
                    prop_assert!(bench.seconds >= since + ALLOWED, "{:?}", event);
                    let begin = wall(begin);
                    let earliest = moved.then_some(begin);
                    let onset = Onset { estimate: begin, earliest, latest: begin };
                    prop_assert_eq!(event.onset, Some(onset));
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
                    (since, begin, moved) = (before.1, before.1, false);
                    last
                }
            };
            if matches!(one, Happens::Told(..)) && now.is_some() && (unseen || now != last) {
                (begin, moved, unseen) = (before.1, !unseen, false);
            }
            unseen |= now.is_none() || matches!(one, Happens::Lost(_));
            if now != last {
                (last, since) = (now, before.1);
            }
        }
    }
}
