//! The engine and the world that it sees: time, controllers, a past that is durable at once.
use super::case::{Case, Given};
use super::told::{Told, told};
use super::words::Words;
use crate::engine::Engine;
use crate::model::plant::{DeviceIndex, Plant, TagIndex, TagSource, Word};
use crate::model::{
    At, Boot, Command, CommandId, Effect, GapCause, Input, Link, Monotonic, Notice, PersonKey,
    Position, ReadDone, ReadFault, ReadFrom, ReadRequest, Record, Sample, Session, StartCause,
    Text, Utc, Value, Write, WriteDone, WriteRequest,
};
use crate::query::Histories;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Between two steps.
const STEP: Duration = Duration::from_secs(1);
/// Until a connection that was lost is won back.
const RECONNECT: Duration = Duration::from_secs(1);
/// After the last step: whatever waits for a time gets it.
const AFTER: Duration = Duration::from_mins(1);
/// A test that asks for more than this many wakes waits for what never comes.
const WAKES_MAX: u32 = 100_000;
/// A step that leads to more inputs than this goes in a circle.
const INPUTS_MAX: u32 = 100_000;
/// When the simulated day begins: 2026-01-05T06:00:00Z, a Monday.
const BEGIN: i64 = 1_767_592_800_000_000_000;

/// Something that came of a step.
#[derive(Debug, Clone)]
pub(super) enum Happened {
    /// An event, as far as a test is asked about it.
    Event(Vec<Told>),
    Wrote(Word, Value),
    Noticed(Notice),
}

pub(super) struct World {
    plant: Arc<Plant>,
    engine: Engine,
    words: Words,
    past: Histories,
    position: Position,
    sessions: Vec<Option<Session>>,
    next_session: u64,
    next_command: u64,
    now: u64,
    inputs: VecDeque<Input>,
    step: usize,
    /// What came, with the number of the step that it came of, from 1; 0 is the start.
    pub(super) happened: Vec<(usize, Happened)>,
}

impl World {
    pub(super) fn new(plant: &Arc<Plant>) -> Self {
        Self {
            plant: Arc::clone(plant),
            engine: Engine::new(PersonKey::new([0; 32])),
            words: Words::new(plant, Utc(BEGIN)),
            past: Histories::default(),
            position: Position(0),
            sessions: vec![None; plant.devices.len()],
            next_session: 0,
            next_command: 0,
            now: 0,
            inputs: VecDeque::new(),
            step: 0,
            happened: Vec::new(),
        }
    }

    /// Plays all steps of a test, and lets a minute pass after the last.
    pub(super) fn play(&mut self, case: &Case) {
        self.input(Input::Start { cause: StartCause::Daemon, recovered: Position(0) });
        self.input(Input::Plant(Arc::clone(&self.plant)));
        let devices: Vec<DeviceIndex> = self.plant.devices().map(|(index, _)| index).collect();
        for device in devices {
            self.connect(device);
        }
        if !case.orders.is_empty() {
            self.command(Command::Orders(case.orders.clone()));
        }
        for given in &case.given {
            self.step = self.step.saturating_add(1);
            self.pass(STEP.saturating_add(given.wait));
            self.give(given);
        }
        self.pass(AFTER);
    }

    fn give(&mut self, given: &Given) {
        let Given { wait: _, down, up, hold, release, words } = given;
        for device in down {
            self.disconnect(*device);
        }
        for device in up {
            self.reconnect(*device);
        }
        let text = |text: &str| Text::parse(text).expect("a good text");
        for item in hold {
            let (reason, badge) = (text("a test holds it"), text("test"));
            self.command(Command::Hold { item: item.clone(), reason, badge, meaning: None });
        }
        for item in release {
            let (reason, badge) = (text("a test releases it"), text("test"));
            let item = item.clone();
            self.command(Command::Release { item, reason, badge, meaning: None, of: None });
        }
        let now = self.at().wall;
        let changed =
            words.iter().filter(|(word, value)| self.words.set(*word, value.as_ref(), now));
        let changed: Vec<TagIndex> = changed.map(|(word, _)| word.tag).collect();
        for device in self.restarted(&changed) {
            self.disconnect(device);
            self.reconnect(device);
        }
        self.tell(&changed);
    }

