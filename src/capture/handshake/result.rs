//! Results that a machine tells of by events and gives by methods (OPC 40001-101). A result is known by
//! its name and its words. After every connect the machine is asked what it still has; whatever it names
//! is fetched and recorded in the order in which it was made, and acknowledged when that is durable.
//!
//! Where several handshakes share what one object tells of, the first of them collects for all: it asks, records
//! each result with the handshake that means it, and acknowledges.
use super::{Found, RETRY, SETTLE, Stage};
use crate::capture::collected::{Collected, Standing};
use crate::capture::snapshot::{Snapshot, own_words, wanted};
use crate::capture::uses::Use;
use crate::capture::{At, Capture};
use crate::model::plant::{Carried, DeviceIndex, Handshake, Results, TagIndex, TagSource};
use crate::model::{
    Effect, GapCause, HandshakeNumber, Interval, Monotonic, Position, Quality, QuarantineCause,
    ReadDone, ReadFault, ReadFrom, ReadRequest, Sample, Step, Text, Utc, Value,
};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Results that wait to be recorded; beyond it the machine is asked again for what is left out.
const WAITING_MAX: usize = 1_024;
/// Names that wait to be fetched: all that it has, and what it tells of meanwhile.
const NAMED_MAX: usize = Results::LISTED_MAX + WAITING_MAX;
/// So many are recorded, or acknowledged, before the next is fetched.
const AT_ONCE: usize = 64;
/// Pause before a machine that did not say what it has is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// How far results are collected since the connection was won.
#[derive(Debug, Clone, Default)]
pub(super) struct Collect {
    /// When the machine is to be asked what it has.
    list: Option<Monotonic>,
    /// It is to be asked once more when what waits is done.
    again: bool,
    /// When the first was told of those that are not recorded yet.
    since: Option<Utc>,
    /// To be fetched.
    named: VecDeque<Text>,
    /// To be recorded.
    given: Vec<Given>,
    /// Recorded, to be acknowledged, and the last of their records.
    recorded: Vec<Text>,
    last: Position,
    /// Being acknowledged.
    telling: Vec<Text>,
    /// Named and not given: to name them again is nothing new.
    refused: BTreeSet<Text>,
    /// So many of these are in the gap that is open.
    missing: u64,
}

/// The words of a result.
#[derive(Debug, Clone)]
struct Given {
    words: Vec<Sample>,
    /// Not before this it is recorded.
    due: Monotonic,
}

/// Whose a result is.
struct Owner {
    at: At,
    /// The field that does not say it.
    unfit: Option<TagIndex>,
}

/// What comes next.
enum Next {
    List,
    Fetch(Text),
    Record,
    Acknowledge,
    Nothing,
}

impl Collect {
    /// When something is due that nothing else brings about.
    pub(super) fn wake(&self) -> Option<(Monotonic, &'static str)> {
        let list = self.list.map(|due| (due, "results to be named"));
        let given = self.given.iter().map(|given| (given.due, SETTLE));
        list.into_iter().chain(given).min()
    }

    /// Whether nothing is known to be missing.
    pub(super) fn is_done(&self) -> bool {
        self.list.is_none() && !self.again && self.named.is_empty() && self.given.is_empty()
    }

    /// The same words under the indexes of the next plant.
    pub(super) fn carry(&mut self, carried: &Carried) {
        for Given { words, due: _ } in &mut self.given {
            carried.samples(words);
        }
    }

    fn next(&mut self, now: Monotonic) -> Next {
        if self.list.is_some_and(|due| due <= now) {
            return Next::List;
        }
        // What is named is given first, so that all are recorded in the order in which they were made.
        let fetched = self.named.is_empty() || self.given.len() >= AT_ONCE;
        if fetched && self.given.iter().any(|given| given.due <= now) {
            return Next::Record;
        }
        let many = self.recorded.len() >= AT_ONCE || self.named.is_empty();
        if many && !self.recorded.is_empty() {
            return Next::Acknowledge;
        }
        if let Some(name) = self.named.pop_front() {
            return Next::Fetch(name);
        }
        if self.given.is_empty() && self.list.is_none() && std::mem::take(&mut self.again) {
            return Next::List;
        }
        Next::Nothing
    }
}

fn methods(handshake: &Handshake) -> (bool, bool) {
    let of = |method: fn(&Results) -> &Option<String>| {
        handshake.results.as_ref().is_some_and(|results| method(results).is_some())
    };
    (of(|results| &results.recover), of(|results| &results.fetch))
}

