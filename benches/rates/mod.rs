//! What a process did in a while: things counted, seconds, and the share of a core that it took.
use std::time::{Duration, Instant};

/// What was counted while the clock ran.
pub(crate) struct Rate {
    /// Things.
    pub(crate) count: u64,
    /// Seconds.
    pub(crate) seconds: f64,
    /// Cores in use on average, by this process.
    pub(crate) cores: f64,
}

impl Rate {
    /// Things a second.
    pub(crate) fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.count).unwrap_or(u32::MAX)) / self.seconds
    }
}

/// A clock and the processor time that it began with.
pub(crate) struct Stopwatch {
    begun: Instant,
    busy: Duration,
}

impl Stopwatch {
    /// Starts it.
    #[expect(clippy::disallowed_methods, reason = "a benchmark is about the time of the machine")]
    pub(crate) fn start() -> Self {
        Self { begun: Instant::now(), busy: busy() }
    }

    /// How long it has run.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Ends it with what was counted.
    pub(crate) fn stop(self, count: u64) -> Rate {
        let seconds = self.elapsed().as_secs_f64();
        Rate { count, seconds, cores: busy().saturating_sub(self.busy).as_secs_f64() / seconds }
    }
}

/// Processor time of this process, user and system.
fn busy() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit(')').next().expect("a name in brackets");
    let ticks = after_name.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|n| n.parse::<u64>().ok()).sum();
    // USER_HZ is 100 on every Linux that this runs on.
    Duration::from_millis(ticks * 10)
}
