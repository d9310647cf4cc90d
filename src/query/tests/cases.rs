//! What was frozen is the same for ever, and what came since is told to the last item.
use super::line::{STATIONS, any_shift};
use super::*;
use crate::genealogy::builders::{consume, event, interval, lot, station, text, unit};
use crate::model::{CaseEvent, CaseStep, Frozen, PersonKey, What};
use proptest::prelude::*;
use sha2::Digest as _;

fn of_lot(code: &str) -> RecallOf {
    RecallOf::Lot(lot(code))
}

/// Every question that can be asked about a shift.
fn questions() -> Vec<RecallOf> {
    let mut all: Vec<_> = ["L0", "L1", "L2"].map(of_lot).into();
    for name in STATIONS {
        for only in ["", "tool=T1", "torque>8.2 and operation=P"] {
            let (id, only) = (station(name), Only::all(only).unwrap());
            for interval in [interval(0, Some(400)), interval(100, None)] {
                all.push(RecallOf::Station { id: id.clone(), interval, only: only.clone() });
            }
        }
    }
    all
}

fn event_of(step: CaseStep) -> Body {
    let (reason, who) = (text("a complaint"), PersonKey::new([7; 32]).token("4711"));
    Body::Case(CaseEvent { step, reason, who })
}

fn applied(before: &Recall, difference: &CaseDifference) -> BTreeSet<String> {
    let all = CaseDifference::between(None, before).came;
    let stays = all.into_iter().filter(|item| !difference.went.contains(item));
    stays.chain(difference.came.iter().cloned()).map(|item| format!("{item:?}")).collect()
}

proptest! {
    /// Later records, corrections and late ones among them, and other cases change nothing of what was frozen.
    #[test]
    fn what_is_frozen_is_found_again_whatever_is_recorded_later(
        records in any_shift(), at in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!records.is_empty());
        let cut = at.index(records.len()) + 1;
        let (then, _dir) = query(&records[..cut]);
        let (now, _dir) = query(&records);
        for of in questions() {
            let last = Position(u64::MAX);
            let frozen = then.freeze(&of, last);
            let again = now.freeze(&of, Position(cut as u64));
            match (&frozen, &again) {
                (Ok(frozen), Ok(again)) => {
                    prop_assert_eq!(&frozen.frozen, &again.frozen);
                    let asked = RecallOf::of_case(&frozen.frozen.question);
                    prop_assert_eq!(asked.as_ref(), Some(&of));
                    let today = now.freeze(&of, last).unwrap().answer.body;
                    let since = now.since(&frozen.frozen, &today).unwrap();
                    let all = CaseDifference::between(None, &today).came;
                    let all: BTreeSet<String> = all.iter().map(|item| format!("{item:?}")).collect();
                    prop_assert_eq!(applied(&frozen.answer.body, &since), all);
                }
                // What nobody had spoken of then could not be frozen, and nothing of it was there.
                (Err(Unfrozen::Unknown), Ok(again)) => prop_assert!(again.frozen.counts.is_empty()),
                (Err(frozen), Err(again)) => prop_assert_eq!(frozen, again),
                _ => prop_assert!(false, "{:?} and then {:?}", frozen, again),
            }
        }
    }
}

/// A lot in two units, with what is done with a case of it.
fn history(of: &Query, steps: impl Fn(&Frozen) -> Vec<CaseStep>) -> Vec<Record> {
    let frozen = of.freeze(&of_lot("L1"), Position(u64::MAX)).unwrap().frozen;
    numbered(consumptions(2).into_iter().chain(steps(&frozen).into_iter().map(event_of)).collect())
}

fn consumptions(count: usize) -> Vec<Body> {
    let of = |n: usize| event(10, Some("S1"), consume(&lot("L1"), &unit(&format!("U{n}"))));
    (0..count).map(|n| Body::Trace(of(n))).collect()
}

