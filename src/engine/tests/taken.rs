//! Requests that the PLC takes back before they are answered: each is one record, an event or a gap that
//! counts it, whether its fall is told before the answer to the read that shows it or after.
use super::answers::handshake_gaps;
use super::*;

fn taken_plant(pattern: Pattern, numbered: bool, one_word: bool) -> Arc<Plant> {
    let mut plant = (*plant(pattern, Splice::Clean)).clone();
    let handshake = &mut plant.stations[0].handshakes[0];
    handshake.number = handshake.number.filter(|_| numbered);
    if one_word {
        handshake.ack = Some(word(TRIGGER));
    }
    Arc::new(plant)
}

fn world(pattern: Pattern, numbered: bool, one_word: bool) -> World {
    let plc = Plc { one_word, ..Plc::new(pattern, Splice::Clean) };
    let mut world = World::with(taken_plant(pattern, numbered, one_word), plc);
    // There is one before, from which numbers count on.
    world.next_part();
    world.settle();
    world
}

/// Its server says of each value when it looked, as over OPC UA; what is told may come after what was read
/// and written later.
fn timed(pattern: Pattern, one_word: bool) -> World {
    let plc = Plc { one_word, skew: Some(SKEW), ..Plc::new(pattern, Splice::Clean) };
    let mut world = World::with(taken_plant(pattern, false, one_word), plc);
    world.next_part();
    world.settle();
    world
}

/// Its clock is anywhere.
const SKEW: i64 = 3_600_000_000_000;

const KINDS: [(Pattern, bool); 4] = [
    (Pattern::Toggle, false),
    (Pattern::ReqAck, false),
    (Pattern::State(STATES), false),
    (Pattern::State(STATES), true),
];

impl World {
    /// All that is told and answered goes one way, in the order in which it was seen, as over Modbus.
    fn one_way(self) -> Self {
        Self { ordered: true, ..self }
    }

    /// A snapshot is read, and the PLC acts between two looks at the trigger.
    fn read_while(&mut self, act: impl FnOnce(&mut Plc, Utc)) {
        let asked = |effect: &Effect| matches!(effect, Effect::Read(_));
        let Some(asked) = self.waiting.iter().position(asked) else { return };
        let Some(Effect::Read(read)) = self.waiting.remove(asked) else { unreachable!() };
        let now = self.at().wall;
        let first = self.plc.read(TRIGGER, now);
        act(&mut self.plc, now);
        let now = self.at().wall;
        let rest = read.tags.iter().skip(1).map(|tag| self.plc.read(*tag, now));
        let words = std::iter::once(first).chain(rest).collect();
        self.notify();
        self.answers.push_back(Input::Read(ReadDone { token: read.token, outcome: Ok(words) }));
    }

    fn next_part(&mut self) {
        let now = self.at().wall;
        self.plc.run(now);
        self.notify();
    }

    fn leave(&mut self) {
        self.plc.give_up(false);
        self.notify();
    }

    /// Until the words are to be read.
    fn until_asked(&mut self) {
        for _ in 0..10 {
            if self.waiting.iter().any(|effect| matches!(effect, Effect::Read(_))) {
                return;
            }
            self.carry_out();
            self.tell_change();
            self.tell_answer();
        }
        panic!("nothing is to be read");
    }

    /// What is told without a time may be slower than a read, but not than the write that comes of it.
    fn tell_answer_in_time(&mut self) {
        while let Some(Input::Written(_)) = self.answers.front()
            && !self.changes.is_empty()
        {
            self.tell_change();
        }
        self.tell_answer();
    }

    /// Everything that was told, before anything that was answered, or after it.
    fn tell_all(&mut self, changes_first: bool) {
        for changes in [changes_first, !changes_first] {
            for _ in 0..10 {
                if changes {
                    self.tell_change();
                } else {
                    self.tell_answer();
                }
            }
        }
    }
}

/// Every part that left is recorded, or counted in a gap of one of these causes.
fn judge_taken(world: &mut World, causes: &[GapCause]) -> std::result::Result<(), TestCaseError> {
    world.settle();
    world.next_part();
    judge(world, Splice::Clean)?;
    let recorded: Vec<String> = completed(&world.durable).into_iter().map(|t| t.unit).collect();
    let given_up = &world.plc.given_up;
    let missing = given_up.iter().filter(|unit| !recorded.contains(unit)).count();
    let gaps = handshake_gaps(&world.durable);
    let counted: u64 = gaps.iter().filter_map(|(_, _, count)| *count).sum();
    prop_assert_eq!(counted, u64::try_from(missing).unwrap(), "{:?} {:?}", gaps, given_up);
    let right = |(cause, ..): &(GapCause, bool, Option<u64>)| causes.contains(cause);
    prop_assert!(gaps.iter().all(right), "another cause: {:?}", gaps);
    Ok(())
}

