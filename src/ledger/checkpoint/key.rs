//! The keys under which checkpoints are signed and checked.
use super::{BASE64, name, origin};
use crate::model::Origin;
use base64::Engine as _;
use ed25519_dalek::{Signer as _, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// The type of an Ed25519 signature, and of its key, in signed notes.
const ED25519: u8 = 1;
/// Bytes of a key's id.
const ID_LEN: usize = 4;
/// Characters of a signature with its key's id, in base64.
pub(super) const SIGNATURE_LEN: usize = (ID_LEN + 64_usize).div_ceil(3) * 4;

/// What checkpoints are signed with.
pub struct SigningKey(ed25519_dalek::SigningKey);

/// What their signatures are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// The key's id, and the signature behind it.
pub(super) struct Signature<'b>(pub(super) &'b [u8]);

/// Why a signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignatureFault {
    /// Another key made it.
    Another,
    /// It says that this key made it, and it did not.
    Wrong,
}

/// Why a text is not a public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no public key; one is `pedigree/site/0+` with eight hexadecimal digits, `+` and base64"
)]
pub struct KeyFault(String);

impl SigningKey {
    /// From its 32 secret bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(&secret))
    }

    /// What others need to check.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(super) fn sign(&self, name: &str, text: &str) -> String {
        let mut bytes = self.public().id(name).to_vec();
        bytes.extend_from_slice(&self.0.sign(text.as_bytes()).to_bytes());
        BASE64.encode(bytes)
    }
}

impl PublicKey {
    /// Reads the form that [`Self::named`] gives; whose incarnation is in it does not matter.
    pub fn parse(text: &str) -> Result<Self, KeyFault> {
        let fault = || KeyFault(text.to_owned());
        // A plus may be in base64, yet not in a name.
        let mut parts = text.trim().splitn(3, '+');
        let (name, id, bytes) = (parts.next(), parts.next(), parts.next());
        let bytes = bytes.and_then(|bytes| BASE64.decode(bytes).ok()).ok_or_else(fault)?;
        let key = bytes.strip_prefix(&[ED25519]).and_then(|key| key.try_into().ok());
        let key = VerifyingKey::from_bytes(key.ok_or_else(fault)?).map_err(|_| fault())?;
        let (key, name) = (Self(key), name.ok_or_else(fault)?);
        let whole = origin(name).is_some() && id == Some(&hex(key.id(name)));
        whole.then_some(key).ok_or_else(fault)
    }

    /// As text, with the name under which it signs: the form of signed notes.
    pub fn named(&self, origin: &Origin) -> String {
        let name = name(origin);
        let bytes = [&[ED25519], self.0.as_bytes().as_slice()].concat();
        format!("{name}+{}+{}", hex(self.id(&name)), BASE64.encode(bytes))
    }

    /// SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key), its first bytes.
    fn id(&self, name: &str) -> [u8; ID_LEN] {
        let hash = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', ED25519])
            .chain_update(self.0.as_bytes());
        let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
        [a, b, c, d]
    }

    pub(super) fn check(
        &self,
        name: &str,
        text: &str,
        signature: &Signature<'_>,
    ) -> Result<(), SignatureFault> {
        let Some((id, signature)) = signature.0.split_first_chunk::<ID_LEN>() else {
            return Err(SignatureFault::Another);
        };
        if *id != self.id(name) {
            return Err(SignatureFault::Another);
        }
        let signature = ed25519_dalek::Signature::from_slice(signature);
        let good = signature.and_then(|s| self.0.verify_strict(text.as_bytes(), &s));
        good.map_err(|_| SignatureFault::Wrong)
    }
}

fn hex(id: [u8; ID_LEN]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}
