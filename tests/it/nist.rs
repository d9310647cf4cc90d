//! Real machining: two machine tools replayed by a foreign server, operations told from machine state
//! alone. The truth is computed from the recordings by a program that knows nothing of Pedigree.
use super::support::daemon::{Daemon, Site, read};
use super::support::peer::{Peer, python};
use super::support::{LONG, PATIENCE, here, http, peers};
use jiff::Timestamp;
use serde_json::Value;

#[test]
fn every_operation_of_ten_real_parts_is_found() {
    let Some(peers) = peers() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (truth, orders) = (dir.path().join("truth.json"), dir.path().join("orders.csv"));
    let made = python(&peers)
        .arg(here("tests/peers/nist_truth.py"))
        .arg("--out")
        .arg(&truth)
        .arg("--orders")
        .arg(&orders)
        .status()
        .unwrap();
    assert!(made.success());
    let truth: Value = serde_json::from_str(&read(&truth)).unwrap();
    let machines = Peer::start(&peers, "nist_machines.py", &["--bridge-counts", "--wait", "go"]);
    let plant = |name: &str| {
        read(&here(&format!("tests/plants/nist/{name}.toml")))
            .replace("@PORT@", &machines.port(name).to_string())
            .replace("@ORDERS@", "orders.csv")
    };
    let site = Site::new(&[("02.toml", plant("hurco02")), ("04.toml", plant("hurco04"))]);
    let daemon = site.start();
    let url = format!("http://{}", daemon.http());
    let load = ["--url", &url, "orders", "load", orders.to_str().unwrap()];
    let loaded = site.command(&load).output().unwrap();
    assert!(loaded.status.success(), "{loaded:?}");
    http::until("both machines are observed", PATIENCE, || {
        let devices = daemon.get("/api/v1/devices").to_string();
        (devices.matches("\"live\"").count() == 2).then_some(())
    });
    machines.control("go");
    http::until("the recordings are replayed", LONG, || {
        machines.said().iter().any(|line| line.get("end").is_some()).then_some(())
    });
    compare(&site, &daemon, truth["operations"].as_array().unwrap());
    trace_shows_both_operations(&site, &url);
}

fn compare(site: &Site, daemon: &Daemon, operations: &[Value]) {
    let last = operations.len();
    let found = http::until("all operations are recorded", PATIENCE, || {
        let found: Vec<Value> = serials(operations).iter().flat_map(|s| steps(daemon, s)).collect();
        (found.len() >= last).then_some(found)
    });
    let mut faults = Vec::new();
    for wanted in operations {
        let serial = wanted["serial"].as_str().unwrap();
        let begin = wanted["begin"].as_i64().unwrap();
        let same = steps(daemon, serial).into_iter().find(|step| {
            nanos(&step["phase"]["interval"]["from"]) == begin
                && step["station"] == wanted["station"]
        });
        match same {
            Some(step) => compare_operation(&mut faults, serial, &step, wanted),
            None => faults.push(format!("{serial}: no operation begins at {begin}")),
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}\n{}", faults.len(), faults.join("\n"), site.log());
    assert_eq!(found.len(), operations.len(), "operations that are not in the truth");
}

fn serials(operations: &[Value]) -> Vec<String> {
    let mut all: Vec<String> =
        operations.iter().map(|o| o["serial"].as_str().unwrap().to_owned()).collect();
    all.sort();
    all.dedup();
    all
}

fn steps(daemon: &Daemon, serial: &str) -> Vec<Value> {
    let (status, body) = daemon.ask(&format!("/api/v1/item?id={serial}"));
    if status != 200 {
        return Vec::new();
    }
    let item: Value = serde_json::from_str(&body).unwrap();
    item["body"]["steps"].as_array().unwrap().clone()
}

#[expect(clippy::cast_possible_truncation, reason = "instants of this century")]
fn nanos(value: &Value) -> i64 {
    value.as_str().map_or(0, |t| t.parse::<Timestamp>().unwrap().as_nanosecond() as i64)
}

fn compare_operation(faults: &mut Vec<String>, serial: &str, step: &Value, wanted: &Value) {
    let phase = &step["phase"];
    let mut expect = |what: &str, found: String, wanted: String| {
        if found != wanted {
            faults.push(format!("{serial}: {what}: found {found}, the recording says {wanted}"));
        }
    };
    let end = nanos(&phase["interval"]["to"]);
    expect("end", end.to_string(), wanted["end"].to_string());
    expect("program", step["operation"].to_string(), wanted["program"].to_string());
    expect("count", phase["count"].to_string(), wanted["part_count"].to_string());
    expect("evidence", step["evidence"].to_string(), "\"inferred\"".to_owned());
    let tools = phase["tools"].as_array().unwrap();
    let used: Vec<f64> =
        tools.iter().map(|t| t["value"].as_str().unwrap().parse().unwrap()).collect();
    let truth: Vec<f64> =
        wanted["tools"].as_array().unwrap().iter().map(|t| t.as_f64().unwrap()).collect();
    expect("tools", format!("{used:?}"), format!("{truth:?}"));
    compare_statistics(&mut expect, "whole", &phase["statistics"], &wanted["statistics"]);
    for (i, (tool, wanted)) in tools.iter().zip(wanted["stretches"].as_array().unwrap()).enumerate()
    {
        let what = format!("tool {i}");
        expect(&what, nanos(&tool["interval"]["from"]).to_string(), wanted["begin"].to_string());
        compare_statistics(&mut expect, &what, &tool["statistics"], &wanted["statistics"]);
    }
}

fn compare_statistics(
    expect: &mut impl FnMut(&str, String, String),
    what: &str,
    found: &Value,
    wanted: &Value,
) {
    for (name, wanted) in wanted.as_object().unwrap() {
        let found = found.as_array().unwrap().iter().find(|s| s["tag"] == name.as_str());
        let found = found.unwrap_or(&Value::Null);
        expect(&format!("{what} {name} n"), found["n"].to_string(), wanted["n"].to_string());
        for (ours, theirs) in
            [("min", "min"), ("max", "max"), ("mean", "mean"), ("time_mean", "time_weighted_mean")]
        {
            let show = |v: &Value| v.as_f64().map_or("none".to_owned(), |x| format!("{x:.6}"));
            // A tool that was in force for no time has no time-weighted mean.
            expect(&format!("{what} {name} {ours}"), show(&found[ours]), show(&wanted[theirs]));
        }
    }
}

fn trace_shows_both_operations(site: &Site, url: &str) {
    let traced = site.command(&["--url", url, "trace", "plate-01"]).output().unwrap();
    let said = String::from_utf8_lossy(&traced.stdout).into_owned();
    println!("{said}");
    for program in ["NIST_MTC_CRADA_PLATE.NC", "NIST_MTC_CRADA_PLATE-BACK FACE.NC"] {
        assert!(said.contains(program), "{program} is not in\n{said}");
    }
}
