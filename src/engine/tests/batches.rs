//! A kettle in which something of each batch is left, against a search through all that was done.
use super::*;
use std::collections::BTreeMap;

const STATE: TagIndex = TagIndex(6);
const BATCH: TagIndex = TagIndex(7);
const PROOF: TagIndex = TagIndex(8);
const HEAD: TagIndex = TagIndex(9);
const SLOTS: usize = 4;
const SECOND: i64 = 1_000_000_000;

fn phase(id: &str, state: i64, event: Verb) -> Phase {
    Phase {
        id: PhaseId::parse(id).unwrap(),
        while_: Condition { word: word(STATE), test: Test::In(vec![Value::Int(state)]) },
        split: Vec::new(),
        ignore: Duration::ZERO,
        settle: Duration::from_secs(2),
        confirm: None,
        event: Some(event),
        item: None,
        operation: None,
        record: Vec::new(),
        by: None,
    }
}

/// A word of a slot: its number, its lot, when that was done.
fn slot_word(slot: usize, word: usize) -> TagIndex {
    TagIndex(u32::try_from(HEAD.get() + 1 + slot * 3 + word).unwrap())
}

/// The same kettle tells of what it did by hand in a ring, that may be read long after.
fn told_late() -> Handshake {
    let words = |slot| (0..3).map(|word| slot_word(slot, word)).collect();
    Handshake {
        id: HandshakeId::parse("done").unwrap(),
        trigger: word(HEAD),
        number: Some(Counter { tag: HEAD, bits: 32 }),
        ack: None,
        ring: Some(Ring { slots: (0..SLOTS).map(words).collect(), batch: 2 }),
        snapshot: vec![slot_word(0, 1), slot_word(0, 2)],
        item: spec(ItemClass::Lot, slot_word(0, 1)),
        time: Some(word(slot_word(0, 2))),
        measurements: Vec::new(),
        ..handshake(Pattern::Ring)
    }
}

fn kettle(carry_over: bool) -> Arc<Plant> {
    let mut plant = (*plant(Pattern::Counter, Splice::Clean)).clone();
    let names = ["state", "batch", "proof"];
    plant.tags.extend(names.map(|name| Tag { fast: false, ..tag(name) }));
    plant.tags.push(tag("head"));
    for slot in 0..SLOTS {
        plant.tags.extend(["seq", "lot", "done"].map(|name| tag(&format!("{name}{slot}"))));
    }
    plant.hash = Digest([if carry_over { 8 } else { 9 }; 32]);
    let cook =
        Phase { item: Some(spec(ItemClass::Lot, BATCH)), ..phase("cook", 1, Verb::Complete) };
    let confirm = Some(Condition { word: word(PROOF), test: Test::Rises });
    let clean = Phase { confirm, ..phase("clean", 2, Verb::Clean) };
    let mut kettle = plant.stations[0].clone();
    kettle.id = StationId::parse("K1").unwrap();
    (kettle.handshakes, kettle.mounts) = (vec![told_late()], Vec::new());
    (kettle.phases, kettle.carry_over) = (vec![cook, clean], carry_over);
    plant.stations.push(kettle);
    Arc::new(plant)
}

/// What was done, as far as it matters to what is left.
#[derive(Debug, Clone, PartialEq)]
enum Did {
    Cook(String),
    Clean,
    Blind,
}

/// A batch, and what was left of which others in it; and whether all was seen in between.
type Told = (String, Vec<(String, bool)>);

struct Kettle {
    carry_over: bool,
    engine: Engine,
    records: Vec<Record>,
    now: i64,
    session: Session,
    words: [Value; 3],
    did: Vec<Did>,
    wanted: Vec<Told>,
    /// What was done by hand, with its time; and how much of it is told.
    by_hand: Vec<(String, i64)>,
    told: usize,
}

impl Kettle {
    fn new() -> Self {
        let mut kettle = Self {
            carry_over: true,
            engine: Engine::new(persons()),
            records: Vec::new(),
            now: 0,
            session: Session(0),
            words: [Value::Int(0), Value::text(""), Value::UInt(0)],
            did: Vec::new(),
            wanted: Vec::new(),
            by_hand: Vec::new(),
            told: 0,
        };
        kettle.start();
        kettle
    }

    fn step(&mut self, input: &Input) {
        let mut inputs = VecDeque::from([input.clone()]);
        while let Some(input) = inputs.pop_front() {
            self.now += 1_000;
            let monotonic = Monotonic(u64::try_from(self.now).unwrap());
            let mut out = Vec::new();
            self.engine.step(At { monotonic, wall: Utc(self.now) }, &input, &mut out);
            for effect in out {
                if let Effect::Append(frame) = effect {
                    self.records.extend(frame);
                } else if let Effect::Read(read) = effect {
                    let words = read.tags.iter().map(|tag| self.read(*tag)).collect();
                    let done = ReadDone { token: read.token, outcome: Ok(words) };
                    inputs.push_back(Input::Read(done));
                }
            }
        }
    }

