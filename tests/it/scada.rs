//! A foreign SCADA client and a foreign scraper look at the daemon.
use super::support::daemon::{Daemon, Site};
use super::support::{PATIENCE, free_port, here, http, peer};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

/// Runs the client; what it prints is JSON.
fn scada(peers: &Path, site: &Site, daemon: &Daemon, args: &[&str]) -> Result<Value, String> {
    let mut command = peer::python(peers);
    command.arg(here("tests/peers/scada.py")).arg(daemon.opcua()).arg("--cert-dir");
    let done = command.arg(site.path("scada")).args(args).output().unwrap();
    if done.status.success() {
        serde_json::from_slice(&done.stdout).map_err(|why| why.to_string())
    } else {
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
    }
}

/// An unknown client is refused; the command that the log names lets it in.
pub(crate) fn introduce(peers: &Path, site: &Site, daemon: &Daemon) {
    let refused = scada(peers, site, daemon, &["stations"]);
    assert!(refused.is_err(), "a client that nobody trusts got in: {refused:?}");
    let command = http::until("the command that trusts it", PATIENCE, || {
        let log = site.log();
        let at = log.rfind("pedigree certs trust ")?;
        log[at..].split(['`', '"', '\n']).next().map(str::to_owned)
    });
    let thumbprint = command.split_whitespace().last().unwrap();
    let trusted = site.command(&["certs", "trust", thumbprint]).output().unwrap();
    assert!(trusted.status.success(), "{trusted:?}");
}

/// Browses from a finished unit to its lots and back, and calls `Trace`, over `Basic256Sha256`.
pub(crate) fn browse_and_trace(
    peers: &Path,
    site: &Site,
    daemon: &Daemon,
    press: &Value,
    assembly: &Value,
) {
    let serial = press["serial"].as_str().unwrap();
    let unit = scada(peers, site, daemon, &["browse-unit", serial]).unwrap();
    let text = unit.to_string();
    for lot in [&press["coil_lot"], &assembly["glue_lot"], &assembly["child"]] {
        assert!(text.contains(lot.as_str().unwrap()), "{lot} is not reached from {serial}: {text}");
    }
    let back = unit["used_in"].to_string();
    assert!(back.contains(serial), "{serial} is not reached back from its lots: {text}");

    let trace = scada(peers, site, daemon, &["trace", serial, "backward"]).unwrap();
    let items = trace["items"].to_string();
    for lot in [&press["coil_lot"], &assembly["glue_lot"], &assembly["child"]] {
        assert!(items.contains(lot.as_str().unwrap()), "{lot} is not in {trace}");
    }
    assert_eq!(trace["complete"], true, "{trace}");
}

/// A client that waits for trace events.
pub(crate) struct Listener {
    client: Child,
    events: JoinHandle<Vec<String>>,
    said: JoinHandle<Vec<String>>,
}

/// Starts a client that subscribes to trace events; from now on it misses none.
pub(crate) fn listen(peers: &Path, site: &Site, daemon: &Daemon, count: u32) -> Listener {
    let mut command = peer::python(peers);
    command.arg(here("tests/peers/scada.py")).arg(daemon.opcua()).arg("--cert-dir");
    command.arg(site.path("scada")).args(["events", "--count", &count.to_string()]);
    let mut client = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = lines(client.stderr.take().unwrap());
    assert!(said.any(|line| line.contains("subscribed")), "the client never subscribed");
    let events = lines(client.stdout.take().unwrap());
    // A pipe that nobody reads would stop the client, and its session with it.
    Listener {
        client,
        events: std::thread::spawn(move || events.collect()),
        said: std::thread::spawn(move || said.collect()),
    }
}

fn lines(from: impl Read + Send + 'static) -> impl Iterator<Item = String> + Send + 'static {
    BufReader::new(from).lines().map_while(Result::ok)
}

impl Listener {
    /// The events that it got.
    pub(crate) fn events(mut self) -> Vec<Value> {
        let events = self.events.join().unwrap();
        let done = self.client.wait().unwrap();
        assert!(done.success(), "{done} after {} events: {:?}", events.len(), self.said.join());
        events.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// `promtool` finds nothing to say about the metrics, and Prometheus scrapes them.
pub(crate) fn prometheus(peers: &Path, daemon: &Daemon) {
    let (status, text) = daemon.ask("/metrics");
    assert_eq!(status, 200);
    let metrics = peers.join("metrics.txt");
    std::fs::write(&metrics, text).unwrap();
    let checked = Command::new(peers.join("prometheus/usr/bin/promtool"))
        .args(["check", "metrics"])
        .stdin(std::fs::File::open(&metrics).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.success() && said.is_empty(), "promtool: {said}");
    scraped(peers, daemon);
}

fn scraped(peers: &Path, daemon: &Daemon) {
    let dir = tempfile::tempdir().unwrap();
    let config = format!(
        "scrape_configs:\n  - job_name: pedigree\n    scrape_interval: 1s\n    static_configs:\n      - targets: ['{}']\n",
        daemon.http()
    );
    std::fs::write(dir.path().join("prometheus.yml"), config).unwrap();
    let port = free_port();
    let mut server = Command::new(peers.join("prometheus/usr/bin/prometheus"))
        .arg(format!("--config.file={}", dir.path().join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", dir.path().join("tsdb").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let found = http::until("Prometheus has scraped", PATIENCE, || {
        let asked = format!("http://127.0.0.1:{port}/api/v1/query?query=pedigree_ledger_position");
        let mut answer = ureq::get(asked).call().ok()?;
        let answer: Value = answer.body_mut().read_json().ok()?;
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    });
    drop(server.kill());
    drop(server.wait());
    assert!(found.parse::<u64>().unwrap() >= 500, "the scraped position is {found}");
}
