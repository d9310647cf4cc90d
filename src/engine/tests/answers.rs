//! What a PLC is answered, and what is said when it does not keep to its side.
use super::*;

pub(super) fn handshake_gaps(records: &[Record]) -> Vec<(GapCause, bool, Option<u64>)> {
    let gap = |r: &Record| {
        let Body::Gap(gap) = &r.body else { return None };
        let of_handshake = matches!(gap.source, GapSource::Handshake(..));
        of_handshake.then_some((gap.cause, gap.interval.to.is_some(), gap.count))
    };
    records.iter().filter_map(gap).collect()
}

impl World {
    fn part(&mut self) {
        let now = self.at().wall;
        self.plc.run(now);
        self.notify();
    }

    fn work(&mut self, rounds: usize) {
        for _ in 0..rounds {
            self.sync();
            self.carry_out();
            self.tell_change();
            self.tell_answer();
        }
    }

    /// The read that is asked for.
    fn asked(&mut self) -> ReadRequest {
        let read = self.waiting.iter().position(|effect| matches!(effect, Effect::Read(_)));
        let read = self.waiting.remove(read.expect("nothing is to be read"));
        let Some(Effect::Read(read)) = read else { unreachable!() };
        read
    }

    fn pass(&mut self, by: Duration) {
        self.now += u64::try_from(by.as_nanos()).unwrap();
        self.step(&Input::Wake);
    }
}

/// It keeps its bit for longer than `release`: another request would not be seen, so it is a gap until
/// the bit falls, and it is said once.
#[test]
fn a_request_that_is_not_taken_back_in_time_is_a_gap_until_it_is() {
    for pattern in [Pattern::ReqAck, Pattern::State(STATES)] {
        let mut world = World::new(pattern, Splice::Clean);
        world.part();
        world.work(20);
        assert!(world.plc.acked(), "{pattern:?}");
        world.pass(Duration::from_secs(9));
        assert_eq!(handshake_gaps(&world.appended), []);
        world.pass(Duration::from_secs(2));
        world.pass(Duration::from_secs(20));
        let held = world.plc.read(TRIGGER, Utc(0));
        world.step(&Input::Samples(vec![Sample { receive: Utc(i64::MAX), ..held }]));
        let open = (GapCause::Unreleased, false, None);
        assert_eq!(handshake_gaps(&world.appended), [open], "{pattern:?}");
        world.part();
        world.work(20);
        let closed = (GapCause::Unreleased, true, None);
        assert_eq!(handshake_gaps(&world.durable), [open, closed], "{pattern:?}");
        world.settle();
        assert_eq!(completed(&world.durable).len(), 1);
    }
}

/// The bit falls while the words are read: with a number the next request tells what is missing, once.
#[test]
fn a_request_that_is_taken_back_is_missing_once() {
    let mut world = World::new(Pattern::ReqAck, Splice::Clean);
    world.part();
    world.work(20);
    world.part();
    world.work(20);
    world.part();
    world.tell_change();
    let read = world.asked();
    let now = world.at().wall;
    let mut words: Vec<Sample> = read.tags.iter().map(|t| world.plc.read(*t, now)).collect();
    world.plc.give_up(false);
    *words.last_mut().unwrap() = world.plc.read(TRIGGER, now);
    world.step(&Input::Read(ReadDone { token: read.token, outcome: Ok(words) }));
    world.notify();
    world.work(20);
    world.part();
    world.work(20);
    world.settle();
    assert_eq!(completed(&world.durable).len(), 2);
    assert_eq!(handshake_gaps(&world.durable), [(GapCause::TriggerMoved, true, Some(1))]);
}

/// That the PLC was told that it is seen costs its time, and does not begin it anew.
#[test]
fn a_deadline_runs_from_when_the_request_was_seen_and_not_from_busy() {
    let mut world = World::new(Pattern::State(STATES), Splice::Clean);
    world.settle();
    world.part();
    world.tell_change();
    world.pass(Duration::from_millis(600));
    world.work(1);
    assert_eq!(world.plc.ack, Value::Int(2), "busy");
    world.pass(Duration::from_millis(600));
    world.settle();
    let mark = |r: &Record| {
        let Body::Trace(event) = &r.body else { return None };
        event.handshake.as_ref().map(|mark| mark.permit)
    };
    assert_eq!(world.durable.iter().find_map(mark), Some(Permit::Unknown));
}

