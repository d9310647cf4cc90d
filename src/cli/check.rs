//! `check`: every fault of plant files at once; with `--live` also what the PLCs offer.
use super::exit::{Done, Exit, Failure};
use super::{Context, output, runtime, settings};
use crate::config::{self, plant::Checked};
use crate::daemon;
use crate::field::modbus::cost::Cost;
use crate::field::{modbus, opcua};
use crate::model::plant::{DeviceIndex, Plant, Protocol, TagIndex, TagSource};
use crate::model::{Quality, Sample};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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
        let read: Result<Seen, String> = runtime.block_on(async {
            match device.protocol {
                Protocol::OpcUa(_) => opcua::read_once(plant, index, &pki, &now)
                    .await
                    .map(|once| Seen {
                        looks: once.words.iter().map(Look::of).collect(),
                        round_trip: once.round_trip,
                        cost: None,
                    })
                    .map_err(|why| why.to_string()),
                Protocol::Modbus(_) => modbus::read_once(plant, index, &pki, now.clone())
                    .await
                    .map(|once| Seen {
                        looks: once.samples.iter().map(Look::unasked).collect(),
                        round_trip: once.round_trip,
                        cost: Some(once.cost),
                    })
                    .map_err(|why| why.to_string()),
            }
        });
        match &read {
            Err(_) => worst = Exit::Unreachable,
            Ok(seen) if worst == Exit::Ok && seen.looks.iter().any(|l| l.fault().is_some()) => {
                worst = Exit::Negative;
            }
            Ok(_) => {}
        }
        rows.extend(device_rows(plant, index, read));
    }
    let head = ["DEVICE", "PROTOCOL", "ENDPOINT", "STATE", "RTT", "A REGISTER", "TAGS", "FAULT"];
    output::line(output::table(&head, rows))?;
    Ok(worst)
}

fn device_rows(plant: &Plant, index: DeviceIndex, read: Result<Seen, String>) -> Vec<Vec<String>> {
    let device = plant.device(index);
    let row = |state: &str, took: [String; 2], tags: String, fault: String| {
        let [round_trip, register] = took;
        vec![
            device.id.to_string(),
            device.protocol.name().to_owned(),
            device.protocol.url().to_owned(),
            state.to_owned(),
            round_trip,
            register,
            tags,
            fault,
        ]
    };
    match read {
        Err(why) => vec![row("not read", <[String; 2]>::default(), String::new(), why)],
        Ok(Seen { looks, round_trip, cost }) => {
            let ms = |time: Duration| time.as_secs_f64() * 1e3;
            // What it pays to read for nothing follows from both.
            let register = device.protocol.modbus().zip(cost).map(|(link, cost)| {
                format!("{:.3} ms, reads over {}", ms(cost.word), cost.reads_over(&link.limits))
            });
            let took = [format!("{:.1} ms", ms(round_trip)), register.unwrap_or_default()];
            let faults: Vec<_> = looks.iter().filter_map(|l| Some((l.tag, l.fault()?))).collect();
            let good = looks.len().saturating_sub(faults.len());
            let mut rows =
                vec![row("ok", took, format!("{good}/{} good", looks.len()), String::new())];
            let remarks = looks.iter().filter_map(|l| Some((l.tag, l.remark()?.to_owned())));
            for (tag, words) in faults.into_iter().chain(remarks) {
                let mut cells = vec![String::new(); 7];
                cells.push(format!("{}: {words}", place(plant, tag)));
                rows.push(cells);
            }
            rows
        }
    }
}

/// Name of a word and where it is: what a PLC engineer looks for.
fn place(plant: &Plant, tag: TagIndex) -> String {
    let tag = plant.tag(tag);
    match &tag.source {
        TagSource::Node(node) => format!("{} ({})", tag.name, node.identifier),
        TagSource::Field(path) => format!("{} ({path})", tag.name),
        TagSource::Register(at) => format!("{} ({}:{})", tag.name, at.area.name(), at.address),
    }
}

/// A device that was looked at.
struct Seen {
    looks: Vec<Look>,
    round_trip: Duration,
    /// Modbus: what its requests are planned by.
    cost: Option<Cost>,
}

/// One word that was looked at.
struct Look {
    tag: TagIndex,
    quality: Quality,
    writable: Option<bool>,
    moved: Option<String>,
    filtered: Option<bool>,
}

impl Look {
    fn of(word: &opcua::Word) -> Self {
        let moved = word.moved.as_ref();
        let moved = moved.map(|(found, pinned)| format!("it is {found}; pinned is {pinned}"));
        let quality = word.sample.quality;
        Self { tag: word.tag, quality, writable: word.writable, moved, filtered: word.filtered }
    }

    /// Modbus has no way to ask whether a word may be written.
    fn unasked(sample: &Sample) -> Self {
        let quality = sample.quality;
        Self { tag: sample.tag, quality, writable: None, moved: None, filtered: None }
    }

    /// What is no fault, and good to know.
    fn remark(&self) -> Option<&'static str> {
        let ours = self.filtered == Some(false);
        ours.then_some("the PLC does not see to its `change`; Pedigree does, of all that it tells")
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
