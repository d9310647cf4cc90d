mod formats;

use super::open::CACHE_BYTES;
use super::*;
use crate::genealogy::builders::*;
use crate::model::{
    Alias, At, Body, Code, ItemKey, Origin, Record, SiteId, Text, TraceEvent, Utc, What,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

impl Store {
    /// What a damaged log can do: one item goes by the events of another.
    pub(crate) fn mix_up(&self, item: &ItemKey, other: &ItemKey) {
        let db = self.db.as_ref().unwrap();
        for pair in db.scan_prefix(key::item(other)) {
            let (key, steps) = pair.unwrap();
            let key = key::in_shelf(key::item(item), key::shelf_of(&key).unwrap());
            db.insert(key, steps).unwrap();
        }
    }
}

fn origin(incarnation: u32) -> Origin {
    Origin { site: SiteId::parse("plant").unwrap(), incarnation }
}

fn options(dir: &Path) -> StoreOptions {
    StoreOptions {
        dir: dir.to_owned(),
        origin: origin(1),
        durable: Position(1 << 40),
        cache_bytes: CACHE_BYTES,
    }
}

fn open(dir: &Path) -> Opened {
    Store::open(&options(dir)).unwrap()
}

fn record(position: u64, event: TraceEvent) -> (Position, Record) {
    let at = At { wall: event.time.at, ..At::default() };
    (
        Position(position),
        Record { position: Position(position), at, body: Body::Trace(event), plant: None },
    )
}

/// A shift: lots are mounted, units arrive and are completed, every tenth is packed.
fn shift(count: u64) -> Vec<(Position, Record)> {
    (1..=count)
        .map(|n| {
            let time = i64::try_from(n).unwrap();
            let unit_of = |n: u64| unit(&format!("U{}", n / 2));
            let what = match n % 20 {
                0 => mount("F1", &lot(&format!("L{n}"))),
                10 => pack(&[&unit_of(n - 1), &unit_of(n - 3)], &container(&format!("C{n}"))),
                k if k % 2 == 0 => arrive(&unit_of(n)),
                _ => complete(&unit_of(n), vec![used("OP10", "F1", n - n % 20, &lot("L0"))]),
            };
            record(n, event(time, Some("OP10"), what))
        })
        .collect()
}

/// So many records that a shelf is full, these events first.
fn among_others(events: Vec<TraceEvent>) -> Vec<(Position, Record)> {
    let mut records = shift(key::SHELF);
    for (place, event) in records.iter_mut().zip(events) {
        *place = record(place.0.0, event);
    }
    records
}

fn contents(store: &Store) -> BTreeMap<Vec<u8>, Vec<u8>> {
    store
        .db
        .as_ref()
        .unwrap()
        .iter()
        .map(|kv| kv.unwrap())
        .map(|(k, v)| (k.to_vec(), v.to_vec()))
        .collect()
}

fn all(store: &Store, item: &ItemKey) -> Vec<u64> {
    let found = store.positions(item, Position(0)..=Position(u64::MAX)).unwrap();
    found.into_iter().map(|p| p.0).collect()
}

#[test]
fn what_was_applied_is_found_after_a_reopen() {
    let dir = tempfile::tempdir().unwrap();
    let records = shift(3000);
    open(dir.path()).store.apply(&records).unwrap();
    let Opened { store, applied, rebuilt } = open(dir.path());
    assert_eq!((applied, rebuilt), (Position(2047), None), "the shelves that are full");
    assert_eq!(store.record(Position(1234)).unwrap().as_ref(), Some(&records[1233].1));
    assert_eq!(store.record(Position(2048)).unwrap(), None);
    store.apply(&records).unwrap();
    assert_eq!(store.record(Position(2999)).unwrap().as_ref(), Some(&records[2998].1));
    assert_eq!(store.record(Position(0)).unwrap(), None);
    assert_eq!(store.record(Position(3001)).unwrap(), None);
    let some = store.records(Position(2997), Position(9999), 2).unwrap();
    assert_eq!(some, [records[2997].1.clone(), records[2998].1.clone()]);
    assert_eq!(all(&store, &unit("U513")), [1026, 1027, 1030]);
    let within = store.positions(&unit("U513"), Position(1027)..=Position(1029)).unwrap();
    assert_eq!(within, [Position(1027)], "across a shelf");
    assert_eq!(all(&store, &lot("L0")), [] as [u64; 0], "used only");
    assert_eq!(all(&store, &unit("nobody")), [] as [u64; 0]);
}

#[test]
fn applying_again_gives_the_same_keys_and_values() {
    let dir = tempfile::tempdir().unwrap();
    let records = shift(2500);
    let store = open(dir.path()).store;
    store.apply(&records).unwrap();
    store.apply(&records).unwrap();
    let before = contents(&store);
    drop(store);
    fs::remove_file(dir.path().join("applied")).unwrap();
    let Opened { store, applied, rebuilt } = open(dir.path());
    assert_eq!((applied, rebuilt), (Position(0), None), "without a mark nothing counts as synced");
    for part in records.chunks(97) {
        store.apply(part).unwrap();
    }
    assert_eq!(contents(&store), before);
}

#[test]
fn a_record_that_is_missing_before_another_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let records = shift(9);
    store.apply(&records[..4]).unwrap();
    let refused = store.apply(&records[5..]).unwrap_err();
    assert!(matches!(refused, StoreError::Hole { applied: Position(4), found: Position(6) }));
    store.apply(&records).unwrap();
    assert_eq!(store.applied(), Position(9));
}

