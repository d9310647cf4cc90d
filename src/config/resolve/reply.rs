//! Answers: checks, reply words and the codes of the permit.
use super::device::value;
use super::station::Around;
use super::word::Use;
use super::{Resolver, Table};
use crate::config::raw::{self, PatternWord, PermitWord};
use crate::config::similar;
use crate::config::spot::{Scalar, Spot};
use crate::model::plant::{
    Check, Overrule, PermitCodes, ReasonCodes, RegisterType, Reply, ReplyValue, TagSource, Word,
};
use crate::model::{Permit, Value};

/// What a request is answered with.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) checks: Vec<Check>,
    pub(super) replies: Vec<Reply>,
    pub(super) permit: PermitCodes,
    pub(super) reasons: ReasonCodes,
    pub(super) overrule: Option<Overrule>,
    pub(super) on_late: Permit,
}

impl Resolver<'_> {
    /// Reads checks, replies and permit.
    pub(super) fn answer(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Handshake,
        around: &Around,
    ) -> Answered {
        let checks = self.checks(t, raw);
        let (reasons, overrule) = (self.reason_codes(t, raw), self.overrule(t, raw));
        let asks = raw.reply.iter().find(|(_, value)| is(value, "$permit"));
        let states = raw.pattern.as_ref().is_some_and(|p| **p == PatternWord::StateWord);
        let replies = raw.reply.iter().filter_map(|(name, value)| {
            let reply = self.reply(t, name, value)?;
            if reply.value == ReplyValue::Recipe {
                let (place, told) = (t.place(value.span()), states || asks.is_some());
                self.asks_recipe(t, around, reply.word, place, told);
            }
            Some(reply)
        });
        let replies: Vec<Reply> = replies.collect();
        let permit = self.permit(t, raw, asks.map(|(name, _)| name));
        let permit_words = replies.iter().filter(|reply| reply.value == ReplyValue::Permit);
        let permit_words: Vec<Word> = permit_words.map(|reply| reply.word).collect();
        if let Some(codes) = raw.permit.as_ref() {
            let raw::Permit { ok, nok, rework, unknown } = &**codes;
            for word in permit_words {
                self.check_codes_fit(t, [ok, nok, rework, unknown].into_iter().flatten(), word);
            }
        }
        let reason_words = replies.iter().filter(|reply| reply.value == ReplyValue::Reason);
        for word in reason_words.map(|reply| reply.word).collect::<Vec<_>>() {
            self.check_codes_fit(t, raw.reasons.iter().map(|(_, code)| code), word);
        }
        let told = states
            || raw.reply.iter().any(|(_, value)| is(value, "$permit") || is(value, "$reason"));
        if let Some(check) = raw.check.iter().flatten().next().filter(|_| !told) {
            self.warning(t, check.span(), "nobody is told what these checks find")
                .label("neither `$permit` nor `$reason` in `reply`")
                .help("write `reply = { word = \"$permit\" }` and `permit = { ok = 1, nok = 2 }`");
        }
        let on_late = match raw.on_late.as_ref().map(|late| **late) {
            Some(PermitWord::Nok) => Permit::Nok,
            Some(PermitWord::Rework) => Permit::Rework,
            Some(PermitWord::Unknown) | None => Permit::Unknown,
        };
        Answered { checks, replies, permit, reasons, overrule, on_late }
    }

    fn reply(&mut self, t: &Table<'_>, name: &Spot<String>, raw: &Spot<Scalar>) -> Option<Reply> {
        let word = self.word(t, name, Use::Reply);
        let value = match &**raw {
            Scalar::Text(text) if text == "$permit" => ReplyValue::Permit,
            Scalar::Text(text) if text == "$reason" => ReplyValue::Reason,
            Scalar::Text(text) if text == "$recipe" => ReplyValue::Recipe,
            Scalar::Text(text) if text.starts_with('$') => {
                let hint = similar::hint(text, "answers", ["$permit", "$reason", "$recipe"]);
                self.error(t, raw.span(), format!("there is no answer `{text}`"))
                    .label("not an answer")
                    .help(hint);
                return None;
            }
            fixed @ (Scalar::Bool(_) | Scalar::Int(_) | Scalar::Real(_) | Scalar::Text(_)) => {
                ReplyValue::Fixed(value(fixed))
            }
        };
        let word = word?;
        let register = match &self.tags.get(word.tag).source {
            TagSource::Register(register) => Some(register.kind),
            TagSource::Node(_) | TagSource::Field(_) => None,
        };
        let text = register.map(RegisterType::is_text);
        let fits = match (&value, text) {
            // Which recipes a word holds is looked at with those that there are.
            (_, None) | (ReplyValue::Reason | ReplyValue::Recipe, _) => true,
            (ReplyValue::Permit, Some(text)) => !text,
            (ReplyValue::Fixed(value), Some(text)) => text == matches!(value, Value::Text(_)),
        };
        if !fits {
            self.error(t, raw.span(), format!("`{}` cannot hold this answer", **name))
                .label(if text == Some(true) { "the tag is a text" } else { "the tag is no text" });
        }
        Some(Reply { word, value })
    }

    fn permit(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Handshake,
        asked: Option<&Spot<String>>,
    ) -> PermitCodes {
        let Some(permit) = &raw.permit else {
            if let Some(word) = asked.filter(|_| self.lacks(t, "permit", raw.permit.as_ref())) {
                self.error(t, word.span(), format!("`{}` replies `$permit` without codes", t.path))
                    .label("which number is ok, which is not?")
                    .help("write `permit = { ok = 1, nok = 2 }`");
            }
            return PermitCodes { ok: 1, nok: 0, rework: 0, unknown: 0 };
        };
        if asked.is_none() {
            self.warning(t, permit.span(), "`permit` is written nowhere")
                .label("no `$permit` in `reply`");
        }
        let code = |code: &Option<Spot<i64>>| code.as_ref().map(|code| **code);
        let (ok, nok) = (code(&permit.ok).unwrap_or(1), code(&permit.nok).unwrap_or(0));
        let rework = code(&permit.rework).unwrap_or(nok);
        let unknown = code(&permit.unknown).unwrap_or(nok);
        let refusals = [(&permit.nok, nok), (&permit.rework, rework), (&permit.unknown, unknown)];
        for (written, refused) in refusals {
            if let Some(written) = written.as_ref().filter(|_| refused == ok && permit.ok.is_some())
            {
                self.error(t, written.span(), format!("the code {refused} means ok as well"))
                    .label("the PLC could not tell them apart");
            }
        }
        PermitCodes { ok, nok, rework, unknown }
    }

    fn check_codes_fit<'c>(
        &mut self,
        t: &Table<'_>,
        codes: impl Iterator<Item = &'c Spot<i64>>,
        word: Word,
    ) {
        let tag = self.tags.get(word.tag);
        let (name, (low, high)) = match &tag.source {
            TagSource::Register(register) => {
                (tag.name.clone(), register.kind.whole().unwrap_or((i64::MIN, i64::MAX)))
            }
            TagSource::Node(_) | TagSource::Field(_) => return,
        };
        for code in codes {
            if !(low..=high).contains(&**code) {
                self.error(t, code.span(), format!("`{name}` cannot hold {}", **code))
                    .label(format!("the tag holds {low} to {high}"));
            }
        }
    }
}

fn is(value: &Spot<Scalar>, text: &str) -> bool {
    matches!(&**value, Scalar::Text(found) if found == text)
}
