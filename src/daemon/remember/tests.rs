//! A start from an image of the read side is a start from the first record on, wherever the daemon before it ended.
//!
//! `tests/data/read-7` has an image of form 7, and what images after each of its records digest to. If their tests
//! fail, what is folded has changed, or how: `READ_SCHEMA` goes up, and the new form gets fixtures of its own.
use super::*;
use crate::daemon::specimen::{append, is_as_it_was, ledger as open, origin};
use crate::ledger::simulated::{Faults, SimulatedDisk};
use crate::ledger::{Disk, Files, Ledger, leaf};
use crate::model::{Body, PlantLoaded, Record, TagName, Text, What, specimens};
use crate::query::{QueryOptions, READ_SCHEMA};
use crate::store::{CACHE_BYTES, ImageOf};
use std::fs;
use std::path::{Path, PathBuf};

/// A read side that knows nothing, with images on this disk; its index is never opened.
fn memories(ledger: &Ledger, disk: impl Disk + 'static, dir: &Path) -> Memories {
    let metrics = Arc::new(Metrics::new());
    let query = Query::new(QueryOptions {
        dir: PathBuf::from("/nowhere"),
        origin: origin(),
        durable: Position(0),
        ledger: Some(ledger.reader()),
        cache_bytes: CACHE_BYTES,
        now: crate::daemon::clock(),
        metrics: Arc::clone(&metrics),
    });
    let program = Text::parse("0.1.0").unwrap();
    let of = ImageOf { origin: origin(), program, schema: READ_SCHEMA };
    let images = Images::new(Arc::new(disk), dir, of);
    Memories { images, query, reader: ledger.reader(), metrics }
}

impl Memories {
    /// Takes all that is durable, as the follower does.
    fn follow(&self) -> &Self {
        let after = self.query.position();
        let entries = self.reader.cursor(after).map(Result::unwrap);
        let records: Vec<_> = entries.map(|entry| (entry.position, entry.record)).collect();
        self.query.apply(&records).unwrap();
        self
    }

    fn keep_now(&mut self) {
        let (position, body) = self.query.image();
        self.keep((position, &body));
    }
}

/// What is known of a ledger from its first record on.
fn whole(ledger: &Ledger) -> Vec<u8> {
    memories(ledger, Files, Path::new("/nowhere")).follow().query.image().1
}

/// One of each record, twice, a tombstone, what is done with a case, and what is measured for an attribute.
fn told() -> Vec<Record> {
    let mut records = specimens::records_twice();
    let position = Position(records.len() as u64 + 1);
    let stone = specimens::retained().into_iter().next().unwrap();
    records.push(Record { position, ..stone });
    records.extend(specimens::cases(position.0));
    records.extend(measured(records.len() as u64));
    records
}

/// What came to the first version with measured attributes: a plant that has some, and what is measured under it, a good value
/// and a bad one; after the `last` record of others.
fn measured(last: u64) -> [Record; 2] {
    let mut records = specimens::records().into_iter();
    let plant = records.next().unwrap();
    let done = records.find(|record| {
        matches!(&record.body, Body::Trace(event) if matches!(event.what, What::Complete { .. }))
    });
    let done = done.unwrap();
    let Body::Plant(loaded) = plant.body else { panic!("the first is a plant") };
    let names = ["m4", "m5"].map(|name| TagName::parse(name).unwrap());
    let body = Body::Plant(PlantLoaded { measured: names.to_vec(), ..loaded });
    let position = Position(last + 1);
    [
        Record { position, body, at: plant.at, plant: None },
        Record { position: Position(last + 2), plant: Some(position), ..done },
    ]
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/read-7")
}

#[tokio::test]
async fn an_image_of_this_form_is_read_and_written_today_byte_for_byte_as_it_was_written_then() {
    assert_eq!(READ_SCHEMA, 7, "a new form has a fixture of its own");
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path(), Files);
    assert!(append(&ledger, told()).await);
    let mut today = memories(&ledger, Files, &dir.path().join("read"));
    today.follow();
    today.keep_now();
    let last = ledger.durable().borrow().position;
    let name = format!("{:020}.image", last.0);
    let (today, then) = (dir.path().join("read").join(&name), fixture().join(&name));
    is_as_it_was(&fs::read(&today).unwrap(), &then);
    let mut read = memories(&ledger, Files, &fixture());
    assert_eq!(read.recall(last), last);
    assert!(read.query.image().1 == whole(&ledger));
    // In one of form 1 windows begin too late, one of form 2 knows of no tombstone, one of form 3 of no case and of nothing that was
    // let go although another is on hold, one of form 4 of nothing that was measured, one of form 5
    // not of all that monitors said, one of form 6 of no alarm: they are passed over.
    let twice = specimens::records_twice().len();
    let cased = twice + 1 + specimens::cases(0).len();
    for (form, at) in [
        ("read-1", twice),
        ("read-2", twice),
        ("read-3", twice + 1),
        ("read-4", cased),
        ("read-5", cased + 2),
        ("read-6", cased + 2),
    ] {
        let form = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(form);
        assert!(fs::exists(form.join(format!("{at:020}.image"))).unwrap());
        assert_eq!(memories(&ledger, Files, &form).recall(last), Position(0));
    }
}

