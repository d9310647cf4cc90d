//! Products and materials: their names, and what of the plant they speak of.
use super::{Resolver, Table};
use crate::config::raw;
use crate::config::similar;
use crate::config::spot::{Keyed, Spot};
use crate::model::plant::{BillRow, Material, Product, Rework};
use crate::model::{Amount, MountPointId, StationId, Text};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

impl Resolver<'_> {
    /// Reads the products and materials of all files into the catalog.
    pub(super) fn catalog(&mut self, files: &[super::Read]) {
        self.inherited(files);
        let unread = files.iter().any(|read| read.raw.is_none());
        for read in files {
            let Some(raw) = &read.raw else { continue };
            for (name, material) in raw.material.iter() {
                let t = table(read.file, "material", name);
                let material = self.material(&t, material, unread);
                if let Some(name) = self.once(&t, "material", name) {
                    self.catalog.materials.insert(name, material);
                }
            }
            for (name, product) in raw.product.iter() {
                let t = table(read.file, "product", name);
                let product = self.product(&t, product, unread);
                if let Some(name) = self.once(&t, "product", name) {
                    self.catalog.products.insert(name, product);
                }
            }
        }
    }

    /// The name of a product or material, unless another place defines it already.
    pub(super) fn once(
        &mut self,
        t: &Table<'_>,
        what: &'static str,
        name: &Spot<String>,
    ) -> Option<Text> {
        let key = (what, (**name).clone());
        if let Some(first) = self.catalog_names.get(&key) {
            let cited = self.sink.cite(first);
            self.error(
                t,
                name.span(),
                format!("{what} `{}` is defined twice; first at {cited}", **name),
            )
            .label("second definition")
            .help(format!("one {what} stands in one place; rename one of them"));
            return None;
        }
        self.catalog_names.insert(key, t.here());
        self.name(t, name, Text::parse)
    }

    fn material(&mut self, t: &Table<'_>, raw: &raw::Material, unread: bool) -> Material {
        let raw::Material { shelf_life, floor_life, allergens, has, piece, tolerance } = raw;
        let mut life = |raw: &Option<Spot<_>>| {
            raw.as_ref().map(|raw| self.period(t, Some(raw), Duration::from_secs(1)))
        };
        let (shelf_life, floor_life) = (life(shelf_life), life(floor_life));
        let allergens = self.texts(t, allergens.as_ref());
        let piece = piece.as_ref().and_then(|piece| self.piece(t, piece));
        let tolerance = self.share(t, tolerance.as_ref());
        let has = self.has(t, has, unread);
        Material { shelf_life, floor_life, allergens, piece, tolerance, has }
    }

    fn piece(&mut self, t: &Table<'_>, raw::Piece { quantity, eu }: &raw::Piece) -> Option<Amount> {
        let t = Table { path: format!("{}.piece", t.path), ..t.clone() };
        let unit = self.unit(&t, eu.as_ref())?;
        let value = self.finite(&t, quantity.as_ref())?;
        if value <= 0.0 {
            let raw = quantity.as_ref()?;
            self.error(&t, raw.span(), "a piece of nothing is none")
                .label("must be more than zero");
        }
        Some(Amount { value, unit: Some(unit) })
    }

    /// A part of the whole.
    fn share(&mut self, t: &Table<'_>, raw: Option<&Spot<f64>>) -> Option<f64> {
        let raw = raw?;
        let share = self.finite(t, Some(raw))?;
        if !(0.0..=1.0).contains(&share) {
            self.error(t, raw.span(), format!("{share} is no share of a whole"))
                .label("wanted a number from 0 to 1")
                .help("`0.02` is two in a hundred");
        }
        Some(share)
    }

    fn product(&mut self, t: &Table<'_>, raw: &raw::Product, unread: bool) -> Product {
        let raw::Product { route, rework, max_visits, bom, setup, recipe, allergens, has, .. } =
            raw;
        let stops = route.iter().flatten().filter_map(|stop| self.stop(t, stop));
        let stops: Vec<StationId> = stops.collect();
        if let Some(route) = route {
            self.check_route(t, route);
        }
        Product {
            rework: rework.as_ref().and_then(|rework| self.rework(t, route.as_ref(), rework)),
            route: stops,
            visits_max: max_visits.as_ref().map(|visits| **visits),
            bill: bom.as_ref().map(|bom| self.bill(t, bom)),
            setup: self.setup(t, setup),
            recipes: self.recipes(t, recipe),
            allergens: self.texts(t, allergens.as_ref()),
            has: self.has(t, has, unread),
            bounds: self.bounds(t, raw, unread),
        }
    }

    fn check_route(&mut self, t: &Table<'_>, route: &[Spot<String>]) {
        for (at, stop) in route.iter().enumerate() {
            if route.iter().take(at).any(|before| **before == **stop) {
                self.error(t, stop.span(), format!("`{}` is on the route twice", **stop))
                    .label("second time")
                    .help("a unit that comes back is worked on again: write `rework`");
            }
        }
    }

    /// A station that some file defines.
    pub(super) fn stop(&mut self, t: &Table<'_>, name: &Spot<String>) -> Option<StationId> {
        if self.station_names.contains_key(name.as_str()) {
            return self.name(t, name, StationId::parse);
        }
        let hint = Self::unknown("stations", name, &self.station_names);
        let message = format!("`{}` names station `{}`, which is not configured", t.path, **name);
        self.error(t, name.span(), message).label("no station with this name").help(hint);
        None
    }

    fn rework(
        &mut self,
        t: &Table<'_>,
        route: Option<&Vec<Spot<String>>>,
        raw: &Spot<raw::Rework>,
    ) -> Option<Rework> {
        let raw::Rework { entry, r#return } = &**raw;
        let t = Table { path: format!("{}.rework", t.path), ..t.clone() };
        let Some(route) = route else {
            self.error(&t, raw.span(), format!("`{}` leaves a route that is not there", t.path))
                .label("no `route` beside it");
            return None;
        };
        let on_route = |name: &Spot<String>| route.iter().any(|stop| **stop == **name);
        if let Some(entry) = entry.as_ref().filter(|entry| on_route(entry)) {
            self.error(&t, entry.span(), format!("`{}` is on the route itself", **entry))
                .label("wanted a station beside the route")
                .help("without `entry` a unit is worked on again at the station of `return`");
        }
        let back = r#return.as_ref()?;
        if !on_route(back) {
            let stops = route.iter().map(|stop| stop.as_str());
            let hint = similar::hint(back, "stations of the route", stops);
            self.error(&t, back.span(), format!("`{}` is not on the route", **back))
                .label("a unit comes back to a station of its route")
                .help(hint);
            return None;
        }
        let entry = entry.as_ref().map(|entry| self.stop(&t, entry));
        let back = self.name(&t, back, StationId::parse)?;
        Some(Rework { entry: entry.flatten(), back })
    }

    fn bill(&mut self, t: &Table<'_>, raw: &Keyed<raw::BillRow>) -> BTreeMap<Text, BillRow> {
        let mut bill = BTreeMap::new();
        for (name, row) in raw.iter() {
            let t = t.under("bom", name, None);
            let raw::BillRow { quantity, eu, position } = row;
            let positions = self.texts(&t, position.as_ref());
            let unit = self.unit(&t, eu.as_ref());
            let quantity = quantity.as_ref().and_then(|raw| {
                let number = self.finite(&t, Some(raw))?;
                if number <= 0.0 {
                    self.error(&t, raw.span(), "a bill of none of it lists nothing")
                        .label("must be more than zero")
                        .help("what is not on the bill is refused: take the row out");
                }
                Some(number)
            });
            if let (Some(name), Some(quantity)) = (self.name(&t, name, Text::parse), quantity) {
                bill.insert(name, BillRow { quantity, unit, positions });
            }
        }
        bill
    }

    fn setup(
        &mut self,
        t: &Table<'_>,
        raw: &Keyed<Keyed<Spot<String>>>,
    ) -> BTreeMap<StationId, BTreeMap<MountPointId, Text>> {
        let mut setup = BTreeMap::new();
        for (name, feeders) in raw.iter() {
            let t = t.under("setup", name, None);
            let Some(station) = self.stop(&t, name) else { continue };
            let rows = feeders.iter();
            let rows = rows.filter_map(|(feeder, material)| {
                self.has_feeder(&t, name, feeder).then_some(())?;
                let id = self.name(&t, feeder, MountPointId::parse)?;
                Some((id, self.name(&t, material, Text::parse)?))
            });
            let rows = rows.collect();
            setup.insert(station, rows);
        }
        setup
    }

    fn has_feeder(&mut self, t: &Table<'_>, station: &str, feeder: &Spot<String>) -> bool {
        // A station whose file cannot be read has feeders that nobody knows.
        let Some(feeders) = self.feeders.get(station) else { return true };
        if feeders.contains(feeder.as_str()) {
            return true;
        }
        let hint = similar::hint(feeder, "feeders", feeders.iter().map(String::as_str));
        self.error(t, feeder.span(), format!("`{station}` has no feeder `{}`", **feeder))
            .label("no `mount` table with this name")
            .help(hint);
        false
    }

    fn texts(&mut self, t: &Table<'_>, raw: Option<&Vec<Spot<String>>>) -> BTreeSet<Text> {
        raw.into_iter().flatten().filter_map(|text| self.name(t, text, Text::parse)).collect()
    }
}

pub(super) fn table(file: usize, kind: &str, name: &Spot<String>) -> Table<'static> {
    let path = format!("{kind}.{}", **name);
    Table { file, key: name.span(), path, device: None, node: None, notifier: None, forms: None }
}
