//! Every permit that follows products, routes, bills and materials against a search through all records
//! before it.
use super::naive::asked;
use super::search::{Search, reel_material};
use super::world::{World, unit};
use crate::model::{Body, ItemKey, Permit, Record, What};
use proptest::prelude::*;
use std::collections::BTreeMap;

const PLANT: &str = include_str!("../products.toml");
const STATIONS: [&str; 4] = ["OP10", "OP20", "RW", "OP30"];

/// The reel that each request found, by its handshake and number.
type Read = BTreeMap<(String, u64), Option<ItemKey>>;

fn act(world: &mut World, read: &mut Read, (what, which, more): (u8, u8, u8)) {
    let serial = ["U1", "U2", "U3"][usize::from(which % 3)];
    // Mostly what it was before, so that routes are gone through.
    let usual = ["A", "B", "A"][usize::from(which % 3)];
    let product = match more % 16 {
        0 => "",
        1 => "Z",
        2 => "B",
        _ => usual,
    };
    let at = STATIONS[usize::from(which / 3 % 4)];
    match what % 16 {
        0..=2 => ask(world, read, (at, "admit"), &[("serial", serial), ("product", product)]),
        3..=5 => {
            let result = ["1", "1", "1", "2", "3"][usize::from(more % 5)];
            world.set("mode", ["1", "1", "1", "2", "3"][usize::from(more / 5 % 5)]);
            ask(world, read, (at, "done"), &[("serial", serial), ("result", result)]);
        }
        6 => ask(world, read, ("OP20", "again"), &[("serial", serial)]),
        7 => {
            // What a part is does not change while somebody asks.
            let parts = [("C1", "C"), ("C2", "C"), ("C3", "C"), ("C4", "D"), ("C5", "")];
            let (child, material) = parts[usize::from(more % 5)];
            let place = ["left", "right", "top"][usize::from(more / 5 % 3)];
            let words =
                [("serial", serial), ("child", child), ("material", material), ("place", place)];
            ask(world, read, ("OP10", "fit"), &words);
        }
        8 => {
            let lots = [("G1", "glue"), ("G2", "glue"), ("G3", "C"), ("G4", "")];
            let (lot, material) = lots[usize::from(more % 4)];
            let grams = ["1", "2", "4"][usize::from(more / 4 % 3)];
            let words =
                [("serial", serial), ("lot", lot), ("material", material), ("grams", grams)];
            ask(world, read, ("OP10", "fill"), &words);
        }
        9 => ask(world, read, ("OP30", "ready"), &[("serial", serial), ("product", product)]),
        10 => ask(world, read, ("OP30", "change"), &[("serial", serial), ("product", product)]),
        11 | 12 => world.deliver(),
        13 => {
            let lot = ["R1", "R2", "R3", "R4", "R1", "R2", ""][usize::from(more % 7)];
            world.set("OP30.material", reel_material(lot));
            world.set("OP30.reel", lot);
            world.tell("OP30.reel");
        }
        15 if more < 160 => {
            let lot = ["R1", "R1", "R2", "R4"][usize::from(more % 4)];
            let step = ["open", "close", "close", "dry"][usize::from(more / 4 % 4)];
            ask(world, read, ("DRY", step), &[("lot", lot)]);
        }
        14 if more < 40 => world.pass_deadline(),
        14 if more < 90 => {
            world.set("OP30.cip_ok", "1");
            for on in ["1", "0"] {
                world.set("OP30.cip", on);
                world.tell("OP30.cip");
            }
            world.pass_deadline();
        }
        _ => world.deliver_all(),
    }
}

fn ask(world: &mut World, read: &mut Read, (at, handshake): (&str, &str), words: &[(&str, &str)]) {
    let records = &world.records;
    let reel = Search { records, reel_read: None, now: world.clock() }.reel();
    if let Some(number) = world.ask(at, handshake, words) {
        read.insert((format!("{at}.{handshake}"), number), reel);
    }
}

fn told(
    world: &World,
    read: &Read,
    records: &[Record],
    record: &Record,
) -> (Permit, Option<String>) {
    let (event, mark) = asked(record).unwrap();
    let at = mark.key.station.as_str();
    let key = (format!("{at}.{}", mark.key.handshake), mark.key.number.0);
    if world.late.contains(&key) {
        return (Permit::Unknown, Some("late".to_owned()));
    }
    let reel_read = read.get(&key).cloned().flatten();
    let search = Search { records, reel_read, now: record.at.wall.max(event.time.at) };
    let item = event.what.items()[0];
    let said = event.product.as_ref().map(crate::model::Text::as_str);
    let found: Vec<Option<String>> = match (mark.key.handshake.as_str(), &event.what) {
        ("admit", _) => {
            if let Some(reason) = search.route(at, item, said) {
                return (Permit::Nok, Some(reason));
            }
            let permit = search.not_done(at, item, said);
            let reason = permit.map(|_| "not-done-here".to_owned());
            return (permit.unwrap_or(Permit::Ok), reason);
        }
        ("fit" | "fill", _) => {
            let (permit, reason) = search.bom(event).unzip();
            return (permit.unwrap_or(Permit::Ok), reason);
        }
        ("ready", _) => {
            vec![search.setup_plan(item, said), search.floor_life(), search.tool_life()]
        }
        ("change", _) => vec![search.allergen_plan(said), search.cleaned(said)],
        (
            _,
            What::Complete { .. }
            | What::Rework { .. }
            | What::Open { .. }
            | What::Close { .. }
            | What::Dry { .. },
        ) => Vec::new(),
        (other, _) => panic!("{other}"),
    };
    match found.into_iter().flatten().next() {
        Some(reason) => (Permit::Nok, Some(reason)),
        None => (Permit::Ok, None),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_is_said_of_products_is_what_all_records_before_it_say(
        acts in proptest::collection::vec(any::<(u8, u8, u8)>(), 1..120),
    ) {
        let (mut world, mut read) = (World::of(PLANT), Read::new());
        for act_ in acts {
            act(&mut world, &mut read, act_);
        }
        world.deliver_all();
        let mut judged = 0;
        for (at, record) in world.records.iter().enumerate() {
            let Some((event, mark)) = asked(record) else { continue };
            // What the step itself recorded before it, as a lot that was changed, is known to it.
            let before = &world.records[..at];
            let found = (mark.permit, mark.reason.as_ref().map(ToString::to_string));
            let wanted = told(&world, &read, before, record);
            prop_assert_eq!(&found, &wanted, "record {}: {:?}", record.position, event);
            judged += 1;
        }
        prop_assert_eq!(judged, world.requests);
        prop_assert!(world.records.iter().all(|r| !matches!(r.body, Body::Quarantine(_))));
    }
}

#[test]
fn a_lot_that_is_changed_between_question_and_answer_is_judged_by_what_is_known_of_it() {
    let (mut world, mut read) = (World::of(PLANT), Read::new());
    world.set("OP30.material", "R");
    world.set("OP30.reel", "R1");
    world.tell("OP30.reel");
    let words = [("serial", "U1"), ("product", "A")];
    ask(&mut world, &mut read, ("OP30", "ready"), &words);
    world.set("OP30.reel", "R9");
    world.tell("OP30.reel");
    world.deliver_all();
    let (_, mark) = world.records.iter().rev().find_map(asked).unwrap();
    // The word `R` was read beside the lot before.
    assert_eq!(mark.reason.as_ref().unwrap().as_str(), "material-unknown");
    assert!(world.query.item(&unit("U1")).is_some());
}
