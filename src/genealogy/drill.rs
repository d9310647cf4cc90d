//! Drills of a recall: what one is about, and whether that is small enough to ask beside the work. The
//! choice follows from a seed and from nothing else.
use super::graph::Graph;
use super::link::{Direction, LinkKind, NodeId};
use crate::model::Position;
use std::collections::BTreeSet;

/// Nodes that one turn of a search looks at.
const LOOKS: usize = 4_096;
/// Nodes that are drawn one by one; after that all are looked at in their order.
const DRAWS: usize = 4 * LOOKS;

/// Numbers that follow from a seed: `SplitMix64` (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub struct Draw(u64);

impl Draw {
    /// Those of a seed.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// The next of them.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// One below a count; 0 if there is none.
    fn below(&mut self, count: usize) -> usize {
        let below = u128::from(self.number()).wrapping_mul(count as u128) >> 64;
        usize::try_from(below).unwrap_or_default()
    }
}

/// A search for a node that fits, each that fits as likely as any other unless they are very rare: then it is the next
/// one from a place that was drawn. It goes in turns, so that nobody else has to wait for its end, and goes on after one
/// that was found, for whoever does not want that.
#[derive(Debug, Clone)]
pub struct Search {
    draw: Draw,
    count: usize,
    drawn: usize,
    /// Where all are looked at from, once that is begun.
    begin: usize,
    looked: usize,
}

/// How a turn of a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// This one fits.
    Node(NodeId),
    /// None yet.
    NotYet,
    /// There is none.
    None,
}

impl Search {
    /// Among the first `count` nodes.
    pub fn new(seed: u64, count: usize) -> Self {
        Self { draw: Draw::of(seed), count, drawn: 0, begin: 0, looked: 0 }
    }

    /// Looks at some more.
    pub fn turn(&mut self, mut fits: impl FnMut(NodeId) -> bool) -> Found {
        let node = |index: usize| u32::try_from(index).ok().map(NodeId);
        if self.looked >= self.count {
            return Found::None;
        }
        if self.drawn < DRAWS {
            for _ in 0..LOOKS.min(DRAWS - self.drawn) {
                self.drawn += 1;
                let drawn = self.draw.below(self.count);
                if let Some(node) = node(drawn).filter(|node| fits(*node)) {
                    return Found::Node(node);
                }
            }
            self.begin = self.draw.below(self.count);
            return Found::NotYet;
        }
        for _ in 0..LOOKS.min(self.count - self.looked) {
            let index = (self.begin + self.looked) % self.count;
            self.looked += 1;
            if let Some(node) = node(index).filter(|node| fits(*node)) {
                return Found::Node(node);
            }
        }
        if self.looked < self.count { Found::NotYet } else { Found::None }
    }
}

/// Whether a node went into something else, or was made of something else. That it lay in a feeder or in a container is not
/// enough.
pub fn is_used(graph: &Graph, node: NodeId, direction: Direction, as_of: Position) -> bool {
    let stand = |node| graph.links(node, direction).filter(|link| link.stands(as_of));
    stand(node).any(|link| match link.kind {
        LinkKind::ConsumedInto
        | LinkKind::InstalledIn
        | LinkKind::SplitInto
        | LinkKind::MergedInto => true,
        LinkKind::MountedAs => stand(link.node).any(|fed| fed.kind == LinkKind::FedInto),
        LinkKind::FedInto => direction == Direction::Backward,
        LinkKind::FormerlyInstalledIn
        | LinkKind::PackedIn
        | LinkKind::FormerlyPackedIn
        | LinkKind::IdentifiedAs => false,
    })
}

