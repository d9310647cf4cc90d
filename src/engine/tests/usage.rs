//! What is maintained by use is asked for once, by record; what is folded of it is what ran.
use super::floor::Floor;
use super::maintenance::{command, monitor, watched};
use super::*;
use crate::model::plant::Limits;
use crate::model::{PartBy, Schedule, Usage};

/// A punch that is due after so many parts, and a seal that is after so long at work.
fn used(plant: &mut Plant, parts: u64) {
    let second = 1_000_000_000;
    plant.stations[0].schedules = vec![
        Schedule { id: monitor("punch"), every: Usage::Parts { every: parts, by: PartBy::Made } },
        Schedule {
            id: monitor("seal"),
            every: Usage::Hours { every_ns: second, idle_ns: second / 10 },
        },
    ];
}

fn floor(parts: u64) -> Floor {
    let mut floor = Floor::new(watched, Pattern::Counter);
    floor.plant_of(|plant| used(plant, parts));
    floor
}

/// What was said of a name by a rule, with the statistic.
fn said(floor: &Floor, id: &str, rule: Rule) -> Vec<(Verdict, Option<f64>)> {
    let of = |record: &Record| {
        let Body::Verdict(event) = &record.body else { return None };
        let is_it = event.monitor.as_str() == id && event.rule == rule;
        is_it.then_some((event.verdict, event.statistic))
    };
    floor.records.iter().filter_map(of).collect()
}

fn punch(floor: &Floor) -> Vec<(Verdict, Option<f64>)> {
    said(floor, "punch", Rule::Usage)
}

const WELL: Verdict = Verdict::InControl;
const DUE: Verdict = Verdict::Warning;

#[test]
fn what_is_due_after_so_many_parts_is_asked_for_once_until_it_is_done() {
    let mut floor = floor(10);
    assert_eq!(punch(&floor), [(WELL, Some(0.0))]);
    floor.parts(9, 100);
    assert_eq!(punch(&floor).len(), 1);
    let nothing = floor.command(command(MaintenanceStep::Acknowledge, "ST10", &["punch"]));
    assert!(matches!(&nothing.unwrap_err()[..], [Refusal::NothingToAcknowledge(_)]));
    floor.parts(1, 100);
    assert_eq!(punch(&floor), [(WELL, Some(0.0)), (DUE, Some(10.0))]);
    floor.parts(5, 100);
    floor.restart(|plant| used(plant, 10));
    floor.parts(5, 100);
    assert_eq!(punch(&floor).len(), 2, "it is asked for once");
    floor.command(command(MaintenanceStep::Acknowledge, "ST10", &["punch"])).unwrap();
    floor.command(command(MaintenanceStep::Done, "ST10", &["punch"])).unwrap();
    floor.parts(9, 100);
    floor.restart(|plant| used(plant, 10));
    assert_eq!(punch(&floor)[2..], [(WELL, Some(0.0))]);
    floor.parts(1, 100);
    assert_eq!(punch(&floor)[3..], [(DUE, Some(10.0))], "counted over a restart");
    let before = said(&floor, "force", Rule::Ewma);
    floor.done();
    assert_eq!(punch(&floor)[4..], [(WELL, Some(0.0))], "all of the station");
    assert_eq!(said(&floor, "force", Rule::Ewma), before);
}

#[test]
fn what_is_done_of_one_ends_no_count_and_no_baseline_of_another() {
    let mut floor = floor(10);
    floor.parts(40, 100);
    floor.parts(40, 200);
    let drifted = |floor: &Floor| {
        let station = floor.engine.memory().station(&StationId::parse("ST10").unwrap());
        station.is_some_and(|station| station.drifted(&monitor("force")).is_some())
    };
    assert!(drifted(&floor));
    floor.command(command(MaintenanceStep::Done, "ST10", &["punch"])).unwrap();
    assert!(drifted(&floor), "the punch is no monitor");
    assert_eq!(punch(&floor).last(), Some(&(WELL, Some(0.0))));
    floor.parts(5, 200);
    floor.command(command(MaintenanceStep::Done, "ST10", &["force"])).unwrap();
    assert!(!drifted(&floor));
    floor.parts(5, 200);
    assert_eq!(punch(&floor).last(), Some(&(DUE, Some(10.0))), "the force is no punch");
}

#[test]
fn a_plant_that_asks_for_more_takes_it_back_and_one_without_ends_it() {
    let mut floor = floor(10);
    floor.parts(12, 100);
    floor.plant_of(|plant| used(plant, 20));
    assert_eq!(punch(&floor)[1..], [(DUE, Some(10.0)), (WELL, Some(12.0))]);
    floor.parts(8, 100);
    assert_eq!(punch(&floor)[3..], [(DUE, Some(20.0))]);
    floor.plant_of(|_| {});
    assert_eq!(punch(&floor)[4..], [(Verdict::NoData, None)]);
    let refused = floor.command(command(MaintenanceStep::Done, "ST10", &["punch"]));
    assert!(matches!(&refused.unwrap_err()[..], [Refusal::UnknownMonitor { .. }]));
    floor.parts(30, 100);
    floor.plant_of(|plant| used(plant, 20));
    assert_eq!(punch(&floor)[5..], [(WELL, Some(0.0))], "it is counted anew");
}

