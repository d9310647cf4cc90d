//! Certificates: our own with its key, and the folders that say whose we trust.
//!
//! Files only: who connects and why is decided by `field/opcua` and `address_space`, which share
//! this room. Trust is by the whole certificate, never by its issuer: a certificate is trusted if
//! the same bytes lie in `trusted/`. Folder layout:
//!
//! ```text
//! own/cert.der  own/private.pem (0600)   we ourselves
//! trusted/                               trusted by a person
//! pinned/<device>.der                    trusted because it was the first seen, for that device only
//! rejected/                              refused, the newest 100, so that a person can trust them
//! ```
mod certificate;
mod folder;
mod own;

pub use certificate::{Certificate, parse_thumbprint, thumbprint_hex, thumbprint_sha256};
pub use folder::{
    Entry, Standing, distrust, is_trusted, list, pin, pinned, reject, store, trust, trust_file,
};
pub use own::{Own, ensure_own};

use std::path::{Path, PathBuf};

/// Why something about certificates could not be done.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The file system refused.
    #[error("`{}` cannot be {what}: {why}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What was tried: `read`, `written`, …
        what: &'static str,
        /// What the system said.
        #[source]
        why: std::io::Error,
    },
    /// The bytes are not an X.509 certificate.
    #[error("`{from}` is not an X.509 certificate in DER form")]
    NotACertificate {
        /// Where the bytes came from.
        from: String,
    },
    /// The key file cannot be used.
    #[error("`{}` does not hold an RSA private key in PEM form", .0.display())]
    NotAKey(PathBuf),
    /// Others than the owner can read the key.
    #[error(
        "the private key `{}` can be read by others (mode {mode:o}); make it 0600 and ask yourself who has read it",
        path.display()
    )]
    KeyReadable {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There is a certificate but no key.
    #[error(
        "there is a certificate `{}` but no key beside it; restore the key, or delete the certificate to get both anew",
        .0.display()
    )]
    KeyMissing(PathBuf),
    /// Certificate and key do not belong together.
    #[error("the key and the certificate in `{}` do not belong together", .0.display())]
    KeyForeign(PathBuf),
    /// Key or certificate could not be made.
    #[error("our own certificate could not be made: {0}")]
    Make(String),
    /// Not 64 hexadecimal digits.
    #[error(
        "`{0}` is not a SHA-256 thumbprint: 64 hexadecimal digits, as `pedigree certs` prints them"
    )]
    Thumbprint(String),
    /// No such certificate was refused or given.
    #[error("there is no certificate with thumbprint {thumbprint} in `{}`", folder.display())]
    Unknown {
        /// What was asked for.
        thumbprint: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
}

impl PkiError {
    fn io(path: &Path, what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |why| Self::Io { path, what, why }
    }
}

#[cfg(test)]
mod tests;
