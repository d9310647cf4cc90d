//! Reads and writes of one device over its bus, and what its refusals teach.
use super::bus::{Answer, Ask, Bus, Fault, Reply, Urgency};
use super::cost::{Cost, Measured, ROUND_TRIP};
use super::decode::decode;
use super::plan::{Block, Learned, Member, plan_snapshot};
use super::watch::{bad, register};
use super::write::{plan_write, plan_writes};
use crate::field::Onlooker;
use crate::model::plant::{DeviceIndex, ModbusLink, Plant, TagIndex};
use crate::model::{At, Quality, Sample, Utc, WriteRequest};
use crate::telemetry::{Metrics, Now, Point, Points};
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Between two tries at a busy device.
pub(super) const BUSY_PAUSE: Duration = Duration::from_millis(50);
/// A snapshot begins again when the device refuses one of its requests; each time something is
/// learned, so this is never met but by a device that answers at random.
const SNAPSHOT_TRIES_MAX: u32 = 8;

/// Reads and writes of one device.
pub(super) struct Reader {
    pub(super) plant: Arc<Plant>,
    pub(super) device: DeviceIndex,
    pub(super) link: ModbusLink,
    pub(super) bus: Bus,
    pub(super) learned: Learned,
    /// What a request costs, as requests are planned by.
    pub(super) cost: Cost,
    /// The answers of this connection.
    pub(super) measured: Measured,
    pub(super) now: Now,
    pub(super) metrics: Arc<Metrics>,
    pub(super) onlooker: Onlooker,
    /// The last answer, also one that said no.
    pub(super) answered: Option<Utc>,
}

/// What a request gave.
pub(super) enum Got {
    /// A sample for every value in it, the bad ones included.
    Samples(Vec<Sample>, At),
    /// The device asks for patience.
    Busy,
}

impl Reader {
    pub(super) fn new(
        (plant, device): (Arc<Plant>, DeviceIndex),
        link: ModbusLink,
        bus: Bus,
        now: Now,
        metrics: Arc<Metrics>,
        onlooker: Onlooker,
    ) -> Self {
        let cost = Cost::assumed(&link.transport, ROUND_TRIP);
        let (learned, measured) = (Learned::default(), Measured::default());
        let answered = None;
        Self { plant, device, link, bus, learned, cost, measured, now, metrics, onlooker, answered }
    }

    /// Takes what was measured for what a request costs, if that says anything.
    pub(super) fn reckon(&mut self) {
        if let Some(cost) = self.measured.cost(&self.link.transport) {
            tracing::debug!(device = self.label(), ?cost, "measured");
            self.cost = cost;
        }
    }

    fn label(&self) -> &str {
        self.plant.device(self.device).id.as_str()
    }

    /// Asks and counts. Dropping the future withdraws the question.
    pub(super) async fn ask(&self, urgency: Urgency, ask: Ask) -> Result<Answer, Fault> {
        let op = ask.name();
        let answer = self.bus.ask(urgency, &self.link, ask).await;
        match &answer {
            Ok(answer) => {
                let seconds = &self.metrics.device_request_seconds;
                seconds.with_label_values(&[self.label(), op]).observe(answer.took.as_secs_f64());
            }
            Err(fault) => {
                let errors = &self.metrics.device_errors;
                errors.with_label_values(&[self.label(), &fault.class()]).inc();
            }
        }
        answer
    }

    /// Asks for the values of one request.
    pub(super) async fn fetch(&self, urgency: Urgency, block: &Block) -> Result<Answer, Fault> {
        self.ask(urgency, Ask::Read(block.area, block.address, block.count)).await
    }

