//! What the record says happened at the edges of a cause: where it began, and where it ended.
//!
//! An edge is as sharp as the exposures around it. What made the difference came between the last exposure to another
//! value of the attribute and the first to this one; at the end of a window, within the bin that is cut there. What was
//! recorded then at the stations of the cause is told, the nearest first. It is what is to be looked at, and no proof.
use super::Case;
use super::answer::{AttributeKind, Named, Order};
use crate::genealogy::why::{Cause, Factor, Settings};
use crate::model::{Body, Gap, ItemKey, Position, Record, StationId, Text, TraceEvent, Utc, What};
use crate::query::body::Bodies;
use crate::query::describe;
use crate::query::step::outcome;
use std::collections::{BTreeMap, BTreeSet};

/// So much is told of one cause.
const EVIDENCE_MAX: usize = 12;
/// So many records to either side of an edge are looked at.
const LOOK_MAX: u64 = 2_000;
/// Read at once.
const CHUNK: u64 = 256;

/// Which edge of a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edge {
    /// Where it began.
    Begin,
    /// Where it ended.
    End,
}

/// Something that happened at an edge of a cause.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Evidence {
    /// At which edge.
    pub edge: Edge,
    /// How long after the edge, in seconds; negative if before it.
    pub seconds: f64,
    /// When.
    pub time: Utc,
    /// Where; `None` if it is of several stations, or of the whole plant.
    pub station: Option<StationId>,
    /// What it was: the kind of the record (`mount`, `unmount`, `clean`, `note`, `verdict`, `gap`, `epoch`, `plant`), or
    /// what changed with it (`operation`, `tool`).
    pub kind: &'static str,
    /// The same in a sentence.
    pub text: String,
    /// The record that says so.
    pub position: Position,
}

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::query) struct Around {
    edge: Edge,
    at: Utc,
    /// From when to when, both included.
    from: Utc,
    to: Utc,
    at_stations: BTreeSet<StationId>,
    /// Lots, wherever they are named.
    lots: BTreeSet<ItemKey>,
    /// The records of the steps of the item that was exposed there.
    steps: Vec<Position>,
}

/// The edges of a cause: of its window; where it has none, of a lot, a tool or an operation, which come and go. An edge
/// at which the comparison itself begins or ends is none.
pub(super) fn edges(
    cause: &Cause,
    (named, factors): (&[Named], &[Factor]),
    cases: &[Case],
) -> Vec<Around> {
    let is_looked_at = |number: &&usize| {
        named.get(**number).is_some_and(|named| {
            let kind = named.attribute.kind;
            let comes =
                matches!(kind, AttributeKind::Lot | AttributeKind::Operation | AttributeKind::Tool);
            matches!(named.order, Order::Time) && (comes || cause.window.is_some())
        })
    };
    let Some(factor) = cause.factors.iter().find(is_looked_at).and_then(|n| factors.get(*n)) else {
        return Vec::new();
    };
    let is_in = |place: &&(i64, u32)| {
        let window = cause.window.is_none_or(|(from, to)| (from..=to).contains(&place.0));
        window && cause.exposed.binary_search(&place.1).is_ok()
    };
    let mut theirs = factor.exposed.iter().filter(is_in);
    let Some(first) = theirs.next().copied() else { return Vec::new() };
    let last = theirs.next_back().copied().unwrap_or(first);
    let others = factors.iter().filter(|other| other.attribute == factor.attribute);
    let others = || others.clone().flat_map(|other| &other.exposed).map(|(at, _)| *at);
    let bin = |place: (i64, u32), way| {
        if cause.window.is_some() { bin(&factor.exposed, place, way) } else { place.0 }
    };
    let (at_stations, lots) = places(cause, named);
    let around = |edge, (at, unit): (i64, u32), from: Option<i64>, to: Option<i64>| {
        Some(Around {
            edge,
            at: Utc(at),
            from: Utc(from?),
            to: Utc(to?),
            at_stations: at_stations.clone(),
            lots: lots.clone(),
            steps: cases.get(unit as usize).map(|case| case.steps.clone()).unwrap_or_default(),
        })
    };
    let before = others().filter(|at| *at < first.0).max().map(|at| at.min(bin(first, -1)));
    let after = others().filter(|at| *at > last.0).min().map(|at| at.max(bin(last, 1)));
    let begin = around(Edge::Begin, first, before, Some(bin(first, 1)));
    let end = around(Edge::End, last, Some(bin(last, -1)), after);
    [begin, end].into_iter().flatten().collect()
}

