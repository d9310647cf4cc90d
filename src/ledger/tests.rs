//! The ledger under every misfortune that the simulated disk knows, and on a real one.
mod backup;
mod formats;
mod proofs;
mod thin;

use super::backup::backup_on;
use super::cursor::Reader;
use super::disk::{Disk, Files};
use super::error::{AppendError, Damage, LedgerError};
use super::format::PREAMBLE_LEN;
use super::handle::{Durable, Generation, Ledger, Opened, Options, State, folder};
use super::recover::recover;
use super::simulated::{Faults, SimulatedDisk};
use super::verify::{Scope, verify, verify_on};
use super::writer::Writer;
use crate::model::{At, Audit, Body, Frame, Origin, Position, Record, SiteId, Text, wire};
use crate::telemetry::Metrics;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

fn origin() -> Origin {
    Origin { site: SiteId::parse("plant-1").unwrap(), incarnation: 1 }
}

fn record(position: u64, text: &str) -> Record {
    let audit = Audit { who: Text::parse("test").unwrap(), what: Text::parse(text).unwrap() };
    Record {
        position: Position(position),
        at: At::default(),
        body: Body::Audit(audit),
        plant: None,
    }
}

/// What the driver of one simulated run knows.
struct Run {
    rng: StdRng,
    disk: SimulatedDisk,
    /// Told to be durable.
    acked: Vec<Vec<u8>>,
    /// Stepped and written, yet not told to be durable; by frame.
    stepped: Vec<Vec<Vec<u8>>>,
    nonce: u64,
    segment_bytes_max: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let segment_bytes_max = rng.random_range(200..4000);
        let disk = SimulatedDisk::new(rng.random());
        let (acked, stepped) = (Vec::new(), Vec::new());
        Self { rng, disk, acked, stepped, nonce: 0, segment_bytes_max }
    }

    fn dir() -> PathBuf {
        PathBuf::from("/data/ledger")
    }

    /// One life of the daemon, from its start to its end.
    fn life(&mut self, troubled: bool) {
        if troubled {
            let mut chance =
                || if self.rng.random_bool(0.5) { 0.0 } else { self.rng.random_range(0.0..0.3) };
            self.disk.set(Faults { write: chance(), sync: chance(), names: chance(), full: false });
            if self.rng.random_bool(0.6) {
                self.disk.cut_power_after(self.rng.random_range(0..150));
            }
        }
        match recover(Arc::new(self.disk.clone()), &Self::dir(), &origin()) {
            Ok(recovered) => {
                if self.check(&recovered.writer) {
                    self.work(recovered.writer);
                }
            }
            Err(LedgerError::Io { .. }) => assert!(troubled, "a healthy disk opens"),
            Err(why) => panic!("{why}"),
        }
        if !self.disk.has_power() || self.rng.random_bool(0.5) {
            self.disk.power_cut();
        } else {
            self.disk.kill();
        }
    }

    /// Everything told to be durable is there, and beyond it at most what was stepped under the
    /// same generation, frame by frame. `false` if the power fails meanwhile.
    fn check(&mut self, writer: &Writer) -> bool {
        let reader = Reader::stopped(Arc::new(self.disk.clone()), Self::dir());
        let Ok(found) = reader.cursor(Position(0)).collect::<Result<Vec<_>, _>>() else {
            assert!(!self.disk.has_power());
            return false;
        };
        let found: Vec<Vec<u8>> = found.into_iter().map(|entry| entry.bytes).collect();
        assert_eq!(writer.position().0, found.len() as u64);
        let mut wanted = self.acked.clone();
        let mut frames = self.stepped.iter();
        while wanted.len() < found.len() {
            wanted.extend(frames.next().expect("nothing that was not stepped").iter().cloned());
        }
        let differs = found.iter().zip(&wanted).position(|(a, b)| a != b);
        assert_eq!((differs, found.len()), (None, wanted.len()));
        self.acked = found;
        self.stepped.clear();
        true
    }

    fn frame(&mut self, next: &mut u64) -> Vec<Vec<u8>> {
        (0..self.rng.random_range(1..4))
            .map(|_| {
                self.nonce += 1;
                let filler = "x".repeat(self.rng.random_range(0..150));
                let record = record(*next, &format!("{}{filler}", self.nonce));
                *next += 1;
                wire::encode(&record)
            })
            .collect()
    }

    /// Beside a write that is not synced: whatever is copied was acknowledged.
    fn back_up(&mut self) {
        let to = PathBuf::from("/copy/ledger");
        // What the disk does to the copy is not our matter.
        let Ok(backup) = backup_on(&self.disk, &Self::dir(), &to, &Scope::default()) else {
            return;
        };
        assert_eq!((backup.report.faults, backup.report.torn_bytes), (vec![], 0));
        let reader = Reader::stopped(Arc::new(self.disk.clone()), to);
        let Ok(found) = reader.cursor(Position(0)).collect::<Result<Vec<_>, _>>() else { return };
        assert!(found.len() <= self.acked.len(), "what is not acknowledged was copied");
        assert!(found.iter().zip(&self.acked).all(|(entry, acked)| entry.bytes == *acked));
    }

    fn work(&mut self, mut writer: Writer) {
        for _ in 0..self.rng.random_range(0..20) {
            let mut next = self.acked.len() as u64 + 1;
            self.stepped =
                (0..self.rng.random_range(1..5)).map(|_| self.frame(&mut next)).collect();
            let frames: Vec<&[Vec<u8>]> = self.stepped.iter().map(Vec::as_slice).collect();
            let mut done = writer.write(&frames);
            if self.rng.random_bool(0.2) {
                self.back_up();
            }
            done = done.and_then(|()| writer.sync());
            if done.is_ok() {
                self.acked.extend(self.stepped.drain(..).flatten());
                if writer.segment_len() >= self.segment_bytes_max {
                    done = writer.roll();
                }
            }
            while done.is_err() {
                if !self.disk.has_power() || self.rng.random_bool(0.1) {
                    return;
                }
                done = writer.roll();
                if done.is_ok() {
                    // A new generation: what was stepped under the last one never was.
                    self.stepped.clear();
                }
            }
            assert_eq!(writer.position().0, self.acked.len() as u64);
        }
    }
}

