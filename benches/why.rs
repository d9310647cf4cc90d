//! Root causes: how often the planted one is named, how often one where there is none, and how long a question takes.
//!
//! `cargo bench --bench why`. Goals: top-1 ≥ 0.9, top-3 ≥ 0.98 over 200 seeded runs; a cause named in at most 5 of 100
//! runs without one; 1 M units × 40 attributes × 200 permutations in 2 s (`PEDIGREE_WHY_UNITS=1000000`).
#![expect(clippy::print_stdout, reason = "a benchmark is there to print")]
#![expect(clippy::disallowed_methods, reason = "a benchmark has its own clock")]
use pedigree::genealogy::why::{Cases, Cause, Factor, Ranking, Settings, rank};
use std::time::Instant;

#[path = "why/plant.rs"]
mod plant;
use plant::{Plant, Scenario};

/// Runs of each scenario, the units of one, and how many of 1,000 are bad by chance and by the cause.
const RUNS: u64 = 30;
const UNITS: u32 = 5_000;
const RATES: (u32, u32) = (10, 300);
/// Runs without a cause.
const EMPTY: u64 = 200;
/// Units of the question that is timed, unless said.
const MANY: u32 = 200_000;

/// What a suite of runs came to.
#[derive(Default)]
struct Merit {
    runs: f64,
    first: f64,
    among_three: f64,
    /// Units that are named of those that are the cause's, and the other way round.
    recall: f64,
    precision: f64,
    overlap: f64,
}

fn ask(plant: &Plant, seed: u64) -> Ranking {
    rank(&plant.cases, &plant.factors, &Settings { seed, ..Settings::default() })
}

/// Whether all of the planted cause is among these factors.
fn has(plant: &Plant, factors: &[usize]) -> bool {
    plant.cause.iter().all(|factor| factors.contains(factor))
}

fn named(cause: &Cause) -> Vec<usize> {
    cause.factors.iter().copied().chain(cause.twins.iter().map(|(twin, _)| *twin)).collect()
}

impl Merit {
    fn take(&mut self, plant: &Plant, ranking: &Ranking) {
        self.runs += 1.0;
        let mut three: Vec<usize> = Vec::new();
        for cause in ranking.causes.iter().take(3) {
            three.extend(named(cause));
        }
        if let Some(cause) = ranking.causes.first() {
            self.first += f64::from(u8::from(has(plant, &named(cause))));
            three.extend(cause.rivals.iter().take(2).map(|(rival, _)| *rival));
            let both =
                cause.exposed.iter().filter(|unit| plant.exposed.binary_search(unit).is_ok());
            let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
            let both = count(both.count());
            let (found, wanted) = (count(cause.exposed.len()), count(plant.exposed.len()));
            self.recall += both / wanted;
            self.precision += both / found;
            self.overlap += both / (found + wanted - both);
        }
        self.among_three += f64::from(u8::from(has(plant, &three)));
    }

    fn print(&self, name: &str) {
        let share = |of: f64| of / self.runs;
        println!(
            "{name:<16} {:>4} runs  top-1 {:.3}  top-3 {:.3}  units: overlap {:.2}, recall {:.2}, precision {:.2}",
            self.runs,
            share(self.first),
            share(self.among_three),
            share(self.overlap),
            share(self.recall),
            share(self.precision),
        );
    }
}

fn main() {
    let mut all = Merit::default();
    for scenario in Scenario::ALL.into_iter().filter(|scenario| *scenario != Scenario::Nothing) {
        let mut merit = Merit::default();
        for seed in 0..RUNS {
            let plant = plant::run(scenario, UNITS, RATES, seed);
            let ranking = ask(&plant, seed);
            merit.take(&plant, &ranking);
            all.take(&plant, &ranking);
        }
        merit.print(&format!("{scenario:?}"));
    }
    all.print("all");
    let false_alarms = (0..EMPTY).filter(|seed| {
        let plant = plant::run(Scenario::Nothing, UNITS, (20, 20), *seed);
        !ask(&plant, *seed).causes.is_empty()
    });
    println!("{:<16} {EMPTY:>4} runs  a cause is named in {}", "no cause", false_alarms.count());
    let units = std::env::var("PEDIGREE_WHY_UNITS").ok().and_then(|units| units.parse().ok());
    let units: u32 = units.unwrap_or(MANY);
    let plant = plant::run(Scenario::Machine, units, RATES, 1);
    let attributes =
        plant.factors.iter().map(|factor: &Factor| factor.attribute).max().unwrap_or(0) + 1;
    let cases: &Cases = &plant.cases;
    let begun = Instant::now();
    let ranking = rank(cases, &plant.factors, &Settings { causes_max: 1, ..Settings::default() });
    println!(
        "{} units, {attributes} attributes, {} values, 199 permutations: {:.2} s for the first cause ({})",
        ranking.units,
        plant.factors.len(),
        begun.elapsed().as_secs_f64(),
        if ranking.causes.first().is_some_and(|cause| has(&plant, &named(cause))) {
            "found"
        } else {
            "missed"
        },
    );
}
