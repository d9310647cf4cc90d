//! Secret keys: that under which badges become tokens, and that which checkpoints are signed with. Each is a
//! file of its own beside the record, readable only by the owner. Who erases the first has erased every name.
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
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
            keep(path, &bytes)?;
        }
        Err(why) => return Err(why),
    }
    Ok(bytes)
}

/// It has its name only when it is whole: a disk that is full, or loses its power, would leave half a key,
/// and no start would ever get past it.
fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut unborn = OsString::from(path);
    unborn.push(".new");
    // What is left of another start may be anybody's.
    match std::fs::remove_file(&unborn) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unborn)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&unborn, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_start_that_ended_over_half_a_key_is_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("person.key");
        std::fs::write(dir.path().join("person.key.new"), "half").unwrap();
        let made = secret(&path).unwrap();
        assert_ne!(made, [0; 32]);
        assert_eq!(secret(&path).unwrap(), made);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        // Whoever made the half one need not have made it private.
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
