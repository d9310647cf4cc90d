//! What another version wrote, under the whole daemon: data of the first version are gone on with, those of a
//! later one are left alone, and an index of another form is made anew, wherever that is interrupted.
use super::support::daemon::{Daemon, Site};
use super::support::http::until;
use super::support::{PATIENCE, here, peer, peers, runtime};
use pedigree::ledger::{Files, Ledger, Options, SEGMENT_BYTES_MAX};
use pedigree::model::{
    At, Body, Code, ItemKey, Origin, Position, Record, SiteId, TraceEvent, Utc, What,
};
use pedigree::store::{CACHE_BYTES, Opened, Store, StoreOptions};
use pedigree::tape::{TapeError, TapeItem, TapeReader};
use pedigree::telemetry::Metrics;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Records that the index has to be made of.
const RECORDS: u64 = 30_000;
/// As far as it is made sure of on its way there: with every eighth shelf of 1,024 that is full.
const SURE: u64 = 25 * 1_024 - 1;
/// Units that they are about.
const UNITS: u64 = 50;
/// The signal that nobody can catch.
const SIGKILL: i32 = 9;
/// What puts an index on the disk, and gives it its name.
const CALLS: [&str; 8] =
    ["pwrite64", "write", "fdatasync", "fsync", "rename", "unlink", "unlinkat", "mkdir"];
/// At which of them a daemon is killed, one after the other.
const WHEN: [u32; 11] = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144];
/// With how many records in the index it is killed, one after the other.
const AT: [u64; 6] = [1, 5_000, 10_000, 15_000, 20_000, 25_000];
/// What the log says of an index that is begun anew.
const REBUILT: &str = "the index is rebuilt from the ledger";

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let there = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &there);
        } else {
            fs::copy(&path, there).unwrap();
        }
    }
}

/// All files below a folder, with what is in them.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

/// A site on data that the first version wrote.
fn of_format_1() -> Site {
    let site = Site::new(&[]);
    let settings = fs::read_to_string(site.path("pedigree.toml")).unwrap();
    let settings = settings.replace("site = \"test\"", "site = \"plant-1\"");
    fs::write(site.path("pedigree.toml"), settings).unwrap();
    copy(&here("tests/data/format-1"), &site.path("data"));
    site
}

