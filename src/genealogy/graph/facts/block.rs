//! Some facts in a row, each in as many bits as the widest of them needs: what one has is told from the least of all.
use super::Fact;
use super::bits::{Bits, lowest, read, width};
use crate::genealogy::link::{Certainty, LinkKind, NodeId};
use crate::model::{Position, Utc};

/// Facts of one block are named by so many bits at most.
pub(super) const BLOCK_BITS: u32 = 7;

const KIND_BITS: u32 = 4;
const CERTAINTY_BITS: u32 = 2;
const KINDS: [LinkKind; 10] = [
    LinkKind::ConsumedInto,
    LinkKind::InstalledIn,
    LinkKind::FormerlyInstalledIn,
    LinkKind::PackedIn,
    LinkKind::FormerlyPackedIn,
    LinkKind::SplitInto,
    LinkKind::MergedInto,
    LinkKind::MountedAs,
    LinkKind::FedInto,
    LinkKind::IdentifiedAs,
];
const CERTAINTIES: [Certainty; 3] = [Certainty::Certain, Certainty::OneOf, Certainty::Proportional];

/// How the link of a fact stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// As it was told, from its record on.
    AsTold,
    /// As is said elsewhere.
    Otherwise,
}

/// Facts in their order. The times stand after them, one a record.
#[derive(Debug, Clone)]
pub(super) struct Block {
    source: u64,
    time: i64,
    /// What times are told in: their distances are multiples of it.
    step: u64,
    part: u32,
    whole: u32,
    source_bits: u8,
    time_bits: u8,
    part_bits: u8,
    whole_bits: u8,
    len: u8,
    /// By fact, a bit: [`Stands`].
    otherwise: [u64; 2],
    words: Box<[u64]>,
}

/// The least of some numbers, and the bits for what each is above it.
fn frame(numbers: impl Iterator<Item = u32> + Clone) -> (u32, u8) {
    let least = numbers.clone().min().unwrap_or(0);
    let most = numbers.max().unwrap_or(0);
    (least, bits(u64::from(most - least)))
}

fn bits(value: u64) -> u8 {
    u8::try_from(width(value)).expect("at most 64")
}

fn common(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common(b, a % b) }
}

impl Block {
    /// Of at most 2⁷ facts in their order, those of one record at one time.
    pub(super) fn of(told: &[(Fact, Stands)]) -> Self {
        let facts: Vec<Fact> = told.iter().map(|(fact, _)| *fact).collect();
        let mut block = Self::packed(&facts);
        for (index, (_, stands)) in told.iter().enumerate() {
            block.set_stands(index, *stands);
        }
        block
    }

    fn packed(facts: &[Fact]) -> Self {
        let first = facts.first().map_or(0, |fact| fact.source.0);
        let last = facts.last().map_or(0, |fact| fact.source.0);
        let (part, part_bits) = frame(facts.iter().map(|fact| fact.part.0));
        let (whole, whole_bits) = frame(facts.iter().map(|fact| fact.whole.0));
        let time = facts.iter().map(|fact| fact.time.0).min().unwrap_or(0);
        let since = |fact: &Fact| fact.time.0.wrapping_sub(time).cast_unsigned();
        let step = facts.iter().map(since).fold(0, common).max(1);
        let most = facts.iter().map(since).max().unwrap_or(0) / step;
        let mut block = Self {
            source: first,
            time,
            step,
            part,
            whole,
            source_bits: bits(last - first),
            time_bits: bits(most),
            part_bits,
            whole_bits,
            len: u8::try_from(facts.len()).expect("at most 2^7 facts"),
            otherwise: [0; 2],
            words: Box::default(),
        };
        let mut words = Bits::default();
        for fact in facts {
            words.push(fact.source.0 - first, block.source_bits.into());
            words.push((fact.part.0 - part).into(), part_bits.into());
            words.push((fact.whole.0 - whole).into(), whole_bits.into());
            words.push(fact.kind as u64, KIND_BITS);
            words.push(fact.certainty as u64, CERTAINTY_BITS);
        }
        for record in facts.chunk_by(|a, b| a.source == b.source) {
            let since = record.first().map_or(0, since);
            words.push(since / step, block.time_bits.into());
        }
        block.words = words.done();
        block
    }

    /// The bits of one fact.
    fn row(&self) -> usize {
        let told = [self.source_bits, self.part_bits, self.whole_bits];
        let told: usize = told.into_iter().map(usize::from).sum();
        told + (KIND_BITS + CERTAINTY_BITS) as usize
    }

    /// A fact but for its time.
    pub(super) fn link(&self, index: usize) -> Fact {
        let [source_bits, part_bits, whole_bits] =
            [self.source_bits, self.part_bits, self.whole_bits].map(u32::from);
        let mut at = index * self.row();
        let mut next = |width: u32| {
            let value = read(&self.words, at, width);
            at += width as usize;
            value
        };
        // What has room in one word is read as one.
        let source = next(source_bits);
        let ends = next(part_bits + whole_bits);
        let meant = next(KIND_BITS + CERTAINTY_BITS);
        let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        let kind = KINDS.get(number(lowest(meant, KIND_BITS)) as usize);
        let certainty = CERTAINTIES.get(number(meant >> KIND_BITS) as usize);
        Fact {
            source: Position(self.source + source),
            part: NodeId(self.part + number(lowest(ends, part_bits))),
            whole: NodeId(self.whole + number(ends >> part_bits)),
            time: Utc(0),
            kind: kind.copied().unwrap_or(LinkKind::ConsumedInto),
            certainty: certainty.copied().unwrap_or(Certainty::Certain),
        }
    }

    /// A fact with its time, which is found by counting records: for the few that are asked for it.
    pub(super) fn fact(&self, index: usize) -> Fact {
        let sources = (0..=index).map(|index| self.source_of(index));
        let (mut records, mut last) = (0, None);
        for source in sources {
            records += usize::from(last.replace(source).is_some_and(|last| last != source));
        }
        Fact { time: self.time_of(records), ..self.link(index) }
    }

    /// All of them, with their times.
    pub(super) fn facts(&self) -> impl Iterator<Item = Fact> {
        let (mut records, mut last) = (0, None);
        (0..self.len.into()).map(move |index| {
            let fact = self.link(index);
            records += usize::from(last.replace(fact.source).is_some_and(|l| l != fact.source));
            Fact { time: self.time_of(records), ..fact }
        })
    }

    fn source_of(&self, index: usize) -> u64 {
        read(&self.words, index * self.row(), self.source_bits.into())
    }

    fn time_of(&self, record: usize) -> Utc {
        let width = u32::from(self.time_bits);
        let at = usize::from(self.len) * self.row() + record * width as usize;
        let since = read(&self.words, at, width).wrapping_mul(self.step);
        Utc(self.time.wrapping_add(since.cast_signed()))
    }

    /// How the link of a fact stands.
    pub(super) fn stands(&self, index: usize) -> Stands {
        let word = self.otherwise.get(index / 64).copied().unwrap_or(0);
        if word >> (index % 64) & 1 == 0 { Stands::AsTold } else { Stands::Otherwise }
    }

    /// Says how it stands.
    pub(super) fn set_stands(&mut self, index: usize, stands: Stands) {
        if let Some(word) = self.otherwise.get_mut(index / 64) {
            match stands {
                Stands::AsTold => *word &= !(1 << (index % 64)),
                Stands::Otherwise => *word |= 1 << (index % 64),
            }
        }
    }

    /// The memory that it takes beside its place among others, in bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.words)
    }
}