#[test]
fn long_bodies_and_events_of_many_items_are_kept_in_small_batches() {
    let dir = tempfile::tempdir().unwrap();
    let units: Vec<ItemKey> = (0..9000).map(|n| unit(&format!("{n:0>40}"))).collect();
    let whole = pack(&units.iter().collect::<Vec<_>>(), &container("C"));
    let mut records = shift(1024);
    records[0] = record(1, event(1, None, whole));
    records[1] = record(2, event(2, None, correct(1)));
    let store = open(dir.path()).store;
    store.apply(&records).unwrap();
    assert!(crate::model::wire::encode(&records[0].1).len() > 4 * block::PART_BYTES);
    assert!(store.db.as_ref().unwrap().get(key::bodies(0, 4)).unwrap().is_some());
    assert_eq!(store.record(Position(127)).unwrap().as_ref(), Some(&records[126].1));
    assert_eq!(store.record(Position(1)).unwrap().as_ref(), Some(&records[0].1));
    assert!(store.holds(&records[0].1).unwrap());
    assert!(!store.holds(&record(1, event(1, None, correct(0))).1).unwrap());
    for item in [&units[0], &units[8999], &container("C")] {
        assert_eq!(all(&store, item), [1, 2], "its correction is a step of {item} too");
    }
    assert!(contents(&store).values().all(|value| value.len() < 100_000));
}

#[test]
fn a_code_leads_to_every_item_that_has_it_and_to_the_aliases_with_their_times() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let kind = Text::parse("carrier").unwrap();
    let alias = Alias { kind: kind.clone(), code: Code::parse("7").unwrap() };
    let identify =
        |item: &ItemKey| What::Identify { item: item.clone(), alias: alias.clone(), real: None };
    let events = [
        event(5, None, arrive(&unit("7"))),
        event(6, None, mount("F", &lot("7"))),
        event(8, None, identify(&unit("8"))),
        event(-7, None, identify(&unit("77"))),
    ];
    let records = among_others(events.to_vec());
    store.apply(&records[..events.len()]).unwrap();
    let wanted = |item, alias| CodeHit { alias, item };
    let wanted = [
        wanted(unit("7"), None),
        wanted(lot("7"), None),
        wanted(unit("77"), Some((kind.clone(), Utc(-7), Position(4)))),
        wanted(unit("8"), Some((kind, Utc(8), Position(3)))),
    ];
    assert_eq!(store.codes(&Code::parse("7").unwrap()).unwrap(), wanted);
    store.apply(&records).unwrap();
    assert_eq!(store.codes(&Code::parse("7").unwrap()).unwrap(), wanted, "from sled the same");
    assert_eq!(store.codes(&Code::parse("770").unwrap()).unwrap(), []);
}

#[test]
fn a_store_that_another_has_open_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let refused = Store::open(&options(dir.path())).unwrap_err();
    assert!(matches!(refused, StoreError::Io(_)), "{refused}");
    first.store.apply(&shift(3)).unwrap();
    assert_eq!(first.store.record(Position(3)).unwrap(), Some(shift(3).remove(2).1));
}

/// The files of sled's snapshots in a store that was opened with something in it.
fn snapshots(dir: &Path) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(dir.join("sled")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|p| p.file_name().unwrap().to_str().unwrap().starts_with("snap.")).collect()
}

