//! Images: what was folded from the ledger up to a record, in a file, so that a start folds only what came
//! after it.
//!
//! An image is derived, like the index: it is never evidence, it can be deleted, and one that is not good is not
//! used. It is good if it is whole, if this program wrote it in the form that it reads, and if the ledger has
//! the records that it was folded from, which its Merkle root tells. It gets its name only when it is on stable
//! storage, and the one before it is kept until the next. What it says is for whoever has it kept.
use crate::ledger::{Disk, LedgerError, Reader};
use crate::model::wire;
use crate::model::{Digest, Origin, Position, Text};
use minicbor::{Decode, Encode};
use sha2::{Digest as _, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the file of an image begins with.
const MAGIC: [u8; 8] = *b"PDGR-IMG";
/// Its format.
const VERSION: u32 = 1;
/// Magic, version and feature bits.
const PREAMBLE_LEN: usize = 16;
const KIND: &str = "image";
/// The ending of one that is being made; of no meaning until it is renamed.
const UNBORN: &str = "new";

/// What an image has to be, to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageOf {
    /// The ledger that it is folded from.
    pub origin: Origin,
    /// The version of Pedigree: another one may fold the same records in another way.
    pub program: Text,
    /// The form of what it says.
    pub schema: u32,
}

/// What the file says before what the image says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Header {
    #[n(0)]
    origin: Origin,
    /// The last record that is folded in: so many leaves has the tree.
    #[n(1)]
    position: Position,
    /// Of the tree over the records up to it.
    #[n(2)]
    root: Digest,
    #[n(3)]
    program: Text,
    #[n(4)]
    schema: u32,
    /// Bytes behind this header.
    #[n(5)]
    len: u64,
    /// SHA-256 over them.
    #[n(6)]
    digest: Digest,
}

/// Why an image is not used.
#[derive(Debug, thiserror::Error)]
pub enum ImageFault {
    /// The file system said no.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("it does not begin as an image does")]
    Foreign,
    /// Written by a later version.
    #[error(
        "it has image format {version} with features {features:#x}, this pedigree reads format {VERSION} without features"
    )]
    Newer {
        /// Its format.
        version: u32,
        /// Its feature bits.
        features: u32,
    },
    /// It is not as it was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Another version folded it, which may have done so in another way.
    #[error("it was written by pedigree {found}, this is {wanted}")]
    Program {
        /// Which.
        found: Text,
        /// This one.
        wanted: Text,
    },
    /// What it says is of another form.
    #[error("it is of form {found}, wanted {wanted}")]
    Schema {
        /// Its form.
        found: u32,
        /// The one that is read.
        wanted: u32,
    },
    /// It is of another ledger, or of this one before it was restored.
    #[error("it is of the ledger {} incarnation {}", .0.site, .0.incarnation)]
    Origin(Origin),
    /// It knows records that the ledger does not have.
    #[error("it was folded up to {position}, the ledger has records up to {durable}")]
    Ahead {
        /// Its last record.
        position: Position,
        /// The last of the ledger.
        durable: Position,
    },
    /// The ledger has other records there.
    #[error("the records up to {0} are not those that it was folded from")]
    Diverged(Position),
    /// Nobody knows.
    #[error("it cannot be held against the ledger: {0}")]
    Ledger(#[from] LedgerError),
}

/// What became of the images that were there.
#[derive(Debug)]
pub struct Newest<T> {
    /// What the newest good one says.
    pub found: Option<T>,
    /// Those before it that are not used, and why.
    pub refused: Vec<(PathBuf, ImageFault)>,
}

/// The images in a directory of their own. Clones see the same files.
#[derive(Clone)]
pub struct Images {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    of: ImageOf,
    /// The last that was good: it stays until there are two after it.
    last: Option<Position>,
}

impl Images {
    /// Those in `dir`, which need not be there yet.
    pub fn new(disk: Arc<dyn Disk>, dir: &Path, of: ImageOf) -> Self {
        Self { disk, dir: dir.to_owned(), of, last: None }
    }

    /// What the newest image says that is good, and that `read` finds so too. It is held against the ledger, whose
    /// last record on stable storage is `durable`, and stays beside the next one.
    pub fn newest<T>(
        &mut self,
        ledger: &Reader,
        durable: Position,
        read: impl Fn(&[u8]) -> Result<T, minicbor::decode::Error>,
    ) -> Newest<T> {
        let mut refused = Vec::new();
        let there = self.list().unwrap_or_else(|why| {
            refused.push((self.dir.clone(), why.into()));
            Vec::new()
        });
        for position in there {
            let path = self.dir.join(name(position));
            let found = self.read(&path, position, ledger, durable).and_then(|(bytes, begin)| {
                let body = bytes.get(begin..).unwrap_or_default();
                read(body).map_err(|why| ImageFault::Damaged(why.to_string()))
            });
            match found {
                Ok(found) => {
                    self.last = Some(position);
                    return Newest { found: Some(found), refused };
                }
                Err(why) => refused.push((path, why)),
            }
        }
        Newest { found: None, refused }
    }

