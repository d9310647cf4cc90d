//! The ledger's own process is killed at every write, every sync and every name that it makes, one after the
//! other: what was acknowledged is there, nothing is there that was not asked for, and every byte verifies.
//!
//! The process is this one, run again on the test `the_process_that_is_killed`; `strace` kills it as it enters
//! the system call. A kill keeps what the kernel was told; for a disk that loses it see the tests of the ledger
//! on a simulated disk.
use pedigree::daemon::clock;
use pedigree::ledger::{Files, Ledger, Opened, Options, Reader, Scope, verify};
use pedigree::model::{At, Audit, Body, Origin, Position, Record, SiteId, Text};
use pedigree::telemetry::Metrics;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Frames of one life, and the bytes after which a segment is sealed: about ten of them.
const FRAMES: u64 = 150;
const SEGMENT_BYTES_MAX: u64 = 1_000;
/// A ledger is begun anew when it has so many records.
const RECORDS_MAX: u64 = 2_000;
/// The signal that nobody can catch.
const SIGKILL: i32 = 9;
/// What the process is told its folder by.
const DIR: &str = "PEDIGREE_SWEEP_DIR";

/// What has to be on the disk before anything is acknowledged, and what makes it so.
const CALLS: [&str; 5] = ["pwrite64", "fdatasync", "fsync", "ftruncate", "rename"];

fn record(position: Position) -> Record {
    // Of many lengths, so that frames end everywhere in a page.
    let text = format!("record {} {}", position.0, "x".repeat((position.0 * 37 % 90) as usize));
    let audit = Audit { who: Text::parse("sweep").unwrap(), what: Text::parse(&text).unwrap() };
    Record { position, at: At::default(), body: Body::Audit(audit), plant: None }
}

fn open(dir: &Path) -> Opened {
    let options = Options {
        dir: dir.to_owned(),
        origin: Origin { site: SiteId::parse("sweep").unwrap(), incarnation: 0 },
        segment_bytes_max: SEGMENT_BYTES_MAX,
        metrics: Arc::new(Metrics::new()),
        now: clock(),
    };
    Ledger::open(options, Files).unwrap()
}

/// Appends, and says of each frame that it is durable, only once it is; without a folder it does nothing.
#[tokio::test]
async fn the_process_that_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let Opened { ledger, mut recovered, .. } = open(Path::new(&dir));
    let mut durable = ledger.durable();
    let say = |words: String| std::io::stdout().write_all(words.as_bytes()).unwrap();
    say(format!("\nack {}\n", recovered.0));
    for frame in 0..FRAMES {
        let mut next = recovered;
        let mut records = Vec::new();
        for _ in 0..=frame % 3 {
            next = next.next();
            records.push(record(next));
        }
        let generation = durable.borrow().generation;
        ledger.append(generation, records).await.unwrap();
        durable.wait_for(|durable| durable.position >= next).await.unwrap();
        recovered = next;
        say(format!("\nack {}\n", recovered.0));
    }
    drop(ledger);
    say("\nend\n".to_owned());
}

/// One life that ends as it enters a call for the `when`th time. What was acknowledged last, and whether it
/// came to its end instead.
fn life(dir: &Path, call: &str, when: u64) -> (Option<Position>, bool) {
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"])
        .arg(format!("inject={call}:signal=SIGKILL:when={when}"))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "sweep::the_process_that_is_killed", "--nocapture"])
        .env(DIR, dir)
        .output()
        .unwrap_or_else(|why| panic!("strace cannot be run: {why}; `apt install strace`"));
    let said = String::from_utf8(output.stdout).unwrap();
    let ack = said.lines().rev().find_map(|line| line.strip_prefix("ack ")?.parse().ok());
    let ended = said.lines().any(|line| line == "end");
    // Of a process that was killed strace ends by the same signal. All else is no life, and has no end either.
    let killed = output.status.signal() == Some(SIGKILL);
    assert!(
        killed || ended,
        "strace did not kill the process, it ended with {}; may it trace here (CAP_SYS_PTRACE)? {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    (ack.map(Position), ended)
}

/// What is in the ledger, as whoever opens it next finds it.
fn check(dir: &Path, acked: Position) -> Position {
    let report = verify(dir, &Scope::default()).unwrap();
    assert_eq!(report.faults, [], "after a kill nothing is damaged");
    let opened = open(dir);
    let recovered = opened.recovered;
    drop(opened);
    assert!(recovered >= acked, "{} was acknowledged, {} is left", acked.0, recovered.0);
    assert!(recovered.0 <= acked.0 + 3, "{} was never asked for", recovered.0);
    let found: Result<Vec<_>, _> = Reader::open(dir).cursor(Position(0)).collect();
    let found = found.unwrap();
    assert_eq!(found.len() as u64, recovered.0);
    for (entry, position) in found.iter().zip(1..) {
        assert_eq!(entry.record, record(Position(position)));
    }
    assert_eq!(verify(dir, &Scope::default()).unwrap().torn_bytes, 0, "the torn tail was cut off");
    recovered
}

/// Memory where there is some: a kill does not ask for the disk, and there are hundreds of them.
fn folder() -> tempfile::TempDir {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// All points of one call; how many there were.
fn sweep(call: &str) -> u64 {
    let mut dir = folder();
    let mut acked = Position(0);
    for when in 1.. {
        if acked.0 > RECORDS_MAX {
            (dir, acked) = (folder(), Position(0));
        }
        let (ack, ended) = life(dir.path(), call, when);
        if ended {
            return when - 1;
        }
        acked = check(dir.path(), ack.unwrap_or(acked).max(acked));
    }
    unreachable!("a life has an end")
}

#[test]
fn what_is_acknowledged_is_there_wherever_the_ledger_is_killed() {
    let run = |call| (call, sweep(call));
    let counts: Vec<(&str, u64)> = std::thread::scope(|scope| {
        let threads: Vec<_> = CALLS.map(|call| scope.spawn(move || run(call))).into();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    println!("killed at {counts:?}");
    let points: u64 = counts.iter().map(|(_, points)| points).sum();
    assert!(points >= 500, "only {points} points: {counts:?}");
}
