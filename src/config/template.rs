//! Tables that stand for several: `for = { h = "1..4" }`. Before anything is read, such a table is
//! written out once for each value, `{h}` replaced in its name, its keys and its texts. `"*"` stands
//! for the names that the device's lock file has of the server.
use super::fault::{Place, Sink};
use super::resolve::explicit;
use crate::model::plant::NodeAddress;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Kinds of tables that may stand for several.
const KINDS: [&str; 3] = ["handshake", "mount", "monitor"];
const KEY: &str = "for";
/// Stands for the names that the server has.
const ALL: &str = "*";
/// More tables from one are a slip of the pen.
const COPIES_MAX: usize = 1_000;

/// The names below nodes, by device and name of the node without the device's `root`.
pub(super) type Children = BTreeMap<(String, String), Vec<String>>;

/// Names that only the server has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wildcard {
    /// Of which device.
    pub device: String,
    /// Below which node, without the device's `root`.
    pub parent: String,
}

/// The names that only the servers have, with the nodes that they stand below.
pub fn wildcards(files: &[(String, String)]) -> Vec<(Wildcard, NodeAddress)> {
    let (mut devices, mut found) = (BTreeMap::new(), BTreeSet::new());
    for (_, text) in files.iter().filter(|(name, _)| !name.ends_with(super::lock::ENDING)) {
        let (mut tree, _) = DeTable::parse_recoverable(text);
        let tree = tree.get_mut();
        if let Some(DeValue::Table(named)) = tree.get("device").map(Spanned::get_ref) {
            for (name, device) in named {
                let DeValue::Table(device) = device.get_ref() else { continue };
                let text = |key: &str| Some(device.get(key)?.get_ref().as_str()?.to_owned());
                let root = text("root").unwrap_or_default();
                devices.insert(name.get_ref().to_string(), (text("namespace"), root));
            }
        }
        // What is wrong with the files is found where they are loaded.
        found.extend(write_out(0, tree, &Children::new(), &mut Sink::default()));
    }
    let address = |wildcard: Wildcard| {
        let (namespace, root) = devices.get(&wildcard.device)?;
        let parent = &wildcard.parent;
        let identifier =
            if explicit(parent) { parent.clone() } else { format!("s={root}{parent}") };
        Some((wildcard, NodeAddress { namespace: namespace.clone()?, identifier }))
    };
    found.into_iter().filter_map(address).collect()
}

/// One value for each placeholder.
type Copy = Vec<(String, String)>;

/// Where a template stands, for faults and to find its names.
struct Site<'a> {
    file: usize,
    device: Option<String>,
    children: &'a Children,
    found: BTreeSet<Wildcard>,
}

/// Writes out the templates of a file. Gives the names that were asked of lock files.
pub(super) fn write_out(
    file: usize,
    tree: &mut DeTable<'_>,
    children: &Children,
    sink: &mut Sink,
) -> BTreeSet<Wildcard> {
    let mut site = Site { file, device: None, children, found: BTreeSet::new() };
    let Some(DeValue::Table(stations)) = tree.get_mut("station").map(Spanned::get_mut) else {
        return site.found;
    };
    for (_, station) in stations.iter_mut() {
        let DeValue::Table(station) = station.get_mut() else { continue };
        site.device = station.get("device").and_then(|d| d.get_ref().as_str()).map(str::to_owned);
        for kind in KINDS {
            if let Some(DeValue::Table(tables)) = station.get_mut(kind).map(Spanned::get_mut) {
                site.tables(tables, sink);
            }
        }
    }
    site.found
}

