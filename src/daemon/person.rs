//! The key under which badges become tokens: a file of its own beside the record, readable only by
//! the owner. Who erases it has erased every name.
use crate::model::PersonKey;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads the key, or makes one at the first start.
pub(super) fn key(path: &Path) -> io::Result<PersonKey> {
    let mut bytes = [0; 32];
    match OpenOptions::new().read(true).open(path) {
        Ok(mut file) => file.read_exact(&mut bytes)?,
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            OpenOptions::new().read(true).open("/dev/urandom")?.read_exact(&mut bytes)?;
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
        }
        Err(why) => return Err(why),
    }
    Ok(PersonKey::new(bytes))
}
