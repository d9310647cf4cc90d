//! What is kept lies on a real ext4 of its own: it is full, becomes read-only, loses its power.
use super::*;
use crate::support::disk::{BYTES, Cut};
use crate::support::peer::Peer;
use pedigree::daemon::clock;
use pedigree::ledger::Reader;
use pedigree::model::{At, Audit, Input, Monotonic, Origin, Position, SiteId, Text};
use pedigree::query::{Query, QueryOptions};
use pedigree::store::CACHE_BYTES;
use pedigree::tape::TapeWriter;
use pedigree::telemetry::Metrics;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a verb and a daemon end with that the disk does not serve.
const NO_DISK: i32 = 74;
const FULL: &str = "No space left on device";
const READ_ONLY: &str = "Read-only file system";
/// So often it is looked whether the PLCs have taken what was let go before the disk failed.
const SETTLED_MAX: u32 = 4;
/// Records that an index is brought: many shelves of it.
const RECORDS: u64 = 40_000;
/// Cuts of the power, and what their moments are drawn from.
const CUTS: [Cut; 8] = [
    Cut::Hard,
    Cut::AfterJournal,
    Cut::Hard,
    Cut::AfterAll,
    Cut::Hard,
    Cut::AfterJournal,
    Cut::Hard,
    Cut::Hard,
];
const SEED: u64 = 20_261_128;

impl Plant {
    /// Running, with what it keeps on a disk of its own. Also `None` where there can be none.
    fn on_a_disk(parts: u32) -> Option<Self> {
        let (peers, site) = (peers()?, Site::on_a_disk(BYTES)?);
        let plant = Self::at(site, Line::start(&peers, parts, &[], &[]), |_| {}, &[]);
        plant.line.press.control("pause off");
        Some(plant)
    }

    /// Waits until there is no room and the daemon has seen it.
    fn full(&self) {
        self.wait("the disk is full", || {
            // What is left of a last page is room too, and so is what somebody removes.
            self.site.disk().fill();
            (self.daemon.ask("/ready").0 == 503).then_some(())
        });
    }

    /// Waits until the daemon says that it records nothing, for this reason, and has tried so often.
    fn records_nothing(&self, why: &str, attempts: u32) {
        self.wait(&format!("nothing is recorded: {why}"), || {
            let (status, body) = self.daemon.ask("/ready");
            let attempt = body.split("(attempt ").nth(1)?.split(')').next()?;
            let tried = attempt.parse::<u32>().ok()? >= attempts;
            (status == 503 && body.contains(why) && tried).then_some(())
        });
    }

    /// Nobody is answered any more, but whoever asks what is known.
    fn stands(&self, why: &str) {
        self.records_nothing(why, 1);
        let first = answered(&self.line);
        // What was let go before that is with the PLCs after a while.
        let stood = (1..=SETTLED_MAX).find(|n| {
            let before = answered(&self.line);
            self.records_nothing(why, 2 * n + 2);
            answered(&self.line) == before
        });
        assert!(stood.is_some(), "PLCs were answered: {:?}", answered(&self.line));
        was_let_go(&first, &answered(&self.line));
        let metrics = self.daemon.ask("/metrics").1;
        assert!(!metrics.contains("pedigree_ledger_failed_syncs_total 0"), "{metrics}");
        assert!(self.site.log().contains("the ledger cannot go on"), "{}", self.site.log());
        let first = truth::parts(&self.line.press_truth)[0]["serial"].as_str().unwrap().to_owned();
        let item = self.daemon.get(&format!("/api/v1/item?id={first}"));
        assert_eq!(item["body"]["steps"].as_array().unwrap().len(), 5, "{item}");
    }

    /// A daemon on a disk that does not serve it: ends, and says why.
    fn refuses_to_start(&self, why: &str) {
        let Err(ended) = self.site.try_start(&[]) else { panic!("it started") };
        let log = self.site.log();
        let last = log.lines().last().unwrap_or_default();
        assert_eq!(ended.code(), Some(NO_DISK), "{log}");
        assert!(last.contains(why), "{last:?} does not say: {why}");
        println!("it did not start: {last}");
    }

