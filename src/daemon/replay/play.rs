//! The tape played through an engine whose plant may be another one than it was: what was read at a
//! trigger answers the read, what was not is taken from its last sample before; the past is asked of the
//! record as it was then; nothing is ever written.
use super::ahead::{Ahead, is_of};
use super::carry::{Carry, Handshakes, Name, point};
use super::fold::Fold;
use super::lacking::{Lack, Lacking};
use super::{ReplayError, Wanted};
use crate::model::plant::{DeviceIndex, Plant, TagIndex, Word};
use crate::model::{
    At, Body, Command, Effect, Evidence, Facts, Input, Link, Monotonic, Position, Quality,
    Question, ReadDone, ReadRequest, ReadToken, Record, Sample, StationId, Utc, Value, WriteDone,
};
use crate::tape::{TapeEntry, TapeGap, TapeGapCause};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// An answer about the past that the tape does not have is given after this.
const FACTS_WITHIN: Duration = Duration::from_millis(50);
/// The end of a write that is not on the tape is told after this.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

/// What was played.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// The records, in their own numbers from the base on.
    pub(super) made: Vec<Record>,
    /// Inputs that were stepped.
    pub(super) inputs: u64,
    /// When the first and the last was.
    pub(super) span: Option<(Utc, Utc)>,
    /// Whether it began in the middle of a run: what was under way then is not known.
    pub(super) cut_in: bool,
    /// From when to when inputs are missing, and why.
    pub(super) gaps: Vec<(Utc, Utc, String)>,
    /// Those of the records that were taken from the ledger, their inputs being missing.
    pub(super) taken: BTreeSet<Position>,
    /// Points of the played plant that were not on the tape.
    pub(super) unread: BTreeSet<String>,
    /// Stations of the played plant with a word that was not on the tape, from when on.
    pub(super) unread_stations: Vec<(Utc, BTreeMap<StationId, String>)>,
    /// Requests of which no event came for want of words.
    pub(super) lacking: Vec<Lack>,
}

/// A read that the tape has yet to answer.
struct Reading {
    request: ReadRequest,
    /// Whose snapshot it is.
    of: Vec<(Name, Word)>,
}

/// A question about the past, and since when it is open.
struct Asking {
    question: Question,
    since: Monotonic,
    /// It comes from words that were not read at the trigger.
    inferred: bool,
}

pub(super) struct Play<'w> {
    wanted: &'w Wanted,
    fold: Fold<'w>,
    /// The plant on the tape, and its handshakes.
    tape: Option<(Arc<Plant>, Handshakes)>,
    /// The plant in the engine, and its handshakes.
    plant: Option<(Arc<Plant>, Handshakes)>,
    carry: Carry,
    /// As the tape has them.
    last: BTreeMap<TagIndex, Sample>,
    links: BTreeMap<DeviceIndex, Link>,
    reads: Vec<Reading>,
    asks: Vec<Asking>,
    writes: VecDeque<(ReadToken, Monotonic)>,
    lacking: Lacking,
    begun: bool,
    /// The file before ended without its end: a kill, unless it is the last one.
    killed: bool,
    /// Inputs are missing since then: what comes before the next start would come of half a run.
    gap: Option<(Utc, String)>,
    /// A start was seen.
    started: bool,
    out: Played,
}

impl<'w> Play<'w> {
    pub(super) fn new(wanted: &'w Wanted, fold: Fold<'w>) -> Self {
        Self {
            wanted,
            fold,
            tape: None,
            plant: None,
            carry: Carry::default(),
            last: BTreeMap::new(),
            links: BTreeMap::new(),
            reads: Vec::new(),
            asks: Vec::new(),
            writes: VecDeque::new(),
            lacking: Lacking::default(),
            begun: false,
            killed: false,
            gap: None,
            started: false,
            out: Played::default(),
        }
    }

    /// What came of it.
    pub(super) fn end(mut self) -> Played {
        // What is missing at the end is missing until now.
        if let Some((since, why)) = self.gap.take() {
            self.out.gaps.push((since, Utc(i64::MAX), why));
        }
        self.out.lacking = self.lacking.end();
        self.out
    }

