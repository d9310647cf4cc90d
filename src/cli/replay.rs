//! `replay`: the recorded inputs stepped again, as they were or under another plant.
use super::exit::{Done, Exit, Failure};
use super::{Context, client, offline, output, settings};
use crate::config;
use crate::daemon::replay;
use crate::model::plant::Plant;
use crate::model::{PersonKey, Utc};
use replay::{Changed, Difference, Shown, Wanted};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Events of one kind that are printed; `--json` has all.
const SHOWN_MAX: usize = 200;

/// Step the recorded inputs again and compare the events with the ledger's bytes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Another data directory than the configured one.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// From this time on, as in `2026-11-23T06:00:00Z`.
    #[arg(long, value_name = "TIME")]
    from: Option<Utc>,
    /// Up to this time.
    #[arg(long, value_name = "TIME")]
    to: Option<Utc>,
    /// Under the plant files in this directory instead of those that were in force.
    #[arg(long, value_name = "DIR")]
    plant: Option<PathBuf>,
    /// Have the running daemon record what differs: the old events stay and count no more.
    #[arg(long, requires = "reason", conflicts_with = "data")]
    adopt: bool,
    /// Why the old events count no more.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who adopts: recorded as a token, like every badge.
    #[arg(long, env = "USER", default_value = "local")]
    badge: String,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    if args.adopt {
        return adopt(context, args);
    }
    let dir = offline::data_dir(context, args.data.as_ref())?;
    let site = settings::settings(context)?.site;
    let persons = offline::persons(&dir)?;
    // Badges are tokens on the tape already: the key is for what is on none, and any will do.
    let persons = persons.unwrap_or_else(|| PersonKey::new([0; 32]));
    let failed = |why: replay::ReplayError| Failure::new(Exit::Io, why.to_string());
    if args.from.is_none() && args.to.is_none() && args.plant.is_none() {
        return exact(context, &replay::exact(&dir, &site, &persons).map_err(failed)?);
    }
    let plant = args.plant.as_ref().map(|dir| plant(dir, &site)).transpose()?;
    let wanted = Wanted { from: args.from, to: args.to, plant };
    let go_on = CancellationToken::new();
    let difference = replay::difference(&dir, &site, &persons, &wanted, &go_on).map_err(failed)?;
    if context.json {
        output::json(&serde_json::to_value(&difference).unwrap_or_default())?;
    } else {
        as_text(&difference)?;
    }
    Ok(if difference.is_none() { Exit::Ok } else { Exit::Negative })
}

fn files(dir: &Path) -> Result<Vec<(String, String)>, Failure> {
    config::read_dir(dir).map_err(|why| {
        let text = format!("the plant files in {} cannot be read: {why}", dir.display());
        Failure::new(Exit::Io, text)
    })
}

fn plant(dir: &Path, site: &crate::model::SiteId) -> Result<Arc<Plant>, Failure> {
    let checked = config::plant::load(&files(dir)?, site);
    checked
        .map(|checked| checked.plant)
        .map_err(|faults| Failure::new(Exit::Configuration, faults.to_string()))
}

fn exact(context: &Context, report: &replay::Report) -> Done {
    if context.json {
        output::json(&serde_json::json!({
            "inputs": report.inputs,
            "starts": report.starts,
            "same": report.same,
            "different": report.different,
            "unexplained": report.unexplained,
            "not_replayable": report.not_replayable,
        }))?;
    } else {
        output::line(format_args!(
            "{} inputs of {} starts: {} records the same, {} different, {} unexplained, {} not replayable",
            report.inputs,
            report.starts,
            report.same,
            report.different.len(),
            report.unexplained.len(),
            report.not_replayable
        ))?;
        for position in report.different.iter().take(20) {
            output::line(format_args!("  record #{position} is not what the inputs give"))?;
        }
        for position in report.unexplained.iter().take(20) {
            output::line(format_args!(
                "  record #{position} is explained by no input, and the tape has all inputs of its time"
            ))?;
        }
    }
    Ok(if report.is_sound() { Exit::Ok } else { Exit::Negative })
}

fn as_text(difference: &Difference) -> Result<(), Failure> {
    for Changed { event, fields } in difference.changed.iter().take(SHOWN_MAX) {
        output::line(format_args!("~ {}", line(event)))?;
        for field in fields {
            let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "(none)".to_owned());
            let (old, new) = (side(&field.recorded), side(&field.played));
            output::line(format_args!("    {}: {old} → {new}", field.name))?;
        }
    }
    for (sign, events) in [("+", &difference.added), ("-", &difference.removed)] {
        for event in events.iter().take(SHOWN_MAX) {
            output::line(format_args!("{sign} {}", line(event)))?;
        }
    }
    for (event, why) in difference.not_replayable.iter().take(SHOWN_MAX) {
        output::line(format_args!("? {}\n    not replayable: {why}", line(event)))?;
    }
    let Difference { changed, added, removed, answers, not_replayable, same, .. } = difference;
    let more = [changed.len(), added.len(), removed.len(), not_replayable.len()];
    if more.iter().any(|count| *count > SHOWN_MAX) {
        output::notice(&format!("{SHOWN_MAX} of a kind are shown; --json has all"));
    }
    for word in &difference.unread {
        output::notice(&format!("nowhere on the tape: {word}"));
    }
    if !answers.is_empty() {
        let count = answers.len();
        output::notice(&format!("{count} requests would be answered otherwise (--json has them)"));
    }
    output::line(format_args!(
        "{} inputs: {same} events the same, {} changed, {} added, {} removed, {} not replayable",
        difference.inputs,
        changed.len(),
        added.len(),
        removed.len(),
        not_replayable.len(),
    ))
}

fn line(event: &Shown) -> String {
    let position = event.position.map(|position| format!("{position} ")).unwrap_or_default();
    format!("{position}{}  {}", event.time, event.text)
}

/// The daemon plays the tape itself and records what it finds.
fn adopt(context: &Context, args: &Args) -> Done {
    let plant = args.plant.as_ref().map(|dir| files(dir)).transpose()?;
    let body = serde_json::json!({
        "from": args.from,
        "to": args.to,
        "plant": plant,
        "reason": args.reason,
        "badge": args.badge,
    });
    let (status, told) = client::post_without_limit(context, "/api/v1/adopt", &body)?;
    let say = |key: &str| told.get(key).and_then(Value::as_str).unwrap_or_default();
    match status {
        422 => Err(Failure::new(Exit::Configuration, say("detail"))),
        200 if context.json => output::json(&told).map(|()| Exit::Ok),
        200 => output::line(summary(&told)).map(|()| Exit::Ok),
        _ => Err(client::problem(status, &told)),
    }
}

fn summary(told: &Value) -> String {
    let count = |key: &str| told.get(key).and_then(Value::as_u64).unwrap_or_default();
    let waiting = match count("waiting") {
        0 => String::new(),
        n => format!("; {n} need a mount that was recorded just now: adopt once more"),
    };
    match told.get("position").and_then(Value::as_u64) {
        None => format!(
            " ✓ nothing to adopt: {} events are what the tape gives{waiting}",
            count("same")
        ),
        Some(position) => format!(
            " ✓ {} differences are recorded up to #{position}; {} not replayable{waiting}",
            count("adopted"),
            count("not_replayable"),
        ),
    }
}
