//! Series whose truth is known, and a chart of one.
use pedigree::condition::{Chart, Finding, Observation};
use pedigree::model::plant::{BaselinePer, Drift, DriftRules, Monitor, SignalRules, Watched};
use pedigree::model::{HandshakeId, MonitorId, TagName, Utc, Verdict};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};
use std::time::Duration;

/// Independent normal values of unit variance.
pub(crate) struct Noise(StdRng);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    pub(crate) fn next(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    pub(crate) fn random(&mut self) -> &mut StdRng {
        &mut self.0
    }
}

/// A monitor of what is measured once per part, without a limit.
pub(crate) fn measured(
    interval: Duration,
    every: Duration,
    learn: u32,
    rules: DriftRules,
) -> Monitor {
    let handshake = HandshakeId::parse("result").expect("a name");
    let name = TagName::parse("force").expect("a name");
    Monitor {
        id: MonitorId::parse("force").expect("a name"),
        of: Watched::Measurement(handshake, name),
        unit: None,
        limits: None,
        drift: Some(Drift {
            false_alarm_interval: interval,
            learn,
            every,
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

/// What a chart says of a value.
pub(crate) fn step(chart: &mut Chart, time: i64, x: f64) -> Vec<Finding> {
    let mut said = Vec::new();
    let seen = Observation { time: Utc(time), value: Some(x), item: None };
    chart.step(&seen, &mut |finding| said.push(finding));
    said
}

/// The drift that it opens; what joins one that stands is no other.
pub(crate) fn drift(said: Vec<Finding>) -> Option<Finding> {
    said.into_iter().find(|said| said.verdict == Verdict::Drift && said.joins.is_none())
}

/// Whether it says that it has learned.
pub(crate) fn has_learned(said: &[Finding]) -> bool {
    said.iter().any(|said| said.verdict == Verdict::InControl && said.baseline.is_some())
}
