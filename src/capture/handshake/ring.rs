//! A ring of slots: the PLC puts each entry into the next one and counts. Slots are known by their own
//! numbers, never by their place alone; what was written over before it was read is a gap that names
//! it. The tail goes back to the PLC once the record is durable.
use super::{Found, Stage};
use crate::capture::memory::HandshakeMemory;
use crate::capture::number::{Distance, after, behind, distance, mask, number, value};
use crate::capture::snapshot::{Snapshot, Trigger, own_words, pick};
use crate::capture::{At, Capture};
use crate::model::plant::{Ring, TagIndex, Word};
use crate::model::{
    Effect, Epoch, EpochCause, GapCause, HandshakeNumber, Interval, Monotonic, Permit, Position,
    ReadFrom, ReadRequest, ReadToken, Sample, Step, Text, Utc, Value,
};
use std::collections::BTreeSet;

/// How far a ring is read since the last start.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Turn {
    /// It is known whether the ring still goes on from what was recorded last.
    anchored: bool,
    /// The slot that was recorded last.
    slot: Option<usize>,
    /// A number that stood in no slot when all were looked at.
    missing: Option<HandshakeNumber>,
    /// The head as it was told or read last.
    head: Option<Head>,
    /// The last time that nothing was unread.
    rest: Option<Head>,
    /// The head when it was first seen since the last start.
    first: Option<HandshakeNumber>,
    /// Since when something may have been missed when the head was told last.
    seen: Option<Utc>,
    /// Since when a slot cannot be read, as long as it is not known whether it is the same ring.
    blind: Option<Monotonic>,
    /// When the head was told to have fallen; up to then it is in a gap, and another epoch began.
    fell: Option<Utc>,
}

/// The head of a ring as it was seen.
#[derive(Debug, Clone, Copy)]
struct Head {
    number: HandshakeNumber,
    /// Since when it was so, by the clock of the PLC.
    source: Option<Utc>,
    receive: Utc,
}

/// A slot that is to be read, and the entry that is looked for in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    number: HandshakeNumber,
    place: usize,
    /// It is recorded already: only whether it is the same is asked.
    anchor: bool,
}

/// What stands where the last one that was recorded stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Anchor {
    /// The same.
    Same,
    /// Something else: it is another ring.
    Other,
    /// A word of it has or had no value, or another plant has other words: it cannot be told.
    Unsure,
}

/// What all slots hold.
struct Scan {
    head: HandshakeNumber,
    /// By number, the oldest first, with their places.
    entries: Vec<(HandshakeNumber, usize)>,
    /// Its slots say that the count may have been set back since they were filled.
    may_be_set_back: bool,
}

impl Turn {
    /// The head was told or read; `last` is what was recorded last.
    fn see(&mut self, head: Head, last: Option<HandshakeNumber>) {
        let before = self.head.replace(head);
        let at_rest = |seen: &Head| Some(seen.number) == last;
        self.rest = Some(head).filter(at_rest).or(before.filter(at_rest)).or(self.rest);
        self.first.get_or_insert(head.number);
    }

    pub(super) fn first(&self) -> Option<HandshakeNumber> {
        self.first
    }

    /// When the head was seen to stand at this number, the last time that nothing was unread.
    pub(super) fn stood_at(&self, number: HandshakeNumber) -> Option<Utc> {
        self.rest.filter(|head| head.number == number).map(|head| head.receive)
    }
}

impl Stage {
    fn is_of_ring(&self) -> bool {
        match self {
            Self::Scanning { .. } | Self::Slots { .. } | Self::Waiting(..) => true,
            Self::Idle
            | Self::Reading { .. }
            | Self::Asking { .. }
            | Self::Replying { .. }
            | Self::Listing { .. }
            | Self::Fetching { .. } => false,
        }
    }
}

