//! `verify`: every byte of the ledger.
use super::exit::{Done, Exit, Failure};
use super::{Context, output, settings};
use crate::ledger::{self, Report};
use std::path::PathBuf;

/// Check every byte of the ledger of a stopped or running daemon.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    /// Another data directory than the configured one.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// The data directory that was named, else the configured one.
pub(super) fn data_dir(context: &Context, named: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    match named {
        Some(dir) => Ok(dir.clone()),
        None => Ok(settings::settings(context)?.data_dir),
    }
}

pub(super) fn verify(context: &Context, args: &VerifyArgs) -> Done {
    let dir = data_dir(context, args.data.as_ref())?;
    let report = ledger::verify(&dir).map_err(|why| Failure::new(Exit::Io, why.to_string()))?;
    show(context, &report)?;
    Ok(outcome(&report))
}

/// Whether all is as it was written.
pub(super) fn outcome(report: &Report) -> Exit {
    if report.faults.is_empty() { Exit::Ok } else { Exit::Negative }
}

/// What was found.
pub(super) fn show(context: &Context, report: &Report) -> Result<(), Failure> {
    let root = report.root.map_or("(none)".to_owned(), |root| root.to_string());
    if context.json {
        output::json(&serde_json::json!({
            "segments": report.segments,
            "records": report.records,
            "last": report.last,
            "root": root,
            "faults": report.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }))?;
    } else {
        output::line(format_args!(
            "{} records in {} segments, Merkle root {root}",
            report.records, report.segments
        ))?;
        for fault in &report.faults {
            output::line(fault)?;
        }
    }
    Ok(())
}
