//! What is kept of numbers that events tell: only what a plant in force wants, since it began to want it.
use crate::genealogy::NodeId;
use crate::model::plant::Source;
use crate::model::{KeptWord, PlantLoaded, Position, StationId, TagName, TraceEvent};
use crate::query::life::{Kind, moments_of};
use crate::query::step::outcome;
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// What records say of measurements and further words that attributes come from.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(array)]
pub(in crate::query) struct Measurements {
    /// Each that a plant in force ever named, by number.
    #[n(0)]
    names: Vec<Named>,
    /// By item, then by the number of the name and the record: what was told; `None` if that is no good.
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
    tags: Option<Vec<(StationId, TagName)>>,
}

impl Named {
    fn is_open(&self) -> bool {
        self.kept.last().is_some_and(|(_, to)| to.is_none())
    }

    fn is(&self, source: &Source) -> bool {
        match source {
            Source::Measurement(name) => self.tags.is_none() && self.name == *name,
            Source::Context(name) => self.tags.is_some() && self.name == *name,
            Source::Count(_) => false,
        }
    }

    /// What an event says of a further word: nothing if it does not have it, and no number if that could not be read.
    #[expect(clippy::option_option, reason = "told or not, and good or not")]
    fn word(&self, event: &TraceEvent) -> Option<Option<f64>> {
        let tags = self.tags.as_ref().filter(|_| self.is_open())?;
        let told = event.context.iter().find(|told| told.name == self.name);
        let here = |(at, tag): &(StationId, TagName)| {
            event.station.as_ref() == Some(at) && event.remarks.iter().any(|of| of.tag == *tag)
        };
        match told {
            Some(told) => Some(told.value.number()),
            None => tags.iter().any(here).then_some(None),
        }
    }

    fn covers(&self, record: Position) -> bool {
        self.kept.iter().any(|(from, to)| record > *from && to.is_none_or(|to| record < to))
    }
}

impl Measurements {
    /// From the record of a plant on what it wants is kept, and nothing else.
    pub(in crate::query) fn put_in_force(&mut self, position: Position, plant: &PlantLoaded) {
        let measured = plant.measured.iter().map(|name| (Source::Measurement(name.clone()), None));
        let context = plant
            .context
            .iter()
            .map(|KeptWord { name, tags }| (Source::Context(name.clone()), Some(tags.clone())));
        let wanted: Vec<(Source, Option<Vec<_>>)> = measured.chain(context).collect();
        for named in &mut self.names {
            let open = named.is_open();
            let kept = wanted.iter().find(|(source, _)| named.is(source));
            match (kept, named.kept.last_mut()) {
                (None, Some((_, to))) if open => *to = Some(position),
                (Some(_), _) if !open => named.kept.push((position, None)),
                (None | Some(_), _) => {}
            }
            if let Some((_, tags)) = kept {
                named.tags.clone_from(tags);
            }
        }
        for (source, tags) in wanted {
            if self.number(&source).is_none()
                && let Source::Measurement(name) | Source::Context(name) = source
            {
                self.names.push(Named { name, kept: vec![(position, None)], tags });
            }
        }
    }

    fn number(&self, source: &Source) -> Option<u32> {
        let at = self.names.iter().position(|named| named.is(source))?;
        u32::try_from(at).ok()
    }

    /// What an event tells that is kept: by number, and no number of what is no good.
    pub(super) fn told(&self, event: &TraceEvent) -> Vec<(u32, Option<f64>)> {
        if !self.names.iter().any(Named::is_open) {
            return Vec::new();
        }
        let (_, measurements, _) = outcome(&event.what);
        // What was only asked for is no work, nor is it to be spoken of.
        let works = moments_of(event).first().is_some_and(|(_, kind, _)| tells_word(*kind));
        let works = works && !event.is_only_asked();
        let mut told = Vec::new();
        for (number, named) in (0..).zip(&self.names).filter(|(_, named)| named.is_open()) {
            let is_of = |name: &TagName| named.tags.is_none() && *name == named.name;
            for taken in measurements.iter().filter(|taken| is_of(&taken.name)) {
                let good = taken.quality.is_good();
                let value = taken.value.number().filter(|value| good && value.is_finite());
                told.push((number, value));
            }
            told.extend(named.word(event).filter(|_| works).map(|value| (number, value)));
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
