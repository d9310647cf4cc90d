//! Phases: operations told from machine state alone, with the statistics of their tags.
//!
//! Everything here runs on the source's time: a recording played faster than it was made gives the
//! same phases. The wall clock only ends the waiting for a confirmation that never comes.
use super::Capture;
use super::statistics::Tally;
use crate::model::plant::{
    Carried, CodeFrom, CodeSpec, Condition, Phase, Plant, StationIndex, TagIndex, Test,
};
use crate::model::{
    Interval, Monotonic, PhaseSummary, Sample, Statistics, Step, Text, ToolUse, Utc, Value,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is known of one phase since the last start.
#[derive(Debug, Clone, Default)]
pub(super) struct Follow {
    words: BTreeMap<TagIndex, Known>,
    /// The state was seen before: a begin is a begin.
    seen: bool,
    open: Option<Open>,
    ended: Option<Ended>,
}

/// The last good value of a word.
#[derive(Debug, Clone)]
struct Known {
    value: Option<Value>,
    time: Utc,
    receive: Utc,
    /// What was in force just before `time`.
    before: Option<Value>,
}

/// A phase that goes on.
#[derive(Debug, Clone)]
pub(super) struct Open {
    begin: Utc,
    begin_wall: Utc,
    /// Its begin was seen, and nothing was missed since.
    pub(super) whole: bool,
    /// What `split` and `operation` words say of it.
    pub(super) names: BTreeMap<TagIndex, Option<Value>>,
    tallies: Vec<Tally>,
    tools: Vec<Tool>,
}

#[derive(Debug, Clone)]
struct Tool {
    value: Option<Value>,
    from: Utc,
    to: Option<Utc>,
    tallies: Vec<Tally>,
}

/// A phase that has ended and may still be confirmed.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) open: Open,
    pub(super) end: Utc,
    pub(super) end_wall: Utc,
    /// Until when it waits, by either clock; unconfirmed so much longer by ours, because what was in time
    /// may be told late.
    until: Utc,
    wake: Monotonic,
    patience: Duration,
    /// The words that name its item, as they were at its end: the next may be named before this one is
    /// concluded.
    pub(super) item: BTreeMap<TagIndex, Value>,
    /// The confirming count before the end.
    base: Option<Value>,
    pub(super) confirmed: Option<Confirmed>,
    /// Values were lost while it waited: that nothing confirmed it says nothing.
    pub(super) cut: bool,
}

/// How a phase was confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirmed {
    /// As it should be; the count, where it is one.
    Yes(Option<u64>),
    /// A count that jumped or fell.
    Count(u64),
}

impl Follow {
    pub(super) fn wake(&self) -> Option<(Monotonic, &'static str)> {
        let ended = self.ended.as_ref()?;
        let until = match ended.confirmed {
            Some(_) => ended.wake,
            None => ended.wake.plus(ended.patience),
        };
        Some((until, "phase settle"))
    }

    /// Goes on under the indexes of the next plant: nothing of this phase has changed.
    pub(super) fn carry(&mut self, carried: &Carried) {
        let Self { words, seen: _, open, ended } = self;
        *words = carried.by_tag(std::mem::take(words));
        let ended = ended.as_mut().map(|ended| {
            let Ended {
                open,
                end: _,
                end_wall: _,
                until: _,
                wake: _,
                patience: _,
                item,
                base: _,
                confirmed: _,
                cut: _,
            } = ended;
            *item = carried.by_tag(std::mem::take(item));
            open
        });
        for open in open.iter_mut().chain(ended) {
            let Open { begin: _, begin_wall: _, whole: _, names, tallies: _, tools: _ } = open;
            *names = carried.by_tag(std::mem::take(names));
        }
    }

    pub(super) fn value(&self, tag: TagIndex) -> Option<&Value> {
        self.words.get(&tag)?.value.as_ref()
    }

    fn learn(&mut self, sample: &Sample) {
        let (time, receive, value) = (sample.time(), sample.receive, sample.good().cloned());
        let known = self.words.entry(sample.tag).or_insert(Known {
            value: None,
            time,
            receive,
            before: None,
        });
        if time > known.time {
            known.before = known.value.take();
            (known.time, known.receive) = (time, receive);
        }
        known.value = value;
    }