impl Capture {
    /// The head was told: one that falls is another ring in the same place.
    pub(super) fn see_head(&mut self, step: &mut Step, at: At, sample: &Sample) {
        let bits = self.ring_bits(at);
        let memory = self.handshake_memory(at);
        let exchange = self.exchange(at);
        let Some(now) = exchange.trigger.as_ref().and_then(|v| number(v, bits)) else { return };
        // At first it is held against the record.
        let (seen, source) = (exchange.turn.head, sample.source);
        let before = seen.map(|head| head.number).or(memory.last());
        if before.is_some_and(|before| distance(before.0, now.0, bits) == Distance::Fell) {
            let since = seen.and_then(|head| head.source);
            if since.zip(source).is_some_and(|(since, source)| source < since) {
                // A read was faster: this is what stood there before.
                return;
            }
            // Something of the new ring may be recorded already.
            let since = exchange.turn.seen;
            exchange.turn = Turn { fell: Some(step.at.wall), ..Turn::default() };
            if seen.is_some() {
                // It was filled anew before our eyes.
                exchange.outage = None;
            }
            if exchange.stage.is_of_ring() {
                // What is being read was asked of the old one.
                exchange.stage = Stage::Idle;
            }
            // At once: before it is looked at, the new one may go past the old numbers.
            self.ring_fell(step, at, &memory, since);
        }
        let turn = &mut self.exchange(at).turn;
        turn.see(Head { number: now, source, receive: sample.receive }, memory.last());
        turn.seen = memory.since();
    }

    /// Reads on, if there is anything new.
    pub(super) fn consider_ring(&mut self, step: &mut Step, at: At) {
        let bits = self.ring_bits(at);
        let last = self.handshake_memory(at).last();
        let (ring, exchange) = (self.ring(at), self.exchange(at));
        let Some(head) = exchange.trigger.as_ref().and_then(|v| number(v, bits)) else { return };
        let turn = exchange.turn;
        let ahead = last.map(|last| distance(last.0, head.0, bits));
        match (turn.anchored, ahead, turn.slot) {
            (true, Some(Distance::Same), _) => {}
            // As long as the places follow each other, the next one is known.
            (true, Some(Distance::Forward { skipped }), Some(slot))
                if turn.missing.is_none() && skipped < ring.slots.len() as u64 =>
            {
                let many = usize::try_from(skipped).unwrap_or(0).saturating_add(1);
                let last = last.unwrap_or(head);
                let next = |n: usize| Slot {
                    number: after(last, n as u64, bits),
                    place: slot.wrapping_add(n) % ring.slots.len(),
                    anchor: false,
                };
                let slots = (1..=many.min(ring.batch)).map(next).collect();
                self.read_slots(step, at, slots);
            }
            _ => self.scan(step, at),
        }
    }

    fn ring(&self, at: At) -> Ring {
        let ring = self.live().handshake(at).ring.clone();
        ring.expect("only called for rings, which have slots")
    }

    pub(super) fn ring_bits(&self, at: At) -> u8 {
        let live = self.live();
        live.handshake(at).number.map_or(64, |counter| live.bits(counter))
    }

    /// Reads head, tail and the numbers in all slots.
    pub(super) fn scan(&mut self, step: &mut Step, at: At) {
        let tags = self.scanned(at);
        self.exchange(at).told = false;
        self.ask_ring(step, at, tags, |token| Stage::Scanning { token });
    }

    fn scanned(&self, at: At) -> Vec<TagIndex> {
        let handshake = self.live().handshake(at);
        let seqs = handshake.ring.iter().flat_map(|ring| &ring.slots);
        let seqs = seqs.filter_map(|slot| slot.first().copied());
        let head = std::iter::once(handshake.trigger.tag);
        head.chain(handshake.ack.map(|tail| tail.tag)).chain(seqs).collect()
    }

    fn read_slots(&mut self, step: &mut Step, at: At, slots: Vec<Slot>) {
        let ring = self.ring(at);
        let tags = slots.iter().flat_map(|slot| entry_words(&ring, *slot)).collect();
        self.ask_ring(step, at, tags, |token| Stage::Slots { token, slots });
    }

    fn ask_ring(
        &mut self,
        step: &mut Step,
        at: At,
        tags: Vec<TagIndex>,
        stage: impl FnOnce(ReadToken) -> Stage,
    ) {
        let token = self.token();
        let live = self.live_mut();
        let device = live.plant.tag(live.handshake(at).trigger.tag).device;
        let session = live.session(device);
        live.tokens.insert(token, at);
        self.exchange(at).stage = stage(token);
        let from = ReadFrom::Words;
        step.effect(Effect::Read(ReadRequest { token, device, session, tags, from }));
    }

