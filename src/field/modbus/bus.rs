//! The connection: one request at a time, and none left half answered.
//!
//! tokio-modbus compares the transaction number of an answer (with RTU, its unit), not its length, and leaves an answer
//! that came too late in the socket. So a connection on which anything went wrong (no answer in
//! time, a broken stream, an answer to something else) is dropped and made anew, and what comes
//! back is held against what was asked before it counts as an answer. With RTU, what is in the line
//! before a request is no answer to it and is thrown away.
use super::open::{Opened, on_the_wire, open};
use crate::field::contain::contained;
use crate::model::At;
use crate::model::plant::{Area, DeviceIndex, ModbusLink, Plant, Protocol, Transport};
use crate::pki::thumbprint_hex;
use crate::telemetry::Now;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_modbus::client::{Client, Context};
use tokio_modbus::prelude::ReadCode;
use tokio_modbus::slave::{Slave, SlaveContext};
use tokio_modbus::{ProtocolError, Request, Response};

/// Each device has at most one request waiting, so this is devices on one line.
const QUEUE_LEN_MAX: usize = 64;
/// So many urgent requests may pass a waiting slow one, so that monitors are late, never starved.
const PASS_MAX: u32 = 16;

/// What goes first when several wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// A PLC waits for it.
    Request,
    /// Handshake words, heartbeats.
    Fast,
    /// Everything else.
    Slow,
}

/// What is asked of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    /// Be connected.
    Open,
    /// So many registers or bits from an address on.
    Read(Area, u16, u16),
    /// One coil.
    WriteCoil(u16, bool),
    /// Holding registers from an address on.
    WriteWords(u16, Vec<u16>),
    /// Device identification, from an object on.
    Identify(u8),
}

impl Ask {
    /// The metric label.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Open => "connect",
            Self::Read(..) => "read",
            Self::WriteCoil(..) | Self::WriteWords(..) => "write",
            Self::Identify(_) => "identify",
        }
    }
}

/// What a device said, held against what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// It did.
    Done,
    /// Exactly as many as asked for; bits as 0 and 1.
    Words(Vec<u16>),
    /// Objects of its identification, and from which one to go on.
    Identity(Vec<(u8, String)>, Option<u8>),
}

/// A reply, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// What.
    pub(super) reply: Reply,
    /// When it was there.
    pub(super) at: At,
    /// Since the request left.
    pub(super) took: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No connection could be made.
    #[error("it cannot be connected to: {0}; is it powered, and are address and port right?")]
    Unreachable(#[source] io::Error),
    /// The serial port is not there, or somebody else's.
    #[error(
        "the serial port `{path}` cannot be opened: {why}; is the adapter plugged in, and may we use it?"
    )]
    Port {
        /// Which.
        path: String,
        /// What the system said.
        #[source]
        why: io::Error,
    },
    /// No encrypted connection was agreed on.
    #[error("no encrypted connection could be agreed on: {0}")]
    Tls(String),
    /// Its certificate is not trusted.
    #[error(
        "the device's certificate is not trusted: {reason}; `{subject}`, SHA-256 {0}; compare it with the one in the device, then {remedy}",
        thumbprint_hex(thumbprint)
    )]
    Untrusted {
        /// Why not.
        reason: &'static str,
        /// SHA-256 over its DER form.
        thumbprint: [u8; 32],
        /// Its subject.
        subject: String,
        /// How to trust it.
        remedy: String,
    },
    /// No answer in time.
    #[error("it did not answer within {0:?}")]
    Timeout(Duration),
    /// The connection broke.
    ///
    /// The library reports a connection that the device closed with whatever error the system saw
    /// last, so its text would mislead.
    #[error("the device closed the connection, or it broke")]
    Transport(#[source] io::Error),
    /// What came was no answer to what was asked.
    #[error("it answered something else than it was asked: {0}")]
    Framing(String),
    /// The device answered that it cannot.
    #[error("it answered with Modbus exception {0}")]
    Exception(u8),
    /// It failed while nobody waited for the answer: what was asked had been taken back.
    #[error("a request that was taken back meanwhile was not answered, or not as it was asked")]
    Unheard,
    /// What was to be written cannot be.
    #[error("{0}")]
    Unwritable(#[source] super::write::WriteFault),
    /// The bus has ended.
    #[error("the daemon is stopping")]
    Stopped,
}

impl Fault {
    /// The metric label.
    pub(super) fn class(&self) -> String {
        match self {
            Self::Unreachable(_) | Self::Port { .. } => "connect".to_owned(),
            Self::Tls(_) => "tls".to_owned(),
            Self::Untrusted { .. } => "untrusted".to_owned(),
            Self::Timeout(_) => "timeout".to_owned(),
            Self::Transport(_) => "transport".to_owned(),
            Self::Framing(_) => "framing".to_owned(),
            Self::Exception(code) => format!("exception_{code}"),
            Self::Unheard => "unheard".to_owned(),
            Self::Unwritable(_) => "unwritable".to_owned(),
            Self::Stopped => "stopped".to_owned(),
        }
    }

    /// Whether the device is not observed any more: all but an answer of its own.
    pub(super) fn ends_observation(&self) -> bool {
        match self {
            // 10 and 11 come from a gateway: this unit is not there, others on the line are.
            Self::Exception(code) => matches!(code, 10 | 11),
            Self::Unwritable(_) => false,
            Self::Unreachable(_)
            | Self::Port { .. }
            | Self::Tls(_)
            | Self::Untrusted { .. }
            | Self::Timeout(_)
            | Self::Transport(_)
            | Self::Framing(_)
            | Self::Unheard
            | Self::Stopped => true,
        }
    }

    /// Whether the device asks for patience (5 acknowledge, 6 busy).
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Exception(5 | 6))
    }
}

