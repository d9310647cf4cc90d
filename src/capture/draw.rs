//! How much was taken from the lot in a feeder since it was mounted, as far as the counters tell.
//!
//! Of a lot that is spliced to the next, nothing is known of what the counters counted between the last
//! reading with the one and the first with the other: only if they stood still is it told. An empty feeder
//! gives nothing, so a reading of it belongs to the lot before and to the one behind it.
use super::tally::forward;
use crate::model::{Count, MountPointId, Position, TraceEvent, Untold, What};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// What was taken from the lots in a station's feeders, from records alone.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(transparent)]
pub struct Draws(#[n(0)] BTreeMap<MountPointId, Draw>);

/// Of one feeder.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
struct Draw {
    /// What is in it.
    #[n(0)]
    mount: Option<Position>,
    /// The last reading. That nothing was in it then is forgotten with the next lot that comes and goes
    /// unread.
    #[n(1)]
    last: Option<Count>,
    /// What was taken up to that reading; `None` before the first with this lot.
    #[n(2)]
    taken: Result<Option<u64>, Untold>,
}

impl Draws {
    /// How much was taken from what is in a feeder, by the reading that shows another in it, or none.
    pub(super) fn end(&self, point: &MountPointId, reading: Option<&Count>) -> Result<u64, Untold> {
        self.0.get(point).map_or(Err(Untold::Unread), |draw| draw.end(reading))
    }

    /// Folds an event in.
    pub(super) fn apply(&mut self, position: Position, event: &TraceEvent) {
        if let What::Mount { point, .. } = &event.what {
            let draw = self.0.entry(point.clone()).or_default();
            (draw.mount, draw.taken) = (Some(position), Ok(None));
        } else if let What::Unmount { mount, .. } = &event.what {
            self.0.entry(mount.point.clone()).or_default().empty();
        }
        let late = matches!(event.what, What::Note { .. });
        for count in &event.counts {
            self.0.entry(count.point.clone()).or_default().read(count, late);
        }
    }

    /// What the counters counted meanwhile may be of whatever lot.
    pub(super) fn blur(&mut self, why: Untold) {
        for draw in self.0.values_mut() {
            *draw = Draw { mount: draw.mount, last: None, taken: Err(why) };
        }
    }
}

impl Default for Draw {
    fn default() -> Self {
        Self { mount: None, last: None, taken: Err(Untold::Unread) }
    }
}

impl Draw {
    fn empty(&mut self) {
        let gone = self.mount.take();
        if let Some(last) = self.last.as_mut().filter(|last| last.mount.is_none()) {
            last.mount = gone;
        }
        self.taken = Err(Untold::Unread);
    }

    fn read(&mut self, count: &Count, late: bool) {
        let on = self.last.as_ref().map(|last| (last.mount, on(last, count)));
        let anew = count.per_lot && self.last.as_ref().is_some_and(|l| l.mount != count.mount);
        if late && matches!(on, Some((_, None))) && !anew {
            // It is from before the last one.
            return;
        }
        if count.mount == self.mount && count.mount.is_some() {
            self.taken = match (self.taken, on) {
                (Err(why), _) => Err(why),
                (Ok(None), _) if count.per_lot => Ok(Some(count.taken.value)),
                (Ok(_), None) => Err(Untold::Unread),
                (Ok(_), Some((_, None))) => Err(Untold::Reset),
                (Ok(Some(taken)), Some((_, Some(more)))) => Ok(Some(taken.saturating_add(more))),
                (Ok(None), Some((before, Some(more)))) if more == 0 || before.is_none() => {
                    Ok(Some(more))
                }
                (Ok(None), Some(_)) => Err(Untold::Changed),
            };
        }
        self.last = Some(count.clone());
    }

    fn end(&self, reading: Option<&Count>) -> Result<u64, Untold> {
        let taken = self.taken?;
        let (Some(reading), Some(last)) = (reading, &self.last) else {
            return Err(Untold::Unread);
        };
        if reading.per_lot {
            // What came after the last reading went with its counter.
            return Err(Untold::Changed);
        }
        let more = on(last, reading).ok_or(Untold::Reset)?;
        let gone = reading.mount.is_none();
        match taken {
            Some(taken) if more == 0 || gone => Ok(taken.saturating_add(more)),
            None if more == 0 || (gone && last.mount.is_none()) => Ok(more),
            Some(_) | None => Err(Untold::Changed),
        }
    }
}

/// How far the counter went on from one reading to the next; `None` if it did not.
fn on(from: &Count, to: &Count) -> Option<u64> {
    forward(Some(from.taken), Some(to.taken))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Code, ItemKey, MountKey, Reading, Scope, StationId, Text, Utc};

    fn point() -> MountPointId {
        MountPointId::parse("reel").unwrap()
    }

    fn count(mount: Option<u64>, value: u64) -> Count {
        let taken = Reading { value, bits: 16 };
        let mount = mount.map(Position);
        Count { point: point(), mount, taken, wasted: None, per_lot: false }
    }

    fn lot() -> ItemKey {
        ItemKey::lot(Scope::Site, Code::parse("L").unwrap())
    }

    #[derive(Default)]
    struct Reel(Draws);

    impl Reel {
        fn event(&mut self, position: u64, what: What, counts: Vec<Count>) {
            let event = TraceEvent { counts, ..TraceEvent::bare(what, Utc(0), None) };
            self.0.apply(Position(position), &event);
        }

        fn mount(&mut self, position: u64) {
            self.event(position, What::Mount { point: point(), lot: lot() }, Vec::new());
        }

        fn unmount(&mut self, opened: u64) {
            let station = StationId::parse("OP10").unwrap();
            let mount = MountKey { station, point: point(), opened: Position(opened) };
            let what = What::Unmount { mount, lot: lot(), used: None, untold: None };
            self.event(opened + 1, what, Vec::new());
        }

        fn read(&mut self, mount: Option<u64>, value: u64) {
            let item = ItemKey::unit(Code::parse("U").unwrap());
            self.event(99, What::Arrive { item }, vec![count(mount, value)]);
        }

        fn end(&self, mount: Option<u64>, value: u64) -> Result<u64, Untold> {
            self.0.end(&point(), Some(&count(mount, value)))
        }
    }

    #[test]
    fn what_a_lot_gave_is_told_where_the_counter_stood_still_at_both_ends() {
        let mut reel = Reel::default();
        reel.mount(1);
        reel.read(Some(1), 10);
        // Nobody looked when it was mounted.
        assert_eq!(reel.end(None, 10), Err(Untold::Unread));
        reel.read(Some(1), 65_530);
        reel.unmount(1);
        reel.mount(3);
        reel.read(Some(3), 65_530);
        reel.read(Some(3), 5);
        // The counter went round.
        assert_eq!(reel.end(Some(4), 5), Ok(11));
        // Which of the two gave one more is not known, but an empty feeder gives nothing.
        assert_eq!(reel.end(Some(4), 6), Err(Untold::Changed));
        assert_eq!(reel.end(None, 6), Ok(12));
        assert_eq!(reel.end(None, 4), Err(Untold::Reset));
        assert_eq!(reel.0.end(&point(), None), Err(Untold::Unread));
    }

    #[test]
    fn an_empty_feeder_leaves_no_doubt_unless_a_lot_came_and_went_unread() {
        let mut reel = Reel::default();
        reel.read(None, 100);
        reel.mount(1);
        assert_eq!(reel.end(None, 103), Ok(3));
        reel.read(Some(1), 104);
        assert_eq!(reel.end(Some(2), 104), Ok(4));
        let mut other = Reel::default();
        other.read(None, 100);
        other.mount(1);
        other.unmount(1);
        other.mount(3);
        other.read(Some(3), 104);
        assert_eq!(other.end(None, 104), Err(Untold::Changed));
    }

    #[test]
    fn what_was_not_observed_is_not_told_until_the_next_lot() {
        let mut reel = Reel::default();
        reel.read(None, 0);
        reel.mount(1);
        reel.read(Some(1), 2);
        reel.0.blur(Untold::Gap);
        reel.read(Some(1), 4);
        assert_eq!(reel.end(None, 4), Err(Untold::Gap));
        reel.unmount(1);
        reel.read(None, 4);
        reel.mount(3);
        reel.read(Some(3), 4);
        assert_eq!(reel.end(None, 9), Ok(5));
        let text = Text::parse("late").unwrap();
        // A reading that comes late is from before.
        reel.event(9, What::Note { item: None, text }, vec![count(Some(3), 3)]);
        assert_eq!(reel.end(None, 9), Ok(5));
    }
}
