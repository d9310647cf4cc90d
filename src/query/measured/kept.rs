//! What is kept of numbers that events tell: only what a plant in force wants, since it began to want it.
use crate::genealogy::NodeId;
use crate::model::plant::Source;
use crate::model::{
    Count, HandshakeId, ItemKey, KeptWord, PlantLoaded, Position, StationId, TagName, TraceEvent,
    What,
};
use crate::query::life::{Kind, moments_of};
use crate::query::step::outcome;
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// What records say of measurements, further words and feeders that attributes come from.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(array)]
pub(in crate::query) struct Measurements {
    /// Each that a plant in force ever named, by number.
    #[n(0)]
    names: Vec<Named>,
    /// By item, then by the number of the name and the record: what was told; `None` if that is no good. Of a feeder only
    /// that it may have given something while no lot was known in it.
    #[n(1)]
    taken: BTreeMap<NodeId, BTreeMap<(u32, Position), Option<f64>>>,
}

#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
struct Named {
    #[n(0)]
    name: TagName,
    /// After which record, up to which, it was kept; the last may be open.
    #[n(1)]
    kept: Vec<(Position, Option<Position>)>,
    /// Of a further word: the tags that tell it.
    #[n(2)]
    tags: Option<Vec<(StationId, HandshakeId, TagName)>>,
    /// Of a feeder: where it has counters, and what these stood at by the last item that was made there.
    #[n(3)]
    feeders: Option<BTreeMap<StationId, Option<(Position, Count)>>>,
}

impl Named {
    fn is_open(&self) -> bool {
        self.kept.last().is_some_and(|(_, to)| to.is_none())
    }

    fn is(&self, source: &Source) -> bool {
        let Self { name, tags, feeders, .. } = self;
        match source {
            Source::Measurement(of) => tags.is_none() && feeders.is_none() && name == of,
            Source::Context(of) => tags.is_some() && name == of,
            Source::Count(of, _) => feeders.is_some() && name.as_str() == of.as_str(),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        let kind = |of: &Self| (of.tags.is_some(), of.feeders.is_some());
        self.name == other.name && kind(self) == kind(other)
    }

    /// The measurements of its name that an event has: no number of what is no good.
    fn measured(&self, event: &TraceEvent) -> Vec<Option<f64>> {
        let (_, measurements, _) = outcome(&event.what);
        let own = self.tags.is_none() && self.feeders.is_none();
        let own = measurements.iter().filter(|taken| own && taken.name == self.name);
        let value = own.map(|taken| {
            let good = taken.quality.is_good();
            taken.value.number().filter(|value| good && value.is_finite())
        });
        value.collect()
    }

    /// What an event says of a further word: nothing if it does not have it, and no number if that could not be read. What
    /// another handshake says, or a label of its own, is something else.
    #[expect(clippy::option_option, reason = "told or not, and good or not")]
    fn word(&self, event: &TraceEvent) -> Option<Option<f64>> {
        let by = event.handshake.as_ref().map(|mark| &mark.key.handshake);
        let here = |(at, of, _): &&(StationId, HandshakeId, TagName)| {
            event.station.as_ref() == Some(at) && by.is_none_or(|by| by == of)
        };
        let tags: Vec<_> = self.tags.iter().flatten().filter(here).collect();
        let told = event.context.iter().find(|told| told.name == self.name);
        let unread = |(.., tag): &&(StationId, HandshakeId, TagName)| {
            event.remarks.iter().any(|of| of.tag == *tag)
        };
        match told.filter(|_| !tags.is_empty()) {
            Some(told) => Some(told.value.number()),
            None => tags.iter().any(unread).then_some(None),
        }
    }

    /// Whether a feeder may have given something for the item of an event while no lot was known in it: what it gives from a
    /// lot is told with that.
    fn gave_unknown(&mut self, position: Position, event: &TraceEvent) -> bool {
        let (What::Complete { mounts, .. } | What::Produce { mounts, .. }) = &event.what else {
            return false;
        };
        let station = event.station.as_ref();
        let Some(last) = station.and_then(|at| self.feeders.as_mut()?.get_mut(at)) else {
            return false;
        };
        let name = self.name.as_str();
        let read = event.counts.iter().find(|count| count.point.as_str() == name);
        let nothing = read.is_some_and(|read| {
            read.mount.is_some() || last.as_ref().is_some_and(|last| stood_still(last, read, event))
        });
        if let Some(read) = read.filter(|_| event.adopted.is_none()) {
            *last = Some((position, read.clone()));
        }
        !nothing && mounts.iter().all(|used| used.mount.point.as_str() != name)
    }

    fn covers(&self, record: Position) -> bool {
        self.kept.iter().any(|(from, to)| record > *from && to.is_none_or(|to| record < to))
    }
}

impl Measurements {
    /// From the record of a plant on what it wants is kept, and nothing else.
    pub(in crate::query) fn put_in_force(&mut self, position: Position, plant: &PlantLoaded) {
        let mut wanted = wanted(position, plant);
        for named in &mut self.names {
            let wants = wanted.iter().position(|wanted| wanted.is_same(named));
            let open = named.is_open();
            match (wants, named.kept.last_mut()) {
                (None, Some((_, to))) if open => *to = Some(position),
                (Some(_), _) if !open => named.kept.push((position, None)),
                (None | Some(_), _) => {}
            }
            let Some(Named { tags, feeders, .. }) = wants.map(|at| wanted.remove(at)) else {
                continue;
            };
            named.tags = tags;
            let stood = named.feeders.take().filter(|_| open).unwrap_or_default();
            let stands = |(at, _)| (stood.get(&at).cloned().flatten(), at);
            let feeders =
                feeders.map(|all| all.into_iter().map(stands).map(|(last, at)| (at, last)));
            named.feeders = feeders.map(Iterator::collect);
        }
        self.names.extend(wanted);
    }

