//! Clocks that step.
use super::{Plant, patiently};
use crate::support::peers;
use pedigree::model::Body;
use std::fs;

const HOUR_NS: i64 = 3_600_000_000_000;

/// The PLC's clock is set back and forth: what belongs together stays so, and its times are kept as it
/// told them.
#[test]
fn a_plc_clock_that_steps_mixes_nothing() {
    let Some(plant) = Plant::start_with(36, patiently, &[]) else { return };
    for (parts, seconds) in [(10, 86_400), (20, 0), (26, -3_600), (32, 0)] {
        plant.press_until(parts);
        plant.line.press.control(&format!("tsjump {seconds}"));
    }
    plant.line.press.control("pause off");
    let outcome = plant.end_whole();
    assert!(outcome.gaps("press").is_empty());
    let hours = |at: usize| {
        let part = &outcome.press[at - 1];
        let event = outcome.complete("PRESS10", part["serial"].as_str().unwrap());
        let told = event.time.at.0 - part["t_result"].as_i64().unwrap();
        (told + HOUR_NS / 2).div_euclid(HOUR_NS)
    };
    assert_eq!([10, 11, 20, 21, 26, 27, 32, 33].map(hours), [0, 24, 24, 0, 0, -1, -1, 0]);
    // The order of knowing is that of the parts, whatever the times say.
    let known = |part: &serde_json::Value| {
        let serial = part["serial"].as_str().unwrap();
        let at = outcome.records.iter().position(|record| {
            let Body::Trace(event) = &record.body else { return false };
            std::ptr::eq(event, outcome.complete("PRESS10", serial))
        });
        at.unwrap()
    };
    let known: Vec<usize> = outcome.press.iter().map(known).collect();
    assert!(known.is_sorted());
}

/// The daemon's own wall clock is set; it counts delays by another one.
#[test]
fn a_step_of_our_own_clock_costs_no_part() {
    let Some(peers) = peers() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("clock");
    fs::write(&file, "+0").unwrap();
    let library = peers.join("faketime/libfaketime.so.1");
    assert!(library.exists(), "{} is missing: `make peers`", library.display());
    let env = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let Some(plant) = Plant::start_with(20, |_| {}, &env) else { return };
    // Under each clock at least one part is begun and done, and others may be under way when it is set.
    for (n, step) in ["+1h", "-2h", "+30d", "+0"].into_iter().enumerate() {
        plant.line.press.control(&format!("pause {}", 7 + 4 * n));
        plant.assembled(4 + 4 * n);
        fs::write(&file, step).unwrap();
    }
    plant.line.press.control("pause off");
    let outcome = plant.end_whole();
    let walls: Vec<_> = outcome.records.iter().map(|record| record.at.wall).collect();
    assert!(!walls.is_sorted(), "the clock was not set back");
    let monotonic: Vec<_> = outcome.records.iter().map(|record| record.at.monotonic).collect();
    assert!(monotonic.is_sorted());
}
