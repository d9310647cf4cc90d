//! Adopting a replay: the tape is played on a thread of its own, and what differs goes to the engine as
//! commands. One adoption at a time; a second one of the same finds nothing to do.
use super::replay::{self, ReplayError, Wanted};
use crate::config;
use crate::http::{Adopt, AdoptAsked, AdoptDone, AdoptFault, CommandPort};
use crate::model::plant::Plant;
use crate::model::{Adoption, Command, PersonKey, SiteId, wire};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Differences that are recorded as one frame, all or none.
const CHANGES_MAX: usize = 256;
/// Length in bytes of the differences of one frame.
const CHANGES_LEN_MAX: usize = 1 << 20;

/// What plays and has recorded.
pub(super) struct Adopter {
    pub(super) dir: PathBuf,
    pub(super) site: SiteId,
    pub(super) persons: PersonKey,
    pub(super) asked: mpsc::Receiver<AdoptAsked>,
    pub(super) commands: CommandPort,
    pub(super) stop: CancellationToken,
}

impl Adopter {
    /// One adoption after the other, until the daemon stops.
    pub(super) async fn run(mut self) {
        loop {
            // Cancel-safe: each branch only receives or waits.
            let asked = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                asked = self.asked.recv() => asked,
            };
            let Some(AdoptAsked { adopt, answer }) = asked else { return };
            let outcome = self.adopt(adopt).await;
            match &outcome {
                Ok(done) => tracing::info!(adopted = done.adopted, "a replay is adopted"),
                Err(why) => tracing::error!("a replay is not adopted: {why}"),
            }
            if answer.send(outcome).is_err() {
                tracing::debug!("nobody waits for the answer to an adoption any more");
            }
        }
    }

    async fn adopt(&self, adopt: Adopt) -> Result<AdoptDone, AdoptFault> {
        let Adopt { from, to, plant, reason, badge } = adopt;
        let plant = plant.map(|files| self.plant(&files)).transpose()?;
        let hash = plant.as_ref().map(|plant| plant.hash);
        let (dir, site, persons) = (self.dir.clone(), self.site.clone(), self.persons.clone());
        let stop = self.stop.clone();
        let play =
            move || replay::difference(&dir, &site, &persons, &Wanted { from, to, plant }, &stop);
        let difference = match tokio::task::spawn_blocking(play).await {
            Ok(Err(ReplayError::Stopped)) => return Err(AdoptFault::Stopped),
            Ok(played) => played.map_err(|why| AdoptFault::Replay(why.to_string()))?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        let mut done = AdoptDone {
            adopted: 0,
            position: None,
            same: difference.same,
            not_replayable: difference.not_replayable.len(),
            waiting: difference.waiting,
        };
        for changes in frames(replay::adoptions(&difference)) {
            let adopted = changes.len();
            let (reason, badge) = (reason.clone(), badge.clone());
            let command = Command::Adopt { changes, plant: hash, reason, badge };
            let recorded = self.commands.send(command).await;
            let adopted_before = done.adopted;
            let position =
                recorded.map_err(|fault| AdoptFault::Command { adopted: adopted_before, fault })?;
            done.adopted = done.adopted.saturating_add(adopted);
            done.position = Some(position);
        }
        Ok(done)
    }

    fn plant(&self, files: &[(String, String)]) -> Result<Arc<Plant>, AdoptFault> {
        config::plant::load(files, &self.site)
            .map(|checked| checked.plant)
            .map_err(|faults| AdoptFault::Plant(faults.to_string()))
    }
}

/// The differences as frames of bounded size, in their order.
fn frames(all: Vec<Adoption>) -> Vec<Vec<Adoption>> {
    let mut frames: Vec<Vec<Adoption>> = Vec::new();
    let mut room = 0_usize;
    for change in all {
        let len = wire::encode(&change).len();
        let fits = frames.last().is_some_and(|frame| frame.len() < CHANGES_MAX && len <= room);
        if !fits {
            frames.push(Vec::new());
            room = CHANGES_LEN_MAX;
        }
        room = room.saturating_sub(len);
        frames.last_mut().into_iter().for_each(|frame| frame.push(change.clone()));
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Position;

    #[test]
    fn an_adoption_is_recorded_in_frames_of_bounded_size_and_in_order() {
        let change = |n| Adoption { instead: Some(Position(n)), told: None };
        let all: Vec<Adoption> = (1..=600).map(change).collect();
        let frames = frames(all.clone());
        assert_eq!(frames.iter().map(Vec::len).collect::<Vec<_>>(), [256, 256, 88]);
        assert_eq!(frames.concat(), all);
    }
}
