//! What only the records of the steps tell: who, with what, in what place, and what was measured.
use super::Case;
use super::answer::Attribute;
use super::exposure::Exposures;
use crate::model::{Position, Text, TraceEvent};
use crate::query::attribute::{Told, ToldValue, told};
use crate::query::body::Bodies;
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
    for Told { kind, name, value } in told(event) {
        let name = name.and_then(|name| Text::parse(&name).ok());
        let attribute = Attribute { kind, station: event.station.clone(), name };
        match value {
            ToldValue::Text(value) => exposures.told(attribute, value, unit, event.time.at),
            ToldValue::Number(_) if judged => {}
            ToldValue::Number(value) => exposures.measured(attribute, unit, value),
        }
    }
}
