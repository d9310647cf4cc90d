//! Devices: what talks to PLCs. Samples go in, reads and writes come back; nothing is decided here.
//!
//! One task owns one connection. It recovers by itself, for ever, and says what it could not see:
//! `Input::Link` and `Input::Lost`. What a sample means is `capture`'s business.
mod change;
mod contain;
pub mod link;
pub mod modbus;
pub mod opcua;
pub mod weighed;

use crate::model::plant::{DeviceIndex, Plant, TagIndex};
use crate::model::{Input, ReadRequest, WriteRequest};
use crate::telemetry::{Metrics, Now, Points};
use link::Status;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// The two lanes into the engine.
#[derive(Debug, Clone)]
pub struct Lanes {
    /// Handshake words, link changes, answers to reads and writes. A callback only tries to send.
    pub urgent: weighed::Sender<Input>,
    /// Everything else.
    pub bulk: weighed::Sender<Input>,
}

/// What the daemon asks of a device task. Each is answered on the urgent lane, also when the device
/// is not connected.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Read afresh, in one request, in the order given.
    Read(ReadRequest),
    /// Write the replies, then the ack alone; its record is durable.
    Write(WriteRequest),
}

/// Who looks at registers as they come, before they are made values; called at every look.
pub type Onlooker = Arc<dyn Fn(&Plant, TagIndex, &[u16]) + Send + Sync>;

/// What a device task is made from. It ends when `stop` is cancelled.
pub struct Wiring {
    /// The plant.
    pub plant: Arc<Plant>,
    /// Which device of it.
    pub device: DeviceIndex,
    /// Into the engine.
    pub lanes: Lanes,
    /// From the daemon.
    pub requests: mpsc::Receiver<Request>,
    /// Where the task says how it stands.
    pub status: watch::Sender<Status>,
    /// The clock.
    pub now: Now,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Passed after the replies are written, and after the ack is.
    pub points: Points,
    /// Who looks at registers as they come.
    pub onlooker: Onlooker,
    /// Our own certificate and key, and the certificates that we trust.
    pub pki: PathBuf,
    /// Cancelled at shutdown.
    pub stop: CancellationToken,
}
