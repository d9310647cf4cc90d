//! PLCs that wait for nobody: pulses and rings. What they made is recorded once and as it was, or is in a
//! gap; where the PLC counts, the gaps say how many.
use super::plc::{SLOTS, slot_tag};
use super::*;

/// Without feeders: what is in them now says nothing of what was made before.
fn late_plant(pattern: Pattern, numbered: bool) -> Arc<Plant> {
    let mut plant = (*plant(pattern, Splice::Clean)).clone();
    let station = &mut plant.stations[0];
    station.mounts.clear();
    let handshake = &mut station.handshakes[0];
    handshake.snapshot = vec![NUMBER, SERIAL, FORCE];
    if pattern == Pattern::Ring {
        for slot in 0..SLOTS {
            plant.tags.extend(["seq", "sn", "f"].map(|n| tag(&format!("{n}{slot}"))));
        }
        let words = |slot| (0..3).map(|word| slot_tag(slot, word)).collect();
        handshake.ring = Some(Ring { slots: (0..SLOTS).map(words).collect(), batch: 2 });
        handshake.snapshot = vec![slot_tag(0, 1), slot_tag(0, 2)];
        handshake.item = spec(ItemClass::Unit, slot_tag(0, 1));
        handshake.measurements[0].word = word(slot_tag(0, 2));
    } else {
        handshake.ack = None;
        handshake.number = handshake.number.filter(|_| numbered);
    }
    Arc::new(plant)
}

pub(super) fn world(pattern: Pattern, numbered: bool) -> World {
    let plc = Plc::new(pattern, Splice::Clean);
    let mut world = World::with(late_plant(pattern, numbered), plc);
    world.settle();
    world
}

/// The parts that are recorded, in order, each with the force that was measured at it.
fn recorded(records: &[Record]) -> Vec<(u64, Value)> {
    let event = |r: &Record| {
        let Body::Trace(event) = &r.body else { return None };
        let What::Complete { item, measurements, .. } = &event.what else { return None };
        let part = item.code.as_str().strip_prefix("SN-").unwrap().parse().unwrap();
        Some((part, measurements[0].value.clone()))
    };
    records.iter().filter_map(event).collect()
}

fn coil() -> Register {
    Register {
        area: Area::Coil,
        address: 0,
        kind: RegisterType::Bool,
        order: WordOrder::Abcd,
        strings: StringOrder::HighLow,
        scale: 1.0,
    }
}

fn all_gaps(records: &[Record]) -> Vec<&Gap> {
    let gap = |r: &'_ Record| matches!(r.body, Body::Gap(_)).then_some(());
    let gaps = records.iter().filter(|r| gap(r).is_some());
    gaps.filter_map(|r| if let Body::Gap(gap) = &r.body { Some(gap) } else { None }).collect()
}

pub(super) fn judge_late(
    world: &mut World,
    counted: bool,
) -> std::result::Result<(), TestCaseError> {
    world.settle();
    let told = recorded(&world.durable);
    prop_assert!(told.is_sorted_by(|a, b| a.0 < b.0), "twice, or out of order: {:?}", told);
    for (part, force) in &told {
        let wanted = Value::Real(f64::from(u32::try_from(*part).unwrap()));
        let none = Value::Empty;
        prop_assert!([&wanted, &none].contains(&force), "{force:?} is of another part than {part}");
    }
    let gaps = all_gaps(&world.durable);
    let is_told = |part: u64| told.iter().any(|(told, _)| *told == part);
    let missing: Vec<_> = world.plc.made.iter().filter(|made| !is_told(made.part)).collect();
    for made in &missing {
        let to = made.to.unwrap_or(Utc(i64::MAX));
        let covers = |gap: &&&Gap| {
            gap.interval.from <= to && gap.interval.to.is_some_and(|end| end >= made.from)
        };
        prop_assert!(gaps.iter().any(|gap| covers(&gap)), "{:?} is in no gap: {:?}", made, gaps);
    }
    prop_assert!(told.iter().all(|(part, _)| *part <= world.plc.part), "recorded and never made");
    if counted && world.plc.resets == 0 && world.plc.boot == 1 {
        let said: u64 = gaps.iter().filter_map(|gap| gap.count).sum();
        prop_assert_eq!(said, missing.len() as u64, "{:?}", missing);
    }
    Ok(())
}

