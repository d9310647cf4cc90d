//! Facts in their order and by node. They are packed in blocks as they come, and each is found from both of its ends
//! through the row of that node. Nothing is ever merged as a whole: what is added moves a block or a page at most.
use super::{Fact, Run};
use crate::genealogy::link::{Direction, Link, Links, NodeId};
use crate::model::Position;
use block::Stands;
use rows::Rows;
use std::collections::BTreeMap;
use std::fmt;
use told::{Key, Told};

mod bits;
mod block;
mod rows;
#[cfg(test)]
mod tests;
mod told;

/// Bytes of a row before it has chunks of its own. One place more in the middle can take ten bytes more, and the length must
/// stay below what stands for a long row.
const ROW_MAX: u8 = 240;

/// What records told of parts and wholes, each once, and how the links stand that follow from it. Nodes are numbers
/// here, whatever they are called.
#[derive(Clone)]
pub struct Facts {
    told: Told,
    rows: Rows,
    /// How links stand that do not stand as they were told.
    otherwise: BTreeMap<Key, Vec<Run>>,
}

impl Default for Facts {
    fn default() -> Self {
        Self::packed_at(block::BLOCK_BITS, ROW_MAX, 256)
    }
}

impl Facts {
    /// None yet, to be packed so many in a block, as a power of two; with so many bytes in a row, from which on it has
    /// chunks of its own, and so many facts in a chunk.
    pub(in crate::genealogy) fn packed_at(block_bits: u32, row: u8, chunk: usize) -> Self {
        let (told, rows) = (Told::new(block_bits), Rows::new(row.min(ROW_MAX), chunk));
        Self { told, rows, otherwise: BTreeMap::new() }
    }

    /// Takes a fact, whose link stands as it is told; `false` if it is there already. Those of one record have one
    /// time. It costs the same however many there are; the logarithm of their number if it is of an earlier record.
    ///
    /// # Panics
    /// With 2³¹ facts.
    pub fn insert(&mut self, fact: &Fact) -> bool {
        let Some(place) = self.told.insert(fact) else { return false };
        let is_before = |a, b| self.told.is_before(a, b);
        self.rows.insert((fact.part, Direction::Forward, place), is_before);
        self.rows.insert((fact.whole, Direction::Backward, place), is_before);
        true
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.told.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The memory in bytes of the facts, and of what finds them by node.
    pub fn bytes(&self) -> (usize, usize) {
        (self.told.bytes(), self.rows.bytes())
    }

    /// What records told of a part and a whole.
    pub(super) fn between(&self, part: NodeId, whole: NodeId) -> impl Iterator<Item = Fact> {
        let places = self.rows.get(part, Direction::Forward);
        let is_between =
            move |place: &u32| self.told.link(*place).is_some_and(|fact| fact.whole == whole);
        places.filter(is_between).filter_map(|place| self.told.fact(place))
    }

    /// What one record told.
    pub(super) fn of(&self, record: Position) -> Vec<Fact> {
        self.told.of(record)
    }

    /// All of them in their order.
    pub(super) fn all(&self) -> impl Iterator<Item = Fact> {
        self.told.all()
    }

    /// Says how the link of a fact stands.
    pub(super) fn draw(&mut self, fact: &Fact, runs: Vec<Run>) {
        let Some(place) = self.told.place(fact.key()) else { return };
        if runs == [Run::of(fact)] {
            self.told.set_stands(place, Stands::AsTold);
            self.otherwise.remove(&fact.key());
        } else {
            self.told.set_stands(place, Stands::Otherwise);
            self.otherwise.insert(fact.key(), runs);
        }
    }

    /// The links at a node, by record and other end.
    pub(super) fn links(&self, node: NodeId, direction: Direction) -> impl Iterator<Item = Link> {
        let places = self.rows.get(node, direction);
        let told = places.filter_map(|place| self.told.standing(place));
        told.flat_map(move |(told, stands)| {
            let (plain, otherwise) = match stands {
                Stands::AsTold => (Some(Run::of(&told)), &[][..]),
                Stands::Otherwise => (None, self.otherwise(&told)),
            };
            let runs = plain.into_iter().chain(otherwise.iter().copied());
            runs.map(move |run| link(&told, direction, &run))
        })
    }

    /// How the link of a fact stands that does not stand as it was told.
    fn otherwise(&self, told: &Fact) -> &[Run] {
        self.otherwise.get(&told.key()).map_or(&[], Vec::as_slice)
    }
}

/// The link of a fact while it stands in one way, as seen from one of its ends.
fn link(told: &Fact, direction: Direction, run: &Run) -> Link {
    let node = match direction {
        Direction::Forward => told.whole,
        Direction::Backward => told.part,
    };
    let Run { kind, certainty, added, removed } = *run;
    Link { source: told.source, node, added, removed, kind, certainty }
}

/// What they say, not how they are packed.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all()).entries(&self.otherwise).finish()
    }
}

impl Links for Facts {
    fn each(&self, node: NodeId, direction: Direction, mut see: impl FnMut(&Link)) {
        // As Facts::links, in a loop of its own: walks spend their time here.
        for place in self.rows.get(node, direction) {
            match self.told.standing(place) {
                Some((told, Stands::AsTold)) => see(&link(&told, direction, &Run::of(&told))),
                Some((told, Stands::Otherwise)) => {
                    self.otherwise(&told).iter().for_each(|run| see(&link(&told, direction, run)));
                }
                None => {}
            }
        }
    }
}
