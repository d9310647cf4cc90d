//! A device task as the daemon has it, its lanes emptied into tape and engine; and the others that are
//! asked for the same.
use super::rates::{Rate, Stopwatch};
use pedigree::daemon::clock;
use pedigree::engine::Engine;
use pedigree::field::link::{Stage, Status};
use pedigree::field::{Lanes, Wiring, weighed};
use pedigree::model::plant::{DeviceIndex, Plant};
use pedigree::model::{At, Input, Origin, PersonKey, Position, SiteId, StartCause, Utc};
use pedigree::tape::TapeWriter;
use pedigree::telemetry::{Metrics, Points};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// The benchmark itself as a server, in a process of its own, and its port.
pub(crate) fn start(args: &[&str]) -> (Child, u16) {
    let own = std::env::current_exe().expect("our own file");
    let child = Command::new(own).args(args).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("the server starts");
    let said = BufReader::new(child.stdout.take().expect("a pipe")).lines().next();
    let port = said.and_then(Result::ok).and_then(|line| line.parse().ok());
    (child, port.expect("the server says its port"))
}

/// The plant of one file.
pub(crate) fn plant(text: String) -> Arc<Plant> {
    let site = SiteId::parse("bench").expect("a name");
    match pedigree::config::plant::load(&[("bench.toml".to_owned(), text)], &site) {
        Ok(checked) => checked.plant,
        Err(faults) => panic!("the plant of the benchmark is refused: {faults:?}"),
    }
}

/// Runs the first device of a plant, and counts the samples that reach tape and engine.
#[tokio::main]
pub(crate) async fn carry<F>(
    plant: &Arc<Plant>,
    seconds: u64,
    run: impl FnOnce(Wiring) -> F,
) -> Rate
where
    F: Future<Output = ()> + Send + 'static,
{
    let now = clock();
    let folder = tempfile::tempdir().expect("a folder of our own");
    let (urgent, mut words) = weighed::channel(4_096, 16 << 20);
    let (bulk, mut values) = weighed::channel(4_096, 16 << 20);
    let (_ask, requests) = mpsc::channel(16);
    let first = Status { stage: Stage::Backoff, since: Utc(0), last_fault: None };
    let (status, mut standing) = watch::channel(first);
    let (metrics, stop) = (Arc::new(Metrics::new()), CancellationToken::new());
    let wiring = Wiring {
        plant: Arc::clone(plant),
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
    tasks.spawn(run(wiring));
    let mut engine = Engine::new(PersonKey::new([7; 32]));
    let mut effects = Vec::new();
    let start = Input::Start { cause: StartCause::Daemon, recovered: Position(0) };
    for input in [start, Input::Plant(Arc::clone(plant))] {
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
        if warm && clock.elapsed() > Duration::from_secs(seconds) {
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

/// What a client of others, a script in `benches/peers`, prints of itself in one line of JSON: `count`,
/// `seconds`, `cores`. `None` if it did not finish.
pub(crate) fn foreign(peers: &Path, script: &str, args: &[String]) -> Option<Rate> {
    let is_python = Path::new(script).extension().is_some_and(|ending| ending == "py");
    let program = if is_python { peers.join("venv/bin/python") } else { "node".into() };
    let output = Command::new(program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(script))
        .args(args)
        .env("NODE_PATH", peers.join("node/node_modules"))
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let number = |key: &str| said.get(key)?.as_f64();
    let count = said.get("count")?.as_u64()?;
    Some(Rate { count, seconds: number("seconds")?, cores: number("cores")? })
}
