//! Counters of use: a feeder that knows what became of each piece, and what the engine says of it from the
//! counters that it was shown, through lost links, crashes of either side and reels changed at any time.
use super::plc::{Feeder, PICKED, REJECTED};
use super::*;
use std::collections::BTreeMap;

/// A feeder whose counters are about to wrap.
fn counted(pattern: Pattern, per_lot: bool) -> World {
    let mut plant = (*plant(pattern, Splice::OneOf)).clone();
    plant.tags.extend(["picked", "rejected"].map(tag));
    let counter = |tag| Counter { tag, bits: 16 };
    let waste = Some(counter(REJECTED));
    let used = Used { counter: counter(PICKED), waste, per_lot, unit: None };
    let station = &mut plant.stations[0];
    station.mounts[0].used = Some(used);
    station.handshakes[0].snapshot.extend([PICKED, REJECTED]);
    let near = if per_lot { 0 } else { BEFORE_WRAP };
    let feeder = Feeder { picked: near, rejected: near, per_lot, ..Feeder::default() };
    let plc = Plc { feeder, ..Plc::new(pattern, Splice::OneOf) };
    World::with(Arc::new(plant), plc)
}

/// What a unit was made with, as far as that is known by now.
#[derive(Debug)]
struct Made {
    unit: String,
    uses: Vec<MountUse>,
    observed: bool,
}

fn made(records: &[Record]) -> Vec<Made> {
    let told = completed(records);
    let mut uses: BTreeMap<Position, Vec<MountUse>> = BTreeMap::new();
    for record in records {
        let Body::Trace(event) = &record.body else { continue };
        if let What::Complete { mounts, .. } = &event.what {
            uses.insert(record.position, mounts.clone());
        }
        for of in &event.narrowed {
            let known = uses.get_mut(&of.record).expect("it is about a unit that is recorded");
            let before: Vec<&ItemKey> = known.iter().map(|used| &used.lot).collect();
            assert!(of.mounts.iter().all(|used| before.contains(&&used.lot)), "nothing is added");
            known.clone_from(&of.mounts);
        }
    }
    let both = told.into_iter().zip(uses.into_values());
    both.map(|(told, uses)| Made { unit: told.unit, uses, observed: told.observed }).collect()
}

/// What the engine says, held against what the feeder knows.
fn hold_against(world: &World) -> std::result::Result<(), TestCaseError> {
    let made = made(&world.durable);
    for (n, Made { unit, uses, observed }) in made.iter().enumerate() {
        let truth = &world.plc.feeder.parts[unit];
        let has = |lot: &str| truth.get(lot).map_or(0, |(picked, rejected)| picked - rejected);
        for used in uses {
            let lot = used.lot.code.as_str();
            prop_assert!(!used.counted || has(lot) > 0, "{unit} has none of {lot}: {truth:?}");
            prop_assert!(!used.counted || !used.one_of, "it is known and in doubt: {used:?}");
            if let Some(amount) = &used.amount {
                let wasted = used.wasted.as_ref().map_or(0.0, |wasted| wasted.value);
                let real = truth.get(lot).copied().unwrap_or_default();
                let told = (amount.value + wasted, wasted);
                let real = (count(real.0), count(real.1));
                prop_assert_eq!(told, real, "{} has of {}: {:?}", unit, lot, truth);
            } else {
                prop_assert!(used.untold.is_some(), "nothing is said of why: {used:?}");
            }
        }
        // The first may have another in it, from before we first looked.
        let linked = |lot: &String| uses.iter().any(|used| used.lot.code.as_str() == lot);
        let lost = truth.keys().find(|lot| has(lot) > 0 && !linked(lot));
        prop_assert!(lost.is_none() || !observed || n == 0, "{unit} lacks {lost:?} of {uses:?}");
    }
    Ok(())
}

/// What was taken from each lot until it was taken out, or why that is not told.
fn drawn(records: &[Record]) -> Vec<(String, std::result::Result<f64, Untold>)> {
    let unmounted = records.iter().filter_map(|record| {
        let Body::Trace(event) = &record.body else { return None };
        let What::Unmount { lot, used, untold, .. } = &event.what else { return None };
        let told = match (used, untold) {
            (Some(used), None) => Ok(used.value),
            (None, Some(why)) => Err(*why),
            both => panic!("it is told or it is not: {both:?}"),
        };
        Some((lot.code.to_string(), told))
    });
    unmounted.collect()
}

