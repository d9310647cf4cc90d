//! The item that a text names, for every question and every command.
use super::Source;
use super::problem::Problem;
use crate::model::{ItemClass, ItemKey, Position};
use crate::query::Resolved;
use axum::http::StatusCode;
use serde_json::Value;

/// Where commands name an item that is recorded. The rows of an order list are of units that may be yet to come, and so
/// is what a unit is identified as: those are told in full.
pub(super) const ABOUT: [&str; 7] = [
    "/hold/item",
    "/release/item",
    "/release/of",
    "/note/item",
    "/identify/item",
    "/count/item",
    "/maintenance/item",
];

/// The one item that a text names; where a label names several, that of the wanted class.
pub(super) fn one(
    source: &dyn Source,
    text: &str,
    wanted: Option<ItemClass>,
) -> Result<ItemKey, Problem> {
    // Asked first: what was not indexed yet may be by the time that nothing is found.
    let indexing = source.indexing();
    let resolution = source.resolve(text, wanted);
    match &resolution.found {
        Resolved::Item(key) => Ok(key.clone()),
        Resolved::Candidates(_) | Resolved::Unknown => {
            Err(Problem::unresolved(text, &resolution, indexing))
        }
    }
}

/// The text at a place of a command that stands for an item and is not its full form.
pub(super) fn loose<'a>(command: &'a mut Value, at: &str) -> Option<&'a mut Value> {
    let item = command.pointer_mut(at)?;
    item.as_str().is_some_and(|text| text.parse::<ItemKey>().is_err()).then_some(item)
}

/// Whether the hold of another item keeps this one: only then can it be let go all the same. What comes to it later is
/// not let go beforehand.
pub(super) fn kept(source: &dyn Source, item: &ItemKey, of: &ItemKey) -> Result<(), Problem> {
    let indexing = source.indexing();
    let answer = source.item(item, Position(u64::MAX));
    let holds = answer.ok_or_else(|| Problem::unknown(&item.to_string(), indexing))?.body.holds;
    if holds.iter().any(|hold| hold.item == *of) || item == of {
        return Ok(());
    }
    let others: Vec<String> = holds.iter().map(|hold| hold.told_of(item)).collect();
    let others = match others.as_slice() {
        [] => "it is not on hold".to_owned(),
        others => format!("it is on hold {}", others.join("; ")),
    };
    let why = format!("{item} is not on hold with {of}: {others}");
    Err(Problem { reasons: vec![why.clone()], ..Problem::new(StatusCode::CONFLICT, why) })
}
