//! Messages that are missing from a subscription: the server is asked for them again.
use super::{Done, Watch};
use crate::field::opcua::fault::Fault;
use crate::field::opcua::subscribe::{Hole, Lane, Notice, Told};
use crate::model::GapCause;
use ::opcua::types::Error;

impl Watch<'_> {
    /// Asks for what is missing before `notice`, which waits: phases and mounts need the order in which
    /// things happened.
    pub(super) fn begin_repair(
        &mut self,
        lane: Lane,
        hole: Hole,
        notice: Notice,
    ) -> Result<(), Fault> {
        let Some(numbers) = hole.numbers() else {
            return self.give_up(lane, notice);
        };
        let numbers: Vec<_> = numbers.collect();
        let (id, peer, device) = (notice.of, self.peer.clone(), self.task.context.device);
        self.held.insert(lane, notice);
        self.jobs.push(Box::pin(async move {
            Done::Republished(lane, peer.republish(device, id, &numbers).await)
        }));
        Ok(())
    }

    /// What was missing has come, or never will.
    pub(super) fn on_republished(
        &mut self,
        lane: Lane,
        outcome: Result<Told, Error>,
    ) -> Result<(), Fault> {
        let Some(mut notice) = self.held.remove(&lane) else { return Ok(()) };
        match outcome {
            Ok(Told { mut samples, mut events, closed: _ }) => {
                let labels = [self.task.context.name.as_str()];
                self.task.context.metrics.republished.with_label_values(&labels).inc();
                samples.append(&mut notice.samples);
                events.append(&mut notice.events);
                (notice.samples, notice.events) = (samples, events);
                self.take_in(lane, notice)
            }
            Err(why) => {
                let device = &self.task.context.name;
                tracing::warn!(device, %why, "the server does not send again what is missing");
                self.give_up(lane, notice)
            }
        }
    }

    fn give_up(&mut self, lane: Lane, notice: Notice) -> Result<(), Fault> {
        let before = self.last.get(&notice.of).copied().unwrap_or(notice.at);
        self.lose(None, GapCause::Sequence, self.told_until(before), notice.at.wall);
        self.take_in(lane, notice)
    }
}
