//! `maintenance`: which monitors ask for it, who looks after it, what was done, and whether it helped.
use super::client::list;
use super::exit::{Done, Exit};
use super::trace::{is_complete, tell_as_of};
use super::{Context, client, output, words};
use serde_json::Value;

/// Which monitors ask for maintenance, who looks after it, what was done, and whether it helped.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// What was asked for and done, the last first, with what was normal before and is since.
    Ls {
        /// Only this one.
        #[arg(long)]
        station: Option<String>,
        /// Only what is still waited for.
        #[arg(long)]
        open: bool,
        /// What was answered when this record was the last: `1234`.
        #[arg(long, value_name = "POSITION")]
        as_of: Option<u64>,
    },
    /// What is maintained after so much use: how much that was since it was done, and how much is left.
    Schedules {
        /// Only this one.
        #[arg(long)]
        station: Option<String>,
    },
    /// Say that somebody looks after what asks for it; it ends nothing.
    Acknowledge {
        #[command(flatten)]
        said: Said,
    },
    /// Say that maintenance was done: an alarm ends, what is normal is learned anew from the values to come, and use is
    /// counted anew.
    Done {
        #[command(flatten)]
        said: Said,
        /// What was changed, such as a tool: in full or whatever `resolve` takes.
        #[arg(long)]
        item: Option<String>,
    },
}

/// Of what, and who says so.
#[derive(Debug, clap::Args)]
struct Said {
    /// Where.
    station: String,
    /// What it concerns, monitors and what is maintained by use; all of the station unless said.
    monitors: Vec<String>,
    /// What is, or was, done.
    #[arg(long, value_name = "TEXT")]
    what: String,
    /// Who says so: recorded as a token, like every badge.
    #[arg(long, env = "USER", default_value = "local")]
    badge: String,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    match &args.verb {
        Verb::Ls { station, open, as_of } => {
            let open = open.then(|| "true".to_owned());
            let as_of = as_of.map(|position| position.to_string());
            let asked = [("station", station), ("open", &open), ("as_of", &as_of)];
            let answer = client::get(context, "/api/v1/maintenance", &client::given(&asked))?;
            listed(context, &answer, (&HEAD, "rows", " of maintenance"), row)
        }
        Verb::Schedules { station } => {
            let asked = client::given(&[("station", station)]);
            let answer = client::get(context, "/api/v1/maintenance/schedules", &asked)?;
            listed(context, &answer, (&SCHEDULES, "schedules", ""), schedule)
        }
        Verb::Acknowledge { said } => say(context, "acknowledge", said, None),
        Verb::Done { said, item } => say(context, "done", said, item.as_deref()),
    }
}

fn say(context: &Context, step: &str, said: &Said, item: Option<&str>) -> Done {
    let Said { station, monitors, what, badge } = said;
    let said = serde_json::json!({
        "step": step, "station": station, "monitors": monitors, "text": what, "item": item, "badge": badge,
    });
    let command = serde_json::json!({ "maintenance": said });
    let told = client::post(context, "/api/v1/commands", &command)?;
    recorded(context, &told, (station, step, monitors), "all monitors")
}

/// Says by which record something was done, of these monitors or of `all`.
pub(super) fn recorded(
    context: &Context,
    told: &Value,
    (station, step, monitors): (&str, &str, &[String]),
    all: &str,
) -> Done {
    if context.json {
        output::json(told)?;
    } else {
        let position = told.get("position").and_then(Value::as_u64).unwrap_or(0);
        let about = if monitors.is_empty() { all.to_owned() } else { monitors.join(", ") };
        output::line(format!("{station}: {step} for {about} is record #{position}"))?;
    }
    Ok(Exit::Ok)
}

const HEAD: [&str; 9] = [
    "STATION",
    "MONITOR",
    "OF",
    "ASKED FOR BY",
    "SINCE",
    "ACKNOWLEDGED",
    "DONE",
    "NORMAL",
    "SINCE THEN",
];

const SCHEDULES: [&str; 7] = ["STATION", "WHAT", "EVERY", "USED", "LEFT", "SINCE", "LAST DONE"];

/// The rows of an answer as a table, and how many of `what` they are.
pub(super) fn listed(
    context: &Context,
    answer: &Value,
    (head, what, of): (&[&str], &str, &str),
    row: fn(&Value) -> Vec<String>,
) -> Done {
    if context.json {
        output::json(answer)?;
    } else {
        let rows: Vec<Vec<String>> = list(answer, "body").map(row).collect();
        let count = rows.len();
        if count > 0 {
            output::line(output::table(head, rows))?;
        }
        tell_as_of(answer, &format!("{}{of}", output::counted(count, what)));
    }
    Ok(if is_complete(answer) { Exit::Ok } else { Exit::Incomplete })
}