/// That a word of ours cannot be written costs the PLC's time as well.
#[test]
fn a_write_that_fails_does_not_begin_the_deadline_anew() {
    for one_word in [false, true] {
        let mut plant = (*plant(Pattern::State(STATES), Splice::Clean)).clone();
        let plc = Plc { one_word, ..Plc::new(Pattern::State(STATES), Splice::Clean) };
        let ack = if one_word { TRIGGER } else { ACK };
        plant.stations[0].handshakes[0].ack = Some(word(ack));
        let mut world = World::with(Arc::new(plant), plc);
        world.settle();
        world.part();
        world.tell_change();
        world.pass(Duration::from_millis(1200));
        let write = world.waiting.pop_front();
        let Some(Effect::Write(WriteRequest { token, .. })) = write else { panic!("{write:?}") };
        let outcome = Err(ReadFault::Timeout);
        world.step(&Input::Written(WriteDone { token, outcome }));
        world.settle();
        let mark = |r: &Record| {
            let Body::Trace(event) = &r.body else { return None };
            event.handshake.as_ref().map(|mark| mark.permit)
        };
        let permits: Vec<_> = world.durable.iter().filter_map(mark).collect();
        assert_eq!(permits, [Permit::Unknown], "in one word: {one_word}");
    }
}

/// A request that waited through an outage is given up before its answer is written, and another takes its
/// place, seen by the subscription or not: that one is not late.
#[test]
fn what_is_asked_after_an_answer_in_vain_has_a_time_of_its_own() {
    for told in [true, false] {
        let mut world = World::new(Pattern::ReqAck, Splice::Clean);
        world.part();
        world.settle();
        world.drop_link();
        world.part();
        world.now += 10_000_000_000;
        world.link();
        world.tell_change();
        world.carry_out();
        world.tell_answer();
        world.sync();
        world.plc.give_up(false);
        if told {
            world.notify();
        }
        world.part();
        for _ in 0..4 {
            world.carry_out();
            world.tell_answer();
        }
        world.settle();
        let told_late = |r: &Record| {
            let Body::Trace(event) = &r.body else { return None };
            event.handshake.as_ref().map(|_| event.evidence)
        };
        let evidence: Vec<_> = world.durable.iter().filter_map(told_late).collect();
        assert_eq!(evidence, [Evidence::Automatic, Evidence::Late, Evidence::Automatic], "{told}");
    }
}

fn baseline() -> World {
    let mut plant = (*plant(Pattern::Counter, Splice::Clean)).clone();
    plant.stations[0].handshakes[0].first = First::Baseline;
    let mut plc = Plc::new(Pattern::Counter, Splice::Clean);
    // It asked before we came.
    plc.run(Utc(0));
    World::with(Arc::new(plant), plc)
}

/// What it asked before we came is not ours; it must not wait for ever all the same.
#[test]
fn a_plc_that_waits_at_first_contact_is_let_go_without_an_event() {
    let mut world = baseline();
    for _ in 0..10 {
        world.carry_out();
        world.tell_change();
        world.tell_answer();
    }
    assert!(!world.plc.acked(), "that the number counts as dealt with is not durable yet");
    world.work(20);
    assert!(world.plc.acked());
    assert!(completed(&world.durable).is_empty());
    world.part();
    world.part();
    world.settle();
    assert_eq!(completed(&world.durable).len(), 1, "the next one is recorded");
    assert_eq!(handshake_gaps(&world.durable), []);
}

/// Numbers between first contact and the first request that was seen are missing like any others.
#[test]
fn what_was_skipped_since_first_contact_is_counted() {
    let mut world = baseline();
    world.work(20);
    world.part();
    world.plc.number += 2;
    world.part();
    world.settle();
    assert_eq!(handshake_gaps(&world.durable), [(GapCause::NumbersSkipped, true, Some(2))]);
}

/// The counter went once around before anything was dealt with: the number of first contact is a
/// request now.
#[test]
fn a_counter_that_comes_back_to_its_first_number_asks_again() {
    let mut world = baseline();
    world.work(20);
    let first = world.plc.number;
    world.plc.number = first + 1;
    let now = world.at().wall;
    let seen = world.plc.read(TRIGGER, now);
    world.step(&Input::Samples(vec![seen]));
    let read = world.asked();
    let outcome = Err(ReadFault::Timeout);
    world.step(&Input::Read(ReadDone { token: read.token, outcome }));
    (world.plc.number, world.plc.presented, world.plc.part) = (first, true, 2);
    world.plc.ack = Value::UInt(first - 1);
    world.settle();
    assert_eq!(completed(&world.durable).len(), 1);
    assert_eq!(handshake_gaps(&world.durable), [(GapCause::NumbersSkipped, true, None)]);
}