/// Whether a walk from a node comes to so many links at most. It looks at one more and then leaves off.
pub fn is_within(
    graph: &Graph,
    begin: NodeId,
    (direction, as_of): (Direction, Position),
    links_max: usize,
) -> bool {
    let mut seen = BTreeSet::from([begin]);
    let mut next = vec![begin];
    let mut links = 0_usize;
    while let Some(node) = next.pop() {
        for link in graph.links(node, direction) {
            links += 1;
            if links > links_max {
                return false;
            }
            if link.stands(as_of) && seen.insert(link.node) {
                next.push(link.node);
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genealogy::builders::*;
    use crate::model::ItemKey;
    use proptest::prelude::*;

    /// What a search comes to, and how often each node was looked at.
    fn searched(seed: u64, count: usize, fits: &BTreeSet<usize>) -> Option<usize> {
        let mut search = Search::new(seed, count);
        // Draws, all in turns, and one more.
        for _ in 0..=DRAWS / LOOKS + count.div_ceil(LOOKS) {
            match search.turn(|node| fits.contains(&node.get())) {
                Found::Node(node) => return Some(node.get()),
                Found::NotYet => {}
                Found::None => return None,
            }
        }
        panic!("it never ends");
    }

    proptest! {
        #[test]
        fn a_search_finds_one_that_fits_if_there_is_one_and_the_same_again(
            seed in any::<u64>(),
            count in 0_usize..20_000,
            fits in proptest::collection::btree_set(0_usize..20_000, 0..3),
        ) {
            let fits: BTreeSet<usize> = fits.into_iter().filter(|at| *at < count).collect();
            let found = searched(seed, count, &fits);
            prop_assert_eq!(found.is_some(), !fits.is_empty());
            prop_assert!(found.is_none_or(|found| fits.contains(&found)));
            prop_assert_eq!(found, searched(seed, count, &fits));
        }
    }

    #[test]
    fn a_search_goes_on_after_what_nobody_wants_and_ends_when_all_were_looked_at() {
        for count in [1, 100, 3 * LOOKS] {
            let mut search = Search::new(17, count);
            let found = std::iter::from_fn(|| match search.turn(|_| true) {
                Found::Node(node) => Some(node.get()),
                Found::NotYet | Found::None => None,
            });
            let found: Vec<usize> = found.collect();
            let distinct: BTreeSet<_> = found.iter().collect();
            assert_eq!((distinct.len(), found.len()), (count, DRAWS + count), "of {count}");
            assert_eq!(search.turn(|_| true), Found::None);
        }
    }

    #[test]
    fn what_fits_is_drawn_evenly() {
        let fits: BTreeSet<usize> = (0..1_000).step_by(100).collect();
        let mut drawn = [0_u32; 10];
        for seed in 0..5_000 {
            drawn[searched(seed, 1_000, &fits).unwrap() / 100] += 1;
        }
        // Each has 500 by right; five standard deviations are 106.
        assert!(drawn.iter().all(|times| times.abs_diff(500) < 106), "{drawn:?}");
    }

    #[test]
    fn the_numbers_of_a_seed_are_those_of_the_published_generator() {
        let mut draw = Draw::of(1_234_567);
        let first = [draw.number(), draw.number(), draw.number()];
        let wanted =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(first, wanted);
    }

    #[test]
    fn what_reaches_further_than_wanted_is_left_off() {
        let mut graph = Graph::default();
        for n in 1..=4 {
            let what = consume(&lot("L1"), &unit(&format!("U{n}")));
            graph.apply(Position(n), &event(0, Some("OP10"), what));
        }
        graph.apply(Position(5), &event(0, None, install(&unit("U1"), &unit("TOP"))));
        let way = (Direction::Forward, Position(9));
        let begin = graph.item(&lot("L1")).unwrap();
        assert!(is_within(&graph, begin, way, 5));
        assert!(!is_within(&graph, begin, way, 4));
    }

    #[test]
    fn what_only_lay_in_a_feeder_or_a_box_was_not_used() {
        let (fed, idle, boxed, part) = (lot("FED"), lot("IDLE"), lot("BOXED"), unit("PART"));
        let mut graph = Graph::default();
        let fills = vec![used("OP10", "F1", 1, &fed)];
        let whats = [
            mount("F1", &fed),
            mount("F2", &idle),
            complete(&unit("U1"), fills),
            pack(&[&boxed], &container("C1")),
            install(&part, &unit("U1")),
        ];
        for (position, what) in (1..).map(Position).zip(whats) {
            graph.apply(position, &event(0, Some("OP10"), what));
        }
        let used = |item: &ItemKey, way, as_of| {
            is_used(&graph, graph.item(item).unwrap(), way, Position(as_of))
        };
        let forward = [&fed, &idle, &boxed, &part].map(|of| used(of, Direction::Forward, 9));
        assert_eq!(forward, [true, false, false, true]);
        assert!(used(&unit("U1"), Direction::Backward, 9) && !used(&part, Direction::Backward, 9));
        assert!(!used(&container("C1"), Direction::Backward, 9));
        // As of the record before it was.
        assert!(!used(&fed, Direction::Forward, 2) && used(&fed, Direction::Forward, 3));
    }
}
