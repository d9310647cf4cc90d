//! One item: its as-built record and its direct links both ways.
use super::Drafted;
use super::answer::{InheritedView, ItemState, ItemView, LinkView, SupersededView, SuspectWindow};
use super::balance::{self, BalanceDraft};
use super::body::Bodies;
use super::hold::{self, HoldDraft};
use super::level::{Came, CameDraft};
use super::life::Moment;
use super::material::Counted;
use super::reason::Reasons;
use super::step::{self, StepsDraft};
use super::view::View;
use crate::genealogy::{Certainty, Direction, Former, Hop, LinkKind, Node, NodeId, Visited, Walk};
use crate::model::plant::{Catalog, Plant};
use crate::model::{
    Amount, ItemClass, ItemKey, Position, StationId, Text, TraceEvent, Untold, Utc, What,
};

/// What memory knows of an item.
pub(super) struct ItemDraft {
    steps: StepsDraft,
    /// Records that do not count any more, and what took each back.
    taken_back: Vec<(Position, Position)>,
    state: ItemState,
    holds: Vec<HoldDraft>,
    suspect: Vec<SuspectWindow>,
    seen: (Utc, Utc),
    made_of: Vec<LinkDraft>,
    went_into: Vec<LinkDraft>,
    balance: Option<BalanceDraft>,
    inherited: Vec<InheritedView>,
    came: Option<CameDraft>,
}

/// What memory knows of a link to another item.
pub(super) struct LinkDraft {
    other: ItemKey,
    met: (Utc, Option<StationId>),
    told: HopDraft,
    part: ItemKey,
}

/// What memory knows of a link, whoever asks; what it does not know is in the body.
pub(super) struct HopDraft {
    pub(super) kind: LinkKind,
    pub(super) certainty: Certainty,
    pub(super) source: Position,
    place: Option<Text>,
    /// What the counters of the feeder say of it.
    counted: Option<Counted>,
}

impl HopDraft {
    /// Why the counters of the feeder do not say how much.
    pub(super) fn untold(&self) -> Option<Untold> {
        self.counted.as_ref().and_then(|counted| counted.untold)
    }
}

pub(super) fn draft(
    memory: &View<'_>,
    visited: &mut Visited,
    key: &ItemKey,
    plant: Option<&Plant>,
) -> Option<Drafted<ItemDraft>> {
    let node = memory.graph.item(key).filter(|node| memory.speaks_of(*node))?;
    let mut reasons = Reasons::default();
    let steps = step::draft(memory, node, &mut reasons)?;
    reasons.retained(memory, node);
    if key.class == ItemClass::Lot {
        reasons.windows(memory, node);
    }
    let mut links = |direction| {
        let walk =
            Walk { direction, as_of: memory.position, depth_max: None, former: Former::Follow };
        let mut found = Vec::new();
        let loose = walk.hops(&memory.graph, node, |hop| {
            reasons.hop(memory, &hop);
            reasons.retained(memory, walk.beyond(&hop));
            found.extend(link(memory, &walk, &hop));
        });
        reasons.loose(memory, &loose);
        found.sort_by_key(|link| link.told.source);
        found
    };
    let (made_of, went_into) = (links(Direction::Backward), links(Direction::Forward));
    // A lot was made of little, and went into much; with a unit it is the other way round.
    let direction =
        if key.class == ItemClass::Lot { Direction::Backward } else { Direction::Forward };
    let walk = Walk { direction, as_of: memory.position, depth_max: None, former: Former::Leave };
    reasons.rings(memory, &walk.run(&memory.graph, &[node], visited));
    let standing = memory.standing_holds();
    let held = if standing.is_empty() {
        Vec::new()
    } else {
        memory.held_by(&memory.behind(node, &standing), &standing)
    };
    let body = ItemDraft {
        steps,
        taken_back: taken_back(memory, node),
        state: memory.state(node).0,
        holds: held.iter().filter_map(|held| memory.hold_draft(held)).collect(),
        suspect: memory.suspected(node),
        seen: memory.seen(node)?,
        made_of,
        went_into,
        balance: balance::draft(memory, node),
        inherited: plant.map(|p| memory.inherited(node, &p.catalog)).unwrap_or_default(),
        came: (key.class != ItemClass::Container).then(|| CameDraft::of(memory, node, plant)),
    };
    Some(Drafted::new(memory, reasons, body))
}

/// The item, and what else its level is told by; the level is still to come, since it depends on what is missing.
pub(super) fn finish(
    draft: ItemDraft,
    catalog: Option<&Catalog>,
    bodies: &mut Bodies<'_>,
) -> (ItemView, Option<Came>) {
    let ItemDraft {
        steps,
        taken_back,
        state,
        holds,
        suspect,
        seen,
        made_of,
        went_into,
        balance,
        inherited,
        came,
    } = draft;
    let balance = balance.and_then(|balance| balance::finish(balance, catalog, bodies));
    let holds = holds.into_iter().map(|held| hold::view(held, bodies)).collect();
    let view = |link| link_view(link, bodies);
    let made_of = made_of.into_iter().map(view).collect();
    let view = |link| link_view(link, bodies);
    let went_into = went_into.into_iter().map(view).collect();
    let superseded = taken_back.into_iter().filter_map(|gone| superseded(&steps, gone, bodies));
    let superseded = superseded.collect();
    let came = came.map(|came| came.finish(bodies));
    let view = ItemView {
        superseded,
        steps: step::finish(&steps, bodies),
        key: steps.item,
        product: steps.product,
        state,
        holds,
        suspect,
        first_seen: seen.0,
        last_seen: seen.1,
        made_of,
        went_into,
        balance,
        inherited,
        level: None,
    };
    (view, came)
}

