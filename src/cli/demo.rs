//! `demo`: a simulated plant on real protocols, with the daemon beside it.
use super::exit::{Done, Exit, Failure};
use super::{Context, output, run, runtime};
use crate::config::{self, daemon::Ledger as Keeping};
use crate::daemon::{self, Addresses, Settings};
use crate::demo::{self, Demo, DemoOptions, DriftPlan, Facts};
use crate::model::SiteId;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Where the plant files are kept, below the demo's folder.
const PLANT_DIR: &str = "plant.d";
/// How to look at it later, there too.
const SETTINGS: &str = "pedigree.toml";
/// Parts that must be through before there is something to ask about.
const PARTS_BEFORE_QUESTIONS: u64 = 12;

/// A simulated plant on real protocols, with the daemon beside it, to try everything on. It ends with its terminal
/// (SIGHUP), and like the daemon at SIGTERM and Ctrl-C; changed plant files are put in force by `pedigree reload`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What the plant makes; the same seed makes the same plant.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Parts a second, about.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// The press stays healthy.
    #[arg(long)]
    no_drift: bool,
    /// Where to keep the data, in a folder that is not there yet or has nothing in it; else it goes with the demo.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where the console is.
    #[arg(long, default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Where the OPC UA address space is.
    #[arg(long, default_value = "127.0.0.1:4855")]
    opcua: SocketAddr,
}

pub(super) fn run(_: &Context, args: &Args) -> Done {
    runtime::log("warn")?;
    let temporary = match &args.data {
        Some(_) => None,
        None => Some(tempfile::tempdir().map_err(|why| io(&why))?),
    };
    let dir = temporary.as_ref().map(|t| t.path().to_owned()).or_else(|| args.data.clone());
    let dir = dir.unwrap_or_default();
    std::fs::create_dir_all(&dir).map_err(|why| io(&why))?;
    fresh(&dir)?;
    output::notice("making keys and starting the simulated PLCs …");
    runtime::runtime()?.block_on(both(args, &dir, temporary.is_some()))
}

fn io(why: &std::io::Error) -> Failure {
    Failure::new(Exit::Io, format!("the demo's folder cannot be made: {why}"))
}

/// The machines of a demo begin at their first part, with serials that an earlier demo has given out; and what somebody
/// has in the folder is not written over.
fn fresh(dir: &Path) -> Result<(), Failure> {
    if std::fs::read_dir(dir).map_err(|why| io(&why))?.next().is_none() {
        return Ok(());
    }
    let (folder, settings) = (dir.display(), dir.join(SETTINGS));
    let why = if settings.is_file() {
        format!(
            "{folder} has the data of an earlier demo, and a new one cannot go on with it: its parts would come again under \
             the same serials. Look at it with `pedigree -c {} run`, or name another folder with --data",
            settings.display()
        )
    } else {
        format!(
            "{folder} is not empty, and a demo writes over nothing: name another folder with --data"
        )
    };
    Err(Failure::new(Exit::Usage, why))
}

