//! `drill-recall`: a recall as a drill, with how long it took and what of its answer can be acted upon.
use super::client::list;
use super::exit::{Done, Exit, Failure};
use super::trace::{is_complete, reasons};
use super::{Context, client, output, words};
use serde_json::Value;

/// Ask a recall as a drill: how fast the answer is there, and how much of it can be acted upon. Nothing is recorded.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The lot, in full or whatever `resolve` takes; one that was used is drawn unless said.
    item: Option<String>,
    /// What draws the lot: the same draws the same of the same records; from the time unless said.
    #[arg(long, conflicts_with = "item")]
    seed: Option<u64>,
    /// What a finished item was made of, instead of what a lot went into.
    #[arg(long)]
    backward: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let Args { item, seed, backward } = args;
    let seed = seed.map(|seed| seed.to_string());
    let direction = if *backward { "backward" } else { "forward" };
    let asked =
        [("of", item.as_deref()), ("seed", seed.as_deref()), ("direction", Some(direction))];
    let asked: Vec<_> = asked.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let drill = client::get(context, "/api/v1/drill-recall", &asked)?;
    let coverage = client::get(context, "/api/v1/coverage", &[])?;
    let exit = if is_complete(&drill) { Exit::Ok } else { Exit::Incomplete };
    if context.json {
        output::json(&serde_json::json!({ "drill": drill, "coverage": coverage }))?;
    } else {
        as_text(&drill, &coverage)?;
    }
    Ok(exit)
}

fn as_text(drill: &Value, coverage: &Value) -> Result<(), Failure> {
    for line in lines(drill) {
        output::line(line)?;
    }
    for why in reasons([drill]) {
        output::line(format!("  {why}"))?;
    }
    output::line(format!("finished in the last week: {}", covered(coverage)))
}

/// What a drill came to, a line for each figure.
fn lines(drill: &Value) -> Vec<String> {
    let body = drill.get("body").unwrap_or(&Value::Null);
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let what = match text("direction") {
        "backward" => "what it was made of",
        _ => "what it went into",
    };
    let how =
        body.get("seed").map_or_else(|| "as asked".to_owned(), |s| format!("drawn by seed {s}"));
    let seconds = body.get("seconds").and_then(Value::as_f64).unwrap_or_default();
    let position = drill.get("position").and_then(Value::as_u64).unwrap_or(0);
    let complete = if is_complete(drill) { "complete" } else { "not complete" };
    let mut lines = vec![
        format!("{}: {what}, {how}", text("item")),
        format!("answered in {seconds:.3} s as of record #{position}, SHA-256 {}", text("hash")),
        format!("{complete}: {}", groups(body)),
    ];
    if let Some(balance) = body.get("balance") {
        let share = body.get("accounted").and_then(Value::as_f64);
        let share = share.map_or_else(|| "not known".to_owned(), percent);
        lines.push(format!("accounted for: {share} ({})", words::balance(balance)));
    }
    let shares = [
        ("located", "known where they are"),
        ("last_seen", "known where they were last"),
        ("customers", "shipped to a known customer"),
        ("contacts", "shipped with somebody to tell there"),
        ("suppliers", "lots of a known supplier"),
    ];
    let shares = shares.into_iter().filter_map(|(key, words)| {
        let share = body.get(key)?;
        let figure = |key: &str| share.get(key).and_then(Value::as_u64).unwrap_or(0);
        Some(format!("{words}: {} of {}", figure("known"), figure("of")))
    });
    lines.extend(shares);
    lines
}

/// How many items are in each group, in the order of a recall.
fn groups(body: &Value) -> String {
    let groups = body.get("groups");
    let order =
        ["suspect", "container", "shipped", "unknown", "cleared", "sure", "unsure", "former"];
    let count = |name: &&str| {
        let count = groups?.get(*name)?.as_u64()?;
        Some(format!("{count} {name}"))
    };
    order.iter().filter_map(count).collect::<Vec<_>>().join(", ")
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// How many finished items have all their steps on record, and the first that has not.
fn covered(answer: &Value) -> String {
    let body = answer.get("body").unwrap_or(&Value::Null);
    let figure = |key: &str| body.get(key).and_then(Value::as_u64).unwrap_or(0);
    let Some(share) = body.get("share").and_then(Value::as_f64) else {
        return "nothing".to_owned();
    };
    let mut said = format!(
        "{} of {} with all steps on record ({}), {} lacking, {} doubtful",
        figure("covered"),
        figure("finished"),
        percent(share),
        figure("lacking"),
        figure("doubtful"),
    );
    if let Some(first) = list(body, "uncovered").next() {
        let text = |key: &str| first.get(key).and_then(Value::as_str).unwrap_or_default();
        said += &format!("; {} at {} ({})", text("item"), text("station"), text("why"));
    }
    if !is_complete(answer) {
        said += "; not all that was finished is known";
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_drill_says_a_line_for_each_figure() {
        let drill = json!({
            "position": 42,
            "completeness": "complete",
            "body": {
                "item": "l/supplier/ACME/0001", "direction": "forward", "seed": 17, "seconds": 0.25, "hash": "ab",
                "groups": { "container": 2, "shipped": 3, "suspect": 4, "unknown": 5, "cleared": 0 },
                "located": { "of": 6, "known": 4 }, "customers": { "of": 3, "known": 2 },
                "balance": { "received": 25.0, "unit": "kg", "in_stock": 4.0 }, "accounted": 0.98,
            },
        });
        let wanted = [
            "l/supplier/ACME/0001: what it went into, drawn by seed 17",
            "answered in 0.250 s as of record #42, SHA-256 ab",
            "complete: 4 suspect, 2 container, 3 shipped, 5 unknown, 0 cleared",
            "accounted for: 98.0 % (received 25 kg, in stock 4 kg)",
            "known where they are: 4 of 6",
            "shipped to a known customer: 2 of 3",
        ];
        assert_eq!(lines(&drill), wanted);
    }

    #[test]
    fn coverage_names_the_first_that_is_not_covered_and_says_if_more_may_be_finished() {
        let mut answer = json!({
            "completeness": { "incomplete": [] },
            "body": {
                "finished": 4, "covered": 3, "lacking": 1, "doubtful": 0, "share": 0.75,
                "uncovered": [{ "item": "u/site/A", "station": "OP10", "why": "missing" }],
            },
        });
        let wanted = "3 of 4 with all steps on record (75.0 %), 1 lacking, 0 doubtful; u/site/A at OP10 (missing); not all that was finished is known";
        assert_eq!(covered(&answer), wanted);
        answer["body"]["share"] = Value::Null;
        assert_eq!(covered(&answer), "nothing");
    }
}
