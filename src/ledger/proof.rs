//! Proofs as files: records, the path from them to the root of a signed checkpoint, and that checkpoint.
//! Whoever has the file and the public key needs nothing else to check it.
use super::checkpoint::{Checkpoint, CheckpointFault, PublicKey, Signed};
use super::cursor::Reader;
use super::error::LedgerError;
use super::forest::{Forest, NotAtHand};
use super::format;
use super::path;
use super::tree::leaf;
use crate::model::wire;
use crate::model::{Digest, Position};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

/// What the file of a proof begins with.
const MAGIC: [u8; 8] = *b"PDGR-PRF";
/// Its format.
const VERSION: u32 = 1;
/// Bytes of a hash.
const HASH_LEN: usize = 32;

/// Records of a ledger, proven to be in it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Proof {
    /// The checkpoint that they are under, with its signature.
    #[n(0)]
    checkpoint: String,
    /// What was asked for.
    #[n(1)]
    about: String,
    /// The records, canonical bytes, by position.
    #[n(2)]
    records: Vec<ByteVec>,
    /// The hashes that lead from them to the root.
    #[n(3)]
    path: ByteVec,
    /// An earlier checkpoint of the same ledger.
    #[n(4)]
    earlier: Option<String>,
    /// The hashes that show that nothing under it was changed since.
    #[n(5)]
    consistency: Option<ByteVec>,
}

/// What a proof shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// What was asked for, in the words of whoever made the proof: nothing vouches for it.
    pub about: String,
    /// The checkpoint that the records are under.
    pub checkpoint: Checkpoint,
    /// The records, canonical bytes, by position.
    pub records: Vec<(Position, Vec<u8>)>,
    /// The checkpoint that this one goes on from.
    pub earlier: Option<Checkpoint>,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// What is to be proven is not under the checkpoint.
    #[error("the checkpoint of {size} records does not reach {wanted}; the next one will")]
    Beyond {
        /// Records under the checkpoint.
        size: u64,
        /// The record, or the size of the earlier checkpoint.
        wanted: Position,
    },
    /// The ledger has other records than those that were signed.
    #[error("the ledger contradicts its checkpoint of {0} records; `pedigree verify` says where")]
    Contradiction(u64),
}

/// Why a file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    /// It is something else.
    #[error("it is not a proof: it does not begin with its magic bytes")]
    Foreign,
    /// Made by a later version.
    #[error(
        "it has proof format {version} with features {features:#x}, this pedigree reads format {VERSION} without features; use the version that made it, or a newer one"
    )]
    Newer {
        /// Its format version.
        version: u32,
        /// Its feature bits.
        features: u32,
    },
    /// It is cut off or changed.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// Its checkpoint.
    #[error("its checkpoint does not count: {0}")]
    Checkpoint(CheckpointFault),
    /// Its earlier checkpoint.
    #[error("its earlier checkpoint does not count: {0}")]
    Earlier(CheckpointFault),
    /// The path does not lead from the records to the root.
    #[error("its records are not those under its checkpoint")]
    Records,
    /// The hashes do not lead from the earlier root to the later one.
    #[error(
        "its earlier checkpoint is not the beginning of its checkpoint: the ledger was changed in between"
    )]
    Inconsistent,
}

impl Reader {
    /// Proves that records are under a checkpoint, and that the checkpoint goes on from an earlier
    /// one.
    pub fn prove(
        &self,
        about: &str,
        positions: &BTreeSet<Position>,
        signed: &Signed,
        earlier: Option<&Signed>,
    ) -> Result<Proof, ProveError> {
        let Checkpoint { size, root, .. } = signed.checkpoint();
        let old = earlier.map(|earlier| earlier.checkpoint().size).filter(|old| *old > 0);
        let beyond = |wanted| ProveError::Beyond { size: *size, wanted };
        let last = positions.last().copied().max(old.map(Position));
        if let Some(wanted) = last.filter(|last| last.0 > *size) {
            return Err(beyond(wanted));
        }
        let leaves: Vec<u64> = positions.iter().filter_map(|at| at.0.checked_sub(1)).collect();
        let mut wanted = leaves.clone();
        wanted.extend(old.map(|old| old - 1));
        let mut records = Vec::with_capacity(leaves.len());
        for position in positions {
            let entry = self.get(*position)?.ok_or(ProveError::Contradiction(*size))?;
            records.push(entry.bytes.into());
        }
        let forest = Forest::open(self, *size, &wanted)?;
        let mut forest = forest
            .filter(|forest| forest.root() == *root)
            .ok_or(ProveError::Contradiction(*size))?;
        // The roots agree, so there were such hashes: an earlier checkpoint ends among what was dropped.
        let dropped = |NotAtHand(leaves): NotAtHand| {
            let (from, to) = (Position(leaves.start).next(), Position(leaves.end));
            LedgerError::Dropped { from, to }
        };
        let path = path::inclusion(*size, &leaves, &mut forest).map_err(dropped)?;
        let consistency = match old {
            Some(old) => path::consistency(old, *size, &mut forest).map_err(dropped)?,
            None => Vec::new(),
        };
        Ok(Proof {
            checkpoint: signed.note().to_owned(),
            about: about.to_owned(),
            records,
            path: concat(&path),
            earlier: earlier.map(|earlier| earlier.note().to_owned()),
            consistency: earlier.map(|_| concat(&consistency)),
        })
    }
}

