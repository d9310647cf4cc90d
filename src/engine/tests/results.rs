//! A machine that tells of its results by events, keeps some of them and gives them when it is asked. Events
//! are lost, repeated and put in another order; the machine forgets and begins anew; both sides die.
mod shared;

use super::*;

const NAME: TagIndex = TagIndex(0);
const PART: TagIndex = TagIndex(1);
const MADE: TagIndex = TagIndex(2);
const LEVEL: TagIndex = TagIndex(3);
const PLACE: TagIndex = TagIndex(4);
const REEL: TagIndex = TagIndex(5);
const SETTLE: Duration = Duration::from_millis(500);

fn field(name: &str) -> Tag {
    Tag { source: TagSource::Field(name.into()), fast: false, watched: false, ..tag(name) }
}

/// Whose the results of the machine are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Whose {
    /// Of its one station.
    One,
    /// The first station means those made at place 0, the second those at place 1, and none those at place 2.
    Two,
    /// The second means what the first does not.
    Rest,
}

impl Whose {
    /// The station whose the results of a place are.
    fn station(self, place: u64) -> Option<&'static str> {
        match (self, place) {
            (Self::One, _) | (_, 0) => Some("ST10"),
            (Self::Two, 1) | (Self::Rest, _) => Some("ST20"),
            (Self::Two, _) => None,
        }
    }
}

/// Two stations share what the machine tells of.
fn shared_plant(fetch: bool, whose: Whose) -> Arc<Plant> {
    let mut plant = (*told_plant(fetch)).clone();
    let only = |place| Condition { word: word(PLACE), test: Test::In(vec![Value::UInt(place)]) };
    let mut second = plant.stations[0].clone();
    second.id = StationId::parse("ST20").unwrap();
    plant.stations.push(second);
    for (station, place) in plant.stations.iter_mut().zip(0..) {
        let handshake = &mut station.handshakes[0];
        let means = place == 0 || whose == Whose::Two;
        handshake.results.as_mut().unwrap().only = means.then(|| only(place));
        handshake.snapshot.extend(means.then_some(PLACE));
    }
    Arc::new(plant)
}

/// Results are fetched, or the events have all of them.
fn told_plant(fetch: bool) -> Arc<Plant> {
    let mut plant = (*plant(Pattern::Results, Splice::Clean)).clone();
    plant.tags = ["name", "part", "made", "level", "place"].map(field).to_vec();
    plant.tags.push(Tag { fast: false, ..tag("reel") });
    plant.tags[NAME.get()].writable = true;
    let station = &mut plant.stations[0];
    station.mounts[0].lot = spec(ItemClass::Lot, REEL);
    let handshake = &mut station.handshakes[0];
    let method = |name: &str| fetch.then(|| name.to_owned());
    handshake.results = Some(Results {
        notifier: NodeAddress { namespace: "u".into(), identifier: "s=Results".into() },
        event_type: None,
        recover: method("list"),
        fetch: method("get"),
        acknowledge: Some("ack".to_owned()),
        only: None,
    });
    (handshake.trigger, handshake.ack, handshake.number) = (word(NAME), Some(word(NAME)), None);
    handshake.item = spec(ItemClass::Unit, PART);
    handshake.time = Some(word(MADE));
    handshake.measurements[0].word = word(LEVEL);
    handshake.snapshot = vec![PART, MADE, LEVEL];
    handshake.settle = SETTLE;
    Arc::new(plant)
}

/// What the machine made.
#[derive(Debug, Clone)]
struct Made {
    name: String,
    part: u64,
    at: Utc,
    reel: u64,
}

#[derive(Debug)]
struct Machine {
    made: Vec<Made>,
    /// Those that it still has, at most so many.
    kept: Vec<u64>,
    most: usize,
    /// What is acknowledged is kept all the same.
    keeps: bool,
    /// Those that it names and does not give.
    gone: BTreeSet<u64>,
    count: u64,
    reel: u64,
    reel_at: Utc,
    boot: u64,
}

