//! What holds of the charts together: the published run lengths, the promise, latching, recovery.
#![expect(clippy::cast_precision_loss, reason = "counts and times of simulations are small")]

mod alarms;
mod bad;
mod charts;
mod conditions;
mod contexts;
mod groups;
mod joint;
mod promise;
mod signals;
mod tables;
mod tuned;

use super::chart::{Chart, Finding, Observation};
use crate::model::plant::{
    BaselinePer, Drift, DriftRules, Limits, Monitor, RunSet, SignalRules, Watched,
};
use crate::model::{HandshakeId, MonitorId, TagName, Utc};
use std::time::Duration;

/// Normal numbers from a seed (splitmix64, Box–Muller).
#[derive(Clone)]
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// A stationary autoregression of unit variance.
pub(super) struct Process {
    noise: Noise,
    phi: f64,
    last: f64,
}

impl Process {
    pub(super) fn new(seed: u64, phi: f64) -> Self {
        let mut noise = Noise(seed.wrapping_mul(0xD134_2543_DE82_EF95));
        let last = noise.normal();
        Self { noise, phi, last }
    }

    pub(super) fn next(&mut self) -> f64 {
        self.last = self.phi * self.last + (1.0 - self.phi * self.phi).sqrt() * self.noise.normal();
        self.last
    }
}

/// One value per unit, one false alarm in `run_length` of them.
fn monitor(run_length: u64, learn: u32) -> Monitor {
    watched(run_length, learn, DriftRules::DEFAULT)
}

/// The same, watched by these rules.
fn watched(run_length: u64, learn: u32, rules: DriftRules) -> Monitor {
    Monitor {
        id: MonitorId::parse("torque").unwrap(),
        of: Watched::Measurement(
            HandshakeId::parse("result").unwrap(),
            TagName::parse("torque").unwrap(),
        ),
        unit: None,
        limits: None,
        drift: Some(Drift {
            false_alarm_interval: Duration::from_secs(run_length),
            learn,
            every: Duration::from_secs(1),
            rules,
            catch: None,
            per: BaselinePer::DEFAULT,
            settle: None,
            idle: None,
        }),
        signal: SignalRules::default(),
        latch: false,
    }
}

const CUSUM: DriftRules = DriftRules { ewma: false, cusum: true, runs: None, variance: false };
const BOTH: DriftRules = DriftRules { ewma: true, cusum: true, runs: None, variance: false };
const ZONES: DriftRules =
    DriftRules { ewma: false, cusum: false, runs: Some(RunSet::WesternElectric), variance: false };
const TWO: DriftRules =
    DriftRules { ewma: true, cusum: false, runs: Some(RunSet::WesternElectric), variance: false };
const SPREAD: DriftRules = DriftRules { ewma: false, cusum: false, runs: None, variance: true };
const SPREAD_TOO: DriftRules = DriftRules { ewma: true, cusum: false, runs: None, variance: true };
const EVERY: DriftRules =
    DriftRules { ewma: true, cusum: true, runs: Some(RunSet::Nelson), variance: true };
const ALL: DriftRules =
    DriftRules { ewma: true, cusum: true, runs: Some(RunSet::Nelson), variance: false };

fn step(chart: &mut Chart, time: i64, x: f64) -> Vec<Finding> {
    let mut out = Vec::new();
    let seen = Observation { time: Utc(time), value: Some(x), item: None };
    chart.step(&seen, &mut |finding| out.push(finding));
    out
}
