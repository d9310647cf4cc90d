//! What is kept on disk, opened in order: the ledger first, because everything else is derived from it.
use super::image::{Keeper, STATE};
use super::notary::Notary;
use super::pump::State;
use super::read_side::ReadSide;
use super::{Common, DaemonError, PERSONS, Settings, person};
use crate::ledger::{Files, Ledger, Options, SEGMENT_BYTES_MAX};
use crate::model::{Origin, PersonKey, Position};
use crate::store::Images;
use crate::tape::TapeWriter;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;

/// What is kept.
pub(super) struct Kept {
    pub(super) ledger: Arc<Ledger>,
    pub(super) persons: PersonKey,
    pub(super) tape: TapeWriter,
    pub(super) state: State,
    pub(super) images: Images,
    pub(super) keeper: Arc<Mutex<Keeper>>,
    pub(super) read_side: ReadSide,
    pub(super) notary: Arc<Notary>,
}

/// Opens it, or begins it.
pub(super) fn open(common: &Common, settings: &Settings) -> Result<Kept, DaemonError> {
    let dir = settings.data_dir.as_path();
    std::fs::create_dir_all(dir)
        .map_err(|source| DaemonError::Io { path: dir.to_owned(), source })?;
    let opened = Ledger::open(
        Options {
            dir: dir.to_owned(),
            origin: Origin { site: common.plant.site.clone(), incarnation: 0 },
            segment_bytes_max: SEGMENT_BYTES_MAX,
            metrics: Arc::clone(&common.metrics),
            now: Arc::clone(&common.now),
        },
        Files,
    )?;
    if opened.cut_bytes > 0 {
        tracing::warn!(
            bytes = opened.cut_bytes,
            "a torn tail was cut off the ledger; none of it was ever acknowledged"
        );
    }
    let persons = persons(dir, opened.recovered)?;
    let tape = TapeWriter::open(dir, opened.origin.clone(), Arc::clone(&common.now));
    if let Some(why) = tape.last_error() {
        tracing::warn!(why, "the tape has a fault; capture goes on without it");
    }
    let mut images = STATE.images(dir, opened.origin.clone());
    let state = State::fold(&mut images, &opened.ledger, &persons, tape.next_number())?;
    let (engine, metrics) = (state.engine.clone(), Arc::clone(&common.metrics));
    let keeper = Keeper::new(images.clone(), engine, &opened.ledger, metrics);
    let keeper = Arc::new(Mutex::new(keeper));
    let of = (opened.origin.clone(), opened.recovered);
    let told = (Arc::clone(&common.now), Arc::clone(&common.metrics));
    let read_side = ReadSide::new(dir, opened.ledger.reader(), of, told.clone());
    let ledger = Arc::new(opened.ledger);
    let from = (ledger.tree(), ledger.reader());
    let notary = Notary::open(told, dir, &settings.ledger, opened.origin, from)?;
    let notary = Arc::new(notary);
    Ok(Kept { ledger, persons, tape, state, images, keeper, read_side, notary })
}

/// The key of persons; where it was erased, a new one, under which nobody is who he was.
fn persons(dir: &Path, recovered: Position) -> Result<PersonKey, DaemonError> {
    let path = dir.join(PERSONS);
    if recovered > Position(0) && !path.exists() {
        tracing::warn!(
            path = %path.display(),
            "there is no key of persons: a new one is made, and whom the records name so far can no longer be told"
        );
    }
    let secret = person::secret(&path);
    secret.map(PersonKey::new).map_err(|source| DaemonError::Io { path, source })
}