    /// Observed devices whose restart word has changed.
    fn restarted(&self, changed: &[TagIndex]) -> Vec<DeviceIndex> {
        let restarted = self.plant.devices().filter(|(index, device)| {
            self.session(*index).is_some() && device.restart.is_some_and(|w| changed.contains(&w))
        });
        restarted.map(|(index, _)| index).collect()
    }

    fn session(&self, device: DeviceIndex) -> Option<Session> {
        self.sessions.get(device.get()).copied().flatten()
    }

    fn reconnect(&mut self, device: DeviceIndex) {
        self.pass(RECONNECT);
        self.connect(device);
    }

    fn connect(&mut self, device: DeviceIndex) {
        if self.session(device).is_some() {
            return;
        }
        self.next_session = self.next_session.saturating_add(1);
        let session = Session(self.next_session);
        if let Some(of) = self.sessions.get_mut(device.get()) {
            *of = Some(session);
        }
        let restart = self.plant.device(device).restart;
        let restart = restart.map(|word| self.words.value(word).clone());
        let boot = Boot { restart, start_time: None };
        self.input(Input::Link { device, link: Link::Live { boot, session, widths: None } });
        let watched: Vec<TagIndex> = self.plant.tags_of(device).map(|(index, _)| index).collect();
        self.tell(&watched);
    }

    fn disconnect(&mut self, device: DeviceIndex) {
        let Some(of) = self.sessions.get_mut(device.get()) else { return };
        if of.take().is_some() {
            let (since, cause) = (Some(self.at().wall), GapCause::Disconnected);
            let link = Link::Down { since, cause, lost: None };
            self.input(Input::Link { device, link });
        }
    }

    /// What a subscription or a poll would tell of these words, those of handshakes last.
    fn tell(&mut self, changed: &[TagIndex]) {
        let now = self.at().wall;
        for fast in [false, true] {
            let told = changed.iter().filter(|index| {
                let tag = self.plant.tag(**index);
                tag.watched && tag.fast == fast && self.session(tag.device).is_some()
            });
            let told: Vec<_> = told.map(|index| self.words.read(*index, now)).collect();
            if !told.is_empty() {
                self.inputs.push_back(Input::Samples(told));
            }
        }
        self.tell_results(changed);
        self.settle();
    }

    fn command(&mut self, command: Command) {
        self.next_command = self.next_command.saturating_add(1);
        self.input(Input::Command { id: CommandId(self.next_command), command });
    }

    /// Lets time pass; the engine is woken whenever it asked for it.
    fn pass(&mut self, by: Duration) {
        let end = self.at().monotonic.plus(by).0;
        for _ in 0..WAKES_MAX {
            match self.engine.next_wake() {
                Some((at, _)) if at.0 <= end => {
                    self.now = self.now.max(at.0);
                    self.input(Input::Wake);
                }
                Some(_) | None => break,
            }
        }
        self.now = end;
    }

    fn at(&self) -> At {
        let since = Duration::from_nanos(self.now);
        At { monotonic: Monotonic(self.now), wall: Utc(BEGIN).plus(since) }
    }

    fn input(&mut self, input: Input) {
        self.inputs.push_back(input);
        self.settle();
    }

