//! Where each unit counts: every factor's own order cut into bins, and the bins that a unit is in.
#![expect(
    clippy::indexing_slicing,
    reason = "all numbers here were given out by the layout itself"
)]
use super::Factor;
use super::bits::ones;
use super::counts::{Counts, Table, count};
use std::borrow::Cow;

/// Units whose bins a core's cache has room for.
const BLOCK: usize = 4_096;
const _: () = assert!(BLOCK.is_multiple_of(64), "labels of a block are whole words");
/// What labellings take that are counted at once, and what they count.
const AT_ONCE_BYTES: usize = 32 << 20;

/// The bins of all factors over the units that are looked at.
#[derive(Debug)]
pub(super) struct Layout<'f> {
    orders: Vec<Order<'f>>,
    /// Where the bins of each unit begin in `bins_of`, and where the last one's end.
    begins: Vec<usize>,
    bins_of: Vec<u32>,
    bins: usize,
}

/// One factor's own order.
#[derive(Debug, Default)]
struct Order<'f> {
    exposed: Cow<'f, [(i64, u32)]>,
    /// Where each bin begins in it, and where the last one ends.
    edges: Vec<u32>,
    /// The number of its first bin among those of all factors.
    first: usize,
}

/// What the bins have of some units that follow on each other.
#[derive(Debug, Clone, Default)]
struct Block {
    /// Each bin, and how many of them are in it.
    bins: Vec<(u32, u32)>,
    /// Those of the first bin, of the next one, and so on, each by its place in the block.
    places: Vec<u16>,
}

impl Block {
    fn push(&mut self, bin: u32, unit: u32) {
        match self.bins.last_mut() {
            Some((last, len)) if *last == bin => *len += 1,
            _ => self.bins.push((bin, 1)),
        }
        let place = unit as usize % BLOCK;
        self.places.push(u16::try_from(place).expect("a block has fewer than 2^16 units"));
    }
}

/// The best that can be said of a factor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scored {
    pub(super) score: f64,
    pub(super) counts: Counts,
    /// From where to where in the factor's order, unless it is all of it.
    pub(super) part: Option<(u32, u32)>,
}

impl<'f> Layout<'f> {
    pub(super) fn new(factors: &'f [Factor], bins: u32, active: &[bool]) -> Self {
        let is_active = |unit: u32| active.get(unit as usize).copied().unwrap_or(false);
        let mut orders = Vec::with_capacity(factors.len());
        let mut first = 0;
        for factor in factors {
            let all = factor.exposed.iter();
            let exposed = if all.clone().all(|(_, unit)| is_active(*unit)) {
                Cow::Borrowed(factor.exposed.as_slice())
            } else {
                all.filter(|(_, unit)| is_active(*unit)).copied().collect()
            };
            let order = Order::new(exposed, bins.clamp(1, 64), first);
            first += order.edges.len() - 1;
            orders.push(order);
        }
        let exposed = orders.iter().map(|order| order.exposed.len()).sum();
        let bins_of = Vec::with_capacity(exposed);
        let mut layout = Self { orders, begins: vec![0], bins_of, bins: first };
        let mut left = active.len();
        for block in layout.blocks(active.len()) {
            layout.add(&block, left.min(BLOCK));
            left = left.saturating_sub(BLOCK);
        }
        layout
    }

    /// The units of each bin, block by block.
    fn blocks(&self, units: usize) -> Vec<Block> {
        let mut blocks = vec![Block::default(); units.div_ceil(BLOCK)];
        for order in &self.orders {
            for (bin, pair) in order.edges.windows(2).enumerate() {
                let number = u32::try_from(order.first + bin).expect("fewer than 2^32 bins");
                for (_, unit) in &order.exposed[pair[0] as usize..pair[1] as usize] {
                    blocks[*unit as usize / BLOCK].push(number, *unit);
                }
            }
        }
        blocks
    }

    /// Adds a block of so many units.
    fn add(&mut self, block: &Block, units: usize) {
        let mut free = vec![0; units];
        for place in &block.places {
            free[usize::from(*place)] += 1;
        }
        let mut end = self.bins_of.len();
        for free in &mut free {
            end += std::mem::replace(free, end);
            self.begins.push(end);
        }
        self.bins_of.resize(end, 0);
        let mut places = block.places.iter();
        for (bin, len) in &block.bins {
            for place in places.by_ref().take(*len as usize) {
                let at = &mut free[usize::from(*place)];
                self.bins_of[*at] = *bin;
                *at += 1;
            }
        }
    }

    /// No bad unit in any bin.
    pub(super) fn none(&self) -> Vec<u32> {
        vec![0; self.bins]
    }

    /// Counts one bad unit in each of its bins.
    pub(super) fn count(&self, unit: u32, bad: &mut [u32]) {
        let unit = unit as usize;
        for bin in &self.bins_of[self.begins[unit]..self.begins[unit + 1]] {
            bad[*bin as usize] += 1;
        }
    }

    /// How many labellings may be counted at once, so that they and what they count do not take much memory.
    pub(super) fn at_once(&self) -> usize {
        (AT_ONCE_BYTES / (size_of::<u32>() * self.bins + self.begins.len() / 8 + 1)).max(1)
    }

    /// The bad units in each bin by each of many labellings, block by block: so the bins of its units are brought from memory
    /// once, in their order, and not for each labelling from all over.
    pub(super) fn count_all(&self, labellings: &[Vec<u64>]) -> Vec<Vec<u32>> {
        let mut counted = vec![self.none(); labellings.len()];
        let words = BLOCK / 64;
        for (block, first) in (0..self.begins.len() - 1).step_by(BLOCK).enumerate() {
            for (bad, bins) in labellings.iter().zip(&mut counted) {
                let bad = bad.iter().skip(block * words).take(words);
                for unit in ones(bad) {
                    self.count(count(first) + unit, bins);
                }
            }
        }
        counted
    }

