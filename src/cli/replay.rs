//! `replay`: the recorded inputs stepped again, their events held against the ledger's bytes.
use super::exit::{Done, Exit, Failure};
use super::{Context, offline, output, settings};
use crate::daemon::{self, replay};
use std::path::PathBuf;

/// Step the recorded inputs again and compare the events with the ledger's bytes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Another data directory than the configured one.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let dir = offline::data_dir(context, args.data.as_ref())?;
    let site = settings::settings(context)?.site;
    let persons =
        daemon::person_key(&dir).map_err(|why| Failure::new(Exit::Io, why.to_string()))?;
    let report = replay::replay(&dir, &site, &persons)
        .map_err(|why| Failure::new(Exit::Io, why.to_string()))?;
    if context.json {
        output::json(&serde_json::json!({
            "inputs": report.inputs,
            "starts": report.starts,
            "same": report.same,
            "different": report.different,
            "not_replayable": report.not_replayable,
        }))?;
    } else {
        output::line(format_args!(
            "{} inputs of {} starts: {} records the same, {} different, {} not replayable",
            report.inputs,
            report.starts,
            report.same,
            report.different.len(),
            report.not_replayable
        ))?;
        for position in report.different.iter().take(20) {
            output::line(format_args!("  record #{position} is not what the inputs give"))?;
        }
    }
    Ok(if report.different.is_empty() { Exit::Ok } else { Exit::Negative })
}