/// The value of a gauge without labels.
fn gauge(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// How far the index is.
pub(crate) fn indexed(daemon: &Daemon) -> u64 {
    gauge(&daemon.ask("/metrics").1, "pedigree_store_position").unwrap_or(0)
}

/// Words one after the other, however they were broken into lines.
fn words(text: &[u8]) -> String {
    String::from_utf8_lossy(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The numbers on a tape; its plants are texts that no plant is made of.
fn played(dir: &Path) -> Vec<u64> {
    let mut reader = TapeReader::open(dir).unwrap();
    let mut numbers = Vec::new();
    loop {
        match reader.next_item(|_| Err(())) {
            Ok(Some(TapeItem::Entry(entry))) => numbers.push(entry.number),
            Err(TapeError::Plant { number, .. }) => numbers.push(number),
            Ok(Some(TapeItem::Gap(gap))) => panic!("{gap}"),
            Ok(None) => return numbers,
            Err(why) => panic!("{why:?}"),
        }
    }
}

#[test]
fn a_data_directory_of_format_1_is_gone_on_with() {
    let site = of_format_1();
    let before = files(&site.path("data"));
    let records = site.records();
    let daemon = site.start();
    let last = records.last().unwrap().position.0;
    until("all of it can be asked for", PATIENCE, || (indexed(&daemon) >= last).then_some(()));
    let events = daemon.get(&format!("/api/v1/events?after=0&limit={last}"));
    assert_eq!(events["body"].as_array().map(Vec::len), usize::try_from(last).ok(), "{events}");
    let public = fs::read_to_string(here("tests/data/format-1/checkpoint.pub")).unwrap();
    assert_eq!(daemon.ask("/api/v1/ledger/key").1.trim(), public.trim());
    assert!(daemon.stop().success(), "{}", site.log());
    // Nothing that stood there is gone: the ledger and its checkpoints were gone on with, the rest is as it was,
    // but that what was full of the tape was sealed.
    let after = files(&site.path("data"));
    for (path, then) in before.iter().filter(|(path, _)| !path.starts_with(site.path("data/tape")))
    {
        let now = &after[path];
        assert!(now.starts_with(then), "{} was changed", path.display());
    }
    assert_eq!(site.records()[..records.len()], records);
    assert!(played(&here("tests/data/format-1")).len() > 50);
    assert!(played(&site.path("data")).starts_with(&played(&here("tests/data/format-1"))));
    let verified = site.command(&["verify"]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

/// The verifier that is not ours knows what the first version wrote.
#[test]
fn an_independent_verifier_reads_format_1() {
    let Some(peers) = peers() else { return };
    let kept = here("tests/data/format-1");
    let text = |path: &Path| path.display().to_string();
    let key = fs::read_to_string(kept.join("checkpoint.pub")).unwrap();
    let (ledger, notes) = (text(&kept.join("ledger")), text(&kept.join("checkpoints")));
    for args in [vec!["ledger", &ledger, &notes], vec!["proof", &text(&kept.join("unit.proof"))]] {
        let mut command = peer::python(&peers);
        let command = command.arg(here("tests/verify_ledger.py")).args(&args).arg(key.trim());
        let told = command.output().unwrap();
        assert!(told.status.success(), "{args:?}: {}", String::from_utf8_lossy(&told.stdout));
    }
}

/// A file, what a later version changed in it, and what is said of it.
type Later = (&'static str, fn(&mut Vec<u8>), &'static str);

const LATER: &[Later] = &[
    (
        "ledger/00000000000000000001.seg",
        |bytes| bytes[8] = 2,
        "has ledger format 2 with features 0x0, this pedigree reads format 1 with features up to 0x1; run the version that wrote it, or a newer one",
    ),
    (
        "ledger/00000000000000000001.seg",
        |bytes| bytes[12] = 2,
        "has ledger format 1 with features 0x2, this pedigree reads format 1 with features up to 0x1; run the version that wrote it, or a newer one",
    ),
    (
        "person.key",
        |bytes| bytes.push(7),
        "person.key cannot be used: it has 33 bytes, a key has 32; run the version that wrote it, or put the file from a backup in its place",
    ),
    (
        "checkpoint.key",
        |bytes| bytes.push(7),
        "checkpoint.key cannot be used: it has 33 bytes, a key has 32; run the version that wrote it, or put the file from a backup in its place",
    ),
];

#[test]
fn a_daemon_does_not_start_on_data_of_a_later_version_and_says_why_and_changes_nothing() {
    for (name, change, says) in LATER {
        let site = of_format_1();
        let path = site.path("data").join(name);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let before = files(&site.path("data"));
        let Err(ended) = site.try_start(&[]) else { panic!("{name}: it started") };
        let said = words(site.log().as_bytes());
        assert_eq!(ended.code(), Some(74), "{said}");
        assert!(said.contains(says), "{name}: {said}");
        let mut after = files(&site.path("data"));
        after.retain(|path, _| before.contains_key(path));
        assert!(after == before, "{name}: something was changed");
    }
}

/// A tape is never in the way: one of a later version is said, left alone, and the daemon runs.
#[test]
fn a_daemon_runs_beside_a_tape_of_a_later_version_and_leaves_it_alone() {
    let site = of_format_1();
    let files = fs::read_dir(site.path("data/tape")).unwrap().map(|entry| entry.unwrap().path());
    let is_open = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "tape");
    let (open, sealed): (Vec<_>, Vec<_>) = files.partition(is_open);
    let [path, sealed] = [&open, &sealed].map(|paths| paths.first().unwrap().clone());
    // Its plant is none, and whoever plays it would speak of that.
    fs::remove_file(sealed).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 2;
    fs::write(&path, &bytes).unwrap();
    let daemon = site.start();
    until("it is ready", PATIENCE, || (daemon.ask("/ready").0 == 200).then_some(()));
    assert!(daemon.stop().success(), "{}", site.log());
    assert_eq!(fs::read(&path).unwrap(), bytes);
    let log = site.log();
    assert!(log.contains("it has tape format 2 with features 0x0"), "{log}");
    let told = site.command(&["replay"]).output().unwrap();
    let said = words(&told.stderr);
    assert!(
        !told.status.success() && said.contains("has tape format 2 with features 0x0"),
        "{said}"
    );
}

fn unit(n: u64) -> ItemKey {
    ItemKey::unit(Code::parse(&format!("U{}", n % UNITS)).unwrap())
}

fn origin() -> Origin {
    Origin { site: SiteId::parse("test").unwrap(), incarnation: 0 }
}

fn record(n: u64) -> Record {
    let event = TraceEvent::bare(What::Arrive { item: unit(n) }, Utc(n.cast_signed()), None);
    let (position, at) = (Position(n), At::default());
    Record { position, at, body: Body::Trace(event), plant: None }
}

/// Appends the events from one to another, as a daemon before this one did.
pub(crate) async fn fill(dir: &Path, from: u64, to: u64) {
    fs::create_dir_all(dir).unwrap();
    let options = Options {
        dir: dir.to_owned(),
        origin: origin(),
        segment_bytes_max: SEGMENT_BYTES_MAX,
        metrics: Arc::new(Metrics::new()),
        now: pedigree::daemon::clock(),
    };
    let ledger = Ledger::open(options, Files).unwrap().ledger;
    let generation = ledger.durable().borrow().generation;
    for first in (from..=to).step_by(500) {
        let last = to.min(first + 499);
        ledger.append(generation, (first..=last).map(record).collect()).await.unwrap();
    }
    ledger.durable().wait_for(|durable| durable.position.0 == to).await.unwrap();
}

/// Gives the index of a stopped daemon another form, and nothing else.
fn set_form(site: &Site, form: u64) {
    let db = sled::Config::new().path(site.path("data/store/sled")).open().unwrap();
    assert_eq!(
        db.insert("mschema", &form.to_be_bytes()).unwrap().unwrap().as_ref(),
        3_u64.to_be_bytes()
    );
    db.flush().unwrap();
}

/// How far an index was made sure of; 0 if nothing says so.
fn sure(site: &Site) -> u64 {
    let text = fs::read_to_string(site.path("data/store/applied")).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// One life of the daemon, which the kernel kills as it enters a call for the `when`th time; whether that came
/// before the index had all records.
fn is_killed(site: &Site, call: &str, when: u32) -> bool {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
    command.arg(format!("inject={call}:signal=SIGKILL:when={when}"));
    command.arg(env!("CARGO_BIN_EXE_pedigree")).arg("--config").arg(site.path("pedigree.toml"));
    command.arg("run");
    let mut daemon = match site.launch(command, &[]) {
        Ok(daemon) => daemon,
        Err(ended) => {
            assert_eq!(ended.signal(), Some(SIGKILL), "strace: {ended}; {}", site.log());
            return true;
        }
    };
    let killed = until("it is killed, or has all records", PATIENCE, || {
        let has_ended = daemon.has_ended().is_some();
        let url = format!("http://{}/metrics", daemon.http());
        let text = ureq::get(url).call().and_then(|mut answer| answer.body_mut().read_to_string());
        let is_whole =
            text.is_ok_and(|text| gauge(&text, "pedigree_store_position") >= Some(RECORDS));
        (has_ended || is_whole).then_some(has_ended)
    });
    if !killed {
        daemon.kill();
    }
    killed
}

/// All that the index of a stopped daemon has, as far as it was made sure of.
fn check_index(site: &Site) {
    let options = StoreOptions {
        dir: site.path("data/store"),
        origin: origin(),
        durable: Position(u64::MAX),
        cache_bytes: CACHE_BYTES,
    };
    let Opened { store, applied, rebuilt } = Store::open(&options).unwrap();
    assert_eq!(rebuilt, None);
    assert!(applied.0 >= SURE, "{applied}");
    let found = store.records(Position(0), Position(SURE), usize::MAX).unwrap();
    assert!(found.iter().eq((1..=SURE).map(record).collect::<Vec<_>>().iter()));
    for n in 0..UNITS {
        let steps = store.positions(&unit(n), Position(1)..=Position(SURE)).unwrap();
        assert!(steps.iter().map(|at| at.0).eq((1..=SURE).filter(|at| at % UNITS == n)), "{n}");
    }
}

/// Lives of which each but the last is killed: how far the index was made sure of after each.
type Lives<'s> = Box<dyn Fn() -> Vec<u64> + 's>;

/// Killed at system calls, and with so many records in the index.
fn ways(site: &Site) -> Vec<(&'static str, Lives<'_>)> {
    let at_call = |call: &'static str| -> (&'static str, Lives<'_>) {
        let lives = move || {
            let killed = WHEN.iter().take_while(|when| is_killed(site, call, **when));
            killed.map(|_| sure(site)).collect()
        };
        (call, Box::new(lives))
    };
    let at_record = || {
        let life = |at: u64| {
            let daemon = site.start();
            until("it is on its way", PATIENCE, || (indexed(&daemon) >= at).then_some(()));
            daemon.kill();
            sure(site)
        };
        AT.map(life).to_vec()
    };
    let mut all: Vec<_> = CALLS.into_iter().map(at_call).collect();
    all.push(("records", Box::new(at_record)));
    all
}

#[test]
fn an_index_of_another_form_is_made_anew_once_wherever_the_daemon_is_killed() {
    let site = Site::new(&[]);
    runtime().block_on(fill(&site.path("data"), 1, RECORDS));
    let whole = || {
        let daemon = site.start();
        until("all records are in the index", PATIENCE, || {
            (indexed(&daemon) >= RECORDS).then_some(())
        });
        assert!(daemon.stop().success(), "{}", site.log());
    };
    whole();
    let (mut kills, mut inside) = (0, 0);
    for (way, lives) in ways(&site) {
        set_form(&site, 1);
        let before = site.log().matches(REBUILT).count();
        let made = lives();
        println!("{way}: killed when it was sure up to {made:?}");
        // The old one says how far it was until it is set aside.
        let anew: Vec<u64> = made.iter().copied().skip_while(|sure| *sure > SURE).collect();
        assert!(anew.is_sorted(), "{way}: what was made sure of is made again");
        kills += made.len();
        inside += anew.iter().filter(|sure| **sure > 0).count();
        whole();
        let rebuilt = site.log().matches(REBUILT).count() - before;
        assert!(rebuilt <= 1, "{way}: begun anew {rebuilt} times");
        check_index(&site);
    }
    assert!(kills > 15 && inside > 2, "{kills} kills, {inside} of them in the middle");
}
