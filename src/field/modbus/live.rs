//! The task of one device while it is observed.
use super::bus::{Answer, Ask, Fault, Urgency};
use super::device::Task;
use super::gate::Leave;
use super::plan::Block;
use super::reader::{BUSY_PAUSE, Got};
use super::watch::{Unseen, register};
use super::write::{WriteFault, plan_write};
use crate::field::Request;
use crate::field::weighed::Place;
use crate::model::plant::{RegisterType, TagIndex};
use crate::model::{
    At, GapCause, Input, Monotonic, ReadDone, ReadFault, ReadRequest, Sample, Value, Write,
    WriteDone, WriteRequest,
};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// A block that is busy so many times in a row while it is polled is bad.
const BUSY_MAX: u32 = 5;
/// The heartbeat that we move goes up so many times before the PLC may call us stale.
const BEATS_PER_STALE: u32 = 3;
/// Samples that waited longer than this for their place hid what happened meanwhile.
const BLIND_MAX: Duration = Duration::from_secs(1);
/// Pause of a device that has nothing to look at.
const IDLE_PAUSE: Duration = Duration::from_secs(1);

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

/// What ended a wait.
enum Event<'a> {
    /// The daemon asks; `None`: it never will again.
    Asked(Option<Request>),
    /// There is place on the bulk lane.
    Place(Place<'a, Input>),
    /// What was due is answered.
    Fetched(Next, Option<Result<Answer, Fault>>),
}

impl Task {
    /// Polls and serves until the device is lost or the task stopped.
    pub(super) async fn observe(
        &mut self,
        requests: &mut mpsc::Receiver<Request>,
    ) -> Result<Infallible, Leave> {
        let bulk = self.gate.lanes.bulk.clone();
        let (mut open, mut served) = (true, false);
        loop {
            let (due, next) = self.next();
            // One look between two requests, however many wait: words are late, never unseen.
            let take_request = open && !(served && due <= self.now().monotonic);
            // All are cancel-safe: `recv` and `place` by themselves, and a look that is dropped
            // is made again.
            let event = tokio::select! {
                biased;
                () = self.gate.stop.cancelled() => return Err(Leave::Stop),
                request = requests.recv(), if take_request => Event::Asked(request),
                place = bulk.place(self.backlog.weight()), if self.backlog.is_waiting() => {
                    Event::Place(place.map_err(|_| Leave::Stop)?)
                }
                fetched = self.fetch(due, &next) => Event::Fetched(next, fetched),
            };
            served = matches!(event, Event::Asked(_));
            match event {
                Event::Asked(Some(request)) => self.serve(request).await?,
                Event::Asked(None) => open = false,
                Event::Place(place) => {
                    if let Some(since) = self.backlog.release(place) {
                        self.told(since).await?;
                    }
                }
                Event::Fetched(next, fetched) => self.take(next, fetched).await?,
            }
            self.doubt()?;
        }
    }

    /// Whether the device, though it answers, is observed.
    fn doubt(&self) -> Result<(), Leave> {
        let now = self.now().monotonic;
        let stale_after = self.device().heartbeat.stale_after;
        if let Some(since) = self.watch.stalled(now) {
            let why = format!("the heartbeat stands for longer than {stale_after:?}");
            return Err(Leave::down(GapCause::Silent, Some(since), why));
        }
        if self.refused.is_some_and(|since| now > since.plus(stale_after)) {
            let why = format!("every read is refused for longer than {stale_after:?}");
            return Err(Leave::down(GapCause::Silent, None, why));
        }
        Ok(())
    }

