//! What only the records of the steps tell: who, with what, in what place, and what was measured.
use super::Case;
use super::answer::{Attribute, AttributeKind};
use super::exposure::Exposures;
use crate::model::{Position, TraceEvent};
use crate::query::body::Bodies;
use crate::query::step::outcome;
use std::collections::BTreeMap;

/// Reads each record once, in order.
pub(super) fn read(cases: &[Case], exposures: &mut Exposures, bodies: &mut Bodies<'_>) {
    let mut units: BTreeMap<Position, Vec<u32>> = BTreeMap::new();
    for (case, unit) in cases.iter().zip(0..) {
        case.steps.iter().for_each(|step| units.entry(*step).or_default().push(unit));
    }
    for (position, units) in units {
        let Some(event) = bodies.event(position) else { continue };
        for unit in units {
            let judged = cases.get(unit as usize).is_some_and(|case| case.judged == event.time.at);
            take(&event, unit, judged, exposures);
        }
    }
}

/// Takes what one event tells of a unit. What was measured when it was judged is why it was judged so, and no cause.
fn take(event: &TraceEvent, unit: u32, judged: bool, exposures: &mut Exposures) {
    let at = event.time.at;
    let attribute = |kind, name: Option<String>| Attribute {
        kind,
        station: event.station.clone(),
        name: name.and_then(|name| crate::model::Text::parse(&name).ok()),
    };
    let mut told = |kind, value: Option<String>| {
        if let Some(value) = value {
            exposures.told(attribute(kind, None), value, unit, at);
        }
    };
    told(AttributeKind::Operator, event.operator.map(|person| person.to_string()));
    told(AttributeKind::Operation, event.operation.as_ref().map(ToString::to_string));
    told(AttributeKind::Nest, event.nest.as_ref().map(ToString::to_string));
    let carrier = event.fill.as_ref().and_then(|fill| fill.carrier.as_ref());
    told(AttributeKind::Carrier, carrier.map(ToString::to_string));
    let (_, measurements, phase) = outcome(&event.what);
    for tool in phase.iter().flat_map(|phase| &phase.tools) {
        told(AttributeKind::Tool, Some(tool.value.to_string()));
    }
    for word in &event.context {
        if let Some(value) = word.value.as_text() {
            let attribute = attribute(AttributeKind::Word, Some(word.name.to_string()));
            exposures.told(attribute, value, unit, at);
        }
    }
    for taken in measurements.iter().filter(|taken| !judged && taken.quality.is_good()) {
        if let Some(value) = taken.value.number().filter(|value| value.is_finite()) {
            let attribute = attribute(AttributeKind::Measurement, Some(taken.name.to_string()));
            exposures.measured(attribute, unit, value);
        }
    }
}
