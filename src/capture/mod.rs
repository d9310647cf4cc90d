//! Samples become trace events: handshakes, phases, mounts and context. Pure.
//!
//! What is decided here is decided from the snapshot alone; what cannot be decided is quarantined
//! with its raw values. This room does not number records, keep time or judge a machine's condition.
mod batch;
mod carrier;
mod carry;
mod collected;
mod command;
mod compose;
mod conclude;
mod draw;
mod feeders;
mod handshake;
mod label;
mod link;
mod made;
mod members;
mod memory;
mod mount;
mod number;
mod permit;
mod persons;
mod phase;
mod places;
mod ran;
mod rest;
mod snapshot;
mod statistics;
mod tally;
mod unread;
mod uses;

pub use carrier::{Carriers, Loaded};
pub use collected::{Collected, Noted};
pub use draw::Draws;
pub use feeders::{Feeders, Mounted};
pub use made::Made;
pub use memory::{Drifting, Memory, StationMemory};
pub use places::{Places, Present};
pub use ran::Ran;
pub use rest::Differs;
pub use snapshot::{pick, wanted};
pub use tally::Tallies;
pub use unread::Unread;

use crate::model::plant::{
    Carried, Counter, Device, DeviceIndex, Handshake, Plant, Station, StationIndex, TagIndex,
};
use crate::model::{
    Body, GapCause, Input, Interval, Monotonic, PersonKey, PersonToken, Position, ReadToken,
    Record, Sample, Session, Step, Text, Utc,
};
use handshake::Exchange;
use mount::Watch;
use phase::Follow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use uses::Uses;

/// Which handshake of which station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    station: StationIndex,
    handshake: usize,
}

/// What capture knows: the durable half from records, the volatile half of the plant in force.
#[derive(Debug, Clone)]
pub struct Capture {
    memory: Memory,
    persons: PersonKey,
    live: Option<Live>,
    next_token: u64,
    /// What was made, by each record of the step under way that says so.
    made: BTreeMap<Position, Made>,
}

/// A loss that was told by the urgent lane: what was received before may still come by the other one.
#[derive(Debug, Clone, Copy)]
struct Blind {
    until: Utc,
    told: Monotonic,
    /// From here on it is a gap; earlier, as soon as older values are found to have been overtaken.
    from: Utc,
}

/// No sample waits longer in its lane.
const LANE: Duration = Duration::from_secs(10);

/// When, by our clock, it happened that was told so late. A clock that is far off says nothing.
fn happened(time: Utc, receive: Utc) -> Utc {
    time.max(receive.minus(LANE)).min(receive)
}

/// What is known of the plant in force since the last start.
#[derive(Debug, Clone)]
struct Live {
    plant: Arc<Plant>,
    uses: Uses,
    /// The words that are whole badges, sorted.
    badges: Vec<TagIndex>,
    /// The session in which each device is observed, if it is.
    sessions: Vec<Option<Session>>,
    /// When each device was last lost, and when values of it were.
    down: Vec<Option<Blind>>,
    lost: Vec<Option<Blind>>,
    exchanges: BTreeMap<At, Exchange>,
    follows: BTreeMap<(StationIndex, usize), Follow>,
    watches: BTreeMap<(StationIndex, usize), Watch>,
    tokens: BTreeMap<ReadToken, At>,
    /// Reads of the counters of a feeder.
    counting: BTreeMap<ReadToken, (StationIndex, usize)>,
    /// How wide servers say that counters are.
    widths: BTreeMap<TagIndex, u8>,
}

impl Capture {
    /// Knows nothing yet; badges become tokens under this key.
    pub fn new(persons: PersonKey) -> Self {
        Self::remembering(persons, Memory::default())
    }

    /// Knows what records made of it before.
    pub fn remembering(persons: PersonKey, memory: Memory) -> Self {
        Self { memory, persons, live: None, next_token: 0, made: BTreeMap::new() }
    }

    /// The durable half.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Folds a record into the durable half: the one way in which it changes.
    pub fn apply(&mut self, record: &Record) {
        self.memory.apply(record);
    }