    /// The value in force at `time` and, if it came exactly then, the one before.
    fn at_begin(&self, tag: TagIndex, time: Utc) -> (Option<&Value>, Option<&Value>) {
        match self.words.get(&tag) {
            Some(known) if known.time == time => (known.before.as_ref(), known.value.as_ref()),
            Some(known) => (known.value.as_ref(), None),
            None => (None, None),
        }
    }

    fn tallies(&self, phase: &Phase, begin: Utc) -> Vec<Tally> {
        let tally = |tag: &TagIndex| {
            let (in_force, at_once) = self.at_begin(*tag, begin);
            let mut tally = Tally::new(begin, in_force.and_then(Value::number));
            if let Some(value) = at_once {
                tally.take(begin, value.number());
            }
            tally
        };
        phase.record.iter().map(tally).collect()
    }

    fn tool(&self, phase: &Phase, from: Utc) -> Option<Tool> {
        let by = phase.by?;
        let tallies = self.tallies(phase, from);
        Some(Tool { value: self.value(by).cloned(), from, to: None, tallies })
    }

    fn begin(&mut self, phase: &Phase, sample: &Sample, whole: bool) {
        let begin = sample.time();
        let names = naming(phase);
        self.open = Some(Open {
            begin,
            begin_wall: sample.receive,
            whole,
            names: names.map(|tag| (tag, self.value(tag).cloned())).collect(),
            tallies: self.tallies(phase, begin),
            tools: self.tool(phase, begin).into_iter().collect(),
        });
    }

    fn end(&mut self, phase: &Phase, sample: &Sample, now: Monotonic, patience: Duration) {
        let Some(open) = self.open.take() else { return };
        let end = sample.time();
        let (base, at_once) = match &phase.confirm {
            Some(confirm) => self.at_begin(confirm.word.tag, end),
            None => (None, None),
        };
        let words = phase.item.iter().flat_map(item_words);
        let item = words.filter_map(|tag| Some((tag, self.value(tag)?.clone()))).collect();
        let mut ended = Ended {
            open,
            end,
            item,
            end_wall: sample.receive,
            until: end.plus(phase.settle),
            wake: now.plus(phase.settle),
            patience,
            base: base.cloned(),
            confirmed: phase.confirm.is_none().then_some(Confirmed::Yes(None)),
            cut: false,
        };
        if let (Some(confirm), Some(value)) = (&phase.confirm, at_once) {
            ended.confirm(confirm, value);
        }
        self.ended = Some(ended);
    }

    /// A recorded tag, in whatever it counts: the open phase, and one that ended at this very moment.
    fn record(&mut self, index: usize, sample: &Sample) {
        let (time, number) = (sample.time(), sample.good().and_then(Value::number));
        let ended = self.ended.as_mut().filter(|e| time <= e.end).map(|e| &mut e.open);
        for open in ended.into_iter().chain(self.open.as_mut()) {
            let last = open.tools.len().saturating_sub(1);
            let tools = open.tools.iter_mut().enumerate();
            let tools = tools.filter(|(i, t)| *i == last || t.to == Some(time)).map(|(_, t)| t);
            let tallies = tools.filter_map(|t| t.tallies.get_mut(index));
            for tally in tallies.chain(open.tallies.get_mut(index)) {
                tally.take(time, number);
            }
        }
    }

    /// What a confirming word did.
    fn confirmation(&self, confirm: &Condition, value: &Value) -> String {
        let Some(ended) = &self.ended else {
            return format!("did not fire because no phase waits for {value} to confirm it");
        };
        let base = ended.base.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
        match ended.confirmed {
            Some(Confirmed::Yes(_)) => format!("is confirmed by {value}"),
            Some(Confirmed::Count(_)) => {
                format!("is set aside because it went from {base} to {value}, wanted one more")
            }
            None => format!(
                "held because {value} does not confirm it: wanted {}",
                wanted(&confirm.test, &base)
            ),
        }
    }

    /// Whether another tool is in use from now on.
    fn change_tool(&mut self, phase: &Phase, sample: &Sample) -> bool {
        let time = sample.time();
        let next = self.tool(phase, time);
        let Some(open) = &mut self.open else { return false };
        match open.tools.last_mut() {
            Some(last) if last.value.as_ref() == sample.good() => return false,
            // Changed at its very begin: the one before was never in force.
            Some(last) if last.from == time => last.value = sample.good().cloned(),
            Some(last) => {
                last.to = Some(time);
                open.tools.extend(next);
            }
            None => open.tools.extend(next),
        }
        true
    }
}

