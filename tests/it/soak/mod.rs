//! Twenty-six stations under faults at random: no wrong link, nothing lost, nothing twice, every loss a gap.
//!
//! Two presses with their assemblies, a press that waits for nobody, six kettles without a handshake, a
//! filler, a station for each other pattern over OPC UA and one over Modbus, a machine that tells of its results by
//! events, and carriers that go over three stations of two PLCs; encrypted and not; asyncua,
//! node-opcua, pymodbus and libmodbus. `PEDIGREE_SOAK_SEED` repeats a schedule of faults, as far as the machine lets
//! it; `PEDIGREE_SOAK_SECONDS` is how long it lasts.
mod carriers;
mod check;
mod fault;

use super::support::daemon::{Daemon, Site, read};
use super::support::peer::Peer;
use super::support::proxy::Proxy;
use super::support::{Folder, here, http, peers, truth};
use fault::{Fault, Kind};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// So long in the suite.
const SECONDS: u64 = 120;
/// So many parts may lie between a press and its assembly.
const BETWEEN_MAX: usize = 40;
/// How long the plant may take to come to rest after the last fault.
const REST: Duration = Duration::from_mins(10);
/// A press that waits for nobody goes on after so many milliseconds.
const HURRY: &str = "patience 400";
/// Pulses, many of them too short to be read, and those of a plant that comes to rest.
const PULSES: [&str; 2] = ["pulse 5 400", "pulse 2500 2500"];
/// Pulses that are not counted: every one is told over OPC UA; those over Modbus stand and rest as long as they have to.
const BARE: [&str; 3] = ["bare 5 400", "bare 310 600", "bare 2500 2500"];
/// A PLC that loads carriers waits so many milliseconds for its answer, and then lets the carrier go: longer than it may
/// be silent without being taken for lost.
const CARRIER: &str = "patience 4500";
/// Stations of a PLC of patterns.
const PATTERNS: u32 = 5;

/// One PLC, the relay before it, and what it wrote down.
struct Plc {
    kind: Kind,
    device: String,
    /// What stands after the names of its stations.
    series: &'static str,
    peer: Peer,
    proxy: Proxy,
    truth: PathBuf,
}

impl Plc {
    fn start(peers: &Path, dir: &Path, kind: Kind, series: &'static str) -> Self {
        let device = format!("{}{series}", kind.as_str());
        let state = dir.join(&device);
        std::fs::create_dir_all(&state).unwrap();
        let truth = dir.join(format!("{device}.jsonl"));
        let feeder = match kind {
            Kind::Loading => Kind::Welding,
            Kind::Welding => Kind::Loading,
            Kind::Press
            | Kind::Hurried
            | Kind::Assembly
            | Kind::Kettles
            | Kind::NodeKettles
            | Kind::Filler
            | Kind::Patterns
            | Kind::Registers
            | Kind::Results => Kind::Press,
        };
        let feed = dir.join(format!("{}{series}.jsonl", feeder.as_str()));
        let [own, feed, state] = [&truth, &feed, &state].map(|p| p.to_str().unwrap());
        let named = ["--state", state, "--truth", own, "--series", series, "--cycle", "60"];
        let peer = match kind {
            Kind::Press | Kind::Hurried => {
                let mut args = [&named[..], &["--parts", "1000000"]].concat();
                args.extend((kind == Kind::Hurried).then_some("--fresh"));
                Peer::start(peers, "press_plc.py", &args)
            }
            Kind::Assembly => {
                let args = [&named[..], &["--feed", feed]].concat();
                Peer::start(peers, "assembly_plc.py", &args)
            }
            Kind::Kettles => Peer::start(peers, "kettle_plc.py", &named[..4]),
            Kind::NodeKettles => Peer::start(peers, "kettle_plc.js", &named[..6]),
            Kind::Filler => {
                let ports = format!("{state}/ports");
                Peer::start(peers, "filler_plc.c", &[own, series, "60", &ports])
            }
            Kind::Patterns | Kind::Registers => {
                let mut args = [&named[..6], &["--cycle", "120", "--parts", "1000000"]].concat();
                args.extend((kind == Kind::Registers).then_some("--modbus"));
                Peer::start(peers, "patterns_plc.py", &args)
            }
            Kind::Results => {
                let args = [&named[..4], &["--cycle", "150", "--parts", "1000000"]].concat();
                Peer::start(peers, "result_plc.py", &args)
            }
            Kind::Loading | Kind::Welding => {
                let side = if kind == Kind::Loading { "load" } else { "weld" };
                let args = [&named[..4], &["--feed", feed, "--side", side]].concat();
                Peer::start(peers, "carrier_plc.py", &args)
            }
        };
        let proxy = Proxy::start(peer.port("port"));
        Self { kind, device, series, peer, proxy, truth }
    }

