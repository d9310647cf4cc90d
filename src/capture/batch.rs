//! The lots that were in a station: what is left of them goes on into the next one, until it is cleaned.
//! From records alone; whether a plant file wants it said is not asked here.
use super::Capture;
use crate::model::plant::StationIndex;
use crate::model::{CarriedOver, ItemClass, ItemKey, TraceEvent, Utc, What};
use minicbor::{Decode, Encode};

/// So many are named; what is older went on through those.
const LOTS_MAX: usize = 64;

/// The lots that were worked on at a station since it was cleaned, the last at the end. All of them, and at
/// every event: a correction that takes one back must not part the lots before it from those after it.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Batch {
    #[n(0)]
    lots: Vec<Left>,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
struct Left {
    #[n(0)]
    lot: ItemKey,
    /// When it was last worked on.
    #[n(1)]
    worked: Utc,
    /// Something was not observed since.
    #[n(2)]
    unseen: bool,
}

impl Batch {
    /// What an event has of the lots before.
    fn left_for(&self, event: &TraceEvent) -> Vec<CarriedOver> {
        let Some(next) = lot_of(event) else { return Vec::new() };
        let others = self.lots.iter().filter(|left| left.lot != *next);
        others.map(|left| CarriedOver { lot: left.lot.clone(), observed: !left.unseen }).collect()
    }

    pub(super) fn apply(&mut self, event: &TraceEvent) {
        if let What::Clean { confirmed: true, phase } = &event.what {
            let began = phase.as_ref().map_or(event.time.at, |phase| phase.interval.from);
            // A clean is told some time after its end: what came in since it began is there still.
            self.lots.retain(|left| left.worked > began);
        }
        if let Some(lot) = lot_of(event) {
            let known = self.lots.iter().position(|left| left.lot == *lot);
            let before = known.map(|n| self.lots.remove(n).worked);
            let worked = event.time.at.max(before.unwrap_or(event.time.at));
            self.lots.push(Left { lot: lot.clone(), worked, unseen: false });
            let surplus = self.lots.len().saturating_sub(LOTS_MAX);
            self.lots.drain(..surplus);
        }
    }

    /// Something at the station was not observed: it may have been a clean, and may not.
    pub(super) fn blind(&mut self) {
        self.lots.iter_mut().for_each(|left| left.unseen = true);
    }
}

/// The lot that an event finds in the station. What was only asked for is not in it. A phase names its lot by
/// a word, which may be still that of the lot before: that makes a link too many, and never one too few.
fn lot_of(event: &TraceEvent) -> Option<&ItemKey> {
    let item = match &event.what {
        What::Consume { into: item, .. }
        | What::Complete { item, .. }
        | What::Produce { item, .. } => item,
        What::Arrive { .. }
        | What::Install { .. }
        | What::Remove { .. }
        | What::Pack { .. }
        | What::Unpack { .. }
        | What::Split { .. }
        | What::Merge { .. }
        | What::Mount { .. }
        | What::Unmount { .. }
        | What::Move { .. }
        | What::Receive { .. }
        | What::Ship { .. }
        | What::Inspect { .. }
        | What::Hold { .. }
        | What::Release { .. }
        | What::Scrap { .. }
        | What::Rework { .. }
        | What::Clean { .. }
        | What::Identify { .. }
        | What::Note { .. }
        | What::Correct { .. } => return None,
    };
    (item.class == ItemClass::Lot && !event.is_only_asked()).then_some(item)
}

impl Capture {
    /// What was left of the lots before, where the plant file says that it goes on into the next.
    pub(super) fn carried_over(
        &self,
        station: StationIndex,
        event: &TraceEvent,
    ) -> Vec<CarriedOver> {
        let station = self.live().station(station);
        let memory = self.memory.station(&station.id).filter(|_| station.carry_over);
        memory.map(|memory| memory.batch.left_for(event)).unwrap_or_default()
    }
}
