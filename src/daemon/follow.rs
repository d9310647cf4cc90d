//! The follower: reads the ledger from its own position and feeds the read side, the live stream and
//! the counters. There is no other way in which records spread; what the index has not that memory has, `index`
//! brings it.
use super::remember::{Memories, due};
use crate::http::{Readiness, TapEvent};
use crate::ledger::{Cursor, Durable, LedgerError, Reader, State};
use crate::model::{Body, MaintenanceStep, Position, Record, Rule, Verdict};
use crate::query::{Query, QueryError};
use crate::telemetry::Metrics;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

/// Records that are applied at once: some store batches, so that the first answer is not kept waiting
/// by the last.
const CHUNK_LEN_MAX: usize = 512;
/// Pause after no records were taken.
pub(super) const RETRY: Duration = Duration::from_secs(1);
/// Records that the index may be behind before the daemon calls itself not ready.
const LAG_MAX: u64 = 10_000;

/// The next records of a cursor, as many as are applied at once.
pub(super) fn next(cursor: &mut Cursor) -> Result<Vec<(Position, Record)>, LedgerError> {
    let entries = cursor.by_ref().take(CHUNK_LEN_MAX);
    entries.map(|entry| entry.map(|entry| (entry.position, entry.record))).collect()
}

/// Does what may block elsewhere.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

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
    pub(super) memories: Arc<Mutex<Memories>>,
    /// The record at which an image of memory is due.
    pub(super) next_image: Position,
    pub(super) stop: CancellationToken,
}

impl Follower {
    /// Runs until the daemon stops, or the ledger cannot be read.
    pub(super) async fn run(mut self) {
        self.recall().await;
        let mut wanted = self.query.wanted();
        while !self.stop.is_cancelled() {
            let durable = self.durable.borrow_and_update().clone();
            let indexed = *wanted.borrow_and_update();
            let known = self.query.position();
            self.query.set_durable(durable.position);
            self.say_ready(&durable, known, indexed);
            self.keep(known).await;
            if known < durable.position {
                match self.catch_up(known).await {
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
            // Cancel-safe: all only wait.
            tokio::select! {
                changed = self.durable.changed() => if changed.is_err() { return },
                changed = wanted.changed() => if changed.is_err() { return },
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Begins with the newest good image of memory.
    async fn recall(&mut self) {
        let durable = self.durable.borrow().position;
        let memories = Arc::clone(&self.memories);
        let found = blocking(move || memories.lock().recall(durable)).await;
        self.next_image = due(found);
    }

    /// Keeps an image of memory if one is due. While memory is filled after a start there is none: it would cost
    /// more than what it saves.
    async fn keep(&mut self, known: Position) {
        if known < self.next_image || self.query.filling().is_some() {
            return;
        }
        self.next_image = due(known);
        let query = self.query.clone();
        let (position, body) = blocking(move || query.image()).await;
        let memories = Arc::clone(&self.memories);
        // Records are taken while it is written.
        tokio::task::spawn_blocking(move || memories.lock().keep((position, &body)));
    }

    /// Applies the next chunk on a thread that may block; `false` if memory takes none now.
    async fn catch_up(&mut self, known: Position) -> Result<bool, LedgerError> {
        let kept = self.cursor.take().filter(|cursor| cursor.position() == known);
        let mut cursor = kept.unwrap_or_else(|| self.reader.cursor(known));
        let query = self.query.clone();
        let work = move || {
            let records = next(&mut cursor)?;
            Ok::<_, LedgerError>((cursor, query.apply(&records), records))
        };
        let (cursor, taken, records) = blocking(work).await?;
        match taken {
            Ok(()) => {}
            // Whoever brings it the rest tries again.
            Err(QueryError::Store(why)) => {
                tracing::error!(%why, "the index takes no records; questions are answered from what it has");
            }
            Err(why @ (QueryError::Hole { .. } | QueryError::Ledger(_))) => {
                tracing::error!(%why, "the read side takes no records");
                return Ok(false);
            }
        }
        self.cursor = Some(cursor);
        for (_, record) in records.iter().filter(|(p, _)| *p > self.told) {
            self.count(record);
            if self.tap.receiver_count() > 0 {
                drop(self.tap.send(TapEvent::Event(self.query.event(record))));
            }
        }
        self.told = records.last().map_or(self.told, |(position, _)| self.told.max(*position));
        Ok(true)
    }

    fn say_ready(&self, durable: &Durable, known: Position, indexed: Position) {
        let behind = durable.position.0.saturating_sub(known.min(indexed).0);
        let readiness = Readiness {
            ledger: match &durable.state {
                State::Running => Ok(()),
                State::Failing { error, attempt } => {
                    Err(format!("records cannot be written (attempt {attempt}): {error}"))
                }
            },
            index: match self.query.filling() {
                Some(last) => Err(format!(
                    "since the start it has the records up to {known}, of those up to {last}"
                )),
                None if !self.query.has_index() => Err("it is not open".to_owned()),
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
                if self.query.told_alarm(record.position) {
                    let rule = serde_json::to_value(v.rule).unwrap_or_default();
                    let labels = [rule.as_str().unwrap_or_default(), v.station.as_str()];
                    m.alarm_activations.with_label_values(&labels).inc();
                }
                let labels = [v.station.as_str(), v.monitor.as_str()];
                // Another of its rules may still say worse.
                let verdict = self.query.verdict(&v.station, &v.monitor);
                m.condition_verdict.with_label_values(&labels).set(code(verdict));
                if v.verdict == Verdict::Drift && v.rule == Rule::Master {
                    tracing::warn!(station = %v.station, master = %v.monitor, item = ?v.item, "a master is overdue or was judged wrongly");
                }
                if v.verdict == Verdict::Drift && v.rule != Rule::Master && v.joins.is_none() {
                    m.condition_drifts.with_label_values(&labels).inc();
                    tracing::warn!(station = %v.station, monitor = %v.monitor, "drift");
                }
            }
            Body::Maintenance(said) if said.step == MaintenanceStep::Done => {
                for c in
                    self.query.conditions().iter().filter(|c| said.concerns(&c.station, &c.monitor))
                {
                    let labels = [c.station.as_str(), c.monitor.as_str()];
                    m.condition_verdict.with_label_values(&labels).set(code(c.verdict));
                }
            }
            Body::Gap(_)
            | Body::Epoch(_)
            | Body::Plant(_)
            | Body::Orders(_)
            | Body::Audit(_)
            | Body::Tombstone(_)
            | Body::Case(_)
            | Body::Maintenance(_)
            | Body::Alarm(_)
            | Body::Dropped => {}
        }
    }
}

/// A verdict as a metric says it.
fn code(verdict: Verdict) -> i64 {
    match verdict {
        Verdict::InControl => 0,
        Verdict::Warning => 1,
        Verdict::Drift => 2,
        Verdict::NoData => 3,
    }
}

#[cfg(test)]
mod tests;
