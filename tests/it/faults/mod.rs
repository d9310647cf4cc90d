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
use super::support::{PATIENCE, http, line, line::Line, patient, peers, truth};
use pedigree::model::{Body, Gap, GapCause, Record, TraceEvent, What};
use serde_json::Value;

/// Parts of a line that is told when to end.
const MANY: u32 = 100_000;
/// So far the press of such a line may be ahead of the parts that are waited for.
const AHEAD: usize = 4;
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

/// Makes plant files patient with their PLCs.
fn patiently(files: &mut [String; 2]) {
    *files = files.each_ref().map(|text| patient(text));
}

impl Plant {
    /// Running, with the first parts through both stations. `None` without foreign peers.
    fn start(parts: u32) -> Option<Self> {
        let plant = Self::start_with(parts, |_| {}, &[])?;
        plant.line.press.control("pause off");
        Some(plant)
    }

    /// The same, patient with both PLCs.
    fn start_patient(parts: u32) -> Option<Self> {
        let plant = Self::start_with(parts, patiently, &[])?;
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

    /// Lets a press that has not made so many parts yet make them, and stand then.
    fn press_until(&self, parts: usize) {
        self.line.press.control(&format!("pause {parts}"));
        assert_eq!(self.press_rests(parts), parts, "it was already further");
    }

    /// Waits until the press stands after so many parts or more; after how many.
    fn press_rests(&self, parts: usize) -> usize {
        self.wait(&format!("the press rests after {parts} parts"), || {
            let stats: Value = serde_json::from_str(&self.line.press.control("stats")).ok()?;
            let done = usize::try_from(stats["done"].as_u64()?).ok()?;
            (stats["phase"] == "idle" && done >= parts).then_some(done)
        })
    }

    /// Lets the line end with so many parts more than the press has made by now.
    fn last(&self, more: usize) {
        let made = truth::parts(&self.line.press_truth).len();
        self.line.press.control(&format!("last {}", made + more));
        self.line.press.control("pause off");
    }

    /// Waits until so many parts more are through the assembly; the press goes only a little further.
    fn assemble(&self, more: usize) {
        let goal = self.made() + more;
        self.line.press.control(&format!("pause {}", goal + AHEAD));
        self.assembled(goal);
    }

    /// How many parts are through the assembly.
    fn made(&self) -> usize {
        truth::parts(&self.line.assembly_truth).len()
    }

    /// Waits until so many parts are through the assembly.
    fn assembled(&self, parts: usize) {
        self.wait(&format!("{parts} parts are assembled"), || (self.made() >= parts).then_some(()));
    }

    /// Waits until the device is known not to be observed; why.
    fn lost(&self, device: &str) -> Value {
        self.device(device, "is lost", |status| {
            (status["stage"] != "live" && status["last_fault"].is_string()).then(|| status.clone())
        })
    }

    /// How many gaps of the device are on record.
    fn gaps(&self, device: &str) -> usize {
        let all = self.daemon.get("/api/v1/gaps");
        let of = |gap: &&Value| gap["gap"]["source"]["device"] == device;
        all["body"].as_array().unwrap().iter().filter(of).count()
    }

    /// Makes a fault, and waits until it is on record as a gap of the device.
    fn lost_by(&self, device: &str, fault: impl FnOnce()) {
        let before = self.gaps(device);
        fault();
        self.lost_once(device, before + 1);
    }

    /// Waits until so many gaps of the device are on record.
    fn lost_once(&self, device: &str, gaps: usize) {
        let look = || (self.gaps(device) >= gaps).then_some(());
        self.wait(&format!("gap {gaps} of {device}"), look);
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