fn filled(dir: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    open(dir).store.apply(&shift(5000)).unwrap();
    contents(&open(dir).store)
}

#[test]
fn a_torn_new_snapshot_does_not_keep_the_store_from_opening() {
    let dir = tempfile::tempdir().unwrap();
    let before = filled(dir.path());
    let torn = dir.path().join("sled/snap.FFFFFFFFFFFFFFFF.generating");
    fs::write(&torn, b"torn").unwrap();
    let Opened { store, applied, rebuilt } = open(dir.path());
    assert_eq!((applied, rebuilt), (Position(4095), None));
    assert!(contents(&store) == before && !torn.exists());
}

#[test]
fn a_truncated_snapshot_costs_a_scan_and_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let before = filled(dir.path());
    let found = snapshots(dir.path());
    assert!(!found.is_empty());
    for path in &found {
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(9).unwrap();
    }
    let Opened { store, applied, rebuilt } = open(dir.path());
    assert_eq!((applied, rebuilt), (Position(0), None), "all is here, and is brought again");
    assert!(contents(&store) == before);
}

#[test]
fn after_a_scan_everything_is_brought_again_and_what_was_missing_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let before = filled(dir.path());
    let store = open(dir.path()).store;
    let lost = before.keys().filter(|key| !key.starts_with(b"m")).step_by(7);
    lost.for_each(|key| drop(store.db.as_ref().unwrap().remove(key).unwrap()));
    drop(store);
    for path in &snapshots(dir.path()) {
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(9).unwrap();
    }
    let Opened { store, applied, rebuilt } = open(dir.path());
    assert_eq!((applied, rebuilt), (Position(0), None));
    store.apply(&shift(5000)).unwrap();
    assert_eq!(store.records(Position(0), Position(5000), 9999).unwrap().len(), 5000);
    let healthy = tempfile::tempdir().unwrap();
    filled(healthy.path());
    let healthy = open(healthy.path()).store;
    healthy.apply(&shift(5000)).unwrap();
    for n in 0..=2500 {
        let item = unit(&format!("U{n}"));
        assert_eq!(all(&store, &item), all(&healthy, &item), "{item}");
    }
}

#[test]
fn a_code_that_leads_to_another_item_is_damage_and_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let code = Code::parse("7").unwrap();
    let alias = Alias { kind: Text::parse("carrier").unwrap(), code: code.clone() };
    let identify = What::Identify { item: unit("1"), alias, real: None };
    let events = [arrive(&unit("1")), arrive(&unit("2")), identify];
    let events = events.map(|what| event(1, None, what));
    store.apply(&among_others(events.to_vec())).unwrap();
    let key = key::alias(&code, &Text::parse("carrier").unwrap(), Utc(1), Position(3));
    assert_eq!(store.codes(&code).unwrap().len(), 1);
    for wrong in [b"u/site/2".as_slice(), b"u/site", &[0xFF]] {
        store.db.as_ref().unwrap().insert(&key, wrong).unwrap();
        assert!(matches!(store.codes(&code), Err(StoreError::Damaged(_))));
    }
    let key = key::in_shelf(key::item(&unit("1")), 0);
    let before = store.db.as_ref().unwrap().insert(&key, b"odd").unwrap().unwrap();
    assert!(matches!(
        store.positions(&unit("1"), Position(0)..=Position(9)),
        Err(StoreError::Damaged(_))
    ));
    store.db.as_ref().unwrap().insert(&key, before).unwrap();
    assert_eq!(all(&store, &unit("1")), [1, 3]);
    let odd = [b"c1\0\0?s\0".as_slice(), &[0; 8]].concat();
    store.db.as_ref().unwrap().insert(odd, b"").unwrap();
    assert!(matches!(store.codes(&Code::parse("1").unwrap()), Err(StoreError::Damaged(_))));
}

