//! The roots that were signed, held against those of the ledger.
use super::checkpoint::Checkpoint;
use super::tree::Tree;
use crate::model::{Digest, Position, Utc};
use std::collections::VecDeque;

/// A ledger that is not the one that was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct Contradiction {
    /// The first record that may be another one than was signed.
    pub from: Position,
    /// The last one.
    pub to: Position,
    /// When the first checkpoint that does not agree was signed.
    pub signed: Utc,
    /// Where the ledger ends, if it ends before `to`.
    pub end: Option<Position>,
    /// Checkpoints that do not agree.
    pub count: u64,
}

impl Contradiction {
    fn sentence(&self) -> String {
        let Self { from, to, signed, end, count } = self;
        let others =
            if *count > 1 { format!(" ({count} checkpoints say so)") } else { String::new() };
        match end {
            Some(end) => format!(
                "the ledger was cut back: it ends at {end}, a checkpoint of {signed} has records up to {to}; {from} to {to} are missing{others}"
            ),
            None => format!(
                "the ledger was rewritten: between {from} and {to} are other records than the checkpoint of {signed} was signed over{others}"
            ),
        }
    }
}

/// Checkpoints by size, while a ledger is walked through.
pub(super) struct SignedRoots {
    next: VecDeque<(u64, Digest, Utc)>,
    /// Records that are under a root which is as it was signed.
    good: u64,
    agreed: u64,
    contradiction: Option<Contradiction>,
}

impl SignedRoots {
    /// Those from `begin` records on.
    pub(super) fn new(checkpoints: &[Checkpoint], begin: u64) -> Self {
        let mut next: Vec<_> = checkpoints
            .iter()
            .filter(|checkpoint| checkpoint.size >= begin)
            .map(|checkpoint| (checkpoint.size, checkpoint.root, checkpoint.time))
            .collect();
        next.sort_unstable();
        Self { next: next.into(), good: begin, agreed: 0, contradiction: None }
    }

    /// The ledger has this tree.
    pub(super) fn compare(&mut self, tree: &Tree) {
        while let Some((size, root, time)) = self.next.front().copied()
            && size <= tree.size()
        {
            self.next.pop_front();
            // What lies behind damage cannot be compared: the damage is told already.
            if size < tree.size() {
                continue;
            }
            if root == tree.root() {
                self.agreed += 1;
                self.good = size;
            } else {
                self.contradicts(size, time, None);
            }
        }
    }

    fn contradicts(&mut self, size: u64, signed: Utc, end: Option<Position>) {
        let (from, to) = (end.unwrap_or(Position(self.good)).next(), Position(size));
        let found = Contradiction { from, to, signed, end, count: 0 };
        let found = self.contradiction.get_or_insert(found);
        found.count += 1;
        // Of a ledger that was cut back all that is missing is told.
        if found.end.is_some() {
            found.to = found.to.max(to);
        }
    }

    /// How many agreed, the last record under them, and what did not agree. `end` is the last record, if the
    /// ledger was walked to its end.
    pub(super) fn finish(
        mut self,
        end: Option<Position>,
    ) -> (u64, Position, Option<Contradiction>) {
        if let Some(end) = end {
            for (size, _, time) in std::mem::take(&mut self.next) {
                if size > end.0 {
                    self.contradicts(size, time, Some(end));
                }
            }
        }
        (self.agreed, Position(self.good), self.contradiction)
    }
}
