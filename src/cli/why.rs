//! `why`: what bad items have in common and the others have not.
use super::client::list;
use super::exit::{Done, Exit};
use super::trace::{is_complete, reasons};
use super::{Context, client, output, words};
use serde_json::Value;

/// Why items went bad: what they have in common and the others have not, ranked.
///
/// Compared are the items that were judged at the station (or anywhere) within the time: by all that they, and what they
/// were made of, went through until then. Stations, positions, carriers, persons, operations, tools, lots, kept words and
/// measurements are looked at, each as a whole and in windows of its time or its values. A cause is named only if chance
/// gives the like in fewer than five of a hundred questions without a cause.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The items that are bad: numbers, full forms such as `u/site/SN-1`, or whatever `resolve` takes; all that failed unless said.
    #[arg(value_name = "ITEM")]
    items: Vec<String>,
    /// Where they were judged; anywhere unless said.
    #[arg(long)]
    station: Option<String>,
    /// From when on, such as `2026-11-22T06:00:00Z`; from the beginning unless said.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Up to when, not included; up to now unless said.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// How many items of a cause are named.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
    /// What was answered when this record was the last: `1234`.
    #[arg(long, value_name = "POSITION")]
    as_of: Option<u64>,
}

const HEAD: [&str; 8] = ["", "CAUSE", "WHEN", "BAD", "OF", "EXPLAINS", "ODDS", "BY CHANCE"];

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let items: Vec<String> = args.items.iter().map(|item| item.replace(',', "%2C")).collect();
    let ids = (!items.is_empty()).then(|| items.join(","));
    let limit = args.limit.map(|limit| limit.to_string());
    let as_of = args.as_of.map(|position| position.to_string());
    let Args { station, from, to, .. } = args;
    let asked = [
        ("ids", &ids),
        ("station", station),
        ("from", from),
        ("to", to),
        ("limit", &limit),
        ("as_of", &as_of),
    ];
    let answer = client::get(context, "/api/v1/why", &client::given(&asked))?;
    if context.json {
        output::json(&answer)?;
        return Ok(if is_complete(&answer) { Exit::Ok } else { Exit::Incomplete });
    }
    let body = answer.get("body").unwrap_or(&Value::Null);
    let causes: Vec<&Value> = list(body, "causes").collect();
    let rows = causes.iter().zip(1..).flat_map(|(cause, rank)| rows(cause, rank)).collect();
    output::line(output::table(&HEAD, rows))?;
    for (cause, rank) in causes.iter().zip(1..) {
        output::notice(&held(cause, rank));
        for line in evidence(cause, rank) {
            output::notice(&line);
        }
    }
    let count = |key: &str| body.get(key).and_then(Value::as_u64).unwrap_or(0);
    let position = answer.get("position").and_then(Value::as_u64).unwrap_or(0);
    let (bad, items, unexplained) = (count("bad"), count("items"), count("unexplained"));
    output::notice(&format!(
        "{bad} of {items} items are bad, {unexplained} without a cause; as of record #{position}"
    ));
    if let Some(why) = body.get("insufficient").and_then(Value::as_str) {
        output::notice(&format!("no cause is named: {why}"));
    }
    let left_out: Vec<&str> = list(body, "left_out").filter_map(Value::as_str).collect();
    if !left_out.is_empty() {
        output::notice(&format!(
            "not compared, since they were not judged there and then, or are no such items: {}",
            left_out.join(", ")
        ));
    }
    for why in reasons([&answer]) {
        output::notice(&why);
    }
    Ok(if is_complete(&answer) { Exit::Ok } else { Exit::Incomplete })
}

/// A cause, and below it what cannot be told from it and what would be named instead.
fn rows(cause: &Value, rank: usize) -> Vec<Vec<String>> {
    let number = |key: &str| cause.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    let odds = |key: &str| cause.pointer(&format!("/odds/{key}")).and_then(Value::as_f64);
    let odds = ["ratio", "low", "high"].map(|key| odds(key).unwrap_or(0.0));
    let mut all = vec![vec![
        rank.to_string(),
        together(list(cause, "factors")),
        window(cause),
        format!("{:.0}", number("bad")),
        format!("{:.0}", number("exposed")),
        format!("{:.0} %", number("coverage") * 100.0),
        format!("{:.1} ({:.1} to {:.1})", odds[0], odds[1], odds[2]),
        format!("{:.3}", number("p")),
    ]];
    let below = |text: String| {
        let mut row = vec![String::new(); HEAD.len()];
        if let Some(cell) = row.get_mut(1) {
            *cell = text;
        }
        row
    };
    let twins = list(cause, "twins").filter_map(|twin| twin.get("factor")).map(factor);
    all.extend(twins.map(|twin| below(format!("or {twin}: the same items"))));
    let rivals =
        list(cause, "rivals").filter_map(Value::as_array).map(|rival| together(rival.iter()));
    all.extend(rivals.map(|rival| below(format!("less likely: {rival}"))));
    all
}

/// One factor, or two that are it only together.
fn together<'v>(factors: impl Iterator<Item = &'v Value>) -> String {
    factors.map(factor).collect::<Vec<_>>().join(" together with ")
}

