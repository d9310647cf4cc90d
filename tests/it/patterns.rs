//! A ring, a bit that is turned over, a state word and a pulse of a foreign PLC, with the daemon killed at
//! every named point and at moments in between: each part once and as it was, or counted in a gap.
use super::support::balance::{asked, balance};
use super::support::daemon::{Site, read};
use super::support::peer::Peer;
use super::support::{PATIENCE, here, http, peers, truth};
use pedigree::model::{Body, Evidence, GapCause, Record, Value as Word, What};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PARTS: u64 = 100;
/// Parts of a run whose ring is written over, so many entries that nobody reads, and its slots.
const OVERRUN_PARTS: u64 = 200;
const OVERRUN: u64 = 80;
const SLOTS: u64 = 8;
const STATIONS: [&str; 3] = ["RING", "TURN", "STATE"];
const POINTS: [&str; 5] = ["after-read", "after-append", "after-sync", "after-reply", "after-ack"];
const SIGKILL: i32 = 9;
/// The deadline of the state word, by the plant file, and what stands in it for ok.
const STATE_DEADLINE: Duration = Duration::from_millis(300);
const OK: i64 = 4;
/// Between two kills at moments; what is made meanwhile differs from run to run.
const BETWEEN: [u64; 4] = [5, 11, 2, 23];

struct Plant {
    plc: Peer,
    truth: PathBuf,
    parts: u64,
    site: Site,
    _dir: tempfile::TempDir,
}

impl Plant {
    fn start(peers: &Path, parts: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let truth = dir.path().join("patterns.jsonl");
        let many = parts.to_string();
        let args = ["--truth", truth.to_str().unwrap(), "--parts", &many];
        let plc = Peer::start(peers, "patterns_plc.py", &args);
        let text = read(&here("tests/plants/patterns/patterns.toml"));
        let text = text.replace("@PORT@", &plc.port("port").to_string());
        let site = Site::new(&[("patterns.toml", text)]);
        Self { plc, truth, parts, site, _dir: dir }
    }

    fn done(&self) -> BTreeMap<String, u64> {
        let stats: Value = serde_json::from_str(&self.plc.control("stats")).unwrap();
        let stations = STATIONS.iter().chain(&["PULSE"]);
        stations.map(|s| ((*s).to_owned(), stats[s].as_u64().unwrap())).collect()
    }

    fn wait(&self, what: &str, reached: impl Fn(&BTreeMap<String, u64>) -> bool) {
        http::until_or(
            what,
            PATIENCE,
            || reached(&self.done()).then_some(()),
            || format!("{:?}\n{}", self.done(), self.site.log()),
        );
    }

    /// All parts are made; the tail of the ring is where its head is.
    fn end(&self) -> Vec<Record> {
        let daemon = self.site.start();
        self.wait("all parts are made", |done| STATIONS.iter().all(|s| done[*s] == self.parts));
        let last = format!("RING-{:05}", self.parts);
        http::until("the last entry of the ring is recorded", PATIENCE, || {
            (daemon.ask(&format!("/api/v1/item?id={last}")).0 == 200).then_some(())
        });
        assert!(daemon.stop().success(), "{}", self.site.log());
        self.site.records()
    }

    /// Waits until nothing is under way; the pulses that were made.
    fn rests(&self) -> Vec<Value> {
        http::until("the PLC rests", PATIENCE, || {
            let stats: Value = serde_json::from_str(&self.plc.control("stats")).unwrap();
            (stats["resting"] == 5).then_some(())
        });
        self.made("PULSE")
    }

    fn made(&self, station: &str) -> Vec<Value> {
        truth::of(&truth::parts(&self.truth), station)
    }
}

/// The values that were measured, by item.
fn values(records: &[Record]) -> BTreeMap<String, Word> {
    let value = |r: &Record| {
        let Body::Trace(event) = &r.body else { return None };
        let What::Complete { item, measurements, .. } = &event.what else { return None };
        Some((item.code.to_string(), measurements[0].value.clone()))
    };
    records.iter().filter_map(value).collect()
}