    /// Steps until nothing more is answered.
    fn settle(&mut self) {
        for _ in 0..INPUTS_MAX {
            let Some(input) = self.inputs.pop_front() else { return };
            let mut effects = Vec::new();
            self.engine.step(self.at(), &input, &mut effects);
            for effect in effects {
                self.carry_out(effect);
            }
        }
        self.inputs.clear();
        let (about, text) = ("test".to_owned(), "the step never comes to rest".to_owned());
        self.come(Happened::Noticed(Notice { about, text }));
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Append(frame) => frame.iter().for_each(|record| self.append(record)),
            Effect::Read(request) => {
                let live = self.session(request.device) == Some(request.session);
                let outcome = if live { self.read(&request) } else { Err(ReadFault::Disconnected) };
                self.inputs.push_back(Input::Read(ReadDone { token: request.token, outcome }));
            }
            Effect::Write(request) => self.write(request),
            Effect::Ask(question) => {
                let facts = self.past.facts(&question);
                self.inputs.push_back(Input::Facts(facts));
            }
            Effect::Answer(answer) => {
                for refusal in answer.outcome.err().into_iter().flatten() {
                    let (about, text) = ("command".to_owned(), refusal.to_string());
                    self.come(Happened::Noticed(Notice { about, text }));
                }
            }
            Effect::Notice(notice) => self.come(Happened::Noticed(notice)),
        }
    }

    /// Words as they are. A machine keeps no results but the one that its words show.
    fn read(&self, request: &ReadRequest) -> Result<Vec<Sample>, ReadFault> {
        let now = self.at().wall;
        let words: Vec<Sample> = request.tags.iter().map(|t| self.words.read(*t, now)).collect();
        match &request.from {
            ReadFrom::Words => Ok(words),
            ReadFrom::Results => {
                let none = |word: Sample| Sample { value: Value::List(Vec::new()), ..word };
                Ok(words.into_iter().map(none).collect())
            }
            ReadFrom::Result(name) => {
                let shown = words.first().and_then(|word| word.value.as_text());
                if shown.as_deref() == Some(name.as_str()) {
                    Ok(words)
                } else {
                    Err(ReadFault::Refused)
                }
            }
        }
    }

    /// The events of the results whose names have changed, each with all its words.
    fn tell_results(&mut self, changed: &[TagIndex]) {
        let now = self.at().wall;
        let devices = self.plant.devices().map(|(device, _)| device);
        let names = devices.flat_map(|device| self.plant.result_names(device));
        for name in names {
            let live = self.session(self.plant.tag(name).device).is_some();
            if live
                && changed.contains(&name)
                && self.words.value(name).as_text() != Some(String::new())
            {
                let fields = self.plant.result_fields(name).into_iter();
                let fields = fields.map(|tag| self.words.read(tag, now)).collect();
                self.inputs.push_back(Input::Samples(fields));
            }
        }
    }

    fn append(&mut self, record: &Record) {
        self.position = record.position;
        self.past.apply(record);
        if let Some(tells) = told(record) {
            self.come(Happened::Event(tells));
        }
    }

    /// The replies, the ack last, unless the PLC asks for something else by now. What changes thereby
    /// is told like any other change.
    fn write(&mut self, request: WriteRequest) {
        let now = self.at().wall;
        let read: Vec<_> =
            request.witnesses().into_iter().map(|index| self.words.read(index, now)).collect();
        let outcome = if self.session(request.device) != Some(request.session) {
            Err(ReadFault::Disconnected)
        } else if request.stands(&read) {
            Ok(())
        } else {
            Err(ReadFault::Withdrawn)
        };
        let token = request.token;
        let writes = request.replies.into_iter().chain(request.ack);
        let outcome = outcome.and_then(|()| self.carry(writes.collect()));
        self.inputs.push_front(Input::Written(WriteDone { token, outcome }));
    }

    fn carry(&mut self, writes: Vec<Write>) -> Result<(), ReadFault> {
        let now = self.at().wall;
        let (mut changed, mut outcome) = (Vec::new(), Ok(()));
        for Write { tag, bit, value } in writes {
            let word = Word { tag, bit };
            if let (TagSource::Field(_), Value::List(names)) = (&self.plant.tag(tag).source, &value)
            {
                // Results are acknowledged by their names.
                for name in names {
                    self.come(Happened::Wrote(word, name.clone()));
                }
                continue;
            }
            if bit.is_none() && super::as_read(self.plant.tag(tag), &value).is_err() {
                outcome = Err(ReadFault::Refused);
                continue;
            }
            if self.words.write(word, &value, now) && self.plant.tag(tag).watched {
                changed.push(self.words.read(tag, now));
            }
            self.come(Happened::Wrote(word, value));
        }
        if !changed.is_empty() {
            self.inputs.push_back(Input::Samples(changed));
        }
        outcome
    }

    fn come(&mut self, happened: Happened) {
        self.happened.push((self.step, happened));
    }
}
