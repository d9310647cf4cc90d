//! Single questions with answers that can be told in a sentence.
use super::*;
use crate::genealogy::LinkKind;
use crate::genealogy::builders::*;
use crate::model::{
    Alias, Amount, DeviceId, EventTime, Gap, GapCause, GapSource, Interval, MonitorId, MountUse,
    Narrowed, PlantLoaded, Quarantine, QuarantineCause, Rule, Untold, Verdict, VerdictEvent, What,
};
use proptest::prelude::*;

pub(super) fn gap(at: &[&str], from: i64, to: Option<i64>) -> Body {
    Body::Gap(Gap {
        source: GapSource::Device(DeviceId::parse("plc-1").unwrap()),
        interval: interval(from, to),
        cause: GapCause::Disconnected,
        count: None,
        stations: at.iter().map(|name| station(name)).collect(),
        first: None,
    })
}

/// Twenty units through two stations, each stay 8 long with 2 between; one lot in the feeder of
/// OP10, another from unit 10 on; every unit built into a frame of its own at OP20.
fn clean_line() -> Vec<Body> {
    let (mut bodies, mut opened, mut held) = (Vec::new(), 0, lot("A"));
    for n in 0..20_i64 {
        let begin = n * 10;
        if n % 10 == 0 {
            held = lot(if n == 0 { "A" } else { "B" });
            opened = bodies.len() as u64 + 1;
            bodies.push(event(begin, Some("OP10"), mount("F1", &held)));
        }
        let (made, frame) = (unit(&format!("U{n}")), unit(&format!("FRAME{n}")));
        let fed = vec![used("OP10", "F1", opened, &held)];
        bodies.push(event(begin, Some("OP10"), arrive(&made)));
        let arrived = Some(bodies.len() as u64);
        bodies.push(completed(begin + 8, "OP10", &made, (begin, begin + 8), arrived, fed));
        bodies.push(event(begin + 9, None, install(&made, &frame)));
        let stay = (begin + 10, begin + 18);
        bodies.push(completed(begin + 18, "OP20", &frame, stay, None, Vec::new()));
    }
    bodies.into_iter().map(Body::Trace).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn one_injected_gap_flips_exactly_the_answers_that_it_touches(
        at in prop::sample::select(vec!["OP10", "OP20"]), from in -5..215_i64, len in 0..25_i64,
    ) {
        let mut bodies = clean_line();
        let (before, _dir) = query(&numbered(bodies.clone()));
        bodies.push(gap(&[at], from, Some(from + len)));
        let (after, _dir) = query(&numbered(bodies));
        for n in 0..20 {
            let stay = |station: &str, begin: i64| {
                at == station && Interval::overlaps(
                    interval(begin, Some(begin + 8)), interval(from, Some(from + len)),
                )
            };
            let (at_10, at_20) = (stay("OP10", n * 10), stay("OP20", n * 10 + 10));
            let made = unit(&format!("U{n}"));
            let frame = unit(&format!("FRAME{n}"));
            for (key, direction, touched) in [
                (&made, Direction::Backward, at_10),
                (&made, Direction::Forward, at_10 || at_20),
                (&frame, Direction::Backward, at_10 || at_20),
                (&frame, Direction::Forward, at_20),
            ] {
                let (was, is) = (before.trace(key, direction, None), after.trace(key, direction, None));
                let (was, is) = (was.unwrap(), is.unwrap());
                prop_assert!(was.completeness.is_complete());
                prop_assert_eq!(is.completeness.is_complete(), !touched, "{} {:?}", key, direction);
                prop_assert_eq!((was.body.links, was.body.nodes.len()), (is.body.links, is.body.nodes.len()));
            }
            prop_assert_eq!(after.item(&made).unwrap().completeness.is_complete(), !at_10);
        }
    }
}

