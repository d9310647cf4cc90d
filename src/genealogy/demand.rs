//! What a plant demands of an item that is finished: the stations that it must have gone through.
use crate::model::plant::Plant;
use crate::model::{StationId, Text};
use std::collections::{BTreeMap, BTreeSet};

/// The order of work of a plant, by its products' routes and by `after` of its stations.
#[derive(Debug)]
pub struct Demand<'p> {
    plant: &'p Plant,
    order: Order<'p>,
    /// The way of each product with a route; none if nothing is completed on it.
    routes: BTreeMap<&'p Text, Option<Way<'p>>>,
    /// A way for each station that comes after some station and before none.
    ways: Vec<Way<'p>>,
}

/// A way through the plant.
#[derive(Debug)]
pub struct Way<'p> {
    /// Every station that an item must have gone through on it.
    pub stations: Vec<&'p StationId>,
    /// Those of them that complete anything: a completion is demanded of these only.
    pub completing: Vec<&'p StationId>,
    /// Where it is finished: its last station that completes anything. Several where they stand side by side: at all of them.
    pub ends: Vec<&'p StationId>,
}

impl<'p> Demand<'p> {
    /// That of a plant.
    pub fn of(plant: &'p Plant) -> Self {
        let order = Order::of(plant);
        let products = plant.catalog.products.iter();
        let routed = products.filter(|(_, product)| !product.route.is_empty());
        Self {
            routes: routed.map(|(name, product)| (name, order.routed(&product.route))).collect(),
            ways: order.last().filter_map(|last| order.before(last)).collect(),
            plant,
            order,
        }
    }

    /// Every station at which an item may be finished.
    pub fn ends(&self) -> BTreeSet<&'p StationId> {
        let all = self.routes.values().flatten().chain(&self.ways);
        all.flat_map(|way| way.ends.iter().copied()).collect()
    }

    /// The ways that an item of a product may have gone to be finished: the product's route; without one, for each
    /// station that comes last in the plant, it and all that comes before it. What only packs, or completes nothing for
    /// another reason, is not the end of a way. None if nobody says in which order it is worked on.
    pub fn ways(&self, product: Option<&Text>) -> &[Way<'p>] {
        let route = product.and_then(|name| self.routes.get(name));
        route.map_or(&self.ways, |way| way.as_slice())
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
        let before = |station| {
            let all = self.order.back_from(self.order.after_of(station), |_| true);
            all.into_iter().filter(move |id| *id != station)
        };
        seen.flat_map(before).collect()
    }
}

/// Which stations come before which, and which complete anything.
#[derive(Debug)]
struct Order<'p> {
    after: BTreeMap<&'p StationId, &'p [StationId]>,
    completing: BTreeSet<&'p StationId>,
}

impl<'p> Order<'p> {
    fn of(plant: &'p Plant) -> Self {
        let ordered = plant.stations.iter().filter(|station| !station.after.is_empty());
        let completing = plant.stations.iter().filter(|station| station.completes());
        Self {
            after: ordered.map(|station| (&station.id, station.after.as_slice())).collect(),
            completing: completing.map(|station| &station.id).collect(),
        }
    }