impl Site<'_> {
    fn tables(&mut self, tables: &mut DeTable<'_>, sink: &mut Sink) {
        for (name, mut value) in std::mem::take(tables) {
            let DeValue::Table(table) = value.get_mut() else {
                tables.insert(name, value);
                continue;
            };
            let Some(given) = table.remove(KEY) else {
                tables.insert(name, value);
                continue;
            };
            let mut starts = BTreeSet::from([name.span().start]);
            spans(table, &mut starts);
            sink.copied(self.file, starts);
            for copy in self.copies(&given, name.get_ref(), table, sink) {
                let written = Spanned::new(name.span(), Cow::Owned(named(name.get_ref(), &copy)));
                let mut fresh = value.clone();
                replace(&mut fresh, &copy);
                if tables.contains_key(&**written.get_ref()) {
                    let message = format!("two tables are called `{}`", written.get_ref());
                    self.error(sink, &name.span(), message, "one of them is written out by `for`");
                    continue;
                }
                tables.insert(written, fresh);
            }
        }
    }

    fn error(&self, sink: &mut Sink, span: &Range<usize>, message: String, label: &str) {
        let place = Place { file: self.file, span: span.clone() };
        sink.error(&place, message).label(label);
    }

    /// All ways to fill the placeholders: lists first, since the names that a PLC has may stand below one of them.
    fn copies(
        &mut self,
        given: &Spanned<DeValue<'_>>,
        name: &str,
        table: &DeTable<'_>,
        sink: &mut Sink,
    ) -> Vec<Copy> {
        let DeValue::Table(given) = given.get_ref() else { return Vec::new() };
        let mut holders = Vec::new();
        for (holder, list) in given {
            let DeValue::String(text) = list.get_ref() else { return Vec::new() };
            let mark = format!("{{{}}}", holder.get_ref());
            if !uses(table, &mark) {
                let message = format!("`{mark}` does not occur in `{name}`");
                let label = "each copy would be the same";
                self.error(sink, &holder.span(), message, label);
                return Vec::new();
            }
            holders.push((mark, text.as_ref(), list.span()));
        }
        holders.sort_by_key(|(_, text, _)| *text == ALL);
        let asked: Vec<_> = holders.iter().filter(|(_, text, _)| *text == ALL).collect();
        if let [_, (mark, _, span), ..] = asked.as_slice() {
            let message = format!("`{mark}` is the second `*` of `{name}`");
            self.error(sink, span, message, "the PLC is asked for the names below one node only");
            return Vec::new();
        }
        let mut copies: Vec<Copy> = vec![Vec::new()];
        for (mark, text, span) in &holders {
            let (mut more, mut failed) = (Vec::new(), false);
            for copy in copies {
                let values = match *text {
                    ALL => self.names((mark, &copy), span, table, sink),
                    text => listed(text).ok_or_else(|| {
                        let message = format!("`{text}` is no list of values");
                        let label = "wanted `1..4`, `L, R`, or `*` for what the PLC has";
                        self.error(sink, span, message, label);
                    }),
                };
                let Ok(values) = values else {
                    failed = true;
                    continue;
                };
                more.extend(values.into_iter().map(|value| {
                    let mut copy = copy.clone();
                    copy.push((mark.clone(), value));
                    copy
                }));
                if more.len() > COPIES_MAX {
                    let message = format!("`{name}` stands for more than {COPIES_MAX} tables");
                    self.error(sink, span, message, "too many");
                    return Vec::new();
                }
            }
            if failed {
                return Vec::new();
            }
            copies = more;
        }
        copies
    }

    /// The names that the lock file has for a placeholder.
    fn names(
        &mut self,
        (mark, copy): (&str, &Copy),
        span: &Range<usize>,
        table: &DeTable<'_>,
        sink: &mut Sink,
    ) -> Result<Vec<String>, ()> {
        let Some(parent) = texts(table).into_iter().find_map(|text| parent(text, mark)) else {
            let message = format!("`{mark}` is not a whole name between points");
            self.error(sink, span, message, "`*` stands for names below a node: `Feeders.{slot}`");
            return Err(());
        };
        let parent = filled(parent, copy).unwrap_or_else(|| parent.to_owned());
        // A station without a device is a fault of its own.
        let device = self.device.clone().ok_or(())?;
        let wildcard = Wildcard { device: device.clone(), parent: parent.clone() };
        self.found.insert(wildcard);
        self.children.get(&(device.clone(), parent.clone())).cloned().ok_or_else(|| {
            let place = Place { file: self.file, span: span.clone() };
            sink.error(&place, format!("which names stand below `{parent}` only the PLC knows"))
                .label("no lock file has them")
                .help(format!("ask it: `pedigree pin {device}`"));
        })
    }
}

