//! Reads and writes beside the subscriptions.
use super::{Done, Watch};
use crate::field::Request;
use crate::field::opcua::fault::Fault;
use crate::field::opcua::line::Retried;
use crate::field::opcua::place::Place;
use crate::field::opcua::results::source;
use crate::field::opcua::services::{Peer, WriteFault, prepare, read_fault};
use crate::field::opcua::subscribe::{Lane, Subscription};
use crate::model::plant::{TagIndex, TagSource};
use crate::model::{
    At, ReadDone, ReadFault, ReadFrom, ReadRequest, ReadToken, Value, Write, WriteDone,
    WriteRequest,
};
use crate::telemetry::{Point, Points};
use ::opcua::types::{NodeId, Variant};
use std::time::Duration;

impl Watch<'_> {
    pub(super) fn on_request(&mut self, request: Request) {
        if self.boot.is_none() {
            self.desk.refuse_one(&request);
            return;
        }
        let (Request::Read(ReadRequest { session, .. })
        | Request::Write(WriteRequest { session, .. })) = &request;
        if *session != self.task.record.session {
            return self.desk.refuse_one(&request);
        }
        match request {
            Request::Read(read) => self.begin_read(read),
            Request::Write(write) => {
                let now = self.task.context.at().monotonic;
                let words = write.replies.iter().chain(&write.ack);
                words.for_each(|word| self.doubts.written(word.tag, now));
                self.desk.begin(write.token, true);
                self.writes.push_back(write);
                self.begin_write();
            }
        }
    }

    fn begin_read(&mut self, request: ReadRequest) {
        let ReadRequest { token, device: _, session: _, tags, from } = request;
        self.desk.begin(token, false);
        let (peer, begun) = (self.peer.clone(), self.task.context.at());
        if from != ReadFrom::Words {
            self.jobs.push(Box::pin(async move {
                let sources = peer.places.sources();
                let source = tags.first().and_then(|name| source(&sources, *name));
                let outcome = match source {
                    Some(source) => source.read(&peer, &from).await,
                    None => Err(ReadFault::Refused),
                };
                Done::Read(ReadDone { token, outcome }, begun)
            }));
            return;
        }
        let words = self.peer.places.words(tags);
        self.jobs.push(Box::pin(async move {
            let outcome = peer.read(&words).await.map_err(|error| read_fault(&error));
            Done::Read(ReadDone { token, outcome }, begun)
        }));
    }

    fn begin_write(&mut self) {
        if self.writing {
            return;
        }
        let Some(request) = self.writes.pop_front() else { return };
        self.writing = true;
        if let Some(ack) = &request.ack
            && matches!(self.peer.plant.tag(ack.tag).source, TagSource::Field(_))
        {
            return self.begin_acknowledge(request.token, ack.tag, ack.value.clone());
        }
        let witnesses = self.peer.places.words(request.witnesses());
        let nodes = self.peer.places.now();
        let WriteRequest { token, replies, ack, .. } = &request;
        let token = *token;
        let fit = |write: &Write| prepare(&self.peer.plant, &nodes, &self.line.kinds, write);
        let replies: Result<Vec<_>, _> = replies.iter().map(fit).collect();
        let ack = ack.as_ref().map(fit).transpose();
        let (peer, begun) = (self.peer.clone(), self.task.context.at());
        let name = self.task.context.name.clone();
        let points = self.task.context.points.clone();
        self.jobs.push(Box::pin(async move {
            let outcome = match stands(&peer, &request, &witnesses).await {
                Ok(()) => write(&peer, replies, ack, &points).await.map_err(|fault| {
                    tracing::error!(device = name, %fault, "an answer was not written");
                    fault.read_fault()
                }),
                Err(fault) => Err(fault),
            };
            Done::Written(WriteDone { token, outcome }, begun)
        }));
    }

    /// Tells a machine which of its results are recorded.
    fn begin_acknowledge(&mut self, token: ReadToken, name: TagIndex, results: Value) {
        let (peer, begun) = (self.peer.clone(), self.task.context.at());
        let device = self.task.context.name.clone();
        let points = self.task.context.points.clone();
        self.jobs.push(Box::pin(async move {
            let sources = peer.places.sources();
            let outcome = match source(&sources, name) {
                Some(source) => source.acknowledge(&peer, &results).await,
                None => Err(ReadFault::Refused),
            };
            match &outcome {
                Ok(()) => points.pass(Point::AfterAck),
                Err(why) => tracing::warn!(device, %why, "results were not acknowledged"),
            }
            Done::Written(WriteDone { token, outcome }, begun)
        }));
    }

    pub(super) fn on_done(&mut self, done: Done) -> Result<(), Fault> {
        match done {
            Done::Read(done, begun) => {
                self.time("read", begun);
                if done.outcome.is_err() {
                    self.task.context.count_error("read");
                }
                let now = self.task.context.at().monotonic;
                let words = done.outcome.iter().flatten();
                words.for_each(|sample| self.doubts.answered(sample, now));
                self.desk.answer_read(done);
            }
            Done::Written(done, begun) => {
                self.time("write", begun);
                if done.outcome.is_err() {
                    self.task.context.count_error("write");
                }
                self.desk.answer_write(done);
                self.writing = false;
                self.begin_write();
            }
            Done::Fresh(read, asked) => {
                self.refresh.under_way = false;
                self.on_fresh(read.map_err(Fault::service("reading handshake words"))?, asked);
            }
            Done::Again(read, asked) => self.on_again(read, asked),
            Done::Beat(Ok(())) => {}
            Done::Answered(ok) => {
                let now = self.task.context.at().monotonic;
                self.proof.answered(ok, now, self.last.keys().copied());
            }
            Done::Beat(Err(fault)) => {
                self.task.context.count_error("heartbeat");
                tracing::warn!(device = self.task.context.name, %fault, "our heartbeat was not written");
            }
            Done::History(kept, waiting) => self.on_history(kept, waiting),
            Done::Republished(lane, outcome) => self.on_republished(lane, outcome)?,
            Done::Retried(retried) => {
                self.retrying = false;
                if let Some(Retried { kinds, refused, made }) = retried? {
                    self.line.kinds = kinds;
                    self.line.refused = refused;
                    self.take_up(made);
                    if self.boot.is_some() {
                        self.tell_refused();
                    }
                }
            }
        }
        Ok(())
    }

    /// Listens to the subscriptions that were made for what had no room.
    fn take_up(&mut self, made: Vec<(Lane, Vec<Subscription>)>) {
        let at = self.task.context.at();
        for (lane, made) in made {
            for subscription in &made {
                self.last.entry(subscription.id).or_insert(at);
            }
            let stream = match lane {
                Lane::Fast => &mut self.line.fast,
                Lane::Slow => &mut self.line.slow,
            };
            if let Some(stream) = stream {
                stream.made = made;
            }
        }
    }

    fn time(&self, op: &str, begun: At) {
        let spent = self.task.context.at().monotonic.0.saturating_sub(begun.monotonic.0);
        let seconds = Duration::from_nanos(spent).as_secs_f64();
        let labels = [self.task.context.name.as_str(), op];
        self.task
            .context
            .metrics
            .device_request_seconds
            .with_label_values(&labels)
            .observe(seconds);
    }
}

/// Whether the PLC still asks for what is to be answered.
async fn stands(
    peer: &Peer,
    request: &WriteRequest,
    witnesses: &[(TagIndex, Option<Place>)],
) -> Result<(), ReadFault> {
    let read = peer.read(witnesses).await.map_err(|error| read_fault(&error))?;
    if request.stands(&read) { Ok(()) } else { Err(ReadFault::Withdrawn) }
}

/// Replies in one request, each checked; then the ack alone.
async fn write(
    peer: &Peer,
    replies: Result<Vec<(NodeId, Variant)>, WriteFault>,
    ack: Result<Option<(NodeId, Variant)>, WriteFault>,
    points: &Points,
) -> Result<(), WriteFault> {
    let (replies, ack) = (replies?, ack?);
    if !replies.is_empty() {
        peer.write(replies).await?;
        points.pass(Point::AfterReply);
    }
    if let Some(ack) = ack {
        peer.write(vec![ack]).await?;
        points.pass(Point::AfterAck);
    }
    Ok(())
}