/// What a word says; one that is bad says nothing but that.
fn said(sample: &Sample) -> String {
    let bad = || format!("(a word that is {})", sample.quality);
    sample.good().map_or_else(bad, Value::to_string)
}

/// What a test wants after this value.
fn wanted(test: &Test, before: &str) -> String {
    match test {
        Test::Rises => format!("one more than {before}"),
        Test::Changes => format!("another than {before}"),
        Test::In(values) => values.iter().map(Value::to_string).collect::<Vec<_>>().join(" or "),
    }
}

/// The words that name a phase: its item, its operation, what splits it.
fn naming(phase: &Phase) -> impl Iterator<Item = TagIndex> {
    let item = phase.item.as_ref().and_then(item_word);
    phase.split.iter().copied().chain(phase.operation.map(|w| w.tag)).chain(item)
}

/// The word with the code of an item.
fn item_word(spec: &CodeSpec) -> Option<TagIndex> {
    match spec.from {
        CodeFrom::Word(word) => Some(word.tag),
        CodeFrom::Current | CodeFrom::Carried | CodeFrom::Passage | CodeFrom::Order => None,
    }
}

/// The words that name an item: its code, and where that is unique.
fn item_words(spec: &CodeSpec) -> impl Iterator<Item = TagIndex> {
    item_word(spec).into_iter().chain(spec.scope.word().map(|word| word.tag))
}

impl Ended {
    fn confirm(&mut self, confirm: &Condition, value: &Value) {
        if self.confirmed.is_some() {
            return;
        }
        let base = self.base.as_ref();
        self.confirmed = match confirm.test {
            Test::Rises => match (base.and_then(Value::count), value.count()) {
                (Some(old), Some(new)) if new == old.saturating_add(1) => {
                    Some(Confirmed::Yes(Some(new)))
                }
                (Some(old), Some(new)) if new != old => Some(Confirmed::Count(new)),
                (Some(_) | None, _) => None,
            },
            Test::Changes => (base != Some(value)).then_some(Confirmed::Yes(None)),
            Test::In(_) => confirm.holds(value).then_some(Confirmed::Yes(None)),
        };
    }

    /// When it began, in the source's time.
    pub(super) fn begin(&self) -> Utc {
        self.open.begin
    }

    /// How long it was, in the source's time.
    pub(super) fn length(&self) -> Duration {
        self.end.since(self.open.begin)
    }

    /// From when to when, by our wall clock.
    pub(super) fn stay(&self) -> Interval {
        Interval { from: self.open.begin_wall, to: Some(self.end_wall) }
    }

    pub(super) fn summary(&self, plant: &Plant, phase: &Phase) -> PhaseSummary {
        let close = |tallies: &[Tally], end: Utc| -> Vec<Statistics> {
            let named = phase.record.iter().map(|tag| plant.tag(*tag).name.clone());
            tallies.iter().zip(named).map(|(t, name)| t.close(name, end)).collect()
        };
        let tool = |t: &Tool| {
            let text = t.value.as_ref().and_then(Value::as_text).unwrap_or_default();
            let to = t.to.unwrap_or(self.end);
            ToolUse {
                value: Text::parse(&text)
                    .unwrap_or_else(|_| Text::parse("(none)").expect("a good text")),
                interval: Interval { from: t.from, to: Some(to) },
                statistics: close(&t.tallies, to),
            }
        };
        PhaseSummary {
            phase: phase.id.clone(),
            interval: Interval { from: self.open.begin, to: Some(self.end) },
            statistics: close(&self.open.tallies, self.end),
            tools: self.open.tools.iter().map(tool).collect(),
            count: match self.confirmed {
                Some(Confirmed::Yes(count)) => count,
                Some(Confirmed::Count(count)) => Some(count),
                None => None,
            },
        }
    }
}

