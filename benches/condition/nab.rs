//! Two series of the Numenta Anomaly Benchmark, scored as it scores (Lavin & Ahmad 2015).
use crate::clock;
use crate::process::{drift, has_learned, step};
use crate::recording::{chart, text};
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::time::Duration;

const SERIES: [&str; 2] = [
    "realKnownCause/machine_temperature_system_failure.csv",
    "artificialWithAnomaly/art_daily_jumpsup.csv",
];
const EVERY: Duration = Duration::from_mins(5);
/// A name, the cost of a false alarm and that of an anomaly that is not found.
const PROFILES: [(&str, f64, f64); 3] =
    [("standard", 0.11, 1.0), ("low FP", 0.22, 1.0), ("low FN", 0.11, 2.0)];

/// Rows of a series and its anomalies.
struct Series {
    values: Vec<f64>,
    windows: Vec<RangeInclusive<usize>>,
    /// Those that are judged; the others are for learning.
    judged: Range<usize>,
}

fn read(folder: &Path, name: &str) -> Result<Series, String> {
    let file = name.rsplit('/').next().unwrap_or(name);
    let rows = text(folder, file)?;
    let rows: Vec<(&str, &str)> = rows.lines().skip(1).filter_map(|l| l.split_once(',')).collect();
    let labels: serde_json::Value =
        serde_json::from_str(&text(folder, "combined_windows.json")?).map_err(|e| e.to_string())?;
    let window = |of: &serde_json::Value| {
        // Both begin with the same nineteen letters.
        let row = |at: usize| {
            let time = of[at].as_str()?.get(..19)?;
            rows.iter().position(|(row, _)| *row == time)
        };
        Some(row(0)?..=row(1)?)
    };
    let windows = labels[name].as_array().ok_or("no windows")?.iter().map(window);
    let windows = windows.collect::<Option<Vec<_>>>().ok_or("a window is at no row")?;
    let values = rows.iter().map(|(_, value)| value.parse::<f64>().map_err(|e| e.to_string()));
    let values = values.collect::<Result<Vec<_>, _>>()?;
    let learning = values.len().min(5_000) * 15 / 100;
    Ok(Series { judged: learning..values.len(), windows, values })
}

/// Above 0 before 0, where an anomaly ends; −1 long after it.
fn sigmoid(position: f64) -> f64 {
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}

/// What alarms are worth, before it is scaled.
fn raw(series: &Series, alarms: &[usize], (false_alarm, missed): (f64, f64)) -> f64 {
    let windows = series.windows.iter().map(|window| {
        let first = alarms.iter().find(|row| window.contains(row));
        first.map_or(-missed, |row| {
            let length = (window.end() - window.start() + 1) as f64;
            sigmoid(-((window.end() - row + 1) as f64) / length) / sigmoid(-1.0)
        })
    });
    let outside = alarms.iter().filter(|row| !series.windows.iter().any(|w| w.contains(row)));
    let costs = outside.map(|row| {
        let before = series.windows.iter().rfind(|window| window.end() < row);
        before.map_or(-false_alarm, |window| {
            let length = (window.end() - window.start()) as f64;
            false_alarm * sigmoid((row - window.end()) as f64 / length)
        })
    });
    windows.sum::<f64>() + costs.sum::<f64>()
}

/// 0 is to say nothing, 100 to say all at once and nothing falsely.
fn score(all: &[(Series, Vec<usize>)], costs: (f64, f64)) -> f64 {
    let windows: f64 = all.iter().map(|(series, _)| series.windows.len() as f64).sum();
    let sum: f64 = all.iter().map(|(series, alarms)| raw(series, alarms, costs)).sum();
    let nothing = -costs.1 * windows;
    100.0 * (sum - nothing) / (windows - nothing)
}

/// Anomalies found, and alarms outside of all.
fn counts(series: &Series, alarms: &[usize]) -> (usize, usize) {
    let is_found = |window: &&RangeInclusive<usize>| alarms.iter().any(|row| window.contains(row));
    let outside = |row: &&usize| !series.windows.iter().any(|window| window.contains(row));
    (series.windows.iter().filter(is_found).count(), alarms.iter().filter(outside).count())
}

/// The rows of drifts, and how often it learned. `rearmed`: at once, as by a person who answers each.
fn watched(series: &Series, rearmed: bool) -> (Vec<usize>, Vec<usize>) {
    let mut chart = chart(EVERY);
    let (mut alarms, mut learned) = (Vec::new(), Vec::new());
    for (row, value) in series.values.iter().enumerate() {
        let said = step(&mut chart, i64::try_from(row).expect("few rows"), *value);
        if has_learned(&said) {
            learned.push(row);
        }
        if drift(said).is_some() {
            alarms.push(row);
            if rearmed {
                chart.learn_anew(1);
            }
        }
    }
    (alarms, learned)
}

pub(crate) fn run(folder: &Path) -> Result<(), String> {
    for rearmed in [false, true] {
        println!(
            "NAB, {}:",
            if rearmed { "learned anew after each drift" } else { "a drift stands" }
        );
        let mut all = Vec::new();
        for name in SERIES {
            let series = read(folder, name)?;
            let (alarms, learned) = watched(&series, rearmed);
            let alarms: Vec<_> = alarms.into_iter().filter(|r| series.judged.contains(r)).collect();
            print(name, &series, &alarms, &learned);
            all.push((series, alarms));
        }
        for (profile, false_alarm, missed) in PROFILES {
            let costs = (false_alarm, missed);
            let ours = score(&all, costs);
            let of_phase = |phase| {
                let of = |(series, alarms): &(Series, Vec<usize>)| {
                    raw(series, &clock::alarms(alarms.len(), series.judged.clone(), phase), costs)
                };
                all.iter().map(of).sum::<f64>()
            };
            let sum = (0..clock::PHASES).map(of_phase).sum::<f64>() / f64::from(clock::PHASES);
            let windows: f64 = all.iter().map(|(series, _)| series.windows.len() as f64).sum();
            let by_clock = 100.0 * (sum + missed * windows) / (windows + missed * windows);
            println!(
                "  score, {profile}: {ours:.1}; a clock that alarms as often {by_clock:.1}; skill {:+.1}",
                ours - by_clock
            );
        }
    }
    Ok(())
}

fn print(name: &str, series: &Series, alarms: &[usize], learned: &[usize]) {
    let (found, outside) = counts(series, alarms);
    let delays = series.windows.iter().map(|window| {
        let first = alarms.iter().find(|row| window.contains(row));
        first.map_or("–".to_owned(), |row| (row - window.start()).to_string())
    });
    let mut by_clock = (0, 0);
    for phase in 0..clock::PHASES {
        let (found, outside) =
            counts(series, &clock::alarms(alarms.len(), series.judged.clone(), phase));
        by_clock = (by_clock.0 + found, by_clock.1 + outside);
    }
    let mean = |count: usize| count as f64 / f64::from(clock::PHASES);
    println!(
        "  {name}: {} alarms in {} rows, {found} of {} anomalies found, after [{}] rows of their window, {outside} alarms outside; a clock \
         finds {:.1} with {:.1} outside; learned {} times, first at row {}",
        alarms.len(),
        series.judged.len(),
        series.windows.len(),
        delays.collect::<Vec<_>>().join(", "),
        mean(by_clock.0),
        mean(by_clock.1),
        learned.len(),
        learned.first().map_or("–".to_owned(), usize::to_string),
    );
}
