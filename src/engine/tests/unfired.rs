//! Whoever watches is told of every word that moved what came of it, or why nothing did.
use super::floor::Floor;
use super::*;
use crate::model::plant::{BaselinePer, Drift, DriftRules, Flat, Limits, SignalRules};

const STATE: TagIndex = TagIndex(6);
const BATCH: TagIndex = TagIndex(7);
const COUNT: TagIndex = TagIndex(8);
const TOOL: TagIndex = TagIndex(9);

#[track_caller]
fn says(told: &[String], about: &str, text: &str) {
    let found = told.iter().any(|line| line.starts_with(about) && line.contains(text));
    assert!(found, "wanted `{about}: … {text}`, told {told:?}");
}

fn unchanged(_: &mut Plant) {}

#[test]
fn a_counter_says_why_it_does_not_fire_and_what_it_answers_again() {
    let first = |plant: &mut Plant| plant.stations[0].handshakes[0].first = First::Baseline;
    let mut floor = Floor::new(first, Pattern::Counter);
    let told = floor.tell(TRIGGER, Value::UInt(5));
    says(&told, "ST10.result", "did not fire because 5 stood there at first contact: another asks");
    assert_eq!(floor.tell(TRIGGER, Value::UInt(6)), [""; 0], "it fired");
    let record = floor.last();
    let told = floor.wipe();
    let again = format!("request 6 with the same words: answered again as #{record}");
    says(&told, "ST10.result", &again);
    floor.words.insert(FORCE, Value::UInt(9));
    floor.wipe();
    let conflict = floor.last();
    assert!(conflict > record, "another request under the same number is set aside");
    let told = floor.wipe();
    let again = format!("request 6 with other words: answered again as #{conflict}");
    says(&told, "ST10.result", &again);
    says(&floor.tell_bad(TRIGGER), "ST10.result", "did not fire because the trigger is Bad");
}

#[test]
fn a_request_that_has_to_wait_says_for_what() {
    let settles = |plant: &mut Plant| {
        plant.stations[0].handshakes[0].settle = Duration::from_millis(50);
    };
    let mut floor = Floor::new(settles, Pattern::Counter);
    floor.tell(ACK, Value::UInt(0));
    let told = floor.tell(TRIGGER, Value::UInt(1));
    let held = "held because its words are left to settle: they are read in 50 ms";
    says(&told, "ST10.result", held);
    let mut floor = Floor::new(unchanged, Pattern::Counter);
    floor.tell(ACK, Value::UInt(0));
    floor.silent = true;
    assert_eq!(floor.tell(TRIGGER, Value::UInt(1)), [""; 0], "it is on its way");
    let told = floor.tell(TRIGGER, Value::UInt(2));
    says(
        &told,
        "ST10.result",
        "held at 2 because what was asked before is not done: its words are being read",
    );
    let mut floor = Floor::new(unchanged, Pattern::Counter);
    floor.moves = Some(Value::UInt(2));
    let told = floor.tell(TRIGGER, Value::UInt(1));
    says(&told, "ST10.result", "held because the trigger moved in the read");
}

#[test]
fn bits_and_states_that_ask_for_nothing_say_so() {
    let mut floor = Floor::new(unchanged, Pattern::ReqAck);
    floor.tell(ACK, Value::Bool(true));
    let told = floor.tell(TRIGGER, Value::Bool(true));
    says(&told, "ST10.result", "held because true has its answer");
    floor.tell(ACK, Value::Bool(false));
    let mut floor = Floor::new(unchanged, Pattern::ReqAck);
    floor.tell(ACK, Value::Bool(false));
    let told = floor.tell(TRIGGER, Value::Bool(false));
    says(&told, "ST10.result", "did not fire because the request bit is false: true asks");
    let mut floor = Floor::new(unchanged, Pattern::State(STATES));
    floor.tell(ACK, Value::Int(0));
    let told = floor.tell(TRIGGER, Value::Int(99));
    says(&told, "ST10.result", "did not fire because state 99 asks for nothing, 1 does");
    let mut floor = Floor::new(unchanged, Pattern::Toggle);
    let told = floor.tell(TRIGGER, Value::Bool(true));
    says(&told, "ST10.result", "held because the ack word is not known yet");
    let mut floor = Floor::new(unchanged, Pattern::Toggle);
    floor.tell(ACK, Value::Bool(true));
    let told = floor.tell(TRIGGER, Value::Bool(true));
    says(&told, "ST10.result", "did not fire because the ack is true, too: the other asks");
    let mut floor = Floor::new(unchanged, Pattern::Counter);
    floor.tell(ACK, Value::UInt(3));
    let told = floor.tell(TRIGGER, Value::UInt(3));
    says(&told, "ST10.result", "did not fire because 3 is acknowledged already: another asks");
}