impl Capture {
    pub(super) fn on_phase_word(
        &mut self,
        step: &mut Step,
        station: StationIndex,
        phase: usize,
        sample: &Sample,
    ) {
        let late = |e: &Ended| sample.time() > e.until;
        if self.follow(station, phase).ended.as_ref().is_some_and(late) {
            self.finish_phase(step, station, phase);
        }
        let spec = self.phase(station, phase);
        let idle_count = self.count_in_idle(&spec, station, phase, sample);
        let follow = self.follow(station, phase);
        follow.learn(sample);
        for (index, _) in spec.record.iter().enumerate().filter(|(_, t)| **t == sample.tag) {
            follow.record(index, sample);
        }
        let tool = spec.by == Some(sample.tag) && follow.change_tool(&spec, sample);
        let mut told = None;
        if let Some(confirm) = spec.confirm.as_ref().filter(|c| c.word.tag == sample.tag)
            && let Some(value) = sample.good()
        {
            if let Some(ended) = &mut follow.ended {
                ended.confirm(confirm, value);
            }
            told = Some(follow.confirmation(confirm, value));
        }
        if tool {
            let text = format!("goes on with tool {}", said(sample));
            self.say_of(step, station, &spec.id, text);
        }
        if let Some(text) = told.filter(|_| idle_count.is_none()) {
            self.say_of(step, station, &spec.id, text);
        }
        self.name_or_split(step, station, phase, &spec, sample);
        if spec.while_.word.tag == sample.tag {
            self.turn(step, station, phase, &spec, sample);
        }
        if let Some((interval, count)) = idle_count {
            self.unseen_operations(step, station, sample.tag, interval, count);
        }
    }

    /// A word that names the phase came shortly after its begin, or splits it.
    fn name_or_split(
        &mut self,
        step: &mut Step,
        station: StationIndex,
        phase: usize,
        spec: &Phase,
        sample: &Sample,
    ) {
        let follow = self.follow(station, phase);
        let Some(open) = &mut follow.open else {
            if naming(spec).any(|tag| tag == sample.tag) {
                let text = format!("{} names nothing because no phase goes on", said(sample));
                self.say_of(step, station, &spec.id, text);
            }
            return;
        };
        let Some(name) = open.names.get_mut(&sample.tag) else { return };
        if name.as_ref() == sample.good() {
            return;
        }
        let text = if sample.time().since(open.begin) <= spec.settle {
            *name = sample.good().cloned();
            format!("is named {} while it goes on", said(sample))
        } else if spec.split.contains(&sample.tag) {
            self.end_phase(step, station, phase, spec, sample);
            self.follow(station, phase).begin(spec, sample, true);
            format!("ended and began anew, since {} splits it", said(sample))
        } else {
            let settle = spec.settle.as_millis();
            format!("{} did not name it because it came more than {settle} ms late", said(sample))
        };
        self.say_of(step, station, &spec.id, text);
    }

    /// The state of the machine changed.
    fn turn(
        &mut self,
        step: &mut Step,
        station: StationIndex,
        phase: usize,
        spec: &Phase,
        sample: &Sample,
    ) {
        let live = self.live();
        let blind = live.blind(&live.lost, sample, step.at.monotonic);
        let follow = self.follow(station, phase);
        let Some(state) = sample.good() else {
            // Neither on nor off: what goes on is not known to go on.
            if let Some(open) = &mut follow.open {
                open.whole = false;
            }
            let text = format!("did not fire because its state is {}", sample.quality);
            return self.say_of(step, station, &spec.id, text);
        };
        let on = spec.while_.holds(state);
        let seen = std::mem::replace(&mut follow.seen, true);
        let whole = seen && !blind;
        let text = match (on, follow.open.is_some()) {
            (true, false) => {
                if follow.ended.is_some() {
                    self.finish_phase(step, station, phase);
                }
                self.follow(station, phase).begin(spec, sample, whole);
                let unseen = if whole { "" } else { "; since when is not known" };
                format!("begins with state {state}{unseen}: it is recorded when it ends")
            }
            (false, true) => {
                self.end_phase(step, station, phase, spec, sample);
                let waits =
                    if spec.confirm.is_some() { "to be confirmed" } else { "for late words" };
                format!("held because it ended with {state} and waits {waits}")
            }
            (true, true) => {
                format!("did not fire because state {state} goes on with it: another ends it")
            }
            (false, false) => {
                let wanted = wanted(&spec.while_.test, "that");
                format!("did not fire because state {state} does not begin it: wanted {wanted}")
            }
        };
        self.say_of(step, station, &spec.id, text);
    }

    /// Ends the phase that goes on. One that still waits for its confirmation gets none any more.
    fn end_phase(
        &mut self,
        step: &mut Step,
        station: StationIndex,
        phase: usize,
        spec: &Phase,
        sample: &Sample,
    ) {
        self.finish_phase(step, station, phase);
        let patience = self.patience(station);
        self.follow(station, phase).end(spec, sample, step.at.monotonic, patience);
    }

    /// How late a word of a station may be told: as long as its device may be silent.
    fn patience(&self, station: StationIndex) -> Duration {
        let live = self.live();
        let device = live.station(station).device.map(|device| live.device(device));
        device.map_or(Duration::ZERO, |device| device.heartbeat.stale_after)
    }

