//! The runtime that the daemon and every verb that speaks to a PLC run in, and how they end.
use super::exit::{Exit, Failure};
use crate::address_space::THREAD_STACK;
use tokio::signal::unix::{Signal, SignalKind, signal};
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

/// What ends a program that is asked to end.
pub(super) const ENDS: [SignalKind; 2] = [SignalKind::terminate(), SignalKind::interrupt()];
/// What ends one that lives in a terminal, which may be closed.
pub(super) const ENDS_WITH_TERMINAL: [SignalKind; 3] =
    [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];

/// Cancels `stop` at the first of these signals.
pub(super) async fn stop_on_signal(stop: CancellationToken, kinds: &[SignalKind]) {
    let listened: std::io::Result<Vec<Signal>> = kinds.iter().copied().map(signal).collect();
    let Ok(mut listened) = listened else {
        return tracing::error!("signals cannot be listened to; stop with SIGKILL");
    };
    let first = futures::future::select_all(listened.iter_mut().map(|s| Box::pin(s.recv())));
    // Cancel-safe: all only receive.
    tokio::select! {
        _ = first => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn any_of_the_signals_ends_it_in_order_and_no_other() {
        let (ended, other) = (CancellationToken::new(), CancellationToken::new());
        let kinds = [SignalKind::user_defined1(), SignalKind::user_defined2()];
        let (sent, still) = (other.clone(), ended.clone());
        let signalled = async {
            let own = std::process::id().to_string();
            let kill = |name: &str| {
                std::process::Command::new("kill").args([name, &own]).status().unwrap().success()
            };
            assert!(kill("-USR2"));
            still.cancelled().await;
            assert!(!sent.is_cancelled());
            assert!(kill("-USR1"));
        };
        tokio::join!(
            stop_on_signal(ended.clone(), &kinds),
            stop_on_signal(other.clone(), &kinds[..1]),
            signalled
        );
        assert!(ended.is_cancelled() && other.is_cancelled());
    }

    #[test]
    fn a_program_in_a_terminal_ends_when_that_is_closed() {
        assert!(ENDS_WITH_TERMINAL.contains(&SignalKind::hangup()));
        assert!(ENDS.iter().all(|kind| ENDS_WITH_TERMINAL.contains(kind)));
    }
}
