//! Yield against a search of all records.
use super::line::{STATIONS, any_shift};
use super::*;
use crate::genealogy::builders::*;
use crate::model::{Interval, ItemKey, Purpose, Result, What};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Gives completions an outcome, and some of them another purpose, as numbers say.
fn judged(mut records: Vec<Record>, by: &[u8]) -> Vec<Record> {
    for (record, by) in records.iter_mut().zip(by.iter().cycle()) {
        let Body::Trace(event) = &mut record.body else { continue };
        let What::Complete { result, .. } = &mut event.what else { continue };
        *result = [None, Some(Result::Fail), Some(Result::Scrap), Some(Result::Pass)]
            [usize::from(by % 4)];
        if by % 16 == 15 {
            event.purpose = Purpose::Master;
        }
    }
    records
}

/// When, by which record, with what outcome.
type Visit = (Utc, Position, Option<Result>);

/// As of all that is known.
const LAST: Position = Position(u64::MAX);

/// Items, visits, first pass, passed, failed, untold.
type Counts = [u64; 6];

/// Every completion that stands, by station and item, in the order of event time.
fn counted(records: &[Record], void: &Void, within: Interval) -> BTreeMap<String, Counts> {
    let mut all: BTreeMap<(String, ItemKey), Vec<Visit>> = BTreeMap::new();
    for record in records.iter().filter(|record| !void.contains(&record.position)) {
        let Body::Trace(event) = &record.body else { continue };
        let (What::Complete { item, result, .. }, Some(station)) = (&event.what, &event.station)
        else {
            continue;
        };
        if event.purpose == Purpose::Production {
            let key = (station.to_string(), item.clone());
            all.entry(key).or_default().push((event.time.at, record.position, *result));
        }
    }
    let mut found: BTreeMap<String, Counts> = BTreeMap::new();
    for ((station, _), mut visits) in all {
        visits.sort_by_key(|(time, position, _)| (*time, *position));
        let inside: Vec<_> = visits.iter().filter(|(time, ..)| within.contains(*time)).collect();
        let Some((.., last)) = inside.last() else { continue };
        let right = inside[0] == &visits[0] && visits[0].2 == Some(Result::Pass);
        let [items, count, first, passed, failed, untold] = found.entry(station).or_default();
        *items += 1;
        *count += inside.len() as u64;
        *first += u64::from(right);
        *match last {
            Some(Result::Pass) => passed,
            Some(_) => failed,
            None => untold,
        } += 1;
    }
    found
}

proptest! {
    #[test]
    fn yield_is_what_a_search_of_all_records_counts(
        shift in any_shift(), by in proptest::collection::vec(any::<u8>(), 1..20),
        from in -5..90_i64, len in 1..90_i64,
    ) {
        let records = judged(shift, &by);
        let within = interval(from, Some(from + len));
        let (query, _dir) = query(&records);
        let void = query.inner.memory.read().now().void().clone();
        let wanted = counted(&records, &void, within);
        let answer = query.yields(None, within, LAST).unwrap();
        let mut found: BTreeMap<String, Counts> = BTreeMap::new();
        for row in &answer.body.rows {
            let counts = [
                row.items, row.visits, row.first_pass, row.passed, row.failed, row.untold,
            ];
            let sums = found.entry(row.station.to_string()).or_default();
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        prop_assert_eq!(&found, &wanted);
        for id in STATIONS.map(station) {
            if let Some(one) = query.yields(Some(&id), within, LAST) {
                let items: u64 = one.body.rows.iter().map(|row| row.items).sum();
                prop_assert_eq!(items, wanted.get(id.as_str()).map_or(0, |counts| counts[0]));
            }
        }
    }
}

#[test]
fn a_gap_in_the_time_asked_about_makes_a_yield_incomplete() {
    let made = event(5, Some("OP10"), complete(&unit("U"), Vec::new()));
    let mut bodies = vec![Body::Trace(made)];
    bodies.push(super::answers::gap(&["OP10"], 20, Some(30)));
    let (query, _dir) = query(&numbered(bodies));
    let asked = |from, to| query.yields(None, interval(from, Some(to)), LAST).unwrap();
    assert!(asked(0, 20).completeness.is_complete());
    let Completeness::Incomplete(why) = asked(0, 25).completeness else { panic!("complete") };
    assert!(matches!(&why[..], [Incomplete::Unobserved { position: Position(2), .. }]), "{why:?}");
}

#[test]
fn a_yield_as_of_a_record_knows_nothing_later() {
    let made = |time, code: &str| event(time, Some("OP10"), complete(&unit(code), Vec::new()));
    let (query, _dir) = query(&traced(vec![made(1, "A"), made(2, "B")]));
    let items = |as_of| {
        let answer = query.yields(None, interval(0, None), Position(as_of)).unwrap();
        answer.body.rows.iter().map(|row| row.items).sum::<u64>()
    };
    assert_eq!((items(1), items(2)), (1, 2));
}
