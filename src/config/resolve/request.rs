//! Requests: trigger, number, echo and the time to answer.
use super::device::Kind;
use super::word::Use;
use super::{Resolver, Table, span};
use crate::config::raw::{self, PatternWord};
use crate::config::spot::Spot;
use crate::model::plant::{Counter, Pattern, RegisterType, TagSource, Word};
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
    /// Reads trigger, number and ack.
    pub(super) fn request(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Request {
        let pattern = match raw.pattern.as_ref().map(|pattern| **pattern) {
            Some(PatternWord::ReqAck) => Some(Pattern::ReqAck),
            Some(PatternWord::Counter) => Some(Pattern::Counter),
            None => self.lacks(t, "pattern", None::<&()>).then_some(Pattern::Counter),
        };
        let trigger = raw.trigger.as_ref().and_then(|name| {
            let word = self.word(t, name, Use::Trigger)?;
            pattern.is_none_or(|p| self.check_trigger(t, name, word, p)).then_some(word)
        });
        let ack = raw.ack.as_ref().and_then(|name| {
            let ack = self.word(t, name, Use::Ack)?;
            if trigger.is_some_and(|trigger| trigger.tag == ack.tag) {
                self.error(t, name.span(), format!("`{}` is trigger and ack at once", **name))
                    .label("the same word")
                    .help("PLC and host would write over each other: give each its own word");
            }
            Some(ack)
        });
        let number = match (pattern, &raw.number) {
            (None, _) => None,
            (Some(Pattern::Counter), Some(number)) => {
                self.error(t, number.span(), "a counter is its own number")
                    .label("only for `pattern = \"req-ack\"`");
                None
            }
            (Some(Pattern::Counter), None) => {
                let name = raw.trigger.as_ref();
                trigger.zip(name).and_then(|(word, name)| self.counter(t, name, word))
            }
            (Some(Pattern::ReqAck), Some(name)) => {
                let word = self.word(t, name, Use::Snapshot);
                word.and_then(|word| self.counter(t, name, word))
            }
            (Some(Pattern::ReqAck), None) if !self.lacks(t, "number", raw.number.as_ref()) => None,
            (Some(Pattern::ReqAck), None) => {
                self.sink
                    .warning(&t.here(), format!("`{}` has no number of its requests", t.path))
                    .label("no `number`")
                    .help("a repeat looks like a new request: let the PLC count and name the word");
                None
            }
        };
        Request { pattern, trigger, number, ack }
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
            TagSource::Node(_) => None,
        };
        let single = word.bit.is_some() || kind == Some(RegisterType::Bool);
        let message = match pattern {
            Pattern::Counter if single => "is a bit; a counter is a whole word",
            Pattern::ReqAck if !single && kind.is_some() => "is not a bit; `req-ack` wants one",
            Pattern::Counter | Pattern::ReqAck => return true,
        };
        self.error(t, name.span(), format!("`{}` {message}", **name))
            .label("wrong for this pattern")
            .help("`counter`: the PLC counts up a word; `req-ack`: it sets a bit");
        false
    }

    /// How wide a count is.
    fn counter(&mut self, t: &Table<'_>, name: &Spot<String>, word: Word) -> Option<Counter> {
        let bits = match &self.tags.get(word.tag).source {
            _ if word.bit.is_some() => None,
            TagSource::Node(_) => Some(32),
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
            self.error(t, name.span(), format!("`{}` cannot be a count of requests", **name))
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
        } else if let Some(raw) = raw.settle.as_ref().filter(|_| settle >= deadline) {
            let deadline = span::shown(deadline);
            self.error(t, raw.span(), "`settle` leaves no time to answer")
                .label(format!("the deadline is {deadline}"));
        }
        (deadline, settle)
    }
}