fn schedule(view: &Value) -> Vec<String> {
    let text = |key: &str| view.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let amount = |key: &str| used(view, key);
    let left = match view.get("raised").and_then(Value::as_u64) {
        Some(position) => format!("due: #{position}"),
        None => amount("left"),
    };
    let since = words::time(&text("since"));
    let done = said(view.get("done"));
    vec![text("station"), text("name"), amount("every"), amount("used"), left, since, done]
}

/// `1500 parts`, or `12.5 h`.
fn used(of: &Value, key: &str) -> String {
    let unit = of.get("unit").and_then(Value::as_str).unwrap_or_default();
    let unit = if unit == "{part}" { "parts" } else { unit };
    format!("{} {unit}", of.get(key).map(words::number).unwrap_or_default())
}

fn row(view: &Value) -> Vec<String> {
    let text = |at: &str| view.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let number = |at: &str| view.pointer(at).and_then(Value::as_u64);
    let or_none = |text: &str| if text.is_empty() { "–" } else { text }.to_owned();
    let asked = number("/raised/position").map(|position| {
        let (rule, side) = (text("/raised/rule"), text("/raised/side"));
        let reaches = text("/raised/reaches/estimate");
        let reaches = if reaches.is_empty() { text("/raised/reaches/earliest") } else { reaches };
        let when = if reaches.is_empty() {
            String::new()
        } else {
            format!(", at {}", words::time(reaches))
        };
        format!("{}{when}", format!("#{position} {rule} {side}").trim_end())
    });
    let done = match number("/lapsed") {
        Some(position) => format!("lapsed by #{position}"),
        None => said(view.get("done")),
    };
    let baseline = |at: &str| view.pointer(at).filter(|baseline| !baseline.is_null()).map(normal);
    let learned = match (baseline("/before"), baseline("/after")) {
        (None, None) if view.get("usage").is_some() => {
            let usage = view.get("usage").unwrap_or(&Value::Null);
            let amount = usage.get("used").map(words::number).unwrap_or_default();
            format!("{amount} of {}", used(usage, "every"))
        }
        (None, None) if text("/raised/rule") == "forecast" => {
            let level = |at: &str| view.pointer(at).filter(|l| !l.is_null()).map(words::number);
            let before = level("/raised/statistic").unwrap_or_default();
            match level("/trend/level") {
                Some(after) => format!("{before} → {after}"),
                None => before,
            }
        }
        (before, Some(after)) => format!("{} → {after}", before.as_deref().unwrap_or("–")),
        (Some(before), None) if done == "–" => before,
        (None, None) if text("/monitor").is_empty() => "–".to_owned(),
        (before, None) => format!("{} → learning", before.as_deref().unwrap_or("–")),
    };
    let again = if text("/raised/rule") == "forecast" { "ahead" } else { "drifted" };
    let again = number("/again").map(|position| format!("{again} again: #{position}"));
    vec![
        or_none(text("/station")),
        or_none(text("/monitor")),
        or_none(format!("{} {}", text("/product"), text("/recipe")).trim()),
        or_none(asked.as_deref().unwrap_or_default()),
        or_none(&words::time(text("/raised/time"))),
        said(view.get("acknowledged")),
        done,
        learned,
        or_none(again.as_deref().unwrap_or_default()),
    ]
}

/// Who said what, and when.
fn said(said: Option<&Value>) -> String {
    let Some(said) = said.filter(|said| !said.is_null()) else { return "–".to_owned() };
    let text = |key: &str| said.get(key).and_then(Value::as_str).unwrap_or_default();
    let item = text("item");
    let with = if item.is_empty() { String::new() } else { format!(" ({item})") };
    format!("{} {}: {}{with}", words::time(text("time")), text("who"), text("text"))
}

