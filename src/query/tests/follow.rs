//! Following the ledger: starts, lags, damage, other ledgers.
use super::*;
use crate::genealogy::builders::*;
use proptest::prelude::*;
use proptest::sample::Index;
use std::fs;

fn shift(count: u64) -> Vec<Record> {
    traced(
        (1..=count)
            .map(|n| {
                let time = i64::try_from(n).unwrap();
                let made = unit(&format!("U{}", n / 3));
                let what = match n % 3 {
                    0 => arrive(&made),
                    1 => complete(&made, Vec::new()),
                    _ => pack(&[&made], &container(&format!("C{}", n / 30))),
                };
                event(time, Some("OP10"), what)
            })
            .collect(),
    )
}

fn ask(query: &Query, count: u64) -> Vec<Answer<ItemView>> {
    (0..count / 3).filter_map(|n| query.item(&unit(&format!("U{n}")))).collect()
}

fn rebuilds(metrics: &Metrics) -> u64 {
    metrics.store_rebuilds.with_label_values(&[] as &[&str]).get()
}

#[test]
fn after_a_start_the_same_records_give_the_same_answers_and_the_index_stays() {
    let dir = tempfile::tempdir().unwrap();
    let records = shift(400);
    let first = Query::new(options(dir.path()));
    feed(&first, &records);
    let answers = ask(&first, 400);
    assert!(answers.len() > 100 && answers.iter().all(|a| a.completeness.is_complete()));
    drop(first);
    let options = options(dir.path());
    let metrics = Arc::clone(&options.metrics);
    let again = Query::new(options);
    assert_eq!((*again.wanted().borrow(), again.position()), (Position(0), Position(0)));
    feed(&again, &records);
    assert_eq!(ask(&again, 400), answers);
    assert_eq!((rebuilds(&metrics), again.position()), (0, Position(400)));
}

/// An index takes time to open, or cannot be opened yet: whoever asks meanwhile is told that the answer lags.
#[test]
fn until_the_index_is_open_answers_say_that_they_lag() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    fs::remove_dir(dir.path()).unwrap();
    fs::write(dir.path(), "in its place").unwrap();
    let query = Query::new(QueryOptions { durable: Position(9), ..options });
    let records: Vec<_> = shift(9).into_iter().map(|r| (r.position, r)).collect();
    for _ in 0..2 {
        let interval = crate::model::Interval { from: Utc(0), to: None };
        let answer = query.yields(None, interval, Position(u64::MAX)).unwrap();
        let lag = vec![Incomplete::Lag { durable: Position(9) }];
        assert_eq!(answer.completeness, Completeness::Incomplete(lag));
        assert_eq!((query.position(), *query.wanted().borrow()), (Position(0), Position(0)));
        assert!(query.item(&unit("U2")).is_none() && query.events(Position(0), 9).is_empty());
        assert_eq!(query.resolve("U2", None).found, Resolved::Unknown);
        query.sync().unwrap();
        assert_eq!(query.filling(), Some(Position(9)));
        assert!(matches!(query.index(&records), Err(QueryError::Store(_))), "it cannot be opened");
    }
    // Memory does not wait for it.
    query.apply(&records).unwrap();
    assert_eq!((query.position(), *query.wanted().borrow()), (Position(9), Position(0)));
    assert_eq!((query.filling(), query.indexing()), (None, Some(Position(9))));
    let answer = query.item(&unit("U2")).unwrap();
    let lag = vec![Incomplete::Lag { durable: Position(9) }];
    assert_eq!((answer.body.steps, answer.completeness), (vec![], Completeness::Incomplete(lag)));
    assert_eq!(
        query.resolve("U2", None).found,
        Resolved::Unknown,
        "what a code is only the index knows"
    );
    fs::remove_file(dir.path()).unwrap();
    query.index(&records).unwrap();
    assert_eq!((*query.wanted().borrow(), query.indexing()), (Position(9), None));
    assert!(query.item(&unit("U2")).unwrap().completeness.is_complete());
    assert_eq!(query.events(Position(0), 99).len(), 9);
}

