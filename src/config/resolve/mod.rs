//! From what is written to what is meant: every name finds its device, station or word, every rule
//! of the language is checked, and what can be derived is derived.
//!
//! A part that is wrong is reported once and left out; whoever refers to it stays silent.

mod attribute;
mod carrier;
mod check;
mod condition;
mod data;
mod device;
mod group;
mod handshake;
mod item;
mod items;
mod label;
mod link;
mod maintenance;
mod master;
mod measured;
mod monitor;
mod mount;
mod phase;
mod pin;
mod product;
mod recipe;
mod register;
mod reply;
mod request;
mod result;
mod ring;
mod rules;
mod snapshot;
pub(super) mod span;
mod station;
mod tags;
mod test;
mod word;

use super::fault::{Fault, Place, Sink};
use super::raw;
use super::similar;
use super::spot::Spot;
use crate::bench::Case;
use crate::model::NameError;
use crate::model::plant::{Catalog, Device, DeviceIndex, Station, StationIndex, Tag, TagIndex};
use device::Draft;
pub(super) use monitor::false_alarm_interval;
pub(super) use pin::Locked;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use tags::Tags;
use word::Used;
pub(super) use word::explicit;

/// One file as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Which file.
    pub(super) file: usize,
    /// Names of the devices that it defines, also if it cannot be read further.
    pub(super) devices: Vec<String>,
    /// Names of the stations that it defines.
    pub(super) stations: Vec<String>,
    /// Keys that the walk took out, by the begin of their table's key: wrong, but not missing.
    pub(super) taken: BTreeSet<(usize, String)>,
    /// What it says; `None` if it is not TOML.
    pub(super) raw: Option<raw::PlantFile>,
}

/// Devices with where they are defined, tags, stations, products and tests.
pub(super) type Parts = (Vec<(Device, Place)>, Vec<Tag>, Vec<Station>, Catalog, Vec<Case>);

/// What all files say together. It is whole only if no error was reported.
pub(super) fn plant(files: &[Read], locks: &[Locked], sink: &mut Sink) -> Parts {
    let mut resolver = Resolver {
        sink,
        devices: Vec::new(),
        device_names: BTreeMap::new(),
        station_names: BTreeMap::new(),
        tags: Tags::default(),
        used: Vec::new(),
        deadbands: Vec::new(),
        changes: Vec::new(),
        codes: Vec::new(),
        taken: BTreeSet::new(),
        feeders: BTreeMap::new(),
        notifiers: BTreeMap::new(),
        catalog: Catalog::default(),
        catalog_names: BTreeMap::new(),
        recipes_said: Vec::new(),
        recipes_asked: Vec::new(),
    };
    for read in files {
        resolver.declare(read);
        let taken = read.taken.iter().map(|(at, key)| (read.file, *at, key.clone()));
        resolver.taken.extend(taken);
    }
    for read in files {
        let devices = read.raw.iter().flat_map(|raw| raw.device.iter());
        for (name, raw) in devices {
            resolver.device(read.file, name, raw);
        }
    }
    resolver.catalog(files);
    let mut stations = Vec::new();
    for read in files {
        let of_file = read.raw.iter().flat_map(|raw| raw.station.iter());
        stations.extend(of_file.filter_map(|(name, raw)| resolver.station(read.file, name, raw)));
    }
    resolver.pins(locks);
    resolver.check_recipes(&stations, files.iter().any(|read| read.raw.is_none()));
    resolver.check_uses();
    let whole = !resolver.sink.has_errors();
    let tests = files.iter().flat_map(|read| resolver.tests(read, &stations, whole));
    let tests: Vec<Case> = tests.collect();
    let names = &resolver.device_names;
    let devices = resolver.devices.into_iter().filter_map(|draft| {
        let place = names.get(&draft.name)?.place.clone()?;
        Some((draft.finish()?, place))
    });
    let devices = devices.collect();
    (devices, resolver.tags.into_list(), stations, resolver.catalog, tests)
}

/// A name that some file defines.
#[derive(Debug)]
struct Named<I> {
    /// `None` where its file could not be read, or for a later one of the same name.
    index: Option<I>,
    place: Option<Place>,
}

