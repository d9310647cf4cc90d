//! The network between the daemon and the PLCs.
use super::{MANY, Plant};
use crate::support::balance::{causes, covers};
use crate::support::proxy::Spoil;
use crate::support::truth;
use pedigree::model::GapCause;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[expect(clippy::disallowed_methods, reason = "a test has its own clock")]
pub(super) fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}

#[test]
fn a_connection_that_is_cut_is_a_gap_and_costs_no_part() {
    let Some(plant) = Plant::start_patient(24) else { return };
    let mut cuts = Vec::new();
    for parts in [4, 10, 16] {
        plant.assembled(parts);
        plant.press.cut();
        plant.assembly.cut();
        cuts.push(now_ns());
        plant.lost_once("press", cuts.len());
        plant.lost_once("assembly", cuts.len());
        plant.live("press");
        plant.live("assembly");
    }
    let outcome = plant.end_whole();
    for device in ["press", "assembly"] {
        let gaps = outcome.gaps(device);
        assert_eq!(causes(&gaps), [(GapCause::Disconnected, 3)].into(), "{device}");
        assert!(cuts.iter().all(|cut| gaps.iter().any(|gap| covers(gap, *cut))), "{gaps:?}");
    }
}

#[test]
fn a_half_open_link_is_found_and_costs_no_part() {
    let Some(plant) = Plant::start(12) else { return };
    let stalled = Spoil { stalled: true, ..Spoil::default() };
    plant.press.spoil(stalled);
    plant.assembly.spoil(stalled);
    let began = now_ns();
    plant.lost("press");
    plant.lost("assembly");
    let (press, assembly) = (plant.press.passed(), plant.assembly.passed());
    let ended = now_ns();
    assert_eq!((press, assembly), (plant.press.passed(), plant.assembly.passed()));
    plant.press.heal();
    plant.assembly.heal();
    let outcome = plant.end_whole();
    for device in ["press", "assembly"] {
        // From the last that was observed before the stall to the first after it.
        let gaps = outcome.gaps(device);
        assert!(gaps.iter().any(|g| covers(g, began) && covers(g, ended)), "{device}: {gaps:?}");
    }
}

/// A PLC that goes on without an answer: what it did while nobody looked is counted, number by number.
#[test]
fn what_a_plc_does_not_wait_for_is_counted_in_gaps() {
    let Some(plant) = Plant::start_with(MANY, |_| {}, &[]) else { return };
    let pressed = || truth::parts(&plant.line.press_truth).len();
    for _ in 0..2 {
        plant.line.press.control("pause off");
        plant.press.spoil(Spoil { stalled: true, ..Spoil::default() });
        plant.lost("press");
        plant.line.press.control("patience 250");
        // Of the part that it is at and of the last of these one handshake may be found when the link is well again;
        // two between them are missed whole.
        plant.pressed(pressed() + 4);
        plant.line.press.control("patience off");
        plant.press.heal();
        plant.live("press");
        // It does not run away from the assembly.
        plant.assemble(2);
    }
    plant.last(2);
    let outcome = plant.end();
    let sums = outcome.balances();
    println!("{sums:?}");
    assert!(sums[..2].iter().all(|sum| sum.missed >= 4), "{sums:?}");
    assert!(sums[2..].iter().all(|sum| sum.missed == 0), "{sums:?}");
    for sum in sums {
        let told = sum.observed as u64 + sum.quarantined as u64 + sum.missed;
        assert_eq!(told, sum.asked as u64);
    }
}

#[test]
fn bytes_that_come_twice_never_make_a_second_event() {
    let Some(plant) = Plant::start(12) else { return };
    let doubled = Spoil { doubled: true, ..Spoil::default() };
    plant.press.spoil(doubled);
    plant.assembly.spoil(doubled);
    plant.lost("press");
    plant.lost("assembly");
    plant.press.heal();
    plant.assembly.heal();
    plant.end_whole();
}

/// On a signed link no wrong byte gets through. Modbus/TCP has no such protection.
#[test]
fn wrong_bytes_on_a_signed_link_are_never_a_value() {
    let Some(plant) = Plant::start_patient(12) else { return };
    plant.press.spoil(Spoil { corrupt_every: 500, ..Spoil::default() });
    plant.lost("press");
    plant.press.heal();
    plant.live("press");
    let outcome = plant.end_whole();
    assert!(!outcome.gaps("press").is_empty());
    assert!(outcome.gaps("assembly").is_empty());
}

/// Five seconds an answer: one request at a time, and the other PLC does not notice.
#[test]
fn a_slow_plc_does_not_slow_another() {
    let patient = |[press, assembly]: &mut [String; 2]| {
        let stale = "stale_after = \"3s\"";
        *assembly = assembly.replace("\"800ms\"", "\"20s\"");
        *assembly = assembly.replace(stale, "stale_after = \"30s\"");
        // Less than one answer takes.
        *press = press.replace(stale, "stale_after = \"4s\"");
    };
    let Some(plant) = Plant::start_with(14, patient, &[]) else { return };
    plant.line.press.control("pause off");
    plant.line.assembly.control("delay 5000");
    let stats = || {
        let stats = plant.line.assembly.control("stats");
        serde_json::from_str::<serde_json::Value>(&stats).unwrap()
    };
    let before = stats();
    plant.line.press.control("wait 14");
    let after = stats();
    let answered = |key: &str| after[key].as_u64().unwrap() - before[key].as_u64().unwrap();
    println!(
        "while the press made its parts the assembly was asked {} times",
        answered("requests")
    );
    assert!(answered("done") <= 1, "{after}");
    assert_eq!(after["open_max"], 1, "{after}");
    plant.line.assembly.control("delay 0");
    let outcome = plant.end_whole();
    assert!(outcome.gaps("press").is_empty() && outcome.gaps("assembly").is_empty());
}

/// Bytes that are late, but within what a device may take, are no fault.
#[test]
fn a_late_link_within_its_timeouts_is_no_gap() {
    let Some(plant) = Plant::start_patient(5) else { return };
    let late = Spoil { delay: Duration::from_millis(150), ..Spoil::default() };
    plant.press.spoil(late);
    plant.assembly.spoil(late);
    let outcome = plant.end_whole();
    assert!(outcome.gaps("press").is_empty() && outcome.gaps("assembly").is_empty());
}