    /// Puts a plant in force. What of the one before is carried over goes on as it was; everything
    /// else that is volatile begins anew.
    pub fn load(&mut self, step: &mut Step, plant: &Arc<Plant>, carried: &Carried) {
        self.leave(step, plant, carried);
        let uses = Uses::of(plant);
        let mut live = Live {
            uses,
            badges: persons::badges(plant),
            sessions: vec![None; plant.devices.len()],
            down: vec![None; plant.devices.len()],
            lost: vec![None; plant.devices.len()],
            exchanges: BTreeMap::new(),
            follows: BTreeMap::new(),
            watches: BTreeMap::new(),
            tokens: BTreeMap::new(),
            counting: BTreeMap::new(),
            widths: BTreeMap::new(),
            plant: Arc::clone(plant),
        };
        for (station, s) in plant.stations() {
            for handshake in 0..s.handshakes.len() {
                live.exchanges.insert(At { station, handshake }, Exchange::default());
            }
            for phase in 0..s.phases.len() {
                live.follows.insert((station, phase), Follow::default());
            }
            for mount in 0..s.mounts.len() {
                live.watches.insert((station, mount), Watch::default());
            }
        }
        if let Some(before) = self.live.replace(live) {
            self.carry_over(before, carried);
        }
    }

    /// The plant in force.
    pub fn plant(&self) -> Option<&Arc<Plant>> {
        self.live.as_ref().map(|l| &l.plant)
    }

    /// Takes what came from the field.
    pub fn on_input(&mut self, step: &mut Step, input: &Input) {
        match input {
            Input::Link { device, link } => self.on_link(step, *device, link),
            Input::Samples(samples) => self.on_samples(step, samples),
            Input::Lost { device, tag, cause, since, to, open } => {
                let late =
                    tag.filter(|tag| *cause == GapCause::Silent && self.only_pulses_pass(*tag));
                let interval = Interval { from: *since, to: Some(*to) };
                match late {
                    Some(tag) => self.on_unseen(step, tag, interval, *open),
                    None => self.on_lost(step, *device, *tag, *cause, interval),
                }
            }
            Input::Read(done) => self.on_read(step, done),
            Input::Written(done) => self.on_written(step, done),
            Input::Facts(facts) => self.on_facts(step, facts),
            Input::Wake => self.on_wake(step),
            Input::Command { id, command } => self.on_command(step, *id, command),
            Input::Start { .. } | Input::Plant(_) => {}
        }
    }

    fn on_samples(&mut self, step: &mut Step, samples: &[Sample]) {
        let mut rest = samples;
        while let Some((sample, after)) = rest.split_first() {
            rest = after;
            if self.is_field(sample.tag) {
                let many = after.iter().take_while(|next| self.goes_on(next.tag)).count();
                let (fields, after) = after.split_at(many);
                rest = after;
                self.on_result(step, sample, fields);
            } else {
                self.on_sample(step, sample);
            }
        }
    }

    fn on_sample(&mut self, step: &mut Step, sample: &Sample) {
        let Some(live) = &self.live else { return };
        // Fast words come in order behind the link's state: they are never from before a loss.
        let fast = live.plant.tag(sample.tag).fast;
        if !fast && live.blind(&live.down, sample, step.at.monotonic) {
            return self.on_overtaken(step, sample);
        }
        for used in live.uses.of_tag(sample.tag) {
            match used {
                uses::Use::Handshake(at) => self.on_handshake_word(step, at, sample),
                uses::Use::Mount(station, mount) => {
                    self.on_mount_word(step, station, mount, sample);
                }
                uses::Use::Phase(station, phase) => {
                    self.on_phase_word(step, station, phase, sample);
                }
            }
        }
    }

    /// The token of whoever has this badge.
    pub fn person(&self, badge: &Text) -> PersonToken {
        self.persons.token(badge.as_str())
    }

