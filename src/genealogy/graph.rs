//! The graph: nodes, links both ways, and what every event does to them.
use super::correction::Corrections;
use super::fact::{Claim, Fact, ended, former, links_of};
use super::link::{Certainty, Direction, Link, LinkKind, Links, Node, NodeId};
use super::narrowing::Narrowings;
use crate::model::{ItemKey, Position, TraceEvent, Utc, What};
use indexmap::IndexSet;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasherDefault, DefaultHasher};

mod facts;
mod image;

pub use facts::Facts;

/// What went into what.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// By number, and each found by its name; the order is that in which they came.
    names: IndexSet<Node, BuildHasherDefault<DefaultHasher>>,
    facts: Facts,
    /// When a part left a whole, and the record that says so.
    ends: BTreeMap<Pair, BTreeSet<(Utc, Position)>>,
    ends_of: BTreeMap<Position, BTreeSet<Pair>>,
    narrowed: Narrowings,
    corrections: Corrections,
}

/// A part, a whole, and what the link between them means while it lasts.
type Pair = (NodeId, NodeId, LinkKind);

impl Graph {
    /// Nothing yet, with facts packed at other sizes than usual.
    #[cfg(test)]
    pub(super) fn packed_at((block_bits, row, chunk): (u32, u8, usize)) -> Self {
        Self { facts: Facts::packed_at(block_bits, row, chunk), ..Self::default() }
    }

    /// Takes one event. Events may come in any order; one that came before changes nothing.
    ///
    /// # Panics
    /// With more than 2³² nodes or facts.
    pub fn apply(&mut self, position: Position, event: &TraceEvent) {
        let claims = links_of(position, event);
        let mut facts: Vec<Fact> =
            claims.into_iter().map(|claim| self.fact(position, event.time.at, claim)).collect();
        // In their order they go to the end one by one; of two that say something of one pair the first counts.
        facts.sort_by_key(Fact::key);
        facts.dedup_by_key(|fact| fact.key());
        for fact in &facts {
            self.claim(fact);
        }
        // What a PLC asked for and was refused parted nothing.
        let done = !event.is_only_asked();
        for (part, whole, kind) in ended(event).into_iter().filter(|_| done) {
            let pair = (self.intern_item(part), self.intern_item(whole), kind);
            if self.ends.entry(pair).or_default().insert((event.time.at, position)) {
                self.ends_of.entry(position).or_default().insert(pair);
                self.derive_pair(pair);
            }
        }
        for record in self.narrowed.insert(position, event) {
            self.derive_record(record);
        }
        if let What::Correct { position: loser, .. } = &event.what {
            for touched in self.corrections.insert(position, *loser) {
                self.derive_record(touched);
                for record in self.narrowed.about(touched) {
                    self.derive_record(record);
                }
            }
        }
    }

    /// The number of an item; it is a node from then on.
    ///
    /// # Panics
    /// With more than 2³² nodes.
    pub fn intern_item(&mut self, key: &ItemKey) -> NodeId {
        self.intern(Node::Item(key.clone()))
    }

    /// The number of an item, if it is a node.
    pub fn item(&self, key: &ItemKey) -> Option<NodeId> {
        self.names.get_index_of(&Node::Item(key.clone())).map(number)
    }

    /// Whether any link at a node, made by a record that counts, stands as of a record.
    pub fn is_linked(
        &self,
        node: NodeId,
        as_of: Position,
        counts: impl Fn(Position) -> bool,
    ) -> bool {
        let mut links = [Direction::Forward, Direction::Backward]
            .into_iter()
            .flat_map(|direction| self.facts.links(node, direction));
        links.any(|link| link.stands(as_of) && counts(link.source))
    }

    /// The links at a node, as far as somebody looks at them, those that stand no longer included.
    pub fn links(&self, node: NodeId, direction: Direction) -> impl Iterator<Item = Link> {
        self.facts.links(node, direction)
    }

    /// What a number stands for.
    ///
    /// # Panics
    /// If the number is another graph's: an error of ours.
    #[expect(clippy::indexing_slicing, reason = "numbers are given out with the names")]
    pub fn name(&self, node: NodeId) -> &Node {
        &self.names[node.get()]
    }

