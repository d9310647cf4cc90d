//! The task of one device: attempts, for ever, with pauses between them.
use super::connect::{self, Opened};
use super::desk::Desk;
use super::fault::Fault;
use super::limits::Limits;
use super::line::establish;
use super::services::Peer;
use super::watch::Watch;
use crate::field::Wiring;
use crate::field::contain::contained;
use crate::field::link::{Backoff, Stage, Status};
use crate::model::plant::{Device, DeviceIndex, OpcUaLink, Plant, Protocol, Security, TagIndex};
use crate::model::{At, GapCause, Input, Link, Session, Utc};
use crate::telemetry::{Metrics, Now, Points};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A connection that lived so long begins with short pauses again.
const STEADY: Duration = Duration::from_secs(2);
/// How long shutdown waits for the lanes.
const FLUSH: Duration = Duration::from_secs(1);

/// Runs one OPC UA device until `stop` is cancelled. Faults never end it.
///
/// # Panics
/// If the device is not an OPC UA device: an error of ours.
pub async fn run(wiring: Wiring) {
    let Wiring { plant, device, lanes, requests, status, now, metrics, points, pki, stop, .. } =
        wiring;
    let Protocol::OpcUa(link) = plant.device(device).protocol.clone() else {
        unreachable!("the daemon starts this task for OPC UA devices only");
    };
    let name = plant.device(device).id.to_string();
    let mut desk = Desk::new(requests, lanes.urgent, lanes.bulk);
    let mut task = Task {
        status: Standing { status, now: Arc::clone(&now) },
        record: Record {
            observed: None,
            up: false,
            told: None,
            live_at: None,
            session: Session(0),
            known: BTreeMap::new(),
        },
        backoff: Backoff::new(u64::from(device.0)),
        context: Context {
            plant,
            device,
            link,
            name,
            now,
            metrics,
            points,
            pki,
            limits: Arc::default(),
        },
        stop,
    };
    let insecure = i64::from(task.context.link.security != Security::SignAndEncrypt);
    let metrics = &task.context.metrics;
    metrics.device_insecure.with_label_values(&[&task.context.name]).set(insecure);
    while !task.stop.is_cancelled() {
        let attempt = contained(Box::pin(task.attempt(&mut desk))).await;
        let fault = attempt.unwrap_or_else(|words| Fault::Panic { words });
        desk.fail_open();
        task.fell(&fault, &mut desk);
        let pause = task.backoff.next_pause();
        tokio::select! {
            () = task.stop.cancelled() => {}
            never = desk.refuse() => match never {},
            () = tokio::time::sleep(pause) => {}
        }
    }
    let flushed = tokio::time::timeout(FLUSH, desk.flush()).await;
    if flushed.is_err() {
        tracing::warn!(device = task.context.name, "inputs were left at shutdown; they are a gap");
    }
}

/// What does not change while the task lives.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) plant: Arc<Plant>,
    pub(super) device: DeviceIndex,
    pub(super) link: OpcUaLink,
    pub(super) name: String,
    pub(super) now: Now,
    pub(super) metrics: Arc<Metrics>,
    pub(super) points: Points,
    pub(super) pki: PathBuf,
    pub(super) limits: Arc<Limits>,
}

impl Context {
    pub(super) fn device(&self) -> &Device {
        self.plant.device(self.device)
    }

    pub(super) fn at(&self) -> At {
        (self.now)()
    }

    pub(super) fn count_error(&self, class: &str) {
        self.metrics.device_errors.with_label_values(&[self.name.as_str(), class]).inc();
    }

    fn set_up(&self, up: bool) {
        let labels = [self.name.as_str(), "opcua"];
        self.metrics.device_up.with_label_values(&labels).set(i64::from(up));
    }

    fn count_attempt(&self, result: &str) {
        let labels = [self.name.as_str(), result];
        self.metrics.device_connect_attempts.with_label_values(&labels).inc();
    }
}

/// How the device stands, for people.
pub(super) struct Standing {
    status: watch::Sender<Status>,
    now: Now,
}

impl Standing {
    pub(super) fn stage(&self, stage: Stage) {
        let since = (self.now)().wall;
        self.status.send_modify(|status| {
            status.stage = stage;
            status.since = since;
        });
    }

    pub(super) fn fault(&self, fault: Option<String>) {
        self.status.send_modify(|status| status.last_fault = fault);
    }
}

