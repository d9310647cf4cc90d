//! Rules about products, materials and what a station is set up with.
use super::*;
use crate::capture::Ran;
use crate::model::{
    Amount, Body, Exposure, Monotonic, Part, Record, Rule, Storage, TraceEvent, Ucum, What,
};

fn reason(world: &World, check: Check) -> (Reason, String) {
    let judged = world.judge(&[check]);
    assert_eq!(judged.permit, Permit::Nok, "{judged:?}");
    judged.grounds.unwrap()
}

/// A goes OP10, OP20, OP30, is worked on again at RW and comes back at OP20; at most three times anywhere.
fn routed() -> World {
    let mut world = World::new();
    let product = world.plant.catalog.products.get_mut(&text("A")).unwrap();
    product.route = ["OP10", "OP20", "OP30"].map(station).to_vec();
    product.rework = Some(Rework { entry: Some(station("RW")), back: station("OP20") });
    product.visits_max = Some(3);
    world.plant.stations.push(bare("RW"));
    world
}

/// What is said at a station.
fn at(world: &mut World, here: &str, check: Check) -> (Permit, String) {
    let index = world.plant.stations.iter().position(|s| s.id.as_str() == here).unwrap();
    world.plant.stations.swap(2, index);
    let told = world.told(check);
    world.plant.stations.swap(2, index);
    told
}

fn pass(name: &str, n: u64) -> Visit {
    visit(name, Some(Outcome::Pass), n)
}

#[test]
fn the_route_of_the_product_goes_before_that_of_the_stations() {
    let mut world = routed();
    world.plant.stations[2].after = Vec::new();
    assert_eq!(world.told(Check::Route).0, Permit::Ok);
    world.unit().visits.remove(0);
    let wanted = "u/site/SN-1 was not completed at OP10, which comes before OP30";
    assert_eq!(world.told(Check::Route), refused(wanted));
    // Which product it is may be known from before.
    world.said.product = None;
    let (why, told) = reason(&world, Check::Route);
    assert_eq!(why, Reason::ProductUnknown);
    assert_eq!(told, "which product u/site/SN-1 is was not told at OP30");
    world.unit().product = Some(text("A"));
    assert_eq!(world.told(Check::Route), refused(wanted));
    world.unit().product = Some(text("Z"));
    let wanted = "the plant files have no product Z (u/site/SN-1)".to_owned();
    assert_eq!(reason(&world, Check::Route), (Reason::ProductUnknown, wanted));
    // A station with `after` needs no product.
    world.plant.stations[2].after = vec![station("OP20")];
    assert_eq!(world.told(Check::Route).0, Permit::Ok);
    world.said.product = Some(text("A"));
    world.plant.stations[2].id = station("OP99");
    let wanted = "OP99 is not on the route of A (u/site/SN-1)";
    assert_eq!(world.told(Check::Route), refused(wanted));
}