    /// All slots were looked at: what comes next, and what is gone.
    pub(super) fn on_scan(&mut self, step: &mut Step, at: At, words: &[Sample]) {
        let tags = self.scanned(at);
        let fits = words.len() == tags.len() && words.iter().zip(&tags).all(|(w, t)| w.tag == *t);
        let bits = self.ring_bits(at);
        let (trigger, tail) = (self.live().handshake(at).trigger, self.live().handshake(at).ack);
        let read = |word: Word| {
            let found = words.iter().find(|sample| sample.tag == word.tag);
            found.and_then(|sample| pick(sample.good()?, word))
        };
        let head = read(trigger).and_then(|v| number(&v, bits));
        let (Some(head), true) = (head, fits) else {
            return self.retry(step, at, "the head of the ring cannot be read");
        };
        let tail = tail.map(read);
        if tail == Some(None) {
            return self.retry(step, at, "the tail of the ring cannot be read");
        }
        let last = self.handshake_memory(at).last();
        let exchange = self.exchange(at);
        if exchange.told && read(trigger) != exchange.trigger {
            return self.scan(step, at);
        }
        (exchange.trigger, exchange.ack) = (read(trigger), tail.flatten());
        if let Some(Sample { source, receive, .. }) = words.first() {
            let seen = Head { number: head, source: *source, receive: *receive };
            exchange.turn.see(seen, last);
        }
        let seqs = words.get(words.len() - self.ring(at).slots.len()..).unwrap_or_default();
        let entries = entries(seqs, head, bits);
        let scan = Scan { head, entries, may_be_set_back: may_be_set_back(seqs, head, bits) };
        if self.exchange(at).turn.anchored {
            return self.read_on(step, at, &scan);
        }
        if seqs.iter().all(|seq| seq.good().is_some()) {
            return self.anchor(step, at, &scan);
        }
        if self.is_patient(step, at) {
            return self.retry(step, at, "a slot of the ring cannot be read");
        }
        // What was recorded last may be in it: whether this is still the same ring cannot be told.
        let (memory, fell) = (self.handshake_memory(at), self.begins(at));
        self.missed_entries(step, at, fell.or(memory.since()));
        self.read_on(step, at, &scan);
    }

    /// Whether a slot that cannot be read is to be waited for.
    fn is_patient(&mut self, step: &Step, at: At) -> bool {
        let deadline = self.live().handshake(at).deadline;
        let now = step.at.monotonic;
        let since = *self.exchange(at).turn.blind.get_or_insert(now);
        now < since.plus(deadline)
    }

    /// After a start, or where the head fell: does the ring still hold what was recorded last?
    fn anchor(&mut self, step: &mut Step, at: At, scan: &Scan) {
        let memory = self.handshake_memory(at);
        let Some(committed) = &memory.committed else {
            let fell = self.begins(at);
            if memory.last().is_none() && memory.epoch > Epoch(0) {
                // It went on from the restart until now, and may have gone round.
                self.missed_entries(step, at, fell.or(memory.since()));
            }
            return self.read_on(step, at, scan);
        };
        let found = scan.entries.iter().find(|(number, _)| *number == committed.number);
        if let Some((number, slot)) = found {
            if committed.epoch != memory.epoch && scan.may_be_set_back {
                // It holds what was recorded, and its count was set back in the middle of it.
                self.missed_entries(step, at, memory.since());
            }
            let slot = Slot { number: *number, place: *slot, anchor: true };
            return self.read_slots(step, at, vec![slot]);
        }
        let fell = self.begins(at);
        if committed.epoch != memory.epoch {
            // Whether anything came between what was recorded and what is there now is not known.
            self.missed_entries(step, at, fell.or(memory.since()));
        }
        self.read_on(step, at, scan);
    }

    /// It is settled from where on the ring is read; whether its head was seen to fall before.
    fn begins(&mut self, at: At) -> Option<Utc> {
        let turn = &mut self.exchange(at).turn;
        (turn.anchored, turn.blind) = (true, None);
        turn.fell.take()
    }

    /// Entries may have been missed, nobody knows how many.
    fn missed_entries(&mut self, step: &mut Step, at: At, since: Option<Utc>) {
        if since == Some(step.at.wall) {
            // It is told of already.
            return;
        }
        let from = since.unwrap_or(step.at.wall).min(step.at.wall);
        let interval = Interval { from, to: Some(step.at.wall) };
        self.handshake_gap(step, at, interval, GapCause::NumbersSkipped, None);
    }

    /// Whether the entry under the number of the last one is that one.
    fn compared(&self, at: At, snapshot: &Snapshot) -> Anchor {
        let live = self.live();
        let own = own_words(live.handshake(at));
        let digest = snapshot.digest(&live.plant, &own);
        let Some(committed) = self.handshake_memory(at).committed else { return Anchor::Other };
        let partial = committed.partial || snapshot.lacks(&own);
        if committed.digest == digest {
            Anchor::Same
        } else if partial || committed.plant != Some(live.plant.hash) {
            Anchor::Unsure
        } else {
            Anchor::Other
        }
    }

