//! A person is in nothing that is kept other than as a token: not in a record, and not on the tape either.
use super::snapshot::Snapshot;
use super::{At, Capture};
use crate::model::plant::{Handshake, Plant, TagIndex};
use crate::model::{AlarmAsked, Command, Input, PersonKey, RawWord, ReadDone, Text, Value};

/// The words of a plant that are somebody's badge.
pub(super) fn badges(plant: &Plant) -> Vec<TagIndex> {
    let handshakes = plant.stations.iter().flat_map(|station| &station.handshakes);
    let mut badges: Vec<TagIndex> = handshakes.flat_map(of_handshake).collect();
    badges.sort_unstable();
    badges.dedup();
    badges
}

fn of_handshake(handshake: &Handshake) -> Vec<TagIndex> {
    let Handshake { badge, overrule, ring, .. } = handshake;
    let words = badge.iter().copied().chain(overrule.map(|words| words.badge));
    let whole = words.filter(|word| word.bit.is_none());
    let mut badges: Vec<TagIndex> = whole.map(|word| word.tag).collect();
    // The words are those of the first slot; the other slots have the same in the same order.
    let slots = ring.iter().flat_map(|ring| &ring.slots);
    if let Some(first) = ring.iter().find_map(|ring| ring.slots.first()) {
        let at: Vec<_> = (0..).zip(first).filter(|(_, tag)| badges.contains(tag)).collect();
        badges.extend(slots.flat_map(|slot| at.iter().filter_map(|(n, _)| slot.get(*n)).copied()));
    }
    badges
}

impl Capture {
    /// Puts a token in the place of every badge of an input that the plant in force knows to be one, so that the
    /// input may be kept. What is decided from it is the same.
    pub fn veil(&self, input: &mut Input) {
        self.veil_words(input, veil);
        match input {
            Input::Command { command, .. } => {
                if let Some(badge) = named(command) {
                    *badge = Text::parse(&self.persons.veil(badge.as_str())).expect("a good text");
                }
            }
            Input::Start { .. }
            | Input::Plant(_)
            | Input::Samples(_)
            | Input::Link { .. }
            | Input::Lost { .. }
            | Input::Read(_)
            | Input::Written(_)
            | Input::Facts(_)
            | Input::Wake => {}
        }
    }

    /// The same of an input that was kept under another plant, which knew of fewer badges: those that it knew are
    /// veiled already.
    pub fn veil_kept(&self, input: &mut Input) {
        self.veil_words(input, |persons, value| {
            if !is_veiled(value) {
                veil(persons, value);
            }
        });
    }

    fn veil_words(&self, input: &mut Input, veil: impl Fn(&PersonKey, &mut Value)) {
        let (Input::Samples(samples) | Input::Read(ReadDone { outcome: Ok(samples), .. })) = input
        else {
            return;
        };
        let badges = self.live.iter().flat_map(|live| &live.badges).collect::<Vec<_>>();
        for sample in samples {
            if badges.binary_search(&&sample.tag).is_ok() {
                veil(&self.persons, &mut sample.value);
            }
        }
    }

    /// Everything as it was read, for a record: with the tokens as they are shown there.
    pub(super) fn raw(&self, at: At, snapshot: &Snapshot) -> Vec<RawWord> {
        let live = self.live();
        let badges = of_handshake(live.handshake(at)).into_iter();
        let badges: Vec<_> = badges.map(|tag| &live.plant.tag(tag).name).collect();
        let mut raw = snapshot.raw(&live.plant);
        for word in raw.iter_mut().filter(|word| badges.contains(&&word.tag)) {
            // One that was read is veiled by now, but for what is no text.
            if !matches!(&word.value, Value::Text(text) if PersonKey::is_veiled(text)) {
                veil(&self.persons, &mut word.value);
            }
            if let Value::Text(badge) = &mut word.value
                && !badge.trim().is_empty()
            {
                *badge = self.persons.token(badge).to_string();
            }
        }
        raw
    }
}

/// What is empty is nobody's badge. What is no text is no badge either, but it may tell a person.
fn veil(persons: &PersonKey, value: &mut Value) {
    let text = value.as_text();
    let said = text.as_deref().map(str::trim);
    if *value == Value::Empty || said == Some("") {
        return;
    }
    *value = match said.and_then(|said| Text::parse(said).ok()) {
        Some(badge) => Value::Text(persons.veil(badge.as_str())),
        None => Value::Bytes(persons.veil(&format!("{value:?}")).into_bytes()),
    };
}

/// Whether it stands for a badge that was veiled.
fn is_veiled(value: &Value) -> bool {
    match value {
        Value::Text(text) => PersonKey::is_veiled(text),
        Value::Bytes(bytes) => std::str::from_utf8(bytes).is_ok_and(PersonKey::is_veiled),
        Value::Empty
        | Value::Bool(_)
        | Value::Int(_)
        | Value::UInt(_)
        | Value::Real(_)
        | Value::Time(_)
        | Value::List(_) => false,
    }
}

/// Who wants something.
fn named(command: &mut Command) -> Option<&mut Text> {
    match command {
        Command::Orders(_) => None,
        Command::Reload { badge, .. } => badge.as_mut(),
        Command::Hold { badge, .. }
        | Command::Release { badge, .. }
        | Command::Note { badge, .. }
        | Command::Identify { badge, .. }
        | Command::Count { badge, .. }
        | Command::Maintenance { badge, .. }
        | Command::Alarm(AlarmAsked { badge, .. })
        | Command::Adopt { badge, .. }
        | Command::Case { badge, .. } => Some(badge),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_may_tell_a_person_is_veiled_and_what_is_no_badge_stays_none() {
        let key = PersonKey::new([7; 32]);
        let veiled = |value: &Value| {
            let mut veiled = value.clone();
            veil(&key, &mut veiled);
            veiled
        };
        for nobody in [Value::Empty, Value::text(""), Value::text("  ")] {
            assert_eq!(veiled(&nobody), nobody);
        }
        for badge in [Value::text(" 4711 "), Value::UInt(4711), Value::Int(4711)] {
            assert_eq!(veiled(&badge), Value::Text(key.veil("4711")));
        }
        // A token is ours alone: nobody is whoever he says he is.
        let stolen = Value::Text(key.veil("4711"));
        assert_ne!(veiled(&stolen), stolen);
        assert_ne!(veiled(&stolen), veiled(&Value::text("4711")));
        // A scanner's frame around it, the bytes of a tag.
        for other in [Value::text("\u{2}4711\u{3}"), Value::Bytes(b"4711".to_vec())] {
            let Value::Bytes(kept) = veiled(&other) else { panic!("{other:?} is a badge") };
            assert!(!kept.windows(4).any(|at| at == b"4711"), "{other:?}");
            assert_ne!(veiled(&other), veiled(&Value::Bytes(b"4712".to_vec())));
        }
    }
}
