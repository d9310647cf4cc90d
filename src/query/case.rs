//! Cases of recall: what was found then, asked again, and what has come since.
use super::answer::{Answer, Completeness, Incomplete, Recall, RecallOf};
use crate::model::{
    CaseCounts, CaseEvent, CaseId, CaseQuestion, CaseStep, Digest, Frozen, ItemKey, PersonToken,
    Position, Text, Utc,
};
use minicbor::{Decode, Encode};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The first line of what is hashed: another form has another line.
const FORM: &str = "pedigree recall 1";

/// Every case with what was done with it, in the order of the records.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(transparent)]
pub(super) struct Cases(#[n(0)] BTreeMap<CaseId, Vec<Done>>);

/// One thing that was done with a case.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
struct Done {
    #[n(0)]
    position: Position,
    #[n(1)]
    time: Utc,
    #[n(2)]
    event: CaseEvent,
}

impl Cases {
    pub(super) fn take(&mut self, (position, time): (Position, Utc), event: &CaseEvent) {
        let done = Done { position, time, event: event.clone() };
        self.0.entry(event.case(position)).or_default().push(done);
    }

    /// One of them as of a record.
    pub(super) fn get(&self, id: CaseId, as_of: Position) -> Option<CaseView> {
        view(id, self.0.get(&id)?, as_of)
    }

    /// All of them as of a record, the newest first.
    pub(super) fn all(&self, as_of: Position) -> Vec<CaseView> {
        self.0.iter().rev().filter_map(|(id, done)| view(*id, done, as_of)).collect()
    }
}

/// `None` if nothing was done with it yet.
fn view(id: CaseId, done: &[Done], as_of: Position) -> Option<CaseView> {
    let done = done.iter().take_while(|done| done.position <= as_of);
    let history: Vec<CaseEntry> = done.map(CaseEntry::of).collect();
    let last = history.last()?;
    Some(CaseView { id, open: last.frozen.is_some(), last: last.position, history })
}

/// A case: its name and its history.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CaseView {
    /// Its name.
    pub id: CaseId,
    /// Whether it is not closed.
    pub open: bool,
    /// Its last record.
    pub last: Position,
    /// What was done with it, the first thing first.
    pub history: Vec<CaseEntry>,
}

impl CaseView {
    /// The answer that stands; `None` only if no record tells of one.
    pub fn frozen(&self) -> Option<&Frozen> {
        self.history.iter().rev().find_map(|entry| entry.frozen.as_ref())
    }
}

/// One thing that was done with a case.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CaseEntry {
    /// Its record.
    pub position: Position,
    /// When it was recorded.
    pub time: Utc,
    /// `opened`, `widened`, `narrowed`, `revised`, `closed`.
    pub what: &'static str,
    /// Who did it.
    pub who: PersonToken,
    /// Why.
    pub reason: Text,
    /// The answer that stands from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Frozen>,
    /// How many are in it that were not in the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub came: Option<CaseCounts>,
    /// How many are in it no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub went: Option<CaseCounts>,
}

impl CaseEntry {
    fn of(done: &Done) -> Self {
        let Done { position, time, event: CaseEvent { step, reason, who } } = done;
        let (came, went) = match step {
            CaseStep::Revised { came, went, .. } => (Some(*came), Some(*went)),
            CaseStep::Opened { .. } | CaseStep::Closed { .. } => (None, None),
        };
        let (reason, frozen) = (reason.clone(), step.frozen().cloned());
        let (position, time, who) = (*position, *time, *who);
        Self { position, time, what: word(step), who, reason, frozen, came, went }
    }
}

/// What was done, in a word.
pub(super) fn word(step: &CaseStep) -> &'static str {
    match step {
        CaseStep::Opened { .. } => "opened",
        CaseStep::Revised { came, went, .. } => match (came.is_empty(), went.is_empty()) {
            (false, true) => "widened",
            (true, false) => "narrowed",
            (true, true) | (false, false) => "revised",
        },
        CaseStep::Closed { .. } => "closed",
    }
}

/// What of a recall an item is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseGroup {
    /// It is suspect.
    Suspect,
    /// It holds something suspect.
    Container,
    /// It is suspect and left the site.
    Shipped,
    /// It cannot be told of it.
    Unknown,
    /// It was there, and is not what was asked for.
    Cleared,
}

impl CaseGroup {
    fn as_str(self) -> &'static str {
        match self {
            Self::Suspect => "suspect",
            Self::Container => "container",
            Self::Shipped => "shipped",
            Self::Unknown => "unknown",
            Self::Cleared => "cleared",
        }
    }
}

/// An item in a group of a recall.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct CaseItem {
    /// In which.
    pub group: CaseGroup,
    /// Which.
    pub item: ItemKey,
    /// With which delivery note it left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<Text>,
}

/// Everything that a recall found, each thing once.
fn items(recall: &Recall) -> BTreeSet<CaseItem> {
    // How much of a lot is left is said by the plant in force.
    let Recall { of: _, suspect, containers, shipped, unknown, cleared, .. } = recall;
    let bare = |group| move |item: &ItemKey| CaseItem { group, item: item.clone(), document: None };
    let shipped = shipped.iter().map(|(item, document)| CaseItem {
        document: document.clone(),
        ..bare(CaseGroup::Shipped)(item)
    });
    let suspect = suspect.iter().map(|of| &of.item).map(bare(CaseGroup::Suspect));
    let unknown = unknown.iter().map(|(item, _)| item).map(bare(CaseGroup::Unknown));
    let cleared = cleared.iter().map(|of| &of.item).map(bare(CaseGroup::Cleared));
    let containers = containers.iter().map(bare(CaseGroup::Container));
    suspect.chain(containers).chain(shipped).chain(unknown).chain(cleared).collect()
}

