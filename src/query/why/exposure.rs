//! What items were exposed to, as far as memory tells: stations, and the lots that they were made of.
use super::answer::{Attribute, AttributeKind, Named, Order};
use crate::genealogy::why::Factor;
use crate::genealogy::{Direction, Former, NodeId, Visited, Walk};
use crate::model::{Interval, ItemClass, Position, Text, Utc};
use crate::query::item::met;
use crate::query::life::StationNumber;
use crate::query::reason::Reasons;
use crate::query::view::View;
use std::collections::{BTreeMap, BTreeSet};

/// What items were exposed to, each with those that were, and when first.
type Told = BTreeMap<(Attribute, String), BTreeMap<u32, Utc>>;

/// Who was exposed to what, and when first.
#[derive(Default)]
pub(super) struct Exposures {
    of: Told,
    /// What was measured of each.
    measured: BTreeMap<Attribute, BTreeMap<u32, f64>>,
    /// From when to when they were at each station.
    at: BTreeMap<StationNumber, (Utc, Utc)>,
}

impl Exposures {
    /// Takes what an item went through until it was judged. Gives the records of these steps.
    pub(super) fn take(
        &mut self,
        (memory, visited, reasons): (&View<'_>, &mut Visited, &mut Reasons),
        unit: u32,
        (node, judged): (NodeId, Utc),
    ) -> Vec<Position> {
        let walk = Walk {
            direction: Direction::Backward,
            as_of: memory.position,
            depth_max: None,
            former: Former::Follow,
        };
        let walked = walk.run(&memory.graph, &[node], visited);
        reasons.loose(memory, &walked.loose);
        reasons.rings(memory, &walked);
        let mut steps = Vec::new();
        // What came into it after it was judged, and all that that was made of.
        let mut later = BTreeSet::new();
        for reached in &walked.reached {
            reasons.retained(memory, reached.node);
            let by = reached.by.and_then(|by| walked.hops.get(by));
            if let Some(hop) = by {
                let (at, station) = met(memory, hop);
                if at > judged || later.contains(&hop.whole) {
                    later.insert(reached.node);
                    continue;
                }
                reasons.hop(memory, hop);
                // A lot is what it is; where it was made is told of by its own steps.
                if let Some(lot) =
                    memory.key(reached.node).filter(|key| key.class == ItemClass::Lot)
                {
                    let attribute = Attribute { kind: AttributeKind::Lot, station, name: None };
                    self.told(attribute, lot.to_string(), unit, at);
                }
            }
            for moment in memory.life(reached.node).standing(memory.void()) {
                if moment.time <= judged && moment.production && moment.is_presence() {
                    if let Some(number) = moment.station {
                        let station = memory.places.name(number);
                        let (from, to) = (moment.from.min(moment.time), moment.to.max(moment.time));
                        let span = self.at.entry(number).or_insert((from, to));
                        *span = (span.0.min(from), span.1.max(to));
                        let attribute =
                            Attribute { kind: AttributeKind::Station, station: None, name: None };
                        self.told(attribute, station.to_string(), unit, moment.time);
                    }
                    steps.push(moment.position);
                }
            }
        }
        steps.sort_unstable();
        steps.dedup();
        steps
    }

    /// What was not observed at the stations while the items were there.
    pub(super) fn observed(&self, memory: &View<'_>, reasons: &mut Reasons) {
        for (number, (from, to)) in &self.at {
            let interval = Interval { from: *from, to: Some(*to) };
            reasons.station(memory, memory.places.name(*number), interval);
        }
    }

    /// A unit was exposed to a value; when it was first counts.
    pub(super) fn told(&mut self, attribute: Attribute, value: String, unit: u32, at: Utc) {
        let units = self.of.entry((attribute, value)).or_default();
        let first = units.entry(unit).or_insert(at);
        *first = at.min(*first);
    }

    /// A number was measured; the last one counts.
    pub(super) fn measured(&mut self, attribute: Attribute, unit: u32, value: f64) {
        self.measured.entry(attribute).or_default().insert(unit, value);
    }

    /// The factors, each with its name. One that all units were exposed to is one by its windows alone.
    pub(super) fn factors(self) -> Vec<(Named, Factor)> {
        let mut numbers: BTreeMap<Attribute, u32> = BTreeMap::new();
        let mut number = |attribute: &Attribute| {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            *numbers.entry(attribute.clone()).or_insert(next)
        };
        let mut found = Vec::new();
        for ((attribute, value), units) in joined(self.of) {
            let mut exposed: Vec<(i64, u32)> =
                units.into_iter().map(|(unit, at)| (at.0, unit)).collect();
            exposed.sort_unstable();
            let factor = Factor { attribute: number(&attribute), exposed };
            let value = Text::parse(&value).ok();
            found.push((Named { attribute, value, order: Order::Time }, factor));
        }
        for (attribute, units) in self.measured {
            let mut values: Vec<f64> = units.values().copied().collect();
            values.sort_by(f64::total_cmp);
            values.dedup();
            let place =
                |value: f64| values.partition_point(|known| known.total_cmp(&value).is_lt());
            let exposed = units
                .iter()
                .map(|(unit, value)| (i64::try_from(place(*value)).unwrap_or(i64::MAX), *unit));
            let mut exposed: Vec<(i64, u32)> = exposed.collect();
            exposed.sort_unstable();
            let factor = Factor { attribute: number(&attribute), exposed };
            found.push((Named { attribute, value: None, order: Order::Values(values) }, factor));
        }
        found
    }
}

/// A lot is one factor, however it came in: of a blend some items were filled, and others with what was left of it in
/// the next. Then it is of no one station.
fn joined(of: Told) -> Told {
    let mut ways: BTreeMap<&str, u32> = BTreeMap::new();
    for (attribute, value) in of.keys() {
        if attribute.kind == AttributeKind::Lot {
            *ways.entry(value).or_default() += 1;
        }
    }
    let several = ways.into_iter().filter(|(_, ways)| *ways > 1);
    let several: BTreeSet<String> = several.map(|(value, _)| value.to_owned()).collect();
    let mut all = Told::new();
    for ((mut attribute, value), units) in of {
        if attribute.kind == AttributeKind::Lot && several.contains(&value) {
            attribute.station = None;
        }
        let known = all.entry((attribute, value)).or_default();
        for (unit, at) in units {
            let first = known.entry(unit).or_insert(at);
            *first = at.min(*first);
        }
    }
    all
}
