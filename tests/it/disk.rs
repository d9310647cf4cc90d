//! Slow and failing disks: nothing is known before it is durable.
use super::support::daemon::{Daemon, Site};
use super::support::{PATIENCE, http, line, line::Line, peers, truth};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

const DELAY: Duration = Duration::from_millis(300);
/// So often it is looked, three attempts apart, whether the PLCs have taken what was let go before the disk failed.
const SETTLED_MAX: u32 = 4;

/// The daemon with its `fdatasync` tampered with.
fn tampered(site: &Site, inject: &str) -> Daemon {
    let inject = format!("inject=fdatasync:{inject}");
    traced(site, &["-e", "trace=fdatasync", "-e", &inject])
}

/// The daemon with its calls written down.
fn traced(site: &Site, what: &[&str]) -> Daemon {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq"]).args(what);
    command.arg("-o").arg(site.path("strace")).arg(env!("CARGO_BIN_EXE_pedigree"));
    command.arg("--config").arg(site.path("pedigree.toml")).arg("run");
    site.launch(command, &[]).unwrap()
}

/// With a disk that takes 300 ms, no PLC is answered in less, nor is the north.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test has its own clock")]
fn nothing_is_acknowledged_before_the_sync_returned() {
    let Some(peers) = peers() else { return };
    let line = Line::start(&peers, 8, &[], &[]);
    let site = line.site();
    let daemon = tampered(&site, &format!("delay_enter={}ms", DELAY.as_millis()));
    line.wait_done();
    let (press, assembly) = (truth::parts(&line.press_truth), truth::parts(&line.assembly_truth));
    line::wait_recorded(&daemon, press[7]["serial"].as_str().unwrap());
    let took = |part: &serde_json::Value, from: &str, to: &str| {
        Duration::from_nanos(part[to].as_u64().unwrap() - part[from].as_u64().unwrap())
    };
    for (press, assembly) in press.iter().zip(&assembly) {
        // Two handshakes one after the other at the press, three at the assembly.
        assert!(took(press, "t_admit", "t_done") >= 2 * DELAY, "{press}");
        assert!(took(assembly, "t_fit", "t_glue") >= DELAY, "{assembly}");
        assert!(took(assembly, "t_glue", "t_done") >= DELAY, "{assembly}");
        assert!(took(assembly, "t_done", "t_end") >= DELAY, "{assembly}");
    }
    truth::assert_shift(&daemon, &press, &assembly);
    let began = Instant::now();
    let body = "{\"hold\":{\"item\":\"u/site/SN-00001\",\"reason\":\"look\",\"badge\":\"4711\"}}";
    let answer = ureq::post(format!("http://{}/api/v1/commands", daemon.http()))
        .header("content-type", "application/json")
        .send(body)
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(began.elapsed() >= DELAY, "the hold was answered after {:?}", began.elapsed());
}

/// With a disk that fails every sync from some moment on, nothing more is acknowledged, ever.
#[test]
fn a_failed_sync_is_never_acknowledged() {
    let Some(peers) = peers() else { return };
    let line = Line::start(&peers, 50, &[], &[]);
    let site = line.site();
    let daemon = tampered(&site, "error=EIO:when=25+");
    // It is not ready when it starts either, and says why.
    http::until("a sync has failed", PATIENCE, || {
        let (status, body) = daemon.ask("/ready");
        (status == 503 && body.contains("(attempt ")).then_some(())
    });
    // It goes on trying, and says how often it has.
    let tried = |at_least: u32| {
        http::until("it was tried again", PATIENCE, || {
            let (status, body) = daemon.ask("/ready");
            assert_eq!(status, 503, "{body}");
            let attempt = body.split("(attempt ").nth(1)?.split(')').next()?;
            (attempt.parse::<u32>().ok()? >= at_least).then_some(())
        });
    };
    // What was let go before that is with the PLCs after a while: one answer each.
    let parts = || [&line.press_truth, &line.assembly_truth].map(|path| truth::parts(path).len());
    let first = parts();
    let stood = (1..=SETTLED_MAX).find(|n| {
        let before = parts();
        tried(3 * n);
        parts() == before
    });
    let went_on = first.iter().zip(parts()).any(|(first, now)| now > first + 1);
    assert!(
        stood.is_some() && !went_on,
        "parts went on while nothing could be synced: {first:?}, {:?}",
        parts()
    );
    assert!(parts()[0] < 50, "the disk failed too late to show anything");
    daemon.kill();
    // A disk that works again: everything that a PLC was told is there, and the shift ends well.
    let daemon = site.start();
    line.wait_done();
    let (press, assembly) = (truth::parts(&line.press_truth), truth::parts(&line.assembly_truth));
    line::wait_recorded(&daemon, press[49]["serial"].as_str().unwrap());
    truth::assert_shift(&daemon, &press, &assembly);
}

