//! Mounts: a lot is in a feeder from the moment its code appears until it goes or changes.
use super::feeders::{During, Forgotten};
use super::number::number;
use super::snapshot::{Snapshot, Trigger, pick};
use super::tally::{exactly, untold};
use super::{Capture, compose};
use crate::model::plant::{CodeFrom, Counter, MountPoint, StationIndex, TagIndex, Word};
use crate::model::{
    Amount, Body, Count, Effect, ItemKey, MountUse, Position, QuarantineCause, ReadDone, ReadFrom,
    ReadRequest, Reading, Sample, StationId, Step, TraceEvent, Untold, Utc, What,
};
use std::time::Duration;

/// What is known of a feeder since the last start.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    /// The source's time of the last look, and ours: an older notification that comes late says
    /// nothing; a clock that was set back does not blind us for longer than [`LATE`].
    seen: Option<(Utc, Utc)>,
    /// Its word cannot be used.
    bad: bool,
    /// What was told and is not recorded yet: the counters are read first.
    told: Vec<Change>,
}

/// A lot, or none, and when it came: as the source says, and when that was told.
#[derive(Debug, Clone)]
struct Change {
    lot: Option<ItemKey>,
    times: (Utc, Utc),
}

/// The counters of a feeder as they were read, with the lot that was in it.
#[derive(Debug, Clone)]
struct Read {
    lot: Option<ItemKey>,
    count: Count,
    /// No event carries it but that of the change itself.
    alone: bool,
}

/// What the counters of feeders say at an item's end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Counted<'a> {
    /// It is no end that is counted.
    Not,
    /// Nothing, and why.
    InVain(Untold),
    /// These were read.
    As(&'a [Count]),
}

/// No notification comes later than this.
const LATE: Duration = Duration::from_secs(2);

impl Capture {
    /// The lot word of a feeder changed. Where the scope is in another word, only a snapshot has both
    /// together, and the change is taken from the next one.
    pub(super) fn on_mount_word(
        &mut self,
        step: &mut Step,
        station: StationIndex,
        mount: usize,
        sample: &Sample,
    ) {
        let point = self.mount_point(station, mount);
        let CodeFrom::Word(word) = point.lot.from else { return };
        if point.lot.scope.word().is_some() {
            let text = format!(
                "held because {} has its scope in another word: both are read with the next request",
                sample.value
            );
            return self.say_of(step, station, &point.id, text);
        }
        let text = sample.good().and_then(|v| pick(v, word)?.as_text());
        let watch = self.live_mut().watches.entry((station, mount)).or_default();
        watch.bad = text.is_none();
        let old = watch
            .seen
            .is_some_and(|(seen, when)| sample.time() < seen && sample.receive < when.plus(LATE));
        let Some(text) = text else {
            let text = format!("did not fire because the lot word is {}", sample.quality);
            return self.say_of(step, station, &point.id, text);
        };
        if old {
            let text = format!("did not fire because {text:?} is older than what was seen");
            return self.say_of(step, station, &point.id, text);
        }
        let lot = compose::code(&point.lot, &text, None);
        // What is in the feeder now is not known, whatever was in it.
        watch.bad = lot.is_err();
        let times = (sample.time(), sample.receive);
        let waits = !watch.told.is_empty();
        match lot {
            // What is told now may be what was told before, but not what stood there before that.
            Ok(lot) if point.used.is_some() && self.is_news(station, mount, lot.as_ref()) => {
                let watch = self.live_mut().watches.entry((station, mount)).or_default();
                watch.seen = Some(times);
                watch.told.push(Change { lot, times });
                let text = format!("held because the counters are read before {text:?} counts");
                self.say_of(step, station, &point.id, text);
                self.read_counters(step, station, &point, mount);
            }
            // It is told once more, and waits for its counters.
            Ok(_) if waits => {
                let watch = self.live_mut().watches.entry((station, mount)).or_default();
                watch.seen = Some(times);
                let text = format!("held because the counters are still being read for {text:?}");
                self.say_of(step, station, &point.id, text);
            }
            lot => {
                if let Ok(lot) = &lot
                    && !self.is_news(station, mount, lot.as_ref())
                {
                    let text = match lot {
                        Some(lot) => format!("did not fire because {lot} is in it already"),
                        None => "did not fire because it is empty already".to_owned(),
                    };
                    self.say_of(step, station, &point.id, text);
                }
                let _ = self.see_mount(step, station, mount, lot, times, None);
            }
        }
    }