#[test]
fn a_gap_touches_the_unit_that_stands_at_the_station_and_not_the_one_that_was_there_before() {
    let mut bodies: Vec<Body> = [("A", 0), ("B", 10)]
        .map(|(code, at)| Body::Trace(event(at, Some("OP10"), arrive(&unit(code)))))
        .to_vec();
    bodies.push(gap(&["OP10"], 50, None));
    let (query, _dir) = query(&numbered(bodies));
    let complete = |code| query.item(&unit(code)).unwrap().completeness.is_complete();
    assert_eq!((complete("A"), complete("B")), (true, false));
    let view = query.item(&unit("B")).unwrap().body;
    assert_eq!(view.state, ItemState::InWork(station("OP10")));
    assert_eq!(view.steps[0].stay, Some(interval(10, None)));
    assert_eq!(query.item(&unit("A")).unwrap().body.state, ItemState::Idle);
}

#[test]
fn a_lot_is_shown_for_its_mount_and_amounts_are_read_from_the_event() {
    let made = unit("U");
    let (query, _dir) = query(&traced(vec![
        event(0, Some("OP10"), mount("F1", &lot("A"))),
        event(1, Some("OP10"), consume(&lot("B"), &made)),
        event(2, Some("OP10"), install(&unit("PART"), &made)),
        completed(9, "OP10", &made, (0, 9), None, vec![used("OP10", "F1", 1, &lot("A"))]),
    ]));
    let view = query.item(&made).unwrap().body;
    let shown: Vec<_> = view
        .made_of
        .iter()
        .map(|l| (l.item.clone(), l.kind, l.place.clone(), l.amount.clone(), l.time))
        .collect();
    let some = |place| Some(text(place));
    let amount = Some(Amount { value: 2.5, unit: None });
    assert_eq!(
        shown,
        [
            (lot("B"), LinkKind::ConsumedInto, some("hopper"), amount, Utc(1)),
            (unit("PART"), LinkKind::InstalledIn, some("slot 1"), None, Utc(2)),
            (lot("A"), LinkKind::FedInto, some("F1"), None, Utc(9)),
        ]
    );
    assert!(view.made_of.iter().all(|link| link.station == Some(station("OP10"))));
    let trace = query.trace(&lot("A"), Direction::Forward, None).unwrap().body;
    assert_eq!(trace.nodes.iter().map(|n| n.depth).collect::<Vec<_>>(), [0, 1], "no stop at it");
}

fn candidates(items: &[ItemKey]) -> Resolved {
    let of = |item: &ItemKey| Candidate { item: item.clone(), why: Fit::Code };
    Resolved::Candidates(items.iter().map(of).collect())
}

#[test]
fn what_a_person_types_is_an_item_by_its_form_its_code_or_its_last_alias() {
    let alias = |kind: &str| Alias { kind: text(kind), code: Code::parse("77").unwrap() };
    let identify = |item: &ItemKey, kind| What::Identify {
        item: item.clone(),
        alias: alias(kind),
        real: None,
    };
    let with = |item, kind| Candidate { item, why: Fit::Alias(text(kind)) };
    let mut events = vec![
        event(0, None, arrive(&unit("007"))),
        event(0, None, arrive(&unit("X1"))),
        event(0, Some("OP10"), mount("F1", &lot("X1"))),
        event(1, None, identify(&unit("A"), "carrier")),
        event(9, None, identify(&unit("B"), "carrier")),
        event(5, None, identify(&unit("C"), "carrier")),
    ];
    let (before, _dir) = query(&traced(events.clone()));
    assert_eq!(before.resolve("u/site/007", None).found, Resolved::Item(unit("007")));
    assert_eq!(before.resolve(" 007 ", None).found, Resolved::Item(unit("007")));
    assert_eq!(before.resolve("7", None).found, Resolved::Unknown);
    assert_eq!(before.resolve("u/site/7", None).found, Resolved::Unknown);
    assert_eq!(before.resolve("", None).found, Resolved::Unknown);
    assert_eq!(before.resolve("X1", None).found, candidates(&[unit("X1"), lot("X1")]));
    assert_eq!(
        before.resolve("77", None).found,
        Resolved::Item(unit("B")),
        "the last by event time"
    );
    events.push(event(20, None, correct(5)));
    events.push(event(21, None, identify(&unit("D"), "label")));
    let (after, _dir) = query(&traced(events));
    assert_eq!(
        after.resolve("77", None).found,
        Resolved::Candidates(vec![with(unit("C"), "carrier"), with(unit("D"), "label")])
    );
}

