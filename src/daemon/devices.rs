//! The device tasks of a plant, and the way to them.
use super::queues;
use crate::field::link::{Stage, Status};
use crate::field::{self, Lanes, Request, Wiring};
use crate::model::plant::{DeviceIndex, Plant, Protocol};
use crate::telemetry::{Metrics, Now, Points};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What every device task is given.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) plant: Arc<Plant>,
    pub(super) lanes: Lanes,
    pub(super) now: Now,
    pub(super) metrics: Arc<Metrics>,
    pub(super) points: Points,
    pub(super) pki: PathBuf,
    pub(super) stop: CancellationToken,
}

/// The device tasks that run.
pub(super) struct Devices {
    surroundings: Surroundings,
    tasks: TaskTracker,
    stop: CancellationToken,
    requests: Vec<mpsc::Sender<Request>>,
    statuses: Vec<watch::Sender<Status>>,
}

impl Devices {
    /// Starts them all.
    pub(super) fn start(surroundings: Surroundings) -> Self {
        let since = (surroundings.now)().wall;
        let status = Status { stage: Stage::Backoff, since, last_fault: None };
        let statuses = surroundings.plant.devices.iter();
        let statuses = statuses.map(|_| watch::Sender::new(status.clone())).collect();
        let stop = surroundings.stop.child_token();
        let tasks = TaskTracker::new();
        let mut devices = Self { surroundings, tasks, stop, requests: Vec::new(), statuses };
        devices.spawn();
        devices
    }

    /// Ends them; the future is ready when they have ended.
    pub(super) fn end(&self) -> impl Future<Output = ()> + use<> {
        self.stop.cancel();
        self.ended()
    }

    /// Starts them anew, once they have ended: every handshake word is read again.
    pub(super) fn restart(&mut self) {
        self.tasks.reopen();
        self.stop = self.surroundings.stop.child_token();
        self.spawn();
    }

    /// How each device stands, in the order of the plant.
    pub(super) fn statuses(&self) -> Vec<watch::Receiver<Status>> {
        self.statuses.iter().map(watch::Sender::subscribe).collect()
    }

    /// Hands a request over, or gives it back: the device's task has ended.
    pub(super) fn request(&self, device: DeviceIndex, request: Request) -> Result<(), Request> {
        match self.requests.get(device.get()) {
            Some(queue) => queue.try_send(request).map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(r) | mpsc::error::TrySendError::Closed(r) => r,
            }),
            None => Err(request),
        }
    }

    /// The ways to the devices, for whoever writes to them later.
    pub(super) fn requests(&self) -> Vec<mpsc::Sender<Request>> {
        self.requests.clone()
    }

    /// Ends when all of them have; they do when the daemon stops.
    pub(super) fn ended(&self) -> impl Future<Output = ()> + use<> {
        self.tasks.close();
        let tasks = self.tasks.clone();
        async move { tasks.wait().await }
    }

    fn spawn(&mut self) {
        self.requests.clear();
        let mut modbus = Vec::new();
        let plant = Arc::clone(&self.surroundings.plant);
        for ((index, device), status) in plant.devices().zip(self.statuses.clone()) {
            let (sender, requests) = mpsc::channel(queues::requests_len_max(&plant));
            self.requests.push(sender);
            let wiring = self.wiring(index, requests, status);
            match device.protocol {
                Protocol::OpcUa(_) => {
                    self.tasks.spawn(field::opcua::run(wiring));
                }
                Protocol::Modbus(_) => modbus.push(wiring),
            }
        }
        self.tasks.spawn(field::modbus::run_all(modbus));
    }

    fn wiring(
        &self,
        device: DeviceIndex,
        requests: mpsc::Receiver<Request>,
        status: watch::Sender<Status>,
    ) -> Wiring {
        let s = &self.surroundings;
        Wiring {
            plant: Arc::clone(&s.plant),
            device,
            lanes: s.lanes.clone(),
            requests,
            status,
            now: Arc::clone(&s.now),
            metrics: Arc::clone(&s.metrics),
            points: s.points.clone(),
            pki: s.pki.clone(),
            stop: self.stop.clone(),
        }
    }
}
