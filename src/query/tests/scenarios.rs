//! The whole question over the records of a simulated plant, against what is true of it.
use super::*;
use crate::demo::scenario;
use crate::model::{Interval, ItemKey};
use scenario::{Plan, Planted, Run, Scenario, Truth, play};

#[path = "../../../benches/why/suite.rs"]
mod suite;

fn plan(scenario: Scenario, seed: u64) -> Plan {
    Plan { scenario, units: 400, base: 10, caused: 600, disturbed: false, seed }
}

/// `cargo bench --bench why` asks the same of larger plants over hundreds of seeds.
#[test]
fn the_cause_of_every_scenario_is_the_first_that_is_named() {
    for scenario in Scenario::CAUSES {
        let run = play(plan(scenario, 1));
        let (query, _dir) = query(&run.records);
        let why = suite::why(&query);
        assert_eq!(why.bad as usize, run.truth.bad.len());
        assert_eq!(
            suite::place(&run.truth, &why),
            Some(1),
            "{scenario:?}: {:?} {:#?}",
            run.truth.cause,
            why.causes
        );
        let (right, found, overlap) = suite::held(&run.truth, &why).unwrap();
        assert!(right > 0.5 && found > 0.5, "{scenario:?}: {right} {found}");
        assert!(overlap.is_none_or(|overlap| overlap > 0.5), "{overlap:?}");
    }
}

#[test]
fn where_nothing_is_wrong_nothing_is_named() {
    let run = play(Plan { base: 30, ..plan(Scenario::Nothing, 1) });
    let (query, _dir) = query(&run.records);
    assert_eq!(suite::why(&query).causes, []);
}

/// Whatever is hidden: who contains a lot, or was at a station, is named, or the gap that hides it.
#[test]
fn a_recall_passes_nobody_over_and_conceals_no_gap() {
    let mut all = suite::Recalled::default();
    for (disturbed, seed) in [(false, 2), (true, 2), (true, 3)] {
        let run = play(Plan { disturbed, units: 300, ..plan(Scenario::RawLot, seed) });
        let (query, _dir) = query(&run.records);
        let recalled = suite::recalls(&query, &run);
        assert_eq!(recalled.named, recalled.affected, "{disturbed} {seed}: {recalled:?}");
        assert_eq!(recalled.concealed, 0, "{recalled:?}");
        assert!(
            recalled.right <= recalled.suspects && (recalled.silent > 0) == disturbed,
            "{recalled:?}"
        );
        assert!(disturbed || recalled.right == recalled.suspects, "{recalled:?}");
        all.add(recalled);
    }
    assert!(all.right * 10 > all.suspects * 9, "{all:?}");
}
