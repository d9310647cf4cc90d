//! What stands on the labels of a request beside the codes of its items.
use super::snapshot::Snapshot;
use super::{At, Capture};
use crate::model::label::{ATTRIBUTES, CodeForm, Label};
use crate::model::plant::{CodeFrom, CodeSpec};
use crate::model::{Context, TagName, Text, Utc, Verb};

/// Product or material of the main item, and material of what is beside it.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    pub(super) product: Option<Text>,
    pub(super) material: Option<Text>,
}

impl Capture {
    /// The label that a code stands on; `None` of a word that holds a code alone, or nothing that can be used.
    pub(super) fn label(&self, spec: &CodeSpec, snapshot: &Snapshot) -> Option<Label> {
        let CodeFrom::Word(word) = spec.from else { return None };
        if spec.form == CodeForm::Plain {
            return None;
        }
        let text = snapshot.text(&self.live().plant, word).ok()?;
        if spec.is_none(&text) {
            return None;
        }
        spec.form.read(&text, spec.class).ok()
    }

    /// What the labels say of the items; what a word of its own says goes before.
    pub(super) fn attributes(&self, at: At, snapshot: &Snapshot) -> Attributes {
        let handshake = self.live().handshake(at);
        let of = |spec: &CodeSpec| attribute(&self.label(spec, snapshot)?);
        let (main, beside) = (of(&handshake.item), handshake.other.as_ref().and_then(of));
        let two = [Verb::Consume, Verb::Install, Verb::Remove, Verb::Pack];
        if two.contains(&handshake.event) {
            return Attributes { product: main, material: beside };
        }
        Attributes { product: main.or(beside), material: None }
    }

    /// The other parts of the labels. A name that is taken already gets that of its word before it, also if the word that it is of
    /// could not be read: what is on a label is not what that would have said.
    pub(super) fn keep_parts(
        &self,
        at: At,
        snapshot: &Snapshot,
        when: Utc,
        context: &mut Vec<Context>,
    ) {
        let live = self.live();
        let handshake = live.handshake(at);
        for spec in std::iter::once(&handshake.item).chain(&handshake.other) {
            let (Some(label), CodeFrom::Word(word)) = (self.label(spec, snapshot), spec.from)
            else {
                continue;
            };
            for (name, value) in label.kept(spec, when.year()) {
                let mut own = handshake.context.iter();
                let taken =
                    context.iter().any(|kept| kept.name == name) || own.any(|(of, _)| *of == name);
                let long = || TagName::parse(&format!("{}.{name}", live.plant.tag(word.tag).name));
                let name = if taken { long().unwrap_or(name) } else { name };
                context.push(Context { name, value });
            }
        }
    }
}

/// The product or material that a label names.
pub(super) fn attribute(label: &Label) -> Option<Text> {
    ATTRIBUTES.iter().find_map(|name| label.get(name)).and_then(|name| Text::parse(name).ok())
}
