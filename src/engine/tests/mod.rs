//! The engine against a simulated PLC, a ledger that loses what was not synced, and crashes of
//! either side in any order. The truth is the PLC's own list of finished parts.
mod adopt;
mod alarms;
mod answers;
mod batches;
mod carriers;
mod counts;
mod floor;
mod image;
mod labels;
mod late;
mod maintenance;
mod makings;
mod masters;
mod members;
mod phases;
mod plc;
mod recipes;
mod reload;
mod results;
mod retention;
mod sampled;
mod taken;
mod unfired;
mod usage;
mod weakened;
mod who;

use super::Engine;
use crate::model::plant::*;
use crate::model::*;
use image::folded;
use plc::{Plc, STATES};
use proptest::prelude::*;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

const TRIGGER: TagIndex = TagIndex(0);
const NUMBER: TagIndex = TagIndex(1);
const SERIAL: TagIndex = TagIndex(2);
const LOT: TagIndex = TagIndex(3);
const FORCE: TagIndex = TagIndex(4);
const ACK: TagIndex = TagIndex(5);

fn word(tag: TagIndex) -> Word {
    Word { tag, bit: None }
}

fn spec(class: ItemClass, tag: TagIndex) -> CodeSpec {
    let from = CodeFrom::Word(word(tag));
    let form = label::CodeForm::Plain;
    CodeSpec { class, from, scope: ScopeFrom::Site, no_read: vec![String::new()], form }
}

fn tag(name: &str) -> Tag {
    Tag {
        name: TagName::parse(name).unwrap(),
        device: DeviceIndex(0),
        source: TagSource::Node(NodeAddress { namespace: "u".into(), identifier: "s=x".into() }),
        fast: name != "lot",
        watched: true,
        every_change: true,
        publish: None,
        writable: matches!(name, "ack" | "trigger"),
        unit: None,
        range: None,
        change: None,
        bad: Vec::new(),
        names: std::collections::BTreeMap::new(),
    }
}

fn handshake(pattern: Pattern) -> Handshake {
    let own = matches!(pattern, Pattern::Counter | Pattern::Ring);
    let number = if own { TRIGGER } else { NUMBER };
    Handshake {
        id: HandshakeId::parse("result").unwrap(),
        pattern,
        event: Verb::Complete,
        trigger: word(TRIGGER),
        number: Some(Counter { tag: number, bits: 32 }),
        ack: Some(word(ACK)),
        ring: None,
        results: None,
        guard: None,
        snapshot: vec![NUMBER, SERIAL, LOT, FORCE],
        deadline: Duration::from_secs(1),
        settle: Duration::ZERO,
        stable: false,
        release: Duration::from_secs(10),
        first: First::Process,
        item: spec(ItemClass::Unit, SERIAL),
        other: None,
        members: Vec::new(),
        position: None,
        nest: None,
        carrier: None,
        context: Vec::new(),
        quantity: None,
        time: None,
        best_before: None,
        product: None,
        material: None,
        operation: None,
        badge: None,
        result: None,
        measurements: vec![MeasurementSpec {
            name: TagName::parse("force").unwrap(),
            word: word(FORCE),
            unit: None,
            low: None,
            high: None,
        }],
        checks: Vec::new(),
        replies: Vec::new(),
        permit: PermitCodes { ok: 1, nok: 2, rework: 2, unknown: 2 },
        reasons: ReasonCodes::default(),
        overrule: None,
        on_late: Permit::Unknown,
    }
}