    /// `kill -9`; when it is gone others may have what it had.
    fn kill(&mut self) {
        assert!(self.daemon.signal("-KILL"));
        http::until("it is gone", PATIENCE, || self.daemon.has_ended());
    }

    /// The daemon has ended, and nobody has the disk any more.
    fn unmounted(&self) {
        self.wait("the disk is unmounted", || self.site.disk().unmount().ok());
    }

    /// The power is cut, and is back; nobody has started anything.
    fn cut(&mut self, peers: &Path, how: Cut) {
        let daemon = self.daemon.up["pid"].as_u64().unwrap();
        self.site.disk().cut(peers, how, daemon);
        self.kill();
        self.unmounted();
        self.site.disk().mount("rw").unwrap();
    }

    /// What is in the ledger of a daemon that was killed, or what is wrong with it.
    fn recorded(&self) -> Result<Vec<Record>, String> {
        let cursor = Reader::open(&self.site.data()).cursor(Position(0));
        let all: Result<Vec<_>, _> = cursor.map(|entry| entry.map(|entry| entry.record)).collect();
        all.map_err(|why| why.to_string())
    }

    /// What the PLCs were answered so far, and the records do not have.
    fn unrecorded(&self, records: &[Record]) -> Vec<String> {
        let [press, assembly] =
            [&self.line.press_truth, &self.line.assembly_truth].map(|truth| truth::parts(truth));
        let mut lost = unrecorded([&press, &assembly], records);
        // A PLC writes its list when a part leaves; of the one that it is at, its words tell.
        let key = |record: &Record| {
            let Body::Trace(event) = &record.body else { return None };
            let key = &event.handshake.as_ref()?.key;
            Some((key.handshake.to_string(), key.number.0))
        };
        let kept: BTreeSet<_> = records.iter().filter_map(key).collect();
        let acks = answered(&self.line).0.into_iter().map(|(name, n)| (name.to_owned(), n));
        let gone = acks.filter(|ack| ack.1 > 0 && !kept.contains(ack));
        lost.extend(gone.map(|ack| format!("{ack:?}")));
        lost
    }
}

impl Outcome {
    /// What the PLCs were answered, and the records do not have.
    pub(super) fn unrecorded(&self) -> Vec<String> {
        unrecorded([&self.press, &self.assembly], &self.records)
    }

    /// What `replay` says of it.
    fn replayed(&self) -> String {
        let told = self.site.command(&["replay"]).output().unwrap();
        format!("{}: {}", told.status, String::from_utf8_lossy(&told.stdout))
    }
}