    fn read(&self, tag: TagIndex) -> Sample {
        let slot = tag.get().checked_sub(HEAD.get() + 1);
        let here = |slot: usize| self.by_hand.iter().enumerate().rfind(|(n, _)| n % SLOTS == slot);
        let value = match slot.map(|n| (here(n / 3), n % 3)) {
            None => Value::UInt(self.by_hand.len() as u64),
            Some((None, 0)) => Value::UInt(0),
            Some((None, _)) => Value::Empty,
            Some((Some((n, _)), 0)) => Value::UInt(n as u64 + 1),
            Some((Some((_, (lot, _))), 1)) => Value::text(lot),
            Some((Some((_, (_, at))), _)) => Value::Time(*at),
        };
        let receive = Utc(self.now);
        Sample { tag, value, quality: Quality::GOOD, source: None, server: None, receive }
    }

    /// Something is done by hand, and told of later.
    fn by_hand(&mut self, lot: String) {
        self.now += SECOND;
        self.by_hand.push((lot.clone(), self.now));
        self.did.push(Did::Cook(lot));
        self.now += SECOND;
    }

    fn tell_late(&mut self) {
        self.told = self.by_hand.len();
        let head = self.read(HEAD);
        self.step(&Input::Samples(vec![head]));
        self.pass(3);
    }

    fn start(&mut self) {
        let recovered = self.engine.position();
        self.step(&Input::Start { cause: StartCause::Daemon, recovered });
        self.step(&Input::Plant(kettle(self.carry_over)));
        self.link();
    }

    fn link(&mut self) {
        self.session.0 += 1;
        let boot = Boot { restart: Some(Value::UInt(1)), start_time: None };
        let link = Link::Live { boot, session: self.session, widths: None };
        self.step(&Input::Link { device: DeviceIndex(0), link });
        for n in 0..self.words.len() {
            self.tell(n);
        }
        self.tell_late();
        self.pass(10);
    }

    fn tell(&mut self, n: usize) {
        let (tag, value, receive) =
            ([STATE, BATCH, PROOF][n], self.words[n].clone(), Utc(self.now));
        let (quality, source) = (Quality::GOOD, Some(receive));
        self.step(&Input::Samples(vec![Sample {
            tag,
            value,
            quality,
            source,
            server: None,
            receive,
        }]));
    }

    fn put(&mut self, n: usize, value: Value) {
        self.words[n] = value;
        self.tell(n);
    }

    fn pass(&mut self, seconds: u8) {
        for _ in 0..seconds {
            self.now += SECOND;
            let due = |(at, _): (Monotonic, _)| i64::try_from(at.0).unwrap() <= self.now;
            if self.engine.next_wake().is_some_and(due) {
                self.step(&Input::Wake);
            }
        }
    }

    fn cook(&mut self, which: u8) {
        self.cook_lot(format!("B-{which}"));
    }

    fn cook_lot(&mut self, lot: String) {
        self.put(1, Value::text(&lot));
        self.put(0, Value::Int(1));
        self.pass(20);
        self.put(0, Value::Int(0));
        self.pass(10);
        let left = if self.carry_over { self.left(&lot) } else { Vec::new() };
        self.wanted.push((lot.clone(), left));
        self.did.push(Did::Cook(lot));
    }

    /// Looks back to the last clean that gave its proof.
    fn left(&self, lot: &str) -> Vec<(String, bool)> {
        let since = self.did.rsplit(|did| *did == Did::Clean).next().unwrap();
        let last = |(n, did): (usize, &Did)| match did {
            Did::Cook(other) if other != lot && !since[n + 1..].contains(did) => {
                Some((other.clone(), !since[n..].contains(&Did::Blind)))
            }
            Did::Cook(_) | Did::Clean | Did::Blind => None,
        };
        since.iter().enumerate().filter_map(last).collect()
    }

    fn prove(&mut self) {
        let Value::UInt(proof) = self.words[2] else { return };
        self.put(2, Value::UInt(proof + 1));
    }

    fn clean(&mut self, proven: bool) {
        self.put(0, Value::Int(2));
        self.pass(20);
        self.put(0, Value::Int(0));
        if proven {
            self.prove();
            self.did.push(Did::Clean);
        }
        self.pass(10);
    }

    fn drop_link(&mut self) {
        let (since, cause) = (Some(Utc(self.now)), GapCause::Disconnected);
        let link = Link::Down { since, cause, lost: None };
        self.step(&Input::Link { device: DeviceIndex(0), link });
        self.did.push(Did::Blind);
    }

    /// The link is lost for a while; what went on meanwhile nobody knows.
    fn outage(&mut self) {
        self.drop_link();
        self.pass(60);
        self.link();
    }

    /// The same, and something is done by hand meanwhile.
    fn outage_by_hand(&mut self, lot: String) {
        self.drop_link();
        self.pass(60);
        self.by_hand(lot);
        self.did.push(Did::Blind);
        self.link();
    }

    /// What is left of the engine is its records.
    fn crash(&mut self) {
        self.engine = folded(&self.records);
        self.start();
        self.did.push(Did::Blind);
    }

    /// As the daemon does it: a device that is touched ends first.
    fn reload(&mut self) {
        self.drop_link();
        self.carry_over = !self.carry_over;
        self.step(&Input::Plant(kettle(self.carry_over)));
        self.link();
    }

