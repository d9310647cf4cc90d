//! Engine and read side together: every permit of a random shift against a recomputation from the list
//! of all records before it, whatever came between a question and its answer.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the model says what it looks for and nothing else"
)]
mod bakery;
mod naive;
mod oven;
mod products;
mod search;
mod world;

use crate::model::{Evidence, HandshakeMark, Permit};
use naive::expected;
use proptest::prelude::*;
use world::{STATIONS, World, hold, let_go, lot, release, unit};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_permit_is_what_all_records_before_it_say(
        acts in proptest::collection::vec(any::<(u8, u8, u8)>(), 1..90),
    ) {
        let mut world = World::new();
        for act in acts {
            world.act(act);
        }
        world.deliver_all();
        let mut judged = 0;
        for (at, record) in world.records.iter().enumerate() {
            let Some((event, mark)) = naive::asked(record) else { continue };
            let key = (format!("{}.{}", mark.key.station, mark.key.handshake), mark.key.number.0);
            let (late, person) = (world.late.contains(&key), world.persons.contains(&key));
            let wanted = expected(&world.plant, &world.records[..at], event, late, person);
            let overruled = mark.grounds.as_ref().is_some_and(|g| g.overruled.is_some());
            let found = (mark.permit, mark.reason.as_ref().map(ToString::to_string), overruled);
            prop_assert_eq!(&found, &wanted.told, "record {}: {:?}", record.position, event);
            prop_assert_eq!(event.evidence, wanted.evidence, "record {}", record.position);
            prop_assert_eq!(event.went_past, wanted.went_past, "record {}", record.position);
            judged += 1;
        }
        prop_assert_eq!(judged, world.requests);
    }
}

fn last(world: &World) -> (Permit, &HandshakeMark) {
    let asked = world.records.iter().rev().find_map(naive::asked).unwrap();
    (asked.1.permit, asked.1)
}

fn made(world: &mut World, code: &str) {
    world.request("A", "done", code, "", 1);
    world.deliver_all();
}

/// Both stations looked the part up while it was free; only one may have it.
#[test]
fn two_stations_that_ask_for_one_part_at_once_do_not_both_get_it() {
    let mut world = World::new();
    made(&mut world, "C1");
    world.request("B", "fit", "U1", "C1", 0);
    world.request("C", "fit", "U2", "C1", 0);
    assert_eq!(world.facts.len(), 2, "both have looked");
    world.deliver_all();
    let permits: Vec<Permit> =
        world.records.iter().filter_map(naive::asked).skip(1).map(|(_, m)| m.permit).collect();
    assert_eq!(permits, [Permit::Ok, Permit::Nok]);
    let grounds = last(&world).1.grounds.clone().unwrap();
    assert_eq!(grounds.text.as_str(), "u/site/C1 is in u/site/U1 already (record #4)");
    assert!(world.query.item(&unit("U2")).unwrap().body.made_of.is_empty(), "it is in U1 only");
    assert_eq!(world.query.item(&unit("C1")).unwrap().body.went_into.len(), 1);
}

/// The frame of a frame is no part of it: whoever waits for the answer is refused, whatever the length of the way.
#[test]
fn a_ring_of_parts_is_refused() {
    let mut world = World::new();
    for code in ["U1", "U2", "U3"] {
        made(&mut world, code);
    }
    for (parent, child, wanted) in
        [("U2", "U1", Permit::Ok), ("U3", "U2", Permit::Ok), ("U1", "U3", Permit::Nok)]
    {
        world.request("B", "fit", parent, child, 0);
        world.deliver_all();
        assert_eq!(last(&world).0, wanted, "{child} into {parent}");
    }
    let mark = last(&world).1.clone();
    let grounds = mark.grounds.unwrap();
    assert_eq!(mark.reason.unwrap().as_str(), "child-not-used");
    assert_eq!((grounds.code, world.written("B.fit.reason")), (6, 6));
    let text = "u/site/U1 is in u/site/U3 (record #6): u/site/U3 cannot be part of it";
    assert_eq!(grounds.text.as_str(), text);
    assert!(world.query.item(&unit("U1")).unwrap().completeness.is_complete());
}

