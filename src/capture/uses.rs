//! Which words mean something to whom: a dense table, because every sample asks.
use super::At;
use crate::model::plant::{CodeFrom, Plant, StationIndex, TagIndex};

/// What a tag is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// Trigger or ack of a handshake.
    Handshake(At),
    /// The lot of a feeder.
    Mount(StationIndex, usize),
    /// Any word of a phase.
    Phase(StationIndex, usize),
}

/// The uses of every tag.
#[derive(Debug, Clone)]
pub(super) struct Uses(Vec<Vec<Use>>);

impl Uses {
    pub(super) fn of(plant: &Plant) -> Self {
        let mut table = vec![Vec::new(); plant.tags.len()];
        let mut put = |tag: TagIndex, used: Use| {
            if let Some(list) = table.get_mut(tag.get())
                && !list.contains(&used)
            {
                list.push(used);
            }
        };
        for (station, s) in plant.stations() {
            for (mount, m) in s.mounts.iter().enumerate() {
                if let CodeFrom::Word(word) = m.lot.from {
                    put(word.tag, Use::Mount(station, mount));
                }
            }
            for (handshake, h) in s.handshakes.iter().enumerate() {
                put(h.trigger.tag, Use::Handshake(At { station, handshake }));
                if let Some(ack) = h.ack {
                    put(ack.tag, Use::Handshake(At { station, handshake }));
                }
            }
            for (phase, p) in s.phases.iter().enumerate() {
                for tag in p.words() {
                    put(tag, Use::Phase(station, phase));
                }
            }
        }
        Self(table)
    }

    /// Copied, so that what follows may change the rest of the state.
    pub(super) fn of_tag(&self, tag: TagIndex) -> Vec<Use> {
        self.0.get(tag.get()).cloned().unwrap_or_default()
    }
}