fn check_late(
    pattern: Pattern,
    numbered: bool,
    choices: &[u8],
) -> std::result::Result<(), TestCaseError> {
    let mut world = world(pattern, numbered);
    for choice in choices {
        world.act(*choice);
    }
    if pattern == Pattern::Ring && world.plc.presented {
        let now = world.at().wall;
        world.plc.run(now);
        world.notify();
    }
    judge_late(&mut world, numbered)?;
    if pattern == Pattern::Ring && !world.plc.made.is_empty() && world.plc.resets == 0 {
        prop_assert_eq!(&world.plc.ack, &Value::UInt(world.plc.number), "the tail is behind");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_ring_records_each_entry_once_or_its_number_is_in_a_gap(
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        check_late(Pattern::Ring, true, &choices)?;
    }

    /// Its entries have no time, and the way to it is slow: what is missing may have been put there
    /// long before the entry before it was read.
    #[test]
    fn a_ring_without_times_records_each_entry_once_or_its_number_is_in_a_gap(
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut world = world(Pattern::Ring, true);
        world.plc.timeless = true;
        for choice in choices {
            world.act(choice);
        }
        judge_late(&mut world, true)?;
    }

    #[test]
    fn a_pulse_that_is_counted_is_recorded_once_or_counted_in_a_gap(
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        check_late(Pattern::Edge, true, &choices)?;
    }

    #[test]
    fn a_pulse_is_recorded_once_or_lies_in_a_gap(
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        check_late(Pattern::Edge, false, &choices)?;
    }

    /// It was made long before it is told of, by a clock that may be anywhere beside ours, and says where or not.
    #[test]
    fn a_pulse_that_is_told_late_is_recorded_once_or_lies_in_a_gap(
        skew in prop::option::of(prop_oneof![
            Just(0),
            -1_000_000_000..=1_000_000_000_i64,
            -20_000_000_000..=20_000_000_000_i64,
        ]),
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        check_told_late(skew, &choices)?;
    }
}

fn check_told_late(skew: Option<i64>, choices: &[u8]) -> std::result::Result<(), TestCaseError> {
    let mut plc = Plc::new(Pattern::Edge, Splice::Clean);
    plc.skew = skew;
    let mut world = World::with(late_plant(Pattern::Edge, false), plc);
    world.late = true;
    world.settle();
    for choice in choices {
        world.act(*choice);
    }
    judge_late(&mut world, false)
}

/// Found at random: by a clock that is ahead, what is lost on its way rose after the link was lost.
#[test]
fn a_pulse_of_a_clock_that_is_ahead_lies_in_a_gap() {
    check_told_late(Some(900_000_000), &[96, 73, 52, 48, 192, 16, 23]).unwrap();
}

/// Events of a PLC whose words have no time, with the part that each is about.
fn events(records: &[Record]) -> Vec<(u64, &TraceEvent)> {
    let event = |r: &'_ Record| matches!(r.body, Body::Trace(_)).then_some(());
    let traces = records.iter().filter(|r| event(r).is_some());
    let part =
        |event: &TraceEvent| event.what.items()[0].code.as_str().strip_prefix("SN-")?.parse().ok();
    let traces = traces.filter_map(|r| if let Body::Trace(e) = &r.body { Some(e) } else { None });
    traces.filter_map(|event| Some((part(event)?, event))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn an_entry_of_a_ring_came_within_the_time_that_its_event_says(
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut world = world(Pattern::Ring, true);
        world.plc.timeless = true;
        for choice in choices {
            world.act(choice);
        }
        world.settle();
        let told = events(&world.durable);
        // What lay there when nobody had ever looked may be of any age.
        let looked = told.first().map_or(Utc(i64::MAX), |(_, event)| event.time.at);
        for (part, event) in told {
            let made = world.plc.made.iter().find(|made| made.part == part).unwrap();
            let within = (event.time.earliest()..=event.time.at).contains(&made.from);
            prop_assert!(made.from < looked || within, "{:?}: {:?}", made, event.time);
        }
    }
}

impl World {
    /// A part is put into the ring, and nobody is told yet.
    pub(super) fn put(&mut self) {
        for _ in 0..2 {
            let now = self.at().wall;
            self.plc.run(now);
        }
    }

    fn answer(&mut self) {
        self.sync();
        self.carry_out();
        self.tell_answer();
    }
}

/// More came while nobody looked than the ring holds: the numbers of the lost ones are named.
#[test]
fn a_ring_that_was_written_over_names_what_is_lost() {
    let mut world = world(Pattern::Ring, true);
    world.put();
    world.notify();
    world.settle();
    world.drop_link();
    (0..SLOTS + 3).for_each(|_| world.put());
    world.settle();
    let parts: Vec<u64> = recorded(&world.durable).iter().map(|(part, _)| *part).collect();
    assert_eq!(parts, [1, 5, 6, 7, 8]);
    let lost: Vec<_> = all_gaps(&world.durable)
        .iter()
        .filter_map(|gap| Some((gap.cause, gap.first?, gap.count?)))
        .collect();
    assert_eq!(lost, [(GapCause::Overrun, HandshakeNumber(65_535), 3)], "over the wrap");
    assert_eq!(world.plc.ack, Value::UInt(world.plc.number), "the tail");
}

/// Between two looks the ring was filled anew to the very number that was read last.
#[test]
fn a_ring_that_began_anew_up_to_the_same_number_is_read_from_its_begin() {
    let mut world = world(Pattern::Ring, true);
    world.plc.number = 0;
    world.drop_link();
    world.plc.restart(true);
    world.link();
    world.settle();
    (0..2).for_each(|_| world.put());
    world.notify();
    world.settle();
    world.drop_link();
    world.plc.give_up(true);
    (0..2).for_each(|_| world.put());
    world.settle();
    let parts: Vec<u64> = recorded(&world.durable).iter().map(|(part, _)| *part).collect();
    assert_eq!(parts, [1, 2, 3, 4]);
}

/// The head was seen to fall, and the link was lost before the new ring was looked at: until it was found
/// again it had gone past the number that was recorded last of the old one.
#[test]
fn a_ring_that_fell_and_went_round_unseen_is_in_a_gap() {
    let choices =
        [158, 48, 112, 9, 249, 164, 87, 52, 71, 175, 128, 16, 208, 61, 48, 0, 48, 16, 0, 16];
    check_late(Pattern::Ring, true, &choices).unwrap();
}

/// What the subscription tells may be older than what was read: that is no other ring.
#[test]
fn a_head_that_is_told_later_than_it_was_read_has_not_fallen() {
    let mut world = world(Pattern::Ring, true);
    for _ in 0..3 {
        world.put();
        world.notify();
    }
    world.tell_change();
    // The tail was told with it, so that it is read once more.
    world.answer();
    world.answer();
    world.settle();
    assert_eq!(recorded(&world.durable).len(), 3);
    assert!(all_gaps(&world.durable).is_empty());
    let fell = |r: &Record| matches!(&r.body, Body::Epoch(e) if e.cause == EpochCause::CounterFell);
    assert!(!world.durable.iter().any(fell));
}

/// The head was counted before the slot was written: it is looked at once more, and nothing is lost.
#[test]
fn a_slot_that_is_still_being_written_is_read_again() {
    let mut world = world(Pattern::Ring, true);
    world.put();
    let slots = std::mem::take(&mut world.plc.slots);
    world.plc.slots = vec![plc::Slot::default(); SLOTS];
    world.notify();
    world.tell_change();
    world.answer();
    assert!(recorded(&world.appended).is_empty());
    world.plc.slots = slots;
    world.settle();
    assert_eq!(recorded(&world.durable).len(), 1);
    assert!(all_gaps(&world.durable).iter().all(|gap| gap.count.is_none()));
}

/// Before a slot is written anew the PLC sets its number to 0: what is in it then is not the entry 0.
#[test]
fn a_slot_that_is_written_anew_is_not_taken_for_the_entry_zero() {
    let mut world = world(Pattern::Ring, true);
    (0..2).for_each(|_| world.put());
    world.notify();
    world.settle();
    world.put();
    world.notify();
    world.tell_change();
    (0..3).for_each(|_| world.put());
    let now = world.at().wall;
    world.plc.run(now);
    world.answer();
    world.plc.run(now);
    world.notify();
    world.settle();
    let parts: Vec<u64> = recorded(&world.durable).iter().map(|(part, _)| *part).collect();
    assert_eq!(parts, [1, 2, 4, 5, 6, 7]);
    let gaps = all_gaps(&world.durable);
    let lost: Vec<_> = gaps.iter().filter_map(|gap| gap.first.zip(gap.count)).collect();
    assert_eq!(lost, [(HandshakeNumber(0), 1)]);
}

/// The tail is written when the record is durable, and not before.
#[test]
fn the_tail_of_a_ring_waits_for_the_disk() {
    let mut world = world(Pattern::Ring, true);
    world.put();
    world.notify();
    world.tell_change();
    for _ in 0..10 {
        world.carry_out();
        world.tell_answer();
    }
    assert_eq!(recorded(&world.appended).len(), 1);
    assert_eq!(world.plc.ack, Value::UInt(BEFORE_WRAP), "nothing is durable yet");
    world.crash(0);
    world.settle();
    assert_eq!(world.plc.ack, Value::UInt(world.plc.number));
    assert_eq!(recorded(&world.durable).len(), 1);
}

/// The PLC sets a word before the data and one after: as long as they differ nothing of the slot is taken.
#[test]
fn a_slot_whose_guard_words_differ_is_not_taken() {
    let mut plant = (*late_plant(Pattern::Ring, true)).clone();
    // The serial is set first, the force last: of part 1 both say the same only once it is whole.
    plant.stations[0].handshakes[0].guard = Some((slot_tag(0, 0), slot_tag(0, 2)));
    let mut world = World::with(Arc::new(plant), Plc::new(Pattern::Ring, Splice::Clean));
    world.settle();
    world.put();
    world.notify();
    world.settle();
    assert_eq!(recorded(&world.durable), [], "{} is not 1", world.plc.number);
}

/// A slot that cannot be read for longer than a PLC may wait: what was recorded last may be in it, so it
/// is a gap, and the others are read.
#[test]
fn a_slot_that_cannot_be_read_does_not_stop_the_ring() {
    let mut world = world(Pattern::Ring, true);
    (0..3).for_each(|_| world.put());
    world.notify();
    world.settle();
    world.drop_link();
    world.plc.dead = Some(2);
    world.put();
    world.settle();
    let parts: Vec<u64> = recorded(&world.durable).iter().map(|(part, _)| *part).collect();
    assert_eq!(parts, [1, 2, 3, 4]);
    let gaps = all_gaps(&world.durable);
    assert_eq!(gaps.iter().filter(|gap| gap.cause == GapCause::NumbersSkipped).count(), 1);
}

/// What is left in the slots of before the ring began anew is no entry of the new one, whatever its number.
#[test]
fn what_is_left_of_an_old_ring_is_recorded_once() {
    let mut world = world(Pattern::Ring, true);
    // Up to the highest number, so that those of the old ring seem to come right before the new ones.
    (0..3).for_each(|_| world.put());
    world.notify();
    world.settle();
    world.plc.give_up(true);
    world.notify();
    (0..2).for_each(|_| world.put());
    world.notify();
    world.settle();
    let parts: Vec<u64> = recorded(&world.durable).iter().map(|(part, _)| *part).collect();
    assert_eq!(parts, [1, 2, 3, 4, 5]);
}

/// An entry was recorded while a word of it had no value; when it is found again the word has one.
#[test]
fn an_entry_that_was_recorded_without_a_value_is_recorded_once() {
    let mut world = world(Pattern::Ring, true);
    world.put();
    world.plc.dim = true;
    world.put();
    world.notify();
    world.settle();
    world.plc.dim = false;
    world.crash(0);
    world.put();
    world.settle();
    let parts: Vec<u64> = recorded(&world.durable).iter().map(|(part, _)| *part).collect();
    assert_eq!(parts, [1, 2, 3]);
    assert!(all_gaps(&world.durable).iter().any(|gap| gap.cause == GapCause::NumbersSkipped));
}

/// Longer than a PLC may be silent.
const LONG: u64 = 10_000_000_000;

/// What lay in the ring when it was looked at again may have come at any time of the outage, the first of
/// it and the last, and all of it is held against the gap.
#[test]
fn what_a_ring_held_after_an_outage_is_late_and_may_be_as_old_as_that() {
    let mut world = world(Pattern::Ring, true);
    world.plc.timeless = true;
    world.put();
    world.notify();
    world.settle();
    world.drop_link();
    let gone = world.at().wall;
    for _ in 0..3 {
        world.now += LONG;
        world.put();
    }
    world.now += LONG;
    let back = world.at().wall;
    world.settle();
    world.put();
    world.notify();
    world.settle();
    let told = events(&world.durable);
    let evidence: Vec<_> = told.iter().map(|(_, event)| event.evidence).collect();
    let late = Evidence::Late;
    assert_eq!(evidence, [Evidence::Automatic, late, late, late, Evidence::Automatic]);
    for (part, event) in &told[1..4] {
        let made = world.plc.made.iter().find(|made| made.part == *part).unwrap();
        assert!((event.time.earliest()..=event.time.at).contains(&made.from), "{event:?}");
        assert!(event.stay.unwrap().interval.from <= gone, "{event:?}");
    }
    let (_, last) = told[4];
    assert!(last.time.earliest() >= back.minus(Duration::from_millis(100)), "{last:?}");
    assert!(last.stay.unwrap().interval.from >= back, "{last:?}");
}

/// The count of 16 bits goes half round after the outage: what comes then did not come in it.
#[test]
fn what_a_ring_holds_long_after_an_outage_is_not_late() {
    let mut world = world(Pattern::Ring, true);
    world.drop_link();
    world.put();
    world.now += LONG;
    world.settle();
    for _ in 0..2 {
        // So many are lost, each time as many as may be told from a fall.
        world.plc.number = (world.plc.number + 20_000) & 0xFFFF;
        world.put();
        world.notify();
        world.settle();
    }
    let evidence: Vec<_> = events(&world.durable).iter().map(|(_, e)| e.evidence).collect();
    assert_eq!(evidence, [Evidence::Late, Evidence::Automatic, Evidence::Automatic]);
}

/// Who waits for an answer is found after the outage as well; what it asks next is seen when it happens.
#[test]
fn a_request_that_waited_through_an_outage_is_late_and_the_next_is_not() {
    for (pattern, outage) in [
        (Pattern::Counter, LONG),
        (Pattern::ReqAck, LONG),
        (Pattern::Toggle, LONG),
        (Pattern::State(STATES), LONG),
        // As long as a PLC may be silent nothing is said.
        (Pattern::Counter, 1_000_000_000),
    ] {
        let mut world = World::new(pattern, Splice::Clean);
        world.settle();
        for during in [0, outage, 0] {
            if during > 0 {
                world.drop_link();
            }
            let now = world.at().wall;
            world.plc.run(now);
            world.now += during;
            if during > 0 {
                world.link();
                // The ack may be told first.
                world.changes.iter_mut().for_each(|told| told.reverse());
            }
            world.notify();
            world.settle();
        }
        let told = events(&world.durable);
        let evidence: Vec<_> = told.iter().map(|(_, event)| event.evidence).collect();
        let middle = if outage == LONG { Evidence::Late } else { Evidence::Automatic };
        let wanted = [Evidence::Automatic, middle, Evidence::Automatic];
        assert_eq!(evidence, wanted, "{pattern:?} after {outage} ns");
    }
}

/// Its line is too slow for a pulse that nobody counts: that is one gap of its requests, and of nothing else, until
/// it is looked at in time again or not at all.
#[test]
fn a_pulse_that_is_looked_at_too_seldom_is_one_gap_as_long_as_that_goes_on() {
    let mut plant = (*plant(Pattern::Edge, Splice::Clean)).clone();
    plant.stations[0].handshakes[0].number = None;
    let mut world = World::with(Arc::new(plant), Plc::new(Pattern::Edge, Splice::Clean));
    world.settle();
    let before = all_gaps(&world.durable).len();
    let told = |world: &mut World, since: i64, open| {
        let (to, cause) = (world.at().wall, GapCause::Silent);
        let (device, tag) = (DeviceIndex(0), Some(TRIGGER));
        world.step(&Input::Lost { device, tag, cause, since: Utc(since), to, open });
        world.sync();
    };
    let gaps = |world: &World| {
        let found = all_gaps(&world.durable).into_iter().skip(before);
        found.map(|gap| (gap.source.clone(), gap.interval)).collect::<Vec<_>>()
    };
    let source = GapSource::Handshake(
        StationId::parse("ST10").unwrap(),
        HandshakeId::parse("result").unwrap(),
    );
    let since = world.at().wall.0;
    told(&mut world, since, true);
    told(&mut world, since, true);
    // One that is seen says nothing of the others.
    let now = world.at().wall;
    world.plc.run(now);
    world.notify();
    world.tell_change();
    let [(of, Interval { from, to: None })] = &gaps(&world)[..] else {
        panic!("{:?}", gaps(&world))
    };
    assert_eq!(*of, source);
    let from = *from;
    told(&mut world, since, false);
    let [_, (of, ended)] = &gaps(&world)[..] else { panic!("{:?}", gaps(&world)) };
    assert_eq!((of, ended.from), (&source, from));
    assert!(ended.to > Some(from));
    // A connection that is lost ends it: what follows is the gap of the device.
    let since = world.at().wall.0;
    told(&mut world, since, true);
    world.drop_link();
    world.sync();
    let known = gaps(&world);
    let [_, _, (open, begun), (closed, over), (device, _)] = &known[..] else {
        panic!("{known:?}")
    };
    assert_eq!((open, closed), (&source, &source));
    assert_eq!((begun.to, over.from, over.to.is_some()), (None, begun.from, true));
    assert!(matches!(device, GapSource::Device(_)));
}

/// The last pulse before a line stops fell between two looks: no other comes whose number would tell of it.
#[test]
fn a_counted_pulse_that_passed_between_two_late_looks_is_counted_without_the_next_one() {
    for passed in [false, true] {
        let mut plant = (*late_plant(Pattern::Edge, true)).clone();
        plant.tags[TRIGGER.get()].source = TagSource::Register(coil());
        let mut world = World::with(Arc::new(plant), Plc::new(Pattern::Edge, Splice::Clean));
        world.settle();
        let turn = |world: &mut World| {
            let now = world.at().wall;
            world.plc.run(now);
        };
        for _rise_and_fall in 0..2 {
            turn(&mut world);
            world.notify();
            world.settle();
        }
        let (before, known) = (all_gaps(&world.durable).len(), recorded(&world.durable).len());
        assert_eq!(known, 1);
        let since = world.at().wall;
        if passed {
            turn(&mut world);
            turn(&mut world);
        }
        let (device, tag, cause) = (DeviceIndex(0), Some(TRIGGER), GapCause::Silent);
        let to = world.at().wall;
        world.step(&Input::Lost { device, tag, cause, since, to, open: true });
        world.settle();
        let gaps = all_gaps(&world.durable).split_off(before);
        let counted: Vec<_> = gaps.iter().map(|gap| gap.count).collect();
        assert_eq!(counted, if passed { vec![Some(1)] } else { vec![] }, "{gaps:?}");
        assert_eq!(recorded(&world.durable).len(), known);
    }
}

/// A device is asked for its words one after the other: one of them was not looked at in time.
#[test]
fn a_word_that_was_not_looked_at_is_a_gap_of_its_own_pulse_alone() {
    let mut world = world(Pattern::Edge, false);
    let gaps = |world: &World| {
        let of_handshake = |gap: &&Gap| matches!(gap.source, GapSource::Handshake(..));
        all_gaps(&world.durable).into_iter().filter(of_handshake).count()
    };
    let before = gaps(&world);
    let lost = |world: &mut World, tag| {
        let to = world.at().wall;
        let since = Utc(to.0 - 1);
        let (device, tag, cause) = (DeviceIndex(0), Some(tag), GapCause::Silent);
        Input::Lost { device, tag, cause, since, to, open: false }
    };
    for (tag, told) in [(LOT, 0), (TRIGGER, 1)] {
        let input = lost(&mut world, tag);
        world.step(&input);
        world.settle();
        assert_eq!(gaps(&world), before + told);
    }
}

/// The PLC restarted and its ring did not, but for its count: by chance that stands at one of the entries.
#[test]
fn a_ring_whose_count_is_set_back_into_its_own_entries_has_a_gap() {
    let mut world = world(Pattern::Ring, true);
    world.plc.timeless = true;
    for choice in [176, 48, 80, 96, 48, 192, 48, 25, 185, 228, 73, 39, 84, 215, 80, 80, 176, 158] {
        world.act(choice);
    }
    judge_late(&mut world, true).unwrap();
}

/// The same, and the new entries were written over those that would have said so: one number stands in two slots.
#[test]
fn a_ring_whose_count_is_set_back_and_comes_to_its_old_numbers_again_has_a_gap() {
    let choices = [96, 48, 144, 80, 15, 244, 87, 20, 87, 48, 4, 96, 112, 48, 80, 48, 142, 0, 0, 20];
    check_late(Pattern::Ring, true, &choices).unwrap();
}

/// The words of a handshake are those of the first slot: a badge is one in the others too.
#[test]
fn a_badge_in_any_slot_of_a_ring_is_veiled() {
    let mut plant = (*late_plant(Pattern::Ring, true)).clone();
    plant.stations[0].handshakes[0].badge = Some(word(slot_tag(0, 1)));
    let world = World::with(Arc::new(plant), Plc::new(Pattern::Ring, Splice::Clean));
    let sample = |tag| Sample {
        tag,
        value: Value::text("4711"),
        quality: Quality::GOOD,
        source: None,
        server: None,
        receive: Utc(0),
    };
    for slot in 0..SLOTS {
        let mut input = Input::Samples([1, 2].map(|n| sample(slot_tag(slot, n))).to_vec());
        world.engine.veil(&mut input);
        let Input::Samples(kept) = input else { panic!("{input:?}") };
        let [badge, force] = [0, 1].map(|n| kept[n].value.clone());
        assert_eq!(badge, Value::Text(persons().veil("4711")), "slot {slot}");
        assert_eq!(force, Value::text("4711"), "slot {slot}");
    }
}
