//! A request that the PLC takes back before its words are read: it is missing, whoever shows first that it is
//! gone, what is told or the answer to a read.
use super::GOOD_CLOCK;
use super::request::{Request, request};
use crate::capture::snapshot::{Snapshot, Trigger, pick};
use crate::capture::{At, Capture};
use crate::model::plant::{Handshake, Pattern};
use crate::model::{GapCause, Interval, Sample, Step, Utc, Value};
use std::collections::VecDeque;
use std::time::Duration;

/// What was seen of the request that stands in the trigger.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// The trigger as it was seen last.
    trigger: Option<Value>,
    request: Seen,
    /// So many were read to be gone, and are not told to be yet.
    untold: u32,
    /// Where the server says when it looked: what was read after all that was told, the oldest first.
    ahead: VecDeque<Look>,
    /// When it looked at what was told last.
    told: Option<Utc>,
}

/// A look at the trigger, by the clock of its server.
#[derive(Debug, Clone, Copy)]
struct Look {
    server: Utc,
    /// When it came to us.
    at: Utc,
    stands: bool,
    /// The words of the request were read, or it was answered.
    done: bool,
    /// It is another request than the one that was read before.
    another: bool,
}

/// So many looks wait to be told.
const AHEAD_MAX: usize = 64;

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
        match self.ahead.back_mut() {
            Some(look) => look.done = look.stands,
            None if matches!(self.request, Seen::Open(_)) => self.request = Seen::Done,
            None => {}
        }
    }

    /// A read brought another request than the one that was answered in vain.
    pub(super) fn is_another(&mut self) {
        match self.ahead.back_mut() {
            Some(look) => look.another = true,
            None => self.untold = self.untold.saturating_add(1),
        }
    }

    /// A word was read when its server looked at it: what is told of an earlier look comes before it, however
    /// late it is told. Since when requests had been seen that are gone by now.
    fn read_at(&mut self, look: Look) -> Vec<Utc> {
        // One read comes after the other.
        let last = self.ahead.back().map(|last| last.server);
        let mut gone = self.take_if_set_back(last, look, GOOD_CLOCK);
        if self.told.is_some_and(|told| look.server < told) {
            return gone;
        }
        self.ahead.push_back(look);
        let many = self.ahead.len().saturating_sub(AHEAD_MAX);
        let surplus: Vec<Look> = self.ahead.drain(..many).collect();
        gone.extend(surplus.into_iter().filter_map(|look| self.take(look)));
        gone
    }

    /// A clock that is set back puts what is looked at from then on before all that was read until then: that is
    /// taken first, in the order in which it came.
    fn take_if_set_back(&mut self, last: Option<Utc>, look: Look, late: Duration) -> Vec<Utc> {
        if last.is_none_or(|last| last <= look.server.plus(late)) {
            return Vec::new();
        }
        self.told = None;
        let ahead = std::mem::take(&mut self.ahead);
        ahead.into_iter().filter_map(|look| self.take(look)).collect()
    }

    /// The same of a word that was told, at most so late: with it all that was read before it finds its place.
    fn told_at(&mut self, look: Look, late: Duration) -> Vec<Utc> {
        let mut gone = self.take_if_set_back(self.told, look, late);
        while let Some(read) = self.ahead.pop_front_if(|read| read.server <= look.server) {
            gone.extend(self.take(read));
        }
        self.told = Some(look.server);
        gone.extend(self.take(look));
        gone
    }

    /// Takes the next look in the order of the server; since when a request had been seen that is gone.
    fn take(&mut self, look: Look) -> Option<Utc> {
        let ends = !look.stands || look.another;
        let gone = match self.request {
            Seen::Open(since) if ends => Some(since),
            Seen::Open(_) | Seen::None | Seen::Done => None,
        };
        self.request = match self.request {
            _ if !look.stands => Seen::None,
            _ if look.done => Seen::Done,
            Seen::Open(_) | Seen::Done if !ends => self.request,
            Seen::None | Seen::Open(_) | Seen::Done => Seen::Open(look.at),
        };
        gone
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

/// Whether its requests are told apart by when they were looked at: they may be taken back, have no number,
/// and the trigger is the PLC's alone.
fn is_timed(handshake: &Handshake) -> bool {
    let bit = matches!(handshake.pattern, Pattern::ReqAck | Pattern::State(_));
    bit && handshake.number.is_none() && !handshake.is_one_word()
}

/// Whether its PLC may take a request back.
fn falls(handshake: &Handshake) -> bool {
    match handshake.pattern {
        Pattern::ReqAck | Pattern::Toggle | Pattern::State(_) => true,
        Pattern::Counter | Pattern::Edge | Pattern::Ring | Pattern::Results => false,
    }
}

impl Capture {
    /// Whether a word that is told was looked at before what was read last: it says nothing of now any more.
    pub(super) fn is_told_late(&self, at: At, sample: &Sample) -> bool {
        let read = self.live().exchanges.get(&at).and_then(|exchange| exchange.read_at);
        let before = sample.server.zip(read).is_some_and(|(told, read)| told < read);
        before && is_timed(self.live().handshake(at))
    }

    /// What is told so late tells of a request that was taken back before the read. Its clock may have been set
    /// back as well: the words are read once more.
    pub(super) fn see_told_late(&mut self, step: &mut Step, at: At, sample: &Sample) {
        let text = format!("did not fire because {} is older than what was read", sample.value);
        self.say(step, at, text);
        let handshake = self.live().handshake(at);
        if let Some(trigger) = sample.good().and_then(|value| pick(value, handshake.trigger))
            && sample.tag == handshake.trigger.tag
        {
            let ack = self.live().exchanges.get(&at).and_then(|exchange| exchange.ack.clone());
            let seen = (&trigger, By::Told, (sample.receive, sample.server));
            self.see_standing(step, at, seen, ack.as_ref());
            let exchange = self.exchange(at);
            exchange.doubt |= exchange.trigger.as_ref() != Some(&trigger);
            self.consider(step, at);
        }
    }

    /// The trigger, or our word, was told.
    pub(super) fn see_told(&mut self, step: &mut Step, at: At, sample: &Sample) {
        let Some(exchange) = self.live().exchanges.get(&at) else { return };
        let Some(trigger) = exchange.trigger.clone() else { return };
        // The trigger may have said nothing as long as ours was not known.
        let first = exchange.standing.trigger.is_none();
        if first || sample.tag == self.live().handshake(at).trigger.tag {
            let ack = exchange.ack.clone();
            let seen = (&trigger, By::Told, (sample.receive, sample.server));
            self.see_standing(step, at, seen, ack.as_ref());
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
        let ends = snapshot.ends_told(handshake.trigger);
        let moved = matches!(snapshot.trigger(handshake.trigger), Trigger::Moved);
        let tells = handshake.number.is_some() && handshake.pattern.waits();
        let falls = falls(handshake);
        let ack = handshake.ack.and_then(|ack| snapshot.good(ack));
        let exchange = self.exchange(at);
        // The next number tells what was skipped.
        exchange.moved |= moved && tells;
        if !falls || exchange.overtaken {
            // Where the trigger was told to be another meanwhile, that may be newer.
            return;
        }
        exchange.read_at = ends.iter().filter_map(|(_, sample)| sample.server).max();
        for (trigger, sample) in ends {
            let seen = (&trigger, By::Read, (sample.receive, sample.server));
            if !self.see_standing(step, at, seen, ack.as_ref()) {
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
        (trigger, by, (received, server)): (&Value, By, (Utc, Option<Utc>)),
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
        let stands = matches!(asked, Request::Pending | Request::Held);
        let gone = match server.filter(|_| is_timed(handshake)) {
            Some(server) => {
                let first = standing.trigger.replace(trigger.clone()).is_none();
                // Where nobody had looked before, what is answered is nothing new.
                let done = asked == Request::Held && first;
                let look = Look { server, at: seen, stands, done, another: false };
                match by {
                    By::Read => standing.read_at(look),
                    By::Told => standing.told_at(look, self.under_way(at)),
                }
            }
            None => standing.see(handshake, asked, (trigger, by, seen)).into_iter().collect(),
        };
        let counted = handshake.number.is_some();
        let exchange = self.exchange(at);
        exchange.standing = standing;
        exchange.moved |= counted && !gone.is_empty();
        for from in gone.into_iter().filter(|_| !counted) {
            let interval = Interval { from, to: Some(step.at.wall) };
            self.handshake_gap(step, at, interval, GapCause::TriggerMoved, Some(1));
        }
        stands
    }
}
