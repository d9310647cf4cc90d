//! Yield: what a station completed in a time, and how much of it was right at once.
use super::Drafted;
use super::answer::{Yield, YieldRow};
use super::life::{Kind, Moment, StationNumber};
use super::reason::Reasons;
use super::view::View;
use crate::genealogy::NodeId;
use crate::model::{Interval, Result, StationId, Text};
use std::collections::BTreeMap;

/// What the stations, or one of them, completed in the interval; only production is counted.
///
/// An item counts once at a station, by its last completion there within the interval. It is right at
/// once if its very first completion there is within the interval and passed (ISO 22400-2, first pass
/// yield).
pub(super) fn draft(
    memory: &View<'_>,
    station: Option<&StationId>,
    interval: Interval,
) -> Drafted<Yield> {
    let mut reasons = Reasons::default();
    let mut rows = Vec::new();
    for id in memory.places.in_order().iter().filter(|id| station.is_none_or(|one| one == *id)) {
        let Some(number) = memory.places.find(id) else { continue };
        reasons.station(memory, id, interval);
        let mut found: BTreeMap<Option<Text>, YieldRow> = BTreeMap::new();
        for node in memory.places.get(number).around(interval, memory.void()) {
            let all = completions(memory, node, number);
            let mut within = all.clone().filter(|m| interval.contains(m.time)).peekable();
            let Some(earliest) = within.peek().copied() else { continue };
            reasons.retained(memory, node);
            let first = all.clone().next().filter(|first| first.position == earliest.position);
            let (visits, last) = within.fold((0, earliest), |(n, _), m| (n + 1, m));
            let product = memory.product(node);
            let row = found.entry(product.clone()).or_insert_with(|| YieldRow::none(id, product));
            row.take(visits, first.and_then(|m| m.result), last.result);
        }
        rows.extend(found.into_values());
    }
    Drafted::new(memory, reasons, Yield { interval, rows })
}

/// An item's completions at a station, as production, by event time.
fn completions(
    memory: &View<'_>,
    node: NodeId,
    station: StationNumber,
) -> impl Iterator<Item = Moment> + Clone {
    memory.life(node).standing(memory.void()).filter(move |moment| {
        moment.kind == Kind::Complete && moment.production && moment.station == Some(station)
    })
}

impl YieldRow {
    fn none(station: &StationId, product: Option<Text>) -> Self {
        let station = station.clone();
        let (items, visits, first_pass, passed, failed, untold) = (0, 0, 0, 0, 0, 0);
        Self { station, product, items, visits, first_pass, passed, failed, untold }
    }

    fn take(&mut self, visits: u64, first: Option<Result>, last: Option<Result>) {
        self.items += 1;
        self.visits += visits;
        self.first_pass += u64::from(first == Some(Result::Pass));
        match last {
            Some(Result::Pass) => self.passed += 1,
            Some(Result::Fail | Result::Rework | Result::Scrap) => self.failed += 1,
            None => self.untold += 1,
        }
    }
}
