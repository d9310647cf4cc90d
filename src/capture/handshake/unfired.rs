//! Why a word of a handshake that moved made no event, for whoever watches. It decides nothing.
use super::request::Request;
use super::{Exchange, SETTLE, Stage};
use crate::capture::{At, Capture};
use crate::model::plant::{Handshake, Pattern};
use crate::model::{Position, Step, Value};

/// What an exchange was in the middle of when its trigger moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Busy {
    No,
    With(&'static str),
}

impl Exchange {
    /// What keeps a new request waiting.
    pub(super) fn busy_with(&self) -> Busy {
        match &self.stage {
            Stage::Idle => Busy::No,
            Stage::Waiting(_, SETTLE) => Busy::With("its words are left to settle"),
            Stage::Waiting(..) => Busy::With("it is read again in a moment"),
            Stage::Reading { .. } | Stage::Scanning { .. } | Stage::Slots { .. } => {
                Busy::With("its words are being read")
            }
            Stage::Asking { .. } => Busy::With("its past is being looked up"),
            Stage::Replying { .. } => Busy::With("its answer is being written"),
            Stage::Listing { .. } | Stage::Fetching { .. } => {
                Busy::With("results are being collected")
            }
        }
    }
}

impl Capture {
    /// Tells whoever watches of a handshake.
    pub(in crate::capture) fn say(&self, step: &mut Step, at: At, text: impl Into<String>) {
        step.notice(self.live().about(at), text);
    }

    /// The trigger was told, and what it asks for was considered: if no request came of it, why not.
    pub(super) fn say_unfired(&self, step: &mut Step, at: At, (moved, before): (bool, Busy)) {
        let handshake = self.live().handshake(at);
        let Some(exchange) = self.live().exchanges.get(&at) else { return };
        // A head that a read was faster with is told as it stands already.
        let known = handshake.pattern == Pattern::Ring && before == Busy::No;
        if !moved && !known {
            return;
        }
        let committed = self.handshake_memory(at).committed.map(|c| c.position);
        let text = match (before, exchange.busy_with()) {
            // It was taken back: nothing is held.
            (Busy::With(_), Busy::With(_)) if exchange.asks(handshake) != Request::Pending => {
                return;
            }
            (Busy::With(why), Busy::With(_)) => {
                let stands = exchange.trigger_said();
                format!("held at {stands} because what was asked before is not done: {why}")
            }
            _ if matches!(exchange.stage, Stage::Waiting(_, SETTLE)) => {
                let settle = handshake.settle.as_millis();
                format!("held because its words are left to settle: they are read in {settle} ms")
            }
            // It is on its way.
            (_, Busy::With(_)) => return,
            (_, Busy::No) => match exchange.unasked(handshake, committed) {
                Some(text) => text,
                None => return,
            },
        };
        self.say(step, at, text);
    }

    /// Its words were read, and ask for nothing any more.
    pub(super) fn say_read_unfired(&self, step: &mut Step, at: At) {
        let committed = self.handshake_memory(at).committed.map(|c| c.position);
        let exchange = self.live().exchanges.get(&at);
        let why = exchange.and_then(|e| e.unasked(self.live().handshake(at), committed));
        if let Some(why) = why {
            self.say(step, at, format!("{why}, as read"));
        }
    }

    /// A request that is on record came again with the same words.
    pub(super) fn say_again(&self, step: &mut Step, at: At, number: u64, record: Position) {
        let waits = self.live().handshake(at).pattern.waits();
        let again = if waits { "answered again" } else { "nothing new" };
        let text = format!("request {number} with the same words: {again} as {record}");
        self.say(step, at, text);
    }
}

impl Exchange {
    fn trigger_said(&self) -> String {
        self.trigger.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string)
    }

    /// Why its words ask for nothing; `None` if they do.
    pub(super) fn unasked(
        &self,
        handshake: &Handshake,
        committed: Option<Position>,
    ) -> Option<String> {
        let stands = self.trigger_said();
        let record = committed.map_or_else(String::new, |of| format!(" as {of}"));
        let untold = handshake.ack.is_some() && self.ack.is_none();
        Some(match (handshake.pattern, self.asks(handshake)) {
            (Pattern::Ring, _) => {
                let last = committed.map_or_else(String::new, |of| format!(", the last as {of}"));
                format!("did not fire because all entries up to head {stands} are dealt with{last}")
            }
            (Pattern::Results, _) => {
                format!("did not fire because result {stands} is on record or waits to be given")
            }
            (Pattern::Edge, _) => {
                format!("did not fire because only a rise asks, and it is {stands}")
            }
            (_, Request::Pending | Request::Release) => return None,
            (_, Request::Held) => {
                format!("held because {stands} has its answer{record} and is not taken back")
            }
            (Pattern::Toggle, Request::None) if untold => {
                "held because the ack word is not known yet".to_owned()
            }
            (Pattern::Counter, Request::None) => {
                format!("did not fire because {stands} is acknowledged already: another asks")
            }
            (Pattern::Toggle, Request::None) => {
                format!("did not fire because the ack is {stands}, too: the other asks")
            }
            (Pattern::State(states), Request::None) => format!(
                "did not fire because state {stands} asks for nothing, {} does",
                states.request
            ),
            (Pattern::ReqAck, Request::None) => {
                format!("did not fire because the request bit is {stands}: true asks")
            }
        })
    }
}