struct Job {
    transport: Transport,
    unit: u8,
    ask: Ask,
    patience: Duration,
    answer: oneshot::Sender<Result<Answer, Fault>>,
}

/// The way to a bus. The bus ends when the last of its handles is dropped.
#[derive(Debug, Clone)]
pub(super) struct Bus {
    request: mpsc::Sender<Job>,
    fast: mpsc::Sender<Job>,
    slow: mpsc::Sender<Job>,
}

/// Makes a bus: its handle, and the task that has to be run.
/// `pki` is the folder of our own certificate and of those that we trust.
pub(super) fn bus(now: Now, pki: PathBuf) -> (Bus, BusTask) {
    let (request, requests) = mpsc::channel(QUEUE_LEN_MAX);
    let (fast, fasts) = mpsc::channel(QUEUE_LEN_MAX);
    let (slow, slows) = mpsc::channel(QUEUE_LEN_MAX);
    let (open, lost) = (BTreeMap::new(), BTreeSet::new());
    let task = BusTask { requests, fasts, slows, passed: 0, open, lost, now, pki };
    (Bus { request, fast, slow }, task)
}

impl Bus {
    /// Asks one thing of one unit and waits for its turn and its answer. Dropping the future
    /// withdraws what waits; what has been sent is answered, and the answer thrown away. A fault that
    /// ends the observation is not: until [`Ask::Open`], every request of the unit fails.
    pub(super) async fn ask(
        &self,
        urgency: Urgency,
        link: &ModbusLink,
        ask: Ask,
    ) -> Result<Answer, Fault> {
        let (answer, answered) = oneshot::channel();
        let transport = link.transport.clone();
        let job = Job { transport, unit: link.unit, ask, patience: link.timeout, answer };
        let queue = match urgency {
            Urgency::Request => &self.request,
            Urgency::Fast => &self.fast,
            Urgency::Slow => &self.slow,
        };
        queue.send(job).await.map_err(|_| Fault::Stopped)?;
        answered.await.map_err(|_| Fault::Stopped)?
    }
}

/// What owns the connections of a line.
pub(super) struct BusTask {
    requests: mpsc::Receiver<Job>,
    fasts: mpsc::Receiver<Job>,
    slows: mpsc::Receiver<Job>,
    passed: u32,
    open: BTreeMap<Transport, Opened>,
    /// Units that are not observed since a request failed, until they are connected to again.
    lost: BTreeSet<(Transport, u8)>,
    now: Now,
    pki: PathBuf,
}

