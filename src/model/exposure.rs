//! How long a lot was out of dry storage: what a floor life is counted by (J-STD-033).
use super::{Interval, Utc};
use minicbor::{Decode, Encode};
use std::time::Duration;

/// Times out that are told one by one; of more the first are told as one of the same length.
const TOLD_MAX: usize = 64;

/// What happened to a lot that its floor life is counted by; at one time in this order, so that what is told of
/// one moment says the same in whatever order it is told, and who is in doubt has it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Storage {
    /// It was dried: it is out of the oven from then on, and as if it had never been out before.
    #[n(2)]
    Dried,
    /// It was put away dry.
    #[n(1)]
    Closed,
    /// It was opened, mounted or used: it is out from then on.
    #[n(0)]
    Opened,
}

/// From when to when a lot was out of dry storage since it was last dried, in order; the last time may go on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Exposure(#[n(0)] Vec<Interval>);

impl Exposure {
    /// What comes of what happened to it, by time and by [`Storage`].
    pub fn of(all: impl IntoIterator<Item = (Utc, Storage)>) -> Self {
        let mut out: Vec<Interval> = Vec::new();
        for (at, storage) in all {
            let open = out.last_mut().filter(|last| last.to.is_none());
            match (storage, open) {
                (Storage::Opened, Some(_)) | (Storage::Closed, None) => {}
                (Storage::Opened, None) => out.push(Interval { from: at, to: None }),
                (Storage::Closed, Some(last)) => last.to = Some(at),
                (Storage::Dried, _) => out = vec![Interval { from: at, to: None }],
            }
        }
        let more = out.len().saturating_sub(TOLD_MAX);
        if let Some(Interval { to: Some(Utc(to)), .. }) = out.get(more).copied()
            && more > 0
        {
            let all = out.drain(..=more).map(|time| length(&time, time.to.unwrap_or(Utc(to))));
            let all = all.sum();
            out.insert(0, Interval { from: Utc(to.saturating_sub(nanos(all))), to: Some(Utc(to)) });
        }
        Self(out)
    }

    /// The same of a lot that is seen to be out: when it was put away last is no end of its time out.
    #[must_use]
    pub fn running(mut self) -> Self {
        self.0.last_mut().into_iter().for_each(|last| last.to = None);
        self
    }

    /// When it was last taken out, of the times that count.
    pub fn last(&self) -> Option<Utc> {
        self.0.last().map(|last| last.from)
    }

    /// When it was first out, of the times that count.
    pub fn since(&self) -> Option<Utc> {
        self.0.first().map(|first| first.from)
    }

    /// When a floor life is at its end: in the past if it is, and none while it stands still before that.
    pub fn until(&self, life: Duration) -> Option<Utc> {
        let mut left = life;
        for time in &self.0 {
            let Some(to) = time.to else { return Some(time.from.plus(left)) };
            match left.checked_sub(length(time, to)) {
                Some(rest) => left = rest,
                None => return Some(time.from.plus(left)),
            }
        }
        None
    }

    /// Whether whatever floor life is at its end no later than that of another.
    pub fn is_ahead_of(&self, other: &Self) -> bool {
        let runs = |of: &Self| of.0.last().is_some_and(|last| last.to.is_none());
        let times = self.0.iter().chain(&other.0);
        let mut turns = times.flat_map(|time| std::iter::once(time.from).chain(time.to));
        (runs(self) || !runs(other)) && turns.all(|at| self.by(at) >= other.by(at))
    }

    /// How long it was out by a time.
    fn by(&self, at: Utc) -> Duration {
        let out = self.0.iter().map(|time| length(time, time.to.map_or(at, |to| to.min(at))));
        out.sum()
    }
}

/// When a floor life is at its end, of a lot that was first opened at a time: it runs on, unless more was told.
pub fn floor_until(
    opened: Option<Utc>,
    exposure: Option<&Exposure>,
    life: Duration,
) -> Option<Utc> {
    match exposure {
        Some(exposure) => exposure.until(life),
        None => opened.map(|opened| opened.plus(life)),
    }
}