#[test]
fn a_unit_that_is_worked_on_again_comes_back_where_its_product_says() {
    let mut world = routed();
    let wanted = refused("u/site/SN-1 is not to be worked on again at RW");
    assert_eq!(at(&mut world, "RW", Check::Route), wanted);
    world.unit().visits = vec![pass("OP10", 5), visit("OP20", Some(Outcome::Rework), 6)];
    assert_eq!(at(&mut world, "RW", Check::Route).0, Permit::Ok);
    let first = refused("u/site/SN-1 is to be worked on again at RW first (#6)");
    assert_eq!(at(&mut world, "OP20", Check::Route), first);
    assert_eq!(at(&mut world, "OP30", Check::Route), first);
    assert_eq!(at(&mut world, "OP20", Check::NotDoneHere).0, Permit::Rework);
    assert_eq!(at(&mut world, "OP10", Check::NotDoneHere).0, Permit::Nok, "not back so far");
    world.unit().visits.push(visit("RW", Some(Outcome::Fail), 7));
    assert_eq!(at(&mut world, "RW", Check::Route).0, Permit::Ok, "it was not mended there");
    assert_eq!(at(&mut world, "OP20", Check::Route), first);
    world.unit().visits[2] = pass("RW", 8);
    assert_eq!(at(&mut world, "RW", Check::Route), wanted);
    assert_eq!(at(&mut world, "OP20", Check::Route).0, Permit::Ok);
    // An order counts as the outcome of a station does, and what is behind the return is done again.
    world.unit().visits = vec![pass("OP10", 5), pass("OP20", 6), pass("OP30", 7), pass("RW", 9)];
    world.unit().rework = Some(moment(8));
    let again = "u/site/SN-1 was completed at OP20 before it was to be worked on again (#8), which \
                 comes before OP30";
    assert_eq!(at(&mut world, "OP30", Check::Route), refused(again));
    assert_eq!(at(&mut world, "OP30", Check::NotDoneHere).0, Permit::Rework);
    world.unit().visits[1] = pass("OP20", 10);
    assert_eq!(at(&mut world, "OP30", Check::Route).0, Permit::Ok);
    assert_eq!(at(&mut world, "OP20", Check::NotDoneHere).0, Permit::Nok, "it is carried out");
}

#[test]
fn a_unit_comes_to_a_station_as_often_as_its_product_allows() {
    let mut world = routed();
    world.unit().visits.push(visit("OP30", Some(Outcome::Fail), 7));
    world.unit().visits[2].times = Some(2);
    assert_eq!(world.told(Check::Route).0, Permit::Ok);
    world.unit().visits[2].times = Some(3);
    let wanted = "u/site/SN-1 was completed at OP30 3 times, as often as A may be".to_owned();
    assert_eq!(reason(&world, Check::Route), (Reason::VisitsMax, wanted));
}

fn kg(value: f64) -> Amount {
    Amount { value, unit: Some(Ucum::parse("kg").unwrap()) }
}

fn in_it(count: u32, amount: Option<Amount>) -> Part {
    let unit = amount.as_ref().and_then(|a| a.unit.clone());
    let untold = if amount.is_none() { count } else { 0 };
    Part { material: text("C"), unit, count, amount: amount.map_or(0.0, |a| a.value), untold }
}

#[test]
fn a_bill_says_what_goes_in_where_and_how_much_of_it() {
    let mut world = World::new();
    world.unit().parts = vec![in_it(1, None)];
    assert_eq!(world.told(Check::Bom).0, Permit::Ok);
    world.unit().parts = vec![in_it(2, None)];
    let wanted = "u/site/SN-1 has 2 of C already; with 1 more it is over 2";
    assert_eq!(world.told(Check::Bom), refused(wanted));
    world.unit().parts.clear();
    let bill = |world: &mut World, row: Option<BillRow>| {
        let product = world.plant.catalog.products.get_mut(&text("A")).unwrap();
        let bill = product.bill.as_mut().unwrap();
        match row {
            Some(row) => bill.insert(text("C"), row),
            None => bill.remove(&text("C")),
        }
    };
    let mut row = bill(&mut world, None).unwrap();
    let wanted = "C (u/site/C-1) is not on the bill of A";
    assert_eq!(world.told(Check::Bom), refused(wanted));
    row.positions = BTreeSet::from([text("left"), text("right")]);
    bill(&mut world, Some(row));
    let wanted = "where C goes was not told; the bill has left, right";
    assert_eq!(world.told(Check::Bom), refused(wanted));
    world.said.place = Some(text("top"));
    let wanted = "C does not go to `top`; the bill has left, right";
    assert_eq!(world.told(Check::Bom), refused(wanted));
    world.said.place = Some(text("left"));
    assert_eq!(world.told(Check::Bom).0, Permit::Ok);
    world.facts().past[1].product = None;
    let wanted = "of which material u/site/C-1 is was never told".to_owned();
    assert_eq!(reason(&world, Check::Bom), (Reason::MaterialUnknown, wanted));
    world.said.material = Some(text("C"));
    assert_eq!(world.told(Check::Bom).0, Permit::Ok);
    world.plant.catalog.products.get_mut(&text("A")).unwrap().bill = None;
    assert_eq!(world.told(Check::Bom), refused("A has no bill of material"));
}