#[test]
fn a_store_of_another_form_another_ledger_or_ahead_of_its_own_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).store.apply(&shift(1100)).unwrap();
    let cause = |options: StoreOptions| {
        let Opened { store, applied, rebuilt } = Store::open(&options).unwrap();
        assert_eq!((applied, store.record(Position(1)).unwrap()), (Position(0), None));
        store.apply(&shift(1100)).unwrap();
        rebuilt.unwrap().cause
    };
    let ahead = StoreOptions { durable: Position(1000), ..options(dir.path()) };
    let (applied, durable) = (Position(1023), Position(1000));
    assert_eq!(cause(ahead), RebuildCause::Ahead { applied, durable });
    let other = StoreOptions { origin: origin(2), ..options(dir.path()) };
    assert_eq!(cause(other.clone()), RebuildCause::Origin { found: origin(1) });
    let store = Store::open(&other).unwrap().store;
    store.db.as_ref().unwrap().insert(key::META_SCHEMA, &7u64.to_be_bytes()).unwrap();
    drop(store);
    assert_eq!(cause(other.clone()), RebuildCause::Schema { found: 7, wanted: key::SCHEMA });
    assert_eq!(Store::open(&other).unwrap().rebuilt, None);
}

#[test]
fn an_index_that_came_back_empty_is_begun_anew_with_a_word() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let path = dir.path().join("sled/db");
    let bytes: Vec<u8> = fs::read(&path).unwrap().iter().map(|byte| byte ^ 0x5A).collect();
    fs::write(&path, bytes).unwrap();
    for path in snapshots(dir.path()) {
        fs::remove_file(path).unwrap();
    }
    let Opened { store, applied, rebuilt } = open(dir.path());
    assert_eq!(applied, Position(0));
    let cause = rebuilt.unwrap().cause;
    assert!(cause.to_string().contains("synced up to #4095"), "{cause}");
    store.apply(&shift(5000)).unwrap();
    assert_eq!(store.records(Position(0), Position(5000), 9999).unwrap().len(), 5000);
}

/// Flips bytes all over the log: whatever sled makes of it, it is told or answered right.
#[test]
fn a_damaged_log_is_begun_anew_or_told_by_whoever_reads_it() {
    let records = shift(5000);
    let (mut anew, mut scanned, mut told) = (0, 0, 0);
    for (from, to) in [(0, 50), (2, 9), (10, 80), (40, 41)] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path());
        let path = dir.path().join("sled/db");
        let mut bytes = fs::read(&path).unwrap();
        let written = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        let (from, to) = (written * from / 100, written * to / 100);
        bytes[from..to].iter_mut().for_each(|b| *b ^= 0x5A);
        fs::write(&path, bytes).unwrap();
        let Opened { store, applied, rebuilt } = open(dir.path());
        anew += u32::from(rebuilt.is_some());
        scanned += u32::from(rebuilt.is_none() && applied == Position(0));
        let found = store.records(Position(0), applied, usize::MAX);
        match found {
            Ok(found) => assert!(found.iter().eq(records.iter().map(|(_, r)| r).take(found.len()))),
            Err(StoreError::Damaged(_)) => told += 1,
            Err(other) => panic!("{other}"),
        }
        let why = RebuildCause::Damaged("test".to_owned());
        store.retire();
        let Opened { store: fresh, .. } = Store::anew(&options(dir.path()), why).unwrap();
        drop(store);
        fresh.apply(&records).unwrap();
        assert_eq!(fresh.records(Position(0), Position(5000), 9999).unwrap().len(), 5000);
        drop(fresh);
        assert_eq!(open(dir.path()).applied, Position(4095));
    }
    assert!(anew + scanned + told > 0, "none of the damage was seen");
}

#[test]
fn an_event_that_names_an_item_twice_is_one_step_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let twice = event(1, None, pack(&[&unit("A"), &unit("A")], &container("C")));
    let records = among_others(vec![twice]);
    store.apply(&records[..1]).unwrap();
    assert_eq!(all(&store, &unit("A")), [1]);
    store.apply(&records).unwrap();
    assert_eq!(all(&store, &unit("A")), [1], "from sled the same");
}

/// What the records themselves say.
fn steps_of(records: &[(Position, Record)], item: &ItemKey) -> Vec<u64> {
    let is_step = |record: &Record| matches!(&record.body, Body::Trace(event) if subjects(event).contains(&item));
    records.iter().filter(|(_, record)| is_step(record)).map(|(position, _)| position.0).collect()
}

/// What the records themselves say of a code.
fn hits_of(records: &[(Position, Record)], code: &Code) -> Vec<CodeHit> {
    let mut hits = BTreeSet::new();
    for (position, record) in records {
        let Body::Trace(event) = &record.body else { continue };
        let own = event.items().into_iter().filter(|item| item.code == *code);
        hits.extend(own.map(|item| CodeHit { alias: None, item: item.clone() }));
        if let What::Identify { item, alias, .. } = &event.what
            && alias.code == *code
        {
            let alias = Some((alias.kind.clone(), event.time.at, *position));
            hits.insert(CodeHit { alias, item: item.clone() });
        }
    }
    hits.into_iter().collect()
}

