//! Conditions in full, their charts and capabilities, against a search of all records.
use super::answers::gap;
use super::*;
use crate::genealogy::builders::*;
use crate::model::plant::{DeviceIndex, Limits, Monitor, SignalRules, Tag, TagIndex, TagSource};
use crate::model::plant::{Plant, Watched, Word};
use crate::model::{
    Baseline, Digest, Epoch, HandshakeId, HandshakeKey, HandshakeMark, HandshakeNumber, Interval,
    ItemKey, Measurement, MonitorId, Onset, Permit, PlantLoaded, Purpose, Quality, Rule, TagName,
    Ucum, Value, Verdict, VerdictEvent, What,
};
use crate::query::{Before, ChartAsked, ChartView};
use proptest::prelude::*;

const ALL: Interval = Interval { from: Utc(i64::MIN), to: None };

fn name(text: &str) -> TagName {
    TagName::parse(text).unwrap()
}

fn force() -> MonitorId {
    MonitorId::parse("result.force").unwrap()
}

fn handshake(text: &str) -> HandshakeId {
    HandshakeId::parse(text).unwrap()
}

/// OP10 measures the force of each part, and has a tag that is watched.
fn plant() -> Plant {
    let tag = Tag {
        name: name("Oil"),
        device: DeviceIndex(0),
        source: TagSource::Field("Oil".to_owned()),
        fast: false,
        watched: true,
        every_change: false,
        publish: None,
        writable: false,
        unit: None,
        range: None,
        change: None,
        bad: Vec::new(),
        names: BTreeMap::new(),
    };
    let monitor = |id: &str, of, limits| Monitor {
        id: MonitorId::parse(id).unwrap(),
        of,
        unit: None,
        limits,
        drift: None,
        signal: SignalRules::default(),
        latch: false,
    };
    let limits = Limits { low: Some(40.0), deadband: 1.0, ..Limits::default() };
    let measured = Watched::Measurement(handshake("result"), name("force"));
    let mut plant = crate::genealogy::builders::plant(&[("OP10", &[])]);
    plant.tags = vec![tag];
    plant.stations[0].monitors = vec![
        monitor("result.force", measured, Some(limits)),
        monitor("oil", Watched::Tag(Word { tag: TagIndex(0), bit: None }), None),
    ];
    plant
}

/// The plant on record, with a monitor that it has no more beside its own.
fn loaded() -> Body {
    let monitor = |id: &str| (station("OP10"), MonitorId::parse(id).unwrap());
    Body::Plant(PlantLoaded {
        hash: Digest([7; 32]),
        files: Vec::new(),
        stations: vec![station("OP10")],
        monitors: ["result.force", "oil", "gone"].map(monitor).to_vec(),
        measured: Vec::new(),
        context: Vec::new(),
        counted: Vec::new(),
        latched: Vec::new(),
        schedules: Vec::new(),
    })
}

fn measured(time: i64, code: &str, by: &str, value: Value, quality: Quality) -> TraceEvent {
    let unit = Ucum::parse("kN").ok();
    let (low, high) = (Some(40.0), Some(60.0));
    let force = Measurement { name: name("force"), value, quality, unit, low, high };
    let What::Complete { item, result, mounts, phase, order_row, .. } =
        complete(&crate::genealogy::builders::unit(code), Vec::new())
    else {
        panic!("it is a completion")
    };
    let what = What::Complete { item, result, measurements: vec![force], mounts, phase, order_row };
    let key = HandshakeKey {
        station: station("OP10"),
        handshake: handshake(by),
        epoch: Epoch(1),
        number: HandshakeNumber(u64::try_from(time).unwrap()),
    };
    let mark = HandshakeMark {
        key,
        digest: Digest([7; 32]),
        permit: Permit::Ok,
        reason: None,
        grounds: None,
        result: None,
        partial: None,
        recipe: None,
    };
    TraceEvent { handshake: Some(mark), ..event(time, Some("OP10"), what) }
}

fn good(time: i64, code: &str, value: f64) -> Body {
    Body::Trace(measured(time, code, "result", Value::Real(value), Quality::GOOD))
}