impl Capture {
    /// Whether a tag is a field of results.
    pub(in crate::capture) fn is_field(&self, tag: TagIndex) -> bool {
        let live = self.live.as_ref();
        live.is_some_and(|live| matches!(live.plant.tag(tag).source, TagSource::Field(_)))
    }

    /// Whether a tag is a field of the result that was begun before it.
    pub(in crate::capture) fn goes_on(&self, tag: TagIndex) -> bool {
        self.is_field(tag) && self.collects(tag).is_none()
    }

    /// The handshake that collects the results whose names are here.
    fn collects(&self, tag: TagIndex) -> Option<At> {
        let live = self.live.as_ref()?;
        live.uses.of_tag(tag).into_iter().find_map(|used| match used {
            Use::Handshake(at) => Some(at),
            Use::Mount(..) | Use::Phase(..) => None,
        })
    }

    /// The handshakes that share the results of one object, the one that collects them first.
    fn sharers(&self, at: At) -> Vec<At> {
        let live = self.live();
        let used = live.uses.of_tag(live.handshake(at).trigger.tag).into_iter();
        let handshakes = used.filter_map(|used| match used {
            Use::Handshake(at) => Some(at),
            Use::Mount(..) | Use::Phase(..) => None,
        });
        handshakes.collect()
    }

    /// All that is asked of a result: of whom it is, is known only then.
    fn fields(&self, at: At) -> Vec<TagIndex> {
        let live = self.live();
        live.plant.result_fields(live.handshake(at).trigger.tag)
    }

    /// Whether everything that the machine is known to have is recorded.
    pub(super) fn all_collected(&self, at: At) -> bool {
        let exchanges = &self.live().exchanges;
        self.sharers(at).iter().filter_map(|sharer| exchanges.get(sharer)).all(|exchange| {
            let asks = matches!(exchange.stage, Stage::Listing { .. } | Stage::Fetching { .. });
            exchange.sure && !asks && exchange.collect.is_done()
        })
    }

    /// The connection was won: the machines are asked what they still have.
    pub(in crate::capture) fn begin_results(&mut self, step: &mut Step, device: DeviceIndex) {
        for at in self.results_of(device) {
            let (recovers, _) = methods(self.live().handshake(at));
            for sharer in self.sharers(at) {
                self.exchange(sharer).sure = !recovers;
            }
            self.exchange(at).collect.list = recovers.then_some(step.at.monotonic);
            self.collect(step, at);
        }
    }

    /// Something that a device told was lost on the way: an event may be among it.
    pub(in crate::capture) fn results_lost(&mut self, step: &mut Step, device: DeviceIndex) {
        for at in self.results_of(device) {
            let (recovers, _) = methods(self.live().handshake(at));
            self.exchange(at).collect.again |= recovers;
            self.collect(step, at);
        }
    }

    /// From when on something that a device told may not be recorded: a machine may forget it before it is
    /// asked again.
    pub(in crate::capture) fn results_since(&self, device: DeviceIndex) -> Option<Utc> {
        let exchanges = &self.live().exchanges;
        let since = |at: At| exchanges.get(&at)?.collect.since;
        self.results_of(device).into_iter().filter_map(since).min()
    }

    /// The handshakes that collect, one for each object that tells of results.
    fn results_of(&self, device: DeviceIndex) -> Vec<At> {
        let names = self.live().plant.result_names(device);
        names.into_iter().filter_map(|name| self.collects(name)).collect()
    }

    /// An event told of a result: its name first, then its other words as far as it has them.
    pub(in crate::capture) fn on_result(
        &mut self,
        step: &mut Step,
        name: &Sample,
        fields: &[Sample],
    ) {
        let Some(at) = self.collects(name.tag) else { return };
        let (recovers, fetches) = methods(self.live().handshake(at));
        let collect = &mut self.exchange(at).collect;
        let made = name.time().min(name.receive);
        collect.since = Some(collect.since.map_or(made, |since| since.min(made)));
        if collect.named.len() >= NAMED_MAX || collect.given.len() >= WAITING_MAX {
            if recovers {
                self.exchange(at).collect.again = true;
            } else {
                let interval = Interval { from: name.receive, to: Some(step.at.wall) };
                self.results_gap(step, at, interval, GapCause::Overload, Some(1));
            }
            return;
        }
        let named = name.good().and_then(Value::as_text).and_then(|n| Text::parse(&n).ok());
        match named.filter(|_| fetches) {
            Some(named) if self.exchange(at).collect.named.contains(&named) => {}
            Some(named) => self.exchange(at).collect.named.push_back(named),
            None => {
                let tags = self.fields(at);
                let word = |tag: TagIndex| {
                    let all = std::iter::once(name).chain(fields);
                    let mut found = all.filter(|sample| sample.tag == tag);
                    found.next().cloned().unwrap_or_else(|| Sample {
                        tag,
                        value: Value::Empty,
                        quality: Quality::BAD_WAITING,
                        ..name.clone()
                    })
                };
                self.put_by(step, at, tags.into_iter().map(word).collect());
            }
        }
        self.collect(step, at);
    }

