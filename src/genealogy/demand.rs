//! What a plant demands of an item that is finished: the stations that it must have gone through.
use crate::model::plant::Plant;
use crate::model::{StationId, Text};
use std::collections::{BTreeMap, BTreeSet};

/// The order of work of a plant, by its products' routes and by `after` of its stations.
#[derive(Debug)]
pub struct Demand<'p> {
    plant: &'p Plant,
    after: BTreeMap<&'p StationId, &'p [StationId]>,
    /// Stations that come after some station and before none.
    ends: BTreeSet<&'p StationId>,
}

impl<'p> Demand<'p> {
    /// That of a plant.
    pub fn of(plant: &'p Plant) -> Self {
        let ordered = plant.stations.iter().filter(|station| !station.after.is_empty());
        let after: BTreeMap<_, _> =
            ordered.map(|station| (&station.id, station.after.as_slice())).collect();
        let before: BTreeSet<&StationId> = after.values().copied().flatten().collect();
        let ends = after.keys().copied().filter(|id| !before.contains(id)).collect();
        Self { plant, after, ends }
    }

    /// Every station at which an item may be finished.
    pub fn ends(&self) -> BTreeSet<&'p StationId> {
        let products = self.plant.catalog.products.values();
        self.ends.iter().copied().chain(products.filter_map(|of| of.route.last())).collect()
    }

    /// The ways that an item of a product may have gone to be finished, each with its last station in the end: the
    /// product's route; without one, for each station that comes last in the plant, it and all that comes before it.
    /// None if nobody says in which order it is worked on.
    pub fn ways(&self, product: Option<&Text>) -> Vec<Vec<&'p StationId>> {
        let known = product.and_then(|name| self.plant.catalog.products.get(name));
        match known {
            Some(product) if !product.route.is_empty() => vec![product.route.iter().collect()],
            Some(_) | None => self.ends.iter().map(|end| self.before(end)).collect(),
        }
    }

    /// The stations that an item must have come through that was at some: on the route of its product all before the last
    /// of them; without one, all that come before any of them.
    pub fn behind(
        &self,
        product: Option<&Text>,
        seen: &BTreeSet<&StationId>,
    ) -> BTreeSet<&'p StationId> {
        let known = product.and_then(|name| self.plant.catalog.products.get(name));
        let route = known.map(|product| product.route.as_slice()).unwrap_or_default();
        if let Some(last) = route.iter().rposition(|station| seen.contains(station)) {
            return route.iter().take(last).collect();
        }
        let plant = self.plant.stations.iter().map(|station| &station.id);
        let seen = plant.filter(|station| route.is_empty() && seen.contains(station));
        let before = |station| self.before(station).into_iter().filter(move |id| *id != station);
        seen.flat_map(before).collect()
    }

    /// A station behind all that come before it.
    fn before(&self, end: &'p StationId) -> Vec<&'p StationId> {
        let mut found = vec![end];
        let mut next = 0;
        while let Some(station) = found.get(next) {
            next += 1;
            for before in self.after.get(station).copied().unwrap_or_default() {
                if !found.contains(&before) {
                    found.push(before);
                }
            }
        }
        found.reverse();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::builders::*;
    use super::*;
    use crate::model::plant::Product;

    fn named(ways: Vec<Vec<&StationId>>) -> Vec<Vec<&str>> {
        ways.into_iter().map(|way| way.into_iter().map(StationId::as_str).collect()).collect()
    }

    #[test]
    fn a_route_goes_before_the_order_of_the_stations() {
        let mut plant = plant(&[("OP10", &[]), ("OP20", &["OP10"]), ("PACK", &["OP20"])]);
        let route = vec![station("OP10"), station("OP20")];
        let short = Product { route, ..Product::default() };
        plant.catalog.products =
            [(text("SHORT"), short), (text("PLAIN"), Product::default())].into();
        let demand = Demand::of(&plant);
        assert_eq!(named(demand.ways(Some(&text("SHORT")))), [["OP10", "OP20"]]);
        for product in [None, Some(text("PLAIN")), Some(text("STRANGE"))] {
            assert_eq!(named(demand.ways(product.as_ref())), [["OP10", "OP20", "PACK"]]);
        }
        let ends: Vec<_> = demand.ends().into_iter().map(StationId::as_str).collect();
        assert_eq!(ends, ["OP20", "PACK"]);
    }

    #[test]
    fn what_was_at_a_station_came_through_all_before_it_and_through_none_beside_it() {
        let mut plant = plant(&[("A", &[]), ("B", &[]), ("C", &["A"]), ("D", &["C", "B"])]);
        let route = ["B", "C", "D"].map(station).to_vec();
        plant.catalog.products = [(text("R"), Product { route, ..Product::default() })].into();
        let demand = Demand::of(&plant);
        let behind = |product: Option<&str>, seen: &[&str]| -> Vec<&str> {
            let seen: Vec<StationId> = seen.iter().copied().map(station).collect();
            let behind = demand.behind(product.map(text).as_ref(), &seen.iter().collect());
            behind.into_iter().map(StationId::as_str).collect()
        };
        assert_eq!(behind(None, &["C"]), ["A"]);
        assert_eq!(behind(None, &["D", "C"]), ["A", "B", "C"]);
        assert_eq!(behind(Some("R"), &["C"]), ["B"]);
        assert_eq!(behind(Some("R"), &["D", "A"]), ["B", "C"]);
        for seen in [&["A"][..], &["X"], &[]] {
            assert_eq!(behind(None, seen), [""; 0]);
            assert_eq!(behind(Some("R"), seen), [""; 0]);
        }
    }

    #[test]
    fn where_two_stations_come_last_there_are_two_ways_and_a_circle_has_none() {
        let both = [
            ("A", &[][..]),
            ("B", &[]),
            ("C", &["A", "B"]),
            ("D", &["C"]),
            ("E", &["C"]),
            ("X", &["Y"]),
            ("Y", &["X"]),
            ("ALONE", &[]),
        ];
        let plant = plant(&both);
        let ways = named(Demand::of(&plant).ways(None));
        assert_eq!(ways, [["B", "A", "C", "D"], ["B", "A", "C", "E"]]);
    }
}
