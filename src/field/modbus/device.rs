//! The task of one device: on its way to Live, and while it is.
//!
//! Its state machine is that of every device (`field::link`). Everything that it says goes in the
//! order in which it was observed: a look at the device that a request overtakes is thrown away and
//! made again, so that no older value follows a newer one.
use super::bus::{Answer, Ask, Bus, Fault, Urgency};
use super::plan::{Block, Learned};
use super::reader::{BUSY_PAUSE, Got, Reader};
use super::watch::{Sign, Watch};
use super::write::{WriteFault, plan_write};
use crate::field::link::{Backoff, Stage, Status};
use crate::field::{Lanes, Request, Wiring};
use crate::model::plant::{Device, ModbusLink, RegisterType, Tag, TagIndex};
use crate::model::{
    At, Boot, GapCause, Input, Link, Monotonic, ReadDone, ReadFault, ReadRequest, Sample, Session,
    Utc, Value, Write, WriteDone, WriteRequest,
};
use crate::telemetry::Points;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// A block that is busy so many times in a row while it is polled is bad.
const BUSY_MAX: u32 = 5;
/// While waiting for the heartbeat to move, it is looked at so often in its time.
const LOOKS_PER_PROOF: u32 = 10;
/// And never more often than this.
const LOOK_PAUSE_MIN: Duration = Duration::from_millis(10);
/// The heartbeat that we move goes up so many times before the PLC may call us stale.
const BEATS_PER_STALE: u32 = 3;
/// An input that waited longer for its place than this hid what happened meanwhile.
const BLIND_MAX: Duration = Duration::from_secs(1);

/// Why the device is not observed any more.
struct Down {
    cause: GapCause,
    /// From here on nothing is known, if that is earlier than the last answer.
    since: Option<Utc>,
    why: String,
}

/// Why a stage ended.
enum Leave {
    Stop,
    Down(Down),
}

impl From<Fault> for Leave {
    fn from(fault: Fault) -> Self {
        if matches!(fault, Fault::Stopped) {
            Self::Stop
        } else {
            Self::down(GapCause::Disconnected, None, fault.to_string())
        }
    }
}

impl Leave {
    fn down(cause: GapCause, since: Option<Utc>, why: String) -> Self {
        Self::Down(Down { cause, since, why })
    }
}

/// A device that has shown that it is observed.
struct Proven {
    boot: Boot,
    /// All that is looked at.
    samples: Vec<Sample>,
}

/// What comes next while Live.
#[derive(Debug, Clone)]
enum Next {
    /// A request of a group of words.
    Poll(usize, Urgency, Block),
    /// A refused address, once more.
    Retry(TagIndex, Block),
    /// Our heartbeat.
    Beat(Ask),
    /// Nothing: the device has no words that are looked at.
    Idle,
}

/// The way into the engine, and out of everything.
#[derive(Clone)]
struct Gate {
    lanes: Lanes,
    stop: CancellationToken,
}

impl Gate {
    async fn tell(&self, lane: &mpsc::Sender<Input>, input: Input) -> Result<(), Leave> {
        tokio::select! {
            biased;
            sent = lane.send(input) => sent.map_err(|_| Leave::Stop),
            () = self.stop.cancelled() => Err(Leave::Stop),
        }
    }

    async fn urgent(&self, input: Input) -> Result<(), Leave> {
        self.tell(&self.lanes.urgent, input).await
    }

    /// Answers a request that cannot be fulfilled.
    async fn refuse(&self, request: Request) -> Result<(), Leave> {
        let fault = ReadFault::Disconnected;
        self.urgent(match request {
            Request::Read(read) => Input::Read(ReadDone { token: read.token, outcome: Err(fault) }),
            Request::Write(write) => {
                Input::Written(WriteDone { token: write.token, outcome: Err(fault) })
            }
        })
        .await
    }

    /// Works, and refuses what is asked meanwhile.
    async fn refusing<T>(
        &self,
        requests: &mut mpsc::Receiver<Request>,
        work: impl Future<Output = Result<T, Leave>>,
    ) -> Result<T, Leave> {
        tokio::pin!(work);
        let mut open = true;
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Leave::Stop),
                done = &mut work => return done,
                request = requests.recv(), if open => match request {
                    Some(request) => self.refuse(request).await?,
                    None => open = false,
                },
            }
        }
    }
}

