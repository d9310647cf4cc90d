//! What a day brings beside good parts: masters, retests, rework, codes that nobody could read, parts from
//! elsewhere that somebody lets run, and another program for the press.
use super::sim::{Part, stream};
use rand::RngExt;

/// What is to happen. The same seed brings the same day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayPlan {
    /// One part in so many is retested, reworked, not read, or comes from elsewhere.
    pub odd_one_in: u32,
    /// A master that must pass and one that must fail are leak-tested before every so-manieth part.
    pub masters_every: u64,
    /// After so many parts another program is downloaded to the press: all its counters begin anew.
    pub download_after: u64,
}

/// What happens to one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing out of the ordinary.
    Plain,
    /// It fails its leak test, and is tested again at once.
    Retest,
    /// It fails twice, goes back to the assembly, and is tested once more.
    Rework,
    /// The scanner of the press cannot read it when the pressing is reported.
    Unread,
    /// It was cast elsewhere: nobody here knows it, and a person lets it run.
    Stranger,
}

/// A plan with the seed that it is drawn from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Day {
    pub(super) plan: DayPlan,
    pub(super) seed: u64,
}

impl Day {
    /// What happens to a part.
    pub(super) fn fate(self, part: &Part) -> Fate {
        // A stream of its own for each part: no machine has to be asked before another.
        let mut draw = stream(self.seed, 1_000 + part.index);
        let odd = draw.random_range(0..self.plan.odd_one_in.max(1)) == 0;
        let kinds = [Fate::Retest, Fate::Rework, Fate::Unread, Fate::Stranger];
        let which = draw.random_range(0..kinds.len());
        kinds.get(which).copied().filter(|_| odd).unwrap_or(Fate::Plain)
    }

    /// Whether masters are due before a part.
    pub(super) fn masters_due(self, part: &Part) -> bool {
        part.index.checked_rem(self.plan.masters_every) == Some(0)
    }
}
