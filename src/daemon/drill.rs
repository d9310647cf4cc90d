//! Recalls as drills on a schedule, one after another and beside everything else. What each came to is a line in the log
//! and in the metrics; nothing of it is recorded.
use super::Common;
use crate::model::{Interval, Text, Utc};
use crate::query::{
    Answer, Completeness, Coverage, Direction, MockOf, MockRecall, Query, Undrilled, Unfrozen,
    seed_at,
};
use crate::telemetry::{Metrics, Now, show};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Links that the answer of a drill goes over: it is asked beside the work.
const LINKS_MAX: usize = 20_000;
/// How often the clock is looked at: it may be set while a drill is waited for.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Asks drills every so often until the daemon stops.
pub(super) fn start(
    common: &Common,
    query: Query,
    contacts: BTreeMap<Text, Text>,
    every: Duration,
) {
    let (now, metrics) = (Arc::clone(&common.now), Arc::clone(&common.metrics));
    let driller = Driller {
        query,
        contacts: Arc::new(contacts),
        reporter: Reporter { metrics, bare: BTreeSet::new() },
        now,
        stop: common.tasks.stop(),
    };
    common.tasks.spawn("drill", driller.run(every));
}

/// When drills are due: at the multiples of an interval since 1970, whenever the daemon was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Schedule {
    /// In nanoseconds.
    every: i64,
    /// The multiple that was dealt with last.
    last: i64,
}

/// What a schedule says at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// One is due, and since when.
    Due(Utc),
    /// None before so long a time.
    Wait(Duration),
}

impl Schedule {
    /// From a time on. What became due before it is not made up for.
    fn new(every: Duration, now: Utc) -> Self {
        let every = i64::try_from(every.as_nanos()).unwrap_or(i64::MAX).max(1);
        let schedule = Self { every, last: 0 };
        Self { last: schedule.passed(now), ..schedule }
    }

    /// The last multiple that is not after a time.
    fn passed(self, now: Utc) -> i64 {
        now.0.saturating_sub(now.0.rem_euclid(self.every))
    }

    /// Of all that became due since the last one, only the latest is.
    fn look(&mut self, now: Utc) -> Look {
        let passed = self.passed(now);
        if passed > self.last {
            self.last = passed;
            return Look::Due(Utc(passed));
        }
        // A clock that was set back by more than an interval begins anew; by less, what was dealt with is not again.
        if passed < self.last.saturating_sub(self.every) {
            self.last = passed;
        }
        Look::Wait(Utc(self.last.saturating_add(self.every)).since(now))
    }

    /// One has ended: what became due meanwhile is left out.
    fn end(&mut self, now: Utc) {
        self.last = self.last.max(self.passed(now));
    }
}

struct Driller {
    query: Query,
    contacts: Arc<BTreeMap<Text, Text>>,
    reporter: Reporter,
    now: Now,
    stop: CancellationToken,
}

impl Driller {
    async fn run(mut self, every: Duration) {
        let (stop, now) = (self.stop.clone(), Arc::clone(&self.now));
        let mut schedule = Schedule::new(every, now().wall);
        loop {
            match schedule.look(now().wall) {
                Look::Due(due) => {
                    // Whoever is asking then leaves off by itself.
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = self.drill(due) => schedule.end(now().wall),
                    }
                }
                Look::Wait(wait) => {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(wait.min(LOOK_EVERY)) => {}
                    }
                }
            }
        }
    }

    /// Asks on a thread that may block, and says what it came to.
    async fn drill(&mut self, due: Utc) {
        if let Some(last) = self.query.filling() {
            return tracing::info!(
                seed = seed_at(due),
                "no drill of a recall: since the start not all records up to {last} were read; it is left to the next"
            );
        }
        let (query, contacts, stop) =
            (self.query.clone(), Arc::clone(&self.contacts), self.stop.clone());
        let ask = move || ask(&query, due, &contacts, || stop.is_cancelled());
        match tokio::task::spawn_blocking(ask).await {
            Ok(asked) => self.reporter.report(&asked, (self.now)().wall),
            // A drill is never worth the capture.
            Err(why) => tracing::error!(%why, "a drill of a recall failed by an error of ours"),
        }
    }
}

