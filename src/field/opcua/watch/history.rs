//! What watched words were while nobody looked, where the server has kept it.
//!
//! Only what nothing but monitors use is filled up: a chart takes a value for what it is, whenever it
//! comes. A phase, a mount or a request that was not watched stays a gap.
use super::{Done, Watch};
use crate::field::change::moved;
use crate::field::opcua::history::{Blank, Kept, history};
use crate::field::opcua::subscribe::Lane;
use crate::model::Sample;
use crate::model::plant::{DeviceIndex, Plant, TagIndex, Watched};
use std::collections::{BTreeMap, BTreeSet};

/// The words that monitors alone use.
pub(super) fn monitored(plant: &Plant, device: DeviceIndex) -> BTreeSet<TagIndex> {
    let d = plant.device(device);
    let ends = [d.restart, d.interface.as_ref().map(|i| i.tag), d.heartbeat.plc];
    let monitors = plant.stations.iter().flat_map(|station| &station.monitors);
    // Those of a group have monitors of their own.
    let tags = monitors.filter_map(|monitor| match &monitor.of {
        Watched::Tag(word) => Some(word.tag),
        Watched::Measurement(..) | Watched::Tags(_) | Watched::Measurements(..) => None,
    });
    tags.filter(|index| {
        let tag = plant.tag(*index);
        let alone = tag.watched && !tag.fast && !tag.every_change;
        tag.device == device && alone && !ends.contains(&Some(*index))
    })
    .collect()
}

impl Watch<'_> {
    /// Tells what the slow words are now; those of monitors after what they were meanwhile.
    pub(super) fn begin_history(&mut self, slow: Vec<Sample>) {
        let nodes = self.peer.places.now();
        let blank = |sample: &Sample| {
            let after = *self.task.record.known.get(&sample.tag)?;
            let before = sample.source.filter(|source| *source > after)?;
            let place = nodes.get(&sample.tag)?.clone();
            Some(Blank { tag: sample.tag, place, after, before })
        };
        let blanks: Vec<Blank> = slow.iter().filter_map(blank).collect();
        if blanks.is_empty() {
            return self.tell(Lane::Slow, slow);
        }
        let waits: BTreeSet<TagIndex> = blanks.iter().map(|blank| blank.tag).collect();
        let (waiting, now) = slow.into_iter().partition(|sample| waits.contains(&sample.tag));
        self.tell(Lane::Slow, now);
        self.filling = true;
        let peer = self.peer.clone();
        self.jobs
            .push(Box::pin(async move { Done::History(history(&peer, blanks).await, waiting) }));
    }

    pub(super) fn on_history(&mut self, Kept { samples, fault }: Kept, waiting: Vec<Sample>) {
        self.filling = false;
        let device = &self.task.context.name;
        if let Some(why) = fault {
            tracing::warn!(device, %why, "the history of the server is not read to its end");
        }
        let count = u64::try_from(samples.len()).unwrap_or(u64::MAX);
        self.task.context.metrics.history.with_label_values(&[device.as_str()]).inc_by(count);
        let samples = thinned(&self.peer.plant, samples);
        self.tell(Lane::Slow, samples);
        self.tell(Lane::Slow, waiting);
    }

    /// Notes what the words of monitors were told of last, by the PLC's clock.
    pub(super) fn note_known(&mut self) {
        // What waits for its history is not told yet.
        if self.boot.is_none() || self.filling {
            return;
        }
        let monitored = monitored(&self.peer.plant, self.task.context.device);
        let known =
            monitored.into_iter().filter_map(|tag| Some((tag, self.latest.get(&tag)?.source?)));
        self.task.record.known.extend(known);
    }
}

/// What had moved far enough to be taken: a server keeps more than it is asked to tell.
fn thinned(plant: &Plant, samples: Vec<Sample>) -> Vec<Sample> {
    let mut taken: BTreeMap<TagIndex, Sample> = BTreeMap::new();
    let mut is_taken = |sample: &Sample| {
        let Some(width) = plant.tag(sample.tag).change else { return true };
        let near = |last: &Sample| {
            last.quality == sample.quality && !moved(&last.value, &sample.value, width)
        };
        let far = !taken.get(&sample.tag).is_some_and(near);
        if far {
            taken.insert(sample.tag, sample.clone());
        }
        far
    };
    samples.into_iter().filter(|sample| is_taken(sample)).collect()
}

impl Drop for Watch<'_> {
    /// However a connection ends: it may be dropped while it works.
    fn drop(&mut self) {
        self.note_known();
    }
}
