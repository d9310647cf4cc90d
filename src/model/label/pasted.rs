//! Labels as people hand them on: what a scanner sent, with its separators or without, what is printed beside a
//! symbol with its identifiers in brackets, or the web address in it.
use super::gs1::{self, Element, GS, Gs1Fault};
use super::identifier::Ai;
use super::{GTIN, TEXT_MAX, link};
use crate::model::{Code, ItemClass, ItemKey, Scope, ScopeName};
use std::collections::BTreeSet;

/// What stands for the separator where that cannot be shown.
const SHOWN: [&str; 5] = ["\u{241d}", "<GS>", "{GS}", "<FNC1>", "{FNC1}"];
/// Longest data that other readings are looked for of, in bytes: more than a GS1-128 symbol holds (48 characters), and
/// than is on most two-dimensional ones.
const GUESSED_LEN_MAX: usize = 160;
/// Values that are looked at for other readings, so that no text costs more than some milliseconds.
const STEPS_MAX: usize = 20_000;
/// Other readings of one text.
const OTHERS_MAX: usize = 64;

/// An item that a label names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// Unit, lot or container.
    pub class: ItemClass,
    /// The GTIN that its code is unique within; an SSCC has none.
    pub gtin: Option<ScopeName>,
    /// Serial, lot number or SSCC.
    pub code: Code,
}

/// What a label says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The items that it names; the first is that which it stands on: a container before a unit, and that before its
    /// lot. None of a label that names a product alone.
    pub items: Vec<Named>,
    /// All that it says, in the order in which it stands: `gtin 09506000134352 (01), serial A (21)`.
    pub words: String,
}

/// A text that is a label of GS1, or would be if it had no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pasted {
    /// What it says as it stands; with a fault, as far as it can be told.
    pub reading: Option<Reading>,
    /// What is wrong with it.
    pub fault: Option<Gs1Fault>,
    /// What it would say if separators were lost on the way.
    pub others: Vec<Reading>,
}

impl Named {
    /// The item, where its code is recorded as one of GS1.
    pub fn key(&self) -> ItemKey {
        let Self { class, gtin, code } = self.clone();
        ItemKey { class, scope: Scope::Gs1(gtin), code }
    }
}

/// Reads a text that may be a label of GS1. `None` if nothing speaks for it: a text of digits and letters alone is one
/// only if it has a GTIN or an SSCC, so that a serial such as `3012` is not taken for a count.
pub fn pasted(text: &str) -> Option<Pasted> {
    if text.len() > TEXT_MAX {
        return None;
    }
    let text = SHOWN.iter().fold(text.to_owned(), |text, shown| text.replace(shown, "\u{1d}"));
    let bracketed = bracketed(&text);
    let says_so =
        bracketed.is_some() || text.starts_with(']') || text.contains(GS) || is_link(&text);
    let unchecked = match bracketed {
        Some(elements) => Ok(elements),
        None => key_alone(&text).map_or_else(|| gs1::unchecked(&text), |key| Ok(vec![key])),
    };
    let checked = unchecked.clone().and_then(gs1::checked);
    let is_one = match &checked {
        // A code of its own.
        Err(Gs1Fault::Symbol) => false,
        _ if says_so => true,
        Ok(elements) => elements.iter().any(|of| of.ai.number <= 2),
        // A digit of the number that it begins with was misread.
        Err(Gs1Fault::CheckDigit { .. }) => {
            unchecked.iter().flatten().next().is_some_and(|first| first.ai.number <= 2)
        }
        Err(_) => false,
    };
    is_one.then(|| Pasted {
        fault: checked.as_ref().err().cloned(),
        others: others(&text, checked.as_ref().ok()),
        reading: checked.or(unchecked).ok().map(reading),
    })
}

fn is_link(text: &str) -> bool {
    link::after_scheme(text).is_some()
}

/// A number that is printed without its identifier: an SSCC by its length, a GTIN of 12 to 14 digits if the check digit is
/// right as well. One of 8 digits may as well be a date.
fn key_alone(text: &str) -> Option<Element> {
    let number = text.bytes().all(|b| b.is_ascii_digit()).then_some(text)?;
    let of = |ai: &str, value: String| Some(Element { ai: Ai::parse(ai)?, value });
    match number.len() {
        18 => of("00", number.to_owned()),
        12..=14 => {
            let gtin = of("01", format!("{number:0>14}"))?;
            gtin.ai.check(&gtin.value).is_ok().then_some(gtin)
        }
        _ => None,
    }
}

