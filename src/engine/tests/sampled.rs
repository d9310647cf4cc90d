//! A server that looks at the words only now and then: what falls and rises again meanwhile it has nothing
//! to tell of. Whoever carries samples to the engine tells it what a word is if it may have learned something
//! else by an answer, or from what it wrote; without that a line stands still for ever.
use super::*;

/// The world of such a server.
struct Slow {
    world: World,
    /// The engine may know something else than was told last.
    doubt: bool,
}

impl Slow {
    fn new(mut world: World) -> Self {
        world.slow = true;
        world.look();
        Self { world, doubt: false }
    }

    /// A change that was told, or an answer, in the order in which they go to the engine.
    fn tell(&mut self, change: bool) {
        let world = &mut self.world;
        if change {
            world.tell_change();
        } else {
            self.doubt |= !world.answers.is_empty();
            world.tell_answer();
        }
    }

    /// The words are read again, and told as they are, once nothing older is on its way.
    fn settle_doubt(&mut self) {
        let world = &mut self.world;
        if self.doubt && world.linked && world.changes.is_empty() {
            let words = world.watched();
            // As they were told last: whatever else they become, the server will tell.
            let values = words.iter().map(|word| &word.value);
            self.doubt = !world.told.iter().flatten().eq(values);
            world.step(&Input::Samples(words));
        }
    }

    fn act(&mut self, choice: u8) {
        let world = &mut self.world;
        let now = world.at().wall;
        match choice % 16 {
            0..=3 => world.plc.run(now),
            4..=6 => world.carry_out(),
            7..=9 => self.tell(choice.is_multiple_of(2)),
            10 => self.tell(true),
            11 => world.sync(),
            12 => self.settle_doubt(),
            13 | 14 => world.plc.give_up(choice >= 128),
            _ => world.look(),
        }
        let world = &mut self.world;
        if world.engine.next_wake().is_some_and(|(at, _)| at.0 <= world.now) {
            world.step(&Input::Wake);
        }
    }

    /// The PLC waits for its answer now.
    fn settle(&mut self) {
        for round in 0..80 {
            while !(self.world.waiting.is_empty()
                && self.world.answers.is_empty()
                && self.world.changes.is_empty())
            {
                self.world.sync();
                self.world.carry_out();
                self.tell(true);
                self.tell(false);
            }
            if round < 40 && self.world.plc.presented && self.world.plc.acked() {
                let now = self.world.at().wall;
                // It has the next part ready at once.
                self.world.plc.run(now);
                self.world.plc.run(now);
            }
            self.settle_doubt();
            if round % 3 == 0 {
                self.world.look();
            }
            self.world.now += 1_000_000_000;
            self.world.step(&Input::Wake);
        }
    }
}

fn check(world: World, choices: &[u8]) -> std::result::Result<(), TestCaseError> {
    let mut slow = Slow::new(world);
    for choice in choices {
        slow.act(*choice);
    }
    slow.settle();
    judge(&mut slow.world, Splice::Clean)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_request_bit_that_the_server_seldom_looks_at_is_answered(
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        check(World::new(Pattern::ReqAck, Splice::Clean), &choices)?;
    }

    #[test]
    fn a_bit_that_is_turned_over_and_seldom_looked_at_is_answered(
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        check(World::new(Pattern::Toggle, Splice::Clean), &choices)?;
    }

    #[test]
    fn a_state_word_that_the_server_seldom_looks_at_is_answered(
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        check(World::new(Pattern::State(STATES), Splice::Clean), &choices)?;
    }

    #[test]
    fn a_counter_that_the_server_seldom_looks_at_is_answered(
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        check(World::new(Pattern::Counter, Splice::Clean), &choices)?;
    }

    #[test]
    fn a_shared_state_word_that_the_server_seldom_looks_at_is_answered(
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut plant = (*plant(Pattern::State(STATES), Splice::Clean)).clone();
        plant.stations[0].handshakes[0].ack = Some(word(TRIGGER));
        let plc = Plc { one_word: true, ..Plc::new(Pattern::State(STATES), Splice::Clean) };
        check(World::with(Arc::new(plant), plc), &choices)?;
    }
}
