//! Records as a line has them, drawn from a seed: the same number gives the same bytes.
//!
//! A unit passes four stations and goes into a box of 24: presented, completed with four measurements and two
//! mounted lots; a part with a supplier's serial built in, completed; a lot consumed; completed; inspected. Some
//! seven records a unit. Lots in the feeders change every 400 and 700 units.
use pedigree::model::{
    Amount, At, Body, Code, Consumption, Digest, Epoch, EventTime, HandshakeId, HandshakeKey,
    HandshakeMark, HandshakeNumber, Interval, ItemClass, ItemKey, Measurement, Monotonic, MountKey,
    MountPointId, MountUse, Permit, PlantLoaded, Position, Quality, Record, Result, Scope,
    ScopeName, StationId, Stay, TagName, Text, TraceEvent, Ucum, Utc, Value, What,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::VecDeque;

/// Units between one station and the next.
const APART: u64 = 2;
/// Units in a box.
const BOX: u64 = 24;
/// Units that a lot in each of the feeders lasts for.
const LOT_UNITS: [u64; 2] = [400, 700];
/// From one unit to the next.
const CYCLE_NS: i64 = 700_000_000;
const BEGIN_NS: i64 = 1_780_000_000_000_000_000;
const STATIONS: [&str; 5] = ["OP10", "OP20", "OP30", "EOL", "PACK"];
/// Name, unit, least and greatest of what a station measures.
const MEASURED: [&[(&str, &str, f64, f64)]; 4] = [
    &[
        ("force", "kN", 11.2, 13.8),
        ("stroke", "mm", 41.7, 42.3),
        ("angle", "deg", 88.0, 92.0),
        ("peak", "kN", 14.0, 17.5),
    ],
    &[("torque", "N.m", 7.6, 8.4), ("turns", "1", 3.1, 3.9), ("gradient", "N.m/deg", 0.1, 0.4)],
    &[("weight", "g", 1.9, 2.2), ("temperature", "Cel", 59.0, 63.0)],
    &[
        ("leak", "mL/min", 0.0, 0.8),
        ("pressure", "bar", 5.9, 6.1),
        ("current", "A", 1.1, 1.6),
        ("noise", "dB", 41.0, 55.0),
    ],
];

/// A lot in a feeder.
struct Mounted {
    mount: MountKey,
    lot: ItemKey,
}

/// All records of a line, one after the other, without an end.
pub struct Events {
    random: StdRng,
    position: u64,
    units: u64,
    boxes: u64,
    stations: Vec<StationId>,
    handshake: HandshakeId,
    product: Text,
    mounted: [Option<Mounted>; 2],
    /// What the unit that enters made and is not given out yet.
    ready: VecDeque<Record>,
}

impl Events {
    /// From the first one on.
    pub fn new() -> Self {
        let station = |id: &&str| StationId::parse(id).expect("a name");
        let mut events = Self {
            random: StdRng::seed_from_u64(8_471),
            position: 0,
            units: 0,
            boxes: 0,
            stations: STATIONS.iter().map(station).collect(),
            handshake: HandshakeId::parse("result").expect("a name"),
            product: text("P-4711-C"),
            mounted: [None, None],
            ready: VecDeque::new(),
        };
        let (hash, stations) = (events.digest(), events.stations.clone());
        let files = vec![text("line.toml")];
        events.push(Body::Plant(PlantLoaded {
            hash,
            files,
            stations,
            monitors: Vec::new(),
            measured: Vec::new(),
            context: Vec::new(),
            counted: Vec::new(),
            latched: Vec::new(),
            schedules: Vec::new(),
        }));
        events
    }

    fn digest(&mut self) -> Digest {
        Digest(std::array::from_fn(|_| self.random.random()))
    }

    fn now(&mut self) -> i64 {
        BEGIN_NS + self.units.cast_signed() * CYCLE_NS + self.random.random_range(0..CYCLE_NS / 2)
    }

    fn push(&mut self, body: Body) -> Position {
        self.position += 1;
        let wall = Utc(BEGIN_NS + self.units.cast_signed() * CYCLE_NS + CYCLE_NS / 2);
        let monotonic = Monotonic((wall.0 - BEGIN_NS).unsigned_abs() + 77);
        let position = Position(self.position);
        let plant = (self.position > 1).then_some(Position(1));
        self.ready.push_back(Record { position, at: At { monotonic, wall }, body, plant });
        position
    }

    /// What a PLC told by a handshake.
    fn told(&mut self, place: usize, unit: u64, what: What, arrived: Option<Position>) -> Position {
        let at = Utc(self.now());
        let station = self.stations.get(place).expect("a station").clone();
        let key = HandshakeKey {
            station: station.clone(),
            handshake: self.handshake.clone(),
            epoch: Epoch(3),
            number: HandshakeNumber(unit % 65_535 + 1),
        };
        let mark = HandshakeMark {
            key,
            digest: self.digest(),
            permit: Permit::Ok,
            reason: None,
            grounds: None,
            result: None,
            partial: None,
            recipe: None,
        };
        let stay = arrived.map(|arrived| Stay {
            interval: Interval { from: Utc(at.0 - CYCLE_NS * 2 / 3), to: Some(at) },
            arrived: Some(arrived),
        });
        let mut event = TraceEvent::bare(what, at, Some(station));
        event.time = EventTime { at, uncertainty_ns: 4_000_000 };
        event.handshake = Some(mark);
        event.stay = stay;
        event.product = Some(self.product.clone());
        self.push(Body::Trace(event))
    }

    fn measure(&mut self, place: usize) -> Vec<Measurement> {
        let measured = MEASURED.get(place).copied().unwrap_or_default();
        let one = |(name, unit, low, high): &(&str, &str, f64, f64)| {
            let (low, high) = (*low, *high);
            let drawn = self.random.random_range(low..high);
            Measurement {
                name: TagName::parse(name).expect("a name"),
                // A controller's word is a float of 32 bits.
                value: Value::Real(f64::from(drawn as f32)),
                quality: Quality::GOOD,
                unit: Some(Ucum::parse(unit).expect("a unit")),
                low: Some(low),
                high: Some(high),
            }
        };
        measured.iter().map(one).collect()
    }

    fn complete(&mut self, place: usize, unit: u64, arrived: Option<Position>) {
        let used = |mounted: &Mounted| MountUse {
            mount: mounted.mount.clone(),
            lot: mounted.lot.clone(),
            one_of: false,
            amount: None,
            wasted: None,
            counted: false,
            untold: None,
        };
        let here = self.mounted.iter().flatten().filter(|_| place == 0);
        let mounts = here.map(used).collect();
        let result = Some(if self.random.random_bool(0.985) { Result::Pass } else { Result::Fail });
        let measurements = self.measure(place);
        let item = serial(unit);
        let (phase, order_row) = (None, None);
        let what = What::Complete { item, result, measurements, mounts, phase, order_row };
        self.told(place, unit, what, arrived);
    }

    /// Another lot in a feeder, which came in by the way.
    fn change_lot(&mut self, feeder: usize) {
        let point = MountPointId::parse(&format!("feeder-{}", feeder + 1)).expect("a name");
        if let Some(Mounted { mount, lot }) = self.mounted.get_mut(feeder).and_then(Option::take) {
            self.told(0, self.units, What::Unmount { mount, lot, used: None, untold: None }, None);
        }
        let supplier = ScopeName::parse(["ACME", "Muster-GmbH"][feeder]).expect("a name");
        let number = self.random.random_range(0..1_000_000_u32);
        let code = code(&format!("L{:05}-{number:06}", self.units / 100));
        let lot = ItemKey::lot(Scope::Supplier(supplier.clone()), code);
        let amount = Some(Amount { value: 5_000.0, unit: None });
        let (item, supplier) = (lot.clone(), Some(supplier));
        self.told(4, self.units, What::Receive { item, supplier, amount, best_before: None }, None);
        let what = What::Mount { point: point.clone(), lot: lot.clone() };
        let opened = self.told(0, self.units, what, None);
        let station = self.stations.first().expect("a station").clone();
        let mount = MountKey { station, point, opened };
        *self.mounted.get_mut(feeder).expect("a feeder") = Some(Mounted { mount, lot });
    }

    /// All that happens in one cycle of the line.
    fn cycle(&mut self) {
        let entering = self.units;
        for (feeder, lasts) in LOT_UNITS.into_iter().enumerate() {
            if entering.is_multiple_of(lasts) {
                self.change_lot(feeder);
            }
        }
        let arrived = self.told(0, entering, What::Arrive { item: serial(entering) }, None);
        self.complete(0, entering, Some(arrived));
        if let Some(unit) = entering.checked_sub(APART) {
            let (child, parent) = (part(unit), serial(unit));
            self.told(1, unit, What::Install { child, parent, place: Some(text("rotor")) }, None);
            self.complete(1, unit, None);
        }
        if let Some(unit) = entering.checked_sub(2 * APART) {
            let scope = Scope::Material(ScopeName::parse("adhesive").expect("a name"));
            let lot = ItemKey::lot(scope, code(&format!("K{:07}", unit / 900 * 37)));
            let grams = Ucum::parse("g").expect("a unit");
            let value = f64::from(self.random.random_range(1.9_f32..2.2));
            let consumed = Consumption { lot, amount: Some(Amount { value, unit: Some(grams) }) };
            let into = serial(unit);
            self.told(2, unit, What::Consume { consumed, into, place: None }, None);
            self.complete(2, unit, None);
        }
        if let Some(unit) = entering.checked_sub(3 * APART) {
            let (item, measurements) = (serial(unit), self.measure(3));
            let result = Some(Result::Pass);
            self.told(3, unit, What::Inspect { item, result, measurements }, None);
            if (unit + 1).is_multiple_of(BOX) {
                let items = (unit + 1 - BOX..=unit).map(serial).collect();
                let scope = Scope::Gs1(None);
                let sscc = code(&format!("3400123450{:08}", self.boxes));
                let container = ItemKey { class: ItemClass::Container, scope, code: sscc };
                self.boxes += 1;
                self.told(4, unit, What::Pack { items, container }, None);
            }
        }
        self.units += 1;
    }
}

impl Iterator for Events {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        while self.ready.is_empty() {
            self.cycle();
        }
        self.ready.pop_front()
    }
}

fn text(of: &str) -> Text {
    Text::parse(of).expect("a text")
}

fn code(of: &str) -> Code {
    Code::parse(of).expect("a code")
}

fn serial(unit: u64) -> ItemKey {
    ItemKey::unit(code(&format!("4711C-{:04}-{:06}", unit / 5_000, unit)))
}

/// A part with the serial of its supplier, which looks like chance (splitmix64).
fn part(unit: u64) -> ItemKey {
    let mut z = unit.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^= z >> 27;
    let scope = Scope::Supplier(ScopeName::parse("Rotoren-AG").expect("a name"));
    ItemKey { class: ItemClass::Unit, scope, code: code(&format!("R{z:016X}")) }
}
