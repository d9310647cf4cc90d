//! A drill of a recall: the question as it would be asked in earnest, how long it took, and how much of its answer can
//! be acted upon.
use super::answer::{Answer, ItemState, LotBalance, Recall, RecallOf, Trace, TraceLink};
use super::case::{self, Freezing, Unfrozen};
use super::coverage::{self, Coverage};
use super::reason::Reasons;
use super::sheet::Sheet;
use super::view::View;
use super::{Drafted, Query};
use crate::genealogy::drill::{Found, Search, is_used, is_within};
use crate::genealogy::{Certainty, Demand, Direction, LinkKind, NodeId};
use crate::model::{Digest, Interval, ItemClass, ItemKey, Position, Scope, Text, Utc};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

/// Drawn items whose answer goes too far, until none is drawn at all.
const TOO_LARGE_MAX: usize = 250;
/// Items whose place is looked up under one lock.
const CHUNK: usize = 1_000;
/// The first line of what is hashed of a drill backward.
const FORM: &str = "pedigree made-of 1";

/// What a drill is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MockOf {
    /// This item.
    Item(ItemKey),
    /// One that a seed draws: forward a lot that was used, backward a finished item that was made of something; with a
    /// number, only one whose answer goes over so many links at most.
    Drawn(u64, Option<usize>),
}

/// The seed of a time: the milliseconds since 1970.
pub fn seed_at(time: Utc) -> u64 {
    u64::try_from(time.0 / 1_000_000).unwrap_or_default()
}

/// What came of a drill.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct MockRecall {
    /// What it was about.
    pub item: ItemKey,
    /// Forward, what it went into; backward, what it was made of.
    pub direction: Direction,
    /// The seed that drew it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// How long it took until the whole answer was there, in seconds.
    pub seconds: f64,
    /// SHA-256 over the canonical form of the answer: forward that of a case (`docs/cases.md`); backward in the same way
    /// `pedigree made-of 1`, the item, the record, and a line of group and item for each item.
    #[serde(serialize_with = "as_text")]
    pub hash: Digest,
    /// How many items are in each group: forward those of a case; backward `sure`, `unsure` and `former`.
    pub groups: BTreeMap<&'static str, u64>,
    /// Of how many affected items it is known where they are: at a station, in a container that has not left or went to
    /// a known customer, there themselves, or waste.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub located: Option<Share>,
    /// Of how many affected items it is known at least where they were last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Share>,
    /// Of how many shipments of affected items the customer is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customers: Option<Share>,
    /// Of how many shipments of affected items it is known whom to tell there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contacts: Option<Share>,
    /// Backward: of how many lots that were made of nothing known the supplier is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppliers: Option<Share>,
    /// What came of the lot; nothing if it is none, or no amount was ever told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<LotBalance>,
    /// The share of what came that is accounted for; nothing where that cannot be said, since it was not counted or
    /// something was told without an amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accounted: Option<f64>,
    /// The answer.
    pub answer: MockAnswer,
}

/// The answer of a drill.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum MockAnswer {
    /// Forward.
    Recall(Recall),
    /// Backward.
    Trace(Trace),
}

/// How many of some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Share {
    /// Of so many.
    pub of: u64,
    /// So many are.
    pub known: u64,
}

impl Share {
    fn count(known: impl IntoIterator<Item = bool>) -> Self {
        let mut share = Self::default();
        for known in known {
            share.of += 1;
            share.known += u64::from(known);
        }
        share
    }

    fn add(&mut self, more: Self) {
        self.of += more.of;
        self.known += more.known;
    }
}

/// Why there was no drill.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undrilled {
    /// Nothing can be drawn.
    #[error(
        "nothing recorded can be drilled on: forward that takes a lot that was used, backward a finished item that was made of something"
    )]
    Nothing,
    /// What was drawn reaches too far.
    #[error(
        "everything that was drawn reaches too far: its answer goes over more than {0} links; name an item, and it is answered however far it reaches"
    )]
    TooLarge(usize),
    /// The answer cannot be frozen.
    #[error(transparent)]
    Unfrozen(#[from] Unfrozen),
}

fn as_text<S: serde::Serializer>(hash: &Digest, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(hash)
}

