//! When drills are due, whatever the clock does, and what is shown of them.
use super::*;
use crate::model::{At, Code, Digest, ItemKey, Origin, Position, Scope, ScopeName, SiteId};
use crate::query::{Incomplete, MockAnswer, QueryOptions, Trace};
use proptest::prelude::*;
use std::path::Path;

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;

fn hourly(now: i64) -> Schedule {
    Schedule::new(Duration::from_hours(1), Utc(now))
}

fn wait(ns: i64) -> Look {
    Look::Wait(Duration::from_nanos(u64::try_from(ns).unwrap()))
}

proptest! {
    #[test]
    fn whoever_waits_as_long_as_told_has_each_multiple_once(
        every_s in 1_u64..40_000_000, begin in -4_000_000_000_i64..4_000_000_000, took_ms in 0_i64..900,
    ) {
        let every = Duration::from_secs(every_s);
        let mut now = Utc(begin * SECOND + 7);
        let mut schedule = Schedule::new(every, now);
        let mut dues = Vec::new();
        for _ in 0..8 {
            match schedule.look(now) {
                Look::Wait(wait) => {
                    prop_assert!(!wait.is_zero() && wait <= every);
                    now = now.plus(wait);
                }
                Look::Due(due) => {
                    prop_assert_eq!(due, now);
                    dues.push(due.0);
                    now = Utc(now.0 + took_ms * 1_000_000);
                    schedule.end(now);
                }
            }
        }
        let every_ns = i64::try_from(every.as_nanos()).unwrap();
        prop_assert_eq!(dues.len(), 4);
        prop_assert!(dues[0] > begin * SECOND && dues.iter().all(|due| due % every_ns == 0));
        prop_assert!(dues.windows(2).all(|two| two[1] - two[0] == every_ns));
    }

    #[test]
    fn whatever_the_clock_does_what_is_due_has_passed_and_nobody_waits_for_more_than_two_intervals(
        steps in proptest::collection::vec((-4 * HOUR..4 * HOUR, 0..3 * HOUR), 1..50),
    ) {
        let mut now = 400_000 * HOUR + 5;
        let mut schedule = hourly(now);
        let (mut last, mut dealt) = (None, now);
        for (step, took) in steps {
            now += step;
            match schedule.look(Utc(now)) {
                Look::Due(due) => {
                    prop_assert!(due.0 <= now && now < due.0 + HOUR && due.0 % HOUR == 0);
                    prop_assert!(last != Some(due), "twice in succession");
                    now += took;
                    schedule.end(Utc(now));
                    (last, dealt) = (Some(due), now - now.rem_euclid(HOUR));
                }
                Look::Wait(wait) => {
                    prop_assert!(!wait.is_zero() && wait <= Duration::from_hours(2));
                    // Set back so far, it begins anew.
                    last = last.filter(|_| now >= dealt - HOUR);
                }
            }
        }
    }
}

#[test]
fn what_was_due_before_the_start_is_not_made_up_for() {
    let mut schedule = hourly(10 * HOUR + 1);
    assert_eq!(schedule.look(Utc(10 * HOUR + 1)), wait(HOUR - 1));
    // Whoever ends before, and starts anew, waits for the same one.
    assert_eq!(hourly(11 * HOUR - 1).look(Utc(11 * HOUR - 1)), wait(1));
    assert_eq!(schedule.look(Utc(11 * HOUR)), Look::Due(Utc(11 * HOUR)));
    assert_eq!(hourly(11 * HOUR).look(Utc(11 * HOUR)), wait(HOUR));
}

#[test]
fn what_became_due_during_a_drill_is_left_out() {
    let mut schedule = hourly(10 * HOUR);
    assert_eq!(schedule.look(Utc(11 * HOUR)), Look::Due(Utc(11 * HOUR)));
    schedule.end(Utc(13 * HOUR + 5));
    assert_eq!(schedule.look(Utc(13 * HOUR + 5)), wait(HOUR - 5));
}

#[test]
fn after_a_clock_was_put_forward_only_the_latest_is_due() {
    let mut schedule = hourly(10 * HOUR);
    assert_eq!(schedule.look(Utc(20 * HOUR + 5)), Look::Due(Utc(20 * HOUR)));
    assert_eq!(schedule.look(Utc(20 * HOUR + 5)), wait(HOUR - 5));
}

#[test]
fn a_clock_that_is_set_back_a_little_repeats_no_drill_and_one_set_back_far_begins_anew() {
    let mut schedule = hourly(10 * HOUR);
    assert_eq!(schedule.look(Utc(11 * HOUR)), Look::Due(Utc(11 * HOUR)));
    assert_eq!(schedule.look(Utc(11 * HOUR - 2 * SECOND)), wait(HOUR + 2 * SECOND));
    assert_eq!(schedule.look(Utc(11 * HOUR + 1)), wait(HOUR - 1));
    assert_eq!(schedule.look(Utc(5 * HOUR + 1)), wait(HOUR - 1));
    assert_eq!(schedule.look(Utc(6 * HOUR)), Look::Due(Utc(6 * HOUR)));
}

fn reporter() -> Reporter {
    Reporter { metrics: Arc::new(Metrics::new()), bare: BTreeSet::new() }
}

/// What is shown of drills and coverage, without the names' common begin.
fn shown(reporter: &Reporter) -> Vec<String> {
    let text = reporter.metrics.text();
    let lines = text.lines().filter_map(|line| line.strip_prefix("pedigree_"));
    let of = |line: &&str| line.starts_with("recall_") || line.starts_with("traceability_");
    lines.filter(of).map(str::to_owned).collect()
}

fn asked(recalls: Vec<(Direction, Result<Answer<MockRecall>, Undrilled>)>) -> Asked {
    Asked { seed: 17, recalls, coverage: None }
}