#[test]
fn a_station_shows_what_stands_there_until_a_gap_and_counts_what_still_counts() {
    let mut bodies: Vec<Body> = [
        event(0, Some("OP10"), mount("F1", &lot("A"))),
        event(1, Some("OP10"), mount("F1", &lot("B"))),
        event(1, Some("OP10"), mount("F2", &lot("C"))),
        event(2, Some("OP10"), complete(&unit("U1"), Vec::new())),
        event(3, Some("OP10"), complete(&unit("U2"), Vec::new())),
        event(4, None, correct(5)),
        event(5, Some("OP10"), arrive(&unit("U3"))),
    ]
    .map(Body::Trace)
    .to_vec();
    let unmount = What::Unmount {
        mount: mount_key("OP10", "F2", 3),
        lot: lot("C"),
        used: None,
        untold: None,
    };
    let (query, _dir) = query(&numbered(bodies.clone()));
    let view = query.station(&station("OP10")).unwrap();
    assert_eq!((view.current, view.last), (Some(unit("U3")), Some(unit("U1"))));
    assert_eq!((view.completed, view.last_event), (1, Some(Utc(5))));
    assert_eq!(view.mounts, [(text("F1"), lot("B")), (text("F2"), lot("C"))]);
    bodies.push(Body::Trace(event(6, Some("OP10"), unmount)));
    bodies.push(gap(&["OP10", "OP20"], 7, None));
    let (query, _dir) = super::query(&numbered(bodies.clone()));
    let view = query.station(&station("OP10")).unwrap();
    assert_eq!((view.current, view.gap_open), (None, true));
    assert_eq!(view.mounts, [(text("F1"), lot("B"))]);
    bodies.push(Body::Trace(event(8, Some("OP10"), arrive(&unit("U4")))));
    bodies.push(gap(&["OP10", "OP20"], 7, Some(8)));
    bodies.push(Body::Plant(PlantLoaded {
        hash: crate::model::Digest([7; 32]),
        files: Vec::new(),
        stations: vec![station("OP30"), station("OP10")],
        monitors: Vec::new(),
        measured: Vec::new(),
        context: Vec::new(),
        counted: Vec::new(),
        latched: Vec::new(),
        schedules: Vec::new(),
    }));
    let (query, _dir) = super::query(&numbered(bodies));
    let view = query.station(&station("OP10")).unwrap();
    assert_eq!(
        (view.current, view.gap_open),
        (Some(unit("U4")), false),
        "the end of a gap is none"
    );
    let order: Vec<StationId> = query.stations().into_iter().map(|view| view.id).collect();
    assert_eq!(order, [station("OP30"), station("OP10"), station("OP20")]);
    assert_eq!(query.gaps(9).len(), 1);
    assert_eq!(
        (query.gaps(9)[0].position, query.gaps(9)[0].gap.interval.to),
        (Position(9), Some(Utc(8)))
    );
    assert_eq!(query.station(&station("OP99")), None);
}

