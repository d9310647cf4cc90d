//! Loading plant files. Pure: texts in, a checked plant or faults out.
use super::fault::{Fault, Faults, Place, Sink};
use super::lock;
use super::raw;
use super::resolve::{self, Locked, Read};
use super::schema::{self, Part};
use super::template::{self, Children};
use super::walk::Walk;
use crate::bench::Case;
use crate::field::modbus::plan::{Overload, overloads};
use crate::model::plant::{Plant, PlantFile};
use crate::model::{Digest, SiteId, Text};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
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

/// How seldom a false alarm may come by `one false alarm in 30d`, as a plant file says it.
pub fn false_alarm_interval(text: &str) -> Option<Duration> {
    resolve::false_alarm_interval(text)
}

/// Reads plant files, given as names and texts, into one plant.
///
/// # Errors
/// Everything that is wrong in any of them. A file that is not TOML does not hide the faults of the
/// others; what it seems to define counts as defined.
pub fn load(files: &[(String, String)], site: &SiteId) -> Result<Checked, Faults> {
    let mut sink = Sink::default();
    let schema = schema::plant();
    let sources = files.iter().map(|(name, text)| (sink.source(name, text), name, text));
    let sources: Vec<_> = sources.collect();
    let (locks, plants): (Vec<_>, Vec<_>) =
        sources.into_iter().partition(|(_, name, _)| name.ends_with(lock::ENDING));
    let locks: Vec<Locked> = locks
        .into_iter()
        .filter_map(|(file, _, text)| {
            Some(Locked { file, lock: lock::read(file, text, &mut sink)? })
        })
        .collect();
    let children = children(&locks);
    let reads: Vec<Read> = plants
        .into_iter()
        .map(|(file, _, text)| read(file, text, &schema, &children, &mut sink))
        .collect();
    let parts = resolve::plant(&reads, &locks, &mut sink);
    let files: Vec<PlantFile> =
        files.iter().map(|(name, text)| kept(name, text, &mut sink)).collect();
    // What is not whole is no plant.
    let made = (!sink.has_errors()).then(|| {
        let (devices, tags, stations, catalog, tests) = parts;
        let (devices, places): (Vec<_>, Vec<Place>) = devices.into_iter().unzip();
        let hash = hash(&files);
        let plant = Plant { site: site.clone(), devices, tags, stations, catalog, files, hash };
        let plant = Arc::new(plant);
        check_lines(&plant, &places, &mut sink);
        (plant, tests)
    });
    let warnings = sink.finish()?;
    let (plant, tests) = made.expect("what hinders the making is reported");
    Ok(Checked { plant, tests, warnings })
}

/// A serial line of which more is asked than it can carry is late with everything.
fn check_lines(plant: &Arc<Plant>, places: &[Place], sink: &mut Sink) {
    for Overload { devices, baud, load } in overloads(plant) {
        let place = devices.last().and_then(|last| places.get(last.get()));
        let Some(place) = place else { continue };
        let names: Vec<String> =
            devices.iter().map(|d| format!("`device.{}`", plant.device(*d).id)).collect();
        let message = format!("the line of {} cannot keep their periods", names.join(" and "));
        sink.error(place, message)
            .label(format!("what is asked takes {:.0} % of the time at {baud} baud", load * 100.0))
            .help("look at fewer words, or less often: `poll`, and deadlines, which say how often handshake words are looked at; `pedigree plan` shows all of it");
    }
}

/// The files with these tables alone, to load what does not depend on the others; a file that cannot be
/// read stays as it is.
pub fn only(files: &[(String, String)], tables: &[&str]) -> Vec<(String, String)> {
    let cut = |text: &String| {
        let mut tree: toml::Table = text.parse().ok()?;
        tree.retain(|key, _| tables.contains(&key));
        toml::to_string(&tree).ok()
    };
    let plants = files.iter().filter(|(name, _)| !name.ends_with(lock::ENDING));
    plants.map(|(name, text)| (name.clone(), cut(text).unwrap_or_else(|| text.clone()))).collect()
}

fn read(
    file: usize,
    text: &str,
    schema: &serde_json::Value,
    children: &Children,
    sink: &mut Sink,
) -> Read {
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
    template::write_out(file, tree.get_mut(), children, sink);
    match raw::PlantFile::deserialize(toml::de::Deserializer::from(tree)) {
        Ok(raw) => read.raw = Some(raw),
        Err(error) => {
            let place = Place { file, span: error.span().unwrap_or_default() };
            sink.error(&place, error.message());
        }
    }
    read
}

/// What the servers have below the nodes of `*`.
fn children(locks: &[Locked]) -> Children {
    let of = |locked: &Locked| {
        let device = (*locked.lock.device).clone();
        let children = locked.lock.children.iter();
        let named =
            children.map(|(parent, names)| ((device.clone(), (**parent).clone()), names.clone()));
        named.collect::<Vec<_>>()
    };
    locks.iter().flat_map(of).collect()
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