#[test]
fn a_case_has_its_history_and_says_what_came_since() {
    let (before, _dir) = query(&numbered(consumptions(2)));
    let case = CaseId(Position(3));
    let mut records = history(&before, |frozen| {
        vec![
            CaseStep::Opened { frozen: frozen.clone() },
            CaseStep::Closed { case, last: Position(3) },
        ]
    });
    let more = event(20, Some("S1"), consume(&lot("L1"), &unit("U7")));
    records.extend(
        numbered(vec![Body::Trace(more)])
            .into_iter()
            .map(|record| Record { position: Position(5), ..record }),
    );
    let (query, _dir) = query(&records);
    let shown = query.case_again(case).unwrap().unwrap();
    assert_eq!((shown.same, shown.retained, shown.case.open), (true, false, false));
    let words: Vec<_> = shown.case.history.iter().map(|entry| entry.what).collect();
    assert_eq!(words, ["opened", "closed"]);
    let since = shown.since.unwrap();
    let new: Vec<_> = since.difference.came.iter().map(|item| item.item.to_string()).collect();
    assert_eq!((new, since.difference.went.len()), (vec!["u/site/U7".to_owned()], 0));
    assert_eq!(since.position, Position(5));
    // As of the record that opened it it was open, and before there was none.
    assert!(query.cases(Position(3))[0].open && query.cases(Position(2)).is_empty());
    assert!(query.case(CaseId(Position(2))).is_none());
    let told: Vec<String> = query.events(Position(2), 2).into_iter().map(|e| e.text).collect();
    assert!(told[0].starts_with("case RC-3 opened with 2 suspect, 0 shipped"), "{told:?}");
    assert!(told[1].starts_with("case RC-3 closed by P-"), "{told:?}");
    // It is in the image too.
    let again = Query::new(options(Path::new("/nowhere")));
    again.remember(Remembered::read(&query.image().1).unwrap());
    assert_eq!(again.case(case), query.case(case));
}

/// Whatever anybody wrote into the record in place of what was found is told.
#[test]
fn a_hash_that_is_not_that_of_the_answer_is_told() {
    let (before, _dir) = query(&numbered(consumptions(2)));
    let records = history(&before, |frozen| {
        let hash = crate::model::Digest([0; 32]);
        vec![CaseStep::Opened { frozen: Frozen { hash, ..frozen.clone() } }]
    });
    let (query, _dir) = query(&records);
    let shown = query.case_again(CaseId(Position(3))).unwrap().unwrap();
    assert_eq!((shown.same, shown.retained), (false, false));
}

#[test]
fn the_hash_is_that_of_the_form_that_the_page_has() {
    let shipped = What::Ship {
        items: vec![unit("U1")],
        customer: Some(text("ACME")),
        document: Some(text("DN-5")),
    };
    let events = vec![
        event(10, Some("S1"), consume(&lot("L1"), &unit("U0"))),
        event(11, Some("S1"), consume(&lot("L1"), &unit("U1"))),
        event(12, None, shipped),
    ];
    let (query, _dir) = query(&traced(events));
    let frozen = query.freeze(&of_lot("L1"), Position(u64::MAX)).unwrap().frozen;
    let form = format!(
        "pedigree recall 1\nquestion\t{{\"lot\":\"{}\"}}\nposition\t3\n\
         shipped\tu/site/U1\tDN-5\nsuspect\tu/site/U0\nsuspect\tu/site/U1\n",
        lot("L1")
    );
    assert_eq!(frozen.hash.0, *sha2::Sha256::digest(&form), "{form}");
}

#[test]
fn what_does_not_have_all_records_and_what_is_too_long_is_not_frozen() {
    let (query, _dir) = query(&numbered(consumptions(2)));
    assert_eq!(query.freeze(&of_lot("L9"), Position(9)), Err(Unfrozen::Unknown));
    let word = format!("w={}", "x".repeat(250));
    let only = Only::all(&vec![word.as_str(); 20].join(" and ")).unwrap();
    let long = RecallOf::Station { id: station("S1"), interval: interval(0, None), only };
    assert_eq!(query.freeze(&long, Position(9)), Err(Unfrozen::TooLong));
    query.set_durable(Position(7));
    let lags = query.freeze(&of_lot("L1"), Position(u64::MAX));
    assert_eq!(lags, Err(Unfrozen::Lags(Position(7))));
    assert!(query.freeze(&of_lot("L1"), Position(2)).is_ok());
}
