//! The item that a text names, for every question and every command.
use super::Source;
use super::problem::Problem;
use crate::model::{ItemClass, ItemKey};
use crate::query::Resolved;
use serde_json::Value;

/// Commands about an item that is recorded. The rows of an order list are of units that may be yet to come, and so is what
/// a unit is identified as: those are told in full.
const ABOUT: [&str; 4] = ["/hold/item", "/release/item", "/note/item", "/identify/item"];

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

/// The text in a command that stands for an item and is not its full form.
pub(super) fn loose(command: &mut Value) -> Option<&mut Value> {
    let at = ABOUT.iter().find(|at| command.pointer(at).is_some())?;
    let item = command.pointer_mut(at)?;
    item.as_str().is_some_and(|text| text.parse::<ItemKey>().is_err()).then_some(item)
}
