//! What only time brings to light: silence, and what is to be tried again.
use super::{Done, Watch};
use crate::field::opcua::fault::Fault;
use crate::field::opcua::line::retry;
use crate::field::opcua::services::prepare;
use crate::field::opcua::subscribe::{Item, Stream};
use crate::field::opcua::value::Kind;
use crate::model::{At, Monotonic, Value, Write};
use ::opcua::types::VariantScalarTypeId;
use std::time::Duration;

/// What the server refused is tried again after this.
pub(super) const RETRY: Duration = Duration::from_secs(30);

impl Watch<'_> {
    pub(super) fn on_tick(&mut self) -> Result<(), Fault> {
        let at = self.task.context.at();
        self.check_silence(at.monotonic)?;
        self.check_heartbeat(at.monotonic)?;
        if self.boot.is_some() {
            self.beat_host(at.monotonic);
            self.prove(at);
            self.settle_doubts(at);
        }
        if at.monotonic >= self.retry_due {
            self.retry_due = at.monotonic.plus(RETRY);
            self.retry_refused();
        }
        Ok(())
    }

    fn check_silence(&self, now: Monotonic) -> Result<(), Fault> {
        // What waits for the engine is no silence of the PLC.
        let mut streams = self.line.streams().filter(|stream| stream.notices.is_empty());
        let silent = streams.find(|stream| stream.is_silent(self.begun, now));
        silent.map_or(Ok(()), |stream| Err(Fault::Silent(stream.maker.lane.as_str())))
    }

    fn check_heartbeat(&mut self, now: Monotonic) -> Result<(), Fault> {
        let heartbeat = &self.task.context.device().heartbeat;
        let (Some(tag), stale_after) = (heartbeat.plc, heartbeat.stale_after) else {
            return Ok(());
        };
        let waiting = self.line.streams().any(Stream::is_behind);
        if waiting || now <= self.beat.at.monotonic.plus(stale_after) {
            return Ok(());
        }
        // What came after the last beat, or was on its way with it, may have been as dead as the beat.
        let beat = self.beat.observed.unwrap_or(self.beat.at.wall);
        self.task.record.observed = self.task.record.observed.map(|observed| observed.min(beat));
        let word = self.peer.plant.tag(tag).name.to_string();
        Err(Fault::HeartbeatStands { word, stale_after })
    }

    /// Asks the server something, so that its next notices prove how new they are.
    fn prove(&mut self, at: At) {
        if self.proof.asks(at) {
            let peer = self.peer.clone();
            self.jobs
                .push(Box::pin(async move { Done::Answered(peer.start_time().await.is_ok()) }));
        }
    }

    fn beat_host(&mut self, now: Monotonic) {
        let heartbeat = &self.task.context.device().heartbeat;
        let (Some(tag), period) = (heartbeat.host, heartbeat.stale_after / 3) else { return };
        if now < self.host_due {
            return;
        }
        self.host_due = now.plus(period);
        self.host_count = self.host_count.wrapping_add(1);
        let value = count_in(self.host_count, self.line.kinds.get(&tag));
        let write = Write { tag, bit: None, value };
        let word = prepare(&self.peer.plant, &self.peer.places.now(), &self.line.kinds, &write);
        let peer = self.peer.clone();
        self.jobs.push(Box::pin(async move {
            Done::Beat(match word {
                Ok(word) => peer.write(vec![word]).await,
                Err(fault) => Err(fault),
            })
        }));
    }

    fn retry_refused(&mut self) {
        let plant = &self.peer.plant;
        let device = self.task.context.device;
        let untyped = plant
            .tags_of(device)
            .any(|(index, tag)| tag.writable && !self.line.kinds.contains_key(&index));
        if self.retrying || (self.line.refused.is_empty() && !untyped) {
            return;
        }
        self.retrying = true;
        let items: Vec<Item> = self.line.refused.iter().map(|(item, _)| item.clone()).collect();
        let streams = self.line.streams().map(|s| (s.maker.clone(), s.made.clone())).collect();
        let peer = self.peer.clone();
        self.jobs.push(Box::pin(async move {
            Done::Retried(retry(peer, device, streams, items).await)
        }));
    }
}

/// A count that wraps where the node's type does.
fn count_in(count: u64, kind: Option<&Kind>) -> Value {
    use VariantScalarTypeId as T;
    let bits = match kind.map(|kind| kind.scalar) {
        Some(T::Boolean) => 1,
        Some(T::SByte) => 7,
        Some(T::Byte) => 8,
        Some(T::Int16) => 15,
        Some(T::UInt16) => 16,
        _ => 31,
    };
    Value::UInt(count & ((1 << bits) - 1))
}
