//! Phases behind a link that is late, drops and is overtaken: every one that the PLC ran is an event of
//! its own times and item, is set aside, or overlaps a gap.
use super::*;

const STATE: TagIndex = TagIndex(6);
const BATCH: TagIndex = TagIndex(7);
const COUNT: TagIndex = TagIndex(8);
const WORDS: [TagIndex; 3] = [BATCH, STATE, COUNT];

const MS: i64 = 1_000_000;
/// Within this everything that is told is with the engine: the patience of the plant file.
const LAG: i64 = 3_000 * MS;
/// And each of its stages within this, beside the steps of time.
const STAGE: i64 = LAG / 6;

fn kettles(confirmed: bool) -> Arc<Plant> {
    let mut plant = (*plant(Pattern::Counter, Splice::Clean)).clone();
    let names = ["state", "batch", "count"];
    plant.tags.extend(names.map(|name| Tag { fast: false, ..tag(name) }));
    let confirm = Condition { word: word(COUNT), test: Test::Rises };
    let phase = Phase {
        id: PhaseId::parse("cook").unwrap(),
        while_: Condition { word: word(STATE), test: Test::In(vec![Value::Int(1)]) },
        split: Vec::new(),
        ignore: Duration::ZERO,
        settle: Duration::from_secs(2),
        confirm: confirmed.then_some(confirm),
        event: Some(Verb::Complete),
        item: Some(spec(ItemClass::Unit, BATCH)),
        operation: None,
        record: Vec::new(),
        by: None,
    };
    let mut kettle = plant.stations[0].clone();
    kettle.id = StationId::parse("K1").unwrap();
    (kettle.handshakes, kettle.mounts, kettle.phases) = (Vec::new(), Vec::new(), vec![phase]);
    plant.stations.push(kettle);
    Arc::new(plant)
}

/// A kettle that waits for nobody, its server, and the way to the engine.
struct Kitchen {
    plant: Arc<Plant>,
    engine: Engine,
    durable: Vec<Record>,
    appended: Vec<Record>,
    now: i64,
    /// What each word holds, and since when.
    words: [(Value, i64); 3],
    batch: u64,
    begun: Option<i64>,
    uncounted: bool,
    /// What was cooked, from when to when.
    truth: Vec<(String, i64, i64)>,
    linked: bool,
    session: Session,
    /// Changes that the server has not sent, messages on their way with the time at which they were
    /// sent, and what waits in the two lanes.
    changes: Vec<Sample>,
    flight: VecDeque<(i64, Vec<Sample>)>,
    urgent: VecDeque<(i64, Input)>,
    bulk: VecDeque<Vec<Sample>>,
    /// When the last message that was received was sent.
    observed: Option<i64>,
    first: Option<i64>,
}

impl Kitchen {
    fn new(confirmed: bool) -> Self {
        let (empty, zero) = ((Value::text(""), 0), (Value::UInt(0), 0));
        let mut kitchen = Self {
            plant: kettles(confirmed),
            engine: Engine::new(persons()),
            durable: Vec::new(),
            appended: Vec::new(),
            now: 0,
            words: [empty, (Value::Int(0), 0), zero],
            batch: 0,
            begun: None,
            uncounted: false,
            truth: Vec::new(),
            linked: false,
            session: Session(0),
            changes: Vec::new(),
            flight: VecDeque::new(),
            urgent: VecDeque::new(),
            bulk: VecDeque::new(),
            observed: None,
            first: None,
        };
        kitchen.start();
        kitchen
    }

    fn step(&mut self, input: &Input) {
        self.now += 1_000;
        let monotonic = Monotonic(u64::try_from(self.now).unwrap());
        let mut out = Vec::new();
        self.engine.step(At { monotonic, wall: Utc(self.now) }, input, &mut out);
        for effect in out {
            if let Effect::Append(frame) = effect {
                self.appended.extend(frame);
            }
        }
    }

    fn start(&mut self) {
        let recovered = self.engine.position();
        self.step(&Input::Start { cause: StartCause::Daemon, recovered });
        let plant = Arc::clone(&self.plant);
        self.step(&Input::Plant(plant));
    }

    fn sample(&self, n: usize) -> Sample {
        let (value, since) = self.words[n].clone();
        let source = Some(Utc(since));
        let (tag, quality, receive) = (WORDS[n], Quality::GOOD, Utc(self.now));
        Sample { tag, value, quality, source, server: None, receive }
    }

    fn put(&mut self, n: usize, value: Value) {
        self.now += 1_000;
        self.words[n] = (value, self.now);
        if self.linked {
            self.changes.push(self.sample(n));
        }
    }