#[test]
fn whatever_the_disk_does_nothing_acknowledged_is_lost_and_nothing_void_comes_back() {
    for seed in 0..1500 {
        let outcome = std::panic::catch_unwind(|| {
            let mut run = Run::new(seed);
            for _ in 0..run.rng.random_range(1..6) {
                run.life(true);
            }
            run.life(false);
            run.life(false);
            recover(Arc::new(run.disk.clone()), &Run::dir(), &origin()).unwrap();
            let report = verify_on(&run.disk, &Run::dir(), &Scope::default()).unwrap();
            assert_eq!(report.faults, []);
            assert_eq!((report.records, report.torn_bytes), (run.acked.len() as u64, 0));
        });
        assert!(outcome.is_ok(), "seed {seed}");
    }
}

fn options(dir: &Path, origin: Origin) -> Options {
    Options {
        dir: dir.to_owned(),
        origin,
        segment_bytes_max: 1000,
        metrics: Arc::new(Metrics::new()),
        now: Arc::new(At::default),
    }
}

fn open(dir: &Path) -> Opened {
    Ledger::open(options(dir, origin()), Files).unwrap()
}

fn frame(positions: std::ops::RangeInclusive<u64>) -> Frame {
    positions.map(|n| record(n, &format!("record {n}"))).collect()
}

async fn until(
    durable: &mut watch::Receiver<Durable>,
    wanted: impl FnMut(&Durable) -> bool,
) -> Durable {
    durable.wait_for(wanted).await.unwrap().clone()
}

