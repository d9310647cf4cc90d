//! What watched words did while nobody looked, where the server has kept it.
//!
//! Only monitors are filled up: a phase, a mount or a request that was not watched stays a gap.
use super::{Done, Watch};
use crate::field::opcua::history::history;
use crate::field::opcua::subscribe::Lane;
use crate::model::plant::TagIndex;
use crate::model::{Sample, Utc};
use ::opcua::types::Error;

impl Watch<'_> {
    /// Tells what the slow words are now; those of monitors after what they were meanwhile.
    pub(super) fn begin_history(&mut self, since: Option<Utc>, slow: Vec<Sample>) {
        let Some(since) = since else { return self.tell(Lane::Slow, slow) };
        let nodes = self.peer.places.now();
        let monitored = |tag: TagIndex| {
            let tag = self.peer.plant.tag(tag);
            tag.watched && !tag.fast && !tag.every_change
        };
        let (waiting, now): (Vec<_>, Vec<_>) = slow.into_iter().partition(|s| monitored(s.tag));
        let words = waiting.iter().filter_map(|s| Some((s.tag, nodes.get(&s.tag)?.clone())));
        let words: Vec<_> = words.collect();
        self.tell(Lane::Slow, now);
        let (peer, to) = (self.peer.clone(), self.task.context.at().wall);
        self.filling = true;
        self.jobs.push(Box::pin(async move {
            Done::History(history(&peer, words, (since, to)).await, waiting)
        }));
    }

    pub(super) fn on_history(&mut self, outcome: Result<Vec<Sample>, Error>, waiting: Vec<Sample>) {
        self.filling = false;
        let device = &self.task.context.name;
        match outcome {
            Ok(mut samples) => {
                // What is told as the state of now is not history.
                let newest = |s: &Sample| waiting.iter().find(|w| w.tag == s.tag)?.source;
                samples.retain(|s| newest(s).is_none_or(|newest| s.time() < newest));
                let count = u64::try_from(samples.len()).unwrap_or(u64::MAX);
                let labels = [device.as_str()];
                self.task.context.metrics.history.with_label_values(&labels).inc_by(count);
                self.tell(Lane::Slow, samples);
            }
            Err(why) => tracing::warn!(device, %why, "the server gives no history"),
        }
        self.tell(Lane::Slow, waiting);
    }
}
