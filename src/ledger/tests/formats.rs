//! What the first version wrote, which every later one has to read; and what a later one wrote, which this one
//! leaves alone.
//!
//! `tests/data/format-1` is a data directory. If one of these tests fails, do not change it: there are such
//! files in the field. `MAKE_FIXTURES=1` makes those that are not there, and never one that is.
use super::*;
use crate::ledger::backup::{backup, restore};
use crate::ledger::checkpoint;
use crate::ledger::segment;
use crate::ledger::thin::{settle_on, thin_on};
use crate::ledger::{
    Checkpoint, Proof, ProofFault, PublicKey, Scrub, Scrubbed, Signed, SigningKey,
};
use crate::model::{Command, specimens};
use std::collections::BTreeSet;

fn kept(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder)
}

fn fixture() -> PathBuf {
    kept("format-1")
}

/// The same ledger after retention: the second segment with feature bit 0, and behind all others its tombstone.
fn thinned() -> PathBuf {
    kept("thinned-1")
}

/// Compares what is written today with what was written then.
fn same(folder: &Path, name: &str, today: &[u8]) {
    let path = folder.join(name);
    if std::env::var_os("MAKE_FIXTURES").is_some() && !path.exists() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, today).unwrap();
    }
    let then = std::fs::read(&path).unwrap_or_else(|why| panic!("{name}: {why}"));
    let differs = then.iter().zip(today).position(|(then, today)| then != today);
    assert_eq!((differs, then.len()), (None, today.len()), "{name} is written in another way");
}

fn key() -> SigningKey {
    SigningKey::new(std::array::from_fn(|at| u8::try_from(at).unwrap()))
}

/// The records in segments of about twenty; the last one is not sealed.
fn write(dir: &Path) {
    std::fs::create_dir_all(folder(dir)).unwrap();
    let mut writer = recover(Arc::new(Files), &folder(dir), &origin()).unwrap().writer;
    let bytes: Vec<Vec<u8>> = specimens::records().iter().map(wire::encode).collect();
    for (at, some) in bytes.chunks(20).enumerate() {
        if at > 0 {
            writer.roll().unwrap();
        }
        // A step of one record, and one of all others.
        let (one, others) = some.split_at(1);
        writer.write(&[one, others]).unwrap();
        writer.sync().unwrap();
    }
}

/// The checkpoint of the first `size` records.
fn signed(dir: &Path, size: u64) -> Signed {
    let root = Reader::open(dir).root_at(size).unwrap().unwrap();
    let time = specimens::utc(i64::try_from(size).unwrap());
    Signed::new(Checkpoint { origin: origin(), size, root, time }, &key())
}

/// What is proven of a unit: the records 2, 9 and the last but one, and that 40 records are as they were.
fn prove(dir: &Path, size: u64) -> Proof {
    let positions = BTreeSet::from([2, 9, size - 1].map(Position));
    let (now, then) = (signed(dir, size), signed(dir, 40));
    Reader::open(dir).prove("u/site/SN-1", &positions, &now, Some(&then)).unwrap()
}

#[test]
fn what_is_written_today_is_byte_for_byte_what_was_written_then() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let size = specimens::records().len() as u64;
    let proof = prove(dir.path(), size);
    // With the hashes that were kept of sealed segments to make it.
    let paths = segments(dir.path());
    assert!(paths.iter().any(|path| path.extension().is_some_and(|kind| kind == "run")));
    for path in paths {
        let name = path.strip_prefix(dir.path()).unwrap().to_str().unwrap();
        same(&fixture(), name, &std::fs::read(&path).unwrap());
    }
    let path = dir.path().join("checkpoints");
    for size in [40, size] {
        checkpoint::append(&path, &signed(dir.path(), size)).unwrap();
    }
    same(&fixture(), "checkpoints", &std::fs::read(&path).unwrap());
    same(&fixture(), "checkpoint.pub", format!("{}\n", key().public().named(&origin())).as_bytes());
    let secret: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
    same(&fixture(), "checkpoint.key", &secret);
    same(&fixture(), "person.key", &[7; 32]);
    same(&fixture(), "unit.proof", &proof.to_bytes());
}