/// A shift in which units are put on carriers, some of which have the code of a unit.
fn shift_on_carriers(count: u64) -> Vec<(Position, Record)> {
    let mut records = shift(count);
    for (position, put) in records.iter_mut().skip(6).step_by(23) {
        let code = Code::parse(&format!("U{}", position.0 % 40)).unwrap();
        let alias = Alias { kind: Text::parse("carrier").unwrap(), code };
        let item = unit(&format!("U{}", position.0 / 2));
        let time = -i64::try_from(position.0 % 7).unwrap();
        *put = record(position.0, event(time, None, What::Identify { item, alias, real: None })).1;
    }
    records
}

/// How an index is left before it is asked again.
#[derive(Debug, Clone, Copy)]
enum Left {
    /// It stays open.
    Open,
    /// It is closed.
    Closed,
    /// It is closed, and what is in sled is known to be on stable storage only up to an earlier record.
    Unsure,
    /// Nothing is known to be.
    Unsaid,
}

/// Brought in pieces, asked between them, closed and opened, sure of less than it has: the answers are those of the
/// records that it says it has.
#[test]
fn what_stands_in_memory_and_what_stands_in_sled_answer_as_one() {
    let records = shift_on_carriers(2600);
    let left = prop::sample::select(vec![Left::Open, Left::Closed, Left::Unsure, Left::Unsaid]);
    proptest!(ProptestConfig::with_cases(16), |(
        pieces in proptest::collection::vec((1..900_usize, left), 4..8),
        units in proptest::collection::vec(0..1300_u64, 5),
    )| {
        let check = |store: &Store, here: &[(Position, Record)]| {
            prop_assert_eq!(store.applied().0, here.len() as u64);
            for item in units.iter().chain(&[7, 33]).map(|n| unit(&format!("U{n}"))) {
                prop_assert_eq!(all(store, &item), steps_of(here, &item));
                prop_assert_eq!(store.codes(&item.code).unwrap(), hits_of(here, &item.code));
            }
            let found = store.records(Position(0), Position(9999), 9999).unwrap();
            prop_assert!(found.iter().eq(here.iter().map(|(_, record)| record)));
            Ok(())
        };
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("applied");
        let mut store = open(dir.path()).store;
        let mut known = 0;
        for (count, left) in pieces {
            let filed = key::last_filed(Position(known as u64));
            let sure = match left {
                Left::Open => None,
                Left::Closed => Some(filed),
                Left::Unsure => Some(key::last_filed(Position(filed.0.saturating_sub(1)))),
                Left::Unsaid => Some(Position(0)),
            };
            if let Some(sure) = sure {
                drop(store);
                fs::write(&mark, format!("{}\n", sure.0)).unwrap();
                let opened = open(dir.path());
                prop_assert_eq!((opened.applied, &opened.rebuilt), (sure, &None));
                store = opened.store;
                check(&store, &records[..usize::try_from(sure.0).unwrap()])?;
            }
            known = records.len().min(known + count);
            store.apply(&records[..known]).unwrap();
            check(&store, &records[..known])?;
        }
    });
}

/// A reader that comes while a shelf goes from memory to sled finds its records in one of them.
#[test]
fn a_record_is_never_missing_while_its_shelf_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let records = shift(6 * key::SHELF);
    let store = open(dir.path()).store;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut asked = 0;
            while !done.load(Ordering::Acquire) {
                let last = store.applied();
                if last == Position(0) {
                    continue;
                }
                assert!(store.record(last).unwrap().is_some(), "{last}");
                let (_, record) = &records[usize::try_from(last.0).unwrap() - 1];
                let Body::Trace(event) = &record.body else { unreachable!() };
                let item = subjects(event)[0];
                assert!(all(&store, item).contains(&last.0), "{item} at {last}");
                assert_eq!(store.codes(&item.code).unwrap().len(), 1, "{item} at {last}");
                asked += 1;
            }
            asked
        });
        records.chunks(50).for_each(|some| store.apply(some).unwrap());
        done.store(true, Ordering::Release);
        assert!(reader.join().unwrap() > 100);
    });
}
