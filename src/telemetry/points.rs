//! Named points in the life of a handshake: counted always, and in a rehearsal the place to die at.
use super::Metrics;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A point that every answered request passes, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// The snapshot was read.
    AfterRead,
    /// The frame was handed to the ledger, not yet synced.
    AfterAppend,
    /// The record is durable, nothing is written to the PLC.
    AfterSync,
    /// The replies are written, the ack is not.
    AfterReply,
    /// The ack is written.
    AfterAck,
}

impl Point {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::AfterRead, Self::AfterAppend, Self::AfterSync, Self::AfterReply, Self::AfterAck];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AfterRead => "after-read",
            Self::AfterAppend => "after-append",
            Self::AfterSync => "after-sync",
            Self::AfterReply => "after-reply",
            Self::AfterAck => "after-ack",
        }
    }
}

/// Counts the points. With a rehearsed crash, the process kills itself (SIGKILL, so that nothing is
/// flushed or cleaned up) when its point is passed for the given time.
#[derive(Debug, Clone)]
pub struct Points {
    metrics: Arc<Metrics>,
    crash: Option<(Point, u64)>,
    passed: Arc<AtomicU64>,
}

/// Why a rehearsed crash cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a point to crash at; wanted one of {points} and a count, as `after-sync:3`", points = Point::ALL.map(Point::as_str).join(", "))]
pub struct CrashFault(String);

impl Points {
    /// No crash is rehearsed.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, crash: None, passed: Arc::default() }
    }

    /// Dies at a point, `after-sync:3` at the third time that it is passed.
    pub fn rehearse(self, crash: &str) -> Result<Self, CrashFault> {
        let fault = || CrashFault(crash.to_owned());
        let (word, count) = crash.split_once(':').ok_or_else(fault)?;
        let point = Point::ALL.into_iter().find(|p| p.as_str() == word).ok_or_else(fault)?;
        let count = count.parse().ok().filter(|n| *n > 0).ok_or_else(fault)?;
        Ok(Self { crash: Some((point, count)), ..self })
    }

    /// The point is passed.
    pub fn pass(&self, point: Point) {
        self.metrics.handshake_points.with_label_values(&[point.as_str()]).inc();
        if let Some((at, count)) = self.crash
            && at == point
            && self.passed.fetch_add(1, Ordering::SeqCst).saturating_add(1) == count
        {
            tracing::error!(point = point.as_str(), "rehearsed crash");
            let own = rustix::process::getpid();
            if let Err(why) = rustix::process::kill_process(own, rustix::process::Signal::KILL) {
                tracing::error!(%why, "the rehearsed crash did not happen");
            }
        }
    }
}
