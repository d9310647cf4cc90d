//! Retention as whoever keeps the record does it: rules in the settings, the verb beside a daemon and without one, and
//! what is answered afterwards.
use super::proof::Audited;
use super::support::daemon::{Daemon, Site};
use super::support::http::until;
use super::support::{PATIENCE, clear_of_the_hour, peers};
use serde_json::Value;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

/// The verb; what it says as JSON, and its exit code.
fn retain(audited: &Audited, args: &[&str]) -> (Option<i32>, Value, String) {
    let told = audited.site.command(&["retain", "--json"]).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    (told.status.code(), serde_json::from_slice(&told.stdout).unwrap_or_default(), said)
}

/// A plant that was stopped before its tape had a second file.
fn audited(peers: PathBuf) -> Audited {
    clear_of_the_hour();
    Audited::start(peers)
}

/// A daemon that has read all that there is.
fn ready(site: &Site) -> Daemon {
    let daemon = site.start();
    until("it is ready", PATIENCE, || (daemon.ask("/ready").0 == 200).then_some(()));
    daemon
}

/// Every answer about a unit: what it was made of, and what of that is not complete; `None` if it is not known.
fn traced(daemon: &Daemon, unit: &str) -> Option<(Value, Value)> {
    let (status, body) = daemon.ask(&format!("/api/v1/trace?id={unit}&direction=backward"));
    assert!(matches!(status, 200 | 404), "{status}: {body}");
    let mut answer: Value = (status == 200).then(|| serde_json::from_str(&body).unwrap())?;
    Some((answer["body"].take(), answer["completeness"].take()))
}

fn went(completeness: &Value) -> bool {
    completeness["incomplete"]
        .as_array()
        .is_some_and(|why| why.iter().any(|why| why.get("retention").is_some()))
}

/// A verb of somebody who signs it, asked of a running daemon.
fn asked(audited: &Audited, daemon: &Daemon, verb: &[&str]) -> Value {
    let url = format!("http://{}", daemon.http());
    let signed = ["--reason", "a complaint", "--badge", "4711", "--json", "--url", &url];
    let told = audited.site.command(verb).args(signed).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    serde_json::from_slice(&told.stdout).unwrap()
}

/// As long as somebody recalls anything.
fn while_a_case_is_open_nothing_goes(audited: &Audited, daemon: &Daemon) {
    let opened = asked(audited, daemon, &["case", "open", "--lot", &audited.units[0]]);
    let case = opened["case"].as_str().unwrap();
    keep_half_of_the_shift(audited);
    let (code, said, notice) = retain(audited, &[]);
    assert!(code == Some(0) && said["records"]["goes"] == 0, "{said} {notice}");
    assert!(notice.contains(&format!("{case} is")), "{notice}");
    asked(audited, daemon, &["case", "close", case]);
}

/// Only sealed segments can be thinned: the same records in small ones.
fn in_small_segments(site: &Site) {
    for of_before in ["data/ledger", "data/store", "data/read", "data/state"] {
        fs::remove_dir_all(site.path(of_before)).unwrap();
    }
    fs::rename(site.path("copy/ledger"), site.path("data/ledger")).unwrap();
}

/// What was told after the middle of the shift is kept, and nothing of the tape.
fn keep_half_of_the_shift(audited: &Audited) {
    let (first, last) = audited.times;
    // Time is counted up to the last record.
    let now = audited.site.records().last().unwrap().at.wall.0;
    let kept = (now - (first / 2 + last / 2)) / 1_000_000;
    let settings = fs::read_to_string(audited.site.path("pedigree.toml")).unwrap();
    let (settings, _) = settings.split_once("\n[retention]").unwrap_or((&settings, ""));
    let rules = format!("\n[retention]\ndefault = \"{kept}ms\"\ntape = \"1ms\"\n");
    fs::write(audited.site.path("pedigree.toml"), settings.to_owned() + &rules).unwrap();
}

