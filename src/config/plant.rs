//! Loading plant files. Pure: texts in, a checked plant or faults out.
use super::fault::{Fault, Faults, Place, Sink};
use super::lock;
use super::raw;
use super::resolve::{self, Locked, Read};
use super::schema::{self, Part};
use super::walk::Walk;
use crate::bench::Case;
use crate::model::plant::{Plant, PlantFile};
use crate::model::{Digest, SiteId, Text};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use toml::de::DeTable;

/// A plant that may be run, and what somebody should look at all the same.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The plant.
    pub plant: Arc<Plant>,
    /// The tests of all files, in their order.
    pub tests: Vec<Case>,
    /// What somebody should look at.
    pub warnings: Vec<Fault>,
}

/// Reads plant files, given as names and texts, into one plant.
///
/// # Errors
/// Everything that is wrong in any of them. A file that is not TOML does not hide the faults of the
/// others; what it seems to define counts as defined.
pub fn load(files: &[(String, String)], site: &SiteId) -> Result<Checked, Faults> {
    let mut sink = Sink::default();
    let schema = schema::plant();
    let (mut reads, mut locks) = (Vec::new(), Vec::new());
    for (name, text) in files {
        if name.ends_with(lock::ENDING) {
            let file = sink.source(name, text);
            locks.extend(lock::read(file, text, &mut sink).map(|lock| Locked { file, lock }));
        } else {
            reads.push(read(name, text, &schema, &mut sink));
        }
    }
    let parts = resolve::plant(&reads, &locks, &mut sink);
    let files = files.iter().map(|(name, text)| kept(name, text, &mut sink)).collect();
    let warnings = sink.finish()?;
    let (devices, tags, stations, catalog, tests) = parts;
    let files: Vec<PlantFile> = files;
    let hash = hash(&files);
    let plant = Plant { site: site.clone(), devices, tags, stations, catalog, files, hash };
    Ok(Checked { plant: Arc::new(plant), tests, warnings })
}

fn read(name: &str, text: &str, schema: &serde_json::Value, sink: &mut Sink) -> Read {
    let file = sink.source(name, text);
    let (mut tree, errors) = DeTable::parse_recoverable(text);
    let mut read = Read { file, raw: None, ..Read::default() };
    read.devices = keys_of(tree.get_ref(), "device");
    read.stations = keys_of(tree.get_ref(), "station");
    super::walk::syntax(file, text, &errors, sink);
    if !errors.is_empty() {
        return read;
    }
    let mut walk = Walk { file, sink, taken: BTreeSet::new() };
    walk.table(tree.get_mut(), &(0..0), Part::root(schema), "");
    read.taken = walk.taken;
    match raw::PlantFile::deserialize(toml::de::Deserializer::from(tree)) {
        Ok(raw) => read.raw = Some(raw),
        Err(error) => {
            let place = Place { file, span: error.span().unwrap_or_default() };
            sink.error(&place, error.message());
        }
    }
    read
}

fn keys_of(tree: &DeTable<'_>, table: &str) -> Vec<String> {
    let table = tree.get(table).and_then(|value| value.get_ref().as_table());
    table.into_iter().flat_map(|t| t.keys()).map(|key| key.get_ref().to_string()).collect()
}

fn kept(name: &str, text: &str, sink: &mut Sink) -> PlantFile {
    let short = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let parsed = Text::parse(short);
    if let Err(error) = &parsed {
        let file = sink.source(name, text);
        sink.error(
            &Place { file, span: 0..0 },
            format!("the name of the file is refused: {error}"),
        );
    }
    let name = parsed.or_else(|_| Text::parse("-")).expect("a dash is a text");
    PlantFile { name, text: text.to_owned() }
}

/// Lengths stand before names and texts, so that no two lists of files hash alike.
fn hash(files: &[PlantFile]) -> Digest {
    let mut hasher = Sha256::new();
    for file in files {
        for part in [file.name.as_str(), &file.text] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    Digest(hasher.finalize().into())
}
