//! A run of consecutive leaves of the Merkle tree, kept as the fewest perfect subtrees that cover
//! it: some forty hashes for any number of leaves.
//!
//! Runs that follow one another make a longer run, and a subtree of the tree is made of whole nodes
//! of runs wherever it does not lie inside one of them: both are perfect and aligned to their size, so
//! that of two that meet one contains the other. That is why a proof looks at the leaves of the
//! segments that it is about, and only at the runs of all others.
use crate::model::Digest;
use sha2::{Digest as _, Sha256};
use std::ops::Range;

/// The node above two: SHA-256(0x01 ‖ left ‖ right).
pub(super) fn node(left: &Digest, right: &Digest) -> Digest {
    Digest(
        Sha256::new()
            .chain_update([1])
            .chain_update(left.0)
            .chain_update(right.0)
            .finalize()
            .into(),
    )
}

/// The leaves of a range, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    leaves: Range<u64>,
    nodes: Vec<Digest>,
}

impl Default for Run {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Run {
    /// No leaf yet; the first will be `first`.
    pub fn new(first: u64) -> Self {
        Self { leaves: first..first, nodes: Vec::new() }
    }

    /// From its nodes, left to right; `None` if they are not as many as the range has.
    pub fn from_nodes(leaves: Range<u64>, nodes: Vec<Digest>) -> Option<Self> {
        let whole = leaves.start <= leaves.end && pieces(leaves.clone()).count() == nodes.len();
        whole.then_some(Self { leaves, nodes })
    }

    /// Which leaves.
    pub fn range(&self) -> Range<u64> {
        self.leaves.clone()
    }

    /// The roots of its perfect subtrees, left to right.
    pub fn nodes(&self) -> &[Digest] {
        &self.nodes
    }

    /// The same, each with its leaves.
    pub(super) fn subtrees(&self) -> impl Iterator<Item = (Range<u64>, Digest)> {
        pieces(self.range()).zip(self.nodes.iter().copied())
    }

    /// Adds one leaf.
    pub fn push(&mut self, leaf: Digest) {
        self.put(1, leaf);
    }

    /// Adds the leaves that follow; `false`, and nothing is changed, if these do not.
    #[must_use = "leaves that do not follow are not added"]
    pub fn extend(&mut self, other: &Self) -> bool {
        let follows = other.leaves.start == self.leaves.end;
        if follows {
            other.subtrees().for_each(|(leaves, root)| self.put(leaves.end - leaves.start, root));
        }
        follows
    }

    /// Adds a perfect subtree of `len` leaves, which is aligned.
    fn put(&mut self, mut len: u64, mut root: Digest) {
        let mut start = self.leaves.end;
        self.leaves.end += len;
        // Its left brother, if all of it is in the run, is the last node.
        while (start / len) % 2 == 1
            && start - len >= self.leaves.start
            && let Some(left) = self.nodes.pop()
        {
            root = node(&left, &root);
            start -= len;
            len *= 2;
        }
        self.nodes.push(root);
    }
}

/// The fewest perfect, aligned subtrees that cover a range, left to right.
fn pieces(leaves: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut start = leaves.start;
    std::iter::from_fn(move || {
        let left = leaves.end.checked_sub(start).filter(|left| *left > 0)?;
        let len = 1 << start.trailing_zeros().min(left.ilog2());
        start += len;
        Some(start - len..start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A leaf that tells its index.
    fn leaf(index: u64) -> Digest {
        crate::ledger::leaf(&index.to_be_bytes())
    }

    fn run(leaves: Range<u64>) -> Run {
        let mut run = Run::new(leaves.start);
        leaves.for_each(|index| run.push(leaf(index)));
        run
    }

    /// The root of a perfect subtree, as RFC 6962 §2.1 defines it.
    fn root(leaves: Range<u64>) -> Digest {
        let middle = leaves.start.midpoint(leaves.end);
        if middle == leaves.start {
            return leaf(middle);
        }
        node(&root(leaves.start..middle), &root(middle..leaves.end))
    }

    proptest! {
        #[test]
        fn a_run_is_the_same_however_it_was_put_together(
            first in 0..300_u64, lens in proptest::collection::vec(0..90_u64, 1..6),
        ) {
            let mut joined = Run::new(first);
            for len in lens {
                let end = joined.range().end;
                prop_assert!(joined.extend(&run(end..end + len)));
            }
            let all = run(joined.range());
            prop_assert_eq!(&joined, &all);
            for (leaves, found) in all.subtrees() {
                prop_assert_eq!(found, root(leaves));
            }
            let again = Run::from_nodes(all.range(), all.nodes().to_vec());
            prop_assert_eq!(again, Some(all));
        }
    }

    #[test]
    fn leaves_that_do_not_follow_are_not_added() {
        let mut before = run(3..9);
        assert!(!before.extend(&run(10..12)));
        assert_eq!(before, run(3..9));
        assert_eq!(Run::from_nodes(3..9, vec![leaf(3)]), None);
    }

    #[test]
    fn ten_million_leaves_are_few_nodes() {
        assert!(pieces(4_999_999..15_000_001).count() <= 2 * 24);
    }
}
