//! A disk that takes nothing for a while, so that all queues before it fill.
use super::disk::{Answers, answered, verified, was_let_go};
use super::*;
use crate::flood::{DISK_BYTES, Flood};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long it takes nothing once the queues have run over.
const STALL: Duration = Duration::from_secs(2);
const STALLS: usize = 2;
/// Who is not answered for so long has all that was let go before the disk stood.
const LET_GO: Duration = Duration::from_secs(2);
/// A command that is not kept within this time is answered so: nobody knows whether it will be.
const LATE: u16 = 504;
const LATE_AFTER: Duration = Duration::from_secs(10);

/// Whoever can wait waits: no PLC is answered and no command, until the disk takes their records; no part is lost.
/// Who cannot, the PLC that floods, is in a gap to the value.
#[test]
fn a_disk_that_stands_lets_plcs_and_people_wait_and_costs_no_part() {
    let Some(peers) = peers() else { return };
    let Some(site) = Site::on_a_disk(DISK_BYTES) else { return };
    let dir = tempfile::tempdir().unwrap();
    let flood = Flood::start(&peers, dir.path());
    site.plant(&[("flood.toml", flood.plant())]);
    let plant = Plant::at(site, Line::start(&peers, MANY, &[], &[]), |_| {}, &[]);
    plant.live("flood");
    let mut held = BTreeSet::new();
    for stall in 0..STALLS {
        plant.assemble(2);
        flood.plc.control("flood on");
        plant.line.press.control("pause off");
        let frozen = plant.site.disk().freeze();
        let before = settled(&plant);
        flood.runs_over(1);
        let part = truth::parts(&plant.line.assembly_truth).swap_remove(stall);
        let child = part["child"].as_str().unwrap().to_owned();
        let command = hold(&plant, &child);
        held.insert(child);
        std::thread::sleep(STALL);
        flood.plc.control("flood off");
        assert_eq!(answered(&plant.line), before, "a PLC was answered");
        assert!(!command.is_finished(), "a command was answered");
        let known = part["serial"].as_str().unwrap();
        let item = plant.daemon.get(&format!("/api/v1/item?id={known}"));
        assert_eq!(item["body"]["steps"].as_array().unwrap().len(), 5, "{item}");
        drop(frozen);
        let (status, took) = command.join().unwrap();
        // A machine that is slow to put down all that waited may take too long for it.
        let is_late = status == LATE && took >= LATE_AFTER;
        assert!(status == 200 || is_late, "the command is answered once it is kept: {status}");
    }
    let dropped = Flood::dropped(&plant.daemon);
    plant.last(2);
    let outcome = plant.end_whole();
    assert_eq!(outcome.unrecorded(), [""; 0]);
    assert_eq!(outcome.records.iter().filter_map(on_hold).collect::<BTreeSet<_>>(), held);
    verified(&outcome.site);
    flood.balance(&outcome.site, &outcome.records, dropped);
}

/// The item that a record puts on hold.
fn on_hold(record: &Record) -> Option<String> {
    let Body::Trace(event) = &record.body else { return None };
    let What::Hold { item, .. } = &event.what else { return None };
    Some(item.code.to_string())
}

/// What the PLCs were answered before the disk stood, once all of it has come to them.
fn settled(plant: &Plant) -> Answers {
    let first = answered(&plant.line);
    let settled = plant.wait("what was let go is with the PLCs", || {
        let before = answered(&plant.line);
        std::thread::sleep(LET_GO);
        (answered(&plant.line) == before).then_some(before)
    });
    was_let_go(&first, &settled);
    settled
}

/// Somebody holds an item; the status that the answer has, and how long it took to come.
#[expect(clippy::disallowed_methods, reason = "a test has its own clock")]
fn hold(plant: &Plant, serial: &str) -> std::thread::JoinHandle<(u16, Duration)> {
    let url = format!("http://{}/api/v1/commands", plant.daemon.http());
    let body = format!(
        "{{\"hold\":{{\"item\":\"u/site/{serial}\",\"reason\":\"look\",\"badge\":\"4711\"}}}}"
    );
    std::thread::spawn(move || {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let request = ureq::Agent::from(config).post(url);
        let began = Instant::now();
        let sent = request.header("content-type", "application/json").send(body);
        (sent.unwrap().status().as_u16(), began.elapsed())
    })
}
