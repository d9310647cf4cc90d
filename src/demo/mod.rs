//! A simulated plant with known ground truth, behind real loopback servers.
//!
//! Five stations on four PLCs make a small pump: cast, press, assembly, leak test, packing. Two PLCs
//! speak OPC UA, encrypted, and two Modbus/TCP, all on free ports of the loopback, so that everything
//! between the wire and the page is what a real plant would run. The plant keeps its own book
//! ([`Demo::truth`]), against which a record of it can be judged. Any controller of a plant file can be
//! had in the same way ([`Controller`]), with nobody's program in it. It does not start a daemon, open a
//! console or print: it gives the plant files, the texts and a future.
mod controller;
mod day;
mod leak;
mod line;
mod modbus_plc;
mod nodes;
mod opcua_plc;
mod plant;
pub mod scenario;
mod sim;
mod text;
mod truth;

#[cfg(test)]
mod tests;

pub use controller::{Controller, Setup, Unfit};
pub use day::{DayPlan, Fate};
pub use sim::{BOX_SIZE, DriftPlan, MotorTemperature, Part, Simulation};
pub use text::{Facts, banner, questions};
pub use truth::{MasterTruth, OnsetTruth, PartTruth, Reached, VisitTruth};

use crate::telemetry::Now;
use day::Day;
use line::{BELT, Shift};
use modbus_plc::{Layout, ModbusPlc};
use opcua_plc::{Access, UaPlc};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use truth::Recorder;

/// Why the simulated plant does not start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// An address could not be had.
    #[error(
        "a simulated PLC cannot listen on {at}: {why}; is that address this machine's, and free?"
    )]
    Bind {
        /// Where; port 0 is any that is free.
        at: SocketAddr,
        /// What the system says.
        #[source]
        why: std::io::Error,
    },
    /// A PLC's certificate could not be made or stored.
    #[error(
        "the certificate of the simulated PLC `{device}` cannot be made: {why}; \
         is the data directory writable?"
    )]
    Certificate {
        /// Which PLC.
        device: String,
        /// What the library says.
        why: String,
    },
    /// A PLC's OPC UA server refuses its configuration.
    #[error("the OPC UA server of the simulated PLC `{device}` cannot be built: {why}")]
    Server {
        /// Which PLC.
        device: String,
        /// What the library says.
        why: String,
    },
}

/// How the plant is to run.
#[derive(Clone)]
pub struct DemoOptions {
    /// What it makes; the same seed makes the same plant.
    pub seed: u64,
    /// Time from part to part, 1 s by default. The machines keep it only while their host answers
    /// in time.
    pub cycle: Duration,
    /// How the press is to drift; `None` keeps it healthy.
    pub drift: Option<DriftPlan>,
    /// What happens beside good parts; `None`: nothing.
    pub day: Option<DayPlan>,
    /// So many parts are cast, then the line runs empty and the PLCs stay up; `None` goes on.
    pub parts_max: Option<u64>,
    /// The clock of the PLCs.
    pub now: Now,
}

impl DemoOptions {
    /// One part a second with the default drift.
    pub fn new(seed: u64, now: Now) -> Self {
        Self {
            seed,
            cycle: Duration::from_secs(1),
            drift: Some(DriftPlan::default()),
            day: None,
            parts_max: None,
            now,
        }
    }
}

/// One simulated PLC, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plc {
    /// Its name as a device.
    pub name: &'static str,
    /// Where it listens.
    pub url: String,
    /// What stands behind it.
    pub stations: &'static str,
}

