//! What operators do with alarms is kept over restarts, and whoever folds the record comes to the same.
use super::floor::Floor;
use super::maintenance::{floor, monitor};
use super::*;
use crate::condition::{AlarmState, Alarms};

const HOUR: u64 = 3_600 * 1_000_000_000;

fn asked(step: AlarmStep, monitors: &[&str]) -> AlarmAsked {
    AlarmAsked {
        step,
        station: StationId::parse("ST10").unwrap(),
        monitors: monitors.iter().map(|name| monitor(name)).collect(),
        text: step.needs_text().then(|| Text::parse("pump is changed").unwrap()),
        seconds: (step == AlarmStep::Shelve).then_some(3_600),
        one_shot: false,
        badge: Text::parse("4711").unwrap(),
    }
}

impl Floor {
    fn alarm(&mut self, step: AlarmStep) -> std::result::Result<Position, Vec<Refusal>> {
        self.command(Command::Alarm(asked(step, &["force"])))
    }

    fn state(&self) -> AlarmState {
        self.engine.alarms.state(&(StationId::parse("ST10").unwrap(), monitor("force")))
    }

    /// One part beyond the limit, or inside.
    fn one(&mut self, beyond: bool) {
        self.parts(1, if beyond { 2_000 } else { 100 });
    }

    fn passes(&mut self, time: u64) {
        self.now += time;
        self.step(&Input::Wake);
    }
}

#[test]
fn an_alarm_is_seen_returns_and_is_new_when_it_comes_again() {
    let mut floor = floor();
    assert_eq!(floor.state(), AlarmState::Normal);
    let told = |floor: &mut Floor, beyond| {
        floor.one(beyond);
        floor.state()
    };
    assert_eq!(told(&mut floor, true), AlarmState::UnacknowledgedActive);
    floor.alarm(AlarmStep::Acknowledge).unwrap();
    assert_eq!(floor.state(), AlarmState::AcknowledgedActive);
    assert_eq!(told(&mut floor, true), AlarmState::AcknowledgedActive, "it is not told again");
    assert_eq!(told(&mut floor, false), AlarmState::Normal);
    floor.alarm(AlarmStep::Confirm).unwrap();
    assert_eq!(told(&mut floor, true), AlarmState::UnacknowledgedActive);
    assert_eq!(told(&mut floor, false), AlarmState::ReturnedUnacknowledged);
    assert_eq!(told(&mut floor, true), AlarmState::UnacknowledgedActive);
    // All that there are, where none is named.
    floor.command(Command::Alarm(asked(AlarmStep::Acknowledge, &[]))).unwrap();
    let Body::Alarm(event) = &floor.records.last().unwrap().body else { panic!("recorded") };
    assert_eq!(
        (&event.monitors[..], event.who),
        (&[monitor("force")][..], Some(persons().token("4711")))
    );
    assert_eq!(told(&mut floor, false), AlarmState::Normal);
}

#[test]
fn what_is_latched_stays_active_until_somebody_has_seen_it() {
    let mut floor = floor();
    floor.plant_of(|plant| plant.stations[0].monitors[0].latch = true);
    floor.one(true);
    floor.one(false);
    assert_eq!(floor.state(), AlarmState::Latched);
    floor.restart(|plant| plant.stations[0].monitors[0].latch = true);
    assert_eq!(floor.state(), AlarmState::Latched);
    floor.alarm(AlarmStep::Acknowledge).unwrap();
    assert_eq!(floor.state(), AlarmState::Normal);
    floor.one(true);
    floor.alarm(AlarmStep::Acknowledge).unwrap();
    floor.one(false);
    assert_eq!(floor.state(), AlarmState::Normal, "it was seen before");
}

#[test]
fn a_restart_neither_tells_an_alarm_again_nor_forgets_who_has_seen_it() {
    let mut floor = floor();
    floor.one(true);
    floor.alarm(AlarmStep::Acknowledge).unwrap();
    let said = |floor: &Floor| {
        let verdicts = floor.records.iter().filter(|r| matches!(r.body, Body::Verdict(_)));
        verdicts.count()
    };
    let before = said(&floor);
    floor.restart(|_| {});
    floor.one(true);
    assert_eq!((floor.state(), said(&floor)), (AlarmState::AcknowledgedActive, before));
    floor.alarm(AlarmStep::OutOfService).unwrap();
    floor.restart(|_| {});
    assert_eq!(floor.state(), AlarmState::OutOfService);
    floor.plant_of(|plant| plant.stations[0].monitors[0].latch = true);
    assert_eq!(floor.state(), AlarmState::OutOfService, "another plant has the monitor still");
    floor.alarm(AlarmStep::InService).unwrap();
    assert_eq!(floor.state(), AlarmState::AcknowledgedActive);
}