impl Query {
    /// Asks as a recall in earnest would ask, and says what of the answer can be acted upon. Nothing of it is recorded.
    ///
    /// # Errors
    /// If nothing can be drawn, or only what reaches too far, no record speaks of the item, or the answer does not have all
    /// records yet.
    pub fn drill(
        &self,
        of: &MockOf,
        direction: Direction,
        contacts: &BTreeMap<Text, Text>,
    ) -> Result<Answer<MockRecall>, Undrilled> {
        let (item, seed) = match of {
            MockOf::Item(item) => (item.clone(), None),
            MockOf::Drawn(seed, links_max) => {
                (self.drawn(*seed, direction, *links_max)?, Some(*seed))
            }
        };
        let begun = (self.inner.now)().monotonic;
        let mut answer = match direction {
            Direction::Forward => self.forward(item, contacts)?,
            Direction::Backward => self.backward(item)?,
        };
        let took = (self.inner.now)().monotonic.0.saturating_sub(begun.0);
        answer.body.seed = seed;
        answer.body.seconds = std::time::Duration::from_nanos(took).as_secs_f64();
        Ok(answer)
    }

    /// An item that a seed draws. The same seed draws the same of the same records.
    fn drawn(
        &self,
        seed: u64,
        direction: Direction,
        links_max: Option<usize>,
    ) -> Result<ItemKey, Undrilled> {
        let plant = self.plant();
        let demand = plant.as_ref().map(|plant| Demand::of(plant));
        let last = self.asked(Position(u64::MAX));
        let (position, mut search) = {
            let memory = self.inner.memory.read();
            (memory.position.min(last), Search::new(seed, memory.graph.len()))
        };
        let (mut too_large, mut why) = (0, Undrilled::Nothing);
        while too_large < TOO_LARGE_MAX {
            let found = {
                let memory = self.inner.memory.read();
                let memory = memory.view(position);
                search.turn(|node| memory.can_be_drilled(node, direction, demand.as_ref()))
            };
            match found {
                Found::Node(node) => {
                    // Whoever waits for memory comes in between: a walk is longer than a look.
                    let memory = self.inner.memory.read();
                    let fits = |most| is_within(&memory.graph, node, (direction, position), most);
                    let Some(most) = links_max.filter(|most| !fits(*most)) else {
                        let key = memory.view(position).key(node).cloned();
                        return key.ok_or(Undrilled::Nothing);
                    };
                    (too_large, why) = (too_large + 1, Undrilled::TooLarge(most));
                }
                Found::NotYet => {}
                Found::None => break,
            }
        }
        Err(why)
    }

    fn forward(
        &self,
        item: ItemKey,
        contacts: &BTreeMap<Text, Text>,
    ) -> Result<Answer<MockRecall>, Unfrozen> {
        let of = RecallOf::Lot(item.clone());
        let Freezing { frozen, answer } = self.freeze(&of, Position(u64::MAX))?;
        let sheets = self.sheets(&answer, contacts);
        let told = |known: fn(&Sheet) -> bool| {
            let rows =
                sheets.iter().flat_map(|sheet| sheet.items.iter().map(move |_| known(sheet)));
            Some(Share::count(rows))
        };
        let Answer { position, completeness, body: recall } = answer;
        let suspect = recall.suspect.iter().map(|suspect| &suspect.item);
        let affected: BTreeSet<&ItemKey> = suspect
            .chain(&recall.containers)
            .chain(recall.unknown.iter().map(|(item, _)| item))
            .collect();
        let (located, last_seen) = self.located(&affected, position);
        let counts = frozen.counts;
        let groups = [
            ("suspect", counts.suspect),
            ("container", counts.containers),
            ("shipped", counts.shipped),
            ("unknown", counts.unknown),
            ("cleared", counts.cleared),
        ];
        let balance = recall.balances.iter().find(|balance| balance.item == item).cloned();
        let body = MockRecall {
            direction: Direction::Forward,
            hash: frozen.hash,
            groups: groups.into(),
            located: Some(located),
            last_seen: Some(last_seen),
            customers: told(|sheet| sheet.customer.is_some()),
            contacts: told(|sheet| sheet.contact.is_some()),
            accounted: balance.as_ref().and_then(accounted),
            balance,
            ..MockRecall::about(item, MockAnswer::Recall(recall))
        };
        Ok(Answer { position, completeness, body })
    }

