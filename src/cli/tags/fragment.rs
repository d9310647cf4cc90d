//! Rows as part of a plant file.
use super::row::{KEYS, Row};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use toml::Value;

/// What a list of tags does not say of its device.
pub(super) struct Target<'a> {
    pub(super) url: Option<&'a str>,
    pub(super) namespace: Option<&'a str>,
}

/// The `tags` of each device; with an address a whole plant file, in which numbers are monitors.
pub(super) fn write(rows: &[Row], target: &Target<'_>) -> String {
    let mut devices: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        devices.entry(&row.device).or_default().push(row);
    }
    let mut text = String::new();
    if target.url.is_some() {
        text.push_str("schema = 1\n\n");
    }
    for (device, rows) in devices {
        let device = key(device);
        if target.url.is_some() || target.namespace.is_some() {
            head(&mut text, &device, target);
        }
        let _ = writeln!(text, "[device.{device}.tags]");
        let width = rows.iter().map(|row| key(&row.tag).len()).max().unwrap_or_default();
        for row in &rows {
            let _ = writeln!(text, "{:width$} = {{ {} }}", key(&row.tag), keys(row));
        }
        if target.url.is_some() {
            station(&mut text, &device, &rows);
        }
        text.push('\n');
    }
    text
}

fn head(text: &mut String, device: &str, target: &Target<'_>) {
    let _ = writeln!(text, "[device.{device}]");
    if let Some(url) = target.url {
        let _ = writeln!(text, "url       = {}", quoted(url));
        if url.starts_with("opc.tcp:") {
            text.push_str(
                "trust     = \"first-use\"   # better: the thumbprint that `probe` prints\n",
            );
        }
    }
    if let Some(namespace) = target.namespace {
        let _ = writeln!(text, "namespace = {}", quoted(namespace));
    }
    text.push('\n');
}

fn station(text: &mut String, device: &str, rows: &[&Row]) {
    let station = device.to_uppercase();
    let _ = writeln!(text, "\n[station.{station}]\ndevice = {}", quoted(device.trim_matches('"')));
    let _ = writeln!(text, "\n[station.{station}.monitor]");
    for row in rows {
        let typed = row.keys.get("type").and_then(Value::as_str).is_none_or(is_number);
        let number = row.number && typed;
        let comment = if number { "" } else { "# " };
        // A word may have blanks in its name, a monitor may not.
        let monitor = row.tag.replace(char::is_whitespace, "_");
        let _ = writeln!(text, "{comment}{} = {}", key(&monitor), quoted(&row.tag));
    }
}

fn is_number(kind: &str) -> bool {
    !(matches!(kind, "bool" | "bits" | "dtl" | "epoch" | "epoch_ms") || kind.contains("string"))
}

fn keys(row: &Row) -> String {
    let said = KEYS.iter().filter_map(|name| Some(format!("{name} = {}", row.keys.get(*name)?)));
    said.collect::<Vec<_>>().join(", ")
}

fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}
