//! `maintenance`: which monitors ask for it, who looks after it, what was done, and whether it helped.
use super::client::list;
use super::exit::{Done, Exit};
use super::trace::{is_complete, reasons};
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
    /// Say that somebody looks after monitors that drift; it ends nothing.
    Acknowledge {
        #[command(flatten)]
        said: Said,
    },
    /// Say that maintenance was done: an alarm ends, and what is normal is learned anew from the values to come.
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
    /// The monitors that it concerns; all of the station unless said.
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
            listed(context, &answer)
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

fn listed(context: &Context, answer: &Value) -> Done {
    if context.json {
        output::json(answer)?;
    } else {
        let rows: Vec<Vec<String>> = list(answer, "body").map(row).collect();
        let count = rows.len();
        if count > 0 {
            output::line(output::table(&HEAD, rows))?;
        }
        let position = answer.get("position").and_then(Value::as_u64).unwrap_or(0);
        let told = output::counted(count, "rows");
        output::notice(&format!("{told} of maintenance; as of record #{position}"));
        for why in reasons([answer]) {
            output::notice(&why);
        }
    }
    Ok(if is_complete(answer) { Exit::Ok } else { Exit::Incomplete })
}

fn row(view: &Value) -> Vec<String> {
    let text = |at: &str| view.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let number = |at: &str| view.pointer(at).and_then(Value::as_u64);
    let or_none = |text: &str| if text.is_empty() { "–" } else { text }.to_owned();
    let asked = number("/raised/position").map(|position| {
        let (rule, side) = (text("/raised/rule"), text("/raised/side"));
        format!("#{position} {rule} {side}").trim_end().to_owned()
    });
    let done = match number("/lapsed") {
        Some(position) => format!("lapsed by #{position}"),
        None => said(view.get("done")),
    };
    let baseline = |at: &str| view.pointer(at).filter(|baseline| !baseline.is_null()).map(normal);
    let learned = match (baseline("/before"), baseline("/after")) {
        (before, Some(after)) => format!("{} → {after}", before.as_deref().unwrap_or("–")),
        (Some(before), None) if done == "–" => before,
        (None, None) if text("/monitor").is_empty() => "–".to_owned(),
        (before, None) => format!("{} → learning", before.as_deref().unwrap_or("–")),
    };
    let again = number("/again").map(|position| format!("drifted again: #{position}"));
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
        let unasked = json!({
            "station": "PRESS20", "monitor": null, "open": false, "raised": null, "acknowledged": null,
            "done": said("greased"), "before": null, "after": null, "again": null,
        });
        insta::assert_snapshot!(row(&unasked).join(" | "), @"PRESS20 | – | – | – | – | – | 2026-11-29T06:12:01.000Z P-0a1b2c3d4e5f: greased | – | –");
    }
}