    fn backward(&self, item: ItemKey) -> Result<Answer<MockRecall>, Unfrozen> {
        let answer = self.trace(&item, Direction::Backward, None).ok_or(Unfrozen::Unknown)?;
        if let Some(durable) = case::lag(&answer.completeness) {
            return Err(Unfrozen::Lags(durable));
        }
        let Answer { position, completeness, body: trace } = answer;
        let groups = grouped(&trace);
        let wholes: BTreeSet<&ItemKey> = trace.links.iter().map(|link| &link.whole).collect();
        let lots = trace.nodes.iter().map(|node| &node.item);
        let sources = lots.filter(|lot| lot.class == ItemClass::Lot && !wholes.contains(lot));
        let suppliers = sources.map(|lot| matches!(lot.scope, Scope::Supplier(_)));
        let mut counts = BTreeMap::from([("sure", 0), ("unsure", 0), ("former", 0)]);
        for group in groups.values() {
            *counts.entry(*group).or_default() += 1;
        }
        let body = MockRecall {
            direction: Direction::Backward,
            hash: Digest(Sha256::digest(canonical(&item, position, &groups)).into()),
            groups: counts,
            suppliers: Some(Share::count(suppliers)),
            ..MockRecall::about(item, MockAnswer::Trace(trace))
        };
        Ok(Answer { position, completeness, body })
    }

    /// Of how many items it is known where they are, and where they were last.
    fn located(&self, items: &BTreeSet<&ItemKey>, position: Position) -> (Share, Share) {
        let items: Vec<&ItemKey> = items.iter().copied().collect();
        let (mut located, mut last_seen) = (Share::default(), Share::default());
        for chunk in items.chunks(CHUNK) {
            let memory = self.inner.memory.read();
            let memory = memory.view(position);
            let nodes: Vec<NodeId> =
                chunk.iter().filter_map(|item| memory.graph.item(item)).collect();
            located.add(Share::count(nodes.iter().map(|node| memory.is_located(*node))));
            last_seen.add(Share::count(nodes.iter().map(|node| memory.was_seen(*node))));
        }
        (located, last_seen)
    }

    /// Of how many items that were finished in a time every step that the plant in force demands is on record without
    /// a gap, as of the last record. Others are answered in between.
    pub fn coverage(&self, interval: Interval) -> Answer<Coverage> {
        let Ok(answer) = self.covered(interval, || Ok::<(), Infallible>(()));
        answer
    }

    /// The same; nothing if it was stopped before its end.
    pub fn coverage_unless(
        &self,
        interval: Interval,
        stopped: impl Fn() -> bool,
    ) -> Option<Answer<Coverage>> {
        self.covered(interval, || if stopped() { Err(()) } else { Ok(()) }).ok()
    }

    /// The same, as long as it may go on.
    fn covered<S>(
        &self,
        interval: Interval,
        goes_on: impl Fn() -> Result<(), S>,
    ) -> Result<Answer<Coverage>, S> {
        self.timed("coverage", || {
            let asked = self.asked(Position(u64::MAX));
            let mut coverage = Coverage::none(interval);
            let mut reasons = Reasons::default();
            let plant = self.plant();
            let demand = plant.as_ref().map(|plant| Demand::of(plant));
            let (position, slices) = {
                let memory = self.inner.memory.read();
                let memory = memory.now();
                let slices = demand.iter().flat_map(|demand| {
                    coverage::unobserved(&memory, demand, interval, &mut reasons);
                    coverage::slices(&memory, demand, interval)
                });
                let slices: Vec<Interval> = slices.collect();
                (memory.position, slices)
            };
            for slice in slices {
                goes_on()?;
                let memory = self.inner.memory.read();
                if let Some(demand) = &demand {
                    coverage::take(&memory.view(position), demand, slice, &mut coverage);
                }
            }
            let draft = {
                let memory = self.inner.memory.read();
                Drafted::new(&memory.view(position), reasons, coverage.done())
            };
            Ok(self.answer(asked, draft, |coverage, _| coverage))
        })
    }
}

