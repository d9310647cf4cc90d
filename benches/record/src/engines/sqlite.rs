//! SQLite, write-ahead log, every commit synced.
use super::{CACHE_BYTES, Engine, Group};
use pedigree::model::Record;
use rusqlite::{Connection, params};
use std::path::Path;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE event (position INTEGER PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE posting (item TEXT, position INTEGER, PRIMARY KEY (item, position)) WITHOUT ROWID;
    CREATE TABLE code (code TEXT, item TEXT, PRIMARY KEY (code, item)) WITHOUT ROWID;
";

pub struct Sqlite(Connection);

impl Sqlite {
    pub fn new(dir: &Path) -> Self {
        let connection = Connection::open(dir.join("events.sqlite")).expect("a database");
        connection.execute_batch(SCHEMA).expect("a schema");
        let kib = format!("PRAGMA cache_size = -{}", CACHE_BYTES / 1_024);
        connection.execute_batch(&kib).expect("a cache");
        Self(connection)
    }
}

impl Engine for Sqlite {
    fn commit(&mut self, group: &Group, _records: Vec<Record>) {
        let transaction = self.0.transaction().expect("a transaction");
        {
            let prepared = |sql| transaction.prepare_cached(sql).expect("a statement");
            let mut event = prepared("INSERT INTO event VALUES (?, ?)");
            let mut posting = prepared("INSERT INTO posting VALUES (?, ?)");
            let mut code = prepared("INSERT OR IGNORE INTO code VALUES (?, ?)");
            for one in &group.events {
                let position = one.position.cast_signed();
                event.execute(params![position, one.body]).expect("an event");
                for item in &one.items {
                    posting.execute(params![item, position]).expect("a posting");
                }
                for (of, item) in &one.codes {
                    code.execute(params![of, item]).expect("a code");
                }
            }
        }
        transaction.commit().expect("a commit");
    }
}
