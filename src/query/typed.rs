//! What a typed text may be, before anything is looked up.
use crate::model::label::{Pasted, pasted};
use crate::model::{Code, ItemKey};

/// What speaks for each thing that a text may be. A text may be several.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Typed {
    /// The full form of an item, alone or as a `NodeId`; two where what stands behind `#` may be a part of the code.
    pub(super) keys: Vec<ItemKey>,
    /// A code, as it stands and after what a scanner sends of the symbol.
    pub(super) codes: Vec<Code>,
    /// A label of GS1.
    pub(super) label: Option<Pasted>,
    /// How it was read, in words.
    pub(super) read_as: Vec<String>,
    /// What is wrong with it.
    pub(super) wrong: Vec<String>,
}

pub(super) fn typed(text: &str) -> Typed {
    let (keys, what) = keys(text);
    let label = pasted(text);
    let (whole, bare) = (Code::parse(text), without_symbol(text));
    let codes = whole.iter().cloned().chain(bare.and_then(|data| Code::parse(data).ok()));
    let codes: Vec<Code> = codes.collect();
    let mut of = Typed::default();
    of.read_as.extend(keys.iter().map(|key| format!("{what} {key}")));
    if let Some(reading) = label.as_ref().and_then(|label| label.reading.as_ref()) {
        of.read_as.push(format!("a label of GS1: {}", reading.words));
        if reading.items.is_empty() {
            let why = "it names no item: no serial (21), lot (10) or SSCC (00) is on it, and a GTIN (01) alone is the number of a product";
            of.wrong.push(why.to_owned());
        }
    }
    if let Some(fault) = label.as_ref().and_then(|label| label.fault.as_ref()) {
        let hint = fault.hint().map_or_else(String::new, |hint| format!(": {hint}"));
        of.wrong.push(format!("{fault}{hint}"));
    }
    if of.read_as.is_empty() && of.wrong.is_empty() {
        of.read_as.extend(codes.last().map(|code| format!("the code {code}")));
        of.wrong.extend(whole.err().filter(|_| codes.is_empty()).map(|why| why.to_string()));
    }
    Typed { keys, codes, label, ..of }
}

/// The items that a text is the full form of, and as what. Behind `#` stands a part of the node of an item; no full form
/// that we write has that sign, but one that is typed may.
fn keys(text: &str) -> (Vec<ItemKey>, &'static str) {
    let node = node(text);
    let (text, is_node) = (node.unwrap_or(text), node.is_some());
    let before = text.split_once('#').map(|(item, _)| item);
    let whole = Some(text).filter(|_| !is_node || before.is_none());
    let keys = whole.into_iter().chain(before).filter_map(|text| text.parse().ok());
    (keys.collect(), if is_node { "the NodeId of the item" } else { "the item" })
}

/// The identifier in the text form of a string `NodeId`: `s=…`, `ns=2;s=…`, `nsu=urn:…;s=…` (OPC UA Part 6, 5.3.1.10).
fn node(text: &str) -> Option<&str> {
    let text = text.trim_start();
    if let Some(identifier) = text.strip_prefix("s=") {
        return Some(identifier);
    }
    let (head, identifier) = text.split_once(";s=")?;
    let has_namespace = ["ns=", "nsu=", "svr="].iter().any(|name| head.starts_with(name));
    has_namespace.then_some(identifier)
}

/// What stands behind that which a scanner sends of its symbol: `]`, a letter and a character (ISO/IEC 15424).
fn without_symbol(text: &str) -> Option<&str> {
    let mut sent = text.chars();
    let of_symbol = sent.next() == Some(']')
        && sent.next().is_some_and(|c| c.is_ascii_alphabetic())
        && sent.next().is_some_and(|c| c.is_ascii_alphanumeric());
    of_symbol.then_some(sent.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_id_is_the_item_that_it_is_of() {
        for (text, item) in [
            ("s=u/site/SN-1", "u/site/SN-1"),
            ("ns=2;s=l/supplier/ACME/0001", "l/supplier/ACME/0001"),
            ("nsu=urn:pedigree:plant;s=c/gs1/340123450000000018#State", "c/gs1/340123450000000018"),
            ("svr=1;ns=2;s=u/site/SN-1#Steps/42/Station", "u/site/SN-1"),
            ("u/site/SN-1#Steps/42", "u/site/SN-1"),
        ] {
            assert_eq!(typed(text).keys, [item.parse().unwrap()], "{text}");
        }
        let two = ["u/site/A%23State", "u/site/A"].map(|item| item.parse().unwrap());
        assert_eq!(typed("u/site/A#State").keys, two);
        assert_eq!(typed("ns=2;i=2253").keys, []);
        assert_eq!(typed("a;s=u/site/SN-1").keys, []);
    }

    #[test]
    fn what_a_scanner_sends_of_its_symbol_is_no_part_of_a_code() {
        let codes =
            |text: &str| typed(text).codes.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(codes("]C0SN-1"), ["]C0SN-1", "SN-1"]);
        assert_eq!(codes("]d1SN-1"), ["]d1SN-1", "SN-1"]);
        assert_eq!(codes("]--SN-1"), ["]--SN-1"]);
        assert_eq!(codes("]C0"), ["]C0"]);
    }
}