fn length(time: &Interval, to: Utc) -> Duration {
    let length = to.0.saturating_sub(time.from.0);
    Duration::from_nanos(u64::try_from(length).unwrap_or_default())
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// How long it was out before a time, moment by moment.
    fn counted(all: &[(i64, Storage)], before: i64) -> i64 {
        let (mut out, mut sum) = (false, 0);
        for now in 0..before {
            for (_, storage) in all.iter().filter(|(at, _)| *at == now) {
                match storage {
                    Storage::Opened => out = true,
                    Storage::Closed => out = false,
                    Storage::Dried => (out, sum) = (true, 0),
                }
            }
            sum += i64::from(out);
        }
        sum
    }

    fn any_turns(most: usize) -> impl Strategy<Value = Vec<(i64, Storage)>> {
        let all = vec![
            Storage::Opened,
            Storage::Closed,
            Storage::Opened,
            Storage::Closed,
            Storage::Dried,
        ];
        let one = (0..400_i64, prop::sample::select(all));
        proptest::collection::vec(one, 0..most).prop_map(|mut all| {
            all.sort_unstable();
            all
        })
    }

    fn of(all: &[(i64, Storage)]) -> Exposure {
        Exposure::of(all.iter().map(|(at, storage)| (Utc(*at), *storage)))
    }

    proptest! {
        #[test]
        fn a_floor_life_is_at_its_end_when_a_clock_that_stands_still_says_so(
            all in any_turns(12),
            life in 0..300_u64,
            now in 400..500_i64,
        ) {
            let until = of(&all).until(Duration::from_nanos(life));
            let spent = counted(&all, now) > i64::try_from(life).unwrap();
            prop_assert_eq!(until.is_some_and(|until| until < Utc(now)), spent, "{:?}", until);
        }

        #[test]
        fn many_times_out_are_as_long_as_each_of_them(
            mut all in any_turns(400),
            dried in 0..400_i64,
            now in 400..500_i64,
        ) {
            // Dried once at most, or they would not be many.
            all.retain(|(at, storage)| *storage != Storage::Dried || *at == dried);
            let told = of(&all);
            prop_assert!(told.0.len() <= TOLD_MAX);
            prop_assert_eq!(nanos(told.by(Utc(now))), counted(&all, now));
        }

        #[test]
        fn who_is_ahead_is_so_with_every_floor_life(one in any_turns(8), other in any_turns(8)) {
            let (one, other) = (of(&one), of(&other));
            let ahead = (0..900).all(|life| {
                let life = Duration::from_nanos(life);
                match (one.until(life), other.until(life)) {
                    (_, None) => true,
                    (None, Some(_)) => false,
                    (Some(one), Some(other)) => one <= other,
                }
            });
            prop_assert!(ahead || !one.is_ahead_of(&other));
            prop_assert!(one.is_ahead_of(&one));
        }
    }

    #[test]
    fn of_more_times_out_than_are_told_the_first_are_one() {
        let turns = |at: i64| [(10 * at, Storage::Opened), (10 * at + 3, Storage::Closed)];
        let all: Vec<_> = (0..100).flat_map(turns).collect();
        let told = of(&all);
        assert_eq!(told.0.len(), TOLD_MAX);
        assert_eq!((nanos(told.by(Utc(1000))), counted(&all, 1000)), (300, 300));
        assert_eq!(told.until(Duration::from_nanos(300)), None);
        assert_eq!(told.until(Duration::from_nanos(299)), Some(Utc(992)));
    }

    #[test]
    fn a_lot_that_is_put_away_has_no_end_and_one_that_was_out_too_long_had_it() {
        let hours = |n: u64| Duration::from_secs(3600 * n);
        let at = |n: u64| Utc(nanos(hours(n)));
        let all = [(at(0), Storage::Opened), (at(100), Storage::Closed)];
        assert_eq!(Exposure::of(all).until(hours(168)), None);
        assert_eq!(Exposure::of(all).until(hours(72)), Some(at(72)));
        let again = all.into_iter().chain([(at(500), Storage::Opened)]);
        assert_eq!(Exposure::of(again.clone()).until(hours(168)), Some(at(568)));
        let dried = again.chain([(at(600), Storage::Dried)]);
        assert_eq!(Exposure::of(dried).until(hours(168)), Some(at(768)));
    }
}
