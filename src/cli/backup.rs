//! `backup` and `restore`: the ledger with what belongs to it, as a copy that can be verified alone.
use super::exit::{Done, Exit, Failure};
use super::part::Part;
use super::verdict::Asked;
use super::{Context, offline, output};
use crate::config::daemon::Ledger as Keeping;
use crate::ledger;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file of a data directory that is of this run only.
const OF_THE_RUN: &str = "lock";

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

/// Begin a data directory from a backup, if it is whole and does not contradict its checkpoints.
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
    // In this order the copy of the ledger goes as far as what was signed, and is held against it; and
    // nothing is changed before it is known to be a copy of this ledger.
    let beside = beside(&dir).map_err(|why| uncopied(&dir, &why))?;
    let checkpoints = offline::checkpoints(None, None, &dir, &keeping)?;
    let signed = offline::signed(&checkpoints);
    let made = ledger::backup(&dir, &args.to, signed).map_err(|why| offline::failed(&why))?;
    put(&beside, &args.to, true).map_err(|why| uncopied(&dir, &why))?;
    if args.tape {
        tape(&dir, &args.to).map_err(|why| uncopied(&dir, &why))?;
    }
    output::notice(&format!("{} of {} segments were copied", made.copied, made.report.segments));
    if made.replaced > 0 {
        let replaced = made.replaced;
        output::notice(&format!("{replaced} of the copy gave way to what retention left of them"));
    }
    offline::show(context, &made.report, &checkpoints, &Asked::all())
}

pub(super) fn restore(context: &Context, args: &RestoreArgs) -> Done {
    let dir = offline::data_dir(context, args.data.as_ref())?;
    let along = || {
        put(&beside(&args.from)?, &dir, false)?;
        tape(&args.from, &dir)
    };
    // What was signed of the copy stands beside it.
    let checkpoints = offline::checkpoints(None, None, &args.from, &Keeping::beside(&args.from))?;
    let signed = offline::signed(&checkpoints);
    let random = random().map_err(|why| uncopied(&args.from, &why))?;
    let restored = ledger::restore(&args.from, &dir, signed, random, along)
        .map_err(|why| offline::failed(&why))?;
    let exit = offline::show(context, &restored.report, &checkpoints, &Asked::all())?;
    output::notice(&format!(
        "restored up to record {} as incarnation {} of {}; what came after it is a gap from the next \
         start on, and the PLCs are asked for what they still have",
        restored.report.last, restored.origin.incarnation, restored.origin.site
    ));
    Ok(exit)
}

/// A number that nobody has had.
fn random() -> io::Result<u32> {
    let mut bytes = [0; 4];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn uncopied(path: &Path, why: &io::Error) -> Failure {
    Failure::new(Exit::Io, format!("{} cannot be copied: {why}", path.display()))
}

/// Keys and notes beside the ledger, without which it could not be gone on with: names and bytes.
fn beside(dir: &Path) -> io::Result<Vec<(OsString, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.path().is_file() && entry.file_name() != OF_THE_RUN {
            found.push((entry.file_name(), fs::read(entry.path())?));
        }
    }
    Ok(found)
}

/// Writes them, those that are there only if they are to be replaced.
fn put(files: &[(OsString, Vec<u8>)], to: &Path, replace: bool) -> io::Result<()> {
    for (name, bytes) in files {
        place(&to.join(name), replace, |part| {
            // A key is for its owner alone, also here.
            let mut file = File::options().write(true).create_new(true).mode(0o600).open(part)?;
            file.write_all(bytes)
        })?;
    }
    File::open(to)?.sync_all()
}

/// The sealed files of the tape. What is sealed never changes, and is copied once.
fn tape(from: &Path, to: &Path) -> io::Result<()> {
    let (from, to) = (from.join("tape"), to.join("tape"));
    if !from.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(&to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "parquet") {
            let there = to.join(path.file_name().unwrap_or_default());
            place(&there, false, |part| fs::copy(&path, part).map(drop))?;
        }
    }
    File::open(to)?.sync_all()
}

/// A file that has its name only when it is whole.
fn place(
    path: &Path,
    replace: bool,
    write: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    if path.exists() && !replace {
        return Ok(());
    }
    let part = Part::of(path)?;
    write(part.path())?;
    part.finish()
}