    /// Whether a lot is another than was last told or recorded of a feeder.
    fn is_news(&self, station: StationIndex, mount: usize, lot: Option<&ItemKey>) -> bool {
        let live = self.live();
        let told = live.watches.get(&(station, mount)).and_then(|watch| watch.told.last());
        if let Some(told) = told {
            return told.lot.as_ref() != lot;
        }
        let station = live.station(station);
        let point = station.mounts.get(mount).map(|point| &point.id);
        let memory = self.memory.station(&station.id);
        let now = memory.zip(point).and_then(|(memory, point)| memory.feeders.now(point));
        now.map(|now| &now.lot) != lot
    }

    /// Records what was told of a feeder and waits for its counters.
    fn take_told(
        &mut self,
        step: &mut Step,
        station: StationIndex,
        mount: usize,
        read: Option<&Read>,
    ) {
        let watch = self.live_mut().watches.entry((station, mount)).or_default();
        let mut told = std::mem::take(&mut watch.told).into_iter().peekable();
        while let Some(Change { lot, times }) = told.next() {
            // The counters were read with what is in it now.
            let read = read.filter(|read| told.peek().is_none() && read.lot == lot);
            let _ = self.see_mount(step, station, mount, Ok(lot), times, read);
        }
    }

    /// Records what was told of the feeders of a station, whatever their counters stand at.
    pub(super) fn take_all_told(&mut self, step: &mut Step, station: StationIndex) {
        for mount in 0..self.live().station(station).mounts.len() {
            self.take_told(step, station, mount, None);
        }
    }

    /// Another lot is in the feeder: what its counters stand at tells how much came from the one before.
    fn read_counters(
        &mut self,
        step: &mut Step,
        station: StationIndex,
        point: &MountPoint,
        mount: usize,
    ) {
        let (Some(_), CodeFrom::Word(lot)) = (&point.used, point.lot.from) else { return };
        let token = self.token();
        let live = self.live_mut();
        let device = live.plant.tag(lot.tag).device;
        live.counting.insert(token, (station, mount));
        let (tags, session) = (counter_words(point, lot), live.session(device));
        let from = ReadFrom::Words;
        step.effect(Effect::Read(ReadRequest { token, device, session, tags, from }));
    }

    /// The counters came, with the lot that was in the feeder meanwhile.
    pub(super) fn on_counters(
        &mut self,
        step: &mut Step,
        station: StationIndex,
        mount: usize,
        done: &ReadDone,
    ) {
        let point = self.mount_point(station, mount);
        let (Some(used), CodeFrom::Word(lot)) = (&point.used, point.lot.from) else { return };
        let words = done.outcome.as_ref().ok().cloned();
        let snapshot = words.and_then(|words| Snapshot::new(words, &counter_words(&point, lot)));
        let still = |s: &Snapshot| matches!(s.trigger(lot), Trigger::Still(_));
        let snapshot = snapshot.filter(still);
        let read = snapshot.as_ref().and_then(|s| self.read_of(&point, s));
        let read = read.map(|read| Read { alone: true, ..read });
        self.take_told(step, station, mount, read.as_ref());
        let Some(snapshot) = snapshot else { return };
        let Some(count) = self.count(station, &point, &snapshot) else { return };
        let id = &self.live().station(station).id;
        let Some(memory) = self.memory.station(id) else { return };
        let narrowed = memory.tallies.narrowed(&count, used.unit.as_ref());
        if narrowed.is_none() && !memory.tallies.wants(&count) {
            return;
        }
        let lot = memory.feeders.now(&point.id).map(|now| now.lot.clone());
        let stood = count.taken.value;
        let text = match &narrowed {
            Some(of) => {
                let lots: Vec<&str> = of.mounts.iter().map(|used| used.lot.code.as_str()).collect();
                let lots = if lots.is_empty() { "nothing".to_owned() } else { lots.join(", ") };
                let (point, record) = (&of.point, of.record);
                format!(
                    "the counter of {point} stood at {stood}: of record {record} are left {lots}"
                )
            }
            None => format!("the counter of {} stood at {stood}", point.id),
        };
        let what = What::Note { item: lot, text: compose::sentence(text) };
        let time = snapshot.get(used.counter.tag).map_or(step.at.wall, |word| word.receive);
        let id = id.clone();
        let (counts, narrowed) = (vec![count], narrowed.into_iter().collect());
        let event = TraceEvent { counts, narrowed, ..fed(&id, what, time) };
        self.record(step, Body::Trace(event));
    }

