//! The plant against itself.
use super::*;
use crate::model::Body;

fn plan(scenario: Scenario, disturbed: bool, seed: u64) -> Plan {
    Plan { scenario, units: 600, base: 10, caused: 500, disturbed, seed }
}

#[test]
fn the_same_plan_is_the_same_plant_and_another_seed_is_another() {
    let records = |seed| play(plan(Scenario::Machine, true, seed)).records;
    assert_eq!(records(1), records(1));
    assert_ne!(records(1), records(2));
}

#[test]
fn every_cause_has_devices_and_more_of_them_are_bad() {
    for scenario in Scenario::CAUSES {
        let Truth { exposed, bad, cause, .. } = play(plan(scenario, false, 3)).truth;
        let caused = bad.intersection(&exposed).count();
        assert!(!cause.is_empty() && caused * 4 > exposed.len(), "{scenario:?}: {caused}");
        assert!(caused * 2 > bad.len(), "{scenario:?}: {caused} of {}", bad.len());
    }
    assert!(play(plan(Scenario::Nothing, false, 3)).truth.exposed.is_empty());
}

#[test]
fn what_an_outage_hides_is_in_no_record_and_the_gap_is() {
    let Run { records, truth } = play(plan(Scenario::RawLot, true, 5));
    assert!(truth.silent.len() >= 4 && truth.gaps.len() == 4);
    for (station, item) in &truth.silent {
        let tells = |record: &Record| {
            matches!(&record.body, Body::Trace(event)
                if event.station.as_ref() == Some(station) && event.items().contains(&item))
        };
        assert!(!records.iter().any(tells), "{item} at {station}");
    }
}
