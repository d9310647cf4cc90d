//! The tape: sealed files that are older than they have to be.
use crate::cli::exit::{Exit, Failure};
use crate::config::daemon::DaemonConfig;
use crate::model::Utc;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;
use std::{fs, io};

/// A sealed file that goes.
pub(super) struct Old {
    path: PathBuf,
    pub(super) bytes: u64,
}

/// Those whose last input is older than they are kept. A file was written after its last input, so one is never taken for
/// older than it is; a copy counts from when it was made.
pub(super) fn old(config: &DaemonConfig, now: Utc) -> Result<Vec<Old>, Failure> {
    let Some(kept) = config.retention.tape else { return Ok(Vec::new()) };
    let dir = config.data_dir.join("tape");
    let find = || -> io::Result<Vec<Old>> {
        let mut old = Vec::new();
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            if path.extension().is_none_or(|ending| ending != "parquet") {
                continue;
            }
            let about = fs::metadata(&path)?;
            let Ok(written) = about.modified()?.duration_since(UNIX_EPOCH) else { continue };
            let until = written.saturating_add(kept).as_nanos();
            if i128::try_from(until).is_ok_and(|until| until < i128::from(now.0)) {
                old.push(Old { path, bytes: about.len() });
            }
        }
        Ok(old)
    };
    match find() {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        found => found.map_err(|why| {
            Failure::new(Exit::Io, format!("{} cannot be read: {why}", dir.display()))
        }),
    }
}

/// Removes them.
pub(super) fn remove(old: &[Old]) -> Result<(), Failure> {
    for Old { path, .. } in old {
        fs::remove_file(path).map_err(|why| {
            Failure::new(Exit::Io, format!("{} cannot be removed: {why}", path.display()))
        })?;
    }
    Ok(())
}