#[test]
fn amounts_are_added_up_in_one_unit() {
    let mut world = World::new();
    world.draft.other = Some(lot("L-1"));
    world.facts().past.push(of("C", &lot("L-1")));
    world.said.measured = true;
    let unread = "how much of l/site/L-1 goes into u/site/SN-1 cannot be read".to_owned();
    assert_eq!(world.told(Check::Bom), (Permit::Unknown, unread));
    world.said.amount = Some(kg(0.5));
    world.unit().parts = vec![in_it(3, Some(kg(1.5)))];
    assert_eq!(world.told(Check::Bom).0, Permit::Ok);
    world.said.amount = Some(kg(0.75));
    let wanted = "u/site/SN-1 has 1.5 kg of C already; with 0.75 kg more it is over 2 kg";
    assert_eq!(world.told(Check::Bom), refused(wanted));
    world.said.amount = Some(Amount { value: 0.1, unit: None });
    let wanted = "amounts of C in u/site/SN-1 cannot be compared".to_owned();
    assert_eq!(world.told(Check::Bom), (Permit::Unknown, wanted.clone()));
    world.said.amount = Some(kg(0.1));
    world.unit().parts = vec![in_it(1, None)];
    assert_eq!(world.told(Check::Bom), (Permit::Unknown, wanted));
}

#[test]
fn a_feeder_has_the_material_that_the_product_wants() {
    let mut world = World::new();
    let point = MountPointId::parse("reel").unwrap();
    world.said.fed = BTreeMap::from([(point.clone(), (lot("R-1"), text("Q")))]);
    let wanted = "Q (l/site/R-1) is in reel of OP30, R is wanted";
    assert_eq!(world.told(Check::SetupPlan), refused(wanted));
    // What stood there with the lot before says nothing of this one.
    world.said.fed = BTreeMap::from([(point, (lot("R-0"), text("Q")))]);
    assert_eq!(world.told(Check::SetupPlan).0, Permit::Ok);
    world.facts().past[2].product = None;
    assert_eq!(reason(&world, Check::SetupPlan).0, Reason::MaterialUnknown);
    world.mounts.clear();
    let wanted = "no lot is in reel of OP30, R is wanted";
    assert_eq!(world.told(Check::SetupPlan), refused(wanted));
    world.mounts_seen = false;
    assert_eq!(world.told(Check::SetupPlan).0, Permit::Unknown);
    let product = world.plant.catalog.products.get_mut(&text("A")).unwrap();
    product.setup.clear();
    assert_eq!(world.told(Check::SetupPlan), refused("A has no setup for OP30"));
    world.said.product = None;
    assert_eq!(reason(&world, Check::SetupPlan).0, Reason::ProductUnknown);
}

