//! What a snapshot says beside the items, as far as rules look at it.
use crate::capture::label::attribute;
use crate::capture::snapshot::Snapshot;
use crate::capture::{At, Capture};
use crate::model::plant::Word;
use crate::model::{Amount, ItemKey, MountPointId, Text};
use std::collections::BTreeMap;

/// Words of the request, and those of the feeders that were read with it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::capture) struct Said {
    /// Product of the item.
    pub(in crate::capture) product: Option<Text>,
    /// Material of the lot or part beside it.
    pub(in crate::capture) material: Option<Text>,
    /// Where that goes.
    pub(in crate::capture) place: Option<Text>,
    /// Whether the event tells amounts.
    pub(in crate::capture) measured: bool,
    /// How much.
    pub(in crate::capture) amount: Option<Amount>,
    /// The lot in each feeder that says of which material it is, and that.
    pub(in crate::capture) fed: BTreeMap<MountPointId, (ItemKey, Text)>,
}

impl Capture {
    /// Reads the words of a request that rules look at.
    pub(in crate::capture) fn said(&self, at: At, snapshot: &Snapshot) -> Said {
        let live = self.live();
        let handshake = live.handshake(at);
        let text = |word: Option<Word>| {
            word.and_then(|w| snapshot.good(w)?.as_text()).and_then(|t| Text::parse(&t).ok())
        };
        let station = live.station(at.station);
        let mut mounted = self.mounted(station);
        let fed = station.mounts.iter().filter_map(|point| {
            let lot = mounted.remove(&point.id)?;
            let label = || attribute(&self.label(&point.lot, snapshot)?);
            Some((point.id.clone(), (lot, text(point.material).or_else(label)?)))
        });
        let fed = fed.collect();
        let labels = self.attributes(at, snapshot);
        Said {
            product: text(handshake.product).or(labels.product),
            material: text(handshake.material).or(labels.material),
            place: text(handshake.position),
            measured: handshake.quantity.is_some(),
            amount: self.amount(handshake, snapshot, &mut Vec::new()),
            fed,
        }
    }
}
