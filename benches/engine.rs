//! How many samples the engine takes, and what a tag costs that says nothing.
//!
//! `cargo bench --bench engine`. Goals (100,000 tags, one core): a million samples a second into the
//! engine; at most 1 KiB a tag.
#![expect(clippy::print_stdout, reason = "a benchmark is there to print")]
mod plant;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use pedigree::daemon::clock;
use pedigree::engine::Engine;
use pedigree::model::plant::Plant;
use pedigree::model::{
    At, Effect, Input, Monotonic, Origin, PersonKey, Position, Sample, StartCause, Utc,
};
use pedigree::tape::TapeWriter;
use std::hint::black_box;
use std::sync::Arc;

/// Samples in one round.
const ROUND: usize = 200_000;
/// Samples in one notification.
const BATCHES: [usize; 2] = [1, 1_000];

/// The engine with the plant in force, and the number of the next input.
fn started(plant: &Arc<Plant>) -> Engine {
    let mut engine = Engine::new(PersonKey::new([7; 32]));
    let mut effects = Vec::new();
    let start = Input::Start { cause: StartCause::Daemon, recovered: Position(0) };
    for input in [start, Input::Plant(Arc::clone(plant))] {
        engine.step(At::default(), &input, &mut effects);
    }
    engine
}

fn at(sample: &Sample) -> At {
    let Utc(wall) = sample.receive;
    At { monotonic: Monotonic(wall.cast_unsigned()), wall: Utc(wall) }
}

fn step_all(engine: &mut Engine, inputs: &[Input], mut seen: impl FnMut(At, &Input)) {
    let mut effects: Vec<Effect> = Vec::new();
    for input in inputs {
        let Input::Samples(samples) = input else { continue };
        let at = samples.first().map_or_else(At::default, at);
        seen(at, input);
        engine.step(at, input, &mut effects);
        effects.clear();
        black_box(engine.next_wake());
    }
}

fn speed(c: &mut Criterion, plant: &Arc<Plant>) {
    let mut group = c.benchmark_group("samples into the engine");
    group.throughput(Throughput::Elements(ROUND as u64)).sample_size(10);
    for batch in BATCHES {
        let inputs: Vec<Input> =
            plant::changes(plant, ROUND, batch).into_iter().map(Input::Samples).collect();
        let engine = started(plant);
        group.bench_function(BenchmarkId::new("step", batch), |b| {
            b.iter_batched_ref(
                || engine.clone(),
                |engine| step_all(engine, &inputs, |_, _| {}),
                BatchSize::PerIteration,
            );
        });
        let folder = tempfile::tempdir().expect("a folder of our own");
        let origin = Origin { site: plant.site.clone(), incarnation: 1 };
        let mut tape = TapeWriter::open(folder.path(), origin, clock());
        let mut number = tape.next_number();
        group.bench_function(BenchmarkId::new("tape and step", batch), |b| {
            b.iter_batched_ref(
                || engine.clone(),
                |engine| {
                    step_all(engine, &inputs, |at, input| {
                        tape.append(number, at, input);
                        number += 1;
                    });
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Bytes of memory that are ours at this moment.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok());
    pages.expect("the second number is resident pages") * 4_096
}

/// What plants in force take. The first also pays for what reading its files took and gave back to the
/// allocator; the others live in that.
fn memory() -> Arc<Plant> {
    let mut kept = Vec::new();
    let mut per_tag = Vec::new();
    for _ in 0..4 {
        let before = resident();
        let plant = plant::plant();
        let engine = started(&plant);
        per_tag.push((resident() - before) / plant.tags.len() as u64);
        kept.push((plant, engine));
    }
    let (plant, _) = kept.swap_remove(0);
    println!("bytes a tag, {} tags, of one plant after the other: {per_tag:?}", plant.tags.len());
    plant
}

fn main() {
    let plant = memory();
    let mut c = Criterion::default().configure_from_args();
    speed(&mut c, &plant);
    c.final_summary();
}