/// What stands before the placeholder, if that is a whole step of the name.
fn parent<'t>(text: &'t str, mark: &str) -> Option<&'t str> {
    let (before, after) = text.split_once(mark)?;
    let (before, after) = match (before.strip_suffix('"'), after.strip_prefix('"')) {
        (Some(before), Some(after)) => (before, after),
        _ => (before, after),
    };
    let whole = after.is_empty() || after.starts_with('.');
    before.strip_suffix('.').filter(|_| whole)
}

/// `1..4`, `01..12`, `L, R`.
fn listed(text: &str) -> Option<Vec<String>> {
    if let Some((first, last)) = text.split_once("..") {
        let width = if first.starts_with('0') { first.len() } else { 0 };
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        let count = last.checked_sub(first)?;
        return (count < COPIES_MAX)
            .then(|| (first..=last).map(|n| format!("{n:0width$}")).collect());
    }
    let values: Vec<String> = text.split(',').map(|value| value.trim().to_owned()).collect();
    values.iter().all(|value| !value.is_empty() && value != ALL).then_some(values)
}

/// The name of a copy: its values stand behind the name if they are not in it.
fn named(name: &str, copy: &Copy) -> String {
    let mut written = name.to_owned();
    for (mark, value) in copy {
        written = if written.contains(mark) {
            written.replace(mark, value)
        } else {
            format!("{written}.{value}")
        };
    }
    written
}

fn uses(table: &DeTable<'_>, mark: &str) -> bool {
    texts(table).iter().any(|text| text.contains(mark))
}

/// All texts and keys of a table, in the order of its keys.
fn texts<'t>(table: &'t DeTable<'_>) -> Vec<&'t str> {
    let mut texts = Vec::new();
    for (key, value) in table {
        texts.push(&**key.get_ref());
        inner_texts(value.get_ref(), &mut texts);
    }
    texts
}

fn inner_texts<'t>(value: &'t DeValue<'_>, found: &mut Vec<&'t str>) {
    match value {
        DeValue::String(text) => found.push(text),
        DeValue::Array(list) => list.iter().for_each(|value| inner_texts(value.get_ref(), found)),
        DeValue::Table(table) => found.extend(texts(table)),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

/// Where the keys and values of a table begin.
fn spans(table: &DeTable<'_>, starts: &mut BTreeSet<usize>) {
    for (key, value) in table {
        starts.extend([key.span().start, value.span().start]);
        if let DeValue::Table(table) = value.get_ref() {
            spans(table, starts);
        }
    }
}

fn replace(value: &mut Spanned<DeValue<'_>>, copy: &Copy) {
    match value.get_mut() {
        DeValue::String(text) => {
            if let Some(filled) = filled(text, copy) {
                *text = Cow::Owned(filled);
            }
        }
        DeValue::Array(list) => list.iter_mut().for_each(|value| replace(value, copy)),
        DeValue::Table(table) => {
            for (key, mut value) in std::mem::take(table) {
                replace(&mut value, copy);
                let key = match filled(key.get_ref(), copy) {
                    Some(filled) => Spanned::new(key.span(), Cow::Owned(filled)),
                    None => key,
                };
                table.insert(key, value);
            }
        }
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}

/// The text with its placeholders filled, if it has any.
fn filled(text: &str, copy: &Copy) -> Option<String> {
    let used = copy.iter().any(|(mark, _)| text.contains(mark));
    used.then(|| copy.iter().fold(text.to_owned(), |text, (mark, value)| text.replace(mark, value)))
}
