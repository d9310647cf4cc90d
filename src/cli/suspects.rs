//! `suspects`: when stations may have been wrong, and what was made there meanwhile.
use super::exit::{Done, Exit};
use super::trace::{is_complete, reasons};
use super::{Context, client, output, words};
use serde_json::Value;

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

const HEAD: [&str; 7] = ["WINDOW", "STATION", "SAYS SO", "WHY", "FROM", "TO", "ITEMS"];

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
        let position = answer.get("position").and_then(Value::as_u64).unwrap_or(0);
        output::notice(&format!(
            "{}; as of record #{position}",
            output::counted(windows.len(), "times")
        ));
        for why in reasons([&answer]) {
            output::notice(&why);
        }
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
    let items = view.get("items").and_then(Value::as_array).into_iter().flatten();
    let items: Vec<String> = items.filter_map(Value::as_str).map(str::to_owned).collect();
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
    let mut items = items.into_iter();
    let first = items.next().unwrap_or_else(|| "none".to_owned());
    let (station, monitor) = (text("/window/station"), text("/window/monitor"));
    let from = words::time(text("/window/interval/from"));
    let window = view.pointer("/window/opened").map(ToString::to_string).unwrap_or_default();
    let head = [window, station.to_owned(), monitor.to_owned(), why.to_owned(), from, to, first];
    let below = |item: String| {
        let mut row = vec![String::new(); HEAD.len() - 1];
        row.push(item);
        row
    };
    let more = (left_out > 0).then(|| format!("and {left_out} more"));
    std::iter::once(head.to_vec()).chain(items.chain(more).map(below)).collect()
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
            "left_out": 3,
        });
        let rows = rows(&view);
        let last = |n: usize| rows[n].last().map(String::as_str);
        assert_eq!((rows.len(), last(0), last(1)), (3, Some("u/site/SN-1"), Some("u/site/SN-2")));
        assert_eq!((last(2), rows[0][5].as_str()), (Some("and 3 more"), "now"));
        assert_eq!(rows[0][..4], ["77", "OP10", "red", "its master was judged wrongly"]);
    }
}
