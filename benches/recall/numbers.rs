//! The links of a large plant between numbered nodes, with nothing else of it: 1 unit has one half of a subassembly
//! and four raw lots in it, each subassembly four. 100 M units are 152 M nodes and 700 M links. The same for the same number.
use pedigree::genealogy::{Certainty, Fact, Facts, LinkKind, NodeId};
use pedigree::model::{Position, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::{Duration, Instant};

/// Lines side by side, and raw lots in use at each at one time: for units and for subassemblies.
const LINES: usize = 50;
const SLOTS: usize = 4;
/// Uses of a raw lot.
const LOT_LEN: std::ops::Range<u32> = 200..400;
/// Nanoseconds from one record to the next.
const STEP_NS: i64 = 1_000_000;

/// What was made, and how long that took.
pub(crate) struct Made {
    pub(crate) facts: Facts,
    pub(crate) nodes: u32,
    /// Raw lots in the order in which they were opened.
    pub(crate) lots: Vec<NodeId>,
    pub(crate) took: Duration,
    /// The longest that one record took, and the facts that were there before it.
    pub(crate) longest: (Duration, usize),
}

struct Maker {
    made: Made,
    random: StdRng,
    slots: Vec<(NodeId, u32)>,
    record: u64,
    told: Vec<Fact>,
}

impl Maker {
    fn node(&mut self) -> NodeId {
        self.made.nodes += 1;
        NodeId(self.made.nodes - 1)
    }

    /// Puts the lots of a line into a node.
    fn fill(&mut self, line: usize, whole: NodeId) {
        for slot in line * SLOTS..(line + 1) * SLOTS {
            if self.slots[slot].1 == 0 {
                let lot = self.node();
                self.made.lots.push(lot);
                self.slots[slot] = (lot, self.random.random_range(LOT_LEN));
            }
            self.slots[slot].1 -= 1;
            self.tell(self.slots[slot].0, whole, LinkKind::ConsumedInto);
        }
    }

    fn tell(&mut self, part: NodeId, whole: NodeId, kind: LinkKind) {
        let time = Utc(i64::try_from(self.record).expect("few records") * STEP_NS);
        let (source, certainty) = (Position(self.record), Certainty::Certain);
        self.told.push(Fact { source, part, whole, time, kind, certainty });
    }

    /// Ends a record: what it told is taken in its order.
    fn end(&mut self) {
        self.told.sort_unstable_by_key(|fact| (fact.part, fact.whole));
        let before = self.made.facts.len();
        let begun = Instant::now();
        for fact in self.told.drain(..) {
            self.made.facts.insert(&fact);
        }
        self.made.longest = self.made.longest.max((begun.elapsed(), before));
        self.record += 1;
    }
}

/// Makes so many units.
pub(crate) fn make(units: u32) -> Made {
    let begun = Instant::now();
    let (facts, lots) = (Facts::default(), Vec::new());
    let longest = (Duration::ZERO, 0);
    let mut maker = Maker {
        made: Made { facts, nodes: 0, lots, took: Duration::ZERO, longest },
        random: StdRng::seed_from_u64(7),
        slots: vec![(NodeId(0), 0); 2 * LINES * SLOTS],
        record: 1,
        told: Vec::new(),
    };
    for pair in 0..units.div_ceil(2) {
        let line = pair as usize % LINES;
        let half = maker.node();
        maker.fill(LINES + line, half);
        maker.end();
        for _ in 0..2 {
            let unit = maker.node();
            maker.fill(line, unit);
            maker.tell(half, unit, LinkKind::InstalledIn);
            maker.end();
        }
    }
    Made { took: begun.elapsed(), ..maker.made }
}