async fn both(args: &Args, dir: &Path, temporary: bool) -> Done {
    let mut options = DemoOptions::new(args.seed, daemon::clock());
    options.cycle = Duration::from_secs_f64(1.0 / args.speed.clamp(0.01, 1_000.0));
    if args.no_drift {
        options.drift = None::<DriftPlan>;
    }
    let now = options.now.clone();
    let started = Demo::start(options, &dir.join("plcs")).await;
    let (demo, plcs) = started.map_err(|why| Failure::new(Exit::Io, why.to_string()))?;
    keep_files(dir, &demo.plant_files).map_err(|why| io(&why))?;
    let site = SiteId::parse("demo").expect("a good name");
    let checked = config::plant::load(&demo.plant_files, &site)
        .map_err(|faults| Failure::new(Exit::Configuration, faults.to_string()))?;
    let settings = Settings {
        plant: checked.plant,
        plant_dir: dir.join(PLANT_DIR),
        // Whoever closes the terminal wants the demo to end: it ends at that.
        reload_on_hangup: false,
        data_dir: dir.join("data"),
        ledger: Keeping::beside(&dir.join("data")),
        pki_dir: dir.join("pki"),
        http: args.http,
        opcua: Some(args.opcua),
        contacts: std::collections::BTreeMap::new(),
        drill_every: None,
        crash: None,
        now,
    };
    let stop = CancellationToken::new();
    let (up, address) = oneshot::channel();
    let daemon = async {
        let ended = daemon::run(settings, stop.clone(), up).await;
        stop.cancel();
        demo.stop();
        ended
    };
    let told = tell(&demo, dir, temporary, address, stop.clone());
    let signal = runtime::stop_on_signal(stop.clone(), &runtime::ENDS_WITH_TERMINAL);
    let (ended, (), told, ()) = tokio::join!(daemon, plcs, told, signal);
    ended.map_err(|why| run::failure(&why))?;
    told
}

fn keep_files(dir: &Path, files: &[(String, String)]) -> std::io::Result<()> {
    let folder = dir.join(PLANT_DIR);
    std::fs::create_dir_all(&folder)?;
    for (name, text) in files {
        std::fs::write(folder.join(name), text)?;
    }
    let settings =
        "site = \"demo\"\ndata_dir = \"data\"\nplant_dir = \"plant.d\"\npki_dir = \"pki\"\n";
    std::fs::write(dir.join(SETTINGS), settings)
}

/// The banner when all is up, the questions when there is something to ask, a line at the drift.
async fn tell(
    demo: &Demo,
    dir: &Path,
    temporary: bool,
    address: oneshot::Receiver<Addresses>,
    stop: CancellationToken,
) -> Done {
    let Ok(Addresses { http, opcua }) = address.await else { return Ok(Exit::Ok) };
    let opcua = opcua.map_or(String::new(), |a| format!("opc.tcp://{a}"));
    let console = format!("http://{http}");
    let facts = Facts { plcs: &demo.plcs, opcua: &opcua, console: &console, data: dir, temporary };
    output::line(demo::banner(&facts))?;
    let mut progress = demo.progress();
    let mut asked = false;
    let mut drifted = false;
    loop {
        // Cancel-safe: both only wait.
        tokio::select! {
            changed = progress.changed() => if changed.is_err() { return Ok(Exit::Ok) },
            () = stop.cancelled() => return Ok(Exit::Ok),
        }
        let parts = *progress.borrow_and_update();
        let onset = demo.onset();
        if !asked
            && parts >= PARTS_BEFORE_QUESTIONS
            && let Some(questions) = demo::questions(&demo.truth(), onset.as_ref())
        {
            asked = true;
            output::line("  try:")?;
            for question in questions {
                output::line(format_args!("    {question}"))?;
            }
        }
        if let (Some(onset), false) = (&onset, drifted) {
            drifted = true;
            output::line(format_args!(
                "  from now on the press is losing force (first part: {}); watch it being noticed:  pedigree tap --events",
                onset.unit
            ))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_anything_in_it_is_refused_in_words_and_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(fresh(dir.path()), Ok(()));
        keep_files(dir.path(), &[("cast.toml".to_owned(), "mine".to_owned())]).unwrap();
        let failure = fresh(dir.path()).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.text.contains("the data of an earlier demo"), "{failure:?}");
        assert!(failure.text.contains("pedigree.toml run`"), "{failure:?}");
        let kept = std::fs::read_to_string(dir.path().join("plant.d/cast.toml"));
        assert_eq!(kept.unwrap(), "mine");
        let other = tempfile::tempdir().unwrap();
        std::fs::write(other.path().join("notes.txt"), "mine").unwrap();
        let failure = fresh(other.path()).unwrap_err();
        assert!(failure.text.contains("is not empty"), "{failure:?}");
    }
}
