//! Requests a second to a Modbus device, from the socket into tape and engine, beside another client and the
//! library alone.
//!
//! `cargo bench --bench modbus [-- SECONDS]`. One connection, one word a request: the worst case of a line. All
//! ask one server in a process of its own on the same machine, one after the other, and the server counts.
//! `PEDIGREE_PEERS` says where pymodbus is (in `venv`). Goal: 5,000 requests a second.
#![expect(clippy::print_stdout, reason = "a benchmark is there to print")]
#![expect(clippy::print_stderr, reason = "its server says what went wrong")]
mod rates;
#[path = "modbus/server.rs"]
mod server;
mod wired;

use pedigree::field;
use pedigree::model::plant::Plant;
use rates::{Rate, Stopwatch};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_modbus::client::{Reader, tcp};

/// So many words, each too far from the next to be read with it, are wanted every ten milliseconds.
const WORDS: u16 = 400;
/// From one to the next.
const STRIDE: u16 = 100;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    if args.first().is_some_and(|first| first == "serve") {
        return server::serve();
    }
    let seconds = args.first().and_then(|a| a.parse().ok()).unwrap_or(10);
    let (mut child, port) = wired::start(&["serve"]);
    println!("one connection, one word a request; {seconds} s a client");
    show("the library alone", &library(port, seconds));
    show("pedigree, tape on, stepped", &wired::carry(&plant(port), seconds, run));
    if let Some(peers) = std::env::var_os("PEDIGREE_PEERS") {
        let asked = [port.to_string(), seconds.to_string()];
        match wired::foreign(Path::new(&peers), "pymodbus_client.py", &asked) {
            Some(rate) => show("pymodbus", &rate),
            None => println!("pymodbus did not finish"),
        }
    }
    drop(child.kill());
    drop(child.wait());
}

fn show(who: &str, rate: &Rate) {
    println!("{who:28} {:>10.0} requests/s, {:.2} cores", rate.per_second(), rate.cores);
}

async fn run(wiring: field::Wiring) {
    field::modbus::run_all(vec![wiring]).await;
}

fn plant(port: u16) -> Arc<Plant> {
    let mut text = format!(
        r#"schema = 1
[device.bench]
url  = "tcp://127.0.0.1:{port}"
poll = "10ms"
[station.BENCH]
device = "bench"
[station.BENCH.monitor]
"#
    );
    let words: Vec<u16> = (0..WORDS).collect();
    for word in &words {
        writeln!(text, r#"w{word:03} = "w{word:03}""#).expect("a text takes all");
    }
    text.push_str("[device.bench.tags]\n");
    for word in &words {
        let address = word * STRIDE;
        writeln!(text, r#"w{word:03} = {{ at = "hr:{address}", type = "u16" }}"#)
            .expect("a text takes all");
    }
    wired::plant(text)
}

/// The limit: the library on one connection, and nothing else.
#[tokio::main]
async fn library(port: u16, seconds: u64) -> Rate {
    let address = format!("127.0.0.1:{port}").parse().expect("an address");
    let mut client = tcp::connect(address).await.expect("the server listens");
    let (mut count, clock) = (0, Stopwatch::start());
    while clock.elapsed() < Duration::from_secs(seconds) {
        let words = client.read_holding_registers(0, 1).await.expect("an answer");
        words.expect("no exception");
        count += 1;
    }
    clock.stop(count)
}
