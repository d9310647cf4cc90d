//! The task of one device: on its way to Live, and while it is.
//!
//! Its state machine is that of every device (`field::link`). Everything that it says goes in the
//! order in which it was observed: a look at the device that a request overtakes is thrown away and
//! made again, so that no older value follows a newer one.
use super::bus::{Ask, Bus, Urgency};
use super::cost::Measured;
use super::gate::{Backlog, Down, Gate, Leave};
use super::known::Identity;
use super::reader::Reader;
use super::watch::{Sign, Watch};
use crate::field::contain::contained;
use crate::field::link::{Backoff, Stage, Status};
use crate::field::{Request, Wiring};
use crate::model::plant::{Device, ModbusLink, Tag};
use crate::model::{At, Boot, GapCause, Input, Link, Monotonic, Sample, Session, Utc};
use crate::telemetry::Points;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

/// While waiting for the heartbeat to move, it is looked at so often in its time.
const LOOKS_PER_PROOF: u32 = 10;
/// And never more often than this.
const LOOK_PAUSE_MIN: Duration = Duration::from_millis(10);

/// A device that has shown that it is observed.
struct Proven {
    boot: Boot,
    /// All that is looked at.
    samples: Vec<Sample>,
}

/// The task of one device.
pub(super) struct Task {
    pub(super) reader: Reader,
    pub(super) watch: Watch,
    /// Who was there when something was refused, and whether it must not be asked who it is.
    pub(super) met: Option<Identity>,
    pub(super) mute: bool,
    pub(super) gate: Gate,
    pub(super) backlog: Backlog,
    status: watch::Sender<Status>,
    backoff: Backoff,
    last_fault: Option<String>,
    /// The last moment known to have been observed.
    observed: Option<Utc>,
    /// What the engine was told last.
    told: Option<GapCause>,
    live: bool,
    /// Counts the times that it became observed.
    pub(super) session: Session,
    pub(super) points: Points,
    /// Since when every answer is a refusal.
    pub(super) refused: Option<Monotonic>,
    /// How often in a row the device was busy.
    pub(super) busy: u32,
    /// When our heartbeat is due, and what it counts.
    pub(super) beat: Monotonic,
    pub(super) beats: u64,
}

/// Runs the task of one device until it is stopped.
pub(super) async fn run(wiring: Wiring, link: ModbusLink, bus: Bus) {
    let Wiring { plant, device, lanes, mut requests, status, now, metrics, points, .. } = wiring;
    let (onlooker, stop) = (wiring.onlooker, wiring.stop);
    let mut task = Task {
        watch: Watch::new(plant.clone(), device, link.limits.clone()),
        reader: Reader::new((plant, device), link, bus, now, metrics, onlooker),
        met: None,
        mute: false,
        gate: Gate { lanes, stop },
        backlog: Backlog::default(),
        status,
        backoff: Backoff::new(device.0.into()),
        last_fault: None,
        observed: None,
        told: None,
        live: false,
        session: Session(0),
        points,
        refused: None,
        busy: 0,
        beat: Monotonic(0),
        beats: 0,
    };
    let insecure = &task.reader.metrics.device_insecure;
    let is_open = !task.reader.link.transport.is_encrypted();
    insecure.with_label_values(&[task.device().id.as_str()]).set(is_open.into());
    task.up(0);
    while let Leave::Down(down) = task.contained(&mut requests).await {
        task.up(0);
        if task.down(down, &mut requests).await.is_err() {
            break;
        }
    }
    task.up(0);
}

impl Task {
    pub(super) fn device(&self) -> &Device {
        self.reader.plant.device(self.reader.device)
    }

    pub(super) fn now(&self) -> At {
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

    /// An attempt that a panic of ours does not end for ever.
    async fn contained(&mut self, requests: &mut mpsc::Receiver<Request>) -> Leave {
        let broken = |words| {
            let why = format!("an error of ours (\"{words}\"); please report it");
            Leave::down(GapCause::Disconnected, None, why)
        };
        contained(self.attempt(requests)).await.unwrap_or_else(broken)
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
            let looked = self.watch.observed().into_iter().chain(self.reader.answered);
            self.observed = since.into_iter().chain(looked).min();
        } else {
            tracing::debug!(device = %self.device().id, why, "device not reached");
        }
        let url = &self.reader.link.url;
        self.last_fault = Some(format!("device `{}` ({url}): {why}", self.device().id));
        if self.told != Some(cause) {
            self.told = Some(cause);
            let lost = self.observed.map(|_| self.now().wall);
            let link = Link::Down { since: self.observed, cause, lost };
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
        self.reader.reckon();
        self.reader.measured = Measured::default();
        let met = self.recognise().await?;
        self.watch.reset(&self.reader.learned, &self.reader.cost);
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
        self.met = match met {
            None if !self.reader.learned.is_empty() => self.identify().await?,
            met => met,
        };
        // The first answers tell what this line costs; from here on the requests stay as they are.
        self.reader.reckon();
        self.replan();
        let boot = Boot { restart: self.watch.restart(), start_time: None };
        Ok(Proven { boot, samples })
    }

    /// Plans by what was learned of the device and its line.
    pub(super) fn replan(&mut self) {
        self.watch.plan(&self.reader.learned, &self.reader.cost);
    }

    /// Every value of one urgency.
    async fn read_all(&mut self, urgency: Urgency) -> Result<Vec<Sample>, Leave> {
        let mut all = Vec::new();
        for block in self.watch.blocks(urgency) {
            let (samples, at) = self.reader.read(urgency, &block).await?;
            self.watch.absorb(samples.clone(), at).map_err(|sign| self.sign(sign))?;
            all.extend(samples);
        }
        self.replan();
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

    pub(super) fn sign(&self, sign: Sign) -> Leave {
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
        self.refused = None;
        self.busy = 0;
        self.beat = Monotonic(0);
        self.watch.start(self.now());
        let device = self.reader.device;
        self.session.0 = self.session.0.saturating_add(1);
        let link = Link::Live { boot, session: self.session, widths: None };
        self.gate.urgent(Input::Link { device, link }).await?;
        if let Some(Err(fault)) = self.beat_ask() {
            tracing::warn!(device = %self.device().id, %fault, "the host heartbeat is not written");
        }
        let watched = samples.into_iter().filter(|s| self.tag(s).watched).collect();
        self.send(watched, self.now()).await
    }

    pub(super) fn tag(&self, sample: &Sample) -> &Tag {
        self.reader.plant.tag(sample.tag)
    }
}
