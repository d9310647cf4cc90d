//! Persons appear in records only as keyed tokens, so that a name can be erased.
use hmac::{Hmac, Mac};
use minicbor::{Decode, Encode};
use sha2::Sha256;

/// The secret that turns a badge into a token. It stays outside the ledger: who erases it has
/// erased every name, and the chain still verifies.
#[derive(Clone)]
pub struct PersonKey([u8; 32]);

impl std::fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PersonKey(…)")
    }
}

/// What stands for a person in a record: the first 16 bytes of HMAC-SHA-256(key, badge).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct PersonToken(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    [u8; 16],
);

impl PersonKey {
    /// A key of 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The token of a badge.
    pub fn token(&self, badge: &str) -> PersonToken {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(badge.as_bytes());
        let mut token = [0; 16];
        for (to, from) in token.iter_mut().zip(mac.finalize().into_bytes()) {
            *to = from;
        }
        PersonToken(token)
    }
}

impl std::fmt::Display for PersonToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("P-")?;
        self.0.iter().take(6).try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl serde::Serialize for PersonToken {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
