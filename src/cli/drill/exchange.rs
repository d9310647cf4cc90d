//! One request and its answer, step by step, as the PLC's program would do it.
use super::super::exit::{Exit, Failure};
use super::watch::{Told, Watch, since};
use crate::demo::{Controller, Unfit};
use crate::model::plant::{
    Counter, Handshake, Pattern, Plant, Ring, States, Station, TagIndex, Word,
};
use crate::model::{Monotonic, Value};
use crate::telemetry::Now;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long after its deadline an answer is still waited for, to tell late from never.
const GRACE: Duration = Duration::from_secs(5);

/// Words that were set at one moment.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct Step {
    /// Since the data was set, in milliseconds.
    at_ms: f64,
    /// `plc`, or `host` for what we were answered.
    by: &'static str,
    /// Names and values.
    words: Vec<(String, String)>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// Recorded, and the PLC may go on.
    Accepted,
    /// The PLC was told not to go on.
    Refused,
    /// Recorded as what cannot be believed.
    SetAside,
    /// The deadline had passed.
    Late,
    /// Nothing was answered.
    Unanswered,
}

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct Exchange {
    /// `OP10.admit`.
    handshake: String,
    /// The PLC's count of it, if it has one.
    number: Option<u64>,
    steps: Vec<Step>,
    /// From the request to the ack.
    answered_ms: Option<f64>,
    deadline_ms: f64,
    outcome: Outcome,
    /// What the daemon recorded, in a sentence.
    recorded: Option<String>,
    /// Why something did not fire.
    notices: Vec<String>,
}

impl Exchange {
    pub(super) fn exit(&self) -> Exit {
        match self.outcome {
            Outcome::Accepted => Exit::Ok,
            Outcome::Refused | Outcome::SetAside | Outcome::Late => Exit::Negative,
            Outcome::Unanswered => Exit::Unreachable,
        }
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number.map(|n| format!(" {n}")).unwrap_or_default();
        writeln!(f, "{}{number}", self.handshake)?;
        for Step { at_ms, by, words } in &self.steps {
            let arrow = if *by == "host" { "←" } else { "→" };
            let words: Vec<_> = words.iter().map(|(n, v)| format!("{n} = {v}")).collect();
            writeln!(f, "  {at_ms:>8.1} ms {arrow} {}", words.join(", "))?;
        }
        for notice in &self.notices {
            writeln!(f, "  – {notice}")?;
        }
        if let Some(recorded) = &self.recorded {
            writeln!(f, "  recorded: {recorded}")?;
        }
        let (mark, word) = match self.outcome {
            Outcome::Accepted => ("✓", "accepted"),
            Outcome::Refused => ("×", "refused"),
            Outcome::SetAside => ("×", "set aside"),
            Outcome::Late => ("×", "late"),
            Outcome::Unanswered => ("×", "not answered"),
        };
        match self.answered_ms {
            Some(ms) => write!(f, "  {mark} {word}, {ms:.1} ms of {:.0} ms", self.deadline_ms),
            None => write!(f, "  {mark} {word}, the deadline was {:.0} ms", self.deadline_ms),
        }
    }
}

/// The PLC's program.
pub(super) struct Player<'a> {
    plant: &'a Arc<Plant>,
    controller: Controller,
    watch: Watch,
    now: Now,
    /// The counts as they stand.
    counts: BTreeMap<TagIndex, u64>,
}

/// The steps of a request while it is made.
struct Made {
    began: Monotonic,
    steps: Vec<Step>,
}

impl<'a> Player<'a> {
    pub(super) fn new(
        plant: &'a Arc<Plant>,
        controller: Controller,
        watch: Watch,
        now: Now,
    ) -> Self {
        Self { plant, controller, watch, now, counts: BTreeMap::new() }
    }

    /// Makes one request and waits for its answer.
    pub(super) async fn play(
        &mut self,
        station: &Station,
        h: &Handshake,
        data: BTreeMap<Word, Value>,
    ) -> Result<Exchange, Failure> {
        self.watch.forget();
        let mut made = Made { began: self.at(), steps: Vec::new() };
        let number = h.number.map(|counter| (counter.tag, self.next(counter)));
        let slot = h.ring.as_ref().zip(number).map(|(ring, (_, n))| slot(ring, n));
        let moved = |word: Word| match &slot {
            Some(slot) => Word { tag: slot.get(&word.tag).copied().unwrap_or(word.tag), ..word },
            None => word,
        };
        self.put(&mut made, data.into_iter().map(|(word, v)| (moved(word), v)).collect())?;
        let asked = self.at();
        let answered = match h.pattern {
            Pattern::Counter => self.counter(&mut made, h, number).await?,
            Pattern::ReqAck => self.req_ack(&mut made, h, number).await?,
            Pattern::Toggle => self.toggle(&mut made, h, number).await?,
            Pattern::State(states) => self.state_word(&mut made, h, number, states).await?,
            // Refused before anything is played.
            Pattern::Results => None,
            Pattern::Edge => self.pulse(&mut made, h, number).await?,
            Pattern::Ring => {
                let seq = h.ring.as_ref().and_then(Ring::seq);
                let seq = seq.map(|tag| moved(Word { tag, bit: None })).zip(number);
                let seq = seq.map(|(word, (_, n))| (word, Value::UInt(n)));
                self.put(&mut made, seq.into_iter().collect())?;
                self.counter(&mut made, h, number).await?
            }
        };
        let told = self.watch.told(station.id.as_str(), h.id.as_str(), h.event.as_str(), &self.now);
        let answered = answered.map(|at| since(at, asked));
        let outcome = outcome(h, answered, &told);
        let say = |event: &serde_json::Value| {
            let of = |key: &str| event.get(key).and_then(serde_json::Value::as_str).unwrap_or("");
            format!("{}  {}", of("kind"), of("text"))
        };
        Ok(Exchange {
            handshake: format!("{}.{}", station.id, h.id),
            number: number.map(|(_, n)| n),
            steps: made.steps,
            answered_ms: answered.map(millis),
            deadline_ms: millis(h.deadline),
            outcome,
            recorded: told.event.as_ref().map(say),
            notices: told.notices,
        })
    }

