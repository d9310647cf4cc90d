//! The answer: replies first, the ack last, once the record is durable.
use super::request::on;
use super::{Answer, Exchange, Found, OFFERS, Stage};
use crate::capture::{At, Capture};
use crate::model::plant::{Pattern, Reason, ReplyValue, States, Word};
use crate::model::{
    Digest, Effect, Permit, Position, QuarantineCause, ReadFault, Step, Text, Value, Write,
    WriteDone, WriteRequest,
};

impl Exchange {
    /// The answer was not written. Only of one with a recipe is it counted how often, as long as that may be why.
    fn was_refused(&mut self, why: &ReadFault) {
        let before = self.refused.take().filter(|(of, _)| self.answered == Some(*of));
        let often = before.map_or(0, |(_, often)| often);
        self.refused = match (why, self.answered.filter(|of| self.holds != Some(*of))) {
            (ReadFault::Refused, Some(of)) => Some((of, often.saturating_add(1))),
            (ReadFault::Refused, None)
            | (ReadFault::Timeout | ReadFault::Withdrawn | ReadFault::Disconnected, _) => before,
        };
    }

    /// Whether the answer to this request was refused, and it is not known whether for its recipe.
    fn doubts_recipe(&self, request: Digest) -> bool {
        self.refused.is_some_and(|(of, _)| of == request) && self.holds != Some(request)
    }

    /// Whether the answer to this request was refused so often that the device cannot hold it.
    fn holds_no_recipe(&self, request: Digest) -> bool {
        self.refused.is_some_and(|(of, often)| of == request && often >= OFFERS)
    }
}

impl Capture {
    /// Has the answer written: the replies, then the ack, once `position` is durable.
    pub(super) fn answer(
        &mut self,
        step: &mut Step,
        at: At,
        position: Position,
        found: &Found,
        Answer { permit, reason, recipe }: Answer<'_>,
    ) {
        if recipe.is_some() && self.exchange(at).holds_no_recipe(found.digest) {
            return self.answer_without_recipe(step, at, found);
        }
        let exchange = self.exchange(at);
        (exchange.sure, exchange.answered) = (true, Some(found.digest));
        // What was given up before it is a gap by now; what came since is not.
        exchange.counted |= !exchange.over;
        let live = self.live();
        let handshake = live.handshake(at);
        let code = |text: &Text| {
            Reason::parse(text.as_str()).map_or(0, |reason| handshake.reasons.code(reason))
        };
        let replies = handshake.replies.iter().filter_map(|reply| {
            let Word { tag, bit } = reply.word;
            let value = match &reply.value {
                ReplyValue::Permit => Value::Int(handshake.permit.code(permit)),
                ReplyValue::Reason => Value::Int(reason.map_or(0, code)),
                ReplyValue::Recipe => live.plant.holds(reply.word).hold(recipe?)?,
                ReplyValue::Fixed(value) => value.clone(),
            };
            Some(Write { tag, bit, value })
        });
        let mut replies: Vec<Write> = replies.collect();
        let (echo, still) = match handshake.pattern {
            // As it was read: a signed word counts on below zero.
            Pattern::Counter => {
                let number = Value::UInt(found.key.number.0);
                (found.snapshot.good(handshake.trigger).unwrap_or(number), Vec::new())
            }
            // The ack names no request: it must not meet another one.
            Pattern::ReqAck => (Value::Bool(true), found.witnesses(handshake)),
            Pattern::Toggle => {
                let side = found.snapshot.good(handshake.trigger).is_some_and(|v| on(&v));
                (Value::Bool(side), found.witnesses(handshake))
            }
            Pattern::State(states) => {
                let well = permit == Permit::Ok;
                let state = if well { states.done } else { states.error };
                (Value::Int(state), found.witnesses(handshake))
            }
            // Nobody waits.
            Pattern::Edge | Pattern::Ring | Pattern::Results => {
                self.exchange(at).stage = Stage::Idle;
                return self.consider(step, at);
            }
        };
        if recipe.is_some() && self.exchange(at).doubts_recipe(found.digest) {
            let words: Vec<Word> = self.live().handshake(at).recipe_words().collect();
            replies.retain(|reply| words.contains(&Word { tag: reply.tag, bit: reply.bit }));
            return self.offer(step, at, position, still, replies);
        }
        self.write(step, at, position, still, replies, echo);
    }

    /// Has the recipe written alone: a device does not say which of the words it refused. The ack is not written, and
    /// the PLC goes on waiting for it.
    fn offer(
        &mut self,
        step: &mut Step,
        at: At,
        after: Position,
        still: Vec<Write>,
        replies: Vec<Write>,
    ) {
        self.exchange(at).offering = true;
        self.send(step, at, (after, still), replies, (None, None));
    }

