//! A day of the demo plant with masters, retests, rework, codes that nobody could read, parts that a person
//! lets run, and another program for the press in the middle. As-built, yield and genealogy are the plant's
//! own list.
use super::support::daemon::{Daemon, Site};
use super::support::http::until;
use super::support::{LONG, PATIENCE, runtime};
use pedigree::daemon;
use pedigree::demo::{DayPlan, Demo, DemoOptions, Fate, PartTruth, Reached};
use pedigree::model::{
    Body, EpochCause, Evidence, Purpose, Record, Result, Scope, TraceEvent, Value as Measured, What,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const PARTS: u64 = 300;
const CYCLE: Duration = Duration::from_millis(40);
const DAY: DayPlan = DayPlan { odd_one_in: 5, masters_every: 25, download_after: PARTS / 2 };
/// What each station measures.
const MEASURED: [(&str, &str); 4] =
    [("CAST10", "melt_temp"), ("PRESS20", "force"), ("ASM30", "torque"), ("TEST40", "leak_rate")];

/// A visit as text, so that a difference can be read; to the digits that the machines give.
fn visit(station: &str, result: Option<&str>, value: f64) -> String {
    format!("{station} {} {value:.4}", result.unwrap_or("–"))
}

fn word(result: Result) -> &'static str {
    match result {
        Result::Pass => "pass",
        Result::Fail => "fail",
        Result::Rework => "rework",
        Result::Scrap => "scrap",
    }
}

#[test]
fn as_built_yield_and_genealogy_of_a_day_are_the_plants_own_list() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = DemoOptions::new(11, daemon::clock());
    (options.cycle, options.drift, options.day) = (CYCLE, None, Some(DAY));
    options.parts_max = Some(PARTS);
    let runtime = runtime();
    let (demo, plcs) = runtime.block_on(Demo::start(options, dir.path())).unwrap();
    let site = Site::of(&demo);
    runtime.spawn(plcs);
    let daemon = site.start();
    let mut progress = demo.progress();
    let through = progress.wait_for(|through| *through >= PARTS);
    let through = runtime.block_on(async { tokio::time::timeout(LONG, through).await });
    assert!(through.is_ok(), "the line stands still: {} parts", *demo.progress().borrow());

    let truth = demo.truth();
    assert_eq!(truth.len(), usize::try_from(PARTS).unwrap());
    for fate in [Fate::Retest, Fate::Rework, Fate::Unread, Fate::Stranger] {
        assert!(truth.iter().any(|part| part.fate == fate), "the day had no {fate:?}");
    }
    let last = truth.iter().rev().find(|part| part.container.is_some()).unwrap();
    let path = format!("/api/v1/item?id={}", last.part.unit);
    until("the last part is in its box", PATIENCE, || {
        let (status, body) = daemon.ask(&path);
        (status == 200 && body.contains("packed-in")).then_some(())
    });
    daemon.caught_up();
    let mut faults = Vec::new();
    for part in &truth {
        as_built(&daemon, part, &mut faults);
        genealogy(&daemon, part, &mut faults);
        level(&daemon, part, &mut faults);
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    yields(&daemon, &truth);
    assert!(daemon.stop().success());
    demo.stop();
    let records = site.records();
    unread(&records, &truth);
    masters(&records, &demo);
    download(&records);
}

fn item(daemon: &Daemon, part: &PartTruth) -> Value {
    daemon.get(&format!("/api/v1/item?id={}", part.part.unit))["body"].take()
}

