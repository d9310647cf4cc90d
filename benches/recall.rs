//! How long it takes to say what everything was made of and where it went, and what that costs in memory.
//!
//! `cargo bench --bench recall`. Goals: the trace of a finished good back to some 100 items, ids, p50 ≤ 50 µs; the
//! recall of a lot in 50,000 finished goods ≤ 0.1 s with names and states, and 30 × faster than a recursive query of `SQLite`
//! that is asked the same in the same run; a link ≤ 20 bytes, both ways. `PEDIGREE_RECALL_UNITS=100000000` has the links of so
//! many units between numbered nodes alone (some 20 GiB; seven links a unit): one lot ≤ 10 ms, a tenth of the plant ≤ 5 s.
#![expect(clippy::print_stdout, reason = "a benchmark is there to print")]
#![expect(clippy::disallowed_methods, reason = "a benchmark has its own clock")]
#![expect(clippy::indexing_slicing, reason = "a benchmark may panic")]
use pedigree::daemon::clock;
use pedigree::genealogy::{Direction, Former, Graph, NodeId, Visited, Walk};
use pedigree::model::{At, Body, ItemKey, Origin, Position, Record, SiteId};
use pedigree::query::{ItemState, Query, QueryOptions, Recall};
use pedigree::store::CACHE_BYTES;
use pedigree::telemetry::Metrics;
use std::collections::BTreeSet;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[path = "recall/numbers.rs"]
mod numbers;
#[path = "recall/peer.rs"]
mod peer;
#[path = "recall/plant.rs"]
mod plant;

/// Finished goods of the plant whose items have names; five units each.
const GOODS: u32 = 60_000;
/// Units of the plant of numbers, unless said.
const UNITS: u32 = 200_000;
/// Records that the read side takes at once.
const CHUNK: usize = 4_096;
/// Traces and recalls that are timed.
const TRACES: u32 = 20_000;
const RECALLS: usize = 7;

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let done = work();
    (begun.elapsed(), done)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A share of sorted times, in thousandths.
fn share(times: &mut [Duration], thousandths: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * thousandths / 1_000]
}

/// Bytes of memory that are ours at this moment.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split_whitespace().nth(1).and_then(|n| n.parse::<usize>().ok());
    pages.expect("the second number is resident pages") * 4_096
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn per(bytes: usize, of: usize) -> f64 {
    bytes as f64 / of as f64
}

fn walk(direction: Direction) -> Walk {
    let (as_of, depth_max) = (Position(u64::MAX - 1), None);
    Walk { direction, as_of, depth_max, former: Former::Leave }
}

/// The read side in memory and a graph of its own, of the same events.
fn filled(folder: &Path) -> (Query, Graph) {
    let query = Query::new(QueryOptions {
        dir: folder.join("index"),
        origin: Origin { site: SiteId::parse("bench").expect("a name"), incarnation: 1 },
        durable: Position(0),
        ledger: None,
        cache_bytes: CACHE_BYTES,
        now: clock(),
        metrics: Arc::new(Metrics::new()),
    });
    let (mut graph, mut records) = (Graph::default(), Vec::new());
    let bring = |records: &mut Vec<(Position, Record)>| {
        query.apply(records).expect("no record is missing");
        records.clear();
    };
    let mut plant = plant::Plant::new(|position, event| {
        graph.apply(position, &event);
        let body = Body::Trace(event);
        records.push((position, Record { position, at: At::default(), body, plant: None }));
        if records.len() == CHUNK {
            bring(&mut records);
        }
    });
    plant.make(GOODS);
    bring(&mut records);
    (query, graph)
}

fn traces(graph: &Graph) {
    let (walk, mut visited) = (walk(Direction::Backward), Visited::default());
    let (mut times, mut items) = (Vec::new(), 0);
    for number in 0..TRACES {
        let key = plant::good(number.wrapping_mul(2_654_435_761) % GOODS);
        let (took, walked) = timed(|| {
            let begin = graph.item(&key).expect("it was made");
            walk.run(graph, &[begin], &mut visited)
        });
        times.push(took);
        items += walked.reached.len();
    }
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "backward trace of a finished good, ids: {:.0} items, p50 {:.1} µs, p99 {:.1} µs",
        per(items, TRACES as usize),
        us(share(&mut times, 500)),
        us(share(&mut times, 990)),
    );
}

fn named(recall: &Recall) -> BTreeSet<&ItemKey> {
    let suspect = recall.suspect.iter().map(|group| &group.item);
    suspect.chain(&recall.containers).collect()
}

/// An item with its state and its container, as the peer tells them.
fn as_told(item: &ItemKey, state: &ItemState) -> [String; 3] {
    let (state, host) = match state {
        ItemState::Packed(host) => ("packed", host.to_string()),
        ItemState::Idle => ("idle", String::new()),
        ItemState::InWork(_) | ItemState::Shipped | ItemState::Scrapped => {
            panic!("nothing is {state:?} in this plant")
        }
    };
    [item.to_string(), state.to_owned(), host]
}

