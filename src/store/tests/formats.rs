//! The form of the index. Nothing in it is evidence, so an index of another form is begun anew; but one that is
//! read has to say what it says in the form that it names.
//!
//! `tests/data/index-3` has the keys and values of an index of form 3. If its test fails, the form has changed:
//! `key::SCHEMA` goes up, and the new form gets a fixture of its own. `index-2` is the form before: it is not read
//! any more.
use super::*;
use crate::model::{Audit, PersonKey};

/// The events of a few items among other records, up to the end of a shelf.
fn little() -> Vec<(Position, Record)> {
    let alias = Alias { kind: Text::parse("carrier").unwrap(), code: Code::parse("7").unwrap() };
    let identify = What::Identify { item: unit("U1"), alias, real: None };
    let events = [
        mount("F1", &lot("L1")),
        arrive(&unit("U1")),
        complete(&unit("U1"), vec![used("OP10", "F1", 1, &lot("L1"))]),
        identify,
        arrive(&unit("U2")),
        pack(&[&unit("U1"), &unit("U2")], &container("C1")),
        correct(5),
    ];
    let mut events = events.into_iter().zip(1..).map(|(what, time)| TraceEvent {
        operator: Some(PersonKey::new([7; 32]).token("4711")),
        ..event(time, Some("OP10"), what)
    });
    let body = |n: u64| match events.next() {
        Some(event) => Body::Trace(event),
        None => Body::Audit(Audit {
            who: Text::parse("test").unwrap(),
            what: Text::parse(&format!("record {n}")).unwrap(),
        }),
    };
    let bodies = (1..key::SHELF).map(body);
    let record = |(n, body)| {
        let position = Position(n);
        (position, Record { position, at: At::default(), body, plant: None })
    };
    (1..).zip(bodies.collect::<Vec<_>>()).map(record).collect()
}

fn fixture(form: u64) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/index-{form}/keys"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// Keys and values, a pair a line.
fn kept(form: u64) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let text = fs::read_to_string(fixture(form)).unwrap();
    let pair = |line: &str| {
        let (key, value) = line.split_once(' ').unwrap();
        (bytes(key), bytes(value))
    };
    text.lines().map(pair).collect()
}

#[test]
fn an_index_of_form_3_is_written_today_as_it_was_written_then() {
    assert_eq!(key::SCHEMA, 3, "a new form has a fixture of its own");
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    store.apply(&little()).unwrap();
    let today = contents(&store);
    if std::env::var_os("MAKE_FIXTURES").is_some() && !fixture(3).exists() {
        fs::create_dir_all(fixture(3).parent().unwrap()).unwrap();
        let line = |(key, value): (&Vec<u8>, &Vec<u8>)| format!("{} {}\n", hex(key), hex(value));
        fs::write(fixture(3), today.iter().map(line).collect::<String>()).unwrap();
    }
    // Blocks are compressed, by another version of the library perhaps in another way.
    let plain = |all: BTreeMap<Vec<u8>, Vec<u8>>| -> BTreeMap<_, _> {
        let blank = |(key, value): (Vec<u8>, Vec<u8>)| {
            let value = if key.starts_with(b"e") { Vec::new() } else { value };
            (key, value)
        };
        all.into_iter().map(blank).collect()
    };
    let (today, then) = (plain(today), plain(kept(3)));
    assert!(today.keys().filter(|key| key.starts_with(b"e")).count() > 1);
    assert_eq!(today, then);
}

/// Puts a kept index where one is looked for.
fn lay(dir: &Path, form: u64) {
    let db = sled::Config::new().path(dir.join("sled")).open().unwrap();
    for (key, value) in kept(form) {
        db.insert(key, value).unwrap();
    }
    drop(db);
    fs::write(dir.join("applied"), "1023\n").unwrap();
}

#[test]
fn an_index_of_form_2_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    lay(dir.path(), 2);
    let Opened { store, applied, rebuilt } = open(dir.path());
    let cause = RebuildCause::Schema { found: 2, wanted: 3 };
    assert_eq!((applied, rebuilt.unwrap().cause), (Position(0), cause));
    store.apply(&little()).unwrap();
    assert_eq!(all(&store, &unit("U1")), [2, 3, 4, 6]);
}

#[test]
fn an_index_of_form_3_answers_today_as_it_did_then() {
    let dir = tempfile::tempdir().unwrap();
    lay(dir.path(), 3);
    let Opened { store, applied, rebuilt } = open(dir.path());
    assert_eq!((applied, rebuilt), (Position(1023), None));
    let records = store.records(Position(0), Position(u64::MAX), usize::MAX).unwrap();
    assert!(records.iter().eq(little().iter().map(|(_, record)| record)));
    assert_eq!(all(&store, &unit("U1")), [2, 3, 4, 6]);
    assert_eq!(all(&store, &unit("U2")), [5, 6, 7], "its correction too");
    assert_eq!(all(&store, &lot("L1")), [1]);
    assert_eq!(all(&store, &container("C1")), [6]);
    let carrier = store.codes(&Code::parse("7").unwrap()).unwrap();
    let kind = Text::parse("carrier").unwrap();
    let wanted = CodeHit { item: unit("U1"), alias: Some((kind, Utc(4), Position(4))) };
    assert_eq!(carrier, [wanted]);
    assert_eq!(store.codes(&Code::parse("U2").unwrap()).unwrap().len(), 1);
}

/// An older form, a newer one, and one that does not say: each is said, set aside as it was, and begun anew.
#[test]
fn an_index_of_another_form_is_named_set_aside_whole_and_begun_anew() {
    for (form, says) in [
        (Some(key::SCHEMA - 1), "it is of form 2, wanted 3"),
        (Some(key::SCHEMA + 1), "it is of form 4, wanted 3"),
        (None, "it is damaged: it does not say of what form it is"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).store;
        store.apply(&little()).unwrap();
        match form {
            Some(form) => drop(
                store.db.as_ref().unwrap().insert(key::META_SCHEMA, &form.to_be_bytes()).unwrap(),
            ),
            None => drop(store.db.as_ref().unwrap().remove(key::META_SCHEMA).unwrap()),
        }
        let before = contents(&store);
        drop(store);
        let Opened { store, applied, rebuilt } = open(dir.path());
        let Rebuilt { cause, aside } = rebuilt.unwrap();
        assert_eq!((applied, cause.to_string().as_str()), (Position(0), says));
        let old = sled::Config::new().path(&aside).open().unwrap();
        let old = old.iter().map(|pair| pair.unwrap()).map(|(k, v)| (k.to_vec(), v.to_vec()));
        assert!(old.collect::<BTreeMap<_, _>>() == before, "{says}: it is as it was");
        store.apply(&little()).unwrap();
        assert_eq!(all(&store, &unit("U1")), [2, 3, 4, 6], "{says}");
    }
}
