//! Up to when a server has told all that it knew. Pure.
//!
//! A notification holds what had changed when the server sent it, and on a slow link it comes long after
//! that. What is on its way when the link ends is lost, however late something older was received. So
//! the server is asked something now and then: what it sends after the answer, it sends after the
//! question, and says all that was there at the question; where that takes several messages, only the
//! last of them proves it.
use crate::model::{At, Monotonic, Utc};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long after a proof the next question is asked.
const PAUSE: Duration = Duration::from_millis(500);

/// Where a question stands.
enum Stage {
    Rest(Monotonic),
    Asked(Utc),
    /// Answered; these subscriptions have not spoken since.
    Answered {
        asked: Utc,
        at: Monotonic,
        silent: BTreeSet<u32>,
    },
}

/// Up to when all subscriptions have told everything.
pub(super) struct Proof {
    observed: Utc,
    stage: Stage,
}

impl Proof {
    /// Whatever was before is of no account.
    pub(super) fn new(at: At) -> Self {
        Self { observed: at.wall, stage: Stage::Rest(at.monotonic.plus(PAUSE)) }
    }

    /// All that was before is told.
    pub(super) fn observed(&self) -> Utc {
        self.observed
    }

    /// Whether the question is to be asked now.
    pub(super) fn asks(&mut self, at: At) -> bool {
        let due = matches!(self.stage, Stage::Rest(until) if at.monotonic >= until);
        if due {
            self.stage = Stage::Asked(at.wall);
        }
        due
    }

    /// The question was answered, or failed. A notice that was received before `at` may be older than
    /// the answer.
    pub(super) fn answered(&mut self, ok: bool, at: Monotonic, all: impl Iterator<Item = u32>) {
        self.stage = match self.stage {
            Stage::Asked(asked) if ok => Stage::Answered { asked, at, silent: all.collect() },
            Stage::Rest(_) | Stage::Asked(_) | Stage::Answered { .. } => {
                Stage::Rest(at.plus(PAUSE))
            }
        };
    }

    /// A notice of a subscription was received; `more` if it told only a part.
    pub(super) fn spoke(&mut self, of: u32, received: Monotonic, more: bool) {
        let Stage::Answered { asked, at, silent } = &mut self.stage else { return };
        if received < *at || more {
            return;
        }
        silent.remove(&of);
        if silent.is_empty() {
            // The wall clock may be set back; what was told stays told.
            self.observed = *asked;
            self.stage = Stage::Rest(received.plus(PAUSE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> At {
        let ns = ms * 1_000_000;
        At { monotonic: Monotonic(ns), wall: Utc(i64::try_from(ns).unwrap()) }
    }

    #[test]
    fn what_is_received_proves_no_more_than_what_was_asked_before_it() {
        let both = || [1, 2].into_iter();
        let mut proof = Proof::new(at(0));
        assert!(!proof.asks(at(400)) && proof.asks(at(600)) && !proof.asks(at(700)));
        // Nothing that comes before the answer says how old it is.
        proof.spoke(1, at(1_000).monotonic, false);
        proof.answered(true, at(1_200).monotonic, both());
        // Received before the answer, and looked at after it.
        proof.spoke(2, at(1_100).monotonic, false);
        proof.spoke(1, at(1_300).monotonic, false);
        assert_eq!(proof.observed(), at(0).wall, "the other subscription has not spoken yet");
        proof.spoke(2, at(1_400).monotonic, false);
        assert_eq!(proof.observed(), at(600).wall);
        assert!(proof.asks(at(1_900)));
        proof.answered(false, at(2_000).monotonic, both());
        proof.spoke(2, at(2_100).monotonic, false);
        proof.spoke(1, at(2_100).monotonic, false);
        assert_eq!(proof.observed(), at(600).wall, "no answer proves nothing");
        assert!(proof.asks(at(2_500)));
    }

    /// Part 4 §5.14.5: what does not go into one message comes in several, the last of which says so.
    #[test]
    fn a_part_of_what_a_server_has_to_tell_proves_nothing() {
        let mut proof = Proof::new(at(0));
        assert!(proof.asks(at(600)));
        proof.answered(true, at(700).monotonic, [1].into_iter());
        proof.spoke(1, at(800).monotonic, true);
        proof.spoke(1, at(810).monotonic, true);
        assert_eq!(
            proof.observed(),
            at(0).wall,
            "what was there at 600 may be in the next message"
        );
        proof.spoke(1, at(820).monotonic, false);
        assert_eq!(proof.observed(), at(600).wall);
    }
}
