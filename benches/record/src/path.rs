//! The whole path: records into the ledger, the daemon's follower behind it, the index in sled and the memory of
//! questions. It runs in a process of its own, which is killed at the end.
use crate::compare::GROUP;
use crate::engines::{Group, append};
use crate::events::Events;
use crate::machine::{self, Times, Watch};
use crate::site;
use pedigree::model::{Position, Record};
use pedigree::query::Query;
use pedigree::telemetry::Metrics;
use std::fs::File;
use std::io::Seek;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Commits of the path before the limit is measured again.
const TURN: usize = 1_600;
/// Commits of the limit in between.
const LIMIT: usize = 200;
/// Records that the index may be behind: a line that writes as fast as it can is held back, so that what is
/// measured can go on for ever.
const BEHIND_MAX: u64 = 20_000;
/// Lines of progress.
const TELL: u64 = 10;

/// What is done in one go, and how long it took.
struct Turn {
    path: Duration,
    limit: Times,
    events: u64,
}

/// Fills a data directory and prints; it then goes on writing until it is killed.
#[tokio::main]
pub async fn run(dir: &Path, events: u64) {
    let metrics = Arc::new(Metrics::new());
    let opened = site::ledger(dir, &metrics);
    let (recovered, stop) = (opened.recovered, CancellationToken::new());
    let ledger = opened.ledger;
    let (query, following) = site::read_side(dir, &ledger, recovered, &metrics, stop);
    let mut tasks = JoinSet::new();
    tasks.spawn(following);
    let mut plain = File::create(dir.join("plain")).expect("a file of our own");
    let mut source = Events::new();
    let (mut turns, mut taken, mut told) = (Vec::new(), 0, 0);
    while taken < events {
        let commits = TURN.min(usize::try_from(events - taken).unwrap_or(TURN).div_ceil(GROUP));
        let turn = turn(&mut source, commits, &ledger, &query, &mut plain).await;
        taken += turn.events;
        turns.push(turn);
        if taken * TELL / events > told {
            told = taken * TELL / events;
            tell(&turns, events.div_ceil(TELL));
        }
    }
    report(dir, &turns, taken);
    println!("filled");
    loop {
        let records: Vec<Record> = source.by_ref().take(GROUP).collect();
        site::commit(&ledger, records).await;
        assert!(tasks.try_join_next().is_none(), "the follower has ended");
    }
}

async fn turn(
    source: &mut Events,
    commits: usize,
    ledger: &pedigree::ledger::Ledger,
    query: &Query,
    plain: &mut File,
) -> Turn {
    let groups: Vec<Vec<Record>> =
        (0..commits).map(|_| source.by_ref().take(GROUP).collect()).collect();
    // The limit takes the bytes of the same records; they are made before any clock runs.
    let same: Vec<Group> = groups.iter().take(LIMIT).cloned().map(Group::of).collect();
    let mut indexed = query.wanted();
    let events = (commits * GROUP) as u64;
    let watch = Watch::start();
    let mut last = Position(0);
    for records in groups {
        last = records.last().map_or(last, |record| record.position);
        site::commit(ledger, records).await;
        let least = last.0.saturating_sub(BEHIND_MAX);
        indexed.wait_for(|indexed| indexed.0 >= least).await.expect("the query lives");
    }
    indexed.wait_for(|indexed| *indexed >= last).await.expect("the query lives");
    let path = watch.elapsed();
    let (mut limit, mut buffer) = (Times::default(), Vec::new());
    // It grows again, as the ledger does: what is written in place costs less.
    plain.set_len(0).and_then(|()| plain.rewind()).expect("our own file");
    for group in &same {
        let watch = Watch::start();
        append(plain, &mut buffer, &group.events);
        limit.push(watch.elapsed());
    }
    Turn { path, limit, events }
}

/// Events a second of the path and of the limit.
fn rates(turns: &[Turn]) -> (f64, f64) {
    let events: u64 = turns.iter().map(|turn| turn.events).sum();
    let path: Duration = turns.iter().map(|turn| turn.path).sum();
    let appended: usize = turns.iter().map(|turn| turn.limit.len() * GROUP).sum();
    let limit: Duration = turns.iter().map(|turn| turn.limit.sum()).sum();
    (events as f64 / path.as_secs_f64(), appended as f64 / limit.as_secs_f64())
}

/// The last part of it.
fn tell(turns: &[Turn], of: u64) {
    let (mut events, mut from) = (0, turns.len());
    while from > 0 && events < of {
        from -= 1;
        events += turns.get(from).map_or(0, |turn| turn.events);
    }
    let (path, limit) = rates(turns.get(from..).unwrap_or_default());
    let taken: u64 = turns.iter().map(|turn| turn.events).sum();
    println!(
        "  {taken:>10} events: {path:7.0} a second, limit {limit:7.0}, share {:.2}; {:6.0} MB resident",
        path / limit,
        machine::resident()
    );
}

fn report(dir: &Path, turns: &[Turn], events: u64) {
    let (path, limit) = rates(turns);
    let of = |name: &str| machine::bytes(&dir.join(name)) / events as f64;
    let (ledger, store) = (of("ledger"), of("store"));
    println!("\nthe whole path, {events} events, {GROUP} a commit");
    println!(
        "{path:.0} events/s durable and indexed; limit {limit:.0}; share {:.2} (goal 0.5)",
        path / limit
    );
    println!(
        "{:.0} MB resident, {:.0} at most, the memory of questions in it",
        machine::resident(),
        machine::resident_max()
    );
    println!(
        "{:.0} bytes an event on disk: ledger {ledger:.0}, sled {store:.0} (goal 700)",
        ledger + store
    );
}
