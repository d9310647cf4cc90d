//! From what a person types, pastes or scans to the item, or to those that it may be. Nothing is guessed: a text that
//! leads to two items is answered with both, and one that leads to none with those that are near.
use super::typed::{Typed, typed};
use crate::model::label::{Named, Pasted, Reading};
use crate::model::{Code, ItemClass, ItemKey, Scope, ScopeName, Text, similar};
use std::collections::BTreeSet;
use std::fmt;

/// Items that are named as near.
const NEAR_MAX: usize = 20;

/// What a typed text turned out to be.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Resolution {
    /// What it was found to be.
    pub found: Resolved,
    /// How it was read: `a label of GS1: GTIN 09506000134352 (01), serial A (21)`.
    pub read_as: Vec<String>,
    /// What is wrong with it, where nothing was found.
    pub wrong: Vec<String>,
    /// Where nothing was found: the items that come near, the likeliest first.
    pub near: Vec<Candidate>,
    /// So many more come near and are not named.
    pub left_out: usize,
}

/// What a typed text leads to.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolved {
    /// Exactly one item.
    Item(ItemKey),
    /// Several items, each by all that was typed.
    Candidates(Vec<Candidate>),
    /// Nothing recorded has it.
    #[default]
    Unknown,
}

/// An item that may be meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Candidate {
    /// Which.
    pub item: ItemKey,
    /// Why it may be.
    pub why: Fit,
}

/// Why an item may be the one that is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// It has the code.
    Code,
    /// It is the last that had the code as an alias of this kind.
    Alias(Text),
    /// A label of GS1 names it.
    Label,
    /// A label names it that has a fault.
    Faulty,
    /// A label names it beside that which it stands on.
    Beside(ItemClass),
    /// A label names it, if a separator was lost: what it would say.
    Separator(String),
    /// It has the code within something else.
    Scope,
    /// It has the code, and is of another class.
    Class,
    /// It has a code that is read or typed as the other one.
    Similar,
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code => f.write_str("it has this code"),
            Self::Alias(kind) => write!(f, "it has this code as its {kind}"),
            Self::Label => f.write_str("the label names it"),
            Self::Faulty => f.write_str("the label names it, but is not right"),
            Self::Beside(ItemClass::Unit) => f.write_str("its serial is on the label as well"),
            Self::Beside(ItemClass::Lot) => f.write_str("its lot number is on the label as well"),
            Self::Beside(ItemClass::Container) => f.write_str("its SSCC is on the label as well"),
            Self::Separator(words) => {
                write!(f, "the label names it if a separator (FNC1) was lost: {words}")
            }
            Self::Scope => f.write_str("the same code in another scope"),
            Self::Class => f.write_str("the same code, of another class"),
            Self::Similar => f.write_str("a similar code"),
        }
    }
}

