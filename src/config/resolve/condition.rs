//! Conditions: `w = v`, `w in a, b`, `w rises`, `w changes`.
use super::word::Use;
use super::{Resolver, Table};
use crate::config::similar;
use crate::config::spot::Spot;
use crate::model::Value;
use crate::model::plant::{Condition, TagSource, Test, Word};

/// Whether a condition may ask for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// For a state only.
    State,
    /// For a state or a change.
    StateOrChange,
    /// For what a field of a result is.
    Field,
}

/// A condition as it is written.
#[derive(Debug, PartialEq, Eq)]
enum Written<'a> {
    In(&'a str, Vec<&'a str>),
    Rises(&'a str),
    Changes(&'a str),
}

impl Resolver<'_> {
    /// The condition in a text.
    pub(super) fn condition(
        &mut self,
        t: &Table<'_>,
        raw: &Spot<String>,
        asks: Asks,
    ) -> Option<Condition> {
        let Some(written) = parse(raw) else {
            self.error(t, raw.span(), format!("`{}` is not a condition", **raw))
                .label("not a condition")
                .help("write `word = value`, `word in a, b`, `word rises` or `word changes`");
            return None;
        };
        let (name, values) = match &written {
            Written::In(name, values) => (*name, Some(values)),
            Written::Rises(name) | Written::Changes(name) => (*name, None),
        };
        let (wanted, use_) = match asks {
            Asks::State => (Some("a phase lasts while something *is*"), Use::Every),
            Asks::StateOrChange => (None, Use::Every),
            Asks::Field => (Some("a result does not change"), Use::Snapshot),
        };
        if let Some(why) = wanted.filter(|_| values.is_none()) {
            self.error(t, raw.span(), format!("`{}` asks for a change", **raw))
                .label("a state is wanted")
                .help(format!("{why}: write `word = value` or `word in a, b`"));
            return None;
        }
        let word = self.word(t, &raw.with(name.to_owned()), use_)?;
        let test = match written {
            Written::In(_, values) => {
                let values = values.into_iter().map(|value| self.compared(t, raw, word, value));
                Test::In(values.collect::<Vec<_>>().into_iter().collect::<Option<_>>()?)
            }
            Written::Rises(_) => Test::Rises,
            Written::Changes(_) => Test::Changes,
        };
        Some(Condition { word, test })
    }

    /// A value to compare a word with: a name of its values, a number, true, false or a text.
    fn compared(
        &mut self,
        t: &Table<'_>,
        raw: &Spot<String>,
        word: Word,
        text: &str,
    ) -> Option<Value> {
        let tag = self.tags.get(word.tag);
        let named = tag.names.iter().find(|(_, name)| *name == text);
        if let Some((value, _)) = named.filter(|_| word.bit.is_none()) {
            return Some(Value::Int(*value));
        }
        let numeric = match &tag.source {
            TagSource::Register(register) => !register.kind.is_text(),
            TagSource::Node(_) | TagSource::Field(_) => !tag.names.is_empty(),
        };
        if let Some(quoted) = unquoted(text) {
            return Some(Value::text(quoted));
        }
        let integer = text.parse().ok().map(Value::Int);
        let value = match text {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => integer,
        };
        if value.is_some() || !(numeric || word.bit.is_some()) {
            return value.or_else(|| Some(Value::text(text)));
        }
        let hint = if tag.names.is_empty() {
            "wanted a number, true or false; `names` of the tag gives its values names".to_owned()
        } else {
            similar::hint(text, "names of its values", tag.names.values().map(String::as_str))
        };
        let message = format!("`{}` has no value `{text}`", tag.name);
        self.error(t, raw.span(), message).label("no value of this name").help(hint);
        None
    }
}

fn parse(text: &str) -> Option<Written<'_>> {
    let text = text.trim();
    for (word, written) in
        [(" rises", Written::Rises as fn(_) -> _), (" changes", Written::Changes as fn(_) -> _)]
    {
        if let Some(name) = text.strip_suffix(word) {
            return Some(name.trim()).filter(|name| !name.is_empty()).map(written);
        }
    }
    // An explicit identifier has a `=` of its own behind its first letter.
    let from = if text.get(1..2) == Some("=") { 2 } else { 0 };
    let rest = text.get(from..)?;
    let equals = rest.find('=').map(|at| (at, 1));
    let within = rest.find(" in ").map(|at| (at, 4));
    let (at, len) = match (equals, within) {
        (Some(a), Some(b)) => a.min(b),
        (one, other) => one.or(other)?,
    };
    let name = text.get(..from + at)?.trim();
    let values = text.get(from + at + len..)?;
    let values: Vec<&str> =
        if len == 1 { vec![values.trim()] } else { values.split(',').map(str::trim).collect() };
    let whole = !name.is_empty() && values.iter().all(|value| !value.is_empty());
    whole.then_some(Written::In(name, values))
}

fn unquoted(text: &str) -> Option<&str> {
    ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_forms_of_a_condition() {
        assert_eq!(parse("step = heat"), Some(Written::In("step", vec!["heat"])));
        assert_eq!(parse("step=heat"), Some(Written::In("step", vec!["heat"])));
        assert_eq!(parse("step in heat, hold"), Some(Written::In("step", vec!["heat", "hold"])));
        assert_eq!(parse("Part_Count rises"), Some(Written::Rises("Part_Count")));
        assert_eq!(parse(" x changes "), Some(Written::Changes("x")));
        assert_eq!(parse("s=A.B = 3"), Some(Written::In("s=A.B", vec!["3"])));
        assert_eq!(parse("w in a=b"), Some(Written::In("w", vec!["a=b"])));
    }

    #[test]
    fn what_is_no_condition_is_none() {
        for text in ["", "step", "= 3", "step =", "step in", "step in a,,b", " rises", "step > 3"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