/// The task of one device.
struct Task {
    reader: Reader,
    watch: Watch,
    gate: Gate,
    status: watch::Sender<Status>,
    backoff: Backoff,
    last_fault: Option<String>,
    /// The last moment known to have been observed.
    observed: Option<Utc>,
    /// What the engine was told last.
    told: Option<GapCause>,
    live: bool,
    session: Session,
    points: Points,
    busy: u32,
    beat: Monotonic,
    beats: u64,
}

/// Runs the task of one device until it is stopped.
pub(super) async fn run(wiring: Wiring, link: ModbusLink, bus: Bus) {
    let Wiring { plant, device, lanes, mut requests, status, now, metrics, points, stop, .. } =
        wiring;
    let (learned, answered) = (Learned::default(), None);
    let mut task = Task {
        watch: Watch::new(plant.clone(), device, link.limits.clone()),
        reader: Reader { plant, device, link, bus, learned, now, metrics, answered },
        gate: Gate { lanes, stop },
        status,
        backoff: Backoff::new(device.0.into()),
        last_fault: None,
        observed: None,
        told: None,
        live: false,
        session: Session(0),
        points,
        busy: 0,
        beat: Monotonic(0),
        beats: 0,
    };
    let insecure = &task.reader.metrics.device_insecure;
    insecure.with_label_values(&[task.device().id.as_str()]).set(1);
    task.up(0);
    while let Leave::Down(down) = task.attempt(&mut requests).await {
        task.up(0);
        if task.down(down, &mut requests).await.is_err() {
            break;
        }
    }
    task.up(0);
}

impl Task {
    fn device(&self) -> &Device {
        self.reader.plant.device(self.reader.device)
    }

    fn now(&self) -> At {
        (self.reader.now)()
    }

    fn up(&self, value: i64) {
        let up = &self.reader.metrics.device_up;
        up.with_label_values(&[self.device().id.as_str(), "modbus"]).set(value);
    }

    fn stage(&self, stage: Stage) {
        tracing::debug!(device = %self.device().id, stage = stage.as_str(), "stage");
        let (since, last_fault) = (self.now().wall, self.last_fault.clone());
        self.status.send_replace(Status { stage, since, last_fault });
    }

    async fn attempt(&mut self, requests: &mut mpsc::Receiver<Request>) -> Leave {
        let gate = self.gate.clone();
        let proven = match gate.refusing(requests, self.prove()).await {
            Ok(proven) => proven,
            Err(leave) => return leave,
        };
        if let Err(leave) = self.enter(proven).await {
            return leave;
        }
        match self.observe(requests).await {
            Ok(never) => match never {},
            Err(leave) => leave,
        }
    }

    /// Tells that the device is not observed, and waits before the next attempt.
    async fn down(
        &mut self,
        down: Down,
        requests: &mut mpsc::Receiver<Request>,
    ) -> Result<(), Leave> {
        let Down { cause, since, why } = down;
        if std::mem::take(&mut self.live) {
            tracing::info!(device = %self.device().id, why, "device lost");
            self.observed = since.or(self.reader.answered);
        } else {
            tracing::debug!(device = %self.device().id, why, "device not reached");
        }
        let url = &self.reader.link.url;
        self.last_fault = Some(format!("device `{}` ({url}): {why}", self.device().id));
        if self.told != Some(cause) {
            self.told = Some(cause);
            let link = Link::Down { since: self.observed, cause };
            self.gate.urgent(Input::Link { device: self.reader.device, link }).await?;
        }
        self.stage(Stage::Backoff);
        let pause = self.backoff.next_pause();
        let wait = async {
            sleep(pause).await;
            Ok(())
        };
        self.gate.refusing(requests, wait).await
    }
}

