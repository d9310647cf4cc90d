//! The lots that were in a station: what is left of them goes on into the next one, until it is cleaned.
//! From records alone; whether a plant file wants it said is not asked here.
//!
//! What is recorded late is found its place by its time: what was in the station before it went on into it,
//! and it into what came after it, which a note about each says afterwards.
use super::Capture;
use super::compose::sentence;
use super::memory::StationMemory;
use crate::model::plant::StationIndex;
use crate::model::{
    Body, CarriedOver, EventTime, Evidence, HandshakeId, ItemClass, ItemKey, PhaseId, Position,
    Step, TraceEvent, Utc, What,
};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use std::time::Duration;

/// So many are named; what is older went on through those.
const LOTS_MAX: usize = 64;
/// So many cleans are known; what is told later than these was before all of them.
const CLEANS_MAX: usize = 64;

/// The lots that were worked on at a station, in the order in which that was, and when it was cleaned. All
/// of them, and at every event: a correction that takes one back must not part the lots before it from those
/// after it.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Batch {
    #[n(0)]
    lots: Vec<Left>,
    /// The oldest first.
    #[n(1)]
    cleans: Vec<Clean>,
    /// Up to when something was not observed.
    #[n(2)]
    blind: Option<Utc>,
    /// When each that tells of all that it does in the order in which it does it told last. A lot is worked on by
    /// several, so this is not a matter of the lot.
    #[n(3)]
    told: BTreeMap<By, Utc>,
    /// The time of the work that was told last, by the clock that told it.
    #[n(4)]
    clock: Option<Utc>,
}

/// A lot between two cleans.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
struct Left {
    #[n(0)]
    lot: ItemKey,
    /// From when on it may have been worked on first.
    #[n(1)]
    began: Utc,
    /// When it was last worked on.
    #[n(2)]
    worked: Utc,
    /// Something was not observed since.
    #[n(3)]
    unseen: bool,
}

/// A clean with proof.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
#[cbor(map)]
struct Clean {
    #[n(0)]
    began: Utc,
    #[n(1)]
    ended: Utc,
}

/// Where an event stands among those that are known.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    /// It was not before.
    earliest: Utc,
    at: Utc,
    by: Option<By>,
    /// All that is known was before it.
    last: bool,
}

impl Batch {
    /// What an event has of the lots before.
    fn left_for(&self, event: &TraceEvent) -> Vec<CarriedOver> {
        let Some(next) = lot_of(event) else { return Vec::new() };
        let place = self.place(event);
        let mut all: Vec<CarriedOver> = Vec::new();
        for left in self.lots.iter().filter(|left| left.lot != *next) {
            if left.began > place.at || self.cleaned(left.worked, place.at) {
                continue;
            }
            all.retain(|over| over.lot != left.lot);
            let observed = !left.unseen && place.last;
            all.push(CarriedOver { lot: left.lot.clone(), observed });
        }
        all
    }

    /// The lots that were told before and have something of this one in them, each with when it was last
    /// worked on. What has something of an earlier work on it is told that.
    fn goes_on_into(&self, event: &TraceEvent) -> Vec<(ItemKey, Utc)> {
        let Some(lot) = lot_of(event) else { return Vec::new() };
        let place = self.place(event);
        let told = |into: &Left| {
            let before = self.lots.iter().filter(|left| left.lot == *lot);
            let mut before = before.filter(|left| left.began < into.worked);
            before.any(|left| !self.cleaned(left.worked, into.worked))
        };
        let mut all: Vec<(ItemKey, Utc)> = Vec::new();
        for into in self.lots.iter().filter(|left| left.lot != *lot) {
            if place.earliest < into.worked && !self.cleaned(place.at, into.worked) && !told(into) {
                all.retain(|(known, _)| *known != into.lot);
                all.push((into.lot.clone(), into.worked));
            }
        }
        all
    }

    /// Whether it was cleaned after the one and before the other.
    fn cleaned(&self, after: Utc, before: Utc) -> bool {
        // A clean is told some time after its end: what came in since it began is there still.
        self.cleans.iter().any(|clean| after <= clean.began && clean.ended < before)
    }

    /// A handshake that tells of what it did in the order in which it did it does not go back: its clock
    /// does, and what is known was before.
    fn place(&self, event: &TraceEvent) -> Place {
        let EventTime { at, .. } = event.time;
        let by = By::of(event);
        let worked = || self.lots.iter().map(|left| left.worked);
        let known = worked().chain(self.cleans.iter().map(|clean| clean.ended)).max();
        let before = by.as_ref().and_then(|by| self.told.get(by)).copied();
        if let (Some(known), true) = (known, before.is_some_and(|before| at < before)) {
            let at = known.plus(Duration::from_nanos(1));
            return Place { earliest: at, at, by, last: true };
        }
        let earliest = event.time.earliest().max(before.unwrap_or(Utc(i64::MIN)));
        let last = known.is_none_or(|known| known <= earliest);
        Place { earliest, at, by, last }
    }