fn says(time: i64, rule: Rule, verdict: Verdict, version: u32) -> VerdictEvent {
    let at = Utc(time);
    let onset = Onset { estimate: Utc(time - 3), earliest: Some(Utc(time - 5)), latest: at };
    VerdictEvent {
        station: station("OP10"),
        monitor: force(),
        rule,
        verdict,
        side: None,
        statistic: Some(49.0),
        limit: Some(49.5),
        time: at,
        onset: (verdict == Verdict::Drift).then_some(onset),
        baseline: Some(Baseline {
            centre_line: 50.0,
            sigma: 0.5,
            phi: 0.0,
            n: 50,
            version,
            spread: None,
            group: None,
        }),
        item: None,
        unit: Ucum::parse("kN").ok(),
        over: None,
        joins: None,
        test: None,
        quality: None,
        product: None,
        recipe: None,
        reaches: None,
        contributors: Vec::new(),
    }
}

fn known(records: &[Record]) -> (Query, tempfile::TempDir) {
    let (query, dir) = query(records);
    query.put_in_force(Arc::new(plant()));
    (query, dir)
}

#[test]
fn a_condition_has_the_windows_and_serials_of_suspects_and_all_that_was_said() {
    let oil = VerdictEvent {
        monitor: MonitorId::parse("oil").unwrap(),
        ..says(33, Rule::Ewma, Verdict::Drift, 1)
    };
    let (query, _dir) = known(&numbered(vec![
        loaded(),
        good(5, "BEFORE", 50.0),
        Body::Verdict(says(10, Rule::Ewma, Verdict::InControl, 1)),
        good(17, "FIRST", 49.0),
        good(20, "SECOND", 48.0),
        Body::Verdict(says(20, Rule::Ewma, Verdict::Drift, 1)),
        Body::Verdict(says(30, Rule::Ewma, Verdict::InControl, 2)),
        good(31, "AFTER", 47.0),
        Body::Verdict(oil),
    ]));
    let shown = |items_max| {
        let answer = query.condition(&station("OP10"), &force(), items_max).unwrap();
        assert!(answer.completeness.is_complete() && answer.position == Position(9));
        answer.body
    };
    let all = query.suspects(Some(&station("OP10")), 100, Position(u64::MAX)).unwrap().body;
    assert_eq!(all.len(), 2, "the oil has one too");
    let body = shown(100);
    let its: Vec<_> = all.into_iter().filter(|view| view.window.monitor == force()).collect();
    assert_eq!(body.suspects, its);
    let codes: Vec<_> = its[0].items.iter().map(|item| item.code.to_string()).collect();
    assert_eq!(codes, ["FIRST", "SECOND"]);
    assert_eq!((shown(1).suspects[0].items.len(), shown(1).suspects[0].left_out), (1, 1));
    assert_eq!(body.condition, query.conditions()[0]);
    let said: Vec<_> = body.verdicts.iter().map(|v| (v.position.0, v.event.verdict)).collect();
    let (well, drift) = (Verdict::InControl, Verdict::Drift);
    assert_eq!(said, [(7, well), (6, drift), (3, well)]);
    assert_eq!(body.verdicts[1].text, "result.force at OP10 has drifted");
    let baselines: Vec<_> = body.baselines.iter().map(|b| (b.baseline.version, b.since)).collect();
    assert_eq!(baselines, [(2, Utc(30)), (1, Utc(10))]);
    let watches = body.watches.unwrap();
    assert_eq!(watches.measurement.as_deref(), Some("result.force"));
    assert_eq!((watches.low, watches.high, watches.deadband), (Some(40.0), None, Some(1.0)));
    let quiet = MonitorId::parse("quiet").unwrap();
    assert_eq!(query.condition(&station("OP10"), &quiet, 9), None);
}

#[test]
fn of_very_many_verdicts_the_last_are_told_and_the_others_counted() {
    let mut bodies = vec![loaded()];
    let verdicts = [Verdict::Warning, Verdict::InControl];
    let told = (0..250).map(|n: i64| says(n, Rule::Limit, verdicts[usize::from(n % 2 == 0)], 1));
    bodies.extend(told.map(Body::Verdict));
    let (query, _dir) = known(&numbered(bodies));
    let body = query.condition(&station("OP10"), &force(), 1).unwrap().body;
    assert_eq!((body.verdicts.len(), body.verdicts_left_out), (100, 150));
    assert_eq!(body.verdicts[0].position, Position(251));
    let asked = asked(ALL, None, 10);
    let chart = query.chart(&asked).unwrap().body;
    assert_eq!((chart.verdicts.len(), chart.verdicts_left_out), (100, 150));
    assert_eq!(chart.verdicts[99].position, Position(251), "in the order of the record");
}

