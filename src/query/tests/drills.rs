//! Drills of a recall, and of how much of what was finished all steps are on record.
use super::line::any_shift;
use super::model::Model;
use super::*;
use crate::genealogy::builders::*;
use crate::model::{Purpose, Result, What};
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
    assert_eq!(drawn(1, Some(0)), Err(Undrilled::Nothing));
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
