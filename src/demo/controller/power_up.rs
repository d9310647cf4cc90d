//! What the nodes of a stand-in hold at power-up, and thereby their types. A plant file does not say them:
//! a server does. Their use tells.
use super::convert::{moment, texts_of};
use crate::model::plant::{
    DeviceIndex, Handshake, Pattern, Plant, ReplyValue, Ring, Station, TagIndex, Word,
};
use crate::model::{Utc, Value};
use ::opcua::types::Variant;
use std::collections::{BTreeMap, BTreeSet};

/// The words of a device; those that nothing is known of are counts.
pub(super) fn variants(
    plant: &Plant,
    device: DeviceIndex,
    texts: &BTreeSet<TagIndex>,
    boot: u32,
    now: Utc,
) -> BTreeMap<TagIndex, Variant> {
    let mut first: BTreeMap<TagIndex, Variant> = BTreeMap::new();
    let mut put = |word: Word, variant: Variant| {
        // One bit is a bit of a whole number.
        if word.bit.is_none() {
            first.insert(word.tag, variant);
        }
    };
    let whole = |tag| Word { tag, bit: None };
    for station in &plant.stations {
        for monitor in &station.monitors {
            if let crate::model::plant::Watched::Tag(word) = monitor.of {
                put(word, Variant::Double(0.0));
            }
        }
        for (word, _) in &station.evidence {
            put(*word, Variant::Boolean(false));
        }
        for phase in &station.phases {
            phase.record.iter().for_each(|tag| put(whole(*tag), Variant::Double(0.0)));
        }
        let recipe = recipe(plant, station);
        station.handshakes.iter().for_each(|h| handshake(h, &recipe, now, &mut put));
    }
    for tag in texts {
        put(whole(*tag), Variant::from(""));
    }
    for word in plant.stations.iter().flat_map(|s| &s.handshakes).filter_map(Handshake::array) {
        put(word, texts_of(&[]));
    }
    let device = plant.device(device);
    if let Some(tag) = device.restart {
        put(whole(tag), Variant::UInt32(boot));
    }
    if let Some(interface) = &device.interface {
        put(whole(interface.tag), of(&interface.equals));
    }
    let rings = plant.stations.iter().flat_map(|s| &s.handshakes).filter_map(|h| h.ring.as_ref());
    rings.for_each(|ring| alike(ring, &mut first));
    first
}

fn handshake(h: &Handshake, recipe: &Variant, now: Utc, put: &mut impl FnMut(Word, Variant)) {
    for measurement in &h.measurements {
        put(measurement.word, Variant::Double(0.0));
    }
    if let Some(quantity) = &h.quantity {
        put(quantity.word, Variant::Double(0.0));
    }
    if let Some(time) = h.time {
        put(time, moment(now.0));
    }
    for reply in &h.replies {
        let variant = match &reply.value {
            ReplyValue::Permit | ReplyValue::Reason => Variant::Int32(0),
            ReplyValue::Recipe => recipe.clone(),
            ReplyValue::Fixed(value) => empty(value),
        };
        put(reply.word, variant);
    }
    if matches!(h.pattern, Pattern::ReqAck | Pattern::Toggle | Pattern::Edge) {
        for word in [Some(h.trigger), h.ack].into_iter().flatten() {
            put(word, Variant::Boolean(false));
        }
    }
}

/// Before the first recipe came. An order list says texts.
fn recipe(plant: &Plant, station: &Station) -> Variant {
    let products = plant.catalog.products.values();
    let said: Vec<&Value> = products.filter_map(|p| p.recipes.get(&station.id)).collect();
    let numbers = said.iter().all(|recipe| recipe.integer().is_some()) && !station.orders;
    if numbers { Variant::Int32(0) } else { Variant::from("") }
}

/// What is in one slot of a ring is in all.
fn alike(ring: &Ring, first: &mut BTreeMap<TagIndex, Variant>) {
    let Some((one, others)) = ring.slots.split_first() else { return };
    for (word, same) in others.iter().flat_map(|slot| one.iter().zip(slot)) {
        if let Some(variant) = first.get(word).cloned() {
            first.insert(*same, variant);
        }
    }
}

/// The type that holds a value, and the value.
fn of(value: &Value) -> Variant {
    match value {
        Value::Bool(on) => Variant::Boolean(*on),
        Value::Int(number) => {
            i32::try_from(*number).map_or(Variant::Int64(*number), Variant::Int32)
        }
        Value::UInt(number) => {
            u32::try_from(*number).map_or(Variant::UInt64(*number), Variant::UInt32)
        }
        Value::Real(number) => Variant::Double(*number),
        Value::Time(ns) => moment(*ns),
        Value::Text(text) => Variant::from(text.as_str()),
        Value::Empty | Value::Bytes(_) | Value::List(_) => Variant::UInt32(0),
    }
}

/// The type that holds a value, and nothing in it.
fn empty(value: &Value) -> Variant {
    match value {
        Value::Bool(_) => Variant::Boolean(false),
        Value::Int(_) => Variant::Int32(0),
        Value::Real(_) => Variant::Double(0.0),
        Value::Text(_) => Variant::from(""),
        Value::Empty | Value::UInt(_) | Value::Bytes(_) | Value::Time(_) | Value::List(_) => {
            Variant::UInt32(0)
        }
    }
}
