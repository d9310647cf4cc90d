//! Facts in their order, threaded at both ends: 40 bytes a link, and 16 a node however many it has.
use super::{Fact, Run};
use crate::genealogy::link::{Certainty, Direction, Link, LinkKind, Links, NodeId};
use crate::model::{Position, Utc};
use std::collections::BTreeMap;
use std::iter::successors;

/// The place of no fact.
const NONE: u32 = u32::MAX;

/// A fact, and the places of the next ones with the same part and with the same whole.
#[derive(Debug, Clone, Copy)]
struct Told {
    source: Position,
    time: Utc,
    part: NodeId,
    whole: NodeId,
    next_of_part: u32,
    next_of_whole: u32,
    kind: LinkKind,
    certainty: Certainty,
    /// Whether its link stands as it was told, from its record on.
    is_plain: bool,
}

impl Told {
    fn fact(&self) -> Fact {
        let Self { source, time, part, whole, kind, certainty, .. } = *self;
        Fact { source, part, whole, time, kind, certainty }
    }

    fn key(&self) -> Key {
        self.fact().key()
    }

    /// The node at the other end, and the place of the next fact at this one.
    fn along(&self, direction: Direction) -> (NodeId, u32) {
        match direction {
            Direction::Forward => (self.whole, self.next_of_part),
            Direction::Backward => (self.part, self.next_of_whole),
        }
    }
}

/// Where the facts begin and end in which a node is the part, or the whole.
#[derive(Debug, Clone, Copy)]
struct Thread {
    first: u32,
    last: u32,
}

const NO_THREAD: Thread = Thread { first: NONE, last: NONE };

/// What facts are sorted by.
type Key = (Position, NodeId, NodeId);

/// All facts, each once, and how their links stand.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// By [`Fact::key`]: so are those of one thread.
    told: Vec<Told>,
    /// By node: as a part, as a whole.
    threads: Vec<(Thread, Thread)>,
    /// How links stand that do not stand as they were told.
    otherwise: BTreeMap<Key, Vec<Run>>,
}

impl Facts {
    /// Makes room for one more node.
    pub(super) fn add_node(&mut self) {
        self.threads.push((NO_THREAD, NO_THREAD));
    }

    /// Takes a fact, whose link stands as it is told; `false` if it is there already. Those of later records cost
    /// the same however many there are; one of an earlier record has all of them threaded anew.
    ///
    /// # Panics
    /// With 2³² facts.
    pub(super) fn insert(&mut self, fact: &Fact) -> bool {
        let Fact { source, part, whole, time, kind, certainty } = *fact;
        let is_last = self.told.last().is_none_or(|last| last.key() < fact.key());
        let at = if is_last { self.told.len() } else { self.place(fact.key()) };
        if self.told.get(at).is_some_and(|there| there.key() == fact.key()) {
            return false;
        }
        let (next_of_part, next_of_whole, is_plain) = (NONE, NONE, true);
        let told = Told {
            source,
            time,
            part,
            whole,
            next_of_part,
            next_of_whole,
            kind,
            certainty,
            is_plain,
        };
        self.told.insert(at, told);
        if is_last {
            self.thread(at);
        } else {
            self.threads.fill((NO_THREAD, NO_THREAD));
            (0..self.told.len()).for_each(|at| self.thread(at));
        }
        true
    }

    /// Puts the fact at a place at the end of the threads of its two nodes.
    fn thread(&mut self, at: usize) {
        let Some(told) = self.told.get_mut(at) else { return };
        (told.next_of_part, told.next_of_whole) = (NONE, NONE);
        let (part, whole) = (told.part, told.whole);
        let at = u32::try_from(at).ok().filter(|at| *at != NONE).expect("fewer than 2^32 facts");
        if let Some((of_part, _)) = self.threads.get_mut(part.get())
            && let Some(before) = of_part.put(at)
            && let Some(before) = self.told.get_mut(before as usize)
        {
            before.next_of_part = at;
        }
        if let Some((_, of_whole)) = self.threads.get_mut(whole.get())
            && let Some(before) = of_whole.put(at)
            && let Some(before) = self.told.get_mut(before as usize)
        {
            before.next_of_whole = at;
        }
    }

    /// Where a fact stands, or would.
    fn place(&self, key: Key) -> usize {
        self.told.partition_point(|told| told.key() < key)
    }

    /// What records told of a part and a whole.
    pub(super) fn between(&self, part: NodeId, whole: NodeId) -> impl Iterator<Item = Fact> {
        self.told_at(part, Direction::Forward)
            .map(Told::fact)
            .filter(move |fact| fact.whole == whole)
    }

    /// What one record told.
    pub(super) fn of(&self, record: Position) -> Vec<Fact> {
        let from = self.place((record, NodeId(0), NodeId(0)));
        let those = self.told.iter().skip(from).take_while(|told| told.source == record);
        those.map(Told::fact).collect()
    }

    /// All of them in their order.
    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = Fact> {
        self.told.iter().map(Told::fact)
    }

    /// Says how the link of a fact stands.
    pub(super) fn draw(&mut self, fact: &Fact, runs: Vec<Run>) {
        let at = self.place(fact.key());
        let Some(told) = self.told.get_mut(at).filter(|told| told.key() == fact.key()) else {
            return;
        };
        told.is_plain = runs == [Run::of(fact)];
        if told.is_plain {
            self.otherwise.remove(&fact.key());
        } else {
            self.otherwise.insert(fact.key(), runs);
        }
    }

    /// The links at a node, by record and other end.
    pub(super) fn links(&self, node: NodeId, direction: Direction) -> impl Iterator<Item = Link> {
        let told = self.told_at(node, direction);
        told.flat_map(move |told| {
            let (source, node) = (told.source, told.along(direction).0);
            self.runs(told).map(move |Run { kind, certainty, added, removed }| Link {
                source,
                node,
                added,
                removed,
                kind,
                certainty,
            })
        })
    }

    /// The facts at a node.
    fn told_at(&self, node: NodeId, direction: Direction) -> impl Iterator<Item = &Told> {
        let at = |place: u32| self.told.get(place as usize);
        let threads = self.threads.get(node.get()).copied().unwrap_or((NO_THREAD, NO_THREAD));
        let first = match direction {
            Direction::Forward => threads.0.first,
            Direction::Backward => threads.1.first,
        };
        successors(at(first), move |told| at(told.along(direction).1))
    }

    /// How the link of a fact stands.
    fn runs(&self, told: &Told) -> impl Iterator<Item = Run> {
        let plain = told.is_plain.then(|| Run::of(&told.fact()));
        let otherwise = if told.is_plain { None } else { self.otherwise.get(&told.key()) };
        plain.into_iter().chain(otherwise.into_iter().flatten().copied())
    }
}

impl Thread {
    /// Puts a place at its end; the one that was there before.
    fn put(&mut self, at: u32) -> Option<u32> {
        let before = std::mem::replace(&mut self.last, at);
        if before == NONE {
            self.first = at;
            return None;
        }
        Some(before)
    }
}

impl Links for Facts {
    fn each(&self, node: NodeId, direction: Direction, mut see: impl FnMut(&Link)) {
        self.links(node, direction).for_each(|link| see(&link));
    }
}