/// The clocks agree, and the trigger had stood for most of the deadline when it was told.
#[test]
fn the_deadline_runs_from_the_time_of_the_source_where_clocks_are_good() {
    for (server, permit) in [(true, Permit::Unknown), (false, Permit::Ok)] {
        let mut plant = (*plant(Pattern::Counter, Splice::Clean)).clone();
        let handshake = &mut plant.stations[0].handshakes[0];
        handshake.replies = vec![Reply { word: word(NUMBER), value: ReplyValue::Permit }];
        let plc = Plc::new(Pattern::Counter, Splice::Clean);
        let mut world = World::with(Arc::new(plant), plc);
        world.work(20);
        world.now += 10_000_000_000;
        let now = world.at().wall;
        world.plc.run(now);
        world.now += 900_000_000;
        let told = world.at().wall;
        let mut sample = world.plc.read(TRIGGER, told);
        sample.server = server.then_some(told);
        world.step(&Input::Samples(vec![sample]));
        world.now += 200_000_000;
        world.work(1);
        let event = world.appended.iter().chain(&world.durable).find_map(|r| match &r.body {
            Body::Trace(event) => event.handshake.clone(),
            Body::Quarantine(_)
            | Body::Gap(_)
            | Body::Verdict(_)
            | Body::Epoch(_)
            | Body::Plant(_)
            | Body::Orders(_)
            | Body::Audit(_)
            | Body::Tombstone(_)
            | Body::Case(_)
            | Body::Maintenance(_)
            | Body::Alarm(_)
            | Body::Dropped => None,
        });
        assert_eq!(event.unwrap().permit, permit, "clock known: {server}");
    }
}

/// Its trigger is bad when the handshake is taken out of the plant: nobody will read it good again.
#[test]
fn the_gap_of_a_handshake_ends_when_it_is_taken_out() {
    let mut world = World::new(Pattern::Counter, Splice::Clean);
    let now = world.at().wall;
    let good = world.plc.read(TRIGGER, now);
    world.step(&Input::Samples(vec![Sample { quality: Quality::BAD_WAITING, ..good }]));
    let mut next = (*plant(Pattern::Counter, Splice::Clean)).clone();
    next.stations[0].handshakes.clear();
    next.hash = Digest([9; 32]);
    world.step(&Input::Plant(Arc::new(next)));
    let cause = GapCause::BadQuality;
    assert_eq!(handshake_gaps(&world.appended), [(cause, false, None), (cause, true, None)]);
}

/// As long as the two words around the data differ, the PLC is writing them.
#[test]
fn data_that_is_being_written_is_read_again() {
    let mut plant = (*plant(Pattern::Counter, Splice::Clean)).clone();
    plant.stations[0].handshakes[0].guard = Some((NUMBER, FORCE));
    let mut world = World::with(Arc::new(plant), Plc::new(Pattern::Counter, Splice::Clean));
    world.part();
    world.tell_change();
    for (behind, recorded) in [(1, 0), (0, 1)] {
        let read = world.asked();
        let now = world.at().wall;
        let seen = |tag: &TagIndex| match *tag {
            FORCE => Sample {
                tag: FORCE,
                value: Value::UInt(world.plc.number - behind),
                ..world.plc.read(NUMBER, now)
            },
            tag => world.plc.read(tag, now),
        };
        let words = read.tags.iter().map(seen).collect();
        world.step(&Input::Read(ReadDone { token: read.token, outcome: Ok(words) }));
        assert_eq!(completed(&world.appended).len(), recorded);
        world.pass(Duration::from_secs(1));
    }
}

/// A program that began anew does not wait: no number from before tells that its first request is missing.
#[test]
fn what_is_given_up_before_the_first_of_a_new_run_is_a_gap() {
    for told in [false, true] {
        let mut world = World::new(Pattern::Counter, Splice::Clean);
        world.part();
        world.settle();
        let before = completed(&world.durable).len();
        world.drop_link();
        world.plc.restart(false);
        world.plc.number = 0;
        world.plc.ack = Value::UInt(0);
        world.link();
        world.work(5);
        world.part();
        world.work(1);
        let read = world.asked();
        world.now += 5_000_000_000;
        world.plc.number = 2;
        if told {
            world.notify();
        }
        let outcome = Err(ReadFault::Timeout);
        world.step(&Input::Read(ReadDone { token: read.token, outcome }));
        world.settle();
        assert_eq!(completed(&world.durable).len(), before + 1, "{told}");
        assert_eq!(handshake_gaps(&world.durable).len(), 1, "{told}");
    }
}
