//! The daemon as a process of its own, as an operator runs it.
use super::disk::Disk;
use super::{Folder, PATIENCE, http, patient};
use pedigree::config;
use pedigree::demo::Demo;
use pedigree::model::plant::{Plant, PlantFile};
use pedigree::model::{Input, Sample, SiteId};
use pedigree::tape::{TapeItem, TapeReader};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// A data directory, a plant and settings; daemons are started on it one after another.
pub(crate) struct Site {
    /// Where its data are, if not on a disk of this machine; it ends before its file.
    disk: Option<Disk>,
    /// Everything is below it.
    pub(crate) dir: Folder,
}

/// A running daemon.
pub(crate) struct Daemon {
    child: Child,
    /// The line that it said when it was up, with its addresses.
    pub(crate) up: Value,
}

impl Site {
    /// With these plant files.
    pub(crate) fn new(plants: &[(&str, String)]) -> Self {
        let site = Self { disk: None, dir: Folder::new() };
        fs::create_dir_all(site.path("plant.d")).unwrap();
        site.plant(plants);
        let text = "site = \"test\"\ndata_dir = \"data\"\nplant_dir = \"plant.d\"\npki_dir = \"pki\"\n\
            [http]\nlisten = \"127.0.0.1:0\"\n[opcua]\nlisten = \"127.0.0.1:0\"\n";
        fs::write(site.path("pedigree.toml"), text).unwrap();
        site
    }

    /// Of a demo plant that runs.
    pub(crate) fn of(demo: &Demo) -> Self {
        let files = demo_files(demo);
        let files = files.iter().map(|(name, text)| (name.as_str(), text.clone()));
        Self::new(&files.collect::<Vec<_>>())
    }

    /// Without plant files, its data on a disk of their own. `None` where there can be none.
    pub(crate) fn on_a_disk(bytes: u64) -> Option<Self> {
        let mut site = Self::new(&[]);
        fs::create_dir(site.path("data")).unwrap();
        site.disk = Some(Disk::start(&site.path("disk"), &site.path("data"), bytes)?);
        Some(site)
    }

    /// Puts these plant files there.
    pub(crate) fn plant(&self, plants: &[(&str, String)]) {
        for (name, text) in plants {
            fs::write(self.path("plant.d").join(name), text).unwrap();
        }
    }

    /// The disk that its data are on.
    pub(crate) fn disk(&self) -> &Disk {
        self.disk.as_ref().unwrap()
    }

    /// The folder of its data, as it is seen from here.
    pub(crate) fn data(&self) -> PathBuf {
        self.disk.as_ref().map_or_else(|| self.path("data"), Disk::path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The command of a verb on this site.
    pub(crate) fn command(&self, verb: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pedigree"));
        command.arg("--config").arg(self.path("pedigree.toml")).args(verb);
        match &self.disk {
            Some(disk) => disk.inside(&command),
            None => command,
        }
    }

    /// Starts a daemon and waits until it is up.
    pub(crate) fn start(&self) -> Daemon {
        self.try_start(&[]).unwrap()
    }

    /// Starts a daemon; `Err` if it ends before it is up.
    pub(crate) fn try_start(&self, env: &[(&str, &str)]) -> Result<Daemon, ExitStatus> {
        self.launch(self.command(&["run"]), env)
    }

    /// Starts a daemon by another program, `strace` for example.
    pub(crate) fn launch(
        &self,
        mut command: Command,
        env: &[(&str, &str)],
    ) -> Result<Daemon, ExitStatus> {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        command.envs(env.iter().copied()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        match serde_json::from_str(&first) {
            Ok(up) => Ok(Daemon { child, up }),
            Err(_) => Err(child.wait().unwrap()),
        }
    }

    /// What the daemons wrote to their log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Every sample on the tape of a stopped daemon, in order, with the plant that it belongs to.
    pub(crate) fn samples(&self, mut each: impl FnMut(&Plant, &Sample)) {
        let load = |files: &[PlantFile]| {
            let text = files.iter().map(|file| (file.name.to_string(), file.text.clone()));
            let site = SiteId::parse("test").unwrap();
            config::plant::load(&text.collect::<Vec<_>>(), &site).map(|checked| checked.plant)
        };
        let (mut reader, mut plant) = (TapeReader::open(&self.data()).unwrap(), None);
        while let Some(item) = reader.next_item(load).unwrap() {
            let TapeItem::Entry(entry) = item else { panic!("{item:?}") };
            match entry.input {
                Input::Plant(loaded) => plant = Some(loaded),
                Input::Samples(samples) => {
                    let plant = plant.as_ref().unwrap();
                    for sample in &samples {
                        each(plant, sample);
                    }
                }
                Input::Start { .. }
                | Input::Link { .. }
                | Input::Lost { .. }
                | Input::Read(_)
                | Input::Written(_)
                | Input::Facts(_)
                | Input::Command { .. }
                | Input::Wake => {}
            }
        }
    }

    /// Records of the ledger of a stopped daemon.
    pub(crate) fn records(&self) -> Vec<pedigree::model::Record> {
        let reader = pedigree::ledger::Reader::open(&self.data());
        reader.cursor(pedigree::model::Position(0)).map(|entry| entry.unwrap().record).collect()
    }
}

impl Daemon {
    /// An answer of its API.
    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|why| panic!("{path}: {why}: {body}"))
    }

    /// Waits until whatever was recorded up to this moment can be asked for.
    pub(crate) fn caught_up(&self) {
        let metrics = |name: &str| {
            let page = self.ask("/metrics").1;
            let value = page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            value.unwrap_or(0_u64)
        };
        let recorded = metrics("pedigree_ledger_position ");
        http::until("what was recorded can be asked for", PATIENCE, || {
            let known = self.get("/api/v1/events?limit=1")["position"].as_u64();
            let indexed = metrics("pedigree_store_position ");
            (known >= Some(recorded) && indexed >= recorded).then_some(())
        });
    }

    /// Status and body.
    pub(crate) fn ask(&self, path: &str) -> (u16, String) {
        http::get(&format!("http://{}{path}", self.http()))
    }

    pub(crate) fn http(&self) -> &str {
        self.up["http"].as_str().unwrap()
    }

    pub(crate) fn opcua(&self) -> String {
        format!("opc.tcp://{}", self.up["opcua"].as_str().unwrap())
    }

    /// `kill -9`, of the daemon itself where another program runs it.
    pub(crate) fn kill(mut self) {
        assert!(self.signal("-KILL"));
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: &str) -> bool {
        let pid = self.up["pid"].as_u64().unwrap().to_string();
        Command::new("kill").args([signal, &pid]).stderr(Stdio::null()).status().unwrap().success()
    }

    /// Waits for it to end by itself.
    pub(crate) fn ended(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// The most memory that it has had at once, in bytes, by what the kernel says of it.
    pub(crate) fn memory_max(&self) -> u64 {
        let status = read(Path::new(&format!("/proc/{}/status", self.up["pid"])));
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// How it ended, if it has.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Asks it to stop, as `systemctl stop` does, and waits.
    pub(crate) fn stop(mut self) -> ExitStatus {
        assert!(self.signal("-TERM"));
        self.child.wait().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.signal("-KILL");
            drop(self.child.wait());
        }
    }
}

/// The plant files of a demo plant.
pub(crate) fn demo_files(demo: &Demo) -> Vec<(String, String)> {
    demo.plant_files.iter().map(|(name, text)| (name.clone(), patient(text))).collect()
}

/// Opens a file that must exist.
pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}
