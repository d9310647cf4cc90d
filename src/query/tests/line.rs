//! A line that does plausible and implausible things, as a list of numbers says.
use super::numbered;
use crate::genealogy::builders::*;
use crate::model::{
    Alias, Amount, Body, Code, Consumption, DeviceId, EventTime, Gap, GapCause, GapSource, ItemKey,
    Position, Purpose, Quarantine, QuarantineCause, Record, Stay, Text, TraceEvent, Utc, What,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

pub(super) const STATIONS: [&str; 3] = ["OP10", "OP20", "PACK"];
const FEEDERS: [&str; 2] = ["F1", "F2"];

/// What to do, and three numbers for it.
pub(super) type Act = (u8, u8, u8, u8);

pub(super) fn any_shift() -> impl Strategy<Value = Vec<Record>> {
    proptest::collection::vec(any::<Act>(), 1..45).prop_map(|acts| {
        let mut line = Line::default();
        for act in acts {
            line.act(act);
        }
        numbered(line.bodies)
    })
}

#[derive(Default)]
struct Line {
    bodies: Vec<Body>,
    clock: i64,
    feeders: BTreeMap<(usize, usize), Vec<(u64, ItemKey)>>,
    arrived: BTreeMap<usize, (ItemKey, u64, i64)>,
    open: Vec<Gap>,
}

fn pick<T: Clone>(list: &[T], by: u8) -> T {
    list[usize::from(by) % list.len()].clone()
}

fn a_unit(by: u8) -> ItemKey {
    unit(&format!("U{}", by % 5))
}

fn a_lot(by: u8) -> ItemKey {
    lot(&format!("L{}", by % 3))
}

fn a_container(by: u8) -> ItemKey {
    container(&format!("C{}", by % 2))
}

fn an_item(by: u8) -> ItemKey {
    match by % 4 {
        0 | 1 => a_unit(by / 4),
        2 => a_lot(by / 4),
        _ => a_container(by / 4),
    }
}

impl Line {
    fn next(&self) -> u64 {
        self.bodies.len() as u64 + 1
    }

    fn act(&mut self, (what, a, b, c): Act) {
        self.clock += i64::from(c % 4);
        // Now and then something becomes known late.
        let time = if c >= 224 { self.clock - i64::from(c % 16) } else { self.clock };
        let at = usize::from(a % 3);
        match what % 32 {
            0..=4 => self.arrive(at, &a_unit(b), time),
            5..=12 => self.complete(at, a, b, time),
            13..=15 => self.mount(at % 2, usize::from(b % 2), &a_lot(b / 2), time),
            16 => self.unmount(at % 2, usize::from(b % 2), time),
            17 | 18 => self.gap(a, b),
            19 => self.quarantine(at, time),
            20 => {
                let loser = u64::from(b) % self.next();
                self.trace(event(time, None, correct(loser)));
            }
            _ => {
                let station = (c % 3 > 0).then_some(STATIONS[at]);
                let what = anything(what, a, b, c);
                self.trace(event(time, station, what));
            }
        }
    }

    fn trace(&mut self, mut event: TraceEvent) {
        // What the work was for and of what it was follow no pattern that a search could share.
        let n = self.bodies.len();
        let purposes = [Purpose::Production, Purpose::Setup, Purpose::Simulated, Purpose::Trial];
        event.purpose = purposes[n * n % 7 % 4];
        let name = |n: usize| Text::parse(["P", "Q"][n % 2]).unwrap();
        event.product = (n % 3 == 0).then(|| name(n / 3));
        event.material = (n % 4 < 2).then(|| name(n / 2));
        event.nest = (n * n % 5 > 0).then(|| text(["1", "2"][n * n % 5 % 2]));
        self.bodies.push(Body::Trace(event));
    }

    fn arrive(&mut self, at: usize, item: &ItemKey, time: i64) {
        self.arrived.insert(at, (item.clone(), self.next(), time));
        self.trace(event(time, Some(STATIONS[at]), arrive(item)));
    }

    fn complete(&mut self, at: usize, a: u8, b: u8, time: i64) {
        let present = self.arrived.remove(&at).filter(|_| a & 0x40 == 0);
        let (item, arrived, from) = match present {
            Some((item, position, from)) => (item, Some(Position(position)), from),
            None => (a_unit(b), None, time - i64::from(b % 7)),
        };
        let mut mounts = Vec::new();
        for (feeder, name) in FEEDERS.iter().enumerate() {
            let held = self.feeders.get(&(at, feeder)).cloned().unwrap_or_default();
            let doubt = if b & 0x80 == 0 { 1 } else { 2 };
            for (opened, lot) in held.iter().rev().take(doubt) {
                mounts.push(used(STATIONS[at], name, *opened, lot));
            }
        }
        let stay = Stay { interval: interval(from.min(time), Some(time)), arrived };
        let made = event(time, Some(STATIONS[at]), complete(&item, mounts));
        self.trace(TraceEvent { stay: (b % 8 > 0).then_some(stay), ..made });
    }

    fn mount(&mut self, at: usize, feeder: usize, lot: &ItemKey, time: i64) {
        let position = self.next();
        self.feeders.entry((at, feeder)).or_default().push((position, lot.clone()));
        self.trace(event(time, Some(STATIONS[at]), mount(FEEDERS[feeder], lot)));
    }

    fn unmount(&mut self, at: usize, feeder: usize, time: i64) {
        let Some((opened, lot)) = self.feeders.entry((at, feeder)).or_default().pop() else {
            return;
        };
        let mount = mount_key(STATIONS[at], FEEDERS[feeder], opened);
        let what = What::Unmount { mount, lot, used: None, untold: None };
        self.trace(event(time, Some(STATIONS[at]), what));
    }

    fn gap(&mut self, a: u8, b: u8) {
        let close = self.open.pop().filter(|_| a % 3 > 0);
        let gap = close.unwrap_or_else(|| {
            let device = DeviceId::parse(pick(&["plc-1", "plc-2"], a)).unwrap();
            let at = |name: &&str| station(name);
            Gap {
                source: GapSource::Device(device),
                interval: interval(self.clock - i64::from(b % 5), None),
                cause: GapCause::Disconnected,
                count: None,
                stations: STATIONS.iter().skip(usize::from(b % 3)).take(2).map(at).collect(),
                first: None,
            }
        });
        let mut closed = gap.clone();
        closed.interval.to = Some(Utc(self.clock.max(gap.interval.from.0)));
        if self.open.len() < 2 && b & 0x40 == 0 && gap.interval.to.is_none() && a % 2 == 0 {
            self.open.push(gap.clone());
            self.bodies.push(Body::Gap(gap));
        } else {
            self.bodies.push(Body::Gap(closed));
        }
    }

    fn quarantine(&mut self, at: usize, time: i64) {
        self.bodies.push(Body::Quarantine(Quarantine {
            station: station(STATIONS[at]),
            handshake: None,
            cause: QuarantineCause::NoCurrent,
            time: EventTime { at: Utc(time), uncertainty_ns: 0 },
            raw: Vec::new(),
            phase: None,
            adopted: None,
        }));
    }
}

fn anything(what: u8, a: u8, b: u8, c: u8) -> What {
    let (one, other) = (an_item(a), an_item(b));
    let reason = Some(text("broken"));
    let stored = if b % 4 == 0 { an_item(a) } else { a_lot(a) };
    match what / 32 + 8 * (c % 2) {
        0 => install(&a_unit(a), &a_unit(b)),
        1 => remove(&a_unit(a), &a_unit(b)),
        2 => pack(&[&one, &a_unit(b)], &a_container(c)),
        3 => unpack(&[&one, &a_unit(b)], &a_container(c)),
        4 => consume(&a_lot(a), &other),
        5 => What::Split { from: one, into: vec![other, a_unit(c)] },
        6 => {
            let part = |lot| Consumption { lot, amount: None };
            What::Merge { from: vec![part(one), part(a_lot(c))], into: other }
        }
        7 => {
            let document = Some(text(&format!("note {c}")));
            What::Ship { items: vec![one, a_container(b)], customer: None, document }
        }
        8 => What::Inspect { item: one, result: None, measurements: Vec::new() },
        9 => What::Hold { item: one, reason: text(&format!("reason {b}")), meaning: None },
        10 => {
            let of = (c % 2 == 0).then(|| an_item(c / 2));
            What::Release { item: one, reason: text("fine"), meaning: None, of }
        }
        11 => {
            let amount = (b % 2 == 0).then_some(Amount { value: 1.0, unit: None });
            What::Scrap { item: one, amount, reason, mounts: Vec::new() }
        }
        12 => What::Rework { item: one, reason },
        13 => {
            let best_before = (c % 4 > 0).then(|| Utc(i64::from(c)));
            What::Receive { item: one, supplier: None, amount: None, best_before }
        }
        14 => {
            let alias = Alias { kind: text("label"), code: Code::parse("X").unwrap() };
            What::Identify { item: one, alias, real: None }
        }
        _ => match c / 2 % 4 {
            0 => What::Move { item: one, to: text("store") },
            1 => What::Open { item: stored },
            2 => What::Close { item: stored },
            _ => What::Dry { item: stored },
        },
    }
}