impl Machine {
    fn make(&mut self, now: Utc) -> u64 {
        self.count += 1;
        let part = self.made.len() as u64;
        let name = format!("R-{}", self.count);
        self.made.push(Made { name, part, at: now, reel: self.reel });
        self.kept.push(part);
        let many = self.kept.len().saturating_sub(self.most);
        self.kept.drain(..many);
        part
    }

    fn result(&self, part: u64) -> &Made {
        &self.made[usize::try_from(part).unwrap()]
    }

    fn named(&self, name: &str) -> Option<u64> {
        let given = self.kept.iter().filter(|part| !self.gone.contains(part));
        given.copied().find(|part| self.result(*part).name == name)
    }

    fn words(&self, part: u64, now: Utc) -> Vec<Sample> {
        let Made { name, part, at, reel: _ } = self.result(part);
        let values = [
            (NAME, Value::text(name)),
            (PART, Value::text(&format!("SN-{part}"))),
            (MADE, Value::Time(at.0)),
            (LEVEL, Value::Real(f64::from(u32::try_from(*part).unwrap()))),
            (PLACE, Value::UInt(part % 3)),
        ];
        let sample = |(tag, value)| Sample {
            tag,
            value,
            quality: Quality::GOOD,
            source: Some(*at),
            server: None,
            receive: now,
        };
        values.map(sample).to_vec()
    }
}

struct World {
    plant: Arc<Plant>,
    whose: Whose,
    machine: Machine,
    engine: Engine,
    durable: Vec<Record>,
    appended: Vec<Record>,
    waiting: VecDeque<Effect>,
    notices: Vec<Notice>,
    answers: VecDeque<Input>,
    /// Events and changes of the reel on their way.
    events: VecDeque<u64>,
    reels: VecDeque<Sample>,
    acknowledged: BTreeSet<u64>,
    linked: bool,
    session: Session,
    now: u64,
}

impl World {
    fn new(fetch: bool, keeps: bool, most: usize) -> Self {
        Self::with(fetch, Whose::One, keeps, most)
    }

    fn with(fetch: bool, whose: Whose, keeps: bool, most: usize) -> Self {
        let machine = Machine {
            made: Vec::new(),
            kept: Vec::new(),
            most,
            keeps,
            gone: BTreeSet::new(),
            count: 0,
            reel: 0,
            reel_at: Utc(0),
            boot: 1,
        };
        let mut world = Self {
            plant: match whose {
                Whose::One => told_plant(fetch),
                Whose::Two | Whose::Rest => shared_plant(fetch, whose),
            },
            whose,
            machine,
            engine: Engine::new(persons()),
            durable: Vec::new(),
            appended: Vec::new(),
            waiting: VecDeque::new(),
            notices: Vec::new(),
            answers: VecDeque::new(),
            events: VecDeque::new(),
            reels: VecDeque::new(),
            acknowledged: BTreeSet::new(),
            linked: false,
            session: Session(0),
            now: 0,
        };
        world.start();
        world
    }

    fn at(&mut self) -> At {
        self.now += 1_000_000;
        At { monotonic: Monotonic(self.now), wall: Utc(i64::try_from(self.now).unwrap()) }
    }

    fn step(&mut self, input: &Input) {
        let at = self.at();
        let mut out = Vec::new();
        self.engine.step(at, input, &mut out);
        for effect in out {
            match effect {
                Effect::Append(frame) => self.appended.extend(frame),
                other @ (Effect::Read(_)
                | Effect::Write(_)
                | Effect::Ask(_)
                | Effect::Answer(_)) => self.waiting.push_back(other),
                Effect::Notice(notice) => self.notices.push(notice),
            }
        }
    }

    fn start(&mut self) {
        let recovered = self.engine.position();
        self.step(&Input::Start { cause: StartCause::Daemon, recovered });
        let plant = Arc::clone(&self.plant);
        self.step(&Input::Plant(plant));
        self.link();
    }