#[test]
fn a_recall_names_what_left_inside_others_and_what_cannot_be_told() {
    let units: Vec<ItemKey> = (0..4).map(|n| unit(&format!("U{n}"))).collect();
    let fed = vec![used("OP10", "F1", 1, &lot("A"))];
    let stays = [(40, 48), (12, 20), (32, 38), (0, 4)];
    let mut bodies = vec![Body::Trace(event(30, Some("OP10"), mount("F1", &lot("A"))))];
    for (made, (from, to)) in units.iter().zip(stays) {
        let fed = if from == 40 { fed.clone() } else { Vec::new() };
        bodies.push(Body::Trace(completed(to, "OP10", made, (from, to), None, fed)));
    }
    let ship = What::Ship {
        items: vec![container("PALLET")],
        customer: None,
        document: Some(text("note 5")),
    };
    let more = [
        event(50, None, install(&units[0], &unit("FRAME"))),
        event(51, None, install(&units[1], &unit("OTHER"))),
        event(52, None, pack(&[&unit("FRAME")], &container("BOX"))),
        event(53, None, pack(&[&container("BOX")], &container("PALLET"))),
        event(60, None, ship),
    ];
    bodies.extend(more.map(Body::Trace));
    // The lot was found mounted when the station was seen again: it may be there since time 10.
    bodies.push(gap(&["OP10"], 10, Some(25)));
    bodies.push(gap(&["OP10"], 25, Some(30)));
    let (query, _dir) = query(&numbered(bodies));
    let Answer { completeness, body: recall, .. } = query.recall(&lot("A")).unwrap();
    let suspects: Vec<_> =
        recall.suspect.iter().map(|g| (&g.item, &g.via, &g.state, g.time)).collect();
    assert_eq!(
        suspects,
        [
            (&units[0], &lot("A"), &ItemState::Shipped, Utc(48)),
            (&unit("FRAME"), &units[0], &ItemState::Shipped, Utc(50)),
        ]
    );
    assert_eq!(recall.containers, [container("BOX"), container("PALLET")]);
    let note = Some(text("note 5"));
    assert_eq!(recall.shipped, [(units[0].clone(), note.clone()), (unit("FRAME"), note)]);
    let unknown: Vec<&ItemKey> = recall.unknown.iter().map(|(item, _)| item).collect();
    assert_eq!(unknown, [&unit("OTHER"), &units[1]], "made in the gap, and what contains it");
    assert!(matches!(completeness, Completeness::Incomplete(why) if why.len() == 2));
    assert!(
        query.trace(&unit("FRAME"), Direction::Backward, None).unwrap().completeness.is_complete()
    );
    assert_eq!(query.recall(&lot("Z")), None);
}

#[test]
fn a_unit_with_one_of_two_reels_and_a_feeder_without_a_known_lot_are_said() {
    let both = vec![used("OP10", "F1", 1, &lot("A")), used("OP10", "F1", 2, &lot("B"))];
    let mut events = vec![
        event(0, Some("OP10"), mount("F1", &lot("A"))),
        event(5, Some("OP10"), mount("F1", &lot("B"))),
        completed(6, "OP10", &unit("U"), (4, 6), None, both),
    ];
    let why = |events: &[TraceEvent]| {
        let (query, _dir) = query(&traced(events.to_vec()));
        match query.item(&unit("U")).unwrap().completeness {
            Completeness::Complete => Vec::new(),
            Completeness::Incomplete(why) => why,
        }
    };
    assert_eq!(why(&events), [Incomplete::OneOf { item: unit("U") }]);
    events.push(event(9, None, correct(1)));
    let (station, position) = (station("OP10"), Position(1));
    let loose = Incomplete::Quarantine { station, position };
    assert_eq!(why(&events), [loose, Incomplete::OneOf { item: unit("U") }]);
}

#[test]
fn what_the_counters_of_a_feeder_say_is_told_as_of_each_record() {
    let untold = |used: MountUse| MountUse { untold: Some(Untold::Changed), one_of: true, ..used };
    let both = [used("OP10", "F1", 1, &lot("A")), used("OP10", "F1", 2, &lot("B"))].map(untold);
    let amount = Some(Amount { value: 4.0, unit: None });
    let left = MountUse { amount, counted: true, ..used("OP10", "F1", 2, &lot("B")) };
    let (record, point) = (Position(3), point("F1"));
    let note = What::Note { item: Some(lot("B")), text: text("counted") };
    let mut narrowing = event(9, Some("OP10"), note);
    narrowing.narrowed = vec![Narrowed { record, point, mounts: vec![left] }];
    let events = vec![
        event(0, Some("OP10"), mount("F1", &lot("A"))),
        event(5, Some("OP10"), mount("F1", &lot("B"))),
        completed(6, "OP10", &unit("U"), (4, 6), None, both.to_vec()),
        narrowing,
    ];
    let (query, _dir) = query(&traced(events));
    let told = |as_of| {
        let links = query.item_as_of(&unit("U"), Position(as_of)).unwrap().body.made_of;
        let told = |link: LinkView| (link.item.code.to_string(), link.amount, link.untold);
        links.into_iter().map(told).collect::<Vec<_>>()
    };
    let doubt = |code: &str| (code.to_owned(), None, Some(Untold::Changed));
    assert_eq!(told(3), [doubt("A"), doubt("B")]);
    let four = Some(Amount { value: 4.0, unit: None });
    assert_eq!(told(4), [("B".to_owned(), four.clone(), None)]);
    let trace = query.trace(&lot("B"), Direction::Forward, None).unwrap().body;
    assert_eq!(trace.links[0].amount, four);
    assert_eq!(query.recall(&lot("A")).unwrap().body.suspect, []);
}