/// The state of resolving.
struct Resolver<'a> {
    sink: &'a mut Sink,
    devices: Vec<Draft>,
    device_names: BTreeMap<String, Named<DeviceIndex>>,
    station_names: BTreeMap<String, Named<StationIndex>>,
    tags: Tags,
    used: Vec<Used>,
    /// Tags that a monitor gives a deadband, with where.
    deadbands: Vec<(TagIndex, Place)>,
    /// Where a tag says how far it must move.
    changes: Vec<(TagIndex, Place)>,
    /// The words with the codes of items, and where and by what they are named.
    codes: Vec<(TagIndex, Place, String)>,
    /// The feeders of each station whose file could be read.
    feeders: BTreeMap<String, BTreeSet<String>>,
    /// The objects that tell of results, and the handshakes of each.
    notifiers: BTreeMap<(DeviceIndex, String), Vec<result::Told>>,
    catalog: Catalog,
    /// Products and materials, and where each is defined.
    catalog_names: BTreeMap<(&'static str, String), Place>,
    /// What the products say of recipes, and the words that are answered with one.
    recipes_said: Vec<recipe::Said>,
    recipes_asked: Vec<recipe::Asks>,
    /// Keys that were wrong: file, begin of their table's key, and their own.
    taken: BTreeSet<(usize, usize, String)>,
}

/// The table that is being read: where its names live and how faults speak of it.
#[derive(Debug, Clone)]
struct Table<'a> {
    file: usize,
    /// Its key in the file.
    key: Range<usize>,
    /// Its dotted name.
    path: String,
    device: Option<DeviceIndex>,
    node: Option<&'a Spot<String>>,
    /// Its names are fields of the results that this object tells of.
    notifier: Option<&'a Spot<String>>,
    /// How the codes in its words are read.
    forms: Option<&'a label::Forms>,
}

impl<'a> Table<'a> {
    fn place(&self, span: Range<usize>) -> Place {
        Place { file: self.file, span }
    }

    fn here(&self) -> Place {
        self.place(self.key.clone())
    }

    /// A table under this one.
    fn under(&self, kind: &str, key: &Spot<String>, node: Option<&'a Spot<String>>) -> Self {
        let path = format!("{}.{kind}.{}", self.path, **key);
        Self { path, key: key.span(), node, ..self.clone() }
    }
}

impl Resolver<'_> {
    fn error(
        &mut self,
        t: &Table<'_>,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> &mut Fault {
        self.sink.error(&t.place(span), message)
    }

    fn warning(
        &mut self,
        t: &Table<'_>,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> &mut Fault {
        self.sink.warning(&t.place(span), message)
    }

    /// Whether a key is not there and was not there either: one that was refused is not missing.
    fn lacks<T>(&self, t: &Table<'_>, key: &str, given: Option<&T>) -> bool {
        given.is_none() && !self.taken.contains(&(t.file, t.key.start, key.to_owned()))
    }

    /// A text as a name of the model, or its fault.
    fn name<T>(
        &mut self,
        t: &Table<'_>,
        text: &Spot<String>,
        parse: fn(&str) -> Result<T, NameError>,
    ) -> Option<T> {
        parse(text)
            .map_err(|error| {
                self.error(t, text.span(), format!("`{}`: {error}", **text)).label("not a name");
            })
            .ok()
    }

    /// The device or station that a text names, or its fault.
    fn unknown<I>(what: &str, text: &str, names: &BTreeMap<String, Named<I>>) -> String {
        similar::hint(text, what, names.keys().map(String::as_str))
    }

    /// Registers the names of a file before anything refers to them.
    fn declare(&mut self, read: &Read) {
        let Some(raw) = &read.raw else {
            let unread = || Named { index: None, place: None };
            for name in &read.devices {
                self.device_names.entry(name.clone()).or_insert_with(unread);
            }
            for name in &read.stations {
                self.station_names
                    .entry(name.clone())
                    .or_insert_with(|| Named { index: None, place: None });
            }
            return;
        };
        for (name, _) in raw.device.iter() {
            let place = Place { file: read.file, span: name.span() };
            declare("device", name, place, &mut self.device_names, self.sink);
        }
        for (name, station) in raw.station.iter() {
            let feeders = station.mount.iter().map(|(feeder, _)| (**feeder).clone());
            self.feeders.entry((**name).clone()).or_default().extend(feeders);
            let place = Place { file: read.file, span: name.span() };
            declare("station", name, place, &mut self.station_names, self.sink);
        }
    }
}

fn declare<I>(
    what: &str,
    name: &Spot<String>,
    place: Place,
    names: &mut BTreeMap<String, Named<I>>,
    sink: &mut Sink,
) {
    match names.get(name.as_str()).map(|named| named.place.clone()) {
        Some(Some(first)) => {
            let cited = sink.cite(&first);
            sink.error(&place, format!("{what} `{}` is defined twice; first at {cited}", **name))
                .label("second definition")
                .help(format!("one {what} stands in one file; rename one of them"));
        }
        Some(None) | None => {
            names.insert((**name).clone(), Named { index: None, place: Some(place) });
        }
    }
}