/// On the way to Live.
impl Task {
    /// Connects, plans, reads everything once and waits for the heartbeat.
    async fn prove(&mut self) -> Result<Proven, Leave> {
        self.stage(Stage::Connecting);
        let opened = self.reader.ask(Urgency::Slow, Ask::Open).await;
        let result = if opened.is_ok() { "ok" } else { "failed" };
        let attempts = &self.reader.metrics.device_connect_attempts;
        attempts.with_label_values(&[self.device().id.as_str(), result]).inc();
        opened?;
        self.stage(Stage::Subscribing);
        // A new connection may be to a new program: nothing that was learned is taken over.
        self.reader.learned = Learned::default();
        self.watch.reset(&self.reader.learned);
        self.stage(Stage::Proving);
        self.reader.answered = None;
        let slow = self.read_all(Urgency::Slow).await?;
        let fast = self.read_all(Urgency::Fast).await?;
        if self.reader.answered.is_none() && !(slow.is_empty() && fast.is_empty()) {
            let why = "every read is refused: are unit number and addresses right?".to_owned();
            return Err(Leave::down(GapCause::Silent, None, why));
        }
        if !self.watch.is_interface_seen() {
            return Err(self.sign(Sign::Interface("not to be read".to_owned())));
        }
        let waited = self.wait_for_heartbeat().await?;
        // What was read before the wait is old.
        let fast = if waited { self.read_all(Urgency::Fast).await? } else { fast };
        let mut samples = fast;
        samples.extend(slow);
        let read: BTreeSet<_> = samples.iter().map(|sample| sample.tag).collect();
        let unread = self.watch.unreadable(self.now().wall);
        samples.extend(unread.into_iter().filter(|sample| !read.contains(&sample.tag)));
        let boot = Boot { restart: self.watch.restart(), start_time: None };
        Ok(Proven { boot, samples })
    }

    /// Every value of one urgency.
    async fn read_all(&mut self, urgency: Urgency) -> Result<Vec<Sample>, Leave> {
        let mut all = Vec::new();
        for block in self.watch.blocks(urgency) {
            let (samples, at) = self.reader.read(urgency, &block).await?;
            self.watch.absorb(samples.clone(), at).map_err(|sign| self.sign(sign))?;
            all.extend(samples);
        }
        self.watch.plan(&self.reader.learned);
        Ok(all)
    }

    /// Waits until the PLC moves its heartbeat; whether there was anything to wait for.
    async fn wait_for_heartbeat(&mut self) -> Result<bool, Leave> {
        if self.watch.is_alive() {
            return Ok(false);
        }
        let stale_after = self.device().heartbeat.stale_after;
        let until = self.now().monotonic.plus(stale_after);
        while !self.watch.is_alive() {
            if self.now().monotonic > until {
                let why = format!("the heartbeat does not move within {stale_after:?}");
                return Err(Leave::down(GapCause::Silent, None, why));
            }
            sleep((stale_after / LOOKS_PER_PROOF).max(LOOK_PAUSE_MIN)).await;
            self.read_all(Urgency::Fast).await?;
        }
        Ok(true)
    }

    fn sign(&self, sign: Sign) -> Leave {
        match sign {
            Sign::Restarted(seen) => {
                let why = "the restart word changed: the PLC was started or loaded anew";
                Leave::down(GapCause::Disconnected, Some(seen), why.to_owned())
            }
            Sign::Interface(found) => {
                let wanted = self.device().interface.as_ref();
                let wanted = wanted.map(|i| format!("`{}` to be {}", i.name, i.equals));
                let why = format!(
                    "its interface is {found}, and the plant file wants {}; somebody must look",
                    wanted.unwrap_or_default()
                );
                Leave::down(GapCause::Interface, None, why)
            }
        }
    }

    /// Tells that the device is observed, and everything that it holds.
    async fn enter(&mut self, proven: Proven) -> Result<(), Leave> {
        let Proven { boot, samples } = proven;
        tracing::info!(device = %self.device().id, "device observed");
        self.last_fault = None;
        self.stage(Stage::Live);
        self.up(1);
        self.backoff.reset();
        self.live = true;
        self.told = None;
        self.busy = 0;
        self.beat = Monotonic(0);
        self.watch.start(self.now().monotonic);
        let device = self.reader.device;
        self.session.0 = self.session.0.saturating_add(1);
        let link = Link::Live { boot, session: self.session };
        self.gate.urgent(Input::Link { device, link }).await?;
        if let Some(Err(fault)) = self.beat_ask() {
            tracing::warn!(device = %self.device().id, %fault, "the host heartbeat is not written");
        }
        self.send(samples.into_iter().filter(|s| self.tag(s).watched).collect()).await
    }

    /// Handshake words first, on the urgent lane.
    async fn send(&self, samples: Vec<Sample>) -> Result<(), Leave> {
        let (fast, slow): (Vec<_>, Vec<_>) = samples.into_iter().partition(|s| self.tag(s).fast);
        if !fast.is_empty() {
            self.gate.urgent(Input::Samples(fast)).await?;
        }
        if !slow.is_empty() {
            self.gate.tell(&self.gate.lanes.bulk, Input::Samples(slow)).await?;
        }
        Ok(())
    }

    fn tag(&self, sample: &Sample) -> &Tag {
        self.reader.plant.tag(sample.tag)
    }
}

