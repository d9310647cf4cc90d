//! Where a word is on a server: a node, or a part of what a node holds. Pure.
use ::opcua::types::{ExtensionObject, NodeId, Variant, custom::DynamicStructure};
use std::fmt;

/// Names as long as this are no names of a PLC.
const CUTS_MAX: usize = 32;

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// A field of a structure.
    Field(String),
    /// An element of an array, from 0.
    Element(usize),
}

/// Where a word is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// The node that is read.
    pub(super) node: NodeId,
    /// From its value to the word; none if the word is the whole value.
    pub(super) parts: Vec<Part>,
}

impl Place {
    /// A word that has a node to itself.
    pub(super) fn whole(node: NodeId) -> Self {
        Self { node, parts: Vec::new() }
    }

    /// Whether other words may be in the same value.
    pub(super) fn is_part(&self) -> bool {
        !self.parts.is_empty()
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Element(index) => write!(f, "[{index}]"),
        }
    }
}

/// Parts as they are written behind the name of their node.
pub(super) fn shown(parts: &[Part]) -> String {
    parts.iter().map(ToString::to_string).collect()
}

/// The ways to take an identifier for a node and a part of its value, the longest node first:
/// `s=Res.Slots[3].Serial` may be `Serial` in the element of the node `Res.Slots`.
pub(super) fn cuts(identifier: &str) -> Vec<(&str, Vec<Part>)> {
    let (mut quoted, mut cuts) = (false, Vec::new());
    for (at, char) in identifier.char_indices().skip(2) {
        match char {
            '"' => quoted = !quoted,
            '.' | '[' if !quoted => cuts.push(at),
            _ => {}
        }
    }
    let cuts = cuts.into_iter().rev().take(CUTS_MAX);
    cuts.filter_map(|at| {
        let (node, rest) = identifier.split_at(at);
        (node.len() > 2).then_some((node, parts(rest)?))
    })
    .collect()
}

/// The names of an identifier as a path of browse names, if it is nothing else.
pub(super) fn browse_path(identifier: &str) -> Option<Vec<Part>> {
    let name = identifier.strip_prefix("s=")?;
    parts(&format!(".{name}"))
}

/// `.Name` and `[3]`, one after the other; names may stand in quotation marks.
fn parts(rest: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = rest;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (index, after) = inside.split_once(']')?;
            parts.push(Part::Element(index.parse().ok()?));
            rest = after;
            continue;
        }
        let named = rest.strip_prefix('.')?;
        let (name, after) = match named.strip_prefix('"') {
            Some(inside) => inside.split_once('"')?,
            None => named.split_at(named.find(['.', '[']).unwrap_or(named.len())),
        };
        if name.is_empty() {
            return None;
        }
        parts.push(Part::Field(name.to_owned()));
        rest = after;
    }
    Some(parts)
}

/// The part of a value; `None` if it has no such part.
pub(super) fn part<'a>(variant: &'a Variant, parts: &[Part]) -> Option<&'a Variant> {
    let Some((first, rest)) = parts.split_first() else { return Some(variant) };
    let inner = match (first, variant) {
        (Part::Field(name), Variant::ExtensionObject(object)) => field(object, name)?,
        (Part::Element(index), Variant::Array(array)) => array.values.get(*index)?,
        // An array of structures may come as an array of variants that hold them.
        (_, Variant::Variant(inner)) => return part(inner, parts),
        _ => return None,
    };
    part(inner, rest)
}

fn field<'a>(object: &'a ExtensionObject, name: &str) -> Option<&'a Variant> {
    object.inner_as::<DynamicStructure>()?.get_field_by_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(identifier: &str) -> Vec<(String, String)> {
        let shown = |(node, parts): (&str, Vec<Part>)| (node.to_owned(), shown(&parts));
        cuts(identifier).into_iter().map(shown).collect()
    }

    fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
        wanted.iter().map(|(node, parts)| ((*node).to_owned(), (*parts).to_owned())).collect()
    }

    #[test]
    fn an_identifier_is_cut_at_its_points_and_brackets_longest_node_first() {
        let wanted = pairs(&[
            ("s=Res.Slots[3]", ".Serial"),
            ("s=Res.Slots", "[3].Serial"),
            ("s=Res", ".Slots[3].Serial"),
        ]);
        assert_eq!(cut("s=Res.Slots[3].Serial"), wanted);
        assert_eq!(cut("i=1001.Serial"), pairs(&[("i=1001", ".Serial")]));
        let quoted = r#"s="DB.Trace"."Res"[2]."Serial No""#;
        let wanted = pairs(&[
            (r#"s="DB.Trace"."Res"[2]"#, ".Serial No"),
            (r#"s="DB.Trace"."Res""#, "[2].Serial No"),
            (r#"s="DB.Trace""#, ".Res[2].Serial No"),
        ]);
        assert_eq!(cut(quoted), wanted);
    }

    #[test]
    fn what_is_no_path_is_not_cut() {
        for whole in ["s=Count", "i=1001", "s=", "s=.", "s=A.", "s=A[x]", "s=A[1", "s=A[-1]"] {
            assert_eq!(cut(whole), pairs(&[]), "{whole}");
        }
        assert_eq!(browse_path("i=1001"), None);
        let steps = browse_path("s=Feeders.F1.ReelId").map(|parts| shown(&parts));
        assert_eq!(steps.as_deref(), Some(".Feeders.F1.ReelId"));
    }

    #[test]
    fn an_element_that_is_not_there_is_no_value() {
        let array = Variant::from(vec![1u16, 2, 3]);
        assert_eq!(part(&array, &[Part::Element(2)]), Some(&Variant::UInt16(3)));
        assert_eq!(part(&array, &[Part::Element(3)]), None);
        assert_eq!(part(&array, &[Part::Field("a".to_owned())]), None);
        assert_eq!(part(&Variant::UInt16(3), &[Part::Element(0)]), None);
    }
}
