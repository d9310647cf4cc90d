//! What is, and what was, in the feeders of a station: the lots that an item may have been made with.
//!
//! Times are the source's. Between a feeder's change and our knowing of it lies a notification, so a
//! change close to an item leaves doubt rather than a guess.
use crate::model::plant::Splice;
use crate::model::{ItemKey, MountKey, MountPointId, MountUse, Position, Utc};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// Lots remembered at a station that were taken out; beyond, that something is forgotten is said.
const REMEMBERED: usize = 64;

/// A lot in a feeder.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Mounted {
    /// The mount.
    #[n(0)]
    pub key: MountKey,
    /// The lot.
    #[n(1)]
    pub lot: ItemKey,
    /// Since when, as the source says.
    #[n(2)]
    pub since: Utc,
    /// Nothing is known of the feeder before, and no item came or left since.
    #[n(3)]
    first: bool,
}

/// The feeders of a station, from records alone.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Feeders {
    #[n(0)]
    now: BTreeMap<MountPointId, Mounted>,
    /// What was taken out, and when, since the last item left.
    #[n(1)]
    before: Vec<(Mounted, Utc)>,
    /// Whether each feeder was ever seen with a lot.
    #[n(2)]
    seen: BTreeSet<MountPointId>,
    /// What was taken out up to then is not remembered any more.
    #[n(3)]
    forgotten: Option<Utc>,
    /// What was taken out up to then is of an item that left, and of none that is told of later.
    #[n(4)]
    turned: Option<Utc>,
}

/// When an item was at a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct During {
    /// Its begin, where that is known by the source's clock; else since the item before left.
    pub(super) from: Option<Utc>,
    /// Its end.
    pub(super) to: Utc,
    /// The feeders were read with it: what is in them now was so at its end.
    pub(super) read: bool,
}

/// What was taken out of the feeders is not remembered far enough back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forgotten;

impl Feeders {
    /// What is in a feeder.
    pub fn now(&self, point: &MountPointId) -> Option<&Mounted> {
        self.now.get(point)
    }

    /// What is in them, and what was taken out since the last item left.
    pub(super) fn mounted(&self) -> impl Iterator<Item = &Mounted> {
        self.now.values().chain(self.before.iter().map(|(mounted, _)| mounted))
    }

    pub(super) fn mount(&mut self, key: MountKey, lot: ItemKey, since: Utc) {
        let first = self.seen.insert(key.point.clone());
        self.now.insert(key.point.clone(), Mounted { key, lot, since, first });
    }

    /// The lot of a mount is known better by now.
    pub(super) fn rename(&mut self, point: &MountPointId, opened: Option<Position>, lot: &ItemKey) {
        let known = self.now.values_mut().chain(self.before.iter_mut().map(|(m, _)| m));
        let same = known.filter(|m| m.key.point == *point && Some(m.key.opened) == opened);
        same.for_each(|mounted| mounted.lot = lot.clone());
    }

    pub(super) fn unmount(&mut self, point: &MountPointId, until: Utc) {
        let Some(old) = self.now.remove(point) else { return };
        if self.before.len() == REMEMBERED {
            let (_, forgotten) = self.before.remove(0);
            self.forgotten = self.forgotten.max(Some(forgotten));
        }
        self.before.push((old, until));
    }

    /// An item came, or left: what was out by then is no lot of the next one.
    pub(super) fn turn(&mut self, at: Utc) {
        let gone = self.before.iter().map(|(_, until)| *until).filter(|until| *until <= at).max();
        self.turned = self.turned.max(gone);
        self.before.retain(|(_, until)| *until > at);
        let now = self.now.values_mut().chain(self.before.iter_mut().map(|(m, _)| m));
        now.filter(|m| m.since <= at).for_each(|m| m.first = false);
        self.forgotten = self.forgotten.filter(|until| *until > at);
    }

    /// Whether all that was in the feeders at that time is still known: another item, made later, may have
    /// been told of before.
    pub(super) fn remembers(&self, at: Utc) -> bool {
        self.turned.is_none_or(|turned| turned <= at)
    }

