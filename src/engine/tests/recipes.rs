//! The recipe that a PLC is told, and told again.
use super::*;

/// What the lots in the feeder stand for: as products, worked on with this recipe.
fn with_recipe(plant: &Arc<Plant>, lots: &[String], recipe: i64) -> Arc<Plant> {
    let mut plant = (**plant).clone();
    let station = plant.stations[0].id.clone();
    for lot in lots {
        let recipes = std::collections::BTreeMap::from([(station.clone(), Value::Int(recipe))]);
        let product = Product { recipes, ..Product::default() };
        plant.catalog.products.insert(Text::parse(lot).unwrap(), product);
    }
    Arc::new(plant)
}

impl World {
    /// Until the answer waits for its record.
    fn ask(&mut self) -> Vec<Value> {
        for _ in 0..20 {
            self.tell_change();
            if matches!(self.waiting.front(), Some(Effect::Read(_))) {
                self.carry_out();
            }
            self.tell_answer();
        }
        let writes = self.waiting.iter().filter_map(|effect| match effect {
            Effect::Write(write) => Some(write),
            Effect::Read(_)
            | Effect::Append(_)
            | Effect::Ask(_)
            | Effect::Answer(_)
            | Effect::Notice(_) => None,
        });
        let told = |write: &Write| (write.tag == FORCE).then(|| write.value.clone());
        writes.flat_map(|write| write.replies.iter().filter_map(told)).collect()
    }
}

fn answered(records: &[Record]) -> Vec<Option<Value>> {
    let mark = |record: &Record| {
        let Body::Trace(event) = &record.body else { return None };
        event.handshake.as_ref().map(|mark| mark.recipe.clone())
    };
    records.iter().filter_map(mark).collect()
}

/// It was told, or may have been: another would be another request's.
#[test]
fn a_request_is_told_its_recipe_again_whatever_the_plant_says_by_now() {
    let mut plant = (*plant(Pattern::Counter, Splice::Clean)).clone();
    let handshake = &mut plant.stations[0].handshakes[0];
    handshake.product = Some(word(LOT));
    handshake.replies = vec![Reply { word: word(FORCE), value: ReplyValue::Recipe }];
    let plant = Arc::new(plant);
    let plc = Plc::new(Pattern::Counter, Splice::Clean);
    let lots: Vec<String> = vec![plc.read(LOT, Utc(0)).value.as_text().unwrap()];
    let mut world = World::with(with_recipe(&plant, &lots, 7), plc);
    world.ask();
    let now = world.at().wall;
    world.plc.run(now);
    world.notify();
    assert_eq!(world.ask(), [Value::Int(7)]);
    world.sync();
    world.plant = with_recipe(&plant, &lots, 8);
    world.crash(0);
    assert_eq!(world.ask(), [Value::Int(7)]);
    world.sync();
    assert_eq!(answered(&world.durable), [Some(Value::Int(7))]);
    // Whose record is lost asks anew.
    world.carry_out();
    world.tell_answer();
    for _ in ["takes it back", "the next"] {
        let now = world.at().wall;
        world.plc.run(now);
        world.notify();
    }
    assert_eq!(world.ask(), [Value::Int(8)]);
    world.plant = with_recipe(&plant, &lots, 9);
    world.crash(0);
    assert_eq!(world.ask(), [Value::Int(9)]);
    world.sync();
    assert_eq!(answered(&world.durable), [Some(Value::Int(7)), Some(Value::Int(9))]);
}

impl World {
    /// The server of the PLC refuses whatever is answered with a recipe; how often it was offered one, and what was
    /// written at last beside the ack.
    fn refuse_recipes(&mut self, rounds: usize) -> (usize, Vec<Write>) {
        self.refuse(FORCE, rounds)
    }

    /// The same with any word.
    fn refuse(&mut self, word: TagIndex, rounds: usize) -> (usize, Vec<Write>) {
        let (mut offered, mut told) = (0, Vec::new());
        for _ in 0..rounds {
            self.sync();
            self.tell_change();
            if let Some(Effect::Write(write)) = self.waiting.front() {
                let (token, replies) = (write.token, write.replies.clone());
                if replies.iter().any(|reply| reply.tag == word) {
                    self.waiting.pop_front();
                    offered += 1;
                    let outcome = Err(ReadFault::Refused);
                    self.answers.push_back(Input::Written(WriteDone { token, outcome }));
                } else {
                    told = replies;
                }
            }
            self.carry_out();
            self.tell_answer();
            self.now += 50_000_000;
            if self.engine.next_wake().is_some_and(|(at, _)| at.0 <= self.now) {
                self.step(&Input::Wake);
            }
        }
        (offered, told)
    }
}

