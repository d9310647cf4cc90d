//! Real operations of machine tools (`tests/data/nist`), one value of each a part: cutting time, feed, spindle.
use crate::process::{drift, has_learned, measured, step};
use pedigree::condition::Chart;
use pedigree::model::plant::DriftRules;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

const PARTS: &str = "tests/data/nist/parts";
/// Operations in which one false alarm may come, and those that are learned from: the least that a chart takes.
const RUN_LENGTH: u64 = 1_000;
const LEARN: u32 = 30;
/// What names an operation may come this much after its begin, and one that is shorter is none; in seconds.
const NAMING: f64 = 2.0;
const SHORTEST: f64 = 5.0;

/// Kinds of parts by the machine that makes them.
const MACHINES: [&[&str]; 2] = [&["box"], &["plate", "cover"]];

/// What one operation on a part came to.
#[derive(Clone, Default)]
struct Operation {
    kind: String,
    program: String,
    begin: f64,
    end: f64,
    feed: f64,
    spindle: f64,
}

/// What a machine said: when, of which kind of part, an item and its value.
type Row = (f64, String, String, String);

/// All that a machine said, in the order of time.
fn rows(kinds: &[&str]) -> std::io::Result<Vec<Row>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(PARTS);
    let mut files: Vec<_> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let kind = name.split('-').next().unwrap_or_default();
        if !kinds.contains(&kind) {
            continue;
        }
        all.extend(fs::read_to_string(&file)?.lines().filter_map(|line| {
            let mut words = line.splitn(3, '|');
            let time: jiff::Timestamp = words.next()?.parse().ok()?;
            let (item, value) = (words.next()?.to_owned(), words.next()?.trim().to_owned());
            Some((time.as_duration().as_secs_f64(), kind.to_owned(), item, value))
        }));
    }
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(all)
}

/// The operations of a machine.
fn operations(rows: &[Row]) -> Vec<Operation> {
    let mut done = Vec::new();
    let (mut open, mut program): (Option<Operation>, String) = (None, String::new());
    let (mut feed, mut spindle, mut last) = (0.0, 0.0, 0.0);
    for (time, kind, item, value) in rows {
        if let Some(operation) = &mut open {
            operation.feed += feed * (time - last);
            operation.spindle += spindle * (time - last);
        }
        last = *time;
        let new = |program: &str| Operation {
            kind: kind.clone(),
            program: program.to_owned(),
            begin: *time,
            ..Operation::default()
        };
        let working = ["ACTIVE", "FEED_HOLD", "PROGRAM_STOPPED"].contains(&value.as_str());
        match item.as_str() {
            "Program_Status" if working => open = open.or_else(|| Some(new(&program))),
            "Program_Status" => done.extend(open.take().map(|of| Operation { end: *time, ..of })),
            "Program_Name_Running" => {
                program.clone_from(value);
                match &mut open {
                    Some(operation) if time - operation.begin <= NAMING => {
                        operation.program.clone_from(value);
                    }
                    Some(operation) if operation.program != *value => {
                        let before = std::mem::replace(operation, new(value));
                        done.push(Operation { end: *time, ..before });
                    }
                    Some(_) | None => {}
                }
            }
            "Feed_Rate" => feed = value.parse().unwrap_or(feed),
            "Spindle_Speed" => spindle = value.parse().unwrap_or(spindle),
            _ => {}
        }
    }
    done.retain(|operation| operation.end - operation.begin >= SHORTEST);
    done
}

/// A program without the number of its part: `PLATE-2.NC` does what `PLATE-3.NC` does.
fn task(program: &str) -> &str {
    let name = program.strip_suffix(".NC").unwrap_or(program);
    name.trim_end_matches(|letter: char| letter.is_ascii_digit()).trim_end_matches('-')
}

/// Each task on a kind of part, in the order of time.
fn all() -> std::io::Result<BTreeMap<(String, String), Vec<Operation>>> {
    let mut all = BTreeMap::<_, Vec<Operation>>::new();
    for kinds in MACHINES {
        for operation in operations(&rows(kinds)?) {
            let key = (operation.kind.clone(), task(&operation.program).to_owned());
            all.entry(key).or_default().push(operation);
        }
    }
    Ok(all)
}

pub(crate) fn run() {
    let all = match all() {
        Ok(all) => all,
        Err(why) => return println!("skipped: {PARTS}: {why}"),
    };
    let second = Duration::from_secs(1);
    let monitor = measured(Duration::from_secs(RUN_LENGTH), second, LEARN, DriftRules::DEFAULT);
    let (mut charts, mut learned, mut alarms) = (0, 0, 0);
    let mut most = 0;
    for ((kind, program), of) in all {
        let figures: [fn(&Operation) -> f64; 3] = [
            |of| of.end - of.begin,
            |of| of.feed / (of.end - of.begin),
            |of| of.spindle / (of.end - of.begin),
        ];
        let [times, feeds, spindles] =
            figures.map(|of_one| of.iter().map(of_one).collect::<Vec<_>>());
        println!(
            "{kind} {program}: {} operations; cutting {} s, feed {} mm/min, spindle {} 1/min",
            of.len(),
            range(&times),
            range(&feeds),
            range(&spindles)
        );
        most = most.max(of.len());
        for values in [times, feeds, spindles] {
            let mut chart = Chart::new(&monitor);
            charts += 1;
            for (at, value) in (0..).zip(values) {
                let said = step(&mut chart, at, value);
                learned += u32::from(has_learned(&said));
                alarms += u32::from(drift(said).is_some());
            }
        }
    }
    println!(
        "{charts} charts, at most {most} values each: {learned} have learned what is normal ({LEARN} values at least), {alarms} alarms"
    );
}

/// The least and the greatest.
fn range(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{least:.1} to {greatest:.1}")
}
