//! `run`: the daemon.
use super::exit::{Done, Exit, Failure};
use super::{Context, output, runtime, settings};
use crate::daemon::{self, DaemonError, Settings};
use crate::ledger::LedgerError;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Collect from the PLCs, record, answer: the daemon.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Rehearse a crash: die by SIGKILL at a point of a handshake, as `after-sync:3`.
    #[arg(long, env = "PEDIGREE_CRASH", hide = true, value_name = "POINT:COUNT")]
    crash: Option<String>,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let config = settings::settings(context)?;
    let checked = settings::plant(&config)?;
    if !checked.warnings.is_empty() {
        let theme = miette::GraphicalTheme::unicode_nocolor();
        output::notice(&crate::config::render(&checked.warnings, theme));
    }
    runtime::log(&config.log)?;
    let settings = Settings {
        plant: checked.plant,
        plant_dir: config.plant_dir,
        reload_on_hangup: true,
        data_dir: config.data_dir,
        ledger: config.ledger,
        pki_dir: config.pki_dir,
        http: config.http.listen,
        opcua: config.opcua.enabled.then_some(config.opcua.listen),
        contacts: config.contacts,
        drill_every: config.drill_every,
        crash: args.crash.clone(),
        now: daemon::clock(),
    };
    let stop = CancellationToken::new();
    let (up, address) = oneshot::channel::<daemon::Addresses>();
    let said = async {
        if let Ok(addresses) = address.await {
            let line = serde_json::json!({
                "http": addresses.http,
                "opcua": addresses.opcua,
                "pid": std::process::id(),
            });
            if let Err(failure) = output::line(line) {
                tracing::warn!(why = failure.text, "the addresses were not told");
            }
        }
    };
    let runtime = runtime::runtime()?;
    let ended = runtime.block_on(async {
        let daemon = async {
            let ended = daemon::run(settings, stop.clone(), up).await;
            stop.cancel();
            ended
        };
        tokio::join!(daemon, runtime::stop_on_signal(stop.clone(), &runtime::ENDS), said).0
    });
    ended.map(|()| Exit::Ok).map_err(|why| failure(&why))
}

/// Why a daemon did not start, with its exit code.
pub(super) fn failure(why: &DaemonError) -> Failure {
    let exit = match why {
        DaemonError::Ledger(LedgerError::Locked(_)) => Exit::Temporary,
        DaemonError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            Exit::Permission
        }
        DaemonError::Crash(_) | DaemonError::Ledger(LedgerError::Site { .. }) => {
            Exit::Configuration
        }
        DaemonError::Io { .. }
        | DaemonError::Listen { .. }
        | DaemonError::AddressSpace(_)
        | DaemonError::Ledger(_) => Exit::Io,
    };
    Failure::new(exit, why.to_string())
}
