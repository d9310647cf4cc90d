//! Records as rows of tables.
use super::Standing;
use super::table::{Cell, Columns, Kind};
use crate::genealogy::{Claim, Node, links_of};
use crate::model::{Body, ItemKey, Measurement, Record, TraceEvent, What};
use crate::query::{describe, measured};

pub(super) const EVENTS: Columns = &[
    ("position", Kind::Whole),
    ("recorded", Kind::Time),
    ("time", Kind::Time),
    ("kind", Kind::Text),
    ("station", Kind::Text),
    ("item", Kind::Text),
    ("result", Kind::Text),
    ("permit", Kind::Text),
    ("reason", Kind::Text),
    ("operator", Kind::Text),
    ("product", Kind::Text),
    ("operation", Kind::Text),
    ("evidence", Kind::Text),
    ("purpose", Kind::Text),
    ("counts", Kind::Text),
    ("text", Kind::Text),
];
pub(super) const ITEMS: Columns =
    &[("position", Kind::Whole), ("place", Kind::Whole), ("item", Kind::Text)];
pub(super) const MEASUREMENTS: Columns = &[
    ("position", Kind::Whole),
    ("item", Kind::Text),
    ("name", Kind::Text),
    ("value", Kind::Number),
    ("text", Kind::Text),
    ("quality", Kind::Text),
    ("unit", Kind::Text),
    ("low", Kind::Number),
    ("high", Kind::Number),
];
pub(super) const LINKS: Columns = &[
    ("position", Kind::Whole),
    ("part", Kind::Text),
    ("whole", Kind::Text),
    ("kind", Kind::Text),
    ("certainty", Kind::Text),
    ("amount", Kind::Number),
    ("unit", Kind::Text),
];

type Row = Vec<Cell>;

fn whole(value: u64) -> Cell {
    i64::try_from(value).map_or(Cell::None, Cell::Whole)
}

/// The word that the interfaces have for it.
fn word(value: impl serde::Serialize) -> Cell {
    let value = serde_json::to_value(value).ok();
    value.as_ref().and_then(serde_json::Value::as_str).map(str::to_owned).into()
}

/// What was recorded; `counts` says whether nothing later took it back.
pub(super) fn event(record: &Record, counts: bool) -> Row {
    let view = describe(record);
    let of = |text: fn(&TraceEvent) -> Cell| {
        if let Body::Trace(event) = &record.body { text(event) } else { Cell::None }
    };
    vec![
        whole(record.position.0),
        record.at.wall.0.into(),
        view.time.0.into(),
        view.kind.into(),
        view.station.map(|station| station.to_string()).into(),
        view.items.first().map(ToString::to_string).into(),
        view.result.map_or(Cell::None, word),
        view.permit.as_ref().map_or(Cell::None, |permit| word(permit.permit)),
        view.permit.and_then(|permit| permit.reason).map(|reason| reason.to_string()).into(),
        of(|event| event.operator.map(|operator| operator.to_string()).into()),
        of(|event| event.product.as_ref().map(ToString::to_string).into()),
        of(|event| event.operation.as_ref().map(ToString::to_string).into()),
        of(|event| word(event.evidence)),
        of(|event| word(event.purpose)),
        if counts { "yes" } else { "no" }.into(),
        view.text.into(),
    ]
}

/// Every item that it is about, the main one first.
pub(super) fn items(record: &Record) -> Vec<Row> {
    let items = describe(record).items;
    let row = |(place, item): (u64, ItemKey)| {
        vec![whole(record.position.0), whole(place), item.to_string().into()]
    };
    (0..).zip(items).map(row).collect()
}

/// What was measured.
pub(super) fn measurements(record: &Record) -> Vec<Row> {
    let Body::Trace(event) = &record.body else { return Vec::new() };
    let item = event.what.items().first().map(ToString::to_string);
    let row = |measurement: &Measurement| {
        let Measurement { name, value, quality, unit, low, high } = measurement;
        vec![
            whole(record.position.0),
            item.clone().into(),
            name.to_string().into(),
            value.number().into(),
            value.to_string().into(),
            quality.to_string().into(),
            unit.as_ref().map(ToString::to_string).into(),
            (*low).into(),
            (*high).into(),
        ]
    };
    measured(&event.what).iter().map(row).collect()
}

/// What it says that went into what; the lots of feeders by name, and how sure it is, as they are known by
/// now.
pub(super) fn links(record: &Record, standing: &Standing) -> Vec<Row> {
    let Body::Trace(event) = &record.body else { return Vec::new() };
    let name = |node: &Node| match node {
        Node::Item(item) => Some(item.to_string()),
        Node::Mount(mount) => standing.lots.get(mount).map(ToString::to_string),
    };
    let sure = |part: &Node, told| match part {
        Node::Item(_) => Some(told),
        Node::Mount(mount) => {
            let stands = |by| !standing.void.contains(&by);
            standing.narrowed.certainty((record.position, mount, told), standing.end, stands)
        }
    };
    let consumed =
        if let What::Consume { consumed, .. } = &event.what { Some(consumed) } else { None };
    let amount = consumed.and_then(|consumed| consumed.amount.as_ref());
    let links = links_of(record.position, event);
    // That a lot is in a feeder is an event; what was made with it is the link.
    let links = links.iter().filter(|(_, into, ..)| matches!(into, Node::Item(_)));
    let row = |(part, into, kind, told): &Claim| {
        Some(vec![
            whole(record.position.0),
            name(part).into(),
            name(into).into(),
            word(kind),
            word(sure(part, *told)?),
            amount.map(|amount| amount.value).into(),
            amount.and_then(|amount| amount.unit.as_ref()).map(ToString::to_string).into(),
        ])
    };
    links.filter_map(row).collect()
}