    pub(super) fn gap(&mut self, gap: &TapeGap) {
        // Half an entry at the end of a file is how a kill leaves one: no record came of it.
        if matches!(gap.cause, TapeGapCause::Open | TapeGapCause::Torn(_)) {
            self.killed = true;
        } else {
            let since = self.out.span.map_or(Utc(i64::MIN), |(_, last)| last);
            self.gap.get_or_insert((since, gap.to_string()));
        }
    }

    /// Takes the next entry, behind which the tape is known some way `ahead`; false when the stretch is over.
    pub(super) fn entry(&mut self, entry: &TapeEntry, ahead: &Ahead) -> Result<bool, ReplayError> {
        if self.wanted.is_over(entry.at.wall) {
            return Ok(false);
        }
        let starts = matches!(entry.input, Input::Start { .. });
        if !starts && !self.started {
            let why = "it begins in the middle of a run".to_owned();
            self.gap.get_or_insert((Utc(i64::MIN), why));
        }
        self.started = true;
        let missing = self.gap.take_if(|_| starts);
        if let Some((since, why)) = missing.clone() {
            self.out.gaps.push((since, entry.at.wall, why));
        }
        if self.gap.is_some() {
            return Ok(true);
        }
        if !self.begun && self.wanted.is_begun(entry.at.wall) {
            self.begun = true;
            self.out.cut_in = !starts;
            if self.out.cut_in {
                self.cut_in(entry.at);
            }
        }
        if self.begun {
            self.out.inputs = self.out.inputs.saturating_add(1);
            self.catch_up(entry, ahead);
        }
        let first = self.out.span.map_or(entry.at.wall, |(first, _)| first);
        if self.begun {
            self.out.span = Some((first, entry.at.wall));
        }
        if let Input::Start { recovered, .. } = entry.input {
            self.restart(entry, recovered, missing.map(|(since, _)| since))?;
        } else {
            self.take(entry);
        }
        self.killed = false;
        Ok(true)
    }

    fn take(&mut self, entry: &TapeEntry) {
        let at = entry.at;
        match &entry.input {
            Input::Plant(plant) => self.put_in_force(at, plant),
            Input::Samples(samples) => {
                self.last.extend(samples.iter().map(|sample| (sample.tag, sample.clone())));
                self.told(entry);
            }
            Input::Link { device, link } => {
                self.links.insert(*device, link.clone());
                self.told(entry);
            }
            Input::Read(done) => self.read(at, done),
            Input::Written(done) => {
                if let Some((token, _)) = self.writes.pop_front() {
                    let outcome = done.outcome.clone();
                    self.step(at, Input::Written(WriteDone { token, outcome }), false);
                }
            }
            Input::Facts(facts) => self.facts(at, facts),
            Input::Command { command: Command::Adopt { .. } | Command::Reload { .. }, .. }
            | Input::Start { .. } => {}
            Input::Lost { .. } | Input::Wake | Input::Command { .. } => self.told(entry),
        }
    }

    fn told(&mut self, entry: &TapeEntry) {
        for input in self.carry.told(&entry.input) {
            self.step(entry.at, input, false);
        }
    }

    /// A start: the durable state is what was made so far. After a kill, what had become durable; what
    /// was recorded while inputs are missing, as it was recorded.
    fn restart(
        &mut self,
        entry: &TapeEntry,
        recovered: Position,
        missing: Option<Utc>,
    ) -> Result<(), ReplayError> {
        (self.last, self.links) = (BTreeMap::new(), BTreeMap::new());
        self.tape = None;
        if !self.begun {
            return Ok(());
        }
        (self.plant, self.reads, self.asks) = (None, Vec::new(), Vec::new());
        self.writes.clear();
        if self.killed {
            let durable = self.fold.stepped(recovered)?;
            // A clock that was set back must not leave a hole.
            let lost = |record: &Record| durable.is_none_or(|at| record.at.wall > at);
            let kept = self.out.made.iter().position(lost);
            self.out.made.truncate(kept.unwrap_or(self.out.made.len()));
        }
        self.fold.refold(&self.out.made)?;
        if let Some(since) = missing {
            for mut record in self.fold.recorded(since, recovered)? {
                record.position = Position(self.fold.engine.position().0.saturating_add(1));
                self.fold.apply(&record);
                self.out.taken.insert(record.position);
                self.out.made.push(record);
            }
        }
        if let Input::Start { cause, .. } = entry.input {
            let recovered = self.fold.engine.position();
            self.step(entry.at, Input::Start { cause, recovered }, false);
        }
        Ok(())
    }

