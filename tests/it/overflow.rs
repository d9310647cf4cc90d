//! A foreign server whose queue runs over says so: a gap, and the count of the PLC says how many are missing.
use super::support::balance::{asked, balance};
use super::support::daemon::{Site, read};
use super::support::peer::Peer;
use super::support::{PATIENCE, here, http, peers, truth};
use pedigree::model::{Body, GapCause, GapSource, Record};
use serde_json::Value;
use std::path::Path;

/// Pulses that fall at once, in each burst.
const BURSTS: [u64; 3] = [0, 300, 150];

#[test]
fn a_queue_of_a_foreign_server_that_runs_over_is_a_gap_and_every_number_is_told() {
    let Some(peers) = peers() else { return };
    let dir = tempfile::tempdir().unwrap();
    let told = dir.path().join("burst.jsonl");
    let plc = Peer::start(&peers, "kettle_plc.js", &["--truth", told.to_str().unwrap()]);
    let text = read(&here("tests/plants/soak/burst.toml"));
    let text = text.replace("@PORT@", &plc.port("port").to_string());
    let site = Site::new(&[("burst.toml", text)]);
    let daemon = site.start();
    http::until_or(
        "the PLC is observed",
        PATIENCE,
        || {
            let devices = daemon.get("/api/v1/devices");
            (devices["body"][0]["stage"] == "live").then_some(())
        },
        || site.log(),
    );
    let mut last = 0;
    for many in BURSTS {
        plc.control(&format!("burst {many}"));
        last += many + 1;
        // The last one stands until then.
        let path = format!("/api/v1/item?id=BURST-{last:05}");
        let recorded = || (daemon.ask(&path).0 == 200).then_some(());
        http::until_or(&path, PATIENCE, recorded, || site.log());
        plc.control("fall");
        http::until("the bit has fallen", PATIENCE, || {
            (made(&told).len() as u64 == last).then_some(())
        });
    }
    let metrics = daemon.ask("/metrics").1;
    assert!(daemon.stop().success(), "{}", site.log());
    let records = site.records();
    let made = made(&told);
    let sum = balance(&records, ("BURST", "result"), &asked(&made, "number", "at"));
    println!("{sum:?}, {} gaps of the queue", overflows(&records));
    assert!(overflows(&records) >= 2, "the queue never ran over");
    assert_eq!(sum.asked as u64, last);
    assert_eq!(sum.observed as u64 + sum.missed, last);
    assert!(sum.observed >= BURSTS.len(), "{sum:?}");
    let counted = metrics.lines().find(|l| l.starts_with("pedigree_subscription_overflows_total{"));
    assert!(counted.is_some_and(|line| !line.ends_with(" 0")), "{counted:?}");
}

/// The pulses that the PLC wrote down.
fn made(told: &Path) -> Vec<Value> {
    truth::of(&truth::parts(told), "BURST")
}

/// Gaps of the word whose queue ran over.
fn overflows(records: &[Record]) -> usize {
    let of_queue = |record: &&Record| {
        let Body::Gap(gap) = &record.body else { return false };
        let word = matches!(&gap.source, GapSource::Tag(_, tag) if tag.as_str() == "Burst.Done");
        word && gap.cause == GapCause::Overflow
    };
    records.iter().filter(of_queue).count()
}
