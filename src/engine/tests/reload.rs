//! Another plant comes into force at any moment: whatever the PLC was in the middle of, each of its
//! parts is recorded once and with its lot.
use super::*;

/// A plant, and where the words of the PLC stand in it.
struct Variant {
    plant: Arc<Plant>,
    carried: Carried,
}

const VARIANTS: u8 = 4;

/// The plant as it is; behind another PLC, so that every index is another; with a longer deadline;
/// and with both.
fn variant(own: &Plant, which: u8) -> Variant {
    let mut own = own.clone();
    // So that a snapshot is held while the plant changes.
    own.stations[0].handshakes[0].stable = true;
    if which & 2 != 0 {
        own.stations[0].handshakes[0].deadline = Duration::from_secs(2);
    }
    let mut plant = own.clone();
    if which & 1 != 0 {
        let mut other = (*super::plant(Pattern::Counter, Splice::Clean)).clone();
        other.devices[0].id = DeviceId::parse("other").unwrap();
        other.stations[0].id = StationId::parse("ST05").unwrap();
        for tag in &mut other.tags {
            tag.name = TagName::parse(&format!("other-{}", tag.name)).unwrap();
        }
        plant = own.behind(&other);
    }
    plant.hash = Digest([which; 32]);
    let carried = Carried::between(&own, &plant);
    Variant { plant: Arc::new(plant), carried }
}

impl World {
    /// As the daemon does it: a device that is touched ends first and says all that it has to say.
    fn reload(&mut self, to: u8) {
        self.put_in_force(variant(&self.own, to));
    }

    fn put_in_force(&mut self, Variant { plant, carried }: Variant) {
        let device = self.carried.device(DeviceIndex(0)).unwrap();
        let touched = Carried::between(&self.plant, &plant).device(device).is_none();
        let linked = self.linked;
        if touched {
            while !(self.answers.is_empty() && self.changes.is_empty()) {
                self.tell_change();
                self.tell_answer();
            }
            self.drop_link();
            self.waiting.clear();
        }
        let at = self.at();
        let mut out = Vec::new();
        self.engine.step(at, &Input::Plant(Arc::clone(&plant)), &mut out);
        for effect in out {
            if let Effect::Append(frame) = effect {
                self.appended.extend(frame);
            }
        }
        (self.plant, self.carried) = (plant, carried);
        if touched && linked {
            self.link();
        }
    }
}

fn check_reload(
    (pattern, splice): (Pattern, Splice),
    choices: &[(u8, u8)],
) -> std::result::Result<(), TestCaseError> {
    let mut world = World::new(pattern, splice);
    play(&mut world, choices);
    judge(&mut world, splice)?;
    check_plants(&world)
}

fn play(world: &mut World, choices: &[(u8, u8)]) {
    world.reload(0);
    for (choice, to) in choices {
        if *to < VARIANTS {
            world.reload(*to);
        }
        world.act(*choice);
    }
}

