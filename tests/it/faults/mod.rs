//! Faults of PLCs, networks and clocks, each made on purpose. What the daemon recorded is held against
//! what the PLCs wrote down. `docs/reliability.md` is the table of these tests.
mod clock;
mod disk;
mod lines;
mod machine;
mod modbus;
mod network;
mod packets;
mod plc;
mod serial;
mod stall;

use super::support::balance::{Balance, asked, balance, gaps_of};
use super::support::daemon::{Daemon, Site};
use super::support::proxy::Proxy;
use super::support::{http, line, line::Line, peers, truth};
use pedigree::model::{Body, Gap, GapCause, Record, TraceEvent, What};
use serde_json::Value;
use std::time::Duration;

/// How long a fault may take to be seen, and to heal: generous, since others use the machine too.
const PATIENCE: Duration = Duration::from_mins(1);
/// The handshakes of the line: station, handshake, and where the truth has number and time.
const PRESS: [(&str, &str, &str, &str); 2] = [
    ("PRESS10", "admit", "admit_number", "t_admit"),
    ("PRESS10", "result", "result_number", "t_result"),
];
const ASSEMBLY: [(&str, &str, &str, &str); 3] = [
    ("ASM20", "fit", "fit_number", "t_fit"),
    ("ASM20", "glue", "glue_number", "t_glue"),
    ("ASM20", "done", "done_number", "t_done"),
];

/// The line behind a relay for each PLC, and the daemon that watches it.
struct Plant {
    line: Line,
    press: Proxy,
    assembly: Proxy,
    site: Site,
    daemon: Daemon,
}

/// What was recorded and what is true, after the daemon has stopped.
struct Outcome {
    site: Site,
    records: Vec<Record>,
    press: Vec<Value>,
    assembly: Vec<Value>,
}

impl Plant {
    /// Running, with the first parts through both stations. `None` without foreign peers.
    fn start(parts: u32) -> Option<Self> {
        let plant = Self::start_with(parts, |_| {}, &[])?;
        plant.line.press.control("pause off");
        Some(plant)
    }

    /// The same with the plant files of press and assembly changed, and with more for the daemon's
    /// environment. The press rests after its third part.
    fn start_with(
        parts: u32,
        change: impl Fn(&mut [String; 2]),
        env: &[(&str, &str)],
    ) -> Option<Self> {
        Some(Self::over(Line::start(&peers()?, parts, &[], &[]), change, env))
    }

    /// The same over a line that was started otherwise.
    fn over(line: Line, change: impl Fn(&mut [String; 2]), env: &[(&str, &str)]) -> Self {
        Self::at(Site::new(&[]), line, change, env)
    }

    /// The same on a site that was made otherwise.
    fn at(site: Site, line: Line, change: impl Fn(&mut [String; 2]), env: &[(&str, &str)]) -> Self {
        let relay = |peer: &super::support::peer::Peer| Proxy::start(peer.port("port"));
        let (press, assembly) = (relay(&line.press), relay(&line.assembly));
        let mut files = line.plant(press.port, assembly.port);
        change(&mut files);
        let [press_file, assembly_file] = files;
        site.plant(&[("press.toml", press_file), ("assembly.toml", assembly_file)]);
        line.press.control("pause 3");
        let daemon = site.try_start(env).unwrap();
        let plant = Self { line, press, assembly, site, daemon };
        plant.assembled(2);
        plant
    }

    /// Waits until so many parts are through the press.
    fn pressed(&self, parts: usize) {
        self.wait(&format!("{parts} parts are pressed"), || {
            (truth::parts(&self.line.press_truth).len() >= parts).then_some(())
        });
    }

    /// Lets the press make parts until it has made so many, and stand then.
    fn press_until(&self, parts: usize) {
        self.line.press.control(&format!("pause {parts}"));
        self.wait(&format!("the press rests after {parts} parts"), || {
            let stats: Value = serde_json::from_str(&self.line.press.control("stats")).ok()?;
            (stats["phase"] == "idle" && stats["done"] == parts).then_some(())
        });
    }

    /// Waits until so many parts are through the assembly.
    fn assembled(&self, parts: usize) {
        self.assembled_within(parts, PATIENCE);
    }

    /// The same, where chance decides how long it takes.
    fn assembled_within(&self, parts: usize, patience: Duration) {
        let done = || truth::parts(&self.line.assembly_truth).len() >= parts;
        let look = || done().then_some(());
        http::until_or(&format!("{parts} parts are assembled"), patience, look, || self.site.log());
    }