#[tokio::test]
async fn what_is_folded_is_today_what_it_was_when_this_form_was_made() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path(), Files);
    let all = memories(&ledger, Files, dir.path());
    let mut lines = String::new();
    for record in told() {
        let position = record.position;
        assert!(append(&ledger, vec![record]).await);
        lines += &format!("{} {}\n", position.0, leaf(&all.follow().query.image().1));
    }
    is_as_it_was(lines.as_bytes(), &fixture().join("memories"));
}

/// Wherever the process or the machine ends: there is an image at the next start, and with what came after it it
/// is what all records say.
#[tokio::test]
async fn wherever_it_ends_a_start_comes_to_the_same() {
    let records = specimens::records_twice();
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path(), Files);
    let third = records.len() / 3;
    assert!(append(&ledger, records[..third].to_vec()).await);
    let first = memories(&ledger, Files, dir.path()).follow().query.image();
    assert!(append(&ledger, records[third..2 * third].to_vec()).await);
    let second = memories(&ledger, Files, dir.path()).follow().query.image();
    assert!(append(&ledger, records[2 * third..].to_vec()).await);
    let last = ledger.durable().borrow().position;
    let whole = whole(&ledger);
    let (mut ends, mut fresh) = (0, 0);
    for seed in 0..20 {
        for operations in 0.. {
            let disk = SimulatedDisk::new(seed);
            let mut before = memories(&ledger, disk.clone(), Path::new("/read"));
            before.keep((first.0, &first.1));
            disk.cut_power_after(operations);
            before.keep((second.0, &second.1));
            let is_done = disk.has_power();
            if seed % 4 == 0 {
                disk.kill();
            } else {
                disk.power_cut();
            }
            let mut after = memories(&ledger, disk.clone(), Path::new("/read"));
            let found = after.recall(last);
            assert!(found == first.0 || found == second.0, "seed {seed}, {operations}");
            assert!(after.follow().query.image().1 == whole, "seed {seed}, {operations}");
            ends += 1;
            fresh += u32::from(found == second.0);
            if is_done {
                assert_eq!(found, second.0, "seed {seed}: it was kept");
                break;
            }
        }
    }
    println!("{ends} ends, {fresh} of them with the new image");
    assert!(ends > 100 && fresh > 20 && fresh < ends);
}

/// A ledger that is cut again and again: what is kept is of records that stayed.
#[tokio::test]
async fn nothing_is_kept_of_what_a_failed_sync_took_back() {
    let mut void = 0;
    for seed in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let disk = SimulatedDisk::new(seed);
        let ledger = open(Path::new("/data"), disk.clone());
        let mut all: Vec<Record> = specimens::records_twice();
        let mut keeper = memories(&ledger, Files, dir.path());
        disk.set(Faults { sync: 0.15, ..Faults::default() });
        while !all.is_empty() {
            let some = all.len().min(1 + all.len() % 4);
            if append(&ledger, all[..some].to_vec()).await {
                all.drain(..some);
            } else {
                void += 1;
            }
            keeper.follow();
            keeper.keep_now();
            let durable = ledger.durable().borrow().position;
            let mut next = memories(&ledger, Files, dir.path());
            assert_eq!(next.recall(durable), durable, "seed {seed}");
            assert!(next.query.image().1 == whole(&ledger), "seed {seed}");
        }
    }
    println!("{void} frames were void");
    assert!(void > 5);
}

#[test]
fn the_more_there_is_the_seldomer_an_image_is_due() {
    let after = |last| due(Position(last)).0 - last;
    assert_eq!([0, 500_000, 800_000, 8_000_000].map(after), [EVERY, EVERY, EVERY, 1_000_000]);
    assert_eq!(due(Position(u64::MAX)), Position(u64::MAX));
}
