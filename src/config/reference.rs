//! The reference of all keys, `docs/config.md`, made from the schema.
use super::later;
use super::schema::{self, Part};
use crate::bench;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;

const HEAD: &str = "\
# Configuration

This page is generated from the code: `UPDATE=1 cargo test --lib config::` writes it anew.

Two kinds of files: `pedigree.toml` tells the daemon where things lie; each file in `plant.d/` describes
one PLC: the *device* (how to talk to it) and the *stations* (what its words mean). An unknown key is an
error, and all errors are reported at once. `config/` has examples; `config/pedigree.schema.json` is the
JSON Schema for editors (`#:schema` in the first line of a plant file names it for Taplo).

**Durations** are texts with a unit: `500ms`, `2s`, `5m`, `8h`, `30d`. **Units of measure** are UCUM
codes: `Cel`, `N.m`, `kg`, `/min`. **Tables** written as `name` below take any name.
";

const NAMES: &str = "\
## Words

A word is named as a tag of the device. On OPC UA a name is `root`, `node` and a dot, then the name, as
a string identifier in the device's `namespace`; `i=1001`, `s=…`, `g=…` and `b=…` are taken as they
stand, `ns=3` is refused because indexes move. On Modbus every name is a key of `tags`. `tag.bit` is a
named bit of a tag. Naming a word as `ack`, `reply` or `heartbeat.host` is what makes it writable;
nothing else is ever written. What is read with a request follows from what its event uses.

Conditions are `word = value`, `word in a, b`, `word rises` and `word changes`; a value is a name from
`names` of the tag, a whole number, `true`, `false`, or a text.
";

const TESTS: &str = "\
## Tests

`[[test]]` blocks stand in the plant file that they are about; `pedigree test FILES` plays them against the
engine that runs in the plant, without a PLC. Words begin as after power-up: numbers 0, texts empty, bits
off; the first contact lies before the first step. All words of one step are set at once, a second after the
step before; a request of the PLC is a step that counts its word up, or sets its bit. Words have the names
that they have in the file, with `node` and a dot before: `\"In.Serial\"`; a word of another file is
`\"device/word\"`. A name from `names` stands for its number.

`expect` is the whole story: every event of handshakes, phases and mounts, every quarantine and gap, in order.
Of each only what is written is compared. A table without `event` lists words that were written after the
event before it and before the next. `expect = []` says that nothing happens. A minute passes after the last
step.

An event is told by these keys, and by `\"values.X\"` for a measurement:

| key | |
|---|---|
";

/// The reference as Markdown.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n## Plant files\n");
    let plant = schema::plant();
    tables(&mut page, &plant, "the file");
    page.push('\n');
    page.push_str(NAMES);
    page.push('\n');
    page.push_str(super::labels::CHAPTER);
    page.push_str(super::patterns::CHAPTER);
    page.push_str(super::inherited::CHAPTER);
    page.push_str(&super::permits::markdown());
    page.push_str(TESTS);
    for (key, tells) in bench::FIELDS {
        let _ = writeln!(page, "| `{key}` | {tells} |");
    }
    page.push_str("\n## The daemon's file\n\n");
    page.push_str(
        "Defaults, then the file, then the environment: `PEDIGREE__HTTP__LISTEN` is `http.listen`. \
         Paths are relative\nto the folder of the file.\n",
    );
    let daemon = schema::daemon();
    tables(&mut page, &daemon, "the file");
    page.push_str("\n## Not supported by this version\n\n");
    page.push_str(
        "These keys are refused, with the reason:\n\n| table | key | reason |\n|---|---|---|\n",
    );
    for (table, key, reason) in later::keys() {
        let _ = writeln!(page, "| {} | `{key}` | {reason} |", words(table));
    }
    page
}

