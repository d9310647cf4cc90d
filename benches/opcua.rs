//! From the socket to the engine: data changes of an OPC UA server, with the tape recording, beside other
//! clients that hold the same subscription.
//!
//! `cargo bench --bench opcua [-- NODES PERIOD_MS SECONDS]`. Every node changes once a period; all wait for
//! one server in a process of its own on the same machine. Without arguments: 100,000 nodes that change once
//! a second, the goal; then 10,000 that change ten times a second, which other clients are asked to hold too
//! where `PEDIGREE_PEERS` says where they are (asyncua in `venv`, node-opcua in `node`). Goal: 100,000 changes
//! a second.
#![expect(clippy::print_stdout, reason = "a benchmark is there to print")]
mod rates;
#[path = "opcua/server.rs"]
mod server;

use pedigree::daemon::clock;
use pedigree::engine::Engine;
use pedigree::field::link::{Stage, Status};
use pedigree::field::{self, Lanes, Wiring};
use pedigree::model::plant::{DeviceIndex, Plant};
use pedigree::model::{At, Input, Origin, PersonKey, Position, SiteId, StartCause, Utc};
use pedigree::tape::TapeWriter;
use pedigree::telemetry::{Metrics, Points};
use rates::{Rate, Stopwatch};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// What is asked of every client.
struct Load {
    nodes: usize,
    period: Duration,
    seconds: u64,
}