    fn link(&mut self) {
        self.linked = true;
        self.session.0 += 1;
        let session = self.session;
        let boot = Boot { restart: Some(Value::UInt(self.machine.boot)), start_time: None };
        let link = Link::Live { boot, session, widths: None };
        self.step(&Input::Link { device: DeviceIndex(0), link });
        self.tell_reel();
    }

    /// What was told up to now, as the connection knows it: events under way are not.
    fn observed(&self) -> Utc {
        let under_way = self.events.iter().map(|part| self.machine.result(*part).at);
        under_way.min().unwrap_or(Utc(i64::try_from(self.now).unwrap()))
    }

    fn drop_link(&mut self) {
        if std::mem::take(&mut self.linked) {
            let since = Some(self.observed());
            let link = Link::Down { since, cause: GapCause::Disconnected, lost: None };
            self.events.clear();
            self.reels.clear();
            self.step(&Input::Link { device: DeviceIndex(0), link });
        }
    }

    /// Some events are lost on the way, and the server says so.
    fn lose(&mut self) {
        let (since, to) = (self.observed(), self.at().wall);
        self.events.clear();
        let (device, cause) = (DeviceIndex(0), GapCause::Overflow);
        self.step(&Input::Lost { device, tag: None, cause, since, to, open: false });
    }

    fn tell_reel(&mut self) {
        let receive = self.at().wall;
        let value = Value::text(&format!("REEL-{}", self.machine.reel));
        let source = Some(self.machine.reel_at);
        let quality = Quality::GOOD;
        self.reels.push_back(Sample { tag: REEL, value, quality, source, server: None, receive });
    }

    fn make(&mut self) {
        let now = self.at().wall;
        let part = self.machine.make(now);
        if self.linked {
            self.events.push_back(part);
        }
    }

    fn change_reel(&mut self) {
        self.machine.reel += 1;
        self.machine.reel_at = self.at().wall;
        if self.linked {
            self.tell_reel();
        }
    }

    fn tell_event(&mut self) {
        if let Some(part) = self.events.pop_front() {
            let now = self.at().wall;
            let words = self.machine.words(part, now);
            self.step(&Input::Samples(words));
        }
    }

    fn tell_reels(&mut self) {
        while let Some(reel) = self.reels.pop_front() {
            self.step(&Input::Samples(vec![reel]));
        }
    }

    fn tell_answer(&mut self) {
        if let Some(answer) = self.answers.pop_front() {
            self.step(&answer);
        }
    }

    fn sync(&mut self) {
        self.durable.append(&mut self.appended);
    }

    fn crash(&mut self, kept: usize) {
        let kept = kept.min(self.appended.len());
        self.durable.extend(self.appended.drain(..).take(kept));
        self.waiting.clear();
        self.answers.clear();
        self.events.clear();
        self.reels.clear();
        self.engine = folded(&self.durable);
        self.start();
    }

    /// The machine begins anew: its names too, if it forgets.
    fn restart(&mut self, forgets: bool) {
        self.drop_link();
        self.machine.boot += 1;
        if forgets {
            self.machine.count = 0;
            self.machine.kept.clear();
        }
        self.link();
    }

    fn carry_out(&mut self) {
        let Some(effect) = self.waiting.pop_front() else { return };
        let durable = Position(self.durable.len() as u64);
        let now = self.at().wall;
        match effect {
            Effect::Read(r) => {
                let outcome = if self.linked && r.session == self.session {
                    self.read(&r, now)
                } else {
                    Err(ReadFault::Disconnected)
                };
                self.answers.push_back(Input::Read(ReadDone { token: r.token, outcome }));
            }
            Effect::Write(w) if w.after > durable => self.waiting.push_back(Effect::Write(w)),
            Effect::Write(w) => {
                let linked = self.linked && w.session == self.session;
                let outcome = if linked { Ok(()) } else { Err(ReadFault::Disconnected) };
                if linked {
                    self.acknowledge(&w.ack.unwrap().value);
                }
                self.answers.push_back(Input::Written(WriteDone { token: w.token, outcome }));
            }
            Effect::Append(_) | Effect::Ask(_) | Effect::Answer(_) | Effect::Notice(_) => {}
        }
    }

