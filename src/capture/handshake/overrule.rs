//! A person lets run what was refused.
use crate::capture::permit::Judgement;
use crate::capture::persons::veil;
use crate::capture::snapshot::Snapshot;
use crate::capture::{At, Capture};
use crate::model::plant::Word;
use crate::model::{Overruled, Permit, RawWord, Text, Value};

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

    /// Everything as it was read, but badges: a person is in no record other than as a token.
    pub(super) fn raw(&self, at: At, snapshot: &Snapshot) -> Vec<RawWord> {
        let live = self.live();
        let handshake = live.handshake(at);
        let badges = [handshake.badge, handshake.overrule.map(|words| words.badge)];
        let badges: Vec<_> =
            badges.into_iter().flatten().map(|word| &live.plant.tag(word.tag).name).collect();
        let mut raw = snapshot.raw(&live.plant);
        for word in raw.iter_mut().filter(|word| badges.contains(&&word.tag)) {
            veil(&self.persons, &mut word.value);
            if let Some(badge) = word.value.as_text().filter(|badge| !badge.trim().is_empty()) {
                word.value = Value::text(&self.persons.token(&badge).to_string());
            }
        }
        raw
    }
}