/// Two stations that did not ask, and were wrong: what both say is kept, and whoever asks is told, until a correction
/// takes one of it back.
#[test]
fn parts_that_contain_each_other_are_told_of_by_every_answer_about_them() {
    let names = ["A", "B", "C"].map(unit);
    for length in 1..=3 {
        let ring = &names[..length];
        let mut bodies: Vec<Body> =
            vec![Body::Trace(event(0, None, install(&unit("PART"), &unit("A"))))];
        bodies.extend((0..length).zip(9..).map(|(n, at)| {
            Body::Trace(event(at, None, install(&ring[n], &ring[(n + 1) % length])))
        }));
        bodies.push(Body::Trace(event(20, None, install(&ring[length - 1], &unit("FRAME")))));
        let records = (2..).map(Position).take(length).collect();
        let conflict =
            Completeness::Incomplete(vec![Incomplete::Ring { items: ring.to_vec(), records }]);
        let told = |query: &Query| {
            let ways = [("PART", Direction::Forward), ("FRAME", Direction::Backward)];
            let around = ring.iter().flat_map(|item| {
                let way = |way| query.trace(item, way, None).unwrap().completeness;
                let item = query.item(item).unwrap().completeness;
                [item, way(Direction::Forward), way(Direction::Backward)]
            });
            let beyond =
                ways.map(|(of, way)| query.trace(&unit(of), way, None).unwrap().completeness);
            let recall = query.recall(&unit("PART")).unwrap().completeness;
            around.chain(beyond).chain([recall]).collect::<Vec<_>>()
        };
        let (before, _dir) = query(&numbered(bodies.clone()));
        assert!(told(&before).iter().all(|answer| *answer == conflict), "{:?}", told(&before));
        bodies.push(Body::Trace(event(30, None, correct(2))));
        let (after, _dir) = query(&numbered(bodies));
        assert!(told(&after).iter().all(Completeness::is_complete), "{:?}", told(&after));
        let then = after.item_as_of(&unit("A"), Position(2 + length as u64)).unwrap();
        assert_eq!(then.completeness, conflict);
    }
}

#[test]
fn what_was_set_aside_makes_a_stay_incomplete_until_a_correction_deals_with_it() {
    let set_aside = Quarantine {
        station: station("OP10"),
        handshake: None,
        cause: QuarantineCause::NoCurrent,
        time: EventTime { at: Utc(5), uncertainty_ns: 0 },
        raw: Vec::new(),
        phase: None,
        adopted: None,
    };
    let mut bodies = vec![
        Body::Trace(completed(9, "OP10", &unit("U"), (0, 9), None, Vec::new())),
        Body::Quarantine(set_aside),
    ];
    let told = |bodies: &[Body]| {
        let (query, _dir) = query(&numbered(bodies.to_vec()));
        let quarantined = query.station(&station("OP10")).unwrap().quarantined;
        (query.item(&unit("U")).unwrap().completeness, quarantined)
    };
    let why = Incomplete::Quarantine { station: station("OP10"), position: Position(2) };
    assert_eq!(told(&bodies), (Completeness::Incomplete(vec![why.clone()]), 1));
    bodies.push(Body::Trace(event(20, None, correct(2))));
    assert_eq!(told(&bodies), (Completeness::Complete, 0));
    bodies.push(Body::Trace(event(21, None, correct(3))));
    assert_eq!(told(&bodies), (Completeness::Incomplete(vec![why]), 1), "the correction was wrong");
}