/// What came of the drills of one time.
struct Asked {
    seed: u64,
    recalls: Vec<(Direction, Result<Answer<MockRecall>, Undrilled>)>,
    /// None if it was stopped.
    coverage: Option<Answer<Coverage>>,
}

/// A lot and a finished item that the time draws, and how much of what was finished before it is covered.
fn ask(
    query: &Query,
    due: Utc,
    contacts: &BTreeMap<Text, Text>,
    stopped: impl Fn() -> bool,
) -> Asked {
    let seed = seed_at(due);
    let of = MockOf::Drawn(seed, Some(LINKS_MAX));
    let ways = [Direction::Forward, Direction::Backward].into_iter().take_while(|_| !stopped());
    let recalls = ways.map(|way| (way, query.drill(&of, way, contacts))).collect();
    let interval = Interval { from: due.minus(Coverage::SPAN), to: Some(due) };
    Asked { seed, recalls, coverage: query.coverage_unless(interval, stopped) }
}

/// Says what drills came to, in the log and in the metrics.
struct Reporter {
    metrics: Arc<Metrics>,
    /// Ways of which the log says already that nothing can be drawn, until something is.
    bare: BTreeSet<&'static str>,
}

impl Reporter {
    fn report(&mut self, asked: &Asked, now: Utc) {
        for (direction, recall) in &asked.recalls {
            let way = match direction {
                Direction::Forward => "forward",
                Direction::Backward => "backward",
            };
            match recall {
                Ok(answer) => {
                    self.bare.remove(way);
                    self.recall(way, answer, now);
                }
                Err(why @ Undrilled::Nothing) => {
                    if self.bare.insert(way) {
                        tracing::info!(direction = way, "no drill of a recall: {why}");
                    }
                }
                Err(why @ Undrilled::Unfrozen(Unfrozen::Lags(_))) => {
                    tracing::info!(
                        direction = way,
                        seed = asked.seed,
                        "no drill of a recall: {why}"
                    );
                }
                Err(
                    why @ (Undrilled::TooLarge(_)
                    | Undrilled::Unfrozen(Unfrozen::Unknown | Unfrozen::TooLong)),
                ) => {
                    tracing::warn!(
                        direction = way,
                        seed = asked.seed,
                        "no drill of a recall: {why}"
                    );
                }
            }
        }
        if let Some(coverage) = &asked.coverage {
            self.coverage(coverage);
        }
    }

    fn recall(&self, way: &'static str, answer: &Answer<MockRecall>, now: Utc) {
        let Answer { position, completeness, body: drill } = answer;
        let MockRecall { item, seed, seconds, hash, accounted, .. } = drill;
        let complete = completeness.is_complete();
        let missing = missing(completeness);
        tracing::info!(
            %item, direction = way, seed, %position, seconds, complete, missing, accounted, %hash, "drill of a recall"
        );
        let m = &self.metrics;
        m.recall_seconds.with_label_values(&[way]).set(*seconds);
        m.recall_complete.with_label_values(&[way]).set(i64::from(complete));
        m.recall_last.with_label_values(&[way]).set(now.0.div_euclid(1_000_000_000));
        if drill.direction == Direction::Forward {
            show(&m.recall_accounted, *accounted);
        }
    }

    fn coverage(&self, answer: &Answer<Coverage>) {
        let Answer { position, completeness, body } = answer;
        let Coverage { finished, covered, lacking, doubtful, share, .. } = body;
        let (complete, missing) = (completeness.is_complete(), missing(completeness));
        tracing::info!(
            %position, finished, covered, lacking, doubtful, complete, missing, "coverage of the seven days before"
        );
        show(&self.metrics.coverage, *share);
    }
}

/// How often an answer names which reason, `gap 3, one-of 1`; nothing if it is complete.
fn missing(completeness: &Completeness) -> Option<String> {
    let Completeness::Incomplete(all) = completeness else { return None };
    let mut often: BTreeMap<String, usize> = BTreeMap::new();
    for why in all {
        let told = serde_json::to_value(why).unwrap_or_default();
        let word = told.as_object().and_then(|told| told.keys().next());
        *often.entry(word.cloned().unwrap_or_default()).or_default() += 1;
    }
    let words: Vec<_> = often.iter().map(|(word, times)| format!("{word} {times}")).collect();
    Some(words.join(", "))
}

#[cfg(test)]
mod tests;
