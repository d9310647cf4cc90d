//! A part of the tape is missing: what needs it is not replayable, and never taken for added, removed or
//! changed.
use crate::support::daemon::Site;
use crate::support::{PATIENCE, clear_of_the_hour, http, runtime};
use pedigree::config;
use pedigree::demo::{Demo, DemoOptions};
use pedigree::ledger::{Files, Ledger, Options, SEGMENT_BYTES_MAX, Scope, verify};
use pedigree::model::{Body, Origin, Record, SiteId, Verb};
use pedigree::tape::{TapeItem, TapeReader, TapeWriter};
use pedigree::telemetry::Metrics;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Runs of the daemon.
const RUNS: usize = 3;
/// So many parts leave the line in each of them.
const PARTS: u64 = 3;

/// Three runs of the daemon over one line, and the records that there were at the end of each.
fn three_runs() -> (Site, Vec<Vec<Record>>) {
    clear_of_the_hour();
    let runtime = runtime();
    let dir = tempfile::tempdir().unwrap();
    let options = DemoOptions {
        cycle: Duration::from_millis(200),
        // The last run has parts at all stations, too.
        parts_max: None,
        drift: None,
        ..DemoOptions::new(11, pedigree::daemon::clock())
    };
    let (demo, plcs) = runtime.block_on(Demo::start(options, dir.path())).unwrap();
    let site = Site::of(&demo);
    let plcs = runtime.spawn(plcs);
    let mut runs: Vec<Vec<Record>> = Vec::new();
    while runs.len() < RUNS {
        let daemon = site.start();
        let parts = *demo.progress().borrow() + PARTS;
        http::until_or(
            "the line goes on",
            PATIENCE,
            || (*demo.progress().borrow() >= parts).then_some(()),
            || site.log(),
        );
        // The files of the runs before are full.
        http::until("they are sealed", PATIENCE, || {
            (tape(&site.path("data"), "parquet").len() == runs.len()).then_some(())
        });
        assert!(daemon.stop().success(), "{}", site.log());
        let known = runs.iter().map(Vec::len).sum();
        runs.push(site.records().split_off(known));
    }
    demo.stop();
    runtime.block_on(plcs).unwrap();
    (site, runs)
}

/// Files of the tape of this kind, by their numbers.
fn tape(data: &Path, kind: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(data.join("tape")).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|k| k == kind)).collect();
    files.sort();
    files
}

/// A copy of a site.
struct Copy(tempfile::TempDir);

impl Copy {
    fn of(site: &Site) -> Self {
        let copy = tempfile::tempdir().unwrap();
        let to = copy.path().join("site");
        let copied = Command::new("cp").arg("-a").args([site.dir.path(), &to]).status().unwrap();
        assert!(copied.success());
        Self(copy)
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("site/data")
    }

    /// The ledger of these records, all checksums and seals as they should be.
    fn forge(&self, records: Vec<Record>) {
        fs::remove_dir_all(self.data().join("ledger")).unwrap();
        let options = Options {
            dir: self.data(),
            origin: Origin { site: SiteId::parse("test").unwrap(), incarnation: 0 },
            segment_bytes_max: SEGMENT_BYTES_MAX,
            metrics: Arc::new(Metrics::new()),
            now: pedigree::daemon::clock(),
        };
        runtime().block_on(async {
            let ledger = Ledger::open(options, Files).unwrap().ledger;
            let generation = ledger.durable().borrow().generation;
            for record in records {
                ledger.append(generation, vec![record]).await.unwrap();
            }
        });
        let report = verify(&self.data(), &Scope::default()).unwrap();
        assert!(report.is_sound(), "{report:?}");
    }

    fn replay(&self, more: &[&str]) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pedigree"));
        command.arg("--config").arg(self.0.path().join("site/pedigree.toml"));
        let out = command.args(["--json", "replay"]).args(more).output().unwrap();
        let told = serde_json::from_slice(&out.stdout);
        told.unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&out.stderr)))
    }

    /// Both replays say that these events cannot be played, and that all others are the same.
    fn lacks(&self, what: &str, lost: &[&Record], all: &[Vec<Record>]) {
        let told = self.replay(&["--from", "2020-01-01T00:00:00Z"]);
        for wrong in ["added", "removed", "changed"] {
            assert_eq!(told[wrong], serde_json::json!([]), "{what}: {told:#}");
        }
        let not = told["not_replayable"].as_array().unwrap().iter();
        let not: BTreeSet<u64> = not.map(|one| one[0]["position"].as_u64().unwrap()).collect();
        let events = lost.iter().filter(|record| is_event(record));
        let wanted: BTreeSet<u64> = events.map(|record| record.position.0).collect();
        assert_eq!(not, wanted, "{what}: {told:#}");
        let events = all.iter().flatten().filter(|record| is_event(record)).count();
        assert_eq!(told["same"], events - wanted.len(), "{what}");

        let told = self.replay(&[]);
        assert_eq!(told["different"], serde_json::json!([]), "{what}: {told:#}");
        let records: usize = all.iter().map(Vec::len).sum();
        let sums = (told["not_replayable"].as_u64(), told["same"].as_u64());
        let wanted = [lost.len(), records - lost.len()].map(|count| u64::try_from(count).ok());
        assert_eq!(sums, wanted.into(), "{what}: {told:#}");
    }
}