    fn read(&self, request: &ReadRequest, now: Utc) -> std::result::Result<Vec<Sample>, ReadFault> {
        match &request.from {
            ReadFrom::Words => panic!("a result has no words to be read"),
            ReadFrom::Results => {
                let names = self.machine.kept.iter();
                let names = names.map(|part| Value::text(&self.machine.result(*part).name));
                let value = Value::List(names.collect());
                let quality = Quality::GOOD;
                let (source, server) = (None, None);
                Ok(vec![Sample { tag: NAME, value, quality, source, server, receive: now }])
            }
            ReadFrom::Result(name) => {
                let part = self.machine.named(name.as_str()).ok_or(ReadFault::Refused)?;
                let all = self.machine.words(part, now);
                let word = |tag: &TagIndex| all.iter().find(|word| word.tag == *tag).cloned();
                let words = request.tags.iter().filter_map(word);
                Ok(words.map(|word| Sample { source: None, ..word }).collect())
            }
        }
    }

    /// Nothing is acknowledged before it is on the disk.
    fn acknowledge(&mut self, names: &Value) {
        let Value::List(names) = names else { panic!("names are acknowledged") };
        for name in names {
            let name = name.as_text().unwrap();
            let of_name = self.machine.made.iter().filter(|made| made.name == name);
            let serials: Vec<_> = of_name.map(|made| format!("SN-{}", made.part)).collect();
            let known = self.durable.iter().any(|record| match &record.body {
                Body::Trace(event) => {
                    event.what.items().iter().any(|i| serials.contains(&i.code.to_string()))
                }
                Body::Quarantine(aside) => aside.handshake.as_ref().is_some_and(|mark| {
                    mark.result.as_ref().is_some_and(|result| result.as_str() == name)
                }),
                Body::Gap(_)
                | Body::Epoch(_)
                | Body::Verdict(_)
                | Body::Plant(_)
                | Body::Orders(_)
                | Body::Audit(_)
                | Body::Tombstone(_)
                | Body::Case(_)
                | Body::Maintenance(_)
                | Body::Alarm(_)
                | Body::Dropped => false,
            });
            assert!(known, "{name} is acknowledged and not on the disk");
            if let Some(part) = self.machine.named(&name) {
                self.acknowledged.insert(part);
                if !self.machine.keeps {
                    self.machine.kept.retain(|kept| *kept != part);
                }
            }
        }
    }

    fn act(&mut self, choice: u8) {
        match choice % 16 {
            0..=2 => self.make(),
            3 if self.linked && choice >= 128 => self.lose(),
            3 => {
                // Told once more, or before another.
                let last = self.machine.kept.last().copied().filter(|_| self.linked);
                self.events.extend(last);
                self.events.rotate_left(usize::from(!self.events.is_empty()));
            }
            4..=6 => self.carry_out(),
            7 | 8 => self.tell_answer(),
            9 | 10 => self.tell_event(),
            11 => self.sync(),
            12 => self.crash(usize::from(choice / 16)),
            13 => self.drop_link(),
            14 if choice >= 128 => self.restart(choice >= 224),
            14 => self.change_reel(),
            _ if self.linked => {
                // No notification comes so late.
                self.tell_reels();
                self.now += 200_000_000;
            }
            _ => self.link(),
        }
        if self.engine.next_wake().is_some_and(|(at, _)| at.0 <= self.now) {
            self.step(&Input::Wake);
        }
    }

    fn settle(&mut self) {
        for _ in 0..50 {
            self.sync();
            if !self.linked {
                self.link();
            }
            self.tell_reels();
            while !(self.waiting.is_empty() && self.answers.is_empty() && self.events.is_empty()) {
                self.sync();
                self.carry_out();
                self.tell_event();
                self.tell_answer();
            }
            self.now += 1_000_000_000;
            self.step(&Input::Wake);
        }
        self.sync();
    }
}

