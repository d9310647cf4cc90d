//! A connection with its subscriptions: first proven, then live.
use super::desk::Desk;
use super::fault::Fault;
use super::line::{Line, Retried, interface_fault, retry};
use super::services::{Nodes, Peer, WriteFault, prepare, read_fault};
use super::subscribe::{Item, Lane, Notice, Subscription};
use super::task::Task;
use super::value::{Kind, missing};
use crate::field::Request;
use crate::model::plant::{DeviceIndex, Plant, TagIndex};
use crate::model::{
    At, Boot, GapCause, Input, Link, Monotonic, Quality, ReadDone, ReadRequest, Sample, Severity,
    Utc, Value, Write, WriteDone, WriteRequest,
};
use crate::telemetry::{Point, Points};
use ::opcua::types::{Error, NodeId, Variant, VariantScalarTypeId};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often silence is looked for.
const TICK: Duration = Duration::from_millis(100);
/// What the server refused is tried again after this.
const RETRY: Duration = Duration::from_secs(30);
/// First values have this long beyond two publishing intervals.
const PROVE: Duration = Duration::from_secs(5);
/// Reads and writes under way; beyond it requests wait.
const JOBS_MAX: usize = 64;
/// How long after a fresh read notifications may still bring what was before it.
const LATE: Duration = Duration::from_secs(2);

/// Something that was under way has ended.
enum Done {
    Read(ReadDone, At),
    Written(WriteDone, At),
    /// Handshake words, and when they were asked for.
    Fresh(Result<Vec<Sample>, Error>, Utc),
    Beat(Result<(), WriteFault>),
    Retried(Option<Retried>),
}

/// What happens next.
enum Event {
    Notice(Lane, Notice),
    Request(Request),
    Done(Done),
    Tick,
}

/// The PLC's heartbeat.
struct Beat {
    value: Option<Value>,
    moved: bool,
    at: At,
}

pub(super) struct Watch<'a> {
    task: &'a mut Task,
    desk: &'a mut Desk,
    peer: Peer,
    line: Line,
    begun: Monotonic,
    /// `Some` once live.
    boot: Option<Boot>,
    /// The latest value of every tag.
    latest: BTreeMap<TagIndex, Sample>,
    /// Tags that were read afresh, and until when a notification may be older than that.
    fresh: BTreeMap<TagIndex, Monotonic>,
    last: BTreeMap<Lane, At>,
    dropped: BTreeMap<Lane, u64>,
    beat: Beat,
    host_count: u64,
    host_due: Monotonic,
    retry_due: Monotonic,
    retrying: bool,
    jobs: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Writes go one after the other: a later word of a handshake must not overtake an earlier one.
    writes: VecDeque<WriteRequest>,
    writing: bool,
}

impl<'a> Watch<'a> {
    pub(super) fn new(task: &'a mut Task, desk: &'a mut Desk, peer: Peer, line: Line) -> Self {
        let at = task.context.at();
        let lanes = [(Lane::Fast, line.fast.is_some()), (Lane::Slow, line.slow.is_some())];
        Self {
            task,
            desk,
            peer,
            begun: at.monotonic,
            boot: None,
            latest: BTreeMap::new(),
            fresh: BTreeMap::new(),
            last: lanes.into_iter().filter(|(_, is)| *is).map(|(lane, _)| (lane, at)).collect(),
            dropped: BTreeMap::new(),
            beat: Beat { value: None, moved: false, at },
            host_count: 0,
            host_due: at.monotonic,
            retry_due: at.monotonic.plus(RETRY),
            retrying: false,
            jobs: FuturesUnordered::new(),
            writes: VecDeque::new(),
            writing: false,
            line,
        }
    }