    /// Its plant file.
    fn file(&self) -> (String, String) {
        let (path, id) = match self.kind {
            Kind::Press | Kind::Hurried => ("tests/plants/shift/press.toml", "press"),
            Kind::Assembly => ("tests/plants/shift/assembly.toml", "assembly"),
            Kind::Kettles | Kind::NodeKettles => ("tests/plants/soak/kettles.toml", "kettles"),
            Kind::Filler => ("tests/plants/soak/filler.toml", "filler"),
            Kind::Patterns => ("tests/plants/patterns/patterns.toml", "patterns"),
            Kind::Registers => ("tests/plants/patterns/modbus.toml", "patterns"),
            Kind::Results => ("tests/plants/results/results.toml", "bolt"),
            Kind::Loading => ("tests/plants/soak/loading.toml", "loading"),
            Kind::Welding => ("tests/plants/soak/welding.toml", "welding"),
        };
        let mut text = read(&here(path));
        let port = self.proxy.port.to_string();
        for name in ["@PRESS_PORT@", "@ASSEMBLY_PORT@", "@PORT@"] {
            text = text.replace(name, &port);
        }
        let thumbprint = self.peer.up["thumbprint_sha256"].as_str().unwrap_or_default();
        text = text.replace("@PRESS_THUMBPRINT@", thumbprint);
        if self.kind == Kind::NodeKettles {
            for n in 1..=3 {
                text = text.replace(&format!("K{n}"), &format!("{}{n}", self.series));
            }
        }
        for station in ["PRESS10", "ASM20", "FILL30"] {
            text = text.replace(station, &format!("{station}{}", self.series));
        }
        for station in ["RING", "TURN", "STATE", "PULSE", "BARE"] {
            let name = format!("[station.{station}");
            text = text.replace(&name, &format!("{name}{}", self.series));
        }
        text = text.replace(&format!("[device.{id}"), &format!("[device.{}", self.device));
        text =
            text.replace(&format!("device = \"{id}\""), &format!("device = \"{}\"", self.device));
        (format!("{}.toml", self.device), text)
    }

    fn parts(&self) -> Vec<Value> {
        truth::parts(&self.truth)
    }