#[test]
fn a_pulse_that_falls_or_still_stands_says_so() {
    let silent = |plant: &mut Plant| plant.stations[0].handshakes[0].ack = None;
    let mut floor = Floor::new(silent, Pattern::Edge);
    floor.words.insert(NUMBER, Value::UInt(1));
    floor.tell(TRIGGER, Value::Bool(true));
    let record = floor.last();
    let told = floor.tell(TRIGGER, Value::Bool(false));
    says(&told, "ST10.result", "did not fire because only a rise asks, and it is false");
    let told = floor.tell(TRIGGER, Value::Bool(true));
    let again = format!("request 1 with the same words: nothing new as #{record}");
    says(&told, "ST10.result", &again);
    floor.tell(TRIGGER, Value::Bool(false));
    floor.words.insert(FORCE, Value::UInt(9));
    let told = floor.tell(TRIGGER, Value::Bool(true));
    let again = format!("did not fire because 1 is on record as #{record}");
    says(&told, "ST10.result", &again);
}

/// A server tells where its head stands whenever it is listened to anew, and a read may have been faster.
#[test]
fn a_head_up_to_which_all_is_recorded_says_so() {
    let mut world = super::late::world(Pattern::Ring, true);
    for _ in 0..4 {
        let now = world.at().wall;
        world.plc.run(now);
    }
    world.settle();
    world.notices.clear();
    let head = world.plc.number;
    let receive = world.at().wall;
    let sample = Sample {
        tag: TRIGGER,
        value: Value::UInt(head),
        quality: Quality::GOOD,
        source: Some(receive),
        server: None,
        receive,
    };
    world.step(&Input::Samples(vec![sample]));
    let told: Vec<String> =
        world.notices.iter().map(|n| format!("{}: {}", n.about, n.text)).collect();
    let wanted =
        format!("did not fire because all entries up to head {head} are dealt with, the last as #");
    says(&told, "ST10.result", &wanted);
}

fn kettle(confirm: Option<Test>) -> impl FnOnce(&mut Plant) {
    move |plant| {
        let condition = |tag, test| Condition { word: word(tag), test };
        plant.stations[0].phases.push(Phase {
            id: PhaseId::parse("cook").unwrap(),
            while_: condition(STATE, Test::In(vec![Value::UInt(1)])),
            split: Vec::new(),
            ignore: Duration::ZERO,
            settle: Duration::from_secs(2),
            confirm: confirm.map(|test| condition(COUNT, test)),
            event: Some(Verb::Complete),
            item: Some(spec(ItemClass::Unit, BATCH)),
            operation: None,
            record: Vec::new(),
            by: Some(TOOL),
        });
    }
}