/// A running plant.
#[derive(Debug)]
pub struct Demo {
    /// Names and texts of the plant files, with the real ports and thumbprints filled in.
    pub plant_files: Vec<(String, String)>,
    /// The PLCs.
    pub plcs: Vec<Plc>,
    recorder: Recorder,
    servers: [(&'static str, UaPlc); 2],
    stop: CancellationToken,
}

impl Demo {
    /// Makes the PLCs, their certificates below `dir`, and the plant files. Nothing moves before the
    /// future is run; it ends soon after [`Self::stop`].
    ///
    /// # Errors
    /// Where no port is free or a certificate cannot be written.
    pub async fn start(
        options: DemoOptions,
        dir: &Path,
    ) -> Result<(Self, impl Future<Output = ()> + Send + 'static), DemoError> {
        let stop = CancellationToken::new();
        let boot = Boot::at(&options.now);
        let ua = |identity, words| {
            let (anybody, now) = (Access::anybody(), options.now.clone());
            opcua_plc::make(identity, anybody, words, dir, now, stop.clone())
        };
        // Both keys are drawn at the same time.
        let (cast, press) = tokio::try_join!(
            ua(line::CAST, line::cast_words(boot.long)),
            ua(line::PRESS, line::press_words(boot.long)),
        )?;
        let any = Access::anybody().listen;
        let asm = modbus_plc::make("asm-01", any, Layout::small()).await?;
        let pack = modbus_plc::make("pack-01", any, Layout::small()).await?;
        let plcs = vec![
            Plc { name: "cast-01", url: cast.1.url.clone(), stations: "CAST10" },
            Plc { name: "press-01", url: press.1.url.clone(), stations: "PRESS20" },
            Plc { name: "asm-01", url: asm.1.url.clone(), stations: "ASM30, TEST40" },
            Plc { name: "pack-01", url: pack.1.url.clone(), stations: "PACK50" },
        ];
        let recorder = Recorder::new();
        let demo = Self {
            plant_files: plant::files(&plant::Places {
                cast: (&cast.1.url, &cast.1.thumbprint),
                press: (&press.1.url, &press.1.thumbprint),
                asm: &asm.1.url,
                pack: &pack.1.url,
                cycle: options.cycle,
            }),
            plcs,
            recorder: recorder.clone(),
            servers: [("cast-01", cast.0.clone()), ("press-01", press.0.clone())],
            stop,
        };
        let machines = Machines {
            options,
            boot,
            recorder,
            cast: cast.0,
            press: press.0,
            asm: asm.0,
            pack: pack.0,
        };
        let run = async move {
            // The OPC UA servers are the ones that take leave of their clients.
            tokio::select! {
                ((), ()) = async { tokio::join!(cast.1.run(), press.1.run()) } => {}
                ((), ()) = async { tokio::join!(asm.1.run(), pack.1.run()) } => {}
                () = machines.run() => {}
            }
        };
        Ok((demo, run))
    }

    /// Every part that was cast, the oldest first, with what really happened to it.
    pub fn truth(&self) -> Vec<PartTruth> {
        self.recorder.parts()
    }

    /// The masters that were tested, in order.
    pub fn masters(&self) -> Vec<MasterTruth> {
        self.recorder.masters()
    }

    /// The first part pressed with a fallen force, once there is one.
    pub fn onset(&self) -> Option<OnsetTruth> {
        self.recorder.onset()
    }

    /// How many parts have left the line: packed, failed or refused.
    pub fn progress(&self) -> watch::Receiver<u64> {
        self.recorder.progress()
    }

    /// How many sessions clients have made with an OPC UA PLC, as its server counts them.
    pub fn sessions(&self, plc: &str) -> Option<u32> {
        self.servers.iter().find(|(name, _)| *name == plc).map(|(_, server)| server.sessions())
    }

    /// Takes leave of the clients and ends the future.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

/// The words that tell this run of the PLCs from an earlier one.
#[derive(Debug, Clone, Copy)]
struct Boot {
    long: u32,
    short: u16,
}

impl Boot {
    /// Seconds of the wall clock: never the same twice for people who restart a demo by hand.
    fn at(now: &Now) -> Self {
        let seconds = now().wall.0.unsigned_abs() / 1_000_000_000;
        let within = |modulus: u64| seconds % (modulus - 1) + 1;
        Self {
            long: u32::try_from(within(1 << 32)).unwrap_or(1),
            short: u16::try_from(within(1 << 16)).unwrap_or(1),
        }
    }
}

/// The programs of the PLCs.
struct Machines {
    options: DemoOptions,
    boot: Boot,
    recorder: Recorder,
    cast: UaPlc,
    press: UaPlc,
    asm: ModbusPlc,
    pack: ModbusPlc,
}

impl Machines {
    /// Runs the line; goes on with the heartbeats when it is empty.
    async fn run(self) {
        let Self { options, boot, recorder, cast, press, asm, pack } = self;
        let DemoOptions { seed, cycle, drift, day, parts_max, now: _ } = options;
        let shift = Shift { cycle, recorder, day: day.map(|plan| Day { plan, seed }) };
        let parts = line::parts(Simulation::new(seed, drift), parts_max);
        let (to_press, pressing) = mpsc::channel(BELT);
        let (to_asm, assembling) = mpsc::channel(BELT);
        let (to_test, testing) = mpsc::channel(BELT);
        // As long as everything that can be between the two: neither ever waits for the other in a ring.
        let (to_rework, reworking) = mpsc::channel(BELT * 2);
        let (to_pack, packing) = mpsc::channel(BELT);
        let motor = MotorTemperature::new(seed);
        tokio::join!(
            line::cast(cast.clone(), shift.clone(), parts, to_press),
            line::press(press.clone(), shift.clone(), pressing, to_asm),
            line::assemble(asm.clone(), shift.clone(), assembling, reworking, to_test),
            leak::test(asm.clone(), shift.clone(), testing, to_rework, to_pack),
            line::pack(pack.clone(), shift, packing),
            line::ua_life(cast, "Cast.Life", None),
            line::ua_life(press, "Press.Life", Some(motor)),
            line::asm_life(asm, boot.short),
            line::pack_life(pack, boot.short),
        );
    }
}
