//! Sealed segments are read again and again at a bounded rate; what is not as it was written is told.
use super::Common;
use crate::ledger::{Damage, LedgerError, Reader, Scrub, Scrubbed};
use crate::model::Position;
use crate::telemetry::Metrics;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Rest after everything was looked at, and after an error of the disk.
const REST: Duration = Duration::from_mins(10);
/// Rest while a segment is not read but told.
const MOMENT: Duration = Duration::from_millis(100);

/// Scrubs at so many bytes a second until the daemon stops; not at all if there are none.
pub(super) fn start(common: &Common, reader: Reader, bytes_per_second: u64) {
    if bytes_per_second == 0 {
        return;
    }
    let scrubber = Scrubber {
        bytes_per_second,
        metrics: Arc::clone(&common.metrics),
        damaged: BTreeSet::new(),
        before: BTreeSet::new(),
    };
    common.tasks.spawn("scrub", scrubber.run(Scrub::new(reader), common.tasks.stop()));
}

struct Scrubber {
    bytes_per_second: u64,
    metrics: Arc<Metrics>,
    /// Segments that are not as they were written, in this pass and in the last.
    damaged: BTreeSet<Position>,
    before: BTreeSet<Position>,
}

impl Scrubber {
    async fn run(mut self, mut scrub: Scrub, stop: CancellationToken) {
        loop {
            let work = move || {
                let told = scrub.step();
                (scrub, told)
            };
            let Ok((back, told)) = tokio::task::spawn_blocking(work).await else { return };
            scrub = back;
            let rest = self.rest_after(told);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    /// Says what a step came to; how long to wait before the next.
    fn rest_after(&mut self, told: Result<Scrubbed, LedgerError>) -> Duration {
        match told {
            Ok(Scrubbed::Read(bytes)) => {
                self.metrics.scrub_bytes.with_label_values::<&str>(&[]).inc_by(bytes);
                Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / self.bytes_per_second)
            }
            Ok(Scrubbed::Sound(first)) => {
                self.before.remove(&first);
                self.show();
                MOMENT
            }
            Ok(Scrubbed::Damaged(first, faults)) => {
                self.damaged(first, &faults);
                MOMENT
            }
            Ok(Scrubbed::Pass) => {
                self.metrics.scrub_passes.with_label_values::<&str>(&[]).inc();
                self.before = std::mem::take(&mut self.damaged);
                self.show();
                REST
            }
            Err(why) => {
                tracing::warn!("the ledger is not scrubbed: {why}");
                REST
            }
        }
    }

    fn damaged(&mut self, first: Position, faults: &[Damage]) {
        self.damaged.insert(first);
        self.show();
        for fault in faults {
            tracing::error!("the ledger is damaged: {fault}; restore this segment from a backup");
        }
    }

    fn show(&self) {
        let count = self.damaged.union(&self.before).count();
        let gauge = self.metrics.scrub_damaged.with_label_values::<&str>(&[]);
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
