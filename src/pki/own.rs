//! Our own certificate and key.
use super::PkiError;
use super::certificate::Certificate;
use super::folder::{make_folder, replace};
use ::opcua::crypto::{PrivateKey, X509, X509Data};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The three policies that we speak want 2048 bits or more.
const KEY_BITS: u32 = 2048;
/// Ten years: a plant does not stop because a date has come.
const VALID_DAYS: u32 = 3652;

/// Who we are: certificate and key on disk.
#[derive(Debug, Clone)]
pub struct Own {
    /// `own/cert.der`.
    pub certificate_path: PathBuf,
    /// `own/private.pem`, mode 0600.
    pub key_path: PathBuf,
    /// What the certificate says.
    pub certificate: Certificate,
}

/// Two tasks that start together must not both make a key.
static MAKING: parking_lot::Mutex<()> = parking_lot::Mutex::new(());

/// Our certificate and key in `dir/own`, made if both are missing. `application_uri` and `hosts`
/// (names and addresses) become its alternative names. Making a key takes a second or more.
///
/// An existing key that others can read is refused, and so is a certificate without its key.
pub fn ensure_own(
    dir: &Path,
    application_uri: &str,
    common_name: &str,
    hosts: &[String],
) -> Result<Own, PkiError> {
    let _only_one = MAKING.lock();
    let own = dir.join("own");
    make_folder(&own)?;
    let (certificate_path, key_path) = (own.join("cert.der"), own.join("private.pem"));
    let key = match (key_path.exists(), certificate_path.exists()) {
        (true, _) => read_key(&key_path)?,
        (false, true) => return Err(PkiError::KeyMissing(certificate_path)),
        (false, false) => make_key(&key_path)?,
    };
    if !certificate_path.exists() {
        let x509 = certify(&key, application_uri, common_name, hosts)?;
        let der = x509.to_der().map_err(|why| PkiError::Make(why.to_string()))?;
        replace(&certificate_path, &der)?;
    }
    let der = std::fs::read(&certificate_path).map_err(PkiError::io(&certificate_path, "read"))?;
    let not_one = || PkiError::NotACertificate { from: certificate_path.display().to_string() };
    let certificate = Certificate::parse(&der).map_err(|_| not_one())?;
    if !belongs(&key, &der) {
        return Err(PkiError::KeyForeign(own));
    }
    Ok(Own { certificate_path, key_path, certificate })
}

fn read_key(path: &Path) -> Result<PrivateKey, PkiError> {
    let mode = std::fs::metadata(path).map_err(PkiError::io(path, "read"))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(PkiError::KeyReadable { path: path.to_path_buf(), mode: mode & 0o777 });
    }
    PrivateKey::read_pem_file(path).map_err(|_| PkiError::NotAKey(path.to_path_buf()))
}

fn make_key(path: &Path) -> Result<PrivateKey, PkiError> {
    let key = PrivateKey::new(KEY_BITS).map_err(|why| PkiError::Make(why.to_string()))?;
    #[expect(clippy::default_trait_access, reason = "the type is no dependency of ours by name")]
    let pem = key
        .to_der()
        .map_err(|why| PkiError::Make(why.to_string()))?
        .to_pem("PRIVATE KEY", Default::default())
        .map_err(|why| PkiError::Make(why.to_string()))?;
    // `create_new` is O_EXCL: never a file, or a link, that somebody put there before us.
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(PkiError::io(path, "created"))?;
    file.write_all(pem.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(PkiError::io(path, "written"))?;
    Ok(key)
}

fn certify(
    key: &PrivateKey,
    application_uri: &str,
    common_name: &str,
    hosts: &[String],
) -> Result<X509, PkiError> {
    let names =
        X509Data::alt_host_names(application_uri, Some(hosts.to_vec()), false, false, false);
    X509::from_pkey(
        key,
        &X509Data {
            key_size: KEY_BITS,
            common_name: common_name.to_owned(),
            organization: "Pedigree".to_owned(),
            organizational_unit: String::new(),
            country: String::new(),
            state: String::new(),
            alt_host_names: names,
            certificate_duration_days: VALID_DAYS,
        },
    )
    .map_err(PkiError::Make)
}

fn belongs(key: &PrivateKey, der: &[u8]) -> bool {
    let probe = b"does this key belong to this certificate";
    let mut signature = vec![0; ::opcua::crypto::KeySize::size(key)];
    let Ok(x509) = X509::from_der(der) else { return false };
    let Ok(public) = x509.public_key() else { return false };
    key.sign_sha256(probe, &mut signature).is_ok()
        && public.verify_sha256(probe, &signature).unwrap_or(false)
}