fn taken_once(
    mut world: World,
    choices: &[u8],
    causes: &[GapCause],
) -> std::result::Result<(), TestCaseError> {
    for choice in choices {
        match choice % 16 {
            0..=2 => world.next_part(),
            3..=5 => world.carry_out(),
            // By its times, what is told after the write is known to be older.
            6 | 7 if world.plc.skew.is_some() => world.tell_answer(),
            6 | 7 => world.tell_answer_in_time(),
            8 | 9 => world.tell_change(),
            10 | 11 => world.sync(),
            12 => world.leave(),
            13 => world.read_while(Plc::run),
            _ => world.read_while(|plc, _| plc.give_up(false)),
        }
        if world.engine.next_wake().is_some_and(|(at, _)| at.0 <= world.now) {
            world.step(&Input::Wake);
        }
    }
    judge_taken(&mut world, causes)
}

/// The request falls while its words are read, and its fall is told before the answer, after it, or both
/// ways; or it is gone before they are read at all.
#[test]
fn a_request_that_is_taken_back_is_one_record_whoever_shows_it() {
    for (pattern, one_word) in KINDS {
        for numbered in [true, false] {
            for (changes_first, before_read) in
                [(true, true), (true, false), (false, true), (false, false)]
            {
                let mut world = world(pattern, numbered, one_word);
                world.next_part();
                world.until_asked();
                if before_read {
                    world.leave();
                    world.carry_out();
                } else {
                    world.read_while(|plc, _| plc.give_up(false));
                }
                world.tell_all(changes_first);
                world.settle();
                world.next_part();
                let case =
                    format!("{pattern:?} {numbered} {one_word} {changes_first} {before_read}");
                world.settle();
                let missing = [(GapCause::TriggerMoved, true, Some(1))];
                assert_eq!(handshake_gaps(&world.durable), missing, "{case}");
                assert_eq!(completed(&world.durable).len(), 2, "{case}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_told_before_the_answer_that_shows_it_is_missing_once(
        // A bit that is turned over and back is not told from one that is not without a number.
        kind in 1..KINDS.len(),
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let (pattern, one_word) = KINDS[kind];
        taken_once(world(pattern, false, one_word).one_way(), &choices, &[GapCause::TriggerMoved])?;
    }

    #[test]
    fn what_is_told_at_any_time_is_missing_once(
        // Nor is a word that both sides write, where two changes of it are told later than the read.
        kind in 1..KINDS.len() - 1,
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let (pattern, one_word) = KINDS[kind];
        taken_once(timed(pattern, one_word), &choices, &[GapCause::TriggerMoved])?;
    }

    #[test]
    fn a_numbered_request_that_is_taken_back_is_missing_once(
        kind in 0..KINDS.len(),
        ordered in any::<bool>(),
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let (pattern, one_word) = KINDS[kind];
        let world = World { ordered, ..world(pattern, true, one_word) };
        // That a number was skipped may be seen before the fall is told.
        let causes = [GapCause::TriggerMoved, GapCause::NumbersSkipped];
        taken_once(world, &choices, &causes)?;
    }
}

/// Found at random: what is told of a request that fell comes after the read that shows the next one.
#[test]
fn a_request_whose_fall_is_told_behind_the_next_is_missing_once() {
    let choices =
        [80, 88, 92, 19, 0, 0, 0, 0, 104, 0, 0, 0, 0, 0, 0, 10, 0, 61, 22, 78, 54, 112, 3, 246];
    let world = timed(Pattern::ReqAck, false);
    taken_once(world, &choices, &[GapCause::TriggerMoved]).unwrap();
}

/// The PLC asks on, since nobody told it that its request is on record.
#[test]
fn a_request_whose_answer_could_not_be_written_is_recorded_once() {
    for (pattern, one_word) in KINDS {
        let mut world = world(pattern, false, one_word);
        world.next_part();
        let answer = |effect: &Effect| matches!(effect, Effect::Write(w) if w.after > Position(0));
        for _ in 0..20 {
            if let Some(answer) = world.waiting.iter().position(answer) {
                let Some(Effect::Write(write)) = world.waiting.remove(answer) else { panic!() };
                let outcome = Err(ReadFault::Timeout);
                world.step(&Input::Written(WriteDone { token: write.token, outcome }));
                break;
            }
            world.sync();
            world.carry_out();
            world.tell_change();
            world.tell_answer();
        }
        world.settle();
        let parts: Vec<String> = completed(&world.durable).into_iter().map(|t| t.unit).collect();
        assert_eq!(parts, ["SN-1", "SN-2"], "{pattern:?} {one_word}");
        assert_eq!(handshake_gaps(&world.durable), [], "{pattern:?} {one_word}");
    }
}

/// Its clock is set back while a request stands that was read and answered: what comes then is not put before that.
#[test]
fn a_clock_that_is_set_back_makes_no_gap() {
    for pattern in [Pattern::ReqAck, Pattern::State(STATES)] {
        for back in [30_000_000_000, SKEW, 10 * SKEW] {
            let mut world = timed(pattern, false);
            world.next_part();
            world.go_on();
            assert!(world.plc.presented && world.plc.acked(), "{pattern:?}");
            world.plc.skew = Some(SKEW - back);
            world.settle();
            for _ in 0..4 {
                world.next_part();
                world.settle();
            }
            assert_eq!(handshake_gaps(&world.durable), [], "{pattern:?} by {back} ns");
            assert_eq!(completed(&world.durable).len(), 6, "{pattern:?} by {back} ns");
        }
    }
}
