//! The recovery state machine of a connection, without the connection. Pure.
use crate::model::Utc;
use std::time::Duration;

/// First pause after a failure.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// Longest pause: a PLC that comes back is seen within this.
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// Where a connection stands on its way to being trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Waiting before the next attempt.
    Backoff,
    /// Connecting, agreeing on security, resolving names.
    Connecting,
    /// Making subscriptions, or planning reads.
    Subscribing,
    /// Waiting for a first value of every watched tag.
    Proving,
    /// Observed.
    Live,
}

impl Stage {
    /// The word for logs and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backoff => "backoff",
            Self::Connecting => "connecting",
            Self::Subscribing => "subscribing",
            Self::Proving => "proving",
            Self::Live => "live",
        }
    }
}

/// How a device stands, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Where the connection stands.
    pub stage: Stage,
    /// Since when.
    pub since: Utc,
    /// Why the last attempt ended, with what to do.
    pub last_fault: Option<String>,
}

/// Pauses between attempts: doubling, with jitter, never giving up.
#[derive(Debug, Clone)]
pub struct Backoff {
    attempt: u32,
    seed: u64,
}

impl Backoff {
    /// The seed spreads devices that fail together; the device's index will do.
    pub fn new(seed: u64) -> Self {
        Self { attempt: 0, seed }
    }

    /// The connection was Live: the next pause is short again.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }

    /// The next pause: half of it fixed, half by chance.
    pub fn next_pause(&mut self) -> Duration {
        let full = PAUSE_MIN.saturating_mul(1 << self.attempt.min(10)).min(PAUSE_MAX);
        self.attempt = self.attempt.saturating_add(1);
        // SplitMix64 (Steele, Lea, Flood 2014): spread is all that is asked of it.
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let half = full / 2;
        half + half.mul_f64(f64::from(u32::try_from(z >> 32).unwrap_or(0)) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_never_end() {
        let mut backoff = Backoff::new(1);
        let pauses: Vec<_> = (0..100).map(|_| backoff.next_pause()).collect();
        assert!(pauses[0] <= PAUSE_MIN && pauses[0] >= PAUSE_MIN / 2);
        assert!(pauses[20..].iter().all(|p| *p >= PAUSE_MAX / 2 && *p <= PAUSE_MAX));
        backoff.reset();
        assert!(backoff.next_pause() <= PAUSE_MIN);
    }
}