    /// The kettle goes on: it is named and begins, ends, or counts what it has done.
    fn cook(&mut self) {
        if self.uncounted {
            self.uncounted = false;
            self.put(2, Value::UInt(self.batch));
        } else if let Some(begin) = self.begun.take() {
            self.put(1, Value::Int(0));
            self.truth.push((format!("B-{}", self.batch), begin, self.now));
            self.uncounted = true;
        } else {
            self.batch += 1;
            self.put(0, Value::text(&format!("B-{}", self.batch)));
            self.put(1, Value::Int(1));
            self.begun = Some(self.now);
        }
    }

    fn link(&mut self) {
        self.now += 1_000;
        self.linked = true;
        self.session.0 += 1;
        let boot = Boot { restart: Some(Value::UInt(1)), start_time: None };
        let link = Link::Live { boot, session: self.session, widths: None };
        self.urgent.push_back((self.now, Input::Link { device: DeviceIndex(0), link }));
        self.bulk.push_back((0..WORDS.len()).map(|n| self.sample(n)).collect());
        self.observed = Some(self.now);
    }

    fn drop_link(&mut self) {
        self.changes.clear();
        self.flight.clear();
        let (since, lost) = (self.observed.map(Utc), Some(Utc(self.now)));
        let link = Link::Down { since, cause: GapCause::Disconnected, lost };
        if std::mem::take(&mut self.linked) {
            self.urgent.push_back((self.now, Input::Link { device: DeviceIndex(0), link }));
        }
    }

    fn publish(&mut self) {
        self.flight.push_back((self.now, std::mem::take(&mut self.changes)));
    }

    fn receive(&mut self) {
        let Some((sent, mut samples)) = self.flight.pop_front() else { return };
        for sample in &mut samples {
            sample.receive = Utc(self.now);
        }
        self.observed = Some(sent);
        // A keep-alive says nothing to the engine.
        if !samples.is_empty() {
            self.bulk.push_back(samples);
        }
    }

    /// The engine takes what is urgent first.
    fn take(&mut self) {
        if let Some((_, input)) = self.urgent.pop_front() {
            let live = matches!(input, Input::Link { link: Link::Live { .. }, .. });
            self.step(&input);
            self.first = self.first.or_else(|| live.then_some(self.now));
        } else if let Some(samples) = self.bulk.pop_front() {
            self.step(&Input::Samples(samples));
        }
    }

    fn wake(&mut self) {
        let due = |(at, _): (Monotonic, _)| i64::try_from(at.0).unwrap() <= self.now;
        if self.engine.next_wake().is_some_and(due) {
            self.step(&Input::Wake);
        }
    }

    fn crash(&mut self, kept: usize) {
        let kept = kept.min(self.appended.len());
        self.durable.extend(self.appended.drain(..).take(kept));
        self.changes.clear();
        self.flight.clear();
        self.urgent.clear();
        self.bulk.clear();
        self.linked = false;
        self.engine = folded(&self.durable);
        self.start();
    }

    /// Nothing is later than the plant file has patience for.
    fn hurry(&mut self) {
        let now = self.now;
        if self.uncounted && self.truth.last().is_some_and(|(_, _, end)| end + 1_000 * MS < now) {
            self.cook();
        }
        let old = |at: i64| at < now - STAGE;
        while self.urgent.front().is_some_and(|(told, _)| old(*told)) {
            self.take();
        }
        if self.changes.first().is_some_and(|s| old(s.time().0)) {
            self.publish();
        }
        while self.flight.front().is_some_and(|(sent, _)| *sent < self.now - STAGE) {
            self.receive();
        }
        while self
            .bulk
            .front()
            .and_then(|s| s.first())
            .is_some_and(|s| s.receive.0 < self.now - STAGE)
        {
            self.take();
        }
    }

    fn act(&mut self, choice: u8) {
        self.now += i64::from(choice / 16) * 20 * MS;
        self.hurry();
        match choice % 16 {
            0..=5 => self.cook(),
            6 | 7 => self.publish(),
            8 | 9 => self.receive(),
            10 | 11 => self.take(),
            12 => self.durable.append(&mut self.appended),
            13 if choice >= 192 => self.crash(usize::from(choice / 16)),
            14 if self.linked => self.drop_link(),
            13 | 14 => {}
            _ if self.linked => {}
            _ => self.link(),
        }
        self.wake();
    }

