//! JSON Schema of the files, made from the types that they are read into.
//!
//! One schema serves three readers: editors (`config/pedigree.schema.json`), the walk that finds
//! unknown keys and wrong types, and the reference in `docs/config.md`. So none of them can drift.
use super::{daemon, raw};
use schemars::JsonSchema;
use serde_json::Value;

/// The schema of a plant file.
pub fn plant() -> Value {
    of::<raw::PlantFile>()
}

/// The schema of `pedigree.toml`.
pub fn daemon() -> Value {
    of::<daemon::File>()
}

fn of<T: JsonSchema>() -> Value {
    let mut schema = schemars::schema_for!(T).to_value();
    drop_null(&mut schema);
    schema
}

/// TOML has no null; a key that may be left out is one that is not required.
fn drop_null(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(drop_null);
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|of| of != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(values)) = map.get_mut("enum") {
                values.retain(|value| !value.is_null());
            }
            if let Some(Value::Array(of)) = map.get_mut("anyOf") {
                of.retain(|one| one.get("type").is_none_or(|of| of != "null"));
                if let [Value::Object(only)] = of.as_slice() {
                    let only = only.clone();
                    map.remove("anyOf");
                    map.extend(only);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(drop_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A part of a schema, its `$ref` followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    root: &'a Value,
    here: &'a Value,
    /// Name of the definition that a `$ref` led to; empty for others.
    pub(super) name: &'a str,
}

impl<'a> Part<'a> {
    /// The whole schema.
    pub(super) fn root(root: &'a Value) -> Self {
        let name = root.get("title").and_then(Value::as_str).unwrap_or_default();
        Self { root, here: root, name }
    }

    fn follow(self, here: &'a Value) -> Self {
        const DEFS: &str = "#/$defs/";
        let target = here.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix(DEFS));
        let Some(name) = target else { return Self { here, name: "", ..self } };
        match self.root.get("$defs").and_then(|defs| defs.get(name)) {
            Some(here) => Self { here, name, ..self },
            None => Self { here, name: "", ..self },
        }
    }

    /// The keys that a table may have, with what is under them; the second is the raw property,
    /// which carries the description of the key.
    pub(super) fn keys(self) -> impl Iterator<Item = (&'a str, Self, &'a Value)> {
        let properties = self.here.get("properties").and_then(Value::as_object);
        properties.into_iter().flatten().map(move |(k, v)| (k.as_str(), self.follow(v), v))
    }

    /// What is under one key of a table.
    pub(super) fn key(self, key: &str) -> Option<Self> {
        self.here.get("properties")?.get(key).map(|here| self.follow(here))
    }

    /// What is under every key of a table whose keys are names.
    pub(super) fn entry(self) -> Option<Self> {
        self.here.get("additionalProperties").filter(|v| v.is_object()).map(|v| self.follow(v))
    }

    /// What each element of a list is.
    pub(super) fn item(self) -> Option<Self> {
        self.here.get("items").map(|here| self.follow(here))
    }

    /// Keys that a table must have.
    pub(super) fn required(self) -> impl Iterator<Item = &'a str> {
        let list = self.here.get("required").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    }

    /// The forms that a value may have, this one if there is no choice.
    pub(super) fn forms(self) -> Vec<Self> {
        match self.here.get("anyOf").and_then(Value::as_array) {
            Some(forms) => forms.iter().map(|form| self.follow(form)).collect(),
            None => vec![self],
        }
    }

    /// Names of the JSON types of this form.
    pub(super) fn types(self) -> Vec<&'a str> {
        match self.here.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(some)) => some.iter().filter_map(Value::as_str).collect(),
            _ if self.words().is_empty() => Vec::new(),
            _ => vec!["string"],
        }
    }

    /// The words that a string may be; empty if any.
    pub(super) fn words(self) -> Vec<&'a str> {
        let listed = self.here.get("enum").and_then(Value::as_array).into_iter().flatten();
        let single = self.here.get("oneOf").and_then(Value::as_array).into_iter().flatten();
        let single = single.flat_map(|one| {
            let list = one.get("enum").and_then(Value::as_array).into_iter().flatten();
            one.get("const").into_iter().chain(list)
        });
        listed.chain(single).filter_map(Value::as_str).collect()
    }

    /// Least and greatest whole number.
    pub(super) fn bounds(self) -> (i64, i64) {
        let format = match self.here.get("format").and_then(Value::as_str) {
            Some("uint8") => (0, u8::MAX.into()),
            Some("uint16") => (0, u16::MAX.into()),
            Some("uint32") => (0, u32::MAX.into()),
            _ => (i64::MIN, i64::MAX),
        };
        let said = |key: &str| self.here.get(key).and_then(Value::as_i64);
        (said("minimum").unwrap_or(format.0), said("maximum").unwrap_or(format.1))
    }

    /// A value that would be right.
    pub(super) fn example(self) -> Option<&'a Value> {
        self.here.get("examples").and_then(|list| list.get(0))
    }

    /// A keyword of this part as text.
    pub(super) fn text(self, keyword: &str) -> Option<&'a str> {
        self.here.get(keyword).and_then(Value::as_str)
    }

    /// The parts of a choice of words that have a description of their own.
    pub(super) fn described_words(self) -> Vec<(&'a str, &'a str)> {
        let of = self.here.get("oneOf").and_then(Value::as_array).into_iter().flatten();
        of.filter_map(|one| Some((one.get("const")?.as_str()?, one.get("description")?.as_str()?)))
            .collect()
    }
}
