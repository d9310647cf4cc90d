//! Result events of a foreign machine (OPC 40001-101), with the daemon killed at every named point and at
//! moments in between, and the link cut: each result once and as it was, acknowledged when it is recorded.
use super::support::daemon::{Daemon, Site, read};
use super::support::peer::Peer;
use super::support::proxy::Proxy;
use super::support::{PATIENCE, here, http, peers, truth};
use pedigree::model::{
    Body, Interval, Record, Result as Outcome, StationId, Utc, Value as Word, What,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

const POINTS: [&str; 4] = ["after-read", "after-append", "after-sync", "after-ack"];
const SIGKILL: i32 = 9;

struct Plant {
    machine: Peer,
    relay: Proxy,
    truth: PathBuf,
    site: Site,
    _dir: tempfile::TempDir,
}

/// A result as the machine made it, or as it is recorded.
type Made = (Word, Option<Outcome>);

impl Plant {
    fn start(peers: &Path, args: &[&str], plant: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let truth = dir.path().join("results.jsonl");
        let all = [&["--truth", truth.to_str().unwrap()], args].concat();
        let machine = Peer::start(peers, "result_plc.py", &all);
        let relay = Proxy::start(machine.port("port"));
        let text = plant.replace("@PORT@", &relay.port.to_string());
        let site = Site::new(&[("results.toml", text)]);
        Self { machine, relay, truth, site, _dir: dir }
    }

    fn stats(&self) -> Value {
        serde_json::from_str(&self.machine.control("stats")).unwrap()
    }

    fn wait(&self, what: &str, reached: impl Fn(&Value) -> bool) {
        http::until_or(
            what,
            PATIENCE,
            || reached(&self.stats()).then_some(()),
            || format!("{}\n{}", self.stats(), self.site.log()),
        );
    }

    fn more(&self, parts: u64) {
        let before = self.stats()["made"].as_u64().unwrap();
        self.wait("some parts more", |stats| stats["made"].as_u64().unwrap() >= before + parts);
    }

    /// The machine makes no more, and all that it has made is acknowledged.
    fn ends(&self) {
        self.machine.control("pause on");
        self.wait("all is acknowledged", |stats| stats["kept"] == 0);
    }

    /// Whatever the machine was told to be recorded is; the daemon is not running.
    fn nothing_is_acknowledged_too_early(&self) -> Vec<Record> {
        let records = self.site.records();
        let (recorded, made) = (recorded(&records), truth::parts(&self.truth));
        for name in self.stats()["acknowledged"].as_array().unwrap() {
            let part = made.iter().find(|part| part["name"] == *name).unwrap();
            let serial = part["serial"].as_str().unwrap();
            assert!(recorded.contains_key(serial), "{serial} is acknowledged and not recorded");
        }
        records
    }

    /// By serial.
    fn made(&self) -> BTreeMap<String, Made> {
        let made = |part: Value| {
            let outcome = if part["good"] == true { Outcome::Pass } else { Outcome::Fail };
            let value = Word::Real(part["value"].as_f64().unwrap());
            (part["serial"].as_str().unwrap().to_owned(), (value, Some(outcome)))
        };
        truth::parts(&self.truth).into_iter().map(made).collect()
    }
}

/// The results in the ledger, by serial; none is there twice.
fn recorded(records: &[Record]) -> BTreeMap<String, Made> {
    let mut all = BTreeMap::new();
    for record in records {
        if let Body::Trace(event) = &record.body
            && let What::Complete { item, result, measurements, .. } = &event.what
        {
            let made = (measurements[0].value.clone(), *result);
            let before = all.insert(item.code.to_string(), made);
            assert_eq!(before, None, "{} is recorded twice", item.code);
        }
    }
    all
}

fn plant() -> String {
    read(&here("tests/plants/results/results.toml"))
}

#[test]
fn results_survive_every_kill_and_cut_and_are_acknowledged_when_recorded() {
    let Some(peers) = peers() else { return };
    // It keeps all that it has made, for however long nobody listens.
    let args = ["--parts", "100000", "--cycle", "40", "--keep", "100000"];
    let plant = Plant::start(&peers, &args, &plant());
    for (n, point) in POINTS.into_iter().enumerate() {
        let crash = format!("{point}:{}", 3 + 4 * n);
        let daemon = plant.site.try_start(&[("PEDIGREE_CRASH", &crash)]).unwrap();
        let ended = daemon.ended();
        assert_eq!(ended.signal(), Some(SIGKILL), "at {crash}: {ended:?}\n{}", plant.site.log());
        plant.nothing_is_acknowledged_too_early();
    }
    for more in [7, 23, 2] {
        let daemon = plant.site.start();
        plant.more(more);
        daemon.kill();
        plant.nothing_is_acknowledged_too_early();
    }
    let daemon = plant.site.start();
    for more in [9, 3, 17] {
        plant.relay.cut();
        plant.more(more);
    }
    plant.ends();
    assert!(daemon.stop().success(), "{}", plant.site.log());
    let records = plant.nothing_is_acknowledged_too_early();
    assert_eq!(recorded(&records), plant.made());
    let (asked, many) = (plant.stats()["asked"].clone(), recorded(&records).len());
    println!("killed 7 times, cut 3 times: {many} results, asked {asked} times what it has");
    let aside = |record: &&Record| matches!(record.body, Body::Quarantine(_));
    assert_eq!(records.iter().find(aside), None);
}

/// The plant with a second station; a third job is nobody's.
fn shared() -> String {
    let own = plant();
    let at = own.find("[station.BOLT]").unwrap();
    let (device, left) = own.split_at(at);
    let event = "event    = \"complete\"";
    assert_eq!(left.matches(event).count(), 1);
    let of = |job: &str| {
        left.replace(event, &format!("{event}\nonly     = \"ResultMetaData.JobId = {job}\""))
    };
    format!("{device}{}\n{}", of("J0"), of("J1").replace("station.BOLT", "station.NUT"))
}

/// One object tells of what two stations do, and of what neither does: each result is got once, recorded by whose it
/// is, or set aside, and acknowledged once, whoever dies.
#[test]
fn stations_share_what_one_machine_tells_of() {
    let Some(peers) = peers() else { return };
    let args = ["--parts", "100000", "--cycle", "40", "--stations", "3", "--keep", "100000"];
    let plant = Plant::start(&peers, &args, &shared());
    for (n, point) in POINTS.into_iter().enumerate() {
        let crash = format!("{point}:{}", 4 + 5 * n);
        let daemon = plant.site.try_start(&[("PEDIGREE_CRASH", &crash)]).unwrap();
        assert_eq!(daemon.ended().signal(), Some(SIGKILL), "{crash}\n{}", plant.site.log());
    }
    let daemon = plant.site.start();
    for more in [9, 12] {
        plant.relay.cut();
        plant.more(more);
    }
    http::until("all is acknowledged so far", PATIENCE, || {
        (plant.stats()["kept"].as_u64() <= Some(6)).then_some(())
    });
    // From here on nothing is lost on the way.
    let before = plant.stats();
    let asked = |stats: &Value| stats["asked"].as_u64().unwrap();
    plant.more(30);
    plant.ends();
    assert!(daemon.stop().success(), "{}", plant.site.log());
    let records = plant.site.records();
    let recorded = recorded(&records);
    let station = |serial: &str| {
        records.iter().find_map(|record| {
            let Body::Trace(event) = &record.body else { return None };
            let What::Complete { item, .. } = &event.what else { return None };
            event.station.clone().filter(|_| item.code.as_str() == serial)
        })
    };
    let aside = records.iter().filter(|record| matches!(record.body, Body::Quarantine(_))).count();
    let made = truth::parts(&plant.truth);
    let strange = made.iter().filter(|part| part["job"] == "J2").count();
    assert_eq!(aside, strange, "what is nobody's is set aside, once");
    for part in &made {
        let serial = part["serial"].as_str().unwrap();
        let wanted = match part["job"].as_str().unwrap() {
            "J0" => Some("BOLT"),
            "J1" => Some("NUT"),
            _ => None,
        };
        assert_eq!(station(serial).as_ref().map(StationId::as_str), wanted, "{part}");
        assert_eq!(recorded.contains_key(serial), wanted.is_some(), "{part}");
    }
    let stats = plant.stats();
    let acknowledged = stats["acknowledged"].as_array().unwrap();
    let once: std::collections::BTreeSet<_> = acknowledged.iter().map(Value::to_string).collect();
    assert_eq!((acknowledged.len(), once.len()), (made.len(), made.len()), "each once");
    let got = &stats["got"].as_array().unwrap()[before["got"].as_array().unwrap().len()..];
    // Every fourth is told twice, and whatever is not acknowledged is named once more with each list that is asked for.
    let most = 2 + usize::try_from(asked(&stats) - asked(&before)).unwrap();
    let last: Vec<_> = made.iter().rev().take(20).map(|part| &part["name"]).collect();
    for name in last {
        let many = got.iter().filter(|got| *got == name).count();
        assert!((1..=most).contains(&many), "{name} was got {many} times, {most} at most");
    }
    println!("{} recorded, {aside} set aside, {} got", recorded.len(), got.len());
}

/// A machine that keeps few: what it has forgotten when we come back lies in the gap of our absence.
#[test]
fn what_a_machine_forgot_while_nobody_listened_lies_in_a_gap() {
    let Some(peers) = peers() else { return };
    let args = ["--parts", "100000", "--cycle", "40", "--keep", "10"];
    let plant = Plant::start(&peers, &args, &plant());
    let daemon = plant.site.start();
    plant.wait("the first are recorded", |stats| {
        stats["acknowledged"].as_array().unwrap().len() >= 10
    });
    daemon.kill();
    plant.more(60);
    let daemon = plant.site.start();
    plant.more(5);
    plant.ends();
    assert!(daemon.stop().success(), "{}", plant.site.log());
    let records = plant.nothing_is_acknowledged_too_early();
    let recorded = recorded(&records);
    let gaps = records.iter().filter_map(|record| match &record.body {
        Body::Gap(gap) => Some(gap.interval),
        Body::Trace(_)
        | Body::Quarantine(_)
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
    let gaps: Vec<_> = gaps.filter(|gap| gap.to.is_some()).collect();
    // What it forgot before it was spoken to for the first time, nobody missed.
    let first = records.iter().find(|record| matches!(record.body, Body::Epoch(_)));
    let begun = first.unwrap().at.wall.0;
    let mut missing = 0;
    for part in truth::parts(&plant.truth) {
        let at = part["at"].as_i64().unwrap();
        if at < begun || recorded.contains_key(part["serial"].as_str().unwrap()) {
            continue;
        }
        missing += 1;
        let covered = gaps.iter().any(|gap| gap.from.0 <= at && gap.to.unwrap().0 >= at);
        assert!(covered, "{part} is neither recorded nor in a gap: {gaps:?}");
    }
    println!("{} recorded, {missing} in gaps", recorded.len());
    assert!(missing >= 40, "{missing}");
}

/// The plant without the methods.
fn bare() -> String {
    let text = plant();
    let methods = ["recover", "fetch", "ack "];
    let bare = text.lines().filter(|line| !methods.iter().any(|key| line.starts_with(key)));
    bare.collect::<Vec<_>>().join("\n")
}

/// What is told before anybody listens is told to nobody.
fn observed(daemon: &Daemon) {
    http::until("the machine is observed", PATIENCE, || {
        (daemon.get("/api/v1/devices")["body"][0]["stage"] == "live").then_some(())
    });
}

/// Events of a type of the machine's own: those of its type and of kinds of it are taken, each once, with the words
/// that are its fields; those of another type, with the same fields, are not. An outage is a gap.
#[test]
fn events_of_a_type_of_the_machines_own_are_recorded() {
    let Some(peers) = peers() else { return };
    let text = bare()
        .replace("\"Results\"", "\"Results\"\nevent_type = \"PartFinishedEventType\"")
        .replace("ResultMetaData.PartId", "SerialNumber")
        .replace("ResultMetaData.ProcessingTimes.EndTime", "Time")
        .replace("ResultMetaData.ResultEvaluation", "Evaluation")
        .replace("ResultContent[0]", "Torque");
    let plant = Plant::start(&peers, &["--parts", "100000", "--cycle", "25", "--own"], &text);
    let daemon = plant.site.start();
    observed(&daemon);
    plant.more(70);
    let gaps = |daemon: &Daemon| daemon.get("/api/v1/gaps")["body"].as_array().unwrap().len();
    let before = gaps(&daemon);
    plant.relay.cut();
    http::until("the cut is noticed", PATIENCE, || (gaps(&daemon) > before).then_some(()));
    observed(&daemon);
    plant.more(30);
    plant.machine.control("pause on");
    let last = truth::parts(&plant.truth).pop().unwrap()["serial"].as_str().unwrap().to_owned();
    http::until("the last part is recorded", PATIENCE, || {
        (daemon.ask(&format!("/api/v1/item?id={last}")).0 == 200).then_some(())
    });
    assert!(daemon.stop().success(), "{}", plant.site.log());
    let (records, made) = (plant.site.records(), plant.made());
    let found = recorded(&records);
    // What was under way when the connection was cut is in the gap.
    assert!(found.len() >= 90, "{}", found.len());
    // Of a kind of the type.
    assert!(found.values().any(|(_, outcome)| *outcome == Some(Outcome::Fail)));
    for (serial, what) in &found {
        assert_eq!(Some(what), made.get(serial), "{serial}");
    }
    let gaps: Vec<_> = records
        .iter()
        .filter_map(|r| if let Body::Gap(gap) = &r.body { Some(gap.interval) } else { None })
        .collect();
    let first = found.keys().next().unwrap();
    for part in truth::parts(&plant.truth) {
        let (serial, at) = (part["serial"].as_str().unwrap(), Utc(part["at"].as_i64().unwrap()));
        let is_in = |gap: &Interval| gap.from <= at && gap.to.is_none_or(|to| at <= to);
        let is_missing = serial > first.as_str() && !found.contains_key(serial);
        assert!(!is_missing || gaps.iter().any(is_in), "{serial} is in no gap");
    }
}

/// Events that have all of the result need no method.
#[test]
fn an_event_that_has_all_of_the_result_is_enough() {
    let Some(peers) = peers() else { return };
    let args = ["--parts", "100000", "--cycle", "25", "--whole"];
    let plant = Plant::start(&peers, &args, &bare());
    let daemon = plant.site.start();
    observed(&daemon);
    plant.more(60);
    plant.machine.control("pause on");
    let last = truth::parts(&plant.truth);
    // Every fifth is told after the one behind it.
    let last = last.iter().rev().find(|part| {
        let serial = part["serial"].as_str().unwrap();
        !serial.ends_with('0') && !serial.ends_with('5')
    });
    let last = last.unwrap()["serial"].as_str().unwrap().to_owned();
    http::until("the last result is recorded", PATIENCE, || {
        (daemon.ask(&format!("/api/v1/item?id={last}")).0 == 200).then_some(())
    });
    assert!(daemon.stop().success(), "{}", plant.site.log());
    let (recorded, made) = (recorded(&plant.site.records()), plant.made());
    assert!(recorded.len() >= 50, "{}", recorded.len());
    for (serial, found) in &recorded {
        assert_eq!(Some(found), made.get(serial), "{serial}");
    }
    assert_eq!(plant.stats()["acknowledged"].as_array().unwrap().len(), 0);
}