#[test]
fn a_phase_says_what_each_of_its_words_did() {
    let mut floor = Floor::new(kettle(Some(Test::Rises)), Pattern::Counter);
    let cook = "ST10.cook";
    let told = floor.tell(STATE, Value::UInt(0));
    says(&told, cook, "did not fire because state 0 does not begin it: wanted 1");
    floor.tell(COUNT, Value::UInt(7));
    let told = floor.tell(COUNT, Value::UInt(7));
    says(&told, cook, "did not fire because no phase waits for 7 to confirm it");
    let told = floor.tell(BATCH, Value::text("B-1"));
    says(&told, cook, "B-1 names nothing because no phase goes on");
    says(
        &floor.tell(STATE, Value::UInt(1)),
        cook,
        "begins with state 1: it is recorded when it ends",
    );
    says(&floor.tell(STATE, Value::UInt(1)), cook, "did not fire because state 1 goes on with it");
    says(&floor.tell(TOOL, Value::UInt(4)), cook, "goes on with tool 4");
    says(&floor.tell(BATCH, Value::text("B-2")), cook, "is named B-2 while it goes on");
    floor.now += 3_000_000_000;
    let told = floor.tell(BATCH, Value::text("B-3"));
    says(&told, cook, "B-3 did not name it because it came more than 2000 ms late");
    says(&floor.tell_bad(STATE), cook, "did not fire because its state is");
    let told = floor.tell(STATE, Value::UInt(0));
    says(&told, cook, "held because it ended with 0 and waits to be confirmed");
    let told = floor.tell(COUNT, Value::UInt(7));
    says(&told, cook, "held because 7 does not confirm it: wanted one more than 7");
    says(&floor.tell(COUNT, Value::UInt(8)), cook, "is confirmed by 8");
    floor.tell(STATE, Value::UInt(1));
    floor.tell(STATE, Value::UInt(0));
    let told = floor.tell(COUNT, Value::UInt(12));
    says(&told, cook, "is set aside because it went from 8 to 12, wanted one more");
}

#[test]
fn a_phase_without_a_count_says_what_it_waits_for() {
    let mut floor = Floor::new(kettle(None), Pattern::Counter);
    let told = floor.tell(STATE, Value::UInt(1));
    says(&told, "ST10.cook", "since when is not known");
    let told = floor.tell(STATE, Value::UInt(0));
    says(&told, "ST10.cook", "held because it ended with 0 and waits for late words");
    let values = vec![Value::UInt(3), Value::UInt(4)];
    for (test, wanted) in [(Test::Changes, "another than 2"), (Test::In(values), "wanted 3 or 4")] {
        let mut floor = Floor::new(kettle(Some(test)), Pattern::Counter);
        floor.tell(COUNT, Value::UInt(2));
        floor.tell(STATE, Value::UInt(1));
        floor.tell(STATE, Value::UInt(0));
        says(&floor.tell(COUNT, Value::UInt(2)), "ST10.cook", wanted);
    }
    let splits = |plant: &mut Plant| {
        kettle(None)(plant);
        plant.stations[0].phases[0].split = vec![COUNT];
    };
    let mut floor = Floor::new(splits, Pattern::Counter);
    floor.tell(STATE, Value::UInt(1));
    floor.now += 3_000_000_000;
    let told = floor.tell(COUNT, Value::UInt(1));
    says(&told, "ST10.cook", "ended and began anew, since 1 splits it");
}

#[test]
fn a_feeder_says_why_nothing_was_mounted() {
    let mut floor = Floor::new(unchanged, Pattern::Counter);
    let feeder = "ST10.feeder";
    let told = floor.tell(LOT, Value::text("L-1"));
    says(&told, feeder, "did not fire because l/site/L-1 is in it already");
    floor.tell(LOT, Value::text(""));
    says(&floor.tell(LOT, Value::text("")), feeder, "did not fire because it is empty already");
    says(&floor.tell_bad(LOT), feeder, "did not fire because the lot word is");
    let receive = Utc(i64::try_from(floor.now).unwrap());
    let old = Sample { source: Some(Utc(1)), receive, ..floor.sample(LOT) };
    let told = floor.step(&Input::Samples(vec![old]));
    says(&told, feeder, "is older than what was seen");
    let long = "x".repeat(500);
    says(&floor.tell(LOT, Value::text(&long)), feeder, "the lot is refused");
    let counted = |plant: &mut Plant| {
        let used = Used {
            counter: Counter { tag: COUNT, bits: 32 },
            waste: None,
            unit: None,
            per_lot: false,
        };
        plant.stations[0].mounts[0].used = Some(used);
    };
    let mut floor = Floor::new(counted, Pattern::Counter);
    floor.silent = true;
    let told = floor.tell(LOT, Value::text("L-2"));
    says(&told, feeder, "held because the counters are read before \"L-2\" counts");
    let told = floor.tell(LOT, Value::text("L-2"));
    says(&told, feeder, "held because the counters are still being read for \"L-2\"");
    let scoped = |plant: &mut Plant| {
        plant.stations[0].mounts[0].lot.scope = ScopeFrom::Supplier(word(BATCH));
    };
    let mut floor = Floor::new(scoped, Pattern::Counter);
    let told = floor.tell(LOT, Value::text("L-2"));
    says(&told, feeder, "held because L-2 has its scope in another word");
}

