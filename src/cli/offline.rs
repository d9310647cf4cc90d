//! `verify`: every byte of the ledger, and what was signed of it.
use super::exit::{Done, Exit, Failure};
use super::{Context, output, settings};
use crate::config::daemon::Ledger as Keeping;
use crate::daemon::PUBLIC;
use crate::ledger::{self, Checkpoints, PublicKey, Report, Scope};
use crate::model::Position;
use std::path::{Path, PathBuf};

/// Check every byte of the ledger of a stopped or running daemon, and its signed checkpoints.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    /// Another data directory than the configured one.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only what lies around the records from this one on.
    #[arg(long, value_name = "POSITION")]
    from: Option<u64>,
    /// Only what lies around the records up to this one.
    #[arg(long, value_name = "POSITION")]
    to: Option<u64>,
    /// Checkpoints to compare with; those that the daemon keeps unless said. A copy from another
    /// machine also tells a ledger that was cut back together with them.
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<PathBuf>,
    /// The public key of the checkpoints, or a file with it; the one in the data directory unless said.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// The data directory that was named, else the configured one.
pub(super) fn data_dir(context: &Context, named: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    match named {
        Some(dir) => Ok(dir.clone()),
        None => Ok(settings::settings(context)?.data_dir),
    }
}

/// A public key that was given as text or as a file.
pub(super) fn public_key(given: &str) -> Result<PublicKey, Failure> {
    let read = std::fs::read_to_string(given);
    let text = read.unwrap_or_else(|_| given.to_owned());
    PublicKey::parse(&text).map_err(|why| Failure::new(Exit::Configuration, why.to_string()))
}

pub(super) fn verify(context: &Context, args: &VerifyArgs) -> Done {
    let (dir, keeping) = if let Some(dir) = &args.data {
        (dir.clone(), Keeping::beside(dir))
    } else {
        let config = settings::settings(context)?;
        (config.data_dir, config.ledger)
    };
    let checkpoints = checkpoints(args, &dir, &keeping)?;
    let signed = checkpoints.signed.iter().map(|signed| signed.checkpoint().clone());
    let from = Position(args.from.unwrap_or(1));
    let to = Position(args.to.unwrap_or(u64::MAX));
    let scope = Scope { records: from..=to, checkpoints: signed.collect() };
    let report = ledger::verify(&dir, &scope);
    let report = report.map_err(|why| Failure::new(Exit::Io, why.to_string()))?;
    if context.json {
        as_json(&report, &checkpoints)?;
    } else {
        as_text(&report, &checkpoints)?;
    }
    let sound = report.is_sound() && checkpoints.unread.is_empty();
    Ok(if sound { Exit::Ok } else { Exit::Negative })
}

/// The checkpoints that were named, else those that are kept, if there are any.
fn checkpoints(args: &VerifyArgs, dir: &Path, keeping: &Keeping) -> Result<Checkpoints, Failure> {
    let named = args.checkpoints.as_ref();
    let path = named.unwrap_or(&keeping.checkpoints);
    if named.is_none() && !path.exists() {
        output::notice("there are no checkpoints: that the end was not cut off cannot be told");
        return Ok(Checkpoints::default());
    }
    let bytes = std::fs::read(path).map_err(|why| {
        Failure::new(Exit::Io, format!("{} cannot be read: {why}", path.display()))
    })?;
    let kept = dir.join(PUBLIC);
    let key = args.key.clone().unwrap_or_else(|| kept.display().to_string());
    Ok(ledger::read_checkpoints(&bytes, &public_key(&key)?))
}

fn root(report: &Report) -> String {
    report.root.map_or("(none)".to_owned(), |root| root.to_string())
}

fn as_json(report: &Report, checkpoints: &Checkpoints) -> Result<(), Failure> {
    let texts = |faults: &[ledger::Damage]| faults.iter().map(ToString::to_string).collect();
    let faults: Vec<String> = texts(&report.faults);
    let unread: Vec<String> = checkpoints.unread.iter().map(ToString::to_string).collect();
    output::json(&serde_json::json!({
        "segments": report.segments,
        "records": report.records,
        "root": root(report),
        "faults": faults,
        "checkpoints": { "agreed": report.agreed, "refused": unread },
        "contradiction": report.contradiction.as_ref().map(ToString::to_string),
    }))
}

fn as_text(report: &Report, checkpoints: &Checkpoints) -> Result<(), Failure> {
    output::line(format_args!(
        "{} records in {} segments, Merkle root {}",
        report.records,
        report.segments,
        root(report)
    ))?;
    for fault in &report.faults {
        output::line(fault)?;
    }
    if report.contradiction.is_some() || report.agreed > 0 {
        let agreed = usize::try_from(report.agreed).unwrap_or(usize::MAX);
        output::line(format_args!("{} agree", output::counted(agreed, "checkpoints")))?;
    }
    if let Some(contradiction) = &report.contradiction {
        output::line(contradiction)?;
    }
    for unread in &checkpoints.unread {
        output::line(unread)?;
    }
    if checkpoints.is_torn {
        output::notice("a checkpoint is cut off: its writer ended in the middle of it");
    }
    Ok(())
}
