//! `resolve`: which item a text is.
use super::client::{candidate, list};
use super::exit::{Done, Exit};
use super::{Context, client, output};
use serde_json::Value;

/// Which item a text is: whatever was typed, pasted or scanned.
///
/// The text is a serial, a lot number, an SSCC, an alias, the full form of an item, its `NodeId`, or a label of GS1: an element
/// string as a scanner sends it, as it is printed with brackets, or a Digital Link. Whoever takes an item takes
/// all of these. One that leads to several items, or to none, is answered with those that it may be and why, and ends with 3.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Such as `SN-1`, `(01)09506000134352(21)SN-1`, `https://id.gs1.org/00/340123450000000018` or `ns=2;s=u/site/SN-1`.
    text: String,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let answer = client::get(context, "/api/v1/resolve", &[("id", &args.text)])?;
    let found = answer.get("found").unwrap_or(&Value::Null);
    let item = found.get("item").and_then(Value::as_str);
    let exit = if item.is_some() { Exit::Ok } else { Exit::NotFound };
    if context.json {
        output::json(&answer)?;
        return Ok(exit);
    }
    for (head, key) in [("read as ", "read_as"), ("", "wrong")] {
        for words in list(&answer, key).filter_map(Value::as_str) {
            output::notice(&format!("{head}{words}"));
        }
    }
    if let Some(item) = item {
        output::line(item)?;
        return Ok(exit);
    }
    let exact: Vec<_> = list(found, "candidates").filter_map(candidate).collect();
    let near: Vec<_> = list(&answer, "near").filter_map(candidate).collect();
    output::notice(&match (exact.len(), near.len()) {
        (0, 0) => "nothing recorded has it, or comes near it".to_owned(),
        (0, _) => "nothing recorded has it; these come near:".to_owned(),
        (count, _) => format!("{} have it; ask for one of them:", output::counted(count, "items")),
    });
    let rows: Vec<Vec<String>> = exact
        .iter()
        .chain(&near)
        .map(|(item, why)| vec![(*item).to_owned(), (*why).to_owned()])
        .collect();
    if !rows.is_empty() {
        output::line(output::table(&["ITEM", "WHY"], rows))?;
    }
    match answer.get("left_out").and_then(Value::as_u64) {
        None | Some(0) => {}
        Some(more) => output::notice(&format!("and {more} more")),
    }
    Ok(exit)
}