    /// The last record of each that is there, the newest first.
    fn list(&self) -> io::Result<Vec<Position>> {
        let names = match self.disk.list(&self.dir) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            names => names?,
        };
        let position = |name: &String| name.strip_suffix(".image")?.parse().ok().map(Position);
        let mut found: Vec<Position> = names.iter().filter_map(position).collect();
        found.retain(|at| names.contains(&name(*at)));
        found.sort_unstable_by(|a, b| b.cmp(a));
        Ok(found)
    }

    /// The file, and where in it begins what the image says: it may be too much to be there twice.
    fn read(
        &self,
        path: &Path,
        position: Position,
        ledger: &Reader,
        durable: Position,
    ) -> Result<(Vec<u8>, usize), ImageFault> {
        let bytes = self.disk.open_read(path)?.read_to_end(0)?;
        let (header, body) = take(&bytes)?;
        let begin = bytes.len() - body.len();
        self.check(&header)?;
        if header.position != position {
            return Err(ImageFault::Damaged("it has the name of another".to_owned()));
        }
        if position > durable {
            return Err(ImageFault::Ahead { position, durable });
        }
        if ledger.root_at(position.0)? != Some(header.root) {
            return Err(ImageFault::Diverged(position));
        }
        Ok((bytes, begin))
    }

    fn check(&self, header: &Header) -> Result<(), ImageFault> {
        let ImageOf { origin, program, schema } = &self.of;
        if header.schema != *schema {
            return Err(ImageFault::Schema { found: header.schema, wanted: *schema });
        }
        if header.program != *program {
            let (found, wanted) = (header.program.clone(), program.clone());
            return Err(ImageFault::Program { found, wanted });
        }
        if header.origin != *origin {
            return Err(ImageFault::Origin(header.origin.clone()));
        }
        Ok(())
    }

    /// The last record of the newest that is known to be good.
    pub fn last(&self) -> Option<Position> {
        self.last
    }

    /// Keeps an image of the records up to `position`, all of them on stable storage, which have this root; and
    /// of those before it the last one that was good.
    ///
    /// # Errors
    /// If it cannot be written. Those that are there stay.
    pub fn keep(&mut self, position: Position, root: Digest, body: &[u8]) -> io::Result<()> {
        self.disk.create_dir(&self.dir)?;
        let path = self.dir.join(name(position));
        let unborn = path.with_extension(UNBORN);
        let head = self.head(position, root, body);
        let write = || {
            let file = self.disk.create(&unborn)?;
            file.write_all_at(&head, 0)?;
            file.write_all_at(body, head.len() as u64)?;
            file.sync()
        };
        if let Err(why) = write().and_then(|()| self.disk.rename(&unborn, &path)) {
            // What is left of it is removed by the next one, if not now.
            let _ = self.disk.remove(&unborn);
            return Err(why);
        }
        self.disk.sync_dir(&self.dir)?;
        let before = self.last.replace(position);
        self.remove_but([Some(position), before])
    }

    /// What is in the file before the body.
    fn head(&self, position: Position, root: Digest, body: &[u8]) -> Vec<u8> {
        let ImageOf { origin, program, schema } = self.of.clone();
        let (len, digest) = (body.len() as u64, digest(body));
        let header = Header { origin, position, root, program, schema, len, digest };
        let mut bytes = preamble().concat();
        wire::put_frame(&wire::encode(&header), &mut bytes);
        bytes
    }

    /// Removes every other image, and what was begun and not finished.
    fn remove_but(&self, kept: [Option<Position>; 2]) -> io::Result<()> {
        let kept = kept.map(|at| at.map(name));
        for found in self.disk.list(&self.dir)? {
            let is_image =
                Path::new(&found).extension().is_some_and(|kind| kind == KIND || kind == UNBORN);
            if is_image && !kept.iter().flatten().any(|kept| *kept == found) {
                self.disk.remove(&self.dir.join(found))?;
            }
        }
        Ok(())
    }
}

fn name(position: Position) -> String {
    format!("{:020}.{KIND}", position.0)
}

fn preamble() -> [Vec<u8>; 3] {
    [MAGIC.to_vec(), VERSION.to_le_bytes().to_vec(), vec![0; 4]]
}

fn digest(body: &[u8]) -> Digest {
    Digest(Sha256::digest(body).into())
}

/// The header, and what the image says.
fn take(bytes: &[u8]) -> Result<(Header, &[u8]), ImageFault> {
    let damaged = |why: &str| ImageFault::Damaged(why.to_owned());
    let Some((preamble, rest)) = bytes.split_first_chunk::<PREAMBLE_LEN>() else {
        let begun = MAGIC.starts_with(bytes.get(..MAGIC.len()).unwrap_or(bytes));
        return Err(if begun { damaged("it is cut short") } else { ImageFault::Foreign });
    };
    let [m0, m1, m2, m3, m4, m5, m6, m7, v0, v1, v2, v3, features @ ..] = *preamble;
    if [m0, m1, m2, m3, m4, m5, m6, m7] != MAGIC {
        return Err(ImageFault::Foreign);
    }
    let (version, features) = (u32::from_le_bytes([v0, v1, v2, v3]), u32::from_le_bytes(features));
    if (version, features) != (VERSION, 0) {
        return Err(ImageFault::Newer { version, features });
    }
    let frame = wire::take_frame(rest).map_err(|why| damaged(&why.to_string()))?;
    let (header, body) = frame.ok_or_else(|| damaged("it is cut short"))?;
    let header: Header = wire::decode(header).map_err(|why| damaged(&why.to_string()))?;
    if header.len != body.len() as u64 {
        return Err(damaged(&format!("it has {} bytes, wanted {}", body.len(), header.len)));
    }
    if header.digest != digest(body) {
        return Err(damaged("its checksum does not match"));
    }
    Ok((header, body))
}

#[cfg(test)]
mod tests;
