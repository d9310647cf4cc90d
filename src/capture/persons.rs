//! A person is in nothing that is kept other than as a token: not in a record, and not on the tape either.
use super::Capture;
use crate::model::plant::{Handshake, Plant, TagIndex};
use crate::model::{Command, Input, PersonKey, ReadDone, Sample, Text, Value};

/// The words of a plant that are somebody's badge.
pub(super) fn badges(plant: &Plant) -> Vec<TagIndex> {
    let handshakes = plant.stations.iter().flat_map(|station| &station.handshakes);
    let mut badges: Vec<TagIndex> = handshakes
        .flat_map(|Handshake { badge, overrule, .. }| {
            badge.iter().copied().chain(overrule.map(|words| words.badge))
        })
        .filter(|word| word.bit.is_none())
        .map(|word| word.tag)
        .collect();
    badges.sort_unstable();
    badges.dedup();
    badges
}

impl Capture {
    /// Puts a token in the place of every badge of an input that the plant in force knows to be one, so that the
    /// input may be kept. What is decided from it is the same.
    pub fn veil(&self, input: &mut Input) {
        match input {
            Input::Samples(samples) | Input::Read(ReadDone { outcome: Ok(samples), .. }) => {
                self.veil_samples(samples);
            }
            Input::Command { command, .. } => {
                if let Some(badge) = named(command) {
                    *badge = Text::parse(&self.persons.veil(badge.as_str())).expect("a good text");
                }
            }
            Input::Start { .. }
            | Input::Plant(_)
            | Input::Link { .. }
            | Input::Lost { .. }
            | Input::Read(ReadDone { outcome: Err(_), .. })
            | Input::Written(_)
            | Input::Facts(_)
            | Input::Wake => {}
        }
    }

    fn veil_samples(&self, samples: &mut [Sample]) {
        let Some(live) = self.live.as_ref().filter(|live| !live.badges.is_empty()) else { return };
        for sample in samples {
            if live.badges.binary_search(&sample.tag).is_ok() {
                veil(&self.persons, &mut sample.value);
            }
        }
    }
}

/// What is empty is nobody's badge, and what is no text is no badge.
pub(super) fn veil(persons: &PersonKey, value: &mut Value) {
    let badge = value.as_text().and_then(|text| Text::parse(text.trim()).ok());
    if let Some(badge) = badge {
        *value = Value::Text(persons.veil(badge.as_str()));
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
        | Command::Adopt { badge, .. } => Some(badge),
    }
}