/// A part that is recorded, its level, and each reel with whether it is in doubt.
type Part = (u64, Value, Vec<(String, bool)>);

fn recorded(records: &[Record]) -> Vec<Part> {
    let event = |r: &Record| {
        let Body::Trace(event) = &r.body else { return None };
        let What::Complete { item, measurements, mounts, .. } = &event.what else { return None };
        let part = item.code.as_str().strip_prefix("SN-").unwrap().parse().unwrap();
        let reels = mounts.iter().map(|m| (m.lot.code.to_string(), m.one_of)).collect();
        Some((part, measurements[0].value.clone(), reels))
    };
    records.iter().filter_map(event).collect()
}

/// The stations at which a part is recorded.
fn stations_of(records: &[Record], serial: &str) -> Vec<StationId> {
    let station = |r: &Record| {
        let Body::Trace(event) = &r.body else { return None };
        let What::Complete { item, .. } = &event.what else { return None };
        event.station.clone().filter(|_| item.code.as_str() == serial)
    };
    records.iter().filter_map(station).collect()
}

fn set_aside(records: &[Record]) -> Vec<(&Quarantine, String)> {
    let aside = |r: &'_ Record| matches!(r.body, Body::Quarantine(_)).then_some(());
    let all = records.iter().filter(|r| aside(r).is_some());
    all.filter_map(|r| {
        let Body::Quarantine(aside) = &r.body else { return None };
        let serial = aside.raw.iter().find(|word| word.tag.as_str() == "part");
        Some((aside, serial.and_then(|word| word.value.as_text()).unwrap_or_default()))
    })
    .collect()
}

fn gaps(records: &[Record]) -> Vec<&Gap> {
    let gap = |r: &'_ Record| matches!(r.body, Body::Gap(_)).then_some(());
    let gaps = records.iter().filter(|r| gap(r).is_some());
    gaps.filter_map(|r| if let Body::Gap(gap) = &r.body { Some(gap) } else { None }).collect()
}

/// Each result once and as it was, set aside, or in a gap; none twice.
fn judge(world: &mut World) -> std::result::Result<(), TestCaseError> {
    world.settle();
    let told = recorded(&world.durable);
    let once: BTreeSet<u64> = told.iter().map(|(part, ..)| *part).collect();
    prop_assert_eq!(once.len(), told.len(), "twice: {:?}", told);
    let aside: Vec<String> =
        set_aside(&world.durable).into_iter().map(|(_, serial)| serial).collect();
    let gaps = gaps(&world.durable);
    let first = |r: &&Record| matches!(r.body, Body::Epoch(_));
    let begun = world.durable.iter().find(first).unwrap().at.wall;
    for made in &world.machine.made {
        let serial = format!("SN-{}", made.part);
        let station = world.whose.station(made.part % 3);
        let mine = told.iter().find(|(part, ..)| *part == made.part);
        let covered = gaps.iter().any(|gap| {
            let here =
                station.is_none_or(|station| gap.stations.iter().any(|s| s.as_str() == station));
            here && gap.interval.from <= made.at && gap.interval.to.is_some_and(|to| to >= made.at)
        });
        let at = stations_of(&world.durable, &serial);
        prop_assert!(at.iter().all(|at| Some(at.as_str()) == station), "{:?} is of {:?}", made, at);
        let Some((_, level, reels)) = mine else {
            let before = made.at < begun;
            prop_assert!(
                aside.contains(&serial) || covered || before,
                "{:?} is nowhere: {:?}",
                made,
                gaps
            );
            prop_assert!(!world.machine.kept.contains(&made.part) || aside.contains(&serial));
            continue;
        };
        prop_assert_eq!(level, &Value::Real(f64::from(u32::try_from(made.part).unwrap())));
        let reel = format!("REEL-{}", made.reel);
        let right = reels.iter().any(|(lot, _)| *lot == reel);
        let certain = reels.iter().any(|(lot, one_of)| *lot != reel && !one_of);
        // What was in it before we first looked is in doubt.
        let right = right || made.at < begun;
        prop_assert!((right && !certain) || covered, "{:?} has {:?}", made, reels);
    }
    let unknown = world.machine.kept.iter().filter(|part| !world.acknowledged.contains(*part));
    prop_assert_eq!(unknown.count(), 0, "what is kept is acknowledged");
    let folded = folded(&world.durable);
    prop_assert_eq!(folded.memory(), world.engine.memory());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_result_that_is_fetched_is_recorded_once_or_lies_in_a_gap(
        keeps in any::<bool>(),
        most in 1..20usize,
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut world = World::new(true, keeps, most);
        for choice in choices {
            world.act(choice);
        }
        judge(&mut world)?;
    }
}