#[test]
fn what_was_written_then_is_read_to_the_last_field() {
    let (kept, wanted) = (fixture(), specimens::records());
    let size = wanted.len() as u64;
    let found = Reader::open(&kept).read(Position(0), usize::MAX).unwrap();
    assert_eq!(found.len(), wanted.len());
    for (entry, wanted) in found.iter().zip(&wanted) {
        assert_eq!(entry.record, *wanted);
        // It is still the same leaf of the tree.
        assert_eq!(entry.bytes, wire::encode(wanted), "{}", entry.position);
    }
    let named = std::fs::read_to_string(kept.join("checkpoint.pub")).unwrap();
    let public = PublicKey::parse(&named).unwrap();
    let notes = checkpoint::read(&std::fs::read(kept.join("checkpoints")).unwrap(), &public);
    assert_eq!((&notes.unread, notes.is_torn), (&vec![], false));
    let checkpoints: Vec<_> = notes.signed.iter().map(|note| note.checkpoint().clone()).collect();
    let report = verify(&kept, &Scope { checkpoints, ..Scope::default() }).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.agreed, report.records), (2, size));
    let proof = Proof::from_bytes(&std::fs::read(kept.join("unit.proof")).unwrap()).unwrap();
    let proven = proof.check(&public).unwrap();
    let positions: Vec<u64> = proven.records.iter().map(|(position, _)| position.0).collect();
    assert_eq!((proven.about.as_str(), positions), ("u/site/SN-1", vec![2, 9, size - 1]));
    assert_eq!((proven.checkpoint.size, proven.earlier.unwrap().size), (size, 40));
}

#[test]
fn what_retention_leaves_is_written_and_read_as_it_was_then() {
    let home = tempfile::tempdir().unwrap();
    write(home.path());
    let (dir, reader) = (folder(home.path()), Reader::open(home.path()));
    let second = reader.sealed().unwrap()[1].first;
    // The step of all but the first record of the segment.
    let steps = BTreeSet::from([second.next()]);
    let prepared = thin_on(&Files, &dir, second, &steps, &BTreeSet::new()).unwrap().unwrap();
    let mut writer = recover(Arc::new(Files), &dir, &origin()).unwrap().writer;
    assert!(segments(home.path()).iter().all(|path| !path.ends_with(segment::thin_name(second))));
    let prepared_again = thin_on(&Files, &dir, second, &steps, &BTreeSet::new()).unwrap();
    assert_eq!(prepared_again.as_ref(), Some(&prepared));
    let [rule, who] = ["products.A = 15 years", "P-0a1b2c3d4e5f"].map(|t| Text::parse(t).unwrap());
    let times = Some((specimens::utc(1), specimens::utc(2)));
    let stone = prepared.tombstone((rule, who), times, vec![specimens::unit("SN-1")]);
    let position = writer.position().next();
    let body = Body::Tombstone(stone.clone());
    let record = Record { position, at: At::default(), body, plant: None };
    writer.write(&[&[wire::encode(&record)]]).unwrap();
    writer.sync().unwrap();
    assert!(settle_on(&reader, position).unwrap());
    for path in segments(home.path()) {
        let name = path.strip_prefix(home.path()).unwrap().to_str().unwrap();
        same(&thinned(), name, &std::fs::read(&path).unwrap());
    }
    let (then, whole) = (Reader::open(&thinned()), specimens::records());
    let found: Vec<Record> = then.cursor(Position(0)).map(|entry| entry.unwrap().record).collect();
    let gone = second.next()..=stone.last;
    let wanted = whole.into_iter().map(|record| {
        if gone.contains(&record.position) { Record::dropped(record.position) } else { record }
    });
    assert_eq!(found, wanted.chain([record]).collect::<Vec<_>>());
    let report = verify(&thinned(), &Scope::default()).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.dropped, stone.dropped);
}

/// The records of cases of recall, and the commands that they are made of.
#[test]
fn cases_are_written_and_read_as_they_were_then() {
    let (kept, commands) = (kept("case-1"), specimens::case_commands());
    as_they_were(&specimens::cases(0), &kept);
    same(&kept, "commands", &wire::encode(&commands));
    let read: Vec<Command> = wire::decode(&std::fs::read(kept.join("commands")).unwrap()).unwrap();
    assert_eq!(read, commands);
}

/// The record of a plant whose attributes come from further words.
#[test]
fn what_a_plant_keeps_is_written_and_read_as_it_was_then() {
    as_they_were(&specimens::later::kept(), &kept("kept-1"));
}

/// What the floor life of a lot is counted by.
#[test]
fn a_lot_that_is_opened_put_away_and_dried_is_written_and_read_as_it_was_then() {
    as_they_were(&specimens::later::stored(), &kept("stored-1"));
}

/// What is said of maintenance, and the commands that it is made of.
#[test]
fn maintenance_is_written_and_read_as_it_was_then() {
    let (kept, commands) = (kept("maintained-1"), specimens::later::maintenance_commands());
    as_they_were(&specimens::later::maintained(), &kept);
    same(&kept, "commands", &wire::encode(&commands));
    let read: Vec<Command> = wire::decode(&std::fs::read(kept.join("commands")).unwrap()).unwrap();
    assert_eq!(read, commands);
}

