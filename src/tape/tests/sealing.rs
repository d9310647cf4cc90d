//! A tape that is sealed plays as it did before.
use super::*;
use crate::model::plant::{
    Device, Heartbeat, NodeAddress, OpcUaLink, Protocol, Security, Tag, TagSource, Trust,
};
use crate::model::{DeviceId, TagName};
use crate::tape::{Sealer, format};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use std::collections::BTreeMap;
use std::time::Duration;

const HOUR: i64 = 3_600_000_000_000;

fn sealer(dir: &Path) -> Sealer {
    Sealer::new(dir, Arc::default(), |files| load(files).ok(), || false)
}

fn seal(dir: &Path) -> Vec<PathBuf> {
    let mut sealer = sealer(dir);
    std::iter::from_fn(|| sealer.seal_next().unwrap()).collect()
}

/// All that a reader says, but for the names of the files.
fn told(dir: &Path) -> Vec<String> {
    let mut reader = TapeReader::open(dir).unwrap();
    let mut told = Vec::new();
    while let Some(item) = reader.next_item(load).unwrap() {
        told.push(match item {
            TapeItem::Entry(entry) => format!("{entry:?}"),
            TapeItem::Gap(gap) => format!("{:?}..{:?}: {:?}", gap.after, gap.before, gap.cause),
        });
    }
    told
}

fn names(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir.join("tape")).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = names.map(|e| name(e).into_string().unwrap()).collect();
    names.sort();
    names
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever was stepped, however a run ended.
    #[test]
    fn a_sealed_tape_plays_frame_for_frame(
        runs in prop::collection::vec(
            (prop::collection::vec((at(), input()), 1..8), any::<bool>(), 0_usize..40), 1..4),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::new();
        let mut number = 1;
        for (inputs, ended, torn) in runs {
            let mut tape = writer(dir.path(), &clock);
            // A tail that is torn off takes numbers with it.
            number = tape.next_number().max(number);
            for (at, input) in inputs {
                tape.append(number, at, &input);
                number += 1;
            }
            tape.flush();
            if ended {
                drop(tape);
            } else {
                std::mem::forget(tape);
                let last = names(dir.path()).pop().unwrap();
                let path = dir.path().join("tape").join(last);
                let bytes = std::fs::read(&path).unwrap();
                // Not into its header: then it is no tape.
                let keep = bytes.len().saturating_sub(torn).max(80.min(bytes.len()));
                std::fs::write(&path, &bytes[..keep]).unwrap();
            }
        }
        append(&mut writer(dir.path(), &clock), number..=number);
        let (before, files) = (told(dir.path()), names(dir.path()).len());
        let torn = before.iter().filter(|said| said.contains("Torn(")).count();
        let mut sealer = sealer(dir.path());
        let sealed = (1..files).filter(|_| sealer.seal_next().is_ok_and(|done| done.is_some()));
        prop_assert_eq!(sealed.count(), files - 1 - torn);
        prop_assert_eq!(told(dir.path()), before);
        let open = names(dir.path()).iter().filter(|name| name.contains(".tape")).count();
        prop_assert_eq!((names(dir.path()).len(), open), (files, 1 + torn));
    }
}

#[test]
fn a_file_is_begun_with_every_hour_and_only_the_last_stays_open() {
    let dir = tempfile::tempdir().unwrap();
    let mut tape = writer(dir.path(), &Clock::new());
    for number in 1..=6 {
        let wall = Utc(i64::try_from(number).unwrap() * HOUR / 2);
        tape.append(number, At { wall, ..At::default() }, &Input::Wake);
    }
    tape.flush();
    assert_eq!(seal(dir.path()).len(), 3);
    let name = |first: u64, kind: &str| format!("{first:020}.{kind}");
    let wanted = [name(1, "parquet"), name(2, "parquet"), name(4, "parquet"), name(6, "tape")];
    assert_eq!(names(dir.path()), wanted);
    drop(tape);
    assert_eq!(play(dir.path()), ((1..=6).collect(), vec![]));
    // Nothing was left open: the next run goes on behind it.
    assert_eq!(writer(dir.path(), &Clock::new()).next_number(), 7);
}