    /// Asks again while the device is busy, as long as an answer may take.
    pub(super) async fn ask_patiently(&self, urgency: Urgency, ask: &Ask) -> Result<Answer, Fault> {
        let begun = (self.now)().monotonic;
        loop {
            match self.ask(urgency, ask.clone()).await {
                Err(fault)
                    if fault.is_busy()
                        && (self.now)().monotonic < begun.plus(self.link.timeout) =>
                {
                    sleep(BUSY_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Makes samples of what [`Self::fetch`] brought; a refused address is looked for.
    pub(super) async fn take(
        &mut self,
        urgency: Urgency,
        block: &Block,
        fetched: Result<Answer, Fault>,
    ) -> Result<Got, Fault> {
        match fetched {
            Err(fault) if fault.is_busy() => Ok(Got::Busy),
            Err(Fault::Exception(1..=3)) => {
                let mut out = Vec::new();
                self.bisect(urgency, block.clone(), &mut out).await?;
                Ok(Got::Samples(out, (self.now)()))
            }
            fetched => {
                let (samples, at) = self.samples(block, fetched)?;
                Ok(Got::Samples(samples, at))
            }
        }
    }

    /// Reads one request to the end: busy for too long is a fault of the device.
    pub(super) async fn read(
        &mut self,
        urgency: Urgency,
        block: &Block,
    ) -> Result<(Vec<Sample>, At), Fault> {
        let ask = Ask::Read(block.area, block.address, block.count);
        let fetched = self.ask_patiently(urgency, &ask).await;
        match self.take(urgency, block, fetched).await? {
            Got::Samples(samples, at) => Ok((samples, at)),
            Got::Busy => {
                let at = (self.now)();
                Ok((all_bad(block, Quality::BAD_DEVICE, at.wall), at))
            }
        }
    }

    /// The samples of an answer; an exception is the badness of every value in the request.
    fn samples(
        &mut self,
        block: &Block,
        fetched: Result<Answer, Fault>,
    ) -> Result<(Vec<Sample>, At), Fault> {
        match fetched {
            Ok(Answer { reply: Reply::Words(words), at, took }) => {
                self.answered = Some(at.wall);
                self.measured.see(block.area, block.count, took);
                let samples = block.members.iter().map(|m| self.sample(*m, &words, at.wall));
                Ok((samples.collect(), at))
            }
            Ok(Answer { reply, .. }) => {
                Err(Fault::Framing(format!("a read was answered by {reply:?}")))
            }
            Err(fault) if fault.ends_observation() => Err(fault),
            Err(_) => {
                let at = (self.now)();
                Ok((all_bad(block, Quality::BAD_DEVICE, at.wall), at))
            }
        }
    }

    fn sample(&self, member: Member, words: &[u16], at: Utc) -> Sample {
        let tag = self.plant.tag(member.tag);
        let from = usize::from(member.offset);
        let words = words.get(from..from + usize::from(member.count)).unwrap_or_default();
        (self.onlooker)(&self.plant, member.tag, words);
        let value = register(tag).map(|register| decode(register, words));
        let sample = match value {
            Some(Ok(value)) => {
                let quality = tag.judge(&value).unwrap_or(Quality::GOOD);
                Sample { value, ..bad(member.tag, quality, at) }
            }
            Some(Err(fault)) => {
                tracing::debug!(device = self.label(), tag = %tag.name, %fault, "not decoded");
                bad(member.tag, Quality::BAD_DECODING, at)
            }
            None => bad(member.tag, Quality::BAD_UNKNOWN, at),
        };
        self.count(sample.quality);
        sample
    }

    fn count(&self, quality: Quality) {
        let word = if quality.is_good() { "good" } else { "bad" };
        self.metrics.samples.with_label_values(&[self.label(), word]).inc();
    }

    /// Finds which values of a refused request are the ones that the device refuses, by halves, so
    /// that each of the others is read. Says whether anything was refused.
    fn bisect<'a>(
        &'a mut self,
        urgency: Urgency,
        block: Block,
        out: &'a mut Vec<Sample>,
    ) -> BoxFuture<'a, Result<bool, Fault>> {
        Box::pin(async move {
            let ask = Ask::Read(block.area, block.address, block.count);
            let fetched = self.ask_patiently(urgency, &ask).await;
            if !matches!(fetched, Err(Fault::Exception(1..=3))) {
                out.extend(self.samples(&block, fetched)?.0);
                return Ok(false);
            }
            let Some((left, right)) = block.halves() else {
                let at = (self.now)();
                tracing::warn!(
                    device = self.label(), area = ?block.area, address = block.address,
                    "the device refuses this address: is the map in the plant file right?"
                );
                self.learned.refuse(&block, at.monotonic);
                out.extend(all_bad(&block, Quality::BAD_UNKNOWN, at.wall));
                return Ok(true);
            };
            let second = right.clone();
            let left = self.bisect(urgency, left, out).await?;
            let right = self.bisect(urgency, right, out).await?;
            if !left && !right {
                // Each half is answered, both as one are not: what lies between, or the length.
                self.learned.cut(&second, (self.now)().monotonic);
            }
            Ok(true)
        })
    }

    /// Reads words afresh: the samples in the order asked for. The trigger, first and last of
    /// them, is the word as it was before and after all others. The witness is read among them.
    pub(super) async fn snapshot(
        &mut self,
        tags: &[TagIndex],
        witness: Option<TagIndex>,
    ) -> Result<(Vec<Sample>, Option<Sample>), Fault> {
        let plant = Arc::clone(&self.plant);
        let before_last = tags.len().saturating_sub(1);
        let (most, last) = tags.split_at_checked(before_last).unwrap_or_default();
        let points: Vec<_> = most
            .iter()
            .chain(&witness)
            .chain(last)
            .filter_map(|tag| {
                let point = plant.tag(*tag);
                Some((*tag, register(point).filter(|_| point.device == self.device)?))
            })
            .collect();
        for _ in 0..SNAPSHOT_TRIES_MAX {
            let plan = plan_snapshot(&points, &self.link.limits, &self.learned, &self.cost);
            if let Some(read) = self.in_order(&plan.blocks).await? {
                let witness = read.iter().find(|sample| Some(sample.tag) == witness);
                return Ok((self.assemble(tags, &read), witness.cloned()));
            }
        }
        Err(Fault::Exception(2))
    }

    /// The samples as they were read; `None` if a request was refused: then more is known of what
    /// the device refuses, and the order must be kept by beginning again.
    async fn in_order(&mut self, blocks: &[Block]) -> Result<Option<Vec<Sample>>, Fault> {
        let mut read = Vec::new();
        for block in blocks {
            let ask = Ask::Read(block.area, block.address, block.count);
            let fetched = self.ask_patiently(Urgency::Request, &ask).await;
            if matches!(fetched, Err(Fault::Exception(1..=3))) {
                self.bisect(Urgency::Request, block.clone(), &mut Vec::new()).await?;
                return Ok(None);
            }
            read.extend(self.samples(block, fetched)?.0);
        }
        Ok(Some(read))
    }

    fn assemble(&self, tags: &[TagIndex], read: &[Sample]) -> Vec<Sample> {
        let at = (self.now)().wall;
        let first: BTreeMap<_, _> = read.iter().rev().map(|sample| (sample.tag, sample)).collect();
        let last: BTreeMap<_, _> = read.iter().map(|sample| (sample.tag, sample)).collect();
        let end = tags.len().saturating_sub(1);
        let pick = |(place, tag): (usize, &TagIndex)| {
            let from = if place == end { &last } else { &first };
            from.get(tag)
                .map_or_else(|| bad(*tag, Quality::BAD_UNKNOWN, at), |sample| (*sample).clone())
        };
        tags.iter().enumerate().map(pick).collect()
    }

    /// Whether the PLC still asks for what is to be answered.
    pub(super) async fn stands(&mut self, request: &WriteRequest) -> Result<bool, Fault> {
        if request.still.is_empty() {
            return Ok(true);
        }
        let (read, _) = self.snapshot(&request.witnesses(), None).await?;
        Ok(request.stands(&read))
    }

    /// Writes the replies, then the ack alone; each is echoed before the next leaves, and nothing
    /// is written if any of it cannot be.
    pub(super) async fn write(
        &mut self,
        request: &WriteRequest,
        points: &Points,
    ) -> Result<(), Fault> {
        // What cannot be written is told before anything is.
        let replies = plan_writes(&self.plant, self.device, &request.replies);
        let ack = request.ack.as_ref().map(|ack| plan_write(&self.plant, self.device, ack));
        let ack = ack.transpose().map_err(Fault::Unwritable)?;
        for ask in &replies.map_err(Fault::Unwritable)? {
            self.write_one(ask).await?;
        }
        if !request.replies.is_empty() {
            points.pass(Point::AfterReply);
        }
        if let Some(ask) = &ack {
            self.write_one(ask).await?;
            points.pass(Point::AfterAck);
        }
        Ok(())
    }

    async fn write_one(&mut self, ask: &Ask) -> Result<(), Fault> {
        let answer = self.ask_patiently(Urgency::Request, ask).await?;
        self.answered = Some(answer.at.wall);
        Ok(())
    }
}

fn all_bad(block: &Block, quality: Quality, at: Utc) -> Vec<Sample> {
    block.members.iter().map(|member| bad(member.tag, quality, at)).collect()
}
