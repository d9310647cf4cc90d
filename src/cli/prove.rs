//! `prove` and `check-proof`: what is in the ledger, shown to somebody who does not trust us.
use super::exit::{Done, Exit, Failure};
use super::offline::public_key;
use super::{Context, client, output, words};
use crate::ledger::{Proof, Proven, PublicKey};
use crate::model::{Record, wire};
use crate::query::{EventView, describe};
use std::path::{Path, PathBuf};

/// Write a file that proves that records of an item are in the ledger as they were signed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A serial, a lot number, the full form such as `l/supplier/ACME/0001`, or whatever `resolve` takes: all that
    /// the daemon finds of its history.
    #[arg(required_unless_present_any = ["event", "since"])]
    id: Option<String>,
    /// One record instead of an item.
    #[arg(long, value_name = "POSITION", conflicts_with = "id")]
    event: Option<u64>,
    /// A file with an earlier checkpoint: prove that nothing under it was changed since.
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
    /// The file to write; named after what is proven unless said.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Check a proof; needs the file and the public key, and nothing else.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// What `prove` wrote.
    file: PathBuf,
    /// The public key as it was told when the proof was not in question, or a file with it.
    #[arg(long, value_name = "KEY")]
    key: String,
}

pub(super) fn prove(context: &Context, args: &Args) -> Done {
    let position = args.event.map(|position| position.to_string());
    let since = args.since.as_deref().map(read_text).transpose()?;
    let mut query = Vec::new();
    query.extend(args.id.as_deref().map(|id| ("id", id)));
    query.extend(position.as_deref().map(|position| ("position", position)));
    query.extend(since.as_deref().map(|note| ("earlier", note)));
    let key = client::get_bytes(context, "/api/v1/ledger/key", &[])?;
    let bytes = client::get_bytes(context, "/api/v1/ledger/proof", &query)?;
    let key = public_key(&String::from_utf8_lossy(&key))?;
    // Nothing that proves nothing is handed out.
    let proven = check(&bytes, &key)?;
    let out = args.out.clone().unwrap_or_else(|| default_name(&proven));
    std::fs::write(&out, &bytes).map_err(|why| io(&out, "written", &why))?;
    tell(context, &proven)?;
    output::notice(&format!("{} bytes in {}", bytes.len(), out.display()));
    Ok(Exit::Ok)
}

pub(super) fn check_proof(context: &Context, args: &CheckArgs) -> Done {
    let key = public_key(&args.key)?;
    let bytes = std::fs::read(&args.file).map_err(|why| io(&args.file, "read", &why))?;
    tell(context, &check(&bytes, &key)?)?;
    Ok(Exit::Ok)
}

fn check(bytes: &[u8], key: &PublicKey) -> Result<Proven, Failure> {
    let proven = Proof::from_bytes(bytes).and_then(|proof| proof.check(key));
    proven.map_err(|why| Failure::new(Exit::Negative, format!("nothing is proven: {why}")))
}

fn io(path: &Path, doing: &str, why: &std::io::Error) -> Failure {
    Failure::new(Exit::Io, format!("{} cannot be {doing}: {why}", path.display()))
}

fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|why| io(path, "read", &why))
}

/// `u_site_SN-1.proof`.
fn default_name(proven: &Proven) -> PathBuf {
    let about = match proven.about.as_str() {
        "" => format!("checkpoint-{}", proven.checkpoint.size),
        about => about.to_owned(),
    };
    let plain = |c: char| if c.is_alphanumeric() || "-.".contains(c) { c } else { '_' };
    PathBuf::from(format!("{}.proof", about.chars().map(plain).collect::<String>()))
}

fn tell(context: &Context, proven: &Proven) -> Result<(), Failure> {
    let Proven { about, checkpoint, records, earlier } = proven;
    let events: Vec<_> = records
        .iter()
        .filter_map(|(_, bytes)| wire::decode::<Record>(bytes).ok())
        .map(|record| describe(&record))
        .collect();
    if context.json {
        return output::json(&serde_json::json!({
            "about": about,
            "site": checkpoint.origin.site,
            "size": checkpoint.size,
            "root": checkpoint.root.to_string(),
            "signed": checkpoint.time,
            "records": records.iter().map(|(position, _)| position).collect::<Vec<_>>(),
            "events": events,
            "since": earlier.as_ref().map(|earlier| earlier.size),
        }));
    }
    let site = &checkpoint.origin.site;
    let said = if about.is_empty() { String::new() } else { format!(" ({about})") };
    output::line(format_args!(
        "{} of site {site}{said} among the first {} that were signed at {}",
        output::counted(records.len(), "records"),
        checkpoint.size,
        checkpoint.time
    ))?;
    for event in events {
        let EventView { position, time, text, .. } = event;
        output::line(format_args!("  {position}  {}  {text}", words::time(&time.to_string())))?;
    }
    if let Some(earlier) = earlier {
        output::line(format_args!(
            "nothing under the checkpoint of {} records, signed at {}, was changed",
            earlier.size, earlier.time
        ))?;
    }
    Ok(())
}