    pub(super) fn on_phase_wake(&mut self, step: &mut Step, station: StationIndex, phase: usize) {
        self.finish_phase(step, station, phase);
    }

    fn finish_phase(&mut self, step: &mut Step, station: StationIndex, phase: usize) {
        if let Some(ended) = self.follow(station, phase).ended.take() {
            let spec = self.phase(station, phase);
            self.conclude(step, station, &spec, &ended);
        }
    }

    /// What was missed makes every phase that goes on a part of one.
    pub(super) fn break_phases(
        &mut self,
        step: &mut Step,
        device: crate::model::plant::DeviceIndex,
        tag: Option<TagIndex>,
    ) {
        let live = self.live_mut();
        let plant = live.plant.clone();
        let mut over = Vec::new();
        for ((station, phase), follow) in &mut live.follows {
            if plant.station(*station).device != Some(device) {
                continue;
            }
            if let Some(open) = &mut follow.open {
                open.whole = false;
            }
            if let Some(ended) = follow.ended.as_mut().filter(|_| tag.is_none()) {
                ended.cut = true;
                over.push((*station, *phase));
            }
        }
        for (station, phase) in over {
            self.finish_phase(step, station, phase);
        }
    }

    /// A count that rises while no phase goes on or waits: work that was not seen.
    fn count_in_idle(
        &mut self,
        spec: &Phase,
        station: StationIndex,
        phase: usize,
        sample: &Sample,
    ) -> Option<(Interval, u64)> {
        let confirm = spec.confirm.as_ref().filter(|c| c.test == Test::Rises)?;
        let follow = self.follow(station, phase);
        if confirm.word.tag != sample.tag || follow.open.is_some() || follow.ended.is_some() {
            return None;
        }
        let new = sample.good()?.count()?;
        let known = follow.words.get(&sample.tag)?;
        let old = known.value.as_ref()?.count()?;
        let interval =
            Interval { from: super::happened(known.time, known.receive), to: Some(sample.receive) };
        (new > old).then(|| (interval, new.saturating_sub(old)))
    }

    pub(super) fn follow(&mut self, station: StationIndex, phase: usize) -> &mut Follow {
        self.live_mut().follows.entry((station, phase)).or_default()
    }

    #[expect(clippy::indexing_slicing, reason = "indexes are made with the plant")]
    fn phase(&self, station: StationIndex, phase: usize) -> Phase {
        self.live().station(station).phases[phase].clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plant::{ScopeFrom, Word};
    use crate::model::{ItemClass, PhaseId, Quality};

    const STATE: TagIndex = TagIndex(0);
    const BATCH: TagIndex = TagIndex(1);

    fn cook() -> Phase {
        let word = |tag| Word { tag, bit: None };
        let from = CodeFrom::Word(word(BATCH));
        let item = CodeSpec {
            class: ItemClass::Unit,
            from,
            scope: ScopeFrom::Site,
            no_read: Vec::new(),
            form: crate::model::label::CodeForm::Plain,
        };
        Phase {
            id: PhaseId::parse("cook").unwrap(),
            while_: Condition { word: word(STATE), test: Test::In(vec![Value::Int(1)]) },
            split: Vec::new(),
            ignore: Duration::ZERO,
            settle: Duration::from_secs(2),
            confirm: None,
            event: None,
            item: Some(item),
            operation: None,
            record: Vec::new(),
            by: None,
        }
    }

    #[test]
    fn a_phase_keeps_its_item_while_the_next_is_named() {
        let at = |time, tag, value| Sample {
            tag,
            value,
            quality: Quality::GOOD,
            source: Some(Utc(time)),
            server: None,
            receive: Utc(time),
        };
        let (phase, mut follow) = (cook(), Follow::default());
        follow.learn(&at(1, BATCH, Value::text("A")));
        follow.begin(&phase, &at(2, STATE, Value::Int(1)), true);
        follow.end(&phase, &at(3, STATE, Value::Int(0)), Monotonic(3), Duration::ZERO);
        follow.learn(&at(4, BATCH, Value::text("B")));
        let ended = follow.ended.unwrap();
        assert_eq!(ended.item.get(&BATCH), Some(&Value::text("A")));
        assert_eq!(ended.open.names.get(&BATCH), Some(&Some(Value::text("A"))));
    }
}