#[test]
fn a_hold_between_question_and_answer_refuses() {
    let mut world = World::new();
    made(&mut world, "U1");
    world.lot("R1");
    world.request("B", "admit", "U1", "", 0);
    world.command(hold(&unit("U1")));
    world.deliver_all();
    assert_eq!(last(&world).1.reason.as_ref().unwrap().as_str(), "not-held");
    world.command(release(&unit("U1")));
    world.request("B", "admit", "U1", "", 0);
    world.deliver_all();
    assert_eq!(last(&world).0, Permit::Ok);
}

/// U2 has U1 in it, which is held while the question about U2 is under way.
#[test]
fn a_hold_follows_what_it_went_into() {
    let mut world = World::new();
    for code in ["U1", "U2"] {
        made(&mut world, code);
    }
    world.lot("R1");
    world.request("B", "fit", "U2", "U1", 0);
    world.deliver_all();
    let admitted = |world: &mut World| {
        world.request("B", "admit", "U2", "", 0);
        world.deliver_all();
        last(world).0
    };
    assert_eq!(admitted(&mut world), Permit::Ok);
    world.request("B", "admit", "U2", "", 0);
    world.command(hold(&unit("U1")));
    world.deliver_all();
    let grounds = last(&world).1.grounds.clone().unwrap();
    assert_eq!(grounds.text.as_str(), "u/site/U2 is on hold with u/site/U1: look");
    world.command(let_go(&unit("U2"), &unit("U1")));
    assert_eq!(admitted(&mut world), Permit::Ok, "it alone was let go");
    world.command(release(&unit("U1")));
    world.command(hold(&unit("U1")));
    assert_eq!(admitted(&mut world), Permit::Nok, "of another hold it was not let go");
    world.command(release(&unit("U1")));
    assert_eq!(admitted(&mut world), Permit::Ok);
}

/// C1 is held, and comes into U1, which is in U2, while the question about U2 is under way.
#[test]
fn what_comes_into_a_part_meanwhile_is_not_overlooked() {
    let mut world = World::new();
    for code in ["C1", "U1", "U2"] {
        made(&mut world, code);
    }
    world.lot("R1");
    world.request("B", "fit", "U2", "U1", 0);
    world.deliver_all();
    world.command(hold(&unit("C1")));
    world.request("B", "admit", "U2", "", 0);
    assert_eq!(world.facts.len(), 1, "looked up while C1 was nowhere");
    world.request("C", "fit", "U1", "C1", 0);
    let facts = world.facts.pop_back().unwrap();
    world.facts.push_front(facts);
    world.deliver_all();
    let installed = world.query.item(&unit("C1")).unwrap().body.went_into;
    assert_eq!(installed.len(), 1, "{installed:?}");
    let grounds = last(&world).1.grounds.clone().unwrap();
    assert_eq!(grounds.text.as_str(), "u/site/U2 is on hold with u/site/C1: look");
}

/// The lot is told, and its counters are not read yet: the permit is not given by the one before.
#[test]
fn a_lot_that_waits_for_its_counters_is_judged_as_soon_as_it_is_told() {
    let counted = STATIONS.replace(
        "lot    = \"B.reel\"\n",
        "lot    = \"B.reel\"\nused   = { counter = \"B.req\" }\n",
    );
    let mut world = World::of(&counted);
    made(&mut world, "U1");
    world.lot("R1");
    world.command(hold(&lot("R2")));
    world.request("B", "admit", "U1", "", 0);
    world.is_slow = true;
    world.lot("R2");
    world.deliver_all();
    let (permit, mark) = last(&world);
    let told = (permit, mark.reason.as_ref().unwrap().as_str());
    assert_eq!(told, (Permit::Nok, "mounts-verified"));
    // What was read is no change any more.
    let records = world.records.len();
    world.read_all();
    assert_eq!(world.records.len(), records, "{:?}", world.records.last());
}

#[test]
fn to_have_been_refused_is_not_to_be_known() {
    let mut world = World::new();
    for _ in 0..2 {
        world.request("B", "admit", "U1", "", 0);
        world.deliver_all();
        let (permit, mark) = last(&world);
        assert_eq!((permit, mark.reason.as_ref().unwrap().as_str()), (Permit::Nok, "known"));
    }
}

