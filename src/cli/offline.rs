//! `verify`: every byte of the ledger, and what was signed of it.
use super::exit::{Done, Exit, Failure};
use super::verdict::{Asked, Verdict};
use super::{Context, output, settings};
use crate::config::daemon::Ledger as Keeping;
use crate::daemon::{self, PUBLIC};
use crate::ledger::{self, Checkpoint, Checkpoints, LedgerError, PublicKey, Report, Scope};
use crate::model::{PersonKey, Position};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Check every byte of the ledger of a stopped or running daemon, and its signed checkpoints.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    /// Another data directory than the configured one.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only what lies around the records from this one on. What it proves of them is told: without a checkpoint
    /// behind them, no more than that nobody changed them by accident.
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

/// The key of persons of a data directory, unless it was erased.
pub(super) fn persons(dir: &Path) -> Result<Option<PersonKey>, Failure> {
    daemon::person_key(dir).map_err(|why| Failure::new(Exit::Io, why.to_string()))
}

/// Why a ledger cannot be worked with.
pub(super) fn failed(why: &LedgerError) -> Failure {
    let exit = if matches!(why, LedgerError::Locked(_)) {
        Exit::Temporary
    } else if matches!(why, LedgerError::Damaged(_) | LedgerError::Contradicted(_)) {
        Exit::Negative
    } else {
        Exit::Io
    };
    Failure::new(exit, why.to_string())
}

/// A public key that was given as text or as a file.
pub(super) fn public_key(given: &str) -> Result<PublicKey, Failure> {
    let read = std::fs::read_to_string(given);
    let text = read.unwrap_or_else(|_| given.to_owned());
    PublicKey::parse(&text).map_err(|why| Failure::new(Exit::Configuration, why.to_string()))
}

pub(super) fn verify(context: &Context, args: &VerifyArgs) -> Done {
    let records = records(args)?;
    let (dir, keeping) = kept(context, args.data.as_ref())?;
    let key = args.key.as_deref();
    let checkpoints = checkpoints(args.checkpoints.as_ref(), key, &dir, &keeping)?;
    let scope = Scope { records: records.clone(), checkpoints: signed(&checkpoints) };
    let report = ledger::verify(&dir, &scope);
    let report = report.map_err(|why| Failure::new(Exit::Io, why.to_string()))?;
    let asked = Asked { records, file: args.checkpoints.as_deref() };
    show(context, &report, &checkpoints, &asked)
}

/// The records that are asked about: those from 1 on if nothing is said.
fn records(args: &VerifyArgs) -> Result<RangeInclusive<Position>, Failure> {
    let (from, to) = (args.from.unwrap_or(1).max(1), args.to.unwrap_or(u64::MAX));
    if from > to {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "error: there are no records from {from} to {to}\n  \
                 help: the earlier position comes first: `--from {to} --to {from}`; one record is `--from {to} --to {to}`"
            ),
        ));
    }
    Ok(Position(from)..=Position(to))
}

/// The data directory that was named, else the configured one, and how the ledger in it is kept.
pub(super) fn kept(
    context: &Context,
    named: Option<&PathBuf>,
) -> Result<(PathBuf, Keeping), Failure> {
    if let Some(dir) = named {
        return Ok((dir.clone(), Keeping::beside(dir)));
    }
    let config = settings::settings(context)?;
    Ok((config.data_dir, config.ledger))
}

/// What checkpoints say.
pub(super) fn signed(checkpoints: &Checkpoints) -> Vec<Checkpoint> {
    checkpoints.signed.iter().map(|signed| signed.checkpoint().clone()).collect()
}

/// Tells what was found, and whether nothing is wrong.
pub(super) fn show(
    context: &Context,
    report: &Report,
    checkpoints: &Checkpoints,
    asked: &Asked<'_>,
) -> Done {
    let verdict = Verdict::new(report, checkpoints, asked);
    if context.json {
        as_json(report, checkpoints, &verdict)?;
    } else {
        as_text(report, checkpoints, &verdict)?;
    }
    let sound = report.is_sound() && checkpoints.unread.is_empty() && verdict.against.is_empty();
    Ok(if sound { Exit::Ok } else { Exit::Negative })
}

/// The checkpoints that were named, else those that are kept, if there are any.
pub(super) fn checkpoints(
    named: Option<&PathBuf>,
    key: Option<&str>,
    dir: &Path,
    keeping: &Keeping,
) -> Result<Checkpoints, Failure> {
    let path = named.unwrap_or(&keeping.checkpoints);
    if named.is_none() && !path.exists() {
        output::notice("there are no checkpoints: that the end was not cut off cannot be told");
        return Ok(Checkpoints::default());
    }
    let bytes = std::fs::read(path).map_err(|why| {
        Failure::new(Exit::Io, format!("{} cannot be read: {why}", path.display()))
    })?;
    let kept = dir.join(PUBLIC);
    let key = key.map_or_else(|| kept.display().to_string(), str::to_owned);
    Ok(ledger::read_checkpoints(&bytes, &public_key(&key)?))
}

fn root(report: &Report) -> String {
    report.root.map_or("(none)".to_owned(), |root| root.to_string())
}

fn as_json(report: &Report, checkpoints: &Checkpoints, verdict: &Verdict) -> Result<(), Failure> {
    let texts = |faults: &[ledger::Damage]| faults.iter().map(ToString::to_string).collect();
    let faults: Vec<String> = texts(&report.faults);
    let unread: Vec<String> = checkpoints.unread.iter().map(ToString::to_string).collect();
    output::json(&serde_json::json!({
        "segments": report.segments,
        "records": report.records,
        "dropped": report.dropped,
        "first": report.begin.next(),
        "last": report.last,
        "root": root(report),
        "faults": faults,
        "checkpoints": { "agreed": report.agreed, "refused": unread, "torn": checkpoints.is_torn },
        "signed_to": report.signed,
        "proven": verdict.proven,
        "against": verdict.against,
        "contradiction": report.contradiction.as_ref().map(ToString::to_string),
    }))
}

fn as_text(report: &Report, checkpoints: &Checkpoints, verdict: &Verdict) -> Result<(), Failure> {
    output::line(format_args!(
        "{} records in {} segments, Merkle root {}",
        report.records,
        report.segments,
        root(report)
    ))?;
    if report.dropped > 0 {
        output::line(format_args!(
            "{} more were dropped by retention: their hashes are there, and tombstones name them",
            report.dropped
        ))?;
    }
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
    for sentence in verdict.proven.iter().chain(&verdict.against) {
        output::line(sentence)?;
    }
    if checkpoints.is_torn {
        output::notice("a checkpoint is cut off: its writer ended in the middle of it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_that_ends_before_it_begins_is_no_range() {
        let args = |from, to| VerifyArgs { data: None, from, to, checkpoints: None, key: None };
        let failure = records(&args(Some(10), Some(5))).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(
            failure.text.contains("help: the earlier position comes first: `--from 5 --to 10`")
        );
        assert_eq!(records(&args(Some(5), Some(5))), Ok(Position(5)..=Position(5)));
        assert_eq!(records(&args(None, None)), Ok(Position(1)..=Position(u64::MAX)));
    }
}