#[test]
fn a_lot_that_lay_open_for_too_long_is_refused() {
    let mut world = World::new();
    world.now = Utc(99);
    assert_eq!(world.told(Check::FloorLife).0, Permit::Ok, "this opens it");
    world.facts().past[2].opened = Some(Utc(19));
    assert_eq!(world.told(Check::FloorLife).0, Permit::Ok);
    world.facts().past[2].opened = Some(Utc(18));
    let (permit, told) = world.told(Check::FloorLife);
    assert_eq!(permit, Permit::Nok);
    assert!(told.starts_with("l/site/R-1 was opened at 1970-01-01T00:00:00"), "{told}");
    // It was put away after 40 and taken out again at 79: 60 of 80 are over.
    let out =
        |to| [(Utc(18), Storage::Opened), (Utc(to), Storage::Closed), (Utc(79), Storage::Opened)];
    world.facts().past[2].exposure = Some(Exposure::of(out(58)));
    assert_eq!(world.told(Check::FloorLife).0, Permit::Ok);
    world.now = Utc(120);
    let (permit, told) = world.told(Check::FloorLife);
    assert_eq!(permit, Permit::Nok);
    let how = "l/site/R-1 was out of dry storage, breaks not counted, since 1970";
    assert!(told.starts_with(how), "{told}");
    let dried = out(58).into_iter().chain([(Utc(119), Storage::Dried)]);
    world.facts().past[2].exposure = Some(Exposure::of(dried));
    assert_eq!(world.told(Check::FloorLife).0, Permit::Ok);
    // Put away, it has no end, but where it stands in a feeder all the same.
    let away = out(58).into_iter().chain([(Utc(90), Storage::Closed)]);
    world.facts().past[2].exposure = Some(Exposure::of(away));
    assert_eq!(world.told(Check::FloorLife).0, Permit::Nok, "79 to 120 and 40 before");
    let feeders = std::mem::take(&mut world.mounts);
    assert_eq!(world.told(Check::FloorLife).0, Permit::Ok, "nobody uses it");
    (world.verb, world.draft.item) = (Verb::Open, lot("R-1"));
    assert_eq!(world.told(Check::FloorLife).0, Permit::Ok, "it is opened now");
    world.facts().past[2].exposure = Some(Exposure::of(out(58)));
    assert_eq!(world.told(Check::FloorLife).0, Permit::Nok, "what is opened is looked at");
    (world.verb, world.mounts) = (Verb::Complete, feeders);
    // A clock that goes far before ours makes nothing good.
    let later = [(Utc(18), Storage::Opened), (Utc(i64::MAX / 2), Storage::Dried)];
    world.facts().past[2].exposure = Some(Exposure::of(later));
    let (permit, told) = world.told(Check::FloorLife);
    assert_eq!(permit, Permit::Unknown);
    assert!(told.ends_with("which is still to come: correct that record"), "{told}");
    world.facts().past[2].exposure = None;
    world.facts().past[2].product = Some(text("Q"));
    let wanted = "the plant files have no material Q (l/site/R-1)".to_owned();
    assert_eq!(reason(&world, Check::FloorLife), (Reason::MaterialUnknown, wanted));
}

#[test]
fn a_shelf_life_counts_where_no_date_was_told() {
    let mut world = World::new();
    world.facts().past[2].best_before = None;
    let material = world.plant.catalog.materials.get_mut(&text("R")).unwrap();
    material.shelf_life = Some(Duration::from_nanos(30));
    assert_eq!(reason(&world, Check::LotNotExpired).0, Reason::ExpiryUnknown, "never made");
    world.facts().past[2].made = Some(Utc(10));
    world.now = Utc(40);
    assert_eq!(world.told(Check::LotNotExpired).0, Permit::Ok);
    world.now = Utc(41);
    assert_eq!(world.told(Check::LotNotExpired).0, Permit::Nok);
    world.facts().past[2].best_before = Some(Utc(41));
    assert_eq!(world.told(Check::LotNotExpired).0, Permit::Ok, "what was told goes first");
}

fn record(n: u64, what: What, product: Option<&str>) -> Record {
    let event = TraceEvent {
        product: product.map(text),
        ..TraceEvent::bare(what, Utc(0), Some(station("OP30")))
    };
    let at = crate::model::At { monotonic: Monotonic(n), wall: Utc(0) };
    Record { position: Position(n), at, body: Body::Trace(event), plant: None }
}

fn ran(records: &[Record]) -> Ran {
    let mut ran = Ran::default();
    for record in records {
        let Body::Trace(event) = &record.body else { panic!() };
        ran.apply(record, event);
    }
    ran
}

