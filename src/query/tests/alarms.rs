//! How alarms stand is asked of the read side, with where it is not known, and how many there were.
use super::maintenance::{done, drifts, learned, monitor, plant, says};
use super::*;
use crate::genealogy::builders::*;
use crate::model::{
    AlarmEvent, AlarmStep, DeviceId, Gap, GapCause, GapSource, Interval, PersonKey, Rule,
};
use crate::query::memory::Memory;
use crate::query::{AlarmState, AlarmView};

fn does(time: i64, step: AlarmStep, name: &str) -> Body {
    let until = (step == AlarmStep::Shelve).then_some(Utc(1_000));
    Body::Alarm(AlarmEvent {
        station: station("OP10"),
        monitors: vec![monitor(name)],
        step,
        who: Some(PersonKey::new([7; 32]).token("4711")),
        text: step.needs_text().then(|| text("pump is changed")),
        until,
        one_shot: false,
        time: Utc(time),
    })
}

fn limit(time: i64, name: &str, verdict: Verdict) -> Body {
    says(time, name, Rule::Limit, verdict, 0)
}

fn story() -> Vec<Record> {
    let mut plant = plant(&["force", "torque", "way"]);
    if let Body::Plant(loaded) = &mut plant {
        loaded.latched = vec![(station("OP10"), monitor("way"))];
    }
    numbered(vec![
        plant,
        learned(10, "force", 1),
        drifts(20, "force", 1),
        limit(21, "torque", Verdict::Warning),
        does(22, AlarmStep::Acknowledge, "force"),
        limit(23, "way", Verdict::Warning),
        limit(24, "way", Verdict::InControl),
        does(25, AlarmStep::Shelve, "torque"),
        limit(26, "force", Verdict::Warning),
        does(27, AlarmStep::Acknowledge, "force"),
        does(28, AlarmStep::Confirm, "force"),
        done(30, &[]),
    ])
}

fn rows(query: &Query, state: Option<AlarmState>) -> String {
    let answer = query.alarms(None, state).unwrap();
    let row = |view: AlarmView| {
        let by = |said: &Option<crate::query::AlarmSaid>| said.as_ref().map(|said| said.position.0);
        let rules = &view.rules;
        format!(
            "{} {} active {} first {} {rules:?} raised {:?} acknowledged {:?} confirmed {:?} shelf {:?}",
            view.monitor,
            view.state.as_str(),
            view.active,
            view.first,
            view.raised.as_ref().map(|raised| raised.position.0),
            by(&view.acknowledged_by),
            by(&view.confirmed_by),
            view.shelf.as_ref().map(|shelf| shelf.until.0),
        )
    };
    answer.body.into_iter().map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn alarms_are_told_with_how_they_stand_and_who_has_seen_them() {
    let all = story();
    let (first, _dir) = query(&all[..5]);
    insta::assert_snapshot!(rows(&first, None), @"
    torque unacknowledged-active active true first false [Limit] raised Some(4) acknowledged None confirmed None shelf None
    force acknowledged-active active true first true [Ewma] raised Some(3) acknowledged Some(5) confirmed None shelf None
    ");
    let (later, _dir) = query(&all);
    insta::assert_snapshot!(rows(&later, None), @"
    force acknowledged-active active true first true [Limit] raised Some(9) acknowledged Some(10) confirmed Some(11) shelf None
    way latched active true first false [] raised Some(6) acknowledged None confirmed None shelf None
    torque shelved active true first false [Limit] raised Some(4) acknowledged None confirmed None shelf Some(1000)
    ");
    assert_eq!(rows(&later, Some(AlarmState::Shelved)).lines().count(), 1);
    assert_eq!(rows(&later, Some(AlarmState::Normal)), "");
    let condition = |name| {
        let found = later.conditions().into_iter().find(|view| view.monitor == monitor(name));
        found.unwrap().alarm
    };
    let wanted = [AlarmState::AcknowledgedActive, AlarmState::Shelved, AlarmState::Latched];
    assert_eq!(["force", "torque", "way"].map(condition), wanted);
    let shown = later.condition(&station("OP10"), &monitor("way"), 9).unwrap().body;
    assert_eq!(shown.condition.alarm, AlarmState::Latched);
    assert!(later.alarms(Some(&station("OP99")), None).is_none());
    assert_eq!(later.alarms(Some(&station("OP20")), None).unwrap().body, []);
}

/// What is shelved is a drift like any other to whoever asks what was made meanwhile.
#[test]
fn what_nobody_is_told_of_is_suspect_all_the_same() {
    let bodies = vec![
        plant(&["force"]),
        learned(10, "force", 1),
        does(11, AlarmStep::Shelve, "force"),
        drifts(20, "force", 1),
    ];
    let (query, _dir) = query(&numbered(bodies));
    assert_eq!(query.alarms(None, None).unwrap().body[0].state, AlarmState::Shelved);
    assert_eq!(query.open_suspects(9).len(), 1);
    let load = query.alarm_load(Utc(100)).body;
    assert_eq!((load.day, load.active, load.shelved, load.unacknowledged), (0, 0, 1, 1));
    assert!(!query.told_alarm(Position(4)));
}

#[test]
fn the_load_is_that_of_what_was_told_and_what_is_not_observed_is_said() {
    let (query, _dir) = query(&story());
    let load = query.alarm_load(Utc(100)).body;
    assert_eq!((load.ten_minutes, load.active, load.unacknowledged), (4, 2, 2));
    assert!(query.told_alarm(Position(3)) && !query.told_alarm(Position(7)));
    assert_eq!(query.alarms(None, None).unwrap().completeness, Completeness::Complete);
    let gap = Gap {
        source: GapSource::Device(DeviceId::parse("press").unwrap()),
        stations: vec![station("OP10")],
        interval: Interval { from: Utc(50), to: None },
        cause: GapCause::Disconnected,
        first: None,
        count: None,
    };
    let mut all = story();
    let position = Position(all.len() as u64 + 1);
    all.push(Record { position, body: Body::Gap(gap), ..all[0].clone() });
    let (blind, _dir) = super::query(&all);
    assert_ne!(blind.alarms(None, None).unwrap().completeness, Completeness::Complete);
    assert_ne!(blind.alarm_load(Utc(100)).completeness, Completeness::Complete);
    let elsewhere = blind.alarms(Some(&station("OP20")), None).unwrap();
    assert_eq!(elsewhere.completeness, Completeness::Complete);
}

#[test]
fn what_is_known_of_alarms_is_in_the_image() {
    let all = story();
    for cut in 0..=all.len() {
        let mut whole = Memory::default();
        all[..cut].iter().for_each(|record| whole.apply(record, None));
        let mut read = Memory::from_image(&whole.image()).unwrap();
        for record in &all[cut..] {
            whole.apply(record, None);
            read.apply(record, None);
        }
        assert!(read.image() == whole.image(), "cut after {cut}");
        assert_eq!(format!("{:?}", read.alarms), format!("{:?}", whole.alarms));
    }
}