fn counts<'i>(items: impl IntoIterator<Item = &'i CaseItem>) -> CaseCounts {
    let mut counts = CaseCounts::default();
    for item in items {
        let count = match item.group {
            CaseGroup::Suspect => &mut counts.suspect,
            CaseGroup::Container => &mut counts.containers,
            CaseGroup::Shipped => &mut counts.shipped,
            CaseGroup::Unknown => &mut counts.unknown,
            CaseGroup::Cleared => &mut counts.cleared,
        };
        *count = count.saturating_add(1);
    }
    counts
}

/// What is hashed: the form, the question, the record, then a line for each item in each group, sorted by its bytes.
/// How an item came to be there is not in it, so that a later version can say it better.
fn canonical(question: &CaseQuestion, position: Position, items: &BTreeSet<CaseItem>) -> String {
    let mut lines: Vec<String> = Vec::with_capacity(items.len());
    for CaseItem { group, item, document } in items {
        let document = document.as_ref().map_or_else(String::new, |note| format!("\t{note}"));
        lines.push(format!("{}\t{item}{document}\n", group.as_str()));
    }
    lines.sort_unstable();
    format!("{FORM}\nquestion\t{question}\nposition\t{}\n{}", position.0, lines.concat())
}

/// An answer that can be frozen, with what it is frozen as.
#[derive(Debug, Clone, PartialEq)]
pub struct Freezing {
    /// What it is frozen as.
    pub frozen: Frozen,
    /// The answer.
    pub answer: Answer<Recall>,
}

/// Why an answer cannot be frozen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfrozen {
    /// No record speaks of what was asked about.
    #[error("nothing recorded is what was asked about")]
    Unknown,
    /// What is asked is too much for a record.
    #[error(
        "the question is longer than {} bytes; ask for less with `where`",
        CaseQuestion::LEN_MAX
    )]
    TooLong,
    /// It was not answered from all records yet.
    #[error("the answer does not have all records up to {0} yet; ask again")]
    Lags(Position),
}

impl RecallOf {
    /// As it stands in a case.
    pub(super) fn question(&self) -> Option<CaseQuestion> {
        CaseQuestion::parse(&serde_json::to_string(self).ok()?).ok()
    }

    /// What it is about, in a word.
    pub fn about(&self) -> String {
        match self {
            Self::Lot(lot) => lot.to_string(),
            Self::Station { id, .. } => id.to_string(),
            Self::Window(opened) => opened.to_string(),
        }
    }

    /// What a case asked; `None` if a version wrote it whose questions this one does not know.
    pub fn of_case(question: &CaseQuestion) -> Option<Self> {
        serde_json::from_str(question.as_str()).ok()
    }
}

/// Freezes the answer to a question, as that is written.
pub(super) fn freeze(question: CaseQuestion, answer: Answer<Recall>) -> Result<Freezing, Unfrozen> {
    if let Some(durable) = lag(&answer.completeness) {
        return Err(Unfrozen::Lags(durable));
    }
    let (items, position) = (items(&answer.body), answer.position);
    let hash = Sha256::digest(canonical(&question, position, &items));
    let (hash, counts) = (Digest(hash.into()), counts(&items));
    let complete = answer.completeness.is_complete();
    Ok(Freezing { frozen: Frozen { question, position, hash, counts, complete }, answer })
}

/// Up to which record an answer should have been computed, if it was not.
pub(super) fn lag(completeness: &Completeness) -> Option<Position> {
    let Completeness::Incomplete(why) = completeness else { return None };
    why.iter().find_map(|why| match why {
        Incomplete::Lag { durable } => Some(*durable),
        Incomplete::Gap { .. }
        | Incomplete::Unobserved { .. }
        | Incomplete::Quarantine { .. }
        | Incomplete::OneOf { .. }
        | Incomplete::NotTold { .. }
        | Incomplete::Ring { .. }
        | Incomplete::Unaccounted { .. }
        | Incomplete::Retention { .. } => None,
    })
}

/// What is in one answer and not in another.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct CaseDifference {
    /// What is in the later one alone.
    pub came: Vec<CaseItem>,
    /// What is in the earlier one alone.
    pub went: Vec<CaseItem>,
}

impl CaseDifference {
    /// From one answer to a later one; where there is none before, everything came.
    pub fn between(before: Option<&Recall>, after: &Recall) -> Self {
        let (before, after) = (before.map(items).unwrap_or_default(), items(after));
        let of = |one: &BTreeSet<CaseItem>, other| one.difference(other).cloned().collect();
        Self { came: of(&after, &before), went: of(&before, &after) }
    }

    /// How many came and how many went.
    pub fn counts(&self) -> (CaseCounts, CaseCounts) {
        (counts(&self.came), counts(&self.went))
    }
}

/// A case with its answer asked again as of the record that it was frozen at, and asked today.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CaseShown {
    /// The case.
    #[serde(flatten)]
    pub case: CaseView,
    /// What the question finds again as of then; `None` if nothing that was asked about is recorded any more.
    pub answer: Option<Answer<Recall>>,
    /// Whether that has the hash that was recorded.
    pub same: bool,
    /// Whether retention dropped records since: only then can it have another.
    pub retained: bool,
    /// What the same question finds now.
    pub since: Option<CaseSince>,
}

/// What the question of a case finds now.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CaseSince {
    /// As of which record.
    pub position: Position,
    /// Whether anything is known to be missing in it.
    pub completeness: Completeness,
    /// What it finds that the frozen answer did not, and the other way.
    #[serde(flatten)]
    pub difference: CaseDifference,
}
