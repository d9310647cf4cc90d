//! What happened at the edges of a cause, against what was planted there.
use super::*;
use crate::demo::scenario;
use crate::genealogy::builders::*;
use crate::model::{Interval, MonitorId, Onset, Result, Rule, Verdict, VerdictEvent, What};
use scenario::{Plan, Scenario, play};

fn asked(query: &Query) -> Why {
    let interval = Interval { from: Utc(0), to: None };
    let at = Some(station("TEST"));
    let asked = WhyAsked { bad: Vec::new(), station: at, interval, items_max: 10 };
    query.why(&asked, Position(u64::MAX)).unwrap().body
}

fn told(cause: &CauseView) -> Vec<(Edge, i64, &'static str, u64)> {
    let told = cause.evidence.iter();
    told.map(|told| (told.edge, told.time.0, told.kind, told.position.0)).collect()
}

fn spoke(time: i64, at: &str, verdict: Verdict, since: Option<i64>) -> Body {
    let onset = since.map(|since| Onset {
        estimate: Utc(since),
        earliest: Some(Utc(since)),
        latest: Utc(time),
    });
    Body::Verdict(VerdictEvent {
        station: station(at),
        monitor: MonitorId::parse("force").unwrap(),
        rule: Rule::Ewma,
        verdict,
        side: None,
        statistic: None,
        limit: None,
        time: Utc(time),
        onset,
        baseline: None,
        item: None,
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

/// Two hundred devices, every other one through M1, the rest through M2, with a reel of its own for each ten at M1;
/// what fails is told by `fails`, and `between` puts in what happens before a device comes.
fn devices(fails: impl Fn(i64) -> bool, between: impl Fn(i64) -> Vec<Body>) -> Vec<Body> {
    let mut bodies = Vec::new();
    for n in 0..200 {
        bodies.extend(between(n));
        let device = unit(&format!("D-{n}"));
        let at = if n % 2 == 0 { "M1" } else { "M2" };
        bodies.push(Body::Trace(event(n * 100, Some(at), complete(&device, Vec::new()))));
        if n % 2 == 0 {
            let reel = lot(&format!("R-{}", n / 20));
            bodies.push(Body::Trace(event(n * 100 + 1, Some("M1"), consume(&reel, &device))));
        }
        let mut tested = event(n * 100 + 50, Some("TEST"), complete(&device, Vec::new()));
        if let What::Complete { result, .. } = &mut tested.what {
            *result = Some(if fails(n) { Result::Fail } else { Result::Pass });
        }
        bodies.push(Body::Trace(tested));
    }
    bodies
}

#[test]
fn verdicts_and_cleans_at_the_edges_of_a_window_are_told_and_none_elsewhere() {
    let fails = |n: i64| n % 2 == 0 && (70..134).contains(&n);
    let clean =
        || Body::Trace(event(13_395, Some("M1"), What::Clean { confirmed: true, phase: None }));
    let between = |n: i64| match n {
        // At the machine long before, at the other one just then, and the one that is looked for.
        20 => vec![spoke(1_995, "M1", Verdict::Warning, None)],
        70 => vec![spoke(6_990, "M2", Verdict::Drift, Some(6_980))],
        72 => vec![spoke(7_190, "M1", Verdict::Drift, Some(6_995))],
        134 => vec![clean(), spoke(13_398, "M1", Verdict::InControl, None)],
        180 => vec![spoke(17_998, "M1", Verdict::Warning, None)],
        _ => Vec::new(),
    };
    let bodies = devices(fails, between);
    let at = |wanted: &Body| bodies.iter().position(|body| body == wanted).unwrap() as u64 + 1;
    let wanted = [
        (Edge::Begin, 6_995, "verdict", at(&spoke(7_190, "M1", Verdict::Drift, Some(6_995)))),
        (Edge::End, 13_395, "clean", at(&clean())),
        (Edge::End, 13_398, "verdict", at(&spoke(13_398, "M1", Verdict::InControl, None))),
    ];
    let (query, _dir) = query(&numbered(bodies));
    let why = asked(&query);
    let cause = &why.causes[0];
    let is_m1 = |factor: &FactorView| factor.value == Some(text("M1"));
    assert!(cause.factors.iter().any(is_m1) && cause.window.is_some(), "{cause:?}");
    let mut found = told(cause);
    found.sort_unstable();
    assert_eq!(found, wanted, "{cause:?}");
    assert_eq!(cause.evidence_left_out, 0);
    let window = cause.window.unwrap();
    for told in &cause.evidence {
        let edge = if told.edge == Edge::Begin { window.from } else { window.to.unwrap() };
        let since = f64::from(i32::try_from(told.time.0 - edge.0).unwrap());
        assert!((told.seconds * 1e9 - since).abs() < 0.5, "{told:?}");
        assert_eq!(told.station, Some(station("M1")));
    }
    assert!(cause.evidence.is_sorted_by(|a, b| a.seconds.abs() <= b.seconds.abs()));
}

#[test]
fn the_change_of_a_lot_is_told_where_it_was_mounted_and_taken_out() {
    let fails = |n: i64| n % 2 == 0 && n / 20 == 4 && n % 6 != 0;
    let change = |n: i64| {
        Body::Trace(event(n * 100 - 30, Some("M1"), mount("reel", &lot(&format!("R-{}", n / 20)))))
    };
    let other = |n: i64| Body::Trace(event(n * 100 - 20, Some("M2"), mount("reel", &lot("X-1"))));
    let between = |n: i64| if n % 20 == 0 { vec![change(n), other(n)] } else { Vec::new() };
    let bodies = devices(fails, between);
    let at = |wanted: &Body| bodies.iter().position(|body| body == wanted).unwrap() as u64 + 1;
    let wanted = [
        (Edge::Begin, 7_970, "mount", at(&change(80))),
        (Edge::End, 9_970, "mount", at(&change(100))),
    ];
    let (query, _dir) = query(&numbered(bodies));
    let why = asked(&query);
    let cause = &why.causes[0];
    assert_eq!(cause.factors[0].value, Some(text("l/supplier/ACME/R-4")), "{cause:?}");
    assert_eq!(told(cause), wanted, "{cause:?}");
}

#[test]
fn what_was_taken_back_is_no_evidence() {
    let fails = |n: i64| n % 2 == 0 && n / 20 == 4 && n % 6 != 0;
    let mounted = || Body::Trace(event(7_970, Some("M1"), mount("reel", &lot("R-4"))));
    let mut bodies = devices(fails, |n| if n == 80 { vec![mounted()] } else { Vec::new() });
    let at = bodies.iter().position(|body| *body == mounted()).unwrap() as u64 + 1;
    let (query, _dir) = query(&numbered(bodies.clone()));
    assert_eq!(told(&asked(&query).causes[0]), [(Edge::Begin, 7_970, "mount", at)]);
    bodies.push(Body::Trace(event(30_000, None, correct(at))));
    let (corrected, _dir) = super::query(&numbered(bodies));
    assert_eq!(told(&asked(&corrected).causes[0]), []);
}

/// The recipe of the scenario changes once, at FILL; fills of the tank are mounted there.
#[test]
fn the_changes_that_the_scenario_made_are_found() {
    let plan =
        |scenario| Plan { scenario, units: 400, base: 10, caused: 600, disturbed: false, seed: 1 };
    let run = play(plan(Scenario::Recipe));
    let (of_recipe, _dir) = query(&run.records);
    let why = asked(&of_recipe);
    let told = &why.causes[0].evidence;
    let changes: Vec<_> = told.iter().filter(|told| told.kind == "operation").collect();
    let [change] = changes[..] else { panic!("{told:?}") };
    assert_eq!((change.edge, change.seconds), (Edge::Begin, 0.0));
    assert_eq!(change.text, "operation R2 after R1 at FILL");

    let run = play(plan(Scenario::Tank));
    let (of_tank, _dir) = query(&run.records);
    let why = asked(&of_tank);
    let fill = run.truth.cause[0].value.clone().unwrap();
    let told = &why.causes[0].evidence;
    let mounted = told.iter().find(|told| told.edge == Edge::Begin && told.kind == "mount");
    let mounted = mounted.unwrap_or_else(|| panic!("{told:?}"));
    assert!(mounted.text.starts_with(&fill) && mounted.seconds <= 0.0, "{mounted:?}");
}
