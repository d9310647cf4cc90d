//! The runtime that the daemon and every verb that speaks to a PLC run in, and how they end.
use super::exit::{Exit, Failure};
use crate::address_space::THREAD_STACK;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Starts the runtime. Threads have much (virtual) stack: decoding nested OPC UA values recurses as
/// deep as a message allows.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(THREAD_STACK)
        .enable_all()
        .build()
        .map_err(|why| Failure::new(Exit::Io, format!("the threads cannot be started: {why}")))
}

/// Cancels `stop` at the first SIGTERM or SIGINT.
pub(super) async fn stop_on_signal(stop: CancellationToken) {
    let (Ok(mut term), Ok(mut int)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return tracing::error!("signals cannot be listened to; stop with SIGKILL");
    };
    // Cancel-safe: both only receive.
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
        () = stop.cancelled() => {}
    }
    stop.cancel();
}

/// The log goes to stderr. Of the OPC UA library only errors: its warnings are said better by the room
/// that uses it, and at TRACE it logs keys and nonces.
pub(super) fn log(filter: &str) -> Result<(), Failure> {
    let filter = tracing_subscriber::EnvFilter::try_new(format!(
        "{filter},opcua_core=error,opcua_crypto=error,opcua_client=error,opcua_server=error"
    ))
    .map_err(|why| Failure::new(Exit::Configuration, format!("`log` is no filter: {why}")))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init()
        .map_err(|why| Failure::new(Exit::Io, why.to_string()))
}