    /// Another plant on the tape: its numbers are other ones; what is played changes by it only if no
    /// other plant was wanted.
    fn put_in_force(&mut self, at: At, plant: &Arc<Plant>) {
        if let Some((before, _)) = &self.tape {
            let carry = Carry::between(before, plant);
            let last = std::mem::take(&mut self.last).into_values();
            let last = last.flat_map(|sample| carry.samples(&[sample]));
            self.last = last.map(|sample| (sample.tag, sample)).collect();
            let links = std::mem::take(&mut self.links).into_iter();
            let links = links.map(|(device, link)| Input::Link { device, link });
            for input in links.flat_map(|input| carry.told(&input)).collect::<Vec<_>>() {
                if let Input::Link { device, link } = input {
                    self.links.insert(device, link);
                }
            }
        }
        self.tape = Some((Arc::clone(plant), Handshakes::of(plant)));
        let played = self.wanted.plant.as_ref().unwrap_or(plant);
        self.carry = Carry::between(plant, played);
        self.out.unread = self.carry.unread(played);
        self.out.unread_stations.push((at.wall, self.carry.unread_stations(played)));
        let known = self.plant.as_ref().is_some_and(|(known, _)| Arc::ptr_eq(known, played));
        if self.begun && !known {
            let played = Arc::clone(played);
            self.play(at, played);
        }
    }

    fn play(&mut self, at: At, played: Arc<Plant>) {
        let handshakes = Handshakes::of(&played);
        self.lacking.put_in_force(&handshakes, at.wall);
        self.plant = Some((Arc::clone(&played), handshakes));
        self.step(at, Input::Plant(played), false);
    }

    /// Begins in the middle of a run: with the links and the last values that there were.
    fn cut_in(&mut self, at: At) {
        let Some((tape, _)) = &self.tape else { return };
        let played = Arc::clone(self.wanted.plant.as_ref().unwrap_or(tape));
        self.play(at, Arc::clone(&played));
        for (device, link) in self.links.clone() {
            for input in self.carry.told(&Input::Link { device, link }) {
                self.step(at, input, false);
            }
        }
        let acks: BTreeSet<TagIndex> = played
            .stations
            .iter()
            .flat_map(|station| &station.handshakes)
            .filter_map(|handshake| Some(handshake.ack?.tag))
            .collect();
        let last: Vec<Sample> = self.last.values().cloned().collect();
        let mut last = self.carry.samples(&last);
        last.retain(|sample| played.tag(sample.tag).watched);
        // An ack that is not known yet would make an old request look like a new one.
        last.sort_by_key(|sample| (!acks.contains(&sample.tag), sample.receive));
        for sample in last {
            self.step(at, Input::Samples(vec![sample]), false);
        }
    }