/// Every record names the plant that it was made under.
fn check_plants(world: &World) -> std::result::Result<(), TestCaseError> {
    let mut plant = None;
    for record in &world.durable {
        if let Body::Plant(_) = &record.body {
            plant = Some(record.position);
        }
        prop_assert_eq!(record.plant, plant, "{:?}", record);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_reload_at_any_moment_loses_and_doubles_no_part_of_a_counter(
        choices in proptest::collection::vec((any::<u8>(), 0..12_u8), 0..300),
    ) {
        check_reload((Pattern::Counter, Splice::Clean), &choices)?;
    }

    #[test]
    fn a_reload_at_any_moment_loses_and_doubles_no_part_of_a_request_bit(
        choices in proptest::collection::vec((any::<u8>(), 0..12_u8), 0..300),
    ) {
        check_reload((Pattern::ReqAck, Splice::Clean), &choices)?;
    }

    #[test]
    fn a_reload_at_any_moment_loses_and_doubles_no_part_of_a_bit_that_is_turned_over(
        choices in proptest::collection::vec((any::<u8>(), 0..12_u8), 0..300),
    ) {
        check_reload((Pattern::Toggle, Splice::Clean), &choices)?;
    }

    #[test]
    fn a_reload_at_any_moment_loses_and_doubles_no_part_of_a_state_word(
        choices in proptest::collection::vec((any::<u8>(), 0..12_u8), 0..300),
    ) {
        check_reload((Pattern::State(STATES), Splice::Clean), &choices)?;
    }

    #[test]
    fn a_reload_at_any_moment_doubles_no_entry_of_a_ring_and_counts_what_is_lost(
        choices in proptest::collection::vec((any::<u8>(), 0..12_u8), 0..300),
    ) {
        let mut world = late::world(Pattern::Ring, true);
        play(&mut world, &choices);
        late::judge_late(&mut world, true)?;
        check_plants(&world)?;
    }

    #[test]
    fn a_reload_at_any_moment_makes_no_wrong_link(
        choices in proptest::collection::vec((any::<u8>(), 0..12_u8), 0..300),
    ) {
        check_reload((Pattern::Counter, Splice::OneOf), &choices)?;
    }
}

fn gaps(records: &[Record]) -> Vec<(GapCause, bool)> {
    let gap = |r: &Record| match &r.body {
        Body::Gap(gap) => Some((gap.cause, gap.interval.to.is_some())),
        Body::Trace(_)
        | Body::Quarantine(_)
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
    };
    records.iter().filter_map(gap).collect()
}

fn plants(records: &[Record]) -> usize {
    records.iter().filter(|r| matches!(r.body, Body::Plant(_))).count()
}

#[test]
fn a_device_that_nothing_touched_goes_on_under_its_new_index_without_a_gap() {
    let mut world = World::new(Pattern::Counter, Splice::Clean);
    world.reload(0);
    let before = gaps(&world.appended);
    let now = world.at().wall;
    world.plc.run(now);
    world.notify();
    world.tell_change();
    world.tell_change();
    // The first of two snapshots comes under the old plant, the second under the new one.
    world.carry_out();
    world.tell_answer();
    world.carry_out();
    world.reload(1);
    world.tell_answer();
    assert_eq!(completed(&world.appended).len(), 1, "the two are the same words");
    world.settle();
    assert_eq!(completed(&world.durable).len(), 1);
    assert_eq!(gaps(&world.durable), before);
    assert_eq!(plants(&world.durable), 3);
}

#[test]
fn the_plant_that_is_in_force_already_changes_nothing() {
    let mut world = World::new(Pattern::Counter, Splice::Clean);
    world.reload(0);
    let (records, last) = (world.appended.len(), world.engine.position());
    world.reload(0);
    assert_eq!((world.appended.len(), world.engine.position()), (records, last));
}

#[test]
fn a_device_that_is_redefined_has_a_gap_even_if_nobody_says_that_it_went_down() {
    let mut world = World::new(Pattern::Counter, Splice::Clean);
    let at = world.at();
    let mut out = Vec::new();
    world.engine.step(at, &Input::Plant(variant(&world.own, 2).plant), &mut out);
    let Some(Effect::Append(frame)) = out.first() else { panic!("no record: {out:?}") };
    assert_eq!(gaps(frame), [(GapCause::Redefined, false)]);
    assert_eq!(plants(frame), 1, "the gap and the plant are one frame");
}

#[test]
fn a_device_that_is_taken_out_is_an_open_gap_until_it_is_back() {
    let mut world = World::new(Pattern::Counter, Splice::Clean);
    let mut without = (*plant(Pattern::Counter, Splice::Clean)).clone();
    without.devices[0].id = DeviceId::parse("another").unwrap();
    without.hash = Digest([9; 32]);
    world.drop_link();
    let at = world.at();
    let mut out = Vec::new();
    world.engine.step(at, &Input::Plant(Arc::new(without)), &mut out);
    let Some(Effect::Append(frame)) = out.first() else { panic!("no record: {out:?}") };
    let wanted = [(GapCause::Disconnected, true), (GapCause::Removed, false)];
    assert_eq!(gaps(frame), wanted);
    let plc = DeviceId::parse("plc").unwrap();
    let open = |world: &World| world.engine.memory().devices[&plc].gap.clone();
    assert_eq!(open(&world).unwrap().cause, GapCause::Removed);
    let at = world.at();
    world.engine.step(at, &Input::Plant(plant(Pattern::Counter, Splice::Clean)), &mut Vec::new());
    world.link();
    assert_eq!(open(&world), None);
}

/// Another plant records other words of an entry: the last one that was recorded looks otherwise, and is
/// not taken for the first of another ring.
#[test]
fn a_ring_of_which_other_words_are_recorded_doubles_nothing() {
    let mut world = late::world(Pattern::Ring, true);
    for _ in 0..3 {
        world.put();
        world.notify();
        world.settle();
    }
    let parts = |world: &World| completed(&world.durable).len();
    assert_eq!(parts(&world), 3);
    let mut other = (*world.own).clone();
    other.stations[0].handshakes[0].measurements.clear();
    other.hash = Digest([9; 32]);
    // Where the PLC's words stand: where they stood.
    let carried = Carried::between(&other, &other);
    world.put_in_force(Variant { plant: Arc::new(other), carried });
    world.settle();
    assert_eq!(parts(&world), 3);
    world.put();
    world.notify();
    world.settle();
    assert_eq!(parts(&world), 4);
}