    /// The words of a result wait until what was in the feeders then has been told too.
    fn put_by(&mut self, step: &Step, at: At, words: Vec<Sample>) {
        let settle = |sharer: &At| self.live().handshake(*sharer).settle;
        let settle = self.sharers(at).iter().map(settle).max().unwrap_or_default();
        let due = step.at.monotonic.plus(settle);
        self.exchange(at).collect.given.push(Given { words, due });
    }

    pub(super) fn on_collect_wake(&mut self, step: &mut Step, at: At) {
        let exchange = self.exchange(at);
        if let Stage::Waiting(until, _) = exchange.stage
            && until <= step.at.monotonic
        {
            exchange.stage = Stage::Idle;
        }
        self.collect(step, at);
    }

    /// Does what comes next, if nothing is under way.
    pub(super) fn collect(&mut self, step: &mut Step, at: At) {
        while matches!(self.exchange(at).stage, Stage::Idle) {
            match self.exchange(at).collect.next(step.at.monotonic) {
                Next::List => self.list(step, at),
                Next::Fetch(name) => self.fetch(step, at, name),
                Next::Record => self.record_given(step, at),
                Next::Acknowledge => self.acknowledge(step, at),
                Next::Nothing => {
                    if self.exchange(at).collect.is_done() {
                        self.end_missing(step, at);
                    }
                    let collect = &mut self.exchange(at).collect;
                    collect.since = collect.since.filter(|_| !collect.is_done());
                    return;
                }
            }
        }
    }

    fn list(&mut self, step: &mut Step, at: At) {
        let trigger = self.live().handshake(at).trigger.tag;
        let exchange = self.exchange(at);
        (exchange.collect.list, exchange.collect.again) = (None, false);
        let token = self.token();
        self.exchange(at).stage = Stage::Listing { token };
        self.ask_machine(step, at, token, vec![trigger], ReadFrom::Results);
    }

    fn fetch(&mut self, step: &mut Step, at: At, name: Text) {
        let tags = self.fields(at);
        let token = self.token();
        self.exchange(at).stage = Stage::Fetching { token, name: name.clone() };
        self.ask_machine(step, at, token, tags, ReadFrom::Result(name));
    }

    fn ask_machine(
        &mut self,
        step: &mut Step,
        at: At,
        token: crate::model::ReadToken,
        tags: Vec<TagIndex>,
        from: ReadFrom,
    ) {
        let live = self.live_mut();
        let device = live.plant.tag(live.handshake(at).trigger.tag).device;
        let session = live.session(device);
        live.tokens.insert(token, at);
        step.effect(Effect::Read(ReadRequest { token, device, session, tags, from }));
    }

    /// The machine answered what it has, or with one of its results.
    pub(super) fn on_given(&mut self, step: &mut Step, at: At, done: &ReadDone) {
        match self.exchange(at).stage.clone() {
            Stage::Listing { token } if token == done.token => {
                self.exchange(at).stage = Stage::Idle;
                self.on_listed(step, at, done);
            }
            Stage::Fetching { token, name } if token == done.token => {
                self.exchange(at).stage = Stage::Idle;
                self.on_fetched(step, at, name, done);
            }
            Stage::Idle
            | Stage::Waiting(..)
            | Stage::Reading { .. }
            | Stage::Asking { .. }
            | Stage::Replying { .. }
            | Stage::Scanning { .. }
            | Stage::Slots { .. }
            | Stage::Listing { .. }
            | Stage::Fetching { .. } => return,
        }
        self.collect(step, at);
    }

