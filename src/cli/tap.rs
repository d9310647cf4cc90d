//! `tap`: live tags, what fired, and why not.
use super::exit::{Done, Exit};
use super::{Context, client, output, words};
use serde_json::Value;

/// Watch live tags, what fired, and why not.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only lines with this text in them.
    pattern: Option<String>,
    /// Only events and notices, no tags.
    #[arg(long)]
    events: bool,
    /// End after so many lines.
    #[arg(long)]
    count: Option<u64>,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let mut left = args.count.unwrap_or(u64::MAX);
    for read in client::stream(context, "/api/v1/tap")? {
        let Ok(read) = read else { break };
        let Ok(event) = serde_json::from_str::<Value>(&read) else { continue };
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

fn as_text(event: &Value) -> String {
    let say = |of: &Value, key: &str| match of.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    if let Some(s) = event.get("sample") {
        let (device, tag) = (say(s, "device"), say(s, "tag"));
        let (value, quality) = (say(s, "value"), say(s, "quality"));
        return format!("{}  {device}/{tag}  {value}  {quality}", words::time(&say(s, "receive")));
    }
    if let Some(n) = event.get("notice") {
        return format!("– {}: {}", say(n, "about"), say(n, "text"));
    }
    if let Some(e) = event.get("event") {
        return format!(
            "{}  → {}  {}",
            words::time(&say(e, "time")),
            say(e, "kind"),
            say(e, "text")
        );
    }
    event.to_string()
}
