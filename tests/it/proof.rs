//! What an auditor does: verify the ledger, its checkpoints and a proof of one unit with a program that is not
//! ours (`tests/verify_ledger.py`, written from the documented format), and find whatever was tampered with.
use super::support::daemon::{Daemon, Site};
use super::support::http::until;
use super::support::{PATIENCE, here, peer, peers, runtime};
use pedigree::daemon;
use pedigree::demo::{Demo, DemoOptions};
use pedigree::ledger::{Files, Ledger, Options};
use pedigree::model::{At, Body, Origin, Position, Record, SiteId, Text, Tombstone, wire};
use pedigree::telemetry::Metrics;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

const PARTS: u64 = 40;
const CYCLE: Duration = Duration::from_millis(50);

/// The stopped plant: its ledger in small segments, its checkpoints, and proofs that were asked for while it
/// ran.
pub(crate) struct Audited {
    pub(crate) site: Site,
    peers: PathBuf,
    key: String,
    unit: String,
    /// Every unit that was worked on.
    pub(crate) units: Vec<String>,
    /// When the first event was, and the last.
    pub(crate) times: (i64, i64),
}

impl Audited {
    pub(crate) fn start(peers: PathBuf) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = DemoOptions::new(3, daemon::clock());
        (options.cycle, options.drift, options.parts_max) = (CYCLE, None, Some(PARTS));
        let runtime = runtime();
        let (demo, plcs) = runtime.block_on(Demo::start(options, dir.path())).unwrap();
        let site = Site::of(&demo);
        let settings = fs::read_to_string(site.path("pedigree.toml")).unwrap();
        let every = "[ledger]\ncheckpoint_every = \"1s\"\n";
        fs::write(site.path("pedigree.toml"), format!("{settings}{every}")).unwrap();
        runtime.spawn(plcs);
        let running = site.start();
        let mut progress = demo.progress();
        let through = progress.wait_for(|through| *through >= PARTS);
        let through = runtime.block_on(async { tokio::time::timeout(PATIENCE, through).await });
        assert!(through.is_ok(), "the line stands still");
        let key = running.ask("/api/v1/ledger/key").1.trim().to_owned();
        let truth = demo.truth();
        let units = truth.iter().map(|part| part.part.unit.to_string()).collect();
        let unit = truth.into_iter().find(|part| part.reached == pedigree::demo::Reached::Packed);
        let unit = unit.unwrap().part.unit.to_string();
        demo.stop();
        let mut audited = Self { site, peers, key, unit, units, times: (0, 0) };
        audited.prove(&running);
        assert!(running.stop().success(), "{}", audited.site.log());
        let records = audited.site.records();
        let times = records.iter().filter_map(|record| {
            let Body::Trace(event) = &record.body else { return None };
            Some(event.time.at.0)
        });
        audited.times = (times.clone().min().unwrap(), times.max().unwrap());
        runtime.block_on(audited.copy_in_small_segments());
        audited
    }

    /// What the running daemon proves: of a unit, of a record, and since its first checkpoint.
    fn prove(&self, running: &Daemon) {
        let unit = self.unit.as_str();
        let first = until("there are checkpoints", PATIENCE, || {
            let listed = running.get("/api/v1/ledger/checkpoints?limit=1000");
            (listed["body"].as_array()?.len() >= 2).then(|| listed["body"][0].clone())
        });
        fs::write(self.site.path("first"), first["note"].as_str().unwrap()).unwrap();
        let prove = |args: &[&str], file: &str| {
            let mut command = self.site.command(&["prove"]);
            command.args(args).arg("--out").arg(self.site.path(file));
            let told = command.env("PEDIGREE_URL", format!("http://{}", running.http())).output();
            let told = told.unwrap();
            assert!(told.status.success(), "{args:?}: {}", String::from_utf8_lossy(&told.stderr));
        };
        let since = self.site.path("first").display().to_string();
        prove(&[unit], "unit.proof");
        prove(&[unit, "--since", &since], "since.proof");
        prove(&["--event", "3"], "event.proof");
        prove(&["--since", &since], "nothing.proof");
    }

    /// The same records in another folder: the tree does not know about segments.
    async fn copy_in_small_segments(&self) {
        let records = self.site.records();
        fs::create_dir(self.site.path("copy")).unwrap();
        let opened = Ledger::open(options(&self.site.path("copy")), Files).unwrap();
        let mut durable = opened.ledger.durable();
        for record in records {
            let position = record.position;
            let generation = durable.borrow().generation;
            opened.ledger.append(generation, vec![record]).await.unwrap();
            durable.wait_for(|durable| durable.position >= position).await.unwrap();
        }
    }

    /// A copy of the copy, with its checkpoints, to be tampered with.
    fn victim(&self, name: &str) -> Victim {
        let dir = self.site.path(name);
        fs::create_dir_all(dir.join("ledger")).unwrap();
        for segment in segments(&self.site.path("copy")) {
            fs::copy(&segment, dir.join("ledger").join(segment.file_name().unwrap())).unwrap();
        }
        fs::copy(self.site.path("data/checkpoints"), dir.join("checkpoints")).unwrap();
        Victim { dir }
    }

    pub(crate) fn python(&self, args: &[&str]) -> Output {
        let mut command = peer::python(&self.peers);
        command.arg(here("tests/verify_ledger.py")).args(args).arg(&self.key).output().unwrap()
    }

    /// Both verifiers about a ledger, theirs first.
    fn verify(&self, victim: &Victim) -> [(bool, String); 2] {
        let (ledger, checkpoints) = (victim.dir.join("ledger"), victim.dir.join("checkpoints"));
        let text = |path: &Path| path.display().to_string();
        let theirs = self.python(&["ledger", &text(&ledger), &text(&checkpoints)]);
        let mut ours = self.site.command(&["verify", "--key", &self.key, "--data"]);
        let ours = ours.arg(&victim.dir).arg("--checkpoints").arg(&checkpoints).output().unwrap();
        [said(&theirs), said(&ours)]
    }

    /// Both about a proof.
    fn check(&self, file: &str) -> [(bool, String); 2] {
        let path = self.site.path(file).display().to_string();
        let theirs = self.python(&["proof", &path]);
        let mut ours = Command::new(env!("CARGO_BIN_EXE_pedigree"));
        let ours = ours.args(["check-proof", &path, "--key", &self.key]).output().unwrap();
        [said(&theirs), said(&ours)]
    }
}

