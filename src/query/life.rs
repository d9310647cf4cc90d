//! What an item went through, as far as state and stays need it; the rest is read from the store.
use crate::genealogy::{NodeId, Void};
use crate::model::{ItemKey, Member, Position, Result, STOCK, TraceEvent, Utc, What};
use kept::Kept;
use minicbor::{Decode, Encode};

mod image;
mod kept;

/// A station by its number in [`super::place::Places`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub(super) struct StationNumber(#[n(0)] pub(super) u32);

/// What an event does to one of its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub(super) enum Kind {
    /// It was presented at the station.
    #[n(0)]
    Arrive,
    /// Work on it ended, or it came into being.
    #[n(1)]
    Complete,
    /// It was built into, or packed in, another item.
    #[n(2)]
    Enter,
    /// It was taken out of another item.
    #[n(3)]
    Leave,
    /// It left the site.
    #[n(4)]
    Ship,
    /// It came from outside.
    #[n(5)]
    Receive,
    /// It became waste.
    #[n(6)]
    Scrap,
    /// It is to be worked on again.
    #[n(7)]
    Rework,
    /// It was there.
    #[n(8)]
    Present,
    /// It was spoken of.
    #[n(9)]
    Mention,
}

/// One event in the life of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) time: Utc,
    pub(super) position: Position,
    /// From when to when it was there; for [`Kind::Arrive`] the end is not known here.
    pub(super) from: Utc,
    pub(super) to: Utc,
    /// The record of its arrival, where this one's stay covers it.
    pub(super) arrived: Option<Position>,
    pub(super) station: Option<StationNumber>,
    /// What it entered.
    pub(super) host: Option<NodeId>,
    /// Its product, by number.
    pub(super) product: Option<u32>,
    pub(super) kind: Kind,
    /// Whether `from` and `to` were told, and are no mere instant.
    pub(super) stayed: bool,
    /// With what outcome, if told.
    pub(super) result: Option<Result>,
    /// Whether it was the work that the plant is there for.
    pub(super) production: bool,
}

impl Moment {
    /// Whether the item was at the station.
    pub(super) fn is_presence(&self) -> bool {
        self.kind != Kind::Mention && self.station.is_some()
    }

    pub(super) fn key(&self) -> (Utc, Position) {
        (self.time, self.position)
    }
}

/// The life of one item.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(array)]
pub(super) struct Life {
    /// By event time, then position.
    #[cbor(n(0), decode_with = "image::moments")]
    moments: Vec<Kept>,
    /// How many of its own events, and corrections of them, the store should have.
    #[n(1)]
    pub(super) steps: usize,
    /// First and last time of any event that names it.
    #[n(2)]
    pub(super) seen: Option<(Utc, Utc)>,
}

impl Life {
    /// A life without events.
    pub(super) const fn none() -> Self {
        Self { moments: Vec::new(), steps: 0, seen: None }
    }

    pub(super) fn insert(&mut self, moment: Moment) {
        let at = self.moments.partition_point(|m| m.key() <= moment.key());
        kept::insert(&mut self.moments, at, moment.into());
    }

    pub(super) fn see(&mut self, time: Utc) {
        let (first, last) = self.seen.unwrap_or((time, time));
        self.seen = Some((first.min(time), last.max(time)));
    }

    /// Everything, whether it still counts or not.
    pub(super) fn moments(&self) -> impl DoubleEndedIterator<Item = Moment> + Clone {
        self.moments.iter().map(Kept::moment)
    }

    /// What still counts, by event time.
    pub(super) fn standing<'a>(
        &'a self,
        void: &'a Void,
    ) -> impl DoubleEndedIterator<Item = Moment> + Clone {
        self.moments().filter(|moment| !void.contains(&moment.position))
    }

    /// What a record did to it that happened then: found without looking through its life.
    pub(super) fn then(&self, key: (Utc, Position)) -> impl Iterator<Item = Moment> {
        let from = self.moments.partition_point(|moment| moment.key() < key);
        let rest = self.moments.get(from..).unwrap_or_default();
        rest.iter().take_while(move |moment| moment.key() == key).map(Kept::moment)
    }

    /// What a record did to it.
    pub(super) fn at(&self, position: Position) -> Option<Moment> {
        self.moments().rev().find(|moment| moment.position == position)
    }
}

