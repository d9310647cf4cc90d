//! Suspect windows: from when to when a station may have been wrong, and what was made meanwhile.
use super::*;
use crate::genealogy::builders::*;
use crate::model::{
    Alias, Code, Digest, Interval, ItemKey, MonitorId, Onset, PlantLoaded, Purpose, Rule, Utc,
    Verdict, VerdictEvent, What,
};
use crate::query::{RecallOf, SuspectCause, SuspectView};
use std::collections::BTreeSet;

/// As of all that is known.
const LAST: Position = Position(u64::MAX);

fn done(time: i64, at: &str, unit: &ItemKey, purpose: Purpose) -> Body {
    let mut done = event(time, Some(at), complete(unit, Vec::new()));
    done.purpose = purpose;
    Body::Trace(done)
}

fn says(time: i64, verdict: Verdict, since: Option<i64>, shown: bool) -> Body {
    let onset = since.map(|since| Onset {
        estimate: Utc(since),
        earliest: Some(Utc(since)),
        latest: Utc(time),
    });
    Body::Verdict(VerdictEvent {
        station: station("OP10"),
        monitor: MonitorId::parse("red").unwrap(),
        rule: Rule::Master,
        verdict,
        side: None,
        statistic: None,
        limit: None,
        time: Utc(time),
        onset,
        baseline: None,
        item: shown.then(|| unit("MSTR-1")),
        unit: None,
        over: None,
        joins: None,
        test: None,
        quality: None,
        reaches: None,
        contributors: Vec::new(),
        product: None,
        recipe: None,
    })
}

fn items(view: &SuspectView) -> Vec<String> {
    view.items.iter().map(|item| item.code.to_string()).collect()
}

#[test]
fn what_was_made_since_the_last_good_master_is_suspect() {
    let work = |time, code: &str| done(time, "OP10", &unit(code), Purpose::Production);
    let bodies = vec![
        work(5, "BEFORE"),
        says(10, Verdict::InControl, None, true),
        work(11, "FIRST"),
        done(12, "OP20", &unit("ELSEWHERE"), Purpose::Production),
        done(13, "OP10", &unit("TRIED"), Purpose::Trial),
        work(14, "SECOND"),
        says(20, Verdict::Drift, Some(10), true),
        work(21, "THIRD"),
        says(30, Verdict::InControl, None, true),
        work(31, "AFTER"),
        Body::Trace(event(32, Some("OP20"), install(&unit("SECOND"), &unit("WHOLE")))),
    ];
    let (query, _dir) = query(&numbered(bodies));
    let recalled = |opened, as_of| {
        let recall = query.recall_as_of(&RecallOf::Window(Position(opened)), as_of)?.body;
        let codes = recall.suspect.iter().map(|group| group.item.code.to_string());
        Some(codes.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>())
    };
    assert_eq!(recalled(7, LAST).unwrap(), ["FIRST", "SECOND", "THIRD", "WHOLE"]);
    assert_eq!(recalled(7, Position(7)).unwrap(), ["FIRST", "SECOND"]);
    assert_eq!((recalled(8, LAST), recalled(7, Position(6))), (None, None), "no window");
    let of = |as_of| query.suspects(Some(&station("OP10")), 100, as_of).unwrap();
    let [view] = &of(LAST).body[..] else { panic!("one window") };
    assert_eq!(items(view), ["FIRST", "SECOND", "THIRD"]);
    assert_eq!(view.window.interval, Interval { from: Utc(10), to: Some(Utc(30)) });
    assert_eq!((view.window.cause, view.window.cleared), (SuspectCause::MasterWrong, false));
    // Before it was known to be right again, it went on.
    let then = of(Position(8));
    assert_eq!((then.body[0].window.interval.to, then.body[0].window.closed), (None, None));
    assert_eq!(query.open_suspects(100), [], "it has ended since");
    assert_eq!(of(Position(6)).body, []);
    assert!(query.suspects(Some(&station("OP99")), 100, LAST).is_none());
    assert_eq!(query.suspects(Some(&station("OP20")), 100, LAST).unwrap().body, []);
    let short = query.suspects(None, 2, LAST).unwrap();
    assert_eq!((items(&short.body[0]).len(), short.body[0].left_out), (2, 1));
    let marks = |code: &str| query.item(&unit(code)).unwrap().body.suspect.len();
    assert_eq!(["BEFORE", "FIRST", "THIRD", "TRIED", "AFTER"].map(marks), [0, 1, 1, 0, 0]);
}