#[test]
fn what_was_made_before_is_cleaned_away_first() {
    let mut world = World::new();
    let arrive = |n, product| record(n, What::Arrive { item: unit("SN-0") }, product);
    let clean = |n, confirmed| record(n, What::Clean { confirmed, phase: None }, None);
    let other = Product { allergens: BTreeSet::from([text("nuts")]), ..Product::default() };
    world.plant.catalog.products.insert(text("B"), other);
    world.memory.ran = ran(&[arrive(3, Some("A")), arrive(4, None)]);
    assert_eq!(world.told(Check::Cleaned).0, Permit::Ok);
    world.memory.ran = ran(&[arrive(3, Some("A")), arrive(5, Some("B")), clean(6, false)]);
    let wanted = "B was made at OP30 (record #5), which was not cleaned since";
    assert_eq!(world.told(Check::Cleaned), refused(wanted));
    let wanted = "B with nuts was made at OP30 (record #5), which was not cleaned since; A may not \
                  contain it";
    assert_eq!(world.told(Check::AllergenPlan), refused(wanted));
    world.plant.catalog.products.get_mut(&text("B")).unwrap().allergens.clear();
    assert_eq!(world.told(Check::AllergenPlan).0, Permit::Ok, "another product may do no harm");
    world.plant.catalog.products.remove(&text("B"));
    assert_eq!(world.told(Check::AllergenPlan).0, Permit::Nok, "of that one nothing is known");
    world.memory.ran = ran(&[arrive(5, Some("B")), clean(6, true)]);
    assert_eq!(world.judge(&[Check::Cleaned, Check::AllergenPlan]).permit, Permit::Ok);
    // More products than are remembered leave doubt until the next clean.
    let names: Vec<String> = (0..300).map(|n| format!("P{n}")).collect();
    let many: Vec<_> = (0..).zip(&names).map(|(n, name)| arrive(n, Some(name.as_str()))).collect();
    world.memory.ran = ran(&many);
    assert_eq!(world.memory.ran.products().count(), 256);
    assert_eq!(world.memory.ran.more(), Some(Position(299)));
    world.said.product = None;
    for check in [Check::Cleaned, Check::AllergenPlan] {
        assert_eq!(reason(&world, check).0, Reason::ProductUnknown);
    }
}

#[test]
fn a_lot_with_an_allergen_goes_into_nothing_that_may_not_contain_it() {
    let mut world = World::new();
    world.plant.catalog.products.get_mut(&text("A")).unwrap().allergens.clear();
    let wanted = "R (l/site/R-1) has milk, which A may not contain";
    assert_eq!(world.told(Check::AllergenPlan), refused(wanted));
}

#[test]
fn a_tool_at_the_end_of_its_life_is_refused() {
    let mut world = World::new();
    world.facts().past[2].uses = Some(8);
    world.facts().past[2].opened = Some(Utc(10));
    world.now = Utc(99);
    assert_eq!(world.told(Check::ToolLife).0, Permit::Ok);
    world.now = Utc(100);
    assert_eq!(world.told(Check::ToolLife).0, Permit::Nok);
    world.facts().past[2].uses = Some(9);
    let wanted = "l/site/R-1 in reel of OP30 was used 9 times, its life is 9";
    assert_eq!(world.told(Check::ToolLife), refused(wanted));
    // A tape of another version does not tell.
    world.facts().past[2].uses = None;
    assert_eq!(world.told(Check::ToolLife).0, Permit::Unknown);
    world.mounts.clear();
    assert_eq!(world.told(Check::ToolLife), refused("no lot is in reel of OP30, a tool is wanted"));
}

#[test]
fn a_station_that_has_drifted_takes_nothing_on() {
    let mut world = World::new();
    let drift = |monitor: &str| {
        let monitor = MonitorId::parse(monitor).unwrap();
        crate::capture::Drifting {
            monitor,
            rule: Rule::Ewma,
            product: Some(text("A")),
            recipe: None,
        }
    };
    // A monitor that is not in the plant any more cannot end its drift.
    world.memory.drifts.insert(drift("gone"), Position(3));
    assert_eq!(world.told(Check::NoOpenDrift).0, Permit::Ok);
    world.memory.drifts.insert(drift("torque"), Position(4));
    assert_eq!(world.told(Check::NoOpenDrift), refused("torque at OP30 has drifted (record #4)"));
}
