//! The members that an item names: a code for each of its places. None is guessed: a list in which one code
//! stands twice names nobody.
use super::compose::{code, provisional};
use super::snapshot::Snapshot;
use super::{At, Capture};
use crate::model::plant::{CodeFrom, CodeSpec};
use crate::model::{HandshakeKey, ItemKey, Member, QuarantineCause, TagName, Value, Verb};

/// Places of one item; more are no list of members.
const PLACES_MAX: usize = 1_000;

impl Capture {
    /// The members of `whole`, each with its place. An empty text is a place without a member; a code that
    /// could not be read is a member that is known by its passage.
    pub(super) fn members(
        &self,
        at: At,
        snapshot: &Snapshot,
        key: &HandshakeKey,
        whole: &ItemKey,
    ) -> Result<Vec<Member>, QuarantineCause> {
        let handshake = self.live().handshake(at);
        let mut members: Vec<Member> = Vec::new();
        let mut places = 0..PLACES_MAX;
        for spec in &handshake.members {
            let CodeFrom::Word(word) = spec.from else { continue };
            let name = || self.live().plant.tag(word.tag).name.clone();
            let texts = snapshot.good(word).and_then(texts);
            for text in texts.ok_or_else(|| QuarantineCause::Word(name()))? {
                let place = places.next().and_then(|n| u32::try_from(n + 1).ok());
                let place = place.ok_or_else(|| QuarantineCause::Word(name()))?;
                if text.is_empty() && !spec.no_read.contains(&text) {
                    continue;
                }
                let item = member(spec, &text, (key, place), name)?;
                if item == *whole || members.iter().any(|other| other.item == item) {
                    return Err(QuarantineCause::Twice(name()));
                }
                members.push(Member { item, place });
            }
        }
        let of_members = matches!(handshake.event, Verb::Pack | Verb::Split | Verb::Merge);
        match handshake.members.first() {
            Some(CodeSpec { from: CodeFrom::Word(word), .. })
                if of_members && members.is_empty() =>
            {
                Err(QuarantineCause::Code(self.live().plant.tag(word.tag).name.clone()))
            }
            _ => Ok(members),
        }
    }
}

fn member(
    spec: &CodeSpec,
    text: &str,
    (key, place): (&HandshakeKey, u32),
    name: impl Fn() -> TagName,
) -> Result<ItemKey, QuarantineCause> {
    match code(spec, text, None) {
        Ok(Some(item)) => Ok(item),
        Ok(None) => Ok(provisional(spec, key, Some(place))),
        Err(fault) => Err(fault.cause(name())),
    }
}

/// The codes in a word: those of an array, or its one. A word that holds anything else has none.
fn texts(value: Value) -> Option<Vec<String>> {
    match value {
        Value::List(elements) => elements.iter().map(Value::as_text).collect(),
        Value::Empty
        | Value::Bool(_)
        | Value::Int(_)
        | Value::UInt(_)
        | Value::Real(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::Time(_) => Some(vec![value.as_text()?]),
    }
}
