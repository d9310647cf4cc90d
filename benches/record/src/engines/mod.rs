//! Those that are compared: each takes the same groups of events and returns when they are durable, with all that
//! finding a record by its number, the records of an item and the items of a code needs.
mod fjall;
mod ledger;
mod limit;
mod redb;
mod sqlite;

pub use limit::{Limit, append};

use pedigree::model::{Body, Record, wire};
use pedigree::store::subjects;
use std::path::Path;

/// One event as the databases get it.
pub struct Event {
    pub position: u64,
    /// Its canonical bytes.
    pub body: Vec<u8>,
    /// The items whose own it is.
    pub items: Vec<String>,
    /// Code and item of all that it names.
    pub codes: Vec<(String, String)>,
}

/// What one commit is about.
pub struct Group {
    pub records: Vec<Record>,
    pub events: Vec<Event>,
}

impl Group {
    pub fn of(records: Vec<Record>) -> Self {
        let events = records.iter().map(event).collect();
        Self { records, events }
    }
}

fn event(record: &Record) -> Event {
    let (mut items, mut codes) = (Vec::new(), Vec::new());
    if let Body::Trace(event) = &record.body {
        items = subjects(event).iter().map(ToString::to_string).collect();
        items.sort_unstable();
        items.dedup();
        codes = event.items().iter().map(|i| (i.code.to_string(), i.to_string())).collect();
        codes.sort_unstable();
        codes.dedup();
    }
    Event { position: record.position.0, body: wire::encode(record), items, codes }
}

/// A store of events.
pub trait Engine {
    /// Returns when the whole group is on stable storage. The records are the group's own, to be kept.
    fn commit(&mut self, group: &Group, records: Vec<Record>);
}

/// The engines by their names.
pub const NAMES: [&str; 5] = ["limit", "ledger", "sqlite", "redb", "fjall"];

/// Begins one in a folder of its own.
pub fn begin(name: &str, dir: &Path) -> Box<dyn Engine> {
    std::fs::create_dir_all(dir).expect("a folder of our own");
    match name {
        "limit" => Box::new(Limit::new(dir)),
        "ledger" => Box::new(ledger::Ledger64::new(dir)),
        "sqlite" => Box::new(sqlite::Sqlite::new(dir)),
        "redb" => Box::new(redb::Redb::new(dir)),
        "fjall" => Box::new(fjall::Fjall::new(dir)),
        other => panic!("there is no engine `{other}`; there are {NAMES:?}"),
    }
}

/// What a page cache may take, as the event store of Pedigree has it.
const CACHE_BYTES: usize = 128 << 20;