    /// Waits until the device is known not to be observed; why.
    fn lost(&self, device: &str) -> Value {
        self.device(device, "is lost", |status| {
            (status["stage"] != "live" && status["last_fault"].is_string()).then(|| status.clone())
        })
    }

    /// Waits until so many gaps of the device are on record.
    fn lost_once(&self, device: &str, gaps: usize) {
        self.wait(&format!("gap {gaps} of {device}"), || {
            let all = self.daemon.get("/api/v1/gaps");
            let of = |gap: &&Value| gap["gap"]["source"]["device"] == device;
            (all["body"].as_array()?.iter().filter(of).count() >= gaps).then_some(())
        });
    }

    /// Waits until requests of the press are known not to be observed, for the so manieth time.
    fn unobserved(&self, gaps: usize) {
        self.wait(&format!("gap {gaps} of the trigger"), || {
            let all = self.daemon.get("/api/v1/gaps").to_string();
            (all.matches("\"bad-quality\"").count() >= gaps).then_some(())
        });
    }

    /// Waits until the device is observed.
    fn live(&self, device: &str) {
        self.device(device, "is live", |status| (status["stage"] == "live").then_some(()));
    }

    fn device<T>(&self, id: &str, what: &str, look: impl Fn(&Value) -> Option<T>) -> T {
        self.wait(&format!("{id} {what}"), || {
            let all = self.daemon.get("/api/v1/devices");
            look(all["body"].as_array()?.iter().find(|d| d["id"] == id)?)
        })
    }

    fn wait<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        // What the daemon logged is what one wants to read when it does not come.
        let log = || self.site.log();
        http::until_or(what, PATIENCE, look, log)
    }

    /// To the last part, which must be on record.
    fn end(self) -> Outcome {
        self.wait("all parts are through", || self.line.is_done().then_some(()));
        let (press, assembly) =
            (truth::parts(&self.line.press_truth), truth::parts(&self.line.assembly_truth));
        line::wait_recorded(&self.daemon, press.last().unwrap()["serial"].as_str().unwrap());
        assert!(self.daemon.stop().success(), "{}", self.site.log());
        let records = self.site.records();
        Outcome { site: self.site, records, press, assembly }
    }

    /// To the end of a shift in which no part was lost: every value and every link is right, and
    /// every request is recorded once.
    fn end_whole(self) -> Outcome {
        self.wait("all parts are through", || self.line.is_done().then_some(()));
        let (press, assembly) =
            (truth::parts(&self.line.press_truth), truth::parts(&self.line.assembly_truth));
        line::wait_recorded(&self.daemon, press.last().unwrap()["serial"].as_str().unwrap());
        truth::assert_shift(&self.daemon, &press, &assembly);
        let outcome = self.end();
        for sum in outcome.balances() {
            let whole = Balance { asked: sum.asked, observed: sum.asked, ..Balance::default() };
            assert_eq!(sum, whole);
        }
        outcome
    }
}

impl Outcome {
    /// The accounts of all handshakes.
    fn balances(&self) -> Vec<Balance> {
        let of = |parts: &[Value], all: &[(&str, &str, &str, &str)]| -> Vec<Balance> {
            let one = |&(station, handshake, number, time): &(&str, &str, &str, &str)| {
                balance(&self.records, (station, handshake), &asked(parts, number, time))
            };
            all.iter().map(one).collect()
        };
        let mut all = of(&self.press, &PRESS);
        all.extend(of(&self.assembly, &ASSEMBLY));
        all
    }

    /// The completion of a part at a station.
    fn complete(&self, station: &str, serial: &str) -> &TraceEvent {
        let is = |event: &&TraceEvent| {
            matches!(&event.what, What::Complete { item, .. } if item.code.as_str() == serial)
                && event.station.as_ref().is_some_and(|s| s.as_str() == station)
        };
        let mut events = self.records.iter().filter_map(|record| {
            let Body::Trace(event) = &record.body else { return None };
            Some(event)
        });
        events.find(is).unwrap_or_else(|| panic!("{serial} is not complete at {station}"))
    }

    /// How many times requests were not observed for their trigger; each time has ended.
    fn unobserved(&self) -> usize {
        let (mut begun, mut ended) = (0, 0);
        for record in &self.records {
            let Body::Gap(gap) = &record.body else { continue };
            if gap.cause == GapCause::BadQuality {
                *(if gap.interval.to.is_none() { &mut begun } else { &mut ended }) += 1;
            }
        }
        assert_eq!(begun, ended, "a gap of a trigger never closed");
        ended
    }

    /// The gaps of a device, all of them closed.
    fn gaps(&self, device: &str) -> Vec<Gap> {
        gaps_of(&self.records, device)
    }
}