    /// What is due first, and when.
    fn next(&self) -> (Monotonic, Next) {
        let now = self.now().monotonic;
        let beat = self.beat_ask().and_then(Result::ok).map(|ask| (self.beat, Next::Beat(ask)));
        if let Some(beat) = beat.clone().filter(|_| self.beat <= now) {
            return beat;
        }
        // While the bulk lane is full, only handshake words are looked at.
        let least = if self.backlog.is_waiting() { Urgency::Fast } else { Urgency::Slow };
        let poll = self.watch.next(now, least).and_then(|(due, urgency, group)| {
            Some((due, Next::Poll(group, urgency, self.watch.block(group)?.clone())))
        });
        let retry = self.reader.learned.next_retry().and_then(|(due, tag)| {
            let register = register(self.reader.plant.tag(tag))?;
            Some((due, Next::Retry(tag, Block::single(tag, register, &self.reader.link.limits)?)))
        });
        let idle = (now.plus(IDLE_PAUSE), Next::Idle);
        [poll, retry, beat].into_iter().flatten().fold(idle, |a, b| if b.0 < a.0 { b } else { a })
    }

    /// The write that moves our heartbeat on, wrapping in its own width.
    pub(super) fn beat_ask(&self) -> Option<Result<Ask, WriteFault>> {
        let tag = self.device().heartbeat.host?;
        let register = register(self.reader.plant.tag(tag))?;
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
            | RegisterType::Text(_)
            | RegisterType::S7Text(_)
            | RegisterType::Epoch
            | RegisterType::EpochMs
            | RegisterType::Dtl => Value::UInt(self.beats % 10_000_000),
        };
        let write = Write { tag, bit: None, value };
        Some(plan_write(&self.reader.plant, self.reader.device, &write))
    }

    /// Waits and asks; nothing is changed by it, so that it may be dropped.
    async fn fetch(&self, due: Monotonic, next: &Next) -> Option<Result<Answer, Fault>> {
        let wait = due.0.saturating_sub(self.now().monotonic.0);
        // A timer rounds up to a millisecond, even of no length.
        if wait > 0 {
            sleep(Duration::from_nanos(wait)).await;
        }
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
        let answered = self.reader.answered;
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
        if self.reader.answered == answered {
            self.refused.get_or_insert(at.monotonic);
        } else {
            self.refused = None;
        }
        let unseen = self.watch.advance(group, at);
        if refused {
            self.replan();
        }
        for Unseen { tag, since, to, open } in unseen {
            let (device, cause) = (self.reader.device, GapCause::Silent);
            let lost = Input::Lost { device, tag: Some(tag), cause, since, to, open };
            self.gate.urgent(lost).await?;
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
                self.replan();
                match self.reader.take(Urgency::Slow, block, Ok(answer)).await? {
                    Got::Samples(samples, at) => self.report(samples, at).await,
                    Got::Busy => Ok(()),
                }
            }
        }
    }

    /// Tells what is news.
    async fn report(&mut self, samples: Vec<Sample>, at: At) -> Result<(), Leave> {
        let news = self.watch.absorb(samples, at).map_err(|sign| self.sign(sign))?;
        self.send(news, at).await
    }

    /// Handshake words on the urgent lane, the rest on the bulk lane as soon as it has place.
    pub(super) async fn send(&mut self, samples: Vec<Sample>, at: At) -> Result<(), Leave> {
        let (fast, slow): (Vec<_>, Vec<_>) = samples.into_iter().partition(|s| self.tag(s).fast);
        if !fast.is_empty() {
            self.gate.urgent(Input::Samples(fast)).await?;
            self.told(at).await?;
        }
        if !slow.is_empty() {
            let dropped = self.backlog.offer(&self.gate.lanes.bulk, slow, at)?;
            let metric = &self.reader.metrics.samples_dropped;
            let count = u64::try_from(dropped).unwrap_or(u64::MAX);
            metric.with_label_values(&[self.device().id.as_str(), "overload"]).inc_by(count);
        }
        Ok(())
    }

    /// A lane was full since `since` and has taken what waited: words that came and went meanwhile
    /// were not seen.
    async fn told(&self, since: At) -> Result<(), Leave> {
        let to = self.now();
        if to.monotonic <= since.monotonic.plus(BLIND_MAX) {
            return Ok(());
        }
        tracing::warn!(device = %self.device().id, "the engine did not keep up");
        let (device, cause) = (self.reader.device, GapCause::Overload);
        let lost =
            Input::Lost { device, tag: None, cause, since: since.wall, to: to.wall, open: false };
        self.gate.urgent(lost).await
    }

    async fn serve(&mut self, request: Request) -> Result<(), Leave> {
        match request {
            Request::Read(ReadRequest { session, .. })
            | Request::Write(WriteRequest { session, .. })
                if session != self.session =>
            {
                self.gate.refuse(request).await
            }
            Request::Read(read) => self.serve_read(read).await,
            Request::Write(write) => self.serve_write(write).await,
        }
    }

    /// The restart word is read with every snapshot: one of a PLC that was started anew belongs to
    /// no request of before.
    async fn serve_read(&mut self, read: ReadRequest) -> Result<(), Leave> {
        let snapshot = self.reader.snapshot(&read.tags, self.device().restart).await;
        let at = self.now();
        if let Ok((_, Some(witness))) = &snapshot
            && let Err(sign) = self.watch.heed(witness, at)
        {
            self.gate.refuse(Request::Read(read)).await?;
            return Err(self.sign(sign));
        }
        // What the engine learns by an answer it is told like any change: a word that has come back to
        // what was told last before it is polled again would be no news.
        let samples = snapshot.iter().flat_map(|(samples, _)| samples);
        let fast = samples.filter(|sample| self.tag(sample).fast).cloned().collect();
        if let Err(leave) = self.report(fast, at).await {
            self.gate.refuse(Request::Read(read)).await?;
            return Err(leave);
        }
        let (outcome, ended) = split(snapshot.map(|(samples, _)| samples));
        self.gate.urgent(Input::Read(ReadDone { token: read.token, outcome })).await?;
        ended
    }

    /// The restart word is read before every write: the number that is to be acknowledged may be
    /// that of another part since.
    async fn serve_write(&mut self, write: WriteRequest) -> Result<(), Leave> {
        if let Err(leave) = self.witness().await {
            self.gate.refuse(Request::Write(write)).await?;
            return Err(leave);
        }
        let outcome = match self.reader.stands(&write).await {
            Ok(true) => self.reader.write(&write, &self.points).await,
            Ok(false) => {
                let done = WriteDone { token: write.token, outcome: Err(ReadFault::Withdrawn) };
                return self.gate.urgent(Input::Written(done)).await;
            }
            Err(fault) => Err(fault),
        };
        // The engine takes them to be as it wrote them: one that is set back to what was told last before the
        // next look would be no news.
        for word in write.replies.iter().chain(&write.ack) {
            self.watch.forget(word.tag);
        }
        if let Err(fault @ Fault::Unwritable(_)) = &outcome {
            tracing::warn!(device = %self.device().id, %fault, "nothing is written");
        }
        let (outcome, ended) = split(outcome);
        self.gate.urgent(Input::Written(WriteDone { token: write.token, outcome })).await?;
        ended
    }

    /// Whether the PLC still runs as it was booted.
    async fn witness(&mut self) -> Result<(), Leave> {
        let Some(tag) = self.device().restart else { return Ok(()) };
        let limits = &self.reader.link.limits;
        let block = register(self.reader.plant.tag(tag))
            .and_then(|register| Block::single(tag, register, limits));
        let Some(block) = block.filter(|_| !self.reader.learned.is_refused(tag)) else {
            return Ok(());
        };
        let (samples, at) = self.reader.read(Urgency::Request, &block).await?;
        for sample in &samples {
            self.watch.heed(sample, at).map_err(|sign| self.sign(sign))?;
        }
        Ok(())
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
                | Fault::Port { .. }
                | Fault::Tls(_)
                | Fault::Untrusted { .. }
                | Fault::Transport(_)
                | Fault::Framing(_)
                | Fault::Unheard
                | Fault::Stopped => ReadFault::Disconnected,
            };
            let ended = if fault.ends_observation() { Err(fault.into()) } else { Ok(()) };
            (Err(told), ended)
        }
    }
}