#[test]
fn an_answer_from_before_the_last_durable_record_says_so() {
    let (query, _dir) = query(&shift(9));
    query.set_durable(Position(11));
    let answer = query.item(&unit("U2")).unwrap();
    let lag = vec![Incomplete::Lag { durable: Position(11) }];
    assert_eq!(
        (answer.position, answer.completeness),
        (Position(9), Completeness::Incomplete(lag))
    );
    query.set_durable(Position(9));
    assert!(query.item(&unit("U2")).unwrap().completeness.is_complete());
}

/// On a running line records come in while an answer is made: what came after the question is none of its business.
#[test]
fn an_answer_lags_behind_nothing_that_came_after_the_question() {
    let records = shift(14);
    let dir = tempfile::tempdir().unwrap();
    let query = Query::new(QueryOptions { durable: Position(9), ..options(dir.path()) });
    feed(&query, &records[..9]);
    query.set_durable(Position(11));
    let bring = |to: usize| {
        let batch: Vec<_> = records[..to].iter().map(|r| (r.position, r.clone())).collect();
        query.apply(&batch).unwrap();
    };
    let item = unit("U2");
    let answer = std::thread::scope(|scope| {
        let asking = scope.spawn(|| query.item(&item).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(100));
        query.set_durable(Position(14));
        bring(11);
        asking.join().unwrap()
    });
    assert_eq!((answer.position, answer.completeness), (Position(11), Completeness::Complete));
    // A question about earlier records waits for nothing.
    assert!(query.item_as_of(&unit("U2"), Position(9)).unwrap().completeness.is_complete());
    bring(14);
    assert!(query.item(&unit("U2")).unwrap().completeness.is_complete());
}

/// The stream tells of events as soon as they are known: what made them is in the ledger, whatever the index has.
#[test]
fn an_event_names_its_plant_although_the_index_is_not_open() {
    let dir = tempfile::tempdir().unwrap();
    let mut records = shift(3);
    let hash = crate::model::Digest([7; 32]);
    let loaded = crate::model::PlantLoaded {
        hash,
        files: Vec::new(),
        stations: Vec::new(),
        monitors: Vec::new(),
        measured: Vec::new(),
        context: Vec::new(),
        counted: Vec::new(),
        latched: Vec::new(),
        schedules: Vec::new(),
    };
    records[0].body = Body::Plant(loaded);
    records[1].plant = Some(Position(1));
    let query = Query::new(options(dir.path()));
    let batch: Vec<_> = records.iter().map(|r| (r.position, r.clone())).collect();
    query.apply(&batch).unwrap();
    assert!(!query.has_index());
    assert_eq!(query.event(&records[1]).plant, Some(hash.to_string()));
    assert_eq!(query.event(&records[2]).plant, None);
}

/// Of Linux: a read of an empty pipe does not wait.
const O_NONBLOCK: i32 = 0o4000;

/// The disk refused something, and is slow to take anything: memory goes on, and so does whoever asks.
#[test]
fn nobody_waits_for_an_index_that_is_opened_again() {
    let records = shift(30);
    let (query, dir) = query(&records[..20]);
    let room = dir.path().join("room");
    assert!(std::process::Command::new("mkfifo").arg(&room).status().unwrap().success());
    let (opening, (done, told)) = (query.clone(), std::sync::mpsc::channel());
    std::thread::spawn(move || opening.inner.open_again(0));
    let within = std::time::Duration::from_secs(20);
    while query.has_index() {
        std::thread::yield_now();
    }
    let asking = query.clone();
    let batch: Vec<_> = records.iter().map(|r| (r.position, r.clone())).collect();
    std::thread::spawn(move || {
        asking.apply(&batch).unwrap();
        done.send(asking.item(&unit("U2")).unwrap().completeness).unwrap();
    });
    let lag = vec![Incomplete::Lag { durable: Position(30) }];
    assert_eq!(told.recv_timeout(within).unwrap(), Completeness::Incomplete(lag));
    assert_eq!(query.position(), Position(30));
    // The disk takes what it was given, and refuses the rest.
    let mut open = fs::File::options();
    let open = std::os::unix::fs::OpenOptionsExt::custom_flags(&mut open, O_NONBLOCK);
    let mut pipe = open.read(true).write(true).open(&room).unwrap();
    let mut taken = 0;
    let mut buffer = vec![0; 1 << 16];
    while !query.has_index() {
        taken += std::io::Read::read(&mut pipe, &mut buffer).unwrap_or(0);
    }
    assert!(taken > 0);
}

