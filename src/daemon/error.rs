//! Why the daemon cannot start, in words that say what to do.
use crate::ledger::LedgerError;
use crate::telemetry::CrashFault;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The operating system says no to a file.
    #[error("{} cannot be used: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The port is taken, or may not be listened on.
    #[error(
        "{address} cannot be listened on: {source}; is another pedigree running? another address is set in the configuration"
    )]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The OPC UA server did not come up; the log says why.
    #[error("the OPC UA server cannot listen on {0}; the log says why")]
    AddressSpace(SocketAddr),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The rehearsed crash cannot be read.
    #[error(transparent)]
    Crash(#[from] CrashFault),
}
