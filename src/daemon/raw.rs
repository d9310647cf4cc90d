//! Registers as they come, read in every order: for who looks for the right one.
use crate::field::Onlooker;
use crate::field::modbus::decode::decode;
use crate::http::{Reading, TapEvent};
use crate::model::plant::{Plant, Register, StringOrder, TagIndex, TagSource, WordOrder};
use crate::telemetry::Now;
use std::sync::Arc;
use tokio::sync::broadcast;

/// In the order of people's habits.
const NUMBERS: [(&str, WordOrder); 4] = [
    ("ABCD", WordOrder::Abcd),
    ("CDAB", WordOrder::Cdab),
    ("BADC", WordOrder::Badc),
    ("DCBA", WordOrder::Dcba),
];
const TEXTS: [(&str, StringOrder); 2] =
    [("hi-lo", StringOrder::HighLow), ("lo-hi", StringOrder::LowHigh)];

/// Tells `watchers`, and costs nothing while there are none.
pub(super) fn onlooker(watchers: broadcast::Sender<TapEvent>, now: Now) -> Onlooker {
    Arc::new(move |plant, tag, words| {
        if watchers.receiver_count() > 0
            && let Some(readings) = readings(plant, tag, words)
        {
            let words = words.iter().map(|word| format!("{word:04X}")).collect();
            let whose = plant.tag(tag);
            let (device, tag) = (plant.device(whose.device).id.clone(), whose.name.clone());
            // Who has gone away meanwhile misses nothing.
            drop(watchers.send(TapEvent::Raw { device, tag, words, readings, at: now().wall }));
        }
    })
}

/// What the words say in every order; one reading where no order matters.
fn readings(plant: &Plant, tag: TagIndex, words: &[u16]) -> Option<Vec<Reading>> {
    let TagSource::Register(register) = &plant.tag(tag).source else { return None };
    let read = |order: &str, as_if: &Register, is: bool| Reading {
        order: order.to_owned(),
        value: decode(as_if, words).map_or_else(|why| why.to_string(), |value| value.to_string()),
        configured: is,
    };
    let one_each = matches!(register.strings, StringOrder::High | StringOrder::Low);
    Some(if register.kind.is_text() && !one_each {
        let each = |(name, strings): (&str, StringOrder)| {
            read(name, &Register { strings, ..register.clone() }, strings == register.strings)
        };
        TEXTS.map(each).into()
    } else if words.len() > 1 && !register.kind.is_text() {
        let each = |(name, order): (&str, WordOrder)| {
            read(name, &Register { order, ..register.clone() }, order == register.order)
        };
        NUMBERS.map(each).into()
    } else {
        vec![read("", register, true)]
    })
}
