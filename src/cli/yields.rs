//! `yield`: what stations completed in a time, and how much of it was right at once.
use super::exit::{Done, Exit};
use super::trace::{is_complete, reasons};
use super::{Context, client, output};
use serde_json::Value;

/// What stations completed in a time, and how much of it was right at once.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only this one.
    #[arg(long)]
    station: Option<String>,
    /// From when on, such as `2026-11-22T06:00:00Z`; from the beginning unless said.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Up to when, not included; up to now unless said.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

const HEAD: [&str; 9] = [
    "STATION",
    "PRODUCT",
    "ITEMS",
    "VISITS",
    "FIRST PASS",
    "PASSED",
    "FAILED",
    "UNTOLD",
    "FIRST PASS %",
];

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let Args { station, from, to } = args;
    let asked = [("station", station), ("from", from), ("to", to)];
    let answer = client::get(context, "/api/v1/yield", &client::given(&asked))?;
    if context.json {
        output::json(&answer)?;
    } else {
        let rows = answer.pointer("/body/rows").and_then(Value::as_array).into_iter().flatten();
        output::line(output::table(&HEAD, rows.map(row).collect()))?;
        let position = answer.get("position").and_then(Value::as_u64).unwrap_or(0);
        output::notice(&format!("production only; as of record #{position}"));
        for why in reasons([&answer]) {
            output::notice(&why);
        }
    }
    Ok(if is_complete(&answer) { Exit::Ok } else { Exit::Incomplete })
}

fn row(row: &Value) -> Vec<String> {
    let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or("–").to_owned();
    let count = |key: &str| row.get(key).and_then(Value::as_u64).unwrap_or(0);
    let judged = count("items").saturating_sub(count("untold"));
    let share = match count("first_pass").saturating_mul(1_000).checked_div(judged) {
        Some(tenths) => format!("{}.{}", tenths / 10, tenths % 10),
        None => "–".to_owned(),
    };
    let counts = ["items", "visits", "first_pass", "passed", "failed", "untold"];
    let counts = counts.iter().map(|key| count(key).to_string());
    [text("station"), text("product")].into_iter().chain(counts).chain([share]).collect()
}