/// A ledger of this plant in small segments.
fn options(dir: &Path) -> Options {
    Options {
        dir: dir.to_owned(),
        origin: Origin { site: SiteId::parse("test").unwrap(), incarnation: 0 },
        segment_bytes_max: 3_000,
        metrics: Arc::new(Metrics::new()),
        now: daemon::clock(),
    }
}

fn said(told: &Output) -> (bool, String) {
    let code = told.status.code();
    let text = [&told.stdout, &told.stderr].map(|out| String::from_utf8_lossy(out).into_owned());
    let text = text.concat();
    assert!(matches!(code, Some(0 | 1)), "{code:?}: {text}");
    (code == Some(0), text)
}

/// A ledger that somebody tampers with.
struct Victim {
    dir: PathBuf,
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.join("ledger")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|kind| kind == "seg")).collect();
    files.sort();
    files
}

/// The begin of each frame of a segment, and its end.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut at = 16;
    let mut found = vec![at];
    while let Some(len) = bytes.get(at..at + 4) {
        at += 8 + u32::from_le_bytes(len.try_into().unwrap()) as usize;
        found.push(at);
    }
    found
}

/// The position that a segment's name says.
fn first(path: &Path) -> u64 {
    path.file_stem().unwrap().to_str().unwrap().parse().unwrap()
}