/// What is done with alarms, and the commands for it.
#[test]
fn alarms_are_written_and_read_as_they_were_then() {
    let (kept, commands) = (kept("alarmed-1"), specimens::later::alarm_commands());
    as_they_were(&specimens::later::alarmed(), &kept);
    same(&kept, "commands", &wire::encode(&commands));
    let read: Vec<Command> = wire::decode(&std::fs::read(kept.join("commands")).unwrap()).unwrap();
    assert_eq!(read, commands);
}

/// What is maintained by use, and what is said when it is due.
#[test]
fn what_is_maintained_by_use_is_written_and_read_as_it_was_then() {
    as_they_were(&specimens::later::used(), &kept("used-1"));
}

/// These records make the ledger of a fixture byte for byte, and are what is read of it.
fn as_they_were(wanted: &[Record], kept: &Path) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder(dir.path())).unwrap();
    let mut writer = recover(Arc::new(Files), &folder(dir.path()), &origin()).unwrap().writer;
    let bytes: Vec<Vec<u8>> = wanted.iter().map(wire::encode).collect();
    writer.write(&[&bytes]).unwrap();
    writer.sync().unwrap();
    for path in segments(dir.path()) {
        let name = path.strip_prefix(dir.path()).unwrap().to_str().unwrap();
        same(kept, name, &std::fs::read(&path).unwrap());
    }
    let then = Reader::open(kept);
    let found: Vec<Record> = then.cursor(Position(0)).map(|entry| entry.unwrap().record).collect();
    assert_eq!(found, wanted);
}

/// A newer version, and a feature that nobody here knows: what they say, and the bytes 8 to 16 of a file.
fn later() -> [(&'static str, [u8; 8]); 2] {
    [
        ("format 2 with features 0x0", [2, 0, 0, 0, 0, 0, 0, 0]),
        ("format 1 with features 0x80000000", [1, 0, 0, 0, 0, 0, 0, 0x80]),
    ]
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let there = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &there);
        } else {
            std::fs::copy(&path, &there).unwrap();
        }
    }
}

/// The files of a ledger, with what is in them.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    segments(dir).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Whatever is done with a ledger of which one segment is of a later version, that is what is said, with its name
/// and what to do; and nothing is changed.
#[test]
fn a_segment_of_a_later_version_is_named_and_nothing_is_done_to_the_ledger() {
    let firsts = segment::list(&Files, &folder(&fixture())).unwrap();
    assert!(firsts.len() > 2);
    for (first, (says, preamble)) in firsts.iter().flat_map(|first| later().map(|of| (first, of))) {
        let [dir, to, home] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        copy(&fixture(), dir.path());
        let path = segment::path(&folder(dir.path()), *first);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[8..16].copy_from_slice(&preamble);
        std::fs::write(&path, &bytes).unwrap();
        let before = files(dir.path());
        let told = |done: Result<(), LedgerError>| {
            let words = "this pedigree reads format 1 with features up to 0x1; run the version that wrote it, or a newer one";
            let wanted = format!("{} has ledger {says}, {words}", path.display());
            assert_eq!(done.unwrap_err().to_string(), wanted);
        };
        told(Ledger::open(options(dir.path(), origin()), Files).map(drop));
        told(backup(dir.path(), to.path(), Vec::new()).map(drop));
        told(restore(dir.path(), home.path(), Vec::new(), 0, || Ok(())).map(drop));
        let all: Result<Vec<_>, _> = Reader::open(dir.path()).cursor(Position(0)).collect();
        told(all.map(drop));
        let report = verify(dir.path(), &Scope::default()).unwrap();
        assert!(report.faults.iter().any(|fault| fault.why.contains(says)), "{report:?}");
        assert!(files(dir.path()) == before, "{first}: {says}");
        // It keeps the hashes of what is sound, and changes nothing else.
        let scrubbed = scrub(dir.path());
        assert!(scrubbed.iter().any(|fault| fault.why.contains(says)), "{scrubbed:?}");
        let after = files(dir.path());
        assert!(before.iter().all(|file| after.contains(file)), "{first}: {says}");
        assert!(files(to.path()).is_empty() && !folder(home.path()).exists());
    }
}

/// What the scrub has to say in one pass.
fn scrub(dir: &Path) -> Vec<Damage> {
    let mut scrub = Scrub::new(Reader::open(dir));
    let mut faults = Vec::new();
    loop {
        match scrub.step().unwrap() {
            Scrubbed::Damaged(_, found) => faults.extend(found),
            Scrubbed::Read(_) | Scrubbed::Sound(_) => {}
            Scrubbed::Pass => return faults,
        }
    }
}