/// `(01)09506000134352(21)A`, with blanks between or without. A value ends where the next identifier stands.
fn bracketed(text: &str) -> Option<Vec<Element>> {
    let text = text.trim();
    let mut begins = text.match_indices('(').filter_map(|(at, _)| identifier(text, at)).peekable();
    begins.peek().filter(|(at, ..)| *at == 0)?;
    let mut elements = Vec::new();
    while let Some((_, ai, begin)) = begins.next() {
        let end = begins.peek().map_or(text.len(), |(at, ..)| *at);
        let value = text.get(begin..end)?.trim_matches(|c: char| c.is_whitespace() || c == GS);
        elements.push(Element { ai, value: value.to_owned() });
    }
    Some(elements)
}

/// The identifier in the brackets that open at a place, and where they end.
fn identifier(text: &str, at: usize) -> Option<(usize, Ai, usize)> {
    let (digits, _) = text.get(at..)?.strip_prefix('(')?.split_once(')')?;
    let ai = Ai::parse(digits)?;
    Some((at, ai, at + digits.len() + 2))
}

fn reading(elements: Vec<Element>) -> Reading {
    let value = |number: u16| elements.iter().find(|of| of.ai.number == number).map(|of| &of.value);
    let gtin = |numbers: &[u16]| {
        numbers.iter().find_map(|of| value(*of)).and_then(|gtin| ScopeName::parse(gtin).ok())
    };
    // A serial is one of what is sold, never of what a pallet holds.
    let items = [
        (ItemClass::Container, value(0), None),
        (ItemClass::Unit, value(21), gtin(&[1])),
        (ItemClass::Lot, value(10), gtin(&[1, 2])),
    ];
    let named = items.into_iter().filter_map(|(class, code, gtin)| {
        Some(Named { class, gtin, code: Code::parse(code?).ok()? })
    });
    let items = named.collect();
    let words: Vec<String> = elements.into_iter().map(words).collect();
    Reading { items, words: words.join(", ") }
}

/// `serial A (21)`
fn words(element: Element) -> String {
    let (ai, value) = (element.ai, element.value.clone());
    let (name, _) = element.part(ItemClass::Unit);
    let name = if ai.number == 0 { "SSCC" } else { name.as_str() };
    let name = if name == GTIN { "GTIN" } else { name };
    if name.starts_with("gs1.") {
        format!("({ai}) {value}")
    } else {
        format!("{name} {value} ({ai})")
    }
}

/// What the text would say if a value ended before the next separator: it went through something that dropped them.
fn others(text: &str, stands: Option<&Vec<Element>>) -> Vec<Reading> {
    // No value has a separator: one that was kept says that none was lost, and leaves nothing to find.
    let Some(data) = gs1::data(text).ok().filter(|data| data.len() <= GUESSED_LEN_MAX) else {
        return Vec::new();
    };
    let mut search = Search { data, steps: 0, before: Vec::new(), found: Vec::new() };
    search.from(0);
    let mut seen: BTreeSet<Vec<Named>> =
        stands.cloned().map(reading).map(|of| of.items).into_iter().collect();
    let named = search.found.into_iter().map(reading).filter(|of| !of.items.is_empty());
    named.filter(|of| seen.insert(of.items.clone())).collect()
}

/// Looks for values that end where nothing says so.
struct Search<'a> {
    data: &'a str,
    steps: usize,
    before: Vec<Element>,
    found: Vec<Vec<Element>>,
}

impl Search<'_> {
    fn from(&mut self, at: usize) {
        let Some(rest) = self.data.get(at..).filter(|rest| !rest.is_empty()) else {
            let has_key = self.before.iter().any(|of| of.ai.number <= 2);
            self.found.extend(has_key.then(|| self.before.clone()));
            return;
        };
        let Ok((ai, after)) = Ai::split(rest) else { return };
        if !ai.is_known() || self.before.iter().any(|of| of.ai == ai) {
            return;
        }
        let begin = self.data.len() - after.len();
        for len in ai.lengths().rev() {
            self.steps += 1;
            if self.steps > STEPS_MAX || self.found.len() >= OTHERS_MAX {
                return;
            }
            let Some(value) = after.get(..len).filter(|value| ai.check(value).is_ok()) else {
                continue;
            };
            self.before.push(Element { ai, value: value.to_owned() });
            self.from(begin + len);
            self.before.pop();
        }
    }
}

#[cfg(test)]
mod tests;