    /// The count goes up; it is waited for until it is echoed.
    async fn counter(
        &mut self,
        made: &mut Made,
        h: &Handshake,
        number: Option<(TagIndex, u64)>,
    ) -> Result<Option<Monotonic>, Failure> {
        let count = number.map_or(0, |(_, count)| count);
        self.put(made, vec![(h.trigger, Value::UInt(count))])?;
        let Some(ack) = h.ack else { return Ok(None) };
        let echoed = |value: &Value| value.count() == Some(count);
        Ok(self.answer(made, h, ack, echoed, h.deadline).await)
    }

    /// The count first, where there is one.
    fn count(&self, made: &mut Made, number: Option<(TagIndex, u64)>) -> Result<(), Failure> {
        let number = number.map(|(tag, n)| (Word { tag, bit: None }, Value::UInt(n)));
        self.put(made, number.into_iter().collect())
    }

    /// The bit is turned over; the ack follows.
    async fn toggle(
        &mut self,
        made: &mut Made,
        h: &Handshake,
        number: Option<(TagIndex, u64)>,
    ) -> Result<Option<Monotonic>, Failure> {
        self.count(made, number)?;
        let side = i64::from(self.controller.value(h.trigger).integer() != Some(1));
        self.put(made, vec![(h.trigger, Value::Bool(side == 1))])?;
        let Some(ack) = h.ack else { return Ok(None) };
        let follows = |value: &Value| value.integer() == Some(side);
        Ok(self.answer(made, h, ack, follows, h.deadline).await)
    }

    /// Request, done or error, idle, idle.
    async fn state_word(
        &mut self,
        made: &mut Made,
        h: &Handshake,
        number: Option<(TagIndex, u64)>,
        states: States,
    ) -> Result<Option<Monotonic>, Failure> {
        self.count(made, number)?;
        self.put(made, vec![(h.trigger, Value::Int(states.request))])?;
        let Some(ack) = h.ack else { return Ok(None) };
        let is = |state: i64| move |value: &Value| value.integer() == Some(state);
        let over = |value: &Value| is(states.done)(value) || is(states.error)(value);
        let answered = self.answer(made, h, ack, over, h.deadline).await;
        self.put(made, vec![(h.trigger, Value::Int(states.idle))])?;
        if answered.is_some() && ack != h.trigger {
            self.wait(ack, is(states.idle), h.release).await;
            self.note(made, "host", vec![(ack, self.controller.value(ack))]);
        }
        Ok(answered)
    }

    /// The bit rises for as long as an answer may take; nobody is waited for.
    async fn pulse(
        &mut self,
        made: &mut Made,
        h: &Handshake,
        number: Option<(TagIndex, u64)>,
    ) -> Result<Option<Monotonic>, Failure> {
        self.count(made, number)?;
        self.put(made, vec![(h.trigger, Value::Bool(true))])?;
        tokio::time::sleep(h.deadline).await;
        self.put(made, vec![(h.trigger, Value::Bool(false))])?;
        Ok(None)
    }

    /// The bit rises, the ack rises, the bit falls, the ack falls.
    async fn req_ack(
        &mut self,
        made: &mut Made,
        h: &Handshake,
        number: Option<(TagIndex, u64)>,
    ) -> Result<Option<Monotonic>, Failure> {
        self.count(made, number)?;
        self.put(made, vec![(h.trigger, Value::Bool(true))])?;
        let Some(ack) = h.ack else { return Ok(None) };
        let risen = |value: &Value| value.integer() == Some(1);
        let answered = self.answer(made, h, ack, risen, h.deadline).await;
        self.put(made, vec![(h.trigger, Value::Bool(false))])?;
        if answered.is_some() {
            let fallen = |value: &Value| value.integer() == Some(0);
            self.wait(ack, fallen, h.release).await;
            self.note(made, "host", vec![(ack, self.controller.value(ack))]);
        }
        Ok(answered)
    }