/// `lot l/supplier/ACME/0001 at OP10`.
fn factor(factor: &Value) -> String {
    let text = |key: &str| factor.get(key).and_then(Value::as_str).unwrap_or_default();
    let words = [text("kind"), text("name"), text("value")];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let at = Some(text("station")).filter(|station| !station.is_empty());
    words.join(" ") + &at.map(|station| format!(" at {station}")).unwrap_or_default()
}

fn window(cause: &Value) -> String {
    let time = |key: &str| cause.pointer(&format!("/window/{key}")).and_then(Value::as_str);
    let value = |n: usize| cause.pointer(&format!("/values/{n}")).and_then(Value::as_f64);
    match (time("from").zip(time("to")), value(0).zip(value(1))) {
        (Some((from, to)), _) => format!("{} to {}", words::time(from), words::time(to)),
        (None, Some((from, to))) => format!("from {from} to {to}"),
        (None, None) => "all the time".to_owned(),
    }
}

/// What is to be held for a cause.
fn held(cause: &Value, rank: usize) -> String {
    let items: Vec<&str> = list(cause, "suspects").filter_map(Value::as_str).collect();
    let left_out = cause.get("left_out").and_then(Value::as_u64).unwrap_or(0);
    let more = if left_out > 0 { format!(", and {left_out} more") } else { String::new() };
    let text = |key: &str| cause.get(key).and_then(Value::as_str).unwrap_or("none");
    let since = format!("first bad {}, last good before {}", text("first_bad"), text("last_good"));
    if items.is_empty() {
        return format!("{rank}: {since}; all items that were exposed are bad");
    }
    format!("{rank}: {since}; exposed and not bad: {}{more}", items.join(", "))
}

/// What the record says happened at its edges, the nearest first.
fn evidence(cause: &Value, rank: usize) -> Vec<String> {
    let line = |told: &Value| {
        let text = |key: &str| told.get(key).and_then(Value::as_str).unwrap_or_default();
        let seconds = told.get("seconds").and_then(Value::as_f64).unwrap_or(0.0);
        let edge = if text("edge") == "begin" { "it began" } else { "it ended" };
        let when = match seconds {
            0.0 => format!("when {edge}"),
            _ if seconds < 0.0 => format!("{} before {edge}", words::lasted(-seconds)),
            _ => format!("{} after {edge}", words::lasted(seconds)),
        };
        let position = told.get("position").and_then(Value::as_u64).unwrap_or(0);
        format!("{rank}: {when}, {}: {} (#{position})", words::time(text("time")), text("text"))
    };
    let mut lines: Vec<String> = list(cause, "evidence").map(line).collect();
    let left_out = cause.get("evidence_left_out").and_then(Value::as_u64).unwrap_or(0);
    if left_out > 0 {
        lines.push(format!("{rank}: and {left_out} more records around these times"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cause_is_told_with_what_cannot_be_told_from_it() {
        let cause = json!({
            "factors": [{ "kind": "lot", "station": "OP10", "name": null, "value": "l/site/B-1" }],
            "twins": [{ "factor": { "kind": "station", "station": null, "name": null, "value": "OP10" }, "share": 0.95 }],
            "rivals": [[
                { "kind": "measurement", "station": "OP10", "name": "force", "value": null },
                { "kind": "operator", "station": "OP10", "name": null, "value": "P-1" },
            ]],
            "window": { "from": "2026-11-22T06:00:00Z", "to": "2026-11-22T07:00:00Z" },
            "values": null, "exposed": 20, "bad": 10, "coverage": 0.5, "purity": 0.5,
            "odds": { "ratio": 30.0, "low": 10.0, "high": 90.0 }, "p": 0.005,
            "first_bad": "u/site/SN-3", "last_good": "u/site/SN-2", "suspects": ["u/site/SN-4"], "left_out": 9,
        });
        let rows = rows(&cause, 1);
        assert_eq!(rows[0][1], "lot l/site/B-1 at OP10");
        assert_eq!(rows[0][3..], ["10", "20", "50 %", "30.0 (10.0 to 90.0)", "0.005"]);
        assert_eq!(rows[1][1], "or station OP10: the same items");
        let rival = "less likely: measurement force at OP10 together with operator P-1 at OP10";
        assert_eq!(rows[2][1], rival);
        let told = json!({ "evidence": [
            { "edge": "begin", "seconds": -5.0, "time": "2026-11-22T05:59:55Z", "text": "l/site/B-1 was mounted in reel at OP10", "position": 12 },
            { "edge": "end", "seconds": 600.0, "time": "2026-11-22T07:10:00Z", "text": "the station was cleaned at OP10", "position": 90 },
        ], "evidence_left_out": 3 });
        let lines = [
            "2: 5 s before it began, 2026-11-22T05:59:55.000Z: l/site/B-1 was mounted in reel at OP10 (#12)",
            "2: 10 min after it ended, 2026-11-22T07:10:00.000Z: the station was cleaned at OP10 (#90)",
            "2: and 3 more records around these times",
        ];
        assert_eq!(evidence(&told, 2), lines);
        let held = held(&cause, 1);
        assert!(held.ends_with("exposed and not bad: u/site/SN-4, and 9 more"), "{held}");
    }
}
