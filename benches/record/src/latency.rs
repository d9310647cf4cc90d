//! How long an event waits for its acknowledgement, at the pace of a line: from the moment that it is due to the
//! moment that whoever waits is told that it is durable. Tape and index run beside it.
use crate::engines::Group;
use crate::engines::append;
use crate::events::Events;
use crate::machine::{Times, Watch};
use crate::site;
use pedigree::daemon::clock;
use pedigree::ledger::Ledger;
use pedigree::model::plant::TagIndex;
use pedigree::model::{Input, Origin, Position, Quality, Record, Sample, Utc, Value};
use pedigree::tape::TapeWriter;
use pedigree::telemetry::{Metrics, Now};
use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Events a second.
const PACES: [u64; 4] = [200, 1_000, 2_500, 5_000];
/// How long a pace is kept before syncs are measured again.
const TURN: Duration = Duration::from_secs(2);
/// Turns of each pace.
const TURNS: usize = 8;
/// Appends that are synced one by one after each turn.
const SYNCS: usize = 150;
/// Words that come with an event and go to the tape.
const WORDS: u32 = 8;

/// Measures and prints.
#[tokio::main]
pub async fn run(dir: &Path) {
    std::fs::create_dir_all(dir).expect("a folder of our own");
    let metrics = Arc::new(Metrics::new());
    let opened = site::ledger(dir, &metrics);
    let (recovered, stop) = (opened.recovered, CancellationToken::new());
    let ledger = Arc::new(opened.ledger);
    let (_query, following) = site::read_side(dir, &ledger, recovered, &metrics, stop.clone());
    let mut tasks = JoinSet::new();
    tasks.spawn(following);
    let now = clock();
    let origin = Origin { site: site::id(), incarnation: 0 };
    let mut line = Line {
        source: Events::new(),
        tape: TapeWriter::open(dir, origin, Arc::clone(&now)),
        ledger,
        now,
        plain: File::create(dir.join("plain")).expect("a file of our own"),
    };
    println!(
        "\nacknowledgement, tape and index beside it; goal: p99 within 2 × p99 of a sync + 2 ms"
    );
    println!(
        "{:>9} {:>10} {:>10} {:>14} {:>14} {:>10}",
        "events/s", "p50 ms", "p99 ms", "sync p50 ms", "sync p99 ms", "goal ms"
    );
    for pace in PACES {
        let (mut waited, mut synced) = (Times::default(), Times::default());
        for _ in 0..TURNS {
            line.syncs(&mut synced);
            line.turn(pace, &mut waited).await;
        }
        line.syncs(&mut synced);
        let goal = 2.0 * synced.share(990) + 2.0;
        let (p50, p99) = (waited.share(500), waited.share(990));
        let (sync50, sync99) = (synced.share(500), synced.share(990));
        let reached = if p99 <= goal { "" } else { "  missed" };
        println!("{pace:9} {p50:10.3} {p99:10.3} {sync50:14.3} {sync99:14.3} {goal:10.3}{reached}");
    }
    stop.cancel();
    tasks.join_all().await;
}

struct Line {
    source: Events,
    tape: TapeWriter,
    ledger: Arc<Ledger>,
    now: Now,
    plain: File,
}

impl Line {
    /// Plain appends of one event, each synced.
    fn syncs(&mut self, times: &mut Times) {
        let group = Group::of(Events::new().take(SYNCS).collect());
        let mut buffer = Vec::new();
        for event in &group.events {
            let watch = Watch::start();
            append(&mut self.plain, &mut buffer, std::slice::from_ref(event));
            times.push(watch.elapsed());
        }
    }

    async fn turn(&mut self, pace: u64, times: &mut Times) {
        let gap = Duration::from_secs(1) / u32::try_from(pace).expect("a pace");
        let count = TURN.as_nanos() / gap.as_nanos();
        let records: Vec<Record> = (0..count).filter_map(|_| self.source.next()).collect();
        let first = records.first().map_or(1, |record| record.position.0);
        let (watch, mut durable) = (Watch::start(), self.ledger.durable());
        let due = |position: u64| gap * u32::try_from(position - first).expect("a short turn");
        let told = async {
            let mut waiting: VecDeque<u64> = (first..first + count as u64).collect();
            let mut taken = Vec::with_capacity(waiting.len());
            while let Some(next) = waiting.front() {
                let wanted = Position(*next);
                let changed = durable.wait_for(|durable| durable.position >= wanted).await;
                let position = changed.expect("the ledger lives").position;
                let at = watch.elapsed();
                while waiting.front().is_some_and(|next| *next <= position.0) {
                    let next = waiting.pop_front().unwrap_or(first);
                    taken.push(at.saturating_sub(due(next)));
                }
            }
            taken
        };
        let (tape, ledger, now) = (&mut self.tape, &self.ledger, &self.now);
        let generation = ledger.durable().borrow().generation;
        let asked = async {
            for record in records {
                let wait = due(record.position.0).saturating_sub(watch.elapsed());
                // The timer of the runtime has the grain of a millisecond: what is due within is done at once.
                if wait > Duration::from_millis(1) {
                    tokio::time::sleep(wait).await;
                } else {
                    while due(record.position.0) > watch.elapsed() {
                        tokio::task::yield_now().await;
                    }
                }
                tape.append(tape.next_number(), now(), &words(&record));
                tape.flush();
                ledger.append(generation, vec![record]).await.expect("the ledger takes records");
            }
        };
        for time in tokio::join!(told, asked).0 {
            times.push(time);
        }
    }
}

/// What a PLC says with an event.
fn words(record: &Record) -> Input {
    let receive = Utc(record.at.wall.0);
    let one = |tag: u32| Sample {
        tag: TagIndex(tag),
        value: Value::Real(f64::from(tag) + record.position.0 as f64 / 7.0),
        quality: Quality::GOOD,
        source: Some(receive),
        server: None,
        receive,
    };
    Input::Samples((0..WORDS).map(one).collect())
}