fn recall(accounted: Option<f64>, completeness: Completeness) -> Answer<MockRecall> {
    let supplier = Scope::Supplier(ScopeName::parse("ACME").unwrap());
    let item = ItemKey::lot(supplier, Code::parse("0001").unwrap());
    let trace = Trace {
        root: item.clone(),
        direction: Direction::Forward,
        nodes: Vec::new(),
        links: Vec::new(),
        cut_at_depth: false,
    };
    let body = MockRecall {
        seed: Some(17),
        seconds: 0.25,
        hash: Digest([7; 32]),
        accounted,
        ..MockRecall::about(item, MockAnswer::Trace(trace))
    };
    Answer { position: Position(42), completeness, body }
}

#[test]
fn the_metrics_are_those_of_the_last_drill_and_there_are_none_before_the_first() {
    let mut reporter = reporter();
    let at = Utc(1_700_000_000 * SECOND);
    reporter.report(&asked(vec![(Direction::Forward, Err(Undrilled::Nothing))]), at);
    assert_eq!(shown(&reporter), [""; 0], "nothing was drawn");
    let good = recall(Some(0.98), Completeness::Complete);
    reporter.report(&asked(vec![(Direction::Forward, Ok(good))]), at);
    let wanted = [
        "recall_accounted_ratio 0.98",
        "recall_complete{direction=\"forward\"} 1",
        "recall_last_timestamp_seconds{direction=\"forward\"} 1700000000",
        "recall_seconds{direction=\"forward\"} 0.25",
    ];
    assert_eq!(shown(&reporter), wanted);
    // What nobody counted has no share, and that of another lot does not stand for it.
    let lag = Completeness::Incomplete(vec![Incomplete::Lag { durable: Position(43) }]);
    let later = at.plus(Duration::from_mins(1));
    reporter.report(&asked(vec![(Direction::Forward, Ok(recall(None, lag)))]), later);
    let wanted = [
        "recall_complete{direction=\"forward\"} 0",
        "recall_last_timestamp_seconds{direction=\"forward\"} 1700000060",
        "recall_seconds{direction=\"forward\"} 0.25",
    ];
    assert_eq!(shown(&reporter), wanted);
    // What was there stays, with its time, when there is nothing to draw any more.
    reporter.report(&asked(vec![(Direction::Forward, Err(Undrilled::Nothing))]), later);
    assert_eq!(shown(&reporter), wanted);
}

#[test]
fn what_reaches_too_far_is_told_each_time() {
    let mut reporter = reporter();
    for (why, once) in [(Undrilled::TooLarge(LINKS_MAX), 0), (Undrilled::Nothing, 1)] {
        reporter.report(&asked(vec![(Direction::Backward, Err(why))]), Utc(0));
        assert_eq!(reporter.bare.len(), once);
    }
    assert_eq!(shown(&reporter), [""; 0]);
}

#[test]
fn coverage_is_shown_as_long_as_anything_was_finished() {
    let mut reporter = reporter();
    let mut coverage = |share| {
        let interval = Interval { from: Utc(0), to: None };
        let (finished, covered, lacking, doubtful) = (4, 3, 1, 0);
        let body = Coverage {
            interval,
            finished,
            covered,
            lacking,
            doubtful,
            share,
            uncovered: Vec::new(),
        };
        let answer = Answer { position: Position(1), completeness: Completeness::Complete, body };
        reporter.report(&Asked { coverage: Some(answer), ..asked(Vec::new()) }, Utc(0));
        shown(&reporter)
    };
    assert_eq!(coverage(None), [""; 0]);
    assert_eq!(coverage(Some(0.75)), ["traceability_coverage_ratio 0.75"]);
    assert_eq!(coverage(None), [""; 0]);
}

#[test]
fn why_an_answer_is_not_complete_is_told_by_how_often_each_reason_is_there() {
    let ring = || Incomplete::Ring { items: Vec::new(), records: Vec::new() };
    let all = vec![ring(), ring(), Incomplete::Lag { durable: Position(1) }];
    assert_eq!(missing(&Completeness::Incomplete(all)).unwrap(), "lag 1, ring 2");
    assert_eq!(missing(&Completeness::Complete), None);
}

/// One that asks a read side of a ledger of so many records, of which it has none.
fn driller(dir: &Path, records: u64) -> Driller {
    let metrics = Arc::new(Metrics::new());
    let query = Query::new(QueryOptions {
        dir: dir.to_owned(),
        origin: Origin { site: SiteId::parse("plant-1").unwrap(), incarnation: 0 },
        durable: Position(records),
        ledger: None,
        cache_bytes: crate::store::CACHE_BYTES,
        now: Arc::new(At::default),
        metrics: Arc::clone(&metrics),
    });
    Driller {
        query,
        contacts: Arc::default(),
        reporter: Reporter { metrics, bare: BTreeSet::new() },
        now: Arc::new(At::default),
        stop: CancellationToken::new(),
    }
}

#[tokio::test]
async fn nothing_is_asked_while_memory_is_filled() {
    for (records, bare) in [(1, 0), (0, 2)] {
        let dir = tempfile::tempdir().unwrap();
        let mut driller = driller(dir.path(), records);
        driller.drill(Utc(0)).await;
        assert_eq!(driller.reporter.bare.len(), bare, "of {records} records");
        assert_eq!(shown(&driller.reporter), [""; 0]);
    }
}

#[tokio::test]
async fn a_schedule_ends_at_once_when_the_daemon_stops() {
    let dir = tempfile::tempdir().unwrap();
    let driller = driller(dir.path(), 0);
    driller.stop.cancel();
    driller.run(Duration::from_hours(24)).await;
}
