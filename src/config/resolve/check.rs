//! Rules between tables: who writes a word, who lives on its changes, and what nobody uses.
use super::Resolver;
use super::word::{Use, Used};
use crate::model::plant::Word;
use std::collections::{BTreeMap, BTreeSet};

impl Resolver<'_> {
    /// Checks all uses of all words against each other.
    pub(super) fn check_uses(&mut self) {
        let used = std::mem::take(&mut self.used);
        self.check_acks(&used);
        self.check_writers(&used);
        self.check_badges(&used);
        self.check_deadbands(&used);
        self.check_changes(&used);
        // A table that was given up early has not named all of its words.
        if !self.sink.has_errors() {
            self.check_unused(&used);
        }
    }

    /// Two handshakes with one ack word would answer for each other.
    fn check_acks(&mut self, used: &[Used]) {
        let mut first: BTreeMap<Word, &Used> = BTreeMap::new();
        let written = |use_| matches!(use_, Use::Ack | Use::Reply | Use::HostBeat);
        for now in used.iter().filter(|used| written(used.use_)) {
            let Some(before) = first.get(&now.word) else {
                first.insert(now.word, now);
                continue;
            };
            let shared_reply = before.use_ == Use::Reply && now.use_ == Use::Reply;
            if shared_reply && before.path != now.path {
                continue;
            }
            let cited = self.sink.cite(&before.place);
            let name = self.tags.get(now.word.tag).name.clone();
            let message =
                format!("`{name}` is written twice, as {} and as {}", role(before), role(now));
            self.sink
                .error(&now.place, message)
                .label(format!("first at {cited}"))
                .help("give each answer a word of its own");
        }
    }

    /// One writer per word: what we write is not what the PLC asks with.
    fn check_writers(&mut self, used: &[Used]) {
        let written = |use_| matches!(use_, Use::Ack | Use::Reply | Use::HostBeat);
        let asks = |use_| matches!(use_, Use::Trigger | Use::PlcBeat);
        for ours in used.iter().filter(|used| written(used.use_)) {
            let theirs = used.iter().find(|theirs| {
                theirs.word.tag == ours.word.tag
                    && asks(theirs.use_)
                    && !(theirs.path == ours.path && ours.use_ == Use::Ack)
            });
            let Some(theirs) = theirs else { continue };
            let cited = self.sink.cite(&theirs.place);
            let name = self.tags.get(ours.word.tag).name.clone();
            let message = format!("`{name}` would be written by the PLC and by us");
            self.sink
                .error(&ours.place, message)
                .label(format!("the PLC writes it as {}, {cited}", role(theirs)))
                .help("one word, one writer: give PLC and host each its own");
        }
    }

    /// A badge is kept as a token, wherever its word is read: no item has such a code.
    fn check_badges(&mut self, used: &[Used]) {
        let codes = std::mem::take(&mut self.codes);
        for badge in used.iter().filter(|used| used.use_ == Use::Badge) {
            let Some((_, place, path)) = codes.iter().find(|(tag, ..)| *tag == badge.word.tag)
            else {
                continue;
            };
            let cited = self.sink.cite(place);
            let name = self.tags.get(badge.word.tag).name.clone();
            self.sink
                .error(&badge.place, format!("`{name}` is a badge and the code of an item"))
                .label(format!("code of `{path}` at {cited}"))
                .help("a person is kept as a token only, and the item would have it for its code: give each its own word");
        }
    }

    fn check_deadbands(&mut self, used: &[Used]) {
        for (tag, place) in std::mem::take(&mut self.deadbands) {
            let asks = |use_| matches!(use_, Use::Trigger | Use::Ack | Use::Code);
            let handshake = used.iter().find(|used| used.word.tag == tag && asks(used.use_));
            let Some(handshake) = handshake else { continue };
            let cited = self.sink.cite(&handshake.place);
            let name = self.tags.get(tag).name.clone();
            self.sink
                .error(&place, format!("`{name}` is a handshake word and cannot have a deadband"))
                .label(format!("{} at {cited}", role(handshake)))
                .help("each of its changes is a part: take `deadband` away");
        }
    }

    /// What lies between two values that are taken must decide nothing.
    fn check_changes(&mut self, used: &[Used]) {
        for (tag, place) in std::mem::take(&mut self.changes) {
            let name = self.tags.get(tag).name.clone();
            let mut of_tag = used.iter().filter(|used| used.word.tag == tag);
            let counts = |used: &&Used| used.word.bit.is_some() || every_change_counts(used.use_);
            if let Some(used) = of_tag.clone().find(counts) {
                let cited = self.sink.cite(&used.place);
                self.sink
                    .error(
                        &place,
                        format!("each change of `{name}` counts: it cannot have `change`"),
                    )
                    .label(format!("{} at {cited}", role(used)))
                    .help("take `change` away: it is for what only monitors and statistics take");
            } else if !of_tag.any(|used| matches!(used.use_, Use::Monitor | Use::Record)) {
                self.sink
                    .warning(&place, format!("`change` of `{name}` changes nothing"))
                    .label("no monitor and no phase takes its values as they come")
                    .help("what is read with a request is read whole; take `change` away");
            }
        }
    }

    /// A declared tag that nobody reads is often a slip in the name of another.
    fn check_unused(&mut self, used: &[Used]) {
        let used: BTreeSet<_> = used.iter().map(|used| used.word.tag).collect();
        for (tag, place, path) in self.tags.all_declared() {
            if !used.contains(&tag) {
                self.sink
                    .warning(
                        place,
                        format!("`{path}` is used by no handshake, phase, mount or monitor"),
                    )
                    .label("unused tag")
                    .help("it is not read; take it out, or name it where it is wanted");
            }
        }
    }
}

/// Whether a small change of such a word may be all that tells of something.
fn every_change_counts(use_: Use) -> bool {
    match use_ {
        Use::Trigger | Use::Ack | Use::PlcBeat | Use::Watched | Use::Every | Use::Code => true,
        Use::Reply | Use::HostBeat | Use::Monitor | Use::Record | Use::Snapshot | Use::Badge => {
            false
        }
    }
}

fn role(used: &Used) -> String {
    let word = match used.use_ {
        Use::Trigger => "trigger",
        Use::Ack => "ack",
        Use::Reply => "reply",
        Use::HostBeat => "our heartbeat",
        Use::PlcBeat => "its heartbeat",
        Use::Code => "code",
        Use::Badge => "badge",
        Use::Watched | Use::Monitor | Use::Every | Use::Record | Use::Snapshot => "word",
    };
    format!("{word} of `{}`", used.path)
}