impl Victim {
    /// Changes the bytes of a segment.
    fn change(&self, index: usize, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
        let path = segments(&self.dir)[index].clone();
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn change_checkpoints(&self, change: impl FnOnce(String) -> String) {
        let path = self.dir.join("checkpoints");
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    }
}

/// A mutilation: what is done, and what both have to say about it.
type Mutilation = (&'static str, fn(&Victim) -> [String; 2]);

/// Their and our words for damage in the middle of a segment: the file, and the record it begins at.
fn named(path: &Path, from: u64) -> [String; 2] {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    [name.clone(), format!("{name}: positions #{from} to")]
}

const MUTILATIONS: &[Mutilation] = &[
    ("a flipped byte in a header", |victim| {
        let path = victim.change(2, |bytes| bytes[40] ^= 4);
        named(&path, first(&path))
    }),
    ("a flipped byte in a record", |victim| {
        let path = victim.change(1, |bytes| {
            let frames = frames(bytes);
            bytes[frames[3] - 5] ^= 1;
        });
        // The header is the first frame; the third is the second record.
        let from = first(&path) + 1;
        let [_, ours] = named(&path, from);
        [format!("from {from} on"), ours]
    }),
    ("a flipped byte in a seal", |victim| {
        let path = victim.change(1, |bytes| {
            let end = bytes.len();
            bytes[end - 9] ^= 0x40;
        });
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        [name.clone(), name]
    }),
    ("a sealed segment that was cut off", |victim| {
        let path = victim.change(2, |bytes| {
            let frames = frames(bytes);
            bytes.truncate(frames[2]);
        });
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let from = first(&path) + 1;
        [
            format!("{name}: to {}: it has no seal", from - 1),
            format!("{name}: positions #{from} to"),
        ]
    }),
    ("a segment that is gone", |victim| {
        let paths = segments(&victim.dir);
        fs::remove_file(&paths[1]).unwrap();
        let (from, next) = (first(&paths[1]), first(&paths[2]));
        let theirs = format!("it begins at {next}, the record before is {}", from - 1);
        [theirs, format!("positions #{from} to #{} are damaged: they are missing", next - 1)]
    }),
    ("two segments in each other's place", |victim| {
        let paths = segments(&victim.dir);
        let (one, two) = (fs::read(&paths[1]).unwrap(), fs::read(&paths[2]).unwrap());
        fs::write(&paths[1], two).unwrap();
        fs::write(&paths[2], one).unwrap();
        named(&paths[1], first(&paths[1]))
    }),
    ("an end that was cut off", |victim| {
        let end = segments(&victim.dir).len() - 1;
        fs::remove_file(&segments(&victim.dir)[end]).unwrap();
        // What is left is whole, as if nothing more had ever been recorded.
        let path = victim.change(end - 1, |bytes| bytes.truncate(frames(bytes)[2]));
        let last = first(&path);
        [format!("{} to", last + 1), format!("the ledger was cut back: it ends at #{last}")]
    }),
    ("a frame that is there twice", |victim| {
        let path = victim.change(1, |bytes| {
            let frames = frames(bytes);
            let twice = bytes[frames[2]..frames[3]].to_vec();
            bytes.splice(frames[3]..frames[3], twice);
        });
        let at = first(&path) + 2;
        let [_, ours] = named(&path, at);
        [format!("where {at} should be"), ours]
    }),
    ("a checkpoint that was changed", |victim| {
        victim.change_checkpoints(|text| text.replacen("\ntime 20", "\ntime 21", 1));
        ["its signature is wrong".to_owned(), "line 1: its signature is not one".to_owned()]
    }),
    ("a signature by somebody else", |victim| {
        let other = pedigree::ledger::SigningKey::new([1; 32]);
        let origin = Origin { site: SiteId::parse("test").unwrap(), incarnation: 0 };
        let root = pedigree::ledger::Tree::default().root();
        let time = pedigree::model::Utc(0);
        let forged = pedigree::ledger::Checkpoint { origin, size: 1, root, time };
        let forged = pedigree::ledger::Signed::new(forged, &other);
        victim.change_checkpoints(|text| format!("{}\n{text}", forged.note()));
        ["no signature by the key".to_owned(), "line 1: it has no signature by the key".to_owned()]
    }),
    ("checkpoints without their empty lines", |victim| {
        victim.change_checkpoints(|text| text.replace("\n\n", "\n"));
        ["no checkpoint can be read", "no checkpoint by this key can be read"].map(str::to_owned)
    }),
    ("checkpoints that went through a mail program", |victim| {
        victim.change_checkpoints(|text| text.replace('\n', "\r\n"));
        ["no checkpoint can be read", "line 1: it is no checkpoint"].map(str::to_owned)
    }),
    ("no checkpoints", |victim| {
        victim.change_checkpoints(|_| String::new());
        ["no checkpoint can be read", "no checkpoint by this key can be read"].map(str::to_owned)
    }),
    ("a checkpoint that is cut off before others", |victim| {
        victim.change_checkpoints(|text| {
            let end = text.find("\n\n").unwrap() + 40;
            let rest = end + text[end..].find("\n\n").unwrap();
            format!("{}{}", &text[..end], &text[rest..])
        });
        ["it is cut off", "line 1: it is cut off"].map(str::to_owned)
    }),
    ("other records with all their checksums", |victim| {
        rewrite(victim);
        ["other records than were signed".to_owned(), "the ledger was rewritten".to_owned()]
    }),
];

/// Writes the ledger anew with one record changed: nothing in it contradicts anything else in it.
fn rewrite(victim: &Victim) {
    let reader = pedigree::ledger::Reader::open(&victim.dir);
    let mut records: Vec<_> =
        reader.cursor(Position(0)).map(|entry| entry.unwrap().record).collect();
    records[4].at.wall.0 += 1;
    fs::remove_dir_all(victim.dir.join("ledger")).unwrap();
    runtime().block_on(async {
        let ledger = Ledger::open(options(&victim.dir), Files).unwrap().ledger;
        for record in records {
            let generation = ledger.durable().borrow().generation;
            ledger.append(generation, vec![record]).await.unwrap();
        }
    });
}

/// Lets every second record of the second segment go, but for the tombstone that is to say so: gives that.
fn thin(victim: &Victim, ledger: &Ledger) -> Tombstone {
    let sizes: BTreeSet<u64> = fs::read_to_string(victim.dir.join("checkpoints"))
        .unwrap()
        .split("\n\n")
        .filter(|part| part.starts_with("pedigree/"))
        .map(|part| part.lines().nth(1).unwrap().parse().unwrap())
        .collect();
    let second = ledger.reader().sealed().unwrap()[1].clone();
    let steps = (second.first.0..=second.last.0).step_by(2).map(Position).collect();
    let prepared = ledger.thin(second.first, &steps, &sizes).unwrap().unwrap();
    assert_eq!(prepared.dropped, steps.len() as u64);
    let [rule, who] = ["products.A = 15 years", "P-1"].map(|said| Text::parse(said).unwrap());
    prepared.tombstone((rule, who), None, Vec::new())
}

/// Puts the tombstone into the ledger, and what it names in the place of the segment.
fn bury(ledger: &Ledger, stone: Tombstone) {
    let generation = ledger.durable().borrow().generation;
    let position = ledger.durable().borrow().position.next();
    let body = Body::Tombstone(stone);
    let record = Record { position, at: At::default(), body, plant: None };
    let mut durable = ledger.durable();
    runtime().block_on(async {
        ledger.append(generation, vec![record]).await.unwrap();
        durable.wait_for(|durable| durable.position >= position).await.unwrap();
    });
    assert!(ledger.settle(position).unwrap());
}

/// What retention leaves is accepted by both, with all checkpoints; what was thinned by nobody's leave, or changed
/// afterwards with checksums that fit, is not.
fn retention(audited: &Audited) {
    let victim = audited.victim("thinned");
    let before = audited.verify(&victim);
    let ledger = Ledger::open(options(&victim.dir), Files).unwrap().ledger;
    bury(&ledger, thin(&victim, &ledger));
    drop(ledger);
    for ((sound, told), (_, before)) in audited.verify(&victim).into_iter().zip(before) {
        assert!(sound, "{told}");
        let agree = |told: &str| told.split(", ").last().map(str::to_owned);
        let theirs = before.contains(" checkpoints agree\n") && before.lines().count() == 1;
        assert!(!theirs || agree(&told) == agree(&before), "{told}, before: {before}");
    }
    let words = "it was thinned, and no tombstone names it as it is";
    let changed = victim.change(1, |bytes| {
        // The header is a map too.
        let all = frames(bytes);
        let mut maps = all.windows(2).skip(1).filter(|frame| bytes[frame[0] + 8] & 0xE0 == 0xA0);
        let (begin, end) = maps.next().map(|frame| (frame[0], frame[1])).unwrap();
        let mut body = bytes[begin + 8..end].to_vec();
        *body.last_mut().unwrap() ^= 1;
        let mut frame = Vec::new();
        wire::put_frame(&body, &mut frame);
        bytes.splice(begin..end, frame);
    });
    let name = changed.file_name().unwrap().to_str().unwrap().to_owned();
    for (sound, told) in audited.verify(&victim) {
        assert!(!sound && told.contains(&name), "{told}");
    }
    let victim = audited.victim("unburied");
    let ledger = Ledger::open(options(&victim.dir), Files).unwrap().ledger;
    let stone = thin(&victim, &ledger);
    drop(ledger);
    let waits = victim.dir.join(format!("ledger/{:020}.thin", stone.first.0));
    fs::rename(&waits, waits.with_extension("seg")).unwrap();
    for (sound, told) in audited.verify(&victim) {
        assert!(!sound && told.contains(words), "{told}");
    }
}

#[test]
fn an_independent_verifier_accepts_the_good_and_names_what_was_tampered_with() {
    let Some(peers) = peers() else { return };
    let audited = Audited::start(peers);
    let good = audited.victim("good");
    let [theirs, ours] = audited.verify(&good);
    assert!(theirs.0 && ours.0, "{theirs:?} {ours:?}");
    let records = audited.site.records().len();
    assert!(theirs.1.starts_with(&format!("{records} records, ")), "{theirs:?}");
    assert!(ours.1.contains("checkpoints agree"), "{ours:?}");
    assert!(segments(&good.dir).len() > 4, "too few segments to tamper with");
    for (index, (name, mutilate)) in MUTILATIONS.iter().enumerate() {
        let victim = audited.victim(&format!("victim-{index}"));
        let wanted = mutilate(&victim);
        for ((sound, told), wanted) in audited.verify(&victim).into_iter().zip(wanted) {
            assert!(!sound && told.contains(&wanted), "{name}: wanted `{wanted}` in: {told}");
        }
    }

    for (file, has) in
        [("unit", "records"), ("since", "records"), ("event", "1 record"), ("nothing", "0 records")]
    {
        let [theirs, ours] = audited.check(&format!("{file}.proof"));
        assert!(theirs.0 && ours.0 && ours.1.contains(has), "{file}: {theirs:?} {ours:?}");
        assert_eq!(ours.1.contains("was changed"), matches!(file, "since" | "nothing"), "{ours:?}");
    }
    let unit = fs::read(audited.site.path("unit.proof")).unwrap();
    assert!(unit.len() < 4096, "the proof of a unit has {} bytes", unit.len());
    println!("{records} records, the proof of a unit has {} bytes", unit.len());
    retention(&audited);
    // A record that was never there, with a checksum that fits.
    let mut body = unit[24..].to_vec();
    let code = audited.unit.rsplit('/').next().unwrap().as_bytes();
    let at = body.windows(code.len()).rposition(|bytes| bytes == code).unwrap();
    body[at] ^= 1;
    let mut forged = unit[..16].to_vec();
    wire::put_frame(&body, &mut forged);
    fs::write(audited.site.path("forged.proof"), forged).unwrap();
    for (proves, told) in audited.check("forged.proof") {
        assert!(!proves && told.contains("not those under"), "{told}");
    }
}
