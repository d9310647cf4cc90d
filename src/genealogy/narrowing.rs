//! What is known better by now of what items were made with.
use super::fact::certainty;
use super::link::Certainty;
use crate::model::{MountKey, MountPointId, MountUse, Position, TraceEvent};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// By the record that is about, and by the one that says so.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Narrowings(#[n(0)] BTreeMap<Position, BTreeMap<Position, Vec<Left>>>);

/// The mounts of one feeder that are left, each with how sure it is.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
struct Left {
    #[n(0)]
    point: MountPointId,
    #[n(1)]
    mounts: Vec<(Position, Certainty)>,
}

impl Narrowings {
    /// Takes what an event says of earlier records, and names them. Events may come in any order; one that came
    /// before changes nothing.
    pub fn insert(&mut self, position: Position, event: &TraceEvent) -> Vec<Position> {
        let mut about = Vec::new();
        for of in event.narrowed.iter().filter(|of| of.record < position) {
            let sure = |used: &MountUse| (used.mount.opened, certainty(used, &of.mounts));
            let mounts = of.mounts.iter().map(sure).collect();
            let left = Left { point: of.point.clone(), mounts };
            let told = self.0.entry(of.record).or_default().entry(position).or_default();
            if told.iter().all(|known| known.point != left.point) {
                told.push(left);
                about.push(of.record);
            }
        }
        about
    }

    /// How sure it is as of a record that an item was made with a mount, of which its own record said `told`;
    /// `None` once it is known not to be so. Which records count is for `stands` to say.
    pub fn certainty(
        &self,
        (record, mount, told): (Position, &MountKey, Certainty),
        as_of: Position,
        stands: impl Fn(Position) -> bool,
    ) -> Option<Certainty> {
        let known = self.0.get(&record).into_iter().flat_map(|by| by.range(..=as_of).rev());
        let mut known = known.filter(|(by, _)| stands(**by));
        let left = known.find_map(|(_, left)| left.iter().find(|left| left.point == mount.point));
        match left {
            Some(left) => {
                left.mounts.iter().find(|(of, _)| *of == mount.opened).map(|(_, sure)| *sure)
            }
            None => Some(told),
        }
    }

    /// The records that say something of this one.
    pub(super) fn by(&self, record: Position) -> impl Iterator<Item = Position> {
        self.0.get(&record).into_iter().flat_map(BTreeMap::keys).copied()
    }

    /// The records of which this one says something.
    pub(super) fn about(&self, by: Position) -> Vec<Position> {
        let about = self.0.iter().filter(|(_, told)| told.contains_key(&by));
        about.map(|(record, _)| *record).collect()
    }
}
