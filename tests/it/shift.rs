//! A shift of 500 parts through foreign PLCs; the PLCs write the truth.
use super::support::daemon::Daemon;
use super::support::{PATIENCE, http, line, line::Line, peers, truth};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const PARTS: u32 = 500;

#[test]
fn a_shift_is_recorded_as_the_plcs_tell_it() {
    let Some(peers) = peers() else { return };
    let line = Line::start(&peers, PARTS, &[], &[]);
    let site = line.patient_site();
    let daemon = site.start();
    super::scada::introduce(&peers, &site, &daemon);
    let listener = super::scada::listen(&peers, &site, &daemon, 100);
    line.wait_done();
    let (press, assembly) = (truth::parts(&line.press_truth), truth::parts(&line.assembly_truth));
    assert_eq!((press.len(), assembly.len()), (500, 500));
    let last = press[499]["serial"].as_str().unwrap();
    let item = line::wait_recorded(&daemon, last);
    assert_eq!(item["completeness"], "complete");
    truth::assert_shift(&daemon, &press, &assembly);
    recall_by_force(&daemon, &press);
    super::scada::browse_and_trace(&peers, &site, &daemon, &press[499], &assembly[499]);
    super::scada::prometheus(&peers, &daemon);
    let events = listener.events();
    let units = events.iter().filter(|e| e.to_string().contains("u/site/SN-"));
    assert!(events.len() >= 100 && units.count() > 50, "{events:?}");
    assert!(daemon.stop().success(), "{}", site.log());
    let counted = truth::completions(&site.records());
    let wanted: BTreeMap<_, _> = press
        .iter()
        .flat_map(|p| {
            ["PRESS10", "ASM20"].map(|s| (s.to_owned(), p["serial"].as_str().unwrap().to_owned()))
        })
        .map(|key| (key, 1))
        .collect();
    assert_eq!(counted, wanted);
    let verified = site.command(&["verify"]).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

/// Of all that the press made, what it pressed with much force, and no other.
fn recall_by_force(daemon: &Daemon, press: &[Value]) {
    let much = 51.0;
    let answer = daemon.get(&format!("/api/v1/recall?station=PRESS10&where=force%3E{much}"));
    assert_eq!(answer["completeness"], "complete");
    let serials = |group: &str| -> BTreeSet<String> {
        let items = answer["body"][group].as_array().unwrap();
        let items =
            items.iter().filter(|item| item.get("via").is_none_or(|via| *via == item["item"]));
        items.map(|item| item["item"].as_str().unwrap().replace("u/site/", "")).collect()
    };
    let pressed = |is_much: bool| -> BTreeSet<String> {
        let of = press.iter().filter(|part| (part["force"].as_f64().unwrap() > much) == is_much);
        of.map(|part| part["serial"].as_str().unwrap().to_owned()).collect()
    };
    assert!(!pressed(true).is_empty() && pressed(true).len() < press.len());
    assert_eq!(serials("suspect"), pressed(true));
    assert_eq!(serials("cleared"), pressed(false));
    assert_eq!(answer["body"]["unknown"].as_array().unwrap().len(), 0);
}

fn stats(line: &Line) -> Value {
    serde_json::from_str(&line.assembly.control("stats")).unwrap()
}

/// Waits until the assembly has moved its heartbeat, and every word has been asked for since: they are asked for one
/// after the other, and a heartbeat no less often than it moves.
fn asked_since(line: &Line) {
    for (word, more) in [("life", 1), ("requests", 50), ("life", 3), ("requests", 50)] {
        let goal = stats(line)[word].as_u64().unwrap() + more;
        http::until(word, PATIENCE, || (stats(line)[word].as_u64() >= Some(goal)).then_some(()));
    }
}

/// One gap makes incomplete what was there meanwhile, and nothing else.
#[test]
fn a_gap_flips_exactly_the_answers_that_it_touches() {
    let Some(peers) = peers() else { return };
    let line = Line::start(&peers, 30, &[], &[]);
    let site = line.patient_site();
    let daemon = site.start();
    line.press.control("wait 5");
    line.assembly.control("wait 3");
    // Once the part that it is at is through, the assembly stands idle; the press goes on.
    line.assembly.control("pause on");
    let stands = |step: &str| {
        http::until(step, PATIENCE, || (stats(&line)["step"] == step).then_some(()));
    };
    stands("idle");
    line.press.control("wait 20");
    // Its heartbeat is seen to move once more: the gap does not begin before that.
    asked_since(&line);
    let done = || truth::parts(&line.assembly_truth).len();
    let before = done();
    // It takes the next part, no other after it, and goes silent with it for longer than its heartbeat allows.
    line.assembly.control("freeze on");
    line.assembly.control("pause off");
    stands("fit");
    line.assembly.control("pause on");
    let gaps = |ended: bool| {
        let gaps = daemon.get("/api/v1/gaps");
        let of = |gap: &Value| {
            let gap = &gap["gap"];
            let silent = gap["source"]["device"] == "assembly" && gap["cause"] == "silent";
            silent && gap["interval"]["to"].is_null() != ended
        };
        gaps["body"].as_array().unwrap().iter().any(of).then_some(())
    };
    http::until("the gap is recorded", PATIENCE, || gaps(false));
    assert_eq!(done(), before, "a frozen PLC finishes nothing");
    line.assembly.control("freeze off");
    http::until("the gap has ended", PATIENCE, || gaps(true));
    line.assembly.control("pause off");
    line.wait_done();
    let press = truth::parts(&line.press_truth);
    line::wait_recorded(&daemon, press[29]["serial"].as_str().unwrap());
    let incomplete: Vec<&str> = press
        .iter()
        .map(|p| p["serial"].as_str().unwrap())
        .filter(|s| daemon.get(&format!("/api/v1/item?id={s}"))["completeness"] != "complete")
        .collect();
    assert_eq!(incomplete, [press[before]["serial"].as_str().unwrap()], "{}", site.log());
    levels(&daemon, &press, before);
}

/// Each part has the level that this line can reach, but for the one that a gap touches.
fn levels(daemon: &Daemon, press: &[Value], touched: usize) {
    for (at, part) in press.iter().enumerate() {
        let serial = part["serial"].as_str().unwrap();
        let level = daemon.get(&format!("/api/v1/item?id={serial}"))["body"]["level"].take();
        let process = &level["process"];
        // Where coils and bearings come from is told to nobody here.
        assert_eq!(level["material"]["level"], 2, "{serial}: {level}");
        assert_eq!(process["level"], if at == touched { 2 } else { 4 }, "{serial}: {level}");
        let unseen = |side: &Value| side["reasons"].to_string().contains("was not observed");
        let told = [unseen(&level["material"]), unseen(process)];
        assert_eq!(told, [at == touched; 2], "{serial}: {level}");
    }
}
