//! What a Modbus device or its gateway does wrong.
use super::{Plant, patient};
use serde_json::Value;

impl Plant {
    fn spoilt(&self) -> u64 {
        let stats: Value = serde_json::from_str(&self.line.assembly.control("stats")).unwrap();
        stats["spoilt"].as_u64().unwrap()
    }
}

/// Short, of another function, transaction or unit, with a wrong count, not Modbus at all, cut off.
#[test]
fn answers_that_are_none_are_never_values() {
    let Some(plant) = Plant::start(20) else { return };
    plant.line.press.control("pause 19");
    for _ in 0..7 {
        let before = plant.spoilt();
        plant.line.assembly.control("garbage on");
        plant.wait("an answer is spoilt", || (plant.spoilt() > before).then_some(()));
        plant.line.assembly.control("garbage off");
        plant.live("assembly");
    }
    plant.line.press.control("pause off");
    let outcome = plant.end_whole();
    assert!(!outcome.gaps("assembly").is_empty());
}

/// Illegal address, failure, busy, and a gateway that does not reach its target.
#[test]
fn exceptions_are_a_gap_and_cost_no_part() {
    let with_the_press = |[press, _]: &mut [String; 2]| *press = patient(press);
    let Some(plant) = Plant::start_with(12, with_the_press, &[]) else { return };
    plant.line.press.control("pause off");
    for code in [2, 4, 6, 11] {
        plant.lost_by("assembly", || drop(plant.line.assembly.control(&format!("exc {code}"))));
        plant.line.assembly.control("exc off");
        plant.live("assembly");
    }
    let outcome = plant.end_whole();
    assert!(outcome.gaps("press").is_empty());
}

/// An answer after its time is not taken for the answer to something else; a write that was done
/// without an answer is not done twice.
#[test]
fn answers_that_come_late_or_never_cost_no_part() {
    let Some(plant) = Plant::start(24) else { return };
    let faults = [("delay 1200", "delay 0"), ("drop on", "drop off"), ("drop late", "drop off")];
    for (n, (begin, end)) in faults.into_iter().cycle().take(6).enumerate() {
        plant.assembled(2 + 3 * n);
        plant.lost_by("assembly", || drop(plant.line.assembly.control(begin)));
        plant.line.assembly.control(end);
        plant.live("assembly");
    }
    plant.end_whole();
}
