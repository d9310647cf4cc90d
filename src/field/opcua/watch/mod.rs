//! A connection with its subscriptions: first proven, then live.
mod doubts;
mod history;
mod notices;
mod proof;
mod repair;
mod requests;
mod timers;

use super::desk::Desk;
use super::doubt::Doubts;
use super::fault::Fault;
use super::history::Kept;
use super::line::{Line, Retried, interface_fault};
use super::services::{Peer, Words, WriteFault};
use super::subscribe::{Lane, Notice, Stream, Told};
use super::task::Task;
use super::value::missing;
use crate::field::Request;
use crate::model::plant::{DeviceIndex, Plant, TagIndex};
use crate::model::{
    At, Boot, Input, Link, Monotonic, Quality, ReadDone, Sample, Utc, Value, WriteDone,
    WriteRequest,
};
use ::opcua::types::Error;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use proof::Proof;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often silence is looked for.
const TICK: Duration = Duration::from_millis(100);
/// First values have this long beyond two publishing intervals.
const PROVE: Duration = Duration::from_secs(5);
/// Reads and writes under way; beyond it requests wait.
const JOBS_MAX: usize = 64;
/// Words that a fault names one by one.
const NAMED_MAX: usize = 10;

/// Something that was under way has ended.
enum Done {
    Read(ReadDone, At),
    Written(WriteDone, At),
    /// Handshake words, and when they were asked for.
    Fresh(Result<Vec<Sample>, Error>, Utc),
    /// Words in doubt, and when they were asked for.
    Again(Result<Vec<Sample>, Error>, Utc),
    Beat(Result<(), WriteFault>),
    /// Whether the server answered what it was asked for a proof.
    Answered(bool),
    Retried(Result<Option<Retried>, Fault>),
    /// What the server has kept of monitors, and what they are now.
    History(Kept, Vec<Sample>),
    /// What was missing from a subscription, or why it does not come.
    Republished(Lane, Result<Told, Error>),
}

/// What happens next.
enum Event {
    Notice(Lane, Notice),
    Request(Request),
    Done(Done),
    Tick,
}

/// Reading handshake words afresh.
#[derive(Default)]
struct Refresh {
    wanted: bool,
    under_way: bool,
}

/// The PLC's heartbeat.
struct Beat {
    value: Option<Value>,
    moved: bool,
    at: At,
    /// Up to when all had been told when it last moved.
    observed: Option<Utc>,
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
    /// The last notice of each subscription.
    last: BTreeMap<u32, At>,
    proof: Proof,
    refresh: Refresh,
    doubts: Doubts,
    /// Whether words in doubt are being read.
    doubting: bool,
    /// Notices before which something is missing that was asked for again.
    held: BTreeMap<Lane, Notice>,
    /// Whether the slow lane waits for what the server has kept.
    filling: bool,
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
        let made = line.streams().flat_map(|stream| &stream.made);
        let last = made.map(|subscription| (subscription.id, at)).collect();
        Self {
            task,
            desk,
            peer,
            begun: at.monotonic,
            boot: None,
            latest: BTreeMap::new(),
            fresh: BTreeMap::new(),
            last,
            proof: Proof::new(at),
            refresh: Refresh::default(),
            doubts: Doubts::default(),
            doubting: false,
            held: BTreeMap::new(),
            filling: false,
            beat: Beat { value: None, moved: false, at, observed: None },
            host_count: 0,
            host_due: at.monotonic,
            retry_due: at.monotonic.plus(timers::RETRY),
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
            let flows = |lane| !self.held.contains_key(&lane);
            let urgent_room = self.desk.urgent.has_room() && flows(Lane::Fast);
            let bulk_room = self.desk.bulk.is_empty() && flows(Lane::Slow) && !self.filling;
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
            self.begin_refresh();
            if self.boot.is_none() && self.is_proven()? {
                self.go_live().await?;
            }
        }
    }

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
        let restart = plant.device(device).restart;
        let start_time = self.peer.start_time().await?;
        let asked = self.task.context.at().wall;
        let words = self.first_words();
        let read = self.peer.read_many(&words).await;
        let mut read = read.map_err(Fault::service("a first read"))?;
        let good = |s: &Sample| s.good().cloned();
        let before = restart.and_then(|tag| read.iter().find(|s| s.tag == tag).and_then(good));
        if let Some(tag) = restart
            && read.pop().as_ref().and_then(good) != before
        {
            return Err(Fault::Restarted(plant.tag(tag).name.to_string()));
        }
        if let Some(interface) = &plant.device(device).interface {
            let found = read.iter().find(|s| s.tag == interface.tag).and_then(good);
            if let Some(fault) = interface_fault(&self.peer, device, &found.unwrap_or(Value::Empty))
            {
                return Err(fault);
            }
        }
        self.task.lives();
        let boot = Boot { restart: before, start_time };
        let widths = Some(self.line.widths(&plant, device));
        let session = self.task.record.session;
        let link = Link::Live { boot: boot.clone(), session, widths };
        self.desk.urgent.push(Input::Link { device, link });
        self.boot = Some(boot);
        // Up to here it is in the gap that ends now.
        self.proof = Proof::new(self.task.context.at());
        self.observed();
        for (item, quality) in &self.line.refused {
            self.latest.entry(item.tag).or_insert_with(|| missing(item.tag, *quality, asked));
        }
        self.tell_refused();
        self.on_fresh(read, asked);
        let slow = self.latest.values().filter(|s| !plant.tag(s.tag).fast).cloned().collect();
        self.begin_history(slow);
        Ok(())
    }

    /// The words that end a connection, all handshake words, and what has not come by itself; the
    /// restart word once more at the end, so that nothing of another run stands between.
    fn first_words(&self) -> Words {
        let (plant, device) = (&self.peer.plant, self.task.context.device());
        let ends = [device.restart, device.interface.as_ref().map(|i| i.tag)];
        let silent = self.line.items.iter().filter(|tag| !self.latest.contains_key(tag)).copied();
        let mut tags: Vec<_> = ends.into_iter().flatten().collect();
        for tag in fast_tags(plant, self.task.context.device).chain(silent) {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        self.peer.places.words(tags.into_iter().chain(device.restart))
    }

    fn tell_refused(&self) {
        let refused = &self.line.refused;
        let named = refused
            .iter()
            .take(NAMED_MAX)
            .map(|(item, why)| format!("`{}` {why}", self.peer.plant.tag(item.tag).name));
        let mut named = named.collect::<Vec<_>>().join(", ");
        if let Some(more) = refused.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
            named.push_str(&format!(" and {more} more"));
        }
        let hint = if refused.iter().any(|(_, why)| *why == Quality::BAD_NO_ROOM) {
            "; it has no room for more: close other clients, raise its limit, or watch fewer words"
        } else {
            ""
        };
        self.task.status.fault(
            (!refused.is_empty()).then(|| {
                format!("the server does not monitor {named}{hint}; tried again every 30 s")
            }),
        );
    }
}

async fn next(stream: &mut Option<Stream>) -> Notice {
    match stream {
        Some(stream) => match stream.notices.recv().await {
            Some(notice) => notice,
            None => pending().await,
        },
        None => pending().await,
    }
}

fn fast_tags(plant: &Plant, device: DeviceIndex) -> impl Iterator<Item = TagIndex> {
    plant.tags_of(device).filter(|(_, tag)| tag.fast).map(|(index, _)| index)
}
