//! The values of a monitor of measurements, as the records of its station have them, the last first.
use crate::genealogy::NodeId;
use crate::model::{
    HandshakeId, Interval, ItemKey, Measurement, Position, StationId, TagName, Text, TraceEvent,
    Utc,
};
use crate::query::body::Bodies;
use crate::query::measured::tells_measurement;
use crate::query::step::measured;
use crate::query::view::View;
use std::collections::BTreeMap;
use std::time::Duration;

/// So much of what happened at a station is looked through for one answer; what lies farther back is asked for with `before`.
const SCANNED_MAX: usize = 50_000;

/// Where an answer ended: what was measured before is asked for with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Before {
    /// When it was measured.
    pub time: Utc,
    /// By which record it is known.
    pub position: Position,
}

impl Before {
    fn key(self) -> (Utc, Position) {
        (self.time, self.position)
    }
}

impl std::fmt::Display for Before {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.time.0, self.position.0)
    }
}

impl std::str::FromStr for Before {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('.');
        let parts = parts.and_then(|(time, at)| Some((time.parse().ok()?, at.parse().ok()?)));
        let (time, position) = parts.ok_or_else(|| {
            format!(
                "`{text}` is not where an answer ended; an answer that was cut says it in `before`"
            )
        })?;
        Ok(Self { time: Utc(time), position: Position(position) })
    }
}

impl serde::Serialize for Before {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What an answer is of: everything that it could not see within is a reason why it is not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::query) struct Seen {
    pub(in crate::query) within: Interval,
    /// From where to go on, if that is not all.
    pub(in crate::query) before: Option<Before>,
}

/// An item that was at the station, and may have been measured.
struct Visit {
    key: Before,
    item: ItemKey,
    product: Option<Text>,
}

/// What memory knows of where to look.
pub(in crate::query) struct Draft {
    handshake: HandshakeId,
    name: TagName,
    within: Interval,
    visits: Vec<Visit>,
    /// What was looked at last, if there is more.
    rest: Option<Before>,
}

/// A value that was measured.
pub(super) struct Value {
    pub(super) key: Before,
    pub(super) item: ItemKey,
    pub(super) product: Option<Text>,
    pub(super) measurement: Measurement,
}

impl Value {
    /// It as a number, if it may be trusted and is one.
    pub(super) fn good(&self) -> Option<f64> {
        let number = self.measurement.quality.is_good().then(|| self.measurement.value.number());
        number.flatten().filter(|x| x.is_finite())
    }
}

/// What was worked on as production at a station in a time, and before that the answer ended at that is gone on from.
pub(in crate::query) fn draft(
    memory: &View<'_>,
    (station, handshake, name): (&StationId, &HandshakeId, &TagName),
    within: Interval,
    before: Option<Before>,
) -> Draft {
    let end = Before { time: within.to.unwrap_or(Utc(i64::MAX)), position: Position(0) };
    let end = before.map_or(end, |before| before.min(end));
    let to = before.map_or(within.to, |_| Some(end.time.plus(Duration::from_nanos(1))));
    let (mut visits, mut rest, mut last) = (Vec::new(), None, None);
    let mut known: BTreeMap<NodeId, Option<(ItemKey, Option<Text>)>> = BTreeMap::new();
    let number = memory.places.find(station);
    let all = number
        .into_iter()
        .flat_map(|number| memory.places.get(number).within(within.from, end.key()));
    for (looked_at, (time, position, node)) in all.enumerate() {
        let key = Before { time, position };
        // Between two records: the main item of one may be the last of its items.
        if looked_at >= SCANNED_MAX && last != Some(key) {
            rest = last;
            break;
        }
        last = Some(key);
        if position > memory.position || memory.void().contains(&position) {
            continue;
        }
        let mut moments = memory.life(node).then((time, position));
        if !moments.any(|moment| moment.production && tells_measurement(moment.kind)) {
            continue;
        }
        let told = || Some((memory.key(node)?.clone(), memory.product(node)));
        let Some((item, product)) = known.entry(node).or_insert_with(told).clone() else {
            continue;
        };
        visits.push(Visit { key, item, product });
    }
    let (handshake, name) = (handshake.clone(), name.clone());
    Draft { handshake, name, within: Interval { to, ..within }, visits, rest }
}

impl Draft {
    /// The last values, at most so many, in the order of time; and what they are of.
    pub(super) fn read(self, values_max: usize, bodies: &mut Bodies<'_>) -> (Vec<Value>, Seen) {
        let Self { handshake, name, within, visits, rest: mut before } = self;
        let mut values: Vec<Value> = Vec::new();
        let mut looked_at = None;
        let mut of: Option<(Position, Option<TraceEvent>)> = None;
        for Visit { key, item, product } in visits {
            if of.as_ref().is_none_or(|(position, _)| *position != key.position) {
                of = Some((key.position, bodies.event(key.position)));
            }
            let event = of.as_ref().and_then(|(_, event)| event.as_ref());
            let event = event.filter(|event| is_of(event, &handshake, &item));
            let found =
                event.and_then(|event| measured(&event.what).iter().find(|m| m.name == name));
            if found.is_some() && values.len() == values_max {
                before = looked_at;
                break;
            }
            looked_at = Some(key);
            let value =
                |found: &Measurement| Value { key, item, product, measurement: found.clone() };
            values.extend(found.map(value));
        }
        values.reverse();
        let from = before.map_or(within.from, |before| before.time);
        (values, Seen { within: Interval { from, ..within }, before })
    }
}

/// Whether an event came by a handshake and is about this item before all: what is measured is measured of that one,
/// however many it consists of.
fn is_of(event: &TraceEvent, handshake: &HandshakeId, item: &ItemKey) -> bool {
    let by = event.handshake.as_ref().map(|mark| &mark.key.handshake);
    by == Some(handshake) && event.items().first().is_some_and(|main| *main == item)
}