fn asked(within: Interval, before: Option<Before>, values_max: usize) -> ChartAsked {
    ChartAsked { station: station("OP10"), monitor: force(), within, before, values_max }
}

#[test]
fn a_chart_has_what_was_held_against_what_in_its_time_and_says_what_was_not_seen() {
    let (query, _dir) = known(&numbered(vec![
        loaded(),
        good(5, "U1", 50.0),
        Body::Verdict(says(6, Rule::Ewma, Verdict::InControl, 1)),
        gap(&["OP10"], 7, Some(9)),
        good(20, "U2", 48.0),
        Body::Verdict(says(20, Rule::Ewma, Verdict::Drift, 1)),
        Body::Verdict(says(30, Rule::Ewma, Verdict::InControl, 2)),
        good(31, "U3", 47.0),
    ]));
    let of = |from, to: Option<i64>, values_max| {
        let within = Interval { from: Utc(from), to: to.map(Utc) };
        query.chart(&asked(within, None, values_max)).unwrap()
    };
    let versions =
        |chart: &ChartView| chart.baselines.iter().map(|b| b.baseline.version).collect::<Vec<_>>();
    let whole = of(0, None, 100);
    assert!(!whole.completeness.is_complete(), "a gap lies in it");
    assert_eq!((versions(&whole.body), whole.body.windows.len()), (vec![1, 2], 1));
    assert_eq!(whole.body.verdicts[1].event.onset.unwrap().estimate, Utc(17));
    let late = of(25, Some(30), 100);
    assert!(late.completeness.is_complete());
    assert_eq!((late.body.values.len(), versions(&late.body)), (0, vec![1]));
    assert_eq!((late.body.verdicts.len(), late.body.windows.len()), (0, 1));
    // Two values: what lies before them is not in the answer, and so the gap is not.
    let last = of(0, None, 2);
    assert!(last.completeness.is_complete() && last.body.truncated);
    assert_eq!(last.body.interval.from, Utc(20));
    let before = of(0, Some(5), 100).body;
    assert_eq!((versions(&before), before.verdicts.len()), (vec![], 0));
}

#[test]
fn of_what_was_not_measured_of_items_there_are_no_values_and_it_says_why() {
    let (query, _dir) = query(&numbered(vec![loaded()]));
    let why = |monitor: &str| {
        let monitor = MonitorId::parse(monitor).unwrap();
        let chart = query.chart(&ChartAsked { monitor: monitor.clone(), ..asked(ALL, None, 1) });
        let fit = query.capability((&station("OP10"), &monitor), (ALL, None), 1).unwrap().body;
        let (chart, fit) = (chart.unwrap().body.no_values, fit.no_values);
        assert_eq!(chart, fit);
        chart.unwrap_or_default()
    };
    assert!(why("result.force").contains("no plant is in force yet"));
    query.put_in_force(Arc::new(plant()));
    assert_eq!(why("result.force"), "");
    assert!(why("oil").contains("whose values are on the tape"), "{}", why("oil"));
    assert!(why("gone").contains("no such monitor"), "{}", why("gone"));
}

/// What a station told: when, of which item, what kind of thing.
fn told() -> impl Strategy<Value = Vec<(i64, u8, u8)>> {
    prop::collection::vec((0..30_i64, 0..12_u8, 0..10_u8), 0..60)
}

fn record_of(n: usize, (time, item, kind): (i64, u8, u8)) -> Body {
    let code = format!("U{item}");
    let number = Value::Real(f64::from(u32::try_from(n).unwrap()));
    let mut event = measured(time, &code, "result", number, Quality::GOOD);
    match kind {
        0 => event = measured(time, &code, "other", Value::Real(1.0), Quality::GOOD),
        1 => event.purpose = Purpose::Master,
        2 => event = measured(time, &code, "result", Value::Real(f64::NAN), Quality::GOOD),
        3 => event = measured(time, &code, "result", Value::Real(2.0), Quality::BAD_RANGE),
        4 => event.station = Some(station("OP20")),
        5 => return Body::Trace(crate::genealogy::builders::event(time, None, correct(n as u64))),
        _ => {}
    }
    Body::Trace(event)
}