    /// What is due before an entry: timers that this engine has and the tape does not tell of.
    fn catch_up(&mut self, entry: &TapeEntry, ahead: &Ahead) {
        let at = entry.at;
        let before = |due: Monotonic| At {
            monotonic: due,
            wall: Utc(at.wall.0.saturating_sub(
                i64::try_from(at.monotonic.0.saturating_sub(due.0)).unwrap_or(i64::MAX),
            )),
        };
        if matches!(entry.input, Input::Start { .. }) {
            return;
        }
        let answers_now = |ask: &Asking| match &entry.input {
            Input::Facts(facts) => is_of(facts, &ask.question),
            Input::Start { .. }
            | Input::Plant(_)
            | Input::Samples(_)
            | Input::Lost { .. }
            | Input::Link { .. }
            | Input::Read(_)
            | Input::Written(_)
            | Input::Command { .. }
            | Input::Wake => false,
        };
        let is_due = |ask: &Asking| {
            ask.since.plus(FACTS_WITHIN) < at.monotonic
                && !answers_now(ask)
                && !ahead.answers(&ask.question)
        };
        while let Some(index) = self.asks.iter().position(is_due) {
            let ask = self.asks.remove(index);
            let at = before(ask.since.plus(FACTS_WITHIN));
            self.answer(at, &ask);
        }
        while let Some((token, since)) = self.writes.front().copied() {
            if since.plus(WRITTEN_WITHIN) >= at.monotonic {
                break;
            }
            self.writes.pop_front();
            let at = before(since.plus(WRITTEN_WITHIN));
            self.step(at, Input::Written(WriteDone { token, outcome: Ok(()) }), false);
        }
        if matches!(entry.input, Input::Wake) {
            return;
        }
        while let Some((due, _)) = self.fold.engine.next_wake().filter(|(d, _)| *d <= at.monotonic)
        {
            self.step(before(due), Input::Wake, false);
            // One that is not put off by its own wake is not waited for again.
            if self.fold.engine.next_wake().is_some_and(|(next, _)| next <= due) {
                break;
            }
        }
    }

    /// The words of a snapshot came: they answer the read of the same handshake.
    fn read(&mut self, at: At, done: &ReadDone) {
        let Ok(words) = &done.outcome else {
            // It was read again, and that is on the tape too.
            return;
        };
        let tags: Vec<TagIndex> = words.iter().map(|word| word.tag).collect();
        let of = self.tape.as_ref().map(|(_, handshakes)| handshakes.reading(&tags));
        let of: Vec<(Name, Word)> = of.unwrap_or_default().to_vec();
        let same = |read: &Reading| {
            let wanted = read.request.tags.iter().map(|tag| self.carry.on_tape(*tag));
            read.of.is_empty() && wanted.eq(tags.iter().copied().map(Some))
        };
        let answers = |read: &Reading| {
            if of.is_empty() { same(read) } else { self.is_answer(&of, &read.of) }
        };
        let answered = self.reads.iter().position(answers);
        let reading = answered.map(|index| self.reads.remove(index));
        let answer = reading.map(|reading| self.words(&reading, words, at));
        self.last.extend(words.iter().map(|word| (word.tag, word.clone())));
        if let Some((done, inferred)) = answer {
            self.step(at, Input::Read(done), inferred);
        }
    }

    /// Whether what was read for one handshake is what another waits for: the same by name and trigger, or
    /// one that has another name by now.
    fn is_answer(&self, tape: &[(Name, Word)], played: &[(Name, Word)]) -> bool {
        let (Some((_, old)), Some((_, new))) = (&self.tape, &self.plant) else { return false };
        let pair = |(name, trigger): &(Name, Word), (other, with): &(Name, Word)| {
            let renamed = !new.has(name) && !old.has(other);
            self.carry.is_word(*trigger, *with) && (name == other || renamed)
        };
        tape.iter().any(|one| played.iter().any(|other| pair(one, other)))
    }

    /// The words that were asked for: those that were read, the others from the last samples before.
    fn words(&mut self, reading: &Reading, read: &[Sample], at: At) -> (ReadDone, bool) {
        let Reading { request, of } = reading;
        let (mut inferred, mut lacking) = (false, BTreeSet::new());
        let count = request.tags.len();
        let word = |(index, tag): (usize, &TagIndex)| {
            let on_tape = self.carry.on_tape(*tag);
            // The trigger stands first and last.
            let last = index > 0 && index.saturating_add(1) == count;
            let same = |word: &&Sample| on_tape == Some(word.tag);
            let found = if last { read.iter().rfind(same) } else { read.iter().find(same) };
            if let Some(sample) = found {
                return Sample { tag: *tag, ..sample.clone() };
            }
            inferred = true;
            let last = on_tape.and_then(|tag| self.last.get(&tag));
            if last.is_none_or(|last| !last.quality.is_good()) {
                lacking.extend(self.plant.as_ref().map(|(plant, _)| point(plant, *tag)));
            }
            last.map_or_else(|| nothing(*tag, at.wall), |last| Sample { tag: *tag, ..last.clone() })
        };
        let words = request.tags.iter().enumerate().map(word).collect();
        self.lacking.read(of, at.wall, &lacking);
        (ReadDone { token: request.token, outcome: Ok(words) }, inferred)
    }

