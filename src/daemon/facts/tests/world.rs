//! A PLC of many handshakes, the engine, and a read side that may answer long after it looked.
use crate::config;
use crate::engine::Engine;
use crate::model::plant::{DeviceIndex, Plant, TagIndex};
use crate::model::*;
use crate::query::{Query, QueryOptions};
use crate::telemetry::Metrics;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

pub(super) const STATIONS: &str = include_str!("../plant.toml");
const HANDSHAKES: [(&str, &str); 8] = [
    ("A", "admit"),
    ("A", "done"),
    ("B", "admit"),
    ("B", "fit"),
    ("B", "take"),
    ("B", "again"),
    ("B", "done"),
    ("C", "fit"),
];

pub(super) struct World {
    pub(super) plant: Arc<Plant>,
    engine: Engine,
    pub(super) query: Query,
    _dir: tempfile::TempDir,
    values: BTreeMap<TagIndex, Value>,
    pub(super) records: Vec<Record>,
    /// Looked up, and not told yet.
    pub(super) facts: VecDeque<Facts>,
    pub(super) notices: Vec<Notice>,
    /// Whether the PLC answers a read late: with the values of then.
    pub(super) is_slow: bool,
    reads: VecDeque<ReadRequest>,
    /// Requests that were made, and those that were not decided in time.
    pub(super) requests: usize,
    pub(super) late: BTreeSet<(String, u64)>,
    /// Requests with the badge and the reason of a person.
    pub(super) persons: BTreeSet<(String, u64)>,
    now: u64,
}

fn persons() -> PersonKey {
    PersonKey::new([1; 32])
}

pub(super) fn token(badge: &str) -> PersonToken {
    persons().token(badge)
}

pub(super) fn unit(code: &str) -> ItemKey {
    ItemKey::unit(Code::parse(code).unwrap())
}

pub(super) fn lot(code: &str) -> ItemKey {
    ItemKey::lot(Scope::Site, Code::parse(code).unwrap())
}

fn text(text: &str) -> Text {
    Text::parse(text).unwrap()
}

pub(super) fn hold(item: &ItemKey) -> Command {
    Command::Hold { item: item.clone(), reason: text("look"), badge: text("b"), meaning: None }
}

pub(super) fn release(item: &ItemKey) -> Command {
    let (reason, badge) = (text("fine"), text("b"));
    Command::Release { item: item.clone(), reason, badge, meaning: None, of: None }
}

/// One item goes on, although another is on hold.
pub(super) fn let_go(item: &ItemKey, of: &ItemKey) -> Command {
    let (reason, badge, of) = (text("seen"), text("b"), Some(of.clone()));
    Command::Release { item: item.clone(), reason, badge, meaning: Some(text("review")), of }
}

impl World {
    pub(super) fn new() -> Self {
        Self::of(STATIONS)
    }

    pub(super) fn of(text: &str) -> Self {
        let files = [("plant.toml".to_owned(), text.to_owned())];
        let site = SiteId::parse("site").unwrap();
        let plant = config::plant::load(&files, &site).unwrap_or_else(|why| panic!("{why}")).plant;
        let dir = tempfile::tempdir().unwrap();
        let query = Query::new(QueryOptions {
            dir: dir.path().to_owned(),
            origin: Origin { site, incarnation: 1 },
            durable: Position(0),
            ledger: None,
            cache_bytes: crate::store::CACHE_BYTES,
            now: Arc::new(At::default),
            metrics: Arc::new(Metrics::new()),
        });
        let values = (0..).map(TagIndex).zip(&plant.tags).map(|(index, tag)| {
            let number = ["req", "ack"].iter().any(|end| tag.name.as_str().ends_with(end));
            (index, if number { Value::UInt(0) } else { Value::text("") })
        });
        let mut world = Self {
            values: values.collect(),
            plant: Arc::clone(&plant),
            engine: Engine::new(persons()),
            query,
            _dir: dir,
            records: Vec::new(),
            facts: VecDeque::new(),
            notices: Vec::new(),
            is_slow: false,
            reads: VecDeque::new(),
            requests: 0,
            late: BTreeSet::new(),
            persons: BTreeSet::new(),
            now: 0,
        };
        world.step(&Input::Start { cause: StartCause::Daemon, recovered: Position(0) });
        world.step(&Input::Plant(plant));
        let link = Link::Live { boot: Boot::default(), session: Session(1), widths: None };
        world.step(&Input::Link { device: DeviceIndex(0), link });
        world
    }

