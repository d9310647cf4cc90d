//! What the counters of feeders tell of an item: how much of a lot it has in it, and which lots it has not.
//!
//! A reading says that a lot was in the feeder while the counters stood there, and nothing else is believed:
//! not when a lot was changed, and not what the counters did meanwhile. Between the last reading with one lot
//! and the first with the next lies a share that may be of either.
use super::number::{Distance, distance};
use crate::model::{
    Amount, Count, MountPointId, MountUse, Narrowed, Position, Reading, Record, TraceEvent, Ucum,
    Untold, What,
};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// Mounts of one feeder that are told apart while one item is in work.
const MOUNTS_MAX: usize = 64;

/// What the counters of a station's feeders said since the item in work was begun, from records alone.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(transparent)]
pub struct Tallies(#[n(0)] BTreeMap<MountPointId, Tally>);

/// Of one feeder.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
struct Tally {
    #[n(0)]
    since: Result<Since, Untold>,
    /// The last item whose share is not known, while it may yet be.
    #[n(1)]
    open: Option<Open>,
}

/// An item that has one lot or another in it.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
struct Open {
    #[n(0)]
    record: Position,
    #[n(1)]
    since: Since,
    #[n(2)]
    end: Count,
    #[n(3)]
    uses: Vec<MountUse>,
}

/// The readings since an item was begun.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
struct Since {
    #[n(0)]
    base: Count,
    #[n(1)]
    last: Count,
    /// Of each mount the first and the last, in the order in which they were mounted.
    #[n(2)]
    seen: Vec<(Position, Count, Count)>,
}

/// How much was taken from a lot: at least, and at most as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    min: u64,
    max: Option<u64>,
}

/// One of the two counters.
type Column = fn(&Count) -> Option<Reading>;

impl Tallies {
    /// What the counters say of these lots of one feeder, from the begin of the item to this reading.
    pub(super) fn shares(
        &self,
        count: &Count,
        lots: Vec<MountUse>,
        unit: Option<&Ucum>,
    ) -> Vec<MountUse> {
        let since = self.0.get(&count.point).map_or(Err(Untold::Unread), |t| t.since.clone());
        match since.and_then(|since| since.shares(count, &lots, unit)) {
            Ok(shares) => shares,
            Err(why) => untold(lots, why),
        }
    }

    /// What a reading that came late says of the last item: `None` if nothing new, or if the reading is
    /// of no use to anybody.
    pub(super) fn narrowed(&self, count: &Count, unit: Option<&Ucum>) -> Option<Narrowed> {
        let open = self.0.get(&count.point)?.open.as_ref().filter(|open| open.is_about(count))?;
        let Open { record, since, end, uses } = open;
        let mut since = since.clone();
        since.read(count, true).ok()?;
        let mounts = since.shares(end, uses, unit).ok()?;
        (mounts != *uses).then(|| Narrowed { record: *record, point: count.point.clone(), mounts })
    }

    /// Whether a reading that comes late would tell more of the item in work.
    pub(super) fn wants(&self, count: &Count) -> bool {
        let since = self.0.get(&count.point).and_then(|tally| tally.since.clone().ok());
        since.is_some_and(|known| {
            let mut with = known.clone();
            with.read(count, true).is_ok() && with != known
        })
    }

    /// The readings of an event, and what it says with them.
    pub(super) fn take(&mut self, record: &Record, event: &TraceEvent) {
        let late = matches!(event.what, What::Note { .. });
        for count in &event.counts {
            let tally = self.0.entry(count.point.clone()).or_insert_with(Tally::new);
            tally.open(record.position, event, count);
            tally.read(count, late);
        }
        for narrowed in &event.narrowed {
            if let Some(tally) = self.0.get_mut(&narrowed.point) {
                tally.narrow(narrowed);
            }
        }
    }

    /// The next item begins with this event.
    pub(super) fn turn(&mut self, event: &TraceEvent) {
        for tally in self.0.values_mut() {
            tally.since = Err(Untold::Unread);
        }
        for count in &event.counts {
            if let Some(tally) = self.0.get_mut(&count.point) {
                tally.since = Ok(Since::begin(count));
            }
        }
    }