/// Every visit with its outcome and its value, in order; who was asked for a permit, and what was said.
fn as_built(daemon: &Daemon, part: &PartTruth, faults: &mut Vec<String>) {
    let item = item(daemon, part);
    let steps = item["steps"].as_array().unwrap();
    let done = steps.iter().filter(|step| step["verb"] == "complete").map(|step| {
        let station = step["station"].as_str().unwrap();
        let (_, name) = MEASURED.iter().find(|(at, _)| *at == station).unwrap();
        let taken = step["measurements"].as_array().unwrap();
        let value = taken.iter().find(|m| m["name"] == *name).unwrap()["value"].as_f64().unwrap();
        visit(station, step["result"].as_str(), value)
    });
    let (found, wanted): (Vec<String>, Vec<String>) = (
        done.collect(),
        part.visits.iter().map(|v| visit(v.station, v.result.map(word), v.value)).collect(),
    );
    if found != wanted {
        faults.push(format!("{}: found {found:?}, the plant says {wanted:?}", part.part.unit));
    }
    let asked = steps.iter().filter(|step| step["verb"] == "arrive").map(|step| {
        format!(
            "{} {}",
            step["permit"]["permit"].as_str().unwrap(),
            step["evidence"].as_str().unwrap()
        )
    });
    let asked: Vec<String> = asked.collect();
    let wanted: &[&str] = match part.fate {
        Fate::Stranger => &["nok automatic", "ok bypassed"],
        Fate::Plain | Fate::Retest | Fate::Rework | Fate::Unread => &["ok automatic"],
    };
    if asked != wanted {
        faults.push(format!("{}: permits {asked:?}, wanted {wanted:?}", part.part.unit));
    }
}

/// What it was made of and which box it went into, no more and no less.
fn genealogy(daemon: &Daemon, truth: &PartTruth, faults: &mut Vec<String>) {
    let item = item(daemon, truth);
    let links = |key: &str| -> BTreeSet<String> {
        let all = item[key].as_array().unwrap().iter();
        all.map(|link| {
            assert_eq!(link["certainty"], "certain", "{}: {link}", truth.part.unit);
            link["item"].as_str().unwrap().to_owned()
        })
        .collect()
    };
    let part = &truth.part;
    let melt = (truth.fate != Fate::Stranger).then_some(&part.melt);
    let punch = (truth.fate != Fate::Unread).then_some(&part.punch);
    let wanted = [melt, punch, Some(&part.bearing), Some(&part.grease)];
    let wanted: BTreeSet<String> = wanted.iter().flatten().map(ToString::to_string).collect();
    let boxed: BTreeSet<String> = truth.container.iter().map(ToString::to_string).collect();
    for (key, wanted) in [("made_of", wanted), ("went_into", boxed)] {
        let found = links(key);
        if found != wanted {
            faults.push(format!("{}: {key} {found:?}, the plant says {wanted:?}", part.unit));
        }
    }
    assert_eq!(truth.reached == Reached::Packed, truth.container.is_some());
}

/// How far its record goes: only a station of which nobody knows its work, or that it never saw, stands in the way of the
/// process, and the time in which another program was loaded; where the bearing sits, and where melts and punches come from, this plant tells nobody.
fn level(daemon: &Daemon, truth: &PartTruth, faults: &mut Vec<String>) {
    let answer = daemon.get(&format!("/api/v1/item?id={}", truth.part.unit));
    let level = &answer["body"]["level"];
    // The press that is loaded with another program is not seen meanwhile.
    let seen = answer["completeness"] == "complete";
    let process = if seen { (4, "") } else { (2, "PRESS20 was not observed") };
    let unknown = match truth.fate {
        Fate::Plain | Fate::Retest | Fate::Rework => None,
        Fate::Unread => Some(("PRESS20", "punch")),
        Fate::Stranger => Some(("CAST10", "furnace")),
    };
    let wanted = match unknown {
        None => [(2, "where l/site/MELT".to_owned()), (process.0, process.1.to_owned())],
        Some((station, feeder)) => [
            (1, format!("no lot of the feeder {feeder} at {station}")),
            (1, format!("the end of its work at {station} is not on record")),
        ],
    };
    for (side, wanted) in ["material", "process"].into_iter().zip(wanted) {
        let reasons = level[side]["reasons"].as_array().unwrap().iter();
        let mut said = reasons.map(|reason| reason.as_str().unwrap()).chain([""]);
        if level[side]["level"] != wanted.0 || !said.any(|why| why.starts_with(&wanted.1)) {
            faults.push(format!("{}: {side} {}, wanted {wanted:?}", truth.part.unit, level[side]));
        }
    }
}

