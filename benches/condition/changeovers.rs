//! A station that is set up for another product a thousand times.
use crate::process::Noise;
use pedigree::condition::{Conditions, Spoken};
use pedigree::model::plant::{Plant, StationIndex};
use pedigree::model::{
    Code, HandshakeId, ItemKey, Making, Measurement, Quality, TagName, Text, Utc, Value, Verdict,
    VerdictEvent,
};
use rand::RngExt;

const RUNS: u64 = 40;
const CHANGEOVERS: usize = 1_000;
const PRODUCTS: usize = 10;
/// Parts of each setup and of each lot of production.
const SETUP: usize = 5;
const LOT: usize = 20;
/// Parts that are waited for until a drift is seen.
const PATIENCE: usize = 100_000;

const PLANT: &str = r#"schema = 1
[device.press]
url       = "opc.tcp://127.0.0.1:4840"
namespace = "urn:bench"
trust     = "pki"
restart   = "Boot"
[station.PRESS]
device = "press"
[station.PRESS.handshake.result]
event   = "complete"
trigger = "Res.Count"
ack     = "Res.Ack"
serial  = "Res.Serial"
result  = "Res.Result"
codes   = { 1 = "pass", 2 = "fail" }
[station.PRESS.handshake.result.values]
force = { from = "Res.Force", eu = "kN", cycle = "45s", drift = "one false alarm in 30d", rules = ["ewma", "cusum"], learn = 300 }
"#;

/// Parts that have one false alarm, by the plant.
const RUN_LENGTH: f64 = 30.0 * 86_400.0 / 45.0;

/// The station, and what is said of its parts.
struct Press {
    conditions: Conditions,
    noise: Noise,
    handshake: HandshakeId,
    item: ItemKey,
    parts: i64,
}

impl Press {
    fn new(plant: &Plant, seed: u64) -> Self {
        Self {
            conditions: Conditions::new(plant),
            noise: Noise::new(seed),
            handshake: HandshakeId::parse("result").expect("a name"),
            item: ItemKey::unit(Code::parse("SN-1").expect("a code")),
            parts: 0,
        }
    }

    /// A part of production is made; what the monitor says of it. Without a product nobody says what it is.
    fn makes(&mut self, product: Option<usize>, level: f64) -> Vec<VerdictEvent> {
        self.parts += 1;
        let measured = Measurement {
            name: TagName::parse("force").expect("a name"),
            value: Value::Real(level + self.noise.next()),
            quality: Quality::GOOD,
            unit: None,
            low: None,
            high: None,
        };
        let (time, mut out) = (Utc(self.parts * 45_000_000_000), Spoken::default());
        let product = product.and_then(|number| Text::parse(&format!("P{number}")).ok());
        let making = Making { product, recipe: None };
        let (of, item) = ((StationIndex(0), &self.handshake), (&self.item, &making));
        self.conditions.on_measurements(of, time, item, &[measured], &mut out);
        out.verdicts
    }

    /// A part of setup is made, which is told as no production: whatever it measures reaches no chart.
    fn sets_up(&mut self, out: &mut Spoken) {
        self.parts += 1;
        self.conditions.leave_out(StationIndex(0), &self.handshake, out);
    }
}

fn is_drift(said: &[VerdictEvent]) -> bool {
    said.iter().any(|said| said.verdict == Verdict::Drift && said.joins.is_none())
}

/// Alarms of production and its parts, or how many parts a drift of one sigma after that takes.
struct Seen {
    learned: bool,
    alarmed: bool,
    delay: Option<usize>,
}

/// `levels` of the products, which parts are `told` of or not; `changeovers` with setup between, or the same parts in one go.
fn run_of(plant: &Plant, seed: u64, levels: &[f64], (changeovers, told): (bool, bool)) -> Seen {
    let mut press = Press::new(plant, seed);
    let (mut learned, mut alarmed) = (false, false);
    let mut product = 0;
    for _ in 0..CHANGEOVERS {
        if changeovers {
            // Another one than before.
            product = (product + 1 + press.noise.random().random_range(0..PRODUCTS - 1)) % PRODUCTS;
            let mut out = Spoken::default();
            (0..SETUP).for_each(|_| press.sets_up(&mut out));
            alarmed |= is_drift(&out.verdicts);
        }
        for _ in 0..LOT {
            let said = press.makes(told.then_some(product), levels[product]);
            learned |= said.iter().any(|said| said.baseline.is_some());
            alarmed |= is_drift(&said);
        }
    }
    let mut is_over = |part: &usize| {
        let said = press.makes(told.then_some(product), levels[product] + 1.0);
        (!alarmed && learned && is_drift(&said)) || *part == PATIENCE
    };
    let delay =
        (1..=PATIENCE).find(&mut is_over).filter(|part| *part < PATIENCE && learned && !alarmed);
    Seen { learned, alarmed, delay }
}

fn print(name: &str, seen: &[Seen]) {
    let count = |of: fn(&Seen) -> bool| seen.iter().filter(|seen| of(seen)).count();
    let delays: Vec<usize> = seen.iter().filter_map(|seen| seen.delay).collect();
    let mean = delays.iter().sum::<usize>() as f64 / delays.len() as f64;
    println!(
        "{name}: {} of {} have learned, {} alarmed before the drift; a drift of 1 σ after them is seen in {}, after {mean:.1} parts",
        count(|seen| seen.learned),
        seen.len(),
        count(|seen| seen.alarmed),
        delays.len(),
    );
}

pub(crate) fn run() {
    let plant = crate::plant::loaded(&[("press.toml".to_owned(), PLANT.to_owned())]);
    let all = |levels: &dyn Fn(u64) -> Vec<f64>, how| {
        let one = |seed| run_of(&plant, seed, &levels(seed), how);
        (0..RUNS).map(one).collect::<Vec<_>>()
    };
    let same = |_| vec![0.0; PRODUCTS];
    let parts = (CHANGEOVERS * LOT) as f64;
    println!(
        "{RUNS} runs of {CHANGEOVERS} changeovers, {SETUP} parts of setup and {LOT} of production each; by the promise {:.1} of them alarm falsely",
        RUNS as f64 * -(-parts / RUN_LENGTH).exp_m1()
    );
    print("one product, no changeover", &all(&same, (false, false)));
    print("ten products of one level, setup told as such", &all(&same, (true, false)));
    let apart = |seed| {
        let mut noise = Noise::new(1_000 + seed);
        let mut level = || {
            let side = if noise.random().random_bool(0.5) { 1.0 } else { -1.0 };
            side * noise.random().random_range(3.0..10.0)
        };
        (0..PRODUCTS).map(|_| level()).collect()
    };
    print("ten products, 3 to 10 σ off, nobody says which", &all(&apart, (true, false)));
    print("ten products, 3 to 10 σ off, each part says which", &all(&apart, (true, true)));
}
