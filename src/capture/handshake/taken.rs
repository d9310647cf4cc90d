//! A request that the PLC takes back before its words are read: it is missing, whoever shows first that it is
//! gone, what is told or the answer to a read.
use super::request::{Request, request};
use crate::capture::snapshot::{Snapshot, Trigger};
use crate::capture::{At, Capture};
use crate::model::plant::{Handshake, Pattern};
use crate::model::{GapCause, Interval, Sample, Step, Utc, Value};

/// What was seen of the request that stands in the trigger.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// The trigger as it was seen last.
    trigger: Option<Value>,
    request: Seen,
    /// So many were read to be gone, and are not told to be yet.
    untold: u32,
}

/// By what the trigger is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Told,
    Read,
}

#[derive(Debug, Clone, Copy, Default)]
enum Seen {
    /// None stands.
    #[default]
    None,
    /// Its words are not read yet; since when it was seen, by our wall clock.
    Open(Utc),
    /// Its words are read, or it was answered before we came.
    Done,
}

impl Standing {
    /// Its words were read, or it has its answer.
    pub(super) fn is_done(&mut self) {
        if let Seen::Open(_) = self.request {
            self.request = Seen::Done;
        }
    }

    /// A read brought another request than the one that was answered in vain.
    pub(super) fn is_another(&mut self) {
        self.untold = self.untold.saturating_add(1);
    }

    /// What was written stands: what is told from now on is news. A server that looks seldom may tell nothing
    /// of what was read.
    pub(super) fn is_written(&mut self) {
        self.untold = 0;
    }

    /// Whether something is told that was read already, or is older.
    fn is_known(&mut self, by: By, stands: bool) -> bool {
        let gone = !stands && !matches!(self.request, Seen::None);
        match by {
            By::Read if gone => self.untold = self.untold.saturating_add(1),
            By::Told if self.untold > 0 => {
                self.untold = self.untold.saturating_sub(u32::from(!stands));
                return true;
            }
            By::Read | By::Told => {}
        }
        false
    }

    /// What a trigger asks for, seen at this time; since when a request had been seen that is gone now.
    fn see(
        &mut self,
        handshake: &Handshake,
        asked: Request,
        (trigger, by, at): (&Value, By, Utc),
    ) -> Option<Utc> {
        let before = self.trigger.replace(trigger.clone());
        let toggle = handshake.pattern == Pattern::Toggle;
        let same = before.as_ref().is_some_and(|before| before == trigger);
        if toggle && same {
            // Each turn asks for something else, and our own word for nothing.
            return None;
        }
        let stands = matches!(asked, Request::Pending | Request::Held);
        if !toggle && self.is_known(by, stands) {
            return None;
        }
        let gone = match self.request {
            Seen::Open(since) if !stands || toggle => Some(since),
            Seen::Open(_) | Seen::None | Seen::Done => None,
        };
        // Where both sides write one word, or nobody had looked before, what is answered is nothing new.
        let answered = asked == Request::Held && (handshake.is_one_word() || before.is_none());
        self.request = match self.request {
            _ if !stands => Seen::None,
            _ if answered => Seen::Done,
            Seen::Open(_) | Seen::Done if !toggle => self.request,
            Seen::None | Seen::Open(_) | Seen::Done => Seen::Open(at),
        };
        gone
    }
}

/// Whether its PLC may take a request back.
fn falls(handshake: &Handshake) -> bool {
    match handshake.pattern {
        Pattern::ReqAck | Pattern::Toggle | Pattern::State(_) => true,
        Pattern::Counter | Pattern::Edge | Pattern::Ring | Pattern::Results => false,
    }
}

impl Capture {
    /// The trigger, or our word, was told.
    pub(super) fn see_told(&mut self, step: &mut Step, at: At, sample: &Sample) {
        let Some(exchange) = self.live().exchanges.get(&at) else { return };
        let Some(trigger) = exchange.trigger.clone() else { return };
        // The trigger may have said nothing as long as ours was not known.
        let first = exchange.standing.trigger.is_none();
        if first || sample.tag == self.live().handshake(at).trigger.tag {
            let ack = exchange.ack.clone();
            self.see_standing(step, at, (&trigger, By::Told, sample.receive), ack.as_ref());
        }
        let handshake = self.live().handshake(at);
        let exchange = self.live().exchanges.get(&at);
        // What was found when the words were first seen may have been answered before we came.
        if exchange.is_some_and(|e| !e.sure && e.asks(handshake) == Request::Held) {
            self.exchange(at).standing.is_done();
        }
    }

    /// A read shows the trigger at its begin and at its end.
    pub(super) fn see_read(&mut self, step: &mut Step, at: At, snapshot: &Snapshot) {
        let handshake = self.live().handshake(at);
        let (first, last) = snapshot.ends(handshake.trigger);
        let moved = matches!(snapshot.trigger(handshake.trigger), Trigger::Moved);
        let tells = handshake.number.is_some() && handshake.pattern.waits();
        let falls = falls(handshake);
        let ack = handshake.ack.and_then(|ack| snapshot.good(ack));
        let received = snapshot.get(handshake.trigger.tag).map_or(step.at.wall, |s| s.receive);
        let exchange = self.exchange(at);
        // The next number tells what was skipped.
        exchange.moved |= moved && tells;
        if !falls || exchange.overtaken {
            // Where the trigger was told to be another meanwhile, that may be newer.
            return;
        }
        for trigger in [first, last].into_iter().flatten() {
            if !self.see_standing(step, at, (&trigger, By::Read, received), ack.as_ref()) {
                let exchange = self.exchange(at);
                exchange.over |= exchange.trigger.as_ref() != Some(&trigger);
                exchange.trigger = Some(trigger);
            }
        }
    }

    /// Whether what a read shows may be older than what was told: a change is told once, and a request that
    /// is told to be gone is missing by now.
    pub(super) fn is_overtaken(&self, at: At, snapshot: &Snapshot) -> bool {
        let handshake = self.live().handshake(at);
        let Some(exchange) = self.live().exchanges.get(&at) else { return false };
        let ack = handshake.ack.and_then(|ack| snapshot.good(ack));
        let read = (snapshot.good(handshake.trigger), ack);
        let counted = handshake.number.is_some() || !falls(handshake);
        let other = exchange.told && read != (exchange.trigger.clone(), exchange.ack.clone());
        other || (exchange.overtaken && !counted)
    }

    /// Whether a request stands in a trigger. One that was taken back is missing: a number tells with the
    /// next request how many were, without one it is said now.
    fn see_standing(
        &mut self,
        step: &mut Step,
        at: At,
        (trigger, by, received): (&Value, By, Utc),
        ack: Option<&Value>,
    ) -> bool {
        let live = self.live();
        let handshake = live.handshake(at);
        // Of a bit that is turned over nothing is known without ours.
        let known = handshake.pattern != Pattern::Toggle || ack.is_some();
        let Some(exchange) = live.exchanges.get(&at).filter(|_| known && falls(handshake)) else {
            return true;
        };
        let asked = request(handshake, Some(trigger), ack);
        let mut standing = exchange.standing.clone();
        let seen = received.min(step.at.wall);
        let gone = standing.see(handshake, asked, (trigger, by, seen));
        let counted = handshake.number.is_some();
        let exchange = self.exchange(at);
        exchange.standing = standing;
        match gone {
            Some(_) if counted => exchange.moved = true,
            Some(from) => {
                let interval = Interval { from, to: Some(step.at.wall) };
                self.handshake_gap(step, at, interval, GapCause::TriggerMoved, Some(1));
            }
            None => {}
        }
        matches!(asked, Request::Pending | Request::Held)
    }
}
