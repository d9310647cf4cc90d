//! A PLC that does its side of a handshake and writes the list of truth.
use super::*;
use std::collections::BTreeMap;

/// Values of the state word.
pub(super) const STATES: States = States { idle: 0, request: 1, busy: Some(2), done: 4, error: 8 };

#[derive(Debug, Clone)]
pub(super) struct Plc {
    pub(super) pattern: Pattern,
    /// Its state word is ours as well.
    pub(super) one_word: bool,
    /// It never takes a request back.
    pub(super) patient: bool,
    pub(super) boot: u64,
    pub(super) part: u64,
    pub(super) number: u64,
    pub(super) presented: bool,
    /// The bit that it turns over.
    pub(super) side: bool,
    /// When the part came.
    pub(super) part_at: Utc,
    /// The lot in the feeder, and since when; every third part takes a new one, if nobody changes it.
    pub(super) lot: u64,
    pub(super) lot_at: Utc,
    pub(super) by_hand: bool,
    /// The lots that the next part has in it, and the present one.
    pub(super) taken: BTreeSet<String>,
    pub(super) made_with: BTreeSet<String>,
    /// The word that we write.
    pub(super) ack: Value,
    pub(super) finished: Vec<(String, BTreeSet<String>)>,
    /// Parts that went on without our answer, and whether the last one is asked for once more.
    pub(super) given_up: BTreeSet<String>,
    pub(super) again: bool,
    /// What it made without waiting, and from when to when it could be seen.
    pub(super) made: Vec<Made>,
    /// The slots of its ring, and which comes next.
    pub(super) slots: Vec<Slot>,
    pub(super) next: usize,
    /// The last restart took its counts away.
    pub(super) resets: u32,
    /// Its force has no value for now.
    pub(super) dim: bool,
    /// A slot that cannot be read.
    pub(super) dead: Option<usize>,
    /// It does not say when its words changed, as Modbus does not.
    pub(super) timeless: bool,
    /// By how much its clock is before ours, where it tells what it shows.
    pub(super) skew: Option<i64>,
    /// What its feeder counts.
    pub(super) feeder: Feeder,
    /// What it says of the part, where it says more than its number.
    pub(super) label: Option<Label>,
}

/// What is said of a part: its serial, the code of its outcome, and when it was judged.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) serial: String,
    pub(super) judged: u64,
    pub(super) when: Utc,
}

/// A feeder that counts what it gives, and knows what became of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Feeder {
    pub(super) picked: u64,
    pub(super) rejected: u64,
    pub(super) per_lot: bool,
    /// By lot, what was picked for the part in work, and how much of it was thrown away.
    pub(super) now: BTreeMap<String, (u64, u64)>,
    /// By lot, what was ever picked.
    pub(super) total: BTreeMap<String, u64>,
    /// What was picked of every part that was made.
    pub(super) parts: BTreeMap<String, BTreeMap<String, (u64, u64)>>,
}

/// A part that nobody waited with.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) part: u64,
    pub(super) from: Utc,
    pub(super) to: Option<Utc>,
}

/// A slot of a ring.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Slot {
    seq: u64,
    part: u64,
    at: Utc,
}

/// Slots of the ring, and the tags of each: its number, the serial, the force.
pub(super) const SLOTS: usize = 4;
const SLOT_WORDS: usize = 3;
const FIRST_SLOT: usize = 6;

/// The counters of a feeder, where there is no ring.
pub(super) const PICKED: TagIndex = TagIndex(6);
pub(super) const REJECTED: TagIndex = TagIndex(7);

/// A word of a slot.
pub(super) fn slot_tag(slot: usize, word: usize) -> TagIndex {
    TagIndex(u32::try_from(FIRST_SLOT + slot * SLOT_WORDS + word).unwrap())
}

impl Plc {
    pub(super) fn new(pattern: Pattern, splice: Splice) -> Self {
        let mut plc = Self {
            pattern,
            one_word: false,
            patient: false,
            boot: 1,
            part: 0,
            number: BEFORE_WRAP,
            presented: false,
            side: false,
            part_at: Utc(0),
            lot: 0,
            lot_at: Utc(0),
            by_hand: splice == Splice::OneOf,
            taken: BTreeSet::from(["LOT-0".to_owned()]),
            made_with: BTreeSet::new(),
            ack: Value::Empty,
            finished: Vec::new(),
            given_up: BTreeSet::new(),
            again: false,
            made: Vec::new(),
            slots: vec![Slot::default(); SLOTS],
            next: 0,
            resets: 0,
            dim: false,
            dead: None,
            feeder: Feeder::default(),
            label: None,
            timeless: false,
            skew: None,
        };
        plc.ack = plc.rest();
        plc
    }