impl Proof {
    /// The bytes of its file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&0_u32.to_le_bytes());
        wire::put_frame(&wire::encode(self), &mut bytes);
        bytes
    }

    /// Reads the bytes of a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProofFault> {
        let rest = bytes.strip_prefix(&MAGIC).ok_or(ProofFault::Foreign)?;
        let cut = ProofFault::Damaged("it is cut off");
        let (version, rest) = rest.split_first_chunk::<4>().ok_or(cut.clone())?;
        let (features, frame) = rest.split_first_chunk::<4>().ok_or(cut.clone())?;
        let (version, features) = (u32::from_le_bytes(*version), u32::from_le_bytes(*features));
        if version != VERSION || features != 0 {
            return Err(ProofFault::Newer { version, features });
        }
        match wire::take_frame(frame) {
            Ok(Some((body, []))) => {
                wire::decode(body).map_err(|_| ProofFault::Damaged("it is laid out in another way"))
            }
            Ok(Some(_)) => Err(ProofFault::Damaged("something follows it")),
            Ok(None) => Err(cut),
            Err(_) => Err(ProofFault::Damaged("its checksum does not match")),
        }
    }

    /// Checks all that it says under a public key.
    pub fn check(&self, key: &PublicKey) -> Result<Proven, ProofFault> {
        let signed = Signed::open(&self.checkpoint, key).map_err(ProofFault::Checkpoint)?;
        let checkpoint = signed.checkpoint().clone();
        let records: Option<Vec<_>> = self
            .records
            .iter()
            .map(|bytes| Some((format::position(bytes)?, bytes.to_vec())))
            .collect();
        let records = records.ok_or(ProofFault::Records)?;
        let leaves: Option<Vec<_>> = records
            .iter()
            .map(|(position, bytes)| Some((position.0.checked_sub(1)?, leaf(bytes))))
            .collect();
        let leaves = leaves.ok_or(ProofFault::Records)?;
        let path = split(&self.path)?;
        // A proof of nothing but consistency has no records and no path.
        let is_only_consistency = leaves.is_empty() && path.is_empty();
        let root = path::root_of(checkpoint.size, &leaves, &path);
        if root != Some(checkpoint.root) && !is_only_consistency {
            return Err(ProofFault::Records);
        }
        let earlier = self.earlier.as_ref().map(|note| self.earlier(note, &checkpoint, key));
        let earlier = earlier.transpose()?;
        Ok(Proven { about: self.about.clone(), checkpoint, records, earlier })
    }

    fn earlier(
        &self,
        note: &str,
        later: &Checkpoint,
        key: &PublicKey,
    ) -> Result<Checkpoint, ProofFault> {
        let earlier = Signed::open(note, key).map_err(ProofFault::Earlier)?.checkpoint().clone();
        let hashes = split(self.consistency.as_deref().map_or(&[], Vec::as_slice))?;
        let (old, new) = ((earlier.size, earlier.root), (later.size, later.root));
        let same = earlier.origin.site == later.origin.site;
        let consistent = same && path::is_consistent(old, new, &hashes);
        consistent.then_some(earlier).ok_or(ProofFault::Inconsistent)
    }
}

fn concat(hashes: &[Digest]) -> ByteVec {
    hashes.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>().into()
}

fn split(bytes: &[u8]) -> Result<Vec<Digest>, ProofFault> {
    let (hashes, rest) = bytes.as_chunks::<HASH_LEN>();
    let whole = rest.is_empty().then(|| hashes.iter().map(|hash| Digest(*hash)).collect());
    whole.ok_or(ProofFault::Damaged("a hash is cut off"))
}