    /// What was recorded last was found again, or something else in its place.
    fn anchored(&mut self, step: &mut Step, at: At, slot: Slot, found: Anchor) {
        let memory = self.handshake_memory(at);
        let fell = self.begins(at);
        let old = memory.committed.as_ref().is_some_and(|c| c.epoch != memory.epoch);
        match (found != Anchor::Other, old) {
            (true, old) => {
                self.exchange(at).turn.slot = Some(slot.place);
                if old {
                    // A ring that survived the restart goes on where it was.
                    let cause = EpochCause::FirstContact;
                    self.begin_epoch(step, at, cause, memory.epoch, Some(slot.number));
                }
                if found == Anchor::Unsure {
                    // Nothing twice; if it is another ring, what it held before is missing.
                    self.missed_entries(step, at, fell.or(memory.since()));
                } else if fell.is_some() {
                    // It was read out of the new ring; what stood before it there is not known.
                    self.missed_entries(step, at, fell);
                }
            }
            (false, true) => self.missed_entries(step, at, fell.or(memory.since())),
            (false, false) => self.ring_fell(step, at, &memory, None),
        }
        self.scan(step, at);
    }

    fn ring_fell(&mut self, step: &mut Step, at: At, memory: &HandshakeMemory, since: Option<Utc>) {
        self.missed_entries(step, at, since.or(memory.since()));
        let next = Epoch(memory.epoch.0.saturating_add(1));
        self.begin_epoch(step, at, EpochCause::CounterFell, next, None);
    }

    /// Reads what is new; what is new and in no slot is lost.
    fn read_on(&mut self, step: &mut Step, at: At, scan: &Scan) {
        let bits = self.ring_bits(at);
        let memory = self.handshake_memory(at);
        let Some(last) = memory.last() else {
            // Where it begins for us: before its oldest entry, or where it stands. One that began anew
            // has not gone round yet: what is above its head is left of the old one.
            let anew = memory.epoch > Epoch(0);
            let is_of_it = |n: HandshakeNumber| !anew || (1..=scan.head.0).contains(&n.0);
            let oldest = scan.entries.iter().map(|(n, _)| *n).find(|n| is_of_it(*n));
            let oldest = oldest.unwrap_or(after(scan.head, 1, bits));
            let before = Some(after(oldest, mask(bits), bits));
            self.begin_epoch(step, at, EpochCause::FirstContact, memory.epoch, before);
            return self.read_on(step, at, scan);
        };
        match distance(last.0, scan.head.0, bits) {
            Distance::Same => return self.write_tail(step, at, last),
            Distance::Fell => {
                self.ring_fell(step, at, &memory, None);
                return self.read_on(step, at, scan);
            }
            Distance::Forward { .. } => {}
        }
        let next = after(last, 1, bits);
        let is_new = |number: HandshakeNumber| {
            behind(scan.head, number, bits) < behind(scan.head, last, bits)
        };
        let new: Vec<_> = scan.entries.iter().filter(|(n, _)| is_new(*n)).copied().collect();
        // Without one, all up to the head are missing.
        let found = new.first().map_or(after(scan.head, 1, bits), |(number, _)| *number);
        // What is behind the ring is gone for good; what is not in it yet is looked for once more.
        let slots = self.ring(at).slots.len() as u64;
        let gone = behind(scan.head, next, bits).saturating_add(1).saturating_sub(slots);
        let missing = if gone > 0 { gone } else { behind(found, next, bits) };
        if missing == 0 {
            self.exchange(at).turn.missing = None;
            return self.read_found(step, at, &new);
        }
        if gone == 0 && self.exchange(at).turn.missing.replace(next) != Some(next) {
            return self.retry(step, at, "an entry is in no slot of the ring yet");
        }
        self.exchange(at).turn.missing = None;
        self.overrun(step, at, &memory, next, missing);
        self.read_on(step, at, scan);
    }