/// What an event does to its items. What was only asked for is no more than spoken of, but for the
/// item that was presented.
pub(super) fn moments_of(event: &TraceEvent) -> Vec<(&ItemKey, Kind, Option<&ItemKey>)> {
    let mut told = moments(&event.what);
    for Member { item, place: _ } in &event.members {
        if told.iter().all(|(other, ..)| *other != item) {
            told.push((item, Kind::Present, None));
        }
    }
    if event.is_only_asked() {
        for (rank, (_, kind, host)) in told.iter_mut().enumerate() {
            *host = None;
            *kind = match kind {
                Kind::Arrive => Kind::Arrive,
                Kind::Present if rank == 0 => Kind::Present,
                Kind::Complete
                | Kind::Enter
                | Kind::Leave
                | Kind::Ship
                | Kind::Receive
                | Kind::Scrap
                | Kind::Rework
                | Kind::Present
                | Kind::Mention => Kind::Mention,
            };
        }
    }
    told
}

/// What an event does to its items, the main one first; a second item is what was entered.
///
/// A lot that is only used, mounted or merged is spoken of: it may be elsewhere at the same time.
fn moments(what: &What) -> Vec<(&ItemKey, Kind, Option<&ItemKey>)> {
    let one = |item, kind| vec![(item, kind, None)];
    let with = |main, rest: &mut dyn Iterator<Item = (_, _, _)>| {
        let mut all = one(main, Kind::Present);
        all.extend(rest);
        all
    };
    match what {
        What::Arrive { item } => one(item, Kind::Arrive),
        What::Complete { item, .. } | What::Produce { item, .. } => one(item, Kind::Complete),
        What::Consume { into, .. } => one(into, Kind::Present),
        What::Install { child, parent, .. } => {
            with(parent, &mut std::iter::once((child, Kind::Enter, Some(parent))))
        }
        What::Remove { child, parent, .. } => {
            with(parent, &mut std::iter::once((child, Kind::Leave, None)))
        }
        What::Pack { items, container } => {
            with(container, &mut items.iter().map(|i| (i, Kind::Enter, Some(container))))
        }
        What::Unpack { items, container } => {
            with(container, &mut items.iter().map(|i| (i, Kind::Leave, None)))
        }
        What::Split { from, into } => {
            with(from, &mut into.iter().map(|i| (i, Kind::Present, None)))
        }
        What::Merge { from, into } => {
            with(into, &mut from.iter().map(|c| (&c.lot, Kind::Mention, None)))
        }
        What::Mount { lot, .. } | What::Unmount { lot, .. } => one(lot, Kind::Mention),
        What::Receive { item, .. } => one(item, Kind::Receive),
        What::Ship { items, .. } => items.iter().map(|i| (i, Kind::Ship, None)).collect(),
        // Whoever counts what is left of a lot says nothing of what has left.
        What::Inspect { item, measurements, .. }
            if measurements.iter().any(|found| found.name.as_str() == STOCK) =>
        {
            one(item, Kind::Mention)
        }
        What::Move { item, .. }
        | What::Open { item }
        | What::Close { item }
        | What::Dry { item }
        | What::Inspect { item, .. }
        | What::Scrap { item, amount: Some(_), .. } => one(item, Kind::Present),
        What::Scrap { item, amount: None, .. } => one(item, Kind::Scrap),
        What::Rework { item, .. } => one(item, Kind::Rework),
        What::Hold { item, .. } | What::Release { item, .. } => one(item, Kind::Mention),
        What::Identify { item, real, .. } => {
            std::iter::once(item).chain(real).map(|i| (i, Kind::Mention, None)).collect()
        }
        What::Note { item, .. } => item.iter().map(|i| (i, Kind::Mention, None)).collect(),
        What::Clean { .. } | What::Correct { .. } => Vec::new(),
    }
}

/// From when to when an item was there, whether that was told, and the arrival that it covers.
pub(super) fn stay(event: &TraceEvent, is_main: bool) -> (Utc, Utc, bool, Option<Position>) {
    let told = event.stay.filter(|_| is_main && !matches!(event.what, What::Arrive { .. }));
    if let Some(stay) = told
        && let Some(to) = stay.interval.to
    {
        return (stay.interval.from, to, true, stay.arrived);
    }
    let Utc(at) = event.time.at;
    let by = i64::try_from(event.time.uncertainty_ns).unwrap_or(i64::MAX);
    (Utc(at.saturating_sub(by)), Utc(at.saturating_add(by)), false, None)
}