/// A disk that fails for a while: capture goes on by itself when it works again.
#[test]
fn capture_resumes_by_itself_when_the_disk_works_again() {
    let Some(peers) = peers() else { return };
    let line = Line::start(&peers, 40, &[], &[]);
    let site = line.site();
    let daemon = tampered(&site, "error=EIO:when=25..27");
    line.wait_done();
    let (press, assembly) = (truth::parts(&line.press_truth), truth::parts(&line.assembly_truth));
    line::wait_recorded(&daemon, press[39]["serial"].as_str().unwrap());
    truth::assert_shift(&daemon, &press, &assembly);
    let text = daemon.ask("/metrics").1;
    assert!(!text.contains("pedigree_ledger_failed_syncs_total 0"), "no sync failed");
    assert_eq!(daemon.ask("/ready").0, 200);
}

/// What is put on the tape is put on stable storage while it is written, not only when it is ended: every write
/// is followed by a sync of the same file, and the first long before the last. How long it took is told; a busy
/// machine may take longer than the second that it is meant to be.
#[test]
fn every_write_to_the_tape_is_synced_while_it_goes_on() {
    let Some(peers) = peers() else { return };
    let line = Line::start(&peers, 20, &[], &[]);
    let site = line.site();
    let daemon = traced(&site, &["-ttt", "-T", "-y", "-s", "0", "-e", "trace=write,fdatasync"]);
    line.wait_done();
    assert!(daemon.stop().success(), "{}", site.log());
    let [writes, syncs] = of_the_tape(&std::fs::read_to_string(site.path("strace")).unwrap());
    let late = |write: &Call| {
        let of = |sync: &&Call| sync.file == write.file && sync.begun >= write.ended;
        let after = syncs.iter().filter(of).map(|sync| sync.ended - write.ended);
        after.fold(f64::INFINITY, f64::min)
    };
    let latest = writes.iter().map(late).fold(0.0, f64::max);
    println!("{} writes, {} syncs, {latest:.3} s at most", writes.len(), syncs.len());
    assert!(writes.len() > 20 && syncs.len() > 1);
    assert!(latest.is_finite(), "a write was never synced");
    let (first, last) = (syncs[0].ended, writes[writes.len() - 1].begun);
    assert!(first < last, "nothing was synced before the end");
}

/// A call that was traced: of which file, when it was begun and when it had returned.
struct Call {
    file: String,
    begun: f64,
    ended: f64,
}

/// Writes to the tape, and syncs of it.
fn of_the_tape(trace: &str) -> [Vec<Call>; 2] {
    let (mut writes, mut syncs, mut begun) = (Vec::new(), Vec::new(), BTreeMap::new());
    for line in trace.lines() {
        let mut words = line.split_whitespace();
        let (Some(thread), Some(at)) = (words.next(), words.next()) else { continue };
        let (Ok(at), call) = (at.parse::<f64>(), words.collect::<Vec<_>>().join(" ")) else {
            continue;
        };
        let resumed = call.starts_with("<...");
        let file = call.split(['<', '>']).nth(1).filter(|_| !resumed).unwrap_or_default();
        if file.contains("/data/tape/") {
            begun.insert(thread, (call.starts_with("fdatasync"), file.to_owned(), at));
        }
        if call.ends_with("unfinished ...>") {
            continue;
        }
        let Some((is_sync, file, from)) = begun.remove(thread) else { continue };
        let took =
            call.rsplit('<').next().and_then(|took| took.strip_suffix('>')?.parse::<f64>().ok());
        let ended = from + took.unwrap_or_else(|| panic!("{line}"));
        assert!(!call.contains("= -1"), "{line}");
        let calls = if is_sync { &mut syncs } else { &mut writes };
        calls.push(Call { file, begun: from, ended });
    }
    [writes, syncs]
}

#[test]
fn a_second_daemon_on_the_same_data_is_refused_with_words() {
    let site = Site::new(&[]);
    let first = site.start();
    let second = site.command(&["run"]).output().unwrap();
    assert_eq!(second.status.code(), Some(75), "{second:?}");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("in use by another pedigree"), "{said}");
    assert!(first.stop().success());
}