/// The tables of a schema, each once, in the order in which they are first met.
fn tables(page: &mut String, schema: &Value, root: &str) {
    let mut waiting = vec![(root.to_owned(), Part::root(schema))];
    let mut done = BTreeSet::new();
    while let Some((name, part)) = waiting.first().cloned() {
        waiting.remove(0);
        if !done.insert(part.name) {
            continue;
        }
        let _ =
            writeln!(page, "\n### {name}\n\n{}\n", part.text("description").unwrap_or_default());
        page.push_str("| key | value | default | |\n|---|---|---|---|\n");
        let required: BTreeSet<&str> = part.required().collect();
        for (key, under, property) in part.keys() {
            row(page, key, under, property, required.contains(key));
            waiting.extend(below(key, under));
        }
    }
}

/// Tables under a key.
fn below<'a>(key: &str, part: Part<'a>) -> Vec<(String, Part<'a>)> {
    let mut found = Vec::new();
    for form in part.forms() {
        let (name, form) = match (form.entry(), form.item()) {
            (Some(entry), _) => (format!("{key}.name"), entry),
            (None, Some(item)) => (key.to_owned(), item),
            (None, None) => (key.to_owned(), form),
        };
        let tables = form.forms().into_iter().filter(|form| form.keys().next().is_some());
        found.extend(tables.map(|form| (format!("`{name}`"), form)));
    }
    found
}

fn row(page: &mut String, key: &str, part: Part<'_>, property: &Value, required: bool) {
    let of = |keyword: &str| property.get(keyword);
    let default = match of("default") {
        Some(value) => format!("`{value}`"),
        None if required => "required".to_owned(),
        None => String::new(),
    };
    let text = of("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
    let mut text = text.replace('|', "\\|");
    for form in part.forms() {
        for (word, meaning) in form.described_words() {
            let _ = write!(text, " `{word}`: {}", meaning.replace('\n', " "));
        }
    }
    let plain = part.text("format") != Some("time-span");
    if let Some(example) = of("examples").and_then(|list| list.get(0)).filter(|_| plain) {
        let _ = write!(text, " Example: `{example}`.");
    }
    let _ = writeln!(page, "| `{key}` | {} | {default} | {text} |", shape(part));
}

/// What a value is, in words.
fn shape(part: Part<'_>) -> String {
    let mut shapes: Vec<String> = Vec::new();
    for form in part.forms() {
        if !form.words().is_empty() {
            shapes.push("word".to_owned());
            continue;
        }
        for json in form.types() {
            let shape = match json {
                "string" if form.text("format") == Some("time-span") => "duration".to_owned(),
                "string" => "text".to_owned(),
                "integer" => integer(form),
                "number" => "number".to_owned(),
                "boolean" => "`true`, `false`".to_owned(),
                "array" => {
                    let item = form.item().map(shape).unwrap_or_default();
                    format!("list of {item}")
                        .replace("of table", "of tables")
                        .replace("tabless", "tables")
                }
                _ => match form.entry() {
                    Some(entry) => format!("tables by name: {}", shape(entry)),
                    None => "table".to_owned(),
                },
            };
            shapes.push(shape);
        }
    }
    if shapes.iter().any(|shape| shape == "number") {
        shapes.retain(|shape| shape != "integer");
    }
    shapes
        .join(" or ")
        .replace("tables by name: tables by name: text", "tables of texts by name")
        .replace("tables by name: table", "tables by name")
        .replace("tables by name: text or tables by name", "tables or texts by name")
}

fn integer(form: Part<'_>) -> String {
    match form.bounds() {
        (i64::MIN, _) | (_, i64::MAX) => "integer".to_owned(),
        (least, most) if most == i64::from(u32::MAX) => format!("at least {least}"),
        (least, most) if least == most => format!("{least}"),
        (least, most) => format!("{least} to {most}"),
    }
}

fn words(table: &str) -> String {
    match table {
        "PlantFile" => "the file".to_owned(),
        "Measurement" => "`values`".to_owned(),
        "Tag" => "`tags`".to_owned(),
        _ => format!("`{}`", table.to_lowercase()),
    }
}
