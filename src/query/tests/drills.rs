//! Drills of a recall, and of how much of what was finished all steps are on record.
use super::line::any_shift;
use super::model::Model;
use super::*;
use crate::genealogy::builders::*;
use crate::model::{Purpose, Result, Verb, What};
use proptest::prelude::*;

const WAY: [&str; 2] = ["OP10", "OP20"];

fn line() -> Arc<Plant> {
    Arc::new(plant(&[("OP10", &[]), ("OP20", &["OP10"]), ("PACK", &["OP20"])]))
}

/// Finished, covered, lacking, doubtful, by looking through all records.
fn counted(records: &[Record], within: Interval) -> [u64; 4] {
    let model = Model(records);
    let [mut finished, mut covered, mut lacking, mut doubtful] = [0; 4];
    for item in model.items().into_iter().filter(|item| item.class != ItemClass::Container) {
        let done = |at: &str| {
            let events = model.events();
            let mut all = events.into_iter().rev().filter(|(_, event)| {
                matches!(&event.what, What::Complete { item: of, .. } if *of == item)
                    && event.purpose == Purpose::Production
                    && event.station == Some(station(at))
            });
            all.next().map(|(_, event)| (event.time.at, event.what.clone()))
        };
        let Some((time, What::Complete { result, .. })) = done("OP20") else { continue };
        if !within.contains(time) || result.is_some_and(|result| result != Result::Pass) {
            continue;
        }
        finished += 1;
        let stays = model.stays(&item);
        let mut here = stays.iter().filter(|(_, at, ..)| WAY.contains(&at.as_str()));
        if done("OP10").is_none() {
            lacking += 1;
        } else if here.any(|(_, at, interval, _)| !model.doubts(&item, at, *interval).is_empty()) {
            doubtful += 1;
        } else {
            covered += 1;
        }
    }
    [finished, covered, lacking, doubtful]
}

proptest! {
    #[test]
    fn coverage_is_what_a_search_of_all_records_counts(
        records in any_shift(), from in -5..90_i64, len in 1..90_i64,
    ) {
        let (query, _dir) = query(&records);
        query.put_in_force(line());
        let within = interval(from, Some(from + len));
        let found = query.coverage(within).body;
        let counts = [found.finished, found.covered, found.lacking, found.doubtful];
        prop_assert_eq!(counts, counted(&records, within));
        prop_assert_eq!(found.share.is_some(), found.finished > 0);
        prop_assert_eq!(found.uncovered.len() as u64, found.lacking + found.doubtful);
    }

    #[test]
    fn what_is_drawn_is_a_lot_that_was_used_and_is_asked_about_as_a_case_is(
        records in any_shift(), seed in any::<u64>(),
    ) {
        let (query, _dir) = query(&records);
        let of = MockOf::Drawn(seed, None);
        let Ok(answer) = query.drill(&of, Direction::Forward, &BTreeMap::new()) else { return Ok(()) };
        let drill = answer.body;
        prop_assert_eq!(drill.item.class, ItemClass::Lot);
        let frozen = query.freeze(&RecallOf::Lot(drill.item.clone()), answer.position).unwrap().frozen;
        prop_assert_eq!(drill.hash, frozen.hash);
        prop_assert_eq!(drill.groups["suspect"], frozen.counts.suspect);
        let again = query.drill(&of, Direction::Forward, &BTreeMap::new()).unwrap().body;
        prop_assert_eq!((again.item, again.hash), (drill.item, drill.hash));
    }
}

#[test]
fn a_drill_says_what_of_its_answer_can_be_acted_upon() {
    let units = ["U1", "U2", "U3"].map(unit);
    let ship = |item: &ItemKey, customer: Option<&str>| {
        let customer = customer.map(text);
        What::Ship { items: vec![item.clone()], customer, document: None }
    };
    let mut whats: Vec<What> = units.iter().map(|unit| consume(&lot("L1"), unit)).collect();
    whats.extend([ship(&units[0], Some("ACME")), ship(&units[1], None)]);
    let events = (0..).zip(whats).map(|(time, what)| event(time, Some("OP10"), what)).collect();
    let (query, _dir) = query(&traced(events));
    let contacts = BTreeMap::from([(text("ACME"), text("+49 30 1234"))]);
    let drill = query.drill(&MockOf::Item(lot("L1")), Direction::Forward, &contacts).unwrap().body;
    let shares = [drill.located, drill.last_seen, drill.customers, drill.contacts];
    let of = |of, known| Some(Share { of, known });
    assert_eq!(shares, [of(3, 1), of(3, 3), of(2, 1), of(2, 1)]);
    let back = query.drill(&MockOf::Item(unit("U1")), Direction::Backward, &contacts).unwrap().body;
    assert_eq!((back.groups["sure"], back.suppliers), (1, of(1, 1)));
    let strange = query.drill(&MockOf::Item(lot("NONE")), Direction::Forward, &contacts);
    assert_eq!(strange.unwrap_err(), Undrilled::Unfrozen(Unfrozen::Unknown));
}