#[test]
fn hours_are_those_at_work() {
    let mut floor = floor(1_000_000);
    let seal = |floor: &Floor| said(floor, "seal", Rule::Usage);
    let second = 1_000_000_000;
    floor.parts(20, 100);
    for _ in 0..5 {
        // Nobody works on Sunday.
        floor.now += 50 * second;
        floor.parts(1, 100);
    }
    assert_eq!(seal(&floor).len(), 1);
    let mut worked = 0;
    while seal(&floor).len() == 1 {
        floor.now += second / 20;
        floor.parts(1, 100);
        worked += 1;
    }
    assert!((14..=20).contains(&worked), "{worked}");
    let [_, (DUE, Some(hours))] = seal(&floor)[..] else { panic!() };
    assert!((1.0..1.1).contains(&(hours * 3_600.0)), "{hours}");
}

/// What is forecast is asked for; what was told before maintenance is over by it, and the next trend is told.
#[test]
fn a_forecast_ends_with_maintenance_and_what_comes_of_it_is_told() {
    let ahead = |plant: &mut Plant| {
        plant.stations[0].monitors[0].limits = Some(Limits {
            high: Some(1_000.0),
            forecast: Some(Duration::from_millis(300)),
            ..Limits::default()
        });
    };
    let mut floor = Floor::new(watched, Pattern::Counter);
    floor.plant_of(ahead);
    let forecast = |floor: &Floor| said(floor, "force", Rule::Forecast);
    for level in 0..90 {
        floor.parts(1, 100 + 10 * level);
    }
    let [(DUE, Some(level))] = forecast(&floor)[..] else { panic!("{:?}", forecast(&floor)) };
    assert!((300.0..1_000.0).contains(&level));
    floor.command(command(MaintenanceStep::Acknowledge, "ST10", &["force"])).unwrap();
    floor.command(command(MaintenanceStep::Done, "ST10", &["force"])).unwrap();
    let nothing = floor.command(command(MaintenanceStep::Acknowledge, "ST10", &["force"]));
    assert!(matches!(&nothing.unwrap_err()[..], [Refusal::NothingToAcknowledge(_)]));
    // The daemon may end before the next part.
    let mut again = floor.clone();
    again.restart(ahead);
    for floor in [&mut floor, &mut again] {
        floor.parts(90, 200);
        let Some((WELL, Some(level))) = forecast(floor).last().copied() else {
            panic!("{:?}", forecast(floor))
        };
        assert!((190.0..225.0).contains(&level), "{level}");
    }
    let told: Vec<Verdict> = forecast(&floor).into_iter().map(|(verdict, _)| verdict).collect();
    assert_eq!(told, [DUE, Verdict::NoData, WELL]);
    for level in 0..200 {
        again.parts(1, 200 + 4 * level);
    }
    assert_eq!(forecast(&again).last().map(|(verdict, _)| *verdict), Some(DUE), "it is told again");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_is_folded_was_used_as_much_as_what_ran(
        actions in proptest::collection::vec((0..7_u8, 1..30_u64), 1..25),
    ) {
        let mut floor = floor(20);
        let (mut every, mut made, mut there) = (20, 0, true);
        for (action, count) in actions {
            match action {
                0 => {
                    floor.done();
                    made = 0;
                }
                1 => {
                    let done = floor.command(command(MaintenanceStep::Done, "ST10", &["punch"]));
                    if done.is_ok() { made = 0; }
                }
                2 => {
                    floor.restart(|plant| if there { used(plant, every) });
                }
                3 => {
                    (there, made) = (false, 0);
                    floor.plant_of(|_| {});
                }
                4 => {
                    if !there { made = 0; }
                    (there, every) = (true, count);
                    floor.plant_of(|plant| used(plant, count));
                }
                _ => {
                    floor.parts(count, 100);
                    made += count;
                }
            }
            prop_assert_eq!(folded(&floor.records).image(), floor.engine.image());
            let last = punch(&floor).last().copied();
            let wanted = match there {
                true if made >= every => DUE,
                true => WELL,
                false => Verdict::NoData,
            };
            let said = last.map(|(verdict, _)| verdict).unwrap();
            // What was not due when the plant came to do without it says nothing more.
            prop_assert!(said == wanted || (!there && said == WELL), "{:?} is not {:?}", said, wanted);
            for pair in punch(&floor).windows(2) {
                let again = pair[0].0 == pair[1].0;
                prop_assert!(!again || pair[1] == (WELL, Some(0.0)), "told twice: {:?}", pair);
            }
        }
    }
}
