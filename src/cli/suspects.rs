//! `suspects`: when stations may have been wrong, and what was made there meanwhile.
use super::exit::{Done, Exit};
use super::trace::{is_complete, tell_as_of};
use super::{Context, client, output, words};
use serde_json::Value;
use std::collections::BTreeSet;

/// When stations may have been wrong, and what was made there meanwhile.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only this one.
    #[arg(long)]
    station: Option<String>,
    /// How many items of a time are named.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
    /// What was answered when this record was the last: `1234`.
    #[arg(long, value_name = "POSITION")]
    as_of: Option<u64>,
}

const HEAD: [&str; 8] = ["WINDOW", "STATION", "SAYS SO", "WHY", "FROM", "TO", "ITEMS", "THEY ARE"];

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let limit = args.limit.map(|limit| limit.to_string());
    let as_of = args.as_of.map(|position| position.to_string());
    let asked = [("station", &args.station), ("limit", &limit), ("as_of", &as_of)];
    let answer = client::get(context, "/api/v1/suspects", &client::given(&asked))?;
    if context.json {
        output::json(&answer)?;
    } else {
        let windows = answer.get("body").and_then(Value::as_array).map(Vec::as_slice);
        let windows = windows.unwrap_or_default();
        output::line(table(windows))?;
        tell_as_of(&answer, &output::counted(windows.len(), "times"));
    }
    Ok(if is_complete(&answer) { Exit::Ok } else { Exit::Incomplete })
}

/// Windows with what was made in each.
pub(super) fn table<'a>(windows: impl IntoIterator<Item = &'a Value>) -> String {
    output::table(&HEAD, windows.into_iter().flat_map(rows).collect())
}

/// A window, and below it what was made in it.
fn rows(view: &Value) -> Vec<Vec<String>> {
    let text = |at: &str| view.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let left_out = view.get("left_out").and_then(Value::as_u64).unwrap_or(0);
    let cleared = view.pointer("/window/cleared").and_then(Value::as_bool).unwrap_or(false);
    let bounded = view.pointer("/window/bounded").and_then(Value::as_bool).unwrap_or(false);
    let why = match text("/window/cause") {
        "master-wrong" => "its master was judged wrongly",
        "master-overdue" if cleared => "its master was late, and then right",
        "master-overdue" => "its master was not shown in time",
        _ if !bounded => "it has drifted, nobody knows since when",
        _ => "it has drifted",
    };
    let to = match text("/window/interval/to") {
        "" => "now".to_owned(),
        // Nobody says that all is well: what is normal is learned anew.
        to if text("/window/ended") == "maintenance" => format!("{} maintenance", words::time(to)),
        to => words::time(to),
    };
    let mut items = classed(view, cleared);
    let first = items.next().unwrap_or_else(|| ["none".to_owned(), String::new()]);
    let (station, monitor) = (text("/window/station"), text("/window/monitor"));
    let from = words::time(text("/window/interval/from"));
    let window = view.pointer("/window/opened").map(ToString::to_string).unwrap_or_default();
    let head = [window, station.to_owned(), monitor.to_owned(), why.to_owned(), from, to];
    let row = |window: &[String], item: [String; 2]| [window, &item].concat();
    let below = |item| row(&vec![String::new(); head.len()], item);
    let more = (left_out > 0).then(|| [format!("and {left_out} more"), String::new()]);
    std::iter::once(row(&head, first)).chain(items.chain(more).map(below)).collect()
}

/// The items of a window, and whether it is likely that they were touched.
fn classed(view: &Value, cleared: bool) -> impl Iterator<Item = [String; 2]> {
    let named = |list: &str| view.get(list).and_then(Value::as_array).into_iter().flatten();
    let confirmed: BTreeSet<&str> = named("confirmed").filter_map(Value::as_str).collect();
    named("items").filter_map(Value::as_str).map(move |item| {
        let class = match (cleared, confirmed.contains(item)) {
            (true, _) => "cleared",
            (false, true) => "confirmed",
            (false, false) => "suspect",
        };
        [item.to_owned(), class.to_owned()]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_window_names_what_was_made_in_it_one_below_the_other() {
        let view = json!({
            "window": {
                "station": "OP10",
                "monitor": "red",
                "cause": "master-wrong",
                "interval": { "from": "2026-11-22T06:00:00Z", "to": null },
                "cleared": false,
                "opened": 77,
            },
            "items": ["u/site/SN-1", "u/site/SN-2"],
            "confirmed": ["u/site/SN-2"],
            "left_out": 3,
        });
        let rows = rows(&view);
        let items: Vec<_> = rows.iter().map(|row| row[6..].join(" ")).collect();
        assert_eq!(items, ["u/site/SN-1 suspect", "u/site/SN-2 confirmed", "and 3 more "]);
        assert_eq!(rows[0][5], "now");
        assert_eq!(rows[0][..4], ["77", "OP10", "red", "its master was judged wrongly"]);
    }
}
