//! What of the plant on the tape is what of the plant that is played: by where it is found, never by a
//! name alone. A name that means another word now has none of the old word's values.
use crate::capture::wanted;
use crate::model::plant::{
    CodeFrom, DeviceIndex, Handshake, Pattern, Phase, Plant, Station, TagIndex, Word,
};
use crate::model::{HandshakeId, Input, Link, Sample, StationId, TagName};
use std::collections::{BTreeMap, BTreeSet};

/// A handshake by its names.
pub(super) type Name = (StationId, HandshakeId);

/// From the plant on the tape to the one that is played.
#[derive(Debug, Clone, Default)]
pub(super) struct Carry {
    devices: BTreeMap<DeviceIndex, DeviceIndex>,
    tags: BTreeMap<TagIndex, Vec<TagIndex>>,
    back: BTreeMap<TagIndex, TagIndex>,
    names: BTreeMap<(DeviceIndex, TagName), Vec<TagName>>,
}

impl Carry {
    /// Tags are the same if they are the same point of a device of the same name.
    pub(super) fn between(tape: &Plant, played: &Plant) -> Self {
        let ids: BTreeMap<_, _> = played.devices().map(|(index, d)| (&d.id, index)).collect();
        let mut carry = Self::default();
        for (index, device) in tape.devices() {
            carry.devices.extend(ids.get(&device.id).map(|there| (index, *there)));
        }
        for (index, old) in tape.tags() {
            let Some(device) = carry.devices.get(&old.device).copied() else { continue };
            let same = played.tags_of(device).filter(|(_, new)| new.source == old.source);
            for (there, new) in same {
                carry.tags.entry(index).or_default().push(there);
                // Of several names for one point, the same one goes first.
                if new.name == old.name || !carry.back.contains_key(&there) {
                    carry.back.insert(there, index);
                }
                let names = carry.names.entry((old.device, old.name.clone())).or_default();
                names.push(new.name.clone());
            }
        }
        carry
    }

    /// The tag on the tape that a tag of the played plant is.
    pub(super) fn on_tape(&self, tag: TagIndex) -> Option<TagIndex> {
        self.back.get(&tag).copied()
    }

    /// Whether a word of the tape's plant is this word of the played one.
    pub(super) fn is_word(&self, tape: Word, played: Word) -> bool {
        let same = self.tags.get(&tape.tag).is_some_and(|there| there.contains(&played.tag));
        same && tape.bit == played.bit
    }

    /// Samples of the tape as the played plant has them; one for each of its names.
    pub(super) fn samples(&self, samples: &[Sample]) -> Vec<Sample> {
        let there = |sample: &Sample| {
            let tags = self.tags.get(&sample.tag).cloned().unwrap_or_default();
            let sample = sample.clone();
            tags.into_iter().map(move |tag| Sample { tag, ..sample.clone() })
        };
        samples.iter().flat_map(there).collect()
    }

    /// What a device told, as the played plant has it; nothing of what is not in it.
    pub(super) fn told(&self, input: &Input) -> Vec<Input> {
        match input {
            Input::Samples(samples) => {
                let samples = self.samples(samples);
                if samples.is_empty() { Vec::new() } else { vec![Input::Samples(samples)] }
            }
            Input::Link { device, link } => {
                let there = self.devices.get(device);
                let link = |there: &DeviceIndex| Input::Link {
                    device: *there,
                    link: self.link(*device, link),
                };
                there.map(link).into_iter().collect()
            }
            Input::Lost { device, tag, cause, since, to, open } => {
                let Some(there) = self.devices.get(device) else { return Vec::new() };
                let lost = |tag: Option<TagIndex>| Input::Lost {
                    device: *there,
                    tag,
                    cause: *cause,
                    since: *since,
                    to: *to,
                    open: *open,
                };
                match tag {
                    None => vec![lost(None)],
                    Some(tag) => {
                        let tags = self.tags.get(tag).into_iter().flatten();
                        tags.map(|tag| lost(Some(*tag))).collect()
                    }
                }
            }
            Input::Start { .. }
            | Input::Plant(_)
            | Input::Read(_)
            | Input::Written(_)
            | Input::Facts(_)
            | Input::Command { .. }
            | Input::Wake => vec![input.clone()],
        }
    }

