//! `check`: every fault of plant files at once; with `--live` also what the PLCs offer.
use super::exit::{Done, Exit, Failure};
use super::{Context, output, runtime, settings};
use crate::config::{self, plant::Checked};
use crate::daemon;
use crate::field::{modbus, opcua};
use crate::model::plant::{DeviceIndex, Plant, Protocol, TagIndex};
use crate::model::{Quality, Sample};
use std::path::PathBuf;
use std::sync::Arc;

/// Find every fault in plant files; with --live also in what the PLCs offer.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Plant files, or a folder of them; else the configured folder.
    files: Vec<PathBuf>,
    /// Also connect to every device and read every word once.
    #[arg(long)]
    live: bool,
    /// Warnings count as faults.
    #[arg(long)]
    deny_warnings: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let (files, site) = settings::plant_files(context, &args.files)?;
    let checked = match config::plant::load(&files, &site) {
        Ok(checked) => checked,
        Err(faults) if context.json => {
            output::json(&serde_json::json!({ "faults": faults }))?;
            return Ok(Exit::Configuration);
        }
        Err(faults) => return Err(Failure::new(Exit::Configuration, faults.to_string())),
    };
    if !checked.warnings.is_empty() && !context.json {
        let theme = miette::GraphicalTheme::unicode_nocolor();
        output::notice(&config::render(&checked.warnings, theme));
    }
    summary(context, &files, &checked)?;
    if args.deny_warnings && !checked.warnings.is_empty() {
        return Ok(Exit::Configuration);
    }
    if args.live { live(context, &checked.plant) } else { Ok(Exit::Ok) }
}

fn summary(
    context: &Context,
    files: &[(String, String)],
    checked: &Checked,
) -> Result<(), Failure> {
    let plant = &checked.plant;
    let count = |of: fn(&crate::model::plant::Station) -> usize| -> usize {
        plant.stations.iter().map(of).sum()
    };
    let facts = [
        ("files", files.len()),
        ("devices", plant.devices.len()),
        ("tags", plant.tags.len()),
        ("stations", plant.stations.len()),
        ("handshakes", count(|s| s.handshakes.len())),
        ("phases", count(|s| s.phases.len())),
        ("mounts", count(|s| s.mounts.len())),
        ("monitors", count(|s| s.monitors.len())),
        ("tests", checked.tests.len()),
    ];
    if context.json {
        let facts: serde_json::Map<_, _> =
            facts.iter().map(|(k, v)| ((*k).to_owned(), serde_json::json!(v))).collect();
        return output::json(&serde_json::json!({
            "summary": facts,
            "warnings": checked.warnings,
        }));
    }
    let words: Vec<String> =
        facts.iter().filter(|(_, n)| *n > 0).map(|(word, n)| output::counted(*n, word)).collect();
    output::line(format_args!(" ✓ {}", words.join(", ")))
}

fn live(context: &Context, plant: &Arc<Plant>) -> Done {
    let config = settings::settings(context)?;
    let pki = config.pki_dir.join(daemon::FIELD_PKI);
    let now = daemon::clock();
    let runtime = runtime::runtime()?;
    let mut rows = Vec::new();
    let mut worst = Exit::Ok;
    for (index, device) in plant.devices() {
        let read: Result<Vec<Look>, String> = runtime.block_on(async {
            match device.protocol {
                Protocol::OpcUa(_) => opcua::read_once(plant, index, &pki, &now)
                    .await
                    .map(|words| words.iter().map(Look::of).collect())
                    .map_err(|why| why.to_string()),
                Protocol::Modbus(_) => modbus::read_once(plant, index, &pki, now.clone())
                    .await
                    .map(|read| read.into_iter().map(Look::unasked).collect())
                    .map_err(|why| why.to_string()),
            }
        });
        if read.is_err() {
            worst = Exit::Unreachable;
        } else if read.iter().flatten().any(|l: &Look| l.fault().is_some()) && worst == Exit::Ok {
            worst = Exit::Negative;
        }
        rows.extend(device_rows(plant, index, read));
    }
    let head = ["DEVICE", "PROTOCOL", "ENDPOINT", "STATE", "TAGS", "FAULT"];
    output::line(output::table(&head, rows))?;
    Ok(worst)
}

fn device_rows(
    plant: &Plant,
    index: DeviceIndex,
    read: Result<Vec<Look>, String>,
) -> Vec<Vec<String>> {
    let device = plant.device(index);
    let row = |state: &str, tags: String, fault: String| {
        vec![
            device.id.to_string(),
            device.protocol.name().to_owned(),
            device.protocol.url().to_owned(),
            state.to_owned(),
            tags,
            fault,
        ]
    };
    match read {
        Err(why) => vec![row("not read", String::new(), why)],
        Ok(looks) => {
            let faults: Vec<_> = looks.iter().filter_map(|l| Some((l.tag, l.fault()?))).collect();
            let good = looks.len().saturating_sub(faults.len());
            let mut rows = vec![row("ok", format!("{good}/{} good", looks.len()), String::new())];
            for (tag, fault) in faults {
                let mut cells = vec![String::new(); 5];
                cells.push(format!("{}: {fault}", plant.tag(tag).name));
                rows.push(cells);
            }
            rows
        }
    }
}

/// One word that was looked at.
struct Look {
    tag: TagIndex,
    quality: Quality,
    writable: Option<bool>,
    moved: Option<String>,
}

impl Look {
    fn of(word: &opcua::Word) -> Self {
        let moved = word.moved.as_ref();
        let moved = moved.map(|(found, pinned)| format!("it is {found}; pinned is {pinned}"));
        Self { tag: word.tag, quality: word.sample.quality, writable: word.writable, moved }
    }

    /// Modbus has no way to ask whether a word may be written.
    fn unasked((tag, sample): (TagIndex, Sample)) -> Self {
        Self { tag, quality: sample.quality, writable: None, moved: None }
    }

    fn fault(&self) -> Option<String> {
        if let Some(moved) = &self.moved {
            return Some(moved.clone());
        }
        if !self.quality.is_good() {
            return Some(self.quality.to_string());
        }
        let refused = self.writable == Some(false);
        refused.then(|| "the PLC does not let us write it".to_owned())
    }
}
