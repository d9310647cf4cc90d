//! Whoever opens the index, and brings it what memory has and it has not: after a start, after the disk refused it
//! something, and when it is made anew. Nobody waits for it.
use super::follow::{RETRY, blocking, next};
use crate::ledger::{Cursor, LedgerError, Reader};
use crate::model::Position;
use crate::query::{Query, QueryError};
use tokio_util::sync::CancellationToken;

pub(super) struct Indexer {
    pub(super) query: Query,
    pub(super) reader: Reader,
    pub(super) cursor: Option<Cursor>,
    pub(super) stop: CancellationToken,
}

impl Indexer {
    /// Runs until the daemon stops, or the ledger cannot be read.
    pub(super) async fn run(mut self) {
        let (mut wanted, mut known) = (self.query.wanted(), self.query.watch());
        let mut is_open = false;
        loop {
            let (from, to) = (*wanted.borrow_and_update(), *known.borrow_and_update());
            if is_open && from >= to {
                // Cancel-safe: all only wait. `wanted` falls when the index is begun anew.
                tokio::select! {
                    changed = wanted.changed() => if changed.is_err() { return },
                    changed = known.changed() => if changed.is_err() { return },
                    () = self.stop.cancelled() => return,
                }
                continue;
            }
            // What it has is known once it is open.
            let from = is_open.then_some(from);
            match self.bring(from).await {
                Ok(Ok(())) if !is_open => is_open = true,
                Ok(Ok(())) if Some(*wanted.borrow()) != from => {}
                Ok(taken) => {
                    if let Err(why) = taken {
                        tracing::error!(%why, "the index takes no records; questions are answered from what it has");
                    }
                    tokio::select! {
                        () = tokio::time::sleep(RETRY) => {}
                        () = self.stop.cancelled() => return,
                    }
                }
                Err(why) => return tracing::error!(%why, "the ledger cannot be followed"),
            }
            if self.stop.is_cancelled() {
                return;
            }
        }
    }

    /// Brings the next records after this one, or none, on a thread that may block.
    async fn bring(
        &mut self,
        after: Option<Position>,
    ) -> Result<Result<(), QueryError>, LedgerError> {
        let kept = self.cursor.take().filter(|cursor| Some(cursor.position()) == after);
        let (reader, query) = (self.reader.clone(), self.query.clone());
        let work = move || -> Result<_, LedgerError> {
            let Some(after) = after else {
                return Ok((None, query.index(&[])));
            };
            let mut cursor = kept.unwrap_or_else(|| reader.cursor(after));
            let records = next(&mut cursor)?;
            Ok((Some(cursor), query.index(&records)))
        };
        let (cursor, taken) = blocking(work).await?;
        self.cursor = cursor;
        Ok(taken)
    }
}