/// While Live.
impl Task {
    async fn observe(
        &mut self,
        requests: &mut mpsc::Receiver<Request>,
    ) -> Result<Infallible, Leave> {
        let (mut open, mut served) = (true, false);
        loop {
            let (due, next) = self.next();
            // One look between two requests, however many wait: words are late, never unseen.
            let take_request = open && !(served && due <= self.now().monotonic);
            let wait = due.0.saturating_sub(self.now().monotonic.0);
            let fetch = async {
                sleep(Duration::from_nanos(wait)).await;
                self.fetch(&next).await
            };
            // Both are cancel-safe: `recv` by itself, and a look that is dropped is made again.
            let fetched = tokio::select! {
                biased;
                () = self.gate.stop.cancelled() => return Err(Leave::Stop),
                request = requests.recv(), if take_request => Err(request),
                fetched = fetch => Ok(fetched),
            };
            served = fetched.is_err();
            match fetched {
                Ok(fetched) => self.take(next, fetched).await?,
                Err(Some(request)) => self.serve(request).await?,
                Err(None) => open = false,
            }
            if let Some(since) = self.watch.stalled(self.now().monotonic) {
                let stale_after = self.device().heartbeat.stale_after;
                let why = format!("the heartbeat stands for longer than {stale_after:?}");
                return Err(Leave::down(GapCause::Silent, Some(since), why));
            }
        }
    }

    /// What is due first, and when.
    fn next(&self) -> (Monotonic, Next) {
        let now = self.now().monotonic;
        let beat = self.beat_ask().and_then(Result::ok).map(|ask| (self.beat, Next::Beat(ask)));
        if let Some(beat) = beat.clone().filter(|_| self.beat <= now) {
            return beat;
        }
        let poll = self.watch.next(now).and_then(|(due, urgency, group)| {
            Some((due, Next::Poll(group, urgency, self.watch.block(group)?.clone())))
        });
        let retry = self.reader.learned.next_retry().and_then(|(due, tag)| {
            let register = super::watch::register(self.reader.plant.tag(tag))?;
            Some((due, Next::Retry(tag, Block::single(tag, register, &self.reader.link.limits)?)))
        });
        let idle = (now.plus(BLIND_MAX), Next::Idle);
        [poll, retry, beat].into_iter().flatten().fold(idle, |a, b| if b.0 < a.0 { b } else { a })
    }

    /// The write that moves our heartbeat on, wrapping in its own width.
    fn beat_ask(&self) -> Option<Result<Ask, WriteFault>> {
        let tag = self.device().heartbeat.host?;
        let register = super::watch::register(self.reader.plant.tag(tag))?;
        let value = match register.kind {
            RegisterType::Bool => Value::Bool(self.beats % 2 == 1),
            RegisterType::I16 => Value::UInt(self.beats % (1 << 15)),
            RegisterType::Bcd16 => Value::UInt(self.beats % 10_000),
            RegisterType::U16 | RegisterType::Bits => Value::UInt(self.beats % (1 << 16)),
            RegisterType::U32
            | RegisterType::I32
            | RegisterType::U64
            | RegisterType::I64
            | RegisterType::F32
            | RegisterType::F64
            | RegisterType::Bcd32
            | RegisterType::Text(_) => Value::UInt(self.beats % 10_000_000),
        };
        let write = Write { tag, bit: None, value };
        Some(plan_write(&self.reader.plant, self.reader.device, &write))
    }

    /// Asks; nothing is changed by it, so that it may be dropped.
    async fn fetch(&self, next: &Next) -> Option<Result<Answer, Fault>> {
        Some(match next {
            Next::Poll(_, urgency, block) => self.reader.fetch(*urgency, block).await,
            Next::Retry(_, block) => self.reader.fetch(Urgency::Slow, block).await,
            Next::Beat(ask) => self.reader.ask(Urgency::Request, ask.clone()).await,
            Next::Idle => return None,
        })
    }

    async fn take(
        &mut self,
        next: Next,
        fetched: Option<Result<Answer, Fault>>,
    ) -> Result<(), Leave> {
        let Some(fetched) = fetched else { return Ok(()) };
        match next {
            Next::Poll(group, urgency, block) => {
                self.take_poll(group, urgency, &block, fetched).await
            }
            Next::Retry(tag, block) => self.take_retry(tag, &block, fetched).await,
            Next::Beat(_) => {
                self.beats = self.beats.wrapping_add(1);
                let period = self.device().heartbeat.stale_after / BEATS_PER_STALE;
                self.beat = self.now().monotonic.plus(period);
                match fetched {
                    Err(fault) if fault.ends_observation() => Err(fault.into()),
                    Ok(_) | Err(_) => Ok(()),
                }
            }
            Next::Idle => Ok(()),
        }
    }