    /// Reads the first of these as far as one follows the other.
    fn read_found(&mut self, step: &mut Step, at: At, entries: &[(HandshakeNumber, usize)]) {
        let bits = self.ring_bits(at);
        let follows = |n: usize, number: HandshakeNumber| {
            entries.first().is_some_and(|(first, _)| after(*first, n as u64, bits) == number)
        };
        let run = entries.iter().enumerate().take_while(|(n, (number, _))| follows(*n, *number));
        let slot = |(_, (number, slot)): (usize, &(HandshakeNumber, usize))| Slot {
            number: *number,
            place: *slot,
            anchor: false,
        };
        let slots: Vec<Slot> = run.map(slot).take(self.ring(at).batch).collect();
        if slots.is_empty() {
            self.exchange(at).stage = Stage::Idle;
        } else {
            self.read_slots(step, at, slots);
        }
    }

    fn overrun(
        &mut self,
        step: &mut Step,
        at: At,
        memory: &HandshakeMemory,
        first: HandshakeNumber,
        count: u64,
    ) {
        let from = memory.since().unwrap_or(step.at.wall);
        let interval = Interval { from: from.min(step.at.wall), to: Some(step.at.wall) };
        let about = self.live().about(at);
        let last = after(first, count.saturating_sub(1), self.ring_bits(at));
        let text = format!("entries {} to {} of the ring are lost", first.0, last.0);
        step.notice(about, text);
        self.numbers_gap(step, at, interval, GapCause::Overrun, Some(first), Some(count));
    }

    /// Slots were read: each is recorded if it holds what was looked for.
    pub(super) fn on_slots(&mut self, step: &mut Step, at: At, words: Vec<Sample>, slots: &[Slot]) {
        let ring = self.ring(at);
        let (mut words, mut last) = (words.into_iter(), None);
        for slot in slots {
            let words: Vec<Sample> = words.by_ref().take(entry_words(&ring, *slot).len()).collect();
            let found = self.slot(at, &ring, *slot, words);
            let Some((snapshot, seq)) = found else {
                // It is written, or was written over: all are looked at.
                self.exchange(at).turn.slot = None;
                if last.is_none() {
                    return self.retry(step, at, "a slot of the ring does not hold its entry");
                }
                break;
            };
            if slot.anchor {
                let found = self.compared(at, &snapshot);
                return self.anchored(step, at, *slot, found);
            }
            let trigger = seq.clone();
            let position = self.take_entry(step, at, snapshot, trigger, slot.number);
            self.exchange(at).turn.slot = Some(slot.place);
            last = Some((position, slot.number));
        }
        if let Some((position, number)) = last {
            self.tell_tail(step, at, position, number);
        }
    }

    /// The words of a slot under the names of the first one, if it holds its entry from begin to end.
    fn slot(
        &self,
        at: At,
        ring: &Ring,
        slot: Slot,
        mut words: Vec<Sample>,
    ) -> Option<(Snapshot, Sample)> {
        if !words.iter().map(|word| word.tag).eq(entry_words(ring, slot)) {
            return None;
        }
        if before_zero(ring, slot).is_some() {
            let (bits, before) = (self.ring_bits(at), words.pop()?);
            if number(before.good()?, bits)?.0 != mask(bits) {
                return None;
            }
            words.remove(0);
        }
        let here = slot_words(ring, 0);
        for (word, tag) in words.iter_mut().zip(&here) {
            word.tag = *tag;
        }
        let snapshot = Snapshot::new(words, &here)?;
        if self.is_being_written(at, &snapshot) {
            return None;
        }
        let seq = Word { tag: ring.seq()?, bit: None };
        let Trigger::Still(sample) = snapshot.trigger(seq) else { return None };
        let found = number(sample.good()?, self.ring_bits(at))?;
        (found == slot.number).then_some((snapshot, sample))
    }

    fn take_entry(
        &mut self,
        step: &mut Step,
        at: At,
        snapshot: Snapshot,
        trigger: Sample,
        number: HandshakeNumber,
    ) -> Position {
        self.end_outage(at);
        let live = self.live();
        let digest = snapshot.digest(&live.plant, &own_words(live.handshake(at)));
        let found = Found { snapshot, trigger, key: self.key(at, number), digest, result: None };
        self.take_late(step, at, &found)
    }

    /// Records what was done some time ago and waits for no permit.
    pub(super) fn take_late(&mut self, step: &mut Step, at: At, found: &Found) -> Position {
        let draft =
            match self.draft(at, &found.snapshot, &found.trigger, &found.key, step.at.monotonic) {
                Ok(draft) => draft,
                Err(cause) => {
                    let reason = Text::parse("quarantined").expect("a good text");
                    return self.quarantine(step, at, found, &reason, cause);
                }
            };
        let mark = self.mark(at, found, Permit::Ok, None, None);
        let mut event = self.compose(step, at, &found.snapshot, &draft, mark);
        let (id, about) = (self.live().station(at.station).id.clone(), self.live().about(at));
        event.went_past = self.went_past(step, &id, &about, &event.what);
        if event.went_past.is_some() {
            event.evidence = event.evidence.max(crate::model::Evidence::Bypassed);
        }
        self.record_done(step, at.station, event)
    }

