//! The as-built record: one event in the life of an item, as it is shown.
use super::answer::{MeasurementView, StepView};
use super::body::Bodies;
use super::view::View;
use crate::genealogy::NodeId;
use crate::model::{
    Body, Interval, ItemKey, Measurement, PhaseSummary, Position, Record, Result, Text, TraceEvent,
    What,
};
use std::collections::BTreeMap;

/// What memory knows of an item's steps.
pub(super) struct StepsDraft {
    pub(super) item: ItemKey,
    pub(super) product: Option<Text>,
    wanted: usize,
    /// By record: the stay, if there was one, and whether it was wholly observed.
    stays: BTreeMap<Position, (Option<Interval>, bool)>,
}

/// What memory knows of an item's steps, and why they may be incomplete.
pub(super) fn draft(
    memory: &View<'_>,
    node: NodeId,
    reasons: &mut super::reason::Reasons,
) -> Option<StepsDraft> {
    let presences = memory.presences(node);
    reasons.stays(memory, node, &presences);
    let stays = presences.iter().map(|presence| {
        let station = memory.places.name(presence.station);
        let whole = memory.doubts.at(station, presence.interval).all(|doubt| doubt.gap.is_none());
        (presence.position, (presence.stayed.then_some(presence.interval), whole))
    });
    Some(StepsDraft {
        item: memory.key(node)?.clone(),
        product: memory.product(node),
        // How many there were then is not known.
        wanted: if memory.is_past() { 0 } else { memory.life(node).steps },
        stays: stays.collect(),
    })
}

/// The steps in order of event time.
pub(super) fn finish(draft: &StepsDraft, bodies: &mut Bodies<'_>) -> Vec<StepView> {
    let records = bodies.steps(&draft.item, draft.wanted);
    let mut steps: Vec<StepView> = records.iter().filter_map(|r| step(draft, r)).collect();
    steps.sort_by_key(|step| (step.time, step.position));
    steps
}

pub(super) fn step(draft: &StepsDraft, record: &Record) -> Option<StepView> {
    let Body::Trace(event) = &record.body else { return None };
    let (stay, complete) = draft.stays.get(&record.position).copied().unwrap_or((None, true));
    let (result, measurements, phase) = outcome(&event.what);
    Some(StepView {
        position: record.position,
        verb: event.what.verb().as_str(),
        rule: super::describe::by(&record.body).0,
        station: event.station.clone(),
        time: event.time.at,
        stay,
        operation: event.operation.clone(),
        result,
        operator: event.operator,
        evidence: event.evidence,
        purpose: event.purpose,
        measurements: measurements.iter().map(measurement).collect(),
        phase: phase.cloned(),
        complete,
        other: other(event, &draft.item),
        permit: event.handshake.as_ref().map(super::describe::permit),
        went_past: event.went_past,
    })
}

/// What was measured by an event.
pub fn measured(what: &What) -> &[Measurement] {
    outcome(what).1
}

/// With what outcome an event ended.
pub(super) fn outcome(what: &What) -> (Option<Result>, &[Measurement], Option<&PhaseSummary>) {
    match what {
        What::Complete { result, measurements, phase, .. } => {
            (*result, measurements, phase.as_ref())
        }
        What::Produce { result, measurements, .. } | What::Inspect { result, measurements, .. } => {
            (*result, measurements, None)
        }
        What::Clean { phase, .. } => (None, &[], phase.as_ref()),
        What::Arrive { .. }
        | What::Consume { .. }
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
        | What::Hold { .. }
        | What::Release { .. }
        | What::Scrap { .. }
        | What::Rework { .. }
        | What::Identify { .. }
        | What::Note { .. }
        | What::Open { .. }
        | What::Close { .. }
        | What::Dry { .. }
        | What::Correct { .. } => (None, &[], None),
    }
}

/// The other item of an event, if there is exactly one, or if the event is mainly about it.
fn other(event: &TraceEvent, item: &ItemKey) -> Option<ItemKey> {
    if matches!(event.what, What::Complete { .. } | What::Produce { .. }) {
        return None;
    }
    let all = event.items();
    let main = all.first().filter(|main| **main != item);
    let mut others = all.iter().filter(|other| **other != item);
    let only = others.next().filter(|_| others.next().is_none());
    main.or(only).map(|other| (*other).clone())
}

fn measurement(taken: &Measurement) -> MeasurementView {
    MeasurementView {
        name: taken.name.clone(),
        value: taken.value.clone(),
        quality: taken.quality.to_string(),
        unit: taken.unit.clone(),
        low: taken.low,
        high: taken.high,
        in_limits: taken.in_limits(),
    }
}
