//! `hold`, `release`, `holds`: what must not move on, and whatever it went into.
use super::exit::{Done, Exit, Failure};
use super::signed::Signed;
use super::trace::{is_complete, tell_as_of};
use super::{Context, client, output, words};
use serde_json::Value;
use std::collections::BTreeMap;

/// Who decides, why, and as what.
#[derive(Debug, clap::Args)]
struct Decided {
    #[command(flatten)]
    signed: Signed,
    /// What the signature stands for, such as `review` or `responsibility`.
    #[arg(long, value_name = "TEXT")]
    meaning: Option<String>,
}

/// Put items on hold: they, and everything that they went into, must not move on.
#[derive(Debug, clap::Args)]
pub(super) struct HoldArgs {
    /// Serials, lot numbers, containers, in full or whatever `resolve` takes.
    #[arg(required = true, value_name = "ITEM")]
    items: Vec<String>,
    #[command(flatten)]
    decided: Decided,
}

/// End holds, or let single items go although what they were made of stays on hold.
#[derive(Debug, clap::Args)]
pub(super) struct ReleaseArgs {
    /// Serials, lot numbers, containers, in full or whatever `resolve` takes.
    #[arg(required = true, value_name = "ITEM")]
    items: Vec<String>,
    /// What is on hold and stays so: only the items named before, which it went into, are let go.
    #[arg(long, value_name = "ITEM")]
    of: Option<String>,
    #[command(flatten)]
    decided: Decided,
}

pub(super) fn hold(context: &Context, args: &HoldArgs) -> Done {
    each(context, "hold", &args.items, &args.decided, None)
}

pub(super) fn release(context: &Context, args: &ReleaseArgs) -> Done {
    each(context, "release", &args.items, &args.decided, args.of.as_ref())
}

/// Each item is a record of its own; those that are refused keep the others from nothing.
fn each(
    context: &Context,
    verb: &'static str,
    items: &[String],
    decided: &Decided,
    of: Option<&String>,
) -> Done {
    let mut refused = None;
    let mut done = Vec::new();
    for item in items {
        let Decided { signed: Signed { reason, badge }, meaning } = decided;
        let said = [("item", Some(item)), ("reason", Some(reason)), ("badge", Some(badge))];
        let said = said.into_iter().chain([("meaning", meaning.as_ref()), ("of", of)]);
        let said: BTreeMap<&str, &String> =
            said.filter_map(|(key, value)| Some((key, value?))).collect();
        match client::post(context, "/api/v1/commands", &serde_json::json!({ verb: said })) {
            Ok(told) => {
                let position = told.get("position").and_then(Value::as_u64);
                done.push(serde_json::json!({ "item": item, "position": position }));
                if !context.json {
                    output::line(format!("{item}: {verb} is record #{}", position.unwrap_or(0)))?;
                }
            }
            Err(failure) => {
                output::notice(&format!("{item}: {}", failure.text));
                refused = refused.or(Some(failure.exit));
            }
        }
    }
    if context.json {
        output::json(&done.clone().into())?;
    }
    let told = || format!("{verb}: {} of {} were done", done.len(), items.len());
    refused.map_or(Ok(Exit::Ok), |exit| Err(Failure::new(exit, told())))
}

const HEAD: [&str; 8] =
    ["ITEM", "REASON", "SIGNED AS", "WHO", "SINCE", "RECORD", "DOWNSTREAM", "LET GO"];

/// What is on hold, and how much it went into.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {}

pub(super) fn list(context: &Context, _: &ListArgs) -> Done {
    let answer = client::get(context, "/api/v1/holds", &[])?;
    if context.json {
        output::json(&answer)?;
    } else {
        let rows: Vec<Vec<String>> = client::list(&answer, "body").map(row).collect();
        let count = rows.len();
        if count > 0 {
            output::line(output::table(&HEAD, rows))?;
        }
        tell_as_of(&answer, &format!("{} on hold", output::counted(count, "items")));
    }
    Ok(if is_complete(&answer) { Exit::Ok } else { Exit::Incomplete })
}

fn row(hold: &Value) -> Vec<String> {
    let text = |key: &str| hold.get(key).and_then(Value::as_str).unwrap_or("–").to_owned();
    let count = |key: &str| hold.get(key).and_then(Value::as_u64).unwrap_or(0).to_string();
    let spared: Vec<&str> = client::list(hold, "spared").filter_map(Value::as_str).collect();
    vec![
        text("item"),
        text("reason"),
        text("meaning"),
        text("who"),
        words::time(&text("time")),
        count("position"),
        count("downstream"),
        spared.join(", "),
    ]
}
