//! The same links in `SQLite`, walked by a recursive query: a child process, so that nothing of it is ours.
use pedigree::genealogy::{Direction, Links, NodeId};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SCRIPT: &str = include_str!("peer.py");

/// What the peer found.
pub(crate) struct Found {
    pub(crate) version: String,
    pub(crate) took: Duration,
    pub(crate) nodes: BTreeSet<NodeId>,
}

/// Loads links into `SQLite` and asks it for all that is reached from one node; why not, if it cannot be asked.
pub(crate) fn ask(
    folder: &Path,
    (links, nodes): (&impl Links, u32),
    from: NodeId,
    direction: Direction,
) -> Result<Found, String> {
    let (script, table) = (folder.join("peer.py"), folder.join("links"));
    let mut text = String::new();
    for node in (0..nodes).map(NodeId) {
        links.each(node, Direction::Forward, |link| {
            writeln!(text, "{} {}", node.0, link.node.0).expect("a text takes all");
        });
    }
    let write = |path: &Path, text: &str| fs::write(path, text).map_err(|why| why.to_string());
    write(&script, SCRIPT)?;
    write(&table, &text)?;
    let way = match direction {
        Direction::Forward => "forward",
        Direction::Backward => "backward",
    };
    let output = Command::new("python3")
        .arg(&script)
        .arg(&table)
        .args([&from.0.to_string(), way])
        .output()
        .map_err(|why| format!("python3: {why}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let mut told = said.lines();
    let version = told.next().unwrap_or_default().to_owned();
    let took = told.next().and_then(|line| line.parse().ok()).ok_or("it said no time")?;
    let nodes = told.filter_map(|line| line.parse().ok()).map(NodeId).collect();
    Ok(Found { version, took: Duration::from_secs_f64(took), nodes })
}