    /// What is taken from here on is not of one item alone, or was not seen.
    pub(super) fn blur(&mut self, why: Untold) {
        for tally in self.0.values_mut() {
            *tally = Tally { since: Err(why), open: None };
        }
    }
}

/// The counters do not say how much of each.
pub(super) fn untold(mut lots: Vec<MountUse>, why: Untold) -> Vec<MountUse> {
    for used in &mut lots {
        used.untold = Some(why);
    }
    lots
}

impl Tally {
    fn new() -> Self {
        Self { since: Err(Untold::Unread), open: None }
    }

    fn read(&mut self, count: &Count, late: bool) {
        if let Some(open) = self.open.as_mut().filter(|open| late && open.is_about(count))
            && open.since.read(count, true).is_err()
        {
            self.open = None;
        }
        if let Ok(since) = &mut self.since
            && let Err(why) = since.read(count, late)
        {
            *self = Self { since: Err(why), open: None };
        }
    }

    fn open(&mut self, record: Position, event: &TraceEvent, count: &Count) {
        let (What::Complete { mounts, .. } | What::Produce { mounts, .. }) = &event.what else {
            return;
        };
        let uses = mounts.iter().filter(|used| used.mount.point == count.point);
        let uses: Vec<MountUse> = uses.cloned().collect();
        let since = self.since.as_ref().ok().filter(|_| is_open(&uses));
        if let Some(since) = since.cloned() {
            self.open = Some(Open { record, since, end: count.clone(), uses });
        }
    }

    fn narrow(&mut self, narrowed: &Narrowed) {
        if let Some(open) = self.open.as_mut().filter(|open| open.record == narrowed.record) {
            open.uses.clone_from(&narrowed.mounts);
        }
        self.open.take_if(|open| !is_open(&open.uses));
    }
}

/// Whether a later reading may tell more.
fn is_open(uses: &[MountUse]) -> bool {
    uses.iter().any(|used| used.untold == Some(Untold::Changed))
}

impl Open {
    /// Whether a reading is from before the item's end.
    fn is_about(&self, count: &Count) -> bool {
        goes_on(count, &self.end)
    }
}

impl Since {
    fn begin(count: &Count) -> Self {
        let seen = count.mount.map(|mount| (mount, count.clone(), count.clone()));
        Self { base: count.clone(), last: count.clone(), seen: seen.into_iter().collect() }
    }

    /// Takes a reading. One that comes late may be from before others; else the counters must not have
    /// fallen since the last one.
    fn read(&mut self, count: &Count, late: bool) -> Result<(), Untold> {
        let alone = count.per_lot && count.mount != self.last.mount;
        let on_from_last = alone || goes_on(&self.last, count);
        if late && (count.per_lot || !goes_on(&self.base, count)) {
            // It is from before the item, or says nothing that a later one does not.
            return Ok(());
        }
        if !late && !on_from_last {
            return Err(Untold::Reset);
        }
        if on_from_last {
            self.last = count.clone();
        }
        let Some(mount) = count.mount else { return Ok(()) };
        let at = self.seen.partition_point(|(known, ..)| *known < mount);
        let full = self.seen.len() >= MOUNTS_MAX;
        match self.seen.get_mut(at).filter(|(known, ..)| *known == mount) {
            Some((_, first, last)) => {
                if goes_on(count, first) {
                    first.clone_from(count);
                }
                if goes_on(last, count) {
                    last.clone_from(count);
                }
            }
            None if full => return Err(Untold::Changed),
            None => self.seen.insert(at, (mount, count.clone(), count.clone())),
        }
        Ok(())
    }