/// Our verifier and the other one, with all checkpoints.
fn both_verify(audited: &Audited) {
    let site = &audited.site;
    let verified = site.command(&["verify"]).output().unwrap();
    let told = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success() && told.contains("dropped by retention"), "{told}");
    let ledger = site.path("data/ledger").display().to_string();
    let checkpoints = site.path("data/checkpoints").display().to_string();
    let theirs = audited.python(&["ledger", &ledger, &checkpoints]);
    assert!(theirs.status.success(), "{}", String::from_utf8_lossy(&theirs.stdout));
}

#[test]
fn what_goes_is_told_and_what_stays_is_traced_and_proven_as_before() {
    let Some(peers) = peers() else { return };
    let audited = audited(peers);
    let site = &audited.site;
    in_small_segments(site);
    let daemon = ready(site);
    let before: Vec<_> = audited.units.iter().map(|unit| traced(&daemon, unit).unwrap()).collect();
    assert!(before.iter().all(|(_, completeness)| !went(completeness)));
    while_a_case_is_open_nothing_goes(&audited, &daemon);
    // Beside a daemon it is said what would go, and nothing goes.
    keep_half_of_the_shift(&audited);
    let (code, said, notice) = retain(&audited, &[]);
    assert_eq!(code, Some(0), "{notice}");
    assert!(notice.contains("nothing was changed"), "{notice}");
    assert!(said["records"]["goes"].as_u64().unwrap() > 0, "{said}");
    let (code, _, notice) = retain(&audited, &["--apply", "--badge", "4711"]);
    assert_eq!(code, Some(75), "{notice}");
    assert!(daemon.stop().success());
    keep_half_of_the_shift(&audited);

    let segments = || fs::read_dir(site.path("data/ledger")).unwrap();
    let bytes = || segments().map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>();
    let bytes_before = bytes();
    let (code, said, notice) = retain(&audited, &["--apply", "--badge", "4711"]);
    assert_eq!(code, Some(0), "{notice}");
    println!("{said} {notice} {bytes_before} {}", bytes());
    assert!(bytes() < bytes_before);
    both_verify(&audited);
    assert!(!site.path("data/store").exists() && !site.path("data/read").exists());

    let daemon = ready(site);
    let (mut same, mut gone) = (0, 0);
    for (unit, (body, completeness)) in audited.units.iter().zip(before) {
        match traced(&daemon, unit) {
            Some((now, why)) if !went(&why) => {
                assert_eq!((now, why), (body, completeness), "{unit}");
                same += 1;
            }
            _ => gone += 1,
        }
    }
    println!("{same} as before, {gone} of which something went");
    assert!(same > 0 && gone > 0);
    // The tombstones name who let it go, by the token of the badge.
    let person = site.command(&["person", "4711", "--json"]).output().unwrap();
    let person: Value = serde_json::from_slice(&person.stdout).unwrap();
    let token = person[0]["token"].as_str().unwrap();
    let records = daemon.get("/api/v1/events?after=0&limit=1000");
    let all = records["body"].as_array().unwrap().iter();
    let stones: Vec<&Value> = all.filter(|record| record["kind"] == "tombstone").collect();
    assert!(!stones.is_empty());
    assert!(stones.iter().all(|stone| stone["text"].as_str().unwrap().ends_with(token)));
    assert!(daemon.stop().success());
    // The tape was sealed at the start, which is no longer ago than the last record.
    let sealed = || {
        let files = fs::read_dir(site.path("data/tape")).unwrap().map(|file| file.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|kind| kind == "parquet"))
    };
    assert!(sealed().count() > 0);
    for path in sealed() {
        let long_ago = UNIX_EPOCH + Duration::from_hours(24);
        File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
    }
    let (code, said, notice) = retain(&audited, &["--apply", "--badge", "4711"]);
    assert_eq!(code, Some(0), "{notice}");
    assert_eq!((said["tape"]["files"].as_u64(), sealed().count()), (Some(1), 0));
}
