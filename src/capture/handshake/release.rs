//! After the answer: the PLC must take its request back in time, or another one would not be seen.
use super::request::{Request, on};
use crate::capture::{At, Capture};
use crate::model::plant::{Handshake, Pattern};
use crate::model::{Gap, GapCause, Interval, Step, Value};

impl Capture {
    /// Begins to wait for the release, or ends it.
    pub(super) fn watch_release(&mut self, step: &mut Step, at: At, asked: Request) {
        let release = self.live().handshake(at).release;
        let told = self.handshake_memory(at).gap.is_some();
        let now = step.at.monotonic;
        let exchange = self.exchange(at);
        match asked {
            Request::Held if exchange.release.is_none() && !told => {
                exchange.release = Some(now.plus(release));
            }
            Request::Held => {}
            Request::Pending | Request::Release | Request::None => exchange.release = None,
        }
    }

    /// The time to take the request back is over.
    pub(super) fn not_released(&mut self, step: &mut Step, at: At) {
        let since = self.handshake_memory(at).committed.map_or(step.at.wall, |c| c.at);
        self.exchange(at).release = None;
        let about = self.live().about(at);
        step.notice(about, "the PLC has its answer and does not take its request back");
        let interval = Interval { from: since.min(step.at.wall), to: None };
        self.handshake_gap(step, at, interval, GapCause::Unreleased, None);
    }

    /// A good trigger ends the gap of a bad one; one that is taken back, that of one that was not.
    pub(super) fn end_gap(&mut self, step: &mut Step, at: At, trigger: Option<&Value>) {
        let Some(Gap { interval, cause, .. }) = self.handshake_memory(at).gap else { return };
        let held = cause == GapCause::Unreleased && is_held(self.live().handshake(at), trigger);
        // That one pulse was seen says nothing of the others.
        let unseen = cause == GapCause::Silent && self.live().handshake(at).is_bare_pulse();
        if held || unseen {
            return;
        }
        let interval = Interval { to: Some(step.at.wall), ..interval };
        self.handshake_gap(step, at, interval, cause, None);
    }
}

/// Whether a trigger that is told asks no more for what it asked for before; `None`: it does not if it is
/// another.
pub(super) fn is_over(handshake: &Handshake, trigger: Option<&Value>) -> Option<bool> {
    match handshake.pattern {
        Pattern::ReqAck | Pattern::State(_) => Some(!is_held(handshake, trigger)),
        Pattern::Counter | Pattern::Toggle | Pattern::Edge => None,
        // They are read by their own rules.
        Pattern::Ring | Pattern::Results => Some(false),
    }
}

/// Whether the PLC still holds its request.
fn is_held(handshake: &Handshake, trigger: Option<&Value>) -> bool {
    let Some(trigger) = trigger else { return true };
    match handshake.pattern {
        Pattern::ReqAck => on(trigger),
        Pattern::State(states) if handshake.is_one_word() => trigger.integer() != Some(states.idle),
        Pattern::State(states) => trigger.integer() == Some(states.request),
        Pattern::Counter | Pattern::Toggle | Pattern::Edge | Pattern::Ring | Pattern::Results => {
            false
        }
    }
}
