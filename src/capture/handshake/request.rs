//! What the words of a handshake ask for.
use crate::model::Value;
use crate::model::plant::{Handshake, Pattern, States};

/// What a trigger and an ack word say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Pending,
    /// The PLC has its answer and has not taken its request back.
    Held,
    /// The PLC took its request back after our ack; ours must fall too.
    Release,
    None,
}

pub(super) fn request(h: &Handshake, trigger: Option<&Value>, ack: Option<&Value>) -> Request {
    let Some(trigger) = trigger else { return Request::None };
    match h.pattern {
        Pattern::Counter => match (trigger.integer(), ack.and_then(Value::integer)) {
            (Some(number), Some(echo)) if number == echo => Request::None,
            (Some(_), _) => Request::Pending,
            (None, _) => Request::None,
        },
        Pattern::ReqAck => match (on(trigger), ack.is_some_and(on)) {
            (true, false) => Request::Pending,
            (true, true) => Request::Held,
            (false, true) => Request::Release,
            (false, false) => Request::None,
        },
        // What the other side says must be known: the two bits mean nothing each by itself.
        Pattern::Toggle => match ack.map(on) {
            Some(ours) if ours != on(trigger) => Request::Pending,
            Some(_) | None => Request::None,
        },
        Pattern::State(states) => {
            let ours = if h.is_one_word() { Some(trigger) } else { ack };
            state(states, h.is_one_word(), trigger.integer(), ours.and_then(Value::integer))
        }
        Pattern::Edge if on(trigger) => Request::Pending,
        // Rings and results are read by their own rules.
        Pattern::Edge | Pattern::Ring | Pattern::Results => Request::None,
    }
}

fn state(states: States, one_word: bool, theirs: Option<i64>, ours: Option<i64>) -> Request {
    let answered = ours.is_some_and(|o| o == states.done || o == states.error);
    let busy = ours.is_some() && ours == states.busy;
    match theirs {
        // One word is the turn of whoever may write next.
        _ if one_word && answered => Request::Held,
        Some(theirs) if theirs == states.request || (one_word && busy) => {
            if answered {
                Request::Held
            } else {
                Request::Pending
            }
        }
        Some(theirs) if theirs == states.idle && (answered || busy) => Request::Release,
        Some(_) | None => Request::None,
    }
}

/// Whether a bit is set.
pub(super) fn on(value: &Value) -> bool {
    value.integer().is_some_and(|i| i != 0)
}
