//! Samples a second and bytes a monitor.
use crate::monitors::{Stream, armed, plant, sample};
use crate::peer;
use crate::rates::Stopwatch;
use pedigree::condition::{Conditions, Spoken};
use pedigree::model::plant::{Plant, TagIndex};
use std::hint::black_box;

/// Machines with a thousand monitors each, unless said.
const MACHINES: usize = 100;
/// Machines of the plants whose memory is looked at.
const FEW: usize = 10;
/// Values that a monitor remembers, and seconds until all memories are full.
const MEMORY: usize = 1_024;
/// Seconds of the stream that are timed then.
const SECONDS: usize = 100;
/// Samples after which the time is looked at, as after an input.
const BATCH: u64 = 1_000;
/// Seconds of the stream that the peer takes.
const PEER: usize = 10;

/// Bytes of memory that are ours at this moment.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok());
    pages.expect("the second number is resident pages") * 4_096
}

/// One after the other, since the first live in what reading the plant gave back to the allocator.
fn memory() {
    let plant = plant(FEW);
    let monitors = plant.stations.iter().map(|station| station.monitors.len() as u64).sum::<u64>();
    let mut kept = Vec::new();
    let mut bytes = Vec::new();
    for _ in 0..5 {
        let before = resident();
        kept.push(armed(&plant));
        bytes.push(resident().saturating_sub(before) / monitors);
    }
    black_box(&kept);
    println!(
        "bytes a monitor with a baseline and no remembered value, of one plant of {monitors} after the other: {bytes:?}"
    );
}

/// The stream from one second to another through the charts; prints what it came to.
fn through(
    (plant, conditions): (&Plant, &mut Conditions),
    stream: &mut Stream,
    seconds: std::ops::Range<usize>,
    name: &str,
) {
    let (mut count, mut verdicts, mut notices) = (0, 0, 0);
    let mut out = Spoken::default();
    let clock = Stopwatch::start();
    for second in seconds {
        stream.second(second, |at, tag, value| {
            conditions.on_sample(plant, at, &sample(at, tag, value), &mut out);
            count += 1;
            if count % BATCH == 0 {
                conditions.on_time(at, &mut out);
                black_box(conditions.next_wake());
                verdicts += out.verdicts.len();
                notices += out.notices.len();
                out.verdicts.clear();
                out.notices.clear();
            }
        });
    }
    let rate = clock.stop(count);
    println!(
        "{name}: {:.0} samples a second of processor time ({:.0} by the clock); {verdicts} verdicts, {notices} notices",
        rate.per_second() / rate.cores,
        rate.per_second(),
    );
}

/// What of that is the stream itself.
fn stream_alone(stream: &mut Stream) {
    let (mut count, mut sum) = (0, 0.0);
    let clock = Stopwatch::start();
    for second in 0..SECONDS {
        stream.second(second, |at, tag, value| {
            count += 1;
            let sample = black_box(sample(at, tag, value));
            sum += f64::from(sample.tag.0);
        });
    }
    black_box(sum);
    let rate = clock.stop(count);
    println!("the stream alone: {:.0} a second of processor time", rate.per_second() / rate.cores);
}

pub(crate) fn run() {
    memory();
    let machines = std::env::var("PEDIGREE_CONDITION_MACHINES").ok();
    let machines = machines.map(|n| n.parse().expect("PEDIGREE_CONDITION_MACHINES: a number"));
    let plant = plant(machines.unwrap_or(MACHINES));
    let clock = Stopwatch::start();
    let mut conditions = armed(&plant);
    let monitors = plant.stations.iter().map(|station| station.monitors.len() as u64).sum();
    let rate = clock.stop(monitors);
    println!("{monitors} baselines come back from the record in {:.1} s", rate.seconds);
    let mut stream = Stream::new(&plant);
    stream_alone(&mut stream);
    let warm = MEMORY / 10;
    let mut timed = |name: &str, seconds| {
        through((&plant, &mut conditions), &mut stream, seconds, name);
    };
    timed("limits, ewma, cusum, nelson, flat and missing, memories that grow", 0..warm);
    timed("the same until they are full", warm..MEMORY);
    timed("the same when they are full", MEMORY..MEMORY + SECONDS);
    let mut stream = Stream::new(&plant);
    let mut rows: Vec<(TagIndex, f64)> = Vec::new();
    for second in 0..PEER {
        stream.second(second, |_, tag, value| rows.push((tag, value)));
    }
    match peer::river(plant.tags.len(), &rows) {
        Err(why) => println!("river: skipped ({})", why.trim()),
        Ok(said) => println!("{said}"),
    }
}
