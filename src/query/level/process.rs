//! The rungs of what was done to an item: P1 to P4.
use super::facts::{Done, Facts};
use super::{Ladder, Wanting};
use crate::model::plant::Plant;
use crate::model::{Evidence, Permit, Value};
use crate::query::answer::{MeasurementView, PermitView};

pub(super) fn wanting(facts: &Facts<'_>, [p1, p2, p3, p4]: &mut Ladder) {
    if facts.steps.iter().all(|done| done.step.station.is_none()) {
        p1.add(|| "nothing that was done to it at a station is on record".to_owned());
    }
    for station in facts.behind.iter().filter(|station| !facts.has_ended(station)) {
        p2.add(|| format!("the end of its work at {station} is not on record"));
    }
    if facts.steps.iter().all(|done| done.step.result.is_none()) {
        p2.add(|| "no step says how it ended".to_owned());
    }
    let mut all = facts.steps.iter().flat_map(|done| &done.step.measurements);
    if !all.any(is_there) {
        p3.add(|| "nothing that was measured is on record".to_owned());
    }
    tools(facts, p3);
    for done in &facts.steps {
        if done.step.result.is_none() && done.handshake.is_some_and(|h| h.result.is_some()) {
            p2.add(|| format!("no outcome {}", done.at()));
        }
        by_whom_and_how(done, p3);
        wholly(facts.plant, done, p4);
    }
}

/// Each tool of the stations that it passed is on record with it.
fn tools(facts: &Facts<'_>, p3: &mut Wanting) {
    for station in facts.passed() {
        for feeder in facts.feeders(station).filter(|feeder| feeder.tool.is_some()) {
            if !facts.has_fed(station, feeder) {
                p3.add(|| format!("no tool in {} at {}", feeder.id, station.id));
            }
        }
    }
}

/// Operator, operation, recipe and each measurement that the plant file has of a step are told.
fn by_whom_and_how(done: &Done<'_>, p3: &mut Wanting) {
    let step = done.step;
    if step.station.is_none() {
        p3.add(|| format!("no station of the step {} ({})", step.verb, step.position));
    }
    if let Some(phase) = done.phase
        && phase.operation.is_some()
        && step.operation.is_none()
    {
        p3.add(|| format!("no operation {}", done.at()));
    }
    let Some(handshake) = done.handshake else { return };
    if handshake.badge.is_some() && step.operator.is_none() {
        p3.add(|| format!("no operator {}", done.at()));
    }
    if handshake.operation.is_some() && step.operation.is_none() {
        p3.add(|| format!("no operation {}", done.at()));
    }
    let untold = |permit: &PermitView| permit.permit == Permit::Ok && permit.recipe.is_none();
    if handshake.recipe_words().next().is_some() && step.permit.as_ref().is_some_and(untold) {
        p3.add(|| format!("no recipe {}", done.at()));
    }
    for wanted in &handshake.measurements {
        let mut taken = step.measurements.iter();
        if !taken.any(|taken| taken.name == wanted.name && is_there(taken)) {
            p3.add(|| format!("no {} {}", wanted.name, done.at()));
        }
    }
}

/// A step is told by the machine, from its begin to its end, with nothing doubtful in it.
fn wholly(plant: Option<&Plant>, done: &Done<'_>, p4: &mut Wanting) {
    let step = done.step;
    if step.evidence != Evidence::Automatic {
        p4.add(|| {
            format!("{} is {}, not automatic {}", step.verb, step.evidence.as_str(), done.at())
        });
    }
    if done.is_end() && step.stay.is_none() {
        p4.add(|| format!("since when it was there is not told {}", done.at()));
    }
    // What is measured beyond that is more, however doubtful.
    for wanted in done.handshake.iter().flat_map(|handshake| &handshake.measurements) {
        let taken = || step.measurements.iter().filter(|taken| taken.name == wanted.name);
        if let Some(doubtful) = taken().find(|taken| is_there(taken))
            && !taken().any(|taken| taken.quality.starts_with("Good"))
        {
            p4.add(|| format!("{} is {} {}", wanted.name, doubtful.quality, done.at()));
        }
    }
    for tag in done.phase.iter().flat_map(|phase| &phase.record) {
        let Some(name) = plant.map(|plant| &plant.tag(*tag).name) else { continue };
        let rows = step.phase.iter().flat_map(|phase| &phase.statistics);
        if !rows.filter(|row| row.n > 0).any(|row| row.tag == *name) {
            p4.add(|| format!("no statistics of {name} {}", done.at()));
        }
    }
}

/// Whether a measurement says anything.
fn is_there(taken: &MeasurementView) -> bool {
    taken.value != Value::Empty && !taken.quality.starts_with("Bad")
}
