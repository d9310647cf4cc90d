//! Lock files: how the words of a device lay on its server when a person looked. Written by
//! `pedigree pin`, beside the plant files and part of the plant; nobody writes them by hand.
use super::fault::{Place, Sink};
use super::spot::{Keyed, Scalar, Spot};
use crate::model::plant::Layout;
use crate::model::{DeviceId, TagName, Value};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How the names of lock files end.
pub const ENDING: &str = ".lock";
/// The form that is written, and the only one that is read; a file that does not say has it.
const SCHEMA: i64 = 1;

/// What a lock file of any form says of itself.
#[derive(Debug, Deserialize)]
struct Form {
    schema: Option<Spot<i64>>,
}

/// A lock file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    /// Its form.
    #[serde(rename = "schema")]
    #[expect(dead_code, reason = "it is looked at before anything else is read")]
    form: Option<i64>,
    /// Whose words.
    pub(super) device: Spot<String>,
    /// What version of the PLC interface they belong to.
    pub(super) interface: Option<Spot<Scalar>>,
    /// What stands below the nodes of `*`.
    #[serde(default)]
    pub(super) children: Keyed<Vec<String>>,
    /// The words by name.
    #[serde(default)]
    pub(super) words: Keyed<Word>,
}

/// One word of a lock file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Word {
    node: String,
    #[serde(default)]
    part: String,
    r#type: String,
    #[serde(default)]
    bounds: Vec<u32>,
}

impl Word {
    pub(super) fn layout(&self) -> Layout {
        Layout {
            node: self.node.clone(),
            part: self.part.clone(),
            data_type: self.r#type.clone(),
            bounds: self.bounds.clone(),
        }
    }
}

/// Reads a lock file, or reports that it is none.
pub(super) fn read(file: usize, text: &str, sink: &mut Sink) -> Option<Lock> {
    // Of another form nothing but this can be expected to be as it is here.
    if let Ok(Form { schema: Some(schema) }) = toml::from_str(text)
        && *schema != SCHEMA
    {
        let (span, found) = (schema.span(), *schema);
        sink.error(&Place { file, span }, format!("this lock file has schema {found}; it must be {SCHEMA}"))
            .label("another form")
            .help("run the version that wrote it, or a newer one; or write it anew: `pedigree pin DEVICE`");
        return None;
    }
    toml::from_str(text)
        .map_err(|error: toml::de::Error| {
            let span = error.span().unwrap_or_default();
            sink.error(&Place { file, span }, format!("this is no lock file: {}", error.message()))
                .label("not as `pedigree pin` writes it")
                .help("delete the file, or write it anew: `pedigree pin DEVICE`");
        })
        .ok()
}

/// The name of the lock file of a device.
pub fn name(device: &DeviceId) -> String {
    format!("{device}{ENDING}")
}

/// The text of a lock file. The same words give the same text.
pub fn text(
    device: &DeviceId,
    interface: Option<&Value>,
    children: &BTreeMap<String, Vec<String>>,
    words: &BTreeMap<TagName, Layout>,
) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let mut out = format!("# Written by `pedigree pin {device}`; not by hand.\n");
    let mut line = |text: std::fmt::Arguments<'_>| {
        out.write_fmt(text).expect("writing into a String does not fail");
    };
    line(format_args!("schema = {SCHEMA}\n"));
    line(format_args!("device = {}\n", quoted(device.as_str())));
    match interface {
        Some(Value::Text(text)) => line(format_args!("interface = {}\n", quoted(text))),
        Some(value) => line(format_args!("interface = {value}\n")),
        None => {}
    }
    if !children.is_empty() {
        line(format_args!("\n[children]\n"));
    }
    for (parent, names) in children {
        let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
        line(format_args!("{} = [{}]\n", quoted(parent), names.join(", ")));
    }
    line(format_args!("\n[words]\n"));
    for (name, Layout { node, part, data_type, bounds }) in words {
        let (name, node, of) = (quoted(name.as_str()), quoted(node), quoted(data_type));
        line(format_args!("{name} = {{ node = {node}, type = {of}"));
        if !part.is_empty() {
            line(format_args!(", part = {}", quoted(part)));
        }
        if !bounds.is_empty() {
            line(format_args!(", bounds = {bounds:?}"));
        }
        line(format_args!(" }}\n"));
    }
    out
}
