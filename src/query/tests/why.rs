//! Why: the question over records, against what the records were made by.
use super::*;
use crate::genealogy::builders::*;
use crate::model::{Interval, ItemKey, Measurement, Quality, Result, TagName, Value, What};

/// As of all that is known.
const LAST: Position = Position(u64::MAX);
const ALWAYS: Interval = Interval { from: Utc(0), to: None };

fn asked(bad: Vec<ItemKey>, at: Option<&str>) -> WhyAsked {
    WhyAsked { bad, station: at.map(station), interval: ALWAYS, items_max: 1_000 }
}

/// What an event told is judged, with something measured.
fn judged(time: i64, at: &str, item: &ItemKey, fails: bool, force: Option<f64>) -> TraceEvent {
    let mut event = event(time, Some(at), complete(item, Vec::new()));
    if let What::Complete { result, measurements, .. } = &mut event.what {
        *result = Some(if fails { Result::Fail } else { Result::Pass });
        measurements.extend(force.map(|force| Measurement {
            name: TagName::parse("force").unwrap(),
            value: Value::Real(force),
            quality: Quality::GOOD,
            unit: None,
            low: None,
            high: None,
        }));
    }
    event
}

/// What of the pseudo-random numbers that a test needs one is.
fn drawn(n: u64, end: u64) -> u64 {
    (n.wrapping_add(11).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) % end
}

/// A hundred and twenty boards: each gets a chip of one of twelve lots at OP10, is built into a device at OP20 and
/// tested in it at OP30, by one of two programs. What fails goes to OP90.
fn devices(fails: impl Fn(u64) -> bool) -> Vec<TraceEvent> {
    let mut events = Vec::new();
    for n in 0..120 {
        let (board, device) = (unit(&format!("B-{n}")), unit(&format!("D-{n}")));
        let at = i64::try_from(n).unwrap() * 10;
        events.push(event(at, Some("OP10"), consume(&lot(&format!("C-{}", n / 10)), &board)));
        events.push(judged(
            at + 1,
            "OP10",
            &board,
            false,
            Some(50.0 + f64::from(u32::try_from(drawn(n, 9)).unwrap())),
        ));
        events.push(event(at + 2, Some("OP20"), install(&board, &device)));
        events.push(event(at + 3, Some("OP20"), complete(&device, Vec::new())));
        let mut tested =
            judged(at + 5, "OP30", &device, fails(n), Some(if fails(n) { 9.0 } else { 1.0 }));
        tested.operation = Some(text(["A", "B"][usize::try_from(drawn(n, 2)).unwrap()]));
        events.push(tested);
        if fails(n) {
            events.push(event(at + 8, Some("OP90"), complete(&device, Vec::new())));
        }
    }
    events
}

#[test]
fn a_lot_two_levels_down_is_named_and_what_is_to_be_held() {
    // Two of three with a chip of C-4 fail, and two others.
    let fails = |n: u64| (n / 10 == 4 && !n.is_multiple_of(3)) || n == 7 || n == 99;
    let (query, _dir) = query(&traced(devices(fails)));
    let answer = query.why(&asked(Vec::new(), Some("OP30")), LAST).unwrap();
    let why = &answer.body;
    assert!(answer.completeness.is_complete(), "{answer:?}");
    assert_eq!((why.items, why.bad, why.unexplained), (120, 9, 2));
    let [cause] = &why.causes[..] else { panic!("{why:?}") };
    let named: Vec<&FactorView> =
        cause.factors.iter().chain(cause.twins.iter().map(|twin| &twin.factor)).collect();
    let is_lot = |factor: &&&FactorView| {
        factor.attribute.kind == AttributeKind::Lot
            && factor.value == Some(text("l/supplier/ACME/C-4"))
    };
    assert_eq!(named.iter().filter(is_lot).count(), 1, "{cause:?}");
    let held: Vec<String> = cause.suspects.iter().map(|item| item.code.to_string()).collect();
    assert_eq!(held, ["D-42", "D-45", "D-48"]);
    assert_eq!((cause.exposed, cause.bad, cause.left_out), (10, 7, 0));
    let first_and_last = [&cause.first_bad, &cause.last_good].map(|item| item.clone().unwrap());
    assert_eq!(first_and_last, [unit("D-40"), unit("D-39")]);
    // Where it was repaired afterwards, and what it failed by, is no cause.
    let all = why
        .causes
        .iter()
        .flat_map(|cause| cause.factors.iter().chain(cause.rivals.iter().flatten()));
    assert!(all.clone().all(|factor| factor.value != Some(text("OP90"))));
    let at_the_test = |factor: &FactorView| factor.attribute.station == Some(station("OP30"));
    assert!(all.clone().all(|f| !at_the_test(f) || f.attribute.kind != AttributeKind::Measurement));
}

