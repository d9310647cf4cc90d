//! The graph: nodes, links both ways, and what every event does to them.
use super::correction::Corrections;
use super::fact::{Claim, Fact, ended, former, links_of};
use super::link::{Certainty, Direction, Link, LinkKind, Links, Node, NodeId};
use super::narrowing::Narrowings;
use crate::model::{ItemKey, Position, TraceEvent, Utc, What};
use std::collections::{BTreeMap, BTreeSet};

mod image;

/// What went into what.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    ids: BTreeMap<Node, NodeId>,
    names: Vec<Node>,
    links: Delta,
    /// Sorted by (source, part, whole).
    facts: Vec<Fact>,
    /// When a part left a whole, and the record that says so.
    ends: BTreeMap<Pair, BTreeSet<(Utc, Position)>>,
    ends_of: BTreeMap<Position, BTreeSet<Pair>>,
    narrowed: Narrowings,
    corrections: Corrections,
}

/// A part, a whole, and what the link between them means while it lasts.
type Pair = (NodeId, NodeId, LinkKind);

impl Graph {
    /// Takes one event. Events may come in any order; one that came before changes nothing.
    ///
    /// # Panics
    /// With more than 2³² nodes.
    pub fn apply(&mut self, position: Position, event: &TraceEvent) {
        for claim in links_of(position, event) {
            self.claim(position, event.time.at, claim);
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
        self.ids.get(&Node::Item(key.clone())).copied()
    }

    /// Whether any link at a node, made by a record that counts, stands as of a record.
    pub fn is_linked(
        &self,
        node: NodeId,
        as_of: Position,
        counts: impl Fn(Position) -> bool,
    ) -> bool {
        let lists = [&self.links.forward, &self.links.backward];
        let mut links = lists.into_iter().filter_map(|list| list.get(node.get())).flatten();
        links.any(|link| link.stands(as_of) && counts(link.source))
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
        if let Some(id) = self.ids.get(&node) {
            return *id;
        }
        let id = NodeId(u32::try_from(self.names.len()).expect("fewer than 2^32 nodes"));
        self.names.push(node.clone());
        self.ids.insert(node, id);
        self.links.forward.push(Vec::new());
        self.links.backward.push(Vec::new());
        id
    }

    fn claim(&mut self, source: Position, time: Utc, (part, whole, kind, certainty): Claim) {
        let (part, whole) = (self.intern(part), self.intern(whole));
        let fact = Fact { source, part, whole, time, kind, certainty };
        let at = self.facts.partition_point(|f| f.key() < fact.key());
        if self.facts.get(at).is_some_and(|there| there.key() == fact.key()) {
            return;
        }
        self.facts.insert(at, fact);
        self.derive(&fact);
    }

    /// Draws the links of one fact anew.
    fn derive(&mut self, fact: &Fact) {
        let runs = self.runs(fact);
        self.links.replace(fact, &runs);
    }

    /// Draws anew what one record made or ended.
    fn derive_record(&mut self, record: Position) {
        let from = self.facts.partition_point(|f| f.source < record);
        let facts: Vec<Fact> =
            self.facts.iter().skip(from).take_while(|f| f.source == record).copied().collect();
        for fact in &facts {
            self.derive(fact);
        }
        for pair in self.ends_of.get(&record).cloned().unwrap_or_default() {
            self.derive_pair(pair);
        }
    }

    /// Draws anew every link of a kind between a part and a whole.
    fn derive_pair(&mut self, (part, whole, kind): Pair) {
        let mut sources = BTreeSet::new();
        // What is void now may have to be reinstated: links that stand no longer are looked at too.
        self.links.each(part, Direction::Forward, |link| {
            if link.node == whole {
                sources.insert(link.source);
            }
        });
        for source in sources {
            let at = self.facts.partition_point(|f| f.key() < (source, part, whole));
            if let Some(fact) = self.facts.get(at).filter(|f| f.kind == kind).copied() {
                self.derive(&fact);
            }
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
#[derive(Debug, Clone, Copy)]
struct Run {
    kind: LinkKind,
    certainty: Certainty,
    added: Position,
    removed: Position,
}

impl Links for Graph {
    fn each(&self, node: NodeId, direction: Direction, see: impl FnMut(&Link)) {
        self.links.each(node, direction, see);
    }
}

/// Links in lists that can grow, each list sorted.
#[derive(Debug, Clone, Default)]
struct Delta {
    forward: Vec<Vec<Link>>,
    backward: Vec<Vec<Link>>,
}

impl Delta {
    fn replace(&mut self, fact: &Fact, runs: &[Run]) {
        let ends = [
            (self.forward.get_mut(fact.part.get()), fact.whole),
            (self.backward.get_mut(fact.whole.get()), fact.part),
        ];
        for (list, node) in ends {
            let list = list.expect("a fact's nodes are interned");
            let key = (fact.source, node);
            let from = list.partition_point(|link| (link.source, link.node) < key);
            let to = list.partition_point(|link| (link.source, link.node) <= key);
            let fresh = runs.iter().map(|run| {
                let Run { kind, certainty, added, removed } = *run;
                Link { source: fact.source, node, added, removed, kind, certainty }
            });
            list.splice(from..to, fresh);
        }
    }
}

impl Links for Delta {
    fn each(&self, node: NodeId, direction: Direction, see: impl FnMut(&Link)) {
        let lists = match direction {
            Direction::Forward => &self.forward,
            Direction::Backward => &self.backward,
        };
        lists.get(node.get()).into_iter().flatten().for_each(see);
    }
}
