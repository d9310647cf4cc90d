//! A drift is a request until maintenance is done; what was done, and whether it helped, is asked as of any record.
use super::*;
use crate::genealogy::builders::*;
use crate::model::{
    Baseline, MaintenanceEvent, MaintenanceStep, Onset, PartBy, PersonKey, PlantLoaded, Reach,
    Rule, Schedule, Side, Ucum, Usage, VerdictEvent, What,
};
use crate::query::memory::Memory;

const LAST: Position = Position(u64::MAX);

pub(super) fn monitor(name: &str) -> MonitorId {
    MonitorId::parse(name).unwrap()
}

fn baseline(version: u32) -> Baseline {
    let centre_line = f64::from(version) * 10.0;
    Baseline { centre_line, sigma: 0.5, phi: 0.0, n: 50, version, spread: None, group: None }
}

pub(super) fn says(time: i64, name: &str, rule: Rule, verdict: Verdict, version: u32) -> Body {
    let drift = verdict == Verdict::Drift;
    let onset = Onset { estimate: Utc(time - 5), earliest: Some(Utc(time - 5)), latest: Utc(time) };
    Body::Verdict(VerdictEvent {
        station: station("OP10"),
        monitor: monitor(name),
        rule,
        verdict,
        side: drift.then_some(Side::High),
        statistic: None,
        limit: None,
        time: Utc(time),
        onset: drift.then_some(onset),
        baseline: rule.is_of_baseline().then(|| baseline(version)),
        item: None,
        unit: None,
        over: None,
        joins: None,
        test: None,
        quality: None,
        product: None,
        recipe: None,
        reaches: None,
        contributors: Vec::new(),
    })
}

pub(super) fn learned(time: i64, name: &str, version: u32) -> Body {
    says(time, name, Rule::Ewma, Verdict::InControl, version)
}

pub(super) fn drifts(time: i64, name: &str, version: u32) -> Body {
    says(time, name, Rule::Ewma, Verdict::Drift, version)
}

fn said(time: i64, step: MaintenanceStep, monitors: &[&str], what: &str) -> Body {
    Body::Maintenance(MaintenanceEvent {
        station: station("OP10"),
        monitors: monitors.iter().map(|name| monitor(name)).collect(),
        step,
        who: PersonKey::new([7; 32]).token("4711"),
        text: text(what),
        item: (step == MaintenanceStep::Done).then(|| unit("PUNCH-7")),
        time: Utc(time),
    })
}

pub(super) fn done(time: i64, monitors: &[&str]) -> Body {
    said(time, MaintenanceStep::Done, monitors, "punch changed")
}

fn acknowledged(time: i64, monitors: &[&str]) -> Body {
    said(time, MaintenanceStep::Acknowledge, monitors, "on my way")
}

pub(super) fn plant(monitors: &[&str]) -> Body {
    Body::Plant(PlantLoaded {
        hash: crate::model::Digest([7; 32]),
        files: Vec::new(),
        stations: vec![station("OP10"), station("OP20")],
        monitors: monitors.iter().map(|name| (station("OP10"), monitor(name))).collect(),
        measured: Vec::new(),
        context: Vec::new(),
        counted: Vec::new(),
        latched: Vec::new(),
        schedules: Vec::new(),
    })
}

/// The rows, each in a line: what asked for it, who looks after it, what was done, versions before and since, again.
fn rows(query: &Query, open: Option<bool>, as_of: Position) -> String {
    let answer = query.maintenance(None, open, as_of).unwrap();
    let row = |view: MaintenanceView| {
        let by = |said: &Option<MaintenanceSaid>| said.as_ref().map(|said| said.position.0);
        let version = |of: &Option<Baseline>| of.as_ref().map(|baseline| baseline.version);
        format!(
            "{:?} open {} raised {:?} acknowledged {:?} done {:?} lapsed {:?} {:?} to {:?} again {:?}",
            view.monitor.as_ref().map(MonitorId::as_str),
            view.open,
            view.raised.as_ref().map(|raised| (raised.position.0, raised.rule)),
            by(&view.acknowledged),
            by(&view.done),
            view.lapsed.map(|position| position.0),
            version(&view.before),
            version(&view.after),
            view.again.map(|position| position.0),
        )
    };
    answer.body.into_iter().map(row).collect::<Vec<_>>().join("\n")
}