/// A closed ledger of 100 records in several segments.
async fn hundred(dir: &Path) {
    let Opened { ledger, .. } = open(dir);
    let mut durable = ledger.durable();
    for n in 0..50 {
        ledger.append(Generation(0), frame(2 * n + 1..=2 * n + 2)).await.unwrap();
        until(&mut durable, |d| d.position.0 >= 2 * n + 2).await;
    }
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let inner = folder(dir);
    Files.list(&inner).unwrap().iter().map(|name| inner.join(name)).collect()
}

#[tokio::test]
async fn what_is_appended_is_read_back_by_followers_and_by_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path());
    assert_eq!((opened.recovered, opened.cut_bytes), (Position(0), 0));
    let ledger = opened.ledger;
    let mut durable = ledger.durable();
    let mut follower = ledger.reader().cursor(Position(0));
    assert!(follower.next().is_none());
    for n in 1..=100 {
        ledger.append(Generation(0), frame(n..=n)).await.unwrap();
        until(&mut durable, |d| d.position == Position(n)).await;
        let entry = follower.next().unwrap().unwrap();
        assert_eq!(entry.record, record(n, &format!("record {n}")));
        assert_eq!(entry.bytes, wire::encode(&entry.record));
        assert!(follower.next().is_none());
    }
    let again = ledger.reader().read(Position(40), 3).unwrap();
    assert_eq!(again.iter().map(|e| e.position.0).collect::<Vec<_>>(), [41, 42, 43]);
    assert_eq!(ledger.reader().get(Position(7)).unwrap().unwrap().position, Position(7));
    assert_eq!(ledger.reader().get(Position(101)).unwrap(), None);
    let on_disk: u64 = segments(dir.path()).iter().map(|p| p.metadata().unwrap().len()).sum();
    assert_eq!(ledger.bytes(), on_disk);
    drop(ledger);
    let opened = open(dir.path());
    assert_eq!((opened.recovered, opened.cut_bytes), (Position(100), 0));
    assert_eq!(opened.ledger.bytes(), on_disk);
    let report = verify(dir.path(), &Scope::default()).unwrap();
    assert_eq!((report.records, report.last, report.faults), (100, Position(100), vec![]));
    assert!(report.segments > 5);
}

#[tokio::test]
async fn frames_that_are_not_dense_or_too_long_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).ledger;
    let refused = ledger.append(Generation(0), frame(2..=2)).await;
    let not_dense = |found, wanted| {
        Err(AppendError::NotDense { found: Position(found), wanted: Position(wanted) })
    };
    assert_eq!(refused, not_dense(2, 1));
    let hole = [frame(1..=1), frame(3..=3)].concat();
    assert_eq!(ledger.append(Generation(0), hole).await, not_dense(3, 2));
    let long = "x".repeat(256);
    let long = (1..=80_000).map(|n| record(n, &long)).collect();
    let refused = ledger.append(Generation(0), long).await;
    assert!(matches!(refused, Err(AppendError::TooLong { .. })), "{refused:?}");
    ledger.append(Generation(0), frame(1..=2)).await.unwrap();
    until(&mut ledger.durable(), |d| d.position == Position(2)).await;
}

#[tokio::test]
async fn a_second_daemon_is_told_that_the_directory_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let second = Ledger::open(options(dir.path(), origin()), Files);
    assert!(matches!(second, Err(LedgerError::Locked(_))));
    drop(first);
    open(dir.path());
}

#[tokio::test]
async fn a_ledger_of_another_site_is_refused_and_a_new_incarnation_begins_a_segment() {
    let dir = tempfile::tempdir().unwrap();
    hundred(dir.path()).await;
    let other = Origin { site: SiteId::parse("plant-2").unwrap(), incarnation: 1 };
    let refused = Ledger::open(options(dir.path(), other), Files);
    assert!(matches!(refused, Err(LedgerError::Site { .. })));
    let restored = Origin { incarnation: 2, ..origin() };
    let opened = Ledger::open(options(dir.path(), restored.clone()), Files).unwrap();
    assert_eq!((opened.origin, opened.recovered), (restored.clone(), Position(100)));
    drop(opened.ledger);
    assert_eq!(open(dir.path()).origin, restored, "an incarnation never falls");
}

