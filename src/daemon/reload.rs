//! Reading the plant files anew while the daemon runs: on SIGHUP and when somebody asks over HTTP. The
//! whole tree is checked before anything is touched; what is refused leaves everything as it is.
use super::devices;
use crate::config::{self, Faults, plant::Checked};
use crate::http::{CommandFault, ReloadAsked, ReloadFault, Reloaded};
use crate::model::plant::Plant;
use crate::model::{Position, SiteId, Text};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// What the engine's task is asked: to put a plant in force, or to record that one was refused.
pub(super) struct Switch {
    /// The checked plant; `None` if the files were refused.
    pub(super) plant: Option<Arc<Plant>>,
    /// Who wants it: a badge, or the signal.
    pub(super) badge: Option<Text>,
    /// The last record of it, durable.
    pub(super) answer: oneshot::Sender<Result<Position, CommandFault>>,
}

/// What reads the files.
pub(super) struct Reloader {
    pub(super) dir: PathBuf,
    pub(super) site: SiteId,
    /// In force, as far as this task knows.
    pub(super) plant: Arc<Plant>,
    pub(super) asked: mpsc::Receiver<ReloadAsked>,
    pub(super) hangup: Option<Signal>,
    pub(super) switches: mpsc::Sender<Switch>,
    pub(super) stop: CancellationToken,
}

/// Why there is no checked plant.
enum Refused {
    Unread(io::Error),
    Faults(Faults),
}

impl Reloader {
    /// One reload after the other, until the daemon stops.
    pub(super) async fn run(mut self) {
        loop {
            // Cancel-safe: each branch only receives.
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                Some(asked) = self.asked.recv() => {
                    let outcome = self.reload(Some(asked.badge)).await;
                    if asked.answer.send(outcome).is_err() {
                        tracing::debug!("nobody waits for the answer to a reload any more");
                    }
                }
                () = next(&mut self.hangup) => drop(self.reload(None).await),
            }
        }
    }

    async fn reload(&mut self, badge: Option<Text>) -> Result<Reloaded, ReloadFault> {
        let outcome = match self.read().await {
            Ok(checked) => self.put_in_force(checked, badge).await,
            Err(refused) => {
                // Who tried is recorded too; that it could not be is told by the log.
                if let Err(why) = self.switch(None, badge).await {
                    tracing::warn!(%why, "the refusal of plant files is not recorded");
                }
                Err(fault(refused))
            }
        };
        match &outcome {
            Ok(Reloaded { hash, position: None, .. }) => {
                tracing::info!(%hash, "the plant files are those in force");
            }
            Ok(done) => tracing::info!(
                hash = %done.hash, untouched = done.untouched, begun = done.begun,
                removed = done.removed, "another plant is in force"
            ),
            Err(why) => tracing::error!("the old plant stays in force: {why}"),
        }
        outcome
    }

    async fn read(&self) -> Result<Checked, Refused> {
        let (dir, site) = (self.dir.clone(), self.site.clone());
        let read = move || {
            let files = config::read_dir(&dir).map_err(|why| {
                let text = format!("the plant files in {} cannot be read: {why}", dir.display());
                Refused::Unread(io::Error::new(why.kind(), text))
            })?;
            config::plant::load(&files, &site).map_err(Refused::Faults)
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(read) => read,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    async fn put_in_force(
        &mut self,
        Checked { plant, warnings, tests: _ }: Checked,
        badge: Option<Text>,
    ) -> Result<Reloaded, ReloadFault> {
        let rendered = config::render(&warnings, miette::GraphicalTheme::unicode_nocolor());
        // What is rendered counts them, also where there is none.
        let warnings = if warnings.is_empty() { String::new() } else { rendered };
        if !warnings.is_empty() {
            tracing::warn!("the plant files have what somebody should look at:\n{warnings}");
        }
        let (carried, leaving) = devices::carried(&self.plant, &plant);
        let untouched = self.plant.devices().filter(|(i, _)| carried.device(*i).is_some()).count();
        let removed = leaving.iter().map(|device| &self.plant.device(*device).id);
        let removed = removed.filter(|id| plant.devices.iter().all(|d| d.id != **id)).count();
        let begun = plant.devices.len().saturating_sub(untouched);
        let hash = plant.hash.to_string();
        let done = Reloaded { hash, position: None, untouched, begun, removed, warnings };
        if plant.hash == self.plant.hash {
            return Ok(done);
        }
        let position = self.switch(Some(Arc::clone(&plant)), badge).await?;
        self.plant = plant;
        Ok(Reloaded { position: Some(position), ..done })
    }

    async fn switch(
        &self,
        plant: Option<Arc<Plant>>,
        badge: Option<Text>,
    ) -> Result<Position, CommandFault> {
        let (answer, answered) = oneshot::channel();
        let switch = Switch { plant, badge, answer };
        self.switches.send(switch).await.map_err(|_| CommandFault::Stopped)?;
        answered.await.map_err(|_| CommandFault::Stopped)?
    }
}

/// The next SIGHUP; never, if nobody listens to it.
async fn next(hangup: &mut Option<Signal>) {
    let came = match hangup {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if came.is_none() {
        std::future::pending::<()>().await;
    }
}

fn fault(refused: Refused) -> ReloadFault {
    match refused {
        Refused::Unread(why) => ReloadFault::Unread(why.to_string()),
        Refused::Faults(faults) => ReloadFault::Faults {
            text: faults.to_string(),
            faults: faults.iter().filter_map(|fault| serde_json::to_value(fault).ok()).collect(),
        },
    }
}