#[test]
fn a_crash_within_sealing_leaves_every_input_once() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    append(&mut writer(dir.path(), &clock), 1..=5);
    append(&mut writer(dir.path(), &clock), 6..=9);
    let open = std::fs::read(file(dir.path(), 1)).unwrap();
    let done = seal(dir.path()).pop().unwrap();
    let sealed = std::fs::read(&done).unwrap();

    // Before the original was removed.
    std::fs::write(file(dir.path(), 1), &open).unwrap();
    assert_eq!(play(dir.path()), ((1..=9).collect(), vec![]));
    assert!(seal(dir.path()).is_empty() && !file(dir.path(), 1).exists());

    // Before it had its name: a half is written over.
    std::fs::write(file(dir.path(), 1), &open).unwrap();
    std::fs::write(done.with_extension("part"), &sealed[..sealed.len() / 2]).unwrap();
    std::fs::remove_file(&done).unwrap();
    assert_eq!(play(dir.path()), ((1..=9).collect(), vec![]));
    assert_eq!(seal(dir.path()), [done]);
    assert_eq!(play(dir.path()), ((1..=9).collect(), vec![]));
}

#[test]
fn what_cannot_be_read_stays_and_its_neighbours_are_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    append(&mut writer(dir.path(), &clock), 1..=5);
    append(&mut writer(dir.path(), &clock), 6..=9);
    append(&mut writer(dir.path(), &clock), 10..=11);
    std::fs::write(file(dir.path(), 1), "something else").unwrap();
    let mut sealer = sealer(dir.path());
    let why = sealer.seal_next().unwrap_err().to_string();
    assert!(why.ends_with("stays as it is: it does not begin as a tape"), "{why}");
    assert!(sealer.seal_next().unwrap().is_some());
    assert!(sealer.seal_next().unwrap().is_none());
    assert_eq!(std::fs::read(file(dir.path(), 1)).unwrap(), b"something else");
}

#[test]
fn what_stands_behind_a_bad_frame_is_not_thrown_away() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    append(&mut writer(dir.path(), &clock), 1..=9);
    append(&mut writer(dir.path(), &clock), 10..=10);
    let mut bytes = std::fs::read(file(dir.path(), 1)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file(dir.path(), 1), &bytes).unwrap();
    let why = sealer(dir.path()).seal_next().unwrap_err().to_string();
    assert!(why.ends_with("bytes are no frame"), "{why}");
    assert_eq!(std::fs::read(file(dir.path(), 1)).unwrap(), bytes);
    assert_eq!(names(dir.path()).len(), 2, "{:?}", names(dir.path()));
}

#[test]
fn the_file_that_is_written_to_is_never_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    append(&mut writer(dir.path(), &clock), 10..=11);
    // Numbers that began anew, as when the folder could not be listed.
    let mut tape = writer(dir.path(), &clock);
    append(&mut tape, 1..=2);
    let writing = tape.writing();
    let mut sealer = Sealer::new(dir.path(), writing, |files| load(files).ok(), || false);
    assert_eq!(sealer.seal_next().unwrap(), None);
    drop(tape);
    std::fs::write(format::sealed(&dir.path().join("tape"), 1), "").unwrap();
    std::fs::remove_file(file(dir.path(), 1)).unwrap();
    let mut tape = writer(dir.path(), &clock);
    append(&mut tape, 1..=2);
    assert!(tape.last_error().unwrap().contains("a sealed file has its name"));
}

