//! A person lets run what was refused.
use crate::capture::permit::Judgement;
use crate::capture::snapshot::Snapshot;
use crate::capture::{At, Capture};
use crate::model::plant::Word;
use crate::model::{Overruled, Permit, Text};

impl Capture {
    /// Who overrules a refusal, and why. Both words must say something; what is too late or cannot be
    /// known is nobody's to allow.
    pub(super) fn overrule(
        &self,
        at: At,
        snapshot: &Snapshot,
        judgement: &Judgement,
    ) -> Option<Overruled> {
        let words = self.live().handshake(at).overrule?;
        if judgement.permit != Permit::Nok || !judgement.overrulable {
            return None;
        }
        let said = |word: Word| {
            let text = snapshot.good(word)?.as_text()?;
            Text::parse(text.trim()).ok()
        };
        let (badge, reason) = (said(words.badge)?, said(words.reason)?);
        Some(Overruled { by: self.persons.token(badge.as_str()), reason })
    }
}