impl Load {
    fn from_args(args: &[String]) -> Self {
        let number =
            |n: usize, otherwise| args.get(n).and_then(|a| a.parse().ok()).unwrap_or(otherwise);
        let period = u64::try_from(number(1, 1_000)).unwrap_or(1_000);
        let seconds = u64::try_from(number(2, 20)).unwrap_or(20);
        Self { nodes: number(0, 100_000), period: Duration::from_millis(period), seconds }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    if args.first().is_some_and(|first| first == "serve") {
        let load = Load::from_args(args.get(1..).unwrap_or_default());
        return server::serve(load.nodes, load.period);
    }
    if args.is_empty() {
        compare(&Load { nodes: 100_000, period: Duration::from_secs(1), seconds: 20 }, false);
        compare(&Load { nodes: 10_000, period: Duration::from_millis(100), seconds: 20 }, true);
    } else {
        compare(&Load::from_args(&args), true);
    }
}

/// Our client, and those of others, one after the other on one server.
fn compare(load: &Load, others: bool) {
    let (mut child, port) = start(load);
    let Load { nodes, period, seconds } = load;
    let period = period.as_millis();
    println!("{nodes} nodes, each changes every {period} ms; {seconds} s a client");
    show("pedigree, tape on, stepped", &ours(load, port));
    if let Some(peers) = std::env::var_os("PEDIGREE_PEERS").filter(|_| others) {
        let peers = Path::new(&peers);
        foreign("asyncua", &peers.join("venv/bin/python"), "asyncua_client.py", peers, load, port);
        foreign("node-opcua", Path::new("node"), "nodeopcua_client.js", peers, load, port);
    }
    drop(child.kill());
    drop(child.wait());
}

fn show(who: &str, rate: &Rate) {
    println!("{who:28} {:>10.0} changes/s, {:.2} cores", rate.per_second(), rate.cores);
}

/// The server, as a process of its own, and its port.
fn start(load: &Load) -> (Child, u16) {
    let own = std::env::current_exe().expect("our own file");
    let period = load.period.as_millis().to_string();
    let mut child = Command::new(own)
        .args(["serve", &load.nodes.to_string(), &period])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let said = BufReader::new(child.stdout.take().expect("a pipe")).lines().next();
    let port = said.and_then(Result::ok).and_then(|line| line.parse().ok());
    (child, port.expect("the server says its port"))
}

fn plant(load: &Load, port: u16) -> Arc<Plant> {
    let publish = load.period.as_millis().min(100);
    let mut text = format!(
        r#"schema = 1
[device.bench]
url       = "opc.tcp://127.0.0.1:{port}"
security  = "none"
allow_insecure = true
namespace = "urn:bench"
publish   = "{publish}ms"
[station.BENCH]
device = "bench"
[station.BENCH.monitor]
"#
    );
    for node in 0..load.nodes {
        writeln!(text, r#"t{node:06} = "T{node:06}""#).expect("a text takes all");
    }
    let site = SiteId::parse("bench").expect("a name");
    match pedigree::config::plant::load(&[("bench.toml".to_owned(), text)], &site) {
        Ok(checked) => checked.plant,
        Err(faults) => panic!("the plant of the benchmark is refused: {faults:?}"),
    }
}

/// The device task as the daemon has it, its lanes emptied into tape and engine.
#[tokio::main]
async fn ours(load: &Load, port: u16) -> Rate {
    let (plant, now) = (plant(load, port), clock());
    let folder = tempfile::tempdir().expect("a folder of our own");
    let (urgent, mut words) = mpsc::channel(4_096);
    let (bulk, mut values) = mpsc::channel(4_096);
    let (_ask, requests) = mpsc::channel(16);
    let first = Status { stage: Stage::Backoff, since: Utc(0), last_fault: None };
    let (status, mut standing) = watch::channel(first);
    let (metrics, stop) = (Arc::new(Metrics::new()), CancellationToken::new());
    let wiring = Wiring {
        plant: Arc::clone(&plant),
        device: DeviceIndex(0),
        lanes: Lanes { urgent, bulk },
        requests,
        status,
        now: Arc::clone(&now),
        points: Points::new(Arc::clone(&metrics)),
        metrics,
        onlooker: Arc::new(|_, _, _| {}),
        pki: folder.path().join("pki"),
        stop: stop.clone(),
    };
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(field::opcua::run(wiring));
    let mut engine = Engine::new(PersonKey::new([7; 32]));
    let mut effects = Vec::new();
    let start = Input::Start { cause: StartCause::Daemon, recovered: Position(0) };
    for input in [start, Input::Plant(Arc::clone(&plant))] {
        engine.step(At::default(), &input, &mut effects);
    }
    let origin = Origin { site: plant.site.clone(), incarnation: 1 };
    let mut tape = TapeWriter::open(folder.path(), origin, Arc::clone(&now));
    standing.wait_for(|s| s.stage == Stage::Live).await.expect("the task lives");
    let (mut count, mut number, mut clock) = (0, tape.next_number(), Stopwatch::start());
    let mut warm = false;
    loop {
        if !warm && clock.elapsed() > Duration::from_secs(3) {
            (count, clock, warm) = (0, Stopwatch::start(), true);
        }
        if warm && clock.elapsed() > Duration::from_secs(load.seconds) {
            break;
        }
        // Cancel-safe: each branch only receives.
        let input = tokio::select! {
            biased;
            Some(input) = words.recv() => input,
            Some(input) = values.recv() => input,
            else => panic!("the device task has ended"),
        };
        if let Input::Samples(samples) = &input {
            count += samples.len() as u64;
        }
        if let Input::Lost { cause, .. } = &input {
            println!("lost: {cause:?}");
        }
        let at = now();
        tape.append(number, at, &input);
        number += 1;
        engine.step(at, &input, &mut effects);
        effects.clear();
    }
    let rate = clock.stop(count);
    stop.cancel();
    tasks.shutdown().await;
    rate
}

/// A client of others on the same server; what it prints of itself.
fn foreign(who: &str, program: &Path, script: &str, peers: &Path, load: &Load, port: u16) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(script);
    let output = Command::new(program)
        .arg(script)
        .arg(format!("opc.tcp://127.0.0.1:{port}"))
        .args([load.nodes.to_string(), load.period.as_millis().min(100).to_string()])
        .arg(load.seconds.to_string())
        .env("NODE_PATH", peers.join("node/node_modules"))
        .output();
    let line = output.ok().filter(|o| o.status.success()).map(|o| o.stdout);
    let said = line.and_then(|line| serde_json::from_slice::<serde_json::Value>(&line).ok());
    let number = |key: &str| said.as_ref()?.get(key)?.as_f64();
    match (number("values"), number("seconds"), number("cores")) {
        (Some(values), Some(seconds), Some(cores)) => {
            println!("{who:28} {:>10.0} changes/s, {cores:.2} cores", values / seconds);
        }
        _ => println!("{who:28} did not finish"),
    }
}
