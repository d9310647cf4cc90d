//! The folders that say whose certificates are trusted.
use super::PkiError;
use super::certificate::{Certificate, thumbprint_hex, thumbprint_sha256};
use ::opcua::crypto::{CertificateStore, X509};
use parking_lot::Mutex;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// So many refused certificates are kept: whoever connects again and again does not fill the disk.
const REJECTED_MAX: usize = 100;
/// No certificate in use is longer; longer files are not looked at.
const FILE_LEN_MAX: u64 = 64 << 10;

/// How a certificate stands with us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Ours.
    Own,
    /// Trusted by a person.
    Trusted,
    /// The first one seen of a device.
    Pinned,
    /// Refused.
    Rejected,
}

impl Standing {
    /// The folder, and the word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Trusted => "trusted",
            Self::Pinned => "pinned",
            Self::Rejected => "rejected",
        }
    }
}

/// A certificate in one of the folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How it stands.
    pub standing: Standing,
    /// Where it lies.
    pub path: PathBuf,
    /// What it says.
    pub certificate: Certificate,
}

/// All certificates of `dir`, own first, by file name. What is no certificate is left out.
pub fn list(dir: &Path) -> Result<Vec<Entry>, PkiError> {
    let mut entries = Vec::new();
    for standing in [Standing::Own, Standing::Trusted, Standing::Pinned, Standing::Rejected] {
        for path in files(&dir.join(standing.as_str()))? {
            if let Some(certificate) = read(&path) {
                entries.push(Entry { standing, path, certificate });
            }
        }
    }
    Ok(entries)
}

/// Whether these very bytes were trusted by a person.
pub fn is_trusted(dir: &Path, der: &[u8]) -> Result<bool, PkiError> {
    Ok(files(&dir.join("trusted"))?.iter().any(|path| read(path).is_some_and(|c| c.der == der)))
}

/// Trusts a refused certificate: it moves from `rejected/` to `trusted/`.
pub fn trust(dir: &Path, thumbprint: &[u8; 32]) -> Result<Certificate, PkiError> {
    let rejected = dir.join("rejected");
    let found = files(&rejected)?
        .iter()
        .find_map(|path| read(path).filter(|c| c.thumbprint == *thumbprint))
        .ok_or_else(|| unknown(thumbprint, rejected))?;
    admit(dir, found)
}

/// Trusts a certificate that a person brings as a DER file.
pub fn trust_file(dir: &Path, file: &Path) -> Result<Certificate, PkiError> {
    let der = std::fs::read(file).map_err(PkiError::io(file, "read"))?;
    let not_one = || PkiError::NotACertificate { from: file.display().to_string() };
    admit(dir, Certificate::parse(&der).map_err(|_| not_one())?)
}

fn unknown(thumbprint: &[u8; 32], folder: PathBuf) -> PkiError {
    PkiError::Unknown { thumbprint: thumbprint_hex(thumbprint), folder }
}

fn admit(dir: &Path, certificate: Certificate) -> Result<Certificate, PkiError> {
    store(&dir.join("trusted"), &certificate.der)?;
    remove(&dir.join("rejected"), &certificate.thumbprint)?;
    Ok(certificate)
}

/// Takes trust back: the certificate moves from `trusted/` and `pinned/` to `rejected/`.
pub fn distrust(dir: &Path, thumbprint: &[u8; 32]) -> Result<Certificate, PkiError> {
    let found = list(dir)?
        .into_iter()
        .find(|entry| {
            matches!(entry.standing, Standing::Trusted | Standing::Pinned)
                && entry.certificate.thumbprint == *thumbprint
        })
        .ok_or_else(|| unknown(thumbprint, dir.join("trusted")))?;
    remove(&dir.join("trusted"), thumbprint)?;
    remove(&dir.join("pinned"), thumbprint)?;
    reject(dir, &found.certificate.der)?;
    Ok(found.certificate)
}

