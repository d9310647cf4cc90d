//! A recall as a drill, asked by the command line of a line that runs over real sockets: it finds what the plant's own
//! list has, and what a case of it would freeze.
use super::support::daemon::{Daemon, Site};
use super::support::http::until;
use super::support::{PATIENCE, runtime};
use pedigree::daemon;
use pedigree::demo::{Demo, DemoOptions, PartTruth};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

const PARTS: u64 = 60;
const CYCLE: Duration = Duration::from_millis(60);

/// A verb of the command line: its code, and what it said.
fn pedigree(site: &Site, daemon: &Daemon, words: &[&str]) -> (Option<i32>, Value) {
    let url = format!("http://{}", daemon.http());
    let said = site.command(&[&["--json", "--url", &url], words].concat()).output().unwrap();
    println!("{words:?}: {}", String::from_utf8_lossy(&said.stderr));
    (said.status.code(), serde_json::from_slice(&said.stdout).unwrap_or_default())
}

/// What a lot went into, by the plant's list: parts, and boxes with such a part.
fn wanted(truth: &[PartTruth], of: impl Fn(&PartTruth) -> bool) -> (usize, usize) {
    let parts = truth.iter().filter(|part| of(part));
    let boxes: BTreeSet<_> = parts.clone().filter_map(|part| part.container.as_ref()).collect();
    (parts.count(), boxes.len())
}

/// What a drill counts, and that it is whole.
fn counted(drill: &Value) -> [u64; 4] {
    assert_eq!(drill["completeness"], "complete", "{drill}");
    let groups = &drill["body"]["groups"];
    ["suspect", "container", "shipped", "unknown"].map(|group| groups[group].as_u64().unwrap())
}

#[test]
fn a_drill_finds_what_the_plant_says_and_what_a_case_freezes() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = DemoOptions::new(5, daemon::clock());
    (options.cycle, options.drift, options.parts_max) = (CYCLE, None, Some(PARTS));
    let runtime = runtime();
    let (demo, plcs) = runtime.block_on(Demo::start(options, dir.path())).unwrap();
    let site = Site::of(&demo);
    runtime.spawn(plcs);
    let daemon = site.start();
    let mut progress = demo.progress();
    let through = progress.wait_for(|through| *through >= PARTS);
    let through = runtime.block_on(async { tokio::time::timeout(PATIENCE, through).await });
    assert!(through.is_ok(), "the line stands still: {} parts", *demo.progress().borrow());
    let truth = demo.truth();
    let last = truth.iter().rev().find(|part| part.container.is_some()).unwrap();
    let path = format!("/api/v1/item?id={}", last.part.unit);
    until("the last part is in its box", PATIENCE, || {
        let (status, body) = daemon.ask(&path);
        (status == 200 && body.contains("packed-in")).then_some(())
    });

    for lot in [&last.part.melt, &last.part.grease] {
        let has = |part: &PartTruth| [&part.part.melt, &part.part.grease].contains(&lot);
        let (parts, boxes) = wanted(&truth, has);
        daemon.caught_up();
        let (code, told) = pedigree(&site, &daemon, &["drill-recall", &lot.to_string()]);
        let drill = &told["drill"];
        assert_eq!(code, Some(0), "{told}");
        assert_eq!(drill["body"]["item"], lot.to_string());
        let counts = counted(drill);
        println!("{lot}: {counts:?} in {} s", drill["body"]["seconds"]);
        assert_eq!(counts, [parts as u64, boxes as u64, 0, 0], "{lot}");
        freezes_the_same(&site, &daemon, &lot.to_string(), drill);
    }

    // The same seed draws the same lot, of the same records.
    let drawn = || pedigree(&site, &daemon, &["drill-recall", "--seed", "17"]).1["drill"].take();
    let (first, second) = (drawn(), drawn());
    assert_eq!(
        (&first["body"]["seed"], &first["body"]["direction"]),
        (&17.into(), &"forward".into())
    );
    if first["position"] == second["position"] {
        assert_eq!(first["body"]["hash"], second["body"]["hash"]);
    }
    let (code, _) = pedigree(&site, &daemon, &["drill-recall", "NOWHERE"]);
    assert_eq!(code, Some(3), "nothing is recorded of it");
    assert!(daemon.stop().success());
    demo.stop();
}

/// A case of the same question finds as many; if nothing was recorded in between, it has the same hash.
fn freezes_the_same(site: &Site, daemon: &Daemon, lot: &str, drill: &Value) {
    let open = ["case", "open", "--lot", lot, "--reason", "a drill", "--badge", "4711"];
    let (code, case) = pedigree(site, daemon, &open);
    assert_eq!(code, Some(0), "{case}");
    let (frozen, groups) = (&case["frozen"], &drill["body"]["groups"]);
    for (count, group) in [("suspect", "suspect"), ("containers", "container")] {
        assert_eq!(frozen["counts"][count], groups[group], "{lot}: {frozen}");
    }
    let same = frozen["position"] == drill["position"];
    println!("{lot}: frozen as of the same record: {same}");
    assert_eq!(frozen["hash"] == drill["body"]["hash"], same, "{lot}: {frozen} {drill}");
}
