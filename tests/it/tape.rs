//! The tape of a shift, sealed: others open it, and it still plays.
use super::support::daemon::{Daemon, Site};
use super::support::line::{Line, wait_recorded};
use super::support::{http, peer, peers, truth};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PARTS: u32 = 20;

/// The sealed files, once there is one.
fn sealed(site: &Site) -> Vec<PathBuf> {
    let all = || {
        let files =
            fs::read_dir(site.path("data/tape")).unwrap().map(|entry| entry.unwrap().path());
        let sealed = files.filter(|path| path.extension().is_some_and(|kind| kind == "parquet"));
        sealed.collect::<Vec<_>>()
    };
    http::until("a file is sealed", Duration::from_mins(1), || (!all().is_empty()).then_some(()));
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
    line.wait_done(Duration::from_mins(2));
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
