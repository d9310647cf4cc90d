//! A kettle in which something of each batch is left, against a search through all that was done.
use super::*;

const STATE: TagIndex = TagIndex(6);
const BATCH: TagIndex = TagIndex(7);
const PROOF: TagIndex = TagIndex(8);
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

fn kettle(carry_over: bool) -> Arc<Plant> {
    let mut plant = (*plant(Pattern::Counter, Splice::Clean)).clone();
    let names = ["state", "batch", "proof"];
    plant.tags.extend(names.map(|name| Tag { fast: false, ..tag(name) }));
    plant.hash = Digest([if carry_over { 8 } else { 9 }; 32]);
    let cook =
        Phase { item: Some(spec(ItemClass::Lot, BATCH)), ..phase("cook", 1, Verb::Complete) };
    let confirm = Some(Condition { word: word(PROOF), test: Test::Rises });
    let clean = Phase { confirm, ..phase("clean", 2, Verb::Clean) };
    let mut kettle = plant.stations[0].clone();
    kettle.id = StationId::parse("K1").unwrap();
    (kettle.handshakes, kettle.mounts) = (Vec::new(), Vec::new());
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
        };
        kettle.start();
        kettle
    }

    fn step(&mut self, input: &Input) {
        self.now += 1_000;
        let monotonic = Monotonic(u64::try_from(self.now).unwrap());
        let mut out = Vec::new();
        self.engine.step(At { monotonic, wall: Utc(self.now) }, input, &mut out);
        for effect in out {
            if let Effect::Append(frame) = effect {
                self.records.extend(frame);
            }
        }
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
        let lot = format!("B-{which}");
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
