//! The test line: a press and an assembly that are not built on Pedigree's libraries.
use super::daemon::{Daemon, Site, read};
use super::net::Net;
use super::peer::Peer;
use super::{LONG, PATIENCE, here, http, patient};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The press (asyncua, encrypted) and the assembly (pymodbus).
pub(crate) struct Line {
    pub(crate) press: Peer,
    pub(crate) assembly: Peer,
    pub(crate) press_truth: PathBuf,
    pub(crate) assembly_truth: PathBuf,
    _state: tempfile::TempDir,
    /// Where they are, if not on this machine; it ends after them.
    pub(crate) net: Option<Net>,
}

impl Line {
    /// Starts both. They wait for somebody to answer them.
    pub(crate) fn start(peers: &Path, parts: u32, press: &[&str], assembly: &[&str]) -> Self {
        Self::start_in(None, peers, parts, press, assembly)
    }

    /// The same in a network of their own.
    pub(crate) fn start_in(
        net: Option<Net>,
        peers: &Path,
        parts: u32,
        press: &[&str],
        assembly: &[&str],
    ) -> Self {
        let state = tempfile::tempdir().unwrap();
        let dir = state.path().to_str().unwrap();
        let press_truth = state.path().join("press.jsonl");
        let assembly_truth = state.path().join("assembly.jsonl");
        let parts = parts.to_string();
        let told = press_truth.to_str().unwrap();
        let own = ["--state", dir, "--truth", told, "--parts", &parts];
        let press = [&own[..], press].concat();
        let truth = assembly_truth.to_str().unwrap();
        let own = ["--state", dir, "--truth", truth, "--feed", told];
        let assembly = [&own[..], assembly].concat();
        // Each takes seconds to come up.
        let (press, assembly) = std::thread::scope(|both| {
            let press = both.spawn(|| Peer::start_in(net.as_ref(), peers, "press_plc.py", &press));
            let assembly = Peer::start_in(net.as_ref(), peers, "assembly_plc.py", &assembly);
            (press.join().unwrap(), assembly)
        });
        Self { press, assembly, press_truth, assembly_truth, _state: state, net }
    }

    /// A site with the plant files of this line.
    pub(crate) fn site(&self) -> Site {
        let [press, assembly] = self.plant(self.press.port("port"), self.assembly.port("port"));
        Site::new(&[("press.toml", press), ("assembly.toml", assembly)])
    }

    /// The same, patient with its PLCs.
    pub(crate) fn patient_site(&self) -> Site {
        let site = self.site();
        for name in ["press.toml", "assembly.toml"] {
            site.plant(&[(name, patient(&read(&site.path("plant.d").join(name))))]);
        }
        site
    }

    /// Its plant files, with the PLCs at these ports.
    pub(crate) fn plant(&self, press: u16, assembly: u16) -> [String; 2] {
        let thumbprint = self.press.up["thumbprint_sha256"].as_str().unwrap();
        let press = read(&here("tests/plants/shift/press.toml"))
            .replace("@PRESS_PORT@", &press.to_string())
            .replace("@PRESS_THUMBPRINT@", thumbprint);
        let assembly = read(&here("tests/plants/shift/assembly.toml"))
            .replace("@ASSEMBLY_PORT@", &assembly.to_string());
        [press, assembly]
    }

    /// Whether the assembly has written its last line of truth.
    pub(crate) fn is_done(&self) -> bool {
        let truth = std::fs::read_to_string(&self.assembly_truth).unwrap_or_default();
        truth.lines().last().is_some_and(|line| line.contains("\"end\""))
    }

    /// Waits until all parts are through.
    pub(crate) fn wait_done(&self) {
        http::until("all parts are through", LONG, || self.is_done().then_some(()));
    }
}

/// Waits until the last part's last step can be asked for.
pub(crate) fn wait_recorded(daemon: &Daemon, serial: &str) -> Value {
    http::until(&format!("{serial} is complete"), PATIENCE, || {
        let (status, body) = daemon.ask(&format!("/api/v1/item?id={serial}"));
        let item: Value = serde_json::from_str(&body).ok()?;
        let steps = item["body"]["steps"].as_array()?;
        let done = steps.iter().any(|s| s["verb"] == "complete" && s["station"] == "ASM20");
        (status == 200 && done).then_some(item)
    })
}
