//! Carriers that come back: a load is open from a loading to the unloading, to the next loading, or to a
//! report that nothing is on it. What was on a carrier before is never taken for what is.
use super::compose::CodeFault;
use super::snapshot::Snapshot;
use super::{At, Capture};
use crate::model::plant::{Carrier, FillRule, Handshake};
use crate::model::{
    Code, Fill, FillStep, ItemKey, Monotonic, Position, QuarantineCause, Record, StationId,
    TraceEvent, Utc, Value,
};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// Loads that are open at once: more than a plant has carriers. Beyond, the oldest is forgotten.
const OPEN_MAX: usize = 65_536;

/// What is on a carrier.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Loaded {
    /// The unit.
    #[n(0)]
    pub item: ItemKey,
    /// The record that opened the load.
    #[n(1)]
    pub opened: Position,
    /// Since when, as that record says.
    #[n(2)]
    pub since: Utc,
    /// When that was recorded.
    #[n(3)]
    pub at: Utc,
    /// Where it was loaded.
    #[n(4)]
    pub station: Option<StationId>,
}

/// The loads that are open, from records alone.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Carriers {
    #[n(0)]
    open: BTreeMap<Code, Loaded>,
    #[n(1)]
    by_age: BTreeSet<(Position, Code)>,
    /// Stations that ever loaded one.
    #[n(2)]
    loaders: BTreeSet<StationId>,
}

impl Carriers {
    /// What is on a carrier.
    pub fn on(&self, carrier: &Code) -> Option<&Loaded> {
        self.open.get(carrier)
    }

    /// Everything that is on one.
    pub(super) fn items(&self) -> impl Iterator<Item = &ItemKey> {
        self.open.values().map(|loaded| &loaded.item)
    }

    pub(super) fn apply(&mut self, record: &Record, event: &TraceEvent) {
        let Some(fill) = &event.fill else { return };
        let done = !event.is_only_asked();
        let opens = fill.step == FillStep::Opened;
        if opens {
            self.loaders.extend(event.station.clone());
        }
        match (&fill.carrier, fill.step) {
            // Asked for and refused: whether it was loaded all the same is not known.
            (Some(carrier), FillStep::Opened) => self.close(carrier),
            (Some(carrier), FillStep::Closed) if done => self.close(carrier),
            // A unit went onto some carrier, or off one.
            (None, FillStep::Opened) => event.station.iter().for_each(|at| self.lost(at)),
            (_, FillStep::Read | FillStep::Closed) => {}
        }
        let item = event.what.items().first().map(|item| (*item).clone());
        if let (Some(carrier), Some(item), true) = (&fill.carrier, item, opens && done) {
            self.close_all(|loaded| loaded.item == item);
            let (opened, since) = (record.position, event.time.at);
            let (at, station) = (record.at.wall, event.station.clone());
            let loaded = Loaded { item, opened, since, at, station };
            self.by_age.insert((opened, carrier.clone()));
            self.open.insert(carrier.clone(), loaded);
            if self.open.len() > OPEN_MAX
                && let Some((_, oldest)) = self.by_age.first().cloned()
            {
                self.close(&oldest);
            }
        }
    }

    /// A carrier may have been loaded unseen, if the station is one that loads: any of them.
    pub(super) fn lost(&mut self, station: &StationId) {
        if self.loaders.contains(station) {
            self.close_all(|_| true);
        }
    }

    /// A unit has its real code from now on.
    pub(super) fn rename(&mut self, from: &ItemKey, to: &ItemKey) {
        for loaded in self.open.values_mut().filter(|loaded| loaded.item == *from) {
            loaded.item.clone_from(to);
        }
    }

    fn close(&mut self, carrier: &Code) {
        if let Some(loaded) = self.open.remove(carrier) {
            self.by_age.remove(&(loaded.opened, carrier.clone()));
        }
    }

    fn close_all(&mut self, which: impl Fn(&Loaded) -> bool) {
        self.open.retain(|_, loaded| !which(loaded));
        let open = &self.open;
        self.by_age.retain(|(_, carrier)| open.contains_key(carrier));
    }
}

impl Capture {
    /// The load that a request speaks of, and the unit on the carrier as far as it is known.
    pub(super) fn fill(
        &self,
        at: At,
        snapshot: &Snapshot,
        now: Monotonic,
    ) -> Result<(Option<Fill>, Option<ItemKey>), QuarantineCause> {
        let live = self.live();
        let handshake = live.handshake(at);
        let Some(carrier) = &handshake.carrier else { return Ok((None, None)) };
        let name = || live.plant.tag(carrier.word.tag).name.clone();
        let text = snapshot.text(&live.plant, carrier.word)?;
        let code = read(carrier, &text).map_err(|_| QuarantineCause::Code(name()))?;
        // Data with a time of its own may be of before the carrier was loaded.
        let late = match handshake.time.and_then(|word| snapshot.good(word)) {
            Some(Value::Time(time)) => Some(Utc(time)),
            Some(_) | None => None,
        };
        let open = code.as_ref().and_then(|code| self.memory.carriers.on(code));
        let open = open.filter(|loaded| late.is_none_or(|late| late >= loaded.since));
        // A request may wait for so long that the carrier is gone, and loaded anew.
        let open =
            open.filter(|loaded| loaded.at <= self.asked_since(at) && self.is_sure(loaded, now));
        let (step, opened) = match carrier.rule {
            FillRule::Open => (FillStep::Opened, None),
            FillRule::Read => (FillStep::Read, open.map(|loaded| loaded.opened)),
            FillRule::Close | FillRule::None => {
                (FillStep::Closed, open.map(|loaded| loaded.opened))
            }
        };
        let unit = open.map(|loaded| loaded.item.clone());
        Ok((Some(Fill { carrier: code, step, opened }), unit))
    }

    /// Whether nothing can have been put on a carrier unseen since.
    fn is_sure(&self, loaded: &Loaded, now: Monotonic) -> bool {
        let opens = |h: &Handshake| h.carrier.as_ref().is_some_and(|c| c.rule == FillRule::Open);
        let mut still = false;
        for (station, s) in self.live().plant.stations() {
            // Any of them may have loaded it anew.
            for (handshake, _) in s.handshakes.iter().enumerate().filter(|(_, h)| opens(h)) {
                if !self.is_settled(At { station, handshake }, now) {
                    return false;
                }
                still |= Some(&s.id) == loaded.station.as_ref();
            }
        }
        // Nobody watches a station that was taken out of the plant, or does not load any more.
        still
    }
}

fn read(carrier: &Carrier, text: &str) -> Result<Option<Code>, CodeFault> {
    if text.is_empty() || carrier.no_read.iter().any(|none| none == text) {
        return Ok(None);
    }
    Ok(Some(Code::parse(text)?))
}