/// Keeps a refused certificate, so that a person can look at it; the oldest beyond 100 go.
pub fn reject(dir: &Path, der: &[u8]) -> Result<(), PkiError> {
    let rejected = dir.join("rejected");
    make_folder(&rejected)?;
    // Named by thumbprint: a stranger does not choose our file names.
    let path = rejected.join(format!("{}.der", thumbprint_hex(&thumbprint_sha256(der))));
    if path.exists() {
        return Ok(());
    }
    replace(&path, der)?;
    let mut aged: Vec<_> = files(&rejected)?
        .into_iter()
        .map(|path| (std::fs::metadata(&path).and_then(|m| m.modified()).ok(), path))
        .collect();
    aged.sort();
    let excess = aged.len().saturating_sub(REJECTED_MAX);
    for (_, path) in aged.into_iter().take(excess) {
        std::fs::remove_file(&path).map_err(PkiError::io(&path, "removed"))?;
    }
    Ok(())
}

/// The certificate that was the first seen of `device`, if one was pinned.
pub fn pinned(dir: &Path, device: &str) -> Result<Option<Vec<u8>>, PkiError> {
    let path = pin_path(dir, device);
    match std::fs::read(&path) {
        Ok(der) => Ok(Some(der)),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(PkiError::io(&path, "read")(why)),
    }
}

/// Pins a certificate for `device` and for nothing else.
pub fn pin(dir: &Path, device: &str, der: &[u8]) -> Result<(), PkiError> {
    make_folder(&dir.join("pinned"))?;
    replace(&pin_path(dir, device), der)
}

fn pin_path(dir: &Path, device: &str) -> PathBuf {
    dir.join("pinned").join(format!("{device}.der"))
}

/// Puts a certificate into `folder` under the name by which the OPC UA library looks for it.
pub fn store(folder: &Path, der: &[u8]) -> Result<PathBuf, PkiError> {
    let not_one = || PkiError::NotACertificate { from: folder.display().to_string() };
    let x509 = X509::from_der(der).map_err(|_| not_one())?;
    make_folder(folder)?;
    let path = folder.join(CertificateStore::cert_file_name(&x509));
    // It is asked for at every connection: a disk that takes nothing keeps nobody out.
    if !std::fs::read(&path).is_ok_and(|found| found == der) {
        replace(&path, der)?;
    }
    Ok(path)
}

fn remove(folder: &Path, thumbprint: &[u8; 32]) -> Result<(), PkiError> {
    for path in files(folder)? {
        if read(&path).is_some_and(|c| c.thumbprint == *thumbprint) {
            std::fs::remove_file(&path).map_err(PkiError::io(&path, "removed"))?;
        }
    }
    Ok(())
}

/// The `.der` files of a folder by name; none if the folder is not there.
fn files(folder: &Path) -> Result<Vec<PathBuf>, PkiError> {
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(PkiError::io(folder, "read")(why)),
    };
    let mut files = Vec::new();
    for entry in listing {
        let path = entry.map_err(PkiError::io(folder, "read"))?.path();
        if path.extension().is_some_and(|extension| extension == "der") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Option<Certificate> {
    let len = std::fs::metadata(path).ok()?.len();
    (len <= FILE_LEN_MAX)
        .then(|| std::fs::read(path).ok())
        .flatten()
        .and_then(|der| Certificate::parse(&der).ok())
}

/// Makes a folder that only we can look into.
pub(super) fn make_folder(path: &Path) -> Result<(), PkiError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(PkiError::io(path, "created"))
}

/// Held by whoever replaces a file: two at once would write to the same one beside it, and one of them would find it
/// gone.
static REPLACING: Mutex<()> = Mutex::new(());

/// Replaces a file whole, so that nobody reads half a certificate.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), PkiError> {
    let _one = REPLACING.lock();
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(PkiError::io(&beside, "written"))?;
    std::fs::rename(&beside, path).map_err(PkiError::io(path, "written"))
}