impl MockRecall {
    /// Nothing is told of it yet.
    pub(crate) fn about(item: ItemKey, answer: MockAnswer) -> Self {
        Self {
            item,
            direction: Direction::Forward,
            seed: None,
            seconds: 0.0,
            hash: Digest([0; 32]),
            groups: BTreeMap::new(),
            located: None,
            last_seen: None,
            customers: None,
            contacts: None,
            suppliers: None,
            balance: None,
            accounted: None,
            answer,
        }
    }
}

/// The share of what came of a lot that is accounted for, from 0 to 1.
fn accounted(LotBalance { balance, .. }: &LotBalance) -> Option<f64> {
    let (missing, came) = (balance.unaccounted?, balance.came());
    (came > 0.0).then(|| (1.0 - missing.abs() / came).clamp(0.0, 1.0))
}

/// Everything that an item was made of: `sure`, `unsure` if it comes only by a link that is one of several, `former` if
/// it was taken out again.
fn grouped(trace: &Trace) -> BTreeMap<&ItemKey, &'static str> {
    let is_former = |link: &TraceLink| {
        matches!(link.kind, LinkKind::FormerlyInstalledIn | LinkKind::FormerlyPackedIn)
    };
    let sure = reached(trace, |l| !is_former(l) && l.certainty != Certainty::OneOf);
    let there = reached(trace, |link| !is_former(link));
    let parts = trace.nodes.iter().map(|node| &node.item).filter(|item| **item != trace.root);
    let group = |item: &ItemKey| match (sure.contains(item), there.contains(item)) {
        (true, _) => "sure",
        (false, true) => "unsure",
        (false, false) => "former",
    };
    parts.map(|item| (item, group(item))).collect()
}

/// What a walk back from the root comes to by links that pass.
fn reached(trace: &Trace, passes: impl Fn(&TraceLink) -> bool) -> BTreeSet<&ItemKey> {
    let mut parts: BTreeMap<&ItemKey, Vec<&ItemKey>> = BTreeMap::new();
    for link in trace.links.iter().filter(|link| passes(link)) {
        parts.entry(&link.whole).or_default().push(&link.part);
    }
    let mut seen = BTreeSet::from([&trace.root]);
    let mut next = vec![&trace.root];
    while let Some(whole) = next.pop() {
        let new = parts.get(whole).into_iter().flatten().filter(|part| seen.insert(**part));
        next.extend(new.copied().collect::<Vec<_>>());
    }
    seen
}

/// What is hashed of a drill backward: the form, the item, the record, then a line for each item, sorted by its bytes.
fn canonical(
    item: &ItemKey,
    position: Position,
    groups: &BTreeMap<&ItemKey, &'static str>,
) -> String {
    let mut lines: Vec<String> =
        groups.iter().map(|(item, group)| format!("{group}\t{item}\n")).collect();
    lines.sort_unstable();
    format!("{FORM}\nitem\t{item}\nposition\t{}\n{}", position.0, lines.concat())
}

impl View<'_> {
    /// Whether a drill can be about it: a lot that was used; backward, a finished item that was made of something.
    fn can_be_drilled(
        &self,
        node: NodeId,
        direction: Direction,
        demand: Option<&Demand<'_>>,
    ) -> bool {
        let used = || is_used(&self.graph, node, direction, self.position);
        match (direction, self.class(node)) {
            (Direction::Forward, Some(ItemClass::Lot)) => self.speaks_of(node) && used(),
            (Direction::Backward, Some(ItemClass::Unit | ItemClass::Lot)) => {
                demand.is_some_and(|demand| self.finished(node, demand).is_some()) && used()
            }
            (Direction::Forward | Direction::Backward, _) => false,
        }
    }

    fn is_located(&self, node: NodeId) -> bool {
        match self.state(node) {
            (ItemState::Shipped, Some((by, _))) => self.shipment(by).customer.is_some(),
            (ItemState::Shipped | ItemState::Idle, _) => false,
            (ItemState::InWork(_) | ItemState::Packed(_) | ItemState::Scrapped, _) => true,
        }
    }

    /// Whether any standing record tells of a station where it was.
    fn was_seen(&self, node: NodeId) -> bool {
        self.is_located(node)
            || self.life(node).standing(self.void()).any(|moment| moment.is_presence())
    }
}
