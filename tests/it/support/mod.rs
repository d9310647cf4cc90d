//! What the tests share: foreign peers, the daemon as a process, its HTTP answers, the truth.
pub(crate) mod balance;
pub(crate) mod daemon;
pub(crate) mod disk;
pub(crate) mod http;
pub(crate) mod line;
pub(crate) mod net;
pub(crate) mod peer;
pub(crate) mod proxy;
pub(crate) mod truth;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// When a test gives up that waits for something which has to come: nothing takes so long, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);
/// The same for a whole line of hundreds of parts.
pub(crate) const LONG: Duration = Duration::from_mins(20);

/// A folder that stays, for whoever looks for the cause, if its test fails.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.disable_cleanup(true);
            println!("kept: {}", self.path().display());
        }
    }
}

/// The folder with the virtual environment of the peers and unpacked tools, if it was prepared.
pub(crate) fn peers() -> Option<PathBuf> {
    let dir = std::env::var_os("PEDIGREE_PEERS").map(PathBuf::from);
    if dir.is_none() {
        println!("skipped: needs foreign peers; `make test` prepares them and runs this");
    }
    dir
}

/// A file of this repository.
pub(crate) fn here(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A plant file whose PLCs may be silent for so long that what keeps the machine busy for a moment is no gap, and whose
/// permits may take as long: for tests of faults that are told at once, and of what no gap may touch.
pub(crate) fn patient(text: &str) -> String {
    let texts = [
        ("stale_after = \"3s\"", "stale_after = \"15s\""),
        ("stale_after = \"5s\"", "stale_after = \"15s\""),
        ("timeout     = \"800ms\"", "timeout     = \"10s\""),
        ("deadline = \"2s\"", "deadline = \"1m\""),
    ];
    let patient = texts.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    assert_ne!(patient, text, "nothing to be patient with");
    patient
}

/// How long a test may take that counts files of the tape.
const COUNTED_MS: i64 = 300_000;

/// Waits, now and then, until the full hour is past: a file of the tape ends with it, and one more is no fault.
pub(crate) fn clear_of_the_hour() {
    const HOUR_MS: i64 = 3_600_000;
    let left = || HOUR_MS - pedigree::daemon::clock()().wall.0 / 1_000_000 % HOUR_MS;
    let long = Duration::from_mins(6);
    http::until("the full hour is past", long, || (left() > COUNTED_MS).then_some(()));
}

/// A free port of the loopback, until somebody takes it. Below those that the system itself gives to whoever connects:
/// of these one is gone again before anybody listens at it. Each run of the tests begins elsewhere.
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let given =
            std::process::id().wrapping_mul(97).wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = 20_000 + u16::try_from(given % 12_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A runtime as the daemon has it.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(pedigree::address_space::THREAD_STACK)
        .enable_all()
        .build()
        .unwrap()
}
