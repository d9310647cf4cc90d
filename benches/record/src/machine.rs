//! What the machine says: time, memory, files.
use pedigree::daemon::clock;
use pedigree::telemetry::Now;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// A clock that was started.
pub struct Watch {
    now: Now,
    begun: u64,
}

impl Watch {
    pub fn start() -> Self {
        let now = clock();
        Self { begun: now().monotonic.0, now }
    }

    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos((self.now)().monotonic.0 - self.begun)
    }
}

/// Times, read by shares.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub fn sum(&self) -> Duration {
        self.0.iter().sum()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// In milliseconds, the time that so many of a thousand do not exceed.
    pub fn share(&mut self, thousandths: usize) -> f64 {
        self.0.sort_unstable();
        let at = self.0.len() * thousandths / 1_000;
        self.0.get(at).or(self.0.last()).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}

/// A line of `/proc/self/status` in MB.
fn status(name: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line of that name");
    let kib = line.trim_start_matches(':').trim().trim_end_matches(" kB");
    kib.parse::<f64>().expect("a number") * 1_024.0 / 1e6
}

/// Resident memory of this process in MB.
pub fn resident() -> f64 {
    status("VmRSS")
}

/// The most that it ever was, in MB.
pub fn resident_max() -> f64 {
    status("VmHWM")
}

/// Bytes that a folder takes on the disk.
pub fn bytes(dir: &Path) -> f64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0.0 };
    let one = |entry: std::io::Result<std::fs::DirEntry>| {
        // A file may be gone by now.
        let Ok(entry) = entry else { return 0.0 };
        let path = entry.path();
        if path.is_dir() {
            return bytes(&path);
        }
        entry.metadata().map_or(0.0, |file| file.blocks() as f64 * 512.0)
    };
    entries.map(one).sum()
}

/// Cores and memory, to be named beside every figure.
pub fn size() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = text.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok());
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?").to_owned();
    format!("{cores} cores, {:.0} GiB, load {load}", kib.unwrap_or(0.0) / f64::from(1 << 20))
}