    async fn take_poll(
        &mut self,
        group: usize,
        urgency: Urgency,
        block: &Block,
        fetched: Result<Answer, Fault>,
    ) -> Result<(), Leave> {
        let refused = matches!(fetched, Err(Fault::Exception(1..=3)));
        let (samples, at) = match self.reader.take(urgency, block, fetched).await? {
            Got::Samples(samples, at) => (samples, at),
            Got::Busy if self.busy < BUSY_MAX => {
                self.busy += 1;
                self.watch.postpone(group, self.now().monotonic.plus(BUSY_PAUSE));
                return Ok(());
            }
            Got::Busy => self.reader.read(urgency, block).await?,
        };
        self.busy = 0;
        self.watch.advance(group, at.monotonic);
        if refused {
            self.watch.plan(&self.reader.learned);
        }
        self.report(samples, at).await
    }

    async fn take_retry(
        &mut self,
        tag: TagIndex,
        block: &Block,
        fetched: Result<Answer, Fault>,
    ) -> Result<(), Leave> {
        match fetched {
            Err(fault) if fault.ends_observation() => Err(fault.into()),
            Err(_) => {
                self.reader.learned.refuse(block, self.now().monotonic);
                Ok(())
            }
            Ok(answer) => {
                self.reader.learned.admit(tag);
                self.watch.plan(&self.reader.learned);
                match self.reader.take(Urgency::Slow, block, Ok(answer)).await? {
                    Got::Samples(samples, at) => self.report(samples, at).await,
                    Got::Busy => Ok(()),
                }
            }
        }
    }

    /// Tells what is news, handshake words on the urgent lane.
    async fn report(&mut self, samples: Vec<Sample>, at: At) -> Result<(), Leave> {
        let news = self.watch.absorb(samples, at).map_err(|sign| self.sign(sign))?;
        self.send(news).await?;
        let told = self.now();
        if told.monotonic > at.monotonic.plus(BLIND_MAX) {
            // The lane was full: words that came and went meanwhile were not seen.
            let (device, cause) = (self.reader.device, GapCause::Overload);
            let dropped = &self.reader.metrics.samples_dropped;
            dropped.with_label_values(&[self.device().id.as_str(), "overload"]).inc();
            let lost = Input::Lost { device, tag: None, cause, since: at.wall, to: told.wall };
            self.gate.urgent(lost).await?;
        }
        Ok(())
    }

    async fn serve(&mut self, request: Request) -> Result<(), Leave> {
        match request {
            Request::Read(ReadRequest { session, .. })
            | Request::Write(WriteRequest { session, .. })
                if session != self.session =>
            {
                self.gate.refuse(request).await
            }
            Request::Read(read) => {
                let outcome = self.reader.snapshot(&read.tags).await;
                let (outcome, ended) = split(outcome);
                let done = ReadDone { token: read.token, outcome };
                self.gate.urgent(Input::Read(done)).await?;
                ended
            }
            Request::Write(write) => {
                let outcome = self.reader.write(&write, &self.points).await;
                if let Err(fault @ Fault::Unwritable(_)) = &outcome {
                    tracing::warn!(device = %self.device().id, %fault, "nothing is written");
                }
                let (outcome, ended) = split(outcome);
                let done = WriteDone { token: write.token, outcome };
                self.gate.urgent(Input::Written(done)).await?;
                ended
            }
        }
    }
}

/// What the engine is told, and whether the device is still observed.
fn split<T>(outcome: Result<T, Fault>) -> (Result<T, ReadFault>, Result<(), Leave>) {
    match outcome {
        Ok(done) => (Ok(done), Ok(())),
        Err(fault) => {
            let told = match &fault {
                Fault::Timeout(_) => ReadFault::Timeout,
                Fault::Exception(_) | Fault::Unwritable(_) if !fault.ends_observation() => {
                    ReadFault::Refused
                }
                Fault::Exception(_)
                | Fault::Unwritable(_)
                | Fault::Unreachable(_)
                | Fault::Transport(_)
                | Fault::Framing(_)
                | Fault::Stopped => ReadFault::Disconnected,
            };
            let ended = if fault.ends_observation() { Err(fault.into()) } else { Ok(()) };
            (Err(told), ended)
        }
    }
}