    /// The best that can be said of a factor when its bins have so many bad units: all of it, or the window that
    /// is likelier by more than its two ends cost (half the logarithm of the number of units each, as in the BIC of
    /// Schwarz, 1978).
    pub(super) fn score(
        &self,
        factor: usize,
        bad: &[u32],
        all: (u32, u32),
        table: &Table,
    ) -> Scored {
        let Order { edges, first, exposed } = &self.orders[factor];
        let (units, all_bad) = all;
        let bins = &bad[*first..*first + edges.len() - 1];
        let counts = |bad, exposed| Counts { bad, exposed, all_bad, all: units };
        let whole = counts(bins.iter().sum(), count(exposed.len()));
        let mut best = Scored { score: table.ratio(whole), counts: whole, part: None };
        let cost = f64::from(units.max(1)).ln();
        for from in 0..bins.len() {
            let mut bad = 0;
            for to in from..bins.len() {
                bad += bins[to];
                // A window that begins or ends with a bin without a bad unit is worse than the one without it.
                if bins[from] == 0 || bins[to] == 0 {
                    continue;
                }
                let window = counts(bad, edges[to + 1] - edges[from]);
                let score = table.ratio(window) - cost;
                if score > best.score {
                    best =
                        Scored { score, counts: window, part: Some((edges[from], edges[to + 1])) };
                }
            }
        }
        best
    }

    /// The units of a factor, or of a part of its order, ascending.
    pub(super) fn units(&self, factor: usize, part: Option<(u32, u32)>) -> Vec<u32> {
        let mut units: Vec<u32> = self.part(factor, part).iter().map(|(_, unit)| *unit).collect();
        units.sort_unstable();
        units
    }

    /// The first and the last place of a part of a factor's order.
    pub(super) fn window(&self, factor: usize, part: (u32, u32)) -> Option<(i64, i64)> {
        let part = self.part(factor, Some(part));
        Some((part.first()?.0, part.last()?.0))
    }

    /// The units of a factor, in its order.
    pub(super) fn all(&self, factor: usize) -> impl ExactSizeIterator<Item = u32> + Clone {
        self.part(factor, None).iter().map(|(_, unit)| *unit)
    }

    fn part(&self, factor: usize, part: Option<(u32, u32)>) -> &[(i64, u32)] {
        let exposed = &self.orders[factor].exposed;
        part.map_or(exposed, |(from, to)| &exposed[from as usize..to as usize])
    }
}

impl<'f> Order<'f> {
    fn new(exposed: Cow<'f, [(i64, u32)]>, bins: u32, first: usize) -> Self {
        let len = count(exposed.len());
        let mut edges = vec![0];
        for bin in 1..=bins {
            let even = u64::from(len) * u64::from(bin) / u64::from(bins);
            let mut edge = u32::try_from(even).unwrap_or(u32::MAX);
            // What stands at one place is never parted.
            while edge > 0 && edge < len && exposed[edge as usize].0 == exposed[edge as usize - 1].0
            {
                edge += 1;
            }
            if edge > edges[edges.len() - 1] {
                edges.push(edge);
            }
        }
        Self { exposed, edges, first }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bits::bits;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Of units in one block and in several, some of them not looked at, a few exposed and a few bad.
        #[test]
        fn what_is_counted_at_once_is_what_each_bin_has_of_bad_units(
            active in proptest::collection::vec(prop::bool::weighted(0.9), 1..10_000),
            exposures in proptest::collection::vec(proptest::collection::btree_map(0..10_000_u32, 0..5_i64, 0..40), 0..6),
            labellings in proptest::collection::vec(proptest::collection::btree_set(0..10_000_u32, 0..40), 0..4),
        ) {
            let factors: Vec<Factor> = exposures.iter().map(|of| {
                let mut exposed: Vec<(i64, u32)> = of.iter().map(|(unit, at)| (*at, *unit)).collect();
                exposed.sort_unstable();
                Factor { attribute: 0, exposed }
            }).collect();
            let layout = Layout::new(&factors, 3, &active);
            let are_there = |bad: &BTreeSet<u32>| {
                bits(bad.iter().copied().filter(|unit| *unit < count(active.len())), active.len())
            };
            let drawn: Vec<Vec<u64>> = labellings.iter().map(are_there).collect();
            let by_bin = |bad: &BTreeSet<u32>| layout.orders.iter().flat_map(|order| {
                order.edges.windows(2).map(|edge| {
                    let bin = &order.exposed[edge[0] as usize..edge[1] as usize];
                    count(bin.iter().filter(|(_, unit)| bad.contains(unit)).count())
                }).collect::<Vec<u32>>()
            }).collect::<Vec<u32>>();
            let wanted: Vec<Vec<u32>> = labellings.iter().map(by_bin).collect();
            prop_assert_eq!(layout.count_all(&drawn), wanted);
            let looked_at = |unit: u32| active.get(unit as usize) == Some(&true);
            for (number, of) in exposures.iter().enumerate() {
                let theirs: BTreeSet<u32> = layout.all(number).collect();
                let all = of.keys().copied().filter(|unit| looked_at(*unit));
                prop_assert_eq!(theirs, all.collect::<BTreeSet<u32>>());
            }
        }
    }
}
