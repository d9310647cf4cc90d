//! What is made, and of what: products with routes and bills of material, and materials.
use super::{Bound, Has, InheritRule, Measured, Source};
use crate::model::{Amount, MountPointId, StationId, TagName, Text, Ucum, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// All products and materials of a plant, by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalog {
    /// What is made.
    pub products: BTreeMap<Text, Product>,
    /// What it is made of.
    pub materials: BTreeMap<Text, Material>,
    /// What items inherit from what they were made of, and how.
    pub attributes: BTreeMap<Text, InheritRule>,
    /// Attributes that come from numbers that events tell; none of them is in `attributes`.
    pub measured: BTreeMap<Text, Measured>,
}

impl Catalog {
    /// Every station that stands on a route or is where its rework is done.
    pub fn routed(&self) -> BTreeSet<&StationId> {
        self.products.values().flat_map(Product::stations).collect()
    }

    /// The measurements that attributes come from, each once, by name.
    pub fn measurements(&self) -> Vec<TagName> {
        let names: BTreeSet<&TagName> = self.sources().filter_map(Source::measurement).collect();
        names.into_iter().cloned().collect()
    }

    /// Where the numbers of attributes come from.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.measured.values().map(|measured| &measured.source)
    }

    /// Whether any product says with which recipe it is worked on at a station.
    pub fn has_recipe(&self, station: &StationId) -> bool {
        self.products.values().any(|product| product.recipes.contains_key(station))
    }
}

/// What is made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Product {
    /// Its stations in the order of work; empty: as `after` of the stations says.
    pub route: Vec<StationId>,
    /// How it is worked on again.
    pub rework: Option<Rework>,
    /// How often a unit may be completed at one station.
    pub visits_max: Option<u32>,
    /// What it may be made of, by material; `None`: nothing is said.
    pub bill: Option<BTreeMap<Text, BillRow>>,
    /// The material of each feeder that it needs, by station.
    pub setup: BTreeMap<StationId, BTreeMap<MountPointId, Text>>,
    /// The recipe that it is worked on with, by station: a number or a text.
    pub recipes: BTreeMap<StationId, Value>,
    /// What it may contain.
    pub allergens: BTreeSet<Text>,
    /// What it brings into whatever it goes into, by attribute.
    pub has: BTreeMap<Text, Has>,
    /// What it may be made of, by attribute.
    pub bounds: Vec<(Text, Bound)>,
}

impl Product {
    /// The stations of the route, and the one where its rework is done.
    pub fn stations(&self) -> impl Iterator<Item = &StationId> {
        self.route.iter().chain(self.rework.iter().flat_map(|rework| &rework.entry))
    }
}

/// How a unit leaves its route to be worked on again, and where it comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rework {
    /// Where it is worked on; `None`: at the station that it comes back to.
    pub entry: Option<StationId>,
    /// The station of the route that it comes back to: this one and those behind it do their work again.
    pub back: StationId,
}

/// A row of a bill of material.
#[derive(Debug, Clone, PartialEq)]
pub struct BillRow {
    /// How much of it at most: pieces, or an amount in `unit`; more than 0.
    pub quantity: f64,
    /// The unit of the amount; `None` takes amounts as they are told.
    pub unit: Option<Ucum>,
    /// Where it may sit; empty: anywhere.
    pub positions: BTreeSet<Text>,
}

/// What products are made of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Material {
    /// How long it may be used after it was produced or received, where no date was told.
    pub shelf_life: Option<Duration>,
    /// How long it may be out of dry storage: from when it was first mounted, used or opened, without the time in which it
    /// is put away, and anew when it was dried.
    pub floor_life: Option<Duration>,
    /// What it contains.
    pub allergens: BTreeSet<Text>,
    /// What one piece of it is, for amounts that are told in pieces.
    pub piece: Option<Amount>,
    /// Which share of what came of a lot may be unaccounted for, from 0 to 1.
    pub tolerance: Option<f64>,
    /// What it brings into whatever it goes into, by attribute.
    pub has: BTreeMap<Text, Has>,
}

/// How much work a tool in a feeder may do; one of the two is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolLife {
    /// Items that were made with it.
    pub uses: Option<u64>,
    /// Since it was first mounted.
    pub time: Option<Duration>,
}
