//! Facts by their places: packed in blocks as they come; those of earlier records stand apart.
use super::Fact;
use super::block::{Block, Stands};
use crate::genealogy::link::NodeId;
use crate::model::Position;
use std::collections::BTreeMap;

/// Places from here on, counted down from the last, are those of facts that came after later ones.
const LATE: u32 = 1 << 31;

/// What facts are sorted by.
pub(super) type Key = (Position, NodeId, NodeId);

/// All facts, each once. A place is one's for good.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// By [`Fact::key`], all of one size.
    blocks: Vec<Block>,
    /// Those after them.
    tail: Vec<(Fact, Stands)>,
    /// Those that came after later ones, and where each is.
    late: Vec<(Fact, Stands)>,
    late_by_key: BTreeMap<Key, u32>,
    /// Facts of a block, as a power of two.
    block_bits: u32,
}

impl Told {
    /// None yet.
    pub(super) fn new(block_bits: u32) -> Self {
        let (tail, late, late_by_key) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { blocks: Vec::new(), tail, late, late_by_key, block_bits }
    }

    /// Takes a fact; its place, or `None` if it is there already.
    ///
    /// # Panics
    /// With 2³¹ facts.
    pub(super) fn insert(&mut self, fact: &Fact) -> Option<u32> {
        let place = self.len_in_order();
        let last = place.checked_sub(1).and_then(|last| self.link(last));
        if last.is_none_or(|last| last.key() < fact.key()) {
            self.tail.push((*fact, Stands::AsTold));
            if self.tail.len() == 1 << self.block_bits {
                self.blocks.push(Block::of(&self.tail));
                self.tail.clear();
            }
            return Some(place);
        }
        if self.place(fact.key()).is_some() {
            return None;
        }
        let number = u32::try_from(self.late.len()).ok().filter(|number| *number < LATE);
        let place = u32::MAX - number.expect("fewer than 2^31 facts come late");
        self.late.push((*fact, Stands::AsTold));
        self.late_by_key.insert(fact.key(), place);
        Some(place)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.len_in_order() as usize + self.late.len()
    }

    /// The memory that they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(Block::bytes).sum();
        let late = size_of_val(&*self.late) + self.late.len() * size_of::<(Key, u32)>();
        size_of_val(&*self.blocks) + blocks + size_of_val(&*self.tail) + late
    }

    fn len_in_order(&self) -> u32 {
        let len = (self.blocks.len() << self.block_bits) + self.tail.len();
        u32::try_from(len).ok().filter(|len| *len < LATE).expect("fewer than 2^31 facts")
    }

    /// The block of a place, and which of it.
    fn at(&self, place: u32) -> (usize, usize) {
        let within = (1 << self.block_bits) - 1;
        ((place >> self.block_bits) as usize, (place & within) as usize)
    }

    /// Those that are not packed, and where a place is among them.
    fn loose(&self, place: u32) -> Option<&(Fact, Stands)> {
        if place < LATE {
            self.tail.get(self.at(place).1)
        } else {
            self.late.get((u32::MAX - place) as usize)
        }
    }

    fn packed(&self, place: u32) -> Option<(&Block, usize)> {
        let (block, index) = self.at(place);
        self.blocks.get(block).filter(|_| place < LATE).map(|block| (block, index))
    }

    /// What stands at a place, but maybe for its time.
    pub(super) fn link(&self, place: u32) -> Option<Fact> {
        self.standing(place).map(|(fact, _)| fact)
    }

    /// What stands at a place.
    pub(super) fn fact(&self, place: u32) -> Option<Fact> {
        match self.packed(place) {
            Some((block, index)) => Some(block.fact(index)),
            None => self.link(place),
        }
    }

    /// What stands at a place, but maybe for its time, and how its link stands.
    pub(super) fn standing(&self, place: u32) -> Option<(Fact, Stands)> {
        match self.packed(place) {
            Some((block, index)) => Some((block.link(index), block.stands(index))),
            None => self.loose(place).copied(),
        }
    }

    /// Says how its link stands.
    pub(super) fn set_stands(&mut self, place: u32, stands: Stands) {
        let (block, index) = self.at(place);
        let late = place >= LATE;
        if let Some(block) = self.blocks.get_mut(block).filter(|_| !late) {
            return block.set_stands(index, stands);
        }
        let loose = if late {
            self.late.get_mut((u32::MAX - place) as usize)
        } else {
            self.tail.get_mut(index)
        };
        if let Some((_, there)) = loose {
            *there = stands;
        }
    }

    /// Whether what stands at one place is before what stands at another.
    pub(super) fn is_before(&self, a: u32, b: u32) -> bool {
        if a < LATE && b < LATE {
            return a < b;
        }
        self.link(a).map(|fact| fact.key()) < self.link(b).map(|fact| fact.key())
    }

    /// The place in order from which on facts are not before a key.
    fn from(&self, key: Key) -> u32 {
        let (mut low, mut high) = (0, self.len_in_order());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.link(middle) {
                Some(fact) if fact.key() < key => low = middle + 1,
                Some(_) | None => high = middle,
            }
        }
        low
    }

    /// Where a fact stands.
    pub(super) fn place(&self, key: Key) -> Option<u32> {
        let place = self.from(key);
        let there = self.link(place).is_some_and(|fact| fact.key() == key);
        if there { Some(place) } else { self.late_by_key.get(&key).copied() }
    }

    /// What one record told.
    pub(super) fn of(&self, record: Position) -> Vec<Fact> {
        let first = (record, NodeId(0), NodeId(0));
        let last = (record, NodeId(u32::MAX), NodeId(u32::MAX));
        let in_order = (self.from(first)..).map_while(|place| self.fact(place));
        let mut those: Vec<Fact> = in_order.take_while(|fact| fact.source == record).collect();
        let late = self.late_by_key.range(first..=last);
        those.extend(late.filter_map(|(_, place)| self.link(*place)));
        those.sort_unstable_by_key(Fact::key);
        those
    }

    /// All of them in their order.
    pub(super) fn all(&self) -> impl Iterator<Item = Fact> {
        let packed = self.blocks.iter().flat_map(Block::facts);
        let mut in_order = packed.chain(self.tail.iter().map(|(fact, _)| *fact)).peekable();
        let late = self.late_by_key.values().filter_map(|place| self.link(*place));
        let mut late = late.peekable();
        std::iter::from_fn(move || match (in_order.peek(), late.peek()) {
            (Some(a), Some(b)) if b.key() < a.key() => late.next(),
            (None, _) => late.next(),
            (Some(_), _) => in_order.next(),
        })
    }
}