    /// The lots that were worked on and may have left something behind.
    pub(super) fn lots(&self) -> impl Iterator<Item = &ItemKey> {
        self.lots.iter().map(|left| &left.lot)
    }

    pub(super) fn apply(&mut self, event: &TraceEvent) {
        let place = self.place(event);
        let lot = lot_of(event);
        if let What::Clean { confirmed: true, phase } = &event.what {
            let began = phase.as_ref().map_or(event.time.at, |phase| phase.interval.from);
            self.clean(&place, began, event.time.at);
        } else if lot.is_none() {
            return;
        }
        if let Some(by) = place.by.clone() {
            let told = self.told.entry(by).or_insert(place.at);
            *told = place.at.max(*told);
        }
        if let Some(lot) = lot {
            self.work(lot, &place);
            self.clock = Some(event.time.at);
        }
    }

    /// It was cleaned between two times by the clock that told it.
    fn clean(&mut self, place: &Place, from: Utc, to: Utc) {
        let (mut began, ended) = (place.at.minus(to.since(from)), place.at);
        // Where a clock was set back all work is known to be before: the same clock says what was before the begin.
        if place.at != to && self.clock.is_some_and(|worked| worked <= from) {
            began = self.lots.last().map_or(began, |left| began.max(left.worked));
        }
        let at = self.cleans.partition_point(|clean| clean.ended <= ended);
        self.cleans.insert(at, Clean { began, ended });
        let surplus = self.cleans.len().saturating_sub(CLEANS_MAX);
        self.cleans.drain(..surplus);
    }

    fn work(&mut self, lot: &ItemKey, place: &Place) {
        let Place { earliest, at, last, .. } = *place;
        let here = |left: &Left| {
            left.lot == *lot && !self.cleaned(left.worked, at) && !self.cleaned(at, left.worked)
        };
        let known = self.lots.iter().rposition(here).map(|n| self.lots.remove(n));
        let unseen = !last || self.blind.is_some_and(|blind| at <= blind);
        let left = match known {
            Some(left) if left.worked > at => Left { began: left.began.min(earliest), ..left },
            Some(left) => Left { began: left.began.min(earliest), worked: at, unseen, ..left },
            None => Left { lot: lot.clone(), began: earliest, worked: at, unseen },
        };
        let at = self.lots.partition_point(|other| other.worked <= left.worked);
        self.lots.insert(at, left);
        let surplus = self.lots.len().saturating_sub(LOTS_MAX);
        self.lots.drain(..surplus);
    }

    /// Something at the station was not observed, up to then if it is known: it may have been a clean, and
    /// may not.
    pub(super) fn blind(&mut self, until: Option<Utc>) {
        self.lots.iter_mut().for_each(|left| left.unseen = true);
        self.blind = self.blind.max(until);
    }
}

