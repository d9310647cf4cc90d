//! The shift with the daemon killed at every named point and at seeded moments, and both PLCs
//! restarted ten times, five of them with all counters reset.
use super::support::daemon::{Daemon, Site};
use super::support::{PATIENCE, http, line, line::Line, peers, truth};
use pedigree::model::{Body, EpochCause, GapCause, Record};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;

const POINTS: [&str; 5] = ["after-read", "after-append", "after-sync", "after-reply", "after-ack"];
/// Kills at named points: each point so often.
const ROUNDS: u64 = 3;
/// Kills at moments drawn from a seed.
const SEEDED: u64 = 7;
const SEED: u64 = 20_261_122;
const SIGKILL: i32 = 9;

const PRESS_RESTARTS: &str = "30:keep,75:reset,110:keep-mid-admit,150:reset,200:keep-mid-result,\
    240:reset,290:keep,330:reset,380:keep-mid,430:reset";
const ASSEMBLY_RESTARTS: &str = "25:reset,70:keep-mid-fit,120:reset,160:keep-mid-glue,210:reset,\
    250:keep,300:reset,340:keep-mid-done,390:reset,440:keep-mid";

#[test]
fn every_link_is_right_after_twenty_kills_and_twenty_restarts() {
    let Some(peers) = peers() else { return };
    let press = ["--restarts", PRESS_RESTARTS];
    let line = Line::start(&peers, 500, &press, &["--restarts", ASSEMBLY_RESTARTS]);
    let site = line.site();
    let hits = kill_at_points(&site);
    kill_at_moments(&site, &line);
    let daemon = site.start();
    line.wait_done();
    println!("kills at named points: {hits:?}; at seeded moments: {SEEDED} (seed {SEED})");
    assert!(POINTS.iter().all(|p| hits.get(p).copied() == Some(ROUNDS)), "{hits:?}");
    for truth in [&line.press_truth, &line.assembly_truth] {
        let kinds = truth::restarts(truth);
        println!("restarts: {kinds:?}");
        assert_eq!(kinds.values().sum::<usize>(), 10, "{kinds:?}");
        assert_eq!(kinds["reset"], 5, "{kinds:?}");
    }
    let (press, assembly) = (truth::parts(&line.press_truth), truth::parts(&line.assembly_truth));
    line::wait_recorded(&daemon, press[499]["serial"].as_str().unwrap());
    truth::assert_shift(&daemon, &press, &assembly);
    assert!(daemon.stop().success(), "{}", site.log());
    let records = site.records();
    let counted = truth::completions(&records);
    assert_eq!(counted.len(), 1000);
    assert!(counted.values().all(|n| *n == 1), "{counted:?}");
    assert_gaps(&records);
    let replayed = site.command(&["replay"]).output().unwrap();
    let said = String::from_utf8_lossy(&replayed.stdout).into_owned();
    println!("{said}");
    assert!(replayed.status.success(), "{replayed:?}");
}

/// Starts daemons that die at their point; each must have died there.
fn kill_at_points(site: &Site) -> BTreeMap<&'static str, u64> {
    let mut hits = BTreeMap::new();
    for round in 0..ROUNDS {
        for (i, point) in POINTS.into_iter().enumerate() {
            let count = 3 + 7 * round + i as u64;
            let crash = format!("{point}:{count}");
            let daemon = site.try_start(&[("PEDIGREE_CRASH", &crash)]).unwrap();
            let ended = daemon.ended();
            assert_eq!(ended.signal(), Some(SIGKILL), "at {crash}: {ended:?}\n{}", site.log());
            *hits.entry(point).or_default() += 1;
        }
    }
    hits
}

/// Kills daemons after a number of parts that a seed gives.
fn kill_at_moments(site: &Site, line: &Line) {
    let mut seed = SEED;
    for _ in 0..SEEDED {
        let daemon: Daemon = site.start();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let more = usize::try_from(1 + (seed >> 33) % 20).unwrap();
        let before = truth::parts(&line.press_truth).len();
        http::until("some parts more", PATIENCE, || {
            (truth::parts(&line.press_truth).len() >= before + more).then_some(())
        });
        daemon.kill();
    }
}

/// Every time that nobody looked is a gap, and every restart of a PLC an epoch.
fn assert_gaps(records: &[Record]) {
    let mut opened = BTreeMap::<String, u64>::new();
    let (mut open, mut epochs) = (0_i64, 0);
    for record in records {
        match &record.body {
            Body::Gap(gap) if gap.count.is_none() => match gap.interval.to {
                None => {
                    open += 1;
                    *opened.entry(format!("{:?}", gap.cause)).or_default() += 1;
                }
                Some(_) => open -= 1,
            },
            Body::Epoch(epoch) if epoch.cause != EpochCause::FirstContact => epochs += 1,
            Body::Gap(_)
            | Body::Epoch(_)
            | Body::Trace(_)
            | Body::Quarantine(_)
            | Body::Verdict(_)
            | Body::Plant(_)
            | Body::Orders(_)
            | Body::Audit(_)
            | Body::Tombstone(_)
            | Body::Case(_)
            | Body::Maintenance(_)
            | Body::Alarm(_)
            | Body::Dropped => {}
        }
    }
    println!("gaps opened: {opened:?}; epochs after the first: {epochs}");
    assert_eq!(open, 0, "gaps that never closed");
    // A daemon that dies before it has reached a device leaves that device's gap open; the next one
    // finds it so. Every kill that came after first contact is in one.
    let stopped = opened.get(&format!("{:?}", GapCause::Stopped)).copied().unwrap_or_default();
    assert!(stopped > ROUNDS * POINTS.len() as u64, "{opened:?}");
    assert!(epochs >= 20, "{epochs} epochs for twenty restarts");
}