#[tokio::test]
async fn after_a_failed_sync_a_new_generation_goes_on_from_the_last_durable_record() {
    let disk = SimulatedDisk::new(1);
    let opened = Ledger::open(options(Path::new("/data"), origin()), disk.clone()).unwrap();
    let ledger = opened.ledger;
    let mut durable = ledger.durable();
    let mut follower = ledger.reader().cursor(Position(0));
    ledger.append(Generation(0), frame(1..=3)).await.unwrap();
    until(&mut durable, |d| d.position == Position(3)).await;
    assert_eq!(follower.by_ref().count(), 3);

    disk.set(Faults { sync: 1.0, ..Faults::default() });
    ledger.append(Generation(0), frame(4..=4)).await.unwrap();
    let failing = until(&mut durable, |d| d.state != State::Running).await;
    assert_eq!((failing.position, failing.generation), (Position(3), Generation(0)));
    ledger.append(Generation(0), frame(5..=5)).await.unwrap();
    disk.set(Faults::default());
    let resumed = until(&mut durable, |d| d.state == State::Running).await;
    assert_eq!((resumed.position, resumed.generation), (Position(3), Generation(1)));

    let stale = ledger.append(Generation(0), frame(6..=6)).await;
    assert_eq!(stale, Err(AppendError::Stale { found: Generation(0), current: Generation(1) }));
    ledger.append(Generation(1), vec![record(4, "another 4")]).await.unwrap();
    let later = until(&mut durable, |d| d.position == Position(4)).await;
    let fate = |generation, position| later.holds(Generation(generation), Position(position));
    assert_eq!((fate(0, 3), fate(0, 4)), (Some(true), Some(false)));
    assert_eq!((fate(1, 4), fate(1, 5)), (Some(true), None));
    let entry = follower.next().unwrap().unwrap();
    assert_eq!(entry.record, record(4, "another 4"));
    assert!(follower.next().is_none());
}

#[tokio::test]
async fn a_ledger_that_cannot_write_is_closed_without_waiting_for_the_disk() {
    let disk = SimulatedDisk::new(2);
    let opened = Ledger::open(options(Path::new("/data"), origin()), disk.clone()).unwrap();
    disk.set(Faults { full: true, ..Faults::default() });
    opened.ledger.append(Generation(0), frame(1..=1)).await.unwrap();
    until(&mut opened.ledger.durable(), |d| d.state != State::Running).await;
    drop(opened.ledger);
}

/// Whether `damage` covers the record at `position`.
fn covers(damage: &Damage, position: u64) -> bool {
    damage.from.0 <= position && damage.to.is_none_or(|to| position <= to.0)
}

#[tokio::test]
async fn any_flipped_byte_is_found_and_never_served() {
    let dir = tempfile::tempdir().unwrap();
    hundred(dir.path()).await;
    let whole = Reader::open(dir.path()).read(Position(0), usize::MAX).unwrap();
    assert_eq!(whole.len(), 100);
    let paths = segments(dir.path());
    for (index, path) in paths.iter().enumerate() {
        let last = index + 1 == paths.len();
        let good = std::fs::read(path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            std::fs::write(path, &bad).unwrap();
            let report = verify(dir.path(), &Scope::default()).unwrap();
            let name = path.file_name().unwrap().to_string_lossy();
            let named = report.faults.iter().any(|f| f.segment == name);
            assert!(named || (last && report.torn_bytes > 0), "{name} byte {at}: {report:?}");
            let mut wrong = 0;
            let found = Reader::open(dir.path()).cursor(Position(0)).map_while(Result::ok);
            for (entry, good) in found.zip(&whole) {
                wrong += u32::from(entry != *good);
            }
            assert_eq!(wrong, 0, "{name} byte {at}");
        }
        std::fs::write(path, &good).unwrap();
    }
}