/// What a lot is said to have given is what was picked from it, and what the units have of it.
fn hold_drawn_against(world: &World) -> std::result::Result<(), TestCaseError> {
    let drawn = drawn(&world.durable);
    let feeder = &world.plc.feeder;
    let made = made(&world.durable);
    for lot in drawn.iter().map(|(lot, _)| lot).collect::<BTreeSet<_>>() {
        let total = feeder.total.get(lot).copied().unwrap_or_default();
        let told: Vec<_> =
            drawn.iter().filter(|(of, _)| of == lot).map(|(_, told)| *told).collect();
        let sum: f64 = told.iter().filter_map(|told| told.ok()).sum();
        prop_assert!(sum <= count(total), "{lot} gave {total}: {told:?}");
        // It may be in the feeder again by what was read before it was taken out.
        let still = world.plc.lot() == *lot || told.iter().any(std::result::Result::is_err);
        if still {
            continue;
        }
        prop_assert_eq!(Some(sum), Some(count(total)), "{} gave {:?}", lot, told);
        let uses = made.iter().flat_map(|made| &made.uses);
        let uses: Vec<&MountUse> = uses.filter(|used| used.lot.code.as_str() == lot).collect();
        let recorded = |unit: &String| made.iter().any(|made| made.unit == *unit);
        let has = |picked: &BTreeMap<String, (u64, u64)>| picked.contains_key(lot);
        let lost = feeder.parts.iter().any(|(unit, picked)| has(picked) && !recorded(unit));
        let of = |used: &&MountUse| {
            let wasted = used.wasted.as_ref().map_or(0.0, |wasted| wasted.value);
            Some(used.amount.as_ref()?.value + wasted)
        };
        let amounts: Option<Vec<f64>> = uses.iter().map(of).collect();
        // Of what was thrown away whole no unit has anything.
        let wasted: u64 = feeder
            .parts
            .values()
            .filter_map(|picked| picked.get(lot))
            .map(|p| if p.0 == p.1 { p.0 } else { 0 })
            .sum();
        let now = feeder.now.get(lot).map_or(0, |picked| picked.0);
        if let Some(amounts) = amounts.filter(|_| !lost) {
            let units: f64 = amounts.iter().sum();
            prop_assert_eq!(Some(units + count(now + wasted)), Some(sum), "{}: {:?}", lot, uses);
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred")]
fn count(n: u64) -> f64 {
    n as f64
}

/// Picks as often as anything else happens, and lets one answer overtake another now and then.
fn run(mut world: World, choices: &[(u8, u8)]) -> std::result::Result<(), TestCaseError> {
    for (choice, pick) in choices {
        match pick % 8 {
            0..=2 => world.plc.pick(false),
            3 if *pick >= 128 => world.plc.pick(true),
            4 if !world.answers.is_empty() => world.answers.rotate_left(1),
            _ => world.act(*choice),
        }
        if choice % 16 == 14 && choice % 2 == 0 && *pick >= 192 {
            (world.plc.feeder.picked, world.plc.feeder.rejected) = (0, 0);
            world.drop_link();
            world.plc.restart(false);
            world.link();
        }
    }
    world.settle();
    hold_against(&world)?;
    hold_drawn_against(&world)?;
    let folded = folded(&world.durable);
    prop_assert_eq!(folded.memory(), world.engine.memory());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn what_the_counters_say_of_a_unit_is_so(
        counter in any::<bool>(),
        choices in proptest::collection::vec(any::<(u8, u8)>(), 0..400),
    ) {
        let pattern = if counter { Pattern::Counter } else { Pattern::ReqAck };
        run(counted(pattern, false), &choices)?;
    }

    #[test]
    fn what_counters_say_that_begin_anew_with_every_lot_is_so(
        choices in proptest::collection::vec(any::<(u8, u8)>(), 0..400),
    ) {
        run(counted(Pattern::Counter, true), &choices)?;
    }
}

/// A part for which so many are picked, up to its answer.
fn part(world: &mut World, picks: usize) {
    (0..picks).for_each(|_| world.plc.pick(false));
    let now = world.at().wall;
    world.plc.run(now);
    world.notify();
    world.settle();
}

fn change(world: &mut World) {
    let now = world.at().wall;
    world.plc.change_lot(now);
    world.notify();
    world.tell_change();
}

/// `LOT-0 3, LOT-1 4`; one that is in doubt has a question mark.
fn said(made: &Made) -> String {
    let one = |used: &MountUse| {
        let amount = used.amount.as_ref().map(|amount| format!(" {}", amount.value));
        let doubt = if used.one_of { "?" } else { "" };
        format!("{}{doubt}{}", used.lot.code, amount.unwrap_or_default())
    };
    made.uses.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn all(world: &World) -> Vec<String> {
    made(&world.durable).iter().map(said).collect()
}

#[test]
fn a_unit_has_what_was_picked_since_the_one_before() {
    let mut world = counted(Pattern::Counter, false);
    part(&mut world, 2);
    part(&mut world, 7);
    // Nothing of it: it is not made with it.
    part(&mut world, 0);
    world.plc.pick(true);
    part(&mut world, 1);
    assert_eq!(all(&world), ["LOT-0?", "LOT-0 7", "", "LOT-0 1"]);
    let last = made(&world.durable).pop().unwrap();
    assert_eq!(last.uses[0].wasted.as_ref().map(|wasted| wasted.value), Some(1.0));
    assert_eq!(made(&world.durable)[0].uses[0].untold, Some(Untold::Unread));
}

#[test]
fn a_reel_that_is_changed_before_anything_is_picked_leaves_no_doubt() {
    let mut world = counted(Pattern::Counter, false);
    part(&mut world, 2);
    change(&mut world);
    world.settle();
    part(&mut world, 5);
    assert_eq!(all(&world)[1], "LOT-1 5");
}

/// The counters are read when the new reel is seen, and the answer comes behind that of the request.
fn overtaken(before: usize) -> World {
    let mut world = counted(Pattern::Counter, false);
    part(&mut world, 2);
    (0..before).for_each(|_| world.plc.pick(false));
    change(&mut world);
    while !world.waiting.is_empty() {
        world.carry_out();
    }
    (0..4).for_each(|_| world.plc.pick(false));
    let now = world.at().wall;
    world.plc.run(now);
    world.notify();
    world.tell_change();
    while !world.waiting.is_empty() {
        world.carry_out();
    }
    world.answers.rotate_left(1);
    world.tell_answer();
    world.sync();
    world
}

#[test]
fn what_a_counter_stood_at_narrows_what_is_recorded_when_it_comes_late() {
    let mut world = overtaken(0);
    assert_eq!(all(&world)[1], "LOT-0?, LOT-1?");
    let known = world.durable.len();
    world.settle();
    assert_eq!(all(&world)[1], "LOT-1 4");
    // What was recorded then is there as it was.
    assert_eq!(said(&made(&world.durable[..known])[1]), "LOT-0?, LOT-1?");

    let mut world = overtaken(3);
    world.settle();
    assert_eq!(all(&world)[1], "LOT-0?, LOT-1");
}

#[test]
fn what_was_not_observed_is_not_counted() {
    let mut world = counted(Pattern::Counter, false);
    part(&mut world, 2);
    world.drop_link();
    world.link();
    part(&mut world, 5);
    part(&mut world, 6);
    let made = made(&world.durable);
    assert_eq!((said(&made[1]).as_str(), made[1].uses[0].untold), ("LOT-0", Some(Untold::Gap)));
    assert_eq!(said(&made[2]), "LOT-0 6");
}

#[test]
fn a_counter_that_begins_anew_with_the_lot_counts_the_new_lot() {
    let mut world = counted(Pattern::Counter, true);
    part(&mut world, 2);
    part(&mut world, 9);
    change(&mut world);
    part(&mut world, 3);
    // How much came from the old one after its last reading is not known.
    assert_eq!(all(&world)[1..], ["LOT-0 9", "LOT-0?, LOT-1 3"]);
}

#[test]
fn a_lot_that_is_taken_out_says_how_much_it_gave() {
    let mut world = counted(Pattern::Counter, false);
    part(&mut world, 2);
    change(&mut world);
    world.settle();
    part(&mut world, 5);
    world.plc.pick(true);
    part(&mut world, 2);
    change(&mut world);
    world.settle();
    part(&mut world, 1);
    // Which of the two gave it is not known.
    world.plc.pick(false);
    change(&mut world);
    world.settle();
    part(&mut world, 1);
    world.drop_link();
    world.link();
    world.settle();
    change(&mut world);
    world.settle();
    let lot = |n: u64, told| (format!("LOT-{n}"), told);
    let wanted = [
        lot(0, Err(Untold::Unread)),
        lot(1, Ok(8.0)),
        lot(2, Err(Untold::Changed)),
        lot(3, Err(Untold::Gap)),
    ];
    assert_eq!(drawn(&world.durable), wanted);
    assert_eq!(world.plc.feeder.total["LOT-1"], 8);
}

/// The request comes while the counters are being read: its own words say what they stood at.
#[test]
fn a_request_that_overtakes_the_reading_of_the_counters_says_it_itself() {
    let world = overtaken(0);
    assert_eq!(drawn(&world.durable), [("LOT-0".to_owned(), Err(Untold::Unread))]);
    let mut world = counted(Pattern::Counter, false);
    part(&mut world, 2);
    change(&mut world);
    world.settle();
    part(&mut world, 5);
    let now = world.at().wall;
    world.plc.change_lot(now);
    world.plc.run(now);
    world.notify();
    world.tell_change();
    while !world.waiting.is_empty() {
        world.carry_out();
        world.tell_answer();
        world.sync();
    }
    world.settle();
    assert_eq!(drawn(&world.durable)[1], ("LOT-1".to_owned(), Ok(5.0)));
}
