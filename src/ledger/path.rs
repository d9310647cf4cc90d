//! Proofs over the Merkle tree: that records are in it (RFC 6962 §2.1.1), and that a later tree
//! begins with all of an earlier one (§2.1.2). Pure: where hashes come from is the caller's business.
//!
//! The path of several leaves is that of the RFC with one difference: a subtree in which some of the
//! leaves are is not hashed but entered, so that what they share is there once. For one leaf it is the
//! audit path of the RFC, byte for byte.
use super::run::node;
use super::tree::Tree;
use crate::model::Digest;
use std::ops::Range;

/// Whoever knows the root of each perfect, aligned subtree, or says why not.
pub trait Subtrees {
    /// What can go wrong.
    type Fault;

    /// The root of the subtree over these leaves: their number is a power of two and divides the
    /// first of them.
    fn subtree(&mut self, leaves: Range<u64>) -> Result<Digest, Self::Fault>;
}

/// The hashes that lead from these leaves to the root of the tree of the first `size` leaves.
/// `leaves` ascend and are below `size`.
pub fn inclusion<S: Subtrees>(
    size: u64,
    leaves: &[u64],
    subtrees: &mut S,
) -> Result<Vec<Digest>, S::Fault> {
    let mut path = Vec::new();
    if !leaves.is_empty() {
        lead(0..size, leaves, subtrees, &mut path)?;
    }
    Ok(path)
}

/// The root of the tree of `size` leaves that these leaves, ascending, and their path lead to; `None`
/// if they lead to none.
pub fn root_of(size: u64, leaves: &[(u64, Digest)], path: &[Digest]) -> Option<Digest> {
    let ascending = leaves.iter().zip(leaves.iter().skip(1)).all(|((a, _), (b, _))| a < b);
    let within = leaves.last().is_some_and(|(last, _)| *last < size);
    if !ascending || !within {
        return None;
    }
    let mut path = path.iter();
    let root = climb(0..size, leaves, &mut path);
    root.filter(|_| path.next().is_none())
}

/// The hashes that show that the tree of the first `old` leaves is the beginning of that of the first
/// `size`; `old` is from 1 to `size`.
pub fn consistency<S: Subtrees>(
    old: u64,
    size: u64,
    subtrees: &mut S,
) -> Result<Vec<Digest>, S::Fault> {
    let mut path = Vec::new();
    part(old, 0..size, true, subtrees, &mut path)?;
    Ok(path)
}

/// Whether the tree with the size and root `new` begins with all of the tree `old`.
pub fn is_consistent(old: (u64, Digest), new: (u64, Digest), path: &[Digest]) -> bool {
    if old.0 == 0 || old.0 > new.0 {
        let nothing = old == (0, Tree::default().root());
        return nothing && path.is_empty();
    }
    let mut path = path.iter();
    let both = both(old.0, 0..new.0, Some(old.1), &mut path);
    both == Some((old.1, new.1)) && path.next().is_none()
}

/// Where a tree over more than one leaf splits: at the largest power of two below their number.
fn split(leaves: &Range<u64>) -> u64 {
    leaves.start + (1 << (leaves.end - leaves.start - 1).ilog2())
}

/// The Merkle tree hash over leaves that begin at a multiple of a power of two that is not below
/// their number.
fn hash<S: Subtrees>(leaves: Range<u64>, subtrees: &mut S) -> Result<Digest, S::Fault> {
    if (leaves.end - leaves.start).is_power_of_two() {
        return subtrees.subtree(leaves);
    }
    let middle = split(&leaves);
    let left = subtrees.subtree(leaves.start..middle)?;
    Ok(node(&left, &hash(middle..leaves.end, subtrees)?))
}

fn lead<S: Subtrees>(
    within: Range<u64>,
    leaves: &[u64],
    subtrees: &mut S,
    path: &mut Vec<Digest>,
) -> Result<(), S::Fault> {
    if within.end - within.start <= 1 {
        return Ok(());
    }
    let middle = split(&within);
    let (left, right) = leaves.split_at(leaves.partition_point(|leaf| *leaf < middle));
    if !left.is_empty() {
        lead(within.start..middle, left, subtrees, path)?;
    }
    if !right.is_empty() {
        lead(middle..within.end, right, subtrees, path)?;
    }
    if left.is_empty() {
        path.push(hash(within.start..middle, subtrees)?);
    }
    if right.is_empty() {
        path.push(hash(middle..within.end, subtrees)?);
    }
    Ok(())
}

fn climb(
    within: Range<u64>,
    leaves: &[(u64, Digest)],
    path: &mut std::slice::Iter<'_, Digest>,
) -> Option<Digest> {
    if within.end - within.start == 1 {
        return leaves.first().map(|(_, leaf)| *leaf);
    }
    let middle = split(&within);
    let (left, right) = leaves.split_at(leaves.partition_point(|(leaf, _)| *leaf < middle));
    let mut root = |side: &[(u64, Digest)], within| {
        if side.is_empty() { Ok(None) } else { climb(within, side, path).map(Some).ok_or(()) }
    };
    let left = root(left, within.start..middle).ok()?;
    let right = root(right, middle..within.end).ok()?;
    let left = left.or_else(|| path.next().copied())?;
    let right = right.or_else(|| path.next().copied())?;
    Some(node(&left, &right))
}

/// `SUBPROOF` of the RFC: `known` while what is left of the old tree is all of it, whose root the one
/// who checks has already.
fn part<S: Subtrees>(
    old: u64,
    within: Range<u64>,
    known: bool,
    subtrees: &mut S,
    path: &mut Vec<Digest>,
) -> Result<(), S::Fault> {
    if old == within.end {
        if !known {
            path.push(hash(within, subtrees)?);
        }
        return Ok(());
    }
    let middle = split(&within);
    if old <= middle {
        part(old, within.start..middle, known, subtrees, path)?;
        path.push(hash(middle..within.end, subtrees)?);
    } else {
        part(old, middle..within.end, false, subtrees, path)?;
        path.push(hash(within.start..middle, subtrees)?);
    }
    Ok(())
}

/// The roots over what is `within`, in the old tree and in the new one.
fn both(
    old: u64,
    within: Range<u64>,
    known: Option<Digest>,
    path: &mut std::slice::Iter<'_, Digest>,
) -> Option<(Digest, Digest)> {
    if old == within.end {
        let root = known.or_else(|| path.next().copied())?;
        return Some((root, root));
    }
    let middle = split(&within);
    if old <= middle {
        let (before, after) = both(old, within.start..middle, known, path)?;
        Some((before, node(&after, path.next()?)))
    } else {
        let (before, after) = both(old, middle..within.end, None, path)?;
        let left = path.next()?;
        Some((node(left, &before), node(left, &after)))
    }
}

#[cfg(test)]
mod tests;
