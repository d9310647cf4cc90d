//! `tap`: live tags, what fired, and why not.
use super::exit::{Done, Exit};
use super::{Context, client, output, words};
use serde_json::Value;
use std::collections::BTreeMap;

/// Watch live tags, what fired, and why not.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only lines with this text in them.
    pattern: Option<String>,
    /// Only events and notices, no tags.
    #[arg(long)]
    events: bool,
    /// Instead: registers of Modbus devices when they change, and what they say in every order.
    #[arg(long, conflicts_with = "events")]
    raw: bool,
    /// End after so many lines.
    #[arg(long)]
    count: Option<u64>,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut registers = BTreeMap::new();
    let path = if args.raw { "/api/v1/tap?raw=true" } else { "/api/v1/tap" };
    for read in client::stream(context, path)? {
        let Ok(read) = read else { break };
        let Ok(event) = serde_json::from_str::<Value>(&read) else { continue };
        if let Some(raw) = event.get("raw") {
            let of = (say(raw, "device"), say(raw, "tag"));
            let words = Some(say(raw, "words"));
            if registers.insert(of, words.clone()) == Some(words) {
                continue;
            }
        }
        let line = if context.json { read } else { as_text(&event) };
        let tag = event.get("sample").is_some();
        let wanted = args.pattern.as_ref().is_none_or(|p| line.contains(p.as_str()));
        if !wanted || (tag && args.events) {
            continue;
        }
        output::line(line)?;
        left = left.saturating_sub(1);
        if left == 0 {
            return Ok(Exit::Ok);
        }
    }
    output::notice("the daemon has closed the stream");
    Ok(Exit::Unreachable)
}

fn say(of: &Value, key: &str) -> String {
    match of.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// The registers, then every reading; the one of the plant file is marked.
fn raw(raw: &Value) -> String {
    let list = |key: &str| raw.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let words = list("words");
    let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
    let readings = list("readings");
    let readings = readings.iter().map(|reading| {
        let mark = if reading["configured"] == true { "*" } else { "" };
        format!("  {}{mark} {}", say(reading, "order"), say(reading, "value"))
    });
    let (device, tag) = (say(raw, "device"), say(raw, "tag"));
    let (at, words) = (words::time(&say(raw, "at")), words.join(" "));
    format!("{at}  {device}/{tag}  {words}{}", readings.collect::<String>())
}

fn as_text(event: &Value) -> String {
    if let Some(registers) = event.get("raw") {
        return raw(registers);
    }
    if let Some(s) = event.get("sample") {
        let (device, tag) = (say(s, "device"), say(s, "tag"));
        let (value, quality) = (say(s, "value"), say(s, "quality"));
        return format!("{}  {device}/{tag}  {value}  {quality}", words::time(&say(s, "receive")));
    }
    if let Some(n) = event.get("notice") {
        return format!("– {}: {}", say(n, "about"), say(n, "text"));
    }
    if let Some(e) = event.get("event") {
        let named = ["station", "rule"].map(|key| say(e, key));
        let named = named.iter().filter(|name| !name.is_empty());
        let by = named.map(String::as_str).collect::<Vec<_>>().join(".");
        let number = e.get("number").map_or_else(String::new, |number| format!(" {number}"));
        let by = if e.get("rule").is_some() { format!("{by}{number}: ") } else { String::new() };
        let (time, kind) = (words::time(&say(e, "time")), say(e, "kind"));
        return format!("{time}  → {kind}  #{}  {by}{}", say(e, "position"), say(e, "text"));
    }
    event.to_string()
}
