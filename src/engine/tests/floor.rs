//! A plant whose PLC answers at once and whose disk never waits: what a step says is all that is asked.
use super::*;
use std::collections::BTreeMap;

/// A shop floor that answers at once.
#[derive(Clone)]
pub(super) struct Floor {
    pub(super) engine: Engine,
    pub(super) now: u64,
    pub(super) words: BTreeMap<TagIndex, Value>,
    /// It does not answer what is read.
    pub(super) silent: bool,
    /// Its words are from long ago.
    pub(super) early: bool,
    /// What the trigger is by the end of the next read.
    pub(super) moves: Option<Value>,
    pub(super) records: Vec<Record>,
}

impl Floor {
    pub(super) fn new(change: impl FnOnce(&mut Plant), pattern: Pattern) -> Self {
        let mut plant = (*plant(pattern, Splice::Clean)).clone();
        plant.tags.extend(["state", "batch", "count", "tool"].map(tag));
        change(&mut plant);
        let initial = (0..10).map(|n| (TagIndex(n), Value::UInt(0)));
        let mut floor = Self {
            engine: Engine::new(persons()),
            now: 0,
            words: initial.collect(),
            silent: false,
            early: false,
            moves: None,
            records: Vec::new(),
        };
        floor.words.insert(SERIAL, Value::text("SN-1"));
        floor.words.insert(LOT, Value::text("L-1"));
        floor.step(&Input::Start { cause: StartCause::Daemon, recovered: Position(0) });
        floor.step(&Input::Plant(Arc::new(plant)));
        let boot = Boot { restart: None, start_time: None };
        let link = Link::Live { boot, session: Session(1), widths: None };
        floor.step(&Input::Link { device: DeviceIndex(0), link });
        floor.tell(LOT, Value::text("L-1"));
        floor
    }

    pub(super) fn sample(&self, tag: TagIndex) -> Sample {
        let value = self.words[&tag].clone();
        let receive = Utc(i64::try_from(self.now).unwrap());
        let source = if self.early { Utc(1) } else { receive };
        Sample { tag, value, quality: Quality::GOOD, source: Some(source), server: None, receive }
    }

    /// What whoever watches is told.
    pub(super) fn step(&mut self, input: &Input) -> Vec<String> {
        self.now += 1_000_000;
        let at = At { monotonic: Monotonic(self.now), wall: Utc(i64::try_from(self.now).unwrap()) };
        let (mut out, mut told) = (Vec::new(), Vec::new());
        self.engine.step(at, input, &mut out);
        for effect in out {
            match effect {
                Effect::Append(frame) => self.records.extend(frame),
                Effect::Notice(notice) => told.push(format!("{}: {}", notice.about, notice.text)),
                Effect::Read(read) if !self.silent => {
                    let mut words: Vec<Sample> =
                        read.tags.iter().map(|tag| self.sample(*tag)).collect();
                    if let (Some(value), Some(last)) = (self.moves.take(), words.last_mut()) {
                        last.value = value.clone();
                        self.words.insert(TRIGGER, value);
                    }
                    let done = ReadDone { token: read.token, outcome: Ok(words) };
                    told.extend(self.step(&Input::Read(done)));
                }
                Effect::Write(write) => {
                    for word in write.replies.iter().chain(&write.ack) {
                        self.words.insert(word.tag, word.value.clone());
                    }
                    let done = WriteDone { token: write.token, outcome: Ok(()) };
                    told.extend(self.step(&Input::Written(done)));
                }
                Effect::Read(_) | Effect::Ask(_) | Effect::Answer(_) => {}
            }
        }
        told
    }

    pub(super) fn tell(&mut self, tag: TagIndex, value: Value) -> Vec<String> {
        self.words.insert(tag, value);
        self.now += 1_000_000;
        let sample = self.sample(tag);
        self.step(&Input::Samples(vec![sample]))
    }

    pub(super) fn tell_bad(&mut self, tag: TagIndex) -> Vec<String> {
        self.now += 1_000_000;
        let quality = Quality::BAD_TIMEOUT;
        let sample = Sample { value: Value::Empty, quality, ..self.sample(tag) };
        self.step(&Input::Samples(vec![sample]))
    }

    /// The ack as the PLC has it after a download: nothing.
    pub(super) fn wipe(&mut self) -> Vec<String> {
        self.tell(ACK, Value::UInt(0))
    }

    pub(super) fn last(&self) -> u64 {
        self.records.last().unwrap().position.0
    }
}