    /// The past was looked up then, too: the question of the same items is answered now, else the oldest.
    fn facts(&mut self, at: At, facts: &Facts) {
        let index = self.asks.iter().position(|ask| is_of(facts, &ask.question));
        if let Some(index) = index.or((!self.asks.is_empty()).then_some(0)) {
            let ask = self.asks.remove(index);
            self.answer(at, &ask);
        }
    }

    fn answer(&mut self, at: At, ask: &Asking) {
        let facts = self.fold.histories.facts(&ask.question);
        self.step(at, Input::Facts(facts), ask.inferred);
    }

    /// Steps an input and whatever it asks for that can be answered at once.
    fn step(&mut self, at: At, input: Input, inferred: bool) {
        if !self.begun {
            return;
        }
        let mut waiting = VecDeque::from([(input, inferred)]);
        while let Some((mut input, inferred)) = waiting.pop_front() {
            let mut effects = Vec::new();
            // The plant on the tape may not have known that a word is somebody's badge.
            self.fold.engine.veil_kept(&mut input);
            if let Input::Samples(samples) = &input {
                self.lacking.told(samples);
            }
            self.fold.engine.step(at, &input, &mut effects);
            for effect in effects {
                match effect {
                    Effect::Append(frame) => {
                        for record in frame {
                            self.keep(record, inferred);
                        }
                    }
                    Effect::Read(request) => waiting.extend(self.ask_words(request, at)),
                    Effect::Ask(question) => {
                        self.asks.push(Asking { question, since: at.monotonic, inferred });
                    }
                    Effect::Write(request) => self.writes.push_back((request.token, at.monotonic)),
                    Effect::Answer(_) | Effect::Notice(_) => {}
                }
            }
        }
    }

    fn keep(&mut self, mut record: Record, inferred: bool) {
        if let (Body::Trace(event), true) = (&mut record.body, inferred)
            && event.handshake.is_some()
        {
            event.evidence = event.evidence.max(Evidence::Inferred);
        }
        self.fold.histories.apply(&record);
        self.lacking.recorded(&record);
        self.out.made.push(record);
    }

    /// A read is answered by the tape, at once if the tape cannot have it: the handshake is new.
    fn ask_words(&mut self, request: ReadRequest, at: At) -> Option<(Input, bool)> {
        let of = self.plant.as_ref().map(|(_, handshakes)| handshakes.reading(&request.tags));
        let of: Vec<(Name, Word)> = of.unwrap_or_default().to_vec();
        if of.is_empty() {
            // It is no request's: if the tape does not have it, nobody ever read these words together.
            self.reads.retain(|read| read.request.tags != request.tags);
            self.reads.push(Reading { request, of });
            return None;
        }
        let tape: Vec<(Name, Word)> =
            self.tape.iter().flat_map(|(_, handshakes)| handshakes.all()).cloned().collect();
        if self.is_answer(&tape, &of) {
            // What it asked for before and never got, it does not want any more.
            self.reads.retain(|read| read.of != of);
            self.reads.push(Reading { request, of });
            return None;
        }
        let (done, _) = self.words(&Reading { request, of }, &[], at);
        Some((Input::Read(done), true))
    }
}

/// A word that is nowhere on the tape.
fn nothing(tag: TagIndex, receive: Utc) -> Sample {
    Sample {
        tag,
        value: Value::Empty,
        quality: Quality::BAD_WAITING,
        source: None,
        server: None,
        receive,
    }
}
