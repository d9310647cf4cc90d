//! Why items went bad: what they were exposed to and the others were not, ranked.
//!
//! Whoever was judged at the stations in question within the time is compared: by its own steps and those of all that
//! it was made of, up to the moment at which it was judged. What happened to it afterwards, because it was bad, is no
//! cause.
mod answer;
mod bodies;
mod evidence;
mod exposure;

pub use answer::{Attribute, AttributeKind, CauseView, FactorView, TwinView, Why};
pub use evidence::{Edge, Evidence};

use super::Drafted;
use super::life::{Kind, Moment, StationNumber};
use super::reason::Reasons;
use super::view::View;
use crate::genealogy::why::{Cases, Factor, Settings, rank};
use crate::genealogy::{NodeId, Visited};
use crate::model::{Interval, ItemClass, ItemKey, Position, Result, StationId, Text, Utc};
use answer::Named;
use evidence::Around;
use exposure::Exposures;
use std::collections::{BTreeMap, BTreeSet};

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct WhyAsked {
    /// The items that are bad; if there are none, whoever failed.
    pub bad: Vec<ItemKey>,
    /// Where they were judged; anywhere if not told.
    pub station: Option<StationId>,
    /// When they were judged.
    pub interval: Interval,
    /// Items that are named of each cause at most.
    pub items_max: usize,
}

/// One item that is compared.
pub(super) struct Case {
    item: ItemKey,
    bad: bool,
    judged: Utc,
    product: Option<Text>,
    /// Its steps until then, and those of all that it was made of: their records.
    steps: Vec<Position>,
}

/// What memory knows of the items that are compared.
pub(super) struct WhyDraft {
    cases: Vec<Case>,
    exposures: Exposures,
    /// How many were judged; with more than can be compared there is no case.
    many: usize,
    /// Items that were named and are not among the cases.
    left_out: Vec<ItemKey>,
    items_max: usize,
}

/// More items are not compared at once: whoever asks holds up what is recorded meanwhile.
const ITEMS_MAX: usize = 50_000;

/// `None` if no record speaks of the station, or of one of the items.
pub(super) fn draft(
    memory: &View<'_>,
    visited: &mut Visited,
    asked: &WhyAsked,
) -> Option<Drafted<WhyDraft>> {
    let node = |item: &ItemKey| memory.graph.item(item).filter(|node| memory.speaks_of(*node));
    let bad: BTreeSet<NodeId> = asked.bad.iter().map(node).collect::<Option<_>>()?;
    let station = match &asked.station {
        Some(station) => Some(memory.places.find(station)?),
        None => None,
    };
    let mut reasons = Reasons::default();
    let mut judged: BTreeMap<NodeId, (Utc, bool)> = BTreeMap::new();
    for id in memory.places.in_order() {
        let here = memory.places.find(&id).filter(|here| station.is_none_or(|one| one == *here));
        let Some(here) = here else { continue };
        let around = memory.places.get(here).around(asked.interval, memory.void());
        for node in around {
            if let Some((at, failed)) = verdict(memory, node, here, asked.interval) {
                judge(judged.entry(node).or_insert((at, failed)), at, failed);
            }
        }
        reasons.station(memory, &id, asked.interval);
    }
    if !bad.is_empty() {
        for (node, (_, failed)) in &mut judged {
            *failed = bad.contains(node);
        }
    }
    let class = class_of(memory, &judged);
    judged.retain(|node, _| memory.class(*node) == Some(class));
    let left_out = bad.iter().filter(|node| !judged.contains_key(node));
    let left_out: Vec<ItemKey> = left_out.filter_map(|node| memory.key(*node).cloned()).collect();
    let many = judged.len();
    if many > ITEMS_MAX {
        judged.clear();
    }
    let mut order: Vec<_> = judged.into_iter().map(|(node, (at, bad))| (at, node, bad)).collect();
    order.sort_unstable();
    let mut exposures = Exposures::default();
    let mut cases = Vec::with_capacity(order.len());
    for ((at, node, bad), unit) in order.into_iter().zip(0..) {
        let Some(item) = memory.key(node).cloned() else { continue };
        let steps = exposures.take((memory, visited, &mut reasons), unit, (node, at));
        cases.push(Case { item, bad, judged: at, product: memory.product(node), steps });
    }
    exposures.observed(memory, &mut reasons);
    let body = WhyDraft { cases, exposures, many, left_out, items_max: asked.items_max };
    Some(Drafted::new(memory, reasons, body))
}