    /// What our word says while nothing is asked.
    fn rest(&self) -> Value {
        match self.pattern {
            Pattern::Counter | Pattern::Ring => Value::UInt(self.number),
            Pattern::Results => unreachable!("it has no words"),
            Pattern::ReqAck | Pattern::Edge => Value::Bool(false),
            Pattern::Toggle => Value::Bool(self.side),
            Pattern::State(states) => Value::Int(states.idle),
        }
    }

    pub(super) fn serial(&self) -> String {
        format!("SN-{}", self.part)
    }

    pub(super) fn lot(&self) -> String {
        format!("LOT-{}", self.lot)
    }

    pub(super) fn change_lot(&mut self, now: Utc) {
        self.lot += 1;
        self.lot_at = now;
        self.taken.insert(self.lot());
        if self.feeder.per_lot {
            (self.feeder.picked, self.feeder.rejected) = (0, 0);
        }
    }

    /// One piece more for the part in work; every so often it is thrown away and another is taken.
    pub(super) fn pick(&mut self, reject: bool) {
        if self.presented || self.again {
            return;
        }
        let (lot, count) = (self.lot(), |n: u64| (n + 1) & 0xFFFF);
        self.feeder.picked = count(self.feeder.picked);
        *self.feeder.total.entry(lot.clone()).or_default() += 1;
        let of = self.feeder.now.entry(lot).or_default();
        of.0 += 1;
        if reject {
            self.feeder.rejected = count(self.feeder.rejected);
            of.1 += 1;
        }
    }

    pub(super) fn acked(&self) -> bool {
        match self.pattern {
            Pattern::Counter => self.ack == Value::UInt(self.number),
            Pattern::ReqAck => self.ack == Value::Bool(true),
            Pattern::Toggle => self.ack == Value::Bool(self.side),
            Pattern::State(states) => {
                [states.done, states.error].iter().any(|s| self.ack == Value::Int(*s))
            }
            Pattern::Edge | Pattern::Ring | Pattern::Results => unreachable!("nobody waits"),
        }
    }

    /// Whether the words rest, so that the next request can be made.
    fn ready(&self) -> bool {
        match self.pattern {
            Pattern::Counter | Pattern::Toggle => true,
            Pattern::ReqAck => !self.acked(),
            Pattern::State(_) => self.ack == self.rest(),
            Pattern::Edge | Pattern::Ring | Pattern::Results => unreachable!("nobody waits"),
        }
    }

    pub(super) fn run(&mut self, now: Utc) {
        match self.pattern {
            Pattern::Counter | Pattern::ReqAck | Pattern::Toggle | Pattern::State(_) => {
                self.ask(now);
            }
            Pattern::Edge => self.pulse(now),
            Pattern::Ring => self.put(now),
            Pattern::Results => unreachable!("another machine tells of results"),
        }
    }

    /// The bit rises with a part, and falls when it has been up for a while.
    fn pulse(&mut self, now: Utc) {
        self.presented = !self.presented;
        if self.presented {
            self.make(now);
        } else {
            self.made.last_mut().unwrap().to = Some(now);
        }
        self.part_at = now;
    }

    /// The slot first, then the head.
    fn put(&mut self, now: Utc) {
        self.presented = !self.presented;
        if self.presented {
            self.slots[self.next] = Slot { seq: 0, part: self.part + 1, at: now };
        } else {
            self.make(now);
            self.slots[self.next] = Slot { seq: self.number, part: self.part, at: now };
            self.next = (self.next + 1) % SLOTS;
            self.part_at = now;
            self.made.last_mut().unwrap().to = Some(now);
        }
    }

    fn make(&mut self, now: Utc) {
        self.part += 1;
        self.number = (self.number + 1) & 0xFFFF;
        self.made.push(Made { part: self.part, from: now, to: None });
    }

    /// Another program, or the same one from the beginning.
    fn reset(&mut self) {
        self.resets += 1;
        (self.number, self.next) = (0, 0);
        if self.part.is_multiple_of(2) {
            self.slots = vec![Slot::default(); SLOTS];
        }
        self.presented = false;
        if self.pattern == Pattern::Ring {
            self.ack = self.rest();
        }
    }

    fn ask(&mut self, now: Utc) {
        if self.presented && self.acked() {
            self.finished.push((self.serial(), std::mem::take(&mut self.made_with)));
            self.taken = BTreeSet::from([self.lot()]);
            self.take_back();
        } else if !self.presented && self.ready() && std::mem::take(&mut self.again) {
            self.given_up.remove(&self.serial());
            self.present();
        } else if !self.presented && self.ready() {
            self.part += 1;
            if !self.by_hand && self.part.is_multiple_of(3) {
                self.change_lot(now);
                self.taken = BTreeSet::from([self.lot()]);
            }
            self.part_at = now;
            self.made_with.clone_from(&self.taken);
            let picked = std::mem::take(&mut self.feeder.now);
            self.feeder.parts.insert(self.serial(), picked);
            self.number = (self.number + 1) & 0xFFFF;
            self.present();
        }
    }

