//! A moment as it is kept: there are more of them than of anything else, so that each has 56 bytes and no room for
//! what it has not.
use super::{Kind, Moment, StationNumber};
use crate::genealogy::NodeId;
use crate::model::{Position, Result, Utc};

/// The number of nothing.
const NONE: u32 = u32::MAX;

/// A [`Moment`] in few bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    time: Utc,
    position: Position,
    from: Utc,
    to: Utc,
    /// 0, which is no record, if there is none.
    arrived: Position,
    station: u32,
    host: u32,
    product: u32,
    kind: Kind,
    result: Option<Result>,
    stayed: bool,
    production: bool,
}

impl Kept {
    /// What moments are sorted by.
    pub(super) fn key(&self) -> (Utc, Position) {
        (self.time, self.position)
    }

    /// All that was told.
    pub(super) fn moment(&self) -> Moment {
        let Self { time, position, from, to, kind, result, stayed, production, .. } = *self;
        let number = |number: u32| (number != NONE).then_some(number);
        Moment {
            time,
            position,
            from,
            to,
            arrived: (self.arrived > Position(0)).then_some(self.arrived),
            station: number(self.station).map(StationNumber),
            host: number(self.host).map(NodeId),
            product: number(self.product),
            kind,
            stayed,
            result,
            production,
        }
    }
}

impl From<Moment> for Kept {
    fn from(told: Moment) -> Self {
        let Moment { time, position, from, to, kind, result, stayed, production, .. } = told;
        Self {
            time,
            position,
            from,
            to,
            arrived: told.arrived.unwrap_or_default(),
            station: told.station.map_or(NONE, |StationNumber(number)| number),
            host: told.host.map_or(NONE, |NodeId(number)| number),
            product: told.product.unwrap_or(NONE),
            kind,
            result,
            stayed,
            production,
        }
    }
}

/// Puts one in at a place. Lists of most lives are short and grow seldom: each gets little more than it needs.
pub(super) fn insert(list: &mut Vec<Kept>, at: usize, kept: Kept) {
    if list.len() == list.capacity() {
        list.reserve_exact(1 + list.len() / 4);
    }
    list.insert(at, kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_moment_is_kept_whole(
            (time, from, to) in any::<(i64, i64, i64)>(),
            (position, arrived) in (1..u64::MAX, proptest::option::of(1..u64::MAX)),
            numbers in proptest::collection::vec(proptest::option::of(0..u32::MAX), 3),
            result in proptest::option::of(prop::sample::select(vec![Result::Pass, Result::Fail])),
            kind in prop::sample::select(vec![Kind::Arrive, Kind::Enter, Kind::Mention]),
            (stayed, production) in any::<(bool, bool)>(),
        ) {
            let moment = Moment {
                time: Utc(time),
                position: Position(position),
                from: Utc(from),
                to: Utc(to),
                arrived: arrived.map(Position),
                station: numbers[0].map(StationNumber),
                host: numbers[1].map(NodeId),
                product: numbers[2],
                kind,
                stayed,
                result,
                production,
            };
            prop_assert_eq!(Kept::from(moment).moment(), moment);
        }
    }

    #[test]
    fn a_kept_moment_has_56_bytes() {
        assert_eq!(size_of::<Kept>(), 56);
    }
}