fn monitored(limits: bool, masters: Option<&str>) -> impl FnOnce(&mut Plant) {
    let masters = masters.map(str::to_owned);
    move |plant| {
        let drift = Drift {
            learn: 30,
            every: Duration::from_secs(1),
            rules: DriftRules::DEFAULT,
            catch: None,
            per: BaselinePer::DEFAULT,
            settle: None,
            idle: None,
            false_alarm_interval: Duration::from_secs(1_000),
        };
        let station = &mut plant.stations[0];
        station.monitors = vec![Monitor {
            id: MonitorId::parse("force").unwrap(),
            of: Watched::Measurement(
                station.handshakes[0].id.clone(),
                TagName::parse("force").unwrap(),
            ),
            unit: None,
            limits: limits.then_some(Limits { high: Some(10.0), ..Limits::default() }),
            drift: (!limits).then_some(drift),
            signal: SignalRules::default(),
            latch: false,
        }];
        station.purpose.masters = masters;
    }
}

/// One part with this force.
fn part(floor: &mut Floor, force: Value) -> Vec<String> {
    floor.words.insert(FORCE, force);
    let next = floor.words[&TRIGGER].integer().unwrap() + 1;
    let serial = Value::text(&format!("SN-{next}"));
    floor.words.insert(SERIAL, serial);
    floor.tell(TRIGGER, Value::UInt(u64::try_from(next).unwrap()))
}

#[test]
fn a_monitor_says_once_why_it_says_nothing() {
    let mut floor = Floor::new(monitored(true, None), Pattern::Counter);
    let force = "ST10.force";
    part(&mut floor, Value::UInt(1));
    says(&part(&mut floor, Value::UInt(1)), force, "did not fire because the values are as they");
    assert_eq!(part(&mut floor, Value::UInt(2)), [""; 0], "it was told");
    part(&mut floor, Value::UInt(11));
    says(&part(&mut floor, Value::UInt(12)), force, "beyond the high limit is told already");
    says(&part(&mut floor, Value::text("?")), force, "there is no good number to judge");
    let mut floor = Floor::new(monitored(false, None), Pattern::Counter);
    let told = part(&mut floor, Value::UInt(1));
    says(&told, force, "held because it is learning what is normal");
    let drifted = (0..400_u64).flat_map(|n| {
        let level = if n < 100 { 10 } else { 60 };
        part(&mut floor, Value::UInt(level + n * 7 % 5))
    });
    let drifted: Vec<String> = drifted.collect();
    says(&drifted, force, "its drift is told and stands");
    let mut floor = Floor::new(monitored(true, Some("SN-")), Pattern::Counter);
    let told = part(&mut floor, Value::UInt(1));
    says(&told, force, "did not fire because this is not production");
}

