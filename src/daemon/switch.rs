//! Another plant comes into force: who is touched by it ends first, under the old plant; then the
//! plant is one input, and whoever is new to it is started. Everybody else goes on all the while.
use super::devices;
use super::intake::Intake;
use super::pump::Pump;
use super::release::What;
use super::reload::Switch;
use crate::http::CommandFault;
use crate::model::plant::{Carried, DeviceIndex, Plant};
use crate::model::{Command, GapCause, Input, Link, Utc};
use futures::future::BoxFuture;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A plant that waits for the devices that it touches to end.
pub(super) struct Pending {
    switch: Switch,
    plant: Arc<Plant>,
    carried: Carried,
    leaving: BTreeSet<DeviceIndex>,
    /// When they were told to end.
    since: Utc,
    ended: BoxFuture<'static, ()>,
}

impl Pending {
    /// When the devices have ended; never, if nothing is pending. Cancel-safe: it only waits.
    pub(super) async fn ready(pending: &mut Option<Self>) {
        match pending {
            Some(pending) => pending.ended.as_mut().await,
            None => std::future::pending().await,
        }
    }

    /// The state that it was to follow on is void.
    pub(super) fn give_up(self) {
        drop(self.switch.answer.send(Err(CommandFault::Void)));
    }
}

impl Pump {
    /// Begins to put a plant in force, or records that one was refused.
    pub(super) async fn prepare(&mut self, switch: Switch) {
        let Some(plant) = switch.plant.clone() else {
            self.audit(&switch).await;
            return self.hold(self.state.engine.position(), What::Answer(switch.answer)).await;
        };
        let (carried, leaving) = devices::carried(&self.plant, &plant);
        let since = (self.now)().wall;
        let ended = Box::pin(self.devices.part(&leaving));
        self.state.pending = Some(Pending { switch, plant, carried, leaving, since, ended });
    }

    /// Puts the pending plant in force: its devices have ended.
    pub(super) async fn switch(&mut self, intake: &mut Intake) {
        let Some(pending) = self.state.pending.take() else { return };
        let Pending { switch, plant, carried, leaving, since, ended: _ } = pending;
        // All that the ended tasks had to say is there, and is about the old plant.
        for input in intake.waiting() {
            self.step(input).await;
        }
        for device in leaving {
            let old = self.plant.device(device);
            let removed = plant.devices.iter().all(|d| d.id != old.id);
            let cause = if removed { GapCause::Removed } else { GapCause::Redefined };
            // What changed at the PLC just before may not have been told any more.
            let lag = i64::try_from(devices::lag(&self.plant, device).as_nanos());
            let since = Utc(since.0.saturating_sub(lag.unwrap_or(i64::MAX)));
            let link = Link::Down { since: Some(since), cause, lost: None };
            self.step(Input::Link { device, link }).await;
        }
        self.audit(&switch).await;
        self.step(Input::Plant(Arc::clone(&plant))).await;
        self.query.put_in_force(Arc::clone(&plant));
        self.plant = plant;
        let new = self.devices.switch(&self.plant, &carried);
        intake.switch(carried, &self.devices.batches());
        intake.begin(new);
        self.hold(self.state.engine.position(), What::Answer(switch.answer)).await;
    }

    async fn audit(&mut self, switch: &Switch) {
        let id = self.command_id();
        let plant = switch.plant.as_ref().map(|plant| plant.hash);
        let command = Command::Reload { plant, badge: switch.badge.clone() };
        self.step(Input::Command { id, command }).await;
    }
}