#[test]
fn who_stops_the_daemon_does_not_wait_for_a_large_file() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    append(&mut writer(dir.path(), &clock), 1..=70_000);
    append(&mut writer(dir.path(), &clock), 70_001..=70_001);
    let mut halted = Sealer::new(dir.path(), Arc::default(), |files| load(files).ok(), || true);
    assert_eq!(halted.seal_next().unwrap(), None);
    assert!(file(dir.path(), 1).exists());
    assert_eq!(seal(dir.path()).len(), 1);
}

/// A kettle with a temperature and a lot.
fn kettle() -> Plant {
    let link = OpcUaLink {
        url: "opc.tcp://127.0.0.1:4840".to_owned(),
        security: Security::SignAndEncrypt,
        trust: Trust::Pki,
        login: None,
        pins: BTreeMap::new(),
    };
    let device = Device {
        id: DeviceId::parse("kettle3").unwrap(),
        protocol: Protocol::OpcUa(link),
        publish: Duration::from_secs(1),
        publish_fast: Duration::from_millis(50),
        heartbeat: Heartbeat { plc: None, host: None, stale_after: Duration::from_secs(3) },
        restart: None,
        interface: None,
    };
    let tag = |name: &str| Tag {
        name: TagName::parse(name).unwrap(),
        device: DeviceIndex(0),
        source: TagSource::Node(NodeAddress {
            namespace: "urn:kettle".to_owned(),
            identifier: format!("s={name}"),
        }),
        fast: false,
        watched: true,
        every_change: false,
        publish: None,
        writable: false,
        unit: None,
        range: None,
        change: None,
        bad: Vec::new(),
        names: BTreeMap::new(),
    };
    Plant { devices: vec![device], tags: vec![tag("temp"), tag("in_lot")], ..plant("kettle") }
}

#[test]
fn people_find_each_sample_under_its_name_and_later_files_know_the_plant() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    let plant = Arc::new(kettle());
    let tag = |name: &str| plant.tags.iter().position(|tag| tag.name.as_str() == name).unwrap();
    let sample = |name: &str, value| Sample {
        tag: TagIndex(u32::try_from(tag(name)).unwrap()),
        value,
        quality: Quality::GOOD,
        source: None,
        server: None,
        receive: Utc(7),
    };
    let two = vec![sample("temp", Value::Real(81.5)), sample("in_lot", Value::text("LOT-7"))];
    let mut tape = writer(dir.path(), &clock);
    tape.append(1, At::default(), &Input::Plant(Arc::clone(&plant)));
    drop(tape);
    let mut tape = writer(dir.path(), &clock);
    tape.append(2, At::default(), &Input::Samples(two));
    drop(tape);
    append(&mut writer(dir.path(), &clock), 3..=3);
    // By two that know nothing of each other, as after a restart in between.
    let make = Arc::clone(&plant);
    let again = move || {
        let make = Arc::clone(&make);
        Sealer::new(dir.path(), Arc::default(), move |_| Some(Arc::clone(&make)), || false)
    };
    again().seal_next().unwrap().unwrap();
    let done = again().seal_next().unwrap().unwrap();
    let sealed = SerializedFileReader::new(std::fs::File::open(done).unwrap()).unwrap();
    let rows: Vec<_> = sealed.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    let seen = |row: &parquet::record::Row| {
        let text = |at| row.get_string(at).cloned().unwrap();
        (row.get_long(0).unwrap(), text(2), text(3), text(4), row.get_double(5).ok(), text(6))
    };
    let words = |kind: &str, device: &str, tag: &str, value: Option<f64>, text: &str| {
        (2, kind.to_owned(), device.to_owned(), tag.to_owned(), value, text.to_owned())
    };
    let wanted = [
        words("samples", "kettle3", "temp", Some(81.5), "81.5"),
        words("samples", "kettle3", "in_lot", None, "LOT-7"),
    ];
    assert_eq!(rows[..2].iter().map(seen).collect::<Vec<_>>(), wanted);
    assert_eq!((rows[2].get_string(2).unwrap().as_str(), rows.len()), ("no entry", 3));
}