/// Without methods an event is all there is: what was told while nobody listened lies in a gap.
#[test]
fn a_result_that_is_only_told_is_recorded_or_lies_in_a_gap() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(1000));
    let choices = proptest::collection::vec(any::<u8>(), 0..300);
    let done = runner.run(&choices, |choices| {
        let mut world = World::new(false, false, 100);
        for choice in choices {
            world.act(choice);
        }
        world.machine.kept.clear();
        judge(&mut world)
    });
    done.unwrap();
}

impl World {
    /// A result goes all the way, or as far as it can without the disk.
    fn told(&mut self, syncs: bool) {
        self.tell_reels();
        for _ in 0..20 {
            if syncs {
                self.sync();
            }
            self.tell_event();
            self.carry_out();
            self.tell_answer();
            self.now += 100_000_000;
            self.step(&Input::Wake);
        }
    }
}

#[test]
fn a_result_is_acknowledged_when_it_is_durable_and_not_before() {
    let mut world = World::new(true, false, 10);
    world.told(true);
    world.make();
    world.told(false);
    assert_eq!(recorded(&world.appended).len(), 1);
    assert!(world.acknowledged.is_empty(), "nothing is durable yet");
    world.crash(0);
    assert!(recorded(&world.durable).is_empty());
    world.settle();
    assert_eq!(recorded(&world.durable).len(), 1);
    assert_eq!(world.acknowledged, BTreeSet::from([0]));
}

/// The same name with other words, without a restart in between, is nobody's result.
#[test]
fn a_name_with_other_words_is_a_conflict_and_recorded_once() {
    let mut world = World::new(true, true, 10);
    world.told(true);
    world.make();
    world.told(true);
    world.machine.made[0].part = 77;
    world.machine.made[0].name = "R-1".into();
    for _ in 0..3 {
        world.events.push_back(0);
        world.told(true);
    }
    world.settle();
    assert_eq!(recorded(&world.durable).len(), 1);
    let aside = set_aside(&world.durable);
    let causes: Vec<_> = aside.iter().map(|(aside, serial)| (&aside.cause, &**serial)).collect();
    assert_eq!(causes, [(&QuarantineCause::Conflict, "SN-77")]);
}

#[test]
fn a_result_that_is_told_once_more_says_where_it_is_recorded() {
    let mut world = World::new(true, true, 10);
    world.told(true);
    world.make();
    world.told(true);
    world.events.push_back(0);
    world.told(true);
    let again = world.notices.iter().any(|n| n.text.contains("it is on record as #"));
    assert!(again, "{:?}", world.notices);
}

/// The machine used a name again while nobody listened: what it names is seen before it may forget it.
#[test]
fn a_name_that_is_used_again_unseen_is_not_acknowledged_unseen() {
    let mut world = World::new(true, false, 10);
    world.told(true);
    world.make();
    world.told(true);
    assert_eq!(world.acknowledged, BTreeSet::from([0]));
    world.drop_link();
    world.machine.count = 0;
    world.make();
    world.settle();
    let aside = set_aside(&world.durable);
    let causes: Vec<_> = aside.iter().map(|(aside, serial)| (&aside.cause, &**serial)).collect();
    assert_eq!(causes, [(&QuarantineCause::Conflict, "SN-1")]);
    assert_eq!(world.acknowledged, BTreeSet::from([0, 1]));
    // The acknowledgement was lost: it is the same, and recorded once.
    world.machine.kept.push(0);
    world.drop_link();
    world.settle();
    assert_eq!((recorded(&world.durable).len(), set_aside(&world.durable).len()), (1, 1));
}

