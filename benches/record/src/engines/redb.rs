//! redb, every commit synced.
use super::{CACHE_BYTES, Engine, Group};
use pedigree::model::Record;
use redb::{Database, Durability, TableDefinition};
use std::path::Path;

const EVENT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("event");
const POSTING: TableDefinition<'_, (&str, u64), ()> = TableDefinition::new("posting");
const CODE: TableDefinition<'_, (&str, &str), ()> = TableDefinition::new("code");

pub struct Redb(Database);

impl Redb {
    pub fn new(dir: &Path) -> Self {
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(dir.join("redb"));
        Self(database.expect("a database"))
    }
}

impl Engine for Redb {
    fn commit(&mut self, group: &Group, _records: Vec<Record>) {
        let mut transaction = self.0.begin_write().expect("a transaction");
        transaction.set_durability(Durability::Immediate).expect("nothing was written yet");
        {
            let mut event = transaction.open_table(EVENT).expect("a table");
            let mut posting = transaction.open_table(POSTING).expect("a table");
            let mut code = transaction.open_table(CODE).expect("a table");
            for one in &group.events {
                event.insert(one.position, one.body.as_slice()).expect("an event");
                for item in &one.items {
                    posting.insert((item.as_str(), one.position), ()).expect("a posting");
                }
                for (of, item) in &one.codes {
                    code.insert((of.as_str(), item.as_str()), ()).expect("a code");
                }
            }
        }
        transaction.commit().expect("a commit");
    }
}
