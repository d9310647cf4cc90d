//! A file is walked along its schema: unknown keys, wrong types, missing keys, wrong words, numbers
//! out of bounds. All of them, not the first.
//!
//! What is wrong is taken out of the tree, so that the rest can be read and checked further.
use super::fault::{Place, Sink};
use super::schema::Part;
use super::{later, similar};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

/// The walk through one file.
pub(super) struct Walk<'a> {
    pub(super) file: usize,
    pub(super) sink: &'a mut Sink,
    /// What was taken out, or misspelt: where its table's key begins, and its own.
    pub(super) taken: BTreeSet<(usize, String)>,
}

impl Walk<'_> {
    /// Walks a table: `at` is where a missing key is reported, `path` its dotted name.
    pub(super) fn table(
        &mut self,
        table: &mut DeTable<'_>,
        at: &Range<usize>,
        part: Part<'_>,
        path: &str,
    ) {
        let mut wrong = Vec::new();
        for (key, value) in table.iter_mut() {
            let name: &str = key.get_ref();
            let under = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            if let Some(part) = part.entry().or_else(|| part.key(name)) {
                if self.value(value, &key.span(), part, &under) {
                    continue;
                }
            } else {
                // What was meant is misspelt, not missing.
                let meant = similar::nearest(name, part.keys().map(|(key, ..)| key));
                self.taken.extend(meant.map(|key| (at.start, key.to_owned())));
                self.unknown_key(name, &key.span(), part, path);
            }
            wrong.push(name.to_owned());
        }
        for key in wrong {
            table.remove(key.as_str());
            self.taken.insert((at.start, key));
        }
        self.missing_keys(table, at, part, path);
    }

    fn missing_keys(&mut self, table: &DeTable<'_>, at: &Range<usize>, part: Part<'_>, path: &str) {
        for key in part.required() {
            if table.contains_key(key) || self.taken.contains(&(at.start, key.to_owned())) {
                continue;
            }
            let message = match path {
                "" => format!("the file has no `{key}`"),
                _ => format!("`{path}` has no `{key}`"),
            };
            let example = part.key(key).and_then(Part::example);
            let example = example.map(|value| format!("such as `{key} = {value}`"));
            self.error(at, message).label(format!("`{key}` is required")).maybe_help(example);
        }
    }

    fn unknown_key(&mut self, key: &str, span: &Range<usize>, part: Part<'_>, path: &str) {
        let place = match path {
            "" => "the file".to_owned(),
            _ => format!("`{path}`"),
        };
        if let Some(reason) = later::key(part.name, key) {
            let message = format!("`{key}` in {place} is not supported by this version");
            self.error(span, message).label("not supported yet").help(reason);
            return;
        }
        let hint = similar::hint(key, "keys", part.keys().map(|(name, ..)| name));
        self.error(span, format!("{place} has no key `{key}`")).label("unknown key").help(hint);
    }

    /// Walks a value and says whether it may stay.
    fn value(
        &mut self,
        value: &mut Spanned<DeValue<'_>>,
        key: &Range<usize>,
        part: Part<'_>,
        path: &str,
    ) -> bool {
        let span = value.span();
        let forms = part.forms();
        let found = json_type(value.get_ref());
        let fits = |form: &&Part<'_>| {
            let types = form.types();
            types.contains(&found) || (found == "integer" && types.contains(&"number"))
        };
        let Some(form) = forms.iter().find(fits).copied() else {
            self.wrong_type(value.get_ref(), &span, &forms, path);
            return false;
        };
        match value.get_mut() {
            DeValue::Table(table) => self.table(table, key, form, path),
            DeValue::Array(list) => {
                let Some(item) = form.item() else { return true };
                let mut all = true;
                for value in list.iter_mut() {
                    let span = value.span();
                    all &= self.value(value, &span, item, path);
                }
                return all;
            }
            DeValue::String(text) => return self.word(text, &span, form, path),
            DeValue::Integer(number) => return self.integer(number, &span, form, path),
            DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
        }
        true
    }

    fn word(&mut self, text: &str, span: &Range<usize>, part: Part<'_>, path: &str) -> bool {
        let words = part.words();
        if words.is_empty() || words.contains(&text) {
            return true;
        }
        let hint = similar::hint(text, "valid", words);
        self.error(span, format!("`{path}` cannot be `{text}`"))
            .label("not one of its words")
            .help(hint);
        false
    }

    fn integer(
        &mut self,
        number: &DeInteger<'_>,
        span: &Range<usize>,
        part: Part<'_>,
        path: &str,
    ) -> bool {
        let (least, most) = part.bounds();
        let value = i64::from_str_radix(number.as_str(), number.radix()).ok();
        if value.is_some_and(|value| (least..=most).contains(&value)) {
            return true;
        }
        let wanted = match (least, most) {
            (least, most) if least == most => format!("it must be {least}"),
            (i64::MIN, _) => "it must fit 64 bits".to_owned(),
            (least, i64::MAX) => format!("it must be at least {least}"),
            (least, most) => format!("it must be from {least} to {most}"),
        };
        let newer = (path == "schema")
            .then(|| "run the version that the file was written for, or a newer one".to_owned());
        self.error(span, format!("`{path}` is {number}; {wanted}"))
            .label("out of bounds")
            .maybe_help(newer);
        false
    }

    fn wrong_type(
        &mut self,
        value: &DeValue<'_>,
        span: &Range<usize>,
        forms: &[Part<'_>],
        path: &str,
    ) {
        let mut wanted: Vec<&str> =
            forms.iter().flat_map(|form| form.types()).map(in_words).collect();
        wanted.dedup();
        if wanted.contains(&"a number") {
            wanted.retain(|word| *word != "a whole number");
        }
        let mut message = format!("`{path}` is {}; wanted {}", shown(value), wanted.join(" or "));
        if let Some(example) = forms.iter().find_map(|form| form.example()) {
            let _ = write!(message, " such as `{example}`");
        }
        let help = (!matches!(value, DeValue::Table(_) | DeValue::Array(_))
            && forms.iter().any(|form| form.text("format") == Some("time-span")))
        .then_some("a duration is a text with its unit: ms, s, m, h or d".to_owned());
        // TOML takes a dot without quotes for a table in a table.
        let dotted = matches!(value, DeValue::Table(_)) && path.starts_with("test.");
        let help = help.or(dotted
            .then(|| "a name with a dot stands in quotes: `\"In.Serial\" = \"SN-1\"`".to_owned()));
        self.error(span, message).label("wrong type").maybe_help(help);
    }

    fn error(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
    ) -> &mut super::fault::Fault {
        let place = Place { file: self.file, span: span.clone() };
        self.sink.error(&place, message)
    }
}

/// Reports what is not TOML, once a line: the second fault of a line follows from the first.
pub(super) fn syntax(file: usize, text: &str, errors: &[toml::de::Error], sink: &mut Sink) {
    let mut last = None;
    for error in errors {
        let span = error.span().unwrap_or_default();
        let line = text.bytes().take(span.start).filter(|b| *b == b'\n').count();
        if last.replace(line) != Some(line) {
            let message = format!("this is not TOML: {}", error.message());
            sink.error(&Place { file, span }, message).label("here");
        }
    }
}

fn json_type(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "object",
        DeValue::Datetime(_) => "date",
    }
}

fn in_words(json: &str) -> &str {
    match json {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a table",
        other => other,
    }
}

fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => "a text".to_owned(),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {}", number.as_str()),
        DeValue::Boolean(value) => format!("`{value}`"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
        DeValue::Datetime(_) => "a date".to_owned(),
    }
}