/// Damage was met: what was there is moved aside and deleted, and that may take long. It is held up here before that.
#[test]
fn questions_are_answered_from_memory_while_the_index_is_begun_anew() {
    let records = shift(30);
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let metrics = Arc::clone(&options.metrics);
    let query = Query::new(options);
    feed(&query, &records);
    let held_up = query.inner.telling.lock();
    let (beginning, opening) = (query.clone(), query.clone());
    let beginning = std::thread::spawn(move || {
        beginning.inner.begin_anew(0, crate::store::RebuildCause::Damaged("a page".to_owned()));
    });
    while query.has_index() {
        assert_eq!(
            rebuilds(&metrics),
            0,
            "the index was out of nobody's way while it was begun anew"
        );
        std::thread::yield_now();
    }
    // Whoever met the same damage, and whoever would open the index, does not get in between.
    query.inner.begin_anew(0, crate::store::RebuildCause::Damaged("a page".to_owned()));
    query.inner.open_again(0);
    let opening = std::thread::spawn(move || opening.index(&[]).unwrap());
    let answer = query.item(&unit("U2")).unwrap();
    assert_eq!((answer.position, rebuilds(&metrics)), (Position(30), 0));
    assert!(!answer.completeness.is_complete() && !query.has_index());
    drop(held_up);
    beginning.join().unwrap();
    opening.join().unwrap();
    assert_eq!((query.has_index(), *query.wanted().borrow()), (true, Position(0)));
    feed(&query, &records);
    assert!(query.item(&unit("U2")).unwrap().completeness.is_complete());
    assert_eq!((rebuilds(&metrics), query.events(Position(0), 99).len()), (1, 30));
}

/// It is of another ledger, and the disk does not let it be begun anew: it must not be taken for this one later.
#[test]
fn an_index_of_another_ledger_that_cannot_be_begun_anew_takes_nothing() {
    let (theirs, dir) = query(&shift(2_000));
    theirs.sync().unwrap();
    drop(theirs);
    let mut ours = shift(2_100);
    ours.iter_mut().for_each(|record| record.at.wall = Utc(7));
    let batch: Vec<_> = ours.iter().map(|r| (r.position, r.clone())).collect();
    let query = Query::new(options(dir.path()));
    query.index(&[]).unwrap();
    // Nobody removes a folder as a file.
    fs::remove_file(dir.path().join("applied")).unwrap();
    fs::create_dir(dir.path().join("applied")).unwrap();
    for _ in 0..2 {
        query.index(&batch).unwrap();
        assert!(!query.has_index(), "nothing was added");
        assert!(query.events(Position(2_000), 99).is_empty());
    }
    fs::remove_dir(dir.path().join("applied")).unwrap();
    query.index(&batch).unwrap();
    query.index(&batch).unwrap();
    assert!(query.has_index());
}

#[test]
fn everybody_who_watches_sees_the_position_and_records_are_shown_after_any_of_them() {
    let records = shift(30);
    let (query, _dir) = query(&records[..20]);
    let watch = query.watch();
    assert_eq!(*watch.borrow(), Position(20));
    feed(&query, &records);
    assert!(watch.has_changed().unwrap() && *watch.borrow() == Position(30));
    let seen = query.events(Position(25), 3);
    let seen: Vec<_> = seen.iter().map(|view| (view.position.0, view.kind)).collect();
    assert_eq!(seen, [(26, "pack"), (27, "arrive"), (28, "complete")]);
    assert_eq!(query.events(Position(30), 3), []);
    let beyond = [(Position(32), records[29].clone())];
    let refused = query.apply(&beyond).unwrap_err();
    assert!(matches!(refused, QueryError::Hole { position: Position(30), .. }), "{refused}");
}

#[test]
fn an_index_of_another_history_of_the_same_ledger_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let first = Query::new(options(dir.path()));
    feed(&first, &shift(1023));
    drop(first);
    let mut records = shift(1023);
    records[1022].body = Body::Trace(event(1023, None, arrive(&unit("ANOTHER"))));
    let options = options(dir.path());
    let metrics = Arc::clone(&options.metrics);
    let query = Query::new(options);
    feed(&query, &records);
    assert_eq!(rebuilds(&metrics), 1);
    assert_eq!(query.resolve("ANOTHER", None).found, Resolved::Item(unit("ANOTHER")));
    assert_eq!(query.events(Position(1022), 9)[0].items, [unit("ANOTHER")]);
    assert_eq!(query.item(&unit("U341")).map(|a| a.body.steps.len()), None);
}

