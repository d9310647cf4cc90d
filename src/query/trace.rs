//! Everything that an item was made of, or went into.
use super::Drafted;
use super::answer::{Trace, TraceLink, TraceNode};
use super::body::Bodies;
use super::item::{HopDraft, amount_and_place, told};
use super::reason::Reasons;
use super::step::{self, StepsDraft};
use super::view::View;
use crate::genealogy::{Direction, Former, Visited, Walk};
use crate::model::{ItemClass, ItemKey};

/// What memory knows of a trace.
pub(super) struct TraceDraft {
    root: ItemKey,
    direction: Direction,
    nodes: Vec<(u32, StepsDraft)>,
    links: Vec<(ItemKey, ItemKey, HopDraft)>,
    cut_at_depth: bool,
}

/// Parts that were taken out again are walked through too: this is the history of the item.
///
/// Backward, a lot counts as it was made, not as it lay in a feeder: what was fed from it later, and
/// not observed, does not touch the item. Forward it does.
pub(super) fn draft(
    memory: &View<'_>,
    visited: &mut Visited,
    root: &ItemKey,
    direction: Direction,
    depth_max: Option<u32>,
) -> Option<Drafted<TraceDraft>> {
    let begin = memory.graph.item(root).filter(|node| memory.speaks_of(*node))?;
    let walk = Walk { direction, as_of: memory.position, depth_max, former: Former::Follow };
    let walked = walk.run(&memory.graph, &[begin], visited);
    let mut reasons = Reasons::default();
    let mut nodes = Vec::with_capacity(walked.reached.len());
    for reached in &walked.reached {
        reasons.retained(memory, reached.node);
        nodes.extend(
            step::draft(memory, reached.node, &mut reasons).map(|steps| (reached.depth, steps)),
        );
        if direction == Direction::Forward && memory.class(reached.node) == Some(ItemClass::Lot) {
            reasons.windows(memory, reached.node);
        }
    }
    reasons.loose(memory, &walked.loose);
    reasons.rings(memory, &walked);
    let mut links = Vec::with_capacity(walked.hops.len());
    for hop in &walked.hops {
        reasons.hop(memory, hop);
        if let (Some(part), Some(whole)) = (memory.key(hop.part), memory.key(hop.whole)) {
            links.push((part.clone(), whole.clone(), told(memory, hop)));
        }
    }
    let body = TraceDraft {
        root: root.clone(),
        direction,
        nodes,
        links,
        cut_at_depth: walked.cut_at_depth,
    };
    Some(Drafted::new(memory, reasons, body))
}

pub(super) fn finish(draft: TraceDraft, bodies: &mut Bodies<'_>) -> Trace {
    let TraceDraft { root, direction, nodes, links, cut_at_depth } = draft;
    let nodes = nodes.into_iter().map(|(depth, draft)| {
        let steps = step::finish(&draft, bodies);
        let StepsDraft { item, product, .. } = draft;
        TraceNode { item, product, depth, steps }
    });
    let nodes = nodes.collect();
    let links = links.into_iter().map(|(part, whole, told)| {
        let (amount, place) = amount_and_place(&told, &part, bodies);
        let untold = told.untold();
        let HopDraft { kind, certainty, source: position, .. } = told;
        TraceLink { part, whole, kind, certainty, position, amount, untold, place }
    });
    Trace { root, direction, nodes, links: links.collect(), cut_at_depth }
}
