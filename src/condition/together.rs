//! One vector per period of tags that change when they like: the last good value of each, where there is one of all of them.
use crate::model::plant::{DeviceIndex, TagIndex, Word};
use crate::model::{At, Monotonic, Sample, Utc};
use std::time::Duration;

/// The tags of a group with what they said last. The periods are those of our clock: tags of several devices have
/// clocks of their own.
#[derive(Debug, Clone)]
pub(super) struct TagsTogether {
    tags: Vec<(Word, DeviceIndex)>,
    last: Vec<Option<f64>>,
    /// When one of them said something last, by its source's clock.
    told: Utc,
    every: Duration,
    /// When the period ends.
    ends: Option<Monotonic>,
}

/// What a period that is over comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Period {
    /// A value of each.
    Whole(Utc, Vec<f64>),
    /// Of one there is none that is good.
    Lacking,
}

impl TagsTogether {
    pub(super) fn new(tags: Vec<(Word, DeviceIndex)>, every: Duration) -> Self {
        let last = vec![None; tags.len()];
        Self { tags, last, told: Utc(0), every, ends: None }
    }

    pub(super) fn tags(&self) -> impl Iterator<Item = TagIndex> {
        self.tags.iter().map(|(word, _)| word.tag)
    }

    /// Takes a sample of one of them; what the period comes to that was over before it.
    pub(super) fn told(&mut self, at: At, sample: &Sample) -> Option<Period> {
        let now = at.monotonic;
        let over = self.ends.is_some_and(|ends| ends <= now);
        let period = over.then(|| {
            let all = self.last.iter().copied().collect::<Option<Vec<f64>>>();
            all.map_or(Period::Lacking, |all| Period::Whole(self.told, all))
        });
        let next = |ends: Monotonic| Some(ends.plus(self.every)).filter(|next| now < *next);
        if over || self.ends.is_none() {
            self.ends = self.ends.and_then(next).or(Some(now.plus(self.every)));
        }
        for ((word, _), last) in self.tags.iter().zip(&mut self.last) {
            if word.tag == sample.tag {
                *last = super::of_sample(sample, word.bit);
            }
        }
        self.told = sample.time();
        period
    }

    /// What these tags said does not hold any more: they are not observed, or something was lost.
    pub(super) fn forget(&mut self, is_of: impl Fn(TagIndex, DeviceIndex) -> bool) -> bool {
        let mut any = false;
        for ((word, device), last) in self.tags.iter().zip(&mut self.last) {
            if is_of(word.tag, *device) {
                (*last, any) = (None, true);
            }
        }
        any
    }

    /// What this period was of is over: another begins with the next value.
    pub(super) fn begin_anew(&mut self) {
        self.ends = None;
    }

    /// Goes on with what the same tags said under another plant.
    pub(super) fn adopt(&mut self, before: Self) {
        (self.last, self.told, self.ends) = (before.last, before.told, before.ends);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Quality, Value};

    fn said(tag: u32, seconds: u64, value: f64, quality: Quality) -> (At, Sample) {
        let monotonic = Monotonic(seconds * 1_000_000_000);
        let wall = Utc(monotonic.0.cast_signed());
        let value = Value::Real(value);
        let (tag, source) = (TagIndex(tag), Some(wall));
        let sample = Sample { tag, value, quality, source, server: None, receive: wall };
        (At { monotonic, wall }, sample)
    }

    /// What the periods come to of all that is said of two tags: tag, second, value, good.
    fn periods(all: &[(u32, u64, f64, bool)]) -> Vec<Option<Vec<f64>>> {
        let tags = [0, 1].map(|tag| (Word { tag: TagIndex(tag), bit: None }, DeviceIndex(0)));
        let tags = tags.to_vec();
        let mut together = TagsTogether::new(tags, Duration::from_secs(10));
        let one = |(tag, seconds, value, good): &(u32, u64, f64, bool)| {
            let quality = if *good { Quality::GOOD } else { Quality::BAD_RANGE };
            let (at, sample) = said(*tag, *seconds, *value, quality);
            together.told(at, &sample).map(|period| match period {
                Period::Whole(_, all) => Some(all),
                Period::Lacking => None,
            })
        };
        all.iter().filter_map(one).collect()
    }

    #[test]
    fn a_period_has_the_last_good_value_of_each_and_what_did_not_change_holds() {
        let all = [(0, 0, 1.0, true), (1, 1, 2.0, true), (0, 5, 3.0, true), (0, 10, 4.0, true)];
        assert_eq!(periods(&all), [Some(vec![3.0, 2.0])]);
        let more =
            [(0, 20, 5.0, true), (0, 95, 6.0, true), (1, 96, 7.0, true), (1, 105, 8.0, true)];
        let all: Vec<_> = all.into_iter().chain(more).collect();
        let wanted = [vec![3.0, 2.0], vec![4.0, 2.0], vec![5.0, 2.0], vec![6.0, 7.0]];
        assert_eq!(periods(&all), wanted.map(Some));
    }

    #[test]
    fn a_period_that_another_product_cut_short_makes_no_vector() {
        let tags = [0, 1].map(|tag| (Word { tag: TagIndex(tag), bit: None }, DeviceIndex(0)));
        let mut together = TagsTogether::new(tags.to_vec(), Duration::from_secs(10));
        let tell = |together: &mut TagsTogether, tag, seconds, value| {
            let (at, sample) = said(tag, seconds, value, Quality::GOOD);
            together.told(at, &sample)
        };
        assert_eq!(tell(&mut together, 0, 0, 1.0), None);
        assert_eq!(tell(&mut together, 1, 1, 2.0), None);
        together.begin_anew();
        assert_eq!(tell(&mut together, 0, 12, 7.0), None, "it began with this one");
        let period = tell(&mut together, 1, 22, 9.0);
        assert_eq!(period, Some(Period::Whole(Utc(12_000_000_000), vec![7.0, 2.0])));
    }

    #[test]
    fn what_is_bad_or_was_never_told_or_is_no_number_makes_no_vector() {
        assert_eq!(periods(&[(0, 0, 1.0, true), (0, 10, 1.0, true)]), [None]);
        let bad = [(0, 0, 1.0, true), (1, 1, 2.0, true), (1, 2, 2.0, false), (0, 10, 1.0, true)];
        assert_eq!(periods(&bad), [None]);
        let none = [(0, 0, 1.0, true), (1, 1, f64::NAN, true), (0, 10, 1.0, true)];
        assert_eq!(periods(&none), [None]);
        let again = [(0, 0, 1.0, true), (1, 1, 2.0, false), (1, 2, 2.5, true), (0, 10, 1.0, true)];
        assert_eq!(periods(&again), [Some(vec![1.0, 2.5])]);
    }
}
