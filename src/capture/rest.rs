//! What the stations still work with: what retention leaves alone.
use super::memory::{Memory, StationMemory};
use crate::model::{ItemKey, Position, StationId};
use std::collections::BTreeSet;

/// Where two memories are not the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differs {
    /// Stations of which something else is known.
    pub stations: BTreeSet<StationId>,
    /// Whether anything else of the plant is: its devices, holds, carriers, units without a code.
    pub elsewhere: bool,
}

impl Differs {
    /// Whether they are the same.
    pub fn is_empty(&self) -> bool {
        self.stations.is_empty() && !self.elsewhere
    }
}

impl Memory {
    /// The items that a station works with; of those on hold more stays than they.
    pub fn in_use(&self) -> BTreeSet<ItemKey> {
        let stations = self.stations.values().flat_map(|station| {
            let refused = station.refused.iter().map(|(item, _)| item);
            let mounted = station.feeders.mounted().map(|mounted| &mounted.lot);
            let batch = station.batch.lots();
            let rows = station.orders.iter().map(|(_, row)| &row.item);
            station.places.items().chain(refused).chain(mounted).chain(batch).chain(rows)
        });
        stations.chain(self.unread.items()).chain(self.carriers.items()).cloned().collect()
    }

    /// Records by which something is known for as long as nothing else takes their place.
    pub fn rests_on(&self) -> BTreeSet<Position> {
        let ran = self.stations.values().flat_map(|station| {
            station.ran.products().map(|(_, told)| told).chain(station.ran.more())
        });
        ran.collect()
    }

    /// Where another memory has anything else by which something could be decided in another way.
    pub fn differs(&self, other: &Self) -> Differs {
        let ids: BTreeSet<&StationId> = self.stations.keys().chain(other.stations.keys()).collect();
        let decides = |memory: &Self, id: &StationId| memory.station(id).map(deciding);
        let stations =
            ids.into_iter().filter(|id| decides(self, id) != decides(other, id)).cloned().collect();
        let of_plant = |memory: &Self| Self { stations: [].into(), ..memory.clone() };
        Differs { stations, elsewhere: of_plant(self) != of_plant(other) }
    }
}

/// A station's memory without what is only counted.
fn deciding(station: &StationMemory) -> StationMemory {
    let mut station = station.clone();
    station.collected.values_mut().for_each(super::Collected::forget_count);
    station
}