/// `12.5 ± 0.25 (2)`: centre line, standard deviation, version.
fn normal(baseline: &Value) -> String {
    let number = |key: &str| baseline.get(key).map(words::number).unwrap_or_default();
    format!("{} ± {} ({})", number("centre_line"), number("sigma"), number("version"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_says_what_was_asked_for_what_was_done_and_whether_it_helped() {
        let baseline = |centre: f64, version: u32| json!({ "centre_line": centre, "sigma": 0.25, "version": version });
        let said = |text: &str| json!({ "time": "2026-11-29T06:12:01Z", "who": "P-0a1b2c3d4e5f", "text": text });
        let mut view = json!({
            "station": "PRESS20", "monitor": "result.force", "product": "A", "recipe": "R7", "open": true,
            "raised": { "position": 1204, "time": "2026-11-29T06:00:00Z", "rule": "ewma", "side": "high" },
            "acknowledged": null, "done": null, "before": baseline(8.5, 1), "after": null, "again": null,
        });
        insta::assert_snapshot!(row(&view).join(" | "), @"PRESS20 | result.force | A R7 | #1204 ewma high | 2026-11-29T06:00:00.000Z | – | – | 8.5 ± 0.25 (1) | –");
        (view["acknowledged"], view["done"]) = (said("on my way"), said("punch changed"));
        view["done"]["item"] = "u/site/PUNCH-7".into();
        insta::assert_snapshot!(row(&view).join(" | "), @"PRESS20 | result.force | A R7 | #1204 ewma high | 2026-11-29T06:00:00.000Z | 2026-11-29T06:12:01.000Z P-0a1b2c3d4e5f: on my way | 2026-11-29T06:12:01.000Z P-0a1b2c3d4e5f: punch changed (u/site/PUNCH-7) | 8.5 ± 0.25 (1) → learning | –");
        (view["after"], view["again"]) = (baseline(8.25, 2), 1310.into());
        insta::assert_snapshot!(row(&view).join(" | "), @"PRESS20 | result.force | A R7 | #1204 ewma high | 2026-11-29T06:00:00.000Z | 2026-11-29T06:12:01.000Z P-0a1b2c3d4e5f: on my way | 2026-11-29T06:12:01.000Z P-0a1b2c3d4e5f: punch changed (u/site/PUNCH-7) | 8.5 ± 0.25 (1) → 8.25 ± 0.25 (2) | drifted again: #1310");
        let mut ahead = json!({
            "station": "PRESS20", "monitor": "oil", "open": false, "acknowledged": null, "before": null, "after": null,
            "raised": { "position": 7, "time": "2026-11-29T06:00:00Z", "rule": "forecast", "side": "high", "statistic": 78.25,
                "reaches": { "earliest": "2026-11-29T07:00:00Z", "estimate": "2026-11-29T08:00:00Z", "latest": null } },
            "done": said("filter changed"), "again": 9,
        });
        insta::assert_snapshot!(row(&ahead).join(" | "), @"PRESS20 | oil | – | #7 forecast high, at 2026-11-29T08:00:00.000Z | 2026-11-29T06:00:00.000Z | – | 2026-11-29T06:12:01.000Z P-0a1b2c3d4e5f: filter changed | 78.25 | ahead again: #9");
        ahead["trend"] = json!({ "position": 8, "level": 55.5 });
        insta::assert_snapshot!(row(&ahead).join(" | "), @"PRESS20 | oil | – | #7 forecast high, at 2026-11-29T08:00:00.000Z | 2026-11-29T06:00:00.000Z | – | 2026-11-29T06:12:01.000Z P-0a1b2c3d4e5f: filter changed | 78.25 → 55.5 | ahead again: #9");
        let mut due = json!({
            "station": "PRESS20", "monitor": "punch", "open": true, "acknowledged": null, "done": null, "before": null, "after": null,
            "raised": { "position": 12, "time": "2026-11-29T06:00:00Z", "rule": "usage", "side": null },
            "again": null, "usage": { "used": 10_000.0, "every": 10_000.0, "unit": "{part}" },
        });
        insta::assert_snapshot!(row(&due).join(" | "), @"PRESS20 | punch | – | #12 usage | 2026-11-29T06:00:00.000Z | – | – | 10000 of 10000 parts | –");
        due["usage"] = json!({ "used": 201.25, "every": 200.0, "unit": "h" });
        insta::assert_snapshot!(row(&due).join(" | "), @"PRESS20 | punch | – | #12 usage | 2026-11-29T06:00:00.000Z | – | – | 201.25 of 200 h | –");
        let mut comes = json!({
            "station": "PRESS20", "name": "punch", "every": 10_000.0, "used": 1500.0, "left": 8500.0, "unit": "{part}",
            "due": false, "raised": null, "since": "2026-11-29T06:00:00Z", "done": null,
        });
        insta::assert_snapshot!(schedule(&comes).join(" | "), @"PRESS20 | punch | 10000 parts | 1500 parts | 8500 parts | 2026-11-29T06:00:00.000Z | –");
        (comes["raised"], comes["done"]) = (9.into(), said("greased"));
        insta::assert_snapshot!(schedule(&comes).join(" | "), @"PRESS20 | punch | 10000 parts | 1500 parts | due: #9 | 2026-11-29T06:00:00.000Z | 2026-11-29T06:12:01.000Z P-0a1b2c3d4e5f: greased");
        let unasked = json!({
            "station": "PRESS20", "monitor": null, "open": false, "raised": null, "acknowledged": null,
            "done": said("greased"), "before": null, "after": null, "again": null,
        });
        insta::assert_snapshot!(row(&unasked).join(" | "), @"PRESS20 | – | – | – | – | – | 2026-11-29T06:12:01.000Z P-0a1b2c3d4e5f: greased | – | –");
    }
}