#[test]
fn what_reaches_too_far_is_not_drawn_where_that_is_not_wanted() {
    let (large, small) = (lot("LARGE"), lot("SMALL"));
    let into = |of: &ItemKey, n: i64| event(n, Some("OP10"), consume(of, &unit(&format!("U{n}"))));
    let mut events: Vec<_> = (1..=5).map(|n| into(&large, n)).collect();
    events.push(into(&small, 6));
    let (query, _dir) = query(&traced(events));
    let drawn = |seed, most| {
        let of = MockOf::Drawn(seed, most);
        query.drill(&of, Direction::Forward, &BTreeMap::new()).map(|drill| drill.body.item)
    };
    let any: BTreeSet<_> = (0..50).map(|seed| drawn(seed, None).unwrap()).collect();
    assert_eq!(any, BTreeSet::from([large, small.clone()]));
    for seed in 0..50 {
        assert_eq!(drawn(seed, Some(1)), Ok(small.clone()), "seed {seed}");
    }
    assert_eq!(drawn(1, Some(0)), Err(Undrilled::TooLarge(0)));
}

/// Finished, covered and lacking of a unit.
fn counts(plant: Plant, events: Vec<TraceEvent>) -> [u64; 3] {
    let (query, _dir) = query(&traced(events));
    query.put_in_force(Arc::new(plant));
    let found = query.coverage(interval(0, None)).body;
    [found.finished, found.covered, found.lacking]
}

fn done(time: i64, at: &str) -> TraceEvent {
    completed(time, at, &unit("U1"), (time - 1, time), None, Vec::new())
}

#[test]
fn what_was_only_inspected_on_its_way_is_covered() {
    let inspects = || {
        let mut plant = plant(&[("PRESS", &[]), ("INSPECT", &["PRESS"]), ("TEST", &["INSPECT"])]);
        plant.stations[1].phases[0].event = Some(Verb::Inspect);
        plant
    };
    assert_eq!(counts(inspects(), vec![done(10, "PRESS"), done(30, "TEST")]), [1, 1, 0]);
    assert_eq!(counts(inspects(), vec![done(30, "TEST")]), [1, 0, 1]);
}

#[test]
fn what_is_not_through_all_of_several_last_stations_is_under_way_until_it_goes_on() {
    let split = || plant(&[("A", &[]), ("B", &["A"]), ("C", &["A"]), ("PACK", &["B", "C"])]);
    let after = |whats: Vec<TraceEvent>| [vec![done(10, "A"), done(20, "B")], whats].concat();
    let packed = |time| event(time, Some("PACK"), pack(&[&unit("U1")], &container("BOX")));
    assert_eq!(counts(split(), after(vec![])), [0, 0, 0]);
    assert_eq!(counts(split(), after(vec![done(30, "C")])), [1, 1, 0]);
    assert_eq!(counts(split(), after(vec![packed(30)])), [1, 0, 1]);
    // What was on a carrier before is not at its end for that.
    assert_eq!(counts(split(), after(vec![packed(15)])), [0, 0, 0]);
    let failed = |at| {
        let mut failed = done(30, at);
        let What::Complete { result, .. } = &mut failed.what else { unreachable!() };
        *result = Some(Result::Fail);
        failed
    };
    assert_eq!(counts(split(), after(vec![failed("C")])), [0, 0, 0]);
    assert_eq!(counts(split(), after(vec![failed("B"), done(40, "C")])), [0, 0, 0]);
}

#[test]
fn coverage_that_is_stopped_says_nothing() {
    let done = completed(10, "OP20", &unit("U1"), (5, 10), None, Vec::new());
    let (query, _dir) = query(&traced(vec![done]));
    query.put_in_force(line());
    let all = interval(0, None);
    assert_eq!(query.coverage_unless(all, || false).unwrap().body.lacking, 1);
    assert_eq!(query.coverage_unless(all, || true), None);
}