    /// Waits for the ack, and notes what was answered with it.
    async fn answer(
        &self,
        made: &mut Made,
        h: &Handshake,
        ack: Word,
        is_it: impl Fn(&Value) -> bool,
        within: Duration,
    ) -> Option<Monotonic> {
        let at = self.wait(ack, is_it, within).await?;
        let words = h.replies.iter().map(|reply| reply.word).chain([ack]);
        let words = words.map(|word| (word, self.controller.value(word))).collect();
        self.note(made, "host", words);
        Some(at)
    }

    /// Waits until a word of the host's is as wanted; `None` if that does not come.
    async fn wait(
        &self,
        word: Word,
        is_it: impl Fn(&Value) -> bool,
        within: Duration,
    ) -> Option<Monotonic> {
        let mut written = self.controller.written();
        let until = async {
            loop {
                written.borrow_and_update();
                if is_it(&self.controller.value(word)) {
                    return Some(self.at());
                }
                written.changed().await.ok()?;
            }
        };
        timeout(within.saturating_add(GRACE), until).await.ok().flatten()
    }

    fn put(&self, made: &mut Made, words: Vec<(Word, Value)>) -> Result<(), Failure> {
        if words.is_empty() {
            return Ok(());
        }
        self.controller
            .put(&words)
            .map_err(|why: Unfit| Failure::new(Exit::Configuration, why.to_string()))?;
        self.note(made, "plc", words);
        Ok(())
    }

    fn note(&self, made: &mut Made, by: &'static str, words: Vec<(Word, Value)>) {
        let name = |word: Word| {
            let name = &self.plant.tag(word.tag).name;
            word.bit.map_or_else(|| name.to_string(), |bit| format!("{name}.{bit}"))
        };
        let said = words.into_iter().map(|(word, value)| (name(word), value.to_string()));
        let at_ms = millis(since(self.at(), made.began));
        made.steps.push(Step { at_ms, by, words: said.collect() });
    }

    /// The next count; it goes round where the word does, and 0 is what a PLC begins with.
    fn next(&mut self, counter: Counter) -> u64 {
        let count = self.counts.entry(counter.tag).or_default();
        let wrap = 1_u64.checked_shl(counter.bits.into()).unwrap_or(0);
        *count = count.wrapping_add(1).checked_rem(wrap).unwrap_or_default();
        *count
    }

    fn at(&self) -> Monotonic {
        (self.now)().monotonic
    }
}

/// Where the words of the first slot stand in the one that this entry goes into.
fn slot(ring: &Ring, number: u64) -> BTreeMap<TagIndex, TagIndex> {
    let place = usize::try_from(number).unwrap_or(0) % ring.slots.len().max(1);
    let words = |slot: usize| ring.slots.get(slot).into_iter().flatten().copied();
    words(0).zip(words(place)).collect()
}

fn outcome(h: &Handshake, answered: Option<Duration>, told: &Told) -> Outcome {
    let of =
        |at: &str| told.event.as_ref().and_then(|e| e.pointer(at)?.as_str().map(str::to_owned));
    let refused = of("/permit/permit").is_some_and(|permit| permit != "ok");
    match answered {
        None if h.ack.is_some() || told.event.is_none() => Outcome::Unanswered,
        _ if of("/kind").as_deref() == Some("quarantine") => Outcome::SetAside,
        Some(after) if after > h.deadline => Outcome::Late,
        _ if refused => Outcome::Refused,
        _ => Outcome::Accepted,
    }
}

fn millis(of: Duration) -> f64 {
    of.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(at_ms: f64, by: &'static str, words: &[(&str, &str)]) -> Step {
        let own = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
        Step { at_ms, by, words: words.iter().map(own).collect() }
    }

    #[test]
    fn a_request_is_told_step_by_step() {
        let exchange = Exchange {
            handshake: "OP10.admit".to_owned(),
            number: Some(7),
            steps: vec![
                step(0.0, "plc", &[("In.Type", "A"), ("In.Serial", "SN-1")]),
                step(0.1, "plc", &[("In.ReqId", "7")]),
                step(31.24, "host", &[("In.Permit", "2"), ("In.Reason", "1"), ("In.AckId", "7")]),
            ],
            answered_ms: Some(31.14),
            deadline_ms: 300.0,
            outcome: Outcome::Refused,
            recorded: Some("arrive  nok: nobody has seen it before".to_owned()),
            notices: vec!["it waits for what the past says".to_owned()],
        };
        assert_eq!(exchange.exit(), Exit::Negative);
        insta::assert_snapshot!(exchange);
        let silent = Exchange {
            steps: Vec::new(),
            answered_ms: None,
            outcome: Outcome::Unanswered,
            recorded: None,
            notices: Vec::new(),
            ..exchange
        };
        assert_eq!(silent.exit(), Exit::Unreachable);
        insta::assert_snapshot!(silent);
    }
}