/// The place that is a bin before or after another: windows are cut no finer.
fn bin(exposed: &[(i64, u32)], place: (i64, u32), way: isize) -> i64 {
    let bins = usize::try_from(Settings::default().bins).unwrap_or(1);
    let by = exposed.len().div_ceil(bins.max(1)).cast_signed() * way;
    let at = exposed.partition_point(|other| *other < place).saturating_add_signed(by);
    exposed.get(at.min(exposed.len().saturating_sub(1))).map_or(place.0, |(at, _)| *at)
}

/// The stations and the lots of a cause, and of what cannot be told from it.
fn places(cause: &Cause, named: &[Named]) -> (BTreeSet<StationId>, BTreeSet<ItemKey>) {
    let (mut stations, mut lots) = (BTreeSet::new(), BTreeSet::new());
    let all = cause.factors.iter().chain(cause.twins.iter().map(|(twin, _)| twin));
    for Named { attribute, value, .. } in all.filter_map(|number| named.get(*number)) {
        stations.extend(attribute.station.clone());
        let value = value.as_ref().map(Text::as_str).unwrap_or_default();
        if attribute.kind == AttributeKind::Station {
            stations.extend(StationId::parse(value).ok());
        }
        if attribute.kind == AttributeKind::Lot {
            lots.extend(value.parse::<ItemKey>().ok());
        }
    }
    (stations, lots)
}

/// What was recorded there, the nearest first, and how much of it is left out.
pub(super) fn read(edges: &[Around], bodies: &mut Bodies<'_>) -> (Vec<Evidence>, usize) {
    let mut found: Vec<Evidence> =
        edges.iter().flat_map(|edge| edge.told(&edge.records(bodies))).collect();
    found.sort_by(|a, b| {
        a.seconds.abs().total_cmp(&b.seconds.abs()).then(a.position.cmp(&b.position))
    });
    let left_out = found.len().saturating_sub(EVIDENCE_MAX);
    found.truncate(EVIDENCE_MAX);
    (found, left_out)
}