/// One drift is one window, whichever rule joins the one that spoke first.
#[test]
fn a_rule_that_joins_a_drift_opens_no_window_and_the_one_that_spoke_first_ends_it() {
    let of = |rule, joins, body| {
        let Body::Verdict(event) = body else { unreachable!() };
        Body::Verdict(VerdictEvent { rule, joins, ..event })
    };
    let drift = |time| says(time, Verdict::Drift, Some(10), false);
    let well = |time| says(time, Verdict::InControl, None, false);
    let (query, _dir) = query(&numbered(vec![
        of(Rule::Cusum, None, drift(20)),
        of(Rule::Ewma, Some(Rule::Cusum), drift(22)),
        of(Rule::Ewma, None, well(30)),
        of(Rule::Cusum, None, well(31)),
    ]));
    let windows = query.suspects(None, 100, LAST).unwrap().body;
    let [view] = &windows[..] else { panic!("{windows:?}") };
    assert_eq!(view.window.interval, Interval { from: Utc(10), to: Some(Utc(31)) });
    assert_eq!(view.window.cause, SuspectCause::Drift);
}

/// What was made before the change most likely began is suspect, since it may have begun earlier.
#[test]
fn what_was_made_since_a_drift_most_likely_began_is_confirmed() {
    let work = |time, code: &str| done(time, "OP10", &unit(code), Purpose::Production);
    let drift = |rule| {
        let Body::Verdict(event) = says(20, Verdict::Drift, Some(10), false) else {
            unreachable!()
        };
        let onset = event.onset.map(|onset| Onset { estimate: Utc(15), ..onset });
        Body::Verdict(VerdictEvent { rule, onset, ..event })
    };
    let made = [work(5, "BEFORE"), work(11, "FIRST"), work(15, "SECOND"), work(18, "THIRD")];
    let seen = |rule, limit| {
        let mut bodies = made.to_vec();
        bodies.extend([drift(rule), work(21, "LAST")]);
        let (query, _dir) = query(&numbered(bodies));
        let [view] = &query.suspects(None, limit, LAST).unwrap().body[..] else {
            panic!("one window")
        };
        let confirmed: Vec<_> = view.confirmed.iter().map(|item| item.code.to_string()).collect();
        (items(view), confirmed, view.window.likely)
    };
    let all = ["FIRST", "LAST", "SECOND", "THIRD"].map(str::to_owned).to_vec();
    let confirmed = all[1..].to_vec();
    assert_eq!(seen(Rule::Ewma, 100), (all.clone(), confirmed, Some(Utc(15))));
    assert_eq!(seen(Rule::Ewma, 2), (all[..2].to_vec(), all[1..2].to_vec(), Some(Utc(15))));
    // A master says that it was right once and wrong later, and nothing of what lies between.
    assert_eq!(seen(Rule::Master, 100), (all, Vec::new(), None));
}