fn plant(pattern: Pattern, splice: Splice) -> Arc<Plant> {
    let names = ["trigger", "number", "serial", "lot", "force", "ack"];
    let mount = MountPoint {
        id: MountPointId::parse("feeder").unwrap(),
        lot: spec(ItemClass::Lot, LOT),
        material: None,
        splice,
        tool: None,
        used: None,
    };
    Arc::new(Plant {
        site: SiteId::parse("site").unwrap(),
        devices: vec![Device {
            id: DeviceId::parse("plc").unwrap(),
            protocol: Protocol::OpcUa(OpcUaLink {
                pins: std::collections::BTreeMap::new(),
                url: "opc.tcp://x".into(),
                security: Security::None,
                trust: Trust::Pki,
                login: None,
            }),
            publish: Duration::from_secs(1),
            publish_fast: Duration::from_millis(100),
            heartbeat: Heartbeat { plc: None, host: None, stale_after: Duration::from_secs(3) },
            restart: None,
            interface: None,
        }],
        tags: names.iter().map(|name| tag(name)).collect(),
        stations: vec![Station {
            id: StationId::parse("ST10").unwrap(),
            device: Some(DeviceIndex(0)),
            line: None,
            after: Vec::new(),
            purpose: PurposeSpec::default(),
            evidence: Vec::new(),
            orders: false,
            carry_over: false,
            handshakes: vec![handshake(pattern)],
            phases: Vec::new(),
            mounts: vec![mount],
            monitors: Vec::new(),
            masters: Vec::new(),
            schedules: Vec::new(),
        }],
        catalog: Catalog::default(),
        files: Vec::new(),
        hash: Digest([7; 32]),
    })
}

/// A counter of 16 bits wraps with the third part.
const BEFORE_WRAP: u64 = 65_533;

/// The world around the engine.
struct World {
    /// The plant in force, and where the words of the PLC stand in it.
    plant: Arc<Plant>,
    carried: Carried,
    /// The plant with which it began.
    own: Arc<Plant>,
    plc: Plc,
    engine: Engine,
    /// Durable records, and those that are only appended.
    durable: Vec<Record>,
    appended: Vec<Record>,
    waiting: VecDeque<Effect>,
    /// What whoever watches was told.
    notices: Vec<Notice>,
    /// What was carried out and is not told yet: a read and the subscription are two ways, and either
    /// may be the slower one.
    answers: VecDeque<Input>,
    changes: VecDeque<Vec<Sample>>,
    /// What the subscription told last: it tells changes only.
    told: Option<Vec<Value>>,
    /// Its server looks at the words only now and then.
    slow: bool,
    /// What it tells is long under way: it is as new as it was when it was looked at.
    late: bool,
    /// What it tells goes the way of the answers, in the order in which it was seen.
    ordered: bool,
    linked: bool,
    session: Session,
    now: u64,
}

fn persons() -> PersonKey {
    PersonKey::new([1; 32])
}

impl World {
    fn new(pattern: Pattern, splice: Splice) -> Self {
        Self::with(plant(pattern, splice), Plc::new(pattern, splice))
    }

