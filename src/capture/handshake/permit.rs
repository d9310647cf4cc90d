//! The rules that a permit follows.
use super::{Asked, Found, Stage};
use crate::capture::compose::Draft;
use crate::capture::{At, Capture};
use crate::model::plant::{Check, ReplyValue};
use crate::model::{
    Body, Effect, Facts, HandshakeMark, Permit, Position, Question, Step, Text, Verb,
};

impl Capture {
    /// Resolves the items and looks at the rules; asks for what is not held in memory.
    pub(super) fn check(&mut self, step: &mut Step, at: At, found: Found) {
        let mounts = self.see_mounts(step, at.station, &found.snapshot);
        let made = matches!(self.live().handshake(at).event, Verb::Complete | Verb::Produce);
        let draft = self.draft(at, &found.snapshot, &found.trigger, &found.key);
        // What an item was made with is part of what is said of it.
        let draft = match draft.and_then(|d| if made { mounts.map(|()| d) } else { Ok(d) }) {
            Ok(draft) => draft,
            Err(cause) => {
                let reason = Text::parse("quarantined").expect("a good text");
                let position = self.quarantine(step, at, &found, &reason, cause);
                return self.answer(step, at, position, &found, Permit::Unknown, Some(&reason));
            }
        };
        if self.live().handshake(at).checks.contains(&Check::Known) {
            let token = self.token();
            let known = vec![draft.item.clone()];
            // Up to the record before this step: what the step itself records is no past.
            let as_of = Position(step.next_position().0.saturating_sub(1));
            self.live_mut().tokens.insert(token, at);
            let asked = Box::new(Asked { found, draft });
            let deadline = self.live().handshake(at).deadline;
            let until = self.exchange(at).requested.unwrap_or(step.at.monotonic).plus(deadline);
            self.exchange(at).stage = Stage::Asking { token, asked, until };
            step.effect(Effect::Ask(Question { token, known, as_of }));
            return;
        }
        self.decide(step, at, &Asked { found, draft }, None);
    }

    pub(in crate::capture) fn on_facts(&mut self, step: &mut Step, facts: &Facts) {
        let Some(at) = self.live.as_mut().and_then(|l| l.tokens.remove(&facts.token)) else {
            return;
        };
        let stage = std::mem::take(&mut self.exchange(at).stage);
        match stage {
            Stage::Asking { token, asked, .. } if token == facts.token => {
                self.decide(step, at, &asked, Some(facts));
            }
            other @ (Stage::Idle
            | Stage::Waiting(..)
            | Stage::Reading { .. }
            | Stage::Asking { .. }
            | Stage::Replying { .. }) => self.exchange(at).stage = other,
        }
    }

    pub(super) fn decide(&mut self, step: &mut Step, at: At, asked: &Asked, facts: Option<&Facts>) {
        let Asked { found, draft } = asked;
        let Found { snapshot, key, digest, .. } = found;
        let (permit, reason) = self.permit(step, at, draft, facts);
        let mark =
            HandshakeMark { key: key.clone(), digest: *digest, permit, reason: reason.clone() };
        let event = self.compose(step, at, snapshot, draft, mark);
        let position = self.record(step, Body::Trace(event));
        self.answer(step, at, position, found, permit, reason.as_ref());
    }

    fn permit(
        &mut self,
        step: &Step,
        at: At,
        draft: &Draft,
        facts: Option<&Facts>,
    ) -> (Permit, Option<Text>) {
        let requested = self.exchange(at).requested;
        let handshake = self.live().handshake(at);
        let reason = |word: &str| Some(Text::parse(word).expect("a good text"));
        let answers = handshake.replies.iter().any(|r| r.value == ReplyValue::Permit);
        let late = requested.is_some_and(|t| step.at.monotonic > t.plus(handshake.deadline));
        let unknown = facts.is_none() && handshake.checks.contains(&Check::Known);
        if unknown || (answers && late) {
            return (handshake.on_late, reason("late"));
        }
        for check in &handshake.checks {
            let passed = match check {
                Check::Known => facts.is_some_and(|f| f.known.iter().all(|(_, known)| *known)),
                Check::NotHeld => std::iter::once(&draft.item)
                    .chain(&draft.other)
                    .all(|item| !self.memory.holds.contains_key(item)),
            };
            if !passed {
                return (Permit::Nok, reason(check.as_str()));
            }
        }
        (Permit::Ok, None)
    }
}