/// After a restart the machine counts anew: the old name is another result.
#[test]
fn a_name_of_another_epoch_is_another_result() {
    let mut world = World::new(true, true, 10);
    world.told(true);
    world.make();
    world.told(true);
    world.restart(true);
    world.make();
    world.settle();
    let names: Vec<_> = world.machine.made.iter().map(|made| made.name.as_str()).collect();
    assert_eq!(names, ["R-1", "R-1"]);
    assert_eq!(recorded(&world.durable).len(), 2);
    // One that was retained is the same.
    world.restart(false);
    world.settle();
    assert_eq!(recorded(&world.durable).len(), 2);
}

/// Made in this order: a reel is changed between the two, and the machine names the later one first.
#[test]
fn results_are_recorded_in_the_order_in_which_they_were_made() {
    let mut world = World::new(true, true, 10);
    world.told(true);
    world.drop_link();
    world.make();
    world.change_reel();
    world.make();
    world.machine.kept.reverse();
    world.link();
    world.settle();
    let parts: Vec<u64> = recorded(&world.durable).iter().map(|(part, ..)| *part).collect();
    assert_eq!(parts, [0, 1]);
}

/// What the machine named and does not have any more is missing, and said to be.
#[test]
fn a_result_that_is_named_and_not_given_is_a_gap() {
    let mut world = World::new(true, true, 10);
    world.told(true);
    world.make();
    world.machine.kept.clear();
    world.settle();
    assert!(recorded(&world.durable).is_empty());
    let missing: Vec<_> = gaps(&world.durable).iter().map(|gap| (gap.cause, gap.count)).collect();
    assert_eq!(missing, [(GapCause::NotGiven, None), (GapCause::NotGiven, Some(1))]);
}

/// The machine names all that it ever made and has none of it any more: that is one gap that counts them,
/// whatever else is recorded meanwhile and whoever dies.
#[test]
fn all_that_is_named_and_not_given_at_once_is_one_gap() {
    let mut world = World::new(true, true, 400);
    world.told(true);
    world.drop_link();
    (0..300).for_each(|_| world.make());
    world.machine.gone = (0..300).filter(|part| part % 100 != 7).collect();
    world.settle();
    assert_eq!(recorded(&world.durable).len(), 3);
    let of_machine = |gap: &&&Gap| gap.cause == GapCause::NotGiven;
    let all = gaps(&world.durable);
    let missing: Vec<_> = all.iter().filter(of_machine).map(|gap| gap.count).collect();
    assert_eq!(missing, [None, Some(297)], "it opens and closes");
    let from: BTreeSet<_> = all.iter().filter(of_machine).map(|gap| gap.interval.from).collect();
    assert_eq!(from.len(), 1);
}

/// A reel that cannot be read when the result is made is not the one before it.
#[test]
fn a_result_beside_a_feeder_that_is_bad_is_set_aside() {
    let mut world = World::new(true, true, 10);
    world.told(true);
    let bad = Sample { quality: Quality::BAD_DEVICE, ..world.reel_now() };
    world.step(&Input::Samples(vec![bad]));
    world.make();
    world.settle();
    let aside = set_aside(&world.durable);
    let reel = QuarantineCause::Word(TagName::parse("reel").unwrap());
    assert_eq!(aside.iter().map(|(aside, _)| &aside.cause).collect::<Vec<_>>(), [&reel]);
    assert_eq!(world.acknowledged.len(), 1, "it is kept with its raw values");
}

impl World {
    fn reel_now(&mut self) -> Sample {
        self.tell_reel();
        self.reels.pop_back().unwrap()
    }
}
