//! The follower ends at once when the daemon stops. Time is the runtime's, and goes on only when nobody has anything
//! to do: who waits is told from who works, and no test sleeps.
use super::*;
use crate::daemon::specimen::{append, ledger as open};
use crate::ledger::{Files, Ledger};
use crate::model::{At, Audit, Evidence, Text, TraceEvent, Utc, What};
use crate::query::{QueryOptions, READ_SCHEMA};
use crate::store::{CACHE_BYTES, ImageOf, Images};
use std::fs;
use std::path::{Path, PathBuf};
use tokio::time::timeout;

fn record(position: u64, body: Body) -> Record {
    Record { position: Position(position), at: At::default(), body, plant: None }
}

fn audit() -> Body {
    let text = |text| Text::parse(text).unwrap();
    Body::Audit(Audit { who: text("a"), what: text("b") })
}

fn corrects(position: u64) -> Body {
    let reason = Text::parse("wrong").unwrap();
    let what = What::Correct { position: Position(position), reason };
    let evidence = Evidence::Manual;
    Body::Trace(TraceEvent { evidence, ..TraceEvent::bare(what, Utc(0), None) })
}

/// A follower of this ledger; what a correction names is looked up in that one.
fn follower(ledger: &Ledger, looked_up: Reader, dir: &Path) -> Follower {
    let metrics = Arc::new(Metrics::new());
    let query = Query::new(QueryOptions {
        dir: PathBuf::from("/nowhere"),
        origin: crate::daemon::specimen::origin(),
        durable: Position(0),
        ledger: Some(looked_up),
        cache_bytes: CACHE_BYTES,
        now: crate::daemon::clock(),
        metrics: Arc::clone(&metrics),
    });
    let program = Text::parse("0.1.0").unwrap();
    let of = ImageOf { origin: crate::daemon::specimen::origin(), program, schema: READ_SCHEMA };
    let images = Images::new(Arc::new(Files), &dir.join("read"), of);
    let memories = Memories {
        images,
        query: query.clone(),
        reader: ledger.reader(),
        metrics: Arc::clone(&metrics),
    };
    Follower {
        query,
        reader: ledger.reader(),
        cursor: None,
        durable: ledger.durable(),
        tap: broadcast::channel(1).0,
        readiness: watch::Sender::new(Readiness::starting()),
        metrics,
        told: Position(0),
        memories: Arc::new(Mutex::new(memories)),
        next_image: Position(u64::MAX),
        stop: CancellationToken::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_waits_ends_at_once_when_it_is_to_stop() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path(), Files);
    assert!(append(&ledger, (1..=3).map(|n| record(n, audit())).collect()).await);
    let follower = follower(&ledger, ledger.reader(), dir.path());
    let (stop, query) = (follower.stop.clone(), follower.query.clone());
    let mut run = std::pin::pin!(follower.run());
    assert!(timeout(RETRY * 100, &mut run).await.is_err(), "it waits");
    assert_eq!(query.position(), Position(3));
    stop.cancel();
    timeout(RETRY, run).await.expect("it ends");
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_tries_again_ends_at_once_when_it_is_to_stop() {
    let [dir, gone] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (ledger, damaged) = (open(dir.path(), Files), open(gone.path(), Files));
    let frame = |ledger| append(ledger, vec![record(1, audit())]);
    assert!(frame(&ledger).await && frame(&damaged).await);
    let follower = follower(&ledger, damaged.reader(), dir.path());
    let (stop, query) = (follower.stop.clone(), follower.query.clone());
    let mut run = std::pin::pin!(follower.run());
    assert!(timeout(RETRY * 100, &mut run).await.is_err(), "it waits");
    spoil(gone.path());
    let correction = append(&ledger, vec![record(2, corrects(1))]);
    assert!(correction.await);
    // It has tried, and waits to try again.
    assert!(timeout(RETRY / 2, &mut run).await.is_err());
    assert_eq!(query.position(), Position(1));
    stop.cancel();
    timeout(RETRY / 4, run).await.expect("it ends before it would try again");
}

/// Overwrites all segments of a ledger.
fn spoil(dir: &Path) {
    let mut spoilt = 0;
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                dirs.push(entry.path());
            } else {
                let len = usize::try_from(entry.metadata().unwrap().len()).unwrap();
                fs::write(entry.path(), vec![0xAA; len]).unwrap();
                spoilt += 1;
            }
        }
    }
    assert!(spoilt > 0);
}

#[tokio::test(start_paused = true)]
async fn a_follower_in_the_middle_of_the_ledger_ends_with_what_it_has_in_hand() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path(), Files);
    let last = 6 * CHUNK_LEN_MAX as u64;
    for first in (1..=last).step_by(CHUNK_LEN_MAX) {
        let frame = (first..).take(CHUNK_LEN_MAX).map(|n| record(n, audit())).collect();
        assert!(append(&ledger, frame).await);
    }
    let follower = follower(&ledger, ledger.reader(), dir.path());
    let (stop, query) = (follower.stop.clone(), follower.query.clone());
    let mut known = query.watch();
    let first = async {
        known.changed().await.unwrap();
        stop.cancel();
    };
    let both = async { tokio::join!(follower.run(), first) };
    timeout(RETRY, both).await.expect("it ends");
    let known = query.position();
    assert!(Position(0) < known && known < Position(last), "{known}");
}
