//! Proofs by published vectors, and against the definition.
use super::*;
use crate::ledger::leaf;
use proptest::prelude::*;
use std::convert::Infallible;

/// A tree with all its leaves, whose hashes are computed as RFC 6962 §2.1 defines them.
struct Naive(Vec<Digest>);

impl Naive {
    /// Leaves that tell their index.
    fn of(size: u64) -> Self {
        Self((0..size).map(|index| leaf(&index.to_be_bytes())).collect())
    }

    fn hash(&self, leaves: Range<u64>) -> Digest {
        let index = |at: u64| usize::try_from(at).unwrap();
        match leaves.end - leaves.start {
            0 => Tree::default().root(),
            1 => self.0[index(leaves.start)],
            _ => {
                let middle = split(&leaves);
                node(&self.hash(leaves.start..middle), &self.hash(middle..leaves.end))
            }
        }
    }

    fn leaves(&self, indexes: &[u64]) -> Vec<(u64, Digest)> {
        indexes.iter().map(|index| (*index, self.hash(*index..*index + 1))).collect()
    }
}

impl Subtrees for Naive {
    type Fault = Infallible;

    fn subtree(&mut self, leaves: Range<u64>) -> Result<Digest, Infallible> {
        let len = leaves.end - leaves.start;
        assert!(
            len.is_power_of_two() && leaves.start.is_multiple_of(len),
            "{leaves:?} is not perfect"
        );
        Ok(self.hash(leaves))
    }
}

fn of<T>(made: Result<T, Infallible>) -> T {
    made.unwrap_or_else(|never| match never {})
}

fn digest(hex: &str) -> Digest {
    let byte = |at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    Digest(std::array::from_fn(byte))
}

fn digests(hex: &[&str]) -> Vec<Digest> {
    hex.iter().map(|hex| digest(hex)).collect()
}

/// The eight leaves of the reference implementation of certificate transparency.
fn published() -> Naive {
    let leaves: [&[u8]; 8] = [
        &[],
        &[0],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[
            0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
            0x6e, 0x6f,
        ],
    ];
    Naive(leaves.map(leaf).to_vec())
}

/// `proof/verify_test.go` of github.com/transparency-dev/merkle, which has them from
/// `merkletree/merkle_tree_test.cc` of github.com/google/certificate-transparency. Leaves count from 0.
#[test]
fn paths_are_those_of_the_published_vectors() {
    let vectors: [(u64, u64, &[&str]); 5] = [
        (0, 1, &[]),
        (
            0,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            &[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
        (
            1,
            5,
            &[
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    let mut tree = published();
    for (index, size, path) in vectors {
        let path = digests(path);
        assert_eq!(of(inclusion(size, &[index], &mut tree)), path, "{index} of {size}");
        let leaves = tree.leaves(&[index]);
        assert_eq!(root_of(size, &leaves, &path), Some(tree.hash(0..size)), "{index} of {size}");
    }
}

/// The same source.
#[test]
fn consistency_is_that_of_the_published_vectors() {
    let vectors: [(u64, u64, &[&str]); 5] = [
        (1, 1, &[]),
        (
            1,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
        (
            6,
            7,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
    ];
    let mut tree = published();
    for (old, size, path) in vectors {
        let path = digests(path);
        assert_eq!(of(consistency(old, size, &mut tree)), path, "{old} in {size}");
        let (old, new) = ((old, tree.hash(0..old)), (size, tree.hash(0..size)));
        assert!(is_consistent(old, new, &path), "{old:?} in {new:?}");
    }
}

/// RFC 6962 §2.1.3: the tree of seven leaves, with its nodes by the letters of its figure.
#[test]
#[expect(clippy::many_single_char_names, reason = "they are the letters of the figure")]
fn paths_are_those_of_the_example_in_the_rfc() {
    let mut tree = Naive::of(7);
    let [a, b, c, d, e, f, j] = std::array::from_fn(|index| tree.0[index]);
    let (g, h, i) = (node(&a, &b), node(&c, &d), node(&e, &f));
    let (k, l) = (node(&g, &h), node(&i, &j));
    assert_eq!(tree.hash(0..7), node(&k, &l));
    for (index, path) in [(0, vec![b, h, l]), (3, vec![c, g, l]), (4, vec![f, j, k])] {
        assert_eq!(of(inclusion(7, &[index], &mut tree)), path);
    }
    assert_eq!(of(inclusion(7, &[6], &mut tree)), [i, k]);
    assert_eq!(of(consistency(3, 7, &mut tree)), [c, d, g, l]);
    assert_eq!(of(consistency(4, 7, &mut tree)), [l]);
    assert_eq!(of(consistency(6, 7, &mut tree)), [i, j, k]);
}

/// Every way in which one hash of a path can be wrong, missing or too many.
fn spoiled(path: &[Digest]) -> Vec<Vec<Digest>> {
    let mut all = vec![[path, &[digest(&"5a".repeat(32))]].concat()];
    for at in 0..path.len() {
        let mut flipped = path.to_vec();
        flipped[at].0[at % 32] ^= 8;
        let without = [&path[..at], &path[at + 1..]].concat();
        all.extend([flipped, without, [&path[at..=at], path].concat()]);
    }
    all
}

proptest! {
    #[test]
    fn any_leaves_are_proven_and_nothing_else_is(
        size in 1..200_u64, picked in proptest::collection::vec(any::<prop::sample::Index>(), 1..6),
    ) {
        let mut tree = Naive::of(size);
        let at = |index: prop::sample::Index| index.index(usize::try_from(size).unwrap()) as u64;
        let mut indexes: Vec<u64> = picked.into_iter().map(at).collect();
        indexes.sort_unstable();
        indexes.dedup();
        let path = of(inclusion(size, &indexes, &mut tree));
        let (leaves, root) = (tree.leaves(&indexes), Some(tree.hash(0..size)));
        prop_assert_eq!(root_of(size, &leaves, &path), root);
        let singly: usize =
            indexes.iter().map(|index| of(inclusion(size, &[*index], &mut tree)).len()).sum();
        prop_assert!(path.len() <= singly);
        for path in spoiled(&path) {
            prop_assert_ne!(root_of(size, &leaves, &path), root);
        }
        for at in 0..leaves.len() {
            let mut wrong = leaves.clone();
            wrong[at].1.0[0] ^= 1;
            prop_assert_ne!(root_of(size, &wrong, &path), root);
            let mut moved = leaves.clone();
            moved[at].0 += 1;
            prop_assert_ne!(root_of(size, &moved, &path), root);
        }
        prop_assert_eq!(root_of(size, &[], &path), None);
    }

    #[test]
    fn a_tree_is_consistent_with_its_beginnings_and_with_no_other(size in 1..200_u64, old in any::<prop::sample::Index>()) {
        let mut tree = Naive::of(size);
        let old = old.index(usize::try_from(size).unwrap()) as u64 + 1;
        let path = of(consistency(old, size, &mut tree));
        let (before, after) = ((old, tree.hash(0..old)), (size, tree.hash(0..size)));
        prop_assert!(is_consistent(before, after, &path));
        for path in spoiled(&path) {
            prop_assert!(!is_consistent(before, after, &path));
        }
        let mut other = before;
        other.1.0[31] ^= 1;
        prop_assert!(!is_consistent(other, after, &path));
        prop_assert!(!is_consistent(before, (size, other.1), &path));
        prop_assert!(is_consistent((0, Tree::default().root()), after, &[]));
        prop_assert!(!is_consistent((size + 1, after.1), after, &path));
    }
}
