//! The same stream through charts of `river`: a child process, in an environment of its own.
use pedigree::model::plant::TagIndex;
use std::path::Path;
use std::process::Command;

const SCRIPT: &str = "benches/peers/river_charts.py";

/// What it says of itself; why it was not asked, if it was not.
pub(crate) fn river(tags: usize, rows: &[(TagIndex, f64)]) -> Result<String, String> {
    let peers = std::env::var_os("PEDIGREE_PEERS").ok_or("PEDIGREE_PEERS is not set")?;
    let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
    let stream = folder.path().join("stream");
    let row = |(tag, value): &(TagIndex, f64)| [f64::from(tag.0), *value].map(f64::to_le_bytes);
    let bytes: Vec<u8> = rows.iter().flat_map(row).flatten().collect();
    std::fs::write(&stream, bytes).map_err(|why| why.to_string())?;
    let output = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPT))
        .arg(Path::new(&peers).join("river"))
        .arg(&stream)
        .arg(tags.to_string())
        .output()
        .map_err(|why| format!("python3: {why}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let said: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|why| why.to_string())?;
    let number = |key: &str| said[key].as_f64().ok_or_else(|| format!("it said no {key}"));
    Ok(format!(
        "river {}, EWMA and Page–Hinkley alone: {:.0} samples a second of processor time ({:.0} by the clock), {:.0} bytes a monitor",
        said["version"].as_str().unwrap_or_default(),
        number("count")? / number("busy")?,
        number("count")? / number("seconds")?,
        number("bytes")?,
    ))
}