    fn tag(&self, name: &str) -> TagIndex {
        let found = self.plant.tags().find(|(_, tag)| tag.name.as_str() == name);
        found.unwrap_or_else(|| panic!("no tag {name}")).0
    }

    fn put(&mut self, name: &str, value: Value) {
        let tag = self.tag(name);
        self.values.insert(tag, value);
    }

    pub(super) fn written(&self, name: &str) -> i64 {
        self.values[&self.tag(name)].integer().unwrap()
    }

    fn sample(&self, tag: TagIndex) -> Sample {
        let now = Utc(i64::try_from(self.now).unwrap());
        let (value, quality) = (self.values[&tag].clone(), Quality::GOOD);
        Sample { tag, value, quality, source: Some(now), server: None, receive: now }
    }

    fn step(&mut self, input: &Input) {
        self.now += 1_000;
        let at = At { monotonic: Monotonic(self.now), wall: Utc(i64::try_from(self.now).unwrap()) };
        let mut effects = Vec::new();
        self.engine.step(at, input, &mut effects);
        for effect in effects {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Append(frame) => {
                let batch: Vec<_> = frame.iter().map(|r| (r.position, r.clone())).collect();
                self.query.index(&batch).unwrap();
                self.query.apply(&batch).unwrap();
                self.records.extend(frame);
            }
            Effect::Read(request) if self.is_slow => self.reads.push_back(request),
            Effect::Read(request) => self.read(&request),
            Effect::Write(request) => {
                for write in request.replies.into_iter().chain(request.ack) {
                    self.values.insert(write.tag, write.value);
                }
                self.step(&Input::Written(WriteDone { token: request.token, outcome: Ok(()) }));
            }
            Effect::Ask(question) => {
                assert!(self.query.position() >= question.as_of);
                self.facts.push_back(self.query.facts(&question));
            }
            Effect::Notice(notice) => self.notices.push(notice),
            Effect::Answer(_) => {}
        }
    }

    fn read(&mut self, request: &ReadRequest) {
        let words = request.tags.iter().map(|tag| self.sample(*tag)).collect();
        self.step(&Input::Read(ReadDone { token: request.token, outcome: Ok(words) }));
    }

    /// The reads that were waiting come back.
    pub(super) fn read_all(&mut self) {
        while let Some(request) = self.reads.pop_front() {
            self.read(&request);
        }
    }

    fn is_idle(&self, station: &str, handshake: &str) -> bool {
        let word = |end| &self.values[&self.tag(&format!("{station}.{handshake}.{end}"))];
        word("req") == word("ack")
    }

    /// The PLC asks, unless it still waits for an answer.
    pub(super) fn request(
        &mut self,
        station: &str,
        handshake: &str,
        serial: &str,
        child: &str,
        result: u64,
    ) {
        if !self.is_idle(station, handshake) {
            return;
        }
        let name = |end: &str| format!("{station}.{handshake}.{end}");
        if handshake != "make" {
            self.put(&name("serial"), Value::text(serial));
        }
        if station == "D" {
            self.put(&name("lot"), Value::text(child));
        }
        if ["fit", "take"].contains(&handshake) {
            self.put(&name("child"), Value::text(child));
        }
        if (station, handshake) == ("A", "done") {
            self.put(&name("result"), Value::UInt(result));
        }
        let number = self.values[&self.tag(&name("req"))].count().unwrap() + 1;
        self.put(&name("req"), Value::UInt(number));
        self.requests += 1;
        if (station, handshake) == ("B", "admit") && self.has_person() {
            self.persons.insert(("B.admit".to_owned(), number));
        }
        let trigger = self.sample(self.tag(&name("req")));
        self.step(&Input::Samples(vec![trigger]));
    }