fn taken_back(memory: &View<'_>, node: NodeId) -> Vec<(Position, Position)> {
    let corrections = memory.graph.corrections();
    let known = memory.life(node).moments().map(|m| m.position);
    let gone = known.filter(|position| *position <= memory.position);
    gone.filter_map(|p| Some((p, corrections.taken_back_by(p, memory.position)?))).collect()
}

fn superseded(
    steps: &StepsDraft,
    (position, by): (Position, Position),
    bodies: &mut Bodies<'_>,
) -> Option<SupersededView> {
    let record = bodies.taken_back(&steps.item, position)?;
    let correction = bodies.event(by);
    let reason = correction.as_ref().and_then(|event| {
        let What::Correct { reason, .. } = &event.what else { return None };
        Some(reason.clone())
    });
    let who = correction.and_then(|event| event.operator);
    Some(SupersededView { step: step::step(steps, &record)?, by, who, reason })
}

pub(super) fn link(memory: &View<'_>, walk: &Walk, hop: &Hop) -> Option<LinkDraft> {
    Some(LinkDraft {
        other: memory.key(walk.beyond(hop))?.clone(),
        met: met(memory, hop),
        told: told(memory, hop),
        part: memory.key(hop.part)?.clone(),
    })
}

pub(super) fn link_view(link: LinkDraft, bodies: &mut Bodies<'_>) -> LinkView {
    let LinkDraft { other, met: (time, station), told, part } = link;
    let (amount, place) = amount_and_place(&told, &part, bodies);
    let untold = told.untold();
    let HopDraft { kind, certainty, source: position, .. } = told;
    LinkView { kind, item: other, certainty, position, time, amount, untold, place, station }
}

pub(super) fn told(memory: &View<'_>, hop: &Hop) -> HopDraft {
    let mount = hop.mount.map(|mount| memory.graph.name(mount));
    let place = match mount {
        Some(Node::Mount(mount)) => Text::parse(mount.point.as_str()).ok(),
        Some(Node::Item(_)) | None => None,
    };
    let counted = match mount {
        Some(Node::Mount(mount)) => memory.counted(hop.source, mount.opened).cloned(),
        Some(Node::Item(_)) | None => None,
    };
    let Hop { kind, certainty, source, .. } = *hop;
    HopDraft { kind, certainty, source, place, counted }
}

/// When and where part and whole met.
pub(super) fn met(memory: &View<'_>, hop: &Hop) -> (Utc, Option<StationId>) {
    let moment = meeting(memory, hop);
    let station = moment.and_then(|m| m.station).map(|s| memory.places.name(s).clone());
    (moment.map_or(Utc::default(), |m| m.time), station)
}

/// When part and whole met.
pub(super) fn when(memory: &View<'_>, hop: &Hop) -> Utc {
    meeting(memory, hop).map_or(Utc::default(), |moment| moment.time)
}

/// Where part and whole met is read from the shorter life.
fn meeting(memory: &View<'_>, hop: &Hop) -> Option<Moment> {
    let node: NodeId = match hop.kind {
        LinkKind::InstalledIn
        | LinkKind::FormerlyInstalledIn
        | LinkKind::PackedIn
        | LinkKind::FormerlyPackedIn => hop.part,
        LinkKind::ConsumedInto
        | LinkKind::SplitInto
        | LinkKind::MergedInto
        | LinkKind::MountedAs
        | LinkKind::FedInto
        | LinkKind::IdentifiedAs => hop.whole,
    };
    memory.life(node).at(hop.source)
}

/// What only the body of the record tells of a link.
pub(super) fn amount_and_place(
    told: &HopDraft,
    part: &ItemKey,
    bodies: &mut Bodies<'_>,
) -> (Option<Amount>, Option<Text>) {
    match told.kind {
        LinkKind::ConsumedInto
        | LinkKind::MergedInto
        | LinkKind::InstalledIn
        | LinkKind::FormerlyInstalledIn => {
            bodies.event(told.source).map_or((None, None), |event| from_body(event, part))
        }
        LinkKind::PackedIn
        | LinkKind::FormerlyPackedIn
        | LinkKind::SplitInto
        | LinkKind::MountedAs
        | LinkKind::FedInto
        | LinkKind::IdentifiedAs => {
            let amount = told.counted.as_ref().and_then(|counted| counted.amount.clone());
            (amount, told.place.clone())
        }
    }
}

fn from_body(event: TraceEvent, part: &ItemKey) -> (Option<Amount>, Option<Text>) {
    match event.what {
        // What was left of the lot before went in by no hopper, and nobody knows how much.
        What::Consume { consumed, .. } if consumed.lot != *part => (None, None),
        What::Consume { consumed, place, .. } => (consumed.amount, place),
        What::Install { place, .. } => (None, place),
        What::Merge { from, .. } => {
            (from.into_iter().find(|c| c.lot == *part).and_then(|c| c.amount), None)
        }
        What::Arrive { .. }
        | What::Complete { .. }
        | What::Produce { .. }
        | What::Remove { .. }
        | What::Pack { .. }
        | What::Unpack { .. }
        | What::Split { .. }
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
        | What::Correct { .. } => (None, None),
    }
}
