//! The device tasks of the plant in force, and the way to them.
//!
//! Tasks that were started together are a batch: they know one plant, for as long as they live. A
//! device that a reload does not touch keeps its task, and with it the indexes of the plant that the
//! task was started with; what goes to it and comes from it is carried over here and in
//! `intake`, and nowhere else.
use super::intake::Ends;
use super::queues;
use crate::field::link::{Stage, Status};
use crate::field::{self, Lanes, Onlooker, Request, Wiring};
use crate::model::plant::{Carried, Device, DeviceIndex, Plant, Protocol};
use crate::model::{DeviceId, ReadRequest, Write, WriteRequest};
use crate::telemetry::{Metrics, Now, Points};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What every device task is given.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) now: Now,
    pub(super) metrics: Arc<Metrics>,
    pub(super) points: Points,
    pub(super) onlooker: Onlooker,
    pub(super) pki: PathBuf,
    pub(super) stop: CancellationToken,
}

/// The devices in force, in the order of the plant, each with how it stands.
pub(super) type Standings = Vec<(Device, watch::Receiver<Status>)>;

/// The device tasks that run.
pub(super) struct Devices {
    surroundings: Surroundings,
    plant: Arc<Plant>,
    members: BTreeMap<DeviceIndex, Member>,
    /// From the plant in force to the one that a batch knows; none where they are the same.
    batches: BTreeMap<u64, Carried>,
    next_batch: u64,
    standings: watch::Sender<Standings>,
}

/// One device's task.
struct Member {
    batch: u64,
    requests: mpsc::Sender<Request>,
    status: watch::Sender<Status>,
    line: Line,
}

