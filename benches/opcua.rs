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
mod wired;

use pedigree::field;
use pedigree::model::plant::Plant;
use rates::Rate;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

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
    let every = load.period.as_millis().to_string();
    let (mut child, port) = wired::start(&["serve", &load.nodes.to_string(), &every]);
    let Load { nodes, period, seconds } = load;
    let period = period.as_millis();
    println!("{nodes} nodes, each changes every {period} ms; {seconds} s a client");
    show("pedigree, tape on, stepped", &ours(load, port));
    if let Some(peers) = std::env::var_os("PEDIGREE_PEERS").filter(|_| others) {
        let peers = Path::new(&peers);
        let publish = load.period.as_millis().min(100).to_string();
        let asked = [url(port), nodes.to_string(), publish, seconds.to_string()];
        for (who, script) in
            [("asyncua", "asyncua_client.py"), ("node-opcua", "nodeopcua_client.js")]
        {
            match wired::foreign(peers, script, &asked) {
                Some(rate) => show(who, &rate),
                None => println!("{who:28} did not finish"),
            }
        }
    }
    drop(child.kill());
    drop(child.wait());
}

fn url(port: u16) -> String {
    format!("opc.tcp://127.0.0.1:{port}")
}

fn show(who: &str, rate: &Rate) {
    println!("{who:28} {:>10.0} changes/s, {:.2} cores", rate.per_second(), rate.cores);
}

fn plant(load: &Load, port: u16) -> Arc<Plant> {
    let publish = load.period.as_millis().min(100);
    let mut text = format!(
        r#"schema = 1
[device.bench]
url       = "{}"
security  = "none"
allow_insecure = true
namespace = "urn:bench"
publish   = "{publish}ms"
[station.BENCH]
device = "bench"
[station.BENCH.monitor]
"#,
        url(port)
    );
    for node in 0..load.nodes {
        writeln!(text, r#"t{node:06} = "T{node:06}""#).expect("a text takes all");
    }
    wired::plant(text)
}

fn ours(load: &Load, port: u16) -> Rate {
    wired::carry(&plant(load, port), load.seconds, field::opcua::run)
}
