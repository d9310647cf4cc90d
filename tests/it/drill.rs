//! The worked examples, drilled: a stand-in for each controller that has handshakes, on real sockets,
//! against the daemon that runs the same files.
use super::support::daemon::{Daemon, Site, read};
use super::support::here;
use pedigree::model::{Body, Record};
use serde_json::Value;
use std::net::TcpListener;
use std::process::Output;

const EXAMPLES: [&str; 6] =
    ["assembly.toml", "kettle.toml", "smt.toml", "bottling.toml", "screwing.toml", "furnace.toml"];

/// A free port of the loopback; it is free for somebody else, too, until it is taken.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An example as it stands, but for the place of its controller and how the two come to trust each other.
fn example(name: &str) -> String {
    let text = read(&here("config/plant.d").join(name));
    let port = free_port();
    let line = |line: &str| {
        let (key, _) = line.split_once('=').unwrap_or((line, ""));
        match key.trim() {
            "url" if line.contains("opc.tcp") => format!("url = \"opc.tcp://127.0.0.1:{port}\""),
            "url" => format!("url = \"tcp://127.0.0.1:{port}\""),
            "trust" => "trust = \"first-use\"".to_owned(),
            "login" => "login = { user = \"trace\", password_env = \"DRILL_PASSWORD\" }".to_owned(),
            _ => line.to_owned(),
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

struct Bench {
    site: Site,
    daemon: Daemon,
}

impl Bench {
    fn start(names: &[&str]) -> Self {
        let plants: Vec<(&str, String)> = names.iter().map(|n| (*n, example(n))).collect();
        let site = Site::new(&plants);
        let daemon = site.try_start(&[("DRILL_PASSWORD", "secret")]).unwrap();
        Self { site, daemon }
    }

    fn drill(&self, args: &[&str]) -> (Option<i32>, Value) {
        let mut command = self.site.command(&["--json", "drill"]);
        let url = format!("http://{}", self.daemon.http());
        command.args(args).env("PEDIGREE_URL", url).env("DRILL_PASSWORD", "secret");
        let Output { status, stdout, stderr } = command.output().unwrap();
        let told = serde_json::from_slice(&stdout).unwrap_or_else(|why| {
            panic!(
                "{why}: {}{}",
                String::from_utf8_lossy(&stdout),
                String::from_utf8_lossy(&stderr)
            )
        });
        (status.code(), told)
    }
}

fn outcomes(told: &Value) -> Vec<(&str, &str)> {
    let rows = told["exchanges"].as_array().unwrap().iter();
    rows.map(|e| (e["handshake"].as_str().unwrap(), e["outcome"].as_str().unwrap())).collect()
}

fn verbs(records: &[Record]) -> Vec<&'static str> {
    let verb = |record: &Record| {
        let Body::Trace(event) = &record.body else { return None };
        Some(event.what.verb().as_str())
    };
    records.iter().filter_map(verb).collect()
}

#[test]
fn the_handshakes_of_the_worked_examples_are_drilled() {
    let bench = Bench::start(&EXAMPLES);
    let (code, told) = bench.drill(&["--all", "--count", "2"]);
    let once = [
        // Nobody has seen the unit the first time, and the second is another one.
        ("OP10.admit", "refused"),
        ("OP10.child", "accepted"),
        ("OP10.result", "accepted"),
        ("KETTLE3.charge", "accepted"),
        ("KETTLE3.discharge", "accepted"),
        ("FILL.fill", "accepted"),
        ("CODE.bottle", "accepted"),
        ("PACK.pack", "accepted"),
        ("PLACER2.panel-in", "accepted"),
        ("PLACER2.panel-out", "accepted"),
        ("ROUTER2.cut", "accepted"),
        ("ROUTER2.tray", "accepted"),
        // A ring, a bit that is turned over, a pulse; a state word, and a ring of registers.
        ("SCREW10.result", "accepted"),
        ("SCREW20.admit", "accepted"),
        ("SCREW20.thrown", "accepted"),
        ("LOAD.load", "accepted"),
        ("UNLOAD.out", "accepted"),
    ];
    let mut wanted: Vec<_> = once.into_iter().flat_map(|row| [row, row]).collect();
    wanted.sort_unstable();
    let mut found = outcomes(&told);
    found.sort_unstable();
    assert_eq!(found, wanted, "{told:#}");
    assert_eq!(code, Some(1), "one was refused");
    assert!(bench.daemon.stop().success());
    let records = bench.site.records();
    for verb in ["arrive", "install", "complete", "consume", "produce", "pack", "scrap", "split"] {
        assert!(verbs(&records).contains(&verb), "{verb}: {:?}", verbs(&records));
    }
}

#[test]
fn words_that_are_given_are_what_is_recorded() {
    let bench = Bench::start(&["kettle.toml"]);
    let args = ["KETTLE3.charge", "--set", "in_lot=0417", "--set", "in_kg=25.5"];
    let (code, told) = bench.drill(&args);
    assert_eq!(code, Some(0), "{told:#}");
    let exchange = &told["exchanges"][0];
    let last = exchange["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(last["words"][0], serde_json::json!(["in_ack", "false"]), "{told:#}");
    let recorded = exchange["recorded"].as_str().unwrap();
    assert!(recorded.contains("0417"), "{recorded}");
}

/// A code that was not read is set aside, not taken for a lot.
#[test]
fn what_the_daemon_sets_aside_is_no_success() {
    let bench = Bench::start(&["kettle.toml"]);
    let (code, told) = bench.drill(&["KETTLE3.charge", "--set", "in_lot=0"]);
    assert_eq!((code, outcomes(&told)), (Some(1), vec![("KETTLE3.charge", "set-aside")]));
}

#[test]
fn a_real_controller_is_not_stood_in_for_unasked() {
    let text = read(&here("config/plant.d/kettle.toml"));
    let site = Site::new(&[("kettle.toml", text)]);
    let daemon = site.start();
    let mut command = site.command(&["drill", "KETTLE3.charge"]);
    let done = command.env("PEDIGREE_URL", format!("http://{}", daemon.http())).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(78), "{said}");
    assert!(said.contains("--listen"), "{said}");
}
