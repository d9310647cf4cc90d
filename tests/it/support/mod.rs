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

use std::path::{Path, PathBuf};

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

/// A runtime as the daemon has it.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(pedigree::address_space::THREAD_STACK)
        .enable_all()
        .build()
        .unwrap()
}