    fn present(&mut self) {
        self.presented = true;
        self.side = !self.side;
        if self.one_word {
            self.ack = Value::Int(STATES.request);
        }
    }

    fn take_back(&mut self) {
        self.presented = false;
        if self.one_word {
            self.ack = Value::Int(STATES.idle);
        }
    }

    /// It waits no longer: the request falls without an answer, and the next, or the same, may rise at
    /// once.
    pub(super) fn give_up(&mut self, again: bool) {
        if self.pattern == Pattern::Ring && again {
            // It is loaded anew without a word.
            return self.reset();
        }
        let falls = matches!(self.pattern, Pattern::ReqAck | Pattern::Toggle | Pattern::State(_));
        if falls && !self.patient && self.presented && !self.acked() {
            self.take_back();
            self.side = !self.side;
            self.again = again;
            if !again {
                // It leaves; the next one is begun.
                self.taken = BTreeSet::from([self.lot()]);
            }
            self.given_up.insert(self.serial());
        }
    }

    /// A cold start that keeps its counters, or one that presents the next part under the number that
    /// was dealt with last.
    pub(super) fn restart(&mut self, reset: bool) {
        self.boot += 1;
        self.again = false;
        if reset && !self.pattern.waits() {
            self.reset();
        } else if reset && !self.presented {
            self.number = self.number.wrapping_sub(1) & 0xFFFF;
            self.ack = self.rest();
        }
    }

    pub(super) fn write(&mut self, tag: TagIndex, value: Value) {
        assert_eq!(tag, if self.one_word { TRIGGER } else { ACK }, "it is not ours");
        self.ack = value;
    }

    fn trigger(&self) -> Value {
        match self.pattern {
            Pattern::Counter | Pattern::Ring => Value::UInt(self.number),
            Pattern::Results => unreachable!("it has no words"),
            Pattern::ReqAck | Pattern::Edge => Value::Bool(self.presented),
            Pattern::Toggle => Value::Bool(self.side),
            Pattern::State(_) if self.one_word => self.ack.clone(),
            Pattern::State(states) => {
                Value::Int(if self.presented { states.request } else { states.idle })
            }
        }
    }

    pub(super) fn read(&self, tag: TagIndex, now: Utc) -> Sample {
        let value = match tag {
            SERIAL if let Some(label) = &self.label => Value::text(&label.serial),
            PICKED if let Some(label) = &self.label => Value::UInt(label.judged),
            REJECTED if let Some(label) = &self.label => Value::Time(label.when.0),
            TRIGGER => self.trigger(),
            NUMBER => Value::UInt(self.number),
            SERIAL => Value::text(&self.serial()),
            LOT => Value::text(&self.lot()),
            FORCE => Value::Real(f64::from(u32::try_from(self.part).unwrap())),
            ACK => self.ack.clone(),
            PICKED if self.pattern != Pattern::Ring => Value::UInt(self.feeder.picked),
            REJECTED if self.pattern != Pattern::Ring => Value::UInt(self.feeder.rejected),
            slot => return self.read_slot(slot, now),
        };
        let quality = Quality::GOOD;
        let source = match tag {
            LOT => self.lot_at,
            _ => self.part_at,
        };
        let source = (!self.timeless).then(|| Utc(source.0 + self.skew.unwrap_or(0)));
        let server = self.skew.map(|skew| Utc(now.0 + skew));
        Sample { tag, value, quality, source, server, receive: now }
    }

    fn read_slot(&self, tag: TagIndex, now: Utc) -> Sample {
        let (slot, word) =
            ((tag.get() - FIRST_SLOT) / SLOT_WORDS, (tag.get() - FIRST_SLOT) % SLOT_WORDS);
        let Slot { seq, part, at } = self.slots[slot];
        let value = match word {
            0 => Value::UInt(seq),
            1 => Value::text(&format!("SN-{part}")),
            _ if self.dim => Value::Empty,
            _ => Value::Real(f64::from(u32::try_from(part).unwrap())),
        };
        let bad = (word == 2 && self.dim) || self.dead == Some(slot);
        let quality = if bad { Quality::BAD_TYPE } else { Quality::GOOD };
        let source = (!self.timeless).then_some(at);
        Sample { tag, value, quality, source, server: None, receive: now }
    }
}