    /// No more faults: all that was begun ends.
    fn settle(&mut self) {
        if !self.linked {
            self.link();
        }
        while self.begun.is_some() || self.uncounted {
            self.cook();
        }
        for _ in 0..100 {
            self.now += 100 * MS;
            self.publish();
            self.receive();
            while !(self.urgent.is_empty() && self.bulk.is_empty()) {
                self.take();
            }
            self.wake();
        }
        self.durable.append(&mut self.appended);
    }
}

fn judge(kitchen: &mut Kitchen) -> std::result::Result<(), TestCaseError> {
    kitchen.settle();
    let (mut told, mut aside, mut gaps) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for record in &kitchen.durable {
        match &record.body {
            Body::Trace(TraceEvent {
                what: What::Complete { item, phase: Some(phase), .. },
                ..
            }) => {
                let one =
                    (item.code.to_string(), phase.interval.from.0, phase.interval.to.unwrap().0);
                prop_assert!(kitchen.truth.contains(&one), "{:?} never was", one);
                prop_assert!(told.insert(one), "{:?} is told twice", phase);
            }
            Body::Quarantine(Quarantine { phase: Some(phase), .. }) => {
                aside.insert(phase.interval.to.unwrap().0);
            }
            Body::Gap(gap) => gaps.extend(gap.interval.to.map(|to| (gap.interval.from.0, to.0))),
            Body::Trace(_)
            | Body::Quarantine(_)
            | Body::Epoch(_)
            | Body::Verdict(_)
            | Body::Plant(_)
            | Body::Orders(_)
            | Body::Audit(_)
            | Body::Tombstone(_)
            | Body::Case(_)
            | Body::Maintenance(_)
            | Body::Alarm(_)
            | Body::Dropped => {}
        }
    }
    for one in kitchen.truth.iter().filter(|(_, begin, _)| Some(*begin) > kitchen.first) {
        let (_, begin, end) = one;
        let known = told.contains(one) || aside.contains(end);
        let in_gap = gaps.iter().any(|(from, to)| from <= end && to >= begin);
        prop_assert!(known || in_gap, "{:?} is a silent hole; gaps {:?}", one, gaps);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_phase_is_an_event_or_set_aside_or_in_a_gap(
        confirmed in any::<bool>(),
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut kitchen = Kitchen::new(confirmed);
        for choice in choices {
            kitchen.act(choice);
        }
        judge(&mut kitchen)?;
    }
}

/// What was told on time is on record as it was.
#[test]
fn a_phase_that_is_observed_is_one_event_and_in_no_gap() {
    for confirmed in [false, true] {
        let mut kitchen = Kitchen::new(confirmed);
        kitchen.link();
        kitchen.settle();
        for _ in 0..3 {
            for _ in 0..3 {
                kitchen.now += 300 * MS;
                kitchen.cook();
            }
            kitchen.settle();
        }
        judge(&mut kitchen).unwrap();
        let told = |r: &&Record| {
            matches!(&r.body, Body::Trace(TraceEvent { what: What::Complete { .. }, .. }))
        };
        assert_eq!(kitchen.durable.iter().filter(told).count(), 3);
        assert!(
            !kitchen.durable.iter().any(|r| matches!(r.body, Body::Gap(_) | Body::Quarantine(_)))
        );
    }
}

/// What was split off waits for a while; that the rest ends meanwhile does not lose it.
#[test]
fn a_phase_that_was_split_off_is_told_though_the_rest_ends_at_once() {
    let mut kitchen = Kitchen::new(false);
    let mut plant = (*kitchen.plant).clone();
    plant.stations.last_mut().unwrap().phases[0].split = vec![COUNT];
    (kitchen.plant, kitchen.engine) = (Arc::new(plant), Engine::new(persons()));
    kitchen.appended.clear();
    kitchen.start();
    kitchen.link();
    kitchen.settle();
    let tell = |kitchen: &mut Kitchen, after: i64, n: usize, value: Value| {
        kitchen.now += after;
        kitchen.put(n, value);
        kitchen.publish();
        kitchen.receive();
        kitchen.take();
    };
    tell(&mut kitchen, MS, 0, Value::text("B-1"));
    tell(&mut kitchen, MS, 1, Value::Int(1));
    tell(&mut kitchen, 3_000 * MS, 2, Value::UInt(1));
    tell(&mut kitchen, 500 * MS, 1, Value::Int(0));
    kitchen.settle();
    let told = |r: &&Record| {
        matches!(&r.body, Body::Trace(TraceEvent { what: What::Complete { .. }, .. }))
    };
    assert_eq!(kitchen.durable.iter().chain(&kitchen.appended).filter(told).count(), 2);
}