#[test]
fn an_index_that_mixes_up_two_items_is_rebuilt_and_shows_neither_for_the_other() {
    let records = shift(1100);
    let (query, _dir) = query(&records);
    let answers = ask(&query, 1100);
    query.inner.with_store(|store| (store.unwrap().mix_up(&unit("U7"), &unit("U50")), None));
    let answer = query.item(&unit("U7")).unwrap();
    let lag = vec![Incomplete::Lag { durable: Position(1100) }];
    assert_eq!((answer.body.steps, answer.completeness), (vec![], Completeness::Incomplete(lag)));
    assert_eq!((rebuilds(&query.inner.metrics), *query.wanted().borrow()), (1, Position(0)));
    assert_eq!(query.position(), Position(1100), "memory goes on answering");
    feed(&query, &records);
    assert!(ask(&query, 1100) == answers);
}

/// What happens to the file of the log.
#[derive(Debug, Clone)]
struct Damage {
    flips: Vec<(Index, u8)>,
    zeros: Option<(Index, usize)>,
    cut: Option<Index>,
    snapshots: bool,
}

fn any_damage() -> impl Strategy<Value = Damage> {
    let flips = proptest::collection::vec((any::<Index>(), 0..8u8), 1..600);
    let zeros = proptest::option::of((any::<Index>(), 1..300_000_usize));
    let cut = proptest::option::weighted(0.2, any::<Index>());
    (flips, zeros, cut, any::<bool>()).prop_map(|(flips, zeros, cut, snapshots)| Damage {
        flips,
        zeros,
        cut,
        snapshots,
    })
}

impl Damage {
    fn strike(&self, dir: &Path) {
        let path = dir.join("sled/db");
        let mut bytes = fs::read(&path).unwrap();
        for (at, bit) in &self.flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Some((from, len)) = &self.zeros {
            let from = from.index(bytes.len());
            bytes.iter_mut().skip(from).take(*len).for_each(|byte| *byte = 0);
        }
        if let Some(len) = &self.cut {
            bytes.truncate(len.index(bytes.len()));
        }
        fs::write(&path, bytes).unwrap();
        for path in files(&dir.join("sled")) {
            let name = path.file_name().unwrap().to_str().unwrap();
            if self.snapshots && name.starts_with("snap.") {
                fs::remove_file(path).unwrap();
            }
        }
    }
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file()).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to.join("sled")).unwrap();
    for path in files(from).into_iter().chain(files(&from.join("sled"))) {
        fs::copy(&path, to.join(path.strip_prefix(from).unwrap())).unwrap();
    }
}

/// Whatever is broken: an answer is right, or says that it lags; and after the records have been
/// brought again all are right.
#[test]
fn a_damaged_index_is_rebuilt_and_answers_the_same() {
    let records = shift(2400);
    let base = tempfile::tempdir().unwrap();
    let pristine = Query::new(options(base.path()));
    feed(&pristine, &records);
    let answers = ask(&pristine, 2400);
    drop(pristine);
    let seen = std::cell::Cell::new(0);
    proptest!(ProptestConfig::with_cases(40), |(damage in any_damage())| {
        let dir = tempfile::tempdir().unwrap();
        copy(base.path(), dir.path());
        damage.strike(dir.path());
        let options = options(dir.path());
        let metrics = Arc::clone(&options.metrics);
        let query = Query::new(options);
        query.index(&[]).unwrap();
        // After a scan of a damaged log nothing counts as synced.
        let scanned = u64::from(!dir.path().join("applied").exists());
        feed(&query, &records);
        for (found, wanted) in ask(&query, 2400).iter().zip(&answers) {
            let lags = |why: &Incomplete| matches!(why, Incomplete::Lag { .. });
            match &found.completeness {
                Completeness::Complete => prop_assert_eq!(found, wanted),
                Completeness::Incomplete(why) => prop_assert!(why.iter().all(lags)),
            }
        }
        feed(&query, &records);
        prop_assert!(ask(&query, 2400) == answers);
        seen.set(seen.get() + scanned + rebuilds(&metrics));
    });
    assert!(seen.get() > 0, "none of the damage was seen");
}