fn aside(records: &[Record]) -> Vec<QuarantineCause> {
    let cause = |record: &Record| {
        let Body::Quarantine(aside) = &record.body else { return None };
        Some(aside.cause.clone())
    };
    records.iter().filter_map(cause).collect()
}

/// A server may refuse any word for a while: only the recipe's own refusal says that the PLC cannot hold the recipe.
#[test]
fn another_word_that_is_refused_is_tried_until_it_is_taken_and_the_recipe_stays() {
    for pattern in [Pattern::Counter, Pattern::ReqAck] {
        let mut world = recipe_world(pattern);
        world.refuse_recipes(20);
        let now = world.at().wall;
        world.plc.run(now);
        world.notify();
        let (offered, _) = world.refuse(NUMBER, 120);
        assert!(offered > 6, "{pattern:?}: {offered}");
        assert!(!world.plc.acked(), "{pattern:?}: it waits for its permit");
        assert_eq!(aside(&world.durable), [], "{pattern:?}");
        let (_, told) = world.refuse(ACK, 40);
        let recipe = told.iter().find(|write| write.tag == FORCE).map(|write| write.value.clone());
        assert_eq!(recipe, Some(Value::Int(7)), "{pattern:?}");
        assert!(world.plc.acked(), "{pattern:?}");
        assert_eq!(answered(&world.durable), [Some(Value::Int(7))], "{pattern:?}");
        assert_eq!(aside(&world.durable), [], "{pattern:?}");
    }
}

/// A PLC that is told recipe, permit and reason.
fn recipe_world(pattern: Pattern) -> World {
    let mut plant = (*plant(pattern, Splice::Clean)).clone();
    let handshake = &mut plant.stations[0].handshakes[0];
    handshake.product = Some(word(LOT));
    let reply = |tag, value| Reply { word: word(tag), value };
    handshake.replies = vec![
        reply(FORCE, ReplyValue::Recipe),
        reply(NUMBER, ReplyValue::Permit),
        reply(LOT, ReplyValue::Reason),
    ];
    let plant = Arc::new(plant);
    let plc = Plc::new(pattern, Splice::Clean);
    let lots: Vec<String> = vec![plc.read(LOT, Utc(0)).value.as_text().unwrap()];
    World::with(with_recipe(&plant, &lots, 7), plc)
}

/// What an unpinned word holds only its server knows: the PLC is told no, once and for good, and is not left to wait.
#[test]
fn a_recipe_that_the_word_does_not_hold_is_refused_once_and_the_plc_is_told() {
    for pattern in [Pattern::Counter, Pattern::ReqAck] {
        let mut world = recipe_world(pattern);
        world.refuse_recipes(20);
        let now = world.at().wall;
        world.plc.run(now);
        world.notify();
        let (offered, told) = world.refuse_recipes(60);
        assert_eq!(offered, 3, "{pattern:?}: it may be refused for a moment");
        let told: Vec<_> = told.into_iter().map(|write| (write.tag, write.value)).collect();
        let unknown = [(NUMBER, Value::Int(2)), (LOT, Value::Int(33))];
        assert_eq!(told, unknown, "{pattern:?}");
        assert!(world.plc.acked(), "{pattern:?}: it does not wait any more");
        let cause = QuarantineCause::Word(TagName::parse("force").unwrap());
        assert_eq!(aside(&world.durable), std::slice::from_ref(&cause), "{pattern:?}");
        assert_eq!(answered(&world.durable), [Some(Value::Int(7))], "{pattern:?}");

        // The answer was lost with us, and the request has it once more.
        let count = pattern == Pattern::Counter;
        world.plc.ack = if count { Value::UInt(0) } else { Value::Bool(false) };
        world.crash(0);
        let (offered, _) = world.refuse_recipes(40);
        assert_eq!(offered, 0, "{pattern:?}");
        assert_eq!(aside(&world.durable), [cause], "{pattern:?}");
        let folded = folded(&world.durable);
        assert_eq!(folded.memory(), world.engine.memory());
    }
}
