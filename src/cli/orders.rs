//! `orders`: the order of work of stations that have no handshake.
use super::exit::{Done, Exit, Failure};
use super::{Context, client, output};
use std::path::PathBuf;

/// Load the order of work of stations without a handshake.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Add the rows of a file: `station,program,serial` with a head line, in the order of work.
    Load {
        /// Comma-separated values.
        file: PathBuf,
    },
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let Verb::Load { file } = &args.verb;
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|why| Failure::new(Exit::Io, format!("{name} cannot be read: {why}")))?;
    let rows = crate::config::orders::parse(&name, &text)
        .map_err(|faults| Failure::new(Exit::Configuration, faults.to_string()))?;
    let count = rows.len();
    let command = serde_json::to_value(crate::model::Command::Orders(rows))
        .map_err(|why| Failure::new(Exit::Io, why.to_string()))?;
    let done = client::post(context, "/api/v1/commands", &command)?;
    if context.json {
        output::json(&done)?;
    } else {
        output::notice(&format!("{} added to the order of work", output::counted(count, "rows")));
    }
    Ok(Exit::Ok)
}
