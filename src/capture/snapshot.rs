//! A snapshot: the words of a request, read afresh in one go, trigger first and last.
use crate::model::plant::{Carried, Handshake, Pattern, Plant, TagIndex, Word};
use crate::model::{Digest, Quality, QuarantineCause, RawWord, Sample, TagName, Value, wire};
use sha2::{Digest as _, Sha256};

/// The words of one read, in the order asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Snapshot {
    words: Vec<Sample>,
}

/// What is asked for: trigger, data, ack, trigger. The ack is read beside the data, because only
/// together they tell a pending request from one that is done.
pub fn wanted(handshake: &Handshake) -> Vec<TagIndex> {
    if let Some(slot) = handshake.ring.as_ref().and_then(|ring| ring.slots.first()) {
        // Of each slot its number, its data, its number.
        return slot.iter().chain(slot.first()).copied().collect();
    }
    let trigger = handshake.trigger.tag;
    if handshake.pattern == Pattern::Results {
        // Of a result its name and its data.
        return std::iter::once(trigger).chain(handshake.snapshot.iter().copied()).collect();
    }
    std::iter::once(trigger)
        .chain(handshake.snapshot.iter().copied().filter(|t| *t != trigger))
        .chain(handshake.ack.map(|w| w.tag).filter(|t| *t != trigger))
        .chain(std::iter::once(trigger))
        .collect()
}

/// Whether the trigger stood still while the snapshot was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Trigger {
    /// It did; this is its sample.
    Still(Sample),
    /// It moved; nothing of the snapshot may be used.
    Moved,
    /// It is bad: no request can be told from it.
    Bad(Quality),
}

impl Snapshot {
    /// `None` if the words are not those asked for.
    pub(super) fn new(words: Vec<Sample>, wanted: &[TagIndex]) -> Option<Self> {
        let fits = words.len() == wanted.len()
            && words.iter().zip(wanted).all(|(word, tag)| word.tag == *tag);
        fits.then_some(Self { words })
    }

    /// The same words under the indexes of the next plant.
    pub(super) fn carry(&mut self, carried: &Carried) {
        let Self { words } = self;
        let all = carried.samples(words);
        debug_assert!(all, "the words of a station that is carried over are carried over");
    }

    pub(super) fn get(&self, tag: TagIndex) -> Option<&Sample> {
        self.words.iter().find(|w| w.tag == tag)
    }

    /// The value of a word, or its bit, if its quality is good.
    pub(super) fn good(&self, word: Word) -> Option<Value> {
        pick(self.get(word.tag)?.good()?, word)
    }

    pub(super) fn trigger(&self, word: Word) -> Trigger {
        let (Some(first), Some(last)) = (self.words.first(), self.words.last()) else {
            return Trigger::Moved;
        };
        match (first.good(), last.good()) {
            (Some(a), Some(b)) if pick(a, word) == pick(b, word) => Trigger::Still(first.clone()),
            (Some(_), Some(_)) => Trigger::Moved,
            (None, _) => Trigger::Bad(first.quality),
            (_, None) => Trigger::Bad(last.quality),
        }
    }

    /// The trigger as it was at the begin and at the end of the read.
    pub(super) fn ends(&self, word: Word) -> (Option<Value>, Option<Value>) {
        let end = |sample: Option<&Sample>| pick(sample?.good()?, word);
        (end(self.words.first()), end(self.words.last()))
    }

    /// The same with the samples that say so, as far as they have a value.
    pub(super) fn ends_told(&self, word: Word) -> Vec<(Value, Sample)> {
        let ends = [self.words.first(), self.words.last()].into_iter().flatten();
        ends.filter_map(|sample| Some((pick(sample.good()?, word)?, sample.clone()))).collect()
    }

    /// Text of a code word.
    pub(super) fn text(&self, plant: &Plant, word: Word) -> Result<String, QuarantineCause> {
        self.good(word)
            .and_then(|v| v.as_text())
            .ok_or_else(|| QuarantineCause::Word(plant.tag(word.tag).name.clone()))
    }

    /// Over the values of these words, and of nothing else: times, acks and the station's context may
    /// change while a request is the same.
    pub(super) fn digest(&self, plant: &Plant, own: &[TagIndex]) -> Digest {
        let mut hash = Sha256::new();
        for word in self.words.iter().filter(|w| own.contains(&w.tag)) {
            let value = word.good().cloned().unwrap_or(Value::Empty);
            hash.update(wire::encode(&(&plant.tag(word.tag).name, value)));
        }
        Digest(hash.finalize().into())
    }

    /// Whether some of these words has no value.
    pub(super) fn lacks(&self, own: &[TagIndex]) -> bool {
        self.words.iter().any(|w| own.contains(&w.tag) && w.good().is_none())
    }

    /// Whether two reads brought the same.
    pub(super) fn same(&self, plant: &Plant, other: &Self) -> bool {
        let all: Vec<TagIndex> = self.words.iter().map(|w| w.tag).collect();
        self.digest(plant, &all) == other.digest(plant, &all)
    }

    /// Everything as it was read.
    pub(super) fn raw(&self, plant: &Plant) -> Vec<RawWord> {
        let raw = |w: &Sample| RawWord {
            tag: plant.tag(w.tag).name.clone(),
            value: w.value.clone(),
            quality: w.quality,
            source: w.source,
        };
        self.words.iter().map(raw).collect()
    }

    /// The name and quality of a word, for a remark.
    pub(super) fn quality(&self, plant: &Plant, word: Word) -> (TagName, Quality) {
        let quality = self.get(word.tag).map_or(Quality::BAD_WAITING, |w| w.quality);
        (plant.tag(word.tag).name.clone(), quality)
    }
}

/// The value itself, or one bit of it.
pub fn pick(value: &Value, word: Word) -> Option<Value> {
    match word.bit {
        None => Some(value.clone()),
        Some(bit) => value.bit(bit).map(Value::Bool),
    }
}

/// The words that make the request what it is: all of its own, none of the station's context. Not who made it: that
/// is known by a token, and by another one as soon as the key of persons is erased.
pub(super) fn own_words(h: &Handshake) -> Vec<TagIndex> {
    use crate::model::plant::CodeFrom;
    let code = |spec: &crate::model::plant::CodeSpec| {
        let from = match spec.from {
            CodeFrom::Word(w) => Some(w),
            CodeFrom::Current | CodeFrom::Carried | CodeFrom::Passage | CodeFrom::Order => None,
        };
        [from, spec.scope.word()]
    };
    let mut tags: Vec<TagIndex> = code(&h.item)
        .into_iter()
        .chain(h.other.iter().chain(&h.members).flat_map(code))
        .chain([
            h.nest,
            h.carrier.as_ref().map(|c| c.word),
            h.position,
            h.time,
            h.product,
            h.material,
            h.operation,
        ])
        .chain([h.quantity.as_ref().map(|q| q.word), h.result.as_ref().map(|r| r.word)])
        .flatten()
        .chain(h.measurements.iter().map(|m| m.word))
        .chain(h.context.iter().map(|(_, word)| *word))
        .map(|w| w.tag)
        .chain(h.number.map(|n| n.tag))
        .chain(h.overrule.iter().map(|o| o.reason.tag))
        .chain(h.results.iter().filter_map(|r| r.only.as_ref()).map(|only| only.word.tag))
        .collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}