    /// What the counters of the feeders stood at, as far as they could be read.
    pub(super) fn counts(&self, station: StationIndex, snapshot: &Snapshot) -> Vec<Count> {
        let points = self.live().station(station).mounts.iter();
        points.filter_map(|point| self.count(station, point, snapshot)).collect()
    }

    /// The counters of one feeder, if the lot that was read with them is the one that is known to be in it.
    fn count(
        &self,
        station: StationIndex,
        point: &MountPoint,
        snapshot: &Snapshot,
    ) -> Option<Count> {
        let Read { lot, count, .. } = self.read_of(point, snapshot)?;
        let memory = self.memory.station(&self.live().station(station).id);
        let now = memory.and_then(|memory| memory.feeders.now(&point.id));
        if now.map(|now| &now.lot) != lot.as_ref() {
            return None;
        }
        Some(Count { mount: now.map(|now| now.key.opened), ..count })
    }

    /// The counters of one feeder, whatever is known to be in it.
    fn read_of(&self, point: &MountPoint, snapshot: &Snapshot) -> Option<Read> {
        let live = self.live();
        let (used, CodeFrom::Word(word)) = (point.used.as_ref()?, point.lot.from) else {
            return None;
        };
        let text = snapshot.text(&live.plant, word).ok()?;
        let scope = point.lot.scope.word().and_then(|w| snapshot.good(w)?.as_text());
        let lot = compose::code(&point.lot, &text, scope.as_deref()).ok()?;
        let read = |counter: Counter| {
            let bits = live.bits(counter);
            let value = snapshot.good(Word { tag: counter.tag, bit: None })?;
            Some(Reading { value: number(&value, bits)?.0, bits })
        };
        let wasted = match used.waste {
            Some(waste) => Some(read(waste)?),
            None => None,
        };
        let (point, taken, per_lot) = (point.id.clone(), read(used.counter)?, used.per_lot);
        let count = Count { point, mount: None, taken, wasted, per_lot };
        Some(Read { lot, count, alone: false })
    }

    /// The feeders as a snapshot shows them, whatever was told before. A lot word that cannot be used is told: the last good lot is
    /// not what is in the feeder. Its own time says when it changed; the trigger's does not.
    pub(super) fn see_mounts(
        &mut self,
        step: &mut Step,
        station: StationIndex,
        snapshot: &Snapshot,
    ) -> Result<(), QuarantineCause> {
        let mut usable = Ok(());
        for mount in 0..self.live().station(station).mounts.len() {
            let point = self.mount_point(station, mount);
            let CodeFrom::Word(word) = point.lot.from else { continue };
            let read = self.read_of(&point, snapshot);
            self.take_told(step, station, mount, read.as_ref());
            let seen = snapshot.text(&self.live().plant, word).and_then(|text| {
                let scope = point.lot.scope.word().and_then(|w| snapshot.good(w)?.as_text());
                let lot = compose::code(&point.lot, &text, scope.as_deref());
                let times = snapshot.get(word.tag).map(|s| (s.time(), s.receive));
                let times = times.unwrap_or((step.at.wall, step.at.wall));
                self.see_mount(step, station, mount, lot, times, read.as_ref())
                    .map_err(|fault| fault.cause(self.live().plant.tag(word.tag).name.clone()))
            });
            usable = usable.and(seen);
        }
        usable
    }

    fn see_mount(
        &mut self,
        step: &mut Step,
        station: StationIndex,
        mount: usize,
        lot: Result<Option<ItemKey>, compose::CodeFault>,
        (time, receive): (Utc, Utc),
        read: Option<&Read>,
    ) -> Result<(), compose::CodeFault> {
        let point = self.mount_point(station, mount);
        let id = self.live().station(station).id.clone();
        let watch = self.live_mut().watches.entry((station, mount)).or_default();
        // What was read before it was seen last says nothing of how much the lot gave that is in it since.
        let read = read.filter(|_| watch.seen.is_none_or(|(seen, _)| seen <= time));
        watch.seen = Some((time, receive));
        let lot = match lot {
            Ok(lot) => lot,
            Err(why) => {
                self.say_of(step, station, &point.id, format!("the lot is refused: {why}"));
                return Err(why);
            }
        };
        let memory = self.memory.station(&id);
        let old = memory.and_then(|s| s.feeders.now(&point.id)).cloned();
        if old.as_ref().map(|m| &m.lot) == lot.as_ref() {
            return Ok(());
        }
        let carried = read.filter(|read| read.alone).map(|read| &read.count);
        let event = |what, count: Option<Count>| {
            let counts = count.into_iter().collect();
            Body::Trace(TraceEvent { counts, ..fed(&id, what, time) })
        };
        if let Some(old) = old {
            let (used, untold) = self.drawn(&id, &point, lot.as_ref(), read);
            let what = What::Unmount { mount: old.key, lot: old.lot, used, untold };
            let count = carried.filter(|_| lot.is_none()).cloned();
            self.record(step, event(what, count));
        }
        if let Some(lot) = lot {
            let what = What::Mount { point: point.id.clone(), lot };
            let mount = Some(step.next_position());
            let count = carried.map(|count| Count { mount, ..count.clone() });
            self.record(step, event(what, count));
        }
        Ok(())
    }

