//! The thread that writes.
use super::error::LedgerError;
use super::handle::{Durable, Generation, Intake, Queued, Shared, State};
use super::writer::Writer;
use crate::telemetry::{Metrics, Now};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Bytes after which a group is closed: some milliseconds of a slow disk.
const GROUP_BYTES_MAX: usize = 4 << 20;
/// First wait before the disk is tried again; it doubles.
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// Longest wait before the disk is tried again.
const RETRY_MAX: Duration = Duration::from_secs(5);

pub(super) struct Task {
    pub(super) writer: Writer,
    pub(super) segment_bytes_max: u64,
    pub(super) waiting: mpsc::Receiver<Queued>,
    pub(super) shared: Arc<Shared>,
    pub(super) publish: watch::Sender<Durable>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) now: Now,
}

impl Task {
    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        while let Some(first) = self.waiting.blocking_recv() {
            let group = self.gather(first);
            if group.is_empty() {
                continue;
            }
            let done = self.commit(&group).and_then(|()| {
                self.publish(State::Running);
                let full = self.writer.segment_len() >= self.segment_bytes_max;
                if full { self.writer.roll() } else { Ok(()) }
            });
            drop(group);
            match done {
                Ok(()) => self.tell(),
                Err(why) => {
                    if !self.resume(&why) {
                        return;
                    }
                }
            }
        }
    }

    /// Takes what waits, without what was stepped before the last cut.
    fn gather(&mut self, first: Queued) -> Vec<Queued> {
        let generation = self.publish.borrow().generation;
        let (mut group, mut bytes) = (Vec::new(), 0);
        let mut taken = Some(first);
        while let Some(queued) = taken {
            if queued.generation == generation {
                bytes += queued.len;
                group.push(queued);
            }
            taken = (bytes < GROUP_BYTES_MAX).then(|| self.waiting.try_recv().ok()).flatten();
        }
        group
    }

    fn commit(&mut self, group: &[Queued]) -> Result<(), LedgerError> {
        let frames: Vec<&[Vec<u8>]> = group.iter().map(|q| q.records.as_slice()).collect();
        self.writer.write(&frames)?;
        let begin = (self.now)().monotonic.0;
        self.writer.sync()?;
        let took = Duration::from_nanos((self.now)().monotonic.0.saturating_sub(begin));
        let seconds = self.metrics.ledger_sync_seconds.with_label_values::<&str>(&[]);
        seconds.observe(took.as_secs_f64());
        Ok(())
    }

    /// After a failure: cuts and begins anew, again and again until the disk allows it. `false` if
    /// the ledger is closed meanwhile.
    fn resume(&mut self, why: &LedgerError) -> bool {
        self.metrics.ledger_failed_syncs.with_label_values::<&str>(&[]).inc();
        tracing::error!(position = self.writer.position().0, "the ledger failed: {why}");
        let mut wait = RETRY_FIRST;
        let mut attempt = 0;
        while let Err(why) = self.writer.roll() {
            attempt += 1;
            tracing::error!(attempt, "the ledger cannot go on: {why}");
            self.publish(State::Failing { error: why.to_string(), attempt });
            if self.waiting.is_closed() {
                return false;
            }
            std::thread::park_timeout(wait);
            wait = (wait * 2).min(RETRY_MAX);
        }
        let position = self.writer.position();
        let generation = Generation(self.publish.borrow().generation.0 + 1);
        *self.shared.intake.lock() = Intake { generation, next: position.next() };
        tracing::warn!(position = position.0, %generation, "the ledger goes on");
        self.tell();
        self.publish.send_modify(|durable| {
            let ends = durable.ends.iter().copied().chain([position]).collect();
            *durable = Durable { position, generation, state: State::Running, ends };
        });
        true
    }

    /// Tells everybody how it stands.
    fn publish(&self, state: State) {
        self.tell();
        let position = self.writer.position();
        self.publish.send_modify(|durable| {
            (durable.position, durable.state) = (position, state);
        });
    }

    /// Tells the readers where the durable part ends: before anybody is told that it grew.
    pub(super) fn tell(&self) {
        *self.shared.tail.lock() = self.writer.tail();
        self.shared.tree.set(&self.writer.tree);
        let (bytes, position) = (self.writer.bytes(), self.writer.position().0);
        self.shared.bytes.store(bytes, Ordering::Relaxed);
        let gauge = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.metrics.ledger_bytes.with_label_values::<&str>(&[]).set(gauge(bytes));
        self.metrics.ledger_position.with_label_values::<&str>(&[]).set(gauge(position));
    }
}
