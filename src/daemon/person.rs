//! Secret keys: that under which badges become tokens, and that which checkpoints are signed with. Each is a
//! file of its own beside the record, readable only by the owner. Who erases the first has erased every name.
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Bytes of a key, and of its file: there is nothing else in it.
const LEN: usize = 32;
/// What a file is called that does not have its key yet.
const UNBORN: &str = "new";

/// Reads a key, or makes one at the first start.
pub(super) fn secret(path: &Path) -> io::Result<[u8; LEN]> {
    read(path)?.map_or_else(|| make(path), Ok)
}

/// Reads a key; `None` if there is none. A file of another length is another version's, or was cut off: it
/// is refused and stays as it is, since half a key, or the begin of something else, is a wrong one.
pub(super) fn read(path: &Path) -> io::Result<Option<[u8; LEN]>> {
    match std::fs::read(path) {
        Ok(bytes) => <[u8; LEN]>::try_from(bytes.as_slice()).map(Some).map_err(|_| {
            let found = bytes.len();
            let said = format!(
                "it has {found} bytes, a key has {LEN}; run the version that wrote it, or put the file from a backup in its place"
            );
            io::Error::new(io::ErrorKind::InvalidData, said)
        }),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why),
    }
}

/// A key gets its name when it is on stable storage, whole: without it what is recorded under it has no names.
fn make(path: &Path) -> io::Result<[u8; LEN]> {
    let mut bytes = [0; LEN];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let unborn = path.with_added_extension(UNBORN);
    // One that is there already was left by a start that was killed, and may be for everybody.
    if unborn.exists() {
        std::fs::remove_file(&unborn)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unborn)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&unborn, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_key_is_made_once_whole_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("person.key");
        assert_eq!(read(&path).unwrap(), None, "who only reads makes none");
        // What a start left that was killed.
        std::fs::write(dir.path().join("person.key.new"), "half").unwrap();
        let made = secret(&path).unwrap();
        assert_ne!(made, [0; LEN]);
        assert_eq!(std::fs::read(&path).unwrap(), made);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(secret(&path).unwrap(), made);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_key_of_format_1_is_read() {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/format-1");
        assert_eq!(secret(&kept.join("person.key")).unwrap(), [7; LEN]);
        let counted: [u8; LEN] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        assert_eq!(secret(&kept.join("checkpoint.key")).unwrap(), counted);
    }

    #[test]
    fn what_is_longer_or_shorter_than_a_key_is_refused_and_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint.key");
        for len in [0, 31, 33, 44] {
            let other = vec![7; len];
            std::fs::write(&path, &other).unwrap();
            let told = secret(&path).unwrap_err().to_string();
            let wanted = format!("it has {len} bytes, a key has 32; run the version that wrote it");
            assert!(told.starts_with(&wanted), "{told}");
            assert_eq!(std::fs::read(&path).unwrap(), other);
        }
    }
}
