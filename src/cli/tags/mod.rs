//! `export tags`, `import tags`: the words of plant files as a spreadsheet, and back.
//!
//! A sheet has one row for each word and the keys of `tags` as columns, so that what is exported,
//! edited and imported is the same plant file. Lists of other programs are read by their headers.
mod foreign;
mod fragment;
mod row;
mod sheet;
#[cfg(test)]
mod tests;
mod tia;
mod workbook;

use super::exit::{Done, Exit, Failure};
use super::{Context, output, settings};
use crate::config;
use std::path::PathBuf;

/// What to write out.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Export {
    /// The record as tables: what happened, to which items, what was measured, what went into what.
    Events(super::export::EventsArgs),
    /// The words of plant files as CSV, one row each, to stdout.
    Tags {
        /// Plant files, or a folder of them; else the configured folder.
        files: Vec<PathBuf>,
    },
}

/// What to read in.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Import {
    /// A list of tags as part of a plant file, to stdout: CSV of `export tags`, of Kepware (Modbus)
    /// or of the data access view of `UaExpert`, or the PLC tags of TIA Portal as XLSX (S7-1500, OPC UA).
    Tags(ImportArgs),
}

/// A list of tags as part of a plant file.
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// The list.
    file: PathBuf,
    /// Name of the device, where the list has no column for it.
    #[arg(long, default_value = "plc")]
    device: String,
    /// Address of the device, such as `opc.tcp://10.1.1.21:4840`: a whole plant file is written, each number a
    /// monitor; else the words alone.
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// URI of the nodes' namespace, where the list has only its index.
    #[arg(long, value_name = "URI")]
    namespace: Option<String>,
}

pub(super) fn export(context: &Context, what: &Export) -> Done {
    let files = match what {
        Export::Events(args) => return super::export::events(context, args),
        Export::Tags { files } => files,
    };
    let (files, site) = settings::plant_files(context, files)?;
    let wrong = |why: config::Faults| Failure::new(Exit::Configuration, why.to_string());
    let checked = config::plant::load(&files, &site).map_err(wrong)?;
    let rows = row::of_plant(&checked.plant, &files);
    output::line(sheet::write(&rows).trim_end())?;
    Ok(Exit::Ok)
}

pub(super) fn import(_context: &Context, what: &Import) -> Done {
    let Import::Tags(args) = what;
    let name = args.file.display().to_string();
    let bytes = std::fs::read(&args.file).map_err(|why| {
        Failure::new(Exit::Configuration, format!("{name} cannot be read: {why}"))
    })?;
    let sheet = sheet::read(&bytes, &args.device)
        .map_err(|faults| Failure::new(Exit::Configuration, format!("{name}: {faults}")))?;
    let target =
        fragment::Target { url: args.address.as_deref(), namespace: args.namespace.as_deref() };
    output::line(fragment::write(&sheet.rows, &target).trim_end())?;
    sheet.notices.iter().for_each(|notice| output::notice(notice));
    Ok(Exit::Ok)
}
