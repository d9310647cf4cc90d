//! `backup` and `restore`: the ledger with what belongs to it, as a copy that can be verified alone.
use super::exit::{Done, Exit, Failure};
use super::{Context, offline, output};
use crate::ledger::{self, Checkpoints, LedgerError};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file of a data directory that is of this run only.
const OF_THE_RUN: &str = "lock";
/// A file on its way has this suffix.
const PART: &str = "part";

/// Copy the ledger of a stopped or running daemon to a folder; again and again only what is new.
#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// The folder: on another disk, best on another machine.
    to: PathBuf,
    /// The sealed files of the tape too.
    #[arg(long)]
    tape: bool,
    /// Another data directory than the configured one.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Begin a data directory from a backup.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// The folder that `backup` wrote to.
    from: PathBuf,
    /// Another data directory than the configured one.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(super) fn backup(context: &Context, args: &BackupArgs) -> Done {
    let (dir, keeping) = offline::kept(context, args.data.as_ref())?;
    // In this order the copy of the ledger goes as far as what was signed, and is held against it.
    take_along(&dir, &args.to, args.tape, true)?;
    let checkpoints = offline::checkpoints(None, None, &dir, &keeping)?;
    let signed = offline::signed(&checkpoints);
    let made = ledger::backup(&dir, &args.to, signed).map_err(|why| failed(&why))?;
    output::notice(&format!("{} of {} segments were copied", made.copied, made.report.segments));
    offline::show(context, &made.report, &checkpoints)
}

pub(super) fn restore(context: &Context, args: &RestoreArgs) -> Done {
    let dir = offline::data_dir(context, args.data.as_ref())?;
    take_along(&args.from, &dir, true, false)?;
    let restored = ledger::restore(&args.from, &dir).map_err(|why| failed(&why))?;
    offline::show(context, &restored.report, &Checkpoints::default())?;
    output::notice(&format!(
        "restored up to record {} as incarnation {} of {}; what came after it is a gap from the next \
         start on, and the PLCs are asked for what they still have",
        restored.report.last, restored.origin.incarnation, restored.origin.site
    ));
    Ok(Exit::Ok)
}

fn failed(why: &LedgerError) -> Failure {
    let exit = if matches!(why, LedgerError::Locked(_)) {
        Exit::Temporary
    } else if matches!(why, LedgerError::Damaged(_)) {
        Exit::Negative
    } else {
        Exit::Io
    };
    Failure::new(exit, why.to_string())
}

/// Keys and notes beside the ledger, without which it could not be gone on with; the sealed tape if it is
/// wanted. What is sealed never changes, and is copied once.
fn take_along(from: &Path, to: &Path, tape: bool, replace: bool) -> Result<(), Failure> {
    let failed = |path: &Path, why: io::Error| {
        Failure::new(Exit::Io, format!("{} cannot be copied: {why}", path.display()))
    };
    let sealed = |path: &Path| path.extension().is_some_and(|ending| ending == "parquet");
    let own = |path: &Path| path.file_name().is_some_and(|name| name != OF_THE_RUN);
    copy_files(from, to, own, replace).map_err(|why| failed(from, why))?;
    let tapes = from.join("tape");
    if tape && tapes.is_dir() {
        copy_files(&tapes, &to.join("tape"), sealed, false).map_err(|why| failed(&tapes, why))?;
    }
    Ok(())
}

/// Copies files of a folder, those that are there only if they are to be replaced. Each has its name only
/// when it is whole.
fn copy_files(
    from: &Path,
    to: &Path,
    wanted: impl Fn(&Path) -> bool,
    replace: bool,
) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let there = to.join(path.file_name().unwrap_or_default());
        if !path.is_file() || !wanted(&path) || (there.exists() && !replace) {
            continue;
        }
        let part = there.with_extension(PART);
        fs::copy(&path, &part)?;
        fs::File::open(&part)?.sync_all()?;
        fs::rename(&part, &there)?;
    }
    fs::File::open(to)?.sync_all()
}