impl serde::Serialize for Fit {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl From<Resolved> for Resolution {
    fn from(found: Resolved) -> Self {
        Self { found, ..Self::default() }
    }
}

/// What is known of items.
pub(super) trait Known {
    /// Whether all that was recorded is found by its code.
    fn is_whole(&self) -> bool;
    /// Records that retention dropped.
    fn dropped(&self) -> u64;
    /// Whether the item is recorded.
    fn knows(&self, key: &ItemKey) -> bool;
    /// The items that have a code as their own, or had it last as an alias of the kind.
    fn having(&self, code: &Code) -> Vec<(ItemKey, Option<Text>)>;
    /// The GTINs that the labels of an item had which is not recorded under one, as far as they were kept.
    fn gtins(&self, key: &ItemKey) -> BTreeSet<String>;
}

/// Finds what a text is. Where a label names several items, that of the wanted class is meant, and without a wanted one
/// that which it stands on.
pub(super) fn resolve(text: &str, wanted: Option<ItemClass>, known: &impl Known) -> Resolution {
    let as_it_stands = typed(text);
    let mut last = exact(&as_it_stands, wanted, known);
    let trimmed = text.trim();
    let mut of = as_it_stands;
    if last == Resolved::Unknown && trimmed != text {
        of = typed(trimmed);
        last = exact(&of, wanted, known);
    }
    if last != Resolved::Unknown {
        return Resolution { found: last, read_as: of.read_as, ..Resolution::default() };
    }
    let mut near = if known.is_whole() { near(&of, wanted, known) } else { Vec::new() };
    let left_out = near.len().saturating_sub(NEAR_MAX);
    near.truncate(NEAR_MAX);
    let Typed { read_as, mut wrong, .. } = of;
    let dropped = known.dropped();
    if dropped > 0 {
        wrong.push(format!("retention dropped {dropped} records, which may have named it"));
    }
    Resolution { found: Resolved::Unknown, read_as, wrong, near, left_out }
}

/// The item that all of the text leads to, or those.
fn exact(of: &Typed, wanted: Option<ItemClass>, known: &impl Known) -> Resolved {
    let mut found = List::default();
    for key in of.keys.iter().filter(|key| known.knows(key)) {
        found.add(key.clone(), Fit::Code);
    }
    if !found.0.is_empty() {
        return found.resolved();
    }
    // Whoever else has it is not known from a part of the records.
    if !known.is_whole() {
        return Resolved::Unknown;
    }
    for (item, alias) in of.codes.iter().flat_map(|code| known.having(code)) {
        found.add(item, alias.map_or(Fit::Code, Fit::Alias));
    }
    let faultless = of.label.as_ref().filter(|label| label.fault.is_none());
    let reading = faultless.and_then(|label| label.reading.as_ref());
    if let Some(named) = reading.and_then(|reading| meant(reading, wanted)) {
        for item in by_name(named, known) {
            found.add(item, Fit::Label);
        }
    }
    found.resolved()
}

/// Which of the items on a label is meant.
fn meant(reading: &Reading, wanted: Option<ItemClass>) -> Option<&Named> {
    let of_class = reading.items.iter().find(|named| Some(named.class) == wanted);
    of_class.or(reading.items.first())
}

/// The items that a label names: by GS1, or with a code of the plant's own of which its records say that the label had
/// that GTIN.
fn by_name(named: &Named, known: &impl Known) -> Vec<ItemKey> {
    let key = named.key();
    if known.knows(&key) {
        return vec![key];
    }
    let own = known.having(&named.code).into_iter().filter(|(_, alias)| alias.is_none());
    let own = own.map(|(item, _)| item).filter(|item| item.class == named.class);
    let is_it = |item: &ItemKey| match &named.gtin {
        Some(gtin) => is_within(item, gtin, known),
        // An SSCC is given once in the world, wherever the plant says that it is unique.
        None => named.class == ItemClass::Container,
    };
    own.filter(is_it).collect()
}

fn is_within(item: &ItemKey, gtin: &ScopeName, known: &impl Known) -> bool {
    match &item.scope {
        Scope::Gs1(Some(within)) | Scope::Product(within) if within == gtin => true,
        Scope::Gs1(Some(_)) => false,
        Scope::Gs1(None)
        | Scope::Site
        | Scope::Product(_)
        | Scope::Material(_)
        | Scope::Supplier(_)
        | Scope::Provisional => known.gtins(item).contains(gtin.as_str()),
    }
}

/// What comes near a text that leads to nothing, the likeliest first.
fn near(of: &Typed, wanted: Option<ItemClass>, known: &impl Known) -> Vec<Candidate> {
    let mut found = List::default();
    let reading = of.label.as_ref().and_then(|label| label.reading.as_ref());
    let named = reading.and_then(|reading| meant(reading, wanted));
    let sought = of.keys.first().cloned().or_else(|| named.map(Named::key));
    if let Some(key) = &sought {
        found.with_the_code(key, known);
    }
    for other in reading.iter().flat_map(|reading| &reading.items).filter(|n| Some(*n) != named) {
        for item in by_name(other, known) {
            found.add(item, Fit::Beside(other.class));
        }
    }
    for other in of.label.iter().flat_map(|label: &Pasted| &label.others) {
        for item in meant(other, wanted).iter().flat_map(|named| by_name(named, known)) {
            found.add(item, Fit::Separator(other.words.clone()));
        }
    }
    let Some(code) = sought.as_ref().map(|key| &key.code).or(of.codes.last()) else {
        return found.0;
    };
    // Serials that follow one another are all a slip away: they are named only where nothing comes nearer.
    for near in [similar::spellings, similar::slips] {
        if found.0.is_empty() {
            found.similar(&near(code.as_str()), sought.as_ref(), known);
        }
    }
    found.0
}

fn is_alike(one: &ItemKey, other: &ItemKey) -> bool {
    one.class == other.class && one.scope == other.scope
}

/// Candidates, each item once, for the first reason.
#[derive(Debug, Default)]
struct List(Vec<Candidate>);

impl List {
    fn add(&mut self, item: ItemKey, why: Fit) {
        if self.0.iter().all(|known| known.item != item) {
            self.0.push(Candidate { item, why });
        }
    }

    fn resolved(self) -> Resolved {
        let mut found = self.0;
        match found.len() {
            0 => Resolved::Unknown,
            1 => found.pop().map_or(Resolved::Unknown, |one| Resolved::Item(one.item)),
            _ => Resolved::Candidates(found),
        }
    }

    /// Whoever has one of the codes as its own; of each those first that are of the class and scope that are sought.
    fn similar(&mut self, codes: &[String], sought: Option<&ItemKey>, known: &impl Known) {
        for code in codes.iter().filter_map(|code| Code::parse(code).ok()) {
            let having = known.having(&code).into_iter().filter(|(_, alias)| alias.is_none());
            let mut of_code: Vec<ItemKey> = having.map(|(item, _)| item).collect();
            of_code.sort_by_key(|item| !sought.is_some_and(|key| is_alike(key, item)));
            for item in of_code {
                self.add(item, Fit::Similar);
            }
        }
    }

    /// Whoever has the code of an item that is not recorded: of its class first.
    fn with_the_code(&mut self, key: &ItemKey, known: &impl Known) {
        let (same, other): (Vec<_>, Vec<_>) =
            known.having(&key.code).into_iter().partition(|(item, _)| item.class == key.class);
        for (item, alias) in same {
            // It is recorded, and yet not that which was typed: a fault of the label is in between.
            let own = if item == *key { Fit::Faulty } else { Fit::Scope };
            self.add(item, alias.map_or(own, Fit::Alias));
        }
        for (item, alias) in other {
            self.add(item, alias.map_or(Fit::Class, Fit::Alias));
        }
    }
}