impl BusTask {
    /// Answers one request after the other until every handle is dropped.
    pub(super) async fn run(mut self) {
        while let Some(job) = self.next().await {
            if job.answer.is_closed() {
                continue;
            }
            let begun = (self.now)();
            let reply = self.heed(&job).await;
            let at = (self.now)();
            let took = Duration::from_nanos(at.monotonic.0.saturating_sub(begun.monotonic.0));
            // Who asked may be gone; then nobody wants the answer.
            drop(job.answer.send(reply.map(|reply| Answer { reply, at, took })));
        }
    }

    async fn next(&mut self) -> Option<Job> {
        if self.passed >= PASS_MAX {
            self.passed = 0;
            if let Ok(job) = self.slows.try_recv() {
                return Some(job);
            }
        }
        // `recv` is cancel-safe. The queues close together, with the last handle.
        tokio::select! {
            biased;
            Some(job) = self.requests.recv() => { self.passed += 1; Some(job) }
            Some(job) = self.fasts.recv() => { self.passed += 1; Some(job) }
            Some(job) = self.slows.recv() => { self.passed = 0; Some(job) }
            else => None,
        }
    }

    /// A connection that was lost is made anew by [`Ask::Open`] alone. Whoever asks must hear of the
    /// loss, and may not have waited for the answer that showed it.
    async fn heed(&mut self, job: &Job) -> Result<Reply, Fault> {
        let unit = (job.transport.clone(), job.unit);
        if job.ask != Ask::Open && self.lost.contains(&unit) {
            return Err(Fault::Unheard);
        }
        self.lost.remove(&unit);
        let reply = self.perform(job).await;
        if reply.as_ref().is_err_and(Fault::ends_observation) {
            self.lost.insert(unit);
        }
        reply
    }

    async fn perform(&mut self, job: &Job) -> Result<Reply, Fault> {
        // Taken out, and put back only if all went well: whatever else happens drops it.
        let mut opened = match self.open.remove(&job.transport) {
            Some(opened) => opened,
            None => open(&job.transport, job.patience, &self.pki).await?,
        };
        if let Some(line) = job.transport.line() {
            sleep(line.silence()).await;
        }
        opened.in_step(job.patience).await?;
        opened.context.set_slave(Slave(job.unit));
        let patience = job.patience + on_the_wire(&job.transport, &job.ask);
        let reply = exchange(&mut opened.context, &job.ask, patience).await;
        if matches!(reply, Ok(_) | Err(Fault::Exception(_))) {
            self.open.insert(job.transport.clone(), opened);
        }
        reply
    }
}

async fn exchange(context: &mut Context, ask: &Ask, patience: Duration) -> Result<Reply, Fault> {
    let Some(request) = request(ask) else { return Ok(Reply::Done) };
    // `call` and not the typed readers: those assert the length of an answer in debug builds.
    // A panic over hostile bytes is a fault; the context is dropped with it.
    let call = contained(context.call(request));
    let answer = timeout(patience, call).await.map_err(|_| Fault::Timeout(patience))?;
    let unread = |_| Fault::Framing("the answer could not be taken apart".to_owned());
    let response = answer.map_err(unread)?;
    match response {
        Ok(Ok(response)) => check(ask, response),
        Ok(Err(exception)) => Err(Fault::Exception(exception.into())),
        Err(tokio_modbus::Error::Protocol(fault)) => Err(Fault::Framing(mismatch(&fault))),
        Err(tokio_modbus::Error::Transport(fault)) => Err(broken(fault)),
    }
}

fn request(ask: &Ask) -> Option<Request<'_>> {
    Some(match ask {
        Ask::Open => return None,
        Ask::Read(Area::Holding, at, count) => Request::ReadHoldingRegisters(*at, *count),
        Ask::Read(Area::Input, at, count) => Request::ReadInputRegisters(*at, *count),
        Ask::Read(Area::Coil, at, count) => Request::ReadCoils(*at, *count),
        Ask::Read(Area::Discrete, at, count) => Request::ReadDiscreteInputs(*at, *count),
        Ask::WriteCoil(at, on) => Request::WriteSingleCoil(*at, *on),
        Ask::WriteWords(at, words) => match words.as_slice() {
            [word] => Request::WriteSingleRegister(*at, *word),
            words => Request::WriteMultipleRegisters(*at, words.into()),
        },
        Ask::Identify(from) => Request::ReadDeviceIdentification(ReadCode::Regular, *from),
    })
}