/// Items, visits, first pass, passed, failed, untold.
type Counts = [u64; 6];

fn yields(daemon: &Daemon, truth: &[PartTruth]) {
    let mut wanted: BTreeMap<&str, Counts> = BTreeMap::new();
    for part in truth {
        let mut here: BTreeMap<&str, Vec<Option<Result>>> = BTreeMap::new();
        for visit in &part.visits {
            here.entry(visit.station).or_default().push(visit.result);
        }
        // Nobody knows whose work it was, yet it was done, and well.
        if part.fate == Fate::Unread {
            here.insert("PRESS20", vec![Some(Result::Pass)]);
        }
        for (station, results) in here {
            let [items, visits, first, passed, failed, untold] = wanted.entry(station).or_default();
            *items += 1;
            *visits += results.len() as u64;
            *first += u64::from(results.first() == Some(&Some(Result::Pass)));
            match results.last().unwrap() {
                Some(Result::Pass) => *passed += 1,
                Some(_) => *failed += 1,
                None => *untold += 1,
            }
        }
    }
    let answer = daemon.get("/api/v1/yield");
    let mut found: BTreeMap<&str, Counts> = BTreeMap::new();
    for row in answer["body"]["rows"].as_array().unwrap() {
        let keys = ["items", "visits", "first_pass", "passed", "failed", "untold"];
        let counts = keys.map(|key| row[key].as_u64().unwrap());
        found.insert(row["station"].as_str().unwrap(), counts);
    }
    println!("yield of the day: {found:?}");
    assert_eq!(found, wanted);
}

fn completions(records: &[Record]) -> impl Iterator<Item = (&TraceEvent, &What)> {
    records.iter().filter_map(|record| {
        let Body::Trace(event) = &record.body else { return None };
        matches!(event.what, What::Complete { .. }).then_some((event, &event.what))
    })
}

/// What could not be read is a unit of its own, once for each part, with the right force.
fn unread(records: &[Record], truth: &[PartTruth]) {
    let provisional = completions(records).filter_map(|(_, what)| {
        let What::Complete { item, measurements, .. } = what else { return None };
        let force = measurements.iter().find(|m| m.name.as_str() == "force")?;
        let Measured::Real(force) = force.value else { return None };
        matches!(item.scope, Scope::Provisional).then(|| force.to_string())
    });
    let provisional: Vec<String> = provisional.collect();
    let unread = truth.iter().filter(|part| part.fate == Fate::Unread);
    let wanted: Vec<String> = unread.map(|part| part.part.force_kn.to_string()).collect();
    assert_eq!(provisional, wanted);
}

/// Every master with what the bench said of it, and nothing of theirs taken for production.
fn masters(records: &[Record], demo: &Demo) {
    let found = completions(records).filter_map(|(event, what)| {
        let What::Complete { item, result, .. } = what else { return None };
        assert_eq!(event.evidence, Evidence::Automatic);
        let master = item.code.as_str().starts_with("MSTR");
        assert_eq!(event.purpose == Purpose::Master, master, "{item}");
        master.then(|| (item.code.to_string(), *result))
    });
    let found: Vec<_> = found.collect();
    let wanted: Vec<_> =
        demo.masters().iter().map(|m| (m.serial.to_owned(), Some(m.result))).collect();
    assert!(wanted.len() >= 10, "{wanted:?}");
    assert_eq!(found, wanted);
}

/// One download: one new epoch of the press, no other.
fn download(records: &[Record]) {
    let epochs = records.iter().filter_map(|record| {
        let Body::Epoch(begun) = &record.body else { return None };
        Some((begun.device.to_string(), begun.cause))
    });
    let later: Vec<_> = epochs.filter(|(_, cause)| *cause != EpochCause::FirstContact).collect();
    assert_eq!(later, [("press-01".to_owned(), EpochCause::RestartWord)]);
}