/// Of one lot, beside the peer.
fn recalls(folder: &Path, (query, graph): (&Query, &Graph), (name, lot): (&str, &ItemKey)) {
    let mut times = Vec::new();
    let mut found = None;
    for _ in 0..RECALLS {
        let (took, answer) = timed(|| query.recall(lot));
        times.push(took);
        found = answer;
    }
    let recall = found.expect("the lot is known").body;
    let (best, middle) = (share(&mut times, 0), share(&mut times, 500));
    let begin = graph.item(lot).expect("it was used");
    let (walk, mut visited) = (walk(Direction::Forward), Visited::default());
    let walks =
        (0..RECALLS).map(|_| timed(|| black_box(walk.run(graph, &[begin], &mut visited))).0);
    let mut walks = walks.collect::<Vec<_>>();
    let (ids, ids_middle) = (share(&mut walks, 0), share(&mut walks, 500));
    println!(
        "recall of {name}: {} items with names and states in {:.1} ms (middle {:.1} ms); ids alone {:.2} ms (middle {:.2} ms)",
        named(&recall).len(),
        ms(best),
        ms(middle),
        ms(ids),
        ms(ids_middle),
    );
    match peer::ask(folder, graph, begin, Direction::Forward) {
        Err(why) => println!("SQLite: skipped ({})", why.trim()),
        Ok(peer) => {
            let others = peer.nodes.iter().filter(|node| **node != begin);
            let others = others.filter_map(|node| peer::item(graph, *node));
            assert_eq!(others.collect::<BTreeSet<_>>(), named(&recall), "both find the same");
            let boxes = recall.containers.iter().map(|item| (item, &ItemState::Idle));
            let told = recall.suspect.iter().map(|group| (&group.item, &group.state));
            let told = told.chain(boxes).chain([(lot, &ItemState::Idle)]);
            let told: BTreeSet<_> = told.map(|(item, state)| as_told(item, state)).collect();
            assert!(told == peer.items, "both tell the same names and states");
            println!(
                "SQLite {}, recursive query, warm, in memory: names and states {:.1} ms, {:.1} × ours; ids alone {:.1} ms, {:.1} × ours",
                peer.version,
                ms(peer.named),
                peer.named.as_secs_f64() / best.as_secs_f64(),
                ms(peer.ids),
                peer.ids.as_secs_f64() / ids.as_secs_f64(),
            );
        }
    }
}

/// The links of a large plant between numbered nodes.
fn large(units: u32) {
    let before = resident();
    let made = numbers::make(units);
    let (facts, nodes) = (&made.facts, made.nodes as usize);
    let links = facts.len();
    println!(
        "{units} units, {nodes} nodes, {links} links: made in {:.1} s; the longest record took {:.2} ms, after {} links",
        made.took.as_secs_f64(),
        ms(made.longest.0),
        made.longest.1,
    );
    let (of_facts, of_rows) = facts.bytes();
    println!(
        "memory: {:.2} bytes a link for what was told, {:.2} for rows both ways ({:.1} a node); resident {:.1} a link",
        per(of_facts, links),
        per(of_rows, links),
        per(of_rows, nodes),
        per(resident().saturating_sub(before), links),
    );
    let (forward, mut visited) = (walk(Direction::Forward), Visited::default());
    let one = |lot: &NodeId| timed(|| forward.run(facts, &[*lot], &mut visited));
    let step = (made.lots.len() / 1_000).max(1);
    let (mut times, counts): (Vec<_>, Vec<_>) = made
        .lots
        .iter()
        .step_by(step)
        .map(one)
        .map(|(took, walked)| (took, walked.reached.len()))
        .unzip();
    println!(
        "recall of one lot: {:.0} nodes, p50 {:.3} ms, longest {:.3} ms",
        per(counts.iter().sum(), counts.len()),
        ms(share(&mut times, 500)),
        ms(share(&mut times, 1_000)),
    );
    let tenth = made.lots.len() / 10;
    let those = &made.lots[tenth * 4..tenth * 5];
    let (took, walked) = timed(|| forward.run(facts, those, &mut visited));
    println!(
        "recall of a tenth of all lots: {} nodes by {} links in {:.2} s; resident {} MiB",
        walked.reached.len(),
        walked.hops.len(),
        took.as_secs_f64(),
        resident() >> 20,
    );
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let units = std::env::var("PEDIGREE_RECALL_UNITS").ok();
    let units = units.map(|units| units.parse().expect("PEDIGREE_RECALL_UNITS: a number of units"));
    large(units.unwrap_or(UNITS));
    let (took, (query, graph)) = timed(|| filled(folder.path()));
    println!(
        "{GOODS} finished goods, {} nodes, {} records, made in {:.1} s",
        graph.len(),
        query.position().0,
        took.as_secs_f64()
    );
    traces(&graph);
    let (near, far) = (plant::near(), plant::far());
    let near_name = format!("a lot in {} finished goods, by one lot", plant::HOT);
    let far_name = format!("a lot in {GOODS} finished goods, by many lots and a unit in each");
    for (name, lot) in [(near_name, near), (far_name, far)] {
        recalls(folder.path(), (&query, &graph), (&name, &lot));
    }
}
