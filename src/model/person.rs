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

    /// The token of a badge; blanks around it are not part of it. That of a veiled one is the one that it was
    /// veiled with.
    pub fn token(&self, badge: &str) -> PersonToken {
        unveil(badge.trim()).unwrap_or_else(|| self.hash(badge))
    }

    /// What may be kept of a badge that comes from outside: text that has the same token, and from which nobody
    /// learns whose it is. Nobody outside has a token: what looks like a veiled badge is a badge like any other.
    pub fn veil(&self, badge: &str) -> String {
        let PersonToken(token) = self.hash(badge);
        token.iter().fold(VEILED.to_owned(), |veiled, byte| veiled + &format!("{byte:02x}"))
    }

    /// Whether a text is a badge that was veiled, for where nothing comes from outside.
    pub fn is_veiled(text: &str) -> bool {
        unveil(text).is_some()
    }

    fn hash(&self, badge: &str) -> PersonToken {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(badge.trim().as_bytes());
        let mut token = [0; 16];
        for (to, from) in token.iter_mut().zip(mac.finalize().into_bytes()) {
            *to = from;
        }
        PersonToken(token)
    }
}

/// What a veiled badge begins with; the whole token follows in hexadecimal.
const VEILED: &str = "person:";

fn unveil(badge: &str) -> Option<PersonToken> {
    let hex = badge.strip_prefix(VEILED).filter(|hex| hex.len() == 32)?;
    let mut token = [0; 16];
    for (at, byte) in token.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(PersonToken(token))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_veiled_badge_has_the_token_of_the_badge_and_does_not_show_it() {
        let key = PersonKey::new([7; 32]);
        for badge in ["4711", " 4711  ", "Müller", "person:4711", "person:zz", ""] {
            let veiled = key.veil(badge);
            assert_eq!(key.token(&veiled), key.token(badge), "{badge:?}");
            assert!(PersonKey::is_veiled(&veiled) && !PersonKey::is_veiled(badge), "{badge:?}");
            assert_ne!(key.veil(&veiled), veiled, "a token is ours alone");
            assert_eq!(veiled.len(), 39);
            assert_ne!(PersonKey::new([8; 32]).veil(badge), veiled);
        }
        assert_eq!(key.token("4711 "), key.token("4711"));
    }
}