/// The rule has no bound for when it began: whatever was made since it last said that all is well may be touched.
#[test]
fn a_drift_of_which_nobody_knows_the_begin_takes_all_since_all_was_well() {
    let work = |time, code: &str| done(time, "OP10", &unit(code), Purpose::Production);
    let drift = |bound: Option<i64>| {
        let Body::Verdict(event) = says(40, Verdict::Drift, Some(30), false) else {
            unreachable!()
        };
        let onset = event.onset.map(|onset| Onset { earliest: bound.map(Utc), ..onset });
        Body::Verdict(VerdictEvent { rule: Rule::Ewma, onset, ..event })
    };
    let well = |time| {
        let Body::Verdict(event) = says(time, Verdict::InControl, None, false) else {
            unreachable!()
        };
        Body::Verdict(VerdictEvent { rule: Rule::Ewma, ..event })
    };
    let told = |before: Vec<Body>, bound| {
        let made = [(5, "LEARNED-FROM"), (15, "PERHAPS"), (25, "MAY-BE"), (35, "SURELY")];
        let mut bodies: Vec<(i64, Body)> = made.map(|(at, code)| (at, work(at, code))).to_vec();
        bodies.extend(before.into_iter().zip([10, 12]).map(|(body, at)| (at, body)));
        bodies.push((40, drift(bound)));
        bodies.sort_by_key(|(at, _)| *at);
        let (query, _dir) = query(&numbered(bodies.into_iter().map(|(_, body)| body).collect()));
        let view = query.suspects(None, 100, LAST).unwrap().body.remove(0);
        (items(&view).join(" "), view.window.bounded)
    };
    let all = "MAY-BE PERHAPS SURELY".to_owned();
    assert_eq!(told(vec![well(10), well(12)], None), (all, false), "well since it was first told");
    assert_eq!(told(vec![well(10)], Some(20)), ("MAY-BE SURELY".to_owned(), true));
    assert_eq!(told(Vec::new(), None), ("SURELY".to_owned(), false), "never well");
}

#[test]
fn a_master_that_was_only_late_clears_what_it_made_suspect() {
    let work = |time, code: &str| done(time, "OP10", &unit(code), Purpose::Production);
    let late = vec![
        says(10, Verdict::InControl, None, true),
        work(11, "U"),
        says(20, Verdict::Drift, Some(10), false),
    ];
    let told = |more: Vec<Body>| {
        let mut records = numbered([late.clone(), more].concat());
        records.iter_mut().for_each(|record| record.at.wall = Utc(40));
        let (query, _dir) = query(&records);
        let view = query.suspects(None, 100, LAST).unwrap().body.remove(0);
        (view.window.cause, view.window.cleared, query.item(&unit("U")).unwrap().body.suspect.len())
    };
    assert_eq!(told(Vec::new()), (SuspectCause::MasterOverdue, false, 1));
    let right = says(25, Verdict::InControl, None, true);
    assert_eq!(told(vec![right.clone()]), (SuspectCause::MasterOverdue, true, 0));
    // What was late turned out to be wrong.
    let wrong = says(25, Verdict::Drift, Some(10), true);
    assert_eq!(told(vec![wrong, right]), (SuspectCause::MasterWrong, false, 1));
    // A plant without the master says nothing of what was made before.
    let plant = Body::Plant(PlantLoaded {
        hash: Digest([7; 32]),
        files: Vec::new(),
        stations: vec![station("OP10")],
        monitors: Vec::new(),
        measured: Vec::new(),
        context: Vec::new(),
        counted: Vec::new(),
        latched: Vec::new(),
        schedules: Vec::new(),
    });
    assert_eq!(told(vec![plant]), (SuspectCause::MasterOverdue, false, 1));
}

/// A ring is read late: it was wrong at 15, and right at 20, before anybody knew.
#[test]
fn a_window_that_was_over_when_it_became_known_says_nothing_of_now() {
    let work = |time, code: &str| done(time, "OP10", &unit(code), Purpose::Production);
    let Body::Verdict(late) = says(15, Verdict::Drift, Some(10), true) else { unreachable!() };
    let late = Body::Verdict(VerdictEvent { over: Some(Utc(20)), ..late });
    let (query, _dir) = query(&numbered(vec![
        says(10, Verdict::InControl, None, true),
        work(12, "WITHIN"),
        says(20, Verdict::InControl, None, true),
        work(22, "AFTER"),
        late,
        work(30, "NOW"),
        says(40, Verdict::Drift, Some(20), false),
    ]));
    let windows = query.suspects(None, 100, LAST).unwrap().body;
    assert_eq!(query.open_suspects(100), [windows[0].clone()]);
    let short = query.open_suspects(1);
    assert_eq!((items(&short[0]).len(), short[0].left_out), (1, 1));
    let told: Vec<_> = windows.iter().map(|view| (items(view), view.window.interval)).collect();
    let interval = |from, to: Option<i64>| Interval { from: Utc(from), to: to.map(Utc) };
    let of = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>();
    let open = (of(&["AFTER", "NOW"]), interval(20, None));
    assert_eq!(told, [open, (of(&["WITHIN"]), interval(10, Some(20)))]);
    assert_eq!(query.conditions().len(), 1);
}

