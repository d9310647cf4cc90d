//! What the record costs: the ledger beside the limit of the disk and beside embedded databases that do the same
//! work, the whole path into the index, the wait for an acknowledgement, and a start after `kill -9`.
//!
//! `cargo run --release --manifest-path benches/record/Cargo.toml -- [--events N] [--compare N] [--rows …]`
//!
//! Goals (docs/performance.md): the ledger at 64 events a commit reaches 0.8 of plain append and `fdatasync` of the
//! same bytes; the whole path, durable and in sled, 0.5 of it, within 512 MB beside the graph and 700 bytes an event
//! on disk; p99 of an acknowledgement at up to 5,000 events a second is within 2 × p99 of a sync + 2 ms; after
//! `kill -9` at ten million events a start captures and answers within 2 s. All ratios are of one run.
mod compare;
mod engines;
mod events;
mod latency;
mod machine;
mod path;
mod restart;
mod site;

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// What the record costs on this machine.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    part: Option<Part>,
    /// Events that the whole path takes, and that a start finds.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Events that every engine takes.
    #[arg(long, default_value_t = 250_000)]
    compare: u64,
    /// The engines, in their order.
    #[arg(long, value_delimiter = ',', default_values_t = engines::NAMES.map(str::to_owned))]
    engines: Vec<String>,
    /// What is measured.
    #[arg(long, value_delimiter = ',', default_values_t = ROWS.map(str::to_owned))]
    rows: Vec<String>,
    /// The folder for all files, on the disk that is measured; it has to be empty or absent.
    #[arg(long, default_value = "target/record")]
    dir: PathBuf,
}

const ROWS: [&str; 4] = ["compare", "path", "latency", "restart"];

/// What runs in processes of its own.
#[derive(Subcommand)]
enum Part {
    #[command(hide = true)]
    Fill { dir: PathBuf, events: u64 },
    #[command(hide = true)]
    Serve { dir: PathBuf },
    #[command(hide = true)]
    Open { dir: PathBuf },
}

fn main() {
    let args = Args::parse();
    match &args.part {
        Some(Part::Fill { dir, events }) => path::run(dir, *events),
        Some(Part::Serve { dir }) => restart::serve(dir),
        Some(Part::Open { dir }) => restart::open(dir),
        None => measure(&args),
    }
}

fn measure(args: &Args) {
    let asked = |row: &str| args.rows.iter().any(|asked| asked == row);
    if let Some(unknown) = args.rows.iter().find(|row| !ROWS.contains(&row.as_str())) {
        panic!("there is no row `{unknown}`; there are {ROWS:?}");
    }
    let enough = args.events >= restart::EVENTS_MIN || !asked("restart");
    assert!(
        enough,
        "a start needs --events {} at least, or there is no image",
        restart::EVENTS_MIN
    );
    println!("{}", machine::size());
    let folder = |name: &str| {
        let dir = args.dir.join(name);
        let there = std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some());
        assert!(!there, "{} is not empty: remove it, or name another with --dir", dir.display());
        std::fs::create_dir_all(&dir).expect("a folder of our own");
        dir
    };
    if asked("compare") {
        compare::run(&args.engines, args.compare, &folder("compare"));
    }
    if asked("latency") {
        latency::run(&folder("latency"));
    }
    if asked("path") || asked("restart") {
        let dir = folder("data");
        let mut path = restart::Other::start("fill", &dir, &[args.events.to_string()]);
        while let Some(line) = path.line().filter(|line| line != "filled") {
            println!("{line}");
        }
        // Amid a commit, if chance has it.
        path.kill();
        if asked("restart") {
            restart::run(&dir, args.events);
        }
    }
}
