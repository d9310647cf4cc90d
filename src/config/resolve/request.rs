//! Requests: trigger, number, echo and the time to answer.
use super::device::Kind;
use super::word::Use;
use super::{Resolver, Table, span};
use crate::config::raw::{self, PatternWord};
use crate::config::spot::Spot;
use crate::model::plant::{Counter, Pattern, RegisterType, States, TagSource, Word};
use std::ops::Range;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(1);

/// Request, number and echo.
pub(super) struct Request {
    /// `None` where it was refused: then nothing is said of what depends on it.
    pub(super) pattern: Option<Pattern>,
    pub(super) trigger: Option<Word>,
    pub(super) number: Option<Counter>,
    pub(super) ack: Option<Word>,
}

impl Resolver<'_> {
    /// Reads trigger, number and ack; head and tail of a ring are both.
    pub(super) fn request(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Request {
        let pattern = self.pattern(t, raw);
        self.foreign_to_pattern(t, raw, pattern);
        if pattern == Some(Pattern::Results) {
            let trigger = self.result_name(t, raw);
            let ack = trigger.filter(|_| raw.ack.is_some());
            return Request { pattern, trigger, number: None, ack };
        }
        let ring = raw.ring.as_ref().filter(|_| pattern == Some(Pattern::Ring));
        let (asks, answers) = match ring {
            Some(ring) => (ring.head.as_ref(), ring.tail.as_ref()),
            None => (raw.trigger.as_ref(), raw.ack.as_ref()),
        };
        if pattern.is_some_and(|p| p != Pattern::Ring) {
            self.wants(t, "trigger", raw.trigger.as_ref());
        }
        let trigger = asks.and_then(|name| {
            let word = self.word(t, name, Use::Trigger)?;
            pattern.is_none_or(|p| self.check_trigger(t, name, word, p)).then_some(word)
        });
        let ack = answers.filter(|_| pattern != Some(Pattern::Edge)).and_then(|name| {
            let ack = self.word(t, name, Use::Ack)?;
            if trigger.is_some_and(|trigger| trigger.tag == ack.tag) {
                self.error(t, name.span(), format!("`{}` is trigger and ack at once", **name))
                    .label("the same word")
                    .help("PLC and host would write over each other: give each its own word");
            }
            Some(ack)
        });
        let ack = match pattern {
            Some(Pattern::State(_)) if self.lacks(t, "ack", raw.ack.as_ref()) => {
                asks.and_then(|name| self.one_word(t, name))
            }
            Some(Pattern::Counter | Pattern::ReqAck | Pattern::Toggle) => {
                self.wants(t, "ack", raw.ack.as_ref());
                ack
            }
            Some(Pattern::State(_) | Pattern::Edge | Pattern::Ring | Pattern::Results) | None => {
                ack
            }
        };
        let number = match pattern {
            None | Some(Pattern::Results) => None,
            Some(Pattern::Counter | Pattern::Ring) => {
                trigger.zip(asks).and_then(|(word, name)| self.counter(t, name, word))
            }
            Some(Pattern::ReqAck | Pattern::Toggle | Pattern::State(_) | Pattern::Edge) => {
                self.number(t, raw, pattern)
            }
        };
        Request { pattern, trigger, number, ack }
    }

    fn pattern(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Option<Pattern> {
        let pattern = match raw.pattern.as_ref().map(|pattern| **pattern) {
            Some(PatternWord::ReqAck) => Some(Pattern::ReqAck),
            Some(PatternWord::Counter) => Some(Pattern::Counter),
            Some(PatternWord::Toggle) => Some(Pattern::Toggle),
            Some(PatternWord::StateWord) => Some(Pattern::State(self.states(t, raw))),
            Some(PatternWord::Edge) => Some(Pattern::Edge),
            Some(PatternWord::Ring) => Some(Pattern::Ring),
            Some(PatternWord::UaResult) => Some(Pattern::Results),
            None if raw.ring.is_some() => Some(Pattern::Ring),
            None if methods(raw).is_some() => Some(Pattern::Results),
            None => self.lacks(t, "pattern", None::<&()>).then_some(Pattern::Counter),
        };
        if pattern == Some(Pattern::Ring) {
            self.wants(t, "ring", raw.ring.as_ref());
        }
        pattern
    }

    /// Reports a key that this pattern cannot do without.
    fn wants<T>(&mut self, t: &Table<'_>, key: &str, given: Option<&T>) {
        if self.lacks(t, key, given) {
            self.sink
                .error(&t.here(), format!("`{}` has no `{key}`", t.path))
                .label(format!("`{key}` is required"));
        }
    }

    fn states(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> States {
        let of = |code: fn(&raw::States) -> &Option<Spot<i64>>| {
            raw.states.as_ref().and_then(|states| code(states).as_ref())
        };
        let written = [
            of(|s| &s.idle),
            of(|s| &s.request),
            of(|s| &s.busy),
            of(|s| &s.done),
            of(|s| &s.error),
        ];
        let value = |code: Option<&Spot<i64>>, default| code.map_or(default, |code| **code);
        let [idle, request, busy, done, error] = written;
        let states = States {
            idle: value(idle, 0),
            request: value(request, 1),
            busy: busy.map(|code| **code),
            done: value(done, 4),
            error: value(error, 8),
        };
        let mut seen = Vec::new();
        let all = [Some(states.idle), Some(states.request), states.busy];
        let all = all.into_iter().chain([Some(states.done), Some(states.error)]);
        for (value, written) in all.zip(written) {
            let Some(value) = value else { continue };
            if seen.contains(&value) {
                let at = written.map(Spot::span).or(raw.states.as_ref().map(Spot::span));
                self.error(t, at.unwrap_or(t.key.clone()), format!("two states are {value}"))
                    .label("PLC and host could not tell them apart")
                    .help("idle is 0, request 1, done 4 and error 8 unless said");
            }
            seen.push(value);
        }
        states
    }

    /// A state word without an ack of its own: PLC and host take turns in it.
    fn one_word(&mut self, t: &Table<'_>, name: &Spot<String>) -> Option<Word> {
        let word = self.word(t, name, Use::Ack)?;
        self.warning(t, name.span(), format!("`{}` is written by the PLC and by us", **name))
            .label("no `ack`")
            .help("a PLC that takes its request back while it is answered meets the answer: better give \
                   each its own word");
        Some(word)
    }

    fn number(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Handshake,
        pattern: Option<Pattern>,
    ) -> Option<Counter> {
        if let Some(name) = &raw.number {
            let word = self.word(t, name, Use::Snapshot)?;
            return self.counter(t, name, word);
        }
        if self.lacks(t, "number", raw.number.as_ref()) {
            let help = match pattern {
                Some(Pattern::Toggle) => {
                    "turned over and back unseen, it looks as if nothing was: each loss of the \
                     connection is a gap; let the PLC count and name the word"
                }
                Some(Pattern::Edge) => {
                    "what was missed cannot be counted, and two pulses with the same words are one: \
                     let the PLC count and name the word"
                }
                Some(
                    Pattern::Counter
                    | Pattern::ReqAck
                    | Pattern::State(_)
                    | Pattern::Ring
                    | Pattern::Results,
                )
                | None => "a repeat looks like a new request: let the PLC count and name the word",
            };
            self.sink
                .warning(&t.here(), format!("`{}` has no number of its requests", t.path))
                .label("no `number`")
                .help(help);
        }
        None
    }

    fn check_trigger(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        word: Word,
        pattern: Pattern,
    ) -> bool {
        let kind = match &self.tags.get(word.tag).source {
            TagSource::Register(register) => Some(register.kind),
            TagSource::Node(_) | TagSource::Field(_) => None,
        };
        let single = word.bit.is_some() || kind == Some(RegisterType::Bool);
        let message = match pattern {
            Pattern::Counter if single => "is a bit; a counter is a whole word",
            Pattern::Ring if single => "is a bit; the head of a ring counts",
            Pattern::State(_) if single => "is a bit; a state is a whole word",
            Pattern::ReqAck if !single && kind.is_some() => "is not a bit; `req-ack` wants one",
            Pattern::Toggle if !single && kind.is_some() => "is not a bit; `toggle` wants one",
            Pattern::Edge if !single && kind.is_some() => "is not a bit; `edge` wants one",
            Pattern::Counter
            | Pattern::ReqAck
            | Pattern::Toggle
            | Pattern::State(_)
            | Pattern::Edge
            | Pattern::Ring
            | Pattern::Results => return true,
        };
        self.error(t, name.span(), format!("`{}` {message}", **name))
            .label("wrong for this pattern")
            .help("`counter`: the PLC counts up a word; `req-ack`: it sets a bit");
        false
    }

    /// Keys that mean nothing in a pattern.
    fn foreign_to_pattern(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Handshake,
        pattern: Option<Pattern>,
    ) {
        let trigger = raw.trigger.as_ref().map(Spot::span);
        let ack = raw.ack.as_ref().map(Spot::span);
        let number = raw.number.as_ref().map(Spot::span);
        let release = raw.release.as_ref().map(Spot::span);
        let states = raw.states.as_ref().map(Spot::span);
        let ring = raw.ring.as_ref().map(Spot::span);
        let stateless = (states, "only `pattern = \"state-word\"` has states");
        let ringless = (ring, "only `pattern = \"ring\"` has slots");
        let silent = (methods(raw), "only `pattern = \"ua-result\"` has a notifier");
        let wrong = match pattern {
            None => return,
            Some(Pattern::Counter) => vec![
                (number, "a counter is its own number"),
                (release, "a counter does not fall"),
                stateless,
                ringless,
                silent,
            ],
            Some(Pattern::ReqAck) => vec![stateless, ringless, silent],
            Some(Pattern::State(_)) => vec![ringless, silent],
            Some(Pattern::Toggle) => {
                let turned = (release, "a bit that is turned over does not fall");
                vec![turned, stateless, ringless, silent]
            }
            Some(Pattern::Edge) => vec![
                (ack, "nobody waits for the answer to a pulse"),
                (release, "a pulse is not answered"),
                stateless,
                ringless,
                silent,
            ],
            Some(Pattern::Ring) => vec![
                (trigger, "the request of a ring is `ring.head`"),
                (ack, "the answer to a ring is `ring.tail`"),
                (number, "the entries of a ring are counted by `ring.head`"),
                (release, "the head of a ring does not fall"),
                stateless,
                silent,
            ],
            Some(Pattern::Results) => foreign_to_results(raw),
        };
        let only = raw.only.as_ref().filter(|_| pattern != Some(Pattern::Results));
        let chooses =
            (only.map(Spot::span), "only `pattern = \"ua-result\"` chooses among results");
        for (key, message) in wrong.into_iter().chain([chooses]) {
            if let Some(key) = key {
                self.error(t, key, message).label("not for this pattern");
            }
        }
    }

    /// How wide a count is.
    pub(super) fn counter(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        word: Word,
    ) -> Option<Counter> {
        let bits = match &self.tags.get(word.tag).source {
            _ if word.bit.is_some() => None,
            TagSource::Node(_) => Some(32),
            TagSource::Field(_) => None,
            TagSource::Register(register) => match register.kind {
                RegisterType::U16 => Some(16),
                RegisterType::U32 => Some(32),
                RegisterType::Bool
                | RegisterType::Bits
                | RegisterType::I16
                | RegisterType::I32
                | RegisterType::U64
                | RegisterType::I64
                | RegisterType::F32
                | RegisterType::F64
                | RegisterType::Bcd16
                | RegisterType::Bcd32
                | RegisterType::Text(_)
                | RegisterType::S7Text(_)
                | RegisterType::Epoch
                | RegisterType::EpochMs
                | RegisterType::Dtl => None,
            },
        };
        if bits.is_none() {
            self.error(t, name.span(), format!("`{}` cannot be a count", **name))
                .label("wanted `u16` or `u32`");
        }
        bits.map(|bits| Counter { tag: word.tag, bits })
    }

    /// Deadline and settling time; the device is looked at accordingly.
    pub(super) fn deadline(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> (Duration, Duration) {
        let deadline = self.period(t, raw.deadline.as_ref(), DEADLINE);
        let settle = self.duration(t, raw.settle.as_ref(), Duration::ZERO);
        let fastest = t.device.and_then(|device| {
            self.hurry(device, deadline);
            self.draft(device)?.kind.map(Kind::fastest)
        });
        let at = raw.deadline.as_ref().map_or(t.key.clone(), Spot::span);
        if let Some(fastest) = fastest.filter(|fastest| deadline <= *fastest) {
            let (deadline, fastest) = (span::shown(deadline), span::shown(fastest));
            self.error(t, at, format!("a deadline of {deadline} cannot be kept"))
                .label("too short")
                .help(format!(
                    "the words are looked at every {fastest} at best, then comes the disk"
                ));
        } else if let Some(raw) =
            raw.settle.as_ref().filter(|_| settle >= deadline && t.notifier.is_none())
        {
            let deadline = span::shown(deadline);
            self.error(t, raw.span(), "`settle` leaves no time to answer")
                .label(format!("the deadline is {deadline}"));
        }
        (deadline, settle)
    }
}

/// Where a key stands that only results have.
fn methods(raw: &raw::Handshake) -> Option<Range<usize>> {
    [&raw.notifier, &raw.event_type, &raw.recover, &raw.fetch]
        .into_iter()
        .flatten()
        .next()
        .map(Spot::span)
}

/// Keys that mean nothing beside results.
fn foreign_to_results(raw: &raw::Handshake) -> Vec<(Option<Range<usize>>, &'static str)> {
    vec![
        (raw.number.as_ref().map(Spot::span), "results are known by their names"),
        (raw.release.as_ref().map(Spot::span), "a result is not taken back"),
        (raw.node.as_ref().map(Spot::span), "the words of a result are its fields"),
        (raw.stable.as_ref().map(Spot::span), "a result does not change"),
        (raw.guard.as_ref().map(Spot::span), "a result comes whole"),
        (raw.first.as_ref().map(Spot::span), "what the machine still has is recorded"),
        (raw.states.as_ref().map(Spot::span), "only `pattern = \"state-word\"` has states"),
        (raw.ring.as_ref().map(Spot::span), "only `pattern = \"ring\"` has slots"),
    ]
}