#[test]
fn a_value_that_is_missing_says_why_it_does_not_warn_and_warns_when_its_time_comes() {
    let missing = |plant: &mut Plant| {
        plant.stations[0].monitors = vec![Monitor {
            id: MonitorId::parse("count").unwrap(),
            of: Watched::Tag(word(COUNT)),
            unit: None,
            limits: None,
            drift: None,
            signal: SignalRules { missing: Some(Duration::from_secs(1)), flat: None },
            latch: false,
        }];
    };
    let mut floor = Floor::new(missing, Pattern::Counter);
    floor.tell(COUNT, Value::UInt(1));
    assert_eq!(floor.engine.next_wake().unwrap().1, "condition");
    let told = floor.tell_bad(COUNT);
    says(&told, "ST10.count", "held because there is no good number, and may be none for a while");
    let since = floor.now;
    assert!(floor.step(&Input::Wake).is_empty(), "not yet");
    let (due, _) = floor.engine.next_wake().unwrap();
    assert!(due.0 <= since + 1_000_000_000);
    floor.now = since + 1_000_000_000;
    floor.step(&Input::Wake);
    let Body::Verdict(said) = &floor.records.last().unwrap().body else { panic!("not recorded") };
    assert_eq!((said.rule, said.verdict), (Rule::Missing, Verdict::Warning));
    assert_eq!(said.quality, Some(Quality::BAD_TIMEOUT));
    assert_eq!(floor.engine.next_wake(), None);
    says(&floor.tell_bad(COUNT), "ST10.count", "that there is no good value is told already");

    let mut again = Engine::new(persons());
    floor.records.iter().for_each(|record| again.apply(record));
    assert_eq!(again.image(), floor.engine.image());
    floor.tell(COUNT, Value::UInt(1));
    let Body::Verdict(said) = &floor.records.last().unwrap().body else { panic!("not recorded") };
    assert_eq!((said.rule, said.verdict), (Rule::Missing, Verdict::InControl));
}

#[test]
fn a_value_that_stands_still_is_told_while_parts_are_made_and_not_while_none_are() {
    let ms = Duration::from_millis;
    let flat = |plant: &mut Plant| {
        plant.stations[0].monitors = vec![Monitor {
            id: MonitorId::parse("count").unwrap(),
            of: Watched::Tag(word(COUNT)),
            unit: None,
            limits: None,
            drift: Some(Drift {
                learn: 30,
                every: ms(1),
                rules: DriftRules::DEFAULT,
                catch: None,
                per: BaselinePer::DEFAULT,
                settle: None,
                idle: None,
                false_alarm_interval: Duration::from_hours(1),
            }),
            signal: SignalRules {
                missing: None,
                flat: Some(Flat { lasting: ms(100), within: 0.0 }),
            },
            latch: false,
        }];
    };
    let mut floor = Floor::new(flat, Pattern::Counter);
    let said = |floor: &Floor| {
        let of = |record: &Record| {
            let Body::Verdict(event) = &record.body else { return None };
            (event.rule == Rule::Flat).then_some(event.verdict)
        };
        floor.records.iter().filter_map(of).collect::<Vec<_>>()
    };
    for n in 0..100 {
        if n % 20 == 0 {
            part(&mut floor, Value::UInt(1));
        }
        floor.tell(COUNT, Value::UInt(n * 7 % 5));
    }
    assert_eq!(said(&floor), [Verdict::InControl]);
    for _ in 0..200 {
        floor.step(&Input::Wake);
    }
    assert_eq!(said(&floor), [Verdict::InControl], "nothing is made");
    for _ in 0..40 {
        part(&mut floor, Value::UInt(1));
    }
    assert_eq!(said(&floor), [Verdict::InControl, Verdict::Warning]);
    floor.tell(COUNT, Value::UInt(0));
    assert_eq!(said(&floor).last(), Some(&Verdict::InControl));
}

#[test]
fn a_master_that_is_told_late_says_so() {
    let master = |plant: &mut Plant| {
        plant.stations[0].masters = vec![Master {
            id: MonitorId::parse("red").unwrap(),
            code: Code::parse("SN-RED").unwrap(),
            expect: Result::Fail,
            every: Duration::from_hours(8),
        }];
        let codes = [(2, Result::Fail)].into_iter().collect();
        let handshake = &mut plant.stations[0].handshakes[0];
        handshake.result = Some(ResultSpec { word: word(NUMBER), codes });
    };
    let mut floor = Floor::new(master, Pattern::Counter);
    floor.words.insert(NUMBER, Value::UInt(2));
    floor.words.insert(SERIAL, Value::text("SN-RED"));
    floor.tell(TRIGGER, Value::UInt(1));
    floor.words.insert(TRIGGER, Value::UInt(2));
    floor.now += 1_000_000;
    let early = Sample { source: Some(Utc(1)), ..floor.sample(TRIGGER) };
    floor.early = true;
    let told = floor.step(&Input::Samples(vec![early]));
    says(&told, "ST10.red", "is told later than what was said of it");
}