    /// The next time at which [`Input::Wake`] is wanted, and what for.
    pub fn next_wake(&self) -> Option<(Monotonic, &'static str)> {
        let live = self.live.as_ref()?;
        let exchanges = live.exchanges.values().filter_map(Exchange::wake);
        let follows = live.follows.values().filter_map(Follow::wake);
        exchanges.chain(follows).min()
    }

    fn on_wake(&mut self, step: &mut Step) {
        let Some(live) = &self.live else { return };
        let due =
            |wake: Option<(Monotonic, &str)>| wake.is_some_and(|(t, _)| t <= step.at.monotonic);
        let exchanges: Vec<At> =
            live.exchanges.iter().filter(|(_, e)| due(e.wake())).map(|(at, _)| *at).collect();
        let follows: Vec<_> =
            live.follows.iter().filter(|(_, f)| due(f.wake())).map(|(at, _)| *at).collect();
        for at in exchanges {
            self.on_exchange_wake(step, at);
        }
        for (station, phase) in follows {
            self.on_phase_wake(step, station, phase);
        }
    }

    /// Records, and folds the record in at once, so that the rest of the step sees it. Nothing else puts
    /// a record that capture has to know into a frame.
    pub fn record(&mut self, step: &mut Step, body: Body) -> Position {
        let record = step.record(body);
        self.memory.apply(record);
        if let Body::Trace(crate::model::TraceEvent { station: Some(station), .. }) = &record.body
            && let Some(made) = self.memory.station(station).and_then(|known| known.made.as_ref())
        {
            self.made.insert(record.position, made.clone());
        }
        if let Some(live) = &mut self.live {
            handshake::touch(live, record);
        }
        record.position
    }

    /// What each station made by then, by the records of the step: several parts may be told at once.
    pub fn take_made(&mut self) -> BTreeMap<Position, Made> {
        std::mem::take(&mut self.made)
    }

    fn token(&mut self) -> ReadToken {
        self.next_token = self.next_token.saturating_add(1);
        ReadToken(self.next_token)
    }

    /// Tells whoever watches of a rule of a station: `OP10.F1`.
    fn say_of(
        &self,
        step: &mut Step,
        station: StationIndex,
        rule: impl std::fmt::Display,
        text: impl Into<String>,
    ) {
        step.notice(format!("{}.{rule}", self.live().station(station).id), text);
    }

    fn live(&self) -> &Live {
        self.live.as_ref().expect("only called for the words of a plant in force")
    }

    fn live_mut(&mut self) -> &mut Live {
        self.live.as_mut().expect("only called for the words of a plant in force")
    }

    fn exchange(&mut self, at: At) -> &mut Exchange {
        self.live_mut().exchanges.entry(at).or_default()
    }
}

impl Live {
    fn station(&self, index: StationIndex) -> &Station {
        self.plant.station(index)
    }

    #[expect(clippy::indexing_slicing, reason = "indexes are made with the plant")]
    fn handshake(&self, at: At) -> &Handshake {
        &self.station(at.station).handshakes[at.handshake]
    }

    fn device(&self, index: DeviceIndex) -> &Device {
        self.plant.device(index)
    }

    /// Whether a sample was received before its device was last lost, or lost values, and comes only
    /// now. The wall clock may be set back: after a while a loss blinds nobody any more.
    fn blind(&self, losses: &[Option<Blind>], sample: &Sample, now: Monotonic) -> bool {
        let device = self.plant.tag(sample.tag).device;
        losses
            .get(device.get())
            .copied()
            .flatten()
            .is_some_and(|loss| sample.receive <= loss.until && now < loss.told.plus(LANE))
    }

    /// The width of a counter: as its server says, else as the plant has it.
    fn bits(&self, counter: Counter) -> u8 {
        self.widths.get(&counter.tag).copied().unwrap_or(counter.bits)
    }

    fn session(&self, device: DeviceIndex) -> Session {
        self.sessions.get(device.get()).copied().flatten().unwrap_or_default()
    }

    /// `OP10.admit`, for people.
    fn about(&self, at: At) -> String {
        format!("{}.{}", self.station(at.station).id, self.handshake(at).id)
    }
}
