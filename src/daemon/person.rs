//! Secret keys: that under which badges become tokens, and that which checkpoints are signed with. Each is a
//! file of its own beside the record, readable only by the owner. Who erases the first has erased every name.
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads a key, or makes one at the first start.
pub(super) fn secret(path: &Path) -> io::Result<[u8; 32]> {
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
    Ok(bytes)
}