    /// What the machine named is fetched, recorded or not: a name may have been given once more, and only
    /// its words tell.
    fn on_listed(&mut self, step: &mut Step, at: At, done: &ReadDone) {
        let names = done.outcome.as_ref().ok().and_then(|words| words.first());
        let Some(Value::List(names)) = names.and_then(Sample::good) else {
            let about = self.live().about(at);
            step.notice(about, "the machine did not say which results it has; it is asked again");
            self.exchange(at).collect.list = Some(step.at.monotonic.plus(ASK_AGAIN));
            return;
        };
        let full = names.len() >= Results::LISTED_MAX;
        let owed = std::mem::take(&mut self.exchange(at).collect.recorded);
        for sharer in self.sharers(at) {
            self.exchange(sharer).sure = true;
        }
        let (mut all, mut new, mut unusable) = (VecDeque::new(), false, 0u64);
        for name in names {
            let Some(name) = name.as_text().and_then(|name| Text::parse(&name).ok()) else {
                unusable = unusable.saturating_add(1);
                continue;
            };
            let refused = self.exchange(at).collect.refused.contains(&name);
            new |= !refused && !self.is_recorded(at, &name);
            // What is owed was fetched just now.
            if !all.contains(&name) && !owed.contains(&name) {
                all.push_back(name);
            }
        }
        if unusable > 0 {
            self.not_given(step, at, "the machine named results by what is no name", unusable);
        }
        let exchange = self.exchange(at);
        exchange.collect.recorded = owed;
        let told = std::mem::take(&mut exchange.collect.named);
        all.extend(told.into_iter().filter(|name| !all.contains(name)).collect::<Vec<_>>());
        exchange.collect.named = all;
        exchange.collect.again |= full && new;
        if full && !new {
            // Behind these it may have others that it does not come to.
            self.not_given(step, at, "the machine has more results than it can be asked for", 0);
        }
    }

    fn on_fetched(&mut self, step: &mut Step, at: At, name: Text, done: &ReadDone) {
        let (tags, trigger) = (self.fields(at), self.live().handshake(at).trigger.tag);
        match &done.outcome {
            Ok(words) => {
                let fits = words.iter().map(|word| word.tag).eq(tags);
                let mut found = words.iter().filter(|word| word.tag == trigger);
                let found = found.next().and_then(Sample::good).and_then(Value::as_text);
                if fits && found.as_deref() == Some(name.as_str()) {
                    return self.put_by(step, at, words.clone());
                }
                self.not_given(step, at, "the machine gave another result than was asked for", 1);
            }
            Err(ReadFault::Timeout) => {
                self.exchange(at).collect.named.push_back(name);
                self.retry(step, at, "the machine did not give a result in time");
            }
            // It is asked what it has when it is back.
            Err(ReadFault::Disconnected) => {}
            Err(ReadFault::Refused | ReadFault::Withdrawn) => {
                // Whether it was the one that is recorded under its name is not known.
                let new = !self.is_recorded(at, &name);
                self.miss(step, at, &name, new);
                self.exchange(at).collect.refused.insert(name);
            }
        }
    }

    /// A result that was named is not given: the gap is open until all that is named was asked for.
    fn miss(&mut self, step: &mut Step, at: At, name: &Text, new: bool) {
        let about = self.live().about(at);
        step.notice(about, format!("the machine did not give the result {name} that it named"));
        let missing = &mut self.exchange(at).collect.missing;
        *missing = missing.saturating_add(u64::from(new));
        for sharer in self.sharers(at) {
            if self.handshake_memory(sharer).gap.is_none() {
                let interval = Interval { to: None, ..self.not_seen(step, sharer) };
                self.handshake_gap(step, sharer, interval, GapCause::NotGiven, None);
            }
        }
    }

    /// Results are missing, and whose they are nobody knows: each handshake of the object has the gap.
    fn results_gap(
        &mut self,
        step: &mut Step,
        at: At,
        interval: Interval,
        cause: GapCause,
        count: Option<u64>,
    ) {
        for sharer in self.sharers(at) {
            self.handshake_gap(step, sharer, interval, cause, count);
        }
    }

    /// All that was named was asked for: what was not given of it is counted.
    fn end_missing(&mut self, step: &mut Step, at: At) {
        let missing = std::mem::take(&mut self.exchange(at).collect.missing);
        for sharer in self.sharers(at) {
            let open = self.handshake_memory(sharer).gap.map(|gap| gap.interval.from);
            if open.is_some() || missing > 0 {
                let since = self.not_seen(step, sharer);
                let interval = Interval { from: open.unwrap_or(since.from), ..since };
                let count = (missing > 0).then_some(missing);
                self.handshake_gap(step, sharer, interval, GapCause::NotGiven, count);
            }
        }
    }