    /// Stations that come after some station and before none.
    fn last(&self) -> impl Iterator<Item = &'p StationId> {
        let before: BTreeSet<&StationId> = self.after.values().copied().flatten().collect();
        self.after.keys().copied().filter(move |id| !before.contains(id))
    }

    /// A route up to its last station that completes anything.
    fn routed(&self, route: &'p [StationId]) -> Option<Way<'p>> {
        let end = route.iter().rposition(|station| self.completing.contains(station))?;
        let stations: Vec<_> = route.iter().take(end + 1).collect();
        Some(self.way(stations, route.get(end).into_iter().collect()))
    }

    fn way(&self, stations: Vec<&'p StationId>, ends: Vec<&'p StationId>) -> Way<'p> {
        let completing = stations.iter().copied().filter(|id| self.completing.contains(id));
        Way { completing: completing.collect(), stations, ends }
    }

    /// All that comes before the last station, up to where something is completed.
    fn before(&self, last: &'p StationId) -> Option<Way<'p>> {
        let idle = |station: &StationId| !self.completing.contains(station);
        let mut ends = self.back_from([last], idle);
        ends.retain(|station| !idle(station));
        let earlier = |end: &'p StationId| self.back_from(self.after_of(end), |_| true);
        let earlier: BTreeSet<_> = ends.iter().copied().flat_map(earlier).collect();
        ends.retain(|end| !earlier.contains(end));
        let mut stations = self.back_from(ends.iter().copied(), |_| true);
        stations.reverse();
        (!ends.is_empty()).then(|| self.way(stations, ends))
    }

    fn after_of(&self, station: &StationId) -> &'p [StationId] {
        self.after.get(station).copied().unwrap_or_default()
    }

    /// These, and all before them as long as it goes on from a station.
    fn back_from(
        &self,
        begin: impl IntoIterator<Item = &'p StationId>,
        goes_on: impl Fn(&StationId) -> bool,
    ) -> Vec<&'p StationId> {
        let mut found: Vec<_> = begin.into_iter().collect();
        let mut next = 0;
        while let Some(station) = found.get(next).copied() {
            next += 1;
            let before = self.after_of(station).iter().filter(|_| goes_on(station));
            for before in before {
                if !found.contains(&before) {
                    found.push(before);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::builders::*;
    use super::*;
    use crate::model::plant::Product;
    use crate::model::{ItemClass, Verb};

    /// The stations of each way, and its ends.
    fn named(ways: &[Way<'_>]) -> Vec<(String, String)> {
        let line =
            |ids: &[&StationId]| ids.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(" ");
        ways.iter().map(|way| (line(&way.stations), line(&way.ends))).collect()
    }

    fn wanted(ways: &[(&str, &str)]) -> Vec<(String, String)> {
        ways.iter().map(|(way, ends)| ((*way).to_owned(), (*ends).to_owned())).collect()
    }

    fn product(route: &[&str]) -> Product {
        Product { route: route.iter().copied().map(station).collect(), ..Product::default() }
    }

    #[test]
    fn a_route_goes_before_the_order_of_the_stations() {
        let mut plant = plant(&[("OP10", &[]), ("OP20", &["OP10"]), ("OP30", &["OP20"])]);
        plant.catalog.products =
            [(text("SHORT"), product(&["OP10", "OP20"])), (text("PLAIN"), product(&[]))].into();
        let demand = Demand::of(&plant);
        let short = wanted(&[("OP10 OP20", "OP20")]);
        assert_eq!(named(demand.ways(Some(&text("SHORT")))), short);
        for product in [None, Some(text("PLAIN")), Some(text("STRANGE"))] {
            let all = wanted(&[("OP10 OP20 OP30", "OP30")]);
            assert_eq!(named(demand.ways(product.as_ref())), all);
        }
        let ends: Vec<_> = demand.ends().into_iter().map(StationId::as_str).collect();
        assert_eq!(ends, ["OP20", "OP30"]);
    }

    #[test]
    fn what_completes_nothing_is_not_the_end_of_a_way() {
        let mut plant = plant(&[
            ("A", &[]),
            ("B", &["A"]),
            ("PACK", &["A", "B"]),
            ("PACK-2", &["PACK"]),
            ("PACK-3", &["PACK-4"]),
        ]);
        // One that closes boxes completes no unit.
        let mut closing = plant.stations[0].phases.clone();
        closing[0].item.as_mut().unwrap().class = ItemClass::Container;
        plant.stations[2].phases = closing;
        let boxed = product(&["A", "PACK", "PACK-2"]);
        plant.catalog.products = [(text("P"), boxed), (text("Q"), product(&["PACK"]))].into();
        let demand = Demand::of(&plant);
        assert_eq!(named(demand.ways(None)), wanted(&[("A B", "B")]));
        assert_eq!(named(demand.ways(Some(&text("P")))), wanted(&[("A", "A")]));
        assert_eq!(named(demand.ways(Some(&text("Q")))), []);
    }

    #[test]
    fn of_a_station_that_completes_nothing_no_completion_is_demanded() {
        let mut plant = plant(&[("PRESS", &[]), ("INSPECT", &["PRESS"]), ("TEST", &["INSPECT"])]);
        plant.stations[1].phases[0].event = Some(Verb::Inspect);
        let routed = product(&["PRESS", "INSPECT", "TEST"]);
        plant.catalog.products = [(text("P"), routed)].into();
        let demand = Demand::of(&plant);
        for product in [None, Some(text("P"))] {
            let ways = demand.ways(product.as_ref());
            assert_eq!(named(ways), wanted(&[("PRESS INSPECT TEST", "TEST")]));
            assert_eq!(ways[0].completing, [&station("PRESS"), &station("TEST")]);
        }
    }

    #[test]
    fn stations_side_by_side_before_the_packing_are_one_way_with_two_ends() {
        let plant = plant(&[("A", &[]), ("B", &["A"]), ("C", &["A"]), ("PACK", &["B", "C"])]);
        assert_eq!(named(Demand::of(&plant).ways(None)), wanted(&[("A C B", "B C")]));
    }

    #[test]
    fn what_was_at_a_station_came_through_all_before_it_and_through_none_beside_it() {
        let mut plant = plant(&[("A", &[]), ("B", &[]), ("C", &["A"]), ("D", &["C", "B"])]);
        plant.catalog.products = [(text("R"), product(&["B", "C", "D"]))].into();
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
        let ways = wanted(&[("B A C D", "D"), ("B A C E", "E")]);
        assert_eq!(named(Demand::of(&plant).ways(None)), ways);
    }
}