    pub(super) async fn run(mut self) -> Result<Infallible, Fault> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let urgent_room = self.desk.urgent.has_room();
            let bulk_room = self.desk.bulk.is_empty();
            let job_room = self.jobs.len() + self.writes.len() < JOBS_MAX;
            // Every branch is cancel safe: channels, a set of futures, a timer.
            let event = tokio::select! {
                notice = next(&mut self.line.fast), if urgent_room => Event::Notice(Lane::Fast, notice),
                notice = next(&mut self.line.slow), if bulk_room => Event::Notice(Lane::Slow, notice),
                Some(done) = self.jobs.next() => Event::Done(done),
                request = self.desk.next(job_room) => Event::Request(request),
                _ = tick.tick() => Event::Tick,
            };
            match event {
                Event::Notice(lane, notice) => self.on_notice(lane, notice)?,
                Event::Request(request) => self.on_request(request),
                Event::Done(done) => self.on_done(done)?,
                Event::Tick => self.on_tick()?,
            }
            if self.boot.is_none() && self.is_proven()? {
                self.go_live().await?;
            }
        }
    }

    // Proving.

    /// Whether every watched tag has given a value, and the heartbeat has moved.
    fn is_proven(&mut self) -> Result<bool, Fault> {
        let now = self.task.context.at().monotonic;
        let heartbeat = &self.task.context.device().heartbeat;
        if heartbeat.plc.is_some() && !self.beat.moved {
            return Ok(false);
        }
        let patience = PROVE + self.line.publish.saturating_mul(2);
        let missing = self.line.items.iter().filter(|tag| !self.latest.contains_key(tag)).count();
        if missing == 0 {
            return Ok(true);
        }
        if now < self.begun.plus(patience) {
            return Ok(false);
        }
        if missing == self.line.items.len() {
            return Err(Fault::Silent(Lane::Slow.as_str()));
        }
        tracing::warn!(device = self.task.context.name, missing, "some tags give no first value");
        Ok(true)
    }

    /// Reads what the engine must begin with, and tells it.
    async fn go_live(&mut self) -> Result<(), Fault> {
        let (plant, device) = (Arc::clone(&self.peer.plant), self.task.context.device);
        let boot_words = self.task.context.device();
        let (restart, interface) =
            (boot_words.restart, boot_words.interface.as_ref().map(|i| i.tag));
        let start_time = self.peer.start_time().await?;
        let ends: Vec<_> = [restart, interface].into_iter().flatten().collect();
        let others = fast_tags(&plant, device).filter(|tag| !ends.contains(tag));
        let words = words(&self.line.nodes, ends.iter().copied().chain(others));
        let asked = self.task.context.at().wall;
        let read = self.peer.read_many(&words).await.map_err(Fault::service("a first read"))?;
        let found = |tag: Option<TagIndex>| {
            read.iter().find(|s| Some(s.tag) == tag).and_then(Sample::good).cloned()
        };
        if let Some(fault) = interface.and_then(|tag| {
            interface_fault(&self.peer, device, &found(Some(tag)).unwrap_or(Value::Empty))
        }) {
            return Err(fault);
        }
        let boot = Boot { restart: found(restart), start_time };
        self.task.lives();
        let link = Link::Live { boot: boot.clone(), session: self.task.record.session };
        self.desk.urgent.push(Input::Link { device, link });
        self.boot = Some(boot);
        self.observed();
        let refused = std::mem::take(&mut self.line.refused);
        for (item, quality) in &refused {
            self.latest.entry(item.tag).or_insert_with(|| missing(item.tag, *quality, asked));
        }
        for tag in &self.line.items {
            self.latest.entry(*tag).or_insert_with(|| missing(*tag, Quality::BAD_WAITING, asked));
        }
        self.line.refused = refused;
        self.tell_refused();
        self.on_fresh(read, asked);
        let slow = self.latest.values().filter(|s| !plant.tag(s.tag).fast).cloned().collect();
        self.tell(Lane::Slow, slow);
        Ok(())
    }

    fn tell_refused(&self) {
        let names: Vec<_> = self
            .line
            .refused
            .iter()
            .map(|(item, why)| format!("`{}` {why}", self.peer.plant.tag(item.tag).name))
            .collect();
        self.task.status.fault((!names.is_empty()).then(|| {
            format!("the server does not monitor {}; tried again every 30 s", names.join(", "))
        }));
    }

    // Notifications.

    fn on_notice(&mut self, lane: Lane, notice: Notice) -> Result<(), Fault> {
        let Notice { at, missed, mut samples, closed } = notice;
        if let Some(status) = closed {
            return Err(Fault::SubscriptionClosed { which: lane.as_str(), status });
        }
        self.count(&samples);
        let before = self.last.insert(lane, at).unwrap_or(at);
        samples.retain(|sample| !self.is_late(sample, at.monotonic));
        self.check_words(&samples)?;
        let live = self.boot.is_some();
        if missed && live {
            self.lose(None, GapCause::Sequence, before.wall, at.wall);
        }
        self.check_overload(lane, before.wall, at.wall);
        for sample in &samples {
            if live && sample.quality.overflowed() {
                self.task
                    .context
                    .metrics
                    .overflows
                    .with_label_values(&[&self.task.context.name])
                    .inc();
                let since = self.latest.get(&sample.tag).map_or(before.wall, Sample::time);
                self.lose(Some(sample.tag), GapCause::Overflow, since, sample.time());
            }
            self.on_beat(sample, at);
            self.latest.insert(sample.tag, sample.clone());
        }
        if live {
            self.observed();
            let plant = Arc::clone(&self.peer.plant);
            let (fast, slow) = samples.into_iter().partition(|s| plant.tag(s.tag).fast);
            self.tell(Lane::Fast, fast);
            self.tell(Lane::Slow, slow);
        }
        Ok(())
    }

    /// Whether a notification brings what a fresh read has overtaken, or the very same again.
    fn is_late(&mut self, sample: &Sample, now: Monotonic) -> bool {
        let Some(until) = self.fresh.get(&sample.tag) else { return false };
        if now > *until {
            self.fresh.remove(&sample.tag);
            return false;
        }
        let Some(read) = self.latest.get(&sample.tag) else { return false };
        match (sample.source, read.source) {
            (Some(source), Some(read_source)) if source == read_source => {
                (&sample.value, sample.quality) == (&read.value, read.quality)
            }
            (Some(source), Some(read_source)) => source < read_source,
            _ => false,
        }
    }

    /// The words that end a connection: nothing after their change belongs to it.
    fn check_words(&self, samples: &[Sample]) -> Result<(), Fault> {
        let device = self.task.context.device();
        for sample in samples {
            let Some(value) = sample.good() else { continue };
            if device.interface.as_ref().is_some_and(|i| i.tag == sample.tag)
                && let Some(fault) = interface_fault(&self.peer, self.task.context.device, value)
            {
                return Err(fault);
            }
            if let Some(boot) = &self.boot
                && device.restart == Some(sample.tag)
                && boot.restart.as_ref() != Some(value)
            {
                return Err(Fault::Restarted(self.peer.plant.tag(sample.tag).name.to_string()));
            }
        }
        Ok(())
    }

    fn on_beat(&mut self, sample: &Sample, at: At) {
        if self.task.context.device().heartbeat.plc != Some(sample.tag) {
            return;
        }
        let Some(value) = sample.good() else { return };
        if self.beat.value.as_ref() != Some(value) {
            // The first value shows that the word is there, not that it moves.
            self.beat.moved = self.beat.value.is_some();
            self.beat.at = at;
            self.beat.value = Some(value.clone());
        }
    }

    fn check_overload(&mut self, lane: Lane, since: Utc, to: Utc) {
        let subscription = match lane {
            Lane::Fast => &self.line.fast,
            Lane::Slow => &self.line.slow,
        };
        let Some(subscription) = subscription else { return };
        let total = subscription.dropped.load(Ordering::Relaxed);
        let known = self.dropped.insert(lane, total).unwrap_or(0);
        if total > known && self.boot.is_some() {
            let labels = [self.task.context.name.as_str(), "overload"];
            self.task
                .context
                .metrics
                .samples_dropped
                .with_label_values(&labels)
                .inc_by(total - known);
            self.lose(None, GapCause::Overload, since, to);
        }
    }

    /// Values are missing: the engine is told, and handshake words are read afresh.
    fn lose(&mut self, tag: Option<TagIndex>, cause: GapCause, since: Utc, to: Utc) {
        let device = self.task.context.device;
        tracing::warn!(device = self.task.context.name, ?cause, ?tag, "values were lost");
        self.desk.urgent.push(Input::Lost { device, tag, cause, since, to });
        if tag.is_none_or(|tag| self.peer.plant.tag(tag).fast) {
            let words = words(&self.line.nodes, fast_tags(&self.peer.plant, device));
            let peer = self.peer.clone();
            let asked = self.task.context.at().wall;
            self.jobs
                .push(Box::pin(async move { Done::Fresh(peer.read_many(&words).await, asked) }));
        }
    }

    /// Words read past the subscription are told unless a notification was faster.
    fn on_fresh(&mut self, samples: Vec<Sample>, asked: Utc) {
        let until = self.task.context.at().monotonic.plus(LATE);
        let mut told = Vec::with_capacity(samples.len());
        for sample in samples {
            let overtaken = self.boot.is_some()
                && self
                    .latest
                    .get(&sample.tag)
                    .is_some_and(|latest| latest.receive > asked && latest.source > sample.source);
            if overtaken {
                continue;
            }
            self.fresh.insert(sample.tag, until);
            self.latest.insert(sample.tag, sample.clone());
            if self.peer.plant.tag(sample.tag).fast {
                told.push(sample);
            }
        }
        self.tell(Lane::Fast, told);
    }

    fn tell(&mut self, lane: Lane, mut samples: Vec<Sample>) {
        samples.retain(|s| {
            let tag = self.peer.plant.tag(s.tag);
            tag.fast || tag.watched
        });
        if !samples.is_empty() {
            samples.sort_by_key(Sample::time);
            self.desk.outbox(lane).push(Input::Samples(samples));
        }
    }

    fn count(&self, samples: &[Sample]) {
        let of = |wanted| samples.iter().filter(|s| s.quality.severity() == wanted).count();
        for (severity, label) in
            [(Severity::Good, "good"), (Severity::Uncertain, "uncertain"), (Severity::Bad, "bad")]
        {
            let labels = [self.task.context.name.as_str(), label];
            let count = u64::try_from(of(severity)).unwrap_or(u64::MAX);
            self.task.context.metrics.samples.with_label_values(&labels).inc_by(count);
        }
    }

    /// Both subscriptions have spoken up to the earlier of their last words.
    fn observed(&mut self) {
        self.task.record.observed = self.last.values().map(|at| at.wall).min();
    }

    // Requests.

    fn on_request(&mut self, request: Request) {
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
                self.desk.begin(write.token, true);
                self.writes.push_back(write);
                self.begin_write();
            }
        }
    }

    fn begin_read(&mut self, request: ReadRequest) {
        let ReadRequest { token, device: _, session: _, tags } = request;
        self.desk.begin(token, false);
        let words = words(&self.line.nodes, tags.into_iter());
        let (peer, begun) = (self.peer.clone(), self.task.context.at());
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
        let WriteRequest { token, device: _, session: _, after: _, replies, ack } = request;
        let fit =
            |write: &Write| prepare(&self.peer.plant, &self.line.nodes, &self.line.kinds, write);
        let replies: Result<Vec<_>, _> = replies.iter().map(fit).collect();
        let ack = ack.as_ref().map(fit).transpose();
        let (peer, begun) = (self.peer.clone(), self.task.context.at());
        let name = self.task.context.name.clone();
        let points = self.task.context.points.clone();
        self.jobs.push(Box::pin(async move {
            let written = write(&peer, replies, ack, &points).await;
            let outcome = written.map_err(|fault| {
                tracing::error!(device = name, %fault, "an answer was not written");
                fault.read_fault()
            });
            Done::Written(WriteDone { token, outcome }, begun)
        }));
    }

    fn on_done(&mut self, done: Done) -> Result<(), Fault> {
        match done {
            Done::Read(done, begun) => {
                self.time("read", begun);
                if done.outcome.is_err() {
                    self.task.context.count_error("read");
                }
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
                self.on_fresh(read.map_err(Fault::service("reading handshake words"))?, asked);
            }
            Done::Beat(Ok(())) => {}
            Done::Beat(Err(fault)) => {
                self.task.context.count_error("heartbeat");
                tracing::warn!(device = self.task.context.name, %fault, "our heartbeat was not written");
            }
            Done::Retried(retried) => {
                self.retrying = false;
                if let Some(Retried { nodes, kinds, refused }) = retried {
                    self.line.nodes = nodes;
                    self.line.kinds = kinds;
                    self.line.refused = refused;
                    if self.boot.is_some() {
                        self.tell_refused();
                    }
                }
            }
        }
        Ok(())
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

    // Time.

    fn on_tick(&mut self) -> Result<(), Fault> {
        let at = self.task.context.at();
        for lane in [Lane::Fast, Lane::Slow] {
            let before = self.last.get(&lane).map_or(at.wall, |last| last.wall);
            self.check_overload(lane, before, at.wall);
        }
        self.check_silence(at.monotonic)?;
        self.check_heartbeat(at.monotonic)?;
        if self.boot.is_some() {
            self.beat_host(at.monotonic);
        }
        if at.monotonic >= self.retry_due {
            self.retry_due = at.monotonic.plus(RETRY);
            self.retry_refused();
        }
        Ok(())
    }

    fn check_silence(&self, now: Monotonic) -> Result<(), Fault> {
        for (lane, subscription) in [(Lane::Fast, &self.line.fast), (Lane::Slow, &self.line.slow)] {
            if let (Some(subscription), Some(last)) = (subscription, self.last.get(&lane))
                // What waits for the engine is no silence of the PLC.
                && subscription.notices.is_empty()
                && now > last.monotonic.plus(subscription.silence)
            {
                return Err(Fault::Silent(lane.as_str()));
            }
        }
        Ok(())
    }

    fn check_heartbeat(&mut self, now: Monotonic) -> Result<(), Fault> {
        let heartbeat = &self.task.context.device().heartbeat;
        let (Some(tag), stale_after) = (heartbeat.plc, heartbeat.stale_after) else {
            return Ok(());
        };
        let waiting = [&self.line.fast, &self.line.slow]
            .into_iter()
            .flatten()
            .any(|subscription| !subscription.notices.is_empty());
        if waiting || now <= self.beat.at.monotonic.plus(stale_after) {
            return Ok(());
        }
        // What came after the last beat may have been as dead as the beat.
        let beat = self.beat.at.wall;
        self.task.record.observed = self.task.record.observed.map(|observed| observed.min(beat));
        let word = self.peer.plant.tag(tag).name.to_string();
        Err(Fault::HeartbeatStands { word, stale_after })
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
        let word = prepare(&self.peer.plant, &self.line.nodes, &self.line.kinds, &write);
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
        let id = |subscription: &Option<Subscription>| subscription.as_ref().map(|s| s.id);
        let subscriptions = [(Lane::Fast, id(&self.line.fast)), (Lane::Slow, id(&self.line.slow))];
        let peer = self.peer.clone();
        self.jobs.push(Box::pin(async move {
            Done::Retried(retry(peer, device, subscriptions, items).await)
        }));
    }
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

async fn next(subscription: &mut Option<Subscription>) -> Notice {
    match subscription {
        Some(subscription) => match subscription.notices.recv().await {
            Some(notice) => notice,
            None => pending().await,
        },
        None => pending().await,
    }
}

fn fast_tags(plant: &Plant, device: DeviceIndex) -> impl Iterator<Item = TagIndex> {
    plant.tags_of(device).filter(|(_, tag)| tag.fast).map(|(index, _)| index)
}

fn words(nodes: &Nodes, tags: impl Iterator<Item = TagIndex>) -> Vec<(TagIndex, Option<NodeId>)> {
    tags.map(|tag| (tag, nodes.get(&tag).cloned())).collect()
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