    /// The lots of a feeder that an item was made with: one, or each of several that it may have been.
    pub(super) fn used(
        &self,
        point: &MountPointId,
        splice: Splice,
        during: During,
    ) -> Result<Vec<MountUse>, Forgotten> {
        let began = |until: Utc| during.from.is_none_or(|from| until > from);
        if self.forgotten.is_some_and(began) {
            return Err(Forgotten);
        }
        let before = self.before.iter().filter(|(m, _)| m.key.point == *point);
        let before = before.map(|(m, until)| (m, Some(*until)));
        let known: Vec<_> = before.chain(self.now.get(point).map(|m| (m, None))).collect();
        let in_time = |(m, until): &(&Mounted, Option<Utc>)| {
            (m.since <= during.to || (during.read && until.is_none())) && until.is_none_or(began)
        };
        let out_later =
            |(_, until): &(&Mounted, Option<Utc>)| until.is_none_or(|until| until > during.to);
        let unseen = known.iter().copied().find(|(m, _)| m.first && began(m.since));
        let mut lots: Vec<_> = known.iter().copied().filter(in_time).collect();
        let mut doubt = !lots.iter().any(|(m, _)| m.since <= during.to);
        if lots.is_empty() {
            // It was there when we first looked, and we looked too late to know since when.
            lots.extend(unseen);
        } else if splice == Splice::OneOf {
            doubt |= unseen.is_some();
        } else {
            let last = lots.last().copied();
            lots.retain(out_later);
            // Taken out before its end, where that is done between items only.
            doubt |= lots.is_empty();
            lots.extend(last.filter(|_| lots.is_empty()));
        }
        let one_of = doubt || lots.len() > 1;
        let used = |(m, _): (&Mounted, _)| MountUse {
            mount: m.key.clone(),
            lot: m.lot.clone(),
            one_of,
            amount: None,
            wasted: None,
            counted: false,
            untold: None,
        };
        Ok(lots.into_iter().map(used).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Code, ItemClass, Position, Scope, StationId};

    fn point() -> MountPointId {
        MountPointId::parse("reel").unwrap()
    }

    fn feeders(changes: &[(&str, i64, Option<i64>)]) -> Feeders {
        let mut feeders = Feeders::default();
        for (lot, since, until) in changes {
            let station = StationId::parse("ST10").unwrap();
            let key = MountKey { station, point: point(), opened: Position(1) };
            let code = Code::parse(lot).unwrap();
            let lot = ItemKey { class: ItemClass::Lot, scope: Scope::Site, code };
            feeders.mount(key, lot, Utc(*since));
            if let Some(until) = until {
                feeders.unmount(&point(), Utc(*until));
            }
        }
        feeders
    }

    fn used(feeders: &Feeders, splice: Splice, from: Option<i64>, to: i64, read: bool) -> String {
        let during = During { from: from.map(Utc), to: Utc(to), read };
        let Ok(lots) = feeders.used(&point(), splice, during) else { return "?".to_owned() };
        let name = |m: &MountUse| format!("{}{}", m.lot.code, if m.one_of { "?" } else { "" });
        lots.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    /// What is expected is argued from the feeder's true history; the last item left at 10.
    #[test]
    fn a_lot_is_certain_only_if_no_other_can_have_been_used() {
        let (clean, one_of) = (Splice::Clean, Splice::OneOf);
        let ab = |at: i64| {
            let mut feeders = feeders(&[("A", 1, Some(at)), ("B", at, None)]);
            feeders.turn(Utc(10));
            feeders
        };
        // Changed before the last item left.
        assert_eq!(used(&ab(5), one_of, None, 20, true), "B");
        // Changed since: the item may have been begun with either, unless that is never done.
        assert_eq!(used(&ab(15), one_of, None, 20, true), "A? B?");
        assert_eq!(used(&ab(15), clean, None, 20, true), "B");
        // Changed after the item was done, before it was read.
        assert_eq!(used(&ab(25), clean, None, 20, true), "A? B?");
        assert_eq!(used(&ab(25), one_of, None, 20, true), "A? B?");
        // A phase knows its begin, and is told later.
        assert_eq!(used(&ab(15), one_of, Some(16), 20, false), "B");
        assert_eq!(used(&ab(15), one_of, Some(14), 20, false), "A? B?");
        assert_eq!(used(&ab(25), one_of, Some(14), 20, false), "A");
        assert_eq!(used(&ab(25), clean, Some(14), 20, false), "A");
    }

    #[test]
    fn an_emptied_feeder_leaves_doubt_and_an_empty_one_none() {
        let mut gone = feeders(&[("A", 1, Some(15))]);
        gone.turn(Utc(10));
        assert_eq!(used(&gone, Splice::Clean, None, 20, true), "A?");
        gone.turn(Utc(20));
        assert_eq!(used(&gone, Splice::Clean, None, 30, true), "");
        // The next lot came after the phase, and the feeder was known to be empty.
        let filled = feeders(&[("A", 1, Some(2)), ("B", 40, None)]);
        assert_eq!(used(&filled, Splice::OneOf, Some(20), 30, false), "");
    }

    #[test]
    fn a_lot_first_seen_after_the_phase_is_in_doubt() {
        let first = feeders(&[("A", 40, None)]);
        assert_eq!(used(&first, Splice::OneOf, Some(20), 30, false), "A?");
        // An item that stood there when we first looked may have been begun with another.
        let mut first = feeders(&[("A", 20, None)]);
        assert_eq!(used(&first, Splice::OneOf, None, 30, true), "A?");
        assert_eq!(used(&first, Splice::Clean, None, 30, true), "A");
        first.turn(Utc(30));
        assert_eq!(used(&first, Splice::OneOf, None, 40, true), "A");
    }

    #[test]
    fn what_is_forgotten_is_not_guessed() {
        let many: Vec<(String, i64)> = (0..70).map(|n| (format!("L{n}"), n)).collect();
        let changes: Vec<_> = many.iter().map(|(l, n)| (l.as_str(), *n, Some(n + 1))).collect();
        let mut feeders = feeders(&changes);
        assert_eq!(used(&feeders, Splice::OneOf, None, 100, true), "?");
        assert_eq!(used(&feeders, Splice::OneOf, Some(69), 100, true), "L69");
        feeders.turn(Utc(80));
        assert_eq!(used(&feeders, Splice::OneOf, None, 100, true), "");
    }
}