    fn act(&mut self, choice: u8) {
        match choice % 10 {
            0..=4 => self.cook(choice / 10 % 4),
            5 => self.clean(true),
            6 => self.clean(false),
            7 => self.outage(),
            8 => self.crash(),
            _ => self.reload(),
        }
    }

    fn act_by_hand(&mut self, choice: u8) {
        if self.by_hand.len() - self.told == SLOTS {
            self.tell_late();
        }
        let new = self.did.len();
        let lot = format!("B-{}", if choice >= 200 { usize::from(choice % 3) } else { new + 3 });
        match choice % 10 {
            0..=2 => self.by_hand(lot),
            3 => self.tell_late(),
            4..=6 => self.cook_lot(lot),
            7 => self.clean(true),
            8 if choice < 128 => self.clean(false),
            8 => self.outage(),
            _ => self.outage_by_hand(lot),
        }
    }

    /// Which lot went on into which, whatever record says so, and whether one says that all was seen.
    fn links(&self) -> BTreeMap<(String, String), bool> {
        let mut links = BTreeMap::new();
        for record in &self.records {
            let Body::Trace(event) = &record.body else { continue };
            let Some(whole) = event.what.items().first().map(|item| item.code.to_string()) else {
                continue;
            };
            for CarriedOver { lot, observed } in &event.carried_over {
                *links.entry((lot.code.to_string(), whole.clone())).or_default() |= *observed;
            }
        }
        links
    }

    /// The same by all that was done.
    fn truth(&mut self) -> BTreeMap<(String, String), bool> {
        let (mut links, did) = (BTreeMap::new(), std::mem::take(&mut self.did));
        for done in did {
            if let Did::Cook(lot) = &done {
                for (before, seen) in self.left(lot) {
                    *links.entry((before, lot.clone())).or_default() |= seen;
                }
            }
            self.did.push(done);
        }
        links
    }

    fn told(&self) -> Vec<Told> {
        let of = |record: &Record| {
            let Body::Trace(event) = &record.body else { return None };
            let What::Complete { item, .. } = &event.what else { return None };
            let left = event.carried_over.iter();
            let left = left.map(|over| (over.lot.code.to_string(), over.observed));
            Some((item.code.to_string(), left.collect()))
        };
        self.records.iter().filter_map(of).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_left_of_a_batch_is_told_of_the_next_one_until_a_clean_with_proof(
        choices in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut kettle = Kettle::new();
        for choice in choices {
            kettle.act(choice);
        }
        prop_assert_eq!(kettle.told(), kettle.wanted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// What is told late is found between those that were before it and those that came after it.
    #[test]
    fn what_is_told_late_of_a_batch_is_linked_as_it_was_done(
        choices in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut kettle = Kettle::new();
        for choice in choices {
            kettle.act_by_hand(choice);
        }
        kettle.tell_late();
        let (told, truth) = (kettle.links(), kettle.truth());
        prop_assert!(told.keys().eq(truth.keys()), "{:?} is in truth {:?}", told, truth);
        for (link, observed) in told {
            prop_assert!(!observed || truth[&link], "{:?}: a clean may have been missed", link);
        }
        let mut folded = Engine::new(persons());
        kettle.records.iter().for_each(|record| folded.apply(record));
        prop_assert_eq!(folded.memory(), kettle.engine.memory());
    }
}

/// The ring is read when the next lot is in the kettle already: that has something of both before it in it,
/// and the one in the ring has nothing of it.
#[test]
fn a_lot_that_is_told_late_has_nothing_of_those_after_it() {
    let mut kettle = Kettle::new();
    kettle.cook(1);
    kettle.by_hand("B-2".into());
    kettle.cook(3);
    kettle.tell_late();
    let link = |from: &str, into: &str| (from.to_owned(), into.to_owned());
    let links: Vec<_> = kettle.links().into_keys().collect();
    assert_eq!(links, [link("B-1", "B-2"), link("B-1", "B-3"), link("B-2", "B-3")]);
}

/// A clean is concluded seconds after its end: by then the next batch may be in the kettle.
#[test]
fn a_clean_takes_nothing_away_that_came_in_after_it_began() {
    let mut kettle = Kettle::new();
    kettle.cook(1);
    kettle.put(0, Value::Int(2));
    kettle.pass(20);
    // The records are those of the engine; only their order is another.
    let before = kettle.records.len();
    kettle.put(0, Value::Int(0));
    kettle.prove();
    kettle.pass(10);
    let clean = kettle.records.split_off(before);
    kettle.crash();
    kettle.cook(2);
    let [Record { body: Body::Trace(event), .. }] = clean.as_slice() else { panic!("{clean:?}") };
    assert!(matches!(event.what, What::Clean { confirmed: true, .. }));
    kettle.records.extend(clean);
    for (record, n) in kettle.records.iter_mut().zip(1..) {
        record.position = Position(n);
    }
    kettle.crash();
    kettle.cook(3);
    let left = kettle.told().pop().unwrap().1;
    assert_eq!(left, [("B-2".to_owned(), false)]);
}