#[test]
fn what_may_have_been_made_within_is_suspect_under_all_its_names() {
    let timed = |time: i64, code: &str, by: u64| {
        let mut done = event(time, Some("OP10"), complete(&unit(code), Vec::new()));
        done.time.uncertainty_ns = by;
        Body::Trace(done)
    };
    let real = What::Identify {
        item: unit("PASSAGE"),
        alias: Alias { kind: text("label"), code: Code::parse("REAL").unwrap() },
        real: Some(unit("REAL")),
    };
    let bodies = vec![
        says(100, Verdict::InControl, None, true),
        timed(150, "PASSAGE", 0),
        timed(190, "LONG-AGO", 100),
        timed(290, "PERHAPS", 100),
        timed(290, "SURELY-NOT", 5),
        says(200, Verdict::Drift, Some(100), true),
        says(250, Verdict::InControl, None, true),
        Body::Trace(event(400, None, real)),
    ];
    let (query, _dir) = query(&numbered(bodies));
    let view = query.suspects(None, 100, LAST).unwrap().body.remove(0);
    assert_eq!(items(&view), ["LONG-AGO", "PASSAGE", "PERHAPS"]);
    let marks = |code: &str| query.item(&unit(code)).unwrap().body.suspect.len();
    assert_eq!(["REAL", "PASSAGE", "PERHAPS", "SURELY-NOT"].map(marks), [1, 1, 1, 0]);
}

/// A product has a baseline of its own; the machine that drifted made the others too.
#[test]
fn a_window_is_ended_by_the_word_of_the_same_product_and_takes_all_that_was_made() {
    let work = |time, code: &str| done(time, "OP10", &unit(code), Purpose::Production);
    let of = |name: &str, rule, body| {
        let Body::Verdict(event) = body else { unreachable!() };
        let product = crate::model::Text::parse(name).ok();
        Body::Verdict(VerdictEvent { rule, product, ..event })
    };
    let well = |time, name| of(name, Rule::Ewma, says(time, Verdict::InControl, None, false));
    let drift =
        |time, name, since| of(name, Rule::Ewma, says(time, Verdict::Drift, Some(since), false));
    let mut bodies = vec![
        well(1, "A"),
        well(2, "B"),
        work(11, "OF-A"),
        work(15, "OF-B"),
        drift(20, "A", 10),
        well(25, "B"),
        drift(30, "B", 28),
        work(32, "LATER"),
    ];
    let windows = |bodies: &[Body]| {
        let (query, _dir) = query(&numbered(bodies.to_vec()));
        let all = query.suspects(None, 100, LAST).unwrap().body;
        let conditions = query.conditions().remove(0);
        let says = (conditions.verdict, conditions.product.map(|product| product.to_string()));
        let shown = |view: &SuspectView| {
            let to = view.window.interval.to.map(|to| to.0);
            (view.window.product.as_ref().unwrap().to_string(), to, items(view))
        };
        (says, all.iter().map(shown).collect::<Vec<_>>())
    };
    let made = |codes: &[&str]| codes.iter().map(ToString::to_string).collect::<Vec<_>>();
    let drifts = |of: &str| (Verdict::Drift, Some(of.to_owned()));
    let of_b = ("B".to_owned(), None, made(&["LATER"]));
    let of_a = ("A".to_owned(), None, made(&["LATER", "OF-A", "OF-B"]));
    assert_eq!(windows(&bodies), (drifts("B"), vec![of_b.clone(), of_a]));
    bodies.push(well(40, "A"));
    let of_a = ("A".to_owned(), Some(40), made(&["LATER", "OF-A", "OF-B"]));
    assert_eq!(windows(&bodies), (drifts("B"), vec![of_b, of_a.clone()]));
    // What is forgotten is not said to be well, and by none of its rules.
    bodies.push(of("B", Rule::Cusum, says(50, Verdict::NoData, None, false)));
    let of_b = ("B".to_owned(), Some(50), made(&["LATER"]));
    assert_eq!(windows(&bodies), ((Verdict::InControl, Some("A".to_owned())), vec![of_b, of_a]));
}
