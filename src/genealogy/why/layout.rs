//! Where each unit counts: every factor's own order cut into bins, and the bins that a unit is in.
#![expect(
    clippy::indexing_slicing,
    reason = "all numbers here were given out by the layout itself"
)]
use super::Factor;
use super::counts::{Counts, Table, count};

/// The bins of all factors over the units that are looked at.
#[derive(Debug)]
pub(super) struct Layout {
    orders: Vec<Order>,
    /// Where the bins of each unit begin in `bins_of`, and where the last one's end.
    begins: Vec<usize>,
    bins_of: Vec<u32>,
    bins: usize,
}

/// One factor's own order.
#[derive(Debug, Default)]
struct Order {
    exposed: Vec<(i64, u32)>,
    /// Where each bin begins in it, and where the last one ends.
    edges: Vec<u32>,
    /// The number of its first bin among those of all factors.
    first: usize,
}

/// The best that can be said of a factor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scored {
    pub(super) score: f64,
    pub(super) counts: Counts,
    /// From where to where in the factor's order, unless it is all of it.
    pub(super) part: Option<(u32, u32)>,
}

impl Layout {
    pub(super) fn new(factors: &[Factor], bins: u32, active: &[bool]) -> Self {
        let is_active = |unit: u32| active.get(unit as usize).copied().unwrap_or(false);
        let mut orders = Vec::with_capacity(factors.len());
        let mut first = 0;
        for factor in factors {
            let exposed = factor.exposed.iter().filter(|(_, unit)| is_active(*unit)).copied();
            let order = Order::new(exposed.collect(), bins.clamp(1, 64), first);
            first += order.edges.len() - 1;
            orders.push(order);
        }
        let mut begins = vec![0; active.len() + 1];
        for (_, unit) in orders.iter().flat_map(|order| &order.exposed) {
            begins[*unit as usize + 1] += 1;
        }
        for at in 1..begins.len() {
            begins[at] += begins[at - 1];
        }
        let mut free = begins.clone();
        let mut bins_of = vec![0; begins[active.len()]];
        for order in &orders {
            for (bin, pair) in order.edges.windows(2).enumerate() {
                let number = u32::try_from(order.first + bin).expect("fewer than 2^32 bins");
                for (_, unit) in &order.exposed[pair[0] as usize..pair[1] as usize] {
                    let at = &mut free[*unit as usize];
                    bins_of[*at] = number;
                    *at += 1;
                }
            }
        }
        Self { orders, begins, bins_of, bins: first }
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

    fn part(&self, factor: usize, part: Option<(u32, u32)>) -> &[(i64, u32)] {
        let exposed = &self.orders[factor].exposed;
        part.map_or(exposed.as_slice(), |(from, to)| &exposed[from as usize..to as usize])
    }
}

impl Order {
    fn new(exposed: Vec<(i64, u32)>, bins: u32, first: usize) -> Self {
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