/// What tells of all that it does in the order in which it does it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
enum By {
    #[n(0)]
    Handshake(#[n(0)] HandshakeId),
    #[n(1)]
    Phase(#[n(0)] PhaseId),
}

impl By {
    fn of(event: &TraceEvent) -> Option<Self> {
        match (&event.handshake, &event.what) {
            // Results come in any order.
            (Some(mark), _) if mark.result.is_some() => None,
            (Some(mark), _) => Some(Self::Handshake(mark.key.handshake.clone())),
            (
                None,
                What::Complete { phase: Some(phase), .. } | What::Clean { phase: Some(phase), .. },
            ) => Some(Self::Phase(phase.phase.clone())),
            (None, _) => None,
        }
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
        | What::Open { .. }
        | What::Close { .. }
        | What::Dry { .. }
        | What::Correct { .. } => return None,
    };
    (item.class == ItemClass::Lot && !event.is_only_asked()).then_some(item)
}

impl Capture {
    /// Records what was done at a station, with what was left there of the lots before; and of each lot that
    /// was recorded before it and came after it, that it has something of this one in it.
    pub(super) fn record_done(
        &mut self,
        step: &mut Step,
        station: StationIndex,
        mut event: TraceEvent,
    ) -> Position {
        let station = self.live().station(station);
        let memory = self.memory.station(&station.id).filter(|_| station.carry_over);
        let mut after = Vec::new();
        if let Some(StationMemory { batch, .. }) = memory {
            event.carried_over = batch.left_for(&event);
            after = batch.goes_on_into(&event);
        }
        let notes: Vec<_> = after.into_iter().filter_map(|into| note(&event, into)).collect();
        let position = self.record(step, Body::Trace(event));
        for note in notes {
            self.record(step, Body::Trace(note));
        }
        position
    }
}

/// What is known only now of a lot that is on record already: it has something of this one in it.
fn note(of: &TraceEvent, (into, worked): (ItemKey, Utc)) -> Option<TraceEvent> {
    let lot = lot_of(of)?.clone();
    let text = sentence(format!("what was left of lot {} is in it, which is told late", lot.code));
    let what = What::Note { item: Some(into), text };
    Some(TraceEvent {
        evidence: Evidence::Late,
        purpose: of.purpose,
        // Nobody knows whether it was cleaned away.
        carried_over: vec![CarriedOver { lot, observed: false }],
        ..TraceEvent::bare(what, worked, of.station.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Code, Interval, PhaseSummary, Scope};
    use proptest::prelude::*;

    fn lot(n: u8) -> ItemKey {
        let code = Code::parse(&format!("B-{n}")).unwrap();
        ItemKey { class: ItemClass::Lot, scope: Scope::Site, code }
    }

    /// A lot, or a clean, at a time.
    fn done(what: Option<u8>, at: i64) -> TraceEvent {
        let produce = |item| What::Produce {
            item,
            amount: None,
            result: None,
            measurements: Vec::new(),
            mounts: Vec::new(),
            best_before: None,
        };
        let clean = What::Clean { confirmed: true, phase: None };
        TraceEvent::bare(what.map(lot).map_or(clean, produce), Utc(at), None)
    }

    /// Which lot is told to go on into which, and whether it is sure that it was not cleaned away.
    fn links(told: &[TraceEvent]) -> BTreeMap<(ItemKey, ItemKey), bool> {
        let (mut batch, mut links) = (Batch::default(), BTreeMap::new());
        for event in told {
            if let Some(lot) = lot_of(event) {
                for CarriedOver { lot: before, observed } in batch.left_for(event) {
                    *links.entry((before, lot.clone())).or_default() |= observed;
                }
                for (into, _) in batch.goes_on_into(event) {
                    links.entry((lot.clone(), into)).or_default();
                }
            }
            batch.apply(event);
        }
        links
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// However late a lot is told; a clean is told when it is.
        #[test]
        fn any_order_of_arrival_gives_the_links_of_the_order_in_time(
            all in proptest::collection::vec((prop::option::weighted(0.85, 0..6u8), 0..20i64), 0..20),
        ) {
            let event = |(at, (what, _)): (i64, &(Option<u8>, i64))| done(*what, at);
            let in_time: Vec<_> = (0..).zip(&all).map(event).collect();
            let mut arrivals: Vec<_> = (0..).zip(&all).collect();
            arrivals.sort_by_key(|(at, (what, late))| at + what.map_or(0, |_| *late));
            let arrived: Vec<_> = arrivals.into_iter().map(event).collect();
            let (told, truth) = (links(&arrived), links(&in_time));
            prop_assert!(truth.values().all(|observed| *observed));
            prop_assert!(told.keys().eq(truth.keys()), "{:?} is in truth {:?}", told, truth);
        }
    }

    /// What a phase tells, of a lot or of a clean, at a time.
    fn told_by(phase: &str, what: Option<u8>, (from, to): (i64, i64)) -> TraceEvent {
        let summary = Some(PhaseSummary {
            phase: PhaseId::parse(phase).unwrap(),
            interval: Interval { from: Utc(from), to: Some(Utc(to)) },
            statistics: Vec::new(),
            tools: Vec::new(),
            count: None,
        });
        let mut event = done(what, to);
        event.what = match what {
            Some(n) => What::Complete {
                item: lot(n),
                result: None,
                measurements: Vec::new(),
                mounts: Vec::new(),
                phase: summary,
                order_row: None,
            },
            None => What::Clean { confirmed: true, phase: summary },
        };
        event
    }

    /// Two phases tell of one lot after the other, and their clock is set back between the lots.
    #[test]
    fn a_clock_that_is_set_back_turns_no_link_around() {
        let told = [
            told_by("dose", Some(1), (900, 990)),
            told_by("cook", Some(1), (990, 1_000)),
            told_by("dose", Some(2), (5, 10)),
            told_by("cook", Some(2), (10, 20)),
        ];
        let told = links(&told);
        assert_eq!(told.into_iter().collect::<Vec<_>>(), [((lot(1), lot(2)), true)]);
    }

    /// It is cleaned before the clock is set back and after: both parted the lots.
    #[test]
    fn a_clean_after_a_clock_was_set_back_parts_the_lots() {
        let told = [
            told_by("cook", Some(1), (900, 950)),
            told_by("rinse", None, (960, 970)),
            told_by("cook", Some(2), (5, 10)),
            told_by("rinse", None, (12, 20)),
            told_by("cook", Some(3), (25, 30)),
        ];
        assert_eq!(links(&told), BTreeMap::new());
    }
}
