//! What the words of a handshake ask for.
use crate::model::Value;
use crate::model::plant::Pattern;

/// What a trigger and an ack word say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Pending,
    /// The PLC took its request back after our ack; ours must fall too.
    Release,
    None,
}

pub(super) fn request(pattern: Pattern, trigger: Option<&Value>, ack: Option<&Value>) -> Request {
    let Some(trigger) = trigger else { return Request::None };
    match pattern {
        Pattern::Counter => match (trigger.integer(), ack.and_then(Value::integer)) {
            (Some(number), Some(echo)) if number == echo => Request::None,
            (Some(_), _) => Request::Pending,
            (None, _) => Request::None,
        },
        Pattern::ReqAck => {
            let on = |v: &Value| v.integer().is_some_and(|i| i != 0);
            match (on(trigger), ack.is_some_and(on)) {
                (true, false) => Request::Pending,
                (false, true) => Request::Release,
                (true, true) | (false, false) => Request::None,
            }
        }
    }
}
