//! What will be asked of an OPC UA server, before anybody connects.
use super::limits::READ;
use super::subscribe::{Lane, layout};
use crate::model::plant::{DeviceIndex, Plant};
use std::collections::BTreeMap;
use std::time::Duration;

/// A subscription that will be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Whether it is the one of handshake words.
    pub fast: bool,
    /// Publishing interval that is asked for.
    pub publish: Duration,
    /// How many items have which sampling interval; zero is every change.
    pub sampling: BTreeMap<Duration, usize>,
    /// How many of them are told only when they have moved far enough.
    pub filtered: usize,
    /// How many objects tell of results in it.
    pub events: usize,
}

/// The subscriptions of a device, the fast one first; one without items is not made.
pub fn subscriptions(plant: &Plant, device: DeviceIndex) -> Vec<Subscription> {
    let layout = layout(plant, device);
    let told = plant.result_names(device).len();
    let of = |lane: Lane, publish: Duration| {
        let mut sampling: BTreeMap<Duration, usize> = BTreeMap::new();
        for item in layout.items.iter().filter(|item| item.lane == lane) {
            *sampling.entry(item.sampling).or_default() += 1;
        }
        let mine = layout.items.iter().filter(|item| item.lane == lane);
        let filtered = mine.filter(|item| plant.tag(item.tag).change.is_some()).count();
        let events = if lane == Lane::Fast { told } else { 0 };
        Subscription { fast: lane == Lane::Fast, publish, sampling, filtered, events }
    };
    let both = [of(Lane::Fast, layout.fast), of(Lane::Slow, layout.slow)];
    both.into_iter().filter(|made| !made.sampling.is_empty() || made.events > 0).collect()
}

/// How many requests read so many words.
pub fn reads(words: usize) -> usize {
    words.div_ceil(READ)
}
