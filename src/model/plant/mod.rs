//! The checked plant: what `config` makes of the plant files, and all that the other rooms see of
//! them. Every reference resolves, every word has its tag, every rule of the language holds.
//!
//! Devices, tags and stations are numbered densely in the order of their files, so that the hot path
//! looks nothing up by name.
mod attribute;
mod carried;
mod check;
mod device;
mod measured;
mod monitor;
mod product;
mod recipe;
mod renumber;
mod station;
mod tag;
mod transport;

pub use attribute::{Bound, Has, InheritRule, Inherited, Told};
pub use carried::Carried;
pub use check::{Check, Reason, ReasonCodes};
pub use device::{
    Device, Heartbeat, Interface, Layout, ModbusLink, OpcUaLink, Protocol, ReadLimits, Secret,
    Security, Trust, UserLogin,
};
pub use measured::{Measured, MeasuredRule, Source};
pub use monitor::{
    BaselinePer, Drift, DriftRules, Flat, Limits, Monitor, RateLimit, RunSet, Settle, SignalRules,
    Watched,
};
pub use product::{BillRow, Catalog, Material, Product, Rework, ToolLife};
pub use recipe::Holds;
pub use station::{
    Carrier, CodeFrom, CodeSpec, Condition, Counter, FillRule, First, Handshake, LabelScope,
    Master, MeasurementSpec, MountPoint, Overrule, Pattern, PermitCodes, Phase, PurposeSpec,
    Quantity, Reply, ReplyValue, ResultSpec, Results, Ring, ScopeFrom, Splice, States, Station,
    Test, Used, Word,
};
pub use tag::{Area, NodeAddress, Register, RegisterType, StringOrder, Tag, TagSource, WordOrder};
pub use transport::{Host, Parity, SerialLine, Transport, TransportError};

