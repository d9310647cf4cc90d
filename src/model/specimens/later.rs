//! What came to the first version later, each with a fixture of its own.
use super::{VERBS, at, person, point, records, station, tag, text, told, unit, utc, what};
use crate::model::{
    AlarmAsked, AlarmEvent, AlarmStep, Body, Code, Command, HandshakeId, ItemClass, ItemKey,
    KeptWord, MaintenanceEvent, MaintenanceStep, MonitorId, PartBy, PlantLoaded, Position, Record,
    Rule, Schedule, Scope, ScopeName, Ucum, Usage, Verb, Verdict, VerdictEvent,
};
use proptest::prelude::*;

/// Verbs that came later, in the order of their numbers.
const STORED: [Verb; 3] = [Verb::Open, Verb::Close, Verb::Dry];

/// A plant whose attributes come from a measurement, from a further word and from a feeder.
pub(crate) fn kept() -> Vec<Record> {
    let plant = records().swap_remove(0);
    let Body::Plant(loaded) = plant.body else { panic!("the first is a plant") };
    let done = HandshakeId::parse("done").unwrap();
    let tags = ["OP10", "OP20"].map(|at| (station(at), done.clone(), tag("out"))).to_vec();
    let counted = vec![(station("OP10"), point("F1"))];
    let context = vec![KeptWord { name: tag("minutes"), tags }];
    let measured = vec![tag("dose")];
    let body = Body::Plant(PlantLoaded { measured, context, counted, ..loaded });
    vec![Record { body, ..plant }]
}

/// What the floor life of a lot is counted by: a record of each.
pub(crate) fn stored() -> Vec<Record> {
    let of = |(number, verb)| {
        let body = Body::Trace(told(what(verb), number));
        Record { position: Position(number), at: at(number), body, plant: None }
    };
    (1..).zip(STORED).map(of).collect()
}

/// What is said of maintenance: with everything, and with nothing that need not be.
pub(crate) fn maintained() -> Vec<Record> {
    let event = |step, monitors, item| MaintenanceEvent {
        station: station("OP10"),
        monitors,
        step,
        who: person(),
        text: text("punch changed"),
        item,
        time: utc(11),
    };
    let torque = vec![MonitorId::parse("torque").unwrap()];
    let all = [
        event(MaintenanceStep::Acknowledge, Vec::new(), None),
        event(MaintenanceStep::Done, torque, Some(unit("PUNCH-7"))),
    ];
    let of = |(number, event)| {
        let body = Body::Maintenance(event);
        Record { position: Position(number), at: at(number), body, plant: None }
    };
    (1..).zip(all).map(of).collect()
}

/// A plant with what is maintained by use, and what is said when it is due.
pub(crate) fn used() -> Vec<Record> {
    let [plant, .., verdict] = &mut records()[..] else { panic!("there is more than a plant") };
    let Body::Plant(loaded) = &mut plant.body else { panic!("the first is a plant") };
    let id = |name| MonitorId::parse(name).unwrap();
    let parts = |by| Usage::Parts { every: 10_000, by };
    let hours = Usage::Hours { every_ns: 720_000_000_000_000, idle_ns: 600_000_000_000 };
    let all = [
        ("punch", parts(PartBy::Made)),
        ("lens", parts(PartBy::Inspected)),
        ("belt", parts(PartBy::Admitted)),
        ("seal", hours),
    ];
    let of = |(name, every)| (station("OP10"), Schedule { id: id(name), every });
    loaded.schedules = all.map(of).to_vec();
    verdict.position = plant.position.next();
    verdict.body = Body::Verdict(VerdictEvent {
        station: station("OP10"),
        monitor: id("punch"),
        rule: Rule::Usage,
        verdict: Verdict::Warning,
        side: None,
        statistic: Some(10_000.0),
        limit: Some(10_000.0),
        time: utc(12),
        onset: None,
        baseline: None,
        item: None,
        unit: Ucum::parse("{part}").ok(),
        over: None,
        joins: None,
        test: None,
        quality: None,
        product: None,
        recipe: None,
        contributors: Vec::new(),
        reaches: None,
    });
    vec![plant.clone(), verdict.clone()]
}

