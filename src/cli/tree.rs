//! Drawing a trace as a tree: wholes above parts when looking back, parts above wholes when looking
//! forward. An item reached twice is drawn once and pointed to afterwards.
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Brothers of one class beyond this are counted, not listed, unless all are asked for.
const BROTHERS_MAX: usize = 12;

/// The links of a trace by the item that they lead away from.
struct Tree<'a> {
    next: BTreeMap<&'a str, Vec<&'a Value>>,
    nodes: BTreeMap<&'a str, &'a Value>,
    far: &'static str,
    drawn: BTreeSet<&'a str>,
    all: bool,
    lines: Vec<String>,
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn array<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// The lines of the tree below its root.
pub(super) fn draw(trace: &Value, all: bool) -> Vec<String> {
    let (near, far) =
        if text(trace, "direction") == "forward" { ("part", "whole") } else { ("whole", "part") };
    let mut next: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for link in array(trace, "links") {
        next.entry(text(link, near)).or_default().push(link);
    }
    let nodes = array(trace, "nodes").map(|n| (text(n, "item"), n)).collect();
    let mut tree = Tree { next, nodes, far, drawn: BTreeSet::new(), all, lines: Vec::new() };
    tree.below(text(trace, "root"), "");
    tree.lines
}

impl<'a> Tree<'a> {
    fn below(&mut self, item: &'a str, indent: &str) {
        if !self.drawn.insert(item) {
            return;
        }
        let links = self.next.get(item).cloned().unwrap_or_default();
        let shown = if self.all { links.len() } else { links.len().min(BROTHERS_MAX) };
        for (i, link) in links.iter().take(shown).enumerate() {
            let last = i.saturating_add(1) == links.len();
            let (branch, deeper) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let other = text(link, self.far);
            let known = self.drawn.contains(other) && self.next.contains_key(other);
            let again = if known { "  (shown above)" } else { "" };
            self.lines.push(format!("{indent}{branch}{}{again}", self.label(link, other)));
            self.below(other, &format!("{indent}{deeper}"));
        }
        if links.len() > shown {
            let more = links.len().saturating_sub(shown);
            self.lines.push(format!("{indent}└─ … and {more} more; --all shows them"));
        }
    }

    fn label(&self, link: &Value, item: &str) -> String {
        let node = self.nodes.get(item);
        let mut label = format!("{item}  {}", text(link, "kind"));
        if let Some(amount) = link.get("amount").filter(|a| !a.is_null()) {
            label.push_str(&format!("  {}", super::words::amount(amount)));
        }
        for (key, before) in [("place", "at "), ("certainty", "")] {
            let word = text(link, key);
            if !word.is_empty() && word != "certain" {
                label.push_str(&format!("  {before}{word}"));
            }
        }
        if let Some(product) = node.map(|n| text(n, "product")).filter(|p| !p.is_empty()) {
            label.push_str(&format!("  ({product})"));
        }
        label.trim_end().to_owned()
    }
}
