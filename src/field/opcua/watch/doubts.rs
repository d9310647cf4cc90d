//! Handshake words that are read again, because the server may have nothing to tell of them.
use super::{Done, Watch};
use crate::field::opcua::subscribe::Lane;
use crate::model::{At, Sample, Utc};
use ::opcua::types::Error;
use std::time::Duration;

impl Watch<'_> {
    /// Reads words again of which the engine may know something else than was told last.
    pub(super) fn settle_doubts(&mut self, at: At) {
        let Some(fast) = &self.line.fast else { return };
        // What has come and is not taken in yet may say it.
        let coming = self.held.contains_key(&Lane::Fast) || !fast.notices.is_empty();
        if self.doubting || coming || !self.desk.urgent.has_room() {
            return;
        }
        let publish = fast.made.iter().map(|made| made.publish).max().unwrap_or(Duration::ZERO);
        // By then whatever the server knew has come.
        let due = self.doubts.due(at.monotonic, publish.saturating_mul(2));
        if due.is_empty() {
            return;
        }
        self.doubting = true;
        let (peer, words) = (self.peer.clone(), self.peer.places.words(due));
        self.jobs.push(Box::pin(async move { Done::Again(peer.read_many(&words).await, at.wall) }));
    }

    pub(super) fn on_again(&mut self, read: Result<Vec<Sample>, Error>, asked: Utc) {
        self.doubting = false;
        let device = &self.task.context.name;
        let now = self.task.context.at().monotonic;
        let mut samples = match read {
            Ok(samples) => samples,
            Err(why) => {
                tracing::debug!(device, %why, "handshake words were not read again");
                self.doubts.unread(now);
                return self.task.context.count_error("read");
            }
        };
        samples.retain(|sample| self.doubts.found(sample, now));
        if !samples.is_empty() {
            let words = samples.len();
            tracing::debug!(device, words, "words are again as the server told them last");
        }
        self.on_fresh(samples, asked);
    }
}