fn mismatch(fault: &ProtocolError) -> String {
    match fault {
        ProtocolError::HeaderMismatch { .. } => "its header is that of another request".to_owned(),
        ProtocolError::FunctionCodeMismatch { request, .. } => {
            format!("its function is not {request}")
        }
    }
}

/// Bytes that cannot be read as an answer come as an error of the stream too.
fn broken(fault: io::Error) -> Fault {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    if matches!(fault.kind(), InvalidData | InvalidInput | UnexpectedEof) {
        Fault::Framing(fault.to_string())
    } else {
        Fault::Transport(fault)
    }
}

/// Holds an answer against its request: length of what was read, echo of what was written.
fn check(ask: &Ask, response: Response) -> Result<Reply, Fault> {
    let short = |wanted: usize, found: usize| {
        Err(Fault::Framing(format!("{found} values came where {wanted} were asked for")))
    };
    match (ask, response) {
        (Ask::Read(Area::Holding, _, count), Response::ReadHoldingRegisters(words))
        | (Ask::Read(Area::Input, _, count), Response::ReadInputRegisters(words)) => {
            let wanted = usize::from(*count);
            if words.len() == wanted { Ok(Reply::Words(words)) } else { short(wanted, words.len()) }
        }
        (Ask::Read(Area::Coil, _, count), Response::ReadCoils(bits))
        | (Ask::Read(Area::Discrete, _, count), Response::ReadDiscreteInputs(bits)) => {
            let wanted = usize::from(*count);
            if bits.len() == wanted.next_multiple_of(8) {
                Ok(Reply::Words(bits.into_iter().take(wanted).map(u16::from).collect()))
            } else {
                short(wanted, bits.len())
            }
        }
        (Ask::WriteCoil(at, on), Response::WriteSingleCoil(echo, state))
            if (echo, state) == (*at, *on) =>
        {
            Ok(Reply::Done)
        }
        (Ask::WriteWords(at, words), Response::WriteSingleRegister(echo, word))
            if echo == *at && words.as_slice() == [word] =>
        {
            Ok(Reply::Done)
        }
        (Ask::WriteWords(at, words), Response::WriteMultipleRegisters(echo, count))
            if echo == *at && usize::from(count) == words.len() =>
        {
            Ok(Reply::Done)
        }
        (Ask::Identify(_), Response::ReadDeviceIdentification(identity)) => {
            let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            let more = identity.more_follows.then_some(identity.next_object_id);
            let objects = identity.device_id_objects.iter().map(|o| (o.id, text(&o.value)));
            Ok(Reply::Identity(objects.collect(), more))
        }
        (ask, response) => Err(Fault::Framing(format!("{ask:?} was answered by {response:?}"))),
    }
}

/// Devices that share a line: those with one `share`, and those at one place: host and
/// port, or serial port. Devices of other protocols are left out.
pub fn lines(plant: &Plant, devices: &[DeviceIndex]) -> Vec<Vec<DeviceIndex>> {
    let link_of = |device: DeviceIndex| match &plant.device(device).protocol {
        Protocol::Modbus(link) => Some(link),
        Protocol::OpcUa(_) => None,
    };
    let mut lines: Vec<Vec<DeviceIndex>> = Vec::new();
    for device in devices {
        let Some(own) = link_of(*device) else { continue };
        let meets = |other: &DeviceIndex| {
            link_of(*other).is_some_and(|other| {
                (own.share.is_some() && own.share == other.share)
                    || own.transport.meets(&other.transport)
            })
        };
        let (met, mut apart): (Vec<_>, Vec<_>) =
            lines.into_iter().partition(|line| line.iter().any(meets));
        apart.push([met.concat(), vec![*device]].concat());
        lines = apart;
    }
    lines
}
