//! Plant files become a checked [`Plant`](crate::model::plant::Plant), or all their faults at once,
//! each with file, line, caret, reason and what to write instead.
//!
//! Text is parsed into a tree with spans, walked along the schema of the language (unknown keys,
//! wrong types), read into private raw types, merged over all files, and resolved: every name finds
//! its word. Nothing here connects to a device; what only the device can tell is not asked.
//! Also here: the order list (CSV) and the daemon's own file.

pub mod daemon;
mod fault;
mod inherited;
mod labels;
mod later;
pub mod lock;
pub mod orders;
mod patterns;
mod permits;
pub mod plant;
mod raw;
pub mod reference;
mod resolve;
pub mod retention;
pub mod schema;
mod spot;
mod template;
mod walk;

#[cfg(test)]
mod tests;

pub use template::{Wildcard, wildcards};

pub use fault::{Fault, Faults, Severity, render};

use crate::model::similar;
use std::path::Path;
use std::time::Duration;

/// A duration as plant files write it, such as `2h`.
pub fn duration(text: &str) -> Option<Duration> {
    resolve::span::parse(text)
}

/// Reads all `*.toml` and `*.lock` files of a folder, in the order of their names. Names are without
/// folders.
pub fn read_dir(dir: &Path) -> std::io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let ours = |e: &std::ffi::OsStr| e == "toml" || e == "lock";
        if path.extension().is_some_and(ours) && path.is_file() {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let text = std::fs::read_to_string(&path).map_err(|error| {
                std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })?;
            files.push((name.unwrap_or_default(), text));
        }
    }
    files.sort();
    Ok(files)
}