#[test]
fn a_reason_has_its_number_everywhere() {
    let mut world = World::new();
    world.lot("R1");
    world.request("A", "done", "U1", "", 2);
    world.request("B", "admit", "U1", "", 0);
    world.deliver_all();
    let grounds = last(&world).1.grounds.clone().unwrap();
    assert_eq!((grounds.code, world.written("B.admit.reason")), (43, 43));
    let text = "u/site/U1 failed at A (record #4), which comes before B";
    assert_eq!(grounds.text.as_str(), text);
    let shown = world.query.events(crate::model::Position(0), 99).pop().unwrap();
    assert_eq!(shown.text, format!("u/site/U1 arrived at B; refused: {text}"));
    let permit = shown.permit.unwrap();
    assert_eq!((permit.code, permit.text), (Some(43), Some(grounds.text.clone())));
    let step = world.query.item(&unit("U1")).unwrap().body.steps.pop().unwrap();
    assert_eq!(step.permit.unwrap().text, Some(grounds.text));
}

#[test]
fn a_person_lets_run_what_was_refused_and_the_machine_alone_is_told_of() {
    let mut world = World::new();
    world.lot("R1");
    world.request("B", "admit", "U1", "", 0);
    world.deliver_all();
    world.request("B", "done", "U1", "", 0);
    world.deliver_all();
    let bypassed = |world: &World| naive::asked(world.records.last().unwrap()).unwrap().0.evidence;
    assert_eq!(bypassed(&world), Evidence::Bypassed);
    let done = naive::asked(world.records.last().unwrap()).unwrap().0;
    let refusal = done.went_past.expect("an alarm");
    let shown = crate::query::describe(world.records.last().unwrap());
    assert_eq!(shown.went_past, Some(refusal));
    assert!(
        shown.text.ends_with(&format!("record {refusal} refused it, and nobody let it through"))
    );
    assert!(world.notices.iter().any(|n| n.text.ends_with("bypassed")), "{:?}", world.notices);
    for (badge, why, wanted) in
        [("4711", " ", Permit::Nok), ("", "urgent", Permit::Nok), ("4711", "urgent", Permit::Ok)]
    {
        world.person(badge, why);
        world.request("B", "admit", "U2", "", 0);
        world.deliver_all();
        assert_eq!(last(&world).0, wanted, "{badge:?} {why:?}");
    }
    let (event, mark) = naive::asked(world.records.last().unwrap()).unwrap();
    assert_eq!(
        (event.evidence, mark.reason.as_ref().unwrap().as_str()),
        (Evidence::Bypassed, "known")
    );
    let overruled = mark.grounds.as_ref().unwrap().overruled.clone().unwrap();
    assert_eq!(overruled.by, world::token("4711"));
    assert_eq!((event.operator, overruled.reason.as_str()), (Some(overruled.by), "urgent"));
    world.request("B", "done", "U2", "", 0);
    world.deliver_all();
    assert_eq!(bypassed(&world), Evidence::Automatic);
    let written = format!("{:?}", world.records);
    assert!(!written.contains("4711"), "a badge is nowhere but as a token");
}

#[test]
fn a_lot_is_used_up_to_its_date() {
    let mut world = World::new();
    world.request("D", "make", "", "L1", 0);
    let used = |world: &mut World, lot: &str| {
        world.request("D", "fill", "U1", lot, 0);
        world.deliver_all();
        last(world).1.reason.as_ref().map_or("ok", |reason| reason.as_str()).to_owned()
    };
    assert_eq!(used(&mut world, "L1"), "ok");
    assert_eq!(used(&mut world, "L2"), "expiry-unknown");
    world.pass_deadline();
    assert_eq!(used(&mut world, "L1"), "lot-not-expired");
    let item = world.query.item(&unit("U1")).unwrap().body;
    assert_eq!(item.made_of.len(), 1, "what was refused was not used: {:?}", item.made_of);
}

/// The machine may not have waited: the link stays, and yet the part is not known by it.
#[test]
fn what_was_answered_too_late_is_kept_and_makes_nothing_known() {
    let mut world = World::new();
    world.request("B", "fit", "U1", "C1", 0);
    world.pass_deadline();
    assert_eq!(last(&world).0, Permit::Unknown);
    assert_eq!(world.query.item(&unit("U1")).unwrap().body.made_of.len(), 1);
    world.deliver_all();
    world.request("B", "fit", "U1", "C1", 0);
    world.deliver_all();
    assert_eq!(last(&world).1.reason.as_ref().unwrap().as_str(), "child-known");
}