/// What each station asked for beside what came of it.
fn judge(plant: &Plant, records: &[Record]) -> [(usize, u64); 3] {
    STATIONS.map(|station| judge_one(plant, records, station))
}

/// Every value is that of its part.
fn judge_one(plant: &Plant, records: &[Record], station: &str) -> (usize, u64) {
    let (values, made) = (values(records), plant.made(station));
    for part in &made {
        let serial = part["serial"].as_str().unwrap();
        let wanted = Word::Real(part["value"].as_f64().unwrap());
        assert!(values.get(serial).is_none_or(|value| *value == wanted), "{serial}: {values:?}");
    }
    let sum = balance(records, (station, "result"), &asked(&made, "number", "at"));
    assert_eq!((sum.asked, sum.quarantined), (made.len(), 0), "{station}: {sum:?}");
    (sum.observed, sum.missed)
}

#[test]
fn a_ring_a_toggle_and_a_state_word_survive_every_kill() {
    let Some(peers) = peers() else { return };
    let plant = Plant::start(&peers, PARTS);
    for (n, point) in POINTS.into_iter().enumerate() {
        let crash = format!("{point}:{}", 4 + 5 * n);
        let daemon = plant.site.try_start(&[("PEDIGREE_CRASH", &crash)]).unwrap();
        let ended = daemon.ended();
        assert_eq!(ended.signal(), Some(SIGKILL), "at {crash}: {ended:?}\n{}", plant.site.log());
    }
    for more in BETWEEN {
        let (daemon, before) = (plant.site.start(), plant.done());
        let goal = (before["TURN"] + more).min(PARTS);
        plant.wait("some parts more", |done| done["TURN"] >= goal);
        daemon.kill();
    }
    let records = plant.end();
    let sums = judge(&plant, &records);
    println!("killed {} times; observed and missed: {sums:?}", POINTS.len() + BETWEEN.len());
    assert_eq!(sums, [(100, 0); 3]);
    let stats: Value = serde_json::from_str(&plant.plc.control("stats")).unwrap();
    assert_eq!(stats["busy"], true, "the PLC was never told that its request is seen");
    answers_of_the_state_word(&plant, &records);
}

/// Whoever was answered within the deadline was told ok, if we were there when it asked; who was answered after it, since
/// nobody looked, may not have been.
fn answers_of_the_state_word(plant: &Plant, records: &[Record]) {
    let late = |serial: &str| {
        records.iter().any(|record| {
            let Body::Trace(event) = &record.body else { return false };
            event.evidence == Evidence::Late && event.what.items()[0].code.as_str() == serial
        })
    };
    let (mut told, mut in_time) = (Vec::new(), 0);
    for part in plant.made("STATE") {
        let number = |word: &str| part[word].as_i64().unwrap();
        let took = Duration::from_nanos(u64::try_from(number("answered") - number("at")).unwrap());
        told.push(number("answer"));
        if took < STATE_DEADLINE && !late(part["serial"].as_str().unwrap()) {
            in_time += 1;
            assert_eq!(number("answer"), OK, "after {took:?}: {part}");
        }
    }
    println!("answers of the state word, {in_time} in time: {told:?}");
    assert!(in_time > 0, "nobody was answered in time");
}