/// The canonical bytes of a record of this kind, with this many keys that nobody here knows.
fn of_kind(kind: u8, more: u64) -> Vec<u8> {
    let audit = Audit { who: Text::parse("P-1").unwrap(), what: Text::parse("more").unwrap() };
    let mut e = minicbor::Encoder::new(Vec::new());
    e.map(3 + more).unwrap().u8(0).unwrap().u64(1).unwrap();
    e.u8(1).unwrap().encode(At::default()).unwrap();
    e.u8(2).unwrap().array(2).unwrap().u8(kind).unwrap().array(1).unwrap().encode(audit).unwrap();
    for key in 0..more {
        e.u64(200 + key).unwrap().str("what nobody here knows").unwrap();
    }
    e.into_writer()
}

#[test]
fn a_record_of_a_later_version_is_refused_by_its_position_unless_it_only_says_more() {
    // Seven is an audit entry.
    for (kind, more, known) in [(7, 0, true), (7, 2, true), (99, 0, false)] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder(dir.path())).unwrap();
        let mut writer = recover(Arc::new(Files), &folder(dir.path()), &origin()).unwrap().writer;
        let bytes = of_kind(kind, more);
        writer.write(&[std::slice::from_ref(&bytes)]).unwrap();
        writer.sync().unwrap();
        let report = verify(dir.path(), &Scope::default()).unwrap();
        assert!(report.is_sound() && report.records == 1, "bytes are bytes: {report:?}");
        match Reader::open(dir.path()).get(Position(1)) {
            Ok(entry) => {
                let entry = entry.unwrap();
                assert!(known && matches!(entry.record.body, Body::Audit(_)), "{kind}");
                assert_eq!(entry.bytes, bytes, "what is not known is not lost");
            }
            Err(why) => {
                let told = why.to_string();
                assert!(!known && told.starts_with("the record at #1 cannot be read: "), "{told}");
                assert!(
                    told.ends_with("; run the version that wrote it, or a newer one"),
                    "{told}"
                );
            }
        }
    }
}

#[test]
fn a_proof_of_a_later_version_is_refused_by_that_name() {
    let good = std::fs::read(fixture().join("unit.proof")).unwrap();
    for (says, preamble) in later() {
        let mut bytes = good.clone();
        bytes[8..16].copy_from_slice(&preamble);
        let told = Proof::from_bytes(&bytes).unwrap_err();
        let wanted = format!(
            "it has proof {says}, this pedigree reads format 1 without features; use the version that made it, or a newer one"
        );
        assert_eq!(told.to_string(), wanted);
    }
    assert_eq!(Proof::from_bytes(b"PDGR-LED"), Err(ProofFault::Foreign));
}

/// The hashes beside a segment are derived: those of a later version are not used, and are made anew.
#[test]
fn hashes_of_a_later_version_are_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture(), dir.path());
    let size = specimens::records().len() as u64;
    let is_run = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "run");
    let path = segments(dir.path()).into_iter().find(is_run).unwrap();
    let good = std::fs::read(&path).unwrap();
    for (says, preamble) in later() {
        let mut bytes = good.clone();
        bytes[8..16].copy_from_slice(&preamble);
        std::fs::write(&path, &bytes).unwrap();
        // About the last record alone, so that the hashes of all other segments are asked for.
        let signed = signed(dir.path(), size);
        let last = BTreeSet::from([Position(size)]);
        let proof = Reader::open(dir.path()).prove("", &last, &signed, None).unwrap();
        assert!(proof.check(&key().public()).is_ok(), "{says}");
        assert_eq!(std::fs::read(&path).unwrap(), good, "{says}");
    }
}

/// A note that a later version may write: under another name in front, or with a line more.
#[test]
fn checkpoints_of_a_later_version_are_named_kept_and_gone_on_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoints");
    let good = std::fs::read_to_string(fixture().join("checkpoints")).unwrap();
    let public = key().public();
    for (later, line) in [
        (good.replace("pedigree/plant-1", "pedigree-2/plant-1"), 1),
        (good.replace("\n\n—", "\nmore 7\n\n—"), 1),
    ] {
        std::fs::write(&path, &later).unwrap();
        let found = checkpoint::read(later.as_bytes(), &public);
        assert_eq!((found.signed.len(), found.is_torn), (0, false));
        let told = found.unread[0].to_string();
        assert!(
            told.starts_with(&format!("checkpoint at line {line}: it is no checkpoint")),
            "{told}"
        );
        assert!(told.ends_with("if a newer pedigree wrote it, use that one"), "{told}");
        let next = signed(&fixture(), 40);
        checkpoint::append(&path, &next).unwrap();
        let after = std::fs::read_to_string(&path).unwrap();
        assert!(after.starts_with(&later), "{after}");
        assert_eq!(checkpoint::recent(&path, &public, 1).unwrap(), [next]);
    }
}