    /// How much was taken from what is in a feeder, up to the reading that shows another lot in it, or none;
    /// else why that is not known.
    fn drawn(
        &self,
        station: &StationId,
        point: &MountPoint,
        next: Option<&ItemKey>,
        read: Option<&Read>,
    ) -> (Option<Amount>, Option<Untold>) {
        let (Some(counters), Some(memory)) = (&point.used, self.memory.station(station)) else {
            return (None, None);
        };
        // Which lot it is that is in it now does not matter, but that there is one.
        let read = read.filter(|read| read.lot.as_ref() == next);
        let read = read
            .map(|read| Count { mount: next.map(|_| Position(u64::MAX)), ..read.count.clone() });
        match memory.draws.end(&point.id, read.as_ref()) {
            Ok(taken) => {
                let amount = Amount { value: exactly(taken), unit: counters.unit.clone() };
                (Some(amount), None)
            }
            Err(why) => (None, Some(why)),
        }
    }

    /// Whether what is in the feeders is known from what was told of them since the connection was won.
    pub(super) fn feeders_told(&self, station: StationIndex) -> Result<(), QuarantineCause> {
        let live = self.live();
        for (mount, point) in live.station(station).mounts.iter().enumerate() {
            let CodeFrom::Word(word) = point.lot.from else { continue };
            let watch = live.watches.get(&(station, mount));
            if watch.is_none_or(|watch| watch.seen.is_none() || watch.bad) {
                return Err(QuarantineCause::Word(live.plant.tag(word.tag).name.clone()));
            }
        }
        Ok(())
    }

    /// The lots that an item at a station was made with.
    pub(super) fn mounts_used(
        &self,
        station: StationIndex,
        during: During,
        counted: Counted<'_>,
    ) -> Result<Vec<MountUse>, QuarantineCause> {
        let station = self.live().station(station);
        let Some(memory) = self.memory.station(&station.id) else { return Ok(Vec::new()) };
        let mut used = Vec::new();
        for point in &station.mounts {
            let lots = memory.feeders.used(&point.id, point.splice, during);
            let lots = lots.map_err(|Forgotten| QuarantineCause::Mounts)?;
            let (Some(counters), false) = (&point.used, lots.is_empty()) else {
                used.extend(lots);
                continue;
            };
            let own = |count: &&Count| count.point == point.id;
            used.extend(match counted {
                Counted::Not => lots,
                Counted::InVain(why) => untold(lots, why),
                Counted::As(counts) => match counts.iter().find(own) {
                    Some(count) => memory.tallies.shares(count, lots, counters.unit.as_ref()),
                    None => untold(lots, Untold::Unread),
                },
            });
        }
        Ok(used)
    }

    #[expect(clippy::indexing_slicing, reason = "indexes are made with the plant")]
    fn mount_point(&self, station: StationIndex, mount: usize) -> MountPoint {
        self.live().station(station).mounts[mount].clone()
    }
}

/// What is read of a feeder when its lot was changed: the lot first and last.
fn counter_words(point: &MountPoint, lot: Word) -> Vec<TagIndex> {
    let scope = point.lot.scope.word().map(|word| word.tag);
    let between = scope.into_iter().chain(point.counters().map(|counter| counter.tag));
    std::iter::once(lot.tag).chain(between).chain([lot.tag]).collect()
}

/// Something that happened to a feeder.
fn fed(station: &StationId, what: What, time: Utc) -> TraceEvent {
    TraceEvent::bare(what, time, Some(station.clone()))
}