fn story() -> Vec<Record> {
    numbered(vec![
        plant(&["force", "torque", "way"]),
        learned(10, "force", 1),
        learned(11, "torque", 1),
        drifts(20, "force", 1),
        acknowledged(30, &["force"]),
        drifts(31, "torque", 1),
        done(40, &["force"]),
        learned(50, "force", 2),
        drifts(60, "force", 2),
        done(70, &[]),
        learned(80, "force", 3),
    ])
}

#[test]
fn a_drift_is_a_request_until_maintenance_is_done_and_what_came_of_it_is_told() {
    let (query, _dir) = query(&story());
    insta::assert_snapshot!(rows(&query, None, LAST), @r#"
    Some("force") open false raised Some((9, Some(Ewma))) acknowledged None done Some(10) lapsed None Some(2) to Some(3) again None
    Some("torque") open false raised Some((6, Some(Ewma))) acknowledged None done Some(10) lapsed None Some(1) to None again None
    Some("force") open false raised Some((4, Some(Ewma))) acknowledged Some(5) done Some(7) lapsed None Some(1) to Some(2) again Some(9)
    "#);
    insta::assert_snapshot!(rows(&query, None, Position(6)), @r#"
    Some("torque") open true raised Some((6, Some(Ewma))) acknowledged None done None lapsed None Some(1) to None again None
    Some("force") open true raised Some((4, Some(Ewma))) acknowledged Some(5) done None lapsed None Some(1) to None again None
    "#);
    insta::assert_snapshot!(rows(&query, Some(true), Position(8)), @r#"
    Some("torque") open true raised Some((6, Some(Ewma))) acknowledged None done None lapsed None Some(1) to None again None
    "#);
    assert_eq!(rows(&query, Some(true), LAST), "");
    let closed = rows(&query, Some(false), Position(8));
    assert!(closed.contains("done Some(7)") && !closed.contains("open true"), "{closed}");
    let [raised] = &query.maintenance(None, Some(true), Position(5)).unwrap().body[..] else {
        panic!("one waits")
    };
    assert!(raised.raised.as_ref().unwrap().onset.is_some());
    assert!(query.maintenance(Some(&station("OP99")), None, LAST).is_none());
    assert_eq!(query.maintenance(Some(&station("OP20")), None, LAST).unwrap().body, []);
}

#[test]
fn what_learns_anew_says_nothing_of_drift_and_its_window_is_ended_by_maintenance() {
    let all = story();
    let (before, _dir) = query(&all[..6]);
    assert_eq!(before.verdict(&station("OP10"), &monitor("force")), Verdict::Drift);
    let (after, _dir) = query(&all[..7]);
    let verdict = |query: &Query, name| query.verdict(&station("OP10"), &monitor(name));
    assert_eq!(verdict(&after, "force"), Verdict::NoData);
    assert_eq!(verdict(&after, "torque"), Verdict::Drift, "it was not named");
    let views = after.conditions();
    let force = views.iter().find(|view| view.monitor == monitor("force")).unwrap();
    assert_eq!((force.baseline.as_ref(), force.rule), (None, None));
    let windows = after.suspects(None, 9, LAST).unwrap().body;
    let ended: Vec<_> =
        windows.iter().map(|view| (view.window.closed, view.window.ended)).collect();
    assert_eq!(ended, [(None, None), (Some(Position(7)), Some(SuspectEnd::Maintenance))]);
    assert_eq!(windows[1].window.interval, Interval { from: Utc(15), to: Some(Utc(40)) });
    let (later, _dir) = query(&all);
    assert_eq!(verdict(&later, "force"), Verdict::InControl);
}

#[test]
fn a_limit_and_a_master_are_not_ended_and_what_a_limit_says_of_the_drift_is() {
    let master = says(5, "red", Rule::Master, Verdict::Drift, 0);
    let warns = says(6, "way", Rule::Limit, Verdict::Warning, 0);
    let bodies = vec![
        plant(&["force", "way", "red"]),
        learned(4, "force", 1),
        master,
        warns,
        drifts(20, "force", 1),
        says(21, "force", Rule::Limit, Verdict::Drift, 0),
        done(30, &[]),
    ];
    let (query, _dir) = query(&numbered(bodies));
    let verdict = |name| query.verdict(&station("OP10"), &monitor(name));
    let wanted = [Verdict::NoData, Verdict::Warning, Verdict::Drift];
    assert_eq!(["force", "way", "red"].map(verdict), wanted);
    let open = query.open_suspects(9);
    assert_eq!(open.iter().map(|view| view.window.monitor.as_str()).collect::<Vec<_>>(), ["red"]);
}

#[test]
fn a_request_lapses_with_its_monitor_and_what_was_done_unasked_is_told_too() {
    let bodies = vec![
        plant(&["force", "torque"]),
        learned(10, "force", 1),
        learned(11, "torque", 1),
        drifts(20, "force", 1),
        plant(&["torque"]),
        done(30, &[]),
        learned(40, "torque", 2),
        said(50, MaintenanceStep::Done, &["torque"], "greased"),
    ];
    let (query, _dir) = query(&numbered(bodies));
    insta::assert_snapshot!(rows(&query, None, LAST), @r#"
    Some("torque") open false raised None acknowledged None done Some(8) lapsed None Some(2) to None again None
    Some("torque") open false raised None acknowledged None done Some(6) lapsed None Some(1) to Some(2) again None
    Some("force") open false raised Some((4, Some(Ewma))) acknowledged None done None lapsed Some(5) Some(1) to None again None
    "#);
    let (nothing, _dir) = super::query(&numbered(vec![plant(&[]), done(5, &[])]));
    insta::assert_snapshot!(rows(&nothing, None, LAST), @"None open false raised None acknowledged None done Some(2) lapsed None None to None again None");
}

#[test]
fn a_rule_that_the_plant_does_without_is_outweighed_by_those_that_there_are() {
    let limit = |time, verdict| says(time, "force", Rule::Limit, verdict, 0);
    let bodies = [
        plant(&["force"]),
        learned(4, "force", 1),
        limit(5, Verdict::Warning),
        limit(6, Verdict::NoData),
    ];
    let verdict = |count: usize| {
        let (query, _dir) = query(&numbered(bodies[..count].to_vec()));
        query.verdict(&station("OP10"), &monitor("force"))
    };
    assert_eq!([3, 4].map(verdict), [Verdict::Warning, Verdict::InControl]);
}

const PUNCH: Usage = Usage::Parts { every: 2, by: PartBy::Made };

fn made(time: i64, code: &str) -> Body {
    let (measurements, mounts, phase, order_row) = (Vec::new(), Vec::new(), None, None);
    let (item, result) = (unit(code), None);
    let what = What::Complete { item, result, measurements, mounts, phase, order_row };
    Body::Trace(event(time, Some("OP10"), what))
}

fn asks(time: i64, name: &str, rule: Rule, verdict: Verdict, statistic: f64) -> Body {
    let Body::Verdict(event) = says(time, name, rule, verdict, 0) else { unreachable!() };
    let at = Utc(time + 100);
    let reaches = Reach { earliest: at, estimate: Some(at), latest: None };
    let reaches = (rule == Rule::Forecast && verdict == Verdict::Warning).then_some(reaches);
    let limit = Some(if rule == Rule::Usage { 2.0 } else { 80.0 });
    let unit = (rule == Rule::Usage).then(|| Ucum::parse(PUNCH.unit()).unwrap());
    Body::Verdict(VerdictEvent { statistic: Some(statistic), limit, reaches, unit, ..event })
}

/// A punch that is due after two parts, and an oil of which it is forecast that it becomes too hot.
fn used() -> Vec<Record> {
    let Body::Plant(loaded) = plant(&["oil", "punch"]) else { unreachable!() };
    let schedule = Schedule { id: monitor("punch"), every: PUNCH };
    let schedules = vec![(station("OP10"), schedule)];
    numbered(vec![
        Body::Plant(PlantLoaded { schedules, ..loaded }),
        made(1, "SN-1"),
        made(2, "SN-2"),
        asks(2, "punch", Rule::Usage, Verdict::Warning, 2.0),
        made(3, "SN-3"),
        asks(4, "oil", Rule::Forecast, Verdict::Warning, 71.0),
        acknowledged(5, &["punch"]),
        done(10, &["punch"]),
        asks(10, "punch", Rule::Usage, Verdict::InControl, 0.0),
        done(11, &["oil"]),
        asks(12, "oil", Rule::Forecast, Verdict::NoData, 0.0),
        asks(20, "oil", Rule::Forecast, Verdict::InControl, 55.0),
        made(21, "SN-4"),
        asks(30, "oil", Rule::Forecast, Verdict::Warning, 74.0),
        asks(40, "oil", Rule::Forecast, Verdict::InControl, 60.0),
    ])
}

/// What was used, where the value was, and where it is since.
fn amounts(query: &Query, as_of: Position) -> String {
    let row = |view: MaintenanceView| {
        let raised = view.raised.as_ref();
        format!(
            "{:?} used {:?} was {:?} reaches {:?} since {:?}",
            view.monitor.as_ref().map(MonitorId::as_str),
            view.usage.map(|usage| (usage.used, usage.every)),
            raised.and_then(|raised| raised.statistic),
            raised.and_then(|raised| raised.reaches).map(|reach| reach.earliest.0),
            view.trend.map(|trend| (trend.position.0, trend.level)),
        )
    };
    let body = query.maintenance(None, None, as_of).unwrap().body;
    body.into_iter().map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_due_by_use_and_what_is_forecast_are_requests_too() {
    let (query, _dir) = query(&used());
    insta::assert_snapshot!(rows(&query, None, LAST), @r#"
    Some("oil") open false raised Some((14, Some(Forecast))) acknowledged None done None lapsed Some(15) None to None again None
    Some("oil") open false raised Some((6, Some(Forecast))) acknowledged None done Some(10) lapsed None None to None again Some(14)
    Some("punch") open false raised Some((4, Some(Usage))) acknowledged Some(7) done Some(8) lapsed None None to None again None
    "#);
    insta::assert_snapshot!(amounts(&query, LAST), @r#"
    Some("oil") used None was Some(74.0) reaches Some(130) since None
    Some("oil") used None was Some(71.0) reaches Some(104) since Some((12, Some(55.0)))
    Some("punch") used Some((3.0, 2.0)) was Some(2.0) reaches None since None
    "#);
    insta::assert_snapshot!(rows(&query, Some(true), Position(7)), @r#"
    Some("oil") open true raised Some((6, Some(Forecast))) acknowledged None done None lapsed None None to None again None
    Some("punch") open true raised Some((4, Some(Usage))) acknowledged Some(7) done None lapsed None None to None again None
    "#);
    insta::assert_snapshot!(amounts(&query, Position(11)), @r#"
    Some("oil") used None was Some(71.0) reaches Some(104) since None
    Some("punch") used Some((3.0, 2.0)) was Some(2.0) reaches None since None
    "#);
}

#[test]
fn what_comes_is_told_with_how_much_is_left() {
    let schedules = |records: &[Record]| {
        let (query, _dir) = super::query(records);
        let body = query.schedules(None).unwrap().body;
        let of = |view: ScheduleView| {
            let done = view.done.map(|done| done.position.0);
            (view.used, view.left, view.due, view.raised.map(|at| at.0), view.since.0, done)
        };
        body.into_iter().map(of).collect::<Vec<_>>()
    };
    let all = used();
    let since = all[0].at.wall.0;
    assert_eq!(schedules(&all[..2]), [(1.0, 1.0, false, None, since, None)]);
    assert_eq!(schedules(&all[..7]), [(3.0, 0.0, true, Some(4), since, None)]);
    let done = all[7].at.wall.0;
    assert_eq!(schedules(&all[..9]), [(0.0, 2.0, false, None, done, Some(8))]);
    assert_eq!(schedules(&all), [(1.0, 1.0, false, None, done, Some(8))]);
    let (query, _dir) = query(&all);
    assert_eq!(query.schedules(Some(&station("OP20"))).unwrap().body, []);
    assert!(query.schedules(Some(&station("OP99"))).is_none());
}

/// Wherever an image is kept, what is read from it goes on as what was folded.
#[test]
fn what_is_known_of_maintenance_is_in_the_image() {
    [story(), used()].iter().for_each(|all| in_the_image(all));
}

fn in_the_image(all: &[Record]) {
    for cut in 0..=all.len() {
        let mut whole = Memory::default();
        all[..cut].iter().for_each(|record| whole.apply(record, None));
        let mut read = Memory::from_image(&whole.image()).unwrap();
        for record in &all[cut..] {
            whole.apply(record, None);
            read.apply(record, None);
        }
        assert!(read.image() == whole.image(), "cut after {cut}");
        assert_eq!(format!("{:?}", read.monitors), format!("{:?}", whole.monitors));
    }
}

/// The clock of the PLC goes five before ours.
#[test]
fn what_was_made_before_maintenance_is_in_its_window_by_whatever_clock() {
    let all = [
        plant(&["force"]),
        learned(10, "force", 1),
        made(12, "SN-1"),
        drifts(30, "force", 1),
        made(35, "SN-2"),
        made(44, "SN-3"),
        done(40, &["force"]),
        made(46, "SN-4"),
    ];
    let (query, _dir) = query(&numbered(all.to_vec()));
    let views = query.suspects(None, 9, LAST).unwrap().body;
    assert_eq!(views[0].items, [unit("SN-2"), unit("SN-3")]);
    assert_eq!(views[0].window.interval, Interval { from: Utc(25), to: Some(Utc(45)) });
}
