//! How many operations a server takes in one request, and for which words it sees to how far they must move.
//!
//! What servers state as their limits is not to be trusted, so it is tried: half as many until they are taken.
//! What was refused once is not tried again, over all connections of the device's task.
use crate::model::plant::TagIndex;
use ::opcua::types::{Error, StatusCode};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Words in one Read where nothing asks for one request: small PLCs allow no more.
pub(super) const READ: usize = 200;
/// Items in one `CreateMonitoredItems`: more is slower on small PLCs (an S7-1200 50-fold).
const MONITOR: usize = 100;
/// Paths in one request.
const PATHS: usize = 100;
/// Histories in one request.
const HISTORY: usize = 20;

/// What is known of one server.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) read: Limit,
    pub(super) monitor: Limit,
    pub(super) paths: Limit,
    pub(super) history: Limit,
    unfiltered: Mutex<BTreeSet<TagIndex>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            read: Limit::new(READ),
            monitor: Limit::new(MONITOR),
            paths: Limit::new(PATHS),
            history: Limit::new(HISTORY),
            unfiltered: Mutex::default(),
        }
    }
}

impl Limits {
    /// The server does not see to how far a word must move; false if that was known.
    pub(super) fn leave_unfiltered(&self, tag: TagIndex) -> bool {
        self.unfiltered.lock().insert(tag)
    }

    /// Whether it is ours to see to how far the word must move.
    pub(super) fn is_unfiltered(&self, tag: TagIndex) -> bool {
        self.unfiltered.lock().contains(&tag)
    }
}

/// Of one service.
#[derive(Debug)]
pub(super) struct Limit(AtomicUsize);

impl Limit {
    fn new(most: usize) -> Self {
        Self(AtomicUsize::new(most))
    }

    /// So many may be sent.
    pub(super) fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// How many to send after a request with `sent` was refused for its size. Only a refusal of their
    /// number is remembered: a few long texts say nothing of other words.
    pub(super) fn halved(&self, why: &Error, sent: usize) -> usize {
        let half = (sent / 2).max(1);
        if why.status() == StatusCode::BadTooManyOperations {
            self.0.fetch_min(half, Ordering::Relaxed);
        }
        half
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_for_its_number_is_not_sent_again() {
        let limits = Limits::default();
        let refused = |status| Error::new(status, "too much");
        let long = refused(StatusCode::BadResponseTooLarge);
        assert_eq!(limits.read.halved(&long, 2), 1);
        assert_eq!(limits.read.now(), READ, "long values are no limit of operations");
        let many = refused(StatusCode::BadTooManyOperations);
        assert_eq!([200, 100, 50].map(|sent| limits.read.halved(&many, sent)), [100, 50, 25]);
        assert_eq!((limits.read.now(), limits.monitor.now()), (25, MONITOR));
        assert_eq!(limits.read.halved(&many, 80), 40);
        assert_eq!(limits.read.now(), 25, "the least of what was refused counts");
    }
}
