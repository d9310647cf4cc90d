//! GS1 Digital Link: the same identifiers as a web address (GS1 Digital Link Standard: URI Syntax).
use super::gs1::{Element, Gs1Fault};
use super::identifier::Ai;
use crate::model::item::unescape;

/// Keys that a link can be about, and what may stand behind each.
const KEYS: [(u16, &[u16]); 15] = [
    (0, &[]),
    (1, &[22, 10, 21, 235]),
    (253, &[]),
    (255, &[]),
    (401, &[]),
    (402, &[]),
    (414, &[254, 7040]),
    (417, &[7040]),
    (8003, &[]),
    (8004, &[7040]),
    (8006, &[22, 10, 21]),
    (8010, &[8011]),
    (8013, &[]),
    (8017, &[8019]),
    (8018, &[8019]),
];

/// What follows `http://` or `https://`.
pub(super) fn after_scheme(text: &str) -> Option<&str> {
    ["https://", "http://"].into_iter().find_map(|scheme| {
        let (head, rest) = text.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// The identifiers of the path from its key on, then those of the query.
pub(super) fn elements(rest: &str) -> Result<Vec<Element>, Gs1Fault> {
    let (rest, _) = rest.split_once('#').unwrap_or((rest, ""));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (_, path) = path.split_once('/').ok_or(Gs1Fault::NoKey)?;
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let mut elements = of_path(&segments)?;
    for pair in query.split('&') {
        // What is not all digits is for the server.
        let Some((name, value)) = pair.split_once('=') else { continue };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        let ai = Ai::parse(name)
            .ok_or_else(|| Gs1Fault::NoIdentifier(name.chars().take(8).collect()))?;
        elements.push(Element { ai, value: decoded(value)? });
    }
    Ok(elements)
}

/// The pairs at the end of the path, back to the one that is a key: what stands before it is the server's.
fn of_path(segments: &[&str]) -> Result<Vec<Element>, Gs1Fault> {
    let mut pairs = Vec::new();
    let mut left = segments;
    while let [before @ .., name, value] = left {
        let ai = Ai::parse(name).ok_or(Gs1Fault::NoKey)?;
        pairs.push((ai, *value));
        if let Some((_, behind)) = KEYS.iter().find(|(key, _)| *key == ai.number) {
            pairs.reverse();
            if let Some((ai, _)) = pairs.iter().skip(1).find(|(ai, _)| !behind.contains(&ai.number))
            {
                return Err(Gs1Fault::Qualifier(ai.to_string()));
            }
            let element =
                |(ai, value): (Ai, &str)| Ok(Element { ai, value: value_of(ai, decoded(value)?) });
            return pairs.into_iter().map(element).collect();
        }
        left = before;
    }
    Err(Gs1Fault::NoKey)
}

/// A GTIN may be written shorter, as it stands on what is sold; its check digit stays the same.
fn value_of(ai: Ai, value: String) -> String {
    if ai.number == 1 && matches!(value.len(), 8 | 12 | 13) {
        format!("{value:0>14}")
    } else {
        value
    }
}

fn decoded(text: &str) -> Result<String, Gs1Fault> {
    unescape(text).ok_or(Gs1Fault::Encoding)
}
