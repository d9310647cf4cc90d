//! The ledger under every misfortune that the simulated disk knows, and on a real one.
use super::cursor::Reader;
use super::error::{AppendError, LedgerError};
use super::handle::{Durable, Generation, Ledger, Options, State, folder};
use super::recover::recover;
use super::simulated::{Faults, SimulatedDisk};
use super::verify::verify_on;
use super::writer::Writer;
use super::{Files, verify};
use crate::model::{At, Audit, Body, Frame, Origin, Position, Record, SiteId, Text, wire};
use crate::telemetry::Metrics;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn origin() -> Origin {
    Origin { site: SiteId::parse("plant-1").unwrap(), incarnation: 1 }
}

fn record(position: u64, text: &str) -> Record {
    let audit = Audit { who: Text::parse("test").unwrap(), what: Text::parse(text).unwrap() };
    Record { position: Position(position), at: At::default(), body: Body::Audit(audit) }
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

    fn work(&mut self, mut writer: Writer) {
        for _ in 0..self.rng.random_range(0..20) {
            let mut next = self.acked.len() as u64 + 1;
            self.stepped =
                (0..self.rng.random_range(1..5)).map(|_| self.frame(&mut next)).collect();
            let frames: Vec<&[Vec<u8>]> = self.stepped.iter().map(Vec::as_slice).collect();
            let mut done = writer.write(&frames).and_then(|()| writer.sync());
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
    for seed in 0..2000 {
        let outcome = std::panic::catch_unwind(|| {
            let mut run = Run::new(seed);
            for _ in 0..run.rng.random_range(1..6) {
                run.life(true);
            }
            run.life(false);
            run.life(false);
            recover(Arc::new(run.disk.clone()), &Run::dir(), &origin()).unwrap();
            let report = verify_on(&run.disk, &Run::dir()).unwrap();
            assert_eq!(report.faults, []);
            assert_eq!((report.records, report.torn_bytes), (run.acked.len() as u64, 0));
        });
        assert!(outcome.is_ok(), "seed {seed}");
    }
}
