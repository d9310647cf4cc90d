//! Files that have their name only when they are whole: nobody reads half of one, and one that was there is
//! there until then.
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// What the name of a file on its way ends with.
const ENDING: &str = ".part";

/// A file on its way. What is not [finished](Self::finish) is removed.
pub(super) struct Part {
    whole: PathBuf,
    path: PathBuf,
    is_finished: bool,
}

impl Part {
    /// Of a file of this name. What a run that was killed left of it is removed.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut name = path.file_name().unwrap_or(OsStr::new("file")).to_owned();
        name.push(ENDING);
        let (whole, path) = (path.to_owned(), path.with_file_name(name));
        if path.exists() {
            fs::remove_file(&path)?;
        }
        Ok(Self { whole, path, is_finished: false })
    }

    /// Where to write it to.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it on stable storage and gives it its name, in place of one that has it. The name is on
    /// stable storage once the folder is.
    pub(super) fn finish(mut self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, &self.whole)?;
        self.is_finished = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_finished {
            // If it cannot be removed now, the next run does.
            fs::remove_file(&self.path).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint.key");
        fs::write(&path, "old").unwrap();
        fs::write(dir.path().join("checkpoint.key.part"), "of a run that was killed").unwrap();
        let names = || fs::read_dir(dir.path()).unwrap().count();
        let begun = Part::of(&path).unwrap();
        fs::write(begun.path(), "half").unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names()), ("old", 2));
        drop(begun);
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names()), ("old", 1));
        let begun = Part::of(&path).unwrap();
        fs::write(begun.path(), "new").unwrap();
        begun.finish().unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names()), ("new", 1));
    }
}