#[test]
fn the_gravest_of_a_monitors_rules_is_shown_since_it_says_so() {
    let says = |time, rule, verdict| {
        Body::Verdict(VerdictEvent {
            station: station("OP10"),
            monitor: MonitorId::parse("torque").unwrap(),
            rule,
            verdict,
            side: None,
            statistic: None,
            limit: None,
            time: Utc(time),
            onset: None,
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
    };
    let joins = |time| {
        let Body::Verdict(event) = says(time, Rule::Cusum, Verdict::Drift) else { unreachable!() };
        Body::Verdict(VerdictEvent { joins: Some(Rule::Ewma), ..event })
    };
    let plant = || {
        Body::Plant(PlantLoaded {
            hash: crate::model::Digest([7; 32]),
            files: Vec::new(),
            stations: Vec::new(),
            monitors: vec![(station("OP20"), MonitorId::parse("speed").unwrap())],
            measured: Vec::new(),
            context: Vec::new(),
            counted: Vec::new(),
            latched: Vec::new(),
            schedules: Vec::new(),
        })
    };
    let mut bodies = vec![
        plant(),
        says(1, Rule::Ewma, Verdict::Drift),
        says(2, Rule::Ewma, Verdict::Drift),
        says(3, Rule::Limit, Verdict::InControl),
        joins(4),
    ];
    let (query, _dir) = super::query(&numbered(bodies.clone()));
    let shown: Vec<_> =
        query.conditions().into_iter().map(|c| (c.station, c.rule, c.verdict, c.since)).collect();
    assert_eq!(
        shown,
        [
            (station("OP20"), None, Verdict::NoData, None),
            (station("OP10"), Some(Rule::Ewma), Verdict::Drift, Some(Utc(1))),
        ]
    );
    let rules: Vec<_> = query.conditions().into_iter().map(|c| c.rules).collect();
    assert_eq!(rules, [vec![], vec![Rule::Ewma, Rule::Cusum]]);
    // A plant without the monitor ends what stands against it, as it ends the window.
    bodies.push(plant());
    let (query, _dir) = super::query(&numbered(bodies));
    let [.., gone] = &query.conditions()[..] else { unreachable!() };
    assert_eq!((gone.verdict, gone.rule), (Verdict::NoData, None));
}

#[test]
fn the_items_last_written_about_come_first_and_a_hold_ends_with_its_release() {
    let hold = What::Hold { item: unit("A"), reason: text("crack"), meaning: None };
    let (item, reason) = (unit("A"), text("none found"));
    let release = What::Release { item, reason, meaning: None, of: None };
    let mut events = vec![
        event(0, None, arrive(&unit("A"))),
        event(9, None, arrive(&unit("B"))),
        event(5, None, hold),
        event(6, Some("OP10"), consume(&lot("L"), &unit("C"))),
    ];
    let (before, _dir) = query(&traced(events.clone()));
    let recent = before.recent(ItemClass::Unit, 2);
    assert_eq!(recent, [unit("C"), unit("A")], "by record, not by time");
    assert_eq!(before.recent(ItemClass::Lot, 9), [lot("L")]);
    let holds = |query: &Query| {
        let holds = query.item(&unit("A")).unwrap().body.holds;
        holds.iter().map(|hold| hold.told_of(&unit("A"))).collect::<Vec<_>>()
    };
    assert_eq!(holds(&before), ["crack"]);
    events.push(event(1, None, release));
    let (after, _dir) = query(&traced(events));
    assert!(holds(&after).is_empty(), "whatever its event time");
}

#[test]
fn who_releases_a_unit_releases_the_passage_that_it_was() {
    let (passage, real): (ItemKey, _) = ("u/provisional/OP10.in.0.1".parse().unwrap(), unit("R"));
    let hold = What::Hold { item: passage.clone(), reason: text("look"), meaning: None };
    let alias = Alias { kind: text("serial"), code: real.code.clone() };
    let identify = What::Identify { item: passage, alias, real: Some(real.clone()) };
    let (item, reason) = (real.clone(), text("fine"));
    let release = What::Release { item, reason, meaning: None, of: None };
    let mut events: Vec<TraceEvent> = [hold, identify, install(&real, &unit("W"))]
        .into_iter()
        .map(|what| event(0, Some("OP10"), what))
        .collect();
    let holds = |events: &[TraceEvent]| {
        let (query, _dir) = query(&traced(events.to_vec()));
        [&real, &unit("W")].map(|item| query.item(item).unwrap().body.holds.len())
    };
    assert_eq!(holds(&events), [1, 1]);
    events.push(event(1, None, release));
    assert_eq!(holds(&events), [0, 0]);
}
