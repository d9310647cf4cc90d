//! An image is what the records say, and nothing else: whatever was kept, a start from it is a start from the
//! first record on.
//!
//! `tests/data/state-3` has an image of form 3, and what images after each of its records digest to. If their tests
//! fail, what is folded has changed, or how: `IMAGE_SCHEMA` goes up, and the new form gets fixtures of its own.
use super::*;
use crate::capture::Memory;
use crate::daemon::specimen::{append, is_as_it_was, ledger as open, origin};
use crate::ledger::leaf;
use crate::ledger::simulated::{Faults, SimulatedDisk};
use crate::model::specimens;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn persons() -> PersonKey {
    PersonKey::new([7; 32])
}

/// Those of this program, called so for good in the fixture.
fn those(dir: &Path) -> Images {
    let program = Text::parse("0.1.0").unwrap();
    let of = ImageOf { origin: origin(), program, schema: IMAGE_SCHEMA };
    Images::new(Arc::new(Files), dir, of)
}

fn keeper(dir: &Path, ledger: &Ledger) -> Keeper {
    let mut images = those(dir);
    let engine = fold(&mut images, ledger, &persons()).unwrap();
    Keeper::new(images, engine, ledger, Arc::new(Metrics::new()))
}

/// What the ledger says from its first record on.
fn whole(ledger: &Ledger) -> Engine {
    let mut engine = Engine::new(persons());
    let entries = ledger.reader().cursor(Position(0));
    entries.for_each(|entry| engine.apply(&entry.unwrap().record));
    engine
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort_unstable();
    paths
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/state-3")
}

#[tokio::test]
async fn an_image_of_this_form_is_read_and_written_today_byte_for_byte_as_it_was_written_then() {
    assert_eq!(IMAGE_SCHEMA, 3, "a new form has a fixture of its own");
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path(), Files);
    assert!(append(&ledger, specimens::records_twice()).await);
    let state = dir.path().join("state");
    keeper(&state, &ledger).keep();
    let [today] = files(&state).try_into().unwrap();
    let then = fixture().join(today.file_name().unwrap());
    is_as_it_was(&fs::read(&today).unwrap(), &then);
    let read = |body: &[u8]| Engine::from_image(persons(), body);
    let last = Position(specimens::records_twice().len() as u64);
    let Newest { found, refused } = those(&fixture()).newest(&ledger.reader(), last, read);
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(format!("{:?}", found.unwrap()), format!("{:?}", whole(&ledger)));
    // One of form 1 does not know what a station makes, and one of form 2 of no alarm: they are passed over.
    for form in ["state-1", "state-2"] {
        let before = fixture().with_file_name(form);
        assert_eq!(files(&before).len(), 2);
        let Newest { found, refused } = those(&before).newest(&ledger.reader(), last, read);
        assert!(found.is_none() && refused.len() == 1, "{refused:?}");
    }
}

fn is_some<T: Default + PartialEq>(part: &T) -> bool {
    *part != T::default()
}

/// The parts of a memory in which there is something.
fn parts(memory: &Memory) -> impl Iterator<Item = &'static str> {
    let mut parts = vec![
        ("holds", !memory.holds.is_empty()),
        ("carriers", is_some(&memory.carriers)),
        ("unread", is_some(&memory.unread)),
        ("plant", memory.plant.is_some()),
        ("boot", memory.devices.values().any(|device| device.boot.is_some())),
        ("gap", memory.devices.values().any(|device| device.gap.is_some())),
    ];
    for station in memory.stations.values() {
        let mut committed = station.handshakes.values().map(|known| known.committed.is_some());
        parts.extend([
            ("committed", committed.any(|is| is)),
            ("collected", !station.collected.is_empty()),
            ("places", is_some(&station.places)),
            ("refused", !station.refused.is_empty()),
            ("last_left", station.last_left.is_some()),
            ("feeders", is_some(&station.feeders)),
            ("tallies", is_some(&station.tallies)),
            ("orders", !station.orders.is_empty()),
            ("ran", is_some(&station.ran)),
            ("batch", is_some(&station.batch)),
            ("drifts", !station.drifts.is_empty()),
            ("made", station.made.is_some()),
        ]);
    }
    parts.into_iter().filter_map(|(part, is_there)| is_there.then_some(part))
}

#[test]
fn what_is_folded_is_today_what_it_was_when_this_form_was_made() {
    let mut engine = Engine::new(persons());
    let (mut lines, mut there) = (String::new(), BTreeSet::new());
    for record in specimens::records_twice() {
        engine.apply(&record);
        there.extend(parts(engine.memory()));
        let digest = leaf(&engine.image());
        lines += &format!("{} {digest}\n", record.position.0);
    }
    is_as_it_was(lines.as_bytes(), &fixture().join("states"));
    assert_eq!(there.len(), 18, "only these parts are made of the records: {there:?}");
}

#[tokio::test]
async fn a_start_from_an_image_is_a_start_from_the_first_record() {
    let records = specimens::records_twice();
    for cut in [1, records.len() / 3, records.len() / 2, records.len()] {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, state) = (open(dir.path(), Files), dir.path().join("state"));
        let (before, after) = records.split_at(cut);
        assert!(append(&ledger, before.to_vec()).await);
        let mut keeper = keeper(&state, &ledger);
        keeper.keep();
        assert!(append(&ledger, after.to_vec()).await);
        let mut images = those(&state);
        let engine = fold(&mut images, &ledger, &persons()).unwrap();
        assert_eq!(images.last(), Some(Position(cut as u64)), "it began with the image");
        assert_eq!(format!("{engine:?}"), format!("{:?}", whole(&ledger)), "cut after {cut}");
        // The next image is the one that somebody makes who had none.
        keeper.keep();
        let other = dir.path().join("other");
        self::keeper(&other, &ledger).keep();
        let [one, two] = [&state, &other].map(|dir| files(dir).pop().unwrap());
        assert!(fs::read(one).unwrap() == fs::read(two).unwrap(), "cut after {cut}");
        let count = if cut == records.len() { 1 } else { 2 };
        assert_eq!(files(&state).len(), count, "what is kept already is not kept again");
    }
}

/// A ledger that is cut again and again: what is kept is of records that stayed.
#[tokio::test]
async fn nothing_is_kept_of_what_a_failed_sync_took_back() {
    let mut void = 0;
    for seed in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let disk = SimulatedDisk::new(seed);
        let ledger = open(Path::new("/data"), disk.clone());
        let mut keeper = keeper(dir.path(), &ledger);
        disk.set(Faults { sync: 0.15, ..Faults::default() });
        let mut all = specimens::records_twice();
        while !all.is_empty() {
            let some = all.len().min(1 + all.len() % 4);
            if append(&ledger, all[..some].to_vec()).await {
                all.drain(..some);
            } else {
                void += 1;
            }
            keeper.keep();
            let durable = ledger.durable().borrow().position;
            let mut images = those(dir.path());
            let read = |body: &[u8]| Engine::from_image(persons(), body);
            let Newest { found, refused } = images.newest(&ledger.reader(), durable, read);
            assert!(refused.is_empty(), "seed {seed}: {refused:?}");
            assert_eq!(images.last().unwrap_or_default(), durable, "seed {seed}");
            let found = found.map_or(Vec::new(), |engine| engine.image());
            let wanted = if durable.0 == 0 { Vec::new() } else { whole(&ledger).image() };
            assert!(found == wanted, "seed {seed}");
        }
    }
    println!("{void} frames were void");
    assert!(void > 5);
}