    fn stats(&self) -> Value {
        serde_json::from_str(&self.peer.control("stats")).unwrap()
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test has its own clock")]
fn twenty_six_stations_under_random_faults_mix_lose_and_double_nothing() {
    let Some(peers) = peers() else { return };
    let from_env = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seconds = from_env("PEDIGREE_SOAK_SECONDS").unwrap_or(SECONDS);
    let seed = from_env("PEDIGREE_SOAK_SEED").unwrap_or_else(drawn);
    println!("PEDIGREE_SOAK_SEED={seed} PEDIGREE_SOAK_SECONDS={seconds}");
    let dir = Folder::new();
    let mut plcs = start(&peers, dir.path());
    let files: Vec<_> = plcs.iter().map(Plc::file).collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    let site = Site::new(&files);
    let mut daemon = site.start();
    let mut rng = StdRng::seed_from_u64(seed);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds) {
        daemon = round(&mut rng, &mut plcs, &site, daemon);
    }
    rest(&plcs, &daemon, &site);
    assert!(daemon.stop().success(), "{}", site.log());
    check::check(&plcs, &site.records());
    let verified = site.command(&["verify"]).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

/// A seed that nobody chose.
#[expect(clippy::disallowed_methods, reason = "a test has its own clock")]
fn drawn() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::from(since.subsec_nanos()) / 1_000
}

fn start(peers: &Path, dir: &Path) -> Vec<Plc> {
    let all = [
        (Kind::Press, "A"),
        (Kind::Assembly, "A"),
        (Kind::Press, "B"),
        (Kind::Assembly, "B"),
        (Kind::Hurried, "C"),
        (Kind::Kettles, ""),
        (Kind::NodeKettles, "N"),
        (Kind::Filler, "L"),
        (Kind::Patterns, ""),
        (Kind::Registers, "M"),
        (Kind::Results, ""),
        (Kind::Loading, ""),
        (Kind::Welding, ""),
    ];
    std::thread::scope(|at_once| {
        let start = |(kind, series)| at_once.spawn(move || Plc::start(peers, dir, kind, series));
        let started = all.map(start);
        started.into_iter().map(|plc| plc.join().unwrap()).collect()
    })
}

/// Faults at some PLCs, and now and then at the daemon; then all is well for a while.
fn round(rng: &mut StdRng, plcs: &mut [Plc], site: &Site, mut daemon: Daemon) -> Daemon {
    plcs.iter().for_each(hurry);
    let mut begun = Vec::new();
    for (n, plc) in plcs.iter_mut().enumerate() {
        if rng.random_bool(0.35) {
            let fault = Fault::draw(rng, plc.kind);
            println!("{}: {fault:?}", plc.device);
            fault.begin(plc);
            begun.push((n, fault));
        }
    }
    sleep(Duration::from_millis(rng.random_range(300..4_000)));
    if rng.random_bool(0.15) {
        println!("daemon: killed");
        daemon.kill();
        daemon = site.start();
    }
    for (n, fault) in begun {
        fault.end(&mut plcs[n]);
    }
    sleep(Duration::from_millis(rng.random_range(500..5_000)));
    plcs.iter().filter(|plc| plc.kind == Kind::Press).for_each(|press| hold_back(press, plcs));
    daemon
}

/// A press does not run away from its assembly: what lies between them has to be done in the end.
fn hold_back(press: &Plc, plcs: &[Plc]) {
    let next = plcs.iter().find(|plc| plc.kind == Kind::Assembly && plc.series == press.series);
    let between = press.parts().len().saturating_sub(next.unwrap().parts().len());
    press.peer.control(if between > BETWEEN_MAX { "pause on" } else { "pause off" });
}

/// Lets a PLC go on without us that was answered once: what it did before anybody had ever looked would be
/// no loss.
fn hurry(plc: &Plc) {
    if plc.kind == Kind::Hurried && !plc.parts().is_empty() {
        plc.peer.control(HURRY);
    }
    if plc.kind == Kind::Loading && !plc.parts().is_empty() {
        plc.peer.control(CARRIER);
    }
    let patterns = matches!(plc.kind, Kind::Patterns | Kind::Registers);
    if patterns && truth::of(&plc.parts(), &format!("TURN{}", plc.series)).len() > 3 {
        plc.peer.control("careless on");
        plc.peer.control(PULSES[0]);
        plc.peer.control(BARE[usize::from(plc.kind == Kind::Registers)]);
    }
}

/// The faults are over: everything becomes observed, and the plant comes to rest on a part that was
/// waited for.
fn rest(plcs: &[Plc], daemon: &Daemon, site: &Site) {
    let wait = |what: &str, look: &mut dyn FnMut() -> Option<()>| {
        let states = || plcs.iter().map(|plc| format!("{}: {}\n", plc.device, plc.stats()));
        http::until_or(what, REST, look, || states().collect::<String>() + &site.log());
    };
    wait("all devices are live", &mut || {
        let devices = daemon.get("/api/v1/devices");
        devices["body"].as_array()?.iter().all(|d| d["stage"] == "live").then_some(())
    });
    for plc in plcs {
        let goal = plc.parts().len() + 4;
        match plc.kind {
            Kind::Press | Kind::Hurried => {
                plc.peer.control("patience off");
                let done = plc.stats()["done"].as_u64().unwrap();
                plc.peer.control(&format!("pause {}", done + 3));
                wait("a press rests", &mut || (plc.stats()["done"] == done + 3).then_some(()));
            }
            Kind::Assembly => {
                let press = plcs.iter().find(|p| p.kind == Kind::Press && p.series == plc.series);
                let all = press.unwrap().parts().len();
                // After an hour of faults many parts lie before it.
                let mut made = plc.parts().len();
                while made != all {
                    wait("an assembly goes on", &mut || {
                        let before = std::mem::replace(&mut made, plc.parts().len());
                        (made > before).then_some(())
                    });
                }
            }
            Kind::Filler => {
                wait("a filler goes on", &mut || (plc.parts().len() > goal).then_some(()));
                plc.peer.control("pause on");
                wait("a filler rests", &mut || (plc.stats()["waits"] == false).then_some(()));
            }
            Kind::Patterns | Kind::Registers => patterns_rest(plc, &wait),
            Kind::Results => {
                wait("a machine goes on", &mut || (plc.parts().len() > goal).then_some(()));
                plc.peer.control("pause on");
                wait("all results are acknowledged", &mut || {
                    (plc.stats()["kept"] == 0).then_some(())
                });
            }
            Kind::Loading => {
                plc.peer.control("patience off");
                wait("carriers are loaded", &mut || (plc.parts().len() > goal).then_some(()));
                plc.peer.control("pause on");
                wait("no carrier is loaded", &mut || (plc.stats()["rests"] == true).then_some(()));
            }
            Kind::Welding => {
                let loading = plcs.iter().find(|other| other.kind == Kind::Loading).unwrap();
                let all = loading.parts().len();
                wait("all carriers are back", &mut || (plc.parts().len() == all).then_some(()));
            }
            Kind::Kettles | Kind::NodeKettles => {
                wait("kettles cook on", &mut || (plc.parts().len() > goal + 6).then_some(()));
                plc.peer.control("pause on");
                wait("kettles rest", &mut || (plc.stats()["cooking"] == 0).then_some(()));
            }
        }
    }
    all_on_record(plcs, daemon, &wait);
}

/// Waits until a look finds what it looks for.
type Wait<'w> = dyn Fn(&str, &mut dyn FnMut() -> Option<()>) + 'w;

/// Its pulses go on in their own time, then all of its patterns rest.
fn patterns_rest(plc: &Plc, wait: &Wait<'_>) {
    plc.peer.control("careless off");
    plc.peer.control(PULSES[1]);
    plc.peer.control(BARE[2]);
    for station in ["PULSE", "BARE"].map(|name| format!("{name}{}", plc.series)) {
        let pulses = || truth::of(&plc.parts(), &station).len();
        let goal = pulses() + 1;
        wait("pulses go on", &mut || (pulses() > goal).then_some(()));
    }
    plc.peer.control("pause on");
    wait("all patterns rest", &mut || (plc.stats()["resting"] == PATTERNS).then_some(()));
}

/// The last parts of those that name them can be asked for.
fn all_on_record(plcs: &[Plc], daemon: &Daemon, wait: &Wait<'_>) {
    let named = plcs.iter().filter(|plc| plc.kind != Kind::Loading && plc.kind != Kind::Welding);
    let last = named.flat_map(|plc| {
        let parts = plc.parts();
        let serials = parts.iter().rev().take(4).map(|p| p["serial"].as_str().unwrap().to_owned());
        serials.collect::<Vec<_>>()
    });
    for serial in last.collect::<Vec<_>>() {
        wait(&format!("{serial} is on record"), &mut || {
            (daemon.ask(&format!("/api/v1/item?id={serial}")).0 == 200).then_some(())
        });
    }
}
