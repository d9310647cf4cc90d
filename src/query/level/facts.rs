//! What the levels look at: the steps by which an item was made, what went into it, and what the plant files say of both.
use super::Came;
use super::origin::Origin;
use crate::genealogy::{Demand, LinkKind};
use crate::model::plant::{Handshake, MountPoint, Phase, Plant, Product, Station};
use crate::model::{ItemKey, Position, STOCK, StationId, Text, Verb};
use crate::query::answer::{ItemView, LinkView, StepView};
use std::collections::BTreeSet;

/// What is done to an item where it is made. The rest is where it stood and went, what people say of it, and what it was used
/// for.
const DONE: [Verb; 9] = [
    Verb::Arrive,
    Verb::Complete,
    Verb::Produce,
    Verb::Consume,
    Verb::Install,
    Verb::Remove,
    Verb::Split,
    Verb::Merge,
    Verb::Inspect,
];
/// Of these, at which an item may be the one that goes into another.
const USES: [Verb; 4] = [Verb::Consume, Verb::Install, Verb::Split, Verb::Merge];
/// What says how the work at a station ended.
const ENDS: [Verb; 3] = [Verb::Complete, Verb::Produce, Verb::Inspect];

fn is_one_of(verbs: &[Verb], verb: &str) -> bool {
    verbs.iter().any(|one| one.as_str() == verb)
}

/// A step by which an item was made, with what of the plant files it came by.
pub(super) struct Done<'a> {
    pub(super) step: &'a StepView,
    pub(super) handshake: Option<&'a Handshake>,
    pub(super) phase: Option<&'a Phase>,
}

impl Done<'_> {
    /// Whether it says how the work at its station ended.
    pub(super) fn is_end(&self) -> bool {
        is_one_of(&ENDS, self.step.verb)
    }

    /// Where and when it was.
    pub(super) fn at(&self) -> String {
        match &self.step.station {
            Some(station) => format!("at {station} on {}", self.step.time),
            None => format!("at no station on {}", self.step.time),
        }
    }
}

/// What the levels look at.
pub(super) struct Facts<'a> {
    pub(super) item: &'a ItemView,
    pub(super) plant: Option<&'a Plant>,
    pub(super) came: &'a Came,
    product: Option<&'a Product>,
    /// In order of event time.
    pub(super) steps: Vec<Done<'a>>,
    /// What went into it and is still there, without tools, by the records that say so.
    pub(super) parts: Vec<&'a LinkView>,
    /// Feeders of which it was made, tools included.
    fed: BTreeSet<(&'a StationId, &'a str)>,
    /// The stations that it must have come through, since it was at others.
    pub(super) behind: BTreeSet<&'a StationId>,
    /// The stations at which the work on it ended.
    ended: BTreeSet<&'a StationId>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(item: &'a ItemView, plant: Option<&'a Plant>, came: &'a Came) -> Self {
        let product = item.product.as_ref();
        let product = plant.zip(product).and_then(|(plant, name)| plant.catalog.products.get(name));
        let used: BTreeSet<Position> = item.went_into.iter().map(|link| link.position).collect();
        let made = item.steps.iter().filter(|step| {
            let is_used = is_one_of(&USES, step.verb) && used.contains(&step.position);
            // Whoever counts what is left of a lot says nothing of how it was made.
            let is_count = step.measurements.iter().any(|found| found.name.as_str() == STOCK);
            is_one_of(&DONE, step.verb) && !is_used && !is_count
        });
        let mut steps: Vec<Done<'a>> = made.map(|step| done(plant, step)).collect();
        steps.sort_by_key(|done| (done.step.time, done.step.position));
        let seen: BTreeSet<&StationId> =
            steps.iter().filter_map(|done| done.step.station.as_ref()).collect();
        let behind = plant.map(|plant| Demand::of(plant).behind(item.product.as_ref(), &seen));
        let links = || item.made_of.iter().chain(&came.beyond).filter(|link| is_part(link.kind));
        let tools = tools(plant);
        let is_tool = |link: &&LinkView| feeder(link).is_some_and(|of| tools.contains(&of));
        let mut parts: Vec<_> = links().filter(|link| !is_tool(link)).collect();
        parts.sort_by_key(|link| (link.position, &link.item));
        let mut facts = Self {
            item,
            plant,
            came,
            product,
            steps,
            parts,
            fed: links().filter_map(feeder).collect(),
            behind: behind.unwrap_or_default(),
            ended: BTreeSet::new(),
        };
        facts.ended = seen.into_iter().filter(|station| facts.has_ended(station)).collect();
        facts
    }

    /// Whether the work at a station is on record up to its end: as its plant file has one, else by anything.
    pub(super) fn has_ended(&self, station: &StationId) -> bool {
        let ends = self.station(station).is_some_and(|station| {
            let handshakes = station.handshakes.iter().map(|handshake| handshake.event);
            let phases = station.phases.iter().filter_map(|phase| phase.event);
            handshakes.chain(phases).any(|verb| ENDS.contains(&verb))
        });
        let mut here = self.steps.iter().filter(|done| done.step.station.as_ref() == Some(station));
        here.any(|done| done.is_end() || !ends)
    }

    /// The stations that its record must be whole of: those that it has left, and those that come before them.
    pub(super) fn passed(&self) -> impl Iterator<Item = &'a Station> {
        let all: BTreeSet<&StationId> = self.ended.union(&self.behind).copied().collect();
        let plant = self.plant.into_iter().flat_map(|plant| &plant.stations);
        plant.filter(move |station| all.contains(&station.id))
    }

    fn station(&self, id: &StationId) -> Option<&'a Station> {
        find(self.plant, id)
    }

    /// The feeders of a station that it must have been made with: as its product's setup has them, else all.
    pub(super) fn feeders(&self, station: &'a Station) -> impl Iterator<Item = &'a MountPoint> {
        let setup = self.product.and_then(|product| product.setup.get(&station.id));
        let wanted = move |of: &&MountPoint| setup.is_none_or(|setup| setup.contains_key(&of.id));
        station.mounts.iter().filter(wanted)
    }

    /// Whether a lot or tool of a feeder is on record with it.
    pub(super) fn has_fed(&self, station: &'a Station, feeder: &'a MountPoint) -> bool {
        self.fed.contains(&(&station.id, feeder.id.as_str()))
    }

    /// Whether anything was put in by a handshake of a station.
    pub(super) fn has_put_in(&self, station: &Station, handshake: &Handshake) -> bool {
        let mut by = self.steps.iter().filter(|done| {
            done.step.station.as_ref() == Some(&station.id)
                && done.handshake.is_some_and(|known| known.id == handshake.id)
        });
        by.any(|done| self.parts.iter().any(|link| link.position == done.step.position))
    }

    /// Where an item came from.
    pub(super) fn origin(&self, item: &ItemKey) -> Origin {
        self.came.origins.get(item).copied().unwrap_or(Origin::Unknown)
    }

    /// Whether it was directly made of an item.
    pub(super) fn is_made_of(&self, item: &ItemKey) -> bool {
        self.parts.iter().any(|link| link.item == *item)
    }
}

