//! fjall, every commit synced by `fdatasync`.
use super::{CACHE_BYTES, Engine, Group};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use pedigree::model::Record;
use std::path::Path;

pub struct Fjall {
    database: Database,
    event: Keyspace,
    posting: Keyspace,
    code: Keyspace,
}

impl Fjall {
    pub fn new(dir: &Path) -> Self {
        let database = Database::builder(dir.join("fjall")).cache_size(CACHE_BYTES as u64).open();
        let database = database.expect("a database");
        let keyspace =
            |name| database.keyspace(name, KeyspaceCreateOptions::default).expect("a keyspace");
        let (event, posting, code) = (keyspace("event"), keyspace("posting"), keyspace("code"));
        Self { database, event, posting, code }
    }
}

impl Engine for Fjall {
    fn commit(&mut self, group: &Group, _records: Vec<Record>) {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for one in &group.events {
            let position = one.position.to_be_bytes();
            batch.insert(&self.event, position, one.body.as_slice());
            for item in &one.items {
                let key = [item.as_bytes(), &[0], &position].concat();
                batch.insert(&self.posting, key, [0_u8; 0]);
            }
            for (of, item) in &one.codes {
                let key = [of.as_bytes(), &[0], item.as_bytes()].concat();
                batch.insert(&self.code, key, [0_u8; 0]);
            }
        }
        batch.commit().expect("a commit");
    }
}
