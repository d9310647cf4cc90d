//! What a certificate says of itself.
use super::PkiError;
use crate::model::Utc;
use ::opcua::crypto::{KeySize, X509};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// What a certificate says of itself, for people and for checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 over its DER form.
    pub thumbprint: [u8; 32],
    /// Subject, `CN=…,O=…`.
    pub subject: String,
    /// Not valid before.
    pub not_before: Utc,
    /// Not valid after.
    pub not_after: Utc,
    /// Length of its RSA key in bits.
    pub key_bits: usize,
    /// Its DER form.
    pub der: Vec<u8>,
}

impl Certificate {
    /// Reads the leaf certificate in `der`; what follows it (a chain) is left out.
    pub fn parse(der: &[u8]) -> Result<Self, PkiError> {
        let wrong = || PkiError::NotACertificate { from: "the certificate".to_owned() };
        let der = leaf(der).ok_or_else(wrong)?;
        let x509 = X509::from_der(der).map_err(|_| wrong())?;
        let not_before = x509.not_before().ok().and_then(|t| t.timestamp_nanos_opt());
        let not_after = x509.not_after().ok().and_then(|t| t.timestamp_nanos_opt());
        Ok(Self {
            thumbprint: thumbprint_sha256(der),
            subject: printable(&x509.subject_name()),
            not_before: Utc(not_before.unwrap_or(i64::MIN)),
            not_after: Utc(not_after.unwrap_or(i64::MAX)),
            key_bits: x509.public_key().map_or(0, |key| key.bit_length()),
            der: der.to_vec(),
        })
    }

    /// Whether its validity covers `now`.
    pub fn is_valid_at(&self, now: Utc) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// Whether this application URI is among its alternative names (Part 6 §6.2.2).
    pub fn is_for_application(&self, uri: &str) -> bool {
        // GeneralName [6] uniformResourceIdentifier, RFC 5280 §4.2.1.6.
        let Ok(len) = u8::try_from(uri.len()) else { return false };
        let head = if len < 0x80 { vec![0x86, len] } else { vec![0x86, 0x81, len] };
        let name = [head.as_slice(), uri.as_bytes()].concat();
        !uri.is_empty() && self.der.windows(name.len()).any(|window| window == name)
    }
}

/// SHA-256 over the DER form.
pub fn thumbprint_sha256(der: &[u8]) -> [u8; 32] {
    Sha256::digest(der).into()
}

/// 64 capital hexadecimal digits.
pub fn thumbprint_hex(thumbprint: &[u8; 32]) -> String {
    thumbprint.iter().fold(String::with_capacity(64), |mut out, byte| {
        write!(out, "{byte:02X}").expect("writing into memory does not fail");
        out
    })
}

/// Reads 64 hexadecimal digits; colons and blanks between them do not matter.
pub fn parse_thumbprint(text: &str) -> Result<[u8; 32], PkiError> {
    let wrong = || PkiError::Thumbprint(text.to_owned());
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| *c != ':' && *c != ' ')
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()).ok_or_else(wrong))
        .collect::<Result<_, _>>()?;
    let bytes: Vec<u8> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, d| byte << 4 | d)).collect();
    if digits.len() != 64 {
        return Err(wrong());
    }
    bytes.try_into().map_err(|_| wrong())
}

/// The first DER element: a server may send its issuers after its own certificate (Part 4 §7.2).
fn leaf(bytes: &[u8]) -> Option<&[u8]> {
    let (first, rest) = (bytes.first()?, bytes.get(1..)?);
    if *first != 0x30 {
        return None;
    }
    let short = usize::from(*rest.first()?);
    let (head, len) = if short < 0x80 {
        (2, short)
    } else {
        let count = short & 0x7F;
        if count == 0 || count > 4 {
            return None;
        }
        let len = rest.get(1..=count)?.iter().fold(0, |len, b| len << 8 | usize::from(*b));
        (2 + count, len)
    };
    bytes.get(..head.checked_add(len)?)
}

/// A subject is a stranger's text that goes into terminals and logs.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).take(256).collect()
}