    /// Whether a number is that of a node.
    pub fn has(&self, node: NodeId) -> bool {
        node.get() < self.names.len()
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Which records still count.
    pub fn corrections(&self) -> &Corrections {
        &self.corrections
    }

    fn intern(&mut self, node: Node) -> NodeId {
        number(self.names.insert_full(node).0)
    }

    fn fact(&mut self, source: Position, time: Utc, claim: Claim) -> Fact {
        let (part, whole, kind, certainty) = claim;
        let (part, whole) = (self.intern(part), self.intern(whole));
        Fact { source, part, whole, time, kind, certainty }
    }

    fn claim(&mut self, fact: &Fact) {
        if self.facts.insert(fact) && self.is_touched(fact) {
            self.derive(fact);
        }
    }

    /// Whether anything said of a fact elsewhere may have its link stand otherwise.
    fn is_touched(&self, fact: &Fact) -> bool {
        self.ends.contains_key(&(fact.part, fact.whole, fact.kind))
            || self.corrections.is_named(fact.source)
            || self.narrowed.by(fact.source).next().is_some()
    }

    /// Draws the links of one fact anew.
    fn derive(&mut self, fact: &Fact) {
        self.facts.draw(fact, self.runs(fact));
    }

    /// Draws anew what one record made or ended.
    fn derive_record(&mut self, record: Position) {
        for fact in self.facts.of(record) {
            self.derive(&fact);
        }
        for pair in self.ends_of.get(&record).cloned().unwrap_or_default() {
            self.derive_pair(pair);
        }
    }

    /// Draws anew every link of a kind between a part and a whole.
    fn derive_pair(&mut self, (part, whole, kind): Pair) {
        // What is void now may have to be reinstated: facts whose links stand no longer are looked at too.
        let facts: Vec<Fact> = self.facts.between(part, whole).filter(|f| f.kind == kind).collect();
        for fact in facts {
            self.derive(&fact);
        }
    }

    /// How sure a fact is as of a record; `None` once it is known not to be so.
    fn certainty(&self, fact: &Fact, at: Position) -> Option<Certainty> {
        let Node::Mount(mount) = self.name(fact.part) else { return Some(fact.certainty) };
        let told = (fact.source, mount, fact.certainty);
        self.narrowed.certainty(told, at, |by| self.corrections.stands(by, at))
    }

    /// From which to which record a fact's link stands, as what, and how sure it is.
    fn runs(&self, fact: &Fact) -> Vec<Run> {
        let ends: Vec<Position> = self
            .ends
            .get(&(fact.part, fact.whole, fact.kind))
            .into_iter()
            .flatten()
            .filter(|end| **end > (fact.time, fact.source))
            .map(|(_, position)| *position)
            .collect();
        let mut turns = self.corrections.turns(fact.source);
        turns.insert(fact.source);
        for end in &ends {
            turns.insert((*end).max(fact.source));
            turns.extend(self.corrections.turns(*end).into_iter().filter(|t| *t > fact.source));
        }
        for by in self.narrowed.by(fact.source) {
            turns.insert(by);
            turns.extend(self.corrections.turns(by));
        }
        let mut runs: Vec<Run> = Vec::new();
        let mut standing = None;
        for at in turns {
            let ended = ends.iter().any(|end| self.corrections.stands(*end, at));
            let kind = if ended { former(fact.kind) } else { fact.kind };
            let sure =
                self.certainty(fact, at).filter(|_| self.corrections.stands(fact.source, at));
            let next = sure.map(|certainty| (kind, certainty));
            if next == standing {
                continue;
            }
            if let (Some(_), Some(last)) = (standing, runs.last_mut()) {
                last.removed = at;
            }
            runs.extend(next.map(|(kind, certainty)| Run {
                kind,
                certainty,
                added: at,
                removed: Link::NEVER,
            }));
            standing = next;
        }
        runs
    }
}

/// A stretch of records in which a fact's link stands unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    kind: LinkKind,
    certainty: Certainty,
    added: Position,
    removed: Position,
}

impl Run {
    /// As a fact was told, from its record on.
    fn of(fact: &Fact) -> Self {
        let Fact { kind, certainty, source: added, .. } = *fact;
        Self { kind, certainty, added, removed: Link::NEVER }
    }
}

impl Links for Graph {
    fn each(&self, node: NodeId, direction: Direction, see: impl FnMut(&Link)) {
        self.facts.each(node, direction, see);
    }
}

/// The number of what stands at an index.
fn number(index: usize) -> NodeId {
    NodeId(u32::try_from(index).expect("fewer than 2^32 nodes"))
}
