//! A disk that takes nothing for a while, so that all queues before it fill.
use super::disk::{answered, verified};
use super::*;
use crate::flood::{DISK_BYTES, Flood};

/// How long it takes nothing; what floods fills the queues in two of these seconds.
const STALL: Duration = Duration::from_secs(7);
const STALLS: usize = 2;
/// What was let go before the disk stood is with the PLCs by then.
const LET_GO: Duration = Duration::from_secs(1);

/// Whoever can wait waits: no PLC is answered and no command, until the disk takes their records; no part is lost.
/// Who cannot, the PLC that floods, is in a gap to the value.
#[test]
fn a_disk_that_stands_lets_plcs_and_people_wait_and_costs_no_part() {
    let Some(peers) = peers() else { return };
    let Some(site) = Site::on_a_disk(DISK_BYTES) else { return };
    let dir = tempfile::tempdir().unwrap();
    let flood = Flood::start(&peers, dir.path());
    site.plant(&[("flood.toml", flood.plant())]);
    let plant = Plant::at(site, Line::start(&peers, 16, &[], &[]), |_| {}, &[]);
    plant.live("flood");
    plant.line.press.control("pause off");
    for stall in 0..STALLS {
        let assembled = truth::parts(&plant.line.assembly_truth).len();
        plant.assembled(assembled + 2);
        flood.plc.control("flood on");
        let frozen = plant.site.disk().freeze();
        std::thread::sleep(LET_GO);
        let before = answered(&plant.line);
        let part = truth::parts(&plant.line.assembly_truth).swap_remove(stall);
        let held = hold(&plant, part["child"].as_str().unwrap());
        std::thread::sleep(STALL);
        flood.plc.control("flood off");
        assert_eq!(answered(&plant.line), before, "a PLC was answered");
        assert!(!held.is_finished(), "a command was answered");
        let known = part["serial"].as_str().unwrap();
        let item = plant.daemon.get(&format!("/api/v1/item?id={known}"));
        assert_eq!(item["body"]["steps"].as_array().unwrap().len(), 5, "{item}");
        drop(frozen);
        assert_eq!(held.join().unwrap(), 200, "the command is answered once it is kept");
    }
    let dropped = Flood::dropped(&plant.daemon);
    let outcome = plant.end_whole();
    assert_eq!(outcome.unrecorded(), [""; 0]);
    verified(&outcome.site);
    flood.balance(&outcome.site, &outcome.records, dropped);
}

/// Somebody holds an item; the status that the answer has, when it comes.
fn hold(plant: &Plant, serial: &str) -> std::thread::JoinHandle<u16> {
    let url = format!("http://{}/api/v1/commands", plant.daemon.http());
    let body = format!(
        "{{\"hold\":{{\"item\":\"u/site/{serial}\",\"reason\":\"look\",\"badge\":\"4711\"}}}}"
    );
    std::thread::spawn(move || {
        let sent = ureq::post(url).header("content-type", "application/json").send(body);
        sent.unwrap().status().as_u16()
    })
}
