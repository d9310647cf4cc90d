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
