//! The tape of a shift, sealed: others open it, it still plays, and it names nobody.
use super::support::daemon::{Daemon, Site};
use super::support::line::{Line, wait_recorded};
use super::support::{PATIENCE, http, peer, peers, truth};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const PARTS: u32 = 20;

/// The sealed files, once there is one.
fn sealed(site: &Site) -> Vec<PathBuf> {
    let all = || {
        let files =
            fs::read_dir(site.path("data/tape")).unwrap().map(|entry| entry.unwrap().path());
        let sealed = files.filter(|path| path.extension().is_some_and(|kind| kind == "parquet"));
        sealed.collect::<Vec<_>>()
    };
    http::until("a file is sealed", PATIENCE, || (!all().is_empty()).then_some(()));
    all()
}

/// What `DuckDB` says to a question about these files.
fn duckdb(peers: &Path, files: &[PathBuf], question: &str) -> Value {
    let files: Vec<_> = files.iter().map(|path| format!("'{}'", path.display())).collect();
    peer::duckdb(
        peers,
        &question.replace("@TAPE", &format!("read_parquet([{}])", files.join(", "))),
    )
}

fn replay(site: &Site, daemon: &Daemon) -> Value {
    let mut command = site.command(&["--json", "replay"]);
    command.env("PEDIGREE_URL", format!("http://{}", daemon.http()));
    let told = command.output().unwrap();
    assert_eq!(told.status.code(), Some(0), "{}", String::from_utf8_lossy(&told.stderr));
    serde_json::from_slice(&told.stdout).unwrap()
}

#[test]
fn the_sealed_tape_of_a_shift_is_read_by_duckdb_and_plays_byte_for_byte() {
    let Some(peers) = peers() else { return };
    let line = Line::start(&peers, PARTS, &[], &[]);
    let site = line.site();
    let daemon = site.start();
    line.wait_done();
    let parts = truth::parts(&line.assembly_truth);
    wait_recorded(&daemon, parts.last().unwrap()["serial"].as_str().unwrap());
    assert!(daemon.stop().success(), "{}", site.log());
    // The next run writes another file; the first is full.
    let daemon = site.start();
    let files = sealed(&site);

    // What was read with the trigger of each last step is what the stand-in wrote down.
    let read = |column: &str, tag: &str| {
        let of = "kind = 'read' and device = 'assembly' and tag =";
        let question = format!("select {column} from @TAPE where {of} '{tag}' order by number");
        let rows = duckdb(&peers, &files, &question);
        rows.as_array().unwrap().iter().map(|row| row[0].clone()).collect::<Vec<_>>()
    };
    let (serials, torques) = (read("text", "serial"), read("value", "torque"));
    for part in &parts {
        assert!(serials.contains(&part["serial"]), "{part} in {serials:?}");
        let torque = part["torque"].as_f64().unwrap();
        let near = |value: &Value| (value.as_f64().unwrap() - torque).abs() < 1e-3;
        assert!(torques.iter().any(near), "{part} in {torques:?}");
    }

    let told = replay(&site, &daemon);
    assert_eq!(told["different"], serde_json::json!([]), "{told:#}");
    assert_eq!((&told["starts"], &told["not_replayable"]), (&2.into(), &0.into()), "{told:#}");
}

/// Files below a folder that this stands in.
fn with(dir: &Path, wanted: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| {
        if path.is_dir() {
            return with(&path, wanted);
        }
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(wanted.len()).any(|at| at == wanted.as_bytes());
        Vec::from_iter(found.then_some(path))
    };
    entries.flat_map(below).collect()
}

/// Badges come by a subscription, by a read at a trigger, over Modbus and with a command; the key is erased, and what
/// was recorded is still proven, and still plays.
#[test]
fn nobody_is_named_in_what_is_kept_and_without_the_key_nobody_can_be_told() {
    let Some(peers) = peers() else { return };
    let line = Line::start(&peers, PARTS, &[], &[]);
    let site = line.site();
    let daemon = site.start();
    line.wait_done();
    let [press, assembly] =
        [&line.press_truth, &line.assembly_truth].map(|path| truth::parts(path));
    let last = assembly.last().unwrap()["serial"].as_str().unwrap();
    wait_recorded(&daemon, last);
    let body =
        format!(r#"{{"hold":{{"item":"u/site/{last}","reason":"look","badge":"J-Foreman"}}}}"#);
    let answer = ureq::post(format!("http://{}/api/v1/commands", daemon.http()))
        .header("content-type", "application/json")
        .send(body)
        .unwrap();
    assert_eq!(answer.status(), 200);
    let item = daemon.get(&format!("/api/v1/item?id={last}"))["body"].to_string();
    assert!(daemon.stop().success(), "{}", site.log());

    let own = |badge: &str| site.command(&["person", badge]).output().unwrap();
    let mut badges: Vec<String> = press
        .iter()
        .chain(&assembly)
        .map(|part| part["operator"].as_str().unwrap().to_owned())
        .collect();
    badges.push("J-Foreman".to_owned());
    badges.sort();
    badges.dedup();
    assert!(badges.len() >= 3, "{badges:?}");
    let mut named = 0;
    for badge in &badges {
        assert_eq!(with(&site.path("data"), badge), Vec::<PathBuf>::new(), "{badge} is kept");
        let told = String::from_utf8(own(badge).stdout).unwrap();
        let token = told.split_whitespace().find(|word| word.starts_with("P-")).unwrap().to_owned();
        named += usize::from(item.contains(&token));
    }
    assert!(named >= 2, "who worked on it, and who held it: {item}");

    fs::remove_file(site.path("data/person.key")).unwrap();
    assert_eq!(own("J-Foreman").status.code(), Some(1));
    let daemon = site.start();
    assert!(site.log().contains("there is no key of persons"), "{}", site.log());
    let files = sealed(&site);
    let question =
        "select distinct text from @TAPE where tag in ('Operator', 'operator') and text <> ''";
    let seen = duckdb(&peers, &files, question);
    let seen: Vec<_> =
        seen.as_array().unwrap().iter().map(|row| row[0].as_str().unwrap()).collect();
    assert!(seen.len() >= 2 && seen.iter().all(|text| text.starts_with("person:")), "{seen:?}");
    let told = replay(&site, &daemon);
    assert_eq!(told["different"], serde_json::json!([]), "{told:#}");
    assert_eq!(told["not_replayable"], 0, "{told:#}");
    let verified = site.command(&["verify"]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}
