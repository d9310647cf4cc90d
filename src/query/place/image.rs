//! Stations and feeders as bytes. Who was at a station is in the lives of items, and is not said again.
use super::{Counted, Mount, Mounts, Place, Places, StationNumber, Visit};
use crate::genealogy::NodeId;
use crate::model::{Position, StationId, Utc};
use crate::query::life::{Life, Moment};
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::collections::BTreeMap;

impl<C> Encode<C> for Place {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        let Self { current, last_event, completed, quarantined, corrected, .. } = self;
        (current, last_event, completed, quarantined, corrected).encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Place {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        type Told =
            (Option<(NodeId, Position)>, Option<Utc>, u64, u64, BTreeMap<Position, Counted>);
        let (current, last_event, completed, quarantined, corrected) = Told::decode(d, ctx)?;
        Ok(Self { current, last_event, completed, quarantined, corrected, ..Self::default() })
    }
}

impl<C> Encode<C> for Places {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        (&self.names, &self.here, &self.plant).encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Places {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        type Told = (Vec<StationId>, Vec<Place>, Vec<StationId>);
        let (names, here, plant) = Told::decode(d, ctx)?;
        let numbers = (0..).map(StationNumber);
        let numbers: BTreeMap<_, _> = names.iter().cloned().zip(numbers).collect();
        if numbers.len() != names.len() || here.len() != names.len() {
            return Err(decode::Error::message("stations and their names do not match"));
        }
        Ok(Self { numbers, names, here, plant })
    }
}

impl Places {
    /// Whether a number is that of a station.
    pub(in crate::query) fn has(&self, station: StationNumber) -> bool {
        (station.0 as usize) < self.here.len()
    }

    /// The items that were presented and are not gone.
    pub(in crate::query) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.here.iter().filter_map(|place| place.current).map(|(node, _)| node)
    }

    /// Takes from the lives of all items who was where, when nothing is known of that.
    pub(in crate::query) fn fill(&mut self, lives: &[Life]) {
        let mut visits: Vec<Vec<Visit>> = vec![Vec::new(); self.here.len()];
        for (life, node) in lives.iter().zip((0..).map(NodeId)) {
            for moment in life.moments().filter(Moment::is_presence) {
                let at = moment.station.map_or(usize::MAX, |station| station.0 as usize);
                let (Some(place), Some(visits)) = (self.here.get_mut(at), visits.get_mut(at))
                else {
                    continue;
                };
                place.see(&moment);
                visits.push((moment.time, moment.position, node));
            }
        }
        for (place, visits) in self.here.iter_mut().zip(visits) {
            place.visits = visits.into_iter().collect();
        }
    }
}

impl<C> Encode<C> for Mounts {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        (&self.by_record, &self.ends).encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Mounts {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let (told, ends): (BTreeMap<Position, Mount>, _) = Decode::decode(d, ctx)?;
        let mut mounts = Self { ends, ..Self::default() };
        for (position, Mount { opened, station, point, time, lot }) in told {
            mounts.mount((time, position), (&station, &point), (opened, lot));
        }
        Ok(mounts)
    }
}

impl Mounts {
    /// The lots that were in feeders.
    pub(in crate::query) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.of_lot.keys().copied()
    }
}