    /// What the item has of each of these lots, if this is the reading at its end. Lots that it has nothing
    /// of are left out.
    fn shares(
        &self,
        end: &Count,
        lots: &[MountUse],
        unit: Option<&Ucum>,
    ) -> Result<Vec<MountUse>, Untold> {
        let mut whole = self.clone();
        whole.read(end, false)?;
        let mut shares = Vec::new();
        for lot in lots {
            let of = |column| whole.bounds(lot.mount.opened, end, column).ok_or(Untold::Reset);
            let none = Bounds { min: 0, max: Some(0) };
            let all = of(TAKEN)?;
            let waste = if end.wasted.is_some() { of(WASTED)? } else { none };
            shares.extend(share(lot, all, waste, unit)?);
        }
        // Which of two it was is known if the other was not.
        if let ([one], true) = (shares.as_mut_slice(), lots.len() > 1) {
            one.one_of = false;
        }
        Ok(shares)
    }

    /// How much one of the counters counted for a mount. `None` if the readings contradict each other.
    fn bounds(&self, mount: Position, end: &Count, of: Column) -> Option<Bounds> {
        let own = self.seen.iter().find(|(known, ..)| *known == mount);
        if end.per_lot {
            let is_base = self.base.mount == Some(mount);
            let counted = |last: &Count| {
                if is_base { forward(of(&self.base), of(last)) } else { Some(of(last)?.value) }
            };
            let min = own.map_or(Some(0), |(_, _, last)| counted(last))?;
            // What came after the last reading of a lot that is gone went with its counter.
            return Some(Bounds { min, max: (end.mount == Some(mount)).then_some(min) });
        }
        let off = |count: &Count| forward(of(&self.base), of(count));
        let before = self.seen.iter().rfind(|(known, ..)| *known < mount);
        let after = self.seen.iter().find(|(known, ..)| *known > mount);
        let from = before.map_or(Some(0), |(_, _, last)| off(last))?;
        let to = after.map_or_else(|| off(end), |(_, first, _)| off(first))?;
        let min = own.map_or(Some(0), |(_, first, last)| off(last)?.checked_sub(off(first)?))?;
        let max = to.checked_sub(from).filter(|max| *max >= min)?;
        Some(Bounds { min, max: Some(max) })
    }
}

/// What an item has of a lot; `None` if nothing.
fn share(
    lot: &MountUse,
    all: Bounds,
    waste: Bounds,
    unit: Option<&Ucum>,
) -> Result<Option<MountUse>, Untold> {
    let exact = all.max == Some(all.min) && waste.max == Some(waste.min);
    if exact && waste.min > all.min {
        return Err(Untold::Reset);
    }
    if all.max == Some(0) || (exact && all.min == waste.min) {
        return Ok(None);
    }
    let counted = waste.max.is_some_and(|waste| all.min > waste);
    let amount = |count: u64| Amount { value: exactly(count), unit: unit.cloned() };
    Ok(Some(MountUse {
        one_of: lot.one_of && !counted,
        counted,
        amount: exact.then(|| amount(all.min.saturating_sub(waste.min))),
        wasted: (exact && waste.min > 0).then(|| amount(waste.min)),
        untold: (!exact).then_some(Untold::Changed),
        ..lot.clone()
    }))
}

#[expect(clippy::cast_precision_loss, reason = "nothing counts so far while one item is in work")]
pub(super) fn exactly(count: u64) -> f64 {
    count as f64
}

const TAKEN: Column = |count| Some(count.taken);
const WASTED: Column = |count| count.wasted;

/// Whether the counters may have gone on from one reading to another.
fn goes_on(from: &Count, to: &Count) -> bool {
    let within = |of: Column| forward(of(from), of(to)).is_some();
    within(TAKEN) && (to.wasted.is_none() || within(WASTED))
}

/// How far a counter went on from one reading to another; `None` if it did not.
pub(super) fn forward(from: Option<Reading>, to: Option<Reading>) -> Option<u64> {
    let (from, to) = (from?, to?);
    match distance(from.value, to.value, to.bits) {
        Distance::Same => Some(0),
        Distance::Forward { skipped } if from.bits == to.bits => Some(skipped.saturating_add(1)),
        Distance::Forward { .. } | Distance::Fell => None,
    }
}