fn is_event(record: &Record) -> bool {
    match &record.body {
        Body::Trace(event) => event.what.verb() != Verb::Correct,
        Body::Quarantine(_) => true,
        Body::Gap(_)
        | Body::Verdict(_)
        | Body::Epoch(_)
        | Body::Plant(_)
        | Body::Orders(_)
        | Body::Audit(_)
        | Body::Tombstone(_)
        | Body::Case(_)
        | Body::Maintenance(_)
        | Body::Alarm(_)
        | Body::Dropped => false,
    }
}

#[test]
fn what_needs_a_missing_part_of_the_tape_is_not_replayable_and_never_removed() {
    let (site, runs) = three_runs();
    assert!(runs.iter().all(|run| run.iter().filter(|record| is_event(record)).count() > 10));
    Copy::of(&site).lacks("nothing", &[], &runs);
    // A sealed file: the first one, and one in the middle. The one that is not sealed yet.
    let of = |run: usize| runs[run].iter().collect::<Vec<_>>();
    for (run, kind, file) in [(0, "parquet", 0), (1, "parquet", 1), (2, "tape", 0)] {
        let copy = Copy::of(&site);
        fs::remove_file(&tape(&copy.data(), kind)[file]).unwrap();
        copy.lacks(&format!("run {run}"), &of(run), &runs);
    }
    a_part_of_a_run(&site, &runs);
    forged(&site, &runs);
}

/// Whoever writes the ledger anew has to have inputs for it.
fn forged(site: &Site, runs: &[Vec<Record>]) {
    let good: Vec<Record> = runs.iter().flatten().cloned().collect();
    let told = |records: Vec<Record>| {
        let copy = Copy::of(site);
        copy.forge(records);
        let [different, unexplained, lost] =
            ["different", "unexplained", "not_replayable"].map(|key| copy.replay(&[])[key].clone());
        assert_eq!(lost, 0, "{different} {unexplained}");
        (different, unexplained)
    };
    let none = serde_json::json!([]);
    assert_eq!(told(good.clone()), (none.clone(), none.clone()));
    let moved = |record: &Record| {
        let mut record = record.clone();
        record.at.wall.0 -= 1;
        record
    };
    // One in another place, at a time that no input has.
    let at = runs[0].len() + 5;
    let mut records = good.clone();
    records[at] = moved(&good[at]);
    assert_eq!(told(records), (serde_json::json!([good[at].position]), none.clone()));
    // One more, at such a time.
    let last = good.last().unwrap();
    let added = Record { position: last.position.next(), ..moved(last) };
    let wanted = serde_json::json!([added.position]);
    assert_eq!(told([good, vec![added]].concat()), (none, wanted));
}

/// The second run in three files, of which the second is missing: what comes after it in that run may hang
/// on it.
fn a_part_of_a_run(site: &Site, runs: &[Vec<Record>]) {
    let copy = Copy::of(site);
    let old = copy.0.path().join("old");
    fs::create_dir(&old).unwrap();
    fs::rename(copy.data().join("tape"), old.join("tape")).unwrap();
    let begin = &runs[1][runs[1].len() / 3];
    let end = &runs[1][runs[1].len() / 2];
    let site = SiteId::parse("test").unwrap();
    let load = |files: &[pedigree::model::plant::PlantFile]| {
        let text = files.iter().map(|file| (file.name.to_string(), file.text.clone()));
        config::plant::load(&text.collect::<Vec<_>>(), &site).map(|checked| checked.plant)
    };
    let mut reader = TapeReader::open(&old).unwrap();
    let open = |reader: &TapeReader| {
        let origin = reader.origin().unwrap().clone();
        TapeWriter::open(&copy.data(), origin, pedigree::daemon::clock())
    };
    let (mut writer, mut firsts) = (None, Vec::new());
    while let Some(item) = reader.next_item(load).unwrap() {
        let TapeItem::Entry(entry) = item else { panic!("{item:?}") };
        let turns = [begin, end].iter().filter(|record| record.at.wall <= entry.at.wall).count();
        if turns >= firsts.len() {
            writer = None;
            firsts.push(entry.number);
        }
        let writer = writer.get_or_insert_with(|| open(&reader));
        writer.append(entry.number, entry.at, &entry.input);
    }
    drop(writer);
    let files = tape(&copy.data(), "tape");
    assert_eq!(files.len(), 3, "{firsts:?}");
    fs::remove_file(&files[1]).unwrap();
    let since = |record: &&Record| record.at.wall >= begin.at.wall;
    let lost: Vec<_> = runs[1].iter().filter(since).collect();
    copy.lacks("a part of run 1", &lost, runs);
}