/// The commands that they are made of.
pub(crate) fn maintenance_commands() -> Vec<Command> {
    let command = |record: Record| {
        let Body::Maintenance(event) = record.body else { panic!("maintenance is") };
        let MaintenanceEvent { station, monitors, step, text: what, item, .. } = event;
        Command::Maintenance { step, station, monitors, text: what, item, badge: text("4711") }
    };
    maintained().into_iter().map(command).collect()
}

/// What is done with alarms: everything, with all that can be said, and what is over by itself. A plant has one that is latched.
pub(crate) fn alarmed() -> Vec<Record> {
    let torque = MonitorId::parse("torque").unwrap();
    let steps = [
        AlarmStep::Acknowledge,
        AlarmStep::Confirm,
        AlarmStep::Comment,
        AlarmStep::Shelve,
        AlarmStep::Unshelve,
        AlarmStep::OutOfService,
        AlarmStep::InService,
        AlarmStep::Lapse,
    ];
    let event = |step: AlarmStep| {
        let is_shelf = step == AlarmStep::Shelve;
        Body::Alarm(AlarmEvent {
            station: station("OP10"),
            monitors: vec![torque.clone()],
            step,
            who: (step != AlarmStep::Lapse).then(person),
            text: step.needs_text().then(|| text("pump is changed")),
            until: is_shelf.then(|| utc(99)),
            one_shot: is_shelf,
            time: utc(11),
        })
    };
    let plant = records().swap_remove(0);
    let Body::Plant(loaded) = plant.body else { panic!("the first is a plant") };
    let latched = vec![(station("OP10"), torque.clone())];
    let plant = Body::Plant(PlantLoaded { latched, ..loaded });
    let of =
        |(number, body)| Record { position: Position(number), at: at(number), body, plant: None };
    (1..).zip([plant].into_iter().chain(steps.map(event))).map(of).collect()
}

/// The commands that they are made of: with everything, and with nothing that need not be.
pub(crate) fn alarm_commands() -> Vec<Command> {
    let station = station("OP10");
    let monitors = vec![MonitorId::parse("torque").unwrap()];
    let bare = AlarmAsked {
        step: AlarmStep::Acknowledge,
        station,
        monitors: Vec::new(),
        text: None,
        seconds: None,
        one_shot: false,
        badge: text("4711"),
    };
    let full = AlarmAsked {
        step: AlarmStep::Shelve,
        monitors,
        text: Some(text("pump is changed")),
        seconds: Some(3_600),
        one_shot: true,
        ..bare.clone()
    };
    vec![Command::Alarm(bare), Command::Alarm(full)]
}

#[test]
fn there_is_an_event_of_every_verb() {
    let all = serde_json::to_value(schemars::schema_for!(Verb)).unwrap();
    let verbs: Vec<Verb> = VERBS.into_iter().chain(STORED).collect();
    let words: Vec<&str> = verbs.iter().map(|verb| verb.as_str()).collect();
    assert_eq!(all["enum"], serde_json::Value::from(words));
    assert!(verbs.iter().all(|verb| what(*verb).verb() == *verb));
}

/// An item of any class and scope, with any code.
pub(crate) fn any_item() -> impl Strategy<Value = ItemKey> {
    let name = || "[^\\p{C}]{1,12}".prop_map(|text| ScopeName::parse(&text).unwrap());
    let scope = prop_oneof![
        Just(Scope::Site),
        Just(Scope::Provisional),
        proptest::option::of(name()).prop_map(Scope::Gs1),
        name().prop_map(Scope::Product),
        name().prop_map(Scope::Material),
        name().prop_map(Scope::Supplier),
    ];
    let class = prop::sample::select(vec![ItemClass::Unit, ItemClass::Lot, ItemClass::Container]);
    let code = "[^\\p{C}]{1,30}".prop_map(|text| Code::parse(&text).unwrap());
    (class, scope, code).prop_map(|(class, scope, code)| ItemKey { class, scope, code })
}