#[tokio::test]
async fn damage_names_exactly_the_records_that_it_takes() {
    let dir = tempfile::tempdir().unwrap();
    hundred(dir.path()).await;
    for path in segments(dir.path()) {
        let mut bytes = std::fs::read(&path).unwrap();
        if let Some(at) = bytes.windows(9).position(|w| w == b"record 21") {
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    let report = verify(dir.path(), &Scope::default()).unwrap();
    let [fault] = report.faults.as_slice() else { panic!("{report:?}") };
    // Two records a frame: 21 and 22 go together.
    assert_eq!((fault.from, fault.to), (Position(21), Some(Position(22))));
    assert_eq!(report.records, 98);
    let read = Reader::open(dir.path()).cursor(Position(10)).find_map(Result::err);
    let Some(LedgerError::Damaged(damage)) = read else { panic!("{read:?}") };
    assert!(covers(&damage, 21) && covers(&damage, 22) && !covers(&damage, 23), "{damage}");
}

/// What stands behind it was written when it was on the disk: it is no end.
#[tokio::test]
async fn damage_in_the_last_segment_is_told_and_a_torn_end_is_none() {
    let dir = tempfile::tempdir().unwrap();
    hundred(dir.path()).await;
    let read = || Reader::open(dir.path()).cursor(Position(0)).collect::<Result<Vec<_>, _>>();
    let last = segments(dir.path()).pop().unwrap();
    let good = std::fs::read(&last).unwrap();
    let place = |record: &[u8]| good.windows(record.len()).position(|w| w == record).unwrap();
    let mut bad = good.clone();
    bad[place(b"record 97")] ^= 1;
    std::fs::write(&last, &bad).unwrap();
    let Err(LedgerError::Damaged(damage)) = read() else { panic!("a part was read as all") };
    assert_eq!((damage.from, damage.to), (Position(97), Some(Position(98))));
    // The last frame has nothing behind it, be it cut or changed.
    std::fs::write(&last, &good[..place(b"record 100")]).unwrap();
    assert_eq!(read().unwrap().len(), 98);
    bad.clone_from(&good);
    bad[place(b"record 99")] ^= 1;
    std::fs::write(&last, &bad).unwrap();
    assert_eq!(read().unwrap().len(), 98);
}

/// A daemon that runs had not written all of a frame when it was read, and wrote on.
#[tokio::test]
async fn a_frame_that_is_being_written_is_no_damage_when_more_follow_it() {
    let dir = tempfile::tempdir().unwrap();
    hundred(dir.path()).await;
    let last = segments(dir.path()).pop().unwrap();
    let good = std::fs::read(&last).unwrap();
    let at = good.windows(9).position(|word| word == b"record 97").unwrap();
    // As some file systems have it, its length may come before its bytes.
    let mut begun = good[..at].to_vec();
    begun.resize(at + 64, 0);
    std::fs::write(&last, &begun).unwrap();
    let mut cursor = Reader::open(dir.path()).cursor(Position(0));
    let before: Vec<_> = cursor.by_ref().take(96).map(|entry| entry.unwrap().position).collect();
    assert_eq!(before.last(), Some(&Position(96)));
    std::fs::write(&last, &good).unwrap();
    assert_eq!(
        cursor.map(|entry| entry.unwrap().position.0).collect::<Vec<_>>(),
        [97, 98, 99, 100]
    );
}

#[tokio::test]
async fn a_record_that_was_changed_with_its_checksum_does_not_fit_the_tree() {
    let dir = tempfile::tempdir().unwrap();
    hundred(dir.path()).await;
    let path = segments(dir.path()).swap_remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(8).position(|w| w == b"record 3").unwrap();
    bytes[at] = b'R';
    let mut forged = bytes[..PREAMBLE_LEN].to_vec();
    let mut rest = &bytes[PREAMBLE_LEN..];
    while let Some((head, behind)) = rest.split_first_chunk::<4>() {
        let len = u32::from_le_bytes(*head) as usize;
        wire::put_frame(&behind[4..4 + len], &mut forged);
        rest = &behind[4 + len..];
    }
    std::fs::write(&path, forged).unwrap();
    let report = verify(dir.path(), &Scope::default()).unwrap();
    let [fault] = report.faults.as_slice() else { panic!("{report:?}") };
    assert!(covers(fault, 3), "{fault}");
    assert_eq!((report.records, report.root), (100, None));
}

#[tokio::test]
async fn damage_of_what_was_durable_in_the_last_segment_is_no_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    hundred(dir.path()).await;
    let path = segments(dir.path()).pop().unwrap();
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    // In the first frame of the segment; others were written when it was durable.
    let at = good.windows(6).position(|w| w == b"record").unwrap();
    bad[at] ^= 1;
    std::fs::write(&path, &bad).unwrap();
    let refused = Ledger::open(options(dir.path(), origin()), Files);
    let Err(LedgerError::Damaged(damage)) = refused else { panic!("opened") };
    assert!(covers(&damage, 99) || damage.from < Position(99), "{damage}");
    assert_eq!(std::fs::read(&path).unwrap(), bad, "nothing is changed");
    // The last frame damaged is a torn tail: it was never synced, for all that is known.
    let mut torn = good.clone();
    let at = torn.len() - 1;
    torn[at] ^= 1;
    std::fs::write(&path, &torn).unwrap();
    let opened = open(dir.path());
    assert_eq!(opened.recovered, Position(98));
    assert!(opened.cut_bytes > 0);
}

#[tokio::test]
async fn a_missing_segment_is_named() {
    let dir = tempfile::tempdir().unwrap();
    hundred(dir.path()).await;
    let paths = segments(dir.path());
    std::fs::remove_file(&paths[1]).unwrap();
    let refused = Ledger::open(options(dir.path(), origin()), Files);
    let Err(LedgerError::Damaged(damage)) = refused else { panic!("opened") };
    let first = |path: &Path| path.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(damage.from.0, first(&paths[1]));
    assert_eq!(damage.to.unwrap().0, first(&paths[2]) - 1);
    assert_eq!(verify(dir.path(), &Scope::default()).unwrap().faults, [damage]);
}

/// Records of format 1 as they were first written. If this fails, do not change the fixture: every
/// ledger in the field has such bytes.
#[test]
fn a_ledger_of_format_1_is_read_and_written_byte_for_byte() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ledger-format-1");
    let report = verify(&fixture, &Scope::default()).unwrap();
    assert_eq!((report.faults, report.torn_bytes), (vec![], 0));
    assert_eq!(
        report.root.unwrap().to_string(),
        "6fab93d5aea0b77904c738520742b733ad1993ac426e618f1221ee907423bc70"
    );
    let found = Reader::open(&fixture).read(Position(0), 100).unwrap();
    let wanted: Vec<Record> = (1..=5).map(|n| record(n, &format!("record {n}"))).collect();
    assert_eq!(found.into_iter().map(|entry| entry.record).collect::<Vec<_>>(), wanted);

    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder(dir.path())).unwrap();
    let mut writer = recover(Arc::new(Files), &folder(dir.path()), &origin()).unwrap().writer;
    let bytes: Vec<Vec<u8>> = wanted.iter().map(wire::encode).collect();
    for group in [[&bytes[0..2], &bytes[2..3]], [&bytes[3..4], &bytes[4..5]]] {
        let frames = group.map(<[_]>::to_vec);
        let frames: Vec<&[Vec<u8>]> = frames.iter().map(Vec::as_slice).collect();
        writer.write(&frames).unwrap();
        writer.sync().unwrap();
        if writer.position() == Position(3) {
            writer.roll().unwrap();
        }
    }
    for (written, kept) in segments(dir.path()).iter().zip(segments(&fixture)) {
        assert_eq!(std::fs::read(written).unwrap(), std::fs::read(&kept).unwrap(), "{kept:?}");
    }
}