/// How an item was judged at a station within the time: when, and whether it failed. It failed if it ever did; then
/// the first time counts, else the last.
fn verdict(
    memory: &View<'_>,
    node: NodeId,
    station: StationNumber,
    interval: Interval,
) -> Option<(Utc, bool)> {
    let is_here = |moment: &Moment| {
        moment.station == Some(station)
            && moment.production
            && matches!(moment.kind, Kind::Complete | Kind::Scrap)
            && interval.contains(moment.time)
    };
    let mut last = None;
    for moment in memory.life(node).standing(memory.void()).filter(is_here) {
        let failed = moment.kind == Kind::Scrap
            || matches!(moment.result, Some(Result::Fail | Result::Rework | Result::Scrap));
        if failed {
            return Some((moment.time, true));
        }
        last = Some((moment.time, false));
    }
    last
}

/// Takes another station's verdict in.
fn judge(known: &mut (Utc, bool), at: Utc, failed: bool) {
    *known = match (known.1, failed) {
        (true, true) => (known.0.min(at), true),
        (true, false) => *known,
        (false, true) => (at, true),
        (false, false) => (known.0.max(at), false),
    };
}

/// What is compared: what is bad is of one class, units before lots.
fn class_of(memory: &View<'_>, judged: &BTreeMap<NodeId, (Utc, bool)>) -> ItemClass {
    let has = |class, only_bad: bool| {
        judged
            .iter()
            .any(|(node, (_, bad))| (*bad || !only_bad) && memory.class(*node) == Some(class))
    };
    let classes = [(ItemClass::Unit, true), (ItemClass::Lot, true), (ItemClass::Unit, false)];
    let found = classes.into_iter().find(|(class, only_bad)| has(*class, *only_bad));
    found.map_or(ItemClass::Lot, |(class, _)| class)
}

/// What only the records of the steps tell.
pub(super) fn read(mut draft: WhyDraft, bodies: &mut super::body::Bodies<'_>) -> WhyDraft {
    bodies::read(&draft.cases, &mut draft.exposures, bodies);
    draft
}

/// Ranks what was found; needs nothing that others wait for. With the edges of each cause.
pub(super) fn ranked(draft: WhyDraft) -> (Why, Vec<Vec<Around>>) {
    let WhyDraft { cases, exposures, many, left_out, items_max } = draft;
    if many > ITEMS_MAX {
        return (answer::too_many(many, ITEMS_MAX, left_out), Vec::new());
    }
    let mut products: BTreeMap<&Option<Text>, u32> = BTreeMap::new();
    let mut strata = Vec::with_capacity(cases.len());
    for case in &cases {
        let next = u32::try_from(products.len()).unwrap_or(u32::MAX);
        strata.push(*products.entry(&case.product).or_insert(next));
    }
    let told = Cases { bad: cases.iter().map(|case| case.bad).collect(), strata };
    let named = exposures.factors();
    let factors: Vec<Factor> = named.iter().map(|(_, factor)| factor.clone()).collect();
    let ranking = rank(&told, &factors, &Settings::default());
    let named: Vec<Named> = named.into_iter().map(|(named, _)| named).collect();
    let edges = |cause| evidence::edges(cause, (&named, &factors), &cases);
    let edges = ranking.causes.iter().map(edges).collect();
    (Why { left_out, ..answer::view(&ranking, &named, &cases, items_max) }, edges)
}

/// What happened at the edges of the causes.
pub(super) fn with_evidence(
    (mut why, edges): (Why, Vec<Vec<Around>>),
    bodies: &mut super::body::Bodies<'_>,
) -> Why {
    for (cause, edges) in why.causes.iter_mut().zip(&edges) {
        (cause.evidence, cause.evidence_left_out) = evidence::read(edges, bodies);
    }
    why
}
