//! The Merkle tree of RFC 6962 §2.1 over all records, kept as its frontier.
use super::run::{Run, node};
use crate::model::Digest;
use sha2::{Digest as _, Sha256};

/// The leaf of a record: SHA-256(0x00 ‖ its bytes).
pub fn leaf(record: &[u8]) -> Digest {
    Digest(Sha256::new().chain_update([0]).chain_update(record).finalize().into())
}

/// A tree that grows to the right. Of all its nodes only the roots of the perfect subtrees are
/// kept, largest first: one for each bit that is set in the size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree(Run);

impl Tree {
    /// A tree of `size` leaves from its peaks; `None` if they cannot belong together.
    pub fn from_peaks(size: u64, peaks: Vec<Digest>) -> Option<Self> {
        Run::from_nodes(0..size, peaks).map(Self)
    }

    /// Adds one leaf.
    pub fn push(&mut self, leaf: Digest) {
        self.0.push(leaf);
    }

    /// Adds the leaves that follow; `false`, and nothing is changed, if these do not.
    #[must_use = "leaves that do not follow are not added"]
    pub fn extend(&mut self, run: &Run) -> bool {
        self.0.extend(run)
    }

    /// Leaves in it.
    pub fn size(&self) -> u64 {
        self.0.range().end
    }

    /// The roots of its perfect subtrees, largest first.
    pub fn peaks(&self) -> &[Digest] {
        self.0.nodes()
    }

    /// The Merkle tree hash; SHA-256 of nothing for the empty tree.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks().iter().rev();
        match peaks.next() {
            Some(last) => peaks.fold(*last, |right, left| node(left, &right)),
            None => Digest(Sha256::digest([]).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The leaves and roots of the reference implementation of RFC 6962.
    #[test]
    fn roots_are_those_of_the_reference_implementation() {
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
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = Tree::default();
        assert_eq!(tree.root().to_string(), roots[0]);
        for (record, root) in leaves.iter().zip(&roots[1..]) {
            tree.push(leaf(record));
            assert_eq!(tree.root().to_string(), *root);
            let again = Tree::from_peaks(tree.size(), tree.peaks().to_vec()).unwrap();
            assert_eq!(again, tree);
        }
        assert_eq!(Tree::from_peaks(3, tree.peaks().to_vec()), None);
    }
}
