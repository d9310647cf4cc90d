//! What an event tells of the work on an item: who, with what, in what place, and what was measured.
use super::step::outcome;
use crate::model::TraceEvent;

/// What an item can be exposed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttributeKind {
    /// It was worked on there.
    Station,
    /// At a position of the station.
    Nest,
    /// On a carrier.
    Carrier,
    /// By a person.
    Operator,
    /// With an operation, recipe or program.
    Operation,
    /// With a tool.
    Tool,
    /// It was made of a lot.
    Lot,
    /// A word that the plant file has kept.
    Word,
    /// Something was measured before it was judged.
    Measurement,
}

/// One thing that an event tells.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) kind: AttributeKind,
    /// Where a station has several of the kind.
    pub(super) name: Option<String>,
    pub(super) value: ToldValue,
}

/// What it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ToldValue {
    Text(String),
    /// Finite, and of good quality.
    Number(f64),
}

/// All that an event tells of the work.
pub(super) fn told(event: &TraceEvent) -> Vec<Told> {
    use AttributeKind::{Carrier, Measurement, Nest, Operation, Operator, Tool, Word};
    let (_, measurements, phase) = outcome(&event.what);
    let carrier = event.fill.as_ref().and_then(|fill| fill.carrier.as_ref());
    let one = [
        (Operator, event.operator.map(|person| person.to_string())),
        (Operation, event.operation.as_ref().map(ToString::to_string)),
        (Nest, event.nest.as_ref().map(ToString::to_string)),
        (Carrier, carrier.map(ToString::to_string)),
    ];
    let text = |kind, name, value| Told { kind, name, value: ToldValue::Text(value) };
    let one = one.into_iter().filter_map(|(kind, value)| Some(text(kind, None, value?)));
    let tools = phase.iter().flat_map(|phase| &phase.tools);
    let tools = tools.map(|tool| text(Tool, None, tool.value.to_string()));
    let words = event.context.iter().filter_map(|word| {
        let value = word.value.as_text()?;
        Some(text(Word, Some(word.name.to_string()), value.clone()))
    });
    let good = measurements.iter().filter(|taken| taken.quality.is_good());
    let numbers = good.filter_map(|taken| {
        let value = taken.value.number().filter(|value| value.is_finite())?;
        let (kind, name) = (Measurement, Some(taken.name.to_string()));
        Some(Told { kind, name, value: ToldValue::Number(value) })
    });
    one.chain(tools).chain(words).chain(numbers).collect()
}