    /// Nothing is new: a tail that is behind is written once more.
    fn write_tail(&mut self, step: &mut Step, at: At, last: HandshakeNumber) {
        let bits = self.ring_bits(at);
        let tail = self.exchange(at).ack.as_ref().and_then(|v| number(v, bits));
        if self.live().handshake(at).ack.is_none() || tail == Some(after(last, 0, bits)) {
            self.exchange(at).stage = Stage::Idle;
            return;
        }
        let position = Position(step.next_position().0.saturating_sub(1));
        self.tell_tail(step, at, position, last);
    }

    fn tell_tail(&mut self, step: &mut Step, at: At, position: Position, last: HandshakeNumber) {
        if self.live().handshake(at).ack.is_some() {
            // As the head is: a signed word counts on below zero.
            let signed = matches!(self.exchange(at).trigger, Some(Value::Int(_)));
            let tail = value(last, self.ring_bits(at), signed);
            self.write(step, at, position, Vec::new(), Vec::new(), tail);
        } else {
            self.exchange(at).stage = Stage::Idle;
            self.consider(step, at);
        }
    }
}

/// What is read for an entry: its slot, and around it what tells that it is the entry.
fn entry_words(ring: &Ring, slot: Slot) -> Vec<TagIndex> {
    let before = before_zero(ring, slot);
    before.into_iter().chain(slot_words(ring, slot.place)).chain(before).collect()
}

/// A slot that is written anew says 0, as the entry 0 does. As long as the slot before it bears the highest
/// number, the PLC has not come round to it.
fn before_zero(ring: &Ring, slot: Slot) -> Option<TagIndex> {
    let last = ring.slots.len().checked_sub(1)?;
    let before = slot.place.checked_sub(1).unwrap_or(last);
    ring.slots.get(before)?.first().copied().filter(|_| slot.number.0 == 0)
}

/// What is read of a slot: its number, its data, its number.
fn slot_words(ring: &Ring, slot: usize) -> Vec<TagIndex> {
    let words = ring.slots.get(slot).map(Vec::as_slice).unwrap_or_default();
    words.iter().chain(words.first()).copied().collect()
}

/// Whether a slot has an entry that the head has not come to, or two slots have the same number: one is being written, or
/// the count was set back. It is asked after a restart only, where a gap too many is better than one too few.
fn may_be_set_back(seqs: &[Sample], head: HandshakeNumber, bits: u8) -> bool {
    let numbers = seqs.iter().filter_map(|seq| number(seq.good()?, bits));
    let written: Vec<HandshakeNumber> = numbers.filter(|n| n.0 != 0).collect();
    let ahead = |n: &HandshakeNumber| (1..=seqs.len() as u64).contains(&behind(*n, head, bits));
    let single: BTreeSet<&HandshakeNumber> = written.iter().collect();
    written.iter().any(ahead) || single.len() < written.len()
}

/// The entries that a ring with this head can hold, the oldest first. A slot that was never written
/// says 0: that is an entry only right behind the one with the highest number of all. A number that
/// stands in two slots is in none: one is left of another ring, and which one nobody can tell.
fn entries(seqs: &[Sample], head: HandshakeNumber, bits: u8) -> Vec<(HandshakeNumber, usize)> {
    let found = seqs.iter().enumerate();
    let found = found.filter_map(|(slot, seq)| Some((number(seq.good()?, bits)?, slot)));
    let mut found: Vec<_> =
        found.filter(|(n, _)| behind(head, *n, bits) < seqs.len() as u64).collect();
    let top = found.iter().find(|(n, _)| n.0 == mask(bits)).map(|(_, slot)| *slot);
    let behind_top = top.map(|slot| slot.wrapping_add(1) % seqs.len().max(1));
    found.retain(|(n, slot)| n.0 != 0 || behind_top == Some(*slot));
    found.sort_by_key(|(n, _)| std::cmp::Reverse(behind(head, *n, bits)));
    let mut single = Vec::with_capacity(found.len());
    for same in found.chunk_by(|(a, _), (b, _)| a == b) {
        if let [entry] = same {
            single.push(*entry);
        }
    }
    single
}