fn find<'a>(plant: Option<&'a Plant>, id: &StationId) -> Option<&'a Station> {
    plant?.stations.iter().find(|station| station.id == *id)
}

/// A step with the handshake or phase by which it came to be known, which may have one name; where the plant files have that
/// no more, or it came by none, the handshake of its station that is the first to tell the same.
fn done<'a>(plant: Option<&'a Plant>, step: &'a StepView) -> Done<'a> {
    let station = step.station.as_ref().and_then(|id| find(plant, id));
    let rule = step.rule.as_ref().map(Text::as_str);
    // Whoever asked by a handshake was answered.
    let is_by_phase = step.phase.is_some() && step.permit.is_none();
    let mut phases = station.into_iter().flat_map(|station| &station.phases);
    let phase = phases.find(|phase| is_by_phase && Some(phase.id.as_str()) == rule);
    if let Some(phase) = phase {
        return Done { step, handshake: None, phase: Some(phase) };
    }
    let handshakes = || station.into_iter().flat_map(|station| &station.handshakes);
    let named = handshakes().find(|handshake| Some(handshake.id.as_str()) == rule);
    let handshake = named.or_else(|| handshakes().find(|h| h.event.as_str() == step.verb));
    Done { step, handshake, phase: None }
}

/// Whether a link says what an item is made of.
fn is_part(kind: LinkKind) -> bool {
    match kind {
        LinkKind::ConsumedInto
        | LinkKind::InstalledIn
        | LinkKind::SplitInto
        | LinkKind::MergedInto
        | LinkKind::FedInto => true,
        LinkKind::FormerlyInstalledIn
        | LinkKind::PackedIn
        | LinkKind::FormerlyPackedIn
        | LinkKind::MountedAs
        | LinkKind::IdentifiedAs => false,
    }
}

/// The feeders whose lots are tools: these do not stay in the item.
pub(super) fn tools(plant: Option<&Plant>) -> BTreeSet<(&StationId, &str)> {
    let stations = plant.into_iter().flat_map(|plant| &plant.stations);
    let mounts = stations.flat_map(|station| station.mounts.iter().map(move |of| (station, of)));
    let tools = mounts.filter(|(_, mount)| mount.tool.is_some());
    tools.map(|(station, mount)| (&station.id, mount.id.as_str())).collect()
}

/// The feeder that held a part.
fn feeder(link: &LinkView) -> Option<(&StationId, &str)> {
    let station = link.station.as_ref().filter(|_| link.kind == LinkKind::FedInto);
    station.zip(link.place.as_ref().map(Text::as_str))
}