#[test]
fn a_ring_that_is_written_over_while_the_daemon_is_dead_names_what_is_lost() {
    let Some(peers) = peers() else { return };
    let plant = Plant::start(&peers, OVERRUN_PARTS);
    let daemon = plant.site.start();
    plant.wait("the ring is read", |done| done["RING"] >= 20);
    daemon.kill();
    // Longer than the PLC may be silent.
    std::thread::sleep(Duration::from_secs(4));
    let goal = plant.done()["RING"] + OVERRUN;
    plant.plc.control("careless on");
    plant.wait("the ring is written over", |done| done["RING"] >= goal);
    plant.plc.control("careless off");
    let before = plant.site.records().len();
    let stood = truth::asked(&plant.truth);
    let stood = stood.iter().map(|part| part["serial"].as_str().unwrap().to_owned()).collect();
    let records = plant.end();
    found_late(&records[before..], &stood);
    let sums = judge(&plant, &records);
    println!("observed and missed: {sums:?}");
    let (observed, missed) = sums[0];
    // What it holds at the end is found.
    assert!(missed >= OVERRUN - SLOTS && observed as u64 + missed == OVERRUN_PARTS, "{sums:?}");
    assert_eq!(sums[1..], [(200, 0); 2]);
    let lost = records.iter().filter_map(|record| match &record.body {
        Body::Gap(gap) if gap.cause == GapCause::Overrun => Some(gap.first.unwrap().0),
        Body::Trace(_)
        | Body::Quarantine(_)
        | Body::Gap(_)
        | Body::Verdict(_)
        | Body::Epoch(_)
        | Body::Plant(_)
        | Body::Orders(_)
        | Body::Audit(_)
        | Body::Tombstone(_)
        | Body::Case(_)
        | Body::Maintenance(_)
        | Body::Alarm(_)
        | Body::Dropped => None,
    });
    let made = plant.made("RING");
    let first =
        made.iter().find(|part| !values(&records).contains_key(part["serial"].as_str().unwrap()));
    assert_eq!(lost.collect::<Vec<_>>()[0], first.unwrap()["number"].as_u64().unwrap());
}

/// What stood there when the outage ended is known only afterwards; what came later is not. The state word may have
/// nothing there: it asks no more before its last answer is taken back.
fn found_late(records: &[Record], stood: &BTreeSet<String>) {
    for station in STATIONS {
        let event = |record: &Record| {
            let Body::Trace(event) = &record.body else { return None };
            let What::Complete { item, .. } = &event.what else { return None };
            let here = event.station.as_ref().is_some_and(|id| id.as_str() == station);
            here.then(|| (item.code.to_string(), event.evidence))
        };
        let told: Vec<(String, Evidence)> = records.iter().filter_map(event).collect();
        let (old, new): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|(serial, _)| stood.contains(serial));
        println!("{station}: {} stood there, {} came later", old.len(), new.len());
        assert!(station == "STATE" || !old.is_empty(), "{station}");
        assert!(old.iter().all(|(_, evidence)| *evidence == Evidence::Late), "{old:?}");
        assert_eq!(new.last().unwrap().1, Evidence::Automatic, "{station}");
    }
}

/// Nobody waits for a pulse: one that is too short, or comes while the daemon is dead, is counted in a gap.
#[test]
fn a_pulse_is_recorded_or_counted_in_a_gap_whatever_is_killed() {
    let Some(peers) = peers() else { return };
    let plant = Plant::start(&peers, PARTS);
    let pulses = |daemon: &str, more: u64| {
        let before = plant.done();
        plant.wait(daemon, |done| done["PULSE"] >= before["PULSE"] + more);
    };
    let daemon = plant.site.start();
    plant.wait("the PLC is looked at", |done| done["TURN"] >= 5);
    plant.plc.control("pulse 300 300");
    pulses("long ones", 3);
    plant.plc.control("pulse 5 300");
    pulses("short ones", 30);
    daemon.kill();
    // The one that is there when it dies or comes back may be seen.
    pulses("while it is dead", 8);
    let daemon = plant.site.start();
    pulses("once more", 20);
    daemon.kill();
    pulses("while it is dead again", 6);
    let daemon = plant.site.start();
    // The last ones are long: what was missed before is told with them.
    plant.plc.control("pulse 500 500");
    pulses("those of the end", 4);
    plant.plc.control("pause on");
    let made = plant.rests();
    http::until("the last pulse is recorded", PATIENCE, || {
        let last = made.last().unwrap()["serial"].as_str().unwrap();
        (daemon.ask(&format!("/api/v1/item?id={last}")).0 == 200).then_some(())
    });
    assert!(daemon.stop().success(), "{}", plant.site.log());
    let (observed, missed) = judge_one(&plant, &plant.site.records(), "PULSE");
    println!("observed and missed: {observed}, {missed}");
    assert!(observed >= 10 && missed >= 12, "{observed}, {missed}");
    assert_eq!(observed as u64 + missed, made.len() as u64);
}