    /// Counters of a station may have begun anew, or gone on with nobody looking.
    pub(in crate::query) fn lose_sight(&mut self, station: &StationId) {
        let feeders = self.names.iter_mut().flat_map(|named| &mut named.feeders);
        feeders.filter_map(|all| all.get_mut(station)).for_each(|last| *last = None);
    }

    fn number(&self, source: &Source) -> Option<u32> {
        let at = self.names.iter().position(|named| named.is(source))?;
        u32::try_from(at).ok()
    }

    /// What an event tells that is kept: of which items, by number, and no number of what is no good.
    pub(super) fn told<'e>(
        &mut self,
        position: Position,
        event: &'e TraceEvent,
    ) -> Vec<(&'e ItemKey, u32, Option<f64>)> {
        if !self.names.iter().any(Named::is_open) {
            return Vec::new();
        }
        let main: Vec<&ItemKey> = event.what.items().into_iter().take(1).collect();
        let members = event.members.iter().map(|member| &member.item);
        let measured: Vec<&ItemKey> = main.iter().copied().chain(members).collect();
        // What was only asked for is no work, nor is it to be spoken of.
        let moments = moments_of(event).into_iter().filter(|_| !event.is_only_asked());
        let worked = moments.filter(|(_, kind, _)| tells_word(*kind)).map(|(item, ..)| item);
        let worked: Vec<&ItemKey> = worked.collect();
        let mut told = Vec::new();
        for (number, named) in (0..).zip(&mut self.names).filter(|(_, named)| named.is_open()) {
            let mut tell = |of: &[&'e ItemKey], value| {
                told.extend(of.iter().map(|item| (*item, number, value)));
            };
            named.measured(event).into_iter().for_each(|value| tell(&measured, value));
            named.word(event).into_iter().for_each(|value| tell(&worked, value));
            if named.gave_unknown(position, event) {
                tell(&main, None);
            }
        }
        told
    }

    /// Keeps of an item what a record says, by the number of the name.
    pub(super) fn keep(&mut self, of: NodeId, told: (u32, Position), value: Option<f64>) {
        self.taken.entry(of).or_default().insert(told, value);
    }

    /// What was kept of an item, by record.
    pub(super) fn of(
        &self,
        item: NodeId,
        source: &Source,
    ) -> impl Iterator<Item = (Position, Option<f64>)> {
        let taken = self.taken.get(&item).zip(self.number(source)).into_iter();
        let of_name = taken.flat_map(|(taken, number)| {
            taken.range((number, Position(0))..=(number, Position(u64::MAX)))
        });
        of_name.map(|((_, record), value)| (*record, *value))
    }

    /// Whether it was kept as of a record.
    pub(super) fn covers(&self, source: &Source, record: Position) -> bool {
        let mut named = self.names.iter();
        named.find(|named| named.is(source)).is_some_and(|named| named.covers(record))
    }

    /// The items that something is said of.
    pub(in crate::query) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.taken.keys().copied()
    }
}

/// What a plant wants to be kept from its record on.
fn wanted(position: Position, plant: &PlantLoaded) -> Vec<Named> {
    let from = |name: &TagName| Named {
        name: name.clone(),
        kept: vec![(position, None)],
        tags: None,
        feeders: None,
    };
    let measured = plant.measured.iter().map(from);
    let context = plant
        .context
        .iter()
        .map(|KeptWord { name, tags }| Named { tags: Some(tags.clone()), ..from(name) });
    let mut wanted: Vec<Named> = measured.chain(context).collect();
    let mut counted: BTreeMap<TagName, BTreeMap<StationId, _>> = BTreeMap::new();
    for (station, point) in &plant.counted {
        // Whatever is the name of a feeder can be that of a tag.
        let Ok(name) = TagName::parse(point.as_str()) else { continue };
        counted.entry(name).or_default().insert(station.clone(), None);
    }
    let of = |(name, feeders)| Named { feeders: Some(feeders), ..from(&name) };
    wanted.extend(counted.into_iter().map(of));
    wanted
}

/// Whether the counters of an empty feeder stood still since the last item that was made there, and this one was begun after that.
fn stood_still((record, last): &(Position, Count), read: &Count, event: &TraceEvent) -> bool {
    let alone = event.nest.is_none() && event.adopted.is_none();
    let arrived = event.stay.and_then(|stay| stay.arrived);
    // Those of each lot begin anew with it: two that nobody knows can have come to the same.
    let anew = read.per_lot && (last.mount.is_some() || read.taken.value > 0);
    alone && !anew && read.taken == last.taken && arrived.is_none_or(|arrived| arrived > *record)
}

/// Whether a further word may have been told of an item by what was done to it.
pub(super) fn tells_word(kind: Kind) -> bool {
    match kind {
        Kind::Arrive
        | Kind::Complete
        | Kind::Receive
        | Kind::Scrap
        | Kind::Rework
        | Kind::Present => true,
        Kind::Enter | Kind::Leave | Kind::Ship | Kind::Mention => false,
    }
}