    /// Of some words only the server knows what they hold. The event of the request is on record with a yes; that its
    /// PLC was told otherwise is recorded beside it, once, and the request has that answer from then on.
    fn answer_without_recipe(&mut self, step: &mut Step, at: At, found: &Found) {
        let reason = Text::parse(Reason::Recipe.as_str()).expect("a good text");
        let live = self.live();
        let word = live.handshake(at).recipe_words().next();
        let word = word.unwrap_or(live.handshake(at).trigger);
        let cause = QuarantineCause::Word(live.plant.tag(word.tag).name.clone());
        let position = self.quarantine(step, at, found, &reason, cause);
        self.answer(step, at, position, found, Answer::unknown(Some(&reason)));
    }

    pub(super) fn release(&mut self, step: &mut Step, at: At) {
        let position = self.handshake_memory(at).committed.map_or(Position(0), |c| c.position);
        let idle = match self.live().handshake(at).pattern {
            Pattern::State(states) => Value::Int(states.idle),
            Pattern::Counter
            | Pattern::ReqAck
            | Pattern::Toggle
            | Pattern::Edge
            | Pattern::Ring
            | Pattern::Results => Value::Bool(false),
        };
        self.write(step, at, position, Vec::new(), Vec::new(), idle);
    }

    /// Tells a PLC that wants to know it that its request was seen; whether it is told now.
    pub(super) fn say_busy(&mut self, step: &mut Step, at: At) -> bool {
        let handshake = self.live().handshake(at);
        let Pattern::State(States { request, busy: Some(busy), .. }) = handshake.pattern else {
            return false;
        };
        let (trigger, one_word) = (handshake.trigger, handshake.is_one_word());
        let exchange = self.exchange(at);
        let ours = if one_word { &exchange.trigger } else { &exchange.ack };
        if ours.as_ref().and_then(Value::integer) == Some(busy) {
            return false;
        }
        // As it was read: an unsigned word is not found again as a signed one.
        let asks = exchange.trigger.clone().unwrap_or(Value::Int(request));
        let still = vec![Write { tag: trigger.tag, bit: trigger.bit, value: asks }];
        self.write(step, at, Position(0), still, Vec::new(), Value::Int(busy));
        true
    }

    pub(super) fn write(
        &mut self,
        step: &mut Step,
        at: At,
        after: Position,
        still: Vec<Write>,
        replies: Vec<Write>,
        echo: Value,
    ) {
        let handshake = self.live().handshake(at);
        let ack = handshake.ack.map(|w| Write { tag: w.tag, bit: w.bit, value: echo.clone() });
        let one_word = handshake.is_one_word();
        let exchange = self.exchange(at);
        let trigger = exchange.trigger.clone().filter(|_| one_word);
        if one_word {
            exchange.trigger = Some(echo.clone());
        }
        exchange.ack = Some(echo);
        self.send(step, at, (after, still), replies, (ack, trigger));
    }

    /// Has words written to the device of a handshake; `trigger` is what stood where the ack goes, if that is one word.
    fn send(
        &mut self,
        step: &mut Step,
        at: At,
        (after, still): (Position, Vec<Write>),
        replies: Vec<Write>,
        (ack, trigger): (Option<Write>, Option<Value>),
    ) {
        let token = self.token();
        let live = self.live_mut();
        let device = live.plant.tag(live.handshake(at).trigger.tag).device;
        let session = live.session(device);
        live.tokens.insert(token, at);
        self.exchange(at).stage = Stage::Replying { token, trigger };
        let request = WriteRequest { token, device, session, after, still, replies, ack };
        step.effect(Effect::Write(request));
    }

    pub(in crate::capture) fn on_written(&mut self, step: &mut Step, done: &WriteDone) {
        let Some(at) = self.live.as_mut().and_then(|l| l.tokens.remove(&done.token)) else {
            return;
        };
        let results = self.live().handshake(at).pattern == Pattern::Results;
        let exchange = self.exchange(at);
        let before = match &exchange.stage {
            Stage::Replying { token, trigger } if *token == done.token => trigger.clone(),
            Stage::Replying { .. }
            | Stage::Idle
            | Stage::Waiting(..)
            | Stage::Reading { .. }
            | Stage::Asking { .. }
            | Stage::Scanning { .. }
            | Stage::Slots { .. }
            | Stage::Listing { .. }
            | Stage::Fetching { .. } => return,
        };
        exchange.stage = Stage::Idle;
        if results {
            return self.on_acknowledged(step, at, done.outcome.as_ref().err());
        }
        if std::mem::take(&mut exchange.offering) && done.outcome.is_ok() {
            (exchange.holds, exchange.refused) = (exchange.answered, None);
            return self.retry(
                step,
                at,
                "the device holds the recipe, and refused another word of the answer",
            );
        }
        if let Err(why) = &done.outcome {
            exchange.was_refused(why);
            // What we meant to write does not stand there: the next read says what is asked. As long as that
            // is the same, the time that the PLC has waited goes on.
            let ours = before.filter(|_| !exchange.over);
            exchange.trigger = ours.or(exchange.trigger.take());
            (exchange.ack, exchange.busy) = (None, false);
            return self.retry(step, at, &format!("the answer was not written: {why}"));
        }
        exchange.refused = None;
        exchange.standing.is_written();
        self.consider(step, at);
    }
}
