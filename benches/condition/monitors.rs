//! A plant of many monitors, from a text like anybody's, and what its tags say.
use pedigree::condition::Conditions;
use pedigree::model::plant::{DeviceIndex, Plant, RunSet, TagIndex};
use pedigree::model::{
    At, Baseline, Boot, Link, Monotonic, Quality, Rule, Sample, Session, Utc, Value, Verdict,
    VerdictEvent,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use std::fmt::Write;

/// Monitors of a machine.
const EACH: usize = 1_000;
/// Different orders in which all are visited.
const ORDERS: u64 = 8;
const NOISE: usize = 1 << 16;

/// So many machines with a thousand monitors each, every rule at each of them. A plant file lets tests of runs watch
/// measurements alone; here they watch tags, as the worst that a sample may cost.
pub(crate) fn plant(machines: usize) -> Plant {
    let file = |machine: usize| {
        let mut text = crate::plant::head(machine);
        writeln!(text, "[station.M{machine:03}.monitor]").expect("a text takes all");
        for tag in 0..EACH {
            writeln!(
                text,
                r#"t{tag:03} = {{ node = "T{tag:03}", low = -1e9, high = 1e9, drift = "one false alarm in 30d", rules = ["ewma", "cusum"], flat = "10m", flat_within = 0.1, missing = "3m" }}"#
            )
            .expect("a text takes all");
        }
        (format!("m{machine:03}.toml"), text)
    };
    let files: Vec<_> = (0..machines).map(file).collect();
    let mut plant = (*crate::plant::loaded(&files)).clone();
    for monitor in plant.stations.iter_mut().flat_map(|station| &mut station.monitors) {
        monitor.drift.iter_mut().for_each(|drift| drift.rules.runs = Some(RunSet::Nelson));
    }
    plant
}

/// All of them observed, with a baseline that comes back from the record.
pub(crate) fn armed(plant: &Plant) -> Conditions {
    let mut conditions = Conditions::new(plant);
    for (_, station) in plant.stations() {
        for monitor in &station.monitors {
            let mut event = well();
            (event.station, event.monitor) = (station.id.clone(), monitor.id.clone());
            conditions.restore(plant, &event);
        }
    }
    for device in 0..plant.devices.len() {
        let device = DeviceIndex(u32::try_from(device).expect("few devices"));
        let boot = Boot { restart: None, start_time: None };
        let link = Link::Live { boot, session: Session(1), widths: None };
        conditions.on_link(At::default(), device, &link);
    }
    conditions
}

/// A baseline was learned of what varies by one and depends on the value before by a half.
fn well() -> VerdictEvent {
    let baseline = Baseline {
        centre_line: 0.0,
        sigma: 1.0,
        phi: 0.5,
        n: 300,
        version: 1,
        spread: None,
        group: None,
    };
    let name = |text: &str| pedigree::model::StationId::parse(text).expect("a name");
    VerdictEvent {
        station: name("none"),
        monitor: pedigree::model::MonitorId::parse("none").expect("a name"),
        rule: Rule::Ewma,
        verdict: Verdict::InControl,
        side: None,
        statistic: None,
        limit: None,
        time: Utc(0),
        onset: None,
        baseline: Some(baseline),
        item: None,
        unit: None,
        over: None,
        joins: None,
        test: None,
        quality: None,
        reaches: None,
        contributors: Vec::new(),
        product: None,
        recipe: None,
    }
}

/// All monitored tags once a second, each second in another order. A value depends on the one before as the baseline says.
pub(crate) struct Stream {
    orders: Vec<Vec<TagIndex>>,
    noise: Vec<f64>,
    last: Vec<f64>,
    drawn: usize,
}

impl Stream {
    pub(crate) fn new(plant: &Plant) -> Self {
        let all: Vec<TagIndex> =
            plant.tags().filter(|(_, tag)| tag.watched).map(|(index, _)| index).collect();
        let order = |seed| {
            let mut order = all.clone();
            order.shuffle(&mut StdRng::seed_from_u64(seed));
            order
        };
        let mut noise = crate::process::Noise::new(17);
        Self {
            orders: (0..ORDERS).map(order).collect(),
            noise: (0..NOISE).map(|_| 0.75_f64.sqrt() * noise.next()).collect(),
            last: vec![0.0; plant.tags.len()],
            drawn: 0,
        }
    }

    /// What every tag says in a second, in the order of that second.
    pub(crate) fn second(&mut self, second: usize, mut tell: impl FnMut(At, TagIndex, f64)) {
        let order = &self.orders[second % self.orders.len()];
        let apart = 1_000_000_000 / order.len() as u64;
        for (tag, number) in order.iter().zip(0..) {
            // Whoever comes at this place in another second gets another number.
            self.drawn = self.drawn.wrapping_add(40_503);
            let value = 0.5 * self.last[tag.get()] + self.noise[self.drawn % NOISE];
            self.last[tag.get()] = value;
            let now = second as u64 * 1_000_000_000 + number * apart;
            let wall = Utc(1_700_000_000_000_000_000 + now.cast_signed());
            tell(At { monotonic: Monotonic(now), wall }, *tag, value);
        }
    }
}

/// A good value.
pub(crate) fn sample(at: At, tag: TagIndex, value: f64) -> Sample {
    let (source, receive) = (Some(at.wall), at.wall);
    Sample { tag, value: Value::Real(value), quality: Quality::GOOD, source, server: None, receive }
}