    /// The PLC asks with these words, unless it still waits for an answer; tells the number.
    pub(super) fn ask(
        &mut self,
        station: &str,
        handshake: &str,
        words: &[(&str, &str)],
    ) -> Option<u64> {
        if !self.is_idle(station, handshake) {
            return None;
        }
        let name = |end: &str| format!("{station}.{handshake}.{end}");
        for (word, value) in words {
            self.set(&name(word), value);
        }
        let number = self.values[&self.tag(&name("req"))].count().unwrap() + 1;
        self.put(&name("req"), Value::UInt(number));
        self.requests += 1;
        self.tell(&name("req"));
        Some(number)
    }

    /// Sets a word to a number or a text.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let number = value.parse().map(Value::UInt);
        self.put(name, number.unwrap_or_else(|_| Value::text(value)));
    }

    /// The PLC tells what is in a word.
    pub(super) fn tell(&mut self, name: &str) {
        let sample = self.sample(self.tag(name));
        self.step(&Input::Samples(vec![sample]));
    }

    pub(super) fn clock(&self) -> Utc {
        Utc(i64::try_from(self.now).unwrap())
    }

    pub(super) fn person(&mut self, badge: &str, why: &str) {
        self.put("B.admit.badge", Value::text(badge));
        self.put("B.admit.why", Value::text(why));
    }

    fn has_person(&self) -> bool {
        let said =
            |name| self.values[&self.tag(name)].as_text().is_some_and(|t| !t.trim().is_empty());
        said("B.admit.badge") && said("B.admit.why")
    }

    pub(super) fn lot(&mut self, code: &str) {
        self.put("B.reel", Value::text(code));
        let sample = self.sample(self.tag("B.reel"));
        self.step(&Input::Samples(vec![sample]));
    }

    pub(super) fn command(&mut self, command: Command) {
        self.step(&Input::Command { id: CommandId(1), command });
    }

    pub(super) fn deliver(&mut self) {
        if let Some(facts) = self.facts.pop_front() {
            self.step(&Input::Facts(facts));
        }
    }

    pub(super) fn deliver_all(&mut self) {
        while !self.facts.is_empty() {
            self.deliver();
        }
    }

    /// Everything that still waits is decided without its facts.
    pub(super) fn pass_deadline(&mut self) {
        let stations = self.plant.stations.iter();
        let all = stations.flat_map(|s| s.handshakes.iter().map(|h| (&s.id, &h.id)));
        let all = all.map(|(s, h)| (s.to_string(), h.to_string()));
        let all: Vec<_> = all.filter(|(s, h)| !self.is_idle(s, h)).collect();
        for (station, handshake) in all {
            let number = self.values[&self.tag(&format!("{station}.{handshake}.req"))].count();
            self.late.insert((format!("{station}.{handshake}"), number.unwrap()));
        }
        self.now += 3_000_000_000;
        self.step(&Input::Wake);
    }

    pub(super) fn act(&mut self, (what, which, more): (u8, u8, u8)) {
        let units = ["U1", "U2", "C1", "C2"];
        let pick = |by: u8| units[usize::from(by % 4)];
        let (serial, child) = (pick(which), pick(which / 4));
        match what % 24 {
            0..=13 => {
                let (station, handshake) = HANDSHAKES[usize::from(what % 8)];
                let child = if child == serial { "C3" } else { child };
                let person = if more % 8 == 0 { ("4711", "urgent") } else { ("", "") };
                if self.is_idle("B", "admit") {
                    self.person(person.0, person.1);
                }
                self.request(station, handshake, serial, child, u64::from(more % 3));
            }
            14..=18 => self.deliver(),
            19 => self.command(hold(&unit(serial))),
            20 => self.command(release(&unit(serial))),
            21 => self.lot(["R1", "R2", ""][usize::from(more % 3)]),
            22 => {
                let lot = lot("R1");
                self.command(if more & 1 == 0 { hold(&lot) } else { release(&lot) });
            }
            _ if more < 64 => self.pass_deadline(),
            _ => {}
        }
    }
}
