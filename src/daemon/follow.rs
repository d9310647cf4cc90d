//! The follower: reads the ledger from its own position and feeds the read side, the live stream and
//! the counters. There is no other way in which records spread.
use crate::http::{Readiness, TapEvent};
use crate::ledger::{Cursor, Durable, LedgerError, Reader, State};
use crate::model::{Body, Position, Record, Rule, Verdict};
use crate::query::Query;
use crate::telemetry::Metrics;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

/// Records that are applied at once: some store batches, so that the first answer is not kept waiting
/// by the last.
const CHUNK_LEN_MAX: usize = 512;
/// Pause after the index took no records.
const RETRY: Duration = Duration::from_secs(1);
/// Records that the index may be behind before the daemon calls itself not ready.
const LAG_MAX: u64 = 10_000;

pub(super) struct Follower {
    pub(super) query: Query,
    pub(super) reader: Reader,
    pub(super) cursor: Option<Cursor>,
    pub(super) durable: watch::Receiver<Durable>,
    pub(super) tap: broadcast::Sender<TapEvent>,
    pub(super) readiness: watch::Sender<Readiness>,
    pub(super) metrics: Arc<Metrics>,
    /// Records up to here are history: applied, not told.
    pub(super) told: Position,
    pub(super) stop: CancellationToken,
}

impl Follower {
    /// Runs until the daemon stops, or the ledger cannot be read.
    pub(super) async fn run(mut self) {
        let mut wanted = self.query.wanted();
        loop {
            let durable = self.durable.borrow_and_update().clone();
            let applied = *wanted.borrow_and_update();
            self.query.set_durable(durable.position);
            self.say_ready(&durable, applied);
            if applied < durable.position {
                match self.catch_up(applied).await {
                    Ok(true) => continue,
                    // It is tried again whether or not anything is recorded meanwhile.
                    Ok(false) => {
                        tokio::select! {
                            () = tokio::time::sleep(RETRY) => continue,
                            () = self.stop.cancelled() => return,
                        }
                    }
                    Err(why) => return tracing::error!(%why, "the ledger cannot be followed"),
                }
            }
            // Cancel-safe: all only wait. `wanted` falls when the index is begun anew.
            tokio::select! {
                changed = self.durable.changed() => if changed.is_err() { return },
                changed = wanted.changed() => if changed.is_err() { return },
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Applies the next chunk on a thread that may block; `false` if the index takes none now.
    async fn catch_up(&mut self, applied: Position) -> Result<bool, LedgerError> {
        let kept = self.cursor.take().filter(|cursor| cursor.position() == applied);
        let mut cursor = kept.unwrap_or_else(|| self.reader.cursor(applied));
        let query = self.query.clone();
        let work = move || {
            let mut records: Vec<(Position, Record)> = Vec::new();
            for entry in cursor.by_ref().take(CHUNK_LEN_MAX) {
                let entry = entry?;
                records.push((entry.position, entry.record));
            }
            Ok::<_, LedgerError>((cursor, query.apply(&records), records))
        };
        let (cursor, taken, records) = match tokio::task::spawn_blocking(work).await {
            Ok(done) => done?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        if let Err(why) = taken {
            tracing::error!(%why, "the index takes no records; questions are answered from what it has");
            return Ok(false);
        }
        self.cursor = Some(cursor);
        for (position, record) in records.iter().filter(|(p, _)| *p > self.told) {
            self.count(record);
            if self.tap.receiver_count() > 0 {
                let before = Position(position.0.saturating_sub(1));
                for event in self.query.events(before, 1) {
                    drop(self.tap.send(TapEvent::Event(event)));
                }
            }
        }
        self.told = records.last().map_or(self.told, |(position, _)| self.told.max(*position));
        Ok(true)
    }

    fn say_ready(&self, durable: &Durable, applied: Position) {
        let behind = durable.position.0.saturating_sub(applied.0);
        let readiness = Readiness {
            ledger: match &durable.state {
                State::Running => Ok(()),
                State::Failing { error, attempt } => {
                    Err(format!("records cannot be written (attempt {attempt}): {error}"))
                }
            },
            index: match self.query.filling() {
                Some(last) => Err(format!(
                    "since the start it has the records up to {applied}, of those up to {last}"
                )),
                None if behind > LAG_MAX => {
                    Err(format!("it is {behind} records behind the ledger"))
                }
                None => Ok(()),
            },
        };
        self.readiness.send_if_modified(|old| {
            let changed = *old != readiness;
            *old = readiness;
            changed
        });
    }

    fn count(&self, record: &Record) {
        let m = &self.metrics;
        match &record.body {
            Body::Trace(event) => {
                let station = event.station.as_ref().map_or("", |s| s.as_str());
                m.events.with_label_values(&[event.what.verb().as_str(), station]).inc();
                if let Some(refusal) = event.went_past {
                    m.went_past.with_label_values(&[station]).inc();
                    tracing::warn!(station, position = %record.position, %refusal, "what was refused is completed all the same");
                }
            }
            Body::Quarantine(q) => {
                m.quarantined.with_label_values(&[q.station.as_str()]).inc();
                tracing::warn!(station = %q.station, position = %record.position, cause = ?q.cause, "set aside");
            }
            Body::Gap(gap) if gap.interval.to.is_none() || gap.count.is_some() => {
                let cause = serde_json::to_value(gap.cause).unwrap_or_default();
                m.gaps.with_label_values(&[cause.as_str().unwrap_or_default()]).inc();
            }
            // It says nothing of now.
            Body::Verdict(v) if v.over.is_some() => {
                tracing::warn!(station = %v.station, master = %v.monitor, item = ?v.item, "a master was judged wrongly, as is known only now");
            }
            Body::Verdict(v) => {
                let labels = [v.station.as_str(), v.monitor.as_str()];
                let code = match v.verdict {
                    Verdict::InControl => 0,
                    Verdict::Warning => 1,
                    Verdict::Drift => 2,
                    Verdict::NoData => 3,
                };
                m.condition_verdict.with_label_values(&labels).set(code);
                if v.verdict == Verdict::Drift && v.rule == Rule::Master {
                    tracing::warn!(station = %v.station, master = %v.monitor, item = ?v.item, "a master is overdue or was judged wrongly");
                }
                if v.verdict == Verdict::Drift && v.rule == Rule::Ewma {
                    m.condition_drifts.with_label_values(&labels).inc();
                    tracing::warn!(station = %v.station, monitor = %v.monitor, "drift");
                }
            }
            Body::Gap(_) | Body::Epoch(_) | Body::Plant(_) | Body::Orders(_) | Body::Audit(_) => {}
        }
    }
}