proptest! {
    /// Whatever came in which order, page by page it is what a search of all records finds.
    #[test]
    fn a_chart_pages_through_all_values_in_the_order_of_time(
        told in told(),
        page in 1..7_usize,
        (from, len) in (0..20_i64, 1..40_i64),
    ) {
        let bodies = told.iter().enumerate().map(|(n, told)| record_of(n + 1, *told));
        let records = numbered(std::iter::once(loaded()).chain(bodies).collect());
        let (query, _dir) = known(&records);
        let within = Interval { from: Utc(from), to: Some(Utc(from + len)) };
        let void: BTreeSet<Position> = {
            let memory = query.inner.memory.read();
            let void = memory.now().void().clone();
            records.iter().map(|record| record.position).filter(|p| void.contains(p)).collect()
        };
        let mut wanted: Vec<(Utc, Position, ItemKey, Option<f64>)> = Vec::new();
        for record in &records {
            let Body::Trace(event) = &record.body else { continue };
            let by = event.handshake.as_ref().map(|mark| mark.key.handshake.as_str());
            let is_its = by == Some("result") && event.station == Some(station("OP10"));
            let counts = event.purpose == Purpose::Production && !void.contains(&record.position);
            let What::Complete { item, measurements, .. } = &event.what else { continue };
            if is_its && counts && within.contains(event.time.at) {
                let value = measurements[0].value.number().filter(|x| x.is_finite());
                let value = value.filter(|_| measurements[0].quality.is_good());
                wanted.push((event.time.at, record.position, item.clone(), value));
            }
        }
        wanted.sort_by_key(|(time, position, ..)| (*time, *position));
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let chart = query.chart(&asked(within, before, page)).unwrap().body;
            prop_assert_eq!(chart.truncated, chart.before.is_some());
            prop_assert!(chart.values.len() <= page);
            let values = chart.values.into_iter().map(|v| (v.time, v.position, v.item, v.value));
            found.splice(0..0, values);
            before = chart.before.map(|before| before.to_string().parse().unwrap());
            if before.is_none() {
                break;
            }
        }
        prop_assert_eq!(found, wanted);
    }
}

#[test]
fn a_capability_is_of_each_product_and_says_what_it_does_not_count() {
    let made = |n: i64, product: &str, value: f64, high: f64| {
        let Body::Trace(mut event) = good(n, &format!("{product}{n}"), value) else { panic!() };
        event.product = Some(text(product));
        let What::Complete { measurements, .. } = &mut event.what else { panic!() };
        measurements[0].high = Some(high);
        Body::Trace(event)
    };
    let mut bodies = vec![loaded()];
    for n in 0..60 {
        let value = 50.0 + [-1.0, 0.0, 1.0][usize::try_from(n % 3).unwrap()];
        bodies.push(made(2 * n, "pump", value, if n < 10 { 70.0 } else { 60.0 }));
        if n < 5 {
            bodies.push(made(2 * n + 1, "valve", 55.0 + value / 100.0, 60.0));
        }
    }
    let bad = measured(200, "BAD", "result", Value::Real(1e9), Quality::BAD_RANGE);
    bodies.push(Body::Trace(TraceEvent { product: Some(text("pump")), ..bad }));
    bodies.push(Body::Verdict(says(201, Rule::Ewma, Verdict::Drift, 1)));
    let (query, _dir) = known(&numbered(bodies));
    let of = |values_max| {
        query.capability((&station("OP10"), &force()), (ALL, None), values_max).unwrap().body
    };
    let whole = of(1_000);
    let [pump, valve] = &whole.rows[..] else { panic!("{:?}", whole.rows) };
    assert_eq!(
        (pump.product.clone(), valve.product.clone()),
        (Some(text("pump")), Some(text("valve")))
    );
    assert_eq!((pump.capability.n, pump.capability.left_out, valve.capability.n), (60, 1, 5));
    assert_eq!((pump.low, pump.high), (Some(40.0), Some(60.0)));
    let total = pump.capability.sigma_total.unwrap();
    let wanted = 20.0 / (6.0 * total);
    assert!((pump.capability.pp.value.unwrap() - wanted).abs() < 1e-9);
    assert!(pump.capability.ppk.lower < pump.capability.ppk.value);
    let warned = pump.capability.warnings.join("; ");
    assert!(warned.starts_with("10 of the values were measured under other"), "{warned}");
    assert!(warned.ends_with("has drifted") && !warned.contains("few"), "{warned}");
    assert!(valve.capability.warnings[0].starts_with("5 values are few"));
    let last = of(20);
    assert_eq!((last.rows.len(), last.rows[0].capability.n, last.truncated), (1, 19, true));
}