    fn with(plant: Arc<Plant>, plc: Plc) -> Self {
        let mut world = Self {
            carried: Carried::whole(&plant),
            own: Arc::clone(&plant),
            plant,
            plc,
            engine: Engine::new(persons()),
            durable: Vec::new(),
            appended: Vec::new(),
            waiting: VecDeque::new(),
            notices: Vec::new(),
            answers: VecDeque::new(),
            changes: VecDeque::new(),
            told: None,
            slow: false,
            late: false,
            ordered: false,
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
        let input = self.carried.input(input.clone()).unwrap();
        self.engine.step(at, &input, &mut out);
        let back = self.carried.back();
        for effect in out {
            match effect {
                Effect::Append(frame) => self.appended.extend(frame),
                Effect::Read(mut read) => {
                    read.tags.iter_mut().for_each(|tag| *tag = back.tag(*tag).unwrap());
                    self.waiting.push_back(Effect::Read(read));
                }
                Effect::Write(mut write) => {
                    for word in write.still.iter_mut().chain(&mut write.ack) {
                        word.tag = back.tag(word.tag).unwrap();
                    }
                    self.waiting.push_back(Effect::Write(write));
                }
                effect @ (Effect::Ask(_) | Effect::Answer(_)) => self.waiting.push_back(effect),
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
        let boot = Boot { restart: Some(Value::UInt(self.plc.boot)), start_time: None };
        // The server says that what the plant file takes for 32 bits has 16.
        let counters = ["trigger", "number"].map(|name| (TagName::parse(name).unwrap(), 16));
        let widths = Some(counters.to_vec());
        let link = Link::Live { boot, session, widths };
        self.step(&Input::Link { device: DeviceIndex(0), link });
        self.notify();
    }

    fn drop_link(&mut self) {
        // What is long under way comes before it is known that nothing comes any more.
        while self.late && !self.changes.is_empty() {
            self.tell_change();
        }
        if std::mem::take(&mut self.linked) {
            let since = Some(Utc(i64::try_from(self.now).unwrap()));
            let link = Link::Down { since, cause: GapCause::Disconnected, lost: None };
            self.changes.clear();
            self.told = None;
            self.step(&Input::Link { device: DeviceIndex(0), link });
        }
    }

    /// What a subscription would tell, later, where its server sees every change.
    fn notify(&mut self) {
        if !self.slow {
            self.look();
        }
    }

    fn watched(&mut self) -> Vec<Sample> {
        let now = self.at().wall;
        [TRIGGER, ACK, LOT].map(|tag| self.plc.read(tag, now)).to_vec()
    }

    /// The server looks at the words.
    fn look(&mut self) {
        let samples = self.watched();
        let values: Vec<Value> = samples.iter().map(|s| s.value.clone()).collect();
        if self.linked && self.told.replace(values.clone()).is_none_or(|told| told != values) {
            if self.ordered {
                self.answers.push_back(Input::Samples(samples));
            } else {
                self.changes.push_back(samples);
            }
        }
    }

    fn tell_change(&mut self) {
        if let Some(mut samples) = self.changes.pop_front() {
            if self.late {
                let now = self.at().wall;
                for sample in &mut samples {
                    sample.receive = now;
                }
            }
            self.step(&Input::Samples(samples));
        }
    }

    fn tell_answer(&mut self) {
        if let Some(answer) = self.answers.pop_front() {
            self.step(&answer);
        }
    }

    /// Twenty turns, in which all that is on its way arrives; nothing that waits longer.
    fn go_on(&mut self) {
        for _ in 0..20 {
            self.sync();
            self.carry_out();
            self.tell_change();
            self.tell_answer();
        }
    }

    fn sync(&mut self) {
        self.durable.append(&mut self.appended);
    }

    /// The daemon dies: some prefix of what was not synced may survive.
    fn crash(&mut self, kept: usize) {
        let kept = kept.min(self.appended.len());
        self.durable.extend(self.appended.drain(..).take(kept));
        self.waiting.clear();
        self.answers.clear();
        self.changes.clear();
        self.told = None;
        self.engine = folded(&self.durable);
        self.linked = false;
        self.start();
    }

    /// Carries out what can be: reads at once, writes once durable.
    fn carry_out(&mut self) {
        let Some(effect) = self.waiting.pop_front() else { return };
        let durable = Position(self.durable.len() as u64);
        match effect {
            Effect::Read(r) => {
                let now = self.at().wall;
                let words = r.tags.iter().map(|t| self.plc.read(*t, now)).collect();
                let outcome = if self.linked && r.session == self.session {
                    Ok(words)
                } else {
                    Err(ReadFault::Disconnected)
                };
                self.answers.push_back(Input::Read(ReadDone { token: r.token, outcome }));
            }
            Effect::Write(w) if w.after > durable => self.waiting.push_back(Effect::Write(w)),
            Effect::Write(w) => {
                let linked = self.linked && w.session == self.session;
                let now = self.at().wall;
                let read: Vec<_> = w.witnesses().iter().map(|t| self.plc.read(*t, now)).collect();
                let outcome = match (linked, w.stands(&read)) {
                    (true, true) => Ok(()),
                    (true, false) => Err(ReadFault::Withdrawn),
                    (false, _) => Err(ReadFault::Disconnected),
                };
                if outcome.is_ok() {
                    if let Some(word) = w.ack {
                        self.plc.write(word.tag, word.value);
                    }
                    self.notify();
                }
                self.answers.push_back(Input::Written(WriteDone { token: w.token, outcome }));
            }
            Effect::Append(_) | Effect::Ask(_) | Effect::Answer(_) | Effect::Notice(_) => {}
        }
    }

    fn act(&mut self, choice: u8) {
        match choice % 16 {
            0..=3 => {
                let now = self.at().wall;
                self.plc.run(now);
                self.notify();
            }
            4..=6 => self.carry_out(),
            7 | 8 => self.tell_answer(),
            9 | 10 => self.tell_change(),
            11 if self.plc.by_hand && choice >= 128 => {
                let now = self.at().wall;
                self.plc.change_lot(now);
                self.notify();
            }
            11 => self.sync(),
            12 => self.crash(usize::from(choice / 16)),
            13 => {
                self.drop_link();
                self.plc.dim = choice >= 128;
            }
            14 => {
                self.drop_link();
                self.plc.restart(choice >= 128);
                self.link();
            }
            _ if self.linked => {
                self.plc.give_up(choice >= 128);
                self.notify();
                // A ring that is begun anew without a word is seen to fall before it is full again:
                // nothing but the PLC's `restart` tells a faster one.
                while self.plc.pattern == Pattern::Ring && !self.changes.is_empty() {
                    self.tell_change();
                }
            }
            _ => self.link(),
        }
        if self.engine.next_wake().is_some_and(|(at, _)| at.0 <= self.now) {
            self.step(&Input::Wake);
        }
    }

    /// No more faults: everything that was begun ends.
    fn settle(&mut self) {
        for _ in 0..200 {
            self.sync();
            if !self.linked {
                self.link();
            }
            while !(self.waiting.is_empty() && self.answers.is_empty() && self.changes.is_empty()) {
                self.sync();
                self.carry_out();
                self.tell_change();
                self.tell_answer();
            }
            if self.plc.pattern.waits() && self.plc.presented && self.plc.acked() {
                let now = self.at().wall;
                self.plc.run(now);
            }
            self.notify();
            self.now += 1_000_000_000;
            self.step(&Input::Wake);
        }
        self.sync();
    }
}

/// A completed unit with the lots that it has, or may have, in it.
#[derive(Debug)]
struct Told {
    unit: String,
    lots: BTreeSet<String>,
    certain: bool,
    /// No gap overlaps its stay.
    observed: bool,
}

fn completed(records: &[Record]) -> Vec<Told> {
    let gaps = records.iter().filter_map(|r| match &r.body {
        Body::Gap(gap) => Some(gap.interval),
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
        | Body::Dropped => None,
    });
    let gaps: Vec<Interval> = gaps.filter(|gap| gap.to.is_some()).collect();
    let event = |r: &Record| {
        let Body::Trace(TraceEvent { what: What::Complete { item, mounts, .. }, stay, .. }) =
            &r.body
        else {
            return None;
        };
        let stay = stay.unwrap().interval;
        let over = |gap: &Interval| gap.from <= stay.to.unwrap() && gap.to.unwrap() >= stay.from;
        Some(Told {
            unit: item.code.to_string(),
            lots: mounts.iter().map(|m| m.lot.code.to_string()).collect(),
            certain: mounts.iter().all(|m| !m.one_of),
            observed: !gaps.iter().any(over),
        })
    };
    records.iter().filter_map(event).collect()
}

fn check(
    pattern: Pattern,
    splice: Splice,
    choices: &[u8],
) -> std::result::Result<(), TestCaseError> {
    check_in(World::new(pattern, splice), splice, choices)
}

fn check_in(
    mut world: World,
    splice: Splice,
    choices: &[u8],
) -> std::result::Result<(), TestCaseError> {
    for choice in choices {
        world.act(*choice);
    }
    judge(&mut world, splice)
}

/// What the record says after all of it, held against the PLC's own list.
fn judge(world: &mut World, splice: Splice) -> std::result::Result<(), TestCaseError> {
    world.settle();
    prop_assert!(!world.plc.presented, "the PLC still waits");
    let told = completed(&world.durable);
    let done = |told: &Told| world.plc.finished.iter().find(|(unit, _)| *unit == told.unit);
    let finished: Vec<_> = told.iter().filter_map(done).collect();
    prop_assert!(finished.iter().copied().eq(&world.plc.finished), "{:?}", told);
    let (told, others): (Vec<_>, Vec<_>) = told.into_iter().partition(|t| done(t).is_some());
    let others: Vec<String> = others.into_iter().map(|told| told.unit).collect();
    let given_up: Vec<_> = world.plc.given_up.iter().filter(|u| others.contains(u)).collect();
    prop_assert_eq!(others.len(), given_up.len(), "recorded and never there: {:?}", others);
    for (n, (told, (_, truth))) in told.iter().zip(&world.plc.finished).enumerate() {
        let right = truth.is_subset(&told.lots) && (!told.certain || told.lots == *truth);
        // The first may have another in it, from before we first looked; it is in doubt.
        let first = !told.certain && n == 0;
        prop_assert!(right || first || !told.observed, "{:?} is in truth of {:?}", told, truth);
        let exact = told.certain && told.lots == *truth;
        prop_assert!(splice != Splice::Clean || exact, "{:?} is in truth of {:?}", told, truth);
    }
    let dense = world.durable.iter().zip(1..).all(|(r, n)| r.position == Position(n));
    prop_assert!(dense, "positions have holes");
    let folded = folded(&world.durable);
    prop_assert_eq!(folded.memory(), world.engine.memory());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_counter_records_each_part_once_with_its_lot(
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        check(Pattern::Counter, Splice::Clean, &choices)?;
    }

    #[test]
    fn a_request_bit_records_each_part_once_with_its_lot(
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        check(Pattern::ReqAck, Splice::Clean, &choices)?;
    }

    #[test]
    fn a_bit_that_is_turned_over_records_each_part_once_with_its_lot(
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        check(Pattern::Toggle, Splice::Clean, &choices)?;
    }

    #[test]
    fn a_bit_that_is_turned_over_only_when_answered_needs_no_number(
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut plant = (*plant(Pattern::Toggle, Splice::Clean)).clone();
        plant.stations[0].handshakes[0].number = None;
        let plc = Plc { patient: true, ..Plc::new(Pattern::Toggle, Splice::Clean) };
        check_in(World::with(Arc::new(plant), plc), Splice::Clean, &choices)?;
    }

    #[test]
    fn a_state_word_records_each_part_once_with_its_lot(
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        check(Pattern::State(STATES), Splice::Clean, &choices)?;
    }

    #[test]
    fn a_state_word_that_is_shared_records_each_part_once_with_its_lot(
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut plant = (*plant(Pattern::State(STATES), Splice::Clean)).clone();
        plant.stations[0].handshakes[0].ack = Some(word(TRIGGER));
        let plc = Plc { one_word: true, ..Plc::new(Pattern::State(STATES), Splice::Clean) };
        check_in(World::with(Arc::new(plant), plc), Splice::Clean, &choices)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_lot_that_is_changed_at_any_time_is_never_a_wrong_link(
        counter in any::<bool>(),
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let pattern = if counter { Pattern::Counter } else { Pattern::ReqAck };
        check(pattern, Splice::OneOf, &choices)?;
    }
}

/// The PLC's clock is set back while the lot in the feeder is changed: its own times put the new lot an
/// hour before the last look.
#[test]
fn a_clock_that_is_set_back_does_not_keep_the_old_lot() {
    for splice in [Splice::Clean, Splice::OneOf] {
        let mut world = World::new(Pattern::Counter, splice);
        world.plc.by_hand = true;
        world.now += 3_600_000_000_000;
        let now = world.at().wall;
        (world.plc.lot_at, world.plc.part_at) = (now, now);
        world.plc.run(now);
        world.notify();
        world.go_on();
        world.plc.run(now);
        assert_eq!(world.plc.finished.len(), 1);
        world.plc.change_lot(Utc(1));
        world.plc.run(Utc(2));
        world.notify();
        world.settle();
        let told = completed(&world.durable);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[1].lots.contains("LOT-1"), "{told:?}");
        assert!(told[1].lots.len() == 1 || !told[1].certain, "{told:?}");
    }
}

/// The plant file takes the counter for 32 bits wide, the server says 16.
#[test]
fn a_counter_wraps_in_the_width_that_the_server_says() {
    let mut world = World::new(Pattern::Counter, Splice::Clean);
    for _ in 0..5 {
        let now = world.at().wall;
        world.plc.run(now);
        world.notify();
        world.settle();
    }
    assert_eq!(world.plc.finished.len(), 5);
    assert_eq!(completed(&world.durable).len(), 5);
    let fell = |r: &Record| matches!(&r.body, Body::Epoch(e) if e.cause == EpochCause::CounterFell);
    assert!(!world.durable.iter().any(fell), "a wrap is no fall");
}

/// A word that cannot be read is not observed, and says so until it can.
#[test]
fn a_bad_trigger_is_a_gap_until_it_is_good_again() {
    let mut world = World::new(Pattern::Counter, Splice::Clean);
    world.tell_change();
    world.carry_out();
    world.tell_answer();
    let now = world.at().wall;
    let good = world.plc.read(TRIGGER, now);
    let bad = Sample { quality: Quality::BAD_WAITING, ..good.clone() };
    // A changed program may say its number as a text.
    let mistyped = Sample { value: Value::text("7"), ..good.clone() };
    for sample in [&bad, &mistyped, &bad, &good, &good, &mistyped, &good] {
        world.step(&Input::Samples(vec![sample.clone()]));
    }
    world.sync();
    let gaps = world.durable.iter().filter_map(|r| match &r.body {
        Body::Gap(gap) => Some((gap.cause, gap.interval.from, gap.interval.to.is_some())),
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
        | Body::Dropped => None,
    });
    let wanted = [false, true, false, true].map(|closed| (GapCause::BadQuality, now, closed));
    assert_eq!(gaps.collect::<Vec<_>>(), wanted);
}

/// What was received before the device was lost says nothing of how it is found again.
#[test]
fn a_sample_from_before_a_loss_is_not_taken_after_it() {
    let mut world = World::new(Pattern::Counter, Splice::OneOf);
    let now = world.at().wall;
    let old = world.plc.read(LOT, now);
    world.drop_link();
    world.link();
    world.plc.change_lot(now);
    let now = world.at().wall;
    let new = world.plc.read(LOT, now);
    world.step(&Input::Samples(vec![old]));
    world.step(&Input::Samples(vec![new]));
    let lots = |r: &Record| match &r.body {
        Body::Trace(TraceEvent { what: What::Mount { lot, .. }, .. }) => Some(lot.code.to_string()),
        Body::Trace(_)
        | Body::Gap(_)
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
        | Body::Dropped => None,
    };
    assert_eq!(world.appended.iter().filter_map(lots).collect::<Vec<_>>(), ["LOT-1"]);
}

/// The read was answered before the part came, and its answer came after the part was told.
#[test]
fn an_answer_that_is_older_than_a_change_is_read_again() {
    let mut world = World::new(Pattern::Counter, Splice::Clean);
    world.tell_change();
    world.carry_out();
    let now = world.at().wall;
    world.plc.run(now);
    world.notify();
    world.tell_change();
    world.tell_answer();
    world.settle();
    assert!(!world.plc.presented, "the PLC still waits");
    assert_eq!(completed(&world.durable).len(), 1);
}