/// The tasks that end together: one OPC UA device, or all Modbus devices that share a connection.
#[derive(Clone)]
struct Line {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Line {
    async fn ended(self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Devices {
    /// Starts them all.
    pub(super) fn start(surroundings: Surroundings, plant: Arc<Plant>) -> (Self, Ends) {
        let mut devices = Self {
            surroundings,
            plant,
            members: BTreeMap::new(),
            batches: BTreeMap::new(),
            next_batch: 0,
            standings: watch::Sender::new(Vec::new()),
        };
        let ends = devices.restart();
        (devices, ends)
    }

    /// Ends them; the future is ready when they have ended.
    pub(super) fn end(&self) -> impl Future<Output = ()> + Send + use<> {
        self.members.values().for_each(|member| member.line.stop.cancel());
        self.ended()
    }

    /// Starts them anew, once they have ended: every handshake word is read again.
    pub(super) fn restart(&mut self) -> Ends {
        self.members.clear();
        self.batches.clear();
        let all = self.plant.devices().map(|(index, _)| index).collect();
        self.spawn(&all)
    }

    /// How each device stands, always of the plant in force.
    pub(super) fn standings(&self) -> watch::Receiver<Standings> {
        self.standings.subscribe()
    }

    /// The way to a device's task.
    pub(super) fn queue(&self, device: DeviceIndex) -> Option<mpsc::Sender<Request>> {
        self.members.get(&device).map(|member| member.requests.clone())
    }

    /// Hands a request over, or gives it back: the device's task has ended.
    pub(super) fn request(&self, device: DeviceIndex, request: Request) -> Result<(), Request> {
        match self.queue(device) {
            Some(queue) => queue.try_send(self.known(device, request)).map_err(|no| match no {
                mpsc::error::TrySendError::Full(r) | mpsc::error::TrySendError::Closed(r) => r,
            }),
            None => Err(request),
        }
    }

    /// The request under the indexes that the device's task knows.
    pub(super) fn known(&self, device: DeviceIndex, mut request: Request) -> Request {
        let batch = self.members.get(&device).map(|member| member.batch);
        let Some(carried) = batch.and_then(|batch| self.batches.get(&batch)) else {
            return request;
        };
        let wrong = "what is asked of a device that was carried over was carried over";
        match &mut request {
            Request::Read(ReadRequest { token: _, device, session: _, tags, from: _ }) => {
                *device = carried.device(*device).expect(wrong);
                for tag in tags {
                    *tag = carried.tag(*tag).expect(wrong);
                }
            }
            Request::Write(WriteRequest {
                token: _,
                device,
                session: _,
                after: _,
                still,
                replies,
                ack,
            }) => {
                *device = carried.device(*device).expect(wrong);
                for Write { tag, bit: _, value: _ } in still.iter_mut().chain(replies).chain(ack) {
                    *tag = carried.tag(*tag).expect(wrong);
                }
            }
        }
        request
    }

    /// Ends when all of them have; they do when the daemon stops.
    pub(super) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let lines: Vec<Line> = self.members.values().map(|member| member.line.clone()).collect();
        async move {
            for line in lines {
                line.ended().await;
            }
        }
    }

    /// Ends these; the future is ready when they have ended and said all that they had to say.
    pub(super) fn part(&self, leaving: &BTreeSet<DeviceIndex>) -> impl Future<Output = ()> + use<> {
        let gone = leaving.iter().filter_map(|device| self.members.get(device));
        let lines: Vec<Line> = gone.map(|member| member.line.clone()).collect();
        for line in &lines {
            line.stop.cancel();
        }
        async move {
            for line in lines {
                line.ended().await;
            }
        }
    }

    /// Another plant is in force: who is carried over keeps its task, everybody else is started.
    pub(super) fn switch(&mut self, plant: &Arc<Plant>, carried: &Carried) -> Ends {
        self.forget(plant);
        let members = std::mem::take(&mut self.members).into_iter();
        self.members = members.filter_map(|(i, m)| Some((carried.device(i)?, m))).collect();
        let back = carried.back();
        let living: BTreeSet<u64> = self.members.values().map(|member| member.batch).collect();
        let batches = std::mem::take(&mut self.batches);
        for batch in living {
            let known = batches.get(&batch).map_or_else(|| back.clone(), |known| back.then(known));
            self.batches.insert(batch, known);
        }
        self.plant = Arc::clone(plant);
        let new = plant.devices().map(|(index, _)| index);
        self.spawn(&new.filter(|index| !self.members.contains_key(index)).collect())
    }

    /// The batches that still have a device.
    pub(super) fn batches(&self) -> BTreeSet<u64> {
        self.members.values().map(|member| member.batch).collect()
    }

    /// What a removed device showed is not shown any more.
    fn forget(&self, next: &Plant) {
        let kept: BTreeSet<&DeviceId> = next.devices.iter().map(|device| &device.id).collect();
        for device in self.plant.devices.iter().filter(|device| !kept.contains(&device.id)) {
            let (id, metrics) = (device.id.as_str(), &self.surroundings.metrics);
            // They were never set if it never got so far.
            drop(metrics.device_up.remove_label_values(&[id, device.protocol.name()]));
            drop(metrics.device_insecure.remove_label_values(&[id]));
        }
    }

    fn spawn(&mut self, devices: &BTreeSet<DeviceIndex>) -> Ends {
        self.next_batch = self.next_batch.saturating_add(1);
        let batch = self.next_batch;
        let (lanes, ends) = Ends::new(batch);
        let plant = Arc::clone(&self.plant);
        for line in lines(&plant, devices) {
            let tasks =
                Line { stop: self.surroundings.stop.child_token(), tasks: TaskTracker::new() };
            let mut modbus = Vec::new();
            for index in line {
                let wiring = self.join(batch, index, &tasks, lanes.clone());
                match plant.device(index).protocol {
                    Protocol::OpcUa(_) => {
                        tasks.tasks.spawn(field::opcua::run(wiring));
                    }
                    Protocol::Modbus(_) => modbus.push(wiring),
                }
            }
            tasks.tasks.spawn(field::modbus::run_all(modbus));
            tasks.tasks.close();
        }
        let standing = |(index, device): (DeviceIndex, &Device)| {
            Some((device.clone(), self.members.get(&index)?.status.subscribe()))
        };
        self.standings.send_replace(plant.devices().filter_map(standing).collect());
        ends
    }

    /// Makes a device a member, and what its task is made from.
    fn join(&mut self, batch: u64, device: DeviceIndex, line: &Line, lanes: Lanes) -> Wiring {
        let s = &self.surroundings;
        let (sender, requests) = mpsc::channel(queues::requests_len_max(&self.plant));
        let since = (s.now)().wall;
        let status = Status { stage: Stage::Backoff, since, last_fault: None };
        let status = watch::Sender::new(status);
        let member = Member { batch, requests: sender, status: status.clone(), line: line.clone() };
        self.members.insert(device, member);
        Wiring {
            plant: Arc::clone(&self.plant),
            device,
            lanes,
            requests,
            status,
            now: Arc::clone(&s.now),
            metrics: Arc::clone(&s.metrics),
            points: s.points.clone(),
            onlooker: Arc::clone(&s.onlooker),
            pki: s.pki.clone(),
            stop: line.stop.clone(),
        }
    }
}

/// Devices by what they share: a connection of Modbus, else nothing.
fn lines(plant: &Plant, devices: &BTreeSet<DeviceIndex>) -> Vec<Vec<DeviceIndex>> {
    let all: Vec<DeviceIndex> = devices.iter().copied().collect();
    let mut lines = field::modbus::lines(plant, &all);
    let shared: BTreeSet<DeviceIndex> = lines.iter().flatten().copied().collect();
    lines.extend(devices.difference(&shared).map(|device| vec![*device]));
    lines
}

/// What goes from one plant into the next without its task being ended, and whose task is: all that
/// changed, and all that share a line with something that changed, came or went.
pub(super) fn carried(old: &Plant, new: &Plant) -> (Carried, BTreeSet<DeviceIndex>) {
    let all = |plant: &Plant| plant.devices().map(|(index, _)| index).collect();
    let (before, after) = (lines(old, &all(old)), lines(new, &all(new)));
    let mut carried = Carried::between(old, new);
    loop {
        let back = carried.back();
        let stays = |device: &DeviceIndex| carried.device(*device).is_some();
        let came = after.iter().filter(|line| line.iter().any(|d| back.device(*d).is_none()));
        let broken = before.iter().filter(|line| !line.iter().all(stays));
        let leaving: BTreeSet<DeviceIndex> = came
            .flatten()
            .filter_map(|device| back.device(*device))
            .chain(broken.flatten().copied())
            .collect();
        if !leaving.iter().any(stays) {
            return (carried, leaving);
        }
        carried.leave(old, &leaving);
    }
}

/// How long a value of a device may be on its way to us: the slowest look at any of its words.
pub(super) fn lag(plant: &Plant, device: DeviceIndex) -> Duration {
    let own = plant.device(device);
    let looks = plant.tags_of(device).filter_map(|(_, tag)| tag.publish);
    looks.fold(own.publish.max(own.publish_fast), Duration::max)
}