/// Every byte of the ledger is as it was written.
pub(super) fn verified(site: &Site) {
    let verified = site.command(&["verify"]).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

/// Numbers of handshakes, and counts of parts.
pub(super) type Answers = (Vec<(&'static str, u64)>, [usize; 2]);

/// The number that each handshake was answered last, and how many parts each PLC has made.
pub(super) fn answered(line: &Line) -> Answers {
    let stats = |peer: &Peer| -> Value { serde_json::from_str(&peer.control("stats")).unwrap() };
    let (press, assembly) = (stats(&line.press), stats(&line.assembly));
    let number = |stats: &Value, word: &str| stats[word].as_u64().unwrap();
    let mut last =
        vec![("admit", number(&press, "Admit.AckId")), ("result", number(&press, "Result.Ack"))];
    for (bit, step) in ["fit", "glue", "done"].into_iter().enumerate() {
        // The step that it is at is answered once the coil is set; it takes its request back then.
        let waits = assembly["step"] == step && number(&assembly, "coils") >> bit & 1 == 0;
        let asks = number(&assembly, "flags") >> bit & 1 == 1;
        let asked = number(&assembly, &format!("{step}_no"));
        last.push((step, if waits && asks { asked.saturating_sub(1) } else { asked }));
    }
    (last, [&line.press_truth, &line.assembly_truth].map(|truth| truth::parts(truth).len()))
}

/// Nobody was answered more than what can have been on its way at the first look: one answer each.
pub(super) fn was_let_go(first: &Answers, now: &Answers) {
    let more = first.0.iter().zip(&now.0).any(|(first, now)| now.1 > first.1 + 1);
    let parts = first.1.iter().zip(&now.1).any(|(first, now)| *now > first + 1);
    assert!(!more && !parts, "PLCs were answered: {first:?}, {now:?}");
}

/// What the PLCs say that they were answered, by their lists of parts, and the records do not have.
fn unrecorded([press, assembly]: [&[Value]; 2], records: &[Record]) -> Vec<String> {
    let mut kept = BTreeSet::new();
    for record in records {
        let Body::Trace(event) = &record.body else { continue };
        let Some(mark) = &event.handshake else { continue };
        let item = event.what.items()[0].code.to_string();
        kept.insert((mark.key.handshake.to_string(), mark.key.number.0, item));
    }
    let of = |part: &Value, &(_, handshake, number, _): &(&str, &str, &str, &str)| {
        let serial = part["serial"].as_str().unwrap().to_owned();
        let key = (handshake.to_owned(), part[number].as_u64().unwrap(), serial);
        // The assembly always waits for its answer, and says nothing of it.
        (part[format!("{handshake}_acked")] != false).then_some(key)
    };
    let all = |part, which: &[_]| which.iter().filter_map(|one| of(part, one)).collect::<Vec<_>>();
    let mut wanted: Vec<_> = press.iter().flat_map(|part| all(part, &PRESS)).collect();
    wanted.extend(assembly.iter().flat_map(|part| all(part, &ASSEMBLY)));
    assert!(wanted.len() > 10, "nobody was answered");
    let lost = wanted.iter().filter(|key| !kept.contains(*key));
    lost.map(|key| format!("{key:?}")).collect()
}

/// No room: nobody is answered, and that is said. The press does not wait for ever: what it did meanwhile is
/// counted. When there is room again all goes on by itself.
#[test]
fn a_full_disk_answers_nobody_and_capture_goes_on_when_there_is_room() {
    let Some(mut plant) = Plant::on_a_disk(60) else { return };
    plant.assembled(4);
    plant.full();
    plant.stands(FULL);
    plant.line.press.control("patience 250");
    plant.pressed(truth::parts(&plant.line.press_truth).len() + 3);
    plant.line.press.control("patience off");
    plant.site.disk().make_room();
    plant.assembled(plant.made() + 3);
    // Its index is opened again in its own time.
    plant.wait("it is ready", || (plant.daemon.ask("/ready").0 == 200).then_some(()));

    // The same, and it is killed and started meanwhile.
    plant.full();
    plant.kill();
    let up = plant.site.try_start(&[]).map(|daemon| plant.daemon = daemon);
    match up {
        Ok(()) => plant.records_nothing(FULL, 1),
        Err(ended) => assert_eq!(ended.code(), Some(NO_DISK), "{}", plant.site.log()),
    }
    println!("started without room: {up:?}; {}", plant.site.log().lines().last().unwrap());
    plant.site.disk().make_room();
    if up.is_err() {
        plant.daemon = plant.site.start();
    }
    let outcome = plant.end();
    assert_eq!(outcome.unrecorded(), [""; 0]);
    verified(&outcome.site);
    let sums = outcome.balances();
    println!("{sums:?}");
    assert!(sums[0].missed >= 2 && sums[1].missed >= 2, "{sums:?}");
    for sum in sums {
        assert_eq!(sum.observed as u64 + sum.missed, sum.asked as u64);
    }
    let replayed = outcome.replayed();
    println!("{replayed}");
    assert!(replayed.contains(" 0 different, 0 unexplained"), "{replayed}");
}

/// The file system lets nobody write any more, as ext4 does when it finds an error in itself. It has to be
/// repaired and mounted anew; until then nobody is answered, and no daemon starts on it.
#[test]
fn a_disk_that_becomes_read_only_answers_nobody_until_it_is_repaired() {
    let Some(mut plant) = Plant::on_a_disk(20) else { return };
    plant.assembled(4);
    let refused = plant.site.disk().remount_read_only().unwrap_err();
    assert!(refused.contains("busy"), "nobody takes it away while it is written: {refused}");
    // Nobody asks at this moment: a sync that is under way while ext4 gives up may say Ok of what is lost.
    plant.line.press.control("pause on");
    plant.assembled(plant.press_rests(0));
    plant.site.disk().fail();
    plant.line.press.control("pause off");
    plant.stands(READ_ONLY);
    assert!(plant.daemon.signal("-TERM"));
    let ended = http::until("it ends", PATIENCE, || plant.daemon.has_ended());
    assert!(ended.success(), "{ended}: {}", plant.site.log());
    plant.refuses_to_start(READ_ONLY);
    assert_eq!(plant.unrecorded(&plant.recorded().unwrap()), [""; 0]);

    plant.unmounted();
    let (code, found) = plant.site.disk().check(&["-f", "-y"]);
    assert!(code.is_some_and(|code| code <= 1), "{code:?}: {found}");
    plant.site.disk().mount("ro").unwrap();
    plant.refuses_to_start(READ_ONLY);
    verified(&plant.site);
    plant.unmounted();
    plant.site.disk().mount("rw").unwrap();
    plant.daemon = plant.site.start();
    let outcome = plant.end_whole();
    verified(&outcome.site);
}

/// The power is cut again and again while the PLCs go on. What they were answered is there each time, before
/// any daemon has looked at it; every byte of it verifies; at the end each part is there once.
#[test]
fn what_was_acknowledged_survives_every_loss_of_power() {
    let Some(mut plant) = Plant::on_a_disk(MANY) else { return };
    let peers = peers().unwrap();
    let mut seed = SEED;
    for cut in CUTS {
        plant.assemble(2);
        std::thread::sleep(Duration::from_millis(drawn(&mut seed) % 300));
        plant.cut(&peers, cut);
        let records = plant.recorded().unwrap();
        println!("{cut:?}: {} records; answered {:?}", records.len(), answered(&plant.line));
        assert_eq!(plant.unrecorded(&records), [""; 0], "after {cut:?}");
        verified(&plant.site);
        plant.daemon = plant.site.start();
        plant.live("press");
        plant.live("assembly");
    }
    plant.last(2);
    let outcome = plant.end_whole();
    verified(&outcome.site);
    let replayed = outcome.replayed();
    println!("{replayed}");
    // What the tape lost is said to be missing, and nobody is accused of it.
    assert!(replayed.contains(" 0 different, 0 unexplained"), "{replayed}");
    http::until("it is unmounted", PATIENCE, || outcome.site.disk().unmount().ok());
    let (code, found) = outcome.site.disk().check(&["-f", "-n"]);
    assert_eq!(code, Some(0), "{found}");
}

/// The check itself: where syncs say Ok and do nothing, what was acknowledged is lost in the next cut, and seen
/// to be.
#[test]
fn a_disk_that_lies_about_its_syncs_is_found_out() {
    let Some(mut plant) = Plant::on_a_disk(MANY) else { return };
    plant.kill();
    let run = plant.site.command(&["run"]);
    let mut lying = Command::new("strace");
    lying.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync"]);
    lying.args(["-e", "inject=fdatasync:retval=0"]).arg(run.get_program()).args(run.get_args());
    plant.daemon = plant.site.launch(lying, &[]).unwrap();
    plant.assembled(plant.made() + 2);
    plant.cut(&peers().unwrap(), Cut::Hard);
    let found = plant.recorded().map(|records| plant.unrecorded(&records));
    println!("{found:?}");
    assert_ne!(found, Ok(Vec::new()), "nothing was lost");
}

/// sled takes nothing any more once the disk refused it something. The index is opened again when there is
/// room, and has all of it.
#[test]
fn the_index_of_a_full_disk_goes_on_when_there_is_room() {
    let Some(site) = Site::on_a_disk(BYTES) else { return };
    let origin = Origin { site: SiteId::parse("full").unwrap(), incarnation: 0 };
    let (now, metrics) = (clock(), Arc::new(Metrics::new()));
    let (dir, durable) = (site.data().join("store"), Position(RECORDS));
    let options =
        QueryOptions { dir, origin, durable, ledger: None, cache_bytes: CACHE_BYTES, now, metrics };
    let query = Query::new(options.clone());
    let wanted = query.wanted();
    let mut seed = SEED;
    let records: Vec<_> = (1..=RECORDS).map(|n| audit(Position(n), &mut seed)).collect();
    let bring = |count: usize| {
        let from = usize::try_from(wanted.borrow().0).unwrap();
        let some = records[from..].iter().take(count).cloned();
        let some = some.collect::<Vec<_>>();
        query.index(&some).and_then(|()| query.apply(&some))
    };
    let fed = |until: u64| wanted.borrow().0 >= until;
    while !fed(RECORDS / 4) {
        bring(500).unwrap();
    }
    site.disk().fill();
    let why = loop {
        assert!(!fed(RECORDS), "the disk was never full");
        if let Err(why) = bring(500) {
            break why.to_string();
        }
    };
    assert!(why.contains(FULL), "{why}");
    let stuck = *wanted.borrow();
    for _ in 0..3 {
        assert!(bring(500).is_err(), "there is no room");
    }
    assert_eq!(*wanted.borrow(), stuck, "what is there stays there to be asked");
    site.disk().make_room();
    let mut tries = 0;
    http::until("the index has all", PATIENCE, || {
        tries += 1;
        drop(bring(500));
        fed(RECORDS).then_some(())
    });
    println!("full at {stuck}; all of it after {tries} tries");
    query.sync().unwrap();
    assert_eq!(options.metrics.store_rebuilds.with_label_values::<&str>(&[]).get(), 0);
}

fn drawn(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 32
}

/// A file of the tape that finds no room for its begin is taken away again: there would be one more of them
/// with every try.
#[test]
fn a_full_disk_is_not_strewn_with_files_of_the_tape() {
    let Some(site) = Site::on_a_disk(BYTES) else { return };
    let origin = Origin { site: SiteId::parse("full").unwrap(), incarnation: 0 };
    // Two seconds between two looks at the clock: a failed disk is tried again each time.
    let seconds = AtomicU64::new(0);
    let now = move || {
        let monotonic = Monotonic(seconds.fetch_add(2, Ordering::Relaxed) * 1_000_000_000);
        At { monotonic, ..At::default() }
    };
    let mut tape = TapeWriter::open(&site.data(), origin, Arc::new(now));
    let mut number = 0;
    let mut step = |tape: &mut TapeWriter| {
        number += 1;
        tape.append(number, At::default(), &Input::Wake);
        tape.flush();
        tape.lost()
    };
    assert_eq!(step(&mut tape), 0);
    site.disk().fill();
    // The last page of its file has room for some.
    while step(&mut tape) == 0 {}
    let lost = (0..20).map(|_| step(&mut tape)).last();
    assert_eq!(lost, Some(21));
    assert!(tape.last_error().is_some_and(|why| why.contains(FULL)), "{:?}", tape.last_error());
    let files = || std::fs::read_dir(site.data().join("tape")).unwrap().count();
    assert_eq!(files(), 1);
    site.disk().make_room();
    assert_eq!(step(&mut tape), 21);
    assert_eq!((tape.last_error(), files()), (None, 2));
}

/// A record that does not pack.
fn audit(position: Position, seed: &mut u64) -> (Position, Record) {
    let mut what = String::new();
    while what.len() < 200 {
        what.push_str(&format!("{:08x}", drawn(seed)));
    }
    let audit = Audit { who: Text::parse("full").unwrap(), what: Text::parse(&what).unwrap() };
    (position, Record { position, at: At::default(), body: Body::Audit(audit), plant: None })
}
