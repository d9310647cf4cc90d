//! The lot that is in a station: what is left of it goes on into the next one, until the station is cleaned.
//! From records alone; whether a plant file wants it said is not asked here.
use super::Capture;
use crate::model::plant::StationIndex;
use crate::model::{CarriedOver, ItemClass, ItemKey, TraceEvent, Utc, What};

/// The lot that was last worked on at a station since it was cleaned.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    lot: Option<ItemKey>,
    /// When a lot was last worked on.
    worked: Option<Utc>,
    /// Something was not observed since it was last told of.
    unseen: bool,
}

impl Batch {
    /// What an event has of the lot before.
    fn left_for(&self, event: &TraceEvent) -> Option<CarriedOver> {
        let (lot, next) = (self.lot.as_ref()?, lot_of(event)?);
        (lot != next).then(|| CarriedOver { lot: lot.clone(), observed: !self.unseen })
    }

    pub(super) fn apply(&mut self, event: &TraceEvent) {
        if let What::Clean { confirmed: true, phase } = &event.what {
            let began = phase.as_ref().map_or(event.time.at, |phase| phase.interval.from);
            // A clean is told some time after its end: what came in since it began is there still.
            if self.worked <= Some(began) {
                *self = Self::default();
            }
        }
        if let Some(lot) = lot_of(event) {
            let worked = self.worked.max(Some(event.time.at));
            *self = Self { lot: Some(lot.clone()), worked, unseen: false };
        }
    }

    /// Something at the station was not observed: it may have been a clean, and may not.
    pub(super) fn blind(&mut self) {
        self.unseen = true;
    }
}

/// The lot that an event finds in the station. What was only asked for is not in it. A phase names its lot by
/// a word, which may be still that of the lot before: that makes a link too many, and never breaks the chain
/// from each lot to the next.
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
    /// What was left of the lot before, where the plant file says that it goes on into the next.
    pub(super) fn carried_over(
        &self,
        station: StationIndex,
        event: &TraceEvent,
    ) -> Option<CarriedOver> {
        let station = self.live().station(station);
        let memory = self.memory.station(&station.id).filter(|_| station.carry_over)?;
        memory.batch.left_for(event)
    }
}
