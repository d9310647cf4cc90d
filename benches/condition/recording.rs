//! Recordings of others, watched by one fixed configuration.
use crate::{nab, tennessee};
use pedigree::condition::Chart;
use pedigree::model::plant::{DriftRules, Monitor, Watched};
use pedigree::model::{HandshakeId, TagName};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Learned values, wherever it is.
pub(crate) const LEARN: u32 = 300;
/// `drift = "one false alarm in 30d"`.
const PROMISE: Duration = Duration::from_hours(30 * 24);

/// The configuration, of what says a value so often. Nothing of it is chosen by what the recordings hold.
pub(crate) fn chart(every: Duration) -> Chart {
    let rules = DriftRules { ewma: true, cusum: true, runs: None, variance: false };
    // One value a row, as of measurements: the rows are in equal steps.
    let monitor: Monitor = crate::process::measured(PROMISE, every, LEARN, rules);
    Chart::new(&monitor)
}

/// Of so many rows of what goes together, the same.
pub(crate) fn group(members: usize, every: Duration) -> Chart {
    let mut monitor = crate::process::measured(PROMISE, every, LEARN, DriftRules::NONE);
    let name = |of| TagName::parse(&format!("member-{of}")).expect("a name");
    let handshake = HandshakeId::parse("result").expect("a name");
    monitor.of = Watched::Measurements(handshake, (0..members).map(name).collect());
    Chart::new(&monitor)
}

/// A file of this name in a folder, however deep.
fn found(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    let here = entries.iter().find(|path| path.file_name().is_some_and(|of| of == name));
    here.cloned().or_else(|| entries.iter().find_map(|path| found(path, name)))
}

/// The text of a file of this name.
pub(crate) fn text(folder: &Path, name: &str) -> Result<String, String> {
    let path = found(folder, name).ok_or_else(|| format!("no {name} in {}", folder.display()))?;
    fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))
}

pub(crate) fn run() {
    let Some(folder) = std::env::var_os("PEDIGREE_CONDITION_DATA") else {
        return println!(
            "skipped: PEDIGREE_CONDITION_DATA names no folder (benches/condition/README.md)"
        );
    };
    println!(
        "drift = \"one false alarm in 30d\", rules = [\"ewma\", \"cusum\"], learn = {LEARN}, everywhere"
    );
    for (name, run) in [
        ("NAB", nab::run as fn(&Path) -> Result<(), String>),
        ("Tennessee Eastman", tennessee::run),
    ] {
        if let Err(why) = run(Path::new(&folder)) {
            println!("{name}: skipped ({why})");
        }
    }
}