#[test]
fn what_was_measured_before_is_a_cause_with_its_values() {
    let fails = |n: u64| drawn(n, 9) >= 7;
    let (query, _dir) = query(&traced(devices(fails)));
    let why = query.why(&asked(Vec::new(), None), LAST).unwrap().body;
    let cause = &why.causes[0];
    assert_eq!(cause.factors[0].attribute.kind, AttributeKind::Measurement, "{cause:?}");
    let bad = u32::try_from((0..120).filter(|n| fails(*n)).count()).unwrap();
    assert_eq!((cause.values, cause.bad, why.unexplained), (Some((57.0, 58.0)), bad, 0));
}

#[test]
fn named_items_are_bad_whatever_they_were_judged() {
    let (query, _dir) = query(&traced(devices(|_| false)));
    let none = query.why(&asked(Vec::new(), Some("OP30")), LAST).unwrap().body;
    assert_eq!((none.items, none.bad, none.causes.len()), (120, 0, 0));
    assert!(none.insufficient.unwrap().contains("0 of 120 items are bad"));
    let bad: Vec<ItemKey> = (60..70).map(|n| unit(&format!("D-{n}"))).collect();
    let why = query.why(&asked(bad.clone(), Some("OP30")), LAST).unwrap().body;
    assert_eq!((why.bad, why.unexplained, why.causes[0].exposed), (10, 0, 10), "{why:?}");
    assert!(query.why(&asked(vec![unit("D-999")], None), LAST).is_none());
    assert!(query.why(&asked(Vec::new(), Some("OP99")), LAST).is_none());
}

/// A part that a repair put in was made before the test, and is no cause of what the test found.
#[test]
fn what_a_repair_put_in_is_no_cause() {
    let fails = |n: u64| n % 10 == 3;
    let mut events = devices(fails);
    for n in (0..120).filter(|n| fails(*n)) {
        let (spare, device) = (unit(&format!("R-{n}")), unit(&format!("D-{n}")));
        let at = i64::try_from(n).unwrap() * 10;
        events.push(event(at - 2, Some("OP5"), consume(&lot("SPARE"), &spare)));
        events.push(event(at - 1, Some("OP5"), complete(&spare, Vec::new())));
        events.push(event(at + 9, Some("OP90"), install(&spare, &device)));
    }
    let (query, _dir) = query(&traced(events));
    let why = query.why(&asked(Vec::new(), Some("OP30")), LAST).unwrap().body;
    assert_eq!((why.bad, why.causes.len()), (12, 0), "{why:?}");
    let nobody = unit("R-3");
    let named = query.why(&asked(vec![nobody.clone()], Some("OP30")), LAST).unwrap().body;
    assert_eq!((named.bad, named.left_out), (0, vec![nobody]));
}

#[test]
fn what_was_taken_back_counts_only_as_of_then() {
    let fails = |n: u64| n / 10 == 4 && !n.is_multiple_of(3);
    let mut events = devices(fails);
    let before = events.len();
    let tested: Vec<u64> = (1..)
        .zip(&events)
        .filter(|(_, event)| {
            matches!(event.what, What::Complete { result: Some(Result::Fail), .. })
        })
        .map(|(position, _)| position)
        .collect();
    events.extend(tested.iter().map(|loser| event(5_000, None, correct(*loser))));
    let (query, _dir) = query(&traced(events));
    let now = query.why(&asked(Vec::new(), Some("OP30")), LAST).unwrap().body;
    let then = query.why(&asked(Vec::new(), Some("OP30")), Position(before as u64)).unwrap().body;
    assert_eq!((now.bad, now.causes.len()), (0, 0));
    assert_eq!((then.bad, then.causes.len()), (7, 1));
}

#[test]
fn a_gap_at_the_station_makes_the_answer_incomplete() {
    let mut records = traced(devices(|n| n / 10 == 4));
    let gap = super::answers::gap(&["OP30"], 300, Some(350));
    let position = Position(records.len() as u64 + 1);
    records.push(Record { position, at: At::default(), body: gap, plant: None });
    let (query, _dir) = query(&records);
    let of = |at| query.why(&asked(Vec::new(), at), LAST).unwrap().completeness.is_complete();
    assert!(!of(Some("OP30")) && !of(None) && of(Some("OP20")));
    // Nothing was judged then: nobody knows whether anything was.
    let down = WhyAsked { interval: interval(301, Some(304)), ..asked(Vec::new(), Some("OP30")) };
    assert!(!query.why(&down, LAST).unwrap().completeness.is_complete());
}