/// What the engine has been told.
pub(super) struct Record {
    /// The last moment that is known to have been observed.
    pub(super) observed: Option<Utc>,
    up: bool,
    told: Option<GapCause>,
    live_at: Option<At>,
    /// Counts the times that it became observed.
    pub(super) session: Session,
    /// What the words of monitors were told of last, by the PLC's clock.
    pub(super) known: BTreeMap<TagIndex, Utc>,
}

pub(super) struct Task {
    pub(super) context: Context,
    pub(super) status: Standing,
    pub(super) record: Record,
    backoff: Backoff,
    stop: CancellationToken,
}

impl Task {
    /// One connection from its first packet to its fault.
    async fn attempt(&mut self, desk: &mut Desk) -> Fault {
        self.status.stage(Stage::Connecting);
        let stop = self.stop.clone();
        let mut opened = tokio::select! {
            opened = open(self.context.clone()) => match opened {
                Ok(opened) => opened,
                Err(fault) => return fault,
            },
            never = desk.refuse() => match never {},
            () = stop.cancelled() => return Fault::Stopped,
        };
        let session = Arc::clone(&opened.session);
        let fault = tokio::select! {
            done = opened.during(self.work(session, desk)) => match done {
                Ok(never) => match never {},
                Err(fault) => fault,
            },
            () = stop.cancelled() => Fault::Stopped,
        };
        tokio::select! {
            () = opened.close() => {}
            never = desk.refuse() => match never {},
        }
        fault
    }

    async fn work(
        &mut self,
        session: Arc<::opcua::client::Session>,
        desk: &mut Desk,
    ) -> Result<Infallible, Fault> {
        self.status.stage(Stage::Subscribing);
        let (plant, now) = (Arc::clone(&self.context.plant), Arc::clone(&self.context.now));
        let limits = Arc::clone(&self.context.limits);
        let peer = Peer::limited(session, plant, now, limits);
        let (publisher, session) = (peer.publisher.clone(), Arc::clone(&peer.session));
        let work = async {
            let line = tokio::select! {
                line = establish(&peer, self.context.device) => line?,
                never = desk.refuse() => match never {},
            };
            self.status.stage(Stage::Proving);
            Watch::new(self, desk, peer, line).run().await
        };
        tokio::select! {
            fault = publisher.run(&session) => Err(fault),
            done = work => done,
        }
    }

    /// Everything is proven: the engine hears that the device is observed.
    pub(super) fn lives(&mut self) {
        self.record.up = true;
        self.record.session.0 = self.record.session.0.saturating_add(1);
        self.record.told = None;
        self.record.live_at = Some(self.context.at());
        self.context.set_up(true);
        self.context.count_attempt("live");
        self.status.stage(Stage::Live);
        self.status.fault(None);
        tracing::info!(device = self.context.name, url = self.context.link.url, "observed");
    }

    /// An attempt has ended.
    fn fell(&mut self, fault: &Fault, desk: &mut Desk) {
        let Context { name, link, .. } = &self.context;
        self.context.set_up(false);
        if matches!(fault, Fault::Stopped) {
            return;
        }
        self.context.count_error(fault.class());
        match self.record.live_at.take() {
            Some(live) if self.context.at().monotonic > live.monotonic.plus(STEADY) => {
                self.backoff.reset();
            }
            Some(_) => {}
            None => self.context.count_attempt("failed"),
        }
        let (cause, since) = (fault.cause(), self.record.observed);
        tracing::warn!(device = name, url = link.url, %fault, "not observed");
        // One gap for one absence, whatever the attempts meanwhile end with; but a PLC that is there
        // with another program is something else than one that is not there.
        let other = |told| (told == GapCause::Interface) != (cause == GapCause::Interface);
        if self.record.up || self.record.told.is_none_or(other) {
            let device = self.context.device;
            let lost = since.map(|_| self.context.at().wall);
            desk.urgent.push(Input::Link { device, link: Link::Down { since, cause, lost } });
            self.record.told = Some(cause);
        }
        self.record.up = false;
        self.status.stage(Stage::Backoff);
        self.status.fault(Some(fault.to_string()));
    }
}

async fn open(context: Context) -> Result<Opened, Fault> {
    let identity = connect::identity(context.pki.clone()).await?;
    let wall = context.at().wall;
    let mut opened = identity.open(&context.name, &context.link, wall).await?;
    opened.connected(&identity.own).await?;
    Ok(opened)
}
