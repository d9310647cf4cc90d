//! Starts after `kill -9`: until the engine can capture, and until questions are answered.
use crate::machine::{self, Watch};
use crate::site;
use pedigree::config;
use pedigree::daemon::{self, Settings, clock};
use pedigree::telemetry::Metrics;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// After fewer records no image of the engine is kept.
pub const EVENTS_MIN: u64 = 100_000;
/// How often a daemon is asked.
const EVERY: Duration = Duration::from_millis(10);

/// The benchmark itself in a process of its own.
pub struct Other {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Other {
    pub fn start(verb: &str, dir: &Path, rest: &[String]) -> Self {
        let own = std::env::current_exe().expect("our own file");
        let child = Command::new(own).arg(verb).arg(dir).args(rest).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines }
    }

    /// The next line that it says; `None` when it has ended.
    pub fn line(&mut self) -> Option<String> {
        self.lines.next()?.ok()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("a process of ours");
        self.child.wait().expect("a process of ours");
    }
}

/// A daemon on a data directory; it says where it can be asked.
#[tokio::main]
pub async fn serve(dir: &Path) {
    let plant = match config::plant::load(&[], &site::id()) {
        Ok(checked) => checked.plant,
        Err(faults) => panic!("the plant of the benchmark is refused: {faults:?}"),
    };
    let settings = Settings {
        plant,
        plant_dir: dir.join("plant.d"),
        reload_on_hangup: false,
        data_dir: dir.to_owned(),
        ledger: config::daemon::Ledger::beside(dir),
        pki_dir: dir.join("pki"),
        http: ([127, 0, 0, 1], 0).into(),
        opcua: None,
        contacts: std::collections::BTreeMap::new(),
        drill_every: None,
        crash: None,
        now: clock(),
    };
    let (up, address) = oneshot::channel();
    let said = async {
        if let Ok(addresses) = address.await {
            let daemon::Addresses { http, .. } = addresses;
            println!("http://{http}");
        }
    };
    let ended = tokio::join!(daemon::run(settings, CancellationToken::new(), up), said).0;
    ended.expect("the daemon runs");
}

/// One life of the daemon: seconds until it is up, and until all is answered; it is killed when there are images of
/// both families that are as far as `image`.
fn live(dir: &Path, image: u64) -> (f64, f64) {
    let watch = Watch::start();
    let mut daemon = Other::start("serve", dir, &[]);
    let address = daemon.line().expect("the daemon is up");
    let up = watch.elapsed().as_secs_f64();
    while ask(&address, "/ready").is_none() {
        std::thread::sleep(EVERY);
    }
    let ready = watch.elapsed().as_secs_f64();
    let kept = |of: &str| {
        let metrics = ask(&address, "/metrics").unwrap_or_default();
        gauge(&metrics, &format!("pedigree_image_position{{of=\"{of}\"}}"))
    };
    while kept("state").min(kept("read")) < image {
        std::thread::sleep(EVERY);
    }
    daemon.kill();
    (up, ready)
}

/// An answer; `None` unless it is a good one.
fn ask(address: &str, path: &str) -> Option<String> {
    let mut answer = ureq::get(format!("{address}{path}")).call().ok()?;
    answer.body_mut().read_to_string().ok()
}

fn gauge(text: &str, name: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or(0)
}

/// Measures on a data directory whose daemon was killed, and prints.
pub fn run(dir: &Path, events: u64) {
    println!(
        "\nrestart after kill -9 with {events} events (goal: capturing and answering within 2 s)"
    );
    println!("{:44} {:>10} {:>10}", "", "up s", "answers s");
    // An image of the read side is kept after an eighth of all records; of the state more often.
    let lives = [("without an image of the state", events / 2), ("from images and the tail", 0)];
    for (what, image) in lives {
        let (up, ready) = live(dir, image);
        println!("{what:44} {up:10.2} {ready:10.2}");
    }
    let mut other = Other::start("open", dir, &[]);
    while let Some(line) = other.line() {
        println!("{line}");
    }
}

/// The parts of a start, one after the other, with the memory that each takes.
#[tokio::main]
pub async fn open(dir: &Path) {
    let metrics = Arc::new(Metrics::new());
    let tell = |what: &str, watch: &Watch, before: f64| {
        let (took, grew) = (watch.elapsed().as_secs_f64(), machine::resident() - before);
        println!("{what:44} {took:10.2} s {grew:8.0} MB");
    };
    let (watch, before) = (Watch::start(), machine::resident());
    let opened = site::ledger(dir, &metrics);
    tell("the ledger is opened", &watch, before);
    let (watch, before) = (Watch::start(), machine::resident());
    let (recovered, stop) = (opened.recovered, CancellationToken::new());
    let (query, following) =
        site::read_side(dir, &opened.ledger, recovered, &metrics, stop.clone());
    let (mut known, mut indexed) = (query.watch(), query.wanted());
    let following = tokio::spawn(following);
    known.wait_for(|known| *known >= recovered).await.expect("the query lives");
    tell("memory has all records", &watch, before);
    indexed.wait_for(|indexed| *indexed >= recovered).await.expect("the query lives");
    tell("the index too", &watch, before);
    stop.cancel();
    following.await.expect("it ends");
}