    /// From the last result that was recorded until now.
    fn not_seen(&self, step: &Step, at: At) -> Interval {
        let from = self.handshake_memory(at).since().unwrap_or(step.at.wall);
        Interval { from: from.min(step.at.wall), to: Some(step.at.wall) }
    }

    /// Results are missing; 0: nobody knows how many.
    fn not_given(&mut self, step: &mut Step, at: At, why: &str, many: u64) {
        let about = self.live().about(at);
        step.notice(about, why.to_owned());
        for sharer in self.sharers(at) {
            let interval = self.not_seen(step, sharer);
            let count = (many > 0).then_some(many);
            self.handshake_gap(step, sharer, interval, GapCause::NotGiven, count);
        }
    }

    fn collected(&self, at: At) -> Option<&Collected> {
        let live = self.live();
        let station = self.memory.station(&live.station(at.station).id)?;
        station.collected.get(&live.handshake(at).id)
    }

    /// Whether a result of this name was recorded in this epoch.
    fn is_recorded(&self, at: At, name: &Text) -> bool {
        self.sharers(at).into_iter().any(|sharer| {
            let epoch = self.handshake_memory(sharer).epoch;
            self.collected(sharer).is_some_and(|collected| collected.names(name, epoch))
        })
    }

    /// Records what is due, in the order in which it was made.
    fn record_given(&mut self, step: &mut Step, at: At) {
        let now = step.at.monotonic;
        let given = std::mem::take(&mut self.exchange(at).collect.given);
        let (due, later): (Vec<_>, Vec<_>) = given.into_iter().partition(|given| given.due <= now);
        self.exchange(at).collect.given = later;
        let mut found: Vec<(Owner, Found)> = due
            .into_iter()
            .filter_map(|given| {
                let owner = self.owner(at, &given.words);
                let wanted = wanted(self.live().handshake(owner.at));
                let of = |tag: &TagIndex| given.words.iter().find(|word| word.tag == *tag).cloned();
                let words = wanted.iter().filter_map(of).collect();
                let found = self.found(owner.at, Snapshot::new(words, &wanted)?)?;
                Some((owner, found))
            })
            .collect();
        found.sort_by_key(|(owner, found)| {
            self.event_time(owner.at, &found.snapshot, &found.trigger).at
        });
        for (owner, found) in found {
            self.record_result(step, at, &owner, found);
        }
    }

    /// Whose a result is: of the handshake that means it, or else of the one that means whatever is left. Where
    /// there is none, or the result does not say it, the one that collects has it set aside.
    fn owner(&self, at: At, words: &[Sample]) -> Owner {
        let live = self.live();
        let sharers = self.sharers(at);
        let only = |at: &At| live.handshake(*at).results.as_ref()?.only.as_ref();
        let Some(asked) = sharers.iter().find_map(only).map(|only| only.word) else {
            return Owner { at, unfit: None };
        };
        let word = words.iter().find(|word| word.tag == asked.tag);
        let said = word.and_then(Sample::good).filter(|said| **said != Value::Empty);
        let means = |at: &&At| only(at).zip(said).is_some_and(|(only, said)| only.holds(said));
        let rest = |at: &&At| said.is_some() && only(at).is_none();
        let owner = sharers.iter().find(means).or_else(|| sharers.iter().find(rest));
        match owner {
            Some(owner) => Owner { at: *owner, unfit: None },
            None => Owner { at, unfit: Some(asked.tag) },
        }
    }

    /// A result and what it is known by: one without a name by its words alone.
    fn found(&self, at: At, snapshot: Snapshot) -> Option<Found> {
        let live = self.live();
        let handshake = live.handshake(at);
        let trigger = snapshot.get(handshake.trigger.tag)?.clone();
        let digest = snapshot.digest(&live.plant, &own_words(handshake));
        let name = self.name_of(at, &snapshot);
        let name = name.or_else(|| Text::parse(&digest.to_string()).ok());
        let key = self.key(at, HandshakeNumber(0));
        Some(Found { snapshot, trigger, key, digest, result: name })
    }

    fn name_of(&self, at: At, snapshot: &Snapshot) -> Option<Text> {
        let live = self.live();
        let name = snapshot.text(&live.plant, live.handshake(at).trigger).ok()?;
        Text::parse(&name).ok()
    }

