//! Replay: the tape stepped through a fresh engine.
//!
//! [`exact`] steps all of it and holds the records against the ledger byte by byte: it proves that the
//! code still does what it did. [`difference`] plays a stretch of it, under the plants that were in force
//! or under another one, and says what would be recorded otherwise; [`adoptions`] is what has to be
//! recorded so that it counts. [`tune()`] tells charts with other rules what the tape and the record tell. Nothing here writes.
mod ahead;
mod carry;
mod difference;
mod exact;
mod fields;
mod fold;
mod lacking;
mod play;
mod recorded;
mod tune;

pub use difference::{Changed, Difference, Shown, adoptions};
pub use exact::{Report, exact};
pub use fields::Field;
pub use tune::{Asked, Missing, tune};

use crate::config;
use crate::ledger::{LedgerError, Reader};
use crate::model::plant::{Plant, PlantFile};
use crate::model::{Input, PersonKey, Position, SiteId, Utc};
use crate::tape::{TapeError, TapeItem, TapeReader};
use ahead::Ahead;
use fold::Fold;
use play::Play;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What was asked near the end of the stretch is still answered.
const MARGIN: Duration = Duration::from_secs(10);

/// Why there is no replay.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The operating system.
    #[error("the tape cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is not wanted any more.
    #[error("it was given up before its end")]
    Stopped,
    /// The tape.
    #[error(transparent)]
    Tape(#[from] Box<TapeError<config::Faults>>),
}

/// What is to be played.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// From then on; from the begin of the tape if not told.
    pub from: Option<Utc>,
    /// Up to then; to the end if not told.
    pub to: Option<Utc>,
    /// Under this plant; under those that were in force if not told.
    pub plant: Option<Arc<Plant>>,
}

impl Wanted {
    fn is_begun(&self, at: Utc) -> bool {
        self.from.is_none_or(|from| at >= from)
    }

    fn is_over(&self, at: Utc) -> bool {
        self.to.is_some_and(|to| at > to.plus(MARGIN))
    }

    fn has(&self, at: Utc) -> bool {
        self.is_begun(at) && self.to.is_none_or(|to| at <= to)
    }
}

/// The plant of files on the tape.
pub(super) fn parse(site: &SiteId) -> impl Fn(&[PlantFile]) -> Result<Arc<Plant>, config::Faults> {
    |files| {
        let files: Vec<(String, String)> =
            files.iter().map(|f| (f.name.to_string(), f.text.clone())).collect();
        config::plant::load(&files, site).map(|checked| checked.plant)
    }
}

/// Plays a stretch of the tape of a data directory and says what would be recorded otherwise. The daemon
/// may run. It ends early when `stop` is cancelled.
pub fn difference(
    dir: &Path,
    site: &SiteId,
    persons: &PersonKey,
    wanted: &Wanted,
    stop: &CancellationToken,
) -> Result<Difference, ReplayError> {
    let reader = Reader::open(dir);
    let recorded = recorded::read(&reader, wanted, recovered(dir, site, wanted)?)?;
    // The tape goes on while the line does, and is ahead of the ledger.
    let to = wanted.to.into_iter().chain(recorded.until).min();
    let wanted = &Wanted { to, ..wanted.clone() };
    let mut play = Play::new(wanted, Fold::new(reader, persons, recorded.base)?);
    let mut tape = TapeReader::open(dir)?;
    let mut ahead = Ahead::default();
    while let Some(item) = ahead.next(|| tape.next_item(parse(site)).map_err(Box::new))? {
        if stop.is_cancelled() {
            return Err(ReplayError::Stopped);
        }
        match item {
            TapeItem::Gap(gap) => play.gap(&gap),
            TapeItem::Entry(entry) => {
                if !play.entry(&entry, &ahead)? {
                    break;
                }
            }
        }
    }
    Ok(difference::between(wanted, recorded, &play.end()))
}

/// The record that the daemon had recovered up to, if the stretch begins with a start.
fn recovered(dir: &Path, site: &SiteId, wanted: &Wanted) -> Result<Option<Position>, ReplayError> {
    let mut tape = TapeReader::open(dir)?;
    while let Some(item) = tape.next_item(parse(site)).map_err(Box::new)? {
        if let TapeItem::Entry(entry) = item
            && wanted.is_begun(entry.at.wall)
        {
            let Input::Start { recovered, .. } = entry.input else { return Ok(None) };
            return Ok(Some(recovered));
        }
    }
    Ok(None)
}