impl Around {
    /// The records around the step by which its item was exposed, as long as any of them is of the time that is looked
    /// at, in the order of their times.
    fn records(&self, bodies: &mut Bodies<'_>) -> Vec<Record> {
        let far = |position: Position, bodies: &mut Bodies<'_>| {
            let event = bodies.event(position)?;
            Some((event.time.at.0.abs_diff(self.at.0), position))
        };
        let steps = self.steps.iter().filter_map(|position| far(*position, bodies));
        let Some((_, Position(step))) = steps.min() else { return Vec::new() };
        let is_near =
            |record: &Record| time(record).is_some_and(|at| (self.from..=self.to).contains(&at));
        let mut all = Vec::new();
        let before = (0..LOOK_MAX.div_ceil(CHUNK)).map(|n| step.saturating_sub((n + 1) * CHUNK));
        let after = (0..LOOK_MAX.div_ceil(CHUNK)).map(|n| step.saturating_add(n * CHUNK));
        // Both ways, until nothing is near any more.
        for mut begins in [before.collect::<Vec<_>>(), after.collect()] {
            begins.dedup();
            for begin in begins {
                let end = if begin < step { step.min(begin + CHUNK) } else { begin + CHUNK };
                let records = bodies.between(Position(begin), Position(end));
                let near = records.iter().any(is_near);
                all.extend(records);
                if !near {
                    break;
                }
            }
        }
        all.sort_by_key(|record| (time(record), record.position));
        all.dedup_by_key(|record| record.position);
        all
    }

    /// What of the records, which ascend by time, is evidence.
    fn told(&self, records: &[Record]) -> Vec<Evidence> {
        let mut found: Vec<Evidence> =
            records.iter().filter_map(|record| self.happened(record)).collect();
        found.extend(self.changed(records));
        found
    }

    fn evidence(
        &self,
        record: &Record,
        time: Utc,
        (kind, text): (&'static str, String),
    ) -> Option<Evidence> {
        let ns = std::time::Duration::from_nanos(time.0.abs_diff(self.at.0)).as_secs_f64();
        (self.from..=self.to).contains(&time).then(|| Evidence {
            edge: self.edge,
            seconds: if time < self.at { -ns } else { ns },
            time,
            station: describe::event(record).station,
            kind,
            text,
            position: record.position,
        })
    }

    /// What one record tells.
    fn happened(&self, record: &Record) -> Option<Evidence> {
        let here = |station: &StationId| self.at_stations.contains(station);
        let view = describe::event(record);
        let times = match &record.body {
            Body::Trace(event) if self.concerns(event) => vec![event.time.at],
            Body::Verdict(spoken) if here(&spoken.station) => {
                let onset = spoken.onset.map(|onset| onset.estimate);
                [Some(spoken.time), onset].into_iter().flatten().collect()
            }
            Body::Gap(Gap { stations, interval, .. }) if stations.iter().any(here) => {
                vec![interval.to.unwrap_or(interval.from)]
            }
            Body::Epoch(begun) if begun.handshakes.iter().any(|(station, ..)| here(station)) => {
                vec![record.at.wall]
            }
            Body::Plant(_) => vec![record.at.wall],
            Body::Maintenance(said) if here(&said.station) => vec![said.time],
            Body::Trace(_)
            | Body::Verdict(_)
            | Body::Gap(_)
            | Body::Epoch(_)
            | Body::Quarantine(_)
            | Body::Orders(_)
            | Body::Audit(_)
            | Body::Tombstone(_)
            | Body::Dropped
            | Body::Case(_)
            | Body::Maintenance(_)
            | Body::Alarm(_) => return None,
        };
        let nearest = times.into_iter().min_by_key(|time| time.0.abs_diff(self.at.0))?;
        self.evidence(record, nearest, (view.kind, view.text))
    }

    /// Lots that come and go, cleans and remarks at the stations; and lots of the cause, wherever they come and go.
    fn concerns(&self, event: &TraceEvent) -> bool {
        let here = event.station.as_ref().is_some_and(|station| self.at_stations.contains(station));
        let is_of_station =
            matches!(event.what, What::Clean { .. } | What::Note { item: None, .. });
        let (What::Mount { lot, .. } | What::Unmount { lot, .. }) = &event.what else {
            return here && is_of_station;
        };
        here || self.lots.contains(lot)
    }

    /// The change nearest to the edge of what each station works with.
    fn changed(&self, records: &[Record]) -> Vec<Evidence> {
        let mut last: BTreeMap<(&StationId, &'static str), String> = BTreeMap::new();
        let mut nearest: BTreeMap<(&StationId, &'static str), Evidence> = BTreeMap::new();
        for record in records {
            let Body::Trace(event) = &record.body else { continue };
            let Some(station) = event.station.as_ref().filter(|at| self.at_stations.contains(*at))
            else {
                continue;
            };
            for (kind, now) in works_with(event) {
                let before = last.insert((station, kind), now.clone());
                let Some(before) = before.filter(|before| *before != now) else { continue };
                let text = format!("{kind} {now} after {before} at {station}");
                let Some(found) = self.evidence(record, event.time.at, (kind, text)) else {
                    continue;
                };
                let known = nearest.entry((station, kind)).or_insert_with(|| found.clone());
                if found.seconds.abs() < known.seconds.abs() {
                    *known = found;
                }
            }
        }
        nearest.into_values().collect()
    }
}

/// The operation and the tools of an event.
fn works_with(event: &TraceEvent) -> Vec<(&'static str, String)> {
    let operation = event.operation.as_ref().map(|operation| ("operation", operation.to_string()));
    let (.., phase) = outcome(&event.what);
    let tools: Vec<&str> =
        phase.iter().flat_map(|phase| &phase.tools).map(|tool| tool.value.as_str()).collect();
    let tools = (!tools.is_empty()).then(|| ("tool", tools.join(", ")));
    operation.into_iter().chain(tools).collect()
}

/// When what a record tells was, if it is told in event time.
fn time(record: &Record) -> Option<Utc> {
    if let Body::Trace(event) = &record.body {
        return Some(event.time.at);
    }
    let Body::Verdict(spoken) = &record.body else { return None };
    Some(spoken.time)
}