    fn link(&self, device: DeviceIndex, link: &Link) -> Link {
        let mut link = link.clone();
        if let Link::Live { widths: Some(widths), .. } = &mut link {
            let there = |(tag, bits): &(TagName, u8)| {
                let names = self.names.get(&(device, tag.clone())).cloned().unwrap_or_default();
                let bits = *bits;
                names.into_iter().map(move |name| (name, bits))
            };
            *widths = widths.iter().flat_map(there).collect();
        }
        link
    }

    /// The stations of the played plant that have a word which the tape's plant did not have, each with one.
    pub(super) fn unread_stations(&self, played: &Plant) -> BTreeMap<StationId, String> {
        let unread = |station: &Station| {
            let missing = words(station).into_iter().find(|tag| !self.back.contains_key(tag))?;
            Some((station.id.clone(), point(played, missing)))
        };
        played.stations.iter().filter_map(unread).collect()
    }

    /// Points of the played plant that the tape's plant did not have.
    pub(super) fn unread(&self, played: &Plant) -> BTreeSet<String> {
        let unread = played.tags().filter(|(tag, _)| !self.back.contains_key(tag));
        unread.map(|(index, _)| point(played, index)).collect()
    }
}

/// The words by which a station has events.
fn words(station: &Station) -> Vec<TagIndex> {
    let handshakes = station.handshakes.iter().flat_map(|handshake| {
        let slots = handshake.ring.iter().flat_map(|ring| ring.slots.iter().flatten().copied());
        wanted(handshake).into_iter().chain(handshake.ack.map(|ack| ack.tag)).chain(slots)
    });
    let mounts = station.mounts.iter().flat_map(|mount| {
        let lot = if let CodeFrom::Word(word) = mount.lot.from { Some(word.tag) } else { None };
        lot.into_iter().chain(mount.counters().map(|counter| counter.tag))
    });
    handshakes.chain(station.phases.iter().flat_map(Phase::words)).chain(mounts).collect()
}

/// A word of a plant as people know it.
pub(super) fn point(plant: &Plant, tag: TagIndex) -> String {
    let tag = plant.tag(tag);
    format!("{} of {}", tag.name, plant.device(tag.device).id)
}

/// The handshakes of a plant by the words of their snapshots.
#[derive(Debug, Clone, Default)]
pub(super) struct Handshakes(BTreeMap<Vec<TagIndex>, Vec<(Name, Word)>>);

impl Handshakes {
    pub(super) fn of(plant: &Plant) -> Self {
        let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for station in &plant.stations {
            for handshake in &station.handshakes {
                let handshake: &Handshake = handshake;
                let name = (station.id.clone(), handshake.id.clone());
                let trigger = handshake.trigger;
                let words = if handshake.pattern == Pattern::Results {
                    // The names of all that the machine has are read alone.
                    all.entry(vec![trigger.tag]).or_default().push((name.clone(), trigger));
                    plant.result_fields(trigger.tag)
                } else {
                    wanted(handshake)
                };
                all.entry(words).or_default().push((name, trigger));
            }
        }
        Self(all)
    }

    /// Whose snapshot these words are; more than one where two have the same words.
    pub(super) fn reading(&self, tags: &[TagIndex]) -> &[(Name, Word)] {
        self.0.get(tags).map(Vec::as_slice).unwrap_or_default()
    }

    /// Each with its trigger.
    pub(super) fn all(&self) -> impl Iterator<Item = &(Name, Word)> {
        self.0.values().flatten()
    }

    pub(super) fn has(&self, name: &Name) -> bool {
        self.all().any(|(known, _)| known == name)
    }
}
