//! The simulated controllers: words that are set, read and written.
use crate::field::modbus::decode::{CodecFault, decode, encode};
use crate::model::plant::{
    CodeFrom, CodeSpec, Condition, Plant, Station, Tag, TagIndex, TagSource, Test, Word,
};
use crate::model::{Quality, Sample, Utc, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Why a word cannot hold a value.
pub type Unfit = CodecFault;

/// A value as the device gives it back once it is in the word: a register is encoded and decoded,
/// a node keeps what it is given. Counts of a node are unsigned.
///
/// # Errors
/// The register is of another kind, or too small.
pub fn as_read(tag: &Tag, value: &Value) -> Result<Value, Unfit> {
    match &tag.source {
        TagSource::Register(register) => decode(register, &encode(register, value)?),
        TagSource::Node(_) | TagSource::Field(_) => {
            Ok(value.count().map_or_else(|| value.clone(), Value::UInt))
        }
    }
}

/// A word of a controller.
#[derive(Debug, Clone)]
struct Held {
    value: Value,
    /// Whether the controller calls it good.
    good: bool,
    since: Utc,
}

/// All words of the plant's controllers, just switched on: numbers are 0, texts empty, bits off.
#[derive(Debug, Clone)]
pub(super) struct Words {
    plant: Arc<Plant>,
    held: Vec<Held>,
}

impl Words {
    pub(super) fn new(plant: &Arc<Plant>, since: Utc) -> Self {
        let texts = texts(plant);
        let held = plant.tags().map(|(index, tag)| Held {
            value: at_first(tag, texts.contains(&index)),
            good: true,
            since,
        });
        Self { held: held.collect(), plant: Arc::clone(plant) }
    }

    /// What stands in a word.
    #[expect(clippy::indexing_slicing, reason = "indexes are made with the plant")]
    fn held(&self, tag: TagIndex) -> &Held {
        &self.held[tag.get()]
    }

    /// Sets a word, or one bit of it; `None` makes it bad. Says whether it changed.
    #[expect(clippy::indexing_slicing, reason = "indexes are made with the plant")]
    pub(super) fn set(&mut self, word: Word, value: Option<&Value>, now: Utc) -> bool {
        let held = &mut self.held[word.tag.get()];
        let next = match (value, word.bit) {
            (None, _) => held.value.clone(),
            (Some(value), None) => value.clone(),
            (Some(value), Some(bit)) => with_bit(&held.value, bit, value),
        };
        let changed = held.good != value.is_some() || held.value != next;
        if changed {
            *held = Held { value: next, good: value.is_some(), since: now };
        }
        changed
    }

    /// Writes a word as we write it. A value that it cannot hold leaves it as it is.
    pub(super) fn write(&mut self, word: Word, value: &Value, now: Utc) -> bool {
        let value = match word.bit {
            Some(_) => Ok(value.clone()),
            None => as_read(self.plant.tag(word.tag), value),
        };
        value.is_ok_and(|value| self.set(word, Some(&value), now))
    }

    pub(super) fn value(&self, tag: TagIndex) -> &Value {
        &self.held(tag).value
    }

    /// A sample of a word as its device gives it: OPC UA says since when, Modbus does not.
    pub(super) fn read(&self, index: TagIndex, now: Utc) -> Sample {
        let (tag, held) = (self.plant.tag(index), self.held(index));
        let quality = if held.good {
            tag.judge(&held.value).unwrap_or(Quality::GOOD)
        } else {
            Quality::BAD_DEVICE
        };
        let source = match &tag.source {
            TagSource::Node(_) | TagSource::Field(_) => Some(held.since),
            TagSource::Register(_) => None,
        };
        Sample {
            tag: index,
            value: held.value.clone(),
            quality,
            source,
            server: None,
            receive: now,
        }
    }
}

fn with_bit(value: &Value, bit: u8, on: &Value) -> Value {
    let mask = 1_u64.checked_shl(bit.into()).unwrap_or(0);
    let word = value.count().unwrap_or(0);
    Value::UInt(if on.integer() == Some(0) { word & !mask } else { word | mask })
}

fn at_first(tag: &Tag, text: bool) -> Value {
    let text = match &tag.source {
        TagSource::Node(_) | TagSource::Field(_) => text,
        TagSource::Register(register) => register.kind.is_text(),
    };
    let value = if text { Value::Text(String::new()) } else { Value::UInt(0) };
    as_read(tag, &value).unwrap_or(Value::Empty)
}

/// Words that hold a text, as far as their use tells: OPC UA types come from the server.
pub fn texts(plant: &Plant) -> BTreeSet<TagIndex> {
    plant.stations.iter().flat_map(texts_of).map(|word| word.tag).collect()
}

fn texts_of(station: &Station) -> Vec<Word> {
    let code = |spec: &CodeSpec| {
        let from = match spec.from {
            CodeFrom::Word(word) => Some(word),
            CodeFrom::Current | CodeFrom::Carried | CodeFrom::Passage | CodeFrom::Order => None,
        };
        from.into_iter().chain(spec.scope.word()).collect::<Vec<_>>()
    };
    let mut words = Vec::new();
    for h in &station.handshakes {
        words.extend(code(&h.item));
        words.extend(h.other.iter().chain(&h.members).flat_map(code));
        words.extend(
            [h.nest, h.position, h.product, h.material, h.operation, h.badge].into_iter().flatten(),
        );
        words.extend(h.carrier.iter().map(|carrier| carrier.word));
        words.extend(h.results.iter().map(|_| h.trigger));
        words.extend(h.overrule.iter().flat_map(|words| [words.badge, words.reason]));
        let texts = words.clone();
        // What is a text in one slot of a ring is one in all.
        let slots = h.ring.iter().flat_map(|ring| ring.slots.iter().map(move |slot| (ring, slot)));
        words.extend(slots.flat_map(|(ring, slot)| {
            let first = ring.slots.iter().take(1).flatten();
            let same = first.zip(slot).filter(|(a, _)| texts.iter().any(|w| w.tag == **a));
            same.map(|(_, tag)| Word { tag: *tag, bit: None }).collect::<Vec<_>>()
        }));
    }
    let of_text = |condition: &Condition| {
        let Test::In(values) = &condition.test else { return None };
        values.iter().any(|v| matches!(v, Value::Text(_))).then_some(condition.word)
    };
    let told = station.handshakes.iter().filter_map(|h| h.results.as_ref());
    words.extend(told.filter_map(|results| results.only.as_ref()).filter_map(of_text));
    for phase in &station.phases {
        words.extend(phase.item.iter().flat_map(code));
        words.extend(phase.operation);
        words.extend([&phase.while_].into_iter().chain(&phase.confirm).filter_map(of_text));
    }
    for mount in &station.mounts {
        words.extend(code(&mount.lot));
        words.extend(mount.material);
    }
    words
}
