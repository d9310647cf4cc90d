//! A shift over the full hour: the tape of the hour before is sealed while the line runs, and both are played as one.
use super::support::{LONG, runtime};
use pedigree::config::daemon::Ledger;
use pedigree::daemon::replay::{Wanted, difference, exact};
use pedigree::daemon::{self, Settings};
use pedigree::demo::{Demo, DemoOptions};
use pedigree::ledger::Reader;
use pedigree::model::{At, Body, PersonKey, Position, SiteId, Utc};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

const HOUR: i64 = 3_600_000_000_000;
/// From the start to the full hour: the line runs long before.
const BEFORE: Duration = Duration::from_secs(45);
/// Records on each side of it.
const RECORDS_MIN: usize = 10;

/// The files of the tape by their kind.
fn files(dir: &Path, kind: &str) -> usize {
    let Ok(all) = std::fs::read_dir(dir.join("tape")) else { return 0 };
    let of_kind = |path: &Path| path.extension().is_some_and(|own| own == kind);
    all.filter(|entry| of_kind(&entry.as_ref().unwrap().path())).count()
}

/// When the handshakes of the ledger were recorded.
fn recorded(dir: &Path) -> Vec<Utc> {
    let events = Reader::open(dir).cursor(Position(0)).filter_map(|entry| {
        let record = entry.unwrap().record;
        let Body::Trace(event) = &record.body else { return None };
        event.handshake.as_ref().map(|_| record.at.wall)
    });
    events.collect()
}

/// A line over the full hour, until the hour before is sealed; the full hour by its clock.
async fn run(dir: &Path, site: &SiteId) -> Utc {
    let real = daemon::clock();
    let begun = real().wall.0;
    let full = (begun / HOUR + 1) * HOUR;
    let ahead = full - begun - i64::try_from(BEFORE.as_nanos()).unwrap();
    let now: pedigree::telemetry::Now = Arc::new(move || {
        let At { monotonic, wall } = real();
        At { monotonic, wall: Utc(wall.0 + ahead) }
    });
    let mut options = DemoOptions::new(5, now.clone());
    options.cycle = Duration::from_millis(500);
    options.drift = None;
    let (demo, plcs) = Demo::start(options, &dir.join("plcs")).await.unwrap();
    let data = dir.join("data");
    let settings = Settings {
        plant: pedigree::config::plant::load(&demo.plant_files, site).unwrap().plant,
        plant_dir: dir.join("plant.d"),
        reload_on_hangup: false,
        ledger: Ledger::beside(&data),
        data_dir: data.clone(),
        pki_dir: dir.join("pki"),
        http: "127.0.0.1:0".parse().unwrap(),
        opcua: None,
        contacts: std::collections::BTreeMap::new(),
        drill_every: None,
        crash: None,
        now: now.clone(),
    };
    let stop = CancellationToken::new();
    let (up, _address) = oneshot::channel();
    let watch = async {
        let over = tokio::time::timeout(LONG, async {
            let later = |at: &&Utc| at.0 > full;
            // Both halves are long enough, and the first is sealed.
            while files(&data, "parquet") == 0
                || recorded(&data).iter().filter(later).count() < RECORDS_MIN
            {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        assert!(over.await.is_ok(), "the hour before is not sealed");
        demo.stop();
        stop.cancel();
    };
    let (ended, (), ()) = tokio::join!(daemon::run(settings, stop.clone(), up), plcs, watch);
    ended.unwrap();
    Utc(full)
}

#[test]
fn a_tape_over_the_full_hour_plays_without_loss_or_doubling() {
    let dir = tempfile::tempdir().unwrap();
    let site = SiteId::parse("demo").unwrap();
    let full = runtime().block_on(run(dir.path(), &site));
    let data = dir.path().join("data");
    assert_eq!(files(&data, "parquet"), 1, "the hour before, once");
    let recorded = recorded(&data);
    let before = recorded.iter().filter(|at| **at < full).count();
    assert!(before >= RECORDS_MIN && recorded.len() - before >= RECORDS_MIN, "{before}");

    let persons = PersonKey::new([0; 32]);
    let played = exact(&data, &site, &persons).unwrap();
    assert!(played.is_sound() && played.not_replayable == 0, "{played:?}");
    assert_eq!(played.starts, 1, "one run");

    let wanted = Wanted { from: Some(Utc(0)), ..Wanted::default() };
    let told = difference(&data, &site, &persons, &wanted, &CancellationToken::new()).unwrap();
    assert!(told.is_none() && told.not_replayable.is_empty(), "{told:?}");
    assert_eq!(told.inputs, played.inputs, "each once");
    assert!(told.same >= recorded.len() as u64, "{} of {}", told.same, recorded.len());
    let (first, last) = told.played.unwrap();
    assert!(first < full && full < last, "{first} to {last}");
}
