//! The lists of truth that the PLCs wrote, and whether Pedigree says the same.
use super::daemon::{Daemon, read};
use pedigree::model::{Body, Record, What};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The lines of a truth file; one that is still being written is none yet.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let lines = read(path);
    let whole = lines.rfind('\n').map_or("", |end| &lines[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The finished parts of a truth file.
pub(crate) fn parts(path: &Path) -> Vec<Value> {
    lines(path).into_iter().filter(|line| line.get("serial").is_some()).collect()
}

/// What was to be seen of a PLC that notes it before it is, in its order and with the `run` of its program: also what
/// never got done.
pub(crate) fn asked(path: &Path) -> Vec<Value> {
    let (mut run, mut all) = (0, Vec::new());
    for mut line in lines(path) {
        run = line["run"].as_u64().unwrap_or(run);
        if let Some(mut asked) = line.get_mut("asked").map(Value::take) {
            asked["run"] = run.into();
            all.push(asked);
        }
    }
    all
}

/// When the program of a PLC that retains nothing began anew: all of its runs but the first.
pub(crate) fn begun_anew(path: &Path) -> Vec<i64> {
    let runs = lines(path).into_iter().filter(|line| line.get("run").is_some());
    runs.skip(1).filter_map(|line| line["at"].as_i64()).collect()
}

/// Those of them that were made at a station.
pub(crate) fn of(parts: &[Value], station: &str) -> Vec<Value> {
    parts.iter().filter(|part| part["station"] == station).cloned().collect()
}

/// Planned restarts by kind.
pub(crate) fn restarts(path: &Path) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for line in read(path).lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(kind) = line["restart"].as_str() {
            *kinds.entry(kind.to_owned()).or_default() += 1;
        }
    }
    kinds
}

/// Every part once, with every link right, none that is not in the truth.
pub(crate) fn assert_shift(daemon: &Daemon, press: &[Value], assembly: &[Value]) {
    let mut faults = Vec::new();
    for (press, assembly) in press.iter().zip(assembly) {
        let serial = press["serial"].as_str().unwrap();
        assert_eq!(press["serial"], assembly["serial"], "the PLCs disagree");
        let item = daemon.get(&format!("/api/v1/item?id={serial}"))["body"].take();
        compare(&mut faults, serial, &item, press, assembly);
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn compare(faults: &mut Vec<String>, serial: &str, item: &Value, press: &Value, assembly: &Value) {
    let mut expect = |what: &str, found: Vec<String>, wanted: Vec<String>| {
        if found != wanted {
            faults.push(format!("{serial}: {what}: found {found:?}, the PLC says {wanted:?}"));
        }
    };
    let steps: Vec<&Value> = item["steps"].as_array().unwrap().iter().collect();
    let visited = steps.iter().map(|s| format!("{}@{}", word(s, "verb"), word(s, "station")));
    let wanted = ["arrive@PRESS10", "complete@PRESS10", "install@ASM20", "consume@ASM20"];
    let mut visited: Vec<String> = visited.collect();
    let mut all: Vec<String> =
        wanted.iter().chain(&["complete@ASM20"]).map(|s| (*s).to_owned()).collect();
    visited.sort();
    all.sort();
    expect("steps", visited, all);
    let measured = |name: &str| -> Vec<String> {
        let all = steps.iter().flat_map(|s| s["measurements"].as_array().into_iter().flatten());
        all.filter(|m| word(m, "name") == name).map(|m| m["value"].to_string()).collect()
    };
    expect("force", measured("force"), vec![press["force"].to_string()]);
    expect("temp", measured("temp"), vec![press["temp"].to_string()]);
    let torque = measured("torque");
    let wanted = assembly["torque"].as_f64().unwrap();
    let near = torque.len() == 1 && (torque[0].parse::<f64>().unwrap() - wanted).abs() < 1e-6;
    expect("torque", vec![near.to_string()], vec!["true".into()]);
    let mut links: Vec<String> = item["made_of"].as_array().unwrap().iter().map(link).collect();
    links.sort();
    let mut wanted = vec![
        format!("l/site/{}", press["coil_lot"].as_str().unwrap()),
        format!("u/site/{}", assembly["child"].as_str().unwrap()),
        format!(
            "l/site/{} {}",
            assembly["glue_lot"].as_str().unwrap(),
            assembly["grams_milli"].as_u64().unwrap()
        ),
    ];
    wanted.sort();
    expect("made of", links, wanted);
}

fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[expect(clippy::cast_possible_truncation, reason = "milligrams of glue")]
fn link(link: &Value) -> String {
    let item = word(link, "item");
    assert_eq!(word(link, "certainty"), "certain", "{link}");
    match link["amount"]["value"].as_f64() {
        Some(grams) => format!("{item} {}", (grams * 1000.0).round() as i64),
        None => item.to_owned(),
    }
}

/// How often each unit was completed at each station, straight from the ledger.
pub(crate) fn completions(records: &[Record]) -> BTreeMap<(String, String), usize> {
    let mut counted = BTreeMap::new();
    for record in records {
        if let Body::Trace(event) = &record.body
            && let (What::Complete { item, .. }, Some(station)) = (&event.what, &event.station)
        {
            let key = (station.to_string(), item.code.to_string());
            *counted.entry(key).or_default() += 1;
        }
    }
    counted
}
