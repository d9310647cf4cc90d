//! A chemical plant in simulation (Downs & Vogel 1993, the data of Chiang, Russell & Braatz 2001): 52 tags, each with a monitor.
use crate::process::{drift, has_learned, step};
use crate::recording::{chart, group, text};
use pedigree::condition::Chart;
use pedigree::model::Utc;
use std::path::Path;
use std::time::Duration;

const TAGS: usize = 52;
const EVERY: Duration = Duration::from_mins(3);
/// A fault begins at this row of a recording.
const BEGIN: usize = 160;
const FAULTS: [(&str, &str); 6] = [
    ("d01_te.dat", "1, A/C feed ratio, step"),
    ("d05_te.dat", "5, condenser cooling inlet, step"),
    ("d06_te.dat", "6, A feed loss, step"),
    ("d10_te.dat", "10, C feed temperature, random"),
    ("d13_te.dat", "13, reaction kinetics, slow drift"),
    ("d16_te.dat", "16, unknown"),
];

/// Tags of one part of the plant each, by what it is, whatever the recordings hold: columns of the measured ones, then of valves.
const GROUPS: [(&str, &[usize]); 5] = [
    ("feeds", &[0, 1, 2, 3, 41, 42, 43, 44]),
    ("reactor", &[4, 5, 6, 7, 8, 20, 50]),
    ("separator", &[10, 11, 12, 13, 21, 47, 51]),
    ("stripper", &[14, 15, 16, 17, 18, 48]),
    ("compressor and purge", &[9, 19, 45, 46]),
];

/// Rows of all tags.
fn read(folder: &Path, name: &str) -> Result<Vec<Vec<f64>>, String> {
    let text = text(folder, name)?;
    let number = |word: &str| word.parse::<f64>().map_err(|why| format!("{name}: {why}"));
    let row = |line: &str| line.split_whitespace().map(number).collect::<Result<Vec<_>, _>>();
    let rows = text.lines().map(row).collect::<Result<Vec<_>, _>>()?;
    // The training file has a line a tag.
    let rows = if rows.len() == TAGS && rows[0].len() != TAGS {
        (0..rows[0].len()).map(|at| rows.iter().map(|of| of[at]).collect()).collect()
    } else {
        rows
    };
    match rows.iter().find(|row| row.len() != TAGS) {
        Some(row) => Err(format!("{name}: {} values in a row, not {TAGS}", row.len())),
        None => Ok(rows),
    }
}

/// Charts of all tags.
#[derive(Clone)]
struct Watch {
    charts: Vec<Chart>,
    learned: usize,
}

impl Watch {
    /// The rows at which drifts were seen, one for each tag that has one.
    fn watched(&mut self, rows: &[Vec<f64>]) -> Vec<usize> {
        let mut alarms = Vec::new();
        for (number, row) in rows.iter().enumerate() {
            for (chart, value) in self.charts.iter_mut().zip(row) {
                let said = step(chart, i64::try_from(number).expect("few rows"), *value);
                self.learned += usize::from(has_learned(&said));
                alarms.extend(drift(said).map(|_| number));
            }
        }
        // What comes next is another recording.
        self.charts.iter_mut().for_each(Chart::interrupt);
        alarms
    }
}

/// Charts of all groups.
#[derive(Clone)]
struct Together {
    charts: Vec<(Chart, &'static [usize])>,
    learned: usize,
}

impl Together {
    fn new() -> Self {
        let chart = |(_, of): &(&str, &'static [usize])| (group(of.len(), EVERY), *of);
        Self { charts: GROUPS.iter().map(chart).collect(), learned: 0 }
    }

    /// The rows at which drifts were seen, one for each group that has one.
    fn watched(&mut self, rows: &[Vec<f64>]) -> Vec<usize> {
        let mut alarms = Vec::new();
        for (number, row) in rows.iter().enumerate() {
            for (chart, of) in &mut self.charts {
                let mut said = Vec::new();
                let time = Utc(i64::try_from(number).expect("few rows"));
                let vector = of.iter().map(|at| row[*at]).collect();
                chart.step_group(time, vector, &mut |finding| said.push(finding));
                self.learned += usize::from(has_learned(&said));
                alarms.extend(drift(said).map(|_| number));
            }
        }
        self.charts.iter_mut().for_each(|(chart, _)| chart.interrupt());
        alarms
    }
}

/// The same by groups: T² and the multivariate moving average beside each other.
fn together(folder: &Path) -> Result<(), String> {
    let mut normal = Together::new();
    let training = read(folder, "d00.dat")?;
    let early = normal.watched(&training).len();
    println!(
        "Tennessee Eastman, groups: {} of {} have learned, {early} of them alarmed in the rest",
        normal.learned,
        GROUPS.len()
    );
    let rows = read(folder, "d00_te.dat")?;
    let alarms = normal.clone().watched(&rows);
    println!("  normal operation: false alarms at {alarms:?} of {} rows", rows.len());
    let rate = alarms.len() as f64 / rows.len() as f64;
    for (file, name) in FAULTS {
        let rows = read(folder, file)?;
        print(name, &normal.clone().watched(&rows), rows.len(), rate);
    }
    Ok(())
}

pub(crate) fn run(folder: &Path) -> Result<(), String> {
    let mut normal = Watch { charts: (0..TAGS).map(|_| chart(EVERY)).collect(), learned: 0 };
    let training = read(folder, "d00.dat")?;
    let early = normal.watched(&training).len();
    println!(
        "Tennessee Eastman: {} of {TAGS} tags have learned from {} rows, {early} of them alarmed in the rest",
        normal.learned,
        training.len()
    );
    let rows = read(folder, "d00_te.dat")?;
    let alarms = normal.clone().watched(&rows);
    let promised = (normal.learned - early) as f64 * rows.len() as f64 * EVERY.as_secs_f64()
        / (30.0 * 86_400.0);
    println!(
        "  normal operation: {} false alarms in {} rows, the first after {:?}; promised at most some {promised:.1}",
        alarms.len(),
        rows.len(),
        alarms.first()
    );
    let rate = alarms.len() as f64 / rows.len() as f64;
    for (file, name) in FAULTS {
        let rows = read(folder, file)?;
        print(name, &normal.clone().watched(&rows), rows.len(), rate);
    }
    together(folder)
}

/// What was seen of a fault; what a clock sees that alarms as often in the same rows, and how likely one that alarms as
/// often as all is well would have been as soon.
fn print(name: &str, alarms: &[usize], rows: usize, falsely: f64) {
    let before = alarms.iter().filter(|row| **row < BEGIN).count();
    let first = alarms.iter().find(|row| **row >= BEGIN).map(|row| row - BEGIN);
    let count = alarms.len() as f64;
    // Evenly: the first alarm of those from any moment on comes after half a distance.
    let (by_clock, distance) = (count * BEGIN as f64 / rows as f64, rows as f64 / count);
    let by_chance = |first: usize| -(-falsely * (first + 1) as f64).exp_m1();
    println!(
        "  fault {name}: {} alarms, {before} before it; seen after {} rows; a clock has {by_clock:.1} before it, and one after {:.0} rows; \
         false alarms are as soon by a chance of {:.2}",
        alarms.len(),
        first.map_or("–".to_owned(), |rows| rows.to_string()),
        distance / 2.0,
        first.map_or(1.0, by_chance),
    );
}