#[test]
fn what_is_shelved_for_a_time_is_told_again_when_that_is_over_and_the_record_says_so() {
    let mut floor = floor();
    floor.one(true);
    floor.alarm(AlarmStep::Shelve).unwrap();
    let lapses = |floor: &Floor| {
        let of = |record: &&Record| matches!(&record.body, Body::Alarm(event) if event.step == AlarmStep::Lapse && event.who.is_none());
        floor.records.iter().filter(of).count()
    };
    assert_eq!(floor.state(), AlarmState::Shelved);
    floor.one(false);
    floor.one(true);
    assert_eq!(floor.state(), AlarmState::Shelved, "it is recorded, and not told");
    let wake = floor.engine.next_wake().unwrap();
    assert_eq!(wake.1, "shelf");
    assert!((HOUR / 2..=HOUR).contains(&(wake.0.0 - floor.now)), "{wake:?}");
    floor.passes(HOUR / 2);
    assert_eq!((floor.state(), lapses(&floor)), (AlarmState::Shelved, 0));
    floor.restart(|_| {});
    assert_eq!(floor.state(), AlarmState::Shelved);
    assert_eq!(floor.engine.next_wake().unwrap().1, "shelf", "the restart does not forget the end");
    floor.passes(HOUR / 2);
    assert_eq!((floor.state(), lapses(&floor)), (AlarmState::UnacknowledgedActive, 1));
    assert!(floor.engine.next_wake().is_none_or(|(_, what)| what != "shelf"));
    // What was over while nobody looked is over with the next start.
    floor.alarm(AlarmStep::Shelve).unwrap();
    floor.now += 2 * HOUR;
    floor.restart(|_| {});
    assert_eq!((floor.state(), lapses(&floor)), (AlarmState::UnacknowledgedActive, 2));
    // Until it returns to normal, and no longer.
    let once = AlarmAsked { one_shot: true, seconds: None, ..asked(AlarmStep::Shelve, &["force"]) };
    floor.command(Command::Alarm(once)).unwrap();
    assert_eq!(floor.state(), AlarmState::Shelved);
    floor.one(false);
    assert_eq!(floor.state(), AlarmState::ReturnedUnacknowledged);
}

#[test]
fn maintenance_ends_a_drift_and_says_nothing_of_who_has_seen_its_alarm() {
    let mut floor = floor();
    floor.parts(40, 100);
    floor.parts(40, 200);
    assert_eq!(floor.state(), AlarmState::UnacknowledgedActive);
    floor.done();
    assert_eq!(floor.state(), AlarmState::ReturnedUnacknowledged);
    floor.alarm(AlarmStep::Acknowledge).unwrap();
    assert_eq!(floor.state(), AlarmState::Normal);
}

#[test]
fn all_that_speaks_against_what_is_asked_is_told_at_once() {
    let mut floor = floor();
    let refused = |floor: &mut Floor, asked: AlarmAsked| {
        let refused = floor.command(Command::Alarm(asked)).unwrap_err();
        refused.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let bare =
        AlarmAsked { text: None, seconds: None, ..asked(AlarmStep::Shelve, &["forc", "red"]) };
    let told = [
        refused(&mut floor, bare.clone()),
        refused(&mut floor, AlarmAsked { text: None, ..asked(AlarmStep::OutOfService, &[]) }),
        refused(
            &mut floor,
            AlarmAsked { seconds: Some(90_000), ..asked(AlarmStep::Shelve, &["force"]) },
        ),
        refused(&mut floor, asked(AlarmStep::Acknowledge, &["force", "red"])),
        refused(&mut floor, asked(AlarmStep::Unshelve, &[])),
        refused(&mut floor, asked(AlarmStep::Lapse, &["force"])),
        refused(&mut floor, AlarmAsked { station: StationId::parse("ST99").unwrap(), ..bare }),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    to shelve an alarm needs a text: say why
    for how long is it to be shelved? Say a time, or that it is until it returns to normal
    station `ST10` has no monitor `forc`; did you mean `force`? (monitors: force, red)
    to take out of service an alarm needs a text: say why
    there is no alarm at station `ST10` to take out of service; `pedigree condition alarms` shows how they stand
    90000 s is no time to shelve an alarm: from 1 s to 86400 s, and what needs longer is taken out of service
    the alarm of `force` at station `ST10` is normal: there is nothing to acknowledge
    the alarm of `red` at station `ST10` is normal: there is nothing to acknowledge
    there is no alarm at station `ST10` to take off the shelf; `pedigree condition alarms` shows how they stand
    the alarm of `force` at station `ST10` is normal: there is nothing to let lapse
    there is no station `ST99` in the plant
    ");
    let recorded = floor.records.iter().any(|record| matches!(record.body, Body::Alarm(_)));
    assert!(!recorded, "nothing of it is done");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// Whatever comes in whatever order: what is folded from the record is what ran, in the engine and by itself.
    #[test]
    fn a_fold_of_the_record_is_what_ran_whatever_operators_do(
        actions in proptest::collection::vec((0..14_u8, any::<bool>()), 1..20),
    ) {
        let mut floor = floor();
        let steps = [
            AlarmStep::Acknowledge,
            AlarmStep::Confirm,
            AlarmStep::Comment,
            AlarmStep::Shelve,
            AlarmStep::Unshelve,
            AlarmStep::OutOfService,
            AlarmStep::InService,
        ];
        for (action, which) in actions {
            match action {
                0 => floor.restart(|_| {}),
                1 => floor.plant_of(|plant| plant.stations[0].monitors[0].latch = which),
                2 => floor.plant_of(|plant| plant.stations[0].monitors.clear()),
                3 => drop(floor.done()),
                4 => floor.passes(if which { HOUR } else { HOUR / 3 }),
                5 => floor.parts(40, if which { 100 } else { 200 }),
                6 => floor.one(which),
                n => {
                    let names: &[&str] = if which { &["force"] } else { &[] };
                    let asked = asked(steps[usize::from(n) - 7], names);
                    let one_shot = floor.now.is_multiple_of(2);
                    drop(floor.command(Command::Alarm(AlarmAsked { one_shot, ..asked })));
                }
            }
            let mut alarms = Alarms::default();
            for record in &floor.records {
                alarms.take(record);
            }
            prop_assert_eq!(&alarms, &floor.engine.alarms);
            prop_assert_eq!(folded(&floor.records).image(), floor.engine.image());
        }
        let over = floor.engine.alarms.lapsed(Utc(i64::try_from(floor.now).unwrap()));
        prop_assert!(over.is_empty(), "nothing is on the shelf for too long: {:?}", over);
    }
}