    /// Records a result, once; one that is recorded is only acknowledged again.
    fn record_result(&mut self, step: &mut Step, at: At, owner: &Owner, mut found: Found) {
        let Some(result) = found.result.clone() else { return };
        let collected = self.collected(owner.at);
        found.key.number = HandshakeNumber(collected.map_or(0, Collected::count).saturating_add(1));
        let named = self.name_of(owner.at, &found.snapshot).is_some();
        let mine = owner.at;
        let position = match self.standing_of(owner.at, &result, &found) {
            Standing::Recorded(position) => {
                let text =
                    format!("result {result} is told once more: it is on record as {position}");
                self.say(step, mine, text);
                position
            }
            Standing::Conflict => {
                self.set_aside(step, mine, &found, "conflict", QuarantineCause::Conflict)
            }
            Standing::Forgotten => {
                self.set_aside(step, mine, &found, "forgotten", QuarantineCause::Forgotten)
            }
            Standing::New => match self.usable(step, owner, named) {
                Ok(()) => self.take_late(step, mine, &found),
                Err(cause) => self.set_aside(step, mine, &found, "quarantined", cause),
            },
        };
        if named {
            self.owe(at, result, position);
        }
    }

    /// What a result is to all that is recorded of its object: a name is of one result, whosever it is.
    fn standing_of(&self, at: At, result: &Text, found: &Found) -> Standing {
        let time = self.event_time(at, &found.snapshot, &found.trigger);
        let words = (found.digest, self.live().plant.hash);
        let standing = |sharer: At| {
            let epoch = self.handshake_memory(sharer).epoch;
            let collected = self.collected(sharer);
            collected.map_or(Standing::New, |of| of.standing(result, epoch, words, time))
        };
        let known = |standing: &Standing| match standing {
            Standing::Recorded(_) | Standing::Conflict => true,
            // What another handshake has forgotten was not this one's.
            Standing::New | Standing::Forgotten => false,
        };
        let mine = standing(at);
        let others = self.sharers(at).into_iter().filter(|sharer| *sharer != at);
        if known(&mine) { mine } else { others.map(standing).find(known).unwrap_or(mine) }
    }

    /// Whether a result can be known again, whose it is, and what it was made with.
    fn usable(
        &mut self,
        step: &mut Step,
        owner: &Owner,
        named: bool,
    ) -> Result<(), QuarantineCause> {
        self.take_all_told(step, owner.at.station);
        let live = self.live();
        let handshake = live.handshake(owner.at);
        let unfit = if named { owner.unfit } else { Some(handshake.trigger.tag) };
        if let Some(tag) = unfit {
            return Err(QuarantineCause::Word(live.plant.tag(tag).name.clone()));
        }
        if handshake.takes_mounts() { self.feeders_told(owner.at.station) } else { Ok(()) }
    }

    fn set_aside(
        &mut self,
        step: &mut Step,
        at: At,
        found: &Found,
        reason: &str,
        cause: QuarantineCause,
    ) -> Position {
        let reason = Text::parse(reason).expect("a good text");
        self.quarantine(step, at, found, &reason, cause)
    }

    fn owe(&mut self, at: At, name: Text, position: Position) {
        if self.live().handshake(at).ack.is_none() {
            return;
        }
        let collect = &mut self.exchange(at).collect;
        collect.last = collect.last.max(position);
        if !collect.recorded.contains(&name) {
            collect.recorded.push(name);
        }
    }

    /// The machine may forget what is durable.
    fn acknowledge(&mut self, step: &mut Step, at: At) {
        let collect = &mut self.exchange(at).collect;
        let many = collect.recorded.len().min(AT_ONCE);
        collect.telling = collect.recorded.drain(..many).collect();
        let names = collect.telling.iter().map(|name| Value::text(name.as_str())).collect();
        let last = collect.last;
        self.write(step, at, last, Vec::new(), Vec::new(), Value::List(names));
    }

    pub(super) fn on_acknowledged(&mut self, step: &mut Step, at: At, fault: Option<&ReadFault>) {
        let telling = std::mem::take(&mut self.exchange(at).collect.telling);
        match fault {
            Some(ReadFault::Timeout) => {
                self.exchange(at).collect.recorded.splice(0..0, telling);
                let until = step.at.monotonic.plus(RETRY);
                self.exchange(at).stage = Stage::Waiting(until, "handshake retry");
            }
            // They are named again at the next connect.
            Some(why @ (ReadFault::Refused | ReadFault::Withdrawn | ReadFault::Disconnected)) => {
                let about = self.live().about(at);
                step.notice(about, format!("results were not acknowledged: {why}"));
            }
            None => {}
        }
        self.collect(step, at);
    }
}
