//! Units without a code of their own: on a carrier, at a position of the station.
use super::item::no_read;
use super::station::Around;
use super::word::Use;
use super::{Resolver, Table};
use crate::config::raw::{self, FillWord};
use crate::config::spot::Spot;
use crate::model::plant::{Carrier, CodeFrom, CodeSpec, FillRule, Handshake, Pattern, Word};
use crate::model::{TagName, Verb};

impl Resolver<'_> {
    /// The carrier of a handshake, and what its event does to the load.
    pub(super) fn carrier(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Option<Carrier> {
        let Some(name) = &raw.carrier else {
            if let Some(fill) = &raw.fill {
                self.error(t, fill.span(), "`fill` has no `carrier`")
                    .label("of which carrier?")
                    .help("write `carrier = …` with the word that holds its code");
            }
            return None;
        };
        let word = self.word(t, name, Use::Snapshot);
        let rule = self.fill_rule(t, raw);
        Some(Carrier { word: word?, rule, no_read: no_read(raw.no_read.as_ref()) })
    }

    fn fill_rule(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> FillRule {
        let note = raw.event.as_ref().is_some_and(|event| event.as_str() == "note");
        let rule = match raw.fill.as_ref().map(|fill| **fill) {
            None if note => FillRule::None,
            None if raw.serial.is_some() => FillRule::Open,
            Some(FillWord::Open) => FillRule::Open,
            None | Some(FillWord::Read) => FillRule::Read,
            Some(FillWord::Close) => FillRule::Close,
            Some(FillWord::None) => FillRule::None,
        };
        let Some(fill) = &raw.fill else { return rule };
        if (rule == FillRule::None) != note {
            self.error(t, fill.span(), "an empty carrier is a `note`, and a `note` is one")
                .label("does not go with this event")
                .help("write `event = \"note\"` and `fill = \"none\"` together");
        }
        if rule == FillRule::Open && raw.serial.is_none() {
            self.error(t, fill.span(), "a load is opened with a unit, and this table names none")
                .label("which unit is put on it?")
                .help("write `serial = …` with the word that holds its code, or `\"@current\"`");
        }
        rule
    }

    /// A load that was opened or ended unseen is only noticed where the PLC counts, and what is read some
    /// time later says nothing of what is on the carrier by then.
    pub(super) fn check_load(&mut self, t: &Table<'_>, raw: &raw::Handshake, h: &Handshake) {
        let changes = h.carrier.as_ref().is_some_and(|c| c.rule != FillRule::Read);
        let at = raw.fill.as_ref().map(Spot::span).or(raw.carrier.as_ref().map(Spot::span));
        let Some(at) = at.filter(|_| changes) else { return };
        if matches!(h.pattern, Pattern::Ring | Pattern::Results) {
            let what = if h.pattern == Pattern::Ring { "an entry of a ring" } else { "a result" };
            self.error(t, at, format!("{what} cannot say what is on a carrier"))
                .label("by then something else may be on it")
                .help("let the PLC ask with another pattern where units are put on or taken off");
        } else if h.number.is_none() {
            self.error(t, at, format!("`{}` has no number of its requests", t.path))
                .label("what is put on or taken off unseen would not be noticed")
                .help("let the PLC count its requests and name the word: `number = …`");
        }
    }

    /// The position of the station that a handshake speaks of: where it selects the current unit.
    pub(super) fn nest(
        &mut self,
        t: &Table<'_>,
        event: Verb,
        raw: &raw::Handshake,
        item: &CodeSpec,
        around: &Around,
    ) -> Option<Word> {
        let current = item.from == CodeFrom::Current;
        let Some(name) = &raw.position else {
            if around.nests && current {
                self.sink
                    .error(&t.here(), format!("`{}` does not say whose unit it is about", t.path))
                    .label("the station has several positions")
                    .help("write `position = …` with the word that says which, or `serial`");
            }
            return None;
        };
        let placed = matches!(event, Verb::Consume | Verb::Install | Verb::Remove);
        if placed && !(around.nests && current) {
            return None;
        }
        if !around.nests {
            self.error(t, name.span(), "`position` selects nothing: units arrive at no position")
                .label("does nothing")
                .help("write `position` in the `arrive` of this station too");
            return None;
        }
        self.word(t, name, Use::Snapshot)
    }

    /// Further words that are kept with an event.
    pub(super) fn context(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Vec<(TagName, Word)> {
        let t = Table { path: format!("{}.context", t.path), ..t.clone() };
        let mut kept = Vec::new();
        for (name, word) in raw.context.iter() {
            let name = self.name(&t, name, TagName::parse);
            let word = self.word(&t, word, Use::Snapshot);
            kept.extend(name.zip(word));
        }
        kept
    }
}

/// Whether units arrive at several positions of a station.
pub(super) fn has_nests(raw: &raw::Station) -> bool {
    raw.handshake.iter().any(|(_, handshake)| {
        let arrive = handshake.event.as_ref().is_some_and(|event| event.as_str() == "arrive");
        arrive && handshake.position.is_some()
    })
}

/// The unit on the carrier.
pub(super) fn carried(spot: Option<&Spot<String>>) -> Option<CodeSpec> {
    spot.map(|_| CodeSpec { from: CodeFrom::Carried, ..super::item::current() })
}

/// An amount that was counted and has no code.
pub(super) fn counted() -> CodeSpec {
    let class = crate::model::ItemClass::Lot;
    CodeSpec { class, from: CodeFrom::Passage, ..super::item::current() }
}
