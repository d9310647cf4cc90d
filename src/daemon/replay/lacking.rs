//! Requests of which no event came because words of theirs are nowhere on the tape, or only later: nothing can be said
//! of them, least of all that they were not made.
use super::carry::{Handshakes, Name};
use crate::capture::pick;
use crate::model::plant::Word;
use crate::model::{Body, Record, Sample, StationId, Utc, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A request that could not be read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lack {
    /// Whose it was.
    pub(super) of: Name,
    /// When its trigger became what it was.
    pub(super) asked: Utc,
    /// When the next request of the same was read; `None` if none was.
    pub(super) until: Option<Utc>,
    /// The words that it lacked, as people know them.
    pub(super) words: BTreeSet<String>,
}

impl Lack {
    /// Why nothing can be said of the request.
    pub(super) fn why(&self) -> String {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        format!("the tape does not have {} before it", words.join(", "))
    }

    /// Whether an event that was stepped then came by it.
    pub(super) fn is_of(&self, name: &Name, stepped: Utc) -> bool {
        self.of == *name && self.touches(&name.0, stepped, stepped)
    }

    /// Whether what was seen at a station from one time to another may hang on this request.
    pub(super) fn touches(&self, station: &StationId, from: Utc, to: Utc) -> bool {
        let over = self.until.is_some_and(|until| until <= from);
        self.of.0 == *station && self.asked <= to && !over
    }
}

/// Those of a replay.
#[derive(Debug, Default)]
pub(super) struct Lacking {
    /// The triggers of the played plant, and since when they are what they are.
    triggers: BTreeMap<Word, (Option<Value>, Option<Utc>)>,
    open: BTreeMap<Name, Lack>,
    over: Vec<Lack>,
}

impl Lacking {
    /// Another plant is played from then on.
    pub(super) fn put_in_force(&mut self, handshakes: &Handshakes, at: Utc) {
        let gone = self.open.extract_if(.., |name, _| !handshakes.has(name));
        self.over.extend(gone.map(|(_, lack)| Lack { until: Some(at), ..lack }));
        let triggers = handshakes.all().map(|(_, trigger)| (*trigger, (None, None)));
        self.triggers = triggers.collect();
    }

    /// Samples of the played plant were told.
    pub(super) fn told(&mut self, samples: &[Sample]) {
        for sample in samples {
            let bits = |bit| Word { tag: sample.tag, bit };
            for (word, (value, since)) in self.triggers.range_mut(bits(None)..=bits(Some(u8::MAX)))
            {
                // Good, bad and good again is no other request.
                let Some(now) = sample.good().and_then(|value| pick(value, *word)) else {
                    continue;
                };
                if value.as_ref() != Some(&now) {
                    (*value, *since) = (Some(now), Some(sample.receive));
                }
            }
        }
    }

    /// The words of a request were put together at a time, without these.
    pub(super) fn read(&mut self, of: &[(Name, Word)], at: Utc, words: &BTreeSet<String>) {
        for (name, trigger) in of {
            let told = self.triggers.get(trigger).and_then(|(_, since)| *since);
            let asked = told.map_or(at, |told| told.min(at));
            if let Some(before) = self.open.remove(name)
                && before.asked != asked
            {
                self.over.push(Lack { until: Some(asked), ..before });
            }
            if !words.is_empty() {
                let lack = Lack { of: name.clone(), asked, until: None, words: words.clone() };
                self.open.insert(name.clone(), lack);
            }
        }
    }

    /// An event was recorded: if it came by a request, that one lacked nothing that it needs.
    pub(super) fn recorded(&mut self, record: &Record) {
        if let Body::Trace(event) = &record.body
            && let Some(mark) = &event.handshake
        {
            self.open.remove(&(mark.key.station.clone(), mark.key.handshake.clone()));
        }
    }

    /// All that stay.
    pub(super) fn end(self) -> Vec<Lack> {
        self.over.into_iter().chain(self.open.into_values()).collect()
    }
}