use super::{
    Digest, KeptWord, MonitorId, MountPointId, Schedule, SiteId, StationId, TagName, Text,
};
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode,
        )]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] pub u32);

        impl $name {
            /// As an index into the plant's list.
            pub fn get(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index! {
    /// Which device of the plant.
    DeviceIndex
}
index! {
    /// Which tag of the plant; tags of all devices are numbered together.
    TagIndex
}
index! {
    /// Which station of the plant.
    StationIndex
}

/// A file that the plant was read from, kept so that a replay can read it again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PlantFile {
    /// Its name without folders.
    #[n(0)]
    pub name: Text,
    /// Its text.
    #[n(1)]
    pub text: String,
}

/// A checked plant.
#[derive(Debug, Clone, PartialEq)]
pub struct Plant {
    /// The site in which serials are unique.
    pub site: SiteId,
    /// Controllers, in the order of their files.
    pub devices: Vec<Device>,
    /// Points of all devices.
    pub tags: Vec<Tag>,
    /// Places of work.
    pub stations: Vec<Station>,
    /// What is made in it, and of what.
    pub catalog: Catalog,
    /// What it was read from.
    pub files: Vec<PlantFile>,
    /// SHA-256 over names and texts of `files`.
    pub hash: Digest,
}

impl Plant {
    /// A device of this plant.
    ///
    /// # Panics
    /// If the index is another plant's: an error of ours.
    #[expect(clippy::indexing_slicing, reason = "indexes are made with the plant")]
    pub fn device(&self, index: DeviceIndex) -> &Device {
        &self.devices[index.get()]
    }

    /// A tag of this plant.
    ///
    /// # Panics
    /// If the index is another plant's: an error of ours.
    #[expect(clippy::indexing_slicing, reason = "indexes are made with the plant")]
    pub fn tag(&self, index: TagIndex) -> &Tag {
        &self.tags[index.get()]
    }

    /// A station of this plant.
    ///
    /// # Panics
    /// If the index is another plant's: an error of ours.
    #[expect(clippy::indexing_slicing, reason = "indexes are made with the plant")]
    pub fn station(&self, index: StationIndex) -> &Station {
        &self.stations[index.get()]
    }

    /// The devices with their indexes.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceIndex, &Device)> {
        (0..).map(DeviceIndex).zip(&self.devices)
    }

    /// The tags with their indexes.
    pub fn tags(&self) -> impl Iterator<Item = (TagIndex, &Tag)> {
        (0..).map(TagIndex).zip(&self.tags)
    }

    /// The stations with their indexes.
    pub fn stations(&self) -> impl Iterator<Item = (StationIndex, &Station)> {
        (0..).map(StationIndex).zip(&self.stations)
    }

    /// The further words that attributes come from, each once, by name.
    pub fn context_kept(&self) -> Vec<KeptWord> {
        let names: BTreeSet<&TagName> =
            self.catalog.sources().filter_map(Source::context).collect();
        let kept = names.into_iter().map(|name| {
            let told = self.stations.iter().flat_map(move |station| {
                let telling = station.handshakes.iter().filter(|of| of.event.tells_words());
                telling.flat_map(move |handshake| {
                    let words = handshake.context.iter().filter(move |(of, _)| of == name);
                    words.map(move |(_, word)| {
                        let tag = self.tag(word.tag).name.clone();
                        (station.id.clone(), handshake.id.clone(), tag)
                    })
                })
            });
            let tags: BTreeSet<_> = told.collect();
            KeptWord { name: name.clone(), tags: tags.into_iter().collect() }
        });
        kept.collect()
    }

    /// What is to be maintained after so much use, by station.
    pub fn schedules(&self) -> Vec<(StationId, Schedule)> {
        let of = |station: &Station| {
            let schedules = station.schedules.clone().into_iter();
            schedules.map(|schedule| (station.id.clone(), schedule)).collect::<Vec<_>>()
        };
        self.stations.iter().flat_map(of).collect()
    }

    /// The feeders with counters that attributes come from, by station.
    pub fn feeders_counted(&self) -> Vec<(StationId, MountPointId)> {
        let points: BTreeSet<&MountPointId> =
            self.catalog.sources().filter_map(Source::count).collect();
        let counted = self.stations.iter().flat_map(|station| {
            let wanted = station.mounts.iter().filter(|of| of.used.is_some());
            let wanted = wanted.filter(|of| points.contains(&of.id));
            wanted.map(|of| (station.id.clone(), of.id.clone()))
        });
        counted.collect()
    }

    /// The monitors whose alarms stay active until somebody has seen them.
    pub fn latched(&self) -> Vec<(StationId, MonitorId)> {
        let latched = self.stations.iter().flat_map(|station| {
            let latched = station.monitors.iter().filter(|monitor| monitor.latch);
            latched.map(|monitor| (station.id.clone(), monitor.id.clone()))
        });
        latched.collect()
    }

    /// The words of a device by which its requests, or what its feeders give, are counted.
    pub fn counters(&self, device: DeviceIndex) -> BTreeSet<TagIndex> {
        let handshakes = self.stations.iter().flat_map(|station| &station.handshakes);
        let requests = handshakes.filter_map(|handshake| handshake.number);
        let mounts = self.stations.iter().flat_map(|station| &station.mounts);
        let counters = requests.chain(mounts.flat_map(MountPoint::counters));
        counters.map(|c| c.tag).filter(|tag| self.tag(*tag).device == device).collect()
    }

    /// The handshakes whose results have their names in this tag: those of one object that tells of results.
    pub fn collecting(&self, name: TagIndex) -> impl Iterator<Item = &Handshake> {
        let handshakes = self.stations.iter().flat_map(|station| &station.handshakes);
        handshakes.filter(move |h| h.results.is_some() && h.trigger.tag == name)
    }

    /// What is asked of a result whose name is in this tag: its name, then all that any of the handshakes of its
    /// object wants, each once.
    pub fn result_fields(&self, name: TagIndex) -> Vec<TagIndex> {
        let mut fields = vec![name];
        for field in self.collecting(name).flat_map(|handshake| &handshake.snapshot) {
            if !fields.contains(field) {
                fields.push(*field);
            }
        }
        fields
    }

    /// The tags of a device in which results have their names: one for each object that tells of results.
    pub fn result_names(&self, device: DeviceIndex) -> BTreeSet<TagIndex> {
        let handshakes = self.stations.iter().flat_map(|station| &station.handshakes);
        let told = handshakes.filter(|handshake| handshake.results.is_some());
        told.map(|h| h.trigger.tag).filter(|name| self.tag(*name).device == device).collect()
    }

    /// The tags of one device with their indexes.
    pub fn tags_of(&self, device: DeviceIndex) -> impl Iterator<Item = (TagIndex, &Tag)> {
        self.tags().filter(move |(_, tag)| tag.device == device)
    }
}
